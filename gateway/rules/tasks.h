/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/arena.h"
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
 * @due_ms: when it is to go out; 0: at once, the task then has no `due`
 * @valid_until_ms: when it is of no use any more (messaging.md 4.3); 0: the settings say
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
  gint64 due_ms;
  gint64 valid_until_ms;
} BaruaNewTask;

/** Appends @task as JSON (messaging.md 4.2); @tasks is the inside of an array. */
void barua_task_append (GString *tasks, const BaruaNewTask *task);

/**
 * BaruaTaskChange:
 * @list: the member of the document that holds the task
 * @task: its index there
 * @state: the new state
 * @details: (nullable): JSON for `state_details`; absent removes them
 * @reference: (nullable): the carrier's id of the message for `gateway_ref`; absent keeps what is
 *   there (messaging.md 3.6)
 * @messages: (nullable): JSON: a list that takes the place of the task's `messages`, if the change is
 *   accepted
 * @is_decided: a person, a timer or a rule has looked at the state already; otherwise
 *   barua_task_may_become() decides
 *
 * A change of a task's state, as a phone, a poll or a timer wants it.
 */
typedef struct
{
  BaruaMessageList list;
  guint task;
  BaruaTaskState state;
  BaruaText details;
  gint64 now_ms;
  BaruaText reference;
  BaruaText messages;
  gboolean is_decided;
} BaruaTaskChange;

/**
 * barua_tasks_apply:
 * @body: a stored document
 * @changes: (array length=n_changes): those of one task in the order in which they came
 * @out: receives the new document when %TRUE is returned; every other member stays as it was, byte for byte
 *
 * Makes changes by the rules of messaging.md 3.6 and 4.3: accepted ones replace `state` and
 * `state_details` and append to `state_history`; refused ones (back from sent or delivered, or a
 * task that never was with a phone) are kept in `state_history` only; the same once more changes
 * nothing. An expired task that becomes pending again loses its `valid_until`. A message that goes nowhere any more loses the token of a login link (users.md 10 no. 2).
 * Linear in the document and the changes.
 *
 * Returns: whether there is anything to store
 */
gboolean barua_tasks_apply (BaruaText body, const BaruaTaskChange *changes, guint n_changes, GString *out);

/**
 * BaruaTaskCounts:
 *
 * What changes did to messages: how many came as far as being sent, and how many failed.
 */
typedef struct
{
  guint sent;
  guint failed;
} BaruaTaskCounts;

/** As barua_tasks_apply(); adds what the accepted changes did to @counts (nullable). */
gboolean barua_tasks_apply_counted (BaruaText body, const BaruaTaskChange *changes, guint n_changes,
                                    BaruaTaskCounts *counts, GString *out);

/** Whether a task in @from may be set to @to by a poll or a phone (messaging.md 4.3). */
gboolean barua_task_may_become (BaruaTaskState from, BaruaTaskState to);

/**
 * barua_task_change_from_update:
 * @update: `{id, status, reason}` as a gateway phone sends it
 * @arena: keeps the details
 * @change: (out): state and details; the rest is not touched
 *
 * The table of messaging.md 3.6.
 */
void barua_task_change_from_update (BaruaJson update, BaruaArena *arena, BaruaTaskChange *change);

G_END_DECLS
