/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/**
 * barua_muvuku_split:
 * @text: the whole message
 * @body: what follows its second `!`
 * @values: (array length=n_values): receives the values, trimmed; further ones are only counted
 *
 * Values by position: `1!CODE!v1#v2` (parsing.md 5.1).
 *
 * Returns: how many values the message has
 */
guint barua_muvuku_split (BaruaText text, BaruaText body, BaruaText *values, guint n_values);

G_END_DECLS
