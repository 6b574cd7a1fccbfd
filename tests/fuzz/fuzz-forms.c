/* SPDX-License-Identifier: MIT */

/* Any JSON as settings or a form: checked, merged into itself, compiled, explained to senders. */

#include "forms/form-check.h"
#include "forms/form-guide.h"
#include "forms/settings-edit.h"
#include "forms/settings.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* Forms of one input that are looked at. */
#define MAX_FORMS 3

/* A report that must be there. */
static void
drop (BaruaFormReport *report)
{
  if (report == NULL)
    abort ();
  barua_form_report_free (report);
}

static void
check (BaruaJson value)
{
  BaruaFormReport *any = barua_forms_check_value (value, TRUE);

  if (any != NULL)
    drop (any);
  drop (barua_forms_check (barua_json_member (value, "forms"), BARUA_JSON_NONE, FALSE));
  drop (barua_form_check_definition (BARUA_TEXT ("P"), value));
}

static void
guide (const BaruaSettings *settings)
{
  g_autoptr (GString) out = g_string_new (NULL);

  for (guint i = 0; i < MIN (barua_settings_n_forms (settings), MAX_FORMS); i++)
    barua_form_guide_append (settings, barua_settings_form (settings, i), BARUA_TEXT ("sw"), out);
  if (!g_utf8_validate (out->str, (gssize)out->len, NULL))
    abort ();
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  BaruaJson value;

  if (size == 0 || !barua_json_read ((const char *)data, (gssize)size, &value, NULL))
    return 0;
  check (value);
  GString *edited = barua_settings_edit (value, value, BARUA_SETTINGS_MERGE, NULL);
  if (edited == NULL)
    return 0;
  g_autoptr (GBytes) bytes = g_string_free_to_bytes (edited);
  BaruaSettings *settings = barua_settings_compile (bytes, NULL, 0, NULL);
  if (settings == NULL)
    abort (); /* what was edited is an object */
  guide (settings);
  barua_settings_unref (settings);
  return 0;
}
