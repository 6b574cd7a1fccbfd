/* SPDX-License-Identifier: MIT */

/* What came in, in numbers. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/counters.h"

#include "gateway/http/metrics.h"

typedef enum
{
  RECORD_VALID,
  RECORD_INVALID,
  RECORD_UNKNOWN,
  N_RECORD_RESULTS,
} RecordResult;

static const char *const record_results[N_RECORD_RESULTS] = { "valid", "invalid", "unknown" };

/* What came of a sending; a carrier is counted with the adapters, in their order. */
typedef enum
{
  OUTBOUND_ACCEPTED,
  OUTBOUND_REFUSED,
  OUTBOUND_LATER,
  OUTBOUND_UNKNOWN,
  N_OUTBOUND_RESULTS,
} OutboundResult;

static const char *const outbound_results[N_OUTBOUND_RESULTS]
    = { "accepted", "refused", "later", "unknown" };

#define MAX_ADAPTERS 8

/* Records of one form. */
typedef struct
{
  guint64 n[N_RECORD_RESULTS];
} FormCount;

struct _BaruaCounters
{
  guint64 stored;
  guint64 duplicate;
  guint64 skipped;
  guint64 outbound[MAX_ADAPTERS][N_OUTBOUND_RESULTS];
  GHashTable *forms; /* by code, of those that are defined; "" for all others */
};

BaruaCounters *
barua_counters_new (void)
{
  BaruaCounters *counters = g_new0 (BaruaCounters, 1);

  counters->forms = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return counters;
}

void
barua_counters_free (BaruaCounters *counters)
{
  g_hash_table_unref (counters->forms);
  g_free (counters);
}

void
barua_counters_skip (BaruaCounters *counters)
{
  counters->skipped++;
}

/* The row of a form; whoever writes SMS must not make as many rows as there are words. */
static FormCount *
count_of (BaruaCounters *counters, const BaruaForm *form)
{
  const BaruaText text = form != NULL ? barua_form_code (form) : BARUA_TEXT ("");
  g_autofree char *code = g_strndup (text.p, text.n);
  FormCount *count = g_hash_table_lookup (counters->forms, code);

  if (count == NULL)
    {
      count = g_new0 (FormCount, 1);
      g_hash_table_insert (counters->forms, g_steal_pointer (&code), count);
    }
  return count;
}

void
barua_counters_add (BaruaCounters *counters, const BaruaIncoming *incoming)
{
  const BaruaRecord *record = &incoming->record;

  if (incoming->claims_reference && incoming->is_new)
    counters->stored++;
  else if (incoming->claims_reference)
    counters->duplicate++;
  if (!incoming->is_new)
    return;
  if (record->definition == NULL)
    count_of (counters, NULL)->n[RECORD_UNKNOWN]++;
  else
    count_of (counters, record->definition)->n[record->n_errors > 0 ? RECORD_INVALID : RECORD_VALID]++;
}

static OutboundResult
outbound_result_of (const BaruaSendResult *result)
{
  if (result->verdict == BARUA_SEND_LATER)
    return OUTBOUND_LATER;
  if (result->verdict == BARUA_SEND_UNKNOWN || result->state == BARUA_TASK_STATE_UNRECOGNISED)
    return OUTBOUND_UNKNOWN;
  return result->state == BARUA_TASK_STATE_FAILED || result->state == BARUA_TASK_STATE_DENIED
             ? OUTBOUND_REFUSED
             : OUTBOUND_ACCEPTED;
}

void
barua_counters_sent (BaruaCounters *counters, const BaruaAdapter *adapter,
                     const BaruaSendResult *result)
{
  for (guint i = 0; barua_adapters[i] != NULL && i < MAX_ADAPTERS; i++)
    if (barua_adapters[i] == adapter)
      counters->outbound[i][outbound_result_of (result)]++;
}

/* Every carrier there is, so that a rate is seen from its first message on. */
static void
write_outbound (const BaruaCounters *counters, GString *out)
{
  barua_metrics_head (out, "barua_outbound_total", "counter",
                      "Messages sent to carriers: accepted, refused for good, to be tried again later, "
                      "or unknown (perhaps sent, not tried again).");
  for (guint i = 0; barua_adapters[i] != NULL && i < MAX_ADAPTERS; i++)
    for (guint result = 0; result < N_OUTBOUND_RESULTS; result++)
      g_string_append_printf (out,
                              "barua_outbound_total{service=\"%s\",result=\"%s\"} %" G_GUINT64_FORMAT
                              "\n",
                              barua_adapters[i]->name, outbound_results[result],
                              counters->outbound[i][result]);
}

void
barua_counters_write (const BaruaCounters *counters, GString *out)
{
  GList *codes = g_list_sort (g_hash_table_get_keys (counters->forms), (GCompareFunc)strcmp);

  barua_metrics_head (out, "barua_incoming_total", "counter", "Messages handed in by phones and carriers.");
  g_string_append_printf (out,
                          "barua_incoming_total{result=\"stored\"} %" G_GUINT64_FORMAT
                          "\nbarua_incoming_total{result=\"duplicate\"} %" G_GUINT64_FORMAT
                          "\nbarua_incoming_total{result=\"skipped\"} %" G_GUINT64_FORMAT "\n",
                          counters->stored, counters->duplicate, counters->skipped);
  barua_metrics_head (out, "barua_records_total", "counter",
                      "Records stored, by form; without one for what no form is defined for.");
  for (GList *link = codes; link != NULL; link = link->next)
    {
      const FormCount *count = g_hash_table_lookup (counters->forms, link->data);
      for (guint i = 0; i < N_RECORD_RESULTS; i++)
        {
          if (count->n[i] == 0)
            continue;
          g_string_append (out, "barua_records_total{form=");
          barua_metrics_label (out, link->data);
          g_string_append_printf (out, ",result=\"%s\"} %" G_GUINT64_FORMAT "\n",
                                  record_results[i], count->n[i]);
        }
    }
  g_list_free (codes);
  write_outbound (counters, out);
}
