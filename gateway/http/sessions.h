/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/http/auth.h"

G_BEGIN_DECLS

/**
 * BaruaSessions:
 *
 * The sessions of #BaruaAuth: who a token belongs to. Main thread only.
 */
typedef struct _BaruaSessions BaruaSessions;

BaruaSessions *barua_sessions_new (const BaruaAuthBackend *backend, gpointer data);

/** Look-ups under way are answered with %BARUA_HTTP_ERROR_UNAVAILABLE. */
void barua_sessions_free (BaruaSessions *sessions);

/** See barua_auth_check_session(). */
void barua_sessions_check (BaruaSessions *sessions, const char *token, BaruaAuthDone done,
                           gpointer data);

/** See barua_auth_forget_session(). */
void barua_sessions_forget (BaruaSessions *sessions, const char *token);

/** Drops what is remembered of @name; %NULL: of everybody. */
void barua_sessions_forget_user (BaruaSessions *sessions, const char *name);

G_END_DECLS
