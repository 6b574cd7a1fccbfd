/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/**
 * BaruaCredentials:
 *
 * Secrets of webhooks and services by name (cli.md, `[credentials]`): read from files, never in
 * settings, answers or logs. Immutable.
 */
typedef struct _BaruaCredentials BaruaCredentials;

/**
 * barua_credentials_load:
 * @files: (element-type utf8 utf8): name -> file; a relative one is looked for in systemd's
 *   `$CREDENTIALS_DIRECTORY` when there is one
 * @error: a file that cannot be read, or has no text in its first line; the message names both, and no secret
 *
 * Returns: (transfer full): the first line of each file, without white space around it
 */
BaruaCredentials *barua_credentials_load (GHashTable *files, GError **error);

/** (transfer full): where a file is that the configuration names: a relative name is that of one of systemd's
 * credentials, where there are any. */
char *barua_credentials_path (const char *file);

/** Main thread only, as are the references. */
BaruaCredentials *barua_credentials_ref (BaruaCredentials *credentials);

/** Overwrites the secrets with the last reference. @credentials: (nullable) */
void barua_credentials_unref (BaruaCredentials *credentials);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaCredentials, barua_credentials_unref)

/** (nullable): the secret of that name. @credentials: (nullable) */
const char *barua_credentials_get (const BaruaCredentials *credentials, const char *name);

/** Whether @given is the secret of that name; takes as long whatever it is. FALSE without such a secret. */
gboolean barua_credentials_match (const BaruaCredentials *credentials, const char *name, BaruaText given);

G_END_DECLS
