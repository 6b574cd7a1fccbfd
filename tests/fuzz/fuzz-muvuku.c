/* SPDX-License-Identifier: MIT */

/* Any bytes as `1!CODE!v1#v2`: as many values as there are '#' and one, each trimmed, in order. */

#include <stdint.h>

#include "forms/characters.h"
#include "parser/error.h"
#include "parser/form-code.h"
#include "parser/muvuku.h"
#include "tests/fuzz/fixed.h"

#define N_VALUES 7

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static guint
count_hashes (BaruaText text)
{
  guint n = 0;

  for (gsize i = 0; i < text.n; i++)
    n += text.p[i] == '#' ? 1 : 0;
  return n;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  BaruaText text = { (const char *)data, size }, values[N_VALUES];
  BaruaFormCode code;

  if (size == 0)
    return 0;
  barua_form_code_read (text, fixed_arena (), &code);
  /* any message: what is no Muvuku is split as if it had the shortest header */
  BaruaText body = code.is_muvuku ? code.body : text;
  guint n = barua_muvuku_split (text, body, values, N_VALUES);
  guint n_hashes = count_hashes (text);
  if (n_hashes >= BARUA_MESSAGE_MAX_VALUES)
    must (n == BARUA_MESSAGE_MAX_VALUES + 1);
  else
    must (n == n_hashes + 1 || (code.is_muvuku && n <= n_hashes + 1));
  for (guint i = 0; i < MIN (n, N_VALUES); i++)
    {
      must (values[i].p != NULL && lies_in (values[i], text));
      must (values[i].n == 0 || memchr (values[i].p, '#', values[i].n) == NULL);
      must (barua_text_trim (values[i]).n == values[i].n);
      must (i == 0 || values[i].p > values[i - 1].p + values[i - 1].n - 1);
    }
  return 0;
}
