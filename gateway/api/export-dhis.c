/* SPDX-License-Identifier: MIT */

/* Values of a month for DHIS2: one answer, from contacts and target documents. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/export-dhis.h"

#include "gateway/api/failure.h"
#include "gateway/rules/dhis.h"
#include "gateway/store/rules-lookup.h"
#include "gateway/store/store-views.h"

#include <time.h>

#define NAME_BYTES 80
#define TARGETS_AT_ONCE 100
#define CONTACTS_DDOC "medic-client"
#define CONTACTS_VIEW "contacts_by_type"

/* One question. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  BaruaDhis *dhis;
  GPtrArray *kept;  /* of GBytes: target documents that are read; NULL before the first */
  GString *last_id; /* of these */
} Question;

static void
question_free (gpointer data)
{
  Question *question = data;

  barua_request_unref (question->request);
  barua_dhis_free (question->dhis);
  g_clear_pointer (&question->kept, g_ptr_array_unref);
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

/* BaruaViewFunc */
static gboolean
take_contact (const BaruaViewRow *row, gpointer data)
{
  Question *question = data;

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

  g_ptr_array_add (question->kept, g_bytes_new (row->body.p, row->body.n));
  g_string_truncate (question->last_id, 0);
  g_string_append_len (question->last_id, row->id.p, (gssize)row->id.n);
  return TRUE;
}

/* Reads the next target documents of the month; @is_over: there are no more. */
static gboolean
read_some_targets (BaruaReader *reader, Question *question, const BaruaLookup *lookup,
                   gboolean *is_over, GError **error)
{
  g_autofree char *end
      = g_strconcat (barua_dhis_prefix (question->dhis), "\xef\xbf\xb0", NULL);
  g_autofree char *start = g_strdup (question->last_id->str);
  BaruaListingTotals totals;
  const BaruaListing listing = { .start = barua_text (start),
                                 .end = barua_text (end),
                                 .includes_docs = TRUE,
                                 .includes_hidden = TRUE,
                                 .skip = question->kept != NULL ? 1 : 0, /* the last one again */
                                 .limit = TARGETS_AT_ONCE };

  g_clear_pointer (&question->kept, g_ptr_array_unref);
  question->kept = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  if (!barua_reader_all_docs (reader, &listing, &totals, keep_target, question, error))
    return FALSE;
  *is_over = question->kept->len < TARGETS_AT_ONCE;
  for (guint i = 0; i < question->kept->len; i++)
    {
      gsize length;
      const char *text = g_bytes_get_data (question->kept->pdata[i], &length);
      if (!add_target (question, lookup, (BaruaJson){ text, length }, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
read_targets (BaruaReader *reader, Question *question, const BaruaLookup *lookup, GError **error)
{
  gboolean is_over = FALSE;

  g_string_assign (question->last_id, barua_dhis_prefix (question->dhis));
  while (!is_over)
    if (!read_some_targets (reader, question, lookup, &is_over, error))
      return FALSE;
  return TRUE;
}

/* BaruaQuery */
static gboolean
read_all (BaruaReader *reader, gpointer data, GError **error)
{
  Question *question = data;
  g_auto (BaruaStoreLookup) lookup;
  BaruaListingTotals totals;
  const BaruaViewQuery contacts = { .ddoc = CONTACTS_DDOC,
                                    .view = CONTACTS_VIEW,
                                    .includes_docs = TRUE,
                                    .includes_hidden = TRUE,
                                    .limit = -1 };

  barua_store_lookup_init (&lookup, reader, NULL);
  return barua_reader_view (reader, &contacts, &totals, take_contact, question, error)
         && read_targets (reader, question, &lookup.lookup, error);
}

static void
reply (GObject *source, GAsyncResult *result, gpointer data)
{
  Question *question = data; /* freed by the store afterwards */
  g_autoptr (GError) error = NULL;

  if (!barua_store_read_finish (question->app->store, result, &error))
    {
      barua_api_fail (question->request, error);
      return;
    }
  barua_export_add_file_name (question->request, "dhis", "json");
  barua_request_reply_json (question->request, 200, barua_dhis_json (question->dhis));
}

static void
caught_up (GObject *source, GAsyncResult *result, gpointer data)
{
  Question *question = data;
  g_autoptr (GError) error = NULL;

  if (barua_store_catch_up_finish (question->app->store, result, &error))
    {
      barua_store_read_async (question->app->store, read_all, question, question_free, NULL, reply,
                              question);
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
  question->last_id = g_string_new (NULL);
  barua_store_catch_up_async (app->store, NULL, CONTACTS_DDOC, CONTACTS_VIEW, NULL, caught_up,
                              question);
}
