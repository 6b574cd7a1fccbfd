/* SPDX-License-Identifier: MIT */

/* Requests to carriers over SoupSession. */

#define G_LOG_DOMAIN "barua-outbound"

#include "gateway/outbound/client.h"

#include <libsoup/soup.h>
#include <string.h>

#define ANSWER_MAX_BYTES (64 * 1024)
#define CONNECTIONS_MAX 4

struct _BaruaOutboundClient
{
  SoupSession *session;
  guint timeout_s;
  GPtrArray *calls; /* under way */
};

/* One request. */
typedef struct
{
  BaruaOutboundClient *client; /* NULL: it has gone, nobody wants to know */
  SoupMessage *message;
  GCancellable *cancellable;
  guint deadline; /* source; 0: past */
  gboolean was_sent;
  GByteArray *body;
  BaruaOutboundFunc func;
  gpointer data;
} Call;

BaruaOutboundClient *
barua_outbound_client_new (guint timeout_s)
{
  BaruaOutboundClient *client = g_new0 (BaruaOutboundClient, 1);

  client->session
      = soup_session_new_with_options ("timeout", timeout_s, "user-agent", "barua/" BARUA_VERSION,
                                       "max-conns", CONNECTIONS_MAX, NULL);
  client->timeout_s = timeout_s;
  client->calls = g_ptr_array_new ();
  return client;
}

void
barua_outbound_client_set_timeout (BaruaOutboundClient *client, guint timeout_s)
{
  client->timeout_s = timeout_s;
  soup_session_set_timeout (client->session, timeout_s);
}

void
barua_outbound_client_free (BaruaOutboundClient *client)
{
  if (client == NULL)
    return;
  for (guint i = 0; i < client->calls->len; i++)
    {
      Call *call = client->calls->pdata[i];
      call->client = NULL;
      g_cancellable_cancel (call->cancellable);
    }
  g_ptr_array_unref (client->calls);
  g_object_unref (client->session);
  g_free (client);
}

static void
call_free (Call *call)
{
  if (call->client != NULL)
    g_ptr_array_remove_fast (call->client->calls, call);
  g_clear_handle_id (&call->deadline, g_source_remove);
  g_signal_handlers_disconnect_by_data (call->message, call);
  g_object_unref (call->message);
  g_object_unref (call->cancellable);
  g_byte_array_unref (call->body);
  g_free (call);
}

/* Seconds of a Retry-After; a date is left to the caller's own patience. */
static guint
retry_after (SoupMessage *message)
{
  const char *value
      = soup_message_headers_get_one (soup_message_get_response_headers (message), "Retry-After");
  guint64 seconds = 0;

  if (value != NULL)
    g_ascii_string_to_unsigned (value, 10, 0, G_MAXINT, &seconds, NULL);
  return (guint)seconds;
}

/* Tells what came; @is_whole: the body was read to its end. */
static void
finish (Call *call, guint status, gboolean is_whole)
{
  BaruaOutboundAnswer answer = { .was_sent = call->was_sent, .status = status };

  if (status != 0)
    answer.retry_after_s = retry_after (call->message);
  if (is_whole && call->body->len > 0)
    barua_json_read ((const char *)call->body->data, (gssize)call->body->len, &answer.body, NULL);
  if (call->client != NULL)
    call->func (&answer, call->data);
  call_free (call);
}

/* GAsyncReadyCallback: a piece of the answer. */
static void
body_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Call *call = user_data;
  GInputStream *stream = G_INPUT_STREAM (source);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) piece = g_input_stream_read_bytes_finish (stream, result, &error);
  const guint status = soup_message_get_status (call->message);

  if (piece == NULL || g_bytes_get_size (piece) == 0)
    {
      finish (call, status, piece != NULL);
      return;
    }
  g_byte_array_append (call->body, g_bytes_get_data (piece, NULL), (guint)g_bytes_get_size (piece));
  if (call->body->len >= ANSWER_MAX_BYTES)
    finish (call, status, FALSE);
  else
    g_input_stream_read_bytes_async (stream, ANSWER_MAX_BYTES - call->body->len, G_PRIORITY_DEFAULT,
                                     call->cancellable, body_read, call);
}

/* GAsyncReadyCallback: the head of the answer, or none. */
static void
head_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Call *call = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GInputStream) stream
      = soup_session_send_finish (SOUP_SESSION (source), result, &error);

  if (stream == NULL)
    {
      /* the reason an operator needs: a name that is not found, a certificate that nobody here trusts */
      g_message ("no answer of %s: %s", g_uri_get_host (soup_message_get_uri (call->message)), error->message);
      finish (call, 0, FALSE);
      return;
    }
  g_input_stream_read_bytes_async (stream, ANSWER_MAX_BYTES, G_PRIORITY_DEFAULT, call->cancellable,
                                   body_read, call);
}

/* SoupMessage::starting: the connection is there, from now on bytes leave. */
static void
starting (SoupMessage *message, gpointer user_data)
{
  ((Call *)user_data)->was_sent = TRUE;
}

/* GSourceFunc: the time is up. */
static gboolean
time_out (gpointer user_data)
{
  Call *call = user_data;

  call->deadline = 0;
  g_cancellable_cancel (call->cancellable);
  return G_SOURCE_REMOVE;
}

/* GSourceFunc: for a URL that is none. */
static gboolean
finish_unsent (gpointer user_data)
{
  Call *call = user_data;

  finish (call, 0, FALSE);
  return G_SOURCE_REMOVE;
}

static void
fill_message (SoupMessage *message, const BaruaOutboundRequest *request)
{
  SoupMessageHeaders *headers = soup_message_get_request_headers (message);

  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT | SOUP_MESSAGE_NEW_CONNECTION);
  soup_message_headers_replace (headers, "Accept", "application/json");
  soup_message_headers_replace (headers, "Connection", "close");
  soup_message_headers_replace (headers, request->header, request->secret);
  if (request->body == NULL)
    return;
  g_autoptr (GBytes) body = g_bytes_new (request->body, strlen (request->body));
  soup_message_set_request_body_from_bytes (message, request->content_type, body);
}

void
barua_outbound_client_send (BaruaOutboundClient *client, const BaruaOutboundRequest *request,
                            BaruaOutboundFunc func, gpointer data)
{
  SoupMessage *message = soup_message_new (request->method, request->url);
  gboolean is_url = message != NULL;
  Call *call = g_new0 (Call, 1);

  call->client = client;
  call->message = is_url ? message : soup_message_new (request->method, "http://localhost/");
  call->cancellable = g_cancellable_new ();
  call->body = g_byte_array_new ();
  call->func = func;
  call->data = data;
  g_ptr_array_add (client->calls, call);
  if (!is_url)
    {
      g_idle_add (finish_unsent, call);
      return;
    }
  fill_message (call->message, request);
  g_signal_connect (call->message, "starting", G_CALLBACK (starting), call);
  call->deadline = g_timeout_add_seconds (client->timeout_s, time_out, call);
  soup_session_send_async (client->session, call->message, G_PRIORITY_DEFAULT, call->cancellable,
                           head_read, call);
}
