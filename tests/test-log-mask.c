/* SPDX-License-Identifier: MIT */

#include "forms/log-mask.h"
#include "tests/suites.h"
#include "tests/vectors.h"

#include <string.h>

static BaruaJson vectors;

/* A case carries `text` and what a log may show of it, `shown`. */
START_TEST (log_mask_vector)
{
  const BaruaJson v = barua_json_element (vectors, (guint)_i);
  g_autofree char *text = barua_json_string (barua_json_member (v, "text"), NULL);
  g_autofree char *shown = barua_json_string (barua_json_member (v, "shown"), NULL);
  char out[512];
  const gsize n = barua_log_mask (barua_text (text), out, sizeof out);

  ck_assert_str_eq (out, shown);
  ck_assert_uint_eq (n, strlen (shown));
}
END_TEST

/* However small the place is, what is there is whole characters, and nothing that was hidden before. */
START_TEST (log_mask_cut)
{
  const BaruaText text = barua_text ("é +254712345678 password=abcdefgh x");
  char whole[128];

  barua_log_mask (text, whole, sizeof whole);
  for (gsize size = 1; size < sizeof whole; size++)
    {
      char out[sizeof whole];
      const gsize n = barua_log_mask (text, out, size);
      ck_assert_uint_lt (n, size);
      ck_assert_uint_eq (strlen (out), n);
      ck_assert (g_utf8_validate (out, -1, NULL));
      ck_assert (g_str_has_prefix (whole, out));
    }
}
END_TEST

/* No input takes more than linear time, is read beyond its end, or shows seven digits in a row. */
START_TEST (log_mask_any)
{
  static const char alphabet[] = "0123+ -?=/token\"\\&key:\xc3\xa9\xd9\xa1\n";
  char text[400], out[2000];
  guint seed = 1;

  for (int i = 0; i < 4000; i++)
    {
      const gsize n = (gsize)(i % (int)sizeof text);
      guint digits = 0;
      gboolean is_good = TRUE;
      for (gsize at = 0; at < n; at++)
        {
          seed = seed * 1103515245u + 12345u;
          text[at] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
      g_autofree char *exact = g_memdup2 (text, MAX (n, 1)); /* ends where ASan sees it */
      const gsize length = barua_log_mask ((BaruaText){ exact, n }, out, sizeof out);
      ck_assert (g_utf8_validate (out, (gssize)length, NULL));
      for (gsize at = 0; at < length; at++)
        {
          digits = g_ascii_isdigit (out[at]) ? digits + 1 : 0;
          is_good = is_good && digits < 7 && !g_ascii_iscntrl (out[at]);
        }
      ck_assert_msg (is_good, "%s", out); /* each check costs a write */
    }
}
END_TEST

START_TEST (log_mask_long)
{
  static const char *const units[] = { "?", "0 ", "a", "+", "/token/", "key", "\"", "1", "-", "key=\"\\\\" };
  static char text[1 << 18];
  char out[100];

  for (gsize i = 0; i < G_N_ELEMENTS (units); i++)
    {
      const gsize n = strlen (units[i]);
      for (gsize at = 0; at < sizeof text; at++)
        text[at] = units[i][at % n];
      ck_assert_uint_lt (barua_log_mask ((BaruaText){ text, sizeof text }, out, sizeof out), sizeof out);
    }
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("log-mask");
  TCase *tc = tcase_create ("log-mask");

  vectors = barua_vectors_load ("log-mask.json");
  tcase_add_loop_test (tc, log_mask_vector, 0, (int)barua_json_size (vectors));
  tcase_add_test (tc, log_mask_cut);
  tcase_add_test (tc, log_mask_any);
  tcase_add_test (tc, log_mask_long);
  suite_add_tcase (suite, tc);
  return suite;
}
