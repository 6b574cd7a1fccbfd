/* SPDX-License-Identifier: MIT */

/* Filters of `_changes` that look into the documents: selectors, and views of the registry. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/change-filter.h"

#include "gateway/rules/views.h"

#include <string.h>

void
barua_change_filter_clear (BaruaChangeFilter *filter)
{
  g_clear_pointer (&filter->selector, barua_selector_free);
  g_clear_pointer (&filter->view, g_free);
}

static gboolean
refuse (BaruaCall *call, BaruaHttpErrorCode code, const char *reason)
{
  barua_request_fail (call->request, code, reason, NULL);
  return FALSE;
}

gboolean
barua_change_filter_take_selector (BaruaChangeFilter *filter, BaruaCall *call)
{
  g_autofree char *fault = NULL;
  BaruaOptions options;
  BaruaJson selector = BARUA_JSON_NONE;

  if (!barua_options_init (&options, call->request)
      || !barua_options_json (&options, "selector", NULL, &selector))
    return FALSE;
  if (barua_json_type (selector) != BARUA_JSON_OBJECT)
    return refuse (call, BARUA_HTTP_ERROR_BAD_REQUEST, "Selector error: expected a JSON object");
  filter->selector = barua_selector_new (selector, &fault);
  return filter->selector != NULL || refuse (call, BARUA_HTTP_ERROR_INVALID_OPERATOR, fault);
}

gboolean
barua_change_filter_take_view (BaruaChangeFilter *filter, BaruaCall *call)
{
  const char *name = barua_request_parameter (call->request, "view", NULL);
  gboolean is_of_users = call->db != NULL && strcmp (call->db, BARUA_DB_USERS) == 0;

  if (name == NULL || *name == '\0')
    return refuse (call, BARUA_HTTP_ERROR_BAD_REQUEST, "`view` filter parameter is not provided.");
  g_auto (GStrv) parts = g_strsplit (name, "/", 2);
  if (g_strv_length (parts) != 2)
    return refuse (call, BARUA_HTTP_ERROR_BAD_REQUEST,
                   "`view` must be of the form `designname/viewname`");
  int number
      = call->db == NULL || is_of_users ? barua_view_find (is_of_users, parts[0], parts[1]) : -1;
  if (number < 0)
    return refuse (call, BARUA_HTTP_ERROR_NOT_FOUND, "missing");
  filter->view = g_new0 (gboolean, barua_views_count ());
  filter->view[number] = TRUE;
  return TRUE;
}

gboolean
barua_change_filter_is_set (const BaruaChangeFilter *filter)
{
  return filter->selector != NULL || filter->view != NULL;
}

/* BaruaEmitFunc */
static void
note_row (guint view, BaruaText key, BaruaText value, gpointer data)
{
  *(gboolean *)data = TRUE;
}

gboolean
barua_change_filter_passes (const BaruaChangeFilter *filter, const BaruaChange *change)
{
  if (filter->selector != NULL)
    {
      g_autoptr (GString) document = g_string_sized_new (change->body.n + 128);
      barua_document_append (document, change->id, change->revs[0], change->body,
                             change->is_deleted);
      if (!barua_selector_matches (filter->selector, (BaruaJson){ document->str, document->len }))
        return FALSE;
    }
  if (filter->view == NULL)
    return TRUE;
  const BaruaViewDocument mapped = { .id = change->id, .body = { change->body.p, change->body.n } };
  gboolean has_row = FALSE;
  if (!change->is_deleted)
    barua_views_map (&mapped, filter->view, note_row, &has_row);
  return has_row;
}
