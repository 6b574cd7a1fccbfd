/* SPDX-License-Identifier: MIT */

/* Local documents: checkpoints of replication (documents.md 8.7). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/document-common.h"
#include "gateway/api/handlers.h"
#include "gateway/api/document-item.h"
#include "gateway/store/store-databases.h"

/* One call, from the main loop to the store and back. */
typedef struct
{
  BaruaCall call;
  BaruaText id; /* with `_local/` */
  BaruaText rev;
  GString *body;
  gboolean is_deletion;
  BaruaWritten written;
} Local;

static void
local_free (gpointer data)
{
  Local *local = data;

  if (local->body != NULL)
    g_string_free (local->body, TRUE);
  barua_call_close (&local->call);
  g_free (local);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Local, local_free)

static Local *
local_new (BaruaRequest *request, BaruaApp *app, BaruaAccess access)
{
  BaruaCall call;

  if (!barua_call_open (&call, request, app, access))
    return NULL;
  Local *local = g_new0 (Local, 1);
  g_autofree char *id = g_strconcat ("_local/", barua_request_param (request, "local"), NULL);
  local->call = call;
  local->id = barua_arena_copy (call.arena, barua_text (id));
  local->body = g_string_new (NULL);
  return local;
}

/* Query */
static gboolean
read_local (BaruaReader *reader, gpointer data, GError **error)
{
  Local *local = data;

  if (!barua_call_check_database (&local->call, reader, error))
    return FALSE;
  g_autoptr (BaruaDocument) document
      = barua_reader_get_local (reader, local->call.db, local->id, error);
  if (document == NULL)
    return FALSE;
  g_string_truncate (local->body, 0);
  barua_document_append (local->body, document->id, document->rev, document->body, FALSE);
  return TRUE;
}

static void
local_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Local) local = user_data;
  g_autoptr (GError) error = NULL;

  if (barua_store_read_finish (local->call.app->store, result, &error))
    barua_call_reply (&local->call, &local->body);
  else
    barua_call_fail (&local->call, error);
}

void
barua_api_local_get (BaruaRequest *request, gpointer app)
{
  Local *local = local_new (request, app, BARUA_ACCESS_READ);

  if (local != NULL)
    barua_store_read_async (local->call.app->store, read_local, local, NULL, NULL, local_read,
                            local);
}

/* Job */
static gboolean
write_local (BaruaTx *tx, gpointer data, GError **error)
{
  Local *local = data;
  const BaruaText body = { local->body->str, local->body->len };

  if (!barua_call_check_database (&local->call, barua_tx_reader (tx), error))
    return FALSE;
  return local->is_deletion
             ? barua_tx_delete_local (tx, local->call.db, local->id, local->rev, error)
             : barua_tx_put_local (tx, local->call.db, local->id, local->rev, body, &local->written,
                                   error);
}

static void
local_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Local) local = user_data;
  g_autoptr (GError) error = NULL;

  if (!barua_store_write_finish (local->call.app->store, result, &error))
    barua_call_fail (&local->call, error);
  else if (local->is_deletion)
    barua_call_reply_written (&local->call, 200, local->id, BARUA_TEXT ("0-0"));
  else
    barua_call_reply_written (&local->call, 201, local->id, barua_text (local->written.rev));
}

static void
local_run (Local *local)
{
  barua_store_write_async (local->call.app->store, write_local, local, NULL, local->body->len, NULL,
                           local_written, local);
}

/* Takes the document apart; FALSE after an answer. */
static gboolean
take_body (Local *local, BaruaJson json)
{
  BaruaRequest *request = local->call.request;
  BaruaSpecialMembers special;

  if (json.text == NULL || barua_json_type (json) != BARUA_JSON_OBJECT)
    {
      barua_request_fail (
          request, BARUA_HTTP_ERROR_BAD_REQUEST,
          json.text == NULL ? "invalid UTF-8 JSON" : "Document must be a JSON object", NULL);
      return FALSE;
    }
  barua_document_split (json, &special, local->body);
  local->is_deletion = barua_json_type (special.deleted) == BARUA_JSON_TRUE;
  if (barua_json_size (special.attachments) > 0)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST,
                          "_local documents do not accept attachments.", NULL);
      return FALSE;
    }
  if (local->body->len > BARUA_DOCUMENT_MAX_BYTES)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_DOCUMENT_TOO_LARGE, local->id.p, NULL);
      return FALSE;
    }
  return barua_request_edit_rev (request, barua_arena_json_text (local->call.arena, special.rev),
                                 &local->rev);
}

void
barua_api_local_put (BaruaRequest *request, gpointer app)
{
  g_autoptr (Local) local = local_new (request, app, BARUA_ACCESS_WRITE);

  if (local != NULL && take_body (local, barua_request_json (request)))
    local_run (g_steal_pointer (&local));
}

void
barua_api_local_delete (BaruaRequest *request, gpointer app)
{
  g_autoptr (Local) local = local_new (request, app, BARUA_ACCESS_WRITE);

  if (local == NULL || !barua_request_edit_rev (request, (BaruaText){ NULL, 0 }, &local->rev))
    return;
  local->is_deletion = TRUE;
  local_run (g_steal_pointer (&local));
}

/* A path below a local document: those have no attachments. */
void
barua_api_local_deep (BaruaRequest *request, gpointer app)
{
  barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST,
                      "_local documents do not accept attachments.", NULL);
}
