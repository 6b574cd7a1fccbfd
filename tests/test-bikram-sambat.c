/* SPDX-License-Identifier: MIT */

/* The Nepali calendar against the vectors. */

#include "forms/bikram-sambat.h"
#include "forms/date.h"
#include "tests/suites.h"
#include "tests/vectors.h"

START_TEST (vectors)
{
  BaruaJson all = barua_vectors_load ("parsing-bikram-sambat.json"), vector;
  BaruaJsonIter iter;

  barua_json_iter_init (&iter, all);
  while (barua_json_iter_next (&iter, NULL, &vector))
    {
      BaruaJson wanted = barua_json_member (vector, "expected");
      const char *text = barua_vector_text (barua_json_member (vector, "input"), "value");
      double ms = -1;
      gboolean is_read = barua_bikram_sambat_parse (barua_text (text), &ms);
      ck_assert_msg (is_read != barua_json_is_nothing (wanted), "%s",
                     barua_vector_text (vector, "name"));
      ck_assert_msg (!is_read || ms == barua_json_number (wanted), "%s: %.0f",
                     barua_vector_text (vector, "name"), ms);
      ck_assert_msg (is_read || ms == -1, "%s: the output was touched",
                     barua_vector_text (vector, "name"));
    }
}
END_TEST

/* The table has no gap: every day follows the one before, up to the last of 2090 BS. */
START_TEST (every_day)
{
  double before = -20718.0 * (double)BARUA_MS_PER_DAY, ms;
  int days = 0;

  for (int year = 1969; year <= 2091; year++)
    for (int month = 0; month <= 13; month++)
      for (int day = 0; day <= 33; day++)
        {
          if (!barua_bikram_sambat_to_ms (year, month, day, &ms))
            continue;
          ck_assert_msg (ms == before + (double)BARUA_MS_PER_DAY, "%d-%d-%d", year, month, day);
          before = ms;
          days++;
        }
  ck_assert_int_eq (days, 44196); /* parsing.md 7.5 */
}
END_TEST

START_TEST (parts)
{
  static const BaruaText none = { NULL, 0 };
  double ms = 0;

  ck_assert (barua_bikram_sambat_parse_parts (BARUA_TEXT ("2080"), none, none, &ms));
  ck_assert (ms == 1681430400000);
  ck_assert (barua_bikram_sambat_parse_parts (BARUA_TEXT (" 2080 "), BARUA_TEXT ("४"),
                                              BARUA_TEXT ("15"), &ms));
  ck_assert (ms == 1690761600000);
  ck_assert (!barua_bikram_sambat_parse_parts (BARUA_TEXT ("2080"), BARUA_TEXT ("x"), none, &ms));
  ck_assert (!barua_bikram_sambat_parse_parts (none, none, none, &ms));
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("bikram-sambat");
  TCase *tc = tcase_create ("bikram-sambat");

  tcase_add_test (tc, vectors);
  tcase_add_test (tc, every_day);
  tcase_add_test (tc, parts);
  suite_add_tcase (suite, tc);
  return suite;
}
