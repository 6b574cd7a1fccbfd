/* SPDX-License-Identifier: MIT */

/* GET /api/v1/messages: what waits, what went out, and what became of it (messaging.md 3.9). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/failure.h"
#include "gateway/api/handlers.h"
#include "gateway/app.h"
#include "gateway/rules/tasks.h"
#include "gateway/rules/users.h"
#include "gateway/store/store-outbox.h"

#define PAGE_DEFAULT 100 /* messaging.md 3.9 */

/* One page, from the main loop to a reader and back. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  BaruaArena *arena;
  BaruaOutboxQuery query; /* its texts live as long as the request and the arena */
  GString *json;
} List;

static void
list_free (gpointer data)
{
  List *list = data;

  if (list->json != NULL)
    g_string_free (list->json, TRUE);
  barua_arena_free (list->arena);
  barua_request_unref (list->request);
  g_free (list);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (List, list_free)

/* ---- what is asked for ---- */

static gboolean
refuse (List *list, const char *name, const char *reason)
{
  g_autofree char *message = g_strdup_printf ("%s: %s", name, reason);

  barua_request_fail (list->request, BARUA_HTTP_ERROR_BAD_REQUEST, message, NULL);
  return FALSE;
}

static gboolean
take_state (List *list, const char *value)
{
  list->query.state = barua_task_state_from_text (barua_text (value));
  return list->query.state != BARUA_TASK_STATE_OTHER
         || refuse (list, "state", "is no state of a message");
}

/* A recipient is looked for as it is given and as it would be sent. */
static gboolean
take_recipient (List *list, const char *value)
{
  BaruaOutboxQuery *query = &list->query;
  char e164[BARUA_PHONE_SIZE];

  query->to[0] = barua_text (value);
  query->n_to = 1;
  if (!barua_phone_normalise (barua_settings_phone_rules (barua_request_settings (list->request)),
                              query->to[0], e164))
    return TRUE;
  query->to[1] = barua_arena_copy (list->arena, barua_text (e164));
  if (!barua_text_equal (query->to[0], query->to[1]))
    query->n_to = 2;
  return TRUE;
}

static gboolean
take_account (List *list, const char *value)
{
  list->query.account = value;
  return TRUE;
}

/* A time in a URL: ISO 8601, or digits. */
static gboolean
read_time (const char *value, gint64 *ms)
{
  g_autoptr (GString) json = g_string_new (NULL);
  gint64 number = 0;

  if (g_ascii_string_to_signed (value, 10, 0, G_MAXINT64 / 2, &number, NULL))
    {
      *ms = number;
      return TRUE;
    }
  barua_json_append_string (json, barua_text (value));
  return barua_message_time ((BaruaJson){ json->str, json->len }, ms);
}

#define NO_TIME "must be a time: ISO 8601 text, or a number of milliseconds since 1970"

static gboolean
take_from (List *list, const char *value)
{
  return read_time (value, &list->query.from_ms) || refuse (list, "from", NO_TIME);
}

static gboolean
take_until (List *list, const char *value)
{
  return read_time (value, &list->query.until_ms) || refuse (list, "until", NO_TIME);
}

static gboolean
take_limit (List *list, const char *value)
{
  guint64 number = 0;

  if (!g_ascii_string_to_unsigned (value, 10, 1, BARUA_OUTBOX_MAX, &number, NULL))
    return refuse (list, "limit", "must be a whole number from 1 to 1000");
  list->query.limit = (guint)number;
  return TRUE;
}

/* What append_cursor() wrote. */
static gboolean
take_cursor (List *list, const char *value)
{
  BaruaOutboxPlace *after = &list->query.after;
  g_auto (GStrv) parts = g_strsplit (value, ".", 3);

  if (g_strv_length (parts) == 2
      && g_ascii_string_to_signed (parts[0], 10, G_MININT64, G_MAXINT64, &after->due_ms, NULL)
      && g_ascii_string_to_signed (parts[1], 10, 0, G_MAXINT64, &after->number, NULL))
    return TRUE;
  return refuse (list, "cursor", "is not one that was given out");
}

typedef struct
{
  const char *name;
  gboolean (*take) (List *list, const char *value);
} Parameter;

static const Parameter parameters[] = {
  { "state", take_state },   { "account", take_account }, { "to", take_recipient },
  { "from", take_from },     { "until", take_until },     { "limit", take_limit },
  { "cursor", take_cursor },
};

/* Reads the filters; an empty one is none, an unknown one is wrong: it would list too much. */
static gboolean
read_query (List *list)
{
  for (guint i = 0; i < barua_request_n_query (list->request); i++)
    {
      const char *value = NULL;
      const char *name = barua_request_query_at (list->request, i, &value);
      gsize which = 0;
      while (which < G_N_ELEMENTS (parameters) && strcmp (name, parameters[which].name) != 0)
        which++;
      if (which == G_N_ELEMENTS (parameters))
        return refuse (list, name, "unknown parameter");
      if (value != NULL && *value != '\0' && !parameters[which].take (list, value))
        return FALSE;
    }
  return TRUE;
}

/* ---- the page ---- */

static void
append_text (GString *out, const char *key, BaruaText text)
{
  barua_json_append_key (out, key);
  if (text.p != NULL && text.n > 0)
    barua_json_append_string (out, text);
  else
    g_string_append (out, "null");
}

static void
append_message (List *list, const BaruaQueuedMessage *message)
{
  GString *out = list->json;

  if (out->str[out->len - 1] == '}')
    g_string_append_c (out, ',');
  g_string_append_c (out, '{');
  append_text (out, "id", message->uuid);
  append_text (out, "doc", message->document_id);
  append_text (out, "to", message->to);
  append_text (out, "content", barua_token_mask (list->arena, message->content));
  append_text (out, "state", barua_text (barua_task_state_name (message->state)));
  barua_json_append_key (out, "due");
  if (message->due_ms != BARUA_NO_TIME)
    barua_append_time (out, message->due_ms);
  else
    g_string_append (out, "null");
  append_text (out, "account", message->account);
  g_string_append_c (out, '}');
}

/* Query: one page as JSON. */
static gboolean
read_page (BaruaReader *reader, gpointer data, GError **error)
{
  List *list = data;
  g_autoptr (GPtrArray) messages = NULL;
  BaruaOutboxPlace next = BARUA_OUTBOX_BEGIN;
  gboolean has_more = FALSE;

  if (!barua_reader_outbox (reader, &list->query, &messages, &next, &has_more, error))
    return FALSE;
  list->json = g_string_new ("{\"messages\":[");
  for (guint i = 0; i < messages->len; i++)
    append_message (list, messages->pdata[i]);
  g_string_append (list->json, "],\"cursor\":");
  if (has_more)
    g_string_append_printf (list->json, "\"%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT "\"",
                            next.due_ms, next.number);
  else
    g_string_append (list->json, "null");
  g_string_append_c (list->json, '}');
  return TRUE;
}

static void
read_page_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  List *list = user_data; /* freed by the store afterwards */
  g_autoptr (GError) error = NULL;

  if (barua_store_read_finish (list->app->store, result, &error))
    barua_request_reply_json (list->request, 200, g_steal_pointer (&list->json));
  else
    barua_api_fail (list->request, error);
}

void
barua_api_messages_list (BaruaRequest *request, gpointer app)
{
  g_autoptr (List) list = g_new0 (List, 1);

  list->app = app;
  list->request = barua_request_ref (request);
  list->arena = barua_arena_new ();
  list->query = (BaruaOutboxQuery){ .state = BARUA_N_TASK_STATES,
                                    .from_ms = G_MININT64,
                                    .until_ms = G_MAXINT64,
                                    .after = BARUA_OUTBOX_BEGIN,
                                    .limit = PAGE_DEFAULT };
  if (!read_query (list))
    return;
  List *data = g_steal_pointer (&list);
  barua_store_read_async (data->app->store, read_page, data, list_free, NULL, read_page_done, data);
}
