/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/app.h"

G_BEGIN_DECLS

/**
 * BaruaHealthFunc:
 * @trouble: (nullable): what is wrong; %NULL: the main loop and the writer move
 */
typedef void (*BaruaHealthFunc) (const char *trouble, gpointer data);

/**
 * barua_health_ask:
 *
 * Has the writer make an empty commit, and tells @func within three seconds what came of it
 * (export-and-monitoring.md 7.2). Who asks while that is under way gets the same answer.
 */
void barua_health_ask (BaruaApp *app, BaruaHealthFunc func, gpointer data);

G_END_DECLS
