/* SPDX-License-Identifier: MIT */

/* `_all_docs` and `_design_docs` (documents.md 6.1, 8.8); `_local_docs` is in local.c. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/document-pages.h"
#include "gateway/api/document-read.h"
#include "gateway/api/handlers.h"

#include <string.h>

/* One listing.  What @listing says is what is left of it. */
typedef struct
{
  BaruaPages pages;
  BaruaReader *reader; /* of the page that is read */
  GError *error;       /* of a row */
  BaruaListing listing;
  BaruaShape shape;
  GArray *keys;     /* of BaruaText: the ids asked for */
  GArray *key_json; /* of BaruaJson: the same as they were written */
  guint next_key;
  GString *last_id; /* of the row sent last */
  gboolean has_update_seq;
  gboolean is_empty; /* the range is below or above all ids */
  gboolean has_head;
  gboolean is_first;
  gboolean is_full;
} List;

static void
list_free (gpointer data)
{
  List *list = data;

  g_clear_pointer (&list->keys, g_array_unref);
  g_clear_pointer (&list->key_json, g_array_unref);
  g_clear_error (&list->error);
  if (list->last_id != NULL)
    g_string_free (list->last_id, TRUE);
  barua_pages_clear (&list->pages);
  g_free (list);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (List, list_free)

/* ---- what is asked ---- */

/* Where a JSON value stands among ids: -1 below all, 0 is a text, 1 above all (documents.md 5). */
static int
place_among_ids (BaruaJson value)
{
  switch (barua_json_type (value))
    {
    case BARUA_JSON_STRING:
      return 0;
    case BARUA_JSON_ARRAY:
    case BARUA_JSON_OBJECT:
      return 1;
    default:
      return -1;
    }
}

/* One end of the range: @opens says it is where the listing begins. */
static void
set_end (List *list, BaruaJson value, gboolean opens, BaruaText *end)
{
  gboolean is_low = opens != list->listing.is_descending;
  int place = place_among_ids (value);

  if (value.text == NULL)
    return;
  if (place == 0)
    *end = barua_arena_json_text (list->pages.call.arena, value);
  else if ((place < 0) != is_low)
    list->is_empty = TRUE;
}

/* The ids of `keys` that are to be shown, in the order to be shown. */
static void
set_keys (List *list, BaruaJson keys)
{
  BaruaListing *listing = &list->listing;
  gint64 n = barua_json_size (keys);
  g_autofree BaruaJson *all = g_new (BaruaJson, n + 1);
  BaruaJsonIter iter;

  barua_json_iter_init (&iter, keys);
  for (gint64 i = 0; i < n; i++)
    barua_json_iter_next (&iter, NULL, &all[listing->is_descending ? n - 1 - i : i]);
  list->keys = g_array_new (FALSE, FALSE, sizeof (BaruaText));
  list->key_json = g_array_new (FALSE, FALSE, sizeof (BaruaJson));
  for (gint64 i = listing->skip;
       i < n && (listing->limit < 0 || i - listing->skip < listing->limit); i++)
    {
      BaruaText id = barua_arena_json_text (list->pages.call.arena, all[i]);
      if (id.p == NULL)
        id = BARUA_TEXT (""); /* no text: the name of no document */
      g_array_append_val (list->keys, id);
      g_array_append_val (list->key_json, all[i]);
    }
  listing->skip = 0;
  listing->limit = -1;
  listing->is_descending = FALSE;
  list->is_empty = list->keys->len == 0;
}

/* Reads the ends of the range. */
static gboolean
take_range (List *list, const BaruaOptions *options)
{
  BaruaListing *listing = &list->listing;
  BaruaJson key = BARUA_JSON_NONE, start = BARUA_JSON_NONE, end = BARUA_JSON_NONE;
  gboolean includes_end = TRUE;

  if (!barua_options_json (options, "key", NULL, &key)
      || !barua_options_json (options, "startkey", "start_key", &start)
      || !barua_options_json (options, "endkey", "end_key", &end)
      || !barua_options_boolean (options, "inclusive_end", &includes_end))
    return FALSE;
  listing->excludes_end = !includes_end && key.text == NULL;
  if (key.text != NULL)
    start = end = key;
  list->is_empty = key.text != NULL && place_among_ids (key) != 0;
  set_end (list, start, TRUE, &listing->start);
  set_end (list, end, FALSE, &listing->end);
  return TRUE;
}

/* Fills in what is asked; FALSE after an answer. */
static gboolean
take_listing (List *list)
{
  BaruaOptions options;
  BaruaListing *listing = &list->listing;
  BaruaJson keys = BARUA_JSON_NONE;

  listing->db = list->pages.call.db;
  listing->limit = -1;
  listing->includes_hidden = list->pages.call.is_admin || listing->db != NULL;
  if (!barua_options_init (&options, list->pages.call.request)
      || !barua_options_boolean (&options, "descending", &listing->is_descending)
      || !barua_options_boolean (&options, "include_docs", &listing->includes_docs)
      || !barua_options_boolean (&options, "update_seq", &list->has_update_seq)
      || !barua_options_boolean (&options, "conflicts", &list->shape.has_conflicts)
      || !barua_options_boolean (&options, "attachments", &list->shape.has_data)
      || !barua_options_integer (&options, "limit", &listing->limit)
      || !barua_options_integer (&options, "skip", &listing->skip) || !take_range (list, &options)
      || !barua_options_keys (&options, &keys))
    return FALSE;
  if (keys.text != NULL)
    {
      listing->start = listing->end = (BaruaText){ NULL, 0 };
      set_keys (list, keys);
    }
  return TRUE;
}

/* ---- rows ---- */

/* `"doc"` of a row. */
static gboolean
append_doc (GString *out, List *list, const BaruaListingRow *row)
{
  const BaruaDocument document = {
    .id = row->id,
    .rev = row->rev,
    .body = row->body,
    .attachments = row->attachments,
    .n_attachments = row->n_attachments,
    .n_leaves = row->n_leaves,
  };

  g_string_append (out, ",\"doc\":");
  if (!row->is_deleted)
    return barua_document_append_shaped (out, list->reader, list->listing.db, &document, NULL,
                                         &list->shape, &list->error);
  g_string_append (out, "null");
  return TRUE;
}

/* `"value":{"rev":…}` and, when asked for, `"doc"`. */
static gboolean
append_found (GString *out, List *list, const BaruaListingRow *row)
{
  g_string_append (out, ",\"value\":{\"rev\":");
  barua_json_append_string (out, row->rev);
  g_string_append (out, row->is_deleted ? ",\"deleted\":true}" : "}");
  return !list->listing.includes_docs || append_doc (out, list, row);
}

/* BaruaListingFunc: goes on until the page is full. */
static gboolean
append_row (const BaruaListingRow *row, gpointer data)
{
  List *list = data;
  GString *out = list->pages.out;

  if (list->keys == NULL && list->last_id != NULL
      && barua_text_equal (row->id, (BaruaText){ list->last_id->str, list->last_id->len }))
    return TRUE; /* the page before ended with it */
  g_string_append (out, list->is_first ? "\n{" : ",\n{");
  list->is_first = FALSE;
  if (row->is_found)
    {
      barua_json_append_key (out, "id");
      barua_json_append_string (out, row->id);
    }
  barua_json_append_key (out, "key");
  if (list->keys != NULL)
    barua_json_append_minified (out, g_array_index (list->key_json, BaruaJson, list->next_key++));
  else
    barua_json_append_string (out, row->id);
  if (!row->is_found)
    g_string_append (out, ",\"error\":\"not_found\"");
  else if (!append_found (out, list, row))
    return FALSE;
  g_string_append_c (out, '}');
  if (list->listing.limit > 0)
    list->listing.limit--;
  list->is_full = barua_pages_is_full (&list->pages) && list->listing.limit != 0;
  if (list->is_full && list->keys == NULL)
    {
      if (list->last_id == NULL)
        list->last_id = g_string_new (NULL);
      g_string_truncate (list->last_id, 0);
      g_string_append_len (list->last_id, row->id.p, (gssize)row->id.n);
    }
  return !list->is_full;
}

/* What stands before the rows. */
static void
prepend_head (List *list, const BaruaListingTotals *totals)
{
  g_autoptr (GString) head = g_string_new ("{\"total_rows\":");

  barua_json_append_integer (head, totals->total_rows);
  g_string_append (head, ",\"offset\":");
  barua_json_append_integer (head, list->is_empty ? 0 : totals->offset);
  if (list->has_update_seq)
    {
      g_string_append (head, ",\"update_seq\":");
      barua_json_append_integer (head, totals->update_seq);
    }
  g_string_append (head, ",\"rows\":[");
  g_string_prepend_len (list->pages.out, head->str, (gssize)head->len);
  list->has_head = TRUE;
}

/* What the store is asked for this page: all that is left. */
static BaruaListing
left_of (const List *list)
{
  BaruaListing listing = list->listing;

  if (list->is_empty)
    listing.limit = 0;
  if (list->keys != NULL)
    {
      listing.keys = &g_array_index (list->keys, BaruaText, list->next_key);
      listing.n_keys = list->keys->len - list->next_key;
    }
  if (list->last_id != NULL) /* the range begins with what was sent last, which is left out */
    {
      listing.start = (BaruaText){ list->last_id->str, list->last_id->len };
      listing.skip = 0;
      if (listing.limit >= 0)
        listing.limit++;
    }
  return listing;
}

/* BaruaPages.page */
static gboolean
list_page (BaruaReader *reader, gpointer data, GError **error)
{
  List *list = data;
  BaruaListingTotals totals = { 0 };
  const BaruaListing listing = left_of (list);

  list->reader = reader;
  list->is_full = FALSE;
  if (!list->has_head)
    list->is_first = TRUE;
  if (!barua_reader_all_docs (reader, &listing, &totals, append_row, list, error))
    return FALSE;
  if (list->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&list->error));
      return FALSE;
    }
  if (!list->has_head)
    prepend_head (list, &totals);
  list->pages.is_last = !list->is_full;
  if (list->pages.is_last)
    g_string_append (list->pages.out, "\n]}");
  return TRUE;
}

/* Narrows a range to the design documents. */
static void
narrow_to_design (List *list)
{
  BaruaListing *listing = &list->listing;
  BaruaText *first = listing->is_descending ? &listing->end : &listing->start;
  BaruaText *last = listing->is_descending ? &listing->start : &listing->end;
  const BaruaText low = BARUA_TEXT ("_design/"), high = BARUA_TEXT ("_design0");

  if (list->keys != NULL)
    return;
  if (first->p == NULL || barua_text_compare (*first, low) < 0)
    *first = low;
  if (last->p == NULL || barua_text_compare (*last, high) > 0)
    *last = high;
}

/* Opens a listing; NULL after an answer. */
static List *
list_new (BaruaRequest *request, BaruaApp *app)
{
  BaruaCall call;

  if (!barua_call_open (&call, request, app, BARUA_ACCESS_READ))
    return NULL;
  g_autoptr (List) list = g_new0 (List, 1);
  list->pages.call = call;
  list->pages.page = list_page;
  list->pages.free = list_free;
  return take_listing (list) ? g_steal_pointer (&list) : NULL;
}

void
barua_api_all_docs (BaruaRequest *request, gpointer app)
{
  List *list = list_new (request, app);

  if (list != NULL)
    barua_pages_run (&list->pages);
}

void
barua_api_design_docs (BaruaRequest *request, gpointer app)
{
  List *list = list_new (request, app);

  if (list == NULL)
    return;
  narrow_to_design (list);
  barua_pages_run (&list->pages);
}
