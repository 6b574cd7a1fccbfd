/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/app.h"
#include "gateway/http/request.h"
#include "gateway/rules/users.h"

G_BEGIN_DECLS

/** The hash of an account whose password nobody knows, as token login leaves it: no text matches,
 * and a try takes as long as any other. */
#define BARUA_PASSWORD_NOBODY_KNOWS "*"

/** (transfer full) (nullable): what links begin with, without a slash at the end: `app_url`, else
 * scheme and host of @request; %NULL when there is neither, or the Host header is no host (users.md
 * 8.1, 10 no. 15): then no link can be made, 400. */
char *barua_token_base_url (const BaruaSettings *settings, BaruaRequest *request);

/**
 * barua_token_login_issue:
 * @name: an account that is there: documents and row were put, by this job or before
 * @phone: E.164
 * @base_url: barua_token_base_url()
 * @expires_ms: (out) (optional): for the answer's `token_login.expiration_date`
 *
 * All that users.md 8.2 says for `true`: clears the unsent messages of an older token, makes a
 * token and its document with the two SMS, makes the password one that nobody knows, ends the
 * sessions, and puts `token_login` into both documents of the user, each with a new revision (so
 * what an answer shows is asked for before, users.md 5.3). In the job that writes the user; call
 * barua_auth_forget() after its commit.
 */
gboolean barua_token_login_issue (BaruaTx *tx, const BaruaSettings *settings, const char *name,
                                  BaruaText phone, const char *base_url, gint64 now_ms,
                                  gint64 *expires_ms, GError **error);

/**
 * barua_token_login_remove:
 *
 * For `token_login: false`: makes the token invalid, clears its unsent messages, takes
 * `token_login` out of both documents of the user and ends the sessions. The new password is set by
 * the caller. Nothing happens to an account without one.
 */
gboolean barua_token_login_remove (BaruaTx *tx, const char *name, gint64 now_ms, GError **error);

/** For the deletion of a user: only makes the token invalid and clears its unsent messages
 * (users.md 7). Call it before the account is deleted. */
gboolean barua_token_login_revoke (BaruaTx *tx, const char *name, gint64 now_ms, GError **error);

/**
 * barua_token_login_follow:
 * @record: `token_login` of the user document, as somebody has just written it; may be absent
 *
 * Brings an unused token in line with the document (users.md 3): one that is no longer called
 * active there is revoked, and another `expiration_date` becomes its own.
 */
gboolean barua_token_login_follow (BaruaTx *tx, const char *name, BaruaJson record, gint64 now_ms,
                                   GError **error);

/**
 * BaruaTokenVerdict:
 * @BARUA_TOKEN_INVALID: unknown, replaced, disabled, used, or of a user who is gone
 *
 * Of rows 5 to 7 of users.md 8.6.
 */
typedef enum
{
  BARUA_TOKEN_GOOD,
  BARUA_TOKEN_INVALID,
  BARUA_TOKEN_EXPIRED,
} BaruaTokenVerdict;

/**
 * barua_token_login_use:
 * @hash: barua_token_hash() of what was in the link
 * @verdict: (out)
 * @name: (inout) (transfer full): of the account, when the token was good
 *
 * Uses a token up, with all that follows from it but the new session: messages cleared and masked,
 * password replaced, sessions ended, `token_login` of both documents.
 */
gboolean barua_token_login_use (BaruaTx *tx, const guint8 hash[BARUA_TOKEN_HASH_BYTES],
                                gint64 now_ms, BaruaTokenVerdict *verdict, char **name,
                                GError **error);

/** Clears and masks the messages of every token that has expired since the last time. */
gboolean barua_token_login_sweep (BaruaTx *tx, gint64 now_ms, GError **error);

G_END_DECLS
