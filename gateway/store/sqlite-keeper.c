/* SPDX-License-Identifier: MIT */

/* The housekeeping thread: writes the log back into the file, and checks the file after a crash. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <pthread.h>
#include <sqlite3.h>
#include <time.h>

/* Lengths of the log in pages of 4 KiB (documents.md 14.2): 16 MiB when nothing waits, 80 MiB in
 * any case. */
#define LOG_PAGES_IDLE 4096
#define LOG_PAGES_ALWAYS 20000

/* Without a commit for so long, a log that has been long is cut. */
#define IDLE_S 30

struct _BaruaSqliteKeeper
{
  BaruaSqlite *sqlite;
  GThread *thread;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  int is_stopping; /* atomic; set under the lock */
  /* Under the lock: */
  gboolean must_check_file;
  gboolean must_checkpoint;
  gboolean may_cut; /* the log has been long since it was last cut */
  guint64 n_notes;
};

void
barua_sqlite_keeper_note (BaruaSqliteKeeper *keeper, int wal_pages, gboolean is_idle)
{
  const gboolean is_long = wal_pages > LOG_PAGES_ALWAYS || (is_idle && wal_pages > LOG_PAGES_IDLE);

  pthread_mutex_lock (&keeper->lock);
  keeper->n_notes++;
  if (is_long && !keeper->must_checkpoint)
    {
      keeper->must_checkpoint = TRUE;
      pthread_cond_signal (&keeper->wake);
    }
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

/* Waits at most IDLE_S; FALSE when that time went by. */
static gboolean
wait_a_while (BaruaSqliteKeeper *keeper)
{
  struct timespec until;

  clock_gettime (CLOCK_REALTIME, &until);
  until.tv_sec += IDLE_S;
  return pthread_cond_timedwait (&keeper->wake, &keeper->lock, &until) == 0;
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
      if (keeper->must_checkpoint)
        return TASK_CHECKPOINT;

      const guint64 n_notes = keeper->n_notes;
      if (!keeper->may_cut)
        pthread_cond_wait (&keeper->wake, &keeper->lock);
      else if (!wait_a_while (keeper) && keeper->n_notes == n_notes)
        return TASK_CUT;
    }
}

/* Writes the log back as far as it goes without waiting for anybody, or cuts it to nothing. */
static void
checkpoint (BaruaSqliteConnection *connection, int mode)
{
  const int result = sqlite3_wal_checkpoint_v2 (connection->handle, NULL, mode, NULL, NULL);

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
run_task (BaruaSqliteKeeper *keeper, Task task)
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
                task == TASK_CUT ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE);
  barua_sqlite_disconnect (connection);
}

static gpointer
keeper_main (gpointer data)
{
  BaruaSqliteKeeper *keeper = data;
  Task task;

  pthread_mutex_lock (&keeper->lock);
  while ((task = next_task (keeper)) != TASK_STOP)
    {
      pthread_mutex_unlock (&keeper->lock);
      run_task (keeper, task);
      pthread_mutex_lock (&keeper->lock);
      if (task == TASK_CHECK_FILE)
        keeper->must_check_file = FALSE;
      else
        {
          keeper->must_checkpoint = FALSE;
          keeper->may_cut = task == TASK_CHECKPOINT;
        }
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
  pthread_cond_init (&keeper->wake, NULL);
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
