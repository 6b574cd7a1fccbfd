/* SPDX-License-Identifier: MIT */

/* Rows of messages (export-and-monitoring.md 2). */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/export.h"

#include "gateway/rules/due.h"
#include "gateway/rules/messages.h"

/* States whose time has a column, in the order of the columns. */
static const BaruaText columns[]
    = { { "received", 8 }, { "scheduled", 9 }, { "pending", 7 },
        { "sent", 4 },     { "cleared", 7 },   { "muted", 5 } };

/* Members of a record, found in one walk: it is long when everything it points to is in it. */
enum
{
  RECORD_ID,
  RECORD_PATIENT_ID,
  RECORD_PATIENT,
  RECORD_REPORTED_DATE,
  RECORD_FROM,
  RECORD_CONTACT,
  RECORD_RESPONSES,
  RECORD_TASKS,
  RECORD_SCHEDULED_TASKS,
  RECORD_SMS_MESSAGE,
  N_RECORD
};
static const BaruaText record_names[N_RECORD]
    = { { "_id", 3 },       { "patient_id", 10 }, { "patient", 7 },
        { "reported_date", 13 }, { "from", 4 },   { "contact", 7 },
        { "responses", 9 }, { "tasks", 5 },       { "scheduled_tasks", 15 },
        { "sms_message", 11 } };

/* The same of a task. */
enum
{
  TASK_STATE,
  TASK_DUE,
  TASK_STATE_HISTORY,
  TASK_TIMESTAMP,
  TASK_TRANSLATION_KEY,
  TASK_TYPE,
  TASK_MESSAGES,
  N_TASK
};
static const BaruaText task_names[N_TASK]
    = { { "state", 5 },     { "due", 3 },  { "state_history", 13 },
        { "timestamp", 9 }, { "translation_key", 15 }, { "type", 4 },
        { "messages", 8 } };

/* The same of a message. */
enum
{
  MESSAGE_UUID,
  MESSAGE_SENT_BY,
  MESSAGE_TO,
  MESSAGE_TEXT,
  N_MESSAGE
};
static const BaruaText message_names[N_MESSAGE]
    = { { "uuid", 4 }, { "sent_by", 7 }, { "to", 2 }, { "message", 7 } };

/* A record, with what stands in every row of it. */
typedef struct
{
  BaruaJson document;
  BaruaJson member[N_RECORD];
  BaruaJson patient_id;
  BaruaJson contact_name;
} Record;

/* One message, with what its row needs from elsewhere. */
typedef struct
{
  const Record *record;
  BaruaJson task;    /* absent for what came in and for legacy answers */
  BaruaJson task_member[N_TASK];
  BaruaJson message;
  BaruaText type;
  BaruaText state;   /* of a row without a task */
  BaruaJson at;      /* its time */
} Item;

/* Finds what stands in every row; the patient's id is the record's own, or that of the contact found. */
static void
record_init (Record *record, BaruaJson document)
{
  record->document = document;
  barua_json_members (document, record_names, record->member, N_RECORD);
  record->patient_id = barua_json_truthy (record->member[RECORD_PATIENT_ID])
                           ? record->member[RECORD_PATIENT_ID]
                           : barua_json_member (record->member[RECORD_PATIENT], "patient_id");
  record->contact_name = barua_json_member (record->member[RECORD_CONTACT], "name");
}

/* When a task was in a state: its due time, the last entry of its history, or its own time. */
static BaruaJson
time_of (const BaruaJson task[N_TASK], BaruaText state)
{
  BaruaJson found = BARUA_JSON_NONE, entry;
  BaruaJsonIter iter;

  if (barua_text_equal (state, BARUA_TEXT ("scheduled")) && barua_json_truthy (task[TASK_DUE]))
    return task[TASK_DUE];
  barua_json_iter_init (&iter, task[TASK_STATE_HISTORY]);
  while (barua_json_iter_next (&iter, NULL, &entry))
    if (barua_json_string_is (barua_json_member (entry, "state"), state))
      found = barua_json_member (entry, "timestamp");
  if (found.text == NULL && barua_json_string_is (task[TASK_STATE], state))
    found = task[TASK_TIMESTAMP];
  return found;
}

/* What kind of message a task is: its translated key, its type, or the word for any. */
static BaruaText
type_of (const BaruaExportRow *row, BaruaJson task, const BaruaJson member[N_TASK])
{
  const BaruaSettings *settings = row->export->settings;
  const BaruaText key = barua_arena_json_text (row->arena, member[TASK_TRANSLATION_KEY]);

  if (key.p != NULL && key.n > 0)
    {
      const BaruaText text = barua_texts_lookup (barua_settings_texts (settings),
                                                 barua_settings_locale (settings),
                                                 BARUA_TEXT ("en"), key);
      return text.p != NULL ? barua_text_fill_message (row->arena, text, task) : key;
    }
  const BaruaText type = barua_arena_json_text (row->arena, member[TASK_TYPE]);
  return type.p != NULL && type.n > 0 ? type : BARUA_TEXT ("Task Message");
}

/* Whether the filter of states lets a state through. */
static gboolean
takes_state (const BaruaExport *export, BaruaJson state, BaruaText text)
{
  const GPtrArray *states = export->filters.states;

  if (states == NULL)
    return TRUE;
  for (guint i = 0; i < states->len; i++)
    if (state.text != NULL ? barua_json_string_is (state, barua_text (states->pdata[i]))
                           : barua_text_equal (text, barua_text (states->pdata[i])))
      return TRUE;
  return FALSE;
}

/* The six times of a message. */
static void
append_times (BaruaExportRow *row, const Item *item)
{
  for (gsize i = 0; i < G_N_ELEMENTS (columns); i++)
    if (item->task.text != NULL)
      barua_export_time (row, time_of (item->task_member, columns[i]));
    else
      barua_export_time (row, barua_text_equal (columns[i], item->state) ? item->at
                                                                         : BARUA_JSON_NONE);
}

static void
append_item (BaruaExportRow *row, const Item *item)
{
  const Record *record = item->record;
  const BaruaJson state = item->task.text != NULL ? item->task_member[TASK_STATE] : BARUA_JSON_NONE;
  BaruaJson message[N_MESSAGE];

  if (!takes_state (row->export, state, item->state))
    return;
  barua_json_members (item->message, message_names, message, N_MESSAGE);
  const BaruaText content = barua_arena_json_text (row->arena, message[MESSAGE_TEXT]);
  barua_export_value (row, record->member[RECORD_ID]);
  barua_export_value (row, record->patient_id);
  barua_export_time (row, record->member[RECORD_REPORTED_DATE]);
  barua_export_value (row, record->member[RECORD_FROM]);
  barua_export_text (row, item->type);
  if (item->task.text != NULL)
    barua_export_value (row, state);
  else
    barua_export_text (row, item->state);
  append_times (row, item);
  barua_export_value (row, message[MESSAGE_UUID]);
  barua_export_value (row, message[MESSAGE_SENT_BY]);
  barua_export_value (row, message[MESSAGE_TO]);
  barua_export_text (row, content);
  barua_export_value (row, record->contact_name);
  barua_export_end_row (row);
}

/* The answers of versions long gone. */
static void
append_responses (BaruaExportRow *row, const Record *record)
{
  Item item = { .record = record,
                .type = BARUA_TEXT ("Automated Reply"),
                .state = BARUA_TEXT ("sent"),
                .at = record->member[RECORD_REPORTED_DATE] };
  BaruaJsonIter iter;

  barua_json_iter_init (&iter, record->member[RECORD_RESPONSES]);
  while (barua_json_iter_next (&iter, NULL, &item.message))
    append_item (row, &item);
}

/* Appends a member that is a text or null. */
static void
append_member (GString *json, const char *name, BaruaText text)
{
  barua_json_append_key (json, name);
  if (text.p != NULL)
    barua_json_append_string (json, text);
  else
    g_string_append (json, "null");
}

/* A scheduled task that was not written out yet: as it would be now. */
static void
append_unwritten (BaruaExportRow *row, Item *item)
{
  g_autoptr (GString) json = g_string_new ("{");
  BaruaText to, content;

  barua_due_preview (row->export->settings, item->record->document, item->task, row->arena, &to, &content);
  append_member (json, "to", to);
  append_member (json, "message", content);
  g_string_append_c (json, '}');
  item->message = (BaruaJson){ json->str, json->len };
  append_item (row, item);
}

gboolean
barua_export_has_unwritten (BaruaJson document)
{
  BaruaJsonIter iter;
  BaruaJson task;

  barua_json_iter_init (&iter, barua_json_member (document, "scheduled_tasks"));
  while (barua_json_iter_next (&iter, NULL, &task))
    if (barua_json_size (barua_json_member (task, "messages")) == 0)
      return TRUE;
  return FALSE;
}

static void
append_tasks (BaruaExportRow *row, const Record *record, guint list)
{
  Item item = { .record = record };
  BaruaJsonIter tasks, messages;

  barua_json_iter_init (&tasks, record->member[list]);
  while (barua_json_iter_next (&tasks, NULL, &item.task))
    {
      if (barua_json_type (item.task) != BARUA_JSON_OBJECT)
        continue;
      barua_json_members (item.task, task_names, item.task_member, N_TASK);
      const BaruaJson all = item.task_member[TASK_MESSAGES];
      item.type = type_of (row, item.task, item.task_member);
      barua_json_iter_init (&messages, all);
      while (barua_json_iter_next (&messages, NULL, &item.message))
        append_item (row, &item);
      if (barua_json_size (all) == 0 && list == RECORD_SCHEDULED_TASKS)
        append_unwritten (row, &item);
    }
}

/* The message that came in. */
static void
append_incoming (BaruaExportRow *row, const Record *record)
{
  g_autoptr (GString) json = g_string_new ("{\"sent_by\":");
  const BaruaJson from = record->member[RECORD_FROM];
  const BaruaJson text = barua_json_member (record->member[RECORD_SMS_MESSAGE], "message");
  Item item = { .record = record,
                .type = BARUA_TEXT ("Message"),
                .state = BARUA_TEXT ("received"),
                .at = record->member[RECORD_REPORTED_DATE] };

  if (barua_json_type (text) != BARUA_JSON_STRING) /* an empty one came in, too */
    return;
  barua_json_append_minified (json, from.text != NULL ? from : (BaruaJson){ "null", 4 });
  g_string_append (json, ",\"message\":");
  barua_json_append_minified (json, text);
  g_string_append_c (json, '}');
  item.message = (BaruaJson){ json->str, json->len };
  append_item (row, &item);
}

void
barua_export_messages (BaruaExportRow *row, BaruaJson document)
{
  Record record;

  record_init (&record, document);
  append_responses (row, &record);
  append_tasks (row, &record, RECORD_TASKS);
  append_tasks (row, &record, RECORD_SCHEDULED_TASKS);
  append_incoming (row, &record);
}
