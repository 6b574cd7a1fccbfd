/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/rules/contacts.h"

G_BEGIN_DECLS

/* Private to gateway/rules/contact*.c: the hierarchy that settings configure (contacts.md 1). */

/** `contact_types`, or the default hierarchy. */
BaruaJson barua_contact_types (const BaruaSettings *settings);

/** The type with this id. */
BaruaContactType barua_contact_type_from_id (BaruaJson types, BaruaText id);

/** The type of a document. */
BaruaContactType barua_contact_type_of (BaruaJson types, BaruaArena *arena, BaruaJson document);

/** Whether contacts of the type stand below others. */
gboolean barua_contact_type_has_parents (const BaruaContactType *type);

/** Whether a contact of @type may stand directly below one of type @parent. */
gboolean barua_contact_type_may_be_below (const BaruaContactType *type, BaruaText parent);

/** Whether the type is written as `type` alone, without `contact_type`. */
gboolean barua_contact_type_is_classic (BaruaText id);

G_END_DECLS
