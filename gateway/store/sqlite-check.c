/* SPDX-License-Identifier: MIT */

/* Whether what is derived still says what the documents say, and making it again. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <sqlite3.h>

/* Findings of one kind beyond these are left out: a broken file would fill the memory. */
#define MAX_DIFFERENCES 1000

/* Adds a line, unless there are too many already. */
static void G_GNUC_PRINTF (2, 3) report (GPtrArray *differences, const char *format, ...)
{
  va_list args;

  if (differences->len >= MAX_DIFFERENCES)
    return;
  va_start (args, format);
  g_ptr_array_add (differences, g_strdup_vprintf (format, args));
  va_end (args);
}

/* Asks SQLite to look at the file. */
static gboolean
check_file (BaruaSqliteConnection *connection, GPtrArray *differences, GError **error)
{
  sqlite3_stmt *check = NULL;
  gboolean has_row = FALSE;

  if (sqlite3_prepare_v2 (connection->handle, "PRAGMA integrity_check(100)", -1, &check, NULL)
      != SQLITE_OK)
    return barua_sqlite_fail (connection->handle, error);
  gboolean is_done;
  while ((is_done = barua_statement_step (check, &has_row, error)) && has_row)
    {
      const char *line = (const char *)sqlite3_column_text (check, 0);
      if (g_strcmp0 (line, "ok") != 0)
        report (differences, "file: %s", line);
    }
  sqlite3_finalize (check);
  return is_done;
}

/* Compares the counters of each database with its documents. */
static gboolean
check_counters (BaruaSqliteConnection *connection, GPtrArray *differences, GError **error)
{
  g_autoptr (BaruaStatement) count
      = barua_sqlite_statement (connection, BARUA_SQL_DOC_COUNT_ALL, error);
  gboolean has_row = FALSE;

  if (count == NULL || !barua_sqlite_flush_databases (connection, error))
    return FALSE;
  for (;;)
    {
      if (!barua_statement_step (count, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      const char *name = (const char *)sqlite3_column_text (count, 1);
      const gint64 dead = sqlite3_column_int64 (count, 6);
      const gint64 live = sqlite3_column_int64 (count, 5) - dead;
      if (live != sqlite3_column_int64 (count, 3) || dead != sqlite3_column_int64 (count, 4))
        report (differences, "%s: the counters say %d live and %d deleted, there are %d and %d",
                name, sqlite3_column_int (count, 3), sqlite3_column_int (count, 4), (int)live,
                (int)dead);
      if (sqlite3_column_int64 (count, 7) > sqlite3_column_int64 (count, 2))
        report (differences, "%s: a document has a sequence number beyond that of the database",
                name);
    }
}

/* The document that the walk stands on. */
typedef struct
{
  BaruaSqliteConnection *connection;
  GPtrArray *differences;
  gint64 docnum;
  BaruaText id;
  gint64 dbnum;
  BaruaRevision winner;
  gboolean is_deleted;
  gint64 leaves;
  BaruaText body;
  gint64 bodynum;
  gint64 seq;
  gint64 *n_view_rows; /* (nullable) when nobody counts: of all documents so far */
} Document;

/* Compares the winner that the document has with the leaves of its tree. */
static gboolean
check_winner (const Document *d, GError **error)
{
  g_autoptr (BaruaStatement) leaves
      = barua_sqlite_statement (d->connection, BARUA_SQL_REV_LEAVES, error);
  gboolean has_row = FALSE;
  gboolean is_found = FALSE;
  gint64 n = 0;

  if (leaves == NULL)
    return FALSE;
  sqlite3_bind_int64 (leaves, 1, d->docnum);
  for (;; n++)
    {
      if (!barua_statement_step (leaves, &has_row, error))
        return FALSE;
      if (!has_row)
        break;
      const BaruaRevision leaf
          = { sqlite3_column_int64 (leaves, 0), barua_column_text (leaves, 1) };
      const gboolean is_deleted = sqlite3_column_int (leaves, 2) != 0;
      const int order = barua_revision_compare_leaves (d->winner, d->is_deleted, leaf, is_deleted);
      if (order > 0)
        report (d->differences, "%.*s: another revision should win", (int)d->id.n, d->id.p);
      is_found = is_found || (order == 0 && sqlite3_column_int64 (leaves, 3) == d->bodynum);
    }
  if (!is_found || n != d->leaves)
    report (d->differences, "%.*s: the tree of revisions does not have this winner", (int)d->id.n,
            d->id.p);
  return TRUE;
}

/* Whether another message has this uuid; then the row of this one has none. */
static gboolean
is_taken (BaruaSqliteConnection *connection, BaruaText uuid)
{
  g_autoptr (BaruaQueuedMessage) message
      = barua_sqlite_find_message (&connection->tx.reader, uuid, NULL);

  return message != NULL;
}

/* Whether a row of the queue says what the document says; its lease is not looked at. */
static gboolean
is_same_row (BaruaSqliteConnection *connection, BaruaStatement *old, const BaruaMessageRow *row)
{
  char path[BARUA_MESSAGE_PATH_SIZE];
  const BaruaText path_text = { path, barua_message_path_write (row->path, path) };
  const BaruaText uuid = barua_column_text (old, 1);
  const gboolean has_due = sqlite3_column_type (old, 4) != SQLITE_NULL;
  const gboolean is_queued = sqlite3_column_type (old, 9) != SQLITE_NULL;
  const gboolean lost_uuid
      = uuid.p == NULL && row->uuid.p != NULL && is_taken (connection, row->uuid);

  return (lost_uuid || barua_text_equal (uuid, row->uuid))
         && barua_text_equal (barua_column_text (old, 2), path_text)
         && sqlite3_column_int (old, 3) == (int)row->state
         && (has_due ? sqlite3_column_int64 (old, 4) : BARUA_NO_TIME) == row->due_ms
         && barua_text_equal (barua_column_text (old, 5), row->to)
         && barua_text_equal (barua_column_text (old, 6), row->content)
         && barua_text_equal (barua_column_text (old, 7), row->gateway_ref)
         && sqlite3_column_int64 (old, 8) == row->updated_ms
         && (sqlite3_column_type (old, 13) != SQLITE_NULL ? sqlite3_column_int64 (old, 13)
                                                          : BARUA_NO_TIME)
                == row->valid_until_ms
         && is_queued == (row->is_offered && !lost_uuid);
}

/* Compares the rows of the queue with the messages of the document. */
static gboolean
check_messages (const Document *d, GError **error)
{
  BaruaSqliteConnection *connection = d->connection;
  const GArray *rows = connection->projection.rows;
  g_autoptr (BaruaStatement) old = barua_sqlite_statement (connection, BARUA_SQL_MSG_BY_DOC, error);
  gboolean has_row = FALSE;
  guint n = 0;
  gboolean is_same = TRUE;

  if (old == NULL)
    return FALSE;
  barua_messages_project ((BaruaJson){ d->body.p, d->body.n }, connection->arena,
                          &connection->projection);
  sqlite3_bind_int64 (old, 1, d->docnum);
  for (;; n++)
    {
      if (!barua_statement_step (old, &has_row, error))
        return FALSE;
      if (!has_row)
        break;
      is_same = is_same && n < rows->len
                && is_same_row (connection, old, &g_array_index (rows, BaruaMessageRow, n));
    }
  if (!is_same || n != rows->len)
    report (d->differences, "%.*s: the queue does not have the messages of this document",
            (int)d->id.n, d->id.p);
  return TRUE;
}

/* Compares the rows of views with what the document emits. */
static gboolean
check_views (const Document *d, GError **error)
{
  const BaruaSqliteDoc doc = { .docnum = d->docnum,
                               .winner = d->winner,
                               .leaves = d->leaves,
                               .seq = d->seq,
                               .is_deleted = d->is_deleted };
  gboolean is_same;
  gint64 n_rows;

  if (!barua_sqlite_check_view_rows (d->connection, d->id, &doc, d->dbnum, d->body, &is_same,
                                     &n_rows, error))
    return FALSE;
  *d->n_view_rows += n_rows;
  if (!is_same)
    report (d->differences, "%.*s: the views do not have the rows of this document", (int)d->id.n,
            d->id.p);
  return TRUE;
}

/* Checks one document. */
static gboolean
check_document (Document *d, GError **error)
{
  const gint64 default_dbnum = barua_sqlite_of (&d->connection->tx.reader)->default_dbnum;

  if (!check_winner (d, error))
    return FALSE;
  if (d->body.p == NULL)
    {
      report (d->differences, "%.*s: its text is missing", (int)d->id.n, d->id.p);
      return TRUE;
    }
  return check_views (d, error)
         && (d->dbnum != default_dbnum || d->is_deleted || check_messages (d, error));
}

/* Calls @visit for every document of the store. */
static gboolean
walk (BaruaSqliteConnection *connection, gboolean (*visit) (Document *, GError **),
      GPtrArray *differences, gint64 *n_view_rows, GError **error)
{
  g_autoptr (BaruaStatement) documents
      = barua_sqlite_statement (connection, BARUA_SQL_DOC_WALK, error);
  gboolean has_row = FALSE;

  if (documents == NULL)
    return FALSE;
  if (connection->arena == NULL)
    connection->arena = barua_arena_new ();
  for (;;)
    {
      if (!barua_statement_step (documents, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      Document document
          = { .connection = connection,
              .differences = differences,
              .docnum = sqlite3_column_int64 (documents, 0),
              .id = barua_column_text (documents, 1),
              .dbnum = sqlite3_column_int64 (documents, 2),
              .winner = { sqlite3_column_int64 (documents, 3), barua_column_text (documents, 4) },
              .is_deleted = sqlite3_column_int (documents, 5) != 0,
              .leaves = sqlite3_column_int64 (documents, 6),
              .body = barua_column_blob (documents, 7),
              .bodynum = sqlite3_column_int64 (documents, 8),
              .seq = sqlite3_column_int64 (documents, 9),
              .n_view_rows = n_view_rows };
      barua_arena_reset (connection->arena);
      if (!visit (&document, error))
        return FALSE;
    }
}

/* Counts the rows of the queue that belong to no document. */
static gboolean
check_orphans (BaruaSqliteConnection *connection, GPtrArray *differences, GError **error)
{
  g_autoptr (BaruaStatement) count
      = barua_sqlite_statement (connection, BARUA_SQL_MSG_COUNT_ORPHANS, error);
  gboolean has_row;

  if (count == NULL)
    return FALSE;
  sqlite3_bind_int64 (count, 1, barua_sqlite_of (&connection->tx.reader)->default_dbnum);
  if (!barua_statement_step (count, &has_row, error))
    return FALSE;
  if (sqlite3_column_int64 (count, 0) > 0)
    report (differences, "the queue has %d messages of no document", sqlite3_column_int (count, 0));
  return TRUE;
}

/* Reports each row of a statement whose rows are findings: a word of its own, then up to two
 * columns. */
static gboolean
check_rows (BaruaSqliteConnection *connection, BaruaSql which, const char *what,
            GPtrArray *differences, GError **error)
{
  g_autoptr (BaruaStatement) list = barua_sqlite_statement (connection, which, error);
  gboolean has_row = FALSE;

  if (list == NULL)
    return FALSE;
  for (;;)
    {
      if (!barua_statement_step (list, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      const char *second = (const char *)sqlite3_column_text (list, 1);
      report (differences, "%s: %s %s", what, (const char *)sqlite3_column_text (list, 0),
              second != NULL ? second : "");
    }
}

/* Checks attachments, their bytes and the counters of the views; all documents together know of so
 * many rows. */
static gboolean
check_counts (BaruaSqliteConnection *connection, gint64 n_known, GPtrArray *differences,
              GError **error)
{
  gint64 n_rows;

  if (!check_rows (connection, BARUA_SQL_CHECK_BLOBS, "bytes of attachments are wrongly counted",
                   differences, error)
      || !check_rows (connection, BARUA_SQL_CHECK_ATTS, "an attachment has no bytes or no revision",
                      differences, error)
      || !check_rows (connection, BARUA_SQL_CHECK_TALLY, "the messages of a state are wrongly counted",
                      differences, error)
      || !check_rows (connection, BARUA_SQL_CHECK_VIEWS, "the rows of a view are wrongly counted",
                      differences, error)
      || !barua_sqlite_query_integer (
          connection->handle, barua_sqlite_text (BARUA_SQL_CHECK_VIEW_ROWS), &n_rows, error))
    return FALSE;
  if (n_rows != n_known)
    report (differences, "the views have %d rows of no document", (int)(n_rows - n_known));
  return TRUE;
}

gboolean
barua_sqlite_check (BaruaReader *reader, GPtrArray *differences, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (reader);

  gint64 n_view_rows = 0;

  connection->deadline_us = 0; /* an operator waits for it, however long it takes */
  return check_file (connection, differences, error)
         && check_counters (connection, differences, error)
         && walk (connection, check_document, differences, &n_view_rows, error)
         && check_orphans (connection, differences, error)
         && check_counts (connection, n_view_rows, differences, error);
}

/* Makes the rows of one document again. */
static gboolean
reindex_document (Document *d, GError **error)
{
  BaruaSqliteConnection *connection = d->connection;

  if (d->dbnum != barua_sqlite_of (&connection->tx.reader)->default_dbnum || d->is_deleted
      || d->body.p == NULL)
    return TRUE;
  barua_messages_project ((BaruaJson){ d->body.p, d->body.n }, connection->arena,
                          &connection->projection);
  const BaruaText ref = connection->projection.gateway_ref;
  if (ref.n > 0 && !barua_sqlite_put_reference (connection, d->docnum, ref, error))
    return FALSE;
  return barua_sqlite_put_messages (connection, d->docnum, FALSE, &connection->projection, error);
}

/* Sets the counters of each database to what there is. */
static gboolean
recount (BaruaSqliteConnection *connection, GError **error)
{
  g_autoptr (BaruaStatement) count
      = barua_sqlite_statement (connection, BARUA_SQL_DOC_COUNT_ALL, error);
  gboolean has_row = FALSE;

  if (count == NULL || !barua_sqlite_flush_databases (connection, error))
    return FALSE;
  for (;;)
    {
      if (!barua_statement_step (count, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      const char *name = (const char *)sqlite3_column_text (count, 1);
      BaruaSqliteDatabase *database = barua_sqlite_tx_database (connection, name, error);
      if (database == NULL)
        return FALSE;
      database->dead = sqlite3_column_int64 (count, 6);
      database->live = sqlite3_column_int64 (count, 5) - database->dead;
      database->seq = MAX (database->seq, sqlite3_column_int64 (count, 7));
      database->is_changed = TRUE;
    }
}

/* Makes the rows of all views again. */
static gboolean
remake_views (BaruaTx *tx, GError **error)
{
  gboolean is_done = FALSE;

  if (!barua_sqlite_begin_views_again (barua_sqlite_connection (&tx->reader), error))
    return FALSE;
  for (int is_of_users = 0; is_of_users <= 1; is_of_users++)
    do
      if (!barua_sqlite_catch_up (tx, is_of_users, &is_done, error))
        return FALSE;
    while (!is_done);
  return TRUE;
}

/* Counts the attachments of all bytes again. */
static gboolean
recount_blobs (BaruaSqliteConnection *connection, GError **error)
{
  BaruaStatement *repair = barua_sqlite_statement (connection, BARUA_SQL_REPAIR_BLOBS, error);

  if (repair == NULL)
    return FALSE;
  sqlite3_bind_int64 (repair, 1, connection->now_ms);
  return barua_statement_run (repair, error);
}

/* Counts the messages of each state again. */
static gboolean
recount_messages (BaruaSqliteConnection *connection, GError **error)
{
  BaruaStatement *repair = barua_sqlite_statement (connection, BARUA_SQL_REPAIR_TALLY, error);

  return repair != NULL && barua_statement_run (repair, error);
}

gboolean
barua_sqlite_reindex (BaruaTx *tx, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (&tx->reader);
  BaruaStatement *clean = barua_sqlite_statement (connection, BARUA_SQL_MSG_DELETE_ORPHANS, error);

  if (clean == NULL)
    return FALSE;
  sqlite3_bind_int64 (clean, 1, barua_sqlite_of (&tx->reader)->default_dbnum);
  return barua_statement_run (clean, error) && walk (connection, reindex_document, NULL, NULL, error)
         && barua_sqlite_put_meta (tx, BARUA_META_ROUTED, "?", error)
         && recount (connection, error) && recount_blobs (connection, error)
         && recount_messages (connection, error)
         && barua_sqlite_ensure_views (connection, error) && remake_views (tx, error);
}
