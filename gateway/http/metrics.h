/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/http/router.h"

G_BEGIN_DECLS

/**
 * BaruaMetrics:
 *
 * What came of the requests, by route, method and status. Main thread.
 */
typedef struct _BaruaMetrics BaruaMetrics;

BaruaMetrics *barua_metrics_new (void);
void barua_metrics_free (BaruaMetrics *metrics);

/**
 * barua_metrics_count:
 * @route: (nullable): as in the route table, which outlives @metrics; %NULL: a path that nobody serves
 * @status: of the answer; 0: the client went before
 *
 * Counts one request that is done.
 */
void barua_metrics_count (BaruaMetrics *metrics, const BaruaRoute *route, guint status, gint64 took_us);

/** Appends the line that tells what a metric is. @type: `counter`, `gauge`, `histogram` */
void barua_metrics_head (GString *out, const char *name, const char *type, const char *help);

/** Appends @value between quotation marks, as a label's value is written. */
void barua_metrics_label (GString *out, const char *value);

/** Appends the metrics of requests in the Prometheus text format. */
void barua_metrics_write (const BaruaMetrics *metrics, GString *out);

G_END_DECLS
