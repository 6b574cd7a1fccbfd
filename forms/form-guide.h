/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/settings.h"

G_BEGIN_DECLS

/**
 * barua_form_guide_append:
 * @locale: the language of labels; absent for the settings' own
 * @out: receives lines of text
 *
 * The head of the sender's guide of @form: its code and title, then one line a field with its
 * place, what it is called, its label, and what to write.
 */
void barua_form_guide_append (const BaruaSettings *settings, const BaruaForm *form,
                              BaruaText locale, GString *out);

G_END_DECLS
