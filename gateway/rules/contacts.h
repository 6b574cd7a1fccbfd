/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/settings.h"
#include "gateway/rules/lookup.h"

G_BEGIN_DECLS

/* People and places: types, checks, and what is to be written for new ones (contacts.md 1–5).
 * Pure: a plan is made completely, and only then put (gateway/api/contact-write.h). */

#define BARUA_CONTACTS_ERROR (barua_contacts_error_quark ())
GQuark barua_contacts_error_quark (void);

/**
 * BaruaContactsError:
 * @BARUA_CONTACTS_ERROR_INVALID: 400; the message is the text of contacts.md
 * @BARUA_CONTACTS_ERROR_NOT_FOUND: 404: `Failed to find place.`, `Failed to find person.`
 * @BARUA_CONTACTS_ERROR_FORBIDDEN: 403: a kind that the user may not create
 * @BARUA_CONTACTS_ERROR_RECURSION: 500: a chain of parents that does not end
 * @BARUA_CONTACTS_ERROR_TOO_LARGE: 413: more than the answer may hold
 */
typedef enum
{
  BARUA_CONTACTS_ERROR_INVALID,
  BARUA_CONTACTS_ERROR_NOT_FOUND,
  BARUA_CONTACTS_ERROR_FORBIDDEN,
  BARUA_CONTACTS_ERROR_RECURSION,
  BARUA_CONTACTS_ERROR_TOO_LARGE,
} BaruaContactsError;

/**
 * BaruaContactType:
 * @id: `contact_type` of a document of type `contact`, else its `type`; absent when it is no text
 * @config: its entry in `contact_types`; absent when it is not configured
 *
 * The type of a contact (contacts.md 1). The default hierarchy counts when settings have none.
 */
typedef struct
{
  BaruaText id;
  BaruaJson config;
  gboolean is_person;
  gboolean is_place;
} BaruaContactType;

/** The type of the contact @document is, or would be. */
BaruaContactType barua_contact_type (const BaruaSettings *settings, BaruaArena *arena,
                                     BaruaJson document);

/**
 * BaruaContact:
 * @rev: absent when the plan creates or changes it
 * @body: the document, stored or planned
 * @lineage: its minified link: `{"_id":…,"parent":{…}}`
 * @planned: its number in @documents of the plan; -1 when it is stored already
 *
 * A contact that a plan knows. Borrowed from the plan's arena and lookup.
 */
typedef struct
{
  BaruaText id;
  BaruaText rev;
  BaruaJson body;
  BaruaJson lineage;
  int planned;
} BaruaContact;

/**
 * BaruaPlannedDocument:
 * @rev: (nullable): the revision it replaces; absent for a new one
 * @body: without `_` members
 */
typedef struct
{
  BaruaText id;
  BaruaText rev;
  BaruaText body;
} BaruaPlannedDocument;

/**
 * BaruaContactPlan:
 * @lookup: reads stored documents and makes ids
 * @may_create_people: else a new person is %BARUA_CONTACTS_ERROR_FORBIDDEN
 * @may_create_places: likewise
 * @documents: (element-type BaruaPlannedDocument): in the order in which they are to be put
 *
 * What is to be written. Fill in the first members, then barua_contact_plan_init().
 */
typedef struct
{
  const BaruaSettings *settings;
  const BaruaLookup *lookup;
  BaruaArena *arena;
  gint64 now_ms;
  gboolean may_create_people;
  gboolean may_create_places;

  GArray *documents;
} BaruaContactPlan;

void barua_contact_plan_init (BaruaContactPlan *plan);
void barua_contact_plan_clear (BaruaContactPlan *plan);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BaruaContactPlan, barua_contact_plan_clear)

/**
 * barua_contact_plan_find:
 * @contact: (out): the stored contact of that id; its @id is absent when there is none, or it is
 *   no contact of a type that is configured
 *
 * Looks a contact up; finding none is no error. Ask barua_contact_type() what it is.
 */
gboolean barua_contact_plan_find (BaruaContactPlan *plan, BaruaText id, BaruaContact *contact,
                                  GError **error);

/**
 * barua_contact_plan_take_place:
 * @value: the id of a place that exists, or an object: a new place, with whatever is new above it
 *   and its contact
 * @place: (out)
 * @error: a #BaruaContactsError, or what the lookup set
 *
 * A `place` of people and users, a `parent` of a changed place: plans what is new. Nothing is to be
 * put after an error.
 */
gboolean barua_contact_plan_take_place (BaruaContactPlan *plan, BaruaJson value, BaruaContact *place,
                                        GError **error);

/**
 * barua_contact_plan_take_person:
 * @value: the id of a person that exists, or an object: a new one
 * @place: (nullable): a new person's parent, whatever @value says
 * @person: (out)
 *
 * A `contact` of places and users.
 */
gboolean barua_contact_plan_take_person (BaruaContactPlan *plan, BaruaJson value,
                                         const BaruaContact *place, BaruaContact *person,
                                         GError **error);

/** Makes @person the primary contact of @place, which the plan creates or changes; @place gets its
 * new body. */
gboolean barua_contact_plan_set_contact (BaruaContactPlan *plan, BaruaContact *place,
                                         const BaruaContact *person, GError **error);

/** Whether @contact is @place, or stands below it. */
gboolean barua_contact_is_within (const BaruaContact *contact, const BaruaContact *place);

/** POST /api/v1/people: the whole body (contacts.md 2). */
gboolean barua_contact_plan_person (BaruaContactPlan *plan, BaruaJson body, BaruaContact *person,
                                    GError **error);

/**
 * barua_contact_plan_place:
 * @contact_id: (out): of the person created as its contact; absent when none was
 *
 * POST /api/v1/places: the whole body (contacts.md 4.1).
 */
gboolean barua_contact_plan_place (BaruaContactPlan *plan, BaruaJson body, BaruaContact *place,
                                   BaruaText *contact_id, GError **error);

/** POST /api/v1/places/{id}: the whole body (contacts.md 4.5). */
gboolean barua_contact_plan_change_place (BaruaContactPlan *plan, BaruaText id, BaruaJson body,
                                          BaruaContact *place, GError **error);

/** The text of an answer to `{}` and `[]` (contacts.md 2.2 row 1). */
#define BARUA_CONTACTS_EMPTY_BODY                                                                  \
  "Request body is empty or Content-Type header was not set to application/json."

/**
 * barua_contact_date:
 * @value: `reported_date` as given
 * @ms: (out): since 1970
 *
 * The strict dates of contacts.md 3.
 *
 * Returns: %FALSE when it is refused
 */
gboolean barua_contact_date (BaruaJson value, gint64 *ms);

G_END_DECLS
