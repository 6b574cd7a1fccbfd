/* SPDX-License-Identifier: MIT */

/* Where log lines go, and which. */

#define G_LOG_DOMAIN "barua"

#include "gateway/log.h"

#include "forms/json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINE_BYTES 4096

static GLogLevelFlags shown
    = G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR;
static gboolean to_journal;

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
  if (!(level & shown))
    return G_LOG_WRITER_HANDLED;
  if (to_journal)
    return g_log_writer_journald (level, fields, n, NULL);

  char line[LINE_BYTES];
  BaruaText message = field (fields, n, "MESSAGE");
  gsize length = write_time (line);
  length += (gsize)g_snprintf (line + length, sizeof line - length, " %s: %.*s", level_word (level),
                               (int)message.n, message.p);
  length = MIN (length, sizeof line - 2);
  line[length++] = '\n';
  fwrite (line, 1, length, stderr); /* not buffered: one write, one line */
  return G_LOG_WRITER_HANDLED;
}

void
barua_log_init (const char *level, const char *format)
{
  if (strcmp (level, "warning") == 0)
    shown &= ~G_LOG_LEVEL_MESSAGE;
  if (strcmp (level, "info") == 0 || strcmp (level, "debug") == 0)
    shown |= G_LOG_LEVEL_INFO;
  if (strcmp (level, "debug") == 0)
    shown |= G_LOG_LEVEL_DEBUG;
  /* g_log_writer_default_would_drop(), which spares the layers the formatting, goes by this
   * variable */
  if (shown & G_LOG_LEVEL_INFO)
    g_setenv ("G_MESSAGES_DEBUG", "all", FALSE);
  to_journal = strcmp (format, "journald") == 0
               || (strcmp (format, "auto") == 0 && g_log_writer_is_journald (fileno (stderr)));
  g_log_set_writer_func (write_line, NULL, NULL);
}
