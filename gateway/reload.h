/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/app.h"
#include "gateway/config.h"

G_BEGIN_DECLS

/* From a configuration to a server that goes by it: at the start, and again while it runs. */

/**
 * BaruaConfigFiles:
 * @tls: (nullable): %NULL: plain HTTP
 *
 * What the files hold that a configuration names.
 */
typedef struct
{
  BaruaTls *tls;
  BaruaCredentials *credentials;
} BaruaConfigFiles;

/** Reads them all, so that one that cannot be used is found before anything is changed. @files: (out): empty */
gboolean barua_config_files_read (const BaruaConfig *config, BaruaConfigFiles *files, GError **error);
void barua_config_files_clear (BaruaConfigFiles *files);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BaruaConfigFiles, barua_config_files_clear)

/** What the HTTP layer is told; the texts are those of @config. @folder: for attachments that wait */
BaruaServerOptions barua_config_server_options (const BaruaConfig *config, const char *folder);

/** Puts what was read in force: TLS for new connections, secrets, pages. Takes the secrets from @files. */
void barua_reload_files (BaruaApp *app, const BaruaConfig *config, BaruaConfigFiles *files);

/** Puts everything in force in a server that runs, but for its addresses and what only a restart changes. Nothing
 * of it can fail. */
void barua_reload_app (BaruaApp *app, const BaruaConfig *config, BaruaConfigFiles *files);

/** Starts what hands messages to carriers. */
struct _BaruaPush *barua_config_make_push (const BaruaConfig *config, BaruaApp *app);

/** As many open files as connections may need (cli.md, max-connections). */
void barua_config_raise_file_limit (const BaruaConfig *config);

/**
 * BaruaAddresses:
 * @fds: of int: listening, closed with the array
 * @texts: the address of each; empty when somebody else opened them
 *
 * The sockets of a process, which its servers accept from in turn.
 */
typedef struct
{
  GArray *fds;
  GPtrArray *texts;
} BaruaAddresses;

void barua_addresses_init (BaruaAddresses *addresses);
void barua_addresses_clear (BaruaAddresses *addresses);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BaruaAddresses, barua_addresses_clear)

/** Closes all of them. */
void barua_addresses_close (BaruaAddresses *addresses);

/** Opens those that @config lists and @addresses has not, and tells of each. */
gboolean barua_addresses_open (BaruaAddresses *addresses, const BaruaConfig *config, GError **error);

/**
 * barua_addresses_change:
 * @error: an address cannot be opened; nothing is changed then
 *
 * Opens what @config lists and closes what it does not list any more. No server may accept from them meanwhile:
 * who comes waits in the kernel.
 */
gboolean barua_addresses_change (BaruaAddresses *addresses, const BaruaConfig *config, GError **error);

G_END_DECLS
