/* SPDX-License-Identifier: MIT */

/* Writing documents: read on a worker when there is much, stored in one job, answered when what
 * follows from them is in force. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/document-write.h"

#include "gateway/api/document-rules.h"
#include "gateway/api/document-users.h"
#include "gateway/api/settings-reload.h"
#include "gateway/http/password.h"
#include "gateway/store/store-databases.h"
#include "gateway/store/store-revisions.h"

#include <string.h>

/* Bodies from this size on are taken apart by a worker. */
#define LARGE_BYTES (64u * 1024u)

#define ADMIN_ONLY "You are not authorized to edit admin only docs"

BaruaDocumentWrite *
barua_document_write_new (BaruaRequest *request, BaruaApp *app)
{
  BaruaCall call;

  if (!barua_call_open (&call, request, app, BARUA_ACCESS_WRITE))
    return NULL;
  BaruaDocumentWrite *write = g_new0 (BaruaDocumentWrite, 1);
  write->call = call;
  write->items = g_array_new (FALSE, TRUE, sizeof (BaruaItem));
  g_array_set_clear_func (write->items, barua_item_clear);
  write->settings = barua_settings_ref (barua_request_settings (request));
  write->now_ms = barua_now_ms ();
  return write;
}

void
barua_document_write_free (BaruaDocumentWrite *write)
{
  g_array_unref (write->items);
  barua_settings_unref (write->settings);
  g_clear_error (&write->error);
  barua_call_close (&write->call);
  g_free (write);
}

BaruaItem *
barua_document_write_add (BaruaDocumentWrite *write)
{
  g_array_set_size (write->items, write->items->len + 1);
  return &g_array_index (write->items, BaruaItem, write->items->len - 1);
}

/* ---- the job ---- */

/* Whether the document, as it is and as it will be, is one that this user may write
 * (documents.md 9). */
static gboolean
check_access (BaruaTx *tx, BaruaDocumentWrite *write, const BaruaItem *item, gboolean *may,
              GError **error)
{
  g_autoptr (GError) local = NULL;

  *may = TRUE;
  if (write->call.is_admin || write->call.db != NULL)
    return TRUE;
  *may = !barua_document_is_guarded (item->id, (BaruaText){ item->body->str, item->body->len });
  if (!*may || item->id.p == NULL)
    return TRUE;
  g_autoptr (BaruaDocument) document
      = barua_reader_get_document (barua_tx_reader (tx), NULL, item->id, &local);
  if (document != NULL)
    *may = !document->is_hidden && !barua_document_is_guarded (item->id, document->body);
  else if (!g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND)
           && !g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_DELETED))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  return TRUE;
}

/* Turns a verdict of the store into the outcome of @item; FALSE for what ends the whole job. */
static gboolean
take_verdict (const BaruaDocumentWrite *write, BaruaItem *item, GError *verdict, GError **error)
{
  gboolean is_conflict = g_error_matches (verdict, BARUA_STORE_ERROR, BARUA_STORE_ERROR_CONFLICT);
  gboolean is_unknown = g_error_matches (verdict, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND);
  gboolean tells_unknown = write->call.is_seed && !write->is_bulk;

  if (!is_conflict && !is_unknown)
    {
      g_propagate_error (error, verdict);
      return FALSE;
    }
  g_error_free (verdict);
  barua_item_fail (
      item, is_unknown && tells_unknown ? BARUA_HTTP_ERROR_NOT_FOUND : BARUA_HTTP_ERROR_CONFLICT,
      NULL);
  return TRUE;
}

/* What a DELETE is told before it is tried (documents.md 6.6): whether there is anything to
 * delete, and that it has to name it. */
static gboolean
judge_deletion (BaruaTx *tx, const BaruaDocumentWrite *write, BaruaItem *item, GError **error)
{
  GError *verdict = NULL;
  g_autoptr (BaruaDocument) document
      = barua_reader_get_document (barua_tx_reader (tx), write->call.db, item->id, &verdict);

  if (document != NULL)
    {
      if (item->rev.p == NULL)
        barua_item_fail (item, BARUA_HTTP_ERROR_CONFLICT, NULL);
      return TRUE;
    }
  if (g_error_matches (verdict, BARUA_STORE_ERROR, BARUA_STORE_ERROR_DELETED))
    barua_item_fail (item, BARUA_HTTP_ERROR_NOT_FOUND, "deleted");
  else if (g_error_matches (verdict, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND))
    barua_item_fail (item, BARUA_HTTP_ERROR_NOT_FOUND, "missing");
  else
    {
      g_propagate_error (error, verdict);
      return FALSE;
    }
  g_error_free (verdict);
  return TRUE;
}

/* Takes over what the parent has but for the one attachment that the request is about; its
 * failures are outcomes (documents.md 8.3). */
static gboolean
inherit (BaruaTx *tx, const BaruaDocumentWrite *write, BaruaItem *item, GString *body,
         GArray *attachments, GError **error)
{
  GError *verdict = NULL;
  gboolean removes = item->attachments == NULL;

  if (item->rev.p == NULL)
    {
      g_string_append (body, "{}");
      if (removes)
        barua_item_fail (item, BARUA_HTTP_ERROR_CONFLICT, NULL);
      return TRUE;
    }
  g_autoptr (BaruaDocument) parent = barua_reader_get_revision (
      barua_tx_reader (tx), write->call.db, item->id, item->rev, &verdict);
  if (parent == NULL && removes
      && g_error_matches (verdict, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND))
    {
      g_error_free (verdict);
      barua_item_fail (item, BARUA_HTTP_ERROR_MISSING_REV, NULL);
      return TRUE;
    }
  if (parent == NULL)
    {
      if (g_error_matches (verdict, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND))
        {
          g_error_free (verdict);
          barua_item_fail (item, BARUA_HTTP_ERROR_CONFLICT, NULL);
          return TRUE;
        }
      g_propagate_error (error, verdict);
      return FALSE;
    }
  if (removes && barua_document_find_attachment (parent, item->attachment) == NULL)
    {
      barua_item_fail (item, BARUA_HTTP_ERROR_NOT_FOUND, "Document is missing attachment");
      return TRUE;
    }
  g_string_append_len (body, parent->body.p, (gssize)parent->body.n);
  for (gsize i = 0; i < parent->n_attachments; i++)
    {
      BaruaText name = parent->attachments[i].name;
      BaruaAttachmentEdit stub = { .source = BARUA_ATTACHMENT_STUB };
      if (barua_text_equal (name, item->attachment))
        continue;
      stub.name = barua_arena_copy (write->call.arena, name);
      g_array_append_val (attachments, stub);
    }
  return TRUE;
}

/* Puts what is ready to be put; a verdict becomes the outcome. */
static gboolean
put (BaruaTx *tx, BaruaDocumentWrite *write, BaruaItem *item, BaruaText body, GArray *attachments,
     GError **error)
{
  GError *verdict = NULL;
  BaruaEdit edit = {
    .db = write->call.db,
    .id = item->id,
    .rev = item->rev,
    .body = body,
    .is_deleted = item->is_deleted,
    .is_hidden = write->call.db == NULL && barua_document_is_secret (body),
  };
  gboolean is_put;

  if (attachments != NULL)
    {
      edit.attachments = (const BaruaAttachmentEdit *)(void *)attachments->data;
      edit.n_attachments = attachments->len;
    }
  if (item->keeps_rev)
    {
      const BaruaRevisionPath path
          = { item->path_start, (const BaruaText *)(void *)item->path->data,
              MIN (item->path->len, BARUA_REVISION_PATH_MAX) };
      is_put = barua_tx_put_revision (tx, &edit, &path, &item->written, &verdict);
    }
  else
    is_put = barua_tx_put_document (tx, &edit, &item->written, &verdict);
  return is_put || take_verdict (write, item, verdict, error);
}

/* Puts one item that may be put. */
static gboolean
put_item (BaruaTx *tx, BaruaDocumentWrite *write, BaruaItem *item, GError **error)
{
  if (!item->inherits)
    return put (tx, write, item, (BaruaText){ item->body->str, item->body->len }, item->attachments,
                error);
  g_autoptr (GString) body = g_string_new (NULL);
  g_autoptr (GArray) attachments = g_array_new (FALSE, FALSE, sizeof (BaruaAttachmentEdit));
  if (!inherit (tx, write, item, body, attachments, error))
    return FALSE;
  if (!item->is_stored)
    return TRUE;
  if (item->attachments != NULL)
    g_array_append_vals (attachments, item->attachments->data, item->attachments->len);
  return put (tx, write, item, (BaruaText){ body->str, body->len }, attachments, error);
}

/* Puts or deletes a local document. */
static gboolean
put_local (BaruaTx *tx, const BaruaDocumentWrite *write, BaruaItem *item, GError **error)
{
  const BaruaText body = { item->body->str, item->body->len };
  GError *verdict = NULL;

  if (!item->is_deleted)
    return barua_tx_put_local (tx, write->call.db, item->id, item->rev, body, &item->written,
                               &verdict)
           || take_verdict (write, item, verdict, error);
  if (!barua_tx_delete_local (tx, write->call.db, item->id, item->rev, &verdict))
    return take_verdict (write, item, verdict, error);
  g_snprintf (item->written.id, sizeof item->written.id, "%.*s", (int)item->id.n, item->id.p);
  g_strlcpy (item->written.rev, "0-0", sizeof item->written.rev);
  return TRUE;
}

/* What follows from a document that was stored. */
static gboolean
follow_up (BaruaTx *tx, BaruaDocumentWrite *write, BaruaItem *item, GError **error)
{
  if (write->call.db == NULL)
    {
      write->settings_changed
          = write->settings_changed || barua_settings_is_source (barua_text (item->written.id));
      return item->inherits
             || barua_document_run_rules (tx, write->settings, item, write->now_ms, error);
    }
  return strcmp (write->call.db, BARUA_DB_USERS) != 0 || barua_user_item_apply (tx, item, error);
}

/* One item, from the question whether it may be written to what follows from it. */
static gboolean
store_item (BaruaTx *tx, BaruaDocumentWrite *write, BaruaItem *item, GError **error)
{
  gboolean may_write = FALSE;

  item->is_stored = TRUE;
  if (!check_access (tx, write, item, &may_write, error))
    return FALSE;
  if (!may_write)
    barua_item_fail (item, BARUA_HTTP_ERROR_FORBIDDEN, ADMIN_ONLY);
  else if (item->is_local)
    return put_local (tx, write, item, error);
  else if (item->is_plain_deletion && !judge_deletion (tx, write, item, error))
    return FALSE;
  if (item->is_stored && !put_item (tx, write, item, error))
    return FALSE;
  return !item->is_stored || follow_up (tx, write, item, error);
}

/* Job: every item; only what nobody could store ends it. */
static gboolean
store_items (BaruaTx *tx, gpointer data, GError **error)
{
  BaruaDocumentWrite *write = data;

  if (!barua_call_check_database (&write->call, barua_tx_reader (tx), error))
    return FALSE;
  write->settings_changed = FALSE;
  for (guint i = 0; i < write->items->len; i++)
    {
      BaruaItem *item = &g_array_index (write->items, BaruaItem, i);
      if (!item->is_refused && !store_item (tx, write, item, error))
        return FALSE;
    }
  return TRUE;
}

/* ---- before and after ---- */

/* Answers the failure of the whole request. */
static void
fail (BaruaDocumentWrite *write, const GError *error)
{
  barua_call_fail (&write->call, error);
  barua_document_write_free (write);
}

static void
settings_reloaded (gpointer data)
{
  BaruaDocumentWrite *write = data;

  write->reply (write);
  barua_document_write_free (write);
}

/* Has the accounts checked again whose documents were written. */
static void
forget_accounts (BaruaDocumentWrite *write)
{
  for (guint i = 0; i < write->items->len; i++)
    {
      const char *name
          = barua_user_name_of_id (g_array_index (write->items, BaruaItem, i).written.id);
      if (name != NULL)
        barua_auth_forget (write->call.app->auth, name);
    }
}

static void
items_stored (GObject *source, GAsyncResult *result, gpointer user_data)
{
  BaruaDocumentWrite *write = user_data;
  g_autoptr (GError) error = NULL;

  if (!barua_store_write_finish (write->call.app->store, result, &error))
    {
      fail (write, error);
      return;
    }
  if (write->call.db != NULL && strcmp (write->call.db, BARUA_DB_USERS) == 0)
    forget_accounts (write);
  if (write->settings_changed)
    barua_settings_reload (write->call.app, settings_reloaded, write);
  else
    settings_reloaded (write);
}

/* How much the items were made of. */
static gsize
count_bytes (const BaruaDocumentWrite *write)
{
  GBytes *body = barua_request_body (write->call.request);

  return write->n_bytes + (body != NULL ? g_bytes_get_size (body) : 0);
}

/* Hands the items to the writer. */
static void
store (BaruaDocumentWrite *write)
{
  barua_store_write_async (write->call.app->store, store_items, write, NULL, count_bytes (write),
                           NULL, items_stored, write);
}

/* barua_password_run(): hashes the passwords of user documents. */
static void
hash_passwords (gpointer data)
{
  BaruaDocumentWrite *write = data;

  for (guint i = 0; i < write->items->len && write->error == NULL; i++)
    barua_user_item_hash (&g_array_index (write->items, BaruaItem, i), &write->error);
}

static void
passwords_hashed (gpointer data)
{
  BaruaDocumentWrite *write = data;

  if (write->error != NULL)
    fail (write, write->error);
  else
    store (write);
}

/* Whether an item brought a password. */
static gboolean
has_passwords (const BaruaDocumentWrite *write)
{
  for (guint i = 0; i < write->items->len; i++)
    if (g_array_index (write->items, BaruaItem, i).password != NULL)
      return TRUE;
  return FALSE;
}

/* Takes all items apart. Any thread. */
static gboolean
read_items (BaruaDocumentWrite *write, GError **error)
{
  const BaruaItemRules rules = {
    .is_seed = write->call.is_seed,
    .is_users = write->call.db != NULL && strcmp (write->call.db, BARUA_DB_USERS) == 0,
  };

  for (guint i = 0; i < write->items->len; i++)
    if (!barua_item_read (&g_array_index (write->items, BaruaItem, i), rules, write->call.arena,
                          error))
      return FALSE;
  return TRUE;
}

/* The items are read: hash, or store at once. */
static void
proceed (BaruaDocumentWrite *write)
{
  if (has_passwords (write))
    barua_password_run (hash_passwords, passwords_hashed, write);
  else
    store (write);
}

/* GTask, on a worker. */
static void
read_in_thread (GTask *task, gpointer source_object, gpointer data, GCancellable *cancellable)
{
  GError *error = NULL;

  if (read_items (data, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
items_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  BaruaDocumentWrite *write = user_data;
  g_autoptr (GError) error = NULL;

  if (g_task_propagate_boolean (G_TASK (result), &error))
    proceed (write);
  else
    fail (write, error);
}

void
barua_document_write_run (BaruaDocumentWrite *write, BaruaWriteReply reply)
{
  g_autoptr (GError) error = NULL;

  write->reply = reply;
  if (count_bytes (write) >= LARGE_BYTES)
    {
      g_autoptr (GTask) task = g_task_new (NULL, NULL, items_read, write);
      g_task_set_task_data (task, write, NULL);
      g_task_run_in_thread (task, read_in_thread);
    }
  else if (read_items (write, &error))
    proceed (write);
  else
    fail (write, error);
}

void
barua_document_write_reply_single (BaruaDocumentWrite *write)
{
  const BaruaItem *item = &g_array_index (write->items, BaruaItem, 0);
  g_autoptr (GString) rev = g_string_new (NULL);

  if (!item->is_stored)
    {
      gboolean is_short = item->code == BARUA_HTTP_ERROR_CONFLICT && write->call.is_seed;
      barua_request_fail (write->call.request, item->code,
                          item->reason.p != NULL ? item->reason.p
                          : is_short             ? "conflict"
                                                 : NULL,
                          NULL);
      return;
    }
  barua_item_append_rev (rev, item);
  barua_call_reply_written (&write->call, write->is_deletion || item->is_deleted ? 200 : 201,
                            item->id.p != NULL ? item->id : barua_text (item->written.id),
                            (BaruaText){ rev->str, rev->len });
}
