/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/http/tls.h"

G_BEGIN_DECLS

/**
 * BaruaWire:
 *
 * The stream of one connection as libsoup gets it. libsoup 3.2.3 never lets go of a connection
 * whose client closes it between two requests: the socket stays in CLOSE_WAIT and the memory is
 * lost. The wire therefore gives it, in place of such an end of file, a line that is no request,
 * which makes it close the connection.
 *
 * We read it ourselves as long as requests are simple (lane.h) and lend it to libsoup for others.
 *
 * With TLS, what is read and written here is what is inside; until the handshake is done there is nothing.
 */
#define BARUA_TYPE_WIRE (barua_wire_get_type ())
G_DECLARE_FINAL_TYPE (BaruaWire, barua_wire, BARUA, WIRE, GIOStream)

/**
 * BaruaWireWatch:
 *
 * Tells when there is something to read on any of many wires. One descriptor of the main loop for
 * all of them: libsoup's own way, a source made and thrown away for each request, wakes the loop
 * up to eight times a request.
 */
typedef struct _BaruaWireWatch BaruaWireWatch;

/** @ready: called from the main loop with the data of barua_wire_on_closed() when bytes, or the end,
 * have come to a wire that is not lent, or when all that was to be sent is sent */
BaruaWireWatch *barua_wire_watch_new (void (*ready) (gpointer data));

/** How many handshakes of its wires had this result. */
guint64 barua_wire_watch_handshakes (const BaruaWireWatch *watch, BaruaTlsResult result);
void barua_wire_watch_unref (BaruaWireWatch *watch);

/**
 * barua_wire_new:
 * @socket: (transfer none): connected
 * @watch: it keeps a reference
 * @tls: (transfer none) (nullable): the client is to speak TLS; one that does not is told so in plain HTTP, and
 *   its end is reported like any other
 *
 * The wire is ours: libsoup finds nothing to read before barua_wire_lend().
 */
BaruaWire *barua_wire_new (GSocket *socket, BaruaWireWatch *watch, BaruaTls *tls);

/** Whether the client speaks TLS, or is to. */
gboolean barua_wire_is_tls (BaruaWire *wire);

/** What libsoup may read, all there will be. */
#define BARUA_WIRE_ALL (-1)

/**
 * barua_wire_lend:
 * @bytes: a whole request, or %BARUA_WIRE_ALL
 *
 * Lets libsoup read from here on, first of what is held.
 */
void barua_wire_lend (BaruaWire *wire, gint64 bytes);

/** The first @head bytes that will be lent are a head, and no read goes beyond: libsoup, which reads ahead while it
 * looks for the end of a line, takes nothing along of what follows. */
void barua_wire_set_apart (BaruaWire *wire, gsize head);

/** Makes the wire ours again if libsoup has read all it was lent; %FALSE: it is libsoup's for good. */
gboolean barua_wire_take_back (BaruaWire *wire);
gboolean barua_wire_is_lent (BaruaWire *wire);

/** Makes a wire of which all is lent ours until the next barua_wire_lend(), at the end of a request. What comes now
 * follows what libsoup may have read already of the next one. */
void barua_wire_hold_back (BaruaWire *wire);

/** Whether barua_wire_hold_back() was ever called: requests on it are libsoup's, and it must be lent for their bodies. */
gboolean barua_wire_is_read_ahead (BaruaWire *wire);

/** Where a wire stands that was read. */
typedef enum
{
  BARUA_WIRE_BYTES,
  BARUA_WIRE_NOTHING, /* now; the watch tells when */
  BARUA_WIRE_END,     /* or an error: libsoup finds out which */
} BaruaWireState;

/** Bytes that come at a time. */
#define BARUA_WIRE_ROOM 32768u

/** Adds what has come, %BARUA_WIRE_ROOM bytes at most, to what is held. */
BaruaWireState barua_wire_receive (BaruaWire *wire);

/** (nullable): the bytes that have come and that nobody took. They lie in memory that all wires
 * share: barua_wire_keep() before anything else is done. */
const char *barua_wire_held (BaruaWire *wire, gsize *n);

/** Gives what is held memory of its own. */
void barua_wire_keep (BaruaWire *wire);

/** Drops the first @n of the bytes held. */
void barua_wire_take (BaruaWire *wire, gsize n);

/**
 * barua_wire_send:
 * @body: (nullable)
 *
 * Sends both in one piece. Bytes that do not fit now are kept and go later.
 *
 * Returns: %TRUE when all is sent, or the connection is broken
 */
gboolean barua_wire_send (BaruaWire *wire, const GString *head, GBytes *body);

/** Whether something waits to be sent. */
gboolean barua_wire_is_sending (BaruaWire *wire);

/** Whether nothing has come that was not dealt with, nothing is lent or to be sent, and there is no TLS: the
 * descriptor is all there is. */
gboolean barua_wire_is_bare (BaruaWire *wire);

/** Whether nothing of the wire was read that was not answered, and there is no TLS yet: what may have come waits in
 * the kernel, and the descriptor is all there is. */
gboolean barua_wire_is_unread (BaruaWire *wire);

/** Whether bytes have come that were not dealt with, here or in the kernel. */
gboolean barua_wire_has_bytes (BaruaWire *wire);

/** Has the wire not watched until barua_wire_watch_again(): its descriptor changes hands in between.
 * Returns: (transfer full) (nullable): what watched it */
BaruaWireWatch *barua_wire_unwatch (BaruaWire *wire);

/** @watch: (transfer full) (nullable) */
void barua_wire_watch_again (BaruaWire *wire, BaruaWireWatch *watch);

/** (transfer none) */
GSocket *barua_wire_socket (BaruaWire *wire);

/** Calls @closed once, when libsoup closes the connection; objects may refer to the wire for
 * longer. */
void barua_wire_on_closed (BaruaWire *wire, void (*closed) (gpointer data), gpointer data);

/** (nullable): the data of barua_wire_on_closed() until the wire is closed. */
gpointer barua_wire_closed_data (BaruaWire *wire);

/** Tells whether libsoup is between two requests. */
void barua_wire_set_between (BaruaWire *wire, gboolean is_between);

/** Nothing more will be sent; what comes can still be read. */
void barua_wire_end_output (BaruaWire *wire);

/** Ends the connection: reads find the end of file, writes fail. */
void barua_wire_cut (BaruaWire *wire);

/**
 * The same, and the close that follows resets the connection: a client that sends or does not read
 * learns it at once, and the kernel keeps nothing.
 */
void barua_wire_reset (BaruaWire *wire);

G_END_DECLS
