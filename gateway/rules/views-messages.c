/* SPDX-License-Identifier: MIT */

/* Map functions over tasks and their messages (documents.md 10). */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/mask.h"
#include "gateway/rules/messages.h"
#include "gateway/rules/views-map.h"

/* A walk over the tasks of a document, `tasks` before `scheduled_tasks`. */
typedef struct
{
  BaruaJsonIter iter;
  BaruaJson next; /* the list to come */
} TaskWalk;

static void
walk_init (TaskWalk *walk, const BaruaMapping *m)
{
  barua_json_iter_init (&walk->iter, m->members[BARUA_MEMBER_TASKS]);
  walk->next = m->members[BARUA_MEMBER_SCHEDULED_TASKS];
}

/* The next task, an object. */
static gboolean
walk_next (TaskWalk *walk, BaruaJson *task)
{
  for (;;)
    {
      while (barua_json_iter_next (&walk->iter, NULL, task))
        if (barua_json_type (*task) == BARUA_JSON_OBJECT)
          return TRUE;
      if (walk->next.text == NULL)
        return FALSE;
      barua_json_iter_init (&walk->iter, walk->next);
      walk->next = BARUA_JSON_NONE;
    }
}

/* The first of a task's own times and the document's. */
static BaruaJson
first_time (const BaruaMapping *m, BaruaJson first, BaruaJson task)
{
  const BaruaJson timestamp = barua_json_member (task, "timestamp");

  if (barua_json_truthy (first))
    return first;
  return barua_json_truthy (timestamp) ? timestamp : m->members[BARUA_MEMBER_REPORTED_DATE];
}

/* Appends a time: a number as it is, text as milliseconds, anything else as null. */
static void
append_time (GString *out, BaruaJson time)
{
  gint64 ms;

  if (barua_json_type (time) == BARUA_JSON_NUMBER)
    barua_mapping_append (out, time);
  else if (barua_json_type (time) == BARUA_JSON_STRING && barua_message_time (time, &ms))
    barua_json_append_integer (out, ms);
  else
    g_string_append (out, "null");
}

/* Appends when a task is due. */
static void
append_due (GString *out, const BaruaMapping *m, BaruaJson task)
{
  append_time (out, first_time (m, barua_json_member (task, "due"), task));
}

/* A message of a task, as far as the views read it. */
typedef struct
{
  BaruaJson uuid;
  BaruaJson to;
  BaruaJson text;
} Message;

static Message
read_message (BaruaJson message)
{
  return (Message){ barua_json_member (message, "uuid"), barua_json_member (message, "to"),
                    barua_json_member (message, "message") };
}

/* Whether it can be sent. */
static gboolean
is_complete (const Message *message)
{
  return barua_json_truthy (message->uuid) && barua_json_truthy (message->to)
         && barua_json_truthy (message->text);
}

/* Whether the state of a task is one of a list that ends with NULL. */
static gboolean
state_is (BaruaJson state, const char *const *names)
{
  for (; *names != NULL; names++)
    if (barua_json_string_is (state, barua_text (*names)))
      return TRUE;
  return FALSE;
}

static const char *const offered_states[] = { "pending", "forwarded-to-gateway", NULL };
static const char *const muted_states[]
    = { "muted", "cleared", "denied", "duplicate", "expired", NULL };
static const char *const delivered_states[] = { "sent", "delivered", NULL };
static const char *const failed_states[] = { "failed", NULL };
static const char *const scheduled_states[] = { "scheduled", NULL };

/* Appends the text of a message as lists show it: login links without their token (users.md 10
 * no. 2). */
static void
append_text (GString *out, const Message *message)
{
  if (barua_json_type (message->text) == BARUA_JSON_STRING)
    barua_token_append_masked (out, (BaruaText){ message->text.text, message->text.length });
  else
    barua_mapping_append (out, message->text);
}

/* ---- messages_by_state ---- */

/* Appends `[state, due]`. */
static void
append_state_key (BaruaMapping *m, BaruaText state, BaruaJson task)
{
  g_string_append_c (m->key, '[');
  g_string_append_len (m->key, state.p, (gssize)state.n);
  g_string_append_c (m->key, ',');
  append_due (m->key, m, task);
  g_string_append_c (m->key, ']');
}

/* Emits one message under one state, given as JSON. */
static void
emit_message (BaruaMapping *m, BaruaText state, BaruaJson task, const Message *message)
{
  append_state_key (m, state, task);
  g_string_append (m->value, "{\"content\":");
  append_text (m->value, message);
  g_string_append (m->value, ",\"to\":");
  barua_mapping_append (m->value, message->to);
  g_string_append (m->value, ",\"id\":");
  barua_mapping_append (m->value, message->uuid);
  g_string_append_c (m->value, '}');
  barua_mapping_emit (m);
}

void
barua_map_messages_by_state (BaruaMapping *m)
{
  TaskWalk walk;
  BaruaJson task;

  walk_init (&walk, m);
  while (walk_next (&walk, &task))
    {
      const BaruaJson state = barua_json_member (task, "state");
      const BaruaJson messages = barua_json_member (task, "messages");
      const BaruaText state_text
          = state.text != NULL ? (BaruaText){ state.text, state.length } : BARUA_TEXT ("null");
      BaruaJsonIter iter;
      BaruaJson one;
      if (!barua_json_truthy (messages))
        {
          append_state_key (m, state_text, task);
          g_string_append (m->value, "{}");
          barua_mapping_emit (m);
          continue;
        }
      barua_json_iter_init (&iter, messages);
      while (barua_json_iter_next (&iter, NULL, &one))
        {
          const Message message = read_message (one);
          if (!is_complete (&message))
            continue;
          emit_message (m, state_text, task, &message);
          if (state_is (state, offered_states))
            emit_message (m, BARUA_TEXT ("\"pending-or-forwarded\""), task, &message);
        }
    }
}

/* ---- medic-sms ---- */

/* What is done with each message of each task. */
typedef void (*MessageVisitor) (BaruaMapping *m, BaruaJson task, const Message *message);

/* Visits every message. */
static void
visit_messages (BaruaMapping *m, MessageVisitor visit)
{
  TaskWalk walk;
  BaruaJson task;

  walk_init (&walk, m);
  while (walk_next (&walk, &task))
    {
      BaruaJsonIter iter;
      BaruaJson one;
      barua_json_iter_init (&iter, barua_json_member (task, "messages"));
      while (barua_json_iter_next (&iter, NULL, &one))
        {
          const Message message = read_message (one);
          visit (m, task, &message);
        }
    }
}

static void
emit_gateway_message (BaruaMapping *m, BaruaJson task, const Message *message)
{
  const BaruaJson ref = barua_json_member (task, "gateway_ref");

  if (!barua_json_truthy (ref) || !is_complete (message))
    return;
  barua_mapping_append (m->key, barua_json_member (task, "state"));
  g_string_append (m->value, "{\"id\":");
  barua_mapping_append (m->value, message->uuid);
  g_string_append (m->value, ",\"gateway_ref\":");
  barua_mapping_append (m->value, ref);
  g_string_append_c (m->value, '}');
  barua_mapping_emit (m);
}

void
barua_map_gateway_messages_by_state (BaruaMapping *m)
{
  visit_messages (m, emit_gateway_message);
}

static void
emit_reference (BaruaMapping *m, BaruaJson task, const Message *message)
{
  const BaruaJson ref = barua_json_member (task, "gateway_ref");

  if (!barua_json_truthy (ref))
    return;
  barua_mapping_append (m->key, ref);
  barua_mapping_append (m->value, message->uuid);
  barua_mapping_emit (m);
}

void
barua_map_messages_by_gateway_ref (BaruaMapping *m)
{
  const BaruaJson own = barua_json_member (m->members[BARUA_MEMBER_SMS_MESSAGE], "gateway_ref");

  visit_messages (m, emit_reference);
  if (!barua_mapping_is_record (m) || !barua_json_truthy (own))
    return;
  barua_mapping_append (m->key, own);
  barua_mapping_emit (m);
}

static void
emit_uuid (BaruaMapping *m, BaruaJson task, const Message *message)
{
  if (!barua_json_truthy (message->uuid))
    return;
  barua_mapping_append (m->key, message->uuid);
  barua_mapping_emit (m);
}

void
barua_map_messages_by_uuid (BaruaMapping *m)
{
  visit_messages (m, emit_uuid);
}

/* The last entry of a task's history; absent without any. */
static BaruaJson
last_history (BaruaJson task)
{
  BaruaJson last = BARUA_JSON_NONE;
  BaruaJsonIter iter;

  barua_json_iter_init (&iter, barua_json_member (task, "state_history"));
  while (barua_json_iter_next (&iter, NULL, &last))
    continue;
  return last;
}

/* The group of a state. */
static const char *
state_group (BaruaJson state)
{
  if (state_is (state, scheduled_states))
    return "scheduled";
  if (state_is (state, delivered_states) || state_is (state, failed_states))
    return "final";
  return state_is (state, muted_states) ? "muted" : "pending";
}

void
barua_map_messages_by_last_updated_state (BaruaMapping *m)
{
  TaskWalk walk;
  BaruaJson task;

  walk_init (&walk, m);
  while (walk_next (&walk, &task))
    {
      const BaruaJson state = barua_json_member (task, "state");
      const BaruaJson last = barua_json_member (last_history (task), "timestamp");
      g_string_append_printf (m->key, "[\"%s\",", state_group (state));
      append_time (m->key, first_time (m, last, task));
      g_string_append_c (m->key, ',');
      barua_mapping_append (m->key, state);
      g_string_append_c (m->key, ']');
      barua_mapping_emit (m);
    }
}

/* ---- message_queue ---- */

/* Appends what the list shows of a task. */
static void
append_task (BaruaMapping *m, BaruaJson task)
{
  static const char *const names[] = { "state", "group", "translation_key", "type" };

  barua_json_append_key (m->value, "task");
  g_string_append_c (m->value, '{');
  barua_mapping_append_member (m->value, "state_history", last_history (task));
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    barua_mapping_append_member (m->value, names[i], barua_json_member (task, names[i]));
  g_string_append_c (m->value, '}');
  barua_json_append_key (m->value, "due");
  append_due (m->value, m, task);
}

/* Emits one row of the queue; @message is NULL while there is none. */
static void
emit_queued (BaruaMapping *m, const char *tab, BaruaJson task, const Message *message)
{
  g_string_append_printf (m->key, "[\"%s\",", tab);
  append_due (m->key, m, task);
  g_string_append_c (m->key, ']');
  g_string_append_c (m->value, '{');
  if (message != NULL)
    {
      barua_json_append_key (m->value, "sms");
      g_string_append_c (m->value, '{');
      if (message->text.text != NULL)
        {
          barua_json_append_key (m->value, "message");
          append_text (m->value, message);
        }
      barua_mapping_append_member (m->value, "to", message->to);
    }
  else
    {
      barua_json_append_key (m->value, "scheduled_sms");
      g_string_append_c (m->value, '{');
      barua_mapping_append_member (m->value, "translation_key", barua_json_member (task, "message_key"));
      barua_mapping_append_member (m->value, "recipient", barua_json_member (task, "recipient"));
      barua_mapping_append_member (m->value, "content", barua_json_member (task, "message"));
    }
  g_string_append_c (m->value, '}');
  append_task (m, task);
  g_string_append_c (m->value, '}');
  barua_mapping_emit (m);
}

/* Emits the rows of one message: its tab, and a second one when it came to an end. */
static void
emit_tabs (BaruaMapping *m, BaruaJson task, const Message *message)
{
  const BaruaJson state = barua_json_member (task, "state");

  emit_queued (m,
               state_is (state, scheduled_states) ? "scheduled"
               : state_is (state, muted_states)   ? "muted"
                                                  : "due",
               task, message);
  if (state_is (state, delivered_states))
    emit_queued (m, "delivered", task, message);
  if (state_is (state, failed_states))
    emit_queued (m, "failed", task, message);
}

void
barua_map_message_queue (BaruaMapping *m)
{
  TaskWalk walk;
  BaruaJson task;

  walk_init (&walk, m);
  while (walk_next (&walk, &task))
    {
      const BaruaJson messages = barua_json_member (task, "messages");
      BaruaJsonIter iter;
      BaruaJson one;
      if (barua_json_size (messages) == 0)
        {
          emit_tabs (m, task, NULL);
          continue;
        }
      barua_json_iter_init (&iter, messages);
      while (barua_json_iter_next (&iter, NULL, &one))
        {
          const Message message = read_message (one);
          emit_tabs (m, task, &message);
        }
    }
}

/* ---- messages_by_contact_date ---- */

/* Emits a message of a contact: known, or a number, or nobody. */
static void
emit_contact_message (BaruaMapping *m, BaruaJson contact, BaruaJson phone)
{
  const BaruaJson id = barua_json_member (contact, "_id");
  const BaruaJson date = m->members[BARUA_MEMBER_REPORTED_DATE];
  const BaruaJson name = barua_json_member (contact, "name");

  g_string_append_c (m->key, '[');
  if (barua_json_truthy (id))
    barua_mapping_append (m->key, id);
  else if (barua_json_truthy (phone))
    barua_mapping_append (m->key, phone);
  else
    barua_json_append_string (m->key, m->document->id);
  g_string_append_c (m->key, ',');
  barua_mapping_append (m->key, date);
  g_string_append_c (m->key, ']');
  g_string_append (m->value, "{\"id\":");
  barua_json_append_string (m->value, m->document->id);
  barua_mapping_append_member (m->value, "date", date);
  barua_mapping_append_member (m->value, "contact", name);
  g_string_append_c (m->value, '}');
  barua_mapping_emit (m);
}

void
barua_map_messages_by_contact_date (BaruaMapping *m)
{
  BaruaJsonIter iter;
  BaruaJson task;

  if (!barua_mapping_is_record (m) || barua_json_truthy (m->members[BARUA_MEMBER_FORM]))
    return;
  if (!barua_json_truthy (m->members[BARUA_MEMBER_KUJUA_MESSAGE]))
    {
      if (barua_json_truthy (m->members[BARUA_MEMBER_SMS_MESSAGE]))
        emit_contact_message (m, m->members[BARUA_MEMBER_CONTACT], m->members[BARUA_MEMBER_FROM]);
      return;
    }
  barua_json_iter_init (&iter, m->members[BARUA_MEMBER_TASKS]);
  while (barua_json_iter_next (&iter, NULL, &task))
    {
      const BaruaJson message = barua_json_element (barua_json_member (task, "messages"), 0);
      if (barua_json_truthy (message))
        emit_contact_message (m, barua_json_member (message, "contact"),
                              barua_json_member (message, "to"));
    }
}
