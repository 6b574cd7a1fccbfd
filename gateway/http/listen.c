/* SPDX-License-Identifier: MIT */

/* Sockets that listen: addresses of the configuration become descriptors. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/listen.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024

static void
close_socket (gpointer data)
{
  const int fd = *(const int *)data;

  if (fd >= 0)
    close (fd);
}

GArray *
barua_listen_sockets_new (void)
{
  GArray *sockets = g_array_new (FALSE, FALSE, sizeof (int));

  g_array_set_clear_func (sockets, close_socket);
  return sockets;
}

static gboolean
listen_at (GArray *sockets, GInetAddress *inet, guint port, GError **error)
{
  GSocketFamily family = g_inet_address_get_family (inet);
  g_autoptr (GSocket) socket
      = g_socket_new (family, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, error);
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new (inet, (guint16)port);

  if (socket == NULL)
    return FALSE;
  g_socket_set_listen_backlog (socket, BACKLOG);
  if (!g_socket_bind (socket, address, TRUE, error) || !g_socket_listen (socket, error))
    return FALSE;
  const int fd = fcntl (g_socket_get_fd (socket), F_DUPFD_CLOEXEC, 0);
  if (fd < 0)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "too many open files");
      return FALSE;
    }
  g_array_append_val (sockets, fd);
  return TRUE;
}

/* Every address: one socket for both families where IPv6 works, IPv4 alone otherwise. */
static gboolean
listen_everywhere (GArray *sockets, guint port, GError **error)
{
  g_autoptr (GInetAddress) any6 = g_inet_address_new_any (G_SOCKET_FAMILY_IPV6);
  g_autoptr (GInetAddress) any4 = g_inet_address_new_any (G_SOCKET_FAMILY_IPV4);

  return listen_at (sockets, any6, port, NULL) || listen_at (sockets, any4, port, error);
}

/* Splits `host:port`; the host without brackets. */
static gboolean
split_address (const char *address, char **host, guint *port)
{
  const char *colon = strrchr (address, ':');
  guint64 number;

  if (colon == NULL || !g_ascii_string_to_unsigned (colon + 1, 10, 0, 65535, &number, NULL))
    return FALSE;
  gsize n = colon - address;
  gboolean has_brackets = n >= 2 && address[0] == '[' && address[n - 1] == ']';
  if (!has_brackets && memchr (address, ':', n) != NULL)
    return FALSE;
  *host = has_brackets ? g_strndup (address + 1, n - 2) : g_strndup (address, n);
  *port = (guint)number;
  return TRUE;
}

guint
barua_listen_port (int fd)
{
  union
  {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
  } address = { 0 };
  socklen_t length = sizeof address;

  if (getsockname (fd, &address.any, &length) != 0)
    return 0;
  if (address.any.sa_family == AF_INET)
    return ntohs (address.in.sin_port);
  return address.any.sa_family == AF_INET6 ? ntohs (address.in6.sin6_port) : 0;
}

gboolean
barua_listen_open (const char *address, GArray *sockets, GError **error)
{
  g_autofree char *host = NULL;
  guint port = 0;

  if (!split_address (address, &host, &port))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "%s is no address:port",
                   address);
      return FALSE;
    }
  if (*host == '\0' || strcmp (host, "*") == 0)
    return listen_everywhere (sockets, port, error);
  g_autoptr (GInetAddress) numeric = g_inet_address_new_from_string (host);
  if (numeric != NULL)
    return listen_at (sockets, numeric, port, error);

  GList *found = g_resolver_lookup_by_name (g_resolver_get_default (), host, NULL, error);
  guint before = sockets->len;
  gboolean good = found != NULL;
  for (GList *link = found; good && link != NULL; link = link->next)
    {
      good = listen_at (sockets, link->data, port, error);
      if (good && port == 0)
        port = barua_listen_port (g_array_index (sockets, int, before));
    }
  g_resolver_free_addresses (found);
  return good;
}
