/* SPDX-License-Identifier: MIT */

/* Catching views up with the documents (documents.md 10), in slices between which others write.
 *
 * Few documents: a slice maps some of them, writes their rows, and notes in `built_seq` how far it
 * came. Many documents, as an import leaves them behind: each row of each view stands elsewhere in
 * the table, so that a slice would write a page of 4 KiB for nearly every row. They are therefore
 * mapped into a sorted file first (sqlite-view-runs.c), and their rows then written in the order of
 * the table, each page once. `built_seq` moves when all rows are there. What is written before is
 * known to `vdoc`, so that whoever begins again, after a crash or an error, finds it and counts
 * nothing twice; who reads without catching up may see some rows early.
 *
 * Measured with records of 600 bytes and 20 contacts for each 100 of them, in slices against this:
 * 100,000 in no order of ids and dates, 131 KB written and 303 us of CPU time for each document
 * against 7.7 KB and 61 us; 200,000 in their order, 35 KB and 122 us against 7.9 KB and 58 us.
 * 300,000 of either cost the same each. 2 of the 8 KB are the sorted file. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite-view-rows.h"
#include "gateway/store/work.h"

#include <sqlite3.h>

#include "gateway/rules/views.h"

/* A slice of catching up takes so long (documents.md 10); so long when nobody waits, since pages that
 * are written in one transaction are written once; and so long in a commit that others wait for. Few
 * documents have parts of some milliseconds and so many bytes of rows, after each of which they are
 * written. */
#define SLICE_US (20 * 1000)
#define LONG_SLICE_US (100 * 1000)
#define SHARED_SLICE_US (5 * 1000)
#define PART_US (8 * 1000)
#define PART_BYTES (1024 * 1024)

/* From so many documents on they are many. Fewer are written within a second or two either way. */
#define BULK_DOCUMENTS 5000

/* Rows in memory that are sorted at a time: they take 20 ms, the length of a slice. */
#define BULK_RUN_BYTES (4 * 1024 * 1024)

/* Rows that are written between two looks at the clock. */
#define BULK_ROWS_PER_LOOK 64

/* In `meta`: the slice of a bulk that was committed last. */
#define BULK_KEY "views-bulk"

/* Many documents on their way into views. It lives in memory over many transactions; the file says
 * which of them came to be. */
struct _BaruaSqliteBulk
{
  gint64 dbnum;
  gint64 seq;          /* documents up to here, so that none is mapped twice */
  gint64 last_seq;     /* of the last document that was mapped */
  BaruaViewRows rows;  /* in memory, until they are many enough for a run */
  BaruaViewRuns *runs; /* the others; all of them when all documents are mapped */
  char *slice;         /* the name of the last slice, as it is in the file */
  guint64 n_slices;
};

/* A slice on its way. */
typedef struct
{
  BaruaSqliteConnection *connection;
  gint64 dbnum;
  gint64 seq;         /* of the database */
  gint64 *built;      /* of each registered view; BARUA_VIEW_BUILT_ALL for those that are not meant */
  gint64 first;       /* the least of them */
  gint64 last_seq;    /* of the last document that was mapped */
  gboolean is_lookup; /* look-ups are meant, not the others */
  gint64 begun_us;
  gboolean *wants;
  BaruaSqliteBulk *bulk; /* (nullable) */
  BaruaViewRows *rows;   /* to be written */
} Slice;

/* Has the slice mean only look-ups, or all but them. */
static void
choose_views (Slice *slice, gboolean is_lookup)
{
  slice->is_lookup = is_lookup;
  slice->first = BARUA_VIEW_BUILT_ALL;
  for (guint i = 0; i < barua_views_count (); i++)
    if (barua_view (i)->is_lookup != is_lookup)
      slice->built[i] = BARUA_VIEW_BUILT_ALL;
    else
      slice->first = MIN (slice->first, slice->built[i]);
}

/* Reads how far each view of the database is. Look-ups are completed before all else: whoever puts a
 * document relies on them, and changes them at once. */
static gboolean
read_built (Slice *slice, GError **error)
{
  const BaruaSqlite *sqlite = barua_sqlite_of (&slice->connection->tx.reader);
  gboolean has_lookups = TRUE;

  for (guint i = 0; i < barua_views_count (); i++)
    {
      slice->built[i] = BARUA_VIEW_BUILT_ALL;
      if (!barua_sqlite_view_belongs (sqlite, i, slice->dbnum))
        continue;
      if (!barua_sqlite_view_built (slice->connection, i, &slice->built[i], error))
        return FALSE;
      if (barua_view (i)->is_lookup && slice->built[i] != BARUA_VIEW_BUILT_ALL)
        has_lookups = FALSE;
    }
  choose_views (slice, !has_lookups);
  return TRUE;
}

/* Whether a slice goes on: for a short time, longer while nobody else wants to write, and shortest
 * when jobs before it in this commit wait for it. */
static gboolean
goes_on (const Slice *slice)
{
  const gint64 took_us = g_get_monotonic_time () - slice->begun_us;
  const BaruaSqlite *sqlite = barua_sqlite_of (&slice->connection->tx.reader);
  gsize bytes;
  guint n = 0;

  if (sqlite->slice_us > 0)
    return took_us < sqlite->slice_us;
  if (sqlite->n_before > 0)
    return took_us < SHARED_SLICE_US;
  if (took_us < SLICE_US)
    return TRUE;
  if (sqlite->jobs != NULL)
    barua_work_queue_length (sqlite->jobs, &n, &bytes);
  return n == 0 && took_us < LONG_SLICE_US;
}

/* Notes that the views have seen the documents up to @reached. */
static gboolean
write_built (Slice *slice, gint64 reached, GError **error)
{
  const BaruaSqlite *sqlite = barua_sqlite_of (&slice->connection->tx.reader);

  for (guint i = 0; i < barua_views_count (); i++)
    if (slice->built[i] < reached
        && !barua_sqlite_run_numbers (slice->connection, BARUA_SQL_VIEW_PUT_BUILT,
                                      sqlite->viewnums[i], reached, error))
      return FALSE;
  return TRUE;
}

/* ---- documents ---- */

/* Opens the walk over the documents after @after. */
static BaruaStatement *
open_walk (Slice *slice, gint64 after, GError **error)
{
  BaruaStatement *walk
      = barua_sqlite_statement (slice->connection, BARUA_SQL_CHANGES_UP, error);

  if (walk == NULL)
    return NULL;
  sqlite3_bind_int64 (walk, 1, slice->dbnum);
  sqlite3_bind_int64 (walk, 2, after);
  return walk;
}

/* Maps the document that @walk stands on. */
static gboolean
map_document (Slice *slice, BaruaStatement *walk, GError **error)
{
  g_autoptr (BaruaStatement) body
      = barua_sqlite_statement (slice->connection, BARUA_SQL_BODY_GET, error);
  const gint64 seq = sqlite3_column_int64 (walk, 0);
  const BaruaSqliteDoc doc
      = { .docnum = sqlite3_column_int64 (walk, 8),
          .winner = { sqlite3_column_int64 (walk, 2), barua_column_text (walk, 3) },
          .is_deleted = sqlite3_column_int (walk, 5) != 0,
          .leaves = sqlite3_column_int64 (walk, 6) };
  gboolean has_row = FALSE;

  if (body == NULL)
    return FALSE;
  sqlite3_bind_int64 (body, 1, sqlite3_column_int64 (walk, 4));
  if (!barua_statement_step (body, &has_row, error))
    return FALSE;
  const BaruaText text = has_row ? barua_column_blob (body, 0) : BARUA_TEXT ("{}");
  slice->last_seq = seq;
  for (guint i = 0; i < barua_views_count (); i++)
    slice->wants[i] = slice->built[i] < seq;
  return barua_sqlite_view_map (slice->connection, barua_column_text (walk, 1), &doc, text,
                                slice->wants, slice->bulk != NULL, slice->rows, error);
}

/* ---- few documents ---- */

/* Maps some documents and inserts their rows; *has_row is FALSE when there are no more. */
static gboolean
walk_part (Slice *slice, BaruaStatement *walk, gboolean *has_row, GError **error)
{
  const gint64 end_us = g_get_monotonic_time () + PART_US;

  do
    {
      if (!barua_statement_step (walk, has_row, error)
          || (*has_row && !map_document (slice, walk, error)))
        return FALSE;
    }
  while (*has_row && slice->rows->text->len < PART_BYTES && g_get_monotonic_time () < end_us);
  return barua_sqlite_view_rows_insert (slice->connection, slice->rows, error);
}

/* Maps documents until the time is over; *is_at_end when there are no more. */
static gboolean
run_few (Slice *slice, gboolean *is_at_end, GError **error)
{
  g_autoptr (BaruaStatement) walk = open_walk (slice, slice->first, error);
  gboolean has_row = TRUE;

  if (walk == NULL)
    return FALSE;
  do
    if (!walk_part (slice, walk, &has_row, error))
      return FALSE;
  while (has_row && goes_on (slice));
  *is_at_end = !has_row;
  if (has_row)
    return write_built (slice, slice->last_seq, error);
  return write_built (slice, slice->is_lookup ? BARUA_VIEW_BUILT_ALL : slice->seq, error);
}

/* ---- many documents ---- */

void
barua_sqlite_bulk_free (BaruaSqliteBulk *bulk)
{
  barua_view_rows_clear (&bulk->rows);
  barua_view_runs_free (bulk->runs);
  g_free (bulk->slice);
  g_free (bulk);
}

gboolean
barua_sqlite_forget_bulk (BaruaSqliteConnection *connection, GError **error)
{
  BaruaStatement *delete = barua_sqlite_statement (connection, BARUA_SQL_META_DELETE, error);

  if (delete == NULL)
    return FALSE;
  barua_bind_text (delete, 1, BARUA_TEXT (BULK_KEY));
  return barua_statement_run (delete, error);
}

/* Finds the bulk that goes on with this slice: its last one was committed, and nobody has said since
 * that rows of views are others. One that cannot go on is forgotten. */
static gboolean
find_bulk (Slice *slice, GError **error)
{
  BaruaSqlite *sqlite = barua_sqlite_of (&slice->connection->tx.reader);
  g_autofree char *name = NULL;

  if (sqlite->bulk == NULL || sqlite->bulk->dbnum != slice->dbnum)
    return TRUE;
  if (!barua_sqlite_get_meta (&slice->connection->tx.reader, BULK_KEY, &name, error))
    return FALSE;
  if (g_strcmp0 (name, sqlite->bulk->slice) == 0 && !slice->is_lookup)
    slice->bulk = sqlite->bulk;
  else
    g_clear_pointer (&sqlite->bulk, barua_sqlite_bulk_free);
  return TRUE;
}

/* Begins a bulk when documents are many. Not for look-ups: they are changed meanwhile. */
static gboolean
begin_bulk (Slice *slice, GError **error)
{
  BaruaSqlite *sqlite = barua_sqlite_of (&slice->connection->tx.reader);
  const gint64 many = sqlite->bulk_documents > 0 ? sqlite->bulk_documents : BULK_DOCUMENTS;

  if (slice->is_lookup || sqlite->is_memory || sqlite->bulk != NULL
      || slice->seq - slice->first < many)
    return TRUE;
  BaruaViewRuns *runs = barua_view_runs_new (sqlite->path, error);
  if (runs == NULL)
    return FALSE;
  slice->bulk = sqlite->bulk = g_new0 (BaruaSqliteBulk, 1);
  *sqlite->bulk = (BaruaSqliteBulk){
    .dbnum = slice->dbnum, .seq = slice->seq, .last_seq = slice->first, .runs = runs
  };
  barua_view_rows_init (&sqlite->bulk->rows, sqlite->viewnums);
  return TRUE;
}

/* Makes a run of the rows that are in memory when they are many, or the last ones. */
static gboolean
end_run (const Slice *slice, gboolean is_last, GError **error)
{
  const BaruaSqlite *sqlite = barua_sqlite_of (&slice->connection->tx.reader);
  const gsize most = sqlite->bulk_run_bytes > 0 ? sqlite->bulk_run_bytes : BULK_RUN_BYTES;
  BaruaSqliteBulk *bulk = slice->bulk;

  if (!is_last
      && bulk->rows.text->len + bulk->rows.rows->len * sizeof (BaruaViewRowText) < most)
    return TRUE;
  if (!barua_view_runs_add (bulk->runs, &bulk->rows, error))
    return FALSE;
  if (!barua_view_runs_have_room (bulk->runs))
    bulk->seq = bulk->last_seq; /* the others are the next bulk */
  return TRUE;
}

/* Maps documents until the time is over. */
static gboolean
map_some (Slice *slice, GError **error)
{
  BaruaSqliteBulk *bulk = slice->bulk;
  g_autoptr (BaruaStatement) walk = open_walk (slice, bulk->last_seq, error);
  gboolean has_row;

  if (walk == NULL)
    return FALSE;
  do
    {
      if (!barua_statement_step (walk, &has_row, error))
        return FALSE;
      has_row = has_row && sqlite3_column_int64 (walk, 0) <= bulk->seq;
      if (has_row && !map_document (slice, walk, error))
        return FALSE;
      bulk->last_seq = has_row ? slice->last_seq : bulk->seq;
      if (!end_run (slice, bulk->last_seq == bulk->seq, error))
        return FALSE;
    }
  while (bulk->last_seq < bulk->seq && goes_on (slice));
  return TRUE;
}

/* Writes some rows; *has_row is FALSE when there are no more. */
static gboolean
write_rows (Slice *slice, gint64 *viewnum, gboolean *has_row, GError **error)
{
  g_autoptr (GError) reason = NULL;

  for (guint i = 0; i < BULK_ROWS_PER_LOOK; i++)
    {
      const BaruaViewRowText *row = barua_view_runs_take (slice->bulk->runs, &reason);
      *has_row = row != NULL;
      if (reason != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&reason));
          return FALSE;
        }
      if (row == NULL)
        return TRUE;
      /* It stands in its place before built_seq says so: readers must count again. */
      if (row->viewnum != *viewnum
          && !barua_sqlite_note_upheaval_of (slice->connection, row->viewnum, error))
        return FALSE;
      *viewnum = row->viewnum;
      if (!barua_sqlite_view_row_write (slice->connection, row, slice->rows, error))
        return FALSE;
    }
  return TRUE;
}

/* Writes rows until the time is over; *is_at_end when there are no more. */
static gboolean
write_some (Slice *slice, gboolean *is_at_end, GError **error)
{
  gint64 viewnum = 0;
  gboolean has_row = TRUE;

  do
    if (!write_rows (slice, &viewnum, &has_row, error))
      return FALSE;
  while (has_row && goes_on (slice));
  *is_at_end = !has_row;
  return barua_sqlite_view_rows_count (slice->connection, slice->rows, error);
}

/* Gives this slice a name, in the file and in memory. */
static gboolean
name_slice (Slice *slice, GError **error)
{
  BaruaSqliteBulk *bulk = slice->bulk;

  g_free (bulk->slice);
  bulk->slice
      = g_strdup_printf ("%08x-%" G_GUINT64_FORMAT, g_random_int (), ++bulk->n_slices);
  return barua_sqlite_put_meta (&slice->connection->tx, BULK_KEY, bulk->slice, error);
}

/* Goes on with many documents; *is_at_end when all their rows are written. */
static gboolean
run_many (Slice *slice, gboolean *is_at_end, GError **error)
{
  BaruaSqlite *sqlite = barua_sqlite_of (&slice->connection->tx.reader);
  const gint64 seq = slice->bulk->seq;
  const gboolean is_mapped = slice->bulk->last_seq == seq;

  *is_at_end = FALSE;
  slice->rows = &slice->bulk->rows;
  gboolean is_ok = is_mapped ? write_some (slice, is_at_end, error) : map_some (slice, error);
  if (is_ok && !*is_at_end)
    is_ok = name_slice (slice, error);
  else if (is_ok)
    is_ok = write_built (slice, seq, error) && barua_sqlite_forget_bulk (slice->connection, error);
  if (!is_ok || *is_at_end)
    g_clear_pointer (&sqlite->bulk, barua_sqlite_bulk_free);
  return is_ok;
}

/* ---- either ---- */

/* Runs one slice, of which the views are read. */
static gboolean
run_slice (Slice *slice, gboolean *is_done, GError **error)
{
  BaruaViewRows rows;
  gboolean is_at_end = FALSE;

  if (!find_bulk (slice, error) || (slice->bulk == NULL && !begin_bulk (slice, error)))
    return FALSE;
  if (slice->bulk != NULL)
    return run_many (slice, &is_at_end, error);
  slice->rows = &rows;
  barua_view_rows_init (&rows, barua_sqlite_of (&slice->connection->tx.reader)->viewnums);
  const gboolean is_ok = run_few (slice, &is_at_end, error);
  barua_view_rows_clear (&rows);
  *is_done = is_at_end && !slice->is_lookup;
  return is_ok;
}

gboolean
barua_sqlite_catch_up (BaruaTx *tx, gboolean is_of_users, gboolean *is_done, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (&tx->reader);
  const BaruaSqliteDatabase *database
      = barua_sqlite_tx_database (connection, is_of_users ? BARUA_DB_USERS : NULL, error);
  g_autofree gint64 *built = g_new0 (gint64, barua_views_count ());
  g_autofree gboolean *wants = g_new0 (gboolean, barua_views_count ());

  if (database == NULL)
    return FALSE;
  Slice slice = { .connection = connection,
                  .dbnum = database->dbnum,
                  .seq = database->seq,
                  .built = built,
                  .begun_us = g_get_monotonic_time (),
                  .wants = wants };
  if (!read_built (&slice, error))
    return FALSE;
  slice.last_seq = slice.first;
  *is_done = !slice.is_lookup && slice.first >= slice.seq;
  return *is_done || run_slice (&slice, is_done, error);
}
