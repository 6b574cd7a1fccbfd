/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/app.h"

G_BEGIN_DECLS

/**
 * BaruaTimers:
 *
 * What happens without a request: scheduled messages become due, waiting ones expire, old sessions and
 * counters go, last polls are kept. One timer on the next due time, by the wall clock (a clock that
 * is set wakes it), and a sweep every five minutes (messaging.md 8). The work is done in small jobs,
 * one after the other, so that requests go between them. Main thread only.
 */
typedef struct _BaruaTimers BaruaTimers;

/** Runs for the first time at once. (transfer full) */
BaruaTimers *barua_timers_new (BaruaApp *app);

/** Ends them; a job under way ends by itself. */
void barua_timers_free (BaruaTimers *timers);

/** Does now what is due, as SIGUSR2 asks (cli.md). */
void barua_timers_run (BaruaTimers *timers);

/** (timers nullable) A message was scheduled for @due_ms. */
void barua_timers_hear (BaruaTimers *timers, gint64 due_ms);

G_END_DECLS
