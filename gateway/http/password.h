/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/** Hashes computed at the same time in this process; each takes 16 MiB for its duration. */
#define BARUA_PASSWORD_WORKERS 2

/**
 * barua_password_hash:
 * @error: a #GIOErrorEnum: no random bytes or no memory
 *
 * Blocks for tens of milliseconds: not for the main thread.
 *
 * Returns: (transfer full): crypt(5) text, yescrypt at libxcrypt's default cost (spec/users.md 10
 * no. 9)
 */
char *barua_password_hash (const char *password, GError **error);

/**
 * barua_password_verify:
 * @hash: (nullable): crypt(5) text; %NULL or one that nothing matches: does the same work and fails
 *
 * Blocks as barua_password_hash() does. Compares in constant time.
 */
gboolean barua_password_verify (const char *password, const char *hash);

/** Whether @hash was made by an older method or with lower cost than a new one would be. Fast. */
gboolean barua_password_is_outdated (const char *hash);

/**
 * barua_password_run:
 * @work: run in one of %BARUA_PASSWORD_WORKERS threads of low priority, in the order of the calls
 * @done: run in the main context afterwards
 *
 * Where passwords are hashed: never more at a time than there are workers.
 */
void barua_password_run (void (*work) (gpointer data), void (*done) (gpointer data), gpointer data);

/** Hashes on a worker. @callback: finish with barua_password_hash_finish(). Main thread. */
void barua_password_hash_async (const char *password, GAsyncReadyCallback callback, gpointer data);

/** Returns: (transfer full): see barua_password_hash() */
char *barua_password_hash_finish (GAsyncResult *result, GError **error);

/** Overwrites and frees a secret. */
void barua_secret_free (char *secret);

G_END_DECLS
