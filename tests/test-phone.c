/* SPDX-License-Identifier: MIT */

/* Phone numbers against the vectors.  Built twice: as the program judges them, and by the table. */

#include "forms/phone.h"

#include <string.h>

#include "tests/suites.h"
#include "tests/vectors.h"

#ifdef BARUA_PHONENUMBER
#define SKIPPED "nothing"
#define MIN_VECTORS 144
#else
#define SKIPPED "metadata"
#define MIN_VECTORS 143
#endif

/* A vector that the table cannot know is skipped by the table; all others must hold. */
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
      if (barua_json_string_is (barua_json_member (vector, "level"), BARUA_TEXT (SKIPPED)))
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
  ck_assert_uint_ge (n, MIN_VECTORS);
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

static gboolean
normalises (const BaruaPhoneRules *rules, const char *number, const char *wanted)
{
  char e164[BARUA_PHONE_SIZE] = "";

  return barua_phone_normalise (rules, barua_text (number), e164) == (*wanted != '\0')
         && strcmp (e164, wanted) == 0;
}

/* The table of messaging.md 5.2. */
START_TEST (of_messages)
{
  static const struct
  {
    BaruaPhoneRules rules;
    const char *number, *wanted;
  } rows[] = {
    { { 254, BARUA_PHONE_FULL }, "0712 345-678", "+254712345678" },
    { { 254, BARUA_PHONE_FULL }, "712345678", "+254712345678" },
    { { 254, BARUA_PHONE_FULL }, " 254712345678", "+254712345678" },
    { { 254, BARUA_PHONE_FULL }, "(+254) 712.345.678", "+254712345678" },
    { { 254, BARUA_PHONE_FULL }, "60396", "" },
    { { 254, BARUA_PHONE_FULL }, "999", "" },
    { { 254, BARUA_PHONE_FULL }, "00254712345678", "" },
    { { 254, BARUA_PHONE_FULL }, "+1-800-MICROSOFT", "" },
    { { 254, BARUA_PHONE_FULL }, "+254712345678 ext 5", "" },
    { { 254, BARUA_PHONE_FULL }, "+254712345678#5", "" },
    { { 254, BARUA_PHONE_FULL }, "", "" },
    { { 0, BARUA_PHONE_FULL }, "+254712345678", "+254712345678" },
    { { 0, BARUA_PHONE_FULL }, "0712345678", "" },
    { { 254, BARUA_PHONE_PARTIAL }, "12345678", "+25412345678" },
    { { 254, BARUA_PHONE_NONE }, "12", "" },
    { { 254, BARUA_PHONE_NONE }, "1", "" },
    { { 254, BARUA_PHONE_FULL }, " 5511943348031", "" },
    { { 55, BARUA_PHONE_FULL }, " 5511943348031", "+5511943348031" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    ck_assert_msg (normalises (&rows[i].rules, rows[i].number, rows[i].wanted), "%s",
                   rows[i].number);
}
END_TEST

/* What is no text at all, or more of it than a number can be. */
START_TEST (no_numbers)
{
  static const BaruaPhoneRules kenya = { 254, BARUA_PHONE_NONE };
  static const char *const texts[] = {
    "\xff\xfe", "0712345\xff" "678", "0712345678\xc3", "\xd9", "071234567\xd9", "+++++++++++",
    "()()()()()()()()()", "+\xe0\xa5\xad" "12345678", "07123456\xe0\xa5\xad" "8", "#########",
  };
  char e164[BARUA_PHONE_SIZE] = "untouched";

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    ck_assert_msg (normalises (&kenya, texts[i], ""), "%u: %s", i, texts[i]);
  ck_assert (!barua_phone_normalise (&kenya, (BaruaText){ "0712345\000678", 11 }, e164));
  ck_assert_str_eq (e164, "untouched");
}
END_TEST

/* A number and signs after it, up to many: false, or the number; never an overflow. */
START_TEST (long_tails)
{
  static const BaruaPhoneRules kenya = { 254, BARUA_PHONE_NONE };
  static const char tails[] = "1(-+ #*/.";

  for (const char *tail = tails; *tail != '\0'; tail++)
    for (gsize n = 20; n < 5000; n = n * 3 / 2)
      {
        g_autofree char *text = g_strnfill (n, *tail);
        char e164[BARUA_PHONE_SIZE] = "+254712345678";
        memcpy (text, "0712345678", 10);
        gboolean is_number = barua_phone_normalise (&kenya, (BaruaText){ text, n }, e164);
        ck_assert (*tail != '1' || !is_number);
        ck_assert_str_eq (e164, "+254712345678");
      }
}
END_TEST

/* settings-and-forms.md: the word's case does not matter, another word means full. */
START_TEST (words_of_settings)
{
  static const struct
  {
    const char *settings;
    BaruaPhoneRules wanted;
  } rows[] = {
    { "{}", { 0, BARUA_PHONE_FULL } },
    { "{\"default_country_code\":\" +254 \",\"phone_validation\":\"Partial\"}",
      { 254, BARUA_PHONE_PARTIAL } },
    { "{\"default_country_code\":1,\"phone_validation\":\"NONE\"}", { 1, BARUA_PHONE_NONE } },
    { "{\"default_country_code\":\"ke\",\"phone_validation\":\"nones\"}",
      { 0, BARUA_PHONE_FULL } },
    { "{\"default_country_code\":-254,\"phone_validation\":7}", { 0, BARUA_PHONE_FULL } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      BaruaJson json;
      ck_assert (barua_json_read (rows[i].settings, -1, &json, NULL));
      BaruaPhoneRules rules = barua_phone_rules (json);
      ck_assert_int_eq (rules.country_code, rows[i].wanted.country_code);
      ck_assert_int_eq (rules.validation, rows[i].wanted.validation);
    }
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
  tcase_add_test (tc, of_messages);
  tcase_add_test (tc, no_numbers);
  tcase_add_test (tc, long_tails);
  tcase_add_test (tc, words_of_settings);
  suite_add_tcase (suite, tc);
  return suite;
}
