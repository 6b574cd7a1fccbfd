/* SPDX-License-Identifier: MIT */

/* Codes: how they are cut off and looked up. (Vectors of codes: test-parser.c.) */

#include "parser/form-code.h"
#include "tests/parser-cases.h"
#include "tests/suites.h"

static const struct
{
  const char *text;
  const char *meta_code;
  const char *rest;
} removals[] = {
  { "PREG 1 2", "PREG", "1 2" },       { "  preg#!-:1", "PREG", "1" },
  { "TWO -1 -2", "TWO", "1 -2" },      { "PREGx", "PREG", "x" },
  { "OTHER 1", "PREG", "OTHER 1" },    { "OTHER 1", NULL, "OTHER 1" },
  { " PREG", "PREG", "" },             { "PRE", "PREG", "PRE" },
  { "गर्भ 1", "गर्भ", "1" },             { "\u00E9t 5", "\u00C9T", "5" },
  { "", "PREG", "" },                  { "  x", "", "  x" },
};

START_TEST (removal)
{
  BaruaText rest = barua_form_code_remove (barua_text (removals[_i].text),
                                           barua_text (removals[_i].meta_code));

  ck_assert_msg (barua_text_equal (rest, barua_text (removals[_i].rest)), "\"%s\": \"%.*s\"",
                 removals[_i].text, (int)rest.n, rest.p);
}
END_TEST

static const struct
{
  const char *message;
  const char *code; /* after the look-up; NULL for none */
  const char *text;
  gboolean is_known;
} lookups[] = {
  { "preg 1", "PREG", "preg 1", TRUE },
  { "p\u200Breg 1", "PREG", "PREG 1", TRUE },
  { "p\u200Brex 1", "P\u200BREX", "p\u200Brex 1", FALSE },
  { "\u200Bpreg 1", "PREG", "PREG 1", TRUE },
  { "1!p\u200Dreg!x#y", "PREG", "1!PREG!x#y", TRUE },
  { "#preg", NULL, "#preg", FALSE },
  { "1!!x", "", "1!!x", FALSE },
};

START_TEST (lookup)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaFormCode code;

  barua_form_code_read (barua_text (lookups[_i].message), arena, &code);
  barua_form_code_find (barua_test_settings ("mama"), arena, &code);
  ck_assert (barua_text_equal (code.code, barua_text (lookups[_i].code)));
  ck_assert (barua_text_equal (code.text, barua_text (lookups[_i].text)));
  ck_assert_int_eq (code.form != NULL, lookups[_i].is_known);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("form-code");
  TCase *tc = tcase_create ("form-code");

  tcase_add_loop_test (tc, removal, 0, (int)G_N_ELEMENTS (removals));
  tcase_add_loop_test (tc, lookup, 0, (int)G_N_ELEMENTS (lookups));
  suite_add_tcase (suite, tc);
  return suite;
}
