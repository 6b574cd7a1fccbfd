/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/api/exchange.h"
#include "gateway/outbound/adapter.h"

G_BEGIN_DECLS

/**
 * BaruaCounters:
 *
 * What came in since the start, and what carriers made of what was sent, for metrics (export-and-monitoring.md 7.2). Main thread.
 */
typedef struct _BaruaCounters BaruaCounters;

BaruaCounters *barua_counters_new (void);
void barua_counters_free (BaruaCounters *counters);

/** A received message was left out, as it lacks something. */
void barua_counters_skip (BaruaCounters *counters);

/** After its commit: @incoming was stored, or was there before. */
void barua_counters_add (BaruaCounters *counters, const BaruaIncoming *incoming);

/** A carrier of `barua_adapters` was asked to send a message, and that is what came of it. */
void barua_counters_sent (BaruaCounters *counters, const BaruaAdapter *adapter, const BaruaSendResult *result);

/** Appends the metrics in the Prometheus text format. */
void barua_counters_write (const BaruaCounters *counters, GString *out);

G_END_DECLS
