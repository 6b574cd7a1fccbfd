/* SPDX-License-Identifier: MIT */

/* Request bodies: memory limits, compression, character sets, JSON and forms. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/body.h"

#include "gateway/http/errors.h"
#include "gateway/http/multipart.h"

#include <gio/gio.h>
#include <string.h>

/* Bytes of the first allocation of a buffer; most bodies of phones fit. */
#define FIRST_ALLOCATION 4096

gboolean
barua_budget_take (BaruaBudget *budget, gsize bytes)
{
  gsize before = (gsize)g_atomic_pointer_add (&budget->used, (gssize)bytes);

  if (before + bytes <= budget->max)
    return TRUE;
  barua_budget_give (budget, bytes);
  return FALSE;
}

void
barua_budget_give (BaruaBudget *budget, gsize bytes)
{
  g_atomic_pointer_add (&budget->used, -(gssize)bytes);
}

void
barua_buffer_init (BaruaBuffer *buffer, gsize limit, BaruaBudget *budget)
{
  *buffer = (BaruaBuffer){ .limit = limit, .budget = budget };
}

void
barua_buffer_clear (BaruaBuffer *buffer)
{
  g_clear_pointer (&buffer->data, g_free);
  if (buffer->allocated > 0)
    barua_budget_give (buffer->budget, buffer->allocated);
  buffer->allocated = buffer->length = 0;
}

/* Makes room for @length bytes in all: doubling, so that the time stays linear. */
static gboolean
reserve (BaruaBuffer *buffer, gsize length, GError **error)
{
  gsize wanted = MAX (buffer->allocated, FIRST_ALLOCATION);

  if (length <= buffer->allocated)
    return TRUE;
  while (wanted < length)
    wanted *= 2;
  wanted = MAX (MIN (wanted, buffer->limit), length);
  if (!barua_budget_take (buffer->budget, wanted - buffer->allocated))
    {
      g_set_error_literal (error, BARUA_HTTP_ERROR, BARUA_HTTP_ERROR_UNAVAILABLE,
                           "Service Unavailable");
      return FALSE;
    }
  buffer->data = g_realloc (buffer->data, wanted);
  buffer->allocated = wanted;
  return TRUE;
}

static gboolean
fail_too_large (GError **error)
{
  g_set_error_literal (error, BARUA_HTTP_ERROR, BARUA_HTTP_ERROR_PAYLOAD_TOO_LARGE,
                       "Payload Too Large");
  return FALSE;
}

static gboolean
fail_body (GError **error, const char *why)
{
  g_set_error_literal (error, BARUA_HTTP_ERROR, BARUA_HTTP_ERROR_BODY, why);
  return FALSE;
}

gboolean
barua_buffer_append (BaruaBuffer *buffer, gconstpointer data, gsize length, GError **error)
{
  if (length > buffer->limit - buffer->length)
    return fail_too_large (error);
  if (!reserve (buffer, buffer->length + length, error))
    return FALSE;
  if (length > 0)
    memcpy (buffer->data + buffer->length, data, length);
  buffer->length += length;
  return TRUE;
}

void
barua_decoded_clear (BaruaDecoded *decoded)
{
  g_clear_pointer (&decoded->parts, g_array_unref);
  g_clear_pointer (&decoded->bytes, g_bytes_unref);
  barua_pairs_clear (&decoded->form);
  if (decoded->taken > 0)
    barua_budget_give (decoded->budget, decoded->taken);
  *decoded = (BaruaDecoded){ 0 };
}

gboolean
barua_media_type_is (const char *content_type, const char *media_type)
{
  if (content_type == NULL)
    return FALSE;
  while (g_ascii_isspace (*content_type))
    content_type++;
  gsize n = strcspn (content_type, "; \t");
  return n == strlen (media_type) && g_ascii_strncasecmp (content_type, media_type, n) == 0;
}

/* The value of the charset parameter in lower case, or NULL. */
static char *
charset_of (const char *content_type)
{
  const char *at = content_type != NULL ? strchr (content_type, ';') : NULL;

  while (at != NULL)
    {
      at += 1 + strspn (at + 1, " \t");
      if (g_ascii_strncasecmp (at, "charset=", 8) == 0)
        {
          at += 8 + (at[8] == '"');
          return g_ascii_strdown (at, (gssize)strcspn (at, "\"; \t"));
        }
      at = strchr (at, ';');
    }
  return NULL;
}

/* Deflate comes with or without the zlib header (RFC 1950, 2.2); clients do both. */
static GZlibCompressorFormat
deflate_format (const BaruaBuffer *in)
{
  gboolean has_header = in->length >= 2 && (in->data[0] & 0x0f) == 8
                        && (in->data[0] * 256u + in->data[1]) % 31 == 0;

  return has_header ? G_ZLIB_COMPRESSOR_FORMAT_ZLIB : G_ZLIB_COMPRESSOR_FORMAT_RAW;
}

/* Inflates all of @in into @out, gzip members one after the other. */
static gboolean
inflate_all (const BaruaBuffer *in, GZlibCompressorFormat format, BaruaBuffer *out, GError **error)
{
  g_autoptr (GConverter) inflater = G_CONVERTER (g_zlib_decompressor_new (format));
  guint8 block[16 * 1024];
  gsize at = 0;

  while (TRUE)
    {
      gsize n_read = 0, n_written = 0;
      GConverterResult result
          = g_converter_convert (inflater, in->data + at, in->length - at, block, sizeof block,
                                 G_CONVERTER_INPUT_AT_END, &n_read, &n_written, NULL);

      if (result == G_CONVERTER_ERROR)
        return fail_body (error, "damaged compressed body");
      at += n_read;
      if (!barua_buffer_append (out, block, n_written, error))
        return FALSE;
      if (result != G_CONVERTER_FINISHED)
        continue;
      gboolean has_member = format == G_ZLIB_COMPRESSOR_FORMAT_GZIP && in->length - at >= 2
                            && in->data[at] == 0x1f && in->data[at + 1] == 0x8b;
      if (!has_member)
        return TRUE;
      g_converter_reset (inflater);
    }
}

/* Replaces the bytes of @buffer by what they are compressed from. */
static gboolean
decompress (BaruaBuffer *buffer, const char *encoding, GError **error)
{
  if (encoding == NULL || *encoding == '\0' || g_ascii_strcasecmp (encoding, "identity") == 0)
    return TRUE;
  gboolean is_gzip
      = g_ascii_strcasecmp (encoding, "gzip") == 0 || g_ascii_strcasecmp (encoding, "x-gzip") == 0;
  if (!is_gzip && g_ascii_strcasecmp (encoding, "deflate") != 0)
    {
      g_set_error_literal (error, BARUA_HTTP_ERROR, BARUA_HTTP_ERROR_ENCODING,
                           "unknown Content-Encoding");
      return FALSE;
    }
  if (buffer->length == 0)
    return TRUE;

  BaruaBuffer out;
  barua_buffer_init (&out, buffer->limit, buffer->budget);
  gboolean done = inflate_all (
      buffer, is_gzip ? G_ZLIB_COMPRESSOR_FORMAT_GZIP : deflate_format (buffer), &out, error);
  barua_buffer_clear (buffer);
  *buffer = out;
  return done;
}

/* Replaces UTF-16 by UTF-8; other character sets are refused. */
static gboolean
convert_charset (BaruaBuffer *buffer, const char *content_type, gboolean is_json, GError **error)
{
  g_autofree char *charset = charset_of (content_type);

  if (charset == NULL || strcmp (charset, "utf-8") == 0 || strcmp (charset, "utf8") == 0)
    return TRUE;
  if (!is_json || !g_str_has_prefix (charset, "utf-16"))
    return fail_body (error, "unsupported charset");
  gsize worst = buffer->length / 2 * 3 + 1; /* a UTF-16 unit takes three bytes at most */
  if (!barua_budget_take (buffer->budget, worst))
    {
      g_set_error_literal (error, BARUA_HTTP_ERROR, BARUA_HTTP_ERROR_UNAVAILABLE,
                           "Service Unavailable");
      return FALSE;
    }

  gsize length = 0;
  g_autofree char *text = g_convert ((const char *)buffer->data, (gssize)buffer->length, "UTF-8",
                                     charset, NULL, &length, NULL);
  gsize limit = buffer->limit;
  BaruaBudget *budget = buffer->budget;
  barua_buffer_clear (buffer);
  barua_buffer_init (buffer, limit, budget);
  gboolean good = text == NULL ? fail_body (error, "damaged UTF-16")
                               : barua_buffer_append (buffer, text, length, error);
  barua_budget_give (budget, worst);
  return good;
}

void
barua_decoded_take (BaruaDecoded *decoded, BaruaBuffer *buffer)
{
  decoded->taken = buffer->allocated;
  decoded->budget = buffer->budget;
  decoded->bytes = g_bytes_new_take (g_steal_pointer (&buffer->data), buffer->length);
  buffer->allocated = buffer->length = 0;
}

/* Reads @text, a part of the bytes of @decoded or all of them. */
static gboolean
decode_json (BaruaDecoded *decoded, const char *text, gsize length, gboolean is_document,
             GError **error)
{
  g_autoptr (GError) reason = NULL;

  if (length == 0)
    {
      decoded->json = is_document ? BARUA_JSON_NONE : (BaruaJson){ "{}", 2 };
      decoded->kind = is_document ? BARUA_BODY_KIND_NONE : BARUA_BODY_KIND_JSON;
      return TRUE;
    }
  if (length >= 3 && memcmp (text, "\xef\xbb\xbf", 3) == 0)
    {
      text += 3;
      length -= 3;
    }
  if (!barua_json_read (text, (gssize)length, &decoded->json, &reason))
    {
      g_set_error_literal (error, BARUA_HTTP_ERROR, BARUA_HTTP_ERROR_JSON, reason->message);
      return FALSE;
    }
  BaruaJsonType type = barua_json_type (decoded->json);
  if (!is_document && type != BARUA_JSON_OBJECT && type != BARUA_JSON_ARRAY)
    {
      g_set_error (error, BARUA_HTTP_ERROR, BARUA_HTTP_ERROR_JSON,
                   "line 1, column 1: %s where an object is expected",
                   barua_json_type_name (decoded->json));
      return FALSE;
    }
  decoded->kind = BARUA_BODY_KIND_JSON;
  return TRUE;
}

static gboolean
decode_form (BaruaDecoded *decoded, GError **error)
{
  gsize length;
  const char *text = g_bytes_get_data (decoded->bytes, &length);

  decoded->kind = BARUA_BODY_KIND_FORM;
  if (text != NULL && !barua_budget_take (decoded->budget, length))
    {
      g_set_error_literal (error, BARUA_HTTP_ERROR, BARUA_HTTP_ERROR_UNAVAILABLE,
                           "Service Unavailable");
      return FALSE;
    }
  decoded->taken += length;
  return barua_pairs_parse (text, length, BARUA_FORM_MAX_PAIRS, &decoded->form)
         || fail_too_large (error);
}

/* Takes the parts apart and reads the first one, a document (RFC 2387, 3.2: the root). */
static gboolean
decode_multipart (BaruaDecoded *decoded, const char *content_type, GError **error)
{
  BaruaText body;

  body.p = g_bytes_get_data (decoded->bytes, &body.n);
  decoded->parts = barua_multipart_split (body, content_type);
  if (decoded->parts == NULL)
    return fail_body (error, "damaged multipart body");
  BaruaText first = g_array_index (decoded->parts, BaruaPart, 0).bytes;
  if (!decode_json (decoded, first.p, first.n, TRUE, error))
    return FALSE;
  decoded->kind = BARUA_BODY_KIND_MULTIPART;
  return TRUE;
}

static gboolean
is_xml (const char *content_type)
{
  return barua_media_type_is (content_type, "application/xml")
         || barua_media_type_is (content_type, "text/xml")
         || barua_media_type_is (content_type, "text/plain");
}

/* What a body of this type is to a route that takes @types->wanted. */
static BaruaBodyKind
kind_of (const BaruaBodyTypes *types)
{
  gboolean takes_json = types->wanted == BARUA_BODY_JSON || types->wanted == BARUA_BODY_JSON_OR_FORM
                        || types->wanted == BARUA_BODY_JSON_OR_XML;
  gboolean takes_form
      = types->wanted == BARUA_BODY_FORM || types->wanted == BARUA_BODY_JSON_OR_FORM;

  if (types->wanted == BARUA_BODY_RAW)
    return BARUA_BODY_KIND_RAW;
  if (takes_json && types->is_document && types->is_put)
    return barua_media_type_is (types->content_type, "multipart/related")
               ? BARUA_BODY_KIND_MULTIPART
               : BARUA_BODY_KIND_JSON;
  if (takes_json && types->is_document && types->content_type == NULL)
    return BARUA_BODY_KIND_JSON;
  if (takes_json && barua_media_type_is (types->content_type, "application/json"))
    return BARUA_BODY_KIND_JSON;
  if (takes_form && barua_media_type_is (types->content_type, "application/x-www-form-urlencoded"))
    return BARUA_BODY_KIND_FORM;
  if (types->wanted == BARUA_BODY_JSON_OR_XML && is_xml (types->content_type))
    return BARUA_BODY_KIND_RAW;
  return BARUA_BODY_KIND_NONE;
}

gboolean
barua_body_decode (BaruaBuffer *buffer, const BaruaBodyTypes *types, BaruaDecoded *decoded,
                   GError **error)
{
  *decoded = (BaruaDecoded){ 0 };
  BaruaBodyKind kind = kind_of (types);

  if (kind == BARUA_BODY_KIND_NONE)
    {
      barua_buffer_clear (buffer);
      return TRUE;
    }
  gboolean is_text = kind == BARUA_BODY_KIND_JSON || kind == BARUA_BODY_KIND_FORM;
  if (!decompress (buffer, types->content_encoding, error)
      || (is_text
          && !convert_charset (buffer, types->content_type, kind == BARUA_BODY_KIND_JSON, error)))
    {
      barua_buffer_clear (buffer);
      return FALSE;
    }
  barua_decoded_take (decoded, buffer);
  gsize length;
  const char *text = g_bytes_get_data (decoded->bytes, &length);
  if (kind == BARUA_BODY_KIND_JSON)
    return decode_json (decoded, text, length, types->is_document, error);
  if (kind == BARUA_BODY_KIND_MULTIPART)
    return decode_multipart (decoded, types->content_type, error);
  if (kind == BARUA_BODY_KIND_FORM)
    return decode_form (decoded, error);
  decoded->kind = BARUA_BODY_KIND_RAW;
  return TRUE;
}
