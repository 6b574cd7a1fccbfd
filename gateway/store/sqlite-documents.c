/* SPDX-License-Identifier: MIT */

/* Documents and their revisions: reading one, and the write of documents.md 4 and 14.3. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <string.h>

#include <sqlite3.h>

/* Ancestors kept for each leaf (documents.md 4, `_revs_limit`). */
#define REVS_LIMIT 1000

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
  gint64 dbnum;
  gboolean has_row = FALSE;

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
  BaruaDocument *document = barua_document_new (
      id, sqlite3_column_int64 (get, 0), barua_column_text (get, 1), barua_column_blob (get, 5));
  document->is_hidden = sqlite3_column_int (get, 3) != 0;
  document->seq = sqlite3_column_int64 (get, 4);
  return document;
}

/* A row of `doc`. */
typedef struct
{
  gint64 docnum;
  BaruaRevision winner; /* its hash is in the arena, or borrowed from the row */
  gint64 body;
  gint64 leaves;
  gint64 seq;
  gboolean is_deleted;
  gboolean is_hidden;
} DocRow;

/* Reads the row of a document; @statement must be reset by the caller, and holds the winner's hash.
 */
static gboolean
find_doc (BaruaSqliteConnection *connection, gint64 dbnum, BaruaText id, BaruaStatement **statement,
          gboolean *has_row, DocRow *row, GError **error)
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
    *row = (DocRow){ .docnum = sqlite3_column_int64 (find, 0),
                     .winner = { sqlite3_column_int64 (find, 1), barua_column_text (find, 2) },
                     .body = sqlite3_column_int64 (find, 3),
                     .is_deleted = sqlite3_column_int (find, 4) != 0,
                     .leaves = sqlite3_column_int64 (find, 5),
                     .is_hidden = sqlite3_column_int (find, 6) != 0,
                     .seq = sqlite3_column_int64 (find, 7) };
  return TRUE;
}

/* Binds the key of `rev`, parameters 1 to 3. */
static void
bind_rev (BaruaStatement *statement, gint64 docnum, BaruaRevision rev)
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
  gboolean has_row = FALSE;
  gint64 dbnum;
  DocRow row;

  if (!barua_sqlite_dbnum (connection, db, &dbnum, error)
      || !find_doc (connection, dbnum, id, &find, &has_row, &row, error))
    return NULL;
  g_autoptr (BaruaStatement) get = barua_sqlite_statement (connection, BARUA_SQL_REV_GET, error);
  if (get == NULL)
    return NULL;
  if (has_row)
    {
      bind_rev (get, row.docnum, rev);
      if (!barua_statement_step (get, &has_row, error))
        return NULL;
    }
  if (!has_row || sqlite3_column_type (get, 3) == SQLITE_NULL)
    {
      set_missing (error, FALSE);
      return NULL;
    }
  BaruaDocument *document
      = barua_document_new (id, rev.generation, rev.hash, barua_column_blob (get, 3));
  document->is_deleted = sqlite3_column_int (get, 1) != 0;
  document->is_hidden = row.is_hidden;
  document->seq = row.seq;
  return document;
}

/* ---- writing ---- */

/* One edit on its way: what is known of the document and what becomes of it. */
typedef struct
{
  BaruaSqliteConnection *connection;
  const BaruaEdit *edit;
  BaruaSqliteDatabase *database;
  BaruaText id;
  gboolean is_new;
  DocRow old;

  BaruaRevision parent; /* generation 0 without one */
  gint64 parent_body;   /* 0: none */
  BaruaRevision rev;
  char rev_text[BARUA_REVISION_SIZE];
  gsize rev_length;
  gint64 body;
  gint64 docnum;

  /* The winner after the edit. */
  BaruaRevision winner;
  gint64 winner_body;
  gboolean is_deleted;
  gint64 leaves;
} Change;

/* Sets the verdict of an edit that continues no leaf. */
static gboolean
refuse_edit (GError **error)
{
  g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_CONFLICT,
                       "Document update conflict.");
  return FALSE;
}

/* Looks the document up, and keeps what the row lends. */
static gboolean
load_old (Change *change, gboolean is_made, GError **error)
{
  g_autoptr (BaruaStatement) find = NULL;
  gboolean has_row = FALSE;

  if (is_made)
    {
      change->is_new = TRUE;
      return TRUE;
    }
  if (!find_doc (change->connection, change->database->dbnum, change->id, &find, &has_row,
                 &change->old, error))
    return FALSE;
  change->is_new = !has_row;
  if (has_row)
    change->old.winner.hash = barua_arena_copy (change->connection->arena, change->old.winner.hash);
  return TRUE;
}

/* Whether a revision that does not win is a leaf nevertheless; then it becomes the parent. */
static gboolean
find_losing_leaf (Change *change, const BaruaRevision *rev, GError **error)
{
  g_autoptr (BaruaStatement) get
      = barua_sqlite_statement (change->connection, BARUA_SQL_REV_GET, error);
  gboolean has_row = FALSE;

  if (get == NULL)
    return FALSE;
  bind_rev (get, change->old.docnum, *rev);
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
choose_parent (Change *change, const BaruaRevision *rev, GError **error)
{
  const DocRow *old = &change->old;

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

/* Names the new revision. */
static void
make_rev (Change *change)
{
  char hash[BARUA_REVISION_HASH_BYTES + 1];
  BaruaText parent = { NULL, 0 };

  if (change->parent.generation > 0)
    {
      GString *text = g_string_sized_new (64);
      g_string_append_printf (text, "%" G_GINT64_FORMAT "-", change->parent.generation);
      g_string_append_len (text, change->parent.hash.p, (gssize)change->parent.hash.n);
      parent = barua_arena_copy (change->connection->arena, (BaruaText){ text->str, text->len });
      g_string_free (text, TRUE);
    }
  barua_revision_hash (parent, change->edit->is_deleted, change->edit->body, NULL, 0, hash);
  change->rev.generation = change->parent.generation + 1;
  change->rev_length = barua_revision_write (change->rev.generation, hash, change->rev_text);
  change->rev.hash = (BaruaText){ change->rev_text + change->rev_length - BARUA_REVISION_HASH_BYTES,
                                  BARUA_REVISION_HASH_BYTES };
}

/* Stores the text: in place of the parent's when that is dropped, else beside it. */
static gboolean
put_body (Change *change, GError **error)
{
  const gboolean replaces = change->edit->is_server_made && change->parent_body != 0;
  BaruaStatement *put = barua_sqlite_statement (
      change->connection, replaces ? BARUA_SQL_BODY_REPLACE : BARUA_SQL_BODY_INSERT, error);

  if (put == NULL)
    return FALSE;
  if (replaces)
    sqlite3_bind_int64 (put, 1, change->parent_body);
  barua_bind_blob (put, replaces ? 2 : 1, change->edit->body);
  if (!barua_statement_run (put, error))
    return FALSE;
  change->body
      = replaces ? change->parent_body : sqlite3_last_insert_rowid (change->connection->handle);
  return TRUE;
}

/* Adds the revision to the tree as a leaf, in the place of its parent. */
static gboolean
put_rev (Change *change, GError **error)
{
  BaruaStatement *insert = barua_sqlite_statement (change->connection, BARUA_SQL_REV_INSERT, error);

  if (insert == NULL)
    return FALSE;
  bind_rev (insert, change->docnum, change->rev);
  barua_bind_text (insert, 4, change->parent.hash);
  sqlite3_bind_int (insert, 5, change->edit->is_deleted != 0);
  sqlite3_bind_int64 (insert, 6, change->body);
  sqlite3_bind_int64 (insert, 7, change->connection->now_ms);
  if (!barua_statement_run (insert, error))
    return FALSE;
  if (change->parent.generation == 0)
    return TRUE;

  const gboolean drops_body = change->body == change->parent_body;
  BaruaStatement *supersede = barua_sqlite_statement (
      change->connection, drops_body ? BARUA_SQL_REV_SUPERSEDE_DROP : BARUA_SQL_REV_SUPERSEDE,
      error);
  if (supersede == NULL)
    return FALSE;
  bind_rev (supersede, change->docnum, change->parent);
  return barua_statement_run (supersede, error);
}

/* Forgets ancestors beyond the limit, in a history without conflicts. */
static gboolean
stem (Change *change, GError **error)
{
  static const BaruaSql steps[] = { BARUA_SQL_REV_STEM_BODIES, BARUA_SQL_REV_STEM };

  if (change->rev.generation <= REVS_LIMIT || change->leaves > 1)
    return TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      BaruaStatement *step = barua_sqlite_statement (change->connection, steps[i], error);
      if (step == NULL)
        return FALSE;
      sqlite3_bind_int64 (step, 1, change->docnum);
      sqlite3_bind_int64 (step, 2, change->rev.generation - REVS_LIMIT);
      if (!barua_statement_run (step, error))
        return FALSE;
    }
  return TRUE;
}

/* Lets all leaves compete, after the tree has changed. */
static gboolean
choose_among_leaves (Change *change, GError **error)
{
  g_autoptr (BaruaStatement) leaves
      = barua_sqlite_statement (change->connection, BARUA_SQL_REV_LEAVES, error);
  gboolean has_row = FALSE;
  gboolean is_first = TRUE;

  if (leaves == NULL)
    return FALSE;
  sqlite3_bind_int64 (leaves, 1, change->docnum);
  for (;;)
    {
      if (!barua_statement_step (leaves, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      const BaruaRevision leaf
          = { sqlite3_column_int64 (leaves, 0), barua_column_text (leaves, 1) };
      const gboolean is_deleted = sqlite3_column_int (leaves, 2) != 0;
      if (!is_first
          && barua_revision_compare_leaves (change->winner, change->is_deleted, leaf, is_deleted)
                 <= 0)
        continue;
      is_first = FALSE;
      change->winner.generation = leaf.generation;
      change->winner.hash = barua_arena_copy (change->connection->arena, leaf.hash);
      change->winner_body = sqlite3_column_int64 (leaves, 3);
      change->is_deleted = is_deleted;
    }
}

/* Finds the revision that is served from now on. */
static gboolean
choose_winner (Change *change, GError **error)
{
  change->leaves = change->is_new ? 1 : change->old.leaves;
  change->winner = change->rev;
  change->winner_body = change->body;
  change->is_deleted = change->edit->is_deleted;
  return change->leaves <= 1 || choose_among_leaves (change, error);
}

/* Counts the change in its database, where it gets its sequence number. */
static void
count_change (Change *change)
{
  BaruaSqliteDatabase *database = change->database;
  const gboolean was_live = !change->is_new && !change->old.is_deleted;
  const gboolean was_dead = !change->is_new && change->old.is_deleted;

  database->seq++;
  database->live += !change->is_deleted - was_live;
  database->dead += !!change->is_deleted - was_dead;
  database->is_changed = TRUE;
}

/* Writes the row of a document that is new. */
static gboolean
insert_doc (Change *change, GError **error)
{
  BaruaStatement *insert = barua_sqlite_statement (change->connection, BARUA_SQL_DOC_INSERT, error);

  if (insert == NULL)
    return FALSE;
  sqlite3_bind_int64 (insert, 1, change->docnum);
  sqlite3_bind_int64 (insert, 2, change->database->dbnum);
  barua_bind_text (insert, 3, change->id);
  sqlite3_bind_int64 (insert, 4, change->database->seq);
  barua_bind_text (insert, 5, change->winner.hash);
  sqlite3_bind_int64 (insert, 6, change->winner_body);
  sqlite3_bind_int (insert, 7, change->is_deleted != 0);
  sqlite3_bind_int (insert, 8, change->edit->is_hidden != 0);
  return barua_statement_run (insert, error);
}

/* Brings the row of a document up to date. */
static gboolean
update_doc (Change *change, GError **error)
{
  const gboolean turns = !change->is_deleted != !change->old.is_deleted;
  const gboolean is_hidden
      = change->edit->is_hidden || (change->edit->is_deleted && change->old.is_hidden);
  BaruaStatement *update = barua_sqlite_statement (
      change->connection, turns ? BARUA_SQL_DOC_UPDATE_DELETED : BARUA_SQL_DOC_UPDATE, error);

  if (update == NULL)
    return FALSE;
  sqlite3_bind_int64 (update, 1, change->docnum);
  sqlite3_bind_int64 (update, 2, change->database->seq);
  sqlite3_bind_int64 (update, 3, change->winner.generation);
  barua_bind_text (update, 4, change->winner.hash);
  sqlite3_bind_int64 (update, 5, change->winner_body);
  sqlite3_bind_int (update, 6, is_hidden);
  if (turns)
    sqlite3_bind_int (update, 7, change->is_deleted != 0);
  return barua_statement_run (update, error);
}

/* Derives the queue from the winner, which is not the new revision. */
static gboolean
project_winner (Change *change, GError **error)
{
  g_autoptr (BaruaStatement) get
      = barua_sqlite_statement (change->connection, BARUA_SQL_BODY_GET, error);
  gboolean has_row = FALSE;

  if (get == NULL)
    return FALSE;
  sqlite3_bind_int64 (get, 1, change->winner_body);
  if (!barua_statement_step (get, &has_row, error))
    return FALSE;
  const BaruaText body = barua_arena_copy (change->connection->arena, barua_column_blob (get, 0));
  barua_messages_project ((BaruaJson){ body.p, body.n }, change->connection->arena,
                          &change->connection->projection);
  return TRUE;
}

/* Brings what is derived from a document of the default database up to date. */
static gboolean
derive (Change *change, GError **error)
{
  BaruaSqliteConnection *connection = change->connection;
  const BaruaText body = change->edit->body;
  const BaruaText claimed = change->edit->gateway_ref;

  barua_messages_project ((BaruaJson){ body.p, body.n }, connection->arena,
                          &connection->projection);
  const BaruaText ref = claimed.p != NULL ? claimed : connection->projection.gateway_ref;
  if (ref.n > 0 && !(change->edit->is_server_made && claimed.p == NULL)
      && !barua_sqlite_put_reference (connection, change->docnum, ref, error))
    return FALSE;

  if (change->is_deleted)
    g_array_set_size (connection->projection.rows, 0);
  else if (change->winner_body != change->body && !project_winner (change, error))
    return FALSE;
  return barua_sqlite_put_messages (connection, change->docnum, change->is_new,
                                    &connection->projection, error);
}

/* Gives the document its number: its own, that of its claimed reference, or the next one. */
static gboolean
choose_docnum (Change *change, GError **error)
{
  change->docnum = change->old.docnum;
  if (!change->is_new)
    return TRUE;
  if (change->edit->gateway_ref.p != NULL)
    change->docnum = barua_sqlite_claimed_docnum (change->connection, change->edit->gateway_ref);
  return change->docnum != 0
         || barua_sqlite_next_docnum (change->connection, &change->docnum, error);
}

/* Tells the caller what was written. */
static void
report (const Change *change, BaruaWritten *written)
{
  if (written == NULL)
    return;
  memcpy (written->id, change->id.p, change->id.n);
  written->id[change->id.n] = '\0';
  memcpy (written->rev, change->rev_text, change->rev_length + 1);
  written->seq = change->database->seq;
}

gboolean
barua_sqlite_put_document (BaruaTx *tx, const BaruaEdit *edit, BaruaText id, gboolean is_made,
                           const BaruaRevision *parent, BaruaWritten *written, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (&tx->reader);
  Change change = { .connection = connection, .edit = edit, .id = id };

  if (connection->arena == NULL)
    connection->arena = barua_arena_new ();
  barua_arena_reset (connection->arena);
  change.database = barua_sqlite_tx_database (connection, edit->db, error);
  if (change.database == NULL || !load_old (&change, is_made, error)
      || !choose_parent (&change, parent, error))
    return FALSE;

  make_rev (&change);
  if (!choose_docnum (&change, error) || !put_body (&change, error) || !put_rev (&change, error)
      || !choose_winner (&change, error))
    return FALSE;
  count_change (&change);
  if (!(change.is_new ? insert_doc (&change, error) : update_doc (&change, error))
      || !stem (&change, error))
    return FALSE;
  if (change.database->dbnum == barua_sqlite_of (&tx->reader)->default_dbnum
      && !derive (&change, error))
    return FALSE;
  report (&change, written);
  return TRUE;
}
