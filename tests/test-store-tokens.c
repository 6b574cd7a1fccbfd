/* SPDX-License-Identifier: MIT */

/* Login tokens and password hashes of accounts, on a store in memory and on a file; how they leave
 * the file. */

#include "gateway/store/store-tokens.h"
#include "tests/store-fixture.h"

#include <string.h>

#define OLD "$y$old"
#define EXPIRES 5000

static const guint8 first[BARUA_LOGIN_TOKEN_HASH_BYTES] = { 1, 2, 3 };
static const guint8 second[BARUA_LOGIN_TOKEN_HASH_BYTES] = { 1, 2, 4 };

/* Fails the job where it stands. */
static void
must (gboolean ok, const GError *error)
{
  ck_assert_msg (ok, "%s", error != NULL ? error->message : "no reason");
}

/* An account of that name. */
static void
add_account (BaruaTx *tx, const char *name)
{
  g_autofree char *id = g_strconcat ("org.couchdb.user:", name, NULL);
  const BaruaEdit edit = { .db = BARUA_DB_USERS, .id = barua_text (id), .body = BARUA_TEXT ("{}") };
  g_autoptr (GError) error = NULL;

  must (barua_tx_put_document (tx, &edit, NULL, &error), error);
  must (barua_tx_put_account (tx, name, id, OLD, &error), error);
}

static void
put_token (BaruaTx *tx, const char *name, const guint8 *hash)
{
  g_autoptr (GError) error = NULL;

  must (barua_tx_put_login_token (tx, name, hash, EXPIRES, &error), error);
}

/* Whether a token could be used. */
static gboolean
use (BaruaTx *tx, const guint8 *hash, gint64 now_ms)
{
  g_autoptr (GError) error = NULL;
  gboolean is_used = FALSE;

  must (barua_tx_use_login_token (tx, hash, now_ms, &is_used, &error), error);
  return is_used;
}

/* The account and the state of a token: "ann active". */
static void
assert_token (BaruaTx *tx, const guint8 *hash, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (BaruaLoginToken) token
      = barua_reader_find_login_token (barua_tx_reader (tx), hash, &error);
  g_autofree char *found
      = token != NULL ? g_strdup_printf ("%s %s", token->name, token->is_active ? "active" : "used")
                      : g_strdup ("none");

  ck_assert_str_eq (found, expected);
  ck_assert (token != NULL
             || g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND));
  if (token == NULL)
    return;
  ck_assert_mem_eq (token->hash, hash, sizeof first);
  ck_assert_int_eq (token->expires_ms, EXPIRES);
  g_autoptr (BaruaLoginToken) same
      = barua_reader_get_login_token (barua_tx_reader (tx), token->name, NULL);
  ck_assert_ptr_nonnull (same);
  ck_assert_mem_eq (same->hash, hash, sizeof first);
}

static gboolean
tokens_job (BaruaTx *tx, gpointer data, GError **error)
{
  add_account (tx, "ann");
  assert_token (tx, first, "none");
  ck_assert (!use (tx, first, 0));

  put_token (tx, "ann", first);
  assert_token (tx, first, "ann active");
  ck_assert (!use (tx, second, 0));
  ck_assert (!use (tx, first, EXPIRES)); /* good before its expiry, not at it */
  assert_token (tx, first, "ann active");
  ck_assert (use (tx, first, EXPIRES - 1));
  assert_token (tx, first, "ann used");
  ck_assert (!use (tx, first, 0));

  put_token (tx, "ann", second); /* the new one replaces the old one */
  assert_token (tx, first, "none");
  assert_token (tx, second, "ann active");
  put_token (tx, "ann", NULL);
  assert_token (tx, second, "none");
  ck_assert (!use (tx, second, 0));

  put_token (tx, "ann", first);
  must (barua_tx_delete_account (tx, "ann", error), error != NULL ? *error : NULL);
  assert_token (tx, first, "none");
  return TRUE;
}

START_TEST (store_tokens)
{
  ck_assert (barua_store_write (store, tokens_job, NULL, NULL));
  assert_sound ();
}
END_TEST

/* The name of the next expired one, or "none". */
static void
assert_next_expired (BaruaTx *tx, gint64 now_ms, const char *expected)
{
  g_autoptr (BaruaLoginToken) token = NULL;
  g_autoptr (GError) error = NULL;

  must (barua_tx_next_expired_login_token (tx, now_ms, &token, &error), error);
  ck_assert_str_eq (token != NULL ? token->name : "none", expected);
}

static gboolean
expiry_job (BaruaTx *tx, gpointer data, GError **error)
{
  add_account (tx, "ann");
  add_account (tx, "bob");
  put_token (tx, "ann", first);
  put_token (tx, "bob", second);
  ck_assert (use (tx, second, 0)); /* a used one does not expire */

  assert_next_expired (tx, EXPIRES - 1, "none");
  assert_next_expired (tx, EXPIRES, "ann");
  assert_next_expired (tx, EXPIRES, "none"); /* each is told once */
  assert_token (tx, first, "ann active");    /* and is known as expired, not as used */
  ck_assert (!use (tx, first, 0));
  put_token (tx, "ann", first);
  assert_next_expired (tx, EXPIRES, "ann");
  return TRUE;
}

START_TEST (store_expiry) { ck_assert (barua_store_write (store, expiry_job, NULL, NULL)); }
END_TEST

static void
assert_hash (BaruaTx *tx, const char *hash)
{
  g_autoptr (BaruaAccount) account = barua_reader_get_account (barua_tx_reader (tx), "ann", NULL);

  ck_assert_ptr_nonnull (account);
  ck_assert_str_eq (account->hash, hash);
}

static gboolean
hashes_job (BaruaTx *tx, gpointer data, GError **error)
{
  g_autoptr (GError) reason = NULL;

  add_account (tx, "ann");
  must (barua_tx_replace_hash (tx, "ann", "another", "new", &reason), reason);
  assert_hash (tx, OLD); /* changed by somebody else meanwhile */
  must (barua_tx_replace_hash (tx, "ann", OLD, "new", &reason), reason);
  assert_hash (tx, "new");
  must (barua_tx_replace_hash (tx, "ann", NULL, "*", &reason), reason);
  assert_hash (tx, "*");
  must (barua_tx_replace_hash (tx, "nobody", NULL, "*", &reason), reason);
  return TRUE;
}

START_TEST (store_hashes) { ck_assert (barua_store_write (store, hashes_job, NULL, NULL)); }
END_TEST

/* ---- what leaves the file ---- */

#define N_SECRETS 300

/* A hidden document with a secret of its own, or without it. */
static BaruaWritten
put_hidden (guint i, const char *rev, gboolean has_secret)
{
  g_autofree char *id = g_strdup_printf ("hidden-%u", i);
  g_autofree char *body
      = g_strdup_printf ("{\"tasks\":[{\"state\":\"pending\",\"messages\":[{\"uuid\":\"u%u\","
                         "\"to\":\"+1\",\"message\":\"%s%04u-3c0ffee\"}]}],\"pad\":\"%0*u\"}",
                         i, has_secret ? "SECRET" : "------", i, (int)(i % 700), 0);
  BaruaEdit edit = edit_of (id, rev, body);

  edit.is_hidden = TRUE;
  edit.is_server_made = TRUE;
  return put_expecting (edit, -1);
}

/* How many secrets a file still has; none when it is not there. */
static guint
count_secrets (const char *file)
{
  g_autofree char *text = NULL;
  gsize n = 0;
  guint found = 0;

  if (!g_file_get_contents (file, &text, &n, NULL))
    return 0;
  for (guint i = 0; i < N_SECRETS; i++)
    {
      char secret[16];
      g_snprintf (secret, sizeof secret, "SECRET%04u", i);
      found += memmem (text, n, secret, strlen (secret)) != NULL;
    }
  return found;
}

/* What was overwritten in a hidden document is in the file no more. */
START_TEST (store_secrets)
{
  for (guint i = 0; i < N_SECRETS; i++)
    put_hidden (i, NULL, TRUE);
  barua_store_close (store);
  store = NULL;
  ck_assert_uint_eq (count_secrets (path), N_SECRETS); /* the search finds */

  store = open_store ();
  for (guint i = 0; i < N_SECRETS; i++)
    {
      g_autofree char *id = g_strdup_printf ("hidden-%u", i);
      int code = 0;
      g_autoptr (BaruaDocument) document = get (id, NULL, &code);
      ck_assert_ptr_nonnull (document);
      g_autofree char *rev = g_strndup (document->rev.p, document->rev.n);
      put_hidden (i, rev, FALSE);
    }
  barua_store_close (store);
  store = NULL;
  ck_assert_uint_eq (count_secrets (path), 0);
  store = open_store ();
}
END_TEST

/* The verbs that must work on every kind of store. */
static TCase *
verbs (const char *name, void (*set_up) (void))
{
  TCase *tc = tcase_create (name);

  tcase_add_checked_fixture (tc, set_up, tear_down);
  tcase_add_test (tc, store_tokens);
  tcase_add_test (tc, store_expiry);
  tcase_add_test (tc, store_hashes);
  return tc;
}

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("store-tokens");
  TCase *file = verbs ("file", set_up_file);

  tcase_add_test (file, store_secrets);
  suite_add_tcase (suite, verbs ("memory", set_up_memory));
  suite_add_tcase (suite, file);
  return suite;
}
