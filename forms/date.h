/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/**
 * barua_date_parse:
 * @text: a date as senders and programs write them
 * @ms: (out): milliseconds since 1970-01-01T00:00Z, untouched on failure
 *
 * Reads the forms of parsing.md 7.4: ISO 8601 extended and basic, RFC 2822, year-first with any
 * separator, English month names, `/Date(ms)/`. UTC where no offset is given.
 *
 * Returns: %FALSE when the text is none of them or the day does not exist
 */
gboolean barua_date_parse (BaruaText text, double *ms);

/**
 * barua_date_from_civil:
 * @year: astronomical year, -271821 … 275760
 * @month: 1–12
 * @day: 1–31
 * @days: (out): days since 1970-01-01, untouched on failure
 *
 * Returns: %FALSE when the (proleptic Gregorian) calendar has no such day
 */
gboolean barua_date_from_civil (int year, int month, int day, gint64 *days);

/** The civil date of @days since 1970-01-01. */
void barua_date_to_civil (gint64 days, int *year, int *month, int *day);

#define BARUA_MS_PER_DAY G_GINT64_CONSTANT (86400000)

G_END_DECLS
