/* SPDX-License-Identifier: MIT */

/* GET /api/v1/users-info and /api/v1/users-doc-count (users.md 9). */

#define G_LOG_DOMAIN "barua-api"

#include "forms/permissions.h"
#include "gateway/api/document-common.h"
#include "gateway/api/failure.h"
#include "gateway/api/handlers.h"
#include "gateway/api/user-count.h"
#include "gateway/rules/document.h"

#include <string.h>

#define MISSING "Missing required query params: role and/or facility_id"
#define BAD_ROLE "Role parameter must be either a string or a JSON encoded array"
#define BAD_ELEMENT "All roles should be strings"
#define NOT_OFFLINE "Provided role is not offline"
#define MAX_ANSWER_BYTES (64u * 1024u * 1024u)

/* ---- users-info ---- */

/* BaruaUserCounted */
static void
info_counted (gboolean is_offline, gint64 total, const GError *error, gpointer data)
{
  g_autoptr (BaruaRequest) request = data;

  if (error != NULL)
    {
      barua_api_fail (request, error);
      return;
    }
  GString *json = g_string_new (NULL);
  g_string_append_printf (json, "{\"total_docs\":%" G_GINT64_FORMAT ",\"warn\":%s,\"limit\":%d}",
                          total, total >= BARUA_USER_DOCUMENTS_LIMIT ? "true" : "false",
                          BARUA_USER_DOCUMENTS_LIMIT);
  barua_request_reply_json (request, 200, json);
}

/* (transfer full): the texts of an array; %NULL when an element is none. */
static char **
read_list (BaruaJson array)
{
  g_autoptr (GStrvBuilder) roles = g_strv_builder_new ();
  BaruaJsonIter iter;
  BaruaJson one;

  barua_json_iter_init (&iter, array);
  while (barua_json_iter_next (&iter, NULL, &one))
    {
      g_autofree char *role = barua_json_string (one, NULL);
      if (role == NULL)
        return NULL;
      g_strv_builder_add (roles, role);
    }
  return g_strv_builder_end (roles);
}

/* (transfer full) (nullable): what `role` says; %NULL with @fault: why it says nothing. */
static char **
read_roles (const char *text, const char **fault)
{
  BaruaJson value = BARUA_JSON_NONE;
  char *const alone[] = { (char *)text, NULL };

  if (!barua_json_read (text, -1, &value, NULL))
    return g_strdupv ((char **)alone);
  if (barua_json_type (value) == BARUA_JSON_STRING)
    {
      char *const one[] = { barua_json_string (value, NULL), NULL };
      char **roles = g_strdupv ((char **)one);
      g_free (one[0]);
      return roles;
    }
  if (barua_json_type (value) != BARUA_JSON_ARRAY)
    {
      *fault = BAD_ROLE;
      return NULL;
    }
  char **roles = read_list (value);
  if (roles == NULL)
    *fault = BAD_ELEMENT;
  return roles;
}

void
barua_api_users_info (BaruaRequest *request, gpointer data)
{
  BaruaApp *app = data;
  const char *facility = barua_request_query (request, "facility_id");
  const char *role = barua_request_query (request, "role");
  const char *fault = NULL;

  if (!barua_request_is_online (request))
    {
      barua_user_count (app, barua_request_user (request)->name, NULL, NULL, info_counted,
                        barua_request_ref (request));
      return;
    }
  if (!barua_request_may (request, "can_update_users"))
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_FORBIDDEN, NULL, NULL);
      return;
    }
  if (facility == NULL || *facility == '\0' || role == NULL || *role == '\0')
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, MISSING, NULL);
      return;
    }
  g_auto (GStrv) roles = read_roles (role, &fault);
  BaruaJson settings = barua_settings_json (barua_request_settings (request));
  if (fault == NULL && barua_permissions_is_online (settings, (const char *const *)roles))
    fault = NOT_OFFLINE;
  if (fault != NULL)
    barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, fault, NULL);
  else
    barua_user_count (app, NULL, facility, roles, info_counted, barua_request_ref (request));
}

/* ---- users-doc-count ---- */

/* The figures that are kept, on their way. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  const char *name; /* (nullable): this user's alone; of the request */
  GString *out;
} Figures;

static void
figures_free (gpointer data)
{
  Figures *figures = data;

  barua_request_unref (figures->request);
  if (figures->out != NULL)
    g_string_free (figures->out, TRUE);
  g_free (figures);
}

/* BaruaListingFunc */
static gboolean
take_figure (const BaruaListingRow *row, gpointer data)
{
  GString *out = ((Figures *)data)->out;

  if (out->str[out->len - 1] == '}')
    g_string_append_c (out, ',');
  barua_document_append (out, row->id, row->rev, row->body, FALSE);
  return out->len <= MAX_ANSWER_BYTES;
}

/* Every figure, as an array. */
static gboolean
read_all (BaruaReader *reader, Figures *figures, GError **error)
{
  const BaruaListing listing = {
    .db = BARUA_DB_SENTINEL,
    .start = BARUA_TEXT (BARUA_USER_COUNT_ID),
    .end = BARUA_TEXT ("replication-count."), /* '.' follows '-' */
    .excludes_end = TRUE,
    .includes_docs = TRUE,
    .includes_hidden = TRUE,
    .limit = -1,
  };
  BaruaListingTotals totals;

  g_string_append_c (figures->out, '[');
  if (!barua_reader_all_docs (reader, &listing, &totals, take_figure, figures, error))
    return FALSE;
  g_string_append_c (figures->out, ']');
  if (figures->out->len <= MAX_ANSWER_BYTES)
    return TRUE;
  barua_answer_too_large (error);
  return FALSE;
}

/* BaruaQuery */
static gboolean
read_figures (BaruaReader *reader, gpointer data, GError **error)
{
  Figures *figures = data;

  g_string_printf (figures->out, "{\"limit\":%d,\"users\":", BARUA_USER_DOCUMENTS_LIMIT);
  if (figures->name == NULL)
    return read_all (reader, figures, error);
  g_autofree char *id = g_strconcat (BARUA_USER_COUNT_ID, figures->name, NULL);
  g_autoptr (BaruaDocument) document
      = barua_reader_get_document (reader, BARUA_DB_SENTINEL, barua_text (id), error);
  if (document == NULL)
    return FALSE;
  barua_document_append (figures->out, document->id, document->rev, document->body, FALSE);
  return TRUE;
}

static void
figures_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Figures *figures = user_data; /* freed by the store afterwards */
  g_autoptr (GError) error = NULL;

  if (barua_store_read_finish (figures->app->store, result, &error))
    {
      g_string_append_c (figures->out, '}');
      barua_request_reply_json (figures->request, 200, g_steal_pointer (&figures->out));
    }
  else if (g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND)
           || g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_DELETED))
    barua_request_fail (figures->request, BARUA_HTTP_ERROR_NOT_FOUND, "missing", NULL);
  else
    barua_api_fail (figures->request, error);
}

void
barua_api_users_doc_count (BaruaRequest *request, gpointer data)
{
  BaruaApp *app = data;

  if (!barua_request_user (request)->is_admin)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_UNAUTHORIZED, NULL, NULL);
      return;
    }
  Figures *figures = g_new0 (Figures, 1);
  figures->app = app;
  figures->request = barua_request_ref (request);
  figures->name = barua_request_query (request, "user");
  if (figures->name != NULL && *figures->name == '\0')
    figures->name = NULL;
  figures->out = g_string_new (NULL);
  barua_store_read_async (app->store, read_figures, figures, figures_free, NULL, figures_read,
                          figures);
}
