/* SPDX-License-Identifier: MIT */

/* GET /metrics: the Prometheus text format (export-and-monitoring.md 7.2). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/counters.h"
#include "gateway/api/figures.h"
#include "gateway/api/handlers.h"
#include "gateway/rules/transitions.h"
#include "gateway/version.h"

#define CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define MICROSECONDS 1000000.0
#define MILLISECONDS 1000.0

/* A request that waits for the figures. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
} Waiting;

/* Appends a metric of one number, with what it is. */
static void
append_number (GString *out, const char *name, const char *type, const char *help, double number)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];

  barua_metrics_head (out, name, type, help);
  g_string_append_printf (out, "%s %s\n", name,
                          g_ascii_formatd (digits, sizeof digits, "%.15g", number));
}

/* What became of credentials. */
static void
append_auth (const BaruaAuthStats *stats, GString *out)
{
  const struct
  {
    const char *result;
    guint64 n;
  } rows[] = { { "cached", stats->cache_hits },
               { "verified", stats->checks - MIN (stats->checks, stats->failures) },
               { "refused", stats->failures },
               { "limited", stats->limited } };

  barua_metrics_head (out, "barua_auth_total", "counter", "Credentials judged.");
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_string_append_printf (out, "barua_auth_total{result=\"%s\"} %" G_GUINT64_FORMAT "\n",
                            rows[i].result, rows[i].n);
}

/* Certificate and handshakes of a server that speaks TLS itself. */
static void
append_tls (BaruaServer *server, GString *out)
{
  const BaruaTls *tls = barua_server_tls (server);

  if (tls == NULL)
    return;
  append_number (out, "barua_tls_certificate_not_after_timestamp_seconds", "gauge",
                 "When the first of the certificates ends that are sent.",
                 (double)barua_tls_not_after_s (tls));
  barua_metrics_head (out, "barua_tls_handshakes_total", "counter", "Handshakes by what became of them.");
  for (guint i = 0; i < BARUA_TLS_N_RESULTS; i++)
    g_string_append_printf (out, "barua_tls_handshakes_total{result=\"%s\"} %" G_GUINT64_FORMAT "\n",
                            barua_tls_result_name ((BaruaTlsResult)i),
                            barua_server_stats (server)->handshakes[i]);
}

static void
append_store (const BaruaStoreStats *stats, GString *out)
{
  append_number (out, "barua_commits_total", "counter", "Transactions made durable.",
                 (double)stats->commits);
  barua_metrics_head (out, "barua_commit_duration_seconds", "histogram",
                      "From the first job of a commit to its end on the disk.");
  barua_histogram_write (&stats->commit_times, barua_histogram_times, MICROSECONDS,
                         "barua_commit_duration_seconds", "", out);
  barua_metrics_head (out, "barua_commit_jobs", "histogram", "Jobs that shared one commit.");
  barua_histogram_write (&stats->commit_jobs, barua_histogram_sizes, 1, "barua_commit_jobs", "", out);
  append_number (out, "barua_writer_queue", "gauge", "Jobs that wait for the writer.", stats->queued);
  append_number (out, "barua_wal_bytes", "gauge", "Write-ahead log not yet written back.",
                 (double)stats->wal_bytes);
}

/* What the settings switch on and what does not run all the same. */
static void
append_transitions (const BaruaSettings *settings, GString *out)
{
  const char *name;

  barua_metrics_head (out, "barua_transitions_off", "gauge",
                      "1: the settings switch the transition on, but it does not run.");
  for (guint i = 0; (name = barua_transition_name (i)) != NULL; i++)
    g_string_append_printf (out, "barua_transitions_off{transition=\"%s\"} %d\n", name,
                            barua_transition_is_switched_off (settings, name) ? 1 : 0);
}

/* The age of the oldest message that no phone has confirmed; 0 when none waits. */
static double
oldest_due_seconds (const BaruaCensus *census)
{
  if (census->oldest_offered_ms == BARUA_NO_TIME)
    return 0;
  return MAX (0, (double)(barua_now_ms () - census->oldest_offered_ms) / MILLISECONDS);
}

static void
append_messages (const BaruaCensus *census, GString *out)
{
  if (census->has_messages)
    barua_metrics_head (out, "barua_messages", "gauge", "Outgoing messages by state.");
  for (int state = BARUA_TASK_STATE_SCHEDULED; census->has_messages && state < BARUA_N_TASK_STATES; state++)
    {
      g_string_append_printf (out, "barua_messages{state=\"%s\"} %" G_GINT64_FORMAT "\n",
                              barua_task_state_name ((BaruaTaskState)state),
                              census->messages[state]);
    }
  if (census->has_oldest)
    append_number (out, "barua_oldest_due_seconds", "gauge",
                   "Age of the oldest message that is offered and that no phone has confirmed.",
                   oldest_due_seconds (census));
}

/* One time of each phone that has it. */
static void
append_phones (const GArray *phones, const char *name, const char *help, gsize offset, GString *out)
{
  barua_metrics_head (out, name, "gauge", help);
  for (guint i = 0; i < phones->len; i++)
    {
      const BaruaGatewayReport *phone = &g_array_index (phones, BaruaGatewayReport, i);
      gint64 ms = G_STRUCT_MEMBER (gint64, phone, offset);
      if (ms == 0 || phone->account == NULL)
        continue;
      g_string_append_printf (out, "%s{account=", name);
      barua_metrics_label (out, phone->account);
      g_string_append_printf (out, "} %" G_GINT64_FORMAT ".%03d\n", ms / 1000, (int)(ms % 1000));
    }
}

static void
append_figures (const BaruaFigures *figures, GString *out)
{
  if (figures->has_database[BARUA_FIGURES_MEDIC])
    append_number (out, "barua_database_bytes", "gauge", "Size of the database file.",
                   (double)figures->databases[BARUA_FIGURES_MEDIC].file_bytes);
  append_messages (&figures->census, out);
  if (figures->phones == NULL)
    return;
  append_phones (figures->phones, "barua_gateway_last_poll_timestamp_seconds",
                 "When the phone of an account polled last.",
                 G_STRUCT_OFFSET (BaruaGatewayReport, polled_ms), out);
  append_phones (figures->phones, "barua_gateway_last_incoming_timestamp_seconds",
                 "When the phone of an account brought a message last.",
                 G_STRUCT_OFFSET (BaruaGatewayReport, received_ms), out);
}

/* BaruaFiguresFunc: answers the request. */
static void
reply (const BaruaFigures *figures, gpointer data)
{
  g_autofree Waiting *waiting = data;
  g_autoptr (BaruaRequest) request = waiting->request;
  GString *out = g_string_new (NULL);
  BaruaStoreStats stats;

  barua_store_stats (waiting->app->store, &stats);
  barua_metrics_head (out, "barua_build_info", "gauge", "What runs.");
  g_string_append_printf (out,
                          "barua_build_info{version=\"%s\",sqlite=\"%s\",schema=\"%d\"} 1\n",
                          barua_version, figures->census.engine, figures->census.schema);
  barua_metrics_write (barua_server_metrics (waiting->app->server), out);
  append_number (out, "barua_http_connections", "gauge", "Connections that are open.",
                 barua_server_stats (waiting->app->server)->open_connections);
  append_tls (waiting->app->server, out);
  append_auth (barua_auth_stats (waiting->app->auth), out);
  append_store (&stats, out);
  barua_counters_write (waiting->app->counters, out);
  append_transitions (waiting->app->settings, out);
  append_figures (figures, out);
  barua_request_add_header (request, "Cache-Control", "no-store");
  barua_request_reply (request, 200, CONTENT_TYPE, g_string_free_to_bytes (out));
}

void
barua_api_metrics (BaruaRequest *request, gpointer app)
{
  if (!barua_request_may (request, "can_view_metrics") && !barua_request_is_local (request))
    {
      barua_request_fail (request,
                          barua_request_user (request) != NULL ? BARUA_HTTP_ERROR_FORBIDDEN
                                                               : BARUA_HTTP_ERROR_UNAUTHORIZED,
                          NULL, NULL);
      return;
    }
  Waiting *waiting = g_new0 (Waiting, 1);
  waiting->app = app;
  waiting->request = barua_request_ref (request);
  barua_figures_ask (app, reply, waiting);
}
