/* SPDX-License-Identifier: MIT */

/* What a sender has to know of a form: its fields, their labels, and what to write for each. */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/form-guide.h"

#include <string.h>

/* Choices that are printed of a list; long lists are cut. */
#define MAX_CHOICES 20

/* Columns of the table that are padded: place, name, label. */
#define N_COLUMNS 3
#define MAX_WIDTH 30

/* What to write, by type; NULL: the sender writes nothing. */
static const char *const words[] = {
  [BARUA_FIELD_OTHER] = "text",
  [BARUA_FIELD_INTEGER] = "a whole number",
  [BARUA_FIELD_BOOLEAN] = "1 for yes, 0 for no",
  [BARUA_FIELD_MONTH] = "the number of a month",
  [BARUA_FIELD_STRING] = "text",
  [BARUA_FIELD_DATE] = "a date: year-month-day",
  [BARUA_FIELD_BS_DATE] = "a date of the Bikram Sambat calendar: year-month-day",
  [BARUA_FIELD_BS_YEAR] = "a year of the Bikram Sambat calendar",
  [BARUA_FIELD_BS_MONTH] = "a month of the Bikram Sambat calendar, 1 to 12",
  [BARUA_FIELD_BS_DAY] = "a day of the Bikram Sambat calendar",
  [BARUA_FIELD_BS_AGGREGATE] = NULL,
  [BARUA_FIELD_PHONE] = "a phone number",
  [BARUA_FIELD_COMPLEX] = NULL,
};

/* Appends @text; line ends and other control characters as blanks, so that lines stay lines. */
static void
append_text (GString *out, BaruaText text)
{
  for (gsize i = 0; i < text.n; i++)
    g_string_append_c (out, g_ascii_iscntrl (text.p[i]) ? ' ' : text.p[i]);
}

/* `, 1 to 53` of two numbers; what is no bound is left out. */
static void
append_bounds (GString *out, BaruaJson bounds, const char *unit)
{
  BaruaJson low = barua_json_element (bounds, 0), high = barua_json_element (bounds, 1);

  if (barua_json_type (low) != BARUA_JSON_NUMBER || barua_json_type (high) != BARUA_JSON_NUMBER)
    return;
  g_string_append_printf (out, ", %.*s to %.*s%s", (int)low.length, low.text, (int)high.length,
                          high.text, unit);
}

/* `one of 1 (Yes), 2 (No)` */
static void
append_choices (GString *out, const BaruaField *field)
{
  guint n = 0;

  g_string_append (out, "one of ");
  for (guint i = 0; i < field->n_choices && n < MAX_CHOICES; i++)
    {
      const BaruaChoice *choice = &field->choices[i];
      if (choice->key.n == 0)
        continue;
      g_string_append (out, n++ > 0 ? ", " : "");
      append_text (out, choice->key);
      if (choice->label.n > 0 && !barua_text_equal (choice->label, choice->key))
        {
          g_string_append (out, " (");
          append_text (out, choice->label);
          g_string_append_c (out, ')');
        }
    }
  if (n == MAX_CHOICES && field->n_choices > n)
    g_string_append_printf (out, " and %u more", field->n_choices - n);
}

/* What to write for the field at @index. */
static void
append_what (GString *out, const BaruaForm *form, guint index)
{
  const BaruaField *field = barua_form_field (form, index);
  BaruaJson json = barua_form_field_json (form, index);

  if (field->type == BARUA_FIELD_BS_AGGREGATE)
    g_string_append (out, "nothing: it is made of year, month and day");
  else if (field->type == BARUA_FIELD_COMPLEX)
    g_string_append (out, "nothing: it comes in JSON only");
  else if (field->has_list
           && (field->type == BARUA_FIELD_INTEGER || field->type == BARUA_FIELD_STRING))
    append_choices (out, field);
  else
    g_string_append (out, words[field->type]);
  if (!field->has_list && field->type == BARUA_FIELD_INTEGER)
    append_bounds (out, barua_json_member (json, "range"), "");
  if (!field->has_list && field->type == BARUA_FIELD_STRING)
    append_bounds (out, barua_json_member (json, "length"), " characters");
  if (field->is_required)
    g_string_append (out, "; must not be left out");
}

/* @cell, and blanks up to @width characters and two. */
static void
append_cell (GString *out, BaruaText cell, guint width)
{
  guint n = (guint)g_utf8_strlen (cell.p != NULL ? cell.p : "", (gssize)cell.n);

  if (cell.p != NULL)
    append_text (out, cell);
  g_string_append_printf (out, "%*s", (int)(n < width ? width - n : 0) + 2, "");
}

/* The cells of one line. */
typedef struct
{
  char place[12];
  BaruaText cells[N_COLUMNS];
} Row;

static void
fill_row (const BaruaForm *form, const BaruaLabels *labels, guint index, Row *row)
{
  const BaruaFieldLabels *field = &labels->fields[index];

  g_snprintf (row->place, sizeof row->place, "%u", index + 1);
  row->cells[0] = barua_text (row->place);
  row->cells[1]
      = field->short_label.n > 0 ? field->short_label : barua_form_field (form, index)->key;
  row->cells[2] = field->tiny.n > 0 ? field->tiny : BARUA_TEXT ("-");
}

static void
append_fields (GString *out, const BaruaForm *form, const BaruaLabels *labels)
{
  static const Row head = { "", { BARUA_TEXT ("#"), BARUA_TEXT ("field"), BARUA_TEXT ("label") } };
  guint widths[N_COLUMNS] = { 1, 5, 5 };
  Row row;

  for (guint i = 0; i < labels->n_fields; i++)
    {
      fill_row (form, labels, i, &row);
      for (guint c = 0; c < N_COLUMNS; c++)
        {
          guint n = (guint)g_utf8_strlen (row.cells[c].p, (gssize)row.cells[c].n);
          widths[c] = MIN (MAX (widths[c], n), MAX_WIDTH);
        }
    }
  g_string_append (out, "  ");
  for (guint c = 0; c < N_COLUMNS; c++)
    append_cell (out, head.cells[c], widths[c]);
  g_string_append (out, "what to write\n");
  for (guint i = 0; i < labels->n_fields; i++)
    {
      fill_row (form, labels, i, &row);
      g_string_append (out, "  ");
      for (guint c = 0; c < N_COLUMNS; c++)
        append_cell (out, row.cells[c], widths[c]);
      append_what (out, form, i);
      g_string_append_c (out, '\n');
    }
}

void
barua_form_guide_append (const BaruaSettings *settings, const BaruaForm *form, BaruaText locale,
                         GString *out)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaJson meta = barua_json_member (barua_form_json (form), "meta");
  BaruaJson label = barua_json_member (meta, "label");
  BaruaText own = locale.n > 0 ? locale : barua_settings_locale (settings);
  const BaruaLabels *labels = barua_form_labels (form, barua_settings_locale_index (settings, own));

  if (label.text == NULL)
    label = barua_json_member (meta, "translation_key");
  BaruaText title = barua_settings_translate_label (settings, arena, label, own);
  append_text (out, barua_form_code (form));
  if (title.n > 0)
    {
      g_string_append (out, ": ");
      append_text (out, title);
    }
  g_string_append (out, "\n\n");
  if (labels->n_fields > 0)
    {
      append_fields (out, form, labels);
      g_string_append_c (out, '\n');
    }
}
