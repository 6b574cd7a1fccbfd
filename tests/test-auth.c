/* SPDX-License-Identifier: MIT */

#include "gateway/http/auth-basic.h"
#include "gateway/http/auth.h"
#include "gateway/http/errors.h"
#include "gateway/http/password.h"
#include "gateway/http/rate-limit.h"
#include "tests/suites.h"

#include <string.h>

#define GATEWAY "Dalvik/2.1 medic.gateway.alert/1"

static BaruaAuth *auth;
static char *hash_text; /* of "pä$s" */
static guint lookups;
static guint rehashed;
static gboolean is_broken; /* the store does not answer */
static gboolean forgets;   /* the account changes while it is looked up */

static void
find_account (gpointer data, const char *name, BaruaAccountFound found, gpointer found_data)
{
  static const char *const roles[] = { "chw", NULL };
  g_autoptr (GError) error
      = is_broken ? g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "no store") : NULL;
  gboolean is_known = !is_broken && strcmp (name, "mary") == 0;

  lookups++;
  found (is_known ? barua_auth_account_new (name, hash_text, roles) : NULL, error, found_data);
  if (forgets)
    barua_auth_forget (auth, "mary");
  forgets = FALSE;
}

static void
rehash (gpointer data, const char *name, const char *old_hash, const char *new_hash)
{
  ck_assert_str_eq (name, "mary");
  ck_assert (barua_password_verify ("p\xc3\xa4$s", new_hash));
  rehashed++;
}

static const BaruaAuthBackend backend = { find_account, rehash };

static void
set_up (void)
{
  if (hash_text == NULL)
    hash_text = barua_password_hash ("p\xc3\xa4$s", NULL);
  auth = barua_auth_new (&backend, NULL);
  lookups = rehashed = 0;
  is_broken = forgets = FALSE;
}

static void
tear_down (void)
{
  g_clear_pointer (&auth, barua_auth_free);
}

/* What a check ended with. */
typedef struct
{
  guint n;
  guint n_good;
  int code; /* of the last failure */
} Verdict;

static void
note (BaruaUser *user, const GError *error, gpointer data)
{
  Verdict *verdict = data;

  verdict->n++;
  if (user != NULL)
    verdict->n_good++;
  else
    verdict->code = error->code;
}

static char *
basic (const char *user_pass)
{
  g_autofree char *base64 = g_base64_encode ((const guchar *)user_pass, strlen (user_pass));

  return g_strconcat ("Basic ", base64, NULL);
}

static void
wait_for (const Verdict *verdict, guint n)
{
  while (verdict->n < n)
    g_main_context_iteration (NULL, TRUE);
}

/* One check of `name:password` bytes. */
static Verdict
check_address (const char *user_pass, const char *user_agent, const char *address)
{
  Verdict verdict = { 0, 0, -1 };
  g_autofree char *header = basic (user_pass);

  barua_auth_check (auth, header, user_agent, address, note, &verdict);
  wait_for (&verdict, 1);
  return verdict;
}

static gboolean
is_good (const char *user_pass, const char *user_agent)
{
  return check_address (user_pass, user_agent, "192.0.2.1").n_good == 1;
}

START_TEST (encodings)
{
  ck_assert (is_good ("mary:p\xc3\xa4$s", NULL));
  ck_assert (is_good ("mary:p\xe4$s", NULL));
  ck_assert (!is_good ("mary:p%C3%A4%24s", NULL));
  ck_assert (is_good ("mary:p%C3%A4%24s", GATEWAY));
  ck_assert (is_good ("mary:p%E4$s", GATEWAY));
  ck_assert (!is_good ("mary:p%C3%A4%24s", "curl"));
  ck_assert (!is_good ("Mary:p\xc3\xa4$s", NULL));
}
END_TEST

static const struct
{
  const char *header;
  gboolean with_escapes;
  const char *candidates;
} headers[] = {
  { "Basic bWFyeTphOmI=", FALSE, "mary|a:b " },
  { "bAsIc   bWFyeTphOmI=", FALSE, "mary|a:b " },
  { "Basic bWFyeTo=", FALSE, "mary| " },
  { "Basic OnB3", FALSE, "" },
  { "Basic bWFyeQ==", FALSE, "" },
  { "Basic bWEAcnk6YQ==", FALSE, "" },
  { "Basic ", FALSE, "" },
  { "Basic", FALSE, "" },
  { "Bearer bWFyeTphOmI=", FALSE, "" },
  { "", FALSE, "" },
  { "Basic bWFyeTpwJTI0cw==", FALSE, "mary|p%24s " },
  { "Basic bWFyeTpwJTI0cw==", TRUE, "mary|p%24s mary|p$s " },
  { "Basic bWFyeToxMDAl", TRUE, "mary|100% " },
  { "Basic bWFyeTolMDA=", TRUE, "mary|%00 " },
  { "Basic bWFyeTrD5A==", FALSE, "mary|\xc3\x83\xc3\xa4 " },
};

START_TEST (header_row)
{
  g_autoptr (GPtrArray) found
      = barua_credentials_from_basic (headers[_i].header, headers[_i].with_escapes);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < found->len; i++)
    {
      const BaruaCredential *credential = found->pdata[i];

      g_string_append_printf (text, "%s|%s ", credential->name, credential->password);
    }
  ck_assert_str_eq (text->str, headers[_i].candidates);
}
END_TEST

START_TEST (cache)
{
  g_autofree char *good = basic ("mary:p\xc3\xa4$s");
  g_autofree char *wrong = basic ("mary:wrong");

  ck_assert_ptr_null (barua_auth_cached (auth, good, NULL));
  ck_assert (is_good ("mary:p\xc3\xa4$s", NULL));
  ck_assert (!is_good ("mary:wrong", NULL));
  g_autoptr (BaruaUser) user = barua_auth_cached (auth, good, NULL);
  ck_assert_ptr_nonnull (user);
  ck_assert_str_eq (user->name, "mary");
  ck_assert (barua_user_has_role (user, "chw") && !user->is_admin);
  ck_assert_ptr_null (barua_auth_cached (auth, wrong, NULL));
  ck_assert_ptr_null (barua_auth_cached (auth, good, GATEWAY));
  barua_auth_forget (auth, "other");
  g_autoptr (BaruaUser) again = barua_auth_cached (auth, good, NULL);
  ck_assert_ptr_nonnull (again);
  barua_auth_forget (auth, "mary");
  ck_assert_ptr_null (barua_auth_cached (auth, good, NULL));
}
END_TEST

START_TEST (one_flight_per_credential)
{
  Verdict verdict = { 0, 0, -1 };
  g_autofree char *good = basic ("mary:p\xc3\xa4$s");

  for (guint i = 0; i < 50; i++)
    barua_auth_check (auth, good, NULL, "192.0.2.1", note, &verdict);
  wait_for (&verdict, 50);
  ck_assert_uint_eq (verdict.n_good, 50);
  ck_assert_uint_eq (lookups, 1);
  ck_assert_uint_eq (barua_auth_stats (auth)->checks, 1);
  ck_assert_uint_eq (barua_auth_stats (auth)->joined, 49);
}
END_TEST

START_TEST (a_burst_is_cut_short)
{
  Verdict verdict = { 0, 0, -1 };

  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *user_pass = g_strdup_printf ("user%u:wrong", i);
      g_autofree char *header = basic (user_pass);

      barua_auth_check (auth, header, NULL, "192.0.2.1", note, &verdict);
    }
  wait_for (&verdict, 100);
  ck_assert_uint_eq (verdict.n_good, 0);
  ck_assert_uint_ge (barua_auth_stats (auth)->limited,
                     100 - BARUA_RATE_FAILURES - BARUA_PASSWORD_WORKERS);
  ck_assert_uint_le (barua_auth_stats (auth)->checks, BARUA_RATE_FAILURES + BARUA_PASSWORD_WORKERS);
  ck_assert_int_eq (check_address ("mary:p\xc3\xa4$s", NULL, "192.0.2.1").code,
                    BARUA_HTTP_ERROR_TOO_MANY_REQUESTS);
  ck_assert_uint_eq (check_address ("mary:p\xc3\xa4$s", NULL, "192.0.2.2").n_good, 1);
}
END_TEST

START_TEST (failures_of_a_name)
{
  for (guint i = 0; i < BARUA_RATE_FAILURES; i++)
    {
      g_autofree char *address = g_strdup_printf ("192.0.2.%u", i + 1);
      g_autofree char *user_pass = g_strdup_printf ("mary:%u", i);

      ck_assert_int_eq (check_address (user_pass, NULL, address).code,
                        BARUA_HTTP_ERROR_UNAUTHORIZED);
    }
  ck_assert_int_eq (check_address ("mary:x", NULL, "192.0.2.99").code,
                    BARUA_HTTP_ERROR_TOO_MANY_REQUESTS);
}
END_TEST

/* Who is refused is not told at once, in the order of asking, and not forgotten at the end. */
START_TEST (refusals_come_late)
{
  Verdict verdict = { 0, 0, -1 };
  Verdict left = { 0, 0, -1 };

  for (guint i = 0; i < 5; i++)
    barua_auth_refuse_late (auth, note, &verdict);
  ck_assert_uint_eq (verdict.n, 0);
  wait_for (&verdict, 5);
  ck_assert_int_eq (verdict.code, BARUA_HTTP_ERROR_TOO_MANY_REQUESTS);
  ck_assert_uint_eq (barua_auth_stats (auth)->limited, 5);

  for (guint i = 0; i < 3; i++)
    barua_auth_refuse_late (auth, note, &left);
  ck_assert_uint_eq (left.n, 0);
  g_clear_pointer (&auth, barua_auth_free);
  ck_assert_uint_eq (left.n, 3);
  ck_assert_int_eq (left.code, BARUA_HTTP_ERROR_UNAVAILABLE);
}
END_TEST

START_TEST (a_success_clears_the_name)
{
  for (guint i = 0; i < BARUA_RATE_FAILURES - 1; i++)
    barua_auth_count_failure (auth, "192.0.2.1", "mary");
  ck_assert_uint_eq (check_address ("mary:p\xc3\xa4$s", NULL, "192.0.2.2").n_good, 1);
  barua_auth_count_failure (auth, "192.0.2.3", "mary");
  ck_assert (!barua_auth_is_limited (auth, "192.0.2.3", "mary"));
}
END_TEST

START_TEST (cached_credentials_ignore_the_counters)
{
  ck_assert (is_good ("mary:p\xc3\xa4$s", NULL));
  for (guint i = 0; i < 20; i++)
    barua_auth_count_failure (auth, "192.0.2.1", "mary");
  ck_assert (barua_auth_is_limited (auth, "192.0.2.1", NULL));
  ck_assert (is_good ("mary:p\xc3\xa4$s", NULL));
}
END_TEST

START_TEST (addresses_of_one_customer)
{
  for (guint i = 0; i < BARUA_RATE_FAILURES; i++)
    {
      g_autofree char *address = g_strdup_printf ("2001:db8:1:2::%u", i + 1);

      barua_auth_count_failure (auth, address, NULL);
    }
  ck_assert (barua_auth_is_limited (auth, "2001:db8:1:2:ffff::1", NULL));
  ck_assert (!barua_auth_is_limited (auth, "2001:db8:1:3::1", NULL));
}
END_TEST

START_TEST (a_change_during_the_check)
{
  forgets = TRUE;
  ck_assert (is_good ("mary:p\xc3\xa4$s", NULL));
  ck_assert_uint_eq (lookups, 2);
}
END_TEST

START_TEST (a_broken_store)
{
  is_broken = TRUE;
  ck_assert_int_eq (check_address ("mary:p\xc3\xa4$s", NULL, "192.0.2.1").code,
                    BARUA_HTTP_ERROR_UNAVAILABLE);
  ck_assert_uint_eq (barua_auth_stats (auth)->failures, 0);
}
END_TEST

START_TEST (an_old_hash_is_renewed)
{
  char *kept = hash_text;

  hash_text = g_strdup ("$6$saltsalt$");
  ck_assert (barua_password_is_outdated (hash_text));
  ck_assert (!barua_password_is_outdated (kept));
  ck_assert (!barua_password_is_outdated ("$y$jFT$abcdefgh$x"));
  ck_assert (barua_password_is_outdated ("$y$j7T$abcdefgh$x"));
  g_free (hash_text);
  hash_text = kept;
}
END_TEST

START_TEST (freed_while_checking)
{
  Verdict verdict = { 0, 0, -1 };

  for (guint i = 0; i < 5; i++)
    {
      g_autofree char *user_pass = g_strdup_printf ("mary:%u", i);
      g_autofree char *header = basic (user_pass);

      barua_auth_check (auth, header, NULL, "192.0.2.1", note, &verdict);
    }
  g_clear_pointer (&auth, barua_auth_free);
  ck_assert_uint_eq (verdict.n, 5);
  ck_assert_int_eq (verdict.code, BARUA_HTTP_ERROR_UNAVAILABLE);
  for (gint64 end_us = g_get_monotonic_time () + 500000; g_get_monotonic_time () < end_us;)
    if (!g_main_context_iteration (NULL, FALSE))
      g_usleep (1000);
}
END_TEST

START_TEST (name_and_password)
{
  Verdict verdict = { 0, 0, -1 };

  barua_auth_check_password (auth, "mary", "p\xc3\xa4$s", "192.0.2.1", note, &verdict);
  wait_for (&verdict, 1);
  ck_assert_uint_eq (verdict.n_good, 1);
  barua_auth_check_password (auth, "", "x", "192.0.2.1", note, &verdict);
  ck_assert_uint_eq (verdict.n, 2);
  ck_assert_int_eq (verdict.code, BARUA_HTTP_ERROR_UNAUTHORIZED);
}
END_TEST

START_TEST (rate_window)
{
  g_autoptr (BaruaRateLimit) limit = barua_rate_limit_new (2);

  for (guint i = 0; i < BARUA_RATE_FAILURES; i++)
    {
      ck_assert (!barua_rate_limit_is_reached (limit, "a", i));
      barua_rate_limit_count (limit, "a", i);
    }
  ck_assert (barua_rate_limit_is_reached (limit, "a", 100));
  ck_assert (!barua_rate_limit_is_reached (limit, "a", BARUA_RATE_WINDOW_US));
  barua_rate_limit_count (limit, "b", 200);
  barua_rate_limit_count (limit, "a", 300);
  barua_rate_limit_count (limit, "c", 400);
  ck_assert_uint_eq (barua_rate_limit_size (limit), 2);
  ck_assert (barua_rate_limit_is_reached (limit, "a", 500));
  barua_rate_limit_clear (limit, "a");
  ck_assert (!barua_rate_limit_is_reached (limit, "a", 500));
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("auth");
  TCase *tc = tcase_create ("auth");

  tcase_add_checked_fixture (tc, set_up, tear_down);
  tcase_add_test (tc, encodings);
  tcase_add_loop_test (tc, header_row, 0, G_N_ELEMENTS (headers));
  tcase_add_test (tc, cache);
  tcase_add_test (tc, one_flight_per_credential);
  tcase_add_test (tc, a_burst_is_cut_short);
  tcase_add_test (tc, failures_of_a_name);
  tcase_add_test (tc, refusals_come_late);
  tcase_add_test (tc, a_success_clears_the_name);
  tcase_add_test (tc, cached_credentials_ignore_the_counters);
  tcase_add_test (tc, addresses_of_one_customer);
  tcase_add_test (tc, a_change_during_the_check);
  tcase_add_test (tc, a_broken_store);
  tcase_add_test (tc, an_old_hash_is_renewed);
  tcase_add_test (tc, freed_while_checking);
  tcase_add_test (tc, name_and_password);
  tcase_add_test (tc, rate_window);
  suite_add_tcase (suite, tc);
  return suite;
}
