/* SPDX-License-Identifier: MIT */

/* Percent escapes: query strings, form bodies, path segments. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/query.h"

#include <string.h>

/* The byte of the escape at @at, or -1. */
static int
escape_at (const char *at, const char *end)
{
  if (end - at < 3 || *at != '%')
    return -1;
  int high = g_ascii_xdigit_value (at[1]);
  int low = g_ascii_xdigit_value (at[2]);
  return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Decodes one name or value, NUL after it; returns the end of what was written, the NUL included.
 */
static char *
decode_lenient (const char *at, const char *end, char *out)
{
  for (; at < end; at++)
    {
      int byte = escape_at (at, end);

      if (byte >= 0)
        at += 2;
      else
        byte = *at == '+' ? ' ' : (guchar)*at;
      *out++ = (char)byte;
    }
  *out++ = '\0';
  return out;
}

/* Whether the @n bytes are UTF-8 without a NUL. */
static gboolean
is_clean (const char *text, gsize n)
{
  return memchr (text, '\0', n) == NULL && g_utf8_validate (text, (gssize)n, NULL);
}

/* Makes the decoded pieces valid in a new block; only called when some piece is not. */
static void
repair (BaruaPairs *pairs, const gsize *lengths)
{
  g_autoptr (GString) block = g_string_new (NULL);
  g_autofree gsize *offsets = g_new (gsize, pairs->n * 2);

  for (guint i = 0; i < pairs->n * 2; i++)
    {
      const char *at = i % 2 == 0 ? pairs->pairs[i / 2].name : pairs->pairs[i / 2].value;
      const char *end = at + lengths[i];

      offsets[i] = block->len;
      while (at < end)
        {
          const char *bad;
          gboolean good = g_utf8_validate_len (at, end - at, &bad);

          g_string_append_len (block, at, bad - at);
          if (good)
            break;
          g_string_append (block, "\xef\xbf\xbd");
          at = bad + 1;
        }
      g_string_append_c (block, '\0');
    }
  g_free (pairs->block);
  pairs->block = g_string_free (g_steal_pointer (&block), FALSE);
  for (guint i = 0; i < pairs->n; i++)
    pairs->pairs[i]
        = (BaruaPair){ pairs->block + offsets[2 * i], pairs->block + offsets[2 * i + 1] };
}

/* How many non-empty pieces there are between the '&'. */
static gsize
count_pieces (const char *text, gsize length)
{
  gsize n = 0;

  for (gsize i = 0; i < length; i++)
    n += text[i] != '&' && (i == 0 || text[i - 1] == '&');
  return n;
}

gboolean
barua_pairs_parse (const char *text, gsize length, guint max, BaruaPairs *pairs)
{
  *pairs = (BaruaPairs){ 0 };
  gsize n = text != NULL ? count_pieces (text, length) : 0;
  if (n > max)
    return FALSE;
  if (n == 0)
    return TRUE;

  g_autofree gsize *lengths = g_new (gsize, n * 2);
  gboolean clean = TRUE;
  const char *end = text + length;
  char *out = pairs->block = g_malloc (length + 2 * n);
  pairs->pairs = g_new (BaruaPair, n);
  for (const char *at = text; at < end;)
    {
      const char *stop = memchr (at, '&', end - at);
      stop = stop != NULL ? stop : end;
      if (stop > at)
        {
          const char *equals = memchr (at, '=', stop - at);
          char *value = decode_lenient (at, equals != NULL ? equals : stop, out);
          char *next = decode_lenient (equals != NULL ? equals + 1 : stop, stop, value);

          pairs->pairs[pairs->n] = (BaruaPair){ out, value };
          lengths[2 * pairs->n] = value - out - 1;
          lengths[2 * pairs->n + 1] = next - value - 1;
          clean = clean && is_clean (out, value - out - 1) && is_clean (value, next - value - 1);
          pairs->n++;
          out = next;
        }
      at = stop + 1;
    }
  if (!clean)
    repair (pairs, lengths);
  return TRUE;
}

void
barua_pairs_clear (BaruaPairs *pairs)
{
  g_clear_pointer (&pairs->pairs, g_free);
  g_clear_pointer (&pairs->block, g_free);
  pairs->n = 0;
}

const char *
barua_pairs_get (const BaruaPairs *pairs, const char *name)
{
  for (guint i = pairs->n; i > 0; i--)
    if (strcmp (pairs->pairs[i - 1].name, name) == 0)
      return pairs->pairs[i - 1].value;
  return NULL;
}

char *
barua_percent_decode (const char *text, gsize length)
{
  const char *end = text + length;
  g_autofree char *out = g_malloc (length + 1);
  gsize n = 0;

  for (const char *at = text; at < end; at++)
    {
      int byte = (guchar)*at;

      if (byte == '%')
        {
          byte = escape_at (at, end);
          at += 2;
        }
      if (byte <= 0)
        return NULL;
      out[n++] = (char)byte;
    }
  out[n] = '\0';
  return g_utf8_validate (out, (gssize)n, NULL) ? g_steal_pointer (&out) : NULL;
}

char *
barua_percent_encode (const char *text)
{
  return g_uri_escape_string (text, "!*'()", FALSE);
}
