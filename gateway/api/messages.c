/* SPDX-License-Identifier: MIT */

/* /api/v1/messages: sending a text, and doing something about one that was sent
 * (messaging.md 3.9). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/document-common.h"
#include "gateway/api/failure.h"
#include "gateway/api/handlers.h"
#include "gateway/app.h"
#include "gateway/rules/outgoing.h"
#include "gateway/store/rules-lookup.h"

/* Bytes of an Idempotency-Key at most. */
#define KEY_MAX_BYTES 255

/* Document ids made from such a key: this, and half of a SHA-256 in hex. */
#define KEYED_ID_PREFIX "message:"
#define KEYED_ID_DIGITS 32

/* One request, from the main loop to the writer and back. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  BaruaSettings *settings;
  BaruaArena *arena;
  gint64 now_ms;
  BaruaOutgoing outgoing;
  char *keyed_id; /* of the document; NULL without an Idempotency-Key */
  BaruaTaskAction action;
  BaruaText message_id; /* what to do it with; borrowed from the request */
  gboolean is_admin;
  char uuid[BARUA_UUID_SIZE]; /* of the message that the answer names */
} Call;

static void
call_free (gpointer data)
{
  Call *call = data;

  barua_settings_unref (call->settings);
  barua_arena_free (call->arena);
  g_free (call->keyed_id);
  barua_request_unref (call->request);
  g_free (call);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Call, call_free)

static Call *
call_new (BaruaApp *app, BaruaRequest *request)
{
  Call *call = g_new0 (Call, 1);
  call->app = app;
  call->request = barua_request_ref (request);
  call->settings = barua_settings_ref (barua_request_settings (request));
  call->arena = barua_arena_new ();
  call->is_admin = barua_request_user (request)->is_admin;
  call->now_ms = barua_now_ms ();
  return call;
}

/* After the commit. */
static void
call_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Call *call = user_data; /* freed by the store afterwards */
  g_autoptr (GError) error = NULL;

  if (!barua_store_write_finish (call->app->store, result, &error))
    {
      barua_api_fail (call->request, error);
      return;
    }
  GString *json = g_string_new ("{\"success\":true,\"id\":");
  barua_json_append_string (json, barua_text (call->uuid));
  g_string_append_c (json, '}');
  barua_request_reply_json (call->request, 200, json);
}

/* ---- sending ---- */

/* Makes the document's id of account and Idempotency-Key; FALSE after an answer. */
static gboolean
take_key (Call *call)
{
  const char *key = barua_request_header (call->request, "Idempotency-Key");
  const char *account = barua_request_user (call->request)->name;

  if (key == NULL)
    return TRUE;
  gsize n = strlen (key);
  gboolean is_good = n > 0 && n <= KEY_MAX_BYTES;
  for (gsize i = 0; i < n && is_good; i++)
    is_good = g_ascii_isprint (key[i]);
  if (!is_good)
    {
      barua_request_fail (call->request, BARUA_HTTP_ERROR_BAD_REQUEST,
                          "Idempotency-Key: must be 1 to 255 printable ASCII characters", NULL);
      return FALSE;
    }
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_checksum_update (sum, (const guchar *)account, (gssize)strlen (account) + 1); /* NUL between */
  g_checksum_update (sum, (const guchar *)key, (gssize)n);
  call->keyed_id
      = g_strdup_printf (KEYED_ID_PREFIX "%.*s", KEYED_ID_DIGITS, g_checksum_get_string (sum));
  return TRUE;
}

/* The uuid of the first message of a document that a former request made. */
static gboolean
take_first_result (Call *call, BaruaText body, GError **error)
{
  BaruaJson task
      = barua_json_element (barua_json_member ((BaruaJson){ body.p, body.n }, "tasks"), 0);
  BaruaJson message = barua_json_element (barua_json_member (task, "messages"), 0);
  g_autofree char *uuid = barua_json_string (barua_json_member (message, "uuid"), NULL);

  if (uuid != NULL && g_strlcpy (call->uuid, uuid, sizeof call->uuid) < sizeof call->uuid)
    return TRUE;
  g_set_error_literal (error, BARUA_HTTP_ERROR, BARUA_HTTP_ERROR_CONFLICT,
                       "the message of this Idempotency-Key was changed since");
  return FALSE;
}

/* Whether the request is a repeat; *is_repeat is set when TRUE is returned. */
static gboolean
find_repeat (Call *call, BaruaTx *tx, gboolean *is_repeat, GError **error)
{
  g_autoptr (GError) local = NULL;

  *is_repeat = FALSE;
  if (call->keyed_id == NULL)
    return TRUE;
  g_autoptr (BaruaDocument) document
      = barua_reader_get_document (barua_tx_reader (tx), NULL, barua_text (call->keyed_id), &local);
  if (document != NULL)
    {
      *is_repeat = TRUE;
      return take_first_result (call, document->body, error);
    }
  if (g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND))
    return TRUE;
  if (g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_DELETED))
    g_set_error_literal (error, BARUA_HTTP_ERROR, BARUA_HTTP_ERROR_CONFLICT,
                         "the message of this Idempotency-Key was deleted since");
  else
    g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

/* Job: makes the document, once for each key. */
static gboolean
send_message (BaruaTx *tx, gpointer data, GError **error)
{
  Call *call = data;
  g_auto (BaruaStoreLookup) lookup = { .tx = tx };
  gboolean is_repeat = FALSE;

  barua_store_lookup_init (&lookup, barua_tx_reader (tx), tx);
  if (!find_repeat (call, tx, &is_repeat, error))
    return FALSE;
  if (is_repeat)
    return TRUE;
  g_autoptr (GString) body = g_string_sized_new (512);
  if (!barua_outgoing_append_document (call->settings, &call->outgoing, &lookup.lookup, call->arena,
                                       body, call->uuid, error))
    return FALSE;
  const BaruaEdit edit = { .id = barua_text (call->keyed_id), .body = { body->str, body->len } };
  return barua_tx_put_document (tx, &edit, NULL, error);
}

void
barua_api_messages_post (BaruaRequest *request, gpointer app)
{
  g_autoptr (Call) call = call_new (app, request);
  g_autoptr (GError) error = NULL;

  if (!take_key (call))
    return;
  if (!barua_outgoing_read (call->settings, barua_request_json (request), call->arena, call->now_ms,
                            &call->outgoing, &error))
    {
      barua_api_fail (request, error);
      return;
    }
  call->outgoing.sent_by = barua_text (barua_request_user (request)->name);
  Call *data = g_steal_pointer (&call);
  barua_store_write_async (data->app->store, send_message, data, call_free,
                           barua_request_body_length (request), NULL, call_done, data);
}

/* ---- resend, cancel, retry ---- */

static gboolean
refuse (BaruaTaskAction action, const char *state, GError **error)
{
  static const char *const verbs[] = { [BARUA_TASK_RESEND] = "sent again",
                                       [BARUA_TASK_CANCEL] = "cancelled",
                                       [BARUA_TASK_RETRY] = "tried again" };

  g_set_error (error, BARUA_HTTP_ERROR, BARUA_HTTP_ERROR_CONFLICT,
               "a message that is %s cannot be %s", state, verbs[action]);
  return FALSE;
}

/* Whether @body is a login by SMS: its text is masked once it has been sent, and its link may have
 * been used (users.md 10 no. 2), so a new link is made instead. */
static gboolean
is_login (BaruaText body)
{
  return barua_document_is_secret (body);
}

/* Appends the document with one more task: the same message under a new uuid. */
static gboolean
add_again (Call *call, BaruaTx *tx, const BaruaQueuedMessage *message, BaruaText body, GString *out,
           GError **error)
{
  g_auto (BaruaStoreLookup) lookup = { .tx = tx };
  BaruaText from = barua_arena_json_text (
      call->arena, barua_json_member ((BaruaJson){ body.p, body.n }, "from"));
  BaruaNewTask task = { .to = message->to, .message = message->content, .now_ms = call->now_ms };
  g_autoptr (GString) json = g_string_new (NULL);

  if (task.to.n == 0 || task.message.n == 0)
    {
      g_set_error_literal (error, BARUA_HTTP_ERROR, BARUA_HTTP_ERROR_CONFLICT,
                           "a message without recipient or text cannot be sent again");
      return FALSE;
    }
  barua_store_lookup_init (&lookup, barua_tx_reader (tx), tx);
  if (!barua_guard_judge (call->settings, &lookup.lookup, from, task.to, task.message, call->now_ms,
                          &task.state, error))
    return FALSE;
  barua_uuid_new (call->now_ms, call->uuid);
  task.uuid = barua_text (call->uuid);
  task.due_ms = call->now_ms; /* the document's own time may be long ago */
  barua_task_append (json, &task);
  barua_tasks_add (body, (BaruaText){ json->str, json->len }, out);
  return TRUE;
}

/* Appends the document as the action leaves it. */
static gboolean
change_body (Call *call, BaruaTx *tx, const BaruaQueuedMessage *message, BaruaText body,
             GString *out, GError **error)
{
  BaruaTaskChange change = {
    .list = message->path.list,
    .task = message->path.task,
    .state
    = call->action == BARUA_TASK_CANCEL ? BARUA_TASK_STATE_CLEARED : BARUA_TASK_STATE_PENDING,
    .now_ms = call->now_ms,
    .is_decided = TRUE,
  };

  if (call->action == BARUA_TASK_RESEND)
    return add_again (call, tx, message, body, out, error);
  g_strlcpy (call->uuid, message->uuid.p, sizeof call->uuid);
  if (!barua_tasks_apply (body, &change, 1, out))
    g_string_append_len (out, body.p, (gssize)body.n);
  return TRUE;
}

/* Job: looks at the message, then stores its document anew. */
static gboolean
act (BaruaTx *tx, gpointer data, GError **error)
{
  Call *call = data;
  BaruaReader *reader = barua_tx_reader (tx);
  g_autoptr (BaruaQueuedMessage) message
      = barua_reader_find_message (reader, call->message_id, error);

  if (message == NULL)
    return FALSE;
  if (!barua_task_allows (call->action, message->state))
    return refuse (call->action, barua_task_state_name (message->state), error);
  g_autoptr (BaruaDocument) document
      = barua_reader_get_document (reader, NULL, message->document_id, error);
  if (document == NULL)
    return FALSE;
  if (is_login (document->body) && !call->is_admin)
    {
      g_set_error_literal (error, BARUA_HTTP_ERROR, BARUA_HTTP_ERROR_FORBIDDEN,
                           barua_http_error_info (BARUA_HTTP_ERROR_FORBIDDEN)->text);
      return FALSE;
    }
  if (is_login (document->body) && call->action != BARUA_TASK_CANCEL)
    return refuse (call->action, "part of a login link", error);
  g_autoptr (GString) body = g_string_sized_new (document->body.n + 512);
  if (!change_body (call, tx, message, document->body, body, error))
    return FALSE;
  const BaruaEdit edit = { .id = document->id,
                           .rev = document->rev,
                           .body = { body->str, body->len },
                           .is_server_made = TRUE,
                           .is_hidden = document->is_hidden };
  return barua_tx_put_document (tx, &edit, NULL, error);
}

static void
start_action (BaruaRequest *request, BaruaApp *app, BaruaTaskAction action)
{
  Call *call = call_new (app, request);

  call->action = action;
  call->message_id = barua_text (barua_request_param (request, "id"));
  barua_store_write_async (app->store, act, call, call_free, 0, NULL, call_done, call);
}

void
barua_api_message_resend (BaruaRequest *request, gpointer app)
{
  start_action (request, app, BARUA_TASK_RESEND);
}

void
barua_api_message_cancel (BaruaRequest *request, gpointer app)
{
  start_action (request, app, BARUA_TASK_CANCEL);
}

void
barua_api_message_retry (BaruaRequest *request, gpointer app)
{
  start_action (request, app, BARUA_TASK_RETRY);
}
