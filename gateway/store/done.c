/* SPDX-License-Identifier: MIT */

/* The verbs of what ran over a document. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/store-done.h"

#include "gateway/store/engine.h"

gboolean
barua_reader_get_done (BaruaReader *reader, BaruaText id, guint64 *rows, gboolean *is_noted,
                       GError **error)
{
  return reader->store->engine->get_done (reader, id, rows, is_noted, error);
}

gboolean
barua_tx_put_done (BaruaTx *tx, BaruaText id, guint64 rows, GError **error)
{
  return tx->reader.store->engine->put_done (tx, id, rows, error);
}
