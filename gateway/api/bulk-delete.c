/* SPDX-License-Identifier: MIT */

/* Deletion of many documents, batch by batch (contacts.md 8). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/contact-write.h"
#include "gateway/api/document-common.h"
#include "gateway/api/handlers.h"
#include "gateway/api/settings-reload.h"
#include "gateway/http/stream.h"
#include "gateway/rules/document.h"
#include "gateway/rules/lineage.h"
#include "gateway/rules/views.h"
#include "gateway/store/rules-lookup.h"

#include <string.h>

#define BATCH_SIZE 100u /* contacts.md 8.1 */

/* Bodies from this size on are read on a worker. */
#define LARGE_BYTES (256u * 1024u)

/* A request, from its beginning to its last batch. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request; /* until the answer begins */
  BaruaJson body;        /* likewise */
  char *wrong;           /* what is wrong with the body; NULL: nothing */
  BaruaSettings *settings;
  BaruaArena *arena;
  gboolean is_admin;
  GArray *ids; /* of BaruaText */
  guint next;  /* of the batch that is deleted now */
  gboolean settings_changed;
  GString *out;
  BaruaStream *stream;
  gboolean is_working;
  gboolean is_closed;
} Deletion;

static void
deletion_free (Deletion *deletion)
{
  g_clear_pointer (&deletion->request, barua_request_unref);
  g_free (deletion->wrong);
  g_clear_pointer (&deletion->ids, g_array_unref);
  g_clear_pointer (&deletion->settings, barua_settings_unref);
  if (deletion->out != NULL)
    g_string_free (deletion->out, TRUE);
  barua_arena_free (deletion->arena);
  g_free (deletion);
}

static guint
batch_end (const Deletion *deletion)
{
  return MIN (deletion->next + BATCH_SIZE, deletion->ids->len);
}

/* ---- one batch, in its transaction ---- */

/* The batch that a job deletes. */
typedef struct
{
  Deletion *deletion;
  BaruaTx *tx;
  BaruaStoreLookup lookup;
  GHashTable *seen; /* ids of places whose contact was looked at */
  GPtrArray *places;
} Batch;

/* Whether the user may delete a document of this kind (contacts.md 8.3). */
static gboolean
may_delete (const Deletion *deletion, BaruaJson body)
{
  BaruaJson type = barua_json_member (body, "type");

  return deletion->is_admin || barua_contact_type_is (type)
         || barua_json_string_is (type, BARUA_TEXT ("data_record"))
         || barua_json_string_is (type, BARUA_TEXT ("feedback"));
}

/* Begins an entry of the answer. */
static GString *
begin_entry (Deletion *deletion)
{
  GString *out = deletion->out;

  if (out->str[out->len - 1] != '[')
    g_string_append_c (out, ',');
  return out;
}

static void
append_forbidden (Deletion *deletion, BaruaText id)
{
  GString *out = begin_entry (deletion);

  g_string_append (out, "{\"id\":");
  barua_json_append_string (out, id);
  g_string_append (out, ",\"error\":\"forbidden\"}");
}

static void
append_done (Deletion *deletion, const BaruaWritten *written)
{
  barua_append_written (begin_entry (deletion), barua_text (written->id),
                        barua_text (written->rev));
}

/* Notes the place above a deleted person: it may be its contact. */
static void
note_place (Batch *batch, const BaruaStored *person)
{
  BaruaArena *arena = batch->deletion->arena;

  if (!barua_contact_type (batch->deletion->settings, arena, person->body).is_person)
    return;
  BaruaText place = barua_lineage_link_id (arena, barua_json_member (person->body, "parent"));
  if (place.p == NULL)
    return;
  g_autofree char *id = g_strndup (place.p, place.n);
  if (!g_hash_table_contains (batch->seen, id))
    {
      g_ptr_array_add (batch->places, id);
      g_hash_table_add (batch->seen, g_steal_pointer (&id));
    }
}

/* Deletes one document, if it is there and may be deleted. */
static gboolean
delete_one (Batch *batch, BaruaText id, GError **error)
{
  Deletion *deletion = batch->deletion;
  BaruaWritten written;
  BaruaStored stored;

  if (!batch->lookup.lookup.get_document (&batch->lookup, id, &stored, error))
    return FALSE;
  if (stored.body.text == NULL)
    return TRUE;
  if (!may_delete (deletion, stored.body))
    {
      append_forbidden (deletion, id);
      return TRUE;
    }
  const BaruaEdit edit
      = { .id = stored.id, .rev = stored.rev, .body = BARUA_TEXT ("{}"), .is_deleted = TRUE };
  if (!barua_tx_put_document (batch->tx, &edit, &written, error))
    return FALSE;
  append_done (deletion, &written);
  note_place (batch, &stored);
  if (barua_settings_is_source (id))
    deletion->settings_changed = TRUE;
  return TRUE;
}

/* Whether the contact of a place is one of those that the batch deletes. */
static gboolean
has_lost_contact (Batch *batch, BaruaJson place)
{
  BaruaText id
      = barua_lineage_link_id (batch->deletion->arena, barua_json_member (place, "contact"));
  const guint end = batch_end (batch->deletion);

  for (guint i = batch->deletion->next; i < end && id.p != NULL; i++)
    if (barua_text_equal (g_array_index (batch->deletion->ids, BaruaText, i), id))
      return TRUE;
  return FALSE;
}

/* Takes the deleted contact out of a place (contacts.md 8.2). */
static gboolean
clear_contact (Batch *batch, const char *id, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GString) body = g_string_new (NULL);
  BaruaWritten written;

  /* not by the lookup: the batch may have deleted the place too */
  g_autoptr (BaruaDocument) place
      = barua_reader_get_document (barua_tx_reader (batch->tx), NULL, barua_text (id), &local);
  if (place == NULL)
    {
      if (g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND)
          || g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_DELETED))
        return TRUE;
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  const BaruaJson json = { place->body.p, place->body.n };
  if (!has_lost_contact (batch, json))
    return TRUE;
  barua_document_append_with (body, json, "contact", BARUA_TEXT ("null"));
  const BaruaPlannedDocument changed = { place->id, place->rev, { body->str, body->len } };
  if (!barua_contact_put (batch->tx, &changed, &written, error))
    return FALSE;
  append_done (batch->deletion, &written);
  return TRUE;
}

static gboolean
run_batch (Batch *batch, GError **error)
{
  Deletion *deletion = batch->deletion;
  const guint end = batch_end (deletion);

  for (guint i = deletion->next; i < end; i++)
    if (!delete_one (batch, g_array_index (deletion->ids, BaruaText, i), error))
      return FALSE;
  for (guint i = 0; i < batch->places->len; i++)
    if (!clear_contact (batch, batch->places->pdata[i], error))
      return FALSE;
  return TRUE;
}

/* Job */
static gboolean
delete_batch (BaruaTx *tx, gpointer data, GError **error)
{
  Deletion *deletion = data;
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GPtrArray) places = g_ptr_array_new ();
  Batch batch = { .deletion = deletion, .tx = tx, .seen = seen, .places = places };

  g_string_assign (deletion->out, "[");
  barua_store_lookup_init (&batch.lookup, barua_tx_reader (tx), tx);
  const gboolean is_done = run_batch (&batch, error);
  barua_store_lookup_clear (&batch.lookup);
  g_string_append_c (deletion->out, ']');
  return is_done;
}

/* ---- the answer ---- */

/* Ends the answer. */
static void
finish (Deletion *deletion)
{
  barua_stream_write_text (deletion->stream, "]");
  barua_stream_end (deletion->stream);
}

static void
batch_deleted (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Deletion *deletion = user_data;
  BaruaStream *stream = deletion->stream;
  g_autoptr (GError) error = NULL;
  const gboolean is_stored = barua_store_write_finish (deletion->app->store, result, &error);

  deletion->is_working = FALSE;
  if (deletion->settings_changed && is_stored)
    barua_settings_reload (deletion->app, NULL, NULL);
  deletion->settings_changed = FALSE;
  if (deletion->is_closed)
    {
      deletion_free (deletion);
      return;
    }
  if (!is_stored)
    {
      g_warning ("bulk-delete: cut after its beginning: %s", error->message);
      barua_stream_abort (stream);
      return;
    }
  deletion->next = batch_end (deletion);
  const gboolean is_last = deletion->next == deletion->ids->len;
  if (!is_last)
    g_string_append_c (deletion->out, ',');
  barua_stream_write (stream, g_bytes_new (deletion->out->str, deletion->out->len));
  if (is_last)
    finish (deletion);
}

/* BaruaStreamCalls.want: the next batch, when the client has taken the one before. */
static void
want (BaruaStream *stream, gpointer data)
{
  Deletion *deletion = data;
  const guint n = batch_end (deletion) - deletion->next;

  if (deletion->is_working)
    return;
  deletion->is_working = TRUE;
  barua_store_write_async (deletion->app->store, delete_batch, deletion, NULL, n * 64, NULL,
                           batch_deleted, deletion);
}

/* The stream is closed: stops, unless a batch is under way. */
static void
stream_closed (gpointer data)
{
  Deletion *deletion = data;

  deletion->is_closed = TRUE;
  if (!deletion->is_working)
    deletion_free (deletion);
}

static const BaruaStreamCalls stream_calls = { .want = want };

/* ---- the question ---- */

/* Reads one element of `docs`; (transfer full): what is wrong with it. */
static char *
take_doc (Deletion *deletion, BaruaJson doc, guint index)
{
  BaruaJson json = barua_json_member (doc, "_id");
  BaruaText id = barua_arena_json_text (deletion->arena, json);
  const gboolean has_none = barua_json_is_nothing (doc)
                            || (barua_json_type (doc) == BARUA_JSON_OBJECT && json.text == NULL);

  if (has_none)
    return g_strdup_printf ("docs[%u] has no _id", index);
  if (id.p == NULL)
    return g_strdup_printf ("docs[%u] must be an object with an _id string", index);
  g_array_append_val (deletion->ids, id);
  return NULL;
}

/* (transfer full) (nullable): what is told about ids that come twice. */
static char *
find_duplicates (const GArray *ids)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GHashTable) told = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < ids->len; i++)
    {
      const BaruaText id = g_array_index (ids, BaruaText, i);
      g_autofree char *key = g_strndup (id.p, id.n);
      gpointer first = NULL;
      if (!g_hash_table_lookup_extended (seen, key, &first, NULL))
        g_hash_table_add (seen, g_steal_pointer (&key));
      else if (g_hash_table_add (told, first))
        g_string_append_printf (text, "%s%s", text->len > 0 ? "," : "", (char *)first);
    }
  return text->len > 0 ? g_strconcat ("Duplicate documents when deleting: ", text->str, NULL)
                       : NULL;
}

/* Reads the body; (transfer full) (nullable): what is wrong with it (contacts.md 8.3). */
static char *
take_docs (Deletion *deletion)
{
  BaruaJson docs = barua_json_member (deletion->body, "docs"), doc;
  BaruaJsonIter iter;
  guint index = 0;

  if (docs.text == NULL)
    return g_strdup ("docs is required");
  if (barua_json_type (docs) != BARUA_JSON_ARRAY)
    return g_strdup ("docs must be an array");
  barua_json_iter_init (&iter, docs);
  while (barua_json_iter_next (&iter, NULL, &doc))
    {
      char *wrong = take_doc (deletion, doc, index++);
      if (wrong != NULL)
        return wrong;
    }
  return find_duplicates (deletion->ids);
}

/* Copies the ids, as the body goes when the stream is closed, and a batch may still be at work. */
static void
keep_ids (Deletion *deletion)
{
  for (guint i = 0; i < deletion->ids->len; i++)
    {
      BaruaText *id = &g_array_index (deletion->ids, BaruaText, i);
      *id = barua_arena_copy (deletion->arena, *id);
    }
}

/* Reads the whole body. Any thread. */
static void
read_body (Deletion *deletion)
{
  deletion->wrong = take_docs (deletion);
  if (deletion->wrong == NULL)
    keep_ids (deletion);
}

/* The body is read: begins the answer. */
static void
begin (Deletion *deletion)
{
  g_autoptr (BaruaRequest) request = g_steal_pointer (&deletion->request);

  if (deletion->wrong != NULL)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, deletion->wrong, NULL);
      deletion_free (deletion);
      return;
    }
  /* never compressed: the batches are chunks of their own (contacts.md 8.1) */
  deletion->stream = barua_stream_begin (request, 200, "application/json; charset=utf-8",
                                         BARUA_STREAM_UNKNOWN_LENGTH, BARUA_STREAM_WAITS,
                                         &stream_calls, deletion, stream_closed);
  barua_stream_write_text (deletion->stream, "[");
  if (deletion->ids->len == 0)
    finish (deletion);
}

/* GTask, on a worker. */
static void
read_in_thread (GTask *task, gpointer source_object, gpointer data, GCancellable *cancellable)
{
  read_body (data);
  g_task_return_boolean (task, TRUE);
}

static void
body_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  begin (user_data);
}

void
barua_api_bulk_delete (BaruaRequest *request, gpointer app)
{
  Deletion *deletion = g_new0 (Deletion, 1);

  deletion->app = app;
  deletion->request = barua_request_ref (request);
  deletion->body = barua_request_json (request);
  deletion->settings = barua_settings_ref (barua_request_settings (request));
  deletion->arena = barua_arena_new ();
  deletion->is_admin = barua_request_user (request)->is_admin;
  deletion->ids = g_array_new (FALSE, FALSE, sizeof (BaruaText));
  deletion->out = g_string_new (NULL);
  if (barua_request_body_length (request) < LARGE_BYTES)
    {
      read_body (deletion);
      begin (deletion);
      return;
    }
  g_autoptr (GTask) task = g_task_new (NULL, NULL, body_read, deletion);
  g_task_set_task_data (task, deletion, NULL);
  g_task_run_in_thread (task, read_in_thread);
}
