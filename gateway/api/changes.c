/* SPDX-License-Identifier: MIT */

/* `_changes`: what has changed since, now or as soon as something does (documents.md 8.4). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/changes.h"

#include "gateway/api/change-filter.h"
#include "gateway/api/document-pages.h"
#include "gateway/api/document-read.h"
#include "gateway/api/handlers.h"

#include <string.h>

#define TIMEOUT_MS 60000 /* the default, and the longest */
#define HEARTBEAT_MIN_MS 1000
#define MAX_EXAMINED 1000                      /* rows of one page that a filter looks at, */
#define MAX_EXAMINING_US (G_USEC_PER_SEC / 4)  /* and for how long: others want the reader too */
#define MAX_BACKWARDS_US (5 * G_USEC_PER_SEC)  /* the same where there are no pages */
#define MAX_ANSWER_BYTES (64u * 1024u * 1024u) /* of an answer that cannot be read in pages */

typedef enum
{
  FEED_NORMAL,
  FEED_LONGPOLL,
  FEED_CONTINUOUS,
  FEED_EVENTSOURCE,
} FeedKind;

/* One feed.  What @feed says is what is left of it. */
typedef struct
{
  BaruaCall call;
  FeedKind kind;
  BaruaFeed feed;
  BaruaFeedEnd end;
  BaruaShape shape;
  BaruaChangeFilter filter;
  gboolean includes_docs; /* the client wants them; a filter needs them in any case */
  guint n_examined;       /* rows of this page that the filter looked at */
  gint64 begun_us;        /* the page */
  GArray *ids;            /* of BaruaText, for the filter _doc_ids */
  BaruaReader *reader;    /* of the page that is read */
  GError *error;          /* of a row */
  GString *out;
  gint64 heartbeat_ms; /* 0: none */
  gint64 timeout_ms;
  guint timer;
  gboolean starts_now; /* since=now, not looked up yet */
  gboolean has_rows;   /* any was sent */
  gboolean is_full;    /* the page ended early: there is more */
  gboolean is_woken;   /* something was committed since the page was begun */
  gboolean is_expired; /* the time is over, or the server stops */
  gboolean is_reading;
  gboolean is_closed;
  gboolean is_listed; /* in app->feeds */
  BaruaStream *stream;
} Feed;

static void read_page (Feed *feed);

static void
feed_free (gpointer data)
{
  Feed *feed = data;

  if (feed->is_listed)
    g_ptr_array_remove_fast (feed->call.app->feeds, feed);
  g_clear_handle_id (&feed->timer, g_source_remove);
  g_clear_pointer (&feed->ids, g_array_unref);
  barua_change_filter_clear (&feed->filter);
  g_clear_error (&feed->error);
  if (feed->out != NULL)
    g_string_free (feed->out, TRUE);
  barua_call_close (&feed->call);
  g_free (feed);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Feed, feed_free)

/* ---- what is asked ---- */

static gboolean
refuse (Feed *feed, BaruaHttpErrorCode code, const char *reason)
{
  barua_request_fail (feed->call.request, code, reason, NULL);
  return FALSE;
}

/* `feed` */
static gboolean
take_kind (Feed *feed)
{
  static const struct
  {
    const char *name;
    FeedKind kind;
  } kinds[] = {
    { "normal", FEED_NORMAL },           { "longpoll", FEED_LONGPOLL },
    { "continuous", FEED_CONTINUOUS },   { "live", FEED_CONTINUOUS },
    { "eventsource", FEED_EVENTSOURCE },
  };
  const char *name = barua_request_parameter (feed->call.request, "feed", NULL);

  if (name == NULL)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (strcmp (name, kinds[i].name) == 0)
      {
        feed->kind = kinds[i].kind;
        return TRUE;
      }
  return refuse (feed, BARUA_HTTP_ERROR_BAD_REQUEST,
                 "Supported `feed` types: normal, continuous, live, longpoll, eventsource");
}

/* `since`: a number, one in quotes, one that begins a longer text, or `now`. */
static gboolean
take_since (Feed *feed)
{
  BaruaRequest *request = feed->call.request;
  const char *text = barua_request_parameter (request, "since", "last-event-id");
  char *end = NULL;

  if (text == NULL)
    text = barua_request_header (request, "Last-Event-ID");
  if (text == NULL)
    return TRUE;
  feed->starts_now = strcmp (text, "now") == 0 || strcmp (text, "\"now\"") == 0;
  if (feed->starts_now)
    return TRUE;
  text += *text == '"';
  guint64 since = g_ascii_isdigit (*text) ? g_ascii_strtoull (text, &end, 10) : G_MAXUINT64;
  if (since > G_MAXINT64)
    return refuse (feed, BARUA_HTTP_ERROR_BAD_REQUEST,
                   "Malformed sequence supplied in 'since' parameter.");
  feed->feed.since = (gint64)since;
  return TRUE;
}

/* `heartbeat` and `timeout`: the first overrides the second. */
static gboolean
take_times (Feed *feed)
{
  BaruaRequest *request = feed->call.request;
  const char *heartbeat = barua_request_parameter (request, "heartbeat", NULL);
  gint64 timeout = TIMEOUT_MS;

  if (heartbeat != NULL && g_ascii_strcasecmp (heartbeat, "true") == 0)
    feed->heartbeat_ms = TIMEOUT_MS;
  else if (heartbeat != NULL && g_ascii_strcasecmp (heartbeat, "false") != 0
           && !barua_request_take_integer (request, "heartbeat", &feed->heartbeat_ms))
    return FALSE;
  if (feed->heartbeat_ms > 0)
    feed->heartbeat_ms = CLAMP (feed->heartbeat_ms, HEARTBEAT_MIN_MS, G_MAXINT);
  if (!barua_request_take_integer (request, "timeout", &timeout))
    return FALSE;
  feed->timeout_ms = MIN (timeout, TIMEOUT_MS);
  return TRUE;
}

/* The documents of the filter `_doc_ids`: from the body, or the URL. */
static gboolean
take_ids (Feed *feed)
{
  BaruaJson list = BARUA_JSON_NONE, value;
  BaruaOptions options;
  BaruaJsonIter iter;

  if (!barua_options_init (&options, feed->call.request)
      || !barua_options_json (&options, "doc_ids", NULL, &list))
    return FALSE;
  if (barua_json_type (list) != BARUA_JSON_ARRAY)
    return refuse (feed, BARUA_HTTP_ERROR_BAD_REQUEST, "`doc_ids` filter parameter is not a list.");
  feed->ids = g_array_new (FALSE, FALSE, sizeof (BaruaText));
  barua_json_iter_init (&iter, list);
  while (barua_json_iter_next (&iter, NULL, &value))
    {
      BaruaText id = barua_arena_json_text (feed->call.arena, value);
      if (id.p == NULL)
        return refuse (feed, BARUA_HTTP_ERROR_BAD_REQUEST, "`doc_ids` must be a list of strings.");
      g_array_append_val (feed->ids, id);
    }
  feed->feed.ids
      = feed->ids->len > 0 ? (const BaruaText *)(void *)feed->ids->data : &BARUA_TEXT ("");
  feed->feed.n_ids = feed->ids->len;
  return TRUE;
}

/* `filter` */
static gboolean
take_filter (Feed *feed)
{
  const char *name = barua_request_parameter (feed->call.request, "filter", NULL);

  if (name == NULL)
    return TRUE;
  if (strcmp (name, "_doc_ids") == 0)
    return take_ids (feed);
  if (strcmp (name, "_selector") == 0)
    return barua_change_filter_take_selector (&feed->filter, &feed->call);
  if (strcmp (name, "_view") == 0)
    return barua_change_filter_take_view (&feed->filter, &feed->call);
  feed->feed.only_design = strcmp (name, "_design") == 0;
  return feed->feed.only_design || refuse (feed, BARUA_HTTP_ERROR_NOT_FOUND, "missing");
}

/* Reads the parameters; FALSE after an answer. */
static gboolean
take_parameters (Feed *feed)
{
  BaruaRequest *request = feed->call.request;
  BaruaFeed *wanted = &feed->feed;
  const char *style = barua_request_parameter (request, "style", NULL);

  wanted->db = feed->call.db;
  wanted->limit = -1;
  wanted->includes_hidden = feed->call.is_admin || feed->call.db != NULL;
  wanted->includes_leaves = style != NULL && strcmp (style, "all_docs") == 0;
  if (!(take_kind (feed) && take_since (feed) && take_times (feed) && take_filter (feed)
        && barua_request_take_integer (request, "limit", &wanted->limit)
        && barua_request_take_boolean (request, "descending", &wanted->is_descending)
        && barua_request_take_boolean (request, "include_docs", &feed->includes_docs)
        && barua_request_take_boolean (request, "conflicts", &feed->shape.has_conflicts)
        && barua_request_take_boolean (request, "attachments", &feed->shape.has_data)))
    return FALSE;
  wanted->includes_docs = feed->includes_docs || barua_change_filter_is_set (&feed->filter);
  return TRUE;
}

/* ---- rows ---- */

/* `doc` of a row: the winner. */
static gboolean
append_doc (Feed *feed, const BaruaChange *change)
{
  const BaruaDocument document = {
    .id = change->id,
    .rev = change->revs[0],
    .body = change->body,
    .attachments = change->attachments,
    .n_attachments = change->n_attachments,
    .seq = change->seq,
    .n_leaves = change->n_leaves,
    .is_deleted = change->is_deleted,
  };

  g_string_append (feed->out, ",\"doc\":");
  return barua_document_append_shaped (feed->out, feed->reader, feed->call.db, &document, NULL,
                                       &feed->shape, &feed->error);
}

/* Whether rows stand alone, not in an array. */
static gboolean
has_lines (const Feed *feed)
{
  return feed->kind == FEED_CONTINUOUS || feed->kind == FEED_EVENTSOURCE;
}

/* Appends one row in the form of the feed. */
static gboolean
append_row (Feed *feed, const BaruaChange *change)
{
  GString *out = feed->out;

  if (feed->kind == FEED_EVENTSOURCE)
    g_string_append (out, "data: ");
  else if (!has_lines (feed) && feed->has_rows)
    g_string_append (out, ",\n");
  feed->has_rows = TRUE;
  g_string_append_printf (out, "{\"seq\":%" G_GINT64_FORMAT ",\"id\":", change->seq);
  barua_json_append_string (out, change->id);
  g_string_append (out, ",\"changes\":[");
  for (gsize i = 0; i < change->n_revs; i++)
    {
      g_string_append (out, i > 0 ? ",{\"rev\":" : "{\"rev\":");
      barua_json_append_string (out, change->revs[i]);
      g_string_append_c (out, '}');
    }
  g_string_append (out, change->is_deleted ? "],\"deleted\":true" : "]");
  if (feed->includes_docs && !append_doc (feed, change))
    return FALSE;
  g_string_append (out, feed->kind == FEED_CONTINUOUS ? "}\n" : "}");
  if (feed->kind == FEED_EVENTSOURCE)
    g_string_append_printf (out, "\nid: %" G_GINT64_FORMAT "\n\n", change->seq);
  return TRUE;
}

/* Whether a page may go on behind a row that did not pass: it takes no longer than others. Where
 * there are no pages, an answer that would take too long is none. */
static gboolean
may_examine_more (Feed *feed)
{
  gint64 passed_us = g_get_monotonic_time () - feed->begun_us;

  if (!feed->feed.is_descending)
    feed->is_full = ++feed->n_examined >= MAX_EXAMINED || passed_us > MAX_EXAMINING_US;
  else if (passed_us > MAX_BACKWARDS_US)
    g_set_error_literal (&feed->error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_BUSY,
                         "too much to look at");
  return !feed->is_full && feed->error == NULL;
}

/* BaruaChangeFunc: goes on until the page is full. */
static gboolean
append_change (const BaruaChange *change, gpointer data)
{
  Feed *feed = data;
  GString *out = feed->out;

  if (barua_change_filter_is_set (&feed->filter)
      && !barua_change_filter_passes (&feed->filter, change))
    return may_examine_more (feed);
  if (!append_row (feed, change))
    return FALSE;
  if (feed->feed.limit > 0)
    feed->feed.limit--;
  if (feed->feed.is_descending)
    {
      if (out->len > MAX_ANSWER_BYTES)
        barua_answer_too_large (&feed->error);
      return feed->error == NULL && feed->feed.limit != 0;
    }
  feed->is_full = out->len >= BARUA_PAGE_BYTES && feed->feed.limit != 0;
  return !feed->is_full && feed->feed.limit != 0;
}

/* What stands before the rows of the array forms. */
static void
append_head (Feed *feed)
{
  if (!has_lines (feed))
    g_string_append (feed->out, "{\"results\":[\n");
}

/* What ends every form but that of events. */
static void
append_tail (Feed *feed)
{
  if (feed->kind == FEED_EVENTSOURCE)
    return;
  g_string_append_printf (
      feed->out, "%s\"last_seq\":%" G_GINT64_FORMAT ",\"pending\":%" G_GINT64_FORMAT "}",
      feed->kind == FEED_CONTINUOUS ? "{" : "\n],\n", feed->end.last_seq, feed->end.pending);
}

/* Query: the next page. */
static gboolean
query (BaruaReader *reader, gpointer data, GError **error)
{
  Feed *feed = data;
  BaruaDatabaseInfo info;
  BaruaFeed wanted;

  if (!barua_call_check_database (&feed->call, reader, error))
    return FALSE;
  if (feed->starts_now)
    {
      if (!barua_reader_database_info (reader, feed->call.db, &info, error))
        return FALSE;
      feed->feed.since = info.update_seq;
      feed->starts_now = FALSE;
    }
  feed->reader = reader;
  feed->is_full = FALSE;
  feed->n_examined = 0;
  feed->begun_us = g_get_monotonic_time ();
  wanted = feed->feed;
  if (barua_change_filter_is_set (&feed->filter) && wanted.limit > 0)
    wanted.limit = -1; /* it counts the rows that pass */
  if (!barua_reader_changes (reader, &wanted, &feed->end, append_change, feed, error))
    return FALSE;
  if (feed->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&feed->error));
      return FALSE;
    }
  feed->feed.since = MAX (feed->feed.since, feed->end.last_seq);
  return TRUE;
}

/* ---- sending ---- */

/* Sends what was written so far. */
static void
flush (Feed *feed)
{
  barua_stream_write (feed->stream, g_string_free_to_bytes (g_steal_pointer (&feed->out)));
}

/* Ends a stream; @feed is gone then. */
static void
end_stream (Feed *feed)
{
  if (feed->out == NULL)
    feed->out = g_string_new (NULL);
  append_tail (feed);
  if (feed->kind != FEED_EVENTSOURCE)
    g_string_append_c (feed->out, '\n');
  flush (feed);
  barua_stream_end (feed->stream);
}

/* BaruaStreamCalls.want */
static void
want (BaruaStream *stream, gpointer data)
{
  Feed *feed = data;

  if (!feed->is_reading && (feed->is_full || feed->is_woken))
    read_page (feed);
}

/* BaruaStreamCalls.stop */
static void
stop (BaruaStream *stream, gpointer data)
{
  Feed *feed = data;

  feed->is_expired = TRUE;
  if (!feed->is_reading)
    end_stream (feed);
}

static void
stream_closed (gpointer data)
{
  Feed *feed = data;

  feed->is_closed = TRUE;
  if (!feed->is_reading)
    feed_free (feed);
}

static const BaruaStreamCalls stream_calls = { .want = want, .stop = stop };

/* GSourceFunc: the time of a feed is over, or it is time for a sign of life. */
static gboolean
tick (gpointer data)
{
  Feed *feed = data;

  if (feed->heartbeat_ms > 0)
    {
      if (barua_stream_is_idle (feed->stream))
        barua_stream_write_text (
            feed->stream, feed->kind == FEED_EVENTSOURCE ? "event: heartbeat\ndata: \n\n" : "\n");
      return G_SOURCE_CONTINUE;
    }
  feed->timer = 0;
  feed->is_expired = TRUE;
  if (!feed->is_reading && !feed->is_full) /* the time is for waiting, not for what is there already */
    end_stream (feed);
  return G_SOURCE_REMOVE;
}

/* The answer becomes a stream, that of a waiting feed with a clock. */
static void
begin_stream (Feed *feed)
{
  gboolean waits = feed->kind != FEED_NORMAL;

  barua_request_add_header (feed->call.request, "Cache-Control", "must-revalidate");
  feed->stream = barua_stream_begin (
      feed->call.request, 200,
      feed->kind == FEED_EVENTSOURCE ? "text/event-stream" : "application/json",
      BARUA_STREAM_UNKNOWN_LENGTH, waits ? BARUA_STREAM_WAITS : BARUA_STREAM_FINITE, &stream_calls,
      feed, stream_closed);
  if (waits)
    feed->timer = g_timeout_add (
        (guint)(feed->heartbeat_ms > 0 ? feed->heartbeat_ms : feed->timeout_ms), tick, feed);
}

/* Whether what was read is the end of the answer. */
static gboolean
is_answered (const Feed *feed)
{
  if (feed->is_full)
    return FALSE;
  return feed->kind == FEED_NORMAL || feed->is_expired || feed->feed.limit == 0
         || (feed->kind == FEED_LONGPOLL && feed->has_rows);
}

/* Sends a page: as the whole answer, or as a piece of a stream. */
static void
send_page (Feed *feed)
{
  if (feed->stream == NULL && is_answered (feed) && !has_lines (feed))
    {
      append_tail (feed);
      barua_call_reply (&feed->call, &feed->out);
      feed_free (feed);
      return;
    }
  if (feed->stream == NULL)
    begin_stream (feed);
  if (is_answered (feed))
    end_stream (feed);
  else if (feed->out->len > 0)
    flush (feed);
  else if (feed->is_full || feed->is_woken) /* nothing to send, so nobody will ask for more */
    {
      g_string_free (g_steal_pointer (&feed->out), TRUE);
      read_page (feed);
    }
}

static void
page_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Feed *feed = user_data;
  g_autoptr (GError) error = NULL;
  gboolean is_read = barua_store_read_finish (feed->call.app->store, result, &error);

  feed->is_reading = FALSE;
  if (feed->is_closed)
    feed_free (feed);
  else if (is_read)
    send_page (feed);
  else if (feed->stream != NULL)
    barua_stream_abort (feed->stream);
  else
    {
      barua_call_fail (&feed->call, error);
      feed_free (feed);
    }
}

static void
read_page (Feed *feed)
{
  gboolean is_first = feed->out == NULL && feed->stream == NULL;

  if (feed->out == NULL)
    feed->out = g_string_sized_new (1024);
  if (is_first)
    append_head (feed);
  feed->is_reading = TRUE;
  feed->is_woken = FALSE;
  barua_store_read_async (feed->call.app->store, query, feed, NULL, NULL, page_read, feed);
}

/* ---- waiting ---- */

/* Whether @news are about the database of @feed. */
static gboolean
concerns (const Feed *feed, const BaruaNews *news)
{
  for (gsize i = 0; i < news->n_databases; i++)
    if (strcmp (news->databases[i].db, feed->call.name) == 0)
      return TRUE;
  return FALSE;
}

void
barua_feeds_wake (BaruaApp *app, const BaruaNews *news)
{
  for (guint i = 0; i < app->feeds->len; i++)
    {
      Feed *feed = app->feeds->pdata[i];
      if (!concerns (feed, news))
        continue;
      feed->is_woken = TRUE;
      if (!feed->is_reading && feed->stream != NULL && barua_stream_is_idle (feed->stream))
        read_page (feed);
    }
}

void
barua_api_changes (BaruaRequest *request, gpointer data)
{
  BaruaApp *app = data;
  BaruaCall call;

  if (!barua_call_open (&call, request, app, BARUA_ACCESS_READ))
    return;
  g_autoptr (Feed) feed = g_new0 (Feed, 1);
  feed->call = call;
  if (!take_parameters (feed))
    return;
  if (feed->kind != FEED_NORMAL)
    {
      if (app->feeds->len >= BARUA_MAX_FEEDS)
        {
          refuse (feed, BARUA_HTTP_ERROR_UNAVAILABLE, NULL);
          return;
        }
      g_ptr_array_add (app->feeds, feed);
      feed->is_listed = TRUE;
    }
  read_page (g_steal_pointer (&feed));
}
