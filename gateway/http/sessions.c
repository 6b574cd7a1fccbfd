/* SPDX-License-Identifier: MIT */

/* Who a session cookie belongs to: asked of the store, remembered for a moment. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/sessions.h"

#include "gateway/http/errors.h"

#include <string.h>
#include <sys/random.h>

/* Long enough for a burst of requests; another process that ends a session is noticed after it. */
#define REMEMBERED_US (5 * G_USEC_PER_SEC)
#define MAX_ENTRIES 16384u

#define TOKEN_BYTES 32u

typedef struct
{
  BaruaUser *user;
  gint64 expires_us;
} Entry;

/* One question to the store. */
typedef struct
{
  BaruaSessions *sessions; /* NULL once that is gone */
  char *hash;
  guint64 epoch; /* when it was asked */
  BaruaAuthDone done;
  gpointer data;
  GList link;
} LookUp;

struct _BaruaSessions
{
  const BaruaAuthBackend *backend;
  gpointer data;
  GHashTable *entries; /* hash of the token -> Entry */
  GQueue look_ups;     /* under way */
  guint64 epoch;       /* grows when something is forgotten: older answers are not remembered */
};

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  barua_user_unref (entry->user);
  g_free (entry);
}

BaruaSessions *
barua_sessions_new (const BaruaAuthBackend *backend, gpointer data)
{
  BaruaSessions *sessions = g_new0 (BaruaSessions, 1);

  sessions->backend = backend;
  sessions->data = data;
  sessions->entries = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, entry_free);
  return sessions;
}

static void
refuse (BaruaHttpErrorCode code, BaruaAuthDone done, gpointer data)
{
  g_autoptr (GError) error
      = g_error_new_literal (BARUA_HTTP_ERROR, code, barua_http_error_info (code)->text);

  done (NULL, error, data);
}

void
barua_sessions_free (BaruaSessions *sessions)
{
  while (!g_queue_is_empty (&sessions->look_ups))
    {
      LookUp *look_up = sessions->look_ups.head->data;

      g_queue_unlink (&sessions->look_ups, &look_up->link);
      look_up->sessions = NULL;
      refuse (BARUA_HTTP_ERROR_UNAVAILABLE, look_up->done, look_up->data);
    }
  g_hash_table_unref (sessions->entries);
  g_free (sessions);
}

/* (transfer full) (nullable) */
static BaruaUser *
recall (BaruaSessions *sessions, const char *hash)
{
  const Entry *entry = g_hash_table_lookup (sessions->entries, hash);

  if (entry == NULL)
    return NULL;
  if (entry->expires_us > g_get_monotonic_time ())
    return barua_user_ref (entry->user);
  g_hash_table_remove (sessions->entries, hash);
  return NULL;
}

static void
remember (BaruaSessions *sessions, const char *hash, BaruaUser *user)
{
  Entry *entry = g_new0 (Entry, 1);

  if (g_hash_table_size (sessions->entries) >= MAX_ENTRIES)
    g_hash_table_remove_all (sessions->entries);
  entry->user = barua_user_ref (user);
  entry->expires_us = g_get_monotonic_time () + REMEMBERED_US;
  g_hash_table_insert (sessions->entries, g_strdup (hash), entry);
}

/* Tells the verdict of the store. */
static void
answer (LookUp *look_up, const BaruaAuthAccount *account, const GError *error)
{
  BaruaSessions *sessions = look_up->sessions;

  g_queue_unlink (&sessions->look_ups, &look_up->link);
  if (error != NULL)
    {
      g_warning ("sessions cannot be read: %s", error->message);
      refuse (BARUA_HTTP_ERROR_UNAVAILABLE, look_up->done, look_up->data);
      return;
    }
  if (account == NULL)
    {
      refuse (BARUA_HTTP_ERROR_UNAUTHORIZED, look_up->done, look_up->data);
      return;
    }
  g_autoptr (BaruaUser) user = barua_user_new (account->name, (const char *const *)account->roles);
  user->is_cookie = TRUE;
  if (look_up->epoch == sessions->epoch)
    remember (sessions, look_up->hash, user);
  look_up->done (user, NULL, look_up->data);
}

/* BaruaAccountFound */
static void
account_found (BaruaAuthAccount *account, const GError *error, gpointer data)
{
  g_autoptr (BaruaAuthAccount) owned = account;
  LookUp *look_up = data;

  if (look_up->sessions != NULL)
    answer (look_up, owned, error);
  g_free (look_up->hash);
  g_free (look_up);
}

void
barua_sessions_check (BaruaSessions *sessions, const char *token, BaruaAuthDone done, gpointer data)
{
  if (sessions->backend->find_session == NULL || strlen (token) > BARUA_AUTH_MAX_TOKEN_BYTES)
    {
      refuse (BARUA_HTTP_ERROR_UNAUTHORIZED, done, data);
      return;
    }
  g_autofree char *hash = barua_auth_token_hash (token);
  g_autoptr (BaruaUser) user = recall (sessions, hash);
  if (user != NULL)
    {
      done (user, NULL, data);
      return;
    }
  LookUp *look_up = g_new0 (LookUp, 1);
  look_up->sessions = sessions;
  look_up->hash = g_steal_pointer (&hash);
  look_up->epoch = sessions->epoch;
  look_up->done = done;
  look_up->data = data;
  look_up->link.data = look_up;
  g_queue_push_tail_link (&sessions->look_ups, &look_up->link);
  sessions->backend->find_session (sessions->data, look_up->hash, account_found, look_up);
}

void
barua_sessions_forget (BaruaSessions *sessions, const char *token)
{
  g_autofree char *hash = barua_auth_token_hash (token);

  sessions->epoch++;
  g_hash_table_remove (sessions->entries, hash);
}

/* GHRFunc */
static gboolean
is_of_user (gpointer key, gpointer value, gpointer name)
{
  return strcmp (((const Entry *)value)->user->name, name) == 0;
}

void
barua_sessions_forget_user (BaruaSessions *sessions, const char *name)
{
  sessions->epoch++;
  if (name == NULL)
    g_hash_table_remove_all (sessions->entries);
  else
    g_hash_table_foreach_remove (sessions->entries, is_of_user, (gpointer)name);
}

/* Tokens. */

char *
barua_auth_token_hash (const char *token)
{
  return g_compute_checksum_for_string (G_CHECKSUM_SHA256, token, -1);
}

char *
barua_auth_token_new (void)
{
  guint8 bytes[TOKEN_BYTES];

  if (getrandom (bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
    g_error ("no random bytes");
  char *text = g_base64_encode (bytes, sizeof bytes);
  explicit_bzero (bytes, sizeof bytes);
  g_strdelimit (text, "+", '-');
  g_strdelimit (text, "/", '_');
  text[strcspn (text, "=")] = '\0'; /* a client cuts the value there (documents.md 8.1) */
  return text;
}
