/* SPDX-License-Identifier: MIT */

#include "gateway/rules/csv.h"
#include "tests/suites.h"

typedef struct
{
  const char *json; /* NULL: absent */
  const char *safe, *raw, *cht;
} Cell;

/* export-and-monitoring.md 1.4 */
static const Cell cells[] = {
  { "\"a\"", "\"a\"", "\"a\"", "\"a\"" },
  { "\"\"", "\"\"", "\"\"", "\"\"" },
  { "\"say \\\"hi\\\"\"", "\"say \"\"hi\"\"\"", "\"say \"\"hi\"\"\"", "\"say \\\"hi\\\"\"" },
  { "\"a\\\\b\\nc,d\"", "\"a\\b\nc,d\"", "\"a\\b\nc,d\"", "\"a\\b\nc,d\"" },
  { "[\"a\\\"q\", 2]", "\"[\"\"a\\\"\"q\"\",2]\"", "\"[\"\"a\\\"\"q\"\",2]\"",
    "\"[\\\"a\\\\\"q\\\",2]\"" },
  { "5", "5", "5", "5" },
  { "-5", "-5", "-5", "-5" },
  { "1.0", "1.0", "1.0", "1" },
  { "1E2", "1E2", "1E2", "100" },
  { "0.1", "0.1", "0.1", "0.1" },
  { "1e400", "1e400", "1e400", "1e400" },
  { "true", "true", "true", "true" },
  { "null", "", "", "" },
  { NULL, "", "", "" },
  { "{\"a\": 1}", "\"{\"\"a\"\":1}\"", "\"{\"\"a\"\":1}\"", "\"{\\\"a\\\":1}\"" },
  { "{\"\\u1200\": [\"\\ud83d\\ude00\", \"a\\/b\\n\"]}",
    "\"{\"\"\xe1\x88\x80\"\":[\"\"\xf0\x9f\x98\x80\"\",\"\"a/b\\n\"\"]}\"",
    "\"{\"\"\xe1\x88\x80\"\":[\"\"\xf0\x9f\x98\x80\"\",\"\"a/b\\n\"\"]}\"",
    "\"{\\\"\xe1\x88\x80\\\":[\\\"\xf0\x9f\x98\x80\\\",\\\"a/b\\n\\\"]}\"" },
  { "\"=1+2\"", "\"'=1+2\"", "\"=1+2\"", "\"=1+2\"" },
  { "\"@SUM(A1)\"", "\"'@SUM(A1)\"", "\"@SUM(A1)\"", "\"@SUM(A1)\"" },
  { "\"-1+cmd\"", "\"'-1+cmd\"", "\"-1+cmd\"", "\"-1+cmd\"" },
  { "\"+1 buy\"", "\"'+1 buy\"", "\"+1 buy\"", "\"+1 buy\"" },
  { "\"\\t=1\"", "\"'\t=1\"", "\"\t=1\"", "\"\t=1\"" },
  { "\"\\r=1\"", "\"'\r=1\"", "\"\r=1\"", "\"\r=1\"" },
  { "\"+254712345678\"", "\"+254712345678\"", "\"+254712345678\"", "\"+254712345678\"" },
  { "\"+1234\"", "\"'+1234\"", "\"+1234\"", "\"+1234\"" },
  { "\"+1234567890123456\"", "\"'+1234567890123456\"", "\"+1234567890123456\"",
    "\"+1234567890123456\"" },
  { "\"-5\"", "\"-5\"", "\"-5\"", "\"-5\"" },
  { "\"-5.25\"", "\"-5.25\"", "\"-5.25\"", "\"-5.25\"" },
  { "\"-5.\"", "\"'-5.\"", "\"-5.\"", "\"-5.\"" },
  { "\"-\"", "\"'-\"", "\"-\"", "\"-\"" },
  { "\" =1\"", "\"' =1\"", "\" =1\"", "\" =1\"" },
  { "\"\\n@A1\"", "\"'\n@A1\"", "\"\n@A1\"", "\"\n@A1\"" },
  { "\"\\u001f+1\"", "\"'\x1f+1\"", "\"\x1f+1\"", "\"\x1f+1\"" },
  { "\"\\u00a0\\ufeff-a\"", "\"'\xc2\xa0\xef\xbb\xbf-a\"", "\"\xc2\xa0\xef\xbb\xbf-a\"",
    "\"\xc2\xa0\xef\xbb\xbf-a\"" },
  { "\"\\uff1d1\"", "\"'\xef\xbc\x9d" "1\"", "\"\xef\xbc\x9d" "1\"", "\"\xef\xbc\x9d" "1\"" },
  { "\"\\uff0b1\"", "\"'\xef\xbc\x8b" "1\"", "\"\xef\xbc\x8b" "1\"", "\"\xef\xbc\x8b" "1\"" },
  { "\"\\uff0d1\"", "\"'\xef\xbc\x8d" "1\"", "\"\xef\xbc\x8d" "1\"", "\"\xef\xbc\x8d" "1\"" },
  { "\"\\uff201\"", "\"'\xef\xbc\xa0" "1\"", "\"\xef\xbc\xa0" "1\"", "\"\xef\xbc\xa0" "1\"" },
  { "\" a=1\"", "\" a=1\"", "\" a=1\"", "\" a=1\"" },
  { "\"  \"", "\"  \"", "\"  \"", "\"  \"" },
  { "\"\\u1200\"", "\"\xe1\x88\x80\"", "\"\xe1\x88\x80\"", "\"\xe1\x88\x80\"" },
};

START_TEST (csv_cells)
{
  const Cell *c = &cells[_i];
  const char *wanted[] = { c->safe, c->raw, c->cht };

  for (int dialect = BARUA_CSV_SAFE; dialect <= BARUA_CSV_CHT; dialect++)
    {
      g_autoptr (GString) out = g_string_new (NULL);
      BaruaJson value = BARUA_JSON_NONE;
      if (c->json != NULL)
        ck_assert (barua_json_read (c->json, -1, &value, NULL));
      barua_csv_value ((BaruaCsvDialect)dialect, value, out);
      ck_assert_str_eq (out->str, wanted[dialect]);
    }
}
END_TEST

START_TEST (csv_dates)
{
  static const struct
  {
    gint64 ms;
    const char *number, *human;
  } dates[] = {
    { 1600000000000, "1600000000000", "\"2020-09-13T12:26:40.000Z\"" },
    { 1600000000007, "1600000000007", "\"2020-09-13T12:26:40.007Z\"" },
    { -1, "-1", "\"1969-12-31T23:59:59.999Z\"" },
    { 0, "\"\"", "\"\"" },
    { G_MAXINT64, "9223372036854775807", "9223372036854775807" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (dates); i++)
    for (int is_human = 0; is_human < 2; is_human++)
      {
        g_autoptr (GString) out = g_string_new (NULL);
        barua_csv_date (BARUA_CSV_SAFE, dates[i].ms, is_human, out);
        ck_assert_str_eq (out->str, is_human ? dates[i].human : dates[i].number);
      }
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("csv");
  TCase *tcase = tcase_create ("csv");

  tcase_add_loop_test (tcase, csv_cells, 0, G_N_ELEMENTS (cells));
  tcase_add_test (tcase, csv_dates);
  suite_add_tcase (suite, tcase);
  return suite;
}
