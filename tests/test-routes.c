/* SPDX-License-Identifier: MIT */

/* The route table against the table of endpoints and permissions (users.md 1.1). */

#include "gateway/api/handlers.h"
#include "tests/suites.h"

#include <string.h>

#define ANYBODY ""
#define PUBLIC NULL
#define ONLINE_ANY (BARUA_ROUTE_ONLINE | BARUA_ROUTE_ONLINE_DETAILS)

/* Who may, as the specification says it. */
typedef enum
{
  ALL,
  ONLINE,         /* online users only */
  ONLINE_DETAILS, /* likewise, with the refusal of users.md 1.1 */
} Who;

typedef struct
{
  const char *methods;
  const char *path;
  const char *permissions;
  Who who;
  const char *why; /* (nullable): what the row does not say */
} Rule;

/* A method that is not served yet may stand here; a route that does not stand here fails. */
static const Rule rules[] = {
  { "GET POST", "/api/sms", "can_access_gateway_api", ALL, NULL },
  { "POST", "/api/v1/records", "can_create_records", ALL, NULL },
  { "POST", "/api/v2/records", "can_create_records", ALL, NULL },
  { "GET", "/api/v1/users", "can_view_users", ALL, NULL },
  { "GET", "/api/v2/users", "can_view_users", ALL, "as v1 (users.md 4)" },
  { "GET", "/api/v2/users/{name}", ANYBODY, ALL, "own account without can_view_users: the handler" },
  { "POST", "/api/v1/users", "can_create_users", ALL, NULL },
  { "POST", "/api/v1/users/{name}", ANYBODY, ALL, "can_update_users, or self: the handler" },
  { "DELETE", "/api/v1/users/{name}", "can_delete_users", ALL, NULL },
  { "GET", "/api/v1/users-info", ANYBODY, ALL, "can_update_users of online users: the handler" },
  { "GET", "/api/v1/users-doc-count", ANYBODY, ALL, "_admin, else 401: the handler" },
  { "POST", "/api/v1/people", "can_create_people", ALL, NULL },
  { "POST", "/api/v1/places", "can_create_places", ALL, NULL },
  { "POST", "/api/v1/places/{id}", "can_update_places", ALL, NULL },
  { "GET", "/api/v1/settings", ANYBODY, ALL, NULL },
  { "PUT", "/api/v1/settings", "can_configure", ALL, NULL },
  { "GET", "/api/v1/settings/deprecated-transitions", ANYBODY, ALL, NULL },
  { "GET", "/{db}/_design/medic/_rewrite/app_settings/medic", ANYBODY, ALL, "documents.md 9.4" },
  { "GET", "/{db}/_design/medic/_rewrite/app_settings/medic/{path}", ANYBODY, ALL, "9.4" },
  { "PUT", "/{db}/_design/medic/_rewrite/update_settings/medic", "can_configure", ALL, "9.4" },
  { "GET", "/api/v1/forms", PUBLIC, ALL, "a login, unless barua.public_forms: the handler" },
  { "GET", "/api/v1/forms/", PUBLIC, ALL, "likewise" },
  { "GET", "/api/v1/forms/{name}", PUBLIC, ALL, "likewise" },
  { "POST", "/api/v1/forms/validate", "can_configure", ALL, NULL },
  { "POST", "/api/v1/forms/explain", "can_configure", ALL, NULL },
  { "POST", "/api/v1/sms/segments", ANYBODY, ALL, NULL },
  { "POST", "/api/v1/bulk-delete", ANYBODY, ONLINE_DETAILS, NULL },
  { "GET POST", "/api/v1/hydrate", ANYBODY, ONLINE_DETAILS, NULL },
  { "GET POST", "/api/v1/contacts-by-phone", ANYBODY, ONLINE_DETAILS, NULL },
  { "GET POST", "/api/v2/export/messages", "can_export_all|can_export_messages", ONLINE, NULL },
  { "GET POST", "/api/v2/export/reports", "can_export_all|can_export_messages", ONLINE, NULL },
  { "GET POST", "/api/v2/export/contacts", "can_export_all|can_export_contacts", ONLINE, NULL },
  { "GET POST", "/api/v2/export/feedback", "can_export_all|can_export_feedback", ONLINE, NULL },
  { "GET POST", "/api/v2/export/dhis", "can_export_all|can_export_dhis", ONLINE, NULL },
  { "GET POST", "/api/v2/export/{type}", ANYBODY, ONLINE, "no such type: 404" },
  { "POST", "/api/v1/upgrade", "can_configure", ALL, NULL },
  { "POST", "/api/v1/upgrade/stage", "can_configure", ALL, NULL },
  { "POST", "/api/v1/upgrade/complete", "can_configure", ALL, NULL },
  { "GET", "/api/v1/messages", "can_view_message_action", ONLINE, NULL },
  { "GET", "/api/v1/gateways", "can_view_message_action", ONLINE, NULL },
  { "POST", "/api/v1/gateways/{account}/pause", "can_configure", ONLINE, "messaging.md 4" },
  { "POST", "/api/v1/gateways/{account}/resume", "can_configure", ONLINE, "messaging.md 4" },
  { "POST", "/api/v1/messages", "can_send_messages", ONLINE, NULL },
  { "POST", "/api/v1/messages/{id}/resend", "can_send_messages", ONLINE, NULL },
  { "POST", "/api/v1/messages/{id}/cancel", "can_send_messages", ONLINE, NULL },
  { "POST", "/api/v1/messages/{id}/retry", "can_send_messages", ONLINE, NULL },
  { "GET", "/api/v1/monitoring", PUBLIC, ALL, NULL },
  { "GET", "/api/v2/monitoring", PUBLIC, ALL, "as v1" },
  { "GET", "/api/deploy-info", ANYBODY, ALL, NULL },
  { "GET", "/api/couch-config-attachments", ANYBODY, ALL, NULL },
  { "GET", "/metrics", PUBLIC, ALL, "can_view_metrics, or loopback: the handler" },
  { "GET", "/healthz", PUBLIC, ALL, NULL },
  { "GET", "/readyz", PUBLIC, ALL, NULL },
  { "GET", "/api/openapi.json", PUBLIC, ALL, NULL },
  { "GET", "/api/docs", PUBLIC, ALL, NULL },
  { "GET", "/", PUBLIC, ALL, NULL },
  { "GET", "/_up", PUBLIC, ALL, NULL },
  { "GET", "/cdb", PUBLIC, ALL, "as / (documents.md 1)" },
  { "POST DELETE", "/_session", PUBLIC, ALL, NULL },
  { "GET", "/_session", ANYBODY, ALL, "401 without credentials (users.md 2.3)" },
  { "GET", "/admin/", PUBLIC, ALL, "the target of a login: a page without anything secret" },
  { "POST", "/medic/logout", PUBLIC, ALL, "ends the caller's own session" },
  { "GET", "/medic/messages", "can_view_message_action", ONLINE, "the page of /api/v1/messages" },
  { "GET", "/_uuids", ANYBODY, ALL, "documents.md 9" },
  { "GET", "/_all_dbs", ANYBODY, ALL, "documents.md 9" },
  { "GET", "/_active_tasks", ANYBODY, ALL, "documents.md 9" },
  { "POST", "/_replicate", ANYBODY, ALL, "documents.md 9" },
};

/* Public below a path: users.md 1.1; webhooks have keys of their own. */
static const struct
{
  const char *prefix;
  const char *but; /* (nullable) */
} open_paths[] = {
  { "/medic/login", NULL },
  { "/medic/messages/", NULL }, /* its style and script */
  { "/api/v1/sms/", "/api/v1/sms/segments" },
  { "/api/v2/sms/", NULL },
};

static gboolean
has_method (const Rule *rule, const char *method)
{
  g_auto (GStrv) methods = g_strsplit (rule->methods, " ", -1);

  return g_strv_contains ((const char *const *)methods, method);
}

static const Rule *
find_rule (const BaruaRoute *route)
{
  for (gsize i = 0; i < G_N_ELEMENTS (rules); i++)
    if (g_str_equal (rules[i].path, route->path) && has_method (&rules[i], route->method))
      return &rules[i];
  return NULL;
}

static gboolean
is_open (const char *path)
{
  for (gsize i = 0; i < G_N_ELEMENTS (open_paths); i++)
    if (g_str_has_prefix (path, open_paths[i].prefix)
        && g_strcmp0 (path, open_paths[i].but) != 0)
      return TRUE;
  return FALSE;
}

/* Databases are for anybody who is logged in; documents.md 9 is asked by barua_call_open(). */
static gboolean
is_document_api (const BaruaRoute *route)
{
  const gboolean has_dialect
      = (route->flags & (BARUA_ROUTE_DOCUMENT_NATIVE | BARUA_ROUTE_DOCUMENT_SEED)) != 0;

  return has_dialect
         && (g_str_has_prefix (route->path, "/{db}") || g_str_has_prefix (route->path, "/cdb/{db}"));
}

static BaruaRouteFlags
flags_of (Who who)
{
  return who == ONLINE ? BARUA_ROUTE_ONLINE : who == ONLINE_DETAILS ? BARUA_ROUTE_ONLINE_DETAILS : 0;
}

START_TEST (each_route_is_allowed_to_whom_it_should)
{
  guint n = 0;

  for (const BaruaRoute *route = barua_routes; route->method != NULL; route++, n++)
    {
      const Rule *rule = find_rule (route);
      const char *expected = rule != NULL           ? rule->permissions
                             : is_open (route->path) ? PUBLIC
                                                     : ANYBODY;
      ck_assert_msg (rule != NULL || is_open (route->path) || is_document_api (route),
                     "%s %s is in no table", route->method, route->path);
      ck_assert_msg (g_strcmp0 (route->permissions, expected) == 0, "%s %s: \"%s\", not \"%s\"",
                     route->method, route->path, route->permissions, expected);
      ck_assert_msg ((route->flags & ONLINE_ANY) == flags_of (rule != NULL ? rule->who : ALL),
                     "%s %s: online users", route->method, route->path);
    }
  ck_assert_uint_gt (n, 100);
}
END_TEST

START_TEST (no_public_route_takes_much)
{
  for (const BaruaRoute *route = barua_routes; route->method != NULL; route++)
    if (route->permissions == NULL && route->body != BARUA_BODY_NONE)
      ck_assert_msg (route->max_body_bytes > 0 && route->max_body_bytes <= 1024 * 1024,
                     "%s %s", route->method, route->path);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("routes");
  TCase *tc = tcase_create ("permissions");

  tcase_add_test (tc, each_route_is_allowed_to_whom_it_should);
  tcase_add_test (tc, no_public_route_takes_much);
  suite_add_tcase (suite, tc);
  return suite;
}
