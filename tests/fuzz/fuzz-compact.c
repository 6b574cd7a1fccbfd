/* SPDX-License-Identifier: MIT */

/* Any bytes as values with blanks between them: values come without a gap from the first field on,
 * never empty, and together no longer than the text and a blank for each. */

#include <stdint.h>

#include "parser/compact.h"
#include "tests/fuzz/fixed.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
split (BaruaText text, BaruaText code)
{
  const BaruaForm *form = fixed_form (code);
  guint n = barua_form_n_fields (form);
  BaruaText values[16] = { { NULL, 0 } };
  gsize total = 0;

  barua_compact_split (form, text, fixed_arena (), values);
  for (guint i = 0; i < n; i++)
    {
      must (values[i].p == NULL || values[i].n > 0);
      must (i == 0 || values[i].p == NULL || values[i - 1].p != NULL);
      must (i + 1 == n || lies_in (values[i], text));
      total += values[i].n;
    }
  must (total <= 2 * text.n);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  BaruaText text = { (const char *)data, size };
  guint swahili = barua_settings_locale_index (fixed_settings (), BARUA_TEXT ("sw"));

  if (size == 0)
    return 0;
  gboolean applies
      = barua_compact_applies (barua_form_labels (fixed_form (BARUA_TEXT ("F")), swahili), text);
  must (!applies || memchr (text.p, '#', text.n) == NULL);
  split (text, BARUA_TEXT ("F"));
  split (text, BARUA_TEXT ("TWO"));
  split (text, BARUA_TEXT ("PREG"));
  return 0;
}
