/* SPDX-License-Identifier: MIT */
#pragma once

#include <math.h>
#include <string.h>

#include "forms/field.h"

G_BEGIN_DECLS

/* Writing JSON into memory whose size was reckoned before: one allocation a document, no checks.
 * Texts must be UTF-8; what comes from outside has been made so when the message was taken. */

/** Bytes that a string of @n bytes takes at most: every byte as an escape, and the quotes. */
#define BARUA_JSON_STRING_BYTES(n) (6 * (n) + 2)

/** Bytes that a number takes at most in ECMAScript's form. */
#define BARUA_JSON_NUMBER_BYTES 32

/** Copies @text. */
static inline char *
barua_write_raw (char *out, BaruaText text)
{
  memcpy (out, text.p, text.n);
  return out + text.n;
}

/** The bytes of @word that need an escape, as their top bits; exact up to the first. */
static inline guint64
barua_escape_bits (guint64 word)
{
  const guint64 ones = G_GUINT64_CONSTANT (0x0101010101010101);
  const guint64 tops = G_GUINT64_CONSTANT (0x8080808080808080);
  guint64 quote = word ^ (ones * '"'), slash = word ^ (ones * '\\');

  return (((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash))
         & tops;
}

/** Copies @n bytes at @p, 4 to 8 of them, when none needs an escape. */
static inline gboolean
barua_copy_plain_short (char *out, const char *p, gsize n)
{
  guint32 first, last;

  memcpy (&first, p, sizeof first);
  memcpy (&last, p + n - sizeof last, sizeof last);
  if (barua_escape_bits ((guint64)first << 32 | last) != 0)
    return FALSE;
  memcpy (out, &first, sizeof first);
  memcpy (out + n - sizeof last, &last, sizeof last);
  return TRUE;
}

/** Copies what needs no escape at the start of @p; returns how many bytes. */
static inline gsize
barua_copy_plain (char *out, const char *p, gsize n)
{
  gsize i = 0;

  for (; i + 8 <= n; i += 8)
    {
      guint64 word;
      memcpy (&word, p + i, sizeof word);
      if (barua_escape_bits (word) != 0)
        break;
      memcpy (out + i, &word, sizeof word);
    }
  if (n - i >= 4 && n - i <= 8 && barua_copy_plain_short (out + i, p + i, n - i))
    return n;
  for (; i < n && (guchar)p[i] >= 0x20 && p[i] != '"' && p[i] != '\\'; i++)
    out[i] = p[i];
  return i;
}

/** Writes @text as a JSON string. */
static inline char *
barua_write_string (char *out, BaruaText text)
{
  static const char hex[] = "0123456789abcdef";
  const char *p = text.p, *end = text.p + text.n;

  *out++ = '"';
  while (p < end)
    {
      gsize run = barua_copy_plain (out, p, (gsize)(end - p));
      out += run;
      p += run;
      if (p == end)
        break;
      guchar c = (guchar)*p++;
      *out++ = '\\';
      if (c == '"' || c == '\\')
        *out++ = (char)c;
      else if (c == '\n')
        *out++ = 'n';
      else if (c == '\r')
        *out++ = 'r';
      else if (c == '\t')
        *out++ = 't';
      else
        {
          memcpy (out, "u00", 3);
          out[3] = hex[c >> 4];
          out[4] = hex[c & 15];
          out += 5;
        }
    }
  *out++ = '"';
  return out;
}

/** Writes a finite number. */
static inline char *
barua_write_number (char *out, double number)
{
  if (fabs (number) <= 9007199254740991.0 && floor (number) == number)
    {
      char digits[24];
      char *p = digits + sizeof digits;
      gint64 whole = (gint64)number;
      guint64 rest = whole < 0 ? -(guint64)whole : (guint64)whole;
      do
        *--p = (char)('0' + rest % 10);
      while ((rest /= 10) > 0);
      if (whole < 0)
        *--p = '-';
      gsize n = (gsize)(digits + sizeof digits - p);
      memcpy (out, p, n);
      return out + n;
    }
  g_autoptr (GString) text = g_string_new (NULL);
  barua_json_append_number (text, number);
  memcpy (out, text->str, text->len);
  return out + text->len;
}

/** Bytes that barua_write_value() takes at most. */
static inline gsize
barua_value_bytes (const BaruaValue *value)
{
  if (value->type == BARUA_VALUE_TEXT)
    return BARUA_JSON_STRING_BYTES (value->text.n);
  return value->type == BARUA_VALUE_JSON ? value->text.n : BARUA_JSON_NUMBER_BYTES;
}

/** Writes a value; absent as null. */
static inline char *
barua_write_value (char *out, const BaruaValue *value)
{
  switch (value->type)
    {
    case BARUA_VALUE_TEXT:
      return barua_write_string (out, value->text);
    case BARUA_VALUE_NUMBER:
      return barua_write_number (out, value->number);
    case BARUA_VALUE_JSON:
      return barua_write_raw (out, value->text);
    case BARUA_VALUE_TRUE:
      return barua_write_raw (out, BARUA_TEXT ("true"));
    case BARUA_VALUE_FALSE:
      return barua_write_raw (out, BARUA_TEXT ("false"));
    default:
      return barua_write_raw (out, BARUA_TEXT ("null"));
    }
}

G_END_DECLS
