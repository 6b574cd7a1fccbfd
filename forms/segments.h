/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/**
 * BaruaSegments:
 * @is_ucs2: a character is not in the GSM 7-bit alphabet, so that every one takes 16 bits
 * @units: septets, or UTF-16 units
 * @segments: SMS that the text takes; 1 for an empty text
 *
 * How a text is sent (3GPP TS 23.038, 6.2.1; TS 23.040, 9.2.3.24.1).
 */
typedef struct
{
  gboolean is_ucs2;
  guint units;
  guint segments;
} BaruaSegments;

/** Counts @text, UTF-8. Escaped characters and surrogate pairs are never split between segments. */
BaruaSegments barua_segments_count (BaruaText text);

/**
 * barua_segments_cut:
 * @limit: segments at most
 *
 * Returns: how many bytes of @text, whole characters, fill @limit segments; @text.n when all of it fits
 */
gsize barua_segments_cut (BaruaText text, guint limit);

/** Whether a character is in the GSM 7-bit alphabet, its extension table included. */
gboolean barua_segments_is_gsm (gunichar c);

G_END_DECLS
