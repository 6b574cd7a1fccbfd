/* SPDX-License-Identifier: MIT */

/* What happens to a record after a client has written it through the document API. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/document-rules.h"

#include "gateway/api/document-common.h"
#include "gateway/rules/document.h"
#include "gateway/rules/transitions.h"
#include "gateway/store/rules-lookup.h"
#include "gateway/store/store-done.h"

#include <string.h>

/* The text of a member that is a string or a number; absent otherwise. */
static BaruaText
text_of (BaruaArena *arena, BaruaJson object, const char *name)
{
  BaruaJson value = barua_json_member (object, name);

  return barua_json_type (value) == BARUA_JSON_NUMBER ? (BaruaText){ value.text, value.length }
                                                      : barua_arena_json_text (arena, value);
}

/* The JSON of a member as text; absent when there is none. */
static BaruaText
json_of (BaruaJson object, const char *name)
{
  BaruaJson value = barua_json_member (object, name);

  return (BaruaText){ value.text, value.length };
}

/* The entries of `errors`. */
static void
read_errors (BaruaRecord *record, BaruaArena *arena, BaruaJson errors)
{
  BaruaJsonIter iter;
  BaruaJson entry;

  if (barua_json_type (errors) != BARUA_JSON_ARRAY)
    return;
  /* in steps of four, as barua_record_add_error() expects */
  record->errors
      = barua_arena_alloc (arena, (barua_json_size (errors) / 4 + 1) * 4 * sizeof *record->errors);
  barua_json_iter_init (&iter, errors);
  while (barua_json_iter_next (&iter, NULL, &entry))
    record->errors[record->n_errors++]
        = (BaruaRecordError){ text_of (arena, entry, "code"), text_of (arena, entry, "message") };
}

/* The record that a document is, as far as the rules look at it. */
static void
read_record (BaruaRecord *record, BaruaArena *arena, BaruaJson body)
{
  *record = (BaruaRecord){ 0 };
  record->from = text_of (arena, body, "from");
  record->form = text_of (arena, body, "form");
  record->locale = text_of (arena, body, "locale");
  record->fields = json_of (body, "fields");
  record->refid = json_of (body, "refid");
  record->sms_message = json_of (body, "sms_message");
  record->reported_date_ms = barua_json_number (barua_json_member (body, "reported_date"));
  if (record->fields.p == NULL)
    record->fields = BARUA_TEXT ("{}");
  if (record->sms_message.p == NULL)
    record->sms_message = BARUA_TEXT ("{}");
  read_errors (record, arena, barua_json_member (body, "errors"));
}

/* Whether this kind of write is for the rules: a live record that was not known before. */
static gboolean
is_record (const BaruaItem *item, BaruaJson body)
{
  return !item->is_deleted && (!item->keeps_rev || item->written.seq != 0)
         && barua_json_string_is (barua_json_member (body, "type"), BARUA_TEXT ("data_record"));
}

/* Whether the revision that was written is the one that is served now. */
static gboolean
is_winner (BaruaTx *tx, const BaruaItem *item, BaruaText rev, gboolean *wins, GError **error)
{
  g_autoptr (BaruaDocument) document = barua_reader_get_document (
      barua_tx_reader (tx), NULL, barua_text (item->written.id), error);

  if (document == NULL)
    return FALSE;
  *wins = barua_text_equal (document->rev, rev);
  return TRUE;
}

/* The rows that ran over the document before.  A record without a note that has a parent did not
 * begin with a client: all rows that were on ran when it was made. */
static gboolean
find_done (BaruaTx *tx, const BaruaItem *item, BaruaText rev, guint64 *done, GError **error)
{
  gboolean is_noted = FALSE;

  if (!barua_reader_get_done (barua_tx_reader (tx), barua_text (item->written.id), done, &is_noted,
                              error))
    return FALSE;
  if (!is_noted && !barua_text_has_prefix (rev, "1-"))
    *done = G_MAXUINT64;
  return TRUE;
}

/* The inside of the `tasks` of @body, to be appended to. */
static GString *
open_tasks (BaruaJson body)
{
  BaruaJson tasks = barua_json_member (body, "tasks");
  GString *inside = g_string_new ("[");

  if (barua_json_type (tasks) == BARUA_JSON_ARRAY)
    {
      g_string_truncate (inside, 0);
      g_string_append_len (inside, tasks.text, (gssize)tasks.length - 1);
    }
  return inside;
}

/* The `errors` of @body, with those that the rules added after the first @n. */
static GString *
make_errors (BaruaJson body, const BaruaRecord *record, guint n)
{
  BaruaJson errors = barua_json_member (body, "errors");
  GString *out = g_string_new ("[");

  if (barua_json_type (errors) == BARUA_JSON_ARRAY)
    {
      g_string_truncate (out, 0);
      g_string_append_len (out, errors.text, (gssize)errors.length - 1);
    }
  for (guint i = n; i < record->n_errors; i++)
    {
      g_string_append (out, out->len > 1 ? ",{" : "{");
      barua_json_append_key (out, "code");
      barua_json_append_string (out, record->errors[i].code);
      barua_json_append_key (out, "message");
      barua_json_append_string (out, record->errors[i].message);
      g_string_append_c (out, '}');
    }
  g_string_append_c (out, ']');
  return out;
}

/* Stores what the rules made of a record, if anything, as one more revision. */
static gboolean
put_changed (BaruaTx *tx, const BaruaTransition *transition, BaruaText id, BaruaText rev,
             BaruaJson body, guint n_errors, GError **error)
{
  g_autoptr (GString) before = open_tasks (body);
  g_autoptr (GString) errors = make_errors (body, transition->record, n_errors);
  g_autoptr (GString) changed = g_string_sized_new (body.length + transition->tasks->len + 256);
  BaruaMemberEdit edits[3];
  gsize n = 0;

  if (transition->tasks->len != before->len)
    {
      g_string_append_c (transition->tasks, ']');
      edits[n++] = (BaruaMemberEdit){ "tasks", { transition->tasks->str, transition->tasks->len } };
    }
  if (transition->record->n_errors != n_errors)
    edits[n++] = (BaruaMemberEdit){ "errors", { errors->str, errors->len } };
  if (transition->contact.p != NULL && !barua_json_truthy (barua_json_member (body, "contact")))
    edits[n++] = (BaruaMemberEdit){ "contact", transition->contact };
  if (n == 0)
    return TRUE;
  barua_document_edit (changed, body, edits, n);
  const BaruaEdit edit = {
    .id = id,
    .rev = rev,
    .body = { changed->str, changed->len },
    .is_server_made = TRUE,
  };
  return barua_tx_put_document (tx, &edit, NULL, error);
}

/* Runs the rows over a record that is the winner now. */
static gboolean
run_rows (BaruaTx *tx, const BaruaSettings *settings, BaruaText id, BaruaText rev, BaruaJson body,
          guint64 done, gint64 now_ms, GError **error)
{
  BaruaRecord record;
  g_auto (BaruaStoreLookup) lookup = { .tx = tx };
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (GString) tasks = open_tasks (body);
  BaruaJson contact = barua_json_member (body, "contact");

  read_record (&record, arena, body);
  const guint n_errors = record.n_errors;
  barua_store_lookup_init (&lookup, barua_tx_reader (tx), tx);
  BaruaTransition transition = {
    .settings = settings,
    .arena = arena,
    .record = &record,
    .message_locale = record.locale,
    .lookup = &lookup.lookup,
    .now_ms = now_ms,
    .tasks = tasks,
    .done = done,
    .is_xform = barua_json_string_is (barua_json_member (body, "content_type"), BARUA_TEXT ("xml")),
  };
  if (barua_json_truthy (contact))
    transition.contact = (BaruaText){ contact.text, contact.length };
  if (!barua_transitions_run (&transition, error))
    return FALSE;
  if ((transition.done != done || done == 0) && !barua_tx_put_done (tx, id, transition.done, error))
    return FALSE;
  return put_changed (tx, &transition, id, rev, body, n_errors, error);
}

/* Whether the sender of a record that all rows ran over is still looked for (workflows.md 1.1). */
static gboolean
wants_sender (const BaruaSettings *settings, BaruaJson body)
{
  return !barua_json_truthy (barua_json_member (body, "contact"))
         && barua_transition_is_on (settings, "update_clinics");
}

gboolean
barua_document_run_rules (BaruaTx *tx, const BaruaSettings *settings, const BaruaItem *item,
                          gint64 now_ms, GError **error)
{
  BaruaJson body = { item->body->str, item->body->len };

  g_autoptr (GString) rev = g_string_new (NULL);
  gboolean wins = FALSE;
  guint64 done = 0;

  if (!is_record (item, body))
    return TRUE;
  barua_item_append_rev (rev, item);
  const BaruaText rev_text = { rev->str, rev->len };
  if (!is_winner (tx, item, rev_text, &wins, error)
      || !find_done (tx, item, rev_text, &done, error))
    return FALSE;
  if (!wins || (done == G_MAXUINT64 && !wants_sender (settings, body)))
    return TRUE;
  return run_rows (tx, settings, barua_text (item->written.id), rev_text, body, done, now_ms,
                   error);
}
