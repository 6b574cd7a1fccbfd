/* SPDX-License-Identifier: MIT */

/* The answer to a request: headers, compression, errors in the form the client reads. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/lane.h"
#include "gateway/http/request-private.h"

#include <string.h>

/* Shorter bodies are not worth compressing (spec/messaging.md 1.5). */
#define GZIP_MIN_BYTES 1024u
/* Longer ones are compressed on a worker. */
#define GZIP_MAX_INLINE_BYTES (64u * 1024u)

/* spec/messaging.md 1.3 and settings-and-forms.md 0.1 */
#define API_REALM "Basic realm=\"Medic Mobile Web Services\""
#define DOCUMENT_REALM "Basic realm=\"barua\""
#define NOT_LOGGED_IN "not logged in"

static SoupMessageHeaders *
response_headers (BaruaRequest *request)
{
  return soup_server_message_get_response_headers (request->message);
}

const char *
barua_reply_phrase (guint status)
{
  return status == 431 ? barua_http_error_info (BARUA_HTTP_ERROR_HEAD_TOO_LARGE)->text
                       : soup_status_get_phrase (status);
}

void
barua_reply_append_header (BaruaRequest *request, const char *name, const char *value)
{
  if (request->message != NULL)
    {
      soup_message_headers_append (response_headers (request), name, value);
      return;
    }
  g_string_append (request->reply_head, name);
  g_string_append (request->reply_head, ": ");
  g_string_append (request->reply_head, value);
  g_string_append (request->reply_head, "\r\n");
}

/* Whether a handler has encoded the body itself. */
static gboolean
is_encoded (BaruaRequest *request)
{
  if (request->message == NULL)
    return strstr (request->reply_head->str, "Content-Encoding: ") != NULL;
  return soup_message_headers_get_one (response_headers (request), "Content-Encoding") != NULL;
}

void
barua_request_add_header (BaruaRequest *request, const char *name, const char *value)
{
  g_return_if_fail (!request->is_sent);

  if (request->is_finished || strpbrk (value, "\r\n") != NULL)
    return;
  barua_reply_append_header (request, name, value);
}

void
barua_reply_say_close (BaruaRequest *request)
{
  SoupMessageHeaders *asked = soup_server_message_get_request_headers (request->message);

  if (request->server->is_stopping
      || soup_message_headers_header_contains (asked, "Connection", "close"))
    soup_message_headers_replace (response_headers (request), "Connection", "close");
}

/* Hands the answer to libsoup; @body: (transfer full). */
static void
send_now (BaruaRequest *request, GBytes *body)
{
  g_autoptr (GBytes) owned = body;

  request->is_sent = TRUE;
  if (request->is_finished)
    return;
  if (owned != NULL)
    request->reply_bytes = g_bytes_get_size (owned);
  if (request->message == NULL)
    {
      barua_lane_send (request, owned);
      return;
    }
  if (owned != NULL)
    soup_message_body_append_bytes (soup_server_message_get_response_body (request->message),
                                    owned);
  barua_reply_say_close (request);
  soup_server_message_set_status (request->message, request->status, NULL);
  if (request->connection->state == BARUA_CONNECTION_HANDLING)
    barua_connection_enter (request->connection, BARUA_CONNECTION_WRITING);
  barua_request_unpause (request);
}

/* Whether one of the codings means gzip. */
static gboolean
names_gzip (GSList *codings, gboolean any_counts)
{
  for (GSList *link = codings; link != NULL; link = link->next)
    if (g_ascii_strcasecmp (link->data, "gzip") == 0
        || g_ascii_strcasecmp (link->data, "x-gzip") == 0
        || (any_counts && strcmp (link->data, "*") == 0))
      return TRUE;
  return FALSE;
}

/* Named, or anything, with a quality above 0 (RFC 9110, 12.5.3). */
gboolean
barua_request_takes_gzip (BaruaRequest *request)
{
  const char *accept = barua_request_header (request, "Accept-Encoding");
  GSList *refused = NULL;

  if (accept == NULL)
    return FALSE;
  GSList *taken = soup_header_parse_quality_list (accept, &refused);
  gboolean takes = names_gzip (taken, TRUE) && !names_gzip (refused, FALSE);
  soup_header_free_list (taken);
  soup_header_free_list (refused);
  return takes;
}

/* (transfer full): the body as gzip, or itself when that is not shorter. Any thread. */
static GBytes *
compress (GBytes *body)
{
  gsize length, n_read = 0, n_written = 0;
  gconstpointer data = g_bytes_get_data (body, &length);
  g_autofree guint8 *out = g_malloc (length);
  g_autoptr (GConverter) gzip
      = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, -1));
  GConverterResult result = g_converter_convert (
      gzip, data, length, out, length, G_CONVERTER_INPUT_AT_END, &n_read, &n_written, NULL);

  if (result != G_CONVERTER_FINISHED)
    return g_bytes_ref (body);
  out = g_realloc (out, n_written);
  return g_bytes_new_take (g_steal_pointer (&out), n_written);
}

/* Sends what compress() made of the body. */
static void
send_compressed (BaruaRequest *request, GBytes *plain, GBytes *body)
{
  if (body != plain && !request->is_finished)
    barua_reply_append_header (request, "Content-Encoding", "gzip");
  send_now (request, body);
}

static void
compress_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_task_return_pointer (task, compress (data), (GDestroyNotify)g_bytes_unref);
}

static void
compressed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BaruaRequest) request = data;
  GBytes *body = g_task_propagate_pointer (G_TASK (result), NULL);

  send_compressed (request, request->reply_body, body);
}

/* Compresses a body that the client wants compressed, at once or on a worker, and sends it. */
static void
compress_and_send (BaruaRequest *request, GBytes *body)
{
  request->reply_body = body;
  if (g_bytes_get_size (body) <= GZIP_MAX_INLINE_BYTES)
    {
      send_compressed (request, body, compress (body));
      return;
    }
  g_autoptr (GTask) task = g_task_new (NULL, NULL, compressed, barua_request_ref (request));
  g_task_set_task_data (task, g_bytes_ref (body), (GDestroyNotify)g_bytes_unref);
  g_task_run_in_thread (task, compress_in_thread);
}

void
barua_request_reply (BaruaRequest *request, guint status, const char *content_type, GBytes *body)
{
  g_autoptr (GBytes) owned = body;
  g_return_if_fail (!request->is_replied);

  request->is_replied = TRUE;
  request->status = status;
  if (request->is_finished)
    {
      request->is_sent = TRUE;
      return;
    }
  barua_reply_append_header (request, "X-Content-Type-Options", "nosniff");
  if (status == 401) /* every one: settings-and-forms.md 0.1 */
    barua_reply_append_header (request, "logout-authorization", "CHT-Core API");
  if (content_type == NULL || owned == NULL)
    {
      send_now (request, NULL);
      return;
    }
  barua_reply_append_header (request, "Content-Type", content_type);
  if (g_bytes_get_size (owned) < GZIP_MIN_BYTES)
    {
      send_now (request, g_steal_pointer (&owned));
      return;
    }
  barua_reply_append_header (request, "Vary", "Accept-Encoding");
  if (barua_request_takes_gzip (request) && !is_encoded (request))
    compress_and_send (request, g_steal_pointer (&owned));
  else
    send_now (request, g_steal_pointer (&owned));
}

void
barua_request_reply_text (BaruaRequest *request, guint status, const char *text)
{
  barua_request_reply (request, status, "text/plain", g_bytes_new (text, strlen (text)));
}

static const char *
json_type (BaruaRequest *request)
{
  return barua_request_dialect (request) == BARUA_DIALECT_API ? "application/json; charset=utf-8"
                                                              : "application/json";
}

void
barua_request_reply_json (BaruaRequest *request, guint status, GString *json)
{
  gboolean ends_line = barua_request_dialect (request) != BARUA_DIALECT_API;

  if (ends_line && (json->len == 0 || json->str[json->len - 1] != '\n'))
    g_string_append_c (json, '\n');
  barua_request_reply (request, status, json_type (request), g_string_free_to_bytes (json));
}

void
barua_request_reply_static_json (BaruaRequest *request, guint status, const char *json)
{
  if (barua_request_dialect (request) != BARUA_DIALECT_API)
    {
      barua_request_reply_json (request, status, g_string_new (json));
      return;
    }
  barua_request_reply (request, status, json_type (request),
                       g_bytes_new_static (json, strlen (json)));
}

static gboolean
wants_json (BaruaRequest *request)
{
  BaruaRouteFlags flags = request->match.flags;

  if (flags & BARUA_ROUTE_JSON_ERRORS || barua_request_dialect (request) != BARUA_DIALECT_API)
    return TRUE;
  return barua_http_wants_json (barua_request_header (request, "Accept"));
}

/* Sends people to the login page. */
static void
redirect_to_login (BaruaRequest *request)
{
  g_autofree char *target = barua_percent_encode (barua_request_target (request));
  g_autofree char *location = g_strconcat ("/medic/login?redirect=", target, NULL);
  g_autofree char *text = g_strconcat ("Found. Redirecting to ", location, NULL);

  barua_request_add_header (request, "Location", location);
  barua_request_reply_text (request, 302, text);
}

/*
 * Answers 401 in one of the API's forms (spec/messaging.md 1.3, settings-and-forms.md 0.1); FALSE
 * when the common JSON body is the one to send.
 */
static gboolean
reply_unauthorized (BaruaRequest *request)
{
  BaruaRouteFlags flags = request->match.flags;
  gboolean is_read = strcmp (request->method, "GET") == 0;
  gboolean may_redirect = is_read && (flags & (BARUA_ROUTE_PROMPT | BARUA_ROUTE_NO_REDIRECT)) == 0;
  gboolean is_json = (flags & BARUA_ROUTE_PROMPT) == 0 && wants_json (request);

  if (!is_json && may_redirect && barua_http_is_human (barua_request_user_agent (request)))
    {
      redirect_to_login (request);
      return TRUE;
    }
  if (is_json)
    return FALSE;
  barua_request_add_header (request, "WWW-Authenticate", API_REALM);
  barua_request_reply_text (request, 401, NOT_LOGGED_IN);
  return TRUE;
}

/* What the document dialects add to a 401: a prompt for those who have no session. */
static void
add_document_prompt (BaruaRequest *request)
{
  if (barua_request_header (request, "Cookie") == NULL)
    barua_request_add_header (request, "WWW-Authenticate", DOCUMENT_REALM);
}

/* Whether this answer has the one member `error`. */
static gboolean
is_bare (BaruaRequest *request, const BaruaHttpErrorInfo *info)
{
  return request->match.flags & BARUA_ROUTE_BARE_ERRORS
         && (info->status == 400 || info->status == 403);
}

/* Every error ends here. */
static void
fail (BaruaRequest *request, BaruaHttpErrorCode code, const char *message, const char *error_json,
      const char *details_json)
{
  const BaruaHttpErrorInfo *info = barua_http_error_info (code);
  BaruaHttpDialect dialect = barua_request_dialect (request);
  BaruaRouteFlags flags = request->match.flags;
  gboolean is_api = dialect == BARUA_DIALECT_API;

  if (code == BARUA_HTTP_ERROR_UNAUTHORIZED && is_api && reply_unauthorized (request))
    return;
  if (code == BARUA_HTTP_ERROR_UNAUTHORIZED && !is_api)
    add_document_prompt (request);
  if (code == BARUA_HTTP_ERROR_FORBIDDEN && message == NULL && flags & BARUA_ROUTE_PERMISSIONS_TEXT)
    message = "Insufficient permissions";
  if (info->retry_after != NULL)
    barua_request_add_header (request, "Retry-After", info->retry_after);

  GString *body = g_string_new (NULL);
  if (!wants_json (request))
    {
      barua_http_error_append_text (body, code, message, error_json, details_json);
      barua_request_reply (request, info->status, "text/plain", g_string_free_to_bytes (body));
      return;
    }
  if (is_bare (request, info))
    {
      g_string_append (body, "{\"error\":");
      barua_json_append_string (body, barua_text (message != NULL ? message : info->text));
      g_string_append_c (body, '}');
      barua_request_reply_json (request, info->status, body);
      return;
    }
  gboolean with_message = flags & BARUA_ROUTE_GATEWAY_ERRORS
                          && barua_http_is_gateway (barua_request_user_agent (request));
  barua_http_error_append_json (body, dialect, code, message, error_json, details_json,
                                with_message);
  barua_request_reply_json (request, is_api ? info->status : info->doc_status, body);
}

void
barua_request_fail (BaruaRequest *request, BaruaHttpErrorCode code, const char *message,
                    const char *details_json)
{
  fail (request, code, message, NULL, details_json);
}

void
barua_request_fail_object (BaruaRequest *request, BaruaHttpErrorCode code, const char *error_json,
                           const char *details_json)
{
  fail (request, code, NULL, error_json, details_json);
}

void
barua_request_fail_reason (BaruaRequest *request, const char *reason)
{
  g_autoptr (GString) details = g_string_new (NULL);

  barua_json_append_string (details, barua_text (reason));
  fail (request, BARUA_HTTP_ERROR_SERVER, NULL, NULL, details->str);
}

void
barua_request_fail_error (BaruaRequest *request, const GError *error)
{
  if (error->domain == BARUA_HTTP_ERROR)
    {
      fail (request, (BaruaHttpErrorCode)error->code, error->message, NULL, NULL);
      return;
    }
  barua_request_warn (request, error->message);
  fail (request, BARUA_HTTP_ERROR_SERVER, NULL, NULL, NULL);
}
