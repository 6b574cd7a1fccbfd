/* SPDX-License-Identifier: MIT */

/* The module barua-tls.so: TLS by GnuTLS, on descriptors that do not block. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/tls.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <sys/socket.h>

/* TLS 1.2 and 1.3 (RFC 8996 ends 1.0 and 1.1), ciphers as the library and the system's policy have
 * them. */
#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"
/* What a client may say in a row that leads nowhere: warnings, requests to negotiate anew. */
#define MAX_IDLE_TALK 16

const BaruaTlsBackend barua_tls_backend_2;

typedef struct
{
  gnutls_certificate_credentials_t credentials;
  gnutls_priority_t priorities;
  gnutls_datum_t ticket_key; /* clients that come again spare both sides the signature */
  gint64 not_after_s;        /* of the whole chain */
} Tls;

/* ---- certificate and key ---- */

typedef struct
{
  gnutls_x509_crt_t *list;
  unsigned int n;
} Chain;

static void
chain_clear (Chain *chain)
{
  for (unsigned int i = 0; i < chain->n; i++)
    gnutls_x509_crt_deinit (chain->list[i]);
  gnutls_free (chain->list);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Chain, chain_clear)

static gboolean
fail (GError **error, const char *file, const char *what, int code)
{
  /* not "FILE: …": in a log, what follows "key:" is masked */
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s in %s (%s)", what, file,
               gnutls_strerror (code));
  return FALSE;
}

/* A certificate whose time has not come serves nobody who looks. */
static void
look_at_begin (gnutls_x509_crt_t certificate, const char *file)
{
  if (gnutls_x509_crt_get_activation_time (certificate) > time (NULL))
    g_warning ("the certificate in %s is not valid yet", file);
}

/* When the first of a chain ends: what ends above a certificate ends it. */
static gint64
first_end_s (const Chain *chain)
{
  gint64 first_s = G_MAXINT64;

  for (unsigned int i = 0; i < chain->n; i++)
    first_s = MIN (first_s, gnutls_x509_crt_get_expiration_time (chain->list[i]));
  return first_s;
}

static gboolean
read_chain (const char *file, Chain *chain, GError **error)
{
  g_autofree char *text = NULL;
  gsize n;

  if (!g_file_get_contents (file, &text, &n, error))
    return FALSE;
  const gnutls_datum_t datum = { (unsigned char *)text, (unsigned int)n };
  const int code = gnutls_x509_crt_list_import2 (&chain->list, &chain->n, &datum,
                                                 GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_SORT);
  if (code < 0)
    {
      *chain = (Chain){ 0 };
      return fail (error, file, "no certificate in PEM", code);
    }
  look_at_begin (chain->list[0], file);
  return TRUE;
}

static gboolean
read_key (const char *file, gnutls_x509_privkey_t key, GError **error)
{
  g_autofree char *text = NULL;
  gsize n;

  if (!g_file_get_contents (file, &text, &n, error))
    return FALSE;
  const gnutls_datum_t datum = { (unsigned char *)text, (unsigned int)n };
  const int code
      = gnutls_x509_privkey_import2 (key, &datum, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN);
  explicit_bzero (text, n);
  return code >= 0
         || fail (error, file, "no private key in PEM that can be read without a password", code);
}

/* Reads both files into @tls. */
static gboolean
take_files (Tls *tls, const char *certificate, const char *key_file, GError **error)
{
  g_auto (Chain) chain = { 0 };
  gnutls_x509_privkey_t key = NULL;

  if (!read_chain (certificate, &chain, error))
    return FALSE;
  gnutls_x509_privkey_init (&key);
  gboolean is_good = read_key (key_file, key, error);
  if (is_good)
    {
      const int code
          = gnutls_certificate_set_x509_key (tls->credentials, chain.list, (int)chain.n, key);
      is_good = code >= 0;
      if (code == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                     "%s is not the key of the certificate in %s", key_file, certificate);
      else if (code < 0)
        fail (error, certificate, "the certificate cannot be used", code);
    }
  gnutls_x509_privkey_deinit (key);
  tls->not_after_s = first_end_s (&chain);
  return is_good;
}

static void
tls_free (gpointer data)
{
  Tls *tls = data;

  gnutls_certificate_free_credentials (tls->credentials);
  if (tls->priorities != NULL)
    gnutls_priority_deinit (tls->priorities);
  if (tls->ticket_key.data != NULL)
    explicit_bzero (tls->ticket_key.data, tls->ticket_key.size);
  gnutls_free (tls->ticket_key.data);
  g_free (tls);
}

static gpointer
tls_new (const char *certificate, const char *key, GError **error)
{
  Tls *tls = g_new0 (Tls, 1);
  int code = gnutls_certificate_allocate_credentials (&tls->credentials);

  if (code >= 0)
    code = gnutls_priority_init (&tls->priorities, PRIORITIES, NULL);
  if (code >= 0)
    code = gnutls_session_ticket_key_generate (&tls->ticket_key);
  if (code < 0)
    fail (error, certificate, "TLS cannot be used", code);
  else if (take_files (tls, certificate, key, error))
    return tls;
  tls_free (tls);
  return NULL;
}

static gint64
not_after_s (gpointer tls)
{
  return ((Tls *)tls)->not_after_s;
}

/* ---- one connection ---- */

static gpointer
session_new (gpointer data, int fd)
{
  const gnutls_datum_t protocol = { (unsigned char *)"http/1.1", 8 };
  Tls *tls = data;
  gnutls_session_t session;

  if (gnutls_init (&session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0)
    return NULL;
  if (gnutls_priority_set (session, tls->priorities) < 0
      || gnutls_credentials_set (session, GNUTLS_CRD_CERTIFICATE, tls->credentials) < 0
      || gnutls_alpn_set_protocols (session, &protocol, 1, 0) < 0
      || gnutls_session_ticket_enable_server (session, &tls->ticket_key) < 0)
    {
      gnutls_deinit (session);
      return NULL;
    }
  gnutls_certificate_server_set_request (session, GNUTLS_CERT_IGNORE);
  gnutls_transport_set_int (session, fd);
  return session;
}

static void
session_free (gpointer session)
{
  gnutls_deinit (session);
}

/* Whether a handshake failed because the client left it before we had answered. One that leaves then does not trust our
 * certificate; what it says of that, GnuTLS cannot always read (OpenSSL does not encrypt it). */
static gboolean
is_gone (gnutls_session_t session, int code)
{
  char byte;

  if ((int)gnutls_handshake_get_last_out (session) >= 0)
    return FALSE;
  return code == GNUTLS_E_PREMATURE_TERMINATION || code == GNUTLS_E_PULL_ERROR
         || code == GNUTLS_E_PUSH_ERROR /* or what becomes of a part of a record before the end: */
         || recv (gnutls_transport_get_int (session), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static BaruaTlsStep
shake (gpointer session)
{
  int code = GNUTLS_E_INTERRUPTED;

  for (guint i = 0; i < MAX_IDLE_TALK && code < 0 && !gnutls_error_is_fatal (code); i++)
    {
      code = gnutls_handshake (session);
      if (code == GNUTLS_E_AGAIN)
        return BARUA_TLS_WAITS;
    }
  if (code >= 0)
    return BARUA_TLS_DONE;
  g_debug ("handshake failed: %s", gnutls_strerror (code));
  if (is_gone (session, code))
    return BARUA_TLS_GONE;
  gnutls_alert_send_appropriate (session, code);
  return BARUA_TLS_FAILED;
}

static gssize
receive (gpointer session, void *buffer, gsize n)
{
  gssize code = GNUTLS_E_INTERRUPTED;

  for (guint i = 0; i < MAX_IDLE_TALK && code < 0 && !gnutls_error_is_fatal ((int)code); i++)
    {
      code = gnutls_record_recv (session, buffer, n);
      if (code == GNUTLS_E_AGAIN)
        {
          errno = EAGAIN;
          return -1;
        }
    }
  if (code >= 0)
    return code;
  if (code == GNUTLS_E_PREMATURE_TERMINATION)
    return 0;
  g_debug ("TLS connection broken: %s", gnutls_strerror ((int)code));
  errno = EPROTO;
  return -1;
}

/* What is under way when EAGAIN is told stays in the session; the next call then sends that. */
static gssize
send_bytes (gpointer session, const void *buffer, gsize n)
{
  gssize code;

  do
    code = gnutls_record_send (session, buffer, n);
  while (code == GNUTLS_E_INTERRUPTED);
  if (code >= 0)
    return code;
  errno = code == GNUTLS_E_AGAIN ? EAGAIN : EPIPE;
  return -1;
}

static void
end (gpointer session)
{
  gnutls_bye (session, GNUTLS_SHUT_WR);
}

G_MODULE_EXPORT const BaruaTlsBackend barua_tls_backend_2
    = { tls_new, tls_free, not_after_s, session_new, session_free, shake, receive, send_bytes, end };
