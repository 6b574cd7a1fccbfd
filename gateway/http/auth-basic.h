/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** A name and a password, UTF-8. */
typedef struct
{
  char *name;
  char *password;
} BaruaCredential;

BaruaCredential *barua_credential_new (const char *name, const char *password);

/** Overwrites the password. */
void barua_credential_free (BaruaCredential *credential);

/**
 * barua_credentials_from_basic:
 * @authorization: the Authorization header
 * @with_escapes: also try it percent-decoded
 *
 * What the sender may have meant, each once, in the order of trying: the bytes as UTF-8, as
 * ISO-8859-1, and both again percent-decoded (spec/messaging.md 11 no. 13). Split at the first
 * colon.
 *
 * Returns: (transfer full) (element-type BaruaCredential): empty when it is no Basic header that
 * could be meant
 */
GPtrArray *barua_credentials_from_basic (const char *authorization, gboolean with_escapes);

G_END_DECLS
