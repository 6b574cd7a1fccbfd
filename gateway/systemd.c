/* SPDX-License-Identifier: MIT */

/* Type=notify, WatchdogSec and socket activation. */

#define G_LOG_DOMAIN "barua"

#include "gateway/systemd.h"

#include "gateway/api/health.h"

#if BARUA_SYSTEMD
#include <systemd/sd-daemon.h>

/* Messages within one WatchdogSec, so that one that comes late costs nothing. */
#define WATCHDOG_SHARE 2

static guint watchdog;

guint
barua_systemd_sockets (int **sockets)
{
  const int n = sd_listen_fds (TRUE);

  *sockets = n > 0 ? g_new (int, n) : NULL;
  for (int i = 0; i < n; i++)
    (*sockets)[i] = SD_LISTEN_FDS_START + i;
  return n > 0 ? (guint)n : 0;
}

/* BaruaHealthFunc: without this message systemd ends us, and starts us anew. */
static void
tell_watchdog (const char *trouble, gpointer data)
{
  if (trouble == NULL)
    sd_notify (FALSE, "WATCHDOG=1");
  else
    g_warning ("%s; the watchdog is not told that all is well", trouble);
}

/* GSourceFunc */
static gboolean
look (gpointer app)
{
  barua_health_ask (app, tell_watchdog, NULL);
  return G_SOURCE_CONTINUE;
}

void
barua_systemd_ready (BaruaApp *app)
{
  guint64 microseconds = 0;

  sd_notify (FALSE, "READY=1");
  if (sd_watchdog_enabled (FALSE, &microseconds) > 0)
    watchdog = g_timeout_add ((guint)(microseconds / 1000 / WATCHDOG_SHARE), look, app);
}

void
barua_systemd_stopping (void)
{
  g_clear_handle_id (&watchdog, g_source_remove);
  sd_notify (FALSE, "STOPPING=1");
}

#else

guint
barua_systemd_sockets (int **sockets)
{
  *sockets = NULL;
  return 0;
}

void
barua_systemd_ready (BaruaApp *app)
{
}

void
barua_systemd_stopping (void)
{
}

#endif
