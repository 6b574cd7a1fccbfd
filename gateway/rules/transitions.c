/* SPDX-License-Identifier: MIT */

/* What happens to a record before it is stored: the rows of workflows.md 1.1. */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/transitions.h"

#include "gateway/rules/guards.h"
#include "gateway/rules/tasks.h"

#include <string.h>

typedef struct
{
  guint number;     /* in workflows.md 1.1; kept in the table `done` */
  const char *name; /* the key in settings.transitions */
  gboolean (*applies) (const BaruaTransition *transition);
  gboolean (*run) (BaruaTransition *transition, GError **error);
} Row;

/* In the order of workflows.md 1.1; the rows that are built so far. */
static const Row rows[] = {
  { BARUA_TRANSITION_UPDATE_CLINICS, "update_clinics", barua_transition_update_clinics_applies,
    barua_transition_update_clinics },
  { 8, "default_responses", barua_transition_default_responses_applies,
    barua_transition_default_responses },
};

/* Whether a row is on in `transitions` of settings. */
static gboolean
is_on (BaruaJson transitions, const char *name)
{
  BaruaJson setting = barua_json_member (transitions, name);

  return barua_json_truthy (setting) && !barua_json_truthy (barua_json_member (setting, "disable"));
}

gboolean
barua_transition_is_on (const BaruaSettings *settings, const char *name)
{
  return is_on (barua_settings_get (settings, "transitions"), name);
}

/* Without those that do nothing by decision (rows 10 and 18). */
static const char *const names[] = { "update_clinics",
                                     "self_report",
                                     "registration",
                                     "accept_patient_reports",
                                     "accept_case_reports",
                                     "generate_shortcode_on_contacts",
                                     "generate_patient_id_on_people",
                                     "default_responses",
                                     "update_sent_by",
                                     "death_reporting",
                                     "conditional_alerts",
                                     "multi_report_alerts",
                                     "update_notifications",
                                     "update_scheduled_reports",
                                     "resolve_pending",
                                     "muting" };

const char *
barua_transition_name (guint index)
{
  return index < G_N_ELEMENTS (names) ? names[index] : NULL;
}

/* None of the rows that are built has a check at the start that could fail (workflows.md 1.2). */
gboolean
barua_transition_is_switched_off (const BaruaSettings *settings, const char *name)
{
  if (!barua_transition_is_on (settings, name))
    return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    if (strcmp (rows[i].name, name) == 0)
      return FALSE;
  return TRUE;
}

gboolean
barua_transitions_run (BaruaTransition *transition, GError **error)
{
  const BaruaJson transitions = barua_settings_get (transition->settings, "transitions");

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      const guint64 bit = G_GUINT64_CONSTANT (1) << rows[i].number;
      const gboolean is_done
          = (transition->done & bit) != 0 && rows[i].number != BARUA_TRANSITION_UPDATE_CLINICS;
      if (is_done || !is_on (transitions, rows[i].name) || !rows[i].applies (transition))
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

/* The text with the record's members filled in. */
static BaruaText
fill (const BaruaTransition *transition, BaruaText text)
{
  if (text.p == NULL)
    return text;
  g_autoptr (GString) context = g_string_new (NULL);
  barua_record_append_json (transition->record, NULL, context);
  return barua_text_fill_message (transition->arena, text, (BaruaJson){ context->str, context->len });
}

BaruaText
barua_transition_text (const BaruaTransition *transition, const char *key)
{
  return fill (transition,
               barua_texts_lookup (barua_settings_texts (transition->settings),
                                   reply_locale (transition), BARUA_TEXT ("en"), barua_text (key)));
}

BaruaText
barua_transition_text_of (const BaruaTransition *transition, BaruaJson message)
{
  g_autofree char *key = barua_json_string (barua_json_member (message, "translation_key"), NULL);

  if (key != NULL && *key != '\0')
    return barua_transition_text (transition, key);
  return fill (transition,
               barua_message_content (transition->arena, barua_json_member (message, "message"),
                                      reply_locale (transition)));
}

gboolean
barua_transition_send (BaruaTransition *transition, const char *key, BaruaText recipient,
                       GError **error)
{
  return barua_transition_send_text (transition, barua_transition_text (transition, key), recipient,
                                     error);
}

gboolean
barua_transition_send_text (BaruaTransition *transition, BaruaText text, BaruaText recipient,
                            GError **error)
{
  char uuid[BARUA_UUID_SIZE];
  BaruaNewTask task = {
    .to = barua_guard_recipient (transition->settings, transition->arena, recipient),
    .message = text,
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
      barua_guard_cut (transition->settings, transition->arena, &task.message, &task.original);
      if (!barua_guard_judge (transition->settings, transition->lookup, transition->record->from,
                              task.to, task.message, task.now_ms, &task.state, error))
        return FALSE;
    }
  barua_task_append (transition->tasks, &task);
  return TRUE;
}
