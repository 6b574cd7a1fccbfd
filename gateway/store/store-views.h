/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/store/store.h"

G_BEGIN_DECLS

/* Views (documents.md 6.8, 10). Which there are is in gateway/rules/views.h. */

/**
 * BaruaViewQuery:
 * @db: the database asked; a view belongs to the default one, or to `_users`
 * @ddoc: without `_design/`
 * @keys: (nullable) (array length=n_keys): JSON; rows of these keys in this order, the range below
 *   is then not looked at
 * @start: (nullable): first key in the direction of the listing
 * @end: (nullable): last key
 * @start_id: (nullable): `startkey_docid`; counts only with @start
 * @end_id: (nullable): `endkey_docid`; counts only with @end
 * @excludes_end: leave @end itself out
 * @limit: rows at most; negative for all
 * @includes_docs: rows have the document, as it is now
 * @includes_hidden: for administrators
 *
 * `key=` is @start and @end of the same value. Initialise with {0} and a @limit.
 */
typedef struct
{
  const char *db;
  const char *ddoc;
  const char *view;
  const BaruaJson *keys;
  gsize n_keys;
  BaruaJson start;
  BaruaJson end;
  BaruaText start_id;
  BaruaText end_id;
  gboolean excludes_end;
  gboolean is_descending;
  gboolean includes_docs;
  gboolean includes_hidden;
  gint64 skip;
  gint64 limit;
} BaruaViewQuery;

/**
 * BaruaViewRow:
 * @id: absent in a reduced row
 * @key: JSON as emitted; `null` in a reduced row without groups
 * @value: JSON
 * @rev: with @body, when documents are asked for
 *
 * One row, borrowed for the call.
 */
typedef struct
{
  BaruaText id;
  BaruaText key;
  BaruaText value;
  BaruaText rev;
  BaruaText body;
  const BaruaAttachment *attachments;
  gsize n_attachments;
  gint64 n_leaves;
} BaruaViewRow;

/** Gets one row; %FALSE ends the listing (which is no error). */
typedef gboolean (*BaruaViewFunc) (const BaruaViewRow *row, gpointer data);

/**
 * barua_store_catch_up_async:
 *
 * Has the writer index what a view has not seen yet, in slices; cheap when there is nothing. Then
 * read with barua_reader_view(). For `update=false` and `stale=ok` leave it out.
 */
void barua_store_catch_up_async (BaruaStore *store, const char *db, const char *ddoc,
                                 const char *view, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer user_data);

/** @error: %BARUA_STORE_ERROR_NOT_FOUND: the database, or such a view of it, does not exist;
 * %BARUA_STORE_ERROR_BUSY */
gboolean barua_store_catch_up_finish (BaruaStore *store, GAsyncResult *result, GError **error);

/** barua_store_catch_up_async() for callers that may block. Not from a job or query. */
gboolean barua_store_catch_up (BaruaStore *store, const char *db, const char *ddoc,
                               const char *view, GError **error);

/**
 * barua_reader_view:
 * @totals: (out) (optional): @total_rows of the view, @offset, @update_seq; filled in before the
 *   first row. %NULL saves counting
 * @error: %BARUA_STORE_ERROR_NOT_FOUND: as barua_store_catch_up_finish()
 *
 * Lists rows of a view, not reduced. Look-up views are always up to date; others as far as they
 * were caught up.
 */
gboolean barua_reader_view (BaruaReader *reader, const BaruaViewQuery *query,
                            BaruaListingTotals *totals, BaruaViewFunc func, gpointer data,
                            GError **error);

/** The group level of `group=true`. */
#define BARUA_GROUP_EXACT G_MAXINT

/**
 * barua_reader_reduce_view:
 * @group_level: 0 for one row, n for the first n elements of array keys, %BARUA_GROUP_EXACT; with
 *   keys 0 means one row over all of them
 * @error: %BARUA_STORE_ERROR_INVALID when the view has no reducer; else as barua_reader_view()
 *
 * Reduces the rows of a view; skip and limit count groups. No rows give no group.
 */
gboolean barua_reader_reduce_view (BaruaReader *reader, const BaruaViewQuery *query,
                                   int group_level, BaruaViewFunc func, gpointer data,
                                   GError **error);

G_END_DECLS
