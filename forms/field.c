/* SPDX-License-Identifier: MIT */

/* Fields: their types and how a raw value becomes a typed one (parsing.md section 7). */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/field.h"

#include <math.h>
#include <string.h>

#include "forms/bikram-sambat.h"
#include "forms/characters.h"
#include "forms/date.h"

/* Integers of so many digits are exact in a double. */
#define EXACT_DIGITS 15

static const struct
{
  const char *name;
  BaruaFieldType type;
} types[] = {
  { "integer", BARUA_FIELD_INTEGER },     { "boolean", BARUA_FIELD_BOOLEAN },
  { "month", BARUA_FIELD_MONTH },         { "string", BARUA_FIELD_STRING },
  { "date", BARUA_FIELD_DATE },           { "bsDate", BARUA_FIELD_BS_DATE },
  { "bsYear", BARUA_FIELD_BS_YEAR },      { "bsMonth", BARUA_FIELD_BS_MONTH },
  { "bsDay", BARUA_FIELD_BS_DAY },        { "bsAggreDate", BARUA_FIELD_BS_AGGREGATE },
  { "phone_number", BARUA_FIELD_PHONE },  { "complex", BARUA_FIELD_COMPLEX },
};

BaruaFieldType
barua_field_type (BaruaText name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
    if (barua_text_equal (barua_text (types[i].name), name))
      return types[i].type;
  return BARUA_FIELD_OTHER;
}

/* The text of a choice's key: a string, or a number as ECMAScript prints it; absent otherwise. */
static BaruaText
choice_key (BaruaArena *arena, BaruaJson key, gboolean is_string_field)
{
  if (barua_json_type (key) == BARUA_JSON_STRING)
    return barua_arena_json_text (arena, key);
  if (is_string_field || barua_json_type (key) != BARUA_JSON_NUMBER)
    return (BaruaText){ NULL, 0 };
  g_autoptr (GString) text = g_string_new (NULL);
  barua_json_append_number (text, barua_json_number (key));
  return barua_arena_copy (arena, (BaruaText){ text->str, text->len });
}

/* The text of a choice's label: a key or object in the settings locale; a string field's text
 * label is no key (parsing.md section 7). */
static BaruaText
choice_label (BaruaArena *arena, const BaruaTexts *texts, BaruaText locale, BaruaJson label,
              gboolean is_string_field)
{
  if (is_string_field && barua_json_type (label) == BARUA_JSON_STRING)
    return barua_arena_json_text (arena, label);
  BaruaText text = barua_label_translate (texts, arena, label, locale);
  return text.p != NULL ? text : (BaruaText){ label.text, label.length };
}

/* Reads `list`; one that is no list of pairs counts as none (parsing.md D4). */
static void
compile_list (BaruaJson list, const BaruaTexts *texts, BaruaText locale, BaruaArena *arena,
              BaruaField *field)
{
  guint n = barua_json_type (list) == BARUA_JSON_ARRAY ? barua_json_size (list) : 0;
  gboolean is_string = field->type == BARUA_FIELD_STRING;
  BaruaJsonIter iter;
  BaruaJson entry;

  if (barua_json_type (list) != BARUA_JSON_ARRAY)
    return;
  BaruaChoice *choices = barua_arena_alloc (arena, n * sizeof *choices + 1);
  barua_json_iter_init (&iter, list);
  for (n = 0; barua_json_iter_next (&iter, NULL, &entry); n++)
    {
      if (barua_json_type (entry) != BARUA_JSON_ARRAY || barua_json_size (entry) < 2)
        return;
      choices[n].key = choice_key (arena, barua_json_element (entry, 0), is_string);
      choices[n].label
          = choice_label (arena, texts, locale, barua_json_element (entry, 1), is_string);
    }
  field->has_list = TRUE;
  field->choices = choices;
  field->n_choices = n;
}

void
barua_field_compile (BaruaJson key, BaruaJson definition, const BaruaTexts *texts,
                     BaruaText locale, BaruaArena *arena, BaruaField *field)
{
  *field = (BaruaField){ .key = barua_arena_json_text (arena, key) };
  field->type_name = barua_arena_json_text (arena, barua_json_member (definition, "type"));
  if (field->type_name.p != NULL)
    field->type = barua_field_type (field->type_name);
  field->is_required = barua_json_truthy (barua_json_member (definition, "required"));
  field->is_subject_id = barua_text_equal (field->key, BARUA_TEXT ("patient_id"))
                         || barua_text_equal (field->key, BARUA_TEXT ("place_id"));
  compile_list (barua_json_member (definition, "list"), texts, locale, arena, field);
}

/* Whether @text has the form of parsing.md 7.1. */
static gboolean
is_decimal (BaruaText text)
{
  gsize i = text.n > 0 && (*text.p == '+' || *text.p == '-') ? 1 : 0;
  gsize digits = 0, points = 0;

  for (; i < text.n; i++)
    if (barua_is_digit (text.p[i]))
      digits++;
    else if (text.p[i] == '.')
      points++;
    else
      return FALSE;
  return digits > 0 && points <= 1;
}

/* The number that up to EXACT_DIGITS digits and nothing else are. */
static gboolean
read_digits (BaruaText text, double *number)
{
  gint64 value = 0;

  if (text.n == 0 || text.n > EXACT_DIGITS)
    return FALSE;
  for (gsize i = 0; i < text.n; i++)
    {
      if (!barua_is_digit (text.p[i]))
        return FALSE;
      value = value * 10 + (text.p[i] - '0');
    }
  *number = (double)value;
  return TRUE;
}

gboolean
barua_number_parse (BaruaText text, double *number)
{
  if (read_digits (text, number))
    return TRUE;

  BaruaText trimmed = barua_text_trim (text);

  if (!is_decimal (trimmed))
    return FALSE;
  g_autofree char *copy = g_strndup (trimmed.p, trimmed.n);
  double value = g_ascii_strtod (copy, NULL);
  if (!isfinite (value))
    return FALSE;
  *number = value;
  return TRUE;
}

static void
set_text (BaruaValue *out, BaruaText text)
{
  *out = (BaruaValue){ BARUA_VALUE_TEXT, 0, text };
}

/* A number, or null when @is_number is not set. */
static void
set_number (BaruaValue *out, gboolean is_number, double number)
{
  *out = (BaruaValue){ is_number ? BARUA_VALUE_NUMBER : BARUA_VALUE_NULL, is_number ? number : 0 };
}

static const BaruaChoice *
find_choice (const BaruaField *field, BaruaText key)
{
  for (guint i = 0; i < field->n_choices; i++)
    if (field->choices[i].key.p != NULL && barua_text_equal (field->choices[i].key, key))
      return &field->choices[i];
  return NULL;
}

static void
convert_integer (const BaruaField *field, BaruaText raw, BaruaArena *arena, BaruaValue *out)
{
  double number = 0;

  BaruaText text = barua_text_standard (arena, raw);
  if (!field->has_list)
    {
      gboolean is_number = barua_number_parse (text, &number);
      set_number (out, is_number, number);
      return;
    }
  const BaruaChoice *choice = find_choice (field, barua_text_trim (text));
  if (choice != NULL)
    set_text (out, choice->label);
  else
    set_number (out, FALSE, 0);
}

static void
convert_boolean (BaruaText raw, BaruaArena *arena, BaruaValue *out)
{
  double number;

  set_number (out, FALSE, 0);
  if (!barua_number_parse (barua_text_standard (arena, raw), &number))
    return;
  if (number == 1)
    out->type = BARUA_VALUE_TRUE;
  else if (number == 0)
    out->type = BARUA_VALUE_FALSE;
}

static void
convert_string (const BaruaField *field, BaruaText raw, BaruaArena *arena, BaruaValue *out)
{
  if (field->has_list)
    {
      const BaruaChoice *choice = find_choice (field, barua_text_without_zero_width (arena, raw));
      if (choice != NULL)
        {
          set_text (out, choice->label);
          return;
        }
    }
  set_text (out, field->is_subject_id ? barua_text_standard (arena, raw) : raw);
}

static void
convert_phone (BaruaText raw, const BaruaPhoneRules *rules, BaruaArena *arena, BaruaValue *out)
{
  BaruaText text = barua_text_standard (arena, raw);
  char e164[BARUA_PHONE_SIZE];

  if (!barua_phone_normalise (rules, text, e164))
    set_text (out, text);
  else
    set_text (out, barua_arena_copy (arena, barua_text (e164)));
}

/* The values that take more than a look. */
static G_GNUC_NO_INLINE void
convert (const BaruaField *field, BaruaText raw, const BaruaPhoneRules *rules, BaruaArena *arena,
         BaruaValue *out)
{
  double number = 0;
  gboolean is_number;

  if (raw.p == NULL)
    {
      *out = (BaruaValue){ BARUA_VALUE_ABSENT };
      return;
    }
  if (field->type == BARUA_FIELD_STRING && raw.n > 0)
    {
      convert_string (field, raw, arena, out);
      return;
    }
  if (field->type == BARUA_FIELD_OTHER || field->type == BARUA_FIELD_COMPLEX
      || field->type == BARUA_FIELD_BS_AGGREGATE)
    {
      set_text (out, raw);
      return;
    }
  if (raw.n == 0)
    {
      set_number (out, FALSE, 0);
      return;
    }
  switch (field->type)
    {
    case BARUA_FIELD_INTEGER:
      convert_integer (field, raw, arena, out);
      break;
    case BARUA_FIELD_BOOLEAN:
      convert_boolean (raw, arena, out);
      break;
    case BARUA_FIELD_MONTH:
      is_number = barua_number_parse (barua_text_standard (arena, raw), &number);
      set_number (out, is_number, number);
      break;
    case BARUA_FIELD_DATE:
      is_number = barua_date_parse (raw, &number);
      set_number (out, is_number, number);
      break;
    case BARUA_FIELD_BS_DATE:
      is_number = barua_bikram_sambat_parse (raw, &number);
      set_number (out, is_number, number);
      break;
    case BARUA_FIELD_PHONE:
      convert_phone (raw, rules, arena, out);
      break;
    default:
      set_text (out, barua_text_standard (arena, raw));
    }
}

void
barua_field_convert (const BaruaField *field, BaruaText raw, const BaruaPhoneRules *rules,
                     BaruaArena *arena, BaruaValue *out)
{
  double number;

  /* what nearly all fields hold */
  if (raw.n > 0 && !field->has_list)
    {
      if (field->type == BARUA_FIELD_STRING && !field->is_subject_id)
        {
          set_text (out, raw);
          return;
        }
      if (field->type == BARUA_FIELD_INTEGER && read_digits (raw, &number))
        {
          set_number (out, TRUE, number);
          return;
        }
    }
  convert (field, raw, rules, arena, out);
}

#define BIT(type) (1u << (type))
#define NOTHING (BIT (BARUA_VALUE_ABSENT) | BIT (BARUA_VALUE_NULL))
#define ANY 0xFF

const guint8 barua_field_right_types[] = {
  [BARUA_FIELD_OTHER] = ANY,
  [BARUA_FIELD_INTEGER] = NOTHING | BIT (BARUA_VALUE_NUMBER),
  [BARUA_FIELD_BOOLEAN] = NOTHING | BIT (BARUA_VALUE_FALSE) | BIT (BARUA_VALUE_TRUE),
  [BARUA_FIELD_MONTH] = ANY,
  [BARUA_FIELD_STRING] = NOTHING | BIT (BARUA_VALUE_TEXT),
  [BARUA_FIELD_DATE] = ANY,
  [BARUA_FIELD_BS_DATE] = ANY,
  [BARUA_FIELD_BS_YEAR] = ANY,
  [BARUA_FIELD_BS_MONTH] = ANY,
  [BARUA_FIELD_BS_DAY] = ANY,
  [BARUA_FIELD_BS_AGGREGATE] = ANY,
  [BARUA_FIELD_PHONE] = ANY,
  [BARUA_FIELD_COMPLEX] = NOTHING | BIT (BARUA_VALUE_JSON),
};

void
barua_value_append (GString *out, const BaruaValue *value)
{
  switch (value->type)
    {
    case BARUA_VALUE_FALSE:
      g_string_append (out, "false");
      break;
    case BARUA_VALUE_TRUE:
      g_string_append (out, "true");
      break;
    case BARUA_VALUE_NUMBER:
      barua_json_append_number (out, value->number);
      break;
    case BARUA_VALUE_TEXT:
      barua_json_append_string (out, value->text);
      break;
    case BARUA_VALUE_JSON:
      barua_json_append_minified (out, (BaruaJson){ value->text.p, value->text.n });
      break;
    default:
      g_string_append (out, "null");
    }
}
