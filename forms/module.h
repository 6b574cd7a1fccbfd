/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** The files of all modules that this program may load; ends with %NULL. */
extern const char *const barua_modules[];

/**
 * barua_module_symbol:
 * @file: of the module, "barua-phone.so"
 * @symbol: what it exports
 *
 * Loads a module of the program: the one beside it, as in a build for an upgrade; that of the build directory which
 * the program lies in; else the installed one. A module is for a library whose memory nobody is to pay for who does
 * not need it; it stays loaded. Blocks; each caller guards its own first use.
 *
 * Returns: (nullable): the address; %NULL with the reason in the log
 */
gpointer barua_module_symbol (const char *file, const char *symbol);

G_END_DECLS
