/* SPDX-License-Identifier: MIT */

/* The latest answers about phone numbers: right from every thread, and bounded. */

#include "forms/phone-engine.h"
#include "tests/suites.h"

#include <string.h>

#define THREADS 4

/* More than the cache keeps, so that threads replace what others read. */
#define NUMBERS 6000

static const BaruaPhoneRules kenya = { 254, BARUA_PHONE_FULL };
static const BaruaPhoneRules uganda = { 256, BARUA_PHONE_FULL };

static gint asked; /* (atomic) */

/* Says which rules and number it was asked for; no number with an odd last digit is one. */
static gboolean
echo (const BaruaPhoneRules *rules, BaruaText number, char e164[BARUA_PHONE_SIZE])
{
  g_atomic_int_inc (&asked);
  if (number.n > 0 && number.p[number.n - 1] % 2 != 0)
    return FALSE;
  g_snprintf (e164, BARUA_PHONE_SIZE, "+%d %d %.10s", rules->country_code, (int)rules->validation,
              number.p);
  return TRUE;
}

/* Whether the cache answers as echo() does. */
static gboolean
answers (const BaruaPhoneRules *rules, const char *number)
{
  char wanted[BARUA_PHONE_SIZE] = "untouched", found[BARUA_PHONE_SIZE] = "untouched";
  gboolean is_wanted = echo (rules, barua_text (number), wanted);
  gboolean is_found = barua_phone_cached (echo, rules, barua_text (number), found);

  g_atomic_int_add (&asked, -1);
  return is_found == is_wanted && strcmp (found, wanted) == 0;
}

/* Every thread walks the numbers in another order; returns the wrong answers. */
static gpointer
walk (gpointer data)
{
  static const guint steps[THREADS] = { 1, 7, 11, 13 }; /* none divides NUMBERS but 1 */
  guint step = steps[GPOINTER_TO_UINT (data)], wrong = 0;

  for (guint i = 0; i < NUMBERS * 3; i++)
    {
      char number[16];
      g_snprintf (number, sizeof number, "07%08u", i * step % NUMBERS);
      wrong += !answers (i % 2 != 0 ? &kenya : &uganda, number);
    }
  return GUINT_TO_POINTER (wrong);
}

START_TEST (threads)
{
  GThread *all[THREADS];
  guint wrong = 0;

  for (guint i = 0; i < THREADS; i++)
    all[i] = g_thread_new ("walk", walk, GUINT_TO_POINTER (i));
  for (guint i = 0; i < THREADS; i++)
    wrong += GPOINTER_TO_UINT (g_thread_join (all[i]));
  ck_assert_uint_eq (wrong, 0);
}
END_TEST

/* libphonenumber itself, from several threads at once. */
static gpointer
judge (gpointer data)
{
  guint wrong = 0;

  for (guint i = 0; i < 500; i++)
    {
      char number[16], wanted[BARUA_PHONE_SIZE], e164[BARUA_PHONE_SIZE] = "";
      g_snprintf (number, sizeof number, i % 2 != 0 ? "07%08u" : "+2547%08u", 12000000 + i);
      g_snprintf (wanted, sizeof wanted, "+2547%08u", 12000000 + i);
      wrong += !barua_phone_normalise (&kenya, barua_text (number), e164)
               || strcmp (e164, wanted) != 0;
    }
  return GUINT_TO_POINTER (wrong);
}

START_TEST (engine_in_threads)
{
  GThread *all[THREADS];
  guint wrong = 0;

  for (guint i = 0; i < THREADS; i++)
    all[i] = g_thread_new ("judge", judge, NULL);
  for (guint i = 0; i < THREADS; i++)
    wrong += GPOINTER_TO_UINT (g_thread_join (all[i]));
  ck_assert_uint_eq (wrong, 0);
}
END_TEST

/* An answer is kept, also that there is none, and belongs to its number and its rules. */
START_TEST (asked_once)
{
  static const BaruaPhoneRules others[] = {
    { 254, BARUA_PHONE_PARTIAL }, { 254, BARUA_PHONE_NONE }, { 0, BARUA_PHONE_FULL },
    { 1, BARUA_PHONE_FULL }, { 9999, BARUA_PHONE_NONE },
  };

  g_atomic_int_set (&asked, 0);
  for (guint i = 0; i < 3; i++)
    {
      ck_assert (answers (&kenya, "0722000002"));
      ck_assert (answers (&kenya, "0722000003"));
      for (guint j = 0; j < G_N_ELEMENTS (others); j++)
        ck_assert (answers (&others[j], "0722000002"));
    }
  ck_assert_int_eq (g_atomic_int_get (&asked), 2 + G_N_ELEMENTS (others));
}
END_TEST

/* Text of any length and bytes: kept or not, the answer is the engine's. */
START_TEST (lengths)
{
  char number[100];

  for (guint n = 0; n < sizeof number - 1; n++)
    {
      memset (number, n % 3 == 0 ? '\xff' : '2', n);
      number[n] = '\0';
      for (guint i = 0; i < 2; i++)
        ck_assert_msg (answers (&kenya, number), "%u", n);
    }
  /* a NUL in the text is no end of it */
  char first[BARUA_PHONE_SIZE] = "", second[BARUA_PHONE_SIZE] = "";
  ck_assert (!barua_phone_cached (echo, &kenya, (BaruaText){ "12\0003", 4 }, first));
  ck_assert (barua_phone_cached (echo, &kenya, (BaruaText){ "12", 2 }, second));
  ck_assert (barua_phone_cached (echo, &kenya, (BaruaText){ "12\0004", 4 }, first));
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("phone-cache");
  TCase *tc = tcase_create ("phone-cache");

  tcase_add_test (tc, asked_once);
  tcase_add_test (tc, lengths);
  tcase_add_test (tc, threads);
  tcase_add_test (tc, engine_in_threads);
  suite_add_tcase (suite, tc);
  return suite;
}
