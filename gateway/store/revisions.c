/* SPDX-License-Identifier: MIT */

/* The verbs of revision trees: checks what every engine would have to check. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/store-revisions.h"

#include "gateway/store/engine.h"

#include <string.h>

/* Whether the hashes of a path can be stored. */
static gboolean
is_valid_path (const BaruaRevisionPath *path)
{
  if (path->n_hashes == 0 || path->start < 1 || (guint64)path->start < path->n_hashes)
    return FALSE;
  for (gsize i = 0; i < path->n_hashes; i++)
    if (path->hashes[i].n == 0 || memchr (path->hashes[i].p, '\0', path->hashes[i].n) != NULL)
      return FALSE;
  return TRUE;
}

gboolean
barua_tx_put_revision (BaruaTx *tx, const BaruaEdit *edit, const BaruaRevisionPath *path,
                       BaruaWritten *written, GError **error)
{
  g_return_val_if_fail (edit->body.p != NULL, FALSE);

  const BaruaIdVerdict verdict = barua_id_check (edit->id);
  if (verdict != BARUA_ID_FINE)
    {
      g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_INVALID,
                           barua_id_verdict_reason (verdict));
      return FALSE;
    }
  if (!is_valid_path (path))
    {
      g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_INVALID_REV,
                           "Invalid rev format");
      return FALSE;
    }

  const gsize n = MIN (path->n_hashes, BARUA_REVISION_PATH_MAX);
  g_autofree BaruaText *hashes = g_new (BaruaText, n);
  g_autofree char *folded = g_malloc (n * BARUA_REVISION_HASH_BYTES);
  for (gsize i = 0; i < n; i++)
    hashes[i] = barua_revision_fold (path->hashes[i], folded + i * BARUA_REVISION_HASH_BYTES);
  const BaruaRevisionPath clean = { path->start, hashes, n };
  BaruaEdit plain = *edit;
  plain.gateway_ref = (BaruaText){ NULL, 0 };
  plain.is_server_made = FALSE;
  return tx->reader.store->engine->put_revision (tx, &plain, &clean, written, error);
}

BaruaTree *
barua_reader_get_tree (BaruaReader *reader, const char *db, BaruaText id, GError **error)
{
  return reader->store->engine->get_tree (reader, db, id, error);
}

gboolean
barua_reader_missing_revisions (BaruaReader *reader, const char *db,
                                const BaruaAskedRevisions *asked, gsize n_asked,
                                BaruaMissingFunc func, gpointer data, GError **error)
{
  return reader->store->engine->missing_revisions (reader, db, asked, n_asked, func, data, error);
}
