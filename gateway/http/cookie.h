/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** Name of the cookie with the token of a session (users.md 2.2). */
#define BARUA_SESSION_COOKIE "AuthSession"

/** How long a browser keeps the cookie: a year. */
#define BARUA_SESSION_SECONDS (365 * 24 * 60 * 60)

/**
 * barua_cookie_get:
 * @header: (nullable): the Cookie header, repeated ones joined with ", "
 *
 * Returns: (transfer full) (nullable): the value of the first cookie of this name; %NULL for none
 * or an empty one
 */
char *barua_cookie_get (const char *header, const char *name);

/**
 * barua_cookie_for_session:
 * @token: (nullable): without '='; %NULL: the session ends
 * @now_s: seconds since 1970
 * @is_secure: the client's connection is encrypted
 *
 * The value of Set-Cookie. `Expires` is there because a client reads it without asking whether it
 * is (documents.md 8.1).
 *
 * Returns: (transfer full)
 */
char *barua_cookie_for_session (const char *token, gint64 now_s, gboolean is_secure);

/**
 * barua_cookie_for_page:
 * @value: without '=', ';' and white space
 *
 * The value of Set-Cookie for a cookie that scripts of our pages may read, good for a year
 * (users.md 2.4). Returns: (transfer full)
 */
char *barua_cookie_for_page (const char *name, const char *value, gint64 now_s, gboolean is_secure);

/** Set-Cookie that takes a cookie from the browser. Returns: (transfer full) */
char *barua_cookie_cleared (const char *name);

G_END_DECLS
