/* SPDX-License-Identifier: MIT */

/* Attachments on the way in, session cookies, forged requests: over sockets against the real server. */

#include "gateway/http/cookie.h"
#include "gateway/http/password.h"
#include "gateway/http/server.h"
#include "tests/http-client.h"
#include "tests/suites.h"

#include <arpa/inet.h>
#include <gio/gio.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GOOD "Authorization: Basic bWFyeTpzM2NyZXQ=\r\n" /* mary:s3cret */
#define WRONG "Authorization: Basic bWFyeTp3cm9uZw==\r\n"
#define HOST "Host: x:80\r\n"
#define TOKEN "c2Vzc2lvbg-of_mary"
#define COOKIE "Cookie: a=b; AuthSession=" TOKEN "\r\n"

static BaruaServer *server;
static BaruaAuth *auth;
static guint port;
static char *hash;
static guint n_look_ups;
static gboolean session_is_valid;

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
  n_look_ups = 0;
  session_is_valid = TRUE;
  auth = barua_auth_new (&backend, NULL);
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
  barua_http_settle ();
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
  Suite *suite = suite_create ("http-session");
  TCase *tc = tcase_create ("session");

  tcase_add_checked_fixture (tc, start, finish);
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
