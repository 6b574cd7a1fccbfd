/* SPDX-License-Identifier: MIT */
#pragma once

/* What the fuzz targets of the parser share: settings that are compiled once, and a way to stop. */

#include <stdlib.h>
#include <string.h>

#include "forms/settings.h"

/* Forms of every field type and shape of labels; the code Z has a zero-width character. */
static const char fixed_text[]
    = "{\"default_country_code\":254,\"forms_only_mode\":true,\"forms\":{"
      "\"F\":{\"meta\":{\"code\":\"F\"},"
      "\"fields\":{\"s\":{\"type\":\"string\",\"labels\":{\"tiny\":\"s\"},\"required\":true},"
      "\"g.i\":{\"type\":\"integer\",\"labels\":{\"tiny\":{\"en\":\"i\",\"sw\":\"\\u00e9\"}}},"
      "\"g.d\":{\"type\":\"date\"},\"p\":{\"type\":\"phone_number\"},\"m\":{\"type\":\"month\"},"
      "\"b\":{\"type\":\"bsDate\"},\"y\":{\"type\":\"bsYear\"},\"a\":{\"type\":\"bsAggreDate\"},"
      "\"l\":{\"type\":\"integer\",\"list\":[[1,\"one\"],[2,{\"en\":\"two\"}]]},"
      "\"t\":{\"type\":\"string\"}},\"facility_reference\":\"s\"},"
      "\"TWO\":{\"meta\":{\"code\":\"TWO\"},\"fields\":{"
      "\"a\":{\"type\":\"string\",\"labels\":{\"tiny\":\"a\"}},"
      "\"b\":{\"type\":\"string\",\"labels\":{\"tiny\":\"b c\",\"short\":\"\\u00df1\"}}}},"
      "\"PREG\":{\"meta\":{\"code\":\"PREG\"},\"fields\":{"
      "\"pid\":{\"type\":\"integer\",\"labels\":{\"tiny\":\"pid\"}}}},"
      "\"Z\\u200b\":{\"meta\":{\"code\":\"z\"}}}}";

/** The settings; compiled by the first call, kept for ever. */
static inline const BaruaSettings *
fixed_settings (void)
{
  static BaruaSettings *settings = NULL;

  if (settings == NULL)
    {
      g_autoptr (GBytes) bytes = g_bytes_new_static (fixed_text, sizeof fixed_text - 1);
      settings = barua_settings_compile (bytes, NULL, 0, NULL);
    }
  return settings;
}

/** The form called @code of the fixed settings. */
static inline const BaruaForm *
fixed_form (BaruaText code)
{
  return barua_settings_find_form (fixed_settings (), code);
}

/** Memory for the texts of this run; what the last run took is given back. */
static inline BaruaArena *
fixed_arena (void)
{
  static BaruaArena *arena = NULL;

  if (arena == NULL)
    arena = barua_arena_new ();
  barua_arena_reset (arena);
  return arena;
}

/** Stops the search unless @holds. */
static inline void
must (gboolean holds)
{
  if (!holds)
    abort ();
}

/** Whether @piece is absent or lies in @text. */
static inline gboolean
lies_in (BaruaText piece, BaruaText text)
{
  return piece.p == NULL || (piece.p >= text.p && piece.p + piece.n <= text.p + text.n);
}
