/* SPDX-License-Identifier: MIT */

/* Phone numbers by libphonenumber (messaging.md 5.2).  A module of its own, loaded by
 * forms/phone-module.c, because the library and what it needs double the memory of the server. */

#include "forms/phone-engine.h"

#include <cstring>
#include <string>

#include <phonenumbers/phonenumberutil.h>

#include "forms/phone-google-plans.h"

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

namespace
{

/* libphonenumber reads no longer text. */
constexpr gsize max_bytes = 250;

/* Ranges opened after the metadata of Debian 12 (8.12.57, October 2022): all of Côte d'Ivoire's
 * mobile prefixes, and the ten digits of Benin's plan of November 2024. */
struct Range
{
  int calling_code;
  gsize n_digits;
  const char *prefix;
};

constexpr Range later_ranges[]
    = { { 225, 10, "01" }, { 225, 10, "05" }, { 225, 10, "07" }, { 229, 10, "01" } };

bool
is_in_later_range (const PhoneNumberUtil *util, const PhoneNumber &number)
{
  std::string national;

  util->GetNationalSignificantNumber (number, &national);
  for (const Range &range : later_ranges)
    if (range.calling_code == number.country_code () && range.n_digits == national.size ()
        && national.compare (0, 2, range.prefix) == 0)
      return true;
  return false;
}

bool
is_acceptable (const PhoneNumberUtil *util, BaruaPhoneValidation validation,
               const PhoneNumber &number)
{
  if (validation == BARUA_PHONE_NONE)
    return true;
  return is_in_later_range (util, number)
         || (validation == BARUA_PHONE_PARTIAL ? util->IsPossibleNumber (number)
                                               : util->IsValidNumber (number));
}

/* Appends @c, which stands in the @width bytes at @p.  False for what no number may hold: a digit
 * of a script that the reference does not read, U+0000 and bytes that are no UTF-8. */
bool
append (std::string &text, gunichar c, const char *p, gsize width)
{
  gunichar sign = barua_phone_ascii_sign (c);

  if (sign == 0 || c > 0x10FFFF || (sign >= 0x80 && g_unichar_isdigit (c)))
    return false;
  if (sign < 0x80)
    text.push_back (static_cast<char> (sign));
  else
    text.append (p, width);
  return true;
}

/* The text of @number from its first digit or plus on, digits in ASCII; false when it holds a
 * letter or too few digits. */
bool
read_text (BaruaText number, std::string &text)
{
  const char *end = number.p + number.n;
  gsize n_digits = 0, width;

  if (number.n > max_bytes)
    return false;
  for (const char *p = number.p; p < end; p += width)
    {
      gunichar c = g_utf8_get_char_validated (p, end - p), sign = barua_phone_ascii_sign (c);
      width = c > 0x10FFFF ? 1 : static_cast<gsize> (g_utf8_next_char (p) - p);
      if (c < 0x80 && g_ascii_isalpha (static_cast<char> (c)))
        return false;
      bool is_digit = sign >= '0' && sign <= '9';
      n_digits += is_digit;
      if (text.empty () && !is_digit && sign != '+')
        continue;
      if (!append (text, c, p, width))
        return false;
    }
  return n_digits >= BARUA_PHONE_MIN_DIGITS;
}

bool
normalise (const BaruaPhoneRules *rules, BaruaText number, std::string &e164)
{
  std::string text, region;

  if (!read_text (number, text))
    return false;

  const PhoneNumberUtil *util = PhoneNumberUtil::GetInstance ();
  util->GetRegionCodeForCountryCode (rules->country_code, &region);
  PhoneNumber parsed;
  if (util->Parse (text, region, &parsed) != PhoneNumberUtil::NO_PARSING_ERROR
      || parsed.has_extension () || !is_acceptable (util, rules->validation, parsed))
    return false;
  util->Format (parsed, PhoneNumberUtil::E164, &e164);
  return e164.size () < BARUA_PHONE_SIZE;
}

} // namespace

/* Memory that ran out is no reason to end: the number stays as it was received. */
extern "C" gboolean
barua_phone_google_normalise (const BaruaPhoneRules *rules, BaruaText number,
                              char e164[BARUA_PHONE_SIZE])
{
  try
    {
      std::string found;
      if (barua::is_plainly_good (rules->validation, number))
        found.assign (number.p, number.n);
      else if (!normalise (rules, number, found))
        return FALSE;
      std::memcpy (e164, found.c_str (), found.size () + 1);
      return TRUE;
    }
  catch (...)
    {
      return FALSE;
    }
}
