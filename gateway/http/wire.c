/* SPDX-License-Identifier: MIT */

/* The stream of one connection: a socket whose end between two requests does not confuse libsoup.
 */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/wire.h"

#include <string.h>
#include <sys/socket.h>

/* No request: libsoup answers 400, which goes nowhere, and closes. */
static const char no_request[] = "-\r\n\r\n";

/* The reading half. */

#define WIRE_TYPE_INPUT (wire_input_get_type ())
G_DECLARE_FINAL_TYPE (WireInput, wire_input, WIRE, INPUT, GInputStream)

struct _WireInput
{
  GInputStream parent_instance;
  GSocket *socket;
  gboolean is_between;
};

static void wire_input_pollable_init (GPollableInputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (WireInput, wire_input, G_TYPE_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM,
                                                      wire_input_pollable_init))

/* Reads what is there; the end of the connection between two requests becomes something libsoup can
 * cope with. */
static gssize
read_socket (WireInput *input, void *buffer, gsize count, gboolean blocking,
             GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) failure = NULL;
  gssize n = g_socket_receive_with_blocking (input->socket, buffer, count, blocking, cancellable,
                                             &failure);
  gboolean is_end
      = n == 0 || (n < 0 && !g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK));

  if (!is_end || !input->is_between || count < sizeof no_request - 1)
    {
      if (n < 0)
        g_propagate_error (error, g_steal_pointer (&failure));
      return n;
    }
  input->is_between = FALSE;
  g_socket_shutdown (input->socket, TRUE, TRUE, NULL);
  memcpy (buffer, no_request, sizeof no_request - 1);
  return sizeof no_request - 1;
}

static gssize
wire_input_read (GInputStream *stream, void *buffer, gsize count, GCancellable *cancellable,
                 GError **error)
{
  return read_socket (WIRE_INPUT (stream), buffer, count, TRUE, cancellable, error);
}

static gssize
wire_input_read_nonblocking (GPollableInputStream *stream, void *buffer, gsize count,
                             GError **error)
{
  return read_socket (WIRE_INPUT (stream), buffer, count, FALSE, NULL, error);
}

static gboolean
wire_input_is_readable (GPollableInputStream *stream)
{
  return g_socket_condition_check (WIRE_INPUT (stream)->socket, G_IO_IN | G_IO_HUP | G_IO_ERR) != 0;
}

static GSource *
wire_input_create_source (GPollableInputStream *stream, GCancellable *cancellable)
{
  g_autoptr (GSource) ready = g_socket_create_source (WIRE_INPUT (stream)->socket, G_IO_IN, NULL);

  return g_pollable_source_new_full (stream, ready, cancellable);
}

static void
wire_input_pollable_init (GPollableInputStreamInterface *iface)
{
  iface->is_readable = wire_input_is_readable;
  iface->create_source = wire_input_create_source;
  iface->read_nonblocking = wire_input_read_nonblocking;
}

static void
wire_input_finalize (GObject *object)
{
  g_object_unref (WIRE_INPUT (object)->socket);
  G_OBJECT_CLASS (wire_input_parent_class)->finalize (object);
}

static void
wire_input_class_init (WireInputClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = wire_input_finalize;
  G_INPUT_STREAM_CLASS (klass)->read_fn = wire_input_read;
}

static void
wire_input_init (WireInput *input)
{
}

/* Both halves. */

struct _BaruaWire
{
  GIOStream parent_instance;
  GSocketConnection *connection; /* for its writing half, and to close */
  WireInput *input;
  void (*closed) (gpointer data);
  gpointer closed_data;
};

G_DEFINE_FINAL_TYPE (BaruaWire, barua_wire, G_TYPE_IO_STREAM)

static GInputStream *
barua_wire_get_input (GIOStream *stream)
{
  return G_INPUT_STREAM (BARUA_WIRE (stream)->input);
}

static GOutputStream *
barua_wire_get_output (GIOStream *stream)
{
  return g_io_stream_get_output_stream (G_IO_STREAM (BARUA_WIRE (stream)->connection));
}

static gboolean
barua_wire_close (GIOStream *stream, GCancellable *cancellable, GError **error)
{
  BaruaWire *wire = BARUA_WIRE (stream);
  void (*closed) (gpointer) = wire->closed;

  wire->closed = NULL;
  if (closed != NULL)
    closed (wire->closed_data);
  return g_io_stream_close (G_IO_STREAM (wire->connection), cancellable, error);
}

static void
barua_wire_finalize (GObject *object)
{
  BaruaWire *wire = BARUA_WIRE (object);

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
barua_wire_new (GSocket *socket)
{
  BaruaWire *wire = g_object_new (BARUA_TYPE_WIRE, NULL);

  wire->connection = g_socket_connection_factory_create_connection (socket);
  wire->input = g_object_new (WIRE_TYPE_INPUT, NULL);
  wire->input->socket = g_object_ref (socket);
  return wire;
}

void
barua_wire_on_closed (BaruaWire *wire, void (*closed) (gpointer data), gpointer data)
{
  wire->closed = closed;
  wire->closed_data = data;
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
barua_wire_cut (BaruaWire *wire)
{
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
