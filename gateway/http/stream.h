/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/http/request.h"

G_BEGIN_DECLS

/**
 * BaruaStream:
 *
 * An answer that is sent piece by piece. Counted; main thread only. It is open from
 * barua_stream_begin() until the owner ends or aborts it or the client goes; what is written to it
 * afterwards is dropped. It keeps its request alive while it is open.
 */
typedef struct _BaruaStream BaruaStream;

BaruaStream *barua_stream_ref (BaruaStream *stream);
void barua_stream_unref (BaruaStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaStream, barua_stream_unref)

/**
 * BaruaStreamFlags:
 * @BARUA_STREAM_FINITE: as much as there is, at once; compressed when the client asks for it
 * @BARUA_STREAM_WAITS: may be silent for long (documents.md 8.4); never compressed, and told when
 * the server stops
 * @BARUA_STREAM_LEAVES: a client that closes its side has gone, even if it could still read: making the answer is
 * dear, and may be silent for long
 */
typedef enum
{
  BARUA_STREAM_FINITE = 0,
  BARUA_STREAM_WAITS = 1 << 0,
  BARUA_STREAM_LEAVES = 1 << 1,
} BaruaStreamFlags;

/**
 * BaruaStreamCalls:
 * @want: the client has taken what was written (the kernel has it): write the next piece, now or
 * later, or end. Called from the main loop: first after barua_stream_begin() (unless a piece was
 * written by then), afterwards once for each time that nothing is left to send
 * @gone: (nullable): the client has gone, or asked with HEAD and has all it wants; the stream is
 * closed. Not called after the owner ended or aborted the stream
 * @stop: (nullable): the server stops: bring the stream to a proper end soon. Only with
 * %BARUA_STREAM_WAITS; without this call such a stream is aborted
 *
 * What a stream tells its owner. Every call comes in the main thread.
 */
typedef struct
{
  void (*want) (BaruaStream *stream, gpointer data);
  void (*gone) (BaruaStream *stream, gpointer data);
  void (*stop) (BaruaStream *stream, gpointer data);
} BaruaStreamCalls;

/** For a @length that is not known: the answer is chunked. */
#define BARUA_STREAM_UNKNOWN_LENGTH (-1)

/**
 * barua_stream_begin:
 * @content_type: (not nullable)
 * @length: bytes that will be written, for Content-Length; such an answer is never compressed.
 *   %BARUA_STREAM_UNKNOWN_LENGTH
 * @calls: (not nullable): static
 * @data: passed to @calls
 * @free_data: (nullable): called exactly once with @data when the stream is closed, after the last
 *   of @calls, possibly inside barua_stream_end() and barua_stream_abort(), never inside this
 *   function
 *
 * Answers @request with a stream, in place of barua_request_reply() and its like; headers are added
 * before with barua_request_add_header(). The head of the answer is sent at once. HEAD gets the
 * head only; a client that has gone meanwhile gets nothing: both are told by @gone, from the main
 * loop. The header Range is gone from the request afterwards: who serves parts reads it before and
 * begins with 206 and Content-Range.
 *
 * Returns: (transfer none): valid until it is closed; take a reference to keep it for longer
 */
BaruaStream *barua_stream_begin (BaruaRequest *request, guint status, const char *content_type,
                                 gint64 length, BaruaStreamFlags flags,
                                 const BaruaStreamCalls *calls, gpointer data,
                                 GDestroyNotify free_data);

/**
 * barua_stream_write:
 * @piece: (transfer full): empty pieces are skipped
 *
 * Sends @piece. Nothing holds an owner back that writes without being asked: whoever does (a
 * heartbeat) looks at barua_stream_is_idle() before.
 */
void barua_stream_write (BaruaStream *stream, GBytes *piece);

/** The same for a copy of @text. */
void barua_stream_write_text (BaruaStream *stream, const char *text);

/** Ends the answer properly, after what was written. Closes the stream. */
void barua_stream_end (BaruaStream *stream);

/** Cuts the connection, which is the only way to tell a client of a failure after the first piece.
 * Closes the stream. */
void barua_stream_abort (BaruaStream *stream);

/** Whether everything that was written is on its way. */
gboolean barua_stream_is_idle (BaruaStream *stream);

/** Whether what is written may still reach somebody. */
gboolean barua_stream_is_open (BaruaStream *stream);

/** (transfer none): the request it answers. */
BaruaRequest *barua_stream_request (BaruaStream *stream);

G_END_DECLS
