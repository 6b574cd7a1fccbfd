/* SPDX-License-Identifier: MIT */

/* Long answers: read in pages, sent as the client takes them. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/document-pages.h"

static void read_page (BaruaPages *pages);

gboolean
barua_pages_is_full (const BaruaPages *pages)
{
  return pages->out->len >= BARUA_PAGE_BYTES;
}

void
barua_pages_clear (BaruaPages *pages)
{
  if (pages->out != NULL)
    g_string_free (g_steal_pointer (&pages->out), TRUE);
  barua_call_close (&pages->call);
}

/* BaruaStreamCalls.want */
static void
want (BaruaStream *stream, gpointer data)
{
  BaruaPages *pages = data;

  if (!pages->is_reading)
    read_page (pages);
}

/* The stream is closed: frees the answer, unless a reader is still at work for it. */
static void
stream_closed (gpointer data)
{
  BaruaPages *pages = data;

  pages->is_closed = TRUE;
  if (!pages->is_reading)
    pages->free (pages);
}

static const BaruaStreamCalls stream_calls = { .want = want };

/* The first page is not the last one. */
static void
begin_stream (BaruaPages *pages)
{
  BaruaRequest *request = pages->call.request;

  barua_request_add_header (request, "Cache-Control", "must-revalidate");
  pages->stream = barua_stream_begin (request, 200, "application/json", BARUA_STREAM_UNKNOWN_LENGTH,
                                      BARUA_STREAM_FINITE, &stream_calls, pages, stream_closed);
}

/* Sends a page. */
static void
send_page (BaruaPages *pages)
{
  if (pages->stream == NULL && pages->is_last)
    {
      barua_call_reply (&pages->call, &pages->out);
      pages->free (pages);
      return;
    }
  if (pages->stream == NULL)
    begin_stream (pages);
  if (pages->is_last)
    g_string_append_c (pages->out, '\n');
  gboolean is_last = pages->is_last;
  BaruaStream *stream = pages->stream;
  barua_stream_write (stream, g_string_free_to_bytes (g_steal_pointer (&pages->out)));
  if (is_last)
    barua_stream_end (stream);
}

static void
page_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  BaruaPages *pages = user_data;
  g_autoptr (GError) error = NULL;
  gboolean is_read = barua_store_read_finish (pages->call.app->store, result, &error);

  pages->is_reading = FALSE;
  if (pages->is_closed)
    pages->free (pages);
  else if (is_read)
    send_page (pages);
  else if (pages->stream != NULL)
    {
      g_autofree char *text = g_strdup_printf ("cut after its beginning: %s", error->message);
      barua_request_warn (pages->call.request, text);
      barua_stream_abort (pages->stream);
    }
  else
    {
      barua_call_fail (&pages->call, error);
      pages->free (pages);
    }
}

/* Query: the next page. */
static gboolean
query (BaruaReader *reader, gpointer data, GError **error)
{
  BaruaPages *pages = data;

  return barua_call_check_database (&pages->call, reader, error)
         && pages->page (reader, pages, error);
}

static void
read_page (BaruaPages *pages)
{
  pages->out = g_string_sized_new (1024);
  pages->is_reading = TRUE;
  barua_store_read_async (pages->call.app->store, query, pages, NULL, NULL, page_read, pages);
}

void
barua_pages_run (BaruaPages *pages)
{
  read_page (pages);
}
