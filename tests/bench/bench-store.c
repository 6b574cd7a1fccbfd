/* SPDX-License-Identifier: MIT */

/* What the store costs without HTTP: new records of about 600 bytes, so many a job.
 *
 *   bench-store FILE JOBS RECORDS-A-JOB [poll]
 *
 * Prints records per second.  Under callgrind run it with two numbers of jobs; the difference,
 * divided by the records between them, is the cost of one.  With `poll` every job is followed by
 * the look of a poll that finds nothing. */

#include "gateway/store/store.h"

#include <stdlib.h>
#include <string.h>

/* One job's worth of records. */
typedef struct
{
  guint n;
  guint first;
} Batch;

/* A record like those of messaging.md 3.5, without a reply. */
static void
write_record (GString *out, guint n)
{
  g_string_printf (
      out,
      "{\"type\":\"data_record\",\"from\":\"+2547%08u\",\"form\":\"YYYZ\",\"errors\":[],\"tasks\":["
      "],"
      "\"fields\":{\"nurse\":\"Sam\",\"week\":23,\"year\":2015,\"visit\":\"ANC\",\"notes\":\"%"
      "080u\","
      "\"patient_id\":\"%05u\",\"patient_name\":\"Asha Wanjiru\"},\"reported_date\":1795280132714,"
      "\"sms_message\":{\"type\":\"sms_message\",\"message\":\"1!YYYZ!Sam#23#2015#ANC\",\"form\":"
      "\"YYYZ\",\"from\":\"+2547%08u\",\"gateway_ref\":\"8c1b3a54-5a33-4b7e-9f0e-%012u\"},"
      "\"contact\":{\"_id\":\"p1\",\"parent\":{\"_id\":\"hc1\",\"parent\":{\"_id\":\"d1\"}}}}",
      n, n, n % 100000, n, n);
}

static gboolean
records_job (BaruaTx *tx, gpointer data, GError **error)
{
  const Batch *batch = data;
  g_autoptr (GString) body = g_string_sized_new (1024);
  char ref[64];

  for (guint i = 0; i < batch->n; i++)
    {
      gboolean is_new;
      const guint n = batch->first + i;
      g_snprintf (ref, sizeof ref, "8c1b3a54-5a33-4b7e-9f0e-%012u", n);
      write_record (body, n);
      const BaruaEdit edit = { .body = { body->str, body->len }, .gateway_ref = barua_text (ref) };
      if (!barua_tx_claim_reference (tx, edit.gateway_ref, &is_new, error)
          || !barua_tx_put_document (tx, &edit, NULL, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
look_query (BaruaReader *reader, gpointer data, GError **error)
{
  return barua_reader_has_offered_messages (reader, "phone", 0, 0, data, error);
}

int
main (int argc, char **argv)
{
  if (argc < 4)
    {
      g_printerr ("usage: bench-store FILE JOBS RECORDS-A-JOB [poll]\n");
      return 2;
    }
  const guint n_jobs = (guint)strtoul (argv[2], NULL, 10);
  const guint n_records = (guint)strtoul (argv[3], NULL, 10);
  const gboolean polls = argc > 4 && strcmp (argv[4], "poll") == 0;
  const BaruaStoreOptions options = { .path = argv[1], .is_server = TRUE };
  g_autoptr (GError) error = NULL;
  g_autoptr (BaruaStore) store = barua_store_open (&options, &error);

  if (store == NULL)
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  const gint64 begun_us = g_get_monotonic_time ();
  for (guint i = 0; i < n_jobs; i++)
    {
      gboolean has_messages;
      Batch batch = { n_records, i * n_records };
      if ((n_records > 0 && !barua_store_write (store, records_job, &batch, &error))
          || (polls && !barua_store_read (store, look_query, &has_messages, &error)))
        {
          g_printerr ("%s\n", error->message);
          return 1;
        }
    }
  const double seconds = (double)(g_get_monotonic_time () - begun_us) / G_USEC_PER_SEC;
  g_print ("%u jobs of %u records in %.3f s: %.0f records/s\n", n_jobs, n_records, seconds,
           (double)n_jobs * n_records / seconds);
  return 0;
}
