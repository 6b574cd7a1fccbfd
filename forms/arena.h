/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/**
 * BaruaArena:
 *
 * Memory for the texts of one message: given out in order, freed at once. Not for several threads.
 */
typedef struct _BaruaArena BaruaArena;

BaruaArena *barua_arena_new (void);
void barua_arena_free (BaruaArena *arena);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaArena, barua_arena_free)

/** Gives everything back but keeps the first block for the next message. */
void barua_arena_reset (BaruaArena *arena);

/** @size bytes, aligned for any type, not cleared; never %NULL. */
void *barua_arena_alloc (BaruaArena *arena, gsize size);

/** A copy of @text, with a NUL after it. */
BaruaText barua_arena_copy (BaruaArena *arena, BaruaText text);

/** The decoded text of @value, borrowed where it has no escapes; absent when it is no string. */
BaruaText barua_arena_json_text (BaruaArena *arena, BaruaJson value);

G_END_DECLS
