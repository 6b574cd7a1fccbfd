/* SPDX-License-Identifier: MIT */

/* Vector files, read with our own reader: json-glib cuts strings at U+0000, which vectors use. */

#include "tests/vectors.h"

#include <glib.h>

/* Everything handed out stays reachable, so that the leak checker is content. */
static void
keep (char *text)
{
  static GSList *kept = NULL;

  kept = g_slist_prepend (kept, text);
}

BaruaJson
barua_vectors_load (const char *name)
{
  const char *folder = g_getenv ("BARUA_VECTORS");
  g_autofree char *path = g_build_filename (folder != NULL ? folder : "tests/vectors", name, NULL);
  g_autoptr (GError) error = NULL;
  char *text = NULL; /* kept: vectors borrow from it */
  gsize length = 0;
  BaruaJson value = BARUA_JSON_NONE;

  if (!g_file_get_contents (path, &text, &length, &error)
      || !barua_json_read (text, (gssize)length, &value, &error))
    g_error ("%s: %s", path, error->message);
  keep (text);
  return value;
}

const char *
barua_vector_text (BaruaJson vector, const char *name)
{
  char *text = barua_json_string (barua_json_member (vector, name), NULL);

  keep (text);
  return text;
}
