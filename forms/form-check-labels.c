/* SPDX-License-Identifier: MIT */

/* Whether labels find their fields: rules 12, 14 and 15 of settings-and-forms.md 5.4. */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/form-check-private.h"

#include "forms/characters.h"

#include <string.h>

/* Languages of a label that are looked at: the rules compare labels in pairs. */
#define MAX_LOCALES 32

/* Choices of the first field that are compared with labels. */
#define MAX_CHOICES 200

/* ---- taking labels apart ---- */

static void
label_free (BaruaCheckedLabel *label)
{
  g_free (label->text);
  g_free (label);
}

char *
barua_form_check_lower (const char *text)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaText lower = barua_text_lower (arena, barua_text (text));

  return g_strndup (lower.p, lower.n);
}

/* The number of the language called @locale, 0 when there is no name. */
static guint
locale_number (BaruaCheckedForm *form, BaruaJson locale)
{
  g_autofree char *name = barua_json_string (locale, NULL);

  if (name == NULL || *name == '\0')
    return 0;
  guint number = GPOINTER_TO_UINT (g_hash_table_lookup (form->locales, name));
  if (number > 0)
    return number;
  number = g_hash_table_size (form->locales) + 1;
  g_hash_table_insert (form->locales, g_steal_pointer (&name), GUINT_TO_POINTER (number));
  return number;
}

static void
add_label (BaruaCheckedForm *form, GPtrArray *labels, BaruaJson locale, BaruaJson text)
{
  g_autofree char *decoded = barua_json_string (text, NULL);

  if (decoded == NULL || *decoded == '\0' || labels->len >= MAX_LOCALES)
    return;
  BaruaCheckedLabel *label = g_new0 (BaruaCheckedLabel, 1);
  label->locale = locale_number (form, locale);
  label->text = barua_form_check_lower (decoded);
  label->n = strlen (label->text);
  g_ptr_array_add (labels, label);
}

/* The texts of a label: a string, `{translation_key}`, `{locale: text}` or `{translations:
 * [{locale, content}]}`. */
static GPtrArray *
labels_of (BaruaCheckedForm *form, BaruaJson label)
{
  GPtrArray *labels = g_ptr_array_new_with_free_func ((GDestroyNotify)label_free);
  BaruaJson translations = barua_json_member (label, "translations");
  BaruaJsonIter iter;
  BaruaJson key, value;

  if (barua_json_type (label) == BARUA_JSON_STRING)
    add_label (form, labels, BARUA_JSON_NONE, label);
  if (barua_json_type (translations) == BARUA_JSON_ARRAY)
    {
      barua_json_iter_init (&iter, translations);
      while (barua_json_iter_next (&iter, NULL, &value))
        add_label (form, labels, barua_json_member (value, "locale"),
                   barua_json_member (value, "content"));
      return labels;
    }
  if (barua_json_type (label) != BARUA_JSON_OBJECT)
    return labels;
  barua_json_iter_init (&iter, label);
  while (barua_json_iter_next (&iter, &key, &value))
    add_label (form, labels, key, value);
  return labels;
}

void
barua_form_check_take_labels (BaruaCheckedForm *form, BaruaCheckedField *field)
{
  BaruaJson labels = barua_json_member (field->json, "labels");

  field->tiny = labels_of (form, barua_json_member (labels, "tiny"));
  field->shorts = labels_of (form, barua_json_member (labels, "short"));
}

/* Whether two labels can meet in one language; a plain text is there in all of them. */
static inline gboolean
is_same_locale (const BaruaCheckedLabel *a, const BaruaCheckedLabel *b)
{
  return a->locale == b->locale || a->locale == 0 || b->locale == 0;
}

/* Whether @longer begins with @label, in a language of both. */
static inline gboolean
begins_with (const BaruaCheckedLabel *longer, const BaruaCheckedLabel *label)
{
  return is_same_locale (longer, label) && longer->n >= label->n
         && memcmp (longer->text, label->text, label->n) == 0;
}

/* ---- rule 12 ---- */

/* Whether a tiny label of @a is one of @b; reported once a pair. */
static gboolean
check_same_label (const BaruaCheckedForm *form, const BaruaCheckedField *a,
                  const BaruaCheckedField *b)
{
  for (guint i = 0; i < a->tiny->len; i++)
    for (guint j = 0; j < b->tiny->len; j++)
      {
        const BaruaCheckedLabel *x = a->tiny->pdata[i], *y = b->tiny->pdata[j];
        if (!is_same_locale (x, y) || strcmp (x->text, y->text) != 0)
          continue;
        barua_form_check_add (form, 12, FALSE, barua_form_check_path (form, b, "labels.tiny"),
                              "\"%s\" is also the tiny label of \"%s\"", y->text, a->key);
        return TRUE;
      }
  return FALSE;
}

/* ---- rule 14 ---- */

/* What of @text cannot be part of a label in Textforms (parsing.md 6.2, KEYCHAR); NULL when all
 * can. */
static const char *
unwritable_part (const char *text)
{
  const char *end = text + strlen (text);

  for (const char *p = text; p < end;)
    {
      gunichar c = barua_next_char (&p, end);
      if (c < 0x80 && (g_ascii_isalpha ((char)c) || c == '_' || c == '.' || c == '*'))
        continue;
      if (c < 0x80 && g_ascii_isdigit ((char)c))
        return "a digit";
      if (barua_is_white (c))
        return "white space";
      return c < 0x80 ? "a punctuation mark" : "a character that is not ASCII";
    }
  return NULL;
}

/* Whether some other field has @text as its tiny label. */
static gboolean
is_label_of_other (const BaruaCheckedForm *form, const BaruaCheckedField *field, const char *text)
{
  for (guint i = 0; i < form->fields->len; i++)
    {
      const BaruaCheckedField *other = form->fields->pdata[i];
      for (guint j = 0; other != field && j < other->tiny->len; j++)
        if (strcmp (((BaruaCheckedLabel *)other->tiny->pdata[j])->text, text) == 0)
          return TRUE;
    }
  return FALSE;
}

/* Whether a component of Textforms can name @field by its key (parsing.md 6.3). */
static gboolean
is_reached_by_key (const BaruaCheckedForm *form, const BaruaCheckedField *field)
{
  return unwritable_part (field->key) == NULL && strcmp (field->key, field->key_lower) == 0
         && !is_label_of_other (form, field, field->key);
}

/* Whether no message in any syntax can hold @label, which J1 trims and ends at '#'. */
static gboolean
is_lost (const char *label)
{
  BaruaText text = barua_text (label);

  return strchr (label, '#') != NULL || barua_text_trim (text).n != text.n;
}

static void
check_reach (const BaruaCheckedForm *form, const BaruaCheckedField *field)
{
  if (field->tiny->len == 0)
    {
      char *path = barua_form_check_path (form, field, "labels.tiny");
      if (is_reached_by_key (form, field))
        barua_form_check_add (form, 14, FALSE, path,
                              "missing: the field cannot be reached by a label, only by its name "
                              "and by position");
      else
        barua_form_check_add (form, 14, FALSE, path,
                              "missing, and Textforms cannot write the name \"%s\": the field can "
                              "only be reached by position",
                              field->key);
      return;
    }
  for (guint i = 0; i < field->tiny->len; i++)
    {
      const BaruaCheckedLabel *label = field->tiny->pdata[i];
      const char *part = unwritable_part (label->text);
      if (part == NULL)
        continue;
      char *path = barua_form_check_path (form, field, "labels.tiny");
      if (is_lost (label->text))
        barua_form_check_add (form, 14, FALSE, path,
                              "\"%s\" is never found: no message can hold a label with # in it or "
                              "white space around it",
                              label->text);
      else
        barua_form_check_add (form, 14, FALSE, path,
                              "\"%s\" has %s: Textforms never finds it, a label there is made of "
                              "the letters A to Z, _ . and *",
                              label->text, part);
      return;
    }
}

/* ---- rule 15 ---- */

/* What of @b a message for @b may begin with that is taken for the label @tiny of another
 * field. */
static const char *
beginning_of (const BaruaCheckedLabel *tiny, const BaruaCheckedField *b)
{
  if (g_str_has_prefix (b->key_lower, tiny->text))
    return b->key;
  for (guint j = 0; j < b->shorts->len; j++)
    {
      const BaruaCheckedLabel *other = b->shorts->pdata[j];
      if (begins_with (other, tiny))
        return other->text;
    }
  for (guint j = 0; j < b->tiny->len; j++)
    {
      const BaruaCheckedLabel *other = b->tiny->pdata[j];
      if (other->n > tiny->n && begins_with (other, tiny))
        return other->text;
    }
  return NULL;
}

static void
check_prefix (const BaruaCheckedForm *form, const BaruaCheckedField *a, const BaruaCheckedField *b)
{
  for (guint i = 0; i < a->tiny->len; i++)
    {
      const BaruaCheckedLabel *tiny = a->tiny->pdata[i];
      const char *longer = beginning_of (tiny, b);
      if (longer == NULL)
        continue;
      char *path = barua_form_check_path (form, a, "labels.tiny");
      if (strcmp (tiny->text, b->key_lower) == 0)
        barua_form_check_add (form, 15, FALSE, path, "\"%s\" is also the name of the field \"%s\"",
                              tiny->text, b->key);
      else
        barua_form_check_add (form, 15, FALSE, path,
                              "\"%s\" is the beginning of \"%s\" of the field \"%s\"", tiny->text,
                              longer, b->key);
      return;
    }
}

/* Whether a compact message that begins with the value @value begins with @label, too (parsing.md
 * section 4). */
static gboolean
begins_as_label (const char *value, const char *label)
{
  gsize n = strlen (label);

  if (strncmp (value, label, n) != 0)
    return FALSE;
  const char *p = value + n, *end = p + strlen (p);
  return p == end || barua_is_digit (*p) || barua_is_white (barua_next_char (&p, end));
}

void
barua_form_check_take_choices (BaruaCheckedForm *form)
{
  BaruaJsonIter iter;
  BaruaJson entry;

  if (form->fields->len == 0)
    return;
  const BaruaCheckedField *first = form->fields->pdata[0];
  barua_json_iter_init (&iter, barua_json_member (first->json, "list"));
  while (form->choices->len < MAX_CHOICES && barua_json_iter_next (&iter, NULL, &entry))
    {
      g_autofree char *text = barua_json_string (barua_json_element (entry, 0), NULL);
      if (text != NULL && *text != '\0')
        g_ptr_array_add (form->choices, barua_form_check_lower (text));
    }
}

/* The choice of the first field that begins as @label does; NULL when none does. */
static const char *
choice_like (const BaruaCheckedForm *form, const char *label)
{
  for (guint i = 0; i < form->choices->len; i++)
    if (begins_as_label (form->choices->pdata[i], label))
      return form->choices->pdata[i];
  return NULL;
}

/* Whether @label looks like a number, as a value may. */
static gboolean
is_number_like (const char *label)
{
  return strspn (label, "0123456789.+") == strlen (label) && strpbrk (label, "0123456789") != NULL;
}

/* Whether values in a compact message are taken for one of @labels, tiny or short ones. */
static gboolean
check_values (const BaruaCheckedForm *form, const BaruaCheckedField *field, GPtrArray *labels,
              const char *property)
{
  for (guint i = 0; i < labels->len; i++)
    {
      const char *label = ((BaruaCheckedLabel *)labels->pdata[i])->text;
      const char *choice = choice_like (form, label);
      if (is_number_like (label))
        barua_form_check_add (form, 15, FALSE, barua_form_check_path (form, field, property),
                              "\"%s\" may begin a value: a compact message that begins so is taken "
                              "for Textforms",
                              label);
      else if (choice != NULL)
        barua_form_check_add (form, 15, FALSE, barua_form_check_path (form, field, property),
                              "\"%s\" begins the choice \"%s\" of the first field: a compact "
                              "message that begins so is taken for Textforms",
                              label, choice);
      else
        continue;
      return TRUE;
    }
  return FALSE;
}

void
barua_form_check_labels (const BaruaCheckedForm *form, guint index)
{
  const BaruaCheckedField *field = form->fields->pdata[index];

  for (guint i = 0; i < index; i++)
    if (check_same_label (form, form->fields->pdata[i], field))
      break;
  check_reach (form, field);
  for (guint i = 0; i < form->fields->len; i++)
    if (i != index)
      check_prefix (form, field, form->fields->pdata[i]);
  if (!check_values (form, field, field->tiny, "labels.tiny"))
    check_values (form, field, field->shorts, "labels.short");
}
