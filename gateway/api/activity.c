/* SPDX-License-Identifier: MIT */

/* When users were heard of.  A write for each user and hour; while one is under way, whoever comes
 * waits for the next, so that ten thousand who come at once make few. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/activity.h"

#include "gateway/store/store-census.h"

#define NOTED_FOR_MS (60 * 60 * 1000)
#define AGAIN_MS (60 * 1000) /* after a write that failed */
#define MAX_NOTED 100000 /* then all are forgotten, and noted again */

struct _BaruaActivity
{
  BaruaApp *app;
  GHashTable *noted; /* name -> gint64: in milliseconds, when to note it again */
  GPtrArray *fresh;  /* names to be written */
  gboolean is_writing;
};

/* What is being written. */
typedef struct
{
  BaruaActivity *activity;
  GPtrArray *names;
  gint64 now_ms;
} Batch;

static void write_fresh (BaruaActivity *activity, gint64 now_ms);

BaruaActivity *
barua_activity_new (BaruaApp *app)
{
  BaruaActivity *activity = g_new0 (BaruaActivity, 1);

  activity->app = app;
  activity->noted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  activity->fresh = g_ptr_array_new_with_free_func (g_free);
  return activity;
}

void
barua_activity_free (BaruaActivity *activity)
{
  g_hash_table_unref (activity->noted);
  g_ptr_array_unref (activity->fresh);
  g_free (activity);
}

static void
batch_free (gpointer data)
{
  Batch *batch = data;

  g_ptr_array_unref (batch->names);
  g_free (batch);
}

/* BaruaJob */
static gboolean
put_batch (BaruaTx *tx, gpointer data, GError **error)
{
  const Batch *batch = data;

  for (guint i = 0; i < batch->names->len; i++)
    if (!barua_tx_note_activity (tx, batch->names->pdata[i], batch->now_ms, error))
      return FALSE;
  return TRUE;
}

/* Sets when a user is noted again. */
static void
set_next (BaruaActivity *activity, const char *name, gint64 next_ms)
{
  gint64 *next = g_new (gint64, 1);

  if (g_hash_table_size (activity->noted) >= MAX_NOTED)
    g_hash_table_remove_all (activity->noted);
  *next = next_ms;
  g_hash_table_replace (activity->noted, g_strdup (name), next);
}

static void
batch_put (GObject *source, GAsyncResult *result, gpointer user_data)
{
  const Batch *batch = user_data; /* freed by the store afterwards */
  BaruaActivity *activity = batch->activity;
  g_autoptr (GError) error = NULL;

  activity->is_writing = FALSE;
  if (!barua_store_write_finish (activity->app->store, result, &error))
    {
      g_warning ("who was heard of could not be noted: %s", error->message);
      for (guint i = 0; i < batch->names->len; i++)
        set_next (activity, batch->names->pdata[i], batch->now_ms + AGAIN_MS);
    }
  if (activity->fresh->len > 0 && activity->app->store != NULL)
    write_fresh (activity, barua_now_ms ());
}

/* Writes who came since the last time. */
static void
write_fresh (BaruaActivity *activity, gint64 now_ms)
{
  Batch *batch = g_new (Batch, 1);

  *batch = (Batch){ activity, g_steal_pointer (&activity->fresh), now_ms };
  activity->fresh = g_ptr_array_new_with_free_func (g_free);
  activity->is_writing = TRUE;
  barua_store_write_async (activity->app->store, put_batch, batch, batch_free, 0, NULL, batch_put,
                           batch);
}

void
barua_activity_note (BaruaActivity *activity, const char *name, gint64 now_ms)
{
  const gint64 *next_ms = g_hash_table_lookup (activity->noted, name);

  /* a clock that was set back must not silence anybody for long */
  if (next_ms != NULL && now_ms < *next_ms && *next_ms - now_ms <= NOTED_FOR_MS)
    return;
  set_next (activity, name, now_ms + NOTED_FOR_MS);
  g_ptr_array_add (activity->fresh, g_strdup (name));
  if (!activity->is_writing)
    write_fresh (activity, now_ms);
}
