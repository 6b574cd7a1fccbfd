/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/app.h"
#include "gateway/http/request.h"

G_BEGIN_DECLS

/* What logins by password and by link have in common (users.md 2.4, 8.6). */

/** Whether the request came from a page without script: it is answered with pages and redirects. */
gboolean barua_login_is_form (BaruaRequest *request);

/** (transfer full) (nullable): a member of the body that is a text, whatever the body's form. */
char *barua_login_value (BaruaRequest *request, const char *name);

/** Answers 400 to a body that is neither JSON nor a form; %FALSE when all is well. */
gboolean barua_login_fail_for_type (BaruaRequest *request);

/**
 * barua_login_reply:
 * @session: the value of Set-Cookie
 * @locale: (nullable): what the client said; anything
 * @redirect: (nullable): what the client said; anything
 *
 * The answer to a login that succeeded: four cookies, and where to go.
 */
void barua_login_reply (BaruaRequest *request, const char *session, const char *name,
                        const char *const *roles, const char *locale, const char *redirect);

/** The answer to somebody who was logged in already: where to go. */
void barua_login_reply_known (BaruaRequest *request, const char *redirect);

G_END_DECLS
