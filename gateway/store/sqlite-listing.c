/* SPDX-License-Identifier: MIT */

/* Listings of documents by id, and the numbers of a database (documents.md 6.1). */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <string.h>

#include <sqlite3.h>

/* A listing as it goes on. */
typedef struct
{
  BaruaSqliteConnection *connection;
  const BaruaListing *listing;
  BaruaListingTotals *totals;
  BaruaListingFunc func;
  gpointer data;
  gint64 dbnum;
  gint64 n_skipped;
  gint64 n_given;
  gboolean is_stopped; /* by the caller */
} Listing;

/* Whether more rows are wanted. */
static gboolean
wants_more (const Listing *l)
{
  return !l->is_stopped && (l->listing->limit < 0 || l->n_given < l->listing->limit);
}

/* Counts a row that is to be skipped; FALSE when it is to be given. */
static gboolean
skip_row (Listing *l)
{
  if (l->n_skipped >= l->listing->skip)
    return FALSE;
  l->n_skipped++;
  return TRUE;
}

/* Hands a row with its body to the caller. */
static gboolean
give_row (Listing *l, BaruaListingRow *row, gint64 bodynum, GError **error)
{
  g_autoptr (BaruaStatement) body = NULL;
  gboolean has_row = FALSE;

  l->n_given++;
  if (l->listing->includes_docs && row->is_found && !row->is_deleted)
    {
      body = barua_sqlite_statement (l->connection, BARUA_SQL_BODY_GET, error);
      if (body == NULL)
        return FALSE;
      sqlite3_bind_int64 (body, 1, bodynum);
      if (!barua_statement_step (body, &has_row, error))
        return FALSE;
      row->body = has_row ? barua_column_blob (body, 0) : (BaruaText){ NULL, 0 };
    }
  l->is_stopped = !l->func (row, l->data);
  return TRUE;
}

/* Writes `N-hash` into @rev and returns it. */
static BaruaText
join_rev (GString *rev, gint64 generation, BaruaText hash)
{
  g_string_printf (rev, "%" G_GINT64_FORMAT "-", generation);
  g_string_append_len (rev, hash.p, (gssize)hash.n);
  return (BaruaText){ rev->str, rev->len };
}

/* Gives the row of one key, found or not. */
static gboolean
list_key (Listing *l, BaruaText key, GString *rev, GError **error)
{
  g_autoptr (BaruaStatement) find
      = barua_sqlite_statement (l->connection, BARUA_SQL_DOC_BY_ID, error);
  BaruaListingRow row = { .id = key };
  gboolean has_row = FALSE;

  if (find == NULL)
    return FALSE;
  sqlite3_bind_int64 (find, 1, l->dbnum);
  barua_bind_text (find, 2, key);
  if (!barua_statement_step (find, &has_row, error))
    return FALSE;
  row.is_found = has_row && (l->listing->includes_hidden || sqlite3_column_int (find, 6) == 0);
  if (row.is_found)
    {
      row.rev = join_rev (rev, sqlite3_column_int64 (find, 1), barua_column_text (find, 2));
      row.is_deleted = sqlite3_column_int (find, 4) != 0;
    }
  return give_row (l, &row, row.is_found ? sqlite3_column_int64 (find, 3) : 0, error);
}

/* Lists the keys in their order, or backwards. */
static gboolean
list_keys (Listing *l, GError **error)
{
  const BaruaListing *listing = l->listing;
  g_autoptr (GString) rev = g_string_new (NULL);

  l->totals->offset = 0;
  for (gsize i = 0; i < listing->n_keys && wants_more (l); i++)
    {
      const gsize at = listing->is_descending ? listing->n_keys - 1 - i : i;
      if (!skip_row (l) && !list_key (l, listing->keys[at], rev, error))
        return FALSE;
    }
  return TRUE;
}

/* Counts the live documents before the range begins. */
static gboolean
count_before (Listing *l, gint64 *count, GError **error)
{
  gboolean has_row;

  *count = 0;
  if (l->listing->start.p == NULL)
    return TRUE;
  g_autoptr (BaruaStatement) before = barua_sqlite_statement (
      l->connection,
      l->listing->is_descending ? BARUA_SQL_DOC_COUNT_ABOVE : BARUA_SQL_DOC_COUNT_BELOW, error);
  if (before == NULL)
    return FALSE;
  sqlite3_bind_int64 (before, 1, l->dbnum);
  barua_bind_text (before, 2, l->listing->start);
  if (!barua_statement_step (before, &has_row, error))
    return FALSE;
  *count = sqlite3_column_int64 (before, 0);
  return TRUE;
}

/* Begins the walk over the range. */
static BaruaStatement *
open_range (Listing *l, GError **error)
{
  const BaruaListing *listing = l->listing;
  const BaruaText low = listing->is_descending ? listing->end : listing->start;
  const BaruaText high = listing->is_descending ? listing->start : listing->end;
  BaruaStatement *walk = barua_sqlite_statement (
      l->connection, listing->is_descending ? BARUA_SQL_DOC_LIST_DOWN : BARUA_SQL_DOC_LIST_UP,
      error);

  if (walk == NULL)
    return NULL;
  sqlite3_bind_int64 (walk, 1, l->dbnum);
  barua_bind_text (walk, 2, low.p != NULL ? low : BARUA_TEXT (""));
  if (high.p != NULL)
    barua_bind_text (walk, 3, high);
  else
    sqlite3_bind_zeroblob (walk, 3, 0); /* sorts behind every text */
  return walk;
}

/* Steps to the next row that is to be seen; *has_row is FALSE at the end. */
static gboolean
next_row (Listing *l, BaruaStatement *walk, gboolean *has_row, GError **error)
{
  const BaruaListing *listing = l->listing;

  do
    if (!barua_statement_step (walk, has_row, error))
      return FALSE;
  while (*has_row && !listing->includes_hidden && sqlite3_column_int (walk, 4) != 0);
  if (*has_row && listing->excludes_end && listing->end.p != NULL)
    *has_row = !barua_text_equal (barua_column_text (walk, 0), listing->end);
  return TRUE;
}

/* Lists the range. */
static gboolean
list_range (Listing *l, GError **error)
{
  g_autoptr (BaruaStatement) walk = open_range (l, error);
  g_autoptr (GString) rev = g_string_new (NULL);
  gboolean has_row = FALSE;
  gint64 n_before;

  if (walk == NULL || !count_before (l, &n_before, error) || !next_row (l, walk, &has_row, error))
    return FALSE;
  while (has_row && skip_row (l))
    if (!next_row (l, walk, &has_row, error))
      return FALSE;
  l->totals->offset = n_before + l->n_skipped;
  while (has_row && wants_more (l))
    {
      BaruaListingRow row
          = { .id = barua_column_text (walk, 0),
              .rev = join_rev (rev, sqlite3_column_int64 (walk, 1), barua_column_text (walk, 2)),
              .is_found = TRUE };
      if (!give_row (l, &row, sqlite3_column_int64 (walk, 3), error)
          || (wants_more (l) && !next_row (l, walk, &has_row, error)))
        return FALSE;
    }
  return TRUE;
}

gboolean
barua_sqlite_all_docs (BaruaReader *reader, const BaruaListing *listing, BaruaListingTotals *totals,
                       BaruaListingFunc func, gpointer data, GError **error)
{
  BaruaDatabaseInfo info;
  Listing l = { .connection = barua_sqlite_connection (reader),
                .listing = listing,
                .totals = totals,
                .func = func,
                .data = data };

  if (!barua_sqlite_database_info (reader, listing->db, &info, error)
      || !barua_sqlite_dbnum (l.connection, listing->db, &l.dbnum, error))
    return FALSE;
  totals->total_rows = info.live;
  totals->update_seq = info.update_seq;
  return listing->keys != NULL ? list_keys (&l, error) : list_range (&l, error);
}

gboolean
barua_sqlite_database_info (BaruaReader *reader, const char *db, BaruaDatabaseInfo *info,
                            GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (reader);
  g_autoptr (BaruaStatement) find
      = barua_sqlite_statement (connection, BARUA_SQL_DATABASE_BY_NAME, error);
  g_autoptr (BaruaStatement) size
      = barua_sqlite_statement (connection, BARUA_SQL_FILE_BYTES, error);
  gboolean has_row = FALSE;
  gboolean has_size = FALSE;

  if (find == NULL || size == NULL || !barua_sqlite_flush_databases (connection, error))
    return FALSE;
  barua_bind_text (find, 1, barua_text (db != NULL ? db : reader->store->default_db));
  if (!barua_statement_step (find, &has_row, error)
      || !barua_statement_step (size, &has_size, error))
    return FALSE;
  if (!has_row)
    {
      g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND,
                           "Database does not exist.");
      return FALSE;
    }
  *info = (BaruaDatabaseInfo){ .update_seq = sqlite3_column_int64 (find, 1),
                               .live = sqlite3_column_int64 (find, 2),
                               .deleted = sqlite3_column_int64 (find, 3),
                               .created_ms = sqlite3_column_int64 (find, 4),
                               .file_bytes = sqlite3_column_int64 (size, 0) };
  return TRUE;
}
