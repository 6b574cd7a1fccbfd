/* SPDX-License-Identifier: MIT */

/* The views that the file knows, and how far each is (documents.md 10). */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite-view-rows.h"

#include <sqlite3.h>

#include "gateway/rules/views.h"

gboolean
barua_sqlite_view_belongs (const BaruaSqlite *sqlite, guint number, gint64 dbnum)
{
  return dbnum == (barua_view (number)->is_of_users ? sqlite->users_dbnum : sqlite->default_dbnum);
}

/* Reads what the file says of a view: *viewnum is 0 when it does not know it in this version. */
static gboolean
find_view (BaruaSqliteConnection *connection, gint64 dbnum, guint number, gint64 *viewnum,
           gint64 *old_viewnum, GError **error)
{
  const BaruaView *view = barua_view (number);
  g_autoptr (BaruaStatement) find = barua_sqlite_statement (connection, BARUA_SQL_VIEW_FIND, error);
  gboolean has_row = FALSE;

  *viewnum = *old_viewnum = 0;
  if (find == NULL)
    return FALSE;
  sqlite3_bind_int64 (find, 1, dbnum);
  barua_bind_text (find, 2, barua_text (view->ddoc));
  barua_bind_text (find, 3, barua_text (view->name));
  if (!barua_statement_step (find, &has_row, error))
    return FALSE;
  if (has_row && sqlite3_column_int (find, 1) == view->version)
    *viewnum = sqlite3_column_int64 (find, 0);
  else if (has_row)
    *old_viewnum = sqlite3_column_int64 (find, 0);
  return TRUE;
}

gboolean
barua_sqlite_run_numbers (BaruaSqliteConnection *connection, BaruaSql which, gint64 a, gint64 b,
                          GError **error)
{
  const gint64 numbers[] = { a, b };
  BaruaStatement *statement = barua_sqlite_statement (connection, which, error);

  if (statement == NULL)
    return FALSE;
  for (int i = 0; i < sqlite3_bind_parameter_count (statement) && i < 2; i++)
    sqlite3_bind_int64 (statement, i + 1, numbers[i]);
  return barua_statement_run (statement, error);
}

/* Gives a view that is new to the file a number. */
static gboolean
insert_view (BaruaSqliteConnection *connection, gint64 dbnum, guint number, gint64 *viewnum,
             GError **error)
{
  const BaruaView *view = barua_view (number);
  BaruaSqlite *sqlite = barua_sqlite_of (&connection->tx.reader);
  BaruaStatement *insert = barua_sqlite_statement (connection, BARUA_SQL_VIEW_INSERT, error);
  const BaruaSqliteDatabase *database = barua_sqlite_tx_database (
      connection, view->is_of_users ? BARUA_DB_USERS : sqlite->store->default_db, error);
  gint64 last;

  if (insert == NULL || database == NULL
      || !barua_sqlite_query_integer (
          connection->handle,
          view->is_lookup ? "SELECT ifnull(max(viewnum), 0) FROM view WHERE viewnum <= 99"
                          : "SELECT max(99, ifnull(max(viewnum), 0)) FROM view",
          &last, error))
    return FALSE;
  *viewnum = last + 1;
  sqlite3_bind_int64 (insert, 1, *viewnum);
  sqlite3_bind_int64 (insert, 2, dbnum);
  barua_bind_text (insert, 3, barua_text (view->ddoc));
  barua_bind_text (insert, 4, barua_text (view->name));
  sqlite3_bind_int (insert, 5, view->version);
  sqlite3_bind_int64 (insert, 6, view->is_lookup && database->seq == 0 ? BARUA_VIEW_BUILT_ALL : 0);
  return barua_statement_run (insert, error);
}

/* Makes one view known to the file. */
static gboolean
ensure_view (BaruaSqliteConnection *connection, guint number, GError **error)
{
  BaruaSqlite *sqlite = barua_sqlite_of (&connection->tx.reader);
  const gint64 dbnum
      = barua_view (number)->is_of_users ? sqlite->users_dbnum : sqlite->default_dbnum;
  gint64 old_viewnum;

  if (!find_view (connection, dbnum, number, &sqlite->viewnums[number], &old_viewnum, error))
    return FALSE;
  if (old_viewnum != 0
      && !(barua_sqlite_note_upheaval (connection, error)
           && barua_sqlite_run_numbers (connection, BARUA_SQL_VIEW_DELETE, old_viewnum, 0, error)
           && barua_sqlite_run_numbers (connection, BARUA_SQL_VROW_DELETE_VIEW, old_viewnum, 0, error)))
    return FALSE;
  return sqlite->viewnums[number] != 0
         || insert_view (connection, dbnum, number, &sqlite->viewnums[number], error);
}

gboolean
barua_sqlite_ensure_views (BaruaSqliteConnection *connection, GError **error)
{
  BaruaSqlite *sqlite = barua_sqlite_of (&connection->tx.reader);
  const BaruaSqliteDatabase *users = barua_sqlite_tx_database (connection, BARUA_DB_USERS, error);

  if (users == NULL)
    return FALSE;
  sqlite->users_dbnum = users->dbnum;
  if (sqlite->viewnums == NULL)
    sqlite->viewnums = g_new0 (gint64, barua_views_count ());
  for (guint i = 0; i < barua_views_count (); i++)
    if (!ensure_view (connection, i, error))
      return FALSE;
  return TRUE;
}

gboolean
barua_sqlite_view_built (BaruaSqliteConnection *connection, guint number, gint64 *built,
                         GError **error)
{
  const BaruaSqlite *sqlite = barua_sqlite_of (&connection->tx.reader);
  g_autoptr (BaruaStatement) find
      = barua_sqlite_statement (connection, BARUA_SQL_VIEW_BUILT, error);
  gboolean has_row;

  if (find == NULL)
    return FALSE;
  sqlite3_bind_int64 (find, 1, sqlite->viewnums[number]);
  if (!barua_statement_step (find, &has_row, error))
    return FALSE;
  *built = has_row ? sqlite3_column_int64 (find, 0) : 0;
  return TRUE;
}

gboolean
barua_sqlite_is_caught_up (BaruaReader *reader, guint view, gboolean *is_caught_up, GError **error)
{
  const char *db = barua_view (view)->is_of_users ? BARUA_DB_USERS : NULL;
  BaruaDatabaseInfo info;
  gint64 built;

  if (!barua_sqlite_view_built (barua_sqlite_connection (reader), view, &built, error)
      || !barua_sqlite_database_info (reader, db, &info, error))
    return FALSE;
  *is_caught_up = built >= (barua_view (view)->is_lookup ? BARUA_VIEW_BUILT_ALL : info.update_seq);
  return TRUE;
}

gboolean
barua_sqlite_begin_views_again (BaruaSqliteConnection *connection, GError **error)
{
  return barua_sqlite_note_upheaval (connection, error)
         && barua_sqlite_forget_bulk (connection, error)
         && barua_sqlite_exec (connection->handle,
                               "DELETE FROM vrow; DELETE FROM vdoc; UPDATE view SET built_seq = 0, nrows = 0", error);
}
