/* SPDX-License-Identifier: MIT */

/* The feed of changes: pages of documents in the order of their sequence numbers. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

/* Rows that are still to come are counted up to this number, and estimated beyond it. */
#define MAX_COUNTED 1000

/* A page as it goes on. */
typedef struct
{
  BaruaSqliteConnection *connection;
  const BaruaFeed *feed;
  BaruaFeedEnd *end;
  BaruaChangeFunc func;
  gpointer data;
  gint64 dbnum;
  gint64 n_given;
  gboolean is_stopped; /* by the caller */
  GString *text;       /* of the revisions of the row */
  GArray *revs;        /* of BaruaText */
  GArray *leaves;      /* of Leaf */
  BaruaArena *arena;   /* (nullable): of the attachments of the row */
} Page;

/* A leaf whose hash stands in the text of the page. */
typedef struct
{
  gint64 generation;
  gsize hash_at;
  gsize hash_length;
  gboolean is_deleted;
  const GString *text;
} Leaf;

/* Orders leaves, the winner first. */
static int
compare_leaves (gconstpointer a, gconstpointer b)
{
  const Leaf *left = a;
  const Leaf *right = b;
  const BaruaRevision left_rev
      = { left->generation, { left->text->str + left->hash_at, left->hash_length } };
  const BaruaRevision right_rev
      = { right->generation, { right->text->str + right->hash_at, right->hash_length } };

  return barua_revision_compare_leaves (left_rev, left->is_deleted, right_rev, right->is_deleted);
}

/* Reads the leaves of a document. */
static gboolean
read_leaves (Page *page, gint64 docnum, GError **error)
{
  g_autoptr (BaruaStatement) list
      = barua_sqlite_statement (page->connection, BARUA_SQL_REV_LEAVES, error);
  gboolean has_row = FALSE;

  if (list == NULL)
    return FALSE;
  sqlite3_bind_int64 (list, 1, docnum);
  for (;;)
    {
      if (!barua_statement_step (list, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      const BaruaText hash = barua_column_text (list, 1);
      const Leaf leaf = { sqlite3_column_int64 (list, 0), page->text->len, hash.n,
                          sqlite3_column_int (list, 2) != 0, page->text };
      g_string_append_len (page->text, hash.p, (gssize)hash.n);
      g_array_append_val (page->leaves, leaf);
    }
}

/* Writes all leaves as `N-hash`, the winner first. */
static gboolean
list_leaves (Page *page, gint64 docnum, GError **error)
{
  g_string_truncate (page->text, 0);
  g_array_set_size (page->leaves, 0);
  if (!read_leaves (page, docnum, error))
    return FALSE;
  g_array_sort (page->leaves, compare_leaves);
  g_array_set_size (page->revs, 0);
  for (guint i = 0; i < page->leaves->len; i++)
    {
      const Leaf *leaf = &g_array_index (page->leaves, Leaf, i);
      const gsize begin = page->text->len;
      g_string_append_printf (page->text, "%" G_GINT64_FORMAT "-", leaf->generation);
      g_string_append_len (page->text, page->text->str + leaf->hash_at, (gssize)leaf->hash_length);
      const BaruaText rev = { NULL, page->text->len - begin };
      g_array_append_val (page->revs, rev);
    }
  /* the text has stopped moving */
  gsize end = page->text->len;
  for (guint i = page->revs->len; i > 0; i--)
    {
      BaruaText *rev = &g_array_index (page->revs, BaruaText, i - 1);
      end -= rev->n;
      rev->p = page->text->str + end;
    }
  return TRUE;
}

/* Writes the winner as `N-hash`. */
static void
list_winner (Page *page, BaruaRevision winner)
{
  g_string_truncate (page->text, 0);
  barua_revision_append (page->text, winner);
  const BaruaText rev = { page->text->str, page->text->len };
  g_array_set_size (page->revs, 0);
  g_array_append_val (page->revs, rev);
}

/* Adds the winner's text and attachments; @body holds the text until it is reset. */
static gboolean
load_document (Page *page, BaruaStatement *row, BaruaChange *change, BaruaStatement **body,
               GError **error)
{
  const BaruaRevision winner = { sqlite3_column_int64 (row, 2), barua_column_text (row, 3) };
  gboolean has_row = FALSE;

  *body = barua_sqlite_statement (page->connection, BARUA_SQL_BODY_GET, error);
  if (*body == NULL)
    return FALSE;
  sqlite3_bind_int64 (*body, 1, sqlite3_column_int64 (row, 4));
  if (!barua_statement_step (*body, &has_row, error))
    return FALSE;
  change->body = has_row ? barua_column_blob (*body, 0) : (BaruaText){ NULL, 0 };
  if (page->arena != NULL)
    barua_arena_reset (page->arena);
  return barua_sqlite_list_attachments (page->connection, sqlite3_column_int64 (row, 8), winner,
                                        &page->arena, &change->attachments, &change->n_attachments,
                                        error);
}

/* Hands the row that @row stands on to the caller. */
static gboolean
give_row (Page *page, BaruaStatement *row, GError **error)
{
  const BaruaRevision winner = { sqlite3_column_int64 (row, 2), barua_column_text (row, 3) };
  g_autoptr (BaruaStatement) body = NULL;
  BaruaChange change = { .seq = sqlite3_column_int64 (row, 0),
                         .id = barua_column_text (row, 1),
                         .is_deleted = sqlite3_column_int (row, 5) != 0,
                         .n_leaves = sqlite3_column_int64 (row, 6) };

  page->end->last_seq = change.seq;
  if (!page->feed->includes_hidden && sqlite3_column_int (row, 7) != 0)
    return TRUE;
  if (page->feed->includes_leaves && change.n_leaves > 1)
    {
      if (!list_leaves (page, sqlite3_column_int64 (row, 8), error))
        return FALSE;
    }
  else
    list_winner (page, winner);
  change.revs = (const BaruaText *)(gconstpointer)page->revs->data;
  change.n_revs = page->revs->len;
  if (page->feed->includes_docs && !load_document (page, row, &change, &body, error))
    return FALSE;
  page->n_given++;
  page->is_stopped = !page->func (&change, page->data);
  return TRUE;
}

/* Whether the page has room for another row. */
static gboolean
wants_more (const Page *page)
{
  return !page->is_stopped && (page->feed->limit < 0 || page->n_given < page->feed->limit);
}

/* ---- all documents ---- */

/* Counts the rows behind a page. */
static gboolean
count_pending (Page *page, GError **error)
{
  g_autoptr (BaruaStatement) count
      = barua_sqlite_statement (page->connection, BARUA_SQL_CHANGES_PENDING, error);
  gboolean has_row;

  if (count == NULL)
    return FALSE;
  sqlite3_bind_int64 (count, 1, page->dbnum);
  sqlite3_bind_int64 (count, 2, page->end->last_seq);
  sqlite3_bind_int64 (count, 3, MAX_COUNTED);
  if (!barua_statement_step (count, &has_row, error))
    return FALSE;
  page->end->pending = sqlite3_column_int64 (count, 0);
  if (page->end->pending == MAX_COUNTED)
    page->end->pending = MAX (MAX_COUNTED, page->end->update_seq - page->end->last_seq);
  return TRUE;
}

/* Walks over all documents. */
static gboolean
walk_all (Page *page, gboolean *is_at_end, GError **error)
{
  const BaruaFeed *feed = page->feed;
  g_autoptr (BaruaStatement) walk = barua_sqlite_statement (
      page->connection, feed->is_descending ? BARUA_SQL_CHANGES_DOWN : BARUA_SQL_CHANGES_UP, error);
  gboolean has_row = FALSE;

  if (walk == NULL)
    return FALSE;
  sqlite3_bind_int64 (walk, 1, page->dbnum);
  sqlite3_bind_int64 (walk, 2, feed->is_descending ? 0 : feed->since);
  while (wants_more (page))
    {
      if (!barua_statement_step (walk, &has_row, error))
        return FALSE;
      if (!has_row)
        {
          *is_at_end = TRUE;
          return TRUE;
        }
      if (!give_row (page, walk, error))
        return FALSE;
    }
  return feed->is_descending || count_pending (page, error);
}

/* ---- chosen documents ---- */

/* Collects the sequence numbers of the ids of the feed. */
static gboolean
find_ids (Page *page, GArray *seqs, GError **error)
{
  for (gsize i = 0; i < page->feed->n_ids; i++)
    {
      g_autoptr (BaruaStatement) find = NULL;
      gboolean has_row = FALSE;
      BaruaSqliteDoc doc;
      if (!barua_sqlite_find_doc (page->connection, page->dbnum, page->feed->ids[i], &find,
                                  &has_row, &doc, error))
        return FALSE;
      if (has_row)
        g_array_append_val (seqs, doc.seq);
    }
  return TRUE;
}

/* Collects the sequence numbers of the design documents. */
static gboolean
find_design (Page *page, GArray *seqs, GError **error)
{
  g_autoptr (BaruaStatement) find
      = barua_sqlite_statement (page->connection, BARUA_SQL_CHANGES_DESIGN, error);
  gboolean has_row = FALSE;

  if (find == NULL)
    return FALSE;
  sqlite3_bind_int64 (find, 1, page->dbnum);
  for (;;)
    {
      if (!barua_statement_step (find, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      const gint64 seq = sqlite3_column_int64 (find, 0);
      g_array_append_val (seqs, seq);
    }
}

static int
compare_seqs (gconstpointer a, gconstpointer b)
{
  const gint64 left = *(const gint64 *)a;
  const gint64 right = *(const gint64 *)b;

  return (left > right) - (left < right);
}

/* Gives the document with this sequence number. */
static gboolean
give_seq (Page *page, gint64 seq, GError **error)
{
  g_autoptr (BaruaStatement) row
      = barua_sqlite_statement (page->connection, BARUA_SQL_CHANGES_AT, error);
  gboolean has_row = FALSE;

  if (row == NULL)
    return FALSE;
  sqlite3_bind_int64 (row, 1, page->dbnum);
  sqlite3_bind_int64 (row, 2, seq);
  return barua_statement_step (row, &has_row, error) && (!has_row || give_row (page, row, error));
}

/* Walks over the documents that the feed names. */
static gboolean
walk_chosen (Page *page, gboolean *is_at_end, GError **error)
{
  g_autoptr (GArray) seqs = g_array_new (FALSE, FALSE, sizeof (gint64));
  gint64 before = 0; /* an id that comes twice has one row */
  guint n = 0;

  if (page->feed->ids != NULL ? !find_ids (page, seqs, error) : !find_design (page, seqs, error))
    return FALSE;
  g_array_sort (seqs, compare_seqs);
  for (; n < seqs->len && wants_more (page); n++)
    {
      const guint at = page->feed->is_descending ? seqs->len - 1 - n : n;
      const gint64 seq = g_array_index (seqs, gint64, at);
      if (seq == before || (!page->feed->is_descending && seq <= page->feed->since))
        continue;
      before = seq;
      if (!give_seq (page, seq, error))
        return FALSE;
    }
  *is_at_end = n == seqs->len;
  page->end->pending = seqs->len - n;
  return TRUE;
}

gboolean
barua_sqlite_changes (BaruaReader *reader, const BaruaFeed *feed, BaruaFeedEnd *end,
                      BaruaChangeFunc func, gpointer data, GError **error)
{
  Page page = { .connection = barua_sqlite_connection (reader),
                .feed = feed,
                .end = end,
                .func = func,
                .data = data };
  gboolean is_at_end = FALSE;
  BaruaDatabaseInfo info;

  if (!barua_sqlite_database_info (reader, feed->db, &info, error)
      || !barua_sqlite_dbnum (page.connection, feed->db, &page.dbnum, error))
    return FALSE;
  *end = (BaruaFeedEnd){ .last_seq = MIN (feed->since, info.update_seq),
                         .update_seq = info.update_seq };
  page.text = g_string_new (NULL);
  page.revs = g_array_new (FALSE, FALSE, sizeof (BaruaText));
  page.leaves = g_array_new (FALSE, FALSE, sizeof (Leaf));
  const gboolean is_ok = feed->ids != NULL || feed->only_design
                             ? walk_chosen (&page, &is_at_end, error)
                             : walk_all (&page, &is_at_end, error);
  if (is_at_end && !page.is_stopped && !feed->is_descending)
    {
      end->last_seq = info.update_seq;
      end->pending = 0;
    }
  g_string_free (page.text, TRUE);
  g_array_unref (page.revs);
  g_array_unref (page.leaves);
  g_clear_pointer (&page.arena, barua_arena_free);
  return is_ok;
}
