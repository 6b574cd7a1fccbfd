/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/settings.h"

G_BEGIN_DECLS

/**
 * BaruaFormCode:
 * @text: the message; zero-width characters are taken out of the code where that finds a form
 * @code: in capitals; absent when there is none, empty between two adjacent `!`
 * @token: the code in @text as it came; absent with @code
 * @header: what stands before the first `!` of a header ("1", "J1"); absent without one
 * @is_muvuku: @header is followed by a second `!`
 * @body: what follows the second `!`, for Muvuku
 * @form: (nullable): the definition
 *
 * What the beginning of a message tells (parsing.md sections 3 and 4).
 */
typedef struct
{
  BaruaText text;
  BaruaText code;
  BaruaText token;
  BaruaText header;
  gboolean is_muvuku;
  BaruaText body;
  const BaruaForm *form;
} BaruaFormCode;

/**
 * barua_form_code_is_muvuku:
 *
 * Whether @message has a Muvuku header and a second `!` (parsing.md section 4). The code and what
 * follows may be empty (D14).
 */
gboolean barua_form_code_is_muvuku (BaruaText message);

/** Reads the beginning of @message, behind zero-width characters too (D12); @code->form stays %NULL. */
void barua_form_code_read (BaruaText message, BaruaArena *arena, BaruaFormCode *code);

/** Looks the code up in the settings, with and without its zero-width characters. */
void barua_form_code_find (const BaruaSettings *settings, BaruaArena *arena, BaruaFormCode *code);

/**
 * barua_form_code_remove:
 * @text: a message without a Muvuku header
 * @meta_code: the definition's own code; absent when it has none
 *
 * Returns: @text without the code and the separators behind it, or all of @text
 */
BaruaText barua_form_code_remove (BaruaText text, BaruaText meta_code);

G_END_DECLS
