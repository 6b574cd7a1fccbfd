/* SPDX-License-Identifier: MIT */

/* Gateway phones: who polled when, who is silent, who rests (messaging.md 3.9, 4.4). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/gateways.h"

#include "gateway/api/failure.h"
#include "gateway/api/handlers.h"

#include <string.h>

#define MS_PER_HOUR 3600000
#define META_PAUSED "gateways-paused" /* JSON: the accounts that rest */
#define QUARTER_MINUTES 15
#define DAY_MINUTES (24 * 60)

/* What memory knows of one account. */
typedef struct
{
  char *user_agent;
  char *address;
  gint64 polled_ms;
  gint64 received_ms;
  gint64 warned_ms;
  guint n_messages; /* of the last answer: not confirmed when it polls again */
  gboolean is_new;  /* since the last flush */
} Phone;

struct _BaruaGateways
{
  BaruaApp *app;
  BaruaGatewayPlan *plan;
  GHashTable *phones; /* account -> Phone */
  gboolean is_changing; /* a change of the plan is under way */
  BaruaGatewayPlan *configured; /* what the configuration says by now; NULL: what is in force */
};

static void
phone_free (gpointer data)
{
  Phone *phone = data;

  g_free (phone->user_agent);
  g_free (phone->address);
  g_free (phone);
}

/* ---- routing what waits ---- */

/* One slice of the queue after the other. */
typedef struct
{
  BaruaApp *app;
  char *fingerprint;
  gint64 from, to;
} Rerouting;

static void
rerouting_free (gpointer data)
{
  Rerouting *rerouting = data;

  g_free (rerouting->fingerprint);
  g_free (rerouting);
}

/* BaruaJob: one slice; the last one notes that it was. */
static gboolean
reroute (BaruaTx *tx, gpointer data, GError **error)
{
  Rerouting *rerouting = data;

  rerouting->to = rerouting->from;
  return barua_tx_reroute (tx, &rerouting->to, error)
         && (rerouting->to >= 0
             || barua_tx_put_meta (tx, BARUA_META_ROUTED, rerouting->fingerprint, error));
}

static void start_rerouting (BaruaApp *app, const char *fingerprint, gint64 from);

static void
rerouted (GObject *source, GAsyncResult *result, gpointer user_data)
{
  const Rerouting *rerouting = user_data; /* freed by the store afterwards */
  g_autoptr (GError) error = NULL;

  if (rerouting->app->store == NULL)
    return;
  if (!barua_store_write_finish (rerouting->app->store, result, &error))
    g_warning ("the queue was not routed again: %s", error->message);
  else if (rerouting->to >= 0)
    start_rerouting (rerouting->app, rerouting->fingerprint, rerouting->to);
}

static void
start_rerouting (BaruaApp *app, const char *fingerprint, gint64 from)
{
  Rerouting *rerouting = g_new0 (Rerouting, 1);

  rerouting->app = app;
  rerouting->fingerprint = g_strdup (fingerprint);
  rerouting->from = from;
  barua_store_write_async (app->store, reroute, rerouting, rerouting_free, 0, NULL, rerouted,
                           rerouting);
}

/* ---- beginning ---- */

/* What is read and written at the start. */
typedef struct
{
  const BaruaGatewayPlan *configured;
  BaruaGatewayPlan *plan;
  char *routed_by;
} Start;

/* The accounts of a JSON list. */
static GStrv
read_accounts (const char *json)
{
  g_autoptr (GStrvBuilder) accounts = g_strv_builder_new ();
  BaruaJson list = BARUA_JSON_NONE, entry;
  BaruaJsonIter iter;

  if (json != NULL && barua_json_read (json, -1, &list, NULL)
      && barua_json_type (list) == BARUA_JSON_ARRAY)
    {
      barua_json_iter_init (&iter, list);
      while (barua_json_iter_next (&iter, NULL, &entry))
        {
          g_autofree char *account = barua_json_string (entry, NULL);
          if (account != NULL)
            g_strv_builder_add (accounts, account);
        }
    }
  return g_strv_builder_end (accounts);
}

/* BaruaJob */
static gboolean
begin (BaruaTx *tx, gpointer data, GError **error)
{
  Start *start = data;
  g_autofree char *json = NULL;

  g_clear_pointer (&start->plan, barua_gateway_plan_unref);
  g_clear_pointer (&start->routed_by, g_free);
  if (!barua_reader_get_meta (barua_tx_reader (tx), META_PAUSED, &json, error)
      || !barua_reader_get_meta (barua_tx_reader (tx), BARUA_META_ROUTED, &start->routed_by, error))
    return FALSE;
  g_auto (GStrv) paused = read_accounts (json);
  start->plan
      = barua_gateway_plan_with_paused (start->configured, (const char *const *)paused);
  barua_tx_set_gateway_plan (tx, start->plan);
  return TRUE;
}

BaruaGateways *
barua_gateways_new (BaruaApp *app, const BaruaGatewayPlan *plan, GError **error)
{
  Start start = { .configured = plan };

  if (!barua_store_write (app->store, begin, &start, error))
    return NULL;
  BaruaGateways *gateways = g_new0 (BaruaGateways, 1);
  gateways->app = app;
  gateways->plan = start.plan;
  gateways->phones = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, phone_free);
  g_autofree char *fingerprint = barua_gateway_plan_fingerprint (gateways->plan);
  if (g_strcmp0 (fingerprint, start.routed_by != NULL ? start.routed_by : "") != 0)
    start_rerouting (app, fingerprint, 0);
  g_free (start.routed_by);
  return gateways;
}

void
barua_gateways_free (BaruaGateways *gateways)
{
  if (gateways == NULL)
    return;
  barua_gateway_plan_unref (gateways->plan);
  g_clear_pointer (&gateways->configured, barua_gateway_plan_unref);
  g_hash_table_unref (gateways->phones);
  g_free (gateways);
}

/* ---- another configuration ---- */

typedef struct
{
  BaruaApp *app;
  BaruaGatewayPlan *plan;
} Change;

static void
change_free (gpointer data)
{
  Change *change = data;

  barua_gateway_plan_unref (change->plan);
  g_free (change);
}

/* BaruaJob */
static gboolean
put_plan (BaruaTx *tx, gpointer data, GError **error)
{
  barua_tx_set_gateway_plan (tx, ((Change *)data)->plan);
  return TRUE;
}

static void take_configured (BaruaApp *app);

static void
plan_put (GObject *source, GAsyncResult *result, gpointer user_data)
{
  const Change *change = user_data; /* freed by the store afterwards */
  BaruaGateways *gateways = change->app->gateways;
  g_autoptr (GError) error = NULL;

  if (gateways == NULL) /* we are stopping */
    return;
  gateways->is_changing = FALSE;
  if (barua_store_write_finish (change->app->store, result, &error))
    {
      g_autofree char *before = barua_gateway_plan_fingerprint (gateways->plan);
      g_autofree char *now = barua_gateway_plan_fingerprint (change->plan);
      barua_gateway_plan_unref (gateways->plan);
      gateways->plan = barua_gateway_plan_ref (change->plan);
      if (strcmp (before, now) != 0)
        start_rerouting (change->app, now, 0);
    }
  else
    g_warning ("the routes and limits of the configuration are not in force: %s", error->message);
  take_configured (change->app);
}

/* Begins with what the configuration says, unless another change is under way. */
static void
take_configured (BaruaApp *app)
{
  BaruaGateways *gateways = app->gateways;

  if (gateways->configured == NULL || gateways->is_changing)
    return;
  g_autoptr (BaruaGatewayPlan) configured = g_steal_pointer (&gateways->configured);
  Change *change = g_new0 (Change, 1);
  change->app = app;
  change->plan
      = barua_gateway_plan_with_paused (configured, barua_gateway_plan_paused (gateways->plan));
  gateways->is_changing = TRUE;
  barua_store_write_async (app->store, put_plan, change, change_free, 0, NULL, plan_put, change);
}

void
barua_gateways_configure (BaruaApp *app, BaruaGatewayPlan *plan)
{
  g_clear_pointer (&app->gateways->configured, barua_gateway_plan_unref);
  app->gateways->configured = barua_gateway_plan_ref (plan);
  take_configured (app);
}

const BaruaGatewayPlan *
barua_gateways_plan (const BaruaGateways *gateways)
{
  return gateways->plan;
}

/* ---- polls ---- */

/* Keeps where a phone polls from; warns when that has changed while it has messages to confirm. */
static void
compare_origin (Phone *phone, const char *account, const char *user_agent, const char *address,
                gint64 now_ms)
{
  const char *agent = user_agent != NULL ? user_agent : "";
  const gboolean is_same = phone->user_agent != NULL && strcmp (phone->user_agent, agent) == 0
                           && strcmp (phone->address, address) == 0;

  if (is_same)
    return;
  if (phone->user_agent != NULL && phone->n_messages > 0
      && now_ms - phone->warned_ms >= MS_PER_HOUR)
    {
      phone->warned_ms = now_ms;
      g_warning ("the account \"%s\" polls from elsewhere (%s, %s) while %u messages are not "
                 "confirmed: give each phone an account of its own",
                 account, address, agent, phone->n_messages);
    }
  g_free (phone->user_agent);
  g_free (phone->address);
  phone->user_agent = g_strdup (agent);
  phone->address = g_strdup (address);
}

void
barua_gateways_note_poll (BaruaGateways *gateways, const char *account, const char *user_agent,
                          const char *address, gint64 now_ms, guint n_incoming)
{
  if (gateways == NULL)
    return;
  Phone *phone = g_hash_table_lookup (gateways->phones, account);
  if (phone == NULL)
    {
      phone = g_new0 (Phone, 1);
      g_hash_table_insert (gateways->phones, g_strdup (account), phone);
    }
  compare_origin (phone, account, user_agent, address, now_ms);
  phone->polled_ms = now_ms;
  if (n_incoming > 0)
    phone->received_ms = now_ms;
  phone->is_new = TRUE;
}

void
barua_gateways_note_answer (BaruaGateways *gateways, const char *account, guint n_messages)
{
  Phone *phone = gateways != NULL ? g_hash_table_lookup (gateways->phones, account) : NULL;

  if (phone != NULL)
    phone->n_messages = n_messages;
}

/* ---- keeping ---- */

/* What is to be written of one account. */
typedef struct
{
  char *account;
  gint64 polled_ms;
  gint64 received_ms;
} PhoneNote;

static void
note_clear (gpointer data)
{
  g_free (((PhoneNote *)data)->account);
}

/* BaruaJob */
static gboolean
put_phones (BaruaTx *tx, gpointer data, GError **error)
{
  const GArray *notes = data;

  for (guint i = 0; i < notes->len; i++)
    {
      const PhoneNote *note = &g_array_index (notes, PhoneNote, i);
      if (!barua_tx_put_phone (tx, note->account, note->polled_ms, note->received_ms, error))
        return FALSE;
    }
  return TRUE;
}

static void
phones_put (GObject *source, GAsyncResult *result, gpointer app)
{
  g_autoptr (GError) error = NULL;

  if (!barua_store_write_finish (((BaruaApp *)app)->store, result, &error))
    g_message ("last polls were not kept: %s", error->message);
}

void
barua_gateways_flush (BaruaGateways *gateways)
{
  g_autoptr (GArray) notes = g_array_new (FALSE, FALSE, sizeof (PhoneNote));
  GHashTableIter iter;
  gpointer account, value;

  g_array_set_clear_func (notes, note_clear);
  g_hash_table_iter_init (&iter, gateways->phones);
  while (g_hash_table_iter_next (&iter, &account, &value))
    {
      Phone *phone = value;
      const PhoneNote note = { NULL, phone->polled_ms, phone->received_ms };
      if (!phone->is_new)
        continue;
      phone->is_new = FALSE;
      g_array_append_val (notes, note);
      g_array_index (notes, PhoneNote, notes->len - 1).account = g_strdup (account);
    }
  if (notes->len > 0)
    barua_store_write_async (gateways->app->store, put_phones, g_array_ref (notes),
                             (GDestroyNotify)g_array_unref, 0, NULL, phones_put, gateways->app);
}

/* ---- reports ---- */

static void
report_clear (gpointer data)
{
  g_free (((BaruaGatewayReport *)data)->account);
}

/* The row of an account; made when there is none. */
static BaruaGatewayReport *
report_row (GArray *report, const char *account)
{
  for (guint i = 0; i < report->len; i++)
    if (g_strcmp0 (g_array_index (report, BaruaGatewayReport, i).account, account) == 0)
      return &g_array_index (report, BaruaGatewayReport, i);

  const BaruaGatewayReport row = { .account = g_strdup (account) };
  g_array_append_val (report, row);
  return &g_array_index (report, BaruaGatewayReport, report->len - 1);
}

GArray *
barua_gateways_begin_report (BaruaGateways *gateways)
{
  GArray *report = g_array_new (FALSE, FALSE, sizeof (BaruaGatewayReport));
  const char *const *paused
      = gateways != NULL ? barua_gateway_plan_paused (gateways->plan) : NULL;
  GHashTableIter iter;
  gpointer account, phone;

  g_array_set_clear_func (report, report_clear);
  report_row (report, NULL);
  if (gateways == NULL)
    return report;
  g_hash_table_iter_init (&iter, gateways->phones);
  while (g_hash_table_iter_next (&iter, &account, &phone))
    {
      const BaruaGatewayReport row = { .account = g_strdup (account),
                                       .polled_ms = ((Phone *)phone)->polled_ms,
                                       .received_ms = ((Phone *)phone)->received_ms };
      g_array_append_val (report, row);
    }
  for (guint i = 0; paused[i] != NULL; i++)
    report_row (report, paused[i])->is_paused = TRUE;
  return report;
}

/* BaruaPhoneFunc */
static void
add_phone (const BaruaPhoneRow *row, gpointer report)
{
  BaruaGatewayReport *known = report_row (report, row->account.p);

  known->polled_ms = MAX (known->polled_ms, row->polled_ms);
  known->received_ms = MAX (known->received_ms, row->received_ms);
  if (row->waiting > 0 && (known->waiting == 0 || row->oldest_due_ms < known->oldest_due_ms))
    known->oldest_due_ms = row->oldest_due_ms;
  known->waiting += row->waiting;
}

static int
compare_rows (gconstpointer a, gconstpointer b)
{
  return g_strcmp0 (((const BaruaGatewayReport *)a)->account,
                    ((const BaruaGatewayReport *)b)->account);
}

gboolean
barua_gateways_complete_report (BaruaReader *reader, GArray *report, gint64 now_ms, GError **error)
{
  if (!barua_reader_phones (reader, add_phone, report, error))
    return FALSE;
  g_array_sort (report, compare_rows);
  for (guint i = 0; i < report->len; i++)
    {
      BaruaGatewayReport *row = &g_array_index (report, BaruaGatewayReport, i);
      if (row->account != NULL
          && (!barua_reader_traffic (reader, row->account, now_ms, QUARTER_MINUTES, &row->quarter,
                                     error)
              || !barua_reader_traffic (reader, row->account, now_ms, DAY_MINUTES, &row->day,
                                        error)))
        return FALSE;
    }
  return TRUE;
}

/* ---- GET /api/v1/gateways ---- */

/* A request and its report. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  GArray *report;
} Listing;

static void
listing_free (gpointer data)
{
  Listing *listing = data;

  g_array_unref (listing->report);
  barua_request_unref (listing->request);
  g_free (listing);
}

/* BaruaQuery */
static gboolean
complete (BaruaReader *reader, gpointer data, GError **error)
{
  Listing *listing = data;

  return barua_gateways_complete_report (reader, listing->report, barua_now_ms (), error);
}

/* A time; null for never. */
static void
append_ms (GString *out, const char *name, gint64 ms)
{
  barua_json_append_key (out, name);
  if (ms > 0)
    g_string_append_printf (out, "%" G_GINT64_FORMAT, ms);
  else
    g_string_append (out, "null");
}

/* Failed of all that were tried; null when none was. */
static void
append_rate (GString *out, const char *name, const BaruaTraffic *traffic)
{
  const gint64 n = traffic->sent + traffic->failed;
  char digits[G_ASCII_DTOSTR_BUF_SIZE];

  barua_json_append_key (out, name);
  g_string_append (out, n == 0 ? "null"
                               : g_ascii_formatd (digits, sizeof digits, "%.4g",
                                                  (double)traffic->failed / (double)n));
}

static void
append_waiting (GString *out, const BaruaGatewayReport *row)
{
  barua_json_append_key (out, "waiting");
  g_string_append_printf (out, "%" G_GINT64_FORMAT, row->waiting);
  append_ms (out, "oldest_waiting", row->oldest_due_ms);
}

static void
append_gateway (GString *out, const BaruaGatewayReport *row)
{
  g_string_append (out, out->str[out->len - 1] == '[' ? "{" : ",{");
  barua_json_append_key (out, "account");
  barua_json_append_string (out, barua_text (row->account));
  append_ms (out, "last_poll", row->polled_ms);
  append_ms (out, "last_incoming", row->received_ms);
  append_waiting (out, row);
  append_rate (out, "failure_rate_15m", &row->quarter);
  append_rate (out, "failure_rate_24h", &row->day);
  barua_json_append_key (out, "paused");
  g_string_append (out, row->is_paused ? "true}" : "false}");
}

static void
completed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  const Listing *listing = user_data; /* freed by the store afterwards */
  g_autoptr (GError) error = NULL;

  if (!barua_store_read_finish (listing->app->store, result, &error))
    {
      barua_api_fail (listing->request, error);
      return;
    }
  GString *json = g_string_new ("{\"gateways\":[");
  const BaruaGatewayReport *nobody = NULL;
  for (guint i = 0; i < listing->report->len; i++)
    {
      const BaruaGatewayReport *row = &g_array_index (listing->report, BaruaGatewayReport, i);
      if (row->account != NULL)
        append_gateway (json, row);
      else
        nobody = row;
    }
  g_string_append (json, "],\"unassigned\":{");
  append_waiting (json, nobody);
  g_string_append (json, "}}");
  barua_request_reply_json (listing->request, 200, json);
}

void
barua_api_gateways_list (BaruaRequest *request, gpointer app)
{
  Listing *listing = g_new0 (Listing, 1);

  listing->app = app;
  listing->request = barua_request_ref (request);
  listing->report = barua_gateways_begin_report (listing->app->gateways);
  barua_store_read_async (listing->app->store, complete, listing, listing_free, NULL, completed,
                          listing);
}

/* ---- POST /api/v1/gateways/{account}/pause, …/resume ---- */

/* A change of who rests. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  char *account;
  gboolean pauses;
  BaruaGatewayPlan *plan; /* as it will be */
} Rest;

static void
rest_free (gpointer data)
{
  Rest *rest = data;

  barua_gateway_plan_unref (rest->plan);
  g_free (rest->account);
  barua_request_unref (rest->request);
  g_free (rest);
}

/* The accounts that rest, @account added or taken away. */
static GStrv
rest_accounts (const BaruaGatewayPlan *plan, const char *account, gboolean pauses)
{
  g_autoptr (GStrvBuilder) accounts = g_strv_builder_new ();
  const char *const *paused = barua_gateway_plan_paused (plan);

  for (guint i = 0; paused[i] != NULL; i++)
    if (strcmp (paused[i], account) != 0)
      g_strv_builder_add (accounts, paused[i]);
  if (pauses)
    g_strv_builder_add (accounts, account);
  return g_strv_builder_end (accounts);
}

/* BaruaJob: keeps who rests, for the next start too. */
static gboolean
put_rest (BaruaTx *tx, gpointer data, GError **error)
{
  const Rest *rest = data;
  const char *const *paused = barua_gateway_plan_paused (rest->plan);
  g_autoptr (BaruaAccount) account
      = barua_reader_get_account (barua_tx_reader (tx), rest->account, error);
  g_autoptr (GString) json = g_string_new ("[");

  if (account == NULL)
    return FALSE;
  for (guint i = 0; paused[i] != NULL; i++)
    {
      g_string_append (json, i > 0 ? "," : "");
      barua_json_append_string (json, barua_text (paused[i]));
    }
  g_string_append_c (json, ']');
  if (!barua_tx_put_meta (tx, META_PAUSED, json->str, error))
    return FALSE;
  barua_tx_set_gateway_plan (tx, rest->plan);
  return TRUE;
}

static void
rest_put (GObject *source, GAsyncResult *result, gpointer user_data)
{
  const Rest *rest = user_data; /* freed by the store afterwards */
  BaruaGateways *gateways = rest->app->gateways;
  g_autoptr (GError) error = NULL;

  if (gateways == NULL) /* we are stopping */
    return;
  gateways->is_changing = FALSE;
  if (!barua_store_write_finish (rest->app->store, result, &error))
    {
      barua_api_fail (rest->request, error);
      take_configured (rest->app);
      return;
    }
  barua_gateway_plan_unref (gateways->plan);
  gateways->plan = barua_gateway_plan_ref (rest->plan);
  take_configured (rest->app);
  g_message ("the gateway \"%s\" %s", rest->account, rest->pauses ? "rests" : "sends again");
  g_autofree char *fingerprint = barua_gateway_plan_fingerprint (gateways->plan);
  if (*fingerprint != '\0')
    start_rerouting (rest->app, fingerprint, 0);
  GString *json = g_string_new ("{\"account\":");
  barua_json_append_string (json, barua_text (rest->account));
  g_string_append_printf (json, ",\"paused\":%s}", rest->pauses ? "true" : "false");
  barua_request_reply_json (rest->request, 200, json);
}

static void
change_rest (BaruaRequest *request, BaruaApp *app, gboolean pauses)
{
  const char *account = barua_request_param (request, "account");
  if (app->gateways->is_changing)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_UNAVAILABLE, NULL, NULL);
      return;
    }
  app->gateways->is_changing = TRUE;
  g_auto (GStrv) paused = rest_accounts (app->gateways->plan, account, pauses);
  Rest *rest = g_new0 (Rest, 1);

  rest->app = app;
  rest->request = barua_request_ref (request);
  rest->account = g_strdup (account);
  rest->pauses = pauses;
  rest->plan
      = barua_gateway_plan_with_paused (app->gateways->plan, (const char *const *)paused);
  barua_store_write_async (app->store, put_rest, rest, rest_free, 0, NULL, rest_put, rest);
}

void
barua_api_gateways_pause (BaruaRequest *request, gpointer app)
{
  change_rest (request, app, TRUE);
}

void
barua_api_gateways_resume (BaruaRequest *request, gpointer app)
{
  change_rest (request, app, FALSE);
}
