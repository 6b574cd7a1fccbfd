/* SPDX-License-Identifier: MIT */

/* What came of the requests, in numbers (export-and-monitoring.md 7.2). */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/metrics.h"

#include "forms/histogram.h"

#include <string.h>

#define MICROSECONDS 1000000.0

/* One route and status. */
typedef struct
{
  const BaruaRoute *route;
  guint status;
  BaruaHistogram times;
} Series;

struct _BaruaMetrics
{
  GHashTable *series; /* a set of Series */
};

static guint
series_hash (gconstpointer key)
{
  const Series *series = key;

  return g_direct_hash (series->route) ^ (series->status * 2654435761u);
}

static gboolean
series_equal (gconstpointer a, gconstpointer b)
{
  const Series *left = a, *right = b;

  return left->route == right->route && left->status == right->status;
}

BaruaMetrics *
barua_metrics_new (void)
{
  BaruaMetrics *metrics = g_new0 (BaruaMetrics, 1);

  metrics->series = g_hash_table_new_full (series_hash, series_equal, g_free, NULL);
  return metrics;
}

void
barua_metrics_free (BaruaMetrics *metrics)
{
  g_hash_table_unref (metrics->series);
  g_free (metrics);
}

void
barua_metrics_count (BaruaMetrics *metrics, const BaruaRoute *route, guint status, gint64 took_us)
{
  const Series wanted = { .route = route, .status = status };
  Series *series = g_hash_table_lookup (metrics->series, &wanted);

  if (series == NULL)
    {
      series = g_new0 (Series, 1);
      series->route = route;
      series->status = status;
      g_hash_table_add (metrics->series, series);
    }
  barua_histogram_add (&series->times, barua_histogram_times, (guint64)MAX (took_us, 0));
}

void
barua_metrics_head (GString *out, const char *name, const char *type, const char *help)
{
  g_string_append_printf (out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void
barua_metrics_label (GString *out, const char *value)
{
  g_string_append_c (out, '"');
  for (const char *at = value; *at != '\0'; at++)
    if (*at == '\n')
      g_string_append (out, "\\n");
    else
      {
        if (*at == '"' || *at == '\\')
          g_string_append_c (out, '\\');
        g_string_append_c (out, *at);
      }
  g_string_append_c (out, '"');
}

/* GCompareFunc: a stable order, that of paths. */
static int
compare_series (gconstpointer a, gconstpointer b)
{
  const Series *left = a, *right = b;
  int order = g_strcmp0 (left->route != NULL ? left->route->path : NULL,
                         right->route != NULL ? right->route->path : NULL);

  if (order == 0)
    order = g_strcmp0 (left->route != NULL ? left->route->method : NULL,
                       right->route != NULL ? right->route->method : NULL);
  return order != 0 ? order : (int)left->status - (int)right->status;
}

/* The labels of a series; what nobody serves has no route, and its method could be anything. */
static char *
labels_of (const Series *series)
{
  GString *labels = g_string_new ("route=");

  barua_metrics_label (labels, series->route != NULL ? series->route->path : "-");
  g_string_append (labels, ",method=");
  barua_metrics_label (labels, series->route != NULL ? series->route->method : "-");
  g_string_append_printf (labels, ",status=\"%u\"", series->status);
  return g_string_free (labels, FALSE);
}

/* Values of a histogram, all of them. */
static guint64
count_of (const Series *series)
{
  guint64 n = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (series->times.counts); i++)
    n += series->times.counts[i];
  return n;
}

void
barua_metrics_write (const BaruaMetrics *metrics, GString *out)
{
  GList *all = g_list_sort (g_hash_table_get_keys (metrics->series), compare_series);

  barua_metrics_head (out, "barua_http_requests_total", "counter",
                      "Requests answered; status 0: the client went before.");
  for (GList *link = all; link != NULL; link = link->next)
    {
      g_autofree char *labels = labels_of (link->data);
      g_string_append_printf (out, "barua_http_requests_total{%s} %" G_GUINT64_FORMAT "\n", labels,
                              count_of (link->data));
    }
  barua_metrics_head (out, "barua_http_request_duration_seconds", "histogram",
                      "From the header to the end of the answer.");
  for (GList *link = all; link != NULL; link = link->next)
    {
      const Series *series = link->data;
      g_autofree char *labels = labels_of (series);
      barua_histogram_write (&series->times, barua_histogram_times, MICROSECONDS,
                             "barua_http_request_duration_seconds", labels, out);
    }
  g_list_free (all);
}
