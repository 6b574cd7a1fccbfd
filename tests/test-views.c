/* SPDX-License-Identifier: MIT */

/* Sort keys against a plain comparison, and what the views emit. */

#include "gateway/rules/collation.h"
#include "gateway/rules/views.h"
#include "tests/suites.h"
#include "tests/vectors.h"

#include <string.h>

#include <check.h>

/* ---- sort keys ---- */

static BaruaJson
json_of (const char *text)
{
  BaruaJson json = BARUA_JSON_NONE;
  g_autoptr (GError) error = NULL;

  ck_assert_msg (barua_json_read (text, -1, &json, &error), "%s: %s", text,
                 error != NULL ? error->message : "");
  return json;
}

static int
sign (int n)
{
  return (n > 0) - (n < 0);
}

static int
compare_keys (BaruaJson a, BaruaJson b)
{
  g_autoptr (GString) left = g_string_new (NULL);
  g_autoptr (GString) right = g_string_new (NULL);

  barua_collation_append (left, a);
  barua_collation_append (right, b);
  const int order = memcmp (left->str, right->str, MIN (left->len, right->len));
  return order != 0 ? sign (order) : (left->len > right->len) - (left->len < right->len);
}

/* The rank of a type. */
static int
rank (BaruaJson value)
{
  static const int ranks[] = {
    [BARUA_JSON_ABSENT] = 0, [BARUA_JSON_NULL] = 0,   [BARUA_JSON_FALSE] = 1,
    [BARUA_JSON_TRUE] = 2,   [BARUA_JSON_NUMBER] = 3, [BARUA_JSON_STRING] = 4,
    [BARUA_JSON_ARRAY] = 5,  [BARUA_JSON_OBJECT] = 6,
  };
  return ranks[barua_json_type (value)];
}

/* Compares strings as JavaScript does: by UTF-16 units. */
static int
compare_strings (BaruaJson a, BaruaJson b)
{
  gsize n_left;
  gsize n_right;
  g_autofree char *left = barua_json_string (a, &n_left);
  g_autofree char *right = barua_json_string (b, &n_right);
  const char *p = left;
  const char *q = right;

  while (p < left + n_left && q < right + n_right)
    {
      const gunichar c = *p == '\0' ? 0 : g_utf8_get_char (p);
      const gunichar d = *q == '\0' ? 0 : g_utf8_get_char (q);
      if (c != d)
        {
          const gunichar unit_c = c >= 0x10000 ? 0xd800 + ((c - 0x10000) >> 10) : c;
          const gunichar unit_d = d >= 0x10000 ? 0xd800 + ((d - 0x10000) >> 10) : d;
          return unit_c != unit_d ? (unit_c > unit_d ? 1 : -1) : (c > d ? 1 : -1);
        }
      p += *p == '\0' ? 1 : g_utf8_next_char (p) - p;
      q += *q == '\0' ? 1 : g_utf8_next_char (q) - q;
    }
  return (p < left + n_left) - (q < right + n_right);
}

/* The order of documents.md 5, written down plainly; recursion is fine for what the test makes. */
static int
reference (BaruaJson a, BaruaJson b)
{
  BaruaJsonIter left;
  BaruaJsonIter right;
  BaruaJson key_a, key_b, value_a, value_b;

  if (rank (a) != rank (b))
    return sign (rank (a) - rank (b));
  if (rank (a) == 3)
    {
      const double x = barua_json_number (a);
      const double y = barua_json_number (b);
      return (x > y) - (x < y);
    }
  if (rank (a) == 4)
    return compare_strings (a, b);
  if (rank (a) < 5)
    return 0;
  barua_json_iter_init (&left, a);
  barua_json_iter_init (&right, b);
  for (;;)
    {
      const gboolean has_a = barua_json_iter_next (&left, &key_a, &value_a);
      const gboolean has_b = barua_json_iter_next (&right, &key_b, &value_b);
      if (!has_a || !has_b)
        return has_a - has_b;
      int order = rank (a) == 6 ? compare_strings (key_a, key_b) : 0;
      if (order == 0)
        order = reference (value_a, value_b);
      if (order != 0)
        return order;
    }
}

/* Appends a random value. */
static void
append_random (GString *out, GRand *rand, int depth)
{
  static const char *const plain[] = { "null",
                                       "false",
                                       "true",
                                       "0",
                                       "-0",
                                       "1",
                                       "1.0",
                                       "-1",
                                       "1e3",
                                       "10",
                                       "0.5",
                                       "-2.5",
                                       "1e400",
                                       "-1e400",
                                       "\"\"",
                                       "\"a\"",
                                       "\"A\"",
                                       "\"aa\"",
                                       "\"\\u0000\"",
                                       "\"\\u0001\"",
                                       "\"\\u0000a\"",
                                       "\"\\u0002\"",
                                       "\"\\ufff0\"",
                                       "\"😀\"",
                                       "\"\\ud83d\\ude01\"",
                                       "\"é\"",
                                       "12345678901234567890" };
  const int kind = depth > 0 ? g_rand_int_range (rand, 0, 4) : 0;
  const int n = g_rand_int_range (rand, 0, 4);

  if (kind < 2)
    {
      g_string_append (out, plain[g_rand_int_range (rand, 0, G_N_ELEMENTS (plain))]);
      return;
    }
  g_string_append_c (out, kind == 2 ? '[' : '{');
  for (int i = 0; i < n; i++)
    {
      if (i > 0)
        g_string_append_c (out, ',');
      if (kind == 3)
        g_string_append_printf (out, "\"%c\":", 'a' + g_rand_int_range (rand, 0, 3));
      append_random (out, rand, depth - 1);
    }
  g_string_append_c (out, kind == 2 ? ']' : '}');
}

START_TEST (collation_random)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);

  for (int i = 0; i < 20000; i++)
    {
      g_autoptr (GString) a = g_string_new (NULL);
      g_autoptr (GString) b = g_string_new (NULL);
      append_random (a, rand, 3);
      append_random (b, rand, 3);
      const BaruaJson left = json_of (a->str);
      const BaruaJson right = json_of (b->str);
      ck_assert_msg (compare_keys (left, right) == reference (left, right), "%s %s", a->str,
                     b->str);
    }
}
END_TEST

/* Each is below the next. */
START_TEST (collation_order)
{
  static const char *const order[] = { "null",        "false",
                                       "true",        "-1e400",
                                       "-10",         "0",
                                       "1e3",         "\"\"",
                                       "\"A\"",       "\"a\"",
                                       "\"aa\"",      "\"b\"",
                                       "\"é\"",       "\"😀\"",
                                       "\"\\ufff0\"", "[]",
                                       "[null]",      "[1]",
                                       "[1,0]",       "[1,\"\\ufff0\"]",
                                       "[1,{}]",      "[2]",
                                       "[[]]",        "{}",
                                       "{\"a\":1}",   "{\"a\":1,\"b\":0}",
                                       "{\"a\":2}",   "{\"b\":0}" };

  for (gsize i = 1; i < G_N_ELEMENTS (order); i++)
    ck_assert_msg (compare_keys (json_of (order[i - 1]), json_of (order[i])) < 0, "%s %s",
                   order[i - 1], order[i]);
  ck_assert_int_eq (compare_keys (json_of ("-0"), json_of ("0.0")), 0);
}
END_TEST

START_TEST (collation_deep)
{
  g_autoptr (GString) deep = g_string_new (NULL);
  g_autoptr (GString) key = g_string_new (NULL);

  for (int i = 0; i < BARUA_JSON_MAX_DEPTH; i++)
    g_string_append_c (deep, '[');
  for (int i = 0; i < BARUA_JSON_MAX_DEPTH; i++)
    g_string_append_c (deep, ']');
  barua_collation_append (key, json_of (deep->str));
  ck_assert_uint_eq (key->len, 2 * BARUA_JSON_MAX_DEPTH);
}
END_TEST

/* ---- map functions ---- */

static void
on_emit (guint view, BaruaText key, BaruaText value, gpointer data)
{
  g_string_append_printf (data, "%.*s %.*s;", (int)key.n, key.p, (int)value.n, value.p);
  g_autofree char *key_text = g_strndup (key.p, key.n);
  g_autofree char *value_text = g_strndup (value.p, value.n);
  json_of (key_text);
  json_of (value_text);
}

#define PENDING                                                                                    \
  "{\"type\":\"data_record\",\"reported_date\":9,\"tasks\":[{\"state\":\"pending\",\"due\":5,"     \
  "\"gateway_ref\":\"g\",\"state_history\":[{\"timestamp\":3},{\"timestamp\":7}],\"messages\":["   \
  "{\"uuid\":\"u\",\"to\":\"+1\",\"message\":\"hi\"}]}],\"scheduled_tasks\":[{\"state\":"          \
  "\"scheduled\",\"timestamp\":\"2020-01-01T00:00:00Z\",\"message_key\":\"k\",\"recipient\":"      \
  "\"r\"}]}"
#define FAILED "{\"tasks\":[{\"state\":\"failed\",\"messages\":[{\"uuid\":\"u\",\"to\":\"+1\"}]}]}"
#define REPORT                                                                                     \
  "{\"type\":\"data_record\",\"form\":\"F\",\"reported_date\":9,\"patient_id\":7,\"fields\":{"     \
  "\"patient_id\":\"p\",\"place_uuid\":\"q\",\"year\":2020,\"month\":3},\"errors\":[],"            \
  "\"contact\":"                                                                                   \
  "{\"_id\":\"c\",\"parent\":{\"_id\":\"hc\",\"parent\":{\"_id\":\"d\"}}}}"
#define PERSON                                                                                     \
  "{\"type\":\"person\",\"name\":\"ÄNNE\",\"phone\":\"+1\",\"patient_id\":\"123\",\"rc_code\":"   \
  "\"ab\",\"reported_date\":9,\"contact\":{\"_id\":\"c\"},\"parent\":{\"_id\":\"hc\",\"parent\":"  \
  "{\"_id\":\"d\"}}}"

/* What a document emits in one view. */
static const struct
{
  const char *ddoc;
  const char *view;
  const char *document;
  const char *rows;
} cases[] = {
  { "medic", "messages_by_state", PENDING,
    "[\"pending\",5] {\"content\":\"hi\",\"to\":\"+1\",\"id\":\"u\"};"
    "[\"pending-or-forwarded\",5] {\"content\":\"hi\",\"to\":\"+1\",\"id\":\"u\"};"
    "[\"scheduled\",1577836800000] {};" },
  { "medic-sms", "gateway_messages_by_state", PENDING,
    "\"pending\" {\"id\":\"u\",\"gateway_ref\":\"g\"};" },
  { "medic-sms", "messages_by_gateway_ref", PENDING, "\"g\" \"u\";" },
  { "medic-sms", "messages_by_gateway_ref",
    "{\"type\":\"data_record\",\"sms_message\":{\"gateway_ref\":\"x\"}}", "\"x\" null;" },
  { "medic-sms", "messages_by_uuid", PENDING, "\"u\" null;" },
  { "medic-sms", "messages_by_last_updated_state", PENDING,
    "[\"pending\",7,\"pending\"] null;[\"scheduled\",1577836800000,\"scheduled\"] null;" },
  { "medic-admin", "message_queue", PENDING,
    "[\"due\",5] {\"sms\":{\"message\":\"hi\",\"to\":\"+1\"},\"task\":{\"state_history\":"
    "{\"timestamp\":7},\"state\":\"pending\"},\"due\":5};[\"scheduled\",1577836800000] "
    "{\"scheduled_sms\":{\"translation_key\":\"k\",\"recipient\":\"r\"},\"task\":{\"state\":"
    "\"scheduled\"},\"due\":1577836800000};" },
  { "medic-admin", "message_queue", FAILED,
    "[\"due\",null] {\"sms\":{\"to\":\"+1\"},\"task\":{\"state\":\"failed\"},\"due\":null};"
    "[\"failed\",null] {\"sms\":{\"to\":\"+1\"},\"task\":{\"state\":\"failed\"},\"due\":null};" },
  { "medic-client", "reports_by_form", REPORT, "[\"F\"] 9;" },
  { "medic-client", "reports_by_form", PENDING, "" },
  { "medic-client", "reports_by_date", REPORT, "[9] 9;" },
  { "medic-client", "reports_by_subject", REPORT, "\"7\" 9;\"p\" 9;\"q\" 9;" },
  { "medic-client", "reports_by_place", REPORT, "[\"hc\"] 9;[\"d\"] 9;" },
  { "medic-client", "reports_by_validity", REPORT, "[true] 9;" },
  { "medic-client", "reports_by_verification", REPORT, "[null] 9;" },
  { "medic-client", "data_records_by_type", REPORT, "\"report\" null;" },
  { "medic-client", "data_records_by_type", PENDING, "\"message\" null;" },
  { "medic-client", "messages_by_contact_date",
    "{\"type\":\"data_record\",\"reported_date\":9,\"from\":\"+1\",\"sms_message\":{\"a\":1}}",
    "[\"+1\",9] {\"id\":\"ID\",\"date\":9};" },
  { "medic-client", "messages_by_contact_date",
    "{\"type\":\"data_record\",\"reported_date\":9,\"kujua_message\":true,\"tasks\":[{\"messages\":"
    "["
    "{\"contact\":{\"_id\":\"c\",\"name\":\"N\"}}]}]}",
    "[\"c\",9] {\"id\":\"ID\",\"date\":9,\"contact\":\"N\"};" },
  { "medic-client", "contacts_by_phone", PERSON, "\"+1\" null;" },
  { "barua", "offices_by_phone", PERSON, "" },
  { "barua", "offices_by_phone", "{\"type\":\"national_office\",\"phone\":\"+1\"}",
    "\"+1\" null;" },
  { "medic-client", "contacts_by_phone", "{\"type\":\"national_office\",\"phone\":\"+1\"}", "" },
  { "barua", "contacts_by_order", PERSON, "\"false false 3 änne\" null;" },
  { "barua", "records_by_date", "{\"type\":\"data_record\",\"reported_date\":5}", "5 null;" },
  { "barua", "records_by_date", "{\"type\":\"login_token\",\"tasks\":[{}]}", "null null;" },
  { "barua", "records_by_date", "{\"type\":\"login_token\",\"tasks\":[],\"scheduled_tasks\":[1]}", "null null;" },
  { "barua", "records_by_date", PERSON, "" },
  { "medic-client", "contacts_by_type", PERSON, "[\"person\"] \"false false 3 änne\";" },
  { "medic-client", "contacts_by_parent", PERSON, "[\"hc\",\"person\"] null;" },
  { "medic-client", "contacts_by_place", PERSON, "[\"hc\"] \"3 änne\";[\"d\"] \"3 änne\";" },
  { "medic-client", "contacts_by_reference", PERSON,
    "[\"shortcode\",\"123\"] 9;[\"external\",\"AB\"] 9;" },
  { "medic-client", "doc_by_type", "{\"type\":\"form\"}", "[\"form\"] null;" },
  { "medic", "docs_by_shortcode", PERSON, "\"123\" null;" },
  { "medic", "contacts_by_depth", PERSON,
    "[\"ID\"] {\"shortcode\":\"123\",\"primary_contact\":\"c\"};"
    "[\"ID\",0] {\"shortcode\":\"123\",\"primary_contact\":\"c\"};"
    "[\"hc\"] {\"shortcode\":\"123\",\"primary_contact\":\"c\"};"
    "[\"hc\",1] {\"shortcode\":\"123\",\"primary_contact\":\"c\"};"
    "[\"d\"] {\"shortcode\":\"123\",\"primary_contact\":\"c\"};"
    "[\"d\",2] {\"shortcode\":\"123\",\"primary_contact\":\"c\"};" },
  { "medic", "contacts_by_primary_contact", PERSON, "\"c\" null;" },
  { "medic", "reports_by_form_and_parent", REPORT, "[\"F\",\"hc\"] 9;" },
  { "medic", "reports_by_form_year_month_parent_reported_date", REPORT,
    "[\"F\",2020,3,\"hc\",9] null;" },
  { "medic", "reports_by_form_year_week_parent_reported_date", REPORT, "" },
  { "barua", "docs_by_holder", "{\"type\":\"data_record\",\"form\":\"F\",\"contact\":{\"_id\":\"p\"}}",
    "\"p\" null;" },
  { "barua", "docs_by_holder", "{\"type\":\"data_record\",\"form\":\"F\",\"fields\":{\"patient_id\":\"1\"}}",
    "" },
  { "barua", "docs_by_holder", "{\"type\":\"data_record\",\"form\":\"F\",\"fields\":{}}", "null null;" },
  { "barua", "docs_by_holder", "{\"type\":\"data_record\",\"sms_message\":{}}", "null null;" },
  { "barua", "docs_by_holder",
    "{\"type\":\"data_record\",\"kujua_message\":true,\"tasks\":[{\"messages\":[{\"contact\":{\"_id\":"
    "\"a\"}},{\"contact\":null},{\"contact\":\"b\"}]}]}",
    "\"a\" null;\"b\" null;" },
  { "barua", "docs_by_holder", "{\"type\":\"task\",\"user\":\"org.couchdb.user:jo\"}",
    "\"org.couchdb.user:jo\" null;" },
  { "barua", "docs_by_holder", "{\"type\":\"task\"}", "" },
  { "barua", "docs_by_holder", "{\"type\":\"person\",\"contact\":\"p\"}", "" },
  { "users", "users_by_field", "{\"contact_id\":\"c\",\"facility_id\":[\"a\",\"b\"]}",
    "[\"contact_id\",\"c\"] null;[\"facility_id\",\"a\"] null;[\"facility_id\",\"b\"] null;" },
  { "medic-conflicts", "conflicts", "{}", "[\"2-b\",\"1-a\"] null;" },
};

START_TEST (views_map)
{
  const BaruaText losers[] = { BARUA_TEXT ("2-b"), BARUA_TEXT ("1-a") };
  const BaruaViewDocument document
      = { BARUA_TEXT ("ID"), json_of (cases[_i].document), losers, G_N_ELEMENTS (losers) };
  g_autofree gboolean *wants = g_new0 (gboolean, barua_views_count ());
  g_autoptr (GString) rows = g_string_new (NULL);
  const int view
      = barua_view_find (g_str_equal (cases[_i].ddoc, "users"), cases[_i].ddoc, cases[_i].view);

  ck_assert_int_ge (view, 0);
  wants[view] = TRUE;
  barua_views_map (&document, wants, on_emit, rows);
  ck_assert_str_eq (rows->str, cases[_i].rows);
}
END_TEST

/* Every view has a case above. */
START_TEST (views_all_tested)
{
  for (guint i = 0; i < barua_views_count (); i++)
    {
      gboolean is_tested = FALSE;
      for (gsize j = 0; j < G_N_ELEMENTS (cases); j++)
        is_tested = is_tested
                    || (g_str_equal (cases[j].ddoc, barua_view (i)->ddoc)
                        && g_str_equal (cases[j].view, barua_view (i)->name));
      ck_assert_msg (is_tested, "%s/%s", barua_view (i)->ddoc, barua_view (i)->name);
    }
  ck_assert_int_eq (barua_view_find (FALSE, "medic", "none"), -1);
  ck_assert (barua_view_has_ddoc (FALSE, "medic") && !barua_view_has_ddoc (TRUE, "medic"));
}
END_TEST

START_TEST (views_reduce)
{
  static const struct
  {
    BaruaReducer reducer;
    const char *value;
  } expected[] = {
    { BARUA_REDUCE_COUNT, "3" },
    { BARUA_REDUCE_SUM, "6" },
    { BARUA_REDUCE_STATS, "{\"sum\":6,\"count\":3,\"min\":-1,\"max\":5,\"sumsqr\":30}" },
  };
  BaruaReduction reduction = { 0 };
  g_autoptr (GString) out = g_string_new (NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      g_string_truncate (out, 0);
      barua_reduction_add (&reduction, expected[i].reducer, json_of ("2"));
      barua_reduction_add (&reduction, expected[i].reducer, json_of ("-1"));
      barua_reduction_add (&reduction, expected[i].reducer, json_of ("5"));
      barua_reduction_end (&reduction, expected[i].reducer, out);
      ck_assert_str_eq (out->str, expected[i].value);
    }
  g_string_truncate (out, 0);
  barua_reduction_add (&reduction, BARUA_REDUCE_LATEST, json_of ("{\"date\":2}"));
  barua_reduction_add (&reduction, BARUA_REDUCE_LATEST, json_of ("{\"date\":9,\"id\":\"x\"}"));
  barua_reduction_add (&reduction, BARUA_REDUCE_LATEST, json_of ("{\"date\":3}"));
  barua_reduction_end (&reduction, BARUA_REDUCE_LATEST, out);
  ck_assert_str_eq (out->str, "{\"date\":9,\"id\":\"x\"}");
  barua_reduction_clear (&reduction);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("views");
  TCase *tc = tcase_create ("views");

  tcase_add_test (tc, collation_random);
  tcase_add_test (tc, collation_order);
  tcase_add_test (tc, collation_deep);
  tcase_add_loop_test (tc, views_map, 0, G_N_ELEMENTS (cases));
  tcase_add_test (tc, views_all_tested);
  tcase_add_test (tc, views_reduce);
  suite_add_tcase (suite, tc);
  return suite;
}
