/* SPDX-License-Identifier: MIT */

/* The settings for phone numbers, and which engine judges a number. */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/phone.h"

#include <string.h>

#include "forms/characters.h"
#include "forms/phone-engine.h"

/* A whole number of at most four digits, `+` allowed before it; 0 when the text is none. */
static int
read_country_code (BaruaText text)
{
  BaruaText digits = barua_text_trim (text);
  int code = 0;

  if (digits.n > 0 && *digits.p == '+')
    digits = (BaruaText){ digits.p + 1, digits.n - 1 };
  if (digits.n == 0 || digits.n > 4)
    return 0;
  for (gsize i = 0; i < digits.n; i++)
    {
      if (!barua_is_digit (digits.p[i]))
        return 0;
      code = code * 10 + (digits.p[i] - '0');
    }
  return code;
}

/* Whether @text is @word, whatever its case (settings-and-forms.md, `phone_validation`). */
static gboolean
is_word (BaruaText text, BaruaText word)
{
  return text.n == word.n && g_ascii_strncasecmp (text.p, word.p, word.n) == 0;
}

BaruaPhoneRules
barua_phone_rules (BaruaJson settings)
{
  BaruaPhoneRules rules = { 0, BARUA_PHONE_FULL };
  BaruaJson code = barua_json_member (settings, "default_country_code");
  BaruaJson validation = barua_json_member (settings, "phone_validation");
  BaruaText text, word;
  gint64 number;

  if (barua_json_integer (code, &number))
    rules.country_code = number > 0 && number < 10000 ? (int)number : 0;
  else if (barua_json_string_raw (code, &text))
    rules.country_code = read_country_code (text);
  if (!barua_json_string_raw (validation, &word))
    return rules;
  if (is_word (word, BARUA_TEXT ("partial")))
    rules.validation = BARUA_PHONE_PARTIAL;
  else if (is_word (word, BARUA_TEXT ("none")))
    rules.validation = BARUA_PHONE_NONE;
  return rules;
}

gboolean
barua_phone_normalise (const BaruaPhoneRules *rules, BaruaText number, char e164[BARUA_PHONE_SIZE])
{
#ifdef BARUA_PHONENUMBER
  BaruaPhoneEngine *engine = barua_phone_module ();
  if (engine != NULL)
    return barua_phone_cached (engine, rules, number, e164);
#endif
  return barua_phone_table_normalise (rules, number, e164);
}

gboolean
barua_phone_is_international (BaruaText number)
{
  static const BaruaPhoneRules nowhere = { 0, BARUA_PHONE_PARTIAL };
  char e164[BARUA_PHONE_SIZE];

  return barua_phone_normalise (&nowhere, number, e164);
}

gboolean
barua_phone_same (const BaruaPhoneRules *rules, BaruaText a, BaruaText b)
{
  char first[BARUA_PHONE_SIZE], second[BARUA_PHONE_SIZE];

  if (barua_text_equal (a, b))
    return TRUE;
  return barua_phone_normalise (rules, a, first) && barua_phone_normalise (rules, b, second)
         && strcmp (first, second) == 0;
}
