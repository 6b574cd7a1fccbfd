/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** Bounds of a #BaruaHistogram. */
#define BARUA_HISTOGRAM_BOUNDS 14

/**
 * BaruaHistogram:
 * @counts: values up to each bound, and last those above all
 * @sum: of the values
 *
 * How often values of each size came. Zero at first. One thread adds at a time, any may read.
 */
typedef struct
{
  guint64 counts[BARUA_HISTOGRAM_BOUNDS + 1];
  guint64 sum;
} BaruaHistogram;

/** For times in microseconds: half a millisecond to ten seconds. */
extern const guint64 barua_histogram_times[BARUA_HISTOGRAM_BOUNDS];

/** For sizes of groups: powers of two. */
extern const guint64 barua_histogram_sizes[BARUA_HISTOGRAM_BOUNDS];

void barua_histogram_add (BaruaHistogram *histogram, const guint64 *bounds, guint64 value);

/**
 * barua_histogram_write:
 * @name: of the metric
 * @labels: `a="b",c="d"`, or empty
 * @unit: what a bound or the sum is divided by: 1000000 makes seconds of microseconds
 *
 * Appends the lines of the Prometheus text format, version 0.0.4: cumulative buckets, sum and count.
 */
void barua_histogram_write (const BaruaHistogram *histogram, const guint64 *bounds, double unit,
                            const char *name, const char *labels, GString *out);

G_END_DECLS
