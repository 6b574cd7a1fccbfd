/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/**
 * barua_permissions_may:
 * @settings: the settings object
 * @roles: (array zero-terminated=1): roles of a user
 * @permission: for instance `can_configure`
 *
 * Whether any of @roles is listed under `permissions.<permission>`; a permission that is not
 * configured belongs to nobody. The role `_admin` passes every check (users.md 1).
 */
gboolean barua_permissions_may (BaruaJson settings, const char *const *roles, const char *permission);

/**
 * barua_permissions_is_online:
 *
 * The rule of users.md 1: `_admin` and `national_admin` are online; a user with no configured role, or
 * with a role of `offline: true`, is offline.
 */
gboolean barua_permissions_is_online (BaruaJson settings, const char *const *roles);

/**
 * barua_permissions_append_completed:
 * @permissions: the `permissions` object of settings; any other value counts as absent
 * @out: receives the object with each built-in permission that was absent added with its default
 *   roles (settings-and-forms.md 2.3 no. 1); existing entries are kept as they are
 */
void barua_permissions_append_completed (GString *out, BaruaJson permissions);

/** Whether barua_permissions_append_completed() would add anything. */
gboolean barua_permissions_are_complete (BaruaJson permissions);

G_END_DECLS
