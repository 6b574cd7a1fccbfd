/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/**
 * BaruaSelector:
 *
 * A Mango selector made ready: conditions on members of a document (documents.md 8.9). Immutable.
 */
typedef struct _BaruaSelector BaruaSelector;

/**
 * barua_selector_new:
 * @json: an object; must outlive the selector
 * @fault: (out) (transfer full): what is wrong, for the client: an operator that is not known, or
 *   one with a value that it does not take
 *
 * Knows `$eq $ne $gt $gte $lt $lte $in $nin $exists $and $or $nor $not` of documents.md 8.9 and the
 * rest of what CouchDB does: `$type $size $all $mod $regex $beginsWith $elemMatch $allMatch
 * $keyMapMatch`; members by dotted paths, in which a number is an element of an array, and by
 * nested objects. Linear time; recursion as deep as `$elemMatch` and its like are nested.
 *
 * Returns: (transfer full) (nullable): %NULL when @fault is set
 */
BaruaSelector *barua_selector_new (BaruaJson json, char **fault);
void barua_selector_free (BaruaSelector *selector);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaSelector, barua_selector_free)

/** Whether @document, an object, fulfils all conditions. */
gboolean barua_selector_matches (const BaruaSelector *selector, BaruaJson document);

/** Whether only documents match in which the member at @path is: there is a condition on it that
 * every match fulfils. */
gboolean barua_selector_requires (const BaruaSelector *selector, BaruaText path);

/** The member at a dotted path (`\.` is a dot in a name); absent when there is none. */
BaruaJson barua_json_at_path (BaruaJson document, BaruaText path);

/** Orders two JSON values as view keys are ordered (documents.md 5): negative when @a comes first.
 * Absent comes before all. */
int barua_json_compare (BaruaJson a, BaruaJson b);

G_END_DECLS
