/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"
#include "gateway/http/query.h"
#include "gateway/http/router.h"

G_BEGIN_DECLS

/**
 * BaruaBudget:
 * @used: bytes of all bodies in memory; atomic, workers take from it too
 * @max: no more than this
 *
 * Memory that the bodies of all requests share.
 */
typedef struct
{
  gsize used;
  gsize max;
} BaruaBudget;

/** Takes @bytes from the budget, all or nothing. Any thread. */
gboolean barua_budget_take (BaruaBudget *budget, gsize bytes);
void barua_budget_give (BaruaBudget *budget, gsize bytes);

/**
 * BaruaBuffer:
 *
 * The bytes of a body while they arrive. Memory follows what has come, not what was announced.
 */
typedef struct
{
  guint8 *data;
  gsize length;
  gsize allocated;
  gsize limit;
  BaruaBudget *budget;
} BaruaBuffer;

void barua_buffer_init (BaruaBuffer *buffer, gsize limit, BaruaBudget *budget);
void barua_buffer_clear (BaruaBuffer *buffer);

/**
 * barua_buffer_append:
 * @error: a %BARUA_HTTP_ERROR: %BARUA_HTTP_ERROR_PAYLOAD_TOO_LARGE or %BARUA_HTTP_ERROR_UNAVAILABLE
 */
gboolean barua_buffer_append (BaruaBuffer *buffer, gconstpointer data, gsize length,
                              GError **error);

/** More pairs than this in a form body are refused with 413. */
#define BARUA_FORM_MAX_PAIRS 1000

/**
 * BaruaBodyTypes:
 * @content_type: (nullable): the header
 * @content_encoding: (nullable): the header
 * @wanted: what the route takes
 * @is_document: the rules of documents.md 2 rather than messaging.md 1.4
 * @is_put: documents ignore the type of a PUT
 *
 * What is needed to understand the bytes of a body. The texts are borrowed.
 */
typedef struct
{
  const char *content_type;
  const char *content_encoding;
  BaruaBody wanted;
  gboolean is_document;
  gboolean is_put;
} BaruaBodyTypes;

/**
 * BaruaDecoded:
 * @parts: (nullable) (element-type BaruaPart): of a multipart body
 * @taken: bytes taken from the budget
 *
 * A body that was understood.
 */
typedef struct
{
  BaruaBodyKind kind;
  GBytes *bytes;
  BaruaJson json;
  BaruaPairs form;
  GArray *parts;
  gsize taken;
  BaruaBudget *budget;
} BaruaDecoded;

void barua_decoded_clear (BaruaDecoded *decoded);

/** Moves the bytes of @buffer to @decoded, the budget's share with them. */
void barua_decoded_take (BaruaDecoded *decoded, BaruaBuffer *buffer);

/**
 * barua_body_decode:
 * @buffer: its bytes are taken over, also on failure
 * @decoded: (out caller-allocates): initialised in any case; free with barua_decoded_clear()
 * @error: a %BARUA_HTTP_ERROR of code BODY, JSON (the message names the position), ENCODING,
 * PAYLOAD_TOO_LARGE or UNAVAILABLE
 *
 * Inflates (the buffer's limit counts for the output), converts UTF-16, validates JSON, splits
 * forms. Any thread; linear time.
 */
gboolean barua_body_decode (BaruaBuffer *buffer, const BaruaBodyTypes *types, BaruaDecoded *decoded,
                            GError **error);

/** Whether a Content-Type header names this media type, whatever its case and parameters. */
gboolean barua_media_type_is (const char *content_type, const char *media_type);

G_END_DECLS
