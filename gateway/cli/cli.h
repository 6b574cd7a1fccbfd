/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/config.h"
#include "gateway/store/store.h"

/* The commands of the program. Each takes its own arguments, argv[0] being the command's name, and
 * returns the exit status: 0 done, 1 the work failed, 2 wrong usage. */

/**
 * BaruaCliPlace:
 * @database: (nullable): --database
 * @config_file: (nullable): --config
 *
 * Where the command line says that the database is. All commands that use one find it alike (cli.md): by --database, else by
 * the environment, else by --config or the configuration that is there, else ./barua.db.
 */
typedef struct
{
  char *database;
  char *config_file;
} BaruaCliPlace;

void barua_cli_place_clear (BaruaCliPlace *place);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BaruaCliPlace, barua_cli_place_clear)

/** Has @context read both options into @place, which must stay where it is until they are read. */
void barua_cli_place_add_options (BaruaCliPlace *place, GOptionContext *context);

/** (transfer full): the configuration, with the database of the command line. @error: as barua_config_load() */
BaruaConfig *barua_cli_place_load (const BaruaCliPlace *place, GError **error);

/** (transfer full): opens a database that is there. @default_db: (nullable): as in the
 * configuration; @alone: refuses beside a running server. */
BaruaStore *barua_cli_open_store (const char *database, const char *default_db, gboolean alone,
                                  GError **error);

/** `barua user add|passwd|list|delete`: accounts, also beside a running server. */
int barua_cli_user (int argc, char **argv);

/** `barua parse`: messages in, records out. */
int barua_cli_parse (int argc, char **argv);

/** `barua forms check`: findings about form definitions; and `barua forms guide`. */
int barua_cli_forms (int argc, char **argv);

/** `barua forms guide`: how to write to a form in each syntax, with examples that were read back. */
int barua_cli_forms_guide (int argc, char **argv);

/** `barua check`: differences between what is derived and the documents; 1 when there are any. */
int barua_cli_check (int argc, char **argv);

/** `barua reindex`: makes what is derived again; refused beside a running server. */
int barua_cli_reindex (int argc, char **argv);

/** `barua backup FILE`: a copy of the database, also beside a running server. */
int barua_cli_backup (int argc, char **argv);

/** `barua restore FILE`: puts a backup in the place of the database and keeps that; refused beside a
 * running server. */
int barua_cli_restore (int argc, char **argv);

/** `barua migrate [--dry-run]`: brings the tables up to date, or tries to on a copy. */
int barua_cli_migrate (int argc, char **argv);
