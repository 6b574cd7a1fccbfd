/* SPDX-License-Identifier: MIT */

/* Documents, listings and jobs, on a store in memory and on a file. */

#include "tests/store-fixture.h"

#include <string.h>

/* ---- documents ---- */

START_TEST (store_documents)
{
  const BaruaWritten first = put ("a", NULL, "{\"n\":1}");
  ck_assert_str_eq (first.id, "a");
  ck_assert (g_str_has_prefix (first.rev, "1-"));
  assert_body ("a", NULL, "{\"n\":1}");

  const BaruaWritten second = put ("a", first.rev, "{\"n\":2}");
  ck_assert (g_str_has_prefix (second.rev, "2-"));
  ck_assert_int_gt (second.seq, first.seq);
  assert_body ("a", NULL, "{\"n\":2}");
  assert_body ("a", first.rev, "{\"n\":1}");
  assert_no_document ("b", NULL, BARUA_STORE_ERROR_NOT_FOUND);
  assert_no_document ("a", "7-x", BARUA_STORE_ERROR_NOT_FOUND);
  assert_no_document ("a", "x", BARUA_STORE_ERROR_INVALID_REV);

  /* the same edit of the same parent has the same revision */
  ck_assert_str_eq (put ("b", NULL, "{\"n\":1}").rev, first.rev);
  assert_sound ();
}
END_TEST

START_TEST (store_verdicts)
{
  const BaruaWritten first = put ("a", NULL, "{}");
  const BaruaWritten second = put ("a", first.rev, "{\"n\":2}");
  BaruaEdit tombstone = edit_of ("a", NULL, "{}");
  tombstone.is_deleted = TRUE;

  put_expecting (edit_of ("a", NULL, "{}"), BARUA_STORE_ERROR_CONFLICT);
  put_expecting (edit_of ("a", first.rev, "{}"), BARUA_STORE_ERROR_CONFLICT);
  put_expecting (edit_of ("a", "2-ffff", "{}"), BARUA_STORE_ERROR_CONFLICT);
  put_expecting (edit_of ("a", "undefined", "{}"), BARUA_STORE_ERROR_INVALID_REV);
  put_expecting (edit_of ("never", "1-a", "{}"), BARUA_STORE_ERROR_NOT_FOUND);
  put_expecting (edit_of ("", NULL, "{}"), BARUA_STORE_ERROR_INVALID);
  put_expecting (edit_of ("_x", NULL, "{}"), BARUA_STORE_ERROR_INVALID);
  put_expecting (tombstone, BARUA_STORE_ERROR_CONFLICT);

  const BaruaWritten third = delete ("a", second.rev);
  ck_assert (g_str_has_prefix (third.rev, "3-"));
  assert_no_document ("a", NULL, BARUA_STORE_ERROR_DELETED);
  assert_body ("a", third.rev, "{}");
  put_expecting (tombstone, BARUA_STORE_ERROR_CONFLICT);

  /* made again without a revision: a child of the tombstone */
  const BaruaWritten fourth = put ("a", NULL, "{\"n\":4}");
  ck_assert (g_str_has_prefix (fourth.rev, "4-"));
  const BaruaWritten fifth = delete ("a", fourth.rev);
  ck_assert (g_str_has_prefix (put ("a", fifth.rev, "{\"n\":6}").rev, "6-"));
  assert_sound ();
}
END_TEST

/* Capitals in a hash of 32 digits do not matter. */
START_TEST (store_folded_rev)
{
  const BaruaWritten first = put ("a", NULL, "{}");
  g_autofree char *capitals = g_ascii_strup (first.rev, -1);

  assert_body ("a", capitals, "{}");
  put ("a", capitals, "{\"n\":2}");
}
END_TEST

START_TEST (store_generated_ids)
{
  BaruaWritten before = put (NULL, NULL, "{}");

  ck_assert_uint_eq (strlen (before.id), 32);
  ck_assert_uint_eq (strspn (before.id, "0123456789abcdef"), 32);
  for (int i = 0; i < 20; i++)
    {
      const BaruaWritten next = put (NULL, NULL, "{}");
      ck_assert_int_lt (strcmp (before.id, next.id), 0);
      before = next;
    }
}
END_TEST

START_TEST (store_server_made)
{
  const BaruaWritten first = put ("a", NULL, "{\"n\":1}");
  BaruaEdit edit = edit_of ("a", first.rev, "{\"n\":2}");
  edit.is_server_made = TRUE;
  const BaruaWritten second = put_expecting (edit, -1);

  assert_body ("a", NULL, "{\"n\":2}");
  assert_body ("a", second.rev, "{\"n\":2}");
  assert_no_document ("a", first.rev, BARUA_STORE_ERROR_NOT_FOUND);
  put_expecting (edit_of ("a", first.rev, "{}"), BARUA_STORE_ERROR_CONFLICT);
  put ("a", second.rev, "{\"n\":3}");
  assert_body ("a", second.rev, "{\"n\":2}");
  assert_sound ();
}
END_TEST

START_TEST (store_hidden)
{
  BaruaEdit edit = edit_of ("a", NULL, "{}");
  int code;

  edit.is_hidden = TRUE;
  const BaruaWritten first = put_expecting (edit, -1);
  g_autoptr (BaruaDocument) document = get ("a", NULL, &code);
  ck_assert (document->is_hidden);
  const BaruaWritten second = delete ("a", first.rev);
  g_autoptr (BaruaDocument) tombstone = get ("a", second.rev, &code);
  ck_assert (tombstone->is_hidden);
}
END_TEST

START_TEST (store_other_databases)
{
  BaruaEdit edit = edit_of ("a", NULL, "{\"u\":1}");

  edit.db = BARUA_DB_USERS;
  put_expecting (edit, -1);
  edit.db = BARUA_DB_SENTINEL;
  put_expecting (edit, -1);
  edit.db = BARUA_DB_USERS_META;
  put_expecting (edit, -1);
  edit.db = "nowhere";
  put_expecting (edit, BARUA_STORE_ERROR_NOT_FOUND);
  assert_no_document ("a", NULL, BARUA_STORE_ERROR_NOT_FOUND);
  assert_sound ();
}
END_TEST

START_TEST (store_nul_in_body)
{
  put ("a", NULL, "{\"x\":\"a\\u0000b\",\"n\":1.50}");
  assert_body ("a", NULL, "{\"x\":\"a\\u0000b\",\"n\":1.50}");
}
END_TEST

/* A history beyond 1000 revisions forgets the oldest. */
START_TEST (store_stemming)
{
  BaruaWritten written = put ("a", NULL, "{}");
  const BaruaWritten first = written;
  BaruaWritten kept = written;

  for (int i = 2; i <= 1003; i++)
    {
      written = put ("a", written.rev, "{}");
      if (i == 5)
        kept = written;
    }
  ck_assert (g_str_has_prefix (written.rev, "1003-"));
  assert_no_document ("a", first.rev, BARUA_STORE_ERROR_NOT_FOUND);
  assert_body ("a", kept.rev, "{}");
  assert_sound ();
}
END_TEST

/* ---- listings ---- */

/* A listing and the rows it gave, as "id " or "id! " for deleted ones and "id? " for missing ones.
 */
typedef struct
{
  BaruaListing listing;
  BaruaListingTotals totals;
  BaruaListingTotals totals_at_first_row;
  GString *rows;
} List;

static gboolean
list_row (const BaruaListingRow *row, gpointer data)
{
  List *list = data;

  if (list->rows->len == 0)
    list->totals_at_first_row = list->totals;
  g_string_append_len (list->rows, row->id.p, (gssize)row->id.n);
  g_string_append (list->rows, !row->is_found ? "? " : row->is_deleted ? "! " : " ");
  ck_assert (row->is_found == (row->rev.p != NULL));
  ck_assert ((row->body.p != NULL)
             == (list->listing.includes_docs && row->is_found && !row->is_deleted));
  return TRUE;
}

static gboolean
list_query (BaruaReader *reader, gpointer data, GError **error)
{
  List *list = data;

  return barua_reader_all_docs (reader, &list->listing, &list->totals, list_row, list, error);
}

/* Lists and compares the rows and the offset. */
static void
assert_list (BaruaListing listing, const char *rows, gint64 offset)
{
  List list = { .listing = listing, .rows = g_string_new (NULL) };
  g_autoptr (GError) error = NULL;

  ck_assert_msg (barua_store_read (store, list_query, &list, &error), "%s",
                 error != NULL ? error->message : "");
  ck_assert_str_eq (list.rows->str, rows);
  ck_assert_int_eq (list.totals.offset, offset);
  ck_assert_int_eq (list.totals.total_rows, 5);
  if (list.rows->len > 0)
    ck_assert_int_eq (list.totals_at_first_row.offset, offset);
  g_string_free (list.rows, TRUE);
}

START_TEST (store_all_docs)
{
  static const BaruaText keys[] = { BARUA_TEXT ("d"), BARUA_TEXT ("gone"), BARUA_TEXT ("never"),
                                    BARUA_TEXT ("d"), BARUA_TEXT ("hid") };
  BaruaEdit hidden = edit_of ("hid", NULL, "{}");
  hidden.is_hidden = TRUE;
  put ("d", NULL, "{\"d\":1}");
  put ("Z", NULL, "{}");
  put ("_design/x", NULL, "{}");
  put ("a", NULL, "{}");
  put_expecting (hidden, -1);
  const BaruaWritten gone = put ("gone", NULL, "{}");
  delete ("gone", gone.rev);
  const BaruaText start = BARUA_TEXT ("_design/x");
  const BaruaText end = BARUA_TEXT ("d");

  assert_list ((BaruaListing){ .limit = -1 }, "Z _design/x a d ", 0);
  assert_list ((BaruaListing){ .limit = -1, .includes_hidden = TRUE, .includes_docs = TRUE },
               "Z _design/x a d hid ", 0);
  assert_list ((BaruaListing){ .limit = 2, .skip = 1 }, "_design/x a ", 1);
  assert_list ((BaruaListing){ .limit = 0 }, "", 0);
  assert_list ((BaruaListing){ .limit = -1, .skip = 99 }, "", 4);
  assert_list ((BaruaListing){ .limit = -1, .start = start, .end = end }, "_design/x a d ", 1);
  assert_list ((BaruaListing){ .limit = -1, .start = start, .end = end, .excludes_end = TRUE },
               "_design/x a ", 1);
  assert_list ((BaruaListing){ .limit = -1, .start = end, .end = start, .is_descending = TRUE },
               "d a _design/x ", 1);
  assert_list ((BaruaListing){ .limit = 1, .is_descending = TRUE, .includes_hidden = TRUE }, "hid ",
               0);
  assert_list ((BaruaListing){ .limit = -1, .keys = keys, .n_keys = 5, .includes_docs = TRUE },
               "d gone! never? d hid? ", 0);
  assert_list (
      (BaruaListing){ .limit = 2, .skip = 1, .keys = keys, .n_keys = 5, .is_descending = TRUE },
      "d never? ", 0);
  assert_list ((BaruaListing){ .limit = -1, .keys = keys, .n_keys = 0 }, "", 0);
}
END_TEST

static gboolean
no_info_query (BaruaReader *reader, gpointer data, GError **error)
{
  return barua_reader_database_info (reader, "nowhere", data, error);
}

START_TEST (store_info)
{
  BaruaDatabaseInfo info;
  g_autoptr (GError) error = NULL;
  const BaruaWritten a = put ("a", NULL, "{}");

  put ("b", NULL, "{}");
  const BaruaWritten last = delete ("a", a.rev);
  ck_assert (barua_store_read (store, info_query, &info, NULL));
  ck_assert_int_eq (info.live, 1);
  ck_assert_int_eq (info.deleted, 1);
  ck_assert_int_eq (info.update_seq, 3);
  ck_assert_int_eq (info.update_seq, last.seq);
  ck_assert_int_gt (info.file_bytes, 0);
  ck_assert (!barua_store_read (store, no_info_query, &info, &error));
  ck_assert (g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND));
}
END_TEST

/* A job sees its own changes, in listings and counters too. */
static gboolean
own_changes_job (BaruaTx *tx, gpointer data, GError **error)
{
  const BaruaEdit edit = edit_of ("mine", NULL, "{\"x\":1}");
  BaruaReader *reader = barua_tx_reader (tx);
  BaruaDatabaseInfo info;

  ck_assert (barua_tx_put_document (tx, &edit, NULL, NULL));
  g_autoptr (BaruaDocument) document
      = barua_reader_get_document (reader, NULL, BARUA_TEXT ("mine"), NULL);
  ck_assert_str_eq (document->body.p, "{\"x\":1}");
  ck_assert (barua_reader_database_info (reader, NULL, &info, NULL));
  ck_assert_int_eq (info.live, 1);
  /* a verdict does no harm to the job */
  ck_assert (!barua_tx_put_document (tx, &edit, NULL, NULL));
  return TRUE;
}

START_TEST (store_own_changes)
{
  ck_assert (barua_store_write (store, own_changes_job, NULL, NULL));
  assert_body ("mine", NULL, "{\"x\":1}");
  assert_sound ();
}
END_TEST

/* ---- jobs ---- */

/* Which jobs are hot: none, all, those from the tenth on, those up to the tenth, every other. */
static gboolean
is_hot (int variant, guint i)
{
  const gboolean variants[] = { FALSE, TRUE, i >= 10, i < 10, i % 2 == 0 };

  return variants[variant];
}

/* Queues a job as hot or not. */
static void
submit (int variant, guint i, BaruaJob job, gpointer data, Tally *tally)
{
  if (is_hot (variant, i))
    barua_store_write_hot_async (store, job, data, NULL, 100, NULL, on_written, tally);
  else
    barua_store_write_async (store, job, data, NULL, 100, NULL, on_written, tally);
}

START_TEST (store_jobs_fail_alone)
{
  Tally tally = { 0 };
  BaruaStoreStats before;
  BaruaStoreStats after;

  gate = 0;
  barua_store_stats (store, &before);
  submit (_i, 0, gate_job, NULL, &tally);
  for (guint i = 0; i < 60; i++)
    submit (_i, i, third_fails_job, GUINT_TO_POINTER (i), &tally);
  g_atomic_int_set (&gate, 1);
  wait_for (&tally, 61);
  barua_store_stats (store, &after);

  ck_assert_uint_eq (tally.n_failed, 20);
  ck_assert_int_eq (tally.last_code, BARUA_STORE_ERROR_CONFLICT);
  ck_assert_uint_eq (after.jobs - before.jobs, 61);
  ck_assert_uint_eq (after.queued, 0);
  /* jobs that wait together share commits; a slow machine may cut a group at 5 ms of work */
  ck_assert_uint_lt (after.commits - before.commits, 40);
  assert_no_document ("job-3", NULL, BARUA_STORE_ERROR_NOT_FOUND);
  assert_body ("job-4", NULL, "{}");
  BaruaDatabaseInfo info;
  ck_assert (barua_store_read (store, info_query, &info, NULL));
  ck_assert_int_eq (info.live, 40);
  ck_assert_int_eq (info.update_seq, 40);
  assert_sound ();
}
END_TEST

/* Hot jobs that fail before they write anything, or after it, or are cancelled: the others do not
 * notice. */
START_TEST (store_hot_jobs)
{
  Tally tally = { 0 };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Put puts[] = {
    { .edit = edit_of ("a", NULL, "{}") },     { .edit = edit_of ("a", NULL, "{\"x\":1}") },
    { .edit = edit_of ("b", NULL, "{}") },     { .edit = edit_of ("b", "7-x", "{}") },
    { .edit = edit_of ("c", "1-x", "{}") },    { .edit = edit_of ("d", NULL, "{}") },
  };

  gate = 0;
  barua_store_write_hot_async (store, gate_job, NULL, NULL, 0, NULL, on_written, &tally);
  for (guint i = 0; i < G_N_ELEMENTS (puts); i++)
    barua_store_write_hot_async (store, put_job, &puts[i], NULL, 0, NULL, on_written, &tally);
  barua_store_write_hot_async (store, third_fails_job, GUINT_TO_POINTER (1), NULL, 0, cancellable,
                               on_written, &tally);
  g_cancellable_cancel (cancellable);
  if (_i > 0)
    barua_store_write_hot_async (store, third_fails_job, GUINT_TO_POINTER (3), NULL, 0, NULL,
                                 on_written, &tally);
  barua_store_write_hot_async (store, third_fails_job, GUINT_TO_POINTER (2), NULL, 0, NULL,
                               on_written, &tally);
  g_atomic_int_set (&gate, 1);
  wait_for (&tally, G_N_ELEMENTS (puts) + 3 + (guint)_i);

  ck_assert_uint_eq (tally.n_failed, 4 + (guint)_i);
  assert_body ("a", NULL, "{}");
  assert_body ("b", NULL, "{}");
  assert_body ("d", NULL, "{}");
  assert_body ("job-2", NULL, "{}");
  assert_no_document ("c", NULL, BARUA_STORE_ERROR_NOT_FOUND);
  assert_no_document ("job-1", NULL, BARUA_STORE_ERROR_NOT_FOUND);
  assert_no_document ("job-3", NULL, BARUA_STORE_ERROR_NOT_FOUND);
  BaruaDatabaseInfo info;
  ck_assert (barua_store_read (store, info_query, &info, NULL));
  ck_assert_int_eq (info.live, 4);
  ck_assert_int_eq (info.update_seq, 4);
  assert_sound ();
}
END_TEST

START_TEST (store_queue_limits)
{
  Tally tally = { 0 };

  gate = 0;
  barua_store_write_async (store, gate_job, NULL, NULL, 0, NULL, on_written, &tally);
  BaruaStoreStats stats;
  do
    barua_store_stats (store, &stats);
  while (stats.queued > 0); /* until the writer has the first */
  for (guint i = 0; i < 2000; i++)
    barua_store_write_async (store, gate_job, NULL, NULL, 0, NULL, on_written, &tally);
  barua_store_write_async (store, gate_job, NULL, NULL, 0, NULL, on_written, &tally);
  wait_for (&tally, 1);
  ck_assert_uint_eq (tally.n_failed, 1);
  ck_assert_int_eq (tally.last_code, BARUA_STORE_ERROR_BUSY);
  g_atomic_int_set (&gate, 1);
  wait_for (&tally, 2002);
  ck_assert_uint_eq (tally.n_failed, 1);

  /* bytes count too */
  gate = 0;
  tally = (Tally){ 0 };
  barua_store_write_async (store, gate_job, NULL, NULL, 0, NULL, on_written, &tally);
  do
    barua_store_stats (store, &stats);
  while (stats.queued > 0);
  for (guint i = 0; i < 3; i++)
    barua_store_write_async (store, gate_job, NULL, NULL, 30u << 20, NULL, on_written, &tally);
  barua_store_stats (store, &stats);
  ck_assert_uint_eq (stats.queued, 2);
  ck_assert_uint_eq (stats.queued_bytes, 60u << 20);
  g_atomic_int_set (&gate, 1);
  wait_for (&tally, 4);
  ck_assert_uint_eq (tally.n_failed, 1);
}
END_TEST

START_TEST (store_cancelled)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Tally tally = { 0 };

  gate = 0;
  barua_store_write_async (store, gate_job, NULL, NULL, 0, NULL, on_written, &tally);
  barua_store_write_async (store, third_fails_job, GUINT_TO_POINTER (1), NULL, 0, cancellable,
                           on_written, &tally);
  g_cancellable_cancel (cancellable);
  g_atomic_int_set (&gate, 1);
  wait_for (&tally, 2);
  ck_assert_uint_eq (tally.n_failed, 1);
  ck_assert_int_eq (tally.last_code, G_IO_ERROR_CANCELLED);
  assert_no_document ("job-1", NULL, BARUA_STORE_ERROR_NOT_FOUND);
}
END_TEST

static int n_destroyed;

static void
count_destroyed (gpointer data)
{
  n_destroyed++;
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer data)
{
  Tally *tally = data;
  g_autoptr (GError) error = NULL;

  ck_assert_int_eq (n_destroyed, 0);
  tally->n_done++;
  tally->n_failed += !barua_store_read_finish (store, result, &error);
}

START_TEST (store_read_async)
{
  BaruaDatabaseInfo info = { 0 };
  Tally tally = { 0 };

  n_destroyed = 0;
  put ("a", NULL, "{}");
  barua_store_read_async (store, info_query, &info, count_destroyed, NULL, on_read, &tally);
  wait_for (&tally, 1);
  while (n_destroyed == 0)
    g_main_context_iteration (NULL, TRUE);
  ck_assert_int_eq (info.live, 1);
  ck_assert_uint_eq (tally.n_failed, 0);
}
END_TEST

/* What closing leaves behind is finished, not dropped. */
START_TEST (store_close_drains)
{
  Tally tally = { 0 };

  for (guint i = 1; i < 200; i += 3)
    barua_store_write_async (store, third_fails_job, GUINT_TO_POINTER (i), NULL, 0, NULL,
                             on_written, &tally);
  g_clear_pointer (&store, barua_store_close);
  wait_for (&tally, 67);
  ck_assert_uint_eq (tally.n_failed, 0);
}
END_TEST

/* The verbs that must work on every kind of store. */
static TCase *
verbs (const char *name, void (*set_up) (void))
{
  TCase *tc = tcase_create (name);

  tcase_add_checked_fixture (tc, set_up, tear_down);
  tcase_add_test (tc, store_documents);
  tcase_add_test (tc, store_verdicts);
  tcase_add_test (tc, store_folded_rev);
  tcase_add_test (tc, store_generated_ids);
  tcase_add_test (tc, store_server_made);
  tcase_add_test (tc, store_hidden);
  tcase_add_test (tc, store_other_databases);
  tcase_add_test (tc, store_nul_in_body);
  tcase_add_test (tc, store_stemming);
  tcase_add_test (tc, store_all_docs);
  tcase_add_test (tc, store_info);
  tcase_add_test (tc, store_own_changes);
  tcase_add_loop_test (tc, store_jobs_fail_alone, 0, 5);
  tcase_add_loop_test (tc, store_hot_jobs, 0, 2);
  tcase_add_test (tc, store_queue_limits);
  tcase_add_test (tc, store_cancelled);
  tcase_add_test (tc, store_read_async);
  tcase_add_test (tc, store_close_drains);
  return tc;
}

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("store");

  suite_add_tcase (suite, verbs ("memory", set_up_memory));
  suite_add_tcase (suite, verbs ("file", set_up_file));
  return suite;
}
