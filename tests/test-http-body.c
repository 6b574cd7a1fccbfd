/* SPDX-License-Identifier: MIT */

#include "gateway/http/body.h"
#include "gateway/http/errors.h"
#include "tests/suites.h"

#include <gio/gio.h>
#include <string.h>

#define FORM "application/x-www-form-urlencoded"

static BaruaBudget budget;

static void
set_up (void)
{
  budget = (BaruaBudget){ 0, 64 << 20 };
}

static void
all_given_back (void)
{
  ck_assert_uint_eq (budget.used, 0);
}

/* Forms and queries. */

static const struct
{
  const char *text;
  const char *pairs;
} forms[] = {
  { "", "" },
  { "a=1&b=2", "a=1;b=2;" },
  { "a&b=&=c&&d", "a=;b=;=c;d=;" },
  { "a=1&a=2", "a=1;a=2;" },
  { "m=1!YYYZ!Sam%2323&from=+55", "m=1!YYYZ!Sam#23;from= 55;" },
  { "x=a+b%2Bc%20d", "x=a b+c d;" },
  { "x=a=b", "x=a=b;" },
  { "x=100%&y=%zz%4", "x=100%;y=%zz%4;" },
  { "x=%E2%82%AC", "x=\xe2\x82\xac;" },
  { "x=%ff%C3&y=%C3%A9", "x=\xef\xbf\xbd\xef\xbf\xbd;y=\xc3\xa9;" },
  { "x=a%00b", "x=a\xef\xbf\xbd"
               "b;" },
  { "%61=%62", "a=b;" },
};

START_TEST (form_row)
{
  BaruaPairs pairs;
  g_autoptr (GString) out = g_string_new (NULL);

  ck_assert (barua_pairs_parse (forms[_i].text, strlen (forms[_i].text), 100, &pairs));
  for (guint i = 0; i < pairs.n; i++)
    g_string_append_printf (out, "%s=%s;", pairs.pairs[i].name, pairs.pairs[i].value);
  ck_assert_str_eq (out->str, forms[_i].pairs);
  barua_pairs_clear (&pairs);
}
END_TEST

START_TEST (the_last_value_wins)
{
  BaruaPairs pairs;

  ck_assert (barua_pairs_parse ("a=1&b=x&a=2", 11, 100, &pairs));
  ck_assert_str_eq (barua_pairs_get (&pairs, "a"), "2");
  ck_assert_ptr_null (barua_pairs_get (&pairs, "c"));
  barua_pairs_clear (&pairs);
  ck_assert (!barua_pairs_parse ("a&a&a", 5, 2, &pairs));
  ck_assert_uint_eq (pairs.n, 0);
}
END_TEST

/* Whole bodies: a table. */

typedef struct
{
  const char *type;
  BaruaBody wanted;
  const char *text;
  gssize length; /* -1: of the text */
  BaruaBodyKind kind;
  int code; /* of the error, or -1 */
  const char *json;
} Case;

static const Case cases[] = {
  { "application/json", BARUA_BODY_JSON, "{\"a\":1}", -1, BARUA_BODY_KIND_JSON, -1, "{\"a\":1}" },
  { "APPLICATION/json ;x=y", BARUA_BODY_JSON, "[]", -1, BARUA_BODY_KIND_JSON, -1, "[]" },
  { "application/json", BARUA_BODY_JSON, "", -1, BARUA_BODY_KIND_JSON, -1, "{}" },
  { "application/json", BARUA_BODY_JSON, "\xef\xbb\xbf{}", -1, BARUA_BODY_KIND_JSON, -1, "{}" },
  { "application/json; charset=UTF-8", BARUA_BODY_JSON, "{}", -1, BARUA_BODY_KIND_JSON, -1, "{}" },
  { "application/json; charset=\"utf-8\"", BARUA_BODY_JSON, "{}", -1, BARUA_BODY_KIND_JSON, -1,
    "{}" },
  { "application/json; charset=utf-16le", BARUA_BODY_JSON, "{\0}\0", 4, BARUA_BODY_KIND_JSON, -1,
    "{}" },
  { "application/json; charset=utf-16", BARUA_BODY_JSON, "\xfe\xff\0{\0}", 6, BARUA_BODY_KIND_JSON,
    -1, "{}" },
  { "application/json; charset=utf-16le", BARUA_BODY_JSON, "{\0}", 3, BARUA_BODY_KIND_NONE,
    BARUA_HTTP_ERROR_BODY },
  { "application/json; charset=latin1", BARUA_BODY_JSON, "{}", -1, BARUA_BODY_KIND_NONE,
    BARUA_HTTP_ERROR_BODY },
  { "application/json", BARUA_BODY_JSON, "{", -1, BARUA_BODY_KIND_NONE, BARUA_HTTP_ERROR_JSON },
  { "application/json", BARUA_BODY_JSON, " ", -1, BARUA_BODY_KIND_NONE, BARUA_HTTP_ERROR_JSON },
  { "application/json", BARUA_BODY_JSON, "null", -1, BARUA_BODY_KIND_NONE, BARUA_HTTP_ERROR_JSON },
  { "application/json", BARUA_BODY_JSON, "\"x\"", -1, BARUA_BODY_KIND_NONE, BARUA_HTTP_ERROR_JSON },
  { "application/json", BARUA_BODY_JSON, "12", -1, BARUA_BODY_KIND_NONE, BARUA_HTTP_ERROR_JSON },
  { "application/json", BARUA_BODY_JSON, "{\"a\":\"\xff\"}", -1, BARUA_BODY_KIND_NONE,
    BARUA_HTTP_ERROR_JSON },
  { "application/json", BARUA_BODY_FORM, "{", -1, BARUA_BODY_KIND_NONE, -1 },
  { "text/plain", BARUA_BODY_JSON_OR_FORM, "{", -1, BARUA_BODY_KIND_NONE, -1 },
  { NULL, BARUA_BODY_JSON_OR_FORM, "{", -1, BARUA_BODY_KIND_NONE, -1 },
  { FORM, BARUA_BODY_JSON_OR_FORM, "a=b", -1, BARUA_BODY_KIND_FORM, -1 },
  { FORM "; charset=utf-8", BARUA_BODY_FORM, "", -1, BARUA_BODY_KIND_FORM, -1 },
  { FORM "; charset=latin1", BARUA_BODY_FORM, "a=b", -1, BARUA_BODY_KIND_NONE,
    BARUA_HTTP_ERROR_BODY },
  { "application/json", BARUA_BODY_JSON_OR_XML, "{}", -1, BARUA_BODY_KIND_JSON, -1, "{}" },
  { "Application/XML; charset=latin1", BARUA_BODY_JSON_OR_XML, "<\xe9/>", -1, BARUA_BODY_KIND_RAW, -1 },
  { "text/xml", BARUA_BODY_JSON_OR_XML, "{", -1, BARUA_BODY_KIND_RAW, -1 },
  { "text/plain", BARUA_BODY_JSON_OR_XML, "", -1, BARUA_BODY_KIND_RAW, -1 },
  { "image/png", BARUA_BODY_JSON_OR_XML, "<a/>", -1, BARUA_BODY_KIND_NONE, -1 },
  { "application/xml", BARUA_BODY_JSON, "<a/>", -1, BARUA_BODY_KIND_NONE, -1 },
  { "anything", BARUA_BODY_RAW, "\0\1", 2, BARUA_BODY_KIND_RAW, -1 },
};

START_TEST (body_row)
{
  const Case *c = &cases[_i];
  BaruaBodyTypes types = { .content_type = c->type, .wanted = c->wanted };
  BaruaBuffer buffer;
  BaruaDecoded decoded;
  g_autoptr (GError) error = NULL;

  barua_buffer_init (&buffer, 1000, &budget);
  ck_assert (barua_buffer_append (&buffer, c->text,
                                  c->length < 0 ? strlen (c->text) : (gsize)c->length, NULL));
  gboolean good = barua_body_decode (&buffer, &types, &decoded, &error);
  ck_assert_msg (good == (c->code < 0), "%s %s: %s", c->type, c->text, good ? "" : error->message);
  if (error != NULL)
    ck_assert_int_eq (error->code, c->code);
  else
    ck_assert_int_eq (decoded.kind, c->kind);
  if (c->json != NULL)
    {
      ck_assert_uint_eq (decoded.json.length, strlen (c->json));
      ck_assert_mem_eq (decoded.json.text, c->json, decoded.json.length);
    }
  barua_decoded_clear (&decoded);
}
END_TEST

START_TEST (documents)
{
  const BaruaBodyTypes rows[] = {
    { NULL, NULL, BARUA_BODY_JSON, TRUE, FALSE },
    { "text/plain", NULL, BARUA_BODY_JSON, TRUE, TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      BaruaBuffer buffer;
      BaruaDecoded decoded;

      barua_buffer_init (&buffer, 1000, &budget);
      barua_buffer_append (&buffer, "12", 2, NULL);
      ck_assert (barua_body_decode (&buffer, &rows[i], &decoded, NULL));
      ck_assert_int_eq (decoded.kind, BARUA_BODY_KIND_JSON);
      barua_decoded_clear (&decoded);
    }
}
END_TEST

/* Compression. */

static gsize
compress (GZlibCompressorFormat format, const char *text, gsize length, char *out, gsize size)
{
  g_autoptr (GConverter) converter = G_CONVERTER (g_zlib_compressor_new (format, 9));
  gsize n_read, n_written;

  ck_assert_int_eq (g_converter_convert (converter, text, length, out, size,
                                         G_CONVERTER_INPUT_AT_END, &n_read, &n_written, NULL),
                    G_CONVERTER_FINISHED);
  return n_written;
}

/* Decodes JSON with a Content-Encoding; the error code, or -1. */
static int
decode_encoded (const char *encoding, const char *bytes, gsize length, gsize limit, gsize *size)
{
  BaruaBodyTypes types = { "application/json", encoding, BARUA_BODY_JSON, FALSE, FALSE };
  BaruaBuffer buffer;
  BaruaDecoded decoded;
  g_autoptr (GError) error = NULL;

  barua_buffer_init (&buffer, limit, &budget);
  ck_assert (barua_buffer_append (&buffer, bytes, length, NULL));
  barua_body_decode (&buffer, &types, &decoded, &error);
  if (size != NULL)
    *size = decoded.json.length;
  barua_decoded_clear (&decoded);
  return error != NULL ? error->code : -1;
}

static const struct
{
  const char *encoding;
  GZlibCompressorFormat format;
} encodings[] = {
  { "gzip", G_ZLIB_COMPRESSOR_FORMAT_GZIP },
  { "GZIP", G_ZLIB_COMPRESSOR_FORMAT_GZIP },
  { "deflate", G_ZLIB_COMPRESSOR_FORMAT_ZLIB },
  { "deflate", G_ZLIB_COMPRESSOR_FORMAT_RAW },
};

START_TEST (encoding_row)
{
  g_autofree char *text = g_strnfill (100000, ' ');
  char out[4096];
  gsize size;

  text[0] = '[';
  text[99999] = ']';
  gsize n = compress (encodings[_i].format, text, 100000, out, sizeof out);
  ck_assert_int_eq (decode_encoded (encodings[_i].encoding, out, n, 100000, &size), -1);
  ck_assert_uint_eq (size, 100000);
  ck_assert_int_eq (decode_encoded (encodings[_i].encoding, out, n, 99999, NULL),
                    BARUA_HTTP_ERROR_PAYLOAD_TOO_LARGE);
  ck_assert_int_eq (decode_encoded (encodings[_i].encoding, out, n / 2, 100000, NULL),
                    BARUA_HTTP_ERROR_BODY);
  out[n / 2] ^= 0x55;
  ck_assert_int_ne (decode_encoded (encodings[_i].encoding, out, n, 100000, NULL), -1);
}
END_TEST

START_TEST (odd_encodings)
{
  char out[200];
  gsize size;
  gsize n = compress (G_ZLIB_COMPRESSOR_FORMAT_GZIP, "[1,", 3, out, sizeof out);

  n += compress (G_ZLIB_COMPRESSOR_FORMAT_GZIP, "2]", 2, out + n, sizeof out - n);
  ck_assert_int_eq (decode_encoded ("gzip", out, n, 100, &size), -1);
  ck_assert_uint_eq (size, 5);
  ck_assert_int_eq (decode_encoded ("identity", "{}", 2, 100, NULL), -1);
  ck_assert_int_eq (decode_encoded ("gzip", "", 0, 100, NULL), -1);
  ck_assert_int_eq (decode_encoded ("gzip", "{}", 2, 100, NULL), BARUA_HTTP_ERROR_BODY);
  ck_assert_int_eq (decode_encoded ("br", "{}", 2, 100, NULL), BARUA_HTTP_ERROR_ENCODING);
  ck_assert_int_eq (decode_encoded ("gzip, gzip", "{}", 2, 100, NULL), BARUA_HTTP_ERROR_ENCODING);
}
END_TEST

/* Memory. */

START_TEST (limits)
{
  BaruaBuffer buffer, other;
  g_autoptr (GError) error = NULL;
  g_autofree char *block = g_strnfill (10000, 'x');

  budget.max = 20000;
  barua_buffer_init (&buffer, 15000, &budget);
  ck_assert (barua_buffer_append (&buffer, block, 10000, NULL));
  ck_assert (!barua_buffer_append (&buffer, block, 5001, &error));
  ck_assert_int_eq (error->code, BARUA_HTTP_ERROR_PAYLOAD_TOO_LARGE);
  g_clear_error (&error);
  barua_buffer_init (&other, 15000, &budget);
  ck_assert (!barua_buffer_append (&other, block, 10000, &error));
  ck_assert_int_eq (error->code, BARUA_HTTP_ERROR_UNAVAILABLE);
  barua_buffer_clear (&buffer);
  ck_assert (barua_buffer_append (&other, block, 10000, NULL));
  barua_buffer_clear (&other);
}
END_TEST

START_TEST (a_form_of_many_pairs)
{
  BaruaBodyTypes types = { FORM, NULL, BARUA_BODY_FORM, FALSE, FALSE };
  BaruaBuffer buffer;
  BaruaDecoded decoded;
  g_autoptr (GError) error = NULL;

  barua_buffer_init (&buffer, 10000, &budget);
  for (guint i = 0; i <= BARUA_FORM_MAX_PAIRS; i++)
    ck_assert (barua_buffer_append (&buffer, "a&", 2, NULL));
  ck_assert (!barua_body_decode (&buffer, &types, &decoded, &error));
  ck_assert_int_eq (error->code, BARUA_HTTP_ERROR_PAYLOAD_TOO_LARGE);
  barua_decoded_clear (&decoded);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("http-body");
  TCase *tc = tcase_create ("body");

  tcase_add_checked_fixture (tc, set_up, all_given_back);
  tcase_add_loop_test (tc, form_row, 0, G_N_ELEMENTS (forms));
  tcase_add_test (tc, the_last_value_wins);
  tcase_add_loop_test (tc, body_row, 0, G_N_ELEMENTS (cases));
  tcase_add_test (tc, documents);
  tcase_add_loop_test (tc, encoding_row, 0, G_N_ELEMENTS (encodings));
  tcase_add_test (tc, odd_encodings);
  tcase_add_test (tc, limits);
  tcase_add_test (tc, a_form_of_many_pairs);
  suite_add_tcase (suite, tc);
  return suite;
}
