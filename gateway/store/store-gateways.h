/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/rules/gateways.h"
#include "gateway/store/store.h"

G_BEGIN_DECLS

/* What the store knows of gateway phones, and what timers ask of the queue. */

/**
 * barua_tx_set_gateway_plan:
 * @plan: the store takes a reference
 *
 * Routes messages that enter the queue from now on. Those that wait already are routed again by
 * barua_tx_reroute().
 */
void barua_tx_set_gateway_plan (BaruaTx *tx, const BaruaGatewayPlan *plan);

/** (nullable) (transfer none): the plan in force. */
const BaruaGatewayPlan *barua_tx_gateway_plan (BaruaTx *tx);

/** Kept under this key (barua_tx_put_meta()): the fingerprint of the plan that what waits was routed by;
 * barua_store_reindex() sets it to a text that is none. */
#define BARUA_META_ROUTED "gateways-routed"

/**
 * barua_tx_reroute:
 * @cursor: (inout): 0 to begin with; negative when all was looked at
 *
 * Routes the next slice of the messages that wait and that no phone has on lease.
 */
gboolean barua_tx_reroute (BaruaTx *tx, gint64 *cursor, GError **error);

/** What went through one phone in some time. @segments: SMS parts handed out; only counted for accounts
 * with limits. */
typedef struct
{
  gint64 segments;
  gint64 sent;
  gint64 failed;
} BaruaTraffic;

/** Adds to what @account did in the minute of @now_ms. */
gboolean barua_tx_add_traffic (BaruaTx *tx, const char *account, gint64 now_ms,
                               const BaruaTraffic *traffic, GError **error);

/** Sums the minute of @now_ms and those before it, @minutes in all. */
gboolean barua_reader_traffic (BaruaReader *reader, const char *account, gint64 now_ms,
                               gint64 minutes, BaruaTraffic *sum, GError **error);

/** Forgets minutes before @before_ms. */
gboolean barua_tx_forget_traffic (BaruaTx *tx, gint64 before_ms, GError **error);

/**
 * barua_tx_put_phone:
 * @received_ms: 0: nothing came in
 *
 * Notes when @account polled last, and when it last brought a message.
 */
gboolean barua_tx_put_phone (BaruaTx *tx, const char *account, gint64 polled_ms, gint64 received_ms,
                             GError **error);

/**
 * BaruaPhoneRow:
 * @account: (nullable): absent: messages that no phone has
 * @polled_ms: 0: never
 * @received_ms: 0: never
 * @waiting: messages on lease or by route that no phone has confirmed
 * @oldest_due_ms: of those; 0 without any
 */
typedef struct
{
  BaruaText account;
  gint64 polled_ms;
  gint64 received_ms;
  gint64 waiting;
  gint64 oldest_due_ms;
} BaruaPhoneRow;

/** Borrowed for the call. */
typedef void (*BaruaPhoneFunc) (const BaruaPhoneRow *row, gpointer data);

/** Calls @func with what is stored of phones, and again with what waits: rows of one account are to be
 * added up. Linear in the queue (its index alone). */
gboolean barua_reader_phones (BaruaReader *reader, BaruaPhoneFunc func, gpointer data,
                              GError **error);

/** Where barua_reader_due_documents() goes on; begin with {0} and @ms the earliest time minus one. */
typedef struct
{
  gint64 ms;
  gint64 number;
} BaruaDueCursor;

/**
 * barua_reader_due_documents:
 * @state: of the tasks; %BARUA_TASK_STATE_OTHER: tasks that wait for a phone, by their `valid_until`
 * @cursor: (inout)
 * @until_ms: latest time
 * @limit: rows to look at
 * @ids: (out) (transfer full) (element-type utf8): documents that have such tasks, each once
 * @is_done: (out): there are no more
 *
 * Lists the documents with tasks that are due (or over), by their time.
 */
gboolean barua_reader_due_documents (BaruaReader *reader, BaruaTaskState state,
                                     BaruaDueCursor *cursor, gint64 until_ms, guint limit,
                                     GPtrArray **ids, gboolean *is_done, GError **error);

/** The earliest due time of a task in @state after @after_ms; *due_ms is %G_MAXINT64 without one. */
gboolean barua_reader_next_due (BaruaReader *reader, BaruaTaskState state, gint64 after_ms,
                                gint64 *due_ms, GError **error);

G_END_DECLS
