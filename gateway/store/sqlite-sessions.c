/* SPDX-License-Identifier: MIT */

/* Sessions. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <string.h>

#include <sqlite3.h>

/* A statement of the writer with the hash of a session bound. */
static BaruaStatement *
statement_for (BaruaReader *reader, BaruaSql which, const guint8 *hash, GError **error)
{
  BaruaStatement *statement
      = barua_sqlite_statement (barua_sqlite_connection (reader), which, error);

  if (statement != NULL)
    barua_bind_blob (statement, 1, (BaruaText){ (const char *)hash, BARUA_SESSION_HASH_BYTES });
  return statement;
}

gboolean
barua_sqlite_put_session (BaruaTx *tx, const guint8 *hash, const char *name, gint64 now_ms,
                          GError **error)
{
  BaruaStatement *put = statement_for (&tx->reader, BARUA_SQL_SESSION_PUT, hash, error);

  if (put == NULL)
    return FALSE;
  barua_bind_text (put, 2, barua_text (name));
  sqlite3_bind_int64 (put, 3, now_ms);
  return barua_statement_run (put, error);
}

BaruaSession *
barua_sqlite_find_session (BaruaReader *reader, const guint8 *hash, GError **error)
{
  g_autoptr (BaruaStatement) find = statement_for (reader, BARUA_SQL_SESSION_FIND, hash, error);
  gboolean has_row = FALSE;

  if (find == NULL || !barua_statement_step (find, &has_row, error))
    return NULL;
  if (!has_row)
    {
      g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND, "missing");
      return NULL;
    }
  const BaruaText name = barua_column_text (find, 0);
  BaruaSession *session = g_malloc (sizeof *session + name.n + 1);
  *session = (BaruaSession){ .name = (char *)(session + 1),
                             .created_ms = sqlite3_column_int64 (find, 1),
                             .used_ms = sqlite3_column_int64 (find, 2) };
  memcpy (session->name, name.p, name.n);
  session->name[name.n] = '\0';
  return session;
}

gboolean
barua_sqlite_touch_session (BaruaTx *tx, const guint8 *hash, gint64 now_ms, GError **error)
{
  BaruaStatement *touch = statement_for (&tx->reader, BARUA_SQL_SESSION_TOUCH, hash, error);

  if (touch == NULL)
    return FALSE;
  sqlite3_bind_int64 (touch, 2, now_ms);
  return barua_statement_run (touch, error);
}

gboolean
barua_sqlite_delete_session (BaruaTx *tx, const guint8 *hash, GError **error)
{
  BaruaStatement *delete = statement_for (&tx->reader, BARUA_SQL_SESSION_DELETE, hash, error);

  return delete != NULL && barua_statement_run (delete, error);
}

gboolean
barua_sqlite_delete_sessions_of (BaruaTx *tx, const char *name, GError **error)
{
  BaruaStatement *delete = barua_sqlite_statement (barua_sqlite_connection (&tx->reader),
                                                   BARUA_SQL_SESSION_DELETE_OF, error);

  if (delete == NULL)
    return FALSE;
  barua_bind_text (delete, 1, barua_text (name));
  return barua_statement_run (delete, error);
}

gboolean
barua_sqlite_delete_old_sessions (BaruaTx *tx, gint64 used_before_ms, GError **error)
{
  BaruaStatement *delete = barua_sqlite_statement (barua_sqlite_connection (&tx->reader),
                                                   BARUA_SQL_SESSION_DELETE_OLD, error);

  if (delete == NULL)
    return FALSE;
  sqlite3_bind_int64 (delete, 1, used_before_ms);
  return barua_statement_run (delete, error);
}
