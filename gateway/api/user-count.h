/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/app.h"

G_BEGIN_DECLS

/** More documents than this are said to be too many for a phone (users.md 9.1). */
#define BARUA_USER_DOCUMENTS_LIMIT 10000

/** Where the figures of users.md 9.2 are kept: documents of this id and the user's name, in
 * %BARUA_DB_SENTINEL. */
#define BARUA_USER_COUNT_ID "replication-count-"

/**
 * BaruaUserCounted:
 * @is_offline: whether a user of the store that was asked for by name is there, and offline
 * @error: (nullable): of the store
 */
typedef void (*BaruaUserCounted) (gboolean is_offline, gint64 total, const GError *error,
                                  gpointer data);

/**
 * barua_user_count:
 * @name: (nullable): a user whose roles and place are looked up; %NULL: as the others say
 * @facility: (nullable): id of a place
 * @roles: (nullable) (array zero-terminated=1)
 * @counted: in the main thread, once
 *
 * Counts the documents such a user would hold (users.md 9.1). Contacts and records are counted by
 * views, on a reading thread. A figure that was asked for by name is kept, if it is another one than
 * before or that is more than a day old (9.2).
 */
void barua_user_count (BaruaApp *app, const char *name, const char *facility, char **roles,
                       BaruaUserCounted counted, gpointer data);

/** An account has signed in: if it is an offline one, its figure is brought up to date in the
 * background (users.md 9.2); `counting` of #BaruaApp has the names of those under way. */
void barua_user_count_note (BaruaApp *app, const char *name);

G_END_DECLS
