/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/store/store.h"

G_BEGIN_DECLS

/* Sessions (users.md 2.3): kept by the SHA-256 of their token, never by the token. */

#define BARUA_SESSION_HASH_BYTES 32

/**
 * BaruaSession:
 * @name: of the account; inside the same piece of memory
 * @used_ms: to the day
 */
typedef struct
{
  char *name;
  gint64 created_ms;
  gint64 used_ms;
} BaruaSession;

void barua_session_free (BaruaSession *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaSession, barua_session_free)

gboolean barua_tx_put_session (BaruaTx *tx, const guint8 hash[BARUA_SESSION_HASH_BYTES],
                               const char *name, gint64 now_ms, GError **error);

/** Returns: (transfer full): the session; %BARUA_STORE_ERROR_NOT_FOUND. How long it is good for the
 * caller decides. */
BaruaSession *barua_reader_find_session (BaruaReader *reader,
                                         const guint8 hash[BARUA_SESSION_HASH_BYTES],
                                         GError **error);

/** Notes a use; writes only when the one noted before is a day old, so ask only then. */
gboolean barua_tx_touch_session (BaruaTx *tx, const guint8 hash[BARUA_SESSION_HASH_BYTES],
                                 gint64 now_ms, GError **error);

/** Ends one session, if it is there. */
gboolean barua_tx_delete_session (BaruaTx *tx, const guint8 hash[BARUA_SESSION_HASH_BYTES],
                                  GError **error);

/** Ends all sessions of an account; barua_tx_delete_account() does too. */
gboolean barua_tx_delete_sessions_of (BaruaTx *tx, const char *name, GError **error);

/** Ends all sessions not used since. */
gboolean barua_tx_delete_old_sessions (BaruaTx *tx, gint64 used_before_ms, GError **error);

G_END_DECLS
