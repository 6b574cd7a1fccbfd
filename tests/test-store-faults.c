/* SPDX-License-Identifier: MIT */

/* Faults of the disk, one after the other: the first read that fails, the second, and so on until
 * the scenario runs through without meeting its fault; the same for writes, and for faults that
 * stay. After each: what was acknowledged is there, what was not is absent or whole, what is derived
 * says what the documents say, and once the fault is gone the store writes again by itself. */

#include "gateway/store/store-attachments.h"
#include "tests/faulty-vfs.h"
#include "tests/store-fixture.h"

#include <stdio.h>
#include <string.h>

#include <glib/gstdio.h>
#include <sqlite3.h>

#define N_GROUPED 6
#define ATTACHED_BYTES 20000

/* Large enough that a writer with the smallest cache must write before the commit. */
#define SPILLING_BYTES (1500 * 1024)

#define PENDING                                                                                    \
  "{\"type\":\"data_record\",\"tasks\":[{\"messages\":[{\"uuid\":\"u\",\"to\":\"+1\","             \
  "\"message\":\"hello\"}],\"state\":\"pending\",\"due\":1000}]}"
#define SENT                                                                                       \
  "{\"type\":\"data_record\",\"tasks\":[{\"messages\":[{\"uuid\":\"u\",\"to\":\"+1\","             \
  "\"message\":\"hello\"}],\"state\":\"sent\",\"due\":1000}]}"

/* What the clients were told. */
typedef struct
{
  gboolean pending;
  gboolean sent;
  gboolean received;
  gboolean attached;
  gboolean grouped[N_GROUPED];
  gboolean hot[N_GROUPED];
  gboolean late;
} Acked;

static Fault fault;
static guint fault_n;
static gboolean fault_stays;
static char *template;
static gsize template_bytes;

/* Of all runs. */
static guint n_points;
static guint n_refused;

/* Where we are, for the messages of failed assertions. */
static const char *
where (void)
{
  static char text[64];

  g_snprintf (text, sizeof text, "%s %u, %s", fault_names[fault], fault_n,
              fault_stays ? "stays" : "once");
  return text;
}

/* The warnings are wanted, but not by the thousand. */
static void
drop_warning (const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
}

/* ---- the scenario ---- */

/* What the store may say when the disk fails. */
static void
assert_reason (const GError *error)
{
  ck_assert_msg (error != NULL, "%s: no reason", where ());
  ck_assert_msg (error->domain == BARUA_STORE_ERROR
                     && (error->code == BARUA_STORE_ERROR_FAILED
                         || error->code == BARUA_STORE_ERROR_FULL),
                 "%s: %s", where (), error->message);
  if (fault == FAULT_FULL)
    ck_assert_msg (error->code == BARUA_STORE_ERROR_FULL, "%s: %s", where (), error->message);
}

static gboolean
try_write (BaruaJob job, gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (barua_store_write (store, job, data, &error))
    return TRUE;
  assert_reason (error);
  n_refused++;
  return FALSE;
}

/* A #BaruaJob: the record of a received message, with its reference. */
static gboolean
receive_job (BaruaTx *tx, gpointer data, GError **error)
{
  const BaruaText ref = BARUA_TEXT ("ref");
  const BaruaEdit edit = { .id = BARUA_TEXT ("received"),
                           .body = BARUA_TEXT ("{\"type\":\"data_record\"}"),
                           .gateway_ref = ref };
  gboolean is_new;

  return barua_tx_claim_reference (tx, ref, &is_new, error)
         && barua_tx_put_document (tx, &edit, NULL, error);
}

static gboolean
attach (const char *id, gsize n)
{
  g_autofree char *bytes = g_strnfill (n, 'a');
  const BaruaAttachmentEdit attachment = { .name = BARUA_TEXT ("photo"),
                                           .source = BARUA_ATTACHMENT_BYTES,
                                           .bytes = { bytes, n } };
  Put put = { .edit = edit_of (id, NULL, "{\"x\":1}") };

  put.edit.attachments = &attachment;
  put.edit.n_attachments = 1;
  return try_write (put_job, &put);
}

/* One of the jobs that share a commit. */
typedef struct
{
  char id[16];
  gboolean fails; /* by itself, after it has written */
  gboolean *acked;
  Tally *tally;
} Grouped;

static gboolean
grouped_job (BaruaTx *tx, gpointer data, GError **error)
{
  const Grouped *grouped = data;
  const BaruaEdit edit = edit_of (grouped->id, NULL, "{\"g\":1}");

  if (!barua_tx_put_document (tx, &edit, NULL, error))
    return FALSE;
  if (grouped->fails)
    g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_CONFLICT, "as the test wants");
  return !grouped->fails;
}

static void
on_grouped (GObject *source, GAsyncResult *result, gpointer data)
{
  Grouped *grouped = data;
  g_autoptr (GError) error = NULL;

  grouped->tally->n_done++;
  *grouped->acked = barua_store_write_finish (store, result, &error);
  if (*grouped->acked || g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_CONFLICT))
    return;
  assert_reason (error);
  n_refused++;
}

/* Lets several jobs share a commit, hot ones or others; the fourth fails for a reason of its own. */
static void
write_group (const char *stem, gboolean is_hot, gboolean *acked)
{
  Grouped jobs[N_GROUPED];
  Tally tally = { 0 };
  Tally gates = { 0 };

  gate = 0;
  barua_store_write_async (store, gate_job, NULL, NULL, 0, NULL, on_written, &gates);
  for (guint i = 0; i < N_GROUPED; i++)
    {
      jobs[i] = (Grouped){ .fails = i == 3, .acked = &acked[i], .tally = &tally };
      g_snprintf (jobs[i].id, sizeof jobs[i].id, "%s-%u", stem, i);
      (is_hot ? barua_store_write_hot_async : barua_store_write_async) (
          store, grouped_job, &jobs[i], NULL, 0, NULL, on_grouped, &jobs[i]);
    }
  g_atomic_int_set (&gate, 1);
  wait_for (&tally, N_GROUPED);
  wait_for (&gates, 1);
}

/* What the housekeeping thread does, on a connection of its own. */
static void
checkpoint (void)
{
  sqlite3 *handle = NULL;

  if (sqlite3_open (path, &handle) == SQLITE_OK)
    sqlite3_wal_checkpoint_v2 (handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
  sqlite3_close (handle);
}

/* A read is answered rightly, or with a reason. */
static void
try_read (const char *id, const char *body)
{
  int code = -1;
  g_autoptr (BaruaDocument) document = get (id, NULL, &code);

  if (document != NULL)
    ck_assert_str_eq (document->body.p, body);
  else
    ck_assert_msg (code == BARUA_STORE_ERROR_FAILED, "%s: read of %s: code %d", where (), id, code);
}

static void
run_scenario (Acked *acked)
{
  Put message = { .edit = edit_of ("message", NULL, PENDING) };

  acked->pending = try_write (put_job, &message);
  if (acked->pending)
    {
      Put sent = { .edit = edit_of ("message", message.written.rev, SENT) };
      acked->sent = try_write (put_job, &sent);
    }
  acked->received = try_write (receive_job, NULL);
  acked->attached = attach ("attached", ATTACHED_BYTES);
  write_group ("grouped", FALSE, acked->grouped);
  try_read ("before", "{\"b\":1}");
  checkpoint ();
  write_group ("hot", TRUE, acked->hot);
  if (acked->attached)
    try_read ("attached", "{\"x\":1}");
  Put late = { .edit = edit_of ("late", NULL, "{}") };
  acked->late = try_write (put_job, &late);
}

/* ---- what must hold afterwards ---- */

/* Whether the document is there; then it is whole. */
static gboolean
is_there (const char *id, const char *body)
{
  int code = -1;
  g_autoptr (BaruaDocument) document = get (id, NULL, &code);

  ck_assert_msg (document != NULL || code == BARUA_STORE_ERROR_NOT_FOUND, "%s: %s: code %d",
                 where (), id, code);
  if (document != NULL && body != NULL)
    ck_assert_msg (strcmp (document->body.p, body) == 0, "%s: %s is %s", where (), id,
                   document->body.p);
  return document != NULL;
}

static void
assert_kept (const char *id, const char *body, gboolean acked)
{
  ck_assert_msg (is_there (id, body) || !acked, "%s: %s was acknowledged and is lost", where (), id);
}

/* A #BaruaJob: whether the reference is taken; changes nothing. */
static gboolean
probe_job (BaruaTx *tx, gpointer data, GError **error)
{
  gboolean *is_free = data;

  if (barua_tx_claim_reference (tx, BARUA_TEXT ("ref"), is_free, error))
    g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_CONFLICT, "only a question");
  return FALSE;
}

/* The reference is taken exactly when its record is there: a phone may send again. */
static void
assert_reference (gboolean acked)
{
  gboolean is_free = FALSE;
  g_autoptr (GError) error = NULL;

  barua_store_write (store, probe_job, &is_free, &error);
  ck_assert (g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_CONFLICT));
  assert_kept ("received", "{\"type\":\"data_record\"}", acked);
  ck_assert_msg (is_there ("received", NULL) == !is_free, "%s: reference without record", where ());
}

typedef struct
{
  gint64 blob;
  gsize offset;
  gsize n;
  char buffer[BARUA_BLOB_PIECE_BYTES];
} Piece;

static gboolean
piece_query (BaruaReader *reader, gpointer data, GError **error)
{
  Piece *piece = data;

  return barua_reader_read_blob (reader, piece->blob, (gint64)piece->offset, piece->buffer,
                                 sizeof piece->buffer, &piece->n, error);
}

static gboolean
is_all_a (const char *bytes, gsize n)
{
  return n == 0 || (bytes[0] == 'a' && memcmp (bytes, bytes + 1, n - 1) == 0);
}

/* The document has its attachment, with all its bytes. */
static void
assert_attached (const char *id, gsize n, gboolean acked)
{
  int code = -1;
  g_autoptr (BaruaDocument) document = get (id, NULL, &code);

  ck_assert_msg (document != NULL || !acked, "%s: %s was acknowledged and is lost", where (), id);
  if (document == NULL)
    return;
  ck_assert_msg (document->n_attachments == 1, "%s: %s has no attachment", where (), id);
  Piece piece = { .blob = document->attachments[0].blob };
  do
    {
      ck_assert (barua_store_read (store, piece_query, &piece, NULL));
      ck_assert_msg (is_all_a (piece.buffer, piece.n), "%s: %s has other bytes", where (), id);
      piece.offset += piece.n;
    }
  while (piece.n > 0);
  ck_assert_uint_eq (piece.offset, n);
}

static void
assert_message (const Acked *acked)
{
  int code = -1;
  g_autoptr (BaruaDocument) document = get ("message", NULL, &code);

  ck_assert_msg (document != NULL || !acked->pending, "%s: the message is lost", where ());
  if (document == NULL)
    return;
  const gboolean is_sent = strcmp (document->body.p, SENT) == 0;
  ck_assert_msg (is_sent || (!acked->sent && strcmp (document->body.p, PENDING) == 0),
                 "%s: sent was acknowledged, the message is %s", where (), document->body.p);
}

static void
assert_all (const Acked *acked)
{
  assert_kept ("before", "{\"b\":1}", TRUE);
  assert_message (acked);
  assert_reference (acked->received);
  assert_attached ("attached", ATTACHED_BYTES, acked->attached);
  for (guint i = 0; i < N_GROUPED; i++)
    {
      g_autofree char *grouped = g_strdup_printf ("grouped-%u", i);
      g_autofree char *hot = g_strdup_printf ("hot-%u", i);
      assert_kept (grouped, "{\"g\":1}", acked->grouped[i]);
      assert_kept (hot, "{\"g\":1}", acked->hot[i]);
    }
  ck_assert_msg (!is_there ("grouped-3", NULL) && !is_there ("hot-3", NULL),
                 "%s: a job that failed by itself is there", where ());
  assert_kept ("late", "{}", acked->late);
}

/* ---- the runs ---- */

static void
remove_beside (const char *suffix)
{
  g_autofree char *name = g_strconcat (path, suffix, NULL);

  g_unlink (name);
}

/* Puts a file with one document in place; without @template none. */
static void
lay_out_file (void)
{
  remove_beside ("");
  remove_beside ("-wal");
  remove_beside ("-shm");
  if (template == NULL)
    return;
  FILE *file = fopen (path, "wb");
  ck_assert_ptr_nonnull (file);
  ck_assert_uint_eq (fwrite (template, 1, template_bytes, file), template_bytes);
  fclose (file);
}

/* Opens the store under the fault; when that is refused, it must go without. */
static void
open_under_fault (void)
{
  g_autoptr (GError) error = NULL;

  store = barua_store_open (&options, &error);
  if (store != NULL)
    return;
  assert_reason (error);
  faulty_vfs_disarm ();
  store = open_store ();
}

/* One point; TRUE when the fault was met. */
static gboolean
run_point (void (*scenario) (Acked *), void (*check) (const Acked *))
{
  Acked acked = { 0 };

  lay_out_file ();
  faulty_vfs_arm (fault, fault_n, fault_stays);
  open_under_fault ();
  scenario (&acked);
  if (faulty_vfs_failed () > 0)
    {
      faulty_vfs_disarm ();
      put ("after", NULL, "{}"); /* without a restart */
      check (&acked);
    }
  g_clear_pointer (&store, barua_store_close); /* under the fault, if it has not been met yet */
  const gboolean is_met = faulty_vfs_disarm () > 0;
  store = open_store ();
  check (&acked);
  assert_sound ();
  put ("reopened", NULL, "{}");
  g_clear_pointer (&store, barua_store_close);
  return is_met;
}

/* Every @stride-th point of every kind; of the faults that stay a third of that, unless the
 * environment has BARUA_ALL_FAULTS. */
static void
run_points (void (*scenario) (Acked *), void (*check) (const Acked *), guint stride)
{
  n_points = n_refused = 0;
  for (guint i = 0; i < 2 * N_FAULTS; i++)
    {
      const guint before = n_points;
      const guint step = i % 2 && g_getenv ("BARUA_ALL_FAULTS") == NULL ? 3 * stride : stride;
      fault = i / 2;
      fault_stays = i % 2;
      fault_n = 1;
      while (run_point (scenario, check))
        {
          n_points++;
          fault_n += step;
        }
      printf ("# %s, %s: %u points\n", fault_names[fault], fault_stays ? "stays" : "once",
              n_points - before);
    }
  printf ("# %u faults injected, %u writes refused, none lost that was acknowledged\n", n_points,
          n_refused);
}

static void
set_up (void)
{
  g_log_set_handler ("barua-store", G_LOG_LEVEL_WARNING | G_LOG_LEVEL_MESSAGE, drop_warning, NULL);
  sqlite3_config (SQLITE_CONFIG_MEMSTATUS, 0); /* while it still can be configured */
  faulty_vfs_register ();
  set_up_file ();
  put ("before", NULL, "{\"b\":1}");
  g_clear_pointer (&store, barua_store_close);
  ck_assert (g_file_get_contents (path, &template, &template_bytes, NULL));
}

static void
clean_up (void)
{
  faulty_vfs_disarm ();
  g_clear_pointer (&template, g_free);
  tear_down ();
}

START_TEST (store_faults)
{
  run_points (run_scenario, assert_all, 1);
  ck_assert_uint_gt (n_points, 200);
  ck_assert_uint_gt (n_refused, 200);
}
END_TEST

/* A transaction larger than the cache writes to the log before its commit. */
static void
run_spilling (Acked *acked)
{
  acked->attached = attach ("attached", SPILLING_BYTES);
}

static void
check_spilling (const Acked *acked)
{
  assert_attached ("attached", SPILLING_BYTES, acked->attached);
}

START_TEST (store_faults_spilling)
{
  options.cache_mib = 1;
  run_points (run_spilling, check_spilling, 37);
  ck_assert_uint_gt (n_points, 20);
}
END_TEST

/* The first start: the schema is made under the fault. */
static void
run_nothing (Acked *acked)
{
}

static void
check_new (const Acked *acked)
{
}

START_TEST (store_faults_new)
{
  g_clear_pointer (&template, g_free);
  run_points (run_nothing, check_new, 3);
  ck_assert_uint_gt (n_points, 50);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("store-faults");
  TCase *tc = tcase_create ("faults");

  tcase_add_checked_fixture (tc, set_up, clean_up);
  tcase_add_test (tc, store_faults);
  tcase_add_test (tc, store_faults_spilling);
  tcase_add_test (tc, store_faults_new);
  tcase_set_timeout (tc, 280);
  suite_add_tcase (suite, tc);
  return suite;
}
