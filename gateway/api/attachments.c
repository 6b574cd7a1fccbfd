/* SPDX-License-Identifier: MIT */

/* Attachments by themselves (documents.md 8.3). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/document-write.h"
#include "gateway/api/handlers.h"
#include "gateway/http/stream.h"
#include "gateway/store/store-attachments.h"

#include <string.h>

/* ---- reading ---- */

/* A download: its bytes are read in pieces, each when the client has taken the one before. */
typedef struct
{
  BaruaCall call;
  BaruaText id;
  BaruaText rev;
  BaruaText name;
  char *type;
  char digest[BARUA_ATTACHMENT_DIGEST_SIZE];
  gint64 blob;
  gint64 length;
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
download_free (gpointer data)
{
  Download *download = data;

  g_free (download->type);
  g_free (download->piece);
  barua_call_close (&download->call);
  g_free (download);
}

static gboolean
fail_not_found (GError **error, const char *reason)
{
  g_set_error_literal (error, BARUA_HTTP_ERROR, BARUA_HTTP_ERROR_NOT_FOUND, reason);
  return FALSE;
}

/* Query: which bytes the attachment has. */
static gboolean
find_attachment (BaruaReader *reader, gpointer data, GError **error)
{
  Download *download = data;
  BaruaCall *call = &download->call;

  if (!barua_call_check_database (call, reader, error))
    return FALSE;
  g_autoptr (BaruaDocument) document
      = download->rev.p != NULL
            ? barua_reader_get_revision (reader, call->db, download->id, download->rev, error)
            : barua_reader_get_document (reader, call->db, download->id, error);
  if (document == NULL)
    return FALSE;
  if (document->is_hidden && call->db == NULL && !call->is_admin)
    return fail_not_found (error, "missing");
  const BaruaAttachment *attachment = barua_document_find_attachment (document, download->name);
  if (attachment == NULL)
    return fail_not_found (error, "Document is missing attachment");
  g_free (download->type);
  download->type = g_strndup (attachment->type.p, attachment->type.n);
  barua_attachment_write_digest (attachment->md5, download->digest);
  download->blob = attachment->blob;
  download->length = download->end = attachment->length;
  return TRUE;
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
  gboolean is_read = barua_store_read_finish (download->call.app->store, result, &error);

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
  barua_store_read_async (download->call.app->store, fetch_piece, download, NULL, NULL,
                          piece_fetched, download);
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
add_headers (Download *download)
{
  BaruaRequest *request = download->call.request;

  barua_request_add_header (request, "Accept-Ranges", "bytes");
  barua_request_add_header (request, "Cache-Control", "must-revalidate");
  barua_request_add_header (request, "Content-Security-Policy", "sandbox");
  barua_request_add_header (request, "X-Content-Type-Options", "nosniff");
}

/* 416; takes @download. */
static void
reply_bad_range (Download *download)
{
  g_autofree char *whole = g_strdup_printf ("bytes */%" G_GINT64_FORMAT, download->length);

  barua_request_add_header (download->call.request, "Content-Range", whole);
  barua_request_fail (download->call.request, BARUA_HTTP_ERROR_RANGE, NULL, NULL);
  download_free (download);
}

/* Begins to send; takes @download. */
static void
send_attachment (Download *download)
{
  BaruaRequest *request = download->call.request;
  g_autofree char *etag = g_strdup_printf ("\"%s\"", download->digest + strlen ("md5-"));
  RangeKind kind = read_range (barua_request_header (request, "Range"), download->length,
                               &download->at, &download->end);

  barua_request_add_header (request, "ETag", etag);
  add_headers (download);
  if (barua_request_knows_etag (request, etag))
    {
      barua_request_reply (request, 304, NULL, NULL);
      download_free (download);
      return;
    }
  if (kind == RANGE_BAD)
    {
      reply_bad_range (download);
      return;
    }
  if (kind == RANGE_WHOLE)
    {
      download->at = 0;
      download->end = download->length;
    }
  else
    {
      g_autofree char *part
          = g_strdup_printf ("bytes %" G_GINT64_FORMAT "-%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT,
                             download->at, download->end - 1, download->length);
      barua_request_add_header (request, "Content-Range", part);
    }
  download->piece = g_malloc (BARUA_BLOB_PIECE_BYTES);
  download->stream = barua_stream_begin (request, kind == RANGE_PART ? 206 : 200, download->type,
                                         download->end - download->at, BARUA_STREAM_FINITE,
                                         &stream_calls, download, stream_closed);
}

static void
attachment_found (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Download *download = user_data;
  g_autoptr (GError) error = NULL;

  if (barua_store_read_finish (download->call.app->store, result, &error))
    {
      send_attachment (download);
      return;
    }
  barua_call_fail (&download->call, error);
  download_free (download);
}

void
barua_api_attachment_get (BaruaRequest *request, gpointer app)
{
  BaruaCall call;

  if (!barua_call_open (&call, request, app, BARUA_ACCESS_READ))
    return;
  Download *download = g_new0 (Download, 1);
  g_autofree char *id = barua_request_document_id (request);
  download->call = call;
  download->id = barua_arena_copy (call.arena, barua_text (id));
  download->rev = barua_text (barua_request_parameter (request, "rev", NULL));
  download->name = barua_text (barua_request_param (request, "name"));
  barua_store_read_async (call.app->store, find_attachment, download, NULL, NULL, attachment_found,
                          download);
}

/* ---- writing ---- */

/* Begins a write about one attachment; NULL after an answer. */
static BaruaDocumentWrite *
write_new (BaruaRequest *request, BaruaApp *app)
{
  g_autoptr (BaruaDocumentWrite) write = barua_document_write_new (request, app);
  BaruaText rev;

  if (write == NULL)
    return NULL;
  BaruaText name = barua_text (barua_request_param (request, "name"));
  g_autofree char *id = barua_request_document_id (request);
  g_autofree char *fault = barua_attachment_name_check (name);
  if (fault != NULL)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, fault, NULL);
      return NULL;
    }
  if (!barua_request_edit_rev (request, (BaruaText){ NULL, 0 }, &rev))
    return NULL;
  BaruaItem *item = barua_document_write_add (write);
  item->id = barua_arena_copy (write->call.arena, barua_text (id));
  item->rev = rev;
  item->inherits = TRUE;
  item->attachment = name;
  return g_steal_pointer (&write);
}

/* The bytes of the request as they wait, in memory or in a file. */
static BaruaAttachmentEdit
uploaded (BaruaRequest *request)
{
  BaruaAttachmentEdit edit = { .source = BARUA_ATTACHMENT_BYTES };
  GBytes *body = barua_request_body (request);

  edit.type = barua_text (barua_request_header (request, "Content-Type"));
  edit.length = barua_request_body_length (request);
  if (barua_request_body_kind (request) == BARUA_BODY_KIND_FILE)
    {
      edit.source = BARUA_ATTACHMENT_FILE;
      edit.fd = barua_request_body_fd (request);
    }
  else if (body != NULL)
    edit.bytes.p = g_bytes_get_data (body, &edit.bytes.n);
  if (edit.bytes.p == NULL)
    edit.bytes = BARUA_TEXT ("");
  return edit;
}

void
barua_api_attachment_put (BaruaRequest *request, gpointer app)
{
  BaruaDocumentWrite *write = write_new (request, app);

  if (write == NULL)
    return;
  BaruaItem *item = &g_array_index (write->items, BaruaItem, 0);
  BaruaAttachmentEdit edit = uploaded (request);
  edit.name = item->attachment;
  item->attachments = g_array_new (FALSE, FALSE, sizeof (BaruaAttachmentEdit));
  g_array_append_val (item->attachments, edit);
  barua_document_write_run (write, barua_document_write_reply_single);
}

void
barua_api_attachment_delete (BaruaRequest *request, gpointer app)
{
  BaruaDocumentWrite *write = write_new (request, app);

  if (write == NULL)
    return;
  write->is_deletion = TRUE;
  barua_document_write_run (write, barua_document_write_reply_single);
}
