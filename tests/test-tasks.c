/* SPDX-License-Identifier: MIT */

#include "gateway/rules/tasks.h"
#include "tests/suites.h"
#include "tests/vectors.h"

#include <string.h>

#define NOW 1795280132746 /* 2026-11-21T16:55:32.746Z */

static BaruaText
text_of (const GString *string)
{
  return (BaruaText){ string->str, string->len };
}

static BaruaJson
read_valid (const char *text)
{
  BaruaJson value = BARUA_JSON_NONE;
  ck_assert_msg (barua_json_read (text, -1, &value, NULL), "%s", text);
  return value;
}

/* A document with one task in @state, after a history of that one entry. */
static GString *
document_in (const char *state)
{
  GString *out = g_string_new (NULL);

  g_string_printf (
      out,
      "{\"a\":1.50,\"tasks\":[{\"messages\":[{\"uuid\":\"u\"}],\"state\":\"%s\","
      "\"state_history\":[{\"state\":\"%s\",\"timestamp\":\"t\"}],\"group\":1e1}],\"z\":[ ]}",
      state, state);
  return out;
}

/* Applies updates of the phone in one go; FALSE when nothing is to be stored. */
static gboolean
apply_updates (GString *document, const char *const *updates, guint n)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (GString) out = g_string_new (NULL);
  g_autofree BaruaTaskChange *changes = g_new0 (BaruaTaskChange, n);

  for (guint i = 0; i < n; i++)
    {
      changes[i].now_ms = NOW;
      barua_task_change_from_update (read_valid (updates[i]), arena, &changes[i]);
    }
  if (!barua_tasks_apply (text_of (document), changes, n, out))
    return FALSE;
  g_string_assign (document, out->str);
  return TRUE;
}

static gboolean
apply_update (GString *document, const char *update)
{
  return apply_updates (document, &update, 1);
}

static char *
state_of (const GString *document, guint *n_history)
{
  BaruaJson task = barua_json_element (barua_json_member (read_valid (document->str), "tasks"), 0);

  *n_history = barua_json_size (barua_json_member (task, "state_history"));
  return barua_json_string (barua_json_member (task, "state"), NULL);
}

typedef struct
{
  const char *from;
  const char *update;
  const char *state; /* afterwards */
  guint history;     /* entries afterwards */
} Step;

/* messaging.md 3.6, 4.3, 12 nos. 6, 7 */
static const Step steps[] = {
  { "pending", "{\"status\":\"UNSENT\"}", "received-by-gateway", 2 },
  { "forwarded-to-gateway", "{\"status\":\"PENDING\"}", "forwarded-by-gateway", 2 },
  { "forwarded-by-gateway", "{\"status\":\"UNSENT\"}", "received-by-gateway", 2 },
  { "forwarded-by-gateway", "{\"status\":\"SENT\"}", "sent", 2 },
  { "sent", "{\"status\":\"DELIVERED\"}", "delivered", 2 },
  { "sent", "{\"status\":\"PENDING\"}", "sent", 2 },
  { "sent", "{\"status\":\"UNSENT\"}", "sent", 2 },
  { "sent", "{\"status\":\"FAILED\",\"reason\":\"x\"}", "failed", 2 },
  { "sent", "{\"status\":\"SENT\"}", "sent", 1 },
  { "sent", "{\"status\":\"sent\"}", "sent", 2 },
  { "delivered", "{\"status\":\"SENT\"}", "delivered", 2 },
  { "delivered", "{\"status\":\"FAILED\"}", "delivered", 2 },
  { "delivered", "{\"status\":\"DELIVERED\"}", "delivered", 1 },
  { "failed", "{\"status\":\"UNSENT\"}", "received-by-gateway", 2 },
  { "failed", "{\"status\":\"SENT\"}", "sent", 2 },
  { "failed", "{\"status\":\"nonsense\"}", "failed", 2 },
  { "failed", "{\"status\":\"FAILED\",\"reason\":\"again\"}", "failed", 2 },
  { "expired", "{\"status\":\"SENT\"}", "sent", 2 },
  { "pending", "{\"status\":\"sent\"}", "unrecognised", 2 },
  { "pending", "{}", "unrecognised", 2 },
  { "unrecognised", "{\"status\":\"SENT\"}", "sent", 2 },
  { "scheduled", "{\"status\":\"SENT\"}", "scheduled", 2 },
  { "muted", "{\"status\":\"SENT\"}", "muted", 2 },
  { "denied", "{\"status\":\"SENT\"}", "denied", 2 },
};

START_TEST (task_step)
{
  const Step *v = &steps[_i];
  g_autoptr (GString) document = document_in (v->from);
  guint history = 0;

  gboolean stored = apply_update (document, v->update);
  g_autofree char *state = state_of (document, &history);
  ck_assert_msg (strcmp (state, v->state) == 0, "%s + %s: %s", v->from, v->update, state);
  ck_assert_msg (history == v->history, "%s + %s: %u entries", v->from, v->update, history);
  ck_assert_int_eq (stored, v->history > 1);
  ck_assert_msg (!apply_update (document, v->update), "%s + %s: the second time changes something",
                 v->from, v->update);
}
END_TEST

START_TEST (task_text)
{
  g_autoptr (GString) document = document_in ("pending");

  ck_assert (apply_update (document, "{\"status\":\"FAILED\",\"reason\":\"radio-off\"}"));
  ck_assert_str_eq (document->str,
                    "{\"a\":1.50,\"tasks\":[{\"messages\":[{\"uuid\":\"u\"}],\"state\":\"failed\","
                    "\"state_details\":{\"reason\":\"radio-off\"},"
                    "\"state_history\":[{\"state\":\"pending\",\"timestamp\":\"t\"},"
                    "{\"state\":\"failed\",\"state_details\":{\"reason\":\"radio-off\"},"
                    "\"timestamp\":\"2026-11-21T16:55:32.746Z\"}],\"group\":1e1}],\"z\":[ ]}");
  ck_assert (apply_update (document, "{\"status\":\"UNSENT\"}"));
  ck_assert_ptr_null (
      strstr (document->str, "\"state\":\"received-by-gateway\",\"state_details\""));
}
END_TEST

START_TEST (task_details)
{
  g_autoptr (GString) document = document_in ("pending");

  ck_assert (apply_update (document, "{\"status\":\"Sent\"}"));
  ck_assert_ptr_nonnull (strstr (document->str, "\"state_details\":{\"gateway_status\":\"Sent\"}"));
  g_autoptr (GString) without = document_in ("pending");
  ck_assert (apply_update (without, "{\"reason\":\"x\"}"));
  ck_assert_ptr_nonnull (strstr (without->str, "\"state_details\":{}"));
}
END_TEST

/* A task that says nothing of its state takes one; a place that is not there changes nothing. */
START_TEST (task_odd)
{
  const BaruaTaskChange first = { .state = BARUA_TASK_STATE_PENDING, .now_ms = NOW };
  const BaruaTaskChange second = { .task = 1, .state = BARUA_TASK_STATE_SENT, .now_ms = NOW };
  const BaruaTaskChange scheduled = { .list = BARUA_MESSAGE_LIST_SCHEDULED_TASKS,
                                      .state = BARUA_TASK_STATE_SENT,
                                      .now_ms = NOW };
  g_autoptr (GString) out = g_string_new (NULL);

  ck_assert (!barua_tasks_apply (BARUA_TEXT ("{}"), &first, 1, out));
  ck_assert (!barua_tasks_apply (BARUA_TEXT ("{\"tasks\":[1]}"), &first, 1, out));
  ck_assert (!barua_tasks_apply (BARUA_TEXT ("{\"tasks\":{\"a\":{}}}"), &first, 1, out));
  ck_assert (!barua_tasks_apply (BARUA_TEXT ("{\"tasks\":[{}]}"), &second, 1, out));
  ck_assert (!barua_tasks_apply (BARUA_TEXT ("{\"tasks\":[{}]}"), &scheduled, 1, out));
  ck_assert_uint_eq (out->len, 0);
  ck_assert (barua_tasks_apply (BARUA_TEXT ("{\"tasks\":[{}]}"), &first, 1, out));
  ck_assert_str_eq (out->str, "{\"tasks\":[{\"state_history\":[{\"state\":\"pending\","
                              "\"timestamp\":\"2026-11-21T16:55:32.746Z\"}]}]}");
}
END_TEST

/* messaging.md 12 no. 5: several updates in one go are what they are one after the other */
START_TEST (task_several)
{
  static const char *const updates[]
      = { "{\"status\":\"UNSENT\"}", "{\"status\":\"PENDING\"}", "{\"status\":\"SENT\"}",
          "{\"status\":\"SENT\"}",   "{\"status\":\"UNSENT\"}",  "{\"status\":\"DELIVERED\"}" };
  g_autoptr (GString) at_once = document_in ("pending");
  g_autoptr (GString) one_by_one = document_in ("pending");
  guint history = 0;

  ck_assert (apply_updates (at_once, updates, G_N_ELEMENTS (updates)));
  for (gsize i = 0; i < G_N_ELEMENTS (updates); i++)
    apply_update (one_by_one, updates[i]);
  ck_assert_str_eq (at_once->str, one_by_one->str);
  g_autofree char *state = state_of (at_once, &history);
  ck_assert_str_eq (state, "delivered");
  ck_assert_uint_eq (history, 6);
}
END_TEST

/* Changes of several tasks in both lists, whatever the order of the lists and of the changes. */
START_TEST (task_places)
{
  const BaruaTaskChange changes[] = {
    { BARUA_MESSAGE_LIST_TASKS, 2, BARUA_TASK_STATE_SENT, { NULL, 0 }, NOW },
    { BARUA_MESSAGE_LIST_SCHEDULED_TASKS, 0, BARUA_TASK_STATE_SENT, { NULL, 0 }, NOW },
    { BARUA_MESSAGE_LIST_TASKS, 0, BARUA_TASK_STATE_SENT, { NULL, 0 }, NOW },
    { BARUA_MESSAGE_LIST_TASKS, 9, BARUA_TASK_STATE_SENT, { NULL, 0 }, NOW },
  };
  static const char *const documents[] = {
    "{\"x\":[1 "
    "],\"tasks\":[{\"state\":\"pending\"},7,{\"state\":\"pending\"}],\"scheduled_tasks\":[{"
    "\"state\":\"pending\"}],\"y\":2}",
    "{\"scheduled_tasks\":[{\"state\":\"pending\"}],\"tasks\":[{\"state\":\"pending\"},7,{"
    "\"state\":\"pending\"}],\"x\":[1 ],\"y\":2}",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (documents); i++)
    {
      g_autoptr (GString) out = g_string_new (NULL);
      ck_assert (
          barua_tasks_apply (barua_text (documents[i]), changes, G_N_ELEMENTS (changes), out));
      BaruaJson document = read_valid (out->str);
      ck_assert_ptr_null (strstr (out->str, "\"state\":\"pending\""));
      ck_assert_ptr_nonnull (strstr (out->str, "\"x\":[1 ]"));
      ck_assert_uint_eq (barua_json_size (barua_json_member (document, "tasks")), 3);
      ck_assert_uint_eq (barua_json_size (barua_json_member (document, "scheduled_tasks")), 1);
      ck_assert_uint_eq (barua_json_size (document), 4);
    }
}
END_TEST

START_TEST (task_new)
{
  g_autoptr (GString) tasks = g_string_new ("[");
  const BaruaNewTask task
      = { BARUA_TEXT ("u-1"), BARUA_TEXT ("+254"),      BARUA_TEXT ("a\"b"), { NULL, 0 },
          { NULL, 0 },        BARUA_TASK_STATE_PENDING, { NULL, 0 },         NOW };

  barua_task_append (tasks, &task);
  barua_task_append (tasks, &task);
  g_string_append_c (tasks, ']');
  BaruaJson list = read_valid (tasks->str);
  ck_assert_uint_eq (barua_json_size (list), 2);
  ck_assert (barua_json_equal (barua_json_element (list, 1),
                               read_valid ("{\"messages\":[{\"uuid\":\"u-1\",\"to\":\"+254\","
                                           "\"message\":\"a\\\"b\"}],\"state\":\"pending\","
                                           "\"state_history\":[{\"state\":\"pending\","
                                           "\"timestamp\":\"2026-11-21T16:55:32.746Z\"}]}")));
}
END_TEST

START_TEST (task_times)
{
  g_autoptr (GString) tasks = g_string_new ("[");
  const BaruaNewTask task = { .uuid = BARUA_TEXT ("u"),
                              .state = BARUA_TASK_STATE_SCHEDULED,
                              .now_ms = NOW,
                              .due_ms = NOW + 1000,
                              .valid_until_ms = NOW + 2000 };

  barua_task_append (tasks, &task);
  g_string_append_c (tasks, ']');
  BaruaJson made = barua_json_element (read_valid (tasks->str), 0);
  ck_assert (barua_json_string_is (barua_json_member (made, "due"),
                                   BARUA_TEXT ("2026-11-21T16:55:33.746Z")));
  ck_assert (barua_json_string_is (barua_json_member (made, "valid_until"),
                                   BARUA_TEXT ("2026-11-21T16:55:34.746Z")));
}
END_TEST

/* A person may do what a phone may not: cancel, and try again. */
START_TEST (task_decided)
{
  const struct
  {
    const char *from;
    BaruaTaskState to;
  } cases[] = { { "scheduled", BARUA_TASK_STATE_CLEARED }, { "failed", BARUA_TASK_STATE_PENDING } };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GString) document = document_in (cases[i].from);
      g_autoptr (GString) refused = g_string_new (NULL), out = g_string_new (NULL);
      BaruaTaskChange change = { .state = cases[i].to, .now_ms = NOW };
      guint n_history = 0;

      ck_assert (barua_tasks_apply (text_of (document), &change, 1, refused));
      g_autofree char *kept = state_of (refused, &n_history);
      ck_assert_str_eq (kept, cases[i].from);
      change.is_decided = TRUE;
      ck_assert (barua_tasks_apply (text_of (document), &change, 1, out));
      g_autofree char *state = state_of (out, &n_history);
      ck_assert_str_eq (state, barua_task_state_name (cases[i].to));
      ck_assert_uint_eq (n_history, 2);
    }
}
END_TEST

/* The carrier's id comes with a change, stays through others, and is replaced by the next. */
START_TEST (task_reference)
{
  g_autoptr (GString) document = document_in ("pending");
  const struct
  {
    BaruaTaskState to;
    BaruaText given;
    const char *stored; /* NULL: nothing is to be stored */
  } steps_made[] = {
    { BARUA_TASK_STATE_FORWARDED_BY_GATEWAY, BARUA_TEXT ("r\"1"), "r\"1" },
    { BARUA_TASK_STATE_FORWARDED_BY_GATEWAY, BARUA_TEXT ("r\"1"), NULL },
    { BARUA_TASK_STATE_SENT, { NULL, 0 }, "r\"1" },
    { BARUA_TASK_STATE_SENT, BARUA_TEXT ("r2"), "r2" },
    { BARUA_TASK_STATE_FORWARDED_BY_GATEWAY, BARUA_TEXT ("r3"), "r2" }, /* refused: too late */
  };

  for (gsize i = 0; i < G_N_ELEMENTS (steps_made); i++)
    {
      g_autoptr (GString) out = g_string_new (NULL);
      const BaruaTaskChange change
          = { .state = steps_made[i].to, .reference = steps_made[i].given, .now_ms = NOW };
      gboolean changed = barua_tasks_apply (text_of (document), &change, 1, out);

      ck_assert_int_eq (changed, steps_made[i].stored != NULL);
      if (!changed)
        continue;
      g_string_assign (document, out->str);
      BaruaJson task
          = barua_json_element (barua_json_member (read_valid (document->str), "tasks"), 0);
      g_autofree char *reference = barua_json_string (barua_json_member (task, "gateway_ref"), NULL);
      ck_assert_str_eq (reference, steps_made[i].stored);
    }
}
END_TEST

typedef struct
{
  gint64 ms;
  const char *text;
} Time;

static const Time times[] = {
  { 0, "\"1970-01-01T00:00:00.000Z\"" },
  { -1, "\"1969-12-31T23:59:59.999Z\"" },
  { 951782400000, "\"2000-02-29T00:00:00.000Z\"" },
  { 1709251199999, "\"2024-02-29T23:59:59.999Z\"" },
  { 4102444800000, "\"2100-01-01T00:00:00.000Z\"" },
};

START_TEST (task_time)
{
  g_autoptr (GString) out = g_string_new (NULL);

  barua_append_time (out, times[_i].ms);
  ck_assert_str_eq (out->str, times[_i].text);
}
END_TEST

START_TEST (task_uuid)
{
  char a[BARUA_UUID_SIZE], b[BARUA_UUID_SIZE], later[BARUA_UUID_SIZE];

  barua_uuid_new (NOW, a);
  barua_uuid_new (NOW, b);
  barua_uuid_new (NOW + 1, later);
  ck_assert (g_uuid_string_is_valid (a));
  ck_assert_int_eq (a[14], '7');
  ck_assert_ptr_nonnull (strchr ("89ab", a[19]));
  ck_assert_str_ne (a, b);
  ck_assert (strcmp (a, later) < 0 && strcmp (b, later) < 0);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("tasks");
  TCase *tc = tcase_create ("tasks");

  tcase_add_loop_test (tc, task_step, 0, G_N_ELEMENTS (steps));
  tcase_add_test (tc, task_text);
  tcase_add_test (tc, task_details);
  tcase_add_test (tc, task_odd);
  tcase_add_test (tc, task_several);
  tcase_add_test (tc, task_places);
  tcase_add_test (tc, task_new);
  tcase_add_test (tc, task_times);
  tcase_add_test (tc, task_decided);
  tcase_add_test (tc, task_reference);
  tcase_add_loop_test (tc, task_time, 0, G_N_ELEMENTS (times));
  tcase_add_test (tc, task_uuid);
  suite_add_tcase (suite, tc);
  return suite;
}
