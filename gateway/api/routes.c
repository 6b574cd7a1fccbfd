/* SPDX-License-Identifier: MIT */

/* Every path that is served. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/handlers.h"

#define MIB (1024 * 1024)
#define ANYBODY "" /* any user who is logged in */
#define PUBLIC NULL

#define SETTINGS (BARUA_ROUTE_PROMPT | BARUA_ROUTE_PERMISSIONS_TEXT)
#define STRICT (BARUA_ROUTE_JSON_STRICT | BARUA_ROUTE_JSON_POSITION)
#define GATEWAY (BARUA_ROUTE_GATEWAY_ERRORS | BARUA_ROUTE_SLASH | BARUA_ROUTE_DIRECT)
#define ONLINE (BARUA_ROUTE_ONLINE_DETAILS | BARUA_ROUTE_JSON_LENIENT)
#define NATIVE BARUA_ROUTE_DOCUMENT_NATIVE
#define PAGE (BARUA_ROUTE_NO_REDIRECT | BARUA_ROUTE_JSON_ERRORS | BARUA_ROUTE_FORM)
#define LINK (PAGE | BARUA_ROUTE_ANY_ORIGIN)
#define SEED BARUA_ROUTE_DOCUMENT_SEED

/* One row for each mount of a database (documents.md 1). */
#define BOTH(method, path, body, limit, handler)                                                  \
  { method, "/cdb/{db}" path, ANYBODY, body, limit, SEED, handler },                              \
  { method, "/{db}" path, ANYBODY, body, limit, NATIVE, handler },
/* The same for what is asked most, and answered in one piece. */
#define BOTH_DIRECT(method, path, body, limit, handler)                                           \
  { method, "/cdb/{db}" path, ANYBODY, body, limit, SEED | BARUA_ROUTE_DIRECT, handler },         \
  { method, "/{db}" path, ANYBODY, body, limit, NATIVE | BARUA_ROUTE_DIRECT, handler },
#define BOTH_SLASH(method, path, body, limit, handler)                                            \
  { method, "/cdb/{db}" path, ANYBODY, body, limit, SEED | BARUA_ROUTE_SLASH, handler },          \
  { method, "/{db}" path, ANYBODY, body, limit, NATIVE | BARUA_ROUTE_SLASH, handler },

/* An export, for online users (export-and-monitoring.md 1.2). */
#define EXPORT(type, permissions)                                                                 \
  { "GET", "/api/v2/export/" type, permissions, BARUA_BODY_NONE, 0, BARUA_ROUTE_ONLINE,            \
    barua_api_export },                                                                            \
  { "POST", "/api/v2/export/" type, permissions, BARUA_BODY_JSON, MIB,                             \
    BARUA_ROUTE_ONLINE | BARUA_ROUTE_JSON_STRICT, barua_api_export },

/* Permissions: users.md 1.1 (forms ask for a login themselves, unless `barua.public_forms`); limits: messaging.md 1.1.  {db} comes last: fixed routes go first (documents.md 1). */
/* clang-format off */
const BaruaRoute barua_routes[] = {
  /* method  path                    permissions               body                     limit     flags              handler */
  { "GET",   "/api/sms",             "can_access_gateway_api", BARUA_BODY_NONE,         0,        GATEWAY,           barua_api_sms_ping },
  { "POST",  "/api/sms",             "can_access_gateway_api", BARUA_BODY_JSON,         0,        GATEWAY | BARUA_ROUTE_JSON_STRICT, barua_api_sms_exchange },
  { "POST",  "/api/v1/records",      "can_create_records",     BARUA_BODY_JSON_OR_FORM, 0,        BARUA_ROUTE_DIRECT, barua_api_records_v1 },
  { "POST",  "/api/v2/records",      "can_create_records",     BARUA_BODY_JSON_OR_FORM, 0,        BARUA_ROUTE_DIRECT, barua_api_records_v2 },
  { "POST",  "/api/v1/sms/segments", ANYBODY,                  BARUA_BODY_JSON,         MIB,      STRICT,            barua_api_segments },
  { "POST",  "/api/v1/sms/africastalking/incoming-messages", PUBLIC, BARUA_BODY_FORM,   64 * 1024, BARUA_ROUTE_PLAIN, barua_api_africas_talking_incoming },
  { "POST",  "/api/v1/sms/africastalking/delivery-reports", PUBLIC, BARUA_BODY_FORM,    64 * 1024, BARUA_ROUTE_PLAIN, barua_api_africas_talking_report },
  { "POST",  "/api/v1/sms/radpidpro/incoming-messages", PUBLIC, BARUA_BODY_JSON,        64 * 1024, BARUA_ROUTE_PLAIN, barua_api_rapidpro_incoming },
  { "POST",  "/api/v2/sms/rapidpro/incoming-messages", PUBLIC, BARUA_BODY_JSON,         64 * 1024, BARUA_ROUTE_PLAIN, barua_api_rapidpro_incoming },
  { "GET",   "/api/v1/messages",     "can_view_message_action", BARUA_BODY_NONE,        0,        BARUA_ROUTE_ONLINE, barua_api_messages_list },
  { "POST",  "/api/v1/messages",     "can_send_messages",      BARUA_BODY_JSON,         MIB,      STRICT | BARUA_ROUTE_ONLINE, barua_api_messages_post },
  { "POST",  "/api/v1/messages/{id}/resend", "can_send_messages", BARUA_BODY_NONE,      0,        BARUA_ROUTE_ONLINE, barua_api_message_resend },
  { "POST",  "/api/v1/messages/{id}/cancel", "can_send_messages", BARUA_BODY_NONE,      0,        BARUA_ROUTE_ONLINE, barua_api_message_cancel },
  { "POST",  "/api/v1/messages/{id}/retry", "can_send_messages", BARUA_BODY_NONE,       0,        BARUA_ROUTE_ONLINE, barua_api_message_retry },
  { "POST",  "/api/v1/people",       "can_create_people",      BARUA_BODY_JSON,         0,        BARUA_ROUTE_JSON_STRICT, barua_api_people_post },
  { "POST",  "/api/v1/places",       "can_create_places",      BARUA_BODY_JSON,         0,        BARUA_ROUTE_JSON_STRICT, barua_api_places_post },
  { "POST",  "/api/v1/places/{id}",  "can_update_places",      BARUA_BODY_JSON,         0,        BARUA_ROUTE_JSON_STRICT, barua_api_place_change },
  { "GET",   "/api/v1/hydrate",      ANYBODY,                  BARUA_BODY_NONE,         0,        ONLINE,            barua_api_hydrate },
  { "POST",  "/api/v1/hydrate",      ANYBODY,                  BARUA_BODY_JSON,         0,        ONLINE,            barua_api_hydrate },
  { "GET",   "/api/v1/contacts-by-phone", ANYBODY,             BARUA_BODY_NONE,         0,        ONLINE,            barua_api_contacts_by_phone },
  { "POST",  "/api/v1/contacts-by-phone", ANYBODY,             BARUA_BODY_JSON,         0,        ONLINE,            barua_api_contacts_by_phone },
  { "POST",  "/api/v1/bulk-delete",  ANYBODY,                  BARUA_BODY_JSON,         0,        BARUA_ROUTE_JSON_STRICT | BARUA_ROUTE_ONLINE_DETAILS, barua_api_bulk_delete },
  { "GET",   "/api/v1/gateways",     "can_view_message_action", BARUA_BODY_NONE,        0,        BARUA_ROUTE_PLAIN | BARUA_ROUTE_ONLINE, barua_api_gateways_list },
  { "POST",  "/api/v1/gateways/{account}/pause", "can_configure", BARUA_BODY_NONE,      0,        BARUA_ROUTE_PLAIN | BARUA_ROUTE_ONLINE, barua_api_gateways_pause },
  { "POST",  "/api/v1/gateways/{account}/resume", "can_configure", BARUA_BODY_NONE,     0,        BARUA_ROUTE_PLAIN | BARUA_ROUTE_ONLINE, barua_api_gateways_resume },
  { "POST",  "/api/v1/upgrade",      "can_configure",          BARUA_BODY_JSON,         MIB,      BARUA_ROUTE_PLAIN, barua_api_upgrade },
  { "POST",  "/api/v1/upgrade/stage", "can_configure",         BARUA_BODY_JSON,         MIB,      BARUA_ROUTE_PLAIN, barua_api_upgrade_stage },
  { "POST",  "/api/v1/upgrade/complete", "can_configure",      BARUA_BODY_NONE,         0,        BARUA_ROUTE_PLAIN, barua_api_upgrade_complete },
  { "GET",   "/api/v1/settings",     ANYBODY,                  BARUA_BODY_NONE,         0,        SETTINGS,          barua_api_settings_get },
  { "PUT",   "/api/v1/settings",     "can_configure",          BARUA_BODY_JSON,         0,        SETTINGS | STRICT, barua_api_settings_put },
  { "GET",   "/api/v1/settings/deprecated-transitions", ANYBODY, BARUA_BODY_NONE,       0,        SETTINGS,          barua_api_settings_deprecated_transitions },
  { "GET",   "/{db}/_design/medic/_rewrite/app_settings/medic", ANYBODY, BARUA_BODY_NONE, 0,      SETTINGS,          barua_api_settings_alias_get },
  { "GET",   "/{db}/_design/medic/_rewrite/app_settings/medic/{path}", ANYBODY, BARUA_BODY_NONE, 0, SETTINGS,        barua_api_settings_alias_get },
  { "PUT",   "/{db}/_design/medic/_rewrite/update_settings/medic", "can_configure", BARUA_BODY_JSON, 0,        SETTINGS | STRICT, barua_api_settings_alias_put },
  { "GET",   "/api/v1/forms",        PUBLIC,                   BARUA_BODY_NONE,         0,        BARUA_ROUTE_PLAIN, barua_api_forms_list },
  { "GET",   "/api/v1/forms/",       PUBLIC,                   BARUA_BODY_NONE,         0,        BARUA_ROUTE_PLAIN, barua_api_forms_list_slash },
  { "GET",   "/api/v1/forms/{name}", PUBLIC,                   BARUA_BODY_NONE,         0,        BARUA_ROUTE_PLAIN, barua_api_forms_get },
  { "POST",  "/api/v1/forms/explain", "can_configure",         BARUA_BODY_JSON,         0,        STRICT,            barua_api_forms_explain },
  { "POST",  "/api/v1/forms/validate", "can_configure",        BARUA_BODY_JSON_OR_XML,  0,        BARUA_ROUTE_JSON_ERRORS | BARUA_ROUTE_BARE_ERRORS | BARUA_ROUTE_JSON_POSITION, barua_api_forms_validate },
  { "GET",   "/api/v1/users",        "can_view_users",         BARUA_BODY_NONE,         0,        BARUA_ROUTE_PLAIN, barua_api_users_get },
  { "POST",  "/api/v1/users",        "can_create_users",       BARUA_BODY_JSON,         0,        BARUA_ROUTE_JSON_STRICT, barua_api_users_post },
  { "POST",  "/api/v1/users/{name}", ANYBODY,                  BARUA_BODY_JSON,         MIB,      BARUA_ROUTE_JSON_STRICT, barua_api_user_post, barua_api_user_not_empty },
  { "DELETE", "/api/v1/users/{name}", "can_delete_users",      BARUA_BODY_NONE,         0,        BARUA_ROUTE_PLAIN, barua_api_user_delete },
  { "GET",   "/api/v2/users",        "can_view_users",         BARUA_BODY_NONE,         0,        BARUA_ROUTE_PLAIN, barua_api_users_v2_get },
  { "GET",   "/api/v2/users/{name}", ANYBODY,                  BARUA_BODY_NONE,         0,        BARUA_ROUTE_PLAIN, barua_api_user_v2_get },
  { "GET",   "/api/v1/users-info",   ANYBODY,                  BARUA_BODY_NONE,         0,        BARUA_ROUTE_PLAIN, barua_api_users_info },
  { "GET",   "/api/v1/users-doc-count", ANYBODY,               BARUA_BODY_NONE,         0,        BARUA_ROUTE_PROMPT, barua_api_users_doc_count },
  { "GET",   "/_session",            ANYBODY,                  BARUA_BODY_NONE,         0,        BARUA_ROUTE_NO_REDIRECT, barua_api_session_get },
  { "POST",  "/_session",            PUBLIC,                   BARUA_BODY_JSON_OR_FORM, 64 * 1024, NATIVE | BARUA_ROUTE_FORM, barua_api_session_post },
  { "DELETE", "/_session",           PUBLIC,                   BARUA_BODY_NONE,         0,        NATIVE,            barua_api_session_delete },
  { "GET",   "/medic/login",         PUBLIC,                   BARUA_BODY_NONE,         0,        PAGE,              barua_api_login_page },
  { "POST",  "/medic/login",         PUBLIC,                   BARUA_BODY_JSON_OR_FORM, 64 * 1024, PAGE,             barua_api_login },
  { "GET",   "/medic/login/identity", PUBLIC,                  BARUA_BODY_NONE,         0,        PAGE,              barua_api_login_identity },
  { "GET",   "/medic/login/style.css", PUBLIC,                 BARUA_BODY_NONE,         0,        PAGE | BARUA_ROUTE_ANONYMOUS, barua_api_page_style },
  { "GET",   "/medic/login/script.js", PUBLIC,                 BARUA_BODY_NONE,         0,        PAGE | BARUA_ROUTE_ANONYMOUS, barua_api_page_script },
  { "GET",   "/medic/login/token",   PUBLIC,                   BARUA_BODY_NONE,         0,        PAGE | BARUA_ROUTE_SLASH, barua_api_login_link_page },
  { "GET",   "/medic/login/token/{token}", PUBLIC,             BARUA_BODY_NONE,         0,        PAGE,              barua_api_login_link_page },
  { "POST",  "/medic/login/token",   PUBLIC,                   BARUA_BODY_JSON_OR_FORM, 64 * 1024, LINK | BARUA_ROUTE_SLASH, barua_api_login_link },
  { "POST",  "/medic/login/token/{token}", PUBLIC,             BARUA_BODY_JSON_OR_FORM, 64 * 1024, LINK,             barua_api_login_link },
  { "GET",   "/medic/messages",      "can_view_message_action", BARUA_BODY_NONE,        0,        BARUA_ROUTE_ONLINE, barua_api_messages_page },
  { "GET",   "/medic/messages/style.css", PUBLIC,              BARUA_BODY_NONE,         0,        PAGE | BARUA_ROUTE_ANONYMOUS, barua_api_messages_style },
  { "GET",   "/medic/messages/script.js", PUBLIC,              BARUA_BODY_NONE,         0,        PAGE | BARUA_ROUTE_ANONYMOUS, barua_api_messages_script },
  { "POST",  "/medic/logout",        PUBLIC,                   BARUA_BODY_FORM,         1024,     PAGE,              barua_api_logout },
  { "GET",   "/admin/",              PUBLIC,                   BARUA_BODY_NONE,         0,        PAGE,              barua_api_home },
  { "GET",   "/",                    PUBLIC,                   BARUA_BODY_NONE,         0,        NATIVE,            barua_api_welcome },
  { "GET",   "/cdb",                 PUBLIC,                   BARUA_BODY_NONE,         0,        SEED | BARUA_ROUTE_SLASH, barua_api_welcome },
  { "GET",   "/_up",                 PUBLIC,                   BARUA_BODY_NONE,         0,        NATIVE,            barua_api_up },
  { "GET",   "/_uuids",              ANYBODY,                  BARUA_BODY_NONE,         0,        NATIVE,            barua_api_uuids },
  { "GET",   "/_all_dbs",            ANYBODY,                  BARUA_BODY_NONE,         0,        NATIVE,            barua_api_all_dbs },
  { "GET",   "/_active_tasks",       ANYBODY,                  BARUA_BODY_NONE,         0,        NATIVE,            barua_api_active_tasks },
  { "POST",  "/_replicate",          ANYBODY,                  BARUA_BODY_JSON,         0,        NATIVE,            barua_api_replicate },
  { "GET",   "/api/deploy-info",     ANYBODY,                  BARUA_BODY_NONE,         0,        BARUA_ROUTE_PLAIN, barua_api_deploy_info },
  { "GET",   "/api/couch-config-attachments", ANYBODY,         BARUA_BODY_NONE,         0,        BARUA_ROUTE_PLAIN, barua_api_attachment_types },
  EXPORT ("messages", "can_export_all|can_export_messages")
  EXPORT ("reports",  "can_export_all|can_export_messages")
  EXPORT ("contacts", "can_export_all|can_export_contacts")
  EXPORT ("feedback", "can_export_all|can_export_feedback")
  EXPORT ("dhis",     "can_export_all|can_export_dhis")
  EXPORT ("{type}",   ANYBODY)
  { "GET",   "/api/v1/monitoring",   PUBLIC,                   BARUA_BODY_NONE,         0,        BARUA_ROUTE_ANONYMOUS, barua_api_monitoring },
  { "GET",   "/api/v2/monitoring",   PUBLIC,                   BARUA_BODY_NONE,         0,        BARUA_ROUTE_ANONYMOUS, barua_api_monitoring_v2 },
  { "GET",   "/api/openapi.json",    PUBLIC,                   BARUA_BODY_NONE,         0,        BARUA_ROUTE_ANONYMOUS, barua_api_openapi },
  { "GET",   "/api/docs",            PUBLIC,                   BARUA_BODY_NONE,         0,        BARUA_ROUTE_ANONYMOUS, barua_api_docs },
  { "GET",   "/metrics",             PUBLIC,                   BARUA_BODY_NONE,         0,        BARUA_ROUTE_PLAIN, barua_api_metrics },
  { "GET",   "/healthz",             PUBLIC,                   BARUA_BODY_NONE,         0,        BARUA_ROUTE_ANONYMOUS | BARUA_ROUTE_DIRECT, barua_api_healthz },
  { "GET",   "/readyz",              PUBLIC,                   BARUA_BODY_NONE,         0,        BARUA_ROUTE_ANONYMOUS | BARUA_ROUTE_DIRECT, barua_api_readyz },
  BOTH_SLASH ("GET",    "",                            BARUA_BODY_NONE,   0,        barua_api_database_get)
  BOTH_SLASH ("POST",   "",                            BARUA_BODY_JSON,   0,        barua_api_document_put)
  BOTH ("GET",    "/_all_docs",                  BARUA_BODY_NONE,   0,        barua_api_all_docs)
  BOTH ("POST",   "/_all_docs",                  BARUA_BODY_JSON,   0,        barua_api_all_docs)
  BOTH ("GET",    "/_design_docs",               BARUA_BODY_NONE,   0,        barua_api_design_docs)
  BOTH ("POST",   "/_design_docs",               BARUA_BODY_JSON,   0,        barua_api_design_docs)
  BOTH_DIRECT ("POST",   "/_bulk_docs",                 BARUA_BODY_JSON,   0,        barua_api_bulk_docs)
  BOTH ("POST",   "/_bulk_get",                  BARUA_BODY_JSON,   0,        barua_api_bulk_get)
  BOTH ("POST",   "/_revs_diff",                 BARUA_BODY_JSON,   0,        barua_api_revs_diff)
  BOTH ("POST",   "/_missing_revs",              BARUA_BODY_JSON,   0,        barua_api_missing_revs)
  BOTH ("GET",    "/_changes",                   BARUA_BODY_NONE,   0,        barua_api_changes)
  BOTH ("POST",   "/_changes",                   BARUA_BODY_JSON,   0,        barua_api_changes)
  BOTH ("POST",   "/_compact",                   BARUA_BODY_NONE,   0,        barua_api_compact)
  BOTH ("POST",   "/_view_cleanup",              BARUA_BODY_NONE,   0,        barua_api_view_cleanup)
  BOTH ("POST",   "/_ensure_full_commit",        BARUA_BODY_NONE,   0,        barua_api_ensure_full_commit)
  BOTH ("GET",    "/_security",                  BARUA_BODY_NONE,   0,        barua_api_security_get)
  BOTH ("PUT",    "/_security",                  BARUA_BODY_JSON,   MIB,      barua_api_security_put)
  BOTH ("GET",    "/_revs_limit",                BARUA_BODY_NONE,   0,        barua_api_revs_limit_get)
  BOTH ("PUT",    "/_revs_limit",                BARUA_BODY_JSON,   1024,     barua_api_revs_limit_put)
  BOTH ("POST",   "/_purge",                     BARUA_BODY_NONE,   0,        barua_api_document_not_implemented)
  BOTH ("GET",    "/_local_docs",                BARUA_BODY_NONE,   0,        barua_api_local_list)
  BOTH ("GET",    "/_local/{local}",             BARUA_BODY_NONE,   0,        barua_api_local_get)
  BOTH ("PUT",    "/_local/{local}",             BARUA_BODY_JSON,   0,        barua_api_local_put)
  BOTH ("DELETE", "/_local/{local}",             BARUA_BODY_NONE,   0,        barua_api_local_delete)
  BOTH ("GET",    "/_local/{local}/{name...}",   BARUA_BODY_NONE,   0,        barua_api_local_deep)
  BOTH ("PUT",    "/_local/{local}/{name...}",   BARUA_BODY_NONE,   0,        barua_api_local_deep)
  BOTH ("DELETE", "/_local/{local}/{name...}",   BARUA_BODY_NONE,   0,        barua_api_local_deep)
  BOTH ("POST",   "/_find",                      BARUA_BODY_JSON,   MIB,      barua_api_find)
  BOTH ("POST",   "/_explain",                   BARUA_BODY_JSON,   MIB,      barua_api_explain)
  BOTH ("GET",    "/_index",                     BARUA_BODY_NONE,   0,        barua_api_index_list)
  BOTH ("POST",   "/_index",                     BARUA_BODY_JSON,   MIB,      barua_api_index_put)
  BOTH ("DELETE", "/_index/{ddoc}/json/{name}",  BARUA_BODY_NONE,   0,        barua_api_index_delete)
  BOTH ("DELETE", "/_index/_design/{ddoc}/json/{name}", BARUA_BODY_NONE,   0,        barua_api_index_delete)
  BOTH ("GET",    "/_design/{ddoc}",             BARUA_BODY_NONE,   0,        barua_api_document_get)
  BOTH ("PUT",    "/_design/{ddoc}",             BARUA_BODY_JSON,   0,        barua_api_document_put)
  BOTH ("DELETE", "/_design/{ddoc}",             BARUA_BODY_NONE,   0,        barua_api_document_delete)
  BOTH ("COPY",   "/_design/{ddoc}",             BARUA_BODY_NONE,   0,        barua_api_document_copy)
  BOTH ("GET",    "/_design/{ddoc}/_view/{view}", BARUA_BODY_NONE,   0,        barua_api_view)
  BOTH ("POST",   "/_design/{ddoc}/_view/{view}", BARUA_BODY_JSON,   0,        barua_api_view)
  BOTH ("GET",    "/_design/{ddoc}/{name...}",   BARUA_BODY_NONE,   0,        barua_api_attachment_get)
  BOTH ("PUT",    "/_design/{ddoc}/{name...}",   BARUA_BODY_SPOOL,  20 * MIB, barua_api_attachment_put)
  BOTH ("DELETE", "/_design/{ddoc}/{name...}",   BARUA_BODY_NONE,   0,        barua_api_attachment_delete)
  BOTH_DIRECT ("GET",    "/{id}",                       BARUA_BODY_NONE,   0,        barua_api_document_get)
  BOTH_DIRECT ("PUT",    "/{id}",                       BARUA_BODY_JSON,   0,        barua_api_document_put)
  BOTH ("POST",   "/{id}",                       BARUA_BODY_JSON,   0,        barua_api_document_put)
  BOTH ("DELETE", "/{id}",                       BARUA_BODY_NONE,   0,        barua_api_document_delete)
  BOTH ("COPY",   "/{id}",                       BARUA_BODY_NONE,   0,        barua_api_document_copy)
  BOTH ("GET",    "/{id}/{name...}",             BARUA_BODY_NONE,   0,        barua_api_attachment_get)
  BOTH ("PUT",    "/{id}/{name...}",             BARUA_BODY_SPOOL,  20 * MIB, barua_api_attachment_put)
  BOTH ("DELETE", "/{id}/{name...}",             BARUA_BODY_NONE,   0,        barua_api_attachment_delete)
  { "PUT", "/{db}", ANYBODY, BARUA_BODY_NONE, 0, NATIVE | BARUA_ROUTE_SLASH, barua_api_database_put },
  { "DELETE", "/{db}", ANYBODY, BARUA_BODY_NONE, 0, NATIVE | BARUA_ROUTE_SLASH, barua_api_database_delete },
  { NULL },
};
/* clang-format on */
