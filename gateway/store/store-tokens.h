/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/store/store.h"

G_BEGIN_DECLS

/* Login tokens (users.md 8): one per account, kept by their SHA-256, never as text. */

#define BARUA_LOGIN_TOKEN_HASH_BYTES 32

/**
 * BaruaLoginToken:
 * @name: of the account; inside the same piece of memory
 * @is_active: %FALSE once it was used
 */
typedef struct
{
  char *name;
  guint8 hash[BARUA_LOGIN_TOKEN_HASH_BYTES];
  gint64 expires_ms;
  gboolean is_active;
} BaruaLoginToken;

void barua_login_token_free (BaruaLoginToken *token);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaLoginToken, barua_login_token_free)

/** Returns: (transfer full): the token of an account; %BARUA_STORE_ERROR_NOT_FOUND. */
BaruaLoginToken *barua_reader_get_login_token (BaruaReader *reader, const char *name,
                                               GError **error);

/** Returns: (transfer full): the token of this hash, used or expired ones too;
 * %BARUA_STORE_ERROR_NOT_FOUND. */
BaruaLoginToken *barua_reader_find_login_token (BaruaReader *reader,
                                                const guint8 hash[BARUA_LOGIN_TOKEN_HASH_BYTES],
                                                GError **error);

/** Gives an account a new token instead of the one it had; @hash %NULL: none. */
gboolean barua_tx_put_login_token (BaruaTx *tx, const char *name, const guint8 *hash,
                                   gint64 expires_ms, GError **error);

/**
 * barua_tx_use_login_token:
 * @is_used: (out): whether it was good; it is no more
 *
 * One UPDATE: of any number of callers with the same token one gets %TRUE (users.md 8.6).
 */
gboolean barua_tx_use_login_token (BaruaTx *tx, const guint8 hash[BARUA_LOGIN_TOKEN_HASH_BYTES],
                                   gint64 now_ms, gboolean *is_used, GError **error);

/**
 * barua_tx_next_expired_login_token:
 * @token: (out) (transfer full) (nullable): %NULL when there is none
 *
 * Finds an unused token that has expired, and tells each only once. It stays known as expired.
 */
gboolean barua_tx_next_expired_login_token (BaruaTx *tx, gint64 now_ms, BaruaLoginToken **token,
                                            GError **error);

/** Replaces the password hash of an account; with @old_hash (nullable) only while it has that. */
gboolean barua_tx_replace_hash (BaruaTx *tx, const char *name, const char *old_hash,
                                const char *new_hash, GError **error);

G_END_DECLS
