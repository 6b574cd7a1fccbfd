/* SPDX-License-Identifier: MIT */
#pragma once

#include <math.h>
#include <string.h>

#include "forms/bytes.h"
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

/** Whether @text is ASCII without controls, so that JSON takes it as it is. */
static inline gboolean
barua_text_is_plain (BaruaText text)
{
  guint64 found = 0;
  gsize i = 0;

  for (; i + 8 <= text.n; i += 8)
    found |= barua_special_bits (barua_load_word (text.p + i));
  if (i < text.n && text.n >= 8)
    found |= barua_special_bits (barua_load_word (text.p + text.n - 8)); /* some once more */
  else
    for (; i < text.n; i++)
      found |= barua_is_special (text.p[i]);
  return found == 0;
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
  guint64 word;

  for (; i + 8 <= n; i += 8)
    {
      word = barua_load_word (p + i);
      if (barua_escape_bits (word) != 0)
        break;
      memcpy (out + i, &word, sizeof word);
    }
  if (i == n)
    return n;
  if (n >= 8 && i + 8 > n)
    {
      /* the last eight bytes once more */
      word = barua_load_word (p + n - 8);
      if (barua_escape_bits (word) == 0)
        {
          memcpy (out + n - 8, &word, sizeof word);
          return n;
        }
    }
  else if (n >= 4 && n < 8 && barua_copy_plain_short (out, p, n))
    return n;
  for (; i < n && (guchar)p[i] >= 0x20 && p[i] != '"' && p[i] != '\\'; i++)
    out[i] = p[i];
  return i;
}

/** Writes what is left of a string, from a byte on that needs an escape, and the last quote. */
char *barua_write_escaped (char *out, const char *p, const char *end);

/** Writes @text as a JSON string. */
G_ALWAYS_INLINE static inline char *
barua_write_string (char *out, BaruaText text)
{
  *out++ = '"';
  gsize run = barua_copy_plain (out, text.p, text.n);
  out += run;
  if (run < text.n)
    return barua_write_escaped (out, text.p + run, text.p + text.n);
  *out++ = '"';
  return out;
}

/** "00" to "99" without anything between. */
extern const char barua_two_digits[201];

/** Writes a natural number. */
static inline char *
barua_write_natural (char *out, guint64 number)
{
  char digits[20]; /* 2^64 has as many */
  char *end = digits + sizeof digits, *p = end;

  if (number < 10)
    {
      *out = (char)('0' + number);
      return out + 1;
    }
  for (; number > G_MAXUINT32; number /= 100)
    {
      p -= 2;
      memcpy (p, barua_two_digits + number % 100 * 2, 2);
    }
  guint32 rest = (guint32)number; /* which is divided faster */
  for (; rest >= 100; rest /= 100)
    {
      p -= 2;
      memcpy (p, barua_two_digits + rest % 100 * 2, 2);
    }
  p -= 2;
  memcpy (p, barua_two_digits + rest * 2, 2);
  p += *p == '0';
  memcpy (out, p, (gsize)(end - p));
  return out + (end - p);
}

/** Writes a finite number. */
static inline char *
barua_write_number (char *out, double number)
{
  if (fabs (number) <= 9007199254740991.0 && (double)(gint64)number == number)
    {
      gint64 whole = (gint64)number;
      guint64 rest = whole < 0 ? -(guint64)whole : (guint64)whole;
      if (whole < 0)
        *out++ = '-';
      return barua_write_natural (out, rest);
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
