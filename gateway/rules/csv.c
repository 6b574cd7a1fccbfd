/* SPDX-License-Identifier: MIT */

/* Cells of exports. */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/csv.h"

#include "forms/characters.h"

#include <math.h>

/* Digits of a phone number that is no formula, whatever stands before them. */
#define PHONE_MIN_DIGITS 5
#define PHONE_MAX_DIGITS 15

/* How many digits @text begins with. */
static gsize
count_digits (BaruaText text, gsize from)
{
  gsize n = 0;

  while (from + n < text.n && g_ascii_isdigit (text.p[from + n]))
    n++;
  return n;
}

/* ^\+?[0-9]{5,15}$ */
static gboolean
is_phone (BaruaText text)
{
  const gsize sign = text.n > 0 && text.p[0] == '+' ? 1 : 0;
  const gsize digits = count_digits (text, sign);

  return sign + digits == text.n && digits >= PHONE_MIN_DIGITS && digits <= PHONE_MAX_DIGITS;
}

/* ^-?[0-9]+(\.[0-9]+)?$ */
static gboolean
is_plain_number (BaruaText text)
{
  const gsize sign = text.n > 0 && text.p[0] == '-' ? 1 : 0;
  const gsize whole = count_digits (text, sign);
  const gsize at = sign + whole;

  if (whole == 0)
    return FALSE;
  if (at == text.n)
    return TRUE;
  const gsize fraction = text.p[at] == '.' ? count_digits (text, at + 1) : 0;
  return fraction > 0 && at + 1 + fraction == text.n;
}

/* What a formula begins with; the wide forms are typed, and taken, in East Asia. */
static gboolean
is_sign (gunichar c)
{
  switch (c)
    {
    case '=':
    case '+':
    case '-':
    case '@':
    case 0xFF1D: /* the same four, FULLWIDTH */
    case 0xFF0B:
    case 0xFF0D:
    case 0xFF20:
      return TRUE;
    default:
      return FALSE;
    }
}

/* What some spreadsheets leave out before they look for a sign. */
static gboolean
is_left_out (gunichar c)
{
  return c < ' ' || c == 0x7F || barua_is_white (c) || barua_is_zero_width (c);
}

gboolean
barua_csv_is_formula (BaruaText text)
{
  const char *at = text.p, *end = text.p + text.n;
  gunichar c = ' ';

  if (text.n == 0 || is_phone (text) || is_plain_number (text))
    return FALSE;
  if (*at == '\t' || *at == '\r')
    return TRUE;
  while (at < end && is_left_out (c))
    c = barua_next_char (&at, end);
  return is_sign (c);
}

/* Appends the text with its quotation marks escaped. */
static void
append_escaped (BaruaCsvDialect dialect, BaruaText text, GString *out)
{
  const char *end = text.p + text.n;

  for (const char *at = text.p; at < end;)
    {
      const char *mark = memchr (at, '"', (gsize)(end - at));
      g_string_append_len (out, at, (mark != NULL ? mark : end) - at);
      if (mark == NULL)
        break;
      g_string_append (out, dialect == BARUA_CSV_CHT ? "\\\"" : "\"\"");
      at = mark + 1;
    }
}

void
barua_csv_text (BaruaCsvDialect dialect, BaruaText text, GString *out)
{
  if (text.p == NULL)
    return;
  g_string_append_c (out, '"');
  if (dialect == BARUA_CSV_SAFE && barua_csv_is_formula (text))
    g_string_append_c (out, '\'');
  append_escaped (dialect, text, out);
  g_string_append_c (out, '"');
}

/* A JSON string, decoded. */
static void
append_string (BaruaCsvDialect dialect, BaruaJson value, GString *out)
{
  BaruaText text;

  if (barua_json_string_raw (value, &text))
    {
      barua_csv_text (dialect, text, out);
      return;
    }
  gsize length;
  g_autofree char *decoded = barua_json_string (value, &length);
  barua_csv_text (dialect, (BaruaText){ decoded, length }, out);
}

/* The one that ends the JSON string that begins at @at. */
static const char *
closing_mark (const char *at)
{
  for (at++; *at != '"'; at++)
    at += *at == '\\' ? 1 : 0;
  return at;
}

void
barua_csv_json (BaruaJson value, GString *out)
{
  g_autoptr (GString) json = g_string_new (NULL);

  barua_json_append_minified (json, value);
  const char *end = json->str + json->len;
  for (const char *at = json->str; at < end;)
    {
      const char *mark = memchr (at, '"', (gsize)(end - at));
      g_string_append_len (out, at, (mark != NULL ? mark : end) - at);
      if (mark == NULL)
        break;
      gsize length;
      at = closing_mark (mark) + 1;
      g_autofree char *text = barua_json_string ((BaruaJson){ mark, (gsize)(at - mark) }, &length);
      barua_json_append_string (out, (BaruaText){ text, length });
    }
}

void
barua_csv_value (BaruaCsvDialect dialect, BaruaJson value, GString *out)
{
  const BaruaJsonType type = barua_json_type (value);

  if (type == BARUA_JSON_STRING)
    append_string (dialect, value, out);
  else if (type == BARUA_JSON_ARRAY || type == BARUA_JSON_OBJECT)
    {
      g_autoptr (GString) json = g_string_new (NULL);
      barua_csv_json (value, json);
      barua_csv_text (dialect, (BaruaText){ json->str, json->len }, out);
    }
  else if (type == BARUA_JSON_NUMBER && dialect == BARUA_CSV_CHT && isfinite (barua_json_number (value)))
    barua_json_append_number (out, barua_json_number (value)); /* `1.0` is `1` there */
  else if (!barua_json_is_nothing (value))
    g_string_append_len (out, value.text, (gssize)value.length);
}

void
barua_csv_date (BaruaCsvDialect dialect, gint64 ms, gboolean is_human, GString *out)
{
  if (ms == 0)
    {
      g_string_append (out, "\"\"");
      return;
    }
  if (!is_human)
    {
      barua_json_append_integer (out, ms);
      return;
    }
  const gint64 part = ((ms % 1000) + 1000) % 1000;
  g_autoptr (GDateTime) second = g_date_time_new_from_unix_utc ((ms - part) / 1000);
  g_autofree char *text
      = second != NULL ? g_date_time_format (second, "%Y-%m-%dT%H:%M:%S") : NULL;
  /* a time that no calendar has is written as the number it is */
  if (text == NULL)
    barua_json_append_integer (out, ms);
  else
    g_string_append_printf (out, "\"%s.%03dZ\"", text, (int)part);
}
