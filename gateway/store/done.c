/* SPDX-License-Identifier: MIT */

/* The verbs of what ran over a document. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/store-done.h"

#include "gateway/store/engine.h"

gboolean
barua_reader_get_done (BaruaReader *reader, const BaruaWritten *written, guint64 *rows,
                       gboolean *is_noted, GError **error)
{
  if (!written->is_new)
    return reader->store->engine->get_done (reader, written->docnum, rows, is_noted, error);
  *rows = 0;
  *is_noted = FALSE;
  return TRUE;
}

gboolean
barua_tx_put_done (BaruaTx *tx, const BaruaWritten *written, guint64 rows, GError **error)
{
  return tx->reader.store->engine->put_done (tx, written->docnum, rows, error);
}
