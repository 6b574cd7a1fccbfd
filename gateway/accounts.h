/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/store/store.h"

G_BEGIN_DECLS

/**
 * barua_accounts_ensure_admin:
 * @password_file: (nullable): `--admin-password-file`
 *
 * Makes the account `admin` (role `_admin`) when there is no account at all (cli.md). Its password comes from
 * `BARUA_ADMIN_PASSWORD`, @password_file or the systemd credential `admin-password`; without any of them a
 * random one is printed to standard error, once. Blocks: for start-up.
 */
gboolean barua_accounts_ensure_admin (BaruaStore *store, const char *password_file, GError **error);

/** (transfer full): 20 of 32 letters and digits, from the kernel's random source; free with
 * barua_secret_free(). */
char *barua_accounts_random_password (GError **error);

G_END_DECLS
