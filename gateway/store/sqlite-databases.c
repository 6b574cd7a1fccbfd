/* SPDX-License-Identifier: MIT */

/* Databases made and dropped, their settings, and what is thrown away in the course of time. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <sqlite3.h>

/* One slice of a compaction: numbers of documents, texts, and pages given back. */
#define COMPACT_DOCUMENTS 2000
#define COMPACT_TEXTS 500
#define COMPACT_PAGES 256

/* Cursors above all numbers of documents: the texts are done, pages are given back. */
#define CURSOR_PAGES (G_MAXINT64 - 1)
#define CURSOR_DONE (-1)

/* Bytes without an attachment stay for an hour, untouched local documents for 180 days
 * (documents.md 14.5, 8.7). */
#define UNUSED_MS (60 * 60 * 1000)
#define LOCAL_MS (180 * G_GINT64_CONSTANT (86400000))

/* Texts of revisions that are no leaves stay for 30 days, 20 of each document (documents.md 4);
 * they are looked through once a day. */
#define KEPT_MS (30 * G_GINT64_CONSTANT (86400000))
#define KEPT_TEXTS 20
#define KEPT_INTERVAL_MS G_GINT64_CONSTANT (86400000)

/* Numbers of pieces that each run of bytes has to itself; as in sqlite-attachments.c. */
#define PIECES_OF_A_BLOB 65536

/* ---- life ---- */

gboolean
barua_sqlite_create_database (BaruaTx *tx, const char *db, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (&tx->reader);
  BaruaStatement *insert = barua_sqlite_statement (connection, BARUA_SQL_DATABASE_INSERT, error);

  if (insert == NULL)
    return FALSE;
  barua_bind_text (insert, 1, barua_text (db));
  sqlite3_bind_int64 (insert, 2, connection->now_ms);
  if (!barua_statement_run (insert, error))
    return FALSE;
  if (sqlite3_changes (connection->handle) == 0)
    {
      g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_EXISTS,
                           "The database could not be created, the file already exists.");
      return FALSE;
    }
  g_ptr_array_add (connection->renamed, (gpointer)g_intern_string (db));
  return TRUE;
}

/* Runs a statement whose parameter is the number of a database. */
static gboolean
run_on (BaruaSqliteConnection *connection, BaruaSql which, gint64 dbnum, GError **error)
{
  BaruaStatement *statement = barua_sqlite_statement (connection, which, error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, dbnum);
  return barua_statement_run (statement, error);
}

/* Counts the attachments of a database off. */
static gboolean
release_blobs (BaruaSqliteConnection *connection, gint64 dbnum, GError **error)
{
  g_autoptr (BaruaStatement) list
      = barua_sqlite_statement (connection, BARUA_SQL_DROP_LIST_BLOBS, error);
  gboolean has_row = FALSE;

  if (list == NULL)
    return FALSE;
  sqlite3_bind_int64 (list, 1, dbnum);
  for (;;)
    {
      if (!barua_statement_step (list, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      BaruaStatement *release = barua_sqlite_statement (connection, BARUA_SQL_DROP_RELEASE, error);
      if (release == NULL)
        return FALSE;
      sqlite3_bind_int64 (release, 1, sqlite3_column_int64 (list, 0));
      sqlite3_bind_int64 (release, 2, connection->now_ms);
      sqlite3_bind_int64 (release, 3, sqlite3_column_int64 (list, 1));
      if (!barua_statement_run (release, error))
        return FALSE;
    }
}

gboolean
barua_sqlite_drop_database (BaruaTx *tx, const char *db, GError **error)
{
  static const BaruaSql steps[]
      = { BARUA_SQL_DROP_BODIES,    BARUA_SQL_DROP_ATTS,    BARUA_SQL_DROP_REVS,
          BARUA_SQL_DROP_VIEW_ROWS, BARUA_SQL_DROP_VIEW_PLACES, BARUA_SQL_DROP_VIEWS,
          BARUA_SQL_DROP_DOCS,      BARUA_SQL_DROP_LOCALS,      BARUA_SQL_DROP_INDEXES,
          BARUA_SQL_DATABASE_DELETE };
  BaruaSqliteConnection *connection = barua_sqlite_connection (&tx->reader);
  gint64 dbnum;

  if (!barua_sqlite_flush_databases (connection, error)
      || !barua_sqlite_dbnum (connection, db, &dbnum, error)
      || !release_blobs (connection, dbnum, error)
      || !barua_sqlite_note_upheaval (connection, error)
      || !barua_sqlite_forget_bulk (connection, error))
    return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (steps); i++)
    if (!run_on (connection, steps[i], dbnum, error))
      return FALSE;
  for (guint i = connection->databases->len; i > 0; i--)
    if (g_array_index (connection->databases, BaruaSqliteDatabase, i - 1).dbnum == dbnum)
      g_array_remove_index (connection->databases, i - 1);
  g_ptr_array_add (connection->renamed, (gpointer)g_intern_string (db));
  return TRUE;
}

gboolean
barua_sqlite_list_databases (BaruaReader *reader, GPtrArray **names, GError **error)
{
  g_autoptr (BaruaStatement) list
      = barua_sqlite_statement (barua_sqlite_connection (reader), BARUA_SQL_DATABASE_LIST, error);
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  gboolean has_row = FALSE;

  if (list == NULL)
    return FALSE;
  for (;;)
    {
      if (!barua_statement_step (list, &has_row, error))
        return FALSE;
      if (!has_row)
        break;
      g_ptr_array_add (found, g_strdup ((const char *)sqlite3_column_text (list, 0)));
    }
  *names = g_steal_pointer (&found);
  return TRUE;
}

/* ---- settings ---- */

/* The row with the settings of a database. */
static BaruaStatement *
find_settings (BaruaReader *reader, const char *db, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (reader);
  gboolean has_row;
  gint64 dbnum;

  if (!barua_sqlite_dbnum (connection, db, &dbnum, error))
    return NULL;
  BaruaStatement *find = barua_sqlite_statement (connection, BARUA_SQL_DATABASE_SECURITY, error);
  if (find == NULL)
    return NULL;
  sqlite3_bind_int64 (find, 1, dbnum);
  return barua_statement_step (find, &has_row, error) ? find : NULL;
}

gboolean
barua_sqlite_get_security (BaruaReader *reader, const char *db, char **json, GError **error)
{
  g_autoptr (BaruaStatement) find = find_settings (reader, db, error);

  if (find == NULL)
    return FALSE;
  *json = g_strdup ((const char *)sqlite3_column_text (find, 0));
  return TRUE;
}

gboolean
barua_sqlite_get_revs_limit (BaruaReader *reader, const char *db, gint64 *limit, GError **error)
{
  g_autoptr (BaruaStatement) find = find_settings (reader, db, error);

  if (find == NULL)
    return FALSE;
  *limit = sqlite3_column_int64 (find, 1);
  return TRUE;
}

gboolean
barua_sqlite_put_security (BaruaTx *tx, const char *db, BaruaText json, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (&tx->reader);
  gint64 dbnum;

  if (!barua_sqlite_dbnum (connection, db, &dbnum, error))
    return FALSE;
  BaruaStatement *put = barua_sqlite_statement (connection, BARUA_SQL_DATABASE_PUT_SECURITY, error);
  if (put == NULL)
    return FALSE;
  sqlite3_bind_int64 (put, 1, dbnum);
  barua_bind_text (put, 2, json);
  return barua_statement_run (put, error);
}

gboolean
barua_sqlite_put_revs_limit (BaruaTx *tx, const char *db, gint64 limit, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (&tx->reader);
  BaruaSqliteDatabase *database = barua_sqlite_tx_database (connection, db, error);
  BaruaStatement *put
      = barua_sqlite_statement (connection, BARUA_SQL_DATABASE_PUT_REVS_LIMIT, error);

  if (database == NULL || put == NULL)
    return FALSE;
  database->revs_limit = limit;
  sqlite3_bind_int64 (put, 1, database->dbnum);
  sqlite3_bind_int64 (put, 2, limit);
  return barua_statement_run (put, error);
}

/* ---- compaction ---- */

/* A text that may go. */
typedef struct
{
  gint64 docnum;
  gint64 generation;
  BaruaText hash;
  gint64 body;
} OldText;

/* Collects texts of revisions that are no leaves, in the arena. */
static gboolean
find_old_texts (BaruaSqliteConnection *connection, gint64 dbnum, gint64 after, GArray *texts,
                GError **error)
{
  g_autoptr (BaruaStatement) slice
      = barua_sqlite_statement (connection, BARUA_SQL_COMPACT_SLICE, error);
  gboolean has_row = FALSE;

  if (slice == NULL)
    return FALSE;
  sqlite3_bind_int64 (slice, 1, after);
  sqlite3_bind_int64 (slice, 2, after + COMPACT_DOCUMENTS);
  sqlite3_bind_int64 (slice, 3, dbnum);
  sqlite3_bind_int64 (slice, 4, COMPACT_TEXTS);
  for (;;)
    {
      if (!barua_statement_step (slice, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      const OldText text = { sqlite3_column_int64 (slice, 0), sqlite3_column_int64 (slice, 1),
                             barua_arena_copy (connection->arena, barua_column_text (slice, 2)),
                             sqlite3_column_int64 (slice, 3) };
      g_array_append_val (texts, text);
    }
}

/* Drops one text; the revision stays known. */
static gboolean
drop_old_text (BaruaSqliteConnection *connection, const OldText *text, GError **error)
{
  const BaruaRevision rev = { text->generation, text->hash };
  BaruaStatement *drop = barua_sqlite_statement (connection, BARUA_SQL_REV_DROP_BODY, error);

  if (drop == NULL || !barua_sqlite_drop_text (connection, text->docnum, rev, text->body, error))
    return FALSE;
  barua_bind_rev (drop, text->docnum, rev);
  return barua_statement_run (drop, error);
}

/* Drops texts of some documents, and moves the cursor when all of theirs are gone. */
static gboolean
compact_texts (BaruaSqliteConnection *connection, gint64 dbnum, gint64 *cursor, GError **error)
{
  g_autoptr (GArray) texts = g_array_new (FALSE, FALSE, sizeof (OldText));
  gint64 last;

  if (connection->arena == NULL)
    connection->arena = barua_arena_new ();
  barua_arena_reset (connection->arena);
  if (!find_old_texts (connection, dbnum, *cursor, texts, error)
      || !barua_sqlite_query_integer (connection->handle, "SELECT max(docnum) FROM doc", &last,
                                      error))
    return FALSE;
  for (guint i = 0; i < texts->len; i++)
    if (!drop_old_text (connection, &g_array_index (texts, OldText, i), error))
      return FALSE;
  if (texts->len < COMPACT_TEXTS)
    *cursor += COMPACT_DOCUMENTS;
  if (*cursor > last)
    *cursor = CURSOR_PAGES;
  return TRUE;
}

/* Gives some free pages back to the file system. */
static gboolean
compact_pages (BaruaSqliteConnection *connection, gint64 *cursor, GError **error)
{
  g_autofree char *sql = g_strdup_printf ("PRAGMA incremental_vacuum(%d)", COMPACT_PAGES);
  gint64 before;
  gint64 after;

  if (!barua_sqlite_query_integer (connection->handle, "PRAGMA freelist_count", &before, error)
      || !barua_sqlite_exec (connection->handle, sql, error)
      || !barua_sqlite_query_integer (connection->handle, "PRAGMA freelist_count", &after, error))
    return FALSE;
  if (after == 0 || after >= before)
    *cursor = CURSOR_DONE;
  return TRUE;
}

gboolean
barua_sqlite_compact (BaruaTx *tx, const char *db, gint64 *cursor, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (&tx->reader);
  gint64 dbnum;

  if (!barua_sqlite_dbnum (connection, db, &dbnum, error))
    return FALSE;
  return *cursor == CURSOR_PAGES ? compact_pages (connection, cursor, error)
                                 : compact_texts (connection, dbnum, cursor, error);
}

/* ---- sweeping ---- */

/* Finds bytes that nothing has referred to for an hour; 0 without any. */
static gboolean
find_unused (BaruaSqliteConnection *connection, gint64 *blob, GError **error)
{
  g_autoptr (BaruaStatement) find
      = barua_sqlite_statement (connection, BARUA_SQL_BLOB_UNUSED, error);
  gboolean has_row = FALSE;

  if (find == NULL)
    return FALSE;
  sqlite3_bind_int64 (find, 1, connection->now_ms - UNUSED_MS);
  if (!barua_statement_step (find, &has_row, error))
    return FALSE;
  *blob = has_row ? sqlite3_column_int64 (find, 0) : 0;
  return TRUE;
}

/* Drops bytes. */
static gboolean
drop_blob (BaruaSqliteConnection *connection, gint64 blob, GError **error)
{
  BaruaStatement *pieces = barua_sqlite_statement (connection, BARUA_SQL_PIECE_DELETE, error);

  if (pieces == NULL)
    return FALSE;
  sqlite3_bind_int64 (pieces, 1, blob * PIECES_OF_A_BLOB);
  sqlite3_bind_int64 (pieces, 2, (blob + 1) * PIECES_OF_A_BLOB);
  return barua_statement_run (pieces, error)
         && run_on (connection, BARUA_SQL_BLOB_DELETE, blob, error);
}

/* Collects texts that are too old, or of a document that has too many; in the arena. */
static gboolean
find_outdated (BaruaSqliteConnection *connection, gint64 after, GArray *texts, GError **error)
{
  g_autoptr (BaruaStatement) slice
      = barua_sqlite_statement (connection, BARUA_SQL_KEPT_SLICE, error);
  gboolean has_row = FALSE;
  gint64 docnum = 0;
  guint n = 0;

  if (slice == NULL)
    return FALSE;
  sqlite3_bind_int64 (slice, 1, after);
  sqlite3_bind_int64 (slice, 2, after + COMPACT_DOCUMENTS);
  while (texts->len < COMPACT_TEXTS)
    {
      if (!barua_statement_step (slice, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      n = sqlite3_column_int64 (slice, 0) == docnum ? n + 1 : 1;
      docnum = sqlite3_column_int64 (slice, 0);
      if (n <= KEPT_TEXTS && sqlite3_column_int64 (slice, 4) >= connection->now_ms - KEPT_MS)
        continue;
      const OldText text = { docnum, sqlite3_column_int64 (slice, 1),
                             barua_arena_copy (connection->arena, barua_column_text (slice, 2)),
                             sqlite3_column_int64 (slice, 3) };
      g_array_append_val (texts, text);
    }
  return TRUE;
}

/* One slice of the daily look; *is_done when it has come to the end, or is not due. */
static gboolean
drop_outdated (BaruaSqliteConnection *connection, gboolean *is_done, GError **error)
{
  BaruaSqlite *sqlite = barua_sqlite_of (&connection->tx.reader);
  g_autoptr (GArray) texts = g_array_new (FALSE, FALSE, sizeof (OldText));
  gint64 last;

  *is_done
      = sqlite->kept_cursor == 0 && connection->now_ms - sqlite->kept_begun_ms < KEPT_INTERVAL_MS;
  if (*is_done)
    return TRUE;
  if (sqlite->kept_cursor == 0)
    sqlite->kept_begun_ms = connection->now_ms;
  if (connection->arena == NULL)
    connection->arena = barua_arena_new ();
  barua_arena_reset (connection->arena);
  if (!find_outdated (connection, sqlite->kept_cursor, texts, error)
      || !barua_sqlite_query_integer (connection->handle, "SELECT max(docnum) FROM doc", &last,
                                      error))
    return FALSE;
  for (guint i = 0; i < texts->len; i++)
    if (!drop_old_text (connection, &g_array_index (texts, OldText, i), error))
      return FALSE;
  if (texts->len < COMPACT_TEXTS)
    sqlite->kept_cursor += COMPACT_DOCUMENTS;
  *is_done = sqlite->kept_cursor > last;
  if (*is_done)
    sqlite->kept_cursor = 0;
  return TRUE;
}

gboolean
barua_sqlite_sweep (BaruaTx *tx, gboolean *is_done, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (&tx->reader);
  BaruaStatement *forget = barua_sqlite_statement (connection, BARUA_SQL_LOCAL_FORGET, error);
  gint64 blob;

  *is_done = FALSE;
  if (forget == NULL || !find_unused (connection, &blob, error))
    return FALSE;
  if (blob != 0)
    return drop_blob (connection, blob, error);
  sqlite3_bind_int64 (forget, 1, connection->now_ms - LOCAL_MS);
  return barua_statement_run (forget, error) && drop_outdated (connection, is_done, error);
}
