/* SPDX-License-Identifier: MIT */

/* BaruaRequest: what a handler can ask about a request. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/request.h"

#include "gateway/http/cookie.h"
#include "gateway/http/request-private.h"

#include <string.h>

/* What all requests have in common. */
static BaruaRequest *
new_request (BaruaServer *server, BaruaConnection *connection)
{
  BaruaRequest *request = g_slice_new0 (BaruaRequest);

  request->n_refs = 1;
  request->id = ++server->last_id;
  request->started_us = g_get_monotonic_time ();
  request->server = barua_server_ref (server);
  request->connection = connection;
  connection->request = request;
  server->stats.requests++;
  server->stats.open_requests++;
  return request;
}

BaruaRequest *
barua_request_new (BaruaServer *server, BaruaConnection *connection, SoupServerMessage *message)
{
  BaruaRequest *request = new_request (server, connection);
  const char *method = soup_server_message_get_method (message);

  request->message = g_object_ref (message);
  request->is_head = strcmp (method, "HEAD") == 0;
  request->method = request->is_head ? "GET" : method;
  return request;
}

BaruaRequest *
barua_request_new_direct (BaruaServer *server, BaruaConnection *connection, BaruaHeadCopy *head)
{
  BaruaRequest *request = new_request (server, connection);

  request->head = head;
  request->reply_head = g_string_sized_new (256);
  return request;
}

BaruaRequest *
barua_request_ref (BaruaRequest *request)
{
  request->n_refs++;
  return request;
}

void
barua_request_unref (BaruaRequest *request)
{
  if (--request->n_refs > 0)
    return;
  if (request->settings != NULL)
    request->server->app.settings_unref (request->settings);
  barua_match_clear (&request->match);
  barua_pairs_clear (&request->query);
  barua_buffer_clear (&request->buffer);
  barua_decoded_clear (&request->decoded);
  g_clear_pointer (&request->spool, barua_spool_free);
  g_clear_pointer (&request->user, barua_user_unref);
  g_clear_error (&request->body_error);
  g_clear_pointer (&request->reply_body, g_bytes_unref);
  g_free (request->target);
  g_free (request->forwarded);
  g_free (request->session);
  g_clear_object (&request->message);
  if (request->head != NULL)
    {
      barua_head_copy_free (request->head);
      g_string_free (request->reply_head, TRUE);
    }
  barua_server_unref (request->server);
  g_slice_free (BaruaRequest, request);
}

void
barua_request_finish (BaruaRequest *request)
{
  BaruaServerStats *stats = &request->server->stats;

  if (request->has_body)
    g_signal_handlers_disconnect_by_data (request->message, request);
  request->connection->request = NULL;
  request->connection = NULL;
  request->is_finished = TRUE;
  stats->open_requests--;
  stats->replies[request->is_sent ? MIN (request->status / 100, 5) : 0]++;
  stats->reply_bytes += request->reply_bytes;
  stats->body_bytes += request->received;
  barua_metrics_count (request->server->metrics, request->match.route,
                       request->is_sent ? request->status : 0,
                       g_get_monotonic_time () - request->started_us);
  barua_access_log (request);
  if (request->user != NULL && request->server->app.heard_of != NULL)
    request->server->app.heard_of (request->server->app.app, request->user);
  if (request->stream != NULL)
    barua_stream_finished (g_steal_pointer (&request->stream));
  barua_request_unref (request);
}

guint64
barua_request_id (BaruaRequest *request)
{
  return request->id;
}

const char *
barua_request_method (BaruaRequest *request)
{
  return request->method;
}

const char *
barua_request_path (BaruaRequest *request)
{
  return request->head != NULL ? barua_head_copy_path (request->head)
                               : g_uri_get_path (soup_server_message_get_uri (request->message));
}

/* (nullable): what stands behind the question mark. */
static const char *
query_text (BaruaRequest *request)
{
  return request->message != NULL
             ? g_uri_get_query (soup_server_message_get_uri (request->message))
             : NULL;
}

const char *
barua_request_target (BaruaRequest *request)
{
  const char *query = query_text (request);

  if (query == NULL)
    return barua_request_path (request);
  if (request->target == NULL)
    request->target = g_strconcat (barua_request_path (request), "?", query, NULL);
  return request->target;
}

const char *
barua_request_param (BaruaRequest *request, const char *name)
{
  for (guint i = 0; i < request->match.n_params; i++)
    if (barua_text_equal (request->match.names[i], barua_text (name)))
      return request->match.values[i];
  return NULL;
}

/* Splits the query the first time it is asked for. */
static const BaruaPairs *
query_pairs (BaruaRequest *request)
{
  const char *query = query_text (request);

  if (!request->has_query && query != NULL)
    barua_pairs_parse (query, strlen (query), G_MAXUINT, &request->query);
  request->has_query = TRUE;
  return &request->query;
}

const char *
barua_request_query (BaruaRequest *request, const char *name)
{
  return barua_pairs_get (query_pairs (request), name);
}

guint
barua_request_n_query (BaruaRequest *request)
{
  return query_pairs (request)->n;
}

/* One pair of a list, NULL beyond its end. */
static const char *
pair_at (const BaruaPairs *pairs, guint index, const char **value)
{
  if (index >= pairs->n)
    return NULL;
  if (value != NULL)
    *value = pairs->pairs[index].value;
  return pairs->pairs[index].name;
}

const char *
barua_request_query_at (BaruaRequest *request, guint index, const char **value)
{
  return pair_at (query_pairs (request), index, value);
}

const char *
barua_request_header (BaruaRequest *request, const char *name)
{
  if (request->head != NULL)
    return barua_head_copy_get (request->head, name);
  return soup_message_headers_get_list (soup_server_message_get_request_headers (request->message),
                                        name);
}

const char *
barua_request_header_one (BaruaRequest *request, const char *name)
{
  if (request->head != NULL)
    return barua_head_copy_get (request->head, name);
  return soup_message_headers_get_one (soup_server_message_get_request_headers (request->message),
                                       name);
}

const char *
barua_request_user_agent (BaruaRequest *request)
{
  return barua_request_header_one (request, "User-Agent");
}

/* The last address in X-Forwarded-For, the one our own proxy wrote; NULL when it is none. */
static char *
forwarded_address (BaruaRequest *request)
{
  const char *header = barua_request_header (request, "X-Forwarded-For");

  if (header == NULL)
    return NULL;
  const char *last = strrchr (header, ',');
  g_autofree char *text = g_strstrip (g_strdup (last != NULL ? last + 1 : header));
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (text);
  return address != NULL ? g_inet_address_to_string (address) : NULL;
}

const char *
barua_request_address (BaruaRequest *request)
{
  if (request->forwarded == NULL && request->connection != NULL && request->connection->is_trusted)
    request->forwarded = forwarded_address (request);
  if (request->forwarded != NULL)
    return request->forwarded;
  return request->connection != NULL ? request->connection->address : "unknown";
}

gboolean
barua_request_is_local (BaruaRequest *request)
{
  return request->connection != NULL && request->connection->is_loopback
         && barua_request_header (request, "X-Forwarded-For") == NULL
         && barua_request_header (request, "Forwarded") == NULL;
}

gboolean
barua_request_is_secure (BaruaRequest *request)
{
  const BaruaConnection *connection = request->connection;
  const char *said = connection != NULL && connection->is_trusted
                         ? barua_request_header_one (request, "X-Forwarded-Proto")
                         : NULL;

  if (said != NULL)
    return strcmp (said, "https") == 0;
  return connection != NULL && barua_wire_is_tls (connection->wire);
}

/* (nullable): the host that the client came to, as it is written. */
static const char *
named_host (BaruaRequest *request)
{
  const char *host = NULL;

  if (request->connection != NULL && request->connection->is_trusted)
    host = barua_request_header_one (request, "X-Forwarded-Host");
  return host != NULL ? host : barua_request_header_one (request, "Host");
}

/* Whether a host can stand in a link and steer it nowhere else: a name or an IPv4 address, or an
 * IPv6 address in brackets, and maybe a port (settings-and-forms.md 7 no. 11, users.md 10 no. 15). */
static gboolean
is_host (const char *text)
{
  const char *at = text;

  if (*at == '[')
    {
      at += 1 + strspn (at + 1, "0123456789abcdefABCDEF:.");
      if (*at++ != ']')
        return FALSE;
    }
  else
    while (g_ascii_isalnum (*at) || *at == '.' || *at == '-')
      at++;
  if (at == text)
    return FALSE;
  if (*at == ':')
    at += 1 + strspn (at + 1, "0123456789");
  return *at == '\0' && at[-1] != ':';
}

char *
barua_request_origin (BaruaRequest *request)
{
  const char *host = named_host (request);

  if (host == NULL || !is_host (host))
    return NULL;
  return g_strconcat (barua_request_is_secure (request) ? "https://" : "http://", host, NULL);
}

/* Where the client is known to have come by https its pages did too; that it did not is not known behind every
 * proxy. */
gboolean
barua_request_is_foreign (BaruaRequest *request)
{
  const char *origin = barua_request_header_one (request, "Origin");
  const char *host = named_host (request);

  if (origin == NULL)
    return FALSE;
  const char *slashes = strstr (origin, "://");
  if (barua_request_is_secure (request) && g_ascii_strncasecmp (origin, "https://", 8) != 0)
    return TRUE;
  return host == NULL || g_ascii_strcasecmp (host, slashes != NULL ? slashes + 3 : origin) != 0;
}

const char *
barua_request_session (BaruaRequest *request)
{
  if (!request->has_session)
    request->session
        = barua_cookie_get (barua_request_header (request, "Cookie"), BARUA_SESSION_COOKIE);
  request->has_session = TRUE;
  return request->session;
}

BaruaUser *
barua_request_user (BaruaRequest *request)
{
  return request->user;
}

gboolean
barua_request_may (BaruaRequest *request, const char *permission)
{
  const BaruaServerApp *app = &request->server->app;

  if (request->user == NULL)
    return FALSE;
  if (request->user->is_admin)
    return TRUE;
  return app->may != NULL && app->may (request->settings, request->user, permission);
}

gboolean
barua_request_is_online (BaruaRequest *request)
{
  const BaruaServerApp *app = &request->server->app;

  if (request->user == NULL)
    return FALSE;
  if (request->user->is_admin)
    return TRUE;
  return app->is_online != NULL && app->is_online (request->settings, request->user);
}

gpointer
barua_request_settings (BaruaRequest *request)
{
  return request->settings;
}

gboolean
barua_request_is_finished (BaruaRequest *request)
{
  return request->is_finished;
}

BaruaBodyKind
barua_request_body_kind (BaruaRequest *request)
{
  return request->decoded.kind;
}

GBytes *
barua_request_body (BaruaRequest *request)
{
  return request->decoded.bytes;
}

guint64
barua_request_body_length (BaruaRequest *request)
{
  if (request->decoded.kind == BARUA_BODY_KIND_FILE)
    return barua_spool_length (request->spool);
  return request->decoded.bytes != NULL ? g_bytes_get_size (request->decoded.bytes) : 0;
}

int
barua_request_body_fd (BaruaRequest *request)
{
  return request->decoded.kind == BARUA_BODY_KIND_FILE ? barua_spool_fd (request->spool) : -1;
}

int
barua_request_steal_body_fd (BaruaRequest *request)
{
  return request->decoded.kind == BARUA_BODY_KIND_FILE ? barua_spool_steal_fd (request->spool) : -1;
}

const GArray *
barua_request_parts (BaruaRequest *request)
{
  return request->decoded.parts;
}

BaruaJson
barua_request_json (BaruaRequest *request)
{
  return request->decoded.json;
}

const char *
barua_request_form (BaruaRequest *request, const char *name)
{
  return barua_pairs_get (&request->decoded.form, name);
}

guint
barua_request_n_form (BaruaRequest *request)
{
  return request->decoded.form.n;
}

const char *
barua_request_form_at (BaruaRequest *request, guint index, const char **value)
{
  return pair_at (&request->decoded.form, index, value);
}

BaruaHttpDialect
barua_request_dialect (BaruaRequest *request)
{
  if (request->match.flags & BARUA_ROUTE_DOCUMENT_SEED)
    return BARUA_DIALECT_SEED;
  return request->match.flags & BARUA_ROUTE_DOCUMENT_NATIVE ? BARUA_DIALECT_NATIVE
                                                            : BARUA_DIALECT_API;
}

void
barua_request_pause (BaruaRequest *request)
{
  if (request->is_paused || request->is_finished)
    return;
  request->is_paused = TRUE;
  if (request->message != NULL)
    soup_server_message_pause (request->message);
}

void
barua_request_unpause (BaruaRequest *request)
{
  if (!request->is_paused || request->is_finished)
    return;
  request->is_paused = FALSE;
  if (request->message != NULL)
    soup_server_message_unpause (request->message);
}
