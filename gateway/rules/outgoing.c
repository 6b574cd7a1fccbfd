/* SPDX-License-Identifier: MIT */

/* Messages that somebody writes: what is asked for, the document it becomes, and what may be done
 * with it afterwards. */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/outgoing.h"

#include "forms/characters.h"
#include "forms/error.h"

/* Short codes have three digits or more (112, 999). */
#define MIN_DIGITS 3

enum
{
  TO,
  CONTENT,
  DUE,
  VALID_UNTIL,
  N_MEMBERS
};

static const BaruaText member_names[N_MEMBERS] = { [TO] = BARUA_TEXT ("to"),
                                                   [CONTENT] = BARUA_TEXT ("content"),
                                                   [DUE] = BARUA_TEXT ("due"),
                                                   [VALID_UNTIL] = BARUA_TEXT ("valid_until") };

static gboolean
fail (GError **error, int member, const char *reason)
{
  g_set_error (error, BARUA_FORMS_ERROR, BARUA_FORMS_ERROR_SHAPE, "%s: %s", member_names[member].p,
               reason);
  return FALSE;
}

/* Refuses members that nobody reads. */
static gboolean
check_names (BaruaJson body, GError **error)
{
  BaruaJsonIter iter;
  BaruaJson key, value;

  if (barua_json_type (body) != BARUA_JSON_OBJECT)
    {
      g_set_error (error, BARUA_FORMS_ERROR, BARUA_FORMS_ERROR_SHAPE, "expected an object, not %s",
                   barua_json_type_name (body));
      return FALSE;
    }
  barua_json_iter_init (&iter, body);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      guint i = 0;
      while (i < N_MEMBERS && !barua_json_string_is (key, member_names[i]))
        i++;
      if (i < N_MEMBERS)
        continue;
      g_autofree char *name = barua_json_string (key, NULL);
      g_set_error (error, BARUA_FORMS_ERROR, BARUA_FORMS_ERROR_SHAPE,
                   "%s: unknown member; there are to, content, due and valid_until", name);
      return FALSE;
    }
  return TRUE;
}

/* Whether a phone may dial @text: digits, and what people write between them. */
static gboolean
is_dialled (BaruaText text)
{
  guint digits = 0;

  for (gsize i = 0; i < text.n; i++)
    if (g_ascii_isdigit (text.p[i]))
      digits++;
    else if (text.p[i] == '\0' || strchr (" -.()/", text.p[i]) == NULL)
      return FALSE;
  return digits >= MIN_DIGITS;
}

/* The digits of a number that does not normalise: what a phone accepts (messaging.md 2). */
static BaruaText
digits_of (BaruaText text, BaruaArena *arena)
{
  char *digits = barua_arena_alloc (arena, text.n + 1);
  gsize n = 0;

  for (gsize i = 0; i < text.n; i++)
    if (g_ascii_isdigit (text.p[i]))
      digits[n++] = text.p[i];
  digits[n] = '\0';
  return (BaruaText){ digits, n };
}

static gboolean
read_recipient (const BaruaSettings *settings, BaruaJson value, BaruaArena *arena, BaruaText *to,
                GError **error)
{
  char e164[BARUA_PHONE_SIZE];

  if (value.text == NULL)
    return fail (error, TO, "is missing");
  if (barua_json_type (value) != BARUA_JSON_STRING)
    return fail (error, TO, "must be a string");
  BaruaText number = barua_text_trim (barua_arena_json_text (arena, value));
  if (number.n == 0)
    return fail (error, TO, "is empty");
  number = barua_guard_recipient (settings, arena, number);
  if (barua_phone_normalise (barua_settings_phone_rules (settings), number, e164))
    *to = barua_arena_copy (arena, barua_text (e164));
  else if (is_dialled (number))
    *to = digits_of (number, arena);
  else
    return fail (error, TO, "is no phone number");
  return TRUE;
}

static gboolean
read_content (BaruaJson value, BaruaArena *arena, BaruaText *content, GError **error)
{
  if (value.text == NULL)
    return fail (error, CONTENT, "is missing");
  if (barua_json_type (value) != BARUA_JSON_STRING)
    return fail (error, CONTENT, "must be a string");
  BaruaText text = barua_arena_json_text (arena, value);
  if (barua_text_trim (text).n == 0)
    return fail (error, CONTENT, "is empty");
  if (memchr (text.p, '\0', text.n) != NULL)
    return fail (error, CONTENT, "must not hold U+0000");
  *content = text;
  return TRUE;
}

/* A time that may be absent or null. */
static gboolean
read_time (BaruaJson value, int member, gint64 *ms, GError **error)
{
  if (barua_json_is_nothing (value))
    return TRUE;
  if (!barua_message_time (value, ms) || *ms <= 0)
    return fail (error, member,
                 "must be a time: ISO 8601 text, or a number of milliseconds since 1970");
  return TRUE;
}

gboolean
barua_outgoing_read (const BaruaSettings *settings, BaruaJson body, BaruaArena *arena,
                     gint64 now_ms, BaruaOutgoing *outgoing, GError **error)
{
  BaruaOutgoing read = { .now_ms = now_ms };
  BaruaJson values[N_MEMBERS];

  if (!check_names (body, error))
    return FALSE;
  barua_json_members (body, member_names, values, N_MEMBERS);
  if (!read_recipient (settings, values[TO], arena, &read.to, error)
      || !read_content (values[CONTENT], arena, &read.content, error)
      || !read_time (values[DUE], DUE, &read.due_ms, error)
      || !read_time (values[VALID_UNTIL], VALID_UNTIL, &read.valid_until_ms, error))
    return FALSE;
  if (read.valid_until_ms != 0 && read.valid_until_ms <= MAX (read.due_ms, now_ms))
    return fail (error, VALID_UNTIL,
                 read.valid_until_ms <= now_ms ? "has passed" : "is not after due");
  *outgoing = read;
  return TRUE;
}

/* scheduled, pending or duplicate. */
static gboolean
judge (const BaruaSettings *settings, const BaruaOutgoing *outgoing, const BaruaLookup *lookup,
       BaruaNewTask *task, GError **error)
{
  const BaruaText nobody = { NULL, 0 };

  if (outgoing->due_ms > outgoing->now_ms)
    {
      task->state = BARUA_TASK_STATE_SCHEDULED;
      return TRUE;
    }
  return barua_guard_judge (settings, lookup, nobody, task->to, task->message, task->now_ms,
                            &task->state, error);
}

gboolean
barua_outgoing_append_document (const BaruaSettings *settings, const BaruaOutgoing *outgoing,
                                const BaruaLookup *lookup, BaruaArena *arena, GString *out,
                                char uuid[BARUA_UUID_SIZE], GError **error)
{
  BaruaNewTask task = { .to = outgoing->to,
                        .message = outgoing->content,
                        .now_ms = outgoing->now_ms,
                        .due_ms = outgoing->due_ms,
                        .valid_until_ms = outgoing->valid_until_ms };

  barua_guard_cut (settings, arena, &task.message, &task.original);
  if (!judge (settings, outgoing, lookup, &task, error))
    return FALSE;
  barua_uuid_new (outgoing->now_ms, uuid);
  task.uuid = (BaruaText){ uuid, BARUA_UUID_SIZE - 1 };
  g_string_append (out, "{\"type\":\"outgoing_message\",\"reported_date\":");
  barua_json_append_integer (out, outgoing->now_ms);
  if (outgoing->sent_by.p != NULL)
    {
      barua_json_append_key (out, "sent_by");
      barua_json_append_string (out, outgoing->sent_by);
    }
  g_string_append (out, ",\"tasks\":[");
  barua_task_append (out, &task);
  g_string_append (out, "]}");
  return TRUE;
}

gboolean
barua_task_allows (BaruaTaskAction action, BaruaTaskState state)
{
  switch (action)
    {
    case BARUA_TASK_CANCEL: /* what no phone has confirmed */
      return state == BARUA_TASK_STATE_SCHEDULED || state == BARUA_TASK_STATE_PENDING
             || state == BARUA_TASK_STATE_MUTED || state == BARUA_TASK_STATE_FORWARDED_TO_GATEWAY;
    case BARUA_TASK_RETRY:
      return state == BARUA_TASK_STATE_FAILED || state == BARUA_TASK_STATE_EXPIRED;
    default: /* a second one would go out beside one that still waits */
      return state != BARUA_TASK_STATE_OTHER && !barua_task_allows (BARUA_TASK_CANCEL, state);
    }
}

void
barua_tasks_add (BaruaText body, BaruaText task, GString *out)
{
  BaruaJson tasks = barua_json_member ((BaruaJson){ body.p, body.n }, "tasks");

  if (barua_json_type (tasks) == BARUA_JSON_ARRAY)
    {
      const char *end = tasks.text + tasks.length - 1;
      g_string_append_len (out, body.p, end - body.p);
      if (barua_json_size (tasks) > 0)
        g_string_append_c (out, ',');
      g_string_append_len (out, task.p, (gssize)task.n);
      g_string_append_len (out, end, body.p + body.n - end);
      return;
    }
  /* a document is minified: it ends with '}' */
  const char *before = tasks.text != NULL ? tasks.text : body.p + body.n - 1;
  const char *after = before + tasks.length;
  g_string_append_len (out, body.p, before - body.p);
  if (tasks.text == NULL)
    barua_json_append_key (out, "tasks");
  g_string_append_c (out, '[');
  g_string_append_len (out, task.p, (gssize)task.n);
  g_string_append_c (out, ']');
  g_string_append_len (out, after, body.p + body.n - after);
}
