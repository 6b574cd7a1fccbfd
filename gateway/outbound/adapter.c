/* SPDX-License-Identifier: MIT */

/* The carriers there are, and what HTTP itself says of an answer. */

#define G_LOG_DOMAIN "barua-outbound"

#include "gateway/outbound/adapter.h"

const BaruaAdapter *const barua_adapters[] = { &barua_africas_talking, &barua_rapidpro, NULL };

const BaruaAdapter *
barua_adapter_find (BaruaText name)
{
  for (gsize i = 0; barua_adapters[i] != NULL; i++)
    if (barua_text_equal (name, barua_text (barua_adapters[i]->name)))
      return barua_adapters[i];
  return NULL;
}

/* "HTTP 503" */
static BaruaText
name_status (guint status, BaruaArena *arena)
{
  char text[32];

  g_snprintf (text, sizeof text, "HTTP %u", status);
  return barua_arena_copy (arena, barua_text (text));
}

/* Whether the carrier has certainly done nothing, and might tomorrow. */
static gboolean
is_temporary (guint status)
{
  static const guint statuses[] = { 401, 402, 403, 404, 405, 406, 408, 410, 429, 501, 503, 505 };

  for (gsize i = 0; i < G_N_ELEMENTS (statuses); i++)
    if (statuses[i] == status)
      return TRUE;
  return status < 400;
}

gboolean
barua_adapter_read_status (const BaruaOutboundAnswer *answer, BaruaArena *arena,
                           BaruaSendResult *result)
{
  const guint status = answer->status;

  if (status >= 200 && status < 300)
    return TRUE;
  *result = (BaruaSendResult){ .is_trouble = TRUE };
  if (status == 0)
    {
      result->verdict = answer->was_sent ? BARUA_SEND_UNKNOWN : BARUA_SEND_LATER;
      result->details = answer->was_sent ? BARUA_TEXT ("no answer") : BARUA_TEXT ("not reached");
      return FALSE;
    }
  result->details = name_status (status, arena);
  if (is_temporary (status))
    result->verdict = BARUA_SEND_LATER;
  else if (status >= 500)
    result->verdict = BARUA_SEND_UNKNOWN;
  else
    {
      result->verdict = BARUA_SEND_DONE;
      result->state = BARUA_TASK_STATE_FAILED;
      result->is_trouble = FALSE;
    }
  return FALSE;
}
