/* SPDX-License-Identifier: MIT */

/* What libsoup reads from and writes to: the two halves of a wire. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/wire-streams.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* No request: libsoup answers 400, which goes nowhere, and closes. */
static const char no_request[] = "-\r\n\r\n";

/* ---- the reading half ---- */

static void wire_input_pollable_init (GPollableInputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (WireInput, wire_input, G_TYPE_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM,
                                                      wire_input_pollable_init))

/* Whether libsoup would find something. */
static gboolean
is_ready (const WireInput *input)
{
  return input->lent != 0 && (input->n_held > 0 || input->is_readable);
}

void
wire_input_wake (WireInput *input)
{
  GSource *waiting = input->waiting;

  if (waiting == NULL || !is_ready (input))
    return;
  input->waiting = NULL;
  if (!g_source_is_destroyed (waiting))
    g_source_set_ready_time (waiting, 0);
  g_source_unref (waiting);
}

void
wire_input_drop (WireInput *input, gsize n)
{
  input->held += n;
  input->n_held -= n;
  if (input->n_held == 0)
    g_clear_pointer (&input->kept, g_byte_array_unref);
}

gssize
wire_input_receive (WireInput *input, void *buffer, gsize count)
{
  gssize n;

  if (input->is_over)
    return 0;
  do
    n = input->tls != NULL ? barua_tls_session_receive (input->tls, buffer, count)
                           : recv (g_socket_get_fd (input->socket), buffer, count, MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  const gboolean is_short
      = n > 0 && (gsize)n < count && input->tls == NULL && !input->is_ending;
  if (is_short || (n < 0 && errno == EAGAIN))
    input->is_readable = FALSE;
  return n;
}

/* The same for a stream. */
static gssize
receive (WireInput *input, void *buffer, gsize count, gboolean blocking, GCancellable *cancellable,
         GError **error)
{
  for (;;)
    {
      const gssize n = wire_input_receive (input, buffer, count);
      const int code = errno;
      if (n >= 0)
        return n;
      if (code != EAGAIN || !blocking)
        {
          g_set_error_literal (error, G_IO_ERROR, g_io_error_from_errno (code), g_strerror (code));
          return -1;
        }
      if (!g_socket_condition_wait (input->socket, G_IO_IN, cancellable, error))
        return -1;
    }
}

/* Reads what is there; the end of the connection between two requests becomes something libsoup can
 * cope with. */
static gssize
read_socket (WireInput *input, void *buffer, gsize count, gboolean blocking,
             GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) failure = NULL;
  gssize n = receive (input, buffer, count, blocking, cancellable, &failure);
  gboolean is_end
      = n == 0 || (n < 0 && !g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK));

  if (!is_end || !input->is_between || count < sizeof no_request - 1)
    {
      if (n < 0)
        g_propagate_error (error, g_steal_pointer (&failure));
      return n;
    }
  input->is_between = FALSE;
  if (input->tls != NULL)
    barua_tls_session_end (input->tls);
  g_socket_shutdown (input->socket, TRUE, TRUE, NULL);
  memcpy (buffer, no_request, sizeof no_request - 1);
  return sizeof no_request - 1;
}

/* What libsoup reads: what is held, then what comes, as far as it was lent. */
static gssize
read_lent (WireInput *input, void *buffer, gsize count, gboolean blocking,
           GCancellable *cancellable, GError **error)
{
  gssize n;

  if (input->lent == 0 || (input->n_held == 0 && !input->is_readable && !blocking))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, "nothing to read now");
      return -1;
    }
  if (input->lent > 0)
    count = MIN (count, (gsize)input->lent);
  if (input->apart > 0)
    count = MIN (count, input->apart);
  if (input->n_held > 0)
    {
      n = (gssize)MIN (count, input->n_held);
      memcpy (buffer, input->held, (gsize)n);
      wire_input_drop (input, (gsize)n);
    }
  else
    n = read_socket (input, buffer, count, blocking, cancellable, error);
  if (n > 0 && input->lent > 0)
    input->lent -= n;
  if (n > 0)
    input->apart -= MIN (input->apart, (gsize)n);
  return n;
}

static gssize
wire_input_read (GInputStream *stream, void *buffer, gsize count, GCancellable *cancellable,
                 GError **error)
{
  return read_lent (WIRE_INPUT (stream), buffer, count, TRUE, cancellable, error);
}

static gssize
wire_input_read_nonblocking (GPollableInputStream *stream, void *buffer, gsize count,
                             GError **error)
{
  return read_lent (WIRE_INPUT (stream), buffer, count, FALSE, NULL, error);
}

static gboolean
wire_input_is_readable (GPollableInputStream *stream)
{
  return is_ready (WIRE_INPUT (stream));
}

/* Not one that polls the socket: the watch does, and wake() makes this one ready. */
static GSource *
wire_input_create_source (GPollableInputStream *stream, GCancellable *cancellable)
{
  WireInput *input = WIRE_INPUT (stream);
  GSource *source = g_pollable_source_new_full (stream, NULL, cancellable);

  g_clear_pointer (&input->waiting, g_source_unref);
  if (is_ready (input))
    g_source_set_ready_time (source, 0);
  else
    input->waiting = g_source_ref (source);
  return source;
}

static void
wire_input_pollable_init (GPollableInputStreamInterface *iface)
{
  iface->is_readable = wire_input_is_readable;
  iface->create_source = wire_input_create_source;
  iface->read_nonblocking = wire_input_read_nonblocking;
}

static void
wire_input_dispose (GObject *object)
{
  g_clear_pointer (&WIRE_INPUT (object)->waiting, g_source_unref);
  G_OBJECT_CLASS (wire_input_parent_class)->dispose (object);
}

static void
wire_input_finalize (GObject *object)
{
  WireInput *input = WIRE_INPUT (object);

  g_clear_pointer (&input->kept, g_byte_array_unref);
  g_object_unref (input->socket);
  G_OBJECT_CLASS (wire_input_parent_class)->finalize (object);
}

static void
wire_input_class_init (WireInputClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = wire_input_dispose;
  G_OBJECT_CLASS (klass)->finalize = wire_input_finalize;
  G_INPUT_STREAM_CLASS (klass)->read_fn = wire_input_read;
}

static void
wire_input_init (WireInput *input)
{
}

/* ---- the writing half ---- */

static void wire_output_pollable_init (GPollableOutputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (WireOutput, wire_output, G_TYPE_OUTPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM,
                                                      wire_output_pollable_init))

static gssize
wire_output_write_nonblocking (GPollableOutputStream *stream, const void *buffer, gsize count,
                               GError **error)
{
  WireOutput *output = WIRE_OUTPUT (stream);
  const gssize n
      = output->tls != NULL ? barua_tls_session_send (output->tls, buffer, count) : -1;
  const int code = output->tls != NULL ? errno : EPIPE;

  if (n < 0)
    g_set_error_literal (error, G_IO_ERROR, g_io_error_from_errno (code), g_strerror (code));
  return n;
}

static gssize
wire_output_write (GOutputStream *stream, const void *buffer, gsize count,
                   GCancellable *cancellable, GError **error)
{
  for (;;)
    {
      g_autoptr (GError) failure = NULL;
      const gssize n = wire_output_write_nonblocking (G_POLLABLE_OUTPUT_STREAM (stream), buffer,
                                                      count, &failure);
      if (n >= 0)
        return n;
      if (!g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        {
          g_propagate_error (error, g_steal_pointer (&failure));
          return -1;
        }
      if (!g_socket_condition_wait (WIRE_OUTPUT (stream)->socket, G_IO_OUT, cancellable, error))
        return -1;
    }
}

static gboolean
wire_output_is_writable (GPollableOutputStream *stream)
{
  return g_socket_condition_check (WIRE_OUTPUT (stream)->socket, G_IO_OUT) != 0;
}

static GSource *
wire_output_create_source (GPollableOutputStream *stream, GCancellable *cancellable)
{
  g_autoptr (GSource) writable
      = g_socket_create_source (WIRE_OUTPUT (stream)->socket, G_IO_OUT, NULL);

  return g_pollable_source_new_full (stream, writable, cancellable);
}

static void
wire_output_pollable_init (GPollableOutputStreamInterface *iface)
{
  iface->is_writable = wire_output_is_writable;
  iface->create_source = wire_output_create_source;
  iface->write_nonblocking = wire_output_write_nonblocking;
}

static void
wire_output_finalize (GObject *object)
{
  g_object_unref (WIRE_OUTPUT (object)->socket);
  G_OBJECT_CLASS (wire_output_parent_class)->finalize (object);
}

static void
wire_output_class_init (WireOutputClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = wire_output_finalize;
  G_OUTPUT_STREAM_CLASS (klass)->write_fn = wire_output_write;
}

static void
wire_output_init (WireOutput *output)
{
}
