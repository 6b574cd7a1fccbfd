/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/upgrade.h"

G_BEGIN_DECLS

/* From one process to the next, which runs another build (export-and-monitoring.md 8.2).
 *
 * The next one is a child of ours. It gets the listening sockets as systemd would give them (LISTEN_FDS), and in
 * BARUA_HANDOVER_FD one end of a pair of SOCK_SEQPACKET sockets. On it the child says "ready" when it has opened
 * everything and would serve; until then it neither takes nor sends anything. We answer "go", with connections that
 * are open in SCM_RIGHTS, in as many messages as that takes, and close our end. A child that finds the end without
 * "go" ends. All versions must keep to this: the program on either side may be older or newer. */

/**
 * BaruaHandOver:
 * @database: path; nobody has it open
 * @sockets: of int: listening
 * @kept: of int: connections, between two requests
 * @is_told: set by a signal that wants us to stop, of which this one may come too late to hear
 * @is_hung_up: the same for SIGHUP, which the child gets when it serves: it may have read the configuration before
 *
 * Both arrays are empty, and what was in them closed, when it is done.
 */
typedef struct
{
  const char *database;
  const BaruaUpgradePlan *plan;
  GArray *sockets;
  GArray *kept;
  const gboolean *is_told;
  const gboolean *is_hung_up;
} BaruaHandOver;

/**
 * BaruaHandOverEnd:
 * @BARUA_HAND_OVER_FAILED: all is as it was
 * @BARUA_HAND_OVER_STOPPED: the same, and a signal wants us to end
 * @BARUA_HAND_OVER_DONE: the child serves, or has served
 */
typedef enum
{
  BARUA_HAND_OVER_FAILED,
  BARUA_HAND_OVER_STOPPED,
  BARUA_HAND_OVER_DONE,
} BaruaHandOverEnd;

/**
 * barua_hand_over:
 * @status: (out): what to end with when it is done
 * @error: set when it failed: for people
 *
 * Starts the build, and returns when that serves or does not. A child that ends, or is not ready within 30 s, is ended,
 * and the database is what it was. With a service manager that can be told who serves (NOTIFY_SOCKET) it returns
 * then; without one, or as the first process of a container, it stays until the child ends, passes signals on to it,
 * and @status is the child's.
 */
BaruaHandOverEnd barua_hand_over (const BaruaHandOver *hand_over, int *status, GError **error);

/** Whether we are such a child. */
gboolean barua_take_over_is_due (void);

/**
 * barua_take_over:
 * @kept: gets the connections (int) to go on with
 * @error: we are not wanted
 *
 * The child's part: says that it is ready, and waits until it may serve. Blocks.
 */
gboolean barua_take_over (GArray *kept, GError **error);

/**
 * barua_hand_over_recover:
 *
 * Puts the database back when the machine went down while a build was taking over, before that served. For every
 * start that is no taking over, before the database is opened.
 */
gboolean barua_hand_over_recover (const char *database, GError **error);

G_END_DECLS
