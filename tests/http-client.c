/* SPDX-License-Identifier: MIT */

/* Raw HTTP over sockets, for tests that run the server in this process. */

#include "tests/http-client.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct
{
  void (*talk) (gpointer data);
  gpointer data;
  GMainLoop *loop;
} Conversation;

static gboolean
quit (gpointer data)
{
  g_main_loop_quit (data);
  return G_SOURCE_REMOVE;
}

static gpointer
run_talk (gpointer data)
{
  Conversation *conversation = data;

  conversation->talk (conversation->data);
  g_idle_add (quit, conversation->loop);
  return NULL;
}

void
barua_http_converse (void (*talk) (gpointer data), gpointer data)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Conversation conversation = { talk, data, loop };
  GThread *thread = g_thread_new ("client", run_talk, &conversation);

  g_main_loop_run (loop);
  g_thread_join (thread);
}

void
barua_http_settle (void)
{
  for (guint i = 0; i < 20; i++)
    {
      while (g_main_context_iteration (NULL, FALSE))
        ;
      g_usleep (1000);
    }
}

int
barua_http_connect (guint port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons ((guint16)port) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  if (connect (fd, (struct sockaddr *)&address, sizeof address) == 0)
    return fd;
  close (fd);
  return -1;
}

gboolean
barua_http_send (int fd, const char *text, gssize length)
{
  gsize left = length < 0 ? strlen (text) : (gsize)length;

  while (left > 0)
    {
      ssize_t n = send (fd, text, left, MSG_NOSIGNAL);

      if (n <= 0)
        return FALSE;
      text += n;
      left -= (gsize)n;
    }
  return TRUE;
}

/* Whether the text holds a whole answer (an interim 100 does not count). */
static gboolean
is_whole (const char *answer, gsize length, gboolean is_head)
{
  const char *end = strstr (answer, "\r\n\r\n");

  if (end == NULL || g_str_has_prefix (answer, "HTTP/1.1 100"))
    return FALSE;
  gsize head = (gsize)(end - answer) + 4;
  const char *field = strcasestr (answer, "\r\nContent-Length:");
  gsize body = field != NULL && field < end ? strtoul (field + 17, NULL, 10) : 0;
  return is_head || length >= head + body;
}

/* Appends what comes next. */
static PeerEnd
receive_some (int fd, GString *all, guint wait_ms)
{
  struct pollfd ready = { .fd = fd, .events = POLLIN };
  char block[8192];

  if (poll (&ready, 1, (int)wait_ms) <= 0)
    return PEER_SILENT;
  ssize_t n = recv (fd, block, sizeof block, 0);
  if (n <= 0)
    return PEER_CLOSED;
  g_string_append_len (all, block, n);
  return PEER_OPEN;
}

PeerEnd
barua_http_receive (int fd, GString *answer, gboolean is_head, guint wait_ms)
{
  PeerEnd end = PEER_OPEN;

  while (end == PEER_OPEN && !is_whole (answer->str, answer->len, is_head))
    end = receive_some (fd, answer, wait_ms);
  return end;
}

PeerEnd
barua_http_read_all (int fd, GString *all, guint wait_ms)
{
  PeerEnd end = PEER_OPEN;

  while (end == PEER_OPEN)
    end = receive_some (fd, all, wait_ms);
  return end;
}

char *
barua_http_ask (guint port, const char *request)
{
  GString *answer = g_string_new (NULL);
  int fd = barua_http_connect (port);

  barua_http_send (fd, request, -1);
  barua_http_receive (fd, answer, g_str_has_prefix (request, "HEAD "), 5000);
  close (fd);
  return g_string_free (answer, FALSE);
}

guint
barua_http_status (const char *answer)
{
  return g_str_has_prefix (answer, "HTTP/1.") && strlen (answer) > 12 ? (guint)atoi (answer + 9)
                                                                      : 0;
}

const char *
barua_http_body (const char *answer)
{
  const char *end = strstr (answer, "\r\n\r\n");

  return end != NULL ? end + 4 : "";
}
