/* SPDX-License-Identifier: MIT */

/* /api/v1/records and /api/v2/records: one record at a time (messaging.md 6). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/counters.h"
#include "gateway/api/exchange.h"
#include "gateway/api/failure.h"
#include "gateway/api/handlers.h"
#include "gateway/app.h"

/* One record, from the main loop to the writer and back. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  BaruaSettings *settings;
  BaruaArena *arena;
  BaruaIncoming incoming;
  BaruaWritten written;
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
post_new (BaruaApp *app, BaruaRequest *request)
{
  Post *post = g_new0 (Post, 1);

  post->app = app;
  post->request = barua_request_ref (request);
  post->settings = barua_settings_ref (barua_request_settings (request));
  post->arena = barua_arena_new ();
  post->incoming.input.now_ms = barua_now_ms ();
  return post;
}

/* A sender as typed into a form body: a '+' that was not encoded has become a blank
 * (messaging.md 6.1). */
static BaruaText
read_sender (BaruaArena *arena, const char *from)
{
  BaruaText sender = barua_text (from);

  if (from == NULL || from[0] != ' ' || !g_ascii_isdigit (from[1]))
    return sender;
  sender = barua_arena_copy (arena, sender);
  ((char *)sender.p)[0] = '+';
  return sender;
}

static gboolean
read_form (Post *post, GError **error)
{
  BaruaMessage *input = &post->incoming.input;
  BaruaRequest *request = post->request;
  const char *timestamp = barua_request_form (request, "reported_date");

  input->message = barua_text (barua_request_form (request, "message"));
  input->from = read_sender (post->arena, barua_request_form (request, "from"));
  input->timestamp
      = barua_text (timestamp != NULL ? timestamp : barua_request_form (request, "sent_timestamp"));
  input->locale = barua_text (barua_request_form (request, "locale"));
  input->gateway_ref = barua_text (barua_request_form (request, "gateway_ref"));
  return barua_record_from_message (post->settings, input, post->arena, &post->incoming.record,
                                    error);
}

static gboolean
read_json (Post *post, GError **error)
{
  BaruaMessage *input = &post->incoming.input;
  BaruaJson body = barua_request_json (post->request);

  input->locale = barua_arena_json_text (
      post->arena, barua_json_member (barua_json_member (body, "_meta"), "locale"));
  return barua_record_from_json (post->settings, body, input->query_locale, input->now_ms,
                                 post->arena, &post->incoming.record, error);
}

/* Job: store the record. */
static gboolean
store_record (BaruaTx *tx, gpointer data, GError **error)
{
  Post *post = data;

  return barua_exchange_store (tx, post->settings, &post->incoming, post->arena, &post->written,
                               error);
}

static void
store_record_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Post *post = user_data; /* freed by the store afterwards */
  g_autoptr (GError) error = NULL;

  if (!barua_store_write_finish (post->app->store, result, &error))
    {
      barua_api_fail (post->request, error);
      return;
    }
  barua_counters_add (post->app->counters, &post->incoming);
  GString *json = g_string_new ("{\"success\":true,\"id\":");
  barua_json_append_string (json, barua_text (post->written.id));
  g_string_append_c (json, '}');
  barua_request_reply_json (post->request, 200, json);
}

static void
create (BaruaRequest *request, BaruaApp *app, const char *query_locale)
{
  g_autoptr (Post) post = post_new (app, request);
  BaruaBodyKind kind = barua_request_body_kind (request);
  g_autoptr (GError) error = NULL;

  post->incoming.input.query_locale = barua_text (query_locale);
  if (kind != BARUA_BODY_KIND_FORM && kind != BARUA_BODY_KIND_JSON)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_SERVER, NULL, NULL); /* messaging.md 6.3 */
      return;
    }
  if (!(kind == BARUA_BODY_KIND_FORM ? read_form (post, &error) : read_json (post, &error)))
    {
      barua_api_fail (request, error);
      return;
    }
  gsize bytes = g_bytes_get_size (barua_request_body (request));
  Post *data = g_steal_pointer (&post);
  barua_store_write_hot_async (app->store, store_record, data, post_free, bytes, NULL,
                               store_record_done, data);
}

void
barua_api_records_v1 (BaruaRequest *request, gpointer app)
{
  create (request, app, barua_request_query (request, "locale"));
}

void
barua_api_records_v2 (BaruaRequest *request, gpointer app)
{
  create (request, app, NULL);
}
