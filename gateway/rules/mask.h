/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/arena.h"

G_BEGIN_DECLS

/**
 * barua_token_mask:
 * @text: of a message, or anything else
 *
 * Login links with their token replaced by `********` (users.md 10 no. 2): for lists, exports and
 * logs.
 *
 * Returns: @text itself when it has none, else borrowed from @arena
 */
BaruaText barua_token_mask (BaruaArena *arena, BaruaText text);

/** Appends @text so masked; @text may be JSON. Returns: whether it had a link. */
gboolean barua_token_append_masked (GString *out, BaruaText text);

G_END_DECLS
