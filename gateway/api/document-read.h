/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/rules/tree.h"
#include "gateway/store/store-attachments.h"

G_BEGIN_DECLS

/**
 * BaruaShape:
 * @has_data: attachments come with their bytes instead of as stubs
 * @boundary: (nullable): with @has_data: documents with attachments come as multipart/related, the
 *   bytes in parts of their own with this between them (documents.md 12)
 * @since: (nullable) (array length=n_since): with @has_data: only those that came after the newest
 *   of these revisions that is an ancestor of the one shown (`atts_since`)
 *
 * What is shown of a document besides its text (documents.md 6.3). Initialise with {0}.
 */
typedef struct
{
  gboolean has_revisions;
  gboolean has_revs_info;
  gboolean has_conflicts;
  gboolean has_deleted_conflicts;
  gboolean has_local_seq;
  gboolean has_data;
  const char *boundary;
  const BaruaText *since;
  gsize n_since;
} BaruaShape;

/** Whether barua_document_append_shaped() needs the tree. */
gboolean barua_shape_needs_tree (const BaruaShape *shape, const BaruaDocument *document);

/**
 * barua_document_append_shaped:
 * @tree: (nullable): of the document; read if it is needed
 * @error: what @reader failed with
 *
 * Appends a document as it is served, its members in the order of documents.md 3, 2; with a
 * boundary, and when it has attachments, the whole of a multipart/related body.
 */
gboolean barua_document_append_shaped (GString *out, BaruaReader *reader, const char *db,
                                       const BaruaDocument *document, const BaruaTree *tree,
                                       const BaruaShape *shape, GError **error);

/** Whether barua_document_append_shaped() makes a multipart/related body of this document. */
gboolean barua_document_is_multipart (const BaruaDocument *document, const BaruaShape *shape);

/** Appends `N-hash` as a JSON string. */
void barua_append_revision_json (GString *out, BaruaRevision revision);

G_END_DECLS
