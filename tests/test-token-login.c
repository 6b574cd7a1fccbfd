/* SPDX-License-Identifier: MIT */

/* users.md 8: the table, tokens, the document with the two messages, masking. */

#include "gateway/rules/tasks.h"
#include "gateway/rules/users.h"
#include "tests/suites.h"

#include <string.h>

#define NOW 1795280258913
#define LINK "https://app.example.org/medic/login/token/"
#define TOKEN "Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3A"

static BaruaJson
read_valid (const char *text)
{
  BaruaJson value = BARUA_JSON_NONE;
  ck_assert_msg (barua_json_read (text, -1, &value, NULL), "%s", text);
  return value;
}

static BaruaSettings *
settings_of (const char *text)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (text, strlen (text));
  g_autoptr (GError) error = NULL;
  BaruaSettings *settings = barua_settings_compile (bytes, NULL, 0, &error);

  ck_assert_msg (settings != NULL, "%s", text);
  return settings;
}

/* ---- the table ---- */

/* The nine rows of users.md 8.2: input, feature, user -> action. */
START_TEST (token_table)
{
  static const struct
  {
    const char *input;
    gboolean enabled;
    BaruaTokenUser user;
    guint action;
  } rows[] = {
    { NULL, TRUE, BARUA_TOKEN_USER_NEW, BARUA_TOKEN_NOTHING },
    { NULL, TRUE, BARUA_TOKEN_USER_WITHOUT, BARUA_TOKEN_NOTHING },
    { NULL, TRUE, BARUA_TOKEN_USER_WITH, BARUA_TOKEN_NOTHING },
    { "true", TRUE, BARUA_TOKEN_USER_NEW, BARUA_TOKEN_ISSUE },
    { "true", TRUE, BARUA_TOKEN_USER_WITHOUT, BARUA_TOKEN_ISSUE },
    { "true", TRUE, BARUA_TOKEN_USER_WITH, BARUA_TOKEN_ISSUE },
    { "false", TRUE, BARUA_TOKEN_USER_NEW, BARUA_TOKEN_NOTHING },
    { "false", TRUE, BARUA_TOKEN_USER_WITHOUT, BARUA_TOKEN_NOTHING },
    { "false", TRUE, BARUA_TOKEN_USER_WITH, BARUA_TOKEN_REMOVE | BARUA_TOKEN_NEEDS_PASSWORD },
    /* the feature is off */
    { "true", FALSE, BARUA_TOKEN_USER_NEW, BARUA_TOKEN_NOTHING },
    { "true", FALSE, BARUA_TOKEN_USER_WITH, BARUA_TOKEN_NOTHING },
    { "false", FALSE, BARUA_TOKEN_USER_WITH, BARUA_TOKEN_REMOVE | BARUA_TOKEN_NEEDS_PASSWORD },
    /* any true value; `false` is the boolean alone */
    { "\"yes\"", TRUE, BARUA_TOKEN_USER_NEW, BARUA_TOKEN_ISSUE },
    { "1", TRUE, BARUA_TOKEN_USER_NEW, BARUA_TOKEN_ISSUE },
    { "{}", TRUE, BARUA_TOKEN_USER_NEW, BARUA_TOKEN_ISSUE },
    { "0", TRUE, BARUA_TOKEN_USER_WITH, BARUA_TOKEN_NOTHING },
    { "null", TRUE, BARUA_TOKEN_USER_WITH, BARUA_TOKEN_NOTHING },
    { "\"\"", TRUE, BARUA_TOKEN_USER_WITH, BARUA_TOKEN_NOTHING },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      BaruaJson input = rows[i].input != NULL ? read_valid (rows[i].input) : BARUA_JSON_NONE;
      ck_assert_msg (barua_token_action (barua_token_wish (input), rows[i].user, rows[i].enabled)
                         == rows[i].action,
                     "row %" G_GSIZE_FORMAT, i);
    }
}
END_TEST

START_TEST (token_enabled)
{
  static const struct
  {
    const char *settings;
    gboolean enabled;
  } rows[] = { { "{\"token_login\":{\"enabled\":true}}", TRUE },
               { "{\"token_login\":{\"enabled\":1}}", TRUE },
               { "{\"token_login\":{\"enabled\":false}}", FALSE },
               { "{\"token_login\":{}}", FALSE },
               { "{}", FALSE } };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (BaruaSettings) settings = settings_of (rows[i].settings);
      ck_assert_msg (barua_token_login_is_enabled (settings) == rows[i].enabled, "%s",
                     rows[i].settings);
    }
}
END_TEST

/* ---- tokens ---- */

/* 2,000 tokens of 64 characters: each of the 62 is expected 2,065 times with a deviation of 45;
 * bytes taken modulo 62 would show the first eight 25 % more often. */
START_TEST (token_random)
{
  guint counts[128] = { 0 };
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < 2000; i++)
    {
      char token[BARUA_TOKEN_LENGTH + 1];
      barua_token_new (token);
      ck_assert_uint_eq (strlen (token), 64);
      ck_assert (g_hash_table_add (seen, g_strdup (token)));
      for (const char *c = token; *c != '\0'; c++)
        counts[(guchar)*c & 0x7f]++;
    }
  guint total = 0;
  for (int c = 0; c < 128; c++)
    if (g_ascii_isalnum (c))
      {
        ck_assert_msg (counts[c] > 1700 && counts[c] < 2430, "%c: %u", c, counts[c]);
        total += counts[c];
      }
  ck_assert_uint_eq (total, 2000 * 64);
}
END_TEST

/* FIPS 180-2, B.1. */
START_TEST (token_hashed)
{
  guint8 hash[BARUA_TOKEN_HASH_BYTES];
  char id[BARUA_TOKEN_DOCUMENT_ID_SIZE];

  barua_token_hash ("abc", hash);
  ck_assert_uint_eq (hash[0], 0xba);
  ck_assert_uint_eq (hash[31], 0xad);
  barua_token_document_id (hash, id);
  ck_assert_str_eq (id, "token:login:ba7816bf8f01cfea414140de5dae2223");
}
END_TEST

/* ---- the document ---- */

/* What count_repeat() says. */
static guint repeats;

static gboolean
count_repeat (gpointer data, BaruaText to, BaruaText text, gint64 now_ms, guint *count,
              GError **error)
{
  ck_assert (memmem (text.p, text.n, "/token/", 7) == NULL);
  *count = repeats;
  return TRUE;
}

/* (transfer full): the document under these settings. */
static GString *
document_under (const char *json)
{
  g_autoptr (BaruaSettings) settings = settings_of (json);
  const BaruaLookup lookup = { NULL, count_repeat };
  const BaruaTokenMessages messages = {
    .user_id = BARUA_TEXT ("org.couchdb.user:jo"),
    .to = BARUA_TEXT ("+254712000111"),
    .user = read_valid ("{\"name\":\"jo\",\"roles\":[\"chw\"]}"),
    .user_settings = read_valid ("{\"name\":\"under\",\"fullname\":\"Jo K\"}"),
    .base_url = "https://app.example.org",
    .token = TOKEN,
    .now_ms = NOW,
    .expires_ms = NOW + BARUA_TOKEN_LIFETIME_MS,
  };
  GString *body = g_string_new (NULL);

  ck_assert (barua_token_document (settings, &messages, &lookup, body, NULL));
  return body;
}

static BaruaJson
task_of (const GString *body, guint i)
{
  return barua_json_element (barua_json_member (read_valid (body->str), "tasks"), i);
}

static void
assert_message (BaruaJson task, const char *text)
{
  BaruaJson message = barua_json_element (barua_json_member (task, "messages"), 0);

  ck_assert_msg (barua_json_string_is (barua_json_member (message, "message"), barua_text (text)),
                 "%.*s", (int)task.length, task.text);
}

static void
assert_state (BaruaJson task, const char *state)
{
  ck_assert_msg (barua_json_string_is (barua_json_member (task, "state"), barua_text (state)),
                 "%.*s", (int)task.length, task.text);
}

START_TEST (token_document)
{
  repeats = 1;
  g_autoptr (GString) body = document_under (
      "{\"token_login\":{\"enabled\":true,\"message\":\"Hi {{name}}, {{fullname}}\"}}");
  BaruaJson document = read_valid (body->str);

  ck_assert (barua_token_document_is (document));
  ck_assert (
      barua_json_string_is (barua_json_member (document, "type"), BARUA_TEXT ("login_token")));
  ck_assert (barua_json_string_is (barua_json_member (document, "user"),
                                   BARUA_TEXT ("org.couchdb.user:jo")));
  ck_assert (barua_json_number (barua_json_member (document, "reported_date")) == (double)NOW);
  ck_assert_uint_eq (barua_json_size (barua_json_member (document, "tasks")), 2);
  assert_message (task_of (body, 0), "Hi jo, Jo K");
  assert_message (task_of (body, 1), LINK TOKEN);
  for (guint i = 0; i < 2; i++)
    {
      BaruaJson task = task_of (body, i);
      BaruaJson message = barua_json_element (barua_json_member (task, "messages"), 0);
      assert_state (task, "pending");
      ck_assert (barua_json_string_is (barua_json_member (task, "valid_until"),
                                       BARUA_TEXT ("2026-11-22T16:57:38.913Z")));
      ck_assert (
          barua_json_string_is (barua_json_member (message, "to"), BARUA_TEXT ("+254712000111")));
    }
}
END_TEST

/* Where the helper text comes from. */
START_TEST (token_helper)
{
  static const struct
  {
    const char *settings;
    const char *text;
  } rows[] = {
    { "{\"token_login\":{\"message\":[{\"locale\":\"en\",\"content\":\"Hello\"},"
      "{\"locale\":\"sw\",\"content\":\"Habari\"}]},\"locale_outgoing\":\"sw\"}",
      "Habari" },
    { "{\"token_login\":{\"message\":[{\"locale\":\"en\",\"content\":\"Hello\"},"
      "{\"locale\":\"sw\",\"content\":\"Habari\"}]},\"locale\":\"en\"}",
      "Hello" },
    { "{\"token_login\":{\"translation_key\":\"tl\"},\"locale\":\"fr\","
      "\"translations\":{\"fr\":{\"tl\":\"Salut {{name}}\"},\"en\":{\"tl\":\"Hi\"}}}",
      "Salut jo" },
    { "{\"token_login\":{\"translation_key\":\"tl\"},\"locale\":\"fr\","
      "\"translations\":{\"en\":{\"tl\":\"Hi\"}}}",
      "Hi" },
  };

  repeats = 1;
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GString) body = document_under (rows[i].settings);
      assert_message (task_of (body, 0), rows[i].text);
    }
}
END_TEST

START_TEST (token_helper_missing)
{
  static const char *const settings[]
      = { "{}", "{\"token_login\":{\"translation_key\":\"nobody.wrote\"}}",
          "{\"token_login\":{\"message\":7}}", "{\"token_login\":{\"message\":[]}}" };

  for (gsize i = 0; i < G_N_ELEMENTS (settings); i++)
    {
      g_autoptr (GString) body = document_under (settings[i]);
      BaruaJson task = task_of (body, 0);
      BaruaJson message = barua_json_element (barua_json_member (task, "messages"), 0);
      ck_assert_ptr_null (barua_json_member (message, "message").text);
      ck_assert (barua_json_string_is (barua_json_member (message, "error"),
                                       BARUA_TEXT ("messages.errors.message.empty")));
      assert_message (task_of (body, 1), LINK TOKEN);
      assert_state (task_of (body, 1), "pending");
    }
}
END_TEST

START_TEST (token_repeats)
{
  static const char settings[] = "{\"token_login\":{\"message\":\"Hi\"}}";

  for (repeats = 5; repeats <= 6; repeats++)
    {
      g_autoptr (GString) body = document_under (settings);
      assert_state (task_of (body, 0), repeats == 5 ? "pending" : "duplicate");
      assert_state (task_of (body, 1), "pending");
    }
}
END_TEST

/* ---- afterwards ---- */

START_TEST (token_cleared)
{
  static const char body[]
      = "{\"tasks\":[{\"messages\":[{\"message\":\"Hi\"}],\"state\":\"sent\",\"state_history\":[]},"
        "{\"messages\":[{\"message\":\"" LINK TOKEN "\"}],\"state\":\"forwarded-to-gateway\","
        "\"state_history\":[]}]}";
  g_autoptr (GString) out = g_string_new (NULL);

  ck_assert (barua_token_document_clear (barua_text (body), NOW, out));
  assert_state (task_of (out, 0), "sent");
  assert_state (task_of (out, 1), "cleared");
  assert_message (task_of (out, 1), LINK "********");
  ck_assert_ptr_null (strstr (out->str, TOKEN));
  g_autoptr (GString) again = g_string_new (NULL);
  ck_assert (!barua_token_document_clear ((BaruaText){ out->str, out->len }, NOW, again));
}
END_TEST

/* Which states a link keeps its token in (users.md 10 no. 2). */
START_TEST (token_masked_by_state)
{
  static const struct
  {
    BaruaTaskState state;
    gboolean masked;
  } rows[] = {
    { BARUA_TASK_STATE_FORWARDED_TO_GATEWAY, FALSE },
    { BARUA_TASK_STATE_RECEIVED_BY_GATEWAY, FALSE },
    { BARUA_TASK_STATE_FORWARDED_BY_GATEWAY, FALSE },
    { BARUA_TASK_STATE_UNRECOGNISED, FALSE },
    { BARUA_TASK_STATE_SENT, TRUE },
    { BARUA_TASK_STATE_DELIVERED, TRUE },
    { BARUA_TASK_STATE_FAILED, TRUE },
    { BARUA_TASK_STATE_CLEARED, TRUE },
    { BARUA_TASK_STATE_EXPIRED, TRUE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GString) body = document_under ("{\"token_login\":{\"message\":\"Hi\"}}");
      g_autoptr (GString) out = g_string_new (NULL);
      const BaruaTaskChange change
          = { BARUA_MESSAGE_LIST_TASKS, 1, rows[i].state, { NULL, 0 }, NOW };
      ck_assert (barua_tasks_apply ((BaruaText){ body->str, body->len }, &change, 1, out));
      assert_message (task_of (out, 1), rows[i].masked ? LINK "********" : LINK TOKEN);
    }
}
END_TEST

START_TEST (token_mask)
{
  static const struct
  {
    const char *text;
    const char *masked;
  } rows[] = {
    { LINK TOKEN, LINK "********" },
    { LINK "x", LINK "********" },
    { "go to " LINK TOKEN " or " LINK TOKEN " now",
      "go to " LINK "******** or " LINK "******** now" },
    { LINK "a.b,c:d!e$f-g=h", LINK "********" }, /* the original's alphabet (users.md 8.3) */
    { LINK "********", LINK "********" },
    { LINK, LINK },
    { "see /medic/login", "see /medic/login" },
    { "", "" },
  };
  g_autoptr (BaruaArena) arena = barua_arena_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    ck_assert_msg (barua_text_equal (barua_token_mask (arena, barua_text (rows[i].text)),
                                     barua_text (rows[i].masked)),
                   "%s", rows[i].text);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("token-login");
  TCase *tc = tcase_create ("rules");

  tcase_add_test (tc, token_table);
  tcase_add_test (tc, token_enabled);
  tcase_add_test (tc, token_random);
  tcase_add_test (tc, token_hashed);
  tcase_add_test (tc, token_document);
  tcase_add_test (tc, token_helper);
  tcase_add_test (tc, token_helper_missing);
  tcase_add_test (tc, token_repeats);
  tcase_add_test (tc, token_cleared);
  tcase_add_test (tc, token_masked_by_state);
  tcase_add_test (tc, token_mask);
  suite_add_tcase (suite, tc);
  return suite;
}
