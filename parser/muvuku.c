/* SPDX-License-Identifier: MIT */

/* Values by position. */

#define G_LOG_DOMAIN "barua-parser"

#include "parser/muvuku.h"

#include <string.h>

#include "forms/characters.h"
#include "parser/error.h"

guint
barua_muvuku_split (BaruaText text, BaruaText body, BaruaText *values, guint n_values)
{
  const char *end = text.p + text.n;
  const char *from = body.p;
  const char *first_hash = memchr (text.p, '#', text.n);
  guint n = 0;

  /* a '#' inside the code ends the first piece before any value begins */
  if (first_hash != NULL && first_hash < body.p)
    {
      if (n_values > 0)
        values[0] = (BaruaText){ first_hash, 0 };
      from = first_hash + 1;
      n = 1;
    }
  while (n < BARUA_MESSAGE_MAX_VALUES)
    {
      const char *hash = from < end ? memchr (from, '#', (gsize)(end - from)) : NULL;
      const char *behind = hash != NULL ? hash : end;
      if (n < n_values)
        values[n] = barua_text_trim ((BaruaText){ from, (gsize)(behind - from) });
      n++;
      if (hash == NULL)
        return n;
      from = hash + 1;
    }
  return n + 1;
}
