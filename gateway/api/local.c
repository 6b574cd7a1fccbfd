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

/* ---- listing ---- */

/* An answer that is made in memory has an end. */
#define MAX_LIST_BYTES (64u * 1024u * 1024u)

/* `_local_docs`, as it is written. */
typedef struct
{
  BaruaCall call;
  BaruaText start;
  BaruaText end; /* absent: to the last one */
  gboolean is_descending;
  gboolean excludes_end;
  gint64 limit;
  gint64 skip;
  gint64 to_skip;
  gint64 n;
  gboolean includes_docs;
  GString *out;
} LocalList;

static void
list_free (gpointer data)
{
  LocalList *list = data;

  if (list->out != NULL)
    g_string_free (list->out, TRUE);
  barua_call_close (&list->call);
  g_free (list);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LocalList, list_free)

/* Whether an id is behind the end of the range. */
static gboolean
is_behind (const LocalList *list, BaruaText id)
{
  if (list->end.p == NULL)
    return FALSE;
  const int order = barua_text_compare (id, list->end);
  return order == 0 ? list->excludes_end : (order > 0) != list->is_descending;
}

/* BaruaLocalFunc */
static gboolean
append_local (BaruaText id, gint64 k, BaruaText body, gpointer data)
{
  LocalList *list = data;
  char rev[24];

  if (list->n == list->limit || list->out->len > MAX_LIST_BYTES || is_behind (list, id))
    return FALSE;
  if (list->to_skip > 0)
    {
      list->to_skip--;
      return TRUE;
    }
  g_snprintf (rev, sizeof rev, "0-%" G_GINT64_FORMAT, k);
  g_string_append (list->out, list->n++ > 0 ? ",\n{\"id\":" : "\n{\"id\":");
  barua_json_append_string (list->out, id);
  g_string_append (list->out, ",\"key\":");
  barua_json_append_string (list->out, id);
  g_string_append_printf (list->out, ",\"value\":{\"rev\":\"%s\"}", rev);
  if (list->includes_docs)
    {
      g_string_append (list->out, ",\"doc\":");
      barua_document_append (list->out, id, barua_text (rev), body, FALSE);
    }
  g_string_append_c (list->out, '}');
  return TRUE;
}

/* Query */
static gboolean
list_local (BaruaReader *reader, gpointer data, GError **error)
{
  LocalList *list = data;

  if (!barua_call_check_database (&list->call, reader, error))
    return FALSE;
  list->n = 0;
  list->to_skip = list->skip;
  /* how many there are is not known, nor where the first one stands */
  g_string_assign (list->out, "{\"total_rows\":null,\"offset\":null,\"rows\":[");
  if (!barua_reader_list_local (reader, list->call.db, list->start, list->is_descending, append_local, list,
                                error))
    return FALSE;
  g_string_append (list->out, "\n]}");
  if (list->out->len <= MAX_LIST_BYTES)
    return TRUE;
  barua_answer_too_large (error);
  return FALSE;
}

static void
local_listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (LocalList) list = user_data;
  g_autoptr (GError) error = NULL;

  if (barua_store_read_finish (list->call.app->store, result, &error))
    barua_call_reply (&list->call, &list->out);
  else
    barua_call_fail (&list->call, error);
}

/* Reads which ones are asked for; FALSE after an answer. */
static gboolean
take_range (LocalList *list, BaruaRequest *request)
{
  BaruaJson key = BARUA_JSON_NONE, start = BARUA_JSON_NONE, end = BARUA_JSON_NONE;
  gboolean includes_end = TRUE;

  if (!barua_request_take_integer (request, "limit", &list->limit)
      || !barua_request_take_integer (request, "skip", &list->skip)
      || !barua_request_take_boolean (request, "include_docs", &list->includes_docs)
      || !barua_request_take_boolean (request, "descending", &list->is_descending)
      || !barua_request_take_boolean (request, "inclusive_end", &includes_end)
      || !barua_request_take_json (request, "key", NULL, &key)
      || !barua_request_take_json (request, "startkey", "start_key", &start)
      || !barua_request_take_json (request, "endkey", "end_key", &end))
    return FALSE;
  list->excludes_end = !includes_end && key.text == NULL;
  list->start = barua_arena_json_text (list->call.arena, key.text != NULL ? key : start);
  if (list->start.p == NULL) /* the prefix of all of them, or the character that follows its last */
    list->start = list->is_descending ? BARUA_TEXT ("_local0") : BARUA_TEXT ("");
  list->end = barua_arena_json_text (list->call.arena, key.text != NULL ? key : end);
  return TRUE;
}

/* `GET {db}/_local_docs`: by id, a range of them if one is named (documents.md 8.7). */
void
barua_api_local_list (BaruaRequest *request, gpointer app)
{
  BaruaCall call;

  if (!barua_call_open (&call, request, app, BARUA_ACCESS_READ))
    return;
  g_autoptr (LocalList) list = g_new0 (LocalList, 1);
  list->call = call;
  list->limit = -1;
  if (!take_range (list, request))
    return;
  list->out = g_string_new (NULL);
  LocalList *data = g_steal_pointer (&list);
  barua_store_read_async (data->call.app->store, list_local, data, NULL, NULL, local_listed, data);
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
