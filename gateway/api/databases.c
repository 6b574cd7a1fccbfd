/* SPDX-License-Identifier: MIT */

/* Databases: made, described, dropped, and what is kept with them (documents.md 8.2). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/document-common.h"
#include "gateway/api/handlers.h"
#include "gateway/http/query.h"
#include "gateway/store/store-databases.h"

#include <string.h>

#define OK "{\"ok\":true}"

#define ILLEGAL_NAME                                                                               \
  "Name: '%s'. Only lowercase characters (a-z), digits (0-9), and any of the characters _, $, (, " \
  "), +, -, and / are allowed. Must begin with a letter."

/* One call about a database, from the main loop to the store and back. */
typedef struct
{
  BaruaCall call;
  BaruaText json;
  gint64 number;
  gboolean is_compacting;
  gboolean is_creation;
  guint status; /* of success */
  GString *out;
} Operation;

static void
operation_free (gpointer data)
{
  Operation *operation = data;

  if (operation->out != NULL)
    g_string_free (operation->out, TRUE);
  barua_call_close (&operation->call);
  g_free (operation);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Operation, operation_free)

static Operation *
operation_new (BaruaRequest *request, BaruaApp *app, BaruaAccess access)
{
  BaruaCall call;

  if (!barua_call_open (&call, request, app, access))
    return NULL;
  Operation *operation = g_new0 (Operation, 1);
  operation->call = call;
  operation->status = 200;
  operation->out = g_string_new (NULL);
  return operation;
}

/* Answers with what the operation has written. */
static void
finish (Operation *operation, const GError *error)
{
  if (error != NULL)
    barua_call_fail (&operation->call, error);
  else
    barua_call_reply_status (&operation->call, operation->status, &operation->out);
  operation_free (operation);
}

static void
operation_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Operation *operation = user_data;
  g_autoptr (GError) error = NULL;

  barua_store_read_finish (operation->call.app->store, result, &error);
  finish (operation, error);
}

/* Says where the new database is. */
static void
add_location (const Operation *operation)
{
  BaruaRequest *request = operation->call.request;
  g_autofree char *origin = barua_request_origin (request);
  g_autofree char *name = barua_percent_encode (operation->call.name);
  g_autofree char *location = g_strconcat (origin != NULL ? origin : "", "/", name, NULL);

  barua_request_add_header (request, "Location", location);
}

static void
operation_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Operation *operation = user_data;
  g_autoptr (GError) error = NULL;

  if (barua_store_write_finish (operation->call.app->store, result, &error))
    g_string_assign (operation->out, OK);
  if (error == NULL && operation->is_creation)
    add_location (operation);
  finish (operation, error);
}

/* Runs a query; takes @operation, which may be NULL after an answer. */
static void
read_with (Operation *operation, BaruaQuery query)
{
  if (operation != NULL)
    barua_store_read_async (operation->call.app->store, query, operation, NULL, NULL,
                            operation_read, operation);
}

/* Runs a job; takes @operation, which may be NULL after an answer. */
static void
write_with (Operation *operation, BaruaJob job)
{
  if (operation != NULL)
    barua_store_write_async (operation->call.app->store, job, operation, NULL,
                             operation->json.n + 256, NULL, operation_written, operation);
}

/* ---- the database itself ---- */

/* Query: `GET /{db}`. */
static gboolean
describe (BaruaReader *reader, gpointer data, GError **error)
{
  Operation *operation = data;
  BaruaDatabaseInfo info;

  if (!barua_call_check_database (&operation->call, reader, error)
      || !barua_reader_database_info (reader, operation->call.db, &info, error))
    return FALSE;
  g_string_assign (operation->out, "{\"db_name\":");
  barua_json_append_string (operation->out, barua_text (operation->call.name));
  g_string_append_printf (
      operation->out,
      ",\"update_seq\":%" G_GINT64_FORMAT ",\"doc_count\":%" G_GINT64_FORMAT
      ",\"doc_del_count\":%" G_GINT64_FORMAT
      ",\"purge_seq\":0,\"sizes\":{\"file\":%" G_GINT64_FORMAT ",\"external\":%" G_GINT64_FORMAT
      ",\"active\":%" G_GINT64_FORMAT "},"
      "\"compact_running\":%s,\"disk_format_version\":1,\"instance_start_time\":\"0\","
      "\"props\":{},\"cluster\":{\"q\":1,\"n\":1,\"w\":1,\"r\":1}}",
      info.update_seq, info.live, info.deleted, info.file_bytes, info.file_bytes, info.file_bytes,
      operation->is_compacting ? "true" : "false");
  return TRUE;
}

void
barua_api_database_get (BaruaRequest *request, gpointer app)
{
  Operation *operation = operation_new (request, app, BARUA_ACCESS_READ);

  if (operation != NULL)
    operation->is_compacting
        = barua_store_is_compacting (operation->call.app->store, operation->call.db);
  read_with (operation, describe);
}

/* Job */
static gboolean
create (BaruaTx *tx, gpointer data, GError **error)
{
  return barua_tx_create_database (tx, ((Operation *)data)->call.name, error);
}

/* Whether a database of this name is made by the program alone. */
static gboolean
is_own_name (const char *name)
{
  return strcmp (name, BARUA_DB_USERS) == 0 || strcmp (name, "_replicator") == 0;
}

void
barua_api_database_put (BaruaRequest *request, gpointer app)
{
  Operation *operation = operation_new (request, app, BARUA_ACCESS_MANAGE);

  if (operation == NULL)
    return;
  const char *name = operation->call.name;
  if (operation->call.db != NULL && !is_own_name (name)
      && !barua_database_name_is_valid (barua_text (name)))
    {
      g_autofree char *reason = g_strdup_printf (ILLEGAL_NAME, name);
      barua_request_fail (request, BARUA_HTTP_ERROR_ILLEGAL_DATABASE_NAME, reason, NULL);
      operation_free (operation);
      return;
    }
  operation->status = 201;
  operation->is_creation = TRUE;
  write_with (operation, create);
}

/* Job */
static gboolean
drop (BaruaTx *tx, gpointer data, GError **error)
{
  Operation *operation = data;

  return barua_call_check_database (&operation->call, barua_tx_reader (tx), error)
         && barua_tx_drop_database (tx, operation->call.name, error);
}

/* `DELETE /{db}`. With a `rev` it is a document's whose id got lost on the way: CouchDB refuses
 * that too, for what is at stake. */
void
barua_api_database_delete (BaruaRequest *request, gpointer app)
{
  if (barua_request_query (request, "rev") != NULL)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST,
                          "You tried to DELETE a database with a ?=rev parameter. "
                          "Did you mean to DELETE a document instead?",
                          NULL);
      return;
    }
  write_with (operation_new (request, app, BARUA_ACCESS_MANAGE), drop);
}

/* ---- care ---- */

/* Query: whether there is anything to take care of. */
static gboolean
check (BaruaReader *reader, gpointer data, GError **error)
{
  Operation *operation = data;

  g_string_assign (operation->out, OK);
  return barua_call_check_database (&operation->call, reader, error);
}

static void
compaction_checked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Operation *operation = user_data;
  BaruaStore *store = operation->call.app->store;
  g_autoptr (GError) error = NULL;

  if (barua_store_read_finish (store, result, &error)
      && !barua_store_is_compacting (store, operation->call.db))
    barua_store_compact_async (store, operation->call.db, NULL, NULL, NULL);
  finish (operation, error);
}

/* Answered when it begins. */
void
barua_api_compact (BaruaRequest *request, gpointer app)
{
  Operation *operation = operation_new (request, app, BARUA_ACCESS_MANAGE);

  if (operation == NULL)
    return;
  operation->status = 202;
  barua_store_read_async (operation->call.app->store, check, operation, NULL, NULL,
                          compaction_checked, operation);
}

/* Views of the registry are never left over: there is nothing to clean. */
void
barua_api_view_cleanup (BaruaRequest *request, gpointer app)
{
  read_with (operation_new (request, app, BARUA_ACCESS_MANAGE), check);
}

/* Query */
static gboolean
check_commit (BaruaReader *reader, gpointer data, GError **error)
{
  Operation *operation = data;

  g_string_assign (operation->out, "{\"ok\":true,\"instance_start_time\":\"0\"}");
  return barua_call_check_database (&operation->call, reader, error);
}

/* Every answer to a write comes after its commit. */
void
barua_api_ensure_full_commit (BaruaRequest *request, gpointer app)
{
  Operation *operation = operation_new (request, app, BARUA_ACCESS_WRITE);

  if (operation != NULL)
    operation->status = 201;
  read_with (operation, check_commit);
}

/* ---- _security, _revs_limit ---- */

/* Query */
static gboolean
read_security (BaruaReader *reader, gpointer data, GError **error)
{
  Operation *operation = data;
  g_autofree char *json = NULL;

  if (!barua_call_check_database (&operation->call, reader, error)
      || !barua_reader_get_security (reader, operation->call.db, &json, error))
    return FALSE;
  g_string_assign (operation->out, json);
  return TRUE;
}

void
barua_api_security_get (BaruaRequest *request, gpointer app)
{
  read_with (operation_new (request, app, BARUA_ACCESS_READ), read_security);
}

/* Job */
static gboolean
write_security (BaruaTx *tx, gpointer data, GError **error)
{
  Operation *operation = data;

  return barua_call_check_database (&operation->call, barua_tx_reader (tx), error)
         && barua_tx_put_security (tx, operation->call.db, operation->json, error);
}

void
barua_api_security_put (BaruaRequest *request, gpointer app)
{
  BaruaJson json = barua_request_json (request);
  Operation *operation = operation_new (request, app, BARUA_ACCESS_MANAGE);

  if (operation == NULL)
    return;
  if (barua_json_type (json) != BARUA_JSON_OBJECT)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST,
                          "Request body must be a JSON object", NULL);
      operation_free (operation);
      return;
    }
  operation->json = (BaruaText){ json.text, json.length };
  write_with (operation, write_security);
}

/* Query */
static gboolean
read_revs_limit (BaruaReader *reader, gpointer data, GError **error)
{
  Operation *operation = data;
  gint64 limit = 0;

  if (!barua_call_check_database (&operation->call, reader, error)
      || !barua_reader_get_revs_limit (reader, operation->call.db, &limit, error))
    return FALSE;
  g_string_printf (operation->out, "%" G_GINT64_FORMAT, limit);
  return TRUE;
}

void
barua_api_revs_limit_get (BaruaRequest *request, gpointer app)
{
  read_with (operation_new (request, app, BARUA_ACCESS_READ), read_revs_limit);
}

/* Job */
static gboolean
write_revs_limit (BaruaTx *tx, gpointer data, GError **error)
{
  Operation *operation = data;

  return barua_call_check_database (&operation->call, barua_tx_reader (tx), error)
         && barua_tx_put_revs_limit (tx, operation->call.db, operation->number, error);
}

void
barua_api_revs_limit_put (BaruaRequest *request, gpointer app)
{
  Operation *operation = operation_new (request, app, BARUA_ACCESS_MANAGE);

  if (operation == NULL)
    return;
  if (!barua_json_integer (barua_request_json (request), &operation->number)
      || operation->number < 1)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST,
                          "`_revs_limit` must be a positive integer", NULL);
      operation_free (operation);
      return;
    }
  write_with (operation, write_revs_limit);
}

/* ---- not made ---- */

void
barua_api_document_not_implemented (BaruaRequest *request, gpointer app)
{
  barua_request_fail (request, BARUA_HTTP_ERROR_NOT_IMPLEMENTED, NULL, NULL);
}
