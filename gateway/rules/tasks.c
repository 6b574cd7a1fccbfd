/* SPDX-License-Identifier: MIT */

/* Outgoing messages inside documents: making tasks, and what their states may become. */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/tasks.h"

#include "forms/date.h"

#include <string.h>
#include <sys/random.h>

#define N_UNIX_DAYS_TO_0000_03_01                                                                  \
  719468 /* days from 0000-03-01 to 1970-01-01, proleptic Gregorian */

void
barua_uuid_new (gint64 now_ms, char out[BARUA_UUID_SIZE])
{
  static const char hex[] = "0123456789abcdef";
  guint8 bytes[16];

  /* 16 bytes are never cut short once the pool is ready (getrandom(2)) */
  while (getrandom (bytes, sizeof bytes, 0) != (gssize)sizeof bytes)
    ;
  for (int i = 0; i < 6; i++)
    bytes[i] = (guint8)((guint64)now_ms >> (40 - 8 * i));
  bytes[6] = 0x70 | (bytes[6] & 0x0F);
  bytes[8] = 0x80 | (bytes[8] & 0x3F);

  char *p = out;
  for (int i = 0; i < 16; i++)
    {
      if (i == 4 || i == 6 || i == 8 || i == 10)
        *p++ = '-';
      *p++ = hex[bytes[i] >> 4];
      *p++ = hex[bytes[i] & 0x0F];
    }
  *p = '\0';
}

/* Writes @n digits of @value. */
static void
put_digits (char *out, int n, gint64 value)
{
  for (int i = n - 1; i >= 0; i--, value /= 10)
    out[i] = (char)('0' + value % 10);
}

void
barua_append_time (GString *out, gint64 ms)
{
  char text[] = "\"0000-00-00T00:00:00.000Z\"";
  gint64 days = ms / BARUA_MS_PER_DAY - (ms % BARUA_MS_PER_DAY < 0 ? 1 : 0);
  gint64 rest = ms - days * BARUA_MS_PER_DAY;
  int year = 0, month = 0, day = 0;

  barua_date_to_civil (days, &year, &month, &day);
  put_digits (text + 1, 4, year);
  put_digits (text + 6, 2, month);
  put_digits (text + 9, 2, day);
  put_digits (text + 12, 2, rest / 3600000);
  put_digits (text + 15, 2, rest / 60000 % 60);
  put_digits (text + 18, 2, rest / 1000 % 60);
  put_digits (text + 21, 3, rest % 1000);
  g_string_append_len (out, text, sizeof text - 1);
}

/* One entry of `state_history`. */
static void
append_history_entry (GString *out, BaruaTaskState state, BaruaText details, gint64 now_ms)
{
  g_string_append (out, "{\"state\":\"");
  g_string_append (out, barua_task_state_name (state));
  g_string_append_c (out, '"');
  if (details.p != NULL)
    {
      g_string_append (out, ",\"state_details\":");
      g_string_append_len (out, details.p, (gssize)details.n);
    }
  g_string_append (out, ",\"timestamp\":");
  barua_append_time (out, now_ms);
  g_string_append_c (out, '}');
}

void
barua_task_append (GString *tasks, const BaruaNewTask *task)
{
  if (tasks->len > 0 && tasks->str[tasks->len - 1] == '}')
    g_string_append_c (tasks, ',');
  const struct
  {
    const char *name;
    BaruaText text;
  } members[] = { { "uuid", task->uuid },
                  { "to", task->to },
                  { "message", task->message },
                  { "error", task->error },
                  { "original_message", task->original } };

  g_string_append (tasks, "{\"messages\":[{");
  for (gsize i = 0; i < G_N_ELEMENTS (members); i++)
    if (members[i].text.p != NULL)
      {
        barua_json_append_key (tasks, members[i].name);
        barua_json_append_string (tasks, members[i].text);
      }
  g_string_append (tasks, "}],\"state\":\"");
  g_string_append (tasks, barua_task_state_name (task->state));
  g_string_append_c (tasks, '"');
  if (task->details.p != NULL)
    {
      g_string_append (tasks, ",\"state_details\":");
      g_string_append_len (tasks, task->details.p, (gssize)task->details.n);
    }
  g_string_append (tasks, ",\"state_history\":[");
  append_history_entry (tasks, task->state, task->details, task->now_ms);
  g_string_append (tasks, "]}");
}

/* ---- which change is accepted ---- */

/* How far a message has come (messaging.md 4.3); 0: the order says nothing. */
static guint
rank (BaruaTaskState state)
{
  static const guint ranks[BARUA_N_TASK_STATES] = {
    [BARUA_TASK_STATE_FORWARDED_TO_GATEWAY] = 1,
    [BARUA_TASK_STATE_RECEIVED_BY_GATEWAY] = 2,
    [BARUA_TASK_STATE_FORWARDED_BY_GATEWAY] = 3,
    [BARUA_TASK_STATE_SENT] = 4,
    [BARUA_TASK_STATE_DELIVERED] = 5,
  };
  return ranks[state];
}

gboolean
barua_task_may_become (BaruaTaskState from, BaruaTaskState to)
{
  switch (from)
    {
    case BARUA_TASK_STATE_PENDING:
    case BARUA_TASK_STATE_FORWARDED_TO_GATEWAY:
    case BARUA_TASK_STATE_RECEIVED_BY_GATEWAY:
    case BARUA_TASK_STATE_FORWARDED_BY_GATEWAY:
    case BARUA_TASK_STATE_UNRECOGNISED:
    case BARUA_TASK_STATE_EXPIRED:
      return TRUE;
    case BARUA_TASK_STATE_SENT:
      return to == BARUA_TASK_STATE_SENT || to == BARUA_TASK_STATE_DELIVERED
             || to == BARUA_TASK_STATE_FAILED;
    case BARUA_TASK_STATE_DELIVERED:
      return FALSE;
    case BARUA_TASK_STATE_FAILED:
      return to == BARUA_TASK_STATE_FAILED || rank (to) >= 2;
    default: /* never was with a phone: scheduled, denied, muted, … */
      return FALSE;
    }
}

/* ---- editing the document's text ---- */

/* The members of a task that a change looks at. */
typedef struct
{
  BaruaJson state;
  BaruaJson details;
  BaruaJson history;
} TaskMembers;

static TaskMembers
task_members (BaruaJson task)
{
  return (TaskMembers){ barua_json_member (task, "state"),
                        barua_json_member (task, "state_details"),
                        barua_json_member (task, "state_history") };
}

static BaruaTaskState
state_of (BaruaJson value)
{
  BaruaText text = { NULL, 0 };

  return barua_json_string_raw (value, &text) ? barua_task_state_from_text (text)
                                              : BARUA_TASK_STATE_OTHER;
}

/* Whether @stored are the details of @change, by value; no details given are equal to any. */
static gboolean
is_same_details (BaruaJson stored, const BaruaTaskChange *change)
{
  return change->details.p == NULL
         || barua_json_equal (stored, (BaruaJson){ change->details.p, change->details.n });
}

static BaruaJson
last_entry (BaruaJson history)
{
  guint n = barua_json_size (history);

  return n > 0 ? barua_json_element (history, n - 1) : BARUA_JSON_NONE;
}

/* Whether the last entry of the history says what @change says. */
static gboolean
is_last_word (const TaskMembers *task, const BaruaTaskChange *change)
{
  BaruaJson last = last_entry (task->history);

  return state_of (barua_json_member (last, "state")) == change->state
         && is_same_details (barua_json_member (last, "state_details"), change);
}

/* Appends the new `state_history` value. */
static void
append_history (GString *out, BaruaJson history, const BaruaTaskChange *change)
{
  gboolean is_list = barua_json_type (history) == BARUA_JSON_ARRAY;

  g_string_append_c (out, '[');
  if (is_list && barua_json_size (history) > 0)
    {
      g_string_append_len (out, history.text + 1, (gssize)history.length - 2);
      g_string_append_c (out, ',');
    }
  append_history_entry (out, change->state, change->details, change->now_ms);
  g_string_append_c (out, ']');
}

static void
append_state (GString *out, const BaruaTaskChange *change)
{
  barua_json_append_key (out, "state");
  barua_json_append_string (out, barua_text (barua_task_state_name (change->state)));
  if (change->details.p != NULL)
    {
      barua_json_append_key (out, "state_details");
      g_string_append_len (out, change->details.p, (gssize)change->details.n);
    }
}

/* Appends @task with the change made; its other members keep their text and place. */
static void
append_changed_task (GString *out, BaruaJson task, const BaruaTaskChange *change,
                     gboolean is_accepted)
{
  TaskMembers members = task_members (task);
  gboolean has_state = members.state.text != NULL, has_history = members.history.text != NULL;
  BaruaJsonIter iter;
  BaruaJson key, value;

  g_string_append_c (out, '{');
  barua_json_iter_init (&iter, task);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      if (is_accepted && barua_json_string_is (key, BARUA_TEXT ("state_details")))
        continue;
      if (is_accepted && value.text == members.state.text)
        {
          append_state (out, change);
          continue;
        }
      if (out->str[out->len - 1] != '{')
        g_string_append_c (out, ',');
      g_string_append_len (out, key.text, (gssize)key.length);
      g_string_append_c (out, ':');
      if (value.text == members.history.text)
        append_history (out, value, change);
      else
        g_string_append_len (out, value.text, (gssize)value.length);
    }
  if (is_accepted && !has_state)
    append_state (out, change);
  if (!has_history)
    {
      barua_json_append_key (out, "state_history");
      append_history (out, BARUA_JSON_NONE, change);
    }
  g_string_append_c (out, '}');
}

gboolean
barua_task_apply (BaruaText body, BaruaMessagePath path, const BaruaTaskChange *change,
                  GString *out)
{
  BaruaJson document = { body.p, body.n };
  BaruaJson list = barua_json_member (document, barua_message_list_name (path.list));
  BaruaJson task = barua_json_element (list, path.task);

  if (barua_json_type (task) != BARUA_JSON_OBJECT)
    return FALSE;
  TaskMembers members = task_members (task);
  BaruaTaskState current = state_of (members.state);
  gboolean is_accepted = barua_task_may_become (current, change->state);

  if (is_last_word (&members, change)
      && (!is_accepted || (current == change->state && is_same_details (members.details, change))))
    return FALSE;
  gsize before = (gsize)(task.text - body.p);
  g_string_append_len (out, body.p, (gssize)before);
  append_changed_task (out, task, change, is_accepted);
  g_string_append_len (out, task.text + task.length, (gssize)(body.n - before - task.length));
  return TRUE;
}

/* ---- what phones report ---- */

typedef struct
{
  const char *status;
  BaruaTaskState state;
} StatusRow;

/* The words of the cht-gateway app (messaging.md 3.6); case counts. */
static const StatusRow statuses[] = {
  { "UNSENT", BARUA_TASK_STATE_RECEIVED_BY_GATEWAY },
  { "PENDING", BARUA_TASK_STATE_FORWARDED_BY_GATEWAY },
  { "SENT", BARUA_TASK_STATE_SENT },
  { "DELIVERED", BARUA_TASK_STATE_DELIVERED },
  { "FAILED", BARUA_TASK_STATE_FAILED },
};

/* `{"NAME":VALUE}`, or `{}` for an absent value. */
static BaruaText
make_details (GString *details, const char *name, BaruaJson value)
{
  g_string_assign (details, "{");
  if (value.text != NULL)
    {
      barua_json_append_key (details, name);
      barua_json_append_minified (details, value);
    }
  g_string_append_c (details, '}');
  return (BaruaText){ details->str, details->len };
}

void
barua_task_change_from_update (BaruaJson update, GString *details, BaruaTaskChange *change)
{
  BaruaJson status = barua_json_member (update, "status"),
            reason = barua_json_member (update, "reason");

  change->details = (BaruaText){ NULL, 0 };
  for (gsize i = 0; i < G_N_ELEMENTS (statuses); i++)
    if (barua_json_string_is (status, barua_text (statuses[i].status)))
      {
        change->state = statuses[i].state;
        if (barua_json_truthy (reason))
          change->details = make_details (details, "reason", reason);
        return;
      }
  change->state = BARUA_TASK_STATE_UNRECOGNISED;
  change->details = make_details (details, "gateway_status", status);
}
