/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/form.h"

G_BEGIN_DECLS

/** Whether @text, without its code, is compact and not Textforms (parsing.md section 4). */
gboolean barua_compact_applies (const BaruaLabels *labels, BaruaText text);

/**
 * barua_compact_split:
 * @values: (array): one for each field; a field without a value is left as it is
 *
 * Values by position, blanks between them (parsing.md 6.1).
 */
void barua_compact_split (const BaruaForm *form, BaruaText text, BaruaArena *arena,
                          BaruaText *values);

G_END_DECLS
