/* SPDX-License-Identifier: MIT */

#include "forms/arena.h"
#include "forms/error.h"
#include "forms/json.h"
#include "tests/suites.h"
#include "tests/vectors.h"

#include <math.h>
#include <string.h>

typedef struct
{
  const char *text;
  const char *reason; /* NULL: accepted */
} Verdict;

static const Verdict verdicts[] = {
  { "{}", NULL },
  { " [ ] ", NULL },
  { "null", NULL },
  { "-0", NULL },
  { "1e400", NULL },
  { "12345678901234567890123", NULL },
  { "\"\\u0000\"", NULL },
  { "\"\\ud83d\\ude00\"", NULL },
  { "{\"a\":[1,{\"b\":null}],\"a\":true}", NULL },
  { "", "line 1 column 1, the text is empty" },
  { "  \n ", "line 2 column 2, the text is empty" },
  { "{\"a\":1,}", "line 1 column 8, a member name in double quotes is expected" },
  { "[1,]", "line 1 column 4, unexpected character" },
  { "[1 2]", "line 1 column 4, ',' or ']' is expected" },
  { "{\"a\" 1}", "line 1 column 6, ':' is expected after a member name" },
  { "{'a':1}", "line 1 column 2, a member name in double quotes is expected" },
  { "[1]x", "line 1 column 4, text after the end of the value" },
  { "010", "line 1 column 1, a number must not begin with 0" },
  { "0x1F", "line 1 column 2, text after the end of the value" },
  { "1.", "line 1 column 3, a digit is missing in a number" },
  { ".5", "line 1 column 1, unexpected character" },
  { "+1", "line 1 column 1, unexpected character" },
  { "-", "line 1 column 2, a digit is missing in a number" },
  { "1e+", "line 1 column 4, a digit is missing in a number" },
  { "NaN", "line 1 column 1, unexpected character" },
  { "nul", "line 1 column 1, unexpected character" },
  { "/*c*/1", "line 1 column 1, unexpected character" },
  { "\"a\nb\"", "line 1 column 3, control character in a string" },
  { "\"\\x\"", "line 1 column 2, unknown escape in a string" },
  { "\"\\u12g4\"", "line 1 column 2, \\u needs four hexadecimal digits" },
  { "\"\\ud800\"", "line 1 column 8, lone surrogate in a string" },
  { "\"\\udc00\"", "line 1 column 2, lone surrogate in a string" },
  { "\"\xC0\xAF\"", "line 1 column 2, invalid UTF-8" },
  { "\"\xED\xA0\x80\"", "line 1 column 2, invalid UTF-8" },
  { "\"\xF4\x90\x80\x80\"", "line 1 column 2, invalid UTF-8" },
  { "\"abc", "line 1 column 5, the text ends inside a string" },
  { "[\n1,\n", "line 3 column 1, the text ends inside a value" },
  { "{\"a\":1", "line 1 column 7, the text ends inside an object" },
  { "\xEF\xBB\xBF{}", "line 1 column 1, unexpected character" },
};

START_TEST (json_verdict)
{
  const Verdict *v = &verdicts[_i];
  BaruaJson value = BARUA_JSON_NONE;
  g_autoptr (GError) error = NULL;
  gboolean ok = barua_json_read (v->text, -1, &value, &error);

  ck_assert_msg (ok == (v->reason == NULL), "%s: %s", v->text, ok ? "accepted" : error->message);
  if (ok)
    return;
  ck_assert (g_error_matches (error, BARUA_FORMS_ERROR, BARUA_FORMS_ERROR_JSON));
  ck_assert_str_eq (error->message, v->reason);
  ck_assert_ptr_null (value.text);
}
END_TEST

START_TEST (json_depth)
{
  BaruaJson value;
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) text = g_string_new (NULL);

  for (int i = 0; i < BARUA_JSON_MAX_DEPTH; i++)
    g_string_append_c (text, '[');
  for (int i = 0; i < BARUA_JSON_MAX_DEPTH; i++)
    g_string_append_c (text, ']');
  ck_assert (barua_json_read (text->str, (gssize)text->len, &value, NULL));

  g_string_prepend_c (text, '[');
  g_string_append_c (text, ']');
  ck_assert (!barua_json_read (text->str, (gssize)text->len, &value, &error));
  ck_assert_ptr_nonnull (strstr (error->message, "nested too deeply"));

  g_string_set_size (text, 1000000);
  memset (text->str, '[', text->len);
  ck_assert (!barua_json_read (text->str, (gssize)text->len, &value, NULL));
}
END_TEST

/* Every prefix of a text that uses every rule is refused, and never read beyond its end. */
START_TEST (json_prefixes)
{
  static const char whole[] = " {\"a\\n\\u00e9\\ud83d\\ude00\":[1.5e-3,true,false,null,\"\xC3\xA9\"],\"b\":{}} ";
  BaruaJson value;

  for (gsize n = 0; n + 2 < sizeof whole - 1; n++)
    {
      g_autofree char *exact = g_memdup2 (whole, MAX (n, 1));
      ck_assert_msg (!barua_json_read (exact, (gssize)n, &value, NULL), "%zu", n);
    }
  ck_assert (barua_json_read (whole, -1, &value, NULL));
}
END_TEST

static BaruaJson
read_valid (const char *text)
{
  BaruaJson value = BARUA_JSON_NONE;
  ck_assert (barua_json_read (text, -1, &value, NULL));
  return value;
}

START_TEST (json_walk)
{
  BaruaJson object = read_valid ("{ \"a\" : 1 , \"b\\u0063\" : [ 10 , \"x,]\" , { } ] , \"a\" : 2.50 }");
  BaruaJson list = barua_json_member (object, "bc");
  gint64 integer = 0;

  ck_assert_uint_eq (barua_json_size (object), 3);
  ck_assert (barua_json_number (barua_json_member (object, "a")) == 2.5);
  ck_assert_uint_eq (barua_json_size (list), 3);
  ck_assert (barua_json_integer (barua_json_element (list, 0), &integer));
  ck_assert_int_eq (integer, 10);
  ck_assert (barua_json_string_is (barua_json_element (list, 1), BARUA_TEXT ("x,]")));
  ck_assert_int_eq (barua_json_type (barua_json_element (list, 2)), BARUA_JSON_OBJECT);
  ck_assert_int_eq (barua_json_type (barua_json_element (list, 3)), BARUA_JSON_ABSENT);
  ck_assert_int_eq (barua_json_type (barua_json_member (list, "a")), BARUA_JSON_ABSENT);

  g_autoptr (GString) out = g_string_new (NULL);
  barua_json_append_minified (out, object);
  ck_assert_str_eq (out->str, "{\"a\":1,\"b\\u0063\":[10,\"x,]\",{}],\"a\":2.50}");
}
END_TEST

START_TEST (json_strings)
{
  BaruaJson value = read_valid ("\"a\\u0000\\ud83d\\ude00\\/\\\"\\n\"");
  gsize n = 0;
  g_autofree char *text = barua_json_string (value, &n);
  BaruaText raw;

  ck_assert_uint_eq (n, 9);
  ck_assert_mem_eq (text, "a\0\xF0\x9F\x98\x80/\"\n", 9);
  ck_assert (!barua_json_string_raw (value, &raw));
  ck_assert (barua_json_string_is (value, (BaruaText){ text, n }));
  ck_assert (barua_json_string_raw (read_valid ("\"\""), &raw));
  ck_assert_uint_eq (raw.n, 0);
  ck_assert (!barua_json_string_is (read_valid ("\"\\\\\""), BARUA_TEXT ("\\\\")));
  ck_assert (barua_json_string_is (read_valid ("\"\\\\\""), BARUA_TEXT ("\\")));

  g_autoptr (GString) out = g_string_new (NULL);
  barua_json_append_string (out, (BaruaText){ text, n });
  ck_assert_str_eq (out->str, "\"a\\u0000\xF0\x9F\x98\x80/\\\"\\n\"");
  g_string_truncate (out, 0);
  barua_json_append_string (out, BARUA_TEXT ("x\xFFy\xC3"));
  ck_assert_str_eq (out->str, "\"x\xEF\xBF\xBDy\xEF\xBF\xBD\"");
}
END_TEST

typedef struct
{
  double number;
  const char *text;
} NumberText;

/* ECMA-262, Number::toString */
static const NumberText numbers[] = {
  { 0, "0" },
  { -0.0, "0" },
  { 5, "5" },
  { -17, "-17" },
  { 0.1, "0.1" },
  { 1.5, "1.5" },
  { 1e21, "1e+21" },
  { 1.25e25, "1.25e+25" },
  { 1e20, "100000000000000000000" },
  { 9007199254740993.0, "9007199254740992" },
  { 1e-6, "0.000001" },
  { 1.5e-7, "1.5e-7" },
  { 0.30000000000000004, "0.30000000000000004" },
  { 123456.789, "123456.789" },
  { 5e-324, "5e-324" },
  { 1.7976931348623157e308, "1.7976931348623157e+308" },
  { INFINITY, "null" },
  { NAN, "null" },
};

START_TEST (json_number)
{
  g_autoptr (GString) out = g_string_new (NULL);

  barua_json_append_number (out, numbers[_i].number);
  ck_assert_str_eq (out->str, numbers[_i].text);
}
END_TEST

START_TEST (json_integers)
{
  gint64 integer = 7;

  ck_assert (barua_json_integer (read_valid ("5.0"), &integer));
  ck_assert_int_eq (integer, 5);
  ck_assert (!barua_json_integer (read_valid ("5.5"), &integer));
  ck_assert (!barua_json_integer (read_valid ("1e400"), &integer));
  ck_assert (!barua_json_integer (read_valid ("\"5\""), &integer));
  ck_assert_int_eq (integer, 5);

  g_autoptr (GString) out = g_string_new (NULL);
  barua_json_append_integer (out, G_MININT64);
  ck_assert_str_eq (out->str, "-9223372036854775808");
}
END_TEST

START_TEST (json_equality)
{
  ck_assert (barua_json_equal (read_valid ("{\"a\":1,\"b\":[1.0,\"\\u0041\"]}"),
                               read_valid ("{\"b\":[1,\"A\"],\"a\":1e0}")));
  ck_assert (!barua_json_equal (read_valid ("[1]"), read_valid ("[1,2]")));
  ck_assert (!barua_json_equal (read_valid ("[1,2]"), read_valid ("[1]")));
  ck_assert (!barua_json_equal (read_valid ("{\"a\":null}"), read_valid ("{\"b\":null}")));
  ck_assert (!barua_json_equal (read_valid ("true"), read_valid ("false")));
  ck_assert (barua_json_equal (read_valid ("{\"b\":{\"y\":[],\"x\":-0},\"\\u0061\":1E2}"),
                               read_valid ("{\"a\":100,\"b\":{\"x\":0,\"y\":[ ]}}")));
  ck_assert (!barua_json_equal (read_valid ("{\"a\":1e400}"), read_valid ("{\"a\":-1e400}")));
  ck_assert (!barua_json_equal (read_valid ("{\"a\":1e400}"), read_valid ("{\"a\":null}")));
  ck_assert (!barua_json_equal (read_valid ("{\"a\":1}"), read_valid ("{\"a\":1,\"b\":1}")));
  ck_assert (!barua_json_equal (read_valid ("{\"a\":[\"b\",\"c\"]}"), read_valid ("{\"a\":[\"b,c\"]}")));
}
END_TEST

START_TEST (json_keys)
{
  g_autoptr (GString) out = g_string_new ("{");

  barua_json_append_key (out, "a");
  barua_json_append_string (out, BARUA_TEXT ("{"));
  barua_json_append_key (out, "b");
  barua_json_append_integer (out, 1);
  g_string_append_c (out, '}');
  ck_assert_str_eq (out->str, "{\"a\":\"{\",\"b\":1}");
}
END_TEST

START_TEST (arena_blocks)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();

  for (int round = 0; round < 3; round++)
    {
      char *small = barua_arena_alloc (arena, 3);
      memset (small, 'a', 3);
      char *large = barua_arena_alloc (arena, 100000);
      memset (large, 'b', 100000);
      BaruaText text = barua_arena_json_text (arena, read_valid ("\"x\\ty\""));
      ck_assert_str_eq (text.p, "x\ty");
      ck_assert_int_eq (small[2], 'a');
      barua_arena_reset (arena);
    }
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("json");
  TCase *tc = tcase_create ("json");

  tcase_add_loop_test (tc, json_verdict, 0, G_N_ELEMENTS (verdicts));
  tcase_add_test (tc, json_depth);
  tcase_add_test (tc, json_prefixes);
  tcase_add_test (tc, json_walk);
  tcase_add_test (tc, json_strings);
  tcase_add_loop_test (tc, json_number, 0, G_N_ELEMENTS (numbers));
  tcase_add_test (tc, json_integers);
  tcase_add_test (tc, json_equality);
  tcase_add_test (tc, json_keys);
  tcase_add_test (tc, arena_blocks);
  suite_add_tcase (suite, tc);
  return suite;
}
