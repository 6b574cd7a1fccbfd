/* SPDX-License-Identifier: MIT */

/* Records posted as JSON (parsing.md section 10). */

#define G_LOG_DOMAIN "barua-parser"

#include "parser/record.h"

#include <math.h>
#include <string.h>

#include "forms/characters.h"
#include "forms/date.h"
#include "parser/record-write.h"
#include "parser/writer.h"

/* An object that is being walked. */
typedef struct
{
  BaruaJsonIter iter;
  int node;
} Level;

/* One reading of one body. */
typedef struct
{
  const BaruaForm *form;
  BaruaArena *arena;
  BaruaValue *values;
} Reading;

static const BaruaText no_text = { NULL, 0 };

/* @json without white space between its tokens. */
static BaruaText
minified (BaruaArena *arena, BaruaJson json)
{
  g_autoptr (GString) text = g_string_sized_new (json.length);

  barua_json_append_minified (text, json);
  return barua_arena_copy (arena, (BaruaText){ text->str, text->len });
}

/* A value as it came. */
static BaruaValue
plain_value (BaruaArena *arena, BaruaJson json)
{
  switch (barua_json_type (json))
    {
    case BARUA_JSON_ABSENT:
      return (BaruaValue){ BARUA_VALUE_ABSENT };
    case BARUA_JSON_NULL:
      return (BaruaValue){ BARUA_VALUE_NULL };
    case BARUA_JSON_FALSE:
      return (BaruaValue){ BARUA_VALUE_FALSE };
    case BARUA_JSON_TRUE:
      return (BaruaValue){ BARUA_VALUE_TRUE };
    case BARUA_JSON_NUMBER:
      if (!isfinite (barua_json_number (json)))
        return (BaruaValue){ BARUA_VALUE_NULL };
      return (BaruaValue){ BARUA_VALUE_NUMBER, barua_json_number (json) };
    case BARUA_JSON_STRING:
      return (BaruaValue){ BARUA_VALUE_TEXT, 0,
                           barua_record_clean_text (arena, barua_arena_json_text (arena, json)) };
    default:
      return (BaruaValue){ BARUA_VALUE_JSON, 0, minified (arena, json) };
    }
}

/* A date: text is read, a number is milliseconds, anything else is null. */
static void
convert_date (BaruaValue *value)
{
  double ms;

  if (value->type == BARUA_VALUE_NUMBER)
    return;
  if (value->type == BARUA_VALUE_TEXT && barua_date_parse (value->text, &ms))
    *value = (BaruaValue){ BARUA_VALUE_NUMBER, ms };
  else
    *value = (BaruaValue){ BARUA_VALUE_NULL };
}

/* Stores @json as the value of a field. */
static void
set_field (Reading *reading, int field, BaruaJson json)
{
  BaruaValue value = plain_value (reading->arena, json);
  BaruaFieldType type = barua_form_field (reading->form, (guint)field)->type;

  if (type == BARUA_FIELD_DATE)
    convert_date (&value);
  else if (type == BARUA_FIELD_BOOLEAN && value.type == BARUA_VALUE_NUMBER
           && (value.number == 0 || value.number == 1))
    value.type = value.number == 1 ? BARUA_VALUE_TRUE : BARUA_VALUE_FALSE;
  reading->values[field] = value;
}

/* The child of @node called @name exactly, or -1. */
static int
find_child (const BaruaForm *form, int node, BaruaJson name)
{
  int child = barua_form_node (form, node)->first_child;

  while (child >= 0 && !barua_json_string_is (name, barua_form_node (form, child)->name))
    child = barua_form_node (form, child)->next;
  return child;
}

/* Forgets what an earlier spelling of @top gave to the fields below it. */
static void
clear_below (Reading *reading, int top)
{
  const BaruaForm *form = reading->form;
  int node = barua_form_node (form, top)->first_child;

  while (node >= 0)
    {
      const BaruaNode *n = barua_form_node (form, node);
      if (n->field >= 0)
        reading->values[n->field] = (BaruaValue){ BARUA_VALUE_ABSENT };
      if (n->first_child >= 0)
        {
          node = n->first_child;
          continue;
        }
      while (node != top && barua_form_node (form, node)->next < 0)
        node = barua_form_node (form, node)->parent;
      node = node == top ? -1 : barua_form_node (form, node)->next;
    }
}

/* Walks an object whose members are fields or objects of fields; unknown names are dropped. */
static void
read_object (Reading *reading, int top, BaruaJson object)
{
  Level levels[BARUA_FORM_MAX_DEPTH];
  guint depth = 0;
  BaruaJson name, value;

  clear_below (reading, top);
  levels[0].node = top;
  barua_json_iter_init (&levels[0].iter, object);
  for (;;)
    {
      Level *level = &levels[depth];
      if (!barua_json_iter_next (&level->iter, &name, &value))
        {
          if (depth-- == 0)
            return;
          continue;
        }
      int child = name.text != NULL ? find_child (reading->form, level->node, name) : -1;
      if (child < 0)
        continue;
      int field = barua_form_node (reading->form, child)->field;
      if (field >= 0)
        set_field (reading, field, value);
      else if (barua_json_type (value) == BARUA_JSON_OBJECT)
        {
          depth++;
          levels[depth].node = child;
          barua_json_iter_init (&levels[depth].iter, value);
        }
    }
}

/* Reads all members but `_meta`. */
static void
read_members (Reading *reading, BaruaJson body)
{
  BaruaJsonIter iter;
  BaruaJson key, value;

  barua_json_iter_init (&iter, body);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      BaruaText name = barua_text_lower (reading->arena,
                                         barua_arena_json_text (reading->arena, key));
      int node = barua_form_find_member (reading->form, name);
      if (node < 0 || barua_text_equal (name, BARUA_TEXT ("_meta")))
        continue;
      int field = barua_form_node (reading->form, node)->field;
      if (field >= 0)
        set_field (reading, field, value);
      else if (barua_json_type (value) == BARUA_JSON_OBJECT)
        read_object (reading, node, value);
    }
}

/* `_meta` with its form in capitals. */
static BaruaText
write_meta (BaruaJson meta, BaruaText code, BaruaArena *arena)
{
  g_autoptr (GString) out = g_string_sized_new (meta.length + code.n + 16);
  BaruaJsonIter iter;
  BaruaJson key, value;

  g_string_append_c (out, '{');
  barua_json_iter_init (&iter, meta);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      if (out->len > 1)
        g_string_append_c (out, ',');
      barua_json_append_minified (out, key);
      g_string_append_c (out, ':');
      if (barua_json_string_is (key, BARUA_TEXT ("form")))
        barua_json_append_string (out, code);
      else
        barua_json_append_minified (out, value);
    }
  g_string_append_c (out, '}');
  return barua_arena_copy (arena, (BaruaText){ out->str, out->len });
}

/* The code of `_meta.form`; absent, with the error set, when there is none (parsing.md 2, D5). */
static BaruaText
meta_code (BaruaJson meta, BaruaArena *arena, GError **error)
{
  if (barua_json_is_nothing (meta)
      || (barua_json_type (meta) == BARUA_JSON_STRING && !barua_json_truthy (meta)))
    {
      g_set_error_literal (error, BARUA_PARSER_ERROR, BARUA_PARSER_ERROR_MISSING_META,
                           "Missing _meta property.");
      return no_text;
    }
  BaruaText form = barua_record_clean_text (
      arena, barua_arena_json_text (arena, barua_json_member (meta, "form")));
  if (form.n == 0)
    {
      g_set_error_literal (error, BARUA_PARSER_ERROR, BARUA_PARSER_ERROR_MISSING_FORM,
                           "Missing required field: form");
      return no_text;
    }
  return barua_text_upper (arena, form);
}

/* `_meta.from`: text, or a number as it is spelled. */
static BaruaText
meta_from (BaruaJson meta, BaruaArena *arena)
{
  BaruaJson from = barua_json_member (meta, "from");

  if (barua_json_type (from) == BARUA_JSON_NUMBER)
    return (BaruaText){ from.text, from.length };
  return barua_record_clean_text (arena, barua_arena_json_text (arena, from));
}

/* `_meta.from` as JSON when it is neither text nor number; absent otherwise. */
static BaruaText
other_sender (BaruaJson meta)
{
  BaruaJson from = barua_json_member (meta, "from");
  BaruaJsonType type = barua_json_type (from);

  if (type == BARUA_JSON_STRING || type == BARUA_JSON_NUMBER)
    return no_text;
  return (BaruaText){ from.text, from.length };
}

gboolean
barua_record_from_json_definition (const BaruaSettings *settings, const BaruaForm *form,
                                   BaruaJson body, BaruaText query_locale, gint64 now_ms,
                                   BaruaArena *arena, BaruaRecord *record, GError **error)
{
  BaruaJson meta = barua_json_member (body, "_meta");
  BaruaText code = meta_code (meta, arena, error);
  if (code.p == NULL)
    return FALSE;
  if (form == NULL)
    form = barua_settings_find_form (settings, code);
  if (form == NULL)
    {
      g_set_error (error, BARUA_PARSER_ERROR, BARUA_PARSER_ERROR_FORM_NOT_FOUND,
                   "Form not found: %.*s", (int)code.n, code.p);
      return FALSE;
    }

  guint n = barua_form_n_fields (form);
  Reading reading = { form, arena, barua_arena_alloc (arena, n * sizeof (BaruaValue) + 1) };
  for (guint i = 0; i < n; i++)
    reading.values[i] = (BaruaValue){ BARUA_VALUE_ABSENT };
  read_members (&reading, body);

  BaruaText locale = barua_arena_json_text (arena, barua_json_member (meta, "locale"));
  BaruaText message = barua_arena_json_text (arena, barua_json_member (meta, "message"));
  *record = (BaruaRecord){ .from = barua_record_sender (settings, arena, meta_from (meta, arena)),
                           .from_json = other_sender (meta),
                           .code = code,
                           .format = BARUA_TEXT ("json"),
                           .definition = form,
                           .values = reading.values,
                           .n_values = n };
  barua_record_finish (settings, arena, locale.n > 0 ? locale : query_locale, FALSE,
                       message.p != NULL && barua_text_is_blank (message), FALSE, record);
  record->reported_date_ms = barua_record_date (
      no_text, barua_json_member (meta, "reported_date"), arena, now_ms);
  record->sms_message = write_meta (meta, code, arena);
  return TRUE;
}

gboolean
barua_record_from_json (const BaruaSettings *settings, BaruaJson body, BaruaText query_locale,
                        gint64 now_ms, BaruaArena *arena, BaruaRecord *record, GError **error)
{
  return barua_record_from_json_definition (settings, NULL, body, query_locale, now_ms, arena,
                                            record, error);
}
