/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/store/store.h"

G_BEGIN_DECLS

/* Messages as people look at them, and as carriers report on them (messaging.md 3.9, 7). */

/**
 * BaruaOutboxPlace:
 * @due_ms: %G_MAXINT64 among those without a due time, which come last
 * @number: tells apart what is due at one time
 *
 * A place in the list: what has been listed already.
 */
typedef struct
{
  gint64 due_ms;
  gint64 number;
} BaruaOutboxPlace;

/** Before the first message. */
#define BARUA_OUTBOX_BEGIN ((BaruaOutboxPlace){ G_MININT64, 0 })

/**
 * BaruaOutboxQuery:
 * @state: %BARUA_N_TASK_STATES: any
 * @account: (nullable): who got it last
 * @to: (array length=n_to): recipients, none or different ones
 * @has_reference: only those with a carrier's id
 * @from_ms: due then or later; %G_MININT64: any time, and no time
 * @until_ms: due before; %G_MAXINT64: any time, and no time
 * @after: where the last page ended
 * @limit: 1 to %BARUA_OUTBOX_MAX
 */
typedef struct
{
  BaruaTaskState state;
  const char *account;
  BaruaText to[2];
  guint n_to;
  gboolean has_reference;
  gint64 from_ms;
  gint64 until_ms;
  BaruaOutboxPlace after;
  guint limit;
} BaruaOutboxQuery;

/** Messages of one page at most. */
#define BARUA_OUTBOX_MAX 1000

/**
 * barua_reader_outbox:
 * @messages: (out) (transfer full) (element-type BaruaQueuedMessage): oldest due first; the uuid of a message
 *   that is not made yet is absent
 * @next: (out): for the next page
 * @has_more: (out): whether there may be one
 *
 * Lists messages in time that does not grow with their number. Where @account or @has_reference leave out most
 * of what is looked at, a page may have less than @limit messages, or none, and yet be followed by more.
 */
gboolean barua_reader_outbox (BaruaReader *reader, const BaruaOutboxQuery *query, GPtrArray **messages,
                              BaruaOutboxPlace *next, gboolean *has_more, GError **error);

/**
 * barua_reader_outbox_of_reference:
 * @ref: a carrier's id, `gateway_ref` of a task
 * @messages: (out) (transfer full) (element-type BaruaQueuedMessage): one id may cover several
 */
gboolean barua_reader_outbox_of_reference (BaruaReader *reader, BaruaText ref, GPtrArray **messages,
                                           GError **error);

/**
 * barua_tx_outbox_hold:
 * @holder: who has the message now
 *
 * Gives a message to @holder: until then nobody else gets it from barua_tx_take_messages(). Of nobody's concern
 * when there is no such message.
 */
gboolean barua_tx_outbox_hold (BaruaTx *tx, BaruaText uuid, const char *holder, gint64 until_ms, GError **error);

G_END_DECLS
