/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/store/store.h"

G_BEGIN_DECLS

/* Attachments (documents.md 6.7, 8.3). The bytes are kept once, whoever attaches them. */

/** Digests over the bytes of an attachment. */
typedef struct
{
  guint8 md5[16];
  guint8 sha256[32];
} BaruaAttachmentDigest;

/** Computes both digests; for bytes in memory. Any thread. */
void barua_attachment_digest (BaruaText bytes, BaruaAttachmentDigest *digest);

/**
 * BaruaAttachmentSource:
 * @BARUA_ATTACHMENT_STUB: the attachment of that name of the parent revision is kept
 * @BARUA_ATTACHMENT_BYTES: the bytes are in memory
 * @BARUA_ATTACHMENT_FILE: the bytes are in a file
 */
typedef enum
{
  BARUA_ATTACHMENT_STUB,
  BARUA_ATTACHMENT_BYTES,
  BARUA_ATTACHMENT_FILE,
} BaruaAttachmentSource;

/**
 * BaruaAttachmentEdit:
 * @name: as documents.md 6.7 wants it, see barua_attachment_name_check()
 * @type: (nullable): absent for `application/octet-stream`; not looked at for a stub
 * @revpos: generation that brought the bytes; 0: not given. A stub with another one than the parent
 *   has is missing; otherwise it counts for barua_tx_put_revision() only
 * @bytes: for %BARUA_ATTACHMENT_BYTES
 * @fd: for %BARUA_ATTACHMENT_FILE: a regular file, read from its first byte by pread(); stays open
 * @length: for %BARUA_ATTACHMENT_FILE
 * @digest: (nullable): over the bytes, as far as the caller has it (a long upload is best hashed
 *   while it arrives); %NULL: the writer computes it
 *
 * One attachment of a new revision. Initialise with {0}.
 */
struct _BaruaAttachmentEdit
{
  BaruaText name;
  BaruaText type;
  gint64 revpos;
  BaruaAttachmentSource source;
  BaruaText bytes;
  int fd;
  guint64 length;
  const BaruaAttachmentDigest *digest;
};

/** What is wrong with a name of an attachment, in the words of documents.md 6.7; %NULL when it is
 * fine. */
char *barua_attachment_name_check (BaruaText name);

/**
 * BaruaAttachment:
 * @revpos: generation of the revision that brought the bytes
 * @length: in bytes
 * @blob: the number of the bytes, for barua_reader_read_blob()
 *
 * One attachment of a revision.
 */
struct _BaruaAttachment
{
  BaruaText name;
  BaruaText type;
  gint64 revpos;
  gint64 length;
  gint64 blob;
  guint8 md5[16];
};

/** Bytes of `md5-` and base64 with the NUL. */
#define BARUA_ATTACHMENT_DIGEST_SIZE 29

/** Writes `md5-<base64>`, NUL-terminated (documents.md 6.7). */
void barua_attachment_write_digest (const guint8 md5[16], char out[BARUA_ATTACHMENT_DIGEST_SIZE]);

/** The attachment of that name; %NULL when there is none. */
const BaruaAttachment *barua_document_find_attachment (const BaruaDocument *document,
                                                       BaruaText name);

/** Size of the pieces in which bytes are best read. */
#define BARUA_BLOB_PIECE_BYTES (64 * 1024)

/**
 * barua_reader_read_blob:
 * @offset: first byte wanted
 * @buffer: (array length=length)
 * @n_read: (out): less than @length at the end, 0 behind it
 * @error: %BARUA_STORE_ERROR_NOT_FOUND when the bytes are gone
 *
 * Reads a piece. Bytes never change, and stay for an hour after the last attachment has gone: a
 * download may read each piece in a transaction of its own.
 */
gboolean barua_reader_read_blob (BaruaReader *reader, gint64 blob, gint64 offset, void *buffer,
                                 gsize length, gsize *n_read, GError **error);

G_END_DECLS
