/* SPDX-License-Identifier: MIT */

/* Routes and limits of gateway phones, and what time does to messages. */

#include "gateway/rules/due.h"
#include "gateway/rules/gateways.h"
#include "tests/suites.h"

#include <string.h>

#define MINUTE ((gint64)60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define NOON ((gint64)1795262400000) /* 2026-11-21T12:00:00Z */

static BaruaGatewayPlan *
plan_of (const char *routes, const char *limits)
{
  g_auto (GStrv) r = g_strsplit (routes, ";", -1), l = g_strsplit (limits, ";", -1);
  g_autoptr (GError) error = NULL;
  BaruaGatewayPlan *plan = barua_gateway_plan_new ((const char *const *)r, (const char *const *)l,
                                                   &error);

  ck_assert_msg (plan != NULL, "%s", error != NULL ? error->message : "");
  return plan;
}

static const char *
route_of (const BaruaGatewayPlan *plan, const char *to)
{
  const char *account = barua_gateway_plan_route (plan, barua_text (to));

  return account != NULL ? account : "-";
}

START_TEST (gateways_longest_prefix)
{
  g_autoptr (BaruaGatewayPlan) plan = plan_of ("+254:k; +25471:saf ;*:rest;", "");
  g_autoptr (BaruaGatewayPlan) few = plan_of ("+254:k", "");

  ck_assert_str_eq (route_of (plan, "+254711000000"), "saf");
  ck_assert_str_eq (route_of (plan, "+254722000000"), "k");
  ck_assert_str_eq (route_of (plan, "+255"), "rest");
  ck_assert_str_eq (route_of (plan, ""), "rest");
  ck_assert_str_eq (route_of (few, "+25"), "-");
  ck_assert_str_eq (route_of (few, "0722"), "-");
}
END_TEST

/* Shares by weight; one number always the same account; what rests leaves its share, unless all do. */
START_TEST (gateways_weights)
{
  g_autoptr (BaruaGatewayPlan) plan = plan_of ("+1:a*3;+1:b", "");
  const char *const b_rests[] = { "b", NULL }, *const all_rest[] = { "b", "a", NULL };
  g_autoptr (BaruaGatewayPlan) alone = barua_gateway_plan_with_paused (plan, b_rests);
  g_autoptr (BaruaGatewayPlan) none = barua_gateway_plan_with_paused (plan, all_rest);
  guint n_a = 0;

  for (guint i = 0; i < 10000; i++)
    {
      g_autofree char *to = g_strdup_printf ("+1%08u", i * 7919);
      const char *account = route_of (plan, to);
      n_a += strcmp (account, "a") == 0;
      ck_assert_str_eq (account, route_of (plan, to));
      ck_assert_str_eq (route_of (alone, to), "a");
      ck_assert_str_eq (route_of (none, to), account);
    }
  ck_assert_uint_ge (n_a, 7200);
  ck_assert_uint_le (n_a, 7800);
  ck_assert (barua_gateway_plan_is_paused (alone, "b"));
  ck_assert (!barua_gateway_plan_is_paused (alone, "a"));
}
END_TEST

START_TEST (gateways_limits)
{
  g_autoptr (BaruaGatewayPlan) plan = plan_of ("", "a:30/minute, 500/hour,5000/day;b:9/day");

  ck_assert_uint_eq (barua_gateway_plan_limits (plan, "a")->segments[BARUA_SPAN_MINUTE], 30);
  ck_assert_uint_eq (barua_gateway_plan_limits (plan, "a")->segments[BARUA_SPAN_HOUR], 500);
  ck_assert_uint_eq (barua_gateway_plan_limits (plan, "a")->segments[BARUA_SPAN_DAY], 5000);
  ck_assert_uint_eq (barua_gateway_plan_limits (plan, "b")->segments[BARUA_SPAN_HOUR], 0);
  ck_assert_ptr_null (barua_gateway_plan_limits (plan, "c"));
  ck_assert_int_eq (barua_span_minutes (BARUA_SPAN_DAY), 1440);
}
END_TEST

START_TEST (gateways_fingerprint)
{
  g_autoptr (BaruaGatewayPlan) one = plan_of ("+1:a;+2:b", "");
  g_autoptr (BaruaGatewayPlan) same = plan_of ("+2:b;+1:a", "a:1/day");
  g_autoptr (BaruaGatewayPlan) other = plan_of ("+1:a;+2:b*2", "");
  g_autofree char *x = barua_gateway_plan_fingerprint (one),
                  *y = barua_gateway_plan_fingerprint (same),
                  *z = barua_gateway_plan_fingerprint (other);

  ck_assert_str_eq (x, y);
  ck_assert_str_ne (x, z);
}
END_TEST

/* ---- time ---- */

static BaruaSettings *
settings_of (const char *json)
{
  g_autoptr (GBytes) text = g_bytes_new (json, strlen (json));
  BaruaSettings *settings = barua_settings_compile (text, NULL, 0, NULL);

  ck_assert_ptr_nonnull (settings);
  return settings;
}

/* messaging.md 8; the tests run in UTC */
static const struct
{
  const char *settings;
  gint64 minute; /* of the day */
  gint64 opens;  /* -1: it is open */
} windows[] = {
  { "{}", 0, -1 },
  { "{}", 12 * 60, -1 },
  { "{}", 23 * 60, -1 },
  { "{}", 23 * 60 + 1, 24 * 60 },
  { "{\"schedule_morning_hours\":8}", 7 * 60 + 59, 8 * 60 },
  { "{\"schedule_morning_hours\":8}", 8 * 60, -1 },
  { "{\"schedule_morning_hours\":\"8\",\"schedule_morning_minutes\":\"30\"}", 8 * 60, 8 * 60 + 30 },
  { "{\"schedule_morning_hours\":8,\"schedule_evening_hours\":18,\"schedule_evening_minutes\":15}",
    18 * 60 + 15, -1 },
  { "{\"schedule_morning_hours\":8,\"schedule_evening_hours\":18,\"schedule_evening_minutes\":15}",
    18 * 60 + 16, 32 * 60 },
  { "{\"schedule_evening_hours\":24}", 23 * 60 + 59, -1 },
};

START_TEST (due_window)
{
  g_autoptr (BaruaSettings) settings = settings_of (windows[_i].settings);
  const gint64 midnight = NOON - 12 * HOUR;
  gint64 opens = 0;
  const gboolean is_open
      = barua_due_is_open (settings, midnight + windows[_i].minute * MINUTE, &opens);

  ck_assert_msg (is_open == (windows[_i].opens < 0), "%s at %d", windows[_i].settings,
                 (int)windows[_i].minute);
  if (!is_open)
    ck_assert_int_eq (opens, midnight + windows[_i].opens * MINUTE);
}
END_TEST

START_TEST (due_valid)
{
  const struct
  {
    const char *settings;
    gint64 days;
  } cases[] = { { "{}", 7 },
                { "{\"sms\":{\"valid_days\":0}}", 0 },
                { "{\"sms\":{\"valid_days\":\"3\"}}", 3 },
                { "{\"sms\":{\"valid_days\":-1}}", 7 },
                { "{\"sms\":{\"valid_days\":99999999999}}", 36500 } };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (BaruaSettings) settings = settings_of (cases[i].settings);
      ck_assert_int_eq (barua_due_valid_ms (settings), cases[i].days * DAY);
    }
}
END_TEST

/* Long texts are cut as replies are, and never inside a character (messaging.md 5.5). */
START_TEST (due_long_text)
{
  g_autoptr (GString) json = g_string_new (
      "{\"multipart_sms_limit\":2,\"locale\":\"en\",\"translations\":{\"en\":{\"long\":\"");
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (GArray) changes = g_array_new (FALSE, FALSE, sizeof (BaruaTaskChange));
  BaruaJson document = BARUA_JSON_NONE, messages = BARUA_JSON_NONE;

  for (guint i = 0; i < 100; i++)
    g_string_append (json, "😀"); /* two units each: 67 units a part, 33 characters */
  g_string_append (json, "\"}}}");
  g_autoptr (BaruaSettings) settings = settings_of (json->str);
  ck_assert (barua_json_read ("{\"from\":\"+1555\",\"scheduled_tasks\":[{\"due\":1795262399999,"
                              "\"state\":\"scheduled\",\"message_key\":\"long\"}]}",
                              -1, &document, NULL));
  barua_due_release (settings, document, arena, NOON, changes);
  ck_assert_uint_eq (changes->len, 1);
  const BaruaText text = g_array_index (changes, BaruaTaskChange, 0).messages;
  ck_assert (barua_json_read (text.p, (gssize)text.n, &messages, NULL));
  BaruaJson message = barua_json_element (messages, 0);
  g_autofree char *cut = barua_json_string (barua_json_member (message, "message"), NULL);
  g_autofree char *whole = barua_json_string (barua_json_member (message, "original_message"), NULL);
  ck_assert (g_utf8_validate (cut, -1, NULL));
  ck_assert_int_eq (g_utf8_strlen (cut, -1), 66);
  ck_assert (g_str_has_suffix (cut, "😀..."));
  ck_assert_int_eq (g_utf8_strlen (whole, -1), 100);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("gateways");
  TCase *tc = tcase_create ("plan");

  tcase_add_test (tc, gateways_longest_prefix);
  tcase_add_test (tc, gateways_weights);
  tcase_add_test (tc, gateways_limits);
  tcase_add_test (tc, gateways_fingerprint);
  tcase_add_loop_test (tc, due_window, 0, G_N_ELEMENTS (windows));
  tcase_add_test (tc, due_valid);
  tcase_add_test (tc, due_long_text);
  suite_add_tcase (suite, tc);
  return suite;
}
