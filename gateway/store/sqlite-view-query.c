/* SPDX-License-Identifier: MIT */

/* Questions to views: ranges of rows, and what they reduce to (documents.md 6.8). */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <string.h>

#include <sqlite3.h>

#include "gateway/rules/collation.h"
#include "gateway/rules/views.h"

/* A bound that sorts above every sort key: these begin with small bytes. */
#define ABOVE_ALL BARUA_TEXT ("\xff")

/* A question on its way. */
typedef struct
{
  BaruaSqliteConnection *connection;
  const BaruaViewQuery *query;
  BaruaViewFunc func;
  gpointer data;
  gint64 dbnum;
  gint64 viewnum;
  gint64 built; /* changes up to here are in the rows */
  gint64 n_skipped;
  gint64 n_given;
  gboolean is_stopped;
  GString *low; /* sort keys of the range */
  GString *high;
  GString *rev;
  BaruaArena *arena; /* (nullable): of the attachments of the row */

  /* Reduction only */
  BaruaReducer reducer;
  int group_level;
  gboolean has_group;
  BaruaReduction reduction;
  GString *group;      /* JSON */
  GString *group_key;  /* its sort key */
  GString *next_group; /* of the row at hand */
  GString *next_key;
} Question;

static gboolean
wants_more (const Question *q)
{
  return !q->is_stopped && (q->query->limit < 0 || q->n_given < q->query->limit);
}

/* Counts a row or a group that is to be skipped; FALSE when it is to be given. */
static gboolean
skip_one (Question *q)
{
  if (q->n_skipped >= q->query->skip)
    return FALSE;
  q->n_skipped++;
  return TRUE;
}

/* ---- the document of a row ---- */

/* Sets the document of a row, unless it is gone. @doc holds its texts, @body its text. */
static gboolean
load_document (Question *q, gint64 docnum, BaruaStatement *doc, BaruaStatement **body,
               BaruaViewRow *row, GError **error)
{
  const BaruaRevision winner = { sqlite3_column_int64 (doc, 1), barua_column_text (doc, 2) };
  gboolean has_row = FALSE;

  *body = barua_sqlite_statement (q->connection, BARUA_SQL_BODY_GET, error);
  if (*body == NULL)
    return FALSE;
  sqlite3_bind_int64 (*body, 1, sqlite3_column_int64 (doc, 3));
  if (!barua_statement_step (*body, &has_row, error))
    return FALSE;
  if (!has_row || sqlite3_column_int (doc, 4) != 0)
    return TRUE;
  g_string_truncate (q->rev, 0);
  barua_revision_append (q->rev, winner);
  row->rev = (BaruaText){ q->rev->str, q->rev->len };
  row->body = barua_column_blob (*body, 0);
  row->n_leaves = sqlite3_column_int64 (doc, 5);
  if (q->arena != NULL)
    barua_arena_reset (q->arena);
  return barua_sqlite_list_attachments (q->connection, docnum, winner, &q->arena, &row->attachments,
                                        &row->n_attachments, error);
}

/* Looks at the document of a row; *is_seen is FALSE when the caller must not see it. */
static gboolean
look_at_document (Question *q, gint64 docnum, BaruaStatement **doc, gboolean *is_seen,
                  GError **error)
{
  gboolean has_row = FALSE;

  *is_seen = TRUE;
  if (q->query->includes_hidden && !q->query->includes_docs)
    return TRUE;
  *doc = barua_sqlite_statement (q->connection, BARUA_SQL_DOC_BY_NUMBER, error);
  if (*doc == NULL)
    return FALSE;
  sqlite3_bind_int64 (*doc, 1, docnum);
  if (!barua_statement_step (*doc, &has_row, error))
    return FALSE;
  *is_seen = has_row && (q->query->includes_hidden || sqlite3_column_int (*doc, 6) == 0);
  return TRUE;
}

/* ---- ranges ---- */

/* One run of rows: all of a range, or those of one key. */
typedef struct
{
  BaruaText low;
  BaruaText high;
  BaruaText low_id; /* absent: below every id */
  BaruaText high_id;
  gboolean excludes_low; /* the row of exactly low and low_id */
  gboolean excludes_high;
} Range;

/* Binds a bound: a sort key, and an id or what is below or above every id. */
static void
bind_bound (BaruaStatement *statement, int i, BaruaText k, BaruaText id, gboolean is_above)
{
  barua_bind_blob (statement, i, k);
  if (id.p != NULL)
    barua_bind_text (statement, i + 1, id);
  else if (is_above)
    sqlite3_bind_zeroblob (statement, i + 1, 0); /* sorts behind every text */
  else
    barua_bind_text (statement, i + 1, BARUA_TEXT (""));
}

/* The range that the question names by start and end. */
static Range
range_of (Question *q)
{
  const BaruaViewQuery *query = q->query;
  const gboolean down = query->is_descending;
  const BaruaJson low = down ? query->end : query->start;
  const BaruaJson high = down ? query->start : query->end;
  const BaruaText low_id = down ? query->end_id : query->start_id;
  const BaruaText high_id = down ? query->start_id : query->end_id;
  Range range = { .low = BARUA_TEXT (""), .high = ABOVE_ALL };

  g_string_truncate (q->low, 0);
  g_string_truncate (q->high, 0);
  if (low.text != NULL)
    {
      barua_collation_append (q->low, low);
      range.low = (BaruaText){ q->low->str, q->low->len };
      range.low_id = low_id;
      range.excludes_low = down && query->excludes_end;
    }
  if (high.text != NULL)
    {
      barua_collation_append (q->high, high);
      range.high = (BaruaText){ q->high->str, q->high->len };
      range.high_id = high_id;
      range.excludes_high = !down && query->excludes_end;
    }
  return range;
}

/* Begins the walk over a range. */
static BaruaStatement *
open_range (Question *q, const Range *range, GError **error)
{
  BaruaStatement *walk = barua_sqlite_statement (
      q->connection, q->query->is_descending ? BARUA_SQL_VROW_DOWN : BARUA_SQL_VROW_UP, error);

  if (walk == NULL)
    return NULL;
  sqlite3_bind_int64 (walk, 1, q->viewnum);
  bind_bound (walk, 2, range->low, range->low_id, range->excludes_low);
  bind_bound (walk, 4, range->high, range->high_id, !range->excludes_high);
  return walk;
}

/* Whether a row is the one that an excluded bound names exactly. */
static gboolean
is_excluded (const Range *range, BaruaText k, BaruaText id)
{
  return (range->excludes_low && range->low_id.p != NULL && barua_text_equal (k, range->low)
          && barua_text_equal (id, range->low_id))
         || (range->excludes_high && range->high_id.p != NULL && barua_text_equal (k, range->high)
             && barua_text_equal (id, range->high_id));
}

/* What is done with a row. */
typedef gboolean (*RowVisitor) (Question *q, BaruaStatement *walk, GError **error);

/* Visits the rows of a range. */
static gboolean
visit_range (Question *q, const Range *range, RowVisitor visit, GError **error)
{
  g_autoptr (BaruaStatement) walk = open_range (q, range, error);
  gboolean has_row = FALSE;

  if (walk == NULL)
    return FALSE;
  while (wants_more (q))
    {
      if (!barua_statement_step (walk, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      if (!is_excluded (range, barua_column_blob (walk, 0), barua_column_text (walk, 1))
          && !visit (q, walk, error))
        return FALSE;
    }
  return TRUE;
}

/* The range of one key. */
static Range
range_of_key (Question *q, gsize i)
{
  const BaruaViewQuery *query = q->query;

  g_string_truncate (q->low, 0);
  barua_collation_append (q->low, query->keys[query->is_descending ? query->n_keys - 1 - i : i]);
  const BaruaText k = { q->low->str, q->low->len };
  return (Range){ .low = k, .high = k };
}

/* ---- rows ---- */

/* A #RowVisitor: hands a row to the caller. */
static gboolean
give_row (Question *q, BaruaStatement *walk, GError **error)
{
  const gint64 docnum = sqlite3_column_int64 (walk, 4);
  g_autoptr (BaruaStatement) doc = NULL;
  g_autoptr (BaruaStatement) body = NULL;
  gboolean is_seen;
  BaruaViewRow row = { .id = barua_column_text (walk, 1),
                       .key = barua_column_text (walk, 2),
                       .value = barua_column_text (walk, 3) };

  if (!look_at_document (q, docnum, &doc, &is_seen, error))
    return FALSE;
  if (!is_seen || skip_one (q))
    return TRUE;
  if (q->query->includes_docs && !load_document (q, docnum, doc, &body, &row, error))
    return FALSE;
  q->n_given++;
  q->is_stopped = !q->func (&row, q->data);
  return TRUE;
}

/* Counts the rows before a range in the direction of the question. */
static gboolean
count_before (Question *q, const Range *range, BaruaListingTotals *totals, GError **error)
{
  const gboolean down = q->query->is_descending;
  const BaruaSqlitePlace place = { .dbnum = q->dbnum,
                                   .viewnum = q->viewnum,
                                   .k = down ? range->high : range->low,
                                   .id = down ? range->high_id : range->low_id,
                                   .is_above = down };

  totals->offset = 0;
  if (q->query->start.text == NULL)
    return TRUE;
  if (!barua_sqlite_count_before (q->connection, &place, q->built, down, &totals->offset, error))
    return FALSE;
  if (down)
    totals->offset = totals->total_rows - totals->offset;
  return TRUE;
}

/* Sets the totals, but for the offset. */
static gboolean
find_totals (Question *q, BaruaReader *reader, BaruaListingTotals *totals, GError **error)
{
  BaruaDatabaseInfo info;
  gboolean has_row;
  g_autoptr (BaruaStatement) find
      = barua_sqlite_statement (q->connection, BARUA_SQL_VIEW_BUILT, error);

  if (find == NULL || !barua_sqlite_database_info (reader, q->query->db, &info, error)
      || !barua_sqlite_dbnum (q->connection, q->query->db, &q->dbnum, error))
    return FALSE;
  sqlite3_bind_int64 (find, 1, q->viewnum);
  if (!barua_statement_step (find, &has_row, error))
    return FALSE;
  totals->total_rows = has_row ? sqlite3_column_int64 (find, 1) : 0;
  q->built = MIN (info.update_seq, has_row ? sqlite3_column_int64 (find, 0) : 0);
  totals->update_seq = info.update_seq;
  totals->offset = 0;
  return TRUE;
}

/* Begins; @totals may be NULL. */
static gboolean
begin (Question *q, BaruaReader *reader, const BaruaViewQuery *query, guint view,
       BaruaListingTotals *totals, GError **error)
{
  *q = (Question){ .connection = barua_sqlite_connection (reader),
                   .query = query,
                   .viewnum = barua_sqlite_of (reader)->viewnums[view],
                   .low = g_string_new (NULL),
                   .high = g_string_new (NULL),
                   .rev = g_string_new (NULL),
                   .group = g_string_new (NULL),
                   .group_key = g_string_new (NULL),
                   .next_group = g_string_new (NULL),
                   .next_key = g_string_new (NULL) };
  return totals == NULL || find_totals (q, reader, totals, error);
}

static void
end (Question *q)
{
  GString *const strings[]
      = { q->low, q->high, q->rev, q->group, q->group_key, q->next_group, q->next_key };

  for (gsize i = 0; i < G_N_ELEMENTS (strings); i++)
    g_string_free (strings[i], TRUE);
  g_clear_pointer (&q->arena, barua_arena_free);
  barua_reduction_clear (&q->reduction);
}

/* Gives the rows that the question asks for. */
static gboolean
give_rows (Question *q, BaruaListingTotals *totals, GError **error)
{
  if (q->query->keys == NULL)
    {
      const Range range = range_of (q);
      if (totals != NULL && !count_before (q, &range, totals, error))
        return FALSE;
      if (totals != NULL)
        totals->offset = MIN (totals->offset + q->query->skip, totals->total_rows);
      return visit_range (q, &range, give_row, error);
    }
  for (gsize i = 0; i < q->query->n_keys && wants_more (q); i++)
    {
      const Range range = range_of_key (q, i);
      if (!visit_range (q, &range, give_row, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
barua_sqlite_view (BaruaReader *reader, const BaruaViewQuery *query, guint view,
                   BaruaListingTotals *totals, BaruaViewFunc func, gpointer data, GError **error)
{
  Question q;

  const gboolean is_ok = begin (&q, reader, query, view, totals, error)
                         && (q.func = func, q.data = data, give_rows (&q, totals, error));
  end (&q);
  return is_ok;
}

/* ---- reduction ---- */

/* Gives the group that is complete now. */
static void
give_group (Question *q)
{
  g_autoptr (GString) value = g_string_new (NULL);

  if (!q->has_group)
    return;
  q->has_group = FALSE;
  barua_reduction_end (&q->reduction, q->reducer, value);
  if (!wants_more (q) || skip_one (q))
    return;
  const BaruaViewRow row
      = { .key = { q->group->str, q->group->len }, .value = { value->str, value->len } };
  q->n_given++;
  q->is_stopped = !q->func (&row, q->data);
}

/* Sets the group of a row. */
static void
read_group (Question *q, BaruaText key)
{
  const BaruaJson json = { key.p, key.n };

  g_string_truncate (q->next_group, 0);
  g_string_truncate (q->next_key, 0);
  if (q->group_level == 0)
    g_string_append (q->next_group, "null");
  else if (q->group_level == BARUA_GROUP_EXACT)
    g_string_append_len (q->next_group, key.p, (gssize)key.n);
  else
    barua_view_append_group (q->next_group, json, (guint)q->group_level);
  barua_collation_append (q->next_key, (BaruaJson){ q->next_group->str, q->next_group->len });
}

/* A #RowVisitor: takes a row into its group. */
static gboolean
reduce_row (Question *q, BaruaStatement *walk, GError **error)
{
  const BaruaText value = barua_column_text (walk, 3);
  g_autoptr (BaruaStatement) doc = NULL;
  gboolean is_seen;

  if (!look_at_document (q, sqlite3_column_int64 (walk, 4), &doc, &is_seen, error))
    return FALSE;
  if (!is_seen)
    return TRUE;
  read_group (q, barua_column_text (walk, 2));
  if (q->has_group && !g_string_equal (q->group_key, q->next_key))
    give_group (q);
  if (!q->has_group)
    {
      g_string_assign (q->group, "");
      g_string_append_len (q->group, q->next_group->str, (gssize)q->next_group->len);
      g_string_assign (q->group_key, "");
      g_string_append_len (q->group_key, q->next_key->str, (gssize)q->next_key->len);
      q->has_group = TRUE;
    }
  barua_reduction_add (&q->reduction, q->reducer, (BaruaJson){ value.p, value.n });
  return TRUE;
}

/* Reduces what the question asks for. */
static gboolean
reduce_rows (Question *q, GError **error)
{
  if (q->query->keys == NULL)
    {
      const Range range = range_of (q);
      if (!visit_range (q, &range, reduce_row, error))
        return FALSE;
    }
  for (gsize i = 0; q->query->keys != NULL && i < q->query->n_keys && wants_more (q); i++)
    {
      const Range range = range_of_key (q, i);
      if (!visit_range (q, &range, reduce_row, error))
        return FALSE;
      if (q->group_level != 0)
        give_group (q);
    }
  give_group (q);
  return TRUE;
}

gboolean
barua_sqlite_reduce_view (BaruaReader *reader, const BaruaViewQuery *query, guint view,
                          int group_level, BaruaViewFunc func, gpointer data, GError **error)
{
  BaruaListingTotals totals;
  gboolean is_ok;
  Question q;

  is_ok = begin (&q, reader, query, view, &totals, error);
  q.func = func;
  q.data = data;
  q.group_level = group_level;
  q.reducer = barua_view (view)->reducer;
  is_ok = is_ok && reduce_rows (&q, error);
  end (&q);
  return is_ok;
}
