/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/http/body.h"
#include "gateway/http/connections.h"
#include "gateway/http/head.h"
#include "gateway/http/metrics.h"
#include "gateway/http/query.h"
#include "gateway/http/server.h"
#include "gateway/http/spool.h"
#include "gateway/http/stream.h"

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* What the files of this folder share and nobody else sees. */

struct _BaruaServer
{
  guint n_refs; /* the owner's and one per request */
  BaruaServerOptions options;
  BaruaServerApp app;
  BaruaAuth *auth;
  BaruaRouter *router;
  BaruaConnections *connections; /* NULL once freed by the owner */
  SoupServer *soup;
  BaruaWireWatch *watch;
  BaruaTls *tls; /* NULL: plain HTTP */
  GPtrArray *listeners; /* of Listener, server.c */
  BaruaBudget budget;
  BaruaServerStats stats;
  BaruaMetrics *metrics;
  guint64 last_id;
  gint64 date_s; /* the second of @date */
  char date[32]; /* of answers, lane.c */
  gboolean is_stopping;
  guint stop_id;
  guint settle_id;
  void (*stopped) (gpointer data);
  gpointer stopped_data;
};

BaruaServer *barua_server_ref (BaruaServer *server);
void barua_server_unref (BaruaServer *server);

struct _BaruaRequest
{
  guint n_refs;
  guint64 id;
  gint64 started_us;
  BaruaServer *server;
  BaruaConnection *connection; /* NULL once finished */
  SoupServerMessage *message; /* NULL for a direct request */
  BaruaHeadCopy *head;        /* of a direct request */
  GString *reply_head;        /* fields of its answer */
  const char *method;         /* GET for HEAD */
  char *target;       /* made when asked for */
  char *forwarded;    /* address from X-Forwarded-For, made when asked for */
  BaruaMatch match;
  BaruaPairs query;
  BaruaUser *user;
  gpointer settings;
  char *session;               /* token of the cookie, made when asked for */
  BaruaAuthDone identity_done; /* while its sender is looked up */
  /* the body */
  BaruaBuffer buffer;
  BaruaSpool *spool; /* NULL unless the route wants one */
  BaruaDecoded decoded;
  GError *body_error;
  gsize received;
  guint64 announced; /* Content-Length */
  gsize max_body_bytes;
  /* the answer */
  guint status;
  gsize reply_bytes;
  GBytes *reply_body;  /* while it is compressed */
  BaruaStream *stream; /* NULL: an answer in one piece */
  guint is_head : 1;
  guint is_bad : 1; /* the path cannot be decoded */
  guint has_body : 1;
  guint is_announced : 1;  /* there is a Content-Length */
  guint is_discarded : 1;  /* the body is of no use */
  guint is_last : 1;       /* the connection ends with the answer: direct requests */
  guint is_draining : 1;   /* refused: what still comes of the body is dropped */
  guint is_identified : 1; /* authentication is done */
  guint has_query : 1;     /* the query has been split */
  guint has_session : 1;   /* the cookie has been looked for */
  guint is_replied : 1;    /* by the handler, or refused */
  guint is_sent : 1;       /* handed to libsoup */
  guint is_paused : 1;     /* libsoup waits for us */
  guint is_finished : 1;   /* libsoup is done with it */
};

BaruaRequest *barua_request_new (BaruaServer *server, BaruaConnection *connection,
                                 SoupServerMessage *message);

/** lane.c: a request that libsoup never sees. @head: (transfer full) */
BaruaRequest *barua_request_new_direct (BaruaServer *server, BaruaConnection *connection,
                                        BaruaHeadCopy *head);

/** The dialect of the errors of its route. */
BaruaHttpDialect barua_request_dialect (BaruaRequest *request);

/** Makes libsoup go on, if it waits. */
void barua_request_unpause (BaruaRequest *request);
void barua_request_pause (BaruaRequest *request);

/** A header as it came, the last one of several; cheaper than barua_request_header(). */
const char *barua_request_header_one (BaruaRequest *request, const char *name);

/** Takes the request from its connection: libsoup is done with it. Drops the connection's
 * reference. */
void barua_request_finish (BaruaRequest *request);

/** dispatch.c: the signals of a message on its way. */
void barua_dispatch_headers (BaruaRequest *request);
void barua_dispatch_body (BaruaRequest *request);

/** dispatch.c: the whole body of a direct request whose route is known; %FALSE when it is refused. */
gboolean barua_dispatch_take_body (BaruaRequest *request, const char *bytes, gsize n);

/** What is read of a refused request before the connection is cut, bytes. */
#define BARUA_MAX_DRAINED_BYTES (4u * 1024u * 1024u)

/** What is said of a status in the first line of an answer; libsoup knows no 431. */
const char *barua_reply_phrase (guint status);

/** Adds a field to the answer. */
void barua_reply_append_header (BaruaRequest *request, const char *name, const char *value);

/** stream.c: libsoup is done with the request; drops the request's reference. */
void barua_stream_finished (BaruaStream *stream);

/** stream.c: the server stops. */
void barua_stream_server_stops (BaruaStream *stream);

/** access-log.c: one line. */
void barua_access_log (BaruaRequest *request);

/** Says `Connection: close` in the answer when the connection ends with it: because the client said so (RFC 9112,
 * 9.6) or the server stops. */
void barua_reply_say_close (BaruaRequest *request);

G_END_DECLS
