/* SPDX-License-Identifier: MIT */

/* Character classes and case, the same on every machine (parsing.md section 1). */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/characters.h"

#include <string.h>

/* What barua_next_char() gives for a byte that is no UTF-8. */
#define NO_CHARACTER 0xFFFFFFFFu

gboolean
barua_is_wide_white (gunichar c)
{
  return c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029
         || c == 0x202F || c == 0x205F || c == 0x3000 || c == 0xFEFF;
}

gboolean
barua_is_line_end (gunichar c)
{
  return c == '\n' || c == '\r' || c == 0x2028 || c == 0x2029;
}

gboolean
barua_is_zero_width (gunichar c)
{
  return c == 0x200B || c == 0x200C || c == 0x200D || c == 0xFEFF;
}

/* The bytes of the character that begins with @lead; 0 when none begins so. */
static gsize
sequence_length (guchar lead)
{
  if (lead >= 0xC2 && lead <= 0xDF)
    return 2;
  if ((lead & 0xF0) == 0xE0)
    return 3;
  return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

gunichar
barua_next_wide_char (const char **at, const char *end)
{
  static const gunichar least[] = { 0, 0, 0x80, 0x800, 0x10000 };
  const guchar *p = (const guchar *)*at;
  gsize n = sequence_length (*p);
  gunichar c = n > 0 ? *p & (0x7Fu >> n) : 0;
  gboolean is_whole = n > 0 && (gsize)(end - *at) >= n;
  for (gsize i = 1; is_whole && i < n; i++)
    {
      is_whole = (p[i] & 0xC0) == 0x80;
      c = c << 6 | (p[i] & 0x3F);
    }
  if (!is_whole || c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
    {
      *at += 1;
      return NO_CHARACTER;
    }
  *at += n;
  return c;
}

/* The character that ends before @end; *@start is set to where it begins. */
static gunichar
previous_char (const char *begin, const char *end, const char **start)
{
  const char *p = end - 1;

  while (p > begin && end - p < 4 && ((guchar)*p & 0xC0) == 0x80)
    p--;
  const char *at = p;
  gunichar c = barua_next_char (&at, end);
  if (at == end)
    {
      *start = p;
      return c;
    }
  *start = end - 1;
  return NO_CHARACTER;
}

BaruaText
barua_text_trim_start (BaruaText text)
{
  if (text.n == 0)
    return text;

  const char *p = text.p, *end = text.p + text.n;

  while (p < end)
    {
      const char *at = p;
      if (barua_is_visible (*p))
        break;
      if (!barua_is_white (barua_next_char (&at, end)))
        break;
      p = at;
    }
  return (BaruaText){ p, (gsize)(end - p) };
}

BaruaText
barua_text_trim_end (BaruaText text)
{
  if (text.n == 0)
    return text;

  const char *end = text.p + text.n;

  while (end > text.p)
    {
      guchar byte = (guchar)end[-1];
      const char *start = end - 1;
      if (barua_is_visible (end[-1]))
        break;
      gunichar c = byte < 0x80 ? byte : previous_char (text.p, end, &start);
      if (!barua_is_white (c))
        break;
      end = start;
    }
  return (BaruaText){ text.p, (gsize)(end - text.p) };
}

BaruaText
barua_text_trim_ends (BaruaText text)
{
  return barua_text_trim_end (barua_text_trim_start (text));
}

gboolean
barua_text_is_blank (BaruaText text)
{
  return text.n == 0 || barua_text_trim_start (text).n == 0;
}

guint32
barua_text_hash (BaruaText text)
{
  guint32 hash = 2166136261u;

  for (gsize i = 0; i < text.n; i++)
    hash = (hash ^ (guchar)text.p[i]) * 16777619u;
  return hash;
}

gboolean
barua_text_has_zero_width (BaruaText text)
{
  if (barua_text_is_ascii (text))
    return FALSE;
  for (const char *p = text.p, *end = text.p + text.n; p < end;)
    if (barua_is_zero_width (barua_next_char (&p, end)))
      return TRUE;
  return FALSE;
}

/* @text without zero-width characters and, when @digits, with Devanagari digits as ASCII. */
static BaruaText
cleaned (BaruaArena *arena, BaruaText text, gboolean digits)
{
  if (barua_text_is_ascii (text))
    return text;

  char *copy = barua_arena_alloc (arena, text.n + 1);
  char *out = copy;
  for (const char *p = text.p, *end = text.p + text.n; p < end;)
    {
      const char *from = p;
      gunichar c = barua_next_char (&p, end);
      if (barua_is_zero_width (c))
        continue;
      if (digits && c >= 0x966 && c <= 0x96F)
        *out++ = (char)('0' + (c - 0x966));
      else
        while (from < p)
          *out++ = *from++;
    }
  *out = '\0';
  return (BaruaText){ copy, (gsize)(out - copy) };
}

BaruaText
barua_text_without_zero_width (BaruaArena *arena, BaruaText text)
{
  return cleaned (arena, text, FALSE);
}

BaruaText
barua_text_standard (BaruaArena *arena, BaruaText text)
{
  return cleaned (arena, text, TRUE);
}

/* Whether the upper case of @c may be several characters (Unicode, SpecialCasing.txt). */
static gboolean
has_special_upper (gunichar c)
{
  return c == 0xDF || c == 0x149 || c == 0x1F0 || c == 0x390 || c == 0x3B0 || c == 0x587
         || (c >= 0x1E96 && c <= 0x1E9A) || (c >= 0x1F50 && c <= 0x1FFC)
         || (c >= 0xFB00 && c <= 0xFB17);
}

/* Appends the upper case of the character at @from, @n bytes long. One character at a time
 * g_utf8_strup() has no language-dependent rule left except those of the ASCII letter i. */
static void
append_upper (GString *out, const char *from, gsize n, gunichar c)
{
  if (c == NO_CHARACTER)
    g_string_append_len (out, from, (gssize)n);
  else if (c < 0x80)
    g_string_append_c (out, g_ascii_toupper ((char)c));
  else if (has_special_upper (c))
    {
      g_autofree char *upper = g_utf8_strup (from, (gssize)n);
      g_string_append (out, upper);
    }
  else
    g_string_append_unichar (out, g_unichar_toupper (c));
}

/* Appends the lower case of a character; U+0130 is the only one that becomes two. */
static void
append_lower (GString *out, const char *from, gsize n, gunichar c)
{
  if (c == NO_CHARACTER)
    g_string_append_len (out, from, (gssize)n);
  else if (c < 0x80)
    g_string_append_c (out, g_ascii_tolower ((char)c));
  else if (c == 0x130)
    g_string_append (out, "i\xCC\x87");
  else
    g_string_append_unichar (out, g_unichar_tolower (c));
}

/* ASCII @text with the letters from @first to @last in the other case. */
static BaruaText
ascii_case (BaruaArena *arena, BaruaText text, char first, char last)
{
  gsize i = 0;

  while (i < text.n && !(text.p[i] >= first && text.p[i] <= last))
    i++;
  if (i == text.n)
    return text;
  char *copy = barua_arena_alloc (arena, text.n + 1);
  for (i = 0; i < text.n; i++)
    copy[i] = text.p[i] >= first && text.p[i] <= last ? text.p[i] ^ 0x20 : text.p[i];
  copy[text.n] = '\0';
  return (BaruaText){ copy, text.n };
}

typedef void (*AppendCase) (GString *out, const char *from, gsize n, gunichar c);

/* The slow path: character by character. */
static BaruaText
unicode_case (BaruaArena *arena, BaruaText text, AppendCase append)
{
  g_autoptr (GString) out = g_string_sized_new (text.n + 8);

  for (const char *p = text.p, *end = text.p + text.n; p < end;)
    {
      const char *from = p;
      gunichar c = barua_next_char (&p, end);
      append (out, from, (gsize)(p - from), c);
    }
  return barua_arena_copy (arena, (BaruaText){ out->str, out->len });
}

BaruaText
barua_text_upper (BaruaArena *arena, BaruaText text)
{
  if (barua_text_is_ascii (text))
    return ascii_case (arena, text, 'a', 'z');
  return unicode_case (arena, text, append_upper);
}

BaruaText
barua_text_lower (BaruaArena *arena, BaruaText text)
{
  if (barua_text_is_ascii (text))
    return ascii_case (arena, text, 'A', 'Z');
  return unicode_case (arena, text, append_lower);
}

gunichar
barua_fold_char (gunichar c)
{
  if (c < 0x80)
    return c >= 'a' && c <= 'z' ? c - 0x20 : c;
  if (c == NO_CHARACTER)
    return c;
  gunichar upper = g_unichar_toupper (c);
  return upper < 0x80 ? c : upper;
}

/* Appends the folded character; a byte that is no UTF-8 stays what it is. */
static void
append_fold (GString *out, const char *from, gsize n, gunichar c)
{
  if (c == NO_CHARACTER)
    g_string_append_len (out, from, (gssize)n);
  else
    g_string_append_unichar (out, barua_fold_char (c));
}

BaruaText
barua_text_fold (BaruaArena *arena, BaruaText text)
{
  if (barua_text_is_ascii (text))
    return ascii_case (arena, text, 'a', 'z');
  return unicode_case (arena, text, append_fold);
}

gboolean
barua_text_has_folded_prefix (BaruaText text, BaruaText folded, gsize *length)
{
  const char *p = text.p, *end = text.p + text.n;
  const char *f = folded.p, *folded_end = folded.p + folded.n;

  while (f < folded_end)
    {
      if (p == end)
        return FALSE;
      guchar a = (guchar)*p, b = (guchar)*f;
      if (a < 0x80 && b < 0x80)
        {
          if (a != b && !(a >= 'a' && a <= 'z' && (a ^ 0x20) == b))
            return FALSE;
          p++;
          f++;
        }
      else if (barua_fold_char (barua_next_char (&p, end)) != barua_next_char (&f, folded_end))
        return FALSE;
    }
  if (length != NULL)
    *length = (gsize)(p - text.p);
  return TRUE;
}

gboolean
barua_text_equal_ignoring_case (BaruaText a, BaruaText b)
{
  const char *p = a.p, *end = a.p + a.n;
  const char *q = b.p, *other_end = b.p + b.n;

  while (p < end && q < other_end)
    if (barua_fold_char (barua_next_char (&p, end))
        != barua_fold_char (barua_next_char (&q, other_end)))
      return FALSE;
  return p == end && q == other_end;
}
