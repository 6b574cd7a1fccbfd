/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/app.h"

G_BEGIN_DECLS

/* What systemd is told and asked, sd_notify(3) and sd_listen_fds(3).  Built with -Dsystemd=disabled, or
 * started by somebody else, all of it does nothing. */

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

/** Says that no new requests are taken, and stops the watchdog's messages. */
void barua_systemd_stopping (void);

G_END_DECLS
