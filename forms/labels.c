/* SPDX-License-Identifier: MIT */

/* The labels of a form in one language, ready for comparing. */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/labels.h"

#include "forms/characters.h"

/* The building of one set of labels. */
typedef struct
{
  BaruaText *names;
  int *owners; /* the first field that has the name as its label, or -1 */
  guint n_names;
  gint32 *slots;
  guint32 mask;
} Names;

/* The slot of @name, or the empty one where it belongs. */
static guint32
find_slot (const BaruaText *names, const gint32 *slots, guint32 mask, BaruaText name)
{
  guint32 slot = barua_text_hash (name) & mask;

  while (slots[slot] >= 0 && !barua_text_equal (names[slots[slot]], name))
    slot = (slot + 1) & mask;
  return slot;
}

/* The number of @name, a new one when it has none yet. */
static int
need_name (Names *names, BaruaText name)
{
  guint32 slot = find_slot (names->names, names->slots, names->mask, name);

  if (names->slots[slot] < 0)
    {
      names->slots[slot] = (gint32)names->n_names;
      names->names[names->n_names] = name;
      names->owners[names->n_names] = -1;
      names->n_names++;
    }
  return names->slots[slot];
}

static void
names_init (Names *names, BaruaArena *arena, guint n_fields)
{
  guint32 size = 8;

  while (size < 4 * n_fields)
    size *= 2;
  names->names = barua_arena_alloc (arena, 2 * n_fields * sizeof *names->names + 1);
  names->owners = barua_arena_alloc (arena, 2 * n_fields * sizeof *names->owners + 1);
  names->slots = barua_arena_alloc (arena, size * sizeof *names->slots);
  names->n_names = 0;
  names->mask = size - 1;
  for (guint32 i = 0; i < size; i++)
    names->slots[i] = -1;
}

/* Notes what labels can begin with. */
static void
note_first (BaruaLabels *labels, BaruaText folded)
{
  if (folded.n == 0)
    return;
  guchar first = (guchar)*folded.p;
  if (first < 0x80)
    labels->first[first >> 6] |= G_GUINT64_CONSTANT (1) << (first & 63);
  else
    labels->has_wide_first = TRUE;
}

/* Gives every label to the first field that has it, and every key that is no other field's label
 * to its field (parsing.md 6.3; settings-and-forms.md 5.4, rule 12). */
static void
assign_names (Names *names, BaruaFieldLabels *fields, const int *label_names, const int *key_names,
              guint n_fields)
{
  for (guint i = 0; i < n_fields; i++)
    if (label_names[i] >= 0 && names->owners[label_names[i]] < 0)
      names->owners[label_names[i]] = (int)i;
  for (guint i = 0; i < n_fields; i++)
    {
      int owner = names->owners[key_names[i]];
      gboolean owns_label = label_names[i] >= 0 && names->owners[label_names[i]] == (int)i;
      fields[i].label_name = owns_label ? label_names[i] : -1;
      fields[i].key_name = owner < 0 || owner == (int)i ? key_names[i] : -1;
    }
}

/* The bytes of @name as a number; 0 when there are none or too many, or one is 0 or not ASCII. */
static guint64
key_word (BaruaText name, gboolean fold)
{
  guint64 word = 0;

  if (name.n > BARUA_KEY_WORD_BYTES)
    return 0;
  for (gsize i = 0; i < name.n; i++)
    {
      guchar c = (guchar)name.p[i];
      if (c == 0 || c >= 0x80)
        return 0;
      word = word << 8 | (fold && c >= 'a' && c <= 'z' ? c - 0x20 : c);
    }
  return word;
}

/* Makes the table of names that can be packed. */
static void
pack_names (BaruaLabels *labels, BaruaArena *arena)
{
  gsize size = (gsize)labels->mask + 1;
  guint64 *words = barua_arena_alloc (arena, labels->n_names * sizeof *words + 1);
  gint32 *slots = barua_arena_alloc (arena, size * sizeof *slots);

  for (gsize i = 0; i < size; i++)
    slots[i] = -1;
  for (guint i = 0; i < labels->n_names; i++)
    {
      words[i] = key_word (labels->names[i], FALSE);
      if (words[i] == 0)
        continue;
      guint32 slot = barua_key_word_slot (words[i], labels->mask);
      while (slots[slot] >= 0)
        slot = (slot + 1) & labels->mask;
      slots[slot] = (gint32)i;
    }
  labels->words = words;
  labels->word_slots = slots;
}

const BaruaLabels *
barua_labels_new (BaruaArena *arena, const BaruaText *keys, const BaruaText *tiny,
                  const BaruaText *shorts, guint n_fields)
{
  BaruaLabels *labels = barua_arena_alloc (arena, sizeof *labels);
  BaruaFieldLabels *fields = barua_arena_alloc (arena, n_fields * sizeof *fields + 1);
  g_autofree int *label_names = g_new (int, n_fields);
  g_autofree int *key_names = g_new (int, n_fields);
  Names names;

  *labels = (BaruaLabels){ .fields = fields, .n_fields = n_fields };
  names_init (&names, arena, n_fields);
  for (guint i = 0; i < n_fields; i++)
    {
      fields[i].tiny = tiny[i];
      fields[i].tiny_folded = barua_text_fold (arena, tiny[i]);
      fields[i].tiny_word = key_word (fields[i].tiny_folded, FALSE);
      fields[i].short_label = shorts[i];
      fields[i].short_folded = barua_text_fold (arena, shorts[i]);
      note_first (labels, fields[i].tiny_folded);
      note_first (labels, fields[i].short_folded);
      label_names[i]
          = tiny[i].n > 0 ? need_name (&names, barua_text_lower (arena, tiny[i])) : -1;
      key_names[i] = need_name (&names, keys[i]);
    }
  assign_names (&names, fields, label_names, key_names, n_fields);
  labels->n_names = names.n_names;
  labels->names = names.names;
  labels->slots = names.slots;
  labels->mask = names.mask;
  pack_names (labels, arena);
  return labels;
}

int
barua_labels_find_name (const BaruaLabels *labels, BaruaText name)
{
  return labels->slots[find_slot (labels->names, labels->slots, labels->mask, name)];
}

static inline char
ascii_lower (char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Whether @key in lower case is @name. */
static gboolean
is_key (BaruaText name, BaruaText key)
{
  if (name.n != key.n)
    return FALSE;
  for (gsize i = 0; i < key.n; i++)
    if (ascii_lower (key.p[i]) != name.p[i])
      return FALSE;
  return TRUE;
}

int
barua_labels_find_long_key (const BaruaLabels *labels, BaruaText key)
{
  guint32 hash = 2166136261u; /* as barua_text_hash() of the key in lower case */

  for (gsize i = 0; i < key.n; i++)
    hash = (hash ^ (guchar)ascii_lower (key.p[i])) * 16777619u;
  guint32 slot = hash & labels->mask;
  while (labels->slots[slot] >= 0 && !is_key (labels->names[labels->slots[slot]], key))
    slot = (slot + 1) & labels->mask;
  return labels->slots[slot];
}

/* Whether @text is @label, or @label with a blank or a digit behind it. */
static gboolean
begins_with (BaruaText text, BaruaText label)
{
  gsize length;

  if (!barua_text_has_folded_prefix (text, label, &length))
    return FALSE;
  if (length == text.n)
    return TRUE;
  const char *next = text.p + length;
  return barua_is_digit (*next) || barua_is_white (barua_next_char (&next, text.p + text.n));
}

/* Whether a text that begins with the byte @first, folded if it is ASCII, may begin with @label. */
static inline gboolean
may_begin (guchar first, BaruaText label)
{
  return label.n > 0 && (first >= 0x80 || first == (guchar)*label.p);
}

gboolean
barua_labels_begin (const BaruaLabels *labels, BaruaText text)
{
  if (text.n == 0)
    return FALSE;
  guchar first = (guchar)*text.p;
  if (first < 0x80)
    {
      first = (guchar)barua_fold_char (first);
      if (!(labels->first[first >> 6] >> (first & 63) & 1))
        return FALSE;
    }
  else if (!labels->has_wide_first)
    return FALSE;
  for (guint i = 0; i < labels->n_fields; i++)
    if ((may_begin (first, labels->fields[i].tiny_folded)
         && begins_with (text, labels->fields[i].tiny_folded))
        || (may_begin (first, labels->fields[i].short_folded)
            && begins_with (text, labels->fields[i].short_folded)))
      return TRUE;
  return FALSE;
}

int
barua_labels_find_tiny (const BaruaLabels *labels, BaruaText label, guint from)
{
  guint64 word = key_word (label, TRUE);
  gsize length;

  for (guint i = from; i < labels->n_fields; i++)
    {
      const BaruaFieldLabels *field = &labels->fields[i];
      if (word != 0 || field->tiny_word != 0)
        {
          /* what is a number is equal to nothing that is none */
          if (word == field->tiny_word)
            return (int)i;
          continue;
        }
      if (field->tiny_folded.n > 0
          && barua_text_has_folded_prefix (label, field->tiny_folded, &length)
          && length == label.n)
        return (int)i;
    }
  return -1;
}
