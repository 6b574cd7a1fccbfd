/* SPDX-License-Identifier: MIT */

/* Where log lines go, and which. */

#define G_LOG_DOMAIN "barua"

#include "gateway/log.h"

#include <stdio.h>
#include <string.h>

static GLogLevelFlags shown
    = G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR;
static gboolean to_journal;

static const char *
field (const GLogField *fields, gsize n, const char *key)
{
  for (gsize i = 0; i < n; i++)
    if (strcmp (fields[i].key, key) == 0)
      return fields[i].value;
  return NULL;
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

/* GLogWriterFunc */
static GLogWriterOutput
write_line (GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
  if (!(level & shown))
    return G_LOG_WRITER_HANDLED;
  if (to_journal)
    return g_log_writer_journald (level, fields, n, NULL);

  const char *message = field (fields, n, "MESSAGE");
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *time = g_date_time_format (now, "%Y-%m-%dT%H:%M:%SZ");
  fprintf (stderr, "%s %s: %s\n", time, level_word (level), message != NULL ? message : "");
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
