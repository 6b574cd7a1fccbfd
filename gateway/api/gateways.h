/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/app.h"
#include "gateway/store/store-gateways.h"

G_BEGIN_DECLS

/**
 * BaruaGateways:
 *
 * What is known of gateway phones, by account: when they polled, what they may send, which rest.
 * Main thread only.
 */
typedef struct _BaruaGateways BaruaGateways;

/**
 * barua_gateways_new:
 * @app: not listening yet
 * @plan: of the configuration; those that administrators paused are added
 *
 * Puts the plan in force; blocks. Messages that wait are routed again, in jobs of their own, when the
 * routes are not those they were routed by.
 *
 * Returns: (transfer full)
 */
BaruaGateways *barua_gateways_new (BaruaApp *app, const BaruaGatewayPlan *plan, GError **error);
void barua_gateways_free (BaruaGateways *gateways);

/** Puts another plan of the configuration in force, soon; who rests still does. Messages that wait are routed
 * again when the routes changed. */
void barua_gateways_configure (BaruaApp *app, BaruaGatewayPlan *plan);

/** (transfer none): the plan in force; %NULL gateways have none. */
const BaruaGatewayPlan *barua_gateways_plan (const BaruaGateways *gateways);

/**
 * barua_gateways_note_poll:
 * @gateways: (nullable)
 * @user_agent: (nullable)
 * @n_incoming: messages that it brought
 *
 * A phone has polled. Warns, once an hour, when an account whose messages are not confirmed polls from
 * elsewhere: two phones of one account cannot be told apart (messaging.md 4.4).
 */
void barua_gateways_note_poll (BaruaGateways *gateways, const char *account, const char *user_agent,
                               const char *address, gint64 now_ms, guint n_incoming);

/** How many messages the answer to @account had. */
void barua_gateways_note_answer (BaruaGateways *gateways, const char *account, guint n_messages);

/** Stores what is new since the last call. Called once a minute and at the end. */
void barua_gateways_flush (BaruaGateways *gateways);

/**
 * BaruaGatewayReport:
 * @account: (nullable): %NULL: messages that no phone has
 * @polled_ms: 0: never; as @received_ms, @oldest_due_ms
 * @quarter: of an hour, up to now
 * @day: 24 hours
 *
 * How one gateway account is doing.
 */
typedef struct
{
  char *account;
  gboolean is_paused;
  gint64 polled_ms;
  gint64 received_ms;
  gint64 waiting;
  gint64 oldest_due_ms;
  BaruaTraffic quarter;
  BaruaTraffic day;
} BaruaGatewayReport;

/** Returns: (transfer full) (element-type BaruaGatewayReport): what is known in memory; complete it on a
 * reading thread. */
GArray *barua_gateways_begin_report (BaruaGateways *gateways);

/** Adds what the store knows of each account, and the accounts that only it knows; sorted by name, the
 * row without account first. */
gboolean barua_gateways_complete_report (BaruaReader *reader, GArray *report, gint64 now_ms,
                                         GError **error);

G_END_DECLS
