/* SPDX-License-Identifier: MIT */

#include "gateway/http/head.h"
#include "tests/suites.h"

#include <string.h>

#define HOST "Host: gateway.example\r\n"
#define GET "GET /api/sms HTTP/1.1\r\n"
#define POST "POST /api/sms HTTP/1.1\r\n"

static gboolean
is_plain (const char *bytes, gsize n, BaruaHead *head)
{
  return barua_head_read (bytes, n, head) == BARUA_HEAD_PLAIN;
}

static gboolean
is_other (const char *bytes, gsize n)
{
  BaruaHead head;

  return barua_head_read (bytes, n, &head) == BARUA_HEAD_OTHER;
}

/* Heads that are ours, and what is in them. */
static const struct
{
  const char *text;
  const char *path;
  guint64 body_length;
} simple[] = {
  { GET HOST "\r\n", "/api/sms", 0 },
  { GET "hOsT: 127.0.0.1:5988\r\n\r\nand more", "/api/sms", 0 },
  { GET "Host:a\r\nConnection: Keep-Alive\r\n\r\n", "/api/sms", 0 },
  { "GET /medic/_all-docs.json HTTP/1.1\r\n" HOST "\r\n", "/medic/_all-docs.json", 0 },
  { "GET / HTTP/1.1\r\n" HOST "\r\n", "/", 0 },
  { "GET //api//sms/ HTTP/1.1\r\n" HOST "\r\n", "//api//sms/", 0 },
  { POST HOST "Content-Length: 0\r\n\r\n", "/api/sms", 0 },
  { "PUT /medic/a HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n", "/medic/a", 2 },
  { POST HOST "Content-Length:  17  \r\nX-Empty:\r\n\r\n", "/api/sms", 17 },
  { POST HOST "content-length: 999999999999\r\n\r\n", "/api/sms", 999999999999 },
};

START_TEST (simple_heads)
{
  BaruaHead head;
  const char *text = simple[_i].text;

  ck_assert_msg (is_plain (text, strlen (text), &head), "%s", text);
  ck_assert (barua_text_equal (head.path, barua_text (simple[_i].path)));
  ck_assert_uint_eq (head.body_length, simple[_i].body_length);
  ck_assert_ptr_eq (text + head.length, strstr (text, "\r\n\r\n") + 4);
}
END_TEST

/* Heads that libsoup is to read, of requests whose end we know. */
static const char *const framed[] = {
  GET "\r\n",
  GET "Host:\r\n\r\n",
  GET "Host: a b\r\n\r\n",
  GET "Host: a:\r\n\r\n",
  GET "Host: a:0\r\n\r\n",
  GET "Host: a:65536\r\n\r\n",
  GET "Host: a:1:2\r\n\r\n",
  GET "Host: a@b\r\n\r\n",
  GET "Host: a/b\r\n\r\n",
  GET "Host: [::1]\r\n\r\n",
  "HEAD /api/sms HTTP/1.1\r\n" HOST "\r\n",
  "PUT /api/sms HTTP/1.1\r\n" HOST "\r\n",
  "DELETE /api/sms HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
  "GET /api?x HTTP/1.1\r\n" HOST "\r\n",
  "GET /api%2fsms HTTP/1.1\r\n" HOST "\r\n",
  "GET /api/../sms HTTP/1.1\r\n" HOST "\r\n",
  "GET /.hidden HTTP/1.1\r\n" HOST "\r\n",
  GET HOST "Content-Length: 0\r\n\r\n",
  POST HOST "\r\n",
  GET HOST "Range: bytes=0-1\r\n\r\n",
  GET HOST "TE: trailers\r\n\r\n",
};

START_TEST (framed_heads)
{
  BaruaHead head;
  const char *text = framed[_i];

  ck_assert_msg (barua_head_read (text, strlen (text), &head) == BARUA_HEAD_FRAMED, "%s", text);
  ck_assert_uint_eq (head.length, strlen (text));
  ck_assert_uint_eq (head.body_length, 0);
}
END_TEST

/* What two readers might take for two things, or that need more than we do. */
static const char *const others[] = {
  "",
  "\r\n\r\n",
  "GET",
  GET,
  GET HOST,
  GET HOST "\r",
  "\r\n" GET HOST "\r\n",
  GET "Host: a\r\nHost: a\r\n\r\n",
  "get /api/sms HTTP/1.1\r\n" HOST "\r\n",
  "OPTIONS * HTTP/1.1\r\n" HOST "\r\n",
  "GET /api/sms HTTP/1.0\r\n" HOST "\r\n",
  "GET /api/sms HTTP/1.1 \r\n" HOST "\r\n",
  "GET  /api/sms HTTP/1.1\r\n" HOST "\r\n",
  "GET /api/sms  HTTP/1.1\r\n" HOST "\r\n",
  "GET\t/api/sms HTTP/1.1\r\n" HOST "\r\n",
  " GET /api/sms HTTP/1.1\r\n" HOST "\r\n",
  "CONNECT /a HTTP/1.1\r\n" HOST "\r\n",
  "GET  HTTP/1.1\r\n" HOST "\r\n",
  "GET HTTP/1.1\r\n" HOST "\r\n",
  "GET api HTTP/1.1\r\n" HOST "\r\n",
  "GET http://a/api/sms HTTP/1.1\r\n" HOST "\r\n",
  POST HOST "Content-Length:\r\n\r\n",
  POST HOST "Content-Length: +5\r\n\r\n",
  POST HOST "Content-Length: -5\r\n\r\n",
  POST HOST "Content-Length: 0x5\r\n\r\n",
  POST HOST "Content-Length: 5, 5\r\n\r\n",
  POST HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
  POST HOST "Content-Length: 5\r\ncontent-length: 6\r\n\r\n",
  POST HOST "Content-Length: 1000000000000\r\n\r\n",
  POST HOST "Content-Length : 5\r\n\r\n",
  POST HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
  POST HOST "Content-Length: 5\r\ntransfer-encoding: identity\r\n\r\n",
  POST HOST "Content-Length: 5\r\nTransfer-Encoding\r\n\r\n",
  POST HOST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
  GET HOST "Upgrade: h2c\r\n\r\n",
  GET HOST "Connection: close\r\n\r\n",
  GET HOST "Connection: keep-alive, close\r\n\r\n",
  GET HOST "Connection:\r\n\r\n",
  GET HOST "X: a\r\n b\r\n\r\n",
  GET HOST "X: a\tb\r\n\r\n",
  GET HOST "X: \x01\r\n\r\n",
  GET HOST "X: \xc3\xa4\r\n\r\n",
  GET HOST "X: a\rb\r\n\r\n",
  GET HOST "X: a\n\r\n",
  GET HOST "X: a\nY: b\r\n\r\n",
  GET HOST "X\xc3\xa4: a\r\n\r\n",
  GET HOST "X Y: a\r\n\r\n",
  GET HOST ": a\r\n\r\n",
  GET HOST "no colon\r\n\r\n",
  GET HOST "X: a\r\nx: b\r\n\r\n",
  GET "Host: a\r\n\n",
  "GET /api/sms HTTP/1.1\nHost: a\n\n",
};

START_TEST (other_heads)
{
  ck_assert_msg (is_other (others[_i], strlen (others[_i])), "%s", others[_i]);
}
END_TEST

/* A NUL is no end, and nothing behind the bytes given is looked at. */
START_TEST (bytes_are_counted)
{
  static const char nul[] = GET HOST "X: a\0b\r\n\r\n";
  static const char whole[] = GET HOST "\r\n";
  BaruaHead head;

  ck_assert (is_other (nul, sizeof nul - 1));
  for (gsize n = 0; n < sizeof whole - 1; n++)
    {
      g_autofree char *part = g_memdup2 (whole, n + 1);
      part[n] = 'x';
      ck_assert (is_other (part, n));
    }
  ck_assert (is_plain (whole, sizeof whole - 1, &head));
}
END_TEST

START_TEST (limits)
{
  g_autoptr (GString) text = g_string_new (GET HOST);
  BaruaHead head;

  for (guint i = 1; i < BARUA_HEAD_MAX_FIELDS; i++)
    g_string_append_printf (text, "X-%u: a\r\n", i);
  const gsize n = text->len;
  g_string_append (text, "\r\n");
  ck_assert (is_plain (text->str, text->len, &head));
  ck_assert_uint_eq (head.n_fields, BARUA_HEAD_MAX_FIELDS);
  g_string_truncate (text, n);
  g_string_append (text, "One-More: a\r\n\r\n");
  ck_assert (is_other (text->str, text->len));

  g_string_assign (text, GET HOST "X: ");
  while (text->len < BARUA_HEAD_MAX_BYTES - 4)
    g_string_append_c (text, 'x');
  g_string_append (text, "\r\n\r\n");
  ck_assert (is_plain (text->str, text->len, &head));
  g_string_insert_c (text, 100, 'x');
  ck_assert (is_other (text->str, text->len));
}
END_TEST

START_TEST (a_copy_lives_on)
{
  g_autofree char *text = g_strdup (POST HOST "Content-Length: 3\r\nX-Empty: \r\nAccept: a, b\r\n\r\nabc");
  BaruaHead head;

  ck_assert (is_plain (text, strlen (text), &head));
  ck_assert_uint_eq (barua_head_get (&head, "content-length")->n, 1);
  ck_assert_ptr_null (barua_head_get (&head, "Content"));
  BaruaHeadCopy *copy = barua_head_copy (&head);
  memset (text, 'x', strlen (text));
  ck_assert_str_eq (barua_head_copy_method (copy), "POST");
  ck_assert_str_eq (barua_head_copy_path (copy), "/api/sms");
  ck_assert_str_eq (barua_head_copy_get (copy, "ACCEPT"), "a, b");
  ck_assert_str_eq (barua_head_copy_get (copy, "Host"), "gateway.example");
  ck_assert_str_eq (barua_head_copy_get (copy, "X-Empty"), "");
  ck_assert_ptr_null (barua_head_copy_get (copy, "X"));
  barua_head_copy_free (copy);
}
END_TEST

/* Where heads end that are not ours to read: as libsoup has it. */
static const struct
{
  const char *text;
  gsize end; /* 0: not yet */
} ends[] = {
  { GET HOST "\r\n", sizeof GET HOST + 1 },
  { GET HOST "\r\nmore\r\n\r\n", sizeof GET HOST + 1 },
  { "GET / HTTP/1.0\n\n", 16 },
  { "GET / HTTP/1.0\n\r\nx", 17 },
  { "a\r\nb\n\r\nc", 7 },
  { "\r\n\r\n", 0 },
  { "\r\n\r\nGET / HTTP/1.0\r\n\r\n", 22 },
  { "\n\na\n\nb", 5 },
  { "", 0 },
  { "GET", 0 },
  { GET HOST, 0 },
  { GET HOST "\r", 0 },
  { GET HOST "\rx\n", 0 },
  { GET "X: a\r\r\n", 0 },
};

START_TEST (ends_of_heads)
{
  const char *text = ends[_i].text;
  const gsize n = strlen (text);
  gsize from = 0, found = 0;

  ck_assert_uint_eq (barua_head_end (text, n, &from), ends[_i].end);
  from = 0;
  for (gsize i = 0; i <= n && found == 0; i++)
    {
      const gsize before = from;
      g_autofree char *part = g_memdup2 (text, i + 1);
      part[i] = '\n';
      found = barua_head_end (part, i, &from);
      ck_assert (from >= before && from <= i);
      ck_assert (found == 0 || found == i);
    }
  ck_assert_uint_eq (found, ends[_i].end);
}
END_TEST

/* What an answer needs of a head that is not whole, or none. */
static const struct
{
  const char *text;
  const char *method;
  const char *path;
  const char *accept; /* NULL: none */
} parts[] = {
  { GET "Accept: a\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy", "GET", "/api/sms", "a" },
  { GET "X\r\nAccept: a\r\nAcc", "GET", "/api/sms", "a" },
  { GET "Acce", "GET", "/api/sms", NULL },
  { GET "Accept: a", "GET", "/api/sms", NULL },
  { "\r\nPUT /a/b?c#d", "PUT", "/a/b", NULL },
  { "GET /a%20b HTTP/1.1\nAccept: a\r\n", "GET", "/a%20b", "a" },
  { "GET /\x01", "GET", "/", NULL },
  { "GET", "", "/", NULL },
  { "get http://a/b HTTP/1.1\r\nAccept: a\r\n", "", "/", "a" },
  { "\r\n", "", "/", NULL },
  { "", "", "/", NULL },
  { " ", "", "/", NULL },
};

START_TEST (parts_of_heads)
{
  const gsize n = strlen (parts[_i].text);
  g_autofree char *exact = g_memdup2 (parts[_i].text, MAX (n, 1));
  BaruaHead head;

  barua_head_read_part (exact, n, &head);
  BaruaHeadCopy *copy = barua_head_copy (&head);
  ck_assert_str_eq (barua_head_copy_method (copy), parts[_i].method);
  ck_assert_str_eq (barua_head_copy_path (copy), parts[_i].path);
  ck_assert_pstr_eq (barua_head_copy_get (copy, "accept"), parts[_i].accept);
  barua_head_copy_free (copy);
}
END_TEST

START_TEST (who_is_long)
{
  BaruaHead head;

  ck_assert (barua_head_read_part ("GET /aaaaaaaaaaaaaaaaaaaa", 25, &head));
  ck_assert (barua_head_read_part ("GET /aaaaaaaaaaaaaaaaaaaa\r\nX: a\r\n", 33, &head));
  ck_assert (!barua_head_read_part ("GET /a\r\nX: aaaaaaaaaaaaaaaaaaaa", 31, &head));
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("http-head");
  TCase *tc = tcase_create ("head");

  tcase_add_loop_test (tc, simple_heads, 0, (int)G_N_ELEMENTS (simple));
  tcase_add_loop_test (tc, framed_heads, 0, (int)G_N_ELEMENTS (framed));
  tcase_add_loop_test (tc, other_heads, 0, (int)G_N_ELEMENTS (others));
  tcase_add_test (tc, bytes_are_counted);
  tcase_add_test (tc, limits);
  tcase_add_test (tc, a_copy_lives_on);
  tcase_add_loop_test (tc, ends_of_heads, 0, (int)G_N_ELEMENTS (ends));
  tcase_add_loop_test (tc, parts_of_heads, 0, (int)G_N_ELEMENTS (parts));
  tcase_add_test (tc, who_is_long);
  suite_add_tcase (suite, tc);
  return suite;
}
