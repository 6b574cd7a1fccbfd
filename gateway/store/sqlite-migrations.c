/* SPDX-License-Identifier: MIT */

/* The schema of documents.md 14.1 and its history.
 *
 * Version 1: all tables. Version 2: the bytes of attachments stand apart from their counts, in
 * pieces, so that counting does not rewrite them; revs_limit. Version 3: the queue by account;
 * traffic. Version 4: lists of messages. Version 5: indexes of what is counted for who watches
 * (store-census.h). Version 6: where rows of views stood that are gone (sqlite-places.c). Version 7:
 * when users were heard of; messages by their last change (store-census.h). Version 8: how many
 * messages are in each state. Version 9: where the rows of a document are, without an index that
 * has each of them once more: that was a fifth of their pages, and kept them from being written in
 * order (sqlite-catch-up.c); 60,000 documents with a million rows take two seconds. Later versions
 * are appended here, with the dump of the schema they leave in tests/data/schema-N.sql; what a
 * released version left is never changed. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

/* "Baru", so that file(1) and we can tell our files (PRAGMA application_id). */
#define APPLICATION_ID 0x42617275

/* clang-format off */
/* Whether a row is counted as a message: a scheduled one counts before it is written out. */
#define COUNTS(row)                                                                                \
  "(" row ".state = 1 OR (" row ".uuid IS NOT NULL AND ifnull(" row ".rcpt, '') <> '' AND ifnull(" \
  row ".content, '') <> ''))"

static const char *const migrations[] = { /* index + 1 is the user_version it leaves; append only */
  "CREATE TABLE db (dbnum INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, seq INT NOT NULL DEFAULT 0,"
  " live INT NOT NULL DEFAULT 0, dead INT NOT NULL DEFAULT 0, security TEXT, created INT);\n"

  "CREATE TABLE doc (docnum INTEGER PRIMARY KEY, dbnum INT NOT NULL, id TEXT NOT NULL COLLATE BINARY,"
  " seq INT NOT NULL, wgen INT NOT NULL, whash TEXT NOT NULL, wbody INT, deleted INT NOT NULL,"
  " leaves INT NOT NULL, hidden INT NOT NULL DEFAULT 0);\n"
  "CREATE UNIQUE INDEX doc_id ON doc(dbnum, id);\n"
  "CREATE INDEX doc_live ON doc(dbnum, id) WHERE deleted=0;\n"
  "CREATE UNIQUE INDEX doc_seq ON doc(dbnum, seq);\n"

  "CREATE TABLE rev (docnum INT NOT NULL, gen INT NOT NULL, hash TEXT NOT NULL, phash TEXT,"
  " leaf INT NOT NULL, deleted INT NOT NULL, bodynum INT, at INT NOT NULL,"
  " PRIMARY KEY(docnum, gen, hash)) WITHOUT ROWID;\n"
  "CREATE TABLE body (bodynum INTEGER PRIMARY KEY, json BLOB NOT NULL);\n"
  "CREATE TABLE att (docnum INT NOT NULL, gen INT NOT NULL, hash TEXT NOT NULL, name TEXT NOT NULL,"
  " ctype TEXT NOT NULL, revpos INT NOT NULL, blobnum INT NOT NULL,"
  " PRIMARY KEY(docnum, gen, hash, name)) WITHOUT ROWID;\n"
  "CREATE TABLE blob (blobnum INTEGER PRIMARY KEY, md5 BLOB NOT NULL, sha256 BLOB NOT NULL UNIQUE,"
  " len INT NOT NULL, refs INT NOT NULL, data BLOB);\n"
  "CREATE TABLE local (dbnum INT NOT NULL, id TEXT NOT NULL, k INT NOT NULL, json BLOB NOT NULL,"
  " at INT, PRIMARY KEY(dbnum, id)) WITHOUT ROWID;\n"

  "CREATE TABLE view (viewnum INTEGER PRIMARY KEY, dbnum INT, ddoc TEXT, name TEXT, version INT,"
  " built_seq INT, nrows INT, UNIQUE(dbnum, ddoc, name));\n"
  "CREATE TABLE vrow (viewnum INT NOT NULL, k BLOB NOT NULL, id TEXT NOT NULL, n INT NOT NULL,"
  " docnum INT NOT NULL, key TEXT NOT NULL, val TEXT NOT NULL,"
  " PRIMARY KEY(viewnum, k, id, n)) WITHOUT ROWID;\n"
  "CREATE INDEX vrow_doc ON vrow(docnum);\n"
  "CREATE TABLE idx (dbnum INT, ddoc TEXT, name TEXT, def TEXT, PRIMARY KEY(dbnum, ddoc, name));\n"

  "CREATE TABLE msg (msgnum INTEGER PRIMARY KEY, dbnum INT NOT NULL, uuid TEXT, docnum INT NOT NULL,"
  " path TEXT NOT NULL, state INT NOT NULL, due INT, rcpt TEXT, content TEXT, gateway_ref TEXT,"
  " updated INT NOT NULL, queue INT, account TEXT, lease_until INT,"
  " handouts INT NOT NULL DEFAULT 0);\n"
  "CREATE UNIQUE INDEX msg_uuid ON msg(dbnum, uuid);\n"
  "CREATE INDEX msg_queue ON msg(queue, due) WHERE queue IS NOT NULL;\n"
  "CREATE INDEX msg_state ON msg(state, due);\n"
  "CREATE INDEX msg_doc ON msg(docnum);\n"
  "CREATE INDEX msg_gref ON msg(dbnum, gateway_ref) WHERE gateway_ref IS NOT NULL;\n"

  "CREATE TABLE inref (ref TEXT PRIMARY KEY, docnum INT, at INT) WITHOUT ROWID;\n"
  "CREATE TABLE repeat (key BLOB PRIMARY KEY, n INT NOT NULL, at INT NOT NULL) WITHOUT ROWID;\n"
  "CREATE TABLE done (docnum INTEGER PRIMARY KEY, ran INT NOT NULL, ok INT NOT NULL);\n"

  "CREATE TABLE account (name TEXT PRIMARY KEY, docnum INT NOT NULL, hash TEXT NOT NULL,"
  " token_hash BLOB, token_active INT, token_expires INT) WITHOUT ROWID;\n"
  "CREATE UNIQUE INDEX account_token ON account(token_hash) WHERE token_hash IS NOT NULL;\n"
  "CREATE TABLE session (hash BLOB PRIMARY KEY, name TEXT NOT NULL, created INT NOT NULL,"
  " used INT NOT NULL) WITHOUT ROWID;\n"
  "CREATE INDEX session_name ON session(name);\n"
  "CREATE TABLE phone (account TEXT PRIMARY KEY, polled INT, received INT) WITHOUT ROWID;\n"
  "CREATE TABLE meta (k TEXT PRIMARY KEY, v) WITHOUT ROWID;\n",

  /* No version 1 ever wrote an attachment. piecenum is blobnum * 65536 + the place of the piece;
   * unused is the time when refs became 0. */
  "DROP TABLE blob;\n"
  "CREATE TABLE blob (blobnum INTEGER PRIMARY KEY, md5 BLOB NOT NULL, sha256 BLOB NOT NULL UNIQUE,"
  " len INT NOT NULL, refs INT NOT NULL, unused INT);\n"
  "CREATE INDEX blob_unused ON blob(unused) WHERE unused IS NOT NULL;\n"
  "CREATE TABLE piece (piecenum INTEGER PRIMARY KEY, data BLOB NOT NULL);\n"
  "CREATE INDEX account_doc ON account(docnum);\n"
  "ALTER TABLE db ADD COLUMN revs_limit INT;\n",

  /* The queue by account: a poll reads what nobody has and what is its own, and never steps over what
   * others have on lease or by route. A row out of the queue has no lease. */
  "UPDATE msg SET lease_until = NULL WHERE queue IS NULL AND lease_until IS NOT NULL;\n"
  "UPDATE msg SET account = NULL WHERE queue IS NOT NULL AND lease_until IS NULL;\n"
  "ALTER TABLE msg ADD COLUMN valid_until INT;\n"
  "DROP INDEX msg_queue;\n"
  "CREATE INDEX msg_queue ON msg(queue, account, due) WHERE queue IS NOT NULL;\n"
  "CREATE INDEX msg_lease ON msg(lease_until) WHERE lease_until IS NOT NULL;\n"
  "CREATE INDEX msg_valid ON msg(valid_until) WHERE valid_until IS NOT NULL;\n"
  "CREATE TABLE traffic (account TEXT NOT NULL, minute INT NOT NULL, segments INT NOT NULL DEFAULT 0,"
  " sent INT NOT NULL DEFAULT 0, failed INT NOT NULL DEFAULT 0, PRIMARY KEY(account, minute))"
  " WITHOUT ROWID;\n",

  /* Lists of messages by recipient. */
  "CREATE INDEX msg_rcpt ON msg(rcpt, due) WHERE rcpt IS NOT NULL;\n",

  "CREATE INDEX doc_forked ON doc(docnum) WHERE leaves > 1;\n"
  "CREATE INDEX msg_unsendable ON msg(state)"
  " WHERE uuid IS NULL OR ifnull(rcpt, '') = '' OR ifnull(content, '') = '';\n",

  /* Read by sqlite-places.c; viewnum 0: nothing that was counted before counts. */
  ("CREATE TABLE moved (num INTEGER PRIMARY KEY, viewnum INT NOT NULL, k BLOB NOT NULL,"
   " id TEXT NOT NULL);\n"),

  /* What is known of users already: their sessions, and the polls of phones. */
  "ALTER TABLE account ADD COLUMN seen INT;\n"
  "UPDATE account SET seen = nullif(max("
  "ifnull((SELECT max(used) FROM session s WHERE s.name = account.name), 0),"
  " ifnull((SELECT polled FROM phone p WHERE p.account = account.name), 0)), 0);\n"
  "CREATE INDEX account_seen ON account(seen) WHERE seen IS NOT NULL;\n"
  "CREATE INDEX msg_updated ON msg(state, updated)"
  " WHERE uuid IS NOT NULL AND ifnull(rcpt, '') <> '' AND ifnull(content, '') <> '';\n",

  /* How many messages are in each state (BaruaTaskState has fewer than 16), kept by whatever writes msg. */
  "CREATE TABLE tally (state INTEGER PRIMARY KEY, n INT NOT NULL);\n"
  "INSERT INTO tally SELECT j.value, (SELECT count(*) FROM msg m WHERE m.state = j.value AND "
  COUNTS ("m") ") FROM json_each('[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]') j;\n"
  "CREATE TRIGGER msg_added AFTER INSERT ON msg WHEN " COUNTS ("new")
  " BEGIN UPDATE tally SET n = n + 1 WHERE state = new.state; END;\n"
  "CREATE TRIGGER msg_removed AFTER DELETE ON msg WHEN " COUNTS ("old")
  " BEGIN UPDATE tally SET n = n - 1 WHERE state = old.state; END;\n"
  "CREATE TRIGGER msg_left AFTER UPDATE OF state, uuid, rcpt, content ON msg WHEN " COUNTS ("old")
  " AND (old.state <> new.state OR NOT " COUNTS ("new")
  ") BEGIN UPDATE tally SET n = n - 1 WHERE state = old.state; END;\n"
  "CREATE TRIGGER msg_came AFTER UPDATE OF state, uuid, rcpt, content ON msg WHEN " COUNTS ("new")
  " AND (old.state <> new.state OR NOT " COUNTS ("old")
  ") BEGIN UPDATE tally SET n = n + 1 WHERE state = new.state; END;\n",

  /* The places of a document's rows in one value, as sqlite-view-places.c writes it. */
  ("CREATE TABLE vdoc (docnum INTEGER PRIMARY KEY, lookups BLOB, others BLOB);\n"
   "INSERT INTO vdoc SELECT docnum,"
   " CAST(group_concat(viewnum || ' ' || n || ' ' || length(k) || ' ' || CAST(k AS TEXT), '')"
   " FILTER (WHERE viewnum <= 99) AS BLOB),"
   " CAST(group_concat(viewnum || ' ' || n || ' ' || length(k) || ' ' || CAST(k AS TEXT), '')"
   " FILTER (WHERE viewnum > 99) AS BLOB)"
   " FROM vrow INDEXED BY vrow_doc GROUP BY docnum;\n"
   "DROP INDEX vrow_doc;\n"),
};
#undef COUNTS
/* clang-format on */

int
barua_sqlite_schema_version (void)
{
  return G_N_ELEMENTS (migrations);
}

/* Refuses a file that some other program made. */
static gboolean
check_owner (BaruaSqliteHandle *handle, gint64 version, GError **error)
{
  gint64 id;
  gint64 n_tables;

  if (!barua_sqlite_query_integer (handle, "PRAGMA application_id", &id, error)
      || !barua_sqlite_query_integer (handle, "SELECT count(*) FROM sqlite_master", &n_tables,
                                      error))
    return FALSE;
  if (id == APPLICATION_ID || (id == 0 && version == 0 && n_tables == 0))
    return TRUE;
  g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_FAILED,
                       "this file is a database of another program");
  return FALSE;
}

gboolean
barua_sqlite_version (BaruaSqliteHandle *handle, gint64 *version, GError **error)
{
  if (!barua_sqlite_query_integer (handle, "PRAGMA user_version", version, error)
      || !check_owner (handle, *version, error))
    return FALSE;
  if (*version >= 0 && *version <= (gint64)G_N_ELEMENTS (migrations))
    return TRUE;
  g_set_error (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_TOO_NEW,
               "the database has schema %d, this program knows up to %d: a newer version wrote it", (int)*version,
               (int)G_N_ELEMENTS (migrations));
  return FALSE;
}

/* Runs one migration within the transaction that is open. */
static gboolean
migrate_step (BaruaSqliteHandle *handle, gint64 version, GError **error)
{
  g_autofree char *bump = g_strdup_printf ("PRAGMA application_id = %d; PRAGMA user_version = %d",
                                           APPLICATION_ID, (int)version + 1);

  return barua_sqlite_exec (handle, migrations[version], error)
         && barua_sqlite_exec (handle, bump, error);
}

/* Looks at the version under the lock, and migrates one step when there is one; *is_current says it
 * was the last. */
static gboolean
migrate_locked (BaruaSqliteHandle *handle, gboolean *is_current, GError **error)
{
  gint64 version;

  if (!barua_sqlite_version (handle, &version, error))
    return FALSE;
  *is_current = version == (gint64)G_N_ELEMENTS (migrations);
  return *is_current || migrate_step (handle, version, error);
}

gboolean
barua_sqlite_migrate (BaruaSqliteHandle *handle, GError **error)
{
  for (gboolean is_current = FALSE; !is_current;)
    {
      if (!barua_sqlite_exec (handle, "BEGIN IMMEDIATE", error))
        return FALSE;
      if (!migrate_locked (handle, &is_current, error))
        {
          barua_sqlite_exec (handle, "ROLLBACK", NULL);
          return FALSE;
        }
      if (!barua_sqlite_exec (handle, "COMMIT", error))
        return FALSE;
    }
  return TRUE;
}
