/* SPDX-License-Identifier: MIT */

/* The row `update_clinics`: who sent a record (workflows.md 3). */

#define G_LOG_DOMAIN "barua-rules"

#include "forms/characters.h"
#include "gateway/rules/contacts.h"
#include "gateway/rules/lineage.h"
#include "gateway/rules/transitions.h"

#define NOT_FOUND "sys.facility_not_found"

gboolean
barua_transition_update_clinics_applies (const BaruaTransition *transition)
{
  return transition->contact.p == NULL;
}

/* ---- looking ---- */

/* Sets the link to a stored contact: its id and those above. */
static gboolean
set_contact (BaruaTransition *transition, BaruaText id, BaruaJson body, GError **error)
{
  g_autoptr (GString) link = g_string_new (NULL);

  if (!barua_lineage_append_of (link, id, body, error))
    return FALSE;
  transition->contact = barua_arena_copy (transition->arena, (BaruaText){ link->str, link->len });
  return TRUE;
}

/* Sets the link that names only the place, which has no contact. */
static gboolean
set_place (BaruaTransition *transition, const BaruaStored *place, GError **error)
{
  g_autoptr (GString) link = g_string_new ("{\"parent\":");

  if (!barua_lineage_append_of (link, place->id, place->body, error))
    return FALSE;
  g_string_append_c (link, '}');
  transition->contact = barua_arena_copy (transition->arena, (BaruaText){ link->str, link->len });
  return TRUE;
}

/* The sender is a place: its contact. */
static gboolean
set_contact_of_place (BaruaTransition *transition, const BaruaStored *place, GError **error)
{
  const BaruaLookup *lookup = transition->lookup;
  BaruaJson link = barua_json_member (place->body, "contact");
  BaruaText id = barua_lineage_link_id (transition->arena, link);
  BaruaStored person;

  if (id.p == NULL)
    return set_place (transition, place, error);
  if (!lookup->get_document (lookup->data, id, &person, error))
    return FALSE;
  /* one that is gone keeps the ids that the place has of it */
  return set_contact (transition, id, person.body.text != NULL ? person.body : link, error);
}

/* Looks for a contact; @stored has no body when there is none of a type that is configured. */
static gboolean
find (BaruaTransition *transition, BaruaContactKey key, BaruaText value, BaruaStored *stored,
      gboolean *is_place, GError **error)
{
  const BaruaLookup *lookup = transition->lookup;
  BaruaText id = { NULL, 0 };

  *stored = (BaruaStored){ { NULL, 0 } };
  if (!lookup->find_contact (lookup->data, key, value, &id, error))
    return FALSE;
  if (id.p == NULL)
    return TRUE;
  if (!lookup->get_document (lookup->data, id, stored, error))
    return FALSE;
  const BaruaContactType type
      = barua_contact_type (transition->settings, transition->arena, stored->body);
  *is_place = type.is_place;
  if (!type.is_place && !type.is_person)
    stored->body = BARUA_JSON_NONE;
  return TRUE;
}

/* The reference that the sender gave: a text, or the digits of a number. */
static BaruaText
reference_of (const BaruaTransition *transition)
{
  const BaruaText refid = transition->record->refid;
  const BaruaJson json = { refid.p, refid.n };

  if (refid.p == NULL || !barua_json_truthy (json))
    return (BaruaText){ NULL, 0 };
  return barua_json_type (json) == BARUA_JSON_STRING
             ? barua_arena_json_text (transition->arena, json)
             : refid;
}

/* Finds the sender: by the reference alone if there is one, else by phone. */
static gboolean
find_sender (BaruaTransition *transition, GError **error)
{
  const BaruaText reference = reference_of (transition);
  const BaruaText from = transition->record->from;
  gboolean is_place = FALSE;
  BaruaStored sender;

  if (reference.p == NULL && from.n == 0)
    return TRUE;
  if (reference.p != NULL)
    {
      if (!find (transition, BARUA_CONTACT_BY_CODE, barua_text_upper (transition->arena, reference),
                 &sender, &is_place, error))
        return FALSE;
      if (sender.body.text != NULL && is_place)
        return set_contact_of_place (transition, &sender, error);
    }
  else if (!find (transition, BARUA_CONTACT_BY_PHONE, from, &sender, &is_place, error))
    return FALSE;
  return sender.body.text == NULL || set_contact (transition, sender.id, sender.body, error);
}

/* ---- telling ---- */

static gboolean
has_error (const BaruaRecord *record)
{
  for (guint i = 0; i < record->n_errors; i++)
    if (barua_text_equal (record->errors[i].code, BARUA_TEXT (NOT_FOUND)))
      return TRUE;
  return FALSE;
}

/* The configured message for a form; absent when there is none. */
static BaruaJson
configured_message (const BaruaTransition *transition, BaruaText form)
{
  BaruaJsonIter iter, messages;
  BaruaJson entry, message;

  barua_json_iter_init (&iter, barua_settings_get (transition->settings, "update_clinics"));
  while (barua_json_iter_next (&iter, NULL, &entry))
    {
      if (!barua_json_string_is (barua_json_member (entry, "form"), form))
        continue;
      barua_json_iter_init (&messages, barua_json_member (entry, "messages"));
      while (barua_json_iter_next (&messages, NULL, &message))
        if (barua_json_string_is (barua_json_member (message, "event_type"),
                                  BARUA_TEXT (NOT_FOUND)))
          return message;
      return BARUA_JSON_NONE;
    }
  return BARUA_JSON_NONE;
}

/* Who gets it: a number that is written out, else the sender, as nothing else is known of him. */
static BaruaText
recipient_of (const BaruaTransition *transition, BaruaJson message)
{
  BaruaText recipient
      = barua_arena_json_text (transition->arena, barua_json_member (message, "recipient"));

  return recipient.n > 0 && barua_phone_is_international (recipient) ? recipient
                                                                     : transition->record->from;
}

/* Tells the sender of a report that nobody knows him; *is_told is FALSE when there is no text for
 * it (workflows.md 3, step 6). */
static gboolean
reject (BaruaTransition *transition, BaruaText *told, GError **error)
{
  BaruaJson message = configured_message (transition, transition->record->form);

  *told = message.text != NULL ? barua_transition_text_of (transition, message)
                               : barua_transition_text (transition, "messages.generic." NOT_FOUND);
  if (told->n == 0)
    return TRUE;
  BaruaText recipient = recipient_of (transition, message);
  return recipient.n == 0 || barua_transition_send_text (transition, *told, recipient, error);
}

/* Nobody was found: an error, unless the record may come from anybody. */
static gboolean
note_unknown (BaruaTransition *transition, GError **error)
{
  BaruaRecord *record = transition->record;
  const BaruaForm *form = record->form.p != NULL
                              ? barua_settings_find_form (transition->settings, record->form)
                              : NULL;
  BaruaText told = { NULL, 0 };

  if (transition->is_xform || (form != NULL && barua_form_is_public (form)) || has_error (record))
    return TRUE;
  if (form != NULL && !reject (transition, &told, error))
    return FALSE;
  if (told.n == 0)
    told = barua_settings_translate (transition->settings, BARUA_TEXT (NOT_FOUND), record->locale);
  barua_record_add_error (record, transition->arena, BARUA_TEXT (NOT_FOUND), told);
  return TRUE;
}

gboolean
barua_transition_update_clinics (BaruaTransition *transition, GError **error)
{
  if (!find_sender (transition, error))
    return FALSE;
  return transition->contact.p != NULL || note_unknown (transition, error);
}
