/* SPDX-License-Identifier: MIT */

/* Which form a message is for, and whether it has a Muvuku header. */

#define G_LOG_DOMAIN "barua-parser"

#include "parser/form-code.h"

#include <string.h>

#include "forms/characters.h"
#include "parser/error.h"

G_DEFINE_QUARK (barua_parser_error, barua_parser_error)

static const BaruaText no_text = { NULL, 0 };

/* The text from @from to the end of @text. */
static BaruaText
text_from (BaruaText text, const char *from)
{
  return (BaruaText){ from, (gsize)(text.p + text.n - from) };
}

/* @text behind leading white space and zero-width characters. */
static BaruaText
skip_invisible (BaruaText text)
{
  const char *p = text.p, *end = text.p + text.n;

  while (p < end)
    {
      const char *at = p;
      if ((guchar)*p > ' ' && (guchar)*p < 0x80)
        break;
      gunichar c = barua_next_char (&at, end);
      if (!barua_is_white (c) && !barua_is_zero_width (c))
        break;
      p = at;
    }
  return text_from (text, p);
}

/* `[A-Za-z]? DIGIT` before a `!` at the start of @text; absent when there is none. */
static BaruaText
find_header (BaruaText text)
{
  gsize n = text.n > 0 && g_ascii_isalpha (*text.p) ? 1 : 0;

  if (text.n < n + 2 || !barua_is_digit (text.p[n]) || text.p[n + 1] != '!')
    return no_text;
  return (BaruaText){ text.p, n + 1 };
}

/* The `!` behind the one of @header; %NULL when there is none. */
static const char *
find_second_bang (BaruaText message, BaruaText header)
{
  if (header.p == NULL)
    return NULL;
  BaruaText rest = text_from (message, header.p + header.n + 1);
  return rest.n > 0 ? memchr (rest.p, '!', rest.n) : NULL;
}

gboolean
barua_form_code_is_muvuku (BaruaText message)
{
  return find_second_bang (message, find_header (barua_text_trim_start (message))) != NULL;
}

/* Whether an ASCII character may stand behind a code. */
static const guint8 code_ends[128] = {
  ['\t'] = 1, ['\n'] = 1, ['\v'] = 1, ['\f'] = 1, ['\r'] = 1, [' '] = 1,
  ['!'] = 1,  ['-'] = 1,  [','] = 1,  [':'] = 1,  ['#'] = 1,
};

static inline gboolean
ends_code (gunichar c)
{
  return c < 0x80 ? code_ends[c] : barua_is_wide_white (c);
}

/* The run of characters that may be a code at the start of @message. */
static BaruaText
first_word (BaruaText message)
{
  BaruaText text = barua_text_trim_start (message);
  const char *p = text.p, *end = text.p + text.n;

  while (p < end)
    {
      const char *at = p;
      if (ends_code (barua_next_char (&at, end)))
        break;
      p = at;
    }
  return p > text.p ? (BaruaText){ text.p, (gsize)(p - text.p) } : no_text;
}

void
barua_form_code_read (BaruaText message, BaruaArena *arena, BaruaFormCode *code)
{
  *code = (BaruaFormCode){ .text = message };
  code->header = find_header (skip_invisible (message));

  const char *second = find_second_bang (message, code->header);
  if (second != NULL)
    {
      const char *from = code->header.p + code->header.n + 1;
      code->is_muvuku = TRUE;
      code->token = (BaruaText){ from, (gsize)(second - from) };
      code->body = text_from (message, second + 1);
    }
  else
    code->token = first_word (message);
  code->code = code->token.p != NULL ? barua_text_upper (arena, code->token) : no_text;
}

/* Replaces the code in the text by @word. */
static void
replace_token (BaruaArena *arena, BaruaFormCode *code, BaruaText word)
{
  gsize before = (gsize)(code->token.p - code->text.p);
  gsize behind = code->text.n - before - code->token.n;
  char *copy = barua_arena_alloc (arena, before + word.n + behind + 1);

  memcpy (copy, code->text.p, before);
  memcpy (copy + before, word.p, word.n);
  memcpy (copy + before + word.n, code->token.p + code->token.n, behind);
  copy[before + word.n + behind] = '\0';
  code->text = (BaruaText){ copy, before + word.n + behind };
  code->token = (BaruaText){ copy + before, word.n };
  code->header = find_header (skip_invisible (code->text));
  if (code->is_muvuku)
    code->body = text_from (code->text, code->token.p + word.n + 1);
}

void
barua_form_code_find (const BaruaSettings *settings, BaruaArena *arena, BaruaFormCode *code)
{
  code->form = barua_settings_find_form (settings, code->code);
  if (code->form != NULL || code->code.p == NULL || !barua_text_has_zero_width (code->code))
    return;

  BaruaText visible = barua_text_without_zero_width (arena, code->code);
  code->form = barua_settings_find_form (settings, visible);
  if (code->form == NULL)
    return;
  replace_token (arena, code, visible);
  code->code = visible;
}

BaruaText
barua_form_code_remove (BaruaText text, BaruaText meta_code)
{
  BaruaText rest = barua_text_trim_start (text);

  if (meta_code.n == 0 || rest.n == 0)
    return text;
  const char *p = rest.p, *end = rest.p + rest.n;
  const char *m = meta_code.p, *meta_end = meta_code.p + meta_code.n;
  while (m < meta_end)
    {
      if (p == end)
        return text;
      if (*p == *m && (guchar)*p < 0x80)
        p++, m++;
      else if (barua_fold_char (barua_next_char (&p, end))
               != barua_fold_char (barua_next_char (&m, meta_end)))
        return text;
    }
  while (p < end)
    {
      const char *at = p;
      if (!ends_code (barua_next_char (&at, end)))
        break;
      p = at;
    }
  return text_from (text, p);
}
