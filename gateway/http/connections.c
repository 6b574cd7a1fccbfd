/* SPDX-License-Identifier: MIT */

/* The open connections: how many there may be and how long each may take. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/connections.h"

#include "gateway/http/parking.h"
#include "gateway/http/request-private.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* A body that is slower than this, after the request timeout, is no sender we wait for: EDGE does 1
 * KiB/s. */
#define MIN_BYTES_PER_SECOND 256
/* How long a refused body is still read, and a connection with it kept. */
#define DRAIN_US (2 * G_USEC_PER_SEC)
/* Bounds of the time between two looks at all connections. */
#define MIN_SWEEP_MS 20u
#define MAX_SWEEP_MS 500u
/* A connection that has been idle for so long is parked: a phone polls every 30 or 60 seconds, and
 * a client that is busy never comes here. */
#define PARK_US G_USEC_PER_SEC
/* A client sends its request as soon as it is connected; a second is more than most ways to us take. */
#define YOUNG_US G_USEC_PER_SEC

struct _BaruaConnections
{
  const BaruaServerOptions *options;
  BaruaServerStats *stats;
  GQueue open;             /* of BaruaConnection */
  GHashTable *per_address; /* text -> count */
  GHashTable *trusted;     /* set of text */
  BaruaParking *parking; /* (nullable) */
  BaruaAdoptFunc adopt;
  gpointer adopt_data;
  guint sweep_id;
  void (*emptied) (gpointer data);
  gpointer emptied_data;
};

static GQuark
connection_quark (void)
{
  static GQuark quark;

  if (quark == 0)
    quark = g_quark_from_static_string ("barua-connection");
  return quark;
}

void
barua_connection_enter (BaruaConnection *connection, BaruaConnectionState state)
{
  connection->state = state;
  connection->since_us = g_get_monotonic_time ();
  connection->acked = 0;
  barua_wire_set_between (connection->wire, state == BARUA_CONNECTION_IDLE);
}

void
barua_connection_cut (BaruaConnection *connection)
{
  barua_wire_cut (connection->wire);
}

void
barua_connection_reset (BaruaConnection *connection)
{
  barua_wire_reset (connection->wire);
}

/* Bytes of ours that the client has acknowledged, over the connection's life. */
static gboolean
acked_bytes (const BaruaConnection *connection, guint64 *bytes)
{
  struct tcp_info info = { 0 };
  socklen_t length = sizeof info;

  if (getsockopt (g_socket_get_fd (barua_wire_socket (connection->wire)), IPPROTO_TCP, TCP_INFO,
                  &info, &length)
      != 0)
    return FALSE;
  *bytes = info.tcpi_bytes_acked;
  return TRUE;
}

/* An answer: the client has to take some of it now and then. */
static gboolean
is_writing_too_long (const BaruaServerOptions *options, BaruaConnection *connection, gint64 now_us)
{
  guint64 bytes;

  if (acked_bytes (connection, &bytes) && connection->acked != bytes + 1)
    {
      connection->acked = bytes + 1;
      connection->since_us = now_us;
    }
  return now_us - connection->since_us > options->request_timeout_ms * 1000LL;
}

static gboolean
is_overdue (const BaruaServerOptions *options, BaruaConnection *connection, gint64 now_us)
{
  gint64 took_us = now_us - connection->since_us;
  gint64 request_us = options->request_timeout_ms * 1000LL;

  switch (connection->state)
    {
    case BARUA_CONNECTION_HEADER:
      return took_us > request_us;
    case BARUA_CONNECTION_IDLE:
      return took_us > options->idle_timeout_ms * 1000LL;
    case BARUA_CONNECTION_READING:
      return took_us
             > request_us + (gint64)(connection->received / MIN_BYTES_PER_SECOND) * G_USEC_PER_SEC;
    case BARUA_CONNECTION_WRITING:
      return is_writing_too_long (options, connection, now_us);
    case BARUA_CONNECTION_DRAINING:
      return took_us > MIN (DRAIN_US, request_us);
    case BARUA_CONNECTION_HANDLING:
    default:
      return FALSE;
    }
}

static void count_address (BaruaConnections *connections, const char *address, int change);

static gboolean
call_emptied (gpointer data)
{
  BaruaConnections *connections = data;
  void (*emptied) (gpointer) = connections->emptied;

  connections->emptied = NULL;
  if (emptied != NULL)
    emptied (connections->emptied_data);
  return G_SOURCE_REMOVE;
}

/* Takes a connection out of the table; what libsoup still does with it concerns nobody. */
static void
disown (BaruaConnections *connections, BaruaConnection *connection)
{
  g_queue_unlink (&connections->open, &connection->link);
  if (connection->is_counted)
    count_address (connections, connection->address, -1);
  connections->stats->open_connections--;
  connection->owner = NULL;
  if (g_queue_is_empty (&connections->open) && connections->emptied != NULL)
    g_idle_add (call_emptied, connections);
}

/* Parks a connection; libsoup finds its own end closed and lets go of it. */
static void
park (BaruaConnections *connections, BaruaConnection *connection)
{
  BaruaWire *wire = connection->wire;

  BaruaWireWatch *watch = barua_wire_unwatch (wire);
  const gboolean is_parked
      = barua_parking_take (connections->parking, barua_wire_socket (wire), connection->since_us,
                            connection->address, connection->is_counted);
  barua_wire_watch_again (wire, watch);
  if (!is_parked)
    return;
  disown (connections, connection);
  barua_wire_lend (wire, BARUA_WIRE_ALL);
  connections->stats->open_connections++;
  if (connection->is_counted)
    count_address (connections, connection->address, 1);
}

/* BaruaParkingFunc: a parked connection has its next request, or has ended. */
static void
unpark (const BaruaParked *parked, gboolean is_alive, gpointer data)
{
  BaruaConnections *connections = data;

  connections->stats->open_connections--;
  if (parked->is_counted)
    count_address (connections, parked->address, -1);
  if (is_alive)
    {
      connections->stats->connections--; /* it was counted when it was new */
      connections->adopt (parked->fd, connections->adopt_data);
    }
}

/* What is overdue is cut, what is idle parked. */
static void
sweep_connection (BaruaConnections *connections, BaruaConnection *connection, gint64 now_us)
{
  if (!is_overdue (connections->options, connection, now_us))
    {
      if (connection->state == BARUA_CONNECTION_IDLE && connections->parking != NULL
          && now_us - connection->since_us > PARK_US && connection->request == NULL
          && connections->emptied == NULL /* a server that stops has cut it */
          && barua_wire_is_bare (connection->wire))
        park (connections, connection);
      return;
    }
  if (connection->state != BARUA_CONNECTION_DRAINING)
    connections->stats->timed_out++;
  if (connection->state == BARUA_CONNECTION_HEADER || connection->state == BARUA_CONNECTION_IDLE)
    barua_connection_cut (connection);
  else
    barua_connection_reset (connection);
  connection->state = BARUA_CONNECTION_DRAINING;
  connection->since_us = now_us;
}

static gboolean
sweep (gpointer data)
{
  BaruaConnections *connections = data;
  gint64 now_us = g_get_monotonic_time ();
  GList *next;

  for (GList *link = connections->open.head; link != NULL; link = next)
    {
      next = link->next;
      sweep_connection (connections, link->data, now_us);
    }
  if (connections->parking != NULL)
    {
      const guint before = barua_parking_count (connections->parking);
      barua_parking_expire (connections->parking,
                            now_us - connections->options->idle_timeout_ms * 1000LL);
      connections->stats->timed_out += before - barua_parking_count (connections->parking);
    }
  return G_SOURCE_CONTINUE;
}

void
barua_connections_options_changed (BaruaConnections *connections)
{
  const BaruaServerOptions *options = connections->options;
  const guint shortest_ms = MIN (options->request_timeout_ms, options->idle_timeout_ms);

  g_hash_table_remove_all (connections->trusted);
  for (guint i = 0; options->trusted_proxies != NULL && options->trusted_proxies[i] != NULL; i++)
    g_hash_table_add (connections->trusted, g_strdup (options->trusted_proxies[i]));
  g_clear_handle_id (&connections->sweep_id, g_source_remove);
  connections->sweep_id
      = g_timeout_add (CLAMP (shortest_ms / 8, MIN_SWEEP_MS, MAX_SWEEP_MS), sweep, connections);
}

BaruaConnections *
barua_connections_new (const BaruaServerOptions *options, BaruaServerStats *stats,
                       BaruaAdoptFunc adopt, gpointer adopt_data)
{
  BaruaConnections *connections = g_new0 (BaruaConnections, 1);

  connections->options = options;
  connections->stats = stats;
  connections->per_address = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  connections->trusted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  connections->adopt = adopt;
  connections->adopt_data = adopt_data;
  connections->parking = adopt != NULL ? barua_parking_new (unpark, connections) : NULL;
  barua_connections_options_changed (connections);
  return connections;
}

void
barua_connections_free (BaruaConnections *connections)
{
  g_source_remove (connections->sweep_id);
  barua_parking_free (connections->parking);
  g_idle_remove_by_data (connections);
  while (!g_queue_is_empty (&connections->open))
    {
      BaruaConnection *connection = connections->open.head->data;

      connection->owner = NULL;
      g_queue_unlink (&connections->open, &connection->link);
      barua_connection_cut (connection);
    }
  g_hash_table_unref (connections->per_address);
  g_hash_table_unref (connections->trusted);
  g_free (connections);
}

static void
count_address (BaruaConnections *connections, const char *address, int change)
{
  int count = GPOINTER_TO_INT (g_hash_table_lookup (connections->per_address, address)) + change;

  if (count > 0)
    g_hash_table_insert (connections->per_address, g_strdup (address), GINT_TO_POINTER (count));
  else
    g_hash_table_remove (connections->per_address, address);
}

/* Called when libsoup closes the connection. */
static void
wire_closed (gpointer data)
{
  BaruaConnection *connection = data;
  BaruaConnections *connections = connection->owner;

  if (connections != NULL)
    disown (connections, connection);
  if (connection->request != NULL)
    barua_request_finish (connection->request);
  g_object_set_qdata (G_OBJECT (connection->remote), connection_quark (), NULL);
  g_object_unref (connection->remote);
  g_free (connection->address);
  g_free (connection);
}

void
barua_connections_when_empty (BaruaConnections *connections, void (*emptied) (gpointer data),
                              gpointer data)
{
  connections->emptied = emptied;
  connections->emptied_data = data;
  if (g_queue_is_empty (&connections->open))
    g_idle_add (call_emptied, connections);
}

/* The text of an address, IPv4 also where it came in the form of IPv6. */
static char *
address_text (GSocketAddress *remote, gboolean *is_loopback)
{
  *is_loopback = TRUE;
  if (!G_IS_INET_SOCKET_ADDRESS (remote))
    return g_strdup ("local");

  GInetAddress *inet = g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (remote));
  g_autofree char *text = g_inet_address_to_string (inet);
  gboolean is_mapped = g_str_has_prefix (text, "::ffff:") && strchr (text, '.') != NULL;
  *is_loopback
      = g_inet_address_get_is_loopback (inet) || (is_mapped && g_str_has_prefix (text + 7, "127."));
  return is_mapped ? g_strdup (text + 7) : g_steal_pointer (&text);
}

/* Who connects. */
typedef struct
{
  char *address; /* text */
  gboolean is_trusted;
  gboolean is_loopback;
  gboolean is_counted; /* against the limit per address */
} Peer;

static void
peer_clear (Peer *peer)
{
  g_free (peer->address);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Peer, peer_clear)

/* Whether the limits allow one more connection, which is then counted. */
static gboolean
admit (BaruaConnections *connections, GSocketAddress *remote, Peer *peer)
{
  const BaruaServerOptions *options = connections->options;
  BaruaServerStats *stats = connections->stats;

  peer->address = address_text (remote, &peer->is_loopback);
  peer->is_trusted = g_hash_table_contains (connections->trusted, peer->address);
  peer->is_counted = !peer->is_loopback && !peer->is_trusted;
  if (stats->open_connections >= options->max_connections)
    {
      stats->refused_total++;
      return FALSE;
    }
  if (peer->is_counted
      && GPOINTER_TO_UINT (g_hash_table_lookup (connections->per_address, peer->address))
             >= options->max_connections_per_address)
    {
      stats->refused_address++;
      return FALSE;
    }
  if (peer->is_counted)
    count_address (connections, peer->address, 1);
  stats->connections++;
  stats->open_connections++;
  return TRUE;
}

gboolean
barua_connections_park (BaruaConnections *connections, int fd, GSocketAddress *remote)
{
  g_auto (Peer) peer = { NULL };

  if (connections->parking == NULL || !admit (connections, remote, &peer))
    return FALSE;
  if (barua_parking_adopt (connections->parking, fd, g_get_monotonic_time (), peer.address,
                           peer.is_counted))
    return TRUE;
  if (peer.is_counted)
    count_address (connections, peer.address, -1);
  connections->stats->open_connections--;
  return FALSE;
}

BaruaConnection *
barua_connections_add (BaruaConnections *connections, BaruaWire *wire, GSocketAddress *remote)
{
  g_auto (Peer) peer = { NULL };

  if (!admit (connections, remote, &peer))
    return NULL;
  BaruaConnection *connection = g_new0 (BaruaConnection, 1);
  connection->owner = connections;
  connection->wire = wire;
  connection->remote = g_object_ref (remote);
  connection->address = g_steal_pointer (&peer.address);
  connection->is_trusted = peer.is_trusted;
  connection->is_loopback = peer.is_loopback;
  connection->is_counted = peer.is_counted;
  connection->link.data = connection;
  barua_connection_enter (connection, BARUA_CONNECTION_HEADER);
  g_queue_push_tail_link (&connections->open, &connection->link);
  g_object_set_qdata (G_OBJECT (remote), connection_quark (), connection);
  barua_wire_on_closed (wire, wire_closed, connection);
  return connection;
}

BaruaConnection *
barua_connection_of (GSocketAddress *remote)
{
  return remote != NULL ? g_object_get_qdata (G_OBJECT (remote), connection_quark ()) : NULL;
}

/* Whether it waits for a request, of which nothing has come, and may go on waiting.  One that has just been made is
 * given a moment, since its request is on its way; so is a new one that speaks TLS: a handshake takes several turns. */
static gboolean
is_waiting (BaruaConnection *connection)
{
  const gboolean is_new = connection->state == BARUA_CONNECTION_HEADER;
  const gboolean is_young = g_get_monotonic_time () - connection->since_us < YOUNG_US;

  return (is_new || connection->state == BARUA_CONNECTION_IDLE)
         && !(is_new && (is_young || barua_wire_is_tls (connection->wire)))
         && !barua_wire_has_bytes (connection->wire);
}

void
barua_connections_cut (BaruaConnections *connections, gboolean all)
{
  if (connections->parking != NULL)
    {
      if (all)
        barua_parking_expire (connections->parking, G_MAXINT64);
      else
        barua_parking_empty (connections->parking);
    }
  for (GList *link = connections->open.head; link != NULL; link = link->next)
    if (all || is_waiting (link->data))
      barua_connection_cut (link->data);
}

void
barua_connections_cut_begun (BaruaConnections *connections)
{
  for (GList *link = connections->open.head; link != NULL; link = link->next)
    {
      BaruaConnection *connection = link->data;

      if (connection->request == NULL
          && (connection->state == BARUA_CONNECTION_HEADER
              || connection->state == BARUA_CONNECTION_IDLE))
        barua_connection_cut (connection);
    }
}

void
barua_connections_release (BaruaConnections *connections, GArray *sockets)
{
  GList *next;

  if (connections->parking == NULL)
    return;
  for (GList *link = connections->open.head; link != NULL; link = next)
    {
      BaruaConnection *connection = link->data;

      next = link->next;
      if ((connection->state != BARUA_CONNECTION_HEADER
           && connection->state != BARUA_CONNECTION_IDLE)
          || connection->request != NULL || !barua_wire_is_unread (connection->wire))
        continue;
      barua_wire_set_between (connection->wire, TRUE);
      park (connections, connection);
    }
  barua_parking_release (connections->parking, sockets);
}

void
barua_connections_foreach (BaruaConnections *connections,
                           void (*visit) (BaruaConnection *connection))
{
  for (GList *link = connections->open.head; link != NULL; link = link->next)
    visit (link->data);
}
