/* SPDX-License-Identifier: MIT */

/* Dates against the vectors, and the calendar against GDate. */

#include "forms/date.h"
#include "tests/suites.h"
#include "tests/vectors.h"

START_TEST (vectors)
{
  BaruaJson all = barua_vectors_load ("parsing-dates.json"), vector;
  BaruaJsonIter iter;

  barua_json_iter_init (&iter, all);
  while (barua_json_iter_next (&iter, NULL, &vector))
    {
      BaruaJson wanted = barua_json_member (vector, "expected");
      const char *text = barua_vector_text (barua_json_member (vector, "input"), "value");
      double ms = 0;
      if (!barua_json_string_is (barua_json_member (vector, "kind"), BARUA_TEXT ("date")))
        continue;
      gboolean is_read = barua_date_parse (barua_text (text), &ms);
      ck_assert_msg (is_read != barua_json_is_nothing (wanted), "%s",
                     barua_vector_text (vector, "name"));
      if (is_read)
        ck_assert_msg (ms == barua_json_number (wanted), "%s: %.0f",
                       barua_vector_text (vector, "name"), ms);
    }
}
END_TEST

/* What no vector has; NULL ms is written as 0 with is_read FALSE. */
static const struct
{
  const char *text;
  gboolean is_read;
  double ms;
} cases[] = {
  { "2020-W53-7", TRUE, 1609632000000 },       { "2021-W53-1", FALSE, 0 },
  { "2024-01 10:30", FALSE, 0 },               { "5 Jan 24 10:30:00 EST", TRUE, 1704468600000 },
  { "January 5, 2024", TRUE, 1704412800000 },  { "Friday, Jan 5 2024", TRUE, 1704412800000 },
  { "Monday, Jan 5 2024", FALSE, 0 },          { "30 February 2024", FALSE, 0 },
  { "2024/02/30", FALSE, 0 },                  { "99-1-5", FALSE, 0 },
  { "2024-01-05T10:30:15.1239Z", TRUE, 1704450615123 },
  { "2024-01-05T10:30:", FALSE, 0 },           { "2024-01-05T1030", FALSE, 0 },
  { "/Date(99999999999999999999)/", FALSE, 0 }, { "/Date()/", FALSE, 0 },
  { "+275760-09-13", TRUE, 8.64e15 },          { "+275760-09-14", FALSE, 0 },
  { "1970-01-01", TRUE, 0 },                   { "2024-1-5 25:00", FALSE, 0 },
  { "\xFF", FALSE, 0 },                        { "5 Jan 2024 10:30 +05:45", TRUE, 1704429900000 },
};

START_TEST (other_dates)
{
  double ms = -1;
  gboolean is_read = barua_date_parse (barua_text (cases[_i].text), &ms);

  ck_assert_msg (is_read == cases[_i].is_read, "%s: %.0f", cases[_i].text, ms);
  ck_assert_msg (!is_read || ms == cases[_i].ms, "%s: %.0f", cases[_i].text, ms);
  ck_assert_msg (is_read || ms == -1, "%s: the output was touched", cases[_i].text);
}
END_TEST

/* Every day of 1600 to 2400 there and back, counted by GDate. */
START_TEST (civil_days)
{
  GDate date;
  gint64 days = 0;
  int year, month, day;

  g_date_clear (&date, 1);
  g_date_set_dmy (&date, 1, 1, 1970);
  guint32 epoch = g_date_get_julian (&date);
  g_date_set_dmy (&date, 1, 1, 1600);
  for (; g_date_get_year (&date) < 2400; g_date_add_days (&date, 1))
    {
      gboolean exists
          = barua_date_from_civil (g_date_get_year (&date), (int)g_date_get_month (&date),
                                   g_date_get_day (&date), &days);
      barua_date_to_civil (days, &year, &month, &day);
      if (!exists || days != (gint64)g_date_get_julian (&date) - (gint64)epoch
          || year != g_date_get_year (&date) || month != (int)g_date_get_month (&date)
          || day != g_date_get_day (&date))
        ck_abort_msg ("%d-%d-%d", g_date_get_year (&date), (int)g_date_get_month (&date),
                      g_date_get_day (&date));
    }
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("date");
  TCase *tc = tcase_create ("date");

  tcase_add_test (tc, vectors);
  tcase_add_loop_test (tc, other_dates, 0, (int)G_N_ELEMENTS (cases));
  tcase_add_test (tc, civil_days);
  suite_add_tcase (suite, tc);
  return suite;
}
