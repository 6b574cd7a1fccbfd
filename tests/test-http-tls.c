/* SPDX-License-Identifier: MIT */

#include "gateway/http/tls.h"
#include "tests/suites.h"

#define DAY ((gint64)86400)
#define END (1000 * DAY)

/* Once a day from 14 days before the end. */
static const struct
{
  gint64 now_s;
  gint64 told_s; /* 0: never */
  gboolean is_to_be_told;
} cases[] = {
  { END - 90 * DAY, 0, FALSE },
  { END - 14 * DAY, 0, FALSE },
  { END - 14 * DAY + 1, 0, TRUE },
  { END - 14 * DAY + 1, END - 14 * DAY + 1, FALSE },
  { END - 13 * DAY, END - 14 * DAY + 1, FALSE },
  { END - 13 * DAY + 1, END - 14 * DAY + 1, TRUE },
  { END - DAY, END - DAY - 3600, FALSE },
  { END + 1, 0, TRUE },
  { END + DAY, END + 1, FALSE },
  { END + DAY + 1, END + 1, TRUE },
  { END - 10 * DAY, END - 3 * DAY, TRUE },   /* the clock was set back */
  { END - 10 * DAY, END - 10 * DAY + 60, FALSE },
  { END - 50 * DAY, END - 3 * DAY, FALSE },
};

START_TEST (the_end_is_told)
{
  ck_assert (barua_tls_is_to_be_told (END, cases[_i].now_s, cases[_i].told_s)
             == cases[_i].is_to_be_told);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("http-tls");
  TCase *tc = tcase_create ("tls");

  tcase_add_loop_test (tc, the_end_is_told, 0, (int)G_N_ELEMENTS (cases));
  suite_add_tcase (suite, tc);
  return suite;
}
