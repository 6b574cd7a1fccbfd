/* SPDX-License-Identifier: MIT */

/* Tells the watcher what was committed: the writer notes, one turn of the watcher's main loop
 * hears. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <pthread.h>
#include <sqlite3.h>

/* How often the file is looked at for what other processes wrote (documents.md 14.3): so often that
 * a password set beside the server counts within a second (users.md 12 no. 11). */
#define FOREIGN_INTERVAL_MS 500

struct _BaruaSqliteNews
{
  pthread_mutex_t lock;
  /* Under the lock: */
  BaruaWatchFunc func; /* (nullable) */
  gpointer data;
  GMainContext *context;
  GSource *idle;         /* (nullable): what was noted is not heard yet */
  GSource *timeout;      /* (nullable) */
  GHashTable *databases; /* interned name: sequence number as gint64 */
  gboolean settings_changed;
  gboolean is_foreign;
  gint64 due_ms;

  gint64 data_version; /* of the writer's thread */
};

BaruaSqliteNews *
barua_sqlite_news_new (void)
{
  BaruaSqliteNews *news = g_new0 (BaruaSqliteNews, 1);

  pthread_mutex_init (&news->lock, NULL);
  news->databases = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  news->due_ms = G_MAXINT64;
  return news;
}

/* Takes a source from its main loop. */
static void
drop_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_source_unref (*source);
  *source = NULL;
}

void
barua_sqlite_news_free (BaruaSqliteNews *news)
{
  drop_source (&news->idle);
  drop_source (&news->timeout);
  g_clear_pointer (&news->context, g_main_context_unref);
  g_hash_table_unref (news->databases);
  pthread_mutex_destroy (&news->lock);
  g_free (news);
}

/* Takes what was noted; the lock is held. */
static GArray *
take_databases (BaruaSqliteNews *news)
{
  GArray *list = g_array_new (FALSE, FALSE, sizeof (BaruaDatabaseNews));
  GHashTableIter iter;
  gpointer name;
  gpointer seq;

  g_hash_table_iter_init (&iter, news->databases);
  while (g_hash_table_iter_next (&iter, &name, &seq))
    {
      const BaruaDatabaseNews one = { name, *(gint64 *)seq };
      g_array_append_val (list, one);
    }
  g_hash_table_remove_all (news->databases);
  return list;
}

/* Tells the watcher, in its main loop. */
static gboolean
tell (gpointer data)
{
  BaruaSqliteNews *news = data;

  pthread_mutex_lock (&news->lock);
  g_autoptr (GArray) databases = take_databases (news);
  const BaruaNews report = { .databases = (const BaruaDatabaseNews *)(gconstpointer)databases->data,
                             .n_databases = databases->len,
                             .due_ms = news->due_ms,
                             .settings_changed = news->settings_changed,
                             .is_foreign = news->is_foreign };
  const BaruaWatchFunc func = news->func;
  gpointer func_data = news->data;
  g_clear_pointer (&news->idle, g_source_unref);
  news->settings_changed = FALSE;
  news->is_foreign = FALSE;
  news->due_ms = G_MAXINT64;
  pthread_mutex_unlock (&news->lock);

  if (func != NULL)
    func (&report, func_data);
  return G_SOURCE_REMOVE;
}

/* Has the watcher told soon; the lock is held. */
static void
schedule (BaruaSqliteNews *news)
{
  if (news->idle != NULL)
    return;
  news->idle = g_idle_source_new ();
  g_source_set_priority (news->idle, G_PRIORITY_DEFAULT);
  g_source_set_callback (news->idle, tell, news, NULL);
  g_source_attach (news->idle, news->context);
}

/* Notes the newest sequence number of a database; the lock is held. */
static void
note_database (BaruaSqliteNews *news, const char *name, gint64 seq)
{
  gint64 *copy = g_new (gint64, 1);

  *copy = seq;
  g_hash_table_insert (news->databases, (gpointer)name, copy);
}

void
barua_sqlite_news_note (BaruaSqlite *sqlite)
{
  const BaruaSqliteConnection *connection = sqlite->writer;
  BaruaSqliteNews *news = sqlite->news;
  gboolean has_news = connection->settings_changed || connection->renamed->len > 0;

  pthread_mutex_lock (&news->lock);
  for (guint i = 0; news->func != NULL && i < connection->renamed->len; i++)
    note_database (news, g_ptr_array_index (connection->renamed, i), 0);
  for (guint i = 0; news->func != NULL && i < connection->databases->len; i++)
    {
      const BaruaSqliteDatabase *database
          = &g_array_index (connection->databases, BaruaSqliteDatabase, i);
      if (database->seq == database->seq_before)
        continue;
      note_database (news, database->name, database->seq);
      has_news = TRUE;
    }
  if (news->func != NULL && has_news)
    {
      news->settings_changed = news->settings_changed || connection->settings_changed;
      news->due_ms = MIN (news->due_ms, connection->due_ms);
      schedule (news);
    }
  pthread_mutex_unlock (&news->lock);
}

/* ---- other processes ---- */

/* Notes every database of the file: another process may have changed any. */
static gboolean
note_all (BaruaSqliteConnection *connection, BaruaSqliteNews *news, GError **error)
{
  g_autoptr (BaruaStatement) count
      = barua_sqlite_statement (connection, BARUA_SQL_DATABASE_LIST, error);
  gboolean has_row = FALSE;

  if (count == NULL)
    return FALSE;
  for (;;)
    {
      if (!barua_statement_step (count, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      const char *name = g_intern_string ((const char *)sqlite3_column_text (count, 0));
      const BaruaSqliteDatabase *database = barua_sqlite_tx_database (connection, name, error);
      if (database == NULL)
        return FALSE;
      note_database (news, name, database->seq);
    }
}

/* A #BaruaJob: looks whether another connection has written. */
static gboolean
look_job (BaruaTx *tx, gpointer data, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (&tx->reader);
  BaruaSqliteNews *news = barua_sqlite_of (&tx->reader)->news;
  gboolean is_ok = TRUE;
  gint64 version;

  if (!barua_sqlite_query_integer (connection->handle, "PRAGMA data_version", &version, error))
    return FALSE;
  const gboolean is_first = news->data_version == 0;
  if (news->data_version == version)
    return TRUE;
  news->data_version = version;
  if (is_first)
    return TRUE;
  pthread_mutex_lock (&news->lock);
  if (news->func != NULL)
    {
      is_ok = note_all (connection, news, error);
      news->is_foreign = TRUE;
      news->settings_changed = TRUE;
      schedule (news);
    }
  pthread_mutex_unlock (&news->lock);
  return is_ok;
}

/* Asks the writer to look. */
static gboolean
look (gpointer data)
{
  BaruaStore *store = data;

  barua_sqlite_submit_job (store, barua_work_new (look_job, NULL, NULL, NULL, 0, NULL, NULL, NULL));
  return G_SOURCE_CONTINUE;
}

/* Begins to look for what other processes write; the lock is held. */
static void
watch_file (BaruaStore *store, BaruaSqliteNews *news)
{
  const BaruaSqlite *sqlite = store->engine_data;

  if (sqlite->is_memory)
    return;
  news->timeout = g_timeout_source_new (FOREIGN_INTERVAL_MS);
  g_source_set_callback (news->timeout, look, store, NULL);
  g_source_attach (news->timeout, news->context);
  look (store); /* what is there now is no news */
}

void
barua_sqlite_watch (BaruaStore *store, BaruaWatchFunc func, gpointer data)
{
  BaruaSqlite *sqlite = store->engine_data;
  BaruaSqliteNews *news = sqlite->news;

  pthread_mutex_lock (&news->lock);
  drop_source (&news->idle);
  drop_source (&news->timeout);
  g_clear_pointer (&news->context, g_main_context_unref);
  g_hash_table_remove_all (news->databases);
  news->settings_changed = FALSE;
  news->is_foreign = FALSE;
  news->func = func;
  news->data = data;
  if (func != NULL)
    {
      news->context = g_main_context_ref_thread_default ();
      watch_file (store, news);
    }
  pthread_mutex_unlock (&news->lock);
}
