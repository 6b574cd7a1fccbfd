/* SPDX-License-Identifier: MIT */

/* Connections to the file, their settings and their prepared statements. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <errno.h>

#include <sqlite3.h>

#define DEFAULT_CACHE_MIB 8
#define BUSY_TIMEOUT_MS 5000

/* Steps of SQLite's machine between two looks at the clock. */
#define PROGRESS_STEPS 20000

gboolean
barua_sqlite_fail (BaruaSqliteHandle *handle, GError **error)
{
  const int result = handle != NULL ? sqlite3_errcode (handle) & 0xff : SQLITE_NOMEM;
  BaruaStoreError code = BARUA_STORE_ERROR_FAILED;

  if (result == SQLITE_FULL || (result == SQLITE_IOERR && sqlite3_system_errno (handle) == ENOSPC))
    code = BARUA_STORE_ERROR_FULL;
  else if (result == SQLITE_BUSY || result == SQLITE_INTERRUPT)
    code = BARUA_STORE_ERROR_BUSY;
  g_set_error (error, BARUA_STORE_ERROR, code, "SQLite: %s (%d)",
               handle != NULL ? sqlite3_errmsg (handle) : "out of memory",
               handle != NULL ? sqlite3_extended_errcode (handle) : result);
  return FALSE;
}

gboolean
barua_sqlite_exec (BaruaSqliteHandle *handle, const char *sql, GError **error)
{
  return sqlite3_exec (handle, sql, NULL, NULL, NULL) == SQLITE_OK
         || barua_sqlite_fail (handle, error);
}

gboolean
barua_sqlite_query_integer (BaruaSqliteHandle *handle, const char *sql, gint64 *value,
                            GError **error)
{
  sqlite3_stmt *statement = NULL;

  if (sqlite3_prepare_v2 (handle, sql, -1, &statement, NULL) != SQLITE_OK)
    return barua_sqlite_fail (handle, error);
  const int result = sqlite3_step (statement);
  if (result == SQLITE_ROW)
    *value = sqlite3_column_int64 (statement, 0);
  else if (result == SQLITE_DONE)
    *value = 0;
  else
    barua_sqlite_fail (handle, error);
  sqlite3_finalize (statement);
  return result == SQLITE_ROW || result == SQLITE_DONE;
}

/* Ends what takes too long, or what must stop now. */
static int
on_progress (void *data)
{
  const BaruaSqliteConnection *connection = data;

  if (connection->stop != NULL && g_atomic_int_get (connection->stop))
    return 1;
  return connection->deadline_us != 0 && g_get_monotonic_time () > connection->deadline_us;
}

/* Settings of every connection (documents.md 14.2). */
static gboolean
apply_settings (BaruaSqliteConnection *connection, BaruaSqliteRole role, guint cache_mib,
                GError **error)
{
  sqlite3 *handle = connection->handle;
  const guint writer_kib = (cache_mib > 0 ? cache_mib : DEFAULT_CACHE_MIB) * 1024;
  g_autofree char *cache = g_strdup_printf ("PRAGMA cache_size = -%u",
                                            role == BARUA_SQLITE_WRITER ? writer_kib : 2048);

  sqlite3_busy_timeout (handle, BUSY_TIMEOUT_MS);
  sqlite3_db_config (handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_progress_handler (handle, PROGRESS_STEPS, on_progress, connection);
  if (!barua_sqlite_exec (handle,
                          "PRAGMA foreign_keys = OFF; PRAGMA trusted_schema = OFF;"
                          "PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0",
                          error)
      || !barua_sqlite_exec (handle, cache, error))
    return FALSE;
  if (role == BARUA_SQLITE_READER)
    return barua_sqlite_exec (handle, "PRAGMA query_only = ON", error);
  if (role == BARUA_SQLITE_KEEPER)
    return barua_sqlite_exec (handle, "PRAGMA wal_autocheckpoint = 0", error);
  /* The first two only take effect before the first table, and before the log is switched on. */
  return barua_sqlite_exec (handle,
                            "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL;"
                            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                            "PRAGMA secure_delete = FAST;" /* masked tokens are gone */
                            "PRAGMA wal_autocheckpoint = 0",
                            error);
}

/* Switches off what costs time in every allocation and is never asked for. */
static gpointer
configure_library (gpointer data)
{
  sqlite3_config (SQLITE_CONFIG_MEMSTATUS, 0);
  sqlite3_initialize ();
  return NULL;
}

BaruaSqliteConnection *
barua_sqlite_connect (BaruaStore *store, const char *path, BaruaSqliteRole role, guint cache_mib,
                      GError **error)
{
  static GOnce once = G_ONCE_INIT;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
                    | (role == BARUA_SQLITE_WRITER ? SQLITE_OPEN_CREATE : 0);

  g_once (&once, configure_library, NULL);
  BaruaSqliteConnection *connection = g_new0 (BaruaSqliteConnection, 1);
  connection->tx.reader.store = store;
  connection->is_writer = role == BARUA_SQLITE_WRITER;
  connection->renamed = g_ptr_array_new ();
  connection->databases = g_array_new (FALSE, FALSE, sizeof (BaruaSqliteDatabase));
  connection->databases_before = g_array_new (FALSE, FALSE, sizeof (BaruaSqliteDatabase));
  connection->projection.rows = g_array_new (FALSE, FALSE, sizeof (BaruaMessageRow));
  if (sqlite3_open_v2 (path, &connection->handle, flags, NULL) == SQLITE_OK
      && apply_settings (connection, role, cache_mib, error))
    return connection;

  if (error != NULL && *error == NULL)
    barua_sqlite_fail (connection->handle, error);
  barua_sqlite_disconnect (connection);
  return NULL;
}

void
barua_sqlite_disconnect (BaruaSqliteConnection *connection)
{
  for (guint i = 0; i < BARUA_N_SQL; i++)
    sqlite3_finalize (connection->statements[i]);
  sqlite3_close (connection->handle);
  g_free (connection->wants_lookups);
  g_ptr_array_unref (connection->renamed);
  g_array_unref (connection->databases);
  g_array_unref (connection->databases_before);
  g_clear_pointer (&connection->claims, g_array_unref);
  g_clear_pointer (&connection->places, g_hash_table_unref);
  g_array_unref (connection->projection.rows);
  g_clear_pointer (&connection->arena, barua_arena_free);
  g_free (connection);
}

BaruaStatement *
barua_sqlite_statement (BaruaSqliteConnection *connection, BaruaSql which, GError **error)
{
  BaruaStatement **statement = &connection->statements[which];

  if (*statement == NULL
      && sqlite3_prepare_v3 (connection->handle, barua_sqlite_text (which), -1,
                             SQLITE_PREPARE_PERSISTENT, statement, NULL)
             != SQLITE_OK)
    barua_sqlite_fail (connection->handle, error);
  return *statement;
}

void
barua_statement_reset (BaruaStatement *statement)
{
  sqlite3_reset (statement);
}

gboolean
barua_statement_step (BaruaStatement *statement, gboolean *has_row, GError **error)
{
  const int result = sqlite3_step (statement);

  if (result != SQLITE_ROW && result != SQLITE_DONE)
    return barua_sqlite_fail (sqlite3_db_handle (statement), error);
  *has_row = result == SQLITE_ROW;
  return TRUE;
}

gboolean
barua_statement_run (BaruaStatement *statement, GError **error)
{
  const gboolean is_done = sqlite3_step (statement) == SQLITE_DONE
                           || barua_sqlite_fail (sqlite3_db_handle (statement), error);

  sqlite3_reset (statement);
  return is_done;
}

gboolean
barua_sqlite_run (BaruaSqliteConnection *connection, BaruaSql which, GError **error)
{
  BaruaStatement *statement = barua_sqlite_statement (connection, which, error);

  return statement != NULL && barua_statement_run (statement, error);
}

void
barua_bind_text (BaruaStatement *statement, int i, BaruaText text)
{
  sqlite3_bind_text (statement, i, text.p, (int)text.n, SQLITE_STATIC);
}

void
barua_bind_blob (BaruaStatement *statement, int i, BaruaText bytes)
{
  sqlite3_bind_blob (statement, i, bytes.p, (int)bytes.n, SQLITE_STATIC);
}

BaruaText
barua_column_text (BaruaStatement *statement, int i)
{
  const char *p = (const char *)sqlite3_column_text (statement, i);

  return (BaruaText){ p, p != NULL ? (gsize)sqlite3_column_bytes (statement, i) : 0 };
}

BaruaText
barua_column_blob (BaruaStatement *statement, int i)
{
  const gsize n = (gsize)sqlite3_column_bytes (statement, i);
  const char *p = sqlite3_column_blob (statement, i);

  return (BaruaText){ p, p != NULL ? n : 0 };
}
