/* SPDX-License-Identifier: MIT */

/* Phone numbers by a small table of numbering plans, without full metadata (parsing.md 7.6). */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/phone-engine.h"

#include <string.h>

#include "forms/characters.h"
#include "forms/phone-regions.h"

/* E.164 with room for the longest national number that `none` lets pass, codes and prefixes. */
#define MAX_DIGITS 40

#define MIN_UNCHECKED_DIGITS 2
#define MAX_UNCHECKED_DIGITS 17

/* The digits of a number as typed. */
typedef struct
{
  char digits[MAX_DIGITS + 1];
  gsize n;
  gboolean has_plus;
} Dialled;

/* Whether @c may stand between the digits. */
static gboolean
is_punctuation (gunichar c)
{
  return c == ' ' || c == '-' || c == '(' || c == ')' || c == '.' || c == 0xA0 || c == 0x200B;
}

/* The digits of @number; FALSE when it is no phone number at all. */
static gboolean
read_dialled (BaruaText number, Dialled *out)
{
  gboolean has_begun = FALSE;

  out->n = 0;
  out->has_plus = FALSE;
  for (const char *p = number.p, *end = number.p + number.n; p < end;)
    {
      if (barua_is_digit (*p) && out->n < MAX_DIGITS)
        {
          out->digits[out->n++] = *p++;
          has_begun = TRUE;
          continue;
        }
      gunichar c = barua_phone_ascii_sign (barua_next_char (&p, end));
      if (c < 0x80 && g_ascii_isalpha ((char)c))
        return FALSE;
      if (c >= '0' && c <= '9')
        {
          if (out->n == MAX_DIGITS)
            return FALSE;
          out->digits[out->n++] = (char)c;
          has_begun = TRUE;
        }
      else if (c == '+' && !has_begun)
        out->has_plus = has_begun = TRUE;
      else if (has_begun && !is_punctuation (c))
        return FALSE;
    }
  out->digits[out->n] = '\0';
  return out->n >= BARUA_PHONE_MIN_DIGITS;
}

/* How many digits of @digits a prefix list takes (see BaruaPhoneRegion.idd); 0 for none. */
static gsize
match_prefix (const char *list, const char *digits)
{
  while (*list != '\0')
    {
      gsize n = 0;
      while (list[n] != '\0' && list[n] != '|' && digits[n] != '\0'
             && (list[n] == '.' || list[n] == digits[n]))
        n++;
      if (n > 0 && (list[n] == '\0' || list[n] == '|'))
        return n;
      list += strcspn (list, "|");
      list += *list == '|';
    }
  return 0;
}

/* The plan whose calling code @digits begins with; *@length is set to the digits of the code. */
static const BaruaPhoneRegion *
region_of (const char *digits, gsize *length)
{
  guint code = 0;

  for (gsize n = 1; n <= 3 && digits[n - 1] != '\0' && digits[0] != '0'; n++)
    {
      code = code * 10 + (guint)(digits[n - 1] - '0');
      const BaruaPhoneRegion *region = barua_phone_region (code);
      if (region != NULL)
        {
          *length = n;
          return region;
        }
    }
  return NULL;
}

static gboolean
is_possible_length (const BaruaPhoneRegion *region, gsize n)
{
  return n < 32 && (region->lengths >> n & 1) != 0;
}

static gsize
longest_length (const BaruaPhoneRegion *region)
{
  return g_bit_storage (region->lengths) - 1;
}

/* Cuts the calling code or the international prefix off a number without `+`; *@national is what
 * remains. */
static const BaruaPhoneRegion *
region_at_home (const BaruaPhoneRules *rules, const char *digits, gsize n, const char **national)
{
  const BaruaPhoneRegion *home
      = rules->country_code > 0 ? barua_phone_region ((guint)rules->country_code) : NULL;
  if (home == NULL)
    return NULL;

  gsize length = match_prefix (home->idd, digits);
  if (length > 0 && digits[length] != '0' && digits[length] != '\0')
    {
      gsize code_length;
      const BaruaPhoneRegion *region = region_of (digits + length, &code_length);
      if (region != NULL)
        *national = digits + length + code_length;
      return region;
    }
  char code[8];
  gsize code_length = (gsize)g_snprintf (code, sizeof code, "%u", home->calling_code);
  gboolean has_code = strncmp (digits, code, code_length) == 0 && n > longest_length (home);
  *national = has_code ? digits + code_length : digits;
  return home;
}

/* `+`, the code and @n digits. */
static void
write_e164 (char *out, guint code, const char *national, gsize n)
{
  *out++ = '+';
  if (code >= 100)
    *out++ = (char)('0' + code / 100);
  if (code >= 10)
    *out++ = (char)('0' + code / 10 % 10);
  *out++ = (char)('0' + code % 10);
  memcpy (out, national, n);
  out[n] = '\0';
}

gboolean
barua_phone_table_normalise (const BaruaPhoneRules *rules, BaruaText number,
                             char e164[BARUA_PHONE_SIZE])
{
  Dialled dialled;

  if (!read_dialled (number, &dialled))
    return FALSE;

  const BaruaPhoneRegion *region;
  const char *national = dialled.digits;
  if (dialled.has_plus)
    {
      gsize code_length = 0;
      region = region_of (dialled.digits, &code_length);
      national += code_length;
    }
  else
    region = region_at_home (rules, dialled.digits, dialled.n, &national);
  if (region == NULL)
    return FALSE;

  gsize n = dialled.n - (gsize)(national - dialled.digits), trunk = strlen (region->trunk);
  if (trunk > 0 && strncmp (national, region->trunk, trunk) == 0
      && is_possible_length (region, n - trunk))
    {
      national += trunk;
      n -= trunk;
    }
  if (rules->validation == BARUA_PHONE_NONE
          ? n < MIN_UNCHECKED_DIGITS || n > MAX_UNCHECKED_DIGITS
          : !is_possible_length (region, n))
    return FALSE;
  write_e164 (e164, region->calling_code, national, n);
  return TRUE;
}
