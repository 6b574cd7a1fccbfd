/* SPDX-License-Identifier: MIT */
#pragma once

/* What reading and writing of JSON share; for forms/json*.c only. */

#include <string.h>

#include "forms/bytes.h"
#include "forms/json.h"

G_BEGIN_DECLS

/** Integers beyond this are not exact in a double (IEEE 754). */
#define BARUA_JSON_MAX_SAFE_INTEGER 9007199254740992.0

static inline gboolean
is_blank (char c)
{
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline const char *
skip_blanks (const char *p, const char *end)
{
  while (p < end && is_blank (*p))
    p++;
  return p;
}

/* Bytes of the valid UTF-8 sequence at @p (RFC 3629), 0 when there is none. */
static inline gsize
utf8_length (const char *p, const char *end)
{
  const guchar *b = (const guchar *)p;
  gsize left = (gsize)(end - p);
  gsize n = b[0] < 0x80 ? 1 : b[0] >= 0xC2 && b[0] <= 0xDF ? 2 : (b[0] & 0xF0) == 0xE0 ? 3 : 4;

  if (n == 1)
    return 1;
  if (b[0] < 0xC2 || b[0] > 0xF4 || left < n)
    return 0;
  guchar low = b[0] == 0xE0 ? 0xA0 : b[0] == 0xF0 ? 0x90 : 0x80;
  guchar high = b[0] == 0xED ? 0x9F : b[0] == 0xF4 ? 0x8F : 0xBF;
  if (b[1] < low || b[1] > high)
    return 0;
  for (gsize i = 2; i < n; i++)
    if ((b[i] & 0xC0) != 0x80)
      return 0;
  return n;
}

/* The end of the valid string at @p, which ends before @end. */
static inline const char *
skip_string (const char *p, const char *end)
{
  p++;
  for (;;)
    {
      while (end - p >= 8 && barua_escape_bits (barua_load_word (p)) == 0)
        p += 8;
      while (*p != '"' && *p != '\\')
        p++;
      if (*p == '"')
        return p + 1;
      p += 2; /* the backslash and what it escapes */
    }
}

G_END_DECLS
