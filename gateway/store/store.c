/* SPDX-License-Identifier: MIT */

/* The storage interface: checks what every engine would have to check, then asks the engine. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/store.h"

#include "gateway/store/engine.h"

#include <string.h>

#include <pthread.h>

G_DEFINE_QUARK (barua_store_error, barua_store_error)

/* ---- ids ---- */

/* Hex digits of an id: the time it was begun at, chance, and a counter (documents.md 14.4). */
#define ID_TIME_DIGITS 12
#define ID_RANDOM_DIGITS 14
#define ID_PREFIX_DIGITS (ID_TIME_DIGITS + ID_RANDOM_DIGITS)
#define ID_COUNTER_DIGITS 6
#define ID_COUNTER_END (1u << (4 * ID_COUNTER_DIGITS))

typedef struct _BaruaIdMaker
{
  pthread_mutex_t lock;
  guint counter;
  gint64 prefix_ms;
  char prefix[ID_PREFIX_DIGITS + 1];
} IdMaker;

/* Writes the last @n hex digits of @value. */
static void
write_hex (guint64 value, gsize n, char *out)
{
  for (gsize i = n; i > 0; i--, value >>= 4)
    out[i - 1] = "0123456789abcdef"[value & 15];
}

/* Begins a new prefix, later than the one before even if the clock was set back. */
static void
begin_prefix (IdMaker *maker)
{
  const guint64 chance = (guint64)g_random_int () << 32 | g_random_int ();

  maker->prefix_ms = MAX (maker->prefix_ms + 1, g_get_real_time () / 1000);
  write_hex ((guint64)maker->prefix_ms, ID_TIME_DIGITS, maker->prefix);
  write_hex (chance, ID_RANDOM_DIGITS, maker->prefix + ID_TIME_DIGITS);
  maker->counter = 0;
}

static IdMaker *
id_maker_new (void)
{
  IdMaker *maker = g_new0 (IdMaker, 1);

  pthread_mutex_init (&maker->lock, NULL);
  begin_prefix (maker);
  return maker;
}

static void
id_maker_free (IdMaker *maker)
{
  pthread_mutex_destroy (&maker->lock);
  g_free (maker);
}

void
barua_store_new_id (BaruaStore *store, char out[BARUA_NEW_ID_SIZE])
{
  g_return_if_fail (store != NULL);

  IdMaker *maker = store->id_maker;
  pthread_mutex_lock (&maker->lock);
  if (maker->counter == ID_COUNTER_END)
    begin_prefix (maker);
  const guint counter = maker->counter++;
  memcpy (out, maker->prefix, ID_PREFIX_DIGITS);
  pthread_mutex_unlock (&maker->lock);
  write_hex (counter, ID_COUNTER_DIGITS, out + ID_PREFIX_DIGITS);
  out[BARUA_NEW_ID_SIZE - 1] = '\0';
}

/* ---- life ---- */

BaruaStore *
barua_store_open (const BaruaStoreOptions *options, GError **error)
{
  g_return_val_if_fail (options != NULL && options->path != NULL, NULL);

  BaruaStore *store = g_new0 (BaruaStore, 1);
  store->engine = &barua_sqlite_engine;
  store->default_db
      = g_strdup (options->default_db != NULL ? options->default_db : BARUA_DB_DEFAULT);
  store->id_maker = id_maker_new ();
  store->compacting = g_ptr_array_new_with_free_func (g_free);
  if (store->engine->open (store, options, error))
    return store;
  id_maker_free (store->id_maker);
  g_ptr_array_unref (store->compacting);
  g_free (store->default_db);
  g_free (store);
  return NULL;
}

void
barua_store_close (BaruaStore *store)
{
  if (store == NULL)
    return;
  store->engine->close (store);
  id_maker_free (store->id_maker);
  g_ptr_array_unref (store->compacting);
  g_clear_pointer (&store->plan, barua_gateway_plan_unref);
  g_free (store->default_db);
  g_free (store);
}

const char *
barua_store_default_db (BaruaStore *store)
{
  return store->default_db;
}

void
barua_store_stats (BaruaStore *store, BaruaStoreStats *stats)
{
  store->engine->stats (store, stats);
}

/* ---- transactions ---- */

void
barua_store_write_async (BaruaStore *store, BaruaJob job, gpointer data, GDestroyNotify destroy,
                         gsize bytes, GCancellable *cancellable, GAsyncReadyCallback callback,
                         gpointer user_data)
{
  g_return_if_fail (store != NULL && job != NULL);

  store->engine->submit_job (
      store, barua_work_new (job, NULL, data, destroy, bytes, cancellable, callback, user_data));
}

void
barua_store_write_hot_async (BaruaStore *store, BaruaJob job, gpointer data, GDestroyNotify destroy,
                             gsize bytes, GCancellable *cancellable, GAsyncReadyCallback callback,
                             gpointer user_data)
{
  g_return_if_fail (store != NULL && job != NULL);

  BaruaWork *work
      = barua_work_new (job, NULL, data, destroy, bytes, cancellable, callback, user_data);
  work->is_hot = TRUE;
  store->engine->submit_job (store, work);
}

gboolean
barua_store_write_finish (BaruaStore *store, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

gboolean
barua_store_write (BaruaStore *store, BaruaJob job, gpointer data, GError **error)
{
  g_return_val_if_fail (store != NULL && job != NULL, FALSE);

  return barua_work_run (store, store->engine->submit_job, job, NULL, data, error);
}

void
barua_store_read_async (BaruaStore *store, BaruaQuery query, gpointer data, GDestroyNotify destroy,
                        GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (store != NULL && query != NULL);

  store->engine->submit_query (
      store, barua_work_new (NULL, query, data, destroy, 0, cancellable, callback, user_data));
}

gboolean
barua_store_read_finish (BaruaStore *store, GAsyncResult *result, GError **error)
{
  return barua_store_write_finish (store, result, error);
}

gboolean
barua_store_read (BaruaStore *store, BaruaQuery query, gpointer data, GError **error)
{
  g_return_val_if_fail (store != NULL && query != NULL, FALSE);

  return barua_work_run (store, store->engine->submit_query, NULL, query, data, error);
}

BaruaReader *
barua_tx_reader (BaruaTx *tx)
{
  return &tx->reader;
}

BaruaStore *
barua_reader_store (BaruaReader *reader)
{
  return reader->store;
}

/* ---- documents ---- */

/* Copies @text to *at with a NUL behind it, steps over it and returns the copy. */
static BaruaText
copy_text (char **at, BaruaText text)
{
  if (text.p == NULL)
    return text;
  const BaruaText copy = { *at, text.n };
  memcpy (*at, text.p, text.n);
  (*at)[text.n] = '\0';
  *at += text.n + 1;
  return copy;
}

/* Room for attachments and their texts. */
static gsize
attachments_size (const BaruaAttachment *attachments, gsize n)
{
  gsize size = n * sizeof *attachments;

  for (gsize i = 0; i < n; i++)
    size += attachments[i].name.n + attachments[i].type.n + 2;
  return size;
}

BaruaDocument *
barua_document_new (BaruaText id, BaruaRevision rev, BaruaText body,
                    const BaruaAttachment *attachments, gsize n_attachments)
{
  char digits[24];
  const int n_digits = g_snprintf (digits, sizeof digits, "%" G_GINT64_FORMAT "-", rev.generation);
  BaruaDocument *document
      = g_malloc (sizeof *document + attachments_size (attachments, n_attachments) + id.n
                  + (gsize)n_digits + rev.hash.n + body.n + 3);
  BaruaAttachment *copies = (BaruaAttachment *)(document + 1);
  char *at = (char *)(copies + n_attachments);

  *document = (BaruaDocument){ .id = copy_text (&at, id),
                               .attachments = n_attachments > 0 ? copies : NULL,
                               .n_attachments = n_attachments };
  document->rev = (BaruaText){ at, (gsize)n_digits + rev.hash.n };
  memcpy (at, digits, (gsize)n_digits);
  at += n_digits;
  copy_text (&at, rev.hash);
  document->body = copy_text (&at, body);
  for (gsize i = 0; i < n_attachments; i++)
    {
      copies[i] = attachments[i];
      copies[i].name = copy_text (&at, attachments[i].name);
      copies[i].type = copy_text (&at, attachments[i].type);
    }
  return document;
}

void
barua_document_free (BaruaDocument *document)
{
  g_free (document);
}

BaruaDocument *
barua_reader_get_document (BaruaReader *reader, const char *db, BaruaText id, GError **error)
{
  return reader->store->engine->get_document (reader, db, id, error);
}

gboolean
barua_reader_find_document (BaruaReader *reader, const char *db, BaruaText id,
                            BaruaDocument **document, GError **error)
{
  g_autoptr (GError) local = NULL;
  BaruaDocument *found = barua_reader_get_document (reader, db, id, &local);

  if (found == NULL && !g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND)
      && !g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_DELETED))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  *document = found;
  return TRUE;
}

/* Sets the error for a text that is no revision. */
static gboolean
refuse_rev (GError **error)
{
  g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_INVALID_REV,
                       "Invalid rev format");
  return FALSE;
}

BaruaDocument *
barua_reader_get_revision (BaruaReader *reader, const char *db, BaruaText id, BaruaText rev,
                           GError **error)
{
  char folded[BARUA_REVISION_HASH_BYTES];
  BaruaRevision revision;

  if (!barua_revision_parse (rev, &revision))
    {
      refuse_rev (error);
      return NULL;
    }
  revision.hash = barua_revision_fold (revision.hash, folded);
  return reader->store->engine->get_revision (reader, db, id, revision, error);
}

gboolean
barua_reader_all_docs (BaruaReader *reader, const BaruaListing *listing, BaruaListingTotals *totals,
                       BaruaListingFunc func, gpointer data, GError **error)
{
  return reader->store->engine->all_docs (reader, listing, totals, func, data, error);
}

gboolean
barua_reader_database_info (BaruaReader *reader, const char *db, BaruaDatabaseInfo *info,
                            GError **error)
{
  return reader->store->engine->database_info (reader, db, info, error);
}

gboolean
barua_tx_put_document (BaruaTx *tx, const BaruaEdit *edit, BaruaWritten *written, GError **error)
{
  g_return_val_if_fail (edit->body.p != NULL, FALSE);

  BaruaStore *store = tx->reader.store;
  char made[BARUA_NEW_ID_SIZE];
  char folded[BARUA_REVISION_HASH_BYTES];
  BaruaText id = edit->id;
  BaruaRevision parent;
  if (id.p == NULL)
    {
      barua_store_new_id (store, made);
      id = (BaruaText){ made, BARUA_NEW_ID_SIZE - 1 };
    }

  const BaruaIdVerdict verdict = barua_id_check (id);
  if (verdict != BARUA_ID_FINE)
    {
      g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_INVALID,
                           barua_id_verdict_reason (verdict));
      return FALSE;
    }
  if (edit->rev.p != NULL && !barua_revision_parse (edit->rev, &parent))
    return refuse_rev (error);
  if (edit->rev.p != NULL)
    parent.hash = barua_revision_fold (parent.hash, folded);
  return store->engine->put_document (tx, edit, id, edit->id.p == NULL,
                                      edit->rev.p != NULL ? &parent : NULL, written, error);
}

/* ---- messages ---- */

gboolean
barua_tx_claim_reference (BaruaTx *tx, BaruaText ref, gboolean *is_new, GError **error)
{
  g_return_val_if_fail (ref.n > 0, FALSE);

  return tx->reader.store->engine->claim_reference (tx, ref, is_new, error);
}

BaruaQueuedMessage *
barua_message_new (const BaruaQueuedMessage *borrowed)
{
  const gsize n = borrowed->uuid.n + borrowed->to.n + borrowed->content.n + borrowed->document_id.n
                  + borrowed->account.n + borrowed->gateway_ref.n + 6;
  BaruaQueuedMessage *message = g_malloc (sizeof *message + n);
  char *at = (char *)(message + 1);

  *message = *borrowed;
  message->uuid = copy_text (&at, borrowed->uuid);
  message->to = copy_text (&at, borrowed->to);
  message->content = copy_text (&at, borrowed->content);
  message->document_id = copy_text (&at, borrowed->document_id);
  message->account = copy_text (&at, borrowed->account);
  message->gateway_ref = copy_text (&at, borrowed->gateway_ref);
  return message;
}

void
barua_queued_message_free (BaruaQueuedMessage *message)
{
  g_free (message);
}

gboolean
barua_tx_take_messages (BaruaTx *tx, const BaruaTake *take, GPtrArray **messages, GError **error)
{
  g_return_val_if_fail (take->account != NULL, FALSE);

  return tx->reader.store->engine->take_messages (tx, take, messages, error);
}

gboolean
barua_reader_has_offered_messages (BaruaReader *reader, const char *account, gint64 now_ms,
                                   gint64 lease_ms, gboolean *has_messages, GError **error)
{
  g_return_val_if_fail (account != NULL, FALSE);

  return reader->store->engine->has_offered_messages (reader, account, now_ms, lease_ms,
                                                      has_messages, error);
}

BaruaQueuedMessage *
barua_reader_find_message (BaruaReader *reader, BaruaText uuid, GError **error)
{
  return reader->store->engine->find_message (reader, uuid, error);
}

gboolean
barua_tx_count_repeat (BaruaTx *tx, BaruaText to, BaruaText text, gint64 now_ms, guint *count,
                       GError **error)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  guint8 key[32];
  gsize n = sizeof key;

  if (to.n > 0)
    g_checksum_update (checksum, (const guchar *)to.p, (gssize)to.n);
  g_checksum_update (checksum, (const guchar *)"", 1);
  if (text.n > 0)
    g_checksum_update (checksum, (const guchar *)text.p, (gssize)text.n);
  g_checksum_get_digest (checksum, key, &n);
  return tx->reader.store->engine->count_repeat (tx, key, now_ms, count, error);
}

/* ---- accounts and keys ---- */

void
barua_account_free (BaruaAccount *account)
{
  if (account == NULL)
    return;
  g_free (account->name);
  g_free (account->document_id);
  g_free (account->hash);
  g_free (account);
}

BaruaAccount *
barua_reader_get_account (BaruaReader *reader, const char *name, GError **error)
{
  return reader->store->engine->get_account (reader, name, error);
}

gboolean
barua_reader_count_accounts (BaruaReader *reader, guint *count, GError **error)
{
  return reader->store->engine->count_accounts (reader, count, error);
}

gboolean
barua_tx_put_account (BaruaTx *tx, const char *name, const char *document_id, const char *hash,
                      GError **error)
{
  return tx->reader.store->engine->put_account (tx, name, document_id, hash, error);
}

gboolean
barua_tx_delete_account (BaruaTx *tx, const char *name, GError **error)
{
  return tx->reader.store->engine->delete_account (tx, name, error);
}

gboolean
barua_reader_get_meta (BaruaReader *reader, const char *key, char **value, GError **error)
{
  return reader->store->engine->get_meta (reader, key, value, error);
}

gboolean
barua_tx_put_meta (BaruaTx *tx, const char *key, const char *value, GError **error)
{
  return tx->reader.store->engine->put_meta (tx, key, value, error);
}

/* ---- care ---- */

/* A #BaruaQuery: the data are the differences. */
static gboolean
check_query (BaruaReader *reader, gpointer data, GError **error)
{
  return reader->store->engine->check (reader, data, error);
}

gboolean
barua_store_check (BaruaStore *store, GPtrArray **differences, GError **error)
{
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);

  if (!barua_store_read (store, check_query, found, error))
    return FALSE;
  *differences = g_steal_pointer (&found);
  return TRUE;
}

/* A #BaruaJob without data. */
static gboolean
reindex_job (BaruaTx *tx, gpointer data, GError **error)
{
  return tx->reader.store->engine->reindex (tx, error);
}

gboolean
barua_store_reindex (BaruaStore *store, GError **error)
{
  return barua_store_write (store, reindex_job, NULL, error);
}
