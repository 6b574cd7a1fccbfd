/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/** Hex digits of a hash made here. */
#define BARUA_REVISION_HASH_BYTES 32

/** Bytes of the longest revision made here, `N-hash` with a NUL. */
#define BARUA_REVISION_SIZE 56

/**
 * BaruaRevision:
 * @generation: N, at least 1
 * @hash: what follows the dash; not empty, any text without NUL (documents.md 4)
 */
typedef struct
{
  gint64 generation;
  BaruaText hash;
} BaruaRevision;

/**
 * barua_revision_parse:
 * @text: `N-hash` as a client sent it
 * @revision: (out): borrows from @text; a hash of 32 hex digits may still have capitals, see
 * barua_revision_fold()
 *
 * Returns: %FALSE when @text is no revision
 */
gboolean barua_revision_parse (BaruaText text, BaruaRevision *revision);

/** Copies @hash into @out in lower case when it is 32 hex digits and returns that; any other hash
 * is returned as it is. */
BaruaText barua_revision_fold (BaruaText hash, char out[BARUA_REVISION_HASH_BYTES]);

/** Orders by generation, then by the bytes of the hash: less than, equal to or greater than 0. */
int barua_revision_compare (BaruaRevision a, BaruaRevision b);

/** Orders leaves: a live one before a deleted one, then the higher revision; negative when @a wins
 * (documents.md 4). */
int barua_revision_compare_leaves (BaruaRevision a, gboolean a_deleted, BaruaRevision b,
                                   gboolean b_deleted);

/**
 * BaruaRevisionAttachment:
 * @md5_hex: 32 lower-case digits over the identity bytes
 *
 * What the hash of a revision takes from an attachment.
 */
typedef struct
{
  BaruaText name;
  BaruaText type;
  BaruaText md5_hex;
  guint64 length;
} BaruaRevisionAttachment;

/**
 * barua_revision_hash:
 * @parent: (nullable): the parent revision as text, absent for a first one
 * @body: minified, without `_` members
 * @attachments: (array length=n_attachments): in byte order of their names
 * @out: 32 lower-case hex digits and a NUL
 *
 * The deterministic hash of documents.md 4.
 */
void barua_revision_hash (BaruaText parent, gboolean deleted, BaruaText body,
                          const BaruaRevisionAttachment *attachments, gsize n_attachments,
                          char out[BARUA_REVISION_HASH_BYTES + 1]);

/** Appends `N-hash`. */
void barua_revision_append (GString *out, BaruaRevision revision);

/** Writes `N-hash`, NUL-terminated; @hash must be of 32 bytes. Returns the length. */
gsize barua_revision_write (gint64 generation, const char *hash, char out[BARUA_REVISION_SIZE]);

G_END_DECLS
