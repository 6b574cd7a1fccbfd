/* SPDX-License-Identifier: MIT */

/* The one thread that writes, with group commit (architecture.md): it takes what is queued, never
 * waits for more, runs each job so that it fails alone, commits once and only then says so. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <sqlite3.h>

/* Limits of one commit, and of the queue (documents.md 14.3). */
#define COMMIT_MAX_JOBS 256
#define COMMIT_MAX_BYTES (4u * 1024 * 1024)
#define COMMIT_MAX_WORK_US 5000
#define QUEUE_MAX_JOBS 2000
#define QUEUE_MAX_BYTES (64u * 1024 * 1024)

/* A database counts as read when it stands in the array. */
static void
forget_databases (BaruaSqliteConnection *connection)
{
  g_array_set_size (connection->databases, 0);
  connection->next_docnum = 0;
}

BaruaSqliteDatabase *
barua_sqlite_tx_database (BaruaSqliteConnection *connection, const char *db, GError **error)
{
  const char *name = db != NULL ? db : connection->tx.reader.store->default_db;

  for (guint i = 0; i < connection->databases->len; i++)
    {
      BaruaSqliteDatabase *known = &g_array_index (connection->databases, BaruaSqliteDatabase, i);
      if (g_str_equal (known->name, name))
        return known;
    }

  g_autoptr (BaruaStatement) find
      = barua_sqlite_statement (connection, BARUA_SQL_DATABASE_BY_NAME, error);
  gboolean has_row = FALSE;
  if (find == NULL)
    return NULL;
  barua_bind_text (find, 1, barua_text (name));
  if (!barua_statement_step (find, &has_row, error))
    return NULL;
  if (!has_row)
    {
      g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND,
                           "Database does not exist.");
      return NULL;
    }
  const BaruaSqliteDatabase database = { .name = g_intern_string (name),
                                         .dbnum = sqlite3_column_int64 (find, 0),
                                         .seq = sqlite3_column_int64 (find, 1),
                                         .live = sqlite3_column_int64 (find, 2),
                                         .dead = sqlite3_column_int64 (find, 3),
                                         .seq_before = sqlite3_column_int64 (find, 1),
                                         .revs_limit = sqlite3_column_int64 (find, 5) };
  g_array_append_val (connection->databases, database);
  return &g_array_index (connection->databases, BaruaSqliteDatabase,
                         connection->databases->len - 1);
}

gboolean
barua_sqlite_flush_databases (BaruaSqliteConnection *connection, GError **error)
{
  for (guint i = 0; i < connection->databases->len; i++)
    {
      BaruaSqliteDatabase *database
          = &g_array_index (connection->databases, BaruaSqliteDatabase, i);
      if (!database->is_changed)
        continue;
      BaruaStatement *update
          = barua_sqlite_statement (connection, BARUA_SQL_DATABASE_COUNTERS, error);
      if (update == NULL)
        return FALSE;
      sqlite3_bind_int64 (update, 1, database->dbnum);
      sqlite3_bind_int64 (update, 2, database->seq);
      sqlite3_bind_int64 (update, 3, database->live);
      sqlite3_bind_int64 (update, 4, database->dead);
      if (!barua_statement_run (update, error))
        return FALSE;
      database->is_changed = FALSE;
    }
  return TRUE;
}

gboolean
barua_sqlite_next_docnum (BaruaSqliteConnection *connection, gint64 *docnum, GError **error)
{
  if (connection->next_docnum == 0)
    {
      g_autoptr (BaruaStatement) last
          = barua_sqlite_statement (connection, BARUA_SQL_DOC_LAST_NUMBER, error);
      gboolean has_row;
      if (last == NULL || !barua_statement_step (last, &has_row, error))
        return FALSE;
      connection->next_docnum = sqlite3_column_int64 (last, 0) + 1;
    }
  *docnum = connection->next_docnum++;
  return TRUE;
}

/* Begins the transaction that the next jobs share. */
static gboolean
begin (BaruaSqliteConnection *connection, GError **error)
{
  forget_databases (connection);
  g_ptr_array_set_size (connection->renamed, 0);
  connection->settings_changed = FALSE;
  connection->due_ms = G_MAXINT64;
  connection->now_ms = g_get_real_time () / 1000;
  return barua_sqlite_run (connection, BARUA_SQL_BEGIN_WRITE, error);
}

/* Undoes everything since begin(), unless SQLite did so itself. */
static void
roll_back (BaruaSqliteConnection *connection)
{
  forget_databases (connection);
  if (!sqlite3_get_autocommit (connection->handle))
    barua_sqlite_run (connection, BARUA_SQL_ROLLBACK, NULL);
}

/* Makes what the jobs did last. */
static gboolean
commit (BaruaSqliteConnection *connection, GError **error)
{
  if (barua_sqlite_flush_databases (connection, error)
      && barua_sqlite_run (connection, BARUA_SQL_COMMIT, error))
    return TRUE;
  roll_back (connection);
  return FALSE;
}

/* Calls the job or, in a store without readers, the query. */
static gboolean
call (BaruaSqliteConnection *connection, BaruaWork *work)
{
  if (connection->claims != NULL)
    g_array_set_size (connection->claims, 0);
  const gboolean is_ok = work->job != NULL
                             ? work->job (&connection->tx, work->data, &work->error)
                                   && barua_sqlite_end_claims (connection, &work->error)
                             : work->query (&connection->tx.reader, work->data, &work->error);

  if (!is_ok && work->error == NULL)
    work->error = g_error_new_literal (BARUA_STORE_ERROR, BARUA_STORE_ERROR_FAILED,
                                       "a job failed without a reason");
  return is_ok;
}

/* Keeps the counters as they are now, to have them back if the job fails. */
static void
keep_databases (BaruaSqliteConnection *connection)
{
  g_array_set_size (connection->databases_before, 0);
  g_array_append_vals (connection->databases_before, connection->databases->data,
                       connection->databases->len);
}

/* Has the counters again as they were when they were kept. */
static void
restore_databases (BaruaSqliteConnection *connection)
{
  g_array_set_size (connection->databases, 0);
  g_array_append_vals (connection->databases, connection->databases_before->data,
                       connection->databases_before->len);
}

/* Takes back what a failed job did within its savepoint. */
static gboolean
undo (BaruaSqliteConnection *connection)
{
  restore_databases (connection);
  return barua_sqlite_run (connection, BARUA_SQL_SAVEPOINT_UNDO, NULL)
         && barua_sqlite_run (connection, BARUA_SQL_SAVEPOINT_RELEASE, NULL);
}

/* Runs a job that is not the first of its transaction; %FALSE when the transaction is lost. */
static gboolean
run_behind_others (BaruaSqliteConnection *connection, BaruaWork *work)
{
  keep_databases (connection);
  if (!barua_sqlite_run (connection, BARUA_SQL_SAVEPOINT, &work->error))
    return FALSE;
  if (call (connection, work))
    return barua_sqlite_run (connection, BARUA_SQL_SAVEPOINT_RELEASE, &work->error);
  return !sqlite3_get_autocommit (connection->handle) && undo (connection);
}

/* The works of one commit. */
typedef struct
{
  BaruaWork *first;
  BaruaWork *last;
  guint n;
  gsize bytes;
  gint64 begun_us;
  gboolean is_open; /* a transaction that some job of the group succeeded in */
  gboolean is_hot;  /* and only hot ones did, without savepoints */
} Group;

/* Whether one more job may join. */
static gboolean
has_room (const Group *group)
{
  return group->n < COMMIT_MAX_JOBS && group->bytes < COMMIT_MAX_BYTES
         && g_get_monotonic_time () - group->begun_us < COMMIT_MAX_WORK_US;
}

/* Puts @work at the end of the group. */
static void
group_append (Group *group, BaruaWork *work)
{
  *(group->last != NULL ? &group->last->next : &group->first) = work;
  group->last = work;
  group->n++;
  group->bytes += work->bytes;
}

/* Does again, with savepoints, what the group did before @failed, the last of it; %FALSE when that is
 * lost: then @failed has the reason. */
static gboolean
start_over (BaruaSqliteConnection *connection, Group *group, BaruaWork *failed)
{
  GError *error = NULL;

  group->is_hot = FALSE;
  roll_back (connection);
  gboolean is_ok = begin (connection, &error);
  for (BaruaWork *work = group->first; is_ok && work != failed; work = work->next)
    if (work->error == NULL && !run_behind_others (connection, work))
      {
        is_ok = FALSE;
        error = g_error_copy (work->error);
      }
  if (is_ok)
    return TRUE;
  g_clear_error (&failed->error);
  failed->error = error;
  return FALSE;
}

/* Runs a hot job behind others; %FALSE when the transaction is lost. */
static gboolean
run_hot (BaruaSqliteConnection *connection, Group *group, BaruaWork *work)
{
  const gint64 n_changes = sqlite3_total_changes64 (connection->handle);

  keep_databases (connection);
  if (call (connection, work))
    return TRUE;
  if (sqlite3_get_autocommit (connection->handle))
    return FALSE;
  restore_databases (connection);
  return sqlite3_total_changes64 (connection->handle) == n_changes
         || start_over (connection, group, work);
}

/* Runs one work; %FALSE when what the group did before is lost with it. */
static gboolean
run_work (BaruaSqliteConnection *connection, Group *group, BaruaWork *work)
{
  if (barua_work_is_cancelled (work))
    return TRUE;
  if (group->is_open && group->is_hot && work->is_hot)
    return run_hot (connection, group, work);
  group->is_hot = !group->is_open && work->is_hot;
  if (group->is_open)
    return run_behind_others (connection, work);

  /* The first needs no savepoint: when it fails, the transaction holds nothing else. */
  if (!begin (connection, &work->error))
    return TRUE;
  if (call (connection, work))
    group->is_open = TRUE;
  else
    roll_back (connection);
  return TRUE;
}

/* Gives the reason of a failed commit to every work that thought it had succeeded. */
static void
fail_all (Group *group, const GError *reason)
{
  for (BaruaWork *work = group->first; work != NULL; work = work->next)
    if (work->error == NULL)
      work->error = g_error_copy (reason);
}

/* Commits the group, or fails it. */
static void
end_group (BaruaSqlite *sqlite, Group *group, gboolean is_lost)
{
  BaruaSqliteConnection *connection = sqlite->writer;
  g_autoptr (GError) error = NULL;

  if (is_lost)
    {
      roll_back (connection);
      fail_all (group, group->last->error);
      return;
    }
  if (!group->is_open)
    return;
  if (commit (connection, &error))
    {
      __atomic_add_fetch (&sqlite->n_commits, 1, __ATOMIC_RELAXED);
      barua_histogram_add (&sqlite->commit_times, barua_histogram_times,
                           (guint64)(g_get_monotonic_time () - group->begun_us));
      barua_histogram_add (&sqlite->commit_jobs, barua_histogram_sizes, group->n);
      barua_sqlite_news_note (sqlite);
      return;
    }
  g_warning ("a commit failed: %s", error->message);
  fail_all (group, error);
}

/* Remembers that something could not be written, for who asks whether anything can. */
static void
note_trouble (BaruaSqlite *sqlite, const Group *group)
{
  for (const BaruaWork *work = group->first; work != NULL; work = work->next)
    {
      const gboolean is_full
          = g_error_matches (work->error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_FULL);
      if (!is_full && !g_error_matches (work->error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_FAILED))
        continue;
      __atomic_store_n (&sqlite->is_trouble_full, is_full, __ATOMIC_RELAXED);
      __atomic_store_n (&sqlite->trouble_us, g_get_monotonic_time (), __ATOMIC_RELAXED);
    }
}

/* Runs @work and what is queued behind it, and hands out the results. */
static void
run_group (BaruaSqlite *sqlite, BaruaWork *work)
{
  Group group = { .begun_us = g_get_monotonic_time () };
  gboolean is_lost = FALSE;

  while (work != NULL)
    {
      sqlite->n_before = group.n;
      group_append (&group, work);
      is_lost = !run_work (sqlite->writer, &group, work);
      work = !is_lost && has_room (&group) ? barua_work_queue_try_pop (sqlite->jobs) : NULL;
    }
  sqlite->n_before = 0;
  end_group (sqlite, &group, is_lost);
  __atomic_add_fetch (&sqlite->n_jobs, group.n, __ATOMIC_RELAXED);
  note_trouble (sqlite, &group);
  barua_work_complete (group.first);
}

/* Learns how long the log is, from SQLite after each commit. */
static int
on_log_grown (void *data, sqlite3 *handle, const char *name, int n_pages)
{
  BaruaSqlite *sqlite = data;

  g_atomic_int_set (&sqlite->wal_pages, n_pages);
  return SQLITE_OK;
}

/* After a checkpoint: writes back the little that was logged meanwhile. Only a log that is written
 * back to its end can begin again, and under load nobody but the writer ever sees that moment. */
static void
look_after_log (BaruaSqlite *sqlite)
{
  if (sqlite->keeper == NULL)
    return;
  if (g_atomic_int_compare_and_exchange (&sqlite->must_catch_up, TRUE, FALSE))
    sqlite3_wal_checkpoint_v2 (sqlite->writer->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
  barua_sqlite_keeper_note (sqlite->keeper, g_atomic_int_get (&sqlite->wal_pages));
}

/* ---- what is done when nothing is asked ---- */

/* The writer is idle when nothing came for so long; then it catches views up, and once an hour it
 * throws away what nobody needs. */
#define IDLE_MS 1000
#define NEXT_SLICE_MS 1
#define SWEEP_MS (60 * 60 * 1000)

/* A #BaruaJob: catches the views up by one slice; the data say whether that was the last. */
static gboolean
catch_up_job (BaruaTx *tx, gpointer data, GError **error)
{
  gboolean *is_done = data;

  return barua_sqlite_catch_up (tx, FALSE, is_done, error)
         && (!*is_done || barua_sqlite_catch_up (tx, TRUE, is_done, error));
}

/* A #BaruaJob: sweeps; the data say whether there is no more. */
static gboolean
sweep_job (BaruaTx *tx, gpointer data, GError **error)
{
  return barua_sqlite_sweep (tx, data, error);
}

/* Does a little of what waits for idle times; returns how long to wait for the next. */
static guint
run_idle (BaruaSqlite *sqlite)
{
  const gint64 now_us = g_get_monotonic_time ();
  const gboolean sweeps = now_us - sqlite->swept_us > (gint64)SWEEP_MS * 1000 || !sqlite->is_swept;
  gboolean is_done = TRUE;
  g_autoptr (GError) error = NULL;

  if (sqlite->is_behind)
    {
      if (barua_sqlite_run_job (sqlite, catch_up_job, &is_done, &error))
        sqlite->is_behind = !is_done;
    }
  else if (sweeps && barua_sqlite_run_job (sqlite, sweep_job, &is_done, &error))
    {
      sqlite->is_swept = is_done;
      sqlite->swept_us = now_us;
    }
  if (error != NULL)
    {
      g_warning ("housekeeping failed: %s", error->message);
      sqlite->is_behind = FALSE; /* the next commit tries again */
      sqlite->is_swept = TRUE;
      sqlite->swept_us = now_us;
    }
  look_after_log (sqlite);
  return sqlite->is_behind || !sqlite->is_swept ? NEXT_SLICE_MS : SWEEP_MS;
}

static gpointer
writer_main (gpointer data)
{
  BaruaSqlite *sqlite = data;
  guint idle_ms = IDLE_MS;

  sqlite->is_behind = TRUE;
  for (;;)
    {
      gboolean is_timeout = FALSE;
      const guint64 n_commits = sqlite->n_commits;
      BaruaWork *work = sqlite->is_server
                            ? barua_work_queue_pop_within (sqlite->jobs, idle_ms, &is_timeout)
                            : barua_work_queue_pop (sqlite->jobs);
      if (is_timeout)
        {
          idle_ms = run_idle (sqlite);
          continue;
        }
      if (work == NULL)
        return NULL;
      run_group (sqlite, work);
      look_after_log (sqlite);
      sqlite->is_behind = sqlite->is_behind || sqlite->n_commits != n_commits;
      idle_ms = sqlite->is_behind ? IDLE_MS : SWEEP_MS;
    }
}

gboolean
barua_sqlite_run_job (BaruaSqlite *sqlite, BaruaJob job, gpointer data, GError **error)
{
  BaruaSqliteConnection *connection = sqlite->writer;
  BaruaWork work = { .job = job, .data = data };

  if (!begin (connection, error))
    return FALSE;
  if (call (connection, &work))
    return commit (connection, error);
  roll_back (connection);
  g_propagate_error (error, work.error);
  return FALSE;
}

void
barua_sqlite_start_writer (BaruaSqlite *sqlite)
{
  sqlite3_wal_hook (sqlite->writer->handle, on_log_grown, sqlite);
  sqlite->jobs = barua_work_queue_new ();
  sqlite->writer_thread = g_thread_new ("barua-writer", writer_main, sqlite);
}

void
barua_sqlite_stop_writer (BaruaSqlite *sqlite)
{
  barua_work_queue_close (sqlite->jobs);
  g_thread_join (sqlite->writer_thread);
  barua_work_queue_free (sqlite->jobs);
}

void
barua_sqlite_submit_job (BaruaStore *store, BaruaWork *work)
{
  BaruaSqlite *sqlite = store->engine_data;

  if (barua_work_queue_push (sqlite->jobs, work, QUEUE_MAX_JOBS, QUEUE_MAX_BYTES, NULL, NULL))
    return;
  work->error = g_error_new_literal (BARUA_STORE_ERROR, BARUA_STORE_ERROR_BUSY,
                                     "too much waits to be written");
  barua_work_complete (work);
}
