/* SPDX-License-Identifier: MIT */

/* Secrets from files. */

#define G_LOG_DOMAIN "barua"

#include "gateway/credentials.h"

#include <gio/gio.h>
#include <string.h>

#define DIGEST_BYTES 32 /* SHA-256 */

struct _BaruaCredentials
{
  guint n_refs;
  GHashTable *secrets; /* name -> text */
};

static void
forget (gpointer secret)
{
  explicit_bzero (secret, strlen (secret));
  g_free (secret);
}

char *
barua_credentials_path (const char *file)
{
  const char *directory = g_getenv ("CREDENTIALS_DIRECTORY");

  return directory != NULL && !g_path_is_absolute (file) ? g_build_filename (directory, file, NULL)
                                                         : g_strdup (file);
}

/* The first line of a file. */
static char *
read_secret (const char *name, const char *file, GError **error)
{
  g_autofree char *path = barua_credentials_path (file);
  char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, error))
    {
      g_prefix_error (error, "[credentials] %s: ", name);
      return NULL;
    }
  text[strcspn (text, "\r\n")] = '\0';
  g_strstrip (text);
  if (*text != '\0')
    return text;
  g_free (text);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
               "[credentials] %s: %s has no text in its first line", name, path);
  return NULL;
}

BaruaCredentials *
barua_credentials_load (GHashTable *files, GError **error)
{
  g_autoptr (BaruaCredentials) credentials = g_new0 (BaruaCredentials, 1);
  GHashTableIter iter;
  gpointer name, file;

  credentials->n_refs = 1;
  credentials->secrets = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, forget);
  g_hash_table_iter_init (&iter, files);
  while (g_hash_table_iter_next (&iter, &name, &file))
    {
      char *secret = read_secret (name, file, error);
      if (secret == NULL)
        return NULL;
      g_hash_table_insert (credentials->secrets, g_strdup (name), secret);
    }
  return g_steal_pointer (&credentials);
}

BaruaCredentials *
barua_credentials_ref (BaruaCredentials *credentials)
{
  credentials->n_refs++;
  return credentials;
}

void
barua_credentials_unref (BaruaCredentials *credentials)
{
  if (credentials == NULL || --credentials->n_refs > 0)
    return;
  g_hash_table_unref (credentials->secrets);
  g_free (credentials);
}

const char *
barua_credentials_get (const BaruaCredentials *credentials, const char *name)
{
  return credentials != NULL ? g_hash_table_lookup (credentials->secrets, name) : NULL;
}

static void
digest (const char *text, gsize n, guint8 out[DIGEST_BYTES])
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize size = DIGEST_BYTES;

  g_checksum_update (sum, (const guchar *)text, (gssize)n);
  g_checksum_get_digest (sum, out, &size);
}

gboolean
barua_credentials_match (const BaruaCredentials *credentials, const char *name, BaruaText given)
{
  const char *secret = barua_credentials_get (credentials, name);
  guint8 ours[DIGEST_BYTES], theirs[DIGEST_BYTES];
  guint8 difference = 0;

  if (secret == NULL || given.p == NULL)
    return FALSE;
  /* digests are of one length, and how far they agree says nothing of the secret */
  digest (secret, strlen (secret), ours);
  digest (given.p, given.n, theirs);
  for (gsize i = 0; i < DIGEST_BYTES; i++)
    difference |= ours[i] ^ theirs[i];
  return difference == 0;
}
