/* SPDX-License-Identifier: MIT */

/* One line per request, for people and for machines. No secret, no body, no query. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/request-private.h"

void
barua_access_log (BaruaRequest *request)
{
  if (!request->server->options.access_log || g_log_writer_default_would_drop (G_LOG_LEVEL_INFO, G_LOG_DOMAIN))
    return;

  const char *route = request->match.route != NULL ? request->match.route->path : "-";
  const char *user = request->user != NULL ? request->user->name : "-";
  gint64 took_us = g_get_monotonic_time () - request->started_us;
  char id[24], status[12], bytes[24], took[24];
  g_snprintf (id, sizeof id, "%" G_GUINT64_FORMAT, request->id);
  g_snprintf (status, sizeof status, "%u", request->status);
  g_snprintf (bytes, sizeof bytes, "%" G_GSIZE_FORMAT, request->reply_bytes);
  g_snprintf (took, sizeof took, "%" G_GINT64_FORMAT, took_us);
  g_log_structured (G_LOG_DOMAIN, G_LOG_LEVEL_INFO, "BARUA_REQUEST_ID", id, "BARUA_ROUTE", route, "BARUA_STATUS",
                    status, "BARUA_BYTES", bytes, "BARUA_US", took, "BARUA_USER", user, "MESSAGE",
                    "%s %s %s %s %s bytes %s us %s", id, request->method, route, status, bytes, took, user);
}
