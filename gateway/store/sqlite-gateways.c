/* SPDX-License-Identifier: MIT */

/* What is known of gateway phones: routes, traffic, last polls; and what timers ask of the queue. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <sqlite3.h>

/* Numbers of rows that one slice of routing looks at: some milliseconds. */
#define REROUTE_SLICE 2000

/* ---- routes ---- */

BaruaText
barua_sqlite_route (BaruaSqliteConnection *connection, BaruaText to)
{
  const BaruaGatewayPlan *plan = connection->tx.reader.store->plan;
  const char *account = plan != NULL ? barua_gateway_plan_route (plan, to) : NULL;

  return account != NULL ? barua_text (account) : (BaruaText){ NULL, 0 };
}

gboolean
barua_sqlite_assign (BaruaSqliteConnection *connection, gint64 msgnum, BaruaText account,
                     GError **error)
{
  BaruaStatement *assign = barua_sqlite_statement (connection, BARUA_SQL_MSG_ASSIGN, error);

  if (assign == NULL)
    return FALSE;
  sqlite3_bind_int64 (assign, 1, msgnum);
  barua_bind_text (assign, 2, account);
  return barua_statement_run (assign, error);
}

/* A row whose account is to change. */
typedef struct
{
  gint64 msgnum;
  BaruaText account; /* of the plan */
} Move;

/* Collects the rows from @first on, below @last, whose account is not that of their route. */
static gboolean
collect_moves (BaruaSqliteConnection *connection, gint64 first, gint64 last, GArray *moves,
               GError **error)
{
  g_autoptr (BaruaStatement) slice
      = barua_sqlite_statement (connection, BARUA_SQL_MSG_SLICE, error);
  gboolean has_row = FALSE;

  if (slice == NULL)
    return FALSE;
  sqlite3_bind_int64 (slice, 1, first);
  sqlite3_bind_int64 (slice, 2, last);
  for (;;)
    {
      if (!barua_statement_step (slice, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      const Move move = { sqlite3_column_int64 (slice, 0),
                          barua_sqlite_route (connection, barua_column_text (slice, 1)) };
      if (!barua_text_equal (move.account, barua_column_text (slice, 2)))
        g_array_append_val (moves, move);
    }
}

/* The last row's number, 0 without any. */
static gboolean
last_number (BaruaSqliteConnection *connection, gint64 *number, GError **error)
{
  g_autoptr (BaruaStatement) last
      = barua_sqlite_statement (connection, BARUA_SQL_MSG_LAST_NUMBER, error);
  gboolean has_row = FALSE;

  if (last == NULL || !barua_statement_step (last, &has_row, error))
    return FALSE;
  *number = sqlite3_column_int64 (last, 0);
  return TRUE;
}

gboolean
barua_sqlite_reroute (BaruaTx *tx, gint64 *cursor, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (&tx->reader);
  g_autoptr (GArray) moves = g_array_new (FALSE, FALSE, sizeof (Move));
  const gint64 first = *cursor, end = first + REROUTE_SLICE;
  gint64 last = 0;

  if (!last_number (connection, &last, error)
      || !collect_moves (connection, first, end, moves, error))
    return FALSE;
  for (guint i = 0; i < moves->len; i++)
    {
      const Move *move = &g_array_index (moves, Move, i);
      if (!barua_sqlite_assign (connection, move->msgnum, move->account, error))
        return FALSE;
    }
  *cursor = end >= last ? -1 : end;
  return TRUE;
}

/* ---- traffic ---- */

gboolean
barua_sqlite_add_traffic (BaruaTx *tx, const char *account, gint64 minute,
                          const BaruaTraffic *traffic, GError **error)
{
  BaruaStatement *add = barua_sqlite_statement (barua_sqlite_connection (&tx->reader),
                                                BARUA_SQL_TRAFFIC_ADD, error);

  if (add == NULL)
    return FALSE;
  barua_bind_text (add, 1, barua_text (account));
  sqlite3_bind_int64 (add, 2, minute);
  sqlite3_bind_int64 (add, 3, traffic->segments);
  sqlite3_bind_int64 (add, 4, traffic->sent);
  sqlite3_bind_int64 (add, 5, traffic->failed);
  return barua_statement_run (add, error);
}

gboolean
barua_sqlite_traffic (BaruaReader *reader, const char *account, gint64 after, BaruaTraffic *sum,
                      GError **error)
{
  g_autoptr (BaruaStatement) add = barua_sqlite_statement (barua_sqlite_connection (reader),
                                                           BARUA_SQL_TRAFFIC_SUM, error);
  gboolean has_row = FALSE;

  if (add == NULL)
    return FALSE;
  barua_bind_text (add, 1, barua_text (account));
  sqlite3_bind_int64 (add, 2, after);
  if (!barua_statement_step (add, &has_row, error))
    return FALSE;
  *sum = (BaruaTraffic){ .segments = sqlite3_column_int64 (add, 0),
                         .sent = sqlite3_column_int64 (add, 1),
                         .failed = sqlite3_column_int64 (add, 2) };
  return TRUE;
}

gboolean
barua_sqlite_forget_traffic (BaruaTx *tx, gint64 until, GError **error)
{
  BaruaStatement *forget = barua_sqlite_statement (barua_sqlite_connection (&tx->reader),
                                                   BARUA_SQL_TRAFFIC_FORGET, error);

  if (forget == NULL)
    return FALSE;
  sqlite3_bind_int64 (forget, 1, until);
  return barua_statement_run (forget, error);
}

/* ---- phones ---- */

gboolean
barua_sqlite_put_phone (BaruaTx *tx, const char *account, gint64 polled_ms, gint64 received_ms,
                        GError **error)
{
  BaruaStatement *put = barua_sqlite_statement (barua_sqlite_connection (&tx->reader),
                                                BARUA_SQL_PHONE_PUT, error);

  if (put == NULL)
    return FALSE;
  barua_bind_text (put, 1, barua_text (account));
  sqlite3_bind_int64 (put, 2, polled_ms);
  if (received_ms > 0)
    sqlite3_bind_int64 (put, 3, received_ms);
  else
    sqlite3_bind_null (put, 3);
  return barua_statement_run (put, error);
}

gboolean
barua_sqlite_phones (BaruaReader *reader, BaruaPhoneFunc func, gpointer data, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (reader);
  g_autoptr (BaruaStatement) phones
      = barua_sqlite_statement (connection, BARUA_SQL_PHONE_LIST, error);
  g_autoptr (BaruaStatement) waiting
      = barua_sqlite_statement (connection, BARUA_SQL_MSG_WAITING, error);
  gboolean has_row = TRUE;

  while (phones != NULL && waiting != NULL && has_row)
    {
      if (!barua_statement_step (phones, &has_row, error))
        return FALSE;
      const BaruaPhoneRow row = { .account = barua_column_text (phones, 0),
                                  .polled_ms = sqlite3_column_int64 (phones, 1),
                                  .received_ms = sqlite3_column_int64 (phones, 2) };
      if (has_row)
        func (&row, data);
    }
  for (has_row = TRUE; phones != NULL && waiting != NULL && has_row;)
    {
      if (!barua_statement_step (waiting, &has_row, error))
        return FALSE;
      const BaruaPhoneRow row = { .account = barua_column_text (waiting, 0),
                                  .waiting = sqlite3_column_int64 (waiting, 1),
                                  .oldest_due_ms = sqlite3_column_int64 (waiting, 2) };
      if (has_row)
        func (&row, data);
    }
  return phones != NULL && waiting != NULL;
}

/* ---- due ---- */

gboolean
barua_sqlite_due_documents (BaruaReader *reader, BaruaTaskState state, BaruaDueCursor *cursor,
                            gint64 until_ms, guint limit, GPtrArray **ids, gboolean *is_done,
                            GError **error)
{
  g_autoptr (BaruaStatement) due = barua_sqlite_statement (
      barua_sqlite_connection (reader),
      state == BARUA_TASK_STATE_OTHER ? BARUA_SQL_MSG_INVALID : BARUA_SQL_MSG_DUE, error);
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  gboolean has_row = FALSE;
  guint n = 0;

  if (due == NULL)
    return FALSE;
  if (state != BARUA_TASK_STATE_OTHER)
    sqlite3_bind_int (due, 1, (int)state);
  sqlite3_bind_int64 (due, 2, cursor->ms);
  sqlite3_bind_int64 (due, 3, cursor->number);
  sqlite3_bind_int64 (due, 4, until_ms);
  sqlite3_bind_int64 (due, 5, limit);
  for (;; n++)
    {
      if (!barua_statement_step (due, &has_row, error))
        return FALSE;
      if (!has_row)
        break;
      const BaruaText id = barua_column_text (due, 2);
      *cursor = (BaruaDueCursor){ sqlite3_column_int64 (due, 1), sqlite3_column_int64 (due, 0) };
      if (g_hash_table_contains (seen, id.p))
        continue;
      g_ptr_array_add (found, g_strndup (id.p, id.n));
      g_hash_table_add (seen, found->pdata[found->len - 1]);
    }
  *is_done = n < limit;
  *ids = g_steal_pointer (&found);
  return TRUE;
}

gboolean
barua_sqlite_next_due (BaruaReader *reader, BaruaTaskState state, gint64 after_ms, gint64 *due_ms,
                       GError **error)
{
  g_autoptr (BaruaStatement) next = barua_sqlite_statement (barua_sqlite_connection (reader),
                                                            BARUA_SQL_MSG_NEXT_DUE, error);
  gboolean has_row = FALSE;

  if (next == NULL)
    return FALSE;
  sqlite3_bind_int (next, 1, (int)state);
  sqlite3_bind_int64 (next, 2, after_ms);
  if (!barua_statement_step (next, &has_row, error))
    return FALSE;
  *due_ms = sqlite3_column_type (next, 0) == SQLITE_NULL ? G_MAXINT64
                                                         : sqlite3_column_int64 (next, 0);
  return TRUE;
}
