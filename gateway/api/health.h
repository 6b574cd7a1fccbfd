/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/app.h"

G_BEGIN_DECLS

/**
 * BaruaHealthFunc:
 * @trouble: (nullable): what is wrong, static; %NULL: nothing
 */
typedef void (*BaruaHealthFunc) (const char *trouble, gpointer data);

/**
 * barua_health_ask:
 *
 * Asks whether the main loop and the writer move, and tells @func within three seconds (export-and-monitoring.md
 * 7.2). A writer that fails, on a full disk for example, moves: a new start would not help it. Who asks while that
 * is under way gets the same answer.
 */
void barua_health_ask (BaruaApp *app, BaruaHealthFunc func, gpointer data);

/**
 * barua_health_ask_ready:
 *
 * Asks whether anything can be stored, likewise: something small is written, at most once a second, and nothing may
 * have failed to be written in the last five.
 */
void barua_health_ask_ready (BaruaApp *app, BaruaHealthFunc func, gpointer data);

/** What @app->health is. */
struct _BaruaHealth *barua_health_new (BaruaApp *app);
void barua_health_free (struct _BaruaHealth *health);

G_END_DECLS
