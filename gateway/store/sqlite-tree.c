/* SPDX-License-Identifier: MIT */

/* Trees of revisions: replication writes them, conflicts live in them (documents.md 4, 8.5). */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite-change.h"

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

/* A tree with several leaves is only looked through for old revisions this often: that takes the
 * time of reading all of it. */
#define STEM_GENERATIONS 64

/* ---- reading a tree ---- */

/* A row of `rev` with its texts at offsets of a buffer. */
typedef struct
{
  BaruaTreeRevision revision;
  gsize hash_at;
  gsize parent_at;
  gsize parent_length;
  gint64 body;
} Row;

/* The rows of a tree as they are read. */
typedef struct
{
  GArray *rows;  /* of Row */
  GString *text; /* their hashes */
} Rows;

/* Reads the rows of a document. */
static gboolean
read_rows (BaruaSqliteConnection *connection, gint64 docnum, Rows *rows, GError **error)
{
  g_autoptr (BaruaStatement) all = barua_sqlite_statement (connection, BARUA_SQL_REV_ALL, error);
  gboolean has_row = FALSE;

  if (all == NULL)
    return FALSE;
  sqlite3_bind_int64 (all, 1, docnum);
  for (;;)
    {
      if (!barua_statement_step (all, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      const BaruaText hash = barua_column_text (all, 1);
      const BaruaText parent = barua_column_text (all, 2);
      const Row row = { .revision = { .rev = { sqlite3_column_int64 (all, 0), { NULL, hash.n } },
                                      .parent = -1,
                                      .is_leaf = sqlite3_column_int (all, 3) != 0,
                                      .is_deleted = sqlite3_column_int (all, 4) != 0,
                                      .has_body = sqlite3_column_type (all, 5) != SQLITE_NULL },
                        .hash_at = rows->text->len,
                        .parent_at = rows->text->len + hash.n,
                        .parent_length = parent.n,
                        .body = sqlite3_column_int64 (all, 5) };
      g_string_append_len (rows->text, hash.p, (gssize)hash.n);
      if (parent.n > 0)
        g_string_append_len (rows->text, parent.p, (gssize)parent.n);
      g_array_append_val (rows->rows, row);
    }
}

/* Orders leaves; for sorting. */
static int
compare_leaves (const void *a, const void *b, void *data)
{
  const BaruaTree *tree = data;
  const BaruaTreeRevision *left = &tree->revisions[*(const guint *)a];
  const BaruaTreeRevision *right = &tree->revisions[*(const guint *)b];

  return barua_revision_compare_leaves (left->rev, left->is_deleted, right->rev, right->is_deleted);
}

/* Makes a tree of rows: one piece of memory. */
static BaruaTree *
build_tree (const Rows *rows)
{
  const gsize n = rows->rows->len;
  BaruaTree *tree = g_malloc0 (sizeof *tree + n * (sizeof *tree->revisions + sizeof *tree->leaves)
                               + rows->text->len);

  tree->revisions = (BaruaTreeRevision *)(tree + 1);
  tree->n_revisions = n;
  tree->leaves = (guint *)(tree->revisions + n);
  char *text = (char *)(tree->leaves + n);
  memcpy (text, rows->text->str, rows->text->len);
  for (gsize i = 0; i < n; i++)
    {
      const Row *row = &g_array_index (rows->rows, Row, i);
      tree->revisions[i] = row->revision;
      tree->revisions[i].rev.hash.p = text + row->hash_at;
    }
  for (gsize i = 0; i < n; i++)
    {
      const Row *row = &g_array_index (rows->rows, Row, i);
      const BaruaRevision parent
          = { row->revision.rev.generation - 1, { text + row->parent_at, row->parent_length } };
      if (row->parent_length > 0)
        tree->revisions[i].parent = barua_tree_find (tree, parent);
      if (row->revision.is_leaf)
        tree->leaves[tree->n_leaves++] = (guint)i;
    }
  g_qsort_with_data (tree->leaves, (int)tree->n_leaves, sizeof *tree->leaves, compare_leaves, tree);
  return tree;
}

static void
rows_init (Rows *rows)
{
  rows->rows = g_array_new (FALSE, FALSE, sizeof (Row));
  rows->text = g_string_new (NULL);
}

static void
rows_clear (Rows *rows)
{
  g_array_unref (rows->rows);
  g_string_free (rows->text, TRUE);
}

BaruaTree *
barua_sqlite_get_tree (BaruaReader *reader, const char *db, BaruaText id, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (reader);
  g_autoptr (BaruaStatement) find = NULL;
  gboolean has_row = FALSE;
  BaruaTree *tree = NULL;
  BaruaSqliteDoc doc;
  gint64 dbnum;
  Rows rows;

  if (!barua_sqlite_dbnum (connection, db, &dbnum, error)
      || !barua_sqlite_find_doc (connection, dbnum, id, &find, &has_row, &doc, error))
    return NULL;
  if (!has_row)
    {
      g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND, "missing");
      return NULL;
    }
  rows_init (&rows);
  if (read_rows (connection, doc.docnum, &rows, error))
    {
      tree = build_tree (&rows);
      tree->seq = doc.seq;
      tree->is_hidden = doc.is_hidden;
    }
  rows_clear (&rows);
  return tree;
}

/* ---- what is known ---- */

/* What is known of a revision. */
typedef struct
{
  gboolean is_known;
  gboolean is_leaf;
  gboolean has_parent; /* its parent is named */
} Known;

/* Looks for a row that names the revision as parent: it was there, and was forgotten. */
static gboolean
find_child (BaruaSqliteConnection *connection, gint64 docnum, BaruaRevision rev,
            gboolean *has_child, GError **error)
{
  g_autoptr (BaruaStatement) child
      = barua_sqlite_statement (connection, BARUA_SQL_REV_HAS_CHILD, error);

  if (child == NULL)
    return FALSE;
  rev.generation++;
  barua_bind_rev (child, docnum, rev);
  return barua_statement_step (child, has_child, error);
}

/* Looks a revision up. */
static gboolean
find_known (BaruaSqliteConnection *connection, gint64 docnum, BaruaRevision rev, Known *known,
            GError **error)
{
  g_autoptr (BaruaStatement) find = barua_sqlite_statement (connection, BARUA_SQL_REV_FIND, error);

  *known = (Known){ FALSE, FALSE, FALSE };
  if (find == NULL)
    return FALSE;
  barua_bind_rev (find, docnum, rev);
  if (!barua_statement_step (find, &known->is_known, error))
    return FALSE;
  if (known->is_known)
    {
      known->is_leaf = sqlite3_column_int (find, 0) != 0;
      known->has_parent = sqlite3_column_type (find, 1) != SQLITE_NULL;
    }
  return TRUE;
}

/* Whether a revision is in the tree, or was. */
static gboolean
is_known (BaruaSqliteConnection *connection, gint64 docnum, BaruaRevision rev, gboolean *is_known,
          GError **error)
{
  Known known;

  if (!find_known (connection, docnum, rev, &known, error))
    return FALSE;
  *is_known = known.is_known;
  return known.is_known || find_child (connection, docnum, rev, is_known, error);
}

/* ---- merging a path ---- */

/* The revision at @i of a path; @i 0 is the newest. */
static BaruaRevision
path_at (const BaruaRevisionPath *path, gsize i)
{
  return (BaruaRevision){ path->start - (gint64)i, path->hashes[i] };
}

/* Hashes of a path that are recorded: the limit is that of the ancestors. */
static gsize
path_length (const BaruaSqliteChange *change, const BaruaRevisionPath *path)
{
  return MIN (path->n_hashes, (gsize)change->database->revs_limit + 1);
}

/* Finds the nearest ancestor that is in the tree, for the stubs. */
static gboolean
find_ancestor (BaruaSqliteChange *change, const BaruaRevisionPath *path, GError **error)
{
  const gsize n = change->is_new ? 0 : path_length (change, path);
  Known known = { FALSE, FALSE, FALSE };

  for (gsize i = 1; i < n && !known.is_known; i++)
    {
      if (!find_known (change->connection, change->old.docnum, path_at (path, i), &known, error))
        return FALSE;
      if (known.is_known)
        change->parent = path_at (path, i);
    }
  return TRUE;
}

/* Runs a statement on a revision and, as its fourth parameter, the hash of its parent. */
static gboolean
run_with_parent (const BaruaSqliteChange *change, BaruaSql which, BaruaRevision rev,
                 BaruaText parent_hash, GError **error)
{
  BaruaStatement *statement = barua_sqlite_statement (change->connection, which, error);

  if (statement == NULL)
    return FALSE;
  barua_bind_rev (statement, change->docnum, rev);
  barua_bind_text (statement, 4, parent_hash);
  if (which == BARUA_SQL_REV_INSERT_ANCESTOR)
    sqlite3_bind_int64 (statement, 5, change->connection->now_ms);
  return barua_statement_run (statement, error);
}

/* Ends a leaf: the path goes on from it. */
static gboolean
supersede (BaruaSqliteChange *change, BaruaRevision rev, GError **error)
{
  BaruaStatement *statement
      = barua_sqlite_statement (change->connection, BARUA_SQL_REV_SUPERSEDE, error);

  if (statement == NULL)
    return FALSE;
  barua_bind_rev (statement, change->docnum, rev);
  change->leaves--;
  return barua_statement_run (statement, error);
}

/* Records one ancestor; *goes_on says whether those above it are to be recorded too. */
static gboolean
put_ancestor (BaruaSqliteChange *change, BaruaRevision rev, BaruaText parent_hash,
              gboolean *goes_on, GError **error)
{
  Known known = { FALSE, FALSE, FALSE };

  if (!change->is_new && !find_known (change->connection, change->docnum, rev, &known, error))
    return FALSE;
  *goes_on = !known.has_parent;
  if (!known.is_known)
    return run_with_parent (change, BARUA_SQL_REV_INSERT_ANCESTOR, rev, parent_hash, error);
  if (known.is_leaf && !supersede (change, rev, error))
    return FALSE;
  return known.has_parent || parent_hash.p == NULL
         || run_with_parent (change, BARUA_SQL_REV_LINK, rev, parent_hash, error);
}

/* Records the ancestors, and ends the leaf that the path goes on from. */
static gboolean
put_ancestors (BaruaSqliteChange *change, const BaruaRevisionPath *path, GError **error)
{
  const gsize n = path_length (change, path);
  gboolean goes_on = TRUE;

  for (gsize i = 1; i < n && goes_on; i++)
    {
      const BaruaText parent_hash
          = i + 1 < path->n_hashes ? path->hashes[i + 1] : (BaruaText){ NULL, 0 };
      if (!put_ancestor (change, path_at (path, i), parent_hash, &goes_on, error))
        return FALSE;
    }
  return TRUE;
}

/* Tells the caller what was written. */
static void
report (const BaruaSqliteChange *change, gint64 seq, BaruaWritten *written)
{
  if (written == NULL)
    return;
  memcpy (written->id, change->id.p, change->id.n);
  written->id[change->id.n] = '\0';
  written->rev[0] = '\0';
  written->seq = seq;
  written->docnum = change->docnum;
  written->is_new = change->is_new;
  written->wins = seq != 0 && barua_revision_compare (change->winner, change->rev) == 0;
}

gboolean
barua_sqlite_put_revision (BaruaTx *tx, const BaruaEdit *edit, const BaruaRevisionPath *path,
                           BaruaWritten *written, GError **error)
{
  BaruaSqliteChange change;
  gboolean was_known = FALSE;

  if (!barua_sqlite_change_begin (&change, tx, edit, edit->id, FALSE, error))
    return FALSE;
  change.rev = path_at (path, 0);
  if (!change.is_new
      && !is_known (change.connection, change.old.docnum, change.rev, &was_known, error))
    return FALSE;
  if (was_known)
    {
      report (&change, 0, written);
      return TRUE;
    }

  if (!find_ancestor (&change, path, error)
      || !barua_sqlite_change_resolve_attachments (&change, path->start, TRUE, error))
    return FALSE;
  change.leaves++;
  const BaruaText parent_hash = path->n_hashes > 1 ? path->hashes[1] : (BaruaText){ NULL, 0 };
  if (!barua_sqlite_change_number (&change, error) || !barua_sqlite_change_put_body (&change, error)
      || !put_ancestors (&change, path, error)
      || !barua_sqlite_change_put_leaf (&change, parent_hash, error)
      || !barua_sqlite_change_put_attachments (&change, error)
      || !barua_sqlite_change_end (&change, error))
    return FALSE;
  report (&change, change.database->seq, written);
  return TRUE;
}

/* ---- forgetting ---- */

gboolean
barua_sqlite_drop_text (BaruaSqliteConnection *connection, gint64 docnum, BaruaRevision rev,
                        gint64 body, GError **error)
{
  BaruaStatement *drop = barua_sqlite_statement (connection, BARUA_SQL_BODY_DELETE, error);

  if (drop == NULL)
    return FALSE;
  sqlite3_bind_int64 (drop, 1, body);
  return (body == 0 || barua_statement_run (drop, error))
         && barua_sqlite_drop_attachments (connection, docnum, rev, error);
}

/* Drops a revision as if it had never been known. */
static gboolean
forget (BaruaSqliteChange *change, BaruaRevision rev, gint64 body, GError **error)
{
  BaruaStatement *delete = barua_sqlite_statement (change->connection, BARUA_SQL_REV_DELETE, error);

  if (delete == NULL
      || !barua_sqlite_drop_text (change->connection, change->docnum, rev, body, error))
    return FALSE;
  barua_bind_rev (delete, change->docnum, rev);
  return barua_statement_run (delete, error);
}

/* Reads some revisions up to a generation that are no leaves. */
static gboolean
read_below (BaruaSqliteChange *change, gint64 generation, Rows *rows, GError **error)
{
  g_autoptr (BaruaStatement) below
      = barua_sqlite_statement (change->connection, BARUA_SQL_REV_BELOW, error);
  gboolean has_row = FALSE;

  if (below == NULL)
    return FALSE;
  sqlite3_bind_int64 (below, 1, change->docnum);
  sqlite3_bind_int64 (below, 2, generation);
  for (;;)
    {
      if (!barua_statement_step (below, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      const BaruaText hash = barua_column_text (below, 1);
      const Row row
          = { .revision = { .rev = { sqlite3_column_int64 (below, 0), { NULL, hash.n } } },
              .hash_at = rows->text->len,
              .body = sqlite3_column_int64 (below, 2) };
      g_string_append_len (rows->text, hash.p, (gssize)hash.n);
      g_array_append_val (rows->rows, row);
    }
}

/* Forgets what read_below() finds; *n says how many these were. */
static gboolean
forget_below (BaruaSqliteChange *change, gint64 generation, guint *n, GError **error)
{
  Rows rows;

  rows_init (&rows);
  gboolean is_ok = read_below (change, generation, &rows, error);
  for (guint i = 0; is_ok && i < rows.rows->len; i++)
    {
      const Row *row = &g_array_index (rows.rows, Row, i);
      BaruaRevision rev = row->revision.rev;
      rev.hash.p = rows.text->str + row->hash_at;
      is_ok = forget (change, rev, row->body, error);
    }
  *n = rows.rows->len;
  rows_clear (&rows);
  return is_ok;
}

/* Marks each revision that some leaf needs. */
static void
mark_needed (const BaruaTree *tree, gint64 limit, gboolean *is_needed)
{
  for (gsize i = 0; i < tree->n_leaves; i++)
    {
      int at = (int)tree->leaves[i];
      for (gint64 n = 0; n <= limit && at >= 0; n++)
        {
          is_needed[at] = TRUE;
          at = tree->revisions[at].parent;
        }
    }
}

/* Forgets what no leaf of a tree with several needs. */
static gboolean
stem_tree (BaruaSqliteChange *change, GError **error)
{
  gboolean is_ok;
  Rows rows;

  rows_init (&rows);
  is_ok = read_rows (change->connection, change->docnum, &rows, error);
  g_autoptr (BaruaTree) tree = build_tree (&rows);
  g_autofree gboolean *is_needed = g_new0 (gboolean, tree->n_revisions + 1);
  mark_needed (tree, change->database->revs_limit, is_needed);
  for (gsize i = 0; is_ok && i < tree->n_revisions; i++)
    if (!is_needed[i])
      is_ok
          = forget (change, tree->revisions[i].rev, g_array_index (rows.rows, Row, i).body, error);
  rows_clear (&rows);
  return is_ok;
}

gboolean
barua_sqlite_change_stem (BaruaSqliteChange *change, GError **error)
{
  const gint64 generation = change->rev.generation - change->database->revs_limit;
  guint n = 1;

  if (generation <= 0)
    return TRUE;
  if (change->leaves > 1)
    return change->rev.generation % STEM_GENERATIONS != 0 || stem_tree (change, error);
  while (n > 0)
    if (!forget_below (change, generation, &n, error))
      return FALSE;
  return TRUE;
}

/* ---- what is missing ---- */

/* Joins `N-hash` at the end of @text. */
static void
append_rev (GString *text, gint64 generation, BaruaText hash)
{
  barua_revision_append (text, (BaruaRevision){ generation, hash });
}

/* Collects the leaves below a generation: their texts, and where each ends. */
static gboolean
find_possible_ancestors (BaruaSqliteConnection *connection, gint64 docnum, gint64 below,
                         GString *text, GArray *ends, GError **error)
{
  g_autoptr (BaruaStatement) leaves
      = barua_sqlite_statement (connection, BARUA_SQL_REV_LEAVES, error);
  gboolean has_row = FALSE;

  if (leaves == NULL)
    return FALSE;
  sqlite3_bind_int64 (leaves, 1, docnum);
  for (;;)
    {
      if (!barua_statement_step (leaves, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      if (sqlite3_column_int64 (leaves, 0) >= below)
        continue;
      append_rev (text, sqlite3_column_int64 (leaves, 0), barua_column_text (leaves, 1));
      g_array_append_val (ends, text->len);
    }
}

/* What one entry of `_revs_diff` is answered with. */
typedef struct
{
  GArray *missing;   /* of gsize */
  GArray *ancestors; /* of BaruaText */
  GArray *ends;      /* of gsize */
  GString *text;
} Answer;

/* Collects the missing ones of one entry; the document has no number when there never was one. */
static gboolean
find_missing (BaruaSqliteConnection *connection, const BaruaAskedRevisions *asked, gint64 docnum,
              Answer *answer, gint64 *newest, GError **error)
{
  char folded[BARUA_REVISION_HASH_BYTES];

  *newest = 0;
  for (gsize i = 0; i < asked->n_revs; i++)
    {
      BaruaRevision rev;
      gboolean is_there = FALSE;
      if (!barua_revision_parse (asked->revs[i], &rev))
        {
          g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_INVALID_REV,
                               "Invalid rev format");
          return FALSE;
        }
      rev.hash = barua_revision_fold (rev.hash, folded);
      if (docnum != 0 && !is_known (connection, docnum, rev, &is_there, error))
        return FALSE;
      if (is_there)
        continue;
      g_array_append_val (answer->missing, i);
      *newest = MAX (*newest, rev.generation);
    }
  return TRUE;
}

/* Answers one entry. */
static gboolean
answer_one (BaruaSqliteConnection *connection, gint64 dbnum, const BaruaAskedRevisions *asked,
            Answer *answer, GError **error)
{
  gboolean has_row = FALSE;
  BaruaSqliteDoc doc = { 0 };
  gint64 newest;
  gsize begin = 0;
  {
    g_autoptr (BaruaStatement) find = NULL;
    if (!barua_sqlite_find_doc (connection, dbnum, asked->id, &find, &has_row, &doc, error))
      return FALSE;
  }

  g_array_set_size (answer->missing, 0);
  g_array_set_size (answer->ancestors, 0);
  g_array_set_size (answer->ends, 0);
  g_string_truncate (answer->text, 0);
  if (!find_missing (connection, asked, doc.docnum, answer, &newest, error)
      || (has_row && answer->missing->len > 0
          && !find_possible_ancestors (connection, doc.docnum, newest, answer->text, answer->ends,
                                       error)))
    return FALSE;
  for (guint i = 0; i < answer->ends->len; i++)
    {
      const gsize end = g_array_index (answer->ends, gsize, i);
      const BaruaText ancestor = { answer->text->str + begin, end - begin };
      g_array_append_val (answer->ancestors, ancestor);
      begin = end;
    }
  return TRUE;
}

gboolean
barua_sqlite_missing_revisions (BaruaReader *reader, const char *db,
                                const BaruaAskedRevisions *asked, gsize n_asked,
                                BaruaMissingFunc func, gpointer data, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (reader);
  g_autoptr (GArray) missing = g_array_new (FALSE, FALSE, sizeof (gsize));
  g_autoptr (GArray) ancestors = g_array_new (FALSE, FALSE, sizeof (BaruaText));
  g_autoptr (GArray) ends = g_array_new (FALSE, FALSE, sizeof (gsize));
  g_autoptr (GString) text = g_string_new (NULL);
  Answer answer = { missing, ancestors, ends, text };
  gint64 dbnum;

  if (!barua_sqlite_dbnum (connection, db, &dbnum, error))
    return FALSE;
  for (gsize i = 0; i < n_asked; i++)
    {
      if (!answer_one (connection, dbnum, &asked[i], &answer, error))
        return FALSE;
      if (missing->len > 0)
        func (&asked[i], (const gsize *)(gconstpointer)missing->data, missing->len,
              (const BaruaText *)(gconstpointer)ancestors->data, ancestors->len, data);
    }
  return TRUE;
}
