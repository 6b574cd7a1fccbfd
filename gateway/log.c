/* SPDX-License-Identifier: MIT */

/* Where log lines go, and which. */

#define G_LOG_DOMAIN "barua"

#include "gateway/log.h"

#include "forms/log-mask.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINE_BYTES 4096
#define MAX_FIELDS 24 /* of a line in the journal; GLib and the access log give nine at most */

#define ALWAYS (G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR)

/* all threads look at these */
static gint shown = ALWAYS | G_LOG_LEVEL_MESSAGE;
static gint to_journal;

/* The field @key; absent when there is none. */
static BaruaText
field (const GLogField *fields, gsize n, const char *key)
{
  for (gsize i = n; i > 0; i--)
    if (strcmp (fields[i - 1].key, key) == 0)
      {
        const char *value = fields[i - 1].value;
        gssize length = fields[i - 1].length;
        return (BaruaText){ value, length < 0 ? strlen (value) : (gsize)length };
      }
  return (BaruaText){ NULL, 0 };
}

/* Writes what is to be read of a line: its message masked, and in front of it the request that it is about.
 * The line of the access log names nothing that came from outside but the user, and masks that itself. */
static gsize
write_message (const GLogField *fields, gsize n, char *out, gsize size)
{
  const BaruaText message = field (fields, n, "MESSAGE");
  const BaruaText request = field (fields, n, "BARUA_REQUEST_ID");
  const BaruaText route = field (fields, n, "BARUA_ROUTE");
  gsize length = 0;

  if (field (fields, n, "BARUA_STATUS").p != NULL)
    {
      length = MIN (message.n, size - 1);
      memcpy (out, message.p, length);
      return length;
    }
  if (request.p != NULL && route.p != NULL)
    length = MIN (size - 1, (gsize)g_snprintf (out, size, "request %.*s %.*s: ", (int)request.n,
                                               request.p, (int)route.n, route.p));
  return length + barua_log_mask (message, out + length, size - length);
}

/* Whether a line is shown. What other libraries have to say of their own work is not for our log. */
static gboolean
is_shown (GLogLevelFlags level, const GLogField *fields, gsize n)
{
  const BaruaText domain = field (fields, n, "GLIB_DOMAIN");
  const gboolean is_ours = domain.n >= 5 && memcmp (domain.p, "barua", 5) == 0;

  return (level & (GLogLevelFlags)g_atomic_int_get (&shown)) != 0
         && (is_ours || (level & (G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG)) == 0);
}

/* To the journal, with its fields. */
static GLogWriterOutput
write_journal (GLogLevelFlags level, const GLogField *fields, gsize n, const char *message)
{
  GLogField sent[MAX_FIELDS];

  n = MIN (n, MAX_FIELDS);
  for (gsize i = 0; i < n; i++)
    sent[i] = strcmp (fields[i].key, "MESSAGE") == 0 ? (GLogField){ "MESSAGE", message, -1 } : fields[i];
  return g_log_writer_journald (level, sent, n, NULL);
}

static const char *
level_word (GLogLevelFlags level)
{
  if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
    return "error";
  if (level & G_LOG_LEVEL_WARNING)
    return "warning";
  if (level & G_LOG_LEVEL_MESSAGE)
    return "note";
  return level & G_LOG_LEVEL_INFO ? "info" : "debug";
}

/* Writes the time of day in UTC, ISO 8601; made anew once a second and thread. */
static gsize
write_time (char *out)
{
  static _Thread_local time_t made_at;
  static _Thread_local char text[32];
  static _Thread_local gsize length;
  time_t now = time (NULL);
  struct tm parts;

  if (now != made_at || length == 0)
    {
      gmtime_r (&now, &parts);
      length = strftime (text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
      made_at = now;
    }
  memcpy (out, text, length);
  return length;
}

/* GLogWriterFunc */
static GLogWriterOutput
write_line (GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
  char line[LINE_BYTES];

  if (!is_shown (level, fields, n))
    return G_LOG_WRITER_HANDLED;
  if (g_atomic_int_get (&to_journal))
    {
      line[write_message (fields, n, line, sizeof line)] = '\0';
      return write_journal (level, fields, n, line);
    }
  gsize length = write_time (line);
  length += (gsize)g_snprintf (line + length, sizeof line - length, " %s: ", level_word (level));
  length += write_message (fields, n, line + length, sizeof line - 1 - length);
  line[length++] = '\n';
  fwrite (line, 1, length, stderr); /* not buffered: one write, one line */
  return G_LOG_WRITER_HANDLED;
}

void
barua_log_set (const char *level, const char *format)
{
  const gboolean is_debug = strcmp (level, "debug") == 0;
  const gboolean is_info = is_debug || strcmp (level, "info") == 0;
  gint levels = ALWAYS;

  if (strcmp (level, "warning") != 0)
    levels |= G_LOG_LEVEL_MESSAGE;
  if (is_info)
    levels |= G_LOG_LEVEL_INFO;
  if (is_debug)
    levels |= G_LOG_LEVEL_DEBUG;
  g_atomic_int_set (&shown, levels);
  /* what g_log_writer_default_would_drop() goes by, which spares the layers the formatting */
  g_log_set_debug_enabled (is_info);
  g_atomic_int_set (&to_journal,
                    strcmp (format, "journald") == 0
                        || (strcmp (format, "auto") == 0 && g_log_writer_is_journald (fileno (stderr))));
}

void
barua_log_init (const char *level, const char *format)
{
  barua_log_set (level, format);
  g_log_set_writer_func (write_line, NULL, NULL);
}
