/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/rules/tree.h"
#include "gateway/store/store-census.h"
#include "gateway/store/store-attachments.h"
#include "gateway/store/store-changes.h"
#include "gateway/store/store-databases.h"
#include "gateway/store/store-gateways.h"
#include "gateway/store/store-outbox.h"
#include "gateway/store/store-revisions.h"
#include "gateway/store/store-sessions.h"
#include "gateway/store/store-tokens.h"
#include "gateway/store/store-views.h"
#include "gateway/store/work.h"

G_BEGIN_DECLS

/**
 * BaruaStoreEngine:
 *
 * What a database must be able to do: the functions of store.h of the same names. store.c checks
 * the arguments before it comes here, so an engine sees valid ids and revisions only.
 */
typedef struct
{
  gboolean (*open) (BaruaStore *store, const BaruaStoreOptions *options, GError **error);
  void (*close) (BaruaStore *store);
  void (*submit_job) (BaruaStore *store, BaruaWork *work);
  void (*submit_query) (BaruaStore *store, BaruaWork *work);
  void (*stats) (BaruaStore *store, BaruaStoreStats *stats);

  BaruaDocument *(*get_document) (BaruaReader *reader, const char *db, BaruaText id,
                                  GError **error);
  BaruaDocument *(*get_revision) (BaruaReader *reader, const char *db, BaruaText id,
                                  BaruaRevision rev, GError **error);
  gboolean (*all_docs) (BaruaReader *reader, const BaruaListing *listing,
                        BaruaListingTotals *totals, BaruaListingFunc func, gpointer data,
                        GError **error);
  gboolean (*database_info) (BaruaReader *reader, const char *db, BaruaDatabaseInfo *info,
                             GError **error);
  /* @id is there and valid, made here when @is_made; @parent is NULL without a revision */
  gboolean (*put_document) (BaruaTx *tx, const BaruaEdit *edit, BaruaText id, gboolean is_made,
                            const BaruaRevision *parent, BaruaWritten *written, GError **error);

  /* @path is valid, its hashes folded */
  gboolean (*put_revision) (BaruaTx *tx, const BaruaEdit *edit, const BaruaRevisionPath *path,
                            BaruaWritten *written, GError **error);
  BaruaTree *(*get_tree) (BaruaReader *reader, const char *db, BaruaText id, GError **error);
  gboolean (*missing_revisions) (BaruaReader *reader, const char *db,
                                 const BaruaAskedRevisions *asked, gsize n_asked,
                                 BaruaMissingFunc func, gpointer data, GError **error);
  gboolean (*read_blob) (BaruaReader *reader, gint64 blob, gint64 offset, void *buffer,
                         gsize length, gsize *n_read, GError **error);

  gboolean (*changes) (BaruaReader *reader, const BaruaFeed *feed, BaruaFeedEnd *end,
                       BaruaChangeFunc func, gpointer data, GError **error);
  void (*watch) (BaruaStore *store, BaruaWatchFunc func, gpointer data);

  gboolean (*create_database) (BaruaTx *tx, const char *db, GError **error);
  gboolean (*drop_database) (BaruaTx *tx, const char *db, GError **error);
  gboolean (*list_databases) (BaruaReader *reader, GPtrArray **names, GError **error);
  gboolean (*get_security) (BaruaReader *reader, const char *db, char **json, GError **error);
  gboolean (*put_security) (BaruaTx *tx, const char *db, BaruaText json, GError **error);
  gboolean (*get_revs_limit) (BaruaReader *reader, const char *db, gint64 *limit, GError **error);
  gboolean (*put_revs_limit) (BaruaTx *tx, const char *db, gint64 limit, GError **error);
  /* One slice; begins with *cursor 0 and ends with a negative one */
  gboolean (*compact) (BaruaTx *tx, const char *db, gint64 *cursor, GError **error);
  BaruaDocument *(*get_local) (BaruaReader *reader, const char *db, BaruaText id, GError **error);
  gboolean (*list_local) (BaruaReader *reader, const char *db, BaruaText from, gboolean is_descending,
                          BaruaLocalFunc func, gpointer data, GError **error);
  /* @k: of the revision that is there, -1 for any; *new_k is 1 for a new one */
  gboolean (*put_local) (BaruaTx *tx, const char *db, BaruaText id, gint64 k, BaruaText body,
                         gint64 *new_k, GError **error);
  gboolean (*delete_local) (BaruaTx *tx, const char *db, BaruaText id, gint64 k, GError **error);
  gboolean (*list_indexes) (BaruaReader *reader, const char *db, BaruaIndexFunc func, gpointer data,
                            GError **error);
  gboolean (*put_index) (BaruaTx *tx, const char *db, const BaruaIndex *index, gboolean *is_new,
                         GError **error);
  gboolean (*delete_index) (BaruaTx *tx, const char *db, BaruaText ddoc, BaruaText name,
                            GError **error);

  /* @view is a number of gateway/rules/views.h */
  gboolean (*view) (BaruaReader *reader, const BaruaViewQuery *query, guint view,
                    BaruaListingTotals *totals, BaruaViewFunc func, gpointer data, GError **error);
  gboolean (*reduce_view) (BaruaReader *reader, const BaruaViewQuery *query, guint view,
                           int group_level, BaruaViewFunc func, gpointer data, GError **error);
  gboolean (*is_caught_up) (BaruaReader *reader, guint view, gboolean *is_caught_up,
                            GError **error);
  /* One slice for all views of a database */
  gboolean (*catch_up) (BaruaTx *tx, gboolean is_of_users, gboolean *is_done, GError **error);

  gboolean (*put_session) (BaruaTx *tx, const guint8 *hash, const char *name, gint64 now_ms,
                           GError **error);
  BaruaSession *(*find_session) (BaruaReader *reader, const guint8 *hash, GError **error);
  gboolean (*touch_session) (BaruaTx *tx, const guint8 *hash, gint64 now_ms, GError **error);
  gboolean (*delete_session) (BaruaTx *tx, const guint8 *hash, GError **error);
  gboolean (*delete_sessions_of) (BaruaTx *tx, const char *name, GError **error);
  gboolean (*delete_old_sessions) (BaruaTx *tx, gint64 used_before_ms, GError **error);
  BaruaAccount *(*get_account_of) (BaruaReader *reader, BaruaText document_id, GError **error);

  BaruaLoginToken *(*get_login_token) (BaruaReader *reader, const char *name, GError **error);
  BaruaLoginToken *(*find_login_token) (BaruaReader *reader, const guint8 *hash, GError **error);
  gboolean (*put_login_token) (BaruaTx *tx, const char *name, const guint8 *hash, gint64 expires_ms,
                               GError **error);
  gboolean (*use_login_token) (BaruaTx *tx, const guint8 *hash, gint64 now_ms, gboolean *is_used,
                               GError **error);
  gboolean (*next_expired_login_token) (BaruaTx *tx, gint64 now_ms, BaruaLoginToken **token,
                                        GError **error);
  gboolean (*replace_hash) (BaruaTx *tx, const char *name, const char *old_hash,
                            const char *new_hash, GError **error);

  gboolean (*get_done) (BaruaReader *reader, gint64 docnum, guint64 *rows, gboolean *is_noted,
                        GError **error);
  gboolean (*put_done) (BaruaTx *tx, gint64 docnum, guint64 rows, GError **error);

  gboolean (*claim_reference) (BaruaTx *tx, BaruaText ref, gboolean *is_new, GError **error);
  gboolean (*take_messages) (BaruaTx *tx, const BaruaTake *take, GPtrArray **messages,
                             GError **error);
  gboolean (*has_offered_messages) (BaruaReader *reader, const char *account, gint64 now_ms,
                                    gint64 lease_ms, gboolean *has_messages, GError **error);
  BaruaQueuedMessage *(*find_message) (BaruaReader *reader, BaruaText uuid, GError **error);
  gboolean (*reroute) (BaruaTx *tx, gint64 *cursor, GError **error);
  gboolean (*add_traffic) (BaruaTx *tx, const char *account, gint64 minute,
                           const BaruaTraffic *traffic, GError **error);
  /* the minutes after @after */
  gboolean (*traffic) (BaruaReader *reader, const char *account, gint64 after, BaruaTraffic *sum,
                       GError **error);
  gboolean (*forget_traffic) (BaruaTx *tx, gint64 until, GError **error);
  gboolean (*put_phone) (BaruaTx *tx, const char *account, gint64 polled_ms, gint64 received_ms,
                         GError **error);
  gboolean (*phones) (BaruaReader *reader, BaruaPhoneFunc func, gpointer data, GError **error);
  gboolean (*due_documents) (BaruaReader *reader, BaruaTaskState state, BaruaDueCursor *cursor,
                             gint64 until_ms, guint limit, GPtrArray **ids, gboolean *is_done,
                             GError **error);
  gboolean (*next_due) (BaruaReader *reader, BaruaTaskState state, gint64 after_ms, gint64 *due_ms,
                        GError **error);
  gboolean (*outbox) (BaruaReader *reader, const BaruaOutboxQuery *query, GPtrArray **messages,
                      BaruaOutboxPlace *next, gboolean *has_more, GError **error);
  gboolean (*outbox_of_reference) (BaruaReader *reader, BaruaText ref, GPtrArray **messages,
                                   GError **error);
  gboolean (*outbox_hold) (BaruaTx *tx, BaruaText uuid, const char *holder, gint64 until_ms,
                           GError **error);
  gboolean (*count_repeat) (BaruaTx *tx, const guint8 key[32], gint64 now_ms, guint *count,
                            GError **error);

  BaruaAccount *(*get_account) (BaruaReader *reader, const char *name, GError **error);
  gboolean (*count_accounts) (BaruaReader *reader, guint *count, GError **error);
  gboolean (*put_account) (BaruaTx *tx, const char *name, const char *document_id, const char *hash,
                           GError **error);
  gboolean (*delete_account) (BaruaTx *tx, const char *name, GError **error);
  gboolean (*get_meta) (BaruaReader *reader, const char *key, char **value, GError **error);
  gboolean (*put_meta) (BaruaTx *tx, const char *key, const char *value, GError **error);

  gboolean (*check) (BaruaReader *reader, GPtrArray *differences, GError **error);
  gboolean (*reindex) (BaruaTx *tx, GError **error);

  /* @census knows nothing yet */
  void (*census) (BaruaReader *reader, gint64 now_ms, BaruaCensus *census);
  gboolean (*note_activity) (BaruaTx *tx, const char *name, gint64 now_ms, GError **error);

  gboolean (*backup) (const char *path, const char *target, GError **error);
  gboolean (*restore) (const char *path, const char *backup, char **kept, GError **error);
  gboolean (*put_back) (const char *path, const char *copy, GError **error);
  gboolean (*schema) (const char *path, int *schema, int *known, GError **error);
} BaruaStoreEngine;

extern const BaruaStoreEngine barua_sqlite_engine;

/** Messages counted by barua_tx_count_repeat() are forgotten after this time (messaging.md 5.4). */
#define BARUA_REPEAT_MEMORY_MS (30 * 60 * 1000)

/** Hand-outs after which a message waits behind all others (messaging.md 4.4 no. 5). */
#define BARUA_MAX_HANDOUTS 20

struct _BaruaStore
{
  const BaruaStoreEngine *engine;
  gpointer engine_data;
  char *default_db;
  struct _BaruaIdMaker *id_maker;
  GPtrArray *compacting; /* names; of the thread that compacts */
  BaruaGatewayPlan *plan; /* (nullable); of the writer's thread */
};

/* An engine's transactions begin with these. */
struct _BaruaReader
{
  BaruaStore *store;
};

struct _BaruaTx
{
  BaruaReader reader;
};

/** A document with copies of everything in the same piece of memory. */
BaruaDocument *barua_document_new (BaruaText id, BaruaRevision rev, BaruaText body,
                                   const BaruaAttachment *attachments, gsize n_attachments);

/** A message with copies of the texts of @borrowed in the same piece of memory. */
BaruaQueuedMessage *barua_message_new (const BaruaQueuedMessage *borrowed);

G_END_DECLS
