/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** A name and its value, both decoded UTF-8. */
typedef struct
{
  const char *name;
  const char *value;
} BaruaPair;

/**
 * BaruaPairs:
 *
 * The ordered list of a query string or of a form body, decoded into one block of memory.
 */
typedef struct
{
  BaruaPair *pairs;
  guint n;
  char *block;
} BaruaPairs;

/**
 * barua_pairs_parse:
 * @text: (nullable): `a=1&b=x+y`, not necessarily terminated
 * @max: no more than this many pairs
 * @pairs: (out caller-allocates): free with barua_pairs_clear(); empty on failure
 *
 * `+` is a space; a name without `=` has the value ""; empty pieces are left out. A `%` that begins
 * no escape stays as it is; bytes that are no UTF-8 and U+0000 become U+FFFD. Linear time.
 *
 * Returns: %FALSE when there are more than @max
 */
gboolean barua_pairs_parse (const char *text, gsize length, guint max, BaruaPairs *pairs);

void barua_pairs_clear (BaruaPairs *pairs);

/** (nullable): the value of the last pair called @name. */
const char *barua_pairs_get (const BaruaPairs *pairs, const char *name);

/**
 * barua_percent_decode:
 * @length: bytes at @text
 *
 * Returns: (transfer full) (nullable): the decoded bytes, terminated; %NULL when an escape is bad,
 * the bytes are no UTF-8 or hold a NUL
 */
char *barua_percent_decode (const char *text, gsize length);

/** (transfer full): @text with every byte escaped that JavaScript's encodeURIComponent escapes. */
char *barua_percent_encode (const char *text);

G_END_DECLS
