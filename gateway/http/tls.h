/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * TLS of the connections that come in.  Not GIO's: the handshake of its server side keeps a thread
 * of the pool that everybody shares (glib-networking 2.74, async_handshake_thread()) for as long as
 * the client likes, so that ten silent clients stop all others, and password checks with them. Here
 * GnuTLS works on a descriptor that does not block, and a client that is silent costs a descriptor
 * and a timer.  The library comes in a module (forms/module.h) that is loaded when a certificate is
 * configured.
 */

/**
 * BaruaTls:
 *
 * What a server shows and proves: a certificate with what is above it, and its key.  Immutable.
 */
typedef struct _BaruaTls BaruaTls;

/**
 * barua_tls_new:
 * @certificate: a file in PEM, the server's own certificate first or in any order
 * @key: a file in PEM, not encrypted
 * @error: names the file and what is wrong with it
 *
 * An expired certificate is a warning in the log, not an error: it is better than none for who must
 * find out.
 *
 * Returns: (transfer full) (nullable)
 */
BaruaTls *barua_tls_new (const char *certificate, const char *key, GError **error);
BaruaTls *barua_tls_ref (BaruaTls *tls);
void barua_tls_unref (BaruaTls *tls);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaTls, barua_tls_unref)

/**
 * BaruaTlsSession:
 *
 * One connection.  Used by one thread at a time.
 */
typedef struct _BaruaTlsSession BaruaTlsSession;

/** Returns: (transfer full) (nullable): for a connected descriptor, borrowed, that does not block;
 * TLS 1.2 or 1.3, ALPN http/1.1, session tickets. %NULL when there is no memory. */
BaruaTlsSession *barua_tls_session_new (BaruaTls *tls, int fd);
void barua_tls_session_free (BaruaTlsSession *session);

/** How far a handshake is. */
typedef enum
{
  BARUA_TLS_WAITS, /* for bytes from the client, or room for ours */
  BARUA_TLS_DONE,
  BARUA_TLS_FAILED,
} BaruaTlsStep;

/** Called from the main loop. */
typedef void (*BaruaTlsShaken) (BaruaTlsStep step, gpointer data);

/**
 * barua_tls_session_shake:
 *
 * Goes on with the handshake as far as what has come allows; on one of two threads, because a
 * signature takes a millisecond. Nobody else may use the session or close its descriptor until
 * @shaken is called.
 */
void barua_tls_session_shake (BaruaTlsSession *session, BaruaTlsShaken shaken, gpointer data);

/** Waits for the steps that are under way, a millisecond each; the main loop then tells of them. */
void barua_tls_settle (void);

/** As recv() with MSG_DONTWAIT, errno included; what GnuTLS has in its own buffer is no reason for
 * the descriptor to be readable: ask until EAGAIN. */
gssize barua_tls_session_receive (BaruaTlsSession *session, void *buffer, gsize n);

/** As send() with MSG_DONTWAIT, errno included; after EAGAIN the same bytes must be sent again. */
gssize barua_tls_session_send (BaruaTlsSession *session, const void *buffer, gsize n);

/** Says that nothing more will be sent (close_notify), if there is room to say it. */
void barua_tls_session_end (BaruaTlsSession *session);

/**
 * BaruaTlsBackend:
 *
 * What the module gives: the functions above, with its own pointers; `shake` is one step.
 */
typedef struct
{
  gpointer (*tls_new) (const char *certificate, const char *key, GError **error);
  void (*tls_free) (gpointer tls);
  gpointer (*session_new) (gpointer tls, int fd);
  void (*session_free) (gpointer session);
  BaruaTlsStep (*shake) (gpointer session);
  gssize (*receive) (gpointer session, void *buffer, gsize n);
  gssize (*send) (gpointer session, const void *buffer, gsize n);
  void (*end) (gpointer session);
} BaruaTlsBackend;

/** The name of the module's one symbol, a #BaruaTlsBackend; to be changed with that. */
#define BARUA_TLS_SYMBOL "barua_tls_backend_1"

G_END_DECLS
