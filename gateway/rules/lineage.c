/* SPDX-License-Identifier: MIT */

/* Where contacts stand: chains of ids as stored, whole documents as served (contacts.md 5, 6.2). */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/lineage.h"

#include "gateway/rules/contacts.h"
#include "gateway/rules/document.h"
#include "gateway/rules/views.h"

#include <string.h>

/* ---- chains of ids ---- */

BaruaText
barua_lineage_link_id (BaruaArena *arena, BaruaJson link)
{
  BaruaJson id
      = barua_json_type (link) == BARUA_JSON_STRING ? link : barua_json_member (link, "_id");
  BaruaText text = barua_arena_json_text (arena, id);

  return text.n > 0 ? text : (BaruaText){ NULL, 0 };
}

/* Whether a link names a document. */
static gboolean
has_id (BaruaJson link)
{
  BaruaJson id = barua_json_member (link, "_id");

  return barua_json_type (id) == BARUA_JSON_STRING && barua_json_truthy (id);
}

/* Appends a chain of @levels at most; FALSE when it is longer. */
static gboolean
append_chain (GString *out, BaruaJson link, guint levels)
{
  guint open = 0;

  for (; has_id (link) && levels > 0; levels--)
    {
      g_string_append (out, "{\"_id\":");
      barua_json_append_minified (out, barua_json_member (link, "_id"));
      open++;
      link = barua_json_member (link, "parent");
      if (!barua_json_truthy (link))
        break;
      g_string_append (out, ",\"parent\":");
    }
  if (has_id (link))
    return FALSE;
  if (open == 0 || barua_json_truthy (link))
    barua_json_append_minified (out, link);
  for (; open > 0; open--)
    g_string_append_c (out, '}');
  return TRUE;
}

/* Fails for a chain that is too long. */
static gboolean
fail_recursion (BaruaText id, GError **error)
{
  g_set_error (error, BARUA_CONTACTS_ERROR, BARUA_CONTACTS_ERROR_RECURSION,
               "Could not minify %.*s, possible parent recursion.", (int)id.n, id.p);
  return FALSE;
}

gboolean
barua_lineage_append_minified (GString *out, BaruaJson link, GError **error)
{
  const gsize before = out->len;

  if (append_chain (out, link, BARUA_LINEAGE_MAX_LEVELS))
    return TRUE;
  g_string_truncate (out, before);
  BaruaJson id = barua_json_member (link, "_id");
  return fail_recursion ((BaruaText){ id.text, id.length }, error);
}

gboolean
barua_lineage_append_of (GString *out, BaruaText id, BaruaJson body, GError **error)
{
  const gsize before = out->len;
  BaruaJson parent = barua_json_member (body, "parent");

  g_string_append (out, "{\"_id\":");
  barua_json_append_string (out, id);
  if (barua_json_truthy (parent))
    {
      g_string_append (out, ",\"parent\":");
      if (!append_chain (out, parent, BARUA_LINEAGE_MAX_LEVELS - 1))
        {
          g_string_truncate (out, before);
          return fail_recursion (id, error);
        }
    }
  g_string_append_c (out, '}');
  return TRUE;
}

gboolean
barua_lineage_has (BaruaJson lineage, BaruaText place)
{
  for (guint i = 0; i <= BARUA_LINEAGE_MAX_LEVELS && lineage.text != NULL; i++)
    {
      if (barua_json_string_is (barua_json_member (lineage, "_id"), place))
        return TRUE;
      lineage = barua_json_member (lineage, "parent");
    }
  return FALSE;
}

/* ---- whole documents ---- */

static gboolean append_contact (const BaruaHydration *hydration, const BaruaStored *stored,
                                GString *out, GError **error);

/* Whether the answer still fits. */
static gboolean
check_size (const BaruaHydration *hydration, const GString *out, GError **error)
{
  if (out->len <= hydration->max_bytes)
    return TRUE;
  g_set_error_literal (error, BARUA_CONTACTS_ERROR, BARUA_CONTACTS_ERROR_TOO_LARGE,
                       "the hydrated documents are too large together");
  return FALSE;
}

/* Whether a document may stand where links point to: nothing else is shown through a link. */
static gboolean
is_contact (BaruaJson body)
{
  return barua_contact_type_is (barua_json_member (body, "type"));
}

static gboolean
is_record (BaruaJson body)
{
  return barua_json_string_is (barua_json_member (body, "type"), BARUA_TEXT ("data_record"));
}

/* Reads the contact that a link names; the body is absent when there is none. */
static gboolean
follow (const BaruaHydration *hydration, BaruaJson link, BaruaStored *stored, GError **error)
{
  BaruaText id = barua_lineage_link_id (hydration->arena, link);

  *stored = (BaruaStored){ .id = id };
  if (id.p != NULL && !hydration->lookup->get_document (hydration->lookup->data, id, stored, error))
    return FALSE;
  if (!is_contact (stored->body))
    stored->body = BARUA_JSON_NONE;
  return TRUE;
}

/* Appends a key as it stands in a document, with a comma before it unless it is the first. */
static void
append_key (GString *out, BaruaJson key)
{
  if (out->str[out->len - 1] != '{')
    g_string_append_c (out, ',');
  g_string_append_len (out, key.text, (gssize)key.length);
  g_string_append_c (out, ':');
}

static void
append_value (GString *out, BaruaJson value)
{
  g_string_append_len (out, value.text, (gssize)value.length);
}

/* Begins a document. */
static void
append_head (GString *out, const BaruaStored *stored)
{
  g_string_append (out, "{\"_id\":");
  barua_json_append_string (out, stored->id);
  g_string_append (out, ",\"_rev\":");
  barua_json_append_string (out, stored->rev);
}

/* Appends the document that a link names, as it is stored; the link itself when there is none. */
static gboolean
append_linked (const BaruaHydration *hydration, BaruaJson link, gboolean takes_records,
               GString *out, GError **error)
{
  BaruaText id = barua_lineage_link_id (hydration->arena, link);
  BaruaStored stored = { { NULL, 0 } };

  if (id.p != NULL
      && !hydration->lookup->get_document (hydration->lookup->data, id, &stored, error))
    return FALSE;
  if (is_contact (stored.body) || (takes_records && is_record (stored.body)))
    barua_document_append (out, stored.id, stored.rev,
                           (BaruaText){ stored.body.text, stored.body.length }, FALSE);
  else
    append_value (out, link);
  return check_size (hydration, out, error);
}

/* Appends `linked_docs` with whole documents. */
static gboolean
append_linked_docs (const BaruaHydration *hydration, BaruaJson links, GString *out, GError **error)
{
  BaruaJsonIter iter;
  BaruaJson key, link;

  if (barua_json_type (links) != BARUA_JSON_OBJECT)
    {
      append_value (out, links);
      return TRUE;
    }
  g_string_append_c (out, '{');
  barua_json_iter_init (&iter, links);
  while (barua_json_iter_next (&iter, &key, &link))
    {
      append_key (out, key);
      if (!append_linked (hydration, link, TRUE, out, error))
        return FALSE;
    }
  g_string_append_c (out, '}');
  return TRUE;
}

/* One level of a chain on its way out. */
typedef struct
{
  BaruaJson parent; /* the link to the next level, which counts instead of the document's own */
  guint level;      /* 0: the contact itself */
} Level;

static gboolean append_parent (const BaruaHydration *hydration, const Level *level, GString *out,
                               GError **error);

/* Levels above a contact that are read. */
static guint
max_levels (const BaruaHydration *hydration)
{
  switch (hydration->depth)
    {
    case BARUA_LINEAGE_PEOPLE:
      return 0;
    case BARUA_LINEAGE_NAMES:
      return BARUA_LINEAGE_NAMED_LEVELS;
    case BARUA_LINEAGE_ALL:
    default:
      return BARUA_LINEAGE_MAX_LEVELS - 1;
    }
}

/* Appends the members of a level: @members those of its document, or of a link that leads
 * nowhere. */
static gboolean
append_members (const BaruaHydration *hydration, const Level *level, BaruaJson members,
                gboolean is_document, GString *out, GError **error)
{
  const gboolean goes_on = level->level < max_levels (hydration) && has_id (level->parent);
  const gboolean takes_linked = is_document && hydration->depth == BARUA_LINEAGE_ALL;
  gboolean has_parent = FALSE, is_ok = TRUE;
  BaruaJsonIter iter;
  BaruaJson key, value;

  barua_json_iter_init (&iter, members);
  while (is_ok && barua_json_iter_next (&iter, &key, &value))
    {
      append_key (out, key);
      if (goes_on && barua_json_string_is (key, BARUA_TEXT ("parent")))
        {
          has_parent = TRUE;
          is_ok = append_parent (hydration, level, out, error);
        }
      else if (takes_linked && barua_json_string_is (key, BARUA_TEXT ("contact")))
        is_ok = append_linked (hydration, value, FALSE, out, error);
      else if (takes_linked && level->level == 0
               && barua_json_string_is (key, BARUA_TEXT ("linked_docs")))
        is_ok = append_linked_docs (hydration, value, out, error);
      else
        append_value (out, value);
    }
  if (is_ok && goes_on && !has_parent)
    {
      barua_json_append_key (out, "parent");
      is_ok = append_parent (hydration, level, out, error);
    }
  return is_ok && check_size (hydration, out, error);
}

/* Appends the level above. */
static gboolean
append_parent (const BaruaHydration *hydration, const Level *level, GString *out, GError **error)
{
  const Level above = { barua_json_member (level->parent, "parent"), level->level + 1 };
  BaruaStored stored;

  if (!follow (hydration, level->parent, &stored, error))
    return FALSE;
  const gboolean is_there = stored.body.text != NULL;
  if (is_there)
    append_head (out, &stored);
  else
    g_string_append_c (out, '{');
  if (!append_members (hydration, &above, is_there ? stored.body : level->parent, is_there, out,
                       error))
    return FALSE;
  g_string_append_c (out, '}');
  return TRUE;
}

/* Appends a contact with everything above it, by the chain that is stored in it. */
static gboolean
append_contact (const BaruaHydration *hydration, const BaruaStored *stored, GString *out,
                GError **error)
{
  const Level level = { barua_json_member (stored->body, "parent"), 0 };

  append_head (out, stored);
  if (!append_members (hydration, &level, stored->body, TRUE, out, error))
    return FALSE;
  g_string_append_c (out, '}');
  return TRUE;
}

/* ---- records ---- */

/* The text of the first of some members that is truthy. */
static BaruaText
first_text (BaruaArena *arena, const BaruaJson *values, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (barua_json_truthy (values[i]))
      return barua_json_type (values[i]) == BARUA_JSON_NUMBER
                 ? (BaruaText){ values[i].text, values[i].length }
                 : barua_arena_json_text (arena, values[i]);
  return (BaruaText){ NULL, 0 };
}

/* Finds the contact that a record is about: by its shortcode, else by its id. */
static gboolean
find_subject (const BaruaHydration *hydration, BaruaText code, BaruaStored *stored, GError **error)
{
  const BaruaLookup *lookup = hydration->lookup;
  BaruaText id = { NULL, 0 };

  *stored = (BaruaStored){ { NULL, 0 } };
  if (code.n == 0)
    return TRUE;
  if (!lookup->find_contact (lookup->data, BARUA_CONTACT_BY_SHORTCODE, code, &id, error)
      || !lookup->get_document (lookup->data, id.p != NULL ? id : code, stored, error))
    return FALSE;
  if (!is_contact (stored->body))
    stored->body = BARUA_JSON_NONE;
  return TRUE;
}

/* Appends a subject that was found. */
static gboolean
append_subject (const BaruaHydration *hydration, const char *name, const BaruaStored *stored,
                GString *out, GError **error)
{
  if (stored->body.text == NULL)
    return TRUE;
  barua_json_append_key (out, name);
  return append_contact (hydration, stored, out, error);
}

/* Finds patient and place of a record, as far as they are wanted. */
static gboolean
find_subjects (const BaruaHydration *hydration, BaruaJson body, BaruaStored *patient,
               BaruaStored *place, GError **error)
{
  *patient = *place = (BaruaStored){ { NULL, 0 } };
  if (hydration->depth == BARUA_LINEAGE_NAMES)
    return TRUE;
  BaruaJson fields = barua_json_member (body, "fields");
  const BaruaJson patients[]
      = { barua_json_member (fields, "patient_id"), barua_json_member (fields, "patient_uuid"),
          barua_json_member (body, "patient_id") };
  const BaruaJson places[]
      = { barua_json_member (fields, "place_id"), barua_json_member (body, "place_id") };

  return find_subject (hydration, first_text (hydration->arena, patients, G_N_ELEMENTS (patients)),
                       patient, error)
         && (hydration->depth != BARUA_LINEAGE_ALL
             || find_subject (hydration, first_text (hydration->arena, places, G_N_ELEMENTS (places)),
                              place, error));
}

/* Appends the sender of a record with everything above; what is stored when it is gone. */
static gboolean
append_sender (const BaruaHydration *hydration, BaruaJson link, GString *out, GError **error)
{
  BaruaStored contact;

  if (!follow (hydration, link, &contact, error))
    return FALSE;
  if (contact.body.text != NULL)
    return append_contact (hydration, &contact, out, error);
  append_value (out, link);
  return TRUE;
}

static gboolean
append_record (const BaruaHydration *hydration, const BaruaStored *stored, GString *out,
               GError **error)
{
  BaruaStored patient, place;
  BaruaJsonIter iter;
  BaruaJson key, value;

  if (!find_subjects (hydration, stored->body, &patient, &place, error))
    return FALSE;
  append_head (out, stored);
  barua_json_iter_init (&iter, stored->body);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      if ((patient.body.text != NULL && barua_json_string_is (key, BARUA_TEXT ("patient")))
          || (place.body.text != NULL && barua_json_string_is (key, BARUA_TEXT ("place"))))
        continue;
      append_key (out, key);
      if (!barua_json_string_is (key, BARUA_TEXT ("contact")))
        append_value (out, value);
      else if (!append_sender (hydration, value, out, error))
        return FALSE;
    }
  if (!append_subject (hydration, "patient", &patient, out, error)
      || !append_subject (hydration, "place", &place, out, error))
    return FALSE;
  g_string_append_c (out, '}');
  return TRUE;
}

gboolean
barua_lineage_append_hydrated (const BaruaHydration *hydration, const BaruaStored *stored,
                               GString *out, GError **error)
{
  if (is_record (stored->body))
    return append_record (hydration, stored, out, error) && check_size (hydration, out, error);
  if (is_contact (stored->body))
    return append_contact (hydration, stored, out, error);
  barua_document_append (out, stored->id, stored->rev,
                         (BaruaText){ stored->body.text, stored->body.length }, FALSE);
  return check_size (hydration, out, error);
}
