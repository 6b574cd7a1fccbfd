/* SPDX-License-Identifier: MIT */

/* Attachments as answers (documents.md 8.3). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/download.h"

#include "gateway/api/document-common.h"
#include "gateway/http/stream.h"

#include <string.h>

/* A download: its bytes are read in pieces, each when the client has taken the one before. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  gint64 blob;
  gint64 at;  /* the next byte */
  gint64 end; /* behind the last one wanted */
  guint8 *piece;
  gsize n_piece;
  BaruaStream *stream;
  gboolean is_reading;
  gboolean is_closed;
} Download;

static void read_piece (Download *download);

static void
download_free (Download *download)
{
  g_free (download->piece);
  barua_request_unref (download->request);
  g_free (download);
}

/* Query: the next piece. */
static gboolean
fetch_piece (BaruaReader *reader, gpointer data, GError **error)
{
  Download *download = data;
  gsize wanted = (gsize)MIN (download->end - download->at, BARUA_BLOB_PIECE_BYTES);

  return barua_reader_read_blob (reader, download->blob, download->at, download->piece, wanted,
                                 &download->n_piece, error);
}

static void
piece_fetched (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Download *download = user_data;
  BaruaStream *stream = download->stream;
  g_autoptr (GError) error = NULL;
  gboolean is_read = barua_store_read_finish (download->app->store, result, &error);

  download->is_reading = FALSE;
  if (download->is_closed)
    download_free (download);
  else if (!is_read || download->n_piece == 0)
    barua_stream_abort (stream);
  else
    {
      download->at += (gint64)download->n_piece;
      gboolean is_last = download->at >= download->end;
      barua_stream_write (stream, g_bytes_new (download->piece, download->n_piece));
      if (is_last)
        barua_stream_end (stream);
    }
}

static void
read_piece (Download *download)
{
  download->is_reading = TRUE;
  barua_store_read_async (download->app->store, fetch_piece, download, NULL, NULL, piece_fetched,
                          download);
}

/* BaruaStreamCalls.want */
static void
want (BaruaStream *stream, gpointer data)
{
  Download *download = data;

  if (download->at >= download->end)
    barua_stream_end (stream);
  else if (!download->is_reading)
    read_piece (download);
}

static void
stream_closed (gpointer data)
{
  Download *download = data;

  download->is_closed = TRUE;
  if (!download->is_reading)
    download_free (download);
}

static const BaruaStreamCalls stream_calls = { .want = want };

/* Reads a number of digits at @at; FALSE when there is none or it is too large. */
static gboolean
read_digits (const char **at, gint64 *number)
{
  char *end = NULL;

  if (!g_ascii_isdigit (**at))
    return FALSE;
  guint64 value = g_ascii_strtoull (*at, &end, 10);
  if (value > G_MAXINT64)
    return FALSE;
  *number = (gint64)value;
  *at = end;
  return TRUE;
}

/* What the Range header asks for (RFC 9110, 14.1.2). */
typedef enum
{
  RANGE_WHOLE, /* none, or one that is not understood: it is then ignored */
  RANGE_PART,
  RANGE_BAD,
} RangeKind;

/* A range `bytes=a-b`, `a-` or `-n` over @length bytes. */
static RangeKind
read_range (const char *header, gint64 length, gint64 *at, gint64 *end)
{
  gint64 first = -1, last = -1;

  if (header == NULL || !g_str_has_prefix (header, "bytes=") || strchr (header, ',') != NULL)
    return RANGE_WHOLE;
  header += strlen ("bytes=");
  gboolean has_first = read_digits (&header, &first);
  if (*header++ != '-')
    return RANGE_WHOLE;
  gboolean has_last = read_digits (&header, &last);
  if (*header != '\0' || (!has_first && !has_last) || (has_first && has_last && last < first))
    return RANGE_WHOLE;
  if (!has_first)
    {
      *at = MAX (length - last, 0);
      *end = length;
      return last > 0 && length > 0 ? RANGE_PART : RANGE_BAD;
    }
  *at = first;
  *end = has_last ? MIN (last, length - 1) + 1 : length;
  return first < length ? RANGE_PART : RANGE_BAD;
}

/* Headers of every answer with bytes: uploaded pages must not run on the origin of ours. */
static void
add_headers (BaruaRequest *request, const char *etag)
{
  barua_request_add_header (request, "ETag", etag);
  barua_request_add_header (request, "Accept-Ranges", "bytes");
  barua_request_add_header (request, "Cache-Control", "must-revalidate");
  barua_request_add_header (request, "Content-Security-Policy", "sandbox");
}

/* 416 */
static void
reply_bad_range (BaruaRequest *request, gint64 length)
{
  g_autofree char *whole = g_strdup_printf ("bytes */%" G_GINT64_FORMAT, length);

  barua_request_add_header (request, "Content-Range", whole);
  barua_request_fail (request, BARUA_HTTP_ERROR_RANGE, NULL, NULL);
}

/* Sends the bytes from @at to @end. */
static void
begin (BaruaRequest *request, BaruaApp *app, const BaruaAttachment *attachment, RangeKind kind,
       gint64 at, gint64 end)
{
  Download *download = g_new0 (Download, 1);
  g_autofree char *type = g_strndup (attachment->type.p, attachment->type.n);

  download->app = app;
  download->request = barua_request_ref (request);
  download->blob = attachment->blob;
  download->at = at;
  download->end = end;
  download->piece = g_malloc (BARUA_BLOB_PIECE_BYTES);
  download->stream
      = barua_stream_begin (request, kind == RANGE_PART ? 206 : 200, type, end - at,
                            BARUA_STREAM_FINITE, &stream_calls, download, stream_closed);
}

void
barua_download_send (BaruaRequest *request, BaruaApp *app, const BaruaAttachment *attachment)
{
  char digest[BARUA_ATTACHMENT_DIGEST_SIZE];
  gint64 at = 0, end = attachment->length;

  barua_attachment_write_digest (attachment->md5, digest);
  g_autofree char *etag = g_strdup_printf ("\"%s\"", digest + strlen ("md5-"));
  add_headers (request, etag);
  if (barua_request_knows_etag (request, etag))
    {
      barua_request_reply (request, 304, NULL, NULL);
      return;
    }
  RangeKind kind
      = read_range (barua_request_header (request, "Range"), attachment->length, &at, &end);
  if (kind == RANGE_BAD)
    {
      reply_bad_range (request, attachment->length);
      return;
    }
  if (kind == RANGE_PART)
    {
      g_autofree char *part
          = g_strdup_printf ("bytes %" G_GINT64_FORMAT "-%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT,
                             at, end - 1, attachment->length);
      barua_request_add_header (request, "Content-Range", part);
    }
  begin (request, app, attachment, kind, at, end);
}
