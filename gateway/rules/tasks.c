/* SPDX-License-Identifier: MIT */

/* Outgoing messages inside documents: making tasks, and what their states may become. */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/tasks.h"

#include "forms/date.h"
#include "gateway/rules/mask.h"

#include <stdlib.h>
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

/* A member with a time; 0 is none. */
static void
append_time_member (GString *out, const char *name, gint64 ms)
{
  if (ms == 0)
    return;
  barua_json_append_key (out, name);
  barua_append_time (out, ms);
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
  append_time_member (tasks, "due", task->due_ms);
  append_time_member (tasks, "valid_until", task->valid_until_ms);
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

/* A task while changes are made to it, one after the other. */
typedef struct
{
  BaruaTaskState state;
  BaruaJson details;
  BaruaTaskState last_state; /* of the last entry of the history */
  BaruaJson last_details;
  BaruaJson stored_reference;
  BaruaText reference; /* new `gateway_ref`; absent: as it was */
  BaruaText messages;  /* new ones; absent: as they were */
  BaruaTaskCounts *counts;
  gboolean drops_end;  /* `valid_until` goes: somebody wants an expired message sent after all */
  gboolean is_moved; /* `state` and `state_details` are to be written */
  GString *entries;  /* new ones of the history, with commas between */
} TaskEdit;

static BaruaTaskState
state_of (BaruaJson value)
{
  BaruaText text = { NULL, 0 };

  return barua_json_string_raw (value, &text) ? barua_task_state_from_text (text)
                                              : BARUA_TASK_STATE_OTHER;
}

/* Whether @stored are @details, by value; no details given are equal to any. */
static gboolean
is_same_details (BaruaJson stored, BaruaJson details)
{
  return details.text == NULL || barua_json_equal (stored, details);
}

static BaruaJson
last_element (BaruaJson list)
{
  BaruaJsonIter iter;
  BaruaJson element, last = BARUA_JSON_NONE;

  barua_json_iter_init (&iter, list);
  while (barua_json_iter_next (&iter, NULL, &element))
    last = element;
  return last;
}

static TaskEdit
task_edit_begin (BaruaJson task, BaruaTaskCounts *counts)
{
  BaruaJson last = last_element (barua_json_member (task, "state_history"));

  return (TaskEdit){
    .state = state_of (barua_json_member (task, "state")),
    .details = barua_json_member (task, "state_details"),
    .last_state = state_of (barua_json_member (last, "state")),
    .last_details = barua_json_member (last, "state_details"),
    .stored_reference = barua_json_member (task, "gateway_ref"),
    .counts = counts,
    .entries = g_string_new (NULL),
  };
}

/* Adds a change of state to the counts. */
static void
count_change (BaruaTaskCounts *counts, BaruaTaskState from, BaruaTaskState to)
{
  if (counts == NULL || from == to)
    return;
  counts->failed += to == BARUA_TASK_STATE_FAILED;
  counts->sent += to == BARUA_TASK_STATE_SENT
                  || (to == BARUA_TASK_STATE_DELIVERED && from != BARUA_TASK_STATE_SENT);
}

/* Makes one change: accepted ones move the state, all but repeats go into the history. */
static void
task_edit_make (TaskEdit *edit, const BaruaTaskChange *change)
{
  BaruaJson details = { change->details.p, change->details.n };
  gboolean is_accepted
      = change->is_decided || barua_task_may_become (edit->state, change->state);
  gboolean brings_reference = is_accepted && change->reference.p != NULL
                              && !barua_json_string_is (edit->stored_reference, change->reference);
  gboolean is_last_word
      = edit->last_state == change->state && is_same_details (edit->last_details, details);

  if (is_last_word && !brings_reference
      && (!is_accepted
          || (edit->state == change->state && is_same_details (edit->details, details))))
    return;
  if (edit->entries->len > 0)
    g_string_append_c (edit->entries, ',');
  append_history_entry (edit->entries, change->state, change->details, change->now_ms);
  edit->last_state = change->state;
  edit->last_details = details;
  if (!is_accepted)
    return;
  count_change (edit->counts, edit->state, change->state);
  if (edit->state == BARUA_TASK_STATE_EXPIRED && change->state == BARUA_TASK_STATE_PENDING)
    edit->drops_end = TRUE;
  edit->state = change->state;
  edit->details = details;
  if (brings_reference)
    edit->reference = change->reference;
  if (change->messages.p != NULL)
    edit->messages = change->messages;
  edit->is_moved = TRUE;
}

/* Appends the new `state_history` value. */
static void
append_history (GString *out, BaruaJson history, const TaskEdit *edit)
{
  gboolean is_list = barua_json_type (history) == BARUA_JSON_ARRAY;

  g_string_append_c (out, '[');
  if (is_list && barua_json_size (history) > 0)
    {
      g_string_append_len (out, history.text + 1, (gssize)history.length - 2);
      g_string_append_c (out, ',');
    }
  g_string_append_len (out, edit->entries->str, (gssize)edit->entries->len);
  g_string_append_c (out, ']');
}

static void
append_state (GString *out, const TaskEdit *edit)
{
  barua_json_append_key (out, "state");
  barua_json_append_string (out, barua_text (barua_task_state_name (edit->state)));
  if (edit->details.text == NULL)
    return;
  barua_json_append_key (out, "state_details");
  g_string_append_len (out, edit->details.text, (gssize)edit->details.length);
}

static void
append_reference (GString *out, const TaskEdit *edit)
{
  if (edit->reference.p == NULL)
    return;
  barua_json_append_key (out, "gateway_ref");
  barua_json_append_string (out, edit->reference);
}

/* Whether a message is on no way to a phone in this state, so that a login link in it has done its
 * service (users.md 10 no. 2). */
static gboolean
is_at_end (BaruaTaskState state)
{
  return state == BARUA_TASK_STATE_SENT || state == BARUA_TASK_STATE_DELIVERED
         || state == BARUA_TASK_STATE_FAILED || state == BARUA_TASK_STATE_CLEARED
         || state == BARUA_TASK_STATE_EXPIRED;
}

/* Appends @task as @edit leaves it; its other members keep their text and place. */
static void
append_task (GString *out, BaruaJson task, const TaskEdit *edit)
{
  BaruaJson state = barua_json_member (task, "state"),
            history = barua_json_member (task, "state_history");
  BaruaJsonIter iter;
  BaruaJson key, value;

  g_string_append_c (out, '{');
  barua_json_iter_init (&iter, task);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      if (edit->is_moved && barua_json_string_is (key, BARUA_TEXT ("state_details")))
        continue;
      if (edit->reference.p != NULL && value.text == edit->stored_reference.text)
        continue;
      if (edit->messages.p != NULL && barua_json_string_is (key, BARUA_TEXT ("messages")))
        continue;
      if (edit->drops_end && barua_json_string_is (key, BARUA_TEXT ("valid_until")))
        continue;
      if (edit->is_moved && value.text == state.text)
        {
          append_state (out, edit);
          continue;
        }
      if (out->str[out->len - 1] != '{')
        g_string_append_c (out, ',');
      g_string_append_len (out, key.text, (gssize)key.length);
      g_string_append_c (out, ':');
      if (value.text == history.text)
        append_history (out, value, edit);
      else if (is_at_end (edit->state) && barua_json_string_is (key, BARUA_TEXT ("messages")))
        barua_token_append_masked (out, (BaruaText){ value.text, value.length });
      else
        g_string_append_len (out, value.text, (gssize)value.length);
    }
  if (edit->is_moved && state.text == NULL)
    append_state (out, edit);
  append_reference (out, edit);
  if (edit->messages.p != NULL)
    {
      barua_json_append_key (out, "messages");
      g_string_append_len (out, edit->messages.p, (gssize)edit->messages.n);
    }
  if (history.text == NULL)
    {
      barua_json_append_key (out, "state_history");
      append_history (out, BARUA_JSON_NONE, edit);
    }
  g_string_append_c (out, '}');
}

/* By place in the document; changes of one task stay in the order given. */
static int
compare_changes (gconstpointer a, gconstpointer b)
{
  const BaruaTaskChange *x = *(const BaruaTaskChange *const *)a,
                        *y = *(const BaruaTaskChange *const *)b;

  if (x->list != y->list)
    return x->list < y->list ? -1 : 1;
  if (x->task != y->task)
    return x->task < y->task ? -1 : 1;
  return x < y ? -1 : x > y;
}

/* The changes that are still to be made, in the order of compare_changes(). */
typedef struct
{
  const BaruaTaskChange *const *at;
  const BaruaTaskChange *const *end;
  BaruaTaskCounts *counts; /* (nullable) */
} Changes;

/* Makes the changes of the next task, @task, and appends it if it differs; *@copied is how far
 * @body is written. */
static void
apply_to_task (Changes *changes, BaruaJson task, BaruaText body, gsize *copied, GString *out)
{
  const BaruaTaskChange *first = *changes->at;
  TaskEdit edit = task_edit_begin (task, changes->counts);

  for (; changes->at < changes->end && (*changes->at)->list == first->list
         && (*changes->at)->task == first->task;
       changes->at++)
    task_edit_make (&edit, *changes->at);
  if (edit.entries->len > 0 && barua_json_type (task) == BARUA_JSON_OBJECT)
    {
      gsize start = (gsize)(task.text - body.p);
      g_string_append_len (out, body.p + *copied, (gssize)(start - *copied));
      append_task (out, task, &edit);
      *copied = start + task.length;
    }
  g_string_free (edit.entries, TRUE);
}

/* Makes the changes of one list of tasks. */
static void
apply_to_list (Changes *changes, BaruaText body, gsize *copied, GString *out)
{
  BaruaMessageList which = (*changes->at)->list;
  BaruaJson list
      = barua_json_member ((BaruaJson){ body.p, body.n }, barua_message_list_name (which)),
      task;
  BaruaJsonIter iter;

  if (barua_json_type (list) == BARUA_JSON_ARRAY)
    {
      barua_json_iter_init (&iter, list);
      for (guint i = 0; changes->at < changes->end && (*changes->at)->list == which
                        && barua_json_iter_next (&iter, NULL, &task);
           i++)
        if ((*changes->at)->task == i)
          apply_to_task (changes, task, body, copied, out);
    }
  while (changes->at < changes->end && (*changes->at)->list == which)
    changes->at++; /* tasks that are not there */
}

/* The two lists in the order in which they stand in the text. */
static void
order_lists (BaruaText body, BaruaMessageList lists[2])
{
  BaruaJson document = { body.p, body.n };
  BaruaJson tasks
      = barua_json_member (document, barua_message_list_name (BARUA_MESSAGE_LIST_TASKS));
  BaruaJson scheduled
      = barua_json_member (document, barua_message_list_name (BARUA_MESSAGE_LIST_SCHEDULED_TASKS));
  gboolean is_swapped = tasks.text != NULL && scheduled.text != NULL && scheduled.text < tasks.text;

  lists[is_swapped ? 1 : 0] = BARUA_MESSAGE_LIST_TASKS;
  lists[is_swapped ? 0 : 1] = BARUA_MESSAGE_LIST_SCHEDULED_TASKS;
}

gboolean
barua_tasks_apply (BaruaText body, const BaruaTaskChange *changes, guint n_changes, GString *out)
{
  return barua_tasks_apply_counted (body, changes, n_changes, NULL, out);
}

gboolean
barua_tasks_apply_counted (BaruaText body, const BaruaTaskChange *changes, guint n_changes,
                           BaruaTaskCounts *counts, GString *out)
{
  g_autofree const BaruaTaskChange **sorted = g_new (const BaruaTaskChange *, n_changes + 1);
  BaruaMessageList lists[2];
  gsize copied = 0;

  for (guint i = 0; i < n_changes; i++)
    sorted[i] = &changes[i];
  qsort (sorted, n_changes, sizeof *sorted, compare_changes);
  order_lists (body, lists);
  for (guint i = 0; i < G_N_ELEMENTS (lists); i++)
    {
      guint first = 0;
      while (first < n_changes && sorted[first]->list != lists[i])
        first++;
      Changes left = { sorted + first, sorted + n_changes, counts };
      if (first < n_changes)
        apply_to_list (&left, body, &copied, out);
    }
  if (copied == 0)
    return FALSE;
  g_string_append_len (out, body.p + copied, (gssize)(body.n - copied));
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
make_details (BaruaArena *arena, const char *name, BaruaJson value)
{
  g_autoptr (GString) details = g_string_new ("{");

  if (value.text != NULL)
    {
      barua_json_append_key (details, name);
      barua_json_append_minified (details, value);
    }
  g_string_append_c (details, '}');
  return barua_arena_copy (arena, (BaruaText){ details->str, details->len });
}

void
barua_task_change_from_update (BaruaJson update, BaruaArena *arena, BaruaTaskChange *change)
{
  BaruaJson status = barua_json_member (update, "status"),
            reason = barua_json_member (update, "reason");

  change->details = (BaruaText){ NULL, 0 };
  for (gsize i = 0; i < G_N_ELEMENTS (statuses); i++)
    if (barua_json_string_is (status, barua_text (statuses[i].status)))
      {
        change->state = statuses[i].state;
        if (barua_json_truthy (reason))
          change->details = make_details (arena, "reason", reason);
        return;
      }
  change->state = BARUA_TASK_STATE_UNRECOGNISED;
  change->details = make_details (arena, "gateway_status", status);
}
