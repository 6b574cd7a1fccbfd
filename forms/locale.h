/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/arena.h"

G_BEGIN_DECLS

/**
 * BaruaTexts:
 *
 * The texts of all locales: table[locale][key]. Immutable once filled; borrowed texts live as long
 * as their sources.
 */
typedef struct _BaruaTexts BaruaTexts;

BaruaTexts *barua_texts_new (void);
void barua_texts_free (BaruaTexts *texts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaTexts, barua_texts_free)

/**
 * barua_texts_add:
 * @locale: the language code
 * @object: `{key: text}`; other members are ignored; its text must outlive @texts
 *
 * Adds a source of lower priority than those added before. Empty texts are skipped.
 */
void barua_texts_add (BaruaTexts *texts, BaruaText locale, BaruaJson object);

/** Adds the texts that are compiled in, in all ten languages, with the lowest priority. */
void barua_texts_add_shipped (BaruaTexts *texts);

/** The locales that have texts, in the order of adding. */
guint barua_texts_n_locales (const BaruaTexts *texts);
BaruaText barua_texts_locale (const BaruaTexts *texts, guint index);

/**
 * barua_texts_lookup:
 * @fallback: where to look when @locale has none; absent for nowhere
 *
 * Returns: the text of @key, absent when there is none. Nothing is filled in.
 */
BaruaText barua_texts_lookup (const BaruaTexts *texts, BaruaText locale, BaruaText fallback,
                              BaruaText key);

/**
 * barua_label_translate:
 * @label: a key (JSON string), `{locale: text}` or `{translations: [{locale, content}]}`
 *
 * A label in @locale by parsing.md section 11, without filling in. English is the fallback of keys.
 *
 * Returns: a text borrowed from @label, @texts or @arena; absent when @label is nothing, a number,
 *   a boolean or an object without texts
 */
BaruaText barua_label_translate (const BaruaTexts *texts, BaruaArena *arena, BaruaJson label,
                                 BaruaText locale);

/**
 * BaruaPlaceholder:
 * @name: what stands between the braces
 * @value: the text for it
 */
typedef struct
{
  const char *name;
  BaruaText value;
} BaruaPlaceholder;

/**
 * barua_text_fill:
 *
 * Replaces each `{{name}}`. If any name is unknown nothing is replaced; replaced text is not
 * looked at again (parsing.md section 11).
 */
BaruaText barua_text_fill (BaruaArena *arena, BaruaText text, const BaruaPlaceholder *placeholders,
                           guint n_placeholders);

/** The same with the members of a JSON object; dotted names are paths; null gives empty, lists join with a comma. */
BaruaText barua_text_fill_json (BaruaArena *arena, BaruaText text, BaruaJson context);

/** The same for the text of an SMS, in which an unknown name is empty (workflows.md 12.2). */
BaruaText barua_text_fill_message (BaruaArena *arena, BaruaText text, BaruaJson context);

G_END_DECLS
