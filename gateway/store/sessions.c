/* SPDX-License-Identifier: MIT */

/* The verbs of sessions. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/store-sessions.h"

#include "gateway/store/engine.h"

void
barua_session_free (BaruaSession *session)
{
  g_free (session);
}

gboolean
barua_tx_put_session (BaruaTx *tx, const guint8 hash[BARUA_SESSION_HASH_BYTES], const char *name,
                      gint64 now_ms, GError **error)
{
  return tx->reader.store->engine->put_session (tx, hash, name, now_ms, error);
}

BaruaSession *
barua_reader_find_session (BaruaReader *reader, const guint8 hash[BARUA_SESSION_HASH_BYTES],
                           GError **error)
{
  return reader->store->engine->find_session (reader, hash, error);
}

gboolean
barua_tx_touch_session (BaruaTx *tx, const guint8 hash[BARUA_SESSION_HASH_BYTES], gint64 now_ms,
                        GError **error)
{
  return tx->reader.store->engine->touch_session (tx, hash, now_ms, error);
}

gboolean
barua_tx_delete_session (BaruaTx *tx, const guint8 hash[BARUA_SESSION_HASH_BYTES], GError **error)
{
  return tx->reader.store->engine->delete_session (tx, hash, error);
}

gboolean
barua_tx_delete_sessions_of (BaruaTx *tx, const char *name, GError **error)
{
  return tx->reader.store->engine->delete_sessions_of (tx, name, error);
}

gboolean
barua_tx_delete_old_sessions (BaruaTx *tx, gint64 used_before_ms, GError **error)
{
  return tx->reader.store->engine->delete_old_sessions (tx, used_before_ms, error);
}

BaruaAccount *
barua_reader_get_account_of (BaruaReader *reader, BaruaText document_id, GError **error)
{
  return reader->store->engine->get_account_of (reader, document_id, error);
}
