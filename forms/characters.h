/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/arena.h"
#include "forms/bytes.h"

G_BEGIN_DECLS

/* Character classes of parsing.md section 1. They are the same on every machine: neither the C
 * locale nor a regular-expression library has a say. Text is UTF-8; a byte that is none counts as
 * one character that belongs to no class. */

/** White space that is not ASCII; for barua_is_white() itself. */
gboolean barua_is_wide_white (gunichar c);

/** White space: U+0009–000D, 0020, 00A0, 1680, 2000–200A, 2028, 2029, 202F, 205F, 3000, FEFF. */
static inline gboolean
barua_is_white (gunichar c)
{
  if (c < 0x80)
    return c == ' ' || (c >= 0x09 && c <= 0x0D);
  return barua_is_wide_white (c);
}

/** Line ends: U+000A, 000D, 2028, 2029. */
gboolean barua_is_line_end (gunichar c);

/** Zero width: U+200B, 200C, 200D, FEFF. */
gboolean barua_is_zero_width (gunichar c);

static inline gboolean
barua_is_digit (char c)
{
  return c >= '0' && c <= '9';
}

/** A character that is not ASCII; for barua_next_char() itself. */
gunichar barua_next_wide_char (const char **at, const char *end);

/**
 * barua_next_char:
 * @at: (inout): the position in @end's text, moved behind the character
 * @end: the end of the text; *@at is before it
 *
 * Returns: the code point, or U+FFFFFFFF for one byte that is no UTF-8
 */
static inline gunichar
barua_next_char (const char **at, const char *end)
{
  guchar byte = (guchar)**at;

  if (byte >= 0x80)
    return barua_next_wide_char (at, end);
  *at += 1;
  return byte;
}

/** Whether @byte is ASCII, and neither white space nor a control character. */
static inline gboolean
barua_is_visible (char byte)
{
  return (guchar)byte > ' ' && (guchar)byte < 0x80;
}

/** barua_text_trim() of a text that has something to be looked at. */
BaruaText barua_text_trim_ends (BaruaText text);

/** @text without WS at both ends; borrowed from @text. */
static inline BaruaText
barua_text_trim (BaruaText text)
{
  if (text.n == 0 || (barua_is_visible (*text.p) && barua_is_visible (text.p[text.n - 1])))
    return text;
  return barua_text_trim_ends (text);
}

/** @text without WS at its beginning; borrowed from @text. */
BaruaText barua_text_trim_start (BaruaText text);

/** @text without WS at its end; borrowed from @text. */
BaruaText barua_text_trim_end (BaruaText text);

/** Whether @text is empty or WS only. */
gboolean barua_text_is_blank (BaruaText text);

/** A hash of the bytes of @text (FNV-1a). */
guint32 barua_text_hash (BaruaText text);

/** Whether @text is ASCII. */
static inline gboolean
barua_text_is_ascii (BaruaText text)
{
  gsize i = 0;

  for (; i + 8 <= text.n; i += 8)
    if (barua_load_word (text.p + i) & BARUA_WORD_TOPS)
      return FALSE;
  for (; i < text.n; i++)
    if ((guchar)text.p[i] >= 0x80)
      return FALSE;
  return TRUE;
}

/** Whether @text holds a zero-width character. */
gboolean barua_text_has_zero_width (BaruaText text);

/** @text without zero-width characters; @text itself when there are none. */
BaruaText barua_text_without_zero_width (BaruaArena *arena, BaruaText text);

/** std(): Devanagari digits as ASCII, without zero-width characters; @text itself when nothing changes. */
BaruaText barua_text_standard (BaruaArena *arena, BaruaText text);

/** Full Unicode upper case, locale independent (ß gives SS); @text itself when nothing changes. */
BaruaText barua_text_upper (BaruaArena *arena, BaruaText text);

/** Full Unicode lower case, locale independent; @text itself when nothing changes. */
BaruaText barua_text_lower (BaruaArena *arena, BaruaText text);

/** The character that stands for @c when case is ignored: simple upper case, never from non-ASCII to ASCII. */
gunichar barua_fold_char (gunichar c);

/** @text with every character folded, for barua_text_has_folded_prefix(); a new text. */
BaruaText barua_text_fold (BaruaArena *arena, BaruaText text);

/**
 * barua_text_has_folded_prefix:
 * @text: any text
 * @folded: what barua_text_fold() made
 * @length: (out) (optional): how many bytes of @text the prefix takes
 *
 * Whether @text begins with @folded, ignoring case (ieq, parsing.md section 1).
 */
gboolean barua_text_has_folded_prefix (BaruaText text, BaruaText folded, gsize *length);

/** ieq: whether the texts are equal ignoring case. */
gboolean barua_text_equal_ignoring_case (BaruaText a, BaruaText b);

G_END_DECLS
