/* SPDX-License-Identifier: MIT */

/* The message queue's view of a document: one row per message of its tasks (documents.md 14.1).
 * Pure: nothing is looked up and no clock is read. */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/messages.h"

#include "gateway/rules/views.h"

#include <math.h>
#include <string.h>
#include <time.h>

#define MS_PER_SECOND G_GINT64_CONSTANT (1000)
#define S_PER_DAY G_GINT64_CONSTANT (86400)

/* ECMA-262, 21.4.1.1: times further away do not exist. */
#define MAX_TIME_MS 8.64e15

/* A text of so many digits is a number of milliseconds, not a date (messaging.md 6.1). */
#define TIMESTAMP_MIN_DIGITS 13
#define TIMESTAMP_MAX_DIGITS 16

static const char *const state_names[BARUA_N_TASK_STATES] = {
  [BARUA_TASK_STATE_OTHER] = "",
  [BARUA_TASK_STATE_SCHEDULED] = "scheduled",
  [BARUA_TASK_STATE_PENDING] = "pending",
  [BARUA_TASK_STATE_FORWARDED_TO_GATEWAY] = "forwarded-to-gateway",
  [BARUA_TASK_STATE_RECEIVED_BY_GATEWAY] = "received-by-gateway",
  [BARUA_TASK_STATE_FORWARDED_BY_GATEWAY] = "forwarded-by-gateway",
  [BARUA_TASK_STATE_SENT] = "sent",
  [BARUA_TASK_STATE_DELIVERED] = "delivered",
  [BARUA_TASK_STATE_FAILED] = "failed",
  [BARUA_TASK_STATE_UNRECOGNISED] = "unrecognised",
  [BARUA_TASK_STATE_DENIED] = "denied",
  [BARUA_TASK_STATE_DUPLICATE] = "duplicate",
  [BARUA_TASK_STATE_MUTED] = "muted",
  [BARUA_TASK_STATE_CLEARED] = "cleared",
  [BARUA_TASK_STATE_EXPIRED] = "expired",
  [BARUA_TASK_STATE_CLEAR] = "clear",
};

const char *
barua_task_state_name (BaruaTaskState state)
{
  g_return_val_if_fail ((guint)state < BARUA_N_TASK_STATES, "");

  return state_names[state];
}

BaruaTaskState
barua_task_state_from_text (BaruaText name)
{
  for (guint i = 1; i < BARUA_N_TASK_STATES; i++)
    if (barua_text_equal (name, barua_text (state_names[i])))
      return (BaruaTaskState)i;
  return BARUA_TASK_STATE_OTHER;
}

const char *
barua_message_list_name (BaruaMessageList list)
{
  return list == BARUA_MESSAGE_LIST_TASKS ? "tasks" : "scheduled_tasks";
}

/* Writes a letter for the number of digits, then the digits: text order is then the order of
 * numbers. */
static gsize
write_index (guint number, char *out)
{
  char digits[12];
  const int n = g_snprintf (digits, sizeof digits, "%u", number);

  out[0] = (char)('a' + n - 1);
  memcpy (out + 1, digits, (gsize)n);
  return (gsize)n + 1;
}

gsize
barua_message_path_write (BaruaMessagePath path, char out[BARUA_MESSAGE_PATH_SIZE])
{
  gsize n = 0;

  out[n++] = path.list == BARUA_MESSAGE_LIST_TASKS ? '0' : '1';
  n += write_index (path.task, out + n);
  if (path.message >= 0)
    n += write_index ((guint)path.message, out + n);
  out[n] = '\0';
  return n;
}

/* Reads what write_index() wrote at *at, and steps over it. */
static gboolean
read_index (BaruaText text, gsize *at, guint *number)
{
  if (*at >= text.n || text.p[*at] < 'a' || text.p[*at] > 'j')
    return FALSE;

  const gsize n = (gsize)(text.p[*at] - 'a') + 1;
  guint64 value = 0;
  if (text.n - *at - 1 < n)
    return FALSE;
  for (gsize i = 0; i < n; i++)
    {
      const char digit = text.p[*at + 1 + i];
      if (!g_ascii_isdigit (digit))
        return FALSE;
      value = value * 10 + (guint64)(digit - '0');
    }
  if (value > G_MAXINT)
    return FALSE;
  *number = (guint)value;
  *at += n + 1;
  return TRUE;
}

gboolean
barua_message_path_read (BaruaText text, BaruaMessagePath *path)
{
  BaruaMessagePath found = { .message = -1 };
  guint message;
  gsize at = 1;

  if (text.n == 0 || (text.p[0] != '0' && text.p[0] != '1'))
    return FALSE;
  found.list = text.p[0] == '0' ? BARUA_MESSAGE_LIST_TASKS : BARUA_MESSAGE_LIST_SCHEDULED_TASKS;
  if (!read_index (text, &at, &found.task))
    return FALSE;
  if (at < text.n)
    {
      if (!read_index (text, &at, &message))
        return FALSE;
      found.message = (int)message;
    }
  if (at != text.n)
    return FALSE;
  *path = found;
  return TRUE;
}

/* ---- times ---- */

/* Days from 1970-01-01 to a date of the proleptic Gregorian calendar. */
static gint64
days_from_date (int year, int month, int day)
{
  const gint64 y = month <= 2 ? year - 1 : year; /* the year begins in March: leap days come last */
  const gint64 era = (y >= 0 ? y : y - 399) / 400;
  const gint64 year_of_era = y - era * 400;
  const gint64 day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const gint64 day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

  return era * 146097 + day_of_era - 719468;
}

/* Reads exactly @n digits and steps over them. */
static gboolean
read_digits (BaruaText *text, gsize n, int *number)
{
  int value = 0;

  if (text->n < n)
    return FALSE;
  for (gsize i = 0; i < n; i++)
    {
      if (!g_ascii_isdigit (text->p[i]))
        return FALSE;
      value = value * 10 + (text->p[i] - '0');
    }
  text->p += n;
  text->n -= n;
  *number = value;
  return TRUE;
}

/* Steps over @c if it comes next. */
static gboolean
accept (BaruaText *text, char c)
{
  if (text->n == 0 || text->p[0] != c)
    return FALSE;
  text->p++;
  text->n--;
  return TRUE;
}

/* A date and time as read, before its zone is applied. */
typedef struct
{
  int year, month, day, hour, minute, second, millisecond;
} Moment;

/* Reads `:SS` and `.mmm`, both optional; digits beyond the third are dropped. */
static gboolean
read_seconds (BaruaText *text, Moment *m)
{
  int unit = 100;

  if (!accept (text, ':'))
    return TRUE;
  if (!read_digits (text, 2, &m->second))
    return FALSE;
  if (!accept (text, '.'))
    return TRUE;
  if (text->n == 0 || !g_ascii_isdigit (text->p[0]))
    return FALSE;
  for (; text->n > 0 && g_ascii_isdigit (text->p[0]); text->p++, text->n--, unit /= 10)
    m->millisecond += (text->p[0] - '0') * unit;
  return TRUE;
}

/* Reads a zone, `Z` or `±HH:MM` or `±HHMM`; there must be nothing behind it. */
static gboolean
read_zone (BaruaText *text, int *offset_minutes)
{
  int hours;
  int minutes = 0;

  *offset_minutes = 0;
  if (accept (text, 'Z'))
    return text->n == 0;

  const gboolean is_west = accept (text, '-');
  if (!is_west && !accept (text, '+'))
    return FALSE;
  if (!read_digits (text, 2, &hours))
    return FALSE;
  accept (text, ':');
  if (text->n > 0 && !read_digits (text, 2, &minutes))
    return FALSE;
  *offset_minutes = (is_west ? -1 : 1) * (hours * 60 + minutes);
  return text->n == 0 && hours < 24 && minutes < 60;
}

/* Whether every part is in its range; the 31st of a short month runs over into the next. */
static gboolean
is_moment (const Moment *m)
{
  return m->month >= 1 && m->month <= 12 && m->day >= 1 && m->day <= 31 && m->hour <= 24
         && m->minute <= 59 && m->second <= 59;
}

/* The moment in the time zone of the process. */
static gboolean
local_time (const Moment *m, gint64 *ms)
{
  struct tm tm = { .tm_year = m->year - 1900,
                   .tm_mon = m->month - 1,
                   .tm_mday = m->day,
                   .tm_hour = m->hour,
                   .tm_min = m->minute,
                   .tm_sec = m->second,
                   .tm_isdst = -1 };

  *ms = (gint64)mktime (&tm) * MS_PER_SECOND + m->millisecond;
  return TRUE;
}

/* Reads an ISO 8601 date, with or without time and zone. */
static gboolean
read_iso (BaruaText text, gint64 *ms)
{
  Moment m = { 0 };
  int offset_minutes;

  if (!read_digits (&text, 4, &m.year) || !accept (&text, '-') || !read_digits (&text, 2, &m.month)
      || !accept (&text, '-') || !read_digits (&text, 2, &m.day))
    return FALSE;
  if (text.n > 0)
    {
      if (!accept (&text, 'T') && !accept (&text, ' '))
        return FALSE;
      if (!read_digits (&text, 2, &m.hour) || !accept (&text, ':')
          || !read_digits (&text, 2, &m.minute) || !read_seconds (&text, &m))
        return FALSE;
    }
  if (!is_moment (&m))
    return FALSE;
  if (text.n == 0)
    return local_time (&m, ms);
  if (!read_zone (&text, &offset_minutes))
    return FALSE;

  const gint64 minutes = (gint64)m.hour * 60 + m.minute - offset_minutes;
  *ms = (days_from_date (m.year, m.month, m.day) * S_PER_DAY + minutes * 60 + m.second)
            * MS_PER_SECOND
        + m.millisecond;
  return TRUE;
}

/* Reads a text that is a number of milliseconds. */
static gboolean
read_timestamp (BaruaText text, gint64 *ms)
{
  gint64 value = 0;

  if (text.n < TIMESTAMP_MIN_DIGITS || text.n > TIMESTAMP_MAX_DIGITS)
    return FALSE;
  for (gsize i = 0; i < text.n; i++)
    {
      if (!g_ascii_isdigit (text.p[i]))
        return FALSE;
      value = value * 10 + (text.p[i] - '0');
    }
  *ms = value;
  return value <= (gint64)MAX_TIME_MS;
}

gboolean
barua_message_time (BaruaJson value, gint64 *ms)
{
  BaruaText text;
  gint64 found;

  if (barua_json_type (value) == BARUA_JSON_NUMBER)
    {
      const double number = barua_json_number (value);
      if (!(fabs (number) <= MAX_TIME_MS))
        return FALSE;
      *ms = (gint64)number;
      return TRUE;
    }
  if (!barua_json_string_raw (value, &text))
    return FALSE;
  if (!read_iso (text, &found) && !read_timestamp (text, &found))
    return FALSE;
  *ms = found;
  return TRUE;
}

/* ---- projection ---- */

/* The first of @values that is true as JavaScript sees it, as a time. */
static gint64
first_time (const BaruaJson *values, guint n)
{
  gint64 ms;

  for (guint i = 0; i < n; i++)
    if (barua_json_truthy (values[i]))
      return barua_message_time (values[i], &ms) ? ms : BARUA_NO_TIME;
  return BARUA_NO_TIME;
}

/* The time of the last entry of a task's history. */
static BaruaJson
last_history_time (BaruaJson history)
{
  BaruaJsonIter iter;
  BaruaJson entry;
  BaruaJson last = BARUA_JSON_NONE;

  if (barua_json_type (history) != BARUA_JSON_ARRAY)
    return last;
  barua_json_iter_init (&iter, history);
  while (barua_json_iter_next (&iter, NULL, &entry))
    last = entry;
  return barua_json_member (last, "timestamp");
}

/* What every task of a document is read with. */
typedef struct
{
  BaruaArena *arena;
  GArray *rows;
  BaruaJson reported_date;
} Context;

/* Completes @row, the row of a task, with one of its messages. */
static void
add_message (const Context *context, BaruaMessageRow row, BaruaJson message)
{
  enum
  {
    UUID,
    TO,
    MESSAGE,
    N
  };
  static const BaruaText names[N] = {
    [UUID] = BARUA_TEXT ("uuid"), [TO] = BARUA_TEXT ("to"), [MESSAGE] = BARUA_TEXT ("message")
  };
  BaruaJson values[N];

  barua_json_members (message, names, values, N);
  row.uuid = barua_arena_json_text (context->arena, values[UUID]);
  row.to = barua_arena_json_text (context->arena, values[TO]);
  row.content = barua_arena_json_text (context->arena, values[MESSAGE]);
  if (row.uuid.n == 0)
    row.uuid = (BaruaText){ NULL, 0 };
  row.is_offered = BARUA_TASK_STATE_WAITS (row.state) && row.uuid.n > 0 && row.to.n > 0 && row.content.n > 0
                   && row.due_ms != BARUA_NO_TIME;
  g_array_append_val (context->rows, row);
}

/* Adds the rows of one task: one per message, or one for the task while it has none. */
static void
add_task (const Context *context, BaruaJson task, BaruaMessagePath path)
{
  enum
  {
    MESSAGES,
    STATE,
    DUE,
    TIMESTAMP,
    HISTORY,
    GATEWAY_REF,
    VALID_UNTIL,
    N
  };
  static const BaruaText names[N] = { [MESSAGES] = BARUA_TEXT ("messages"),
                                      [STATE] = BARUA_TEXT ("state"),
                                      [DUE] = BARUA_TEXT ("due"),
                                      [TIMESTAMP] = BARUA_TEXT ("timestamp"),
                                      [HISTORY] = BARUA_TEXT ("state_history"),
                                      [GATEWAY_REF] = BARUA_TEXT ("gateway_ref"),
                                      [VALID_UNTIL] = BARUA_TEXT ("valid_until") };
  BaruaJson values[N];
  BaruaJsonIter iter;
  BaruaJson message;

  barua_json_members (task, names, values, N);
  const BaruaJson due[] = { values[DUE], values[TIMESTAMP], context->reported_date };
  const BaruaJson updated[]
      = { last_history_time (values[HISTORY]), values[TIMESTAMP], context->reported_date };
  const BaruaText state = barua_arena_json_text (context->arena, values[STATE]);
  BaruaMessageRow row
      = { .path = path,
          .state = barua_task_state_from_text (state),
          .gateway_ref = barua_arena_json_text (context->arena, values[GATEWAY_REF]),
          .due_ms = first_time (due, G_N_ELEMENTS (due)),
          .updated_ms = first_time (updated, G_N_ELEMENTS (updated)),
          .valid_until_ms = BARUA_NO_TIME };
  if (BARUA_TASK_STATE_WAITS (row.state))
    row.valid_until_ms = first_time (&values[VALID_UNTIL], 1);
  if (row.gateway_ref.n == 0)
    row.gateway_ref = (BaruaText){ NULL, 0 };
  if (row.updated_ms == BARUA_NO_TIME)
    row.updated_ms = 0;

  row.path.message = -1;
  if (barua_json_type (values[MESSAGES]) == BARUA_JSON_ARRAY)
    {
      barua_json_iter_init (&iter, values[MESSAGES]);
      while (barua_json_iter_next (&iter, NULL, &message))
        {
          row.path.message++;
          if (barua_json_type (message) == BARUA_JSON_OBJECT)
            add_message (context, row, message);
        }
    }
  if (row.path.message < 0)
    g_array_append_val (context->rows, row);
}

/* Adds the rows of every task of one list. */
static void
add_list (const Context *context, BaruaJson tasks, BaruaMessageList list)
{
  BaruaMessagePath path = { .list = list };
  BaruaJsonIter iter;
  BaruaJson task;

  if (barua_json_type (tasks) != BARUA_JSON_ARRAY)
    return;
  barua_json_iter_init (&iter, tasks);
  for (; barua_json_iter_next (&iter, NULL, &task); path.task++)
    if (barua_json_type (task) == BARUA_JSON_OBJECT)
      add_task (context, task, path);
}

void
barua_messages_project (BaruaJson document, BaruaArena *arena, BaruaProjection *projection)
{
  enum
  {
    TASKS,
    SCHEDULED_TASKS,
    REPORTED_DATE,
    TYPE,
    SMS_MESSAGE,
    PATIENT_ID,
    PLACE_ID,
    CASE_ID,
    N
  };
  static const BaruaText names[N] = { [TASKS] = BARUA_TEXT ("tasks"),
                                      [SCHEDULED_TASKS] = BARUA_TEXT ("scheduled_tasks"),
                                      [REPORTED_DATE] = BARUA_TEXT ("reported_date"),
                                      [TYPE] = BARUA_TEXT ("type"),
                                      [SMS_MESSAGE] = BARUA_TEXT ("sms_message"),
                                      [PATIENT_ID] = BARUA_TEXT ("patient_id"),
                                      [PLACE_ID] = BARUA_TEXT ("place_id"),
                                      [CASE_ID] = BARUA_TEXT ("case_id") };
  BaruaJson values[N];

  barua_json_members (document, names, values, N);
  const Context context
      = { .arena = arena, .rows = projection->rows, .reported_date = values[REPORTED_DATE] };
  g_array_set_size (projection->rows, 0);
  add_list (&context, values[TASKS], BARUA_MESSAGE_LIST_TASKS);
  add_list (&context, values[SCHEDULED_TASKS], BARUA_MESSAGE_LIST_SCHEDULED_TASKS);

  projection->gateway_ref = (BaruaText){ NULL, 0 };
  projection->type = values[TYPE];
  const gboolean is_record = barua_json_string_is (values[TYPE], BARUA_TEXT ("data_record"));
  projection->has_lookups = values[PATIENT_ID].text != NULL || values[PLACE_ID].text != NULL
                            || values[CASE_ID].text != NULL
                            || (!is_record && barua_contact_type_is (values[TYPE]));
  if (is_record)
    {
      const BaruaJson ref = barua_json_member (values[SMS_MESSAGE], "gateway_ref");
      projection->gateway_ref = barua_arena_json_text (arena, ref);
    }
  if (projection->gateway_ref.n == 0)
    projection->gateway_ref = (BaruaText){ NULL, 0 };
}

/* The content for a language in a list of them; absent when there is none. */
static BaruaText
find_content (BaruaArena *arena, BaruaJson list, BaruaText locale)
{
  BaruaJsonIter iter;
  BaruaJson entry;

  barua_json_iter_init (&iter, list);
  while (barua_json_iter_next (&iter, NULL, &entry))
    if (barua_json_string_is (barua_json_member (entry, "locale"), locale))
      return barua_arena_json_text (arena, barua_json_member (entry, "content"));
  return (BaruaText){ NULL, 0 };
}

BaruaText
barua_message_content (BaruaArena *arena, BaruaJson message, BaruaText locale)
{
  if (barua_json_type (message) == BARUA_JSON_STRING)
    return barua_arena_json_text (arena, message);
  const BaruaText text = find_content (arena, message, locale);
  return text.p != NULL ? text : find_content (arena, message, BARUA_TEXT ("en"));
}
