/* SPDX-License-Identifier: MIT */

/* The objects of a running server, and what the HTTP layer asks of them. */

#define G_LOG_DOMAIN "barua"

#include "gateway/app.h"

#include "forms/permissions.h"
#include "gateway/api/settings-document.h"

/* One look-up of an account: from the main loop to a reader and back. */
typedef struct
{
  BaruaStore *store;
  char *name;
  BaruaAccountFound found;
  gpointer found_data;
  BaruaAuthAccount *account;
} FindAccount;

gint64
barua_now_ms (void)
{
  return g_get_real_time () / 1000;
}

/* The roles in a user document. */
static char **
roles_of (BaruaText body)
{
  g_autoptr (GStrvBuilder) roles = g_strv_builder_new ();
  BaruaJsonIter iter;
  BaruaJson role;

  barua_json_iter_init (&iter, barua_json_member ((BaruaJson){ body.p, body.n }, "roles"));
  while (barua_json_iter_next (&iter, NULL, &role))
    {
      g_autofree char *name = barua_json_string (role, NULL);
      if (name != NULL)
        g_strv_builder_add (roles, name);
    }
  return g_strv_builder_end (roles);
}

/* Query: an account with its roles; no account is no error. */
static gboolean
read_account (BaruaReader *reader, gpointer data, GError **error)
{
  FindAccount *find = data;
  g_autoptr (GError) local = NULL;
  g_autoptr (BaruaAccount) account = barua_reader_get_account (reader, find->name, &local);
  g_autoptr (BaruaDocument) document
      = account != NULL ? barua_reader_get_document (reader, BARUA_DB_USERS,
                                                     barua_text (account->document_id), &local)
                        : NULL;

  if (document != NULL)
    {
      g_auto (GStrv) roles = roles_of (document->body);
      find->account
          = barua_auth_account_new (account->name, account->hash, (const char *const *)roles);
      return TRUE;
    }
  if (g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND)
      || g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_DELETED))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static void
find_account_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  FindAccount *find = user_data; /* freed by the store afterwards */
  g_autoptr (GError) error = NULL;

  if (!barua_store_read_finish (find->store, result, &error))
    g_warning ("account look-up: %s", error->message);
  find->found (g_steal_pointer (&find->account), error, find->found_data);
}

static void
find_account_free (gpointer data)
{
  FindAccount *find = data;

  g_free (find->name);
  g_clear_pointer (&find->account, barua_auth_account_free);
  g_free (find);
}

/* BaruaAuthBackend.find_account */
static void
find_account (gpointer data, const char *name, BaruaAccountFound found, gpointer found_data)
{
  BaruaApp *app = data;
  FindAccount *find = g_new0 (FindAccount, 1);

  find->store = app->store;
  find->name = g_strdup (name);
  find->found = found;
  find->found_data = found_data;
  barua_store_read_async (app->store, read_account, find, find_account_free, NULL,
                          find_account_done, find);
}

static const BaruaAuthBackend auth_backend = { .find_account = find_account };

BaruaApp *
barua_app_new (BaruaStore *store, GError **error)
{
  g_autoptr (BaruaSettings) settings = barua_settings_document_load (store, error);

  if (settings == NULL)
    {
      barua_store_close (store);
      return NULL;
    }
  BaruaApp *app = g_new0 (BaruaApp, 1);
  app->store = store;
  app->settings = g_steal_pointer (&settings);
  app->auth = barua_auth_new (&auth_backend, app);
  app->health_waiting = g_ptr_array_new_with_free_func ((GDestroyNotify)barua_request_unref);
  return app;
}

void
barua_app_free (BaruaApp *app)
{
  if (app == NULL)
    return;
  g_clear_pointer (&app->server, barua_server_free);
  g_clear_pointer (&app->store, barua_store_close);
  /* what the last jobs still have to say */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_clear_pointer (&app->auth, barua_auth_free);
  g_clear_pointer (&app->settings, barua_settings_unref);
  g_ptr_array_unref (app->health_waiting);
  g_free (app);
}

void
barua_app_set_settings (BaruaApp *app, BaruaSettings *settings)
{
  BaruaSettings *before = app->settings;

  app->settings = barua_settings_ref (settings);
  barua_settings_unref (before);
}

/* BaruaServerApp.settings_ref */
static gpointer
settings_ref (gpointer app)
{
  return barua_settings_ref (((BaruaApp *)app)->settings);
}

/* BaruaServerApp.settings_unref */
static void
settings_unref (gpointer settings)
{
  barua_settings_unref (settings);
}

/* BaruaServerApp.may */
static gboolean
may (gpointer settings, const BaruaUser *user, const char *permission)
{
  return barua_permissions_may (barua_settings_json (settings), (const char *const *)user->roles,
                                permission);
}

BaruaServerApp
barua_app_for_server (BaruaApp *app)
{
  return (BaruaServerApp){
    .app = app, .settings_ref = settings_ref, .settings_unref = settings_unref, .may = may
  };
}
