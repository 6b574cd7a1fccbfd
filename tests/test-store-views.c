/* SPDX-License-Identifier: MIT */

/* Views: rows with their document, rows caught up, ranges, groups, the check of all that. */

#include "gateway/store/store-databases.h"
#include "gateway/store/store-revisions.h"
#include "gateway/store/store-views.h"
#include "tests/store-fixture.h"

#include <string.h>

/* A question and its rows as text. */
typedef struct
{
  BaruaViewQuery query;
  int group_level; /* negative: rows */
  BaruaListingTotals totals;
  GString *rows;
} Ask;

static gboolean
on_row (const BaruaViewRow *row, gpointer data)
{
  Ask *ask = data;

  if (row->id.p != NULL)
    g_string_append_printf (ask->rows, "%.*s ", (int)row->id.n, row->id.p);
  g_string_append_printf (ask->rows, "%.*s=%.*s", (int)row->key.n, row->key.p, (int)row->value.n,
                          row->value.p);
  if (row->body.p != NULL)
    g_string_append_printf (ask->rows, " %.*s", (int)row->body.n, row->body.p);
  g_string_append_c (ask->rows, ';');
  return TRUE;
}

static gboolean
ask_query (BaruaReader *reader, gpointer data, GError **error)
{
  Ask *ask = data;

  return ask->group_level < 0
             ? barua_reader_view (reader, &ask->query, &ask->totals, on_row, ask, error)
             : barua_reader_reduce_view (reader, &ask->query, ask->group_level, on_row, ask, error);
}

/* Asks without catching up; returns the offset. */
static gint64
assert_now (BaruaViewQuery query, int group_level, const char *rows)
{
  Ask ask = { .query = query, .group_level = group_level, .rows = g_string_new (NULL) };
  g_autoptr (GError) error = NULL;

  ck_assert_msg (barua_store_read (store, ask_query, &ask, &error), "%s",
                 error != NULL ? error->message : "");
  ck_assert_str_eq (ask.rows->str, rows);
  g_string_free (ask.rows, TRUE);
  return ask.totals.offset;
}

/* Catches up and asks. */
static gint64
assert_rows (BaruaViewQuery query, int group_level, const char *rows)
{
  g_autoptr (GError) error = NULL;

  ck_assert_msg (barua_store_catch_up (store, query.db, query.ddoc, query.view, &error), "%s",
                 error != NULL ? error->message : "");
  return assert_now (query, group_level, rows);
}

static BaruaJson
json (const char *text)
{
  return (BaruaJson){ text, strlen (text) };
}

/* A report. */
static BaruaWritten
put_report (const char *id, const char *rev, const char *form, int date)
{
  g_autofree char *body = g_strdup_printf (
      "{\"type\":\"data_record\",\"form\":\"%s\",\"reported_date\":%d}", form, date);

  return put (id, rev, body);
}

#define BY_FORM .ddoc = "medic-client", .view = "reports_by_form", .limit = -1

START_TEST (view_ranges)
{
  const BaruaJson keys[] = { json ("[\"C\"]"), json ("[\"none\"]"), json ("[\"A\"]") };

  put_report ("r3", NULL, "A", 3);
  put_report ("r1", NULL, "A", 1);
  put_report ("r2", NULL, "B", 2);
  put_report ("r4", NULL, "C", 4);
  assert_now ((BaruaViewQuery){ BY_FORM }, -1, "");
  assert_rows ((BaruaViewQuery){ BY_FORM }, -1,
               "r1 [\"A\"]=1;r3 [\"A\"]=3;r2 [\"B\"]=2;r4 [\"C\"]=4;");
  assert_rows ((BaruaViewQuery){ BY_FORM, .is_descending = TRUE }, -1,
               "r4 [\"C\"]=4;r2 [\"B\"]=2;r3 [\"A\"]=3;r1 [\"A\"]=1;");
  assert_rows ((BaruaViewQuery){ BY_FORM, .start = json ("[\"A\"]"), .end = json ("[\"A\"]") }, -1,
               "r1 [\"A\"]=1;r3 [\"A\"]=3;");
  ck_assert_int_eq (assert_rows ((BaruaViewQuery){ BY_FORM, .start = json ("[\"B\"]") }, -1,
                                 "r2 [\"B\"]=2;r4 [\"C\"]=4;"),
                    2);
  ck_assert_int_eq (
      assert_rows ((BaruaViewQuery){ BY_FORM, .start = json ("[\"B\"]"), .is_descending = TRUE },
                   -1, "r2 [\"B\"]=2;r3 [\"A\"]=3;r1 [\"A\"]=1;"),
      1);
  assert_rows ((BaruaViewQuery){ BY_FORM, .start = json ("[\"A\"]"), .start_id = BARUA_TEXT ("r2"),
                                 .end = json ("[\"C\"]"), .excludes_end = TRUE },
               -1, "r3 [\"A\"]=3;r2 [\"B\"]=2;");
  assert_rows ((BaruaViewQuery){ BY_FORM, .end = json ("[\"A\"]"), .end_id = BARUA_TEXT ("r2") },
               -1, "r1 [\"A\"]=1;");
  assert_rows ((BaruaViewQuery){ BY_FORM, .end = json ("[\"A\"]"), .end_id = BARUA_TEXT ("r3"),
                                 .excludes_end = TRUE },
               -1, "r1 [\"A\"]=1;");
  assert_rows ((BaruaViewQuery){ BY_FORM, .end = json ("[\"A\"]"), .excludes_end = TRUE,
                                 .is_descending = TRUE },
               -1, "r4 [\"C\"]=4;r2 [\"B\"]=2;");
  assert_rows ((BaruaViewQuery){ BY_FORM, .keys = keys, .n_keys = 3 }, -1,
               "r4 [\"C\"]=4;r1 [\"A\"]=1;r3 [\"A\"]=3;");
  const BaruaViewQuery page
      = { .ddoc = "medic-client", .view = "reports_by_form", .limit = 2, .skip = 1 };
  ck_assert_int_eq (assert_rows (page, -1, "r3 [\"A\"]=3;r2 [\"B\"]=2;"), 1);
  assert_rows ((BaruaViewQuery){ BY_FORM, .start = json ("[\"C\"]"), .includes_docs = TRUE }, -1,
               "r4 [\"C\"]=4 {\"type\":\"data_record\",\"form\":\"C\",\"reported_date\":4};");
  assert_sound ();
}
END_TEST

START_TEST (view_reduce)
{
  const BaruaJson keys[] = { json ("[\"B\"]"), json ("[\"none\"]"), json ("[\"A\"]") };

  assert_rows ((BaruaViewQuery){ BY_FORM }, 0, "");
  put_report ("r3", NULL, "A", 3);
  put_report ("r1", NULL, "A", 1);
  put_report ("r2", NULL, "B", 2);
  assert_rows ((BaruaViewQuery){ BY_FORM }, 0, "null=3;");
  assert_rows ((BaruaViewQuery){ BY_FORM }, BARUA_GROUP_EXACT, "[\"A\"]=2;[\"B\"]=1;");
  assert_rows ((BaruaViewQuery){ BY_FORM }, 1, "[\"A\"]=2;[\"B\"]=1;");
  assert_rows ((BaruaViewQuery){ BY_FORM, .skip = 1 }, 1, "[\"B\"]=1;");
  assert_rows ((BaruaViewQuery){ BY_FORM, .keys = keys, .n_keys = 3 }, BARUA_GROUP_EXACT,
               "[\"B\"]=1;[\"A\"]=2;");
  assert_rows ((BaruaViewQuery){ BY_FORM, .keys = keys, .n_keys = 3 }, 0, "null=3;");
}
END_TEST

START_TEST (view_missing)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) unknown = NULL;
  g_autoptr (GError) other = NULL;

  ck_assert (!barua_store_catch_up (store, NULL, "medic", "none", &error));
  ck_assert (g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND));
  ck_assert_str_eq (error->message, "missing_named_view");
  ck_assert (!barua_store_catch_up (store, NULL, "none", "none", &unknown));
  ck_assert_str_eq (unknown->message, "missing");
  ck_assert (
      !barua_store_catch_up (store, BARUA_DB_SENTINEL, "medic-client", "reports_by_form", &other));
  Ask ask = { .query = { .ddoc = "medic", .view = "docs_by_shortcode", .limit = -1 } };
  g_autoptr (GError) reduce = NULL;
  ck_assert (!barua_store_read (store, ask_query, &ask, &reduce));
  ck_assert (g_error_matches (reduce, BARUA_STORE_ERROR, BARUA_STORE_ERROR_INVALID));
}
END_TEST

#define BY_CODE .ddoc = "medic", .view = "docs_by_shortcode", .limit = -1
#define BY_PHONE .ddoc = "medic-client", .view = "contacts_by_phone", .limit = -1

/* Look-up rows come and go with their document. */
START_TEST (view_lookups)
{
  const BaruaWritten first
      = put ("p", NULL, "{\"type\":\"person\",\"phone\":\"+1\",\"patient_id\":\"7\"}");

  assert_now ((BaruaViewQuery){ BY_CODE }, -1, "p \"7\"=null;");
  assert_now ((BaruaViewQuery){ BY_PHONE }, -1, "p \"+1\"=null;");
  const BaruaWritten second = put ("p", first.rev, "{\"type\":\"person\",\"phone\":\"+2\"}");
  assert_now ((BaruaViewQuery){ BY_CODE }, -1, "");
  assert_now ((BaruaViewQuery){ BY_PHONE }, -1, "p \"+2\"=null;");
  assert_sound ();
  const BaruaWritten third = put ("p", second.rev, "{\"type\":\"other\"}");
  assert_now ((BaruaViewQuery){ BY_PHONE }, -1, "");
  const BaruaWritten fourth = put ("p", third.rev, "{\"type\":\"clinic\",\"phone\":\"+3\"}");
  assert_now ((BaruaViewQuery){ BY_PHONE }, -1, "p \"+3\"=null;");
  delete ("p", fourth.rev);
  assert_now ((BaruaViewQuery){ BY_PHONE }, -1, "");
  assert_sound ();
}
END_TEST

/* Caught-up rows follow changes and deletions. */
START_TEST (view_follows)
{
  const BaruaWritten first = put_report ("r", NULL, "A", 1);

  assert_rows ((BaruaViewQuery){ BY_FORM }, -1, "r [\"A\"]=1;");
  const BaruaWritten second = put_report ("r", first.rev, "B", 1);
  assert_rows ((BaruaViewQuery){ BY_FORM }, -1, "r [\"B\"]=1;");
  delete ("r", second.rev);
  assert_rows ((BaruaViewQuery){ BY_FORM }, -1, "");
  assert_sound ();
}
END_TEST

/* A #BaruaJob: another leaf for document "p", which wins. */
static gboolean
conflict_job (BaruaTx *tx, gpointer data, GError **error)
{
  const BaruaText hashes[] = { BARUA_TEXT ("zzz") };
  const BaruaEdit edit = edit_of ("p", NULL, "{\"type\":\"person\",\"phone\":\"+9\"}");

  return barua_tx_put_revision (tx, &edit, &(BaruaRevisionPath){ 1, hashes, 1 }, NULL, error);
}

START_TEST (view_conflicts)
{
  const BaruaWritten mine = put ("p", NULL, "{\"type\":\"person\",\"phone\":\"+1\"}");
  g_autofree char *row = g_strdup_printf ("p [\"%s\"]=null;", mine.rev);

  ck_assert (barua_store_write (store, conflict_job, NULL, NULL));
  assert_now ((BaruaViewQuery){ BY_PHONE }, -1, "p \"+9\"=null;");
  assert_rows ((BaruaViewQuery){ .ddoc = "medic-conflicts", .view = "conflicts", .limit = -1 }, -1,
               row);
  assert_sound ();
  delete ("p", "1-zzz");
  assert_now ((BaruaViewQuery){ BY_PHONE }, -1, "p \"+1\"=null;");
  assert_rows ((BaruaViewQuery){ .ddoc = "medic-conflicts", .view = "conflicts", .limit = -1 }, -1,
               "");
  assert_sound ();
}
END_TEST

START_TEST (view_hidden)
{
  BaruaEdit edit
      = edit_of ("h", NULL, "{\"type\":\"data_record\",\"form\":\"A\",\"reported_date\":1}");

  edit.is_hidden = TRUE;
  put_expecting (edit, -1);
  assert_rows ((BaruaViewQuery){ BY_FORM }, -1, "");
  assert_rows ((BaruaViewQuery){ BY_FORM }, 0, "");
  assert_rows ((BaruaViewQuery){ BY_FORM, .includes_hidden = TRUE }, -1, "h [\"A\"]=1;");
}
END_TEST

START_TEST (view_of_users)
{
  const BaruaEdit edit = { .db = BARUA_DB_USERS,
                           .id = BARUA_TEXT ("org.couchdb.user:ann"),
                           .body = BARUA_TEXT ("{\"contact_id\":\"c\"}") };

  put_expecting (edit, -1);
  assert_rows (
      (BaruaViewQuery){
          .db = BARUA_DB_USERS, .ddoc = "users", .view = "users_by_field", .limit = -1 },
      -1, "org.couchdb.user:ann [\"contact_id\",\"c\"]=null;");
  assert_sound ();
}
END_TEST

/* Damage that the check must see, and that making it again repairs. */
static const char *const damages[] = {
  "DELETE FROM vrow WHERE viewnum > 99",
  "DELETE FROM vrow WHERE viewnum <= 99",
  "UPDATE vrow SET val = '5'",
  "UPDATE vrow SET key = '[1]'",
  "UPDATE view SET nrows = nrows + 1",
  "INSERT INTO vrow (viewnum, k, id, n, docnum, key, val) VALUES (1, x'01', 'x', 0, 99, '1', '1')",
};

START_TEST (view_check)
{
  g_autoptr (GPtrArray) differences = NULL;

  put ("p", NULL, "{\"type\":\"person\",\"phone\":\"+1\"}");
  put_report ("r", NULL, "A", 1);
  assert_rows ((BaruaViewQuery){ BY_FORM }, -1, "r [\"A\"]=1;");
  assert_sound ();
  exec (damages[_i]);
  ck_assert (barua_store_check (store, &differences, NULL));
  ck_assert_msg (differences->len > 0, "not seen: %s", damages[_i]);
  ck_assert (barua_store_reindex (store, NULL));
  assert_sound ();
  assert_now ((BaruaViewQuery){ BY_FORM }, -1, "r [\"A\"]=1;");
  assert_now ((BaruaViewQuery){ BY_PHONE }, -1, "p \"+1\"=null;");
}
END_TEST

/* Many documents take more than one slice, and other jobs run between them. */
START_TEST (view_slices)
{
  for (int i = 0; i < 300; i++)
    {
      g_autofree char *id = g_strdup_printf ("r%03d", i);
      put_report (id, NULL, "A", i);
    }
  assert_rows ((BaruaViewQuery){ BY_FORM }, 0, "null=300;");
  assert_sound ();
}
END_TEST

static void
on_caught_up (GObject *source, GAsyncResult *result, gpointer data)
{
  ck_assert (barua_store_catch_up_finish (store, result, NULL));
  *(gboolean *)data = TRUE;
}

START_TEST (view_async)
{
  gboolean is_done = FALSE;

  put_report ("r", NULL, "A", 1);
  barua_store_catch_up_async (store, NULL, "medic-client", "reports_by_form", NULL, on_caught_up,
                              &is_done);
  while (!is_done)
    g_main_context_iteration (NULL, TRUE);
  assert_now ((BaruaViewQuery){ BY_FORM }, -1, "r [\"A\"]=1;");
}
END_TEST

/* An idle writer catches up by itself. */
START_TEST (view_idle)
{
  put_report ("r", NULL, "A", 1);
  g_usleep (2500 * 1000);
  assert_now ((BaruaViewQuery){ BY_FORM }, -1, "r [\"A\"]=1;");
}
END_TEST

/* A file from before a view, or with an older version of it, gets its rows. */
START_TEST (view_versions)
{
  put ("p", NULL, "{\"type\":\"person\",\"phone\":\"+1\"}");
  put_report ("r", NULL, "A", 1);
  exec ("DELETE FROM view; DELETE FROM vrow");
  barua_store_close (store);
  store = open_store ();
  assert_rows ((BaruaViewQuery){ BY_PHONE }, -1, "p \"+1\"=null;");
  assert_rows ((BaruaViewQuery){ BY_FORM }, -1, "r [\"A\"]=1;");
  assert_sound ();
  exec ("UPDATE view SET version = 0; UPDATE vrow SET key = '1'");
  barua_store_close (store);
  store = open_store ();
  put ("q", NULL, "{\"type\":\"person\",\"phone\":\"+2\"}");
  assert_rows ((BaruaViewQuery){ BY_PHONE }, -1, "p \"+1\"=null;q \"+2\"=null;");
  assert_rows ((BaruaViewQuery){ BY_FORM }, -1, "r [\"A\"]=1;");
  assert_sound ();
}
END_TEST

/* The verbs that must work on every kind of store. */
static TCase *
verbs (const char *name, void (*set_up) (void))
{
  TCase *tc = tcase_create (name);

  tcase_add_checked_fixture (tc, set_up, tear_down);
  tcase_add_test (tc, view_ranges);
  tcase_add_test (tc, view_reduce);
  tcase_add_test (tc, view_missing);
  tcase_add_test (tc, view_lookups);
  tcase_add_test (tc, view_follows);
  tcase_add_test (tc, view_conflicts);
  tcase_add_test (tc, view_hidden);
  tcase_add_test (tc, view_of_users);
  tcase_add_loop_test (tc, view_check, 0, G_N_ELEMENTS (damages));
  tcase_add_test (tc, view_slices);
  tcase_add_test (tc, view_async);
  return tc;
}

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("store-views");
  TCase *tc = verbs ("file", set_up_file);

  tcase_add_test (tc, view_idle);
  tcase_add_test (tc, view_versions);
  suite_add_tcase (suite, tc);
  suite_add_tcase (suite, verbs ("memory", set_up_memory));
  return suite;
}
