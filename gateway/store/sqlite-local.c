/* SPDX-License-Identifier: MIT */

/* Local documents and definitions of indexes (documents.md 8.7, 8.9). */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <sqlite3.h>

/* Sets the error of something that is not there. */
static gboolean
fail_missing (GError **error)
{
  g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND, "missing");
  return FALSE;
}

/* A statement with the number of the database and a text bound. */
static BaruaStatement *
statement_for (BaruaReader *reader, BaruaSql which, const char *db, BaruaText text, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (reader);
  gint64 dbnum;

  if (!barua_sqlite_dbnum (connection, db, &dbnum, error))
    return NULL;
  BaruaStatement *statement = barua_sqlite_statement (connection, which, error);
  if (statement == NULL)
    return NULL;
  sqlite3_bind_int64 (statement, 1, dbnum);
  if (text.p != NULL)
    barua_bind_text (statement, 2, text);
  return statement;
}

/* ---- local documents ---- */

BaruaDocument *
barua_sqlite_get_local (BaruaReader *reader, const char *db, BaruaText id, GError **error)
{
  g_autoptr (BaruaStatement) get = statement_for (reader, BARUA_SQL_LOCAL_GET, db, id, error);
  gboolean has_row = FALSE;
  char digits[24];

  if (get == NULL || !barua_statement_step (get, &has_row, error))
    return NULL;
  if (!has_row)
    {
      fail_missing (error);
      return NULL;
    }
  g_snprintf (digits, sizeof digits, "%" G_GINT64_FORMAT, (gint64)sqlite3_column_int64 (get, 0));
  return barua_document_new (id, (BaruaRevision){ 0, barua_text (digits) },
                             barua_column_blob (get, 1), NULL, 0);
}

gboolean
barua_sqlite_list_local (BaruaReader *reader, const char *db, BaruaText from, gboolean is_descending,
                         BaruaLocalFunc func, gpointer data, GError **error)
{
  g_autoptr (BaruaStatement) list = statement_for (
      reader, is_descending ? BARUA_SQL_LOCAL_LIST_DOWN : BARUA_SQL_LOCAL_LIST, db, from, error);
  gboolean has_row = list != NULL;

  while (has_row)
    {
      if (!barua_statement_step (list, &has_row, error))
        return FALSE;
      if (has_row
          && !func (barua_column_text (list, 0), sqlite3_column_int64 (list, 1),
                    barua_column_blob (list, 2), data))
        return TRUE;
    }
  return list != NULL;
}

/* The k of a local document, 0 without one. */
static gboolean
find_k (BaruaTx *tx, const char *db, BaruaText id, gint64 *k, GError **error)
{
  g_autoptr (BaruaStatement) get = statement_for (&tx->reader, BARUA_SQL_LOCAL_GET, db, id, error);
  gboolean has_row = FALSE;

  if (get == NULL || !barua_statement_step (get, &has_row, error))
    return FALSE;
  *k = has_row ? sqlite3_column_int64 (get, 0) : 0;
  return TRUE;
}

/* Refuses a revision that is not the one that is there. */
static gboolean
check_k (gint64 there, gint64 k, GError **error)
{
  if (k < 0 || k == there)
    return TRUE;
  g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_CONFLICT,
                       "Document update conflict.");
  return FALSE;
}

gboolean
barua_sqlite_put_local (BaruaTx *tx, const char *db, BaruaText id, gint64 k, BaruaText body,
                        gint64 *new_k, GError **error)
{
  gint64 there;

  if (!find_k (tx, db, id, &there, error) || !check_k (there, k, error))
    return FALSE;
  BaruaStatement *put = statement_for (&tx->reader, BARUA_SQL_LOCAL_PUT, db, id, error);
  if (put == NULL)
    return FALSE;
  sqlite3_bind_int64 (put, 3, there + 1);
  barua_bind_blob (put, 4, body);
  sqlite3_bind_int64 (put, 5, barua_sqlite_connection (&tx->reader)->now_ms);
  *new_k = there + 1;
  return barua_statement_run (put, error);
}

gboolean
barua_sqlite_delete_local (BaruaTx *tx, const char *db, BaruaText id, gint64 k, GError **error)
{
  gint64 there;

  if (!find_k (tx, db, id, &there, error))
    return FALSE;
  if (there == 0)
    return fail_missing (error);
  if (!check_k (there, k, error))
    return FALSE;
  BaruaStatement *delete = statement_for (&tx->reader, BARUA_SQL_LOCAL_DELETE, db, id, error);
  return delete != NULL && barua_statement_run (delete, error);
}

/* ---- index definitions ---- */

gboolean
barua_sqlite_list_indexes (BaruaReader *reader, const char *db, BaruaIndexFunc func, gpointer data,
                           GError **error)
{
  g_autoptr (BaruaStatement) list
      = statement_for (reader, BARUA_SQL_INDEX_LIST, db, (BaruaText){ NULL, 0 }, error);
  gboolean has_row = FALSE;

  if (list == NULL)
    return FALSE;
  for (;;)
    {
      if (!barua_statement_step (list, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      const BaruaIndex index = { barua_column_text (list, 0), barua_column_text (list, 1),
                                 barua_column_text (list, 2) };
      func (&index, data);
    }
}

/* Whether the definition is there, and the same. */
static gboolean
find_index (BaruaTx *tx, const char *db, const BaruaIndex *index, gboolean *is_there,
            gboolean *is_same, GError **error)
{
  g_autoptr (BaruaStatement) get
      = statement_for (&tx->reader, BARUA_SQL_INDEX_GET, db, index->ddoc, error);

  if (get == NULL)
    return FALSE;
  barua_bind_text (get, 3, index->name);
  if (!barua_statement_step (get, is_there, error))
    return FALSE;
  *is_same = *is_there && barua_text_equal (barua_column_text (get, 0), index->def);
  return TRUE;
}

gboolean
barua_sqlite_put_index (BaruaTx *tx, const char *db, const BaruaIndex *index, gboolean *is_new,
                        GError **error)
{
  gboolean is_there = FALSE;
  gboolean is_same;

  if (!find_index (tx, db, index, &is_there, &is_same, error))
    return FALSE;
  *is_new = !is_same;
  if (is_same)
    return TRUE;
  BaruaStatement *put = statement_for (&tx->reader, BARUA_SQL_INDEX_PUT, db, index->ddoc, error);
  if (put == NULL)
    return FALSE;
  barua_bind_text (put, 3, index->name);
  barua_bind_text (put, 4, index->def);
  return barua_statement_run (put, error);
}

gboolean
barua_sqlite_delete_index (BaruaTx *tx, const char *db, BaruaText ddoc, BaruaText name,
                           GError **error)
{
  const BaruaIndex index = { ddoc, name, { NULL, 0 } };
  gboolean is_there = FALSE;
  gboolean is_same;

  if (!find_index (tx, db, &index, &is_there, &is_same, error))
    return FALSE;
  if (!is_there)
    return fail_missing (error);
  BaruaStatement *delete = statement_for (&tx->reader, BARUA_SQL_INDEX_DELETE, db, ddoc, error);
  if (delete == NULL)
    return FALSE;
  barua_bind_text (delete, 3, name);
  return barua_statement_run (delete, error);
}
