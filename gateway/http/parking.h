/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * BaruaParking:
 *
 * Connections between two requests, away from libsoup, whose sources GLib's main loop looks at on
 * every turn, however idle: with 10,000 idle phones a POST took 2.2 ms of processor time instead of
 * 0.25. A parked connection is a descriptor in one epoll set and a hundred bytes; it gets a stream
 * and libsoup again when its next request begins to arrive.
 */
typedef struct _BaruaParking BaruaParking;

/**
 * BaruaParked:
 * @fd: the connection
 * @since_us: monotonic time when its last request ended
 * @address: text of the peer's address
 * @is_counted: against the limit per address
 *
 * One parked connection.
 */
typedef struct
{
  int fd;
  gint64 since_us;
  char *address;
  gboolean is_counted;
  GList link;
} BaruaParked;

/**
 * BaruaParkingFunc:
 * @parked: borrowed; not in the set any more
 * @is_alive: a request begins; %FALSE: it ended, and its descriptor is closed already
 *
 * A connection leaves. If it is alive its descriptor belongs to the function.
 */
typedef void (*BaruaParkingFunc) (const BaruaParked *parked, gboolean is_alive, gpointer data);

/** Returns: (nullable) (transfer full): %NULL where the kernel gives no epoll set; connections then stay
 * where they are. */
BaruaParking *barua_parking_new (BaruaParkingFunc func, gpointer data);

/** Closes all of them, without calls. */
void barua_parking_free (BaruaParking *parking);

/**
 * barua_parking_take:
 * @socket: between two requests, nothing of it read and not used; a plain TCP connection without TLS
 * @address: copied
 *
 * Takes the connection away from @socket, which looks from then on like one whose peer has gone.
 *
 * Returns: %FALSE: it stays where it is
 */
gboolean barua_parking_take (BaruaParking *parking, GSocket *socket, gint64 since_us,
                             const char *address, gboolean is_counted);

/** The same for a connection that nobody has a socket of: @fd belongs to the set, unless this is %FALSE. */
gboolean barua_parking_adopt (BaruaParking *parking, int fd, gint64 since_us, const char *address,
                              gboolean is_counted);

/** Appends the descriptors (int) of all to @sockets, whose they are then; tells nobody. */
void barua_parking_release (BaruaParking *parking, GArray *sockets);

/** Has those that have their next request leave now, alive, and ends the others. */
void barua_parking_empty (BaruaParking *parking);

/** Ends those that are idle since before @before_us; %G_MAXINT64: all. */
void barua_parking_expire (BaruaParking *parking, gint64 before_us);

guint barua_parking_count (const BaruaParking *parking);

G_END_DECLS
