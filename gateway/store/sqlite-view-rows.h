/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/store/sqlite.h"

G_BEGIN_DECLS

/* Private to gateway/store/sqlite*.c: rows of views on their way into the file. */

/** Look-up views have numbers up to this one in the file, the others are above. */
#define BARUA_VIEW_LAST_LOOKUP 99

/** The built_seq of a look-up view that has a row for every document. */
#define BARUA_VIEW_BUILT_ALL G_MAXINT64

/**
 * BaruaViewRowKind:
 * @BARUA_VIEW_ROW_NEW: nothing stands in its place
 * @BARUA_VIEW_ROW_PUT: one may stand there
 * @BARUA_VIEW_ROW_GONE: the one that may stand there is to go; only its place counts
 *
 * What is to become of a row in the file.
 */
typedef enum
{
  BARUA_VIEW_ROW_NEW,
  BARUA_VIEW_ROW_PUT,
  BARUA_VIEW_ROW_GONE,
} BaruaViewRowKind;

/**
 * BaruaViewRowText:
 * @text: the texts are at offsets of it: the id; the sort key, the key and the value in one piece
 *
 * One row. Its place is @viewnum, sort key, id and @n.
 */
typedef struct
{
  gint64 viewnum;
  gint64 n;
  gint64 docnum;
  gsize id_at;
  gsize k_at;
  guint id_length;
  guint k_length;
  guint key_length;
  guint value_length;
  BaruaViewRowKind kind;
  const GString *text;
} BaruaViewRowText;

/**
 * BaruaViewRows:
 *
 * Rows of one document or of many.
 */
typedef struct
{
  const gint64 *viewnums;
  GArray *rows; /* of BaruaViewRowText */
  GString *text;
  GArray *growths; /* by how much views grow */
  gint64 docnum;   /* of the document that is mapped now */
  gsize id_at;
  guint id_length;
  guint last_view; /* to count the rows of each */
  gint64 n;
} BaruaViewRows;

/* ---- sqlite-view-rows.c ---- */

void barua_view_rows_init (BaruaViewRows *rows, const gint64 *viewnums);
void barua_view_rows_clear (BaruaViewRows *rows);

/** Takes all rows out; what views grew by stays. */
void barua_view_rows_empty (BaruaViewRows *rows);

static inline BaruaViewRowText *
barua_view_rows_at (const BaruaViewRows *rows, guint i)
{
  return &g_array_index (rows->rows, BaruaViewRowText, i);
}

static inline BaruaText
barua_view_row_id (const BaruaViewRowText *row)
{
  return (BaruaText){ row->text->str + row->id_at, row->id_length };
}

static inline BaruaText
barua_view_row_k (const BaruaViewRowText *row)
{
  return (BaruaText){ row->text->str + row->k_at, row->k_length };
}

/** Key and value, one behind the other. */
static inline BaruaText
barua_view_row_rest (const BaruaViewRowText *row)
{
  return (BaruaText){ row->text->str + row->k_at + row->k_length,
                      (gsize)row->key_length + row->value_length };
}

/** Rows that are added from now on belong to this document. */
void barua_view_rows_begin (BaruaViewRows *rows, gint64 docnum, BaruaText id);

/** Adds a row of the document. */
void barua_view_rows_add (BaruaViewRows *rows, gint64 viewnum, gint64 n, BaruaText k, BaruaText key,
                          BaruaText value, BaruaViewRowKind kind);

/** A #BaruaEmitFunc: adds a row of the document. */
void barua_view_rows_emit (guint view, BaruaText key, BaruaText value, gpointer data);

/** Orders rows by their places, as the table does. */
int barua_view_row_compare (gconstpointer a, gconstpointer b);

/** Orders the rows from no. @first on. */
void barua_view_rows_sort (BaruaViewRows *rows, guint first);

/** Whether two rows that stand in the same place say the same. */
gboolean barua_view_row_says (const BaruaViewRowText *a, const BaruaViewRowText *b);

/** Does in the file what @row says, and counts it in @growths of @rows. */
gboolean barua_sqlite_view_row_write (BaruaSqliteConnection *connection,
                                      const BaruaViewRowText *row, BaruaViewRows *rows,
                                      GError **error);

/** Writes by how much views grew, and begins to count again. */
gboolean barua_sqlite_view_rows_count (BaruaSqliteConnection *connection, BaruaViewRows *rows,
                                       GError **error);

/** Writes all rows in the order of the table, so that its pages are visited one after the other,
 * with barua_sqlite_view_rows_count(); @rows is empty then. */
gboolean barua_sqlite_view_rows_insert (BaruaSqliteConnection *connection, BaruaViewRows *rows,
                                        GError **error);

/* ---- sqlite-view-places.c ----
 *
 * `vdoc` has the places where a document may have rows: never fewer than it has, and more only
 * while many documents are caught up at once, or when that was broken off. */

/** Calls @func for each place in @places, a value of `vdoc`, until it returns %FALSE. */
typedef gboolean (*BaruaViewPlaceFunc) (gint64 viewnum, gint64 n, BaruaText k, gpointer data);
void barua_view_places_walk (BaruaText places, BaruaViewPlaceFunc func, gpointer data);

/**
 * barua_sqlite_view_map:
 * @doc: it has a winner in any case
 * @wants: (array length=barua_views_count()): the views that are meant
 * @is_bulk: writes no rows at all; else only those that are to be inserted are left to do
 * @new: gets what is left to do
 *
 * Brings the rows of a document in some views, and the places of them, up to date. With @is_bulk
 * the places are those before and after, until the rows are written.
 */
gboolean barua_sqlite_view_map (BaruaSqliteConnection *connection, BaruaText id,
                                const BaruaSqliteDoc *doc, BaruaText body, const gboolean *wants,
                                gboolean is_bulk, BaruaViewRows *new, GError **error);

/* ---- sqlite-view-runs.c: more rows than memory should hold, sorted in a file ---- */

typedef struct _BaruaViewRuns BaruaViewRuns;

/** @path: of the database: the file, which has no name, is made beside it. */
BaruaViewRuns *barua_view_runs_new (const char *path, GError **error);
void barua_view_runs_free (BaruaViewRuns *runs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaViewRuns, barua_view_runs_free)

/** Whether one more run fits. */
gboolean barua_view_runs_have_room (const BaruaViewRuns *runs);

/** Sorts the rows, appends them to the file as a run, and empties @rows. No two rows of all runs
 * have the same place. @error: %BARUA_STORE_ERROR_FULL, %BARUA_STORE_ERROR_FAILED */
gboolean barua_view_runs_add (BaruaViewRuns *runs, BaruaViewRows *rows, GError **error);

/** The first row of all runs; %NULL when all were taken, or with an error. It stays until the next
 * call. No run can be added after the first call. */
const BaruaViewRowText *barua_view_runs_take (BaruaViewRuns *runs, GError **error);

/* ---- sqlite-views.c ---- */

/** Whether a registered view belongs to a database. */
gboolean barua_sqlite_view_belongs (const BaruaSqlite *sqlite, guint number, gint64 dbnum);

/** How far a view is; 0 for one that the file does not know. */
gboolean barua_sqlite_view_built (BaruaSqliteConnection *connection, guint number, gint64 *built,
                                  GError **error);

/** Runs a statement with up to two numbers. */
gboolean barua_sqlite_run_numbers (BaruaSqliteConnection *connection, BaruaSql which, gint64 a,
                                   gint64 b, GError **error);

G_END_DECLS
