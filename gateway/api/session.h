/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/app.h"
#include "gateway/store/store-sessions.h"

G_BEGIN_DECLS

/** The bytes of what barua_auth_token_hash() wrote. */
void barua_session_hash_from_hex (const char *hex, guint8 hash[BARUA_SESSION_HASH_BYTES]);

/**
 * BaruaSessionBegun:
 * @cookie: (nullable): the value of Set-Cookie; %NULL on @error
 * @error: (nullable): of the store, or %BARUA_HTTP_ERROR_UNAVAILABLE when the account has changed
 */
typedef void (*BaruaSessionBegun) (const char *cookie, const GError *error, gpointer data);

/**
 * barua_session_begin:
 * @is_secure: for the cookie, see barua_request_is_secure()
 *
 * Makes a session for an account whose password, or login token, has just been found good: to be
 * called before the main loop runs again, as an account that changes until the session is stored
 * gets none. Sessions that were not used for a year are dropped on the way.
 */
void barua_session_begin (BaruaApp *app, const char *name, gboolean is_secure,
                          BaruaSessionBegun begun, gpointer data);

/**
 * BaruaSessionEnded:
 * @error: (nullable): of the store; the session may still be good
 */
typedef void (*BaruaSessionEnded) (const GError *error, gpointer data);

/** Ends the session of @token, if there is one; it is good for no request afterwards. */
void barua_session_end (BaruaApp *app, const char *token, BaruaSessionEnded ended, gpointer data);

G_END_DECLS
