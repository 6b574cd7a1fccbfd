/* SPDX-License-Identifier: MIT */

/* Users in jobs: made, changed, deleted. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/user-store.h"

#include "gateway/api/contact-write.h"
#include "gateway/api/token-login.h"
#include "gateway/store/rules-lookup.h"
#include "gateway/store/store-sessions.h"

#include <string.h>

#define NO_USER "Failed to find user."
#define NO_SETTINGS "Failed to find user settings."
#define NO_PLACE "Failed to find place."
#define NO_PERSON "Failed to find person."
#define ADMINS_ONLY "Insufficient privileges"
#define ADMIN_PASSWORD "Admin passwords must be changed manually in the database"
#define NO_HOST "There is no app_url in the settings, and the request names no host."
#define NEEDS_BASIC "You must authenticate with Basic Auth to modify your password"

void
barua_user_written_clear (BaruaUserWritten *written)
{
  g_free (written->contact_id);
  g_free (written->contact_rev);
  *written = (BaruaUserWritten){ 0 };
}

/* ---- what is stored ---- */

/* The two documents of a user; either may be missing. */
typedef struct
{
  char *id;
  BaruaDocument *user;
  BaruaDocument *user_settings;
} Stored;

static void
stored_clear (Stored *stored)
{
  g_free (stored->id);
  g_clear_pointer (&stored->user, barua_document_free);
  g_clear_pointer (&stored->user_settings, barua_document_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Stored, stored_clear)

static gboolean
find_both (BaruaTx *tx, const char *name, Stored *stored, GError **error)
{
  stored->id = g_strconcat (BARUA_USER_ID_PREFIX, name, NULL);
  const BaruaText id = barua_text (stored->id);
  return barua_reader_find_document (barua_tx_reader (tx), BARUA_DB_USERS, id, &stored->user, error)
         && barua_reader_find_document (barua_tx_reader (tx), NULL, id, &stored->user_settings,
                                        error);
}

static BaruaJson
json_of (const BaruaDocument *document)
{
  return document != NULL ? (BaruaJson){ document->body.p, document->body.n } : BARUA_JSON_NONE;
}

static gboolean
fail (GError **error, BaruaAccountError code, const char *message)
{
  g_set_error_literal (error, BARUA_ACCOUNT_ERROR, code, message);
  return FALSE;
}

/* Puts a document of a user, or its next revision. */
static gboolean
put (BaruaTx *tx, const char *db, const char *id, const BaruaDocument *before, const GString *body,
     BaruaWritten *written, GError **error)
{
  const BaruaEdit edit = {
    .db = db,
    .id = barua_text (id),
    .rev = before != NULL ? before->rev : (BaruaText){ NULL, 0 },
    .body = { body->str, body->len },
    .is_server_made = before != NULL,
    .is_hidden = before != NULL && before->is_hidden,
  };

  return barua_tx_put_document (tx, &edit, written, error);
}

static gboolean
put_both (BaruaTx *tx, const char *name, const Stored *stored, const BaruaUserWrite *write,
          const BaruaAccountLinks *links, BaruaUserWritten *written, GError **error)
{
  g_autoptr (GString) user = g_string_new (NULL);
  g_autoptr (GString) user_settings = g_string_new (NULL);

  barua_account_append_user (user, json_of (stored->user), name, write->input, links);
  barua_account_append_settings (user_settings, json_of (stored->user_settings), name,
                                 write->input, links);
  return put (tx, BARUA_DB_USERS, stored->id, stored->user, user, &written->user, error)
         && put (tx, NULL, stored->id, stored->user_settings, user_settings,
                 &written->user_settings, error);
}

/* ---- administrators ---- */

static gboolean
has_admin (char **roles)
{
  return roles != NULL && g_strv_contains ((const char *const *)roles, "_admin");
}

static gboolean
is_admin (const BaruaDocument *user)
{
  g_auto (GStrv) roles = barua_account_roles_of (json_of (user));

  return has_admin (roles);
}

/* Whether a role is one of the database itself: nobody else gives them. */
static gboolean
check_roles (const BaruaUserWrite *write, GError **error)
{
  for (guint i = 0; !write->is_admin && write->input->roles != NULL && write->input->roles[i] != NULL;
       i++)
    if (write->input->roles[i][0] == '_')
      return fail (error, BARUA_ACCOUNT_ERROR_FORBIDDEN, ADMINS_ONLY);
  return TRUE;
}

/* ---- place and person ---- */

/* The work on contacts of one job. */
typedef struct
{
  BaruaStoreLookup lookup;
  BaruaArena *arena;
  BaruaContactPlan plan;
} Contacts;

static void
contacts_init (Contacts *contacts, BaruaTx *tx, const BaruaUserWrite *write)
{
  barua_store_lookup_init (&contacts->lookup, barua_tx_reader (tx), tx);
  contacts->arena = barua_arena_new ();
  contacts->plan = (BaruaContactPlan){
    .settings = write->settings,
    .lookup = &contacts->lookup.lookup,
    .arena = contacts->arena,
    .now_ms = write->now_ms,
    .may_create_people = write->may_create_people,
    .may_create_places = write->may_create_places,
  };
  barua_contact_plan_init (&contacts->plan);
}

static void
contacts_clear (Contacts *contacts)
{
  if (contacts->arena == NULL)
    return;
  barua_contact_plan_clear (&contacts->plan);
  barua_store_lookup_clear (&contacts->lookup);
  barua_arena_free (contacts->arena);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Contacts, contacts_clear)

/* A place of that id. */
static gboolean
find_place (Contacts *contacts, BaruaText id, BaruaContact *place, GError **error)
{
  if (id.n == 0)
    return fail (error, BARUA_ACCOUNT_ERROR_NOT_FOUND, NO_PLACE);
  if (!barua_contact_plan_find (&contacts->plan, id, place, error))
    return FALSE;
  return (place->id.p != NULL
          && barua_contact_type (contacts->plan.settings, contacts->arena, place->body).is_place)
         || fail (error, BARUA_ACCOUNT_ERROR_NOT_FOUND, NO_PLACE);
}

/* A person of that id, who belongs to @place: users.md 5.2 nos. 8 to 10. */
static gboolean
find_person (Contacts *contacts, BaruaText id, const BaruaContact *place,
             BaruaContact *person, GError **error)
{
  BaruaStored stored = { 0 };

  if (id.n == 0)
    return fail (error, BARUA_ACCOUNT_ERROR_NOT_FOUND, NO_PERSON);
  if (!contacts->plan.lookup->get_document (contacts->plan.lookup->data, id, &stored, error)
      || !barua_contact_plan_find (&contacts->plan, id, person, error))
    return FALSE;
  if (stored.body.text == NULL)
    return fail (error, BARUA_ACCOUNT_ERROR_NOT_FOUND, NO_PERSON);
  if (!barua_contact_type (contacts->plan.settings, contacts->arena, stored.body).is_person)
    return barua_account_refuse (error, BARUA_ACCOUNT_FAULT_CONTACT_TYPE, NULL);
  return (person->id.p != NULL && place->id.p != NULL && barua_contact_is_within (person, place))
         || barua_account_refuse (error, BARUA_ACCOUNT_FAULT_CONTACT_PLACE, NULL);
}

/* The person of a new user: found or planned. */
static gboolean
take_person (Contacts *contacts, BaruaJson value, BaruaContact *place,
             BaruaContact *person, GError **error)
{
  const gboolean has_place = place->id.p != NULL;

  if (barua_json_type (value) != BARUA_JSON_OBJECT)
    return find_person (contacts, barua_arena_json_text (contacts->arena, value), place, person,
                        error);
  return barua_contact_plan_take_person (&contacts->plan, value, has_place ? place : NULL, person,
                                         error)
         && (place->planned < 0 || !has_place
             || barua_contact_plan_set_contact (&contacts->plan, place, person, error));
}

/* Notes what the answer tells of the person. */
static void
note_person (const BaruaContact *person, const GPtrArray *revs, BaruaUserWritten *written)
{
  written->contact_id = g_strndup (person->id.p, person->id.n);
  written->contact_rev = person->planned >= 0 ? g_strdup (revs->pdata[person->planned])
                                              : g_strndup (person->rev.p, person->rev.n);
}

/* Place and person of a new user: users.md 5.2 nos. 7 to 10. @links is borrowed from @contacts. */
static gboolean
make_contacts (BaruaTx *tx, Contacts *contacts, BaruaJson body, BaruaAccountLinks *links,
               BaruaUserWritten *written, GError **error)
{
  BaruaJson place_value = barua_json_member (body, "place");
  BaruaJson person_value = barua_json_member (body, "contact");
  BaruaContact place = { .planned = -1 };
  BaruaContact person = { .planned = -1 };
  g_autoptr (GPtrArray) revs = NULL;

  if (barua_json_type (place_value) == BARUA_JSON_OBJECT
          ? !barua_contact_plan_take_place (&contacts->plan, place_value, &place, error)
          : barua_json_truthy (place_value)
                && !find_place (contacts, barua_arena_json_text (contacts->arena, place_value),
                                &place, error))
    return FALSE;
  const gboolean has_person = barua_json_truthy (person_value);
  if ((has_person && !take_person (contacts, person_value, &place, &person, error))
      || !barua_contact_plan_put (tx, &contacts->plan, &revs, error))
    return FALSE;
  links->facility = place.id;
  links->contact = person.id;
  if (has_person)
    note_person (&person, revs, written);
  return TRUE;
}

/* ---- login links ---- */

static gboolean
issue (BaruaTx *tx, const char *name, const BaruaUserWrite *write, BaruaUserWritten *written,
       GError **error)
{
  if (write->base_url == NULL)
    return fail (error, BARUA_ACCOUNT_ERROR_PLAIN, NO_HOST);
  return barua_token_login_issue (tx, write->settings, name, barua_text (write->input->phone),
                                  write->base_url, write->now_ms, &written->token_expires_ms,
                                  error);
}

/* ---- new ---- */

/* users.md 5.2 no. 6: neither database has a document, and no account the name. */
static gboolean
check_free (BaruaTx *tx, const char *name, const Stored *stored, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (BaruaAccount) account
      = barua_reader_get_account (barua_tx_reader (tx), name, &local);

  if (account == NULL && !g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  return (account == NULL && stored->user == NULL && stored->user_settings == NULL)
         || fail (error, BARUA_ACCOUNT_ERROR_TAKEN, "Document update conflict.");
}

gboolean
barua_user_create (BaruaTx *tx, const BaruaUserWrite *write, BaruaUserWritten *written,
                   GError **error)
{
  const char *name = write->input->username;
  const BaruaTokenAction action = barua_token_action (write->input->wish, BARUA_TOKEN_USER_NEW,
                                                      write->input->is_token_enabled);
  g_auto (Stored) stored = { 0 };
  g_auto (Contacts) contacts = { 0 };
  BaruaAccountLinks links = { 0 };

  barua_user_written_clear (written);
  contacts_init (&contacts, tx, write);
  if (!check_roles (write, error) || !find_both (tx, name, &stored, error)
      || !check_free (tx, name, &stored, error)
      || !make_contacts (tx, &contacts, write->input->body, &links, written, error)
      || !put_both (tx, name, &stored, write, &links, written, error))
    return FALSE;
  const char *hash = write->hash != NULL ? write->hash : BARUA_PASSWORD_NOBODY_KNOWS;
  return barua_tx_put_account (tx, name, stored.id, hash, error)
         && (!(action & BARUA_TOKEN_ISSUE) || issue (tx, name, write, written, error));
}

/* ---- change ---- */

/* Whether a link is taken away, which offline users must not. */
static gboolean
take_drop (BaruaJson value, gboolean is_offline, const char *field, gboolean *drops, GError **error)
{
  *drops = barua_json_type (value) == BARUA_JSON_NULL;
  return !*drops || !is_offline
         || barua_account_refuse (error, BARUA_ACCOUNT_FAULT_OFFLINE_FIELD, field);
}

/* Whether the user is offline afterwards. */
static gboolean
is_offline_after (const BaruaUserWrite *write, const Stored *stored)
{
  if (write->input->roles != NULL)
    return write->input->is_offline;
  g_auto (GStrv) roles = barua_account_roles_of (json_of (stored->user));
  g_auto (GStrv) now = barua_account_roles_to_store (barua_settings_json (write->settings),
                                                     (const char *const *)roles);
  return !g_strv_contains ((const char *const *)now, BARUA_ROLE_ONLINE);
}

/* Where the user belongs from now on: the rows of users.md 6.2 about place and contact. */
static gboolean
change_links (Contacts *contacts, const BaruaUserWrite *write, const Stored *stored,
              BaruaAccountLinks *links, GError **error)
{
  BaruaJson place_value = barua_json_member (write->input->body, "place");
  BaruaJson person_value = barua_json_member (write->input->body, "contact");
  const gboolean is_offline = is_offline_after (write, stored);
  BaruaContact place = { .planned = -1 };
  BaruaContact person = { .planned = -1 };

  if (!take_drop (place_value, is_offline, "Place", &links->drops_facility, error)
      || !take_drop (person_value, is_offline, "Contact", &links->drops_contact, error))
    return FALSE;
  if (!barua_json_is_nothing (place_value))
    {
      if (!find_place (contacts, barua_arena_json_text (contacts->arena, place_value), &place,
                       error))
        return FALSE;
      links->facility = place.id;
    }
  if (barua_json_is_nothing (person_value))
    return TRUE;
  if (place.id.p == NULL && !links->drops_facility)
    {
      BaruaText facility = barua_arena_json_text (
          contacts->arena, barua_json_member (json_of (stored->user), "facility_id"));
      if (facility.n > 0 && !barua_contact_plan_find (&contacts->plan, facility, &place, error))
        return FALSE;
    }
  links->contact = barua_arena_json_text (contacts->arena, person_value);
  return find_person (contacts, links->contact, &place, &person, error);
}

/* The rows about login links: users.md 6.2 and 8.2. */
static gboolean
check_token (const BaruaUserWrite *write, const Stored *stored, BaruaTokenAction *action,
             GError **error)
{
  const gboolean has_token
      = barua_json_member (json_of (stored->user), "token_login").text != NULL;

  *action = barua_token_action (write->input->wish,
                                has_token ? BARUA_TOKEN_USER_WITH : BARUA_TOKEN_USER_WITHOUT,
                                write->input->is_token_enabled);
  if (write->is_cookie_only && has_token
      && !barua_json_is_nothing (barua_json_member (write->input->body, "phone")))
    return fail (error, BARUA_ACCOUNT_ERROR_FORBIDDEN, NEEDS_BASIC);
  if (*action & BARUA_TOKEN_NEEDS_PASSWORD && write->hash == NULL)
    return barua_account_refuse (error, BARUA_ACCOUNT_FAULT_PASSWORD_NEEDED, NULL);
  return !(*action & BARUA_TOKEN_ISSUE)
         || barua_account_input_take_phone (write->settings, write->input,
                                            json_of (stored->user_settings), error);
}

/* Nobody but administrators touches one. */
static gboolean
check_target (const BaruaUserWrite *write, const Stored *stored, GError **error)
{
  if (write->is_admin || !is_admin (stored->user))
    return TRUE;
  return write->hash != NULL ? fail (error, BARUA_ACCOUNT_ERROR_PLAIN, ADMIN_PASSWORD)
                             : fail (error, BARUA_ACCOUNT_ERROR_FORBIDDEN, ADMINS_ONLY);
}

static gboolean
check_change (const BaruaUserWrite *write, const Stored *stored, BaruaTokenAction *action,
              GError **error)
{
  if (stored->user == NULL)
    return fail (error, BARUA_ACCOUNT_ERROR_NOT_FOUND, NO_USER);
  if (stored->user_settings == NULL)
    return fail (error, BARUA_ACCOUNT_ERROR_NOT_FOUND, NO_SETTINGS);
  return check_target (write, stored, error) && check_roles (write, error)
         && check_token (write, stored, action, error);
}

/* Sets the hash and ends the sessions. */
static gboolean
put_hash (BaruaTx *tx, const char *name, const char *id, const char *hash, GError **error)
{
  return barua_tx_put_account (tx, name, id, hash, error)
         && barua_tx_delete_sessions_of (tx, name, error);
}

/* What happens to the account beside its documents. */
static gboolean
change_account (BaruaTx *tx, const char *name, const char *id, const BaruaUserWrite *write,
                BaruaTokenAction action, BaruaUserWritten *written, GError **error)
{
  if (action & BARUA_TOKEN_ISSUE)
    return barua_tx_put_account (tx, name, id, BARUA_PASSWORD_NOBODY_KNOWS, error)
           && issue (tx, name, write, written, error);
  if (write->hash != NULL && !put_hash (tx, name, id, write->hash, error))
    return FALSE;
  return !(action & BARUA_TOKEN_REMOVE)
         || barua_token_login_remove (tx, name, write->now_ms, error);
}

gboolean
barua_user_change (BaruaTx *tx, const char *name, const BaruaUserWrite *write,
                   BaruaUserWritten *written, GError **error)
{
  g_auto (Stored) stored = { 0 };
  g_auto (Contacts) contacts = { 0 };
  BaruaAccountLinks links = { 0 };
  BaruaTokenAction action = BARUA_TOKEN_NOTHING;

  barua_user_written_clear (written);
  contacts_init (&contacts, tx, write);
  return find_both (tx, name, &stored, error) && check_change (write, &stored, &action, error)
         && change_links (&contacts, write, &stored, &links, error)
         && put_both (tx, name, &stored, write, &links, written, error)
         && change_account (tx, name, stored.id, write, action, written, error);
}

gboolean
barua_user_set_password (BaruaTx *tx, const char *name, const char *hash, GError **error)
{
  g_auto (Stored) stored = { 0 };

  if (!find_both (tx, name, &stored, error))
    return FALSE;
  return stored.user != NULL ? put_hash (tx, name, stored.id, hash, error)
                             : fail (error, BARUA_ACCOUNT_ERROR_NOT_FOUND, NO_USER);
}

/* ---- deletion ---- */

/* Leaves a tombstone of the document in `_users`. */
static gboolean
delete_user (BaruaTx *tx, const Stored *stored, BaruaWritten *written, GError **error)
{
  const BaruaEdit edit = {
    .db = BARUA_DB_USERS,
    .id = barua_text (stored->id),
    .rev = stored->user->rev,
    .body = BARUA_TEXT ("{}"),
    .is_deleted = TRUE,
  };

  return barua_tx_put_document (tx, &edit, written, error);
}

static gboolean
retire_settings (BaruaTx *tx, const Stored *stored, gint64 now_ms, BaruaWritten *written,
                 GError **error)
{
  g_autoptr (GString) body = g_string_new (NULL);

  if (stored->user_settings == NULL)
    return TRUE;
  barua_account_append_inactive (body, json_of (stored->user_settings), now_ms);
  return put (tx, NULL, stored->id, stored->user_settings, body, written, error);
}

gboolean
barua_user_delete (BaruaTx *tx, const char *name, gboolean by_admin, gint64 now_ms,
                   BaruaUserWritten *written, GError **error)
{
  g_auto (Stored) stored = { 0 };

  barua_user_written_clear (written);
  if (!find_both (tx, name, &stored, error))
    return FALSE;
  if (stored.user == NULL)
    return fail (error, BARUA_ACCOUNT_ERROR_NOT_FOUND, "missing");
  if (!by_admin && is_admin (stored.user))
    return fail (error, BARUA_ACCOUNT_ERROR_FORBIDDEN, ADMINS_ONLY);
  return barua_token_login_revoke (tx, name, now_ms, error)
         && delete_user (tx, &stored, &written->user, error)
         && retire_settings (tx, &stored, now_ms, &written->user_settings, error)
         && barua_tx_delete_account (tx, name, error);
}
