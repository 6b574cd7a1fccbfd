/* SPDX-License-Identifier: MIT */

/* Sort keys of JSON values: bytes whose order is the order of view keys (documents.md 5). */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/collation.h"

#include <string.h>

/* The first byte of each type; an array or object ends with TAG_END. */
enum
{
  TAG_END = 0x00,
  TAG_NULL = 0x01,
  TAG_FALSE = 0x02,
  TAG_TRUE = 0x03,
  TAG_NUMBER = 0x04,
  TAG_STRING = 0x05,
  TAG_ARRAY = 0x06,
  TAG_OBJECT = 0x07,
};

/* Appends a number: the order of the bits of a double is its own, but for the sign. */
static void
append_number (GString *out, double number)
{
  const guint64 sign = (guint64)1 << 63;
  guint64 bits;

  g_string_append_c (out, TAG_NUMBER);
  number = number == 0 ? 0 : number; /* -0 is 0 */
  memcpy (&bits, &number, sizeof bits);
  bits = (bits & sign) != 0 ? ~bits : bits | sign;
  bits = GUINT64_TO_BE (bits);
  g_string_append_len (out, (const char *)&bits, sizeof bits);
}

/* Appends one UTF-16 unit as three bytes. */
static void
append_unit (GString *out, guint unit)
{
  g_string_append_c (out, (char)(0xe0 | unit >> 12));
  g_string_append_c (out, (char)(0x80 | (unit >> 6 & 0x3f)));
  g_string_append_c (out, (char)(0x80 | (unit & 0x3f)));
}

/* Appends text so that the order is that of UTF-16 units and no byte is the end. */
static void
append_text (GString *out, const char *p, gsize n)
{
  const char *const end = p + n;

  g_string_append_c (out, TAG_STRING);
  while (p < end)
    {
      const guchar c = (guchar)*p;
      if (c >= 0xf0)
        {
          const gunichar code = g_utf8_get_char (p) - 0x10000;
          append_unit (out, 0xd800 + (code >> 10));
          append_unit (out, 0xdc00 + (code & 0x3ff));
          p += 4;
          continue;
        }
      if (c <= 1)
        g_string_append_c (out, 1);
      g_string_append_c (out, c <= 1 ? (char)(c + 1) : (char)c);
      p++;
    }
  g_string_append_c (out, TAG_END);
}

/* Appends a JSON string. */
static void
append_string (GString *out, BaruaJson value)
{
  BaruaText raw;

  if (barua_json_string_raw (value, &raw))
    {
      append_text (out, raw.p, raw.n);
      return;
    }
  g_autofree char *text = g_malloc (value.length);
  append_text (out, text, barua_json_string_into (value, text));
}

/* Appends a value that holds no others, or the first byte of one that does. */
static void
append_plain (GString *out, BaruaJson value)
{
  switch (barua_json_type (value))
    {
    case BARUA_JSON_FALSE:
      g_string_append_c (out, TAG_FALSE);
      return;
    case BARUA_JSON_TRUE:
      g_string_append_c (out, TAG_TRUE);
      return;
    case BARUA_JSON_NUMBER:
      append_number (out, barua_json_number (value));
      return;
    case BARUA_JSON_STRING:
      append_string (out, value);
      return;
    case BARUA_JSON_ARRAY:
      g_string_append_c (out, TAG_ARRAY);
      return;
    case BARUA_JSON_OBJECT:
      g_string_append_c (out, TAG_OBJECT);
      return;
    case BARUA_JSON_ABSENT:
    case BARUA_JSON_NULL:
    default:
      g_string_append_c (out, TAG_NULL);
      return;
    }
}

/* Whether @value holds others. */
static gboolean
is_container (BaruaJson value)
{
  const BaruaJsonType type = barua_json_type (value);

  return type == BARUA_JSON_ARRAY || type == BARUA_JSON_OBJECT;
}

void
barua_collation_append (GString *out, BaruaJson value)
{
  BaruaJsonIter open[BARUA_JSON_MAX_DEPTH + 1];
  BaruaJson key;
  guint depth = 0;

  append_plain (out, value);
  if (is_container (value))
    barua_json_iter_init (&open[depth++], value);
  while (depth > 0)
    {
      if (!barua_json_iter_next (&open[depth - 1], &key, &value))
        {
          g_string_append_c (out, TAG_END);
          depth--;
          continue;
        }
      if (key.text != NULL)
        append_string (out, key);
      append_plain (out, value);
      if (is_container (value) && depth < G_N_ELEMENTS (open))
        barua_json_iter_init (&open[depth++], value);
    }
}
