/* SPDX-License-Identifier: MIT */

/* TLS by a module, and the threads on which handshakes are made. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/tls.h"

#include "forms/module.h"

/* As many handshakes are computed at a time; none of them waits for a client. */
#define MAX_THREADS 2

#define DAY_S 86400

struct _BaruaTls
{
  gint n_refs;
  gpointer own; /* the module's */
  char *file;   /* its certificate */
  gint64 told_s; /* when its end was told last */
};

struct _BaruaTlsSession
{
  BaruaTls *tls;
  gpointer own;
  BaruaTlsStep step;
  BaruaTlsShaken shaken; /* NULL: no step is under way */
  gpointer data;
};

static const BaruaTlsBackend *backend;
static GThreadPool *threads;

/* Back in the main loop. */
static gboolean
tell (gpointer data)
{
  BaruaTlsSession *session = data;
  BaruaTlsShaken shaken = g_steal_pointer (&session->shaken);

  shaken (session->step, session->data);
  return G_SOURCE_REMOVE;
}

/* GFunc: one step, on a thread. */
static void
shake (gpointer data, gpointer unused)
{
  BaruaTlsSession *session = data;

  session->step = backend->shake (session->own);
  g_idle_add_full (G_PRIORITY_DEFAULT, tell, session, NULL);
}

/* Loads the module with the first certificate; it stays. */
static gboolean
load (GError **error)
{
  if (backend == NULL)
    backend = barua_module_symbol ("barua-tls.so", BARUA_TLS_SYMBOL);
  if (backend == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                           "this program has no TLS: its module barua-tls.so cannot be loaded");
      return FALSE;
    }
  return TRUE;
}

BaruaTls *
barua_tls_new (const char *certificate, const char *key, GError **error)
{
  gpointer own = load (error) ? backend->tls_new (certificate, key, error) : NULL;

  if (own == NULL)
    return NULL;
  BaruaTls *tls = g_new0 (BaruaTls, 1);
  tls->n_refs = 1;
  tls->own = own;
  tls->file = g_strdup (certificate);
  return tls;
}

BaruaTls *
barua_tls_ref (BaruaTls *tls)
{
  g_atomic_int_inc (&tls->n_refs);
  return tls;
}

void
barua_tls_unref (BaruaTls *tls)
{
  if (!g_atomic_int_dec_and_test (&tls->n_refs))
    return;
  backend->tls_free (tls->own);
  g_free (tls->file);
  g_free (tls);
}

gint64
barua_tls_not_after_s (const BaruaTls *tls)
{
  return backend->not_after_s (tls->own);
}

gboolean
barua_tls_is_to_be_told (gint64 not_after_s, gint64 now_s, gint64 told_s)
{
  return not_after_s - now_s < BARUA_TLS_NOTICE_DAYS * DAY_S
         && (told_s == 0 || ABS (now_s - told_s) >= DAY_S);
}

void
barua_tls_look_at_end (BaruaTls *tls)
{
  const gint64 end_s = barua_tls_not_after_s (tls);
  const gint64 now_s = g_get_real_time () / G_USEC_PER_SEC;
  const gint64 left_h = (end_s - now_s) / 3600;

  if (!barua_tls_is_to_be_told (end_s, now_s, tls->told_s))
    return;
  tls->told_s = now_s;
  if (end_s <= now_s)
    g_warning ("a certificate in %s has expired", tls->file);
  else if (left_h < 48)
    g_warning ("a certificate in %s ends in %d hours", tls->file, (int)left_h);
  else
    g_warning ("a certificate in %s ends in %d days", tls->file, (int)(left_h / 24));
}

const char *
barua_tls_result_name (BaruaTlsResult result)
{
  static const char *const names[BARUA_TLS_N_RESULTS] = { "done", "failed", "gone", "plain" };

  return names[result];
}

BaruaTlsSession *
barua_tls_session_new (BaruaTls *tls, int fd)
{
  gpointer own = backend->session_new (tls->own, fd);

  if (own == NULL)
    return NULL;
  BaruaTlsSession *session = g_new0 (BaruaTlsSession, 1);
  session->tls = barua_tls_ref (tls);
  session->own = own;
  return session;
}

void
barua_tls_session_free (BaruaTlsSession *session)
{
  if (session == NULL)
    return;
  g_return_if_fail (session->shaken == NULL);
  backend->session_free (session->own);
  barua_tls_unref (session->tls);
  g_free (session);
}

void
barua_tls_session_shake (BaruaTlsSession *session, BaruaTlsShaken shaken, gpointer data)
{
  g_return_if_fail (session->shaken == NULL);

  session->shaken = shaken;
  session->data = data;
  if (threads == NULL)
    threads = g_thread_pool_new (shake, NULL, MAX_THREADS, TRUE, NULL);
  g_thread_pool_push (threads, session, NULL);
}

void
barua_tls_settle (void)
{
  if (threads != NULL)
    g_thread_pool_free (g_steal_pointer (&threads), FALSE, TRUE);
}

gssize
barua_tls_session_receive (BaruaTlsSession *session, void *buffer, gsize n)
{
  return backend->receive (session->own, buffer, n);
}

gssize
barua_tls_session_send (BaruaTlsSession *session, const void *buffer, gsize n)
{
  return backend->send (session->own, buffer, n);
}

void
barua_tls_session_end (BaruaTlsSession *session)
{
  backend->end (session->own);
}
