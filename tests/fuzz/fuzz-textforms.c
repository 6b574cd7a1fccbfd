/* SPDX-License-Identifier: MIT */

/* Any bytes as Textforms: the component table is JSON. */

#include <stdint.h>
#include <stdlib.h>

#include "parser/textforms.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (GString) out = g_string_new (NULL);
  BaruaJson table;

  if (size == 0)
    return 0;
  barua_textforms_append_raw ((BaruaText){ (const char *)data, size }, arena, out);
  if (!barua_json_read (out->str, (gssize)out->len, &table, NULL))
    abort ();
  return 0;
}
