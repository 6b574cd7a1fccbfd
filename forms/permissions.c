/* SPDX-License-Identifier: MIT */

/* Who may do what: the permissions and roles of the settings, and the built-in permissions. */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/permissions.h"

typedef struct
{
  const char *name;
  const char *roles; /* JSON */
} Permission;

/* The permissions of a new installation and their roles (settings-and-forms.md 3.6). */
static const Permission builtin[] = {
  { "can_access_gateway_api", "[\"gateway\"]" },
  { "can_create_records",
    "[\"data_entry\",\"gateway\",\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_edit", "[\"gateway\",\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_view_unallocated_data_records",
    "[\"gateway\",\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_configure", "[\"program_officer\",\"crfo\"]" },
  { "can_export_all", "[\"program_officer\",\"crfo\"]" },
  { "can_export_dhis", "[\"national_admin\",\"crfo\"]" },
  { "can_create_users", "[\"program_officer\"]" },
  { "can_delete_users", "[\"program_officer\"]" },
  { "can_export_feedback", "[\"program_officer\"]" },
  { "can_update_users", "[\"program_officer\"]" },
  { "can_view_outgoing_messages", "[\"program_officer\"]" },
  { "can_view_users", "[\"program_officer\"]" },
  { "can_bulk_delete_reports", "[\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_create_people", "[\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_create_places", "[\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_delete_contacts", "[\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_delete_messages", "[\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_delete_reports", "[\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_edit_profile", "[\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_edit_verification", "[\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_export_contacts", "[\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_update_places", "[\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_update_reports", "[\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_verify_reports", "[\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_view_analytics_tab", "[\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_view_call_action", "[\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_view_contacts", "[\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_view_contacts_tab", "[\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_view_message_action", "[\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_view_messages", "[\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_view_messages_tab", "[\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_view_reports", "[\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_view_reports_tab", "[\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_export_messages", "[\"analytics\",\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_view_analytics", "[\"analytics\",\"program_officer\",\"chw_supervisor\",\"chw\"]" },
  { "can_view_tasks", "[\"chw_supervisor\",\"chw\"]" },
  { "can_view_tasks_tab", "[\"chw_supervisor\",\"chw\"]" },
  { "can_aggregate_targets", "[\"chw_supervisor\"]" },
  { "can_log_out_on_android", "[]" },
  { "can_view_last_visited_date", "[]" },
  { "can_write_wealth_quintiles", "[]" },
};

/* Whether the array @list holds the text @role. */
static gboolean
lists_role (BaruaJson list, const char *role)
{
  BaruaJsonIter iter;
  BaruaJson entry;

  if (barua_json_type (list) != BARUA_JSON_ARRAY)
    return FALSE;
  barua_json_iter_init (&iter, list);
  while (barua_json_iter_next (&iter, NULL, &entry))
    if (barua_json_string_is (entry, barua_text (role)))
      return TRUE;
  return FALSE;
}

gboolean
barua_permissions_may (BaruaJson settings, const char *const *roles, const char *permission)
{
  if (g_strv_contains (roles, "_admin"))
    return TRUE;

  BaruaJson allowed = barua_json_member (barua_json_member (settings, "permissions"), permission);
  for (guint i = 0; roles[i] != NULL; i++)
    if (lists_role (allowed, roles[i]))
      return TRUE;
  return FALSE;
}

gboolean
barua_permissions_is_online (BaruaJson settings, const char *const *roles)
{
  BaruaJson configured = barua_json_member (settings, "roles");
  gboolean has_configured = FALSE;

  if (g_strv_contains (roles, "_admin") || g_strv_contains (roles, "national_admin"))
    return TRUE;
  for (guint i = 0; roles[i] != NULL; i++)
    {
      BaruaJson role = barua_json_member (configured, roles[i]);
      if (!barua_json_truthy (role))
        continue;
      has_configured = TRUE;
      if (barua_json_truthy (barua_json_member (role, "offline")))
        return FALSE;
    }
  return has_configured;
}

gboolean
barua_permissions_are_complete (BaruaJson permissions)
{
  for (gsize i = 0; i < G_N_ELEMENTS (builtin); i++)
    if (barua_json_member (permissions, builtin[i].name).text == NULL)
      return FALSE;
  return TRUE;
}

void
barua_permissions_append_completed (GString *out, BaruaJson permissions)
{
  gboolean has_some = barua_json_type (permissions) == BARUA_JSON_OBJECT;

  g_string_append_c (out, '{');
  if (has_some && barua_json_size (permissions) > 0)
    {
      gsize start = out->len;
      barua_json_append_minified (out, permissions);
      g_string_erase (out, (gssize)start, 1);
      g_string_truncate (out, out->len - 1);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (builtin); i++)
    if (!has_some || barua_json_member (permissions, builtin[i].name).text == NULL)
      {
        barua_json_append_key (out, builtin[i].name);
        g_string_append (out, builtin[i].roles);
      }
  g_string_append_c (out, '}');
}
