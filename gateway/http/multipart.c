/* SPDX-License-Identifier: MIT */

/* Bodies of several parts (RFC 2046, 5.1), as clients send documents with their attachments. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/multipart.h"

#include <string.h>

/* Longest boundary (RFC 2046, 5.1.1). */
#define MAX_BOUNDARY_BYTES 70

/* Bytes of the header lines of one part, at most. */
#define MAX_PART_HEAD_BYTES (16u * 1024u)

/* The header that names a part (RFC 2183). */
#define DISPOSITION "content-disposition:"

/* ---- parameters of headers ---- */

/* Takes a token or a quoted string (RFC 9110, 5.6.4) at *@at. */
static char *
take_value (const char **at, const char *end)
{
  g_autoptr (GString) value = g_string_new (NULL);
  const char *c = *at;

  if (c < end && *c == '"')
    {
      for (c++; c < end && *c != '"'; c++)
        {
          if (*c == '\\' && c + 1 < end)
            c++;
          g_string_append_c (value, *c);
        }
      c += c < end;
    }
  else
    for (; c < end && *c != ';' && *c != ' ' && *c != '\t'; c++)
      g_string_append_c (value, *c);
  *at = c;
  return g_string_free (g_steal_pointer (&value), FALSE);
}

/* The parameter of a header's value, or NULL; values of other parameters are stepped over whole. */
static char *
find_parameter (BaruaText header, const char *name)
{
  const char *end = header.p + header.n;
  const char *at = memchr (header.p, ';', header.n);
  gsize n = strlen (name);

  while (at != NULL && at < end)
    {
      at++;
      while (at < end && (*at == ' ' || *at == '\t'))
        at++;
      const char *start = at;
      while (at < end && *at != '=' && *at != ';')
        at++;
      if (at >= end || *at == ';')
        continue;
      gboolean is_wanted = (gsize)(at - start) == n && g_ascii_strncasecmp (start, name, n) == 0;
      at++;
      g_autofree char *value = take_value (&at, end);
      if (is_wanted)
        return g_steal_pointer (&value);
      at = memchr (at, ';', (gsize)(end - at));
    }
  return NULL;
}

/* ---- parts ---- */

/* What is left of a body, and what stands between its parts. */
typedef struct
{
  const char *at;
  const char *end;
  char *delimiter; /* "--boundary" */
  gsize n_delimiter;
} Cursor;

/* Steps over a line break; FALSE when there is none. */
static gboolean
skip_break (const char **at, const char *end)
{
  const char *c = *at;

  if (c < end && *c == '\r')
    c++;
  if (c >= end || *c != '\n')
    return FALSE;
  *at = c + 1;
  return TRUE;
}

/* Reads the rest of a delimiter line. Whether it is one; @is_last: that it is the closing one. */
static gboolean
read_delimiter_end (Cursor *cursor, const char *after, gboolean *is_last)
{
  *is_last = cursor->end - after >= 2 && after[0] == '-' && after[1] == '-';
  if (!*is_last)
    {
      while (after < cursor->end && (*after == ' ' || *after == '\t'))
        after++;
      if (!skip_break (&after, cursor->end))
        return FALSE;
    }
  cursor->at = after;
  return TRUE;
}

/* Finds the next delimiter at the beginning of a line. @content_end: (out): where the bytes before
 * it end, without the line break that belongs to it. */
static gboolean
find_delimiter (Cursor *cursor, const char **content_end, gboolean *is_last)
{
  const char *start = cursor->at, *from = cursor->at;

  while (TRUE)
    {
      const char *found
          = memmem (from, (gsize)(cursor->end - from), cursor->delimiter, cursor->n_delimiter);
      if (found == NULL)
        return FALSE;
      from = found + cursor->n_delimiter;
      if (found != start && found[-1] != '\n')
        continue;
      if (!read_delimiter_end (cursor, from, is_last))
        continue;
      *content_end = found;
      if (found > start)
        *content_end -= found - start > 1 && found[-2] == '\r' ? 2 : 1;
      return TRUE;
    }
}

/* Reads the header lines at *@at and steps behind the empty line that ends them. */
static gboolean
read_head (const char **at, const char *end, char **name)
{
  const char *limit = MIN (end, *at + MAX_PART_HEAD_BYTES);

  while (TRUE)
    {
      const char *line = *at;
      if (line == end || skip_break (at, limit))
        return TRUE;
      const char *line_end = memchr (line, '\n', (gsize)(limit - line));
      if (line_end == NULL)
        return FALSE;
      *at = line_end + 1;
      if (line_end > line && line_end[-1] == '\r')
        line_end--;
      if (*name == NULL && line_end - line > (gssize)strlen (DISPOSITION)
          && g_ascii_strncasecmp (line, DISPOSITION, strlen (DISPOSITION)) == 0)
        *name = find_parameter ((BaruaText){ line, (gsize)(line_end - line) }, "filename");
    }
}

static void
part_clear (gpointer part)
{
  g_free (((BaruaPart *)part)->name);
}

/* Reads parts up to the closing delimiter. */
static gboolean
read_parts (Cursor *cursor, GArray *parts)
{
  const char *content_end = NULL;
  gboolean is_last = FALSE;

  if (!find_delimiter (cursor, &content_end, &is_last))
    return FALSE;
  while (!is_last)
    {
      BaruaPart part = { 0 };
      const char *content = cursor->at;
      if (parts->len == BARUA_MULTIPART_MAX_PARTS
          || !find_delimiter (cursor, &content_end, &is_last))
        return FALSE;
      gboolean is_good = read_head (&content, content_end, &part.name);
      part.bytes = (BaruaText){ content, is_good ? (gsize)(content_end - content) : 0 };
      g_array_append_val (parts, part);
      if (!is_good)
        return FALSE;
    }
  return parts->len > 0;
}

GArray *
barua_multipart_split (BaruaText body, const char *content_type)
{
  g_autofree char *boundary
      = find_parameter ((BaruaText){ content_type, strlen (content_type) }, "boundary");
  g_autoptr (GArray) parts = g_array_new (FALSE, FALSE, sizeof (BaruaPart));

  g_array_set_clear_func (parts, part_clear);
  if (boundary == NULL || *boundary == '\0' || strlen (boundary) > MAX_BOUNDARY_BYTES
      || body.n == 0)
    return NULL;
  g_autofree char *delimiter = g_strconcat ("--", boundary, NULL);
  Cursor cursor = { body.p, body.p + body.n, delimiter, strlen (delimiter) };
  return read_parts (&cursor, parts) ? g_steal_pointer (&parts) : NULL;
}
