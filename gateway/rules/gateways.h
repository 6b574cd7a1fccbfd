/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

#define BARUA_GATEWAYS_ERROR (barua_gateways_error_quark ())
GQuark barua_gateways_error_quark (void);

/** The spans of time that a phone's limits are counted in. */
typedef enum
{
  BARUA_SPAN_MINUTE,
  BARUA_SPAN_HOUR,
  BARUA_SPAN_DAY,
  BARUA_N_SPANS,
} BaruaSpan;

/** Minutes of a span. */
gint64 barua_span_minutes (BaruaSpan span);

/**
 * BaruaGatewayLimits:
 * @segments: SMS parts that may go out within each span; 0: any number
 */
typedef struct
{
  guint segments[BARUA_N_SPANS];
} BaruaGatewayLimits;

/**
 * BaruaGatewayPlan:
 *
 * Which gateway account a recipient's messages go to, what each account may send, and which of them
 * rest: `[gateways]` of the configuration (cli.md) and what administrators paused. Immutable; any
 * thread.
 */
typedef struct _BaruaGatewayPlan BaruaGatewayPlan;

/**
 * barua_gateway_plan_new:
 * @routes: (nullable) (array zero-terminated=1): `PREFIX:ACCOUNT` or `PREFIX:ACCOUNT*WEIGHT`, a
 *   weight from 1 to 1000, 1 when absent; the prefix `*` fits every number
 * @limits: (nullable) (array zero-terminated=1): `ACCOUNT:N/minute`, several spans with commas:
 *   `ACCOUNT:30/minute,500/hour,5000/day`
 * @error: a %BARUA_GATEWAYS_ERROR that names the entry and what is wrong with it
 *
 * Returns: (transfer full)
 */
BaruaGatewayPlan *barua_gateway_plan_new (const char *const *routes, const char *const *limits,
                                          GError **error);

BaruaGatewayPlan *barua_gateway_plan_ref (const BaruaGatewayPlan *plan);
void barua_gateway_plan_unref (BaruaGatewayPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaGatewayPlan, barua_gateway_plan_unref)

/** Returns: (transfer full): the same routes and limits with exactly these accounts paused. */
BaruaGatewayPlan *barua_gateway_plan_with_paused (const BaruaGatewayPlan *plan,
                                                  const char *const *accounts);

/** (transfer none) (array zero-terminated=1): the accounts that rest. */
const char *const *barua_gateway_plan_paused (const BaruaGatewayPlan *plan);
gboolean barua_gateway_plan_is_paused (const BaruaGatewayPlan *plan, const char *account);

/** (nullable): the limits of @account; %NULL without any. */
const BaruaGatewayLimits *barua_gateway_plan_limits (const BaruaGatewayPlan *plan,
                                                     const char *account);

/**
 * barua_gateway_plan_route:
 * @to: recipient as the document has it
 *
 * The longest prefix that fits @to decides. Among its accounts that do not rest each gets its share
 * by weight, one recipient always the same account; when all of them rest the message waits for
 * one of them.
 *
 * Returns: (nullable): %NULL: whoever polls first
 */
const char *barua_gateway_plan_route (const BaruaGatewayPlan *plan, BaruaText to);

/** Returns: (transfer full): a text that differs when routes differ: rows routed by another plan are
 * to be routed again. */
char *barua_gateway_plan_fingerprint (const BaruaGatewayPlan *plan);

G_END_DECLS
