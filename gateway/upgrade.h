/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/app.h"
#include "gateway/build.h"

G_BEGIN_DECLS

/**
 * BaruaUpgrade:
 *
 * Going over to another build of the program (export-and-monitoring.md 8.2): stages it in a thread of its own, and
 * says how that goes in the document `horti-upgrade`. What it goes by is what it has looked at itself, never what
 * stands in that document, which anybody who writes documents may change. Main thread only.
 */
typedef struct _BaruaUpgrade BaruaUpgrade;

/**
 * BaruaUpgradePlan:
 * @must_copy: the build changes the tables, so that there is no way back without a copy
 *
 * What the server is to go over to.
 */
typedef struct
{
  BaruaBuild *build;
  gboolean must_copy;
} BaruaUpgradePlan;

/** Called when a build was found in order and is to be gone over to; @plan: borrowed. */
typedef void (*BaruaUpgradeFunc) (const BaruaUpgradePlan *plan, gpointer data);

/**
 * barua_upgrade_new:
 * @app: outlives it
 * @builds_dir: "" for none: every upgrade then fails
 * @database: path
 */
BaruaUpgrade *barua_upgrade_new (BaruaApp *app, const char *builds_dir, const char *database,
                                 BaruaUpgradeFunc go, gpointer data);

/** Gives up what is under way. @upgrade: (nullable) */
void barua_upgrade_free (BaruaUpgrade *upgrade);

/** Whether a build is being staged, or gone over to. */
gboolean barua_upgrade_is_busy (const BaruaUpgrade *upgrade);

/** Checks a build and tries its migration on a copy of the database, and goes over to it if @completes. The document
 * has been written. */
void barua_upgrade_stage (BaruaUpgrade *upgrade, const char *version, gboolean completes);

/** Checks that the build is still the one that was staged, and goes over to it; one that was not staged by us is
 * staged first. */
void barua_upgrade_complete (BaruaUpgrade *upgrade, const char *version);

/**
 * barua_upgrade_settle:
 * @trouble: (nullable): why the build that we were to go over to did not take over
 *
 * At the start: ends what the document says is under way. When we are what it asks for, that is its last entry, and
 * it is deleted.
 */
void barua_upgrade_settle (BaruaUpgrade *upgrade, const char *trouble);

/** (transfer full): the copy of @database that staging makes; after an upgrade that changed the tables, the database
 * as it was before. */
char *barua_upgrade_backup_path (const char *database);

G_END_DECLS
