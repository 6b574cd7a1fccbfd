/* SPDX-License-Identifier: MIT */

/* Every SQL statement of the engine, by name. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

/* clang-format off */
static const char *const statements[BARUA_N_SQL] = {
  [BARUA_SQL_BEGIN_READ] = "BEGIN",
  [BARUA_SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
  [BARUA_SQL_COMMIT] = "COMMIT",
  [BARUA_SQL_ROLLBACK] = "ROLLBACK",
  [BARUA_SQL_SAVEPOINT] = "SAVEPOINT job",
  [BARUA_SQL_SAVEPOINT_RELEASE] = "RELEASE job",
  [BARUA_SQL_SAVEPOINT_UNDO] = "ROLLBACK TO job",

  [BARUA_SQL_DATABASE_BY_NAME] = 
    "SELECT dbnum, seq, live, dead, created, ifnull(revs_limit, 1000) FROM db WHERE name = ?1",
  [BARUA_SQL_DATABASE_INSERT] = "INSERT OR IGNORE INTO db (name, created) VALUES (?1, ?2)",
  [BARUA_SQL_DATABASE_COUNTERS] = "UPDATE db SET seq = ?2, live = ?3, dead = ?4 WHERE dbnum = ?1",

  [BARUA_SQL_DATABASE_LIST] = "SELECT name FROM db ORDER BY name",
  [BARUA_SQL_DATABASE_DELETE] = "DELETE FROM db WHERE dbnum = ?1",
  [BARUA_SQL_DATABASE_SECURITY] =
    "SELECT security, ifnull(revs_limit, 1000) FROM db WHERE dbnum = ?1",
  [BARUA_SQL_DATABASE_PUT_SECURITY] = "UPDATE db SET security = ?2 WHERE dbnum = ?1",
  [BARUA_SQL_DATABASE_PUT_REVS_LIMIT] = "UPDATE db SET revs_limit = ?2 WHERE dbnum = ?1",
  [BARUA_SQL_DROP_BODIES] =
    "DELETE FROM body WHERE bodynum IN"
    " (SELECT r.bodynum FROM doc d JOIN rev r USING (docnum)"
    " WHERE d.dbnum = ?1 AND r.bodynum IS NOT NULL)",
  [BARUA_SQL_DROP_LIST_BLOBS] =
    "SELECT a.blobnum, count(*) FROM doc d JOIN att a USING (docnum) WHERE d.dbnum = ?1"
    " GROUP BY a.blobnum",
  [BARUA_SQL_DROP_RELEASE] =
    "UPDATE blob SET refs = refs - ?3, unused = CASE WHEN refs <= ?3 THEN ?2 END"
    " WHERE blobnum = ?1",
  [BARUA_SQL_DROP_ATTS] =
    "DELETE FROM att WHERE docnum IN (SELECT docnum FROM doc WHERE dbnum = ?1)",
  [BARUA_SQL_DROP_REVS] =
    "DELETE FROM rev WHERE docnum IN (SELECT docnum FROM doc WHERE dbnum = ?1)",
  [BARUA_SQL_DROP_VIEW_ROWS] =
    "DELETE FROM vrow WHERE viewnum IN (SELECT viewnum FROM view WHERE dbnum = ?1)",
  [BARUA_SQL_DROP_VIEW_PLACES] =
    "DELETE FROM vdoc WHERE docnum IN (SELECT docnum FROM doc WHERE dbnum = ?1)",
  [BARUA_SQL_DROP_VIEWS] = "DELETE FROM view WHERE dbnum = ?1",
  [BARUA_SQL_DROP_DOCS] = "DELETE FROM doc WHERE dbnum = ?1",
  [BARUA_SQL_DROP_LOCALS] = "DELETE FROM local WHERE dbnum = ?1",
  [BARUA_SQL_DROP_INDEXES] = "DELETE FROM idx WHERE dbnum = ?1",
  [BARUA_SQL_COMPACT_SLICE] =
    "SELECT r.docnum, r.gen, r.hash, r.bodynum FROM doc d JOIN rev r USING (docnum)"
    " WHERE d.docnum > ?1 AND d.docnum <= ?2 AND d.dbnum = ?3 AND r.leaf = 0"
    " AND r.bodynum IS NOT NULL LIMIT ?4",
  [BARUA_SQL_KEPT_SLICE] =
    "SELECT docnum, gen, hash, bodynum, at FROM rev"
    " WHERE docnum > ?1 AND docnum <= ?2 AND leaf = 0 AND bodynum IS NOT NULL"
    " ORDER BY docnum DESC, gen DESC",
  [BARUA_SQL_REV_DROP_BODY] =
    "UPDATE rev SET bodynum = NULL WHERE docnum = ?1 AND gen = ?2 AND hash = ?3",

  [BARUA_SQL_LOCAL_GET] = "SELECT k, json FROM local WHERE dbnum = ?1 AND id = ?2",
  [BARUA_SQL_LOCAL_LIST] =
    "SELECT id, k, json FROM local WHERE dbnum = ?1 AND id >= ?2 ORDER BY id",
  [BARUA_SQL_LOCAL_LIST_DOWN] =
    "SELECT id, k, json FROM local WHERE dbnum = ?1 AND id <= ?2 ORDER BY id DESC",
  [BARUA_SQL_LOCAL_PUT] =
    "INSERT OR REPLACE INTO local (dbnum, id, k, json, at) VALUES (?1, ?2, ?3, ?4, ?5)",
  [BARUA_SQL_LOCAL_DELETE] = "DELETE FROM local WHERE dbnum = ?1 AND id = ?2",
  [BARUA_SQL_LOCAL_FORGET] = "DELETE FROM local WHERE at < ?1",
  [BARUA_SQL_INDEX_LIST] =
    "SELECT ddoc, name, def FROM idx WHERE dbnum = ?1 ORDER BY ddoc, name",
  [BARUA_SQL_INDEX_GET] = "SELECT def FROM idx WHERE dbnum = ?1 AND ddoc = ?2 AND name = ?3",
  [BARUA_SQL_INDEX_PUT] = "INSERT OR REPLACE INTO idx (dbnum, ddoc, name, def) VALUES (?1, ?2, ?3, ?4)",
  [BARUA_SQL_INDEX_DELETE] = "DELETE FROM idx WHERE dbnum = ?1 AND ddoc = ?2 AND name = ?3",

  [BARUA_SQL_SESSION_PUT] =
    "INSERT OR REPLACE INTO session (hash, name, created, used) VALUES (?1, ?2, ?3, ?3)",
  [BARUA_SQL_SESSION_FIND] = "SELECT name, created, used FROM session WHERE hash = ?1",
  [BARUA_SQL_SESSION_TOUCH] =
    "UPDATE session SET used = ?2 WHERE hash = ?1 AND used <= ?2 - 86400000",
  [BARUA_SQL_SESSION_DELETE] = "DELETE FROM session WHERE hash = ?1",
  [BARUA_SQL_SESSION_DELETE_OF] = "DELETE FROM session WHERE name = ?1",
  [BARUA_SQL_SESSION_DELETE_OLD] = "DELETE FROM session WHERE used < ?1",

  [BARUA_SQL_VIEW_FIND] =
    "SELECT viewnum, version FROM view WHERE dbnum = ?1 AND ddoc = ?2 AND name = ?3",
  [BARUA_SQL_VIEW_INSERT] =
    "INSERT INTO view (viewnum, dbnum, ddoc, name, version, built_seq, nrows)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)",
  [BARUA_SQL_VIEW_DELETE] = "DELETE FROM view WHERE viewnum = ?1",
  [BARUA_SQL_VIEW_BUILT] = "SELECT built_seq, nrows FROM view WHERE viewnum = ?1",
  [BARUA_SQL_VIEW_PUT_BUILT] = "UPDATE view SET built_seq = ?2 WHERE viewnum = ?1",
  [BARUA_SQL_VIEW_COUNT] = "UPDATE view SET nrows = nrows + ?2 WHERE viewnum = ?1",
  [BARUA_SQL_VROW_DELETE_VIEW] = "DELETE FROM vrow WHERE viewnum = ?1",
  [BARUA_SQL_VROW_GET] =
    "SELECT key, val FROM vrow WHERE viewnum = ?1 AND k = ?2 AND id = ?3 AND n = ?4",
  [BARUA_SQL_VDOC_GET] = "SELECT lookups, others FROM vdoc WHERE docnum = ?1",
  [BARUA_SQL_VDOC_PUT_LOOKUPS] =
    "INSERT INTO vdoc (docnum, lookups) VALUES (?1, ?2)"
    " ON CONFLICT (docnum) DO UPDATE SET lookups = excluded.lookups",
  [BARUA_SQL_VDOC_PUT_OTHERS] =
    "INSERT INTO vdoc (docnum, others) VALUES (?1, ?2)"
    " ON CONFLICT (docnum) DO UPDATE SET others = excluded.others",
  [BARUA_SQL_VROW_DELETE] =
    "DELETE FROM vrow WHERE viewnum = ?1 AND k = ?2 AND id = ?3 AND n = ?4",
  [BARUA_SQL_VROW_INSERT] =
    "INSERT INTO vrow (viewnum, k, id, n, docnum, key, val) VALUES (?1, ?2, ?3, ?4, ?7, ?5, ?6)",
  [BARUA_SQL_VROW_UP] =
    "SELECT k, id, key, val, docnum FROM vrow WHERE viewnum = ?1 AND (k, id) >= (?2, ?3)"
    " AND (k, id) <= (?4, ?5) ORDER BY k, id, n",
  [BARUA_SQL_VROW_DOWN] =
    "SELECT k, id, key, val, docnum FROM vrow WHERE viewnum = ?1 AND (k, id) >= (?2, ?3)"
    " AND (k, id) <= (?4, ?5) ORDER BY k DESC, id DESC, n DESC",
  [BARUA_SQL_VROW_REPLACE] =
    "UPDATE vrow SET key = ?5, val = ?6 WHERE viewnum = ?1 AND k = ?2 AND id = ?3 AND n = ?4",
  [BARUA_SQL_VROW_COUNT] =
    "SELECT count(*) FROM vrow WHERE viewnum = ?1 AND (k, id) >= (?2, ?3) AND (k, id) < (?4, ?5)",
  [BARUA_SQL_VROW_COUNT_THROUGH] =
    "SELECT count(*) FROM vrow WHERE viewnum = ?1 AND (k, id) >= (?2, ?3) AND (k, id) <= (?4, ?5)",
  [BARUA_SQL_VROW_PLACES] =
    "SELECT k, id FROM vrow WHERE viewnum = ?1 AND (k, id) >= (?2, ?3) AND (k, id) < (?4, ?5)"
    " ORDER BY k, id",
  /* CROSS JOIN keeps the order: from the documents, which are few. */
  [BARUA_SQL_VDOC_CHANGED] =
    "SELECT d.id, v.lookups, v.others FROM doc d INDEXED BY doc_seq CROSS JOIN vdoc v"
    " WHERE d.dbnum = ?1 AND d.seq > ?2 AND v.docnum = d.docnum",
  [BARUA_SQL_MOVED_INSERT] = "INSERT INTO moved (viewnum, k, id) VALUES (?1, ?2, ?3)",
  [BARUA_SQL_MOVED_SINCE] = "SELECT num, viewnum, k, id FROM moved WHERE num > ?1 ORDER BY num",
  [BARUA_SQL_MOVED_LAST] = "SELECT max(num) FROM moved",
  [BARUA_SQL_MOVED_FORGET] = "DELETE FROM moved WHERE num < ?1",
  [BARUA_SQL_DOC_BY_NUMBER] =
    "SELECT id, wgen, whash, wbody, deleted, leaves, hidden FROM doc WHERE docnum = ?1",

  [BARUA_SQL_CHANGES_UP] =
    "SELECT seq, id, wgen, whash, wbody, deleted, leaves, hidden, docnum FROM doc"
    " INDEXED BY doc_seq WHERE dbnum = ?1 AND seq > ?2 ORDER BY seq",
  [BARUA_SQL_CHANGES_DOWN] =
    "SELECT seq, id, wgen, whash, wbody, deleted, leaves, hidden, docnum FROM doc"
    " INDEXED BY doc_seq WHERE dbnum = ?1 AND seq > ?2 ORDER BY seq DESC",
  [BARUA_SQL_CHANGES_AT] =
    "SELECT seq, id, wgen, whash, wbody, deleted, leaves, hidden, docnum FROM doc"
    " WHERE dbnum = ?1 AND seq = ?2",
  [BARUA_SQL_CHANGES_PENDING] =
    "SELECT count(*) FROM (SELECT 1 FROM doc INDEXED BY doc_seq WHERE dbnum = ?1 AND seq > ?2"
    " LIMIT ?3)",
  [BARUA_SQL_CHANGES_DESIGN] =
    "SELECT seq FROM doc WHERE dbnum = ?1 AND id >= '_design/' AND id < '_design0'",

  [BARUA_SQL_DOC_LAST_NUMBER] = "SELECT max(docnum) FROM doc",
  [BARUA_SQL_DOC_BY_ID] =
    "SELECT docnum, wgen, whash, wbody, deleted, leaves, hidden, seq FROM doc"
    " WHERE dbnum = ?1 AND id = ?2",
  [BARUA_SQL_DOC_WITH_BODY] =
    "SELECT d.wgen, d.whash, d.deleted, d.hidden, d.seq, b.json, d.docnum, d.leaves"
    " FROM doc d LEFT JOIN body b ON b.bodynum = d.wbody WHERE d.dbnum = ?1 AND d.id = ?2",
  [BARUA_SQL_DOC_INSERT] =
    "INSERT INTO doc (docnum, dbnum, id, seq, wgen, whash, wbody, deleted, leaves, hidden)"
    " VALUES (?1, ?2, ?3, ?4, ?9, ?5, ?6, ?7, 1, ?8)",
  /* Two, because a column that an index mentions costs an index entry whenever it is set. */
  [BARUA_SQL_DOC_UPDATE] =
    "UPDATE doc SET seq = ?2, wgen = ?3, whash = ?4, wbody = ?5, hidden = ?6, leaves = ?7"
    " WHERE docnum = ?1",
  [BARUA_SQL_DOC_UPDATE_DELETED] =
    "UPDATE doc SET seq = ?2, wgen = ?3, whash = ?4, wbody = ?5, hidden = ?6, leaves = ?7,"
    " deleted = ?8 WHERE docnum = ?1",
  /* The literal deleted = 0 lets the planner use the partial index (documents.md 14.1). */
  [BARUA_SQL_DOC_LIST_UP] =
    "SELECT id, wgen, whash, wbody, hidden, leaves, docnum FROM doc INDEXED BY doc_live"
    " WHERE dbnum = ?1 AND deleted = 0 AND id >= ?2 AND id <= ?3 ORDER BY id",
  [BARUA_SQL_DOC_LIST_DOWN] =
    "SELECT id, wgen, whash, wbody, hidden, leaves, docnum FROM doc INDEXED BY doc_live"
    " WHERE dbnum = ?1 AND deleted = 0 AND id >= ?2 AND id <= ?3 ORDER BY id DESC",
  [BARUA_SQL_DOC_COUNT] =
    "SELECT count(*) FROM doc INDEXED BY doc_live"
    " WHERE dbnum = ?1 AND deleted = 0 AND id >= ?2 AND id < ?3",
  [BARUA_SQL_DOC_COUNT_THROUGH] =
    "SELECT count(*) FROM doc INDEXED BY doc_live"
    " WHERE dbnum = ?1 AND deleted = 0 AND id >= ?2 AND id <= ?3",
  [BARUA_SQL_DOC_PLACES] =
    "SELECT x'', id FROM doc INDEXED BY doc_live"
    " WHERE dbnum = ?1 AND deleted = 0 AND id >= ?2 AND id < ?3 ORDER BY id",
  [BARUA_SQL_DOC_CHANGED] =
    "SELECT id FROM doc INDEXED BY doc_seq WHERE dbnum = ?1 AND seq > ?2",
  [BARUA_SQL_DOC_WALK] =
    "SELECT d.docnum, d.id, d.dbnum, d.wgen, d.whash, d.deleted, d.leaves, b.json, d.wbody, d.seq"
    " FROM doc d LEFT JOIN body b ON b.bodynum = d.wbody ORDER BY d.docnum",
  [BARUA_SQL_DOC_COUNT_ALL] =
    "SELECT b.dbnum, b.name, b.seq, b.live, b.dead, count(d.docnum), total(d.deleted),"
    " ifnull(max(d.seq), 0) FROM db b LEFT JOIN doc d ON d.dbnum = b.dbnum GROUP BY b.dbnum",

  [BARUA_SQL_REV_INSERT] =
    "INSERT INTO rev (docnum, gen, hash, phash, leaf, deleted, bodynum, at)"
    " VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7)",
  [BARUA_SQL_REV_SUPERSEDE] =
    "UPDATE rev SET leaf = 0 WHERE docnum = ?1 AND gen = ?2 AND hash = ?3",
  [BARUA_SQL_REV_SUPERSEDE_DROP] =
    "UPDATE rev SET leaf = 0, bodynum = NULL WHERE docnum = ?1 AND gen = ?2 AND hash = ?3",
  [BARUA_SQL_REV_GET] =
    "SELECT r.leaf, r.deleted, r.bodynum, b.json FROM rev r LEFT JOIN body b USING (bodynum)"
    " WHERE r.docnum = ?1 AND r.gen = ?2 AND r.hash = ?3",
  [BARUA_SQL_REV_LEAVES] =
    "SELECT gen, hash, deleted, bodynum FROM rev WHERE docnum = ?1 AND leaf = 1",
  [BARUA_SQL_REV_BELOW] =
    "SELECT gen, hash, bodynum FROM rev WHERE docnum = ?1 AND gen <= ?2 AND leaf = 0"
    " ORDER BY gen LIMIT 64",

  [BARUA_SQL_REV_ALL] =
    "SELECT gen, hash, phash, leaf, deleted, bodynum FROM rev WHERE docnum = ?1 ORDER BY gen, hash",
  [BARUA_SQL_REV_FIND] =
    "SELECT leaf, phash FROM rev WHERE docnum = ?1 AND gen = ?2 AND hash = ?3",
  [BARUA_SQL_REV_HAS_CHILD] =
    "SELECT 1 FROM rev WHERE docnum = ?1 AND gen = ?2 AND phash = ?3 LIMIT 1",
  [BARUA_SQL_REV_INSERT_ANCESTOR] =
    "INSERT INTO rev (docnum, gen, hash, phash, leaf, deleted, bodynum, at)"
    " VALUES (?1, ?2, ?3, ?4, 0, 0, NULL, ?5)",
  [BARUA_SQL_REV_LINK] =
    "UPDATE rev SET phash = ?4 WHERE docnum = ?1 AND gen = ?2 AND hash = ?3",
  [BARUA_SQL_REV_DELETE] = "DELETE FROM rev WHERE docnum = ?1 AND gen = ?2 AND hash = ?3",

  [BARUA_SQL_BODY_INSERT] = "INSERT INTO body (json) VALUES (?1)",
  [BARUA_SQL_BODY_REPLACE] = "UPDATE body SET json = ?2 WHERE bodynum = ?1",
  [BARUA_SQL_BODY_GET] = "SELECT json FROM body WHERE bodynum = ?1",

  [BARUA_SQL_BODY_DELETE] = "DELETE FROM body WHERE bodynum = ?1",

  [BARUA_SQL_ATT_LIST] =
    "SELECT a.name, a.ctype, a.revpos, b.len, a.blobnum, b.md5 FROM att a"
    " JOIN blob b USING (blobnum) WHERE a.docnum = ?1 AND a.gen = ?2 AND a.hash = ?3"
    " ORDER BY a.name",
  [BARUA_SQL_ATT_INSERT] =
    "INSERT INTO att (docnum, gen, hash, name, ctype, revpos, blobnum)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
  [BARUA_SQL_ATT_DELETE_REV] =
    "DELETE FROM att WHERE docnum = ?1 AND gen = ?2 AND hash = ?3 RETURNING blobnum",
  [BARUA_SQL_BLOB_BY_DIGEST] = "SELECT blobnum FROM blob WHERE sha256 = ?1",
  [BARUA_SQL_BLOB_INSERT] =
    "INSERT INTO blob (md5, sha256, len, refs, unused) VALUES (?1, ?2, ?3, 0, ?4)",
  [BARUA_SQL_BLOB_HOLD] = "UPDATE blob SET refs = refs + 1, unused = NULL WHERE blobnum = ?1",
  [BARUA_SQL_BLOB_RELEASE] =
    "UPDATE blob SET refs = refs - 1, unused = CASE WHEN refs <= 1 THEN ?2 END WHERE blobnum = ?1",
  [BARUA_SQL_BLOB_LENGTH] = "SELECT len FROM blob WHERE blobnum = ?1",
  [BARUA_SQL_PIECE_INSERT] = "INSERT INTO piece (piecenum, data) VALUES (?1, ?2)",
  [BARUA_SQL_PIECE_GET] = "SELECT data FROM piece WHERE piecenum = ?1",

  [BARUA_SQL_PIECE_DELETE] = "DELETE FROM piece WHERE piecenum >= ?1 AND piecenum < ?2",
  [BARUA_SQL_BLOB_UNUSED] =
    "SELECT blobnum FROM blob INDEXED BY blob_unused WHERE unused < ?1 LIMIT 1",
  [BARUA_SQL_BLOB_DELETE] = "DELETE FROM blob WHERE blobnum = ?1 AND refs <= 0",

  /* OR IGNORE: a uuid that another message has already */
  [BARUA_SQL_MSG_INSERT] =
    "INSERT OR IGNORE INTO msg (dbnum, docnum, uuid, path, state, due, rcpt, content, gateway_ref,"
    " updated, queue, account, lease_until, handouts, valid_until)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
  [BARUA_SQL_MSG_BY_DOC] =
    "SELECT msgnum, uuid, path, state, due, rcpt, content, gateway_ref, updated, queue, account,"
    " lease_until, handouts, valid_until FROM msg WHERE docnum = ?1 ORDER BY msgnum",
  [BARUA_SQL_MSG_UPDATE_STATE] = "UPDATE msg SET state = ?2, updated = ?3 WHERE msgnum = ?1",
  [BARUA_SQL_MSG_UPDATE] =
    "UPDATE msg SET state = ?2, updated = ?3, due = ?4, rcpt = ?5, content = ?6, gateway_ref = ?7,"
    " queue = ?8, account = ?9, lease_until = ?10, handouts = ?11, valid_until = ?12"
    " WHERE msgnum = ?1",
  [BARUA_SQL_MSG_DELETE_DOC] = "DELETE FROM msg WHERE docnum = ?1",
  [BARUA_SQL_MSG_DELETE_ORPHANS] =
    "DELETE FROM msg WHERE dbnum <> ?1 OR docnum NOT IN"
    " (SELECT docnum FROM doc WHERE dbnum = ?1 AND deleted = 0)",
  [BARUA_SQL_MSG_COUNT_ORPHANS] =
    "SELECT count(*) FROM msg WHERE dbnum <> ?1 OR docnum NOT IN"
    " (SELECT docnum FROM doc WHERE dbnum = ?1 AND deleted = 0)",
  /* ?2: the account, or NULL for what nobody has */
  [BARUA_SQL_MSG_OFFERED] =
    "SELECT msgnum, due, docnum, path FROM msg INDEXED BY msg_queue"
    " WHERE queue = ?1 AND account IS ?2 AND ifnull(valid_until, ?3) >= ?3 ORDER BY due",
  /* the first step alone answers while the queue is empty */
  [BARUA_SQL_MSG_ANY_OFFERED] =
    "SELECT 1 FROM (SELECT 1 FROM msg INDEXED BY msg_queue WHERE queue > 0 LIMIT 1) WHERE"
    " EXISTS (SELECT 1 FROM msg INDEXED BY msg_queue WHERE queue = 1 AND account IS NULL)"
    " OR EXISTS (SELECT 1 FROM msg INDEXED BY msg_queue WHERE queue = 1 AND account = ?1)"
    " OR EXISTS (SELECT 1 FROM msg INDEXED BY msg_lease WHERE lease_until <= ?2)"
    " OR EXISTS (SELECT 1 FROM msg INDEXED BY msg_lease WHERE lease_until > ?3)"
    " OR EXISTS (SELECT 1 FROM msg INDEXED BY msg_queue WHERE queue = 2 AND account IS NULL)"
    " OR EXISTS (SELECT 1 FROM msg INDEXED BY msg_queue WHERE queue = 2 AND account = ?1)",
  [BARUA_SQL_MSG_LEASE_OVER] =
    "SELECT msgnum, rcpt FROM msg INDEXED BY msg_lease WHERE lease_until <= ?1 AND account <> ?2"
    " UNION ALL"
    " SELECT msgnum, rcpt FROM msg INDEXED BY msg_lease WHERE lease_until > ?4 AND account <> ?2"
    " LIMIT ?3",
  [BARUA_SQL_MSG_ASSIGN] =
    "UPDATE msg SET account = ?2, lease_until = NULL WHERE msgnum = ?1",
  [BARUA_SQL_MSG_SLICE] =
    "SELECT msgnum, rcpt, account FROM msg WHERE msgnum > ?1 AND msgnum <= ?2"
    " AND queue IS NOT NULL AND lease_until IS NULL",
  [BARUA_SQL_MSG_LAST_NUMBER] = "SELECT max(msgnum) FROM msg",
  [BARUA_SQL_MSG_CONTENT] =
    "SELECT content, CASE WHEN handouts > 0 AND account = ?2 THEN 1 ELSE 0 END FROM msg"
    " WHERE msgnum = ?1",
  [BARUA_SQL_MSG_NEXT_DUE] = "SELECT min(due) FROM msg WHERE state = ?1 AND due > ?2",
  [BARUA_SQL_MSG_DUE] =
    "SELECT m.msgnum, m.due, d.id FROM msg m JOIN doc d USING (docnum)"
    " WHERE m.state = ?1 AND (m.due, m.msgnum) > (?2, ?3) AND m.due <= ?4"
    " ORDER BY m.due, m.msgnum LIMIT ?5",
  [BARUA_SQL_MSG_INVALID] =
    "SELECT m.msgnum, m.valid_until, d.id FROM msg m INDEXED BY msg_valid JOIN doc d USING (docnum)"
    " WHERE (m.valid_until, m.msgnum) > (?2, ?3) AND m.valid_until <= ?4"
    " ORDER BY m.valid_until, m.msgnum LIMIT ?5",
  [BARUA_SQL_MSG_WAITING] =
    "SELECT account, count(*), min(due) FROM msg INDEXED BY msg_queue WHERE queue > 0"
    " GROUP BY queue, account",
  [BARUA_SQL_PHONE_PUT] =
    "INSERT INTO phone (account, polled, received) VALUES (?1, ?2, ?3) ON CONFLICT (account)"
    " DO UPDATE SET polled = max(ifnull(polled, 0), ?2), received = ifnull(?3, received)",
  [BARUA_SQL_PHONE_LIST] = "SELECT account, polled, received FROM phone ORDER BY account",
  [BARUA_SQL_TRAFFIC_ADD] =
    "INSERT INTO traffic (account, minute, segments, sent, failed) VALUES (?1, ?2, ?3, ?4, ?5)"
    " ON CONFLICT (account, minute) DO UPDATE"
    " SET segments = segments + ?3, sent = sent + ?4, failed = failed + ?5",
  [BARUA_SQL_TRAFFIC_SUM] =
    "SELECT ifnull(sum(segments), 0), ifnull(sum(sent), 0), ifnull(sum(failed), 0) FROM traffic"
    " WHERE account = ?1 AND minute > ?2",
  [BARUA_SQL_TRAFFIC_ACCOUNTS] = "SELECT DISTINCT account FROM traffic ORDER BY account",
  [BARUA_SQL_TRAFFIC_FORGET] = "DELETE FROM traffic WHERE minute <= ?1",
  [BARUA_SQL_MSG_DOC_ID] = "SELECT id FROM doc WHERE docnum = ?1",
  [BARUA_SQL_MSG_LEASE] =
    "UPDATE msg SET account = ?2, lease_until = ?3, handouts = handouts + 1 WHERE msgnum = ?1"
    " RETURNING uuid, rcpt, content, path, state, due, handouts, queue",
  [BARUA_SQL_MSG_BACK] = "UPDATE msg SET queue = 2 WHERE msgnum = ?1",
  [BARUA_SQL_MSG_BY_UUID] =
    "SELECT m.uuid, m.rcpt, m.content, m.path, m.state, m.due, m.handouts, m.account, d.id"
    " FROM msg m JOIN doc d USING (docnum) WHERE m.dbnum = ?1 AND m.uuid = ?2",
  [BARUA_SQL_MSG_HAS_REFERENCE] =
    "SELECT 1 FROM msg WHERE dbnum = ?1 AND gateway_ref = ?2 LIMIT 1",

  [BARUA_SQL_INREF_CLAIM] = "INSERT OR IGNORE INTO inref (ref, docnum, at) VALUES (?1, ?2, ?3)",
  [BARUA_SQL_INREF_SET] = "UPDATE inref SET docnum = ?2 WHERE ref = ?1",

  /* Listings: ?1 state or recipient; either between two due times, or at one (NULL for none) after
   * a number: SQLite 3.40 would step over all ties for (due, msgnum) > (?, ?). */
  [BARUA_SQL_OUTBOX_OF_STATE] =
    "SELECT msgnum, due, state, account, gateway_ref FROM msg INDEXED BY msg_state"
    " WHERE state = ?1 AND due > ?2 AND due < ?3 ORDER BY due, msgnum",
  [BARUA_SQL_OUTBOX_OF_STATE_AT] =
    "SELECT msgnum, due, state, account, gateway_ref FROM msg INDEXED BY msg_state"
    " WHERE state = ?1 AND due IS ?2 AND msgnum > ?3 ORDER BY msgnum",
  [BARUA_SQL_OUTBOX_TO] =
    "SELECT msgnum, due, state, account, gateway_ref FROM msg INDEXED BY msg_rcpt"
    " WHERE rcpt = ?1 AND due > ?2 AND due < ?3 ORDER BY due, msgnum",
  [BARUA_SQL_OUTBOX_TO_AT] =
    "SELECT msgnum, due, state, account, gateway_ref FROM msg INDEXED BY msg_rcpt"
    " WHERE rcpt = ?1 AND due IS ?2 AND msgnum > ?3 ORDER BY msgnum",
  [BARUA_SQL_OUTBOX_GET] =
    "SELECT m.uuid, m.rcpt, m.content, m.path, m.state, m.due, m.handouts, m.account, d.id,"
    " m.gateway_ref FROM msg m JOIN doc d USING (docnum) WHERE m.msgnum = ?1",
  [BARUA_SQL_OUTBOX_BY_REFERENCE] =
    "SELECT m.uuid, m.rcpt, m.content, m.path, m.state, m.due, m.handouts, m.account, d.id,"
    " m.gateway_ref FROM msg m INDEXED BY msg_gref JOIN doc d USING (docnum)"
    " WHERE m.dbnum = ?1 AND m.gateway_ref = ?2 ORDER BY m.msgnum LIMIT 1000",
  [BARUA_SQL_OUTBOX_HOLD] =
    "UPDATE msg SET account = ?3, lease_until = ?4 WHERE dbnum = ?1 AND uuid = ?2",

  [BARUA_SQL_REPEAT_COUNT] =
    "INSERT INTO repeat (key, n, at) VALUES (?1, 1, ?2) ON CONFLICT (key) DO UPDATE"
    " SET n = CASE WHEN at > ?3 THEN n + 1 ELSE 1 END, at = max (at, ?2) RETURNING n",
  [BARUA_SQL_REPEAT_FORGET] = "DELETE FROM repeat WHERE at <= ?1",
  [BARUA_SQL_DONE_GET] = "SELECT ran FROM done WHERE docnum = ?1",
  [BARUA_SQL_DONE_PUT] = "INSERT OR REPLACE INTO done (docnum, ran, ok) VALUES (?1, ?2, ?2)",

  [BARUA_SQL_ACCOUNT_GET] =
    "SELECT a.hash, d.id FROM account a LEFT JOIN doc d USING (docnum) WHERE a.name = ?1",
  [BARUA_SQL_ACCOUNT_OF] =
    "SELECT name, hash FROM account"
    " WHERE docnum = (SELECT docnum FROM doc WHERE dbnum = ?1 AND id = ?2)",
  [BARUA_SQL_ACCOUNT_COUNT] = "SELECT count(*) FROM account",
  [BARUA_SQL_ACCOUNT_PUT] =
    "INSERT INTO account (name, docnum, hash) VALUES (?1, ?2, ?3)"
    " ON CONFLICT (name) DO UPDATE SET docnum = ?2, hash = ?3",
  [BARUA_SQL_ACCOUNT_DELETE] = "DELETE FROM account WHERE name = ?1",
  [BARUA_SQL_ACCOUNT_REPLACE_HASH] =
    "UPDATE account SET hash = ?3 WHERE name = ?1 AND (?2 IS NULL OR hash = ?2)",
  [BARUA_SQL_ACCOUNT_NOTE_ACTIVITY] = "UPDATE account SET seen = ?2 WHERE name = ?1",
  [BARUA_SQL_TOKEN_OF] =
    "SELECT name, token_hash, token_expires, token_active FROM account"
    " WHERE name = ?1 AND token_hash IS NOT NULL",
  [BARUA_SQL_TOKEN_FIND] =
    "SELECT name, token_hash, token_expires, token_active FROM account WHERE token_hash = ?1",
  [BARUA_SQL_TOKEN_PUT] =
    "UPDATE account SET token_hash = ?2, token_active = ?3, token_expires = ?4 WHERE name = ?1",
  [BARUA_SQL_TOKEN_USE] =
    "UPDATE account SET token_active = 0"
    " WHERE token_hash = ?1 AND token_active = 1 AND token_expires > ?2",
  [BARUA_SQL_TOKEN_EXPIRE] =
    "UPDATE account SET token_active = ?2 WHERE name = (SELECT name FROM account"
    " WHERE token_active = 1 AND token_expires <= ?1 AND token_hash IS NOT NULL LIMIT 1)"
    " RETURNING name, token_hash, token_expires, token_active",
  [BARUA_SQL_META_GET] = "SELECT v FROM meta WHERE k = ?1",
  [BARUA_SQL_META_PUT] = "INSERT OR REPLACE INTO meta (k, v) VALUES (?1, ?2)",
  [BARUA_SQL_META_DELETE] = "DELETE FROM meta WHERE k = ?1",
  [BARUA_SQL_CHECK_BLOBS] =
    "SELECT b.blobnum FROM blob b"
    " LEFT JOIN (SELECT blobnum, count(*) AS n FROM att GROUP BY blobnum) a USING (blobnum)"
    " WHERE b.refs <> ifnull(a.n, 0) OR (b.refs = 0) <> (b.unused IS NOT NULL)"
    " OR b.len <> (SELECT ifnull(sum(length(p.data)), 0) FROM piece p"
    " WHERE p.piecenum >= b.blobnum * 65536 AND p.piecenum < (b.blobnum + 1) * 65536)",
  [BARUA_SQL_CHECK_ATTS] =
    "SELECT a.docnum, a.name FROM att a LEFT JOIN blob b USING (blobnum)"
    " LEFT JOIN rev r USING (docnum, gen, hash)"
    " WHERE b.blobnum IS NULL OR r.docnum IS NULL",
  [BARUA_SQL_CHECK_VIEWS] =
    "SELECT w.ddoc, w.name FROM view w"
    " WHERE w.nrows <> (SELECT count(*) FROM vrow v WHERE v.viewnum = w.viewnum)",
  [BARUA_SQL_CHECK_VIEW_ROWS] = "SELECT count(*) FROM vrow",
  [BARUA_SQL_CHECK_TALLY] =
    "SELECT t.state, t.n FROM tally t LEFT JOIN (SELECT state, count(*) AS n FROM msg WHERE state = 1"
    " OR (uuid IS NOT NULL AND ifnull(rcpt, '') <> '' AND ifnull(content, '') <> '') GROUP BY state) m"
    " USING (state) WHERE t.n <> ifnull(m.n, 0)",
  [BARUA_SQL_REPAIR_TALLY] =
    "UPDATE tally SET n = (SELECT count(*) FROM msg m WHERE m.state = tally.state AND (m.state = 1"
    " OR (uuid IS NOT NULL AND ifnull(rcpt, '') <> '' AND ifnull(content, '') <> '')))",
  [BARUA_SQL_REPAIR_BLOBS] =
    "UPDATE blob SET refs = c.n, unused = CASE WHEN c.n = 0 THEN ?1 END"
    " FROM (SELECT b.blobnum AS num, ifnull(a.n, 0) AS n FROM blob b"
    " LEFT JOIN (SELECT blobnum, count(*) AS n FROM att GROUP BY blobnum) a USING (blobnum)) c"
    " WHERE blob.blobnum = c.num",
  [BARUA_SQL_CENSUS_STATES] = "SELECT state, n FROM tally",
  [BARUA_SQL_CENSUS_WEEK] =
    "SELECT count(*) FROM msg INDEXED BY msg_state WHERE state = ?1 AND due > ?2 AND due <= ?3",
  [BARUA_SQL_CENSUS_WEEK_NO_MESSAGES] =
    "SELECT count(*) FROM msg INDEXED BY msg_unsendable WHERE state = ?1"
    " AND due > ?2 AND due <= ?3"
    " AND (uuid IS NULL OR ifnull(rcpt, '') = '' OR ifnull(content, '') = '')",
  [BARUA_SQL_CENSUS_LATEST] =
    "SELECT updated FROM msg INDEXED BY msg_updated WHERE state = ?1 AND uuid IS NOT NULL"
    " AND ifnull(rcpt, '') <> '' AND ifnull(content, '') <> '' ORDER BY updated DESC LIMIT ?2",
  [BARUA_SQL_CENSUS_ACTIVITY] =
    "SELECT seen FROM account INDEXED BY account_seen WHERE seen > ?1",
  [BARUA_SQL_CENSUS_OLDEST] =
    "SELECT min(due) FROM ("
    "SELECT * FROM (SELECT due FROM msg INDEXED BY msg_state WHERE state = 2 AND queue > 0"
    " ORDER BY due LIMIT 1)"
    " UNION ALL SELECT * FROM (SELECT due FROM msg INDEXED BY msg_state WHERE state = 3 AND queue > 0"
    " ORDER BY due LIMIT 1))",
  [BARUA_SQL_CENSUS_FEEDBACK] =
    "SELECT count(*) FROM doc INDEXED BY doc_live WHERE dbnum ="
    " (SELECT dbnum FROM db WHERE name = 'medic-users-meta')"
    " AND id >= 'feedback-' AND id < 'feedback.' AND deleted = 0",
  [BARUA_SQL_CENSUS_CONFLICTS] =
    "SELECT count(*) FROM doc d INDEXED BY doc_forked WHERE leaves > 1 AND"
    " (SELECT count(*) FROM rev r WHERE r.docnum = d.docnum AND r.leaf = 1 AND r.deleted = 0) > 1",
  [BARUA_SQL_CENSUS_PAGES] = "SELECT page_count FROM pragma_page_count()",
  [BARUA_SQL_CENSUS_FREE_PAGES] = "SELECT freelist_count FROM pragma_freelist_count()",

  [BARUA_SQL_FILE_BYTES] =
    "SELECT p.page_count * s.page_size FROM pragma_page_count() p, pragma_page_size() s",
};
/* clang-format on */

const char *
barua_sqlite_text (BaruaSql which)
{
  return statements[which];
}
