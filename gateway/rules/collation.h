/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/**
 * barua_collation_append:
 * @value: any value; an absent one counts as null
 *
 * Appends the sort key of @value (documents.md 5): memcmp() of two keys orders their values: null,
 * false, true, numbers, strings by UTF-16 units, arrays, objects. No recursion, linear.
 */
void barua_collation_append (GString *out, BaruaJson value);

G_END_DECLS
