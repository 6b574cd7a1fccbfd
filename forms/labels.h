/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/arena.h"

G_BEGIN_DECLS

/**
 * BaruaFieldLabels:
 * @tiny: the tiny label; absent when there is none
 * @tiny_folded: @tiny by barua_text_fold(); empty when there is none
 * @tiny_word: @tiny_folded as a number, for barua_labels_find_tiny(); 0 when it cannot be one
 * @short_label: the short label; absent when there is none
 * @short_folded: @short_label, folded
 * @label_name: the name of the component that the tiny label takes, or -1
 * @key_name: the name of the component that the key takes, or -1
 *
 * The labels of one field in one language (parsing.md 6.3).
 */
typedef struct
{
  BaruaText tiny;
  BaruaText tiny_folded;
  guint64 tiny_word;
  BaruaText short_label;
  BaruaText short_folded;
  int label_name;
  int key_name;
} BaruaFieldLabels;

/**
 * BaruaLabels:
 * @fields: (array length=n_fields): in the order of the definition
 * @n_names: names are numbered from 0
 * @words: every name as barua_key_word() packs it; 0 for one that is longer
 * @word_slots: hash table of the numbers of names that are packed, -1 empty
 *
 * The labels of a form in one language, resolved when the settings are compiled.
 */
typedef struct
{
  const BaruaFieldLabels *fields;
  guint n_fields;
  guint n_names;
  const BaruaText *names;
  const gint32 *slots; /* hash table of name numbers, -1 empty */
  guint32 mask;
  const guint64 *words;
  const gint32 *word_slots; /* as many as @slots */
  gboolean has_wide_first; /* a label begins with a character that is not ASCII */
  guint64 first[2];        /* bit set: folded first characters of labels, ASCII */
} BaruaLabels;

/**
 * barua_labels_new:
 * @keys: the fields' keys
 * @tiny: their tiny labels; absent ones allowed
 * @shorts: their short labels; absent ones allowed
 * @arena: owns the result; the texts are borrowed
 */
const BaruaLabels *barua_labels_new (BaruaArena *arena, const BaruaText *keys,
                                     const BaruaText *tiny, const BaruaText *shorts,
                                     guint n_fields);

/** The number of the component name @name (lower case), or -1 when no field has it. */
int barua_labels_find_name (const BaruaLabels *labels, BaruaText name);

/** The same for an ASCII @key in any case. */
int barua_labels_find_long_key (const BaruaLabels *labels, BaruaText key);

/** Bytes of a name that can be packed into a number. */
#define BARUA_KEY_WORD_BYTES 8

/** Where the packed name @word belongs in a table of @mask + 1 slots. */
static inline guint32
barua_key_word_slot (guint64 word, guint32 mask)
{
  return (guint32)(word * G_GUINT64_CONSTANT (0x9E3779B97F4A7C15) >> 40) & mask;
}

/**
 * barua_labels_find_key:
 * @key: ASCII in any case
 * @word: the bytes of @key in lower case as one number, the first on top, when there are at most
 *   %BARUA_KEY_WORD_BYTES
 *
 * The same as barua_labels_find_name() for a key of a message.
 */
static inline int
barua_labels_find_key (const BaruaLabels *labels, BaruaText key, guint64 word)
{
  if (key.n > BARUA_KEY_WORD_BYTES)
    return barua_labels_find_long_key (labels, key);
  guint32 slot = barua_key_word_slot (word, labels->mask);
  gint32 name;
  while ((name = labels->word_slots[slot]) >= 0 && labels->words[name] != word)
    slot = (slot + 1) & labels->mask;
  return name;
}

/** Whether @text starts with a label (parsing.md section 4). */
gboolean barua_labels_begin (const BaruaLabels *labels, BaruaText text);

/** The field whose tiny label equals @label ignoring case, or -1; @from is where to begin looking. */
int barua_labels_find_tiny (const BaruaLabels *labels, BaruaText label, guint from);

G_END_DECLS
