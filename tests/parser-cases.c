/* SPDX-License-Identifier: MIT */

/* Settings for the vectors of the parsing engine. */

#include "tests/parser-cases.h"

#include <string.h>

#include "tests/vectors.h"

/* Settings that have been made, by name; they stay reachable for the leak checker. */
static GHashTable *made;

BaruaSettings *
barua_test_settings_of (const char *json)
{
  g_autoptr (GBytes) text = g_bytes_new (json, strlen (json));
  g_autoptr (GError) error = NULL;
  BaruaSettings *settings = barua_settings_compile (text, NULL, 0, &error);

  if (settings == NULL)
    g_error ("settings: %s", error->message);
  return settings;
}

const BaruaSettings *
barua_test_settings (const char *name)
{
  const char *key = name != NULL ? name : "";

  if (made == NULL)
    made = g_hash_table_new (g_str_hash, g_str_equal);
  BaruaSettings *settings = g_hash_table_lookup (made, key);
  if (settings != NULL)
    return settings;

  BaruaJson translations = barua_vectors_load ("parsing-translations.json");
  g_autoptr (GString) json = g_string_new ("{\"translations\":");
  g_string_append_len (json, translations.text, (gssize)translations.length);
  if (name != NULL)
    {
      g_autofree char *file = g_strdup_printf ("parsing-settings-%s.json", name);
      BaruaJson own = barua_vectors_load (file);
      g_string_append_c (json, ',');
      g_string_append_len (json, own.text + 1, (gssize)own.length - 1);
    }
  else
    g_string_append_c (json, '}');
  settings = barua_test_settings_of (json->str);
  g_hash_table_insert (made, g_strdup (key), settings);
  return settings;
}

const char *
barua_test_json_text (BaruaJson value)
{
  if (value.text == NULL)
    return "(absent)";
  g_autofree char *text = g_strndup (value.text, value.length);
  return g_intern_string (text);
}
