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
 * What a server shows and proves: a certificate with what is above it, and its key.  Immutable, but for when somebody was
 * told of its end.
 */
typedef struct _BaruaTls BaruaTls;

/**
 * barua_tls_new:
 * @certificate: a file in PEM, the server's own certificate first or in any order
 * @key: a file in PEM, not encrypted
 * @error: names the file and what is wrong with it
 *
 * An expired certificate is no error: it is better than none for who must find out.
 *
 * Returns: (transfer full) (nullable)
 */
BaruaTls *barua_tls_new (const char *certificate, const char *key, GError **error);
BaruaTls *barua_tls_ref (BaruaTls *tls);
void barua_tls_unref (BaruaTls *tls);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaTls, barua_tls_unref)

/** When the first of the certificates ends that are sent, seconds of the epoch. */
gint64 barua_tls_not_after_s (const BaruaTls *tls);

/** The end of a certificate is told from this long before, once a day: one of 90 days is renewed a month before its
 * end, and somebody has to find the time. */
#define BARUA_TLS_NOTICE_DAYS 14

/**
 * barua_tls_is_to_be_told:
 * @not_after_s: when a certificate ends
 * @told_s: when that was told last; 0: never
 *
 * Whether it is time to tell of it; also when the clock was set back since.
 */
gboolean barua_tls_is_to_be_told (gint64 not_after_s, gint64 now_s, gint64 told_s);

/** Warns in the log of the end of a certificate when it is time for that. Main thread. */
void barua_tls_look_at_end (BaruaTls *tls);

/** What became of the handshakes of a server. */
typedef enum
{
  BARUA_TLS_RESULT_DONE,
  BARUA_TLS_RESULT_FAILED, /* the two could not agree, or the client left when it had seen our certificate */
  BARUA_TLS_RESULT_GONE,   /* the client left, or fell silent, before we had answered */
  BARUA_TLS_RESULT_PLAIN,  /* it spoke something else */
  BARUA_TLS_N_RESULTS
} BaruaTlsResult;

/** The word for it in metrics. */
const char *barua_tls_result_name (BaruaTlsResult result);

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
  BARUA_TLS_GONE, /* the client left before it had an answer */
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
  gint64 (*not_after_s) (gpointer tls);
  gpointer (*session_new) (gpointer tls, int fd);
  void (*session_free) (gpointer session);
  BaruaTlsStep (*shake) (gpointer session);
  gssize (*receive) (gpointer session, void *buffer, gsize n);
  gssize (*send) (gpointer session, const void *buffer, gsize n);
  void (*end) (gpointer session);
} BaruaTlsBackend;

/** The name of the module's one symbol, a #BaruaTlsBackend; to be changed with that. */
#define BARUA_TLS_SYMBOL "barua_tls_backend_2"

G_END_DECLS
