/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/settings.h"

G_BEGIN_DECLS

/** The ways to write a message (parsing.md sections 4 to 6). */
typedef enum
{
  BARUA_SYNTAX_MUVUKU,
  BARUA_SYNTAX_JAVAROSA,
  BARUA_SYNTAX_TEXTFORMS,
  BARUA_SYNTAX_COMPACT,
  BARUA_N_SYNTAXES
} BaruaSyntax;

/** The name that a record's `format` has: "muvuku", … */
const char *barua_syntax_name (BaruaSyntax syntax);

/**
 * BaruaExample:
 * @settings: the form's settings
 * @locale: the language of labels without a header; absent for the settings' own
 * @texts: (array): for each field what is sent; absent: nothing; never empty
 *
 * A message to be written.
 */
typedef struct
{
  const BaruaSettings *settings;
  const BaruaForm *form;
  BaruaText locale;
  const BaruaText *texts;
} BaruaExample;

/**
 * barua_example_fill:
 * @texts: (out) (array): a text for each field that a message can fill; absent for the others
 *
 * Makes up what a sender might say, within `range`, `length` and `list`.
 */
void barua_example_fill (const BaruaSettings *settings, const BaruaForm *form, BaruaText locale,
                         BaruaArena *arena, BaruaText *texts);

/**
 * barua_example_write:
 * @out: receives the message; to be thrown away on failure
 * @remark: (out): what @syntax cannot say, for people
 *
 * Writes the message in @syntax.
 *
 * Returns: %FALSE when that is not possible
 */
gboolean barua_example_write (const BaruaExample *example, BaruaSyntax syntax, BaruaArena *arena,
                              GString *out, const char **remark);

/**
 * barua_example_check:
 * @message: what barua_example_write() made
 * @remark: (out): what is different, for people
 *
 * Reads @message as the server would: whether it is taken for @syntax and gives each field the
 * typed value of its text.
 */
gboolean barua_example_check (const BaruaExample *example, BaruaSyntax syntax, BaruaText message,
                              BaruaArena *arena, const char **remark);

G_END_DECLS
