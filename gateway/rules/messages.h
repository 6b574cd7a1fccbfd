/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/arena.h"
#include "forms/json.h"

G_BEGIN_DECLS

/**
 * BaruaTaskState:
 *
 * The states of messaging.md 4.1. The numbers are stored in the queue: append only.
 * %BARUA_TASK_STATE_OTHER is any text that is none of them, a missing state too.
 */
typedef enum
{
  BARUA_TASK_STATE_OTHER = 0,
  BARUA_TASK_STATE_SCHEDULED,
  BARUA_TASK_STATE_PENDING,
  BARUA_TASK_STATE_FORWARDED_TO_GATEWAY,
  BARUA_TASK_STATE_RECEIVED_BY_GATEWAY,
  BARUA_TASK_STATE_FORWARDED_BY_GATEWAY,
  BARUA_TASK_STATE_SENT,
  BARUA_TASK_STATE_DELIVERED,
  BARUA_TASK_STATE_FAILED,
  BARUA_TASK_STATE_UNRECOGNISED,
  BARUA_TASK_STATE_DENIED,
  BARUA_TASK_STATE_DUPLICATE,
  BARUA_TASK_STATE_MUTED,
  BARUA_TASK_STATE_CLEARED,
  BARUA_TASK_STATE_EXPIRED,
  BARUA_TASK_STATE_CLEAR,
  BARUA_N_TASK_STATES,
} BaruaTaskState;

/** The state as documents spell it; an empty text for %BARUA_TASK_STATE_OTHER. */
const char *barua_task_state_name (BaruaTaskState state);

BaruaTaskState barua_task_state_from_text (BaruaText name);

/**
 * BaruaMessageList:
 *
 * The member of a document that holds the task.
 */
typedef enum
{
  BARUA_MESSAGE_LIST_TASKS,
  BARUA_MESSAGE_LIST_SCHEDULED_TASKS,
} BaruaMessageList;

/** The member's name: `tasks` or `scheduled_tasks`. */
const char *barua_message_list_name (BaruaMessageList list);

/**
 * BaruaMessagePath:
 * @task: index in the list
 * @message: index in the task's `messages`; -1 for a task whose messages are not made yet
 *
 * Where in its document a message stands.
 */
typedef struct
{
  BaruaMessageList list;
  guint task;
  int message;
} BaruaMessagePath;

/** The bytes that barua_message_path_write() needs at most, the NUL included. */
#define BARUA_MESSAGE_PATH_SIZE 40

/** Writes @path so that text order is document order, and returns the length. */
gsize barua_message_path_write (BaruaMessagePath path, char out[BARUA_MESSAGE_PATH_SIZE]);

/** Reads what barua_message_path_write() wrote; %FALSE for any other text. */
gboolean barua_message_path_read (BaruaText text, BaruaMessagePath *path);

/** The due time of a #BaruaMessageRow that has none. */
#define BARUA_NO_TIME G_MININT64

/**
 * BaruaMessageRow:
 * @uuid: (nullable): absent when the message has none, or the task no messages yet
 * @due_ms: `due`, else `timestamp` of the task, else `reported_date`; %BARUA_NO_TIME without any
 * @updated_ms: time of the last history entry, else `timestamp` of the task, else `reported_date`,
 * else 0
 * @valid_until_ms: `valid_until` of a task that waits for a phone (messaging.md 4.3); %BARUA_NO_TIME
 * without one, and in every other state
 * @is_offered: may go to a phone (messaging.md 3.7)
 *
 * One message of a document as the queue sees it. Texts are borrowed from the document or the
 * arena.
 */
typedef struct
{
  BaruaMessagePath path;
  BaruaTaskState state;
  BaruaText uuid;
  BaruaText to;
  BaruaText content;
  BaruaText gateway_ref;
  gint64 due_ms;
  gint64 updated_ms;
  gint64 valid_until_ms;
  gboolean is_offered;
} BaruaMessageRow;

/** Whether a message in @state waits for a phone to confirm it, and may expire (messaging.md 4.3). */
#define BARUA_TASK_STATE_WAITS(state)                                                              \
  ((state) == BARUA_TASK_STATE_PENDING || (state) == BARUA_TASK_STATE_FORWARDED_TO_GATEWAY)

/**
 * barua_message_time:
 * @value: a number of milliseconds, an ISO 8601 date with or without time and zone, or a text of at
 * least 13 digits
 * @ms: (out): since 1970, untouched on failure
 *
 * Reads the time of a task. A text without a zone is in the time zone of the process (as in the
 * original).
 *
 * Returns: %FALSE when @value is no time
 */
gboolean barua_message_time (BaruaJson value, gint64 *ms);

/**
 * BaruaProjection:
 * @rows: (element-type BaruaMessageRow): in document order
 * @gateway_ref: (nullable): `sms_message.gateway_ref` of a `data_record`
 * @type: `type` of the document
 * @has_lookups: a look-up view may have rows of it: it is a contact, or has a shortcode
 *
 * What the store derives from one document.
 */
typedef struct
{
  GArray *rows;
  BaruaText gateway_ref;
  BaruaJson type;
  gboolean has_lookups;
} BaruaProjection;

/**
 * barua_messages_project:
 * @document: an object; anything else has no messages
 * @arena: keeps the texts that had escapes
 * @projection: its @rows are emptied first, and grow by what the document holds
 *
 * Reads the messages of `tasks` and `scheduled_tasks` (documents.md 14.1) in one walk over
 * @document.
 */
void barua_messages_project (BaruaJson document, BaruaArena *arena, BaruaProjection *projection);

/**
 * barua_message_content:
 * @message: as settings and tasks have it: a text, or a list of `{locale, content}` (workflows.md 2.5)
 * @locale: the language that is wanted; English is taken where it is missing
 *
 * Returns: the text, its placeholders not filled in; absent when there is none
 */
BaruaText barua_message_content (BaruaArena *arena, BaruaJson message, BaruaText locale);

G_END_DECLS
