/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/rules/tree.h"
#include "gateway/store/store.h"

G_BEGIN_DECLS

/* Revision trees: what replication writes and asks (documents.md 4, 8.5). */

/** Hashes that one #BaruaRevisionPath may have; older ones are not looked at. */
#define BARUA_REVISION_PATH_MAX 1000

/**
 * BaruaRevisionPath:
 * @start: generation of the first hash
 * @hashes: (array length=n_hashes): newest first, at least one; each generation is one less than
 *   the one before. A path of `_rev` alone has one.
 *
 * The `_revisions` of a replicated document.
 */
typedef struct
{
  gint64 start;
  const BaruaText *hashes;
  gsize n_hashes;
} BaruaRevisionPath;

/**
 * barua_tx_put_revision:
 * @edit: id, body, attachments and flags of the newest revision; its @rev and @gateway_ref are not
 *   looked at; a stub means the attachment of the nearest known ancestor
 * @path: the newest revision and its ancestors
 * @written: (out) (optional): @rev stays empty (the hash may be of any length); @seq is 0 when the
 *   revision was known already and nothing was written
 * @error: %BARUA_STORE_ERROR_NOT_FOUND (no such database), %BARUA_STORE_ERROR_INVALID,
 *   %BARUA_STORE_ERROR_INVALID_REV (an empty hash, NUL in it, or more hashes than @start),
 *   %BARUA_STORE_ERROR_MISSING_STUB, %BARUA_STORE_ERROR_FULL, %BARUA_STORE_ERROR_FAILED
 *
 * Merges a revision made elsewhere into the tree (`new_edits:false`); never a conflict.
 */
gboolean barua_tx_put_revision (BaruaTx *tx, const BaruaEdit *edit, const BaruaRevisionPath *path,
                                BaruaWritten *written, GError **error);

/**
 * barua_reader_get_tree:
 * @error: %BARUA_STORE_ERROR_NOT_FOUND when there never was such a document
 *
 * Returns: (transfer full): all its revisions, also those of a deleted document
 */
BaruaTree *barua_reader_get_tree (BaruaReader *reader, const char *db, BaruaText id,
                                  GError **error);

/**
 * BaruaAskedRevisions:
 * @revs: (array length=n_revs): as `N-hash`
 *
 * One entry of `_revs_diff`.
 */
typedef struct
{
  BaruaText id;
  const BaruaText *revs;
  gsize n_revs;
} BaruaAskedRevisions;

/**
 * BaruaMissingFunc:
 * @asked: the entry, one that has something missing
 * @missing: (array length=n_missing): indices in the revs of @asked, in their order
 * @ancestors: (array length=n_ancestors): `possible_ancestors` (documents.md 8.5), as `N-hash`
 *
 * Everything is borrowed for the call.
 */
typedef void (*BaruaMissingFunc) (const BaruaAskedRevisions *asked, const gsize *missing,
                                  gsize n_missing, const BaruaText *ancestors, gsize n_ancestors,
                                  gpointer data);

/**
 * barua_reader_missing_revisions:
 * @error: %BARUA_STORE_ERROR_NOT_FOUND (no such database), %BARUA_STORE_ERROR_INVALID_REV
 *
 * Tells which of many revisions are not known, in the order asked. Known is any revision of the
 * tree, leaf or not, body or not.
 */
gboolean barua_reader_missing_revisions (BaruaReader *reader, const char *db,
                                         const BaruaAskedRevisions *asked, gsize n_asked,
                                         BaruaMissingFunc func, gpointer data, GError **error);

G_END_DECLS
