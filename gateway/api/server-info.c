/* SPDX-License-Identifier: MIT */

/* What the server says about itself (documents.md 8.1). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/failure.h"
#include "gateway/api/handlers.h"
#include "gateway/version.h"
#include "gateway/app.h"
#include "gateway/store/store-databases.h"

#include <string.h>

/* The CouchDB whose answers ours are like; clients choose their ways by it. */
#define COUCHDB_VERSION "3.3.3"
/* The level of the CHT that clients compare with, not our own version. */
#define CHT_VERSION "4.5.0"

#define MAX_UUIDS 1000

/* A question to the store, and what it said. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  char *uuid;
  GPtrArray *names;
} Question;

static void
question_free (gpointer data)
{
  Question *question = data;

  barua_request_unref (question->request);
  g_free (question->uuid);
  g_clear_pointer (&question->names, g_ptr_array_unref);
  g_free (question);
}

static void
ask (BaruaApp *app, BaruaRequest *request, BaruaQuery query, GAsyncReadyCallback answered)
{
  Question *question = g_new0 (Question, 1);

  question->app = app;
  question->request = barua_request_ref (request);
  barua_store_read_async (app->store, query, question, question_free, NULL, answered, question);
}

/* FALSE after an answer. */
static gboolean
finish (Question *question, GAsyncResult *result)
{
  g_autoptr (GError) error = NULL;

  if (barua_store_read_finish (question->app->store, result, &error))
    return TRUE;
  barua_api_fail_document (question->request, error);
  return FALSE;
}

/* Server-level endpoints are for administrators (documents.md 9); FALSE after an answer. */
static gboolean
require_admin (BaruaRequest *request)
{
  if (barua_request_user (request)->is_admin)
    return TRUE;
  barua_request_fail (request, BARUA_HTTP_ERROR_FORBIDDEN, "You are not a server admin.", NULL);
  return FALSE;
}

/* ---- GET / ---- */

/* BaruaQuery */
static gboolean
read_uuid (BaruaReader *reader, gpointer data, GError **error)
{
  Question *question = data;

  g_clear_pointer (&question->uuid, g_free);
  return barua_reader_get_meta (reader, "uuid", &question->uuid, error);
}

/* The uuid of the file as CouchDB writes it: 32 hex digits. */
static void
append_uuid (GString *json, const char *uuid)
{
  g_string_append_c (json, '"');
  for (const char *at = uuid != NULL ? uuid : ""; *at != '\0'; at++)
    if (g_ascii_isxdigit (*at))
      g_string_append_c (json, *at);
  g_string_append_c (json, '"');
}

static void
reply_welcome (GObject *source, GAsyncResult *result, gpointer data)
{
  Question *question = data; /* freed by the store afterwards */

  if (!finish (question, result))
    return;
  GString *json
      = g_string_new ("{\"couchdb\":\"Welcome\",\"version\":\"" COUCHDB_VERSION "\",\"uuid\":");
  append_uuid (json, question->uuid);
  g_string_append_printf (json, ",\"vendor\":{\"name\":\"barua\",\"version\":\"%s\"},\"features\":[]}",
                          barua_version);
  barua_request_reply_json (question->request, 200, json);
}

/* Whether a browser asks: it wants to show a page. */
static gboolean
wants_page (BaruaRequest *request)
{
  const char *accept = barua_request_header (request, "Accept");

  return accept != NULL && strstr (accept, "text/html") != NULL;
}

void
barua_api_welcome (BaruaRequest *request, gpointer app)
{
  if (wants_page (request) && strcmp (barua_request_path (request), "/") == 0)
    {
      barua_api_home (request, app);
      return;
    }
  ask (app, request, read_uuid, reply_welcome);
}

/* ---- GET /_up, /_uuids ---- */

void
barua_api_up (BaruaRequest *request, gpointer app)
{
  barua_request_reply_static_json (request, 200, "{\"status\":\"ok\"}");
}

/* Reads `count`; FALSE after an answer. */
static gboolean
read_count (BaruaRequest *request, guint64 *count)
{
  const char *text = barua_request_query (request, "count");

  *count = 1;
  if (text == NULL || strcmp (text, "undefined") == 0)
    return TRUE;
  if (*text == '\0' || text[strspn (text, "0123456789")] != '\0')
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_QUERY_PARSE, "Invalid value for count", NULL);
      return FALSE;
    }
  *count = g_ascii_strtoull (text, NULL, 10);
  if (*count <= MAX_UUIDS)
    return TRUE;
  barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, "count parameter too large", NULL);
  return FALSE;
}

void
barua_api_uuids (BaruaRequest *request, gpointer data)
{
  BaruaApp *app = data;
  guint64 count;

  if (!barua_request_is_online (request))
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_FORBIDDEN, "You are not a server admin.", NULL);
      return;
    }
  if (!read_count (request, &count))
    return;
  GString *json = g_string_new ("{\"uuids\":[");
  for (guint64 i = 0; i < count; i++)
    {
      char id[BARUA_NEW_ID_SIZE];
      barua_store_new_id (app->store, id);
      g_string_append_printf (json, "%s\"%s\"", i > 0 ? "," : "", id);
    }
  g_string_append (json, "]}");
  barua_request_add_header (request, "Cache-Control", "must-revalidate, no-cache");
  barua_request_reply_json (request, 200, json);
}

/* ---- GET /_all_dbs ---- */

/* BaruaQuery */
static gboolean
read_names (BaruaReader *reader, gpointer data, GError **error)
{
  Question *question = data;

  g_clear_pointer (&question->names, g_ptr_array_unref);
  return barua_reader_list_databases (reader, &question->names, error);
}

static void
reply_names (GObject *source, GAsyncResult *result, gpointer data)
{
  Question *question = data; /* freed by the store afterwards */

  if (!finish (question, result))
    return;
  GString *json = g_string_new ("[");
  for (guint i = 0; i < question->names->len; i++)
    {
      if (i > 0)
        g_string_append_c (json, ',');
      barua_json_append_string (json, barua_text (question->names->pdata[i]));
    }
  g_string_append_c (json, ']');
  barua_request_add_header (question->request, "Cache-Control", "must-revalidate");
  barua_request_reply_json (question->request, 200, json);
}

void
barua_api_all_dbs (BaruaRequest *request, gpointer app)
{
  if (require_admin (request))
    ask (app, request, read_names, reply_names);
}

/* ---- what is not done here ---- */

void
barua_api_active_tasks (BaruaRequest *request, gpointer app)
{
  if (require_admin (request))
    barua_request_reply_static_json (request, 200, "[]");
}

void
barua_api_replicate (BaruaRequest *request, gpointer app)
{
  if (require_admin (request))
    barua_request_fail (request, BARUA_HTTP_ERROR_NOT_IMPLEMENTED, NULL, NULL);
}

/* ---- what cht-conf asks before it uploads (documents.md 7.4) ---- */

void
barua_api_deploy_info (BaruaRequest *request, gpointer app)
{
  barua_request_reply_static_json (request, 200, "{\"version\":\"" CHT_VERSION "\"}");
}

void
barua_api_attachment_types (BaruaRequest *request, gpointer app)
{
  barua_request_reply_static_json (request, 200,
                                   "{\"compressible_types\":\"text/*, application/json\"}");
}
