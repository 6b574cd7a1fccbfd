/* SPDX-License-Identifier: MIT */

/* The limits on connections, by addresses that no network is needed for. */

#include "gateway/http/connections.h"
#include "tests/suites.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PER_ADDRESS 3u
#define IN_ALL 8u

static BaruaServerOptions options;
static BaruaServerStats stats;
static BaruaConnections *connections;
static BaruaWireWatch *watch;
static GPtrArray *wires; /* of BaruaWire, those that were accepted */

/* The main loop does not run here. */
static void
never (gpointer connection)
{
  ck_abort ();
}

static void
start (void)
{
  static const char *const proxies[] = { "198.51.100.9", NULL };

  barua_server_options_init (&options);
  options.max_connections = IN_ALL;
  options.max_connections_per_address = PER_ADDRESS;
  options.trusted_proxies = proxies;
  memset (&stats, 0, sizeof stats);
  connections = barua_connections_new (&options, &stats, NULL, NULL);
  watch = barua_wire_watch_new (never);
  wires = g_ptr_array_new_with_free_func (g_object_unref);
}

/* Closes the wire of a connection, as libsoup does. */
static void
hang_up (guint index)
{
  ck_assert (g_io_stream_close (wires->pdata[index], NULL, NULL));
  g_ptr_array_remove_index (wires, index);
}

static void
finish (void)
{
  while (wires->len > 0)
    hang_up (0);
  ck_assert_uint_eq (stats.open_connections, 0);
  g_ptr_array_unref (wires);
  barua_connections_free (connections);
  barua_wire_watch_unref (watch);
}

/* A connection from @address; whether it may stay. */
static gboolean
come_from (const char *address)
{
  g_autoptr (GSocketAddress) remote = g_inet_socket_address_new_from_string (address, 4711);
  int fds[2];

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  ck_assert_int_eq (close (fds[1]), 0);
  g_autoptr (GSocket) socket = g_socket_new_from_fd (fds[0], NULL);
  ck_assert_ptr_nonnull (socket);
  g_autoptr (BaruaWire) wire = barua_wire_new (socket, watch, NULL);
  if (barua_connections_add (connections, wire, remote) == NULL)
    return FALSE;
  g_ptr_array_add (wires, g_steal_pointer (&wire));
  return TRUE;
}

/* How many of @n connections from @address may stay. */
static guint
come_often (const char *address, guint n)
{
  guint stayed = 0;

  for (guint i = 0; i < n; i++)
    stayed += come_from (address) ? 1 : 0;
  return stayed;
}

START_TEST (each_address_has_its_own)
{
  ck_assert_uint_eq (come_often ("192.0.2.1", PER_ADDRESS + 2), PER_ADDRESS);
  ck_assert_uint_eq (stats.refused_address, 2);
  ck_assert_uint_eq (come_often ("192.0.2.2", PER_ADDRESS + 1), PER_ADDRESS);
  ck_assert (come_from ("2001:db8::1"));
  ck_assert_uint_eq (stats.refused_total, 0);
}
END_TEST

START_TEST (a_place_becomes_free)
{
  ck_assert_uint_eq (come_often ("192.0.2.1", PER_ADDRESS + 1), PER_ADDRESS);
  hang_up (1);
  ck_assert (come_from ("192.0.2.1"));
  ck_assert (!come_from ("192.0.2.1"));
  while (wires->len > 0)
    hang_up (0);
  ck_assert_uint_eq (come_often ("192.0.2.1", PER_ADDRESS + 1), PER_ADDRESS);
}
END_TEST

/* An IPv4 client of an IPv6 socket is the same client. */
START_TEST (mapped_addresses_are_the_same)
{
  ck_assert_uint_eq (come_often ("192.0.2.1", 2), 2);
  ck_assert_uint_eq (come_often ("::ffff:192.0.2.1", 2), 1);
}
END_TEST

static const char *const exempt[] = {
  "127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "198.51.100.9", "::ffff:198.51.100.9",
};

START_TEST (loopback_and_proxies_are_exempt)
{
  ck_assert_uint_eq (come_often (exempt[_i], PER_ADDRESS + 2), PER_ADDRESS + 2);
  ck_assert_uint_eq (stats.refused_address, 0);
}
END_TEST

/* The limit in all holds for them too. */
START_TEST (nobody_is_exempt_from_the_limit_in_all)
{
  ck_assert_uint_eq (come_often ("127.0.0.1", IN_ALL + 2), IN_ALL);
  ck_assert (!come_from ("192.0.2.1"));
  ck_assert_uint_eq (stats.refused_total, 3);
  ck_assert_uint_eq (stats.connections, IN_ALL);
}
END_TEST

/* BaruaAdoptFunc */
static void
adopt_none (int fd, gpointer data)
{
  ck_abort ();
}

static void
ignore (gpointer data)
{
}

/* A connection from this machine in @state, and the client's end of it. */
static BaruaConnection *
come_and_stay (BaruaConnectionState state, int *client)
{
  g_autoptr (GSocketAddress) remote = g_inet_socket_address_new_from_string ("127.0.0.1", 4711);
  int fds[2];

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  g_autoptr (GSocket) socket = g_socket_new_from_fd (fds[0], NULL);
  g_autoptr (BaruaWire) wire = barua_wire_new (socket, watch, NULL);
  BaruaConnection *connection = barua_connections_add (connections, wire, remote);
  ck_assert_ptr_nonnull (connection);
  barua_connection_enter (connection, state);
  g_ptr_array_add (wires, g_steal_pointer (&wire));
  *client = fds[1];
  return connection;
}

/* What is handed over stays open, with what the client has sent; only what is in flight is waited for. */
START_TEST (released_connections_stay_open)
{
  static const BaruaConnectionState states[]
      = { BARUA_CONNECTION_HEADER, BARUA_CONNECTION_IDLE, BARUA_CONNECTION_HANDLING };
  g_autoptr (GArray) kept = g_array_new (FALSE, FALSE, sizeof (int));
  BaruaConnection *last = NULL;
  int clients[G_N_ELEMENTS (states)];
  char byte = 0;

  barua_connections_free (connections);
  connections = barua_connections_new (&options, &stats, adopt_none, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (states); i++)
    last = come_and_stay (states[i], &clients[i]);
  ck_assert_int_eq (send (clients[1], "G", 1, 0), 1);
  barua_connections_release (connections, kept);
  ck_assert_uint_eq (kept->len, 2);
  barua_connections_when_empty (connections, ignore, NULL);
  ck_assert (!g_idle_remove_by_data (connections));
  barua_connection_enter (last, BARUA_CONNECTION_IDLE);
  barua_connections_release (connections, kept);
  ck_assert_uint_eq (kept->len, 3);
  ck_assert_msg (g_idle_remove_by_data (connections), "nothing is open, and nobody is told");
  for (guint i = 0; i < kept->len; i++)
    {
      ck_assert_int_eq (send (g_array_index (kept, int, i), "x", 1, MSG_NOSIGNAL), 1);
      ck_assert_int_eq (recv (clients[i], &byte, 1, MSG_DONTWAIT), 1);
      ck_assert_int_eq (byte, 'x');
    }
  ck_assert_int_eq (recv (g_array_index (kept, int, 1), &byte, 1, MSG_DONTWAIT), 1);
  ck_assert_int_eq (byte, 'G');
  for (guint i = 0; i < kept->len; i++)
    {
      close (clients[i]);
      close (g_array_index (kept, int, i));
    }
  ck_assert_uint_eq (stats.open_connections, kept->len); /* they are counted until this server ends */
  stats.open_connections = 0;
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("http-connections");
  TCase *tc = tcase_create ("limits");

  tcase_add_checked_fixture (tc, start, finish);
  tcase_add_test (tc, each_address_has_its_own);
  tcase_add_test (tc, a_place_becomes_free);
  tcase_add_test (tc, mapped_addresses_are_the_same);
  tcase_add_loop_test (tc, loopback_and_proxies_are_exempt, 0, (int)G_N_ELEMENTS (exempt));
  tcase_add_test (tc, nobody_is_exempt_from_the_limit_in_all);
  tcase_add_test (tc, released_connections_stay_open);
  suite_add_tcase (suite, tc);
  return suite;
}
