/* SPDX-License-Identifier: MIT */

#include "gateway/rules/outgoing.h"
#include "tests/suites.h"

#include <string.h>

static BaruaJson
read_valid (const char *text)
{
  BaruaJson value = BARUA_JSON_NONE;

  ck_assert_msg (barua_json_read (text, -1, &value, NULL), "%s", text);
  return value;
}

/* ---- which action is for which state (messaging.md 3.9, 4.3) ---- */

START_TEST (outgoing_actions)
{
  const BaruaTaskState waiting[]
      = { BARUA_TASK_STATE_SCHEDULED, BARUA_TASK_STATE_PENDING, BARUA_TASK_STATE_MUTED,
          BARUA_TASK_STATE_FORWARDED_TO_GATEWAY };

  for (int state = 0; state < BARUA_N_TASK_STATES; state++)
    {
      gboolean waits = FALSE;
      for (gsize i = 0; i < G_N_ELEMENTS (waiting); i++)
        waits = waits || waiting[i] == (BaruaTaskState)state;
      ck_assert_int_eq (barua_task_allows (BARUA_TASK_CANCEL, (BaruaTaskState)state), waits);
      ck_assert_int_eq (barua_task_allows (BARUA_TASK_RESEND, (BaruaTaskState)state),
                        !waits && state != BARUA_TASK_STATE_OTHER);
      ck_assert_int_eq (barua_task_allows (BARUA_TASK_RETRY, (BaruaTaskState)state),
                        state == BARUA_TASK_STATE_FAILED || state == BARUA_TASK_STATE_EXPIRED);
    }
}
END_TEST

/* ---- one more task ---- */

typedef struct
{
  const char *before;
  const char *after;
} AddRow;

static const AddRow add_rows[] = {
  { "{}", "{\"tasks\":[{\"t\":1}]}" },
  { "{\"a\":1.0}", "{\"a\":1.0,\"tasks\":[{\"t\":1}]}" },
  { "{\"tasks\":[],\"z\":[]}", "{\"tasks\":[{\"t\":1}],\"z\":[]}" },
  { "{\"tasks\":[{\"s\":\"]\"}],\"z\":1e1}", "{\"tasks\":[{\"s\":\"]\"},{\"t\":1}],\"z\":1e1}" },
  { "{\"tasks\":null,\"b\":2}", "{\"tasks\":[{\"t\":1}],\"b\":2}" },
  { "{\"tasks\":\"x\"}", "{\"tasks\":[{\"t\":1}]}" },
};

START_TEST (outgoing_add)
{
  g_autoptr (GString) out = g_string_new (NULL);

  barua_tasks_add (barua_text (add_rows[_i].before), BARUA_TEXT ("{\"t\":1}"), out);
  ck_assert_str_eq (out->str, add_rows[_i].after);
}
END_TEST

/* ---- what is sent ---- */

static gboolean
count_as (gpointer data, BaruaText to, BaruaText text, gint64 now_ms, guint *count, GError **error)
{
  *count = *(guint *)data;
  return TRUE;
}

/* The task that a body becomes; @count: how often it was sent already, this time included. */
static char *
make_document (const char *body, guint count)
{
  static const char source[] = "{\"default_country_code\":254}";
  g_autoptr (GBytes) bytes = g_bytes_new_static (source, sizeof source - 1);
  g_autoptr (BaruaSettings) settings = barua_settings_compile (bytes, NULL, 0, NULL);
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (GError) error = NULL;
  BaruaLookup lookup = { .data = &count, .count_repeat = count_as };
  BaruaOutgoing outgoing;
  char uuid[BARUA_UUID_SIZE];
  GString *out = g_string_new (NULL);

  ck_assert_ptr_nonnull (settings);
  if (!barua_outgoing_read (settings, read_valid (body), arena, 1795280132746, &outgoing, &error))
    {
      g_string_append (out, error->message);
      return g_string_free (out, FALSE);
    }
  outgoing.sent_by = BARUA_TEXT ("me");
  ck_assert (barua_outgoing_append_document (settings, &outgoing, &lookup, arena, out, uuid, NULL));
  BaruaJson document = read_valid (out->str);
  ck_assert (
      barua_json_string_is (barua_json_member (document, "type"), BARUA_TEXT ("outgoing_message")));
  ck_assert (barua_json_string_is (barua_json_member (document, "sent_by"), BARUA_TEXT ("me")));
  BaruaJson task = barua_json_element (barua_json_member (document, "tasks"), 0);
  BaruaJson message = barua_json_element (barua_json_member (task, "messages"), 0);
  ck_assert (barua_json_string_is (barua_json_member (message, "uuid"), barua_text (uuid)));
  g_autofree char *state = barua_json_string (barua_json_member (task, "state"), NULL);
  g_autofree char *to = barua_json_string (barua_json_member (message, "to"), NULL);
  g_autofree char *text = barua_json_string (barua_json_member (message, "message"), NULL);
  g_string_free (out, TRUE);
  return g_strdup_printf ("%s %s %.8s", state, to, text);
}

typedef struct
{
  const char *body;
  guint count;
  const char *made; /* or why not */
} MakeRow;

static const MakeRow make_rows[] = {
  { "{\"to\":\"0712345678\",\"content\":\"hi\"}", 5, "pending +254712345678 hi" },
  { "{\"to\":\"0712345678\",\"content\":\"hi\"}", 6, "duplicate +254712345678 hi" },
  { "{\"to\":\"60396\",\"content\":\"hi\",\"due\":1795280132747}", 6, "scheduled 60396 hi" },
  { "{\"to\":\"60396\",\"content\":\"hi\",\"due\":1795280132746}", 1, "pending 60396 hi" },
  { "{\"to\":\"\\u002b254712345678\",\"content\":\"h\\u0069\"}", 1, "pending +254712345678 hi" },
  { "{\"to\":\"60396\",\"content\":\"hi\",\"valid_until\":1795280132746}", 1,
    "valid_until: has passed" },
  { "{\"to\":\"60396\",\"content\":\"hi\",\"due\":1795280132750,\"valid_until\":1795280132750}", 1,
    "valid_until: is not after due" },
  { "{\"to\":\"60396\",\"content\":\"hi\",\"due\":-5}", 1,
    "due: must be a time: ISO 8601 text, or a number of milliseconds since 1970" },
  { "{\"to\":\"\\u0000\\u0000\\u0000\",\"content\":\"hi\"}", 1, "to: is no phone number" },
  { "{\"to\":\"1\\u00002345\",\"content\":\"hi\"}", 1, "to: is no phone number" },
  { "{\"to\":\"60396\"}", 1, "content: is missing" },
  { "{\"content\":\"hi\"}", 1, "to: is missing" },
  { "\"x\"", 1, "expected an object, not a string" },
};

START_TEST (outgoing_make)
{
  g_autofree char *made = make_document (make_rows[_i].body, make_rows[_i].count);

  ck_assert_str_eq (made, make_rows[_i].made);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("outgoing");
  TCase *tc = tcase_create ("outgoing");

  tcase_add_test (tc, outgoing_actions);
  tcase_add_loop_test (tc, outgoing_add, 0, G_N_ELEMENTS (add_rows));
  tcase_add_loop_test (tc, outgoing_make, 0, G_N_ELEMENTS (make_rows));
  suite_add_tcase (suite, tc);
  return suite;
}
