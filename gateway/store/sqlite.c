/* SPDX-License-Identifier: MIT */

/* The SQLite engine: opening, closing, and the table of what it can do. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <sqlite3.h>

#define DEFAULT_READERS 2

/* Keys of `meta` that belong to this file alone. */
#define META_UUID "uuid"
#define META_RUNNING "running"
#define META_DEFAULT_DB "default-db"

/* What a page takes in the log: its 4096 bytes and the header of its frame. */
#define LOG_PAGE_BYTES (4096 + 24)

void
barua_sqlite_give_to_owner (int fd, const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  struct stat like;

  if (geteuid () != 0 || (stat (path, &like) != 0 && stat (folder, &like) != 0))
    return;
  if (fchown (fd, like.st_uid, like.st_gid) != 0)
    g_warning ("%s: a file beside it stays root's: %s", path, g_strerror (errno));
}

int
barua_sqlite_take_lock (const char *path, GError **error)
{
  g_autofree char *lock = g_strconcat (path, ".lock", NULL);
  const int fd = open (lock, O_RDWR | O_CREAT | O_CLOEXEC, 0640);

  if (fd < 0)
    {
      g_set_error (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_FAILED, "cannot open %s: %s", lock,
                   g_strerror (errno));
      return -1;
    }
  barua_sqlite_give_to_owner (fd, path);
  if (flock (fd, LOCK_EX | LOCK_NB) == 0)
    return fd;
  g_set_error (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_LOCKED,
               "another server uses the database %s", path);
  close (fd);
  return -1;
}

/* Keeps a second server away, unless this is none. */
static gboolean
lock_file (BaruaSqlite *sqlite, GError **error)
{
  if (sqlite->is_server)
    sqlite->lock_fd = barua_sqlite_take_lock (sqlite->path, error);
  return !sqlite->is_server || sqlite->lock_fd >= 0;
}

/* Makes a database if it is not there. */
static gboolean
ensure_database (BaruaSqliteConnection *connection, const char *name, GError **error)
{
  BaruaStatement *insert = barua_sqlite_statement (connection, BARUA_SQL_DATABASE_INSERT, error);

  if (insert == NULL)
    return FALSE;
  barua_bind_text (insert, 1, barua_text (name));
  sqlite3_bind_int64 (insert, 2, connection->now_ms);
  return barua_statement_run (insert, error);
}

/* What the first job finds out. */
typedef struct
{
  gboolean was_unclean;
  gboolean has_new_default; /* the queue was made for another default database */
} FirstLook;

/* Writes a value of `meta` unless it is there. */
static gboolean
ensure_meta (BaruaTx *tx, const char *key, const char *value, char **before, GError **error)
{
  if (!barua_sqlite_get_meta (&tx->reader, key, before, error))
    return FALSE;
  return *before != NULL || barua_sqlite_put_meta (tx, key, value, error);
}

/* A #BaruaJob: what every file of ours holds from the start, and the mark of a running server. */
static gboolean
first_job (BaruaTx *tx, gpointer data, GError **error)
{
  const char *names[]
      = { tx->reader.store->default_db, BARUA_DB_USERS, BARUA_DB_SENTINEL, BARUA_DB_USERS_META };
  BaruaSqlite *sqlite = barua_sqlite_of (&tx->reader);
  BaruaSqliteConnection *connection = barua_sqlite_connection (&tx->reader);
  FirstLook *look = data;
  g_autofree char *uuid = g_uuid_string_random ();
  g_autofree char *uuid_before = NULL;
  g_autofree char *default_before = NULL;
  g_autofree char *running = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (!ensure_database (connection, names[i], error))
      return FALSE;
  BaruaSqliteDatabase *database = barua_sqlite_tx_database (connection, NULL, error);
  if (database == NULL || !ensure_meta (tx, META_UUID, uuid, &uuid_before, error)
      || !ensure_meta (tx, META_DEFAULT_DB, names[0], &default_before, error)
      || !barua_sqlite_get_meta (&tx->reader, META_RUNNING, &running, error))
    return FALSE;
  sqlite->default_dbnum = database->dbnum;
  if (!barua_sqlite_ensure_views (connection, error))
    return FALSE;
  look->has_new_default = default_before != NULL && !g_str_equal (default_before, names[0]);
  look->was_unclean = running != NULL;
  if (look->has_new_default && !barua_sqlite_put_meta (tx, META_DEFAULT_DB, names[0], error))
    return FALSE;
  return !sqlite->is_server || barua_sqlite_put_meta (tx, META_RUNNING, "1", error);
}

/* A #BaruaJob: the server ended as it should. */
static gboolean
last_job (BaruaTx *tx, gpointer data, GError **error)
{
  BaruaStatement *forget = barua_sqlite_statement (barua_sqlite_connection (&tx->reader),
                                                   BARUA_SQL_META_DELETE, error);

  if (forget == NULL)
    return FALSE;
  barua_bind_text (forget, 1, BARUA_TEXT (META_RUNNING));
  return barua_statement_run (forget, error);
}

/* A #BaruaJob: the queue belongs to another database than before. */
static gboolean
reindex_job (BaruaTx *tx, gpointer data, GError **error)
{
  return barua_sqlite_reindex (tx, error);
}

/* Opens the writing connection and brings the file to the state that the rest relies on. */
static gboolean
prepare_file (BaruaSqlite *sqlite, guint cache_mib, FirstLook *look, GError **error)
{
  sqlite->writer
      = barua_sqlite_connect (sqlite->store, sqlite->path, BARUA_SQLITE_WRITER, cache_mib, error);
  if (sqlite->writer == NULL || !barua_sqlite_migrate (sqlite->writer->handle, error)
      || !barua_sqlite_run_job (sqlite, first_job, look, error))
    return FALSE;
  return !look->has_new_default || barua_sqlite_run_job (sqlite, reindex_job, NULL, error);
}

/* Frees what open and close have in common. */
static void
sqlite_free (BaruaSqlite *sqlite)
{
  if (sqlite->writer != NULL)
    barua_sqlite_disconnect (sqlite->writer);
  barua_sqlite_news_free (sqlite->news);
  if (sqlite->lock_fd >= 0)
    close (sqlite->lock_fd);
  g_clear_pointer (&sqlite->bulk, barua_sqlite_bulk_free);
  g_free (sqlite->viewnums);
  g_free (sqlite->path);
  g_free (sqlite);
}

static gboolean
sqlite_open (BaruaStore *store, const BaruaStoreOptions *options, GError **error)
{
  BaruaSqlite *sqlite = g_new0 (BaruaSqlite, 1);
  FirstLook look = { 0 };

  sqlite->store = store;
  sqlite->path = g_strdup (options->path);
  sqlite->is_memory = g_str_equal (options->path, ":memory:");
  sqlite->is_server = options->is_server && !sqlite->is_memory;
  sqlite->lock_fd = -1;
  sqlite->news = barua_sqlite_news_new ();
  store->engine_data = sqlite;
  if (!lock_file (sqlite, error)
      || !prepare_file (sqlite, options->cache_mib, &look, error))
    {
      sqlite_free (sqlite);
      return FALSE;
    }

  if (!sqlite->is_memory)
    {
      sqlite->keeper = barua_sqlite_keeper_start (sqlite, sqlite->is_server && look.was_unclean);
      barua_sqlite_start_readers (sqlite,
                                  options->readers > 0 ? options->readers : DEFAULT_READERS);
    }
  barua_sqlite_start_writer (sqlite);
  return TRUE;
}

static void
sqlite_close (BaruaStore *store)
{
  BaruaSqlite *sqlite = store->engine_data;
  g_autoptr (GError) error = NULL;

  barua_sqlite_watch (store, NULL, NULL);
  barua_sqlite_stop_writer (sqlite);
  if (!sqlite->is_memory)
    {
      barua_sqlite_stop_readers (sqlite);
      barua_sqlite_keeper_stop (sqlite->keeper);
    }
  if (sqlite->is_server && !barua_sqlite_run_job (sqlite, last_job, NULL, &error))
    g_warning ("the stop could not be noted: %s", error->message);
  if (sqlite->is_server) /* the command line must not hold up a server beside it */
    sqlite3_wal_checkpoint_v2 (sqlite->writer->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
                               NULL);
  sqlite_free (sqlite);
}

static void
sqlite_stats (BaruaStore *store, BaruaStoreStats *stats)
{
  BaruaSqlite *sqlite = store->engine_data;

  *stats = (BaruaStoreStats){
    .jobs = __atomic_load_n (&sqlite->n_jobs, __ATOMIC_RELAXED),
    .commits = __atomic_load_n (&sqlite->n_commits, __ATOMIC_RELAXED),
    .wal_bytes = (gint64)g_atomic_int_get (&sqlite->wal_pages) * LOG_PAGE_BYTES,
    .commit_times = sqlite->commit_times,
    .commit_jobs = sqlite->commit_jobs,
    .trouble_us = __atomic_load_n (&sqlite->trouble_us, __ATOMIC_RELAXED),
    .is_trouble_full = __atomic_load_n (&sqlite->is_trouble_full, __ATOMIC_RELAXED),
  };
  barua_work_queue_length (sqlite->jobs, &stats->queued, &stats->queued_bytes);
}

const BaruaStoreEngine barua_sqlite_engine = {
  .open = sqlite_open,
  .close = sqlite_close,
  .submit_job = barua_sqlite_submit_job,
  .submit_query = barua_sqlite_submit_query,
  .stats = sqlite_stats,
  .get_document = barua_sqlite_get_document,
  .get_revision = barua_sqlite_get_revision,
  .all_docs = barua_sqlite_all_docs,
  .database_info = barua_sqlite_database_info,
  .put_document = barua_sqlite_put_document,
  .put_revision = barua_sqlite_put_revision,
  .get_tree = barua_sqlite_get_tree,
  .missing_revisions = barua_sqlite_missing_revisions,
  .read_blob = barua_sqlite_read_blob,
  .changes = barua_sqlite_changes,
  .watch = barua_sqlite_watch,
  .create_database = barua_sqlite_create_database,
  .drop_database = barua_sqlite_drop_database,
  .list_databases = barua_sqlite_list_databases,
  .get_security = barua_sqlite_get_security,
  .put_security = barua_sqlite_put_security,
  .get_revs_limit = barua_sqlite_get_revs_limit,
  .put_revs_limit = barua_sqlite_put_revs_limit,
  .compact = barua_sqlite_compact,
  .get_local = barua_sqlite_get_local,
  .list_local = barua_sqlite_list_local,
  .put_local = barua_sqlite_put_local,
  .delete_local = barua_sqlite_delete_local,
  .list_indexes = barua_sqlite_list_indexes,
  .put_index = barua_sqlite_put_index,
  .delete_index = barua_sqlite_delete_index,
  .view = barua_sqlite_view,
  .reduce_view = barua_sqlite_reduce_view,
  .is_caught_up = barua_sqlite_is_caught_up,
  .catch_up = barua_sqlite_catch_up,
  .put_session = barua_sqlite_put_session,
  .find_session = barua_sqlite_find_session,
  .touch_session = barua_sqlite_touch_session,
  .delete_session = barua_sqlite_delete_session,
  .delete_sessions_of = barua_sqlite_delete_sessions_of,
  .delete_old_sessions = barua_sqlite_delete_old_sessions,
  .get_account_of = barua_sqlite_get_account_of,
  .get_login_token = barua_sqlite_get_login_token,
  .find_login_token = barua_sqlite_find_login_token,
  .put_login_token = barua_sqlite_put_login_token,
  .use_login_token = barua_sqlite_use_login_token,
  .next_expired_login_token = barua_sqlite_next_expired_login_token,
  .replace_hash = barua_sqlite_replace_hash,
  .get_done = barua_sqlite_get_done,
  .put_done = barua_sqlite_put_done,
  .claim_reference = barua_sqlite_claim_reference,
  .take_messages = barua_sqlite_take_messages,
  .reroute = barua_sqlite_reroute,
  .add_traffic = barua_sqlite_add_traffic,
  .traffic = barua_sqlite_traffic,
  .forget_traffic = barua_sqlite_forget_traffic,
  .put_phone = barua_sqlite_put_phone,
  .phones = barua_sqlite_phones,
  .due_documents = barua_sqlite_due_documents,
  .next_due = barua_sqlite_next_due,
  .has_offered_messages = barua_sqlite_has_offered_messages,
  .find_message = barua_sqlite_find_message,
  .outbox = barua_sqlite_outbox,
  .outbox_of_reference = barua_sqlite_outbox_of_reference,
  .outbox_hold = barua_sqlite_outbox_hold,
  .count_repeat = barua_sqlite_count_repeat,
  .get_account = barua_sqlite_get_account,
  .count_accounts = barua_sqlite_count_accounts,
  .put_account = barua_sqlite_put_account,
  .delete_account = barua_sqlite_delete_account,
  .get_meta = barua_sqlite_get_meta,
  .put_meta = barua_sqlite_put_meta,
  .check = barua_sqlite_check,
  .reindex = barua_sqlite_reindex,
  .census = barua_sqlite_census,
  .note_activity = barua_sqlite_note_activity,
  .backup = barua_sqlite_backup,
  .restore = barua_sqlite_restore,
  .put_back = barua_sqlite_put_back,
  .schema = barua_sqlite_schema,
};
