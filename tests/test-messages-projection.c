/* SPDX-License-Identifier: MIT */

#include "gateway/rules/messages.h"
#include "tests/suites.h"

#include <string.h>

static BaruaArena *arena;
static BaruaProjection projection;

static void
set_up (void)
{
  arena = barua_arena_new ();
  projection.rows = g_array_new (FALSE, FALSE, sizeof (BaruaMessageRow));
}

static void
tear_down (void)
{
  barua_arena_free (arena);
  g_array_unref (projection.rows);
}

/* Projects a text; the rows borrow from it. */
static void
project (const char *text)
{
  BaruaJson json;

  ck_assert_msg (barua_json_read (text, -1, &json, NULL), "%s", text);
  barua_messages_project (json, arena, &projection);
}

static const BaruaMessageRow *
row_at (guint i)
{
  ck_assert_uint_lt (i, projection.rows->len);
  return &g_array_index (projection.rows, BaruaMessageRow, i);
}

/* A task, how many rows it makes, and what the first one says. */
typedef struct
{
  const char *task;
  guint n_rows;
  BaruaTaskState state;
  gboolean is_offered;
  gint64 due_ms;
  const char *why;
} TaskCase;

#define COMPLETE "\"messages\":[{\"uuid\":\"u\",\"to\":\"+1\",\"message\":\"m\"}]"

static const TaskCase tasks[] = {
  { "{" COMPLETE ",\"state\":\"pending\"}", 1, BARUA_TASK_STATE_PENDING, TRUE, 7000, "plain" },
  { "{" COMPLETE ",\"state\":\"forwarded-to-gateway\"}", 1, BARUA_TASK_STATE_FORWARDED_TO_GATEWAY,
    TRUE, 7000, "offered until confirmed" },
  { "{" COMPLETE ",\"state\":\"received-by-gateway\"}", 1, BARUA_TASK_STATE_RECEIVED_BY_GATEWAY,
    FALSE, 7000, "confirmed" },
  { "{" COMPLETE ",\"state\":\"scheduled\"}", 1, BARUA_TASK_STATE_SCHEDULED, FALSE, 7000, "waits" },
  { "{" COMPLETE ",\"state\":\"Pending\"}", 1, BARUA_TASK_STATE_OTHER, FALSE, 7000,
    "states are case-sensitive" },
  { "{" COMPLETE "}", 1, BARUA_TASK_STATE_OTHER, FALSE, 7000, "no state" },
  { "{" COMPLETE ",\"state\":\"pending\",\"due\":\"1970-01-01T00:00:09.5Z\"}", 1,
    BARUA_TASK_STATE_PENDING, TRUE, 9500, "due wins" },
  { "{" COMPLETE ",\"state\":\"pending\",\"timestamp\":8000}", 1, BARUA_TASK_STATE_PENDING, TRUE,
    8000, "then timestamp" },
  { "{" COMPLETE ",\"state\":\"pending\",\"due\":\"\",\"timestamp\":8000}", 1,
    BARUA_TASK_STATE_PENDING, TRUE, 8000, "an empty due is none" },
  { "{" COMPLETE ",\"state\":\"pending\",\"due\":\"soon\"}", 1, BARUA_TASK_STATE_PENDING, FALSE,
    BARUA_NO_TIME, "an unreadable due is never selected" },
  { "{\"messages\":[{\"uuid\":\"\",\"to\":\"+1\",\"message\":\"m\"}],\"state\":\"pending\"}", 1,
    BARUA_TASK_STATE_PENDING, FALSE, 7000, "empty uuid" },
  { "{\"messages\":[{\"uuid\":\"u\",\"to\":\"\",\"message\":\"m\"}],\"state\":\"pending\"}", 1,
    BARUA_TASK_STATE_PENDING, FALSE, 7000, "nobody to send to" },
  { "{\"messages\":[{\"uuid\":\"u\",\"to\":\"+1\"}],\"state\":\"pending\"}", 1,
    BARUA_TASK_STATE_PENDING, FALSE, 7000, "no text" },
  { "{\"messages\":[{\"uuid\":5,\"to\":\"+1\",\"message\":\"m\"}],\"state\":\"pending\"}", 1,
    BARUA_TASK_STATE_PENDING, FALSE, 7000, "uuid of another type" },
  { "{\"messages\":[],\"state\":\"scheduled\"}", 1, BARUA_TASK_STATE_SCHEDULED, FALSE, 7000,
    "no messages yet" },
  { "{\"state\":\"scheduled\"}", 1, BARUA_TASK_STATE_SCHEDULED, FALSE, 7000, "no messages yet" },
  { "{\"messages\":{\"a\":1},\"state\":\"muted\"}", 1, BARUA_TASK_STATE_MUTED, FALSE, 7000,
    "messages of another type" },
  { "{\"messages\":[7,null],\"state\":\"pending\"}", 0, BARUA_TASK_STATE_PENDING, FALSE, 0,
    "entries that are no messages" },
  { "7", 0, BARUA_TASK_STATE_OTHER, FALSE, 0, "no task" },
  { "null", 0, BARUA_TASK_STATE_OTHER, FALSE, 0, "no task" },
};

START_TEST (projection_task)
{
  const TaskCase *c = &tasks[_i];
  g_autofree char *text = g_strdup_printf ("{\"tasks\":[%s],\"reported_date\":7000}", c->task);

  project (text);
  ck_assert_msg (projection.rows->len == c->n_rows, "%s: %u rows", c->why, projection.rows->len);
  if (c->n_rows == 0)
    return;
  ck_assert_msg (row_at (0)->state == c->state, "%s", c->why);
  ck_assert_msg (row_at (0)->is_offered == c->is_offered, "%s", c->why);
  ck_assert_msg (row_at (0)->due_ms == c->due_ms, "%s", c->why);
}
END_TEST

START_TEST (projection_document)
{
  project ("{\"type\":\"data_record\",\"sms_message\":{\"gateway_ref\":\"r\\u00e9f\"},"
           "\"scheduled_tasks\":[{\"state\":\"scheduled\",\"timestamp\":5}],"
           "\"tasks\":[0,{\"messages\":[{\"uuid\":\"a\",\"to\":\"1\",\"message\":\"x\\ny\"},"
           "{\"uuid\":\"b\",\"to\":\"2\",\"message\":\"z\"}],\"state\":\"sent\","
           "\"gateway_ref\":\"g1\",\"state_history\":[{\"timestamp\":1},"
           "{\"timestamp\":\"2026-11-21T16:55:32.746Z\"}]}],\"reported_date\":3}");

  ck_assert (barua_text_equal (projection.gateway_ref, BARUA_TEXT ("r\xc3\xa9"
                                                                   "f")));
  ck_assert_uint_eq (projection.rows->len, 3);
  ck_assert (barua_text_equal (row_at (0)->uuid, BARUA_TEXT ("a")));
  ck_assert (barua_text_equal (row_at (0)->content, BARUA_TEXT ("x\ny")));
  ck_assert (barua_text_equal (row_at (0)->gateway_ref, BARUA_TEXT ("g1")));
  ck_assert_int_eq (row_at (0)->updated_ms, G_GINT64_CONSTANT (1795280132746));
  ck_assert_int_eq (row_at (0)->due_ms, 3);
  ck_assert_int_eq (row_at (1)->path.task, 1);
  ck_assert_int_eq (row_at (1)->path.message, 1);
  ck_assert_int_eq (row_at (2)->path.list, BARUA_MESSAGE_LIST_SCHEDULED_TASKS);
  ck_assert_int_eq (row_at (2)->path.message, -1);
  ck_assert_ptr_null (row_at (2)->uuid.p);
  ck_assert_int_eq (row_at (2)->updated_ms, 5);
}
END_TEST

START_TEST (projection_nothing)
{
  static const char *const texts[]
      = { "{}", "[]", "3", "null", "{\"tasks\":{}}", "{\"tasks\":[],\"scheduled_tasks\":null}" };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      project (texts[i]);
      ck_assert_uint_eq (projection.rows->len, 0);
      ck_assert_ptr_null (projection.gateway_ref.p);
    }
  project ("{\"type\":\"person\",\"sms_message\":{\"gateway_ref\":\"x\"}}");
  ck_assert_ptr_null (projection.gateway_ref.p);
  project ("{\"type\":\"data_record\",\"sms_message\":{\"gateway_ref\":\"\"}}");
  ck_assert_ptr_null (projection.gateway_ref.p);
}
END_TEST

START_TEST (projection_states)
{
  for (guint i = 1; i < BARUA_N_TASK_STATES; i++)
    {
      const char *name = barua_task_state_name ((BaruaTaskState)i);
      ck_assert_int_gt (strlen (name), 0);
      ck_assert_uint_eq (barua_task_state_from_text (barua_text (name)), i);
    }
  ck_assert_uint_eq (barua_task_state_from_text (BARUA_TEXT ("")), BARUA_TASK_STATE_OTHER);
}
END_TEST

/* A path as text; the text orders as the document does. */
START_TEST (projection_paths)
{
  static const BaruaMessagePath paths[] = {
    { BARUA_MESSAGE_LIST_TASKS, 0, -1 },          { BARUA_MESSAGE_LIST_TASKS, 0, 0 },
    { BARUA_MESSAGE_LIST_TASKS, 9, 0 },           { BARUA_MESSAGE_LIST_TASKS, 9, 10 },
    { BARUA_MESSAGE_LIST_TASKS, 10, 2 },          { BARUA_MESSAGE_LIST_TASKS, G_MAXINT, G_MAXINT },
    { BARUA_MESSAGE_LIST_SCHEDULED_TASKS, 0, 0 },
  };
  char before[BARUA_MESSAGE_PATH_SIZE] = "";

  for (gsize i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      char text[BARUA_MESSAGE_PATH_SIZE];
      BaruaMessagePath read;
      ck_assert_uint_eq (barua_message_path_write (paths[i], text), strlen (text));
      ck_assert_int_lt (strcmp (before, text), 0);
      ck_assert (barua_message_path_read (barua_text (text), &read));
      ck_assert_int_eq (read.list, paths[i].list);
      ck_assert_uint_eq (read.task, paths[i].task);
      ck_assert_int_eq (read.message, paths[i].message);
      g_strlcpy (before, text, sizeof before);
    }
  static const char *const wrong[]
      = { "", "0", "2a0", "0a", "0b1", "0a0a", "0a0a1x", "0ax", "0j9999999999" };
  for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      BaruaMessagePath read;
      ck_assert_msg (!barua_message_path_read (barua_text (wrong[i]), &read), "%s", wrong[i]);
    }
}
END_TEST

/* A time as JSON, and the milliseconds it means; BARUA_NO_TIME for none. Tests run with TZ=UTC. */
typedef struct
{
  const char *json;
  gint64 ms;
} TimeCase;

static const TimeCase times[] = {
  { "0", 0 },
  { "1.9", 1 },
  { "-5", -5 },
  { "8.64e15", G_GINT64_CONSTANT (8640000000000000) },
  { "1e16", BARUA_NO_TIME },
  { "1e400", BARUA_NO_TIME },
  { "true", BARUA_NO_TIME },
  { "null", BARUA_NO_TIME },
  { "{}", BARUA_NO_TIME },
  { "\"\"", BARUA_NO_TIME },
  { "\"1970-01-01\"", 0 },
  { "\"1970-01-01T00:01\"", 60000 },
  { "\"1970-01-01 00:00:01\"", 1000 },
  { "\"1970-01-01T00:00:00.1234Z\"", 123 },
  { "\"1970-01-01T02:00:00+02:00\"", 0 },
  { "\"1970-01-01T02:00:00+0200\"", 0 },
  { "\"1969-12-31T19:00:00-05\"", 0 },
  { "\"2000-02-29T00:00:00Z\"", G_GINT64_CONSTANT (951782400000) },
  { "\"2026-11-21T16:55:32.746Z\"", G_GINT64_CONSTANT (1795280132746) },
  { "\"0000-03-01T00:00:00Z\"", G_GINT64_CONSTANT (-62162035200000) },
  { "\"1970-13-01\"", BARUA_NO_TIME },
  { "\"1970-00-01\"", BARUA_NO_TIME },
  { "\"1970-01-32\"", BARUA_NO_TIME },
  { "\"1970-01-01T25:00:00Z\"", BARUA_NO_TIME },
  { "\"1970-01-01T00:00:00.Z\"", BARUA_NO_TIME },
  { "\"1970-01-01T00:00:00+99:00\"", BARUA_NO_TIME },
  { "\"1970-01-01T00:00:00Zx\"", BARUA_NO_TIME },
  { "\"1970-01-01T\"", BARUA_NO_TIME },
  { "\"tomorrow\"", BARUA_NO_TIME },
  { "\"1795280132746\"", G_GINT64_CONSTANT (1795280132746) },
  { "\"1795280132\"", BARUA_NO_TIME },
  { "\"99999999999999999\"", BARUA_NO_TIME },
};

START_TEST (projection_time)
{
  const TimeCase *c = &times[_i];
  BaruaJson json;
  gint64 ms = BARUA_NO_TIME;

  ck_assert (barua_json_read (c->json, -1, &json, NULL));
  const gboolean is_time = barua_message_time (json, &ms);
  ck_assert_msg (is_time == (c->ms != BARUA_NO_TIME), "%s", c->json);
  ck_assert_msg (ms == c->ms, "%s: %" G_GINT64_FORMAT, c->json, ms);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("messages-projection");
  TCase *tc = tcase_create ("projection");

  tcase_add_checked_fixture (tc, set_up, tear_down);
  tcase_add_loop_test (tc, projection_task, 0, G_N_ELEMENTS (tasks));
  tcase_add_test (tc, projection_document);
  tcase_add_test (tc, projection_nothing);
  tcase_add_test (tc, projection_states);
  tcase_add_test (tc, projection_paths);
  tcase_add_loop_test (tc, projection_time, 0, G_N_ELEMENTS (times));
  suite_add_tcase (suite, tc);
  return suite;
}
