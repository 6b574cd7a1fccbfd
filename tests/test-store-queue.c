/* SPDX-License-Identifier: MIT */

/* The message queue, references, the small tables and the check, in memory and on a file. */

#include "tests/store-fixture.h"

#include <string.h>

/* ---- messages ---- */

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
  gint64 lease_ms;
  gboolean has_messages;
} Look;

static gboolean
look_query (BaruaReader *reader, gpointer data, GError **error)
{
  Look *look = data;

  return barua_reader_has_offered_messages (reader, look->account, look->now_ms,
                                            look->lease_ms, &look->has_messages, error);
}

static gboolean
looks_offered (const char *account, gint64 now_ms, gint64 lease_ms)
{
  Look look = { account, now_ms, lease_ms, FALSE };

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

  ck_assert (!looks_offered ("one", 0, 300));
  ck_assert (!barua_store_read (store, find_query, NULL, &error));
  ck_assert (g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND));
  put_message ("a", NULL, "u1", "pending", 1000);
  ck_assert (looks_offered ("one", 0, 300));
  ck_assert (barua_store_read (store, find_query, NULL, NULL));
  assert_take ("one", 25, 0, 300, "u1 ");
  ck_assert (looks_offered ("one", 1, 300));
  ck_assert (!looks_offered ("two", 1, 300));
  ck_assert (looks_offered ("two", 1, 0));
  ck_assert (looks_offered ("two", 300, 300));
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

/* ---- conflicts ---- */

/* Gives document "a" a second leaf that wins, as replication will. */
static const char *const add_winner[] = {
  "INSERT INTO body (bodynum, json) VALUES (100, CAST ('{\"tasks\":[{\"messages\":[{\"uuid\":"
  "\"other\",\"to\":\"+1\",\"message\":\"hello\"}],\"state\":\"pending\",\"due\":5}]}' AS BLOB))",
  "INSERT INTO rev (docnum, gen, hash, phash, leaf, deleted, bodynum, at)"
  " SELECT docnum, 2, 'zzz', 'yyy', 1, 0, 100, 0 FROM doc WHERE id = 'a'",
  "UPDATE doc SET wgen = 2, whash = 'zzz', wbody = 100, leaves = 2 WHERE id = 'a'",
};

START_TEST (store_conflict)
{
  const BaruaWritten mine = put_message ("a", NULL, "mine", "pending", 5);

  for (gsize i = 0; i < G_N_ELEMENTS (add_winner); i++)
    exec (add_winner[i]);
  ck_assert (barua_store_reindex (store, NULL));
  assert_sound ();
  assert_take ("one", 25, 0, 300, "other ");

  /* an edit of the leaf that does not win leaves the winner, and the queue, as they are */
  const BaruaWritten edited = put ("a", mine.rev, "{\"n\":2}");
  assert_sound ();
  put_expecting (edit_of ("a", mine.rev, "{}"), BARUA_STORE_ERROR_CONFLICT);
  assert_take ("one", 25, 0, 300, "other ");

  /* the longer history wins; when it is deleted the other does again */
  const BaruaWritten winner = put ("a", edited.rev, "{\"n\":3}");
  assert_body ("a", NULL, "{\"n\":3}");
  assert_take ("one", 25, 0, 300, "");
  assert_sound ();
  delete ("a", winner.rev);
  assert_take ("one", 25, 0, 300, "other ");
  assert_sound ();
  delete ("a", "2-zzz");
  assert_no_document ("a", NULL, BARUA_STORE_ERROR_DELETED);
  assert_take ("one", 25, 0, 300, "");
  assert_sound ();
}
END_TEST

/* The verbs that must work on every kind of store. */
static TCase *
verbs (const char *name, void (*set_up) (void))
{
  TCase *tc = tcase_create (name);

  tcase_add_checked_fixture (tc, set_up, tear_down);
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
  tcase_add_test (tc, store_conflict);
  return tc;
}

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("store-queue");

  suite_add_tcase (suite, verbs ("memory", set_up_memory));
  suite_add_tcase (suite, verbs ("file", set_up_file));
  return suite;
}
