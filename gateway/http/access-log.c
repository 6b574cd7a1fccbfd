/* SPDX-License-Identifier: MIT */

/* One line per request, for people and for machines. No secret, no body, no path, no query: the route,
 * and the user's name, which may be a phone number, masked.
 * It is written for every request, so it is put together by hand: one buffer, whose parts are the
 * fields. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/request-private.h"

#include "forms/log-mask.h"

#include <string.h>

#define LINE_BYTES 512
#define NAME_BYTES                                                                                 \
  100 /* of a route or a user at most: several, with the numbers, fit into a line */
#define PRIORITY_INFO "6" /* syslog(3) */

/* A line while it is made. */
typedef struct
{
  char text[LINE_BYTES];
  gsize n;
  GLogField fields[9];
  gsize n_fields;
} Line;

static void
add_field (Line *line, const char *key, const char *value, gsize length)
{
  line->fields[line->n_fields++] = (GLogField){ key, value, (gssize)length };
}

/* Appends a blank and @text, and makes it the value of the field @key if there is one. */
static void
add_text (Line *line, const char *key, const char *text)
{
  gsize n = strnlen (text, NAME_BYTES);

  line->text[line->n++] = ' ';
  memcpy (line->text + line->n, text, n);
  if (key != NULL)
    add_field (line, key, line->text + line->n, n);
  line->n += n;
}

/* The same for a number. */
static void
add_number (Line *line, const char *key, guint64 number)
{
  char digits[24];
  char *p = digits + sizeof digits - 1;

  *p = '\0';
  do
    *--p = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  add_text (line, key, p);
}

/* The method, which is the client's word, if it is one of HTTP or CouchDB. */
static const char *
method_of (const BaruaRequest *request)
{
  static const char *const known[] = { "GET",     "HEAD",  "POST",    "PUT",  "DELETE",
                                       "OPTIONS", "PATCH", "TRACE", "COPY", "CONNECT" };

  for (gsize i = 0; i < G_N_ELEMENTS (known); i++)
    if (strcmp (request->method, known[i]) == 0)
      return request->method;
  return request->match.route != NULL ? request->match.route->method : "-";
}

/* Writes who sent the request. */
static void
write_user (const BaruaRequest *request, char out[NAME_BYTES + 1])
{
  barua_log_mask (barua_text (request->user != NULL ? request->user->name : "-"), out, NAME_BYTES + 1);
}

void
barua_request_warn (BaruaRequest *request, const char *text)
{
  char id[24];
  char route[2 * NAME_BYTES];

  g_snprintf (id, sizeof id, "%" G_GUINT64_FORMAT, request->id);
  g_snprintf (route, sizeof route, "%s %s", method_of (request),
              request->match.route != NULL ? request->match.route->path : "-");
  g_log_structured (G_LOG_DOMAIN, G_LOG_LEVEL_WARNING, "BARUA_REQUEST_ID", id, "BARUA_ROUTE", route,
                    "MESSAGE", "%s", text);
}

void
barua_access_log (BaruaRequest *request)
{
  if (!request->server->options.access_log
      || g_log_writer_default_would_drop (G_LOG_LEVEL_INFO, G_LOG_DOMAIN))
    return;

  Line line = { .n = 0 };
  char user[NAME_BYTES + 1];
  gint64 took_us = g_get_monotonic_time () - request->started_us;
  add_field (&line, "PRIORITY", PRIORITY_INFO, 1);
  add_field (&line, "GLIB_DOMAIN", G_LOG_DOMAIN, sizeof G_LOG_DOMAIN - 1);
  add_number (&line, "BARUA_REQUEST_ID", request->id);
  add_text (&line, NULL, method_of (request));
  add_text (&line, "BARUA_ROUTE", request->match.route != NULL ? request->match.route->path : "-");
  add_number (&line, "BARUA_STATUS", request->status);
  add_number (&line, "BARUA_BYTES", request->reply_bytes);
  add_text (&line, NULL, "bytes");
  add_number (&line, "BARUA_US", (guint64)MAX (took_us, 0));
  add_text (&line, NULL, "us");
  write_user (request, user);
  add_text (&line, "BARUA_USER", user);
  line.text[line.n] = '\0';
  add_field (&line, "MESSAGE", line.text + 1, line.n - 1);
  g_log_structured_array (G_LOG_LEVEL_INFO, line.fields, line.n_fields);
}
