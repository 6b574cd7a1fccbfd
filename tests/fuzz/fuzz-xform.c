/* SPDX-License-Identifier: MIT */

/* Any bytes as an XForm: it is read or refused, never with half an answer, and always alike. */

#include "forms/xform.h"
#include "tests/fuzz/fixed.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static gboolean
is_text (const char *text)
{
  return text == NULL || (*text != '\0' && g_utf8_validate (text, -1, NULL));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *exact = g_memdup2 (data, size > 0 ? size : 1); /* reading beyond the end is seen */
  BaruaXForm xform = { 0 }, again = { 0 };

  if (exact == NULL)
    return 0;
  g_autofree char *fault = barua_xform_libxml ((BaruaText){ exact, size }, &xform);
  g_autofree char *other = barua_xform_libxml ((BaruaText){ exact, size }, &again);
  must (g_strcmp0 (fault, other) == 0 && g_strcmp0 (xform.title, again.title) == 0);
  must (is_text (fault) && is_text (xform.title) && is_text (xform.form_id) && is_text (xform.version));
  must (xform.has_instance == (xform.form_id != NULL) && xform.has_id <= xform.has_instance);
  must (fault != NULL || barua_xform_fault (&xform) == NULL || !xform.has_id || xform.title == NULL);
  barua_xform_clear (&xform);
  barua_xform_clear (&again);
  return 0;
}
