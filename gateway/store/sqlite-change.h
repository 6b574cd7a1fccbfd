/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/store/sqlite.h"
#include "gateway/store/store-attachments.h"

G_BEGIN_DECLS

/* Private to gateway/store/sqlite*.c: one document on its way to its next state. */

/**
 * BaruaSqliteAttachment:
 * @blob: 0: the bytes are not stored yet
 * @edit: (nullable): where the bytes come from; %NULL when the parent has them
 *
 * One attachment of the new revision.
 */
typedef struct
{
  BaruaText name;
  BaruaText type;
  gint64 revpos;
  gint64 length;
  gint64 blob;
  BaruaAttachmentDigest digest;
  const BaruaAttachmentEdit *edit;
} BaruaSqliteAttachment;

/**
 * BaruaSqliteChange:
 * @old: the row of the document before, unless @is_new
 * @parent: generation 0 without one
 * @parent_body: 0: none
 * @rev: the new revision
 * @attachments: of the new revision, in byte order of their names
 * @leaves: of the tree as it is now
 * @winner: after the change
 *
 * One write of a document: what is known of it and what becomes of it.
 */
typedef struct
{
  BaruaSqliteConnection *connection;
  const BaruaEdit *edit;
  BaruaSqliteDatabase *database;
  BaruaText id;
  gboolean is_new;
  BaruaSqliteDoc old;

  BaruaRevision parent;
  gint64 parent_body;
  BaruaRevision rev;
  gint64 body;
  gint64 docnum;
  BaruaSqliteAttachment *attachments;
  gsize n_attachments;

  gint64 leaves;
  BaruaRevision winner;
  gint64 winner_body;
  gboolean is_deleted;
} BaruaSqliteChange;

/* sqlite-change.c */

/** Reads what is known of the document; @is_made: it cannot be there. */
gboolean barua_sqlite_change_begin (BaruaSqliteChange *change, BaruaTx *tx, const BaruaEdit *edit,
                                    BaruaText id, gboolean is_made, GError **error);

/** Gives the document its number: its own, that of its claimed reference, or the next one. */
gboolean barua_sqlite_change_number (BaruaSqliteChange *change, GError **error);

/** Stores the text: in place of the parent's when that is dropped, else beside it. */
gboolean barua_sqlite_change_put_body (BaruaSqliteChange *change, GError **error);

/** Adds the new revision to the tree as a leaf. @parent_hash: absent without a parent */
gboolean barua_sqlite_change_put_leaf (BaruaSqliteChange *change, BaruaText parent_hash,
                                       GError **error);

/** After the tree has changed: winner, row, counters, sequence number, and all that is derived. */
gboolean barua_sqlite_change_end (BaruaSqliteChange *change, GError **error);

/* sqlite-attachments.c */

/** Works out the attachments of the new revision, before it has its hash. @generation: of it.
 * @keeps_revpos: a given revpos counts */
gboolean barua_sqlite_change_resolve_attachments (BaruaSqliteChange *change, gint64 generation,
                                                  gboolean keeps_revpos, GError **error);

/** Stores them, when the document has its number and the revision its hash. */
gboolean barua_sqlite_change_put_attachments (BaruaSqliteChange *change, GError **error);

/* sqlite-views.c */

/** Brings the rows of look-up views up to date; the projection is that of the winner, whose text is
 * @winner. */
gboolean barua_sqlite_change_put_lookups (BaruaSqliteChange *change, BaruaText winner,
                                          GError **error);

/* sqlite-tree.c */

/** Forgets ancestors beyond the limit of the database. */
gboolean barua_sqlite_change_stem (BaruaSqliteChange *change, GError **error);

G_END_DECLS
