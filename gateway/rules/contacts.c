/* SPDX-License-Identifier: MIT */

/* People and places: checks, and plans of what is to be written (contacts.md 1, 2, 4). */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/contacts.h"

#include "gateway/rules/contact-types.h"
#include "gateway/rules/document.h"
#include "gateway/rules/lineage.h"

#include <string.h>

G_DEFINE_QUARK (barua_contacts_error, barua_contacts_error)

/* ---- failures ---- */

static gboolean refuse (GError **error, BaruaContactsError code, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

/* Sets a failure; always FALSE. */
static gboolean
refuse (GError **error, BaruaContactsError code, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, BARUA_CONTACTS_ERROR, (int)code, text);
  return FALSE;
}

#define INVALID BARUA_CONTACTS_ERROR_INVALID
#define TEXT_ARGS(text) (int)(text).n, (text).p != NULL ? (text).p : ""

/* The value as the original's texts have it. */
static BaruaText
told (BaruaArena *arena, BaruaJson value)
{
  BaruaText text = barua_arena_json_text (arena, value);

  if (text.p != NULL)
    return text;
  if (barua_json_type (value) == BARUA_JSON_OBJECT)
    return BARUA_TEXT ("[object Object]");
  return (BaruaText){ value.text, value.length };
}

static gboolean
is_object (BaruaJson value)
{
  const BaruaJsonType type = barua_json_type (value);

  return type == BARUA_JSON_OBJECT || type == BARUA_JSON_ARRAY;
}

/* ---- plans ---- */

void
barua_contact_plan_init (BaruaContactPlan *plan)
{
  plan->documents = g_array_new (FALSE, TRUE, sizeof (BaruaPlannedDocument));
}

void
barua_contact_plan_clear (BaruaContactPlan *plan)
{
  g_clear_pointer (&plan->documents, g_array_unref);
}

/* Adds a document that is filled in later, and returns its number. */
static int
plan_add (BaruaContactPlan *plan, BaruaText id, BaruaText rev)
{
  const BaruaPlannedDocument document = { .id = id, .rev = rev };

  g_array_append_val (plan->documents, document);
  return (int)plan->documents->len - 1;
}

static BaruaPlannedDocument *
plan_at (const BaruaContactPlan *plan, int number)
{
  return &g_array_index (plan->documents, BaruaPlannedDocument, number);
}

/* The text of a document that is planned already; absent when it is not. */
static BaruaJson
find_planned (const BaruaContactPlan *plan, BaruaText id)
{
  for (guint i = 0; i < plan->documents->len; i++)
    {
      const BaruaPlannedDocument *document = plan_at (plan, (int)i);
      if (barua_text_equal (document->id, id) && document->body.p != NULL)
        return (BaruaJson){ document->body.p, document->body.n };
    }
  return BARUA_JSON_NONE;
}

/* Makes a JSON text that lives as long as the plan. */
static BaruaJson
keep (BaruaContactPlan *plan, const GString *json)
{
  BaruaText text = barua_arena_copy (plan->arena, (BaruaText){ json->str, json->len });

  return (BaruaJson){ text.p, text.n };
}

/* Sets the lineage of a contact from its id and what is above it. */
static gboolean
set_lineage (BaruaContactPlan *plan, BaruaContact *contact, BaruaJson parent, GError **error)
{
  g_autoptr (GString) body = g_string_new ("{");
  g_autoptr (GString) lineage = g_string_new (NULL);

  if (barua_json_truthy (parent))
    {
      barua_json_append_key (body, "parent");
      g_string_append_len (body, parent.text, (gssize)parent.length);
    }
  g_string_append_c (body, '}');
  if (!barua_lineage_append_of (lineage, contact->id, (BaruaJson){ body->str, body->len }, error))
    return FALSE;
  contact->lineage = keep (plan, lineage);
  return TRUE;
}

gboolean
barua_contact_plan_find (BaruaContactPlan *plan, BaruaText id, BaruaContact *contact,
                         GError **error)
{
  BaruaStored stored;

  *contact = (BaruaContact){ .planned = -1 };
  if (!plan->lookup->get_document (plan->lookup->data, id, &stored, error))
    return FALSE;
  const BaruaContactType type
      = barua_contact_type_of (barua_contact_types (plan->settings), plan->arena, stored.body);
  if (stored.body.text == NULL || (!type.is_person && !type.is_place))
    return TRUE;
  contact->id = stored.id;
  contact->rev = stored.rev;
  contact->body = stored.body;
  return set_lineage (plan, contact, barua_json_member (stored.body, "parent"), error);
}

/* Finds a stored place. */
static gboolean
find_place (BaruaContactPlan *plan, BaruaText id, BaruaContact *place, GError **error)
{
  if (!barua_contact_plan_find (plan, id, place, error))
    return FALSE;
  if (place->id.p == NULL
      || !barua_contact_type (plan->settings, plan->arena, place->body).is_place)
    return refuse (error, BARUA_CONTACTS_ERROR_NOT_FOUND, "Failed to find place.");
  return TRUE;
}

/* Finds a stored person. */
static gboolean
find_person (BaruaContactPlan *plan, BaruaText id, BaruaContact *person, GError **error)
{
  if (!barua_contact_plan_find (plan, id, person, error))
    return FALSE;
  if (person->id.p == NULL
      || !barua_contact_type (plan->settings, plan->arena, person->body).is_person)
    return refuse (error, BARUA_CONTACTS_ERROR_NOT_FOUND, "Failed to find person.");
  return TRUE;
}

gboolean
barua_contact_is_within (const BaruaContact *contact, const BaruaContact *place)
{
  return barua_lineage_has (contact->lineage, place->id);
}

/* ---- what is given ---- */

/* A new document as given: its members without those of `_`, and those. */
typedef struct
{
  BaruaJson body;
  BaruaSpecialMembers special;
  BaruaContactType type;
  gint64 reported_ms;
  gboolean has_date;
} Given;

static void
take_given (BaruaContactPlan *plan, BaruaJson value, Given *given)
{
  g_autoptr (GString) body = g_string_new (NULL);

  *given = (Given){ 0 };
  if (barua_json_type (value) == BARUA_JSON_OBJECT)
    barua_document_split (value, &given->special, body);
  else
    g_string_append (body, "{}"); /* a list has no members either */
  given->body = keep (plan, body);
}

/* The id for texts: what was given, or nothing. */
static BaruaText
given_id (BaruaContactPlan *plan, const Given *given)
{
  return given->special.id.text != NULL ? told (plan->arena, given->special.id)
                                        : (BaruaText){ "", 0 };
}

/* The name of a `_` member that nobody may give; NULL when there is none (contacts.md 10 no. 12).
 */
static char *
forbidden_member (const BaruaSpecialMembers *special)
{
  const struct
  {
    const char *name;
    BaruaJson value;
  } members[] = { { "_rev", special->rev },
                  { "_revisions", special->revisions },
                  { "_deleted", special->deleted },
                  { "_attachments", special->attachments } };

  if (special->unknown.p != NULL)
    return g_strndup (special->unknown.p, special->unknown.n);
  for (gsize i = 0; i < G_N_ELEMENTS (members); i++)
    if (members[i].value.text != NULL)
      return g_strdup (members[i].name);
  return NULL;
}

/* Rows 9 and 10 of contacts.md 2.2. */
static gboolean
check_special (BaruaContactPlan *plan, const Given *given, GError **error)
{
  BaruaJson json = given->special.id;
  BaruaText id = barua_arena_json_text (plan->arena, json);
  g_autofree char *forbidden = forbidden_member (&given->special);

  if (json.text != NULL && id.p == NULL)
    return refuse (error, INVALID, "_id field must contain a string");
  BaruaIdVerdict verdict = id.p != NULL ? barua_id_check (id) : BARUA_ID_FINE;
  if (id.n > 0 && id.p[0] == '_')
    verdict = BARUA_ID_RESERVED;
  if (verdict != BARUA_ID_FINE)
    return refuse (error, INVALID, "%s", barua_id_verdict_reason (verdict));
  if (forbidden != NULL)
    return refuse (error, INVALID, "Bad special document member: %s", forbidden);
  return TRUE;
}

/* The id that was given, or a new one. */
static BaruaText
take_id (BaruaContactPlan *plan, const Given *given)
{
  BaruaText id = barua_arena_json_text (plan->arena, given->special.id);
  char made[BARUA_LOOKUP_ID_SIZE];

  if (id.p != NULL)
    return id;
  plan->lookup->new_id (plan->lookup->data, made);
  return barua_arena_copy (plan->arena, barua_text (made));
}

/* Reads `reported_date`, if it is there; FALSE when it is refused. */
static gboolean
read_date (BaruaJson body, gint64 *ms, gboolean *has_date)
{
  BaruaJson value = barua_json_member (body, "reported_date");

  *has_date = value.text != NULL;
  return !*has_date || barua_contact_date (value, ms);
}

#define MAX_EDITS 8

/* Members that are to be changed. */
typedef struct
{
  BaruaMemberEdit edits[MAX_EDITS];
  gsize n;
} Edits;

static void
edit (Edits *edits, const char *name, BaruaText json)
{
  g_assert (edits->n < MAX_EDITS);
  edits->edits[edits->n++] = (BaruaMemberEdit){ name, json };
}

/* A JSON string or number that lives as long as the plan. */
static BaruaText
keep_string (BaruaContactPlan *plan, BaruaText text)
{
  g_autoptr (GString) json = g_string_new (NULL);

  barua_json_append_string (json, text);
  return barua_arena_copy (plan->arena, (BaruaText){ json->str, json->len });
}

static BaruaText
keep_integer (BaruaContactPlan *plan, gint64 number)
{
  g_autoptr (GString) json = g_string_new (NULL);

  barua_json_append_integer (json, number);
  return barua_arena_copy (plan->arena, (BaruaText){ json->str, json->len });
}

/* What is made of any new contact: its type, its phone, its date (contacts.md 1, 2.1, 3). */
static void
edit_common (BaruaContactPlan *plan, const Given *given, Edits *edits)
{
  char e164[BARUA_PHONE_SIZE];
  BaruaText phone = barua_arena_json_text (plan->arena, barua_json_member (given->body, "phone"));
  BaruaJson type = barua_json_member (given->body, "type");
  const gboolean is_contact = barua_json_string_is (type, BARUA_TEXT ("contact"));

  if (phone.n > 0
      && barua_phone_normalise (barua_settings_phone_rules (plan->settings), phone, e164))
    edit (edits, "phone", keep_string (plan, barua_text (e164)));
  if (!is_contact && !barua_contact_type_is_classic (given->type.id))
    {
      edit (edits, "type", BARUA_TEXT ("\"contact\""));
      edit (edits, "contact_type", keep_string (plan, given->type.id));
    }
  else if (!barua_json_truthy (type))
    edit (edits, "type", keep_string (plan, given->type.id));
  edit (edits, "reported_date",
        keep_integer (plan, given->has_date ? given->reported_ms : plan->now_ms));
}

/* Makes the text of a document. */
static BaruaJson
make_body (BaruaContactPlan *plan, BaruaJson body, const Edits *edits)
{
  g_autoptr (GString) out = g_string_sized_new (body.length + 256);

  barua_document_edit (out, body, edits->edits, edits->n);
  return keep (plan, out);
}

static BaruaText
text_of (BaruaJson json)
{
  return (BaruaText){ json.text, json.length };
}

/* Writes the text of a planned document. */
static void
plan_body (BaruaContactPlan *plan, BaruaContact *contact, BaruaJson body)
{
  contact->body = body;
  plan_at (plan, contact->planned)->body = text_of (body);
}

/* ---- people ---- */

/* Checks 2 to 6 of contacts.md 2.2. */
static gboolean
check_person (BaruaContactPlan *plan, BaruaJson value, Given *given, GError **error)
{
  const BaruaJson types = barua_contact_types (plan->settings);

  if (!is_object (value))
    return refuse (error, INVALID, "Person must be an object.");
  take_given (plan, value, given);
  given->type = barua_contact_type_of (types, plan->arena, given->body);
  if (!barua_json_truthy (barua_json_member (given->body, "type")))
    {
      given->type = barua_contact_type_from_id (types, BARUA_TEXT ("person"));
      if (given->type.config.text == NULL)
        given->type.is_person = FALSE;
    }
  if (!given->type.is_person)
    return refuse (error, INVALID, "Wrong type, this is not a person.");
  BaruaJson name = barua_json_member (given->body, "name");
  if (name.text == NULL)
    return refuse (error, INVALID, "Person is missing a \"name\" property.");
  if (barua_json_type (name) != BARUA_JSON_STRING)
    return refuse (error, INVALID, "Property \"name\" must be a string.");
  if (!read_date (given->body, &given->reported_ms, &given->has_date))
    return refuse (
        error, INVALID, "Reported date is invalid: %.*s",
        TEXT_ARGS (told (plan->arena, barua_json_member (given->body, "reported_date"))));
  return TRUE;
}

/* Finds what is above a new person: @place, its `place`, or its `parent` (contacts.md 2.1, 10 no.
 * 5). @parent is absent when `parent` stays as it was given. */
static gboolean
find_parent (BaruaContactPlan *plan, const Given *given, const BaruaContact *place,
             BaruaJson *parent, GError **error)
{
  BaruaJson named = barua_json_member (given->body, "place");
  BaruaJson above = barua_json_member (given->body, "parent");
  BaruaContact found;

  *parent = BARUA_JSON_NONE;
  if (place == NULL && barua_json_truthy (named))
    {
      if (!barua_contact_plan_take_place (plan, named, &found, error))
        return FALSE;
      place = &found;
    }
  else if (place == NULL && barua_json_member (above, "_id").text != NULL)
    {
      BaruaText id = barua_arena_json_text (plan->arena, barua_json_member (above, "_id"));
      if (!barua_contact_plan_find (plan, id, &found, error))
        return FALSE;
      if (found.id.p == NULL
          || !barua_contact_type (plan->settings, plan->arena, found.body).is_place)
        return refuse (error, INVALID, "Property \"parent\" must reference an existing place");
      place = &found;
    }
  if (place == NULL)
    return TRUE;
  BaruaText type = barua_contact_type (plan->settings, plan->arena, place->body).id;
  if (barua_contact_type_has_parents (&given->type) && type.p != NULL
      && !barua_contact_type_may_be_below (&given->type, type))
    g_message ("a %.*s was put into a %.*s, which is none of its parent types",
               TEXT_ARGS (given->type.id), TEXT_ARGS (type));
  *parent = place->lineage;
  return TRUE;
}

/* Plans a new person. */
static gboolean
plan_new_person (BaruaContactPlan *plan, BaruaJson value, const BaruaContact *place,
                 BaruaContact *person, GError **error)
{
  BaruaJson parent;
  Given given;
  Edits edits = { .n = 0 };

  if (!plan->may_create_people)
    return refuse (error, BARUA_CONTACTS_ERROR_FORBIDDEN, "Insufficient privileges");
  if (!check_person (plan, value, &given, error)
      || !find_parent (plan, &given, place, &parent, error) || !check_special (plan, &given, error))
    return FALSE;
  *person = (BaruaContact){ .id = take_id (plan, &given) };
  person->planned = plan_add (plan, person->id, (BaruaText){ NULL, 0 });
  edit_common (plan, &given, &edits);
  edit (&edits, "place", (BaruaText){ NULL, 0 });
  if (parent.text != NULL)
    edit (&edits, "parent", text_of (parent));
  plan_body (plan, person, make_body (plan, given.body, &edits));
  return set_lineage (plan, person, barua_json_member (person->body, "parent"), error);
}

gboolean
barua_contact_plan_take_person (BaruaContactPlan *plan, BaruaJson value, const BaruaContact *place,
                                BaruaContact *person, GError **error)
{
  if (barua_json_type (value) == BARUA_JSON_STRING)
    return find_person (plan, barua_arena_json_text (plan->arena, value), person, error);
  if (!is_object (value) || barua_json_member (value, "_rev").text != NULL)
    return refuse (error, INVALID, "Person must be a new object or string identifier (UUID).");
  return plan_new_person (plan, value, place, person, error);
}

/* Whether the body of a request is `{}` or `[]`, which answers row 1. */
static gboolean
refuse_empty (BaruaJson body, GError **error)
{
  if (is_object (body) && barua_json_size (body) > 0)
    return TRUE;
  return refuse (error, INVALID, "%s", BARUA_CONTACTS_EMPTY_BODY);
}

gboolean
barua_contact_plan_person (BaruaContactPlan *plan, BaruaJson body, BaruaContact *person,
                           GError **error)
{
  return refuse_empty (body, error) && plan_new_person (plan, body, NULL, person, error);
}

/* ---- places ---- */

/* One place that is checked: new, changed or above such a one. */
typedef struct
{
  BaruaText id;
  BaruaJson body;   /* absent when there is no such document */
  BaruaJson parent; /* what is above: a lineage, or what was given */
} Checked;

/* The text of a document of this id, planned or stored; absent when there is none. */
static gboolean
load_body (BaruaContactPlan *plan, BaruaText id, BaruaJson *body, GError **error)
{
  BaruaStored stored;

  *body = find_planned (plan, id);
  if (body->text != NULL)
    return TRUE;
  if (!plan->lookup->get_document (plan->lookup->data, id, &stored, error))
    return FALSE;
  *body = stored.body;
  return TRUE;
}

/* Row 8 of contacts.md 4.1. */
static gboolean
refuse_parent_type (BaruaContactPlan *plan, const Checked *place, const BaruaContactType *type,
                    GError **error)
{
  g_autoptr (GString) list = g_string_new (NULL);
  BaruaJsonIter iter;
  BaruaJson id;

  barua_json_iter_init (&iter, barua_json_member (type->config, "parents"));
  while (barua_json_iter_next (&iter, NULL, &id))
    {
      BaruaText text = told (plan->arena, id);
      if (list->len > 0)
        g_string_append_c (list, ',');
      g_string_append_len (list, text.p, (gssize)text.n);
    }
  return refuse (error, INVALID,
                 "%.*s \"%.*s\" should have one of the following parent types: \"%s\".",
                 TEXT_ARGS (type->id), TEXT_ARGS (place->id), list->str);
}

/* Checks 3 to 6 of contacts.md 4.1. */
static gboolean
check_members (BaruaContactPlan *plan, const Checked *place, const BaruaContactType *type,
               GError **error)
{
  BaruaJson name = barua_json_member (place->body, "name");
  gboolean has_date;
  gint64 ms;

  if (!type->is_place)
    return refuse (error, INVALID, "Wrong type, object %.*s is not a place.",
                   TEXT_ARGS (place->id));
  if (name.text == NULL)
    return refuse (error, INVALID, "Place %.*s is missing a \"name\" property.",
                   TEXT_ARGS (place->id));
  if (!read_date (place->body, &ms, &has_date))
    return refuse (
        error, INVALID, "Reported date on place %.*s is invalid: %.*s", TEXT_ARGS (place->id),
        TEXT_ARGS (told (plan->arena, barua_json_member (place->body, "reported_date"))));
  if (barua_json_type (name) != BARUA_JSON_STRING)
    return refuse (error, INVALID, "Property \"name\" on place %.*s must be a string.",
                   TEXT_ARGS (place->id));
  return TRUE;
}

/* Checks 3 to 9 of one place; @above is the document of its parent. */
static gboolean
check_place (BaruaContactPlan *plan, const Checked *place, BaruaJson above, GError **error)
{
  const BaruaJson types = barua_contact_types (plan->settings);
  const BaruaContactType type = barua_contact_type_of (types, plan->arena, place->body);
  BaruaJson contact = barua_json_member (place->body, "contact");

  if (!check_members (plan, place, &type, error))
    return FALSE;
  if (barua_contact_type_has_parents (&type))
    {
      if (!barua_json_truthy (place->parent))
        return refuse (error, INVALID, "Place %.*s is missing a \"parent\" property.",
                       TEXT_ARGS (place->id));
      if (!barua_contact_type_may_be_below (&type,
                                            barua_contact_type_of (types, plan->arena, above).id))
        return refuse_parent_type (plan, place, &type, error);
    }
  if (barua_json_truthy (contact) && !is_object (contact)
      && barua_json_type (contact) != BARUA_JSON_STRING)
    return refuse (error, INVALID,
                   "Property \"contact\" on place %.*s must be an object or string.",
                   TEXT_ARGS (place->id));
  return TRUE;
}

/* Checks a place and everything above it, up to the root. */
static gboolean
check_upwards (BaruaContactPlan *plan, Checked place, GError **error)
{
  for (guint i = 0; i <= BARUA_LINEAGE_MAX_LEVELS; i++)
    {
      Checked above = { .id = barua_lineage_link_id (plan->arena, place.parent) };
      if (above.id.p != NULL && !load_body (plan, above.id, &above.body, error))
        return FALSE;
      if (!check_place (plan, &place, above.body, error))
        return FALSE;
      if (above.id.p == NULL)
        return TRUE;
      above.parent = barua_json_member (place.parent, "parent");
      place = above;
    }
  return TRUE;
}

/* Refuses a place that would stand above itself: by the chain that is stored, and by where its
 * parents are now. */
static gboolean
check_cycle (BaruaContactPlan *plan, BaruaText id, BaruaJson parent, GError **error)
{
  gboolean is_cycle = barua_lineage_has (parent, id);
  BaruaText at = barua_lineage_link_id (plan->arena, parent);

  for (guint i = 0; i <= BARUA_LINEAGE_MAX_LEVELS && at.p != NULL && !is_cycle; i++)
    {
      BaruaJson body;
      if (!load_body (plan, at, &body, error))
        return FALSE;
      at = barua_lineage_link_id (plan->arena, barua_json_member (body, "parent"));
      is_cycle = at.p != NULL && barua_text_equal (at, id);
    }
  if (is_cycle)
    return refuse (error, INVALID, "parent of %.*s leads back to %.*s", TEXT_ARGS (id),
                   TEXT_ARGS (id));
  return TRUE;
}

static gboolean plan_new_place (BaruaContactPlan *plan, BaruaJson value, BaruaContact *place,
                                BaruaText *contact_id, GError **error);

/* Finds or plans what is above a new place; @parent is then its lineage, else what was given
 * (contacts.md 4.1). */
static gboolean
resolve_parent (BaruaContactPlan *plan, BaruaJson *parent, GError **error)
{
  BaruaJson given = *parent;
  BaruaContact above;

  if (barua_json_type (given) == BARUA_JSON_STRING && barua_json_truthy (given))
    {
      if (!find_place (plan, barua_arena_json_text (plan->arena, given), &above, error))
        return FALSE;
    }
  else if (is_object (given) && !barua_json_truthy (barua_json_member (given, "_id")))
    {
      if (!plan_new_place (plan, given, &above, NULL, error))
        return FALSE;
    }
  else if (is_object (given))
    {
      BaruaText id = barua_arena_json_text (plan->arena, barua_json_member (given, "_id"));
      if (!find_place (plan, id, &above, error))
        return FALSE;
    }
  else
    return TRUE;
  *parent = above.lineage;
  return TRUE;
}

/* Finds or plans the contact of a new place, and edits the link (contacts.md 4.2). */
static gboolean
place_contact (BaruaContactPlan *plan, BaruaJson value, const BaruaContact *place, Edits *edits,
               BaruaText *contact_id, GError **error)
{
  BaruaContact person;

  if (value.text == NULL)
    return TRUE;
  if (!barua_json_truthy (value))
    {
      edit (edits, "contact", (BaruaText){ NULL, 0 });
      return TRUE;
    }
  if (!barua_contact_plan_take_person (plan, value, place, &person, error))
    return FALSE;
  edit (edits, "contact", text_of (person.lineage));
  if (person.planned >= 0 && contact_id != NULL)
    *contact_id = person.id;
  return TRUE;
}

/* Plans a new place, everything new above it and its contact. */
static gboolean
plan_new_place (BaruaContactPlan *plan, BaruaJson value, BaruaContact *place, BaruaText *contact_id,
                GError **error)
{
  Edits edits = { .n = 0 };
  Given given;

  if (!plan->may_create_places)
    return refuse (error, BARUA_CONTACTS_ERROR_FORBIDDEN, "Insufficient privileges");
  if (!is_object (value))
    return refuse (error, INVALID, "Place must be an object.");
  take_given (plan, value, &given);
  given.type = barua_contact_type (plan->settings, plan->arena, given.body);
  BaruaJson parent = barua_json_member (given.body, "parent");
  if (!resolve_parent (plan, &parent, error)
      || !check_upwards (plan, (Checked){ given_id (plan, &given), given.body, parent }, error)
      || !read_date (given.body, &given.reported_ms, &given.has_date))
    return FALSE;
  *place = (BaruaContact){ .id = take_id (plan, &given) };
  if (!check_cycle (plan, place->id, parent, error) || !set_lineage (plan, place, parent, error))
    return FALSE;
  place->planned = plan_add (plan, place->id, (BaruaText){ NULL, 0 });
  edit_common (plan, &given, &edits);
  if (is_object (parent))
    edit (&edits, "parent", text_of (parent));
  /* a contact that is a new person needs to know what its place is */
  plan_body (plan, place, given.body);
  if (!place_contact (plan, barua_json_member (given.body, "contact"), place, &edits, contact_id,
                      error)
      || !check_special (plan, &given, error))
    return FALSE;
  plan_body (plan, place, make_body (plan, given.body, &edits));
  return TRUE;
}

gboolean
barua_contact_plan_take_place (BaruaContactPlan *plan, BaruaJson value, BaruaContact *place,
                               GError **error)
{
  if (barua_json_type (value) == BARUA_JSON_STRING)
    return find_place (plan, barua_arena_json_text (plan->arena, value), place, error);
  if (!is_object (value) || barua_json_member (value, "_rev").text != NULL)
    return refuse (error, INVALID, "Place must be a new object or string identifier (UUID).");
  return plan_new_place (plan, value, place, NULL, error);
}

gboolean
barua_contact_plan_place (BaruaContactPlan *plan, BaruaJson body, BaruaContact *place,
                          BaruaText *contact_id, GError **error)
{
  *contact_id = (BaruaText){ NULL, 0 };
  return refuse_empty (body, error) && plan_new_place (plan, body, place, contact_id, error);
}

gboolean
barua_contact_plan_set_contact (BaruaContactPlan *plan, BaruaContact *place,
                                const BaruaContact *person, GError **error)
{
  Edits edits = { .n = 0 };

  g_return_val_if_fail (place->planned >= 0, FALSE);
  edit (&edits, "contact", text_of (person->lineage));
  plan_body (plan, place, make_body (plan, place->body, &edits));
  return TRUE;
}

/* ---- changes of places (contacts.md 4.5) ---- */

/* What of a place can be changed. */
typedef enum
{
  CHANGE_NAME,
  CHANGE_PARENT,
  CHANGE_CONTACT,
  CHANGE_PLACE_ID,
  N_CHANGES,
} Change;

static const char *const changeable[N_CHANGES] = { "name", "parent", "contact", "place_id" };

/* Reads the members that can be changed; FALSE when there is none. */
static gboolean
take_changes (BaruaJson body, BaruaJson changes[N_CHANGES], GError **error)
{
  gboolean has_any = FALSE;

  for (guint i = 0; i < N_CHANGES; i++)
    {
      changes[i] = barua_json_member (body, changeable[i]);
      has_any = has_any || !barua_json_is_nothing (changes[i]);
    }
  return has_any
         || refuse (error, INVALID,
                    "One of the following fields are required: name, parent, contact, place_id");
}

/* Finds where the place is to stand. @edits gets the new parent. */
static gboolean
change_parent (BaruaContactPlan *plan, BaruaJson given, BaruaJson *parent, Edits *edits,
               GError **error)
{
  BaruaContact above;

  if (given.text == NULL)
    return TRUE;
  *parent = given;
  if (barua_json_truthy (given))
    {
      if (!barua_contact_plan_take_place (plan, given, &above, error))
        return FALSE;
      *parent = above.lineage;
    }
  edit (edits, "parent", text_of (*parent));
  return TRUE;
}

/* The value as it is stored. */
static BaruaJson
keep_minified (BaruaContactPlan *plan, BaruaJson value)
{
  g_autoptr (GString) json = g_string_new (NULL);

  barua_json_append_minified (json, value);
  return keep (plan, json);
}

/* Checks the new contact, which is planned only when it is known where the place will stand. */
static gboolean
check_contact (BaruaContactPlan *plan, BaruaJson value, GError **error)
{
  BaruaContact person;
  Given given;

  if (!barua_json_truthy (value))
    return TRUE;
  if (!is_object (value) || barua_json_member (value, "_rev").text != NULL)
    return barua_contact_plan_take_person (plan, value, NULL, &person, error);
  return check_person (plan, value, &given, error);
}

/* Finds or plans the new contact. */
static gboolean
change_contact (BaruaContactPlan *plan, BaruaJson given, const BaruaContact *place, Edits *edits,
                GError **error)
{
  BaruaContact person;

  if (given.text == NULL)
    return TRUE;
  if (!barua_json_truthy (given))
    edit (edits, "contact", text_of (given));
  else if (!barua_contact_plan_take_person (plan, given, place, &person, error))
    return FALSE;
  else
    edit (edits, "contact", text_of (person.lineage));
  return TRUE;
}

gboolean
barua_contact_plan_change_place (BaruaContactPlan *plan, BaruaText id, BaruaJson body,
                                 BaruaContact *place, GError **error)
{
  BaruaJson changes[N_CHANGES];
  Edits edits = { .n = 0 };

  if (!refuse_empty (body, error) || !take_changes (body, changes, error)
      || !find_place (plan, id, place, error))
    return FALSE;
  BaruaJson stored = place->body;
  BaruaJson parent = barua_json_member (stored, "parent");
  if (!check_contact (plan, changes[CHANGE_CONTACT], error)
      || !change_parent (plan, changes[CHANGE_PARENT], &parent, &edits, error)
      || !check_cycle (plan, id, parent, error) || !set_lineage (plan, place, parent, error))
    return FALSE;
  for (guint i = 0; i < N_CHANGES; i++)
    if ((i == CHANGE_NAME || i == CHANGE_PLACE_ID) && changes[i].text != NULL)
      edit (&edits, changeable[i], text_of (keep_minified (plan, changes[i])));
  place->planned = plan_add (plan, place->id, place->rev);
  plan_body (plan, place, make_body (plan, stored, &edits));
  if (!change_contact (plan, changes[CHANGE_CONTACT], place, &edits, error))
    return FALSE;
  plan_body (plan, place, make_body (plan, stored, &edits));
  place->rev = (BaruaText){ NULL, 0 };
  return check_upwards (plan, (Checked){ place->id, place->body, parent }, error);
}
