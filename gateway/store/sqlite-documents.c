/* SPDX-License-Identifier: MIT */

/* Documents and their revisions: reading one, and the write of documents.md 4 and 14.3. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite-change.h"

#include <string.h>

#include <sqlite3.h>

gboolean
barua_sqlite_dbnum (BaruaSqliteConnection *connection, const char *db, gint64 *dbnum,
                    GError **error)
{
  const char *default_db = connection->tx.reader.store->default_db;

  if (db == NULL || g_str_equal (db, default_db))
    {
      *dbnum = barua_sqlite_of (&connection->tx.reader)->default_dbnum;
      return TRUE;
    }

  g_autoptr (BaruaStatement) find
      = barua_sqlite_statement (connection, BARUA_SQL_DATABASE_BY_NAME, error);
  gboolean has_row = FALSE;
  if (find == NULL)
    return FALSE;
  barua_bind_text (find, 1, barua_text (db));
  if (!barua_statement_step (find, &has_row, error))
    return FALSE;
  if (!has_row)
    {
      g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND,
                           "Database does not exist.");
      return FALSE;
    }
  *dbnum = sqlite3_column_int64 (find, 0);
  return TRUE;
}

/* ---- reading ---- */

/* Sets the error of a document that is not there. */
static void
set_missing (GError **error, gboolean is_deleted)
{
  g_set_error_literal (error, BARUA_STORE_ERROR,
                       is_deleted ? BARUA_STORE_ERROR_DELETED : BARUA_STORE_ERROR_NOT_FOUND,
                       is_deleted ? "deleted" : "missing");
}

BaruaDocument *
barua_sqlite_get_document (BaruaReader *reader, const char *db, BaruaText id, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (reader);
  g_autoptr (BaruaArena) arena = NULL;
  const BaruaAttachment *attachments = NULL;
  gsize n_attachments = 0;
  gboolean has_row = FALSE;
  gint64 dbnum;

  if (!barua_sqlite_dbnum (connection, db, &dbnum, error))
    return NULL;
  g_autoptr (BaruaStatement) get
      = barua_sqlite_statement (connection, BARUA_SQL_DOC_WITH_BODY, error);
  if (get == NULL)
    return NULL;
  sqlite3_bind_int64 (get, 1, dbnum);
  barua_bind_text (get, 2, id);
  if (!barua_statement_step (get, &has_row, error))
    return NULL;
  if (!has_row || sqlite3_column_int (get, 2) != 0)
    {
      set_missing (error, has_row);
      return NULL;
    }
  const BaruaRevision winner = { sqlite3_column_int64 (get, 0), barua_column_text (get, 1) };
  if (!barua_sqlite_list_attachments (connection, sqlite3_column_int64 (get, 6), winner, &arena,
                                      &attachments, &n_attachments, error))
    return NULL;
  BaruaDocument *document
      = barua_document_new (id, winner, barua_column_blob (get, 5), attachments, n_attachments);
  document->is_hidden = sqlite3_column_int (get, 3) != 0;
  document->seq = sqlite3_column_int64 (get, 4);
  document->n_leaves = sqlite3_column_int64 (get, 7);
  return document;
}

gboolean
barua_sqlite_find_doc (BaruaSqliteConnection *connection, gint64 dbnum, BaruaText id,
                       BaruaStatement **statement, gboolean *has_row, BaruaSqliteDoc *row,
                       GError **error)
{
  BaruaStatement *find = barua_sqlite_statement (connection, BARUA_SQL_DOC_BY_ID, error);

  *statement = find;
  if (find == NULL)
    return FALSE;
  sqlite3_bind_int64 (find, 1, dbnum);
  barua_bind_text (find, 2, id);
  if (!barua_statement_step (find, has_row, error))
    return FALSE;
  if (*has_row)
    *row = (BaruaSqliteDoc){ .docnum = sqlite3_column_int64 (find, 0),
                             .winner
                             = { sqlite3_column_int64 (find, 1), barua_column_text (find, 2) },
                             .body = sqlite3_column_int64 (find, 3),
                             .is_deleted = sqlite3_column_int (find, 4) != 0,
                             .leaves = sqlite3_column_int64 (find, 5),
                             .is_hidden = sqlite3_column_int (find, 6) != 0,
                             .seq = sqlite3_column_int64 (find, 7) };
  return TRUE;
}

void
barua_bind_rev (BaruaStatement *statement, gint64 docnum, BaruaRevision rev)
{
  sqlite3_bind_int64 (statement, 1, docnum);
  sqlite3_bind_int64 (statement, 2, rev.generation);
  barua_bind_text (statement, 3, rev.hash);
}

BaruaDocument *
barua_sqlite_get_revision (BaruaReader *reader, const char *db, BaruaText id, BaruaRevision rev,
                           GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (reader);
  g_autoptr (BaruaStatement) find = NULL;
  g_autoptr (BaruaArena) arena = NULL;
  const BaruaAttachment *attachments = NULL;
  gsize n_attachments = 0;
  gboolean has_row = FALSE;
  gint64 dbnum;
  BaruaSqliteDoc row;

  if (!barua_sqlite_dbnum (connection, db, &dbnum, error)
      || !barua_sqlite_find_doc (connection, dbnum, id, &find, &has_row, &row, error))
    return NULL;
  g_autoptr (BaruaStatement) get = barua_sqlite_statement (connection, BARUA_SQL_REV_GET, error);
  if (get == NULL)
    return NULL;
  if (has_row)
    {
      barua_bind_rev (get, row.docnum, rev);
      if (!barua_statement_step (get, &has_row, error))
        return NULL;
    }
  if (!has_row || sqlite3_column_type (get, 3) == SQLITE_NULL)
    {
      set_missing (error, FALSE);
      return NULL;
    }
  if (!barua_sqlite_list_attachments (connection, row.docnum, rev, &arena, &attachments,
                                      &n_attachments, error))
    return NULL;
  BaruaDocument *document
      = barua_document_new (id, rev, barua_column_blob (get, 3), attachments, n_attachments);
  document->is_deleted = sqlite3_column_int (get, 1) != 0;
  document->is_hidden = row.is_hidden;
  document->seq = row.seq;
  document->n_leaves = row.leaves;
  return document;
}

/* ---- writing ---- */

/* Sets the verdict of an edit that continues no leaf. */
static gboolean
refuse_edit (GError **error)
{
  g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_CONFLICT,
                       "Document update conflict.");
  return FALSE;
}

/* Whether a revision that does not win is a leaf nevertheless; then it becomes the parent. */
static gboolean
find_losing_leaf (BaruaSqliteChange *change, const BaruaRevision *rev, GError **error)
{
  g_autoptr (BaruaStatement) get
      = barua_sqlite_statement (change->connection, BARUA_SQL_REV_GET, error);
  gboolean has_row = FALSE;

  if (get == NULL)
    return FALSE;
  barua_bind_rev (get, change->old.docnum, *rev);
  if (!barua_statement_step (get, &has_row, error))
    return FALSE;
  if (!has_row || sqlite3_column_int (get, 0) == 0)
    return refuse_edit (error);
  change->parent = *rev;
  change->parent_body = sqlite3_column_int64 (get, 2);
  return TRUE;
}

/* Finds the parent of the new revision, by the verdicts of documents.md 4. */
static gboolean
choose_parent (BaruaSqliteChange *change, const BaruaRevision *rev, GError **error)
{
  const BaruaSqliteDoc *old = &change->old;

  if (change->is_new)
    {
      if (rev == NULL)
        return TRUE;
      set_missing (error, FALSE);
      return FALSE;
    }
  if (rev == NULL && (!old->is_deleted || change->edit->is_deleted))
    return refuse_edit (error);
  if (rev == NULL || barua_revision_compare (*rev, old->winner) == 0)
    {
      change->parent = old->winner;
      change->parent_body = old->body;
      return TRUE;
    }
  return old->leaves > 1 ? find_losing_leaf (change, rev, error) : refuse_edit (error);
}

/* What the hash takes from the attachments; in the arena. */
static BaruaRevisionAttachment *
describe_attachments (const BaruaSqliteChange *change)
{
  BaruaArena *arena = change->connection->arena;
  BaruaRevisionAttachment *list
      = barua_arena_alloc (arena, (change->n_attachments + 1) * sizeof *list);

  for (gsize i = 0; i < change->n_attachments; i++)
    {
      const BaruaSqliteAttachment *attachment = &change->attachments[i];
      char *hex = barua_arena_alloc (arena, 2 * sizeof attachment->digest.md5 + 1);
      for (gsize j = 0; j < sizeof attachment->digest.md5; j++)
        g_snprintf (hex + 2 * j, 3, "%02x", attachment->digest.md5[j]);
      list[i] = (BaruaRevisionAttachment){
        attachment->name, attachment->type, { hex, 32 }, (guint64)attachment->length
      };
    }
  return list;
}

/* Names the new revision; its hash is in @text. */
static void
make_rev (BaruaSqliteChange *change, char text[BARUA_REVISION_SIZE], gsize *length)
{
  char hash[BARUA_REVISION_HASH_BYTES + 1];
  BaruaText parent = { NULL, 0 };
  const BaruaRevisionAttachment *attachments
      = change->n_attachments > 0 ? describe_attachments (change) : NULL;

  if (change->parent.generation > 0)
    {
      GString *joined = g_string_sized_new (64);
      barua_revision_append (joined, change->parent);
      parent
          = barua_arena_copy (change->connection->arena, (BaruaText){ joined->str, joined->len });
      g_string_free (joined, TRUE);
    }
  barua_revision_hash (parent, change->edit->is_deleted, change->edit->body, attachments,
                       change->n_attachments, hash);
  change->rev.generation = change->parent.generation + 1;
  *length = barua_revision_write (change->rev.generation, hash, text);
  change->rev.hash
      = (BaruaText){ text + *length - BARUA_REVISION_HASH_BYTES, BARUA_REVISION_HASH_BYTES };
}

/* Takes the parent's place in the tree. */
static gboolean
supersede_parent (BaruaSqliteChange *change, GError **error)
{
  if (change->parent.generation == 0)
    return TRUE;

  const gboolean drops_body = change->body == change->parent_body;
  BaruaStatement *supersede = barua_sqlite_statement (
      change->connection, drops_body ? BARUA_SQL_REV_SUPERSEDE_DROP : BARUA_SQL_REV_SUPERSEDE,
      error);
  if (supersede == NULL)
    return FALSE;
  barua_bind_rev (supersede, change->docnum, change->parent);
  return barua_statement_run (supersede, error)
         && (!drops_body || change->n_attachments == 0
             || barua_sqlite_drop_attachments (change->connection, change->docnum, change->parent,
                                               error));
}

/* Tells the caller what was written. */
static void
report (const BaruaSqliteChange *change, const char *rev, gsize rev_length, BaruaWritten *written)
{
  if (written == NULL)
    return;
  memcpy (written->id, change->id.p, change->id.n);
  written->id[change->id.n] = '\0';
  memcpy (written->rev, rev, rev_length + 1);
  written->seq = change->database->seq;
  written->docnum = change->docnum;
  written->is_new = change->is_new;
  written->wins = barua_revision_compare (change->winner, change->rev) == 0;
}

gboolean
barua_sqlite_put_document (BaruaTx *tx, const BaruaEdit *edit, BaruaText id, gboolean is_made,
                           const BaruaRevision *parent, BaruaWritten *written, GError **error)
{
  BaruaSqliteChange change;
  char rev[BARUA_REVISION_SIZE];
  gsize rev_length;

  if (!barua_sqlite_change_begin (&change, tx, edit, id, is_made, error)
      || !choose_parent (&change, parent, error)
      || !barua_sqlite_change_resolve_attachments (&change, change.parent.generation + 1, FALSE,
                                                   error))
    return FALSE;

  make_rev (&change, rev, &rev_length);
  change.leaves = MAX (change.leaves, 1);
  if (!barua_sqlite_change_number (&change, error) || !barua_sqlite_change_put_body (&change, error)
      || !barua_sqlite_change_put_leaf (&change, change.parent.hash, error)
      || !barua_sqlite_change_put_attachments (&change, error) || !supersede_parent (&change, error)
      || !barua_sqlite_change_end (&change, error))
    return FALSE;
  report (&change, rev, rev_length, written);
  return TRUE;
}
