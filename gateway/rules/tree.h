/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/rules/revision.h"

G_BEGIN_DECLS

/**
 * BaruaTreeRevision:
 * @parent: index of the parent in the tree, -1 when none is known
 * @is_leaf: nothing continues it
 * @has_body: its text is kept; leaves always have one
 *
 * One known revision of a document.
 */
typedef struct
{
  BaruaRevision rev;
  int parent;
  gboolean is_leaf;
  gboolean is_deleted;
  gboolean has_body;
} BaruaTreeRevision;

/**
 * BaruaTree:
 * @revisions: (array length=n_revisions): by generation, then by the bytes of the hash
 * @leaves: (array length=n_leaves): indices of the leaves, in the order of documents.md 4: the
 *   winner first, live ones before deleted ones
 * @seq: of the document
 *
 * All that is known of the revisions of a document; made by the store, freed by
 * barua_tree_free().
 */
typedef struct
{
  BaruaTreeRevision *revisions;
  gsize n_revisions;
  guint *leaves;
  gsize n_leaves;
  gint64 seq;
  gboolean is_hidden;
} BaruaTree;

void barua_tree_free (BaruaTree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaTree, barua_tree_free)

/** Index of the winning revision. */
static inline guint
barua_tree_winner (const BaruaTree *tree)
{
  return tree->leaves[0];
}

/** Index of a revision; -1 when it is not known. Logarithmic. */
int barua_tree_find (const BaruaTree *tree, BaruaRevision rev);

/** Whether the revision of index @ancestor is @index itself or stands above it. */
gboolean barua_tree_is_ancestor (const BaruaTree *tree, int ancestor, int index);

/** Index of the first of the leaves that descend from @index, @index itself if it is one
 * (`latest=true`, documents.md 6.3). */
int barua_tree_latest (const BaruaTree *tree, int index);

G_END_DECLS
