/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/arena.h"
#include "gateway/store/engine.h"
#include "gateway/store/store-census.h"

G_BEGIN_DECLS

/* Private to gateway/store/sqlite*.c and their tests; <sqlite3.h> is included there, not here. */

typedef struct sqlite3 BaruaSqliteHandle;
typedef struct sqlite3_stmt BaruaStatement;

/**
 * BaruaSql:
 *
 * Every statement of the engine, by name; their text is in sqlite-statements.c.
 */
typedef enum
{
  BARUA_SQL_BEGIN_READ,
  BARUA_SQL_BEGIN_WRITE,
  BARUA_SQL_COMMIT,
  BARUA_SQL_ROLLBACK,
  BARUA_SQL_SAVEPOINT,
  BARUA_SQL_SAVEPOINT_RELEASE,
  BARUA_SQL_SAVEPOINT_UNDO,
  BARUA_SQL_DATABASE_BY_NAME,
  BARUA_SQL_DATABASE_INSERT,
  BARUA_SQL_DATABASE_COUNTERS,
  BARUA_SQL_DATABASE_LIST,
  BARUA_SQL_DATABASE_DELETE,
  BARUA_SQL_DATABASE_SECURITY,
  BARUA_SQL_DATABASE_PUT_SECURITY,
  BARUA_SQL_DATABASE_PUT_REVS_LIMIT,
  BARUA_SQL_DROP_BODIES,
  BARUA_SQL_DROP_LIST_BLOBS,
  BARUA_SQL_DROP_RELEASE,
  BARUA_SQL_DROP_ATTS,
  BARUA_SQL_DROP_REVS,
  BARUA_SQL_DROP_VIEW_ROWS,
  BARUA_SQL_DROP_VIEW_PLACES,
  BARUA_SQL_DROP_VIEWS,
  BARUA_SQL_DROP_DOCS,
  BARUA_SQL_DROP_LOCALS,
  BARUA_SQL_DROP_INDEXES,
  BARUA_SQL_COMPACT_SLICE,
  BARUA_SQL_KEPT_SLICE,
  BARUA_SQL_REV_DROP_BODY,
  BARUA_SQL_LOCAL_GET,
  BARUA_SQL_LOCAL_LIST,
  BARUA_SQL_LOCAL_LIST_DOWN,
  BARUA_SQL_LOCAL_PUT,
  BARUA_SQL_LOCAL_DELETE,
  BARUA_SQL_LOCAL_FORGET,
  BARUA_SQL_INDEX_LIST,
  BARUA_SQL_INDEX_GET,
  BARUA_SQL_INDEX_PUT,
  BARUA_SQL_INDEX_DELETE,
  BARUA_SQL_SESSION_PUT,
  BARUA_SQL_SESSION_FIND,
  BARUA_SQL_SESSION_TOUCH,
  BARUA_SQL_SESSION_DELETE,
  BARUA_SQL_SESSION_DELETE_OF,
  BARUA_SQL_SESSION_DELETE_OLD,
  BARUA_SQL_VIEW_FIND,
  BARUA_SQL_VIEW_INSERT,
  BARUA_SQL_VIEW_DELETE,
  BARUA_SQL_VIEW_BUILT,
  BARUA_SQL_VIEW_PUT_BUILT,
  BARUA_SQL_VIEW_COUNT,
  BARUA_SQL_VROW_DELETE_VIEW,
  BARUA_SQL_VROW_GET,
  BARUA_SQL_VDOC_GET,
  BARUA_SQL_VDOC_PUT_LOOKUPS,
  BARUA_SQL_VDOC_PUT_OTHERS,
  BARUA_SQL_VROW_DELETE,
  BARUA_SQL_VROW_INSERT,
  BARUA_SQL_VROW_UP,
  BARUA_SQL_VROW_DOWN,
  BARUA_SQL_VROW_REPLACE,
  BARUA_SQL_VROW_COUNT,
  BARUA_SQL_VROW_COUNT_THROUGH,
  BARUA_SQL_VROW_PLACES,
  BARUA_SQL_VDOC_CHANGED,
  BARUA_SQL_MOVED_INSERT,
  BARUA_SQL_MOVED_SINCE,
  BARUA_SQL_MOVED_LAST,
  BARUA_SQL_MOVED_FORGET,
  BARUA_SQL_DOC_BY_NUMBER,
  BARUA_SQL_CHANGES_UP,
  BARUA_SQL_CHANGES_DOWN,
  BARUA_SQL_CHANGES_AT,
  BARUA_SQL_CHANGES_PENDING,
  BARUA_SQL_CHANGES_DESIGN,
  BARUA_SQL_DOC_LAST_NUMBER,
  BARUA_SQL_DOC_BY_ID,
  BARUA_SQL_DOC_WITH_BODY,
  BARUA_SQL_DOC_INSERT,
  BARUA_SQL_DOC_UPDATE,
  BARUA_SQL_DOC_UPDATE_DELETED,
  BARUA_SQL_DOC_LIST_UP,
  BARUA_SQL_DOC_LIST_DOWN,
  BARUA_SQL_DOC_COUNT,
  BARUA_SQL_DOC_COUNT_THROUGH,
  BARUA_SQL_DOC_PLACES,
  BARUA_SQL_DOC_CHANGED,
  BARUA_SQL_DOC_WALK,
  BARUA_SQL_DOC_COUNT_ALL,
  BARUA_SQL_REV_INSERT,
  BARUA_SQL_REV_SUPERSEDE,
  BARUA_SQL_REV_SUPERSEDE_DROP,
  BARUA_SQL_REV_GET,
  BARUA_SQL_REV_LEAVES,
  BARUA_SQL_REV_BELOW,
  BARUA_SQL_REV_ALL,
  BARUA_SQL_REV_FIND,
  BARUA_SQL_REV_HAS_CHILD,
  BARUA_SQL_REV_INSERT_ANCESTOR,
  BARUA_SQL_REV_LINK,
  BARUA_SQL_REV_DELETE,
  BARUA_SQL_BODY_INSERT,
  BARUA_SQL_BODY_REPLACE,
  BARUA_SQL_BODY_GET,
  BARUA_SQL_BODY_DELETE,
  BARUA_SQL_ATT_LIST,
  BARUA_SQL_ATT_INSERT,
  BARUA_SQL_ATT_DELETE_REV,
  BARUA_SQL_BLOB_BY_DIGEST,
  BARUA_SQL_BLOB_INSERT,
  BARUA_SQL_BLOB_HOLD,
  BARUA_SQL_BLOB_RELEASE,
  BARUA_SQL_BLOB_LENGTH,
  BARUA_SQL_PIECE_INSERT,
  BARUA_SQL_PIECE_GET,
  BARUA_SQL_PIECE_DELETE,
  BARUA_SQL_BLOB_UNUSED,
  BARUA_SQL_BLOB_DELETE,
  BARUA_SQL_MSG_INSERT,
  BARUA_SQL_MSG_BY_DOC,
  BARUA_SQL_MSG_UPDATE_STATE,
  BARUA_SQL_MSG_UPDATE,
  BARUA_SQL_MSG_DELETE_DOC,
  BARUA_SQL_MSG_DELETE_ORPHANS,
  BARUA_SQL_MSG_COUNT_ORPHANS,
  BARUA_SQL_MSG_OFFERED,
  BARUA_SQL_MSG_ANY_OFFERED,
  BARUA_SQL_MSG_LEASE_OVER,
  BARUA_SQL_MSG_ASSIGN,
  BARUA_SQL_MSG_SLICE,
  BARUA_SQL_MSG_LAST_NUMBER,
  BARUA_SQL_MSG_CONTENT,
  BARUA_SQL_MSG_NEXT_DUE,
  BARUA_SQL_MSG_DUE,
  BARUA_SQL_MSG_INVALID,
  BARUA_SQL_MSG_WAITING,
  BARUA_SQL_PHONE_PUT,
  BARUA_SQL_PHONE_LIST,
  BARUA_SQL_TRAFFIC_ADD,
  BARUA_SQL_TRAFFIC_SUM,
  BARUA_SQL_TRAFFIC_ACCOUNTS,
  BARUA_SQL_TRAFFIC_FORGET,
  BARUA_SQL_MSG_DOC_ID,
  BARUA_SQL_MSG_LEASE,
  BARUA_SQL_MSG_BACK,
  BARUA_SQL_MSG_BY_UUID,
  BARUA_SQL_MSG_HAS_REFERENCE,
  BARUA_SQL_INREF_CLAIM,
  BARUA_SQL_INREF_SET,
  BARUA_SQL_OUTBOX_OF_STATE,
  BARUA_SQL_OUTBOX_OF_STATE_AT,
  BARUA_SQL_OUTBOX_TO,
  BARUA_SQL_OUTBOX_TO_AT,
  BARUA_SQL_OUTBOX_GET,
  BARUA_SQL_OUTBOX_BY_REFERENCE,
  BARUA_SQL_OUTBOX_HOLD,
  BARUA_SQL_REPEAT_COUNT,
  BARUA_SQL_REPEAT_FORGET,
  BARUA_SQL_DONE_GET,
  BARUA_SQL_DONE_PUT,
  BARUA_SQL_ACCOUNT_GET,
  BARUA_SQL_ACCOUNT_OF,
  BARUA_SQL_ACCOUNT_COUNT,
  BARUA_SQL_ACCOUNT_PUT,
  BARUA_SQL_ACCOUNT_DELETE,
  BARUA_SQL_ACCOUNT_REPLACE_HASH,
  BARUA_SQL_ACCOUNT_NOTE_ACTIVITY,
  BARUA_SQL_TOKEN_OF,
  BARUA_SQL_TOKEN_FIND,
  BARUA_SQL_TOKEN_PUT,
  BARUA_SQL_TOKEN_USE,
  BARUA_SQL_TOKEN_EXPIRE,
  BARUA_SQL_META_GET,
  BARUA_SQL_META_PUT,
  BARUA_SQL_META_DELETE,
  BARUA_SQL_CHECK_BLOBS,
  BARUA_SQL_CHECK_ATTS,
  BARUA_SQL_CHECK_VIEWS,
  BARUA_SQL_CHECK_VIEW_ROWS,
  BARUA_SQL_CHECK_TALLY,
  BARUA_SQL_REPAIR_TALLY,
  BARUA_SQL_REPAIR_BLOBS,
  BARUA_SQL_CENSUS_STATES,
  BARUA_SQL_CENSUS_WEEK,
  BARUA_SQL_CENSUS_WEEK_NO_MESSAGES,
  BARUA_SQL_CENSUS_LATEST,
  BARUA_SQL_CENSUS_ACTIVITY,
  BARUA_SQL_CENSUS_OLDEST,
  BARUA_SQL_CENSUS_FEEDBACK,
  BARUA_SQL_CENSUS_CONFLICTS,
  BARUA_SQL_CENSUS_PAGES,
  BARUA_SQL_CENSUS_FREE_PAGES,
  BARUA_SQL_FILE_BYTES,
  BARUA_N_SQL,
} BaruaSql;

/** The text of a statement. */
const char *barua_sqlite_text (BaruaSql which);

/**
 * BaruaSqliteDatabase:
 *
 * A row of `db` as a writing transaction has it: read with the first use, written at the end.
 */
typedef struct
{
  const char *name; /* interned */
  gint64 dbnum;
  gint64 seq;
  gint64 live;
  gint64 dead;
  gint64 revs_limit;
  gint64 seq_before; /* as this transaction found it */
  gboolean is_changed;
} BaruaSqliteDatabase;

/**
 * BaruaSqliteConnection:
 * @tx: first, so that a #BaruaTx or #BaruaReader is its connection
 * @deadline_us: monotonic time at which a read is given up, 0 for never
 * @databases: (element-type BaruaSqliteDatabase): what this transaction has read
 * @databases_before: the same when the job began
 * @claims: references taken by this job
 * @renamed: (element-type utf8): databases made or dropped in this transaction; interned
 * @settings_changed: see #BaruaNews; of this transaction
 * @next_docnum: the next one to give out in this transaction, 0 when not known yet
 *
 * One connection with its statements; used by one thread at a time. The second half is the
 * writer's.
 */
typedef struct
{
  BaruaTx tx;
  BaruaSqliteHandle *handle;
  BaruaStatement *statements[BARUA_N_SQL];
  gint64 deadline_us;
  int *stop;
  GHashTable *places; /* (nullable): see sqlite-places.c */

  gboolean is_writer;
  gint64 now_ms;
  gint64 next_docnum;
  gint64 repeats_forgotten_ms;
  GPtrArray *renamed;
  gboolean settings_changed;
  gint64 due_ms; /* as BaruaNews.due_ms; of this transaction */
  gboolean *wants_lookups; /* (nullable): for barua_views_map() */
  GArray *databases;
  GArray *databases_before;
  GArray *claims;
  BaruaArena *arena;
  BaruaProjection projection;
} BaruaSqliteConnection;

typedef struct _BaruaSqliteBulk BaruaSqliteBulk;
typedef struct _BaruaSqliteKeeper BaruaSqliteKeeper;
typedef struct _BaruaSqliteNews BaruaSqliteNews;

/**
 * BaruaSqlite:
 *
 * The engine's part of a store. Unchanging after opening, or with a lock of its own, or marked.
 */
typedef struct
{
  BaruaStore *store;
  char *path;
  gboolean is_memory;
  gint64 default_dbnum;
  gint64 users_dbnum;
  gint64 *viewnums; /* in the file, of each registered view */
  int lock_fd;
  gboolean is_server;

  BaruaSqliteConnection *writer;
  BaruaWorkQueue *jobs;
  GThread *writer_thread;
  guint64 n_jobs;     /* atomic */
  guint64 n_commits;  /* atomic */
  BaruaHistogram commit_times;
  BaruaHistogram commit_jobs;
  gint64 trouble_us;  /* atomic: when something could not be written last; 0: never */
  gboolean is_trouble_full; /* atomic */
  int wal_pages;      /* atomic */
  gboolean is_behind; /* of the writer's thread: some view may not have seen every document */
  gboolean is_swept;  /* of the writer's thread: the last sweep found nothing more */
  gint64 swept_us;    /* of the writer's thread */
  gint64
      kept_cursor; /* of the writer's thread: how far the daily look for old texts is; 0: at rest */
  gint64 kept_begun_ms; /* of the writer's thread */
  BaruaSqliteBulk *bulk; /* (nullable): of the writer's thread: many documents on their way into views */
  gint64 bulk_documents; /* for tests, as the next two, 0 otherwise: so many are many */
  gsize bulk_run_bytes;  /* rows in memory that are sorted at a time */
  gint64 slice_us;       /* how long a slice takes */
  guint n_before;        /* of the writer's thread: jobs of this commit before the one that runs */
  int must_catch_up;    /* atomic: the writer is to write the end of the log back itself */

  BaruaWorkQueue *queries;
  GPtrArray *reader_threads; /* of GThread; guarded by readers_lock */
  guint max_readers;
  gpointer readers_lock;

  BaruaSqliteKeeper *keeper;
  BaruaSqliteNews *news;
} BaruaSqlite;

/** A row of `doc`; the winner's hash is borrowed from the statement. */
typedef struct
{
  gint64 docnum;
  BaruaRevision winner;
  gint64 body;
  gint64 leaves;
  gint64 seq;
  gboolean is_deleted;
  gboolean is_hidden;
} BaruaSqliteDoc;

static inline BaruaSqlite *
barua_sqlite_of (BaruaReader *reader)
{
  return reader->store->engine_data;
}

static inline BaruaSqliteConnection *
barua_sqlite_connection (BaruaReader *reader)
{
  return (BaruaSqliteConnection *)
      reader; /* a connection begins with its BaruaTx, that with its BaruaReader */
}

/* sqlite.c */

/** What root makes beside the database @path is given to whom that belongs, or else its folder: a service
 * that is not root must be able to open it. */
void barua_sqlite_give_to_owner (int fd, const char *path);

/** Takes the lock that says: this file has a server. Returns: its descriptor, which is the lock; -1
 * with %BARUA_STORE_ERROR_LOCKED when there is one. */
int barua_sqlite_take_lock (const char *path, GError **error);

/* sqlite-connection.c */

typedef enum
{
  BARUA_SQLITE_WRITER,
  BARUA_SQLITE_READER,
  BARUA_SQLITE_KEEPER,
} BaruaSqliteRole;

/** Opens a connection with the settings of documents.md 14.2. */
BaruaSqliteConnection *barua_sqlite_connect (BaruaStore *store, const char *path,
                                             BaruaSqliteRole role, guint cache_mib, GError **error);
void barua_sqlite_disconnect (BaruaSqliteConnection *connection);

/** Sets @error from the state of the connection; always %FALSE. */
gboolean barua_sqlite_fail (BaruaSqliteHandle *handle, GError **error);

/** The statement, prepared once and ready for bindings; %NULL with @error when that fails. */
BaruaStatement *barua_sqlite_statement (BaruaSqliteConnection *connection, BaruaSql which,
                                        GError **error);

/** Ends a run of a statement. */
void barua_statement_reset (BaruaStatement *statement);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaStatement, barua_statement_reset)

/** Steps: @has_row says whether there is a row; %FALSE with @error. */
gboolean barua_statement_step (BaruaStatement *statement, gboolean *has_row, GError **error);

/** Runs a statement that gives no rows, and resets it. */
gboolean barua_statement_run (BaruaStatement *statement, GError **error);

/** Runs a statement without parameters. */
gboolean barua_sqlite_run (BaruaSqliteConnection *connection, BaruaSql which, GError **error);

/** Runs SQL text that is no statement of the table: settings and migrations. */
gboolean barua_sqlite_exec (BaruaSqliteHandle *handle, const char *sql, GError **error);

/** The first column of the first row of @sql as a number; 0 without a row. */
gboolean barua_sqlite_query_integer (BaruaSqliteHandle *handle, const char *sql, gint64 *value,
                                     GError **error);

/* Bindings and columns; absent text is NULL. Bound texts must live until the statement is reset. */
void barua_bind_text (BaruaStatement *statement, int i, BaruaText text);
void barua_bind_blob (BaruaStatement *statement, int i, BaruaText bytes);
BaruaText barua_column_text (BaruaStatement *statement, int i);
BaruaText barua_column_blob (BaruaStatement *statement, int i);

/* sqlite-migrations.c */

/** The schema version of this program. */
int barua_sqlite_schema_version (void);

/** The schema version of a file of ours; %BARUA_STORE_ERROR_TOO_NEW, %BARUA_STORE_ERROR_FAILED for
 * the file of another program. */
gboolean barua_sqlite_version (BaruaSqliteHandle *handle, gint64 *version, GError **error);

/** Brings the schema up to date; %BARUA_STORE_ERROR_TOO_NEW. */
gboolean barua_sqlite_migrate (BaruaSqliteHandle *handle, GError **error);

/* sqlite-writer.c */

void barua_sqlite_start_writer (BaruaSqlite *sqlite);
void barua_sqlite_stop_writer (BaruaSqlite *sqlite);
void barua_sqlite_submit_job (BaruaStore *store, BaruaWork *work);

/** Runs @work alone on the writing connection, before the writer's thread is there. */
gboolean barua_sqlite_run_job (BaruaSqlite *sqlite, BaruaJob job, gpointer data, GError **error);

/** The database of that name within this writing transaction; %BARUA_STORE_ERROR_NOT_FOUND. */
BaruaSqliteDatabase *barua_sqlite_tx_database (BaruaSqliteConnection *connection, const char *db,
                                               GError **error);

/** Writes the changed rows of `db`. */
gboolean barua_sqlite_flush_databases (BaruaSqliteConnection *connection, GError **error);

/** The number for a new document. */
gboolean barua_sqlite_next_docnum (BaruaSqliteConnection *connection, gint64 *docnum,
                                   GError **error);

/* sqlite-readers.c */

void barua_sqlite_start_readers (BaruaSqlite *sqlite, guint max_readers);
void barua_sqlite_stop_readers (BaruaSqlite *sqlite);
void barua_sqlite_submit_query (BaruaStore *store, BaruaWork *work);

/* sqlite-keeper.c: the housekeeping thread */

BaruaSqliteKeeper *barua_sqlite_keeper_start (BaruaSqlite *sqlite, gboolean was_unclean);
void barua_sqlite_keeper_stop (BaruaSqliteKeeper *keeper);

/** Tells the keeper how long the log is after a commit. */
void barua_sqlite_keeper_note (BaruaSqliteKeeper *keeper, int wal_pages);

/** Has the log cut to nothing as soon as the writer rests for some seconds: it holds a secret that
 * is removed from the file. */
void barua_sqlite_keeper_cut_soon (BaruaSqliteKeeper *keeper);

/* sqlite-documents.c */

/** The number of a database for a reader; %BARUA_STORE_ERROR_NOT_FOUND. */
gboolean barua_sqlite_dbnum (BaruaSqliteConnection *connection, const char *db, gint64 *dbnum,
                             GError **error);

/** Reads the row of a document; @statement must be reset by the caller, at failure too, and holds
 * the winner's hash. */
gboolean barua_sqlite_find_doc (BaruaSqliteConnection *connection, gint64 dbnum, BaruaText id,
                                BaruaStatement **statement, gboolean *has_row, BaruaSqliteDoc *row,
                                GError **error);

/** Binds the key of `rev`, parameters 1 to 3. */
void barua_bind_rev (BaruaStatement *statement, gint64 docnum, BaruaRevision rev);

BaruaDocument *barua_sqlite_get_document (BaruaReader *reader, const char *db, BaruaText id,
                                          GError **error);
BaruaDocument *barua_sqlite_get_revision (BaruaReader *reader, const char *db, BaruaText id,
                                          BaruaRevision rev, GError **error);
gboolean barua_sqlite_put_document (BaruaTx *tx, const BaruaEdit *edit, BaruaText id,
                                    gboolean is_made, const BaruaRevision *parent,
                                    BaruaWritten *written, GError **error);

/* sqlite-tree.c */

/** Drops text and attachments of a revision that is no leaf. */
gboolean barua_sqlite_drop_text (BaruaSqliteConnection *connection, gint64 docnum,
                                 BaruaRevision rev, gint64 body, GError **error);

gboolean barua_sqlite_put_revision (BaruaTx *tx, const BaruaEdit *edit,
                                    const BaruaRevisionPath *path, BaruaWritten *written,
                                    GError **error);
BaruaTree *barua_sqlite_get_tree (BaruaReader *reader, const char *db, BaruaText id,
                                  GError **error);
gboolean barua_sqlite_missing_revisions (BaruaReader *reader, const char *db,
                                         const BaruaAskedRevisions *asked, gsize n_asked,
                                         BaruaMissingFunc func, gpointer data, GError **error);

/* sqlite-attachments.c */

/** The attachments of a revision, in byte order of their names. @arena: made when there are any
 * and it is %NULL; the texts are in it */
gboolean barua_sqlite_list_attachments (BaruaSqliteConnection *connection, gint64 docnum,
                                        BaruaRevision rev, BaruaArena **arena,
                                        const BaruaAttachment **attachments, gsize *n_attachments,
                                        GError **error);

/** Takes its attachments from a revision. */
gboolean barua_sqlite_drop_attachments (BaruaSqliteConnection *connection, gint64 docnum,
                                        BaruaRevision rev, GError **error);
gboolean barua_sqlite_read_blob (BaruaReader *reader, gint64 blob, gint64 offset, void *buffer,
                                 gsize length, gsize *n_read, GError **error);

/* sqlite-listing.c */

gboolean barua_sqlite_all_docs (BaruaReader *reader, const BaruaListing *listing,
                                BaruaListingTotals *totals, BaruaListingFunc func, gpointer data,
                                GError **error);
gboolean barua_sqlite_database_info (BaruaReader *reader, const char *db, BaruaDatabaseInfo *info,
                                     GError **error);

/* sqlite-places.c */

/**
 * BaruaSqlitePlace:
 * @viewnum: 0: among the documents of the database, in the order of their ids
 * @k: sort key; empty for documents
 * @id: absent: below all ids of @k, or above them
 *
 * A place in a listing, whether a row stands there or not.
 */
typedef struct
{
  gint64 dbnum;
  gint64 viewnum;
  BaruaText k;
  BaruaText id;
  gboolean is_above;
} BaruaSqlitePlace;

/** Counts the live documents, or the rows of the view, before a place, exactly for the snapshot; in
 * costs that do not grow with them, except when it is asked for the first time or after much was
 * changed. @seq: changes up to here are in the rows */
gboolean barua_sqlite_count_before (BaruaSqliteConnection *connection,
                                    const BaruaSqlitePlace *place, gint64 seq,
                                    gboolean includes_place, gint64 *count, GError **error);

/** To be called by the writer for each row of a view that leaves its place. */
gboolean barua_sqlite_note_move (BaruaSqliteConnection *connection, gint64 viewnum, BaruaText k,
                                 BaruaText id, GError **error);

/** The same for many rows of a view, or for rows that come before `built_seq` says so. */
gboolean barua_sqlite_note_upheaval_of (BaruaSqliteConnection *connection, gint64 viewnum,
                                        GError **error);

/** The same for all rows of a view or of a database, or when a number may get another meaning. */
gboolean barua_sqlite_note_upheaval (BaruaSqliteConnection *connection, GError **error);

/* sqlite-changes.c */

gboolean barua_sqlite_changes (BaruaReader *reader, const BaruaFeed *feed, BaruaFeedEnd *end,
                               BaruaChangeFunc func, gpointer data, GError **error);

/* sqlite-news.c: tells the watcher of commits */

BaruaSqliteNews *barua_sqlite_news_new (void);
void barua_sqlite_news_free (BaruaSqliteNews *news);

/** Takes note of what a commit has changed; on the writer. */
void barua_sqlite_news_note (BaruaSqlite *sqlite);
void barua_sqlite_watch (BaruaStore *store, BaruaWatchFunc func, gpointer data);

/* sqlite-databases.c */

gboolean barua_sqlite_create_database (BaruaTx *tx, const char *db, GError **error);
gboolean barua_sqlite_drop_database (BaruaTx *tx, const char *db, GError **error);
gboolean barua_sqlite_list_databases (BaruaReader *reader, GPtrArray **names, GError **error);
gboolean barua_sqlite_get_security (BaruaReader *reader, const char *db, char **json,
                                    GError **error);
gboolean barua_sqlite_put_security (BaruaTx *tx, const char *db, BaruaText json, GError **error);
gboolean barua_sqlite_get_revs_limit (BaruaReader *reader, const char *db, gint64 *limit,
                                      GError **error);
gboolean barua_sqlite_put_revs_limit (BaruaTx *tx, const char *db, gint64 limit, GError **error);
gboolean barua_sqlite_compact (BaruaTx *tx, const char *db, gint64 *cursor, GError **error);

/** Drops what nobody needs any more, some of it: bytes without attachments, old local documents,
 * old texts of revisions that are no leaves.
 * *is_done says whether there is more. */
gboolean barua_sqlite_sweep (BaruaTx *tx, gboolean *is_done, GError **error);

/* sqlite-local.c */

BaruaDocument *barua_sqlite_get_local (BaruaReader *reader, const char *db, BaruaText id,
                                       GError **error);
gboolean barua_sqlite_list_local (BaruaReader *reader, const char *db, BaruaText from,
                                  gboolean is_descending, BaruaLocalFunc func, gpointer data,
                                  GError **error);
gboolean barua_sqlite_put_local (BaruaTx *tx, const char *db, BaruaText id, gint64 k,
                                 BaruaText body, gint64 *new_k, GError **error);
gboolean barua_sqlite_delete_local (BaruaTx *tx, const char *db, BaruaText id, gint64 k,
                                    GError **error);
gboolean barua_sqlite_list_indexes (BaruaReader *reader, const char *db, BaruaIndexFunc func,
                                    gpointer data, GError **error);
gboolean barua_sqlite_put_index (BaruaTx *tx, const char *db, const BaruaIndex *index,
                                 gboolean *is_new, GError **error);
gboolean barua_sqlite_delete_index (BaruaTx *tx, const char *db, BaruaText ddoc, BaruaText name,
                                    GError **error);

/* sqlite-views.c */

/** Makes the registered views known to the file. */
gboolean barua_sqlite_ensure_views (BaruaSqliteConnection *connection, GError **error);

/** Drops all rows: they are made again by catching up. */
gboolean barua_sqlite_begin_views_again (BaruaSqliteConnection *connection, GError **error);
gboolean barua_sqlite_is_caught_up (BaruaReader *reader, guint view, gboolean *is_caught_up,
                                    GError **error);

/* sqlite-view-places.c */

/** Compares the rows of a document with what its views say now. *n_rows: how many it has */
gboolean barua_sqlite_check_view_rows (BaruaSqliteConnection *connection, BaruaText id,
                                       const BaruaSqliteDoc *doc, gint64 dbnum, BaruaText body,
                                       gboolean *is_same, gint64 *n_rows, GError **error);

/* sqlite-catch-up.c */

gboolean barua_sqlite_catch_up (BaruaTx *tx, gboolean is_of_users, gboolean *is_done,
                                GError **error);

/** Has many documents that are on their way into views begin again: their rows, or the numbers of
 * documents, are others now. */
gboolean barua_sqlite_forget_bulk (BaruaSqliteConnection *connection, GError **error);
void barua_sqlite_bulk_free (BaruaSqliteBulk *bulk);

/* sqlite-view-query.c */

gboolean barua_sqlite_view (BaruaReader *reader, const BaruaViewQuery *query, guint view,
                            BaruaListingTotals *totals, BaruaViewFunc func, gpointer data,
                            GError **error);
gboolean barua_sqlite_reduce_view (BaruaReader *reader, const BaruaViewQuery *query, guint view,
                                   int group_level, BaruaViewFunc func, gpointer data,
                                   GError **error);

/* sqlite-sessions.c */

gboolean barua_sqlite_put_session (BaruaTx *tx, const guint8 *hash, const char *name, gint64 now_ms,
                                   GError **error);
BaruaSession *barua_sqlite_find_session (BaruaReader *reader, const guint8 *hash, GError **error);
gboolean barua_sqlite_touch_session (BaruaTx *tx, const guint8 *hash, gint64 now_ms,
                                     GError **error);
gboolean barua_sqlite_delete_session (BaruaTx *tx, const guint8 *hash, GError **error);
gboolean barua_sqlite_delete_sessions_of (BaruaTx *tx, const char *name, GError **error);
gboolean barua_sqlite_delete_old_sessions (BaruaTx *tx, gint64 used_before_ms, GError **error);

/* sqlite-tokens.c */

BaruaLoginToken *barua_sqlite_get_login_token (BaruaReader *reader, const char *name,
                                               GError **error);
BaruaLoginToken *barua_sqlite_find_login_token (BaruaReader *reader, const guint8 *hash,
                                                GError **error);
gboolean barua_sqlite_put_login_token (BaruaTx *tx, const char *name, const guint8 *hash,
                                       gint64 expires_ms, GError **error);
gboolean barua_sqlite_use_login_token (BaruaTx *tx, const guint8 *hash, gint64 now_ms,
                                       gboolean *is_used, GError **error);
gboolean barua_sqlite_next_expired_login_token (BaruaTx *tx, gint64 now_ms, BaruaLoginToken **token,
                                                GError **error);
gboolean barua_sqlite_replace_hash (BaruaTx *tx, const char *name, const char *old_hash,
                                    const char *new_hash, GError **error);

/* sqlite-messages.c */

/** Writes the rows of the queue for a document; @projection has none for a tombstone. */
gboolean barua_sqlite_put_messages (BaruaSqliteConnection *connection, gint64 docnum,
                                    gboolean is_new, const BaruaProjection *projection,
                                    GError **error);

/** Gives the reference of a record to its document, if nobody has it. */
gboolean barua_sqlite_put_reference (BaruaSqliteConnection *connection, gint64 docnum,
                                     BaruaText ref, GError **error);

/** The number that barua_sqlite_claim_reference() set aside for the record of @ref; 0 without one.
 */
gint64 barua_sqlite_claimed_docnum (BaruaSqliteConnection *connection, BaruaText ref);

/** Forgets the claims of a job; those that no record used are kept without one. */
gboolean barua_sqlite_end_claims (BaruaSqliteConnection *connection, GError **error);

gboolean barua_sqlite_claim_reference (BaruaTx *tx, BaruaText ref, gboolean *is_new,
                                       GError **error);
BaruaQueuedMessage *barua_sqlite_find_message (BaruaReader *reader, BaruaText uuid, GError **error);

/* sqlite-handout.c */

/** Values of msg.queue (documents.md 14.1). */
#define BARUA_QUEUE_OFFERED 1
#define BARUA_QUEUE_BEHIND 2

gboolean barua_sqlite_take_messages (BaruaTx *tx, const BaruaTake *take, GPtrArray **messages,
                                     GError **error);
gboolean barua_sqlite_has_offered_messages (BaruaReader *reader, const char *account, gint64 now_ms,
                                            gint64 lease_ms, gboolean *has_messages,
                                            GError **error);

/* sqlite-gateways.c */

/** The account that messages to @to are kept for; absent: whoever polls first. */
BaruaText barua_sqlite_route (BaruaSqliteConnection *connection, BaruaText to);

/** Gives a message that waits to @account, or to nobody, without a lease. */
gboolean barua_sqlite_assign (BaruaSqliteConnection *connection, gint64 msgnum, BaruaText account,
                              GError **error);

gboolean barua_sqlite_reroute (BaruaTx *tx, gint64 *cursor, GError **error);
gboolean barua_sqlite_add_traffic (BaruaTx *tx, const char *account, gint64 minute,
                                   const BaruaTraffic *traffic, GError **error);
gboolean barua_sqlite_traffic (BaruaReader *reader, const char *account, gint64 after,
                               BaruaTraffic *sum, GError **error);
gboolean barua_sqlite_forget_traffic (BaruaTx *tx, gint64 until, GError **error);
gboolean barua_sqlite_put_phone (BaruaTx *tx, const char *account, gint64 polled_ms,
                                 gint64 received_ms, GError **error);
gboolean barua_sqlite_phones (BaruaReader *reader, BaruaPhoneFunc func, gpointer data,
                              GError **error);
gboolean barua_sqlite_due_documents (BaruaReader *reader, BaruaTaskState state,
                                     BaruaDueCursor *cursor, gint64 until_ms, guint limit,
                                     GPtrArray **ids, gboolean *is_done, GError **error);
gboolean barua_sqlite_next_due (BaruaReader *reader, BaruaTaskState state, gint64 after_ms,
                                gint64 *due_ms, GError **error);

/* sqlite-outbox.c */

gboolean barua_sqlite_outbox (BaruaReader *reader, const BaruaOutboxQuery *query,
                              GPtrArray **messages, BaruaOutboxPlace *next, gboolean *has_more,
                              GError **error);
gboolean barua_sqlite_outbox_of_reference (BaruaReader *reader, BaruaText ref, GPtrArray **messages,
                                           GError **error);
gboolean barua_sqlite_outbox_hold (BaruaTx *tx, BaruaText uuid, const char *holder,
                                   gint64 until_ms, GError **error);

/* sqlite-accounts.c */

gboolean barua_sqlite_count_repeat (BaruaTx *tx, const guint8 key[32], gint64 now_ms, guint *count,
                                    GError **error);
BaruaAccount *barua_sqlite_get_account (BaruaReader *reader, const char *name, GError **error);
gboolean barua_sqlite_get_done (BaruaReader *reader, gint64 docnum, guint64 *rows,
                                gboolean *is_noted, GError **error);
gboolean barua_sqlite_put_done (BaruaTx *tx, gint64 docnum, guint64 rows, GError **error);
BaruaAccount *barua_sqlite_get_account_of (BaruaReader *reader, BaruaText document_id,
                                           GError **error);
gboolean barua_sqlite_count_accounts (BaruaReader *reader, guint *count, GError **error);
gboolean barua_sqlite_put_account (BaruaTx *tx, const char *name, const char *document_id,
                                   const char *hash, GError **error);
gboolean barua_sqlite_delete_account (BaruaTx *tx, const char *name, GError **error);
gboolean barua_sqlite_get_meta (BaruaReader *reader, const char *key, char **value, GError **error);
gboolean barua_sqlite_put_meta (BaruaTx *tx, const char *key, const char *value, GError **error);

/* sqlite-check.c */

gboolean barua_sqlite_check (BaruaReader *reader, GPtrArray *differences, GError **error);
gboolean barua_sqlite_reindex (BaruaTx *tx, GError **error);

/* sqlite-census.c */

void barua_sqlite_census (BaruaReader *reader, gint64 now_ms, BaruaCensus *census);
gboolean barua_sqlite_note_activity (BaruaTx *tx, const char *name, gint64 now_ms, GError **error);

/* sqlite-files.c */

gboolean barua_sqlite_backup (const char *path, const char *target, GError **error);
gboolean barua_sqlite_restore (const char *path, const char *backup, char **kept, GError **error);
gboolean barua_sqlite_put_back (const char *path, const char *copy, GError **error);
gboolean barua_sqlite_schema (const char *path, int *schema, int *known, GError **error);

G_END_DECLS
