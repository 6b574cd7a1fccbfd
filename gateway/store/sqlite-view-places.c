/* SPDX-License-Identifier: MIT */

/* The rows of one document: which there are to be, and where those stand that it has (`vdoc`). */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite-change.h"
#include "gateway/store/sqlite-view-rows.h"

#include <string.h>

#include <sqlite3.h>

#include "gateway/rules/views.h"

/* The two values of `vdoc`: look-ups are written by others than the rest, and at other times. */
typedef enum
{
  LOOKUPS,
  OTHERS,
  N_CLASSES,
} Class;

static Class
class_of (gint64 viewnum)
{
  return viewnum <= BARUA_VIEW_LAST_LOOKUP ? LOOKUPS : OTHERS;
}

/* ---- places as text ---- */

/* Takes a decimal number, and the space behind it, from *text; FALSE when there is none. */
static gboolean
take_number (BaruaText *text, gint64 *number)
{
  *number = 0;
  for (; text->n > 0 && g_ascii_isdigit (*text->p); text->p++, text->n--)
    *number = *number * 10 + (*text->p - '0');
  if (text->n == 0 || *text->p != ' ')
    return FALSE;
  text->p++;
  text->n--;
  return TRUE;
}

void
barua_view_places_walk (BaruaText places, BaruaViewPlaceFunc func, gpointer data)
{
  gint64 viewnum;
  gint64 n;
  gint64 length;

  while (take_number (&places, &viewnum) && take_number (&places, &n)
         && take_number (&places, &length) && length <= (gint64)places.n)
    {
      if (!func (viewnum, n, (BaruaText){ places.p, (gsize)length }, data))
        return;
      places.p += length;
      places.n -= (gsize)length;
    }
}

/* Appends a decimal number and a space. */
static void
append_number (GString *out, gint64 number)
{
  char digits[24];
  guint at = sizeof digits;

  digits[--at] = ' ';
  do
    digits[--at] = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  g_string_append_len (out, digits + at, (gssize)(sizeof digits - at));
}

/* Appends a place: number of the view, number of the row, length of the sort key, the sort key. */
static void
append_place (GString *out, gint64 viewnum, gint64 n, BaruaText k)
{
  append_number (out, viewnum);
  append_number (out, n);
  append_number (out, (gint64)k.n);
  g_string_append_len (out, k.p, (gssize)k.n);
}

/* Reads a value of `vdoc`; it is empty when there is none. */
static gboolean
read_places (BaruaSqliteConnection *connection, gint64 docnum, GString *places[N_CLASSES],
             GError **error)
{
  g_autoptr (BaruaStatement) get
      = barua_sqlite_statement (connection, BARUA_SQL_VDOC_GET, error);
  gboolean has_row = FALSE;

  if (get == NULL)
    return FALSE;
  sqlite3_bind_int64 (get, 1, docnum);
  if (!barua_statement_step (get, &has_row, error))
    return FALSE;
  for (int i = 0; i < N_CLASSES && has_row; i++)
    {
      const BaruaText text = barua_column_blob (get, i);
      g_string_append_len (places[i], text.p, (gssize)text.n);
    }
  return TRUE;
}

/* Writes a value of `vdoc`. */
static gboolean
write_places (BaruaSqliteConnection *connection, gint64 docnum, Class class, const GString *places,
              GError **error)
{
  BaruaStatement *put = barua_sqlite_statement (
      connection, class == LOOKUPS ? BARUA_SQL_VDOC_PUT_LOOKUPS : BARUA_SQL_VDOC_PUT_OTHERS,
      error);

  if (put == NULL)
    return FALSE;
  sqlite3_bind_int64 (put, 1, docnum);
  if (places->len > 0)
    barua_bind_blob (put, 2, (BaruaText){ places->str, places->len });
  else
    sqlite3_bind_null (put, 2);
  return barua_statement_run (put, error);
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

/* The views that a document is mapped for, and what it had in them. */
typedef struct
{
  BaruaSqliteConnection *connection;
  const gboolean *wants;
  gboolean has_class[N_CLASSES]; /* some view of these is wanted */
  GString *before[N_CLASSES];    /* places */
  GString *kept[N_CLASSES];      /* those of them that are of other views */
  BaruaViewRows old;             /* rows that may stand in the file, without what they say */
} Mapping;

/* The number of a view of the file among the registered ones; -1 when it is none. */
static int
find_view (const BaruaViewRows *rows, gint64 viewnum)
{
  for (guint i = 0; i < barua_views_count (); i++)
    if (rows->viewnums[i] == viewnum)
      return (int)i;
  return -1;
}

/* A #BaruaViewPlaceFunc: tells places that are meant from others. A number that no view has is that
 * of an older version, whose rows went when the next came (sqlite-views.c). */
static gboolean
sort_out (gint64 viewnum, gint64 n, BaruaText k, gpointer data)
{
  Mapping *mapping = data;
  const int view = find_view (&mapping->old, viewnum);

  if (view >= 0 && mapping->wants[view])
    barua_view_rows_add (&mapping->old, viewnum, n, k, BARUA_TEXT (""), BARUA_TEXT (""),
                         BARUA_VIEW_ROW_GONE);
  else if (view >= 0)
    append_place (mapping->kept[class_of (viewnum)], viewnum, n, k);
  return TRUE;
}

static void
mapping_clear (Mapping *mapping)
{
  barua_view_rows_clear (&mapping->old);
  for (int i = 0; i < N_CLASSES; i++)
    {
      g_string_free (mapping->before[i], TRUE);
      g_string_free (mapping->kept[i], TRUE);
    }
}

/* Reads what a document may have in some views. */
static gboolean
mapping_init (Mapping *mapping, BaruaSqliteConnection *connection, gint64 docnum, BaruaText id,
              const gboolean *wants, GError **error)
{
  const gint64 *viewnums = barua_sqlite_of (&connection->tx.reader)->viewnums;

  *mapping = (Mapping){ .connection = connection, .wants = wants };
  for (guint i = 0; i < barua_views_count (); i++)
    if (wants[i])
      mapping->has_class[class_of (viewnums[i])] = TRUE;
  for (int i = 0; i < N_CLASSES; i++)
    {
      mapping->before[i] = g_string_new (NULL);
      mapping->kept[i] = g_string_new (NULL);
    }
  barua_view_rows_init (&mapping->old, viewnums);
  if (!read_places (connection, docnum, mapping->before, error))
    return FALSE;
  barua_view_rows_begin (&mapping->old, docnum, id);
  for (int i = 0; i < N_CLASSES; i++)
    if (mapping->has_class[i])
      barua_view_places_walk (
          (BaruaText){ mapping->before[i]->str, mapping->before[i]->len }, sort_out, mapping);
  barua_view_rows_sort (&mapping->old, 0);
  return TRUE;
}

/* Looks whether a row stands in the file, and has @row say what it says. */
static gboolean
read_row (Mapping *mapping, BaruaViewRowText *row, gboolean *has_row, GError **error)
{
  g_autoptr (BaruaStatement) get
      = barua_sqlite_statement (mapping->connection, BARUA_SQL_VROW_GET, error);
  GString *text = mapping->old.text;

  if (get == NULL)
    return FALSE;
  sqlite3_bind_int64 (get, 1, row->viewnum);
  barua_bind_blob (get, 2, barua_view_row_k (row));
  barua_bind_text (get, 3, barua_view_row_id (row));
  sqlite3_bind_int64 (get, 4, row->n);
  if (!barua_statement_step (get, has_row, error))
    return FALSE;
  if (!*has_row)
    return TRUE;
  const BaruaText key = barua_column_text (get, 0);
  const BaruaText value = barua_column_text (get, 1);
  const gsize k_at = text->len; /* in one piece */
  g_string_set_size (text, text->len + row->k_length);
  memcpy (text->str + k_at, text->str + row->k_at, row->k_length);
  row->k_at = k_at;
  row->key_length = (guint)key.n;
  row->value_length = (guint)value.n;
  g_string_append_len (text, key.p, (gssize)key.n);
  g_string_append_len (text, value.p, (gssize)value.n);
  return TRUE;
}

/* Writes where the document has rows, if that is not what was there. */
static gboolean
write_mapping (Mapping *mapping, gint64 docnum, GError **error)
{
  for (int i = 0; i < N_CLASSES; i++)
    if (mapping->has_class[i] && !g_string_equal (mapping->kept[i], mapping->before[i])
        && !write_places (mapping->connection, docnum, (Class)i, mapping->kept[i], error))
      return FALSE;
  return TRUE;
}

/* Takes a row away that the document has no longer; later, as a row of @new, with @is_bulk. */
static gboolean
take_away (Mapping *mapping, BaruaViewRowText *row, gboolean is_bulk, BaruaViewRows *new,
           GError **error)
{
  gboolean has_row;

  if (!is_bulk)
    return barua_sqlite_view_row_write (mapping->connection, row, new, error);
  if (!read_row (mapping, row, &has_row, error))
    return FALSE;
  if (!has_row) /* what was broken off once need not be remembered for ever */
    return TRUE;
  append_place (mapping->kept[class_of (row->viewnum)], row->viewnum, row->n,
                barua_view_row_k (row));
  barua_view_rows_add (new, row->viewnum, row->n, barua_view_row_k (row), BARUA_TEXT (""),
                       BARUA_TEXT (""), BARUA_VIEW_ROW_GONE);
  return TRUE;
}

/* Compares a row with the one that may stand in its place, and writes what it says if that is
 * another; *is_left says whether it is still to be written. */
static gboolean
settle (Mapping *mapping, BaruaViewRowText *old, BaruaViewRowText *row, gboolean is_bulk,
        BaruaViewRows *new, gboolean *is_left, GError **error)
{
  gboolean has_row;

  *is_left = TRUE;
  row->kind = is_bulk ? BARUA_VIEW_ROW_PUT : BARUA_VIEW_ROW_NEW;
  if (is_bulk)
    return TRUE;
  if (!read_row (mapping, old, &has_row, error))
    return FALSE;
  *is_left = !has_row;
  if (!has_row || barua_view_row_says (old, row))
    return TRUE;
  row->kind = BARUA_VIEW_ROW_PUT;
  return barua_sqlite_view_row_write (mapping->connection, row, new, error);
}

/* Leaves in @new, of the rows from no. @first on, those that are still to be written. */
static gboolean
write_differences (Mapping *mapping, BaruaViewRows *new, guint first, gboolean is_bulk,
                   GError **error)
{
  const guint end = new->rows->len;
  guint n_kept = first;
  guint at = first;

  for (guint i = 0; i < mapping->old.rows->len; i++)
    {
      BaruaViewRowText *old = barua_view_rows_at (&mapping->old, i);
      gboolean is_left;
      int order = 1;
      while (at < end
             && (order = barua_view_row_compare (barua_view_rows_at (new, at), old)) < 0)
        *barua_view_rows_at (new, n_kept++) = *barua_view_rows_at (new, at++);
      if (at == end || order > 0)
        {
          if (!take_away (mapping, old, is_bulk, new, error))
            return FALSE;
          continue;
        }
      if (!settle (mapping, old, barua_view_rows_at (new, at), is_bulk, new, &is_left, error))
        return FALSE;
      if (is_left)
        *barua_view_rows_at (new, n_kept++) = *barua_view_rows_at (new, at);
      at++;
    }
  while (at < end)
    *barua_view_rows_at (new, n_kept++) = *barua_view_rows_at (new, at++);
  g_array_remove_range (new->rows, n_kept, end - n_kept); /* behind it are those taken away */
  return TRUE;
}

/* Adds the rows that a live document has in the views of a mapping. */
static gboolean
emit_rows (BaruaSqliteConnection *connection, BaruaText id, const BaruaSqliteDoc *doc,
           BaruaText body, const gboolean *wants, BaruaViewRows *new, GError **error)
{
  BaruaViewDocument document = { .id = id, .body = { body.p, body.n } };
  g_autoptr (BaruaArena) arena = NULL;
  BaruaText *losers = NULL;

  barua_view_rows_begin (new, doc->docnum, id);
  if (doc->is_deleted)
    return TRUE;
  if (doc->leaves > 1)
    {
      arena = barua_arena_new ();
      if (!find_losers (connection, doc, arena, &losers, &document.n_losers, error))
        return FALSE;
      document.losers = losers;
    }
  barua_views_map (&document, wants, barua_view_rows_emit, new);
  return TRUE;
}

gboolean
barua_sqlite_view_map (BaruaSqliteConnection *connection, BaruaText id, const BaruaSqliteDoc *doc,
                       BaruaText body, const gboolean *wants, gboolean is_bulk, BaruaViewRows *new,
                       GError **error)
{
  const guint first = new->rows->len;
  Mapping mapping;
  gboolean is_ok = mapping_init (&mapping, connection, doc->docnum, id, wants, error)
                   && emit_rows (connection, id, doc, body, wants, new, error);

  if (is_ok)
    {
      barua_view_rows_sort (new, first);
      for (guint i = first; i < new->rows->len; i++)
        {
          const BaruaViewRowText *row = barua_view_rows_at (new, i);
          append_place (mapping.kept[class_of (row->viewnum)], row->viewnum, row->n,
                        barua_view_row_k (row));
        }
      is_ok = write_differences (&mapping, new, first, is_bulk, error)
              && write_mapping (&mapping, doc->docnum, error);
    }
  mapping_clear (&mapping);
  return is_ok;
}

/* ---- look-ups ---- */

/* Brings the rows of one document in some views up to date. */
static gboolean
put_rows (BaruaSqliteConnection *connection, BaruaText id, const BaruaSqliteDoc *doc,
          BaruaText body, const gboolean *wants, GError **error)
{
  BaruaViewRows new;

  barua_view_rows_init (&new, barua_sqlite_of (&connection->tx.reader)->viewnums);
  const gboolean is_ok
      = barua_sqlite_view_map (connection, id, doc, body, wants, FALSE, &new, error)
        && barua_sqlite_view_rows_insert (connection, &new, error);
  barua_view_rows_clear (&new);
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
  return put_rows (connection, change->id, &doc, winner, connection->wants_lookups, error);
}

/* ---- checking ---- */

/* Reads what the rows of a mapping say; those that do not stand in the file are taken out. */
static gboolean
read_rows (Mapping *mapping, GError **error)
{
  for (guint i = mapping->old.rows->len; i > 0; i--)
    {
      gboolean has_row;
      if (!read_row (mapping, barua_view_rows_at (&mapping->old, i - 1), &has_row, error))
        return FALSE;
      if (!has_row)
        g_array_remove_index (mapping->old.rows, i - 1);
    }
  return TRUE;
}

/* Whether both have the same rows; both are sorted. */
static gboolean
are_same (const BaruaViewRows *old, const BaruaViewRows *new)
{
  if (old->rows->len != new->rows->len)
    return FALSE;
  for (guint i = 0; i < old->rows->len; i++)
    if (barua_view_row_compare (barua_view_rows_at (old, i), barua_view_rows_at (new, i)) != 0
        || !barua_view_row_says (barua_view_rows_at (old, i), barua_view_rows_at (new, i)))
      return FALSE;
  return TRUE;
}

gboolean
barua_sqlite_check_view_rows (BaruaSqliteConnection *connection, BaruaText id,
                              const BaruaSqliteDoc *doc, gint64 dbnum, BaruaText body,
                              gboolean *is_same, gint64 *n_rows, GError **error)
{
  const BaruaSqlite *sqlite = barua_sqlite_of (&connection->tx.reader);
  g_autofree gboolean *wants = g_new0 (gboolean, barua_views_count ());
  g_autofree gboolean *has_come = g_new0 (gboolean, barua_views_count ());
  Mapping mapping;
  BaruaViewRows new;

  /* Only what must be there by now: look-ups that are complete, and views that have come so far. */
  for (guint i = 0; i < barua_views_count (); i++)
    {
      gint64 built;
      if (!barua_sqlite_view_belongs (sqlite, i, dbnum))
        continue;
      if (!barua_sqlite_view_built (connection, i, &built, error))
        return FALSE;
      wants[i] = TRUE;
      has_come[i] = built >= (barua_view (i)->is_lookup ? BARUA_VIEW_BUILT_ALL : doc->seq);
    }
  barua_view_rows_init (&new, sqlite->viewnums);
  const gboolean is_ok = mapping_init (&mapping, connection, doc->docnum, id, wants, error)
                         && emit_rows (connection, id, doc, body, has_come, &new, error)
                         && read_rows (&mapping, error);
  *n_rows = mapping.old.rows->len;
  for (guint i = mapping.old.rows->len; i > 0; i--)
    if (!has_come[find_view (&mapping.old, barua_view_rows_at (&mapping.old, i - 1)->viewnum)])
      g_array_remove_index (mapping.old.rows, i - 1);
  barua_view_rows_sort (&new, 0);
  *is_same = are_same (&mapping.old, &new);
  barua_view_rows_clear (&new);
  mapping_clear (&mapping);
  return is_ok;
}
