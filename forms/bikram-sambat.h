/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/**
 * barua_bikram_sambat_to_ms:
 * @ms: (out): milliseconds since 1970 of 00:00 UTC of that day, untouched on failure
 *
 * Returns: %FALSE when the calendar (1970–2090 BS) has no such day
 */
gboolean barua_bikram_sambat_to_ms (int year, int month, int day, double *ms);

/**
 * barua_bikram_sambat_parse:
 * @text: year, month and day, separated by the first character that is no digit
 * @ms: (out): as above
 *
 * Blanks around a part are ignored; Devanagari digits are understood (parsing.md 7.5, D19, D27).
 */
gboolean barua_bikram_sambat_parse (BaruaText text, double *ms);

/**
 * barua_bikram_sambat_parse_parts:
 * @year: must not be empty
 * @month: (nullable): absent or empty counts as 1
 * @day: (nullable): absent or empty counts as 1
 * @ms: (out): as above
 *
 * The aggregate of three fields (parsing.md 7.5).
 */
gboolean barua_bikram_sambat_parse_parts (BaruaText year, BaruaText month, BaruaText day, double *ms);

G_END_DECLS
