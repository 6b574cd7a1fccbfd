/* SPDX-License-Identifier: MIT */

/* Listings of the queue: rows of several index ranges, merged by due time and number, so that no
 * page costs more than another. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <sqlite3.h>

/* Rows that one page looks at, in all ranges together; each range may look at one page's worth in
 * any case. */
#define MAX_LOOKED_AT 20000

/* One range of an index: a state or a recipient, and what is due in a span or at one time. */
typedef struct
{
  BaruaSql which;
  BaruaTaskState state;
  BaruaText to; /* absent: by state */
  gboolean is_at;
  gint64 due_ms; /* after this, or at it; G_MAXINT64 at no time */
  gint64 number; /* at one time: after this */
} Range;

/* What the ranges gave so far. */
typedef struct
{
  const BaruaOutboxQuery *query;
  GArray *places;           /* of BaruaOutboxPlace */
  gint64 until_ms;          /* nothing from here on is on the page */
  guint budget;             /* rows that a range may look at */
  BaruaOutboxPlace reached; /* behind this a range has not looked */
  gboolean is_cut;
} Merge;

static int
compare_places (gconstpointer a, gconstpointer b)
{
  const BaruaOutboxPlace *x = a;
  const BaruaOutboxPlace *y = b;

  if (x->due_ms != y->due_ms)
    return x->due_ms < y->due_ms ? -1 : 1;
  return x->number < y->number ? -1 : x->number > y->number;
}

/* Whether the row that @row stands on is asked for. */
static gboolean
is_wanted (const BaruaOutboxQuery *query, BaruaStatement *row)
{
  if (query->state != BARUA_N_TASK_STATES && sqlite3_column_int (row, 2) != (int)query->state)
    return FALSE;
  if (query->account != NULL
      && !barua_text_equal (barua_column_text (row, 3), barua_text (query->account)))
    return FALSE;
  return !query->has_reference || sqlite3_column_type (row, 4) != SQLITE_NULL;
}

static void
bind_range (BaruaStatement *statement, const Range *range, const Merge *merge)
{
  if (range->to.p != NULL)
    barua_bind_text (statement, 1, range->to);
  else
    sqlite3_bind_int (statement, 1, (int)range->state);
  if (range->is_at && range->due_ms == G_MAXINT64)
    sqlite3_bind_null (statement, 2);
  else
    sqlite3_bind_int64 (statement, 2, range->due_ms);
  sqlite3_bind_int64 (statement, 3, range->is_at ? range->number : merge->until_ms);
}

/* Where @row stands. */
static BaruaOutboxPlace
place_of (BaruaStatement *row)
{
  const gboolean is_timeless = sqlite3_column_type (row, 1) == SQLITE_NULL;

  return (BaruaOutboxPlace){ is_timeless ? G_MAXINT64 : sqlite3_column_int64 (row, 1),
                             sqlite3_column_int64 (row, 0) };
}

/* Notes that a range ends at @place though it goes on. */
static void
cut_at (Merge *merge, BaruaOutboxPlace place)
{
  if (!merge->is_cut || compare_places (&place, &merge->reached) < 0)
    merge->reached = place;
  merge->is_cut = TRUE;
}

/* Adds the first rows of one range. */
static gboolean
add_range (BaruaSqliteConnection *connection, const Range *range, Merge *merge, GError **error)
{
  g_autoptr (BaruaStatement) rows = barua_sqlite_statement (connection, range->which, error);
  gboolean has_row = FALSE;
  guint n = 0;

  if (rows == NULL)
    return FALSE;
  bind_range (rows, range, merge);
  for (guint looked_at = 1;; looked_at++)
    {
      if (!barua_statement_step (rows, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      const BaruaOutboxPlace place = place_of (rows);
      if (is_wanted (merge->query, rows))
        {
          g_array_append_val (merge->places, place);
          n++;
        }
      if (n > merge->query->limit) /* one more than the page: later rows cannot be on it */
        {
          if (place.due_ms < merge->until_ms)
            merge->until_ms = place.due_ms + 1;
          return TRUE;
        }
      if (looked_at >= merge->budget)
        {
          cut_at (merge, place);
          return TRUE;
        }
    }
}

/* Adds the ranges of one state or recipient: what is left of the due time where the last page
 * ended, what is due later, and what has no due time. */
static gboolean
add_ranges (BaruaSqliteConnection *connection, Range range, Merge *merge, GError **error)
{
  const BaruaOutboxQuery *query = merge->query;
  const BaruaOutboxPlace after = query->after;
  const BaruaSql at
      = range.which == BARUA_SQL_OUTBOX_TO ? BARUA_SQL_OUTBOX_TO_AT : BARUA_SQL_OUTBOX_OF_STATE_AT;
  Range rest = range;

  rest.which = at;
  rest.is_at = TRUE;
  rest.due_ms = after.due_ms;
  rest.number = after.number;
  if (after.due_ms > G_MININT64 && after.due_ms >= query->from_ms && after.due_ms < query->until_ms
      && !add_range (connection, &rest, merge, error))
    return FALSE;
  range.due_ms = MAX (after.due_ms, query->from_ms == G_MININT64 ? G_MININT64 : query->from_ms - 1);
  if (after.due_ms < G_MAXINT64 && !add_range (connection, &range, merge, error))
    return FALSE;
  rest.due_ms = G_MAXINT64;
  rest.number = after.due_ms == G_MAXINT64 ? after.number : 0;
  return query->from_ms != G_MININT64 || query->until_ms != G_MAXINT64
         || add_range (connection, &rest, merge, error);
}

/* Walks all ranges that the query needs. */
static gboolean
merge_ranges (BaruaSqliteConnection *connection, Merge *merge, GError **error)
{
  const BaruaOutboxQuery *query = merge->query;
  const gboolean is_one = query->state != BARUA_N_TASK_STATES;
  const guint n = query->n_to > 0 ? query->n_to : is_one ? 1 : BARUA_N_TASK_STATES;

  merge->budget = MAX (MAX_LOOKED_AT / n, query->limit + 1);
  for (guint i = 0; i < n; i++)
    {
      const Range range = {
        .which = query->n_to > 0 ? BARUA_SQL_OUTBOX_TO : BARUA_SQL_OUTBOX_OF_STATE,
        .state = is_one ? query->state : (BaruaTaskState)i,
        .to = query->n_to > 0 ? query->to[i] : (BaruaText){ NULL, 0 },
      };
      if (!add_ranges (connection, range, merge, error))
        return FALSE;
    }
  g_array_sort (merge->places, compare_places);
  return TRUE;
}

/* Leaves what is on the page; *@next is where it ends, and the answer whether more may follow. */
static gboolean
end_page (Merge *merge, BaruaOutboxPlace *next)
{
  GArray *places = merge->places;
  guint n = 0;

  while (
      n < places->len
      && (!merge->is_cut
          || compare_places (&g_array_index (places, BaruaOutboxPlace, n), &merge->reached) <= 0))
    n++;
  const gboolean is_full = n > merge->query->limit;
  g_array_set_size (places, is_full ? merge->query->limit : n);
  if (is_full)
    *next = g_array_index (places, BaruaOutboxPlace, places->len - 1);
  else if (merge->is_cut)
    *next = merge->reached;
  return is_full || merge->is_cut;
}

/* The message that @row stands on; columns of OUTBOX_GET. */
static BaruaQueuedMessage *
read_message (BaruaStatement *row)
{
  BaruaQueuedMessage message
      = { .uuid = barua_column_text (row, 0),
          .to = barua_column_text (row, 1),
          .content = barua_column_text (row, 2),
          .state = (BaruaTaskState)sqlite3_column_int (row, 4),
          .due_ms = sqlite3_column_type (row, 5) == SQLITE_NULL ? BARUA_NO_TIME
                                                                : sqlite3_column_int64 (row, 5),
          .handouts = (guint)sqlite3_column_int (row, 6),
          .account = barua_column_text (row, 7),
          .document_id = barua_column_text (row, 8),
          .gateway_ref = barua_column_text (row, 9) };

  barua_message_path_read (barua_column_text (row, 3), &message.path);
  return barua_message_new (&message);
}

/* Appends the messages that @rows gives. */
static gboolean
add_messages (BaruaStatement *rows, GPtrArray *messages, GError **error)
{
  gboolean has_row = FALSE;

  for (;;)
    {
      if (!barua_statement_step (rows, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      g_ptr_array_add (messages, read_message (rows));
    }
}

static gboolean
load_page (BaruaSqliteConnection *connection, const GArray *places, GPtrArray *messages,
           GError **error)
{
  for (guint i = 0; i < places->len; i++)
    {
      g_autoptr (BaruaStatement) get
          = barua_sqlite_statement (connection, BARUA_SQL_OUTBOX_GET, error);
      if (get == NULL)
        return FALSE;
      sqlite3_bind_int64 (get, 1, g_array_index (places, BaruaOutboxPlace, i).number);
      if (!add_messages (get, messages, error))
        return FALSE;
    }
  return TRUE;
}

static GPtrArray *
new_list (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify)barua_queued_message_free);
}

gboolean
barua_sqlite_outbox (BaruaReader *reader, const BaruaOutboxQuery *query, GPtrArray **messages,
                     BaruaOutboxPlace *next, gboolean *has_more, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (reader);
  g_autoptr (GArray) places = g_array_new (FALSE, FALSE, sizeof (BaruaOutboxPlace));
  g_autoptr (GPtrArray) found = new_list ();
  Merge merge = { .query = query, .places = places, .until_ms = query->until_ms };

  if (!merge_ranges (connection, &merge, error))
    return FALSE;
  const gboolean more = end_page (&merge, next);
  if (!load_page (connection, places, found, error))
    return FALSE;
  *has_more = more;
  *messages = g_steal_pointer (&found);
  return TRUE;
}

gboolean
barua_sqlite_outbox_of_reference (BaruaReader *reader, BaruaText ref, GPtrArray **messages,
                                  GError **error)
{
  g_autoptr (BaruaStatement) rows = barua_sqlite_statement (barua_sqlite_connection (reader),
                                                            BARUA_SQL_OUTBOX_BY_REFERENCE, error);
  g_autoptr (GPtrArray) found = new_list ();

  if (rows == NULL)
    return FALSE;
  sqlite3_bind_int64 (rows, 1, barua_sqlite_of (reader)->default_dbnum);
  barua_bind_text (rows, 2, ref);
  if (!add_messages (rows, found, error))
    return FALSE;
  *messages = g_steal_pointer (&found);
  return TRUE;
}

gboolean
barua_sqlite_outbox_hold (BaruaTx *tx, BaruaText uuid, const char *holder, gint64 until_ms,
                          GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (&tx->reader);
  BaruaStatement *hold = barua_sqlite_statement (connection, BARUA_SQL_OUTBOX_HOLD, error);

  if (hold == NULL)
    return FALSE;
  sqlite3_bind_int64 (hold, 1, barua_sqlite_of (&tx->reader)->default_dbnum);
  barua_bind_text (hold, 2, uuid);
  barua_bind_text (hold, 3, barua_text (holder));
  sqlite3_bind_int64 (hold, 4, until_ms);
  return barua_statement_run (hold, error);
}
