/* SPDX-License-Identifier: MIT */

/* Requests that are read and answered without libsoup. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/lane.h"

#include "gateway/http/head.h"
#include "gateway/http/request-private.h"

#include <string.h>
#include <time.h>

/* A request of which only a part has come is kept here up to this size: libsoup's own buffer of a
 * connection is as large. */
#define MAX_KEPT_BYTES 16384u
/* Requests of one connection before others get their turn. */
#define MAX_IN_TURN 16u
/* The paths of such routes are shorter. */
#define MAX_PATH_BYTES 256u

/* ---- the answer ---- */

/* Sat, 21 Nov 2026 22:12:00 GMT (RFC 9110, 5.6.7), made once a second. */
static const char *
date_now (BaruaServer *server)
{
  static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
  static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
  const time_t now_s = (time_t)(g_get_real_time () / G_USEC_PER_SEC);
  struct tm tm;

  if (now_s == server->date_s && server->date[0] != '\0')
    return server->date;
  gmtime_r (&now_s, &tm);
  g_snprintf (server->date, sizeof server->date, "%s, %02d %s %04d %02d:%02d:%02d GMT",
              days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour,
              tm.tm_min, tm.tm_sec);
  server->date_s = now_s;
  return server->date;
}

/* The end of a direct request, as request_done() is of others. */
static void
finish (BaruaRequest *request)
{
  BaruaConnection *connection = request->connection;

  barua_connection_enter (connection,
                          request->is_last ? BARUA_CONNECTION_DRAINING : BARUA_CONNECTION_IDLE);
  if (request->is_last)
    barua_wire_end_output (connection->wire);
  else if (request->server->is_stopping)
    barua_connection_cut (connection);
  barua_request_finish (request);
  barua_lane_run (connection);
}

void
barua_lane_send (BaruaRequest *request, GBytes *body)
{
  g_autoptr (GString) head = g_string_sized_new (384);
  const gboolean has_length = request->status != 204 && request->status != 304;

  g_string_append_printf (head, "HTTP/1.1 %u ", request->status);
  g_string_append (head, barua_reply_phrase (request->status));
  g_string_append (head, "\r\nDate: ");
  g_string_append (head, date_now (request->server));
  g_string_append (head, "\r\n");
  g_string_append_len (head, request->reply_head->str, (gssize)request->reply_head->len);
  if (request->is_last || request->server->is_stopping)
    g_string_append (head, "Connection: close\r\n");
  if (has_length)
    g_string_append_printf (head, "Content-Length: %" G_GSIZE_FORMAT "\r\n",
                            body != NULL ? g_bytes_get_size (body) : 0);
  g_string_append (head, "\r\n");
  barua_connection_enter (request->connection, BARUA_CONNECTION_WRITING);
  if (barua_wire_send (request->connection->wire, head, request->is_head ? NULL : body))
    finish (request);
}

/* ---- the request ---- */

/* Begins a request with this head and body, and lets it go its way. */
static void
begin (BaruaConnection *connection, const BaruaHead *head, BaruaMatch *match, gsize total)
{
  BaruaWire *wire = connection->wire;
  gsize n;
  const char *bytes = barua_wire_held (wire, &n);
  BaruaRequest *request
      = barua_request_new_direct (connection->server, connection, barua_head_copy (head));
  g_autoptr (BaruaRequest) own G_GNUC_UNUSED = barua_request_ref (request);

  request->match = *match;
  *match = (BaruaMatch){ 0 };
  const gboolean is_kept
      = barua_dispatch_take_body (request, bytes + head->length, (gsize)head->body_length);
  barua_wire_take (wire, total);
  barua_wire_keep (wire);
  connection->scanned = 0;
  if (is_kept)
    barua_dispatch_body (request);
}

/* Lets libsoup have the next @bytes. */
static gboolean
lend (BaruaConnection *connection, gint64 bytes)
{
  connection->scanned = 0;
  barua_wire_keep (connection->wire);
  barua_wire_lend (connection->wire, bytes);
  return FALSE;
}

/* Lets libsoup have a head and all that follows. */
static gboolean
lend_head (BaruaConnection *connection, gsize head)
{
  barua_wire_set_apart (connection->wire, head);
  return lend (connection, BARUA_WIRE_ALL);
}

/* Waits in the lane for the rest of a head or of a small request; FALSE when nothing more can be done now. */
static gboolean
wait_for_more (BaruaConnection *connection, BaruaConnectionState state)
{
  if (connection->state != state)
    barua_connection_enter (connection, state);
  switch (barua_wire_receive (connection->wire))
    {
    case BARUA_WIRE_BYTES:
      return TRUE;
    case BARUA_WIRE_END:
      return lend (connection, BARUA_WIRE_ALL);
    case BARUA_WIRE_NOTHING:
    default:
      barua_wire_keep (connection->wire);
      return FALSE;
    }
}

/* Whether a route takes requests on the short way; finds it. */
static gboolean
find_route (BaruaServer *server, const BaruaHead *head, BaruaMatch *match)
{
  const char *method = *head->method.p == 'G' ? "GET" : head->method.p[1] == 'O' ? "POST" : "PUT";
  char path[MAX_PATH_BYTES];

  if (server->is_stopping || head->path.n >= sizeof path)
    return FALSE;
  memcpy (path, head->path.p, head->path.n);
  path[head->path.n] = '\0';
  return barua_router_match (server->router, method, path, match) && match->route != NULL
         && (match->flags & BARUA_ROUTE_DIRECT) != 0;
}

/* Answers a head that is too long, of which @n bytes have come. */
static gboolean
refuse (BaruaConnection *connection, const char *bytes, gsize n)
{
  BaruaServer *server = connection->server;
  BaruaHead head;
  const gboolean is_line = barua_head_read_part (bytes, n, &head);
  BaruaRequest *request = barua_request_new_direct (server, connection, barua_head_copy (&head));
  g_autoptr (BaruaRequest) own G_GNUC_UNUSED = barua_request_ref (request);

  barua_wire_take (connection->wire, n);
  connection->received = connection->scanned = 0;
  request->method = barua_head_copy_method (request->head);
  request->is_head = strcmp (request->method, "HEAD") == 0;
  request->is_last = TRUE;
  request->is_bad = !barua_router_match (server->router, request->method,
                                         barua_request_path (request), &request->match);
  barua_request_fail (request,
                      is_line ? BARUA_HTTP_ERROR_URI_TOO_LONG : BARUA_HTTP_ERROR_HEAD_TOO_LARGE,
                      NULL, NULL);
  return TRUE;
}

/* Throws away what comes after a refusal. The client reads why while it sends, and then closes. */
static gboolean
drain (BaruaConnection *connection)
{
  BaruaWire *wire = connection->wire;
  gsize n;

  barua_wire_held (wire, &n);
  barua_wire_take (wire, n);
  connection->received += n;
  if (connection->received > BARUA_MAX_DRAINED_BYTES)
    barua_connection_reset (connection);
  switch (barua_wire_receive (wire))
    {
    case BARUA_WIRE_BYTES:
      return TRUE;
    case BARUA_WIRE_END:
      barua_wire_set_between (wire, TRUE);
      return lend (connection, BARUA_WIRE_ALL);
    case BARUA_WIRE_NOTHING:
    default:
      return FALSE;
    }
}

/* Deals with a head that is not ours: it is libsoup's as soon as it is whole. */
static gboolean
take_other (BaruaConnection *connection, const char *bytes, gsize n)
{
  const gsize end = barua_head_end (bytes, n, &connection->scanned);

  if (end > BARUA_HEAD_LIMIT_BYTES || (end == 0 && n > BARUA_HEAD_LIMIT_BYTES))
    return refuse (connection, bytes, n);
  if (end > 0)
    return lend_head (connection, end);
  /* it may be the empty line that ends what libsoup has already */
  if (barua_wire_is_read_ahead (connection->wire) && (*bytes == '\r' || *bytes == '\n'))
    return lend (connection, BARUA_WIRE_ALL);
  return wait_for_more (connection, BARUA_CONNECTION_HEADER);
}

/* Takes one request, or decides that it is libsoup's; FALSE when there is nothing more to do. */
static gboolean
take_one (BaruaConnection *connection)
{
  BaruaWire *wire = connection->wire;
  BaruaHead head;
  BaruaMatch match = { 0 };
  gsize n;

  if (connection->state == BARUA_CONNECTION_DRAINING)
    return drain (connection);
  const char *bytes = barua_wire_held (wire, &n);
  if (n == 0)
    {
      const BaruaWireState state = barua_wire_receive (wire);
      if (state == BARUA_WIRE_NOTHING)
        return FALSE;
      if (state == BARUA_WIRE_END)
        return lend (connection, BARUA_WIRE_ALL);
      bytes = barua_wire_held (wire, &n);
    }
  const gboolean is_part
      = connection->scanned > 0 && barua_head_end (bytes, n, &connection->scanned) == 0;
  const BaruaHeadKind kind = is_part || barua_wire_is_read_ahead (wire)
                                 ? BARUA_HEAD_OTHER
                                 : barua_head_read (bytes, n, &head);
  if (kind == BARUA_HEAD_OTHER)
    return take_other (connection, bytes, n);

  const guint64 total = head.length + head.body_length;
  const gboolean is_direct
      = kind == BARUA_HEAD_PLAIN && (n >= total || total <= MAX_KEPT_BYTES)
        && find_route (connection->server, &head, &match);
  gboolean goes_on = TRUE;
  if (!is_direct)
    goes_on = lend (connection, (gint64)total);
  else if (n >= total)
    begin (connection, &head, &match, (gsize)total);
  else
    {
      connection->received = n;
      goes_on = wait_for_more (connection, BARUA_CONNECTION_READING);
    }
  barua_match_clear (&match);
  return goes_on;
}

/* Whether the next request is to be looked at. */
static gboolean
is_our_turn (const BaruaConnection *connection)
{
  return connection->owner != NULL && connection->request == NULL
         && !barua_wire_is_lent (connection->wire);
}

static gboolean
run_later (gpointer data)
{
  BaruaWire *wire = data;
  BaruaConnection *connection = barua_wire_closed_data (wire);

  if (connection != NULL)
    barua_lane_run (connection);
  return G_SOURCE_REMOVE;
}

void
barua_lane_run (BaruaConnection *connection)
{
  g_autoptr (BaruaWire) wire = NULL;
  guint n = 0;

  if (connection->is_in_lane || !is_our_turn (connection))
    return;
  wire = g_object_ref (connection->wire);
  connection->is_in_lane = TRUE;
  while (is_our_turn (connection) && n < MAX_IN_TURN && take_one (connection))
    n++;
  connection->is_in_lane = FALSE;
  if (n == MAX_IN_TURN)
    g_idle_add_full (G_PRIORITY_DEFAULT, run_later, g_object_ref (wire), g_object_unref);
}

void
barua_lane_ready (gpointer data)
{
  BaruaConnection *connection = data;
  BaruaRequest *request = connection->request;

  if (request == NULL)
    barua_lane_run (connection);
  else if (request->head != NULL && request->is_sent
           && !barua_wire_is_sending (connection->wire))
    finish (request);
}

void
barua_lane_head_read (BaruaConnection *connection)
{
  if (barua_wire_is_read_ahead (connection->wire) && !barua_wire_is_lent (connection->wire))
    barua_wire_lend (connection->wire, BARUA_WIRE_ALL);
}

void
barua_lane_body_read (BaruaConnection *connection)
{
  barua_wire_hold_back (connection->wire);
}

void
barua_lane_take_back (BaruaConnection *connection)
{
  if (barua_wire_take_back (connection->wire))
    barua_lane_run (connection);
}
