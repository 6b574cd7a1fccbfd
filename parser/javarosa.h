/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/labels.h"

G_BEGIN_DECLS

/**
 * barua_javarosa_next_piece:
 * @rest: (inout): what is left; absent behind the last piece
 * @has_escape: (out): whether the piece holds `\#`
 *
 * Returns: the piece up to the next `#` without a backslash before it
 */
BaruaText barua_javarosa_next_piece (BaruaText *rest, gboolean *has_escape);

/**
 * barua_javarosa_read:
 * @body: what follows the second `!` of the message
 * @labels: in the settings locale
 * @arena: for values with escapes
 * @values: (array): one for each field; a field without a value is left as it is
 *
 * Values by label: `J1!CODE!label#value#label#value` (parsing.md 5.2).
 */
void barua_javarosa_read (BaruaText body, const BaruaLabels *labels, BaruaArena *arena,
                          BaruaText *values);

G_END_DECLS
