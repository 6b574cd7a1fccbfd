/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * barua_log_init:
 * @level: debug, info, message or warning: less important lines are dropped
 * @format: auto, journald or text
 *
 * Sends what the layers log to standard error: to the journal when it listens there, else one line of text each.
 * Every message goes through barua_log_mask() first.
 */
void barua_log_init (const char *level, const char *format);

/** The same for a program that runs. */
void barua_log_set (const char *level, const char *format);

G_END_DECLS
