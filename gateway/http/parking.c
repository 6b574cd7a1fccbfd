/* SPDX-License-Identifier: MIT */

/* Idle connections in an epoll set: what they cost does not grow with their number. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/parking.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections woken in one turn of the loop, so that running requests get theirs. */
#define MAX_EVENTS 64

struct _BaruaParking
{
  int epoll;
  int dead; /* a socket whose peer has gone */
  guint source;
  GQueue parked; /* of BaruaParked, about in the order of their since_us */
  BaruaParkingFunc func;
  gpointer data;
};

/* Whether there is something to read: the next request, and not the end. */
static gboolean
has_request (int fd)
{
  char byte;
  const gssize n = recv (fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

  return n > 0;
}

/* Takes a connection out and tells of it. */
static void
leave (BaruaParking *parking, BaruaParked *parked, gboolean is_alive)
{
  g_queue_unlink (&parking->parked, &parked->link);
  epoll_ctl (parking->epoll, EPOLL_CTL_DEL, parked->fd, NULL);
  if (!is_alive)
    close (parked->fd);
  parking->func (parked, is_alive, parking->data);
  g_free (parked->address);
  g_free (parked);
}

static gboolean
ready (int fd, GIOCondition condition, gpointer data)
{
  BaruaParking *parking = data;
  struct epoll_event events[MAX_EVENTS];
  const int n = epoll_wait (parking->epoll, events, MAX_EVENTS, 0);

  for (int i = 0; i < n; i++)
    {
      BaruaParked *parked = events[i].data.ptr;
      leave (parking, parked, has_request (parked->fd));
    }
  return G_SOURCE_CONTINUE;
}

/* A socket that looks as if its peer had gone: the other one of a pair has. */
static int
dead_socket (void)
{
  int pair[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
    return -1;
  close (pair[1]);
  return pair[0];
}

BaruaParking *
barua_parking_new (BaruaParkingFunc func, gpointer data)
{
  BaruaParking *parking = g_new0 (BaruaParking, 1);

  parking->func = func;
  parking->data = data;
  parking->epoll = epoll_create1 (EPOLL_CLOEXEC);
  parking->dead = dead_socket ();
  if (parking->epoll >= 0 && parking->dead >= 0)
    {
      parking->source = g_unix_fd_add (parking->epoll, G_IO_IN, ready, parking);
      return parking;
    }
  g_message ("idle connections cannot be parked: %s", g_strerror (errno));
  barua_parking_free (parking);
  return NULL;
}

void
barua_parking_free (BaruaParking *parking)
{
  GList *link;

  if (parking == NULL)
    return;
  while ((link = g_queue_pop_head_link (&parking->parked)) != NULL)
    {
      BaruaParked *parked = link->data;
      close (parked->fd);
      g_free (parked->address);
      g_free (parked);
    }
  g_clear_handle_id (&parking->source, g_source_remove);
  if (parking->epoll >= 0)
    close (parking->epoll);
  if (parking->dead >= 0)
    close (parking->dead);
  g_free (parking);
}

gboolean
barua_parking_adopt (BaruaParking *parking, int fd, gint64 since_us, const char *address,
                     gboolean is_counted)
{
  BaruaParked *parked = g_new0 (BaruaParked, 1);
  struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = parked };

  if (epoll_ctl (parking->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
    {
      g_free (parked);
      return FALSE;
    }
  parked->fd = fd;
  parked->since_us = since_us;
  parked->address = g_strdup (address);
  parked->is_counted = is_counted;
  parked->link.data = parked;
  g_queue_push_tail_link (&parking->parked, &parked->link);
  return TRUE;
}

gboolean
barua_parking_take (BaruaParking *parking, GSocket *socket, gint64 since_us, const char *address,
                    gboolean is_counted)
{
  const int fd = g_socket_get_fd (socket);
  const int kept = fcntl (fd, F_DUPFD_CLOEXEC, 0);

  if (kept >= 0 && dup3 (parking->dead, fd, O_CLOEXEC) >= 0
      && barua_parking_adopt (parking, kept, since_us, address, is_counted))
    return TRUE;
  if (kept >= 0)
    {
      dup3 (kept, fd, O_CLOEXEC); /* it stays where it was */
      close (kept);
    }
  return FALSE;
}

void
barua_parking_expire (BaruaParking *parking, gint64 before_us)
{
  while (!g_queue_is_empty (&parking->parked))
    {
      BaruaParked *parked = parking->parked.head->data;
      if (parked->since_us >= before_us)
        return;
      leave (parking, parked, FALSE);
    }
}

void
barua_parking_release (BaruaParking *parking, GArray *sockets)
{
  GList *link;

  while ((link = g_queue_pop_head_link (&parking->parked)) != NULL)
    {
      BaruaParked *parked = link->data;
      epoll_ctl (parking->epoll, EPOLL_CTL_DEL, parked->fd, NULL);
      g_array_append_val (sockets, parked->fd);
      g_free (parked->address);
      g_free (parked);
    }
}

void
barua_parking_empty (BaruaParking *parking)
{
  while (!g_queue_is_empty (&parking->parked))
    {
      BaruaParked *parked = parking->parked.head->data;
      leave (parking, parked, has_request (parked->fd));
    }
}

guint
barua_parking_count (const BaruaParking *parking)
{
  return parking->parked.length;
}
