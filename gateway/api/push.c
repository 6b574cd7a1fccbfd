/* SPDX-License-Identifier: MIT */

/* Pushing messages to a carrier (messaging.md 7).
 *
 * One message at a time: a job takes it from the queue, sets its task `forwarded-to-gateway` and
 * holds it; after that commit the request leaves; another job records what the answer means. So a
 * message is with the carrier, or may be, exactly when its task is `forwarded-to-gateway` and this
 * carrier's: what a crash leaves in that state is never sent again by itself.
 *
 * Neither carrier takes a key that would make a repeated request harmless, and neither can be asked
 * for a message whose id never arrived. So a request without a readable answer ends the message as
 * `failed` with a reason that says so: a person decides whether to try again. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/push.h"

#include "gateway/api/counters.h"
#include "gateway/api/exchange.h"
#include "gateway/outbound/client.h"
#include "gateway/rules/tasks.h"
#include "gateway/store/store-outbox.h"

#define ROUND_SECONDS 60      /* messaging.md 7 */
#define MESSAGES_PER_ROUND 25 /* messaging.md 7 */
#define POLLED_PER_BATCH 25   /* messaging.md 7 */
#define BATCHES_PER_ROUND 4   /* so that asking does not keep messages waiting */
#define POLLED_FOR_MS (7 * G_TIME_SPAN_DAY / 1000) /* what is older will not change any more */
#define HOLD_MS (10 * 60 * 1000) /* longer than any request: [outbound] timeout is 300 s at most   \
                                  */
#define WAIT_MAX_S 3600
#define RECORD_AGAIN_S 5 /* when the store could not record what was sent */
#define NO_USERNAME "sms.africas_talking.username is missing"

/* The name under which messages are taken; they are held under the carrier's, so that nothing that
 * is held is ever taken. */
#define TAKER "carrier:"

/* What is asked about a message that a carrier has. */
static const BaruaTaskState polled_states[] = {
  BARUA_TASK_STATE_RECEIVED_BY_GATEWAY,
  BARUA_TASK_STATE_FORWARDED_BY_GATEWAY,
  BARUA_TASK_STATE_SENT,
};

typedef struct _Round Round;

struct _BaruaPush
{
  BaruaApp *app;
  BaruaOutboundClient *client;
  char *africas_talking_url;
  char *rapidpro_url;
  guint retry_s;
  guint timer;
  Round *round; /* NULL between rounds */
  gboolean is_over;
  gboolean is_settled;
  gboolean wants_round;        /* there was news during this one */
  const BaruaAdapter *adapter; /* by the settings of that serial; NULL: nothing is pushed */
  guint serial;
  gboolean knows_adapter;
  guint warned_serial; /* 0: nobody was warned */
  gint64 not_before_ms;
  guint n_troubles; /* one after the other */
  guint poll_state; /* where asking goes on */
  BaruaOutboxPlace poll_after;
};

/* One round: settings do not change within it. */
struct _Round
{
  BaruaPush *push;
  const BaruaAdapter *adapter;
  BaruaSettings *settings;
  BaruaCredentials *credentials; /* of the access; (nullable) */
  BaruaArena *arena; /* of the whole round: at most some 125 requests */
  BaruaAdapterAccess access;
  GPtrArray *messages; /* of BaruaQueuedMessage: to send, or to ask about */
  guint at;
  guint n_sent;
  guint n_batches;
  gboolean asks; /* asks for states after sending */
  gboolean has_more;
  BaruaOutboxPlace next;
  gboolean is_in_http;
  guint again; /* source: records once more */
  BaruaSendResult result;
  gint64 retry_ms; /* when the message may be tried again */
};

static void start_round (BaruaPush *push, gboolean asks);
static void take_next (Round *round);
static void ask_batch (Round *round);
static void ask_next (Round *round);

static void
round_free (Round *round)
{
  barua_settings_unref (round->settings);
  barua_credentials_unref (round->credentials);
  barua_arena_free (round->arena);
  g_ptr_array_unref (round->messages);
  g_free (round);
}

/* Frees everything, once no job knows of it any more. */
static void
destroy (BaruaPush *push)
{
  if (push->round != NULL)
    round_free (push->round);
  g_free (push->africas_talking_url);
  g_free (push->rapidpro_url);
  g_free (push);
}

static void
end_round (Round *round)
{
  BaruaPush *push = round->push;
  gboolean goes_on = push->wants_round && round->n_sent < MESSAGES_PER_ROUND;

  round_free (round);
  push->round = NULL;
  push->wants_round = FALSE;
  if (goes_on)
    barua_push_soon (push);
}

/* BaruaStore's way to end a job or a query. */
typedef gboolean (*Finish) (BaruaStore *store, GAsyncResult *result, GError **error);

/* The end of a job or query: TRUE when the round may go on. */
static gboolean
went_well (Round *round, Finish finish, GAsyncResult *result)
{
  BaruaPush *push = round->push;
  g_autoptr (GError) error = NULL;

  if (push->is_over)
    {
      destroy (push);
      return FALSE;
    }
  if (finish (push->app->store, result, &error))
    return TRUE;
  g_warning ("messages to %s wait: %s", round->adapter != NULL ? round->adapter->name : "carriers",
             error->message);
  end_round (round);
  return FALSE;
}

static void
submit (Round *round, BaruaJob job, GAsyncReadyCallback done)
{
  barua_store_write_async (round->push->app->store, job, round, NULL, 0, NULL, done, round);
}

/* ---- which carrier, and how to reach it ---- */

/* The adapter that the settings in force name; new settings may have ended a trouble. */
static const BaruaAdapter *
find_adapter (BaruaPush *push)
{
  BaruaApp *app = push->app;

  if (push->knows_adapter && push->serial == app->settings_serial)
    return push->adapter;
  g_autofree char *name
      = barua_json_string (barua_settings_get (app->settings, "sms.outgoing_service"), NULL);
  push->adapter = name != NULL ? barua_adapter_find (barua_text (name)) : NULL;
  push->serial = app->settings_serial;
  push->knows_adapter = TRUE;
  push->not_before_ms = 0;
  push->n_troubles = 0;
  return push->adapter;
}

/* A text of the settings, NUL-terminated; NULL without one. */
static const char *
setting (Round *round, const char *path)
{
  BaruaText text = barua_settings_get_text (round->settings, round->arena, path);

  return text.n > 0 ? barua_arena_copy (round->arena, text).p : NULL;
}

/* The base URL: the server's configuration, else the settings, else the service's own.  Settings
 * may send the secret over TLS only. */
static const char *
find_url (Round *round, const char **reason)
{
  const BaruaPush *push = round->push;
  const char *configured
      = round->adapter == &barua_rapidpro ? push->rapidpro_url : push->africas_talking_url;
  const char *url = *configured != '\0' ? configured : NULL;

  if (url == NULL && round->adapter->base_url != NULL)
    url = round->adapter->base_url (round->access.username);
  if (url == NULL)
    {
      url = setting (round, "sms.rapidpro.url");
      *reason = url == NULL ? "sms.rapidpro.url is missing" : "sms.rapidpro.url must be https";
      if (url == NULL || !g_str_has_prefix (url, "https://"))
        return NULL;
    }
  gsize n = strlen (url);
  while (n > 0 && url[n - 1] == '/')
    n--;
  return barua_arena_copy (round->arena, (BaruaText){ url, n }).p;
}

/* Fills in how to reach the carrier; FALSE, and a warning once, when something is missing. */
static gboolean
find_access (Round *round)
{
  BaruaPush *push = round->push;
  const BaruaAdapter *adapter = round->adapter;
  const char *reason = NO_USERNAME;

  if (push->app->credentials != NULL && round->credentials == NULL)
    round->credentials = barua_credentials_ref (push->app->credentials);
  round->access.secret = barua_credentials_get (round->credentials, adapter->credential);
  round->access.username = setting (round, "sms.africas_talking.username");
  round->access.reply_to = setting (round, "sms.reply_to");
  g_autofree char *no_secret = g_strdup_printf ("[credentials] %s is missing", adapter->credential);
  if (round->access.secret == NULL)
    reason = no_secret;
  else if (!adapter->needs_username || round->access.username != NULL)
    {
      round->access.base_url = find_url (round, &reason);
      if (round->access.base_url != NULL)
        return TRUE;
    }
  if (push->warned_serial != push->serial + 1)
    g_warning ("nothing is sent to %s: %s", adapter->name, reason);
  push->warned_serial = push->serial + 1;
  return FALSE;
}

/* ---- waiting ---- */

/* Seconds before try number @n + 1. */
static guint
wait_s (const BaruaPush *push, guint n)
{
  return MIN (push->retry_s << MIN (n, 12u), WAIT_MAX_S);
}

/* Notes that the carrier as a whole is in trouble, or not any more. */
static void
note_trouble (BaruaPush *push, gboolean is_trouble, guint retry_after_s)
{
  if (!is_trouble)
    {
      push->n_troubles = 0;
      push->not_before_ms = 0;
      return;
    }
  const guint wait = MAX (wait_s (push, push->n_troubles), MIN (retry_after_s, WAIT_MAX_S));
  push->n_troubles++;
  push->not_before_ms = barua_now_ms () + (gint64)wait * 1000;
}

/* ---- sending ---- */

/* The other messages of a task share its state: they go out with the first. */
static gboolean
add_siblings (Round *round, BaruaTx *tx, GError **error)
{
  const BaruaQueuedMessage *first = round->messages->pdata[0];
  BaruaReader *reader = barua_tx_reader (tx);
  g_autoptr (BaruaDocument) document
      = barua_reader_get_document (reader, NULL, first->document_id, error);
  BaruaJsonIter iter;
  BaruaJson message;

  if (document == NULL)
    return FALSE;
  BaruaJson tasks = barua_json_member ((BaruaJson){ document->body.p, document->body.n },
                                       barua_message_list_name (first->path.list));
  barua_json_iter_init (
      &iter, barua_json_member (barua_json_element (tasks, first->path.task), "messages"));
  while (barua_json_iter_next (&iter, NULL, &message))
    {
      BaruaText uuid = barua_arena_json_text (round->arena, barua_json_member (message, "uuid"));
      if (uuid.n == 0 || barua_text_equal (uuid, first->uuid))
        continue;
      BaruaQueuedMessage *sibling = barua_reader_find_message (reader, uuid, NULL);
      if (sibling == NULL)
        continue;
      if (sibling->to.n > 0 && sibling->content.n > 0
          && barua_text_equal (sibling->document_id, first->document_id))
        g_ptr_array_add (round->messages, sibling);
      else
        barua_queued_message_free (sibling);
    }
  return TRUE;
}

/* Job: takes one message, with what goes out with it. */
static gboolean
take (BaruaTx *tx, gpointer data, GError **error)
{
  Round *round = data;
  const gint64 now_ms = barua_now_ms ();
  const BaruaTake take = { .account = TAKER, .limit = 1, .now_ms = now_ms, .lease_ms = HOLD_MS };
  const BaruaTaskChange change
      = { .state = BARUA_TASK_STATE_FORWARDED_TO_GATEWAY, .now_ms = now_ms };
  g_autoptr (GPtrArray) taken = NULL;

  g_ptr_array_set_size (round->messages, 0);
  round->at = 0;
  if (!barua_tx_take_messages (tx, &take, &taken, error))
    return FALSE;
  if (taken->len == 0)
    return TRUE;
  g_ptr_array_add (round->messages, g_ptr_array_steal_index (taken, 0));
  if (!add_siblings (round, tx, error)
      || !barua_exchange_change (tx, round->messages->pdata[0], &change, error))
    return FALSE;
  for (guint i = 0; i < round->messages->len; i++)
    if (!barua_tx_outbox_hold (tx, ((BaruaQueuedMessage *)round->messages->pdata[i])->uuid,
                               round->adapter->account, now_ms + HOLD_MS, error))
      return FALSE;
  return TRUE;
}

/* `state_details` of a text: a JSON string. */
static BaruaText
as_details (BaruaArena *arena, BaruaText text, const char *more)
{
  g_autoptr (GString) plain = g_string_new_len (text.p, (gssize)text.n);
  g_autoptr (GString) json = g_string_new (NULL);

  if (text.n == 0 && more == NULL)
    return (BaruaText){ NULL, 0 };
  g_string_append (plain, more != NULL ? more : "");
  barua_json_append_string (json, (BaruaText){ plain->str, plain->len });
  return barua_arena_copy (arena, (BaruaText){ json->str, json->len });
}

/* The change that the result of a sending asks for. */
static BaruaTaskChange
make_change (const Round *round)
{
  const BaruaSendResult *result = &round->result;
  BaruaTaskChange change = { .state = result->state,
                             .details = as_details (round->arena, result->details, NULL),
                             .reference = result->reference,
                             .now_ms = barua_now_ms () };

  if (result->verdict == BARUA_SEND_LATER)
    change.state = BARUA_TASK_STATE_PENDING;
  else if (result->verdict == BARUA_SEND_UNKNOWN)
    {
      change.state = BARUA_TASK_STATE_FAILED;
      change.details = as_details (round->arena, result->details, ": it may have been sent");
    }
  return change;
}

/* Job: what became of a message; one that was deleted meanwhile is nobody's concern. */
static gboolean
record (BaruaTx *tx, gpointer data, GError **error)
{
  Round *round = data;
  const BaruaQueuedMessage *sent = round->messages->pdata[round->at];
  BaruaTaskChange change = make_change (round);
  g_autoptr (GError) local = NULL;
  g_autoptr (BaruaQueuedMessage) message
      = barua_reader_find_message (barua_tx_reader (tx), sent->uuid, &local);

  if (g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND))
    return TRUE;
  if (message == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (round->result.verdict == BARUA_SEND_DONE)
    return barua_exchange_change (tx, message, &change, error);
  if (message->state != BARUA_TASK_STATE_FORWARDED_TO_GATEWAY)
    return TRUE; /* somebody decided otherwise meanwhile */
  change.is_decided = TRUE;
  return barua_exchange_change (tx, message, &change, error)
         && (round->result.verdict != BARUA_SEND_LATER
             || barua_tx_outbox_hold (tx, message->uuid, round->adapter->account, round->retry_ms,
                                      error));
}

static void send_one (Round *round);
static void recorded (GObject *source, GAsyncResult *result, gpointer user_data);

/* GSourceFunc */
static gboolean
record_again (gpointer data)
{
  Round *round = data;

  round->again = 0;
  submit (round, record, recorded);
  return G_SOURCE_REMOVE;
}

/* What was sent must be on the disk before anything else is: a full disk is waited for. */
static void
recorded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Round *round = user_data;
  BaruaPush *push = round->push;
  g_autoptr (GError) error = NULL;

  if (push->is_over)
    {
      destroy (push);
      return;
    }
  if (!barua_store_write_finish (push->app->store, result, &error))
    {
      g_warning ("what %s answered is not recorded yet: %s", round->adapter->name, error->message);
      round->again = g_timeout_add_seconds (RECORD_AGAIN_S, record_again, round);
      return;
    }
  round->n_sent++;
  if (++round->at < round->messages->len)
    send_one (round);
  else
    take_next (round);
}

/* Keeps the texts of the result, which may stand in the answer, beyond it. */
static void
keep_result (Round *round)
{
  BaruaSendResult *result = &round->result;

  if (result->details.p != NULL)
    result->details = barua_arena_copy (round->arena, result->details);
  if (result->reference.p != NULL)
    result->reference = barua_arena_copy (round->arena, result->reference);
}

/* Says why nothing goes out, in our words. */
static void
warn_of_trouble (const Round *round)
{
  const BaruaSendResult *result = &round->result;

  if (result->is_quoted || result->details.p == NULL)
    g_warning ("%s took the message for nobody, its reason is the message's state_details; messages wait",
               round->adapter->name);
  else
    g_warning ("%s: %.*s; messages wait", round->adapter->name, (int)result->details.n,
               result->details.p);
}

/* BaruaOutboundFunc */
static void
sent (const BaruaOutboundAnswer *answer, gpointer data)
{
  Round *round = data;
  BaruaPush *push = round->push;
  const BaruaQueuedMessage *message = round->messages->pdata[round->at];

  round->is_in_http = FALSE;
  round->adapter->read_sent (answer, round->arena, &round->result);
  keep_result (round);
  barua_counters_sent (push->app->counters, round->adapter, &round->result);
  note_trouble (push, round->result.is_trouble, answer->retry_after_s);
  round->retry_ms
      = barua_now_ms ()
        + (gint64)wait_s (push, message->handouts > 0 ? message->handouts - 1 : 0) * 1000;
  if (round->result.is_trouble)
    warn_of_trouble (round);
  submit (round, record, recorded);
}

static void
send_one (Round *round)
{
  const BaruaQueuedMessage *message = round->messages->pdata[round->at];
  char e164[BARUA_PHONE_SIZE];
  BaruaText to = message->to;
  BaruaOutboundRequest request;

  if (barua_phone_normalise (barua_settings_phone_rules (round->settings), to, e164))
    to = barua_text (e164);
  round->adapter->make_send (&round->access, to, message->content, round->arena, &request);
  round->is_in_http = TRUE;
  barua_outbound_client_send (round->push->client, &request, sent, round);
}

static void
taken (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Round *round = user_data;

  if (!went_well (round, barua_store_write_finish, result))
    return;
  if (round->messages->len > 0)
    send_one (round);
  else
    ask_batch (round);
}

/* Goes on with the next message, unless it has to wait. */
static void
take_next (Round *round)
{
  if (round->n_sent >= MESSAGES_PER_ROUND || barua_now_ms () < round->push->not_before_ms)
    ask_batch (round);
  else
    submit (round, take, taken);
}

/* ---- asking ---- */

/* Query: the next messages to ask about. */
static gboolean
find_asked (BaruaReader *reader, gpointer data, GError **error)
{
  Round *round = data;
  const BaruaOutboxQuery query = { .state = polled_states[round->push->poll_state],
                                   .account = round->adapter->account,
                                   .has_reference = TRUE,
                                   .from_ms = barua_now_ms () - POLLED_FOR_MS,
                                   .until_ms = G_MAXINT64,
                                   .after = round->push->poll_after,
                                   .limit = POLLED_PER_BATCH };
  GPtrArray *messages = NULL;

  if (!barua_reader_outbox (reader, &query, &messages, &round->next, &round->has_more, error))
    return FALSE;
  g_ptr_array_unref (round->messages);
  round->messages = messages;
  round->at = 0;
  return TRUE;
}

static void
asked_found (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Round *round = user_data;
  BaruaPush *push = round->push;

  if (!went_well (round, barua_store_read_finish, result))
    return;
  if (round->has_more)
    push->poll_after = round->next;
  else
    {
      push->poll_state = (push->poll_state + 1) % G_N_ELEMENTS (polled_states);
      push->poll_after = BARUA_OUTBOX_BEGIN;
      round->asks = push->poll_state != 0; /* all were asked about: enough for this minute */
    }
  ask_next (round);
}

/* Asks about the next messages, or ends the round. */
static void
ask_batch (Round *round)
{
  if (!round->asks || round->adapter->make_poll == NULL || round->n_batches >= BATCHES_PER_ROUND
      || barua_now_ms () < round->push->not_before_ms)
    {
      end_round (round);
      return;
    }
  barua_store_read_async (round->push->app->store, find_asked, round, NULL, NULL, asked_found,
                          round);
}

/* Job: the state that the carrier told. */
static gboolean
record_state (BaruaTx *tx, gpointer data, GError **error)
{
  Round *round = data;
  const BaruaQueuedMessage *asked = round->messages->pdata[round->at];
  const BaruaTaskChange change
      = { .state = round->result.state,
          .details = as_details (round->arena, round->result.details, NULL),
          .now_ms = barua_now_ms () };
  g_autoptr (BaruaQueuedMessage) message
      = barua_reader_find_message (barua_tx_reader (tx), asked->uuid, NULL);

  return message == NULL || barua_exchange_change (tx, message, &change, error);
}

static void
state_recorded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Round *round = user_data;

  if (!went_well (round, barua_store_write_finish, result))
    return;
  round->at++;
  ask_next (round);
}

/* BaruaOutboundFunc */
static void
answered (const BaruaOutboundAnswer *answer, gpointer data)
{
  Round *round = data;
  const BaruaQueuedMessage *message = round->messages->pdata[round->at];

  round->is_in_http = FALSE;
  if (round->adapter->read_polled (answer, round->arena, &round->result))
    {
      if (round->result.state != message->state)
        {
          keep_result (round);
          submit (round, record_state, state_recorded);
          return;
        }
    }
  else if (round->result.is_trouble) /* 429 for instance: go on in the next round */
    {
      end_round (round);
      return;
    }
  round->at++;
  ask_next (round);
}

static void
ask_next (Round *round)
{
  BaruaOutboundRequest request;

  if (round->at >= round->messages->len)
    {
      if (round->messages->len > 0)
        round->n_batches++;
      ask_batch (round);
      return;
    }
  const BaruaQueuedMessage *message = round->messages->pdata[round->at];
  round->adapter->make_poll (&round->access, message->gateway_ref, round->arena, &request);
  round->is_in_http = TRUE;
  barua_outbound_client_send (round->push->client, &request, answered, round);
}

/* ---- what a former process left ---- */

/* Settles the messages of one carrier that were under way. */
static gboolean
settle_carrier (Round *round, BaruaTx *tx, const BaruaAdapter *adapter, GError **error)
{
  BaruaOutboxQuery query = { .state = BARUA_TASK_STATE_FORWARDED_TO_GATEWAY,
                             .account = adapter->account,
                             .from_ms = G_MININT64,
                             .until_ms = G_MAXINT64,
                             .after = BARUA_OUTBOX_BEGIN,
                             .limit = BARUA_OUTBOX_MAX };
  const BaruaTaskChange change
      = { .state = BARUA_TASK_STATE_FAILED,
          .details = BARUA_TEXT ("\"the server ended before the answer: it may have been sent\""),
          .is_decided = TRUE,
          .now_ms = barua_now_ms () };
  gboolean has_more = TRUE;

  while (has_more)
    {
      g_autoptr (GPtrArray) messages = NULL;
      if (!barua_reader_outbox (barua_tx_reader (tx), &query, &messages, &query.after, &has_more,
                                error))
        return FALSE;
      for (guint i = 0; i < messages->len; i++)
        if (!barua_exchange_change (tx, messages->pdata[i], &change, error))
          return FALSE;
    }
  return TRUE;
}

/* Job */
static gboolean
settle (BaruaTx *tx, gpointer data, GError **error)
{
  for (gsize i = 0; barua_adapters[i] != NULL; i++)
    if (!settle_carrier (data, tx, barua_adapters[i], error))
      return FALSE;
  return TRUE;
}

static void
settled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Round *round = user_data;
  BaruaPush *push = round->push;

  if (!went_well (round, barua_store_write_finish, result))
    return;
  push->is_settled = TRUE;
  push->wants_round = TRUE;
  end_round (round);
}

/* ---- rounds ---- */

static void
start_round (BaruaPush *push, gboolean asks)
{
  Round *round = g_new0 (Round, 1);

  round->push = push;
  round->settings = barua_settings_ref (push->app->settings);
  round->arena = barua_arena_new ();
  round->messages = g_ptr_array_new_with_free_func ((GDestroyNotify)barua_queued_message_free);
  round->asks = asks;
  push->round = round;
  push->wants_round = FALSE;
  if (!push->is_settled)
    {
      submit (round, settle, settled);
      return;
    }
  round->adapter = find_adapter (push);
  if (round->adapter != NULL && find_access (round))
    take_next (round);
  else
    end_round (round);
}

void
barua_push_soon (BaruaPush *push)
{
  if (push == NULL || push->is_over || (push->is_settled && find_adapter (push) == NULL))
    return;
  if (push->round != NULL)
    push->wants_round = TRUE;
  else if (barua_now_ms () >= push->not_before_ms)
    start_round (push, FALSE);
}

void
barua_push_now (BaruaPush *push)
{
  if (push == NULL || push->is_over)
    return;
  push->not_before_ms = 0;
  if (push->round != NULL)
    {
      push->wants_round = TRUE;
      push->round->asks = TRUE;
    }
  else
    start_round (push, TRUE);
}

/* GSourceFunc: once a minute. */
static gboolean
tick (gpointer data)
{
  BaruaPush *push = data;

  if (push->round != NULL)
    push->round->asks = TRUE;
  else
    start_round (push, TRUE);
  return G_SOURCE_CONTINUE;
}

void
barua_push_set_options (BaruaPush *push, const BaruaPushOptions *options)
{
  g_free (push->africas_talking_url);
  g_free (push->rapidpro_url);
  push->africas_talking_url = g_strdup (options->africas_talking_url);
  push->rapidpro_url = g_strdup (options->rapidpro_url);
  push->retry_s = options->retry_s;
  push->warned_serial = 0;
  barua_outbound_client_set_timeout (push->client, options->timeout_s);
}

BaruaPush *
barua_push_new (BaruaApp *app, const BaruaPushOptions *options)
{
  BaruaPush *push = g_new0 (BaruaPush, 1);

  push->app = app;
  push->client = barua_outbound_client_new (options->timeout_s);
  barua_push_set_options (push, options);
  push->poll_after = BARUA_OUTBOX_BEGIN;
  push->timer = g_timeout_add_seconds (ROUND_SECONDS, tick, push);
  start_round (push, FALSE);
  return push;
}

void
barua_push_free (BaruaPush *push)
{
  if (push == NULL)
    return;
  push->is_over = TRUE;
  g_source_remove (push->timer);
  g_clear_pointer (&push->client, barua_outbound_client_free);
  if (push->round != NULL && push->round->again != 0)
    g_source_remove (push->round->again);
  else if (push->round != NULL && !push->round->is_in_http)
    return; /* a job knows of it, and frees it */
  destroy (push);
}
