/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/build.h"

G_BEGIN_DECLS

/* The process that comes after ours: starting it, and finding it again at the next start. */

/**
 * BaruaSuccessor:
 * @program: path
 * @sockets: of int: for LISTEN_FDS
 * @channel: one more descriptor, whose number there is the value of @channel_variable
 * @is_ours: its parent stays: signals of the terminal are passed on to it, and it ends with us
 */
typedef struct
{
  const char *program;
  const GArray *sockets;
  int channel;
  const char *channel_variable;
  gboolean is_ours;
} BaruaSuccessor;

/** Starts @successor with the arguments and the environment that we were started with. Returns: its process id; -1 with
 * errno. */
GPid barua_successor_start (const BaruaSuccessor *successor);

/** Notes for the next start that @build is to be run; synchronised. */
gboolean barua_successor_note (const char *database, const BaruaBuild *build, GError **error);

/** Drops that note. */
void barua_successor_forget (const char *database);

/**
 * barua_successor_follow:
 * @builds_dir: "" for none
 *
 * An upgrade must outlast the next start, for which the service manager runs the program it always ran. If the
 * file DATABASE.build says that this program has handed over to a build since, and the build is still the same,
 * this becomes it (execve). The file names the program it is for, so that a newer package is not overruled.
 */
void barua_successor_follow (const char *builds_dir, const char *database);

G_END_DECLS
