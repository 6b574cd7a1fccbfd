/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** Brackets of one name that make levels; what comes after them is one name, brackets and all. */
#define BARUA_BRACKETS_DEPTH 5
/** Pairs that are read; more are dropped. */
#define BARUA_BRACKETS_PAIRS 1000
/** The largest number in brackets that is a place in an array. */
#define BARUA_BRACKETS_MAX_INDEX 20

/**
 * barua_brackets_to_json:
 * @query: (nullable): `filters[forms][selected][0][code]=V&options[humanReadable]=true`
 * @length: bytes
 *
 * Reads a query string with brackets (export-and-monitoring.md 1.6): names in brackets are members,
 * `[]` and small numbers make arrays, every value is a text. Linear time but for names that share a
 * prefix, of which there are %BARUA_BRACKETS_PAIRS at most.
 *
 * Returns: (transfer full): the JSON object
 */
GString *barua_brackets_to_json (const char *query, gsize length);

G_END_DECLS
