/* SPDX-License-Identifier: MIT */

/* Many documents at once: `_bulk_docs`, `_bulk_get`, `_revs_diff`, `_missing_revs`
 * (documents.md 6.2, 8.5, 8.6). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/document-pages.h"
#include "gateway/api/document-read.h"
#include "gateway/api/document-write.h"
#include "gateway/api/handlers.h"
#include "gateway/store/store-revisions.h"

#include <string.h>

/* Fails for a body of the wrong shape; always FALSE. */
static gboolean
refuse_body (BaruaRequest *request, const char *reason)
{
  barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, reason, NULL);
  return FALSE;
}

/* The body, an object; FALSE after an answer. */
static gboolean
take_object (BaruaRequest *request, BaruaJson *body)
{
  *body = barua_request_json (request);
  if (body->text == NULL)
    return refuse_body (request, "invalid UTF-8 JSON");
  return barua_json_type (*body) == BARUA_JSON_OBJECT
         || refuse_body (request, "Request body must be a JSON object");
}

/* ---- _bulk_docs ---- */

/* BaruaWriteReply: one element for each item, or for each failure when the revisions were given. */
static void
reply_bulk (BaruaDocumentWrite *write)
{
  GString *out = g_string_sized_new (write->items->len * 100 + 3);

  g_string_append_c (out, '[');
  for (guint i = 0; i < write->items->len; i++)
    {
      const BaruaItem *item = &g_array_index (write->items, BaruaItem, i);
      if (item->keeps_rev && item->is_stored)
        continue;
      if (out->len > 1)
        g_string_append_c (out, ',');
      barua_item_append_outcome (out, item, write->call.is_seed);
    }
  g_string_append_c (out, ']');
  barua_call_reply_status (&write->call, 201, &out);
}

/* Finds `docs`, and whether revisions are given; FALSE after an answer (documents.md 6.2, 6.9
 * no. 6). */
static gboolean
take_docs (BaruaDocumentWrite *write, BaruaJson body, BaruaJson *docs, gboolean *keeps_rev)
{
  static const BaruaText names[] = { BARUA_TEXT ("docs"), BARUA_TEXT ("new_edits") };
  BaruaJson members[G_N_ELEMENTS (names)];

  barua_json_members (body, names, members, G_N_ELEMENTS (names));
  *docs = members[0];
  *keeps_rev = barua_json_type (members[1]) == BARUA_JSON_FALSE;
  if (barua_json_type (*docs) == BARUA_JSON_ARRAY)
    return TRUE;
  if (write->call.is_seed)
    {
      barua_request_fail (write->call.request, BARUA_HTTP_ERROR_SERVER, "docs must be an array",
                          NULL);
      return FALSE;
    }
  return refuse_body (write->call.request, docs->text == NULL
                                               ? "POST body must include `docs` parameter."
                                               : "`docs` parameter must be an array.");
}

void
barua_api_bulk_docs (BaruaRequest *request, gpointer app)
{
  g_autoptr (BaruaDocumentWrite) write = barua_document_write_new (request, app);
  BaruaJson body, docs, doc;
  BaruaJsonIter iter;
  gboolean keeps_rev;

  if (write == NULL || !take_object (request, &body)
      || !take_docs (write, body, &docs, &keeps_rev))
    return;
  barua_json_iter_init (&iter, docs);
  while (barua_json_iter_next (&iter, NULL, &doc))
    {
      BaruaItem *item = barua_document_write_add (write);
      item->json = doc;
      item->keeps_rev = keeps_rev;
    }
  write->is_bulk = TRUE;
  barua_document_write_run (g_steal_pointer (&write), reply_bulk);
}

/* ---- _bulk_get ---- */

typedef struct
{
  BaruaPages pages;
  BaruaShape shape;
  gboolean is_latest;
  GArray *docs; /* of BaruaJson */
  guint next;
} BulkGet;

static void
bulk_get_free (gpointer data)
{
  BulkGet *get = data;

  g_clear_pointer (&get->docs, g_array_unref);
  barua_pages_clear (&get->pages);
  g_free (get);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BulkGet, bulk_get_free)

/* An element for what is not there. */
static void
append_missing (GString *out, BaruaText id, BaruaText rev, const char *error, const char *reason)
{
  g_string_append (out, "{\"error\":{\"id\":");
  barua_json_append_string (out, id);
  g_string_append (out, ",\"rev\":");
  barua_json_append_string (out, rev);
  g_string_append (out, ",\"error\":");
  barua_json_append_string (out, barua_text (error));
  g_string_append (out, ",\"reason\":");
  barua_json_append_string (out, barua_text (reason));
  g_string_append (out, "}}");
}

/* One revision of a document whose tree is known. */
static gboolean
append_revision (BulkGet *get, BaruaReader *reader, const BaruaTree *tree, BaruaText id,
                 BaruaText rev, GError **error)
{
  GString *out = get->pages.out;
  g_autoptr (GError) local = NULL;
  g_autoptr (BaruaDocument) document
      = barua_reader_get_revision (reader, get->pages.call.db, id, rev, &local);

  if (document == NULL)
    {
      if (!g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
      append_missing (out, id, rev, "not_found", "missing");
      return TRUE;
    }
  g_string_append (out, "{\"ok\":");
  if (!barua_document_append_shaped (out, reader, get->pages.call.db, document, tree, &get->shape,
                                     error))
    return FALSE;
  g_string_append_c (out, '}');
  return TRUE;
}

/* All leaves, as `open_revs=all` has them. */
static gboolean
append_leaves (BulkGet *get, BaruaReader *reader, const BaruaTree *tree, BaruaText id,
               GError **error)
{
  for (gsize i = 0; i < tree->n_leaves; i++)
    {
      g_autoptr (GString) rev = g_string_new (NULL);
      barua_revision_append (rev, tree->revisions[tree->leaves[i]].rev);
      if (i > 0)
        g_string_append_c (get->pages.out, ',');
      if (!append_revision (get, reader, tree, id, (BaruaText){ rev->str, rev->len }, error))
        return FALSE;
    }
  return TRUE;
}

/* The `docs` of one element. */
static gboolean
append_docs (BulkGet *get, BaruaReader *reader, BaruaText id, BaruaText rev, GError **error)
{
  BaruaCall *call = &get->pages.call;
  g_autoptr (GError) local = NULL;
  g_autoptr (BaruaTree) tree = barua_reader_get_tree (reader, call->db, id, &local);
  BaruaRevision revision;
  gboolean is_kept = tree != NULL && tree->is_hidden && call->db == NULL && !call->is_admin;

  if (tree == NULL && !g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (rev.p != NULL && !barua_revision_parse (rev, &revision))
    append_missing (get->pages.out, id, rev, "bad_request", "Invalid rev format");
  else if (tree == NULL || is_kept)
    append_missing (get->pages.out, id, rev.p != NULL ? rev : BARUA_TEXT ("undefined"), "not_found",
                    "missing");
  else if (rev.p == NULL)
    return append_leaves (get, reader, tree, id, error);
  else
    {
      int index = get->is_latest ? barua_tree_find (tree, revision) : -1;
      g_autoptr (GString) latest = g_string_new (NULL);
      if (index >= 0)
        barua_revision_append (latest, tree->revisions[barua_tree_latest (tree, index)].rev);
      else
        g_string_append_len (latest, rev.p, (gssize)rev.n);
      return append_revision (get, reader, tree, id, (BaruaText){ latest->str, latest->len },
                              error);
    }
  return TRUE;
}

/* BaruaPages.page */
static gboolean
bulk_get_page (BaruaReader *reader, gpointer data, GError **error)
{
  BulkGet *get = data;
  GString *out = get->pages.out;

  if (get->next == 0)
    g_string_append (out, "{\"results\":[");
  while (get->next < get->docs->len && !barua_pages_is_full (&get->pages))
    {
      BaruaJson doc = g_array_index (get->docs, BaruaJson, get->next);
      g_autofree char *id = barua_json_string (barua_json_member (doc, "id"), NULL);
      g_autofree char *rev = barua_json_string (barua_json_member (doc, "rev"), NULL);
      g_string_append (out, get->next++ > 0 ? ",\n{\"id\":" : "\n{\"id\":");
      barua_json_append_string (out, barua_text (id));
      g_string_append (out, ",\"docs\":[");
      if (!append_docs (get, reader, barua_text (id), barua_text (rev), error))
        return FALSE;
      g_string_append (out, "]}");
    }
  get->pages.is_last = get->next == get->docs->len;
  if (get->pages.is_last)
    g_string_append (out, "\n]}");
  return TRUE;
}

/* The documents asked for; FALSE after an answer. */
static gboolean
take_wanted (BulkGet *get, BaruaRequest *request, BaruaJson body)
{
  BaruaJson docs = barua_json_member (body, "docs"), doc;
  BaruaJsonIter iter;

  if (barua_json_type (docs) != BARUA_JSON_ARRAY)
    return refuse_body (request, docs.text == NULL ? "Missing JSON list of 'docs'."
                                                   : "`docs` parameter must be an array.");
  get->docs = g_array_new (FALSE, FALSE, sizeof (BaruaJson));
  barua_json_iter_init (&iter, docs);
  while (barua_json_iter_next (&iter, NULL, &doc))
    {
      if (barua_json_type (barua_json_member (doc, "id")) != BARUA_JSON_STRING)
        return refuse_body (request, "document id missed");
      g_array_append_val (get->docs, doc);
    }
  return TRUE;
}

void
barua_api_bulk_get (BaruaRequest *request, gpointer app)
{
  BaruaCall call;
  BaruaJson body;

  if (!barua_call_open (&call, request, app, BARUA_ACCESS_READ))
    return;
  g_autoptr (BulkGet) get = g_new0 (BulkGet, 1);
  get->pages.call = call;
  get->pages.page = bulk_get_page;
  get->pages.free = bulk_get_free;
  if (!take_object (request, &body)
      || !barua_request_take_boolean (request, "revs", &get->shape.has_revisions)
      || !barua_request_take_boolean (request, "attachments", &get->shape.has_data)
      || !barua_request_take_boolean (request, "latest", &get->is_latest)
      || !take_wanted (get, request, body))
    return;
  BulkGet *data = g_steal_pointer (&get);
  barua_pages_run (&data->pages);
}

/* ---- _revs_diff, _missing_revs ---- */

typedef struct
{
  BaruaCall call;
  gboolean is_plain; /* _missing_revs */
  GArray *asked;     /* of BaruaAskedRevisions */
  GPtrArray *lists;  /* of GArray: what @asked borrows from */
  GString *out;
} Diff;

static void
diff_free (gpointer data)
{
  Diff *diff = data;

  g_array_unref (diff->asked);
  g_ptr_array_unref (diff->lists);
  if (diff->out != NULL)
    g_string_free (diff->out, TRUE);
  barua_call_close (&diff->call);
  g_free (diff);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Diff, diff_free)

/* BaruaMissingFunc */
static void
append_difference (const BaruaAskedRevisions *asked, const gsize *missing, gsize n_missing,
                   const BaruaText *ancestors, gsize n_ancestors, gpointer data)
{
  Diff *diff = data;
  GString *out = diff->out;

  if (out->str[out->len - 1] != '{')
    g_string_append_c (out, ',');
  barua_json_append_string (out, asked->id);
  g_string_append (out, diff->is_plain ? ":[" : ":{\"missing\":[");
  for (gsize i = 0; i < n_missing; i++)
    {
      if (i > 0)
        g_string_append_c (out, ',');
      barua_json_append_string (out, asked->revs[missing[i]]);
    }
  g_string_append_c (out, ']');
  for (gsize i = 0; i < n_ancestors && !diff->is_plain; i++)
    {
      g_string_append (out, i > 0 ? "," : ",\"possible_ancestors\":[");
      barua_json_append_string (out, ancestors[i]);
    }
  if (!diff->is_plain)
    g_string_append (out, n_ancestors > 0 ? "]}" : "}");
}

/* Query */
static gboolean
find_differences (BaruaReader *reader, gpointer data, GError **error)
{
  Diff *diff = data;

  g_string_assign (diff->out, diff->is_plain ? "{\"missing_revs\":{" : "{");
  if (!barua_call_check_database (&diff->call, reader, error)
      || !barua_reader_missing_revisions (reader, diff->call.db,
                                          (const BaruaAskedRevisions *)(void *)diff->asked->data,
                                          diff->asked->len, append_difference, diff, error))
    return FALSE;
  g_string_append (diff->out, diff->is_plain ? "}}" : "}");
  return TRUE;
}

static void
differences_found (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Diff) diff = user_data;
  g_autoptr (GError) error = NULL;

  if (barua_store_read_finish (diff->call.app->store, result, &error))
    barua_call_reply (&diff->call, &diff->out);
  else
    barua_call_fail (&diff->call, error);
}

/* The revisions asked about one document; FALSE after an answer. */
static gboolean
take_asked (Diff *diff, BaruaJson key, BaruaJson list)
{
  BaruaArena *arena = diff->call.arena;
  GArray *revs = g_array_new (FALSE, FALSE, sizeof (BaruaText));
  BaruaJsonIter iter;
  BaruaJson value;
  BaruaRevision revision;

  g_ptr_array_add (diff->lists, revs);
  if (barua_json_type (list) != BARUA_JSON_ARRAY)
    return refuse_body (diff->call.request, "Invalid rev format");
  barua_json_iter_init (&iter, list);
  while (barua_json_iter_next (&iter, NULL, &value))
    {
      BaruaText rev = barua_arena_json_text (arena, value);
      if (rev.p == NULL || !barua_revision_parse (rev, &revision))
        return refuse_body (diff->call.request, "Invalid rev format");
      g_array_append_val (revs, rev);
    }
  const BaruaAskedRevisions asked
      = { barua_arena_json_text (arena, key), (const BaruaText *)(void *)revs->data, revs->len };
  g_array_append_val (diff->asked, asked);
  return TRUE;
}

static void
diff_run (BaruaRequest *request, BaruaApp *app, gboolean is_plain)
{
  BaruaCall call;
  BaruaJson body, key, list;
  BaruaJsonIter iter;

  if (!barua_call_open (&call, request, app, BARUA_ACCESS_READ))
    return;
  g_autoptr (Diff) diff = g_new0 (Diff, 1);
  diff->call = call;
  diff->is_plain = is_plain;
  diff->asked = g_array_new (FALSE, FALSE, sizeof (BaruaAskedRevisions));
  diff->lists = g_ptr_array_new_with_free_func ((GDestroyNotify)g_array_unref);
  diff->out = g_string_new (NULL);
  if (!take_object (request, &body))
    return;
  barua_json_iter_init (&iter, body);
  while (barua_json_iter_next (&iter, &key, &list))
    if (!take_asked (diff, key, list))
      return;
  Diff *data = g_steal_pointer (&diff);
  barua_store_read_async (data->call.app->store, find_differences, data, NULL, NULL,
                          differences_found, data);
}

void
barua_api_revs_diff (BaruaRequest *request, gpointer app)
{
  diff_run (request, app, FALSE);
}

void
barua_api_missing_revs (BaruaRequest *request, gpointer app)
{
  diff_run (request, app, TRUE);
}
