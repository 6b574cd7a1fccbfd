/* SPDX-License-Identifier: MIT */

/* /api/sms: what gateway phones poll (messaging.md 3). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/counters.h"
#include "gateway/api/exchange.h"
#include "gateway/api/failure.h"
#include "gateway/api/gateways.h"
#include "gateway/api/handlers.h"
#include "gateway/app.h"

/* One poll, from the main loop to the writer and back. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  BaruaSettings *settings;
  BaruaArena *arena;
  char *account;
  GArray *incoming; /* of BaruaIncoming */
  BaruaJson updates;
  gint64 now_ms;
  gboolean has_offers;
  guint n_handed; /* messages in the answer */
  GString *reply; /* the entries of `messages` */
} Poll;

void
barua_api_sms_ping (BaruaRequest *request, gpointer app)
{
  barua_request_reply_static_json (request, 200, "{\"medic-gateway\":true}");
}

static void
poll_free (gpointer data)
{
  Poll *poll = data;

  barua_settings_unref (poll->settings);
  barua_arena_free (poll->arena);
  g_free (poll->account);
  g_array_unref (poll->incoming);
  g_string_free (poll->reply, TRUE);
  barua_request_unref (poll->request);
  g_free (poll);
}

static Poll *
poll_new (BaruaApp *app, BaruaRequest *request)
{
  Poll *poll = g_new0 (Poll, 1);

  poll->app = app;
  poll->request = barua_request_ref (request);
  poll->settings = barua_settings_ref (barua_request_settings (request));
  poll->arena = barua_arena_new ();
  poll->account = g_strdup (barua_request_user (request)->name);
  poll->incoming = g_array_new (FALSE, FALSE, sizeof (BaruaIncoming));
  poll->reply = g_string_new (NULL);
  poll->now_ms = barua_now_ms ();
  return poll;
}

/* ---- what came in ---- */

/* Reads one entry of `messages`; an entry that lacks something is left out, the rest is stored
 * (messaging.md 3.4). */
static void
take_incoming (Poll *poll, BaruaJson entry)
{
  BaruaIncoming incoming;

  if (barua_exchange_read (poll->settings,
                           barua_exchange_text (poll->arena, barua_json_member (entry, "id")),
                           barua_exchange_text (poll->arena, barua_json_member (entry, "from")),
                           barua_exchange_text (poll->arena, barua_json_member (entry, "content")),
                           poll->now_ms, poll->arena, &incoming))
    g_array_append_val (poll->incoming, incoming);
  else
    {
      barua_counters_skip (poll->app->counters);
      g_warning ("an incoming message without id, from or content was left out");
    }
}

/* Whether @list can be walked: an array, or nothing. */
static gboolean
is_list (BaruaJson list)
{
  return barua_json_is_nothing (list) || barua_json_type (list) == BARUA_JSON_ARRAY;
}

/* Reads the body; FALSE when its shape is wrong (messaging.md 3.3). */
static gboolean
read_body (Poll *poll, BaruaJson body)
{
  BaruaJson messages = barua_json_member (body, "messages"), entry;
  BaruaJsonIter iter;

  poll->updates = barua_json_member (body, "updates");
  if (!is_list (messages) || !is_list (poll->updates))
    return FALSE;
  barua_json_iter_init (&iter, messages);
  while (barua_json_iter_next (&iter, NULL, &entry))
    take_incoming (poll, entry);
  return TRUE;
}

/* ---- in the transaction ---- */

/* Job: store, apply, select (messaging.md 3.4). */
static gboolean
exchange (BaruaTx *tx, gpointer data, GError **error)
{
  Poll *poll = data;
  BaruaWritten written;

  g_string_truncate (poll->reply, 0);
  for (guint i = 0; i < poll->incoming->len; i++)
    if (!barua_exchange_store (tx, poll->settings,
                               &g_array_index (poll->incoming, BaruaIncoming, i), poll->arena,
                               &written, error))
      return FALSE;
  if (!barua_exchange_update (tx, poll->account, poll->updates, poll->arena, poll->now_ms, error))
    return FALSE;
  return !barua_exchange_serves_phones (poll->settings)
         || barua_exchange_hand_out (tx, poll->settings, poll->account, poll->now_ms, poll->reply,
                                     &poll->n_handed, error);
}

static void
exchange_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Poll *poll = user_data; /* freed by the store afterwards */
  g_autoptr (GError) error = NULL;

  if (!barua_store_write_finish (poll->app->store, result, &error))
    {
      barua_api_fail (poll->request, error);
      return;
    }
  for (guint i = 0; i < poll->incoming->len; i++)
    barua_counters_add (poll->app->counters, &g_array_index (poll->incoming, BaruaIncoming, i));
  barua_gateways_note_answer (poll->app->gateways, poll->account, poll->n_handed);
  GString *json = g_string_sized_new (poll->reply->len + 16);
  g_string_append (json, "{\"messages\":[");
  g_string_append_len (json, poll->reply->str, (gssize)poll->reply->len);
  g_string_append (json, "]}");
  barua_request_reply_json (poll->request, 200, json);
}

static void
start_exchange (Poll *poll)
{
  GBytes *body = barua_request_body (poll->request);

  barua_store_write_hot_async (poll->app->store, exchange, poll, poll_free,
                               body != NULL ? g_bytes_get_size (body) : 0, NULL, exchange_done,
                               poll);
}

/* ---- a poll that brings nothing ---- */

/* Query: whether there is anything to hand out. */
static gboolean
look (BaruaReader *reader, gpointer data, GError **error)
{
  Poll *poll = data;

  return barua_reader_has_offered_messages (reader, poll->account, poll->now_ms,
                                            barua_exchange_lease_ms (poll->settings),
                                            &poll->has_offers, error);
}

static void
look_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Poll *poll = user_data;
  g_autoptr (GError) error = NULL;

  if (!barua_store_read_finish (poll->app->store, result, &error))
    barua_api_fail (poll->request, error);
  else if (!poll->has_offers)
    barua_request_reply_static_json (poll->request, 200, "{\"messages\":[]}");
  else
    {
      start_exchange (poll);
      return;
    }
  poll_free (poll);
}

void
barua_api_sms_exchange (BaruaRequest *request, gpointer app)
{
  Poll *poll = poll_new (app, request);

  if (!read_body (poll, barua_request_json (request)))
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_SERVER, NULL, NULL);
      poll_free (poll);
      return;
    }
  barua_gateways_note_poll (poll->app->gateways, poll->account, barua_request_user_agent (request),
                            barua_request_address (request), poll->now_ms, poll->incoming->len);
  if (poll->incoming->len > 0 || barua_json_size (poll->updates) > 0)
    start_exchange (poll);
  else
    barua_store_read_async (poll->app->store, look, poll, NULL, NULL, look_done, poll);
}
