/* SPDX-License-Identifier: MIT */

/* The message queue: rows derived from documents, leases, and the references of received messages.
 */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <string.h>

#include <sqlite3.h>

/* ---- rows of a document ---- */

/* How a row that is there differs from the row that should be there. */
typedef enum
{
  CHANGE_NONE,
  CHANGE_STATE, /* state and update time alone: the common case, and it spares two indexes */
  CHANGE_ALL,
} RowChange;

/* What a row of the queue knows that its document does not. */
typedef struct
{
  gint64 msgnum;
  BaruaText uuid;
  BaruaText account;
  gint64 lease_until;
  gint64 handouts;
  gboolean was_offered;
  RowChange change;
} OldRow;

/* Whether a column holds this text, absent text being NULL. */
static gboolean
column_is (BaruaStatement *statement, int i, BaruaText text)
{
  return barua_text_equal (barua_column_text (statement, i), text);
}

/* Whether a column holds this time. */
static gboolean
column_is_time (BaruaStatement *statement, int i, gint64 ms)
{
  if (sqlite3_column_type (statement, i) == SQLITE_NULL)
    return ms == BARUA_NO_TIME;
  return sqlite3_column_int64 (statement, i) == ms;
}

/* Compares the row that @old stands on with the row that should be there. */
static RowChange
compare_row (BaruaStatement *old, const BaruaMessageRow *row)
{
  const gboolean is_offered = sqlite3_column_type (old, 9) != SQLITE_NULL;

  if (!column_is_time (old, 4, row->due_ms) || !column_is (old, 5, row->to)
      || !column_is (old, 6, row->content) || !column_is (old, 7, row->gateway_ref)
      || !column_is_time (old, 13, row->valid_until_ms) || is_offered != row->is_offered)
    return CHANGE_ALL;
  if (sqlite3_column_int (old, 3) != (int)row->state
      || sqlite3_column_int64 (old, 8) != row->updated_ms)
    return CHANGE_STATE;
  return CHANGE_NONE;
}

/* Reads the rows of a document; *fits says whether they are the same messages in the same places.
 */
static gboolean
load_rows (BaruaSqliteConnection *connection, gint64 docnum, const GArray *rows, GArray *olds,
           gboolean *fits, GError **error)
{
  g_autoptr (BaruaStatement) old = barua_sqlite_statement (connection, BARUA_SQL_MSG_BY_DOC, error);
  gboolean has_row = FALSE;

  if (old == NULL)
    return FALSE;
  *fits = TRUE;
  sqlite3_bind_int64 (old, 1, docnum);
  for (;;)
    {
      char path[BARUA_MESSAGE_PATH_SIZE];
      if (!barua_statement_step (old, &has_row, error))
        return FALSE;
      if (!has_row)
        break;
      const BaruaText account = barua_column_text (old, 10);
      OldRow row = { .msgnum = sqlite3_column_int64 (old, 0),
                     .uuid = barua_arena_copy (connection->arena, barua_column_text (old, 1)),
                     .account = barua_arena_copy (connection->arena, account),
                     .lease_until = sqlite3_column_int64 (old, 11),
                     .handouts = sqlite3_column_int64 (old, 12),
                     .was_offered = sqlite3_column_type (old, 9) != SQLITE_NULL };
      const BaruaMessageRow *wanted
          = olds->len < rows->len ? &g_array_index (rows, BaruaMessageRow, olds->len) : NULL;
      *fits = *fits && wanted != NULL && column_is (old, 1, wanted->uuid)
              && column_is (old, 2,
                            (BaruaText){ path, barua_message_path_write (wanted->path, path) });
      if (*fits)
        row.change = compare_row (old, wanted);
      g_array_append_val (olds, row);
    }
  *fits = *fits && olds->len == rows->len;
  return TRUE;
}

/* Binds a time; none is NULL. */
static void
bind_time (BaruaStatement *statement, int i, gint64 ms)
{
  if (ms == BARUA_NO_TIME)
    sqlite3_bind_null (statement, i);
  else
    sqlite3_bind_int64 (statement, i, ms);
}

/* What becomes of the lease: a message that comes back into the queue begins afresh. */
static OldRow
carry_over (const OldRow *old, const BaruaMessageRow *row)
{
  OldRow carried = { 0 };

  if (old == NULL)
    return carried;
  carried = *old;
  if (row->is_offered && !old->was_offered)
    {
      carried.lease_until = 0;
      carried.handouts = 0;
    }
  return carried;
}

/* Binds queue, account, lease_until and handouts from parameter @i on. A message that enters the
 * queue and that nobody has belongs to the account of its route. */
static void
bind_lease (BaruaSqliteConnection *connection, BaruaStatement *statement, int i,
            const OldRow *carried, const BaruaMessageRow *row, gboolean is_offered)
{
  const gboolean has_lease = is_offered && carried->lease_until != 0;

  if (is_offered)
    sqlite3_bind_int (statement, i,
                      carried->handouts >= BARUA_MAX_HANDOUTS ? BARUA_QUEUE_BEHIND : BARUA_QUEUE_OFFERED);
  else
    sqlite3_bind_null (statement, i);
  barua_bind_text (statement, i + 1,
                   is_offered && !has_lease ? barua_sqlite_route (connection, row->to)
                                            : carried->account);
  if (has_lease)
    sqlite3_bind_int64 (statement, i + 2, carried->lease_until);
  else
    sqlite3_bind_null (statement, i + 2);
  sqlite3_bind_int64 (statement, i + 3, carried->handouts);
}

/* Brings one row up to date in its place. */
static gboolean
update_row (BaruaSqliteConnection *connection, const OldRow *old, const BaruaMessageRow *row,
            GError **error)
{
  const gboolean is_all = old->change == CHANGE_ALL;
  const OldRow carried = carry_over (old, row);
  BaruaStatement *update = barua_sqlite_statement (
      connection, is_all ? BARUA_SQL_MSG_UPDATE : BARUA_SQL_MSG_UPDATE_STATE, error);

  if (update == NULL)
    return FALSE;
  sqlite3_bind_int64 (update, 1, old->msgnum);
  sqlite3_bind_int (update, 2, (int)row->state);
  sqlite3_bind_int64 (update, 3, row->updated_ms);
  if (is_all)
    {
      bind_time (update, 4, row->due_ms);
      barua_bind_text (update, 5, row->to);
      barua_bind_text (update, 6, row->content);
      barua_bind_text (update, 7, row->gateway_ref);
      bind_lease (connection, update, 8, &carried, row, row->is_offered);
      bind_time (update, 12, row->valid_until_ms);
    }
  return barua_statement_run (update, error);
}

/* Updates the rows that differ, when they are the same messages. */
static gboolean
update_rows (BaruaSqliteConnection *connection, const GArray *olds, const GArray *rows,
             GError **error)
{
  for (guint i = 0; i < rows->len; i++)
    {
      const OldRow *old = &g_array_index (olds, OldRow, i);
      if (old->change != CHANGE_NONE
          && !update_row (connection, old, &g_array_index (rows, BaruaMessageRow, i), error))
        return FALSE;
    }
  return TRUE;
}

/* Adds a row. A uuid that another message has already stays with that one: this one is not offered.
 */
static gboolean
insert_row (BaruaSqliteConnection *connection, gint64 docnum, const OldRow *old,
            const BaruaMessageRow *row, GError **error)
{
  const OldRow carried = carry_over (old, row);
  char path[BARUA_MESSAGE_PATH_SIZE];
  const BaruaText path_text = { path, barua_message_path_write (row->path, path) };
  BaruaStatement *insert = barua_sqlite_statement (connection, BARUA_SQL_MSG_INSERT, error);

  if (insert == NULL)
    return FALSE;
  sqlite3_bind_int64 (insert, 1, barua_sqlite_of (&connection->tx.reader)->default_dbnum);
  sqlite3_bind_int64 (insert, 2, docnum);
  barua_bind_text (insert, 3, row->uuid);
  barua_bind_text (insert, 4, path_text);
  sqlite3_bind_int (insert, 5, (int)row->state);
  bind_time (insert, 6, row->due_ms);
  barua_bind_text (insert, 7, row->to);
  barua_bind_text (insert, 8, row->content);
  barua_bind_text (insert, 9, row->gateway_ref);
  sqlite3_bind_int64 (insert, 10, row->updated_ms);
  bind_lease (connection, insert, 11, &carried, row, row->is_offered);
  bind_time (insert, 15, row->valid_until_ms);
  if (!barua_statement_run (insert, error))
    return FALSE;
  if (sqlite3_changes (connection->handle) > 0)
    return TRUE;

  const OldRow nothing = { 0 };
  sqlite3_bind_null (insert, 3);
  bind_lease (connection, insert, 11, &nothing, row, FALSE);
  return barua_statement_run (insert, error);
}

static guint
uuid_hash (gconstpointer old)
{
  const BaruaText uuid = ((const OldRow *)old)->uuid;
  guint hash = 5381;

  for (gsize i = 0; i < uuid.n; i++)
    hash = hash * 33 + (guchar)uuid.p[i];
  return hash;
}

static gboolean
uuid_equal (gconstpointer a, gconstpointer b)
{
  return barua_text_equal (((const OldRow *)a)->uuid, ((const OldRow *)b)->uuid);
}

/* Removes the rows of a document. */
static gboolean
delete_rows (BaruaSqliteConnection *connection, gint64 docnum, GError **error)
{
  BaruaStatement *delete = barua_sqlite_statement (connection, BARUA_SQL_MSG_DELETE_DOC, error);

  if (delete == NULL)
    return FALSE;
  sqlite3_bind_int64 (delete, 1, docnum);
  return barua_statement_run (delete, error);
}

/* Writes all rows anew; what is known of a message follows its uuid. */
static gboolean
replace_rows (BaruaSqliteConnection *connection, gint64 docnum, const GArray *olds,
              const GArray *rows, GError **error)
{
  g_autoptr (GHashTable) by_uuid = olds->len > 0 ? g_hash_table_new (uuid_hash, uuid_equal) : NULL;

  if (olds->len > 0 && !delete_rows (connection, docnum, error))
    return FALSE;
  for (guint i = 0; i < olds->len; i++)
    g_hash_table_add (by_uuid, &g_array_index (olds, OldRow, i));
  for (guint i = 0; i < rows->len; i++)
    {
      const BaruaMessageRow *row = &g_array_index (rows, BaruaMessageRow, i);
      const OldRow key = { .uuid = row->uuid };
      const OldRow *old
          = by_uuid != NULL && row->uuid.p != NULL ? g_hash_table_lookup (by_uuid, &key) : NULL;
      if (!insert_row (connection, docnum, old, row, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
barua_sqlite_put_messages (BaruaSqliteConnection *connection, gint64 docnum, gboolean is_new,
                           const BaruaProjection *projection, GError **error)
{
  const GArray *rows = projection->rows;
  gboolean fits;

  if (is_new && rows->len == 0)
    return TRUE;
  for (guint i = 0; i < rows->len; i++)
    {
      const BaruaMessageRow *row = &g_array_index (rows, BaruaMessageRow, i);
      if (row->state == BARUA_TASK_STATE_SCHEDULED && row->due_ms != BARUA_NO_TIME)
        connection->due_ms = MIN (connection->due_ms, row->due_ms);
    }
  g_autoptr (GArray) olds = g_array_new (FALSE, FALSE, sizeof (OldRow));
  if (!is_new)
    {
      if (!load_rows (connection, docnum, rows, olds, &fits, error))
        return FALSE;
      if (fits)
        return update_rows (connection, olds, rows, error);
    }
  return replace_rows (connection, docnum, olds, rows, error);
}

/* ---- references ---- */

/* A reference that a job has taken for a record that it is about to write. */
typedef struct
{
  char *ref;
  gsize length;
  gint64 docnum;
  gboolean is_used;
} Claim;

static void
claim_clear (gpointer claim)
{
  g_free (((Claim *)claim)->ref);
}

/* The claim for @ref of this job, or NULL. */
static Claim *
find_claim (BaruaSqliteConnection *connection, BaruaText ref)
{
  for (guint i = connection->claims != NULL ? connection->claims->len : 0; i > 0; i--)
    {
      Claim *claim = &g_array_index (connection->claims, Claim, i - 1);
      if (barua_text_equal (ref, (BaruaText){ claim->ref, claim->length }))
        return claim;
    }
  return NULL;
}

/* Writes a reference if it is free; says whether it was. */
static gboolean
insert_reference (BaruaSqliteConnection *connection, BaruaText ref, gint64 docnum, gboolean *is_new,
                  GError **error)
{
  BaruaStatement *insert = barua_sqlite_statement (connection, BARUA_SQL_INREF_CLAIM, error);

  if (insert == NULL)
    return FALSE;
  barua_bind_text (insert, 1, ref);
  sqlite3_bind_int64 (insert, 2, docnum);
  sqlite3_bind_int64 (insert, 3, connection->now_ms);
  if (!barua_statement_run (insert, error))
    return FALSE;
  *is_new = sqlite3_changes (connection->handle) > 0;
  return TRUE;
}

/* Sets the document of a reference, 0 for none. */
static gboolean
set_reference (BaruaSqliteConnection *connection, BaruaText ref, gint64 docnum, GError **error)
{
  BaruaStatement *set = barua_sqlite_statement (connection, BARUA_SQL_INREF_SET, error);

  if (set == NULL)
    return FALSE;
  barua_bind_text (set, 1, ref);
  if (docnum != 0)
    sqlite3_bind_int64 (set, 2, docnum);
  else
    sqlite3_bind_null (set, 2);
  return barua_statement_run (set, error);
}

/* Whether an outgoing task has this reference (messaging.md 3.5). */
static gboolean
is_outgoing_reference (BaruaSqliteConnection *connection, BaruaText ref, gboolean *is_outgoing,
                       GError **error)
{
  g_autoptr (BaruaStatement) find
      = barua_sqlite_statement (connection, BARUA_SQL_MSG_HAS_REFERENCE, error);

  if (find == NULL)
    return FALSE;
  sqlite3_bind_int64 (find, 1, barua_sqlite_of (&connection->tx.reader)->default_dbnum);
  barua_bind_text (find, 2, ref);
  return barua_statement_step (find, is_outgoing, error);
}

gboolean
barua_sqlite_claim_reference (BaruaTx *tx, BaruaText ref, gboolean *is_new, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (&tx->reader);
  gboolean is_outgoing = FALSE;
  gint64 docnum;

  if (!is_outgoing_reference (connection, ref, &is_outgoing, error))
    return FALSE;
  if (is_outgoing)
    {
      *is_new = FALSE;
      return TRUE;
    }
  if (!barua_sqlite_next_docnum (connection, &docnum, error)
      || !insert_reference (connection, ref, docnum, is_new, error))
    return FALSE;
  if (!*is_new)
    return TRUE;

  const Claim claim = { g_strndup (ref.p, ref.n), ref.n, docnum, FALSE };
  if (connection->claims == NULL)
    {
      connection->claims = g_array_new (FALSE, FALSE, sizeof (Claim));
      g_array_set_clear_func (connection->claims, claim_clear);
    }
  g_array_append_val (connection->claims, claim);
  return TRUE;
}

gint64
barua_sqlite_claimed_docnum (BaruaSqliteConnection *connection, BaruaText ref)
{
  Claim *claim = find_claim (connection, ref);

  if (claim == NULL || claim->is_used)
    return 0;
  claim->is_used = TRUE;
  return claim->docnum;
}

gboolean
barua_sqlite_put_reference (BaruaSqliteConnection *connection, gint64 docnum, BaruaText ref,
                            GError **error)
{
  Claim *claim = find_claim (connection, ref);
  gboolean is_new;

  if (claim == NULL)
    return insert_reference (connection, ref, docnum, &is_new, error);
  if (claim->docnum == docnum || claim->is_used)
    return TRUE;
  claim->is_used = TRUE;
  claim->docnum = docnum;
  return set_reference (connection, ref, docnum, error);
}

gboolean
barua_sqlite_end_claims (BaruaSqliteConnection *connection, GError **error)
{
  for (guint i = 0; connection->claims != NULL && i < connection->claims->len; i++)
    {
      const Claim *claim = &g_array_index (connection->claims, Claim, i);
      if (!claim->is_used
          && !set_reference (connection, (BaruaText){ claim->ref, claim->length }, 0, error))
        return FALSE;
    }
  if (connection->claims != NULL)
    g_array_set_size (connection->claims, 0);
  return TRUE;
}

BaruaQueuedMessage *
barua_sqlite_find_message (BaruaReader *reader, BaruaText uuid, GError **error)
{
  g_autoptr (BaruaStatement) find
      = barua_sqlite_statement (barua_sqlite_connection (reader), BARUA_SQL_MSG_BY_UUID, error);
  gboolean has_row = FALSE;

  if (find == NULL)
    return NULL;
  sqlite3_bind_int64 (find, 1, barua_sqlite_of (reader)->default_dbnum);
  barua_bind_text (find, 2, uuid);
  if (!barua_statement_step (find, &has_row, error))
    return NULL;
  if (!has_row)
    {
      g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND, "missing");
      return NULL;
    }
  BaruaQueuedMessage message
      = { .uuid = barua_column_text (find, 0),
          .to = barua_column_text (find, 1),
          .content = barua_column_text (find, 2),
          .state = (BaruaTaskState)sqlite3_column_int (find, 4),
          .due_ms = sqlite3_column_type (find, 5) == SQLITE_NULL ? BARUA_NO_TIME
                                                                 : sqlite3_column_int64 (find, 5),
          .handouts = (guint)sqlite3_column_int (find, 6),
          .account = barua_column_text (find, 7),
          .document_id = barua_column_text (find, 8) };
  barua_message_path_read (barua_column_text (find, 3), &message.path);
  return barua_message_new (&message);
}
