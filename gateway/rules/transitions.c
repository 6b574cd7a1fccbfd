/* SPDX-License-Identifier: MIT */

/* What happens to a record before it is stored: the rows of workflows.md 1.1. */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/transitions.h"

#include "forms/segments.h"
#include "gateway/rules/guards.h"
#include "gateway/rules/tasks.h"

typedef struct
{
  guint number;     /* in workflows.md 1.1; kept in the table `done` */
  const char *name; /* the key in settings.transitions */
  gboolean (*applies) (const BaruaTransition *transition);
  gboolean (*run) (BaruaTransition *transition, GError **error);
} Row;

/* In the order of workflows.md 1.1; the rows that are built so far. */
static const Row rows[] = {
  { 8, "default_responses", barua_transition_default_responses_applies,
    barua_transition_default_responses },
};

gboolean
barua_transition_is_on (const BaruaSettings *settings, const char *name)
{
  BaruaJson setting = barua_json_member (barua_settings_get (settings, "transitions"), name);

  return barua_json_truthy (setting) && !barua_json_truthy (barua_json_member (setting, "disable"));
}

gboolean
barua_transitions_run (BaruaTransition *transition, GError **error)
{
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      const guint64 bit = G_GUINT64_CONSTANT (1) << rows[i].number;
      if ((transition->done & bit) != 0
          || !barua_transition_is_on (transition->settings, rows[i].name)
          || !rows[i].applies (transition))
        continue;
      if (!rows[i].run (transition, error))
        return FALSE;
      transition->done |= bit;
    }
  return TRUE;
}

/* The language of an answer: the message's, `locale_outgoing`, `locale`, English
 * (messaging.md 5.5). */
static BaruaText
reply_locale (const BaruaTransition *transition)
{
  if (transition->message_locale.p != NULL && transition->message_locale.n > 0)
    return transition->message_locale;
  BaruaText outgoing
      = barua_settings_get_text (transition->settings, transition->arena, "locale_outgoing");
  return outgoing.p != NULL && outgoing.n > 0 ? outgoing
                                              : barua_settings_locale (transition->settings);
}

/* The text of @key with the record's members filled in; absent when nobody translated the key. */
static BaruaText
make_text (const BaruaTransition *transition, const char *key)
{
  BaruaText text
      = barua_texts_lookup (barua_settings_texts (transition->settings), reply_locale (transition),
                            BARUA_TEXT ("en"), barua_text (key));

  if (text.p == NULL)
    return text;
  g_autoptr (GString) context = g_string_new (NULL);
  barua_record_append_json (transition->record, NULL, context);
  return barua_text_fill_json (transition->arena, text, (BaruaJson){ context->str, context->len });
}

/* Cuts a text that takes too many segments: its last three characters become dots
 * (messaging.md 5.5). */
static void
limit_length (const BaruaTransition *transition, BaruaNewTask *task)
{
  BaruaText whole = task->message;
  gsize n = barua_segments_cut (whole, barua_guard_segment_limit (transition->settings));

  if (n == whole.n)
    return;
  const char *end = whole.p + n;
  for (guint i = 0; i < 3 && end > whole.p; i++)
    end = g_utf8_prev_char (end);
  char *text = g_strdup_printf ("%.*s...", (int)(end - whole.p), whole.p);
  task->message = barua_arena_copy (transition->arena, barua_text (text));
  task->original = whole;
  g_free (text);
}

/* denied, duplicate or pending (workflows.md 2.4 step 6). */
static gboolean
judge (BaruaTransition *transition, BaruaNewTask *task, GError **error)
{
  guint count = 0;

  if (barua_guard_denies (transition->settings, transition->record->from))
    {
      task->state = BARUA_TASK_STATE_DENIED;
      return TRUE;
    }
  if (!transition->lookup->count_repeat (transition->lookup->data, task->to, task->message,
                                         task->now_ms, &count, error))
    return FALSE;
  task->state = count > barua_guard_repeat_limit (transition->settings) ? BARUA_TASK_STATE_DUPLICATE
                                                                        : BARUA_TASK_STATE_PENDING;
  return TRUE;
}

gboolean
barua_transition_send (BaruaTransition *transition, const char *key, BaruaText recipient,
                       GError **error)
{
  char uuid[BARUA_UUID_SIZE];
  BaruaNewTask task = {
    .to = barua_guard_recipient (transition->settings, transition->arena, recipient),
    .message = make_text (transition, key),
    .now_ms = transition->now_ms,
  };

  barua_uuid_new (transition->now_ms, uuid);
  task.uuid = barua_text (uuid);
  if (task.message.p == NULL)
    {
      task.state = BARUA_TASK_STATE_FAILED;
      task.error = BARUA_TEXT ("messages.errors.message.empty");
      task.details = BARUA_TEXT ("\"messages.errors.message.empty\"");
    }
  else
    {
      limit_length (transition, &task);
      if (!judge (transition, &task, error))
        return FALSE;
    }
  barua_task_append (transition->tasks, &task);
  return TRUE;
}
