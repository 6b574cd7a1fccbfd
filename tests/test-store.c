/* SPDX-License-Identifier: MIT */

/* The store: every verb on a store in memory and on a file, and what only a file can show. */

#include "gateway/store/sqlite.h"
#include "gateway/store/store.h"
#include "tests/suites.h"

#include <string.h>

#include <glib/gstdio.h>
#include <sqlite3.h>

/* ---- fixtures ---- */

static char *directory;
static char *path;
static BaruaStore *store;
static BaruaStoreOptions options;

/* Opens the store that the options describe; it must succeed. */
static BaruaStore *
open_store (void)
{
  g_autoptr (GError) error = NULL;
  BaruaStore *opened = barua_store_open (&options, &error);

  ck_assert_msg (opened != NULL, "%s", error != NULL ? error->message : "");
  return opened;
}

static void
set_up_memory (void)
{
  options = (BaruaStoreOptions){ .path = ":memory:", .is_server = TRUE };
  store = open_store ();
}

static void
set_up_file (void)
{
  directory = g_dir_make_tmp ("barua-store-XXXXXX", NULL);
  path = g_build_filename (directory, "barua.db", NULL);
  options = (BaruaStoreOptions){ .path = path, .is_server = TRUE };
  store = open_store ();
}

/* Removes a file beside the database, if it is there. */
static void
remove_file (const char *suffix)
{
  g_autofree char *name = g_strconcat (path, suffix, NULL);

  g_unlink (name);
}

static void
tear_down (void)
{
  static const char *const suffixes[]
      = { "", "-wal", "-shm", ".lock", ".copy", ".copy-wal", ".copy-shm", ".copy.lock" };

  g_clear_pointer (&store, barua_store_close);
  if (path == NULL)
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (suffixes); i++)
    remove_file (suffixes[i]);
  g_rmdir (directory);
  g_clear_pointer (&path, g_free);
  g_clear_pointer (&directory, g_free);
}

/* ---- short forms ---- */

/* An edit, what came of it, and the verdict: -1 for none, else the code it must have. */
typedef struct
{
  BaruaEdit edit;
  BaruaWritten written;
  int code;
} Put;

static gboolean
put_job (BaruaTx *tx, gpointer data, GError **error)
{
  Put *put = data;

  return barua_tx_put_document (tx, &put->edit, &put->written, error);
}

/* Puts and expects success (-1) or an error code. */
static BaruaWritten
put_expecting (BaruaEdit edit, int code)
{
  Put put = { .edit = edit };
  g_autoptr (GError) error = NULL;
  const gboolean is_ok = barua_store_write (store, put_job, &put, &error);

  ck_assert_msg (is_ok == (code < 0), "%s", error != NULL ? error->message : "it was written");
  if (code >= 0)
    ck_assert_msg (g_error_matches (error, BARUA_STORE_ERROR, code), "%s", error->message);
  return put.written;
}

/* An edit of the default database. */
static BaruaEdit
edit_of (const char *id, const char *rev, const char *body)
{
  return (BaruaEdit){ .id = barua_text (id), .rev = barua_text (rev), .body = barua_text (body) };
}

static BaruaWritten
put (const char *id, const char *rev, const char *body)
{
  return put_expecting (edit_of (id, rev, body), -1);
}

static BaruaWritten delete (const char *id, const char *rev)
{
  BaruaEdit edit = edit_of (id, rev, "{}");

  edit.is_deleted = TRUE;
  return put_expecting (edit, -1);
}

/* A document to get. */
typedef struct
{
  const char *db;
  const char *id;
  const char *rev; /* NULL: the winner */
  BaruaDocument *document;
} Get;

static gboolean
get_query (BaruaReader *reader, gpointer data, GError **error)
{
  Get *get = data;

  get->document = get->rev != NULL
                      ? barua_reader_get_revision (reader, get->db, barua_text (get->id),
                                                   barua_text (get->rev), error)
                      : barua_reader_get_document (reader, get->db, barua_text (get->id), error);
  return get->document != NULL;
}

/* The document; NULL with *code when it cannot be had. */
static BaruaDocument *
get (const char *id, const char *rev, int *code)
{
  Get request = { .id = id, .rev = rev };
  g_autoptr (GError) error = NULL;

  if (!barua_store_read (store, get_query, &request, &error))
    {
      ck_assert (error->domain == BARUA_STORE_ERROR);
      *code = error->code;
    }
  return request.document;
}

static void
assert_body (const char *id, const char *rev, const char *body)
{
  int code = -1;
  g_autoptr (BaruaDocument) document = get (id, rev, &code);

  ck_assert_msg (document != NULL, "%s: code %d", id, code);
  ck_assert_str_eq (document->body.p, body);
  ck_assert_str_eq (document->id.p, id);
}

static void
assert_no_document (const char *id, const char *rev, int code)
{
  int found = -1;
  g_autoptr (BaruaDocument) document = get (id, rev, &found);

  ck_assert_ptr_null (document);
  ck_assert_int_eq (found, code);
}

/* The derived rows must say what the documents say, whatever a test did. */
static void
assert_sound (void)
{
  g_autoptr (GPtrArray) differences = NULL;
  g_autoptr (GError) error = NULL;

  ck_assert_msg (barua_store_check (store, &differences, &error), "%s",
                 error != NULL ? error->message : "");
  ck_assert_msg (differences->len == 0, "%s",
                 differences->len > 0 ? (char *)differences->pdata[0] : "");
}

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
info_query (BaruaReader *reader, gpointer data, GError **error)
{
  return barua_reader_database_info (reader, NULL, data, error);
}

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

/* Jobs whose ends a test waits for. */
typedef struct
{
  guint n_done;
  guint n_failed;
  int last_code;
} Tally;

static void
on_written (GObject *source, GAsyncResult *result, gpointer data)
{
  Tally *tally = data;
  g_autoptr (GError) error = NULL;

  tally->n_done++;
  if (barua_store_write_finish (store, result, &error))
    return;
  tally->n_failed++;
  tally->last_code = error->code;
}

static void
wait_for (Tally *tally, guint n)
{
  while (tally->n_done < n)
    g_main_context_iteration (NULL, TRUE);
}

/* A job that keeps the writer busy until it is let go. */
static int gate;

static gboolean
gate_job (BaruaTx *tx, gpointer data, GError **error)
{
  while (!g_atomic_int_get (&gate))
    g_usleep (100);
  return TRUE;
}

/* Puts "job-N", and fails after that when N is divisible by three. */
static gboolean
third_fails_job (BaruaTx *tx, gpointer data, GError **error)
{
  const guint n = GPOINTER_TO_UINT (data);
  g_autofree char *id = g_strdup_printf ("job-%u", n);
  const BaruaEdit edit = edit_of (id, NULL, "{}");

  if (!barua_tx_put_document (tx, &edit, NULL, error))
    return FALSE;
  if (n % 3 != 0)
    return TRUE;
  g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_CONFLICT, "as the test wants");
  return FALSE;
}

START_TEST (store_jobs_fail_alone)
{
  Tally tally = { 0 };
  BaruaStoreStats before;
  BaruaStoreStats after;

  gate = 0;
  barua_store_stats (store, &before);
  barua_store_write_async (store, gate_job, NULL, NULL, 0, NULL, on_written, &tally);
  for (guint i = 0; i < 60; i++)
    barua_store_write_async (store, third_fails_job, GUINT_TO_POINTER (i), NULL, 100, NULL,
                             on_written, &tally);
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

/* ---- messages ---- */

/* A document with one message, uuid = id, due as given. */
static BaruaWritten
put_message (const char *id, const char *rev, const char *uuid, const char *state, int due)
{
  g_autofree char *body = g_strdup_printf (
      "{\"type\":\"data_record\",\"tasks\":[{\"messages\":[{\"uuid\":\"%s\",\"to\":\"+1\","
      "\"message\":\"hello\"}],\"state\":\"%s\",\"due\":%d}]}",
      uuid, state, due);

  return put (id, rev, body);
}

/* A hand-out and the uuids it gave, each with a blank. */
typedef struct
{
  const char *account;
  guint limit;
  gint64 now_ms;
  gint64 lease_ms;
  GString *uuids;
  guint handouts; /* of the last one */
} Take;

static gboolean
take_job (BaruaTx *tx, gpointer data, GError **error)
{
  Take *take = data;
  g_autoptr (GPtrArray) messages = NULL;

  g_string_truncate (take->uuids, 0);
  if (!barua_tx_take_messages (tx, take->account, take->limit, take->now_ms, take->lease_ms,
                               &messages, error))
    return FALSE;
  for (guint i = 0; i < messages->len; i++)
    {
      const BaruaQueuedMessage *message = g_ptr_array_index (messages, i);
      g_string_append_printf (take->uuids, "%s ", message->uuid.p);
      ck_assert_str_eq (message->content.p, "hello");
      ck_assert_str_eq (message->to.p, "+1");
      ck_assert_str_eq (message->account.p, take->account);
      take->handouts = message->handouts;
    }
  return TRUE;
}

/* Takes messages and compares their uuids; returns the hand-outs of the last. */
static guint
assert_take (const char *account, guint limit, gint64 now_ms, gint64 lease_ms, const char *uuids)
{
  Take take = { account, limit, now_ms, lease_ms, g_string_new (NULL), 0 };

  ck_assert (barua_store_write (store, take_job, &take, NULL));
  ck_assert_str_eq (take.uuids->str, uuids);
  g_string_free (take.uuids, TRUE);
  return take.handouts;
}

START_TEST (store_take_order)
{
  put_message ("b", NULL, "u2", "pending", 2000);
  put_message ("a", NULL, "u3", "pending", 2000);
  put_message ("c", NULL, "u1", "pending", 1000);
  put_message ("d", NULL, "u4", "scheduled", 500);
  put_message ("e", NULL, "u5", "sent", 500);
  put_message ("f", NULL, "u6", "forwarded-to-gateway", 9000000);
  put ("g", NULL,
       "{\"tasks\":[{\"state\":\"pending\",\"due\":3000,\"messages\":["
       "{\"uuid\":\"z\",\"to\":\"+1\",\"message\":\"hello\"},"
       "{\"uuid\":\"y\",\"to\":\"+1\",\"message\":\"hello\"}]}]}");

  assert_take ("phone", 0, 10, 300, "");
  assert_take ("phone", 1, 10, 300, "u1 ");
  assert_take ("phone", 2, 10, 300, "u1 u3 ");
  assert_take ("phone", 25, 10, 300, "u1 u3 u2 z y u6 ");
  assert_sound ();
}
END_TEST

START_TEST (store_leases)
{
  const BaruaWritten first = put_message ("a", NULL, "u1", "pending", 1000);
  put_message ("b", NULL, "u2", "pending", 2000);

  ck_assert_uint_eq (assert_take ("one", 1, 0, 300, "u1 "), 1);
  assert_take ("two", 25, 100, 300, "u2 ");
  ck_assert_uint_eq (assert_take ("one", 25, 200, 300, "u1 "), 2);
  assert_take ("two", 25, 499, 300, "u2 "); /* renewed at 200 */
  assert_take ("two", 25, 500, 300, "u1 u2 ");
  assert_take ("one", 25, 600, 300, "");
  assert_take ("one", 25, 600, 0, "u1 u2 "); /* no leases: as the original */

  /* the lease survives a change of state, and an edit that moves the message */
  const BaruaWritten second = put_message ("a", first.rev, "u1", "forwarded-to-gateway", 1000);
  assert_take ("two", 25, 1000, 300, "u1 u2 ");
  assert_take ("one", 25, 1100, 300, "");
  put ("a", second.rev,
       "{\"tasks\":[{\"state\":\"sent\"},{\"state\":\"pending\",\"due\":3000,\"messages\":["
       "{\"uuid\":\"u1\",\"to\":\"+1\",\"message\":\"hello\"}]}]}");
  assert_take ("one", 25, 1100, 300, "");
  assert_take ("two", 25, 1100, 300, "u2 u1 ");
  assert_sound ();
}
END_TEST

START_TEST (store_handouts)
{
  BaruaWritten old = put_message ("old", NULL, "u1", "pending", 1000);

  for (guint i = 1; i <= 20; i++)
    ck_assert_uint_eq (assert_take ("one", 25, i, 300, "u1 "), i);
  put_message ("new", NULL, "u2", "pending", 2000);
  assert_take ("one", 1, 30, 300, "u2 ");
  ck_assert_uint_eq (assert_take ("one", 25, 30, 300, "u2 u1 "), 21);
  /* a status takes it out; when it comes back it begins afresh */
  old = put_message ("old", old.rev, "u1", "failed", 1000);
  assert_take ("one", 25, 31, 300, "u2 ");
  put_message ("old", old.rev, "u1", "pending", 1000);
  ck_assert_uint_eq (assert_take ("two", 1, 32, 300, "u1 "), 1);
  assert_sound ();
}
END_TEST

START_TEST (store_messages_follow_document)
{
  BaruaWritten a = put_message ("a", NULL, "u1", "pending", 1000);

  a = delete ("a", a.rev);
  assert_take ("one", 25, 1, 300, "");
  put_message ("a", NULL, "u1", "pending", 1000);
  assert_take ("one", 25, 1, 300, "u1 ");
  assert_sound ();
}
END_TEST

/* Two messages of one uuid: the first keeps it, the other is not offered. */
START_TEST (store_same_uuid)
{
  put_message ("a", NULL, "u1", "pending", 1000);
  const BaruaWritten b = put_message ("b", NULL, "u1", "pending", 500);

  assert_take ("one", 25, 1, 300, "u1 ");
  assert_sound ();
  put_message ("b", b.rev, "u2", "pending", 500);
  assert_take ("one", 25, 1, 300, "u2 u1 ");
  assert_sound ();
}
END_TEST

typedef struct
{
  const char *account;
  gint64 now_ms;
  gboolean has_messages;
} Look;

static gboolean
look_query (BaruaReader *reader, gpointer data, GError **error)
{
  Look *look = data;

  return barua_reader_has_offered_messages (reader, look->account, look->now_ms,
                                            &look->has_messages, error);
}

static gboolean
looks_offered (const char *account, gint64 now_ms)
{
  Look look = { account, now_ms, FALSE };

  ck_assert (barua_store_read (store, look_query, &look, NULL));
  return look.has_messages;
}

static gboolean
find_query (BaruaReader *reader, gpointer data, GError **error)
{
  g_autoptr (BaruaQueuedMessage) message
      = barua_reader_find_message (reader, BARUA_TEXT ("u1"), error);

  if (message == NULL)
    return FALSE;
  ck_assert_str_eq (message->document_id.p, "a");
  ck_assert_uint_eq (message->path.task, 0);
  ck_assert_int_eq (message->path.message, 0);
  ck_assert_int_eq (message->state, BARUA_TASK_STATE_PENDING);
  ck_assert_int_eq (message->due_ms, 1000);
  return TRUE;
}

START_TEST (store_looks)
{
  g_autoptr (GError) error = NULL;

  ck_assert (!looks_offered ("one", 0));
  ck_assert (!barua_store_read (store, find_query, NULL, &error));
  ck_assert (g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND));
  put_message ("a", NULL, "u1", "pending", 1000);
  ck_assert (looks_offered ("one", 0));
  ck_assert (barua_store_read (store, find_query, NULL, NULL));
  assert_take ("one", 25, 0, 300, "u1 ");
  ck_assert (looks_offered ("one", 1));
  ck_assert (!looks_offered ("two", 1));
  ck_assert (looks_offered ("two", 300));
}
END_TEST

/* ---- references ---- */

static gboolean
receive_job (BaruaTx *tx, gpointer data, GError **error)
{
  const BaruaText ref = barua_text (data);
  BaruaEdit edit = { .body = BARUA_TEXT ("{\"type\":\"data_record\"}"), .gateway_ref = ref };
  gboolean is_new;

  if (!barua_tx_claim_reference (tx, ref, &is_new, error))
    return FALSE;
  if (!is_new)
    {
      g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_CONFLICT, "repeated");
      return FALSE;
    }
  return barua_tx_put_document (tx, &edit, NULL, error);
}

/* A job that claims and then fails must leave the reference free. */
static gboolean
claim_and_fail_job (BaruaTx *tx, gpointer data, GError **error)
{
  gboolean is_new;

  ck_assert (barua_tx_claim_reference (tx, barua_text (data), &is_new, NULL));
  ck_assert (is_new);
  g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_FAILED, "as the test wants");
  return FALSE;
}

static gboolean
receive (const char *ref)
{
  return barua_store_write (store, receive_job, (gpointer)ref, NULL);
}

START_TEST (store_references)
{
  ck_assert (!barua_store_write (store, claim_and_fail_job, (gpointer) "r1", NULL));
  ck_assert (receive ("r1"));
  ck_assert (!receive ("r1"));

  /* a record of the document API takes its reference, also when it is deleted later */
  const BaruaWritten a
      = put ("a", NULL, "{\"type\":\"data_record\",\"sms_message\":{\"gateway_ref\":\"r2\"}}");
  ck_assert (!receive ("r2"));
  delete ("a", a.rev);
  ck_assert (!receive ("r2"));

  /* so does an outgoing task */
  put ("b", NULL, "{\"tasks\":[{\"state\":\"sent\",\"gateway_ref\":\"r3\"}]}");
  ck_assert (!receive ("r3"));
  ck_assert (receive ("r4"));
  assert_sound ();
}
END_TEST

/* The document that a reference belongs to. */
static gboolean
reference_owner_job (BaruaTx *tx, gpointer data, GError **error)
{
  BaruaSqliteConnection *connection = (BaruaSqliteConnection *)tx;

  return barua_sqlite_query_integer (
      connection->handle, "SELECT count(*) FROM inref JOIN doc USING (docnum)", data, error);
}

/* Several claims before the first put, and one that is never used. */
static gboolean
claims_job (BaruaTx *tx, gpointer data, GError **error)
{
  static const char *const refs[] = { "x", "y", "unused" };
  gboolean is_new;

  for (gsize i = 0; i < G_N_ELEMENTS (refs); i++)
    ck_assert (barua_tx_claim_reference (tx, barua_text (refs[i]), &is_new, NULL) && is_new);
  ck_assert (barua_tx_claim_reference (tx, barua_text ("x"), &is_new, NULL) && !is_new);
  for (gsize i = 0; i < 2; i++)
    {
      const BaruaEdit edit = { .body = BARUA_TEXT ("{}"), .gateway_ref = barua_text (refs[1 - i]) };
      ck_assert (barua_tx_put_document (tx, &edit, NULL, NULL));
    }
  return TRUE;
}

START_TEST (store_claims)
{
  gint64 n_owned = 0;

  ck_assert (barua_store_write (store, claims_job, NULL, NULL));
  put (NULL, NULL, "{}"); /* must not become the document of the unused reference */
  put (NULL, NULL, "{}");
  ck_assert (barua_store_write (store, reference_owner_job, &n_owned, NULL));
  ck_assert_int_eq (n_owned, 2);
  ck_assert (!receive ("unused"));
  assert_sound ();
}
END_TEST

#define N_REFERENCES 100

/* Tries all references; the data counts those that were new. */
static gpointer
receive_all (gpointer data)
{
  int *n_new = data;

  for (int i = 0; i < N_REFERENCES; i++)
    {
      g_autofree char *ref = g_strdup_printf ("ref-%d", i);
      if (receive (ref))
        g_atomic_int_inc (n_new);
    }
  return NULL;
}

START_TEST (store_concurrent_references)
{
  GThread *threads[4];
  int n_new = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("receiver", receive_all, &n_new);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  ck_assert_int_eq (n_new, N_REFERENCES);
  assert_sound ();
}
END_TEST

/* ---- repeats, accounts, meta ---- */

/* Text, time, and the count it must give. */
typedef struct
{
  const char *text;
  gint64 now_ms;
  guint count;
} Repeat;

static gboolean
repeat_job (BaruaTx *tx, gpointer data, GError **error)
{
  Repeat *repeat = data;

  return barua_tx_count_repeat (tx, BARUA_TEXT ("+1"), barua_text (repeat->text), repeat->now_ms,
                                &repeat->count, error);
}

START_TEST (store_repeats)
{
  static const Repeat repeats[] = {
    { "a", 10000000, 1 },           { "a", 10000001, 2 }, { "b", 10000001, 1 },
    { "a", 10000001 + 1799999, 3 }, { "a", 13599999, 4 }, { "a", 13599999 + 1800000, 1 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (repeats); i++)
    {
      Repeat repeat = repeats[i];
      ck_assert (barua_store_write (store, repeat_job, &repeat, NULL));
      ck_assert_msg (repeat.count == repeats[i].count, "no. %d: %u", (int)i, repeat.count);
    }
}
END_TEST

static gboolean
accounts_job (BaruaTx *tx, gpointer data, GError **error)
{
  BaruaReader *reader = barua_tx_reader (tx);
  BaruaEdit edit = edit_of ("org.couchdb.user:ann", NULL, "{}");
  g_autoptr (GError) missing = NULL;
  guint count = 9;

  edit.db = BARUA_DB_USERS;
  ck_assert (barua_reader_count_accounts (reader, &count, NULL));
  ck_assert_uint_eq (count, 0);
  ck_assert (!barua_tx_put_account (tx, "ann", "org.couchdb.user:ann", "$y$1", &missing));
  ck_assert (g_error_matches (missing, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND));
  ck_assert (barua_tx_put_document (tx, &edit, NULL, NULL));
  ck_assert (barua_tx_put_account (tx, "ann", "org.couchdb.user:ann", "$y$1", NULL));
  ck_assert (barua_tx_put_account (tx, "ann", "org.couchdb.user:ann", "$y$2", NULL));
  g_autoptr (BaruaAccount) account = barua_reader_get_account (reader, "ann", NULL);
  ck_assert_str_eq (account->hash, "$y$2");
  ck_assert_str_eq (account->document_id, "org.couchdb.user:ann");
  ck_assert (barua_reader_count_accounts (reader, &count, NULL));
  ck_assert_uint_eq (count, 1);
  ck_assert (barua_tx_delete_account (tx, "ann", NULL));
  ck_assert (barua_tx_delete_account (tx, "ann", NULL));
  ck_assert_ptr_null (barua_reader_get_account (reader, "ann", NULL));
  return TRUE;
}

START_TEST (store_accounts) { ck_assert (barua_store_write (store, accounts_job, NULL, NULL)); }
END_TEST

static gboolean
meta_job (BaruaTx *tx, gpointer data, GError **error)
{
  BaruaReader *reader = barua_tx_reader (tx);
  g_autofree char *uuid = NULL;
  g_autofree char *none = NULL;
  g_autofree char *some = NULL;

  ck_assert (barua_reader_get_meta (reader, "uuid", &uuid, NULL));
  ck_assert_uint_eq (strlen (uuid), 36);
  ck_assert (barua_reader_get_meta (reader, "secret", &none, NULL));
  ck_assert_ptr_null (none);
  ck_assert (barua_tx_put_meta (tx, "secret", "1", NULL));
  ck_assert (barua_tx_put_meta (tx, "secret", "2", NULL));
  ck_assert (barua_reader_get_meta (reader, "secret", &some, NULL));
  ck_assert_str_eq (some, "2");
  return TRUE;
}

START_TEST (store_meta) { ck_assert (barua_store_write (store, meta_job, NULL, NULL)); }
END_TEST

/* ---- care ---- */

/* Runs SQL behind the store's back. */
static gboolean
exec_job (BaruaTx *tx, gpointer data, GError **error)
{
  return barua_sqlite_exec (((BaruaSqliteConnection *)tx)->handle, data, error);
}

static void
exec (const char *sql)
{
  g_autoptr (GError) error = NULL;

  ck_assert_msg (barua_store_write (store, exec_job, (gpointer)sql, &error), "%s",
                 error != NULL ? error->message : "");
}

static guint
count_differences (void)
{
  g_autoptr (GPtrArray) differences = NULL;

  ck_assert (barua_store_check (store, &differences, NULL));
  return differences->len;
}

/* Damage that the check must see, and that making it again repairs. */
static const char *const damages[] = {
  "DELETE FROM msg WHERE uuid = 'u1'",
  "UPDATE msg SET state = 3 WHERE uuid = 'u1'",
  "UPDATE msg SET queue = NULL WHERE uuid = 'u1'",
  "UPDATE msg SET queue = 1, state = 2 WHERE uuid = 'u2'",
  "UPDATE msg SET content = 'x' WHERE uuid = 'u1'",
  "UPDATE msg SET due = NULL WHERE uuid = 'u1'",
  "UPDATE msg SET path = '0a7' WHERE uuid = 'u1'",
  "UPDATE msg SET uuid = NULL WHERE uuid = 'u1'",
  "UPDATE msg SET gateway_ref = 'g' WHERE uuid = 'u1'",
  "INSERT INTO msg (dbnum, docnum, path, state, updated) VALUES (1, 999, '0a0a0', 2, 0)",
  "UPDATE db SET live = live + 1 WHERE dbnum = 1",
  "UPDATE db SET dead = 7, seq = 0 WHERE dbnum = 1",
};

START_TEST (store_check_and_reindex)
{
  put_message ("a", NULL, "u1", "pending", 1000);
  put_message ("b", NULL, "u2", "sent", 1000);
  assert_take ("one", 25, 0, 300, "u1 ");
  assert_sound ();

  exec (damages[_i]);
  ck_assert_msg (count_differences () > 0, "not seen: %s", damages[_i]);
  ck_assert (barua_store_reindex (store, NULL));
  assert_sound ();
  assert_take ("one", 25, 0, 300, "u1 ");
}
END_TEST

START_TEST (store_check_tree)
{
  put ("a", NULL, "{}");
  exec ("UPDATE rev SET leaf = 0");
  ck_assert_uint_gt (count_differences (), 0);
}
END_TEST

/* ---- files ---- */

START_TEST (store_reopen)
{
  const BaruaWritten a = put_message ("a", NULL, "u1", "pending", 1000);
  g_clear_pointer (&store, barua_store_close);
  g_autofree char *log = g_strconcat (path, "-wal", NULL);
  ck_assert (!g_file_test (log, G_FILE_TEST_EXISTS));

  store = open_store ();
  assert_take ("one", 25, 0, 300, "u1 ");
  put_message ("a", a.rev, "u1", "sent", 1000);
  put ("b", NULL, "{}"); /* numbers go on where they were */
  BaruaDatabaseInfo info;
  ck_assert (barua_store_read (store, info_query, &info, NULL));
  ck_assert_int_eq (info.update_seq, 3);
  assert_sound ();
}
END_TEST

/* Copies the file or its log as a crash would leave them. */
static void
copy_file (const char *suffix)
{
  g_autofree char *from = g_strconcat (path, suffix, NULL);
  g_autofree char *to = g_strconcat (path, ".copy", suffix, NULL);
  g_autofree char *text = NULL;
  gsize n;

  ck_assert (g_file_get_contents (from, &text, &n, NULL));
  ck_assert (g_file_set_contents (to, text, (gssize)n, NULL));
}

START_TEST (store_crash)
{
  for (int i = 0; i < 50; i++)
    {
      g_autofree char *id = g_strdup_printf ("doc-%d", i);
      put_message (id, NULL, id, "pending", 1000 + i);
    }
  copy_file ("");
  copy_file ("-wal");
  g_clear_pointer (&store, barua_store_close);

  g_autofree char *copy = g_strconcat (path, ".copy", NULL);
  options.path = copy;
  store = open_store ();
  assert_body ("doc-49", NULL,
               "{\"type\":\"data_record\",\"tasks\":[{\"messages\":[{\"uuid\":\"doc-49\","
               "\"to\":\"+1\",\"message\":\"hello\"}],\"state\":\"pending\",\"due\":1049}]}");
  BaruaDatabaseInfo info;
  ck_assert (barua_store_read (store, info_query, &info, NULL));
  ck_assert_int_eq (info.update_seq, 50);
  assert_sound ();
  g_clear_pointer (&store, barua_store_close);
}
END_TEST

START_TEST (store_second_server)
{
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (barua_store_open (&options, &error));
  ck_assert (g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_LOCKED));

  /* the command line may, and its writes are seen here */
  BaruaStore *server = store;
  options.is_server = FALSE;
  store = open_store ();
  put ("from-outside", NULL, "{}");
  barua_store_close (store);
  store = server;
  assert_body ("from-outside", NULL, "{}");
  ck_assert_int_eq (put ("from-inside", NULL, "{}").seq, 2);
}
END_TEST

/* Runs SQL on the closed file. */
static void
exec_on_file (const char *sql)
{
  sqlite3 *handle = NULL;

  ck_assert_int_eq (sqlite3_open (path, &handle), SQLITE_OK);
  ck_assert_int_eq (sqlite3_exec (handle, sql, NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close (handle);
}

START_TEST (store_newer_schema)
{
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&store, barua_store_close);
  exec_on_file ("PRAGMA user_version = 1000");
  ck_assert_ptr_null (barua_store_open (&options, &error));
  ck_assert (g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_TOO_NEW));
}
END_TEST

START_TEST (store_foreign_file)
{
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&store, barua_store_close);
  exec_on_file ("PRAGMA application_id = 7");
  ck_assert_ptr_null (barua_store_open (&options, &error));
  ck_assert (g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_FAILED));

  g_clear_error (&error);
  ck_assert (
      g_file_set_contents (path, "this is no database, but long enough to be read", -1, NULL));
  ck_assert_ptr_null (barua_store_open (&options, &error));
  ck_assert (g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_FAILED));

  g_clear_error (&error);
  options.path = "/nonexistent/barua.db";
  ck_assert_ptr_null (barua_store_open (&options, &error));
  ck_assert (g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_FAILED));
}
END_TEST

START_TEST (store_disk_full)
{
  g_autofree char *big = g_strnfill (1u << 20, 'x');
  g_autofree char *body = g_strdup_printf ("{\"x\":\"%s\"}", big);

  put ("before", NULL, "{}");
  exec ("PRAGMA max_page_count = 100");
  put_expecting (edit_of ("big", NULL, body), BARUA_STORE_ERROR_FULL);
  assert_body ("before", NULL, "{}");
  assert_no_document ("big", NULL, BARUA_STORE_ERROR_NOT_FOUND);
  put ("small", NULL, "{}");
  exec ("PRAGMA max_page_count = 1000000");
  put ("big", NULL, body);
  assert_sound ();
}
END_TEST

/* A full disk takes what shared the commit with it, and every one of them is told. */
START_TEST (store_disk_full_in_group)
{
  g_autofree char *big = g_strnfill (1u << 20, 'x');
  g_autofree char *body = g_strdup_printf ("{\"x\":\"%s\"}", big);
  Put full = { .edit = edit_of ("big", NULL, body) };
  Tally tally = { 0 };

  exec ("PRAGMA max_page_count = 100");
  gate = 0;
  barua_store_write_async (store, gate_job, NULL, NULL, 0, NULL, on_written, &tally);
  for (guint i = 1; i < 30; i += 3)
    barua_store_write_async (store, third_fails_job, GUINT_TO_POINTER (i), NULL, 0, NULL,
                             on_written, &tally);
  barua_store_write_async (store, put_job, &full, NULL, 0, NULL, on_written, &tally);
  g_atomic_int_set (&gate, 1);
  wait_for (&tally, 12);

  /* what was answered with success is there, what was not is not */
  BaruaDatabaseInfo info;
  ck_assert (barua_store_read (store, info_query, &info, NULL));
  ck_assert_uint_ge (tally.n_failed, 1);
  ck_assert_int_le (info.live, 10);
  if (tally.n_failed == 1)
    ck_assert_int_eq (info.live, 10);
  exec ("PRAGMA max_page_count = 1000000");
  assert_sound ();
}
END_TEST

/* After an unclean stop the mark is there, and a clean one removes it. */
static gboolean
running_query (BaruaReader *reader, gpointer data, GError **error)
{
  return barua_reader_get_meta (reader, "running", data, error);
}

START_TEST (store_unclean_mark)
{
  g_autofree char *running = NULL;

  ck_assert (barua_store_read (store, running_query, &running, NULL));
  ck_assert_str_eq (running, "1");
  g_clear_pointer (&store, barua_store_close);
  options.is_server = FALSE;
  store = open_store ();
  g_clear_pointer (&running, g_free);
  ck_assert (barua_store_read (store, running_query, &running, NULL));
  ck_assert_ptr_null (running);
}
END_TEST

START_TEST (store_other_default)
{
  BaruaEdit edit = edit_of ("x", NULL,
                            "{\"tasks\":[{\"state\":\"pending\",\"due\":5,\"messages\":[{\"uuid\":"
                            "\"other\",\"to\":\"+1\",\"message\":\"hello\"}]}]}");

  put_message ("a", NULL, "u1", "pending", 1000);
  edit.db = BARUA_DB_SENTINEL;
  put_expecting (edit, -1);
  g_clear_pointer (&store, barua_store_close);
  options.default_db = BARUA_DB_SENTINEL;
  store = open_store ();
  assert_take ("one", 25, 0, 300, "other ");
  assert_sound ();
}
END_TEST

/* ---- schema ---- */

/* The settings of documents.md 14.2, as the file shows them. */
START_TEST (store_settings)
{
  static const struct
  {
    const char *pragma;
    gint64 value;
  } settings[] = { { "PRAGMA page_size", 4096 },
                   { "PRAGMA auto_vacuum", 2 },
                   { "PRAGMA synchronous", 2 },
                   { "PRAGMA wal_autocheckpoint", 0 },
                   { "PRAGMA cache_size", -8192 },
                   { "PRAGMA temp_store", 2 },
                   { "PRAGMA trusted_schema", 0 },
                   { "PRAGMA foreign_keys", 0 },
                   { "PRAGMA application_id", 0x42617275 } };
  const BaruaSqlite *sqlite = store->engine_data;

  for (gsize i = 0; i < G_N_ELEMENTS (settings); i++)
    {
      gint64 value = -99;
      barua_sqlite_query_integer (sqlite->writer->handle, settings[i].pragma, &value, NULL);
      ck_assert_msg (value == settings[i].value, "%s: %d", settings[i].pragma, (int)value);
    }
}
END_TEST

START_TEST (store_statements)
{
  const BaruaSqlite *sqlite = store->engine_data;

  for (guint i = 0; i < BARUA_N_SQL; i++)
    {
      g_autoptr (GError) error = NULL;
      ck_assert_ptr_nonnull (barua_sqlite_text ((BaruaSql)i));
      ck_assert_msg (barua_sqlite_statement (sqlite->writer, (BaruaSql)i, &error) != NULL,
                     "no. %u: %s", i, error != NULL ? error->message : "");
    }
}
END_TEST

/* The plan of a statement, one line a step. */
static char *
plan_of (BaruaSql which)
{
  const BaruaSqlite *sqlite = store->engine_data;
  g_autofree char *sql = g_strconcat ("EXPLAIN QUERY PLAN ", barua_sqlite_text (which), NULL);
  GString *plan = g_string_new (NULL);
  sqlite3_stmt *statement = NULL;

  ck_assert_int_eq (sqlite3_prepare_v2 (sqlite->writer->handle, sql, -1, &statement, NULL),
                    SQLITE_OK);
  while (sqlite3_step (statement) == SQLITE_ROW)
    g_string_append_printf (plan, "%s\n", (const char *)sqlite3_column_text (statement, 3));
  sqlite3_finalize (statement);
  return g_string_free (plan, FALSE);
}

/* The frequent statements must not walk a table or sort. */
START_TEST (store_plans)
{
  static const BaruaSql frequent[]
      = { BARUA_SQL_DATABASE_BY_NAME, BARUA_SQL_DOC_LAST_NUMBER, BARUA_SQL_DOC_BY_ID,
          BARUA_SQL_DOC_WITH_BODY,    BARUA_SQL_DOC_LIST_UP,     BARUA_SQL_DOC_LIST_DOWN,
          BARUA_SQL_REV_GET,          BARUA_SQL_REV_LEAVES,      BARUA_SQL_MSG_BY_DOC,
          BARUA_SQL_MSG_OFFERED,      BARUA_SQL_MSG_ANY_OFFERED, BARUA_SQL_MSG_BY_UUID,
          BARUA_SQL_MSG_HAS_REFERENCE };

  for (gsize i = 0; i < G_N_ELEMENTS (frequent); i++)
    {
      g_autofree char *plan = plan_of (frequent[i]);
      ck_assert_msg (strstr (plan, "TEMP B-TREE") == NULL && strstr (plan, "SEARCH") != NULL
                         && strstr (plan, "SCAN") == NULL,
                     "%s\n%s", barua_sqlite_text (frequent[i]), plan);
    }
}
END_TEST

/* The schema of a connection as text. */
static char *
schema_of (sqlite3 *handle)
{
  GString *schema = g_string_new (NULL);
  sqlite3_stmt *statement = NULL;

  ck_assert_int_eq (sqlite3_prepare_v2 (handle,
                                        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"
                                        " ORDER BY type DESC, name",
                                        -1, &statement, NULL),
                    SQLITE_OK);
  while (sqlite3_step (statement) == SQLITE_ROW)
    g_string_append_printf (schema, "%s;\n", (const char *)sqlite3_column_text (statement, 0));
  sqlite3_finalize (statement);
  return g_string_free (schema, FALSE);
}

/* From every older schema that was ever released the migrations end at the newest. */
START_TEST (store_migrations)
{
  const BaruaSqlite *sqlite = store->engine_data;
  g_autofree char *newest = schema_of (sqlite->writer->handle);

  for (int version = 0; version <= barua_sqlite_schema_version (); version++)
    {
      g_autofree char *name = g_strdup_printf ("schema-%d.sql", version);
      g_autofree char *file = g_build_filename (g_getenv ("BARUA_TEST_DATA"), name, NULL);
      g_autofree char *dump = NULL;
      g_autoptr (GError) error = NULL;
      sqlite3 *handle = NULL;
      ck_assert_int_eq (sqlite3_open (":memory:", &handle), SQLITE_OK);
      if (version > 0)
        {
          ck_assert_msg (g_file_get_contents (file, &dump, NULL, NULL), "%s is missing", file);
          ck_assert_int_eq (sqlite3_exec (handle, dump, NULL, NULL, NULL), SQLITE_OK);
        }
      ck_assert_msg (barua_sqlite_migrate (handle, &error), "%s",
                     error != NULL ? error->message : "");
      g_autofree char *schema = schema_of (handle);
      ck_assert_str_eq (schema, newest);
      sqlite3_close (handle);
    }
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
  tcase_add_test (tc, store_all_docs);
  tcase_add_test (tc, store_info);
  tcase_add_test (tc, store_own_changes);
  tcase_add_test (tc, store_jobs_fail_alone);
  tcase_add_test (tc, store_queue_limits);
  tcase_add_test (tc, store_cancelled);
  tcase_add_test (tc, store_read_async);
  tcase_add_test (tc, store_close_drains);
  tcase_add_test (tc, store_take_order);
  tcase_add_test (tc, store_leases);
  tcase_add_test (tc, store_handouts);
  tcase_add_test (tc, store_messages_follow_document);
  tcase_add_test (tc, store_same_uuid);
  tcase_add_test (tc, store_looks);
  tcase_add_test (tc, store_references);
  tcase_add_test (tc, store_claims);
  tcase_add_test (tc, store_concurrent_references);
  tcase_add_test (tc, store_repeats);
  tcase_add_test (tc, store_accounts);
  tcase_add_test (tc, store_meta);
  tcase_add_loop_test (tc, store_check_and_reindex, 0, G_N_ELEMENTS (damages));
  tcase_add_test (tc, store_check_tree);
  return tc;
}

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("store");
  TCase *tc = tcase_create ("file only");

  suite_add_tcase (suite, verbs ("memory", set_up_memory));
  suite_add_tcase (suite, verbs ("file", set_up_file));

  tcase_add_checked_fixture (tc, set_up_file, tear_down);
  tcase_add_test (tc, store_reopen);
  tcase_add_test (tc, store_crash);
  tcase_add_test (tc, store_second_server);
  tcase_add_test (tc, store_newer_schema);
  tcase_add_test (tc, store_foreign_file);
  tcase_add_test (tc, store_disk_full);
  tcase_add_test (tc, store_disk_full_in_group);
  tcase_add_test (tc, store_unclean_mark);
  tcase_add_test (tc, store_other_default);
  tcase_add_test (tc, store_settings);
  suite_add_tcase (suite, tc);

  tc = tcase_create ("schema");
  tcase_add_checked_fixture (tc, set_up_memory, tear_down);
  tcase_add_test (tc, store_stemming);
  tcase_add_test (tc, store_statements);
  tcase_add_test (tc, store_plans);
  tcase_add_test (tc, store_migrations);
  suite_add_tcase (suite, tc);
  return suite;
}
