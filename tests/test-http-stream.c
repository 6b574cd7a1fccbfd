/* SPDX-License-Identifier: MIT */

/* Answers in pieces, attachments on the way in, session cookies: over sockets against the real
 * server. */

#include "gateway/http/cookie.h"
#include "gateway/http/password.h"
#include "gateway/http/server.h"
#include "gateway/http/stream.h"
#include "tests/http-client.h"
#include "tests/suites.h"

#include <arpa/inet.h>
#include <gio/gio.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GOOD "Authorization: Basic bWFyeTpzM2NyZXQ=\r\n" /* mary:s3cret */
#define WRONG "Authorization: Basic bWFyeTp3cm9uZw==\r\n"
#define HOST "Host: x:80\r\n"
#define CLOSE "Connection: close\r\n"
#define TOKEN "c2Vzc2lvbg-of_mary"
#define COOKIE "Cookie: a=b; AuthSession=" TOKEN "\r\n"

static BaruaServer *server;
static BaruaAuth *auth;
static guint port;
static char *hash;

/* What the handlers saw. */
static guint n_wanted, n_gone, n_freed, n_stopped, n_look_ups;
static BaruaStream *feed; /* the open one of /feed */
static guint beat_id;
static gboolean session_is_valid, is_stopped;

/* ---- accounts and sessions ---- */

static const char *const roles[] = { "chw", NULL };

static void
find_account (gpointer data, const char *name, BaruaAccountFound found, gpointer found_data)
{
  gboolean is_known = strcmp (name, "mary") == 0;

  found (is_known ? barua_auth_account_new (name, hash, roles) : NULL, NULL, found_data);
}

static void
find_session (gpointer data, const char *token_hash, BaruaAccountFound found, gpointer found_data)
{
  g_autofree char *expected = g_compute_checksum_for_string (G_CHECKSUM_SHA256, TOKEN, -1);
  gboolean is_good = session_is_valid && strcmp (token_hash, expected) == 0;

  n_look_ups++;
  found (is_good ? barua_auth_account_new ("mary", "", roles) : NULL, NULL, found_data);
}

static const BaruaAuthBackend backend
    = { .find_account = find_account, .find_session = find_session };

/* ---- handlers ---- */

/* A stream of @left pieces of @size bytes. */
typedef struct
{
  guint left;
  gsize size;
} Count;

static void
count_free (gpointer data)
{
  n_freed++;
  g_free (data);
}

static void
count_want (BaruaStream *stream, gpointer data)
{
  Count *count = data;

  n_wanted++;
  ck_assert (barua_stream_is_idle (stream));
  if (count->left == 0)
    {
      barua_stream_end (stream);
      return;
    }
  count->left--;
  char *piece = g_malloc (count->size);
  memset (piece, 'a' + (int)(count->left % 26), count->size);
  barua_stream_write (stream, g_bytes_new_take (piece, count->size));
}

static void
count_gone (BaruaStream *stream, gpointer data)
{
  n_gone++;
  barua_stream_end (stream); /* no harm */
}

static const BaruaStreamCalls count_calls = { .want = count_want, .gone = count_gone };

static guint64
number_of (BaruaRequest *request, const char *name, guint64 otherwise)
{
  const char *text = barua_request_query (request, name);

  return text != NULL ? g_ascii_strtoull (text, NULL, 10) : otherwise;
}

static void
begin_count (BaruaRequest *request)
{
  Count *count = g_new0 (Count, 1);

  count->left = (guint)number_of (request, "n", 3);
  count->size = number_of (request, "size", 4);
  barua_request_add_header (request, "X-Test", "1");
  barua_stream_begin (request, 200, "text/plain",
                      (gint64)number_of (request, "length", (guint64)BARUA_STREAM_UNKNOWN_LENGTH),
                      BARUA_STREAM_FINITE, &count_calls, count, count_free);
}

static void
count (BaruaRequest *request, gpointer app)
{
  begin_count (request);
}

static gboolean
begin_late (gpointer data)
{
  g_autoptr (BaruaRequest) request = data;

  begin_count (request);
  return G_SOURCE_REMOVE;
}

static void
late (BaruaRequest *request, gpointer app)
{
  g_timeout_add (100, begin_late, barua_request_ref (request));
}

static void
broken_want (BaruaStream *stream, gpointer data)
{
  if (n_wanted++ == 0)
    barua_stream_write_text (stream, "half of ");
  else
    barua_stream_abort (stream);
}

static void
free_nothing (gpointer data)
{
  n_freed++;
}

static const BaruaStreamCalls broken_calls = { .want = broken_want, .gone = count_gone };

static void
broken (BaruaRequest *request, gpointer app)
{
  barua_stream_begin (request, 200, "text/plain", BARUA_STREAM_UNKNOWN_LENGTH, BARUA_STREAM_FINITE,
                      &broken_calls, NULL, free_nothing);
}

static void
feed_want (BaruaStream *stream, gpointer data)
{
  n_wanted++;
}

static void
feed_gone (BaruaStream *stream, gpointer data)
{
  n_gone++;
}

static void
feed_stop (BaruaStream *stream, gpointer data)
{
  n_stopped++;
  barua_stream_write_text (stream, "bye\n");
  barua_stream_end (stream);
}

static void
feed_free (gpointer data)
{
  n_freed++;
  g_clear_handle_id (&beat_id, g_source_remove);
  feed = NULL;
}

static gboolean
beat (gpointer data)
{
  if (barua_stream_is_idle (feed))
    barua_stream_write_text (feed, "\n");
  return G_SOURCE_CONTINUE;
}

static const BaruaStreamCalls feed_calls
    = { .want = feed_want, .gone = feed_gone, .stop = feed_stop };

static void
begin_feed (BaruaRequest *request, gpointer app)
{
  guint64 beat_ms = number_of (request, "beat", 0);

  feed = barua_stream_begin (request, 200, "application/json", BARUA_STREAM_UNKNOWN_LENGTH,
                             BARUA_STREAM_WAITS, &feed_calls, NULL, feed_free);
  barua_stream_write_text (feed, "{\"results\":[\n");
  if (beat_ms > 0)
    beat_id = g_timeout_add ((guint)beat_ms, beat, NULL);
}

/* Answers what came: kind, length, checksum. */
static void
keep_attachment (BaruaRequest *request, gpointer app)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_MD5);
  gboolean is_file = barua_request_body_kind (request) == BARUA_BODY_KIND_FILE;
  GBytes *bytes = barua_request_body (request);
  guchar block[4096];
  ssize_t n;

  int fd = barua_request_steal_body_fd (request);
  ck_assert_int_eq (fd >= 0, is_file);
  while (is_file && (n = read (fd, block, sizeof block)) > 0)
    g_checksum_update (sum, block, n);
  if (is_file)
    close (fd);
  if (bytes != NULL)
    g_checksum_update (sum, g_bytes_get_data (bytes, NULL), (gssize)g_bytes_get_size (bytes));
  g_autofree char *text
      = g_strdup_printf ("%s %" G_GUINT64_FORMAT " %s", is_file ? "file" : "memory",
                         barua_request_body_length (request), g_checksum_get_string (sum));
  barua_request_reply_text (request, 201, text);
}

static void
who (BaruaRequest *request, gpointer app)
{
  const BaruaUser *user = barua_request_user (request);
  g_autofree char *text
      = g_strdup_printf ("%s %d", user != NULL ? user->name : "-", user != NULL && user->is_cookie);

  barua_request_reply_text (request, 200, text);
}

static void
origin (BaruaRequest *request, gpointer app)
{
  g_autofree char *own = barua_request_origin (request);
  g_autofree char *text = g_strdup_printf ("%s secure %d", own, barua_request_is_secure (request));

  barua_request_reply_text (request, 200, text);
}

#define NATIVE BARUA_ROUTE_DOCUMENT_NATIVE

static const BaruaRoute routes[] = {
  { "GET", "/count", NULL, BARUA_BODY_NONE, 0, BARUA_ROUTE_PLAIN, count },
  { "GET", "/late", NULL, BARUA_BODY_NONE, 0, BARUA_ROUTE_PLAIN, late },
  { "GET", "/broken", NULL, BARUA_BODY_NONE, 0, BARUA_ROUTE_PLAIN, broken },
  { "GET", "/feed", NULL, BARUA_BODY_NONE, 0, BARUA_ROUTE_PLAIN, begin_feed },
  { "GET", "/who", "", BARUA_BODY_NONE, 0, NATIVE, who },
  { "POST", "/who", "", BARUA_BODY_JSON, 0, NATIVE, who },
  { "GET", "/anyone", NULL, BARUA_BODY_NONE, 0, NATIVE, who },
  { "GET", "/origin", NULL, BARUA_BODY_NONE, 0, NATIVE, origin },
  { "PUT", "/{db}/{id}/{name...}", "", BARUA_BODY_SPOOL, 2 << 20, NATIVE, keep_attachment },
  { NULL },
};

/* ---- fixture ---- */

static void
start (void)
{
  BaruaServerOptions options;
  const BaruaServerApp app = { 0 };
  g_autoptr (GError) error = NULL;
  static const char *const proxies[] = { "127.0.0.2", NULL };

  barua_server_options_init (&options);
  options.request_timeout_ms = 400;
  options.idle_timeout_ms = 800;
  options.trusted_proxies = proxies;
  if (hash == NULL)
    hash = barua_password_hash ("s3cret", NULL);
  n_wanted = n_gone = n_freed = n_stopped = n_look_ups = 0;
  session_is_valid = TRUE;
  is_stopped = FALSE;
  auth = barua_auth_new (&backend, NULL);
  server = barua_server_new (&options, routes, &app, auth);
  ck_assert (barua_server_listen (server, "127.0.0.1:0", &error));
  port = barua_server_port (server);
}

/* Runs the loop a little, so that closed connections are noticed. */
static void
settle (void)
{
  for (guint i = 0; i < 20; i++)
    {
      while (g_main_context_iteration (NULL, FALSE))
        ;
      g_usleep (1000);
    }
}

static void
finish (void)
{
  settle ();
  g_clear_pointer (&server, barua_server_free);
  g_clear_pointer (&auth, barua_auth_free);
  settle ();
}

/* Everything until the server closes, or @wait_ms pass in silence. */
static PeerEnd
read_all (int fd, GString *all, guint wait_ms)
{
  while (TRUE)
    {
      struct pollfd ready = { .fd = fd, .events = POLLIN };
      char block[8192];

      if (poll (&ready, 1, (int)wait_ms) <= 0)
        return PEER_SILENT;
      ssize_t n = recv (fd, block, sizeof block, 0);
      if (n <= 0)
        return PEER_CLOSED;
      g_string_append_len (all, block, n);
    }
}

static PeerEnd
ask_all (const char *request, GString *all)
{
  int fd = barua_http_connect (port);

  barua_http_send (fd, request, -1);
  PeerEnd end = read_all (fd, all, 3000);
  close (fd);
  return end;
}

/* The body of a chunked answer put together; NULL when the last chunk is missing. */
static GString *
dechunk (const GString *answer)
{
  const char *at = barua_http_body (answer->str);
  const char *end = answer->str + answer->len;
  g_autoptr (GString) body = g_string_new (NULL);

  while (at < end)
    {
      char *after = NULL;
      guint64 n = g_ascii_strtoull (at, &after, 16);

      if (after == at || after + 2 > end)
        return NULL;
      at = after + 2;
      if (n == 0)
        return g_steal_pointer (&body);
      if (n > (guint64)(end - at))
        return NULL;
      g_string_append_len (body, at, (gssize)n);
      at += n + 2;
    }
  return NULL;
}

/* ---- streams ---- */

static void
read_pieces (gpointer data)
{
  g_autoptr (GString) answer = g_string_new (NULL);

  ck_assert_int_eq (
      ask_all (data != NULL ? data : "GET /count HTTP/1.1\r\n" HOST CLOSE "\r\n", answer),
      PEER_CLOSED);
  ck_assert_uint_eq (barua_http_status (answer->str), 200);
  ck_assert_ptr_nonnull (strstr (answer->str, "Transfer-Encoding: chunked\r\n"));
  ck_assert_ptr_nonnull (strstr (answer->str, "X-Test: 1\r\n"));
  g_autoptr (GString) body = dechunk (answer);
  ck_assert_ptr_nonnull (body);
  ck_assert_str_eq (body->str, "ccccbbbbaaaa");
}

START_TEST (pieces_come_one_after_the_other)
{
  barua_http_converse (read_pieces, NULL);
  ck_assert_uint_eq (n_wanted, 4);
  ck_assert_uint_eq (n_gone, 0);
  ck_assert_uint_eq (n_freed, 1);
}
END_TEST

START_TEST (a_handler_begins_later)
{
  barua_http_converse (read_pieces, (gpointer) "GET /late HTTP/1.1\r\n" HOST CLOSE "\r\n");
  ck_assert_uint_eq (n_freed, 1);
}
END_TEST

START_TEST (ranges_are_not_for_streams)
{
  barua_http_converse (read_pieces,
                       (gpointer) "GET /count HTTP/1.1\r\n" HOST CLOSE "Range: bytes=0-1\r\n\r\n");
}
END_TEST

static void
read_twice (gpointer data)
{
  int fd = barua_http_connect (port);

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GString) answer = g_string_new (NULL);
      barua_http_send (fd, "GET /count HTTP/1.1\r\n" HOST "\r\n", -1);
      ck_assert_int_eq (read_all (fd, answer, 200), PEER_SILENT);
      ck_assert (g_str_has_suffix (answer->str, "\r\n0\r\n\r\n"));
    }
  close (fd);
}

START_TEST (the_connection_goes_on)
{
  barua_http_converse (read_twice, NULL);
  ck_assert_uint_eq (n_freed, 2);
}
END_TEST

static void
read_old (gpointer data)
{
  g_autoptr (GString) answer = g_string_new (NULL);

  ck_assert_int_eq (ask_all ("GET /count HTTP/1.0\r\n" HOST "\r\n", answer), PEER_CLOSED);
  ck_assert_ptr_null (strstr (answer->str, "chunked"));
  ck_assert_str_eq (barua_http_body (answer->str), "ccccbbbbaaaa");
}

START_TEST (http_1_0_ends_with_the_connection) { barua_http_converse (read_old, NULL); }
END_TEST

static void
read_head (gpointer data)
{
  g_autoptr (GString) answer = g_string_new (NULL);

  ask_all ("HEAD /count HTTP/1.1\r\n" HOST CLOSE "\r\n", answer);
  ck_assert_uint_eq (barua_http_status (answer->str), 200);
  ck_assert_ptr_nonnull (strstr (answer->str, "X-Test: 1\r\n"));
  ck_assert_str_eq (barua_http_body (answer->str), "");
  g_string_truncate (answer, 0);
  ask_all ("HEAD /count?length=12 HTTP/1.1\r\n" HOST CLOSE "\r\n", answer);
  ck_assert_ptr_nonnull (strstr (answer->str, "Content-Length: 12\r\n"));
  ck_assert_str_eq (barua_http_body (answer->str), "");
}

START_TEST (head_gets_the_head)
{
  barua_http_converse (read_head, NULL);
  settle ();
  ck_assert_uint_eq (n_wanted, 0);
  ck_assert_uint_eq (n_gone, 2);
  ck_assert_uint_eq (n_freed, 2);
}
END_TEST

static void
read_measured (gpointer data)
{
  g_autoptr (GString) good = g_string_new (NULL), cut = g_string_new (NULL);

  ask_all ("GET /count?length=12 HTTP/1.1\r\n" HOST CLOSE "Accept-Encoding: gzip\r\n\r\n", good);
  ck_assert_ptr_nonnull (strstr (good->str, "Content-Length: 12\r\n"));
  ck_assert_str_eq (barua_http_body (good->str), "ccccbbbbaaaa");
  /* fewer than announced: the client can see it */
  ck_assert_int_eq (ask_all ("GET /count?length=13 HTTP/1.1\r\n" HOST "\r\n", cut), PEER_CLOSED);
  ck_assert_str_eq (barua_http_body (cut->str), "ccccbbbbaaaa");
}

START_TEST (a_length_may_be_known)
{
  barua_http_converse (read_measured, NULL);
  ck_assert_uint_eq (n_freed, 2);
}
END_TEST

static void
read_broken (gpointer data)
{
  g_autoptr (GString) answer = g_string_new (NULL);

  ck_assert_int_eq (ask_all ("GET /broken HTTP/1.1\r\n" HOST "\r\n", answer), PEER_CLOSED);
  ck_assert_ptr_nonnull (strstr (answer->str, "half of "));
  g_autoptr (GString) body = dechunk (answer);
  ck_assert_ptr_null (body);
}

START_TEST (an_aborted_stream_is_cut)
{
  barua_http_converse (read_broken, NULL);
  settle ();
  ck_assert_uint_eq (n_gone, 0);
  ck_assert_uint_eq (n_freed, 1);
  ck_assert_uint_eq (barua_server_stats (server)->open_requests, 0);
}
END_TEST

static void
read_compressed (gpointer data)
{
  g_autoptr (GString) answer = g_string_new (NULL);

  ask_all ("GET /count?n=40&size=50000 HTTP/1.1\r\n" HOST CLOSE "Accept-Encoding: gzip\r\n\r\n",
           answer);
  ck_assert_ptr_nonnull (strstr (answer->str, "Content-Encoding: gzip\r\n"));
  ck_assert_ptr_nonnull (strstr (answer->str, "Vary: Accept-Encoding\r\n"));
  g_autoptr (GString) body = dechunk (answer);
  ck_assert_ptr_nonnull (body);
  ck_assert_uint_lt (body->len, 100000);

  gsize n_read = 0, n_written = 0;
  g_autofree char *plain = g_malloc (2000001);
  g_autoptr (GConverter) gunzip
      = G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP));
  ck_assert_int_eq (g_converter_convert (gunzip, body->str, body->len, plain, 2000001,
                                         G_CONVERTER_INPUT_AT_END, &n_read, &n_written, NULL),
                    G_CONVERTER_FINISHED);
  ck_assert_uint_eq (n_written, 2000000);
  ck_assert_int_eq (plain[0], 'a' + 39 % 26);
  ck_assert_int_eq (plain[1999999], 'a');
}

START_TEST (finite_streams_are_compressed)
{
  barua_http_converse (read_compressed, NULL);
  ck_assert_uint_eq (n_wanted, 41);
  ck_assert_uint_eq (n_freed, 1);
}
END_TEST

/* Reads nothing of a long answer. */
static void
read_nothing (gpointer data)
{
  int fd = barua_http_connect (port);

  barua_http_send (fd, "GET /count?n=100000&size=65536 HTTP/1.1\r\n" HOST "\r\n", -1);
  g_usleep (200 * 1000);
  guint before = (guint)g_atomic_int_get ((int *)&n_wanted);
  g_usleep (100 * 1000);
  ck_assert_uint_eq ((guint)g_atomic_int_get ((int *)&n_wanted), before);
  ck_assert_uint_lt (before, 400); /* what the buffers of the kernel take */
  g_usleep (1500 * 1000);          /* the timeout */
  close (fd);
}

START_TEST (a_client_that_does_not_read_stops_the_stream)
{
  barua_http_converse (read_nothing, NULL);
  settle ();
  ck_assert_uint_eq (n_gone, 1);
  ck_assert_uint_eq (n_freed, 1);
  ck_assert_uint_eq (barua_server_stats (server)->timed_out, 1);
}
END_TEST

/* Goes away in the middle, at several moments. */
static void
leave_in_the_middle (gpointer data)
{
  for (guint i = 0; i < 30; i++)
    {
      int fd = barua_http_connect (port);
      char block[512];

      barua_http_send (
          fd, "GET /count?n=2000&size=65536 HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n", -1);
      ck_assert_int_gt (recv (fd, block, sizeof block, 0), 0);
      g_usleep (i * 500);
      close (fd);
    }
}

START_TEST (clients_that_leave_in_the_middle)
{
  barua_http_converse (leave_in_the_middle, NULL);
  for (guint i = 0; i < 20 && n_freed < 30; i++)
    settle ();
  ck_assert_uint_eq (n_gone, 30);
  ck_assert_uint_eq (n_freed, 30);
  ck_assert_uint_eq (barua_server_stats (server)->open_requests, 0);
}
END_TEST

static void
hold_in_the_middle (gpointer data)
{
  int *fd = data;
  char block[512];

  *fd = barua_http_connect (port);
  barua_http_send (
      *fd, "GET /count?n=100000&size=65536 HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n", -1);
  ck_assert_int_gt (recv (*fd, block, sizeof block, 0), 0);
}

START_TEST (a_server_is_freed_in_the_middle)
{
  int fd = -1;

  barua_http_converse (hold_in_the_middle, &fd);
  g_clear_pointer (&server, barua_server_free);
  ck_assert_uint_eq (n_gone, 1);
  ck_assert_uint_eq (n_freed, 1);
  settle ();
  close (fd);
}
END_TEST

/* ---- feeds ---- */

static void
wait_in_vain (gpointer data)
{
  int fd = barua_http_connect (port);
  g_autoptr (GString) answer = g_string_new (NULL);
  gint64 asked_us = g_get_monotonic_time ();

  barua_http_send (fd, "GET /feed HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n", -1);
  while (strstr (answer->str, "results") == NULL
         && g_get_monotonic_time () - asked_us < 5 * G_USEC_PER_SEC)
    read_all (fd, answer, 20);
  ck_assert_int_lt (g_get_monotonic_time () - asked_us, 300 * 1000); /* at once */
  ck_assert_ptr_null (strstr (answer->str, "gzip"));
  g_usleep (900 * 1000); /* longer than any timeout */
  ck_assert_uint_eq (n_gone, 0);
  close (fd);
  gint64 closed_us = g_get_monotonic_time ();
  while (g_atomic_int_get ((int *)&n_freed) == 0
         && g_get_monotonic_time () - closed_us < 5 * G_USEC_PER_SEC)
    g_usleep (1000);
  ck_assert_int_lt (g_get_monotonic_time () - closed_us, 300 * 1000);
}

START_TEST (a_feed_waits_and_notices_that_its_client_goes)
{
  barua_http_converse (wait_in_vain, NULL);
  settle ();
  ck_assert_uint_eq (n_gone, 1);
  ck_assert_uint_eq (n_freed, 1);
  ck_assert_uint_eq (barua_server_stats (server)->open_requests, 0);
  ck_assert_uint_eq (barua_server_stats (server)->open_connections, 0);
}
END_TEST

static void
listen_to_beats (gpointer data)
{
  int fd = barua_http_connect (port);

  barua_http_send (fd, "GET /feed?beat=30 HTTP/1.1\r\n" HOST "\r\n", -1);
  for (guint i = 0; i < 20; i++)
    {
      struct pollfd ready = { .fd = fd, .events = POLLIN };
      char block[1024];
      ck_assert_int_eq (poll (&ready, 1, 1000), 1);
      ck_assert_int_gt (recv (fd, block, sizeof block, 0), 0);
    }
  close (fd);
}

START_TEST (heartbeats_arrive)
{
  barua_http_converse (listen_to_beats, NULL);
  settle ();
  ck_assert_uint_eq (n_gone, 1);
  ck_assert_uint_eq (n_freed, 1);
}
END_TEST

static void
stopped (gpointer data)
{
  is_stopped = TRUE;
}

static gboolean
stop_server (gpointer data)
{
  barua_server_stop (server, 5000, stopped, NULL);
  return G_SOURCE_REMOVE;
}

static void
be_stopped (gpointer data)
{
  int fd = barua_http_connect (port);
  g_autoptr (GString) answer = g_string_new (NULL);
  gint64 begun_us = g_get_monotonic_time ();

  barua_http_send (fd, "GET /feed HTTP/1.1\r\n" HOST "\r\n", -1);
  g_usleep (100 * 1000);
  g_idle_add (stop_server, NULL);
  ck_assert_int_eq (read_all (fd, answer, 4000), PEER_CLOSED);
  ck_assert_int_lt (g_get_monotonic_time () - begun_us, 2 * G_USEC_PER_SEC);
  close (fd);
  g_autoptr (GString) body = dechunk (answer);
  ck_assert_ptr_nonnull (body);
  ck_assert_str_eq (body->str, "{\"results\":[\nbye\n");
}

START_TEST (feeds_end_when_the_server_stops)
{
  barua_http_converse (be_stopped, NULL);
  settle ();
  ck_assert_uint_eq (n_stopped, 1);
  ck_assert_uint_eq (n_gone, 0);
  ck_assert_uint_eq (n_freed, 1);
  ck_assert (is_stopped);
}
END_TEST

static void
hold (gpointer data)
{
  int *fd = data;

  *fd = barua_http_connect (port);
  barua_http_send (*fd, "GET /feed HTTP/1.1\r\n" HOST "\r\n", -1);
  g_usleep (100 * 1000);
}

START_TEST (a_server_is_freed_with_an_open_feed)
{
  int fd = -1;

  barua_http_converse (hold, &fd);
  ck_assert_ptr_nonnull (feed);
  g_clear_pointer (&server, barua_server_free);
  ck_assert_uint_eq (n_gone, 1);
  ck_assert_uint_eq (n_freed, 1);
  settle ();
  close (fd);
}
END_TEST

/* The client closes before the handler begins. */
static void
leave_early (gpointer data)
{
  int fd = barua_http_connect (port);

  barua_http_send (fd, "GET /late HTTP/1.1\r\n" HOST "\r\n", -1);
  g_usleep (30 * 1000);
  close (fd);
  g_usleep (300 * 1000);
}

START_TEST (a_client_that_left_before_the_beginning)
{
  barua_http_converse (leave_early, NULL);
  settle ();
  ck_assert_uint_eq (n_freed, 1);
  ck_assert_uint_eq (barua_server_stats (server)->open_requests, 0);
}
END_TEST

/* ---- attachments ---- */

/* A body that tells its parts apart. */
static GBytes *
sample (gsize length)
{
  guint8 *data = g_malloc (length);

  for (gsize i = 0; i < length; i++)
    data[i] = (guint8)(i * 2654435761u >> 13);
  return g_bytes_new_take (data, length);
}

static GBytes *
gzipped (GBytes *bytes)
{
  gsize n_read, n_written, length = g_bytes_get_size (bytes), room = length + length / 100 + 1000;
  guint8 *out = g_malloc (room);
  g_autoptr (GConverter) gzip
      = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, -1));

  g_converter_convert (gzip, g_bytes_get_data (bytes, NULL), length, out, room,
                       G_CONVERTER_INPUT_AT_END, &n_read, &n_written, NULL);
  return g_bytes_new_take (out, n_written);
}

typedef struct
{
  gsize length;
  gboolean is_compressed;
  gboolean is_anonymous;
  guint status;
  const char *has;
} Upload;

static const Upload uploads[] = {
  { 0, FALSE, FALSE, 201, "memory 0 " },
  { 1000, FALSE, FALSE, 201, "memory 1000 " },
  { 256 * 1024, FALSE, FALSE, 201, "memory 262144 " },
  { 256 * 1024 + 1, FALSE, FALSE, 201, "file 262145 " },
  { 2 << 20, FALSE, FALSE, 201, "file 2097152 " },
  { (2 << 20) + 1, FALSE, FALSE, 413,
    "{\"error\":\"attachment_too_large\",\"reason\":\"dir/f 1.txt\"}" },
  { 1000, TRUE, FALSE, 201, "memory 1000 " },
  { 2 << 20, TRUE, FALSE, 201, "file 2097152 " },
  { (2 << 20) + 1, TRUE, FALSE, 413,
    "{\"error\":\"attachment_too_large\",\"reason\":\"dir/f 1.txt\"}" },
  { 1000, FALSE, TRUE, 401, "\"unauthorized\"" },
  { 300 * 1024, FALSE, TRUE, 401, "\"unauthorized\"" },
  { 2 << 20, FALSE, TRUE, 401, "\"unauthorized\"" },
};

static void
upload (gpointer data)
{
  const Upload *u = data;
  g_autoptr (GBytes) plain = sample (u->length);
  g_autoptr (GBytes) sent = u->is_compressed ? gzipped (plain) : g_bytes_ref (plain);
  g_autofree char *sum = g_compute_checksum_for_bytes (G_CHECKSUM_MD5, plain);
  g_autofree char *head = g_strdup_printf (
      "PUT /medic/doc/dir/f%%201.txt HTTP/1.1\r\n" HOST "%s%sContent-Type: text/plain\r\n"
      "Content-Length: %" G_GSIZE_FORMAT "\r\n\r\n",
      u->is_anonymous ? "" : GOOD, u->is_compressed ? "Content-Encoding: gzip\r\n" : "",
      g_bytes_get_size (sent));
  g_autoptr (GString) answer = g_string_new (NULL);
  int fd = barua_http_connect (port);

  barua_http_send (fd, head, -1);
  barua_http_send (fd, g_bytes_get_data (sent, NULL), (gssize)g_bytes_get_size (sent));
  barua_http_receive (fd, answer, FALSE, 5000);
  close (fd);
  ck_assert_msg (barua_http_status (answer->str) == u->status, "%s", answer->str);
  ck_assert_msg (strstr (answer->str, u->has) != NULL, "%s", answer->str);
  ck_assert (u->status != 201 || g_str_has_suffix (answer->str, sum));
}

START_TEST (attachments_arrive)
{
  barua_http_converse (upload, (gpointer)&uploads[_i]);
  settle ();
  ck_assert_uint_eq (barua_server_stats (server)->bodies_bytes, 0);
}
END_TEST

/* Without an announced length: refused while it comes. */
static void
upload_chunks (gpointer data)
{
  g_autoptr (GBytes) bytes = sample (64 * 1024);
  g_autoptr (GString) answer = g_string_new (NULL);
  int fd = barua_http_connect (port);
  gboolean goes_on = TRUE;

  barua_http_send (fd,
                   "PUT /medic/doc/a HTTP/1.1\r\n" HOST GOOD "Transfer-Encoding: chunked\r\n"
                   "\r\n",
                   -1);
  for (guint i = 0; i < 40 && goes_on; i++)
    goes_on = barua_http_send (fd, "10000\r\n", -1)
              && barua_http_send (fd, g_bytes_get_data (bytes, NULL), 64 * 1024)
              && barua_http_send (fd, "\r\n", -1);
  barua_http_receive (fd, answer, FALSE, 3000);
  close (fd);
  ck_assert_uint_eq (barua_http_status (answer->str), 413);
  ck_assert_ptr_nonnull (strstr (answer->str, "attachment_too_large"));
}

START_TEST (an_endless_attachment) { barua_http_converse (upload_chunks, NULL); }
END_TEST

typedef struct
{
  const char *request;
  guint status;
  const char *has;
} Exchange;

#define PUT(headers, length, body)                                                                 \
  "PUT /medic/doc/a HTTP/1.1\r\n" HOST GOOD headers "Content-Length: " #length "\r\n\r\n" body
#define POST(headers, length, body)                                                                \
  "POST /who HTTP/1.1\r\n" HOST headers "Content-Length: " #length "\r\n\r\n" body

static const Exchange exchanges[] = {
  /* attachments */
  { PUT ("Content-Encoding: gzip\r\n", 3, "abc"), 400, "\"bad_request\"" },
  { PUT ("Content-Encoding: gzip\r\n", 2, "\x1f\x8b"), 400, "\"damaged compressed body\"" },
  { PUT ("Content-Encoding: br\r\n", 3, "abc"), 415, "\"bad_content_type\"" },
  { "PUT /medic/doc/a HTTP/1.1\r\n" HOST GOOD "\r\n", 201, "memory 0 " },
  /* sessions */
  { "GET /who HTTP/1.1\r\n" HOST COOKIE "\r\n", 200, "mary 1" },
  { "GET /who HTTP/1.1\r\n" HOST GOOD "\r\n", 200, "mary 0" },
  { "GET /who HTTP/1.1\r\n" HOST COOKIE WRONG "\r\n", 200, "mary 1" },
  { "GET /who HTTP/1.1\r\n" HOST "Cookie: AuthSession=stale\r\n" GOOD "\r\n", 200, "mary 0" },
  { "GET /who HTTP/1.1\r\n" HOST "Cookie: AuthSession=stale\r\n" WRONG "\r\n", 401,
    "Name or password is incorrect." },
  { "GET /who HTTP/1.1\r\n" HOST "Cookie: AuthSession=stale\r\n\r\n", 401,
    "You are not authorized to access this db." },
  { "GET /who HTTP/1.1\r\n" HOST "Cookie: AuthSession=\r\n\r\n", 401, "unauthorized" },
  { "GET /who HTTP/1.1\r\n" HOST "\r\n", 401, "WWW-Authenticate: Basic realm=\"barua\"\r\n" },
  { "GET /anyone HTTP/1.1\r\n" HOST COOKIE "\r\n", 200, "mary 1" },
  { "GET /anyone HTTP/1.1\r\n" HOST "Cookie: AuthSession=stale\r\n\r\n", 200, "- 0" },
  /* forged requests */
  { POST (COOKIE, 2, "{}"), 200, "mary 1" },
  { POST (COOKIE "Origin: https://x:80\r\n", 2, "{}"), 200, "mary 1" },
  { POST (COOKIE "Origin: https://evil.example\r\n", 2, "{}"), 403, "\"forbidden\"" },
  { POST (COOKIE "Origin: null\r\n", 2, "{}"), 403, "\"forbidden\"" },
  { POST (GOOD "Origin: https://evil.example\r\n", 2, "{}"), 200, "mary 0" },
  { "GET /who HTTP/1.1\r\n" HOST COOKIE "Origin: https://evil.example\r\n\r\n", 200, "mary 1" },
  /* bodies of documents */
  { POST (GOOD "Content-Type: text/plain\r\n", 2, "{}"), 415,
    "{\"error\":\"bad_content_type\",\"reason\":\"Content-Type must be application/json\"}\n" },
  { POST (GOOD "Content-Type: application/json; charset=utf-8\r\n", 2, "{}"), 200, "mary" },
  { POST (GOOD, 2, "{}"), 200, "mary" },
  { POST (GOOD "Content-Type: application/json\r\n", 0, ""), 200, "mary" },
  { POST (GOOD, 1, "{"), 400, "{\"error\":\"bad_request\",\"reason\":\"invalid UTF-8 JSON\"}\n" },
  { POST (GOOD "Content-Encoding: br\r\n", 2, "{}"), 415, "bad_content_type" },
  { POST (GOOD, 99999999, ""), 413, "\"too_large\"" },
  { "DELETE /who HTTP/1.1\r\n" HOST "\r\n", 405,
    "{\"error\":\"method_not_allowed\",\"reason\":\"Only GET,HEAD,POST allowed\"}\n" },
};

static void
exchange (gpointer data)
{
  const Exchange *e = data;
  g_autofree char *answer = barua_http_ask (port, e->request);

  ck_assert_msg (barua_http_status (answer) == e->status, "%s", answer);
  ck_assert_msg (strstr (answer, e->has) != NULL, "%s", answer);
}

START_TEST (one_exchange) { barua_http_converse (exchange, (gpointer)&exchanges[_i]); }
END_TEST

/* ---- sessions ---- */

static void
use_session (gpointer data)
{
  g_autofree char *answer = barua_http_ask (port, "GET /who HTTP/1.1\r\n" HOST COOKIE "\r\n");

  ck_assert_uint_eq (barua_http_status (answer), GPOINTER_TO_UINT (data));
}

START_TEST (a_session_is_remembered_until_it_is_forgotten)
{
  barua_http_converse (use_session, GUINT_TO_POINTER (200));
  barua_http_converse (use_session, GUINT_TO_POINTER (200));
  ck_assert_uint_eq (n_look_ups, 1);
  session_is_valid = FALSE;
  barua_auth_forget_session (auth, TOKEN);
  barua_http_converse (use_session, GUINT_TO_POINTER (401));
  ck_assert_uint_eq (n_look_ups, 2);
}
END_TEST

START_TEST (sessions_go_with_their_user)
{
  barua_http_converse (use_session, GUINT_TO_POINTER (200));
  session_is_valid = FALSE;
  barua_auth_forget (auth, "joe");
  ck_assert_uint_eq (barua_auth_changes (auth, "mary"), 0);
  barua_http_converse (use_session, GUINT_TO_POINTER (200));
  barua_auth_forget (auth, "mary");
  ck_assert_uint_eq (barua_auth_changes (auth, "mary"), 1);
  barua_auth_forget_all (auth);
  ck_assert_uint_eq (barua_auth_changes (auth, "mary"), 2);
  barua_http_converse (use_session, GUINT_TO_POINTER (401));
}
END_TEST

/* Asks from an address of the loopback network; 127.0.0.2 is the trusted proxy. */
static char *
ask_from (const char *address)
{
  struct sockaddr_in from = { .sin_family = AF_INET };
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons ((guint16)port) };
  GString *answer = g_string_new (NULL);
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  inet_pton (AF_INET, address, &from.sin_addr);
  to.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  ck_assert_int_eq (bind (fd, (struct sockaddr *)&from, sizeof from), 0);
  ck_assert_int_eq (connect (fd, (struct sockaddr *)&to, sizeof to), 0);
  barua_http_send (fd,
                   "GET /origin HTTP/1.1\r\n" HOST "X-Forwarded-Proto: https\r\n"
                   "X-Forwarded-Host: clinic.example\r\n\r\n",
                   -1);
  barua_http_receive (fd, answer, FALSE, 3000);
  close (fd);
  return g_string_free (answer, FALSE);
}

static void
ask_through_proxies (gpointer data)
{
  g_autofree char *trusted = ask_from ("127.0.0.2");
  g_autofree char *other = ask_from ("127.0.0.3");

  ck_assert_str_eq (barua_http_body (trusted), "https://clinic.example secure 1");
  ck_assert_str_eq (barua_http_body (other), "http://x:80 secure 0");
}

START_TEST (only_a_trusted_proxy_is_believed) { barua_http_converse (ask_through_proxies, NULL); }
END_TEST

START_TEST (tokens_are_long_and_never_the_same)
{
  g_autofree char *one = barua_auth_token_new ();
  g_autofree char *two = barua_auth_token_new ();
  g_autofree char *hash_of_abc = barua_auth_token_hash ("abc");

  ck_assert_uint_eq (strlen (one), 43);
  ck_assert_str_ne (one, two);
  for (const char *at = one; *at != '\0'; at++)
    ck_assert (g_ascii_isalnum (*at) || *at == '-' || *at == '_');
  ck_assert_str_eq (hash_of_abc,
                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
END_TEST

START_TEST (cookies_are_found)
{
  static const struct
  {
    const char *header;
    const char *value;
  } cases[] = {
    { "AuthSession=x", "x" },
    { "a=b; AuthSession=x-_y; c=d", "x-_y" },
    { "a=b;AuthSession=x ", "x" },
    { "a=b, AuthSession=x", "x" },
    { "XAuthSession=x", NULL },
    { "AuthSessionX=x", NULL },
    { "AuthSession", NULL },
    { "AuthSession=", NULL },
    { "AuthSession=; AuthSession=x", "x" },
    { "", NULL },
    { ";;,,  ", NULL },
    { NULL, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *value = barua_cookie_get (cases[i].header, "AuthSession");
      ck_assert_msg (g_strcmp0 (value, cases[i].value) == 0, "%s", cases[i].header);
    }
}
END_TEST

START_TEST (cookies_are_written)
{
  g_autofree char *set = barua_cookie_for_session ("abc", 1795280258, TRUE);
  g_autofree char *end = barua_cookie_for_session (NULL, 1795280258, FALSE);

  ck_assert_str_eq (set, "AuthSession=abc; Version=1; Expires=Sun, 21-Nov-2027 16:57:38 GMT; "
                         "Max-Age=31536000; Path=/; HttpOnly; SameSite=Lax; Secure");
  ck_assert_str_eq (end, "AuthSession=; Version=1; Expires=Thu, 01-Jan-1970 00:00:00 GMT; "
                         "Max-Age=0; Path=/; HttpOnly; SameSite=Lax");
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("http-stream");
  TCase *tc = tcase_create ("stream");

  tcase_add_checked_fixture (tc, start, finish);
  tcase_add_test (tc, pieces_come_one_after_the_other);
  tcase_add_test (tc, a_handler_begins_later);
  tcase_add_test (tc, ranges_are_not_for_streams);
  tcase_add_test (tc, the_connection_goes_on);
  tcase_add_test (tc, http_1_0_ends_with_the_connection);
  tcase_add_test (tc, head_gets_the_head);
  tcase_add_test (tc, a_length_may_be_known);
  tcase_add_test (tc, an_aborted_stream_is_cut);
  tcase_add_test (tc, finite_streams_are_compressed);
  tcase_add_test (tc, a_client_that_does_not_read_stops_the_stream);
  tcase_add_test (tc, clients_that_leave_in_the_middle);
  tcase_add_test (tc, a_server_is_freed_in_the_middle);
  tcase_add_test (tc, a_feed_waits_and_notices_that_its_client_goes);
  tcase_add_test (tc, heartbeats_arrive);
  tcase_add_test (tc, feeds_end_when_the_server_stops);
  tcase_add_test (tc, a_server_is_freed_with_an_open_feed);
  tcase_add_test (tc, a_client_that_left_before_the_beginning);
  tcase_add_loop_test (tc, attachments_arrive, 0, G_N_ELEMENTS (uploads));
  tcase_add_test (tc, an_endless_attachment);
  tcase_add_loop_test (tc, one_exchange, 0, G_N_ELEMENTS (exchanges));
  tcase_add_test (tc, a_session_is_remembered_until_it_is_forgotten);
  tcase_add_test (tc, sessions_go_with_their_user);
  tcase_add_test (tc, only_a_trusted_proxy_is_believed);
  tcase_add_test (tc, tokens_are_long_and_never_the_same);
  tcase_add_test (tc, cookies_are_found);
  tcase_add_test (tc, cookies_are_written);
  suite_add_tcase (suite, tc);
  return suite;
}
