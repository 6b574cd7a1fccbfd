/* SPDX-License-Identifier: MIT */

/* What gateway phones and partners do to the store: records come in, states come in, messages go
 * out. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/exchange.h"

#include "gateway/rules/tasks.h"
#include "gateway/rules/transitions.h"
#include "gateway/store/rules-lookup.h"
#include "gateway/store/store-gateways.h"

#define MESSAGES_PER_POLL 25      /* messaging.md 3.7 */
#define LEASE_SECONDS_DEFAULT 300 /* messaging.md 4.4 */

/* ---- in ---- */

/* The locale that the message or its request named. */
static BaruaText
named_locale (const BaruaMessage *input)
{
  return input->locale.p != NULL && input->locale.n > 0 ? input->locale : input->query_locale;
}

/* Appends the document; @contact: (nullable): who sent it. */
static void
append_record (GString *body, const BaruaRecord *record, const char *tasks, BaruaText contact)
{
  if (contact.p == NULL)
    {
      barua_record_append_json (record, tasks, body);
      return;
    }
  barua_record_append_open (record, tasks, body);
  barua_json_append_key (body, "contact");
  g_string_append_len (body, contact.p, (gssize)contact.n);
  g_string_append_c (body, '}');
}

BaruaText
barua_exchange_text (BaruaArena *arena, BaruaJson value)
{
  return barua_json_type (value) == BARUA_JSON_NUMBER ? (BaruaText){ value.text, value.length }
                                                      : barua_arena_json_text (arena, value);
}

gboolean
barua_exchange_read (const BaruaSettings *settings, BaruaText reference, BaruaText from,
                     BaruaText content, gint64 now_ms, BaruaArena *arena, BaruaIncoming *incoming)
{
  BaruaMessage *input = &incoming->input;

  if (reference.n == 0 || from.n == 0 || content.n == 0)
    return FALSE;
  *incoming = (BaruaIncoming){ .claims_reference = TRUE };
  input->gateway_ref = reference;
  input->from = from;
  input->message = content;
  input->now_ms = now_ms;
  if (!barua_record_from_message (settings, input, arena, &incoming->record, NULL))
    barua_record_plain (settings, input, arena, &incoming->record); /* too long: kept, not parsed */
  return TRUE;
}

gboolean
barua_exchange_store (BaruaTx *tx, const BaruaSettings *settings, BaruaIncoming *incoming,
                      BaruaArena *arena, BaruaWritten *written, GError **error)
{
  BaruaText reference
      = incoming->claims_reference ? incoming->input.gateway_ref : (BaruaText){ NULL, 0 };

  incoming->is_new = TRUE;
  if (reference.p != NULL && !barua_tx_claim_reference (tx, reference, &incoming->is_new, error))
    return FALSE;
  if (!incoming->is_new)
    return TRUE;

  BaruaRecord record = incoming->record; /* rules add errors; the job may run again */
  g_auto (BaruaStoreLookup) lookup = { .tx = tx };
  g_autoptr (GString) tasks = g_string_new ("[");
  barua_store_lookup_init (&lookup, barua_tx_reader (tx), tx);
  BaruaTransition transition = {
    .settings = settings,
    .arena = arena,
    .record = &record,
    .message_locale = named_locale (&incoming->input),
    .lookup = &lookup.lookup,
    .now_ms = incoming->input.now_ms,
    .tasks = tasks,
  };
  if (!barua_transitions_run (&transition, error))
    return FALSE;
  g_string_append_c (tasks, ']');

  g_autoptr (GString) body = g_string_sized_new (1024);
  append_record (body, &record, tasks->str, transition.contact);
  BaruaEdit edit = { .body = { body->str, body->len }, .gateway_ref = reference };
  return barua_tx_put_document (tx, &edit, written, error);
}

/* ---- states ---- */

/* Documents with the changes that are to be made in them: each is then stored once. */
typedef struct
{
  GHashTable *by_id; /* id -> GArray of BaruaTaskChange */
  GPtrArray *ids;    /* in the order in which they were met; borrowed from by_id */
  BaruaTaskCounts counts;
} Changes;

static void
changes_clear (Changes *changes)
{
  g_hash_table_unref (changes->by_id);
  g_ptr_array_unref (changes->ids);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Changes, changes_clear)

static Changes
changes_new (void)
{
  return (Changes){ g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                           (GDestroyNotify)g_array_unref),
                    g_ptr_array_new (),
                    { 0, 0 } };
}

/* Notes a change of the task that holds @message. */
static void
changes_add (Changes *changes, const BaruaQueuedMessage *message, const BaruaTaskChange *change)
{
  GArray *list = g_hash_table_lookup (changes->by_id, message->document_id.p);
  BaruaTaskChange placed = *change;

  if (list == NULL)
    {
      char *id = g_strdup (message->document_id.p);
      list = g_array_new (FALSE, FALSE, sizeof (BaruaTaskChange));
      g_hash_table_insert (changes->by_id, id, list);
      g_ptr_array_add (changes->ids, id);
    }
  placed.list = message->path.list;
  placed.task = message->path.task;
  g_array_append_val (list, placed);
}

/* Stores one document with its changes made, unless they change nothing. */
static gboolean
change_document (BaruaTx *tx, const char *id, const GArray *list, BaruaTaskCounts *counts,
                 GError **error)
{
  g_autoptr (BaruaDocument) document
      = barua_reader_get_document (barua_tx_reader (tx), NULL, barua_text (id), error);

  if (document == NULL)
    return FALSE;
  g_autoptr (GString) body = g_string_sized_new (document->body.n + 128);
  if (!barua_tasks_apply_counted (document->body, (const BaruaTaskChange *)(void *)list->data,
                                  list->len, counts, body))
    return TRUE;
  BaruaEdit edit = {
    .id = document->id,
    .rev = document->rev,
    .body = { body->str, body->len },
    .is_server_made = TRUE,
    .is_hidden = document->is_hidden,
  };
  return barua_tx_put_document (tx, &edit, NULL, error);
}

static gboolean
change_documents (BaruaTx *tx, Changes *changes, GError **error)
{
  for (guint i = 0; i < changes->ids->len; i++)
    if (!change_document (tx, changes->ids->pdata[i],
                          g_hash_table_lookup (changes->by_id, changes->ids->pdata[i]),
                          &changes->counts, error))
      return FALSE;
  return TRUE;
}

gboolean
barua_exchange_change (BaruaTx *tx, const BaruaQueuedMessage *message,
                       const BaruaTaskChange *change, GError **error)
{
  g_auto (Changes) changes = changes_new ();

  changes_add (&changes, message, change);
  return change_documents (tx, &changes, error);
}

/* Notes what one update asks for; FALSE only when the store fails. */
static gboolean
take_update (BaruaTx *tx, BaruaJson update, BaruaArena *arena, gint64 now_ms, Changes *changes,
             GError **error)
{
  BaruaTaskChange change = { .now_ms = now_ms };
  BaruaText uuid = barua_arena_json_text (arena, barua_json_member (update, "id"));
  g_autoptr (GError) local = NULL;

  if (uuid.n == 0)
    {
      g_message ("a delivery state without an id was left out");
      return TRUE;
    }
  g_autoptr (BaruaQueuedMessage) message
      = barua_reader_find_message (barua_tx_reader (tx), uuid, &local);
  if (g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND))
    {
      g_message ("a delivery state for an unknown message was left out");
      return TRUE;
    }
  if (message == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  barua_task_change_from_update (update, arena, &change);
  changes_add (changes, message, &change);
  return TRUE;
}

gboolean
barua_exchange_update (BaruaTx *tx, const char *account, BaruaJson updates, BaruaArena *arena,
                       gint64 now_ms, GError **error)
{
  g_auto (Changes) changes = changes_new ();
  BaruaJsonIter iter;
  BaruaJson update;

  barua_json_iter_init (&iter, updates);
  while (barua_json_iter_next (&iter, NULL, &update))
    if (!take_update (tx, update, arena, now_ms, &changes, error))
      return FALSE;
  if (!change_documents (tx, &changes, error))
    return FALSE;
  const BaruaTraffic traffic = { .sent = changes.counts.sent, .failed = changes.counts.failed };
  return (traffic.sent == 0 && traffic.failed == 0)
         || barua_tx_add_traffic (tx, account, now_ms, &traffic, error);
}

/* ---- out ---- */

gboolean
barua_exchange_serves_phones (const BaruaSettings *settings)
{
  BaruaJson sms = barua_settings_get (settings, "sms");

  return sms.text == NULL
         || barua_json_string_is (barua_json_member (sms, "outgoing_service"),
                                  BARUA_TEXT ("medic-gateway"));
}

gint64
barua_exchange_lease_ms (const BaruaSettings *settings)
{
  gint64 seconds = 0;

  if (!barua_json_integer (barua_settings_get (settings, "sms.gateway_lease_seconds"), &seconds)
      || seconds < 0)
    seconds = LEASE_SECONDS_DEFAULT;
  return seconds * 1000;
}

/* One entry of the answer: content, to, id. */
static void
append_entry (GString *out, const BaruaSettings *settings, const BaruaQueuedMessage *message)
{
  char e164[BARUA_PHONE_SIZE];
  BaruaText to = message->to;

  if (barua_phone_normalise (barua_settings_phone_rules (settings), to, e164))
    to = barua_text (e164);
  g_string_append (out, out->len > 0 && out->str[out->len - 1] == '}' ? ",{" : "{");
  barua_json_append_key (out, "content");
  barua_json_append_string (out, message->content);
  barua_json_append_key (out, "to");
  barua_json_append_string (out, to);
  barua_json_append_key (out, "id");
  barua_json_append_string (out, message->uuid);
  g_string_append_c (out, '}');
}

/* Sets what @account may still send by its limits. */
static gboolean
read_limits (BaruaTx *tx, const BaruaGatewayLimits *limits, BaruaTake *take, GError **error)
{
  BaruaTraffic traffic;

  if (limits == NULL)
    return TRUE;
  take->may_exceed = TRUE;
  for (guint i = 0; i < BARUA_N_SPANS; i++)
    {
      if (limits->segments[i] == 0)
        continue;
      if (!barua_reader_traffic (barua_tx_reader (tx), take->account, take->now_ms,
                                 barua_span_minutes (i), &traffic, error))
        return FALSE;
      const gint64 left = MAX ((gint64)limits->segments[i] - traffic.segments, 0);
      take->segments = take->limits_segments ? MIN (take->segments, left) : left;
      take->limits_segments = TRUE;
      take->may_exceed = take->may_exceed && traffic.segments == 0;
    }
  return TRUE;
}

/* Adds what was handed out to what counts for the limits. */
static gboolean
count_segments (BaruaTx *tx, const BaruaTake *take, const GPtrArray *messages, GError **error)
{
  BaruaTraffic traffic = { 0 };

  for (guint i = 0; i < messages->len; i++)
    traffic.segments += ((const BaruaQueuedMessage *)messages->pdata[i])->segments;
  return traffic.segments == 0
         || barua_tx_add_traffic (tx, take->account, take->now_ms, &traffic, error);
}

gboolean
barua_exchange_hand_out (BaruaTx *tx, const BaruaSettings *settings, const char *account,
                         gint64 now_ms, GString *out, guint *n_messages, GError **error)
{
  const BaruaTaskChange change
      = { .state = BARUA_TASK_STATE_FORWARDED_TO_GATEWAY, .now_ms = now_ms };
  const BaruaGatewayPlan *plan = barua_tx_gateway_plan (tx);
  BaruaTake take = { .account = account,
                     .limit = MESSAGES_PER_POLL,
                     .now_ms = now_ms,
                     .lease_ms = barua_exchange_lease_ms (settings) };
  g_auto (Changes) changes = changes_new ();
  g_autoptr (GPtrArray) messages = NULL;

  *n_messages = 0;
  if (plan != NULL && barua_gateway_plan_is_paused (plan, account))
    return TRUE;
  if ((plan != NULL
       && !read_limits (tx, barua_gateway_plan_limits (plan, account), &take, error))
      || !barua_tx_take_messages (tx, &take, &messages, error)
      || !count_segments (tx, &take, messages, error))
    return FALSE;
  for (guint i = 0; i < messages->len; i++)
    {
      const BaruaQueuedMessage *message = messages->pdata[i];
      if (message->state == BARUA_TASK_STATE_PENDING)
        changes_add (&changes, message, &change);
      append_entry (out, settings, message);
    }
  *n_messages = messages->len;
  return change_documents (tx, &changes, error);
}
