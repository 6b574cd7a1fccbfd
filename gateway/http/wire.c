/* SPDX-License-Identifier: MIT */

/* The stream of one connection: a socket whose end between two requests does not confuse libsoup,
 * and that libsoup reads only as far as it is lent. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/wire.h"

#include "gateway/http/wire-streams.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Events taken per turn of the loop, so that what they cause is dealt with in between. */
#define MAX_EVENTS 64

/* What a TLS record of a handshake begins with (RFC 8446, 5.1). */
#define HANDSHAKE_RECORD 0x16

/* For who speaks HTTP to a port that speaks TLS. */
static const char wrong_scheme[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
                                   "Content-Length: 32\r\nConnection: close\r\n\r\n"
                                   "this address is https, not http\n";

/* Both halves. */

struct _BaruaWire
{
  GIOStream parent_instance;
  GSocketConnection *connection; /* for its writing half, and to close */
  WireInput *input;
  WireOutput *output;   /* NULL without TLS */
  gboolean is_read_ahead; /* libsoup may have a part of the next request */
  BaruaTls *tls;        /* until the handshake begins */
  BaruaTlsSession *session;
  gboolean is_shaking;  /* the handshake is not done */
  gboolean is_stepping; /* a step of it is under way: the session is not ours */
  gboolean has_more;    /* something has happened meanwhile */
  BaruaWireWatch *watch; /* NULL once it is closed */
  GByteArray *unsent;    /* NULL: nothing waits */
  gsize unsent_from;
  void (*closed) (gpointer data);
  gpointer closed_data;
};

G_DEFINE_FINAL_TYPE (BaruaWire, barua_wire, G_TYPE_IO_STREAM)

/* The watch. */

struct _BaruaWireWatch
{
  guint n_refs;
  int fd;
  GSource *source;
  void (*ready) (gpointer data);
  struct epoll_event events[MAX_EVENTS]; /* of this turn; NULL wires have gone meanwhile */
  int n_events;
  guint64 handshakes[BARUA_TLS_N_RESULTS];
  guint8 room[BARUA_WIRE_ROOM]; /* what comes is read into; one wire's at a time */
};

typedef struct
{
  GSource parent_instance;
  BaruaWireWatch *watch;
  gpointer tag;
} WatchSource;

/* send(), through TLS if there is. */
static gssize
send_now (BaruaWire *wire, const guint8 *bytes, gsize n)
{
  return wire->session != NULL
             ? barua_tls_session_send (wire->session, bytes, n)
             : send (g_socket_get_fd (wire->input->socket), bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Sends what waits; TRUE when nothing does any more. */
static gboolean
send_unsent (BaruaWire *wire)
{
  while (wire->unsent != NULL)
    {
      const gsize n = wire->unsent->len - wire->unsent_from;
      const gssize sent = send_now (wire, wire->unsent->data + wire->unsent_from, n);
      if (sent < 0 && errno == EINTR)
        continue;
      if (sent < 0 && errno == EAGAIN)
        return FALSE;
      if (sent >= 0 && (gsize)sent < n)
        {
          wire->unsent_from += (gsize)sent;
          continue;
        }
      g_clear_pointer (&wire->unsent, g_byte_array_unref); /* sent, or there is nobody */
      wire->unsent_from = 0;
    }
  return TRUE;
}

/* ---- the handshake ---- */

/* It is done, or will never be: what waits for the wire finds out which. */
static void
end_handshake (BaruaWire *wire, BaruaTlsResult result)
{
  const gboolean is_done = result == BARUA_TLS_RESULT_DONE;

  if (wire->watch != NULL)
    wire->watch->handshakes[result]++;
  wire->is_shaking = FALSE;
  wire->input->is_over = !is_done;
  wire->input->is_readable = TRUE;
  g_clear_pointer (&wire->tls, barua_tls_unref);
  if (is_done)
    {
      wire->input->tls = wire->session;
      wire->output->tls = wire->session;
    }
  wire_input_wake (wire->input);
  if (wire->watch != NULL && wire->closed != NULL && wire->input->lent == 0)
    wire->watch->ready (wire->closed_data);
}

/* Makes a session for who begins as TLS does; who speaks HTTP is told, and nobody else is worth a word. */
static gboolean
begin_handshake (BaruaWire *wire)
{
  const int fd = g_socket_get_fd (wire->input->socket);
  guint8 first;
  const gssize n = recv (fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);

  if (n < 0 && errno == EAGAIN)
    return FALSE;
  if (n == 1 && first == HANDSHAKE_RECORD)
    wire->session = barua_tls_session_new (wire->tls, fd);
  else if (n == 1 && g_ascii_isupper (first)
           && send (fd, wrong_scheme, sizeof wrong_scheme - 1, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
    shutdown (fd, SHUT_WR);
  if (wire->session == NULL)
    end_handshake (wire, n <= 0                       ? BARUA_TLS_RESULT_GONE
                         : first == HANDSHAKE_RECORD ? BARUA_TLS_RESULT_FAILED
                                                     : BARUA_TLS_RESULT_PLAIN);
  return wire->session != NULL;
}

static void shaken (BaruaTlsStep step, gpointer data);

/* Something has happened on a wire whose handshake is not done. */
static void
go_on_shaking (BaruaWire *wire)
{
  wire->has_more = wire->is_stepping;
  if (wire->is_stepping || (wire->session == NULL && !begin_handshake (wire)))
    return;
  wire->is_stepping = TRUE;
  barua_tls_session_shake (wire->session, shaken, g_object_ref (wire));
}

/* Whether all has been read that will ever come. */
static gboolean
is_at_end (BaruaWire *wire)
{
  guint8 next;

  return wire->input->is_ending
         && recv (g_socket_get_fd (wire->input->socket), &next, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* BaruaTlsShaken */
static void
shaken (BaruaTlsStep step, gpointer data)
{
  g_autoptr (BaruaWire) wire = data;

  wire->is_stepping = FALSE;
  if (step != BARUA_TLS_WAITS)
    end_handshake (wire, step == BARUA_TLS_DONE   ? BARUA_TLS_RESULT_DONE
                         : step == BARUA_TLS_GONE ? BARUA_TLS_RESULT_GONE
                                                  : BARUA_TLS_RESULT_FAILED);
  else if (wire->has_more && wire->watch != NULL)
    go_on_shaking (wire);
  else if (is_at_end (wire)) /* GnuTLS waits for the rest of a record all the same */
    end_handshake (wire, BARUA_TLS_RESULT_GONE);
}

/* Deals with what has happened to one wire. */
static void
take_event (BaruaWireWatch *watch, BaruaWire *wire, guint32 what)
{
  const guint32 ends = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

  if (wire->is_shaking)
    {
      wire->input->is_ending |= (what & ends) != 0;
      go_on_shaking (wire);
      return;
    }
  if (what & ends)
    wire->input->is_ending = TRUE;
  if (what & (EPOLLIN | ends))
    wire->input->is_readable = TRUE;
  wire_input_wake (wire->input);
  if (wire->unsent != NULL && !send_unsent (wire))
    return;
  if (wire->closed != NULL && wire->input->lent == 0)
    watch->ready (wire->closed_data);
}

static gboolean
watch_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  BaruaWireWatch *watch = ((WatchSource *)source)->watch;

  watch->n_events = epoll_wait (watch->fd, watch->events, MAX_EVENTS, 0);
  for (int i = 0; i < watch->n_events; i++)
    {
      g_autoptr (BaruaWire) wire = NULL;
      if (watch->events[i].data.ptr == NULL)
        continue;
      wire = g_object_ref (watch->events[i].data.ptr);
      take_event (watch, wire, watch->events[i].events);
    }
  watch->n_events = 0;
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs watch_funcs = { NULL, NULL, watch_dispatch, NULL, NULL, NULL };

BaruaWireWatch *
barua_wire_watch_new (void (*ready) (gpointer data))
{
  BaruaWireWatch *watch = g_new0 (BaruaWireWatch, 1);

  watch->n_refs = 1;
  watch->ready = ready;
  watch->fd = epoll_create1 (EPOLL_CLOEXEC);
  if (watch->fd < 0)
    g_error ("connections cannot be watched: %s", g_strerror (errno));
  watch->source = g_source_new (&watch_funcs, sizeof (WatchSource));
  ((WatchSource *)watch->source)->watch = watch;
  g_source_set_can_recurse (watch->source, TRUE); /* spares the loop taking its descriptor off */
  g_source_add_unix_fd (watch->source, watch->fd, G_IO_IN);
  g_source_attach (watch->source, NULL);
  return watch;
}

guint64
barua_wire_watch_handshakes (const BaruaWireWatch *watch, BaruaTlsResult result)
{
  return watch->handshakes[result];
}

void
barua_wire_watch_unref (BaruaWireWatch *watch)
{
  if (--watch->n_refs > 0)
    return;
  g_source_destroy (watch->source);
  g_source_unref (watch->source);
  close (watch->fd);
  g_free (watch);
}

/* Forgets a wire, also what is known of this turn. */
static void
unwatch (BaruaWire *wire)
{
  BaruaWireWatch *watch = g_steal_pointer (&wire->watch);

  if (watch == NULL)
    return;
  epoll_ctl (watch->fd, EPOLL_CTL_DEL, g_socket_get_fd (wire->input->socket), NULL);
  for (int i = 0; i < watch->n_events; i++)
    if (watch->events[i].data.ptr == wire)
      watch->events[i].data.ptr = NULL;
  barua_wire_watch_unref (watch);
}

/* Edges: told once when something comes, so that what nobody reads yet does not keep the loop
 * turning. */
static void
start_watching (BaruaWire *wire, BaruaWireWatch *watch)
{
  struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                               .data.ptr = wire };

  if (epoll_ctl (watch->fd, EPOLL_CTL_ADD, g_socket_get_fd (wire->input->socket), &event) != 0)
    {
      g_warning ("a connection cannot be watched: %s", g_strerror (errno));
      barua_wire_cut (wire);
      return;
    }
  watch->n_refs++;
  wire->watch = watch;
}

gboolean
barua_wire_is_unread (BaruaWire *wire)
{
  const gboolean has_no_state = wire->output == NULL || (wire->tls != NULL && wire->session == NULL);

  return has_no_state && wire->input->lent == 0 && wire->input->n_held == 0 && wire->unsent == NULL
         && !wire->input->is_ending && !wire->is_read_ahead;
}

gboolean
barua_wire_is_bare (BaruaWire *wire)
{
  return wire->output == NULL && barua_wire_is_unread (wire) && !wire->input->is_readable;
}

gboolean
barua_wire_has_bytes (BaruaWire *wire)
{
  char byte;

  return wire->input->n_held > 0
         || recv (g_socket_get_fd (wire->input->socket), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

BaruaWireWatch *
barua_wire_unwatch (BaruaWire *wire)
{
  BaruaWireWatch *watch = wire->watch;

  if (watch != NULL)
    watch->n_refs++;
  unwatch (wire);
  return watch;
}

void
barua_wire_watch_again (BaruaWire *wire, BaruaWireWatch *watch)
{
  if (watch == NULL)
    return;
  start_watching (wire, watch);
  barua_wire_watch_unref (watch);
}

/* The stream. */

static GInputStream *
barua_wire_get_input (GIOStream *stream)
{
  return G_INPUT_STREAM (BARUA_WIRE (stream)->input);
}

static GOutputStream *
barua_wire_get_output (GIOStream *stream)
{
  BaruaWire *wire = BARUA_WIRE (stream);

  return wire->output != NULL ? G_OUTPUT_STREAM (wire->output)
                              : g_io_stream_get_output_stream (G_IO_STREAM (wire->connection));
}

/* Says the end of TLS; nothing of it is used any more. */
static void
end_session (BaruaWire *wire)
{
  if (wire->session == NULL || wire->is_stepping)
    return;
  if (!wire->is_shaking && !wire->input->is_over)
    barua_tls_session_end (wire->session);
  wire->input->tls = NULL;
  wire->input->is_over = TRUE;
  wire->output->tls = NULL;
  g_clear_pointer (&wire->session, barua_tls_session_free);
}

/* A descriptor that a step of the handshake uses is closed after it, with the last reference. */
static gboolean
barua_wire_close (GIOStream *stream, GCancellable *cancellable, GError **error)
{
  BaruaWire *wire = BARUA_WIRE (stream);
  void (*closed) (gpointer) = wire->closed;

  unwatch (wire);
  wire->closed = NULL;
  if (closed != NULL)
    closed (wire->closed_data);
  end_session (wire);
  if (wire->is_stepping)
    return g_socket_shutdown (wire->input->socket, TRUE, TRUE, NULL);
  return g_io_stream_close (G_IO_STREAM (wire->connection), cancellable, error);
}

static void
barua_wire_finalize (GObject *object)
{
  BaruaWire *wire = BARUA_WIRE (object);

  unwatch (wire);
  end_session (wire);
  g_clear_pointer (&wire->tls, barua_tls_unref);
  g_clear_pointer (&wire->unsent, g_byte_array_unref);
  g_clear_object (&wire->output);
  g_object_unref (wire->input);
  g_object_unref (wire->connection);
  G_OBJECT_CLASS (barua_wire_parent_class)->finalize (object);
}

static void
barua_wire_class_init (BaruaWireClass *klass)
{
  GIOStreamClass *stream = G_IO_STREAM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = barua_wire_finalize;
  stream->get_input_stream = barua_wire_get_input;
  stream->get_output_stream = barua_wire_get_output;
  stream->close_fn = barua_wire_close;
}

static void
barua_wire_init (BaruaWire *wire)
{
}

BaruaWire *
barua_wire_new (GSocket *socket, BaruaWireWatch *watch, BaruaTls *tls)
{
  BaruaWire *wire = g_object_new (BARUA_TYPE_WIRE, NULL);

  wire->connection = g_socket_connection_factory_create_connection (socket);
  wire->input = g_object_new (WIRE_TYPE_INPUT, NULL);
  wire->input->socket = g_object_ref (socket);
  if (tls != NULL)
    {
      wire->tls = barua_tls_ref (tls);
      wire->is_shaking = TRUE;
      wire->output = g_object_new (WIRE_TYPE_OUTPUT, NULL);
      wire->output->socket = g_object_ref (socket);
    }
  start_watching (wire, watch);
  return wire;
}

void
barua_wire_on_closed (BaruaWire *wire, void (*closed) (gpointer data), gpointer data)
{
  wire->closed = closed;
  wire->closed_data = data;
}

gpointer
barua_wire_closed_data (BaruaWire *wire)
{
  return wire->closed != NULL ? wire->closed_data : NULL;
}

gboolean
barua_wire_is_tls (BaruaWire *wire)
{
  return wire->output != NULL;
}

GSocket *
barua_wire_socket (BaruaWire *wire)
{
  return wire->input->socket;
}

void
barua_wire_set_between (BaruaWire *wire, gboolean is_between)
{
  wire->input->is_between = is_between;
}

void
barua_wire_end_output (BaruaWire *wire)
{
  if (wire->input->tls != NULL)
    barua_tls_session_end (wire->input->tls);
  g_socket_shutdown (wire->input->socket, FALSE, TRUE, NULL);
}

void
barua_wire_cut (BaruaWire *wire)
{
  if (wire->input->tls != NULL)
    barua_tls_session_end (wire->input->tls);
  g_socket_shutdown (wire->input->socket, TRUE, TRUE, NULL);
}

void
barua_wire_reset (BaruaWire *wire)
{
  const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

  setsockopt (g_socket_get_fd (wire->input->socket), SOL_SOCKET, SO_LINGER, &at_once,
              sizeof at_once);
  barua_wire_cut (wire);
}

/* Whose it is. */

void
barua_wire_lend (BaruaWire *wire, gint64 bytes)
{
  wire->input->lent = bytes;
  wire_input_wake (wire->input);
}

void
barua_wire_set_apart (BaruaWire *wire, gsize head)
{
  wire->input->apart = head;
}

void
barua_wire_hold_back (BaruaWire *wire)
{
  if (wire->input->lent != BARUA_WIRE_ALL)
    return;
  wire->input->lent = 0;
  wire->is_read_ahead = TRUE;
}

gboolean
barua_wire_is_read_ahead (BaruaWire *wire)
{
  return wire->is_read_ahead;
}

gboolean
barua_wire_take_back (BaruaWire *wire)
{
  if (wire->input->lent != 0)
    wire->input->lent = BARUA_WIRE_ALL;
  wire_input_wake (wire->input);
  return wire->input->lent == 0;
}

gboolean
barua_wire_is_lent (BaruaWire *wire)
{
  return wire->input->lent != 0;
}

/* What we read and write. */

/* What has come, as far as it fits. */
static BaruaWireState
receive_raw (WireInput *input, guint8 *buffer, gsize max, gsize *n_received)
{
  const gssize n = wire_input_receive (input, buffer, max);

  *n_received = (gsize)MAX (n, 0);
  if (n > 0)
    return BARUA_WIRE_BYTES;
  return n < 0 && errno == EAGAIN ? BARUA_WIRE_NOTHING : BARUA_WIRE_END;
}

BaruaWireState
barua_wire_receive (BaruaWire *wire)
{
  WireInput *input = wire->input;
  gsize n = 0;

  if (wire->watch == NULL || !input->is_readable)
    return BARUA_WIRE_NOTHING;
  barua_wire_keep (wire); /* what is held may lie where the next bytes go */
  const BaruaWireState state = receive_raw (input, wire->watch->room, BARUA_WIRE_ROOM, &n);
  if (state != BARUA_WIRE_BYTES)
    return state;
  if (input->n_held > 0)
    g_byte_array_append (input->kept, wire->watch->room, (guint)n);
  input->held = input->kept != NULL ? input->kept->data : wire->watch->room;
  input->n_held += n;
  return state;
}

const char *
barua_wire_held (BaruaWire *wire, gsize *n)
{
  *n = wire->input->n_held;
  return (const char *)wire->input->held;
}

void
barua_wire_take (BaruaWire *wire, gsize n)
{
  wire_input_drop (wire->input, n);
}

void
barua_wire_keep (BaruaWire *wire)
{
  WireInput *input = wire->input;

  if (input->n_held == 0 || (input->kept != NULL && input->held == input->kept->data))
    return;
  GByteArray *kept = g_byte_array_sized_new ((guint)input->n_held);
  g_byte_array_append (kept, input->held, (guint)input->n_held);
  g_clear_pointer (&input->kept, g_byte_array_unref);
  input->kept = kept;
  input->held = kept->data;
}

/* Keeps what of both parts was not sent. */
static void
keep_unsent (BaruaWire *wire, const struct iovec *parts, gsize sent)
{
  wire->unsent = g_byte_array_new ();
  for (guint i = 0; i < 2; i++)
    {
      const gsize skipped = MIN (sent, parts[i].iov_len);
      g_byte_array_append (wire->unsent, (const guint8 *)parts[i].iov_base + skipped,
                           (guint)(parts[i].iov_len - skipped));
      sent -= skipped;
    }
}

gboolean
barua_wire_send (BaruaWire *wire, const GString *head, GBytes *body)
{
  gsize n_body = 0;
  gconstpointer data = body != NULL ? g_bytes_get_data (body, &n_body) : NULL;
  struct iovec parts[2] = { { head->str, head->len }, { (void *)data, n_body } };
  const struct msghdr message = { .msg_iov = parts, .msg_iovlen = n_body > 0 ? 2 : 1 };
  gssize n;

  if (wire->session != NULL)
    {
      keep_unsent (wire, parts, 0);
      return send_unsent (wire);
    }
  do
    n = sendmsg (g_socket_get_fd (wire->input->socket), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if ((n < 0 && errno != EAGAIN) || n == (gssize)(head->len + n_body))
    return TRUE;
  keep_unsent (wire, parts, (gsize)MAX (n, 0));
  return send_unsent (wire);
}

gboolean
barua_wire_is_sending (BaruaWire *wire)
{
  return wire->unsent != NULL;
}
