/* SPDX-License-Identifier: MIT */

/* What keeps answers from going where they must not: deny rules, the repeat limit, rewritten
 * recipients. */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/guards.h"

#include "forms/characters.h"
#include "forms/segments.h"

#include <string.h>

#define REPEAT_LIMIT_DEFAULT 5 /* messaging.md 5.4 */
#define REPEAT_LIMIT_MAX 20
#define SEGMENT_LIMIT_DEFAULT 10 /* messaging.md 5.5 */
#define SEGMENT_LIMIT_MAX 255    /* 3GPP TS 23.040, 9.2.3.24.1: one byte counts them */

gint64
barua_guard_integer (const BaruaSettings *settings, const char *path, gint64 fallback)
{
  BaruaJson value = barua_settings_get (settings, path);
  gint64 number = 0;

  if (barua_json_integer (value, &number))
    return number;
  g_autofree char *text = barua_json_string (value, NULL);
  return text != NULL && g_ascii_string_to_signed (text, 10, G_MININT32, G_MAXINT32, &number, NULL)
             ? number
             : fallback;
}

gboolean
barua_guard_is_own_number (const BaruaSettings *settings, BaruaText from)
{
  BaruaJson own = barua_settings_get (settings, "gateway_number");

  if (barua_json_type (own) != BARUA_JSON_STRING || from.p == NULL)
    return FALSE;
  gsize n = 0;
  g_autofree char *number = barua_json_string (own, &n);
  return n > 0
         && barua_phone_same (barua_settings_phone_rules (settings), from,
                              (BaruaText){ number, n });
}

/* Whether the sender is shorter than `outgoing_deny_shorter_than` characters. */
static gboolean
is_too_short (const BaruaSettings *settings, BaruaText from)
{
  gint64 least = barua_guard_integer (settings, "outgoing_deny_shorter_than", 0);

  return g_utf8_strlen (from.p, (gssize)from.n) < least;
}

static gboolean
has_letter (BaruaText text)
{
  for (gsize i = 0; i < text.n; i++)
    if (g_ascii_isalpha (text.p[i]))
      return TRUE;
  return FALSE;
}

/* Whether the sender begins with an entry of `outgoing_deny_list`. */
static gboolean
is_listed (const BaruaSettings *settings, BaruaText from)
{
  g_autofree char *list
      = barua_json_string (barua_settings_get (settings, "outgoing_deny_list"), NULL);

  if (list == NULL || *list == '\0')
    return FALSE;
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaText sender = barua_text_lower (arena, from);
  g_auto (GStrv) entries = g_strsplit (list, ",", -1);
  for (guint i = 0; entries[i] != NULL; i++)
    {
      BaruaText entry = barua_text_lower (arena, barua_text_trim (barua_text (entries[i])));
      if (entry.n > 0 && entry.n <= sender.n && memcmp (sender.p, entry.p, entry.n) == 0)
        return TRUE;
    }
  return FALSE;
}

gboolean
barua_guard_denies (const BaruaSettings *settings, BaruaText from)
{
  BaruaText sender = barua_text_trim (from);

  if (from.p == NULL || from.n == 0)
    return FALSE;
  if (barua_guard_is_own_number (settings, from) || is_too_short (settings, sender))
    return TRUE;
  if (barua_json_type (barua_settings_get (settings, "outgoing_deny_with_alphas"))
          == BARUA_JSON_TRUE
      && has_letter (sender))
    return TRUE;
  return is_listed (settings, sender);
}

guint
barua_guard_repeat_limit (const BaruaSettings *settings)
{
  gint64 limit = barua_guard_integer (settings, "sms.duplicate_limit", REPEAT_LIMIT_DEFAULT);

  return limit <= 0 ? REPEAT_LIMIT_DEFAULT : (guint)MIN (limit, REPEAT_LIMIT_MAX);
}

guint
barua_guard_segment_limit (const BaruaSettings *settings)
{
  gint64 limit = barua_guard_integer (settings, "multipart_sms_limit", SEGMENT_LIMIT_DEFAULT);

  return limit <= 0 ? SEGMENT_LIMIT_DEFAULT : (guint)MIN (limit, SEGMENT_LIMIT_MAX);
}

/* `outgoing_phone_replace`: a prefix, once. */
static BaruaText
replace_prefix (const BaruaSettings *settings, BaruaArena *arena, BaruaText number)
{
  BaruaText match = barua_settings_get_text (settings, arena, "outgoing_phone_replace.match");
  BaruaText with = barua_settings_get_text (settings, arena, "outgoing_phone_replace.replace");

  if (match.p == NULL || match.n == 0 || number.n < match.n
      || memcmp (number.p, match.p, match.n) != 0)
    return number;
  char *text = barua_arena_alloc (arena, with.n + number.n - match.n + 1);
  if (with.n > 0)
    memcpy (text, with.p, with.n);
  memcpy (text + with.n, number.p + match.n, number.n - match.n);
  return (BaruaText){ text, with.n + number.n - match.n };
}

/* One entry of `outgoing_phone_filters`: the first match of a regular expression.  One that does
 * not compile is left out. */
static BaruaText
apply_filter (BaruaJson filter, BaruaArena *arena, BaruaText number)
{
  g_autofree char *match = barua_json_string (barua_json_member (filter, "match"), NULL);
  g_autofree char *with = barua_json_string (barua_json_member (filter, "replace"), NULL);
  g_autoptr (GMatchInfo) info = NULL;

  if (match == NULL || with == NULL || *with == '\0')
    return number;
  g_autoptr (GRegex) regex = g_regex_new (match, G_REGEX_DEFAULT, 0, NULL);
  int start = 0, end = 0;
  if (regex == NULL || !g_regex_match_full (regex, number.p, (gssize)number.n, 0, 0, &info, NULL)
      || !g_match_info_fetch_pos (info, 0, &start, &end))
    return number;
  g_autofree char *text
      = g_strdup_printf ("%.*s%s%.*s", start, number.p, with, (int)number.n - end, number.p + end);
  return barua_arena_copy (arena, barua_text (text));
}

BaruaText
barua_guard_recipient (const BaruaSettings *settings, BaruaArena *arena, BaruaText number)
{
  BaruaJson filters = barua_settings_get (settings, "outgoing_phone_filters");
  BaruaJsonIter iter;
  BaruaJson filter;

  number = replace_prefix (settings, arena, number);
  if (barua_json_type (filters) != BARUA_JSON_ARRAY)
    return number;
  barua_json_iter_init (&iter, filters);
  while (barua_json_iter_next (&iter, NULL, &filter))
    number = apply_filter (filter, arena, number);
  return number;
}

gboolean
barua_guard_cut (const BaruaSettings *settings, BaruaArena *arena, BaruaText *message,
                 BaruaText *whole)
{
  gsize n = barua_segments_cut (*message, barua_guard_segment_limit (settings));

  if (n == message->n)
    return FALSE;
  const char *end = message->p + n;
  for (guint i = 0; i < 3 && end > message->p; i++)
    end = g_utf8_prev_char (end);
  g_autofree char *text = g_strdup_printf ("%.*s...", (int)(end - message->p), message->p);
  *whole = *message;
  *message = barua_arena_copy (arena, barua_text (text));
  return TRUE;
}

gboolean
barua_guard_judge (const BaruaSettings *settings, const BaruaLookup *lookup, BaruaText from,
                   BaruaText to, BaruaText message, gint64 now_ms, BaruaTaskState *state,
                   GError **error)
{
  guint count = 0;

  if (barua_guard_denies (settings, from))
    {
      *state = BARUA_TASK_STATE_DENIED;
      return TRUE;
    }
  if (!lookup->count_repeat (lookup->data, to, message, now_ms, &count, error))
    return FALSE;
  *state = count > barua_guard_repeat_limit (settings) ? BARUA_TASK_STATE_DUPLICATE
                                                       : BARUA_TASK_STATE_PENDING;
  return TRUE;
}
