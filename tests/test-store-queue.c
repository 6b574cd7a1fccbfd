/* SPDX-License-Identifier: MIT */

/* The message queue, references, the small tables and the check, in memory and on a file. */

#include "gateway/store/store-gateways.h"
#include "tests/store-fixture.h"

#include <string.h>

/* ---- routes, limits, what is due ---- */

/* A #BaruaJob: puts a plan of routes into force and routes what waits; the data are the routes. */
static gboolean
plan_job (BaruaTx *tx, gpointer data, GError **error)
{
  g_autoptr (BaruaGatewayPlan) plan = barua_gateway_plan_new (data, NULL, error);
  gint64 cursor = 0;

  ck_assert_ptr_nonnull (plan);
  barua_tx_set_gateway_plan (tx, plan);
  while (cursor >= 0)
    if (!barua_tx_reroute (tx, &cursor, error))
      return FALSE;
  return TRUE;
}

static void
set_routes (const char *const *routes)
{
  ck_assert (barua_store_write (store, plan_job, (gpointer)routes, NULL));
}

START_TEST (store_routes)
{
  const char *const to_one[] = { "+1:one", NULL };
  const char *const to_two[] = { "+2:one", "*:two", NULL };
  const char *const none[] = { NULL };

  put_message ("a", NULL, "u1", "pending", 1000);
  set_routes (to_one);
  put_message ("b", NULL, "u2", "pending", 2000);
  assert_take ("two", 25, 10, 300, ""); /* also what waited before */
  assert_take ("one", 1, 10, 300, "u1 ");
  set_routes (to_two); /* what is on lease stays */
  assert_take ("two", 25, 20, 300, "u2 ");
  assert_take ("one", 25, 20, 300, "u1 ");
  /* a lease that is over goes back to its route */
  assert_take ("three", 25, 1000, 300, "");
  assert_take ("one", 25, 1000, 300, "");
  assert_take ("two", 25, 1000, 300, "u1 u2 ");
  assert_take ("three", 25, 2000, 300, "");
  set_routes (none);
  assert_take ("three", 25, 2000, 300, "u1 u2 ");
  assert_sound ();
}
END_TEST

/* A lease from before the clock was set back does not last until then; one within reason does. */
START_TEST (store_lease_of_another_clock)
{
  const gint64 day_ms = 86400000;

  put_message ("a", NULL, "u1", "pending", 1000);
  assert_take ("one", 25, 10 * day_ms, 300000, "u1 ");
  assert_take ("two", 25, 10 * day_ms - 60000, 300000, "");
  assert_take ("two", 25, 9 * day_ms, 300000, "u1 ");
  assert_take ("one", 25, 9 * day_ms + 299999, 300000, "");
  assert_take ("one", 25, 9 * day_ms + 300000, 300000, "u1 ");
  assert_sound ();
}
END_TEST

/* What an account gets with so many segments left. */
typedef struct
{
  BaruaTake take;
  GString *got; /* uuid and cost of each */
} Limited;

static gboolean
limited_job (BaruaTx *tx, gpointer data, GError **error)
{
  const Limited *limited = data;
  g_autoptr (GPtrArray) messages = NULL;

  if (!barua_tx_take_messages (tx, &limited->take, &messages, error))
    return FALSE;
  for (guint i = 0; i < messages->len; i++)
    {
      const BaruaQueuedMessage *message = g_ptr_array_index (messages, i);
      g_string_append_printf (limited->got, "%s=%u ", message->uuid.p, message->segments);
    }
  return TRUE;
}

static void
assert_limited (gint64 segments, gboolean may_exceed, const char *expected)
{
  const Limited limited = { { .account = "one",
                              .limit = 25,
                              .now_ms = 10,
                              .lease_ms = 300,
                              .limits_segments = TRUE,
                              .segments = segments,
                              .may_exceed = may_exceed },
                            g_string_new (NULL) };

  ck_assert (barua_store_write (store, limited_job, (gpointer)&limited, NULL));
  ck_assert_str_eq (limited.got->str, expected);
  g_string_free (limited.got, TRUE);
}

START_TEST (store_segments)
{
  g_autofree char *long_text = g_strnfill (200, 'a'); /* two parts */
  g_autofree char *body
      = g_strdup_printf ("{\"tasks\":[{\"state\":\"pending\",\"due\":1500,\"messages\":[{\"uuid\":"
                         "\"u2\",\"to\":\"+1\",\"message\":\"%s\"}]}]}",
                         long_text);

  put_message ("a", NULL, "u1", "pending", 1000);
  put ("b", NULL, body);
  put_message ("c", NULL, "u3", "pending", 2000);
  assert_limited (0, FALSE, "");
  assert_limited (2, FALSE, "u1=1 ");      /* nothing passes the long one by */
  assert_limited (0, FALSE, "u1=0 ");      /* the phone has it already */
  assert_limited (1, TRUE, "u1=0 u2=2 ");  /* or it would never go */
  assert_limited (10, FALSE, "u1=0 u2=0 u3=1 ");
}
END_TEST

/* What is listed as due. */
typedef struct
{
  BaruaTaskState state;
  gint64 until_ms;
  guint limit;
  GString *found;
} Due;

static gboolean
due_query (BaruaReader *reader, gpointer data, GError **error)
{
  const Due *due = data;
  BaruaDueCursor cursor = { 0 };
  gboolean is_done = FALSE;

  while (!is_done)
    {
      g_autoptr (GPtrArray) ids = NULL;
      if (!barua_reader_due_documents (reader, due->state, &cursor, due->until_ms, due->limit, &ids,
                                       &is_done, error))
        return FALSE;
      for (guint i = 0; i < ids->len; i++)
        g_string_append_printf (due->found, "%s ", (const char *)ids->pdata[i]);
    }
  gint64 next;
  if (!barua_reader_next_due (reader, due->state, due->until_ms, &next, error))
    return FALSE;
  g_string_append_printf (due->found, "%" G_GINT64_FORMAT, next == G_MAXINT64 ? -1 : next);
  return TRUE;
}

static void
assert_due (BaruaTaskState state, gint64 until_ms, guint limit, const char *expected)
{
  const Due due = { state, until_ms, limit, g_string_new (NULL) };

  ck_assert (barua_store_read (store, due_query, (gpointer)&due, NULL));
  ck_assert_str_eq (due.found->str, expected);
  g_string_free (due.found, TRUE);
}

START_TEST (store_due)
{
  const BaruaWritten c = put_message ("c", NULL, "u1", "scheduled", 1000);

  put_message ("b", NULL, "u2", "scheduled", 1000);
  put_message ("a", NULL, "u3", "scheduled", 2000);
  put_message ("d", NULL, "u4", "pending", 500);
  put ("e", NULL, "{\"scheduled_tasks\":[{\"state\":\"scheduled\",\"due\":3000},"
                  "{\"state\":\"scheduled\",\"due\":1500},{\"state\":\"sent\",\"due\":1}]}");
  for (guint limit = 1; limit < 4; limit++)
    assert_due (BARUA_TASK_STATE_SCHEDULED, 2000, limit, "c b e a 3000");
  assert_due (BARUA_TASK_STATE_SCHEDULED, 999, 10, "1000");
  assert_due (BARUA_TASK_STATE_PENDING, 999, 10, "d -1");
  put_message ("c", c.rev, "u1", "pending", 1000);
  assert_due (BARUA_TASK_STATE_SCHEDULED, 1000, 10, "b 1500");

  /* an end of its own, while it waits */
  const BaruaWritten v = put (
      "v", NULL,
      "{\"tasks\":[{\"state\":\"pending\",\"due\":1,\"valid_until\":700,\"messages\":[{\"uuid\":"
      "\"u5\",\"to\":\"+1\",\"message\":\"hello\"}]}]}");
  put ("w", NULL, "{\"tasks\":[{\"state\":\"sent\",\"due\":1,\"valid_until\":700}]}");
  assert_due (BARUA_TASK_STATE_OTHER, 699, 10, "-1");
  assert_due (BARUA_TASK_STATE_OTHER, 700, 10, "v -1");
  assert_take ("one", 1, 701, 300, "u4 "); /* it is not handed out any more */
  put ("v", v.rev, "{\"tasks\":[{\"state\":\"sent\",\"due\":1,\"valid_until\":700}]}");
  assert_due (BARUA_TASK_STATE_OTHER, 700, 10, "-1");
  assert_sound ();
}
END_TEST

/* A #BaruaJob: writes and sums traffic, and lists phones into a text. */
static void
append_phone (const BaruaPhoneRow *row, gpointer text)
{
  g_string_append_printf (text, "%s:%d,%d,%d,%d ", row->account.p != NULL ? row->account.p : "-",
                          (int)row->polled_ms, (int)row->received_ms, (int)row->waiting,
                          (int)row->oldest_due_ms);
}

static gboolean
traffic_job (BaruaTx *tx, gpointer data, GError **error)
{
  const gint64 minute = 60000;
  const BaruaTraffic early = { 5, 2, 1 }, late = { 7, 0, 3 };
  BaruaTraffic sum;

  ck_assert (barua_tx_add_traffic (tx, "one", 10 * minute, &early, error));
  ck_assert (barua_tx_add_traffic (tx, "one", 10 * minute + 59999, &early, error));
  ck_assert (barua_tx_add_traffic (tx, "one", 20 * minute, &late, error));
  ck_assert (barua_reader_traffic (barua_tx_reader (tx), "one", 20 * minute, 1, &sum, error));
  ck_assert_int_eq (sum.segments, 7);
  ck_assert (barua_reader_traffic (barua_tx_reader (tx), "one", 19 * minute, 10, &sum, error));
  ck_assert_int_eq (sum.segments, 17);
  ck_assert_int_eq (sum.sent, 4);
  ck_assert_int_eq (sum.failed, 5);
  ck_assert (barua_reader_traffic (barua_tx_reader (tx), "two", 20 * minute, 10, &sum, error));
  ck_assert_int_eq (sum.segments, 0);
  ck_assert (barua_tx_forget_traffic (tx, 20 * minute, error));
  ck_assert (barua_reader_traffic (barua_tx_reader (tx), "one", 20 * minute, 99, &sum, error));
  ck_assert_int_eq (sum.segments, 7);

  ck_assert (barua_tx_put_phone (tx, "one", 100, 50, error));
  ck_assert (barua_tx_put_phone (tx, "one", 90, 0, error));
  ck_assert (barua_tx_put_phone (tx, "two", 120, 0, error));
  return barua_reader_phones (barua_tx_reader (tx), append_phone, data, error);
}

START_TEST (store_traffic)
{
  g_autoptr (GString) text = g_string_new (NULL);

  put_message ("a", NULL, "u1", "pending", 1000);
  put_message ("b", NULL, "u2", "pending", 2000);
  put_message ("c", NULL, "u3", "pending", 3000);
  assert_take ("one", 1, 10, 300, "u1 ");
  ck_assert (barua_store_write (store, traffic_job, text, NULL));
  ck_assert_str_eq (text->str, "one:100,50,0,0 two:120,0,0,0 -:0,0,2,2000 one:0,0,1,1000 ");
}
END_TEST

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
  tcase_add_test (tc, store_routes);
  tcase_add_test (tc, store_lease_of_another_clock);
  tcase_add_test (tc, store_segments);
  tcase_add_test (tc, store_due);
  tcase_add_test (tc, store_traffic);
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
