/* SPDX-License-Identifier: MIT */

/* How many rows stand before a place, for the `offset` of a page (documents.md 6.1, 14.4).
 *
 * Counting them each time would cost more with every document. So each reading connection remembers
 * fences: places some 256 rows apart, and how many rows stand from each to the next. Before they
 * are used, those are marked between which something may have changed since: the snapshot says
 * which documents were changed (`doc_seq`), so where rows stand that may be new, and `moved` says
 * where rows of views stood that are gone. What is marked is counted again when it is needed, so
 * that the sum is exact for the snapshot; writes pay only for rows of views that move.
 *
 * A connection sees one snapshot after the other and never an older one. The writer's own does not
 * remember anything: what it sees may be rolled back. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite-view-rows.h"

#include <string.h>

#include <sqlite3.h>

/* Rows between two fences when they are set. */
#define ROWS_PER_FENCE 256

/* Longer sort keys are not remembered: neither as a fence nor as what moved. */
#define MAX_KEY_BYTES 1024

/* Counted ranges that a connection remembers; with more it begins anew. */
#define MAX_RANGES 64

/* The count of a fence that must be counted again. */
#define UNKNOWN (-1)

/* A bound above every sort key: these begin with small bytes. */
#define ABOVE_ALL BARUA_TEXT ("\xff")

/* Some rows: from the place of this fence to the next one. */
typedef struct
{
  char *bytes; /* of @k, then of @id */
  BaruaText k;
  BaruaText id;
  gint64 count;
} Fence;

/* The documents of a database, or the rows of a view. */
typedef struct
{
  gint64 dbnum;
  gint64 viewnum; /* 0: documents */
  gint64 seq;     /* documents changed since then may have rows that are not counted */
  gint64 moved;   /* the last number of `moved` that was looked at */
  GArray *fences; /* of Fence; the first is below everything */
} Range;

static void
clear_fence (gpointer data)
{
  g_free (((Fence *)data)->bytes);
}

static Fence
make_fence (BaruaText k, BaruaText id)
{
  Fence fence = { .bytes = g_malloc (k.n + id.n + 1), .count = UNKNOWN };

  memcpy (fence.bytes, k.p, k.n);
  memcpy (fence.bytes + k.n, id.p, id.n);
  fence.k = (BaruaText){ fence.bytes, k.n };
  fence.id = (BaruaText){ fence.bytes + k.n, id.n };
  return fence;
}

static Fence *
fence_at (const Range *range, guint i)
{
  return &g_array_index (range->fences, Fence, i);
}

static void
free_range (gpointer data)
{
  Range *range = data;

  g_array_unref (range->fences);
  g_free (range);
}

/* The order of a row, or a fence, and a place. */
static int
compare_to_place (BaruaText k, BaruaText id, const BaruaSqlitePlace *place)
{
  const int order = barua_text_compare (k, place->k);

  if (order != 0)
    return order;
  if (place->id.p == NULL)
    return place->is_above ? -1 : 1;
  return barua_text_compare (id, place->id);
}

/* The fence that a place stands behind. */
static guint
find_fence (const Range *range, const BaruaSqlitePlace *place)
{
  guint low = 0;
  guint high = range->fences->len;

  while (high - low > 1)
    {
      const guint middle = low + (high - low) / 2;
      const Fence *fence = fence_at (range, middle);
      if (compare_to_place (fence->k, fence->id, place) <= 0)
        low = middle;
      else
        high = middle;
    }
  return low;
}

/* ---- statements ---- */

/* Binds one bound of a range at parameter @i, and returns the next parameter. */
static int
bind_bound (BaruaStatement *statement, int i, const BaruaSqlitePlace *place)
{
  if (place->viewnum != 0)
    barua_bind_blob (statement, i++, place->k);
  if (place->id.p != NULL)
    barua_bind_text (statement, i, place->id);
  else if (place->is_above)
    sqlite3_bind_zeroblob (statement, i, 0); /* sorts behind every text */
  else
    barua_bind_text (statement, i, BARUA_TEXT (""));
  return i + 1;
}

/* Prepares one of two statements for the rows from @low to @high. */
static BaruaStatement *
open_between (BaruaSqliteConnection *connection, BaruaSql of_documents, BaruaSql of_view,
              const BaruaSqlitePlace *low, const BaruaSqlitePlace *high, GError **error)
{
  BaruaStatement *statement
      = barua_sqlite_statement (connection, low->viewnum != 0 ? of_view : of_documents, error);

  if (statement == NULL)
    return NULL;
  sqlite3_bind_int64 (statement, 1, low->viewnum != 0 ? low->viewnum : low->dbnum);
  bind_bound (statement, bind_bound (statement, 2, low), high);
  return statement;
}

/* Counts the rows from @low up to @high, that one included or not. */
static gboolean
count_between (BaruaSqliteConnection *connection, const BaruaSqlitePlace *low,
               const BaruaSqlitePlace *high, gboolean includes_high, gint64 *count, GError **error)
{
  gboolean has_row;
  g_autoptr (BaruaStatement) statement = open_between (
      connection, includes_high ? BARUA_SQL_DOC_COUNT_THROUGH : BARUA_SQL_DOC_COUNT,
      includes_high ? BARUA_SQL_VROW_COUNT_THROUGH : BARUA_SQL_VROW_COUNT, low, high, error);

  if (statement == NULL || !barua_statement_step (statement, &has_row, error))
    return FALSE;
  *count = sqlite3_column_int64 (statement, 0);
  return TRUE;
}

/* The place of a fence; behind the last one that above everything. */
static BaruaSqlitePlace
place_of (const Range *range, guint i)
{
  BaruaSqlitePlace place = { .dbnum = range->dbnum, .viewnum = range->viewnum };

  if (i < range->fences->len)
    {
      place.k = fence_at (range, i)->k;
      place.id = fence_at (range, i)->id;
      return place;
    }
  place.k = ABOVE_ALL;
  place.is_above = TRUE;
  return place;
}

/* The sort key in column @i; documents have none. */
static BaruaText
column_k (BaruaStatement *statement, int i)
{
  const BaruaText k = barua_column_blob (statement, i);

  return k.p != NULL ? k : BARUA_TEXT ("");
}

/* ---- what may have changed ---- */

/* Begins with one fence that nothing is known of. */
static void
forget_fences (Range *range)
{
  const Fence first = make_fence (BARUA_TEXT (""), BARUA_TEXT (""));

  g_array_set_size (range->fences, 0);
  g_array_append_val (range->fences, first);
}

/* Marks the fence that a row stands, or stood, behind. */
static void
mark (Range *range, BaruaText k, BaruaText id)
{
  const BaruaSqlitePlace place = { .k = k, .id = id };

  fence_at (range, find_fence (range, &place))->count = UNKNOWN;
}

/* Marks where rows of the view stood that are gone. */
static gboolean
mark_moved (BaruaSqliteConnection *connection, Range *range, GError **error)
{
  g_autoptr (BaruaStatement) list
      = barua_sqlite_statement (connection, BARUA_SQL_MOVED_SINCE, error);
  gboolean has_row = FALSE;

  if (list == NULL)
    return FALSE;
  sqlite3_bind_int64 (list, 1, range->moved);
  for (;;)
    {
      if (!barua_statement_step (list, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      const gint64 num = sqlite3_column_int64 (list, 0);
      const gint64 viewnum = sqlite3_column_int64 (list, 1);
      /* Some were thrown away before we saw them, or this one says that all is different. */
      if (num != range->moved + 1 || viewnum == 0)
        forget_fences (range);
      else if (viewnum == range->viewnum && column_k (list, 2).n == 0)
        forget_fences (range);
      else if (viewnum == range->viewnum)
        mark (range, column_k (list, 2), barua_column_text (list, 3));
      range->moved = num;
    }
}

/* A document that was changed. */
typedef struct
{
  Range *range;
  BaruaText id;
} Changed;

/* A #BaruaViewPlaceFunc: marks where a row of the view stands, or may stand. */
static gboolean
mark_place (gint64 viewnum, gint64 n, BaruaText k, gpointer data)
{
  const Changed *changed = data;

  if (viewnum == changed->range->viewnum)
    mark (changed->range, k, changed->id);
  return TRUE;
}

/* Marks where documents stand that were changed, or their rows in the view. */
static gboolean
mark_changed (BaruaSqliteConnection *connection, Range *range, GError **error)
{
  const gboolean is_view = range->viewnum != 0;
  g_autoptr (BaruaStatement) list = barua_sqlite_statement (
      connection, is_view ? BARUA_SQL_VDOC_CHANGED : BARUA_SQL_DOC_CHANGED, error);
  gboolean has_row = FALSE;

  if (list == NULL)
    return FALSE;
  sqlite3_bind_int64 (list, 1, range->dbnum);
  sqlite3_bind_int64 (list, 2, range->seq);
  for (;;)
    {
      if (!barua_statement_step (list, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      Changed changed = { range, barua_column_text (list, 0) };
      if (!is_view)
        mark (range, BARUA_TEXT (""), changed.id);
      for (int i = 1; is_view && i <= 2; i++)
        barua_view_places_walk (barua_column_blob (list, i), mark_place, &changed);
    }
}

/* Brings the marks up to this snapshot. */
static gboolean
refresh (BaruaSqliteConnection *connection, Range *range, gint64 seq, GError **error)
{
  if (!mark_moved (connection, range, error))
    return FALSE;
  /* When more was changed than is worth looking at one by one, all is counted again. */
  if (seq - range->seq > (gint64)range->fences->len * ROWS_PER_FENCE / 4)
    forget_fences (range);
  else if (seq != range->seq && !mark_changed (connection, range, error))
    return FALSE;
  range->seq = seq;
  return TRUE;
}

/* ---- counting ---- */

/* A row that was just seen. */
typedef struct
{
  GString *k;
  GString *id;
} LastRow;

static gboolean
is_same_row (const LastRow *last, BaruaText k, BaruaText id)
{
  return barua_text_equal (k, (BaruaText){ last->k->str, last->k->len })
         && barua_text_equal (id, (BaruaText){ last->id->str, last->id->len });
}

static void
set_row (LastRow *last, BaruaText k, BaruaText id)
{
  g_string_truncate (last->k, 0);
  g_string_truncate (last->id, 0);
  g_string_append_len (last->k, k.p, (gssize)k.n);
  g_string_append_len (last->id, id.p, (gssize)id.n);
}

/* Counts the rows of @walk into the fence no. @i, with new fences where there are many; it may end
 * behind @place, and leaves a fence there that nothing is known of. */
static gboolean
count_rows (Range *range, guint i, const BaruaSqlitePlace *place, BaruaStatement *walk,
            LastRow *last, GError **error)
{
  gboolean has_row = FALSE;
  gint64 n = 0;

  for (;;)
    {
      if (!barua_statement_step (walk, &has_row, error))
        return FALSE;
      fence_at (range, i)->count = has_row ? UNKNOWN : n;
      if (!has_row)
        return TRUE;
      const BaruaText k = column_k (walk, 0);
      const BaruaText id = barua_column_text (walk, 1);
      /* A view may have several rows of one key and document: these stay together. */
      if (n >= ROWS_PER_FENCE && k.n <= MAX_KEY_BYTES && !is_same_row (last, k, id))
        {
          const Fence next = make_fence (k, id);
          fence_at (range, i++)->count = n;
          n = 0;
          g_array_insert_val (range->fences, i, next);
          if (compare_to_place (k, id, place) > 0)
            return TRUE;
        }
      if (++n >= ROWS_PER_FENCE && k.n <= MAX_KEY_BYTES)
        set_row (last, k, id);
    }
}

/* Counts what stands behind the fence no. @i again. */
static gboolean
recount (BaruaSqliteConnection *connection, Range *range, guint i, const BaruaSqlitePlace *place,
         GError **error)
{
  const BaruaSqlitePlace low = place_of (range, i);
  const BaruaSqlitePlace high = place_of (range, i + 1);
  LastRow last = { g_string_new (NULL), g_string_new (NULL) };
  g_autoptr (BaruaStatement) walk
      = open_between (connection, BARUA_SQL_DOC_PLACES, BARUA_SQL_VROW_PLACES, &low, &high, error);
  const gboolean is_ok = walk != NULL && count_rows (range, i, place, walk, &last, error);

  g_string_free (last.k, TRUE);
  g_string_free (last.id, TRUE);
  if (is_ok && i > 0 && fence_at (range, i)->count == 0)
    g_array_remove_index (range->fences, i); /* the one before reaches as far now */
  return is_ok;
}

/* Adds up what stands before the fence of a place, which is known too when this is over. */
static gboolean
sum_before (BaruaSqliteConnection *connection, Range *range, const BaruaSqlitePlace *place,
            guint *at, gint64 *sum, GError **error)
{
  *sum = 0;
  *at = find_fence (range, place);
  for (guint i = 0; i <= *at;)
    {
      const gint64 count = fence_at (range, i)->count;
      if (count == UNKNOWN)
        {
          if (!recount (connection, range, i, place, error))
            return FALSE;
          *at = find_fence (range, place);
          continue; /* with what is no. i now */
        }
      if (i < *at)
        *sum += count;
      i++;
    }
  return TRUE;
}

/* The range of a place, as it is remembered, or as one that nothing is known of. */
static Range *
find_range (BaruaSqliteConnection *connection, const BaruaSqlitePlace *place, gint64 seq,
            GError **error)
{
  const gint64 number = place->viewnum != 0 ? place->viewnum : -place->dbnum;
  gboolean has_row;

  if (connection->places == NULL)
    connection->places = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, free_range);
  Range *range = g_hash_table_lookup (connection->places, &number);
  if (range != NULL)
    return range;

  g_autoptr (BaruaStatement) last
      = barua_sqlite_statement (connection, BARUA_SQL_MOVED_LAST, error);
  if (last == NULL || !barua_statement_step (last, &has_row, error))
    return NULL;
  if (g_hash_table_size (connection->places) >= MAX_RANGES)
    g_hash_table_remove_all (connection->places);
  range = g_new0 (Range, 1);
  *range = (Range){ .dbnum = place->dbnum,
                    .viewnum = place->viewnum,
                    .seq = seq,
                    .moved = sqlite3_column_int64 (last, 0),
                    .fences = g_array_new (FALSE, FALSE, sizeof (Fence)) };
  g_array_set_clear_func (range->fences, clear_fence);
  forget_fences (range);
  g_hash_table_insert (connection->places, g_memdup2 (&number, sizeof number), range);
  return range;
}

gboolean
barua_sqlite_count_before (BaruaSqliteConnection *connection, const BaruaSqlitePlace *place,
                           gint64 seq, gboolean includes_place, gint64 *count, GError **error)
{
  BaruaSqlitePlace low = { .dbnum = place->dbnum, .viewnum = place->viewnum, .k = BARUA_TEXT ("") };
  gint64 sum;
  guint at;

  if (connection->is_writer)
    return count_between (connection, &low, place, includes_place, count, error);

  Range *range = find_range (connection, place, seq, error);
  if (range == NULL || !refresh (connection, range, seq, error)
      || !sum_before (connection, range, place, &at, &sum, error))
    return FALSE;
  low = place_of (range, at);
  if (!count_between (connection, &low, place, includes_place, count, error))
    return FALSE;
  *count += sum;
  return TRUE;
}

/* ---- what the writer leaves behind ---- */

/* Rows of `moved` that are kept, and how often the older ones are thrown away. */
#define KEPT_MOVES 32768
#define MOVES_PER_CLEANING 1024

gboolean
barua_sqlite_note_move (BaruaSqliteConnection *connection, gint64 viewnum, BaruaText k,
                        BaruaText id, GError **error)
{
  BaruaStatement *insert = barua_sqlite_statement (connection, BARUA_SQL_MOVED_INSERT, error);

  if (insert == NULL)
    return FALSE;
  if (k.n > MAX_KEY_BYTES)
    return barua_sqlite_note_upheaval (connection, error);
  sqlite3_bind_int64 (insert, 1, viewnum);
  barua_bind_blob (insert, 2, k);
  barua_bind_text (insert, 3, id);
  if (!barua_statement_run (insert, error))
    return FALSE;
  const gint64 num = sqlite3_last_insert_rowid (connection->handle);
  if (num % MOVES_PER_CLEANING != 0)
    return TRUE;
  BaruaStatement *clean = barua_sqlite_statement (connection, BARUA_SQL_MOVED_FORGET, error);
  if (clean == NULL)
    return FALSE;
  sqlite3_bind_int64 (clean, 1, num - KEPT_MOVES);
  return barua_statement_run (clean, error);
}

gboolean
barua_sqlite_note_upheaval_of (BaruaSqliteConnection *connection, gint64 viewnum, GError **error)
{
  return barua_sqlite_note_move (connection, viewnum, BARUA_TEXT (""), BARUA_TEXT (""), error);
}

gboolean
barua_sqlite_note_upheaval (BaruaSqliteConnection *connection, GError **error)
{
  return barua_sqlite_note_move (connection, 0, BARUA_TEXT (""), BARUA_TEXT (""), error);
}
