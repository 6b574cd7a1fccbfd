/* SPDX-License-Identifier: MIT */

/* Values by label, as JavaRosa phones send them. */

#define G_LOG_DOMAIN "barua-parser"

#include "parser/javarosa.h"

#include <string.h>

#include "forms/characters.h"
#include "parser/error.h"

BaruaText
barua_javarosa_next_piece (BaruaText *rest, gboolean *has_escape)
{
  const char *from = rest->p, *end = rest->p + rest->n, *p = from;

  *has_escape = FALSE;
  while ((p = p < end ? memchr (p, '#', (gsize)(end - p)) : NULL) != NULL)
    {
      if (p == from || p[-1] != '\\')
        {
          *rest = (BaruaText){ p + 1, (gsize)(end - p - 1) };
          return (BaruaText){ from, (gsize)(p - from) };
        }
      *has_escape = TRUE;
      p++;
    }
  *rest = (BaruaText){ NULL, 0 };
  return (BaruaText){ from, (gsize)(end - from) };
}

/* @text with `\#` as `#`. */
static BaruaText
without_escapes (BaruaArena *arena, BaruaText text)
{
  char *copy = barua_arena_alloc (arena, text.n + 1);
  gsize n = 0;

  for (gsize i = 0; i < text.n; i++)
    if (text.p[i] != '\\' || i + 1 == text.n || text.p[i + 1] != '#')
      copy[n++] = text.p[i];
  copy[n] = '\0';
  return (BaruaText){ copy, n };
}

void
barua_javarosa_read (BaruaText body, const BaruaLabels *labels, BaruaArena *arena,
                     BaruaText *values)
{
  BaruaText rest = body;

  for (guint i = 0; i + 1 < BARUA_MESSAGE_MAX_VALUES && rest.p != NULL; i += 2)
    {
      gboolean has_escape;
      BaruaText label = barua_text_trim (barua_javarosa_next_piece (&rest, &has_escape));
      if (rest.p == NULL)
        return; /* a label without a value */
      BaruaText value = barua_javarosa_next_piece (&rest, &has_escape);
      if (has_escape)
        value = without_escapes (arena, value);
      for (int f = 0; (f = barua_labels_find_tiny (labels, label, (guint)f)) >= 0; f++)
        values[f] = value;
    }
}
