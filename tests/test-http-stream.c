/* SPDX-License-Identifier: MIT */

/* Answers in pieces, over sockets against the real server. */

#include "gateway/http/server.h"
#include "gateway/http/stream.h"
#include "tests/http-client.h"
#include "tests/suites.h"

#include <gio/gio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: x:80\r\n"
#define CLOSE "Connection: close\r\n"

static BaruaServer *server;
static BaruaAuth *auth;
static guint port;

/* What the handlers saw. */
static guint n_wanted, n_gone, n_freed, n_stopped;
static BaruaStream *feed; /* the open one of /feed */
static guint beat_id;
static gboolean is_stopped;

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
                             (BaruaStreamFlags)number_of (request, "flags", BARUA_STREAM_WAITS),
                             &feed_calls, NULL, feed_free);
  barua_stream_write_text (feed, "{\"results\":[\n");
  if (beat_ms > 0)
    beat_id = g_timeout_add ((guint)beat_ms, beat, NULL);
}

static const BaruaRoute routes[] = {
  { "GET", "/count", NULL, BARUA_BODY_NONE, 0, BARUA_ROUTE_PLAIN, count },
  { "GET", "/late", NULL, BARUA_BODY_NONE, 0, BARUA_ROUTE_PLAIN, late },
  { "GET", "/broken", NULL, BARUA_BODY_NONE, 0, BARUA_ROUTE_PLAIN, broken },
  { "GET", "/feed", NULL, BARUA_BODY_NONE, 0, BARUA_ROUTE_PLAIN, begin_feed },
  { NULL },
};

/* ---- fixture ---- */

/* No route wants an account. */
static const BaruaAuthBackend nobody = { 0 };

static void
start (void)
{
  BaruaServerOptions options;
  const BaruaServerApp app = { 0 };
  g_autoptr (GError) error = NULL;

  barua_server_options_init (&options);
  options.request_timeout_ms = 400;
  options.idle_timeout_ms = 800;
  n_wanted = n_gone = n_freed = n_stopped = 0;
  is_stopped = FALSE;
  auth = barua_auth_new (&nobody, NULL);
  server = barua_server_new (&options, routes, &app, auth);
  ck_assert (barua_server_listen (server, "127.0.0.1:0", &error));
  port = barua_server_port (server);
}

static void
finish (void)
{
  barua_http_settle ();
  g_clear_pointer (&server, barua_server_free);
  g_clear_pointer (&auth, barua_auth_free);
  barua_http_settle ();
}

static PeerEnd
ask_all (const char *request, GString *all)
{
  int fd = barua_http_connect (port);

  barua_http_send (fd, request, -1);
  PeerEnd end = barua_http_read_all (fd, all, 3000);
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
      ck_assert_int_eq (barua_http_read_all (fd, answer, 200), PEER_SILENT);
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
  barua_http_settle ();
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
  barua_http_settle ();
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
  barua_http_settle ();
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
    barua_http_settle ();
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
  barua_http_settle ();
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
    barua_http_read_all (fd, answer, 20);
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
  barua_http_settle ();
  ck_assert_uint_eq (n_gone, 1);
  ck_assert_uint_eq (n_freed, 1);
  ck_assert_uint_eq (barua_server_stats (server)->open_requests, 0);
  ck_assert_uint_eq (barua_server_stats (server)->open_connections, 0);
}
END_TEST

/* What a stream that is silent makes of a client that says no more, but could still read. */
static void
say_no_more (gpointer data)
{
  const guint flags = GPOINTER_TO_UINT (data);
  int fd = barua_http_connect (port);
  g_autoptr (GString) answer = g_string_new (NULL);
  g_autofree char *request
      = g_strdup_printf ("GET /feed?flags=%u HTTP/1.1\r\n" HOST "\r\n", flags);

  barua_http_send (fd, request, -1);
  while (strstr (answer->str, "results") == NULL)
    barua_http_read_all (fd, answer, 20);
  shutdown (fd, SHUT_WR);
  const guint wait_ms = flags == BARUA_STREAM_FINITE ? 200 : 5000;
  for (guint i = 0; i < wait_ms && g_atomic_int_get ((int *)&n_freed) == 0; i++)
    g_usleep (1000);
  ck_assert_uint_eq (g_atomic_int_get ((int *)&n_freed), flags == BARUA_STREAM_FINITE ? 0 : 1);
  close (fd);
}

START_TEST (a_client_that_says_no_more)
{
  static const guint flags[]
      = { BARUA_STREAM_FINITE, BARUA_STREAM_WAITS, BARUA_STREAM_LEAVES };

  barua_http_converse (say_no_more, GUINT_TO_POINTER (flags[_i]));
  if (flags[_i] == BARUA_STREAM_FINITE) /* nothing is written to a client that has gone */
    barua_stream_abort (feed);
  barua_http_settle ();
  ck_assert_uint_eq (n_freed, 1);
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
  barua_http_settle ();
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
  ck_assert_int_eq (barua_http_read_all (fd, answer, 4000), PEER_CLOSED);
  ck_assert_int_lt (g_get_monotonic_time () - begun_us, 2 * G_USEC_PER_SEC);
  close (fd);
  g_autoptr (GString) body = dechunk (answer);
  ck_assert_ptr_nonnull (body);
  ck_assert_str_eq (body->str, "{\"results\":[\nbye\n");
}

START_TEST (feeds_end_when_the_server_stops)
{
  barua_http_converse (be_stopped, NULL);
  barua_http_settle ();
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
  barua_http_settle ();
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
  barua_http_settle ();
  ck_assert_uint_eq (n_freed, 1);
  ck_assert_uint_eq (barua_server_stats (server)->open_requests, 0);
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
  tcase_add_loop_test (tc, a_client_that_says_no_more, 0, 3);
  tcase_add_test (tc, heartbeats_arrive);
  tcase_add_test (tc, feeds_end_when_the_server_stops);
  tcase_add_test (tc, a_server_is_freed_with_an_open_feed);
  tcase_add_test (tc, a_client_that_left_before_the_beginning);
  suite_add_tcase (suite, tc);
  return suite;
}
