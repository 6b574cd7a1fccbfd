/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/http/server.h"
#include "gateway/http/wire.h"

G_BEGIN_DECLS

/**
 * BaruaConnectionState:
 * @BARUA_CONNECTION_HEADER: accepted or in a header
 * @BARUA_CONNECTION_IDLE: between two requests
 * @BARUA_CONNECTION_READING: in a body
 * @BARUA_CONNECTION_HANDLING: a handler has the request; it may take its time
 * @BARUA_CONNECTION_WRITING: the answer is on its way
 * @BARUA_CONNECTION_DRAINING: refused; what still comes is thrown away for a moment, so that the
 * client reads why
 *
 * What a connection is doing, which decides how long it may.
 */
typedef enum
{
  BARUA_CONNECTION_HEADER,
  BARUA_CONNECTION_IDLE,
  BARUA_CONNECTION_READING,
  BARUA_CONNECTION_HANDLING,
  BARUA_CONNECTION_WRITING,
  BARUA_CONNECTION_DRAINING,
} BaruaConnectionState;

typedef struct _BaruaConnections BaruaConnections;

/**
 * BaruaConnection:
 * @address: text of the peer's address
 * @is_trusted: a proxy whose X-Forwarded-For is believed
 * @received: bytes of the present body, or of what is thrown away
 * @request: (nullable): the request in progress; the connection has a reference
 *
 * One accepted connection; freed when libsoup closes the wire.
 */
typedef struct
{
  BaruaConnections *owner; /* NULL once that is gone */
  BaruaServer *server;     /* set by who adds it; valid while there is an owner */
  BaruaWire *wire;         /* borrowed: libsoup owns it */
  GSocketAddress *remote;
  char *address;
  gboolean is_trusted;
  gboolean is_loopback;
  gboolean is_counted; /* against the limit per address */
  gboolean is_in_lane; /* barua_lane_run() is on the stack */
  BaruaConnectionState state;
  gint64 since_us; /* when @state, or progress in it, was last seen */
  guint64 acked;   /* WRITING: bytes the client had acknowledged at the last look, plus one; 0: no
                      look yet */
  gsize received;
  gsize scanned; /* bytes of a head in which there is no end of it */
  BaruaRequest *request;
  GList link;
} BaruaConnection;

/** Makes a connection of the table, by barua_connections_add(), of a descriptor that was parked, and
 * that belongs to the function. */
typedef void (*BaruaAdoptFunc) (int fd, gpointer data);

/**
 * barua_connections_new:
 * @options: borrowed; must outlive the table
 * @stats: borrowed: counters to keep
 * @adopt: (nullable): %NULL: idle connections are not parked, see parking.h
 *
 * The open connections, their limits and timeouts.
 */
BaruaConnections *barua_connections_new (const BaruaServerOptions *options,
                                         BaruaServerStats *stats, BaruaAdoptFunc adopt,
                                         gpointer adopt_data);

/** What the table has from its options is to be read again; what is known of open connections stays. */
void barua_connections_options_changed (BaruaConnections *connections);

/** Connections that are still open lose their record's owner and are cut. */
void barua_connections_free (BaruaConnections *connections);

/**
 * barua_connections_add:
 * @remote: the peer's address object, which barua_connection_of() finds the record by
 *
 * Returns: (transfer none) (nullable): the record; %NULL when a limit forbids the connection
 */
BaruaConnection *barua_connections_add (BaruaConnections *connections, BaruaWire *wire,
                                        GSocketAddress *remote);

/** Keeps an open connection, without TLS and between two requests, until the next request on it arrives. @fd belongs to
 * the table then; %FALSE: a limit forbids it, or it cannot be kept so. */
gboolean barua_connections_park (BaruaConnections *connections, int fd, GSocketAddress *remote);

/** (nullable): the record of the connection with this address object. */
BaruaConnection *barua_connection_of (GSocketAddress *remote);

/** Begins @state now. */
void barua_connection_enter (BaruaConnection *connection, BaruaConnectionState state);

/** Ends the connection; libsoup notices and closes it. */
void barua_connection_cut (BaruaConnection *connection);

/** The same for one with data under way: see barua_wire_reset(). */
void barua_connection_reset (BaruaConnection *connection);

/** Cuts those that wait for a request, or all. Without @all, a request that has arrived is still read and
 * answered. */
void barua_connections_cut (BaruaConnections *connections, gboolean all);

/** Cuts those whose request has only begun to arrive: its header is not complete. */
void barua_connections_cut_begun (BaruaConnections *connections);

/** Appends to @sockets the descriptors (int) of the connections of which nothing was read that was not
 * answered; they go on with whoever takes them, and are none of ours any more. */
void barua_connections_release (BaruaConnections *connections, GArray *sockets);

/** Calls @emptied (from the main loop) as soon as there is no connection; once. */
void barua_connections_when_empty (BaruaConnections *connections, void (*emptied) (gpointer data),
                                   gpointer data);

/** Calls @visit for every connection. */
void barua_connections_foreach (BaruaConnections *connections,
                                void (*visit) (BaruaConnection *connection));

G_END_DECLS
