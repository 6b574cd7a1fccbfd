/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/settings.h"

/**
 * barua_test_settings:
 * @name: of tests/vectors/parsing-settings-NAME.json; NULL gives empty settings
 *
 * Returns: the settings with the translations of parsing-translations.json, kept as long as the process
 */
const BaruaSettings *barua_test_settings (const char *name);

/** Settings of a JSON text; lives until the caller unrefs it. Aborts when it cannot be read. */
BaruaSettings *barua_test_settings_of (const char *json);

/** The text of a JSON value, NUL-terminated; lives as long as the process. */
const char *barua_test_json_text (BaruaJson value);
