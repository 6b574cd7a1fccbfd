/* SPDX-License-Identifier: MIT */

/* The threads that read, each with its own connection; one starts when a query finds all of them
 * busy. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <pthread.h>

/* A read must not hold the log back for longer (documents.md 14.3). */
#define READ_MAX_US (30 * G_USEC_PER_SEC)

/* Runs one query on one snapshot. */
static void
run_query (BaruaSqliteConnection *connection, BaruaWork *work)
{
  if (barua_work_is_cancelled (work))
    return;
  connection->deadline_us = g_get_monotonic_time () + READ_MAX_US;
  if (!barua_sqlite_run (connection, BARUA_SQL_BEGIN_READ, &work->error))
    return;
  if (!work->query (&connection->tx.reader, work->data, &work->error) && work->error == NULL)
    work->error = g_error_new_literal (BARUA_STORE_ERROR, BARUA_STORE_ERROR_FAILED,
                                       "a query failed without a reason");
  connection->deadline_us = 0;
  barua_sqlite_run (connection, BARUA_SQL_COMMIT, NULL);
}

static gpointer
reader_main (gpointer data)
{
  BaruaSqlite *sqlite = data;
  BaruaSqliteConnection *connection = NULL;
  BaruaWork *work;

  while ((work = barua_work_queue_pop (sqlite->queries)) != NULL)
    {
      if (connection == NULL)
        connection = barua_sqlite_connect (sqlite->store, sqlite->path, BARUA_SQLITE_READER, 0,
                                           &work->error);
      if (connection != NULL)
        run_query (connection, work);
      barua_work_complete (work);
    }
  if (connection != NULL)
    barua_sqlite_disconnect (connection);
  return NULL;
}

/* Starts one more thread, if there may be one more. */
static void
start_reader (BaruaSqlite *sqlite)
{
  pthread_mutex_t *lock = sqlite->readers_lock;

  pthread_mutex_lock (lock);
  if (sqlite->reader_threads->len < sqlite->max_readers)
    g_ptr_array_add (sqlite->reader_threads, g_thread_new ("barua-reader", reader_main, sqlite));
  pthread_mutex_unlock (lock);
}

void
barua_sqlite_submit_query (BaruaStore *store, BaruaWork *work)
{
  BaruaSqlite *sqlite = store->engine_data;
  guint n_idle;
  guint n_queued;

  if (sqlite->queries == NULL) /* a store in memory has one connection */
    {
      barua_sqlite_submit_job (store, work);
      return;
    }
  barua_work_queue_push (sqlite->queries, work, 0, 0, &n_idle, &n_queued);
  if (n_idle < n_queued)
    start_reader (sqlite);
}

void
barua_sqlite_start_readers (BaruaSqlite *sqlite, guint max_readers)
{
  pthread_mutex_t *lock = g_new0 (pthread_mutex_t, 1);

  pthread_mutex_init (lock, NULL);
  sqlite->readers_lock = lock;
  sqlite->max_readers = max_readers;
  sqlite->reader_threads = g_ptr_array_new ();
  sqlite->queries = barua_work_queue_new ();
}

void
barua_sqlite_stop_readers (BaruaSqlite *sqlite)
{
  barua_work_queue_close (sqlite->queries);
  for (guint i = 0; i < sqlite->reader_threads->len; i++)
    g_thread_join (g_ptr_array_index (sqlite->reader_threads, i));
  g_ptr_array_unref (sqlite->reader_threads);
  barua_work_queue_free (sqlite->queries);
  pthread_mutex_destroy (sqlite->readers_lock);
  g_free (sqlite->readers_lock);
}
