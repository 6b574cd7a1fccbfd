/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/api/document-item.h"

G_BEGIN_DECLS

/**
 * barua_user_item_read:
 *
 * Takes the password material out of a document for `_users` and judges what a user document needs
 * (users.md 3): the outcome of @item is set when it is refused. Any thread.
 */
void barua_user_item_read (BaruaItem *item, BaruaArena *arena);

/** Hashes the password of @item, if it brought one. Blocks: for barua_password_run(). */
gboolean barua_user_item_hash (BaruaItem *item, GError **error);

/**
 * barua_user_item_apply:
 * @item: stored a moment ago
 *
 * Brings the account in line with its document: gives it the hash, and its login link the state
 * that `token_login` says; after a deletion ends account and sessions. In the job that stored @item.
 */
gboolean barua_user_item_apply (BaruaTx *tx, const BaruaItem *item, GError **error);

/** (nullable): the name of the account that the id of a user document is for. */
const char *barua_user_name_of_id (const char *id);

/** Overwrites and frees a password. */
void barua_user_secret_free (char *secret);

G_END_DECLS
