/* SPDX-License-Identifier: MIT */

/* `COPY {db}/{id}` with a Destination (documents.md 12): the document is read whole, then written
 * under its other id as any document is. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/document-read.h"
#include "gateway/api/document-write.h"
#include "gateway/api/handlers.h"
#include "gateway/store/store-revisions.h"

#include <string.h>

/* Bytes of a document with its attachments, in base64, that is copied: it passes through memory. */
#define MAX_COPY_BYTES (32u * 1024u * 1024u)

/* One copy. */
typedef struct
{
  BaruaDocumentWrite *write;
  BaruaText id;
  BaruaText rev; /* absent: the winner */
  BaruaText to;
  BaruaText to_rev; /* absent: the document at @to is new */
  BaruaJson json;   /* what is written, in the arena */
} Copy;

static void
copy_free (gpointer data)
{
  Copy *copy = data;

  g_clear_pointer (&copy->write, barua_document_write_free);
  g_free (copy);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Copy, copy_free)

static gboolean
refuse (BaruaRequest *request, const char *reason)
{
  barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, reason, NULL);
  return FALSE;
}

/* Reads `Destination: id` or `id?rev=…`, the id percent-encoded; FALSE after an answer. */
static gboolean
take_destination (Copy *copy, BaruaRequest *request)
{
  const char *header = barua_request_header (request, "Destination");
  BaruaArena *arena = copy->write->call.arena;

  if (header == NULL || *header == '\0')
    return refuse (request, "Destination header is mandatory for COPY.");
  if (strstr (header, "://") != NULL)
    return refuse (request, "Destination URL must be relative.");
  g_auto (GStrv) parts = g_strsplit (header, "?rev=", 2);
  g_autofree char *id = g_uri_unescape_string (parts[0], NULL);
  if (id == NULL || *id == '\0' || !g_utf8_validate (id, -1, NULL))
    return refuse (request, "Destination header is not the id of a document.");
  copy->to = barua_arena_copy (arena, barua_text (id));
  if (parts[1] != NULL)
    copy->to_rev = barua_arena_copy (arena, barua_text (parts[1]));
  return TRUE;
}

/* Query: the document with its attachments inline, without what belongs to the source alone. */
static gboolean
read_source (BaruaReader *reader, gpointer data, GError **error)
{
  Copy *copy = data;
  BaruaCall *call = &copy->write->call;
  const BaruaShape shape = { .has_data = TRUE };
  static const BaruaMemberEdit without[] = { { .name = "_id" }, { .name = "_rev" } };
  g_autoptr (GString) whole = g_string_new (NULL);
  g_autoptr (GString) json = g_string_new (NULL);
  gint64 bytes = 0;

  if (!barua_call_check_database (call, reader, error))
    return FALSE;
  g_autoptr (BaruaDocument) document
      = copy->rev.p != NULL
            ? barua_reader_get_revision (reader, call->db, copy->id, copy->rev, error)
            : barua_reader_get_document (reader, call->db, copy->id, error);
  if (document == NULL)
    return FALSE;
  if (document->is_hidden && call->db == NULL && !call->is_admin)
    {
      g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND, "missing");
      return FALSE;
    }
  for (gsize i = 0; i < document->n_attachments; i++)
    bytes += document->attachments[i].length;
  if (bytes / 3 * 4 > MAX_COPY_BYTES)
    {
      barua_answer_too_large (error);
      return FALSE;
    }
  if (!barua_document_append_shaped (whole, reader, call->db, document, NULL, &shape, error))
    return FALSE;
  barua_document_edit (json, (BaruaJson){ whole->str, whole->len }, without,
                       G_N_ELEMENTS (without));
  BaruaText kept = barua_arena_copy (call->arena, (BaruaText){ json->str, json->len });
  copy->json = (BaruaJson){ kept.p, kept.n };
  return TRUE;
}

static void
source_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Copy) copy = user_data;
  BaruaCall *call = &copy->write->call;
  g_autoptr (GError) error = NULL;

  if (!barua_store_read_finish (call->app->store, result, &error))
    {
      barua_call_fail (call, error);
      return;
    }
  BaruaItem *item = barua_document_write_add (copy->write);
  item->json = copy->json;
  item->id = copy->to;
  item->rev = copy->to_rev;
  copy->write->n_bytes = copy->json.length;
  barua_document_write_run (g_steal_pointer (&copy->write), barua_document_write_reply_single);
}

void
barua_api_document_copy (BaruaRequest *request, gpointer app)
{
  g_autoptr (Copy) copy = g_new0 (Copy, 1);

  copy->write = barua_document_write_new (request, app);
  if (copy->write == NULL || !take_destination (copy, request))
    return;
  g_autofree char *id = barua_request_document_id (request);
  copy->id = barua_arena_copy (copy->write->call.arena, barua_text (id));
  copy->rev = barua_text (barua_request_parameter (request, "rev", NULL));
  Copy *data = g_steal_pointer (&copy);
  barua_store_read_async (data->write->call.app->store, read_source, data, NULL, NULL, source_read,
                          data);
}
