/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/app.h"

G_BEGIN_DECLS

/* What systemd is told and asked, sd_notify(3) and sd_listen_fds(3).  Built with -Dsystemd=disabled, or
 * started by somebody else, nothing is told; sockets are taken in any case, since the server before an
 * upgrade hands them over in the same way. */

/**
 * barua_systemd_sockets:
 * @sockets: (out): the listening sockets that were handed over; the caller's from then on
 *
 * Returns: how many; 0 without socket activation
 */
guint barua_systemd_sockets (int **sockets);

/** Says that requests are taken, and from now on, as often as the unit's `WatchdogSec` wants it, that
 * the main loop and the writer of @app move. */
void barua_systemd_ready (BaruaApp *app);

/** Tells the watchdog that all is well, without looking. */
void barua_systemd_pulse (void);

/** Whether somebody can be told that another process is the service: not for the first process of a container, which
 * must not end. */
gboolean barua_systemd_can_hand_over (void);

/** How often barua_systemd_pulse() is wanted, in milliseconds. */
guint barua_systemd_pulse_ms (void);

/** Says that @pid is the service from now on, and waits until that was heard. */
void barua_systemd_hand_over (GPid pid);

/** Says no more to the watchdog of its own. */
void barua_systemd_watch_no_more (void);

/** Says that the configuration is read again, and that this is over; @trouble: (nullable): why the old one stays. */
void barua_systemd_reloading (void);
void barua_systemd_reloaded (const char *trouble);

/** Says that no new requests are taken, and stops the watchdog's messages. */
void barua_systemd_stopping (void);

G_END_DECLS
