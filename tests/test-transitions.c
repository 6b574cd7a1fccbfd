/* SPDX-License-Identifier: MIT */

#include "gateway/rules/guards.h"
#include "gateway/rules/transitions.h"
#include "tests/suites.h"
#include "tests/vectors.h"

#include <string.h>

#define NOW 1795280132746

/* Settings with default_responses on and whatever else a case needs. */
static BaruaSettings *
settings_with (const char *members)
{
  g_autofree char *text
      = g_strdup_printf ("{\"default_country_code\":254,\"phone_validation\":\"partial\","
                         "\"transitions\":{\"default_responses\":true},"
                         "\"default_responses\":{\"start_date\":\"2020-01-01\"},"
                         "\"translations\":{\"en\":{\"sms_received\":\"Got "
                         "it.\",\"form_not_found\":\"No such form.\",\"empty\":\"Empty!\"},"
                         "\"sw\":{\"sms_received\":\"Imepokelewa.\"}},"
                         "\"forms\":{\"P\":{\"meta\":{\"code\":\"P\"},\"public_form\":true,"
                         "\"fields\":{\"a\":{\"type\":\"string\"}}}}%s%s}",
                         *members != '\0' ? "," : "", members);
  g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));
  g_autoptr (GError) error = NULL;
  BaruaSettings *settings = barua_settings_compile (bytes, NULL, 0, &error);

  ck_assert_msg (settings != NULL, "%s", error != NULL ? error->message : "");
  return settings;
}

/* BaruaLookup.count_repeat: counts what it is asked. */
static gboolean
count_up (gpointer data, BaruaText to, BaruaText text, gint64 now_ms, guint *count, GError **error)
{
  *count = ++*(guint *)data;
  return TRUE;
}

/* BaruaLookup.count_repeat: fails. */
static gboolean
count_fails (gpointer data, BaruaText to, BaruaText text, gint64 now_ms, guint *count,
             GError **error)
{
  g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_IO, "broken");
  return FALSE;
}

/* Runs the rules for one message; the tasks as text. */
static char *
run_rules (const BaruaSettings *settings, const char *from, const char *text, const char *locale,
           guint *repeats)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (GString) tasks = g_string_new ("[");
  const BaruaMessage message = { .message = barua_text (text),
                                 .from = barua_text (from),
                                 .locale = barua_text (locale),
                                 .now_ms = NOW };
  const BaruaLookup lookup = { repeats, count_up };
  BaruaRecord record;
  BaruaTransition transition = { settings, arena, &record, message.locale, &lookup, NOW, tasks };

  ck_assert (barua_record_from_message (settings, &message, arena, &record, NULL));
  ck_assert (barua_transitions_run (&transition, NULL));
  g_string_append_c (tasks, ']');
  return g_string_free (g_steal_pointer (&tasks), FALSE);
}

typedef struct
{
  const char *settings;
  const char *from;
  const char *text;
  const char *locale;
  const char *message; /* NULL: no task */
  const char *state;
} Reply;

/* workflows.md 11.1; messaging.md 5.3, 9 */
static const Reply replies[] = {
  { "", "0712345678", "hello there", NULL, "Got it.", "pending" },
  { "", "0712345678", "hello there", "sw", "Imepokelewa.", "pending" },
  { "", "0712345678", "", NULL, "Empty!", "pending" },
  { "", "0712345678", " \n", NULL, "Empty!", "pending" },
  { "", "0712345678", "P x", NULL, NULL, NULL },
  { "", "", "hello", NULL, NULL, NULL },
  { "\"forms_only_mode\":true", "0712345678", "hello there", NULL, "No such form.", "pending" },
  { "\"transitions\":{\"default_responses\":{\"disable\":true}}", "0712345678", "hello", NULL, NULL,
    NULL },
  { "\"transitions\":{\"default_responses\":false}", "0712345678", "hello", NULL, NULL, NULL },
  { "\"default_responses\":{\"start_date\":\"\"}", "0712345678", "hello", NULL, NULL, NULL },
  { "\"default_responses\":{\"start_date\":\"2999-01-01\"}", "0712345678", "hello", NULL, NULL,
    NULL },
  { "\"default_responses\":{\"start_date\":\"2020-13-45\"}", "0712345678", "hello", NULL, NULL,
    NULL },
  { "\"gateway_number\":\"+254712345678\"", "0712345678", "hello", NULL, NULL, NULL },
  { "\"outgoing_deny_shorter_than\":6", "12345", "hello", NULL, "Got it.", "denied" },
  { "\"outgoing_deny_shorter_than\":6", "123456", "hello", NULL, "Got it.", "pending" },
  { "\"outgoing_deny_with_alphas\":true", "ORANGE", "hello", NULL, "Got it.", "denied" },
  { "\"outgoing_deny_with_alphas\":\"true\"", "ORANGE", "hello", NULL, "Got it.", "pending" },
  { "\"outgoing_deny_list\":\"safari, Orange ,\"", "oRANGE-1", "hello", NULL, "Got it.", "denied" },
  { "\"locale_outgoing\":\"sw\"", "0712345678", "hello", NULL, "Imepokelewa.", "pending" },
};

START_TEST (reply_case)
{
  const Reply *v = &replies[_i];
  guint repeats = 0;
  g_autoptr (BaruaSettings) settings = settings_with (v->settings);
  g_autofree char *tasks = run_rules (settings, v->from, v->text, v->locale, &repeats);
  BaruaJson list = BARUA_JSON_NONE;

  ck_assert (barua_json_read (tasks, -1, &list, NULL));
  if (v->message == NULL)
    {
      ck_assert_msg (barua_json_size (list) == 0, "%s: %s", v->text, tasks);
      return;
    }
  BaruaJson task = barua_json_element (list, 0);
  BaruaJson message = barua_json_element (barua_json_member (task, "messages"), 0);
  ck_assert_uint_eq (barua_json_size (list), 1);
  ck_assert_msg (
      barua_json_string_is (barua_json_member (message, "message"), barua_text (v->message)), "%s",
      tasks);
  ck_assert_msg (barua_json_string_is (barua_json_member (task, "state"), barua_text (v->state)),
                 "%s", tasks);
  ck_assert_uint_eq (repeats, strcmp (v->state, "denied") == 0 ? 0 : 1);
}
END_TEST

/* messaging.md 12 no. 12: the sixth of the same text is the first refused one */
START_TEST (reply_repeats)
{
  g_autoptr (BaruaSettings) settings = settings_with ("");
  guint repeats = 0;

  for (guint i = 1; i <= 7; i++)
    {
      g_autofree char *tasks = run_rules (settings, "0712345678", "hello", NULL, &repeats);
      ck_assert_msg ((strstr (tasks, "\"state\":\"duplicate\"") != NULL) == (i > 5), "%u: %s", i,
                     tasks);
    }
}
END_TEST

START_TEST (reply_limit)
{
  static const struct
  {
    const char *settings;
    guint limit;
  } limits[] = {
    { "", 5 },
    { "\"sms\":{\"duplicate_limit\":3}", 3 },
    { "\"sms\":{\"duplicate_limit\":\"7\"}", 7 },
    { "\"sms\":{\"duplicate_limit\":0}", 5 },
    { "\"sms\":{\"duplicate_limit\":-1}", 5 },
    { "\"sms\":{\"duplicate_limit\":99}", 20 },
    { "\"sms\":{\"duplicate_limit\":\"x\"}", 5 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      g_autoptr (BaruaSettings) settings = settings_with (limits[i].settings);
      ck_assert_uint_eq (barua_guard_repeat_limit (settings), limits[i].limit);
    }
}
END_TEST

/* A look-up that fails fails the record: nothing half-judged is stored. */
START_TEST (reply_lookup_fails)
{
  g_autoptr (BaruaSettings) settings = settings_with ("");
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (GString) tasks = g_string_new ("[");
  g_autoptr (GError) error = NULL;
  const BaruaMessage message
      = { .message = BARUA_TEXT ("hello"), .from = BARUA_TEXT ("0712345678"), .now_ms = NOW };
  const BaruaLookup lookup = { NULL, count_fails };
  BaruaRecord record;
  BaruaTransition transition = { settings, arena, &record, { NULL, 0 }, &lookup, NOW, tasks };

  ck_assert (barua_record_from_message (settings, &message, arena, &record, NULL));
  ck_assert (!barua_transitions_run (&transition, &error));
  ck_assert (g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_IO));
}
END_TEST

/* BaruaLookup.find_contact: nobody is known, or the look-up fails. */
static gboolean
find_nobody (gpointer fails, BaruaContactKey key, BaruaText value, BaruaText *id, GError **error)
{
  if (fails != NULL)
    g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_IO, "broken");
  return fails == NULL;
}

/* workflows.md 1.1 no. 4, 3: the row runs whatever its mark as long as there is no contact, the
 * error comes once; a look-up that fails fails the record. */
START_TEST (sender_unknown)
{
  g_autoptr (BaruaSettings) settings = settings_with ("\"transitions\":{\"update_clinics\":true}");
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (GString) tasks = g_string_new ("[");
  g_autoptr (GError) error = NULL;
  const BaruaMessage message
      = { .message = BARUA_TEXT ("hello"), .from = BARUA_TEXT ("0712345678"), .now_ms = NOW };
  BaruaLookup lookup = { NULL, count_fails, NULL, find_nobody };
  BaruaRecord record;
  BaruaTransition transition
      = { settings, arena, &record, { NULL, 0 }, &lookup, NOW, tasks, .done = G_MAXUINT64 };

  ck_assert (barua_record_from_message (settings, &message, arena, &record, NULL));
  const guint before = record.n_errors;
  for (guint i = 0; i < 2; i++)
    {
      ck_assert (barua_transitions_run (&transition, NULL));
      ck_assert_uint_eq (record.n_errors, before + 1);
    }
  ck_assert (barua_text_equal (record.errors[before].code, BARUA_TEXT ("sys.facility_not_found")));
  ck_assert_str_eq (tasks->str, "[");

  transition.contact = BARUA_TEXT ("{}");
  lookup.data = &lookup;
  ck_assert (barua_transitions_run (&transition, NULL));
  transition.contact = (BaruaText){ NULL, 0 };
  ck_assert (!barua_transitions_run (&transition, &error));
  ck_assert (g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_IO));
}
END_TEST

typedef struct
{
  const char *settings;
  const char *number;
  const char *result;
} Recipient;

/* messaging.md 5.1 */
static const Recipient recipients[] = {
  { "", "+254712", "+254712" },
  { "\"outgoing_phone_replace\":{\"match\":\"+254\",\"replace\":\"0\"}", "+254712+254",
    "0712+254" },
  { "\"outgoing_phone_replace\":{\"match\":\"+254\",\"replace\":\"\"}", "+254712", "712" },
  { "\"outgoing_phone_replace\":{\"match\":\"+255\",\"replace\":\"0\"}", "+254712", "+254712" },
  { "\"outgoing_phone_filters\":[{\"match\":\"7+\",\"replace\":\"8\"}]", "+2547712", "+254812" },
  { "\"outgoing_phone_filters\":[{\"match\":\"(\",\"replace\":\"8\"},{\"match\":\"1\",\"replace\":"
    "\"9\"}]",
    "11", "91" },
  { "\"outgoing_phone_filters\":[{\"match\":\"1\",\"replace\":\"\"}]", "11", "11" },
};

START_TEST (reply_recipient)
{
  const Recipient *v = &recipients[_i];
  g_autoptr (BaruaSettings) settings = settings_with (v->settings);
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaText result = barua_guard_recipient (settings, arena, barua_text (v->number));

  ck_assert_msg (barua_text_equal (result, barua_text (v->result)), "%.*s", (int)result.n,
                 result.p);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("transitions");
  TCase *tc = tcase_create ("transitions");

  tcase_add_loop_test (tc, reply_case, 0, G_N_ELEMENTS (replies));
  tcase_add_test (tc, reply_repeats);
  tcase_add_test (tc, reply_limit);
  tcase_add_test (tc, reply_lookup_fails);
  tcase_add_test (tc, sender_unknown);
  tcase_add_loop_test (tc, reply_recipient, 0, G_N_ELEMENTS (recipients));
  suite_add_tcase (suite, tc);
  return suite;
}
