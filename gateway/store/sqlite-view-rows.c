/* SPDX-License-Identifier: MIT */

/* Rows of views: kept in memory in their order, and written into the file. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite-view-rows.h"

#include <stdlib.h>

#include <sqlite3.h>

#include "gateway/rules/collation.h"

/* By how much a view grows. */
typedef struct
{
  gint64 viewnum;
  gint64 by;
} Growth;

void
barua_view_rows_init (BaruaViewRows *rows, const gint64 *viewnums)
{
  *rows = (BaruaViewRows){ .viewnums = viewnums,
                           .rows = g_array_new (FALSE, FALSE, sizeof (BaruaViewRowText)),
                           .text = g_string_new (NULL),
                           .growths = g_array_new (FALSE, FALSE, sizeof (Growth)) };
}

void
barua_view_rows_clear (BaruaViewRows *rows)
{
  g_array_unref (rows->rows);
  g_array_unref (rows->growths);
  g_string_free (rows->text, TRUE);
}

void
barua_view_rows_empty (BaruaViewRows *rows)
{
  g_array_set_size (rows->rows, 0);
  g_string_truncate (rows->text, 0);
}

void
barua_view_rows_begin (BaruaViewRows *rows, gint64 docnum, BaruaText id)
{
  rows->docnum = docnum;
  rows->id_at = rows->text->len;
  rows->id_length = (guint)id.n;
  rows->last_view = G_MAXUINT;
  g_string_append_len (rows->text, id.p, (gssize)id.n);
}

void
barua_view_rows_add (BaruaViewRows *rows, gint64 viewnum, gint64 n, BaruaText k, BaruaText key,
                     BaruaText value, BaruaViewRowKind kind)
{
  const BaruaViewRowText row = { .viewnum = viewnum,
                                 .n = n,
                                 .docnum = rows->docnum,
                                 .id_at = rows->id_at,
                                 .id_length = rows->id_length,
                                 .k_at = rows->text->len,
                                 .k_length = (guint)k.n,
                                 .key_length = (guint)key.n,
                                 .value_length = (guint)value.n,
                                 .kind = kind,
                                 .text = rows->text };

  g_string_append_len (rows->text, k.p, (gssize)k.n);
  g_string_append_len (rows->text, key.p, (gssize)key.n);
  g_string_append_len (rows->text, value.p, (gssize)value.n);
  g_array_append_val (rows->rows, row);
}

void
barua_view_rows_emit (guint view, BaruaText key, BaruaText value, gpointer data)
{
  BaruaViewRows *rows = data;
  BaruaViewRowText row = { .viewnum = rows->viewnums[view],
                           .docnum = rows->docnum,
                           .id_at = rows->id_at,
                           .id_length = rows->id_length,
                           .k_at = rows->text->len,
                           .key_length = (guint)key.n,
                           .value_length = (guint)value.n,
                           .kind = BARUA_VIEW_ROW_NEW,
                           .text = rows->text };

  if (view != rows->last_view)
    rows->n = 0;
  rows->last_view = view;
  row.n = rows->n++;
  barua_collation_append (rows->text, (BaruaJson){ key.p, key.n });
  row.k_length = (guint)(rows->text->len - row.k_at);
  g_string_append_len (rows->text, key.p, (gssize)key.n);
  g_string_append_len (rows->text, value.p, (gssize)value.n);
  g_array_append_val (rows->rows, row);
}

int
barua_view_row_compare (gconstpointer a, gconstpointer b)
{
  const BaruaViewRowText *left = a;
  const BaruaViewRowText *right = b;

  if (left->viewnum != right->viewnum)
    return left->viewnum < right->viewnum ? -1 : 1;
  int order = barua_text_compare (barua_view_row_k (left), barua_view_row_k (right));
  if (order == 0)
    order = barua_text_compare (barua_view_row_id (left), barua_view_row_id (right));
  return order != 0 ? order : (left->n > right->n) - (left->n < right->n);
}

void
barua_view_rows_sort (BaruaViewRows *rows, guint first)
{
  if (rows->rows->len > first + 1)
    qsort (barua_view_rows_at (rows, first), rows->rows->len - first, sizeof (BaruaViewRowText),
           barua_view_row_compare);
}

gboolean
barua_view_row_says (const BaruaViewRowText *a, const BaruaViewRowText *b)
{
  return a->key_length == b->key_length
         && barua_text_equal (barua_view_row_rest (a), barua_view_row_rest (b));
}

/* ---- rows written ---- */

/* Counts a row of a view on or off. */
static void
grow (BaruaViewRows *rows, gint64 viewnum, gint64 by)
{
  for (guint i = 0; i < rows->growths->len; i++)
    {
      Growth *growth = &g_array_index (rows->growths, Growth, i);
      if (growth->viewnum != viewnum)
        continue;
      growth->by += by;
      return;
    }
  const Growth growth = { viewnum, by };
  g_array_append_val (rows->growths, growth);
}

/* Runs a statement with the place of a row, 1 to 4, and what it says, 5 and 6; *n is how many rows
 * it changed. */
static gboolean
run_row (BaruaSqliteConnection *connection, BaruaSql which, const BaruaViewRowText *row, int *n,
         GError **error)
{
  BaruaStatement *statement = barua_sqlite_statement (connection, which, error);
  const BaruaText rest = barua_view_row_rest (row);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, row->viewnum);
  barua_bind_blob (statement, 2, barua_view_row_k (row));
  barua_bind_text (statement, 3, barua_view_row_id (row));
  sqlite3_bind_int64 (statement, 4, row->n);
  if (which != BARUA_SQL_VROW_DELETE)
    {
      barua_bind_text (statement, 5, (BaruaText){ rest.p, row->key_length });
      barua_bind_text (statement, 6, (BaruaText){ rest.p + row->key_length, row->value_length });
    }
  if (which == BARUA_SQL_VROW_INSERT)
    sqlite3_bind_int64 (statement, 7, row->docnum);
  if (!barua_statement_run (statement, error))
    return FALSE;
  *n = sqlite3_changes (connection->handle);
  return TRUE;
}

gboolean
barua_sqlite_view_row_write (BaruaSqliteConnection *connection, const BaruaViewRowText *row,
                             BaruaViewRows *rows, GError **error)
{
  int n = 0;

  if (row->kind == BARUA_VIEW_ROW_GONE)
    {
      if (!run_row (connection, BARUA_SQL_VROW_DELETE, row, &n, error))
        return FALSE;
      grow (rows, row->viewnum, -n);
      return n == 0
             || barua_sqlite_note_move (connection, row->viewnum, barua_view_row_k (row),
                                        barua_view_row_id (row), error);
    }
  if (row->kind == BARUA_VIEW_ROW_PUT
      && !run_row (connection, BARUA_SQL_VROW_REPLACE, row, &n, error))
    return FALSE;
  if (n > 0)
    return TRUE;
  grow (rows, row->viewnum, 1);
  return run_row (connection, BARUA_SQL_VROW_INSERT, row, &n, error);
}

gboolean
barua_sqlite_view_rows_count (BaruaSqliteConnection *connection, BaruaViewRows *rows,
                              GError **error)
{
  for (guint i = 0; i < rows->growths->len; i++)
    {
      const Growth *growth = &g_array_index (rows->growths, Growth, i);
      if (growth->by != 0
          && !barua_sqlite_run_numbers (connection, BARUA_SQL_VIEW_COUNT, growth->viewnum,
                                        growth->by, error))
        return FALSE;
    }
  g_array_set_size (rows->growths, 0);
  return TRUE;
}

gboolean
barua_sqlite_view_rows_insert (BaruaSqliteConnection *connection, BaruaViewRows *rows,
                               GError **error)
{
  barua_view_rows_sort (rows, 0);
  for (guint i = 0; i < rows->rows->len; i++)
    if (!barua_sqlite_view_row_write (connection, barua_view_rows_at (rows, i), rows, error))
      return FALSE;
  barua_view_rows_empty (rows);
  return barua_sqlite_view_rows_count (connection, rows, error);
}
