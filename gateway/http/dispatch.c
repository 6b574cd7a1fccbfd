/* SPDX-License-Identifier: MIT */

/*
 * The way of a request from its header to its handler, in the order of spec/messaging.md 1.1: size,
 * decoding and parsing, content type, credentials, permission, handler.
 */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/request-private.h"

#include <string.h>

/* Without accepted credentials no more of a body is read (spec/messaging.md 1.1). */
#define MAX_ANONYMOUS_BYTES (1024u * 1024u)
/* A body that nobody wants is read up to here, so that the connection can go on. */
#define MAX_DISCARDED_BYTES (64u * 1024u)
/* Longer bodies are decoded on a worker, and compressed ones from far less on: they grow. */
#define MAX_INLINE_BYTES (256u * 1024u)
#define MAX_INLINE_COMPRESSED_BYTES 1024u

/* What offline users read, whatever they accept (users.md 1.1). */
#define OFFLINE                                                                                    \
  "{\"code\":403,\"error\":\"forbidden\","                                                          \
  "\"details\":\"Offline users are not allowed access to this endpoint\"}"

static void identify_body_sender (BaruaRequest *request);

/* Who is it? A session first, then Basic: a rejected cookie does no harm to good credentials
 * (users.md 2.1). */

/* Asks with Basic credentials; @error: why the session was no good. Takes the reference. */
static void
find_basic_sender (BaruaRequest *request, const GError *error)
{
  BaruaAuth *auth = request->server->auth;
  const char *authorization = barua_request_header_one (request, "Authorization");
  const char *user_agent = barua_request_user_agent (request);

  if (authorization == NULL)
    {
      request->identity_done (NULL, error, request);
      return;
    }
  g_autoptr (BaruaUser) known = barua_auth_cached (auth, authorization, user_agent);
  if (known != NULL)
    request->identity_done (known, NULL, request);
  else
    barua_auth_check (auth, authorization, user_agent, barua_request_address (request),
                      request->identity_done, request);
}

/* BaruaAuthDone: the verdict about a session cookie. */
static void
session_checked (BaruaUser *user, const GError *error, gpointer data)
{
  BaruaRequest *request = data;

  if (user != NULL || error->code != BARUA_HTTP_ERROR_UNAUTHORIZED)
    request->identity_done (user, error, request);
  else
    find_basic_sender (request, NULL);
}

/* Calls @done, maybe before it returns, with the sender or with why there is none: no error means
 * no credentials, or a session that is over. The data of @done is a reference to the request. */
static void
find_sender (BaruaRequest *request, BaruaAuthDone done)
{
  const BaruaRoute *route = request->match.route;
  const char *session = barua_request_session (request);

  request->identity_done = done;
  barua_request_ref (request);
  if (route != NULL && (route->flags & BARUA_ROUTE_ANONYMOUS))
    done (NULL, NULL, request);
  else if (session != NULL)
    barua_auth_check_session (request->server->auth, session, session_checked, request);
  else
    find_basic_sender (request, NULL);
}

/* Refusing while the body still comes. */

static void
append_header (const char *name, const char *value, gpointer data)
{
  g_string_append_printf (data, "%s: %s\r\n", name, value);
}

/*
 * libsoup would send the answer after the whole body. Writes it past libsoup, closes our half, and
 * lets libsoup read on for a moment: closing at once would reset the connection before the client
 * has read the answer.
 */
static void
answer_past_libsoup (BaruaRequest *request)
{
  SoupServerMessage *message = request->message;
  BaruaWire *wire = request->connection->wire;
  GPollableOutputStream *out
      = G_POLLABLE_OUTPUT_STREAM (g_io_stream_get_output_stream (G_IO_STREAM (wire)));
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GBytes) body
      = soup_message_body_flatten (soup_server_message_get_response_body (message));

  g_string_append_printf (text, "HTTP/1.1 %u %s\r\n", request->status,
                          soup_status_get_phrase (request->status));
  soup_message_headers_foreach (soup_server_message_get_response_headers (message), append_header,
                                text);
  g_string_append_printf (text, "Content-Length: %" G_GSIZE_FORMAT "\r\nConnection: close\r\n\r\n",
                          g_bytes_get_size (body));
  g_string_append_len (text, g_bytes_get_data (body, NULL), (gssize)g_bytes_get_size (body));
  g_pollable_output_stream_write_nonblocking (out, text->str, text->len, NULL, NULL);
  barua_wire_end_output (wire);
  request->is_draining = TRUE;
  barua_connection_enter (request->connection, BARUA_CONNECTION_DRAINING);
}

/* Whether the rest of the body is known to be small, so that reading it is cheaper than a new
 * connection. */
static gboolean
is_rest_small (BaruaRequest *request)
{
  return request->is_announced && request->announced <= request->received + MAX_DISCARDED_BYTES;
}

/* To be called after an answer was set before the whole body was there. */
static void
stop_reading (BaruaRequest *request)
{
  gboolean expects_continue = soup_message_headers_get_expectations (
                                  soup_server_message_get_request_headers (request->message))
                              & SOUP_EXPECTATION_CONTINUE;

  barua_buffer_clear (&request->buffer);
  g_clear_pointer (&request->spool, barua_spool_free);
  request->is_discarded = TRUE;
  if (is_rest_small (request) || (expects_continue && request->received == 0))
    return;
  answer_past_libsoup (request);
}

/* (nullable): the name of the attachment that comes: the last parameter of its route. */
static const char *
attachment_name (BaruaRequest *request)
{
  guint n = request->match.n_params;

  return n > 0 ? request->match.values[n - 1] : NULL;
}

static void
refuse_body (BaruaRequest *request, const GError *error)
{
  gboolean is_attachment = error->code == BARUA_HTTP_ERROR_ATTACHMENT_TOO_LARGE;

  if (request->is_replied)
    return;
  barua_request_fail (request, (BaruaHttpErrorCode)error->code,
                      is_attachment ? attachment_name (request) : NULL, NULL);
  stop_reading (request);
}

static void
refuse_body_as (BaruaRequest *request, BaruaHttpErrorCode code)
{
  g_autoptr (GError) error
      = g_error_new_literal (BARUA_HTTP_ERROR, code, barua_http_error_info (code)->text);

  refuse_body (request, error);
}

/* The error for more bytes than the route takes. */
static BaruaHttpErrorCode
too_large (BaruaRequest *request)
{
  return request->spool != NULL ? BARUA_HTTP_ERROR_ATTACHMENT_TOO_LARGE
                                : BARUA_HTTP_ERROR_PAYLOAD_TOO_LARGE;
}

/* Receiving. */

/* Bytes of the body that are kept. */
static guint64
kept_bytes (BaruaRequest *request)
{
  return request->spool != NULL ? barua_spool_length (request->spool) : request->buffer.length;
}

static gboolean
keep_chunk (BaruaRequest *request, gconstpointer bytes, gsize length, GError **error)
{
  return request->spool != NULL ? barua_spool_append (request->spool, bytes, length, error)
                                : barua_buffer_append (&request->buffer, bytes, length, error);
}

/* Whether this route may take more of the body than anonymous senders are allowed; nothing of
 * theirs is written to files. */
static gboolean
needs_identity (BaruaRequest *request, guint64 length)
{
  guint64 max = request->spool != NULL ? BARUA_SPOOL_MEMORY_BYTES : MAX_ANONYMOUS_BYTES;

  return length > max && request->user == NULL && !request->is_discarded;
}

static void
got_chunk (SoupServerMessage *message, GBytes *chunk, gpointer data)
{
  BaruaRequest *request = data;
  g_autoptr (GError) error = NULL;
  gsize length;
  gconstpointer bytes = g_bytes_get_data (chunk, &length);

  if (request->is_finished)
    return;
  request->received += length;
  request->connection->received = request->received;
  if (request->is_draining)
    {
      if (request->received > request->max_body_bytes + BARUA_MAX_DRAINED_BYTES)
        barua_connection_reset (request->connection);
      return;
    }
  if (request->is_discarded && request->received > request->max_body_bytes)
    refuse_body_as (request, BARUA_HTTP_ERROR_PAYLOAD_TOO_LARGE);
  if (request->is_discarded)
    return;
  if (!keep_chunk (request, bytes, length, &error))
    refuse_body (request, error);
  else if (needs_identity (request, kept_bytes (request)))
    identify_body_sender (request);
}

/* The verdict about the sender of a large body. */
static void
body_sender_known (BaruaUser *user, const GError *error, gpointer data)
{
  g_autoptr (BaruaRequest) request = data;

  if (request->is_finished)
    return;
  if (user != NULL)
    request->user = barua_user_ref (user);
  else if (error != NULL)
    refuse_body (request, error);
  else
    refuse_body_as (request, BARUA_HTTP_ERROR_UNAUTHORIZED);
  barua_connection_enter (request->connection, request->is_draining ? BARUA_CONNECTION_DRAINING
                                                                    : BARUA_CONNECTION_READING);
  barua_request_unpause (request);
}

/* A large body goes on only once its sender is known. */
static void
identify_body_sender (BaruaRequest *request)
{
  barua_request_pause (request);
  barua_connection_enter (request->connection, BARUA_CONNECTION_HANDLING);
  find_sender (request, body_sender_known);
}

/*
 * Reads the announced length. One Content-Length of digits, or chunked, but not both: what two
 * servers could read differently is refused.
 */
static gboolean
read_announced (BaruaRequest *request, SoupMessageHeaders *headers)
{
  const char *length = soup_message_headers_get_list (headers, "Content-Length");
  const char *encoding = soup_message_headers_get_list (headers, "Transfer-Encoding");

  if (length == NULL)
    return TRUE;
  request->is_announced = TRUE;
  request->announced = g_ascii_strtoull (length, NULL, 10);
  return encoding == NULL && *length != '\0' && length[strspn (length, "0123456789")] == '\0';
}

/* How much of a body this request may have, and whether anybody wants it. */
static void
choose_limit (BaruaRequest *request)
{
  const BaruaRoute *route = request->match.route;
  gsize max = request->server->options.max_body_bytes;

  request->is_discarded = route == NULL || route->body == BARUA_BODY_NONE;
  if (request->is_discarded)
    max = MAX_DISCARDED_BYTES;
  else if (route->max_body_bytes > 0)
    max = route->max_body_bytes;
  if (!request->is_discarded && route->permissions == NULL)
    max = MIN (max, MAX_ANONYMOUS_BYTES);
  request->max_body_bytes = max;
}

/* A coding that nobody knows is told after the body, like other errors of bodies. */
static void
make_spool (BaruaRequest *request)
{
  request->spool
      = barua_spool_new (request->server->options.spool_directory, request->max_body_bytes,
                         barua_request_header (request, "Content-Encoding"),
                         &request->server->budget, &request->body_error);
  request->is_discarded = request->spool == NULL;
}

static void
expect_body (BaruaRequest *request)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (request->message);

  choose_limit (request);
  soup_message_body_set_accumulate (soup_server_message_get_request_body (request->message), FALSE);
  g_signal_connect (request->message, "got-chunk", G_CALLBACK (got_chunk), request);
  barua_buffer_init (&request->buffer, request->max_body_bytes, &request->server->budget);
  if (!request->is_discarded && request->match.route->body == BARUA_BODY_SPOOL)
    make_spool (request);
  if (!read_announced (request, headers))
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, NULL, NULL);
      answer_past_libsoup (request);
    }
  else if (request->announced > request->max_body_bytes)
    refuse_body_as (request, too_large (request));
  else if (needs_identity (request, request->announced))
    identify_body_sender (request);
}

void
barua_dispatch_headers (BaruaRequest *request)
{
  BaruaServer *server = request->server;
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (request->message);

  request->is_bad = !barua_router_match (server->router, request->method,
                                         barua_request_path (request), &request->match);
  if (server->app.settings_ref != NULL)
    request->settings = server->app.settings_ref (server->app.app);
  request->has_body = soup_message_headers_get_encoding (headers) != SOUP_ENCODING_NONE;
  request->connection->received = 0;
  barua_connection_enter (request->connection, BARUA_CONNECTION_READING);
  if (request->has_body)
    expect_body (request);
}

gboolean
barua_dispatch_take_body (BaruaRequest *request, const char *bytes, gsize n)
{
  BaruaServer *server = request->server;
  g_autoptr (GError) error = NULL;

  request->method = request->match.route->method;
  if (server->app.settings_ref != NULL)
    request->settings = server->app.settings_ref (server->app.app);
  request->announced = request->received = n;
  request->is_announced = TRUE;
  choose_limit (request);
  if (n == 0 || request->is_discarded)
    return TRUE;
  barua_buffer_init (&request->buffer, request->max_body_bytes, &server->budget);
  if (barua_buffer_append (&request->buffer, bytes, n, &error))
    return TRUE;
  barua_request_fail (request, (BaruaHttpErrorCode)error->code, NULL, NULL);
  return FALSE;
}

/* After the body. */

/* The errors of a body, in the words of the route. */
static gboolean
fail_for_body (BaruaRequest *request)
{
  BaruaHttpErrorCode code;

  if (request->body_error == NULL)
    return FALSE;
  code = (BaruaHttpErrorCode)request->body_error->code;
  gboolean is_json = code == BARUA_HTTP_ERROR_JSON;
  if (is_json && request->match.flags & BARUA_ROUTE_JSON_LENIENT)
    return FALSE;
  if (is_json && request->match.flags & BARUA_ROUTE_JSON_POSITION)
    {
      g_autofree char *text = g_strconcat ("invalid JSON: ", request->body_error->message, NULL);
      barua_request_fail (request, code, text, NULL);
    }
  else
    barua_request_fail (request, is_json ? BARUA_HTTP_ERROR_BODY : code,
                        request->spool != NULL ? request->body_error->message : NULL, NULL);
  return TRUE;
}

/* The Content-Type rule of the route; documents: a POST of another explicit type is refused. */
static gboolean
fail_for_type (BaruaRequest *request)
{
  const char *type = barua_request_header_one (request, "Content-Type");
  gboolean is_document = barua_request_dialect (request) != BARUA_DIALECT_API;
  gboolean is_strict = request->match.flags & BARUA_ROUTE_JSON_STRICT;
  gboolean is_post = is_document && type != NULL && request->match.route->body == BARUA_BODY_JSON
                     && strcmp (request->method, "POST") == 0;

  if ((!is_strict && !is_post) || barua_media_type_is (type, "application/json"))
    return FALSE;
  barua_request_fail (request, BARUA_HTTP_ERROR_CONTENT_TYPE, NULL, NULL);
  return TRUE;
}

/* Whether the sender has one of the permissions in `a|b`. */
static gboolean
has_one_of (BaruaRequest *request, const char *permissions)
{
  if (strchr (permissions, '|') == NULL)
    return barua_request_may (request, permissions);
  g_auto (GStrv) some = g_strsplit (permissions, "|", -1);
  for (guint i = 0; some[i] != NULL; i++)
    if (barua_request_may (request, some[i]))
      return TRUE;
  return FALSE;
}

static gboolean
has_permissions (BaruaRequest *request)
{
  const char *permissions = request->match.route->permissions;

  if (permissions == NULL || *permissions == '\0' || request->user->is_admin)
    return TRUE;
  if (strchr (permissions, ' ') == NULL)
    return has_one_of (request, permissions);
  g_auto (GStrv) all = g_strsplit (permissions, " ", -1);
  for (guint i = 0; all[i] != NULL; i++)
    if (*all[i] != '\0' && !has_one_of (request, all[i]))
      return FALSE;
  return TRUE;
}

/* Answers an offline user where only online ones are served; which they are not on public routes. */
static gboolean
fail_for_offline (BaruaRequest *request)
{
  const BaruaRouteFlags flags = request->match.flags;

  if (!(flags & (BARUA_ROUTE_ONLINE | BARUA_ROUTE_ONLINE_DETAILS))
      || barua_request_is_online (request))
    return FALSE;
  if (flags & BARUA_ROUTE_ONLINE_DETAILS)
    barua_request_reply_static_json (request, 403, OFFLINE);
  else
    barua_request_fail (request, BARUA_HTTP_ERROR_FORBIDDEN, NULL, NULL);
  return TRUE;
}

/* Whether the browser sent this change with its cookie, but no page of ours made it do so (users.md
 * 10 no. 12). */
static gboolean
is_forged (BaruaRequest *request)
{
  return request->user != NULL && request->user->is_cookie && strcmp (request->method, "GET") != 0
         && (request->match.flags & BARUA_ROUTE_ANY_ORIGIN) == 0
         && barua_request_is_foreign (request);
}

/* Whether this is what the forms of any site can send: with a cookie, a body must be JSON (users.md
 * 10 no. 12). */
static gboolean
is_form_of_cookie (BaruaRequest *request)
{
  return request->user != NULL && request->user->is_cookie
         && request->decoded.kind == BARUA_BODY_KIND_FORM
         && (request->match.flags & BARUA_ROUTE_FORM) == 0;
}

/* The sender is known (or the route is public): permission, the rest of the checks of documents,
 * the handler. */
static void
go_on_identified (BaruaRequest *request)
{
  const BaruaRoute *route = request->match.route;

  if (is_forged (request))
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_FORBIDDEN, "Origin does not match the host",
                          NULL);
      return;
    }
  if (is_form_of_cookie (request))
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_CONTENT_TYPE, NULL, NULL);
      return;
    }
  if (fail_for_offline (request))
    return;
  if (!has_permissions (request))
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_FORBIDDEN, NULL, NULL);
      return;
    }
  if (barua_request_dialect (request) != BARUA_DIALECT_API
      && (fail_for_type (request) || fail_for_body (request)))
    return;
  route->handler (request, request->server->app.app);
}

/* Answers a request whose credentials are missing or no good. */
static void
fail_for_identity (BaruaRequest *request, const GError *error)
{
  BaruaHttpErrorCode code
      = error != NULL ? (BaruaHttpErrorCode)error->code : BARUA_HTTP_ERROR_UNAUTHORIZED;
  gboolean is_document = barua_request_dialect (request) != BARUA_DIALECT_API;
  gboolean is_wrong = error != NULL && code == BARUA_HTTP_ERROR_UNAUTHORIZED;

  barua_request_fail (request, code,
                      is_document && is_wrong ? "Name or password is incorrect." : NULL, NULL);
}

static void
identified (BaruaUser *user, const GError *error, gpointer data)
{
  g_autoptr (BaruaRequest) request = data;

  if (user != NULL)
    request->user = barua_user_ref (user);
  if (request->is_finished)
    return;
  if (user == NULL && request->match.route->permissions != NULL)
    fail_for_identity (request, error);
  else
    go_on_identified (request);
}

static void
identify (BaruaRequest *request)
{
  if (request->user != NULL)
    go_on_identified (request);
  else
    find_sender (request, identified);
}

/* The body is understood, or known not to be. */
static void
go_on_decoded (BaruaRequest *request)
{
  const BaruaRoute *route = request->match.route;
  gboolean is_api = barua_request_dialect (request) == BARUA_DIALECT_API;

  if (request->is_finished)
    return;
  if (is_api && (fail_for_body (request) || fail_for_type (request)))
    return;
  if (route->before_auth != NULL)
    route->before_auth (request, request->server->app.app);
  if (!request->is_replied)
    identify (request);
}

/* Decoding. */

static BaruaBodyTypes
body_types (BaruaRequest *request)
{
  return (BaruaBodyTypes){
    .content_type = barua_request_header_one (request, "Content-Type"),
    .content_encoding = barua_request_header (request, "Content-Encoding"),
    .wanted = request->match.route->body,
    .is_document = barua_request_dialect (request) != BARUA_DIALECT_API,
    .is_put = strcmp (request->method, "PUT") == 0,
  };
}

/* What a worker gets: nothing that the main thread uses meanwhile. */
typedef struct
{
  BaruaBuffer buffer;
  BaruaBodyTypes types;
  BaruaDecoded decoded;
  GError *error;
} DecodeWork;

static void
decode_work_free (DecodeWork *work)
{
  barua_buffer_clear (&work->buffer);
  barua_decoded_clear (&work->decoded);
  g_clear_error (&work->error);
  g_free (work);
}

static void
decode_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  DecodeWork *work = data;

  barua_body_decode (&work->buffer, &work->types, &work->decoded, &work->error);
  g_task_return_boolean (task, TRUE);
}

static void
decoded (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BaruaRequest) request = data;
  DecodeWork *work = g_task_get_task_data (G_TASK (result));

  request->decoded = work->decoded;
  request->body_error = g_steal_pointer (&work->error);
  work->decoded = (BaruaDecoded){ 0 };
  go_on_decoded (request);
}

static void
decode_on_worker (BaruaRequest *request, const BaruaBodyTypes *types)
{
  DecodeWork *work = g_new0 (DecodeWork, 1);
  g_autoptr (GTask) task = g_task_new (NULL, NULL, decoded, barua_request_ref (request));

  work->buffer = request->buffer;
  work->types = *types;
  barua_buffer_init (&request->buffer, 0, &request->server->budget);
  g_task_set_task_data (task, work, (GDestroyNotify)decode_work_free);
  g_task_run_in_thread (task, decode_in_thread);
}

/* The body of an attachment is complete. */
static void
finish_spool (BaruaRequest *request)
{
  BaruaDecoded *decoded = &request->decoded;

  if (request->spool == NULL || !barua_spool_finish (request->spool, &request->body_error))
    return;
  decoded->kind = barua_spool_fd (request->spool) >= 0 ? BARUA_BODY_KIND_FILE : BARUA_BODY_KIND_RAW;
  if (decoded->kind == BARUA_BODY_KIND_RAW)
    barua_decoded_take (decoded, barua_spool_buffer (request->spool));
}

static void
decode (BaruaRequest *request)
{
  if (request->match.route->body == BARUA_BODY_NONE
      || request->match.route->body == BARUA_BODY_SPOOL)
    {
      finish_spool (request);
      go_on_decoded (request);
      return;
    }
  BaruaBodyTypes types = body_types (request);
  gsize limit = types.content_encoding != NULL ? MAX_INLINE_COMPRESSED_BYTES : MAX_INLINE_BYTES;
  if (request->buffer.length > limit)
    {
      decode_on_worker (request, &types);
      return;
    }
  if (request->buffer.budget == NULL)
    barua_buffer_init (&request->buffer, request->max_body_bytes, &request->server->budget);
  barua_body_decode (&request->buffer, &types, &request->decoded, &request->body_error);
  go_on_decoded (request);
}

/* Answers for a path or a method that no route has. */
static void
fail_for_route (BaruaRequest *request)
{
  const char *allow = request->match.allow;

  if (request->is_bad)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, NULL, NULL);
      return;
    }
  if (allow == NULL)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_NOT_FOUND, NULL, NULL);
      return;
    }
  barua_request_add_header (request, "Allow", allow);
  if (strcmp (request->method, "OPTIONS") == 0)
    {
      barua_request_reply (request, 200, NULL, NULL); /* after a 204 libsoup 3.2 ends the connection */
      return;
    }
  if (barua_request_dialect (request) == BARUA_DIALECT_API)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_METHOD_NOT_ALLOWED, NULL, NULL);
      return;
    }
  g_auto (GStrv) methods = g_strsplit (allow, ", ", -1);
  g_autofree char *list = g_strjoinv (",", methods);
  g_autofree char *reason = g_strdup_printf ("Only %s allowed", list);
  barua_request_fail (request, BARUA_HTTP_ERROR_METHOD_NOT_ALLOWED, reason, NULL);
}

void
barua_dispatch_body (BaruaRequest *request)
{
  if (request->is_replied)
    return;
  barua_connection_enter (request->connection, BARUA_CONNECTION_HANDLING);
  if (request->match.route == NULL)
    fail_for_route (request);
  else
    decode (request);
  if (!request->is_sent)
    barua_request_pause (request);
}
