/* SPDX-License-Identifier: MIT */

/* Scheduled messages that become due, and waiting ones that expire. */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/due.h"

#include "forms/characters.h"
#include "gateway/rules/guards.h"
#include "gateway/rules/messages.h"

#include <string.h>

#define MS_PER_DAY ((gint64)86400000)
#define VALID_DAYS_DEFAULT 7  /* messaging.md 4.3 */
#define VALID_DAYS_MAX 36500
#define EVENING_DEFAULT 23    /* messaging.md 8 */

/* ---- the window of the day ---- */

/* A time of day in minutes, of two settings. */
static int
minutes_of_day (const BaruaSettings *settings, const char *hours, const char *minutes, int fallback)
{
  return (int)CLAMP (barua_guard_integer (settings, hours, fallback), 0, 24) * 60
         + (int)CLAMP (barua_guard_integer (settings, minutes, 0), 0, 59);
}

/* A time of day, some days after that of @day. */
static gint64
time_on (GDateTime *day, int days, int minutes)
{
  g_autoptr (GDateTime) later = g_date_time_add_days (day, days);
  g_autoptr (GDateTime) at = g_date_time_new_local (
      g_date_time_get_year (later), g_date_time_get_month (later),
      g_date_time_get_day_of_month (later), minutes / 60 % 24, minutes % 60, 0);

  return (at != NULL ? g_date_time_to_unix (at) : g_date_time_to_unix (later)) * 1000;
}

gboolean
barua_due_is_open (const BaruaSettings *settings, gint64 now_ms, gint64 *opens_ms)
{
  const int morning
      = minutes_of_day (settings, "schedule_morning_hours", "schedule_morning_minutes", 0);
  const int evening = minutes_of_day (settings, "schedule_evening_hours",
                                      "schedule_evening_minutes", EVENING_DEFAULT);
  g_autoptr (GDateTime) now = g_date_time_new_from_unix_local (now_ms / 1000);
  const int minute = g_date_time_get_hour (now) * 60 + g_date_time_get_minute (now);
  const int second = g_date_time_get_second (now);

  if (minute >= morning && (minute < evening || (minute == evening && second == 0)))
    return TRUE;
  *opens_ms = time_on (now, minute < morning ? 0 : 1, morning);
  return FALSE;
}

gint64
barua_due_valid_ms (const BaruaSettings *settings)
{
  const gint64 days = barua_guard_integer (settings, "sms.valid_days", VALID_DAYS_DEFAULT);

  return (days < 0 ? VALID_DAYS_DEFAULT : MIN (days, VALID_DAYS_MAX)) * MS_PER_DAY;
}

/* ---- tasks ---- */

/* When a task is due; FALSE without any time (messaging.md 3.7). */
static gboolean
due_of (BaruaJson document, BaruaJson task, gint64 *due_ms)
{
  const BaruaJson times[] = { barua_json_member (task, "due"), barua_json_member (task, "timestamp"),
                              barua_json_member (document, "reported_date") };

  for (gsize i = 0; i < G_N_ELEMENTS (times); i++)
    if (barua_json_truthy (times[i]))
      return barua_message_time (times[i], due_ms);
  return FALSE;
}

static BaruaTaskState
state_of (BaruaJson task)
{
  BaruaText text;

  return barua_json_string_raw (barua_json_member (task, "state"), &text)
             ? barua_task_state_from_text (text)
             : BARUA_TASK_STATE_OTHER;
}

/* Whether a text would show nothing. */
static gboolean
is_blank (BaruaText text)
{
  return text.p == NULL || barua_text_trim (text).n == 0;
}

/* Whether every message of a task can be sent. */
static gboolean
has_text (BaruaJson task, BaruaArena *arena)
{
  BaruaJson list = barua_json_member (task, "messages"), message;
  BaruaJsonIter iter;

  if (barua_json_type (list) != BARUA_JSON_ARRAY || barua_json_size (list) == 0)
    return FALSE;
  barua_json_iter_init (&iter, list);
  while (barua_json_iter_next (&iter, NULL, &message))
    if (barua_arena_json_text (arena, barua_json_member (message, "to")).n == 0
        || is_blank (barua_arena_json_text (arena, barua_json_member (message, "message"))))
      return FALSE;
  return TRUE;
}

/* ---- making the text ---- */

/* The record's language (workflows.md 12.2). */
static BaruaText
language_of (const BaruaSettings *settings, BaruaJson document, BaruaArena *arena)
{
  const BaruaText choices[]
      = { barua_arena_json_text (arena, barua_json_member (document, "locale")),
          barua_arena_json_text (
              arena, barua_json_member (barua_json_member (document, "sms_message"), "locale")),
          barua_settings_get_text (settings, arena, "locale_outgoing") };

  for (gsize i = 0; i < G_N_ELEMENTS (choices); i++)
    if (choices[i].n > 0)
      return choices[i];
  return barua_settings_locale (settings);
}

/* The members of the record with those of its `fields` over them (workflows.md 12.2 no. 6). */
static BaruaJson
context_of (BaruaJson document, BaruaArena *arena)
{
  BaruaJson fields = barua_json_member (document, "fields");

  if (barua_json_type (fields) != BARUA_JSON_OBJECT || barua_json_size (fields) == 0)
    return document;
  g_autoptr (GString) text = g_string_new_len (document.text, (gssize)document.length - 1);
  g_string_append_c (text, ',');
  g_string_append_len (text, fields.text + 1, (gssize)fields.length - 1);
  const BaruaText copy = barua_arena_copy (arena, (BaruaText){ text->str, text->len });
  return (BaruaJson){ copy.p, copy.n };
}

/* The text of the task's key, without one its own, with the record's members filled in; absent without
 * a translation. */
static BaruaText
make_text (const BaruaSettings *settings, BaruaJson document, BaruaJson task, BaruaArena *arena)
{
  const BaruaText nothing = { NULL, 0 };
  const BaruaText locale = language_of (settings, document, arena);
  BaruaText key = barua_arena_json_text (arena, barua_json_member (task, "translation_key"));

  if (key.n == 0)
    key = barua_arena_json_text (arena, barua_json_member (task, "message_key"));
  const BaruaText text
      = key.n == 0
            ? barua_message_content (arena, barua_json_member (task, "message"), locale)
            : barua_texts_lookup (barua_settings_texts (settings), locale, BARUA_TEXT ("en"), key);
  if (text.p == NULL || barua_text_equal (text, key))
    return nothing;
  return barua_text_fill_message (arena, text, context_of (document, arena));
}

/* The sender's number (workflows.md 12.1, `reporting_unit`). */
static BaruaText
sender_of (BaruaJson document, BaruaArena *arena)
{
  BaruaText from = barua_arena_json_text (arena, barua_json_member (document, "from"));

  if (from.n > 0)
    return from;
  return barua_arena_json_text (
      arena, barua_json_member (barua_json_member (document, "contact"), "phone"));
}

/* The rows of workflows.md 12.1 that need nothing but the record: the sender, a value of the record, a
 * number. Others need the places around it: absent. */
static BaruaText
recipient_of (const BaruaSettings *settings, BaruaJson document, BaruaJson task, BaruaArena *arena)
{
  static const char *const places[]
      = { "clinic", "health_center", "district", "parent", "grandparent", NULL };
  char e164[BARUA_PHONE_SIZE];
  BaruaText word = barua_arena_json_text (arena, barua_json_member (task, "recipient"));

  if (word.n == 0 || barua_text_equal (word, BARUA_TEXT ("reporting_unit")))
    return sender_of (document, arena);
  g_autofree char *name = g_strndup (word.p, word.n);
  if (g_strv_contains (places, name) || strchr (name, ':') != NULL || strchr (name, '.') != NULL)
    return (BaruaText){ NULL, 0 };
  const BaruaText values[] = {
    barua_arena_json_text (arena, barua_json_member (barua_json_member (document, "fields"), name)),
    barua_arena_json_text (arena, barua_json_member (document, name))
  };
  for (gsize i = 0; i < G_N_ELEMENTS (values); i++)
    if (values[i].n > 0)
      return values[i];
  if (word.p[0] == '+'
      && barua_phone_normalise (barua_settings_phone_rules (settings), word, e164))
    return word;
  const BaruaText sender = sender_of (document, arena);
  return sender.n > 0 ? sender : word;
}

void
barua_due_preview (const BaruaSettings *settings, BaruaJson document, BaruaJson task,
                   BaruaArena *arena, BaruaText *to, BaruaText *content)
{
  *to = recipient_of (settings, document, task, arena);
  *content = make_text (settings, document, task, arena);
}

/* Makes `messages` of a task; FALSE when there is nothing to send. */
static gboolean
make_messages (const BaruaSettings *settings, BaruaJson document, BaruaJson task, BaruaArena *arena,
               gint64 now_ms, BaruaText *messages)
{
  char uuid[BARUA_UUID_SIZE];
  BaruaText whole = { NULL, 0 };
  BaruaText to = recipient_of (settings, document, task, arena);
  BaruaText text = make_text (settings, document, task, arena);

  if (is_blank (to) || is_blank (text))
    return FALSE;
  to = barua_guard_recipient (settings, arena, to);
  barua_guard_cut (settings, arena, &text, &whole);
  barua_uuid_new (now_ms, uuid);
  g_autoptr (GString) json = g_string_new ("[{\"uuid\":");
  barua_json_append_string (json, barua_text (uuid));
  barua_json_append_key (json, "to");
  barua_json_append_string (json, to);
  barua_json_append_key (json, "message");
  barua_json_append_string (json, text);
  if (whole.p != NULL)
    {
      barua_json_append_key (json, "original_message");
      barua_json_append_string (json, whole);
    }
  g_string_append (json, "}]");
  *messages = barua_arena_copy (arena, (BaruaText){ json->str, json->len });
  return TRUE;
}

/* ---- the two walks ---- */

/* What becomes of one scheduled task that is due; FALSE: it stays. */
static gboolean
release_task (const BaruaSettings *settings, BaruaJson document, BaruaJson task, BaruaArena *arena,
              BaruaTaskChange *change)
{
  change->state = BARUA_TASK_STATE_PENDING;
  if (has_text (task, arena)
      || make_messages (settings, document, task, arena, change->now_ms, &change->messages))
    return TRUE;
  change->state = BARUA_TASK_STATE_CLEAR;
  return barua_json_truthy (barua_settings_get (settings, "sms.clear_failing_schedules"));
}

/* Both lists: schedules use one, `POST /api/v1/messages` with a due time the other. */
static const BaruaMessageList lists[]
    = { BARUA_MESSAGE_LIST_TASKS, BARUA_MESSAGE_LIST_SCHEDULED_TASKS };

/* Calls @look for every task of a document and adds the changes that it wants. */
static void
walk (BaruaJson document, gint64 now_ms, GArray *changes,
      gboolean (*look) (gpointer data, BaruaJson task, BaruaTaskChange *change), gpointer data)
{
  BaruaJsonIter iter;
  BaruaJson task;

  for (gsize l = 0; l < G_N_ELEMENTS (lists); l++)
    {
      BaruaJson list = barua_json_member (document, barua_message_list_name (lists[l]));
      if (barua_json_type (list) != BARUA_JSON_ARRAY)
        continue;
      barua_json_iter_init (&iter, list);
      for (guint i = 0; barua_json_iter_next (&iter, NULL, &task); i++)
        {
          BaruaTaskChange change
              = { .list = lists[l], .task = i, .now_ms = now_ms, .is_decided = TRUE };
          if (look (data, task, &change))
            g_array_append_val (changes, change);
        }
    }
}

/* What the looks need beside the task. */
typedef struct
{
  const BaruaSettings *settings;
  BaruaJson document;
  BaruaArena *arena;
  gint64 valid_ms;
} Context;

/* Whether a scheduled task is due, and what becomes of it. */
static gboolean
look_due (gpointer data, BaruaJson task, BaruaTaskChange *change)
{
  const Context *context = data;
  gint64 due_ms;

  return state_of (task) == BARUA_TASK_STATE_SCHEDULED
         && due_of (context->document, task, &due_ms) && due_ms <= change->now_ms
         && due_ms >= change->now_ms - BARUA_DUE_MAX_AGE_MS
         && release_task (context->settings, context->document, task, context->arena, change);
}

void
barua_due_release (const BaruaSettings *settings, BaruaJson document, BaruaArena *arena,
                   gint64 now_ms, GArray *changes)
{
  Context context = { settings, document, arena, 0 };

  walk (document, now_ms, changes, look_due, &context);
}

/* When the task was last made pending, as its history says. */
static gboolean
last_pending (BaruaJson task, gint64 *ms)
{
  BaruaJson history = barua_json_member (task, "state_history"), entry;
  BaruaJsonIter iter;
  gboolean is_found = FALSE;

  if (barua_json_type (history) != BARUA_JSON_ARRAY)
    return FALSE;
  barua_json_iter_init (&iter, history);
  while (barua_json_iter_next (&iter, NULL, &entry))
    if (state_of (entry) == BARUA_TASK_STATE_PENDING)
      is_found = barua_message_time (barua_json_member (entry, "timestamp"), ms) || is_found;
  return is_found;
}

/* Whether a task that waits is of no use any more. */
static gboolean
is_over (BaruaJson document, BaruaJson task, gint64 valid_ms, gint64 now_ms)
{
  BaruaJson until = barua_json_member (task, "valid_until");
  gint64 due_ms, pending_ms, until_ms;

  if (barua_json_truthy (until) && barua_message_time (until, &until_ms))
    return until_ms <= now_ms;
  if (valid_ms == 0 || !due_of (document, task, &due_ms))
    return FALSE;
  if (last_pending (task, &pending_ms))
    due_ms = MAX (due_ms, pending_ms);
  return due_ms + valid_ms <= now_ms;
}

/* Whether a task that waits is over. */
static gboolean
look_over (gpointer data, BaruaJson task, BaruaTaskChange *change)
{
  const Context *context = data;

  change->state = BARUA_TASK_STATE_EXPIRED;
  return BARUA_TASK_STATE_WAITS (state_of (task))
         && is_over (context->document, task, context->valid_ms, change->now_ms);
}

void
barua_due_expire (const BaruaSettings *settings, BaruaJson document, gint64 now_ms, GArray *changes)
{
  Context context = { settings, document, NULL, barua_due_valid_ms (settings) };

  walk (document, now_ms, changes, look_over, &context);
}
