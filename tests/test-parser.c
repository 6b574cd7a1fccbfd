/* SPDX-License-Identifier: MIT */

/* The parsing engine against all vectors of whole messages, codes and syntaxes. */

#include <string.h>

#include "forms/characters.h"
#include "parser/compact.h"
#include "parser/form-code.h"
#include "parser/record.h"
#include "parser/textforms.h"
#include "tests/parser-cases.h"
#include "tests/suites.h"
#include "tests/vectors.h"

/* A clock that no vector names. */
#define NOW_MS G_GINT64_CONSTANT (1777000000123)

static const char *const files[] = {
  "parsing-formcode.json",       "parsing-muvuku.json",  "parsing-javarosa.json",
  "parsing-textforms.json",      "parsing-compact.json", "parsing-dates.json",
  "parsing-locale-errors.json",  "parsing-json.json",    "parsing-malformed.json",
  "parsing-textforms-raw.json",  "parsing-differs.json",
};

/* Whether two records are equal; "NOW" stands for the clock of the test. */
static gboolean
record_matches (BaruaJson wanted, const char *actual_text)
{
  static const char now[] = "\"reported_date\": \"NOW\"";
  g_autofree char *wanted_text = g_strndup (wanted.text, wanted.length);
  g_autoptr (GString) filled = g_string_new (wanted_text);
  BaruaJson a, b;

  g_string_replace (filled, now, "\"reported_date\": 1777000000123", 0);
  ck_assert (barua_json_read (filled->str, -1, &a, NULL));
  ck_assert (barua_json_read (actual_text, -1, &b, NULL));
  return barua_json_equal (a, b);
}

/* Makes the record of a vector; NULL with @error set when it is refused. */
static char *
make_record (BaruaJson vector, BaruaArena *arena, GError **error)
{
  const BaruaSettings *settings = barua_test_settings (barua_vector_text (vector, "settings"));
  BaruaText query_locale = barua_text (barua_vector_text (vector, "query_locale"));
  BaruaJson input = barua_json_member (vector, "input");
  BaruaRecord record;

  if (barua_json_string_is (barua_json_member (vector, "kind"), BARUA_TEXT ("record_json")))
    {
      if (!barua_record_from_json (settings, input, query_locale, NOW_MS, arena, &record, error))
        return NULL;
    }
  else
    {
      BaruaMessage message;
      barua_message_from_json (input, arena, &message);
      message.query_locale = query_locale;
      message.now_ms = NOW_MS;
      if (!barua_record_from_message (settings, &message, arena, &record, error))
        return NULL;
    }
  GString *out = g_string_new (NULL);
  barua_record_append_json (&record, NULL, out);
  return g_string_free (out, FALSE);
}

/* A whole message or JSON record. */
static void
check_record (const char *file, BaruaJson vector)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (GError) error = NULL;
  const char *name = barua_vector_text (vector, "name");
  const char *wanted_error = barua_vector_text (vector, "expected_error");
  g_autofree char *actual = make_record (vector, arena, &error);

  if (wanted_error != NULL)
    {
      ck_assert_msg (error != NULL, "%s: %s: %s, not refused", file, name, actual);
      ck_assert_msg (g_str_equal (error->message, wanted_error), "%s: %s: %s", file, name,
                     error->message);
      return;
    }
  ck_assert_msg (error == NULL, "%s: %s: %s", file, name, error != NULL ? error->message : "");
  BaruaJson wanted = barua_json_member (vector, "expected");
  ck_assert_msg (record_matches (wanted, actual), "%s: %s:\n  wanted %s\n  actual %s", file, name,
                 barua_test_json_text (wanted), actual);
}

static void
check_form_code (const char *file, BaruaJson vector)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaText message
      = barua_arena_json_text (arena, barua_json_member (barua_json_member (vector, "input"),
                                                         "message"));
  BaruaText wanted = barua_arena_json_text (arena, barua_json_member (vector, "expected"));
  BaruaFormCode code;

  barua_form_code_read (message, arena, &code);
  ck_assert_msg (barua_text_equal (code.code, wanted), "%s: %s: \"%.*s\"", file,
                 barua_vector_text (vector, "name"), (int)code.code.n, code.code.p);
}

static void
check_is_muvuku (const char *file, BaruaJson vector)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaText message
      = barua_arena_json_text (arena, barua_json_member (barua_json_member (vector, "input"),
                                                         "message"));

  ck_assert_msg (barua_form_code_is_muvuku (message)
                     == barua_json_truthy (barua_json_member (vector, "expected")),
                 "%s: %s", file, barua_vector_text (vector, "name"));
}

/* The form that a vector names. */
static const BaruaForm *
vector_form (BaruaJson vector, BaruaArena *arena, const BaruaSettings **settings)
{
  BaruaJson input = barua_json_member (vector, "input");

  *settings = barua_test_settings (barua_vector_text (vector, "settings"));
  const BaruaForm *form = barua_settings_find_form (
      *settings, barua_arena_json_text (arena, barua_json_member (input, "form")));
  ck_assert (form != NULL);
  return form;
}

static void
check_is_compact (const char *file, BaruaJson vector)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaJson input = barua_json_member (vector, "input");
  const BaruaSettings *settings;
  const BaruaForm *form = vector_form (vector, arena, &settings);
  BaruaText text = barua_arena_json_text (arena, barua_json_member (input, "message"));
  BaruaText locale = barua_arena_json_text (arena, barua_json_member (input, "locale"));

  if (locale.p == NULL)
    locale = barua_settings_locale (settings);
  const BaruaLabels *labels
      = barua_form_labels (form, barua_settings_locale_index (settings, locale));
  ck_assert_msg (barua_compact_applies (labels, text)
                     == barua_json_truthy (barua_json_member (vector, "expected")),
                 "%s: %s", file, barua_vector_text (vector, "name"));
}

static void
check_compact_split (const char *file, BaruaJson vector)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  const BaruaSettings *settings;
  const BaruaForm *form = vector_form (vector, arena, &settings);
  BaruaText text = barua_arena_json_text (
      arena, barua_json_member (barua_json_member (vector, "input"), "message"));
  g_autofree BaruaText *values = g_new0 (BaruaText, barua_form_n_fields (form) + 1);
  g_autoptr (GString) out = g_string_new ("{");
  BaruaJson actual;

  barua_compact_split (form, text, arena, values);
  for (guint i = 0; i < barua_form_n_fields (form); i++)
    {
      if (values[i].p == NULL)
        continue;
      if (out->len > 1)
        g_string_append_c (out, ',');
      barua_json_append_string (out, barua_form_field (form, i)->key);
      g_string_append_c (out, ':');
      barua_json_append_string (out, values[i]);
    }
  g_string_append_c (out, '}');
  ck_assert (barua_json_read (out->str, (gssize)out->len, &actual, NULL));
  ck_assert_msg (barua_json_equal (actual, barua_json_member (vector, "expected")), "%s: %s: %s",
                 file, barua_vector_text (vector, "name"), out->str);
}

static void
check_textforms_raw (const char *file, BaruaJson vector)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaText text = barua_arena_json_text (
      arena, barua_json_member (barua_json_member (vector, "input"), "message"));
  g_autoptr (GString) out = g_string_new (NULL);
  BaruaJson actual;

  barua_textforms_append_raw (text, arena, out);
  ck_assert (barua_json_read (out->str, (gssize)out->len, &actual, NULL));
  ck_assert_msg (barua_json_equal (actual, barua_json_member (vector, "expected")), "%s: %s: %s",
                 file, barua_vector_text (vector, "name"), out->str);
}

static const struct
{
  const char *kind;
  void (*check) (const char *file, BaruaJson vector);
} kinds[] = {
  { "record_form", check_record },         { "record_json", check_record },
  { "form_code", check_form_code },        { "is_muvuku", check_is_muvuku },
  { "is_compact", check_is_compact },      { "compact_split", check_compact_split },
  { "textforms_raw", check_textforms_raw },
};

/* Every vector of one file whose kind is known here. */
START_TEST (vectors_of_file)
{
  const char *file = files[_i];
  BaruaJson vectors = barua_vectors_load (file), vector;
  BaruaJsonIter iter;
  guint n = 0;

  barua_json_iter_init (&iter, vectors);
  while (barua_json_iter_next (&iter, NULL, &vector))
    for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
      if (barua_json_string_is (barua_json_member (vector, "kind"), barua_text (kinds[i].kind)))
        {
          kinds[i].check (file, vector);
          n++;
        }
  ck_assert_msg (n > 0, "%s holds nothing to check", file);
}
END_TEST

/* One case that no vector has: message, settings, the wanted `fields` and `errors`. */
typedef struct
{
  const char *why;
  const char *settings;
  const char *message; /* JSON object */
  const char *member;
  const char *wanted;
} Case;

static const Case cases[] = {
  { "blanks inside a Bikram Sambat part are trimmed (D27)",
    "{\"forms\":{\"B\":{\"meta\":{\"code\":\"B\"},\"fields\":{\"d\":{\"type\":\"bsDate\"}}}}}",
    "{\"from\":\"1\",\"message\":\"1!B!2080- 01 -01\"}", "fields", "{\"d\":1681430400000}" },
  { "U+0000 becomes U+FFFD (D24)",
    "{\"forms\":{\"T\":{\"meta\":{\"code\":\"T\"},\"fields\":{\"s\":{\"type\":\"string\"}}}}}",
    "{\"from\":\"1\",\"message\":\"T a\\u0000b\"}", "fields", "{\"s\":\"a\\uFFFDb\"}" },
  { "a leaf that is also a parent keeps its whole name",
    "{\"forms\":{\"T\":{\"meta\":{\"code\":\"T\"},\"fields\":{\"a\":{\"type\":\"string\"},"
    "\"a.b\":{\"type\":\"string\"}}}}}",
    "{\"from\":\"1\",\"message\":\"1!T!x#y\"}", "fields", "{\"a\":\"x\",\"a.b\":\"y\"}" },
  { "members of one object are collected though they do not stand together",
    "{\"forms\":{\"T\":{\"fields\":{\"a.b\":{},\"c\":{},\"a.d\":{}}}}}",
    "{\"from\":\"1\",\"message\":\"1!T!x#y#z\"}", "fields",
    "{\"a\":{\"b\":\"x\",\"d\":\"z\"},\"c\":\"y\"}" },
  { "null fields and wrong lists count as none (D4)",
    "{\"forms\":{\"T\":{\"fields\":{\"a\":null,\"b\":{\"type\":\"integer\",\"list\":[1]},"
    "\"c\":{\"type\":\"integer\",\"list\":{}}}},\"N\":null,\"X\":5}}",
    "{\"from\":\"1\",\"message\":\"1!T!1#2\"}", "fields", "{\"b\":1,\"c\":2}" },
  { "labels stand in the language of the message, keys in messages documents come first",
    "{\"forms\":{\"T\":{\"meta\":{\"code\":\"T\"},\"fields\":{\"a\":{\"type\":\"integer\","
    "\"labels\":{\"tiny\":{\"en\":\"x\",\"sw\":\"y\"}}}}}}}",
    "{\"from\":\"1\",\"message\":\"T#y 5\",\"locale\":\"sw\"}", "fields", "{\"a\":5}" },
  { "an unknown language reads like English",
    "{\"forms\":{\"T\":{\"meta\":{\"code\":\"T\"},\"fields\":{\"a\":{\"type\":\"integer\","
    "\"labels\":{\"tiny\":{\"en\":\"x\",\"sw\":\"y\"}}}}}}}",
    "{\"from\":\"1\",\"message\":\"T#x 5\",\"locale\":\"zz\"}", "fields", "{\"a\":5}" },
  { "of two fields with one label the first takes the value",
    "{\"forms\":{\"T\":{\"meta\":{\"code\":\"T\"},\"fields\":{\"a\":{\"type\":\"integer\","
    "\"labels\":{\"tiny\":\"x\"}},\"b\":{\"type\":\"integer\",\"labels\":{\"tiny\":\"x\"}}}}}}",
    "{\"from\":\"1\",\"message\":\"T#x 5\"}", "fields", "{\"a\":5}" },
};

START_TEST (own_case)
{
  const Case *c = &cases[_i];
  g_autoptr (BaruaSettings) settings = barua_test_settings_of (c->settings);
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaJson body, wanted, actual;
  BaruaMessage message;
  BaruaRecord record;
  g_autoptr (GString) out = g_string_new (NULL);

  ck_assert (barua_json_read (c->message, -1, &body, NULL));
  ck_assert (barua_json_read (c->wanted, -1, &wanted, NULL));
  barua_message_from_json (body, arena, &message);
  message.now_ms = NOW_MS;
  ck_assert (barua_record_from_message (settings, &message, arena, &record, NULL));
  barua_record_append_json (&record, NULL, out);
  ck_assert (barua_json_read (out->str, (gssize)out->len, &actual, NULL));
  ck_assert_msg (barua_json_equal (barua_json_member (actual, c->member), wanted), "%s: %s",
                 c->why, out->str);
}
END_TEST

/* A message of @n bytes. */
static BaruaMessage
long_message (char *buffer, gsize n)
{
  memset (buffer, '#', n);
  memcpy (buffer, "1!PREG!", 7);
  return (BaruaMessage){ .message = { buffer, n }, .from = BARUA_TEXT ("+254712345678") };
}

/* The limit of length, and the plain record of what is longer. */
START_TEST (too_long)
{
  const BaruaSettings *settings = barua_test_settings ("mama");
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autofree char *buffer = g_malloc (BARUA_MESSAGE_MAX_BYTES + 1);
  BaruaMessage message = long_message (buffer, BARUA_MESSAGE_MAX_BYTES);
  g_autoptr (GError) error = NULL;
  BaruaRecord record;

  ck_assert (barua_record_from_message (settings, &message, arena, &record, NULL));
  message = long_message (buffer, BARUA_MESSAGE_MAX_BYTES + 1);
  ck_assert (!barua_record_from_message (settings, &message, arena, &record, &error));
  ck_assert (g_error_matches (error, BARUA_PARSER_ERROR, BARUA_PARSER_ERROR_TOO_LONG));
  ck_assert_str_eq (error->message, "message is longer than 65536 bytes");

  barua_record_plain (settings, &message, arena, &record);
  ck_assert_uint_eq (record.n_errors, 0);
  ck_assert (record.form.p == NULL);
  ck_assert (barua_text_equal (record.fields, BARUA_TEXT ("{}")));
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("parser");
  TCase *tc = tcase_create ("vectors");

  tcase_add_loop_test (tc, vectors_of_file, 0, (int)G_N_ELEMENTS (files));
  suite_add_tcase (suite, tc);
  tc = tcase_create ("cases");
  tcase_add_loop_test (tc, own_case, 0, (int)G_N_ELEMENTS (cases));
  tcase_add_test (tc, too_long);
  suite_add_tcase (suite, tc);
  return suite;
}
