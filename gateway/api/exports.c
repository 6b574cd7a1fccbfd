/* SPDX-License-Identifier: MIT */

/* GET and POST /api/v2/export/… (export-and-monitoring.md 1 to 6): read page by page, each in a
 * snapshot of its own, the next when the client has taken the one before. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/export-dhis.h"
#include "gateway/api/handlers.h"
#include "gateway/http/brackets.h"
#include "gateway/http/stream.h"
#include "gateway/rules/export.h"
#include "gateway/rules/lineage.h"
#include "gateway/store/rules-lookup.h"
#include "gateway/store/store-views.h"

/* Of one hydrated document; a lineage is a few kilobytes. */
#define MAX_HYDRATED_BYTES (16u * 1024 * 1024)
/* A page ends early when its rows take this much. */
#define MAX_PAGE_BYTES (256u * 1024)
/* Pages within one read when the filters let nothing through. */
#define MAX_EMPTY_PAGES 10u
/* Of a query (section 1.6 says 64 KiB; libsoup cuts a connection whose whole head has 64 KiB). */
#define MAX_QUERY_BYTES (60u * 1024)

/* Where the documents of a type come from. */
typedef struct
{
  const char *db; /* NULL: the default one */
  const char *ddoc;
  const char *view; /* NULL: by id */
  gboolean is_descending;
} Source;

static const Source sources[] = {
  [BARUA_EXPORT_MESSAGES] = { NULL, "barua", "records_by_date", FALSE },
  [BARUA_EXPORT_REPORTS] = { NULL, "medic-client", "reports_by_date", TRUE },
  [BARUA_EXPORT_CONTACTS] = { NULL, "medic-client", "contacts_by_type", FALSE },
  [BARUA_EXPORT_FEEDBACK] = { BARUA_DB_USERS_META, NULL, NULL, TRUE },
};
static const Source contacts_in_order = { NULL, "barua", "contacts_by_order", FALSE };

/* One export that is sent. */
typedef struct
{
  BaruaApp *app;
  BaruaExport export;
  Source source;
  BaruaArena *arena;
  BaruaStream *stream;
  GString *out;
  GString *last_key; /* of the row that was read last; empty before the first */
  GString *last_id;
  guint n_left;      /* documents of the page that is read */
  gboolean collects; /* the first walk of reports: which columns there are */
  gboolean has_forms; /* the columns of their definitions are known */
  gboolean is_full;
  gboolean is_over;
  gboolean is_working;
  gboolean is_closed;
  GArray *kept; /* of Kept: the page that is read */
  gsize kept_bytes; /* of the documents of this page that were let through */
} Sending;

static void
sending_free (Sending *sending)
{
  barua_export_clear (&sending->export);
  barua_arena_free (sending->arena);
  g_string_free (sending->out, TRUE);
  g_string_free (sending->last_key, TRUE);
  g_string_free (sending->last_id, TRUE);
  g_array_unref (sending->kept);
  g_free (sending);
}

/* ---- documents ---- */

/* A document that the filters let through, kept until the listing is over: what it points to is read
 * with the same statements. */
typedef struct
{
  char *id;
  char *rev;
  char *body;
  gsize length;
} Kept;

static void
kept_clear (gpointer data)
{
  Kept *kept = data;

  g_free (kept->id);
  g_free (kept->rev);
  g_free (kept->body);
}

/* Copies a document of which rows are to be written. */
static void
keep_document (Sending *sending, BaruaText id, BaruaText rev, BaruaText body)
{
  const Kept kept = { g_strndup (id.p, id.n), g_strndup (rev.p, rev.n), g_strndup (body.p, body.n),
                      body.n };

  g_array_append_val (sending->kept, kept);
}

/* Takes one document, or the names of its fields; FALSE ends the page. */
static gboolean
take_document (Sending *sending, BaruaText id, BaruaText rev, BaruaText body)
{
  const BaruaJson document = { body.p, body.n };

  if (body.p != NULL && barua_export_matches (&sending->export, document))
    {
      if (sending->collects)
        barua_export_collect_fields (&sending->export, document);
      else
        keep_document (sending, id, rev, body);
      sending->kept_bytes += body.n;
    }
  g_string_truncate (sending->last_id, 0);
  g_string_append_len (sending->last_id, id.p, (gssize)id.n);
  sending->n_left--;
  sending->is_full = sending->n_left == 0 || sending->kept_bytes >= MAX_PAGE_BYTES;
  return !sending->is_full;
}

/* Appends the rows of a document, with what it points to. */
static gboolean
append_hydrated (Sending *sending, const BaruaLookup *lookup, const Kept *kept, GError **error)
{
  const BaruaStored stored = { .id = barua_text (kept->id),
                               .rev = barua_text (kept->rev),
                               .body = { kept->body, kept->length } };
  const BaruaHydration hydration
      = { .lookup = lookup,
          .arena = sending->arena,
          .max_bytes = MAX_HYDRATED_BYTES,
          .depth = barua_export_depth (&sending->export, stored.body) };
  g_autoptr (GString) whole = g_string_new (NULL);
  BaruaJson document;

  barua_arena_reset (sending->arena);
  if (!barua_lineage_append_hydrated (&hydration, &stored, whole, error)
      || !barua_json_read (whole->str, (gssize)whole->len, &document, error))
    return FALSE;
  barua_export_append_rows (&sending->export, sending->arena, document, sending->out);
  return TRUE;
}

/* Writes what was kept, and forgets it. */
static gboolean
append_kept (Sending *sending, const BaruaLookup *lookup, GError **error)
{
  for (guint i = 0; i < sending->kept->len; i++)
    if (!append_hydrated (sending, lookup, &g_array_index (sending->kept, Kept, i), error))
      return FALSE;
  g_array_set_size (sending->kept, 0);
  sending->kept_bytes = 0;
  return TRUE;
}

/* BaruaViewFunc */
static gboolean
take_view_row (const BaruaViewRow *row, gpointer data)
{
  Sending *sending = data;

  if (barua_text_equal (row->key, (BaruaText){ sending->last_key->str, sending->last_key->len })
      && barua_text_equal (row->id, (BaruaText){ sending->last_id->str, sending->last_id->len }))
    return TRUE; /* the page before ended with it */
  g_string_truncate (sending->last_key, 0);
  g_string_append_len (sending->last_key, row->key.p, (gssize)row->key.n);
  return take_document (sending, row->id, row->rev, row->body);
}

/* BaruaListingFunc */
static gboolean
take_listing_row (const BaruaListingRow *row, gpointer data)
{
  Sending *sending = data;

  if (barua_text_equal (row->id, (BaruaText){ sending->last_id->str, sending->last_id->len }))
    return TRUE;
  return take_document (sending, row->id, row->rev, row->body);
}

/* ---- one page ---- */

/* The end of the dates that a walk by date begins at, and the other. */
static void
limit_dates (const Sending *sending, GString *start, GString *end)
{
  const BaruaExportFilters *filters = &sending->export.filters;
  const gboolean is_descending = sending->source.is_descending;
  const char *form = sending->export.type == BARUA_EXPORT_REPORTS ? "[%" G_GINT64_FORMAT "]"
                                                                  : "%" G_GINT64_FORMAT;

  if (!filters->has_dates)
    return;
  g_string_printf (is_descending ? end : start, form, filters->from_ms);
  g_string_printf (is_descending ? start : end, form, filters->to_ms);
}

static gboolean
read_view (BaruaReader *reader, Sending *sending, GError **error)
{
  g_autoptr (GString) start = g_string_new (NULL);
  g_autoptr (GString) end = g_string_new (NULL);
  BaruaViewQuery query = { .db = sending->source.db,
                           .ddoc = sending->source.ddoc,
                           .view = sending->source.view,
                           .is_descending = sending->source.is_descending,
                           .includes_docs = TRUE,
                           .includes_hidden = TRUE,
                           .limit = sending->n_left + 1 };

  limit_dates (sending, start, end);
  if (sending->last_key->len > 0)
    {
      g_string_assign (start, sending->last_key->str);
      query.start_id = (BaruaText){ sending->last_id->str, sending->last_id->len };
    }
  if (start->len > 0)
    query.start = (BaruaJson){ start->str, start->len };
  if (end->len > 0)
    query.end = (BaruaJson){ end->str, end->len };
  return barua_reader_view (reader, &query, NULL, take_view_row, sending, error);
}

/* BaruaViewFunc: keeps the key of the first row. */
static gboolean
take_key (const BaruaViewRow *row, gpointer data)
{
  g_string_append_len (data, row->key.p, (gssize)row->key.n);
  return FALSE;
}

/* Notes the columns of all forms that have reports, whatever the filters let through (section 3): one
 * look at the index for each of them. */
static gboolean
read_forms (BaruaReader *reader, Sending *sending, GError **error)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (GString) start = g_string_new ("[]");
  g_autoptr (GString) found = g_string_new (NULL);
  BaruaViewQuery query = { .ddoc = "medic-client",
                           .view = "reports_by_form",
                           .includes_hidden = TRUE,
                           .limit = 1 };
  BaruaJsonIter iter;
  BaruaJson key, code;

  while (TRUE)
    {
      query.start = (BaruaJson){ start->str, start->len };
      g_string_truncate (found, 0);
      if (!barua_reader_view (reader, &query, NULL, take_key, found, error))
        return FALSE;
      if (found->len == 0)
        return TRUE;
      key = (BaruaJson){ found->str, found->len };
      barua_json_iter_init (&iter, key);
      if (barua_json_iter_next (&iter, NULL, &code))
        barua_export_add_form (&sending->export, barua_arena_json_text (arena, code));
      g_string_truncate (start, 0); /* the first key after ["CODE"] with whatever follows */
      g_string_append_len (start, found->str, (gssize)found->len - 1);
      g_string_append (start, ",{}]");
    }
}

static gboolean
read_listing (BaruaReader *reader, Sending *sending, GError **error)
{
  BaruaListingTotals totals;
  BaruaListing listing = { .db = sending->source.db,
                           .start = BARUA_TEXT ("feedback-\xef\xbf\xb0"),
                           .end = BARUA_TEXT ("feedback-"),
                           .is_descending = sending->source.is_descending,
                           .includes_docs = TRUE,
                           .includes_hidden = TRUE,
                           .limit = sending->n_left + 1 };

  if (sending->last_id->len > 0)
    listing.start = (BaruaText){ sending->last_id->str, sending->last_id->len };
  return barua_reader_all_docs (reader, &listing, &totals, take_listing_row, sending, error);
}

/* Reads until there are rows, or enough was looked at. */
static gboolean
read_page (BaruaReader *reader, Sending *sending, const BaruaLookup *lookup, GError **error)
{
  for (guint i = 0; i < MAX_EMPTY_PAGES; i++)
    {
      sending->n_left = sending->export.page;
      sending->is_full = FALSE;
      if (!(sending->source.view != NULL ? read_view : read_listing) (reader, sending, error)
          || !append_kept (sending, lookup, error))
        return FALSE;
      sending->is_over = !sending->is_full;
      if (sending->is_over || sending->out->len > 0)
        break;
    }
  return TRUE;
}

/* BaruaQuery */
static gboolean
page_query (BaruaReader *reader, gpointer data, GError **error)
{
  Sending *sending = data;
  g_auto (BaruaStoreLookup) lookup;

  if (sending->collects && !sending->has_forms && sending->export.filters.codes == NULL
      && !read_forms (reader, sending, error))
    return FALSE;
  sending->has_forms = TRUE;
  barua_store_lookup_init (&lookup, reader, NULL);
  return read_page (reader, sending, &lookup.lookup, error);
}

/* ---- the answer ---- */

static void read_next (Sending *sending);

/* Sends what was written so far: the rest of the header line, rows. */
static void
flush (Sending *sending)
{
  barua_stream_write (sending->stream, g_bytes_new (sending->out->str, sending->out->len));
  g_string_truncate (sending->out, 0);
}

/* Tells a failure after the first byte (section 1.3), on lines of its own. */
static void
fail_late (Sending *sending, const GError *error)
{
  g_warning ("an export failed: %s", error->message);
  if (sending->collects && !sending->export.skips_header)
    g_string_append_c (sending->out, '\n');
  g_string_append (sending->out, "--ERROR--\nError exporting data: the data could not be read\n");
  flush (sending);
  barua_stream_end (sending->stream);
}

/* What comes after a walk: the rows after the columns, the end after the rows. */
static void
walk_is_over (Sending *sending)
{
  if (!sending->collects)
    {
      barua_stream_end (sending->stream);
      return;
    }
  sending->collects = sending->is_over = FALSE;
  g_string_truncate (sending->last_key, 0);
  g_string_truncate (sending->last_id, 0);
  barua_export_sort_fields (&sending->export);
  barua_export_append_columns (&sending->export, sending->out);
  read_next (sending);
}

/* A page was read, or the view brought up to date: TRUE when the answer goes on. */
static gboolean
go_on (Sending *sending, const GError *error)
{
  sending->is_working = FALSE;
  if (sending->is_closed)
    {
      sending_free (sending);
      return FALSE;
    }
  if (error != NULL)
    {
      fail_late (sending, error);
      return FALSE;
    }
  return TRUE;
}

static void
page_read (GObject *source, GAsyncResult *result, gpointer data)
{
  Sending *sending = data;
  g_autoptr (GError) error = NULL;

  barua_store_read_finish (sending->app->store, result, &error);
  if (!go_on (sending, error))
    return;
  if (sending->out->len > 0)
    {
      flush (sending);
      if (sending->is_over)
        walk_is_over (sending);
    }
  else if (sending->is_over)
    walk_is_over (sending);
  else
    read_next (sending);
}

static void
read_next (Sending *sending)
{
  sending->is_working = TRUE;
  barua_store_read_async (sending->app->store, page_query, sending, NULL, NULL, page_read, sending);
}

static void
caught_up (GObject *source, GAsyncResult *result, gpointer data)
{
  Sending *sending = data;
  g_autoptr (GError) error = NULL;

  barua_store_catch_up_finish (sending->app->store, result, &error);
  if (go_on (sending, error))
    read_next (sending);
}

/* BaruaStreamCalls.want: the next page, when the client has taken the one before. */
static void
want (BaruaStream *stream, gpointer data)
{
  Sending *sending = data;

  if (!sending->is_working)
    read_next (sending);
}

/* The stream is closed: stops, unless a page is being read. */
static void
stream_closed (gpointer data)
{
  Sending *sending = data;

  sending->is_closed = TRUE;
  if (!sending->is_working)
    sending_free (sending);
}

static const BaruaStreamCalls stream_calls = { .want = want };

/* Sends what is known from the beginning: a proxy is not to take an index that is brought up to date, or a walk
 * for the columns, for a server that does not answer. */
static void
send_header (Sending *sending)
{
  barua_export_append_header (&sending->export, sending->out);
  flush (sending);
}

/* Answers with a stream. @export: taken. */
static void
send_export (BaruaRequest *request, BaruaApp *app, BaruaExport *export)
{
  Sending *sending = g_new0 (Sending, 1);
  const gboolean is_ordered = barua_export_filters_contacts (export);

  sending->app = app;
  sending->export = *export;
  *export = (BaruaExport){ .type = sending->export.type };
  sending->source = is_ordered && sending->export.type == BARUA_EXPORT_CONTACTS
                        ? contacts_in_order
                        : sources[sending->export.type];
  sending->arena = barua_arena_new ();
  sending->kept = g_array_new (FALSE, FALSE, sizeof (Kept));
  g_array_set_clear_func (sending->kept, kept_clear);
  sending->out = g_string_new (NULL);
  sending->last_key = g_string_new (NULL);
  sending->last_id = g_string_new (NULL);
  sending->collects = sending->export.type == BARUA_EXPORT_REPORTS;
  barua_export_add_file_name (request, barua_export_type_name (sending->export.type), "csv");
  sending->is_working = TRUE; /* until there is something to send */
  sending->stream
      = barua_stream_begin (request, 200, "text/csv; charset=utf-8", BARUA_STREAM_UNKNOWN_LENGTH,
                            BARUA_STREAM_LEAVES, &stream_calls, sending, stream_closed);
  send_header (sending);
  if (sending->source.view == NULL)
    read_next (sending);
  else
    barua_store_catch_up_async (app->store, sending->source.db, sending->source.ddoc,
                                sending->source.view, NULL, caught_up, sending);
}

/* ---- the question ---- */

/* A member of the body, else of the query (section 1.1). */
static BaruaJson
asked (BaruaJson body, BaruaJson query, const char *name)
{
  const BaruaJson value = barua_json_member (body, name);

  return barua_json_is_nothing (value) ? barua_json_member (query, name) : value;
}

/* Reads what is asked and answers. */
static void
answer (BaruaRequest *request, BaruaApp *app, BaruaExportType type)
{
  const char *mark = strchr (barua_request_target (request), '?');
  const char *query_text = mark != NULL ? mark + 1 : "";
  g_autoptr (GString) query_json = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (BaruaExport) export = { .type = type };
  BaruaJson query = BARUA_JSON_NONE;

  if (strlen (query_text) > MAX_QUERY_BYTES)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_URI_TOO_LONG, NULL, NULL);
      return;
    }
  query_json = barua_brackets_to_json (query_text, strlen (query_text));
  barua_json_read (query_json->str, (gssize)query_json->len, &query, NULL);
  const BaruaJson body = barua_request_json (request);
  const BaruaJson filters = asked (body, query, "filters");
  const BaruaJson options = asked (body, query, "options");
  if (!barua_export_read (type, barua_request_settings (request), filters, options, barua_now_ms (),
                          &export, &error)
      || !barua_export_read_old (&export, asked (body, query, "format"),
                                 asked (body, query, "skip_header_row"), &error))
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, error->message, NULL);
      return;
    }
  if (type != BARUA_EXPORT_DHIS)
    send_export (request, app, &export);
  else
    barua_export_dhis (request, app, filters, export.is_human);
}

void
barua_api_export (BaruaRequest *request, gpointer app)
{
  const char *name = strrchr (barua_request_path (request), '/') + 1;
  const char *unknown = barua_request_param (request, "type");
  BaruaExportType type;

  if (unknown == NULL && barua_export_type (name, &type))
    {
      answer (request, app, type);
      return;
    }
  g_autofree char *message
      = g_strdup_printf ("Invalid export type \"%s\"", unknown != NULL ? unknown : name);
  barua_request_fail (request, BARUA_HTTP_ERROR_NOT_FOUND, message, NULL);
}
