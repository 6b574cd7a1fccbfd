/* SPDX-License-Identifier: MIT */

/* The hierarchy of contacts (contacts.md 1). */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/contact-types.h"

/* What counts when settings have no `contact_types`. */
static const char default_types[]
    = "[{\"id\":\"district_hospital\"},"
      "{\"id\":\"health_center\",\"parents\":[\"district_hospital\"]},"
      "{\"id\":\"clinic\",\"parents\":[\"health_center\"]},"
      "{\"id\":\"person\",\"person\":true,"
      "\"parents\":[\"district_hospital\",\"health_center\",\"clinic\"]},"
      "{\"id\":\"national_office\"}]";

/* Types that `type` names without `contact_type` (contacts.md 1). */
static const char *const classic_types[]
    = { "district_hospital", "health_center", "clinic", "person", "national_office" };

BaruaJson
barua_contact_types (const BaruaSettings *settings)
{
  BaruaJson types = barua_settings_get (settings, "contact_types");

  return barua_json_type (types) == BARUA_JSON_ARRAY
             ? types
             : (BaruaJson){ default_types, sizeof default_types - 1 };
}

/* The configuration of a type; absent when there is none. */
static BaruaJson
find_type (BaruaJson types, BaruaText id)
{
  BaruaJsonIter iter;
  BaruaJson type;

  barua_json_iter_init (&iter, types);
  while (id.p != NULL && barua_json_iter_next (&iter, NULL, &type))
    if (barua_json_string_is (barua_json_member (type, "id"), id))
      return type;
  return BARUA_JSON_NONE;
}

BaruaContactType
barua_contact_type_from_id (BaruaJson types, BaruaText id)
{
  BaruaContactType type = { .id = id, .config = find_type (types, id) };
  const gboolean is_plain_person = barua_text_equal (id, BARUA_TEXT ("person"));
  const gboolean has_person = barua_json_truthy (barua_json_member (type.config, "person"));

  type.is_person = has_person || is_plain_person;
  type.is_place = type.config.text != NULL && !type.is_person;
  return type;
}

BaruaContactType
barua_contact_type_of (BaruaJson types, BaruaArena *arena, BaruaJson document)
{
  BaruaJson type = barua_json_member (document, "type");
  const gboolean is_contact = barua_json_string_is (type, BARUA_TEXT ("contact"));

  return barua_contact_type_from_id (
      types, barua_arena_json_text (arena, is_contact ? barua_json_member (document, "contact_type")
                                                      : type));
}

BaruaContactType
barua_contact_type (const BaruaSettings *settings, BaruaArena *arena, BaruaJson document)
{
  return barua_contact_type_of (barua_contact_types (settings), arena, document);
}

gboolean
barua_contact_type_has_parents (const BaruaContactType *type)
{
  BaruaJson parents = barua_json_member (type->config, "parents");

  return barua_json_type (parents) == BARUA_JSON_ARRAY && barua_json_size (parents) > 0;
}

gboolean
barua_contact_type_may_be_below (const BaruaContactType *type, BaruaText parent)
{
  BaruaJsonIter iter;
  BaruaJson id;

  barua_json_iter_init (&iter, barua_json_member (type->config, "parents"));
  while (parent.p != NULL && barua_json_iter_next (&iter, NULL, &id))
    if (barua_json_string_is (id, parent))
      return TRUE;
  return FALSE;
}

gboolean
barua_contact_type_is_classic (BaruaText id)
{
  for (gsize i = 0; i < G_N_ELEMENTS (classic_types); i++)
    if (barua_text_equal (id, barua_text (classic_types[i])))
      return TRUE;
  return FALSE;
}
