/* SPDX-License-Identifier: MIT */

/* Memory for the texts of one message. */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/arena.h"

#include <string.h>

/* Holds a whole message with its record in nearly every case; larger ones take more blocks. */
#define FIRST_BLOCK_BYTES 8192

struct _BaruaArenaBlock
{
  BaruaArenaBlock *next;
  gsize size;
  char *data;
};

static BaruaArenaBlock *
block_new (gsize size)
{
  BaruaArenaBlock *block = g_new0 (BaruaArenaBlock, 1);

  block->size = size;
  block->data = g_malloc (size);
  return block;
}

static void
block_free_all (BaruaArenaBlock *block)
{
  while (block != NULL)
    {
      BaruaArenaBlock *next = block->next;
      g_free (block->data);
      g_free (block);
      block = next;
    }
}

/* Makes @block the one that is filled. */
static void
fill (BaruaArena *arena, BaruaArenaBlock *block)
{
  arena->current = block;
  arena->at = block->data;
  arena->end = block->data + block->size;
}

BaruaArena *
barua_arena_new (void)
{
  BaruaArena *arena = g_new0 (BaruaArena, 1);

  arena->first = block_new (FIRST_BLOCK_BYTES);
  fill (arena, arena->first);
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
  if (arena->first->next != NULL)
    block_free_all (g_steal_pointer (&arena->first->next));
  fill (arena, arena->first);
}

void *
barua_arena_grow (BaruaArena *arena, gsize size)
{
  BaruaArenaBlock *block = block_new (MAX (size, arena->current->size * 2));

  arena->current->next = block;
  fill (arena, block);
  arena->at += size;
  return block->data;
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
