/* SPDX-License-Identifier: MIT */

#include "gateway/http/router.h"
#include "tests/suites.h"

#include <string.h>

static void
nothing (BaruaRequest *request, gpointer app)
{
}

static const BaruaRoute routes[] = {
  { "GET", "/api/sms", "", BARUA_BODY_NONE, 0, BARUA_ROUTE_SLASH, nothing },
  { "POST", "/api/sms", "", BARUA_BODY_JSON, 0, BARUA_ROUTE_SLASH, nothing },
  { "GET", "/api/v1/forms", "", BARUA_BODY_NONE, 0, BARUA_ROUTE_PLAIN, nothing },
  { "GET", "/api/v1/forms/{name}", "", BARUA_BODY_NONE, 0, BARUA_ROUTE_PLAIN, nothing },
  { "POST", "/api/v1/forms/validate", "", BARUA_BODY_JSON, 0, BARUA_ROUTE_PLAIN, nothing },
  { "GET", "/{db}", "", BARUA_BODY_NONE, 0, BARUA_ROUTE_DOCUMENT_NATIVE, nothing },
  { "GET", "/{db}/_all_docs", "", BARUA_BODY_NONE, 0, BARUA_ROUTE_DOCUMENT_NATIVE, nothing },
  { "GET", "/{db}/{id}", "", BARUA_BODY_NONE, 0, BARUA_ROUTE_DOCUMENT_NATIVE, nothing },
  { "DELETE", "/{db}/{id}", "", BARUA_BODY_NONE, 0, BARUA_ROUTE_DOCUMENT_NATIVE, nothing },
  { "GET", "/{db}/{id}/{attachment...}", "", BARUA_BODY_NONE, 0, BARUA_ROUTE_DOCUMENT_NATIVE,
    nothing },
  { "GET", "/cdb/~/{id}", "", BARUA_BODY_NONE, 0, BARUA_ROUTE_DOCUMENT_SEED, nothing },
  { "GET", "/", "", BARUA_BODY_NONE, 0, BARUA_ROUTE_PLAIN, nothing },
  { NULL },
};

typedef struct
{
  const char *method;
  const char *path;
  const char *route;  /* NULL: none */
  const char *params; /* or the Allow list */
  gboolean is_bad;
} Case;

static const Case cases[] = {
  { "GET", "/", "/", "" },
  { "GET", "/api/sms", "/api/sms", "" },
  { "HEAD", "/api/sms", "/api/sms", "" },
  { "POST", "/api/sms/", "/api/sms", "" },
  { "GET", "//api///sms", "/api/sms", "" },
  { "GET", "/%61pi/sms", "/api/sms", "" },
  { "PUT", "/api/sms", NULL, "GET, HEAD, POST" },
  { "PUT", "/api/sms/", NULL, "GET, HEAD, POST" },
  { "GET", "/api%2Fsms", "/{db}", "db=api/sms " },
  { "GET", "/api/v1/forms", "/api/v1/forms", "" },
  { "GET", "/api/v1/forms/a%2Fb%20c", "/api/v1/forms/{name}", "name=a/b c " },
  { "GET", "/api/v1/forms/validate", "/api/v1/forms/{name}", "name=validate " },
  { "POST", "/api/v1/forms/validate", "/api/v1/forms/validate", "" },
  { "PUT", "/api/v1/forms/validate", NULL, "POST, GET, HEAD" },
  { "GET", "/medic/_all_docs", "/{db}/_all_docs", "db=medic " },
  { "DELETE", "/medic/_all_docs", NULL, "GET, HEAD" },
  { "GET", "/medic/a", "/{db}/{id}", "db=medic id=a " },
  { "GET", "/medic/a/b%2Fc/d", "/{db}/{id}/{attachment...}", "db=medic id=a attachment=b/c/d " },
  { "GET", "/cdb/~/x%2By", "/cdb/~/{id}", "id=x+y " },
  { "PUT", "/cdb/~/x", NULL, "GET, HEAD" },
  { "DELETE", "/api/sms", NULL, "GET, HEAD, POST" },
  { "DELETE", "/api/unknown", NULL, NULL },
  { "GET", "/cdb/other", NULL, NULL },
  { "GET", "/%61pi/unknown", NULL, NULL },
  { "PUT", "/medic/a", NULL, "GET, HEAD, DELETE" },
  { "POST", "/medic/a/b", NULL, "GET, HEAD" },
  { "GET", "/medic/%zz", NULL, NULL, TRUE },
  { "GET", "/medic/%", NULL, NULL, TRUE },
  { "GET", "/medic/%4", NULL, NULL, TRUE },
  { "GET", "/medic/%ff", NULL, NULL, TRUE },
  { "GET", "/medic/a%00", NULL, NULL, TRUE },
  { "GET", "/medic/%ed%a0%80", NULL, NULL, TRUE },
  { "GET", "/medic/%F0%9F%98%80", "/{db}/{id}", "db=medic id=\xf0\x9f\x98\x80 " },
};

START_TEST (match_case)
{
  const Case *c = &cases[_i];
  g_autoptr (BaruaRouter) router = barua_router_new (routes);
  g_autoptr (GString) params = g_string_new (NULL);
  BaruaMatch match;

  ck_assert_msg (barua_router_match (router, c->method, c->path, &match) == !c->is_bad, "%s",
                 c->path);
  ck_assert_msg ((match.route != NULL) == (c->route != NULL), "%s %s", c->method, c->path);
  if (match.route != NULL)
    {
      ck_assert_str_eq (match.route->path, c->route);
      for (guint i = 0; i < match.n_params; i++)
        g_string_append_printf (params, "%.*s=%s ", (int)match.names[i].n, match.names[i].p,
                                match.values[i]);
      ck_assert_str_eq (params->str, c->params);
    }
  else
    ck_assert_pstr_eq (match.allow, c->params);
  barua_match_clear (&match);
}
END_TEST

START_TEST (unknown_path)
{
  static const BaruaRoute few[]
      = { { "GET", "/a/b", "", BARUA_BODY_NONE, 0, BARUA_ROUTE_PLAIN, nothing }, { NULL } };
  static const char *const paths[] = { "/", "/a", "/a/", "/a/b/", "/a/b/c", "/A/b", "/a%2Fb", "" };
  g_autoptr (BaruaRouter) router = barua_router_new (few);
  BaruaMatch match;

  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      ck_assert (barua_router_match (router, "GET", paths[i], &match));
      ck_assert_msg (match.route == NULL && match.allow == NULL, "%s", paths[i]);
      barua_match_clear (&match);
    }
}
END_TEST

START_TEST (dialect_of_wrong_method)
{
  g_autoptr (BaruaRouter) router = barua_router_new (routes);
  BaruaMatch match;

  ck_assert (barua_router_match (router, "PUT", "/medic/a", &match));
  ck_assert (match.flags & BARUA_ROUTE_DOCUMENT_NATIVE);
  barua_match_clear (&match);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("router");
  TCase *tc = tcase_create ("match");

  tcase_add_loop_test (tc, match_case, 0, G_N_ELEMENTS (cases));
  tcase_add_test (tc, unknown_path);
  tcase_add_test (tc, dialect_of_wrong_method);
  suite_add_tcase (suite, tc);
  return suite;
}
