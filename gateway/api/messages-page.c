/* SPDX-License-Identifier: MIT */

/* /medic/messages: the message queue for people; its script uses /api/v1/messages. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/handlers.h"
#include "gateway/api/pages.h"

void
barua_api_messages_page (BaruaRequest *request, gpointer app)
{
  const BaruaPage page = { .body = "messages.html", .title = "queue.title" };

  barua_page_reply (request, 200, &page);
}

void
barua_api_messages_style (BaruaRequest *request, gpointer app)
{
  barua_page_reply_file (request, "messages.css", "text/css; charset=utf-8");
}

void
barua_api_messages_script (BaruaRequest *request, gpointer app)
{
  barua_page_reply_file (request, "messages.js", "text/javascript; charset=utf-8");
}
