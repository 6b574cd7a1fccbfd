/* SPDX-License-Identifier: MIT */

/* The verbs of databases, local documents and index definitions; compaction in slices. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/store-databases.h"

#include "gateway/store/engine.h"

#include <string.h>

#define LOCAL_PREFIX BARUA_TEXT ("_local/")

/* ---- databases ---- */

gboolean
barua_tx_create_database (BaruaTx *tx, const char *db, GError **error)
{
  if (!barua_database_name_is_valid (barua_text (db)))
    {
      g_set_error (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_INVALID,
                   "Name: '%s'. Only lowercase characters (a-z), digits (0-9), and any of the"
                   " characters _, $, (, ), +, -, and / are allowed. Must begin with a letter.",
                   db);
      return FALSE;
    }
  return tx->reader.store->engine->create_database (tx, db, error);
}

gboolean
barua_tx_drop_database (BaruaTx *tx, const char *db, GError **error)
{
  BaruaStore *store = tx->reader.store;

  if (db == NULL || g_str_equal (db, store->default_db) || g_str_equal (db, BARUA_DB_USERS))
    {
      g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_FORBIDDEN,
                           "this database cannot be deleted");
      return FALSE;
    }
  return store->engine->drop_database (tx, db, error);
}

gboolean
barua_reader_list_databases (BaruaReader *reader, GPtrArray **names, GError **error)
{
  return reader->store->engine->list_databases (reader, names, error);
}

gboolean
barua_reader_has_database (BaruaReader *reader, const char *db, gboolean *has, GError **error)
{
  g_autoptr (GError) reason = NULL;
  BaruaDatabaseInfo info;

  *has = reader->store->engine->database_info (reader, db, &info, &reason);
  if (*has || g_error_matches (reason, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&reason));
  return FALSE;
}

gboolean
barua_reader_get_security (BaruaReader *reader, const char *db, char **json, GError **error)
{
  g_autofree char *found = NULL;

  if (!reader->store->engine->get_security (reader, db, &found, error))
    return FALSE;
  *json = found != NULL
              ? g_steal_pointer (&found)
              : g_strdup (
                  "{\"admins\":{\"roles\":[\"_admin\"]},\"members\":{\"roles\":[\"_admin\"]}}");
  return TRUE;
}

gboolean
barua_tx_put_security (BaruaTx *tx, const char *db, BaruaText json, GError **error)
{
  return tx->reader.store->engine->put_security (tx, db, json, error);
}

gboolean
barua_reader_get_revs_limit (BaruaReader *reader, const char *db, gint64 *limit, GError **error)
{
  return reader->store->engine->get_revs_limit (reader, db, limit, error);
}

gboolean
barua_tx_put_revs_limit (BaruaTx *tx, const char *db, gint64 limit, GError **error)
{
  g_return_val_if_fail (limit >= 1, FALSE);

  return tx->reader.store->engine->put_revs_limit (tx, db, limit, error);
}

/* ---- compaction ---- */

/* A compaction on its way from slice to slice. */
typedef struct
{
  BaruaStore *store;
  char *db;
  gint64 cursor;      /* reached by what is committed */
  gint64 next_cursor; /* reached by the slice that runs */
} Compaction;

static void
compaction_free (gpointer data)
{
  Compaction *compaction = data;

  g_free (compaction->db);
  g_free (compaction);
}

/* A #BaruaJob: one slice. */
static gboolean
compact_job (BaruaTx *tx, gpointer data, GError **error)
{
  Compaction *compaction = data;

  compaction->next_cursor = compaction->cursor;
  return tx->reader.store->engine->compact (tx, compaction->db, &compaction->next_cursor, error);
}

/* The name in the list of those that are compacted. */
static gboolean
find_compacting (BaruaStore *store, const char *db, guint *index)
{
  return g_ptr_array_find_with_equal_func (store->compacting, db, g_str_equal, index);
}

/* After one slice: the next one, or the end. */
static void
on_slice (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  Compaction *compaction = g_task_get_task_data (task);
  GError *error = NULL;
  guint index;

  const gboolean is_ok = barua_store_write_finish (compaction->store, result, &error);
  compaction->cursor = compaction->next_cursor;
  if (is_ok && compaction->cursor >= 0)
    {
      GCancellable *cancellable = g_task_get_cancellable (task);
      barua_store_write_async (compaction->store, compact_job, compaction, NULL, 0, cancellable,
                               on_slice, g_steal_pointer (&task));
      return;
    }
  if (find_compacting (compaction->store, compaction->db, &index))
    g_ptr_array_remove_index (compaction->store->compacting, index);
  if (is_ok)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
barua_store_compact_async (BaruaStore *store, const char *db, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);
  Compaction *compaction = g_new0 (Compaction, 1);

  compaction->store = store;
  compaction->db = g_strdup (db != NULL ? db : store->default_db);
  g_task_set_task_data (task, compaction, compaction_free);
  g_ptr_array_add (store->compacting, g_strdup (compaction->db));
  barua_store_write_async (store, compact_job, compaction, NULL, 0, cancellable, on_slice, task);
}

gboolean
barua_store_compact_finish (BaruaStore *store, GAsyncResult *result, GError **error)
{
  return barua_store_write_finish (store, result, error);
}

gboolean
barua_store_is_compacting (BaruaStore *store, const char *db)
{
  return find_compacting (store, db != NULL ? db : store->default_db, NULL);
}

/* ---- local documents ---- */

/* Checks the id of a local document. */
static gboolean
check_local_id (BaruaText id, GError **error)
{
  const BaruaText prefix = LOCAL_PREFIX;

  if (id.n > prefix.n && id.n <= BARUA_DOCUMENT_ID_MAX_BYTES
      && memcmp (id.p, prefix.p, prefix.n) == 0 && g_utf8_validate_len (id.p, id.n, NULL))
    return TRUE;
  g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_INVALID,
                       "Invalid local document id");
  return FALSE;
}

/* Reads `0-k`; -1 for none. */
static gboolean
read_local_rev (BaruaText rev, gint64 *k, GError **error)
{
  *k = -1;
  if (rev.p == NULL)
    return TRUE;

  gboolean is_rev = rev.n > 2 && rev.n < 20 && rev.p[0] == '0' && rev.p[1] == '-';
  *k = 0;
  for (gsize i = 2; is_rev && i < rev.n; i++)
    {
      is_rev = g_ascii_isdigit (rev.p[i]);
      *k = *k * 10 + (rev.p[i] - '0');
    }
  if (!is_rev)
    g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_INVALID_REV,
                         "Invalid rev format");
  return is_rev;
}

BaruaDocument *
barua_reader_get_local (BaruaReader *reader, const char *db, BaruaText id, GError **error)
{
  return reader->store->engine->get_local (reader, db, id, error);
}

gboolean
barua_reader_list_local (BaruaReader *reader, const char *db, BaruaText from, gboolean is_descending,
                         BaruaLocalFunc func, gpointer data, GError **error)
{
  return reader->store->engine->list_local (reader, db, from, is_descending, func, data, error);
}

gboolean
barua_tx_put_local (BaruaTx *tx, const char *db, BaruaText id, BaruaText rev, BaruaText body,
                    BaruaWritten *written, GError **error)
{
  gint64 k;

  if (!check_local_id (id, error) || !read_local_rev (rev, &k, error)
      || !tx->reader.store->engine->put_local (tx, db, id, k, body, &k, error))
    return FALSE;
  if (written == NULL)
    return TRUE;
  memcpy (written->id, id.p, id.n);
  written->id[id.n] = '\0';
  g_snprintf (written->rev, sizeof written->rev, "0-%" G_GINT64_FORMAT, k);
  written->seq = 0;
  return TRUE;
}

gboolean
barua_tx_delete_local (BaruaTx *tx, const char *db, BaruaText id, BaruaText rev, GError **error)
{
  gint64 k;

  return read_local_rev (rev, &k, error)
         && tx->reader.store->engine->delete_local (tx, db, id, k, error);
}

/* ---- index definitions ---- */

gboolean
barua_reader_list_indexes (BaruaReader *reader, const char *db, BaruaIndexFunc func, gpointer data,
                           GError **error)
{
  return reader->store->engine->list_indexes (reader, db, func, data, error);
}

gboolean
barua_tx_put_index (BaruaTx *tx, const char *db, const BaruaIndex *index, gboolean *is_new,
                    GError **error)
{
  return tx->reader.store->engine->put_index (tx, db, index, is_new, error);
}

gboolean
barua_tx_delete_index (BaruaTx *tx, const char *db, BaruaText ddoc, BaruaText name, GError **error)
{
  return tx->reader.store->engine->delete_index (tx, db, ddoc, name, error);
}
