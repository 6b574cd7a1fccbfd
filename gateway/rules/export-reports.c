/* SPDX-License-Identifier: MIT */

/* Rows of reports, and the fields that become their columns (export-and-monitoring.md 3). */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/export.h"

/* Objects within objects that are flattened; what is deeper is one column. */
#define MAX_LEVELS 8
/* Columns beyond this are left out: no spreadsheet takes more. */
#define MAX_FIELDS 16000u

/* One level of the walk through `fields`. */
typedef struct
{
  BaruaJsonIter iter;
  gsize prefix; /* bytes of the name of this level */
} Level;

static void
add_field (BaruaExport *export, const char *name)
{
  if (g_hash_table_size (export->field_names) < MAX_FIELDS
      && !g_hash_table_contains (export->field_names, name))
    g_hash_table_add (export->field_names, g_strdup (name));
}

void
barua_export_collect_fields (BaruaExport *export, BaruaJson document)
{
  const BaruaJson fields = barua_json_member (document, "fields");
  Level levels[MAX_LEVELS];
  guint n = barua_json_type (fields) == BARUA_JSON_OBJECT ? 1 : 0; /* a list has no names */
  g_autoptr (GString) name = g_string_new (NULL);
  BaruaJson key, value;

  levels[0].prefix = 0;
  barua_json_iter_init (&levels[0].iter, fields);
  while (n > 0)
    {
      Level *level = &levels[n - 1];
      g_string_truncate (name, level->prefix);
      if (!barua_json_iter_next (&level->iter, &key, &value))
        {
          n--;
          continue;
        }
      g_autofree char *member = barua_json_string (key, NULL);
      if (level->prefix > 0)
        g_string_append_c (name, '.');
      g_string_append (name, member != NULL ? member : "");
      if (barua_json_type (value) != BARUA_JSON_OBJECT || n == MAX_LEVELS)
        add_field (export, name->str);
      else
        {
          levels[n].prefix = name->len;
          barua_json_iter_init (&levels[n++].iter, value);
        }
    }
  const BaruaJson form = barua_json_member (document, "form");
  g_autofree char *code = barua_json_string (form, NULL);
  if (code != NULL) /* whose definition is looked at in the end: no name of a field has a NUL */
    {
      g_autofree char *mark = g_strconcat ("\001", code, NULL);
      add_field (export, mark);
    }
}

/* GCompareFunc: by UTF-16 code units. */
static int
compare_names (gconstpointer a, gconstpointer b)
{
  g_autofree gunichar2 *left = g_utf8_to_utf16 (*(const char *const *)a, -1, NULL, NULL, NULL);
  g_autofree gunichar2 *right = g_utf8_to_utf16 (*(const char *const *)b, -1, NULL, NULL, NULL);

  for (gsize i = 0; left != NULL && right != NULL; i++)
    if (left[i] != right[i] || left[i] == 0)
      return (int)left[i] - (int)right[i];
  return 0;
}

/* The fields that the definition of @code names. */
static void
add_definition (BaruaExport *export, const char *code)
{
  const BaruaForm *form = barua_settings_find_form (export->settings, barua_text (code));

  for (guint i = 0; form != NULL && i < barua_form_n_fields (form); i++)
    {
      const BaruaText key = barua_form_field (form, i)->key;
      g_autofree char *name = g_strndup (key.p, key.n);
      add_field (export, name);
    }
}

void
barua_export_sort_fields (BaruaExport *export)
{
  g_autofree gpointer *all = g_hash_table_get_keys_as_array (export->field_names, NULL);
  g_autoptr (GPtrArray) codes = g_ptr_array_new_with_free_func (g_free);
  const GPtrArray *selected = export->filters.codes;
  GHashTableIter iter;
  gpointer name;

  for (guint i = 0; all[i] != NULL; i++)
    if (*(const char *)all[i] == '\001')
      g_ptr_array_add (codes, g_strdup ((const char *)all[i] + 1));
  for (guint i = 0; i < codes->len; i++)
    add_definition (export, codes->pdata[i]);
  for (guint i = 0; selected != NULL && i < selected->len; i++)
    add_definition (export, selected->pdata[i]);
  export->fields = g_ptr_array_new_with_free_func (g_free);
  g_hash_table_iter_init (&iter, export->field_names);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    if (*(const char *)name != '\001')
      g_ptr_array_add (export->fields, g_strdup (name));
  g_ptr_array_sort (export->fields, compare_names);
}

/* The value at a dotted path of `fields`. */
static BaruaJson
field_at (BaruaJson fields, const char *path)
{
  g_auto (GStrv) names = g_strsplit (path, ".", -1);

  if (*path == '\0') /* of which g_strsplit() makes no name at all */
    return barua_json_member (fields, path);
  for (guint i = 0; names[i] != NULL; i++)
    fields = barua_json_member (fields, names[i]);
  return fields;
}

void
barua_export_report (BaruaExportRow *row, BaruaJson document)
{
  const GPtrArray *columns = row->export->fields;
  const BaruaJson fields = barua_json_member (document, "fields");
  BaruaJson place = barua_json_member (document, "contact");

  barua_export_value (row, barua_json_member (document, "_id"));
  barua_export_value (row, barua_json_member (document, "form"));
  barua_export_value (row, barua_json_member (document, "patient_id"));
  barua_export_time (row, barua_json_member (document, "reported_date"));
  barua_export_value (row, barua_json_member (document, "from"));
  for (guint level = 0; level < 4; level++)
    {
      barua_export_value (row, barua_json_member (place, "name"));
      place = barua_json_member (place, "parent");
    }
  for (guint i = 0; i < columns->len; i++)
    barua_export_value (row, field_at (fields, columns->pdata[i]));
  barua_export_end_row (row);
}
