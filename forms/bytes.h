/* SPDX-License-Identifier: MIT */
#pragma once

#include <string.h>

#include <glib.h>

G_BEGIN_DECLS

/* Looking at eight bytes of text at once. */

#define BARUA_WORD_ONES G_GUINT64_CONSTANT (0x0101010101010101)
#define BARUA_WORD_TOPS G_GUINT64_CONSTANT (0x8080808080808080)

/** The eight bytes at @p. */
static inline guint64
barua_load_word (const char *p)
{
  guint64 word;

  memcpy (&word, p, sizeof word);
  return word;
}

/**
 * barua_escape_bits:
 *
 * The bytes of @word that a JSON string cannot hold as they are, controls, `"` and `\`, as their top
 * bits: 0 when there are none, exact up to the first of them otherwise.
 */
static inline guint64
barua_escape_bits (guint64 word)
{
  /* '"' is 0x22, so that it and the controls are what is below 0x21 with one bit turned over */
  guint64 low = (word ^ (BARUA_WORD_ONES * 0x02)) - BARUA_WORD_ONES * 0x21;
  guint64 slash = (word ^ (BARUA_WORD_ONES * '\\')) - BARUA_WORD_ONES;

  return (low | slash) & ~word & BARUA_WORD_TOPS;
}

/** The same, and bytes that are not ASCII. */
static inline guint64
barua_special_bits (guint64 word)
{
  return barua_escape_bits (word) | (word & BARUA_WORD_TOPS);
}

/** Whether @c alone is what barua_special_bits() finds. */
static inline gboolean
barua_is_special (char c)
{
  return (guchar)c < 0x20 || (guchar)c >= 0x80 || c == '"' || c == '\\';
}

/** Behind the ASCII at the start of @p that JSON takes as it is. */
static inline const char *
barua_skip_plain (const char *p, const char *end)
{
  while (end - p >= 8 && barua_special_bits (barua_load_word (p)) == 0)
    p += 8;
  while (p < end && !barua_is_special (*p))
    p++;
  return p;
}

G_END_DECLS
