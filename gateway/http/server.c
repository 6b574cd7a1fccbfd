/* SPDX-License-Identifier: MIT */

/*
 * Listening sockets and libsoup. We accept connections ourselves, with a backlog of our own, and
 * hand the streams to libsoup: limits act before it spends anything, and timeouts know what each
 * connection is doing.
 */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/server.h"

#include "gateway/http/lane.h"
#include "gateway/http/listen.h"
#include "gateway/http/request-private.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections taken per turn of the loop, so that running requests get theirs. */
#define MAX_ACCEPTS 64u
/* How long a server that stops waits for the rest of a header, or of a handshake and what comes then. */
#define SETTLE_MS 1000u
/* Pause after accept() failed for want of files or memory. */
#define ACCEPT_PAUSE_MS 200u

#define MIB ((gsize)1024 * 1024)

/* A listening socket and its watch. */
typedef struct
{
  BaruaServer *server;
  GSocket *socket;
  GSource *source;
  guint resume_id;
} Listener;

void
barua_server_options_init (BaruaServerOptions *options)
{
  *options = (BaruaServerOptions){
    .max_body_bytes = 32 * MIB,
    .max_bodies_bytes = 256 * MIB,
    .max_connections = 16384,
    .max_connections_per_address = 256,
    .request_timeout_ms = 30 * 1000,
    .idle_timeout_ms = 90 * 1000,
    .access_log = TRUE,
  };
}

/* Accepting. */

/* @tls: (nullable) */
static void
take_connection (BaruaServer *server, GSocket *socket, BaruaTls *tls)
{
  g_autoptr (GSocketAddress) remote = g_socket_get_remote_address (socket, NULL);
  g_autoptr (GSocketAddress) local = g_socket_get_local_address (socket, NULL);
  g_autoptr (GError) error = NULL;

  if (remote == NULL || local == NULL)
    return;
  g_autoptr (BaruaWire) wire = barua_wire_new (socket, server->watch, tls);
  BaruaConnection *connection = barua_connections_add (server->connections, wire, remote);
  if (connection == NULL)
    return;
  connection->server = server;
  g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
  if (!soup_server_accept_iostream (server->soup, G_IO_STREAM (wire), local, remote, &error))
    g_debug ("connection lost at once: %s", error->message);
}

/* Goes on with a connection; @tls: (nullable) */
static void
go_on_with (BaruaServer *server, int fd, BaruaTls *tls)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = g_socket_new_from_fd (fd, &error);

  if (socket != NULL)
    {
      take_connection (server, socket, tls);
      return;
    }
  g_debug ("connection lost at once: %s", error->message);
  close (fd);
}

/* BaruaAdoptFunc: the next request of a parked connection; those with TLS are never parked. */
static void
adopt (int fd, gpointer server)
{
  go_on_with (server, fd, NULL);
}

static void watch (Listener *listener);

static gboolean
resume (gpointer data)
{
  Listener *listener = data;

  listener->resume_id = 0;
  watch (listener);
  return G_SOURCE_REMOVE;
}

static gboolean
accept_ready (GSocket *socket, GIOCondition condition, gpointer data)
{
  Listener *listener = data;

  for (guint i = 0; i < MAX_ACCEPTS; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GSocket) accepted = g_socket_accept (socket, NULL, &error);

      if (accepted != NULL)
        {
          take_connection (listener->server, accepted, listener->server->tls);
          continue;
        }
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        return G_SOURCE_CONTINUE;
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED))
        continue;
      g_warning ("no connection can be accepted: %s", error->message);
      g_clear_pointer (&listener->source, g_source_unref);
      listener->resume_id = g_timeout_add (ACCEPT_PAUSE_MS, resume, listener);
      return G_SOURCE_REMOVE;
    }
  return G_SOURCE_CONTINUE;
}

static void
watch (Listener *listener)
{
  listener->source = g_socket_create_source (listener->socket, G_IO_IN, NULL);
  g_source_set_callback (listener->source, G_SOURCE_FUNC (accept_ready), listener, NULL);
  g_source_attach (listener->source, g_main_context_get_thread_default ());
}

static void
listener_free (Listener *listener)
{
  if (listener->source != NULL)
    g_source_destroy (listener->source);
  g_clear_pointer (&listener->source, g_source_unref);
  g_clear_handle_id (&listener->resume_id, g_source_remove);
  g_socket_close (listener->socket, NULL);
  g_object_unref (listener->socket);
  g_free (listener);
}

/* Takes a socket that listens already; (transfer full). */
static void
add_listener (BaruaServer *server, GSocket *socket)
{
  Listener *listener = g_new0 (Listener, 1);

  g_socket_set_blocking (socket, FALSE);
  listener->server = server;
  listener->socket = socket;
  g_ptr_array_add (server->listeners, listener);
  watch (listener);
}

gboolean
barua_server_listen_fd (BaruaServer *server, int fd, GError **error)
{
  GSocket *socket = g_socket_new_from_fd (fd, error);

  if (socket == NULL)
    {
      close (fd);
      return FALSE;
    }
  add_listener (server, socket);
  return TRUE;
}

gboolean
barua_server_listen (BaruaServer *server, const char *address, GError **error)
{
  g_autoptr (GArray) sockets = barua_listen_sockets_new ();
  gboolean good = barua_listen_open (address, sockets, error);

  for (guint i = 0; good && i < sockets->len; i++)
    {
      int *fd = &g_array_index (sockets, int, i);
      good = barua_server_listen_fd (server, *fd, error);
      *fd = -1; /* it is the server's */
    }
  return good;
}

guint
barua_server_port (BaruaServer *server)
{
  const Listener *last
      = server->listeners->len > 0 ? server->listeners->pdata[server->listeners->len - 1] : NULL;

  return last != NULL ? barua_listen_port (g_socket_get_fd (last->socket)) : 0;
}

/* libsoup's signals. */

/*
 * Emitted when a connection is new and when the first bytes of a further request have come. A
 * connection that is not ours came through the socket that keeps libsoup willing (below).
 */
static void
request_started (SoupServer *soup, SoupServerMessage *message, gpointer data)
{
  BaruaConnection *connection
      = barua_connection_of (soup_server_message_get_remote_address (message));
  GSocket *socket = soup_server_message_get_socket (message);

  if (connection != NULL && connection->state != BARUA_CONNECTION_DRAINING)
    barua_connection_enter (connection, BARUA_CONNECTION_HEADER);
  else if (connection == NULL && socket != NULL)
    g_socket_close (socket, NULL);
}

/* The header is complete. */
static void
request_headers (SoupServer *soup, SoupServerMessage *message, const char *path, GHashTable *query,
                 gpointer data)
{
  BaruaServer *server = data;
  BaruaConnection *connection
      = barua_connection_of (soup_server_message_get_remote_address (message));

  if (connection == NULL || connection->owner == NULL
      || connection->state == BARUA_CONNECTION_DRAINING) /* refused: nothing more of it is served */
    return;
  if (connection->request != NULL)
    barua_request_finish (connection->request);
  barua_lane_head_read (connection);
  barua_dispatch_headers (barua_request_new (server, connection, message));
}

/* (nullable): the request a message belongs to. */
static BaruaRequest *
request_of (SoupServerMessage *message)
{
  BaruaConnection *connection
      = barua_connection_of (soup_server_message_get_remote_address (message));
  BaruaRequest *request = connection != NULL ? connection->request : NULL;

  return request != NULL && request->message == message ? request : NULL;
}

/* The body is complete. */
static void
request_read (SoupServer *soup, SoupServerMessage *message, gpointer data)
{
  BaruaRequest *request = request_of (message);

  if (request == NULL)
    return;
  if (!request->is_draining)
    barua_lane_body_read (request->connection);
  barua_dispatch_body (request);
}

/* The answer was written, or the client went. */
static void
request_done (SoupServer *soup, SoupServerMessage *message, gpointer data)
{
  BaruaServer *server = data;
  BaruaRequest *request = request_of (message);

  if (request == NULL)
    return;
  BaruaConnection *connection = request->connection;
  if (connection->state != BARUA_CONNECTION_DRAINING)
    barua_connection_enter (connection, BARUA_CONNECTION_IDLE);
  if (server->is_stopping)
    barua_connection_cut (connection);
  barua_request_finish (request);
  if (connection->state != BARUA_CONNECTION_DRAINING)
    barua_lane_take_back (connection);
}

/*
 * libsoup 3.2 keeps connections alive only while it listens somewhere. It gets an abstract socket
 * that the kernel names and nobody is told of; whoever finds it is disconnected by
 * request_started().
 */
static void
make_libsoup_willing (BaruaServer *server)
{
  sa_family_t nameless = AF_UNIX;
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM,
                                             G_SOCKET_PROTOCOL_DEFAULT, &error);

  if (socket != NULL
      && bind (g_socket_get_fd (socket), (struct sockaddr *)&nameless, sizeof nameless) == 0
      && g_socket_listen (socket, &error)
      && soup_server_listen_socket (server->soup, socket, 0, &error))
    return;
  g_warning ("connections are closed after each request: %s",
             error != NULL ? error->message : "bind failed");
}

BaruaServer *
barua_server_new (const BaruaServerOptions *options, const BaruaRoute *routes,
                  const BaruaServerApp *app, BaruaAuth *auth)
{
  BaruaServer *server = g_new0 (BaruaServer, 1);

  server->n_refs = 1;
  server->options = *options;
  server->options.trusted_proxies
      = (const char *const *)g_strdupv ((char **)options->trusted_proxies);
  server->options.spool_directory = g_strdup (options->spool_directory);
  server->app = *app;
  server->auth = auth;
  server->budget.max = options->max_bodies_bytes;
  server->router = barua_router_new (routes);
  server->listeners = g_ptr_array_new_with_free_func ((GDestroyNotify)listener_free);
  server->connections = barua_connections_new (&server->options, &server->stats, adopt, server);
  server->metrics = barua_metrics_new ();
  server->soup = soup_server_new ("raw-paths", TRUE, "server-header", NULL, NULL);
  soup_server_add_early_handler (server->soup, NULL, request_headers, server, NULL);
  g_signal_connect (server->soup, "request-started", G_CALLBACK (request_started), server);
  g_signal_connect (server->soup, "request-read", G_CALLBACK (request_read), server);
  g_signal_connect (server->soup, "request-finished", G_CALLBACK (request_done), server);
  g_signal_connect (server->soup, "request-aborted", G_CALLBACK (request_done), server);
  make_libsoup_willing (server);
  server->watch = barua_wire_watch_new (barua_lane_ready);
  return server;
}

void
barua_server_set_options (BaruaServer *server, const BaruaServerOptions *options)
{
  BaruaServerOptions *own = &server->options;
  char **before = (char **)own->trusted_proxies;

  own->max_body_bytes = options->max_body_bytes;
  own->max_connections = options->max_connections;
  own->max_connections_per_address = options->max_connections_per_address;
  own->request_timeout_ms = options->request_timeout_ms;
  own->idle_timeout_ms = options->idle_timeout_ms;
  own->access_log = options->access_log;
  own->trusted_proxies = (const char *const *)g_strdupv ((char **)options->trusted_proxies);
  g_strfreev (before);
  barua_connections_options_changed (server->connections);
}

void
barua_server_unlisten (BaruaServer *server)
{
  g_ptr_array_set_size (server->listeners, 0);
}

void
barua_server_set_tls (BaruaServer *server, BaruaTls *tls)
{
  BaruaTls *before = server->tls;

  server->tls = tls != NULL ? barua_tls_ref (tls) : NULL;
  if (before != NULL)
    barua_tls_unref (before);
}

BaruaTls *
barua_server_tls (BaruaServer *server)
{
  return server->tls;
}

BaruaServer *
barua_server_ref (BaruaServer *server)
{
  server->n_refs++;
  return server;
}

void
barua_server_unref (BaruaServer *server)
{
  if (--server->n_refs > 0)
    return;
  barua_router_free (server->router);
  barua_metrics_free (server->metrics);
  g_strfreev ((char **)server->options.trusted_proxies);
  g_free ((char *)server->options.spool_directory);
  g_free (server);
}

/* Stopping. */

static void
stopped (gpointer data)
{
  BaruaServer *server = data;
  void (*callback) (gpointer) = g_steal_pointer (&server->stopped);

  g_clear_handle_id (&server->stop_id, g_source_remove);
  g_clear_handle_id (&server->settle_id, g_source_remove);
  if (callback != NULL)
    callback (server->stopped_data);
}

static gboolean
stop_overdue (gpointer data)
{
  BaruaServer *server = data;

  server->stop_id = 0;
  g_message ("%u requests are cut off", server->stats.open_requests);
  barua_connections_cut (server->connections, TRUE);
  stopped (server);
  return G_SOURCE_REMOVE;
}

/* Waiting streams are to end. */
static void
stop_stream_of (BaruaConnection *connection)
{
  if (connection->request != NULL && connection->request->stream != NULL)
    barua_stream_server_stops (connection->request->stream);
}

/* What had begun to arrive when we stopped had its time. */
static gboolean
stop_waiting (gpointer data)
{
  BaruaServer *server = data;

  server->settle_id = 0;
  barua_connections_cut_begun (server->connections);
  return G_SOURCE_REMOVE;
}

void
barua_server_hand_over (BaruaServer *server, guint limit_ms, GArray *kept,
                        void (*callback) (gpointer data), gpointer data)
{
  g_return_if_fail (!server->is_stopping);

  server->is_stopping = TRUE;
  server->stopped = callback;
  server->stopped_data = data;
  g_ptr_array_set_size (server->listeners, 0);
  if (kept != NULL)
    barua_connections_release (server->connections, kept);
  barua_connections_cut (server->connections, FALSE);
  barua_connections_foreach (server->connections, stop_stream_of);
  server->settle_id = g_timeout_add (SETTLE_MS, stop_waiting, server);
  if (limit_ms > 0)
    server->stop_id = g_timeout_add (limit_ms, stop_overdue, server);
  barua_connections_when_empty (server->connections, stopped, server);
}

void
barua_server_stop (BaruaServer *server, guint limit_ms, void (*callback) (gpointer data),
                   gpointer data)
{
  barua_server_hand_over (server, limit_ms, NULL, callback, data);
}

void
barua_server_adopt (BaruaServer *server, int fd)
{
  union
  {
    struct sockaddr any;
    struct sockaddr_storage room;
  } address = { 0 };
  socklen_t length = sizeof address;
  g_autoptr (GSocketAddress) remote = NULL;

  if (server->tls == NULL && getpeername (fd, &address.any, &length) == 0)
    remote = g_socket_address_new_from_native (&address, length);
  /* many may come at once: only who says something gets a stream */
  if (remote == NULL || !barua_connections_park (server->connections, fd, remote))
    go_on_with (server, fd, server->tls);
}

/* Tells a request that its message will go. */
static void
finish_request_of (BaruaConnection *connection)
{
  if (connection->request != NULL)
    barua_request_finish (connection->request);
}

void
barua_server_free (BaruaServer *server)
{
  server->stopped = NULL;
  g_clear_handle_id (&server->stop_id, g_source_remove);
  g_clear_handle_id (&server->settle_id, g_source_remove);
  g_ptr_array_unref (server->listeners);
  barua_connections_foreach (server->connections, finish_request_of);
  g_signal_handlers_disconnect_by_data (server->soup, server);
  soup_server_remove_handler (server->soup, NULL);
  g_clear_pointer (&server->connections, barua_connections_free);
  soup_server_disconnect (server->soup);
  g_clear_object (&server->soup);
  g_clear_pointer (&server->watch, barua_wire_watch_unref);
  barua_server_set_tls (server, NULL);
  barua_tls_settle ();
  barua_server_unref (server);
}

const BaruaMetrics *
barua_server_metrics (BaruaServer *server)
{
  return server->metrics;
}

const BaruaServerStats *
barua_server_stats (BaruaServer *server)
{
  server->stats.bodies_bytes = (gsize)g_atomic_pointer_get (&server->budget.used);
  for (guint i = 0; i < BARUA_TLS_N_RESULTS; i++)
    server->stats.handshakes[i]
        = barua_wire_watch_handshakes (server->watch, (BaruaTlsResult)i);
  return &server->stats;
}
