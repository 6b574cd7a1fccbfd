/* SPDX-License-Identifier: MIT */

/* Where a login may lead. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/redirect.h"

#include <string.h>

/* Longer ones are nobody's bookmark. */
#define MAX_BYTES 2048u
/* Nobody encodes an honest path so often. */
#define MAX_DEPTH 8u

/* Decodes once what can be decoded, in place; says whether anything was. */
static gboolean
decode_once (char *text)
{
  gboolean is_changed = FALSE;
  char *out = text;

  for (const char *in = text; *in != '\0'; in++, out++)
    {
      if (in[0] == '%' && g_ascii_isxdigit (in[1]) && g_ascii_isxdigit (in[2]))
        {
          *out = (char)(g_ascii_xdigit_value (in[1]) << 4 | g_ascii_xdigit_value (in[2]));
          if (*out == '\0')
            *out = '\n'; /* refused like any control character */
          in += 2;
          is_changed = TRUE;
        }
      else
        *out = *in;
    }
  *out = '\0';
  return is_changed;
}

/* Whether a text is a path and could not be taken for a host. */
static gboolean
is_path (const char *text)
{
  if (text[0] != '/' || text[1] == '/')
    return FALSE;
  for (const char *at = text; *at != '\0'; at++)
    if (*at == '\\' || (guchar)*at < 0x20 || *at == 0x7f)
      return FALSE;
  return TRUE;
}

/* What may stand in a header: other bytes are encoded. */
static char *
encode_rest (const char *text)
{
  GString *out = g_string_sized_new (strlen (text));

  for (const char *at = text; *at != '\0'; at++)
    if ((guchar)*at > 0x20 && (guchar)*at < 0x7f && strchr ("\"<>`", *at) == NULL)
      g_string_append_c (out, *at);
    else
      g_string_append_printf (out, "%%%02X", (guchar)*at);
  return g_string_free (out, FALSE);
}

char *
barua_redirect_sanitise (const char *wanted)
{
  if (wanted == NULL || strlen (wanted) > MAX_BYTES || !is_path (wanted))
    return NULL;
  g_autofree char *decoded = g_strdup (wanted);
  for (guint depth = 0; decode_once (decoded); depth++)
    if (depth == MAX_DEPTH || !is_path (decoded))
      return NULL;
  return encode_rest (wanted);
}
