/* SPDX-License-Identifier: MIT */
#pragma once

/* The commands of the program. Each takes its own arguments, argv[0] being the command's name, and
 * returns the exit status: 0 done, 1 the work failed, 2 wrong usage. */

/** `barua parse`: messages in, records out. */
int barua_cli_parse (int argc, char **argv);
