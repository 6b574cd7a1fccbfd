/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/form.h"

G_BEGIN_DECLS

/**
 * BaruaComponent:
 * @key: in the spelling of the message
 * @raw: all of the value, for text-like types
 * @value: absent when nothing was sent; null for a day that does not exist
 * @number: the digits that were taken as a number; absent when there are none
 * @has_date: the value begins with a date
 *
 * One `key value` between two `#` (parsing.md 6.2). Borrowed from the message or the arena.
 */
typedef struct
{
  BaruaText key;
  BaruaText raw;
  BaruaValue value;
  BaruaText number;
  gboolean has_date;
} BaruaComponent;

/**
 * BaruaTextformsIter:
 *
 * Walks the components of a message.
 */
typedef struct
{
  const char *at;
  const char *end;
  guint n_read;
  gboolean one_line; /* the text holds no line end */
} BaruaTextformsIter;

/** @text: the message without its code. */
void barua_textforms_iter_init (BaruaTextformsIter *iter, BaruaText text);

/** Returns: %FALSE at the end, or after %BARUA_MESSAGE_MAX_VALUES components */
gboolean barua_textforms_iter_next (BaruaTextformsIter *iter, BaruaArena *arena,
                                    BaruaComponent *component);

/**
 * barua_textforms_read:
 * @is_plain: @text is known to be ASCII without controls; if not, it is looked at
 * @labels: in the language of the message
 * @values: (array): one for each field, absent; receives typed values (parsing.md 6.3, 7)
 */
void barua_textforms_read (BaruaText text, gboolean is_plain, const BaruaForm *form,
                           const BaruaLabels *labels, const BaruaPhoneRules *rules,
                           BaruaArena *arena, BaruaValue *values);

/**
 * barua_textforms_append_raw:
 * @out: receives a JSON object of all components, whatever their keys
 *
 * The component table of parsing.md 6.2, for tests and explanations.
 */
void barua_textforms_append_raw (BaruaText text, BaruaArena *arena, GString *out);

G_END_DECLS
