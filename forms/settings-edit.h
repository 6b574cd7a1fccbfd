/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/**
 * BaruaSettingsMode:
 * @BARUA_SETTINGS_MERGE: member by member, all the way down
 * @BARUA_SETTINGS_REPLACE: each top-level member of the change, whole
 * @BARUA_SETTINGS_OVERWRITE: the change takes the place of everything
 */
typedef enum
{
  BARUA_SETTINGS_MERGE,
  BARUA_SETTINGS_REPLACE,
  BARUA_SETTINGS_OVERWRITE,
} BaruaSettingsMode;

/**
 * barua_settings_edit:
 * @stored: the settings object in force; absent counts as `{}`
 * @change: what a designer sent
 * @error: %BARUA_FORMS_ERROR_SHAPE: @change is no object, or cannot be merged into what is there;
 *   the message names the path
 *
 * The modes of settings-and-forms.md 2.1 and 2.2, and the completion of permissions of 2.3. Order and
 * spelling are kept: a member that exists keeps its place, a new one goes to the end.
 *
 * Returns: (transfer full): the new settings, minified; equal text means nothing changed
 */
GString *barua_settings_edit (BaruaJson stored, BaruaJson change, BaruaSettingsMode mode, GError **error);

G_END_DECLS
