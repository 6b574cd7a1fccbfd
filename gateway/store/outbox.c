/* SPDX-License-Identifier: MIT */

/* The verbs of the outbox. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/store-outbox.h"

#include "gateway/store/engine.h"

gboolean
barua_reader_outbox (BaruaReader *reader, const BaruaOutboxQuery *query, GPtrArray **messages,
                     BaruaOutboxPlace *next, gboolean *has_more, GError **error)
{
  g_return_val_if_fail (query->limit > 0 && query->limit <= BARUA_OUTBOX_MAX, FALSE);
  g_return_val_if_fail (query->n_to <= G_N_ELEMENTS (query->to), FALSE);

  return reader->store->engine->outbox (reader, query, messages, next, has_more, error);
}

gboolean
barua_reader_outbox_of_reference (BaruaReader *reader, BaruaText ref, GPtrArray **messages,
                                  GError **error)
{
  return reader->store->engine->outbox_of_reference (reader, ref, messages, error);
}

gboolean
barua_tx_outbox_hold (BaruaTx *tx, BaruaText uuid, const char *holder, gint64 until_ms,
                      GError **error)
{
  g_return_val_if_fail (holder != NULL, FALSE);

  return tx->reader.store->engine->outbox_hold (tx, uuid, holder, until_ms, error);
}
