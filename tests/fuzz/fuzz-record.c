/* SPDX-License-Identifier: MIT */

/* Settings, a line feed, and a message or JSON record: whatever they are, the record is JSON and
 * its explanation too. Input without a line feed is a message for fixed settings. */

#include <stdint.h>

#include "parser/example.h"
#include "parser/explain.h"
#include "parser/record.h"
#include "tests/fuzz/fixed.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* Stops when @out is not JSON. */
static void
check_json (const GString *out)
{
  BaruaJson value;

  if (!barua_json_read (out->str, (gssize)out->len, &value, NULL))
    abort ();
}

static void
read_message (const BaruaSettings *settings, BaruaText text)
{
  BaruaArena *arena = fixed_arena ();
  g_autoptr (GString) out = g_string_new (NULL);
  BaruaMessage message = { .message = text, .from = text, .timestamp = text };
  BaruaRecord record;

  if (!barua_record_from_message (settings, &message, arena, &record, NULL))
    return;
  barua_record_append_json (&record, NULL, out);
  check_json (out);
  g_string_truncate (out, 0);
  barua_explain_append (settings, &message, &record, arena, out);
  check_json (out);
}

static void
read_json (const BaruaSettings *settings, BaruaText text)
{
  static const BaruaText none = { NULL, 0 };
  BaruaArena *arena = fixed_arena ();
  g_autoptr (GString) out = g_string_new (NULL);
  BaruaRecord record;
  BaruaJson body;

  if (!barua_json_read (text.p, (gssize)text.n, &body, NULL)
      || !barua_record_from_json (settings, body, none, 1, arena, &record, NULL))
    return;
  barua_record_append_json (&record, NULL, out);
  check_json (out);
}

/* Writes an example for the first form in every syntax. */
static void
write_examples (const BaruaSettings *settings)
{
  const BaruaForm *form
      = barua_settings_n_forms (settings) > 0 ? barua_settings_form (settings, 0) : NULL;
  BaruaArena *arena = fixed_arena ();

  if (form == NULL)
    return;
  BaruaText *texts
      = barua_arena_alloc (arena, (barua_form_n_fields (form) + 1) * sizeof (BaruaText));
  BaruaExample example = { settings, form, { NULL, 0 }, texts };
  barua_example_fill (settings, form, example.locale, arena, texts);
  for (guint i = 0; i < BARUA_N_SYNTAXES; i++)
    {
      g_autoptr (GString) out = g_string_new (NULL);
      const char *remark = NULL;
      gboolean is_good = barua_example_write (&example, (BaruaSyntax)i, arena, out, &remark)
                         && barua_example_check (&example, (BaruaSyntax)i,
                                                 (BaruaText){ out->str, out->len }, arena, &remark);
      must (is_good == (remark == NULL));
    }
}

static void
read_both (const BaruaSettings *settings, BaruaText text)
{
  read_message (settings, text);
  read_json (settings, text);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *begin = (const char *)data;
  const char *line_end = size > 0 && *begin == '{' ? memchr (begin, '\n', size) : NULL;
  BaruaText text = { begin, size };

  if (size == 0)
    return 0;
  if (line_end == NULL)
    {
      read_both (fixed_settings (), text);
      return 0;
    }
  g_autoptr (GBytes) bytes = g_bytes_new (begin, (gsize)(line_end - begin));
  text = (BaruaText){ line_end + 1, size - (gsize)(line_end + 1 - begin) };
  g_autoptr (BaruaSettings) settings = barua_settings_compile (bytes, NULL, 0, NULL);
  if (settings == NULL)
    return 0;
  read_both (settings, text);
  write_examples (settings);
  return 0;
}
