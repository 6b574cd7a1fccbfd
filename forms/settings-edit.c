/* SPDX-License-Identifier: MIT */

/* Changes of the settings as designers send them: merged, replaced or overwritten, as text. */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/settings-edit.h"

#include "forms/error.h"
#include "forms/permissions.h"

/* The members of an object by decoded name; of a repeated name the last value.  Values are used up.
 */
typedef GHashTable Members;

static gboolean merge (GString *out, BaruaJson stored, BaruaJson change, GString *path,
                       GError **error);

static GBytes *
name_of (BaruaJson key)
{
  gsize length = 0;
  char *name = barua_json_string (key, &length);

  return g_bytes_new_take (name, length);
}

static Members *
members_of (BaruaJson object)
{
  Members *members
      = g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, g_free);
  BaruaJsonIter iter;
  BaruaJson key, value;

  barua_json_iter_init (&iter, object);
  while (barua_json_iter_next (&iter, &key, &value))
    g_hash_table_replace (members, name_of (key), g_memdup2 (&value, sizeof value));
  return members;
}

/* Takes the member called like @key out of @members; absent when it is not, or no more, there. */
static BaruaJson
take_member (Members *members, BaruaJson key)
{
  g_autoptr (GBytes) name = name_of (key);
  const BaruaJson *found = g_hash_table_lookup (members, name);
  BaruaJson value = found != NULL ? *found : BARUA_JSON_NONE;

  g_hash_table_remove (members, name);
  return value;
}

/* Appends a key as it was spelled, with its comma and colon. */
static void
append_raw_key (GString *out, BaruaJson key)
{
  if (out->str[out->len - 1] != '{')
    g_string_append_c (out, ',');
  g_string_append_len (out, key.text, (gssize)key.length);
  g_string_append_c (out, ':');
}

/* What an object is merged into when there is something else (settings-and-forms.md 2.2). */
static gboolean
refuse_merge (BaruaJson there, const GString *path, GError **error)
{
  g_set_error (error, BARUA_FORMS_ERROR, BARUA_FORMS_ERROR_SHAPE,
               "cannot merge an object into \"%s\", which is %s; use replace", path->str,
               barua_json_type_name (there));
  return FALSE;
}

/* One member of the result: @there may be absent, @change not.  Without @path nothing is merged:
 * @change counts whole. */
static gboolean
merge_value (GString *out, BaruaJson there, BaruaJson change, GString *path, GError **error)
{
  if (path == NULL || barua_json_type (change) != BARUA_JSON_OBJECT)
    {
      barua_json_append_minified (out, change);
      return TRUE;
    }
  if (barua_json_type (there) != BARUA_JSON_OBJECT)
    {
      if (barua_json_truthy (there))
        return refuse_merge (there, path, error);
      there = BARUA_JSON_NONE;
    }
  return merge (out, there, change, path, error);
}

/* Appends ".name" to @path, if there is one; returns the length to go back to. */
static gsize
push_name (GString *path, BaruaJson key)
{
  if (path == NULL)
    return 0;

  gsize before = path->len;
  g_autofree char *name = barua_json_string (key, NULL);

  if (before > 0)
    g_string_append_c (path, '.');
  g_string_append (path, name);
  return before;
}

/* Appends @stored with @change merged into it, without @path member by member whole.  Recursion
 * ends at BARUA_JSON_MAX_DEPTH: both texts were accepted by barua_json_read(). */
static gboolean
merge (GString *out, BaruaJson stored, BaruaJson change, GString *path, GError **error)
{
  g_autoptr (GHashTable) there = members_of (stored);
  g_autoptr (GHashTable) changes = members_of (change);
  const BaruaJson objects[] = { stored, change };

  g_string_append_c (out, '{');
  for (guint i = 0; i < G_N_ELEMENTS (objects); i++)
    {
      BaruaJsonIter iter;
      BaruaJson key, value;
      barua_json_iter_init (&iter, objects[i]);
      while (barua_json_iter_next (&iter, &key, &value))
        {
          BaruaJson old = take_member (there, key);
          BaruaJson new = take_member (changes, key);
          if (old.text == NULL && new.text == NULL)
            continue; /* a repeated name, or one that the first object had */
          append_raw_key (out, key);
          gsize before = push_name (path, key);
          if (new.text == NULL)
            barua_json_append_minified (out, old);
          else if (!merge_value (out, old, new, path, error))
            return FALSE;
          if (path != NULL)
            g_string_truncate (path, before);
        }
    }
  g_string_append_c (out, '}');
  return TRUE;
}

/* The settings with their `permissions` completed. */
static GString *
complete_permissions (BaruaJson settings)
{
  BaruaJson permissions = barua_json_member (settings, "permissions");
  GString *out = g_string_sized_new (settings.length + 4096);

  if (barua_json_type (permissions) == BARUA_JSON_OBJECT
      && barua_permissions_are_complete (permissions))
    {
      g_string_append_len (out, settings.text, (gssize)settings.length);
      return out;
    }
  g_autoptr (GString) completed = g_string_new ("{\"permissions\":");
  barua_permissions_append_completed (completed, permissions);
  g_string_append_c (completed, '}');
  merge (out, settings, (BaruaJson){ completed->str, completed->len }, NULL, NULL);
  return out;
}

GString *
barua_settings_edit (BaruaJson stored, BaruaJson change, BaruaSettingsMode mode, GError **error)
{
  g_autoptr (GString) out = g_string_sized_new (stored.length + change.length);
  g_autoptr (GString) path = g_string_new (NULL);

  if (barua_json_type (change) != BARUA_JSON_OBJECT)
    {
      g_set_error_literal (error, BARUA_FORMS_ERROR, BARUA_FORMS_ERROR_SHAPE,
                           "settings must be a JSON object");
      return NULL;
    }
  if (barua_json_type (stored) != BARUA_JSON_OBJECT)
    stored = BARUA_JSON_NONE;
  switch (mode)
    {
    case BARUA_SETTINGS_OVERWRITE:
      barua_json_append_minified (out, change);
      break;
    case BARUA_SETTINGS_REPLACE:
      merge (out, stored, change, NULL, NULL);
      break;
    default:
      if (!merge (out, stored, change, path, error))
        return NULL;
    }
  return complete_permissions ((BaruaJson){ out->str, out->len });
}
