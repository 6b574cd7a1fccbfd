/* SPDX-License-Identifier: MIT */

/* Attachments by themselves (documents.md 8.3). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/document-write.h"
#include "gateway/api/download.h"
#include "gateway/api/handlers.h"
#include "gateway/store/store-attachments.h"

/* ---- reading ---- */

/* One attachment that is asked for. */
typedef struct
{
  BaruaCall call;
  BaruaText id;
  BaruaText rev;
  BaruaText name;
  BaruaAttachment found;
  char *type;
} Reading;

static void
reading_free (Reading *reading)
{
  g_free (reading->type);
  barua_call_close (&reading->call);
  g_free (reading);
}

static gboolean
fail_not_found (GError **error, const char *reason)
{
  g_set_error_literal (error, BARUA_HTTP_ERROR, BARUA_HTTP_ERROR_NOT_FOUND, reason);
  return FALSE;
}

/* Query: which bytes the attachment has. */
static gboolean
find_attachment (BaruaReader *reader, gpointer data, GError **error)
{
  Reading *reading = data;
  BaruaCall *call = &reading->call;

  if (!barua_call_check_database (call, reader, error))
    return FALSE;
  g_autoptr (BaruaDocument) document
      = reading->rev.p != NULL
            ? barua_reader_get_revision (reader, call->db, reading->id, reading->rev, error)
            : barua_reader_get_document (reader, call->db, reading->id, error);
  if (document == NULL)
    return FALSE;
  if (document->is_hidden && call->db == NULL && !call->is_admin)
    return fail_not_found (error, "missing");
  const BaruaAttachment *attachment = barua_document_find_attachment (document, reading->name);
  if (attachment == NULL)
    return fail_not_found (error, "Document is missing attachment");
  reading->found = *attachment;
  g_free (reading->type);
  reading->type = g_strndup (attachment->type.p, attachment->type.n);
  reading->found.type = barua_text (reading->type);
  return TRUE;
}

static void
attachment_found (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Reading *reading = user_data;
  g_autoptr (GError) error = NULL;

  if (barua_store_read_finish (reading->call.app->store, result, &error))
    barua_download_send (reading->call.request, reading->call.app, &reading->found);
  else
    barua_call_fail (&reading->call, error);
  reading_free (reading);
}

void
barua_api_attachment_get (BaruaRequest *request, gpointer app)
{
  BaruaCall call;

  if (!barua_call_open (&call, request, app, BARUA_ACCESS_READ))
    return;
  Reading *reading = g_new0 (Reading, 1);
  g_autofree char *id = barua_request_document_id (request);
  reading->call = call;
  reading->id = barua_arena_copy (call.arena, barua_text (id));
  reading->rev = barua_text (barua_request_parameter (request, "rev", NULL));
  reading->name = barua_text (barua_request_param (request, "name"));
  barua_store_read_async (call.app->store, find_attachment, reading, NULL, NULL, attachment_found,
                          reading);
}

/* ---- writing ---- */

/* Begins a write about one attachment; NULL after an answer. */
static BaruaDocumentWrite *
write_new (BaruaRequest *request, BaruaApp *app)
{
  g_autoptr (BaruaDocumentWrite) write = barua_document_write_new (request, app);
  BaruaText rev;

  if (write == NULL)
    return NULL;
  BaruaText name = barua_text (barua_request_param (request, "name"));
  g_autofree char *id = barua_request_document_id (request);
  g_autofree char *fault = barua_attachment_name_check (name);
  if (fault != NULL)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, fault, NULL);
      return NULL;
    }
  if (!barua_request_edit_rev (request, (BaruaText){ NULL, 0 }, &rev))
    return NULL;
  BaruaItem *item = barua_document_write_add (write);
  item->id = barua_arena_copy (write->call.arena, barua_text (id));
  item->rev = rev;
  item->inherits = TRUE;
  item->attachment = name;
  return g_steal_pointer (&write);
}

/* The bytes of the request as they wait, in memory or in a file. */
static BaruaAttachmentEdit
uploaded (BaruaRequest *request)
{
  BaruaAttachmentEdit edit = { .source = BARUA_ATTACHMENT_BYTES };
  GBytes *body = barua_request_body (request);

  edit.type = barua_text (barua_request_header (request, "Content-Type"));
  edit.length = barua_request_body_length (request);
  if (barua_request_body_kind (request) == BARUA_BODY_KIND_FILE)
    {
      edit.source = BARUA_ATTACHMENT_FILE;
      edit.fd = barua_request_body_fd (request);
    }
  else if (body != NULL)
    edit.bytes.p = g_bytes_get_data (body, &edit.bytes.n);
  if (edit.bytes.p == NULL)
    edit.bytes = BARUA_TEXT ("");
  return edit;
}

void
barua_api_attachment_put (BaruaRequest *request, gpointer app)
{
  BaruaDocumentWrite *write = write_new (request, app);

  if (write == NULL)
    return;
  BaruaItem *item = &g_array_index (write->items, BaruaItem, 0);
  BaruaAttachmentEdit edit = uploaded (request);
  edit.name = item->attachment;
  item->attachments = g_array_new (FALSE, FALSE, sizeof (BaruaAttachmentEdit));
  g_array_append_val (item->attachments, edit);
  barua_document_write_run (write, barua_document_write_reply_single);
}

void
barua_api_attachment_delete (BaruaRequest *request, gpointer app)
{
  BaruaDocumentWrite *write = write_new (request, app);

  if (write == NULL)
    return;
  write->is_deletion = TRUE;
  barua_document_write_run (write, barua_document_write_reply_single);
}
