/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/**
 * BaruaCsvDialect:
 * @BARUA_CSV_SAFE: RFC 4180, and no cell that a spreadsheet would take for a formula
 * @BARUA_CSV_RAW: RFC 4180
 * @BARUA_CSV_CHT: the original's: quotation marks become `\"`, and nothing else is escaped
 *
 * How cells are written (export-and-monitoring.md 1.4). A row ends with a line feed.
 */
typedef enum
{
  BARUA_CSV_SAFE,
  BARUA_CSV_RAW,
  BARUA_CSV_CHT,
} BaruaCsvDialect;

/** The byte order mark that some spreadsheets want before UTF-8. */
#define BARUA_CSV_BOM "\xef\xbb\xbf"

/**
 * barua_csv_is_formula:
 *
 * Whether a spreadsheet may run a cell with this text: it begins with a tab or a carriage return, or with `=`, `+`,
 * `-` or `@`, also as a full-width character or behind white space, and is no phone number and no plain number
 * (export-and-monitoring.md 1.4).
 */
gboolean barua_csv_is_formula (BaruaText text);

/** Appends a text between quotation marks; an absent one gives nothing. */
void barua_csv_text (BaruaCsvDialect dialect, BaruaText text, GString *out);

/**
 * barua_csv_json:
 *
 * Appends @value as compact JSON that people can read: without the escapes of characters that need none.
 */
void barua_csv_json (BaruaJson value, GString *out);

/**
 * barua_csv_value:
 *
 * Appends what a cell with @value holds: a text between quotation marks, a number or Boolean bare, an
 * array or object as the text of its compact JSON, and nothing for null and for what is absent.
 */
void barua_csv_value (BaruaCsvDialect dialect, BaruaJson value, GString *out);

/**
 * barua_csv_date:
 * @ms: since 1970; 0: there is none, which is written as an empty text
 * @is_human: as `2020-09-13T12:26:40.000Z` instead of the number
 *
 * Appends a date cell (export-and-monitoring.md 1.5).
 */
void barua_csv_date (BaruaCsvDialect dialect, gint64 ms, gboolean is_human, GString *out);

G_END_DECLS
