/* SPDX-License-Identifier: MIT */

/* RapidPro, TextIt: a broadcast a message; states are asked for (messaging.md 7). */

#define G_LOG_DOMAIN "barua-outbound"

#include "gateway/outbound/adapter.h"

static const char *
authorization (const BaruaAdapterAccess *access, BaruaArena *arena)
{
  g_autofree char *text = g_strconcat ("Token ", access->secret, NULL);

  return barua_arena_copy (arena, barua_text (text)).p;
}

static void
make_send (const BaruaAdapterAccess *access, BaruaText to, BaruaText content, BaruaArena *arena,
           BaruaOutboundRequest *request)
{
  g_autoptr (GString) json = g_string_new ("{\"urns\":[");
  g_autoptr (GString) urn = g_string_new ("tel:");
  g_autofree char *url = g_strconcat (access->base_url, "/api/v2/broadcasts.json", NULL);

  g_string_append_len (urn, to.p, (gssize)to.n);
  barua_json_append_string (json, (BaruaText){ urn->str, urn->len });
  g_string_append (json, "],\"text\":");
  barua_json_append_string (json, content);
  g_string_append_c (json, '}');
  *request = (BaruaOutboundRequest){
    .method = "POST",
    .url = barua_arena_copy (arena, barua_text (url)).p,
    .header = "Authorization",
    .secret = authorization (access, arena),
    .content_type = "application/json",
    .body = barua_arena_copy (arena, (BaruaText){ json->str, json->len }).p,
  };
}

static void
make_poll (const BaruaAdapterAccess *access, BaruaText reference, BaruaArena *arena,
           BaruaOutboundRequest *request)
{
  g_autofree char *text = g_strndup (reference.p, reference.n);
  g_autofree char *id = g_uri_escape_string (text, NULL, FALSE);
  g_autofree char *url
      = g_strconcat (access->base_url, "/api/v2/messages.json?broadcast=", id, NULL);

  *request = (BaruaOutboundRequest){
    .method = "GET",
    .url = barua_arena_copy (arena, barua_text (url)).p,
    .header = "Authorization",
    .secret = authorization (access, arena),
  };
}

typedef struct
{
  const char *status;
  BaruaTaskState state;
  const char *details;
} StatusRow;

static const StatusRow statuses[] = {
  { "queued", BARUA_TASK_STATE_RECEIVED_BY_GATEWAY, "Queued" },
  { "wired", BARUA_TASK_STATE_FORWARDED_BY_GATEWAY, "Wired" },
  { "sent", BARUA_TASK_STATE_SENT, "Sent" },
  { "delivered", BARUA_TASK_STATE_DELIVERED, "Delivered" },
  { "resent", BARUA_TASK_STATE_SENT, "Resent" },
  { "errored", BARUA_TASK_STATE_RECEIVED_BY_GATEWAY, "Errored" },
  { "failed", BARUA_TASK_STATE_FAILED, "Failed" },
  { "unknown", BARUA_TASK_STATE_RECEIVED_BY_GATEWAY, "Unknown" },
};

/* The row of a status; one that nobody knows is kept as the word it is. */
static void
read_status (BaruaJson value, BaruaArena *arena, BaruaSendResult *result)
{
  result->verdict = BARUA_SEND_DONE;
  for (gsize i = 0; i < G_N_ELEMENTS (statuses); i++)
    if (barua_json_string_is (value, barua_text (statuses[i].status)))
      {
        result->state = statuses[i].state;
        result->details = barua_text (statuses[i].details);
        return;
      }
  result->state = BARUA_TASK_STATE_UNRECOGNISED;
  result->details = barua_arena_json_text (arena, value);
  result->is_quoted = TRUE;
}

/* An id: a number as RapidPro has it, or a text. */
static BaruaText
read_id (BaruaJson value, BaruaArena *arena)
{
  BaruaText id = barua_json_type (value) == BARUA_JSON_NUMBER
                     ? barua_arena_copy (arena, (BaruaText){ value.text, value.length })
                     : barua_arena_json_text (arena, value);

  return id.n > 0 ? id : (BaruaText){ NULL, 0 };
}

static void
read_sent (const BaruaOutboundAnswer *answer, BaruaArena *arena, BaruaSendResult *result)
{
  if (!barua_adapter_read_status (answer, arena, result))
    return;
  BaruaText reference = read_id (barua_json_member (answer->body, "id"), arena);
  *result = (BaruaSendResult){ .reference = reference };
  if (reference.p != NULL)
    {
      read_status (barua_json_member (answer->body, "status"), arena, result);
      return;
    }
  *result = (BaruaSendResult){ .verdict = BARUA_SEND_UNKNOWN,
                               .details = BARUA_TEXT ("unreadable answer"),
                               .is_trouble = TRUE };
}

static gboolean
read_polled (const BaruaOutboundAnswer *answer, BaruaArena *arena, BaruaSendResult *result)
{
  if (!barua_adapter_read_status (answer, arena, result))
    return FALSE;
  BaruaJson first = barua_json_element (barua_json_member (answer->body, "results"), 0);
  BaruaJson status = barua_json_member (first, "status");
  *result = (BaruaSendResult){ .verdict = BARUA_SEND_DONE };
  if (barua_json_type (status) != BARUA_JSON_STRING)
    return FALSE;
  read_status (status, arena, result);
  return TRUE;
}

const BaruaAdapter barua_rapidpro = {
  .name = "rapidpro",
  .account = "carrier:rapidpro",
  .credential = "rapidpro:outgoing",
  .make_send = make_send,
  .read_sent = read_sent,
  .make_poll = make_poll,
  .read_polled = read_polled,
};
