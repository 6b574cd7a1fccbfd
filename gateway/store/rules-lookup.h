/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/rules/lookup.h"
#include "gateway/store/store.h"

G_BEGIN_DECLS

/**
 * BaruaStoreLookup:
 * @lookup: what rules get
 *
 * Answers what rules ask from a snapshot or a transaction, each document read once. Costs nothing
 * until something is asked. Lives on the stack of a job or query.
 */
typedef struct
{
  BaruaLookup lookup;
  /*< private >*/
  BaruaReader *reader;
  BaruaTx *tx;
  GHashTable *documents;
  GPtrArray *texts;
} BaruaStoreLookup;

/** @tx: (nullable): %NULL in a query, which counts no repeats. What the transaction puts
 * afterwards is not seen. */
void barua_store_lookup_init (BaruaStoreLookup *lookup, BaruaReader *reader, BaruaTx *tx);
void barua_store_lookup_clear (BaruaStoreLookup *lookup);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BaruaStoreLookup, barua_store_lookup_clear)

/** Appends the ids (char *) of all contacts with exactly this phone number, in their order;
 * national offices too (contacts.md 1, 7). */
gboolean barua_reader_find_phone (BaruaReader *reader, BaruaText phone, gint64 limit,
                                  GPtrArray *ids, GError **error);

G_END_DECLS
