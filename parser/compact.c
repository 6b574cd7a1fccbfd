/* SPDX-License-Identifier: MIT */

/* Values with blanks between them. */

#define G_LOG_DOMAIN "barua-parser"

#include "parser/compact.h"

#include <string.h>

#include "forms/characters.h"
#include "parser/error.h"

gboolean
barua_compact_applies (const BaruaLabels *labels, BaruaText text)
{
  return text.n > 0 && memchr (text.p, '#', text.n) == NULL && !barua_labels_begin (labels, text);
}

/* Where a token in quotes that begins at @p ends; NULL when the quote begins none. */
typedef const char *(*QuoteEnd) (const char *p, const char *end);

/* Up to the next quote. */
static const char *
next_quote (const char *p, const char *end)
{
  const char *quote = memchr (p + 1, '"', (gsize)(end - p - 1));

  return quote != NULL && quote > p + 1 ? quote + 1 : NULL;
}

/* Up to the last quote of the line. */
static const char *
last_quote (const char *p, const char *end)
{
  const char *line_end = p;
  while (line_end < end)
    {
      const char *at = line_end;
      if (barua_is_line_end (barua_next_char (&at, end)))
        break;
      line_end = at;
    }
  const char *quote = memrchr (p, '"', (gsize)(line_end - p));
  return quote > p + 1 ? quote + 1 : NULL;
}

/* Whether @byte is ASCII behind the quote in order: most of what words are made of, at one stroke. */
static inline gboolean
is_word_byte (char byte)
{
  return (guchar)(byte - '#') < 0x80 - '#';
}

/* Behind what is neither white space nor a quote. */
static inline const char *
behind_word (const char *p, const char *end)
{
  while (p < end)
    {
      while (is_word_byte (*p))
        if (++p == end)
          return p;
      const char *next = p;
      if (*p == ' ' || *p == '"' || barua_is_white (barua_next_char (&next, end)))
        break;
      p = next;
    }
  return p;
}

/* The next token at or behind *@at; FALSE at the end. */
static gboolean
next_token (const char **at, const char *end, QuoteEnd quote_end, BaruaText *token)
{
  const char *p = *at;

  while (p < end)
    {
      const char *from = p;
      if (*p == '"')
        {
          const char *behind = quote_end (p, end);
          if (behind != NULL)
            {
              *token = (BaruaText){ p, (gsize)(behind - p) };
              *at = behind;
              return TRUE;
            }
          p++;
          continue;
        }
      p = behind_word (p, end);
      if (p > from)
        {
          *token = (BaruaText){ from, (gsize)(p - from) };
          *at = p;
          return TRUE;
        }
      if (*p == ' ')
        p++;
      else
        barua_next_char (&p, end); /* other white space */
    }
  return FALSE;
}

/* Reads up to @most tokens; returns how many there are, at most @most + 1. */
static guint
scan (BaruaText text, QuoteEnd quote_end, BaruaText *tokens, guint most)
{
  const char *at = text.p, *end = text.p + text.n;
  BaruaText token;
  guint n = 0;

  while (n <= most && next_token (&at, end, quote_end, &token))
    {
      if (n < most)
        tokens[n] = token;
      n++;
    }
  return n;
}

/* Whether @text is words of the usual bytes with single blanks between: it is joined already. */
static gboolean
is_joined (BaruaText text)
{
  const char *end = text.p + text.n;

  for (const char *p = text.p; p < end; p++)
    if (!is_word_byte (*p) && (*p != ' ' || p == text.p || p[-1] == ' '))
      return FALSE;
  return text.n > 0 && end[-1] != ' ';
}

/* All tokens from @from on joined by one blank: a piece of the message when they stand so there. */
static BaruaText
join_rest (BaruaText text, const char *from, QuoteEnd quote_end, BaruaArena *arena)
{
  const char *end = text.p + text.n, *at = from;
  BaruaText token, joined = { NULL, 0 };
  gboolean is_copy = FALSE;
  char *copy = NULL;

  BaruaText rest = { from, (gsize)(end - from) };
  if (rest.n < 2 * BARUA_MESSAGE_MAX_VALUES && is_joined (rest))
    return rest;
  for (guint n = 0; n < BARUA_MESSAGE_MAX_VALUES && next_token (&at, end, quote_end, &token); n++)
    {
      if (joined.p == NULL)
        {
          joined = token;
          continue;
        }
      if (!is_copy && token.p == joined.p + joined.n + 1 && token.p[-1] == ' ')
        {
          joined.n += token.n + 1;
          continue;
        }
      if (!is_copy)
        {
          copy = barua_arena_alloc (arena, joined.n + 2 * (gsize)(end - joined.p - joined.n) + 2);
          memcpy (copy, joined.p, joined.n);
          joined.p = copy;
          is_copy = TRUE;
        }
      copy[joined.n++] = ' ';
      memcpy (copy + joined.n, token.p, token.n);
      joined.n += token.n;
    }
  return joined;
}

/* A value in quotes loses them. */
static BaruaText
without_quotes (BaruaText value)
{
  if (value.n >= 2 && *value.p == '"' && value.p[value.n - 1] == '"')
    return (BaruaText){ value.p + 1, value.n - 2 };
  return value;
}

void
barua_compact_split (const BaruaForm *form, BaruaText text, BaruaArena *arena, BaruaText *values)
{
  guint n_fields = barua_form_n_fields (form);
  QuoteEnd quote_end = next_quote;

  if (n_fields == 0)
    return;
  guint n = scan (text, quote_end, values, n_fields);
  if (n > n_fields && memchr (text.p, '"', text.n) != NULL)
    {
      quote_end = last_quote;
      for (guint i = 0; i < n_fields; i++)
        values[i] = (BaruaText){ NULL, 0 };
      n = scan (text, quote_end, values, n_fields);
    }
  if (n > n_fields && barua_form_field (form, n_fields - 1)->type == BARUA_FIELD_STRING)
    values[n_fields - 1] = join_rest (text, values[n_fields - 1].p, quote_end, arena);
  for (guint i = 0; i < MIN (n, n_fields); i++)
    values[i] = without_quotes (values[i]);
}
