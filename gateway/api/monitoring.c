/* SPDX-License-Identifier: MIT */

/* GET /api/v1/monitoring (export-and-monitoring.md 7): -1 or "" where a figure cannot be read. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/figures.h"
#include "gateway/api/handlers.h"

#define UNKNOWN (-1)

/* What a message in a state counts as. */
typedef enum
{
  COUNTS_AS_NOTHING,
  COUNTS_AS_DUE,
  COUNTS_AS_SCHEDULED,
  COUNTS_AS_MUTED,
  N_COUNTS,
} CountsAs;

static const CountsAs counts_as[BARUA_TASK_STATE_CLEAR + 1] = {
  [BARUA_TASK_STATE_SCHEDULED] = COUNTS_AS_SCHEDULED,
  [BARUA_TASK_STATE_PENDING] = COUNTS_AS_DUE,
  [BARUA_TASK_STATE_FORWARDED_TO_GATEWAY] = COUNTS_AS_DUE,
  [BARUA_TASK_STATE_RECEIVED_BY_GATEWAY] = COUNTS_AS_DUE,
  [BARUA_TASK_STATE_FORWARDED_BY_GATEWAY] = COUNTS_AS_DUE,
  [BARUA_TASK_STATE_DENIED] = COUNTS_AS_MUTED,
  [BARUA_TASK_STATE_DUPLICATE] = COUNTS_AS_MUTED,
  [BARUA_TASK_STATE_MUTED] = COUNTS_AS_MUTED,
  [BARUA_TASK_STATE_CLEARED] = COUNTS_AS_MUTED,
  [BARUA_TASK_STATE_EXPIRED] = COUNTS_AS_MUTED,
};

/* A request that waits for the figures. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
} Waiting;

/* Appends a number with three decimals at most. */
static void
append_fraction (GString *json, double number)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (json, g_ascii_formatd (digits, sizeof digits, "%.3f", number));
}

/* File size by what is in use; the one file stands for all, so that only the first database tells. */
static double
fragmentation_of (const BaruaFigures *figures, guint which)
{
  const BaruaCensus *census = &figures->census;

  if (which != BARUA_FIGURES_MEDIC)
    return 1;
  if (!figures->has_census || census->pages <= census->free_pages)
    return UNKNOWN;
  return (double)census->pages / (double)(census->pages - census->free_pages);
}

static void
append_databases (const BaruaFigures *figures, const char *default_db, GString *json)
{
  static const char *const keys[BARUA_N_FIGURES] = { "medic", "sentinel", "usersmeta", "users" };
  const char *const names[BARUA_N_FIGURES]
      = { default_db, BARUA_DB_SENTINEL, BARUA_DB_USERS_META, BARUA_DB_USERS };

  g_string_append (json, "\"couchdb\":{");
  for (guint i = 0; i < BARUA_N_FIGURES; i++)
    {
      const BaruaDatabaseInfo *info = &figures->databases[i];
      gboolean is_known = figures->has_database[i];
      g_string_append_printf (json, "%s\"%s\":{\"name\":", i > 0 ? "," : "", keys[i]);
      barua_json_append_string (json, barua_text (names[i]));
      g_string_append_printf (json,
                              ",\"update_sequence\":%" G_GINT64_FORMAT
                              ",\"doc_count\":%" G_GINT64_FORMAT
                              ",\"doc_del_count\":%" G_GINT64_FORMAT ",\"fragmentation\":",
                              is_known ? info->update_seq : UNKNOWN, is_known ? info->live : UNKNOWN,
                              is_known ? info->deleted : UNKNOWN);
      append_fraction (json, is_known ? fragmentation_of (figures, i) : UNKNOWN);
      g_string_append_c (json, '}');
    }
  g_string_append (json, "},");
}

/* The three numbers under `state`, where every release has them, and directly, where the reference
 * says they are. */
static void
append_messages (const BaruaFigures *figures, GString *json)
{
  gint64 n[N_COUNTS] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (counts_as); i++)
    n[counts_as[i]] += figures->census.messages[i];
  if (!figures->has_census)
    for (guint i = 0; i < N_COUNTS; i++)
      n[i] = UNKNOWN;
  g_autofree char *numbers
      = g_strdup_printf ("\"due\":%" G_GINT64_FORMAT ",\"scheduled\":%" G_GINT64_FORMAT
                         ",\"muted\":%" G_GINT64_FORMAT,
                         n[COUNTS_AS_DUE], n[COUNTS_AS_SCHEDULED], n[COUNTS_AS_MUTED]);
  g_string_append_printf (json, "\"messaging\":{\"outgoing\":{\"state\":{%s},%s}},", numbers, numbers);
}

/* When any phone was heard of last; UNKNOWN for never. */
static gint64
last_poll (const BaruaFigures *figures)
{
  gint64 last_ms = 0;

  for (guint i = 0; figures->phones != NULL && i < figures->phones->len; i++)
    last_ms = MAX (last_ms, g_array_index (figures->phones, BaruaGatewayReport, i).polled_ms);
  return last_ms > 0 ? last_ms : UNKNOWN;
}

/* BaruaFiguresFunc: answers the request. */
static void
reply (const BaruaFigures *figures, gpointer data)
{
  g_autofree Waiting *waiting = data;
  g_autoptr (BaruaRequest) request = waiting->request;
  const BaruaCensus *census = &figures->census;
  gboolean has_census = figures->has_census;
  GString *json = g_string_new (
      "{\"version\":{\"app\":\"" BARUA_VERSION "\",\"node\":\"\",\"couchdb\":\"\"},");

  append_databases (figures, barua_store_default_db (waiting->app->store), json);
  g_string_append_printf (json, "\"date\":{\"current\":%" G_GINT64_FORMAT ",\"uptime\":",
                          barua_now_ms ());
  append_fraction (json, (double)(g_get_monotonic_time () - waiting->app->started_us)
                             / G_USEC_PER_SEC);
  /* rules run in the transaction of their record, and nothing is pushed: neither can wait */
  g_string_append (json, "},\"sentinel\":{\"backlog\":0},");
  append_messages (figures, json);
  g_string_append_printf (
      json,
      "\"outbound_push\":{\"backlog\":0},\"feedback\":{\"count\":%" G_GINT64_FORMAT
      "},\"conflict\":{\"count\":%" G_GINT64_FORMAT "},\"replication_limit\":{\"count\":%" G_GINT64_FORMAT
      "},\"barua\":{\"gateway_last_poll\":%" G_GINT64_FORMAT ",\"schema\":%d,\"sqlite\":\"%s\"}}",
      has_census ? census->feedback : UNKNOWN, has_census ? census->conflicts : UNKNOWN, figures->n_over_limit,
      last_poll (figures), has_census ? census->schema : UNKNOWN,
      has_census ? census->engine : "");
  barua_request_add_header (request, "Cache-Control", "no-store");
  barua_request_reply_json (request, 200, json);
}

void
barua_api_monitoring (BaruaRequest *request, gpointer app)
{
  Waiting *waiting = g_new0 (Waiting, 1);

  waiting->app = app;
  waiting->request = barua_request_ref (request);
  barua_figures_ask (app, reply, waiting);
}
