/* SPDX-License-Identifier: MIT */
#pragma once

#include <math.h>

#include "forms/arena.h"
#include "forms/locale.h"
#include "forms/phone.h"

G_BEGIN_DECLS

/** What a field holds; @BARUA_FIELD_OTHER keeps the raw value (parsing.md 7.0). */
typedef enum
{
  BARUA_FIELD_OTHER,
  BARUA_FIELD_INTEGER,
  BARUA_FIELD_BOOLEAN,
  BARUA_FIELD_MONTH,
  BARUA_FIELD_STRING,
  BARUA_FIELD_DATE,
  BARUA_FIELD_BS_DATE,
  BARUA_FIELD_BS_YEAR,
  BARUA_FIELD_BS_MONTH,
  BARUA_FIELD_BS_DAY,
  BARUA_FIELD_BS_AGGREGATE,
  BARUA_FIELD_PHONE,
  BARUA_FIELD_COMPLEX,
} BaruaFieldType;

/**
 * BaruaChoice:
 * @key: the entry's key as text; absent when it can match nothing
 * @label: its label in the settings locale
 */
typedef struct
{
  BaruaText key;
  BaruaText label;
} BaruaChoice;

/**
 * BaruaField:
 *
 * One field of a compiled definition. Texts are borrowed from the settings.
 */
typedef struct
{
  BaruaText key;
  BaruaText type_name; /* as written; absent when there is none */
  BaruaFieldType type;
  gboolean is_required;
  gboolean has_list;      /* a `list` that can be used */
  gboolean is_subject_id; /* patient_id or place_id: std() applies */
  const BaruaChoice *choices;
  guint n_choices;
} BaruaField;

/** What a value is; @BARUA_VALUE_JSON is a piece of JSON text (a list, an object). */
typedef enum
{
  BARUA_VALUE_ABSENT,
  BARUA_VALUE_NULL,
  BARUA_VALUE_FALSE,
  BARUA_VALUE_TRUE,
  BARUA_VALUE_NUMBER,
  BARUA_VALUE_TEXT,
  BARUA_VALUE_JSON,
} BaruaValueType;

/**
 * BaruaValue:
 * @type: which of the others counts
 * @number: finite
 * @text: the text, or the JSON piece
 */
typedef struct
{
  BaruaValueType type;
  double number;
  BaruaText text;
} BaruaValue;

/**
 * barua_field_compile:
 * @key: the field's name, a JSON string
 * @definition: the field's definition
 * @locale: the settings locale, for the labels of choices
 * @arena: lives as long as @field
 */
void barua_field_compile (BaruaJson key, BaruaJson definition, const BaruaTexts *texts,
                          BaruaText locale, BaruaArena *arena, BaruaField *field);

/** The type called @name; %BARUA_FIELD_OTHER for an unknown one. */
BaruaFieldType barua_field_type (BaruaText name);

/**
 * barua_field_convert:
 * @raw: what the message holds for the field
 * @rules: for phone numbers
 * @out: (out): the typed value of parsing.md section 7; borrowed from @raw, @field or @arena
 *
 * `bsAggreDate` and unknown types keep @raw.
 */
void barua_field_convert (const BaruaField *field, BaruaText raw, const BaruaPhoneRules *rules,
                          BaruaArena *arena, BaruaValue *out);

/** Whether a finite @number is an integer. */
static inline gboolean
barua_is_integral (double number)
{
  /* what is beyond the 53 bits of a double has no fraction left */
  return fabs (number) > 9007199254740992.0 || (double)(gint64)number == number;
}

/** The types of values that a type of field takes, as a bit set (parsing.md section 9, second row). */
extern const guint8 barua_field_right_types[BARUA_FIELD_COMPLEX + 1];

/** Whether @value breaks the type of @field (parsing.md section 9, second row). */
static inline gboolean
barua_field_is_wrong_type (const BaruaField *field, const BaruaValue *value)
{
  if ((barua_field_right_types[field->type] >> value->type & 1) == 0)
    return !field->has_list;
  if (field->type == BARUA_FIELD_INTEGER && value->type == BARUA_VALUE_NUMBER)
    return !field->has_list && !barua_is_integral (value->number);
  return field->type == BARUA_FIELD_COMPLEX && value->type == BARUA_VALUE_JSON
         && !field->has_list && (value->text.n == 0 || *value->text.p != '{');
}

/**
 * barua_number_parse:
 * @text: std() applied
 *
 * parseNum of parsing.md 7.1.
 */
gboolean barua_number_parse (BaruaText text, double *number);

/** Appends @value as JSON; absent as null. */
void barua_value_append (GString *out, const BaruaValue *value);

G_END_DECLS
