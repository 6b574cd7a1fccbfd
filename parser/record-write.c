/* SPDX-License-Identifier: MIT */

/* The record around typed values: errors, members, text (parsing.md sections 8 and 9). */

#define G_LOG_DOMAIN "barua-parser"

#include "parser/record-write.h"

#include <string.h>

#include "forms/characters.h"
#include "forms/date.h"
#include "parser/writer.h"

#define REPLACEMENT "\xEF\xBF\xBD"

/* A text with so many digits in a row is a number of milliseconds. */
#define MS_DIGITS 13

static const BaruaText no_text = { NULL, 0 };

BaruaText
barua_record_replace_damage (BaruaArena *arena, BaruaText text)
{
  if (memchr (text.p, '\0', text.n) == NULL && g_utf8_validate_len (text.p, text.n, NULL))
    return text;

  g_autoptr (GString) clean = g_string_sized_new (text.n + 8);
  for (const char *p = text.p, *end = text.p + text.n; p < end;)
    {
      const char *from = p;
      gunichar c = barua_next_char (&p, end);
      if (c == 0 || c > 0x10FFFF)
        g_string_append (clean, REPLACEMENT);
      else
        g_string_append_len (clean, from, p - from);
    }
  return barua_arena_copy (arena, (BaruaText){ clean->str, clean->len });
}

BaruaText
barua_record_sender (const BaruaSettings *settings, BaruaArena *arena, BaruaText from)
{
  char e164[BARUA_PHONE_SIZE];

  if (from.n == 0 || !barua_phone_normalise (barua_settings_phone_rules (settings), from, e164))
    return from;
  BaruaText number = { e164, strlen (e164) };
  return barua_text_equal (number, from) ? from : barua_arena_copy (arena, number);
}

static gboolean
has_digit_run (BaruaText text)
{
  guint run = 0;

  for (gsize i = 0; i < text.n && run < MS_DIGITS; i++)
    run = barua_is_digit (text.p[i]) ? run + 1 : 0;
  return run >= MS_DIGITS;
}

/* The milliseconds that a timestamp in text means; 0 when it means none. */
static double
text_date (BaruaText text)
{
  double ms = 0;
  gboolean is_read = has_digit_run (text) ? barua_number_parse (text, &ms)
                                          : barua_date_parse (text, &ms);

  return is_read ? ms : 0;
}

double
barua_record_date (BaruaText text, BaruaJson json, BaruaArena *arena, gint64 now_ms)
{
  double ms = 0;

  if (json.text == NULL && text.p == NULL)
    return (double)now_ms;
  if (barua_json_type (json) == BARUA_JSON_STRING)
    ms = text_date (barua_arena_json_text (arena, json));
  else if (barua_json_type (json) == BARUA_JSON_NUMBER)
    ms = barua_json_number (json);
  else if (barua_json_type (json) == BARUA_JSON_ABSENT && text.p != NULL)
    ms = text_date (text);
  return ms != 0 && isfinite (ms) ? ms : (double)now_ms;
}

void
barua_record_add_error (BaruaRecord *record, BaruaArena *arena, BaruaText code, BaruaText message)
{
  /* the list grows in steps of four, which few records need */
  if (record->n_errors % 4 == 0)
    {
      BaruaRecordError *more
          = barua_arena_alloc (arena, (record->n_errors + 4) * sizeof *more);
      if (record->n_errors > 0)
        memcpy (more, record->errors, record->n_errors * sizeof *more);
      record->errors = more;
    }
  record->errors[record->n_errors++] = (BaruaRecordError){ code, message };
}

/* Adds an error with its text in the record's language. */
static void
add_error (const BaruaSettings *settings, BaruaArena *arena, BaruaRecord *record, BaruaText code,
           const BaruaPlaceholder *placeholders, guint n_placeholders)
{
  BaruaText text = barua_settings_translate (settings, code, record->locale);

  if (n_placeholders > 0)
    text = barua_text_fill (arena, text, placeholders, n_placeholders);
  barua_record_add_error (record, arena, code, text);
}

/* Whether a required field has nothing. */
static gboolean
is_missing (const BaruaField *field, const BaruaValue *value)
{
  return field->is_required
         && (value->type == BARUA_VALUE_ABSENT || value->type == BARUA_VALUE_NULL);
}

/* The keys of missing fields, joined by commas. */
static BaruaText
missing_keys (const BaruaRecord *record, BaruaArena *arena)
{
  g_autoptr (GString) keys = g_string_new (NULL);

  for (guint i = 0; i < record->n_values; i++)
    {
      const BaruaField *field = barua_form_field (record->definition, i);
      if (!is_missing (field, &record->values[i]))
        continue;
      if (keys->len > 0)
        g_string_append_c (keys, ',');
      g_string_append_len (keys, field->key.p, (gssize)field->key.n);
    }
  return barua_arena_copy (arena, (BaruaText){ keys->str, keys->len });
}

/* What a look at all values tells. */
typedef struct
{
  gboolean any_missing;
  gboolean any_wrong;
  gsize bytes; /* that the values take as JSON at most */
} Survey;

static Survey
survey_values (const BaruaRecord *record)
{
  const BaruaField *fields
      = record->n_values > 0 ? barua_form_fields (record->definition) : NULL;
  Survey survey = { FALSE, FALSE, 0 };

  for (guint i = 0; i < record->n_values; i++)
    {
      const BaruaValue *value = &record->values[i];
      survey.bytes += barua_value_bytes (value);
      if (value->type == BARUA_VALUE_ABSENT || value->type == BARUA_VALUE_NULL)
        survey.any_missing |= fields[i].is_required;
      else
        survey.any_wrong |= barua_field_is_wrong_type (&fields[i], value);
    }
  return survey;
}

/* Adds an error for every value of a wrong type. */
static void
add_wrong_types (const BaruaSettings *settings, BaruaArena *arena, BaruaRecord *record)
{
  for (guint i = 0; i < record->n_values; i++)
    {
      const BaruaField *field = barua_form_field (record->definition, i);
      if (!barua_field_is_wrong_type (field, &record->values[i]))
        continue;
      BaruaPlaceholder names[]
          = { { "key", field->key }, { "expectedType", field->type_name } };
      add_error (settings, arena, record, BARUA_TEXT ("sys.incorrect_type"), names,
                 G_N_ELEMENTS (names));
    }
}

/* Wrong types, then what is missing (parsing.md section 9). */
static void
validate (const BaruaSettings *settings, BaruaArena *arena, const Survey *survey,
          BaruaRecord *record)
{
  if (survey->any_wrong)
    add_wrong_types (settings, arena, record);
  if (!survey->any_missing)
    return;
  BaruaPlaceholder keys[] = { { "fields", missing_keys (record, arena) } };
  add_error (settings, arena, record, BARUA_TEXT ("sys.missing_fields"), keys, 1);
}

/* The language of texts for the sender. */
static BaruaText
answer_locale (const BaruaSettings *settings, const BaruaRecord *record, BaruaText message_locale)
{
  int field = record->definition != NULL ? barua_form_indexes (record->definition)->locale : -1;

  if (field >= 0 && record->values[field].type == BARUA_VALUE_TEXT
      && record->values[field].text.n > 0)
    return record->values[field].text;
  return message_locale.n > 0 ? message_locale : barua_settings_locale (settings);
}

/* Copies a key of the plan: in blocks, what is too much is written over. */
static inline char *
write_key (char *out, BaruaText key)
{
  for (gsize i = 0; i < key.n; i += BARUA_PLAN_KEY_BLOCK)
    memcpy (out + i, key.p + i, BARUA_PLAN_KEY_BLOCK);
  return out + key.n;
}

/* Writes `fields`. */
static BaruaText
write_fields (const BaruaRecord *record, const Survey *survey, BaruaArena *arena,
              gboolean keeps_objects)
{
  if (record->definition == NULL)
    return BARUA_TEXT ("{}");

  guint n_steps;
  const BaruaPlanStep *plan = barua_form_plan (record->definition, &n_steps);
  char *begin = barua_arena_alloc (arena, barua_form_plan_bytes (record->definition) + survey->bytes);
  char *out = begin;
  char *opened[BARUA_FORM_MAX_DEPTH]; /* where each object that is open begins, with its comma */
  char *inside[BARUA_FORM_MAX_DEPTH]; /* behind its brace */
  guint depth = 0;
  *out++ = '{';
  for (guint i = 0; i < n_steps; i++)
    {
      const BaruaPlanStep *step = &plan[i];
      if (step->kind == BARUA_PLAN_CLOSE)
        {
          depth--;
          if (out == inside[depth] && !keeps_objects)
            out = opened[depth];
          else
            *out++ = '}';
          continue;
        }
      if (step->kind == BARUA_PLAN_FIELD
          && record->values[step->field].type == BARUA_VALUE_ABSENT)
        continue;
      char *from = out;
      if (out[-1] != '{')
        *out++ = ',';
      out = write_key (out, step->key);
      if (step->kind == BARUA_PLAN_FIELD)
        {
          out = barua_write_value (out, &record->values[step->field]);
          continue;
        }
      *out++ = '{';
      opened[depth] = from;
      inside[depth++] = out;
    }
  *out++ = '}';
  return (BaruaText){ begin, (gsize)(out - begin) };
}

/* `refid` as JSON; absent when there is none. */
static BaruaText
make_refid (const BaruaRecord *record, BaruaArena *arena)
{
  int field
      = record->definition != NULL ? barua_form_facility_reference (record->definition) : -1;
  if (field < 0 || record->values[field].type == BARUA_VALUE_ABSENT)
    return no_text;

  BaruaValue value = record->values[field];
  if (value.type == BARUA_VALUE_TEXT)
    value.text = barua_text_upper (arena, value.text);
  char *begin = barua_arena_alloc (arena, barua_value_bytes (&value));
  char *end = barua_write_value (begin, &value);
  return (BaruaText){ begin, (gsize)(end - begin) };
}

void
barua_record_finish (const BaruaSettings *settings, BaruaArena *arena, BaruaText message_locale,
                     gboolean has_extra, gboolean is_empty, gboolean keeps_objects,
                     BaruaRecord *record)
{
  gboolean is_unknown = record->definition == NULL;
  gboolean forms_only = barua_settings_forms_only_mode (settings);

  record->form = is_unknown && !forms_only ? no_text : record->code;
  record->locale = answer_locale (settings, record, message_locale);
  Survey survey = survey_values (record);
  record->fields = write_fields (record, &survey, arena, keeps_objects);
  record->refid = make_refid (record, arena);
  if (!is_unknown)
    validate (settings, arena, &survey, record);
  if (has_extra)
    add_error (settings, arena, record, BARUA_TEXT ("extra_fields"), NULL, 0);
  if (is_empty)
    add_error (settings, arena, record, BARUA_TEXT ("sys.empty"), NULL, 0);
  if (is_unknown && forms_only)
    {
      BaruaPlaceholder form[] = { { "form", record->code } };
      add_error (settings, arena, record, BARUA_TEXT ("sys.form_not_found"), form, 1);
    }
}

/* Bytes of the names, braces and commas of a record. */
#define RECORD_FRAME_BYTES 256

/* Bytes of the names, braces and commas of an entry of `errors`. */
#define ERROR_FRAME_BYTES 32

gsize
barua_record_bytes (const BaruaRecord *record)
{
  gsize bytes = RECORD_FRAME_BYTES + BARUA_JSON_STRING_BYTES (record->from.n)
                + record->from_json.n + BARUA_JSON_STRING_BYTES (record->form.n)
                + BARUA_JSON_STRING_BYTES (record->code.n)
                + record->fields.n + record->refid.n + record->sms_message.n;

  for (guint i = 0; i < record->n_errors; i++)
    bytes += ERROR_FRAME_BYTES + BARUA_JSON_STRING_BYTES (record->errors[i].code.n)
             + BARUA_JSON_STRING_BYTES (record->errors[i].message.n);
  return bytes;
}

char *
barua_write_errors (char *out, const BaruaRecord *record)
{
  out = barua_write_raw (out, BARUA_TEXT (",\"errors\":["));
  for (guint i = 0; i < record->n_errors; i++)
    {
      if (i > 0)
        *out++ = ',';
      out = barua_write_raw (out, BARUA_TEXT ("{\"code\":"));
      out = barua_write_string (out, record->errors[i].code);
      out = barua_write_raw (out, BARUA_TEXT (",\"message\":"));
      out = barua_write_string (out, record->errors[i].message);
      *out++ = '}';
    }
  *out++ = ']';
  return out;
}

char *
barua_write_origin (char *out, const BaruaRecord *record)
{
  out = barua_write_raw (out, BARUA_TEXT (",\"reported_date\":"));
  out = barua_write_number (out, record->reported_date_ms);
  if (record->refid.p != NULL)
    out = barua_write_raw (barua_write_raw (out, BARUA_TEXT (",\"refid\":")), record->refid);
  return barua_write_raw (barua_write_raw (out, BARUA_TEXT (",\"sms_message\":")),
                          record->sms_message);
}

void
barua_record_append_open (const BaruaRecord *record, const char *tasks, GString *out)
{
  BaruaText task_list = tasks != NULL ? barua_text (tasks) : BARUA_TEXT ("[]");
  gsize before = out->len;

  /* room for the longest, written in one go */
  g_string_set_size (out, before + barua_record_bytes (record) + task_list.n);
  char *p = out->str + before;
  p = barua_write_raw (p, BARUA_TEXT ("{\"type\":\"data_record\""));
  if (record->from.p != NULL)
    p = barua_write_string (barua_write_raw (p, BARUA_TEXT (",\"from\":")), record->from);
  if (record->from_json.p != NULL)
    p = barua_write_raw (barua_write_raw (p, BARUA_TEXT (",\"from\":")), record->from_json);
  if (record->form.p != NULL)
    p = barua_write_string (barua_write_raw (p, BARUA_TEXT (",\"form\":")), record->form);
  p = barua_write_errors (p, record);
  p = barua_write_raw (barua_write_raw (p, BARUA_TEXT (",\"tasks\":")), task_list);
  p = barua_write_raw (barua_write_raw (p, BARUA_TEXT (",\"fields\":")), record->fields);
  p = barua_write_origin (p, record);
  g_string_set_size (out, (gsize)(p - out->str));
}

void
barua_record_append_json (const BaruaRecord *record, const char *tasks, GString *out)
{
  barua_record_append_open (record, tasks, out);
  g_string_append_c (out, '}');
}
