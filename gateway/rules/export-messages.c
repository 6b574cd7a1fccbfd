/* SPDX-License-Identifier: MIT */

/* Rows of messages (export-and-monitoring.md 2). */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/export.h"

#include "gateway/rules/due.h"
#include "gateway/rules/messages.h"
#include "gateway/rules/users.h"

/* States whose time has a column, in the order of the columns. */
static const BaruaText columns[]
    = { { "received", 8 }, { "scheduled", 9 }, { "pending", 7 },
        { "sent", 4 },     { "cleared", 7 },   { "muted", 5 } };

/* One message, with what its row needs from elsewhere. */
typedef struct
{
  BaruaJson document;
  BaruaJson task;    /* absent for what came in and for legacy answers */
  BaruaJson message; /* `uuid`, `sent_by`, `to`, `message` */
  BaruaText type;
  BaruaText state;   /* of a row without a task */
  BaruaJson at;      /* its time */
} Item;

/* When a task was in a state: its due time, the last entry of its history, or its own time. */
static BaruaJson
time_of (BaruaJson task, BaruaText state)
{
  const BaruaJson due = barua_json_member (task, "due");
  BaruaJson found = BARUA_JSON_NONE, entry;
  BaruaJsonIter iter;

  if (barua_text_equal (state, BARUA_TEXT ("scheduled")) && barua_json_truthy (due))
    return due;
  barua_json_iter_init (&iter, barua_json_member (task, "state_history"));
  while (barua_json_iter_next (&iter, NULL, &entry))
    if (barua_json_string_is (barua_json_member (entry, "state"), state))
      found = barua_json_member (entry, "timestamp");
  if (found.text == NULL && barua_json_string_is (barua_json_member (task, "state"), state))
    found = barua_json_member (task, "timestamp");
  return found;
}

/* What kind of message a task is: its translated key, its type, or the word for any. */
static BaruaText
type_of (const BaruaExportRow *row, BaruaJson task)
{
  const BaruaSettings *settings = row->export->settings;
  const BaruaText key
      = barua_arena_json_text (row->arena, barua_json_member (task, "translation_key"));

  if (key.p != NULL && key.n > 0)
    {
      const BaruaText text = barua_texts_lookup (barua_settings_texts (settings),
                                                 barua_settings_locale (settings),
                                                 BARUA_TEXT ("en"), key);
      return text.p != NULL ? barua_text_fill_message (row->arena, text, task) : key;
    }
  const BaruaText type = barua_arena_json_text (row->arena, barua_json_member (task, "type"));
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

/* The patient's id: the record's own, or that of the contact found. */
static BaruaJson
patient_of (BaruaJson document)
{
  const BaruaJson own = barua_json_member (document, "patient_id");

  return barua_json_truthy (own)
             ? own
             : barua_json_member (barua_json_member (document, "patient"), "patient_id");
}

/* The six times of a message. */
static void
append_times (BaruaExportRow *row, const Item *item)
{
  for (gsize i = 0; i < G_N_ELEMENTS (columns); i++)
    if (item->task.text != NULL)
      barua_export_time (row, time_of (item->task, columns[i]));
    else
      barua_export_time (row, barua_text_equal (columns[i], item->state) ? item->at
                                                                         : BARUA_JSON_NONE);
}

static void
append_item (BaruaExportRow *row, const Item *item)
{
  const BaruaJson state = barua_json_member (item->task, "state");
  const BaruaText content
      = barua_arena_json_text (row->arena, barua_json_member (item->message, "message"));

  if (!takes_state (row->export, state, item->state))
    return;
  barua_export_value (row, barua_json_member (item->document, "_id"));
  barua_export_value (row, patient_of (item->document));
  barua_export_time (row, barua_json_member (item->document, "reported_date"));
  barua_export_value (row, barua_json_member (item->document, "from"));
  barua_export_text (row, item->type);
  if (item->task.text != NULL)
    barua_export_value (row, state);
  else
    barua_export_text (row, item->state);
  append_times (row, item);
  barua_export_value (row, barua_json_member (item->message, "uuid"));
  barua_export_value (row, barua_json_member (item->message, "sent_by"));
  barua_export_value (row, barua_json_member (item->message, "to"));
  barua_export_text (row, content.p != NULL ? barua_token_mask (row->arena, content) : content);
  barua_export_value (row, barua_json_member (barua_json_member (item->document, "contact"), "name"));
  barua_export_end_row (row);
}

/* The answers of versions long gone. */
static void
append_responses (BaruaExportRow *row, BaruaJson document)
{
  Item item = { .document = document,
                .type = BARUA_TEXT ("Automated Reply"),
                .state = BARUA_TEXT ("sent"),
                .at = barua_json_member (document, "reported_date") };
  BaruaJsonIter iter;

  barua_json_iter_init (&iter, barua_json_member (document, "responses"));
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

  barua_due_preview (row->export->settings, item->document, item->task, row->arena, &to, &content);
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
append_tasks (BaruaExportRow *row, BaruaJson document, const char *list)
{
  Item item = { .document = document };
  BaruaJsonIter tasks, messages;

  barua_json_iter_init (&tasks, barua_json_member (document, list));
  while (barua_json_iter_next (&tasks, NULL, &item.task))
    {
      const BaruaJson all = barua_json_member (item.task, "messages");
      if (barua_json_type (item.task) != BARUA_JSON_OBJECT)
        continue;
      item.type = type_of (row, item.task);
      barua_json_iter_init (&messages, all);
      while (barua_json_iter_next (&messages, NULL, &item.message))
        append_item (row, &item);
      if (barua_json_size (all) == 0 && g_str_equal (list, "scheduled_tasks"))
        append_unwritten (row, &item);
    }
}

/* The message that came in. */
static void
append_incoming (BaruaExportRow *row, BaruaJson document)
{
  g_autoptr (GString) json = g_string_new ("{\"sent_by\":");
  const BaruaJson from = barua_json_member (document, "from");
  const BaruaJson text
      = barua_json_member (barua_json_member (document, "sms_message"), "message");
  Item item = { .document = document,
                .type = BARUA_TEXT ("Message"),
                .state = BARUA_TEXT ("received"),
                .at = barua_json_member (document, "reported_date") };

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
  append_responses (row, document);
  append_tasks (row, document, "tasks");
  append_tasks (row, document, "scheduled_tasks");
  append_incoming (row, document);
}
