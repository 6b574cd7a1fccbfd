/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/**
 * BaruaLookup:
 * @data: for the functions
 * @count_repeat: counts one more message of this text to this recipient and tells how often it was
 *   within the last 30 minutes, this time included (messaging.md 5.4)
 *
 * What a rule may ask; the storage side fills it in, a test has its own.
 */
typedef struct
{
  gpointer data;
  gboolean (*count_repeat) (gpointer data, BaruaText to, BaruaText text, gint64 now_ms, guint *count,
                            GError **error);
} BaruaLookup;

G_END_DECLS
