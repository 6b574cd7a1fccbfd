/* SPDX-License-Identifier: MIT */

/* Rows of views: how they are made, with their document or caught up later (documents.md 10). */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite-change.h"
#include "gateway/store/work.h"

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "gateway/rules/collation.h"
#include "gateway/rules/views.h"

/* Look-up views have numbers up to this one in the file, the others are above. */
#define LAST_LOOKUP 99

/* The built_seq of a look-up view that has a row for every document. */
#define BUILT_ALL G_MAXINT64

/* A slice of catching up takes so long (documents.md 10), and so long when nobody waits. It has
 * parts of some milliseconds and so many bytes of rows, after each of which they are written. */
#define SLICE_US (20 * 1000)
#define LONG_SLICE_US (100 * 1000)
#define PART_US (8 * 1000)
#define PART_BYTES (1024 * 1024)

/* ---- the views of the file ---- */

/* Whether a registered view belongs to a database. */
static gboolean
belongs_to (const BaruaSqlite *sqlite, guint number, gint64 dbnum)
{
  return dbnum == (barua_view (number)->is_of_users ? sqlite->users_dbnum : sqlite->default_dbnum);
}

/* Reads what the file says of a view: *viewnum is 0 when it does not know it in this version. */
static gboolean
find_view (BaruaSqliteConnection *connection, gint64 dbnum, guint number, gint64 *viewnum,
           gint64 *old_viewnum, GError **error)
{
  const BaruaView *view = barua_view (number);
  g_autoptr (BaruaStatement) find = barua_sqlite_statement (connection, BARUA_SQL_VIEW_FIND, error);
  gboolean has_row = FALSE;

  *viewnum = *old_viewnum = 0;
  if (find == NULL)
    return FALSE;
  sqlite3_bind_int64 (find, 1, dbnum);
  barua_bind_text (find, 2, barua_text (view->ddoc));
  barua_bind_text (find, 3, barua_text (view->name));
  if (!barua_statement_step (find, &has_row, error))
    return FALSE;
  if (has_row && sqlite3_column_int (find, 1) == view->version)
    *viewnum = sqlite3_column_int64 (find, 0);
  else if (has_row)
    *old_viewnum = sqlite3_column_int64 (find, 0);
  return TRUE;
}

/* Runs a statement with up to three numbers. */
static gboolean
run_numbers (BaruaSqliteConnection *connection, BaruaSql which, gint64 a, gint64 b, gint64 c,
             GError **error)
{
  const gint64 numbers[] = { a, b, c };
  BaruaStatement *statement = barua_sqlite_statement (connection, which, error);

  if (statement == NULL)
    return FALSE;
  for (int i = 0; i < sqlite3_bind_parameter_count (statement) && i < 3; i++)
    sqlite3_bind_int64 (statement, i + 1, numbers[i]);
  return barua_statement_run (statement, error);
}

/* Gives a view that is new to the file a number. */
static gboolean
insert_view (BaruaSqliteConnection *connection, gint64 dbnum, guint number, gint64 *viewnum,
             GError **error)
{
  const BaruaView *view = barua_view (number);
  BaruaSqlite *sqlite = barua_sqlite_of (&connection->tx.reader);
  BaruaStatement *insert = barua_sqlite_statement (connection, BARUA_SQL_VIEW_INSERT, error);
  const BaruaSqliteDatabase *database = barua_sqlite_tx_database (
      connection, view->is_of_users ? BARUA_DB_USERS : sqlite->store->default_db, error);
  gint64 last;

  if (insert == NULL || database == NULL
      || !barua_sqlite_query_integer (
          connection->handle,
          view->is_lookup ? "SELECT ifnull(max(viewnum), 0) FROM view WHERE viewnum <= 99"
                          : "SELECT max(99, ifnull(max(viewnum), 0)) FROM view",
          &last, error))
    return FALSE;
  *viewnum = last + 1;
  sqlite3_bind_int64 (insert, 1, *viewnum);
  sqlite3_bind_int64 (insert, 2, dbnum);
  barua_bind_text (insert, 3, barua_text (view->ddoc));
  barua_bind_text (insert, 4, barua_text (view->name));
  sqlite3_bind_int (insert, 5, view->version);
  sqlite3_bind_int64 (insert, 6, view->is_lookup && database->seq == 0 ? BUILT_ALL : 0);
  return barua_statement_run (insert, error);
}

/* Makes one view known to the file. */
static gboolean
ensure_view (BaruaSqliteConnection *connection, guint number, GError **error)
{
  BaruaSqlite *sqlite = barua_sqlite_of (&connection->tx.reader);
  const gint64 dbnum
      = barua_view (number)->is_of_users ? sqlite->users_dbnum : sqlite->default_dbnum;
  gint64 old_viewnum;

  if (!find_view (connection, dbnum, number, &sqlite->viewnums[number], &old_viewnum, error))
    return FALSE;
  if (old_viewnum != 0
      && !(barua_sqlite_note_upheaval (connection, error)
           && run_numbers (connection, BARUA_SQL_VIEW_DELETE, old_viewnum, 0, 0, error)
           && run_numbers (connection, BARUA_SQL_VROW_DELETE_VIEW, old_viewnum, 0, 0, error)))
    return FALSE;
  return sqlite->viewnums[number] != 0
         || insert_view (connection, dbnum, number, &sqlite->viewnums[number], error);
}

gboolean
barua_sqlite_ensure_views (BaruaSqliteConnection *connection, GError **error)
{
  BaruaSqlite *sqlite = barua_sqlite_of (&connection->tx.reader);
  const BaruaSqliteDatabase *users = barua_sqlite_tx_database (connection, BARUA_DB_USERS, error);

  if (users == NULL)
    return FALSE;
  sqlite->users_dbnum = users->dbnum;
  if (sqlite->viewnums == NULL)
    sqlite->viewnums = g_new0 (gint64, barua_views_count ());
  for (guint i = 0; i < barua_views_count (); i++)
    if (!ensure_view (connection, i, error))
      return FALSE;
  return TRUE;
}

/* ---- rows of one document ---- */

/* A row, its texts at offsets of a buffer. */
typedef struct
{
  gint64 viewnum;
  gint64 n;
  gint64 docnum;
  gsize id_at;
  gsize k_at;
  guint id_length;
  guint k_length;
  guint key_length;   /* behind the sort key */
  guint value_length; /* behind the key */
  const GString *text;
} ViewRow;

/* By how much a view grows. */
typedef struct
{
  gint64 viewnum;
  gint64 by;
} Growth;

/* Rows on their way, of one document or of many. */
typedef struct
{
  const gint64 *viewnums;
  GArray *rows; /* of ViewRow */
  GString *text;
  GArray *growths; /* of Growth */
  gint64 docnum;   /* of the document that is mapped now */
  gsize id_at;
  guint id_length;
  guint last_view; /* to count the rows of each */
  gint64 n;
} ViewRows;

static void
rows_init (ViewRows *rows, const gint64 *viewnums)
{
  *rows = (ViewRows){ .viewnums = viewnums,
                      .rows = g_array_new (FALSE, FALSE, sizeof (ViewRow)),
                      .text = g_string_new (NULL),
                      .growths = g_array_new (FALSE, FALSE, sizeof (Growth)) };
}

static void
rows_clear (ViewRows *rows)
{
  g_array_unref (rows->rows);
  g_array_unref (rows->growths);
  g_string_free (rows->text, TRUE);
}

static ViewRow *
row_at (const ViewRows *rows, guint i)
{
  return &g_array_index (rows->rows, ViewRow, i);
}

/* Rows that are added from now on belong to this document. */
static void
rows_begin (ViewRows *rows, gint64 docnum, BaruaText id)
{
  rows->docnum = docnum;
  rows->id_at = rows->text->len;
  rows->id_length = (guint)id.n;
  rows->last_view = G_MAXUINT;
  g_string_append_len (rows->text, id.p, (gssize)id.n);
}

/* A #BaruaEmitFunc. */
static void
take_row (guint view, BaruaText key, BaruaText value, gpointer data)
{
  ViewRows *rows = data;
  ViewRow row = { .viewnum = rows->viewnums[view],
                  .docnum = rows->docnum,
                  .id_at = rows->id_at,
                  .id_length = rows->id_length,
                  .k_at = rows->text->len,
                  .key_length = (guint)key.n,
                  .value_length = (guint)value.n,
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

static BaruaText
row_id (const ViewRow *row)
{
  return (BaruaText){ row->text->str + row->id_at, row->id_length };
}

static BaruaText
row_k (const ViewRow *row)
{
  return (BaruaText){ row->text->str + row->k_at, row->k_length };
}

/* Key and value of a row, one behind the other. */
static BaruaText
row_rest (const ViewRow *row)
{
  return (BaruaText){ row->text->str + row->k_at + row->k_length,
                      (gsize)row->key_length + row->value_length };
}

/* Orders rows as the table does. */
static int
compare_rows (gconstpointer a, gconstpointer b)
{
  const ViewRow *left = a;
  const ViewRow *right = b;

  if (left->viewnum != right->viewnum)
    return left->viewnum < right->viewnum ? -1 : 1;
  int order = barua_text_compare (row_k (left), row_k (right));
  if (order == 0)
    order = barua_text_compare (row_id (left), row_id (right));
  return order != 0 ? order : (left->n > right->n) - (left->n < right->n);
}

/* Orders rows from the one of that number on. */
static void
sort_rows (ViewRows *rows, guint first)
{
  if (rows->rows->len > first + 1)
    qsort (row_at (rows, first), rows->rows->len - first, sizeof (ViewRow), compare_rows);
}

/* Reads the rows that a document has in some views, in the order of the table. */
static gboolean
read_old_rows (BaruaSqliteConnection *connection, gint64 docnum, BaruaText id, gint64 first,
               gint64 last, ViewRows *rows, GError **error)
{
  g_autoptr (BaruaStatement) list
      = barua_sqlite_statement (connection, BARUA_SQL_VROW_OF_DOC, error);
  gboolean has_row = FALSE;

  if (list == NULL)
    return FALSE;
  rows_begin (rows, docnum, id);
  sqlite3_bind_int64 (list, 1, docnum);
  sqlite3_bind_int64 (list, 2, first);
  sqlite3_bind_int64 (list, 3, last);
  for (;;)
    {
      if (!barua_statement_step (list, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      const BaruaText k = barua_column_blob (list, 1);
      const BaruaText key = barua_column_text (list, 3);
      const BaruaText value = barua_column_text (list, 4);
      const ViewRow row = { .viewnum = sqlite3_column_int64 (list, 0),
                            .n = sqlite3_column_int64 (list, 2),
                            .docnum = docnum,
                            .id_at = rows->id_at,
                            .id_length = rows->id_length,
                            .k_at = rows->text->len,
                            .k_length = (guint)k.n,
                            .key_length = (guint)key.n,
                            .value_length = (guint)value.n,
                            .text = rows->text };
      g_string_append_len (rows->text, k.p, (gssize)k.n);
      g_string_append_len (rows->text, key.p, (gssize)key.n);
      g_string_append_len (rows->text, value.p, (gssize)value.n);
      g_array_append_val (rows->rows, row);
    }
}

/* Whether two rows that stand in the same place say the same. */
static gboolean
say_the_same (const ViewRow *a, const ViewRow *b)
{
  return a->key_length == b->key_length && barua_text_equal (row_rest (a), row_rest (b));
}

/* Whether both have the same rows; both are sorted. */
static gboolean
are_same (const ViewRows *old, const ViewRows *new)
{
  if (old->rows->len != new->rows->len)
    return FALSE;
  for (guint i = 0; i < old->rows->len; i++)
    if (compare_rows (row_at (old, i), row_at (new, i)) != 0
        || !say_the_same (row_at (old, i), row_at (new, i)))
      return FALSE;
  return TRUE;
}

/* ---- rows written ---- */

/* Counts a row of a view on or off. */
static void
grow (ViewRows *rows, gint64 viewnum, gint64 by)
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

/* Runs a statement with the place of a row, 1 to 4, and what it says, 5 and 6. */
static gboolean
run_row (BaruaSqliteConnection *connection, BaruaSql which, const ViewRow *row, GError **error)
{
  BaruaStatement *statement = barua_sqlite_statement (connection, which, error);
  const BaruaText rest = row_rest (row);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, row->viewnum);
  barua_bind_blob (statement, 2, row_k (row));
  barua_bind_text (statement, 3, row_id (row));
  sqlite3_bind_int64 (statement, 4, row->n);
  if (which == BARUA_SQL_VROW_DELETE)
    return barua_statement_run (statement, error);
  barua_bind_text (statement, 5, (BaruaText){ rest.p, row->key_length });
  barua_bind_text (statement, 6, (BaruaText){ rest.p + row->key_length, row->value_length });
  if (which == BARUA_SQL_VROW_INSERT)
    sqlite3_bind_int64 (statement, 7, row->docnum);
  return barua_statement_run (statement, error);
}

/* Takes away the old rows of a document that it has no longer, and from the new ones, which begin
 * at no. @first, those that are there already. Both are sorted. */
static gboolean
write_differences (BaruaSqliteConnection *connection, const ViewRows *old, ViewRows *new,
                   guint first, GError **error)
{
  guint n_kept = first;
  guint at = first;

  for (guint i = 0; i < old->rows->len; i++)
    {
      const ViewRow *row = row_at (old, i);
      int order = 1;
      while (at < new->rows->len && (order = compare_rows (row_at (new, at), row)) < 0)
        *row_at (new, n_kept++) = *row_at (new, at++);
      if (at == new->rows->len || order > 0)
        {
          grow (new, row->viewnum, -1);
          if (!run_row (connection, BARUA_SQL_VROW_DELETE, row, error)
              || !barua_sqlite_note_move (connection, row->viewnum, row_k (row), row_id (row),
                                          error))
            return FALSE;
          continue;
        }
      if (!say_the_same (row_at (new, at), row)
          && !run_row (connection, BARUA_SQL_VROW_REPLACE, row_at (new, at), error))
        return FALSE;
      at++;
    }
  while (at < new->rows->len)
    *row_at (new, n_kept++) = *row_at (new, at++);
  g_array_set_size (new->rows, n_kept);
  return TRUE;
}

/* Adds rows in the order of the table, so that its pages are visited one after the other, and
 * begins again. */
static gboolean
insert_rows (BaruaSqliteConnection *connection, ViewRows *rows, GError **error)
{
  sort_rows (rows, 0);
  for (guint i = 0; i < rows->rows->len; i++)
    {
      grow (rows, row_at (rows, i)->viewnum, 1);
      if (!run_row (connection, BARUA_SQL_VROW_INSERT, row_at (rows, i), error))
        return FALSE;
    }
  for (guint i = 0; i < rows->growths->len; i++)
    {
      const Growth *growth = &g_array_index (rows->growths, Growth, i);
      if (growth->by != 0
          && !run_numbers (connection, BARUA_SQL_VIEW_COUNT, growth->viewnum, growth->by, 0, error))
        return FALSE;
    }
  g_array_set_size (rows->rows, 0);
  g_array_set_size (rows->growths, 0);
  g_string_truncate (rows->text, 0);
  return TRUE;
}

/* How far a view is. */
static gboolean
read_one_built (BaruaSqliteConnection *connection, guint number, gint64 *built, GError **error)
{
  const BaruaSqlite *sqlite = barua_sqlite_of (&connection->tx.reader);
  g_autoptr (BaruaStatement) find
      = barua_sqlite_statement (connection, BARUA_SQL_VIEW_BUILT, error);
  gboolean has_row;

  if (find == NULL)
    return FALSE;
  sqlite3_bind_int64 (find, 1, sqlite->viewnums[number]);
  if (!barua_statement_step (find, &has_row, error))
    return FALSE;
  *built = has_row ? sqlite3_column_int64 (find, 0) : 0;
  return TRUE;
}

/* Whether a view of the file is one of those wanted. */
static gboolean
is_wanted (const BaruaSqlite *sqlite, const gboolean *wants, gint64 viewnum)
{
  for (guint i = 0; i < barua_views_count (); i++)
    if (sqlite->viewnums[i] == viewnum)
      return wants[i];
  return FALSE;
}

/* ---- the document of a row ---- */

/* Collects the live leaves that do not win, as `N-hash`, best first; in the arena. */
static gboolean
find_losers (BaruaSqliteConnection *connection, const BaruaSqliteDoc *doc, BaruaArena *arena,
             BaruaText **losers, gsize *n_losers, GError **error)
{
  g_autoptr (GArray) revs = g_array_new (FALSE, FALSE, sizeof (BaruaRevision));
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (BaruaStatement) leaves
      = barua_sqlite_statement (connection, BARUA_SQL_REV_LEAVES, error);
  gboolean has_row = FALSE;

  if (leaves == NULL)
    return FALSE;
  sqlite3_bind_int64 (leaves, 1, doc->docnum);
  for (;;)
    {
      if (!barua_statement_step (leaves, &has_row, error))
        return FALSE;
      if (!has_row)
        break;
      const BaruaRevision rev = { sqlite3_column_int64 (leaves, 0),
                                  barua_arena_copy (arena, barua_column_text (leaves, 1)) };
      if (sqlite3_column_int (leaves, 2) == 0 && barua_revision_compare (rev, doc->winner) != 0)
        g_array_append_val (revs, rev);
    }
  *losers = barua_arena_alloc (arena, (revs->len + 1) * sizeof **losers);
  for (; *n_losers < revs->len; ++*n_losers)
    {
      guint best = 0; /* there are few */
      for (guint i = 1; i < revs->len - *n_losers; i++)
        if (barua_revision_compare (g_array_index (revs, BaruaRevision, i),
                                    g_array_index (revs, BaruaRevision, best))
            > 0)
          best = i;
      const BaruaRevision rev = g_array_index (revs, BaruaRevision, best);
      g_string_truncate (text, 0);
      barua_revision_append (text, rev);
      (*losers)[*n_losers] = barua_arena_copy (arena, (BaruaText){ text->str, text->len });
      g_array_index (revs, BaruaRevision, best)
          = g_array_index (revs, BaruaRevision, revs->len - *n_losers - 1);
    }
  return TRUE;
}

/* Brings the rows of a document in some views up to date, but for those that are to be inserted:
 * these are added to @new. @doc has a winner in any case. */
static gboolean
map_document (BaruaSqliteConnection *connection, BaruaText id, const BaruaSqliteDoc *doc,
              BaruaText body, const gboolean *wants, gint64 first, gint64 last, ViewRows *new,
              GError **error)
{
  BaruaViewDocument document = { .id = id, .body = { body.p, body.n } };
  const guint first_row = new->rows->len;
  g_autoptr (BaruaArena) arena = NULL;
  BaruaText *losers = NULL;
  ViewRows old;

  if (doc->leaves > 1 && !doc->is_deleted)
    {
      arena = barua_arena_new ();
      if (!find_losers (connection, doc, arena, &losers, &document.n_losers, error))
        return FALSE;
      document.losers = losers;
    }
  rows_begin (new, doc->docnum, id);
  if (!doc->is_deleted)
    barua_views_map (&document, wants, take_row, new);
  rows_init (&old, new->viewnums);
  gboolean is_ok = read_old_rows (connection, doc->docnum, id, first, last, &old, error);
  if (is_ok && old.rows->len > 0)
    {
      sort_rows (new, first_row);
      is_ok = write_differences (connection, &old, new, first_row, error);
    }
  rows_clear (&old);
  return is_ok;
}

/* Brings the rows of one document in some views up to date. */
static gboolean
put_rows (BaruaSqliteConnection *connection, BaruaText id, const BaruaSqliteDoc *doc,
          BaruaText body, const gboolean *wants, gint64 first, gint64 last, GError **error)
{
  ViewRows new;

  rows_init (&new, barua_sqlite_of (&connection->tx.reader)->viewnums);
  const gboolean is_ok = map_document (connection, id, doc, body, wants, first, last, &new, error)
                         && insert_rows (connection, &new, error);
  rows_clear (&new);
  return is_ok;
}

gboolean
barua_sqlite_change_put_lookups (BaruaSqliteChange *change, BaruaText winner, GError **error)
{
  BaruaSqliteConnection *connection = change->connection;
  const gboolean has_rows = connection->projection.has_lookups && !change->is_deleted;
  const BaruaSqliteDoc doc = { .docnum = change->docnum,
                               .winner = change->winner,
                               .leaves = change->leaves,
                               .is_deleted = change->is_deleted };

  /* A change that the server makes takes no code away. */
  if (!has_rows && (change->is_new || (change->edit->is_server_made && change->leaves == 1)))
    return TRUE;
  if (connection->wants_lookups == NULL)
    {
      connection->wants_lookups = g_new0 (gboolean, barua_views_count ());
      for (guint i = 0; i < barua_views_count (); i++)
        connection->wants_lookups[i] = barua_view (i)->is_lookup;
    }
  return put_rows (connection, change->id, &doc, winner, connection->wants_lookups, 1, LAST_LOOKUP,
                   error);
}

gboolean
barua_sqlite_check_view_rows (BaruaSqliteConnection *connection, BaruaText id,
                              const BaruaSqliteDoc *doc, gint64 dbnum, BaruaText body,
                              gboolean *is_same, GError **error)
{
  const BaruaSqlite *sqlite = barua_sqlite_of (&connection->tx.reader);
  g_autofree gboolean *wants = g_new0 (gboolean, barua_views_count ());
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaViewDocument document = { .id = id, .body = { body.p, body.n } };
  BaruaText *losers = NULL;
  ViewRows old;
  ViewRows new;

  /* Only what must be there by now: look-ups that are complete, and views that have come so far. */
  for (guint i = 0; i < barua_views_count (); i++)
    {
      gint64 built;
      if (!belongs_to (sqlite, i, dbnum))
        continue;
      if (!read_one_built (connection, i, &built, error))
        return FALSE;
      wants[i] = built >= (barua_view (i)->is_lookup ? BUILT_ALL : doc->seq);
    }
  if (doc->leaves > 1 && !find_losers (connection, doc, arena, &losers, &document.n_losers, error))
    return FALSE;
  document.losers = losers;
  rows_init (&old, sqlite->viewnums);
  rows_init (&new, sqlite->viewnums);
  rows_begin (&new, doc->docnum, id);
  if (!doc->is_deleted)
    barua_views_map (&document, wants, take_row, &new);
  sort_rows (&new, 0);
  const gboolean is_ok = read_old_rows (connection, doc->docnum, id, 0, G_MAXINT64, &old, error);
  for (guint i = old.rows->len; i > 0; i--)
    if (!is_wanted (sqlite, wants, row_at (&old, i - 1)->viewnum))
      g_array_remove_index (old.rows, i - 1);
  *is_same = are_same (&old, &new);
  rows_clear (&old);
  rows_clear (&new);
  return is_ok;
}

/* ---- catching up ---- */

/* A slice on its way. */
typedef struct
{
  BaruaSqliteConnection *connection;
  gint64 dbnum;
  gint64 seq;       /* of the database */
  gint64 *built;    /* of each registered view; BUILT_ALL for those of other databases */
  gint64 last_seq;  /* of the last document that was mapped */
  gint64 first_num; /* of the views that are mapped */
  gboolean *wants;
  gboolean *alone; /* one of them */
  ViewRows rows;   /* to be inserted */
} Slice;

/* How far each view of the database is; *first is how far the last of them is. */
static gboolean
read_built (Slice *slice, gint64 *first, GError **error)
{
  const BaruaSqlite *sqlite = barua_sqlite_of (&slice->connection->tx.reader);

  *first = BUILT_ALL;
  for (guint i = 0; i < barua_views_count (); i++)
    {
      slice->built[i] = BUILT_ALL;
      if (belongs_to (sqlite, i, slice->dbnum)
          && !read_one_built (slice->connection, i, &slice->built[i], error))
        return FALSE;
      *first = MIN (*first, slice->built[i]);
    }
  return TRUE;
}

/* Maps the document that @walk stands on. */
static gboolean
catch_up_document (Slice *slice, BaruaStatement *walk, GError **error)
{
  g_autoptr (BaruaStatement) body
      = barua_sqlite_statement (slice->connection, BARUA_SQL_BODY_GET, error);
  const BaruaSqlite *sqlite = barua_sqlite_of (&slice->connection->tx.reader);
  const gint64 seq = sqlite3_column_int64 (walk, 0);
  const BaruaSqliteDoc doc
      = { .docnum = sqlite3_column_int64 (walk, 8),
          .winner = { sqlite3_column_int64 (walk, 2), barua_column_text (walk, 3) },
          .is_deleted = sqlite3_column_int (walk, 5) != 0,
          .leaves = sqlite3_column_int64 (walk, 6) };
  gboolean has_row = FALSE;

  if (body == NULL)
    return FALSE;
  sqlite3_bind_int64 (body, 1, sqlite3_column_int64 (walk, 4));
  if (!barua_statement_step (body, &has_row, error))
    return FALSE;
  const BaruaText text = has_row ? barua_column_blob (body, 0) : BARUA_TEXT ("{}");
  const BaruaText id = barua_column_text (walk, 1);
  slice->last_seq = seq;
  for (guint i = 0; i < barua_views_count (); i++)
    slice->wants[i] = slice->built[i] < seq;
  if (slice->first_num != 0)
    return map_document (slice->connection, id, &doc, text, slice->wants, slice->first_num,
                         G_MAXINT64, &slice->rows, error);
  /* Each view stands alone: another may be further. */
  for (guint i = 0; i < barua_views_count (); i++)
    {
      const gint64 viewnum = sqlite->viewnums[i];
      slice->alone[i] = slice->wants[i];
      const gboolean is_ok = !slice->wants[i]
                             || map_document (slice->connection, id, &doc, text, slice->alone,
                                              viewnum, viewnum, &slice->rows, error);
      slice->alone[i] = FALSE;
      if (!is_ok)
        return FALSE;
    }
  return TRUE;
}

/* Whether all views that are not look-ups are equally far, and all look-ups complete: the common
 * case, in which a document is mapped once for all of them. */
static gboolean
is_in_step (const Slice *slice)
{
  gint64 common = -1;

  for (guint i = 0; i < barua_views_count (); i++)
    {
      if (slice->built[i] == BUILT_ALL)
        continue;
      if (barua_view (i)->is_lookup || (common >= 0 && slice->built[i] != common))
        return FALSE;
      common = slice->built[i];
    }
  return TRUE;
}

/* Whether a slice goes on: for a short time, and longer while nobody else wants to write, because
 * pages that are written in one transaction are written once. */
static gboolean
goes_on (const Slice *slice, gint64 begun_us)
{
  const gint64 took_us = g_get_monotonic_time () - begun_us;
  const BaruaSqlite *sqlite = barua_sqlite_of (&slice->connection->tx.reader);
  gsize bytes;
  guint n = 0;

  if (took_us < SLICE_US)
    return TRUE;
  if (sqlite->jobs != NULL)
    barua_work_queue_length (sqlite->jobs, &n, &bytes);
  return n == 0 && took_us < LONG_SLICE_US;
}

/* Maps some documents and inserts their rows; *has_row is FALSE when there are no more. */
static gboolean
walk_part (Slice *slice, BaruaStatement *walk, gboolean *has_row, GError **error)
{
  const gint64 end_us = g_get_monotonic_time () + PART_US;

  do
    {
      if (!barua_statement_step (walk, has_row, error)
          || (*has_row && !catch_up_document (slice, walk, error)))
        return FALSE;
    }
  while (*has_row && slice->rows.text->len < PART_BYTES && g_get_monotonic_time () < end_us);
  return insert_rows (slice->connection, &slice->rows, error);
}

/* Maps documents until the time is over; *is_at_end when there are no more. */
static gboolean
walk_slice (Slice *slice, gint64 after, gboolean *is_at_end, GError **error)
{
  g_autoptr (BaruaStatement) walk
      = barua_sqlite_statement (slice->connection, BARUA_SQL_CHANGES_UP, error);
  const gint64 begun_us = g_get_monotonic_time ();
  gboolean has_row = TRUE;

  if (walk == NULL)
    return FALSE;
  sqlite3_bind_int64 (walk, 1, slice->dbnum);
  sqlite3_bind_int64 (walk, 2, after);
  do
    if (!walk_part (slice, walk, &has_row, error))
      return FALSE;
  while (has_row && goes_on (slice, begun_us));
  *is_at_end = !has_row;
  return TRUE;
}

/* Notes how far the views are now. */
static gboolean
write_built (Slice *slice, gboolean is_at_end, GError **error)
{
  const BaruaSqlite *sqlite = barua_sqlite_of (&slice->connection->tx.reader);
  const gint64 reached = is_at_end ? slice->seq : slice->last_seq;

  for (guint i = 0; i < barua_views_count (); i++)
    {
      const gint64 built = is_at_end && barua_view (i)->is_lookup ? BUILT_ALL : reached;
      if (slice->built[i] < built
          && !run_numbers (slice->connection, BARUA_SQL_VIEW_PUT_BUILT, sqlite->viewnums[i], built,
                           0, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
barua_sqlite_catch_up (BaruaTx *tx, gboolean is_of_users, gboolean *is_done, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (&tx->reader);
  const BaruaSqliteDatabase *database
      = barua_sqlite_tx_database (connection, is_of_users ? BARUA_DB_USERS : NULL, error);
  g_autofree gint64 *built = g_new0 (gint64, barua_views_count ());
  g_autofree gboolean *wants = g_new0 (gboolean, barua_views_count ());
  g_autofree gboolean *alone = g_new0 (gboolean, barua_views_count ());
  gint64 first;

  if (database == NULL)
    return FALSE;
  Slice slice = { .connection = connection,
                  .dbnum = database->dbnum,
                  .seq = database->seq,
                  .built = built,
                  .wants = wants,
                  .alone = alone };
  if (!read_built (&slice, &first, error))
    return FALSE;
  *is_done = first >= slice.seq && is_in_step (&slice);
  if (*is_done)
    return TRUE;
  slice.first_num = is_in_step (&slice) ? LAST_LOOKUP + 1 : 0;
  slice.last_seq = first;
  rows_init (&slice.rows, barua_sqlite_of (&tx->reader)->viewnums);
  const gboolean is_ok
      = walk_slice (&slice, first, is_done, error) && write_built (&slice, *is_done, error);
  rows_clear (&slice.rows);
  return is_ok;
}

gboolean
barua_sqlite_is_caught_up (BaruaReader *reader, guint view, gboolean *is_caught_up, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (reader);
  const BaruaSqlite *sqlite = barua_sqlite_of (reader);
  g_autoptr (BaruaStatement) find
      = barua_sqlite_statement (connection, BARUA_SQL_VIEW_BUILT, error);
  BaruaDatabaseInfo info;
  gboolean has_row;

  if (find == NULL
      || !barua_sqlite_database_info (
          reader, barua_view (view)->is_of_users ? BARUA_DB_USERS : NULL, &info, error))
    return FALSE;
  sqlite3_bind_int64 (find, 1, sqlite->viewnums[view]);
  if (!barua_statement_step (find, &has_row, error))
    return FALSE;
  const gint64 needed = barua_view (view)->is_lookup ? BUILT_ALL : info.update_seq;
  *is_caught_up = has_row && sqlite3_column_int64 (find, 0) >= needed;
  return TRUE;
}

gboolean
barua_sqlite_begin_views_again (BaruaSqliteConnection *connection, GError **error)
{
  return barua_sqlite_note_upheaval (connection, error)
         && barua_sqlite_exec (connection->handle,
                               "DELETE FROM vrow; UPDATE view SET built_seq = 0, nrows = 0", error);
}
