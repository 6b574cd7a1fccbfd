/* SPDX-License-Identifier: MIT */

/* Many documents on their way into views (sqlite-catch-up.c): whatever happens between two slices,
 * the rows, how many there are and where they stand are in the end those that making everything
 * again gives. */

#include "gateway/rules/collation.h"
#include "gateway/rules/views.h"
#include "gateway/store/sqlite-view-rows.h"
#include "gateway/store/store-databases.h"
#include "gateway/store/store-views.h"
#include "tests/store-fixture.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include <sqlite3.h>

#define N_IDS 900 /* several fences of offsets */
#define N_FORMS 7

static GRand *rand_of_test;

/* The revision of each document; "" for one that is not there. */
static char revs[N_IDS][BARUA_REVISION_SIZE];

static guint
below (guint n)
{
  return (guint)g_rand_int_range (rand_of_test, 0, (gint32)n);
}

static BaruaSqlite *
engine (void)
{
  return store->engine_data;
}

/* Opens the file again. A few documents are many, every few rows a run, every few steps a slice; and
 * the writer does nothing by itself. */
static void
open_again (void)
{
  barua_store_close (store);
  options.is_server = FALSE;
  store = open_store ();
  engine ()->bulk_documents = 10;
  engine ()->bulk_run_bytes = 4096;
  engine ()->slice_us = 1;
  /* thousands of commits, and no power that fails */
  ck_assert (barua_sqlite_exec (engine ()->writer->handle, "PRAGMA synchronous = OFF", NULL));
}

static void
begin (void)
{
  memset (revs, 0, sizeof revs);
  rand_of_test = g_rand_new_with_seed (20261122);
  open_again ();
}

/* What a document says: a report with tasks, or a person with look-ups. */
static char *
some_body (guint number)
{
  if (number % 5 == 0)
    return g_strdup_printf ("{\"type\":\"person\",\"name\":\"P%u\",\"phone\":\"+%u\","
                            "\"parent\":{\"_id\":\"doc-%04u\"},\"patient_id\":\"%u\"}",
                            below (9), below (20), below (N_IDS), below (30));
  return g_strdup_printf ("{\"type\":\"data_record\",\"form\":\"F%u\",\"reported_date\":%u,"
                          "\"contact\":{\"_id\":\"doc-%04u\",\"parent\":{\"_id\":\"c%u\"}},"
                          "\"tasks\":[{\"state\":\"%s\",\"messages\":[{\"uuid\":\"u%u-%u\","
                          "\"to\":\"+1\",\"message\":\"hello\"}]}]}",
                          below (N_FORMS), below (1000), below (N_IDS) / 5 * 5, below (5),
                          below (2) ? "sent" : "failed", number, below (2));
}

/* A #BaruaJob: puts, changes or deletes one document. */
static gboolean
write_job (BaruaTx *tx, gpointer data, GError **error)
{
  const guint number = GPOINTER_TO_UINT (data);
  char *rev = revs[number];
  g_autofree char *id = g_strdup_printf ("doc-%04u", number);
  g_autofree char *body = some_body (number);
  BaruaEdit edit = edit_of (id, *rev != '\0' ? rev : NULL, body);
  BaruaWritten written;

  edit.is_deleted = *rev != '\0' && below (4) == 0;
  ck_assert (barua_tx_put_document (tx, &edit, &written, error));
  g_strlcpy (rev, edit.is_deleted ? "" : written.rev, sizeof revs[0]);
  return TRUE;
}

static void
write_some (guint n)
{
  for (guint i = 0; i < n; i++)
    ck_assert (
        barua_store_write (store, write_job, GUINT_TO_POINTER (below (N_IDS)), NULL));
}

/* A #BaruaJob: a slice, after which nothing stays. */
static gboolean
lost_slice_job (BaruaTx *tx, gpointer data, GError **error)
{
  gboolean is_done;

  ck_assert (store->engine->catch_up (tx, FALSE, &is_done, error));
  g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_FAILED, "on purpose");
  return FALSE;
}

/* A #BaruaJob: a slice; the data say whether it was the last. */
static gboolean
slice_job (BaruaTx *tx, gpointer data, GError **error)
{
  return store->engine->catch_up (tx, FALSE, data, error);
}

static gboolean
run_slice (void)
{
  g_autoptr (GError) error = NULL;
  gboolean is_done = FALSE;

  ck_assert_msg (barua_store_write (store, slice_job, &is_done, &error), "%s",
                 error != NULL ? error->message : "");
  return is_done;
}

/* Catches up to the end; returns how many slices it took. */
static guint
run_slices (void)
{
  guint n = 1;

  for (; !run_slice (); n++)
    ck_assert_uint_lt (n, 100000);
  return n;
}

/* A #BaruaQuery: everything that the views have, as text. */
static gboolean
dump_query (BaruaReader *reader, gpointer data, GError **error)
{
  GString *dump = data;
  sqlite3_stmt *statement = NULL;

  ck_assert_int_eq (
      sqlite3_prepare_v2 (barua_sqlite_connection (reader)->handle,
                          "SELECT viewnum || ' ' || quote(k) || id || ' ' || n || ' ' || docnum || key || val"
                          " FROM vrow UNION ALL SELECT viewnum || ' ' || built_seq || ' ' || nrows FROM view",
                          -1, &statement, NULL),
      SQLITE_OK);
  while (sqlite3_step (statement) == SQLITE_ROW)
    g_string_append_printf (dump, "%s\n", (const char *)sqlite3_column_text (statement, 0));
  sqlite3_finalize (statement);
  return TRUE;
}

/* What there is must be sound, and what making everything again, a few documents at a time, gives. */
static void
assert_complete (void)
{
  g_autoptr (GString) caught_up = g_string_new (NULL);
  g_autoptr (GString) made_again = g_string_new (NULL);

  assert_sound ();
  ck_assert (barua_store_read (store, dump_query, caught_up, NULL));
  engine ()->bulk_documents = G_MAXINT64;
  ck_assert (barua_store_reindex (store, NULL));
  ck_assert (barua_store_read (store, dump_query, made_again, NULL));
  ck_assert_str_eq (caught_up->str, made_again->str);
  engine ()->bulk_documents = 10;
}

static gboolean
ignore_row (const BaruaViewRow *row, gpointer data)
{
  return TRUE;
}

/* A #BaruaQuery: a page of what is there by now has the offset that counting gives. */
static gboolean
offset_query (BaruaReader *reader, gpointer data, GError **error)
{
  g_autofree char *key = g_strdup_printf ("[\"F%u\"]", below (N_FORMS));
  g_autoptr (GString) k = g_string_new (NULL);
  g_autoptr (GString) sql = g_string_new (NULL);
  const BaruaViewQuery query = { .ddoc = "medic-client",
                                 .view = "reports_by_form",
                                 .start = { key, strlen (key) },
                                 .includes_hidden = TRUE,
                                 .limit = 1 };
  BaruaListingTotals totals;
  gint64 counted = -1;

  barua_collation_append (k, query.start);
  g_string_printf (sql, "SELECT count(*) FROM vrow WHERE viewnum = %d AND k < x'",
                   (int)engine ()->viewnums[barua_view_find (FALSE, query.ddoc, query.view)]);
  for (gsize i = 0; i < k->len; i++)
    g_string_append_printf (sql, "%02x", (guchar)k->str[i]);
  g_string_append_c (sql, '\'');
  ck_assert (barua_reader_view (reader, &query, &totals, ignore_row, NULL, error));
  ck_assert (barua_sqlite_query_integer (barua_sqlite_connection (reader)->handle, sql->str,
                                         &counted, NULL));
  ck_assert_int_eq (totals.offset, counted);
  return TRUE;
}

/* ---- tests ---- */

/* From nothing: in many slices, and what is there by then is counted rightly. */
START_TEST (catch_up_many)
{
  begin ();
  for (guint i = 0; i < N_IDS; i++)
    ck_assert (barua_store_write (store, write_job, GUINT_TO_POINTER (i), NULL));
  ck_assert (barua_store_read (store, offset_query, NULL, NULL));
  guint n = 0;
  for (; !run_slice (); n++)
    ck_assert (barua_store_read (store, offset_query, NULL, NULL));
  ck_assert_uint_gt (n, N_IDS); /* it was the way of many */
  ck_assert_ptr_null (engine ()->bulk);
  assert_complete ();
  g_rand_free (rand_of_test);
}
END_TEST

/* What may come between two slices. */
static void
disturb (void)
{
  switch (below (3))
    {
    case 0:
      ck_assert (!barua_store_write (store, lost_slice_job, NULL, NULL));
      break;
    case 1:
      open_again ();
      break;
    default:
      write_some (20);
      break;
    }
}

/* Documents change, slices are lost, the store is closed in the middle, three times at most; then it
 * comes to an end. */
START_TEST (catch_up_disturbed)
{
  begin ();
  for (guint i = 0; i < N_IDS; i++)
    ck_assert (barua_store_write (store, write_job, GUINT_TO_POINTER (i), NULL));
  engine ()->slice_us = 0;
  run_slices ();
  engine ()->slice_us = 1;
  for (guint round = 0; round < 20; round++)
    {
      write_some (60);
      for (guint n_left = 3; !run_slice ();)
        {
          if (n_left > 0 && below (40) == 0)
            {
              disturb ();
              n_left--;
            }
          ck_assert (barua_store_read (store, offset_query, NULL, NULL));
        }
      assert_sound ();
    }
  assert_complete ();
  g_rand_free (rand_of_test);
}
END_TEST

/* A view is made again alone, beside others that are complete, and look-ups before it. */
START_TEST (catch_up_one_view)
{
  begin ();
  for (guint i = 0; i < N_IDS; i++)
    ck_assert (barua_store_write (store, write_job, GUINT_TO_POINTER (i), NULL));
  run_slices ();
  exec ("UPDATE view SET version = 0 WHERE name IN ('reports_by_form', 'contacts_by_phone')");
  open_again ();
  run_slices ();
  assert_complete ();
  g_rand_free (rand_of_test);
}
END_TEST

/* Somebody says that the rows of views are others now: it begins again. */
START_TEST (catch_up_forgotten)
{
  gboolean is_done = FALSE;

  begin ();
  for (guint i = 0; i < N_IDS; i++)
    ck_assert (barua_store_write (store, write_job, GUINT_TO_POINTER (i), NULL));
  for (guint i = 0; i < N_IDS + 5 && !is_done; i++) /* some rows are written by then */
    is_done = run_slice ();
  ck_assert_ptr_nonnull (engine ()->bulk);
  exec ("DELETE FROM meta WHERE k = 'views-bulk'");
  run_slice ();
  run_slices ();
  assert_complete ();
  g_rand_free (rand_of_test);
}
END_TEST

/* ---- sorting ---- */

#define N_ROWS 2000

/* Rows of all sizes, some larger than what is read at a time, come back in order. */
START_TEST (runs_sorted)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (BaruaViewRuns) runs = barua_view_runs_new (path, &error);
  g_autofree char *long_text = g_strnfill (40000, 'x');
  BaruaViewRows rows;
  BaruaViewRows last;
  const BaruaViewRowText *row;
  guint n = 0;

  begin ();
  ck_assert_ptr_nonnull (runs);
  barua_view_rows_init (&rows, NULL);
  barua_view_rows_init (&last, NULL);
  for (guint i = 0; i < N_ROWS; i++)
    {
      g_autofree char *id = g_strdup_printf ("%u", below (1000));
      g_autofree char *k = g_strdup_printf ("%u", below (50));
      barua_view_rows_begin (&rows, i, barua_text (id));
      barua_view_rows_add (&rows, below (3), i, barua_text (k), barua_text (k),
                           (BaruaText){ long_text, i % 97 == 0 ? 40000 : below (60) },
                           BARUA_VIEW_ROW_PUT);
      if (below (70) == 0)
        ck_assert (barua_view_runs_add (runs, &rows, &error));
    }
  ck_assert (barua_view_runs_add (runs, &rows, &error));
  ck_assert (barua_view_runs_add (runs, &rows, &error)); /* without rows */
  for (; (row = barua_view_runs_take (runs, &error)) != NULL; n++)
    {
      if (n > 0)
        ck_assert_int_lt (barua_view_row_compare (barua_view_rows_at (&last, 0), row), 0);
      ck_assert_int_eq (row->docnum, row->n);
      ck_assert_int_eq (row->kind, BARUA_VIEW_ROW_PUT);
      ck_assert (row->docnum % 97 != 0 || row->value_length == 40000);
      ck_assert_mem_eq (row->text->str + row->k_at + row->k_length + row->key_length, long_text,
                        row->value_length);
      barua_view_rows_empty (&last);
      barua_view_rows_begin (&last, row->docnum, barua_view_row_id (row));
      barua_view_rows_add (&last, row->viewnum, row->n, barua_view_row_k (row), BARUA_TEXT (""),
                           BARUA_TEXT (""), row->kind);
    }
  ck_assert_ptr_null (error);
  ck_assert_uint_eq (n, N_ROWS);
  barua_view_rows_clear (&rows);
  barua_view_rows_clear (&last);
  g_rand_free (rand_of_test);
}
END_TEST

/* No file, and a file that may not grow. */
START_TEST (runs_refused)
{
  g_autoptr (GError) no_file = NULL;
  g_autoptr (GError) full = NULL;
  struct rlimit limit;
  BaruaViewRows rows;

  ck_assert_ptr_null (barua_view_runs_new ("/nowhere/at/all", &no_file));
  ck_assert (g_error_matches (no_file, BARUA_STORE_ERROR, BARUA_STORE_ERROR_FAILED));

  g_autoptr (BaruaViewRuns) runs = barua_view_runs_new (path, NULL);
  barua_view_rows_init (&rows, NULL);
  barua_view_rows_begin (&rows, 1, BARUA_TEXT ("id"));
  for (gint64 i = 0; i < 100; i++)
    barua_view_rows_add (&rows, 1, i, BARUA_TEXT ("k"), BARUA_TEXT ("key"), BARUA_TEXT ("value"),
                         BARUA_VIEW_ROW_NEW);
  signal (SIGXFSZ, SIG_IGN);
  ck_assert_int_eq (getrlimit (RLIMIT_FSIZE, &limit), 0);
  const struct rlimit small = { 100, limit.rlim_max };
  ck_assert_int_eq (setrlimit (RLIMIT_FSIZE, &small), 0);
  ck_assert (!barua_view_runs_add (runs, &rows, &full));
  ck_assert_int_eq (setrlimit (RLIMIT_FSIZE, &limit), 0);
  ck_assert (g_error_matches (full, BARUA_STORE_ERROR, BARUA_STORE_ERROR_FULL));
  barua_view_rows_clear (&rows);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("store-catch-up");
  TCase *tc = tcase_create ("file");

  tcase_add_checked_fixture (tc, set_up_file, tear_down);
  tcase_set_timeout (tc, 120);
  tcase_add_test (tc, catch_up_many);
  tcase_add_test (tc, catch_up_disturbed);
  tcase_add_test (tc, catch_up_one_view);
  tcase_add_test (tc, catch_up_forgotten);
  tcase_add_test (tc, runs_sorted);
  tcase_add_test (tc, runs_refused);
  suite_add_tcase (suite, tc);
  return suite;
}
