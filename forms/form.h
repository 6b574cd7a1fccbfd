/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/field.h"

G_BEGIN_DECLS

/**
 * BaruaForm:
 *
 * One compiled JSON form definition. Immutable; it lives as long as the settings it comes from.
 */
typedef struct _BaruaForm BaruaForm;

/** The key in `settings.forms`: the form code. */
BaruaText barua_form_code (const BaruaForm *form);

/** `meta.code`; absent when there is none. */
BaruaText barua_form_meta_code (const BaruaForm *form);

/** The definition as stored. */
BaruaJson barua_form_json (const BaruaForm *form);

/** `public_form` is truthy. */
gboolean barua_form_is_public (const BaruaForm *form);

/** The field that `facility_reference` names, or -1. */
int barua_form_facility_reference (const BaruaForm *form);

/** Fields in the order of the definition. */
guint barua_form_n_fields (const BaruaForm *form);
const BaruaField *barua_form_field (const BaruaForm *form, guint index);

/** The field called @key exactly, or -1. */
int barua_form_field_index (const BaruaForm *form, BaruaText key);

G_END_DECLS
