/* SPDX-License-Identifier: MIT */
#pragma once

/** `barua serve`: see gateway/cli/cli.h. */
int barua_serve (int argc, char **argv);
