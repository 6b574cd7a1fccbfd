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

/* Members of a document that the rules look at, found in one walk. */
typedef enum
{
  MEMBER_TYPE,
  MEMBER_FROM,
  MEMBER_FORM,
  MEMBER_LOCALE,
  MEMBER_FIELDS,
  MEMBER_REFID,
  MEMBER_SMS_MESSAGE,
  MEMBER_REPORTED_DATE,
  MEMBER_ERRORS,
  MEMBER_TASKS,
  MEMBER_CONTACT,
  MEMBER_CONTENT_TYPE,
  N_MEMBERS,
} Member;

static const BaruaText member_names[N_MEMBERS] = {
  [MEMBER_TYPE] = BARUA_TEXT ("type"),
  [MEMBER_FROM] = BARUA_TEXT ("from"),
  [MEMBER_FORM] = BARUA_TEXT ("form"),
  [MEMBER_LOCALE] = BARUA_TEXT ("locale"),
  [MEMBER_FIELDS] = BARUA_TEXT ("fields"),
  [MEMBER_REFID] = BARUA_TEXT ("refid"),
  [MEMBER_SMS_MESSAGE] = BARUA_TEXT ("sms_message"),
  [MEMBER_REPORTED_DATE] = BARUA_TEXT ("reported_date"),
  [MEMBER_ERRORS] = BARUA_TEXT ("errors"),
  [MEMBER_TASKS] = BARUA_TEXT ("tasks"),
  [MEMBER_CONTACT] = BARUA_TEXT ("contact"),
  [MEMBER_CONTENT_TYPE] = BARUA_TEXT ("content_type"),
};

/* A document that was written: what it says, and where that is. */
typedef struct
{
  const BaruaItem *item;
  BaruaText id;
  BaruaText rev;
  BaruaJson body;
  BaruaJson members[N_MEMBERS];
} Subject;

/* A value that is a string or a number, as text; absent otherwise. */
static BaruaText
text_of (BaruaArena *arena, BaruaJson value)
{
  return barua_json_type (value) == BARUA_JSON_NUMBER ? (BaruaText){ value.text, value.length }
                                                      : barua_arena_json_text (arena, value);
}

/* The JSON of a value as text, or that of what stands for an absent one. */
static BaruaText
json_of (BaruaJson value, BaruaText absent)
{
  return value.text != NULL ? (BaruaText){ value.text, value.length } : absent;
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
        = (BaruaRecordError){ text_of (arena, barua_json_member (entry, "code")),
                              text_of (arena, barua_json_member (entry, "message")) };
}

/* The record that a document is, as far as the rules look at it. */
static void
read_record (BaruaRecord *record, BaruaArena *arena, const BaruaJson *members)
{
  *record = (BaruaRecord){ 0 };
  record->from = text_of (arena, members[MEMBER_FROM]);
  record->form = text_of (arena, members[MEMBER_FORM]);
  record->locale = text_of (arena, members[MEMBER_LOCALE]);
  record->fields = json_of (members[MEMBER_FIELDS], BARUA_TEXT ("{}"));
  record->refid = json_of (members[MEMBER_REFID], (BaruaText){ NULL, 0 });
  record->sms_message = json_of (members[MEMBER_SMS_MESSAGE], BARUA_TEXT ("{}"));
  record->reported_date_ms = barua_json_number (members[MEMBER_REPORTED_DATE]);
  read_errors (record, arena, members[MEMBER_ERRORS]);
}

/* Whether this kind of write may be for the rules: a live document that was not known before, in
 * the revision that is served now. */
static gboolean
is_served (const BaruaItem *item)
{
  return !item->is_deleted && item->written.seq != 0 && item->written.wins;
}

/* The rows that ran over the document before.  A record without a note that has a parent did not
 * begin with a client: all rows that were on ran when it was made. */
static gboolean
find_done (BaruaTx *tx, const Subject *subject, guint64 *done, GError **error)
{
  gboolean is_noted = FALSE;

  if (!barua_reader_get_done (barua_tx_reader (tx), &subject->item->written, done, &is_noted,
                              error))
    return FALSE;
  if (!is_noted && !barua_text_has_prefix (subject->rev, "1-"))
    *done = G_MAXUINT64;
  return TRUE;
}

/* The inside of the array @tasks, to be appended to. */
static GString *
open_tasks (BaruaJson tasks)
{
  GString *inside = g_string_new ("[");

  if (barua_json_type (tasks) == BARUA_JSON_ARRAY)
    {
      g_string_truncate (inside, 0);
      g_string_append_len (inside, tasks.text, (gssize)tasks.length - 1);
    }
  return inside;
}

/* @errors, with those that the rules added after the first @n. */
static GString *
make_errors (BaruaJson errors, const BaruaRecord *record, guint n)
{
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
put_changed (BaruaTx *tx, const BaruaTransition *transition, const Subject *subject,
             gsize tasks_length, guint n_errors, GError **error)
{
  g_autoptr (GString) errors = NULL;
  g_autoptr (GString) changed = NULL;
  BaruaMemberEdit edits[3];
  gsize n = 0;

  if (transition->tasks->len != tasks_length)
    {
      g_string_append_c (transition->tasks, ']');
      edits[n++] = (BaruaMemberEdit){ "tasks", { transition->tasks->str, transition->tasks->len } };
    }
  if (transition->record->n_errors != n_errors)
    {
      errors = make_errors (subject->members[MEMBER_ERRORS], transition->record, n_errors);
      edits[n++] = (BaruaMemberEdit){ "errors", { errors->str, errors->len } };
    }
  if (transition->contact.p != NULL && !barua_json_truthy (subject->members[MEMBER_CONTACT]))
    edits[n++] = (BaruaMemberEdit){ "contact", transition->contact };
  if (n == 0)
    return TRUE;
  changed = g_string_sized_new (subject->body.length + transition->tasks->len + 256);
  barua_document_edit (changed, subject->body, edits, n);
  const BaruaEdit edit = {
    .id = subject->id,
    .rev = subject->rev,
    .body = { changed->str, changed->len },
    .is_server_made = TRUE,
  };
  return barua_tx_put_document (tx, &edit, NULL, error);
}

/* Runs the rows over a record that is the winner now. */
static gboolean
run_rows (BaruaTx *tx, const BaruaSettings *settings, const Subject *subject, guint64 done,
          gint64 now_ms, GError **error)
{
  BaruaRecord record;
  g_auto (BaruaStoreLookup) lookup = { .tx = tx };
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (GString) tasks = open_tasks (subject->members[MEMBER_TASKS]);
  const gsize tasks_length = tasks->len;
  const BaruaJson contact = subject->members[MEMBER_CONTACT];

  read_record (&record, arena, subject->members);
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
    .is_xform = barua_json_string_is (subject->members[MEMBER_CONTENT_TYPE], BARUA_TEXT ("xml")),
  };
  if (barua_json_truthy (contact))
    transition.contact = (BaruaText){ contact.text, contact.length };
  if (!barua_transitions_run (&transition, error))
    return FALSE;
  if ((transition.done != done || done == 0)
      && !barua_tx_put_done (tx, &subject->item->written, transition.done, error))
    return FALSE;
  return put_changed (tx, &transition, subject, tasks_length, n_errors, error);
}

/* Whether the sender of a record that all rows ran over is still looked for (workflows.md 1.1). */
static gboolean
wants_sender (const BaruaSettings *settings, const Subject *subject)
{
  return !barua_json_truthy (subject->members[MEMBER_CONTACT])
         && barua_transition_is_on (settings, "update_clinics");
}

gboolean
barua_document_run_rules (BaruaTx *tx, const BaruaSettings *settings, const BaruaItem *item,
                          gint64 now_ms, GError **error)
{
  Subject subject = { .item = item,
                      .id = barua_text (item->written.id),
                      .body = { item->body->str, item->body->len } };
  g_autoptr (GString) rev = NULL;
  guint64 done = 0;

  if (!is_served (item))
    return TRUE;
  barua_json_members (subject.body, member_names, subject.members, N_MEMBERS);
  if (!barua_json_string_is (subject.members[MEMBER_TYPE], BARUA_TEXT ("data_record")))
    return TRUE;
  rev = g_string_new (NULL);
  barua_item_append_rev (rev, item);
  subject.rev = (BaruaText){ rev->str, rev->len };
  if (!find_done (tx, &subject, &done, error))
    return FALSE;
  return (done == G_MAXUINT64 && !wants_sender (settings, &subject))
         || run_rows (tx, settings, &subject, done, now_ms, error);
}
