/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** Failures in the window that make further attempts be refused (spec/users.md 10 no. 10). */
#define BARUA_RATE_FAILURES 10
#define BARUA_RATE_WINDOW_US (10 * G_USEC_PER_SEC)

/**
 * BaruaRateLimit:
 *
 * Failures per key within a moving window. Bounded: the key whose last failure is the oldest is
 * forgotten first.
 */
typedef struct _BaruaRateLimit BaruaRateLimit;

/** @max_keys: at least 1 */
BaruaRateLimit *barua_rate_limit_new (guint max_keys);
void barua_rate_limit_free (BaruaRateLimit *limit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaRateLimit, barua_rate_limit_free)

/** @now_us: monotonic time */
void barua_rate_limit_count (BaruaRateLimit *limit, const char *key, gint64 now_us);
gboolean barua_rate_limit_is_reached (BaruaRateLimit *limit, const char *key, gint64 now_us);
void barua_rate_limit_clear (BaruaRateLimit *limit, const char *key);
guint barua_rate_limit_size (BaruaRateLimit *limit);

G_END_DECLS
