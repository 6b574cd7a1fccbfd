/* SPDX-License-Identifier: MIT */

/* Definitions of Mango indexes (documents.md 8.9): kept and listed. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/document-common.h"
#include "gateway/api/handlers.h"
#include "gateway/store/store-databases.h"

/* One call, from the main loop to the store and back. */
typedef struct
{
  BaruaCall call;
  BaruaText ddoc; /* with `_design/` */
  BaruaText name;
  GString *def;
  gboolean is_new;
  guint n;
  GString *out;
} Call;

static void
call_free (gpointer data)
{
  Call *call = data;

  if (call->def != NULL)
    g_string_free (call->def, TRUE);
  if (call->out != NULL)
    g_string_free (call->out, TRUE);
  barua_call_close (&call->call);
  g_free (call);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Call, call_free)

static Call *
call_new (BaruaRequest *request, BaruaApp *app, BaruaAccess access)
{
  BaruaCall opened;

  if (!barua_call_open (&opened, request, app, access))
    return NULL;
  Call *call = g_new0 (Call, 1);
  call->call = opened;
  return call;
}

static gboolean
refuse (Call *call, const char *reason)
{
  barua_request_fail (call->call.request, BARUA_HTTP_ERROR_BAD_REQUEST, reason, NULL);
  return FALSE;
}

/* ---- listing ---- */

/* BaruaIndexFunc */
static void
append_index (const BaruaIndex *index, gpointer data)
{
  Call *call = data;

  call->n++;
  g_string_append (call->def, ",\n{\"ddoc\":");
  barua_json_append_string (call->def, index->ddoc);
  g_string_append (call->def, ",\"name\":");
  barua_json_append_string (call->def, index->name);
  g_string_append (call->def, ",\"type\":\"json\",\"def\":");
  g_string_append_len (call->def, index->def.p, (gssize)index->def.n);
  g_string_append_c (call->def, '}');
}

/* Query */
static gboolean
list (BaruaReader *reader, gpointer data, GError **error)
{
  Call *call = data;

  call->n = 1;
  call->def = g_string_new (NULL);
  if (!barua_call_check_database (&call->call, reader, error)
      || !barua_reader_list_indexes (reader, call->call.db, append_index, call, error))
    return FALSE;
  call->out = g_string_new (NULL);
  g_string_printf (call->out,
                   "{\"total_rows\":%u,\"indexes\":[\n{\"ddoc\":null,\"name\":\"_all_docs\","
                   "\"type\":\"special\",\"def\":{\"fields\":[{\"_id\":\"asc\"}]}}%s\n]}",
                   call->n, call->def->str);
  return TRUE;
}

static void
listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Call) call = user_data;
  g_autoptr (GError) error = NULL;

  if (barua_store_read_finish (call->call.app->store, result, &error))
    barua_call_reply (&call->call, &call->out);
  else
    barua_call_fail (&call->call, error);
}

void
barua_api_index_list (BaruaRequest *request, gpointer app)
{
  Call *call = call_new (request, app, BARUA_ACCESS_READ);

  if (call != NULL)
    barua_store_read_async (call->call.app->store, list, call, NULL, NULL, listed, call);
}

/* ---- putting ---- */

/* Appends one field as `{"name":"asc"}`; FALSE when it is none. */
static gboolean
append_field (GString *def, BaruaJson field)
{
  BaruaJsonIter iter;
  BaruaJson key, direction;

  if (barua_json_type (field) == BARUA_JSON_STRING)
    {
      g_string_append_c (def, '{');
      g_string_append_len (def, field.text, (gssize)field.length);
      g_string_append (def, ":\"asc\"}");
      return TRUE;
    }
  if (barua_json_type (field) != BARUA_JSON_OBJECT || barua_json_size (field) != 1)
    return FALSE;
  barua_json_iter_init (&iter, field);
  barua_json_iter_next (&iter, &key, &direction);
  if (!barua_json_string_is (direction, BARUA_TEXT ("asc"))
      && !barua_json_string_is (direction, BARUA_TEXT ("desc")))
    return FALSE;
  barua_json_append_minified (def, field);
  return TRUE;
}

/* Makes the definition as it is kept. */
static gboolean
take_definition (Call *call, BaruaJson index)
{
  BaruaJson fields = barua_json_member (index, "fields"), field;
  BaruaJson filter = barua_json_member (index, "partial_filter_selector");
  BaruaJsonIter iter;

  if (barua_json_type (index) != BARUA_JSON_OBJECT)
    return refuse (call, "Missing required key: index");
  if (barua_json_type (fields) != BARUA_JSON_ARRAY || barua_json_size (fields) == 0)
    return refuse (call, "Index fields must be an array that is not empty");
  call->def = g_string_new ("{\"fields\":[");
  barua_json_iter_init (&iter, fields);
  while (barua_json_iter_next (&iter, NULL, &field))
    {
      if (call->def->str[call->def->len - 1] != '[')
        g_string_append_c (call->def, ',');
      if (!append_field (call->def, field))
        return refuse (call, "Invalid index field");
    }
  g_string_append_c (call->def, ']');
  if (!barua_json_is_nothing (filter))
    {
      g_string_append (call->def, ",\"partial_filter_selector\":");
      barua_json_append_minified (call->def, filter);
    }
  g_string_append_c (call->def, '}');
  return TRUE;
}

/* The names, made from the definition where nobody gave any. */
static void
take_names (Call *call, BaruaJson body)
{
  BaruaArena *arena = call->call.arena;
  g_autofree char *digest
      = g_compute_checksum_for_string (G_CHECKSUM_SHA1, call->def->str, (gssize)call->def->len);
  BaruaText ddoc = barua_arena_json_text (arena, barua_json_member (body, "ddoc"));

  call->name = barua_arena_json_text (arena, barua_json_member (body, "name"));
  if (call->name.n == 0)
    call->name = barua_arena_copy (arena, barua_text (digest));
  if (ddoc.n == 0)
    ddoc = barua_text (digest);
  gboolean is_whole = barua_text_has_prefix (ddoc, "_design/");
  g_autofree char *whole
      = g_strdup_printf ("%s%.*s", is_whole ? "" : "_design/", (int)ddoc.n, ddoc.p);
  call->ddoc = barua_arena_copy (arena, barua_text (whole));
}

/* Reads what is to be put; FALSE after an answer. */
static gboolean
take_index (Call *call)
{
  BaruaJson body = barua_request_json (call->call.request);
  BaruaJson type = barua_json_member (body, "type");

  if (body.text == NULL)
    return refuse (call, "invalid UTF-8 JSON");
  if (barua_json_type (body) != BARUA_JSON_OBJECT)
    return refuse (call, "Request body must be a JSON object");
  if (!barua_json_is_nothing (type) && !barua_json_string_is (type, BARUA_TEXT ("json")))
    return refuse (call, "Only indexes of the type json are known");
  if (!take_definition (call, barua_json_member (body, "index")))
    return FALSE;
  take_names (call, body);
  return TRUE;
}

/* Job */
static gboolean
put (BaruaTx *tx, gpointer data, GError **error)
{
  Call *call = data;
  const BaruaIndex index = { call->ddoc, call->name, { call->def->str, call->def->len } };

  return barua_call_check_database (&call->call, barua_tx_reader (tx), error)
         && barua_tx_put_index (tx, call->call.db, &index, &call->is_new, error);
}

static void
index_put (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Call) call = user_data;
  g_autoptr (GError) error = NULL;

  if (!barua_store_write_finish (call->call.app->store, result, &error))
    {
      barua_call_fail (&call->call, error);
      return;
    }
  call->out = g_string_new ("{\"result\":");
  g_string_append (call->out, call->is_new ? "\"created\",\"id\":" : "\"exists\",\"id\":");
  barua_json_append_string (call->out, call->ddoc);
  g_string_append (call->out, ",\"name\":");
  barua_json_append_string (call->out, call->name);
  g_string_append_c (call->out, '}');
  barua_call_reply (&call->call, &call->out);
}

void
barua_api_index_put (BaruaRequest *request, gpointer app)
{
  g_autoptr (Call) call = call_new (request, app, BARUA_ACCESS_MANAGE);

  if (call == NULL || !take_index (call))
    return;
  Call *data = g_steal_pointer (&call);
  barua_store_write_async (data->call.app->store, put, data, NULL, data->def->len + 256, NULL,
                           index_put, data);
}

/* ---- deleting ---- */

/* Job */
static gboolean
drop (BaruaTx *tx, gpointer data, GError **error)
{
  Call *call = data;

  return barua_call_check_database (&call->call, barua_tx_reader (tx), error)
         && barua_tx_delete_index (tx, call->call.db, call->ddoc, call->name, error);
}

static void
dropped (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Call) call = user_data;
  g_autoptr (GError) error = NULL;

  if (!barua_store_write_finish (call->call.app->store, result, &error))
    {
      barua_call_fail (&call->call, error);
      return;
    }
  call->out = g_string_new ("{\"ok\":true}");
  barua_call_reply (&call->call, &call->out);
}

/* `_index/{ddoc}/json/{name}`; the design document with or without its prefix. */
void
barua_api_index_delete (BaruaRequest *request, gpointer app)
{
  Call *call = call_new (request, app, BARUA_ACCESS_MANAGE);
  const char *ddoc = barua_request_param (request, "ddoc");

  if (call == NULL)
    return;
  g_autofree char *whole
      = g_strconcat (g_str_has_prefix (ddoc, "_design/") ? "" : "_design/", ddoc, NULL);
  call->ddoc = barua_arena_copy (call->call.arena, barua_text (whole));
  call->name = barua_text (barua_request_param (request, "name"));
  barua_store_write_async (call->call.app->store, drop, call, NULL, 256, NULL, dropped, call);
}
