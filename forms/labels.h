/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/arena.h"

G_BEGIN_DECLS

/**
 * BaruaFieldLabels:
 * @tiny: the tiny label; absent when there is none
 * @tiny_folded: @tiny by barua_text_fold(); empty when there is none
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
  BaruaText short_label;
  BaruaText short_folded;
  int label_name;
  int key_name;
} BaruaFieldLabels;

/**
 * BaruaLabels:
 * @fields: (array length=n_fields): in the order of the definition
 * @n_names: names are numbered from 0
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
int barua_labels_find_key (const BaruaLabels *labels, BaruaText key);

/** Whether @text starts with a label (parsing.md section 4). */
gboolean barua_labels_begin (const BaruaLabels *labels, BaruaText text);

/** The field whose tiny label equals @label ignoring case, or -1; @from is where to begin looking. */
int barua_labels_find_tiny (const BaruaLabels *labels, BaruaText label, guint from);

G_END_DECLS
