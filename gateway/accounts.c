/* SPDX-License-Identifier: MIT */

/* The first account of a new database. */

#define G_LOG_DOMAIN "barua"

#include "gateway/accounts.h"

#include "gateway/http/password.h"

#include <errno.h>
#include <gio/gio.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define ADMIN "admin"
#define ADMIN_ID "org.couchdb.user:" ADMIN
#define RANDOM_PASSWORD_LENGTH 20 /* of 32 characters: 100 bits */
#define MIN_PASSWORD_LENGTH 8     /* users.md 5.2 */

/* Query: how many accounts there are. */
static gboolean
count (BaruaReader *reader, gpointer data, GError **error)
{
  return barua_reader_count_accounts (reader, data, error);
}

static gboolean
put (BaruaTx *tx, const char *db, const char *body, GError **error)
{
  const BaruaEdit edit = { .db = db, .id = BARUA_TEXT (ADMIN_ID), .body = barua_text (body) };

  return barua_tx_put_document (tx, &edit, NULL, error);
}

/* Job: the user document, the user's settings and the account (users.md 3); @data is the hash. */
static gboolean
create_admin (BaruaTx *tx, gpointer data, GError **error)
{
  return put (tx, BARUA_DB_USERS,
              "{\"name\":\"" ADMIN "\",\"type\":\"user\",\"roles\":[\"_admin\"]}", error)
         && put (tx, NULL,
                 "{\"name\":\"" ADMIN
                 "\",\"type\":\"user-settings\",\"roles\":[\"_admin\"],\"known\":false}",
                 error)
         && barua_tx_put_account (tx, ADMIN, ADMIN_ID, data, error);
}

char *
barua_accounts_random_password (GError **error)
{
  /* letters and digits that nobody mixes up on paper */
  static const char alphabet[32] = "abcdefghijkmnpqrstuvwxyz23456789";
  guint8 bytes[RANDOM_PASSWORD_LENGTH];
  char *password = g_malloc0 (RANDOM_PASSWORD_LENGTH + 1);

  if (getrandom (bytes, sizeof bytes, 0) != (gssize)sizeof bytes)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "no random bytes: %s", g_strerror (errno));
      g_free (password);
      return NULL;
    }
  for (guint i = 0; i < RANDOM_PASSWORD_LENGTH; i++)
    password[i] = alphabet[bytes[i] % sizeof alphabet];
  return password;
}

/* The first line of a file. */
static char *
read_password (const char *path, GError **error)
{
  char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, error))
    return NULL;
  text[strcspn (text, "\r\n")] = '\0';
  return text;
}

/* The password that somebody chose; %NULL without @error when nobody did. */
static char *
chosen_password (const char *password_file, GError **error)
{
  const char *variable = g_getenv ("BARUA_ADMIN_PASSWORD");
  const char *credentials = g_getenv ("CREDENTIALS_DIRECTORY");

  if (password_file != NULL) /* an option goes before a variable */
    return read_password (password_file, error);
  if (variable != NULL && *variable != '\0')
    return g_strdup (variable);
  if (credentials == NULL)
    return NULL;
  g_autofree char *path = g_build_filename (credentials, "admin-password", NULL);
  return g_file_test (path, G_FILE_TEST_EXISTS) ? read_password (path, error) : NULL;
}

gboolean
barua_accounts_ensure_admin (BaruaStore *store, const char *password_file, GError **error)
{
  guint n = 0;
  g_autoptr (GError) local = NULL;

  if (!barua_store_read (store, count, &n, error))
    return FALSE;
  if (n > 0)
    return TRUE;
  char *password = chosen_password (password_file, &local);
  gboolean is_chosen = password != NULL;
  if (password == NULL && local == NULL)
    password = barua_accounts_random_password (&local);
  if (password != NULL && strlen (password) < MIN_PASSWORD_LENGTH)
    g_set_error (&local, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                 "the password for the first account must be at least %d characters long",
                 MIN_PASSWORD_LENGTH);
  g_autofree char *hash = local == NULL ? barua_password_hash (password, &local) : NULL;
  gboolean ok = hash != NULL && barua_store_write (store, create_admin, hash, &local);
  if (ok && !is_chosen)
    fprintf (stderr, "\n  The first account:  user %s  password %s\n  It is shown this once.\n\n",
             ADMIN, password);
  else if (ok)
    g_message ("made the account " ADMIN);
  else
    g_propagate_error (error, g_steal_pointer (&local));
  barua_secret_free (password);
  return ok;
}
