/* SPDX-License-Identifier: MIT */

/* Views of the registry (documents.md 6.8, 8.8, 10). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/document-pages.h"
#include "gateway/api/document-read.h"
#include "gateway/api/handlers.h"
#include "gateway/rules/views.h"
#include "gateway/store/store-views.h"

#include <string.h>

#define MAX_ANSWER_BYTES (64u * 1024u * 1024u) /* of a reduced answer, which is one page */

/* One query.  What @query says is what is left of it. */
typedef struct
{
  BaruaPages pages;
  const BaruaView *view;
  BaruaViewQuery query;
  BaruaShape shape;
  BaruaReader *reader; /* of the page that is read */
  GError *error;       /* of a row */
  GArray *keys;        /* of BaruaJson, in the order to be shown */
  guint next_key;
  gint64 to_skip;  /* with keys: rows still to be left out */
  gint64 repeated; /* rows at the beginning of the page that were sent with the one before */
  gint64 seen;     /* rows of this page */
  GString *last_key;
  GString *last_id;
  gint64 n_last; /* rows sent of the last key and id */
  gboolean skips_catch_up;
  gboolean is_reduced;
  int group_level;
  gboolean has_update_seq;
  gboolean is_first;
  gboolean is_full;
} View;

static void
view_free (gpointer data)
{
  View *view = data;

  g_clear_pointer (&view->keys, g_array_unref);
  g_clear_error (&view->error);
  g_string_free (view->last_key, TRUE);
  g_string_free (view->last_id, TRUE);
  barua_pages_clear (&view->pages);
  g_free (view);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (View, view_free)

/* ---- what is asked ---- */

/* The keys to be shown, turned round for `descending`. */
static void
set_keys (View *view, BaruaJson keys)
{
  BaruaJsonIter iter;
  BaruaJson key;

  view->keys = g_array_new (FALSE, FALSE, sizeof (BaruaJson));
  barua_json_iter_init (&iter, keys);
  while (barua_json_iter_next (&iter, NULL, &key))
    g_array_append_val (view->keys, key);
  for (guint i = 0; view->query.is_descending && i < view->keys->len / 2; i++)
    {
      guint j = view->keys->len - 1 - i;
      BaruaJson swapped = g_array_index (view->keys, BaruaJson, i);
      g_array_index (view->keys, BaruaJson, i) = g_array_index (view->keys, BaruaJson, j);
      g_array_index (view->keys, BaruaJson, j) = swapped;
    }
  view->to_skip = view->query.skip;
}

/* The text of an option that is no JSON. */
static BaruaText
text_option (View *view, const BaruaOptions *options, const char *name)
{
  const char *value = barua_request_parameter (options->request, name, NULL);

  return value != NULL ? barua_text (value)
                       : barua_arena_json_text (view->pages.call.arena,
                                                barua_json_member (options->body, name));
}

/* Reads the ends of the range. */
static gboolean
take_range (View *view, const BaruaOptions *options)
{
  BaruaViewQuery *query = &view->query;
  BaruaJson key = BARUA_JSON_NONE;
  gboolean includes_end = TRUE;

  if (!barua_options_json (options, "key", NULL, &key)
      || !barua_options_json (options, "startkey", "start_key", &query->start)
      || !barua_options_json (options, "endkey", "end_key", &query->end)
      || !barua_options_boolean (options, "inclusive_end", &includes_end))
    return FALSE;
  query->excludes_end = !includes_end && key.text == NULL;
  query->start_id = text_option (view, options, "startkey_docid");
  query->end_id = text_option (view, options, "endkey_docid");
  if (query->start_id.p == NULL)
    query->start_id = text_option (view, options, "start_key_doc_id");
  if (query->end_id.p == NULL)
    query->end_id = text_option (view, options, "end_key_doc_id");
  if (key.text != NULL)
    query->start = query->end = key;
  return TRUE;
}

/* `reduce`, `group`, `group_level`.  Without a word about it a view with a reducer is reduced. */
static gboolean
take_reduce (View *view, const BaruaOptions *options)
{
  gboolean groups = FALSE;
  gint64 level = -1;

  view->is_reduced = view->view->reducer != BARUA_REDUCE_NONE;
  gboolean asked = view->is_reduced;
  if (!barua_options_boolean (options, "reduce", &asked)
      || !barua_options_boolean (options, "group", &groups)
      || !barua_options_integer (options, "group_level", &level))
    return FALSE;
  if (asked && !view->is_reduced)
    {
      barua_request_fail (options->request, BARUA_HTTP_ERROR_QUERY_PARSE,
                          "Reduce is invalid for map-only views.", NULL);
      return FALSE;
    }
  view->is_reduced = asked;
  view->group_level = groups      ? BARUA_GROUP_EXACT
                      : level > 0 ? (int)MIN (level, BARUA_GROUP_EXACT)
                                  : 0;
  return TRUE;
}

/* Whether the client takes rows as they are (`update=false`, `stale=ok`). */
static gboolean
takes_stale (BaruaRequest *request)
{
  const char *update = barua_request_parameter (request, "update", NULL);
  const char *stale = barua_request_parameter (request, "stale", NULL);

  return (update != NULL && (strcmp (update, "false") == 0 || strcmp (update, "lazy") == 0))
         || (stale != NULL && (strcmp (stale, "ok") == 0 || strcmp (stale, "update_after") == 0));
}

/* Reads the options; FALSE after an answer. */
static gboolean
take_options (View *view)
{
  BaruaRequest *request = view->pages.call.request;
  BaruaViewQuery *query = &view->query;
  BaruaOptions options;
  BaruaJson keys = BARUA_JSON_NONE;

  query->limit = -1;
  query->includes_hidden = view->pages.call.is_admin;
  view->skips_catch_up = takes_stale (request);
  if (!barua_options_init (&options, request)
      || !barua_options_boolean (&options, "descending", &query->is_descending)
      || !barua_options_boolean (&options, "include_docs", &query->includes_docs)
      || !barua_options_boolean (&options, "conflicts", &view->shape.has_conflicts)
      || !barua_options_boolean (&options, "attachments", &view->shape.has_data)
      || !barua_options_boolean (&options, "update_seq", &view->has_update_seq)
      || !barua_options_integer (&options, "limit", &query->limit)
      || !barua_options_integer (&options, "skip", &query->skip) || !take_range (view, &options)
      || !barua_options_keys (&options, &keys) || !take_reduce (view, &options))
    return FALSE;
  if (keys.text != NULL)
    set_keys (view, keys);
  return TRUE;
}

/* ---- rows ---- */

/* `"doc"` of a row; null when it is gone. */
static gboolean
append_doc (View *view, const BaruaViewRow *row)
{
  GString *out = view->pages.out;
  const BaruaDocument document = {
    .id = row->id,
    .rev = row->rev,
    .body = row->body,
    .attachments = row->attachments,
    .n_attachments = row->n_attachments,
    .n_leaves = row->n_leaves,
  };

  g_string_append (out, ",\"doc\":");
  if (row->body.p == NULL)
    {
      g_string_append (out, "null");
      return TRUE;
    }
  return barua_document_append_shaped (out, view->reader, view->query.db, &document, NULL,
                                       &view->shape, &view->error);
}

/* Remembers where the page ends. */
static void
note_last (View *view, const BaruaViewRow *row)
{
  gboolean is_same
      = barua_text_equal (row->id, (BaruaText){ view->last_id->str, view->last_id->len })
        && barua_text_equal (row->key, (BaruaText){ view->last_key->str, view->last_key->len });

  view->n_last = is_same ? view->n_last + 1 : 1;
  if (is_same)
    return;
  g_string_truncate (view->last_id, 0);
  g_string_append_len (view->last_id, row->id.p, (gssize)row->id.n);
  g_string_truncate (view->last_key, 0);
  g_string_append_len (view->last_key, row->key.p, (gssize)row->key.n);
}

/* BaruaViewFunc: goes on until the page is full. */
static gboolean
append_row (const BaruaViewRow *row, gpointer data)
{
  View *view = data;
  GString *out = view->pages.out;

  if (view->seen++ < view->repeated)
    return TRUE;
  if (view->to_skip > 0)
    {
      view->to_skip--;
      return TRUE;
    }
  note_last (view, row);
  g_string_append (out, view->is_first ? "\n{\"id\":" : ",\n{\"id\":");
  view->is_first = FALSE;
  barua_json_append_string (out, row->id);
  g_string_append (out, ",\"key\":");
  g_string_append_len (out, row->key.p, (gssize)row->key.n);
  g_string_append (out, ",\"value\":");
  g_string_append_len (out, row->value.p, (gssize)row->value.n);
  if (view->query.includes_docs && !append_doc (view, row))
    return FALSE;
  g_string_append_c (out, '}');
  if (view->query.limit > 0)
    view->query.limit--;
  view->is_full = barua_pages_is_full (&view->pages) && view->query.limit != 0;
  return !view->is_full && view->query.limit != 0;
}

/* BaruaViewFunc: one group. */
static gboolean
append_group (const BaruaViewRow *row, gpointer data)
{
  View *view = data;
  GString *out = view->pages.out;

  g_string_append (out, view->is_first ? "\n{\"key\":" : ",\n{\"key\":");
  view->is_first = FALSE;
  g_string_append_len (out, row->key.p, (gssize)row->key.n);
  g_string_append (out, ",\"value\":");
  g_string_append_len (out, row->value.p, (gssize)row->value.n);
  g_string_append_c (out, '}');
  if (out->len > MAX_ANSWER_BYTES)
    barua_answer_too_large (&view->error);
  return view->error == NULL;
}

/* What stands before the rows. */
static void
prepend_head (View *view, const BaruaListingTotals *totals)
{
  g_autoptr (GString) head = g_string_new ("{");

  if (!view->is_reduced)
    g_string_append_printf (head,
                            "\"total_rows\":%" G_GINT64_FORMAT ",\"offset\":%" G_GINT64_FORMAT ",",
                            totals->total_rows, view->keys != NULL ? 0 : totals->offset);
  if (view->has_update_seq)
    g_string_append_printf (head, "\"update_seq\":%" G_GINT64_FORMAT ",", totals->update_seq);
  g_string_append (head, "\"rows\":[");
  g_string_prepend_len (view->pages.out, head->str, (gssize)head->len);
}

/* What the store is asked for this page of a range: all that is left. */
static BaruaViewQuery
left_of (View *view)
{
  BaruaViewQuery query = view->query;

  view->repeated = view->seen = 0;
  if (view->n_last == 0 || view->keys != NULL)
    return query;
  /* the range begins with the row sent last; those of its key and id are left out again */
  query.start = (BaruaJson){ view->last_key->str, view->last_key->len };
  query.start_id = (BaruaText){ view->last_id->str, view->last_id->len };
  query.skip = 0;
  view->repeated = view->n_last;
  if (query.limit >= 0)
    query.limit += view->n_last;
  return query;
}

/* The rows of one key after the other. */
static gboolean
list_keys (View *view, BaruaReader *reader, BaruaListingTotals *totals, GError **error)
{
  BaruaViewQuery query = view->query;

  query.n_keys = 1;
  query.skip = 0;
  query.limit = view->query.limit == 0 || view->keys->len == 0 ? 0 : -1;
  query.keys = view->keys->len == 0 ? &BARUA_JSON_NONE : NULL;
  if (query.limit == 0)
    return barua_reader_view (reader, &query, totals, append_row, view, error);
  while (view->next_key < view->keys->len && view->query.limit != 0 && !view->is_full)
    {
      query.keys = &g_array_index (view->keys, BaruaJson, view->next_key);
      view->seen = 0;
      if (!barua_reader_view (reader, &query, totals, append_row, view, error))
        return FALSE;
      view->repeated = view->is_full ? view->seen : 0;
      view->next_key += !view->is_full;
      if (view->error != NULL)
        return TRUE;
    }
  return TRUE;
}

/* BaruaPages.page */
static gboolean
view_page (BaruaReader *reader, gpointer data, GError **error)
{
  View *view = data;
  BaruaListingTotals totals = { 0 };
  gboolean is_begun = view->n_last > 0;
  gboolean is_read;

  view->reader = reader;
  view->is_full = FALSE;
  view->is_first = !is_begun;
  if (view->is_reduced)
    {
      BaruaViewQuery query = view->query;
      if (view->keys != NULL)
        {
          query.keys = (const BaruaJson *)(void *)view->keys->data;
          query.n_keys = view->keys->len;
        }
      is_read
          = barua_reader_reduce_view (reader, &query, view->group_level, append_group, view, error);
    }
  else if (view->keys != NULL)
    is_read = list_keys (view, reader, &totals, error);
  else
    {
      const BaruaViewQuery query = left_of (view);
      is_read = barua_reader_view (reader, &query, &totals, append_row, view, error);
    }
  if (is_read && view->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&view->error));
      return FALSE;
    }
  if (!is_read)
    return FALSE;
  if (!is_begun)
    prepend_head (view, &totals);
  view->pages.is_last = !view->is_full;
  if (view->pages.is_last)
    g_string_append (view->pages.out, "\n]}");
  return TRUE;
}

/* Finds the view; FALSE after an answer.  Which there are does not hang on stored design documents
 * (documents.md 8.10). */
static gboolean
find_view (View *view)
{
  BaruaCall *call = &view->pages.call;
  gboolean is_of_users = call->db != NULL && strcmp (call->db, BARUA_DB_USERS) == 0;
  const char *ddoc = barua_request_param (call->request, "ddoc");
  const char *name = barua_request_param (call->request, "view");
  gboolean is_served = (call->db == NULL || is_of_users) && strcmp (ddoc, "barua") != 0;
  int number = is_served ? barua_view_find (is_of_users, ddoc, name) : -1;

  if (number < 0)
    {
      gboolean is_known = is_served && barua_view_has_ddoc (is_of_users, ddoc);
      barua_request_fail (call->request, BARUA_HTTP_ERROR_NOT_FOUND,
                          is_known ? "missing_named_view" : "missing", NULL);
      return FALSE;
    }
  view->view = barua_view ((guint)number);
  view->query.db = call->db;
  view->query.ddoc = view->view->ddoc;
  view->query.view = view->view->name;
  return TRUE;
}

static void
caught_up (GObject *source, GAsyncResult *result, gpointer user_data)
{
  View *view = user_data;
  g_autoptr (GError) error = NULL;

  if (barua_store_catch_up_finish (view->pages.call.app->store, result, &error))
    {
      barua_pages_run (&view->pages);
      return;
    }
  barua_call_fail (&view->pages.call, error);
  view_free (view);
}

void
barua_api_view (BaruaRequest *request, gpointer app)
{
  BaruaCall call;

  if (!barua_call_open (&call, request, app, BARUA_ACCESS_READ))
    return;
  g_autoptr (View) view = g_new0 (View, 1);
  view->pages.call = call;
  view->pages.page = view_page;
  view->pages.free = view_free;
  view->last_key = g_string_new (NULL);
  view->last_id = g_string_new (NULL);
  if (!find_view (view) || !take_options (view))
    return;
  View *data = g_steal_pointer (&view);
  if (data->skips_catch_up)
    barua_pages_run (&data->pages);
  else
    barua_store_catch_up_async (call.app->store, data->query.db, data->query.ddoc, data->query.view,
                                NULL, caught_up, data);
}
