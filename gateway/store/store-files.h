/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/store/store.h"

G_BEGIN_DECLS

/* What is done with a store as a whole, from outside: the store need not be open, and barua_store_backup()
 * may run beside a server that writes.  All of it blocks, for as long as copying the file takes. */

/**
 * barua_store_backup:
 * @path: the database file
 * @target: must not exist yet
 * @error: %BARUA_STORE_ERROR_NOT_FOUND, %BARUA_STORE_ERROR_EXISTS, %BARUA_STORE_ERROR_FULL,
 *   %BARUA_STORE_ERROR_FAILED
 *
 * Writes the store as it is at one moment into a file of its own, without the gaps. When this returns
 * the copy is on the disk; when it fails there is no @target.
 */
gboolean barua_store_backup (const char *path, const char *target, GError **error);

/**
 * barua_store_restore:
 * @path: the database file, which need not exist
 * @backup: what barua_store_backup() wrote
 * @kept: (out) (transfer full) (nullable): where the former database is now; %NULL when there was none
 * @error: %BARUA_STORE_ERROR_LOCKED while a server uses @path; %BARUA_STORE_ERROR_NOT_FOUND,
 *   %BARUA_STORE_ERROR_TOO_NEW and %BARUA_STORE_ERROR_FAILED for a @backup that cannot be used
 *
 * Puts a sound copy of @backup in the place of the database; until the last step nothing of that changes.
 */
gboolean barua_store_restore (const char *path, const char *backup, char **kept, GError **error);

/**
 * barua_store_put_back:
 * @path: the database file
 * @copy: what barua_store_backup() wrote; it is there no more afterwards
 * @error: %BARUA_STORE_ERROR_LOCKED while a server uses @path; %BARUA_STORE_ERROR_NOT_FOUND,
 *   %BARUA_STORE_ERROR_FULL, %BARUA_STORE_ERROR_FAILED
 *
 * Gives @copy the name @path in one step; what was there is lost.
 */
gboolean barua_store_put_back (const char *path, const char *copy, GError **error);

/**
 * barua_store_schema:
 * @schema: (out): of the file
 * @known: (out) (optional): the newest that this program knows
 * @error: %BARUA_STORE_ERROR_NOT_FOUND, %BARUA_STORE_ERROR_FAILED
 *
 * The version of the tables in a file; opening the store brings it to @known.
 */
gboolean barua_store_schema (const char *path, int *schema, int *known, GError **error);

G_END_DECLS
