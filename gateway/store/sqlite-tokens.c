/* SPDX-License-Identifier: MIT */

/* Login tokens: three columns of the table of accounts. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"
#include "gateway/store/store-tokens.h"

#include <string.h>

#include <sqlite3.h>

/* Values of account.token_active. */
#define TOKEN_USED 0
#define TOKEN_EXPIRED_AND_TOLD 2

static BaruaText
hash_text (const guint8 *hash)
{
  return (BaruaText){ (const char *)hash, BARUA_LOGIN_TOKEN_HASH_BYTES };
}

/* The token in the row that a statement stands on: name, hash, expiry, state. */
static BaruaLoginToken *
token_of_row (BaruaStatement *row)
{
  const BaruaText name = barua_column_text (row, 0);
  const void *hash = sqlite3_column_blob (row, 1);
  BaruaLoginToken *token = g_malloc0 (sizeof *token + name.n + 1);

  token->name = (char *)(token + 1);
  memcpy (token->name, name.p, name.n);
  if (hash != NULL && sqlite3_column_bytes (row, 1) == BARUA_LOGIN_TOKEN_HASH_BYTES)
    memcpy (token->hash, hash, BARUA_LOGIN_TOKEN_HASH_BYTES);
  token->expires_ms = sqlite3_column_int64 (row, 2);
  token->is_active = sqlite3_column_int (row, 3) != TOKEN_USED;
  return token;
}

/* The token that a query with its parameter bound finds. */
static BaruaLoginToken *
read_token (BaruaStatement *query, GError **error)
{
  gboolean has_row = FALSE;

  if (!barua_statement_step (query, &has_row, error))
    return NULL;
  if (has_row)
    return token_of_row (query);
  g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND, "missing");
  return NULL;
}

BaruaLoginToken *
barua_sqlite_get_login_token (BaruaReader *reader, const char *name, GError **error)
{
  g_autoptr (BaruaStatement) get
      = barua_sqlite_statement (barua_sqlite_connection (reader), BARUA_SQL_TOKEN_OF, error);

  if (get == NULL)
    return NULL;
  barua_bind_text (get, 1, barua_text (name));
  return read_token (get, error);
}

BaruaLoginToken *
barua_sqlite_find_login_token (BaruaReader *reader, const guint8 *hash, GError **error)
{
  g_autoptr (BaruaStatement) find
      = barua_sqlite_statement (barua_sqlite_connection (reader), BARUA_SQL_TOKEN_FIND, error);

  if (find == NULL)
    return NULL;
  barua_bind_blob (find, 1, hash_text (hash));
  return read_token (find, error);
}

gboolean
barua_sqlite_put_login_token (BaruaTx *tx, const char *name, const guint8 *hash, gint64 expires_ms,
                              GError **error)
{
  BaruaStatement *put
      = barua_sqlite_statement (barua_sqlite_connection (&tx->reader), BARUA_SQL_TOKEN_PUT, error);

  if (put == NULL)
    return FALSE;
  barua_bind_text (put, 1, barua_text (name));
  if (hash != NULL)
    {
      barua_bind_blob (put, 2, hash_text (hash));
      sqlite3_bind_int (put, 3, 1);
      sqlite3_bind_int64 (put, 4, expires_ms);
    }
  else
    for (int i = 2; i <= 4; i++)
      sqlite3_bind_null (put, i);
  return barua_statement_run (put, error);
}

gboolean
barua_sqlite_use_login_token (BaruaTx *tx, const guint8 *hash, gint64 now_ms, gboolean *is_used,
                              GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (&tx->reader);
  BaruaStatement *use = barua_sqlite_statement (connection, BARUA_SQL_TOKEN_USE, error);

  if (use == NULL)
    return FALSE;
  barua_bind_blob (use, 1, hash_text (hash));
  sqlite3_bind_int64 (use, 2, now_ms);
  if (!barua_statement_run (use, error))
    return FALSE;
  *is_used = sqlite3_changes (connection->handle) > 0;
  return TRUE;
}

gboolean
barua_sqlite_next_expired_login_token (BaruaTx *tx, gint64 now_ms, BaruaLoginToken **token,
                                       GError **error)
{
  g_autoptr (BaruaStatement) expire = barua_sqlite_statement (barua_sqlite_connection (&tx->reader),
                                                              BARUA_SQL_TOKEN_EXPIRE, error);
  gboolean has_row = FALSE;

  if (expire == NULL)
    return FALSE;
  sqlite3_bind_int64 (expire, 1, now_ms);
  sqlite3_bind_int (expire, 2, TOKEN_EXPIRED_AND_TOLD);
  if (!barua_statement_step (expire, &has_row, error))
    return FALSE;
  *token = has_row ? token_of_row (expire) : NULL;
  return TRUE;
}

gboolean
barua_sqlite_replace_hash (BaruaTx *tx, const char *name, const char *old_hash,
                           const char *new_hash, GError **error)
{
  BaruaStatement *replace = barua_sqlite_statement (barua_sqlite_connection (&tx->reader),
                                                    BARUA_SQL_ACCOUNT_REPLACE_HASH, error);

  if (replace == NULL)
    return FALSE;
  barua_bind_text (replace, 1, barua_text (name));
  barua_bind_text (replace, 2, barua_text (old_hash));
  barua_bind_text (replace, 3, barua_text (new_hash));
  return barua_statement_run (replace, error);
}
