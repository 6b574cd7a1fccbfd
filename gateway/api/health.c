/* SPDX-License-Identifier: MIT */

/* /healthz and /readyz: the main loop and the writer move; the store takes writes
 * (export-and-monitoring.md 7.2). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/health.h"

#include "gateway/api/handlers.h"

/* A writer that finishes nothing in this time hangs. */
#define PATIENCE_MS 3000

/* What is not stored for lack of room may be larger than a probe: it is remembered for so long. */
#define TROUBLE_US (5 * G_USEC_PER_SEC)

#define LIFE_US G_USEC_PER_SEC /* of an answer about writing, which costs a write */
#define META_PROBE "probe"

/* What is asked. */
typedef enum
{
  QUESTION_MOVES,
  QUESTION_WRITES,
  N_QUESTIONS,
} Question;

/* Who waits for the probe that is under way. */
typedef struct
{
  BaruaHealthFunc func;
  gpointer data;
} Waiter;

/* One question: who waits for its answer, and the last one. */
typedef struct
{
  GArray *waiting; /* of Waiter */
  gboolean is_under_way;
  const char *trouble;
  gint64 good_until_us;
} Asked;

struct _BaruaHealth
{
  BaruaApp *app;
  Asked asked[N_QUESTIONS];
};

/* One probe of the writer: the answer to all who asked while it was under way. */
typedef struct
{
  struct _BaruaHealth *health;
  Question question;
  guint timeout;
  guint64 commits_before;
} Probe;

struct _BaruaHealth *
barua_health_new (BaruaApp *app)
{
  struct _BaruaHealth *health = g_new0 (struct _BaruaHealth, 1);

  health->app = app;
  for (guint i = 0; i < N_QUESTIONS; i++)
    health->asked[i].waiting = g_array_new (FALSE, FALSE, sizeof (Waiter));
  return health;
}

void
barua_health_free (struct _BaruaHealth *health)
{
  for (guint i = 0; i < N_QUESTIONS; i++)
    g_array_unref (health->asked[i].waiting);
  g_free (health);
}

static void
answer_all (Asked *asked, const char *trouble)
{
  g_autoptr (GArray) waiting = asked->waiting;

  asked->waiting = g_array_new (FALSE, FALSE, sizeof (Waiter));
  asked->is_under_way = FALSE;
  asked->trouble = trouble;
  asked->good_until_us = g_get_monotonic_time () + LIFE_US;
  for (guint i = 0; i < waiting->len; i++)
    {
      const Waiter *waiter = &g_array_index (waiting, Waiter, i);
      waiter->func (trouble, waiter->data);
    }
}

static const char *
trouble_of (gboolean is_full)
{
  return is_full ? "the disk is full" : "the database cannot be written";
}

/* What is wrong after a probe that ended, or that others were served before. */
static const char *
judge (const Probe *probe, const GError *error)
{
  BaruaStoreStats stats;

  if (probe->question == QUESTION_MOVES)
    return NULL;
  if (g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_BUSY))
    return "the database is locked";
  if (error != NULL)
    return trouble_of (g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_FULL));
  if (probe->health->app->store == NULL)
    return "stopping";
  barua_store_stats (probe->health->app->store, &stats);
  if (stats.trouble_us == 0 || g_get_monotonic_time () - stats.trouble_us > TROUBLE_US)
    return NULL;
  return trouble_of (stats.is_trouble_full);
}

/* Job: nothing, in a transaction of its own. */
static gboolean
do_nothing (BaruaTx *tx, gpointer data, GError **error)
{
  return TRUE;
}

/* Job: something small. */
static gboolean
write_probe (BaruaTx *tx, gpointer data, GError **error)
{
  char time[32];

  g_snprintf (time, sizeof time, "%" G_GINT64_FORMAT, barua_now_ms ());
  return barua_tx_put_meta (tx, META_PROBE, time, error);
}

static void
probe_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree Probe *probe = user_data;
  g_autoptr (GError) error = NULL;

  barua_store_write_finish (probe->health->app->store, result, &error);
  if (probe->timeout == 0)
    return;
  g_source_remove (probe->timeout);
  answer_all (&probe->health->asked[probe->question], judge (probe, error));
}

/* GSourceFunc: the writer took long; the probe itself goes on.  It may only have a long queue. */
static gboolean
lose_patience (gpointer data)
{
  Probe *probe = data;
  BaruaStoreStats stats = { 0 };

  probe->timeout = 0;
  if (probe->health->app->store != NULL)
    barua_store_stats (probe->health->app->store, &stats);
  answer_all (&probe->health->asked[probe->question],
              stats.commits > probe->commits_before ? judge (probe, NULL) : "the writer does not answer");
  return G_SOURCE_REMOVE;
}

static void
ask (struct _BaruaHealth *health, Question question, BaruaHealthFunc func, gpointer data)
{
  static const BaruaJob jobs[N_QUESTIONS] = { do_nothing, write_probe };
  Asked *asked = &health->asked[question];
  const Waiter waiter = { func, data };
  BaruaStoreStats stats;

  g_array_append_val (asked->waiting, waiter);
  if (asked->is_under_way)
    return;
  asked->is_under_way = TRUE;
  barua_store_stats (health->app->store, &stats);
  Probe *probe = g_new (Probe, 1);
  *probe = (Probe){ health, question, 0, stats.commits };
  probe->timeout = g_timeout_add (PATIENCE_MS, lose_patience, probe);
  barua_store_write_async (health->app->store, jobs[question], NULL, NULL, 0, NULL, probe_done, probe);
}

void
barua_health_ask (BaruaApp *app, BaruaHealthFunc func, gpointer data)
{
  ask (app->health, QUESTION_MOVES, func, data);
}

void
barua_health_ask_ready (BaruaApp *app, BaruaHealthFunc func, gpointer data)
{
  const Asked *asked = &app->health->asked[QUESTION_WRITES];

  if (g_get_monotonic_time () < asked->good_until_us)
    func (asked->trouble, data);
  else
    ask (app->health, QUESTION_WRITES, func, data);
}

/* BaruaHealthFunc: answers a request, which is dropped. */
static void
answer (const char *trouble, gpointer data)
{
  g_autoptr (BaruaRequest) request = data;
  GString *json = g_string_new ("{\"status\":");

  barua_json_append_string (json, barua_text (trouble != NULL ? trouble : "ok"));
  g_string_append_c (json, '}');
  barua_request_add_header (request, "Cache-Control", "no-store");
  barua_request_reply_json (request, trouble != NULL ? 503 : 200, json);
}

void
barua_api_healthz (BaruaRequest *request, gpointer data)
{
  barua_health_ask (data, answer, barua_request_ref (request));
}

void
barua_api_readyz (BaruaRequest *request, gpointer data)
{
  barua_health_ask_ready (data, answer, barua_request_ref (request));
}
