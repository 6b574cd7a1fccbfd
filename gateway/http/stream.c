/* SPDX-License-Identifier: MIT */

/*
 * Answers that are made while they are sent. libsoup writes what is in the body of a message and
 * pauses when there is no more; we add a piece, wake it, and hear of it when the kernel has the
 * piece. libsoup does not read meanwhile, so that it would not learn that a client has gone: we
 * watch the socket ourselves.
 */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/stream.h"

#include "gateway/http/request-private.h"

#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>

/* Level of compression: a third of the time of the usual 6 for nine tenths of the effect. */
#define GZIP_LEVEL 1
#define GZIP_BLOCK_BYTES (16u * 1024u)

struct _BaruaStream
{
  guint n_refs;
  BaruaRequest *request;
  const BaruaStreamCalls *calls;
  gpointer data;
  GDestroyNotify free_data;
  BaruaStreamFlags flags;
  GSource *hang_up; /* of the client */
  guint turn_id;    /* the next call of the owner */
  guint n_sent;     /* pieces libsoup has */
  gint64 left;      /* bytes of the Content-Length still to come; negative: unknown */
  GConverter *gzip; /* NULL: not compressed */
  GQueue pieces;    /* of GBytes, to be compressed */
  gboolean is_compressing;
  gboolean is_open;  /* the owner may write */
  gboolean is_over;  /* libsoup is done with the request */
  gboolean is_ended; /* properly, by the owner */
  gboolean is_complete;
  gboolean is_told; /* that the server stops */
};

BaruaStream *
barua_stream_ref (BaruaStream *stream)
{
  stream->n_refs++;
  return stream;
}

void
barua_stream_unref (BaruaStream *stream)
{
  if (--stream->n_refs > 0)
    return;
  g_clear_object (&stream->gzip);
  g_queue_clear_full (&stream->pieces, (GDestroyNotify)g_bytes_unref);
  barua_request_unref (stream->request);
  g_free (stream);
}

/* The owner hears no more. */
static void
close_stream (BaruaStream *stream)
{
  GDestroyNotify free_data = g_steal_pointer (&stream->free_data);
  gpointer data = g_steal_pointer (&stream->data);

  stream->is_open = FALSE;
  if (stream->turn_id != 0)
    g_clear_handle_id (&stream->turn_id, g_source_remove);
  if (free_data != NULL)
    free_data (data);
}

/* Tells the owner that nobody reads any more. */
static void
lose (BaruaStream *stream)
{
  g_autoptr (BaruaStream) keep G_GNUC_UNUSED = barua_stream_ref (stream);

  if (!stream->is_open)
    return;
  stream->is_open = FALSE;
  if (stream->calls->gone != NULL)
    stream->calls->gone (stream, stream->data);
  close_stream (stream);
}

static SoupMessageBody *
response_body (BaruaStream *stream)
{
  return soup_server_message_get_response_body (stream->request->message);
}

/* libsoup paused itself when there was nothing to write. */
static void
wake (BaruaStream *stream)
{
  soup_server_message_unpause (stream->request->message);
}

/* Ends the connection; libsoup notices as it fails to write. */
static void
cut (BaruaStream *stream)
{
  if (stream->is_over)
    return;
  barua_connection_cut (stream->request->connection);
  if (!stream->is_complete)
    soup_message_body_append (response_body (stream), SOUP_MEMORY_STATIC, "\n", 1);
  wake (stream);
}

/* GUnixFDSourceFunc: the client has closed its side. */
static gboolean
hung_up (int fd, GIOCondition condition, gpointer data)
{
  g_autoptr (BaruaStream) stream = barua_stream_ref (data);

  g_clear_pointer (&stream->hang_up, g_source_unref);
  lose (stream);
  cut (stream);
  return G_SOURCE_REMOVE;
}

/* A client that only stops sending may still want an answer, but not one it has to wait for:
 * closing is how requests are cancelled, and cannot be told from it. */
static void
watch_client (BaruaStream *stream)
{
  GSocket *socket = barua_wire_socket (stream->request->connection->wire);
  gboolean waits = stream->flags & BARUA_STREAM_WAITS;
  gboolean leaves = stream->flags & (BARUA_STREAM_WAITS | BARUA_STREAM_LEAVES);
  guint events = POLLHUP | POLLERR | (leaves ? POLLRDHUP : 0u);

  if (waits)
    g_socket_set_option (socket, IPPROTO_TCP, TCP_USER_TIMEOUT,
                         (int)stream->request->server->options.request_timeout_ms, NULL);
  stream->hang_up = g_unix_fd_source_new (g_socket_get_fd (socket), (GIOCondition)events);
  g_source_set_callback (stream->hang_up, G_SOURCE_FUNC (hung_up), stream, NULL);
  g_source_attach (stream->hang_up, NULL);
}

gboolean
barua_stream_is_idle (BaruaStream *stream)
{
  return stream->n_sent == 0 && !stream->is_compressing && g_queue_is_empty (&stream->pieces);
}

/* Tells the owner of a waiting stream that the server stops; once. */
static void
tell_stop (BaruaStream *stream)
{
  if (stream->is_told || !stream->is_open || (stream->flags & BARUA_STREAM_WAITS) == 0)
    return;
  stream->is_told = TRUE;
  if (stream->calls->stop != NULL)
    stream->calls->stop (stream, stream->data);
  else
    barua_stream_abort (stream);
}

/* GSourceFunc: the owner's turn. */
static gboolean
take_turn (gpointer data)
{
  g_autoptr (BaruaStream) stream = barua_stream_ref (data);

  stream->turn_id = 0;
  if (stream->is_over || stream->request->is_head)
    {
      lose (stream);
      return G_SOURCE_REMOVE;
    }
  if (stream->request->server->is_stopping)
    tell_stop (stream);
  if (stream->is_open && barua_stream_is_idle (stream))
    stream->calls->want (stream, stream->data);
  return G_SOURCE_REMOVE;
}

/* From the loop, so that a client that takes everything at once does not keep others waiting. */
static void
plan_turn (BaruaStream *stream)
{
  if (stream->is_open && stream->turn_id == 0)
    stream->turn_id = g_idle_add_full (G_PRIORITY_DEFAULT, take_turn, barua_stream_ref (stream),
                                       (GDestroyNotify)barua_stream_unref);
}

static void
wrote_chunk (SoupServerMessage *message, gpointer data)
{
  BaruaStream *stream = data;

  if (stream->n_sent > 0)
    stream->n_sent--;
  if (!barua_stream_is_idle (stream) || stream->is_over || stream->is_complete)
    return;
  barua_connection_enter (stream->request->connection, BARUA_CONNECTION_HANDLING);
  plan_turn (stream);
}

/* Gives libsoup a piece as it goes over the wire. */
static void
send_piece (BaruaStream *stream, GBytes *piece)
{
  if (stream->is_over)
    return;
  stream->n_sent++;
  stream->request->reply_bytes += g_bytes_get_size (piece);
  soup_message_body_append_bytes (response_body (stream), piece);
  barua_connection_enter (stream->request->connection, BARUA_CONNECTION_WRITING);
  wake (stream);
}

static void
send_end (BaruaStream *stream)
{
  if (stream->is_over || stream->is_complete)
    return;
  stream->is_complete = TRUE;
  soup_message_body_complete (response_body (stream));
  barua_connection_enter (stream->request->connection, BARUA_CONNECTION_WRITING);
  wake (stream);
}

/* Compression, one piece after the other, on a worker. */

/* (transfer full): what the compressor gives for @piece, maybe nothing; NULL @piece: the end. */
static GBytes *
compress_piece (GConverter *gzip, GBytes *piece)
{
  gsize length = 0, at = 0;
  const guint8 *data = piece != NULL ? g_bytes_get_data (piece, &length) : (const guint8 *)"";
  GByteArray *out = g_byte_array_new ();
  GConverterFlags flags = piece == NULL ? G_CONVERTER_INPUT_AT_END : G_CONVERTER_NO_FLAGS;
  GConverterResult result = G_CONVERTER_CONVERTED;

  while (result == G_CONVERTER_CONVERTED && (at < length || piece == NULL))
    {
      gsize n_read = 0, n_written = 0;
      guint before = out->len;

      g_byte_array_set_size (out, before + GZIP_BLOCK_BYTES);
      result = g_converter_convert (gzip, data + at, length - at, out->data + before,
                                    GZIP_BLOCK_BYTES, flags, &n_read, &n_written, NULL);
      g_byte_array_set_size (out, before + (guint)n_written);
      at += n_read;
    }
  return g_byte_array_free_to_bytes (out);
}

/* What a worker gets. */
typedef struct
{
  GConverter *gzip;
  GBytes *piece; /* NULL: the end */
} Compression;

static void
compression_free (gpointer data)
{
  Compression *compression = data;

  g_object_unref (compression->gzip);
  g_clear_pointer (&compression->piece, g_bytes_unref);
  g_free (compression);
}

static void
compress_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Compression *compression = data;

  g_task_return_pointer (task, compress_piece (compression->gzip, compression->piece),
                         (GDestroyNotify)g_bytes_unref);
}

static void compress_next (BaruaStream *stream);

static void
compressed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BaruaStream) stream = data;
  const Compression *compression = g_task_get_task_data (G_TASK (result));
  g_autoptr (GBytes) out = g_task_propagate_pointer (G_TASK (result), NULL);

  stream->is_compressing = FALSE;
  if (g_bytes_get_size (out) > 0)
    send_piece (stream, out);
  if (compression->piece == NULL)
    send_end (stream);
  else
    compress_next (stream);
}

/* Begins with the next piece, or the end, unless one is under way. */
static void
compress_next (BaruaStream *stream)
{
  if (stream->is_compressing || stream->is_over)
    return;
  GBytes *piece = g_queue_pop_head (&stream->pieces);
  if (piece == NULL && !stream->is_ended)
    {
      if (barua_stream_is_idle (stream)) /* the compressor kept all of it */
        plan_turn (stream);
      return;
    }
  Compression *compression = g_new0 (Compression, 1);
  compression->gzip = g_object_ref (stream->gzip);
  compression->piece = piece;
  stream->is_compressing = TRUE;
  g_autoptr (GTask) task = g_task_new (NULL, NULL, compressed, barua_stream_ref (stream));
  g_task_set_task_data (task, compression, compression_free);
  g_task_run_in_thread (task, compress_in_thread);
}

/* What owners call. */

void
barua_stream_write (BaruaStream *stream, GBytes *piece)
{
  g_autoptr (GBytes) owned = piece;
  gsize length = g_bytes_get_size (owned);

  if (!stream->is_open || stream->request->is_head || stream->is_over)
    return;
  if (length == 0)
    {
      plan_turn (stream);
      return;
    }
  if (stream->left >= 0 && length > (guint64)stream->left)
    {
      barua_request_warn (stream->request, "more than was announced");
      barua_stream_abort (stream);
      return;
    }
  if (stream->left >= 0)
    stream->left -= (gint64)length;
  if (stream->gzip == NULL)
    {
      send_piece (stream, owned);
      return;
    }
  g_queue_push_tail (&stream->pieces, g_steal_pointer (&owned));
  compress_next (stream);
}

void
barua_stream_write_text (BaruaStream *stream, const char *text)
{
  barua_stream_write (stream, g_bytes_new (text, strlen (text)));
}

void
barua_stream_end (BaruaStream *stream)
{
  g_autoptr (BaruaStream) keep G_GNUC_UNUSED = barua_stream_ref (stream);

  if (!stream->is_open)
    return;
  if (stream->left > 0 && !stream->request->is_head)
    {
      barua_stream_abort (stream);
      return;
    }
  close_stream (stream);
  stream->is_ended = TRUE;
  if (stream->gzip != NULL)
    compress_next (stream);
  else
    send_end (stream);
}

void
barua_stream_abort (BaruaStream *stream)
{
  g_autoptr (BaruaStream) keep G_GNUC_UNUSED = barua_stream_ref (stream);

  if (!stream->is_open)
    return;
  close_stream (stream);
  g_queue_clear_full (&stream->pieces, (GDestroyNotify)g_bytes_unref);
  cut (stream);
}

gboolean
barua_stream_is_open (BaruaStream *stream)
{
  return stream->is_open && !stream->is_over && !stream->request->is_head;
}

BaruaRequest *
barua_stream_request (BaruaStream *stream)
{
  return stream->request;
}

/* What the request calls. */

void
barua_stream_finished (BaruaStream *stream)
{
  stream->is_over = TRUE;
  if (stream->hang_up != NULL)
    {
      g_source_destroy (stream->hang_up);
      g_clear_pointer (&stream->hang_up, g_source_unref);
    }
  g_signal_handlers_disconnect_by_data (stream->request->message, stream);
  lose (stream);
  barua_stream_unref (stream);
}

void
barua_stream_server_stops (BaruaStream *stream)
{
  tell_stop (stream);
}

/* Beginning. */

/* How the end of the answer is told. */
static void
set_framing (BaruaStream *stream, SoupMessageHeaders *headers)
{
  SoupServerMessage *message = stream->request->message;

  if (stream->left >= 0)
    soup_message_headers_set_content_length (headers, stream->left);
  else if (soup_server_message_get_http_version (message) == SOUP_HTTP_1_0)
    soup_message_headers_set_encoding (headers, SOUP_ENCODING_EOF);
  else
    soup_message_headers_set_encoding (headers, SOUP_ENCODING_CHUNKED);
}

static void
set_headers (BaruaStream *stream, const char *content_type)
{
  BaruaRequest *request = stream->request;
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (request->message);
  gboolean may_compress = stream->left < 0 && (stream->flags & BARUA_STREAM_WAITS) == 0;

  soup_message_headers_append (headers, "X-Content-Type-Options", "nosniff");
  soup_message_headers_append (headers, "Content-Type", content_type);
  if (may_compress)
    soup_message_headers_append (headers, "Vary", "Accept-Encoding");
  if (may_compress && barua_request_takes_gzip (request))
    {
      soup_message_headers_append (headers, "Content-Encoding", "gzip");
      stream->gzip
          = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, GZIP_LEVEL));
    }
  barua_reply_say_close (request);
  set_framing (stream, headers);
  /* libsoup would cut the range out of a body that is not there */
  soup_message_headers_remove (soup_server_message_get_request_headers (request->message), "Range");
}

BaruaStream *
barua_stream_begin (BaruaRequest *request, guint status, const char *content_type, gint64 length,
                    BaruaStreamFlags flags, const BaruaStreamCalls *calls, gpointer data,
                    GDestroyNotify free_data)
{
  g_return_val_if_fail (!request->is_replied, NULL);
  g_return_val_if_fail (request->message != NULL, NULL); /* no BARUA_ROUTE_DIRECT */
  BaruaStream *stream = g_new0 (BaruaStream, 1);

  stream->n_refs = 1; /* the request's, or that of the turn of one that has gone */
  stream->request = barua_request_ref (request);
  stream->calls = calls;
  stream->data = data;
  stream->free_data = free_data;
  stream->flags = flags;
  stream->left = length;
  stream->is_open = TRUE;
  stream->is_over = request->is_finished;
  request->is_replied = request->is_sent = TRUE;
  request->status = status;
  plan_turn (stream);
  if (stream->is_over)
    {
      barua_stream_unref (stream); /* the turn has its own */
      return stream;
    }
  request->stream = stream;
  set_headers (stream, content_type);
  soup_message_body_set_accumulate (response_body (stream), FALSE);
  soup_server_message_set_status (request->message, status, NULL);
  g_signal_connect (request->message, "wrote-chunk", G_CALLBACK (wrote_chunk), stream);
  if (request->is_head)
    send_end (stream);
  else
    watch_client (stream);
  barua_request_unpause (request);
  return stream;
}
