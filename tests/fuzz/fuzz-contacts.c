/* SPDX-License-Identifier: MIT */

/* Any JSON as people, places and what is stored of them: planned, changed, hydrated. */

#include <stdint.h>

#include "gateway/rules/contacts.h"
#include "gateway/rules/lineage.h"
#include "tests/fuzz/fixed.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* Nesting of hydrated documents may pass that of JSON that is read; inputs this short cannot. */
#define SHALLOW_BYTES 300

/* BaruaLookup.get_document: the input itself as "self", and members of its "docs". */
static gboolean
get_document (gpointer data, BaruaText id, BaruaStored *stored, GError **error)
{
  const BaruaJson *input = data;
  BaruaJsonIter iter;
  BaruaJson key, value;

  *stored = (BaruaStored){ .id = id, .rev = BARUA_TEXT ("1-a") };
  if (barua_text_equal (id, BARUA_TEXT ("self")))
    stored->body = *input;
  barua_json_iter_init (&iter, barua_json_member (*input, "docs"));
  while (barua_json_iter_next (&iter, &key, &value))
    if (key.text != NULL && barua_json_string_is (key, id)
        && barua_json_type (value) == BARUA_JSON_OBJECT)
      stored->body = value;
  return TRUE;
}

/* BaruaLookup.find_contact */
static gboolean
find_contact (gpointer data, BaruaContactKey key, BaruaText value, BaruaText *id, GError **error)
{
  *id = value.n > 2 ? BARUA_TEXT ("self") : (BaruaText){ NULL, 0 };
  return TRUE;
}

/* BaruaLookup.new_id */
static void
new_id (gpointer data, char out[BARUA_LOOKUP_ID_SIZE])
{
  memcpy (out, "new", sizeof "new");
}

static void
must_be_json (const char *text, gsize length)
{
  BaruaJson value;

  must (barua_json_read (text, (gssize)length, &value, NULL));
}

/* Which of the endpoints. */
typedef enum
{
  PERSON,
  PLACE,
  CHANGE,
  N_WAYS,
} Way;

static void
plan (const BaruaLookup *lookup, BaruaJson body, Way way)
{
  g_auto (BaruaContactPlan) plan = { .settings = fixed_settings (),
                                     .lookup = lookup,
                                     .arena = fixed_arena (),
                                     .may_create_people = TRUE,
                                     .may_create_places = TRUE };
  BaruaContact contact;
  BaruaText created;
  g_autoptr (GError) error = NULL;

  barua_contact_plan_init (&plan);
  const gboolean is_planned
      = way == PERSON  ? barua_contact_plan_person (&plan, body, &contact, &error)
        : way == PLACE ? barua_contact_plan_place (&plan, body, &contact, &created, &error)
                       : barua_contact_plan_change_place (&plan, BARUA_TEXT ("self"), body,
                                                          &contact, &error);
  must (is_planned == (error == NULL));
  for (guint i = 0; is_planned && i < plan.documents->len; i++)
    {
      const BaruaPlannedDocument *document
          = &g_array_index (plan.documents, BaruaPlannedDocument, i);
      must (document->id.p != NULL);
      must_be_json (document->body.p, document->body.n);
    }
  if (is_planned)
    must_be_json (contact.lineage.text, contact.lineage.length);
}

static void
hydrate (const BaruaLookup *lookup, BaruaJson body, gsize size)
{
  const BaruaHydration hydration = { lookup, fixed_arena (), 1024 * 1024 };
  const BaruaStored stored = { BARUA_TEXT ("self"), BARUA_TEXT ("1-a"), body };
  g_autoptr (GString) out = g_string_new (NULL);

  if (barua_lineage_append_hydrated (&hydration, &stored, out, NULL) && size < SHALLOW_BYTES)
    must_be_json (out->str, out->len);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GString) minified = g_string_new (NULL);
  BaruaJson value;

  if (size == 0 || !barua_json_read ((const char *)data, (gssize)size, &value, NULL)
      || barua_json_type (value) != BARUA_JSON_OBJECT)
    return 0;
  barua_json_append_minified (minified, value);
  BaruaJson stored = { minified->str, minified->len };
  const BaruaLookup lookup = { &stored, NULL, get_document, find_contact, new_id };
  for (Way way = PERSON; way < N_WAYS; way++)
    plan (&lookup, value, way);
  hydrate (&lookup, stored, size);
  return 0;
}
