/* SPDX-License-Identifier: MIT */

/* The store in numbers, for everybody who watches at once. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/figures.h"

#include "gateway/api/user-count.h"

/* Figures are this old at most, unless taking them is dear: then this many times as old as it took. */
#define LIFE_US G_USEC_PER_SEC
#define LIFE_SHARE 10

typedef struct
{
  BaruaFiguresFunc func;
  gpointer data;
} Waiter;

struct _BaruaFiguresCache
{
  BaruaFigures figures;
  gint64 begun_us;
  gint64 good_until_us;
  GArray *waiting; /* of Waiter */
};

/* One look at the store; the reader has it while it looks. */
typedef struct
{
  BaruaApp *app;
  BaruaFigures figures;
} Look;

struct _BaruaFiguresCache *
barua_figures_cache_new (void)
{
  struct _BaruaFiguresCache *cache = g_new0 (struct _BaruaFiguresCache, 1);

  cache->waiting = g_array_new (FALSE, FALSE, sizeof (Waiter));
  return cache;
}

static void
look_free (gpointer data)
{
  Look *done = data;

  g_clear_pointer (&done->figures.phones, g_array_unref);
  g_free (done);
}

void
barua_figures_cache_free (struct _BaruaFiguresCache *cache)
{
  g_clear_pointer (&cache->figures.phones, g_array_unref);
  g_array_unref (cache->waiting);
  g_free (cache);
}

/* BaruaListingFunc: counts the users above the limit (users.md 9.2). */
static gboolean
count_if_over (const BaruaListingRow *row, gpointer data)
{
  const BaruaJson count = barua_json_member ((BaruaJson){ row->body.p, row->body.n }, "count");

  if (barua_json_number (count) >= BARUA_USER_DOCUMENTS_LIMIT)
    ++*(gint64 *)data;
  return TRUE;
}

/* Users whose documents are too many for a phone, as far as they were counted. */
static gint64
count_over_limit (BaruaReader *reader)
{
  const BaruaListing listing = { .db = BARUA_DB_SENTINEL,
                                 .start = BARUA_TEXT (BARUA_USER_COUNT_ID),
                                 .end = BARUA_TEXT (BARUA_USER_COUNT_ID "\xef\xbf\xb0"),
                                 .includes_docs = TRUE,
                                 .includes_hidden = TRUE,
                                 .limit = -1 };
  BaruaListingTotals totals;
  gint64 n = 0;
  g_autoptr (GError) error = NULL;

  if (barua_reader_all_docs (reader, &listing, &totals, count_if_over, &n, &error))
    return n;
  g_warning ("no figure of users with too many documents: %s", error->message);
  return -1;
}

/* BaruaQuery: each figure fails alone. */
static gboolean
look (BaruaReader *reader, gpointer data, GError **error)
{
  static const char *const names[BARUA_N_FIGURES]
      = { NULL, BARUA_DB_SENTINEL, BARUA_DB_USERS_META, BARUA_DB_USERS };
  BaruaFigures *figures = &((Look *)data)->figures;

  for (guint i = 0; i < BARUA_N_FIGURES; i++)
    {
      g_autoptr (GError) trouble = NULL;
      figures->has_database[i]
          = barua_reader_database_info (reader, names[i], &figures->databases[i], &trouble);
      if (trouble != NULL)
        g_warning ("figures of database %u: %s", i, trouble->message);
    }
  barua_reader_census (reader, barua_now_ms (), &figures->census);
  g_autoptr (GError) no_phones = NULL;
  figures->n_over_limit = count_over_limit (reader);
  if (figures->phones != NULL
      && !barua_gateways_complete_report (reader, figures->phones, barua_now_ms (), &no_phones))
    {
      g_warning ("no figures of phones: %s", no_phones->message);
      g_clear_pointer (&figures->phones, g_array_unref);
    }
  return TRUE;
}

static void
looked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Look *done = user_data; /* freed by the store afterwards */
  struct _BaruaFiguresCache *cache = done->app->figures;
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) waiting = cache->waiting;
  gint64 now = g_get_monotonic_time ();

  /* a store that cannot be read at all leaves no figure */
  g_clear_pointer (&cache->figures.phones, g_array_unref);
  cache->figures = done->figures;
  done->figures.phones = NULL;
  if (!barua_store_read_finish (done->app->store, result, &error))
    {
      g_warning ("no figures: %s", error->message);
      g_clear_pointer (&cache->figures.phones, g_array_unref);
      cache->figures = (BaruaFigures){ .n_over_limit = BARUA_CENSUS_UNKNOWN };
      barua_census_init (&cache->figures.census);
    }
  cache->good_until_us = now + MAX (LIFE_US, LIFE_SHARE * (now - cache->begun_us));
  cache->waiting = g_array_new (FALSE, FALSE, sizeof (Waiter));
  for (guint i = 0; i < waiting->len; i++)
    {
      const Waiter *waiter = &g_array_index (waiting, Waiter, i);
      waiter->func (&cache->figures, waiter->data);
    }
}

void
barua_figures_ask (BaruaApp *app, BaruaFiguresFunc func, gpointer data)
{
  struct _BaruaFiguresCache *cache = app->figures;
  const Waiter waiter = { func, data };
  gint64 now = g_get_monotonic_time ();

  if (now < cache->good_until_us)
    {
      func (&cache->figures, data);
      return;
    }
  g_array_append_val (cache->waiting, waiter);
  if (cache->waiting->len > 1)
    return;
  Look *begun = g_new0 (Look, 1);
  begun->app = app;
  begun->figures.phones = barua_gateways_begin_report (app->gateways);
  cache->begun_us = now;
  barua_store_read_async (app->store, look, begun, look_free, NULL, looked, begun);
}
