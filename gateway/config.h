/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/rules/gateways.h"

G_BEGIN_DECLS

#define BARUA_CONFIG_ERROR (barua_config_error_quark ())
GQuark barua_config_error_quark (void);

/** Where the configuration is looked for when no file is named; it need not be there. */
#ifndef BARUA_CONFIG_FILE /* meson option `configdir` */
#define BARUA_CONFIG_FILE "/etc/barua/barua.conf"
#endif

/**
 * BaruaConfig:
 *
 * The configuration of `barua serve` (cli.md): option over environment over file over default.
 */
typedef struct
{
  char *database;
  char **listen; /* ADDRESS:PORT */
  char *default_db;
  char *web_dir;         /* empty: the pages that are compiled in */
  char *tls_certificate; /* empty, as is the key: no TLS */
  char *tls_key;
  guint max_body_mib;
  guint max_connections;
  guint max_connections_per_address;
  guint request_timeout_s;
  guint idle_timeout_s;
  char **trusted_proxies;
  guint cache_mib;
  guint readers; /* 0: by cores */
  char *log_level;
  char *log_format;
  char **gateway_routes; /* as written; compiled: */
  char **gateway_limits;
  BaruaGatewayPlan *gateways;
  char *africas_talking_url; /* empty: the service's own */
  char *rapidpro_url;        /* empty: as the application settings say */
  guint outbound_timeout_s;
  guint outbound_retry_s;
  char *builds_dir; /* empty: no upgrades */
  GHashTable *credentials; /* name -> file */
  GPtrArray *origins; /* lines for --show-config */
  char **origin_of;   /* where the value of each key comes from */
} BaruaConfig;

/**
 * BaruaConfigOptions:
 * @file: (nullable): a file that must be there; %NULL: %BARUA_CONFIG_FILE if it is there
 * @database: (nullable): the option of that name
 * @listen: (nullable): the options of that name
 * @web_dir: (nullable): the option of that name
 * @tls_certificate: (nullable): the option of that name
 * @tls_key: (nullable): the option of that name
 *
 * What the command line says.
 */
typedef struct
{
  const char *file;
  const char *database;
  const char *const *listen;
  const char *web_dir;
  const char *tls_certificate;
  const char *tls_key;
} BaruaConfigOptions;

/**
 * BaruaConfigError:
 * @BARUA_CONFIG_ERROR_FILE: the file, or a variable, says what cannot be
 * @BARUA_CONFIG_ERROR_USAGE: the command line does
 */
typedef enum
{
  BARUA_CONFIG_ERROR_FILE,
  BARUA_CONFIG_ERROR_USAGE,
} BaruaConfigError;

/**
 * barua_config_load:
 * @error: a %BARUA_CONFIG_ERROR: every mistake, a line each, with its source (`FILE:LINE`, a variable, or the
 *   option), its key and what would do; or that of reading the file
 *
 * Returns: (transfer full)
 */
BaruaConfig *barua_config_load (const BaruaConfigOptions *options, GError **error);

void barua_config_free (BaruaConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaConfig, barua_config_free)

/** Takes what only a restart can change from @before. Returns: (transfer full) (nullable): the keys that differed,
 * "[server] database, …"; %NULL: none */
char *barua_config_keep_fixed (BaruaConfig *config, const BaruaConfig *before);

/** The configuration as a file of it would look: each value with its source, each key with a comment
 * that data/install/pages.py makes barua.conf(5) of. Returns: (transfer full) */
char *barua_config_show (const BaruaConfig *config);

G_END_DECLS
