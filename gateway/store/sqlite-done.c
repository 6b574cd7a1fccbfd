/* SPDX-License-Identifier: MIT */

/* The table `done`: which rows of the rules ran over a document. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <sqlite3.h>

gboolean
barua_sqlite_get_done (BaruaReader *reader, gint64 docnum, guint64 *rows, gboolean *is_noted,
                       GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (reader);
  g_autoptr (BaruaStatement) get = barua_sqlite_statement (connection, BARUA_SQL_DONE_GET, error);

  *rows = 0;
  if (get == NULL)
    return FALSE;
  sqlite3_bind_int64 (get, 1, docnum);
  if (!barua_statement_step (get, is_noted, error))
    return FALSE;
  if (*is_noted)
    *rows = (guint64)sqlite3_column_int64 (get, 0);
  return TRUE;
}

gboolean
barua_sqlite_put_done (BaruaTx *tx, gint64 docnum, guint64 rows, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (&tx->reader);
  BaruaStatement *put = barua_sqlite_statement (connection, BARUA_SQL_DONE_PUT, error);

  if (put == NULL)
    return FALSE;
  sqlite3_bind_int64 (put, 1, docnum);
  sqlite3_bind_int64 (put, 2, (gint64)rows);
  return barua_statement_run (put, error);
}
