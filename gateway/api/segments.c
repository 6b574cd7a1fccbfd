/* SPDX-License-Identifier: MIT */

/* /api/v1/sms/segments: what a text costs, before it is sent (messaging.md 3.9, 5.5). */

#define G_LOG_DOMAIN "barua-api"

#include "forms/arena.h"
#include "forms/characters.h"
#include "forms/segments.h"
#include "gateway/api/handlers.h"

/* Appends each character of @text that is not in the GSM alphabet, once, in the order met. */
static void
append_unusual (GString *out, BaruaText text)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  const char *end = text.p + text.n;

  for (const char *p = text.p; p < end;)
    {
      const char *start = p;
      gunichar c = barua_next_char (&p, end);
      if (barua_segments_is_gsm (c) || !g_hash_table_add (seen, GUINT_TO_POINTER (c)))
        continue;
      if (out->str[out->len - 1] != '[')
        g_string_append_c (out, ',');
      barua_json_append_string (out, (BaruaText){ start, (gsize)(p - start) });
    }
}

void
barua_api_segments (BaruaRequest *request, gpointer app)
{
  BaruaJson value = barua_json_member (barua_request_json (request), "text");
  g_autoptr (BaruaArena) arena = barua_arena_new ();

  if (barua_json_type (value) != BARUA_JSON_STRING)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST,
                          value.text == NULL ? "text: is missing" : "text: must be a string", NULL);
      return;
    }
  BaruaText text = barua_arena_json_text (arena, value);
  BaruaSegments count = barua_segments_count (text);
  GString *json = g_string_new (NULL);
  g_string_printf (json, "{\"alphabet\":\"%s\",\"segments\":%u,\"units\":%u,\"unusual\":[",
                   count.is_ucs2 ? "ucs2" : "gsm", count.segments, count.units);
  append_unusual (json, text);
  g_string_append (json, "]}");
  barua_request_reply_json (request, 200, json);
}
