/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/* The registry of views (documents.md 10). Pure: from a document to rows, from rows to a value. */

/**
 * BaruaViewDocument:
 * @body: of the winner, a live one
 * @losers: (nullable) (array length=n_losers): other live leaves, as `N-hash`, best first
 *
 * What a view maps.
 */
typedef struct
{
  BaruaText id;
  BaruaJson body;
  const BaruaText *losers;
  gsize n_losers;
} BaruaViewDocument;

/** Gets one row; both texts are JSON, borrowed for the call. */
typedef void (*BaruaEmitFunc) (guint view, BaruaText key, BaruaText value, gpointer data);

/**
 * BaruaReducer:
 * @BARUA_REDUCE_LATEST: the value with the greatest `date`
 */
typedef enum
{
  BARUA_REDUCE_NONE,
  BARUA_REDUCE_COUNT,
  BARUA_REDUCE_SUM,
  BARUA_REDUCE_STATS,
  BARUA_REDUCE_LATEST,
} BaruaReducer;

/**
 * BaruaView:
 * @version: another one than the rows were made with: they are made again
 * @is_lookup: its rows are written in the transaction of the document
 * @is_of_users: it is one of `_users`, else of the default database
 */
typedef struct
{
  const char *ddoc;
  const char *name;
  int version;
  gboolean is_lookup;
  gboolean is_of_users;
  BaruaReducer reducer;
} BaruaView;

/** How many views there are. */
guint barua_views_count (void);

/** The view of that number, 0 to barua_views_count() - 1. Numbers are those of this program, not of
 * a file. */
const BaruaView *barua_view (guint number);

/** The number of a view; -1 when there is none of that name. */
int barua_view_find (gboolean is_of_users, const char *ddoc, const char *name);

/** Whether there is a view in this design document. */
gboolean barua_view_has_ddoc (gboolean is_of_users, const char *ddoc);

/**
 * barua_views_map:
 * @wants: (array length=barua_views_count()): the views to map
 *
 * Maps a document to the rows of several views, in the order of each view's emission. Linear in the
 * document for each view.
 */
void barua_views_map (const BaruaViewDocument *document, const gboolean *wants, BaruaEmitFunc emit,
                      gpointer data);

/** Whether @type, the `type` of a document, is one of a contact, `national_office` included. */
gboolean barua_contact_type_is (BaruaJson type);

/**
 * BaruaReduction:
 *
 * A value on its way; initialise with {0}, end with barua_reduction_clear().
 */
typedef struct
{
  gint64 n;
  double sum;
  double min;
  double max;
  double sum_of_squares;
  double latest;
  GString *value;
} BaruaReduction;

/** Takes one more row in. */
void barua_reduction_add (BaruaReduction *reduction, BaruaReducer reducer, BaruaJson value);

/** Appends the value as JSON, and begins again. */
void barua_reduction_end (BaruaReduction *reduction, BaruaReducer reducer, GString *out);
void barua_reduction_clear (BaruaReduction *reduction);

/** The part of a key that names its group: the first @level elements of an array, any other key as
 * it is; appended to @out as JSON. */
void barua_view_append_group (GString *out, BaruaJson key, guint level);

G_END_DECLS
