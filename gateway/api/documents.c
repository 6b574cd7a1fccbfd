/* SPDX-License-Identifier: MIT */

/* Reading documents: one, a list, and the numbers of a database (documents.md 6.1, 6.3, 8.2). */

#define G_LOG_DOMAIN "barua-api"

#include "forms/permissions.h"
#include "gateway/api/failure.h"
#include "gateway/api/handlers.h"
#include "gateway/app.h"

#include <string.h>

/* An answer is made in memory, so it has an end. */
#define MAX_ANSWER_BYTES (64u * 1024u * 1024u)

/* One read, from the main loop to a reader and back. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  char *db; /* NULL: the default one */
  char *id;
  gboolean has_etag;
  BaruaText rev; /* absent: the winning revision */
  BaruaDocument *document;
  BaruaListing listing;
  GArray *keys;     /* of BaruaText: the ids asked for */
  GArray *key_json; /* of BaruaJson: the same as they were written */
  guint next_key;
  BaruaArena *arena;
  gboolean has_update_seq;
  gboolean is_empty; /* the range is below or above all ids */
  gboolean is_first;
  GString *out;
} Read;

static void
read_free (gpointer data)
{
  Read *read = data;

  barua_request_unref (read->request);
  g_free (read->db);
  g_free (read->id);
  barua_document_free (read->document);
  g_array_unref (read->keys);
  g_array_unref (read->key_json);
  barua_arena_free (read->arena);
  if (read->out != NULL)
    g_string_free (read->out, TRUE);
  g_free (read);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Read, read_free)

static gboolean
is_seed (BaruaRequest *request)
{
  return g_str_has_prefix (barua_request_path (request), "/cdb/");
}

/* Finds the database and asks whether the user may read it; NULL after an answer (documents.md 1,
 * 9). */
static Read *
read_new (BaruaRequest *request, BaruaApp *app)
{
  const char *name = barua_request_param (request, "db");
  const BaruaUser *user = barua_request_user (request);
  gboolean is_default = strcmp (name, barua_store_default_db (app->store)) == 0
                        || (is_seed (request) && strcmp (name, "~") == 0);

  if (is_seed (request) && !is_default)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_NOT_FOUND, "no_db_file", NULL);
      return NULL;
    }
  if (!user->is_admin
      && (!is_default
          || !barua_permissions_is_online (barua_settings_json (barua_request_settings (request)),
                                           (const char *const *)user->roles)))
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_FORBIDDEN,
                          "You are not allowed to access this db.", NULL);
      return NULL;
    }
  Read *read = g_new0 (Read, 1);
  read->app = app;
  read->request = barua_request_ref (request);
  read->db = is_default ? NULL : g_strdup (name);
  read->keys = g_array_new (FALSE, FALSE, sizeof (BaruaText));
  read->key_json = g_array_new (FALSE, FALSE, sizeof (BaruaJson));
  read->arena = barua_arena_new ();
  return read;
}

/* Answers what a reader failed with; an unknown database has words of its own. */
static void
fail_read (Read *read, const GError *error)
{
  if (read->id == NULL && g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND))
    barua_request_fail (read->request, BARUA_HTTP_ERROR_NOT_FOUND, "Database does not exist.",
                        NULL);
  else
    barua_api_fail_document (read->request, error);
}

/* Sends read->out. */
static void
reply_out (Read *read)
{
  g_string_append_c (read->out, '\n');
  barua_request_add_header (read->request, "Cache-Control", "must-revalidate");
  barua_request_reply_json (read->request, 200, g_steal_pointer (&read->out));
}

/* ---- query parameters ---- */

/* The value of a parameter; nano's literal "undefined" is none (documents.md 2). */
static const char *
parameter (BaruaRequest *request, const char *name, const char *alias)
{
  const char *value = barua_request_query (request, name);

  if (value == NULL && alias != NULL)
    value = barua_request_query (request, alias);
  return value != NULL && strcmp (value, "undefined") == 0 ? NULL : value;
}

/* Reads a boolean; FALSE after an answer. */
static gboolean
take_boolean (BaruaRequest *request, const char *name, gboolean *value)
{
  const char *text = parameter (request, name, NULL);

  if (text == NULL)
    return TRUE;
  *value = g_ascii_strcasecmp (text, "true") == 0;
  if (*value || g_ascii_strcasecmp (text, "false") == 0)
    return TRUE;
  g_autofree char *reason = g_strdup_printf ("Invalid boolean parameter: \"%s\"", text);
  barua_request_fail (request, BARUA_HTTP_ERROR_QUERY_PARSE, reason, NULL);
  return FALSE;
}

/* Reads a number of 0 or more; FALSE after an answer. */
static gboolean
take_integer (BaruaRequest *request, const char *name, gint64 *value)
{
  const char *text = parameter (request, name, NULL);

  if (text == NULL || g_ascii_string_to_signed (text, 10, 0, G_MAXINT64, value, NULL))
    return TRUE;
  g_autofree char *reason = g_strdup_printf ("Invalid value for integer: \"%s\"", text);
  barua_request_fail (request, BARUA_HTTP_ERROR_QUERY_PARSE, reason, NULL);
  return FALSE;
}

/* Reads a JSON value, absent when it was not sent; FALSE after an answer. */
static gboolean
take_json (BaruaRequest *request, const char *name, const char *alias, BaruaJson *value)
{
  const char *text = parameter (request, name, alias);

  if (text == NULL || barua_json_read (text, -1, value, NULL))
    return TRUE;
  barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, "invalid UTF-8 JSON", NULL);
  return FALSE;
}

/* ---- a document ---- */

/* A parameter of `GET {id}` that is true or false. */
typedef struct
{
  const char *name;
  gboolean needs_tree; /* the whole revision tree */
  gboolean has_etag;   /* an answer with it still has an ETag (documents.md 2) */
} Switch;

static const Switch switches[] = {
  { "attachments", FALSE, TRUE },
  { "conflicts", FALSE, FALSE },
  { "deleted_conflicts", FALSE, FALSE },
  { "latest", TRUE, TRUE },
  { "local_seq", TRUE, FALSE },
  { "meta", TRUE, FALSE },
  { "revs", TRUE, FALSE },
  { "revs_info", TRUE, FALSE },
};

/* Reads the switches; FALSE after an answer: 501 for more than the winning revision or one by its
 * name. */
static gboolean
take_switches (BaruaRequest *request, gboolean *has_etag)
{
  gboolean needs_tree = parameter (request, "open_revs", NULL) != NULL;

  *has_etag = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (switches); i++)
    {
      gboolean is_on = FALSE;
      if (!take_boolean (request, switches[i].name, &is_on))
        return FALSE;
      needs_tree = needs_tree || (is_on && switches[i].needs_tree);
      *has_etag = *has_etag && (!is_on || switches[i].has_etag);
    }
  if (needs_tree)
    barua_request_fail (request, BARUA_HTTP_ERROR_NOT_IMPLEMENTED, NULL, NULL);
  return !needs_tree;
}

/* Query: the document, by revision if one was named. */
static gboolean
get_document (BaruaReader *reader, gpointer data, GError **error)
{
  Read *read = data;

  read->document
      = read->rev.p != NULL
            ? barua_reader_get_revision (reader, read->db, barua_text (read->id), read->rev, error)
            : barua_reader_get_document (reader, read->db, barua_text (read->id), error);
  return read->document != NULL;
}

/* Whether If-None-Match names @etag. */
static gboolean
is_known (BaruaRequest *request, const char *etag)
{
  const char *known = barua_request_header (request, "If-None-Match");

  return known != NULL && strcmp (known, etag) == 0;
}

static void
document_got (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Read) read = user_data;
  g_autoptr (GError) error = NULL;

  if (!barua_store_read_finish (read->app->store, result, &error))
    {
      fail_read (read, error);
      return;
    }
  const BaruaDocument *document = read->document;
  if (document->is_hidden && !barua_request_user (read->request)->is_admin)
    {
      barua_request_fail (read->request, BARUA_HTTP_ERROR_NOT_FOUND, "missing", NULL);
      return;
    }
  g_autofree char *etag = g_strdup_printf ("\"%.*s\"", (int)document->rev.n, document->rev.p);
  if (read->has_etag)
    barua_request_add_header (read->request, "ETag", etag);
  if (read->has_etag && is_known (read->request, etag))
    {
      barua_request_reply (read->request, 304, NULL, NULL);
      return;
    }
  read->out = g_string_sized_new (document->body.n + 128);
  barua_document_append (read->out, document->id, document->rev, document->body,
                         document->is_deleted);
  reply_out (read);
}

void
barua_api_document_get (BaruaRequest *request, gpointer app)
{
  const char *ddoc = barua_request_param (request, "ddoc");
  gboolean has_etag = FALSE;
  Read *read = take_switches (request, &has_etag) ? read_new (request, app) : NULL;

  if (read == NULL)
    return;
  read->has_etag = has_etag;
  read->id = ddoc != NULL ? g_strconcat ("_design/", ddoc, NULL)
                          : g_strdup (barua_request_param (request, "id"));
  read->rev = barua_text (parameter (request, "rev", NULL));
  barua_store_read_async (read->app->store, get_document, read, NULL, NULL, document_got, read);
}

/* ---- a list ---- */

/* Where a JSON value stands among ids: -1 below all, 0 is a text, 1 above all (documents.md 5). */
static int
place_among_ids (BaruaJson value)
{
  switch (barua_json_type (value))
    {
    case BARUA_JSON_STRING:
      return 0;
    case BARUA_JSON_ARRAY:
    case BARUA_JSON_OBJECT:
      return 1;
    default:
      return -1;
    }
}

/* One end of the range: @opens says it is where the listing begins. */
static void
set_end (Read *read, BaruaJson value, gboolean opens, BaruaText *end)
{
  gboolean is_low = opens != read->listing.is_descending;
  int place = place_among_ids (value);

  if (value.text == NULL)
    return;
  if (place == 0)
    *end = barua_arena_json_text (read->arena, value);
  else if ((place < 0) != is_low)
    read->is_empty = TRUE;
}

/* The ids of `keys` that are to be shown, in the order to be shown. */
static void
set_keys (Read *read, BaruaJson keys)
{
  BaruaListing *listing = &read->listing;
  gint64 n = barua_json_size (keys);
  g_autofree BaruaJson *all = g_new (BaruaJson, n + 1);
  BaruaJsonIter iter;

  barua_json_iter_init (&iter, keys);
  for (gint64 i = 0; i < n; i++)
    barua_json_iter_next (&iter, NULL, &all[listing->is_descending ? n - 1 - i : i]);
  for (gint64 i = listing->skip;
       i < n && (listing->limit < 0 || i - listing->skip < listing->limit); i++)
    {
      BaruaText id = barua_arena_json_text (read->arena, all[i]);
      if (id.p == NULL)
        id = BARUA_TEXT (""); /* no text: the name of no document */
      g_array_append_val (read->keys, id);
      g_array_append_val (read->key_json, all[i]);
    }
  listing->keys = (const BaruaText *)(void *)read->keys->data;
  listing->n_keys = read->keys->len;
  listing->skip = 0;
  listing->limit = -1;
  listing->is_descending = FALSE;
  read->is_empty = read->keys->len == 0;
}

/* Fills read->listing; FALSE after an answer. */
static gboolean
take_listing (Read *read)
{
  BaruaRequest *request = read->request;
  BaruaListing *listing = &read->listing;
  BaruaJson key = BARUA_JSON_NONE, keys = BARUA_JSON_NONE, start = BARUA_JSON_NONE,
            end = BARUA_JSON_NONE;
  gboolean includes_end = TRUE;

  listing->db = read->db;
  listing->limit = -1;
  listing->includes_hidden = barua_request_user (request)->is_admin;
  if (!take_json (request, "key", NULL, &key) || !take_json (request, "keys", NULL, &keys)
      || !take_json (request, "startkey", "start_key", &start)
      || !take_json (request, "endkey", "end_key", &end)
      || !take_boolean (request, "inclusive_end", &includes_end)
      || !take_boolean (request, "descending", &listing->is_descending)
      || !take_boolean (request, "include_docs", &listing->includes_docs)
      || !take_boolean (request, "update_seq", &read->has_update_seq)
      || !take_integer (request, "limit", &listing->limit)
      || !take_integer (request, "skip", &listing->skip))
    return FALSE;
  listing->excludes_end = !includes_end && key.text == NULL;
  if (keys.text != NULL)
    {
      if (barua_json_type (keys) != BARUA_JSON_ARRAY)
        {
          barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST,
                              "`keys` parameter must be an array.", NULL);
          return FALSE;
        }
      set_keys (read, keys);
      return TRUE;
    }
  if (key.text != NULL)
    start = end = key;
  read->is_empty = key.text != NULL && place_among_ids (key) != 0;
  set_end (read, start, TRUE, &listing->start);
  set_end (read, end, FALSE, &listing->end);
  return TRUE;
}

/* `"value":{"rev":…}` and, when asked for, `"doc"`. */
static void
append_found (GString *out, const Read *read, const BaruaListingRow *row)
{
  g_string_append (out, ",\"value\":{\"rev\":");
  barua_json_append_string (out, row->rev);
  g_string_append (out, row->is_deleted ? ",\"deleted\":true}" : "}");
  if (!read->listing.includes_docs)
    return;
  g_string_append (out, ",\"doc\":");
  if (row->is_deleted)
    g_string_append (out, "null");
  else
    barua_document_append (out, row->id, row->rev, row->body, FALSE);
}

/* BaruaListingFunc */
static gboolean
append_row (const BaruaListingRow *row, gpointer data)
{
  Read *read = data;
  GString *out = read->out;

  g_string_append (out, read->is_first ? "\n{" : ",\n{");
  read->is_first = FALSE;
  if (row->is_found)
    {
      barua_json_append_key (out, "id");
      barua_json_append_string (out, row->id);
    }
  barua_json_append_key (out, "key");
  if (read->key_json->len > 0)
    barua_json_append_minified (out, g_array_index (read->key_json, BaruaJson, read->next_key++));
  else
    barua_json_append_string (out, row->id);
  if (row->is_found)
    append_found (out, read, row);
  else
    g_string_append (out, ",\"error\":\"not_found\"");
  g_string_append_c (out, '}');
  return out->len <= MAX_ANSWER_BYTES;
}

/* Query: the rows, then what stands before them. */
static gboolean
list_documents (BaruaReader *reader, gpointer data, GError **error)
{
  Read *read = data;
  BaruaListingTotals totals = { 0 };
  BaruaListing listing = read->listing;

  if (read->is_empty)
    listing.limit = 0;
  read->out = g_string_new (NULL);
  read->is_first = TRUE;
  if (!barua_reader_all_docs (reader, &listing, &totals, append_row, read, error))
    return FALSE;
  g_autoptr (GString) head = g_string_new ("{\"total_rows\":");
  barua_json_append_integer (head, totals.total_rows);
  g_string_append (head, ",\"offset\":");
  barua_json_append_integer (head, read->is_empty ? 0 : totals.offset);
  if (read->has_update_seq)
    {
      g_string_append (head, ",\"update_seq\":");
      barua_json_append_integer (head, totals.update_seq);
    }
  g_string_append (head, ",\"rows\":[");
  g_string_prepend_len (read->out, head->str, (gssize)head->len);
  g_string_append (read->out, "\n]}");
  return TRUE;
}

static void
documents_listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Read) read = user_data;
  g_autoptr (GError) error = NULL;

  if (!barua_store_read_finish (read->app->store, result, &error))
    fail_read (read, error);
  else if (read->out->len > MAX_ANSWER_BYTES)
    barua_request_fail (read->request, BARUA_HTTP_ERROR_UNAVAILABLE,
                        "The answer would be larger than 64 MiB: ask for fewer rows with limit.",
                        NULL);
  else
    reply_out (read);
}

void
barua_api_all_docs (BaruaRequest *request, gpointer app)
{
  g_autoptr (Read) read = read_new (request, app);

  if (read == NULL || !take_listing (read))
    return;
  Read *data = g_steal_pointer (&read);
  barua_store_read_async (data->app->store, list_documents, data, NULL, NULL, documents_listed,
                          data);
}

/* ---- a database ---- */

/* Query: `GET /{db}` (documents.md 8.2). */
static gboolean
describe_database (BaruaReader *reader, gpointer data, GError **error)
{
  Read *read = data;
  BaruaDatabaseInfo info;
  const char *name = read->db != NULL ? read->db : barua_store_default_db (read->app->store);

  if (!barua_reader_database_info (reader, read->db, &info, error))
    return FALSE;
  read->out = g_string_new ("{\"db_name\":");
  barua_json_append_string (read->out, barua_text (name));
  g_string_append_printf (
      read->out,
      ",\"update_seq\":%" G_GINT64_FORMAT ",\"doc_count\":%" G_GINT64_FORMAT
      ",\"doc_del_count\":%" G_GINT64_FORMAT
      ",\"purge_seq\":0,\"sizes\":{\"file\":%" G_GINT64_FORMAT ",\"external\":%" G_GINT64_FORMAT
      ",\"active\":%" G_GINT64_FORMAT "},"
      "\"compact_running\":false,\"disk_format_version\":1,\"instance_start_time\":\"0\","
      "\"props\":{},\"cluster\":{\"q\":1,\"n\":1,\"w\":1,\"r\":1}}",
      info.update_seq, info.live, info.deleted, info.file_bytes, info.file_bytes, info.file_bytes);
  return TRUE;
}

static void
database_described (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Read) read = user_data;
  g_autoptr (GError) error = NULL;

  if (barua_store_read_finish (read->app->store, result, &error))
    reply_out (read);
  else
    fail_read (read, error);
}

void
barua_api_database_get (BaruaRequest *request, gpointer app)
{
  Read *read = read_new (request, app);

  if (read != NULL)
    barua_store_read_async (read->app->store, describe_database, read, NULL, NULL,
                            database_described, read);
}
