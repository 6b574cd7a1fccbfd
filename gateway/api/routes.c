/* SPDX-License-Identifier: MIT */

/* Every path that is served. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/handlers.h"

#define MIB (1024 * 1024)
#define ANYBODY "" /* any user who is logged in */
#define PUBLIC NULL

#define SETTINGS (BARUA_ROUTE_PROMPT | BARUA_ROUTE_PERMISSIONS_TEXT)
#define STRICT (BARUA_ROUTE_JSON_STRICT | BARUA_ROUTE_JSON_POSITION)
#define GATEWAY (BARUA_ROUTE_GATEWAY_ERRORS | BARUA_ROUTE_SLASH)
#define NATIVE BARUA_ROUTE_DOCUMENT_NATIVE
#define SEED BARUA_ROUTE_DOCUMENT_SEED

/* Permissions: users.md 1.1 (forms ask for a login themselves, unless `barua.public_forms`); limits: messaging.md 1.1.  {db} comes last: fixed routes go first (documents.md 1). */
/* clang-format off */
const BaruaRoute barua_routes[] = {
  /* method  path                    permissions               body                     limit     flags              handler */
  { "GET",   "/api/sms",             "can_access_gateway_api", BARUA_BODY_NONE,         0,        GATEWAY,           barua_api_sms_ping },
  { "POST",  "/api/sms",             "can_access_gateway_api", BARUA_BODY_JSON,         32 * MIB, GATEWAY | BARUA_ROUTE_JSON_STRICT, barua_api_sms_exchange },
  { "POST",  "/api/v1/records",      "can_create_records",     BARUA_BODY_JSON_OR_FORM, 32 * MIB, BARUA_ROUTE_PLAIN, barua_api_records_v1 },
  { "POST",  "/api/v2/records",      "can_create_records",     BARUA_BODY_JSON_OR_FORM, 32 * MIB, BARUA_ROUTE_PLAIN, barua_api_records_v2 },
  { "GET",   "/api/v1/settings",     ANYBODY,                  BARUA_BODY_NONE,         0,        SETTINGS,          barua_api_settings_get },
  { "PUT",   "/api/v1/settings",     "can_configure",          BARUA_BODY_JSON,         32 * MIB, SETTINGS | STRICT, barua_api_settings_put },
  { "GET",   "/api/v1/settings/deprecated-transitions", ANYBODY, BARUA_BODY_NONE,       0,        SETTINGS,          barua_api_settings_deprecated_transitions },
  { "GET",   "/{db}/_design/medic/_rewrite/app_settings/medic", ANYBODY, BARUA_BODY_NONE, 0,      SETTINGS,          barua_api_settings_alias_get },
  { "GET",   "/{db}/_design/medic/_rewrite/app_settings/medic/{path}", ANYBODY, BARUA_BODY_NONE, 0, SETTINGS,        barua_api_settings_alias_get },
  { "PUT",   "/{db}/_design/medic/_rewrite/update_settings/medic", "can_configure", BARUA_BODY_JSON, 32 * MIB, SETTINGS | STRICT, barua_api_settings_alias_put },
  { "GET",   "/api/v1/forms",        PUBLIC,                   BARUA_BODY_NONE,         0,        BARUA_ROUTE_PLAIN, barua_api_forms_list },
  { "GET",   "/api/v1/forms/",       PUBLIC,                   BARUA_BODY_NONE,         0,        BARUA_ROUTE_PLAIN, barua_api_forms_list_slash },
  { "GET",   "/api/v1/forms/{name}", PUBLIC,                   BARUA_BODY_NONE,         0,        BARUA_ROUTE_PLAIN, barua_api_forms_get },
  { "POST",  "/api/v1/forms/explain", "can_configure",         BARUA_BODY_JSON,         32 * MIB, STRICT,            barua_api_forms_explain },
  { "POST",  "/api/v1/forms/validate", "can_configure",        BARUA_BODY_JSON,         32 * MIB, BARUA_ROUTE_JSON_ERRORS | BARUA_ROUTE_JSON_POSITION, barua_api_forms_validate },
  { "GET",   "/_session",            ANYBODY,                  BARUA_BODY_NONE,         0,        BARUA_ROUTE_NO_REDIRECT, barua_api_session_get },
  { "POST",  "/_session",            PUBLIC,                   BARUA_BODY_JSON_OR_FORM, 64 * 1024, NATIVE,           barua_api_session_post },
  { "DELETE", "/_session",           PUBLIC,                   BARUA_BODY_NONE,         0,        NATIVE,            barua_api_session_delete },
  { "GET",   "/",                    PUBLIC,                   BARUA_BODY_NONE,         0,        NATIVE,            barua_api_welcome },
  { "GET",   "/cdb",                 PUBLIC,                   BARUA_BODY_NONE,         0,        SEED | BARUA_ROUTE_SLASH, barua_api_welcome },
  { "GET",   "/_up",                 PUBLIC,                   BARUA_BODY_NONE,         0,        NATIVE,            barua_api_up },
  { "GET",   "/_uuids",              ANYBODY,                  BARUA_BODY_NONE,         0,        NATIVE,            barua_api_uuids },
  { "GET",   "/_all_dbs",            ANYBODY,                  BARUA_BODY_NONE,         0,        NATIVE,            barua_api_all_dbs },
  { "GET",   "/_active_tasks",       ANYBODY,                  BARUA_BODY_NONE,         0,        NATIVE,            barua_api_active_tasks },
  { "POST",  "/_replicate",          ANYBODY,                  BARUA_BODY_JSON,         0,        NATIVE,            barua_api_replicate },
  { "GET",   "/api/deploy-info",     ANYBODY,                  BARUA_BODY_NONE,         0,        BARUA_ROUTE_PLAIN, barua_api_deploy_info },
  { "GET",   "/api/couch-config-attachments", ANYBODY,         BARUA_BODY_NONE,         0,        BARUA_ROUTE_PLAIN, barua_api_attachment_types },
  { "GET",   "/healthz",             PUBLIC,                   BARUA_BODY_NONE,         0,        BARUA_ROUTE_PLAIN, barua_api_healthz },
  { "GET",   "/readyz",              PUBLIC,                   BARUA_BODY_NONE,         0,        BARUA_ROUTE_PLAIN, barua_api_healthz },
  { "GET",   "/cdb/{db}",            ANYBODY,                  BARUA_BODY_NONE,         0,        SEED | BARUA_ROUTE_SLASH, barua_api_database_get },
  { "GET",   "/cdb/{db}/_all_docs",  ANYBODY,                  BARUA_BODY_NONE,         0,        SEED,              barua_api_all_docs },
  { "GET",   "/cdb/{db}/_design/{ddoc}", ANYBODY,              BARUA_BODY_NONE,         0,        SEED,              barua_api_document_get },
  { "GET",   "/cdb/{db}/{id}",       ANYBODY,                  BARUA_BODY_NONE,         0,        SEED,              barua_api_document_get },
  { "GET",   "/{db}",                ANYBODY,                  BARUA_BODY_NONE,         0,        NATIVE | BARUA_ROUTE_SLASH, barua_api_database_get },
  { "GET",   "/{db}/_all_docs",      ANYBODY,                  BARUA_BODY_NONE,         0,        NATIVE,            barua_api_all_docs },
  { "GET",   "/{db}/_design/{ddoc}", ANYBODY,                  BARUA_BODY_NONE,         0,        NATIVE,            barua_api_document_get },
  { "GET",   "/{db}/{id}",           ANYBODY,                  BARUA_BODY_NONE,         0,        NATIVE,            barua_api_document_get },
  { NULL },
};
/* clang-format on */
