/* SPDX-License-Identifier: MIT */

/* Typed values against the vectors. */

#include "forms/field.h"

#include "forms/settings.h"
#include "tests/parser-cases.h"
#include "tests/suites.h"
#include "tests/vectors.h"

/* Converts the raw text of @vector as its field; the result as JSON text. */
static char *
convert (BaruaJson vector)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  const BaruaSettings *settings = barua_test_settings (barua_vector_text (vector, "settings"));
  BaruaJson input = barua_json_member (vector, "input");
  GString *out = g_string_new (NULL);
  BaruaField field;
  BaruaValue value;

  barua_field_compile (barua_json_member (input, "key"), barua_json_member (input, "field"),
                       barua_settings_texts (settings), barua_settings_locale (settings), arena,
                       &field);
  barua_field_convert (&field, barua_arena_json_text (arena, barua_json_member (input, "raw")),
                       barua_settings_phone_rules (settings), arena, &value);
  barua_value_append (out, &value);
  return g_string_free (out, FALSE);
}

START_TEST (vectors)
{
  BaruaJson all = barua_vectors_load ("parsing-fields.json"), vector, actual;
  BaruaJsonIter iter;

  barua_json_iter_init (&iter, all);
  while (barua_json_iter_next (&iter, NULL, &vector))
    {
      g_autofree char *text = convert (vector);
      ck_assert (barua_json_read (text, -1, &actual, NULL));
      ck_assert_msg (barua_json_equal (actual, barua_json_member (vector, "expected")), "%s: %s",
                     barua_vector_text (vector, "name"), text);
    }
}
END_TEST

/* Which values break which types. */
static const struct
{
  BaruaFieldType type;
  BaruaValue value;
  gboolean is_wrong;
} types[] = {
  { BARUA_FIELD_INTEGER, { BARUA_VALUE_NUMBER, 3 }, FALSE },
  { BARUA_FIELD_INTEGER, { BARUA_VALUE_NUMBER, 2.5 }, TRUE },
  { BARUA_FIELD_INTEGER, { BARUA_VALUE_TEXT }, TRUE },
  { BARUA_FIELD_INTEGER, { BARUA_VALUE_NULL }, FALSE },
  { BARUA_FIELD_STRING, { BARUA_VALUE_NUMBER, 1 }, TRUE },
  { BARUA_FIELD_STRING, { BARUA_VALUE_ABSENT }, FALSE },
  { BARUA_FIELD_BOOLEAN, { BARUA_VALUE_FALSE }, FALSE },
  { BARUA_FIELD_BOOLEAN, { BARUA_VALUE_NUMBER, 1 }, TRUE },
  { BARUA_FIELD_COMPLEX, { BARUA_VALUE_JSON, 0, { "{}", 2 } }, FALSE },
  { BARUA_FIELD_COMPLEX, { BARUA_VALUE_JSON, 0, { "[]", 2 } }, TRUE },
  { BARUA_FIELD_MONTH, { BARUA_VALUE_TEXT }, FALSE },
};

START_TEST (wrong_types)
{
  BaruaField field = { .type = types[_i].type };

  ck_assert_int_eq (barua_field_is_wrong_type (&field, &types[_i].value), types[_i].is_wrong);
  field.has_list = TRUE;
  ck_assert (!barua_field_is_wrong_type (&field, &types[_i].value));
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("field");
  TCase *tc = tcase_create ("field");

  tcase_add_test (tc, vectors);
  tcase_add_loop_test (tc, wrong_types, 0, (int)G_N_ELEMENTS (types));
  suite_add_tcase (suite, tc);
  return suite;
}
