/* SPDX-License-Identifier: MIT */

/* One document: read, written, deleted (documents.md 6.3 to 6.6). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/document-read.h"
#include "gateway/api/document-write.h"
#include "gateway/api/handlers.h"
#include "gateway/rules/tasks.h"
#include "gateway/store/store-revisions.h"

#include <string.h>

/* An answer that is made in memory has an end. */
#define MAX_ANSWER_BYTES (64u * 1024u * 1024u)

/* ---- reading ---- */

/* One read, from the main loop to a reader and back. */
typedef struct
{
  BaruaCall call;
  BaruaText id;
  BaruaText rev; /* absent: the winning revision */
  gboolean is_latest;
  gboolean has_etag;
  gboolean wants_all_leaves;
  gboolean is_multipart;
  const char *outer; /* (nullable): between revisions, which are wanted as multipart/mixed */
  BaruaJson open_revs;
  BaruaShape shape;
  GArray *since; /* of BaruaText */
  char *etag;
  GString *out;
} Read;

static void
read_free (gpointer data)
{
  Read *read = data;

  barua_call_close (&read->call);
  g_clear_pointer (&read->since, g_array_unref);
  g_free (read->etag);
  if (read->out != NULL)
    g_string_free (read->out, TRUE);
  g_free (read);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Read, read_free)

/* Reads the switches; FALSE after an answer. */
static gboolean
take_switches (BaruaRequest *request, Read *read)
{
  BaruaShape *shape = &read->shape;
  gboolean is_meta = FALSE;
  const struct
  {
    const char *name;
    gboolean *value;
    gboolean has_etag; /* an answer with it still has an ETag (documents.md 2) */
  } switches[] = {
    { "attachments", &shape->has_data, TRUE },
    { "conflicts", &shape->has_conflicts, FALSE },
    { "deleted_conflicts", &shape->has_deleted_conflicts, FALSE },
    { "latest", &read->is_latest, TRUE },
    { "local_seq", &shape->has_local_seq, FALSE },
    { "meta", &is_meta, FALSE },
    { "revs", &shape->has_revisions, FALSE },
    { "revs_info", &shape->has_revs_info, FALSE },
  };

  read->has_etag = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (switches); i++)
    {
      if (!barua_request_take_boolean (request, switches[i].name, switches[i].value))
        return FALSE;
      read->has_etag = read->has_etag && (switches[i].has_etag || !*switches[i].value);
    }
  if (is_meta)
    shape->has_revs_info = shape->has_conflicts = shape->has_deleted_conflicts = TRUE;
  return TRUE;
}

/* Whether @list is an array of revisions; FALSE after an answer. */
static gboolean
check_revisions (BaruaRequest *request, BaruaArena *arena, BaruaJson list, GArray *revisions)
{
  BaruaJsonIter iter;
  BaruaJson value;
  BaruaRevision revision;

  if (barua_json_type (list) != BARUA_JSON_ARRAY)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, "invalid UTF-8 JSON", NULL);
      return FALSE;
    }
  barua_json_iter_init (&iter, list);
  while (barua_json_iter_next (&iter, NULL, &value))
    {
      BaruaText text = barua_arena_json_text (arena, value);
      if (text.p == NULL || !barua_revision_parse (text, &revision))
        {
          barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, "Invalid rev format", NULL);
          return FALSE;
        }
      if (revisions != NULL)
        g_array_append_val (revisions, text);
    }
  return TRUE;
}

/* Reads `open_revs` and `atts_since`; FALSE after an answer. */
static gboolean
take_lists (Read *read)
{
  BaruaRequest *request = read->call.request;
  const char *open_revs = barua_request_parameter (request, "open_revs", NULL);
  BaruaJson since = BARUA_JSON_NONE;

  read->wants_all_leaves = open_revs != NULL && strcmp (open_revs, "all") == 0;
  read->has_etag = read->has_etag && open_revs == NULL;
  if (open_revs != NULL && !read->wants_all_leaves
      && (!barua_request_take_json (request, "open_revs", NULL, &read->open_revs)
          || !check_revisions (request, read->call.arena, read->open_revs, NULL)))
    return FALSE;
  if (!barua_request_take_json (request, "atts_since", NULL, &since))
    return FALSE;
  if (since.text == NULL)
    return TRUE;
  read->since = g_array_new (FALSE, FALSE, sizeof (BaruaText));
  if (!check_revisions (request, read->call.arena, since, read->since))
    return FALSE;
  read->shape.has_data = TRUE;
  read->shape.since = (const BaruaText *)(void *)read->since->data;
  read->shape.n_since = read->since->len;
  return TRUE;
}

/* A boundary that no attachment contains: nobody can guess it. */
static const char *
make_boundary (BaruaArena *arena)
{
  char uuid[BARUA_UUID_SIZE];

  barua_uuid_new (barua_now_ms (), uuid);
  return barua_arena_copy (arena, barua_text (uuid)).p;
}

/* Whether the client names multipart; all others get JSON (documents.md 6.3). */
static void
take_parts (Read *read)
{
  const char *accept = barua_request_header (read->call.request, "Accept");
  g_autofree char *lower = g_ascii_strdown (accept != NULL ? accept : "", -1);
  gboolean is_open = read->wants_all_leaves || read->open_revs.text != NULL;

  if (strstr (lower, is_open ? "multipart/mixed" : "multipart/related") == NULL
      && strstr (lower, "multipart/*") == NULL)
    return;
  read->shape.boundary = make_boundary (read->call.arena);
  if (is_open)
    {
      read->outer = make_boundary (read->call.arena);
      read->shape.has_data = TRUE;
    }
}

static gboolean
fail_missing (GError **error)
{
  g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND, "missing");
  return FALSE;
}

/* Whether the user may not see that the document is there. */
static gboolean
is_kept_from (const Read *read, gboolean is_hidden)
{
  return is_hidden && read->call.db == NULL && !read->call.is_admin;
}

/* The revision to show instead of @rev: the newest leaf below it. */
static BaruaText
latest_of (BaruaArena *arena, const BaruaTree *tree, BaruaText rev)
{
  BaruaRevision revision;
  int index = barua_revision_parse (rev, &revision) ? barua_tree_find (tree, revision) : -1;

  if (index < 0)
    return rev;
  g_autoptr (GString) text = g_string_new (NULL);
  barua_revision_append (text, tree->revisions[barua_tree_latest (tree, index)].rev);
  return barua_arena_copy (arena, (BaruaText){ text->str, text->len });
}

/* What goes before an element of an `open_revs` answer: a comma, or the head of its part; @type: of
 * a part that is no document with attachments. */
static void
begin_open (Read *read, const BaruaDocument *document)
{
  GString *out = read->out;

  if (read->outer == NULL)
    {
      if (out->len > 1)
        g_string_append_c (out, ',');
      g_string_append (out, document != NULL ? "{\"ok\":" : "{\"missing\":");
      return;
    }
  g_string_append_printf (out, "%s--%s\r\nContent-Type: ", out->len > 0 ? "\r\n" : "", read->outer);
  if (document == NULL)
    g_string_append (out, "application/json; error=\"true\"\r\n\r\n{\"missing\":");
  else if (barua_document_is_multipart (document, &read->shape))
    g_string_append_printf (out, "multipart/related; boundary=\"%s\"\r\n\r\n",
                            read->shape.boundary);
  else
    g_string_append (out, "application/json\r\n\r\n");
}

/* One element of an `open_revs` answer. */
static gboolean
append_open (Read *read, BaruaReader *reader, const BaruaTree *tree, BaruaText rev, GError **error)
{
  GString *out = read->out;
  g_autoptr (GError) local = NULL;
  BaruaText shown = read->is_latest && tree != NULL ? latest_of (read->call.arena, tree, rev) : rev;
  g_autoptr (BaruaDocument) document
      = tree != NULL ? barua_reader_get_revision (reader, read->call.db, read->id, shown, &local)
                     : NULL;

  begin_open (read, document);
  if (document == NULL)
    {
      if (local != NULL && !g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
      barua_json_append_string (out, rev);
      g_string_append_c (out, '}');
      return TRUE;
    }
  if (!barua_document_append_shaped (out, reader, read->call.db, document, tree, &read->shape,
                                     error))
    return FALSE;
  if (read->outer == NULL)
    g_string_append_c (out, '}');
  if (out->len <= MAX_ANSWER_BYTES)
    return TRUE;
  g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_BUSY, "too long an answer");
  return FALSE;
}

/* All leaves, the winner first. */
static gboolean
append_leaves (Read *read, BaruaReader *reader, const BaruaTree *tree, GError **error)
{
  for (gsize i = 0; i < tree->n_leaves; i++)
    {
      g_autoptr (GString) rev = g_string_new (NULL);
      barua_revision_append (rev, tree->revisions[tree->leaves[i]].rev);
      if (!append_open (read, reader, tree, (BaruaText){ rev->str, rev->len }, error))
        return FALSE;
    }
  return TRUE;
}

/* `open_revs` (documents.md 6.3). */
static gboolean
read_open (Read *read, BaruaReader *reader, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (BaruaTree) tree = barua_reader_get_tree (reader, read->call.db, read->id, &local);
  BaruaJsonIter iter;
  BaruaJson value;

  if (tree == NULL
      && (read->wants_all_leaves
          || !g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND)))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (tree != NULL && is_kept_from (read, tree->is_hidden))
    return fail_missing (error);
  if (read->outer == NULL)
    g_string_append_c (read->out, '[');
  if (read->wants_all_leaves && !append_leaves (read, reader, tree, error))
    return FALSE;
  barua_json_iter_init (&iter, read->open_revs);
  while (barua_json_iter_next (&iter, NULL, &value))
    if (!append_open (read, reader, tree, barua_arena_json_text (read->call.arena, value), error))
      return FALSE;
  if (read->outer != NULL)
    g_string_append_printf (read->out, "%s--%s--", read->out->len > 0 ? "\r\n" : "", read->outer);
  else
    g_string_append_c (read->out, ']');
  return TRUE;
}

/* The document by the revision that was named, or its winner. */
static BaruaDocument *
find_document (Read *read, BaruaReader *reader, GError **error)
{
  BaruaText rev = read->rev;

  if (rev.p == NULL)
    return barua_reader_get_document (reader, read->call.db, read->id, error);
  if (read->is_latest)
    {
      g_autoptr (BaruaTree) tree = barua_reader_get_tree (reader, read->call.db, read->id, error);
      if (tree == NULL)
        return NULL;
      rev = latest_of (read->call.arena, tree, rev);
    }
  return barua_reader_get_revision (reader, read->call.db, read->id, rev, error);
}

/* The level that clients compare with, for those that look for it in a design document
 * (documents.md 8.10). */
static gboolean
is_stand_in (const Read *read, const GError *error)
{
  return read->call.db == NULL && read->rev.p == NULL
         && barua_text_equal (read->id, BARUA_TEXT ("_design/medic-client"))
         && g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND);
}

static gboolean
read_one (Read *read, BaruaReader *reader, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (BaruaDocument) document = find_document (read, reader, &local);

  if (document == NULL && is_stand_in (read, local))
    {
      g_string_append (read->out, "{\"_id\":\"_design/medic-client\","
                                  "\"deploy_info\":{\"version\":\"4.5.0\"}}");
      return TRUE;
    }
  if (document == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (is_kept_from (read, document->is_hidden))
    return fail_missing (error);
  g_free (read->etag);
  read->etag = g_strdup_printf ("\"%.*s\"", (int)document->rev.n, document->rev.p);
  read->is_multipart = barua_document_is_multipart (document, &read->shape);
  return barua_document_append_shaped (read->out, reader, read->call.db, document, NULL,
                                       &read->shape, error);
}

/* Query */
static gboolean
read_document (BaruaReader *reader, gpointer data, GError **error)
{
  Read *read = data;

  g_string_truncate (read->out, 0);
  if (!barua_call_check_database (&read->call, reader, error))
    return FALSE;
  return read->wants_all_leaves || read->open_revs.text != NULL ? read_open (read, reader, error)
                                                                : read_one (read, reader, error);
}

/* Answers with parts. */
static void
reply_multipart (Read *read)
{
  g_autofree char *type
      = g_strdup_printf ("multipart/%s; boundary=\"%s\"", read->outer != NULL ? "mixed" : "related",
                         read->outer != NULL ? read->outer : read->shape.boundary);

  barua_request_add_header (read->call.request, "Cache-Control", "must-revalidate");
  barua_request_reply (read->call.request, 200, type,
                       g_string_free_to_bytes (g_steal_pointer (&read->out)));
}

static void
document_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Read) read = user_data;
  BaruaRequest *request = read->call.request;
  g_autoptr (GError) error = NULL;

  if (!barua_store_read_finish (read->call.app->store, result, &error))
    {
      barua_call_fail (&read->call, error);
      return;
    }
  if (read->has_etag && read->etag != NULL)
    barua_request_add_header (request, "ETag", read->etag);
  if (read->has_etag && read->etag != NULL && barua_request_knows_etag (request, read->etag))
    barua_request_reply (request, 304, NULL, NULL);
  else if (read->outer != NULL || read->is_multipart)
    reply_multipart (read);
  else
    barua_call_reply (&read->call, &read->out);
}

void
barua_api_document_get (BaruaRequest *request, gpointer app)
{
  g_autoptr (Read) read = g_new0 (Read, 1);

  if (!barua_call_open (&read->call, request, app, BARUA_ACCESS_READ)
      || !take_switches (request, read) || !take_lists (read))
    return;
  g_autofree char *id = barua_request_document_id (request);
  read->id = barua_arena_copy (read->call.arena, barua_text (id));
  read->rev = barua_text (barua_request_parameter (request, "rev", NULL));
  take_parts (read);
  read->out = g_string_sized_new (1024);
  Read *data = g_steal_pointer (&read);
  barua_store_read_async (data->call.app->store, read_document, data, NULL, NULL, document_read,
                          data);
}

/* ---- writing ---- */

/* Whether the client says which revision it is (`new_edits=false`). */
static gboolean
take_new_edits (BaruaRequest *request, gboolean *keeps_rev)
{
  gboolean is_new = TRUE;

  if (!barua_request_take_boolean (request, "new_edits", &is_new))
    return FALSE;
  *keeps_rev = !is_new;
  return TRUE;
}

/* Begins a write of one document; NULL after an answer. */
static BaruaDocumentWrite *
write_new (BaruaRequest *request, BaruaApp *app, BaruaJson json)
{
  g_autoptr (BaruaDocumentWrite) write = barua_document_write_new (request, app);
  gboolean keeps_rev = FALSE;
  BaruaText in_body, rev;

  if (write == NULL || !take_new_edits (request, &keeps_rev))
    return NULL;
  g_autofree char *id = barua_request_document_id (request);
  in_body = barua_arena_json_text (write->call.arena, barua_json_member (json, "_rev"));
  if (!barua_request_edit_rev (request, in_body, &rev))
    return NULL;
  BaruaItem *item = barua_document_write_add (write);
  item->json = json;
  item->parts = barua_request_parts (request);
  item->id
      = id != NULL ? barua_arena_copy (write->call.arena, barua_text (id)) : (BaruaText){ NULL, 0 };
  item->rev = rev;
  item->keeps_rev = keeps_rev;
  return g_steal_pointer (&write);
}

/* PUT {db}/{id}, POST {db}/{id}, POST {db} */
void
barua_api_document_put (BaruaRequest *request, gpointer app)
{
  BaruaJson json = barua_request_json (request);

  if (json.text == NULL)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, "invalid UTF-8 JSON", NULL);
      return;
    }
  BaruaDocumentWrite *write = write_new (request, app, json);
  if (write != NULL)
    barua_document_write_run (write, barua_document_write_reply_single);
}

void
barua_api_document_delete (BaruaRequest *request, gpointer app)
{
  BaruaDocumentWrite *write = write_new (request, app, BARUA_JSON_NONE);

  if (write == NULL)
    return;
  BaruaItem *item = &g_array_index (write->items, BaruaItem, 0);
  item->is_deleted = item->is_plain_deletion = TRUE;
  item->keeps_rev = FALSE;
  write->is_deletion = TRUE;
  barua_document_write_run (write, barua_document_write_reply_single);
}
