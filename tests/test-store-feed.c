/* SPDX-License-Identifier: MIT */

/* The feed of changes, news of commits, databases, local documents, sessions. */

#include <string.h>

#include "gateway/store/store-attachments.h"
#include "gateway/store/store-changes.h"
#include "gateway/store/store-databases.h"
#include "gateway/store/store-revisions.h"
#include "gateway/store/store-sessions.h"
#include "tests/store-fixture.h"

/* ---- changes ---- */

/* A page and its rows as text. */
typedef struct
{
  BaruaFeed feed;
  BaruaFeedEnd end;
  GString *rows;
  guint stop_after; /* 0 for never */
} Feed;

static gboolean
on_change (const BaruaChange *change, gpointer data)
{
  Feed *feed = data;

  g_string_append_printf (feed->rows, "%d:%.*s%s", (int)change->seq, (int)change->id.n,
                          change->id.p, change->is_deleted ? "!" : "");
  for (gsize i = 0; feed->feed.includes_leaves && i < change->n_revs; i++)
    g_string_append_printf (feed->rows, " %.*s", (int)change->revs[i].n, change->revs[i].p);
  if (change->body.p != NULL)
    g_string_append_printf (feed->rows, " %.*s", (int)change->body.n, change->body.p);
  g_string_append_c (feed->rows, ';');
  return feed->stop_after == 0 || --feed->stop_after > 0;
}

static gboolean
feed_query (BaruaReader *reader, gpointer data, GError **error)
{
  Feed *feed = data;

  return barua_reader_changes (reader, &feed->feed, &feed->end, on_change, feed, error);
}

/* Reads a page and compares its rows, and where it ended. */
static void
assert_feed (Feed feed, const char *rows, gint64 last_seq, gint64 pending)
{
  g_autoptr (GError) error = NULL;

  feed.rows = g_string_new (NULL);
  ck_assert_msg (barua_store_read (store, feed_query, &feed, &error), "%s",
                 error != NULL ? error->message : "");
  ck_assert_str_eq (feed.rows->str, rows);
  ck_assert_int_eq (feed.end.last_seq, last_seq);
  ck_assert_int_eq (feed.end.pending, pending);
  g_string_free (feed.rows, TRUE);
}

/* A #BaruaJob: a second leaf for document "b". */
static gboolean
conflict_job (BaruaTx *tx, gpointer data, GError **error)
{
  const BaruaText hashes[] = { BARUA_TEXT ("zz") };
  const BaruaEdit edit = edit_of ("b", NULL, "{\"n\":9}");

  return barua_tx_put_revision (tx, &edit, &(BaruaRevisionPath){ 1, hashes, 1 }, NULL, error);
}

START_TEST (feed_pages)
{
  const BaruaText ids[]
      = { BARUA_TEXT ("c"), BARUA_TEXT ("a"), BARUA_TEXT ("never"), BARUA_TEXT ("a") };
  BaruaEdit hidden = edit_of ("hidden", NULL, "{}");
  hidden.is_hidden = TRUE;

  const BaruaWritten a = put ("a", NULL, "{\"n\":1}");
  put ("b", NULL, "{\"n\":2}");
  put ("_design/x", NULL, "{}");
  put ("c", NULL, "{}");
  put_expecting (hidden, -1);
  delete ("a", a.rev);

  assert_feed ((Feed){ { .limit = -1 } }, "2:b;3:_design/x;4:c;6:a!;", 6, 0);
  assert_feed ((Feed){ { .limit = -1, .includes_hidden = TRUE } },
               "2:b;3:_design/x;4:c;5:hidden;6:a!;", 6, 0);
  assert_feed ((Feed){ { .limit = 2 } }, "2:b;3:_design/x;", 3, 3);
  assert_feed ((Feed){ { .limit = 2, .since = 3 } }, "4:c;6:a!;", 6, 0);
  assert_feed ((Feed){ { .limit = -1, .since = 6 } }, "", 6, 0);
  assert_feed ((Feed){ { .limit = -1, .since = 600 } }, "", 6, 0);
  assert_feed ((Feed){ { .limit = 0, .since = 2 } }, "", 2, 4);
  assert_feed ((Feed){ { .limit = -1, .is_descending = TRUE } }, "6:a!;4:c;3:_design/x;2:b;", 2, 0);
  assert_feed ((Feed){ { .limit = 1, .is_descending = TRUE } }, "6:a!;", 6, 0);
  assert_feed ((Feed){ { .limit = -1 }, .stop_after = 1 }, "2:b;", 2, 4);
  assert_feed ((Feed){ { .limit = -1, .only_design = TRUE } }, "3:_design/x;", 6, 0);
  assert_feed ((Feed){ { .limit = -1, .ids = ids, .n_ids = 4 } }, "4:c;6:a!;", 6, 0);
  assert_feed ((Feed){ { .limit = 1, .ids = ids, .n_ids = 3 } }, "4:c;", 4, 1);
  assert_feed ((Feed){ { .limit = -1, .since = 5, .includes_docs = TRUE } }, "6:a! {};", 6, 0);
}
END_TEST

START_TEST (feed_leaves)
{
  const BaruaWritten b = put ("b", NULL, "{\"n\":2}");
  g_autofree char *expected = g_strdup_printf ("2:b 1-zz %s;", b.rev);

  ck_assert (barua_store_write (store, conflict_job, NULL, NULL));
  assert_feed ((Feed){ { .limit = -1, .includes_leaves = TRUE } }, expected, 2, 0);
  assert_feed ((Feed){ { .limit = -1, .includes_docs = TRUE } }, "2:b {\"n\":9};", 2, 0);
}
END_TEST

/* ---- news ---- */

/* What a watcher has heard. */
typedef struct
{
  guint n_calls;
  gint64 seq;
  gboolean settings_changed;
  gboolean is_foreign;
} Heard;

static void
on_news (const BaruaNews *news, gpointer data)
{
  Heard *heard = data;

  heard->n_calls++;
  heard->settings_changed = heard->settings_changed || news->settings_changed;
  heard->is_foreign = heard->is_foreign || news->is_foreign;
  for (gsize i = 0; i < news->n_databases; i++)
    if (g_str_equal (news->databases[i].db, BARUA_DB_DEFAULT))
      heard->seq = news->databases[i].seq;
}

/* Runs the main loop until something is heard. */
static void
hear (Heard *heard)
{
  while (heard->n_calls == 0)
    g_main_context_iteration (NULL, TRUE);
}

START_TEST (news_commits)
{
  static const char *const settings[][2] = { { "settings", "{}" },
                                             { "messages-en", "{}" },
                                             { "form:x", "{}" },
                                             { "x", "{\"type\":\"form\"}" } };
  Heard heard = { 0 };

  barua_store_watch (store, on_news, &heard);
  put ("a", NULL, "{}");
  const BaruaWritten second = put ("b", NULL, "{}");
  hear (&heard);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  ck_assert_int_eq (heard.seq, second.seq);
  ck_assert_uint_eq (heard.n_calls, 1);
  ck_assert (!heard.settings_changed && !heard.is_foreign);
  for (gsize i = 0; i < G_N_ELEMENTS (settings); i++)
    {
      heard = (Heard){ 0 };
      put (settings[i][0], NULL, settings[i][1]);
      hear (&heard);
      ck_assert_msg (heard.settings_changed, "%s", settings[i][0]);
    }

  /* what was a form counts too; what failed does not */
  int code;
  g_autoptr (BaruaDocument) form = get ("x", NULL, &code);
  heard = (Heard){ 0 };
  put ("x", form->rev.p, "{}");
  hear (&heard);
  ck_assert (heard.settings_changed);
  heard = (Heard){ 0 };
  put_expecting (edit_of ("settings", "1-x", "{}"), BARUA_STORE_ERROR_CONFLICT);
  put ("c", NULL, "{}");
  hear (&heard);
  ck_assert (!heard.settings_changed);

  barua_store_watch (store, NULL, NULL);
  heard = (Heard){ 0 };
  put ("d", NULL, "{}");
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  ck_assert_uint_eq (heard.n_calls, 0);
}
END_TEST

/* Another process writes: a second store on the same file. */
START_TEST (news_foreign)
{
  Heard heard = { 0 };
  BaruaStore *mine = store;

  barua_store_watch (mine, on_news, &heard);
  put ("mine", NULL, "{}"); /* behind the first look */
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  options.is_server = FALSE;
  store = open_store ();
  heard = (Heard){ 0 };
  put ("a", NULL, "{}");
  barua_store_close (store);
  store = mine;
  hear (&heard);
  ck_assert (heard.is_foreign && heard.settings_changed);
  ck_assert_int_eq (heard.seq, 2);
}
END_TEST

/* ---- databases ---- */

/* Expects an error code, -1 for success, of a verb within a job. */
#define EXPECT(call, code)                                                                         \
  do                                                                                               \
    {                                                                                              \
      g_autoptr (GError) reason = NULL;                                                            \
      const gboolean is_ok = (call);                                                               \
      ck_assert_msg (is_ok == ((code) < 0), "%s", reason != NULL ? reason->message : "it worked"); \
      if ((code) >= 0)                                                                             \
        ck_assert_msg (g_error_matches (reason, BARUA_STORE_ERROR, (code)), "%s",                  \
                       reason->message);                                                           \
    }                                                                                              \
  while (0)

static gboolean
databases_job (BaruaTx *tx, gpointer data, GError **error)
{
  BaruaReader *reader = barua_tx_reader (tx);
  const BaruaAttachmentEdit bytes
      = { BARUA_TEXT ("x"), .source = BARUA_ATTACHMENT_BYTES, .bytes = BARUA_TEXT ("hello") };
  const BaruaEdit edit = { .db = "extra/db",
                           .id = BARUA_TEXT ("a"),
                           .body = BARUA_TEXT ("{}"),
                           .attachments = &bytes,
                           .n_attachments = 1 };
  g_autoptr (GPtrArray) names = NULL;
  g_autofree char *security = NULL;
  g_autofree char *changed = NULL;
  gint64 limit;
  gboolean has;

  EXPECT (barua_tx_create_database (tx, "extra/db", &reason), -1);
  EXPECT (barua_tx_create_database (tx, "extra/db", &reason), BARUA_STORE_ERROR_EXISTS);
  EXPECT (barua_tx_create_database (tx, "Extra", &reason), BARUA_STORE_ERROR_INVALID);
  EXPECT (barua_tx_create_database (tx, "api", &reason), BARUA_STORE_ERROR_INVALID);
  EXPECT (barua_tx_create_database (tx, BARUA_DB_DEFAULT, &reason), BARUA_STORE_ERROR_EXISTS);
  EXPECT (barua_tx_put_document (tx, &edit, NULL, &reason), -1);
  EXPECT (barua_reader_list_databases (reader, &names, &reason), -1);
  ck_assert_uint_eq (names->len, 5);
  ck_assert_str_eq (names->pdata[0], "_users");
  ck_assert_str_eq (names->pdata[1], "extra/db");

  EXPECT (barua_reader_get_security (reader, "extra/db", &security, &reason), -1);
  ck_assert_ptr_nonnull (strstr (security, "_admin"));
  EXPECT (barua_tx_put_security (tx, "extra/db", BARUA_TEXT ("{\"a\":1}"), &reason), -1);
  EXPECT (barua_reader_get_security (reader, "extra/db", &changed, &reason), -1);
  ck_assert_str_eq (changed, "{\"a\":1}");
  EXPECT (barua_reader_get_revs_limit (reader, "extra/db", &limit, &reason), -1);
  ck_assert_int_eq (limit, 1000);
  EXPECT (barua_tx_put_revs_limit (tx, "extra/db", 3, &reason), -1);
  EXPECT (barua_reader_get_revs_limit (reader, "extra/db", &limit, &reason), -1);
  ck_assert_int_eq (limit, 3);

  EXPECT (barua_tx_drop_database (tx, NULL, &reason), BARUA_STORE_ERROR_FORBIDDEN);
  EXPECT (barua_tx_drop_database (tx, BARUA_DB_USERS, &reason), BARUA_STORE_ERROR_FORBIDDEN);
  EXPECT (barua_tx_drop_database (tx, "none", &reason), BARUA_STORE_ERROR_NOT_FOUND);
  EXPECT (barua_tx_drop_database (tx, "extra/db", &reason), -1);
  EXPECT (barua_reader_has_database (reader, "extra/db", &has, &reason), -1);
  ck_assert (!has);
  EXPECT (barua_reader_has_database (reader, NULL, &has, &reason), -1);
  ck_assert (has);
  EXPECT (barua_tx_put_document (tx, &edit, NULL, &reason), BARUA_STORE_ERROR_NOT_FOUND);
  return TRUE;
}

START_TEST (databases)
{
  ck_assert (barua_store_write (store, databases_job, NULL, NULL));
  assert_sound ();
}
END_TEST

static gboolean
limit_job (BaruaTx *tx, gpointer data, GError **error)
{
  return barua_tx_put_revs_limit (tx, NULL, 3, error);
}

START_TEST (revs_limit)
{
  BaruaWritten written = put ("a", NULL, "{}");
  const BaruaWritten first = written;

  ck_assert (barua_store_write (store, limit_job, NULL, NULL));
  for (int i = 0; i < 6; i++)
    written = put ("a", written.rev, "{}");
  assert_no_document ("a", first.rev, BARUA_STORE_ERROR_NOT_FOUND);
  assert_sound ();
}
END_TEST

static void
on_compacted (GObject *source, GAsyncResult *result, gpointer data)
{
  ck_assert (barua_store_compact_finish (store, result, NULL));
  *(gboolean *)data = TRUE;
}

START_TEST (compaction)
{
  gboolean is_done = FALSE;
  const BaruaWritten first = put ("a", NULL, "{\"n\":1}");
  const BaruaWritten second = put ("a", first.rev, "{\"n\":2}");

  barua_store_compact_async (store, NULL, NULL, on_compacted, &is_done);
  ck_assert (barua_store_is_compacting (store, NULL));
  while (!is_done)
    g_main_context_iteration (NULL, TRUE);
  ck_assert (!barua_store_is_compacting (store, NULL));
  assert_no_document ("a", first.rev, BARUA_STORE_ERROR_NOT_FOUND);
  assert_body ("a", second.rev, "{\"n\":2}");
  assert_sound ();
}
END_TEST

/* ---- local documents ---- */

static void
assert_local (BaruaReader *reader, const char *rev, const char *body)
{
  g_autoptr (BaruaDocument) document
      = barua_reader_get_local (reader, NULL, BARUA_TEXT ("_local/_x=="), NULL);

  ck_assert_ptr_nonnull (document);
  ck_assert_str_eq (document->rev.p, rev);
  ck_assert_str_eq (document->body.p, body);
}

static gboolean
local_job (BaruaTx *tx, gpointer data, GError **error)
{
  const BaruaText id = BARUA_TEXT ("_local/_x==");
  const BaruaText none = { NULL, 0 };
  const BaruaText body = BARUA_TEXT ("{\"n\":1}");
  BaruaReader *reader = barua_tx_reader (tx);
  BaruaWritten written;

  EXPECT (barua_reader_get_local (reader, NULL, id, &reason) != NULL, BARUA_STORE_ERROR_NOT_FOUND);
  EXPECT (barua_tx_put_local (tx, NULL, id, BARUA_TEXT ("0-3"), body, &written, &reason),
          BARUA_STORE_ERROR_CONFLICT);
  EXPECT (barua_tx_put_local (tx, NULL, id, none, body, &written, &reason), -1);
  ck_assert_str_eq (written.rev, "0-1");
  assert_local (reader, "0-1", "{\"n\":1}");
  EXPECT (
      barua_tx_put_local (tx, NULL, id, BARUA_TEXT ("0-1"), BARUA_TEXT ("{}"), &written, &reason),
      -1);
  EXPECT (barua_tx_put_local (tx, NULL, id, BARUA_TEXT ("0-1"), body, NULL, &reason),
          BARUA_STORE_ERROR_CONFLICT);
  EXPECT (barua_tx_put_local (tx, NULL, id, none, BARUA_TEXT ("{\"n\":3}"), &written, &reason), -1);
  assert_local (reader, "0-3", "{\"n\":3}");
  EXPECT (barua_tx_put_local (tx, NULL, id, BARUA_TEXT ("1-x"), body, NULL, &reason),
          BARUA_STORE_ERROR_INVALID_REV);
  EXPECT (barua_tx_put_local (tx, NULL, BARUA_TEXT ("_local/"), none, body, NULL, &reason),
          BARUA_STORE_ERROR_INVALID);
  EXPECT (barua_tx_put_local (tx, "nowhere", id, none, body, NULL, &reason),
          BARUA_STORE_ERROR_NOT_FOUND);
  EXPECT (barua_tx_delete_local (tx, NULL, id, BARUA_TEXT ("0-1"), &reason),
          BARUA_STORE_ERROR_CONFLICT);
  EXPECT (barua_tx_delete_local (tx, NULL, id, BARUA_TEXT ("0-3"), &reason), -1);
  EXPECT (barua_tx_delete_local (tx, NULL, id, none, &reason), BARUA_STORE_ERROR_NOT_FOUND);
  return TRUE;
}

START_TEST (locals) { ck_assert (barua_store_write (store, local_job, NULL, NULL)); }
END_TEST

/* ---- index definitions ---- */

static void
on_index (const BaruaIndex *index, gpointer data)
{
  g_string_append_printf (data, "%.*s %.*s %.*s;", (int)index->ddoc.n, index->ddoc.p,
                          (int)index->name.n, index->name.p, (int)index->def.n, index->def.p);
}

static gboolean
indexes_job (BaruaTx *tx, gpointer data, GError **error)
{
  const BaruaIndex b = { BARUA_TEXT ("_design/b"), BARUA_TEXT ("n"), BARUA_TEXT ("{}") };
  const BaruaIndex a = { BARUA_TEXT ("_design/a"), BARUA_TEXT ("n"), BARUA_TEXT ("{}") };
  const BaruaIndex other = { a.ddoc, a.name, BARUA_TEXT ("{\"x\":1}") };
  g_autoptr (GString) text = g_string_new (NULL);
  gboolean is_new;

  EXPECT (barua_tx_put_index (tx, NULL, &b, &is_new, &reason) && is_new, -1);
  EXPECT (barua_tx_put_index (tx, NULL, &a, &is_new, &reason) && is_new, -1);
  EXPECT (barua_tx_put_index (tx, NULL, &a, &is_new, &reason) && !is_new, -1);
  EXPECT (barua_tx_put_index (tx, NULL, &other, &is_new, &reason) && is_new, -1);
  EXPECT (barua_reader_list_indexes (barua_tx_reader (tx), NULL, on_index, text, &reason), -1);
  ck_assert_str_eq (text->str, "_design/a n {\"x\":1};_design/b n {};");
  EXPECT (barua_tx_delete_index (tx, NULL, a.ddoc, a.name, &reason), -1);
  EXPECT (barua_tx_delete_index (tx, NULL, a.ddoc, a.name, &reason), BARUA_STORE_ERROR_NOT_FOUND);
  return TRUE;
}

START_TEST (indexes) { ck_assert (barua_store_write (store, indexes_job, NULL, NULL)); }
END_TEST

/* ---- sessions ---- */

/* When the session was used last; -1 without one. */
static gint64
used_ms (BaruaTx *tx, const guint8 *hash)
{
  g_autoptr (BaruaSession) session = barua_reader_find_session (barua_tx_reader (tx), hash, NULL);

  if (session == NULL)
    return -1;
  ck_assert_str_eq (session->name, "ann");
  return session->used_ms;
}

static gboolean
sessions_job (BaruaTx *tx, gpointer data, GError **error)
{
  const gint64 day = 86400000;
  const guint8 a[BARUA_SESSION_HASH_BYTES] = { 1 };
  const guint8 b[BARUA_SESSION_HASH_BYTES] = { 2 };
  const BaruaEdit user = { .db = BARUA_DB_USERS,
                           .id = BARUA_TEXT ("org.couchdb.user:ann"),
                           .body = BARUA_TEXT ("{}") };

  ck_assert_int_eq (used_ms (tx, a), -1);
  EXPECT (barua_tx_put_session (tx, a, "ann", 1000, &reason), -1);
  EXPECT (barua_tx_put_session (tx, b, "ann", 2000, &reason), -1);
  EXPECT (barua_tx_touch_session (tx, a, 5000, &reason), -1);
  ck_assert_int_eq (used_ms (tx, a), 1000);
  EXPECT (barua_tx_touch_session (tx, a, 1000 + day, &reason), -1);
  ck_assert_int_eq (used_ms (tx, a), 1000 + day);
  EXPECT (barua_tx_delete_old_sessions (tx, 3000, &reason), -1);
  ck_assert_int_eq (used_ms (tx, b), -1);
  EXPECT (barua_tx_delete_session (tx, a, &reason), -1);
  ck_assert_int_eq (used_ms (tx, a), -1);

  /* an account takes its sessions along */
  EXPECT (barua_tx_put_document (tx, &user, NULL, &reason), -1);
  EXPECT (barua_tx_put_account (tx, "ann", "org.couchdb.user:ann", "hash", &reason), -1);
  EXPECT (barua_tx_put_session (tx, a, "ann", 1000, &reason), -1);
  g_autoptr (BaruaAccount) account
      = barua_reader_get_account_of (barua_tx_reader (tx), user.id, NULL);
  ck_assert_str_eq (account->name, "ann");
  ck_assert_str_eq (account->hash, "hash");
  EXPECT (barua_tx_delete_account (tx, "ann", &reason), -1);
  ck_assert_int_eq (used_ms (tx, a), -1);
  EXPECT (barua_reader_get_account_of (barua_tx_reader (tx), user.id, &reason) != NULL,
          BARUA_STORE_ERROR_NOT_FOUND);
  return TRUE;
}

START_TEST (sessions) { ck_assert (barua_store_write (store, sessions_job, NULL, NULL)); }
END_TEST

/* ---- sweeping ---- */

static gboolean
sweep_job (BaruaTx *tx, gpointer data, GError **error)
{
  gboolean is_done = FALSE;

  while (!is_done)
    if (!barua_sqlite_sweep (tx, &is_done, error))
      return FALSE;
  return TRUE;
}

static gboolean
count_query (BaruaReader *reader, gpointer data, GError **error)
{
  return barua_sqlite_query_integer (((BaruaSqliteConnection *)reader)->handle,
                                     "SELECT count(*) FROM blob JOIN piece", data, error);
}

/* Bytes that nothing refers to stay for an hour. */
START_TEST (sweeping)
{
  const BaruaAttachmentEdit bytes
      = { BARUA_TEXT ("x"), .source = BARUA_ATTACHMENT_BYTES, .bytes = BARUA_TEXT ("hello") };
  BaruaEdit edit = edit_of ("a", NULL, "{}");
  gboolean is_done = FALSE;
  gint64 n = -1;

  edit.attachments = &bytes;
  edit.n_attachments = 1;
  const BaruaWritten first = put_expecting (edit, -1);
  put ("a", first.rev, "{}");
  barua_store_compact_async (store, NULL, NULL, on_compacted, &is_done);
  while (!is_done)
    g_main_context_iteration (NULL, TRUE);
  ck_assert (barua_store_write (store, sweep_job, NULL, NULL));
  ck_assert (barua_store_read (store, count_query, &n, NULL));
  ck_assert_int_eq (n, 1);
  exec ("UPDATE blob SET unused = unused - 3600001");
  ck_assert (barua_store_write (store, sweep_job, NULL, NULL));
  ck_assert (barua_store_read (store, count_query, &n, NULL));
  ck_assert_int_eq (n, 0);
  assert_sound ();
}
END_TEST

/* Texts that no leaf needs stay for 30 days, and 20 of each document. */
START_TEST (outdated)
{
  BaruaWritten written = put ("a", NULL, "{\"n\":0}");
  BaruaWritten all[30];

  for (int i = 0; i < 30; i++)
    {
      all[i] = written;
      written = put ("a", written.rev, "{\"n\":1}");
    }
  const BaruaWritten old = put ("b", NULL, "{\"n\":0}");
  put ("b", old.rev, "{}");
  exec ("UPDATE rev SET at = at - 31 * 86400000 WHERE docnum = (SELECT docnum FROM doc"
        " WHERE id = 'b')");
  ck_assert (barua_store_write (store, sweep_job, NULL, NULL));
  assert_no_document ("a", all[9].rev, BARUA_STORE_ERROR_NOT_FOUND);
  assert_body ("a", all[10].rev, "{\"n\":1}");
  assert_body ("a", NULL, "{\"n\":1}");
  assert_no_document ("b", old.rev, BARUA_STORE_ERROR_NOT_FOUND);
  assert_body ("b", NULL, "{}");
  assert_sound ();
}
END_TEST

/* The verbs that must work on every kind of store. */
static TCase *
verbs (const char *name, void (*set_up) (void))
{
  TCase *tc = tcase_create (name);

  tcase_add_checked_fixture (tc, set_up, tear_down);
  tcase_add_test (tc, feed_pages);
  tcase_add_test (tc, feed_leaves);
  tcase_add_test (tc, news_commits);
  tcase_add_test (tc, databases);
  tcase_add_test (tc, revs_limit);
  tcase_add_test (tc, compaction);
  tcase_add_test (tc, locals);
  tcase_add_test (tc, indexes);
  tcase_add_test (tc, sessions);
  tcase_add_test (tc, sweeping);
  tcase_add_test (tc, outdated);
  return tc;
}

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("store-feed");
  TCase *tc = verbs ("file", set_up_file);

  tcase_add_test (tc, news_foreign);
  suite_add_tcase (suite, tc);
  suite_add_tcase (suite, verbs ("memory", set_up_memory));
  return suite;
}
