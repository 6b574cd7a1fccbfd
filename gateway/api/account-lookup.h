/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/http/auth.h"
#include "gateway/store/store.h"

G_BEGIN_DECLS

/**
 * barua_account_lookup:
 *
 * What authentication asks the store, with a #BaruaApp as its data: an account by its name, or by a
 * session. Roles are those of the user document at that moment. The use of a session is noted once
 * a day; one that was not used for a year is over (users.md 2.2).
 */
extern const BaruaAuthBackend barua_account_lookup;

/** Returns: (transfer full) (array zero-terminated=1): the roles of an account's document; %NULL on
 * @error. */
char **barua_account_read_roles (BaruaReader *reader, const char *name, GError **error);

G_END_DECLS
