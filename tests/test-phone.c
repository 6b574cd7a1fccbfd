/* SPDX-License-Identifier: MIT */

/* Phone numbers against the vectors. */

#include "forms/phone.h"
#include "tests/suites.h"
#include "tests/vectors.h"

/* A vector that the table cannot know is skipped; all others must hold. */
START_TEST (vectors)
{
  BaruaJson all = barua_vectors_load ("parsing-phone.json"), vector;
  BaruaJsonIter iter;
  guint n = 0;

  barua_json_iter_init (&iter, all);
  while (barua_json_iter_next (&iter, NULL, &vector))
    {
      BaruaJson input = barua_json_member (vector, "input");
      BaruaJson wanted = barua_json_member (vector, "expected");
      BaruaPhoneRules rules = barua_phone_rules (barua_json_member (input, "settings"));
      char e164[BARUA_PHONE_SIZE] = "untouched";
      if (barua_json_string_is (barua_json_member (vector, "level"), BARUA_TEXT ("metadata")))
        continue;
      gboolean is_number = barua_phone_normalise (
          &rules, barua_text (barua_vector_text (input, "phone")), e164);
      ck_assert_msg (is_number == barua_json_truthy (wanted), "%s: %s",
                     barua_vector_text (vector, "name"), e164);
      if (is_number)
        ck_assert_msg (barua_json_string_is (wanted, barua_text (e164)), "%s: %s",
                       barua_vector_text (vector, "name"), e164);
      else
        ck_assert_str_eq (e164, "untouched");
      n++;
    }
  ck_assert_uint_ge (n, 139);
}
END_TEST

START_TEST (same_number)
{
  static const BaruaPhoneRules kenya = { 254, BARUA_PHONE_PARTIAL };

  ck_assert (barua_phone_same (&kenya, BARUA_TEXT ("0712 345 678"), BARUA_TEXT ("+254712345678")));
  ck_assert (!barua_phone_same (&kenya, BARUA_TEXT ("0712345679"), BARUA_TEXT ("+254712345678")));
  ck_assert (barua_phone_same (&kenya, BARUA_TEXT ("INFO"), BARUA_TEXT ("INFO")));
  ck_assert (!barua_phone_same (&kenya, BARUA_TEXT ("INFO"), BARUA_TEXT ("info")));
}
END_TEST

START_TEST (international)
{
  ck_assert (barua_phone_is_international (BARUA_TEXT ("+254 712 345 678")));
  ck_assert (!barua_phone_is_international (BARUA_TEXT ("0712345678")));
  ck_assert (!barua_phone_is_international (BARUA_TEXT ("+254712")));
}
END_TEST

/* The longest input that fits the result, and more. */
START_TEST (long_numbers)
{
  static const BaruaPhoneRules any = { 254, BARUA_PHONE_NONE };
  char e164[BARUA_PHONE_SIZE];

  ck_assert (barua_phone_normalise (&any, BARUA_TEXT ("+99812345678901234567"), e164));
  ck_assert_str_eq (e164, "+99812345678901234567");
  ck_assert (!barua_phone_normalise (&any, BARUA_TEXT ("+998123456789012345678"), e164));
  ck_assert (!barua_phone_normalise (
      &any, BARUA_TEXT ("+99812345678901234567890123456789012345678901234567890"), e164));
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("phone");
  TCase *tc = tcase_create ("phone");

  tcase_add_test (tc, vectors);
  tcase_add_test (tc, same_number);
  tcase_add_test (tc, international);
  tcase_add_test (tc, long_numbers);
  suite_add_tcase (suite, tc);
  return suite;
}
