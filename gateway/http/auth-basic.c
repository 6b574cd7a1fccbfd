/* SPDX-License-Identifier: MIT */

/* The Basic scheme: what name and password a header may mean. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/auth-basic.h"

#include "gateway/http/password.h"

#include <string.h>

BaruaCredential *
barua_credential_new (const char *name, const char *password)
{
  BaruaCredential *credential = g_new0 (BaruaCredential, 1);

  credential->name = g_strdup (name);
  credential->password = g_strdup (password);
  return credential;
}

void
barua_credential_free (BaruaCredential *credential)
{
  g_free (credential->name);
  barua_secret_free (credential->password);
  g_free (credential);
}

/* Adds `name:password` unless it is there, has no name or no colon. */
static void
add_candidate (GPtrArray *candidates, const char *user_pass)
{
  const char *colon = strchr (user_pass, ':');

  if (colon == NULL || colon == user_pass)
    return;
  g_autofree char *name = g_strndup (user_pass, colon - user_pass);
  for (guint i = 0; i < candidates->len; i++)
    {
      const BaruaCredential *known = candidates->pdata[i];

      if (strcmp (known->name, name) == 0 && strcmp (known->password, colon + 1) == 0)
        return;
    }
  g_ptr_array_add (candidates, barua_credential_new (name, colon + 1));
}

/* Adds what the bytes mean as UTF-8 and as ISO-8859-1. */
static void
add_readings (GPtrArray *candidates, const char *bytes)
{
  if (g_utf8_validate (bytes, -1, NULL))
    add_candidate (candidates, bytes);

  gsize n = strlen (bytes);
  char *latin = g_malloc (2 * n + 1);
  gsize length = 0;
  for (gsize i = 0; i < n; i++)
    length += (gsize)g_unichar_to_utf8 ((guchar)bytes[i], latin + length);
  latin[length] = '\0';
  add_candidate (candidates, latin);
  barua_secret_free (latin);
}

/* (nullable) (transfer full): the bytes percent-decoded once, NULL when nothing changes or an
 * escape is bad. */
static char *
unescape (const char *bytes)
{
  if (strchr (bytes, '%') == NULL)
    return NULL;
  char *out = g_malloc (strlen (bytes) + 1);
  gsize n = 0;
  for (const char *at = bytes; *at != '\0'; at++)
    {
      int high = *at == '%' ? g_ascii_xdigit_value (at[1]) : 0;
      int low = *at == '%' && high >= 0 ? g_ascii_xdigit_value (at[2]) : 0;
      gboolean is_bad = high < 0 || low < 0;
      char byte = *at != '%' ? *at : is_bad ? '\0' : (char)(high << 4 | low);

      if (byte == '\0')
        {
          out[n] = '\0';
          barua_secret_free (out);
          return NULL;
        }
      at += *at == '%' ? 2 : 0;
      out[n++] = byte;
    }
  out[n] = '\0';
  return out;
}

/* (nullable) (transfer full): the decoded bytes of a Basic header; NULL for another scheme or with
 * a NUL inside. */
static char *
decode_header (const char *authorization)
{
  gsize length = 0;

  while (*authorization == ' ')
    authorization++;
  if (g_ascii_strncasecmp (authorization, "Basic ", 6) != 0)
    return NULL;
  g_autofree guchar *bytes = g_base64_decode (authorization + 6, &length);
  char *text
      = memchr (bytes, '\0', length) == NULL ? g_strndup ((const char *)bytes, length) : NULL;
  explicit_bzero (bytes, length);
  return text;
}

GPtrArray *
barua_credentials_from_basic (const char *authorization, gboolean with_escapes)
{
  GPtrArray *candidates = g_ptr_array_new_with_free_func ((GDestroyNotify)barua_credential_free);
  char *bytes = decode_header (authorization);

  if (bytes == NULL)
    return candidates;
  add_readings (candidates, bytes);
  char *plain = with_escapes ? unescape (bytes) : NULL;
  if (plain != NULL)
    add_readings (candidates, plain);
  barua_secret_free (plain);
  barua_secret_free (bytes);
  return candidates;
}
