/* SPDX-License-Identifier: MIT */

/* Values of a month for DHIS2: one answer, from contacts and target documents, which are read page by page, so
 * that nobody waits for the log to be written back. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/export-dhis.h"

#include "gateway/api/failure.h"
#include "gateway/rules/dhis.h"
#include "gateway/store/rules-lookup.h"
#include "gateway/store/store-views.h"

#include <time.h>

#define NAME_BYTES 80
#define CONTACTS_AT_ONCE 1000
#define TARGETS_AT_ONCE 100
#define CONTACTS_DDOC "medic-client"
#define CONTACTS_VIEW "contacts_by_type"

/* One question. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  BaruaDhis *dhis;
  gboolean has_contacts; /* all of them; targets come after */
  gboolean is_over;
  guint n_read;      /* rows of the page */
  GPtrArray *kept;   /* of GBytes: the target documents of the page */
  GString *last_key; /* of the contact read last; empty before the first */
  GString *last_id;  /* of the document read last */
} Question;

static void
question_free (gpointer data)
{
  Question *question = data;

  barua_request_unref (question->request);
  barua_dhis_free (question->dhis);
  g_ptr_array_unref (question->kept);
  g_string_free (question->last_key, TRUE);
  g_string_free (question->last_id, TRUE);
  g_free (question);
}

void
barua_export_add_file_name (BaruaRequest *request, const char *type, const char *ending)
{
  char when[16], header[NAME_BYTES];
  time_t now = time (NULL);
  struct tm parts;

  localtime_r (&now, &parts);
  strftime (when, sizeof when, "%Y%m%d%H%M", &parts);
  g_snprintf (header, sizeof header, "attachment; filename=%s-%s.%s", type, when, ending);
  barua_request_add_header (request, "Content-Disposition", header);
}

/* Counts a row, and notes that it was read, unless the page before ended with it. */
static gboolean
is_new (Question *question, BaruaText id)
{
  question->n_read++;
  if (barua_text_equal (id, (BaruaText){ question->last_id->str, question->last_id->len }))
    return FALSE;
  g_string_truncate (question->last_id, 0);
  g_string_append_len (question->last_id, id.p, (gssize)id.n);
  return TRUE;
}

/* BaruaViewFunc */
static gboolean
take_contact (const BaruaViewRow *row, gpointer data)
{
  Question *question = data;

  if (!is_new (question, row->id))
    return TRUE;
  g_string_truncate (question->last_key, 0);
  g_string_append_len (question->last_key, row->key.p, (gssize)row->key.n);
  if (row->body.p != NULL)
    barua_dhis_add_contact (question->dhis, row->id, (BaruaJson){ row->body.p, row->body.n });
  return TRUE;
}

/* Adds one target document to the sums. */
static gboolean
add_target (Question *question, const BaruaLookup *lookup, BaruaJson document, GError **error)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  const BaruaText owner = barua_arena_json_text (arena, barua_json_member (document, "owner"));
  BaruaStored stored = { .body = BARUA_JSON_NONE };

  if (owner.p != NULL && !lookup->get_document (lookup->data, owner, &stored, error))
    return FALSE;
  barua_dhis_add_target (question->dhis, document, owner, stored.body);
  return TRUE;
}

/* BaruaListingFunc: keeps a target document, as its owner is read with the same statements. */
static gboolean
keep_target (const BaruaListingRow *row, gpointer data)
{
  Question *question = data;

  if (is_new (question, row->id))
    g_ptr_array_add (question->kept, g_bytes_new (row->body.p, row->body.n));
  return TRUE;
}

/* Reads the next contacts, by type and id; after the last come the targets. */
static gboolean
read_contacts (BaruaReader *reader, Question *question, GError **error)
{
  g_autofree char *key = g_strdup (question->last_key->str);
  g_autofree char *id = g_strdup (question->last_id->str);
  BaruaViewQuery contacts = { .ddoc = CONTACTS_DDOC,
                              .view = CONTACTS_VIEW,
                              .includes_docs = TRUE,
                              .includes_hidden = TRUE,
                              .limit = CONTACTS_AT_ONCE };

  if (*key != '\0')
    {
      contacts.start = (BaruaJson){ key, strlen (key) };
      contacts.start_id = barua_text (id);
    }
  if (!barua_reader_view (reader, &contacts, NULL, take_contact, question, error))
    return FALSE;
  question->has_contacts = question->n_read < CONTACTS_AT_ONCE;
  if (question->has_contacts)
    g_string_assign (question->last_id, barua_dhis_prefix (question->dhis));
  return TRUE;
}

/* Reads the next target documents of the month. */
static gboolean
read_targets (BaruaReader *reader, Question *question, const BaruaLookup *lookup, GError **error)
{
  g_autofree char *end = g_strconcat (barua_dhis_prefix (question->dhis), "\xef\xbf\xb0", NULL);
  g_autofree char *start = g_strdup (question->last_id->str);
  BaruaListingTotals totals;
  const BaruaListing listing = { .start = barua_text (start),
                                 .end = barua_text (end),
                                 .includes_docs = TRUE,
                                 .includes_hidden = TRUE,
                                 .limit = TARGETS_AT_ONCE };

  g_ptr_array_set_size (question->kept, 0);
  if (!barua_reader_all_docs (reader, &listing, &totals, keep_target, question, error))
    return FALSE;
  question->is_over = question->n_read < TARGETS_AT_ONCE;
  for (guint i = 0; i < question->kept->len; i++)
    {
      gsize length;
      const char *text = g_bytes_get_data (question->kept->pdata[i], &length);
      if (!add_target (question, lookup, (BaruaJson){ text, length }, error))
        return FALSE;
    }
  return TRUE;
}

/* BaruaQuery */
static gboolean
read_page (BaruaReader *reader, gpointer data, GError **error)
{
  Question *question = data;
  g_auto (BaruaStoreLookup) lookup = { 0 };

  question->n_read = 0;
  if (!question->has_contacts)
    return read_contacts (reader, question, error);
  barua_store_lookup_init (&lookup, reader, NULL);
  return read_targets (reader, question, &lookup.lookup, error);
}

static void read_next (Question *question);

static void
page_read (GObject *source, GAsyncResult *result, gpointer data)
{
  Question *question = data;
  g_autoptr (GError) error = NULL;

  if (!barua_store_read_finish (question->app->store, result, &error))
    barua_api_fail (question->request, error);
  else if (!question->is_over)
    {
      read_next (question);
      return;
    }
  else
    {
      barua_export_add_file_name (question->request, "dhis", "json");
      barua_request_reply_json (question->request, 200, barua_dhis_json (question->dhis));
    }
  question_free (question);
}

static void
read_next (Question *question)
{
  barua_store_read_async (question->app->store, read_page, question, NULL, NULL, page_read,
                          question);
}

static void
caught_up (GObject *source, GAsyncResult *result, gpointer data)
{
  Question *question = data;
  g_autoptr (GError) error = NULL;

  if (barua_store_catch_up_finish (question->app->store, result, &error))
    {
      read_next (question);
      return;
    }
  barua_api_fail (question->request, error);
  question_free (question);
}

void
barua_export_dhis (BaruaRequest *request, BaruaApp *app, BaruaJson filters, gboolean is_human)
{
  g_autoptr (GError) error = NULL;
  BaruaDhis *dhis = barua_dhis_new (barua_request_settings (request), filters, is_human, &error);

  if (dhis == NULL)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, error->message, NULL);
      return;
    }
  Question *question = g_new0 (Question, 1);
  question->app = app;
  question->request = barua_request_ref (request);
  question->dhis = dhis;
  question->kept = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  question->last_key = g_string_new (NULL);
  question->last_id = g_string_new (NULL);
  barua_store_catch_up_async (app->store, NULL, CONTACTS_DDOC, CONTACTS_VIEW, NULL, caught_up,
                              question);
}
