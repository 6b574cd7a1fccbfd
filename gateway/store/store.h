/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "forms/histogram.h"
#include "forms/json.h"
#include "gateway/rules/document.h"
#include "gateway/rules/messages.h"
#include "gateway/rules/revision.h"

G_BEGIN_DECLS

#define BARUA_STORE_ERROR (barua_store_error_quark ())
GQuark barua_store_error_quark (void);

/**
 * BaruaStoreError:
 * @BARUA_STORE_ERROR_NOT_FOUND: no such document, revision, account or database; also an edit that
 *   names a revision of a document that never existed (documents.md 6.9 no. 5)
 * @BARUA_STORE_ERROR_DELETED: the document's winner is a tombstone
 * @BARUA_STORE_ERROR_CONFLICT: the edit does not continue a leaf
 * @BARUA_STORE_ERROR_INVALID: an id that cannot be stored; the message is the reason of
 * documents.md 13
 * @BARUA_STORE_ERROR_INVALID_REV: the text is no revision
 * @BARUA_STORE_ERROR_BUSY: too much waits for the writer already: try later
 * @BARUA_STORE_ERROR_FULL: the disk is full; reads go on
 * @BARUA_STORE_ERROR_LOCKED: another server has the file
 * @BARUA_STORE_ERROR_TOO_NEW: the file was written by a newer version
 * @BARUA_STORE_ERROR_FAILED: anything else the operator must look at
 * @BARUA_STORE_ERROR_MISSING_STUB: a stub names an attachment that the parent has not; the message
 *   is the reason of documents.md 13
 * @BARUA_STORE_ERROR_EXISTS: there is a database of that name already
 * @BARUA_STORE_ERROR_FORBIDDEN: a database that must stay
 */
typedef enum
{
  BARUA_STORE_ERROR_NOT_FOUND,
  BARUA_STORE_ERROR_DELETED,
  BARUA_STORE_ERROR_CONFLICT,
  BARUA_STORE_ERROR_INVALID,
  BARUA_STORE_ERROR_INVALID_REV,
  BARUA_STORE_ERROR_BUSY,
  BARUA_STORE_ERROR_FULL,
  BARUA_STORE_ERROR_LOCKED,
  BARUA_STORE_ERROR_TOO_NEW,
  BARUA_STORE_ERROR_FAILED,
  BARUA_STORE_ERROR_MISSING_STUB,
  BARUA_STORE_ERROR_EXISTS,
  BARUA_STORE_ERROR_FORBIDDEN,
} BaruaStoreError;

/** The databases that exist from the first start on (documents.md 1), besides the default one. */
#define BARUA_DB_DEFAULT "medic"
#define BARUA_DB_USERS "_users"
#define BARUA_DB_SENTINEL "medic-sentinel"
#define BARUA_DB_USERS_META "medic-users-meta"

/* Life */

typedef struct _BaruaStore BaruaStore;

/**
 * BaruaReader:
 *
 * One consistent snapshot of the store, for the length of a #BaruaQuery. Not for other threads.
 */
typedef struct _BaruaReader BaruaReader;

/**
 * BaruaTx:
 *
 * The writing transaction, for the length of a #BaruaJob. Not for other threads.
 */
typedef struct _BaruaTx BaruaTx;

/**
 * BaruaStoreOptions:
 * @path: the file, made when it is not there; `:memory:` for a store that ends with the process
 * @default_db: (nullable): %NULL for %BARUA_DB_DEFAULT
 * @cache_mib: page cache of the writer, 0 for 8
 * @readers: threads that read, 0 for 2; they start with the first read
 * @is_server: take the advisory lock that keeps a second server away; the command line beside a
 *   running server leaves it out
 */
typedef struct
{
  const char *path;
  const char *default_db;
  guint cache_mib;
  guint readers;
  gboolean is_server;
} BaruaStoreOptions;

/**
 * barua_store_open:
 * @error: %BARUA_STORE_ERROR_LOCKED, %BARUA_STORE_ERROR_TOO_NEW, %BARUA_STORE_ERROR_FAILED
 *
 * Opens the file, brings its schema up to date and starts the writer.
 *
 * Returns: (transfer full): end it with barua_store_close()
 */
BaruaStore *barua_store_open (const BaruaStoreOptions *options, GError **error);

/**
 * barua_store_close:
 * @store: (transfer full) (nullable): no other call may be going on
 *
 * Finishes what is queued, writes the log back into the file and closes. Blocks. The callbacks of
 * the last jobs still come, in their main contexts.
 */
void barua_store_close (BaruaStore *store);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaStore, barua_store_close)

const char *barua_store_default_db (BaruaStore *store);

/** Bytes of an id made here, with the NUL: 32 hex digits. */
#define BARUA_NEW_ID_SIZE 33

/** Makes a document id: 32 hex digits, later ones sort after earlier ones (documents.md 14.4). Any
 * thread. */
void barua_store_new_id (BaruaStore *store, char out[BARUA_NEW_ID_SIZE]);

/* Transactions */

/**
 * BaruaJob:
 * @tx: the transaction; forget it afterwards
 * @data: as given with the job; another thread reads it now
 * @error: set exactly when %FALSE is returned
 *
 * Runs on the writer, in a serial world. May run again: no effect outside @tx but on @data, and
 * that so that only the last run counts. Takes milliseconds, and waits for nothing.
 *
 * Returns: %FALSE undoes what this job did; the other jobs of the commit are not touched
 */
typedef gboolean (*BaruaJob) (BaruaTx *tx, gpointer data, GError **error);

/** As #BaruaJob, on a reading thread: everything it asks is answered from one snapshot. */
typedef gboolean (*BaruaQuery) (BaruaReader *reader, gpointer data, GError **error);

/**
 * barua_store_write_async:
 * @data: the job's own; must live until @callback
 * @destroy: (nullable): frees @data, after @callback returned, in the caller's main context
 * @bytes: roughly how much @data holds, for the limits of the queue and of a commit
 * @cancellable: (nullable): a job that has not begun is left out with %G_IO_ERROR_CANCELLED
 * @callback: called in the thread-default main context of the caller, after the commit
 *
 * Queues a job. Jobs that wait together share a commit. When 2000 jobs or 64 MiB wait already, the
 * answer is %BARUA_STORE_ERROR_BUSY (documents.md 14.3). Any thread.
 */
void barua_store_write_async (BaruaStore *store, BaruaJob job, gpointer data,
                              GDestroyNotify destroy, gsize bytes, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data);

/**
 * barua_store_write_hot_async:
 *
 * The same for jobs that come by the thousand and hardly ever fail. A commit of such jobs alone has no
 * savepoints, which cost a copy of each page for each job; when one of them fails after it has
 * written something, the transaction is undone and those before it run again, now with savepoints.
 */
void barua_store_write_hot_async (BaruaStore *store, BaruaJob job, gpointer data,
                                  GDestroyNotify destroy, gsize bytes, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer user_data);

/**
 * barua_store_write_finish:
 * @error: what the job set, or why the commit failed: %BARUA_STORE_ERROR_FULL,
 * %BARUA_STORE_ERROR_FAILED
 *
 * Returns: %TRUE: it is on the disk
 */
gboolean barua_store_write_finish (BaruaStore *store, GAsyncResult *result, GError **error);

/** barua_store_write_async() for callers that may block: the command line, start-up, tests. Not
 * from a job or query. */
gboolean barua_store_write (BaruaStore *store, BaruaJob job, gpointer data, GError **error);

/** Runs @query on the read pool; otherwise as barua_store_write_async(). */
void barua_store_read_async (BaruaStore *store, BaruaQuery query, gpointer data,
                             GDestroyNotify destroy, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data);
gboolean barua_store_read_finish (BaruaStore *store, GAsyncResult *result, GError **error);

/** barua_store_read_async() for callers that may block. Not from a job or query. */
gboolean barua_store_read (BaruaStore *store, BaruaQuery query, gpointer data, GError **error);

/** What @tx can read, its own changes included; valid as long as @tx. */
BaruaReader *barua_tx_reader (BaruaTx *tx);

/** The store of a reader, for barua_store_new_id(). */
BaruaStore *barua_reader_store (BaruaReader *reader);

/* Documents. @db is everywhere the name of a database, NULL for the default one. */

/* See gateway/store/store-attachments.h. */
typedef struct _BaruaAttachment BaruaAttachment;
typedef struct _BaruaAttachmentEdit BaruaAttachmentEdit;

/**
 * BaruaDocument:
 * @rev: `N-hash`
 * @body: the text as stored: minified, without `_` members, NUL-terminated
 * @attachments: (array length=n_attachments): of this revision, in byte order of their names
 * @seq: its sequence number
 * @n_leaves: of the document; only with more than one it may have conflicts
 * @is_hidden: read by administrators only (documents.md 9)
 *
 * One revision of a document. All of it is freed by barua_document_free().
 */
typedef struct
{
  BaruaText id;
  BaruaText rev;
  BaruaText body;
  const BaruaAttachment *attachments;
  gsize n_attachments;
  gint64 seq;
  gint64 n_leaves;
  gboolean is_deleted;
  gboolean is_hidden;
} BaruaDocument;

void barua_document_free (BaruaDocument *document);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaDocument, barua_document_free)

/**
 * barua_reader_get_document:
 * @error: %BARUA_STORE_ERROR_NOT_FOUND, %BARUA_STORE_ERROR_DELETED
 *
 * Returns: (transfer full): the winning revision, a live one
 */
BaruaDocument *barua_reader_get_document (BaruaReader *reader, const char *db, BaruaText id,
                                          GError **error);

/**
 * barua_reader_find_document:
 * @document: (out) (transfer full) (nullable): as barua_reader_get_document() returns it; %NULL when
 *   there is none, which is no error
 */
gboolean barua_reader_find_document (BaruaReader *reader, const char *db, BaruaText id,
                                     BaruaDocument **document, GError **error);

/**
 * barua_reader_get_revision:
 * @error: %BARUA_STORE_ERROR_NOT_FOUND (also when the body is gone), %BARUA_STORE_ERROR_INVALID_REV
 *
 * Returns: (transfer full): that revision, a leaf or an ancestor whose body is kept; tombstones too
 */
BaruaDocument *barua_reader_get_revision (BaruaReader *reader, const char *db, BaruaText id,
                                          BaruaText rev, GError **error);

/**
 * BaruaListing:
 * @keys: (nullable) (array length=n_keys): these ids in this order; the range below is then not
 * looked at
 * @start: (nullable): first id of the range in the direction of the listing; absent: from the end
 * of the list
 * @end: (nullable): last id of the range
 * @excludes_end: leave @end itself out
 * @limit: rows at most; negative for all
 * @includes_docs: rows have a body
 * @includes_hidden: for administrators
 *
 * What barua_reader_all_docs() lists (documents.md 6.1). The order is that of the bytes of the ids.
 */
typedef struct
{
  const char *db;
  const BaruaText *keys;
  gsize n_keys;
  BaruaText start;
  BaruaText end;
  gboolean excludes_end;
  gboolean is_descending;
  gboolean includes_docs;
  gboolean includes_hidden;
  gint64 skip;
  gint64 limit;
} BaruaListing;

/**
 * BaruaListingTotals:
 * @total_rows: live documents of the database
 * @offset: rows before the first one returned, 0 with keys
 * @update_seq: of the database
 */
typedef struct
{
  gint64 total_rows;
  gint64 offset;
  gint64 update_seq;
} BaruaListingTotals;

/**
 * BaruaListingRow:
 * @is_found: %FALSE for a key that never was a document; the rest is then empty
 * @is_deleted: a tombstone, only ever found by key; its @body is absent
 * @body: (nullable): as stored, when asked for
 * @attachments: (nullable) (array length=n_attachments): with the body
 * @n_leaves: of the document
 */
typedef struct
{
  BaruaText id;
  BaruaText rev;
  BaruaText body;
  const BaruaAttachment *attachments;
  gsize n_attachments;
  gint64 n_leaves;
  gboolean is_found;
  gboolean is_deleted;
} BaruaListingRow;

/** Gets one row, borrowed for the call; %FALSE ends the listing (which is no error). May ask the
 * reader for trees and pieces of attachments. */
typedef gboolean (*BaruaListingFunc) (const BaruaListingRow *row, gpointer data);

/**
 * barua_reader_all_docs:
 * @totals: (out): filled in before @func gets the first row, so that they can be written first
 * @error: %BARUA_STORE_ERROR_NOT_FOUND when there is no such database
 */
gboolean barua_reader_all_docs (BaruaReader *reader, const BaruaListing *listing,
                                BaruaListingTotals *totals, BaruaListingFunc func, gpointer data,
                                GError **error);

/**
 * BaruaDatabaseInfo:
 * @file_bytes: of the whole file, all databases
 */
typedef struct
{
  gint64 live;
  gint64 deleted;
  gint64 update_seq;
  gint64 file_bytes;
  gint64 created_ms;
} BaruaDatabaseInfo;

/** Numbers of a database; %BARUA_STORE_ERROR_NOT_FOUND when there is none of that name. */
gboolean barua_reader_database_info (BaruaReader *reader, const char *db, BaruaDatabaseInfo *info,
                                     GError **error);

/**
 * BaruaEdit:
 * @id: (nullable): absent: an id is made
 * @rev: (nullable): the parent revision; absent for a new document, or one to be made again after
 * deletion
 * @body: minified, an object without `_` members, valid JSON; it is stored as it is
 * @attachments: (nullable) (array length=n_attachments): all that the new revision has, each name
 *   once; a name that is left out is removed
 * @is_server_made: the superseded body is dropped at once (documents.md 4), and the attachments of
 *   the parent stay, whatever @attachments says
 * @is_hidden: read by administrators only
 * @gateway_ref: (nullable): the reference claimed for this document by barua_tx_claim_reference()
 *
 * One new revision. Initialise with {0}.
 */
typedef struct
{
  const char *db;
  BaruaText id;
  BaruaText rev;
  BaruaText body;
  BaruaText gateway_ref;
  const BaruaAttachmentEdit *attachments;
  gsize n_attachments;
  gboolean is_deleted;
  gboolean is_server_made;
  gboolean is_hidden;
} BaruaEdit;

/**
 * BaruaWritten:
 * @docnum: of the document within its store
 * @is_new: there was no document of that id, not even a deleted one
 * @wins: the revision is the one that is served now
 *
 * What barua_tx_put_document() wrote; texts end with NUL.
 */
typedef struct
{
  char id[BARUA_DOCUMENT_ID_MAX_BYTES + 1];
  char rev[BARUA_REVISION_SIZE];
  gint64 seq;
  gint64 docnum;
  gboolean is_new;
  gboolean wins;
} BaruaWritten;

/**
 * barua_tx_put_document:
 * @written: (out) (optional)
 * @error: %BARUA_STORE_ERROR_CONFLICT, %BARUA_STORE_ERROR_NOT_FOUND (a @rev, but never such a
 *   document; or no such database), %BARUA_STORE_ERROR_INVALID, %BARUA_STORE_ERROR_INVALID_REV,
 *   %BARUA_STORE_ERROR_MISSING_STUB, %BARUA_STORE_ERROR_FULL, %BARUA_STORE_ERROR_FAILED
 *
 * Adds a revision by the verdicts of documents.md 4. A document of the default database brings its
 * rows of the message queue along; a message keeps account, lease and hand-outs as long as its uuid
 * is in the document. A `data_record` with an `sms_message.gateway_ref` takes that reference if it
 * is free. After %BARUA_STORE_ERROR_CONFLICT and the other verdicts nothing is changed and the job
 * may go on; after %BARUA_STORE_ERROR_FULL or %BARUA_STORE_ERROR_FAILED it must fail.
 */
gboolean barua_tx_put_document (BaruaTx *tx, const BaruaEdit *edit, BaruaWritten *written,
                                GError **error);

/* Messages */

/**
 * barua_tx_claim_reference:
 * @ref: the gateway's id of a received message, not empty
 * @is_new: (out): %FALSE: a record or an outgoing task has it already (messaging.md 3.5)
 *
 * Takes a reference for good. Name it in the #BaruaEdit of the record.
 */
gboolean barua_tx_claim_reference (BaruaTx *tx, BaruaText ref, gboolean *is_new, GError **error);

/**
 * BaruaQueuedMessage:
 * @document_id: the document that holds it
 * @account: (nullable): who got it last
 * @gateway_ref: (nullable): the carrier's id of it; only barua_reader_outbox() and
 *   barua_reader_outbox_of_reference() tell it
 * @handouts: how often, this one included
 * @segments: SMS parts that a take with limits counted for it, 0 for one that the phone had already
 *
 * One message of the queue. All of it is freed by barua_queued_message_free(); texts are
 * NUL-terminated.
 */
typedef struct
{
  BaruaText uuid;
  BaruaText to;
  BaruaText content;
  BaruaText document_id;
  BaruaText account;
  BaruaText gateway_ref;
  BaruaMessagePath path;
  BaruaTaskState state;
  gint64 due_ms;
  guint handouts;
  guint segments;
} BaruaQueuedMessage;

void barua_queued_message_free (BaruaQueuedMessage *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaQueuedMessage, barua_queued_message_free)

/**
 * BaruaTake:
 * @account: who asks
 * @limit: at most so many, 25 for a phone
 * @lease_ms: as long nobody else gets them; 0: everybody gets everything
 * @limits_segments: @segments counts
 * @segments: SMS parts that the phone may still send; messages that it has already cost nothing
 * @may_exceed: it has sent nothing yet in any of its spans, so that one message may be longer
 */
typedef struct
{
  const char *account;
  guint limit;
  gint64 now_ms;
  gint64 lease_ms;
  gboolean limits_segments;
  gint64 segments;
  gboolean may_exceed;
} BaruaTake;

/**
 * barua_tx_take_messages:
 * @messages: (out) (transfer full) (element-type BaruaQueuedMessage): maybe empty
 *
 * Hands out messages by due time, document id and place in the document (messaging.md 3.7); those
 * handed out 20 times come after all others (4.4). What another account holds on lease, or by its
 * route, is left out.
 * The documents are not touched: the caller puts their new state.
 */
gboolean barua_tx_take_messages (BaruaTx *tx, const BaruaTake *take, GPtrArray **messages,
                                 GError **error);

/** Whether barua_tx_take_messages() would find anything: the cheap look of a poll. */
gboolean barua_reader_has_offered_messages (BaruaReader *reader, const char *account, gint64 now_ms,
                                            gint64 lease_ms, gboolean *has_messages,
                                            GError **error);

/**
 * barua_reader_find_message:
 * @error: %BARUA_STORE_ERROR_NOT_FOUND
 *
 * Returns: (transfer full): the message of the default database with this uuid
 */
BaruaQueuedMessage *barua_reader_find_message (BaruaReader *reader, BaruaText uuid, GError **error);

/**
 * barua_tx_count_repeat:
 * @to: recipient as it will be sent
 * @text: of the message
 * @count: (out): how often within the last 30 minutes, this time included
 *
 * Counts one more message of this text to this recipient; forgotten 30 minutes after the last
 * (messaging.md 5.4).
 */
gboolean barua_tx_count_repeat (BaruaTx *tx, BaruaText to, BaruaText text, gint64 now_ms,
                                guint *count, GError **error);

/* Accounts and keys */

/**
 * BaruaAccount:
 * @document_id: its document in `_users`
 * @hash: of the password, in the form of crypt(5)
 */
typedef struct
{
  char *name;
  char *document_id;
  char *hash;
} BaruaAccount;

void barua_account_free (BaruaAccount *account);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaAccount, barua_account_free)

/** Returns: (transfer full): the account; %BARUA_STORE_ERROR_NOT_FOUND when there is none. */
BaruaAccount *barua_reader_get_account (BaruaReader *reader, const char *name, GError **error);

/** Returns: (transfer full): the account of a document of `_users`; %BARUA_STORE_ERROR_NOT_FOUND.
 * A write of such a document is one to the account: in the same job put the document, then the
 * account with the new hash, or delete the account with its document (users.md 3). */
BaruaAccount *barua_reader_get_account_of (BaruaReader *reader, BaruaText document_id,
                                           GError **error);

gboolean barua_reader_count_accounts (BaruaReader *reader, guint *count, GError **error);

/**
 * barua_tx_put_account:
 * @document_id: a document of `_users`, already put; %BARUA_STORE_ERROR_NOT_FOUND otherwise
 *
 * Makes the account or gives it another hash.
 */
gboolean barua_tx_put_account (BaruaTx *tx, const char *name, const char *document_id,
                               const char *hash, GError **error);

/** Removes the account if there is one, and its sessions. */
gboolean barua_tx_delete_account (BaruaTx *tx, const char *name, GError **error);

/**
 * barua_reader_get_meta:
 * @value: (out) (transfer full) (nullable): %NULL when nothing is kept under @key
 *
 * Small texts of the file itself. `uuid` is there from the first start on.
 */
gboolean barua_reader_get_meta (BaruaReader *reader, const char *key, char **value, GError **error);
gboolean barua_tx_put_meta (BaruaTx *tx, const char *key, const char *value, GError **error);

/* Care */

/**
 * barua_store_check:
 * @differences: (out) (transfer full) (element-type utf8): one line each; empty when all is well
 *
 * Compares everything derived (queue rows, view rows, counters, winners, counts of attachments) with
 * what the documents say, and has the file checked. Blocks for long on a big file.
 *
 * Returns: %FALSE only when the check itself failed
 */
gboolean barua_store_check (BaruaStore *store, GPtrArray **differences, GError **error);

/** Drops what is derived and makes it again from the documents, in one transaction. Blocks. */
gboolean barua_store_reindex (BaruaStore *store, GError **error);

/**
 * BaruaStoreStats:
 * @jobs: run since the start
 * @commits: made since the start; jobs / commits is the size of a group
 * @queued: jobs that wait
 * @queued_bytes: what they announced
 * @wal_bytes: of the write-ahead log
 * @commit_times: microseconds from the first job of a commit to its end on the disk
 * @commit_jobs: jobs of a commit
 * @trouble_us: monotonic time when something could not be written last, for a reason of the machine; 0: never
 * @is_trouble_full: that was for lack of room
 */
typedef struct
{
  guint64 jobs;
  guint64 commits;
  guint queued;
  gsize queued_bytes;
  gint64 wal_bytes;
  BaruaHistogram commit_times;
  BaruaHistogram commit_jobs;
  gint64 trouble_us;
  gboolean is_trouble_full;
} BaruaStoreStats;

/** Any thread, at any time. */
void barua_store_stats (BaruaStore *store, BaruaStoreStats *stats);

G_END_DECLS
