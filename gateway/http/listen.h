/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Sockets that listen.  They may outlive the server that accepts from them: connections then wait in the
 * kernel until the next one does. */

/** Returns: (transfer full): an array of int that closes what is in it. */
GArray *barua_listen_sockets_new (void);

/**
 * barua_listen_open:
 * @address: `127.0.0.1:5988`, `[::1]:5988`, `localhost:80`, `:5988` (every address), port 0 for any
 * @sockets: gets one descriptor or several
 *
 * Blocks for names that need resolving.
 */
gboolean barua_listen_open (const char *address, GArray *sockets, GError **error);

/** The port of a listening socket, 0 when it has none. */
guint barua_listen_port (int fd);

G_END_DECLS
