/* SPDX-License-Identifier: MIT */

/* What every call of the document API needs: its database and who may use it, parameters, and the
 * two dialects. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/document-common.h"

#include "gateway/api/failure.h"
#include "gateway/http/query.h"

#include <string.h>

#define USER_ID_PREFIX "org.couchdb.user:"

/* ---- access ---- */

/* Whether @name is the database of @user's own. */
static gboolean
is_own_database (const char *name, const BaruaUser *user)
{
  g_autofree char *own = g_strconcat ("medic-user-", user->name, "-meta", NULL);

  return strcmp (name, own) == 0;
}

/* Whether the request reads the document of its own user in `_users`. */
static gboolean
is_own_user (BaruaRequest *request, const char *name, const BaruaUser *user, BaruaAccess access)
{
  const char *id = barua_request_param (request, "id");
  g_autofree char *own = g_strconcat (USER_ID_PREFIX, user->name, NULL);

  return access == BARUA_ACCESS_READ && strcmp (name, BARUA_DB_USERS) == 0 && id != NULL
         && strcmp (id, own) == 0 && barua_request_param (request, "name") == NULL;
}

/* The rules of documents.md 9, but for those about single documents. */
static gboolean
may (BaruaRequest *request, const char *name, gboolean is_default, BaruaAccess access)
{
  const BaruaUser *user = barua_request_user (request);

  if (user->is_admin || is_own_database (name, user) || is_own_user (request, name, user, access))
    return TRUE;
  return is_default && access != BARUA_ACCESS_MANAGE
         && barua_request_is_online (request);
}

/* Whether the path is one of the seed mount, which decides the dialect. */
static gboolean
is_seed_path (BaruaRequest *request)
{
  const char *path = barua_request_path (request);

  return g_str_has_prefix (path + strspn (path, "/"), "cdb/");
}

gboolean
barua_call_open (BaruaCall *call, BaruaRequest *request, BaruaApp *app, BaruaAccess access)
{
  const char *name = barua_request_param (request, "db");
  const char *default_db = barua_store_default_db (app->store);
  gboolean is_seed = is_seed_path (request);
  gboolean is_default = strcmp (name, default_db) == 0 || (is_seed && strcmp (name, "~") == 0);

  if (is_seed && !is_default)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_NOT_FOUND, "no_db_file", NULL);
      return FALSE;
    }
  if (!may (request, name, is_default, access))
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_FORBIDDEN, NULL, NULL);
      return FALSE;
    }
  call->app = app;
  call->request = barua_request_ref (request);
  call->name = is_default ? default_db : name;
  call->db = is_default ? NULL : name;
  call->has_no_database = FALSE;
  call->is_seed = is_seed;
  call->is_admin = barua_request_user (request)->is_admin;
  call->arena = barua_arena_new ();
  return TRUE;
}

void
barua_call_close (BaruaCall *call)
{
  g_clear_pointer (&call->arena, barua_arena_free);
  g_clear_pointer (&call->request, barua_request_unref);
}

gboolean
barua_text_has_prefix (BaruaText text, const char *prefix)
{
  gsize n = strlen (prefix);

  return text.n >= n && memcmp (text.p, prefix, n) == 0;
}

/* Whether the member `type` of @body is one of @types. */
static gboolean
has_type (BaruaText body, const char *const *types)
{
  if (body.p == NULL)
    return FALSE;
  BaruaJson type = barua_json_member ((BaruaJson){ body.p, body.n }, "type");
  for (guint i = 0; types[i] != NULL; i++)
    if (barua_json_string_is (type, barua_text (types[i])))
      return TRUE;
  return FALSE;
}

gboolean
barua_document_is_secret (BaruaText body)
{
  static const char *const types[] = { "login_token", "token_login", NULL };

  return has_type (body, types);
}

gboolean
barua_document_is_guarded (BaruaText id, BaruaText body)
{
  static const char *const ids[] = { "settings", "resources", "branding", "partners" };
  static const char *const types[] = { "form", "translations", "login_token", "token_login", NULL };

  if (barua_text_has_prefix (id, "_design/"))
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    if (barua_text_equal (id, barua_text (ids[i])))
      return TRUE;
  return has_type (body, types);
}

/* ---- answers ---- */

gboolean
barua_call_check_database (BaruaCall *call, BaruaReader *reader, GError **error)
{
  BaruaDatabaseInfo info;
  gboolean has = call->db == NULL || barua_reader_database_info (reader, call->db, &info, error);

  call->has_no_database = !has;
  return has;
}

void
barua_call_fail (BaruaCall *call, const GError *error)
{
  if (call->has_no_database
      && g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND))
    barua_request_fail (call->request, BARUA_HTTP_ERROR_NOT_FOUND, "Database does not exist.",
                        NULL);
  else
    barua_api_fail_document (call->request, error);
}

void
barua_call_reply_status (BaruaCall *call, guint status, GString **out)
{
  g_string_append_c (*out, '\n');
  if (strcmp (barua_request_method (call->request), "GET") == 0)
    barua_request_add_header (call->request, "Cache-Control", "must-revalidate");
  barua_request_reply_json (call->request, status, g_steal_pointer (out));
}

void
barua_call_reply (BaruaCall *call, GString **out)
{
  barua_call_reply_status (call, 200, out);
}

void
barua_append_written (GString *out, BaruaText id, BaruaText rev)
{
  g_string_append (out, "{\"ok\":true,\"id\":");
  barua_json_append_string (out, id);
  g_string_append (out, ",\"rev\":");
  barua_json_append_string (out, rev);
  g_string_append_c (out, '}');
}

/* Where a client finds what it wrote: the database as it was addressed, and the id, whose slash
 * stays one after `_design` and `_local`. */
static char *
make_location (BaruaCall *call, BaruaText id)
{
  g_autofree char *origin = barua_request_origin (call->request);
  g_autofree char *db = barua_percent_encode (barua_request_param (call->request, "db"));
  g_autofree char *whole = g_strndup (id.p, id.n);
  const char *rest = whole;
  const char *space = "";

  if (g_str_has_prefix (whole, "_design/"))
    space = "_design/";
  else if (g_str_has_prefix (whole, "_local/"))
    space = "_local/";
  rest += strlen (space);
  g_autofree char *escaped = barua_percent_encode (rest);
  return g_strconcat (origin != NULL ? origin : "", call->is_seed ? "/cdb/" : "/", db, "/", space,
                      escaped, NULL);
}

void
barua_call_reply_written (BaruaCall *call, guint status, BaruaText id, BaruaText rev)
{
  g_autofree char *etag = g_strdup_printf ("\"%.*s\"", (int)rev.n, rev.p);
  GString *out = g_string_sized_new (2 * (id.n + rev.n) + 64);

  if (call->is_seed)
    {
      g_string_append (out, "{\"_id\":");
      barua_json_append_string (out, id);
      g_string_append (out, ",\"_rev\":");
      barua_json_append_string (out, rev);
      g_string_append (out, ",\"id\":");
      barua_json_append_string (out, id);
      g_string_append (out, ",\"rev\":");
      barua_json_append_string (out, rev);
      g_string_append (out, ",\"ok\":true}");
    }
  else
    barua_append_written (out, id, rev);
  barua_request_add_header (call->request, "ETag", etag);
  if (status == 201)
    {
      g_autofree char *location = make_location (call, id);
      barua_request_add_header (call->request, "Location", location);
    }
  barua_call_reply_status (call, status, &out);
}

/* ---- the path and the query ---- */

char *
barua_request_document_id (BaruaRequest *request)
{
  const char *ddoc = barua_request_param (request, "ddoc");

  return ddoc != NULL ? g_strconcat ("_design/", ddoc, NULL)
                      : g_strdup (barua_request_param (request, "id"));
}

const char *
barua_request_parameter (BaruaRequest *request, const char *name, const char *alias)
{
  const char *value = barua_request_query (request, name);

  if (value == NULL && alias != NULL)
    value = barua_request_query (request, alias);
  return value != NULL && strcmp (value, "undefined") == 0 ? NULL : value;
}

/* Reads a text as a boolean; FALSE after an answer. */
static gboolean
read_boolean (BaruaRequest *request, const char *text, gboolean *value)
{
  gboolean is_true = g_ascii_strcasecmp (text, "true") == 0;

  if (is_true || g_ascii_strcasecmp (text, "false") == 0)
    {
      *value = is_true;
      return TRUE;
    }
  g_autofree char *reason = g_strdup_printf ("Invalid boolean parameter: \"%s\"", text);
  barua_request_fail (request, BARUA_HTTP_ERROR_QUERY_PARSE, reason, NULL);
  return FALSE;
}

/* Reads a text as a number of 0 or more; FALSE after an answer. */
static gboolean
read_integer (BaruaRequest *request, const char *text, gint64 *value)
{
  if (g_ascii_string_to_signed (text, 10, 0, G_MAXINT64, value, NULL))
    return TRUE;
  g_autofree char *reason = g_strdup_printf ("Invalid value for integer: \"%s\"", text);
  barua_request_fail (request, BARUA_HTTP_ERROR_QUERY_PARSE, reason, NULL);
  return FALSE;
}

gboolean
barua_request_take_boolean (BaruaRequest *request, const char *name, gboolean *value)
{
  const char *text = barua_request_parameter (request, name, NULL);

  return text == NULL || read_boolean (request, text, value);
}

gboolean
barua_request_take_integer (BaruaRequest *request, const char *name, gint64 *value)
{
  const char *text = barua_request_parameter (request, name, NULL);

  return text == NULL || read_integer (request, text, value);
}

gboolean
barua_request_take_json (BaruaRequest *request, const char *name, const char *alias,
                         BaruaJson *value)
{
  const char *text = barua_request_parameter (request, name, alias);

  if (text == NULL || barua_json_read (text, -1, value, NULL))
    return TRUE;
  barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, "invalid UTF-8 JSON", NULL);
  return FALSE;
}

gboolean
barua_options_init (BaruaOptions *options, BaruaRequest *request)
{
  options->request = request;
  options->body = barua_request_json (request);
  if (options->body.text == NULL || barua_json_type (options->body) == BARUA_JSON_OBJECT)
    return TRUE;
  barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, "Request body must be a JSON object",
                      NULL);
  return FALSE;
}

/* The member of the body that stands for a parameter which the URL does not have. */
static BaruaJson
body_option (const BaruaOptions *options, const char *name, const char *alias)
{
  if (barua_request_parameter (options->request, name, alias) != NULL)
    return BARUA_JSON_NONE;
  BaruaJson value = barua_json_member (options->body, name);
  return value.text == NULL && alias != NULL ? barua_json_member (options->body, alias) : value;
}

gboolean
barua_options_boolean (const BaruaOptions *options, const char *name, gboolean *value)
{
  BaruaJson member = body_option (options, name, NULL);

  if (barua_json_is_nothing (member))
    return barua_request_take_boolean (options->request, name, value);
  g_autofree char *text = barua_json_type (member) == BARUA_JSON_STRING
                              ? barua_json_string (member, NULL)
                              : g_strndup (member.text, member.length);
  return read_boolean (options->request, text, value);
}

gboolean
barua_options_integer (const BaruaOptions *options, const char *name, gint64 *value)
{
  BaruaJson member = body_option (options, name, NULL);

  if (barua_json_is_nothing (member))
    return barua_request_take_integer (options->request, name, value);
  g_autofree char *text = barua_json_type (member) == BARUA_JSON_STRING
                              ? barua_json_string (member, NULL)
                              : g_strndup (member.text, member.length);
  return read_integer (options->request, text, value);
}

gboolean
barua_options_json (const BaruaOptions *options, const char *name, const char *alias,
                    BaruaJson *value)
{
  BaruaJson member = body_option (options, name, alias);

  if (member.text == NULL)
    return barua_request_take_json (options->request, name, alias, value);
  *value = member;
  return TRUE;
}

/* Whether the call names a key or a range. */
static gboolean
has_range (const BaruaOptions *options)
{
  static const char *const names[] = { "key", "startkey", "start_key", "endkey", "end_key" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (barua_request_parameter (options->request, names[i], NULL) != NULL
        || body_option (options, names[i], NULL).text != NULL)
      return TRUE;
  return FALSE;
}

gboolean
barua_options_keys (const BaruaOptions *options, BaruaJson *keys)
{
  gboolean is_in_body = body_option (options, "keys", NULL).text != NULL;

  if (!barua_options_json (options, "keys", NULL, keys))
    return FALSE;
  if (keys->text == NULL)
    return TRUE;
  if (barua_json_size (*keys) > 0 && barua_json_type (*keys) == BARUA_JSON_ARRAY
      && !is_seed_path (options->request) && has_range (options))
    {
      barua_request_fail (options->request, BARUA_HTTP_ERROR_QUERY_PARSE,
                          "`keys` is incompatible with `key`, `start_key` and `end_key`", NULL);
      return FALSE;
    }
  if (barua_json_type (*keys) == BARUA_JSON_ARRAY)
    return TRUE;
  barua_request_fail (options->request, BARUA_HTTP_ERROR_BAD_REQUEST,
                      is_in_body ? "`keys` body member must be an array."
                                 : "`keys` parameter must be an array.",
                      NULL);
  return FALSE;
}

/* ---- headers ---- */

/* @text without the mark of a weak one. */
static const char *
skip_weakness (const char *text)
{
  return g_str_has_prefix (text, "W/") ? text + 2 : text;
}

gboolean
barua_request_knows_etag (BaruaRequest *request, const char *etag)
{
  const char *known = barua_request_header (request, "If-None-Match");

  if (known == NULL)
    return FALSE;
  g_auto (GStrv) tags = g_strsplit (known, ",", -1);
  for (guint i = 0; tags[i] != NULL; i++)
    {
      const char *tag = skip_weakness (g_strstrip (tags[i]));
      if (strcmp (tag, "*") == 0 || strcmp (tag, skip_weakness (etag)) == 0)
        return TRUE;
    }
  return FALSE;
}

/* If-Match without its quotes; absent when it was not sent. */
static BaruaText
match_header (BaruaRequest *request)
{
  BaruaText text = barua_text (barua_request_header (request, "If-Match"));

  if (text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"')
    return (BaruaText){ text.p + 1, text.n - 2 };
  return text;
}

gboolean
barua_request_edit_rev (BaruaRequest *request, BaruaText in_body, BaruaText *rev)
{
  BaruaText in_query = barua_text (barua_request_query (request, "rev"));
  BaruaText in_header = match_header (request);
  const char *reason = NULL;

  *rev = in_body.p != NULL ? in_body : in_query.p != NULL ? in_query : in_header;
  if (in_body.p != NULL && in_query.p != NULL && !barua_text_equal (in_body, in_query))
    reason = "Document rev from request body and query string have different values";
  else if (in_header.p != NULL && !barua_text_equal (in_header, *rev))
    reason = "Document rev and etag have different values";
  if (reason == NULL)
    return TRUE;
  barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, reason, NULL);
  return FALSE;
}

void
barua_answer_too_large (GError **error)
{
  g_set_error_literal (error, BARUA_HTTP_ERROR, BARUA_HTTP_ERROR_UNAVAILABLE,
                       "The answer would be larger than 64 MiB: ask for less with limit or a range.");
}
