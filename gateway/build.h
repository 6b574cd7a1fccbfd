/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Builds: what an administrator has put into the builds directory as VERSION/barua, with its modules beside it, for
 * the server to go over to (export-and-monitoring.md 8.2).  All of it blocks. */

#define BARUA_BUILD_ERROR (barua_build_error_quark ())
GQuark barua_build_error_quark (void);

/**
 * BaruaBuild:
 * @version: the name of its folder, and what it says to `--version`
 * @program: path
 * @digest: SHA-256 over the names and bytes of all files of its folder, in hex
 */
typedef struct
{
  char *version;
  char *program;
  char *digest;
} BaruaBuild;

BaruaBuild *barua_build_copy (const BaruaBuild *build);
void barua_build_free (BaruaBuild *build);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaBuild, barua_build_free)

/** Whether @version can be the name of a folder: letters, digits, `.`, `_`, `+`, `~` and `-`, beginning with one of
 * the former two, 64 at most. */
gboolean barua_build_is_name (const char *version);

/**
 * barua_build_check:
 * @builds_dir: "" when none is configured
 * @error: a %BARUA_BUILD_ERROR for people
 *
 * Looks at the files: the builds directory, the folder of @version and all that is in it belong to root or to the
 * user that we are, nobody else may write there, and nothing is a symbolic link. What the builds directory lies in is
 * the same, but that links may lead there, and that others may write where only owners rename (sticky). Nothing is run.
 *
 * Returns: (transfer full)
 */
BaruaBuild *barua_build_check (const char *builds_dir, const char *version, GError **error);

/**
 * barua_build_run:
 * @arguments: (array zero-terminated=1): without the program's name
 * @cancellable: (nullable)
 * @output: (out) (transfer full): what it printed, standard error too, without white space around it; 4 KiB at most
 * @error: a %BARUA_BUILD_ERROR: it failed, or took longer than @limit_s seconds; or %G_IO_ERROR_CANCELLED
 *
 * Runs the program of a build that was checked, with an environment that has nothing of ours.
 */
gboolean barua_build_run (const BaruaBuild *build, const char *const *arguments, guint limit_s,
                          GCancellable *cancellable, char **output, GError **error);

/** Whether the build says to `--version` that it is what its folder is called. */
gboolean barua_build_check_version (const BaruaBuild *build, GCancellable *cancellable, GError **error);

G_END_DECLS
