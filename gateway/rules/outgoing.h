/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/arena.h"
#include "gateway/rules/guards.h"
#include "gateway/rules/tasks.h"

G_BEGIN_DECLS

/* Messages that a person or a program writes (messaging.md 3.9). */

/**
 * BaruaOutgoing:
 * @to: recipient as it will be sent: E.164 where it normalises
 * @content: the text
 * @due_ms: 0: at once
 * @valid_until_ms: 0: as the settings say
 * @sent_by: (nullable): name of the account
 */
typedef struct
{
  BaruaText to;
  BaruaText content;
  gint64 due_ms;
  gint64 valid_until_ms;
  BaruaText sent_by;
  gint64 now_ms;
} BaruaOutgoing;

/**
 * barua_outgoing_read:
 * @body: `{to, content, due?, valid_until?}`
 * @arena: keeps texts that had escapes, and the normalised recipient
 * @outgoing: (out): all but @sent_by; untouched on failure
 * @error: a %BARUA_FORMS_ERROR_SHAPE that begins with the name of the member that is wrong
 *
 * Reads what `POST /api/v1/messages` was sent. A recipient that begins with `+` must be a number that normalises
 * (messaging.md 5.2); others, like short codes, need only be made of digits. Members of other names are refused:
 * a misspelt `due` would send at once.
 */
gboolean barua_outgoing_read (const BaruaSettings *settings, BaruaJson body, BaruaArena *arena, gint64 now_ms,
                              BaruaOutgoing *outgoing, GError **error);

/**
 * barua_outgoing_append_document:
 * @lookup: for the repeat rule; not asked for a message that is due later, as it speaks of half an hour
 * @uuid: (out): of the message
 * @error: what @lookup set
 *
 * Appends the document of type `outgoing_message` with its one task: scheduled, pending or duplicate.
 */
gboolean barua_outgoing_append_document (const BaruaSettings *settings, const BaruaOutgoing *outgoing,
                                         const BaruaLookup *lookup, BaruaArena *arena, GString *out,
                                         char uuid[BARUA_UUID_SIZE], GError **error);

/**
 * BaruaTaskAction:
 * @BARUA_TASK_RESEND: once more, as a new message
 * @BARUA_TASK_CANCEL: do not send
 * @BARUA_TASK_RETRY: let the same message go out after all
 *
 * What a person may do with a message.
 */
typedef enum
{
  BARUA_TASK_RESEND,
  BARUA_TASK_CANCEL,
  BARUA_TASK_RETRY,
} BaruaTaskAction;

/** Whether @action makes sense for a task in @state (messaging.md 3.9, 4.3). */
gboolean barua_task_allows (BaruaTaskAction action, BaruaTaskState state);

/**
 * barua_tasks_add:
 * @body: a document
 * @task: JSON
 * @out: receives the document with @task at the end of `tasks`; the rest stays byte for byte
 */
void barua_tasks_add (BaruaText body, BaruaText task, GString *out);

G_END_DECLS
