/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * BaruaWire:
 *
 * The stream of one connection as libsoup gets it. libsoup 3.2.3 never lets go of a connection
 * whose client closes it between two requests: the socket stays in CLOSE_WAIT and the memory is
 * lost. The wire therefore gives it, in place of such an end of file, a line that is no request,
 * which makes it close the connection.
 */
#define BARUA_TYPE_WIRE (barua_wire_get_type ())
G_DECLARE_FINAL_TYPE (BaruaWire, barua_wire, BARUA, WIRE, GIOStream)

/** @socket: (transfer none): connected */
BaruaWire *barua_wire_new (GSocket *socket);

/** (transfer none) */
GSocket *barua_wire_socket (BaruaWire *wire);

/** Calls @closed once, when libsoup closes the connection; objects may refer to the wire for
 * longer. */
void barua_wire_on_closed (BaruaWire *wire, void (*closed) (gpointer data), gpointer data);

/** Tells whether libsoup is between two requests. */
void barua_wire_set_between (BaruaWire *wire, gboolean is_between);

/** Ends the connection: reads find the end of file, writes fail. */
void barua_wire_cut (BaruaWire *wire);

/**
 * The same, and the close that follows resets the connection: a client that sends or does not read
 * learns it at once, and the kernel keeps nothing.
 */
void barua_wire_reset (BaruaWire *wire);

G_END_DECLS
