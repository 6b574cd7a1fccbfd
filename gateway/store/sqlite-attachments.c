/* SPDX-License-Identifier: MIT */

/* Attachments: rows of `att` for each revision, and their bytes, kept once, in pieces. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite-change.h"

#include <string.h>

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

/* Numbers of pieces that each run of bytes has to itself. */
#define PIECES_OF_A_BLOB 65536

#define DEFAULT_TYPE BARUA_TEXT ("application/octet-stream")

/* ---- reading ---- */

gboolean
barua_sqlite_list_attachments (BaruaSqliteConnection *connection, gint64 docnum, BaruaRevision rev,
                               BaruaArena **arena, const BaruaAttachment **attachments,
                               gsize *n_attachments, GError **error)
{
  g_autoptr (BaruaStatement) list = barua_sqlite_statement (connection, BARUA_SQL_ATT_LIST, error);
  g_autoptr (GArray) found = NULL;
  gboolean has_row = FALSE;

  *attachments = NULL;
  *n_attachments = 0;
  if (list == NULL)
    return FALSE;
  barua_bind_rev (list, docnum, rev);
  for (;;)
    {
      if (!barua_statement_step (list, &has_row, error))
        return FALSE;
      if (!has_row)
        break;
      if (*arena == NULL)
        *arena = barua_arena_new ();
      if (found == NULL)
        found = g_array_new (FALSE, FALSE, sizeof (BaruaAttachment));
      BaruaAttachment attachment = { .name = barua_arena_copy (*arena, barua_column_text (list, 0)),
                                     .type = barua_arena_copy (*arena, barua_column_text (list, 1)),
                                     .revpos = sqlite3_column_int64 (list, 2),
                                     .length = sqlite3_column_int64 (list, 3),
                                     .blob = sqlite3_column_int64 (list, 4) };
      const BaruaText md5 = barua_column_blob (list, 5);
      memcpy (attachment.md5, md5.p, MIN (md5.n, sizeof attachment.md5));
      g_array_append_val (found, attachment);
    }
  if (found == NULL)
    return TRUE;
  BaruaAttachment *copies = barua_arena_alloc (*arena, found->len * sizeof *copies);
  memcpy (copies, found->data, found->len * sizeof *copies);
  *attachments = copies;
  *n_attachments = found->len;
  return TRUE;
}

/* Copies what one piece has of the bytes wanted; *n_copied is 0 when there is no such piece. */
static gboolean
read_piece (BaruaSqliteConnection *connection, gint64 piecenum, gsize skip, char *buffer,
            gsize length, gsize *n_copied, GError **error)
{
  g_autoptr (BaruaStatement) get = barua_sqlite_statement (connection, BARUA_SQL_PIECE_GET, error);
  gboolean has_row = FALSE;

  *n_copied = 0;
  if (get == NULL)
    return FALSE;
  sqlite3_bind_int64 (get, 1, piecenum);
  if (!barua_statement_step (get, &has_row, error))
    return FALSE;
  const BaruaText data = has_row ? barua_column_blob (get, 0) : (BaruaText){ NULL, 0 };
  if (data.n > skip)
    {
      *n_copied = MIN (data.n - skip, length);
      memcpy (buffer, data.p + skip, *n_copied);
    }
  return TRUE;
}

/* The length of a run of bytes; %BARUA_STORE_ERROR_NOT_FOUND. */
static gboolean
find_length (BaruaSqliteConnection *connection, gint64 blob, gint64 *length, GError **error)
{
  g_autoptr (BaruaStatement) get
      = barua_sqlite_statement (connection, BARUA_SQL_BLOB_LENGTH, error);
  gboolean has_row = FALSE;

  if (get == NULL)
    return FALSE;
  sqlite3_bind_int64 (get, 1, blob);
  if (!barua_statement_step (get, &has_row, error))
    return FALSE;
  if (!has_row)
    {
      g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND,
                           "Document is missing attachment");
      return FALSE;
    }
  *length = sqlite3_column_int64 (get, 0);
  return TRUE;
}

gboolean
barua_sqlite_read_blob (BaruaReader *reader, gint64 blob, gint64 offset, void *buffer, gsize length,
                        gsize *n_read, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (reader);
  gint64 blob_length;
  gsize done = 0;

  if (!find_length (connection, blob, &blob_length, error))
    return FALSE;
  const gint64 rest = blob_length - MIN (offset, blob_length);
  length = (guint64)rest < length ? (gsize)rest : length;
  while (done < length)
    {
      const gint64 at = offset + (gint64)done;
      gsize n_copied;
      if (!read_piece (connection, blob * PIECES_OF_A_BLOB + at / BARUA_BLOB_PIECE_BYTES,
                       (gsize)(at % BARUA_BLOB_PIECE_BYTES), (char *)buffer + done, length - done,
                       &n_copied, error))
        return FALSE;
      if (n_copied == 0)
        {
          g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_FAILED,
                               "bytes of an attachment are missing");
          return FALSE;
        }
      done += n_copied;
    }
  *n_read = done;
  return TRUE;
}

/* ---- what a new revision has ---- */

/* Orders by the bytes of the names. */
static int
compare_names (const void *a, const void *b)
{
  return barua_text_compare (((const BaruaSqliteAttachment *)a)->name,
                             ((const BaruaSqliteAttachment *)b)->name);
}

/* Sets the error of a file that cannot be read. */
static gboolean
fail_read (GError **error)
{
  g_set_error (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_FAILED,
               "an uploaded file cannot be read: %s",
               errno != 0 ? g_strerror (errno) : "cut short");
  return FALSE;
}

/* Reads exactly @length bytes of a file. */
static gboolean
read_file (int fd, guint64 offset, char *buffer, gsize length, GError **error)
{
  for (gsize done = 0; done < length;)
    {
      errno = 0;
      const ssize_t n = pread (fd, buffer + done, length - done, (off_t)(offset + done));
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return fail_read (error);
      done += (gsize)n;
    }
  return TRUE;
}

/* Calls @visit for each piece of the bytes of an edit. */
static gboolean
visit_pieces (const BaruaAttachmentEdit *edit, guint64 length,
              gboolean (*visit) (gpointer data, gint64 n, BaruaText piece, GError **error),
              gpointer data, GError **error)
{
  const gboolean is_file = edit->source == BARUA_ATTACHMENT_FILE;
  g_autofree char *buffer = is_file ? g_malloc (BARUA_BLOB_PIECE_BYTES) : NULL;

  for (guint64 at = 0; at < length; at += BARUA_BLOB_PIECE_BYTES)
    {
      const gsize n = (gsize)MIN (length - at, BARUA_BLOB_PIECE_BYTES);
      if (is_file && !read_file (edit->fd, at, buffer, n, error))
        return FALSE;
      const BaruaText piece = { is_file ? buffer : edit->bytes.p + at, n };
      if (!visit (data, (gint64)(at / BARUA_BLOB_PIECE_BYTES), piece, error))
        return FALSE;
    }
  return TRUE;
}

/* Both digests on their way. */
typedef struct
{
  GChecksum *md5;
  GChecksum *sha256;
} Digester;

static gboolean
digest_piece (gpointer data, gint64 n, BaruaText piece, GError **error)
{
  const Digester *digester = data;

  g_checksum_update (digester->md5, (const guchar *)piece.p, (gssize)piece.n);
  g_checksum_update (digester->sha256, (const guchar *)piece.p, (gssize)piece.n);
  return TRUE;
}

/* Finds the digests of new bytes. */
static gboolean
digest_edit (const BaruaAttachmentEdit *edit, guint64 length, BaruaAttachmentDigest *digest,
             GError **error)
{
  if (edit->digest != NULL)
    {
      *digest = *edit->digest;
      return TRUE;
    }
  const Digester digester = { g_checksum_new (G_CHECKSUM_MD5), g_checksum_new (G_CHECKSUM_SHA256) };
  const gboolean is_ok = visit_pieces (edit, length, digest_piece, (gpointer)&digester, error);
  gsize n_md5 = sizeof digest->md5;
  gsize n_sha256 = sizeof digest->sha256;
  g_checksum_get_digest (digester.md5, digest->md5, &n_md5);
  g_checksum_get_digest (digester.sha256, digest->sha256, &n_sha256);
  g_checksum_free (digester.md5);
  g_checksum_free (digester.sha256);
  return is_ok;
}

/* An attachment that the parent has. */
static BaruaSqliteAttachment
kept (const BaruaAttachment *old)
{
  BaruaSqliteAttachment attachment = { .name = old->name,
                                       .type = old->type,
                                       .revpos = old->revpos,
                                       .length = old->length,
                                       .blob = old->blob };

  memcpy (attachment.digest.md5, old->md5, sizeof old->md5);
  return attachment;
}

/* What the parent has. */
typedef struct
{
  const BaruaAttachment *list;
  gsize n;
} Parent;

/* Finds what a stub stands for. */
static gboolean
resolve_stub (const BaruaSqliteChange *change, const Parent *parent,
              const BaruaAttachmentEdit *edit, BaruaSqliteAttachment *attachment, GError **error)
{
  for (gsize i = 0; i < parent->n; i++)
    if (barua_text_equal (parent->list[i].name, edit->name)
        && (edit->revpos == 0 || edit->revpos == parent->list[i].revpos))
      {
        *attachment = kept (&parent->list[i]);
        return TRUE;
      }
  g_set_error (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_MISSING_STUB,
               "Invalid attachment stub in %.*s for %.*s", (int)change->id.n, change->id.p,
               (int)edit->name.n, edit->name.p);
  return FALSE;
}

/* Describes new bytes. */
static gboolean
resolve_bytes (const BaruaAttachmentEdit *edit, gint64 revpos, BaruaSqliteAttachment *attachment,
               GError **error)
{
  const guint64 length
      = edit->source == BARUA_ATTACHMENT_FILE ? edit->length : (guint64)edit->bytes.n;

  *attachment = (BaruaSqliteAttachment){ .name = edit->name,
                                         .type = edit->type.n > 0 ? edit->type : DEFAULT_TYPE,
                                         .revpos = revpos,
                                         .length = (gint64)length,
                                         .edit = edit };
  return digest_edit (edit, length, &attachment->digest, error);
}

/* Refuses a name that comes twice; the list is sorted. */
static gboolean
check_names (const BaruaSqliteChange *change, GError **error)
{
  for (gsize i = 1; i < change->n_attachments; i++)
    if (compare_names (&change->attachments[i - 1], &change->attachments[i]) == 0)
      {
        g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_INVALID,
                             "an attachment is named twice");
        return FALSE;
      }
  return TRUE;
}

/* Works out the attachments that the edit lists. */
static gboolean
resolve_edit (BaruaSqliteChange *change, const Parent *parent, gint64 generation,
              gboolean keeps_revpos, GError **error)
{
  const BaruaEdit *edit = change->edit;

  change->n_attachments = edit->n_attachments;
  change->attachments = barua_arena_alloc (change->connection->arena,
                                           edit->n_attachments * sizeof *change->attachments);
  for (gsize i = 0; i < edit->n_attachments; i++)
    {
      const BaruaAttachmentEdit *one = &edit->attachments[i];
      const gint64 revpos = keeps_revpos && one->revpos > 0 ? one->revpos : generation;
      if (one->source == BARUA_ATTACHMENT_STUB
              ? !resolve_stub (change, parent, one, &change->attachments[i], error)
              : !resolve_bytes (one, revpos, &change->attachments[i], error))
        return FALSE;
    }
  qsort (change->attachments, change->n_attachments, sizeof *change->attachments, compare_names);
  return check_names (change, error);
}

/* Keeps everything that the parent has. */
static void
keep_all (BaruaSqliteChange *change, const Parent *parent)
{
  change->n_attachments = parent->n;
  change->attachments = barua_arena_alloc (change->connection->arena,
                                           (parent->n + 1) * sizeof *change->attachments);
  for (gsize i = 0; i < parent->n; i++)
    change->attachments[i] = kept (&parent->list[i]);
}

gboolean
barua_sqlite_change_resolve_attachments (BaruaSqliteChange *change, gint64 generation,
                                         gboolean keeps_revpos, GError **error)
{
  const BaruaEdit *edit = change->edit;
  const gboolean keeps_all = edit->is_server_made && !edit->is_deleted;
  Parent parent = { NULL, 0 };

  if (edit->n_attachments == 0 && !keeps_all)
    return TRUE;
  if (change->parent.generation > 0
      && !barua_sqlite_list_attachments (change->connection, change->old.docnum, change->parent,
                                         &change->connection->arena, &parent.list, &parent.n,
                                         error))
    return FALSE;
  if (!keeps_all || (change->parent.generation == 0 && edit->n_attachments > 0))
    return resolve_edit (change, &parent, generation, keeps_revpos, error);
  if (parent.n > 0)
    keep_all (change, &parent);
  return TRUE;
}

/* ---- writing ---- */

/* Where pieces are put. */
typedef struct
{
  BaruaSqliteConnection *connection;
  gint64 blob;
} Pieces;

static gboolean
put_piece (gpointer data, gint64 n, BaruaText piece, GError **error)
{
  const Pieces *pieces = data;
  BaruaStatement *insert
      = barua_sqlite_statement (pieces->connection, BARUA_SQL_PIECE_INSERT, error);

  if (insert == NULL)
    return FALSE;
  sqlite3_bind_int64 (insert, 1, pieces->blob * PIECES_OF_A_BLOB + n);
  barua_bind_blob (insert, 2, piece);
  return barua_statement_run (insert, error);
}

/* Looks for the same bytes; *blob stays 0 when they are new. */
static gboolean
find_bytes (BaruaSqliteConnection *connection, BaruaSqliteAttachment *attachment, GError **error)
{
  g_autoptr (BaruaStatement) find
      = barua_sqlite_statement (connection, BARUA_SQL_BLOB_BY_DIGEST, error);
  const BaruaAttachmentDigest *digest = &attachment->digest;
  gboolean has_row = FALSE;

  if (find == NULL)
    return FALSE;
  barua_bind_blob (find, 1, (BaruaText){ (const char *)digest->sha256, sizeof digest->sha256 });
  if (!barua_statement_step (find, &has_row, error))
    return FALSE;
  if (has_row)
    attachment->blob = sqlite3_column_int64 (find, 0);
  return TRUE;
}

/* Stores new bytes. */
static gboolean
put_bytes (BaruaSqliteConnection *connection, BaruaSqliteAttachment *attachment, GError **error)
{
  const BaruaAttachmentDigest *digest = &attachment->digest;
  BaruaStatement *insert = barua_sqlite_statement (connection, BARUA_SQL_BLOB_INSERT, error);

  if (insert == NULL)
    return FALSE;
  barua_bind_blob (insert, 1, (BaruaText){ (const char *)digest->md5, sizeof digest->md5 });
  barua_bind_blob (insert, 2, (BaruaText){ (const char *)digest->sha256, sizeof digest->sha256 });
  sqlite3_bind_int64 (insert, 3, attachment->length);
  sqlite3_bind_int64 (insert, 4, connection->now_ms);
  if (!barua_statement_run (insert, error))
    return FALSE;
  attachment->blob = sqlite3_last_insert_rowid (connection->handle);
  Pieces pieces = { connection, attachment->blob };
  return visit_pieces (attachment->edit, (guint64)attachment->length, put_piece, &pieces, error);
}

/* Writes the row of one attachment, and counts it. */
static gboolean
put_row (BaruaSqliteChange *change, const BaruaSqliteAttachment *attachment, GError **error)
{
  BaruaStatement *insert = barua_sqlite_statement (change->connection, BARUA_SQL_ATT_INSERT, error);
  BaruaStatement *hold = barua_sqlite_statement (change->connection, BARUA_SQL_BLOB_HOLD, error);

  if (insert == NULL || hold == NULL)
    return FALSE;
  barua_bind_rev (insert, change->docnum, change->rev);
  barua_bind_text (insert, 4, attachment->name);
  barua_bind_text (insert, 5, attachment->type);
  sqlite3_bind_int64 (insert, 6, attachment->revpos);
  sqlite3_bind_int64 (insert, 7, attachment->blob);
  sqlite3_bind_int64 (hold, 1, attachment->blob);
  return barua_statement_run (insert, error) && barua_statement_run (hold, error);
}

gboolean
barua_sqlite_change_put_attachments (BaruaSqliteChange *change, GError **error)
{
  for (gsize i = 0; i < change->n_attachments; i++)
    {
      BaruaSqliteAttachment *attachment = &change->attachments[i];
      if (attachment->blob == 0 && !find_bytes (change->connection, attachment, error))
        return FALSE;
      if (attachment->blob == 0 && !put_bytes (change->connection, attachment, error))
        return FALSE;
      if (!put_row (change, attachment, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
barua_sqlite_drop_attachments (BaruaSqliteConnection *connection, gint64 docnum, BaruaRevision rev,
                               GError **error)
{
  g_autoptr (BaruaStatement) drop
      = barua_sqlite_statement (connection, BARUA_SQL_ATT_DELETE_REV, error);
  gboolean has_row = FALSE;

  if (drop == NULL)
    return FALSE;
  barua_bind_rev (drop, docnum, rev);
  for (;;)
    {
      if (!barua_statement_step (drop, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      BaruaStatement *release = barua_sqlite_statement (connection, BARUA_SQL_BLOB_RELEASE, error);
      if (release == NULL)
        return FALSE;
      sqlite3_bind_int64 (release, 1, sqlite3_column_int64 (drop, 0));
      sqlite3_bind_int64 (release, 2, connection->now_ms);
      if (!barua_statement_run (release, error))
        return FALSE;
    }
}
