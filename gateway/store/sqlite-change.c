/* SPDX-License-Identifier: MIT */

/* What every write of a document has in common (documents.md 14.3): its text, its leaf, its winner,
 * its row, and what is derived from it. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite-change.h"

#include <string.h>

#include <sqlite3.h>

gboolean
barua_sqlite_change_begin (BaruaSqliteChange *change, BaruaTx *tx, const BaruaEdit *edit,
                           BaruaText id, gboolean is_made, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (&tx->reader);
  g_autoptr (BaruaStatement) find = NULL;
  gboolean has_row = FALSE;

  *change = (BaruaSqliteChange){ .connection = connection, .edit = edit, .id = id };
  if (connection->arena == NULL)
    connection->arena = barua_arena_new ();
  barua_arena_reset (connection->arena);
  change->database = barua_sqlite_tx_database (connection, edit->db, error);
  if (change->database == NULL)
    return FALSE;
  if (!is_made
      && !barua_sqlite_find_doc (connection, change->database->dbnum, id, &find, &has_row,
                                 &change->old, error))
    return FALSE;
  change->is_new = !has_row;
  change->leaves = change->old.leaves;
  if (has_row)
    change->old.winner.hash = barua_arena_copy (connection->arena, change->old.winner.hash);
  return TRUE;
}

gboolean
barua_sqlite_change_number (BaruaSqliteChange *change, GError **error)
{
  change->docnum = change->old.docnum;
  if (!change->is_new)
    return TRUE;
  if (change->edit->gateway_ref.p != NULL)
    change->docnum = barua_sqlite_claimed_docnum (change->connection, change->edit->gateway_ref);
  return change->docnum != 0
         || barua_sqlite_next_docnum (change->connection, &change->docnum, error);
}

gboolean
barua_sqlite_change_put_body (BaruaSqliteChange *change, GError **error)
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

gboolean
barua_sqlite_change_put_leaf (BaruaSqliteChange *change, BaruaText parent_hash, GError **error)
{
  BaruaStatement *insert = barua_sqlite_statement (change->connection, BARUA_SQL_REV_INSERT, error);

  if (insert == NULL)
    return FALSE;
  barua_bind_rev (insert, change->docnum, change->rev);
  barua_bind_text (insert, 4, parent_hash);
  sqlite3_bind_int (insert, 5, change->edit->is_deleted != 0);
  sqlite3_bind_int64 (insert, 6, change->body);
  sqlite3_bind_int64 (insert, 7, change->connection->now_ms);
  return barua_statement_run (insert, error);
}

/* ---- the winner ---- */

/* Lets all leaves compete, after the tree has changed. */
static gboolean
choose_among_leaves (BaruaSqliteChange *change, GError **error)
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
choose_winner (BaruaSqliteChange *change, GError **error)
{
  change->winner = change->rev;
  change->winner_body = change->body;
  change->is_deleted = change->edit->is_deleted;
  return change->leaves <= 1 || choose_among_leaves (change, error);
}

/* ---- the row ---- */

/* Counts the change in its database, where it gets its sequence number. */
static void
count_change (BaruaSqliteChange *change)
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
insert_doc (BaruaSqliteChange *change, GError **error)
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
  sqlite3_bind_int64 (insert, 9, change->winner.generation);
  return barua_statement_run (insert, error);
}

/* Brings the row of a document up to date. */
static gboolean
update_doc (BaruaSqliteChange *change, GError **error)
{
  const gboolean turns = !change->is_deleted != !change->old.is_deleted;
  const gboolean is_hidden
      = change->edit->is_hidden
        || ((change->edit->is_deleted || change->leaves > 1) && change->old.is_hidden);
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
  sqlite3_bind_int64 (update, 7, change->leaves);
  if (turns)
    sqlite3_bind_int (update, 8, change->is_deleted != 0);
  /* what is hidden may have been a secret, and is not to stay in the log */
  BaruaSqlite *sqlite = barua_sqlite_of (&change->connection->tx.reader);
  if (change->old.is_hidden && sqlite->keeper != NULL)
    barua_sqlite_keeper_cut_soon (sqlite->keeper);
  return barua_statement_run (update, error);
}

/* ---- what is derived ---- */

/* The text of the winner, in the arena when it is not the one that was just written. */
static gboolean
read_winner (BaruaSqliteChange *change, BaruaText *body, GError **error)
{
  *body = change->edit->body;
  if (change->winner_body == change->body)
    return TRUE;

  g_autoptr (BaruaStatement) get
      = barua_sqlite_statement (change->connection, BARUA_SQL_BODY_GET, error);
  gboolean has_row = FALSE;
  if (get == NULL)
    return FALSE;
  sqlite3_bind_int64 (get, 1, change->winner_body);
  if (!barua_statement_step (get, &has_row, error))
    return FALSE;
  *body = barua_arena_copy (change->connection->arena, barua_column_blob (get, 0));
  return TRUE;
}

/* Whether the settings may be in a document of that id (documents.md 8.4, settings). */
static gboolean
is_settings_id (BaruaText id)
{
  static const BaruaText prefixes[] = { BARUA_TEXT ("messages-"), BARUA_TEXT ("form:") };

  for (gsize i = 0; i < G_N_ELEMENTS (prefixes); i++)
    if (id.n > prefixes[i].n && memcmp (id.p, prefixes[i].p, prefixes[i].n) == 0)
      return TRUE;
  return barua_text_equal (id, BARUA_TEXT ("settings"));
}

/* Whether the text that a client's edit replaces is that of a form. */
static gboolean
was_form (BaruaSqliteChange *change, gboolean *is_form, GError **error)
{
  g_autoptr (BaruaStatement) get
      = barua_sqlite_statement (change->connection, BARUA_SQL_BODY_GET, error);
  gboolean has_row = FALSE;

  if (get == NULL)
    return FALSE;
  sqlite3_bind_int64 (get, 1, change->old.body);
  if (!barua_statement_step (get, &has_row, error))
    return FALSE;
  const BaruaText body = has_row ? barua_column_blob (get, 0) : (BaruaText){ NULL, 0 };
  *is_form = barua_json_string_is (barua_json_member ((BaruaJson){ body.p, body.n }, "type"),
                                   BARUA_TEXT ("form"));
  return TRUE;
}

/* Takes note when the change is one of the settings: they are compiled again. */
static gboolean
note_settings (BaruaSqliteChange *change, GError **error)
{
  BaruaSqliteConnection *connection = change->connection;
  gboolean is_form = is_settings_id (change->id)
                     || barua_json_string_is (connection->projection.type, BARUA_TEXT ("form"));

  if (!is_form && !change->is_new && !change->edit->is_server_made
      && !was_form (change, &is_form, error))
    return FALSE;
  connection->settings_changed = connection->settings_changed || is_form;
  return TRUE;
}

/* Brings what is derived from a document of the default database up to date. */
static gboolean
derive (BaruaSqliteChange *change, GError **error)
{
  BaruaSqliteConnection *connection = change->connection;
  BaruaProjection *projection = &connection->projection;
  const BaruaText body = change->edit->body;
  const BaruaText claimed = change->edit->gateway_ref;
  BaruaText winner;

  barua_messages_project ((BaruaJson){ body.p, body.n }, connection->arena, projection);
  const BaruaText ref = claimed.p != NULL ? claimed : projection->gateway_ref;
  if (ref.n > 0 && !(change->edit->is_server_made && claimed.p == NULL)
      && !barua_sqlite_put_reference (connection, change->docnum, ref, error))
    return FALSE;

  if (!note_settings (change, error) || !read_winner (change, &winner, error))
    return FALSE;
  if (change->is_deleted)
    g_array_set_size (projection->rows, 0);
  else if (winner.p != body.p)
    barua_messages_project ((BaruaJson){ winner.p, winner.n }, connection->arena, projection);
  return barua_sqlite_put_messages (connection, change->docnum, change->is_new, projection, error)
         && barua_sqlite_change_put_lookups (change, winner, error);
}

gboolean
barua_sqlite_change_end (BaruaSqliteChange *change, GError **error)
{
  const gint64 default_dbnum = barua_sqlite_of (&change->connection->tx.reader)->default_dbnum;

  if (!choose_winner (change, error))
    return FALSE;
  count_change (change);
  return (change->is_new ? insert_doc (change, error) : update_doc (change, error))
         && barua_sqlite_change_stem (change, error)
         && (change->database->dbnum != default_dbnum || derive (change, error));
}
