/* SPDX-License-Identifier: MIT */

/* The objects of a running server, and what the HTTP layer asks of them. */

#define G_LOG_DOMAIN "barua"

#include "gateway/app.h"

#include "forms/permissions.h"
#include "gateway/api/activity.h"
#include "gateway/api/account-lookup.h"
#include "gateway/api/changes.h"
#include "gateway/api/push.h"
#include "gateway/api/counters.h"
#include "gateway/api/figures.h"
#include "gateway/api/gateways.h"
#include "gateway/api/health.h"
#include "gateway/api/settings-document.h"
#include "gateway/api/settings-reload.h"
#include "gateway/timers.h"
#include "gateway/upgrade.h"

gint64
barua_now_ms (void)
{
  return g_get_real_time () / 1000;
}

/* BaruaWatchFunc: wakes who waits.  What another process wrote may be anything. */
static void
hear_news (const BaruaNews *news, gpointer data)
{
  BaruaApp *app = data;

  barua_feeds_wake (app, news);
  if (news->due_ms < G_MAXINT64)
    barua_timers_hear (app->timers, news->due_ms);
  barua_push_soon (app->push);
  if (!news->is_foreign)
    return;
  barua_auth_forget_all (app->auth);
  if (app->timers != NULL)
    barua_timers_run (app->timers);
  barua_settings_reload (app, NULL, NULL);
}

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
  app->auth = barua_auth_new (&barua_account_lookup, app);
  g_queue_init (&app->settings_changes);
  app->feeds = g_ptr_array_new ();
  app->started_us = g_get_monotonic_time ();
  app->counters = barua_counters_new ();
  app->figures = barua_figures_cache_new ();
  app->activity = barua_activity_new (app);
  app->health = barua_health_new (app);
  app->xforms = barua_xform_cache_new ();
  barua_store_watch (store, hear_news, app);
  return app;
}

void
barua_app_free (BaruaApp *app)
{
  if (app == NULL)
    return;
  g_clear_pointer (&app->server, barua_server_free);
  barua_store_watch (app->store, NULL, NULL);
  g_clear_pointer (&app->push, barua_push_free);
  g_clear_pointer (&app->upgrade, barua_upgrade_free);
  if (app->gateways != NULL)
    barua_gateways_flush (app->gateways);
  g_clear_pointer (&app->timers, barua_timers_free);
  g_clear_pointer (&app->store, barua_store_close);
  /* what the last jobs still have to say */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_clear_pointer (&app->gateways, barua_gateways_free);
  barua_activity_free (app->activity);
  barua_health_free (app->health);
  g_clear_pointer (&app->auth, barua_auth_free);
  g_clear_pointer (&app->credentials, barua_credentials_unref);
  g_clear_pointer (&app->counting, g_hash_table_unref);
  g_clear_pointer (&app->settings, barua_settings_unref);
  g_clear_pointer (&app->reload_waiters, g_array_unref);
  g_ptr_array_unref (app->feeds);
  barua_counters_free (app->counters);
  barua_figures_cache_free (app->figures);
  barua_xform_cache_free (app->xforms);
  g_free (app);
}

void
barua_app_set_settings (BaruaApp *app, BaruaSettings *settings)
{
  BaruaSettings *before = app->settings;

  app->settings = barua_settings_ref (settings);
  app->settings_serial++;
  barua_settings_unref (before);
  barua_push_soon (app->push); /* there may be a carrier now */
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

/* BaruaServerApp.is_online */
static gboolean
is_online (gpointer settings, const BaruaUser *user)
{
  return barua_permissions_is_online (barua_settings_json (settings),
                                      (const char *const *)user->roles);
}

/* BaruaServerApp.heard_of */
static void
heard_of (gpointer app, const BaruaUser *user)
{
  barua_activity_note (((BaruaApp *)app)->activity, user->name, barua_now_ms ());
}

BaruaServerApp
barua_app_for_server (BaruaApp *app)
{
  return (BaruaServerApp){
    .app = app,
    .settings_ref = settings_ref,
    .settings_unref = settings_unref,
    .may = may,
    .is_online = is_online,
    .heard_of = heard_of,
  };
}
