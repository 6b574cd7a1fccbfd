/* SPDX-License-Identifier: MIT */

/* The server as clients see it: raw HTTP over sockets against the real object. */

#include "gateway/http/password.h"
#include "gateway/http/server.h"
#include "tests/http-client.h"
#include "tests/suites.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GOOD "Authorization: Basic Z2F0ZXdheTpzM2NyZXQ=\r\n" /* gateway:s3cret */
#define WRONG "Authorization: Basic Z2F0ZXdheTpuby1zdWNo\r\n"
#define ADMIN "Authorization: Basic YWRtaW46czNjcmV0\r\n" /* admin:s3cret */
#define JSON "Content-Type: application/json\r\n"
#define HOST "Host: x\r\n"
#define PHONE "User-Agent: Dalvik/2.1 medic.gateway.alert/1\r\nAccept: application/json\r\n"

static BaruaServer *server;
static BaruaAuth *auth;
static guint port;
static char *hash;
static BaruaRequest *held; /* by the route /slow */
static int handled;
static gboolean is_stopped;

/* The test's accounts. */

static void
find_account (gpointer data, const char *name, BaruaAccountFound found, gpointer found_data)
{
  const char *const roles[] = { strcmp (name, "admin") == 0 ? "_admin" : "gateway", NULL };
  gboolean is_known = strcmp (name, "gateway") == 0 || strcmp (name, "admin") == 0;

  found (is_known ? barua_auth_account_new (name, hash, roles) : NULL, NULL, found_data);
}

static const BaruaAuthBackend backend = { .find_account = find_account };

static gboolean
may (gpointer settings, const BaruaUser *user, const char *permission)
{
  return strcmp (permission, "can_access_gateway_api") == 0
         && barua_user_has_role (user, "gateway");
}

/* The test's handlers. */

static void
ping (BaruaRequest *request, gpointer app)
{
  barua_request_reply_static_json (request, 200, "{\"medic-gateway\":true}");
}

static void
echo (BaruaRequest *request, gpointer app)
{
  GString *out = g_string_new (NULL);

  handled++;
  barua_json_append_minified (out, barua_request_json (request));
  barua_request_reply_json (request, 200, out);
}

static void
echo_form (BaruaRequest *request, gpointer app)
{
  const char *from = barua_request_form (request, "from");

  barua_request_reply_text (request, 200, from != NULL ? from : "(none)");
}

static void
echo_param (BaruaRequest *request, gpointer app)
{
  const char *q = barua_request_query (request, "q");
  g_autofree char *text
      = g_strdup_printf ("%s q=%s", barua_request_param (request, "name"), q != NULL ? q : "-");

  barua_request_reply_text (request, 200, text);
}

static void
large (BaruaRequest *request, gpointer app)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < 20000; i++)
    g_string_append_printf (text, "line %u\n", i);
  barua_request_reply (request, 200, "text/plain", g_string_free_to_bytes (text));
}

static void
slow (BaruaRequest *request, gpointer app)
{
  held = barua_request_ref (request);
}

static void
count_bytes (BaruaRequest *request, gpointer app)
{
  g_autofree char *text
      = g_strdup_printf ("%" G_GSIZE_FORMAT, g_bytes_get_size (barua_request_body (request)));

  barua_request_reply_text (request, 200, text);
}

static const BaruaRoute routes[] = {
  { "GET", "/api/sms", "can_access_gateway_api", BARUA_BODY_NONE, 0,
    BARUA_ROUTE_GATEWAY_ERRORS | BARUA_ROUTE_SLASH, ping },
  { "POST", "/api/sms", "can_access_gateway_api", BARUA_BODY_JSON, 0,
    BARUA_ROUTE_JSON_STRICT | BARUA_ROUTE_GATEWAY_ERRORS | BARUA_ROUTE_SLASH, echo },
  { "POST", "/api/v1/records", "can_create_records", BARUA_BODY_JSON_OR_FORM, 0, BARUA_ROUTE_PLAIN,
    echo_form },
  { "POST", "/api/v1/form", NULL, BARUA_BODY_FORM, 0, BARUA_ROUTE_PLAIN, echo_form },
  { "PUT", "/api/v1/settings", "can_configure", BARUA_BODY_JSON, 0,
    BARUA_ROUTE_JSON_STRICT | BARUA_ROUTE_JSON_POSITION | BARUA_ROUTE_PROMPT
        | BARUA_ROUTE_PERMISSIONS_TEXT,
    echo },
  { "GET", "/api/v1/settings", "", BARUA_BODY_NONE, 0, BARUA_ROUTE_PROMPT, ping },
  { "GET", "/api/v1/forms/{name}", NULL, BARUA_BODY_NONE, 0, BARUA_ROUTE_PLAIN, echo_param },
  { "GET", "/large", NULL, BARUA_BODY_NONE, 0, BARUA_ROUTE_PLAIN, large },
  { "GET", "/slow", NULL, BARUA_BODY_NONE, 0, BARUA_ROUTE_PLAIN, slow },
  { "POST", "/upload", "", BARUA_BODY_RAW, 4 << 20, BARUA_ROUTE_PLAIN, count_bytes },
  { "GET", "/either", "can_see|can_access_gateway_api", BARUA_BODY_NONE, 0, BARUA_ROUTE_PLAIN, ping },
  { "GET", "/neither", "can_see|can_hear", BARUA_BODY_NONE, 0, BARUA_ROUTE_PLAIN, ping },
  { "GET", "/both", "can_access_gateway_api can_see", BARUA_BODY_NONE, 0, BARUA_ROUTE_PLAIN, ping },
  { "GET", "/online", "", BARUA_BODY_NONE, 0, BARUA_ROUTE_ONLINE, ping },
  { "GET", "/online-details", "", BARUA_BODY_NONE, 0, BARUA_ROUTE_ONLINE_DETAILS, ping },
  { "POST", "/small", "", BARUA_BODY_RAW, 1000, BARUA_ROUTE_PLAIN, count_bytes },
  { "GET", "/medic/{id}", "", BARUA_BODY_NONE, 0, BARUA_ROUTE_DOCUMENT_NATIVE, echo_param },
  { "POST", "/medic/{id}", "", BARUA_BODY_JSON, 0, BARUA_ROUTE_DOCUMENT_NATIVE, echo },
  { NULL },
};

static void
start_with (guint max_connections)
{
  BaruaServerOptions options;
  const BaruaServerApp app = { .may = may };
  g_autoptr (GError) error = NULL;

  barua_server_options_init (&options);
  options.request_timeout_ms = 400;
  options.idle_timeout_ms = 800;
  options.max_connections = max_connections;
  if (hash == NULL)
    hash = barua_password_hash ("s3cret", NULL);
  held = NULL;
  is_stopped = FALSE;
  handled = 0;
  auth = barua_auth_new (&backend, NULL);
  server = barua_server_new (&options, routes, &app, auth);
  ck_assert (barua_server_listen (server, "127.0.0.1:0", &error));
  port = barua_server_port (server);
}

static void
start (void)
{
  start_with (100);
}

static void
finish (void)
{
  barua_http_settle ();
  g_clear_pointer (&server, barua_server_free);
  g_clear_pointer (&auth, barua_auth_free);
  g_clear_pointer (&held, barua_request_unref);
  barua_http_settle ();
}

/* One request, one answer: a table. */

typedef struct
{
  const char *request;
  guint status;
  const char *has[3]; /* texts in the answer */
  const char *lacks;
} Exchange;

#define POST(path, headers, length, body)                                                          \
  "POST " path " HTTP/1.1\r\n" HOST headers "Content-Length: " #length "\r\n\r\n" body

static const Exchange exchanges[] = {
  { "GET /api/sms HTTP/1.1\r\n" HOST GOOD "\r\n",
    200,
    { "{\"medic-gateway\":true}", "application/json; charset=utf-8" } },
  { "GET //api//sms/ HTTP/1.1\r\n" HOST GOOD "\r\n", 200, { "{\"medic-gateway\":true}" } },
  { "HEAD /api/sms HTTP/1.1\r\n" HOST GOOD "\r\n", 200, { "Content-Length: 22" }, "medic-gateway" },
  { "PUT /api/sms HTTP/1.1\r\n" HOST "\r\n",
    405,
    { "Allow: GET, HEAD, POST\r\n", "Method Not Allowed" } },
  { "OPTIONS /api/sms HTTP/1.1\r\n" HOST "\r\n", 200, { "Allow: GET, HEAD, POST\r\n" } },
  { "GET /api/nothing HTTP/1.1\r\n" HOST "\r\n", 404, { "Not Found" } },
  { "GET /api/v1/forms/a%2Fb%20c?q=x+y&q=%2B HTTP/1.1\r\n" HOST "\r\n", 200, { "a/b c q=+" } },
  { "GET /api/v1/forms/%ff HTTP/1.1\r\n" HOST "\r\n", 400, { "Bad Request" } },
  { "GET /api/v1/forms/a%00b HTTP/1.1\r\n" HOST "\r\n", 400, { "Bad Request" } },
  /* 401 and 302 */
  { "GET /api/sms?a=1 HTTP/1.1\r\n" HOST "User-Agent: curl/7\r\n\r\n",
    302,
    { "Location: /medic/login?redirect=%2Fapi%2Fsms%3Fa%3D1\r\n",
      "Found. Redirecting to /medic/login" },
    "logout-auth" },
  { "GET /api/sms HTTP/1.1\r\n" HOST "User-Agent: curl/7\r\n" WRONG "\r\n",
    302,
    { "Location: /medic/login" } },
  { POST ("/api/sms", "User-Agent: curl/7\r\n" JSON, 2, "{}"),
    401,
    { "not logged in", "WWW-Authenticate: Basic realm=\"Medic Mobile Web Services\"",
      "logout-authorization: CHT-Core API" } },
  { "GET /api/sms HTTP/1.1\r\n" HOST "\r\n",
    401,
    { "not logged in", "Content-Type: text/plain\r\n" } },
  { "GET /api/sms HTTP/1.1\r\n" HOST "Accept: application/json\r\n\r\n",
    401,
    { "{\"code\":401,\"error\":\"unauthorized\"}", "logout-authorization" },
    "WWW-Authenticate" },
  { "GET /api/sms HTTP/1.1\r\n" HOST PHONE "\r\n", 401, { "\"message\":\"unauthorized\"" } },
  { "GET /api/v1/settings HTTP/1.1\r\n" HOST
    "User-Agent: curl/7\r\nAccept: application/json\r\n\r\n",
    401,
    { "not logged in", "WWW-Authenticate" } },
  { "GET /medic/x HTTP/1.1\r\n" HOST "User-Agent: curl/7\r\n\r\n",
    401,
    { "{\"error\":\"unauthorized\",\"reason\":\"You are not authorized to access this db.\"}\n",
      "realm=\"barua\"" } },
  /* the order of checks */
  { POST ("/api/sms", JSON, 1, "{"), 500, { "Server error" } },
  { POST ("/api/sms", JSON, 3, "\"x\""), 500, { "Server error" } },
  { POST ("/api/sms", "Content-Type: text/plain\r\n", 2, "{}"),
    400,
    { "Content-Type must be application/json" } },
  { POST ("/api/sms", GOOD "Content-Type: Application/JSON; charset=utf-8\r\n", 9, "{ \"a\":1 }"),
    200,
    { "{\"a\":1}" } },
  { POST ("/api/sms", GOOD JSON, 0, ""), 200, { "{}" } },
  { POST ("/api/sms", GOOD "Content-Type: application/json; charset=latin1\r\n", 2, "{}"),
    500,
    { "Server error" } },
  { POST ("/api/sms", GOOD JSON "Content-Encoding: br\r\n", 2, "{}"), 500, { "Server error" } },
  { POST ("/api/sms", ADMIN JSON, 2, "[]"), 200, { "[]" } },
  { POST ("/api/v1/records", GOOD "Content-Type: application/x-www-form-urlencoded\r\n", 6,
          "from=1"),
    403,
    { "Insufficient privileges" } },
  { POST ("/api/v1/form", "Content-Type: application/x-www-form-urlencoded\r\n", 13,
          "from=1&from=2"),
    200,
    { "\r\n\r\n2" } },
  { "PUT /api/v1/settings HTTP/1.1\r\n" HOST GOOD JSON "Content-Length: 2\r\n\r\n{}",
    403,
    { "Insufficient permissions" } },
  { "PUT /api/v1/settings HTTP/1.1\r\n" HOST GOOD JSON "Content-Length: 4\r\n\r\n{\"a\"",
    400,
    { "invalid JSON: line 1" } },
  { POST ("/medic/x", GOOD JSON, 1, "{"),
    400,
    { "{\"error\":\"bad_request\",\"reason\":\"invalid UTF-8 JSON\"}\n" } },
  { POST ("/medic/x", JSON, 1, "{"), 401, { "unauthorized" } },
  { POST ("/medic/x", GOOD "Content-Type: text/plain\r\n", 2, "{}"), 415, { "bad_content_type" } },
  { "DELETE /medic/x HTTP/1.1\r\n" HOST "\r\n", 405, { "Only GET,HEAD,POST allowed" } },
  /* several permissions, and online users; the gateway is none here */
  { "GET /either HTTP/1.1\r\n" HOST GOOD "\r\n", 200, { "\r\n\r\n" } },
  { "GET /neither HTTP/1.1\r\n" HOST GOOD "\r\n", 403, { "\r\n\r\nInsufficient privileges" } },
  { "GET /neither HTTP/1.1\r\n" HOST ADMIN "\r\n", 200, { "\r\n\r\n" } },
  { "GET /both HTTP/1.1\r\n" HOST GOOD "\r\n", 403, { "\r\n\r\nInsufficient privileges" } },
  { "GET /online HTTP/1.1\r\n" HOST GOOD "\r\n", 403, { "\r\n\r\nInsufficient privileges" } },
  { "GET /online HTTP/1.1\r\n" HOST ADMIN "\r\n", 200, { "\r\n\r\n" } },
  { "GET /online-details HTTP/1.1\r\n" HOST GOOD "Accept: text/plain\r\n\r\n",
    403,
    { "{\"code\":403,\"error\":\"forbidden\","
      "\"details\":\"Offline users are not allowed access to this endpoint\"}",
      "application/json" } },
  { "GET /online-details HTTP/1.1\r\n" HOST "User-Agent: curl/7\r\nAccept: application/json\r\n\r\n",
    401,
    { "{\"code\":401,\"error\":\"unauthorized\"}" } },
  /* sizes */
  { POST ("/api/sms", GOOD JSON, 100000000, "{"),
    413,
    { "Payload Too Large", "Connection: close" } },
  { POST ("/api/sms", JSON, 2000000, "{"), 401, { "not logged in" } },
  { POST ("/api/sms", WRONG JSON, 2000000, "{"), 401, { "not logged in" } },
  { POST ("/api/sms", JSON, 99999999999999999999, "{"), 413, { "Payload Too Large" } },
  { POST ("/api/sms", GOOD "Expect: 100-continue\r\n" JSON, 100000000, ""),
    413,
    { "Payload Too Large" } },
  { "POST /api/sms HTTP/1.1\r\n" HOST GOOD JSON "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    400,
    { "Bad Request" } },
  { "POST /api/sms HTTP/1.1\r\n" HOST GOOD JSON
    "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    400,
    { "Bad Request" } },
  { "POST /api/sms HTTP/1.1\r\n" HOST GOOD JSON
    "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    200,
    { "{}" } },
  /* answers */
  { "GET /large HTTP/1.1\r\n" HOST "\r\n",
    200,
    { "line 19999\n", "Vary: Accept-Encoding", "nosniff" },
    "Content-Encoding" },
  { "GET /large HTTP/1.1\r\n" HOST "Accept-Encoding: deflate, gzip\r\n\r\n",
    200,
    { "Content-Encoding: gzip", "Vary" },
    "line 1" },
  { "GET /large HTTP/1.1\r\n" HOST "Accept-Encoding: gzip;q=0\r\n\r\n",
    200,
    { "line 19999\n" },
    "Content-Encoding" },
};

typedef struct
{
  const Exchange *exchange;
  char *answer;
} Asked;

static void
ask (gpointer data)
{
  Asked *asked = data;

  asked->answer = barua_http_ask (port, asked->exchange->request);
}

START_TEST (one_exchange)
{
  const Exchange *exchange = &exchanges[_i];
  Asked asked = { exchange, NULL };

  barua_http_converse (ask, &asked);
  ck_assert_msg (barua_http_status (asked.answer) == exchange->status, "%s\n-> %s",
                 exchange->request, asked.answer);
  for (guint i = 0; i < G_N_ELEMENTS (exchange->has) && exchange->has[i] != NULL; i++)
    ck_assert_msg (strstr (asked.answer, exchange->has[i]) != NULL, "%s\n-> %s", exchange->request,
                   asked.answer);
  if (exchange->lacks != NULL)
    ck_assert_msg (strstr (asked.answer, exchange->lacks) == NULL, "%s\n-> %s", exchange->request,
                   asked.answer);
  g_free (asked.answer);
}
END_TEST

/* Conversations of several steps. */

static void
keep_alive (gpointer data)
{
  int fd = barua_http_connect (port);

  for (guint i = 0; i < 5; i++)
    {
      g_autoptr (GString) answer = g_string_new (NULL);

      barua_http_send (fd, "GET /api/sms HTTP/1.1\r\n" HOST GOOD "\r\n", -1);
      ck_assert_int_eq (barua_http_receive (fd, answer, FALSE, 2000), PEER_OPEN);
      ck_assert_uint_eq (barua_http_status (answer->str), 200);
      g_string_truncate (answer, 0);
      barua_http_send (fd, "POST /api/sms HTTP/1.1\r\n" HOST GOOD JSON "Content-Length: 2\r\n\r\n{",
                       -1);
      barua_http_send (fd, "}", -1);
      ck_assert_int_eq (barua_http_receive (fd, answer, FALSE, 2000), PEER_OPEN);
      ck_assert_str_eq (barua_http_body (answer->str), "{}");
    }
  close (fd);
}

START_TEST (a_connection_serves_many)
{
  barua_http_converse (keep_alive, NULL);
  barua_http_settle ();
  ck_assert_uint_eq (barua_server_stats (server)->connections, 1);
  ck_assert_uint_eq (barua_server_stats (server)->requests, 10);
  ck_assert_uint_eq (barua_server_stats (server)->replies[2], 10);
  ck_assert_uint_eq (barua_server_stats (server)->open_connections, 0);
  ck_assert_uint_eq (barua_server_stats (server)->open_requests, 0);
  ck_assert_uint_eq (barua_auth_stats (auth)->checks, 1);
}
END_TEST

/* A body a little too long is drained, and the connection goes on. */
static void
exceed_a_little (gpointer data)
{
  g_autofree char *body = g_strnfill (1001, 'x');
  int fd = barua_http_connect (port);

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GString) answer = g_string_new (NULL);

      barua_http_send (fd, "POST /small HTTP/1.1\r\n" HOST GOOD "Content-Length: 1001\r\n\r\n", -1);
      barua_http_send (fd, body, -1);
      ck_assert_int_eq (barua_http_receive (fd, answer, FALSE, 2000), PEER_OPEN);
      ck_assert_uint_eq (barua_http_status (answer->str), 413);
    }
  close (fd);
}

START_TEST (small_excess_keeps_the_connection)
{
  barua_http_converse (exceed_a_little, NULL);
  ck_assert_uint_eq (barua_server_stats (server)->connections, 1);
}
END_TEST

static const char *const silences[] = {
  "",
  "GET /api/sms HTT",
  "GET /api/sms HTTP/1.1\r\nHost: x\r\nX-Half: ",
  "POST /api/sms HTTP/1.1\r\n" HOST JSON "Content-Length: 20\r\n\r\n{\"half\":",
  "POST /api/sms HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\n10\r\n{\"ha",
};

static void
be_silent (gpointer data)
{
  g_autoptr (GString) answer = g_string_new (NULL);
  int fd = barua_http_connect (port);

  barua_http_send (fd, data, -1);
  ck_assert_int_eq (barua_http_receive (fd, answer, FALSE, 3000), PEER_CLOSED);
  close (fd);
}

START_TEST (the_silent_are_cut)
{
  gint64 before_us = g_get_monotonic_time ();

  barua_http_converse (be_silent, (gpointer)silences[_i]);
  gint64 took_us = g_get_monotonic_time () - before_us;
  ck_assert_int_gt (took_us, 300 * 1000);
  ck_assert_int_lt (took_us, 2000 * 1000);
  ck_assert_uint_eq (barua_server_stats (server)->timed_out, 1);
}
END_TEST

static void
idle_then_half (gpointer data)
{
  g_autoptr (GString) answer = g_string_new (NULL);
  gboolean sends_half = GPOINTER_TO_INT (data);
  int fd = barua_http_connect (port);

  barua_http_send (fd, "GET /api/sms HTTP/1.1\r\n" HOST "\r\n", -1);
  ck_assert_int_eq (barua_http_receive (fd, answer, FALSE, 2000), PEER_OPEN);
  g_usleep (150 * 1000);
  if (sends_half)
    barua_http_send (fd, "GET /api", -1);
  g_string_truncate (answer, 0);
  gint64 before_us = g_get_monotonic_time ();
  ck_assert_int_eq (barua_http_receive (fd, answer, FALSE, 3000), PEER_CLOSED);
  gint64 took_us = g_get_monotonic_time () - before_us;
  ck_assert_int_gt (took_us, 250 * 1000);
  ck_assert_int_lt (took_us, 1500 * 1000);
  close (fd);
}

START_TEST (the_idle_are_cut) { barua_http_converse (idle_then_half, GINT_TO_POINTER (_i)); }
END_TEST

/* A client that takes nothing of a long answer. */
static void
never_read (gpointer data)
{
  int fds[40];

  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      int small = 1024;

      fds[i] = barua_http_connect (port);
      setsockopt (fds[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
      barua_http_send (
          fds[i], "GET /large HTTP/1.1\r\n" HOST "\r\nGET /large HTTP/1.1\r\n" HOST "\r\n", -1);
    }
  g_usleep (1500 * 1000);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
}

START_TEST (clients_that_never_read)
{
  barua_http_converse (never_read, NULL);
  barua_http_settle ();
  ck_assert_uint_eq (barua_server_stats (server)->open_connections, 0);
}
END_TEST

/* Sends chunks until the server has had enough. */
static void
send_endless (gpointer data)
{
  g_autoptr (GString) answer = g_string_new (NULL);
  g_autofree char *block = g_strnfill (65536, ' ');
  int fd = barua_http_connect (port);
  guint sent = 0;

  barua_http_send (fd, "POST /upload HTTP/1.1\r\n" HOST GOOD "Transfer-Encoding: chunked\r\n\r\n",
                   -1);
  while (sent < 1000 && barua_http_send (fd, "10000\r\n", -1) && barua_http_send (fd, block, 65536)
         && barua_http_send (fd, "\r\n", -1))
    sent++;
  ck_assert_uint_lt (sent, 400);
  barua_http_receive (fd, answer, FALSE, 2000);
  ck_assert_uint_eq (barua_http_status (answer->str), 413);
  close (fd);
}

START_TEST (endless_chunks)
{
  barua_http_converse (send_endless, NULL);
  barua_http_settle ();
  ck_assert_uint_eq (barua_server_stats (server)->bodies_bytes, 0);
}
END_TEST

/* A large body of a sender who is still to be verified. */
static void
upload (gpointer data)
{
  g_autoptr (GString) answer = g_string_new (NULL);
  g_autofree char *block = g_strnfill (3 << 20, 'x');
  gboolean is_chunked = GPOINTER_TO_INT (data);
  int fd = barua_http_connect (port);

  if (is_chunked)
    barua_http_send (
        fd, "POST /upload HTTP/1.1\r\n" HOST GOOD "Transfer-Encoding: chunked\r\n\r\n300000\r\n",
        -1);
  else
    barua_http_send (fd, "POST /upload HTTP/1.1\r\n" HOST GOOD "Content-Length: 3145728\r\n\r\n",
                     -1);
  barua_http_send (fd, block, 3 << 20);
  if (is_chunked)
    barua_http_send (fd, "\r\n0\r\n\r\n", -1);
  ck_assert_int_eq (barua_http_receive (fd, answer, FALSE, 5000), PEER_OPEN);
  ck_assert_str_eq (barua_http_body (answer->str), "3145728");
  close (fd);
}

START_TEST (large_bodies_arrive)
{
  barua_http_converse (upload, GINT_TO_POINTER (_i));
  barua_http_settle ();
  ck_assert_uint_eq (barua_server_stats (server)->bodies_bytes, 0);
}
END_TEST

/* Seventy million zeroes in a small body. */
static void
send_bomb (gpointer data)
{
  g_autoptr (GConverter) gzip
      = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, 9));
  g_autofree char *zeroes = g_malloc0 (70 << 20);
  g_autofree char *bomb = g_malloc (1 << 20);
  gsize n_read, n_written;
  g_autoptr (GString) answer = g_string_new (NULL);

  g_converter_convert (gzip, zeroes, 70 << 20, bomb, 1 << 20, G_CONVERTER_INPUT_AT_END, &n_read,
                       &n_written, NULL);
  ck_assert_uint_lt (n_written, 100 * 1024);
  g_autofree char *head
      = g_strdup_printf ("POST /api/sms HTTP/1.1\r\n" HOST GOOD JSON "Content-Encoding: gzip\r\n"
                         "Content-Length: %" G_GSIZE_FORMAT "\r\n\r\n",
                         n_written);
  int fd = barua_http_connect (port);
  barua_http_send (fd, head, -1);
  barua_http_send (fd, bomb, (gssize)n_written);
  barua_http_receive (fd, answer, FALSE, 10000);
  ck_assert_uint_eq (barua_http_status (answer->str), 413);
  close (fd);
}

START_TEST (a_bomb)
{
  barua_http_converse (send_bomb, NULL);
  barua_http_settle ();
  ck_assert_uint_eq (barua_server_stats (server)->bodies_bytes, 0);
}
END_TEST

/* A client that goes while the handler works. */
static void
ask_and_go (gpointer data)
{
  int fd = barua_http_connect (port);

  barua_http_send (fd, "GET /slow HTTP/1.1\r\n" HOST "\r\n", -1);
  g_usleep (100 * 1000);
  close (fd);
  g_usleep (100 * 1000);
}

START_TEST (an_abandoned_request)
{
  barua_http_converse (ask_and_go, NULL);
  ck_assert_ptr_nonnull (held);
  barua_request_reply_text (held, 200, "too late");
  barua_http_settle ();
  ck_assert_uint_eq (barua_server_stats (server)->open_connections, 0);
  ck_assert_uint_eq (barua_server_stats (server)->open_requests, 0);
}
END_TEST

/* The server goes while the handler works; the handler answers afterwards. */
START_TEST (a_request_outlives_the_server)
{
  barua_http_converse (ask_and_go, NULL);
  ck_assert_ptr_nonnull (held);
  g_clear_pointer (&server, barua_server_free);
  ck_assert (barua_request_is_finished (held));
  barua_request_add_header (held, "X", "y");
  barua_request_reply_text (held, 200, "too late");
  g_clear_pointer (&held, barua_request_unref);
  barua_http_settle ();
  g_clear_pointer (&auth, barua_auth_free);
  start ();
}
END_TEST

static void
connect_too_often (gpointer data)
{
  int fds[6];
  guint refused = 0;

  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = barua_http_connect (port);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      g_autoptr (GString) answer = g_string_new (NULL);

      barua_http_send (fds[i], "GET /api/v1/forms/x HTTP/1.1\r\n" HOST "\r\n", -1);
      refused += barua_http_receive (fds[i], answer, FALSE, 2000) == PEER_CLOSED;
    }
  ck_assert_uint_eq (refused, 2);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
}

START_TEST (too_many_connections)
{
  g_clear_pointer (&server, barua_server_free);
  g_clear_pointer (&auth, barua_auth_free);
  start_with (4);
  barua_http_converse (connect_too_often, NULL);
  ck_assert_uint_eq (barua_server_stats (server)->refused_total, 2);
}
END_TEST

/* Stopping. */

static void
note_stopped (gpointer data)
{
  is_stopped = TRUE;
}

static gboolean
reply_held (gpointer data)
{
  barua_request_reply_text (held, 200, "in time");
  return G_SOURCE_REMOVE;
}

static gboolean
stop_server (gpointer data)
{
  barua_server_stop (server, GPOINTER_TO_UINT (data), note_stopped, NULL);
  if (data == NULL)
    g_timeout_add (200, reply_held, NULL);
  return G_SOURCE_REMOVE;
}

static void
be_in_flight (gpointer data)
{
  g_autoptr (GString) answer = g_string_new (NULL);
  int idle = barua_http_connect (port);
  int fd = barua_http_connect (port);

  barua_http_send (fd, "GET /slow HTTP/1.1\r\n" HOST "\r\n", -1);
  g_usleep (100 * 1000);
  g_idle_add (stop_server, NULL);
  ck_assert_int_eq (barua_http_receive (idle, answer, FALSE, 1000), PEER_CLOSED);
  ck_assert_int_eq (barua_http_connect (port), -1);
  ck_assert_int_eq (barua_http_receive (fd, answer, FALSE, 3000), PEER_OPEN);
  ck_assert_str_eq (barua_http_body (answer->str), "in time");
  ck_assert (strstr (answer->str, "Connection: close") != NULL);
  close (fd);
  close (idle);
  g_usleep (100 * 1000);
}

START_TEST (stops_gracefully)
{
  barua_http_converse (be_in_flight, NULL);
  barua_http_settle ();
  ck_assert (is_stopped);
}
END_TEST

static void
be_in_the_way (gpointer data)
{
  int fd = barua_http_connect (port);

  barua_http_send (fd, "GET /slow HTTP/1.1\r\n" HOST "\r\n", -1);
  g_usleep (100 * 1000);
  g_idle_add (stop_server, GUINT_TO_POINTER (200));
  g_usleep (600 * 1000);
  close (fd);
}

START_TEST (stops_after_the_limit)
{
  barua_http_converse (be_in_the_way, NULL);
  ck_assert (is_stopped);
  ck_assert_ptr_nonnull (held);
}
END_TEST

static void
fail_often (gpointer data)
{
  guint limited = 0;

  for (guint i = 0; i < 14; i++)
    {
      g_autofree char *pair = g_strdup_printf ("gateway:%u", i);
      g_autofree char *base64 = g_base64_encode ((const guchar *)pair, strlen (pair));
      g_autofree char *request = g_strdup_printf (
          "GET /api/sms HTTP/1.1\r\n" HOST "Authorization: Basic %s\r\n\r\n", base64);
      g_autofree char *answer = barua_http_ask (port, request);

      limited += barua_http_status (answer) == 429;
    }
  ck_assert_uint_eq (limited, 4);
  g_autofree char *good = barua_http_ask (port, "GET /api/sms HTTP/1.1\r\n" HOST GOOD "\r\n");
  ck_assert_uint_eq (barua_http_status (good), 200);
}

static void
ask_good (gpointer data)
{
  g_autofree char *good = barua_http_ask (port, "GET /api/sms HTTP/1.1\r\n" HOST GOOD "\r\n");

  ck_assert_uint_eq (barua_http_status (good), 200);
}

START_TEST (failures_are_limited)
{
  barua_http_converse (ask_good, NULL);
  barua_http_converse (fail_often, NULL);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("http-server");
  TCase *tc = tcase_create ("server");

  tcase_add_checked_fixture (tc, start, finish);
  tcase_add_loop_test (tc, one_exchange, 0, G_N_ELEMENTS (exchanges));
  tcase_add_test (tc, a_connection_serves_many);
  tcase_add_test (tc, small_excess_keeps_the_connection);
  tcase_add_loop_test (tc, the_silent_are_cut, 0, G_N_ELEMENTS (silences));
  tcase_add_loop_test (tc, the_idle_are_cut, 0, 2);
  tcase_add_test (tc, clients_that_never_read);
  tcase_add_test (tc, endless_chunks);
  tcase_add_loop_test (tc, large_bodies_arrive, 0, 2);
  tcase_add_test (tc, a_bomb);
  tcase_add_test (tc, an_abandoned_request);
  tcase_add_test (tc, a_request_outlives_the_server);
  tcase_add_test (tc, too_many_connections);
  tcase_add_test (tc, stops_gracefully);
  tcase_add_test (tc, stops_after_the_limit);
  tcase_add_test (tc, failures_are_limited);
  suite_add_tcase (suite, tc);
  return suite;
}
