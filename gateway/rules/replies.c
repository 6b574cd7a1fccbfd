/* SPDX-License-Identifier: MIT */

/* The row `default_responses`: an answer to what is no report of a known form (workflows.md 11.1).
 */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/guards.h"
#include "gateway/rules/transitions.h"

static gboolean
has_error (const BaruaRecord *record, const char *code)
{
  for (guint i = 0; i < record->n_errors; i++)
    if (barua_text_equal (record->errors[i].code, barua_text (code)))
      return TRUE;
  return FALSE;
}

/* Which text answers @record; NULL for none. */
static const char *
reply_key (const BaruaSettings *settings, const BaruaRecord *record)
{
  gboolean is_unknown = has_error (record, "sys.form_not_found");

  if (has_error (record, "sys.empty"))
    return "empty";
  if (is_unknown && barua_settings_forms_only_mode (settings))
    return "form_not_found";
  return is_unknown || record->form.p == NULL ? "sms_received" : NULL;
}

/* Local midnight of `YYYY-MM-DD` in milliseconds since 1970; FALSE when the text is no date. */
static gboolean
local_midnight (const char *text, gint64 *ms)
{
  guint64 part[3];
  g_auto (GStrv) parts = g_strsplit (text, "-", 4);

  if (g_strv_length (parts) != 3)
    return FALSE;
  for (guint i = 0; i < 3; i++)
    if (!g_ascii_string_to_unsigned (parts[i], 10, 1, 9999, &part[i], NULL))
      return FALSE;
  g_autoptr (GDateTime) midnight
      = g_date_time_new_local ((int)part[0], (int)part[1], (int)part[2], 0, 0, 0);
  if (midnight == NULL)
    return FALSE;
  *ms = g_date_time_to_unix (midnight) * 1000;
  return TRUE;
}

gboolean
barua_transition_default_responses_applies (const BaruaTransition *transition)
{
  const BaruaRecord *record = transition->record;
  gint64 start_ms = 0;

  if (record->from.p == NULL || record->from.n == 0)
    return FALSE;
  g_autofree char *start = barua_json_string (
      barua_settings_get (transition->settings, "default_responses.start_date"), NULL);
  return start != NULL && local_midnight (start, &start_ms)
         && record->reported_date_ms > (double)start_ms
         && !barua_guard_is_own_number (transition->settings, record->from);
}

gboolean
barua_transition_default_responses (BaruaTransition *transition, GError **error)
{
  const char *key = reply_key (transition->settings, transition->record);

  return key == NULL || barua_transition_send (transition, key, transition->record->from, error);
}
