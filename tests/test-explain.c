/* SPDX-License-Identifier: MIT */

/* Explanations: tokens cover the message, and go where the values went. */

#include "parser/explain.h"

#include <string.h>

#include "tests/parser-cases.h"
#include "tests/suites.h"
#include "tests/vectors.h"

/* The explanation of @message, by the "mama" settings. */
static GString *
explain (BaruaText text)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  const BaruaSettings *settings = barua_test_settings ("mama");
  BaruaMessage message = { .message = text, .from = BARUA_TEXT ("+254712345678") };
  GString *out = g_string_new (NULL);
  BaruaRecord record;

  ck_assert (barua_record_from_message (settings, &message, arena, &record, NULL));
  barua_explain_append (settings, &message, &record, arena, out);
  return out;
}

static const struct
{
  const char *message;
  const char *tokens; /* kind:text[=field], blanks between; separators left out */
} cases[] = {
  { "1!TWO!1#x#3", "header:1 code:TWO value:1=a value:x=b ignored:3" },
  { "J1!TWO!B#2#zz#3", "header:J1 code:TWO label:B=b value:2=b ignored:zz ignored:3" },
  { "two a 1#q 9", "code:two label:a=a value:1=a ignored:q ignored:9" },
  { "TWO 1 2 3", "code:TWO value:1=a value:2=b ignored:_3" },
  { "CHAT \"Ann\" x  y", "code:CHAT value:Ann=who value:x__y=said" },
  { "PREG patient_id 1#pid 2", "code:PREG ignored:patient_id ignored:1 label:pid=patient_id "
                               "value:2=patient_id" },
  { "1!T\xE2\x80\x8BWO!7", "header:1 code:TWO value:7=a" },
  { "A1!TWO!1", "header:A1 code:TWO ignored:1" },
  { "hello there", "code:hello ignored:_there" },
};

/* The tokens of @explanation as in the table. */
static char *
summary (BaruaJson explanation)
{
  GString *out = g_string_new (NULL);
  BaruaJsonIter iter;
  BaruaJson token;

  barua_json_iter_init (&iter, barua_json_member (explanation, "tokens"));
  while (barua_json_iter_next (&iter, NULL, &token))
    {
      g_autofree char *kind = barua_json_string (barua_json_member (token, "as"), NULL);
      g_autofree char *text = barua_json_string (barua_json_member (token, "text"), NULL);
      g_autofree char *field = barua_json_string (barua_json_member (token, "field"), NULL);
      if (g_str_equal (kind, "separator"))
        continue;
      g_string_append_printf (out, "%s%s:%s", out->len > 0 ? " " : "", kind,
                              g_strdelimit (text, " ", '_'));
      if (field != NULL)
        g_string_append_printf (out, "=%s", field);
    }
  return g_string_free (out, FALSE);
}

START_TEST (tokens)
{
  g_autoptr (GString) out = explain (barua_text (cases[_i].message));
  BaruaJson explanation;

  ck_assert (barua_json_read (out->str, (gssize)out->len, &explanation, NULL));
  g_autofree char *actual = summary (explanation);
  ck_assert_str_eq (actual, cases[_i].tokens);
}
END_TEST

/* Checks that the tokens of @out follow each other without a gap up to @length. */
static void
check_cover (const char *name, const GString *out, gsize length)
{
  BaruaJson explanation, token;
  BaruaJsonIter iter;
  gint64 at = 0, offset, n;

  ck_assert_msg (barua_json_read (out->str, (gssize)out->len, &explanation, NULL), "%s: %s", name,
                 out->str);
  barua_json_iter_init (&iter, barua_json_member (explanation, "tokens"));
  while (barua_json_iter_next (&iter, NULL, &token))
    {
      ck_assert (barua_json_integer (barua_json_member (token, "offset"), &offset));
      ck_assert (barua_json_integer (barua_json_member (token, "length"), &n));
      ck_assert_msg (offset == at && n > 0, "%s: %s", name, out->str);
      at = offset + n;
    }
  ck_assert_msg (at == (gint64)length, "%s: %s", name, out->str);
}

/* Every message of the vectors, read with the "mama" settings. */
START_TEST (cover)
{
  static const char *const files[]
      = { "parsing-muvuku.json", "parsing-javarosa.json", "parsing-textforms.json",
          "parsing-compact.json", "parsing-malformed.json", "parsing-differs.json" };
  BaruaJson vector;
  BaruaJsonIter iter;

  barua_json_iter_init (&iter, barua_vectors_load (files[_i]));
  while (barua_json_iter_next (&iter, NULL, &vector))
    {
      gsize length;
      g_autofree char *text = barua_json_string (
          barua_json_member (barua_json_member (vector, "input"), "message"), &length);
      if (text == NULL || memchr (text, '\0', length) != NULL)
        continue; /* U+0000 is replaced before anything else */
      g_autoptr (GString) out = explain ((BaruaText){ text, length });
      check_cover (barua_vector_text (vector, "name"), out, length);
    }
}
END_TEST

static const struct
{
  const char *message;
  const char *wanted; /* the first suggestion */
} nearest[] = {
  { "PRGE 12345", "PREG 12345" }, { "1!PREK!1", "1!PREG!1" }, { "TWO1 2", "TWO 1 2" },
  { "PRE 1", "PREG 1" },          { "hello", NULL },
};

START_TEST (suggestions)
{
  g_autoptr (GString) out = explain (barua_text (nearest[_i].message));
  BaruaJson explanation;

  ck_assert (barua_json_read (out->str, (gssize)out->len, &explanation, NULL));
  BaruaJson first = barua_json_element (barua_json_member (explanation, "nearest"), 0);
  g_autofree char *message = barua_json_string (barua_json_member (first, "message"), NULL);
  if (nearest[_i].wanted == NULL)
    ck_assert_ptr_null (message);
  else
    ck_assert_str_eq (message, nearest[_i].wanted);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("explain");
  TCase *tc = tcase_create ("explain");

  tcase_add_loop_test (tc, tokens, 0, (int)G_N_ELEMENTS (cases));
  tcase_add_loop_test (tc, cover, 0, 6);
  tcase_add_loop_test (tc, suggestions, 0, (int)G_N_ELEMENTS (nearest));
  suite_add_tcase (suite, tc);
  return suite;
}
