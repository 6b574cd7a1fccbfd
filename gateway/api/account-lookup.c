/* SPDX-License-Identifier: MIT */

/* Accounts for authentication: from the main loop to a reader and back. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/account-lookup.h"

#include "gateway/api/session.h"
#include "gateway/app.h"
#include "gateway/http/cookie.h"
#include "gateway/http/password.h"
#include "gateway/rules/account.h"
#include "gateway/store/store-sessions.h"
#include "gateway/store/store-tokens.h"

#include <string.h>

#define DAY_MS (24 * 60 * 60 * (gint64)1000)

/* One look-up. */
typedef struct
{
  BaruaApp *app;
  char *name;
  guint8 session[BARUA_SESSION_HASH_BYTES];
  gint64 now_ms;
  gboolean needs_touch; /* the last use that was noted is a day old */
  BaruaAccountFound found;
  gpointer found_data;
  BaruaAuthAccount *account;
} Lookup;

static void
lookup_free (gpointer data)
{
  Lookup *lookup = data;

  g_free (lookup->name);
  g_clear_pointer (&lookup->account, barua_auth_account_free);
  g_free (lookup);
}

/* The roles in a user document. */
static char **
roles_of (BaruaText body)
{
  return barua_account_roles_of ((BaruaJson){ body.p, body.n });
}

char **
barua_account_read_roles (BaruaReader *reader, const char *name, GError **error)
{
  g_autoptr (BaruaAccount) account = barua_reader_get_account (reader, name, error);

  if (account == NULL)
    return NULL;
  g_autoptr (BaruaDocument) document = barua_reader_get_document (
      reader, BARUA_DB_USERS, barua_text (account->document_id), error);
  return document != NULL ? roles_of (document->body) : NULL;
}

/* What is not there is no error; says whether it was one. */
static gboolean
fail_unless_missing (GError *local, GError **error)
{
  if (g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND)
      || g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_DELETED))
    {
      g_error_free (local);
      return TRUE;
    }
  g_propagate_error (error, local);
  return FALSE;
}

/* BaruaQuery: an account with its roles. */
static gboolean
read_account (BaruaReader *reader, gpointer data, GError **error)
{
  Lookup *lookup = data;
  GError *local = NULL;
  g_autoptr (BaruaAccount) account = barua_reader_get_account (reader, lookup->name, &local);
  g_autoptr (BaruaDocument) document
      = account != NULL ? barua_reader_get_document (reader, BARUA_DB_USERS,
                                                     barua_text (account->document_id), &local)
                        : NULL;

  g_clear_pointer (&lookup->account, barua_auth_account_free);
  if (document == NULL)
    return fail_unless_missing (local, error);
  g_auto (GStrv) roles = roles_of (document->body);
  lookup->account
      = barua_auth_account_new (account->name, account->hash, (const char *const *)roles);
  return TRUE;
}

/* BaruaQuery: the account of a session. */
static gboolean
read_session (BaruaReader *reader, gpointer data, GError **error)
{
  Lookup *lookup = data;
  GError *local = NULL;
  g_autoptr (BaruaSession) session = barua_reader_find_session (reader, lookup->session, &local);

  if (session == NULL)
    return fail_unless_missing (local, error);
  if (session->used_ms < lookup->now_ms - BARUA_SESSION_SECONDS * (gint64)1000)
    return TRUE;
  lookup->needs_touch = session->used_ms <= lookup->now_ms - DAY_MS;
  g_free (lookup->name);
  lookup->name = g_strdup (session->name);
  return read_account (reader, lookup, error);
}

/* What a job needs to note the use of a session. */
typedef struct
{
  guint8 hash[BARUA_SESSION_HASH_BYTES];
  gint64 now_ms;
} Touch;

/* BaruaJob */
static gboolean
touch_session (BaruaTx *tx, gpointer data, GError **error)
{
  const Touch *touch = data;

  return barua_tx_touch_session (tx, touch->hash, touch->now_ms, error);
}

static void
touched (GObject *source, GAsyncResult *result, gpointer user_data)
{
  BaruaApp *app = user_data;
  g_autoptr (GError) error = NULL;

  if (!barua_store_write_finish (app->store, result, &error))
    g_warning ("the use of a session could not be noted: %s", error->message);
}

static void
note_use (const Lookup *lookup)
{
  Touch *touch = g_new0 (Touch, 1);

  memcpy (touch->hash, lookup->session, sizeof touch->hash);
  touch->now_ms = lookup->now_ms;
  barua_store_write_async (lookup->app->store, touch_session, touch, g_free, sizeof *touch, NULL,
                           touched, lookup->app);
}

static void
looked_up (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Lookup *lookup = user_data; /* freed by the store afterwards */
  g_autoptr (GError) error = NULL;

  if (!barua_store_read_finish (lookup->app->store, result, &error))
    g_warning ("account look-up: %s", error->message);
  else if (lookup->needs_touch && lookup->account != NULL)
    note_use (lookup);
  lookup->found (g_steal_pointer (&lookup->account), error, lookup->found_data);
}

static Lookup *
lookup_new (BaruaApp *app, BaruaAccountFound found, gpointer found_data)
{
  Lookup *lookup = g_new0 (Lookup, 1);

  lookup->app = app;
  lookup->now_ms = barua_now_ms ();
  lookup->found = found;
  lookup->found_data = found_data;
  return lookup;
}

/* BaruaAuthBackend.find_account */
static void
find_account (gpointer app, const char *name, BaruaAccountFound found, gpointer found_data)
{
  Lookup *lookup = lookup_new (app, found, found_data);

  lookup->name = g_strdup (name);
  barua_store_read_async (lookup->app->store, read_account, lookup, lookup_free, NULL, looked_up,
                          lookup);
}

/* BaruaAuthBackend.find_session */
static void
find_session (gpointer app, const char *token_hash, BaruaAccountFound found, gpointer found_data)
{
  Lookup *lookup = lookup_new (app, found, found_data);

  barua_session_hash_from_hex (token_hash, lookup->session);
  barua_store_read_async (lookup->app->store, read_session, lookup, lookup_free, NULL, looked_up,
                          lookup);
}

/* ---- better hashes ---- */

/* A hash to be replaced. */
typedef struct
{
  BaruaApp *app;
  char *name;
  char *old_hash;
  char *new_hash;
} Rehash;

static void
rehash_free (gpointer data)
{
  Rehash *rehash = data;

  g_free (rehash->name);
  barua_secret_free (rehash->old_hash);
  barua_secret_free (rehash->new_hash);
  g_free (rehash);
}

/* BaruaJob */
static gboolean
put_hash (BaruaTx *tx, gpointer data, GError **error)
{
  const Rehash *rehash = data;

  return barua_tx_replace_hash (tx, rehash->name, rehash->old_hash, rehash->new_hash, error);
}

static void
hash_put (GObject *source, GAsyncResult *result, gpointer user_data)
{
  const Rehash *rehash = user_data; /* freed by the store afterwards */
  g_autoptr (GError) error = NULL;

  if (!barua_store_write_finish (rehash->app->store, result, &error))
    g_warning ("a password hash could not be renewed: %s", error->message);
}

/* BaruaAuthBackend.rehash */
static void
rehash (gpointer app, const char *name, const char *old_hash, const char *new_hash)
{
  Rehash *data = g_new0 (Rehash, 1);

  data->app = app;
  data->name = g_strdup (name);
  data->old_hash = g_strdup (old_hash);
  data->new_hash = g_strdup (new_hash);
  barua_store_write_async (data->app->store, put_hash, data, rehash_free, sizeof *data, NULL,
                           hash_put, data);
}

const BaruaAuthBackend barua_account_lookup
    = { .find_account = find_account, .rehash = rehash, .find_session = find_session };
