/* SPDX-License-Identifier: MIT */

/* Values of a month for DHIS2. */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/dhis.h"

#include "gateway/rules/export.h"
#include "gateway/rules/messages.h"

#include <time.h>

#define PREFIX_BYTES 32
#define DATE_BYTES 16
/* Levels of a lineage that are looked at (contacts.md 5). */
#define MAX_LEVELS 50

/* A value that is asked for: one `dhis` of a target. */
typedef struct
{
  char *target; /* its id */
  BaruaJson dhis;
} Element;

/* An org unit that some contact has. */
typedef struct
{
  char *id;
  char *name;   /* of the contact */
  double *sums; /* one for each element */
} Unit;

struct _BaruaDhis
{
  BaruaSettings *settings;
  char *data_set;
  char *org_unit; /* NULL: all */
  gboolean is_human;
  GDateTime *month; /* local time */
  char prefix[PREFIX_BYTES];
  GArray *elements; /* of Element */
  GHashTable *units; /* by id, of Unit */
  GHashTable *units_of; /* by contact id, of GPtrArray of Unit */
};

static void
element_clear (gpointer element)
{
  g_free (((Element *)element)->target);
}

static void
unit_free (gpointer data)
{
  Unit *unit = data;

  g_free (unit->id);
  g_free (unit->name);
  g_free (unit->sums);
  g_free (unit);
}

void
barua_dhis_free (BaruaDhis *dhis)
{
  g_clear_pointer (&dhis->settings, barua_settings_unref);
  g_clear_pointer (&dhis->month, g_date_time_unref);
  g_clear_pointer (&dhis->elements, g_array_unref);
  g_clear_pointer (&dhis->units_of, g_hash_table_unref);
  g_clear_pointer (&dhis->units, g_hash_table_unref);
  g_free (dhis->data_set);
  g_free (dhis->org_unit);
  g_free (dhis);
}

/* ---- what is asked ---- */

/* Goes through `dhis`, which is an object or a list of them. */
static gboolean
next_entry (BaruaJson all, BaruaJsonIter *iter, gboolean *is_begun, BaruaJson *entry)
{
  const gboolean is_list = barua_json_type (all) == BARUA_JSON_ARRAY;

  if (!*is_begun && is_list)
    barua_json_iter_init (iter, all);
  if (*is_begun && !is_list)
    return FALSE;
  *is_begun = TRUE;
  if (is_list)
    return barua_json_iter_next (iter, NULL, entry);
  *entry = all;
  return barua_json_type (all) == BARUA_JSON_OBJECT;
}

/* Whether an entry is for the data set that is asked for: it names that, or none. */
static gboolean
is_for (const BaruaDhis *dhis, BaruaJson entry)
{
  const BaruaJson data_set = barua_json_member (entry, "dataSet");

  return !barua_json_truthy (data_set)
         || barua_json_string_is (data_set, barua_text (dhis->data_set));
}

/* Notes which values of which targets are asked for. */
static void
find_elements (BaruaDhis *dhis)
{
  BaruaJsonIter targets, entries;
  BaruaJson target, entry;

  barua_json_iter_init (&targets, barua_settings_get (dhis->settings, "tasks.targets.items"));
  while (barua_json_iter_next (&targets, NULL, &target))
    {
      const BaruaJson all = barua_json_member (target, "dhis");
      gboolean is_begun = FALSE;
      while (next_entry (all, &entries, &is_begun, &entry))
        {
          Element element = { .dhis = entry };
          if (!barua_json_truthy (barua_json_member (entry, "dataElement")) || !is_for (dhis, entry))
            continue;
          element.target = barua_json_string (barua_json_member (target, "id"), NULL);
          g_array_append_val (dhis->elements, element);
        }
    }
}

/* The configured data set of that id; absent when there is none. */
static BaruaJson
find_data_set (const BaruaDhis *dhis)
{
  BaruaJsonIter iter;
  BaruaJson data_set;

  barua_json_iter_init (&iter, barua_settings_get (dhis->settings, "dhis_data_sets"));
  while (barua_json_iter_next (&iter, NULL, &data_set))
    if (barua_json_string_is (barua_json_member (data_set, "id"), barua_text (dhis->data_set)))
      return data_set;
  return BARUA_JSON_NONE;
}

/* Sets the month; FALSE for a time that no calendar has. */
static gboolean
set_month (BaruaDhis *dhis, gint64 ms)
{
  dhis->month = g_date_time_new_from_unix_local (ms / 1000);
  if (dhis->month == NULL)
    return FALSE;
  g_snprintf (dhis->prefix, sizeof dhis->prefix, "target~%04d-%02d~",
              g_date_time_get_year (dhis->month), g_date_time_get_month (dhis->month));
  return TRUE;
}

BaruaDhis *
barua_dhis_new (BaruaSettings *settings, BaruaJson filters, gboolean is_human, GError **error)
{
  g_autoptr (BaruaDhis) dhis = g_new0 (BaruaDhis, 1);
  const BaruaJson from = barua_json_member (barua_json_member (filters, "date"), "from");
  gint64 from_ms = 0; /* which is no time, as in the original */

  barua_export_read_time (from, &from_ms);
  dhis->settings = barua_settings_ref (settings);
  dhis->is_human = is_human;
  dhis->data_set = barua_json_string (barua_json_member (filters, "dataSet"), NULL);
  dhis->org_unit = barua_json_string (barua_json_member (filters, "orgUnit"), NULL);
  dhis->elements = g_array_new (FALSE, FALSE, sizeof (Element));
  g_array_set_clear_func (dhis->elements, element_clear);
  dhis->units = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, unit_free);
  dhis->units_of = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                          (GDestroyNotify)g_ptr_array_unref);
  if (dhis->org_unit != NULL && *dhis->org_unit == '\0')
    g_clear_pointer (&dhis->org_unit, g_free);
  if (dhis->data_set == NULL || *dhis->data_set == '\0')
    g_set_error_literal (error, BARUA_EXPORT_ERROR, 0, "filter \"dataSet\" is required");
  else if (from_ms == 0 || !set_month (dhis, from_ms))
    g_set_error_literal (error, BARUA_EXPORT_ERROR, 0, "filter \"from\" is required");
  else if (find_data_set (dhis).text == NULL)
    g_set_error (error, BARUA_EXPORT_ERROR, 0, "dataSet \"%s\" is not defined", dhis->data_set);
  else
    {
      find_elements (dhis);
      if (dhis->elements->len > 0)
        return g_steal_pointer (&dhis);
      g_set_error (error, BARUA_EXPORT_ERROR, 0, "dataSet \"%s\" has no dataElements",
                   dhis->data_set);
    }
  return NULL;
}

const char *
barua_dhis_prefix (const BaruaDhis *dhis)
{
  return dhis->prefix;
}

/* ---- sums ---- */

static Unit *
unit_at (BaruaDhis *dhis, const char *id, BaruaJson contact)
{
  Unit *unit = g_hash_table_lookup (dhis->units, id);

  if (unit == NULL)
    {
      unit = g_new0 (Unit, 1);
      unit->id = g_strdup (id);
      unit->name = barua_json_string (barua_json_member (contact, "name"), NULL);
      unit->sums = g_new0 (double, dhis->elements->len);
      g_hash_table_insert (dhis->units, unit->id, unit);
    }
  return unit;
}

void
barua_dhis_add_contact (BaruaDhis *dhis, BaruaText id, BaruaJson contact)
{
  const BaruaJson all = barua_json_member (contact, "dhis");
  g_autoptr (GPtrArray) units = g_ptr_array_new ();
  gboolean is_begun = FALSE;
  BaruaJsonIter iter;
  BaruaJson entry;

  while (next_entry (all, &iter, &is_begun, &entry))
    {
      g_autofree char *unit = barua_json_string (barua_json_member (entry, "orgUnit"), NULL);
      if (unit == NULL || *unit == '\0' || !is_for (dhis, entry)
          || (dhis->org_unit != NULL && !g_str_equal (unit, dhis->org_unit)))
        continue;
      g_ptr_array_add (units, unit_at (dhis, unit, contact));
    }
  if (units->len > 0)
    g_hash_table_insert (dhis->units_of, g_strndup (id.p, id.n), g_steal_pointer (&units));
}

/* Adds the org units of one contact to @units, each once. */
static void
take_units_of (BaruaDhis *dhis, BaruaText id, GHashTable *units)
{
  g_autofree char *key = g_strndup (id.p, id.n);
  const GPtrArray *found = g_hash_table_lookup (dhis->units_of, key);

  for (guint i = 0; found != NULL && i < found->len; i++)
    g_hash_table_add (units, found->pdata[i]);
}

/* The total of the target called @id in a target document. */
static double
total_of (BaruaJson document, const char *id)
{
  BaruaJsonIter iter;
  BaruaJson target;

  barua_json_iter_init (&iter, barua_json_member (document, "targets"));
  while (barua_json_iter_next (&iter, NULL, &target))
    if (id != NULL && barua_json_string_is (barua_json_member (target, "id"), barua_text (id)))
      return barua_json_number (barua_json_member (barua_json_member (target, "value"), "total"));
  return 0;
}

void
barua_dhis_add_target (BaruaDhis *dhis, BaruaJson document, BaruaText owner_id, BaruaJson owner)
{
  g_autoptr (GHashTable) units = g_hash_table_new (NULL, NULL);
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaJson place = barua_json_member (owner, "parent");
  GHashTableIter iter;
  gpointer unit;

  if (owner_id.p != NULL)
    take_units_of (dhis, owner_id, units);
  for (guint level = 0; level < MAX_LEVELS && barua_json_truthy (place); level++)
    {
      const BaruaText id = barua_arena_json_text (arena, barua_json_member (place, "_id"));
      if (id.p != NULL)
        take_units_of (dhis, id, units);
      place = barua_json_member (place, "parent");
    }
  for (guint i = 0; i < dhis->elements->len; i++)
    {
      const double total = total_of (document, g_array_index (dhis->elements, Element, i).target);
      g_hash_table_iter_init (&iter, units);
      while (g_hash_table_iter_next (&iter, &unit, NULL))
        ((Unit *)unit)->sums[i] += total;
    }
}

/* ---- the answer ---- */

/* GCompareFunc */
static int
compare_units (gconstpointer a, gconstpointer b)
{
  return strcmp (((const Unit *)a)->id, ((const Unit *)b)->id);
}

/* Everything that the target says, but for the data set; the target's id where people read it. */
static void
append_value (const BaruaDhis *dhis, const Unit *unit, guint index, GString *json)
{
  const Element *element = &g_array_index (dhis->elements, Element, index);
  BaruaJsonIter iter;
  BaruaJson key, value;

  g_string_append (json, json->str[json->len - 1] == '[' ? "{" : ",{");
  barua_json_iter_init (&iter, element->dhis);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      const gboolean is_element = barua_json_string_is (key, BARUA_TEXT ("dataElement"));
      if (barua_json_string_is (key, BARUA_TEXT ("dataSet"))
          || barua_json_string_is (key, BARUA_TEXT ("orgUnit"))
          || barua_json_string_is (key, BARUA_TEXT ("value")))
        continue;
      if (json->str[json->len - 1] != '{')
        g_string_append_c (json, ',');
      barua_json_append_minified (json, key);
      g_string_append_c (json, ':');
      if (is_element && dhis->is_human && element->target != NULL)
        barua_json_append_string (json, barua_text (element->target));
      else
        barua_json_append_minified (json, value);
    }
  barua_json_append_key (json, "orgUnit");
  barua_json_append_string (
      json, barua_text (dhis->is_human && unit->name != NULL ? unit->name : unit->id));
  barua_json_append_key (json, "value");
  barua_json_append_number (json, unit->sums[index]);
  g_string_append_c (json, '}');
}

/* The id of the data set, or its translated name where people read it. */
static void
append_data_set (const BaruaDhis *dhis, GString *json)
{
  const BaruaJson key = barua_json_member (find_data_set (dhis), "translation_key");
  g_autofree char *name = dhis->is_human ? barua_json_string (key, NULL) : NULL;
  const BaruaText none = { NULL, 0 };

  barua_json_append_string (
      json, name != NULL ? barua_settings_translate (dhis->settings, barua_text (name), none)
                         : barua_text (dhis->data_set));
}

GString *
barua_dhis_json (const BaruaDhis *dhis)
{
  GString *json = g_string_new ("{\"dataSet\":");
  GList *units = g_list_sort (g_hash_table_get_values (dhis->units), compare_units);
  g_autoptr (GDateTime) today = g_date_time_new_now_local ();
  g_autofree char *date = g_date_time_format (today, "%Y-%m-%d");

  append_data_set (dhis, json);
  g_string_append_printf (json, ",\"completeDate\":\"%s\",\"period\":\"%04d%02d\",\"dataValues\":[",
                          date, g_date_time_get_year (dhis->month),
                          g_date_time_get_month (dhis->month));
  for (GList *link = units; link != NULL; link = link->next)
    for (guint i = 0; i < dhis->elements->len; i++)
      append_value (dhis, link->data, i, json);
  g_string_append (json, "]}");
  g_list_free (units);
  return json;
}
