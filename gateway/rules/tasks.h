/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/rules/messages.h"

G_BEGIN_DECLS

/** Bytes of a UUID as text, with its NUL (RFC 9562). */
#define BARUA_UUID_SIZE 37

/**
 * barua_uuid_new:
 * @now_ms: the clock; versions 7 of one millisecond are told apart by their random bits
 * @out: (out): lower-case hex with dashes
 *
 * A UUID of version 7 (RFC 9562, 5.7): time-ordered, so that the index of the queue grows at its end.
 */
void barua_uuid_new (gint64 now_ms, char out[BARUA_UUID_SIZE]);

/** Appends @ms (since 1970) as a JSON string of UTC ISO 8601 with milliseconds and `Z`. */
void barua_append_time (GString *out, gint64 ms);

/**
 * BaruaNewTask:
 * @uuid: of its one message
 * @message: (nullable): absent when no text could be made
 * @error: (nullable): why no text could be made
 * @original: (nullable): the whole text when @message was cut
 * @details: (nullable): JSON for `state_details`
 *
 * A task with one message, as rules make it.
 */
typedef struct
{
  BaruaText uuid;
  BaruaText to;
  BaruaText message;
  BaruaText error;
  BaruaText original;
  BaruaTaskState state;
  BaruaText details;
  gint64 now_ms;
} BaruaNewTask;

/** Appends @task as JSON (messaging.md 4.2); @tasks is the inside of an array. */
void barua_task_append (GString *tasks, const BaruaNewTask *task);

/**
 * BaruaTaskChange:
 * @state: the new state
 * @details: (nullable): JSON for `state_details`; absent removes them
 *
 * A change of a task's state.
 */
typedef struct
{
  BaruaTaskState state;
  BaruaText details;
  gint64 now_ms;
} BaruaTaskChange;

/**
 * barua_task_apply:
 * @body: a stored document
 * @path: the task in it
 * @change: what a phone, a poll or a timer wants
 * @out: receives the new document when %TRUE is returned; every other member stays as it was, byte for byte
 *
 * Applies a change by the rules of messaging.md 3.6 and 4.3: accepted ones replace `state` and
 * `state_details` and append to `state_history`; refused ones (back from sent or delivered, or a
 * task that never was with a phone) are kept in `state_history` only; the same once more changes nothing.
 *
 * Returns: whether there is anything to store
 */
gboolean barua_task_apply (BaruaText body, BaruaMessagePath path, const BaruaTaskChange *change, GString *out);

/** Whether a task in @from may be set to @to by a poll or a phone (messaging.md 4.3). */
gboolean barua_task_may_become (BaruaTaskState from, BaruaTaskState to);

/**
 * barua_task_change_from_update:
 * @update: `{id, status, reason}` as a gateway phone sends it
 * @details: a buffer that keeps the details
 * @change: (out): state and details; `now_ms` is not touched
 *
 * The table of messaging.md 3.6.
 */
void barua_task_change_from_update (BaruaJson update, GString *details, BaruaTaskChange *change);

G_END_DECLS
