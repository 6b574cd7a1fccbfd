/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * barua_redirect_sanitise:
 * @wanted: (nullable): where a client wants to go after login, UTF-8
 *
 * Lets through what stays on this host: a path, with query and fragment (users.md 2.4). Whatever is
 * no path, or would be `//host` after any number of decodings, or holds a backslash or control
 * character, is dropped.
 *
 * Returns: (transfer full) (nullable): fit for a Location header
 */
char *barua_redirect_sanitise (const char *wanted);

G_END_DECLS
