/* SPDX-License-Identifier: MIT */

/* How many documents an offline user holds (users.md 9). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/user-count.h"

#include "forms/permissions.h"
#include "gateway/rules/account.h"
#include "gateway/store/store-views.h"

#define DAY_MS (24 * 60 * 60 * (gint64)1000)
#define CLIENT_DESIGN 1 /* the one design document that clients have */

/* Documents that everybody has, if they are there. */
static const BaruaText shared_ids[] = {
  { "settings", 8 },          { "branding", 8 },      { "resources", 9 },
  { "partners", 8 },          { "zscore-charts", 13 }, { "service-worker-meta", 19 },
  { "privacy-policies", 16 }, { "extension-libs", 14 },
};

/* Views that are asked, to be brought up to date before. */
static const struct
{
  const char *ddoc;
  const char *view;
} views[] = {
  { "medic", "contacts_by_depth" },
  { "medic-client", "reports_by_subject" },
  { "medic-client", "doc_by_type" },
  { "barua", "docs_by_holder" },
};

/* One count, from the main loop to a reader and back. */
typedef struct
{
  BaruaApp *app;
  BaruaSettings *settings;
  char *name; /* (nullable) */
  GPtrArray *facilities;
  char **roles; /* (nullable) */
  BaruaUserCounted counted;
  gpointer data;
  guint n_caught_up;
  gboolean is_noted; /* stands in @app->counting */
  /* what was found */
  gboolean is_offline;
  gint64 total;
  gint64 now_ms;
  GError *error;
  /* during the query */
  BaruaReader *reader;
  BaruaArena *arena;
  GHashTable *subjects; /* set of JSON texts: ids and shortcodes */
  GHashTable *documents; /* set of hashes of ids: a document counts once */
} Count;

static void
count_free (Count *count)
{
  if (count->is_noted && count->app->counting != NULL)
    g_hash_table_remove (count->app->counting, count->name);
  barua_settings_unref (count->settings);
  g_free (count->name);
  g_ptr_array_unref (count->facilities);
  g_strfreev (count->roles);
  g_clear_error (&count->error);
  g_free (count);
}

/* ---- counting ---- */

/* A hash of an id as wide as a pointer: two of a million documents share one once in 2^24 times,
 * and the figure is then one less. */
static gpointer
hash_of (BaruaText id)
{
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325); /* FNV-1a */

  for (gsize i = 0; i < id.n; i++)
    hash = (hash ^ (guchar)id.p[i]) * G_GUINT64_CONSTANT (0x100000001b3);
  return GSIZE_TO_POINTER ((gsize)hash);
}

/* BaruaViewFunc: one more document. */
static gboolean
take_document (const BaruaViewRow *row, gpointer data)
{
  g_hash_table_add (((Count *)data)->documents, hash_of (row->id));
  return TRUE;
}

/* Notes a JSON text as something that documents may be about. */
static void
add_subject (Count *count, BaruaText json)
{
  BaruaText copy = barua_arena_copy (count->arena, json);

  g_hash_table_add (count->subjects, (gpointer)copy.p);
}

/* BaruaViewFunc: a contact; documents are about its id, or its shortcode. */
static gboolean
take_contact (const BaruaViewRow *row, gpointer data)
{
  Count *count = data;
  BaruaJson code = barua_json_member ((BaruaJson){ row->value.p, row->value.n }, "shortcode");
  g_autoptr (GString) id = g_string_new (NULL);

  take_document (row, count);
  barua_json_append_string (id, row->id);
  add_subject (count, (BaruaText){ id->str, id->len });
  if (!barua_json_truthy (code))
    return TRUE;
  g_autoptr (GString) text = g_string_new (NULL);
  if (barua_json_type (code) == BARUA_JSON_STRING)
    barua_json_append_minified (text, code);
  else /* subjects are texts */
    barua_json_append_string (text, (BaruaText){ code.text, code.length });
  add_subject (count, (BaruaText){ text->str, text->len });
  return TRUE;
}

/* Counts the documents of the rows of several keys. */
static gboolean
count_keys (Count *count, const char *ddoc, const char *view, const BaruaJson *keys, gsize n,
            GError **error)
{
  BaruaListingTotals totals;
  const BaruaViewQuery query = {
    .ddoc = ddoc, .view = view, .keys = keys, .n_keys = n, .includes_hidden = TRUE, .limit = -1
  };

  return n == 0
         || barua_reader_view (count->reader, &query, &totals, take_document, count, error);
}

/* How deep a user of these roles sees; negative: all the way (users.md 9.1). */
static gint64
find_depth (const Count *count)
{
  BaruaJsonIter iter;
  BaruaJson entry;
  gint64 depth = -1;

  barua_json_iter_init (&iter, barua_settings_get (count->settings, "replication_depth"));
  while (count->roles != NULL && barua_json_iter_next (&iter, NULL, &entry))
    {
      g_autofree char *role = barua_json_string (barua_json_member (entry, "role"), NULL);
      BaruaJson value = barua_json_member (entry, "depth");
      g_autofree char *text = barua_json_string (value, NULL);
      gint64 number;
      if (role == NULL || !g_strv_contains ((const char *const *)count->roles, role))
        continue;
      if (text != NULL && g_ascii_string_to_signed (text, 10, 0, G_MAXINT, &number, NULL))
        depth = MAX (depth, number);
      else if (barua_json_integer (value, &number))
        depth = MAX (depth, number);
    }
  return depth;
}

/* The facility and what is below it. */
static gboolean
count_contacts (Count *count, const char *facility, gint64 depth, GError **error)
{
  g_autoptr (GString) id = g_string_new (NULL);
  BaruaListingTotals totals;

  barua_json_append_string (id, barua_text (facility));
  g_autofree char *start = g_strdup_printf (depth < 0 ? "[%s]" : "[%s,0]", id->str);
  g_autofree char *end = depth < 0 ? g_strdup (start)
                                   : g_strdup_printf ("[%s,%" G_GINT64_FORMAT "]", id->str, depth);
  const BaruaViewQuery query = {
    .ddoc = "medic",
    .view = "contacts_by_depth",
    .start = { start, strlen (start) },
    .end = { end, strlen (end) },
    .includes_hidden = TRUE,
    .limit = -1,
  };
  return barua_reader_view (count->reader, &query, &totals, take_contact, count, error);
}

/* Records about the contacts, or of them; the user's own tasks. */
static gboolean
count_records (Count *count, GError **error)
{
  g_autoptr (GArray) keys = g_array_new (FALSE, FALSE, sizeof (BaruaJson));
  GHashTableIter iter;
  gpointer text;

  g_hash_table_iter_init (&iter, count->subjects);
  while (g_hash_table_iter_next (&iter, &text, NULL))
    {
      const BaruaJson key = { text, strlen (text) };
      g_array_append_val (keys, key);
    }
  const BaruaJson *all = (const BaruaJson *)(void *)keys->data;
  return count_keys (count, "medic-client", "reports_by_subject", all, keys->len, error)
         && count_keys (count, "barua", "docs_by_holder", all, keys->len, error);
}

/* Whether records that nobody is named in are the user's too. */
static gboolean
gets_unassigned (const Count *count)
{
  BaruaJson settings = barua_settings_json (count->settings);

  return count->roles != NULL
         && barua_json_truthy (
             barua_json_member (settings, "district_admins_access_unallocated_messages"))
         && barua_permissions_may (settings, (const char *const *)count->roles,
                                   "can_view_unallocated_data_records");
}

static gboolean
count_own (Count *count, GError **error)
{
  const BaruaJson nobody = { "null", 4 };

  if (gets_unassigned (count) && !count_keys (count, "barua", "docs_by_holder", &nobody, 1, error))
    return FALSE;
  if (count->name == NULL)
    return TRUE;
  g_autofree char *id = g_strconcat (BARUA_USER_ID_PREFIX, count->name, NULL);
  g_autoptr (GString) json = g_string_new (NULL);
  barua_json_append_string (json, barua_text (id));
  const BaruaJson key = { json->str, json->len };
  return count_keys (count, "barua", "docs_by_holder", &key, 1, error);
}

/* BaruaListingFunc */
static gboolean
take_shared (const BaruaListingRow *row, gpointer data)
{
  if (row->is_found && !row->is_deleted)
    g_hash_table_add (((Count *)data)->documents, hash_of (row->id));
  return TRUE;
}

/* Settings, forms, translations and the like. */
static gboolean
count_shared (Count *count, GError **error)
{
  const BaruaListing listed = {
    .keys = shared_ids, .n_keys = G_N_ELEMENTS (shared_ids), .includes_hidden = TRUE, .limit = -1
  };
  const BaruaListing translations = {
    .start = BARUA_TEXT ("messages-"),
    .end = BARUA_TEXT ("messages."), /* '.' follows '-' */
    .excludes_end = TRUE,
    .includes_hidden = TRUE,
    .limit = -1,
  };
  const BaruaJson form = { "[\"form\"]", 8 };
  BaruaListingTotals totals;

  return barua_reader_all_docs (count->reader, &listed, &totals, take_shared, count, error)
         && barua_reader_all_docs (count->reader, &translations, &totals, take_shared, count, error)
         && count_keys (count, "medic-client", "doc_by_type", &form, 1, error);
}

/* ---- who it is ---- */

/* Reads roles and place of the user; *is_offline stays FALSE for one who is not there. */
static gboolean
find_user (Count *count, GError **error)
{
  g_autofree char *id = g_strconcat (BARUA_USER_ID_PREFIX, count->name, NULL);
  g_autoptr (BaruaDocument) user = NULL;

  count->is_offline = FALSE;
  g_ptr_array_set_size (count->facilities, 0);
  if (!barua_reader_find_document (count->reader, BARUA_DB_USERS, barua_text (id), &user, error))
    return FALSE;
  if (user == NULL)
    return TRUE;
  BaruaJson body = { user->body.p, user->body.n };
  BaruaJson facility = barua_json_member (body, "facility_id");
  g_clear_pointer (&count->roles, g_strfreev);
  count->roles = barua_account_roles_of (body);
  count->is_offline = !barua_permissions_is_online (barua_settings_json (count->settings),
                                                    (const char *const *)count->roles);
  if (barua_json_type (facility) == BARUA_JSON_STRING)
    g_ptr_array_add (count->facilities, barua_json_string (facility, NULL));
  for (guint i = 0; barua_json_type (facility) == BARUA_JSON_ARRAY && i < barua_json_size (facility);
       i++)
    {
      char *one = barua_json_string (barua_json_element (facility, i), NULL);
      if (one != NULL)
        g_ptr_array_add (count->facilities, one);
    }
  return TRUE;
}

static gboolean
count_all (Count *count, GError **error)
{
  const gint64 depth = find_depth (count);

  for (guint i = 0; i < count->facilities->len; i++)
    if (!count_contacts (count, count->facilities->pdata[i], depth, error))
      return FALSE;
  if (!count_records (count, error) || !count_own (count, error) || !count_shared (count, error))
    return FALSE;
  count->total = (gint64)g_hash_table_size (count->documents) + 1 + CLIENT_DESIGN;
  return TRUE;
}

/* BaruaQuery: who it is. */
static gboolean
look_up (BaruaReader *reader, gpointer data, GError **error)
{
  Count *count = data;

  count->reader = reader;
  return find_user (count, error);
}

/* BaruaQuery */
static gboolean
count_documents (BaruaReader *reader, gpointer data, GError **error)
{
  Count *count = data;
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (GHashTable) subjects = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GHashTable) documents = g_hash_table_new (NULL, NULL);

  count->reader = reader;
  count->arena = arena;
  count->subjects = subjects;
  count->documents = documents;
  if (count->name != NULL && !find_user (count, error))
    return FALSE;
  return (count->name != NULL && !count->is_offline) || count_all (count, error);
}

/* ---- keeping the figure ---- */

/* BaruaJob: puts the figure, unless the one that is there is as good. */
static gboolean
keep_figure (BaruaTx *tx, gpointer data, GError **error)
{
  const Count *count = data;
  g_autofree char *id = g_strconcat (BARUA_USER_COUNT_ID, count->name, NULL);
  g_autoptr (BaruaDocument) before = NULL;

  if (!barua_reader_find_document (barua_tx_reader (tx), BARUA_DB_SENTINEL, barua_text (id),
                                   &before, error))
    return FALSE;
  if (before != NULL)
    {
      BaruaJson body = { before->body.p, before->body.n };
      gint64 total = -1, date = 0;
      barua_json_integer (barua_json_member (body, "count"), &total);
      barua_json_integer (barua_json_member (body, "date"), &date);
      if (total == count->total && date > count->now_ms - DAY_MS)
        return TRUE;
    }
  g_autoptr (GString) body = g_string_new ("{\"user\":");
  barua_json_append_string (body, barua_text (count->name));
  g_string_append_printf (body, ",\"date\":%" G_GINT64_FORMAT ",\"count\":%" G_GINT64_FORMAT "}",
                          count->now_ms, count->total);
  const BaruaEdit edit = {
    .db = BARUA_DB_SENTINEL,
    .id = barua_text (id),
    .rev = before != NULL ? before->rev : (BaruaText){ NULL, 0 },
    .body = { body->str, body->len },
    .is_server_made = before != NULL,
  };
  return barua_tx_put_document (tx, &edit, NULL, error);
}

static void
figure_kept (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Count *count = user_data;
  g_autoptr (GError) error = NULL;

  if (!barua_store_write_finish (count->app->store, result, &error))
    g_warning ("the number of documents of a user could not be kept: %s", error->message);
  count_free (count);
}

/* ---- on the way ---- */

/* The next step, unless the program ends. */
static gboolean
goes_on (const Count *count, GError **error)
{
  if (count->app->store != NULL)
    return TRUE;
  g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_BUSY, "the server stops");
  return FALSE;
}

/* Tells what was found. */
static void
tell (const Count *count, const GError *error)
{
  if (count->counted != NULL)
    count->counted (count->is_offline, count->total, error, count->data);
  else if (error != NULL)
    g_warning ("the documents of a user could not be counted: %s", error->message);
}

static void
give_up (Count *count, const GError *error)
{
  tell (count, error);
  count_free (count);
}

static void
documents_counted (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Count *count = user_data;
  g_autoptr (GError) error = NULL;

  if (!barua_store_read_finish (count->app->store, result, &error) || !goes_on (count, &error))
    {
      give_up (count, error);
      return;
    }
  tell (count, NULL);
  if (count->is_offline)
    barua_store_write_async (count->app->store, keep_figure, count, NULL, 256, NULL, figure_kept,
                             count);
  else
    count_free (count);
}

static void caught_up (GObject *source, GAsyncResult *result, gpointer user_data);

/* Brings the next view up to date, then counts. */
static void
catch_up (Count *count)
{
  const guint i = count->n_caught_up++;

  if (i < G_N_ELEMENTS (views))
    barua_store_catch_up_async (count->app->store, NULL, views[i].ddoc, views[i].view, NULL,
                                caught_up, count);
  else
    barua_store_read_async (count->app->store, count_documents, count, NULL, NULL,
                            documents_counted, count);
}

static void
caught_up (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Count *count = user_data;
  g_autoptr (GError) error = NULL;

  if (!barua_store_catch_up_finish (count->app->store, result, &error) || !goes_on (count, &error))
    give_up (count, error);
  else
    catch_up (count);
}

/* Online users hold everything: nothing is to be counted, and no view to be brought up to date. */
static void
looked_up (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Count *count = user_data;
  g_autoptr (GError) error = NULL;

  if (!barua_store_read_finish (count->app->store, result, &error) || !goes_on (count, &error)
      || !count->is_offline)
    give_up (count, error);
  else
    catch_up (count);
}

static Count *
count_new (BaruaApp *app, const char *name)
{
  Count *count = g_new0 (Count, 1);

  count->app = app;
  count->settings = barua_settings_ref (app->settings);
  count->name = g_strdup (name);
  count->facilities = g_ptr_array_new_with_free_func (g_free);
  count->now_ms = barua_now_ms ();
  return count;
}

static void
look_up_user (Count *count)
{
  barua_store_read_async (count->app->store, look_up, count, NULL, NULL, looked_up, count);
}

void
barua_user_count (BaruaApp *app, const char *name, const char *facility, char **roles,
                  BaruaUserCounted counted, gpointer data)
{
  Count *count = count_new (app, name);

  count->roles = g_strdupv (roles);
  count->counted = counted;
  count->data = data;
  if (facility != NULL)
    g_ptr_array_add (count->facilities, g_strdup (facility));
  if (name != NULL)
    look_up_user (count);
  else
    catch_up (count);
}

void
barua_user_count_note (BaruaApp *app, const char *name)
{
  if (app->store == NULL)
    return;
  if (app->counting == NULL)
    app->counting = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  if (!g_hash_table_add (app->counting, g_strdup (name)))
    return; /* is being counted already */
  Count *count = count_new (app, name);
  count->is_noted = TRUE;
  look_up_user (count);
}
