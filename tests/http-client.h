/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

/** How a conversation over a socket of its own ended. */
typedef enum
{
  PEER_OPEN,   /* the answer was complete, the connection is still open */
  PEER_CLOSED, /* the server closed it */
  PEER_SILENT, /* nothing came for the time given */
} PeerEnd;

/**
 * Runs @talk in a thread, with @data, while this thread runs the main loop; returns when @talk has
 * returned.
 */
void barua_http_converse (void (*talk) (gpointer data), gpointer data);

/** Runs the loop a little, so that closed connections are noticed. */
void barua_http_settle (void);

/** A blocking connection to a loopback port. */
int barua_http_connect (guint port);

/** Sends all of @text; FALSE when the server does not take it. */
gboolean barua_http_send (int fd, const char *text, gssize length);

/**
 * Reads until a whole answer is there (by Content-Length), the server closes, or @wait_ms pass
 * without a byte. Appends to @answer.
 */
PeerEnd barua_http_receive (int fd, GString *answer, gboolean is_head, guint wait_ms);

/** Appends to @all until the server closes, or @wait_ms pass without a byte. */
PeerEnd barua_http_read_all (int fd, GString *all, guint wait_ms);

/** Sends @request on a connection of its own and returns the answer as text. */
char *barua_http_ask (guint port, const char *request);

/** The status of an answer, 0 for none. */
guint barua_http_status (const char *answer);

/** The body of an answer. */
const char *barua_http_body (const char *answer);
