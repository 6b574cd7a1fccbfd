/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/settings.h"
#include "gateway/rules/tasks.h"

G_BEGIN_DECLS

/* What time does to messages: they become due, and they expire (messaging.md 4.3, 8). */

/** Scheduled messages that are older are left as they are (messaging.md 8). */
#define BARUA_DUE_MAX_AGE_MS (7 * (gint64)86400000)

/**
 * barua_due_is_open:
 * @opens_ms: (out): when it is not, the next time when it will be
 *
 * Whether scheduled messages may go out now: between `schedule_morning_hours` and
 * `schedule_evening_hours` (with their `_minutes`) in the time zone of the process, both included;
 * 0:00 and 23:00 without settings.
 */
gboolean barua_due_is_open (const BaruaSettings *settings, gint64 now_ms, gint64 *opens_ms);

/** `sms.valid_days` in milliseconds: 7 days; 0: for ever (messaging.md 4.3). */
gint64 barua_due_valid_ms (const BaruaSettings *settings);

/**
 * barua_due_release:
 * @document: the whole document, an object
 * @arena: keeps what the changes hold
 * @changes: (element-type BaruaTaskChange): receives one for each scheduled task that becomes pending
 *
 * Finds the tasks in state `scheduled` that are due, at most %BARUA_DUE_MAX_AGE_MS old, and makes the
 * text of those that have none yet, in the record's language of now. A task whose text cannot be
 * made or is blank, or whose recipient is not known, stays as it is; with
 * `sms.clear_failing_schedules` it becomes `clear` (workflows.md 7.3).
 */
void barua_due_release (const BaruaSettings *settings, BaruaJson document, BaruaArena *arena,
                        gint64 now_ms, GArray *changes);

/**
 * barua_due_preview:
 * @task: one without messages yet
 * @to: (out): whom it would go to now; absent when that is not known
 * @content: (out): what it would say now; absent without a text
 *
 * What barua_due_release() would make of a scheduled task: for exports.
 */
void barua_due_preview (const BaruaSettings *settings, BaruaJson document, BaruaJson task,
                        BaruaArena *arena, BaruaText *to, BaruaText *content);

/**
 * barua_due_expire:
 * @changes: as above
 *
 * Finds the tasks that wait for a phone and are of no use any more: `valid_until` is over or, without
 * one, `sms.valid_days` have gone since they were due, or since they were last made pending.
 */
void barua_due_expire (const BaruaSettings *settings, BaruaJson document, gint64 now_ms,
                       GArray *changes);

G_END_DECLS
