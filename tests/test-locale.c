/* SPDX-License-Identifier: MIT */

/* Texts and labels by language. */

#include "forms/locale.h"

#include <string.h>

#include "forms/settings.h"
#include "tests/parser-cases.h"
#include "tests/suites.h"
#include "tests/vectors.h"

START_TEST (vectors)
{
  BaruaJson all = barua_vectors_load ("parsing-locale-errors.json"), vector;
  BaruaJsonIter iter;
  guint n = 0;

  barua_json_iter_init (&iter, all);
  while (barua_json_iter_next (&iter, NULL, &vector))
    {
      if (!barua_json_string_is (barua_json_member (vector, "kind"), BARUA_TEXT ("translate")))
        continue;
      g_autoptr (BaruaArena) arena = barua_arena_new ();
      const BaruaSettings *settings
          = barua_test_settings (barua_vector_text (vector, "settings"));
      BaruaJson input = barua_json_member (vector, "input");
      BaruaJson key = barua_json_member (input, "key");
      BaruaText text = barua_settings_translate_label (
          settings, arena, key,
          barua_arena_json_text (arena, barua_json_member (input, "locale")));
      if (barua_json_type (key) == BARUA_JSON_STRING)
        text = barua_text_fill_json (arena, text, barua_json_member (input, "ctx"));
      ck_assert_msg (barua_json_string_is (barua_json_member (vector, "expected"), text),
                     "%s: %.*s", barua_vector_text (vector, "name"), (int)text.n, text.p);
      n++;
    }
  ck_assert_uint_ge (n, 22);
}
END_TEST

/* Every key that we ship has a text in every language that we ship, placeholders included. The
 * Nepali `extra_fields` is left to English (vector "missing in locale"). */
START_TEST (shipped)
{
  static const char *const keys[]
      = { "sys.empty", "sys.form_not_found", "sys.incorrect_type", "sys.missing_fields",
          "extra_fields", "sys.facility_not_found", "sys.recipient_not_found", "empty",
          "form_not_found", "sms_received", "reporting_unit_not_found",
          "messages.generic.registration_not_found", "messages.generic.no_provided_patient_id",
          "messages.generic.provided_patient_id_not_unique",
          "messages.generic.provided_phone_not_valid",
          "messages.generic.sys.facility_not_found",
          "login.language", "login.title", "login.name", "login.password", "login.show",
          "login.submit", "login.busy", "login.wrong", "login.limited", "login.failed",
          "login.offline", "login.link.title", "login.link.text", "login.link.expired",
          "login.link.invalid", "login.link.missing", "login.link.timeout", "login.home",
          "login.logout", "login.choose" };
  static const BaruaText nowhere = { NULL, 0 };
  BaruaTexts *texts = barua_texts_new ();

  barua_texts_add_shipped (texts);
  ck_assert_uint_eq (barua_texts_n_locales (texts), 10);
  for (guint i = 0; i < barua_texts_n_locales (texts); i++)
    for (gsize k = 0; k < G_N_ELEMENTS (keys); k++)
      {
        BaruaText locale = barua_texts_locale (texts, i);
        if (barua_text_equal (locale, BARUA_TEXT ("ne")) && g_str_equal (keys[k], "extra_fields"))
          continue;
        BaruaText text = barua_texts_lookup (texts, locale, nowhere, barua_text (keys[k]));
        ck_assert_msg (text.n > 0, "%.*s: %s", (int)locale.n, locale.p, keys[k]);
        g_autofree char *copy = g_strndup (text.p, text.n);
        if (g_str_equal (keys[k], "sys.incorrect_type"))
          ck_assert_msg (strstr (copy, "{{key}}") != NULL
                             && strstr (copy, "{{expectedType}}") != NULL,
                         "%.*s: %s", (int)locale.n, locale.p, keys[k]);
      }
  barua_texts_free (texts);
}
END_TEST

/* Sources in their order: custom, generic, settings, shipped (settings-and-forms.md 3.5). */
START_TEST (order_of_sources)
{
  static const char settings_json[]
      = "{\"locale\":\"sw\",\"translations\":{\"sw\":{\"a\":\"s\",\"b\":\"s\",\"c\":\"s\","
        "\"empty\":\"s\"}}}";
  static const char document[]
      = "{\"_id\":\"messages-sw\",\"code\":\"sw\",\"custom\":{\"a\":\"c\",\"b\":\"\"},"
        "\"generic\":{\"a\":\"g\",\"b\":\"g\"}}";
  static const char broken[] = "{\"code\":";
  g_autoptr (GBytes) text = g_bytes_new_static (settings_json, strlen (settings_json));
  g_autoptr (GBytes) first = g_bytes_new_static (document, strlen (document));
  g_autoptr (GBytes) second = g_bytes_new_static (broken, strlen (broken));
  GBytes *messages[] = { first, second };
  g_autoptr (BaruaSettings) settings = barua_settings_compile (text, messages, 2, NULL);
  static const struct
  {
    const char *key;
    const char *wanted;
  } cases[] = { { "a", "c" }, { "b", "g" }, { "c", "s" }, { "empty", "s" }, { "zz", "zz" },
                { "sys.empty", "Ujumbe unaonekana kama ni mtupu." } };
  static const BaruaText none = { NULL, 0 };

  ck_assert_ptr_nonnull (settings);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      BaruaText found = barua_settings_translate (settings, barua_text (cases[i].key), none);
      ck_assert_msg (barua_text_equal (found, barua_text (cases[i].wanted)), "%s: %.*s",
                     cases[i].key, (int)found.n, found.p);
    }
}
END_TEST

/* Replaced text is not looked at again, and braces alone are text. */
START_TEST (filling)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaPlaceholder placeholders[]
      = { { "a", BARUA_TEXT ("{{b}}") }, { "b", BARUA_TEXT ("x") }, { "c", { NULL, 0 } } };
  static const struct
  {
    const char *text;
    const char *wanted;
  } cases[] = { { "{{a}}-{{ b }}", "{{b}}-x" }, { "{{b}}{{zz}}", "{{b}}{{zz}}" },
                { "{{b", "{{b" }, { "[{{c}}]", "[]" }, { "", "" }, { "}}{{b}}", "}}x" } };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      BaruaText text = barua_text_fill (arena, barua_text (cases[i].text), placeholders,
                                        G_N_ELEMENTS (placeholders));
      ck_assert_msg (barua_text_equal (text, barua_text (cases[i].wanted)), "%s: %.*s",
                     cases[i].text, (int)text.n, text.p);
    }
}
END_TEST

/* Settings that are no object are refused; odd ones are taken. */
START_TEST (odd_settings)
{
  static const char *const odd[]
      = { "{}", "{\"forms\":[]}", "{\"forms\":{\"\":{}}}", "{\"locale\":5,\"translations\":[]}",
          "{\"translations\":{\"en\":{\"a\":5},\"fr\":null}}",
          "{\"forms\":{\"A\":{\"fields\":{\"\":{},\"..\":{},\"a.b.c.d.e.f.g.h.i.j\":{}}}}}",
          "{\"forms\":{\"A\":{\"fields\":{\"x\":{\"labels\":{\"tiny\":{\"en\":\"\"}}}}}}}" };
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) list = g_bytes_new_static ("[]", 2);

  for (gsize i = 0; i < G_N_ELEMENTS (odd); i++)
    {
      g_autoptr (BaruaSettings) settings = barua_test_settings_of (odd[i]);
      ck_assert_ptr_nonnull (settings);
    }
  ck_assert_ptr_null (barua_settings_compile (list, NULL, 0, &error));
  ck_assert_ptr_nonnull (error);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("locale");
  TCase *tc = tcase_create ("locale");

  tcase_add_test (tc, vectors);
  tcase_add_test (tc, shipped);
  tcase_add_test (tc, order_of_sources);
  tcase_add_test (tc, filling);
  tcase_add_test (tc, odd_settings);
  suite_add_tcase (suite, tc);
  return suite;
}
