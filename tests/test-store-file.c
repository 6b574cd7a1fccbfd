/* SPDX-License-Identifier: MIT */

/* What only a file can show, and the schema. */

#include "gateway/store/store-views.h"
#include "tests/store-fixture.h"

#include <string.h>

#include <glib/gstdio.h>
#include <sqlite3.h>

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

/* A statement that walks a table or sorts, and what excuses it. */
typedef struct
{
  BaruaSql which;
  const char *step; /* a line of its plan */
  const char *excuse;
} Walk;

/* clang-format off */
static const Walk walks[] = {
  { BARUA_SQL_DATABASE_LIST, "SCAN db USING COVERING INDEX sqlite_autoindex_db_1", "all of them are asked for" },
  { BARUA_SQL_DROP_LIST_BLOBS, "USE TEMP B-TREE FOR GROUP BY", "once in the life of a database" },
  { BARUA_SQL_LOCAL_FORGET, "SCAN local", "once an hour; one row for each client that replicates" },
  { BARUA_SQL_SESSION_DELETE_OLD, "SCAN session", "once an hour; a row for each login" },
  { BARUA_SQL_DOC_WALK, "SCAN d", "check and reindex look at every document" },
  { BARUA_SQL_DOC_COUNT_ALL, "SCAN b", "check and reindex look at every database" },
  { BARUA_SQL_MSG_DELETE_ORPHANS, "SCAN msg", "reindex looks at every message" },
  { BARUA_SQL_MSG_COUNT_ORPHANS, "SCAN msg", "check looks at every message" },
  { BARUA_SQL_PHONE_LIST, "SCAN phone", "a row for each gateway, and all are asked for" },
  { BARUA_SQL_TRAFFIC_ACCOUNTS, "SCAN traffic", "a day of minutes; see TRAFFIC_FORGET" },
  { BARUA_SQL_TRAFFIC_FORGET, "SCAN traffic", "a day of minutes for each gateway" },
  { BARUA_SQL_REPEAT_FORGET, "SCAN repeat", "once in a window; the rows of one window" },
  { BARUA_SQL_ACCOUNT_COUNT, "SCAN account USING COVERING INDEX account_doc", "at the start, and for numbers" },
  { BARUA_SQL_CHECK_BLOBS, "SCAN att", "check looks at every attachment" },
  { BARUA_SQL_CHECK_BLOBS, "USE TEMP B-TREE FOR GROUP BY", "likewise" },
  { BARUA_SQL_CHECK_BLOBS, "SCAN b", "likewise" },
  { BARUA_SQL_CHECK_ATTS, "SCAN a", "likewise" },
  { BARUA_SQL_CHECK_VIEWS, "SCAN w", "check looks at every view" },
  { BARUA_SQL_CHECK_VIEW_ROWS, "SCAN vrow", "check looks at every row of a view" },
  { BARUA_SQL_REPAIR_BLOBS, "SCAN att", "reindex looks at every attachment" },
  { BARUA_SQL_REPAIR_BLOBS, "USE TEMP B-TREE FOR GROUP BY", "likewise" },
  { BARUA_SQL_REPAIR_BLOBS, "SCAN blob USING COVERING INDEX sqlite_autoindex_blob_1", "likewise" },
  { BARUA_SQL_CENSUS_STATES, "SCAN tally", "a row for each of sixteen states" },
  { BARUA_SQL_CHECK_TALLY, "SCAN msg USING INDEX msg_state", "check looks at every message" },
  { BARUA_SQL_CHECK_TALLY, "SCAN t", "a row for each of sixteen states" },
  { BARUA_SQL_REPAIR_TALLY, "SCAN tally", "likewise" },
  /* CENSUS_WEEK and CENSUS_WEEK_NO_MESSAGES search for the rows of a week, CENSUS_LATEST for a hundred */
  { BARUA_SQL_CENSUS_CONFLICTS, "SCAN d USING INDEX doc_forked", "only documents with several leaves" },
};
/* clang-format on */

/* Whether a step of a plan searches, or takes what other steps have found, or is no table. */
static gboolean
is_search (const char *step)
{
  static const char *const beginnings[] = { "SEARCH ",
                                            "USING ROWID SEARCH ",
                                            "MATERIALIZE ",
                                            "CO-ROUTINE ",
                                            "LIST SUBQUERY ",
                                            "SCALAR SUBQUERY ",
                                            "CORRELATED SCALAR SUBQUERY ",
                                            "SCAN (subquery-",
                                            "COMPOUND QUERY",
                                            "LEFT-MOST SUBQUERY",
                                            "UNION ALL",
                                            "SCAN CONSTANT ROW" };

  for (gsize i = 0; i < G_N_ELEMENTS (beginnings); i++)
    if (g_str_has_prefix (step, beginnings[i]))
      return TRUE;
  return strstr (step, " VIRTUAL TABLE INDEX ") != NULL; /* a pragma */
}

/* Looks for the excuse of a step; marks it as needed. */
static gboolean
find_excuse (BaruaSql which, const char *step, gboolean *is_needed)
{
  for (gsize i = 0; i < G_N_ELEMENTS (walks); i++)
    if (walks[i].which == which && g_str_equal (walks[i].step, step))
      return is_needed[i] = TRUE;
  return FALSE;
}

/* No statement walks a table or sorts, but for those that are named above with their excuse. */
START_TEST (store_plans)
{
  gboolean is_needed[G_N_ELEMENTS (walks)] = { FALSE };

  for (guint which = 0; which < BARUA_N_SQL; which++)
    {
      g_autofree char *plan = plan_of ((BaruaSql)which);
      g_auto (GStrv) steps = g_strsplit (plan, "\n", -1);
      for (char **step = steps; *step != NULL && **step != '\0'; step++)
        ck_assert_msg (is_search (*step) || find_excuse ((BaruaSql)which, *step, is_needed),
                       "%s\n%s", barua_sqlite_text ((BaruaSql)which), *step);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (walks); i++)
    ck_assert_msg (is_needed[i], "%s: no longer %s", barua_sqlite_text (walks[i].which),
                   walks[i].step);
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

/* ---- a file of an older schema, with something in it ---- */

/* Puts the file that an older version filled in the place of the store's own, and opens it. */
static void
open_populated (int version)
{
  g_autofree char *name = g_strdup_printf ("populated-%d.sql", version);
  g_autofree char *file = g_build_filename (g_getenv ("BARUA_TEST_DATA"), name, NULL);
  g_autofree char *dump = NULL;

  ck_assert_msg (g_file_get_contents (file, &dump, NULL, NULL), "%s is missing", file);
  g_clear_pointer (&store, barua_store_close);
  ck_assert_int_eq (g_unlink (path), 0);
  exec_on_file (dump);
  store = open_store ();
}

/* A statement and the number that it answers. */
typedef struct
{
  const char *sql;
  gint64 value;
} Ask;

static gboolean
ask_job (BaruaTx *tx, gpointer data, GError **error)
{
  Ask *request = data;

  return barua_sqlite_query_integer (((BaruaSqliteConnection *)tx)->handle, request->sql,
                                     &request->value, error);
}

/* The number that one statement answers. */
static gint64
ask (const char *sql)
{
  Ask request = { .sql = sql };

  ck_assert (barua_store_write (store, ask_job, &request, NULL));
  return request.value;
}

/* What a poll finds at a time: uuids, each with a blank. */
typedef struct
{
  gint64 now_ms;
  GString *uuids;
} Poll;

static gboolean
poll_job (BaruaTx *tx, gpointer data, GError **error)
{
  Poll *poll = data;
  g_autoptr (GPtrArray) messages = NULL;

  const BaruaTake take
      = { .account = "other", .limit = 25, .now_ms = poll->now_ms, .lease_ms = 300 };
  if (!barua_tx_take_messages (tx, &take, &messages, error))
    return FALSE;
  for (guint i = 0; i < messages->len; i++)
    g_string_append_printf (poll->uuids, "%s ",
                            ((const BaruaQueuedMessage *)messages->pdata[i])->uuid.p);
  return TRUE;
}

/* Compares what another account is handed out at a time. */
static void
assert_poll (gint64 now_ms, const char *uuids)
{
  Poll poll = { now_ms, g_string_new (NULL) };

  ck_assert (barua_store_write (store, poll_job, &poll, NULL));
  ck_assert_str_eq (poll.uuids->str, uuids);
  g_string_free (poll.uuids, TRUE);
}

/* Claims a reference that has an owner, and one that has none. */
static gboolean
old_claims_job (BaruaTx *tx, gpointer data, GError **error)
{
  gboolean is_new[2];

  if (!barua_tx_claim_reference (tx, barua_text ("ref-1"), &is_new[0], error)
      || !barua_tx_claim_reference (tx, barua_text ("ref-9"), &is_new[1], error))
    return FALSE;
  ck_assert (!is_new[0]);
  ck_assert (is_new[1]);
  /* nothing is kept: the job fails */
  g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_CONFLICT, "as the test wants");
  return FALSE;
}

static gboolean
old_account_query (BaruaReader *reader, gpointer data, GError **error)
{
  g_autoptr (BaruaAccount) account = barua_reader_get_account (reader, "admin", error);

  if (account == NULL)
    return FALSE;
  ck_assert_str_eq (account->document_id, "org.couchdb.user:admin");
  ck_assert (g_str_has_prefix (account->hash, "$y$"));
  return TRUE;
}

/* Messages that version 1 handed out to `admin`, and when their lease is over. */
#define OLD_LEASE_END G_GINT64_CONSTANT (1795295730480)
#define OLD_HANDED "01a1fff2-4741-7cb6-ae7b-dfe29d39429b 01a1fff2-4741-7399-addb-55f10e5bfbc3 "

START_TEST (store_populated_read)
{
  BaruaDatabaseInfo info;

  open_populated (1);
  assert_sound ();
  ck_assert (barua_store_read (store, info_query, &info, NULL));
  ck_assert_int_eq (info.update_seq, 17);
  ck_assert_int_eq (info.live, 8);
  assert_body ("plain", NULL, "{\"n\":1.50,\"t\":\"\xc3\xa9\"}");
  assert_no_document ("gone", NULL, BARUA_STORE_ERROR_DELETED);
  assert_no_document ("nowhere", NULL, BARUA_STORE_ERROR_NOT_FOUND);
  ck_assert (barua_store_read (store, old_account_query, NULL, NULL));
  ck_assert (!barua_store_write (store, old_claims_job, NULL, NULL));
  ck_assert_int_eq (ask ("PRAGMA user_version"), barua_sqlite_schema_version ());
}
END_TEST

/* What admin has on lease is kept from others until the lease is over. */
START_TEST (store_populated_queue)
{
  open_populated (1);
  assert_poll (OLD_LEASE_END - 1000, "u1 ");
  assert_poll (OLD_LEASE_END + 1, "u1 " OLD_HANDED);
  assert_sound ();
}
END_TEST

START_TEST (store_populated_write)
{
  int code = -1;

  open_populated (1);
  g_autoptr (BaruaDocument) plain = get ("plain", NULL, &code);
  ck_assert_ptr_nonnull (plain);
  put_expecting (edit_of ("plain", NULL, "{}"), BARUA_STORE_ERROR_CONFLICT);
  const BaruaWritten third = put ("plain", plain->rev.p, "{\"n\":3}");
  ck_assert_int_eq (third.seq, 17 + 1); /* numbers go on where they were */
  ck_assert (g_str_has_prefix (third.rev, "3-"));
  ck_assert (g_str_has_prefix (delete ("plain", third.rev).rev, "4-"));
  ck_assert (g_str_has_prefix (put ("gone", NULL, "{}").rev, "3-"));

  g_autoptr (BaruaDocument) waiting = get ("waiting", NULL, &code);
  ck_assert_ptr_nonnull (waiting);
  put_message ("waiting", waiting->rev.p, "u1", "sent", 1000);
  put_message ("cancelled", NULL, "u4", "pending", 500);
  assert_poll (OLD_LEASE_END - 1000, "u4 ");
  assert_sound ();

  g_clear_pointer (&store, barua_store_close);
  store = open_store ();
  assert_no_document ("plain", NULL, BARUA_STORE_ERROR_DELETED);
  assert_body ("gone", NULL, "{}");
  assert_sound ();
}
END_TEST

/* The messages are made anew from the documents; what was damaged is noticed before. */
START_TEST (store_populated_reindex)
{
  g_autoptr (GPtrArray) differences = NULL;
  gint64 n;

  open_populated (1);
  n = ask ("SELECT count(*) FROM msg");
  ck_assert_int_ge (n, 4);
  ck_assert (barua_store_reindex (store, NULL));
  assert_sound ();
  exec ("DELETE FROM msg");
  ck_assert (barua_store_check (store, &differences, NULL));
  ck_assert_uint_ge (differences->len, 1);
  ck_assert (barua_store_reindex (store, NULL));
  ck_assert_int_eq (ask ("SELECT count(*) FROM msg"), n);
  assert_sound ();
  assert_poll (OLD_LEASE_END + 1, "u1 " OLD_HANDED);
}
END_TEST

/* Version 9 knows from the rows of views where each document has its own: those of documents that
 * change, or go, are found. */
START_TEST (store_populated_views)
{
  int code = -1;

  open_populated (8);
  ck_assert_int_gt (ask ("SELECT count(*) FROM vrow"), 20);
  assert_sound ();
  g_autoptr (BaruaDocument) person = get ("p2", NULL, &code); /* its sort keys have escapes */
  g_autoptr (BaruaDocument) report = get ("r0", NULL, &code);
  g_autoptr (BaruaDocument) other = get ("r1", NULL, &code);
  ck_assert (person != NULL && report != NULL && other != NULL);
  put ("p2", person->rev.p, "{\"type\":\"person\",\"phone\":\"+1\"}");
  put ("r0", report->rev.p, "{\"type\":\"data_record\",\"form\":\"G\",\"reported_date\":1}");
  delete ("r1", other->rev.p);
  ck_assert (barua_store_catch_up (store, NULL, "medic-client", "reports_by_form", NULL));
  assert_sound ();
  ck_assert_int_eq (ask ("SELECT count(*) FROM vrow WHERE id = 'r1'"), 0);
  ck_assert_int_eq (ask ("SELECT count(*) FROM vrow WHERE key = '[\"F0\"]'"), 0);
  ck_assert_int_eq (ask ("SELECT count(*) FROM vrow WHERE key = '[\"G\"]'"), 1);
  ck_assert_int_eq (ask ("SELECT count(*) FROM vrow WHERE id = 'p2' AND viewnum = 1"), 1);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("store-file");
  TCase *tc = tcase_create ("file");

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
  tcase_add_test (tc, store_populated_read);
  tcase_add_test (tc, store_populated_views);
  tcase_add_test (tc, store_populated_queue);
  tcase_add_test (tc, store_populated_write);
  tcase_add_test (tc, store_populated_reindex);
  suite_add_tcase (suite, tc);

  tc = tcase_create ("schema");
  tcase_add_checked_fixture (tc, set_up_memory, tear_down);
  tcase_add_test (tc, store_statements);
  tcase_add_test (tc, store_plans);
  tcase_add_test (tc, store_migrations);
  suite_add_tcase (suite, tc);
  return suite;
}
