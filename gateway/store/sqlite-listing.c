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
  BaruaArena *arena;   /* (nullable): of the attachments of the row */
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

/* Writes `N-hash` into @rev and returns it. */
static BaruaText
join_rev (GString *rev, gint64 generation, BaruaText hash)
{
  g_string_truncate (rev, 0);
  barua_revision_append (rev, (BaruaRevision){ generation, hash });
  return (BaruaText){ rev->str, rev->len };
}

/* The document of a row, for its text and its attachments. */
typedef struct
{
  gint64 docnum;
  BaruaRevision winner;
  gint64 bodynum;
} RowDocument;

/* Adds text and attachments to a row; @body holds the text until it is reset. */
static gboolean
load_document (Listing *l, BaruaListingRow *row, const RowDocument *document, BaruaStatement **body,
               GError **error)
{
  gboolean has_row = FALSE;

  *body = barua_sqlite_statement (l->connection, BARUA_SQL_BODY_GET, error);
  if (*body == NULL)
    return FALSE;
  sqlite3_bind_int64 (*body, 1, document->bodynum);
  if (!barua_statement_step (*body, &has_row, error))
    return FALSE;
  row->body = has_row ? barua_column_blob (*body, 0) : (BaruaText){ NULL, 0 };
  if (l->arena != NULL)
    barua_arena_reset (l->arena);
  return barua_sqlite_list_attachments (l->connection, document->docnum, document->winner,
                                        &l->arena, &row->attachments, &row->n_attachments, error);
}

/* Hands a row to the caller, with its document if that is wanted. */
static gboolean
give_row (Listing *l, BaruaListingRow *row, const RowDocument *document, GError **error)
{
  g_autoptr (BaruaStatement) body = NULL;

  l->n_given++;
  if (l->listing->includes_docs && row->is_found && !row->is_deleted
      && !load_document (l, row, document, &body, error))
    return FALSE;
  l->is_stopped = !l->func (row, l->data);
  return TRUE;
}

/* Gives the row of one key, found or not. */
static gboolean
list_key (Listing *l, BaruaText key, GString *rev, GError **error)
{
  BaruaListingRow row = { .id = key };
  RowDocument document = { 0 };
  g_autofree char *hash = NULL;
  {
    g_autoptr (BaruaStatement) find = NULL;
    gboolean has_row = FALSE;
    BaruaSqliteDoc doc;
    if (!barua_sqlite_find_doc (l->connection, l->dbnum, key, &find, &has_row, &doc, error))
      return FALSE;
    row.is_found = has_row && (l->listing->includes_hidden || !doc.is_hidden);
    if (row.is_found)
      {
        row.rev = join_rev (rev, doc.winner.generation, doc.winner.hash);
        row.is_deleted = doc.is_deleted;
        row.n_leaves = doc.leaves;
        document = (RowDocument){ doc.docnum, doc.winner, doc.body };
        document.winner.hash.p = hash = g_strndup (doc.winner.hash.p, doc.winner.hash.n);
      }
  } /* so that the caller may look documents up */
  return give_row (l, &row, &document, error);
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
  const gboolean down = l->listing->is_descending;
  const BaruaSqlitePlace place
      = { .dbnum = l->dbnum, .k = BARUA_TEXT (""), .id = l->listing->start };

  *count = 0;
  if (l->listing->start.p == NULL)
    return TRUE;
  if (!barua_sqlite_count_before (l->connection, &place, l->totals->update_seq, down, count, error))
    return FALSE;
  if (down)
    *count = l->totals->total_rows - *count;
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
              .n_leaves = sqlite3_column_int64 (walk, 5),
              .is_found = TRUE };
      const RowDocument document
          = { sqlite3_column_int64 (walk, 6),
              { sqlite3_column_int64 (walk, 1), barua_column_text (walk, 2) },
              sqlite3_column_int64 (walk, 3) };
      if (!give_row (l, &row, &document, error)
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
  const gboolean is_ok = listing->keys != NULL ? list_keys (&l, error) : list_range (&l, error);
  g_clear_pointer (&l.arena, barua_arena_free);
  return is_ok;
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
