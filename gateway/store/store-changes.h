/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/store/store.h"

G_BEGIN_DECLS

/* The feed of changes (documents.md 8.4). */

/**
 * BaruaFeed:
 * @since: rows after this one; with @is_descending not looked at
 * @limit: rows at most, negative for all; 0 gives no rows, only the end
 * @includes_leaves: `style=all_docs`: all leaves, else the winner
 * @includes_docs: rows have the body of the winner
 * @includes_hidden: for administrators
 * @only_design: `_design/…` documents only
 * @ids: (nullable) (array length=n_ids): these documents only; %NULL for all
 *
 * What barua_reader_changes() reads. Initialise with {0} and a @limit.
 */
typedef struct
{
  const char *db;
  gint64 since;
  gint64 limit;
  gboolean is_descending;
  gboolean includes_leaves;
  gboolean includes_docs;
  gboolean includes_hidden;
  gboolean only_design;
  const BaruaText *ids;
  gsize n_ids;
} BaruaFeed;

/**
 * BaruaChange:
 * @revs: (array length=n_revs): as `N-hash`, the winner first
 * @is_deleted: the winner is a tombstone
 * @body: (nullable): of the winner, tombstone or not, when asked for
 * @attachments: (nullable) (array length=n_attachments): likewise
 * @n_leaves: of the document; with more than one it may have conflicts
 *
 * One row, borrowed for the call.
 */
typedef struct
{
  gint64 seq;
  BaruaText id;
  const BaruaText *revs;
  gsize n_revs;
  gboolean is_deleted;
  BaruaText body;
  const BaruaAttachment *attachments;
  gsize n_attachments;
  gint64 n_leaves;
} BaruaChange;

/** Gets one row; %FALSE ends the page behind it. May ask @reader for trees. */
typedef gboolean (*BaruaChangeFunc) (const BaruaChange *change, gpointer data);

/**
 * BaruaFeedEnd:
 * @last_seq: to continue from: of the last row that was looked at; at the end of the feed that of
 *   the database
 * @pending: rows after @last_seq, those that the filter leaves out may be among them
 * @update_seq: of the database
 */
typedef struct
{
  gint64 last_seq;
  gint64 pending;
  gint64 update_seq;
} BaruaFeedEnd;

/**
 * barua_reader_changes:
 * @end: (out)
 * @error: %BARUA_STORE_ERROR_NOT_FOUND when there is no such database
 *
 * Reads one page of changes, each document once, at its latest sequence number.
 */
gboolean barua_reader_changes (BaruaReader *reader, const BaruaFeed *feed, BaruaFeedEnd *end,
                               BaruaChangeFunc func, gpointer data, GError **error);

/** What a database has come to. */
typedef struct
{
  const char *db;
  gint64 seq;
} BaruaDatabaseNews;

/**
 * BaruaNews:
 * @databases: (array length=n_databases): each database with changes once, with its newest sequence
 *   number; also those made or dropped (with 0)
 * @settings_changed: the default database has a change in `settings`, a `messages-…` document, or
 *   one of type `form` (before or after the change)
 * @due_ms: the earliest due time of a task in state `scheduled` that was written; %G_MAXINT64 without
 *   one
 * @is_foreign: another process wrote into the file: everything may have changed, and @databases
 *   lists all of them
 */
typedef struct
{
  const BaruaDatabaseNews *databases;
  gsize n_databases;
  gint64 due_ms;
  gboolean settings_changed;
  gboolean is_foreign;
} BaruaNews;

/** Hears of commits; @news is borrowed for the call. */
typedef void (*BaruaWatchFunc) (const BaruaNews *news, gpointer data);

/**
 * barua_store_watch:
 * @func: (nullable): %NULL ends it; when this returns nothing more is called
 *
 * Calls @func in the thread-default main context of the caller, which is that of later calls too,
 * after each commit that changed documents; what was committed between two turns of the main loop
 * comes in one call. One watcher for a store. Results of jobs may arrive before or after it.
 */
void barua_store_watch (BaruaStore *store, BaruaWatchFunc func, gpointer data);

G_END_DECLS
