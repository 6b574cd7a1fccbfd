/* SPDX-License-Identifier: MIT */

/* Any bytes as JSON: what is accepted is walked, written minified and read again, and must be equal. */

#include "forms/json.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
walk (BaruaJson value)
{
  BaruaJsonIter iter;
  BaruaJson key, member;
  gint64 integer;

  g_free (barua_json_string (value, NULL));
  barua_json_integer (value, &integer);
  barua_json_truthy (value);
  barua_json_iter_init (&iter, value);
  while (barua_json_iter_next (&iter, &key, &member))
    {
      g_autofree char *name = barua_json_string (key, NULL);
      if (name != NULL)
        barua_json_member (value, name);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  BaruaJson value = BARUA_JSON_NONE, again = BARUA_JSON_NONE;
  g_autofree char *exact = g_memdup2 (data, size > 0 ? size : 1); /* so that reading beyond the end is seen */

  if (exact == NULL || !barua_json_read (exact, (gssize)size, &value, NULL))
    return 0;
  walk (value);
  g_autoptr (GString) out = g_string_new (NULL);
  barua_json_append_minified (out, value);
  if (!barua_json_read (out->str, (gssize)out->len, &again, NULL) || again.length != out->len)
    abort ();
  g_autoptr (GString) twice = g_string_new (NULL);
  barua_json_append_minified (twice, again);
  if (!g_string_equal (out, twice))
    abort ();
  return 0;
}
