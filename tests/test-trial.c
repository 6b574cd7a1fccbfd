/* SPDX-License-Identifier: MIT */

/* Trials of messages and examples for senders, as the command line and HTTP give them. */

#include "parser/trial.h"

#include <string.h>

#include "forms/form-guide.h"
#include "parser/example.h"
#include "tests/parser-cases.h"
#include "tests/suites.h"

static BaruaJson
json (const char *text)
{
  return text != NULL ? (BaruaJson){ text, strlen (text) } : BARUA_JSON_NONE;
}

static const struct
{
  const char *settings;
  const char *definition;
  const char *text;
} merges[] = {
  { NULL, NULL, "{}" },
  { "{\"a\": 1}", NULL, "{\"a\": 1}" },
  { "{\"a\": 1,\"forms\":{\"X\":{}}}", "{\"meta\":{\"code\":\"Y\"}}",
    "{\"a\":1,\"forms\":{\"Y\":{\"meta\":{\"code\":\"Y\"}}}}" },
  { NULL, "{\"fields\": {}}", "{\"forms\":{\"DEFINITION\":{\"fields\":{}}}}" },
  { NULL, "{\"meta\":{\"code\":\"\"}}", "{\"forms\":{\"DEFINITION\":{\"meta\":{\"code\":\"\"}}}}" },
  { NULL, "{\"meta\":{\"code\":7}}", "{\"forms\":{\"DEFINITION\":{\"meta\":{\"code\":7}}}}" },
};

START_TEST (settings_of_definition)
{
  g_autoptr (GBytes) bytes
      = barua_trial_settings_text (json (merges[_i].settings), json (merges[_i].definition));
  gsize n;
  const char *data = g_bytes_get_data (bytes, &n);
  g_autofree char *text = g_strndup (data, n);

  ck_assert_str_eq (text, merges[_i].text);
}
END_TEST

/* A form with what is hard to say in some syntax. */
static const char settings_text[]
    = "{\"locale\":\"en\",\"forms\":{\"T\":{\"meta\":{\"code\":\"T\",\"label\":\"Title\"},\"fields\":{"
      "\"s\":{\"type\":\"string\",\"labels\":{\"tiny\":{\"en\":\"s\",\"sw\":\"swa\"},\"short\":\"Text\"},"
      "\"length\":[3,20],\"required\":true},"
      "\"n\":{\"type\":\"integer\",\"labels\":{\"tiny\":\"n\"},\"range\":[5,9]},"
      "\"neg\":{\"type\":\"integer\",\"labels\":{\"tiny\":\"neg\"},\"range\":[-9,-5]},"
      "\"zero\":{\"type\":\"integer\",\"labels\":{\"tiny\":\"zero\"},\"range\":[0,0]},"
      "\"c\":{\"type\":\"string\",\"labels\":{\"tiny\":\"c\"},\"list\":[[\"A B\",\"Apple\"]]},"
      "\"h\":{\"type\":\"string\",\"labels\":{\"tiny\":\"h\"},\"list\":[[\"#\",\"Hash\"]]},"
      "\"q\":{\"type\":\"string\",\"labels\":{\"tiny\":\"q q\"},\"list\":[[\"\\\"\",\"Quote\"]]},"
      "\"i\":{\"type\":\"integer\",\"list\":[[1,\"one\"],[2,{\"en\":\"two\"}]]},"
      "\"e\":{\"type\":\"string\",\"list\":[]},"
      "\"d\":{\"type\":\"date\",\"labels\":{\"tiny\":\"d\"}},"
      "\"bs\":{\"type\":\"bsDate\",\"labels\":{\"tiny\":\"b#s\"}},"
      "\"by\":{\"type\":\"bsYear\"},\"bm\":{\"type\":\"bsMonth\"},\"bd\":{\"type\":\"bsDay\"},"
      "\"agg\":{\"type\":\"bsAggreDate\"},"
      "\"b\":{\"type\":\"boolean\",\"labels\":{\"tiny\":\"b1\"}},"
      "\"m\":{\"type\":\"month\",\"labels\":{\"tiny\":\"\xC3\xA9t\xC3\xA9\"}},"
      "\"p\":{\"type\":\"phone_number\",\"labels\":{\"tiny\":\"p\"}},"
      "\"x\":{\"type\":\"complex\"},\"o\":{\"type\":\"other\"},\"patient_id\":{\"type\":\"string\"}}},"
      "\"NONE\":{\"meta\":{\"code\":\"NONE\"},\"fields\":{}},"
      "\"NOCODE\":{\"fields\":{\"a\":{\"type\":\"integer\",\"labels\":{\"tiny\":\"a\"}}}},"
      "\"A!B\":{\"meta\":{\"code\":\"A!B\"},\"fields\":{\"a\":{\"type\":\"string\"}}},"
      "\"A B\":{\"meta\":{\"code\":\"A B\"},\"fields\":{\"a\":{\"type\":\"string\"}}},"
      "\"low\":{\"meta\":{\"code\":\"low\"},\"fields\":{\"a\":{\"type\":\"integer\"},\"z\":{\"type\":\"string\","
      "\"labels\":{\"tiny\":\"1\"}}}},"
      "\"ONE\":{\"meta\":{\"code\":\"ONE\"},\"fields\":{\"only\":{\"type\":\"string\",\"labels\":{"
      "\"tiny\":\"only\"},\"required\":true}}},"
      "\"SAME\":{\"meta\":{\"code\":\"SAME\"},\"fields\":{\"a\":{\"type\":\"integer\",\"labels\":{"
      "\"tiny\":\"x\"}},\"b\":{\"type\":\"integer\",\"labels\":{\"tiny\":\"X\"}}}}}}";

/* Writes the example of @form in every syntax; what is written and judged good parses back, and
 * what is not has a reason. Returns how many are good. */
static guint
try_form (const BaruaSettings *settings, const BaruaForm *form, BaruaText locale)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autofree BaruaText *texts = g_new0 (BaruaText, barua_form_n_fields (form) + 1);
  g_autoptr (GString) guide = g_string_new (NULL);
  BaruaExample example = { settings, form, locale, texts };
  gboolean sends_something = FALSE;
  guint n_good = 0;

  barua_form_guide_append (settings, form, locale, guide);
  ck_assert_msg (g_utf8_validate (guide->str, (gssize)guide->len, NULL), "%s", guide->str);
  barua_example_fill (settings, form, locale, arena, texts);
  for (guint i = 0; i < barua_form_n_fields (form); i++)
    sends_something |= texts[i].p != NULL;
  for (int s = 0; s < BARUA_N_SYNTAXES; s++)
    {
      g_autoptr (GString) out = g_string_new (NULL);
      g_autoptr (BaruaArena) own = barua_arena_new ();
      const char *remark = NULL;
      BaruaRecord record;
      if (!barua_example_write (&example, (BaruaSyntax)s, arena, out, &remark)
          || !barua_example_check (&example, (BaruaSyntax)s, (BaruaText){ out->str, out->len },
                                   arena, &remark))
        {
          ck_assert_ptr_nonnull (remark);
          continue;
        }
      BaruaMessage message = { .message = { out->str, out->len },
                               .from = BARUA_TEXT ("+254712345678"), .locale = locale };
      ck_assert (barua_record_from_message (settings, &message, own, &record, NULL));
      ck_assert_ptr_eq (record.definition, form);
      if (sends_something)
        ck_assert (
            barua_text_equal (record.format, barua_text (barua_syntax_name ((BaruaSyntax)s))));
      ck_assert_msg (record.n_errors == 0, "%s: %.*s", out->str, (int)record.errors[0].message.n,
                     record.errors[0].message.p);
      n_good++;
    }
  return n_good;
}

/* All forms of @settings in some languages; returns how many examples are good. */
static guint
try_settings (const BaruaSettings *settings)
{
  static const char *const locales[] = { NULL, "en", "sw", "fr", "ne" };
  guint n_good = 0;

  for (guint f = 0; f < barua_settings_n_forms (settings); f++)
    for (gsize l = 0; l < G_N_ELEMENTS (locales); l++)
      n_good += try_form (settings, barua_settings_form (settings, f), barua_text (locales[l]));
  return n_good;
}

START_TEST (examples_of_vectors)
{
  static const char *const names[] = { "afya", "mama", "odd", "sante", "swasthya" };

  ck_assert_uint_gt (try_settings (barua_test_settings (names[_i])), 0);
}
END_TEST

START_TEST (examples_of_traps)
{
  g_autoptr (BaruaSettings) settings = barua_test_settings_of (settings_text);

  ck_assert_uint_gt (try_settings (settings), 0);
}
END_TEST

static const struct
{
  const char *texts[2]; /* of the fields of SAME or ONE */
  const char *form;
  BaruaSyntax syntax;
  const char *message; /* NULL: cannot be said */
} sayings[] = {
  { { "two words" }, "ONE", BARUA_SYNTAX_MUVUKU, "1!ONE!two words" },
  { { "two words" }, "ONE", BARUA_SYNTAX_JAVAROSA, "J1!ONE!only#two words" },
  { { "a#b" }, "ONE", BARUA_SYNTAX_JAVAROSA, "J1!ONE!only#a\\#b" },
  { { "a#b" }, "ONE", BARUA_SYNTAX_MUVUKU, NULL },
  { { "a#b" }, "ONE", BARUA_SYNTAX_TEXTFORMS, NULL },
  { { "a#b" }, "ONE", BARUA_SYNTAX_COMPACT, NULL },
  { { "two words" }, "ONE", BARUA_SYNTAX_TEXTFORMS, "ONE only two words" },
  { { "two\nlines" }, "ONE", BARUA_SYNTAX_TEXTFORMS, NULL },
  { { NULL }, "ONE", BARUA_SYNTAX_TEXTFORMS, "ONE" },
  { { NULL }, "ONE", BARUA_SYNTAX_COMPACT, NULL },
  { { " x" }, "ONE", BARUA_SYNTAX_MUVUKU, NULL },
  { { "1", "2" }, "SAME", BARUA_SYNTAX_MUVUKU, "1!SAME!1#2" },
  { { NULL, "2" }, "SAME", BARUA_SYNTAX_MUVUKU, "1!SAME!#2" },
  { { "1", "2" }, "SAME", BARUA_SYNTAX_JAVAROSA, NULL },
  { { "1", "2" }, "SAME", BARUA_SYNTAX_TEXTFORMS, "SAME x 1#b 2" },
  { { NULL, "2" }, "SAME", BARUA_SYNTAX_COMPACT, NULL },
  { { "1", "2" }, "SAME", BARUA_SYNTAX_COMPACT, "SAME 1 2" },
};

START_TEST (example_in_syntax)
{
  g_autoptr (BaruaSettings) settings = barua_test_settings_of (settings_text);
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (GString) out = g_string_new (NULL);
  const BaruaForm *form = barua_settings_find_form (settings, barua_text (sayings[_i].form));
  BaruaText texts[2] = { barua_text (sayings[_i].texts[0]), barua_text (sayings[_i].texts[1]) };
  BaruaExample example = { settings, form, BARUA_TEXT ("en"), texts };
  const char *remark = NULL;
  gboolean is_good
      = barua_example_write (&example, sayings[_i].syntax, arena, out, &remark)
        && barua_example_check (&example, sayings[_i].syntax, (BaruaText){ out->str, out->len },
                                arena, &remark);

  if (sayings[_i].message == NULL)
    {
      ck_assert_msg (!is_good, "%s", out->str);
      ck_assert_ptr_nonnull (remark);
      return;
    }
  ck_assert_msg (is_good, "%s: %s", out->str, remark);
  ck_assert_str_eq (out->str, sayings[_i].message);
}
END_TEST

static const struct
{
  const char *message;
  const char *locale; /* of the trial */
  gboolean explains;
  const char *begins; /* the output */
} trials[] = {
  { "1!ONE!x", NULL, FALSE,
    "{\"form\":\"ONE\",\"format\":\"muvuku\",\"fields\":{\"only\":\"x\"},\"errors\":[],"
    "\"from\":\"x\",\"reported_date\":7,\"sms_message\":{" },
  { "1!T!", "sw", FALSE,
    "{\"form\":\"T\",\"format\":\"muvuku\",\"fields\":{\"s\":null},\"errors\":[{\"code\":"
    "\"sys.missing_fields\",\"message\":\"Mahali" },
  { "hello", NULL, TRUE,
    "{\"form\":\"HELLO\",\"format\":null,\"fields\":{},\"errors\":[],\"from\":\"x\"" },
  { " ", NULL, TRUE,
    "{\"form\":null,\"format\":null,\"fields\":{},\"errors\":[{\"code\":\"sys.empty\"" },
};

START_TEST (trial_of_message)
{
  g_autoptr (BaruaSettings) settings = barua_test_settings_of (settings_text);
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (GString) out = g_string_new (NULL);
  BaruaTrial trial = { settings, NULL, barua_text (trials[_i].locale), trials[_i].explains };
  BaruaMessage message
      = { .message = barua_text (trials[_i].message), .from = BARUA_TEXT ("x"), .now_ms = 7 };
  BaruaJson value;

  ck_assert (barua_trial_append_message (&trial, &message, arena, out, NULL));
  ck_assert_msg (g_str_has_prefix (out->str, trials[_i].begins), "%s", out->str);
  ck_assert (barua_json_read (out->str, (gssize)out->len, &value, NULL));
  ck_assert_int_eq (barua_json_type (barua_json_member (value, "explain")) != BARUA_JSON_ABSENT,
                    trials[_i].explains);
  message.from.p = NULL;
  ck_assert (!barua_trial_append_message (&trial, &message, arena, out, NULL));
}
END_TEST

START_TEST (trial_of_record)
{
  g_autoptr (BaruaSettings) settings = barua_test_settings_of (settings_text);
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (GString) out = g_string_new (NULL);
  BaruaTrial trial = { .settings = settings };

  ck_assert (barua_trial_append_record (&trial, json ("{\"_meta\":{\"form\":\"one\"},\"only\":\"x\"}"),
                                        7, arena, out, NULL));
  ck_assert_msg (g_str_has_prefix (out->str, "{\"form\":\"ONE\",\"format\":\"json\",\"fields\":"
                                             "{\"only\":\"x\"},\"errors\":[],"),
                 "%s", out->str);
  ck_assert (!barua_trial_append_record (&trial, json ("{}"), 7, arena, out, NULL));
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("trial");
  TCase *tc = tcase_create ("trials and examples");

  tcase_add_loop_test (tc, settings_of_definition, 0, G_N_ELEMENTS (merges));
  tcase_add_loop_test (tc, examples_of_vectors, 0, 5);
  tcase_add_test (tc, examples_of_traps);
  tcase_add_loop_test (tc, example_in_syntax, 0, G_N_ELEMENTS (sayings));
  tcase_add_loop_test (tc, trial_of_message, 0, G_N_ELEMENTS (trials));
  tcase_add_test (tc, trial_of_record);
  suite_add_tcase (suite, tc);
  return suite;
}
