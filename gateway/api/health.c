/* SPDX-License-Identifier: MIT */

/* /healthz and /readyz: the main loop moves, and so does the writer (export-and-monitoring.md 7.2).
 */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/health.h"

#include "gateway/api/handlers.h"

/* A writer that does not answer in this time hangs. */
#define PATIENCE_MS 3000

/* Who waits for the probe that is under way. */
typedef struct
{
  BaruaHealthFunc func;
  gpointer data;
} Waiter;

/* One probe of the writer: the answer to all who asked while it was under way. */
typedef struct
{
  BaruaApp *app;
  guint timeout;
} Probe;

static void
answer_all (BaruaApp *app, const char *trouble)
{
  g_autoptr (GArray) waiting = g_steal_pointer (&app->health_waiting);

  for (guint i = 0; i < waiting->len; i++)
    {
      const Waiter *waiter = &g_array_index (waiting, Waiter, i);
      waiter->func (trouble, waiter->data);
    }
}

/* Job: nothing, in a transaction of its own. */
static gboolean
do_nothing (BaruaTx *tx, gpointer data, GError **error)
{
  return TRUE;
}

static void
probe_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Probe *probe = user_data;
  g_autoptr (GError) error = NULL;

  barua_store_write_finish (probe->app->store, result, &error);
  if (probe->timeout != 0)
    {
      g_source_remove (probe->timeout);
      answer_all (probe->app, error != NULL ? "the store takes no writes" : NULL);
    }
  g_free (probe);
}

/* GSourceFunc: the writer took too long; the probe itself goes on. */
static gboolean
lose_patience (gpointer data)
{
  Probe *probe = data;

  probe->timeout = 0;
  answer_all (probe->app, "the writer does not answer");
  return G_SOURCE_REMOVE;
}

void
barua_health_ask (BaruaApp *app, BaruaHealthFunc func, gpointer data)
{
  const Waiter waiter = { func, data };
  const gboolean is_under_way = app->health_waiting != NULL;

  if (!is_under_way)
    app->health_waiting = g_array_new (FALSE, FALSE, sizeof (Waiter));
  g_array_append_val (app->health_waiting, waiter);
  if (is_under_way)
    return;
  Probe *probe = g_new0 (Probe, 1);
  probe->app = app;
  probe->timeout = g_timeout_add (PATIENCE_MS, lose_patience, probe);
  barua_store_write_async (app->store, do_nothing, NULL, NULL, 0, NULL, probe_done, probe);
}

/* BaruaHealthFunc: answers a request, which is dropped. */
static void
answer (const char *trouble, gpointer data)
{
  g_autoptr (BaruaRequest) request = data;
  GString *json = g_string_new ("{\"status\":");

  barua_json_append_string (json, barua_text (trouble != NULL ? trouble : "ok"));
  g_string_append_c (json, '}');
  barua_request_reply_json (request, trouble != NULL ? 503 : 200, json);
}

void
barua_api_healthz (BaruaRequest *request, gpointer data)
{
  barua_health_ask (data, answer, barua_request_ref (request));
}
