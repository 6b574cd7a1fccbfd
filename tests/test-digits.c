/* SPDX-License-Identifier: MIT */

/* Every field type, every zero-width character, every family of decimal digits of Unicode, against
 * the decided rules of parsing.md 1 and 7: ASCII and Devanagari digits count, zero-width characters
 * do not; phone numbers know three families more; dates know ASCII only; text stays as it is. */

#include "forms/field.h"
#include "parser/record.h"
#include "tests/parser-cases.h"
#include "tests/suites.h"

#include <string.h>

#define N_SYNTAXES 4

/* General category Nd of Unicode 15 has 68 families; a GLib that knows far fewer is no base for
 * this test. */
#define FEWEST_FAMILIES 60

/* 1 Baisakh 2080 and 5 January 2024 in milliseconds (parsing.md 7.4, 7.5). */
#define BS_MS "1681430400000"
#define DATE_MS "1704412800000"

static const char *const zero_width[]
    = { "", "\xE2\x80\x8B", "\xE2\x80\x8C", "\xE2\x80\x8D", "\xEF\xBB\xBF" };

/* U+FEFF, which is white space, too. */
#define BOM 4

static gunichar families[128]; /* their zeros */
static guint n_families;

static void
find_families (void)
{
  for (gunichar c = 0; c <= 0x10FFFF && n_families < G_N_ELEMENTS (families); c++)
    if (g_unichar_type (c) == G_UNICODE_DECIMAL_NUMBER && g_unichar_digit_value (c) == 0)
      families[n_families++] = c;
}

/* What of a family's digits is understood where. */
static gboolean
is_number_family (gunichar zero)
{
  return zero == '0' || zero == 0x966;
}

static gboolean
is_phone_family (gunichar zero)
{
  return is_number_family (zero) || zero == 0x660 || zero == 0x6F0 || zero == 0xFF10;
}

/* @ascii with its digits in the family of @zero, and @hidden at each '|'. */
static char *
spell (const char *ascii, gunichar zero, const char *hidden)
{
  GString *out = g_string_new (NULL);

  for (const char *p = ascii; *p != '\0'; p++)
    if (*p >= '0' && *p <= '9')
      g_string_append_unichar (out, zero + (gunichar)(*p - '0'));
    else if (*p == '|')
      g_string_append (out, hidden);
    else
      g_string_append_c (out, *p);
  return g_string_free (out, FALSE);
}

/* What becomes of a text. */
typedef enum
{
  NUMBER,   /* the JSON of the case, or null when the digits are not understood */
  DATE,     /* the same, and only ASCII is understood */
  PHONE,    /* the text of the case, or the text without hidden characters */
  SAME,     /* the text as it came */
  STANDARD, /* digits of Devanagari as ASCII, without hidden characters */
  CHOICE,   /* the label of the case, when ASCII; else the text as it came */
} Fate;

/* One field of the form: '|' in @text is where a zero-width character goes. */
static const struct
{
  const char *key;
  const char *definition;
  const char *text;
  Fate fate;
  const char *json; /* when understood */
} fields[] = {
  { "i", "\"type\":\"integer\"", "4|207", NUMBER, "4207" },
  { "l", "\"type\":\"integer\",\"list\":[[3,\"three\"],[89,\"many\"]]", "8|9", NUMBER, "\"many\"" },
  { "b", "\"type\":\"boolean\"", "0|1", NUMBER, "true" },
  { "c", "\"type\":\"boolean\"", "0|0", NUMBER, "false" },
  { "m", "\"type\":\"month\"", "1|2", NUMBER, "12" },
  { "s", "\"type\":\"string\"", "3|6 x", SAME, NULL },
  { "sl", "\"type\":\"string\",\"list\":[[\"57\",\"label\"]]", "5|7", CHOICE, "\"label\"" },
  { "patient_id", "\"type\":\"string\"", "98|765", STANDARD, NULL },
  { "place_id", "\"type\":\"string\"", "1|0", STANDARD, NULL },
  { "d", "\"type\":\"date\"", "20|24-0|1-05", DATE, DATE_MS },
  { "bd", "\"type\":\"bsDate\"", "20|80-01-0|1", NUMBER, BS_MS },
  { "y", "\"type\":\"bsYear\"", "20|80", STANDARD, NULL },
  { "n", "\"type\":\"bsMonth\"", "0|1", STANDARD, NULL },
  { "k", "\"type\":\"bsDay\"", "0|1", STANDARD, NULL },
  { "p", "\"type\":\"phone_number\"", "071|2345|678", PHONE, "\"+254712345678\"" },
  { "a", "\"type\":\"bsAggreDate\"", "0|0", NUMBER, BS_MS }, /* of y, n and k */
};

/* Whether the digits of @zero mean something to @fate. */
static gboolean
is_understood (Fate fate, gunichar zero)
{
  switch (fate)
    {
    case NUMBER:
      return is_number_family (zero);
    case PHONE:
      return is_phone_family (zero);
    default:
      return zero == '0';
    }
}

/* The JSON that field @f is to have. */
static void
append_expected (GString *out, guint f, gunichar zero, const char *hidden)
{
  Fate fate = fields[f].fate;
  gboolean has_json = fate != SAME && fate != STANDARD;

  if (has_json && is_understood (fate, zero))
    {
      g_string_append (out, fields[f].json);
      return;
    }
  if (fate == NUMBER || fate == DATE)
    {
      g_string_append (out, "null");
      return;
    }
  gboolean is_cleaned = fate == STANDARD || fate == PHONE;
  gunichar shown = is_cleaned && is_number_family (zero) ? '0' : zero;
  g_autofree char *text = spell (fields[f].text, shown, is_cleaned ? "" : hidden);
  barua_json_append_string (out, barua_text (text));
}

static const BaruaSettings *
settings (void)
{
  static BaruaSettings *made = NULL; /* kept for the leak checker */

  if (made != NULL)
    return made;
  g_autoptr (GString) json
      = g_string_new ("{\"default_country_code\":254,\"phone_validation\":\"partial\",\"forms\":{"
                      "\"P\":{\"meta\":{\"code\":\"P\"},\"fields\":{");
  for (guint f = 0; f < G_N_ELEMENTS (fields); f++)
    g_string_append_printf (json, "%s\"%s\":{%s,\"labels\":{\"tiny\":\"%s\"}}", f > 0 ? "," : "",
                            fields[f].key, fields[f].definition, fields[f].key);
  g_string_append (json, "}}}}");
  made = barua_test_settings_of (json->str);
  return made;
}

/* A message with every field, in one syntax. */
static char *
message_of (guint syntax, gunichar zero, const char *hidden)
{
  static const char *const heads[N_SYNTAXES] = { "1!P!", "J1!P!", "P ", "P" };
  GString *out = g_string_new (heads[syntax]);

  for (guint f = 0; f < G_N_ELEMENTS (fields); f++)
    {
      g_autofree char *text = spell (fields[f].text, zero, hidden);
      if (syntax == 0)
        g_string_append_printf (out, "%s%s", f > 0 ? "#" : "", text);
      else if (syntax == 1)
        g_string_append_printf (out, "%s%s#%s", f > 0 ? "#" : "", fields[f].key, text);
      else if (syntax == 2)
        g_string_append_printf (out, "%s%s %s", f > 0 ? "#" : "", fields[f].key, text);
      else
        g_string_append_printf (out, strchr (text, ' ') != NULL ? " \"%s\"" : " %s", text);
    }
  return g_string_free (out, FALSE);
}

static void
check_message (guint syntax, gunichar zero, const char *hidden)
{
  static const char *const formats[N_SYNTAXES] = { "muvuku", "javarosa", "textforms", "compact" };
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autofree char *text = message_of (syntax, zero, hidden);
  g_autoptr (GString) wanted = g_string_new ("{");
  BaruaMessage message = { .message = barua_text (text), .from = BARUA_TEXT ("") };
  BaruaRecord record;

  ck_assert (barua_record_from_message (settings (), &message, arena, &record, NULL));
  ck_assert_msg (barua_text_equal (record.format, barua_text (formats[syntax])), "%s", text);
  for (guint f = 0; f < G_N_ELEMENTS (fields); f++)
    {
      barua_json_append_key (wanted, fields[f].key);
      append_expected (wanted, f, zero, hidden);
    }
  g_string_append_c (wanted, '}');
  ck_assert_msg (barua_text_equal (record.fields, (BaruaText){ wanted->str, wanted->len }),
                 "U+%04X in %s\nsent:   %s\nwanted: %s\nfound:  %.*s", zero, formats[syntax], text,
                 wanted->str, (int)record.fields.n, record.fields.p);
}

/* Whole messages in each syntax. */
START_TEST (messages)
{
  for (guint family = 0; family < n_families; family++)
    for (guint z = 0; z < G_N_ELEMENTS (zero_width); z++)
      if (_i != 3 || z != BOM) /* white space ends a compact value */
        check_message ((guint)_i, families[family], zero_width[z]);
}
END_TEST

/* @value as JSON is @wanted. */
static void
check_value (const BaruaValue *value, const char *wanted, const char *text)
{
  g_autoptr (GString) json = g_string_new (NULL);

  barua_value_append (json, value);
  ck_assert_msg (g_str_equal (json->str, wanted), "%s: wanted %s, found %s", text, wanted,
                 json->str);
}

/* Single values: hidden characters at both ends, too, and a type that nobody knows. */
START_TEST (values)
{
  static const char *const frames[] = { "|", "||", "" };
  const BaruaForm *form = barua_settings_form (settings (), 0);
  const BaruaPhoneRules *rules = barua_settings_phone_rules (settings ());
  BaruaField unknown = { .key = BARUA_TEXT ("u"), .type = BARUA_FIELD_OTHER };
  gunichar zero = families[_i];

  for (guint f = 0; f < G_N_ELEMENTS (fields); f++)
    for (guint z = 0; z < G_N_ELEMENTS (zero_width); z++)
      for (guint k = 0; k < G_N_ELEMENTS (frames); k++)
        {
          g_autoptr (BaruaArena) arena = barua_arena_new ();
          g_autofree char *framed = g_strconcat (frames[k], fields[f].text, frames[k], NULL);
          g_autofree char *text = spell (framed, zero, zero_width[z]);
          g_autoptr (GString) same = g_string_new (NULL);
          g_autoptr (GString) wanted = g_string_new (NULL);
          BaruaValue value;

          barua_json_append_string (same, barua_text (text));
          barua_field_convert (&unknown, barua_text (text), rules, arena, &value);
          check_value (&value, same->str, text);
          const BaruaField *field = barua_form_field (form, f);
          if (field->type == BARUA_FIELD_BS_AGGREGATE)
            continue; /* not made of its own text */
          append_expected (wanted, f, zero, zero_width[z]);
          gboolean is_kept = fields[f].fate == SAME || (fields[f].fate == CHOICE && zero != '0');
          barua_field_convert (field, barua_text (text), rules, arena, &value);
          check_value (&value, is_kept ? same->str : wanted->str, text);
        }
}
END_TEST

/* The digit of a header is ASCII (parsing.md section 4). */
START_TEST (headers)
{
  for (guint family = 0; family < n_families; family++)
    {
      g_autoptr (BaruaArena) arena = barua_arena_new ();
      g_autofree char *text = spell ("1!P!42", families[family], "");
      BaruaMessage message = { .message = barua_text (text), .from = BARUA_TEXT ("") };
      BaruaRecord record;

      ck_assert (barua_record_from_message (settings (), &message, arena, &record, NULL));
      gboolean is_muvuku = barua_text_equal (record.format, BARUA_TEXT ("muvuku"));
      ck_assert_msg (is_muvuku == (families[family] == '0'), "%s", text);
    }
}
END_TEST

START_TEST (all_families)
{
  ck_assert_uint_ge (n_families, FEWEST_FAMILIES);
  ck_assert_uint_lt (n_families, G_N_ELEMENTS (families));
  for (guint i = 0; i < n_families; i++)
    for (gunichar d = 0; d < 10; d++)
      ck_assert_int_eq (g_unichar_digit_value (families[i] + d), (int)d);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("digits");
  TCase *tc = tcase_create ("digits");

  find_families ();
  tcase_add_test (tc, all_families);
  tcase_add_loop_test (tc, messages, 0, N_SYNTAXES);
  tcase_add_loop_test (tc, values, 0, (int)n_families);
  tcase_add_test (tc, headers);
  suite_add_tcase (suite, tc);
  return suite;
}
