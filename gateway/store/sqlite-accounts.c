/* SPDX-License-Identifier: MIT */

/* Small tables: accounts, keys of the file, repeat counters. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <sqlite3.h>

/* Counters that nobody needs any more are removed at most so often. */
#define FORGET_INTERVAL_MS (60 * 60 * 1000)

/* Removes counters that count no more. */
static gboolean
forget_repeats (BaruaSqliteConnection *connection, gint64 now_ms, GError **error)
{
  if (now_ms - connection->repeats_forgotten_ms < FORGET_INTERVAL_MS)
    return TRUE;
  BaruaStatement *forget = barua_sqlite_statement (connection, BARUA_SQL_REPEAT_FORGET, error);
  if (forget == NULL)
    return FALSE;
  connection->repeats_forgotten_ms = now_ms;
  sqlite3_bind_int64 (forget, 1, now_ms - BARUA_REPEAT_MEMORY_MS);
  return barua_statement_run (forget, error);
}

gboolean
barua_sqlite_count_repeat (BaruaTx *tx, const guint8 key[32], gint64 now_ms, guint *count,
                           GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (&tx->reader);
  gboolean has_row = FALSE;

  if (!forget_repeats (connection, now_ms, error))
    return FALSE;
  g_autoptr (BaruaStatement) counter
      = barua_sqlite_statement (connection, BARUA_SQL_REPEAT_COUNT, error);
  if (counter == NULL)
    return FALSE;
  barua_bind_blob (counter, 1, (BaruaText){ (const char *)key, 32 });
  sqlite3_bind_int64 (counter, 2, now_ms);
  sqlite3_bind_int64 (counter, 3, now_ms - BARUA_REPEAT_MEMORY_MS);
  if (!barua_statement_step (counter, &has_row, error))
    return FALSE;
  *count = (guint)sqlite3_column_int64 (counter, 0);
  return TRUE;
}

BaruaAccount *
barua_sqlite_get_account (BaruaReader *reader, const char *name, GError **error)
{
  g_autoptr (BaruaStatement) get
      = barua_sqlite_statement (barua_sqlite_connection (reader), BARUA_SQL_ACCOUNT_GET, error);
  gboolean has_row = FALSE;

  if (get == NULL)
    return NULL;
  barua_bind_text (get, 1, barua_text (name));
  if (!barua_statement_step (get, &has_row, error))
    return NULL;
  if (!has_row)
    {
      g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND, "missing");
      return NULL;
    }
  BaruaAccount *account = g_new0 (BaruaAccount, 1);
  account->name = g_strdup (name);
  account->hash = g_strdup ((const char *)sqlite3_column_text (get, 0));
  account->document_id = g_strdup ((const char *)sqlite3_column_text (get, 1));
  return account;
}

BaruaAccount *
barua_sqlite_get_account_of (BaruaReader *reader, BaruaText document_id, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (reader);
  gboolean has_row = FALSE;
  gint64 dbnum;

  if (!barua_sqlite_dbnum (connection, BARUA_DB_USERS, &dbnum, error))
    return NULL;
  g_autoptr (BaruaStatement) get = barua_sqlite_statement (connection, BARUA_SQL_ACCOUNT_OF, error);
  if (get == NULL)
    return NULL;
  sqlite3_bind_int64 (get, 1, dbnum);
  barua_bind_text (get, 2, document_id);
  if (!barua_statement_step (get, &has_row, error))
    return NULL;
  if (!has_row)
    {
      g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND, "missing");
      return NULL;
    }
  BaruaAccount *account = g_new0 (BaruaAccount, 1);
  account->name = g_strdup ((const char *)sqlite3_column_text (get, 0));
  account->hash = g_strdup ((const char *)sqlite3_column_text (get, 1));
  account->document_id = g_strndup (document_id.p, document_id.n);
  return account;
}

gboolean
barua_sqlite_count_accounts (BaruaReader *reader, guint *count, GError **error)
{
  g_autoptr (BaruaStatement) counter
      = barua_sqlite_statement (barua_sqlite_connection (reader), BARUA_SQL_ACCOUNT_COUNT, error);
  gboolean has_row;

  if (counter == NULL || !barua_statement_step (counter, &has_row, error))
    return FALSE;
  *count = (guint)sqlite3_column_int64 (counter, 0);
  return TRUE;
}

/* The number of a document of `_users`. */
static gboolean
find_user_document (BaruaSqliteConnection *connection, const char *id, gint64 *docnum,
                    GError **error)
{
  gboolean has_row = FALSE;
  gint64 dbnum;

  if (!barua_sqlite_dbnum (connection, BARUA_DB_USERS, &dbnum, error))
    return FALSE;
  g_autoptr (BaruaStatement) find = barua_sqlite_statement (connection, BARUA_SQL_DOC_BY_ID, error);
  if (find == NULL)
    return FALSE;
  sqlite3_bind_int64 (find, 1, dbnum);
  barua_bind_text (find, 2, barua_text (id));
  if (!barua_statement_step (find, &has_row, error))
    return FALSE;
  if (!has_row)
    {
      g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND, "missing");
      return FALSE;
    }
  *docnum = sqlite3_column_int64 (find, 0);
  return TRUE;
}

gboolean
barua_sqlite_put_account (BaruaTx *tx, const char *name, const char *document_id, const char *hash,
                          GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (&tx->reader);
  gint64 docnum;

  if (!find_user_document (connection, document_id, &docnum, error))
    return FALSE;
  BaruaStatement *put = barua_sqlite_statement (connection, BARUA_SQL_ACCOUNT_PUT, error);
  if (put == NULL)
    return FALSE;
  barua_bind_text (put, 1, barua_text (name));
  sqlite3_bind_int64 (put, 2, docnum);
  barua_bind_text (put, 3, barua_text (hash));
  return barua_statement_run (put, error);
}

gboolean
barua_sqlite_delete_account (BaruaTx *tx, const char *name, GError **error)
{
  BaruaStatement *delete = barua_sqlite_statement (barua_sqlite_connection (&tx->reader),
                                                   BARUA_SQL_ACCOUNT_DELETE, error);

  if (delete == NULL)
    return FALSE;
  barua_bind_text (delete, 1, barua_text (name));
  return barua_statement_run (delete, error) && barua_sqlite_delete_sessions_of (tx, name, error);
}

gboolean
barua_sqlite_get_meta (BaruaReader *reader, const char *key, char **value, GError **error)
{
  g_autoptr (BaruaStatement) get
      = barua_sqlite_statement (barua_sqlite_connection (reader), BARUA_SQL_META_GET, error);
  gboolean has_row = FALSE;

  if (get == NULL)
    return FALSE;
  barua_bind_text (get, 1, barua_text (key));
  if (!barua_statement_step (get, &has_row, error))
    return FALSE;
  *value = has_row ? g_strdup ((const char *)sqlite3_column_text (get, 0)) : NULL;
  return TRUE;
}

gboolean
barua_sqlite_put_meta (BaruaTx *tx, const char *key, const char *value, GError **error)
{
  BaruaStatement *put
      = barua_sqlite_statement (barua_sqlite_connection (&tx->reader), BARUA_SQL_META_PUT, error);

  if (put == NULL)
    return FALSE;
  barua_bind_text (put, 1, barua_text (key));
  barua_bind_text (put, 2, barua_text (value));
  return barua_statement_run (put, error);
}
