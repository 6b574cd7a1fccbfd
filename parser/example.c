/* SPDX-License-Identifier: MIT */

/* Messages written for a form, in every syntax: the other way round of the parser. */

#define G_LOG_DOMAIN "barua-parser"

#include "parser/example.h"

#include <math.h>
#include <string.h>

#include "forms/characters.h"
#include "parser/record.h"

/* What stands for a value that is computed, where the position must not be empty. */
#define PLACEHOLDER "0"

static const BaruaText no_text = { NULL, 0 };

static const char *const names[BARUA_N_SYNTAXES] = { "muvuku", "javarosa", "textforms", "compact" };

const char *
barua_syntax_name (BaruaSyntax syntax)
{
  return names[syntax];
}

/* ---- texts that a sender might send ---- */

/* Brings *@number between the two numbers of @bounds, when they are such. */
static void
keep_within (BaruaJson bounds, double *number)
{
  BaruaJson low = barua_json_element (bounds, 0), high = barua_json_element (bounds, 1);

  if (barua_json_type (low) == BARUA_JSON_NUMBER && *number < barua_json_number (low))
    *number = ceil (barua_json_number (low));
  if (barua_json_type (high) == BARUA_JSON_NUMBER && *number > barua_json_number (high))
    *number = floor (barua_json_number (high));
}

static BaruaText
number_example (BaruaArena *arena, BaruaJson range, double number)
{
  g_autoptr (GString) text = g_string_new (NULL);

  keep_within (range, &number);
  barua_json_append_number (text, number);
  return barua_arena_copy (arena, (BaruaText){ text->str, text->len });
}

/* @word, of a number of characters that `length` allows; at most 100 are made up. */
static BaruaText
word_example (BaruaArena *arena, BaruaJson length, const char *word)
{
  double wanted = (double)strlen (word);
  g_autoptr (GString) text = g_string_new (NULL);

  keep_within (length, &wanted);
  gsize n = wanted < 1 ? 1 : wanted > 100 ? 100 : (gsize)wanted;
  while (text->len < n)
    g_string_append_c (text, word[text->len % strlen (word)]);
  return barua_arena_copy (arena, (BaruaText){ text->str, text->len });
}

/* The first choice that can be named. */
static BaruaText
choice_example (const BaruaField *field)
{
  for (guint i = 0; i < field->n_choices; i++)
    if (field->choices[i].key.n > 0)
      return field->choices[i].key;
  return no_text;
}

static BaruaText
phone_example (const BaruaSettings *settings)
{
  static const char *const numbers[]
      = { "0712345678", "07123456789", "712345678", "9841234567", "+254712345678" };
  char e164[BARUA_PHONE_SIZE];

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    if (barua_phone_normalise (barua_settings_phone_rules (settings), barua_text (numbers[i]),
                               e164))
      return barua_text (numbers[i]);
  return barua_text (numbers[G_N_ELEMENTS (numbers) - 1]);
}

/* A word that is not taken for a label at the beginning of a compact message. */
static const char *
pick_word (const BaruaLabels *labels, guint index)
{
  static const char *const words[] = { "Amina", "Juma", "Zawadi", "Baraka", "Neema" };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      const char *word = words[(index + i) % G_N_ELEMENTS (words)];
      if (!barua_labels_begin (labels, barua_text (word)))
        return word;
    }
  return words[0];
}

static BaruaText
example_of (const BaruaSettings *settings, const BaruaForm *form, const BaruaLabels *labels,
            guint index, BaruaArena *arena)
{
  const BaruaField *field = barua_form_field (form, index);
  BaruaJson json = barua_form_field_json (form, index);

  if (field->has_list && (field->type == BARUA_FIELD_INTEGER || field->type == BARUA_FIELD_STRING))
    return choice_example (field);
  switch (field->type)
    {
    case BARUA_FIELD_INTEGER:
      return number_example (arena, barua_json_member (json, "range"), 12);
    case BARUA_FIELD_BOOLEAN:
      return BARUA_TEXT ("1");
    case BARUA_FIELD_MONTH:
      return BARUA_TEXT ("5");
    case BARUA_FIELD_DATE:
      return BARUA_TEXT ("2024-05-17");
    case BARUA_FIELD_BS_DATE:
      return BARUA_TEXT ("2081-02-04");
    case BARUA_FIELD_BS_YEAR:
      return BARUA_TEXT ("2081");
    case BARUA_FIELD_BS_MONTH:
      return BARUA_TEXT ("2");
    case BARUA_FIELD_BS_DAY:
      return BARUA_TEXT ("4");
    case BARUA_FIELD_PHONE:
      return phone_example (settings);
    case BARUA_FIELD_BS_AGGREGATE:
    case BARUA_FIELD_COMPLEX:
      return no_text;
    default:
      return word_example (arena, barua_json_member (json, "length"),
                           field->is_subject_id ? "12345" : pick_word (labels, index));
    }
}

static const BaruaLabels *
labels_in (const BaruaSettings *settings, const BaruaForm *form, BaruaText locale)
{
  if (locale.n == 0)
    locale = barua_settings_locale (settings);
  return barua_form_labels (form, barua_settings_locale_index (settings, locale));
}

void
barua_example_fill (const BaruaSettings *settings, const BaruaForm *form, BaruaText locale,
                    BaruaArena *arena, BaruaText *texts)
{
  const BaruaLabels *labels = labels_in (settings, form, locale);

  for (guint i = 0; i < barua_form_n_fields (form); i++)
    texts[i] = example_of (settings, form, labels, i, arena);
}

/* ---- writing ---- */

/* What is known of a text. */
typedef struct
{
  gboolean has_white;
  gboolean has_other_white; /* than single blanks between words */
  gboolean has_line_end;
  gboolean is_trimmed;
} Shape;

static Shape
shape_of (BaruaText text)
{
  Shape shape = { .is_trimmed = barua_text_trim (text).n == text.n };
  const char *end = text.p + text.n;

  for (const char *p = text.p; p < end;)
    {
      const char *at = p;
      gunichar c = barua_next_char (&p, end);
      if (!barua_is_white (c))
        continue;
      shape.has_white = TRUE;
      shape.has_line_end = shape.has_line_end || barua_is_line_end (c);
      if (c != ' ' || (at > text.p && at[-1] == ' '))
        shape.has_other_white = TRUE;
    }
  return shape;
}

static gboolean
has_char (BaruaText text, char c)
{
  return text.n > 0 && memchr (text.p, c, text.n) != NULL;
}

static void
append_text (GString *out, BaruaText text)
{
  g_string_append_len (out, text.p, (gssize)text.n);
}

static gboolean
fail (const char **remark, const char *why)
{
  *remark = why;
  return FALSE;
}

/* How many fields there are up to the last with a text. */
static guint
n_sent (const BaruaExample *example)
{
  guint n = barua_form_n_fields (example->form);

  while (n > 0 && example->texts[n - 1].p == NULL)
    n--;
  return n;
}

static gboolean
write_muvuku (const BaruaExample *example, GString *out, const char **remark)
{
  guint n = n_sent (example);

  for (guint i = 0; i < n; i++)
    {
      BaruaText text = example->texts[i];
      if (has_char (text, '#'))
        return fail (remark, "a value with # cannot be sent");
      if (text.p != NULL && !shape_of (text).is_trimmed)
        return fail (remark, "a value cannot begin or end with a blank");
      if (i > 0)
        g_string_append_c (out, '#');
      append_text (out, text);
    }
  return TRUE;
}

/* Whether a J1 message can name exactly the field at @index. */
static gboolean
is_javarosa_label (const BaruaLabels *labels, guint index)
{
  BaruaText label = labels->fields[index].tiny;

  return label.n > 0 && !has_char (label, '#') && label.p[label.n - 1] != '\\'
         && barua_text_trim (label).n == label.n
         && barua_labels_find_tiny (labels, label, 0) == (int)index
         && barua_labels_find_tiny (labels, label, index + 1) < 0;
}

static gboolean
write_javarosa (const BaruaExample *example, GString *out, const char **remark)
{
  const BaruaLabels *labels = labels_in (example->settings, example->form, no_text);
  gboolean is_first = TRUE;

  for (guint i = 0; i < barua_form_n_fields (example->form); i++)
    {
      BaruaText text = example->texts[i];
      if (text.p == NULL)
        continue;
      if (!is_javarosa_label (labels, i))
        return fail (remark, "a field has no tiny label of its own");
      if (text.p[text.n - 1] == '\\')
        return fail (remark, "a value cannot end with a backslash");
      if (!is_first)
        g_string_append_c (out, '#');
      is_first = FALSE;
      append_text (out, labels->fields[i].tiny);
      g_string_append_c (out, '#');
      for (gsize j = 0; j < text.n; j++)
        {
          if (text.p[j] == '#')
            g_string_append_c (out, '\\');
          g_string_append_c (out, text.p[j]);
        }
    }
  return TRUE;
}

/* Whether @text is made of what a key in Textforms is made of (parsing.md 6.2). */
static gboolean
is_keyword (BaruaText text)
{
  for (gsize i = 0; i < text.n; i++)
    if (!g_ascii_isalpha (text.p[i]) && (text.p[i] == '\0' || strchr ("_.*", text.p[i]) == NULL))
      return FALSE;
  return text.n > 0;
}

/* What names the field at @index in Textforms: its tiny label, or its key; absent for neither. */
static BaruaText
keyword_of (const BaruaExample *example, const BaruaLabels *labels, guint index)
{
  const BaruaFieldLabels *field = &labels->fields[index];
  BaruaText key = barua_form_field (example->form, index)->key;

  if (field->label_name >= 0 && is_keyword (field->tiny))
    return field->tiny;
  if (field->key_name < 0 || !is_keyword (key))
    return no_text;
  for (gsize i = 0; i < key.n; i++)
    if (g_ascii_isupper (key.p[i]))
      return no_text;
  return key;
}

/* Whether Textforms keep @text as it is. */
static gboolean
is_textforms_value (BaruaText text, const char **remark)
{
  Shape shape = shape_of (text);

  if (has_char (text, '#'))
    return fail (remark, "a value with # cannot be sent");
  if (!shape.is_trimmed || *text.p == '-' || *text.p == '!')
    return fail (remark, "a value cannot begin with a blank, - or !");
  if (shape.has_line_end)
    return fail (remark, "a value cannot hold a line end");
  return TRUE;
}

static gboolean
write_textforms (const BaruaExample *example, GString *out, const char **remark)
{
  const BaruaLabels *labels = labels_in (example->settings, example->form, example->locale);
  gboolean is_first = TRUE, begins_with_key = FALSE, has_hash = FALSE;

  for (guint i = 0; i < barua_form_n_fields (example->form); i++)
    {
      BaruaText text = example->texts[i];
      if (text.p == NULL)
        continue;
      BaruaText keyword = keyword_of (example, labels, i);
      if (keyword.p == NULL)
        return fail (remark, "a field has no label that can be written in this syntax");
      if (!is_textforms_value (text, remark))
        return FALSE;
      g_string_append_c (out, is_first ? ' ' : '#');
      begins_with_key = begins_with_key || (is_first && keyword.p != labels->fields[i].tiny.p);
      has_hash = has_hash || !is_first;
      is_first = FALSE;
      append_text (out, keyword);
      g_string_append_c (out, ' ');
      append_text (out, text);
    }
  if (begins_with_key && !has_hash) /* a field's name alone would be taken for a compact value */
    g_string_append_c (out, '#');
  return TRUE;
}

/* Whether some value must stand in quotes. */
static gboolean
needs_quotes (const BaruaExample *example, guint n)
{
  guint n_fields = barua_form_n_fields (example->form);

  for (guint i = 0; i < n; i++)
    {
      if (example->texts[i].p == NULL)
        continue;
      Shape shape = shape_of (example->texts[i]);
      gboolean is_joined = i + 1 == n_fields
                           && barua_form_field (example->form, i)->type == BARUA_FIELD_STRING
                           && shape.is_trimmed && !shape.has_other_white;
      if (shape.has_white && !is_joined)
        return TRUE;
    }
  return FALSE;
}

/* The text to send for a field that must not be left out; absent when there is none. */
static BaruaText
compact_text (const BaruaExample *example, guint index)
{
  if (example->texts[index].p == NULL
      && barua_form_field (example->form, index)->type == BARUA_FIELD_BS_AGGREGATE)
    return BARUA_TEXT (PLACEHOLDER);
  return example->texts[index];
}

static gboolean
write_compact (const BaruaExample *example, GString *out, const char **remark)
{
  const BaruaLabels *labels = labels_in (example->settings, example->form, example->locale);
  guint n = n_sent (example);
  gboolean has_quotes = needs_quotes (example, n);
  gsize begin = out->len + 1;

  if (n == 0 && barua_form_n_fields (example->form) > 0)
    return fail (remark, "there is no value to send");
  for (guint i = 0; i < n; i++)
    {
      BaruaText text = compact_text (example, i);
      if (text.p == NULL)
        return fail (remark, "a value in the middle cannot be left out");
      if (has_char (text, '#') || has_char (text, '"'))
        return fail (remark, "a value with # or \" cannot be sent");
      gboolean is_quoted = has_quotes && shape_of (text).has_white;
      if (i == 0 && !is_quoted && strchr ("!-,:", *text.p) != NULL)
        return fail (remark, "the first value cannot begin with ! - , or :");
      g_string_append (out, is_quoted ? " \"" : " ");
      append_text (out, text);
      if (is_quoted)
        g_string_append_c (out, '"');
    }
  if (n > 0 && barua_labels_begin (labels, (BaruaText){ out->str + begin, out->len - begin }))
    return fail (remark, "the first value is taken for a label");
  return TRUE;
}

/* Whether a message can name the form at all: codes are looked up in capitals. */
static gboolean
check_code (const BaruaExample *example, BaruaSyntax syntax, BaruaArena *arena, const char **remark)
{
  BaruaText code = barua_form_code (example->form);
  BaruaText meta_code = barua_form_meta_code (example->form);
  gboolean has_header = syntax == BARUA_SYNTAX_MUVUKU || syntax == BARUA_SYNTAX_JAVAROSA;

  if (code.n == 0 || !barua_text_equal (barua_text_upper (arena, code), code))
    return fail (remark, "the form code is not in capitals");
  if (has_header)
    {
      gboolean is_split = has_char (code, '!') || has_char (code, '#');
      return is_split ? fail (remark, "the form code has ! or # in it") : TRUE;
    }
  for (const char *p = code.p, *end = code.p + code.n; p < end;)
    {
      gunichar c = barua_next_char (&p, end);
      if (barua_is_white (c) || (c < 0x80 && strchr ("!-,:#", (int)c) != NULL))
        return fail (remark, "the form code has a character that ends it");
    }
  if (meta_code.n == 0 || !barua_text_equal_ignoring_case (meta_code, code))
    return fail (remark, "meta.code is not the form code");
  return TRUE;
}

gboolean
barua_example_write (const BaruaExample *example, BaruaSyntax syntax, BaruaArena *arena,
                     GString *out, const char **remark)
{
  if (!check_code (example, syntax, arena, remark))
    return FALSE;
  if (syntax == BARUA_SYNTAX_MUVUKU || syntax == BARUA_SYNTAX_JAVAROSA)
    {
      g_string_append (out, syntax == BARUA_SYNTAX_MUVUKU ? "1!" : "J1!");
      append_text (out, barua_form_code (example->form));
      g_string_append_c (out, '!');
      return syntax == BARUA_SYNTAX_MUVUKU ? write_muvuku (example, out, remark)
                                           : write_javarosa (example, out, remark);
    }
  append_text (out, barua_form_code (example->form));
  return syntax == BARUA_SYNTAX_TEXTFORMS ? write_textforms (example, out, remark)
                                          : write_compact (example, out, remark);
}

/* ---- reading back ---- */

static gboolean
is_same_value (const BaruaValue *a, const BaruaValue *b)
{
  if (a->type != b->type)
    return FALSE;
  if (a->type == BARUA_VALUE_NUMBER)
    return a->number == b->number;
  return (a->type != BARUA_VALUE_TEXT && a->type != BARUA_VALUE_JSON)
         || barua_text_equal (a->text, b->text);
}

/* Whether @record has an error besides values that were left out. */
static gboolean
has_error (const BaruaRecord *record)
{
  for (guint i = 0; i < record->n_errors; i++)
    if (!barua_text_equal (record->errors[i].code, BARUA_TEXT ("sys.missing_fields")))
      return TRUE;
  return FALSE;
}

/* Whether the value read for the field at @index is that of its text. */
static gboolean
is_expected (const BaruaExample *example, const BaruaRecord *record, guint index, BaruaArena *arena)
{
  const BaruaField *field = barua_form_field (example->form, index);
  const BaruaValue *value = &record->values[index];
  BaruaValue wanted;

  if (field->type == BARUA_FIELD_BS_AGGREGATE)
    return TRUE; /* made of other fields */
  if (example->texts[index].p == NULL)
    return value->type == BARUA_VALUE_ABSENT || value->type == BARUA_VALUE_NULL
           || (value->type == BARUA_VALUE_TEXT && value->text.n == 0);
  barua_field_convert (field, example->texts[index], barua_settings_phone_rules (example->settings),
                       arena, &wanted);
  return is_same_value (value, &wanted);
}

gboolean
barua_example_check (const BaruaExample *example, BaruaSyntax syntax, BaruaText message,
                     BaruaArena *arena, const char **remark)
{
  BaruaMessage sent = { .message = message, .from = BARUA_TEXT (""), .locale = example->locale };
  BaruaRecord record;

  if (!barua_record_from_message (example->settings, &sent, arena, &record, NULL))
    return fail (remark, "the message is too long");
  if (record.definition != example->form)
    return fail (remark, "the message is not read with this form");
  /* a form without values looks the same in both */
  if (!barua_text_equal (record.format, barua_text (names[syntax])) && n_sent (example) > 0)
    return fail (remark, "the message is taken for another syntax");
  if (has_error (&record))
    return fail (remark, "the record would have an error");
  for (guint i = 0; i < record.n_values; i++)
    if (!is_expected (example, &record, i, arena))
      return fail (remark, "a value does not arrive as it was sent");
  return TRUE;
}
