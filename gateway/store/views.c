/* SPDX-License-Identifier: MIT */

/* The verbs of views: which view is meant, and catching up in slices. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/store-views.h"

#include "gateway/rules/views.h"
#include "gateway/store/engine.h"

/* Finds the view; -1 with the reason when there is none. */
static int
find_view (BaruaStore *store, const char *db, const char *ddoc, const char *name, GError **error)
{
  const gboolean is_default = db == NULL || g_str_equal (db, store->default_db);
  const gboolean is_users = db != NULL && g_str_equal (db, BARUA_DB_USERS);
  int view = -1;

  if (is_default || is_users)
    view = barua_view_find (is_users, ddoc, name);
  if (view < 0)
    g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND,
                         (is_default || is_users) && barua_view_has_ddoc (is_users, ddoc)
                             ? "missing_named_view"
                             : "missing");
  return view;
}

gboolean
barua_reader_view (BaruaReader *reader, const BaruaViewQuery *query, BaruaListingTotals *totals,
                   BaruaViewFunc func, gpointer data, GError **error)
{
  const int view = find_view (reader->store, query->db, query->ddoc, query->view, error);

  return view >= 0
         && reader->store->engine->view (reader, query, (guint)view, totals, func, data, error);
}

gboolean
barua_reader_reduce_view (BaruaReader *reader, const BaruaViewQuery *query, int group_level,
                          BaruaViewFunc func, gpointer data, GError **error)
{
  const int view = find_view (reader->store, query->db, query->ddoc, query->view, error);

  if (view < 0)
    return FALSE;
  if (barua_view ((guint)view)->reducer == BARUA_REDUCE_NONE)
    {
      g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_INVALID,
                           "Reduce is invalid for map-only views.");
      return FALSE;
    }
  return reader->store->engine->reduce_view (reader, query, (guint)view, group_level, func, data,
                                             error);
}

/* ---- catching up ---- */

/* A view that is brought up to date. */
typedef struct
{
  BaruaStore *store;
  guint view;
  gboolean is_done;
} CatchUp;

/* A #BaruaQuery: whether there is anything to do. */
static gboolean
look_query (BaruaReader *reader, gpointer data, GError **error)
{
  CatchUp *catch_up = data;

  return reader->store->engine->is_caught_up (reader, catch_up->view, &catch_up->is_done, error);
}

/* A #BaruaJob: one slice. */
static gboolean
slice_job (BaruaTx *tx, gpointer data, GError **error)
{
  CatchUp *catch_up = data;

  return tx->reader.store->engine->catch_up (tx, barua_view (catch_up->view)->is_of_users,
                                             &catch_up->is_done, error);
}

/* After the look or a slice: the next slice, or the end. */
static void
on_step (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  CatchUp *catch_up = g_task_get_task_data (task);
  GCancellable *cancellable = g_task_get_cancellable (task);
  GError *error = NULL;

  if (!barua_store_write_finish (catch_up->store, result, &error))
    g_task_return_error (task, error);
  else if (catch_up->is_done)
    g_task_return_boolean (task, TRUE);
  else
    barua_store_write_async (catch_up->store, slice_job, catch_up, NULL, 0, cancellable, on_step,
                             g_steal_pointer (&task));
}

void
barua_store_catch_up_async (BaruaStore *store, const char *db, const char *ddoc, const char *view,
                            GCancellable *cancellable, GAsyncReadyCallback callback,
                            gpointer user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);
  GError *error = NULL;
  const int number = find_view (store, db, ddoc, view, &error);

  if (number < 0)
    {
      g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }
  CatchUp *catch_up = g_new0 (CatchUp, 1);
  catch_up->store = store;
  catch_up->view = (guint)number;
  g_task_set_task_data (task, catch_up, g_free);
  barua_store_read_async (store, look_query, catch_up, NULL, cancellable, on_step, task);
}

gboolean
barua_store_catch_up_finish (BaruaStore *store, GAsyncResult *result, GError **error)
{
  return barua_store_write_finish (store, result, error);
}

gboolean
barua_store_catch_up (BaruaStore *store, const char *db, const char *ddoc, const char *view,
                      GError **error)
{
  const int number = find_view (store, db, ddoc, view, error);
  CatchUp catch_up = { .store = store, .view = (guint)number };

  if (number < 0 || !barua_store_read (store, look_query, &catch_up, error))
    return FALSE;
  while (!catch_up.is_done)
    if (!barua_store_write (store, slice_job, &catch_up, error))
      return FALSE;
  return TRUE;
}
