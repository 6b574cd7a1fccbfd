/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/settings.h"
#include "gateway/credentials.h"
#include "gateway/api/xforms.h"
#include "gateway/http/server.h"
#include "gateway/store/store.h"

G_BEGIN_DECLS

/**
 * BaruaApp:
 * @settings: the snapshot in force; swapped in the main thread, after the commit that changed it
 * @settings_serial: counts the swaps
 * @reload_waiters: (nullable): see gateway/api/settings-reload.c
 * @settings_changes: changes of the settings that wait for each other, see gateway/api/settings.c
 * @feeds: feeds of changes that wait or may have to, see gateway/api/changes.c
 * @started_us: monotonic time of the start
 * @counters: what came in, see gateway/api/counters.h
 * @figures: (nullable): the last look at the store in numbers, see gateway/api/figures.c
 * @gateways: (nullable): see gateway/api/gateways.h
 * @timers: (nullable): see gateway/timers.h
 * @activity: who was heard of, see gateway/api/activity.h
 * @health: what is known of the writer, see gateway/api/health.c
 * @xforms: what is known of XForms
 * @counting: (nullable): see gateway/api/user-count.h
 *
 * @credentials: (nullable): secrets of webhooks and services
 * @push: (nullable): see gateway/api/push.h
 * @upgrade: see gateway/upgrade.h
 *
 * What every handler gets. Main thread only.
 */
typedef struct
{
  BaruaStore *store;
  BaruaAuth *auth;
  BaruaServer *server;
  BaruaSettings *settings;
  guint settings_serial;
  gboolean is_reloading;
  GArray *reload_waiters;
  GQueue settings_changes;
  GPtrArray *feeds;
  gint64 started_us;
  struct _BaruaCounters *counters;
  struct _BaruaFiguresCache *figures;
  struct _BaruaActivity *activity;
  struct _BaruaHealth *health;
  BaruaXFormCache *xforms;
  GHashTable *counting;
  struct _BaruaGateways *gateways;
  struct _BaruaTimers *timers;
  BaruaCredentials *credentials;
  struct _BaruaPush *push;
  struct _BaruaUpgrade *upgrade;
} BaruaApp;

/**
 * barua_app_new:
 * @store: (transfer full)
 * @error: the stored settings cannot be read
 *
 * Compiles the stored settings and makes what handlers need, but for the server.
 */
BaruaApp *barua_app_new (BaruaStore *store, GError **error);

/** Closes the store; the server must have been freed before. */
void barua_app_free (BaruaApp *app);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaApp, barua_app_free)

/** Puts @settings in force; requests under way keep what they took. */
void barua_app_set_settings (BaruaApp *app, BaruaSettings *settings);

/** What the HTTP layer asks of @app. */
BaruaServerApp barua_app_for_server (BaruaApp *app);

/** Milliseconds since 1970. */
gint64 barua_now_ms (void);

G_END_DECLS
