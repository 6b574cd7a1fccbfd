/* SPDX-License-Identifier: MIT */

/* Counts by size, for metrics. */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/histogram.h"

const guint64 barua_histogram_times[BARUA_HISTOGRAM_BOUNDS]
    = { 500,    1000,   2500,    5000,    10000,   25000,   50000,
        100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000 };

const guint64 barua_histogram_sizes[BARUA_HISTOGRAM_BOUNDS]
    = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192 };

/* Adds without a lock: whoever reads meanwhile sees a number from before or after. */
static void
increase (guint64 *number, guint64 by)
{
  __atomic_store_n (number, __atomic_load_n (number, __ATOMIC_RELAXED) + by, __ATOMIC_RELAXED);
}

void
barua_histogram_add (BaruaHistogram *histogram, const guint64 *bounds, guint64 value)
{
  guint i = 0;

  while (i < BARUA_HISTOGRAM_BOUNDS && value > bounds[i])
    i++;
  increase (&histogram->counts[i], 1);
  increase (&histogram->sum, value);
}

/* Appends a number as Prometheus reads it, whatever the locale. */
static void
append_number (GString *out, double number)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (out, g_ascii_formatd (digits, sizeof digits, "%.9g", number));
}

void
barua_histogram_write (const BaruaHistogram *histogram, const guint64 *bounds, double unit,
                       const char *name, const char *labels, GString *out)
{
  const char *comma = *labels != '\0' ? "," : "";
  guint64 below = 0;

  for (guint i = 0; i <= BARUA_HISTOGRAM_BOUNDS; i++)
    {
      below += __atomic_load_n (&histogram->counts[i], __ATOMIC_RELAXED);
      g_string_append_printf (out, "%s_bucket{%s%sle=\"", name, labels, comma);
      if (i < BARUA_HISTOGRAM_BOUNDS)
        append_number (out, (double)bounds[i] / unit);
      else
        g_string_append (out, "+Inf");
      g_string_append_printf (out, "\"} %" G_GUINT64_FORMAT "\n", below);
    }
  const char *open = *labels != '\0' ? "{" : "", *close = *labels != '\0' ? "}" : "";
  g_string_append_printf (out, "%s_sum%s%s%s ", name, open, labels, close);
  append_number (out, (double)__atomic_load_n (&histogram->sum, __ATOMIC_RELAXED) / unit);
  g_string_append_printf (out, "\n%s_count%s%s%s %" G_GUINT64_FORMAT "\n", name, open, labels, close,
                          below);
}
