/* SPDX-License-Identifier: MIT */

/* The housekeeping thread: writes the log back into the file, and checks the file after a crash. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <errno.h>

#include <pthread.h>
#include <sqlite3.h>

/* Lengths of the log in pages of 4 KiB (documents.md 14.2): 16 MiB when nothing waits, 80 MiB in
 * any case. */
#define LOG_PAGES_IDLE 4096
#define LOG_PAGES_ALWAYS 20000

/* The writer is idle when it has not committed for so long; and a log that was long is then cut. */
#define IDLE_MS 50
#define CUT_MS 30000

/* The same for a log that holds what was a secret. */
#define CUT_SECRET_MS 2000

struct _BaruaSqliteKeeper
{
  BaruaSqlite *sqlite;
  GThread *thread;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  int is_stopping; /* atomic; set under the lock */
  /* Under the lock: */
  gboolean must_check_file;
  int n_logged;     /* pages in the log */
  int n_written;    /* of these, pages that stand in the file already */
  gboolean may_cut;    /* the log has been long since it was last cut */
  gboolean has_secret; /* since it was last cut */
  guint64 n_notes;
};

/* Pages that a checkpoint would have to write; the lock is held. */
static int
pages_to_write (const BaruaSqliteKeeper *keeper)
{
  return keeper->n_logged - keeper->n_written;
}

void
barua_sqlite_keeper_note (BaruaSqliteKeeper *keeper, int wal_pages)
{
  pthread_mutex_lock (&keeper->lock);
  keeper->n_notes += wal_pages != keeper->n_logged; /* a job that changed nothing is rest, too */
  if (wal_pages < keeper->n_logged) /* the log has begun again */
    keeper->n_written = 0;
  keeper->n_logged = wal_pages;
  if (pages_to_write (keeper) > LOG_PAGES_IDLE)
    pthread_cond_signal (&keeper->wake);
  pthread_mutex_unlock (&keeper->lock);
}

void
barua_sqlite_keeper_cut_soon (BaruaSqliteKeeper *keeper)
{
  pthread_mutex_lock (&keeper->lock);
  keeper->has_secret = TRUE;
  pthread_cond_signal (&keeper->wake);
  pthread_mutex_unlock (&keeper->lock);
}

/* What the thread is to do next. */
typedef enum
{
  TASK_STOP,
  TASK_CHECK_FILE,
  TASK_CHECKPOINT,
  TASK_CUT,
} Task;

/* Waits; TRUE when so much time went by without a commit. */
static gboolean
is_idle_for (BaruaSqliteKeeper *keeper, guint ms)
{
  const guint64 n_notes = keeper->n_notes;
  const struct timespec until = barua_work_time_after (ms);

  return pthread_cond_timedwait (&keeper->wake, &keeper->lock, &until) == ETIMEDOUT
         && keeper->n_notes == n_notes;
}

/* Waits for something to do; the lock is held. */
static Task
next_task (BaruaSqliteKeeper *keeper)
{
  for (;;)
    {
      if (keeper->is_stopping)
        return TASK_STOP;
      if (keeper->must_check_file)
        return TASK_CHECK_FILE;
      if (pages_to_write (keeper) > LOG_PAGES_ALWAYS)
        return TASK_CHECKPOINT;
      if (pages_to_write (keeper) > LOG_PAGES_IDLE)
        {
          if (is_idle_for (keeper, IDLE_MS))
            return TASK_CHECKPOINT;
        }
      else if (!keeper->may_cut && !keeper->has_secret)
        pthread_cond_wait (&keeper->wake, &keeper->lock);
      else if (is_idle_for (keeper, keeper->has_secret ? CUT_SECRET_MS : CUT_MS))
        return TASK_CUT;
    }
}

/* Writes the log back as far as it goes without waiting for anybody, or cuts it to nothing. */
static void
checkpoint (BaruaSqliteConnection *connection, int mode, int *n_written)
{
  const int result = sqlite3_wal_checkpoint_v2 (connection->handle, NULL, mode, NULL, n_written);

  if (result != SQLITE_OK && (result & 0xff) != SQLITE_BUSY)
    g_warning ("writing the log back failed: %s", sqlite3_errmsg (connection->handle));
}

/* Has SQLite look at every page after an unclean stop, and reports what it finds. */
static void
check_file (BaruaSqliteConnection *connection)
{
  sqlite3_stmt *statement = NULL;
  int result
      = sqlite3_prepare_v2 (connection->handle, "PRAGMA quick_check(20)", -1, &statement, NULL);

  while (result == SQLITE_OK && (result = sqlite3_step (statement)) == SQLITE_ROW)
    {
      const char *line = (const char *)sqlite3_column_text (statement, 0);
      if (g_strcmp0 (line, "ok") == 0)
        g_message ("the database file is sound after the unclean stop");
      else
        g_warning ("the database file is damaged: %s", line);
      result = SQLITE_OK;
    }
  sqlite3_finalize (statement);
}

/* Does one thing, on a connection of its own that is not kept: it is rare, and memory is not. */
static void
run_task (BaruaSqliteKeeper *keeper, Task task, int *n_written)
{
  g_autoptr (GError) error = NULL;
  BaruaSqliteConnection *connection = barua_sqlite_connect (
      keeper->sqlite->store, keeper->sqlite->path, BARUA_SQLITE_KEEPER, 0, &error);

  if (connection == NULL)
    {
      g_warning ("housekeeping cannot open the database: %s", error->message);
      return;
    }
  connection->stop = &keeper->is_stopping;
  if (task == TASK_CHECK_FILE)
    check_file (connection);
  else
    checkpoint (connection,
                task == TASK_CUT ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE,
                n_written);
  barua_sqlite_disconnect (connection);
}

/* Takes note of what a task has done; the lock is held. */
static void
end_task (BaruaSqliteKeeper *keeper, Task task, int n_written)
{
  if (task == TASK_CHECK_FILE)
    {
      keeper->must_check_file = FALSE;
      return;
    }
  keeper->may_cut = task == TASK_CHECKPOINT;
  keeper->has_secret = keeper->has_secret && task == TASK_CHECKPOINT;
  /* What could not be written because somebody still reads it waits until as much has come again.
   */
  keeper->n_written = MAX (keeper->n_logged - LOG_PAGES_IDLE, n_written);
  if (task == TASK_CHECKPOINT)
    g_atomic_int_set (&keeper->sqlite->must_catch_up, TRUE);
}

static gpointer
keeper_main (gpointer data)
{
  BaruaSqliteKeeper *keeper = data;
  Task task;

  pthread_mutex_lock (&keeper->lock);
  while ((task = next_task (keeper)) != TASK_STOP)
    {
      int n_written = 0;
      pthread_mutex_unlock (&keeper->lock);
      run_task (keeper, task, &n_written);
      pthread_mutex_lock (&keeper->lock);
      end_task (keeper, task, n_written);
    }
  pthread_mutex_unlock (&keeper->lock);
  return NULL;
}

BaruaSqliteKeeper *
barua_sqlite_keeper_start (BaruaSqlite *sqlite, gboolean was_unclean)
{
  BaruaSqliteKeeper *keeper = g_new0 (BaruaSqliteKeeper, 1);

  keeper->sqlite = sqlite;
  keeper->must_check_file = was_unclean;
  pthread_mutex_init (&keeper->lock, NULL);
  barua_work_cond_init (&keeper->wake);
  keeper->thread = g_thread_new ("barua-keeper", keeper_main, keeper);
  return keeper;
}

void
barua_sqlite_keeper_stop (BaruaSqliteKeeper *keeper)
{
  pthread_mutex_lock (&keeper->lock);
  g_atomic_int_set (&keeper->is_stopping, TRUE);
  pthread_cond_signal (&keeper->wake);
  pthread_mutex_unlock (&keeper->lock);
  g_thread_join (keeper->thread);
  pthread_cond_destroy (&keeper->wake);
  pthread_mutex_destroy (&keeper->lock);
  g_free (keeper);
}
