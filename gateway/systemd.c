/* SPDX-License-Identifier: MIT */

/* Type=notify, WatchdogSec and socket activation. */

#define G_LOG_DOMAIN "barua"

#include "gateway/systemd.h"

#include "gateway/api/health.h"

#include <fcntl.h>
#include <unistd.h>

#define FIRST_SOCKET 3     /* sd_listen_fds(3) */
#define MAX_SOCKETS 1024u
#define NO_PULSE_MS 60000u /* nobody listens */

/* A number of the environment, 0 when there is none. */
static guint64
number_of (const char *name)
{
  const char *text = g_getenv (name);
  guint64 number = 0;

  if (text != NULL && !g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT, &number, NULL))
    number = 0;
  return number;
}

guint
barua_systemd_sockets (int **sockets)
{
  const gboolean is_for_us = number_of ("LISTEN_PID") == (guint64)getpid ();
  const guint n = is_for_us ? (guint)MIN (number_of ("LISTEN_FDS"), MAX_SOCKETS) : 0;

  g_unsetenv ("LISTEN_PID");
  g_unsetenv ("LISTEN_FDS");
  g_unsetenv ("LISTEN_FDNAMES");
  *sockets = n > 0 ? g_new (int, n) : NULL;
  for (guint i = 0; i < n; i++)
    {
      (*sockets)[i] = FIRST_SOCKET + (int)i;
      fcntl ((*sockets)[i], F_SETFD, FD_CLOEXEC);
    }
  return n;
}

#if BARUA_SYSTEMD
#include <systemd/sd-daemon.h>

/* Messages within one WatchdogSec, so that one that comes late costs nothing. */
#define WATCHDOG_SHARE 2
#define HEARD_US (5 * G_USEC_PER_SEC)

static guint watchdog;

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
barua_systemd_reloading (void)
{
  sd_notifyf (FALSE, "RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, g_get_monotonic_time ());
}

void
barua_systemd_reloaded (const char *trouble)
{
  g_autofree char *line = g_strdup (trouble != NULL ? trouble : "");

  g_strdelimit (line, "\n", ' '); /* each line would be an assignment */
  sd_notifyf (FALSE, "READY=1\nSTATUS=%s%s", trouble != NULL ? "the old configuration stays in force: " : "",
              line);
}

void
barua_systemd_watch_no_more (void)
{
  g_clear_handle_id (&watchdog, g_source_remove);
}

void
barua_systemd_stopping (void)
{
  barua_systemd_watch_no_more ();
  sd_notify (FALSE, "STOPPING=1");
}

void
barua_systemd_pulse (void)
{
  sd_notify (FALSE, "WATCHDOG=1");
}

gboolean
barua_systemd_can_hand_over (void)
{
  return g_getenv ("NOTIFY_SOCKET") != NULL && getpid () != 1;
}

guint
barua_systemd_pulse_ms (void)
{
  guint64 microseconds = 0;

  return sd_watchdog_enabled (FALSE, &microseconds) > 0 ? (guint)(microseconds / 1000 / WATCHDOG_SHARE)
                                                        : NO_PULSE_MS;
}

void
barua_systemd_hand_over (GPid pid)
{
  sd_notifyf (FALSE, "READY=1\nMAINPID=%d", (int)pid);
  sd_notify_barrier (FALSE, HEARD_US); /* else our end may be seen first, and taken for that of the service */
}

#else

void
barua_systemd_ready (BaruaApp *app)
{
}

void
barua_systemd_watch_no_more (void)
{
}

void
barua_systemd_pulse (void)
{
}

gboolean
barua_systemd_can_hand_over (void)
{
  return FALSE;
}

guint
barua_systemd_pulse_ms (void)
{
  return NO_PULSE_MS;
}

void
barua_systemd_hand_over (GPid pid)
{
}

void
barua_systemd_reloading (void)
{
}

void
barua_systemd_reloaded (const char *trouble)
{
}

void
barua_systemd_stopping (void)
{
}

#endif
