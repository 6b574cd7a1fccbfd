/* SPDX-License-Identifier: MIT */

/* "Login by SMS" in the store: tokens, their messages, and `token_login` in a user's documents. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/token-login.h"

#include "gateway/store/rules-lookup.h"
#include "gateway/store/store-sessions.h"
#include "gateway/store/store-tokens.h"

#include <string.h>

#define USER_ID_PREFIX "org.couchdb.user:"

char *
barua_token_base_url (const BaruaSettings *settings, BaruaRequest *request)
{
  char *url = barua_json_string (barua_settings_get (settings, "app_url"), NULL);
  gsize n = url != NULL ? strlen (url) : 0;

  while (n > 0 && url[n - 1] == '/')
    url[--n] = '\0';
  if (n > 0)
    return url;
  g_free (url);
  return barua_request_origin (request);
}

/* ---- the messages ---- */

/* Not there is no error here. */
static gboolean
is_gone (const GError *error)
{
  return g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND)
         || g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_DELETED);
}

/* The newest revision of a document; NULL without @error when there is none. */
static BaruaDocument *
find_document (BaruaTx *tx, const char *db, const char *id, GError **error)
{
  g_autoptr (GError) local = NULL;
  BaruaDocument *document
      = barua_reader_get_document (barua_tx_reader (tx), db, barua_text (id), &local);

  if (document == NULL && !is_gone (local))
    g_propagate_error (error, g_steal_pointer (&local));
  return document;
}

/* Stores @body as the next revision of @document; nothing is kept of the one before. */
static gboolean
put_next (BaruaTx *tx, const char *db, const BaruaDocument *document, const GString *body,
          GError **error)
{
  const BaruaEdit edit = {
    .db = db,
    .id = document->id,
    .rev = document->rev,
    .body = { body->str, body->len },
    .is_server_made = TRUE,
    .is_hidden = document->is_hidden,
  };

  return barua_tx_put_document (tx, &edit, NULL, error);
}

/* Clears what is unsent of a token's messages, and masks the link. */
static gboolean
clear_messages (BaruaTx *tx, const guint8 *hash, gint64 now_ms, GError **error)
{
  char id[BARUA_TOKEN_DOCUMENT_ID_SIZE];
  GError *local = NULL;

  barua_token_document_id (hash, id);
  g_autoptr (BaruaDocument) document = find_document (tx, NULL, id, &local);
  if (document == NULL)
    {
      if (local != NULL)
        g_propagate_error (error, local);
      return local == NULL;
    }
  g_autoptr (GString) body = g_string_sized_new (document->body.n + 128);
  return !barua_token_document_clear (document->body, now_ms, body)
         || put_next (tx, NULL, document, body, error);
}

/* ---- the user's two documents ---- */

/* A user's documents; those that are not there are absent. */
typedef struct
{
  char *id;
  BaruaDocument *user;
  BaruaDocument *settings;
} UserDocuments;

static void
user_documents_clear (UserDocuments *documents)
{
  g_free (documents->id);
  g_clear_pointer (&documents->user, barua_document_free);
  g_clear_pointer (&documents->settings, barua_document_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (UserDocuments, user_documents_clear)

static gboolean
load_user (BaruaTx *tx, const char *name, UserDocuments *documents, GError **error)
{
  GError *local = NULL;

  documents->id = g_strconcat (USER_ID_PREFIX, name, NULL);
  documents->user = find_document (tx, BARUA_DB_USERS, documents->id, &local);
  if (local == NULL)
    documents->settings = find_document (tx, NULL, documents->id, &local);
  if (local != NULL)
    g_propagate_error (error, local);
  return local == NULL;
}

static BaruaJson
json_of (const BaruaDocument *document)
{
  return document != NULL ? (BaruaJson){ document->body.p, document->body.n } : BARUA_JSON_NONE;
}

/* Replaces `token_login` in one document; absent removes it. */
static gboolean
put_record (BaruaTx *tx, const char *db, const BaruaDocument *document, BaruaText record,
            GError **error)
{
  if (document == NULL
      || (record.p == NULL && barua_json_member (json_of (document), "token_login").text == NULL))
    return TRUE;
  g_autoptr (GString) body = g_string_sized_new (document->body.n + 96);
  barua_document_append_with (body, json_of (document), "token_login", record);
  return put_next (tx, db, document, body, error);
}

static gboolean
put_records (BaruaTx *tx, const UserDocuments *documents, BaruaText record, GError **error)
{
  return put_record (tx, BARUA_DB_USERS, documents->user, record, error)
         && put_record (tx, NULL, documents->settings, record, error);
}

/* ---- issue, remove, revoke ---- */

/* The token of an account: *token stays NULL when it has none. */
static gboolean
find_token (BaruaTx *tx, const char *name, BaruaLoginToken **token, GError **error)
{
  g_autoptr (GError) local = NULL;

  *token = barua_reader_get_login_token (barua_tx_reader (tx), name, &local);
  if (*token != NULL || is_gone (local))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

gboolean
barua_token_login_revoke (BaruaTx *tx, const char *name, gint64 now_ms, GError **error)
{
  g_autoptr (BaruaLoginToken) token = NULL;

  if (!find_token (tx, name, &token, error))
    return FALSE;
  return token == NULL
         || (clear_messages (tx, token->hash, now_ms, error)
             && barua_tx_put_login_token (tx, name, NULL, 0, error));
}

gboolean
barua_token_login_follow (BaruaTx *tx, const char *name, BaruaJson record, gint64 now_ms,
                          GError **error)
{
  g_autoptr (BaruaLoginToken) token = NULL;
  gint64 expires_ms = 0;

  if (!find_token (tx, name, &token, error))
    return FALSE;
  if (token == NULL || !token->is_active)
    return TRUE;
  if (!barua_json_truthy (barua_json_member (record, "active")))
    return barua_token_login_revoke (tx, name, now_ms, error);
  return !barua_json_integer (barua_json_member (record, "expiration_date"), &expires_ms)
         || expires_ms == token->expires_ms
         || barua_tx_put_login_token (tx, name, token->hash, expires_ms, error);
}

/* Makes a token, notes it in the account and puts its document. */
static gboolean
put_token (BaruaTx *tx, const BaruaSettings *settings, const char *name,
           BaruaTokenMessages *messages, GError **error)
{
  char token[BARUA_TOKEN_LENGTH + 1];
  char id[BARUA_TOKEN_DOCUMENT_ID_SIZE];
  guint8 hash[BARUA_TOKEN_HASH_BYTES];
  g_auto (BaruaStoreLookup) lookup = { .tx = tx };
  g_autoptr (GString) body = g_string_sized_new (1024);

  barua_token_new (token);
  barua_token_hash (token, hash);
  barua_token_document_id (hash, id);
  messages->token = token;
  barua_store_lookup_init (&lookup, barua_tx_reader (tx), tx);
  gboolean ok = barua_token_document (settings, messages, &lookup.lookup, body, error);
  explicit_bzero (token, sizeof token);
  const BaruaEdit edit = {
    .id = barua_text (id),
    .body = { body->str, body->len },
    .is_server_made = TRUE,
    .is_hidden = TRUE,
  };
  ok = ok && barua_tx_put_document (tx, &edit, NULL, error)
       && barua_tx_put_login_token (tx, name, hash, messages->expires_ms, error);
  explicit_bzero (body->str, body->len);
  return ok;
}

gboolean
barua_token_login_issue (BaruaTx *tx, const BaruaSettings *settings, const char *name,
                         BaruaText phone, const char *base_url, gint64 now_ms, gint64 *expires_ms,
                         GError **error)
{
  g_auto (UserDocuments) documents = { 0 };
  BaruaTokenMessages messages = {
    .to = phone,
    .base_url = base_url,
    .now_ms = now_ms,
    .expires_ms = now_ms + BARUA_TOKEN_LIFETIME_MS,
  };

  if (!barua_token_login_revoke (tx, name, now_ms, error)
      || !load_user (tx, name, &documents, error))
    return FALSE;
  messages.user_id = barua_text (documents.id);
  messages.user = json_of (documents.user);
  messages.user_settings = json_of (documents.settings);
  g_autofree char *record = g_strdup_printf (
      "{\"active\":true,\"expiration_date\":%" G_GINT64_FORMAT "}", messages.expires_ms);
  if (expires_ms != NULL)
    *expires_ms = messages.expires_ms;
  return put_token (tx, settings, name, &messages, error)
         && barua_tx_replace_hash (tx, name, NULL, BARUA_PASSWORD_NOBODY_KNOWS, error)
         && barua_tx_delete_sessions_of (tx, name, error)
         && put_records (tx, &documents, barua_text (record), error);
}

gboolean
barua_token_login_remove (BaruaTx *tx, const char *name, gint64 now_ms, GError **error)
{
  g_auto (UserDocuments) documents = { 0 };

  return barua_token_login_revoke (tx, name, now_ms, error)
         && load_user (tx, name, &documents, error)
         && put_records (tx, &documents, (BaruaText){ NULL, 0 }, error)
         && barua_tx_delete_sessions_of (tx, name, error);
}

/* ---- use ---- */

/* What was good a moment ago is now used: its messages, the password, older sessions, the record
 * (users.md 8.6). */
static gboolean
settle (BaruaTx *tx, const BaruaLoginToken *token, gint64 now_ms, GError **error)
{
  g_auto (UserDocuments) documents = { 0 };
  g_autofree char *record
      = g_strdup_printf ("{\"active\":false,\"expiration_date\":%" G_GINT64_FORMAT
                         ",\"login_date\":%" G_GINT64_FORMAT "}",
                         token->expires_ms, now_ms);

  return clear_messages (tx, token->hash, now_ms, error)
         && barua_tx_replace_hash (tx, token->name, NULL, BARUA_PASSWORD_NOBODY_KNOWS, error)
         && barua_tx_delete_sessions_of (tx, token->name, error)
         && load_user (tx, token->name, &documents, error)
         && put_records (tx, &documents, barua_text (record), error);
}

gboolean
barua_token_login_use (BaruaTx *tx, const guint8 hash[BARUA_TOKEN_HASH_BYTES], gint64 now_ms,
                       BaruaTokenVerdict *verdict, char **name, GError **error)
{
  gboolean is_used = FALSE;
  g_autoptr (GError) local = NULL;

  *verdict = BARUA_TOKEN_INVALID;
  if (!barua_tx_use_login_token (tx, hash, now_ms, &is_used, error))
    return FALSE;
  g_autoptr (BaruaLoginToken) token
      = barua_reader_find_login_token (barua_tx_reader (tx), hash, &local);
  if (token == NULL && is_gone (local))
    return TRUE;
  if (token == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (is_used)
    *verdict = BARUA_TOKEN_GOOD;
  else if (token->is_active)
    *verdict = BARUA_TOKEN_EXPIRED;
  if (!is_used)
    return TRUE;
  g_free (*name);
  *name = g_strdup (token->name);
  return settle (tx, token, now_ms, error);
}

/* ---- expiry ---- */

gboolean
barua_token_login_sweep (BaruaTx *tx, gint64 now_ms, GError **error)
{
  for (;;)
    {
      g_autoptr (BaruaLoginToken) token = NULL;
      if (!barua_tx_next_expired_login_token (tx, now_ms, &token, error))
        return FALSE;
      if (token == NULL)
        return TRUE;
      if (!clear_messages (tx, token->hash, now_ms, error))
        return FALSE;
    }
}
