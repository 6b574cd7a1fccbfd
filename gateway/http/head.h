/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/** A longer head, or one with more fields, is none that we read ourselves. */
#define BARUA_HEAD_MAX_BYTES 8192u
#define BARUA_HEAD_MAX_FIELDS 32u

/** A longer head is refused. libsoup 3.2.3 resets the connection for one of 64 KiB, of which it may have read the first
 * 128 bytes with the chunks of the body before. */
#define BARUA_HEAD_LIMIT_BYTES (63u * 1024u)

/**
 * BaruaHead:
 * @method: of capital letters
 * @path: begins with '/', up to the blank
 * @names: field names as they came; no two are the same
 * @values: without the blanks around them
 * @length: bytes of the head with the empty line
 * @body_length: bytes of the body behind it
 *
 * The head of a request. The texts are borrowed from the bytes that were read.
 */
typedef struct
{
  BaruaText method;
  BaruaText path;
  BaruaText names[BARUA_HEAD_MAX_FIELDS];
  BaruaText values[BARUA_HEAD_MAX_FIELDS];
  guint n_fields;
  gsize length;
  guint64 body_length;
} BaruaHead;

/**
 * BaruaHeadKind:
 * @BARUA_HEAD_OTHER: not whole, or no request that we can tell the end of
 * @BARUA_HEAD_FRAMED: nothing but its lengths is to be used: HTTP/1.1, visible ASCII, no name
 * twice, and no field that changes how connection or body are to be read
 * @BARUA_HEAD_PLAIN: what phones send: also a GET without a body, or a POST or PUT with a Content-Length,
 * one plain Host, a path of letters, digits and `_-./` without a query
 *
 * What we make of a head ourselves; whatever else there is in HTTP (RFC 9112) is libsoup's.
 */
typedef enum
{
  BARUA_HEAD_OTHER,
  BARUA_HEAD_FRAMED,
  BARUA_HEAD_PLAIN,
} BaruaHeadKind;

/**
 * barua_head_read:
 * @bytes: where a request begins
 * @head: (out caller-allocates): not set for %BARUA_HEAD_OTHER
 */
BaruaHeadKind barua_head_read (const char *bytes, gsize n, BaruaHead *head);

/**
 * barua_head_end:
 * @bytes: where a request begins
 * @from: (inout): how far there is no end, so that what comes in pieces is looked at once; 0 at first
 *
 * Returns: bytes of the head with its empty line, ended in whatever way libsoup takes for one; 0: it is not whole
 */
gsize barua_head_end (const char *bytes, gsize n, gsize *from);

/**
 * barua_head_read_part:
 * @head: (out caller-allocates): what can be told of a head that is refused, as its answer needs it: the method, empty if
 *   it is none, the path, `/` if it is none, without a query, and the first fields that are whole
 *
 * Returns: whether it is the request line that makes the head long, not its fields
 */
gboolean barua_head_read_part (const char *bytes, gsize n, BaruaHead *head);

/** (nullable): the value of a field, in whatever case its name was written. */
const BaruaText *barua_head_get (const BaruaHead *head, const char *name);

/**
 * BaruaHeadCopy:
 *
 * A head that outlives its bytes; texts end with a NUL.
 */
typedef struct _BaruaHeadCopy BaruaHeadCopy;

BaruaHeadCopy *barua_head_copy (const BaruaHead *head);
void barua_head_copy_free (BaruaHeadCopy *copy);
const char *barua_head_copy_method (const BaruaHeadCopy *copy);
const char *barua_head_copy_path (const BaruaHeadCopy *copy);

/** (nullable): the value of a field. */
const char *barua_head_copy_get (const BaruaHeadCopy *copy, const char *name);

G_END_DECLS
