/* SPDX-License-Identifier: MIT */

/* Any JSON as settings: checked, merged into itself, compiled. */

#include "forms/form-check.h"
#include "forms/settings-edit.h"
#include "forms/settings.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  BaruaJson value;

  if (size == 0 || !barua_json_read ((const char *)data, (gssize)size, &value, NULL))
    return 0;
  barua_form_report_free (barua_forms_check (barua_json_member (value, "forms"), BARUA_JSON_NONE, FALSE));
  barua_form_report_free (barua_form_check_definition (BARUA_TEXT ("P"), value));
  GString *edited = barua_settings_edit (value, value, BARUA_SETTINGS_MERGE, NULL);
  if (edited == NULL)
    return 0;
  g_autoptr (GBytes) bytes = g_string_free_to_bytes (edited);
  BaruaSettings *settings = barua_settings_compile (bytes, NULL, 0, NULL);
  if (settings == NULL)
    abort (); /* what was edited is an object */
  barua_settings_unref (settings);
  return 0;
}
