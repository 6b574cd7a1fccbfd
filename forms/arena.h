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
typedef struct _BaruaArenaBlock BaruaArenaBlock;

/* The members are not for callers: they stand here so that barua_arena_alloc() is a few steps. */
struct _BaruaArena
{
  BaruaArenaBlock *first;
  BaruaArenaBlock *current; /* the block that is filled: the newest */
  char *at;                 /* what is free of it */
  char *end;
};

BaruaArena *barua_arena_new (void);
void barua_arena_free (BaruaArena *arena);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaArena, barua_arena_free)

/** Gives everything back but keeps the first block for the next message. */
void barua_arena_reset (BaruaArena *arena);

/** Every piece of memory begins and ends at a multiple of so many bytes. */
#define BARUA_ARENA_ALIGNMENT 16

/** @size bytes from a new block; for barua_arena_alloc() itself. */
void *barua_arena_grow (BaruaArena *arena, gsize size);

/** @size bytes, aligned for any type, not cleared; never %NULL. */
static inline void *
barua_arena_alloc (BaruaArena *arena, gsize size)
{
  gsize needed = (size + BARUA_ARENA_ALIGNMENT - 1) & ~(gsize)(BARUA_ARENA_ALIGNMENT - 1);

  if (G_UNLIKELY ((gsize)(arena->end - arena->at) < needed))
    return barua_arena_grow (arena, needed);
  void *memory = arena->at;
  arena->at += needed;
  return memory;
}

/** A copy of @text, with a NUL after it. */
BaruaText barua_arena_copy (BaruaArena *arena, BaruaText text);

/** The decoded text of @value, borrowed where it has no escapes; absent when it is no string. */
BaruaText barua_arena_json_text (BaruaArena *arena, BaruaJson value);

G_END_DECLS
