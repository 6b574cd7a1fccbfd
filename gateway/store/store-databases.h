/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/store/store.h"

G_BEGIN_DECLS

/* Databases, local documents and definitions of indexes (documents.md 8.2, 8.7, 8.9). */

/**
 * barua_tx_create_database:
 * @error: %BARUA_STORE_ERROR_EXISTS, %BARUA_STORE_ERROR_INVALID (see
 *   barua_database_name_is_valid())
 */
gboolean barua_tx_create_database (BaruaTx *tx, const char *db, GError **error);

/**
 * barua_tx_drop_database:
 * @error: %BARUA_STORE_ERROR_NOT_FOUND; %BARUA_STORE_ERROR_FORBIDDEN for the default one and
 *   `_users`
 *
 * Drops everything in it, in this transaction.
 */
gboolean barua_tx_drop_database (BaruaTx *tx, const char *db, GError **error);

/** All names, in byte order. @names: (out) (transfer full) (element-type utf8) */
gboolean barua_reader_list_databases (BaruaReader *reader, GPtrArray **names, GError **error);

/** Whether there is a database of that name. */
gboolean barua_reader_has_database (BaruaReader *reader, const char *db, gboolean *has,
                                    GError **error);

/** The `_security` object as it was put, or the default of documents.md 8.2.
 * @json: (out) (transfer full) */
gboolean barua_reader_get_security (BaruaReader *reader, const char *db, char **json,
                                    GError **error);
gboolean barua_tx_put_security (BaruaTx *tx, const char *db, BaruaText json, GError **error);

/** Ancestors kept for each leaf: 1000 unless it was set. */
gboolean barua_reader_get_revs_limit (BaruaReader *reader, const char *db, gint64 *limit,
                                      GError **error);

/** @limit: at least 1; it holds from the next write of a document on. */
gboolean barua_tx_put_revs_limit (BaruaTx *tx, const char *db, gint64 limit, GError **error);

/**
 * barua_store_compact_async:
 * @callback: (nullable)
 *
 * Drops the bodies of revisions that are no leaves, in slices with other jobs between them, and
 * gives free pages of the file back.
 */
void barua_store_compact_async (BaruaStore *store, const char *db, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer user_data);
gboolean barua_store_compact_finish (BaruaStore *store, GAsyncResult *result, GError **error);

/** Whether barua_store_compact_async() is at work on this database; in the thread that began it. */
gboolean barua_store_is_compacting (BaruaStore *store, const char *db);

/* Local documents: @id is with its prefix, `_local/x`; not empty behind it. */

/**
 * barua_reader_get_local:
 * @error: %BARUA_STORE_ERROR_NOT_FOUND
 *
 * Returns: (transfer full): its @rev is `0-k`
 */
BaruaDocument *barua_reader_get_local (BaruaReader *reader, const char *db, BaruaText id,
                                       GError **error);

/** Gets one local document, of the revision `0-k`, borrowed for the call; %FALSE ends the list. */
typedef gboolean (*BaruaLocalFunc) (BaruaText id, gint64 k, BaruaText body, gpointer data);

/** Those of a database from the id @from on, by their ids, upwards or downwards. */
gboolean barua_reader_list_local (BaruaReader *reader, const char *db, BaruaText from,
                                  gboolean is_descending, BaruaLocalFunc func, gpointer data,
                                  GError **error);

/**
 * barua_tx_put_local:
 * @rev: (nullable): absent: whatever is there is overwritten
 * @written: (out) (optional)
 * @error: %BARUA_STORE_ERROR_CONFLICT, %BARUA_STORE_ERROR_INVALID, %BARUA_STORE_ERROR_INVALID_REV,
 *   %BARUA_STORE_ERROR_NOT_FOUND (no such database)
 */
gboolean barua_tx_put_local (BaruaTx *tx, const char *db, BaruaText id, BaruaText rev,
                             BaruaText body, BaruaWritten *written, GError **error);

/** @rev: (nullable): as with barua_tx_put_local(). %BARUA_STORE_ERROR_NOT_FOUND without one. */
gboolean barua_tx_delete_local (BaruaTx *tx, const char *db, BaruaText id, BaruaText rev,
                                GError **error);

/* Definitions of Mango indexes. They are kept, not built: `_find` reads barua_reader_all_docs()
 * with bodies from the beginning and filters itself. */

/**
 * BaruaIndex:
 * @ddoc: with `_design/`
 * @def: JSON as it was put
 */
typedef struct
{
  BaruaText ddoc;
  BaruaText name;
  BaruaText def;
} BaruaIndex;

/** Gets one definition, borrowed for the call. */
typedef void (*BaruaIndexFunc) (const BaruaIndex *index, gpointer data);

/** Those of a database, by design document and name. */
gboolean barua_reader_list_indexes (BaruaReader *reader, const char *db, BaruaIndexFunc func,
                                    gpointer data, GError **error);

/** @is_new: (out): %FALSE: the same definition is there already. Another one of that name is
 * replaced. */
gboolean barua_tx_put_index (BaruaTx *tx, const char *db, const BaruaIndex *index, gboolean *is_new,
                             GError **error);

/** %BARUA_STORE_ERROR_NOT_FOUND when there is none. */
gboolean barua_tx_delete_index (BaruaTx *tx, const char *db, BaruaText ddoc, BaruaText name,
                                GError **error);

G_END_DECLS
