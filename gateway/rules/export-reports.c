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
  gsize prefix;       /* bytes of the name of this level */
  gboolean is_hidden; /* a name above it has a dot, so that no path leads here */
} Level;

/* A walk through everything in `fields`. */
typedef struct
{
  Level levels[MAX_LEVELS];
  guint n;
  GString *name;    /* dotted, of the value found */
  gboolean is_leaf; /* not walked into: a column of its own */
  gboolean is_hidden;
} Walk;

static void
walk_init (Walk *walk, BaruaJson fields)
{
  walk->n = barua_json_type (fields) == BARUA_JSON_OBJECT ? 1 : 0; /* a list has no names */
  walk->name = g_string_new (NULL);
  walk->levels[0].prefix = 0;
  walk->levels[0].is_hidden = FALSE;
  barua_json_iter_init (&walk->levels[0].iter, fields);
}

/* The next value, an object before what is in it; FALSE at the end. */
static gboolean
walk_next (Walk *walk, BaruaJson *value)
{
  BaruaJson key;

  while (walk->n > 0 && !barua_json_iter_next (&walk->levels[walk->n - 1].iter, &key, value))
    walk->n--;
  if (walk->n == 0)
    return FALSE;
  const Level *level = &walk->levels[walk->n - 1];
  g_autofree char *member = barua_json_string (key, NULL);
  g_string_truncate (walk->name, level->prefix);
  if (walk->n > 1)
    g_string_append_c (walk->name, '.');
  g_string_append (walk->name, member != NULL ? member : "");
  walk->is_hidden = level->is_hidden || (member != NULL && strchr (member, '.') != NULL);
  walk->is_leaf = barua_json_type (*value) != BARUA_JSON_OBJECT || walk->n == MAX_LEVELS;
  if (!walk->is_leaf)
    {
      Level *next = &walk->levels[walk->n++];
      next->prefix = walk->name->len;
      next->is_hidden = walk->is_hidden;
      barua_json_iter_init (&next->iter, *value);
    }
  return TRUE;
}

static void
walk_clear (Walk *walk)
{
  g_string_free (walk->name, TRUE);
}

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
  Walk walk;
  BaruaJson value;

  walk_init (&walk, barua_json_member (document, "fields"));
  while (walk_next (&walk, &value))
    if (walk.is_leaf)
      add_field (export, walk.name->str);
  walk_clear (&walk);
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

void
barua_export_add_form (BaruaExport *export, BaruaText code)
{
  const BaruaForm *form = barua_settings_find_form (export->settings, code);

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
  const GPtrArray *selected = export->filters.codes;
  GHashTableIter iter;
  gpointer name;

  for (guint i = 0; selected != NULL && i < selected->len; i++)
    barua_export_add_form (export, barua_text (selected->pdata[i]));
  export->fields = g_ptr_array_new_with_free_func (g_free);
  g_hash_table_iter_init (&iter, export->field_names);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_ptr_array_add (export->fields, g_strdup (name));
  g_ptr_array_sort (export->fields, compare_names);
}

/* (element-type utf8 BaruaJson) (transfer full): the values of `fields` by their dotted paths, so that a
 * row takes as long as it has columns and fields. */
static GHashTable *
fields_by_path (BaruaArena *arena, BaruaJson fields)
{
  GHashTable *found = g_hash_table_new (g_str_hash, g_str_equal);
  Walk walk;
  BaruaJson value;

  walk_init (&walk, fields);
  while (walk_next (&walk, &value))
    if (!walk.is_hidden)
      {
        const BaruaText name = { walk.name->str, walk.name->len };
        BaruaJson *kept = barua_arena_alloc (arena, sizeof *kept);
        *kept = value;
        g_hash_table_replace (found, (gpointer)barua_arena_copy (arena, name).p, kept);
      }
  walk_clear (&walk);
  return found;
}

/* Appends the names of the sender and of three places above. */
static void
append_names (BaruaExportRow *row, BaruaJson contact)
{
  static const BaruaText names[] = { { "name", 4 }, { "parent", 6 } };

  for (guint level = 0; level < 4; level++)
    {
      BaruaJson found[G_N_ELEMENTS (names)];
      barua_json_members (contact, names, found, G_N_ELEMENTS (names));
      barua_export_value (row, found[0]);
      contact = found[1];
    }
}

void
barua_export_report (BaruaExportRow *row, BaruaJson document)
{
  static const BaruaText names[] = { { "_id", 3 },  { "form", 4 },    { "patient_id", 10 },
                                     { "reported_date", 13 }, { "from", 4 }, { "contact", 7 },
                                     { "fields", 6 } };
  const GPtrArray *columns = row->export->fields;
  BaruaJson member[G_N_ELEMENTS (names)];

  barua_json_members (document, names, member, G_N_ELEMENTS (names));
  g_autoptr (GHashTable) fields = fields_by_path (row->arena, member[6]);
  barua_export_value (row, member[0]);
  barua_export_value (row, member[1]);
  barua_export_value (row, member[2]);
  barua_export_time (row, member[3]);
  barua_export_value (row, member[4]);
  append_names (row, member[5]);
  for (guint i = 0; i < columns->len; i++)
    {
      const BaruaJson *value = g_hash_table_lookup (fields, columns->pdata[i]);
      barua_export_value (row, value != NULL ? *value : BARUA_JSON_NONE);
    }
  barua_export_end_row (row);
}
