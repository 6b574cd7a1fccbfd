/* SPDX-License-Identifier: MIT */

/* Documents with everything above them: by their ids, and contacts by their phone numbers
 * (contacts.md 6, 7). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/failure.h"
#include "gateway/api/handlers.h"
#include "gateway/app.h"
#include "gateway/rules/contacts.h"
#include "gateway/rules/lineage.h"
#include "gateway/rules/views.h"
#include "gateway/store/rules-lookup.h"

#include <string.h>

#define MAX_IDS 1000                        /* contacts.md 6.2 */
#define MAX_ANSWER_BYTES (64 * 1024 * 1024) /* as of the other answers made in one piece */

/* One id that is asked for. */
typedef struct
{
  BaruaJson json; /* as given */
  BaruaText id;   /* absent when that is no text */
} Asked;

/* A request, from the main loop to a reader and back. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  BaruaArena *arena;
  gboolean is_admin;
  GArray *asked; /* of Asked; NULL for a search by phone */
  char phone[BARUA_PHONE_SIZE];
  GString *out;
} Hydrate;

static void
hydrate_free (gpointer data)
{
  Hydrate *hydrate = data;

  g_clear_pointer (&hydrate->asked, g_array_unref);
  if (hydrate->out != NULL)
    g_string_free (hydrate->out, TRUE);
  barua_arena_free (hydrate->arena);
  barua_request_unref (hydrate->request);
  g_free (hydrate);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Hydrate, hydrate_free)

static Hydrate *
hydrate_new (BaruaRequest *request, BaruaApp *app)
{
  Hydrate *hydrate = g_new0 (Hydrate, 1);

  hydrate->app = app;
  hydrate->request = barua_request_ref (request);
  hydrate->arena = barua_arena_new ();
  hydrate->is_admin = barua_request_user (request)->is_admin;
  hydrate->out = g_string_new (NULL);
  return hydrate;
}

static void
reply_bad_request (BaruaRequest *request, const char *reason)
{
  GString *json = g_string_new ("{\"error\":\"bad_request\",\"reason\":");

  barua_json_append_string (json, barua_text (reason));
  g_string_append_c (json, '}');
  barua_request_reply_json (request, 400, json);
}

/* ---- by id ---- */

/* Whether the user may see the document (contacts.md 10 no. 8). */
static gboolean
is_shown (const Hydrate *hydrate, BaruaJson body)
{
  BaruaJson type = barua_json_member (body, "type");

  return hydrate->is_admin || barua_contact_type_is (type)
         || barua_json_string_is (type, BARUA_TEXT ("data_record"));
}

/* One entry of the answer. */
static gboolean
append_entry (Hydrate *hydrate, const BaruaHydration *hydration, const Asked *asked, GError **error)
{
  const BaruaLookup *lookup = hydration->lookup;
  BaruaStored stored = { { NULL, 0 } };

  if (asked->id.p != NULL && !lookup->get_document (lookup->data, asked->id, &stored, error))
    return FALSE;
  g_string_append (hydrate->out, "{\"id\":");
  barua_json_append_minified (hydrate->out, asked->json);
  if (stored.body.text == NULL || !is_shown (hydrate, stored.body))
    {
      g_string_append (hydrate->out, ",\"error\":\"not_found\"}");
      return TRUE;
    }
  g_string_append (hydrate->out, ",\"doc\":");
  if (!barua_lineage_append_hydrated (hydration, &stored, hydrate->out, error))
    return FALSE;
  g_string_append_c (hydrate->out, '}');
  return TRUE;
}

/* Query */
static gboolean
hydrate_query (BaruaReader *reader, gpointer data, GError **error)
{
  Hydrate *hydrate = data;
  g_auto (BaruaStoreLookup) lookup = { .reader = NULL };

  barua_store_lookup_init (&lookup, reader, NULL);
  const BaruaHydration hydration = { &lookup.lookup, hydrate->arena, MAX_ANSWER_BYTES };
  g_string_assign (hydrate->out, "[");
  for (guint i = 0; i < hydrate->asked->len; i++)
    {
      if (i > 0)
        g_string_append_c (hydrate->out, ',');
      if (!append_entry (hydrate, &hydration, &g_array_index (hydrate->asked, Asked, i), error))
        return FALSE;
    }
  g_string_append_c (hydrate->out, ']');
  return TRUE;
}

static void
hydrate_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Hydrate *hydrate = user_data; /* freed by the store afterwards */
  g_autoptr (GError) error = NULL;

  if (barua_store_read_finish (hydrate->app->store, result, &error))
    barua_request_reply_json (hydrate->request, 200, g_steal_pointer (&hydrate->out));
  else
    barua_api_fail (hydrate->request, error);
}

/* Takes ids from a JSON array; FALSE when it is none. */
static gboolean
take_array (Hydrate *hydrate, BaruaJson array)
{
  BaruaJsonIter iter;
  Asked asked;

  if (barua_json_type (array) != BARUA_JSON_ARRAY)
    return FALSE;
  barua_json_iter_init (&iter, array);
  while (hydrate->asked->len <= MAX_IDS && barua_json_iter_next (&iter, NULL, &asked.json))
    {
      asked.id = barua_arena_json_text (hydrate->arena, asked.json);
      g_array_append_val (hydrate->asked, asked);
    }
  return TRUE;
}

/* Takes one id of `doc_ids[]=…` and the like. */
static void
take_text (Hydrate *hydrate, const char *text)
{
  g_autoptr (GString) json = g_string_new (NULL);
  Asked asked = { .id = barua_text (text) };

  barua_json_append_string (json, asked.id);
  BaruaText copy = barua_arena_copy (hydrate->arena, (BaruaText){ json->str, json->len });
  asked.json = (BaruaJson){ copy.p, copy.n };
  g_array_append_val (hydrate->asked, asked);
}

/* Whether @name is `doc_ids[]` or `doc_ids[N]`. */
static gboolean
is_element (const char *name)
{
  if (!g_str_has_prefix (name, "doc_ids["))
    return FALSE;
  name += strlen ("doc_ids[");
  return strcmp (name + strspn (name, "0123456789"), "]") == 0;
}

/* Takes the elements of a list spread over the query, in any of the forms that mean a list to the
 * original's parser: `doc_ids[]=a`, `doc_ids[0]=a`, or `doc_ids=a` with @is_repeated. */
static void
take_spread (Hydrate *hydrate, gboolean is_repeated)
{
  BaruaRequest *request = hydrate->request;

  for (guint i = 0; i < barua_request_n_query (request); i++)
    {
      const char *value = NULL;
      const char *name = barua_request_query_at (request, i, &value);

      if (is_repeated ? strcmp (name, "doc_ids") == 0 : is_element (name))
        take_text (hydrate, value != NULL ? value : "");
    }
}

static gboolean
is_repeated (BaruaRequest *request)
{
  const char *value;
  guint n = 0;

  for (guint i = 0; i < barua_request_n_query (request); i++)
    n += strcmp (barua_request_query_at (request, i, &value), "doc_ids") == 0;
  return n > 1;
}

/* Takes the ids from wherever they are; FALSE when there is no list of them (contacts.md 6.1). */
static gboolean
take_ids (Hydrate *hydrate)
{
  BaruaRequest *request = hydrate->request;
  gboolean repeated = is_repeated (request);
  const char *list = barua_request_query (request, "doc_ids");
  BaruaJson array;

  if (!repeated && list != NULL && *list != '\0')
    return barua_json_read (list, -1, &array, NULL) && take_array (hydrate, array);
  take_spread (hydrate, repeated);
  return hydrate->asked->len > 0
         || take_array (hydrate, barua_json_member (barua_request_json (request), "doc_ids"));
}

void
barua_api_hydrate (BaruaRequest *request, gpointer app)
{
  g_autoptr (Hydrate) hydrate = hydrate_new (request, app);

  hydrate->asked = g_array_new (FALSE, FALSE, sizeof (Asked));
  if (!take_ids (hydrate))
    reply_bad_request (request, "`doc_ids` parameter must be a json array.");
  else if (hydrate->asked->len > MAX_IDS)
    reply_bad_request (request, "too many doc_ids (limit 1000)");
  else
    {
      Hydrate *data = g_steal_pointer (&hydrate);
      barua_store_read_async (data->app->store, hydrate_query, data, hydrate_free, NULL,
                              hydrate_done, data);
    }
}

/* ---- by phone ---- */

/* Query */
static gboolean
phone_query (BaruaReader *reader, gpointer data, GError **error)
{
  Hydrate *hydrate = data;
  g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);
  g_auto (BaruaStoreLookup) lookup = { .reader = NULL };

  if (!barua_reader_find_phone (reader, barua_text (hydrate->phone), -1, ids, error))
    return FALSE;
  barua_store_lookup_init (&lookup, reader, NULL);
  const BaruaHydration hydration = { &lookup.lookup, hydrate->arena, MAX_ANSWER_BYTES };
  g_string_assign (hydrate->out, "");
  for (guint i = 0; i < ids->len; i++)
    {
      BaruaStored stored;
      g_string_append (hydrate->out, i == 0 ? "{\"ok\":true,\"docs\":[" : ",");
      if (!lookup.lookup.get_document (&lookup, barua_text (ids->pdata[i]), &stored, error)
          || !barua_lineage_append_hydrated (&hydration, &stored, hydrate->out, error))
        return FALSE;
    }
  if (ids->len > 0)
    g_string_append (hydrate->out, "]}");
  return TRUE;
}

static void
phone_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Hydrate *hydrate = user_data; /* freed by the store afterwards */
  g_autoptr (GError) error = NULL;

  if (!barua_store_read_finish (hydrate->app->store, result, &error))
    barua_api_fail (hydrate->request, error);
  else if (hydrate->out->len == 0)
    barua_request_reply_static_json (hydrate->request, 404,
                                     "{\"error\":\"not_found\",\"reason\":\"no matches found\"}");
  else
    barua_request_reply_json (hydrate->request, 200, g_steal_pointer (&hydrate->out));
}

/* How often the query names `phone`. */
static guint
count_phones (BaruaRequest *request)
{
  guint n = 0;

  for (guint i = 0; i < barua_request_n_query (request); i++)
    n += strcmp (barua_request_query_at (request, i, NULL), "phone") == 0;
  return n;
}

/* The number as given: of the query, else of the body. */
static BaruaText
given_phone (Hydrate *hydrate)
{
  const char *query = barua_request_query (hydrate->request, "phone");
  BaruaJson json = barua_json_member (barua_request_json (hydrate->request), "phone");

  if (query != NULL && *query != '\0')
    return barua_text (query);
  if (barua_json_type (json) == BARUA_JSON_NUMBER)
    return (BaruaText){ json.text, json.length };
  return barua_arena_json_text (hydrate->arena, json);
}

/* The number without what stands around its digits: the parser of the original skips it, and so the
 * quotes of the reference (contacts.md 7). */
static BaruaText
trim_phone (BaruaText phone)
{
  while (phone.n > 0 && !g_ascii_isdigit (phone.p[0]) && phone.p[0] != '+')
    {
      phone.p++;
      phone.n--;
    }
  while (phone.n > 0 && !g_ascii_isdigit (phone.p[phone.n - 1])
         && !g_ascii_isalpha (phone.p[phone.n - 1]))
    phone.n--;
  return phone;
}

/* Reads the number; a '+' that was not encoded has become a blank, which counts only when there is
 * no other way (contacts.md 7). */
static gboolean
take_phone (Hydrate *hydrate)
{
  const BaruaPhoneRules *rules
      = barua_settings_phone_rules (barua_request_settings (hydrate->request));
  BaruaText given = given_phone (hydrate);

  if (given.n == 0 || count_phones (hydrate->request) > 1)
    return FALSE;
  if (barua_phone_normalise (rules, trim_phone (given), hydrate->phone))
    return TRUE;
  if (given.p[0] != ' ' || given.n < 2 || !g_ascii_isdigit (given.p[1]))
    return FALSE;
  given = barua_arena_copy (hydrate->arena, given);
  ((char *)given.p)[0] = '+';
  return barua_phone_normalise (rules, trim_phone (given), hydrate->phone);
}

void
barua_api_contacts_by_phone (BaruaRequest *request, gpointer app)
{
  g_autoptr (Hydrate) hydrate = hydrate_new (request, app);

  if (!take_phone (hydrate))
    {
      reply_bad_request (request, "`phone` parameter is required and must be a valid phone number");
      return;
    }
  Hydrate *data = g_steal_pointer (&hydrate);
  barua_store_read_async (data->app->store, phone_query, data, hydrate_free, NULL, phone_done,
                          data);
}
