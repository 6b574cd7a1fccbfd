/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/arena.h"
#include "gateway/rules/lookup.h"

G_BEGIN_DECLS

/* Where a contact stands: chains of ids in documents (contacts.md 5), whole documents in answers
 * (contacts.md 6.2). */

/** Levels that a chain of parents has at most (contacts.md 5). */
#define BARUA_LINEAGE_MAX_LEVELS 50

/**
 * barua_lineage_append_minified:
 * @link: a `parent` or `contact` member: an object, hydrated or not
 * @error: a #BaruaContactsError: more than %BARUA_LINEAGE_MAX_LEVELS
 *
 * Appends `{"_id":a,"parent":{"_id":b,…}}`, ids only. A link without `_id` is appended as it is.
 */
gboolean barua_lineage_append_minified (GString *out, BaruaJson link, GError **error);

/**
 * barua_lineage_append_of:
 * @id: of a contact
 * @body: its document
 *
 * The same for a contact itself: its id, and the chain of its `parent`.
 */
gboolean barua_lineage_append_of (GString *out, BaruaText id, BaruaJson body, GError **error);

/** The id of a link: of the object, or the text itself; absent when it names none. */
BaruaText barua_lineage_link_id (BaruaArena *arena, BaruaJson link);

/** Whether @lineage, as barua_lineage_append_of() makes it, is that of @place or names it above. */
gboolean barua_lineage_has (BaruaJson lineage, BaruaText place);

/** Places above a contact that exports name (export-and-monitoring.md 3). */
#define BARUA_LINEAGE_NAMED_LEVELS 3

/**
 * BaruaLineageDepth:
 * @BARUA_LINEAGE_ALL: everything that contacts.md 6.2 names
 * @BARUA_LINEAGE_PEOPLE: the sender and the patient of a record, or the contact itself: nothing above or beside them
 * @BARUA_LINEAGE_NAMES: the sender of a record and %BARUA_LINEAGE_NAMED_LEVELS places above, nothing beside them
 *
 * How much is read and put into a document; links that are not followed stay as they are.
 */
typedef enum
{
  BARUA_LINEAGE_ALL,
  BARUA_LINEAGE_PEOPLE,
  BARUA_LINEAGE_NAMES,
} BaruaLineageDepth;

/**
 * BaruaHydration:
 * @lookup: reads documents; asked once for each
 * @max_bytes: of @out; more is an error
 *
 * What hydrating takes.
 */
typedef struct
{
  const BaruaLookup *lookup;
  BaruaArena *arena;
  gsize max_bytes;
  BaruaLineageDepth depth;
} BaruaHydration;

/**
 * barua_lineage_append_hydrated:
 * @stored: a document that is there
 * @out: receives it whole, with `_id` and `_rev`, and the members replaced that contacts.md 6.2
 *   names
 * @error: what @lookup set; a #BaruaContactsError of code %BARUA_CONTACTS_ERROR_TOO_LARGE
 *
 * Documents that are neither contacts nor records are appended unchanged.
 */
gboolean barua_lineage_append_hydrated (const BaruaHydration *hydration, const BaruaStored *stored,
                                        GString *out, GError **error);

G_END_DECLS
