/* SPDX-License-Identifier: MIT */

/* What aggregators post to us: received messages and delivery reports (messaging.md 7). Their key
 * is all the proof there is; no login is used. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/counters.h"
#include "gateway/api/exchange.h"
#include "gateway/api/failure.h"
#include "gateway/api/handlers.h"
#include "gateway/app.h"
#include "gateway/outbound/adapter.h"
#include "gateway/rules/tasks.h"
#include "gateway/store/store-outbox.h"

#define AFRICAS_TALKING_KEY "africastalking.com:incoming"
#define RAPIDPRO_KEY "rapidpro:incoming"
#define TOKEN_SCHEME "Token "
#define URN_SCHEME "tel:"

/* One post, from the main loop to the writer and back. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  BaruaSettings *settings;
  BaruaArena *arena;
  BaruaIncoming incoming;
  BaruaTaskChange change; /* of a delivery report */
  BaruaText reference;
  gboolean needs_new; /* nothing saved is a failure */
  guint n_saved;
} Post;

static void
post_free (gpointer data)
{
  Post *post = data;

  barua_settings_unref (post->settings);
  barua_arena_free (post->arena);
  barua_request_unref (post->request);
  g_free (post);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Post, post_free)

static Post *
post_new (BaruaRequest *request, BaruaApp *app)
{
  Post *post = g_new0 (Post, 1);

  post->app = app;
  post->request = barua_request_ref (request);
  post->settings = barua_settings_ref (barua_request_settings (request));
  post->arena = barua_arena_new ();
  return post;
}

/* ---- who may ---- */

static gboolean
refuse (BaruaRequest *request, BaruaHttpErrorCode code, const char *message)
{
  barua_request_fail (request, code, message, NULL);
  return FALSE;
}

/* Whether @given is the key of that name, and there is a body; FALSE after an answer. */
static gboolean
check_request (BaruaRequest *request, const BaruaApp *app, const char *name, BaruaText given,
               BaruaBodyKind kind)
{
  if (!barua_credentials_match (app->credentials, name, given))
    return refuse (request, BARUA_HTTP_ERROR_FORBIDDEN, "Incorrect token");
  if (barua_request_body_kind (request) != kind || barua_request_body_length (request) == 0)
    return refuse (request, BARUA_HTTP_ERROR_BAD_REQUEST, "Request body is required");
  return TRUE;
}

static gboolean
check_africas_talking (BaruaRequest *request, const BaruaApp *app)
{
  const char *key = barua_request_query (request, "key");

  if (barua_credentials_get (app->credentials, AFRICAS_TALKING_KEY) == NULL)
    return refuse (request, BARUA_HTTP_ERROR_FORBIDDEN, "No incoming key configured");
  return check_request (request, app, AFRICAS_TALKING_KEY, barua_text (key != NULL ? key : ""),
                        BARUA_BODY_KIND_FORM);
}

static gboolean
check_rapidpro (BaruaRequest *request, const BaruaApp *app)
{
  const char *header = barua_request_header (request, "Authorization");

  if (barua_credentials_get (app->credentials, RAPIDPRO_KEY) == NULL)
    return refuse (request, BARUA_HTTP_ERROR_FORBIDDEN, "No incoming key configured");
  if (header == NULL || !g_str_has_prefix (header, TOKEN_SCHEME))
    return refuse (request, BARUA_HTTP_ERROR_FORBIDDEN, "Missing authorization token");
  return check_request (request, app, RAPIDPRO_KEY, barua_text (header + strlen (TOKEN_SCHEME)),
                        BARUA_BODY_KIND_JSON);
}

/* ---- the answer ---- */

static void
reply_saved (Post *post)
{
  if (post->needs_new && post->n_saved == 0)
    {
      refuse (post->request, BARUA_HTTP_ERROR_BAD_REQUEST, "Message was not saved");
      return;
    }
  GString *json = g_string_new (NULL);
  g_string_printf (json, "{\"saved\":%u}", post->n_saved);
  barua_request_reply_json (post->request, 200, json);
}

/* After the commit. */
static void
post_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Post *post = user_data; /* freed by the store afterwards */
  g_autoptr (GError) error = NULL;

  if (!barua_store_write_finish (post->app->store, result, &error))
    {
      barua_api_fail (post->request, error);
      return;
    }
  if (post->incoming.claims_reference) /* a message, not a delivery report */
    barua_counters_add (post->app->counters, &post->incoming);
  reply_saved (post);
}

static void
submit (Post *post, BaruaJob job)
{
  barua_store_write_async (post->app->store, job, post, post_free,
                           barua_request_body_length (post->request), NULL, post_done, post);
}

/* ---- received messages ---- */

/* Job: stores the message, unless its reference was used before (messaging.md 3.5). */
static gboolean
store_incoming (BaruaTx *tx, gpointer data, GError **error)
{
  Post *post = data;
  BaruaWritten written;

  if (!barua_exchange_store (tx, post->settings, &post->incoming, post->arena, &written, error))
    return FALSE;
  post->n_saved = post->incoming.is_new ? 1 : 0;
  return TRUE;
}

static void
take_incoming (Post *post, BaruaText reference, BaruaText from, BaruaText content)
{
  if (barua_exchange_read (post->settings, reference, from, content, barua_now_ms (), post->arena,
                           &post->incoming))
    {
      submit (post, store_incoming);
      return;
    }
  barua_counters_skip (post->app->counters);
  g_warning ("an incoming message without id, from or text was left out");
  reply_saved (post);
  post_free (post);
}

void
barua_api_africas_talking_incoming (BaruaRequest *request, gpointer app)
{
  if (!check_africas_talking (request, app))
    return;
  take_incoming (post_new (request, app), barua_text (barua_request_form (request, "id")),
                 barua_text (barua_request_form (request, "from")),
                 barua_text (barua_request_form (request, "text")));
}

/* A sender: a number, or the URN that RapidPro has of it. */
static BaruaText
read_sender (BaruaArena *arena, BaruaJson value)
{
  BaruaText from = barua_exchange_text (arena, value);
  const gsize n = strlen (URN_SCHEME);

  if (from.n > n && memcmp (from.p, URN_SCHEME, n) == 0)
    return (BaruaText){ from.p + n, from.n - n };
  return from;
}

void
barua_api_rapidpro_incoming (BaruaRequest *request, gpointer app)
{
  BaruaJson body = barua_request_json (request);

  if (!check_rapidpro (request, app))
    return;
  Post *post = post_new (request, app);
  post->needs_new = TRUE;
  take_incoming (post, barua_exchange_text (post->arena, barua_json_member (body, "id")),
                 read_sender (post->arena, barua_json_member (body, "from")),
                 barua_exchange_text (post->arena, barua_json_member (body, "content")));
}

/* ---- delivery reports ---- */

/* Job: changes every message of the reference. */
static gboolean
store_report (BaruaTx *tx, gpointer data, GError **error)
{
  Post *post = data;
  g_autoptr (GPtrArray) messages = NULL;

  post->n_saved = 0;
  if (!barua_reader_outbox_of_reference (barua_tx_reader (tx), post->reference, &messages, error))
    return FALSE;
  for (guint i = 0; i < messages->len; i++)
    if (!barua_exchange_change (tx, messages->pdata[i], &post->change, error))
      return FALSE;
  post->n_saved = messages->len;
  return TRUE;
}

/* 400 with the words of messaging.md 7. */
static void
refuse_status (BaruaRequest *request, const char *status, const char *id)
{
  g_autofree char *message
      = g_strdup_printf ("Unknown status code: \"%s\", gateway message reference: \"%s\"",
                         status != NULL ? status : "", id != NULL ? id : "");

  refuse (request, BARUA_HTTP_ERROR_BAD_REQUEST, message);
}

/* `failureReason` as a JSON string; only of what failed. */
static BaruaText
read_reason (BaruaRequest *request, BaruaTaskState state, BaruaArena *arena)
{
  const char *reason = barua_request_form (request, "failureReason");
  g_autoptr (GString) json = g_string_new (NULL);

  if (state != BARUA_TASK_STATE_FAILED || reason == NULL || *reason == '\0')
    return (BaruaText){ NULL, 0 };
  barua_json_append_string (json, barua_text (reason));
  return barua_arena_copy (arena, (BaruaText){ json->str, json->len });
}

void
barua_api_africas_talking_report (BaruaRequest *request, gpointer app)
{
  const char *status = barua_request_form (request, "status");
  const char *id = barua_request_form (request, "id");
  BaruaTaskState state;

  if (!check_africas_talking (request, app))
    return;
  if (!barua_africas_talking_report (barua_text (status), &state))
    {
      refuse_status (request, status, id);
      return;
    }
  Post *post = post_new (request, app);
  post->change.state = state;
  post->change.details = read_reason (request, state, post->arena);
  post->change.now_ms = barua_now_ms ();
  post->reference = barua_text (id != NULL ? id : "");
  submit (post, store_report);
}
