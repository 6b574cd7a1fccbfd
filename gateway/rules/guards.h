/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/settings.h"
#include "gateway/rules/lookup.h"
#include "gateway/rules/messages.h"

G_BEGIN_DECLS

/** The whole number at @path of the settings, written as a number or as text; @fallback when there is none. */
gint64 barua_guard_integer (const BaruaSettings *settings, const char *path, gint64 fallback);

/** Whether @from is the gateway's own number (`gateway_number`; messaging.md 5.2, 5.3). */
gboolean barua_guard_is_own_number (const BaruaSettings *settings, BaruaText from);

/**
 * barua_guard_denies:
 * @from: (nullable): the sender of the record that is answered
 *
 * The deny rules of messaging.md 5.3: own number, too short, letters, list. Without a sender nothing is denied.
 */
gboolean barua_guard_denies (const BaruaSettings *settings, BaruaText from);

/** `sms.duplicate_limit`: how often one text may go to one number (messaging.md 5.4): 5, at most 20. */
guint barua_guard_repeat_limit (const BaruaSettings *settings);

/**
 * barua_guard_recipient:
 * @number: what a rule found
 *
 * Applies `outgoing_phone_replace` and `outgoing_phone_filters` (messaging.md 5.1).
 *
 * Returns: borrowed from @number or @arena
 */
BaruaText barua_guard_recipient (const BaruaSettings *settings, BaruaArena *arena, BaruaText number);

/** `multipart_sms_limit`: segments that a message may take (messaging.md 5.5): 10. */
guint barua_guard_segment_limit (const BaruaSettings *settings);

/**
 * barua_guard_cut:
 * @message: (inout): a text that takes too many segments is cut; its last three characters are then
 *   dots (messaging.md 5.5)
 * @whole: (out): the text as it was; only set when %TRUE is returned
 *
 * Returns: whether @message was cut
 */
gboolean barua_guard_cut (const BaruaSettings *settings, BaruaArena *arena, BaruaText *message, BaruaText *whole);

/**
 * barua_guard_judge:
 * @from: (nullable): the sender who is answered
 * @to: recipient as it will be sent
 * @state: (out): denied, duplicate or pending
 * @error: what @lookup set
 *
 * The deny rules of messaging.md 5.3, then the repeat rule of 5.4, which is not asked for what is denied.
 */
gboolean barua_guard_judge (const BaruaSettings *settings, const BaruaLookup *lookup, BaruaText from, BaruaText to,
                            BaruaText message, gint64 now_ms, BaruaTaskState *state, GError **error);

G_END_DECLS
