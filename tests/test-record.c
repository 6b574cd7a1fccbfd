/* SPDX-License-Identifier: MIT */

/* Messages that the vectors leave out, by what their records hold. */

#include "parser/record.h"

#include <string.h>

#include "tests/suites.h"

/* So many that the number is out of range. */
#define INFINITE_DIGITS MANY_DIGITS MANY_DIGITS MANY_DIGITS MANY_DIGITS MANY_DIGITS MANY_DIGITS

/* 60 digits, whose number is no longer exact. */
#define MANY_DIGITS "123456789012345678901234567890123456789012345678901234567890"

static const char settings_text[]
    = "{\"locale\":\"en\",\"default_country_code\":254,\"forms\":{"
      "\"T\":{\"meta\":{\"code\":\"T\"},\"fields\":{"
      "\"num\":{\"type\":\"integer\",\"labels\":{\"tiny\":\"n\"}},"
      "\"pick\":{\"type\":\"integer\",\"labels\":{\"tiny\":\"p\"},"
      "\"list\":[[1,\"one\"],[12,\"twelve\"],[1.5,\"one and a half\"]]},"
      "\"text\":{\"type\":\"string\",\"labels\":{\"tiny\":\"s\"}},"
      "\"day\":{\"type\":\"date\",\"labels\":{\"tiny\":\"d\"}},"
      "\"flag\":{\"type\":\"boolean\",\"labels\":{\"tiny\":\"f\"}},"
      "\"any\":{\"type\":\"whatever\",\"labels\":{\"tiny\":\"a\"}},"
      "\"patient_id\":{\"type\":\"string\",\"labels\":{\"tiny\":\"id\"}},"
      "\"a_very_long_name\":{\"type\":\"string\",\"labels\":{\"tiny\":\"another_long_label\"}}}},"
      "\"Q\":{\"meta\":{\"code\":\"Q\"},\"fields\":{"
      "\"first\":{\"type\":\"string\",\"labels\":{\"tiny\":\"x\"}},"
      "\"last\":{\"type\":\"string\",\"labels\":{\"tiny\":\"y\"}}}},"
      "\"A#B\":{\"meta\":{\"code\":\"A#B\"},\"fields\":{"
      "\"one\":{\"type\":\"string\"},\"two\":{\"type\":\"string\"}}},"
      "\"A#0\":{\"meta\":{\"code\":\"A#0\"},\"fields\":{}},"
      "\"AGG\":{\"meta\":{\"code\":\"AGG\"},\"fields\":{"
      "\"y\":{\"type\":\"bsYear\"},\"date\":{\"type\":\"bsAggreDate\"},"
      "\"date2\":{\"type\":\"bsAggreDate\"},\"s\":{\"type\":\"string\"}}},"
      "\"NEST\":{\"meta\":{\"code\":\"NEST\"},\"fields\":{"
      "\"a.b.c\":{\"type\":\"integer\"},\"a.b.d\":{\"type\":\"date\"},"
      "\"a.e\":{\"type\":\"boolean\"},\"_meta\":{\"type\":\"string\"},\"z\":{\"type\":\"complex\"}}},"
      "\"W\":{\"meta\":{\"code\":\"W\"},\"fields\":{"
      "\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"integer\"},\"c\":{\"type\":\"integer\"},"
      "\"d\":{\"type\":\"integer\"},\"e\":{\"type\":\"integer\"},\"l\":{\"type\":\"complex\"}}}}}";

static BaruaSettings *
new_settings (void)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (settings_text, sizeof settings_text - 1);
  BaruaSettings *settings = barua_settings_compile (bytes, NULL, 0, NULL);

  ck_assert_ptr_nonnull (settings);
  return settings;
}

static const struct
{
  const char *message;
  const char *fields; /* of the record */
  const char *errors; /* its codes with blanks between */
} cases[] = {
  /* Textforms: what is between a key and its value (parsing.md 6.2) */
  { "T n\xE2\x80\x83-\xE2\x80\x83" "5", "{\"num\":5}", "" },
  { "T n - \xC3\xA9", "{\"num\":null}", "" },
  { "T s \xE3\x80\x80\xE3\x80\x80", "{}", "" },
  { "T #n!! #s a", "{\"text\":\"a\"}", "" },
  { "T N 5 # S  b ", "{\"num\":5,\"text\":\"b\"}", "" },
  { "T another_long_label x", "{\"a_very_long_name\":\"x\"}", "" },
  { "T n 5#A_Very_Long_Name y", "{\"num\":5,\"a_very_long_name\":\"y\"}", "" },
  { "T n 5#another_long_labex x", "{\"num\":5}", "" },
  /* lines: a value holds no line end (6.2), a day gives its second digit back for that */
  { "T n 5\rs x", "{\"num\":null}", "" },
  { "T d 2020-10-12\n", "{\"day\":1602460800000}", "" },
  { "T s\n2020-10-12\nx", "{\"text\":\"2020-10-12\\nx\"}", "" },
  { "T n 2020-10-12.\n5", "{\"num\":2.5}", "sys.incorrect_type" },
  { "T n 2020-10-10.\n5", "{}", "" },
  { "T n 2020-10-12 a\nb", "{\"any\":\"b\"}", "" },
  { "T d 2020-10-12\n3", "{\"day\":null}", "" },
  /* keys that come more than once (6.2, D8) */
  { "T s a#s b", "{\"text\":[\"a\",\"b\"]}", "sys.incorrect_type" },
  { "T n 5#n 6", "{\"num\":null}", "" },
  { "T n 5#n", "{\"num\":null}", "" },
  { "T a 5#a x#a 2020-13-01", "{\"any\":[5,\"x\",null]}", "" },
  { "T d 2020-10-12#d 5", "{\"day\":null}", "" },
  { "T id 7#id 8", "{\"patient_id\":\"7,8\"}", "" },
  { "T id x#id 2020-13-01#id 8", "{\"patient_id\":\"x,,8\"}", "" },
  { "T n#n 5", "{\"num\":5}", "" },
  /* the label before the key (6.3) */
  { "T s a#num 5", "{\"num\":5,\"text\":\"a\"}", "" },
  { "T #num 5#n 6", "{\"num\":6}", "" },
  { "T num 5#n 2020-13-01", "{\"num\":5}", "" },
  /* days that do not exist or are the first of 1970 count as not sent (D26) */
  { "T n 1970-01-01", "{}", "" },
  { "T a 2020-13-01", "{}", "" },
  { "T a 2020-1-", "{\"any\":\"20201-\"}", "" },
  { "T a 2020-x-1x", "{\"any\":\"2020x-1x\"}", "" },
  { "T a 2020/1x1x", "{\"any\":\"2020/1x1x\"}", "" },
  { "T s 2024-13-01", "{\"text\":\"2024-13-01\"}", "" },
  /* numbers where something else is wanted */
  { "T p 12", "{\"pick\":\"twelve\"}", "" },
  { "T p 1.5", "{\"pick\":\"one and a half\"}", "" },
  { "T p 1.0", "{\"pick\":\"one\"}", "" },
  { "T p " MANY_DIGITS, "{\"pick\":null}", "" },
  { "T p 2020-01-03", "{\"pick\":null}", "" },
  { "T f 1", "{\"flag\":true}", "" },
  { "T f 2", "{\"flag\":null}", "" },
  { "T f 2020-01-03", "{\"flag\":null}", "" },
  { "T n 2020-01-03", "{\"num\":1578009600000}", "" },
  { "T n " INFINITE_DIGITS, "{\"num\":null}", "" },
  { "T a " INFINITE_DIGITS, "{\"any\":null}", "" },
  { "T a 2020-10", "{\"any\":\"202010\"}", "" },
  { "T a 2020-1x-1", "{\"any\":\"20201x-1\"}", "" },
  { "T a 2020-10-1", "{\"any\":1601510400000}", "" },
  { "T a 2020-10-1\n2", "{\"any\":2}", "" },
  { "T f 0", "{\"flag\":false}", "" },
  { "T a 5.", "{\"any\":5}", "" },
  { "T a 5 x", "{\"any\":\"5x\"}", "" },
  { "T n 5.5", "{\"num\":5.5}", "sys.incorrect_type" },
  { "T n 5 x", "{\"num\":null}", "" },
  /* Muvuku: a '#' inside the code ends the first piece (5.1) */
  { "1!A#B!x#y", "{\"one\":null,\"two\":\"B!x\"}", "extra_fields" },
  { "1!A#0!x", "{}", "extra_fields" },
  { "1!Q!a#b#c", "{\"first\":\"a\",\"last\":\"b\"}", "extra_fields" },
  /* JavaRosa: labels and values in turn (5.2) */
  { "J1!Q!x#a\\#b\\", "{\"first\":\"a#b\\\\\"}", "" },
  { "J1!Q!x#a\\b\\#c", "{\"first\":\"a\\\\b#c\"}", "" },
  { "J1!Q!x#1#y", "{\"first\":\"1\"}", "" },
  { "J1!T!another_long_label#x#ANOTHER_LONG_LABEX#y", "{\"a_very_long_name\":\"x\"}", "" },
  /* compact: the last text takes the rest, words joined by one blank (6.1) */
  { "Q a b  c", "{\"first\":\"a\",\"last\":\"b c\"}", "" },
  { "Q a b c d", "{\"first\":\"a\",\"last\":\"b c d\"}", "" },
  { "Q a b c ", "{\"first\":\"a\",\"last\":\"b c\"}", "" },
  { "Q a b! c!", "{\"first\":\"a\",\"last\":\"b! c!\"}", "" },
  { "Q a b \xC3\xA9", "{\"first\":\"a\",\"last\":\"b \xC3\xA9\"}", "" },
  { "Q a b\xE2\x80\x83" "c", "{\"first\":\"a\",\"last\":\"b c\"}", "" },
  { "Q \"a b\" c", "{\"first\":\"a b\",\"last\":\"c\"}", "" },
  { "Q a b c \"", "{\"first\":\"a\",\"last\":\"b c\"}", "" },
  { "Q \"a b c", "{\"first\":\"a\",\"last\":\"b c\"}", "" },
  { "Q \"\" \"a", "{\"first\":\" \",\"last\":\"a\"}", "" },
  /* Bikram Sambat: only the first field of the type is reckoned (7.5) */
  { "1!AGG!2070#x#y#z", "{\"y\":\"2070\",\"date\":1365897600000,\"s\":\"z\"}", "" },
  { "1!AGG!", "{\"y\":null}", "" },
  /* more errors than the list had room for at first */
  { "1!W!1.5#2.5#3.5#4.5#5.5#x",
    "{\"a\":1.5,\"b\":2.5,\"c\":3.5,\"d\":4.5,\"e\":5.5,\"l\":\"x\"}",
    "sys.incorrect_type sys.incorrect_type sys.incorrect_type sys.incorrect_type "
    "sys.incorrect_type sys.incorrect_type" },
  /* bytes that are no UTF-8 (D24) */
  { "1!Q!\xFF#\xF4\x90\x80\x80",
    "{\"first\":\"\xEF\xBF\xBD\",\"last\":\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"}", "" },
  { "1!Q!\x01\x1F\"\\#\n", "{\"first\":\"\\u0001\\u001f\\\"\\\\\",\"last\":null}", "" },
};

/* The codes of the errors, with blanks between. */
static char *
error_codes (const BaruaRecord *record)
{
  GString *codes = g_string_new (NULL);

  for (guint i = 0; i < record->n_errors; i++)
    g_string_append_printf (codes, "%s%.*s", i > 0 ? " " : "", (int)record->errors[i].code.n,
                            record->errors[i].code.p);
  return g_string_free (codes, FALSE);
}

START_TEST (record_of_message)
{
  g_autoptr (BaruaSettings) settings = new_settings ();
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaMessage message = { .message = barua_text (cases[_i].message), .from = BARUA_TEXT ("x") };
  BaruaRecord record;

  ck_assert (barua_record_from_message (settings, &message, arena, &record, NULL));
  g_autofree char *fields = g_strndup (record.fields.p, record.fields.n);
  g_autofree char *codes = error_codes (&record);
  ck_assert_msg (strcmp (fields, cases[_i].fields) == 0, "%s: %s", cases[_i].message, fields);
  ck_assert_msg (strcmp (codes, cases[_i].errors) == 0, "%s: %s", cases[_i].message, codes);
}
END_TEST

static const struct
{
  const char *head;
  const char *unit;
  guint n;
  const char *fields;
} long_cases[] = {
  /* a message has at most 1,000 values (parsing.md 2) */
  { "T n 5", "#", 1500, "{\"num\":5}" },
  { "T ", "x 1#", 998, "{\"num\":7}" },
  { "T ", "x 1#", 1000, "{}" },
  { "J1!T!", "x#1#", 499, "{\"num\":7}" },
  { "J1!T!", "x#1#", 500, "{}" },
};

START_TEST (record_of_many_values)
{
  g_autoptr (BaruaSettings) settings = new_settings ();
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (GString) text = g_string_new (long_cases[_i].head);
  BaruaRecord record;

  for (guint i = 0; i < long_cases[_i].n; i++)
    g_string_append (text, long_cases[_i].unit);
  g_string_append (text, long_cases[_i].head[0] == 'J' ? "N#7" : "N 7");
  BaruaMessage message = { .message = { text->str, text->len }, .from = BARUA_TEXT ("x") };
  ck_assert (barua_record_from_message (settings, &message, arena, &record, NULL));
  g_autofree char *fields = g_strndup (record.fields.p, record.fields.n);
  ck_assert_str_eq (fields, long_cases[_i].fields);
}
END_TEST

START_TEST (many_words_of_compact)
{
  g_autoptr (BaruaSettings) settings = new_settings ();
  g_autoptr (BaruaArena) arena = barua_arena_new ();

  for (guint n = 998; n <= 2500; n += 751)
    {
      g_autoptr (GString) text = g_string_new ("Q a b");
      BaruaRecord record;
      for (guint i = 1; i < n; i++)
        g_string_append (text, " c");
      BaruaMessage message = { .message = { text->str, text->len }, .from = BARUA_TEXT ("x") };
      ck_assert (barua_record_from_message (settings, &message, arena, &record, NULL));
      ck_assert_uint_eq (record.values[1].text.n, 2 * MIN (n, 1000) - 1);
    }
}
END_TEST

START_TEST (plain_record)
{
  g_autoptr (BaruaSettings) settings = new_settings ();
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaMessage message = { .from = BARUA_TEXT ("0712345678"), .now_ms = 7 };
  g_autoptr (GString) out = g_string_new (NULL);
  BaruaRecord record;

  barua_record_plain (settings, &message, arena, &record);
  ck_assert (barua_text_equal (record.locale, BARUA_TEXT ("en")));
  message.message = BARUA_TEXT ("a \"b\"");
  message.query_locale = BARUA_TEXT ("sw");
  barua_record_plain (settings, &message, arena, &record);
  barua_record_append_json (&record, "[1]", out);
  ck_assert_str_eq (out->str,
                    "{\"type\":\"data_record\",\"from\":\"+254712345678\",\"errors\":[],"
                    "\"tasks\":[1],\"fields\":{},\"reported_date\":7,\"sms_message\":{"
                    "\"type\":\"sms_message\",\"message\":\"a \\\"b\\\"\",\"locale\":\"sw\","
                    "\"from\":\"0712345678\"}}");
}
END_TEST

static const struct
{
  const char *text;
  const char *json;
  double ms;
} dates[] = {
  { "1700000000000", NULL, 1700000000000.0 },
  { "2020-10-12T00:00:00Z", NULL, 1602460800000.0 },
  { "", NULL, 7 },
  { "never", NULL, 7 },
  { "1700000000000x", NULL, 7 },
  { NULL, "1700000000000", 1700000000000.0 },
  { NULL, "\"1700000000000\"", 1700000000000.0 },
  { NULL, "1e999", 7 },
  { NULL, "0", 7 },
  { "1700000000000", "null", 7 },
  { NULL, "[]", 7 },
};

START_TEST (reported_date)
{
  g_autoptr (BaruaSettings) settings = new_settings ();
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaMessage message = { .message = BARUA_TEXT ("x"), .from = BARUA_TEXT ("x"), .now_ms = 7,
                           .timestamp = barua_text (dates[_i].text) };
  BaruaRecord record;

  if (dates[_i].json != NULL)
    message.timestamp_json = (BaruaJson){ dates[_i].json, strlen (dates[_i].json) };
  ck_assert (barua_record_from_message (settings, &message, arena, &record, NULL));
  ck_assert_double_eq (record.reported_date_ms, dates[_i].ms);
}
END_TEST

static const struct
{
  const char *body;
  const char *from; /* NULL: absent */
  const char *message;
  const char *locale;
  const char *timestamp;
} bodies[] = {
  { "{\"from\":254,\"message\":1.50,\"locale\":\"sw\"}", "254", "1.50", "sw", NULL },
  { "{\"from\":\"a\",\"from\":\"b\",\"message\":\"x\",\"reported_date\":5}", "b", "x", NULL, "5" },
  { "{\"reported_date\":5,\"sent_timestamp\":6,\"locale\":null}", NULL, NULL, NULL, "6" },
  { "{\"sent_timestamp\":null,\"reported_date\":5}", NULL, NULL, NULL, "null" },
  { "{\"from\":[],\"message\":{}}", NULL, NULL, NULL, NULL },
  { "[]", NULL, NULL, NULL, NULL },
};

/* Whether @text is @wanted; NULL: absent. */
static gboolean
is (const char *p, gsize n, const char *wanted)
{
  if (wanted == NULL)
    return p == NULL;
  return p != NULL && n == strlen (wanted) && memcmp (p, wanted, n) == 0;
}

START_TEST (message_of_json)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaJson body = { bodies[_i].body, strlen (bodies[_i].body) };
  BaruaMessage m;

  barua_message_from_json (body, arena, &m);
  ck_assert (is (m.from.p, m.from.n, bodies[_i].from));
  ck_assert (is (m.message.p, m.message.n, bodies[_i].message));
  ck_assert (is (m.locale.p, m.locale.n, bodies[_i].locale));
  ck_assert (is (m.timestamp_json.text, m.timestamp_json.length, bodies[_i].timestamp));
}
END_TEST

static const struct
{
  const char *body;
  const char *fields; /* NULL: refused */
} json_cases[] = {
  { "{\"_meta\":{\"form\":\"T\"},\"N\":5}", "{}" },
  { "{\"_meta\":{\"form\":\"T\"},\"NUM\":5,\"text\":1e999,\"flag\":true}",
    "{\"num\":5,\"text\":null,\"flag\":true}" },
  { "{\"_meta\":{\"form\":\"T\",\"from\":5},\"num\":\"7\",\"text\":null,\"any\":[1, 2]}",
    "{\"num\":\"7\",\"text\":null,\"any\":[1,2]}" },
  /* nested members come as objects, what is none of theirs is dropped (10.4) */
  { "{\"_meta\":{\"form\":\"NEST\"},\"A\":{\"x\":1,\"b\":{\"c\":5,\"d\":7,\"C\":6},\"e\":1}}",
    "{\"a\":{\"b\":{\"c\":5,\"d\":7},\"e\":true}}" },
  { "{\"_meta\":{\"form\":\"NEST\"},\"a\":{\"b\":3,\"e\":0}}", "{\"a\":{\"e\":false}}" },
  { "{\"_meta\":{\"form\":\"NEST\"},\"a\":[1],\"z\":{}}", "{\"z\":{}}" },
  { "{\"_meta\":{\"form\":\"NEST\"},\"a\":{\"b\":[{\"c\":1}],\"e\":\"x\"},\"z\":[]}",
    "{\"a\":{\"e\":\"x\"},\"z\":[]}" },
  { "{\"_meta\":{\"form\":\"NEST\"},\"a.b.c\":5,\"a.b.d\":\"2020-10-12\"}",
    "{\"a\":{\"b\":{\"c\":5,\"d\":1602460800000}}}" },
  { "{\"_meta\":{\"form\":\"NEST\"},\"a\":{\"b\":{\"d\":true}}}", "{\"a\":{\"b\":{\"d\":null}}}" },
  { "{\"_meta\":null}", NULL },
  { "{\"_meta\":\"x\"}", NULL },
  { "{\"_meta\":{\"form\":\"none\"}}", NULL },
  { "{\"_meta\":\"\"}", NULL },
  { "{\"num\":5}", NULL },
};

START_TEST (record_of_json)
{
  g_autoptr (BaruaSettings) settings = new_settings ();
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaJson body = { json_cases[_i].body, strlen (json_cases[_i].body) };
  BaruaText none = { NULL, 0 };
  BaruaRecord record;
  gboolean ok = barua_record_from_json (settings, body, none, 7, arena, &record, NULL);

  if (json_cases[_i].fields == NULL)
    {
      ck_assert_msg (!ok, "%s was taken", json_cases[_i].body);
      return;
    }
  ck_assert (ok);
  g_autofree char *fields = g_strndup (record.fields.p, record.fields.n);
  ck_assert_str_eq (fields, json_cases[_i].fields);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("record");
  TCase *tc = tcase_create ("table");

  tcase_add_loop_test (tc, record_of_message, 0, G_N_ELEMENTS (cases));
  tcase_add_loop_test (tc, record_of_many_values, 0, G_N_ELEMENTS (long_cases));
  tcase_add_test (tc, many_words_of_compact);
  tcase_add_test (tc, plain_record);
  tcase_add_loop_test (tc, reported_date, 0, G_N_ELEMENTS (dates));
  tcase_add_loop_test (tc, message_of_json, 0, G_N_ELEMENTS (bodies));
  tcase_add_loop_test (tc, record_of_json, 0, G_N_ELEMENTS (json_cases));
  suite_add_tcase (suite, tc);
  return suite;
}
