/* SPDX-License-Identifier: MIT */

/* The head of a request that is as simple as nearly all are.  Whatever two readers could take for
 * two things is refused here, and read by libsoup. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/head.h"

#include <string.h>

/* A body that is announced with more digits is none for us. */
#define MAX_LENGTH_DIGITS 12u

#define VERSION " HTTP/1.1"

/* Fields that change how a connection or a body is to be read. */
static const char *const framing[] = { "Transfer-Encoding", "Expect", "Upgrade", "Trailer",
                                       "Proxy-Connection", NULL };
/* Fields that libsoup makes something of in the answer. */
static const char *const special[] = { "TE", "Range", NULL };

/* ---- characters ---- */

static gboolean
is_path_char (char c)
{
  return g_ascii_isalnum (c) || c == '/' || c == '-' || c == '_' || c == '.';
}

static gboolean
is_name_char (char c)
{
  return g_ascii_isalnum (c) || c == '-' || c == '_';
}

static gboolean
is_visible (char c)
{
  return c >= ' ' && c <= '~';
}

static gboolean
is_target_char (char c)
{
  return c > ' ' && c <= '~';
}

static gboolean
is_capital (char c)
{
  return c >= 'A' && c <= 'Z';
}

/* Whether there is something, and nothing but characters of the kind. */
static gboolean
consists_of (BaruaText text, gboolean (*is_of_kind) (char c))
{
  for (gsize i = 0; i < text.n; i++)
    if (!is_of_kind (text.p[i]))
      return FALSE;
  return text.n > 0;
}

static gboolean
is_digit (char c)
{
  return c >= '0' && c <= '9';
}

/* Whether both are the same word but for its case. */
static gboolean
is_word (BaruaText text, const char *word)
{
  return strlen (word) == text.n && g_ascii_strncasecmp (text.p, word, text.n) == 0;
}

/* ---- lines ---- */

/* Cuts the line off the front of *rest, which ends with one; its end must be CR LF. */
static gboolean
cut_line (BaruaText *rest, BaruaText *line)
{
  const char *end = memchr (rest->p, '\n', rest->n);

  if (end == NULL || end == rest->p || end[-1] != '\r')
    return FALSE;
  *line = (BaruaText){ rest->p, (gsize)(end - 1 - rest->p) };
  rest->n -= (gsize)(end + 1 - rest->p);
  rest->p = end + 1;
  return TRUE;
}

/* Reads `POST /path HTTP/1.1`. */
static gboolean
read_request_line (BaruaText line, BaruaHead *head)
{
  const gsize n_version = strlen (VERSION);
  const char *blank = memchr (line.p, ' ', line.n);

  if (blank == NULL || line.n < n_version
      || memcmp (line.p + line.n - n_version, VERSION, n_version) != 0)
    return FALSE;
  const char *end = line.p + line.n - n_version;
  if (blank + 1 >= end)
    return FALSE;
  head->method = (BaruaText){ line.p, (gsize)(blank - line.p) };
  head->path = (BaruaText){ blank + 1, (gsize)(end - blank - 1) };
  return consists_of (head->method, is_capital) && *head->path.p == '/'
         && consists_of (head->path, is_target_char)
         && !barua_text_equal (head->method, BARUA_TEXT ("CONNECT"));
}

/* Reads one field; its name must be new. */
static gboolean
read_field (BaruaText line, BaruaHead *head)
{
  const char *colon = memchr (line.p, ':', line.n);

  if (colon == NULL || head->n_fields >= BARUA_HEAD_MAX_FIELDS)
    return FALSE;
  const BaruaText name = { line.p, (gsize)(colon - line.p) };
  BaruaText value = { colon + 1, line.n - name.n - 1 };
  while (value.n > 0 && *value.p == ' ')
    value.p++, value.n--;
  while (value.n > 0 && value.p[value.n - 1] == ' ')
    value.n--;
  if (!consists_of (name, is_name_char) || (value.n > 0 && !consists_of (value, is_visible)))
    return FALSE;
  for (guint i = 0; i < head->n_fields; i++)
    if (head->names[i].n == name.n
        && g_ascii_strncasecmp (head->names[i].p, name.p, name.n) == 0)
      return FALSE;
  head->names[head->n_fields] = name;
  head->values[head->n_fields++] = value;
  return TRUE;
}

/* ---- fields that matter ---- */

const BaruaText *
barua_head_get (const BaruaHead *head, const char *name)
{
  for (guint i = 0; i < head->n_fields; i++)
    if (is_word (head->names[i], name))
      return &head->values[i];
  return NULL;
}

/* Whether it is a name or an IPv4 address, with or without a port. */
static gboolean
is_plain_host (const BaruaText *host)
{
  if (host == NULL)
    return FALSE;
  const char *colon = memchr (host->p, ':', host->n);
  const BaruaText name = { host->p, colon != NULL ? (gsize)(colon - host->p) : host->n };
  if (!consists_of (name, is_path_char) || memchr (name.p, '/', name.n) != NULL)
    return FALSE;
  if (colon == NULL)
    return TRUE;
  const BaruaText port = { colon + 1, host->n - name.n - 1 };
  guint number = 0;
  for (gsize i = 0; i < port.n && i < 6; i++)
    number = number * 10 + (guint)(port.p[i] - '0');
  return port.n <= 5 && consists_of (port, is_digit) && number > 0 && number <= 65535;
}

/* Reads the length of the body. */
static gboolean
read_length (BaruaHead *head)
{
  const BaruaText *length = barua_head_get (head, "Content-Length");

  head->body_length = 0;
  if (length == NULL)
    return TRUE;
  if (length->n > MAX_LENGTH_DIGITS || !consists_of (*length, is_digit))
    return FALSE;
  for (gsize i = 0; i < length->n; i++)
    head->body_length = head->body_length * 10 + (guint)(length->p[i] - '0');
  return TRUE;
}

static gboolean
has_any (const BaruaHead *head, const char *const *names)
{
  for (guint i = 0; names[i] != NULL; i++)
    if (barua_head_get (head, names[i]) != NULL)
      return TRUE;
  return FALSE;
}

/* Whether the connection goes on, and the request ends where its length says. */
static gboolean
is_framed (BaruaHead *head)
{
  const BaruaText *connection = barua_head_get (head, "Connection");

  return (connection == NULL || is_word (*connection, "keep-alive")) && !has_any (head, framing)
         && read_length (head);
}

/* Whether nothing is left to be interpreted. */
static gboolean
is_plain (const BaruaHead *head)
{
  const gboolean has_length = barua_head_get (head, "Content-Length") != NULL;
  const gboolean is_known = has_length ? barua_text_equal (head->method, BARUA_TEXT ("POST"))
                                             || barua_text_equal (head->method, BARUA_TEXT ("PUT"))
                                       : barua_text_equal (head->method, BARUA_TEXT ("GET"));

  return is_known && consists_of (head->path, is_path_char)
         && g_strstr_len (head->path.p, (gssize)head->path.n, "/.") == NULL
         && is_plain_host (barua_head_get (head, "Host")) && !has_any (head, special);
}

BaruaHeadKind
barua_head_read (const char *bytes, gsize n, BaruaHead *head)
{
  const char *end = memmem (bytes, MIN (n, BARUA_HEAD_MAX_BYTES), "\r\n\r\n", 4);
  BaruaText line;

  if (end == NULL)
    return BARUA_HEAD_OTHER;
  BaruaText rest = { bytes, (gsize)(end + 2 - bytes) };
  head->n_fields = 0;
  head->length = rest.n + 2;
  if (!cut_line (&rest, &line) || !read_request_line (line, head))
    return BARUA_HEAD_OTHER;
  while (rest.n > 0)
    if (!cut_line (&rest, &line) || !read_field (line, head))
      return BARUA_HEAD_OTHER;
  if (!is_framed (head))
    return BARUA_HEAD_OTHER;
  return is_plain (head) ? BARUA_HEAD_PLAIN : BARUA_HEAD_FRAMED;
}

/* ---- heads that are not ours ---- */

/* Empty lines before a request, which libsoup skips. */
static gsize
skip_empty_lines (const char *bytes, gsize n)
{
  gsize i = 0;

  while (i < MIN (n, 4) && (bytes[i] == '\r' || bytes[i] == '\n'))
    i++;
  return i;
}

gsize
barua_head_end (const char *bytes, gsize n, gsize *from)
{
  gsize at = MAX (*from, skip_empty_lines (bytes, n));

  while (at < n)
    {
      const char *newline = memchr (bytes + at, '\n', n - at);
      at = newline != NULL ? (gsize)(newline - bytes) : n;
      const gsize left = newline != NULL ? n - at - 1 : 0;
      const gboolean is_return = left > 0 && newline[1] == '\r';
      if (left > 0 && newline[1] == '\n')
        return at + 2;
      if (is_return && left > 1 && newline[2] == '\n')
        return at + 3;
      if (newline != NULL && (left == 0 || (is_return && left == 1)))
        break; /* the rest of an empty line may come */
      at++;
    }
  *from = MIN (at, n);
  return 0;
}

/* Reads as much of a request line as makes sense. */
static void
read_target (BaruaText line, BaruaHead *head)
{
  const char *blank = memchr (line.p, ' ', line.n);

  if (blank == NULL)
    return;
  const BaruaText method = { line.p, (gsize)(blank - line.p) };
  BaruaText path = { blank + 1, 0 };
  const gsize n = line.n - method.n - 1;
  while (path.n < n && is_target_char (path.p[path.n]) && path.p[path.n] != '?')
    path.n++;
  if (consists_of (method, is_capital))
    head->method = method;
  if (path.n > 0 && *path.p == '/')
    head->path = path;
}

gboolean
barua_head_read_part (const char *bytes, gsize n, BaruaHead *head)
{
  const gsize skipped = skip_empty_lines (bytes, n);
  BaruaText rest = { bytes + skipped, n - skipped };
  const char *end = memchr (rest.p, '\n', rest.n);
  const gsize n_line = end != NULL ? (gsize)(end + 1 - rest.p) : rest.n;
  BaruaText line = { rest.p, n_line };

  *head = (BaruaHead){ .method = BARUA_TEXT (""), .path = BARUA_TEXT ("/"), .length = n };
  read_target (line, head);
  rest = (BaruaText){ rest.p + n_line, rest.n - n_line };
  while (rest.n > 0 && head->n_fields < BARUA_HEAD_MAX_FIELDS && cut_line (&rest, &line))
    read_field (line, head);
  return n_line > n / 2;
}

/* ---- a copy ---- */

typedef struct
{
  const char *name;
  gsize name_length;
  const char *value;
} Field;

struct _BaruaHeadCopy
{
  const char *method;
  const char *path;
  guint n_fields;
  Field fields[];
};

/* Appends a text and its end to the texts of a copy; returns where it is. */
static const char *
keep (char **at, BaruaText text)
{
  char *here = *at;

  memcpy (here, text.p, text.n);
  here[text.n] = '\0';
  *at += text.n + 1;
  return here;
}

BaruaHeadCopy *
barua_head_copy (const BaruaHead *head)
{
  const gsize n = sizeof (BaruaHeadCopy) + head->n_fields * sizeof (Field);
  /* no text needs more than it took in the head: each was followed by something that is left out; but method and path
   * of what is no request were not there */
  BaruaHeadCopy *copy = g_malloc (n + head->length + sizeof "" + sizeof "/");
  char *at = (char *)copy + n;

  copy->method = keep (&at, head->method);
  copy->path = keep (&at, head->path);
  copy->n_fields = head->n_fields;
  for (guint i = 0; i < head->n_fields; i++)
    copy->fields[i] = (Field){ keep (&at, head->names[i]), head->names[i].n,
                               keep (&at, head->values[i]) };
  return copy;
}

void
barua_head_copy_free (BaruaHeadCopy *copy)
{
  g_free (copy);
}

const char *
barua_head_copy_method (const BaruaHeadCopy *copy)
{
  return copy->method;
}

const char *
barua_head_copy_path (const BaruaHeadCopy *copy)
{
  return copy->path;
}

const char *
barua_head_copy_get (const BaruaHeadCopy *copy, const char *name)
{
  const gsize n = strlen (name);

  for (guint i = 0; i < copy->n_fields; i++)
    if (copy->fields[i].name_length == n
        && g_ascii_strncasecmp (copy->fields[i].name, name, n) == 0)
      return copy->fields[i].value;
  return NULL;
}
