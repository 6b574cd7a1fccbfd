/* SPDX-License-Identifier: MIT */

/* What a form designer is told about a definition: the rules of settings-and-forms.md 5.4. */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/form-check.h"

#include "forms/characters.h"
#include "forms/form-check-private.h"

#include <string.h>

#define MAX_FORMS 1000
#define MAX_FIELDS 200
#define MAX_DEPTH 8
#define MAX_CODE_BYTES 50

/* The types of settings-and-forms.md 5.1. */
static const char *const types[]
    = { "string",  "integer", "date",        "boolean",      "month",   "bsDate", "bsYear",
        "bsMonth", "bsDay",   "bsAggreDate", "phone_number", "complex", "custom", NULL };

/* The properties of settings-and-forms.md 5.1, by level. */
static const char *const form_properties[]
    = { "meta", "fields", "facility_reference", "public_form", "use_sentinel", "autoreply", NULL };
static const char *const meta_properties[]
    = { "code", "icon", "translation_key", "subject_key", "label", NULL };
static const char *const field_properties[]
    = { "type",     "labels", "position", "length",      "range",
        "required", "list",   "flags",    "validations", NULL };
static const char *const label_properties[] = { "short", "tiny", "description", NULL };

static void
finding_free (BaruaFormFinding *finding)
{
  g_free (finding->path);
  g_free (finding->message);
  g_free (finding);
}

static BaruaFormReport *
report_new (void)
{
  BaruaFormReport *report = g_new0 (BaruaFormReport, 1);

  report->errors = g_ptr_array_new_with_free_func ((GDestroyNotify)finding_free);
  report->warnings = g_ptr_array_new_with_free_func ((GDestroyNotify)finding_free);
  return report;
}

void
barua_form_report_free (BaruaFormReport *report)
{
  g_ptr_array_unref (report->errors);
  g_ptr_array_unref (report->warnings);
  g_free (report);
}

/* What a lenient check still refuses: the engine's result would be undefined. */
static gboolean
is_firm_rule (guint rule)
{
  return rule == 1 || rule == 7 || rule == 18;
}

/* @text as part of one line: control characters and line ends as \\uXXXX. */
static char *
one_line (char *text)
{
  GString *out = g_string_new (NULL);
  const char *end = text + strlen (text);

  for (const char *p = text; p < end;)
    {
      const char *start = p;
      gunichar c = barua_next_char (&p, end);
      if (c < 0x20 || (c >= 0x7F && c < 0xA0) || barua_is_line_end (c))
        g_string_append_printf (out, "\\u%04x", c);
      else
        g_string_append_len (out, start, p - start);
    }
  g_free (text);
  return g_string_free (out, FALSE);
}

void
barua_form_check_add (const BaruaCheckedForm *form, guint rule, gboolean is_error, char *path,
                      const char *format, ...)
{
  gboolean refuses = is_error && (!form->is_lenient || is_firm_rule (rule));
  GPtrArray *list = refuses ? form->report->errors : form->report->warnings;
  va_list args;

  if (refuses)
    form->report->n_errors++;
  else
    form->report->n_warnings++;
  if (list->len >= BARUA_FORM_REPORT_MAX)
    {
      g_free (path);
      return;
    }
  BaruaFormFinding *finding = g_new0 (BaruaFormFinding, 1);
  finding->rule = rule;
  finding->is_error = refuses;
  finding->path = one_line (path);
  va_start (args, format);
  finding->message = one_line (g_strdup_vprintf (format, args));
  va_end (args);
  g_ptr_array_add (list, finding);
}

char *
barua_form_check_path (const BaruaCheckedForm *form, const BaruaCheckedField *field,
                       const char *property)
{
  return g_strconcat (form->path, ".fields.", field->key, property != NULL ? "." : NULL, property,
                      NULL);
}

static char *
form_path (const BaruaCheckedForm *form, const char *property)
{
  return g_strconcat (form->path, ".", property, NULL);
}

/* ---- near misses ---- */

/* Whether @a becomes @b by at most two insertions, deletions or replacements (of bytes, case
 * ignored). */
static gboolean
is_near (const char *a, const char *b)
{
  gsize n = strlen (a), m = strlen (b);
  guint rows[2][32];

  if (n >= 32 || m >= 32)
    return FALSE;
  for (gsize j = 0; j <= m; j++)
    rows[0][j] = (guint)j;
  for (gsize i = 1; i <= n; i++)
    {
      guint *above = rows[(i - 1) % 2], *row = rows[i % 2];
      row[0] = (guint)i;
      for (gsize j = 1; j <= m; j++)
        {
          guint change = g_ascii_tolower (a[i - 1]) == g_ascii_tolower (b[j - 1]) ? 0 : 1;
          row[j] = MIN (MIN (above[j], row[j - 1]) + 1, above[j - 1] + change);
        }
    }
  return rows[n % 2][m] <= MIN (2, MAX (n, m) / 2);
}

/* The name of @names that was probably meant: a near one, or one that begins with @name. */
static const char *
nearest (const char *const *names, const char *name)
{
  for (guint i = 0; names[i] != NULL; i++)
    if (g_ascii_strcasecmp (names[i], name) == 0)
      return names[i];
  for (guint i = 0; names[i] != NULL; i++)
    if (strlen (name) >= 3 && g_ascii_strncasecmp (names[i], name, strlen (name)) == 0)
      return names[i];
  for (guint i = 0; names[i] != NULL; i++)
    if (is_near (name, names[i]))
      return names[i];
  return NULL;
}

/* Rule 16 for one object. */
static void
check_properties (const BaruaCheckedForm *form, const char *path, BaruaJson object,
                  const char *const *known)
{
  BaruaJsonIter iter;
  BaruaJson key, value;

  if (barua_json_type (object) != BARUA_JSON_OBJECT)
    return;
  barua_json_iter_init (&iter, object);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      g_autofree char *name = barua_json_string (key, NULL);
      if (g_strv_contains (known, name))
        continue;
      const char *meant = nearest (known, name);
      char *where = g_strconcat (path, ".", name, NULL);
      if (meant != NULL)
        barua_form_check_add (form, 16, FALSE, where, "unknown property; did you mean \"%s\"?",
                              meant);
      else
        barua_form_check_add (form, 16, FALSE, where, "unknown property; it has no effect");
    }
}

/* ---- the form itself ---- */

/* Whether @code is what a Muvuku message begins with before its first '!' (parsing.md section 4).
 */
static gboolean
is_like_header (BaruaText code)
{
  return (code.n == 1 && barua_is_digit (*code.p))
         || (code.n == 2 && g_ascii_isalpha (*code.p) && barua_is_digit (code.p[1]));
}

/* Rules 2 and 3. */
static void
check_code (const BaruaCheckedForm *form, BaruaText code)
{
  gboolean has_space = FALSE, has_separator = FALSE, has_hidden = FALSE;
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  const char *end = code.p + code.n;

  for (const char *p = code.p; p < end; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);
      has_space = has_space || barua_is_white (c);
      has_separator = has_separator || (c < 0x80 && c != 0 && strchr ("!#,-:", (int)c) != NULL);
      has_hidden = has_hidden || barua_is_zero_width (c);
    }
  if (code.n == 0)
    barua_form_check_add (form, 2, FALSE, g_strdup (form->path),
                          "the form code is empty: no message can name it");
  if (code.n > MAX_CODE_BYTES)
    barua_form_check_add (form, 2, FALSE, g_strdup (form->path),
                          "the form code is longer than %d bytes", MAX_CODE_BYTES);
  if (has_space)
    barua_form_check_add (form, 2, FALSE, g_strdup (form->path),
                          "the form code has white space, which ends a code in a message");
  if (has_separator)
    barua_form_check_add (form, 2, FALSE, g_strdup (form->path),
                          "the form code has one of ! # , - : which end a code in a message");
  if (has_hidden)
    barua_form_check_add (form, 2, FALSE, g_strdup (form->path),
                          "the form code has a zero-width character, which nobody sees or types");
  if (is_like_header (code))
    barua_form_check_add (
        form, 2, FALSE, g_strdup (form->path),
        "the form code looks like the header of a Muvuku message: one that begins \"%.*s!\" is "
        "not read with this form",
        (int)code.n, code.p);
  if (!barua_text_equal (barua_text_upper (arena, code), code))
    barua_form_check_add (
        form, 3, FALSE, g_strdup (form->path),
        "the form code has a lower-case letter: codes are looked up in capitals, so this form is "
        "never found");
}

/* Rule 4. */
static void
check_meta (const BaruaCheckedForm *form, BaruaText code)
{
  BaruaJson meta = barua_json_member (form->json, "meta");
  BaruaJson meta_code = barua_json_member (meta, "code");

  if (meta.text == NULL)
    {
      barua_form_check_add (form, 4, FALSE, form_path (form, "meta"),
                            "missing; expected an object with the member \"code\"");
      return;
    }
  if (barua_json_type (meta) != BARUA_JSON_OBJECT)
    {
      barua_form_check_add (form, 4, TRUE, form_path (form, "meta"), "is %s; expected an object",
                            barua_json_type_name (meta));
      return;
    }
  if (meta_code.text == NULL)
    barua_form_check_add (form, 4, FALSE, form_path (form, "meta.code"),
                          "missing; expected the form code");
  else if (barua_json_type (meta_code) != BARUA_JSON_STRING)
    barua_form_check_add (form, 4, TRUE, form_path (form, "meta.code"),
                          "is %s; expected the form code as a string",
                          barua_json_type_name (meta_code));
  else if (!barua_json_string_is (meta_code, code))
    {
      g_autofree char *text = barua_json_string (meta_code, NULL);
      barua_form_check_add (form, 4, FALSE, g_strdup (form->path),
                            "meta.code is \"%s\" but the form is stored under \"%.*s\"", text,
                            (int)code.n, code.p);
    }
}

/* Rule 10 for one member that is true or false. */
static void
check_boolean (const BaruaCheckedForm *form, char *path, BaruaJson value)
{
  BaruaJsonType type = barua_json_type (value);

  if (type == BARUA_JSON_ABSENT || type == BARUA_JSON_TRUE || type == BARUA_JSON_FALSE)
    g_free (path);
  else
    barua_form_check_add (form, 10, TRUE, path, "is %s; expected true or false",
                          barua_json_type_name (value));
}

/* Rule 13. */
static void
check_facility_reference (const BaruaCheckedForm *form)
{
  BaruaJson reference = barua_json_member (form->json, "facility_reference");
  g_autofree char *name = barua_json_string (reference, NULL);

  if (barua_json_is_nothing (reference))
    return;
  for (guint i = 0; name != NULL && i < form->fields->len; i++)
    if (strcmp (((BaruaCheckedField *)form->fields->pdata[i])->key, name) == 0)
      return;
  if (name != NULL)
    barua_form_check_add (form, 13, FALSE, form_path (form, "facility_reference"),
                          "\"%s\" is no field of the form", name);
  else
    barua_form_check_add (form, 13, FALSE, form_path (form, "facility_reference"),
                          "is %s; expected the name of a field", barua_json_type_name (reference));
}

/* ---- one field ---- */

/* Rule 6. */
static void
check_type (const BaruaCheckedForm *form, const BaruaCheckedField *field)
{
  BaruaJson type = barua_json_member (field->json, "type");
  g_autofree char *name = barua_json_string (type, NULL);

  if (type.text == NULL)
    {
      barua_form_check_add (form, 6, FALSE, barua_form_check_path (form, field, "type"),
                            "missing; the value is kept as it came");
      return;
    }
  if (name == NULL)
    {
      barua_form_check_add (form, 6, TRUE, barua_form_check_path (form, field, "type"),
                            "is %s; expected a string such as \"integer\"",
                            barua_json_type_name (type));
      return;
    }
  if (g_strv_contains (types, name))
    return;
  const char *meant = nearest (types, name);
  if (meant != NULL)
    barua_form_check_add (form, 6, TRUE, barua_form_check_path (form, field, "type"),
                          "unknown type \"%s\"; did you mean \"%s\"?", name, meant);
  else
    barua_form_check_add (
        form, 6, TRUE, barua_form_check_path (form, field, "type"),
        "unknown type \"%s\"; expected string, integer, date, boolean, month or phone_number",
        name);
}

/* Rule 7 for the name alone. */
static void
check_name (const BaruaCheckedForm *form, const BaruaCheckedField *field)
{
  if (*field->key == '\0')
    barua_form_check_add (form, 7, TRUE, barua_form_check_path (form, field, NULL),
                          "a field needs a name");
  else if (strcmp (field->key, "_meta") == 0)
    barua_form_check_add (form, 7, TRUE, barua_form_check_path (form, field, NULL),
                          "\"_meta\" is reserved for records posted as JSON");
  else if (*field->key == '.' || g_str_has_suffix (field->key, ".")
           || strstr (field->key, "..") != NULL)
    barua_form_check_add (form, 7, TRUE, barua_form_check_path (form, field, NULL),
                          "the name has an empty part between dots");
}

/* Rule 9 for `length` or `range`. */
static void
check_bounds (const BaruaCheckedForm *form, const BaruaCheckedField *field, const char *property)
{
  BaruaJson bounds = barua_json_member (field->json, property);
  BaruaJson low = barua_json_element (bounds, 0), high = barua_json_element (bounds, 1);
  gboolean is_length = strcmp (property, "length") == 0;
  gint64 a = 0, b = 0;

  if (bounds.text == NULL)
    return;
  if (barua_json_type (bounds) != BARUA_JSON_ARRAY || barua_json_size (bounds) != 2
      || barua_json_type (low) != BARUA_JSON_NUMBER || barua_json_type (high) != BARUA_JSON_NUMBER)
    {
      barua_form_check_add (form, 9, TRUE, barua_form_check_path (form, field, property),
                            "expected two numbers, [minimum, maximum]");
      return;
    }
  if (is_length
      && (!barua_json_integer (low, &a) || !barua_json_integer (high, &b) || a < 0 || b < 0))
    {
      barua_form_check_add (form, 9, TRUE, barua_form_check_path (form, field, property),
                            "a length is a whole number, 0 or more");
      return;
    }
  if (barua_json_number (low) > barua_json_number (high))
    barua_form_check_add (form, 9, TRUE, barua_form_check_path (form, field, property),
                          "minimum %.*s is greater than maximum %.*s", (int)low.length, low.text,
                          (int)high.length, high.text);
  if (!is_length
      && !barua_json_string_is (barua_json_member (field->json, "type"), BARUA_TEXT ("integer")))
    barua_form_check_add (form, 9, FALSE, barua_form_check_path (form, field, property),
                          "has an effect on the type \"integer\" only");
}

/* Rule 11. */
static void
check_list (const BaruaCheckedForm *form, const BaruaCheckedField *field)
{
  BaruaJson list = barua_json_member (field->json, "list"), entry;
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  BaruaJsonIter iter;

  if (list.text == NULL)
    return;
  if (barua_json_type (list) != BARUA_JSON_ARRAY || barua_json_size (list) == 0)
    {
      barua_form_check_add (form, 11, TRUE, barua_form_check_path (form, field, "list"),
                            "expected a list of [value, label] with at least one entry");
      return;
    }
  barua_json_iter_init (&iter, list);
  for (guint i = 0; barua_json_iter_next (&iter, NULL, &entry); i++)
    {
      g_autofree char *property = g_strdup_printf ("list.%u", i);
      if (barua_json_type (entry) != BARUA_JSON_ARRAY || barua_json_size (entry) != 2)
        {
          barua_form_check_add (form, 11, TRUE, barua_form_check_path (form, field, property),
                                "expected [value, label]");
          continue;
        }
      BaruaJson value = barua_json_element (entry, 0);
      char *text = barua_json_type (value) == BARUA_JSON_STRING
                       ? barua_json_string (value, NULL)
                       : g_strndup (value.text, value.length);
      if (g_hash_table_contains (seen, text))
        barua_form_check_add (form, 11, TRUE, barua_form_check_path (form, field, property),
                              "the value %s comes twice", text);
      g_hash_table_add (seen, text);
    }
}

/* ---- a field among the others ---- */

/* Rule 7: a name whose beginning is a field itself. */
static void
check_parents (const BaruaCheckedForm *form, const BaruaCheckedField *field)
{
  for (const char *dot = strchr (field->key, '.'); dot != NULL; dot = strchr (dot + 1, '.'))
    {
      g_autofree char *parent = g_strndup (field->key, (gsize)(dot - field->key));
      if (g_hash_table_contains (form->names, parent))
        barua_form_check_add (form, 7, TRUE, barua_form_check_path (form, field, NULL),
                              "\"%s\" is a field itself and cannot hold \"%s\"", parent,
                              field->key);
    }
}

/* Rule 8: the position alone, then against that of the field before. */
static void
check_position (const BaruaCheckedForm *form, guint index)
{
  const BaruaCheckedField *field = form->fields->pdata[index];
  BaruaJson position = barua_json_member (field->json, "position");
  gint64 number = 0, before = 0;

  if (position.text != NULL && (!barua_json_integer (position, &number) || number < 0))
    barua_form_check_add (form, 8, TRUE, barua_form_check_path (form, field, "position"),
                          "expected a whole number, 0 or more");
  if (!form->has_positions || index == 0)
    return;
  barua_json_integer (
      barua_json_member (((BaruaCheckedField *)form->fields->pdata[index - 1])->json, "position"),
      &before);
  if (number < before)
    barua_form_check_add (
        form, 8, TRUE, barua_form_check_path (form, field, "position"),
        "%" G_GINT64_FORMAT
        ", but \"%s\" is field number %u; values in messages follow the order of the fields",
        number, field->key, index);
  else if (number == before)
    barua_form_check_add (form, 8, FALSE, barua_form_check_path (form, field, "position"),
                          "%" G_GINT64_FORMAT " is also the position of the field before", number);
}

/* Rule 17. */
static void
check_required_order (const BaruaCheckedForm *form, const BaruaCheckedField *field,
                      gboolean after_optional)
{
  if (after_optional && barua_json_truthy (barua_json_member (field->json, "required")))
    barua_form_check_add (
        form, 17, FALSE, barua_form_check_path (form, field, "required"),
        "comes after the optional field \"%s\", which a compact message cannot leave out",
        form->optional);
}

/* Every rule for one field, in their order. */
static void
check_field (BaruaCheckedForm *form, guint index)
{
  const BaruaCheckedField *field = form->fields->pdata[index];
  g_autofree char *path = barua_form_check_path (form, field, NULL);
  g_autofree char *labels_path = barua_form_check_path (form, field, "labels");

  check_type (form, field);
  check_name (form, field);
  check_parents (form, field);
  check_position (form, index);
  check_bounds (form, field, "length");
  check_bounds (form, field, "range");
  check_boolean (form, barua_form_check_path (form, field, "required"),
                 barua_json_member (field->json, "required"));
  check_list (form, field);
  barua_form_check_labels (form, index);
  check_properties (form, path, field->json, field_properties);
  check_properties (form, labels_path, barua_json_member (field->json, "labels"), label_properties);
  check_required_order (form, field, form->optional != NULL);
  if (form->optional == NULL && !barua_json_truthy (barua_json_member (field->json, "required")))
    form->optional = field->key;
}

/* ---- taking a definition apart ---- */

static void
field_free (BaruaCheckedField *field)
{
  g_free (field->key);
  g_free (field->key_lower);
  g_ptr_array_unref (field->tiny);
  g_ptr_array_unref (field->shorts);
  g_free (field);
}

static BaruaCheckedField *
field_new (BaruaCheckedForm *form, BaruaJson key, BaruaJson json)
{
  BaruaCheckedField *field = g_new0 (BaruaCheckedField, 1);

  field->key = barua_json_string (key, NULL);
  field->key_lower = barua_form_check_lower (field->key);
  field->json = json;
  barua_form_check_take_labels (form, field);
  return field;
}

/* Fills form->fields; rules 5 and 18.  Returns FALSE when the fields cannot be looked at. */
static gboolean
take_fields (BaruaCheckedForm *form)
{
  BaruaJson fields = barua_json_member (form->json, "fields"), key, value;
  BaruaJsonIter iter;

  if (fields.text != NULL && barua_json_type (fields) != BARUA_JSON_OBJECT)
    {
      barua_form_check_add (form, 5, TRUE, form_path (form, "fields"),
                            "is %s; expected an object of fields", barua_json_type_name (fields));
      return FALSE;
    }
  guint n = barua_json_size (fields);
  if (n == 0)
    barua_form_check_add (form, 5, FALSE, form_path (form, "fields"),
                          "the form has no fields: a message can only name it");
  if (n > MAX_FIELDS)
    {
      barua_form_check_add (form, 18, TRUE, form_path (form, "fields"),
                            "%u fields; a form has at most %d", n, MAX_FIELDS);
      return FALSE;
    }
  form->has_positions = TRUE;
  barua_json_iter_init (&iter, fields);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      BaruaCheckedField *field = field_new (form, key, value);
      gint64 position;
      g_ptr_array_add (form->fields, field);
      g_hash_table_add (form->names, field->key);
      if (!barua_json_integer (barua_json_member (value, "position"), &position))
        form->has_positions = FALSE;
      if (barua_json_type (value) != BARUA_JSON_OBJECT)
        barua_form_check_add (form, 5, TRUE, barua_form_check_path (form, field, NULL),
                              "is %s; expected an object", barua_json_type_name (value));
    }
  barua_form_check_take_choices (form);
  return TRUE;
}

/* How deep a value is nested: 0 for a scalar. */
static guint
depth_of (BaruaJson value)
{
  guint depth = 0, deepest = 0;
  gboolean in_string = FALSE;

  for (gsize i = 0; i < value.length; i++)
    {
      char c = value.text[i];
      if (in_string && c == '\\')
        i++;
      else if (c == '"')
        in_string = !in_string;
      else if (!in_string && (c == '{' || c == '['))
        {
          depth++;
          deepest = MAX (deepest, depth);
        }
      else if (!in_string && (c == '}' || c == ']'))
        depth--;
    }
  return deepest;
}

static void
check_form (BaruaCheckedForm *form, BaruaText code)
{
  g_autofree char *meta_path = form_path (form, "meta");

  if (barua_json_type (form->json) != BARUA_JSON_OBJECT)
    {
      barua_form_check_add (form, 1, TRUE, g_strdup (form->path),
                            "is %s; expected a form definition, an object",
                            barua_json_type_name (form->json));
      return;
    }
  if (depth_of (form->json) > MAX_DEPTH)
    {
      barua_form_check_add (form, 18, TRUE, g_strdup (form->path),
                            "nested more than %d levels deep", MAX_DEPTH);
      return;
    }
  if (code.p != NULL)
    {
      check_code (form, code);
      check_meta (form, code);
    }
  gboolean has_fields = take_fields (form);
  check_boolean (form, form_path (form, "public_form"),
                 barua_json_member (form->json, "public_form"));
  if (has_fields)
    check_facility_reference (form);
  check_properties (form, form->path, form->json, form_properties);
  check_properties (form, meta_path, barua_json_member (form->json, "meta"), meta_properties);
  if (!has_fields)
    return;
  for (guint i = 0; i < form->fields->len; i++)
    if (barua_json_type (((BaruaCheckedField *)form->fields->pdata[i])->json) == BARUA_JSON_OBJECT)
      check_field (form, i);
}

static void
check_definition (BaruaFormReport *report, gboolean is_lenient, char *path, BaruaText code,
                  BaruaJson definition)
{
  g_autoptr (GPtrArray) fields = g_ptr_array_new_with_free_func ((GDestroyNotify)field_free);
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GHashTable) locales = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GPtrArray) choices = g_ptr_array_new_with_free_func (g_free);
  BaruaCheckedForm form = { .report = report,
                            .is_lenient = is_lenient,
                            .path = path,
                            .json = definition,
                            .fields = fields,
                            .names = names,
                            .locales = locales,
                            .choices = choices };

  check_form (&form, code);
  g_free (path);
}

BaruaFormReport *
barua_form_check_definition (BaruaText code, BaruaJson definition)
{
  BaruaFormReport *report = report_new ();
  char *path
      = code.p != NULL ? g_strdup_printf ("forms.%.*s", (int)code.n, code.p) : g_strdup ("form");

  check_definition (report, FALSE, path, code, definition);
  return report;
}

/* Whether @definition stands under @name in @in_force, text for text. */
static gboolean
is_unchanged (BaruaJson in_force, const char *name, BaruaJson definition)
{
  BaruaJson there = barua_json_member (in_force, name);

  if (there.text == NULL)
    return FALSE;
  g_autoptr (GString) a = g_string_new (NULL);
  g_autoptr (GString) b = g_string_new (NULL);
  barua_json_append_minified (a, there);
  barua_json_append_minified (b, definition);
  return g_string_equal (a, b);
}

BaruaFormReport *
barua_forms_check (BaruaJson forms, BaruaJson in_force, gboolean is_lenient)
{
  BaruaFormReport *report = report_new ();
  BaruaCheckedForm whole = { .report = report, .is_lenient = is_lenient, .json = forms };
  BaruaJsonIter iter;
  BaruaJson key, value;

  if (forms.text == NULL)
    return report;
  if (barua_json_type (forms) != BARUA_JSON_OBJECT)
    {
      barua_form_check_add (&whole, 1, TRUE, g_strdup ("forms"),
                            "is %s; expected an object of form definitions by code",
                            barua_json_type_name (forms));
      return report;
    }
  guint n = barua_json_size (forms);
  if (n > MAX_FORMS)
    {
      barua_form_check_add (&whole, 18, TRUE, g_strdup ("forms"),
                            "%u forms; at most %d are possible", n, MAX_FORMS);
      return report;
    }
  barua_json_iter_init (&iter, forms);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      gsize length = 0;
      g_autofree char *name = barua_json_string (key, &length);
      if (!is_unchanged (in_force, name, value))
        check_definition (report, is_lenient, g_strconcat ("forms.", name, NULL),
                          (BaruaText){ name, length }, value);
    }
  return report;
}

/* Whether @value has a member that only a form definition has. */
static gboolean
is_like_definition (BaruaJson value)
{
  return barua_json_member (value, "fields").text != NULL
         || barua_json_member (value, "meta").text != NULL;
}

/* Whether @value is an object in which some member is like a definition, or an empty one. */
static gboolean
is_like_forms (BaruaJson value)
{
  BaruaJsonIter iter;
  BaruaJson member;

  barua_json_iter_init (&iter, value);
  while (barua_json_iter_next (&iter, NULL, &member))
    if (is_like_definition (member))
      return TRUE;
  return barua_json_size (value) == 0;
}

BaruaFormReport *
barua_forms_check_value (BaruaJson value, gboolean is_lenient)
{
  BaruaJson forms = barua_json_member (value, "forms");
  BaruaJson rules = barua_json_member (barua_json_member (value, "barua"), "form_rules");

  if (forms.text != NULL)
    return barua_forms_check (forms, BARUA_JSON_NONE,
                              is_lenient || barua_json_string_is (rules, BARUA_TEXT ("warn")));
  if (is_like_definition (value))
    {
      gsize n = 0;
      g_autofree char *code
          = barua_json_string (barua_json_member (barua_json_member (value, "meta"), "code"), &n);
      BaruaFormReport *report = report_new ();
      check_definition (report, is_lenient,
                        code != NULL ? g_strconcat ("forms.", code, NULL) : g_strdup ("form"),
                        (BaruaText){ code, n }, value);
      return report;
    }
  if (barua_json_type (value) != BARUA_JSON_OBJECT || is_like_forms (value))
    return barua_forms_check (value, BARUA_JSON_NONE, is_lenient);
  return NULL;
}

void
barua_form_findings_append_text (GString *out, GPtrArray *findings, guint n_all)
{
  for (guint i = 0; i < findings->len; i++)
    {
      const BaruaFormFinding *finding = findings->pdata[i];
      g_string_append_printf (out, "%s%s: %s", i > 0 ? "\n" : "", finding->path, finding->message);
    }
  if (n_all > findings->len)
    g_string_append_printf (out, "\nand %u more", n_all - findings->len);
}

void
barua_form_findings_append_json (GString *out, GPtrArray *findings)
{
  g_string_append_c (out, '[');
  for (guint i = 0; i < findings->len; i++)
    {
      const BaruaFormFinding *finding = findings->pdata[i];
      g_string_append (out, i > 0 ? ",{" : "{");
      barua_json_append_key (out, "path");
      barua_json_append_string (out, barua_text (finding->path));
      barua_json_append_key (out, "message");
      barua_json_append_string (out, barua_text (finding->message));
      g_string_append_c (out, '}');
    }
  g_string_append_c (out, ']');
}
