/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/form-check.h"

G_BEGIN_DECLS

/* A form while it is checked; for form-check.c and form-check-labels.c. */

/**
 * BaruaCheckedLabel:
 * @locale: its number in the form; 0 for a plain text, which counts in all languages
 * @text: in lower case
 * @n: bytes of @text
 *
 * One label in one language.
 */
typedef struct
{
  guint locale;
  char *text;
  gsize n;
} BaruaCheckedLabel;

/**
 * BaruaCheckedField:
 * @tiny: (element-type BaruaCheckedLabel)
 * @shorts: (element-type BaruaCheckedLabel): short labels
 */
typedef struct
{
  char *key;
  char *key_lower;
  BaruaJson json;
  GPtrArray *tiny;
  GPtrArray *shorts;
} BaruaCheckedField;

/**
 * BaruaCheckedForm:
 * @path: for instance `forms.P`
 * @fields: (element-type BaruaCheckedField)
 * @names: the keys of the fields
 * @locales: the number of each language that has labels
 * @choices: (element-type utf8): the texts of the first field's `list`, in lower case
 * @has_positions: every field has one that is a whole number
 * @optional: (nullable): the key of the first optional field
 */
typedef struct
{
  BaruaFormReport *report;
  gboolean is_lenient;
  char *path;
  BaruaJson json;
  GPtrArray *fields;
  GHashTable *names;
  GHashTable *locales;
  GPtrArray *choices;
  gboolean has_positions;
  const char *optional;
} BaruaCheckedForm;

/** Adds a finding; @path: (transfer full). */
void barua_form_check_add (const BaruaCheckedForm *form, guint rule, gboolean is_error, char *path,
                           const char *format, ...) G_GNUC_PRINTF (5, 6);

/** "PATH.fields.KEY" or "PATH.fields.KEY.PROPERTY". Returns: (transfer full) */
char *barua_form_check_path (const BaruaCheckedForm *form, const BaruaCheckedField *field,
                             const char *property);

/** Fills the labels of @field from its definition. */
void barua_form_check_take_labels (BaruaCheckedForm *form, BaruaCheckedField *field);

/** Fills the choices of @form, whose fields are there. */
void barua_form_check_take_choices (BaruaCheckedForm *form);

/** Rules 12, 14 and 15 for the field at @index. */
void barua_form_check_labels (const BaruaCheckedForm *form, guint index);

/** @text in lower case, whatever the locale of the process. Returns: (transfer full) */
char *barua_form_check_lower (const char *text);

G_END_DECLS
