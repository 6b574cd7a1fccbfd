/* SPDX-License-Identifier: MIT */

/* GET /api/v1/monitoring and /api/v2/monitoring (export-and-monitoring.md 7): -1 or "" where a figure
 * cannot be read. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/figures.h"
#include "gateway/api/handlers.h"
#include "gateway/version.h"

#define UNKNOWN BARUA_CENSUS_UNKNOWN
#define DEFAULT_INTERVAL 7 /* days (export-and-monitoring.md 7.1) */

/* What a message in a state counts as. */
typedef enum
{
  COUNTS_AS_DUE,
  COUNTS_AS_SCHEDULED,
  COUNTS_AS_MUTED,
  N_COUNTS_V1,
  COUNTS_AS_FAILED = N_COUNTS_V1,
  COUNTS_AS_DELIVERED,
  N_COUNTS,
  COUNTS_AS_NOTHING = N_COUNTS,
} CountsAs;

static const char *const count_names[N_COUNTS] = { "due", "scheduled", "muted", "failed", "delivered" };

/* As the views of the reference count, `sent` is as good as delivered; see the map message_queue. */
static const CountsAs counts_as[BARUA_N_TASK_STATES] = {
  [BARUA_TASK_STATE_OTHER] = COUNTS_AS_NOTHING,
  [BARUA_TASK_STATE_SCHEDULED] = COUNTS_AS_SCHEDULED,
  [BARUA_TASK_STATE_PENDING] = COUNTS_AS_DUE,
  [BARUA_TASK_STATE_FORWARDED_TO_GATEWAY] = COUNTS_AS_DUE,
  [BARUA_TASK_STATE_RECEIVED_BY_GATEWAY] = COUNTS_AS_DUE,
  [BARUA_TASK_STATE_FORWARDED_BY_GATEWAY] = COUNTS_AS_DUE,
  [BARUA_TASK_STATE_SENT] = COUNTS_AS_DELIVERED,
  [BARUA_TASK_STATE_DELIVERED] = COUNTS_AS_DELIVERED,
  [BARUA_TASK_STATE_FAILED] = COUNTS_AS_FAILED,
  [BARUA_TASK_STATE_UNRECOGNISED] = COUNTS_AS_NOTHING,
  [BARUA_TASK_STATE_DENIED] = COUNTS_AS_MUTED,
  [BARUA_TASK_STATE_DUPLICATE] = COUNTS_AS_MUTED,
  [BARUA_TASK_STATE_MUTED] = COUNTS_AS_MUTED,
  [BARUA_TASK_STATE_CLEARED] = COUNTS_AS_MUTED,
  [BARUA_TASK_STATE_EXPIRED] = COUNTS_AS_MUTED,
  [BARUA_TASK_STATE_CLEAR] = COUNTS_AS_NOTHING,
};

/* The members of `last_hundred`. */
static const char *const group_names[BARUA_N_CENSUS_GROUPS] = {
  [BARUA_CENSUS_PENDING] = "pending",
  [BARUA_CENSUS_FINAL] = "final",
  [BARUA_CENSUS_MUTED] = "muted",
};

/* A request that waits for the figures. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  gboolean is_v2;
  guint interval_days;
} Waiting;

/* Appends `"name":number` after a comma, if there is anything before. */
static void
append_number (GString *json, const char *name, gint64 number)
{
  if (json->str[json->len - 1] != '{')
    g_string_append_c (json, ',');
  g_string_append_printf (json, "\"%s\":%" G_GINT64_FORMAT, name, number);
}

/* Appends a number with three decimals at most. */
static void
append_fraction (GString *json, double number)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (json, g_ascii_formatd (digits, sizeof digits, "%.3f", number));
}

/* File size by what is in use; the one file stands for all, so that only the first database tells. */
static double
fragmentation_of (const BaruaCensus *census, guint which)
{
  if (which != BARUA_FIGURES_MEDIC)
    return 1;
  if (census->pages == UNKNOWN || census->free_pages == UNKNOWN || census->pages <= census->free_pages)
    return UNKNOWN;
  return (double)census->pages / (double)(census->pages - census->free_pages);
}

/* The bytes of the file and of what is in use in it, told of the first database alone. */
static void
append_sizes (const BaruaFigures *figures, guint which, GString *json)
{
  const BaruaCensus *census = &figures->census;
  const gint64 file
      = figures->has_database[which] ? (gint64)figures->databases[which].file_bytes : UNKNOWN;
  const gboolean is_known
      = file > 0 && census->pages > 0 && census->free_pages != UNKNOWN && which == BARUA_FIGURES_MEDIC;

  g_string_append (json, ",\"sizes\":{");
  append_number (json, "active",
                 is_known ? file / census->pages * (census->pages - census->free_pages) : UNKNOWN);
  append_number (json, "file", which == BARUA_FIGURES_MEDIC ? file : UNKNOWN);
  g_string_append_c (json, '}');
}

static void
append_databases (const BaruaFigures *figures, const Waiting *waiting, GString *json)
{
  static const char *const keys[BARUA_N_FIGURES] = { "medic", "sentinel", "usersmeta", "users" };
  const char *const names[BARUA_N_FIGURES] = { barua_store_default_db (waiting->app->store),
                                               BARUA_DB_SENTINEL, BARUA_DB_USERS_META, BARUA_DB_USERS };

  g_string_append (json, "\"couchdb\":{");
  for (guint i = 0; i < BARUA_N_FIGURES; i++)
    {
      const BaruaDatabaseInfo *info = &figures->databases[i];
      gboolean is_known = figures->has_database[i];
      g_string_append_printf (json, "%s\"%s\":{\"name\":", i > 0 ? "," : "", keys[i]);
      barua_json_append_string (json, barua_text (names[i]));
      append_number (json, "update_sequence", is_known ? info->update_seq : UNKNOWN);
      append_number (json, "doc_count", is_known ? info->live : UNKNOWN);
      append_number (json, "doc_del_count", is_known ? info->deleted : UNKNOWN);
      g_string_append (json, ",\"fragmentation\":");
      append_fraction (json, is_known ? fragmentation_of (&figures->census, i) : UNKNOWN);
      if (waiting->is_v2)
        append_sizes (figures, i, json);
      g_string_append_c (json, '}');
    }
  g_string_append (json, "},");
}

/* Appends the first @n sums of what @counts has by state. */
static void
append_sums (const gint64 *counts, gboolean is_known, guint n, GString *json)
{
  gint64 sums[N_COUNTS + 1] = { 0 };

  for (guint i = 0; i < BARUA_N_TASK_STATES; i++)
    sums[counts_as[i]] += counts[i];
  for (guint i = 0; i < n; i++)
    append_number (json, count_names[i], is_known ? sums[i] : UNKNOWN);
}

/* The three numbers under `state`, where every release has them, and directly, where the reference
 * says they are. */
static void
append_messages_v1 (const BaruaCensus *census, GString *json)
{
  g_string_append (json, "\"messaging\":{\"outgoing\":{\"state\":{");
  append_sums (census->messages, census->has_messages, N_COUNTS_V1, json);
  g_string_append (json, "},");
  g_autoptr (GString) direct = g_string_new ("{");
  append_sums (census->messages, census->has_messages, N_COUNTS_V1, direct);
  g_string_append (json, direct->str + 1);
  g_string_append (json, "}},");
}

/* What became of the hundred messages of each group that changed last. */
static void
append_last_hundred (const BaruaCensus *census, GString *json)
{
  for (guint group = BARUA_CENSUS_PENDING; group < BARUA_N_CENSUS_GROUPS; group++)
    {
      g_string_append_printf (json, "%s\"%s\":{", group > BARUA_CENSUS_PENDING ? "," : "",
                              group_names[group]);
      for (guint state = 0; state < BARUA_N_TASK_STATES; state++)
        if (barua_census_groups[state] == (BaruaCensusGroup)group)
          append_number (json, barua_task_state_name ((BaruaTaskState)state),
                         census->has_latest ? (gint64)census->latest[state] : UNKNOWN);
      g_string_append_c (json, '}');
    }
}

static void
append_messages_v2 (const BaruaCensus *census, GString *json)
{
  g_string_append (json, "\"messaging\":{\"outgoing\":{\"total\":{");
  append_sums (census->messages, census->has_messages, N_COUNTS, json);
  g_string_append (json, "},\"seven_days\":{");
  append_sums (census->week, census->has_week, N_COUNTS, json);
  g_string_append (json, "},\"last_hundred\":{");
  append_last_hundred (census, json);
  g_string_append (json, "}}},");
}

/* Users who were heard of in the last @days. */
static gint64
count_connected (const BaruaCensus *census, guint days)
{
  gint64 n = 0;

  for (guint i = 0; i < days; i++)
    n += census->activity[i];
  return census->has_activity ? n : UNKNOWN;
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

/* Appends `"name":{"count":number},`. */
static void
append_count (GString *json, const char *name, gint64 count)
{
  g_string_append_printf (json, "\"%s\":{\"count\":%" G_GINT64_FORMAT "},", name, count);
}

/* BaruaFiguresFunc: answers the request. */
static void
reply (const BaruaFigures *figures, gpointer data)
{
  g_autofree Waiting *waiting = data;
  g_autoptr (BaruaRequest) request = waiting->request;
  const BaruaCensus *census = &figures->census;
  GString *json = g_string_new ("{\"version\":{\"app\":");

  barua_json_append_string (json, barua_text (barua_version));
  g_string_append (json, ",\"node\":\"\",\"couchdb\":\"\"},");
  append_databases (figures, waiting, json);
  g_string_append_printf (json, "\"date\":{\"current\":%" G_GINT64_FORMAT ",\"uptime\":",
                          barua_now_ms ());
  append_fraction (json, (double)(g_get_monotonic_time () - waiting->app->started_us)
                             / G_USEC_PER_SEC);
  /* rules run in the transaction of their record, and documents go to no other system: neither can wait */
  g_string_append (json, "},\"sentinel\":{\"backlog\":0},");
  if (waiting->is_v2)
    append_messages_v2 (census, json);
  else
    append_messages_v1 (census, json);
  g_string_append (json, "\"outbound_push\":{\"backlog\":0},");
  append_count (json, "feedback", census->feedback);
  append_count (json, "conflict", census->conflicts);
  append_count (json, "replication_limit", figures->n_over_limit);
  append_count (json, "connected_users", count_connected (census, waiting->interval_days));
  if (waiting->is_v2) /* clients do not tell us how their replication went */
    append_count (json, "replication_failure", UNKNOWN);
  g_string_append_printf (json,
                          "\"barua\":{\"gateway_last_poll\":%" G_GINT64_FORMAT
                          ",\"schema\":%d,\"sqlite\":\"%s\"}}",
                          last_poll (figures), census->schema, census->engine);
  barua_request_add_header (request, "Cache-Control", "no-store");
  barua_request_reply_json (request, 200, json);
}

/* Reads `connected_user_interval`, the last one that is given: whole days.  Another number than was
 * asked for would be a lie, so what is no number is refused. */
static gboolean
read_interval (BaruaRequest *request, guint *days)
{
  const char *text = barua_request_query (request, "connected_user_interval");
  guint64 number = DEFAULT_INTERVAL;

  if (text != NULL && !g_ascii_string_to_unsigned (text, 10, 1, BARUA_CENSUS_DAYS, &number, NULL))
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST,
                          "connected_user_interval must be a whole number of days, 1 to "
                          G_STRINGIFY (BARUA_CENSUS_DAYS), NULL);
      return FALSE;
    }
  *days = (guint)number;
  return TRUE;
}

static void
answer (BaruaRequest *request, BaruaApp *app, gboolean is_v2)
{
  guint days;

  if (!read_interval (request, &days))
    return;
  Waiting *waiting = g_new (Waiting, 1);
  *waiting = (Waiting){ app, barua_request_ref (request), is_v2, days };
  barua_figures_ask (app, reply, waiting);
}

void
barua_api_monitoring (BaruaRequest *request, gpointer app)
{
  answer (request, app, FALSE);
}

void
barua_api_monitoring_v2 (BaruaRequest *request, gpointer app)
{
  answer (request, app, TRUE);
}
