/* SPDX-License-Identifier: MIT */

/* Any bytes as `label#value#label#value`: the pieces make the whole again, and no value is longer
 * than what was sent. */

#include <stdint.h>

#include "parser/error.h"
#include "parser/javarosa.h"
#include "tests/fuzz/fixed.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_pieces (BaruaText body)
{
  BaruaText rest = body;
  const char *at = body.p;

  while (rest.p != NULL)
    {
      gboolean has_escape;
      BaruaText piece = barua_javarosa_next_piece (&rest, &has_escape);
      must (piece.p == at && lies_in (piece, body));
      must (!has_escape || memchr (piece.p, '#', piece.n) != NULL);
      at = piece.p + piece.n + 1; /* behind the '#' */
    }
  must (at == body.p + body.n + 1);
}

static void
read_form (BaruaText body, BaruaText code)
{
  const BaruaForm *form = fixed_form (code);
  BaruaText values[16] = { { NULL, 0 } };

  barua_javarosa_read (body, barua_form_labels (form, 0), fixed_arena (), values);
  for (guint i = 0; i < barua_form_n_fields (form); i++)
    must (values[i].p == NULL || values[i].n < body.n);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  BaruaText body = { (const char *)data, size };

  if (size == 0)
    return 0;
  check_pieces (body);
  read_form (body, BARUA_TEXT ("F"));
  read_form (body, BARUA_TEXT ("TWO"));
  return 0;
}
