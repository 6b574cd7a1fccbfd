/* SPDX-License-Identifier: MIT */

/* Documents of `_users`: what is written there is written to an account (users.md 3). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/document-users.h"

#include "gateway/api/document-common.h"
#include "gateway/api/token-login.h"
#include "gateway/http/password.h"
#include "gateway/store/store-sessions.h"

#include <string.h>

#define ID_PREFIX "org.couchdb.user:"

/* Members that never are stored (users.md 3; the last three are CouchDB's newer ones). */
static const char *const secrets[] = {
  "password", "derived_key", "salt", "iterations", "password_scheme", "password_sha", "pbkdf2_prf",
};

void
barua_user_secret_free (char *secret)
{
  barua_secret_free (secret);
}

const char *
barua_user_name_of_id (const char *id)
{
  return g_str_has_prefix (id, ID_PREFIX) ? id + strlen (ID_PREFIX) : NULL;
}

/* Whether a member's name is one of a secret. */
static gboolean
is_secret (BaruaJson key)
{
  for (gsize i = 0; i < G_N_ELEMENTS (secrets); i++)
    if (barua_json_string_is (key, barua_text (secrets[i])))
      return TRUE;
  return FALSE;
}

/* Takes the secrets out of a body, which is minified. */
static void
strip (GString *body)
{
  g_autoptr (GString) kept = g_string_sized_new (body->len);
  BaruaJsonIter iter;
  BaruaJson key, value;

  g_string_append_c (kept, '{');
  barua_json_iter_init (&iter, (BaruaJson){ body->str, body->len });
  while (barua_json_iter_next (&iter, &key, &value))
    {
      if (is_secret (key))
        continue;
      if (kept->len > 1)
        g_string_append_c (kept, ',');
      g_string_append_len (kept, key.text, (gssize)key.length);
      g_string_append_c (kept, ':');
      g_string_append_len (kept, value.text, (gssize)value.length);
    }
  g_string_append_c (kept, '}');
  explicit_bzero (body->str, body->len);
  g_string_truncate (body, 0);
  g_string_append_len (body, kept->str, (gssize)kept->len);
}

/* What is wrong with a user document; NULL for nothing. */
static const char *
find_fault (const BaruaItem *item, BaruaJson body)
{
  BaruaJson name = barua_json_member (body, "name");
  BaruaJson roles = barua_json_member (body, "roles"), role;
  BaruaText own = { item->id.p + strlen (ID_PREFIX), item->id.n - strlen (ID_PREFIX) };
  BaruaJsonIter iter;

  if (!barua_json_string_is (barua_json_member (body, "type"), BARUA_TEXT ("user")))
    return "doc.type must be user";
  if (own.n == 0 || !barua_json_string_is (name, own))
    return "Doc ID must be of the form org.couchdb.user:name";
  if (barua_json_type (roles) != BARUA_JSON_ARRAY)
    return "doc.roles must be an array";
  barua_json_iter_init (&iter, roles);
  while (barua_json_iter_next (&iter, NULL, &role))
    if (barua_json_type (role) != BARUA_JSON_STRING)
      return "doc.roles can only contain strings";
  return NULL;
}

/* Reads the password; FALSE when it is none that anybody could type. */
static gboolean
take_password (BaruaItem *item, BaruaJson password)
{
  gsize n = 0;

  if (barua_json_is_nothing (password))
    return TRUE;
  item->password = barua_json_string (password, &n);
  return item->password != NULL && n > 0 && strlen (item->password) == n;
}

void
barua_user_item_read (BaruaItem *item, BaruaArena *arena)
{
  BaruaJson body = { item->body->str, item->body->len };
  gboolean is_user = barua_text_has_prefix (item->id, ID_PREFIX) && !item->is_deleted;
  const char *fault = NULL;

  if (!is_user && !item->is_deleted && !barua_text_has_prefix (item->id, "_design/"))
    fault = "Doc ID must be of the form org.couchdb.user:name";
  else if (is_user)
    fault = find_fault (item, body);
  if (is_user && fault == NULL && !take_password (item, barua_json_member (body, "password")))
    fault = "doc.password must be a text that is not empty";
  strip (item->body);
  if (fault != NULL)
    barua_item_refuse (item, arena, BARUA_HTTP_ERROR_FORBIDDEN, fault);
}

gboolean
barua_user_item_hash (BaruaItem *item, GError **error)
{
  if (item->password == NULL || !item->is_stored)
    return TRUE;
  item->hash = barua_password_hash (item->password, error);
  barua_secret_free (g_steal_pointer (&item->password));
  return item->hash != NULL;
}

/* What the document has become, every leaf of it seen: *document stays NULL when it is deleted. */
static gboolean
find_winner (BaruaTx *tx, const char *id, BaruaDocument **document, GError **error)
{
  g_autoptr (GError) local = NULL;

  *document = barua_reader_get_document (barua_tx_reader (tx), BARUA_DB_USERS, barua_text (id),
                                         &local);
  if (*document != NULL || g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_DELETED))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

gboolean
barua_user_item_apply (BaruaTx *tx, const BaruaItem *item, GError **error)
{
  const char *id = item->written.id;
  const char *name = barua_user_name_of_id (id);
  g_autoptr (BaruaDocument) winner = NULL;

  if (name == NULL)
    return TRUE;
  if (!find_winner (tx, id, &winner, error))
    return FALSE;
  if (winner == NULL)
    return !item->is_deleted
           || (barua_token_login_revoke (tx, name, barua_now_ms (), error)
               && barua_tx_delete_account (tx, name, error));
  BaruaJson body = { winner->body.p, winner->body.n };
  if (!barua_token_login_follow (tx, name, barua_json_member (body, "token_login"),
                                 barua_now_ms (), error))
    return FALSE;
  return item->hash == NULL
         || (barua_tx_put_account (tx, name, id, item->hash, error)
             && barua_tx_delete_sessions_of (tx, name, error));
}
