/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/form.h"

G_BEGIN_DECLS

/** Fields beyond this many are not read; uploads are refused long before (settings-and-forms.md 5.4, 18). */
#define BARUA_FORM_MAX_FIELDS 1000

/**
 * BaruaFormContext:
 * @texts: for labels that are keys
 * @locale: the settings locale
 * @locales: (array length=n_locales): languages with labels of their own; @locales[0] is the
 *   absent text and stands for all others
 * @arena: lives as long as the form
 *
 * What a form is compiled with.
 */
typedef struct
{
  const BaruaTexts *texts;
  BaruaText locale;
  const BaruaText *locales;
  guint n_locales;
  BaruaArena *arena;
} BaruaFormContext;

/**
 * barua_form_compile:
 * @code: the form's key in the settings, a JSON string
 * @definition: an object
 *
 * What cannot be used counts as absent (parsing.md D4).
 *
 * Returns: (transfer none): owned by the arena
 */
const BaruaForm *barua_form_compile (const BaruaFormContext *context, BaruaJson code,
                                     BaruaJson definition);

G_END_DECLS
