/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/http/metrics.h"
#include "gateway/http/router.h"
#include "gateway/http/tls.h"

G_BEGIN_DECLS

/**
 * BaruaServerOptions:
 * @max_body_bytes: the largest body of a route that names no limit of its own
 * @max_bodies_bytes: memory for bodies of all requests together; 503 beyond
 * @max_connections: in all
 * @max_connections_per_address: not for loopback addresses and @trusted_proxies
 * @request_timeout_ms: for a whole header; for a body without progress worth 256 bytes a second
 * @idle_timeout_ms: between two requests of a connection
 * @trusted_proxies: (nullable) (array zero-terminated=1): addresses whose X-Forwarded-For is
 * believed
 * @access_log: write one line per request
 * @spool_directory: (nullable): where large attachments wait for their handler, in unlinked files;
 * %NULL: the system's temporary directory
 *
 * The limits of spec/cli.md, `[http]`.
 */
typedef struct
{
  gsize max_body_bytes;
  gsize max_bodies_bytes;
  guint max_connections;
  guint max_connections_per_address;
  guint request_timeout_ms;
  guint idle_timeout_ms;
  const char *const *trusted_proxies;
  gboolean access_log;
  const char *spool_directory;
} BaruaServerOptions;

/** The defaults of spec/cli.md. */
void barua_server_options_init (BaruaServerOptions *options);

/**
 * BaruaServerApp:
 * @app: passed to handlers and to the functions below
 * @settings_ref: (nullable): a reference to the settings snapshot in force
 * @settings_unref: (nullable): drops it
 * @may: (nullable): whether the settings give @user the @permission; not asked for `_admin`
 * @is_online: (nullable): whether @user is online by the roles of the settings; not asked for
 *   `_admin`
 * @heard_of: (nullable): @user sent a request
 *
 * What the HTTP layer asks and tells the program. Main thread.
 */
typedef struct
{
  gpointer app;
  gpointer (*settings_ref) (gpointer app);
  void (*settings_unref) (gpointer settings);
  gboolean (*may) (gpointer settings, const BaruaUser *user, const char *permission);
  gboolean (*is_online) (gpointer settings, const BaruaUser *user);
  void (*heard_of) (gpointer app, const BaruaUser *user);
} BaruaServerApp;

/**
 * BaruaServerStats:
 *
 * Counters for metrics.
 */
typedef struct
{
  guint64 requests;
  guint64 replies[6]; /* by the first digit of the status; [0]: the client went before the answer */
  guint64 connections;
  guint64 refused_total;   /* over max_connections */
  guint64 refused_address; /* over max_connections_per_address */
  guint64 timed_out;       /* connections cut */
  guint64 body_bytes;      /* received, before decompression */
  guint64 reply_bytes;     /* after compression */
  guint open_connections;
  guint open_requests;
  gsize bodies_bytes; /* in memory now */
  guint64 handshakes[BARUA_TLS_N_RESULTS];
} BaruaServerStats;

/**
 * BaruaServer:
 *
 * Listening sockets, connections and the way of a request to its handler. Lives in the main thread
 * and its default context.
 */
typedef struct _BaruaServer BaruaServer;

/**
 * barua_server_new:
 * @options: copied
 * @routes: must outlive the server
 * @app: copied
 * @auth: (transfer none): must outlive the server
 */
BaruaServer *barua_server_new (const BaruaServerOptions *options, const BaruaRoute *routes,
                               const BaruaServerApp *app, BaruaAuth *auth);

/** Puts other limits, timeouts and proxies in force, for connections that are open too; the memory for bodies and the
 * folder for attachments stay as they are. */
void barua_server_set_options (BaruaServer *server, const BaruaServerOptions *options);

/** Cuts whatever is still open; requests a handler still holds are finished. Call
 * barua_server_stop() before. */
void barua_server_free (BaruaServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaServer, barua_server_free)

/** Opens sockets as barua_listen_open() does, and accepts from them. May be called several times. */
gboolean barua_server_listen (BaruaServer *server, const char *address, GError **error);

/** Speaks TLS with who connects from now on, at every address; connections that are open stay as they are. @tls:
 * (transfer none) (nullable): %NULL: plain HTTP */
void barua_server_set_tls (BaruaServer *server, BaruaTls *tls);

/** (transfer none) (nullable): %NULL: plain HTTP */
BaruaTls *barua_server_tls (BaruaServer *server);

/** Accepts from a listening socket that somebody else opened. @fd belongs to the server from then on, also
 * when this fails. */
gboolean barua_server_listen_fd (BaruaServer *server, int fd, GError **error);

/** Stops accepting; connections that are open stay. */
void barua_server_unlisten (BaruaServer *server);

/** The port of the socket opened last, 0 when there is none. */
guint barua_server_port (BaruaServer *server);

/**
 * barua_server_stop:
 * @limit_ms: requests in flight are cut after this time; 0: they have as long as they need
 * @stopped: (nullable): called once from the main loop when nothing is open any more
 *
 * Closes the listening sockets and idle connections; requests in flight are answered and their
 * connections closed.
 */
void barua_server_stop (BaruaServer *server, guint limit_ms, void (*stopped) (gpointer data),
                        gpointer data);

/**
 * barua_server_hand_over:
 * @kept: gets the descriptors (int) of connections that another server goes on with: barua_server_adopt()
 *
 * The same, but connections of which nothing was read that was not answered stay open, and so does what
 * a client may be sending on them.
 */
void barua_server_hand_over (BaruaServer *server, guint limit_ms, GArray *kept,
                             void (*stopped) (gpointer data), gpointer data);

/** Goes on with a connection that another server had, between two requests. @fd belongs to the server from
 * then on. */
void barua_server_adopt (BaruaServer *server, int fd);

const BaruaServerStats *barua_server_stats (BaruaServer *server);

/** What came of the requests so far, by route. */
const BaruaMetrics *barua_server_metrics (BaruaServer *server);

G_END_DECLS
