/* SPDX-License-Identifier: MIT */

#include "gateway/http/errors.h"
#include "forms/json.h"
#include "tests/suites.h"

#include <gio/gio.h>
#include <string.h>

/* spec/messaging.md 1.2 */
static const struct
{
  const char *accept;
  gboolean is_json;
} accepts[] = {
  { "application/json", TRUE },
  { "Application/JSON", TRUE },
  { "application/json, text/plain, */*", TRUE },
  { "application/json;q=0.9", TRUE },
  { "application/*", TRUE },
  { "application/json;q=0.9, application/*", TRUE },
  { "application/json; charset=utf-8", TRUE },
  { "text/plain;q=0.5, application/json;q=0.6", TRUE },
  { "*/*;q=0.1, application/json", TRUE },
  { "text/plain;q=0, */*", TRUE },
  { "*/*", FALSE },
  { NULL, FALSE },
  { "", FALSE },
  { ",,;;", FALSE },
  { "text/plain", FALSE },
  { "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", FALSE },
  { "text/plain, application/json", FALSE },
  { "application/json;q=0.8, text/plain", FALSE },
  { "application/json;q=0", FALSE },
  { "application/json;q=0.000, */*", FALSE },
  { "application/jsonx", FALSE },
  { "image/png", FALSE },
};

START_TEST (accept_row)
{
  ck_assert_msg (barua_http_wants_json (accepts[_i].accept) == accepts[_i].is_json, "%s",
                 accepts[_i].accept);
}
END_TEST

START_TEST (every_code_has_a_row)
{
  const BaruaHttpErrorInfo *info = barua_http_error_info ((BaruaHttpErrorCode)_i);
  g_autoptr (GString) api = g_string_new (NULL);
  g_autoptr (GString) seed = g_string_new (NULL);
  BaruaJson json;

  ck_assert (info->status >= 400 && info->status < 600);
  ck_assert (info->doc_status >= 400 && info->doc_status < 600);
  ck_assert (info->text != NULL && info->doc_error != NULL && info->doc_reason != NULL);
  barua_http_error_append_json (api, BARUA_DIALECT_API, (BaruaHttpErrorCode)_i, NULL, NULL, NULL,
                                FALSE);
  ck_assert (barua_json_read (api->str, -1, &json, NULL));
  ck_assert_double_eq (barua_json_number (barua_json_member (json, "code")), info->status);
  barua_http_error_append_json (seed, BARUA_DIALECT_SEED, (BaruaHttpErrorCode)_i, NULL, NULL, NULL,
                                FALSE);
  ck_assert (barua_json_read (seed->str, -1, &json, NULL));
  ck_assert_double_eq (barua_json_number (barua_json_member (json, "status")), info->doc_status);
}
END_TEST

START_TEST (unknown_code)
{
  ck_assert_uint_eq (barua_http_error_info ((BaruaHttpErrorCode)999)->status, 500);
}
END_TEST

START_TEST (bodies)
{
  g_autoptr (GString) out = g_string_new (NULL);

  barua_http_error_append_json (out, BARUA_DIALECT_API, BARUA_HTTP_ERROR_SERVER, NULL, NULL,
                                "\"a \\\"b\\\"\"", TRUE);
  ck_assert_str_eq (out->str, "{\"code\":500,\"error\":\"Server error\",\"details\":\"a "
                              "\\\"b\\\"\",\"message\":\"Server error\"}");
  g_string_truncate (out, 0);
  barua_http_error_append_text (out, BARUA_HTTP_ERROR_SERVER, NULL, NULL, "\"reason\"");
  ck_assert_str_eq (out->str, "Server error: \"reason\"");
  g_string_truncate (out, 0);
  barua_http_error_append_json (out, BARUA_DIALECT_API, BARUA_HTTP_ERROR_BAD_REQUEST, NULL,
                                "{\"message\":\"no\",\"translationKey\":\"x\"}", NULL, TRUE);
  ck_assert_str_eq (out->str,
                    "{\"code\":400,\"error\":{\"message\":\"no\",\"translationKey\":\"x\"}}");
  g_string_truncate (out, 0);
  barua_http_error_append_text (out, BARUA_HTTP_ERROR_BAD_REQUEST, NULL, "{\"message\":\"no\"}",
                                NULL);
  ck_assert_str_eq (out->str, "no");
  g_string_truncate (out, 0);
  barua_http_error_append_json (out, BARUA_DIALECT_NATIVE, BARUA_HTTP_ERROR_NOT_FOUND, "deleted",
                                NULL, NULL, FALSE);
  ck_assert_str_eq (out->str, "{\"error\":\"not_found\",\"reason\":\"deleted\"}\n");
}
END_TEST

START_TEST (humans)
{
  ck_assert (!barua_http_is_human (NULL));
  ck_assert (barua_http_is_human ("curl/7.88"));
  ck_assert (barua_http_is_human ("Mozilla/5.0"));
  ck_assert (barua_http_is_human ("Dalvik/2.1 something"));
  ck_assert (!barua_http_is_human ("Dalvik/2.1 medic.gateway.alert/1"));
  ck_assert (!barua_http_is_human ("Dalvik/2.1 org.collect.android/1"));
  ck_assert (!barua_http_is_human ("org.odk.collect.android/v1 Dalvik/2.1.0 (Linux; U; Android 9)"));
  ck_assert (barua_http_is_human ("x Dalvik/2.1 medic.gateway"));
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("http-errors");
  TCase *tc = tcase_create ("errors");

  tcase_add_loop_test (tc, accept_row, 0, G_N_ELEMENTS (accepts));
  tcase_add_loop_test (tc, every_code_has_a_row, 0, BARUA_HTTP_N_ERRORS);
  tcase_add_test (tc, unknown_code);
  tcase_add_test (tc, bodies);
  tcase_add_test (tc, humans);
  suite_add_tcase (suite, tc);
  return suite;
}
