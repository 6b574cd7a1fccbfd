/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/app.h"

G_BEGIN_DECLS

/**
 * BaruaActivity:
 *
 * When users were heard of: `connected_users` of export-and-monitoring.md 7.1. A request that was authenticated
 * is noted in the store at once, and then not again for an hour. Main thread.
 */
typedef struct _BaruaActivity BaruaActivity;

/** @app: outlives it */
BaruaActivity *barua_activity_new (BaruaApp *app);

/** After the store was closed: what was noted until then is kept. */
void barua_activity_free (BaruaActivity *activity);

/** The user of that name sent a request. */
void barua_activity_note (BaruaActivity *activity, const char *name, gint64 now_ms);

G_END_DECLS
