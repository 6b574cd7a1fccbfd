/* SPDX-License-Identifier: MIT */

/* GET /api/v1/users and /api/v2/users: who there is (users.md 4). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/document-common.h"
#include "gateway/api/failure.h"
#include "gateway/api/handlers.h"
#include "gateway/rules/account.h"
#include "gateway/rules/document.h"

#include <string.h>

#define MAX_ANSWER_BYTES (64u * 1024u * 1024u)

/* One listing, from the main loop to a reader and back. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  gboolean is_v2;
  char *name;             /* (nullable): this user alone */
  const char *facility;   /* (nullable): only users there; of the request */
  const char *contact;    /* (nullable): only this person's */
  BaruaReader *reader;    /* during the query */
  GHashTable *places;     /* id -> JSON: many users share one */
  GString *out;
} List;

static void
free_string (gpointer data)
{
  g_string_free (data, TRUE);
}

static void
list_free (gpointer data)
{
  List *list = data;

  barua_request_unref (list->request);
  g_clear_pointer (&list->places, g_hash_table_unref);
  if (list->out != NULL)
    g_string_free (list->out, TRUE);
  g_free (list->name);
  g_free (list);
}

/* Reads a document of the main database; finding none is no error. */
static gboolean
find (List *list, BaruaText id, BaruaDocument **document, GError **error)
{
  *document = NULL;
  return id.n == 0 || barua_reader_find_document (list->reader, NULL, id, document, error);
}

static BaruaJson
json_of (const BaruaDocument *document)
{
  return document != NULL ? (BaruaJson){ document->body.p, document->body.n } : BARUA_JSON_NONE;
}

static void
append_document (GString *out, const BaruaDocument *document)
{
  barua_document_append (out, document->id, document->rev, document->body, FALSE);
}

/* The id in a link: of the object, or the text. */
static BaruaText
link_id (BaruaArena *arena, BaruaJson link)
{
  return barua_arena_json_text (arena, barua_json_type (link) == BARUA_JSON_OBJECT
                                           ? barua_json_member (link, "_id")
                                           : link);
}

/* (transfer full) (nullable): a place with its contact in full, as JSON. */
static gboolean
render_place (List *list, BaruaText id, GString **json, GError **error)
{
  g_autoptr (BaruaDocument) place = NULL;
  g_autoptr (BaruaDocument) contact = NULL;
  g_autoptr (BaruaArena) arena = barua_arena_new ();

  if (!find (list, id, &place, error))
    return FALSE;
  if (place == NULL)
    return TRUE;
  if (!find (list, link_id (arena, barua_json_member (json_of (place), "contact")), &contact, error))
    return FALSE;
  *json = g_string_new (NULL);
  if (contact == NULL)
    {
      append_document (*json, place);
      return TRUE;
    }
  g_autoptr (GString) full = g_string_new (NULL);
  g_autoptr (GString) body = g_string_new (NULL);
  append_document (full, contact);
  barua_document_append_with (body, json_of (place), "contact",
                              (BaruaText){ full->str, full->len });
  barua_document_append (*json, place->id, place->rev, (BaruaText){ body->str, body->len }, FALSE);
  return TRUE;
}

/* (nullable) (transfer none): the place of that id as JSON. */
static gboolean
find_place (List *list, BaruaText id, const GString **json, GError **error)
{
  g_autofree char *key = g_strndup (id.p, id.n);
  GString *made = NULL;
  gpointer known = NULL;

  if (id.n > 0 && !g_hash_table_lookup_extended (list->places, key, NULL, &known))
    {
      if (!render_place (list, id, &made, error))
        return FALSE;
      if (made == NULL)
        made = g_string_new (NULL);
      g_hash_table_insert (list->places, g_steal_pointer (&key), made);
      known = made;
    }
  *json = known != NULL && ((GString *)known)->len > 0 ? known : NULL;
  return TRUE;
}

/* One user on the way into the list. */
typedef struct
{
  const BaruaDocument *user;
  const BaruaDocument *user_settings; /* (nullable) */
  BaruaArena *arena;
} Entry;

/* Appends a member that has a value. */
static void
append_value (GString *out, const char *name, BaruaJson value)
{
  if (barua_json_is_nothing (value))
    return;
  barua_json_append_key (out, name);
  barua_json_append_minified (out, value);
}

static void
append_setting (GString *out, const Entry *entry, const char *name)
{
  append_value (out, name, barua_json_member (json_of (entry->user_settings), name));
}

/* `place`: an object and left out when there is none; in v2 a list, or null. */
static gboolean
append_places (List *list, const Entry *entry, GString *out, GError **error)
{
  BaruaJson facility = barua_json_member (json_of (entry->user), "facility_id");
  const gboolean is_list = barua_json_type (facility) == BARUA_JSON_ARRAY;
  const guint n = is_list ? barua_json_size (facility) : 1;
  g_autoptr (GString) places = g_string_new (NULL);

  for (guint i = 0; i < n && (list->is_v2 || places->len == 0); i++)
    {
      const GString *place = NULL;
      BaruaJson id = is_list ? barua_json_element (facility, i) : facility;
      if (!find_place (list, barua_arena_json_text (entry->arena, id), &place, error))
        return FALSE;
      if (place != NULL)
        g_string_append_printf (places, "%s%s", places->len > 0 ? "," : "", place->str);
    }
  if (places->len == 0 && !list->is_v2)
    return TRUE;
  barua_json_append_key (out, "place");
  if (!list->is_v2)
    g_string_append_len (out, places->str, (gssize)places->len);
  else if (places->len == 0)
    g_string_append (out, "null");
  else
    g_string_append_printf (out, "[%s]", places->str);
  return TRUE;
}

/* `type`, the first role; in v2 `roles`. */
static void
append_roles (const List *list, const Entry *entry, GString *out)
{
  BaruaJson roles = barua_json_member (json_of (entry->user), "roles");
  BaruaJson first = barua_json_element (roles, 0);

  if (list->is_v2)
    {
      append_value (out, "roles", roles);
      return;
    }
  barua_json_append_key (out, "type");
  if (barua_json_type (first) == BARUA_JSON_STRING)
    barua_json_append_minified (out, first);
  else
    g_string_append (out, "\"unknown\"");
}

/* `language`: an object, with the code if there is one. */
static void
append_language (const Entry *entry, GString *out)
{
  BaruaJson language = barua_json_member (json_of (entry->user_settings), "language");

  barua_json_append_key (out, "language");
  g_string_append_c (out, '{');
  append_value (out, "code", language);
  g_string_append_c (out, '}');
}

static gboolean
append_contact (List *list, const Entry *entry, GString *out, GError **error)
{
  BaruaJson id = barua_json_member (json_of (entry->user_settings), "contact_id");
  g_autoptr (BaruaDocument) contact = NULL;

  if (!find (list, barua_arena_json_text (entry->arena, id), &contact, error))
    return FALSE;
  if (contact == NULL)
    return TRUE;
  barua_json_append_key (out, "contact");
  append_document (out, contact);
  return TRUE;
}

/* Appends one user, in the order of the original. */
static gboolean
append_entry (List *list, const Entry *entry, GString *out, GError **error)
{
  g_string_append_c (out, '{');
  barua_json_append_key (out, "id");
  barua_json_append_string (out, entry->user->id);
  barua_json_append_key (out, "rev");
  barua_json_append_string (out, entry->user->rev);
  barua_json_append_key (out, "username");
  barua_json_append_string (out, (BaruaText){ entry->user->id.p + strlen (BARUA_USER_ID_PREFIX),
                                              entry->user->id.n - strlen (BARUA_USER_ID_PREFIX) });
  append_setting (out, entry, "fullname");
  append_setting (out, entry, "email");
  append_setting (out, entry, "phone");
  if (!append_places (list, entry, out, error))
    return FALSE;
  append_roles (list, entry, out);
  if (!list->is_v2)
    append_language (entry, out);
  if (!append_contact (list, entry, out, error))
    return FALSE;
  append_setting (out, entry, "external_id");
  append_value (out, "known", barua_json_member (json_of (entry->user), "known"));
  g_string_append_c (out, '}');
  return TRUE;
}

/* Whether @value is @text, or a list that has it; an absent @text is any. */
static gboolean
is_wanted (BaruaJson value, const char *text)
{
  BaruaJsonIter iter;
  BaruaJson one;

  if (text == NULL || barua_json_string_is (value, barua_text (text)))
    return TRUE;
  if (barua_json_type (value) != BARUA_JSON_ARRAY)
    return FALSE;
  barua_json_iter_init (&iter, value);
  while (barua_json_iter_next (&iter, NULL, &one))
    if (barua_json_string_is (one, barua_text (text)))
      return TRUE;
  return FALSE;
}

/* One user document into the list, if it is wanted. */
static gboolean
append_user (List *list, const BaruaDocument *user, GError **error)
{
  g_autoptr (BaruaDocument) user_settings = NULL;
  g_autoptr (BaruaArena) arena = barua_arena_new ();

  if (!is_wanted (barua_json_member (json_of (user), "facility_id"), list->facility))
    return TRUE;
  if (!find (list, user->id, &user_settings, error))
    return FALSE;
  if (!is_wanted (barua_json_member (json_of (user_settings), "contact_id"), list->contact))
    return TRUE;
  const Entry entry = { user, user_settings, arena };
  if (list->out->len > 1)
    g_string_append_c (list->out, ',');
  return append_entry (list, &entry, list->out, error);
}

/* BaruaListingFunc: collects the ids. */
static gboolean
collect (const BaruaListingRow *row, gpointer data)
{
  g_ptr_array_add (data, g_strndup (row->id.p, row->id.n));
  return TRUE;
}

/* BaruaQuery: every user, by id. */
static gboolean
list_users (BaruaReader *reader, gpointer data, GError **error)
{
  List *list = data;
  const BaruaListing listing = {
    .db = BARUA_DB_USERS,
    .start = BARUA_TEXT (BARUA_USER_ID_PREFIX),
    .end = BARUA_TEXT ("org.couchdb.user;"), /* ';' follows ':' */
    .excludes_end = TRUE,
    .includes_hidden = TRUE,
    .limit = -1,
  };
  BaruaListingTotals totals;
  g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);

  list->reader = reader;
  if (!barua_reader_all_docs (reader, &listing, &totals, collect, ids, error))
    return FALSE;
  for (guint i = 0; i < ids->len && list->out->len <= MAX_ANSWER_BYTES; i++)
    {
      g_autoptr (BaruaDocument) user
          = barua_reader_get_document (reader, BARUA_DB_USERS, barua_text (ids->pdata[i]), error);
      if (user == NULL || !append_user (list, user, error))
        return FALSE;
    }
  if (list->out->len > MAX_ANSWER_BYTES)
    {
      barua_answer_too_large (error);
      return FALSE;
    }
  g_string_append_c (list->out, ']');
  return TRUE;
}

/* BaruaQuery: one user; nothing is appended when there is none. */
static gboolean
find_user (BaruaReader *reader, gpointer data, GError **error)
{
  List *list = data;
  g_autofree char *id = g_strconcat (BARUA_USER_ID_PREFIX, list->name, NULL);
  g_autoptr (BaruaDocument) user = NULL;

  list->reader = reader;
  if (!barua_reader_find_document (reader, BARUA_DB_USERS, barua_text (id), &user, error))
    return FALSE;
  if (user != NULL)
    return append_user (list, user, error);
  g_set_error (error, BARUA_ACCOUNT_ERROR, BARUA_ACCOUNT_ERROR_NOT_FOUND,
               "Failed to find user with name [%s] in the [users] database.", list->name);
  return FALSE;
}

static void
listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  List *list = user_data; /* freed by the store afterwards */
  g_autoptr (GError) error = NULL;

  if (barua_store_read_finish (list->app->store, result, &error))
    barua_request_reply_json (list->request, 200, g_steal_pointer (&list->out));
  else
    barua_api_fail (list->request, error);
}

/* Begins to list. Takes @name. */
static void
begin (BaruaRequest *request, BaruaApp *app, gboolean is_v2, char *name)
{
  List *list = g_new0 (List, 1);

  list->app = app;
  list->request = barua_request_ref (request);
  list->is_v2 = is_v2;
  list->name = name;
  list->places = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                        free_string);
  list->out = g_string_new (name == NULL ? "[" : NULL);
  if (is_v2 && name == NULL)
    {
      list->facility = barua_request_query (request, "facility_id");
      list->contact = barua_request_query (request, "contact_id");
    }
  barua_store_read_async (app->store, name != NULL ? find_user : list_users, list, list_free, NULL,
                          listed, list);
}

void
barua_api_users_get (BaruaRequest *request, gpointer app)
{
  begin (request, app, FALSE, NULL);
}

void
barua_api_users_v2_get (BaruaRequest *request, gpointer app)
{
  begin (request, app, TRUE, NULL);
}

void
barua_api_user_v2_get (BaruaRequest *request, gpointer app)
{
  const char *name = barua_request_param (request, "name");

  if (g_str_equal (barua_request_user (request)->name, name)
      || barua_request_may (request, "can_view_users"))
    begin (request, app, TRUE, g_strdup (name));
  else
    barua_request_fail (request, BARUA_HTTP_ERROR_FORBIDDEN, NULL, NULL);
}
