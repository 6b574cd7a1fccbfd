/* SPDX-License-Identifier: MIT */

/* The tree of revisions of a document (documents.md 4). */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/tree.h"

void
barua_tree_free (BaruaTree *tree)
{
  g_free (tree);
}

int
barua_tree_find (const BaruaTree *tree, BaruaRevision rev)
{
  gsize low = 0;
  gsize high = tree->n_revisions;

  while (low < high)
    {
      const gsize middle = low + (high - low) / 2;
      const int order = barua_revision_compare (tree->revisions[middle].rev, rev);
      if (order == 0)
        return (int)middle;
      if (order < 0)
        low = middle + 1;
      else
        high = middle;
    }
  return -1;
}

gboolean
barua_tree_is_ancestor (const BaruaTree *tree, int ancestor, int index)
{
  /* parents stand before their children */
  while (index > ancestor)
    index = tree->revisions[index].parent;
  return index == ancestor && index >= 0;
}

int
barua_tree_latest (const BaruaTree *tree, int index)
{
  for (gsize i = 0; i < tree->n_leaves; i++)
    if (barua_tree_is_ancestor (tree, index, (int)tree->leaves[i]))
      return (int)tree->leaves[i];
  return index;
}
