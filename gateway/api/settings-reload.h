/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/app.h"

G_BEGIN_DECLS

/** Whether settings are compiled from the document of this id, one of the default database. */
gboolean barua_settings_is_source (BaruaText id);

/**
 * barua_settings_reload:
 * @done: (nullable): called from the main loop when settings as new as this call are in force, or
 *   could not be compiled, which is logged and leaves those before in force
 *
 * Compiles the stored settings again after somebody wrote them as documents (architecture,
 * "Settings snapshot"). Calls that come while one is at work share the next one.
 */
void barua_settings_reload (BaruaApp *app, void (*done) (gpointer data), gpointer data);

G_END_DECLS
