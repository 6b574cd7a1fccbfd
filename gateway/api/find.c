/* SPDX-License-Identifier: MIT */

/* `_find` and `_explain` (documents.md 8.9).  Indexes are kept for those who put them; a query
 * reads all documents, and names the index that it could use elsewhere. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/document-common.h"
#include "gateway/api/handlers.h"
#include "gateway/rules/selector.h"
#include "gateway/store/store-databases.h"

#include <string.h>

#define LIMIT_DEFAULT 25
#define BUDGET_US (5 * G_USEC_PER_SEC)
#define MAX_ANSWER_BYTES (64u * 1024u * 1024u)
#define WARNING "No matching index found, create an index to optimize query time."

/* One member to sort by. */
typedef struct
{
  BaruaText path;
  gboolean is_descending;
} SortField;

/* One query. */
typedef struct
{
  BaruaCall call;
  BaruaJson json; /* of the selector */
  BaruaSelector *selector;
  GArray *fields; /* (nullable) of BaruaText */
  GArray *sort;   /* of SortField */
  gint64 limit;
  gint64 skip;
  gint64 begun_us;
  gboolean is_late;
  gboolean is_huge;
  gint64 to_skip;
  GPtrArray *found; /* of GString: complete documents */
  gsize bytes;
  GString *index; /* what `_explain` says of the index that fits; empty: none */
  guint n_columns;
  GString *out;
} Find;

/* GDestroyNotify */
static void
string_free (gpointer string)
{
  g_string_free (string, TRUE);
}

static void
find_free (gpointer data)
{
  Find *find = data;

  g_clear_pointer (&find->selector, barua_selector_free);
  g_clear_pointer (&find->fields, g_array_unref);
  g_array_unref (find->sort);
  g_ptr_array_unref (find->found);
  if (find->out != NULL)
    g_string_free (find->out, TRUE);
  g_string_free (find->index, TRUE);
  barua_call_close (&find->call);
  g_free (find);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Find, find_free)

static gboolean
refuse (BaruaRequest *request, const char *reason)
{
  barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, reason, NULL);
  return FALSE;
}

/* ---- what is asked ---- */

static gboolean
take_selector (Find *find, BaruaJson body)
{
  g_autofree char *fault = NULL;

  find->json = barua_json_member (body, "selector");
  if (find->json.text == NULL)
    return refuse (find->call.request, "Missing required key: selector");
  if (barua_json_type (find->json) != BARUA_JSON_OBJECT)
    return refuse (find->call.request, "Selector must be a JSON object");
  find->selector = barua_selector_new (find->json, &fault);
  if (find->selector != NULL)
    return TRUE;
  barua_request_fail (find->call.request, BARUA_HTTP_ERROR_INVALID_OPERATOR, fault, NULL);
  return FALSE;
}

static gboolean
take_fields (Find *find, BaruaJson list)
{
  BaruaJsonIter iter;
  BaruaJson value;

  if (barua_json_is_nothing (list) || barua_json_string_is (list, BARUA_TEXT ("all_fields")))
    return TRUE;
  if (barua_json_type (list) != BARUA_JSON_ARRAY)
    return refuse (find->call.request, "Fields must be an array of strings");
  if (barua_json_size (list) == 0)
    return TRUE;
  find->fields = g_array_new (FALSE, FALSE, sizeof (BaruaText));
  barua_json_iter_init (&iter, list);
  while (barua_json_iter_next (&iter, NULL, &value))
    {
      BaruaText path = barua_arena_json_text (find->call.arena, value);
      if (path.p == NULL)
        return refuse (find->call.request, "Fields must be an array of strings");
      g_array_append_val (find->fields, path);
    }
  return TRUE;
}

/* A name, or an object of a name and `asc` or `desc`; FALSE when it is neither. */
static gboolean
read_sort_field (BaruaArena *arena, BaruaJson value, SortField *field)
{
  BaruaJsonIter iter;
  BaruaJson key, direction;

  *field = (SortField){ barua_arena_json_text (arena, value), FALSE };
  if (field->path.p != NULL)
    return TRUE;
  if (barua_json_type (value) != BARUA_JSON_OBJECT || barua_json_size (value) != 1)
    return FALSE;
  barua_json_iter_init (&iter, value);
  barua_json_iter_next (&iter, &key, &direction);
  field->path = barua_arena_json_text (arena, key);
  field->is_descending = barua_json_string_is (direction, BARUA_TEXT ("desc"));
  return field->is_descending || barua_json_string_is (direction, BARUA_TEXT ("asc"));
}

static gboolean
take_sort (Find *find, BaruaJson list)
{
  BaruaJsonIter iter;
  BaruaJson value;
  SortField field;

  if (barua_json_is_nothing (list))
    return TRUE;
  if (barua_json_type (list) != BARUA_JSON_ARRAY)
    return refuse (find->call.request, "Sort must be an array");
  barua_json_iter_init (&iter, list);
  while (barua_json_iter_next (&iter, NULL, &value))
    {
      if (!read_sort_field (find->call.arena, value, &field))
        return refuse (find->call.request, "Invalid sort field");
      g_array_append_val (find->sort, field);
    }
  return TRUE;
}

static gboolean
take_number (Find *find, BaruaJson value, gint64 *number)
{
  if (barua_json_is_nothing (value) || (barua_json_integer (value, number) && *number >= 0))
    return TRUE;
  return refuse (find->call.request, "limit and skip must be non-negative integers");
}

/* Reads a query; NULL after an answer. */
static Find *
find_new (BaruaRequest *request, BaruaApp *app)
{
  BaruaCall call;
  BaruaJson body = barua_request_json (request);

  if (!barua_call_open (&call, request, app, BARUA_ACCESS_READ))
    return NULL;
  g_autoptr (Find) find = g_new0 (Find, 1);
  find->call = call;
  find->sort = g_array_new (FALSE, FALSE, sizeof (SortField));
  find->found = g_ptr_array_new_with_free_func (string_free);
  find->index = g_string_new (NULL);
  find->limit = LIMIT_DEFAULT;
  if (body.text == NULL)
    refuse (request, "invalid UTF-8 JSON");
  else if (barua_json_type (body) != BARUA_JSON_OBJECT)
    refuse (request, "Request body must be a JSON object");
  else if (take_selector (find, body) && take_fields (find, barua_json_member (body, "fields"))
           && take_sort (find, barua_json_member (body, "sort"))
           && take_number (find, barua_json_member (body, "limit"), &find->limit)
           && take_number (find, barua_json_member (body, "skip"), &find->skip))
    return g_steal_pointer (&find);
  return NULL;
}

/* ---- the scan ---- */

/* BaruaIndexFunc: keeps the index of most columns of those that fit: the selector needs every one
 * of its columns. */
static void
judge_index (const BaruaIndex *index, gpointer data)
{
  Find *find = data;
  const BaruaJson def = { index->def.p, index->def.n };
  const BaruaJson columns = barua_json_member (def, "fields");
  BaruaJsonIter iter;
  BaruaJson column, name, direction;

  if (barua_json_size (columns) <= find->n_columns
      || barua_json_size (barua_json_member (def, "partial_filter_selector")) > 0)
    return;
  barua_json_iter_init (&iter, columns);
  while (barua_json_iter_next (&iter, NULL, &column))
    {
      BaruaJsonIter member;
      barua_json_iter_init (&member, column);
      if (!barua_json_iter_next (&member, &name, &direction)
          || !barua_selector_requires (find->selector,
                                       barua_arena_json_text (find->call.arena, name)))
        return;
    }
  find->n_columns = barua_json_size (columns);
  g_string_assign (find->index, "{\"ddoc\":");
  barua_json_append_string (find->index, index->ddoc);
  g_string_append (find->index, ",\"name\":");
  barua_json_append_string (find->index, index->name);
  g_string_append (find->index, ",\"type\":\"json\",\"def\":");
  g_string_append_len (find->index, index->def.p, (gssize)index->def.n);
  g_string_append_c (find->index, '}');
}

/* Looks for the index that fits. */
static gboolean
find_index (Find *find, BaruaReader *reader, GError **error)
{
  g_string_truncate (find->index, 0);
  find->n_columns = 0;
  return barua_reader_list_indexes (reader, find->call.db, judge_index, find, error);
}

/* BaruaListingFunc: keeps what matches, until there is enough of it or the time is over. */
static gboolean
judge_row (const BaruaListingRow *row, gpointer data)
{
  Find *find = data;
  gboolean is_sorted = find->sort->len > 0;

  find->is_late = g_get_monotonic_time () - find->begun_us > BUDGET_US;
  if (find->is_late)
    return FALSE;
  if (barua_text_has_prefix (row->id, "_design/"))
    return TRUE;
  g_autoptr (GString) document = g_string_sized_new (row->body.n + 128);
  barua_document_append (document, row->id, row->rev, row->body, FALSE);
  if (!barua_selector_matches (find->selector, (BaruaJson){ document->str, document->len }))
    return TRUE;
  if (!is_sorted && find->to_skip > 0)
    {
      find->to_skip--;
      return TRUE;
    }
  find->bytes += document->len;
  find->is_huge = find->bytes > MAX_ANSWER_BYTES;
  g_ptr_array_add (find->found, g_steal_pointer (&document));
  return !find->is_huge && (is_sorted || (gint64)find->found->len < find->limit);
}

/* GCompareDataFunc; once the time is over nothing is sorted any more. */
static int
compare_found (gconstpointer a, gconstpointer b, gpointer data)
{
  const GString *left = *(GString *const *)a, *right = *(GString *const *)b;
  Find *find = data;

  find->is_late = find->is_late || g_get_monotonic_time () - find->begun_us > BUDGET_US;
  for (guint i = 0; i < find->sort->len && !find->is_late; i++)
    {
      const SortField *field = &g_array_index (find->sort, SortField, i);
      int order = barua_json_compare (
          barua_json_at_path ((BaruaJson){ left->str, left->len }, field->path),
          barua_json_at_path ((BaruaJson){ right->str, right->len }, field->path));
      if (order != 0)
        return field->is_descending ? -order : order;
    }
  return 0;
}

/* GCompareFunc */
static int
compare_paths (gconstpointer a, gconstpointer b)
{
  return barua_text_compare (*(const BaruaText *)a, *(const BaruaText *)b);
}

/* The first of @fields, which are sorted, that does not come before @path. */
static BaruaText
first_from (const GArray *fields, const GString *path)
{
  const BaruaText wanted = { path->str, path->len };
  guint low = 0, high = fields->len;

  while (low < high)
    {
      const guint middle = low + (high - low) / 2;
      if (compare_paths (&g_array_index (fields, BaruaText, middle), &wanted) < 0)
        low = middle + 1;
      else
        high = middle;
    }
  return low < fields->len ? g_array_index (fields, BaruaText, low) : (BaruaText){ NULL, 0 };
}

/* What becomes of the member at @path: all of it is asked for, something in it, or nothing. */
typedef enum
{
  KEEP_NOTHING,
  KEEP_INSIDE,
  KEEP_ALL,
} Keep;

static Keep
judge_member (const GArray *fields, GString *path, BaruaJson value)
{
  const BaruaJsonType type = barua_json_type (value);
  BaruaText field = first_from (fields, path);

  if (field.p != NULL && barua_text_equal (field, (BaruaText){ path->str, path->len }))
    return KEEP_ALL;
  if (type != BARUA_JSON_OBJECT && type != BARUA_JSON_ARRAY)
    return KEEP_NOTHING;
  g_string_append_c (path, '.');
  field = first_from (fields, path);
  return field.p != NULL && barua_text_has_prefix (field, path->str) ? KEEP_INSIDE : KEEP_NOTHING;
}

/* Appends a name to a path as paths have it: its dots are none that separate. */
static void
append_segment (GString *path, const char *name)
{
  for (; *name != '\0'; name++)
    {
      if (*name == '.' || *name == '\\')
        g_string_append_c (path, '\\');
      g_string_append_c (path, *name);
    }
}

/* An object that is being written, or an array of which some elements become members of one. */
typedef struct
{
  BaruaJsonIter iter;
  guint n;     /* values seen */
  gsize path;  /* length of its own, with the dot */
  gsize start; /* of what is taken back when nothing in it is kept */
} Level;

/* The next value of a level, and its name there: an element is called by its number. */
static gboolean
next_value (Level *level, char **name, BaruaJson *value)
{
  BaruaJson key;

  if (!barua_json_iter_next (&level->iter, &key, value))
    return FALSE;
  *name = key.text != NULL ? barua_json_string (key, NULL) : g_strdup_printf ("%u", level->n);
  level->n++;
  return TRUE;
}

/* Ends the object of a level, or takes it back when it is empty and not the document. */
static void
end_level (GString *out, const Level *level, gboolean is_document)
{
  if (out->str[out->len - 1] == '{' && !is_document)
    g_string_truncate (out, level->start);
  else
    g_string_append_c (out, '}');
}

/* Appends the fields that were asked for, in the order of the document. @fields: sorted */
static void
append_fields (GString *out, const GArray *fields, BaruaJson document)
{
  Level levels[BARUA_JSON_MAX_DEPTH + 1] = { 0 };
  g_autoptr (GString) path = g_string_new (NULL);
  BaruaJson value;
  char *name;
  int depth = 0;

  barua_json_iter_init (&levels[0].iter, document);
  g_string_append_c (out, '{');
  while (depth >= 0)
    {
      if (!next_value (&levels[depth], &name, &value))
        {
          end_level (out, &levels[depth], depth == 0);
          depth--;
          continue;
        }
      g_autofree char *owned = name;
      const gsize start = out->len;
      g_string_truncate (path, levels[depth].path);
      append_segment (path, name);
      const Keep keep = judge_member (fields, path, value);
      if (keep == KEEP_NOTHING || (keep == KEEP_INSIDE && depth == BARUA_JSON_MAX_DEPTH))
        continue;
      if (out->str[out->len - 1] != '{')
        g_string_append_c (out, ',');
      barua_json_append_string (out, barua_text (name));
      g_string_append_c (out, ':');
      if (keep == KEEP_ALL)
        {
          g_string_append_len (out, value.text, (gssize)value.length);
          continue;
        }
      g_string_append_c (out, '{');
      levels[++depth] = (Level){ .path = path->len, .start = start };
      barua_json_iter_init (&levels[depth].iter, value);
    }
}

/* The answer. */
static void
append_found (Find *find)
{
  gint64 first = find->sort->len > 0 ? find->skip : 0;

  if (find->fields != NULL)
    g_array_sort (find->fields, compare_paths);
  g_string_append (find->out, "{\"docs\":[");
  for (gint64 i = first; i < find->found->len && i - first < find->limit; i++)
    {
      const GString *document = find->found->pdata[i];
      g_string_append (find->out, i > first ? ",\n" : "\n");
      if (find->fields != NULL)
        append_fields (find->out, find->fields, (BaruaJson){ document->str, document->len });
      else
        g_string_append_len (find->out, document->str, (gssize)document->len);
    }
  g_string_append (find->out, find->index->len > 0
                                  ? "\n],\"bookmark\":\"nil\"}"
                                  : "\n],\"bookmark\":\"nil\",\"warning\":\"" WARNING "\"}");
}

/* Query */
static gboolean
scan (BaruaReader *reader, gpointer data, GError **error)
{
  Find *find = data;
  BaruaListingTotals totals;
  const BaruaListing listing = {
    .db = find->call.db,
    .limit = find->limit > 0 ? -1 : 0,
    .includes_docs = TRUE,
    .includes_hidden = find->call.is_admin || find->call.db != NULL,
  };

  g_ptr_array_set_size (find->found, 0);
  find->out = g_string_new (NULL);
  find->begun_us = g_get_monotonic_time ();
  find->to_skip = find->skip;
  if (!barua_call_check_database (&find->call, reader, error) || !find_index (find, reader, error)
      || !barua_reader_all_docs (reader, &listing, &totals, judge_row, find, error))
    return FALSE;
  if (find->sort->len > 0 && !find->is_late && !find->is_huge)
    g_ptr_array_sort_with_data (find->found, compare_found, find);
  if (find->is_late || find->is_huge)
    {
      g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_BUSY, "too much to find");
      return FALSE;
    }
  append_found (find);
  return TRUE;
}

static void
scanned (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Find) find = user_data;
  g_autoptr (GError) error = NULL;

  if (barua_store_read_finish (find->call.app->store, result, &error))
    barua_call_reply (&find->call, &find->out);
  else
    barua_call_fail (&find->call, error);
}

void
barua_api_find (BaruaRequest *request, gpointer app)
{
  Find *find = find_new (request, app);

  if (find != NULL)
    barua_store_read_async (find->call.app->store, scan, find, NULL, NULL, scanned, find);
}

/* ---- _explain ---- */

#define ALL_DOCS                                                                                   \
  "{\"ddoc\":null,\"name\":\"_all_docs\",\"type\":\"special\",\"def\":{\"fields\":[{\"_id\":"      \
  "\"asc\""                                                                                        \
  "}]}}"

/* Query */
static gboolean
explain (BaruaReader *reader, gpointer data, GError **error)
{
  Find *find = data;

  if (!barua_call_check_database (&find->call, reader, error) || !find_index (find, reader, error))
    return FALSE;
  find->out = g_string_new ("{\"dbname\":");
  barua_json_append_string (find->out, barua_text (find->call.name));
  g_string_append (find->out, ",\"index\":");
  g_string_append (find->out, find->index->len > 0 ? find->index->str : ALL_DOCS);
  g_string_append (find->out, ",\"selector\":");
  barua_json_append_minified (find->out, find->json);
  g_string_append_printf (
      find->out,
      ",\"limit\":%" G_GINT64_FORMAT ",\"skip\":%" G_GINT64_FORMAT ",\"fields\":", find->limit,
      find->skip);
  if (find->fields == NULL)
    g_string_append (find->out, "\"all_fields\"");
  for (guint i = 0; find->fields != NULL && i < find->fields->len; i++)
    {
      g_string_append_c (find->out, i > 0 ? ',' : '[');
      barua_json_append_string (find->out, g_array_index (find->fields, BaruaText, i));
    }
  g_string_append (find->out, find->fields != NULL ? "]}" : "}");
  return TRUE;
}

void
barua_api_explain (BaruaRequest *request, gpointer app)
{
  Find *find = find_new (request, app);

  if (find != NULL)
    barua_store_read_async (find->call.app->store, explain, find, NULL, NULL, scanned, find);
}
