/* SPDX-License-Identifier: MIT */

/* Settings that were changed as documents come into force. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/settings-reload.h"

#include "forms/settings-edit.h"
#include "gateway/api/settings-document.h"

/* Who waits for settings. */
typedef struct
{
  void (*done) (gpointer data);
  gpointer data;
} Waiter;

/* One reading and compiling of all that settings are made from. */
typedef struct
{
  BaruaApp *app;
  guint serial; /* of the settings in force when it began */
  GArray *waiters;
  BaruaSettingsSource source;
  GBytes *text; /* completed; NULL when nothing is stored */
  BaruaSettingsCompletion completion;
} Reload;

static void begin (BaruaApp *app);

gboolean
barua_settings_is_source (BaruaText id)
{
  static const BaruaText prefix = BARUA_TEXT ("messages-");

  return barua_text_equal (id, BARUA_TEXT (BARUA_SETTINGS_ID))
         || (id.n > prefix.n && memcmp (id.p, prefix.p, prefix.n) == 0);
}

/* Tells everybody and begins again for those who came meanwhile. */
static void
finish (Reload *reload)
{
  BaruaApp *app = reload->app;
  g_autoptr (GArray) waiters = g_steal_pointer (&reload->waiters);

  barua_settings_source_clear (&reload->source);
  g_clear_pointer (&reload->text, g_bytes_unref);
  g_free (reload);
  app->is_reloading = FALSE;
  for (guint i = 0; i < waiters->len; i++)
    {
      const Waiter *waiter = &g_array_index (waiters, Waiter, i);
      if (waiter->done != NULL)
        waiter->done (waiter->data);
    }
  if (app->reload_waiters->len > 0 && !app->is_reloading)
    begin (app);
}

/* GTask, on a worker. */
static void
compile (GTask *task, gpointer source_object, gpointer data, GCancellable *cancellable)
{
  Reload *reload = data;
  BaruaJson stored = barua_settings_source_json (&reload->source);
  g_autoptr (GBytes) bytes = NULL;
  GError *error = NULL;

  if (stored.text == NULL)
    bytes = g_bytes_new_static ("{}", 2);
  else
    {
      GString *text = barua_settings_edit (stored, stored, BARUA_SETTINGS_OVERWRITE, &error);
      bytes = text != NULL ? g_string_free_to_bytes (text) : NULL;
      reload->text = bytes != NULL ? g_bytes_ref (bytes) : NULL;
    }
  BaruaSettings *settings
      = bytes != NULL ? barua_settings_source_compile (&reload->source, bytes, &error) : NULL;
  if (settings != NULL)
    g_task_return_pointer (task, settings, (GDestroyNotify)barua_settings_unref);
  else
    g_task_return_error (task, error);
}

/* Somebody who wrote again meanwhile has the last word: that is loaded next. */
static void
completion_put (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Reload *reload = user_data;
  g_autoptr (GError) error = NULL;

  if (!barua_store_write_finish (reload->app->store, result, &error)
      && !g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_CONFLICT))
    g_warning ("permissions that are missing in the settings cannot be stored: %s", error->message);
  finish (reload);
}

/* Stores the permissions that whoever wrote the document left out (settings-and-forms.md 2.3);
 * FALSE when none are missing. */
static gboolean
store_completion (Reload *reload)
{
  BaruaJson stored = barua_settings_source_json (&reload->source);
  gsize n = 0;
  const char *text = reload->text != NULL ? g_bytes_get_data (reload->text, &n) : NULL;

  if (text == NULL
      || barua_text_equal ((BaruaText){ text, n }, (BaruaText){ stored.text, stored.length }))
    return FALSE;
  reload->completion = (BaruaSettingsCompletion){ &reload->source, { text, n } };
  barua_store_write_async (reload->app->store, barua_settings_completion_put, &reload->completion,
                           NULL, n, NULL, completion_put, reload);
  return TRUE;
}

static void
compiled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Reload *reload = user_data;
  BaruaApp *app = reload->app;
  g_autoptr (GError) error = NULL;
  g_autoptr (BaruaSettings) settings = g_task_propagate_pointer (G_TASK (result), &error);

  if (settings == NULL)
    g_warning ("the settings that were stored cannot be used, those before stay in force: %s",
               error->message);
  else if (app->settings_serial == reload->serial)
    {
      barua_app_set_settings (app, settings);
      if (store_completion (reload))
        return;
    }
  else /* others came into force meanwhile, perhaps newer ones: look again */
    {
      g_array_append_vals (app->reload_waiters, reload->waiters->data, reload->waiters->len);
      g_array_set_size (reload->waiters, 0);
    }
  finish (reload);
}

static void
source_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Reload *reload = user_data;
  g_autoptr (GError) error = NULL;

  if (!barua_store_read_finish (reload->app->store, result, &error))
    {
      g_warning ("the settings cannot be read again: %s", error->message);
      finish (reload);
      return;
    }
  g_autoptr (GTask) task = g_task_new (NULL, NULL, compiled, reload);
  g_task_set_task_data (task, reload, NULL);
  g_task_run_in_thread (task, compile);
}

/* Takes the waiters along. */
static void
begin (BaruaApp *app)
{
  Reload *reload = g_new0 (Reload, 1);

  reload->app = app;
  reload->serial = app->settings_serial;
  reload->waiters = app->reload_waiters;
  app->reload_waiters = g_array_new (FALSE, FALSE, sizeof (Waiter));
  app->is_reloading = TRUE;
  barua_store_read_async (app->store, barua_settings_source_read, &reload->source, NULL, NULL,
                          source_read, reload);
}

void
barua_settings_reload (BaruaApp *app, void (*done) (gpointer data), gpointer data)
{
  const Waiter waiter = { done, data };

  if (app->reload_waiters == NULL)
    app->reload_waiters = g_array_new (FALSE, FALSE, sizeof (Waiter));
  g_array_append_val (app->reload_waiters, waiter);
  if (!app->is_reloading)
    begin (app);
}
