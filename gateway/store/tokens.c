/* SPDX-License-Identifier: MIT */

/* The verbs of login tokens. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/store-tokens.h"

#include "gateway/store/engine.h"

void
barua_login_token_free (BaruaLoginToken *token)
{
  g_free (token);
}

BaruaLoginToken *
barua_reader_get_login_token (BaruaReader *reader, const char *name, GError **error)
{
  return reader->store->engine->get_login_token (reader, name, error);
}

BaruaLoginToken *
barua_reader_find_login_token (BaruaReader *reader, const guint8 hash[BARUA_LOGIN_TOKEN_HASH_BYTES],
                               GError **error)
{
  return reader->store->engine->find_login_token (reader, hash, error);
}

gboolean
barua_tx_put_login_token (BaruaTx *tx, const char *name, const guint8 *hash, gint64 expires_ms,
                          GError **error)
{
  return tx->reader.store->engine->put_login_token (tx, name, hash, expires_ms, error);
}

gboolean
barua_tx_use_login_token (BaruaTx *tx, const guint8 hash[BARUA_LOGIN_TOKEN_HASH_BYTES],
                          gint64 now_ms, gboolean *is_used, GError **error)
{
  return tx->reader.store->engine->use_login_token (tx, hash, now_ms, is_used, error);
}

gboolean
barua_tx_next_expired_login_token (BaruaTx *tx, gint64 now_ms, BaruaLoginToken **token,
                                   GError **error)
{
  return tx->reader.store->engine->next_expired_login_token (tx, now_ms, token, error);
}

gboolean
barua_tx_replace_hash (BaruaTx *tx, const char *name, const char *old_hash, const char *new_hash,
                       GError **error)
{
  return tx->reader.store->engine->replace_hash (tx, name, old_hash, new_hash, error);
}
