/* SPDX-License-Identifier: MIT */

/* Memory for the texts of one message. */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/arena.h"

#include <string.h>

/* Holds a whole message with its record in nearly every case; larger ones take more blocks. */
#define FIRST_BLOCK_BYTES 8192
#define ALIGNMENT 16

typedef struct _Block Block;
struct _Block
{
  Block *next;
  gsize size;
  char *data;
};

struct _BaruaArena
{
  Block *first;
  Block *current; /* the block that is filled: the newest */
  gsize used;     /* of the current block */
};

static Block *
block_new (gsize size)
{
  Block *block = g_new0 (Block, 1);

  block->size = size;
  block->data = g_malloc (size);
  return block;
}

static void
block_free_all (Block *block)
{
  while (block != NULL)
    {
      Block *next = block->next;
      g_free (block->data);
      g_free (block);
      block = next;
    }
}

BaruaArena *
barua_arena_new (void)
{
  BaruaArena *arena = g_new0 (BaruaArena, 1);

  arena->first = arena->current = block_new (FIRST_BLOCK_BYTES);
  return arena;
}

void
barua_arena_free (BaruaArena *arena)
{
  if (arena == NULL)
    return;
  block_free_all (arena->first);
  g_free (arena);
}

void
barua_arena_reset (BaruaArena *arena)
{
  block_free_all (g_steal_pointer (&arena->first->next));
  arena->current = arena->first;
  arena->used = 0;
}

void *
barua_arena_alloc (BaruaArena *arena, gsize size)
{
  gsize needed = (size + ALIGNMENT - 1) & ~(gsize)(ALIGNMENT - 1);

  if (arena->current->size - arena->used < needed)
    {
      Block *block = block_new (MAX (needed, arena->current->size * 2));
      arena->current->next = block;
      arena->current = block;
      arena->used = 0;
    }
  void *memory = arena->current->data + arena->used;
  arena->used += needed;
  return memory;
}

BaruaText
barua_arena_copy (BaruaArena *arena, BaruaText text)
{
  if (text.p == NULL)
    return text;

  char *copy = barua_arena_alloc (arena, text.n + 1);
  memcpy (copy, text.p, text.n);
  copy[text.n] = '\0';
  return (BaruaText){ copy, text.n };
}

BaruaText
barua_arena_json_text (BaruaArena *arena, BaruaJson value)
{
  BaruaText text = { NULL, 0 };

  if (barua_json_type (value) != BARUA_JSON_STRING || barua_json_string_raw (value, &text))
    return text;
  char *copy = barua_arena_alloc (arena, value.length);
  text.n = barua_json_string_into (value, copy);
  copy[text.n] = '\0';
  text.p = copy;
  return text;
}
