/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/rules/messages.h"
#include "gateway/rules/tasks.h"
#include "gateway/store/store.h"
#include "parser/record.h"

G_BEGIN_DECLS

/**
 * BaruaIncoming:
 * @input: the message as received; its texts live as long as the record's
 * @record: what the parser made of it
 * @claims_reference: its `gateway_ref` decides whether it is new (messaging.md 3.5)
 * @is_new: what barua_exchange_store() found
 *
 * A record on its way into the store.
 */
typedef struct
{
  BaruaMessage input;
  BaruaRecord record;
  gboolean claims_reference;
  gboolean is_new;
} BaruaIncoming;

/** The text of a member of a received message: a string, or a number as it is written; absent for anything else. */
BaruaText barua_exchange_text (BaruaArena *arena, BaruaJson value);

/**
 * barua_exchange_read:
 * @reference: the gateway's id of the message, its @from and @content as they came
 * @arena: keeps what the record holds
 * @incoming: (out)
 *
 * Makes a record of a received message (messaging.md 3.5); one that is too long to be parsed is kept as plain
 * text.
 *
 * Returns: %FALSE when one of the three is empty: such a message is left out
 */
gboolean barua_exchange_read (const BaruaSettings *settings, BaruaText reference, BaruaText from, BaruaText content,
                              gint64 now_ms, BaruaArena *arena, BaruaIncoming *incoming);

/**
 * barua_exchange_store:
 * @incoming: its @is_new becomes %FALSE when the reference was used before: nothing is stored then
 *
 * Stores a record, with what the transitions make of it, its reply, their queue rows and its reference: all
 * of it in the transaction of the job.
 */
gboolean barua_exchange_store (BaruaTx *tx, const BaruaSettings *settings, BaruaIncoming *incoming,
                               BaruaArena *arena, BaruaWritten *written, GError **error);

/**
 * barua_exchange_update:
 * @account: who reports: its traffic is counted
 * @updates: array of `{id, status, reason}` of a gateway phone; entries without a known id are left out
 *   (messaging.md 3.6)
 * @arena: for what the changes hold
 *
 * Applies delivery states to the documents that hold the messages; each document is stored once.
 */
gboolean barua_exchange_update (BaruaTx *tx, const char *account, BaruaJson updates, BaruaArena *arena, gint64 now_ms,
                                GError **error);

/**
 * barua_exchange_change:
 * @message: as found in this transaction; its place goes before that of @change
 *
 * Makes one change of the task that holds @message, by the rules of barua_tasks_apply(), and stores its
 * document unless nothing changes.
 */
gboolean barua_exchange_change (BaruaTx *tx, const BaruaQueuedMessage *message, const BaruaTaskChange *change,
                                GError **error);

/**
 * barua_exchange_hand_out:
 * @account: who polls
 * @n_messages: (out): how many
 * @out: receives the entries of `messages`, without the brackets
 *
 * Takes at most 25 due messages for @account, none while it rests and no more than its limits allow
 * (`[gateways]` of cli.md), and marks them `forwarded-to-gateway` (messaging.md 3.7, 4.4).
 */
gboolean barua_exchange_hand_out (BaruaTx *tx, const BaruaSettings *settings, const char *account, gint64 now_ms,
                                  GString *out, guint *n_messages, GError **error);

/** Whether phones are to poll for messages: `sms.outgoing_service` (messaging.md 3.7). */
gboolean barua_exchange_serves_phones (const BaruaSettings *settings);

/** How long a message belongs to the account that got it, `sms.gateway_lease_seconds`; 0: not at all. */
gint64 barua_exchange_lease_ms (const BaruaSettings *settings);

G_END_DECLS
