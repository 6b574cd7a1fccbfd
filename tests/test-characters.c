/* SPDX-License-Identifier: MIT */

/* Character classes and case (parsing.md section 1), whatever the process's locale is. */

#include <locale.h>

#include "forms/characters.h"
#include "tests/suites.h"

/* Every member of WS, as ranges. */
static const gunichar white_ranges[][2] = {
  { 0x09, 0x0D },     { 0x20, 0x20 },     { 0xA0, 0xA0 },     { 0x1680, 0x1680 },
  { 0x2000, 0x200A }, { 0x2028, 0x2029 }, { 0x202F, 0x202F }, { 0x205F, 0x205F },
  { 0x3000, 0x3000 }, { 0xFEFF, 0xFEFF },
};

static gboolean
in_white_ranges (gunichar c)
{
  for (gsize i = 0; i < G_N_ELEMENTS (white_ranges); i++)
    if (c >= white_ranges[i][0] && c <= white_ranges[i][1])
      return TRUE;
  return FALSE;
}

/* A check for each of many code points costs little only when it holds quietly. */
#define CHECK(condition, c)                                                                        \
  do                                                                                               \
    if (!(condition))                                                                              \
      ck_abort_msg ("U+%04X: " #condition, (c));                                                   \
  while (0)

START_TEST (classes)
{
  for (gunichar c = 0; c < 0x11000; c++)
    {
      CHECK (barua_is_white (c) == in_white_ranges (c), c);
      CHECK (barua_is_line_end (c) == (c == 0xA || c == 0xD || c == 0x2028 || c == 0x2029), c);
      CHECK (barua_is_zero_width (c)
                 == (c == 0x200B || c == 0x200C || c == 0x200D || c == 0xFEFF),
             c);
    }
}
END_TEST

/* Every code point survives its UTF-8 and back. */
START_TEST (decoding)
{
  for (gunichar c = 0; c <= 0x10FFFF; c++)
    {
      char utf8[8];
      const char *at = utf8;
      if (c >= 0xD800 && c <= 0xDFFF)
        continue;
      int n = g_unichar_to_utf8 (c, utf8);
      CHECK (barua_next_char (&at, utf8 + n) == c, c);
      CHECK (at == utf8 + n, c);
    }
}
END_TEST

/* Bytes that are no UTF-8: one at a time. */
START_TEST (broken_bytes)
{
  static const char *const broken[]
      = { "\x80", "\xC0\xAF", "\xE2\x80", "\xED\xA0\x80", "\xF8\x88", "\xF4\x90\x80\x80", "\xFF" };

  for (gsize i = 0; i < G_N_ELEMENTS (broken); i++)
    {
      BaruaText text = barua_text (broken[i]);
      const char *at = text.p;
      ck_assert_uint_eq (barua_next_char (&at, text.p + text.n), 0xFFFFFFFFu);
      ck_assert_ptr_eq (at, text.p + 1);
    }
}
END_TEST

typedef BaruaText (*Change) (BaruaArena *arena, BaruaText text);

static const struct
{
  const char *why;
  Change change;
  const char *from;
  const char *to;
} changes[] = {
  { "ASCII", barua_text_upper, "preg-1", "PREG-1" },
  { "sharp s", barua_text_upper, "stra\u00DFe", "STRASSE" },
  { "ligature", barua_text_upper, "\uFB01n", "FIN" },
  { "dotless i", barua_text_upper, "\u0131", "I" },
  { "i under Turkish rules", barua_text_upper, "\u00E9i", "\u00C9I" },
  { "Greek with accents", barua_text_upper, "\u0390", "\u0399\u0308\u0301" },
  { "Devanagari has no case", barua_text_upper, "गर्भ", "गर्भ" },
  { "Armenian ligature", barua_text_upper, "\u0587", "\u0535\u0552" },
  { "ASCII", barua_text_lower, "PREG", "preg" },
  { "capital I with a dot", barua_text_lower, "\u0130", "i\u0307" },
  { "accents", barua_text_lower, "\u00C9T\u00C9", "\u00E9t\u00E9" },
  { "digits", barua_text_standard, "१२३ x", "123 x" },
  { "zero width", barua_text_standard, "1\u200B2\uFEFF3\u200D", "123" },
  { "other digits stay", barua_text_standard, "٥５", "٥５" },
  { "zero width only", barua_text_without_zero_width, "१\u200C", "१" },
  { "trim", NULL, " \t\u00A0x y\u3000\uFEFF", "x y" },
  { "trim all", NULL, " \u2028 ", "" },
  { "trim not", NULL, "\u200Bx\xC2\x85", "\u200Bx\xC2\x85" },
};

static void
check_changes (void)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      BaruaText from = barua_text (changes[i].from);
      BaruaText to = changes[i].change != NULL ? changes[i].change (arena, from)
                                               : barua_text_trim (from);
      ck_assert_msg (barua_text_equal (to, barua_text (changes[i].to)), "%s: \"%.*s\"",
                     changes[i].why, (int)to.n, to.p);
    }
}

START_TEST (changed_text)
{
  static const char *const locales[] = { "C", "tr_TR.UTF-8", "lt_LT.UTF-8" };

  for (gsize i = 0; i < G_N_ELEMENTS (locales); i++)
    {
      setlocale (LC_ALL, locales[i]); /* one that is not installed changes nothing */
      check_changes ();
    }
  setlocale (LC_ALL, "C");
}
END_TEST

static const struct
{
  const char *a;
  const char *b;
  gboolean is_equal;
} pairs[] = {
  { "PREG", "preg", TRUE },          { "p", "pp", FALSE },
  { "\u00E9", "\u00C9", TRUE },      { "\u017F", "s", FALSE }, /* long s */
  { "\u0131", "i", FALSE },          { "K", "\u212A", FALSE }, /* kelvin sign */
  { "\u00DF", "ss", FALSE },         { "\u0250", "\u2C6F", TRUE },
  { "", "", TRUE },                  { "a", "", FALSE },
};

START_TEST (ignoring_case)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaText a = barua_text (pairs[_i].a), b = barua_text (pairs[_i].b);
  gsize length = 0;

  ck_assert_int_eq (barua_text_equal_ignoring_case (a, b), pairs[_i].is_equal);
  ck_assert_int_eq (barua_text_has_folded_prefix (a, barua_text_fold (arena, b), &length)
                        && length == a.n,
                    pairs[_i].is_equal);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("characters");
  TCase *tc = tcase_create ("characters");

  tcase_add_test (tc, classes);
  tcase_add_test (tc, decoding);
  tcase_add_test (tc, broken_bytes);
  tcase_add_test (tc, changed_text);
  tcase_add_loop_test (tc, ignoring_case, 0, (int)G_N_ELEMENTS (pairs));
  suite_add_tcase (suite, tc);
  return suite;
}
