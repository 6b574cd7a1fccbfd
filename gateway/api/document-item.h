/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/arena.h"
#include "gateway/http/errors.h"
#include "gateway/rules/document.h"
#include "gateway/store/store-attachments.h"

G_BEGIN_DECLS

/** Bytes of a document's stored text, at most (documents.md 2). */
#define BARUA_DOCUMENT_MAX_BYTES 8000000u

/** Bytes of one attachment, at most (documents.md 2). */
#define BARUA_ATTACHMENT_MAX_BYTES (20u * 1024u * 1024u)

/**
 * BaruaItem:
 * @json: the document as received; absent for a deletion without a body
 * @parts: (nullable) (element-type BaruaPart): of a multipart body: the document, then the bytes of
 *   attachments that follow it; borrowed
 * @n_followed: parts that were taken
 * @id: absent: taken from @json, or made
 * @rev: (nullable): the parent revision; with @keeps_rev the revision itself
 * @path: (nullable): with @keeps_rev: hashes of @json's `_revisions`, newest first
 * @body: what is stored
 * @attachments: (nullable) (element-type BaruaAttachmentEdit): what the new revision has
 * @password: (nullable): of a user document, to be hashed; overwritten when freed
 * @hash: (nullable): the hash of @password
 * @keeps_rev: the client says which revision this is: `new_edits:false`
 * @is_local: a local document (documents.md 8.7) among others
 * @is_plain_deletion: a DELETE, which is told more exactly why it failed (documents.md 6.6)
 * @inherits: the parent's body and attachments are kept but for @attachment, which is replaced by
 *   that of @attachments or removed (documents.md 8.3)
 * @is_refused: it does not come to the store
 * @is_stored: the outcome; otherwise @code and @reason say why not
 * @reason: (nullable): instead of the table's words
 *
 * One document on its way into the store, and how it came out.
 */
typedef struct
{
  BaruaJson json;
  const GArray *parts;
  guint n_followed;
  BaruaText id;
  BaruaText rev;
  gint64 path_start;
  GArray *path;
  GString *body;
  GArray *attachments;
  char *password;
  char *hash;
  gboolean keeps_rev;
  gboolean is_deleted;
  gboolean is_local;
  gboolean is_plain_deletion;
  gboolean inherits;
  BaruaText attachment;
  gboolean is_refused;
  gboolean is_stored;
  BaruaHttpErrorCode code;
  BaruaText reason;
  BaruaWritten written;
} BaruaItem;

/** Frees what @item holds; a GDestroyNotify for a GArray. */
void barua_item_clear (gpointer item);

/**
 * BaruaItemRules:
 * @is_seed: the dialect decides what an invalid revision is (documents.md 6.9 no. 4)
 * @is_users: the database is `_users`
 *
 * How items of one request are read.
 */
typedef struct
{
  gboolean is_seed;
  gboolean is_users;
} BaruaItemRules;

/**
 * barua_item_read:
 * @item: `json`, `keeps_rev`, and what the request itself said of `id` and `rev`
 * @arena: for texts; lives as long as @item
 * @error: a %BARUA_HTTP_ERROR: the whole request is wrong (documents.md 6.2)
 *
 * Takes the document apart and judges it. What is only this item's failure is its outcome. Any
 * thread; linear time.
 */
gboolean barua_item_read (BaruaItem *item, BaruaItemRules rules, BaruaArena *arena, GError **error);

/** Sets the outcome to a failure and keeps @item from the store; @reason is copied into @arena,
 * absent for the table's words. */
void barua_item_refuse (BaruaItem *item, BaruaArena *arena, BaruaHttpErrorCode code,
                        const char *reason);

/** Sets the outcome to a failure, in a job; @reason: (nullable): static. */
void barua_item_fail (BaruaItem *item, BaruaHttpErrorCode code, const char *reason);

/** Appends the revision that was written, or kept. */
void barua_item_append_rev (GString *out, const BaruaItem *item);

/**
 * barua_item_append_outcome:
 *
 * Appends the element of an answer to `_bulk_docs` (documents.md 6.2).
 */
void barua_item_append_outcome (GString *out, const BaruaItem *item, gboolean is_seed);

G_END_DECLS
