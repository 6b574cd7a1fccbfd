/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/http/connections.h"

G_BEGIN_DECLS

/*
 * The short way of a request. libsoup takes 140,000 instructions for a request and its answer
 * (callgrind, GET /api/sms), more than everything else we do for a poll. What phones send is plain:
 * requests that head.h reads, for routes with %BARUA_ROUTE_DIRECT, are taken off the wire here and
 * answered in one piece; any other is libsoup's, which then finds its bytes as if nobody had looked.
 * A head that is too long is refused here on all connections: libsoup would reset them without an answer.
 */

/** Looks at what has come on a connection, as far as it is our turn. */
void barua_lane_run (BaruaConnection *connection);

/** The same for barua_wire_watch_new(). */
void barua_lane_ready (gpointer connection);

/** libsoup has read the head of a request, or all of one: it gets what is between them only when the next head is
 * whole, and not too long. */
void barua_lane_head_read (BaruaConnection *connection);
void barua_lane_body_read (BaruaConnection *connection);

/** libsoup is done with a request: the next may be ours again. */
void barua_lane_take_back (BaruaConnection *connection);

/** Sends the answer of a direct request, which then is finished; its header fields are in
 * reply_head. @body: (nullable) */
void barua_lane_send (BaruaRequest *request, GBytes *body);

G_END_DECLS
