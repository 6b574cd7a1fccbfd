/* SPDX-License-Identifier: MIT */

/* Any bytes as the beginning of a message: the code lies in it, in capitals, and what is left
 * without it is its end. */

#include <stdint.h>

#include "forms/characters.h"
#include "parser/form-code.h"
#include "tests/fuzz/fixed.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_code (const BaruaFormCode *code, BaruaArena *arena)
{
  must (lies_in (code->token, code->text) && lies_in (code->header, code->text));
  must ((code->token.p == NULL) == (code->code.p == NULL));
  if (code->code.p != NULL)
    must (barua_text_equal (code->code, barua_text_upper (arena, code->token)));
  must (code->is_muvuku == (code->body.p != NULL));
  if (code->is_muvuku)
    must (code->body.p[-1] == '!' && code->body.p + code->body.n == code->text.p + code->text.n);
  else
    must (code->token.p == NULL || code->token.n > 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  BaruaArena *arena = fixed_arena ();
  BaruaText text = { (const char *)data, size };
  BaruaFormCode code;

  if (size == 0)
    return 0;
  barua_form_code_read (text, arena, &code);
  must (code.text.p == text.p && code.text.n == size);
  check_code (&code, arena);
  if (barua_form_code_is_muvuku (text))
    must (code.is_muvuku); /* which also looks behind zero-width characters */
  barua_form_code_find (fixed_settings (), arena, &code);
  check_code (&code, arena);
  must (code.text.n <= size);
  if (code.form == NULL)
    return 0;
  must (barua_text_equal (barua_form_code (code.form), code.code));
  BaruaText rest = barua_form_code_remove (code.text, barua_form_meta_code (code.form));
  must (rest.p + rest.n == code.text.p + code.text.n && rest.n <= code.text.n);
  return 0;
}
