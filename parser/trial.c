/* SPDX-License-Identifier: MIT */

/* What a message becomes, printed for people who design forms. */

#define G_LOG_DOMAIN "barua-parser"

#include "parser/trial.h"

#include "parser/explain.h"
#include "parser/record-write.h"

/* The code of a definition that has none of its own; no message needs it. */
#define NAMELESS_FORM "DEFINITION"

/* Appends the members of @settings but for `forms`, each with a comma behind it. */
static void
append_others (GString *out, BaruaJson settings)
{
  BaruaJsonIter iter;
  BaruaJson key, value;

  barua_json_iter_init (&iter, settings);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      if (barua_json_string_is (key, BARUA_TEXT ("forms")))
        continue;
      barua_json_append_minified (out, key);
      g_string_append_c (out, ':');
      barua_json_append_minified (out, value);
      g_string_append_c (out, ',');
    }
}

/* Appends the code that the definition calls itself by, as JSON. */
static void
append_code (GString *out, BaruaJson definition)
{
  BaruaJson code = barua_json_member (barua_json_member (definition, "meta"), "code");

  if (barua_json_type (code) == BARUA_JSON_STRING && barua_json_truthy (code))
    barua_json_append_minified (out, code);
  else
    barua_json_append_string (out, BARUA_TEXT (NAMELESS_FORM));
}

GBytes *
barua_trial_settings_text (BaruaJson settings, BaruaJson definition)
{
  GString *text = g_string_new (NULL);

  if (definition.text == NULL)
    g_string_append_len (text, settings.text != NULL ? settings.text : "{}",
                         settings.text != NULL ? (gssize)settings.length : 2);
  else
    {
      g_string_append_c (text, '{');
      append_others (text, settings);
      g_string_append (text, "\"forms\":{");
      append_code (text, definition);
      g_string_append_c (text, ':');
      barua_json_append_minified (text, definition);
      g_string_append (text, "}}");
    }
  return g_string_free_to_bytes (text);
}

/* Writes a text, or null when there is none. */
static char *
write_text_or_null (char *out, BaruaText text)
{
  return text.n > 0 ? barua_write_string (out, text) : barua_write_raw (out, BARUA_TEXT ("null"));
}

/* Appends the members of a record that cli.md names, then the others, but for the last brace. */
static void
append_open (GString *out, const BaruaRecord *record)
{
  gsize before = out->len;

  /* room for the longest, written in one go */
  g_string_set_size (out, before + barua_record_bytes (record));
  char *p = out->str + before;
  p = write_text_or_null (barua_write_raw (p, BARUA_TEXT ("{\"form\":")), record->code);
  p = write_text_or_null (barua_write_raw (p, BARUA_TEXT (",\"format\":")), record->format);
  p = barua_write_raw (barua_write_raw (p, BARUA_TEXT (",\"fields\":")), record->fields);
  p = barua_write_errors (p, record);
  if (record->from.p != NULL)
    p = barua_write_string (barua_write_raw (p, BARUA_TEXT (",\"from\":")), record->from);
  p = barua_write_origin (p, record);
  g_string_set_size (out, (gsize)(p - out->str));
}

gboolean
barua_trial_append_message (const BaruaTrial *trial, const BaruaMessage *message, BaruaArena *arena,
                            GString *out, GError **error)
{
  BaruaMessage own = *message;
  BaruaRecord record;

  if (own.locale.n == 0)
    own.locale = trial->locale;
  if (!barua_record_from_definition (trial->settings, trial->form, &own, arena, &record, error))
    return FALSE;
  append_open (out, &record);
  if (trial->explains)
    {
      barua_json_append_key (out, "explain");
      barua_explain_append (trial->settings, &own, &record, arena, out);
    }
  g_string_append_c (out, '}');
  return TRUE;
}

gboolean
barua_trial_append_record (const BaruaTrial *trial, BaruaJson body, gint64 now_ms,
                           BaruaArena *arena, GString *out, GError **error)
{
  BaruaRecord record;

  if (!barua_record_from_json_definition (trial->settings, trial->form, body, trial->locale, now_ms,
                                          arena, &record, error))
    return FALSE;
  append_open (out, &record);
  g_string_append_c (out, '}');
  return TRUE;
}
