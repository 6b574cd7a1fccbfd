/* SPDX-License-Identifier: MIT */

/*
 * The states of a message under updates in any order, against a model written from messaging.md 3.6
 * and 4.3. 5,000 random orders; BARUA_MODEL_ORDERS=1000000 for more, BARUA_MODEL_SEED for others.
 */

#include "gateway/rules/tasks.h"
#include "tests/suites.h"

#include <stdlib.h>
#include <string.h>

#define NOW 1795280132746
#define MAX_UPDATES 12

/* ---- the model ---- */

typedef enum
{
  M_SCHEDULED,
  M_DENIED,
  M_MUTED,
  M_CLEARED, /* up to here: never with a phone */
  M_PENDING,
  M_FORWARDED_TO, /* rank 1 */
  M_RECEIVED,     /* rank 2 */
  M_FORWARDED_BY, /* rank 3 */
  M_SENT,         /* rank 4 */
  M_DELIVERED,    /* rank 5 */
  M_FAILED,
  M_UNRECOGNISED,
  M_EXPIRED,
  N_M,
} ModelState;

static const char *const names[N_M]
    = { "scheduled", "denied", "muted", "cleared", "pending", "forwarded-to-gateway",
        "received-by-gateway", "forwarded-by-gateway", "sent", "delivered", "failed",
        "unrecognised", "expired" };

typedef struct
{
  ModelState state;
  const char *details; /* NULL: none; texts of the table below */
} ModelEntry;

typedef struct
{
  ModelEntry now;
  ModelEntry history[MAX_UPDATES + 1];
  guint n;
} Model;

static gboolean
model_accepts (ModelState from, ModelState to)
{
  if (from <= M_CLEARED || from == M_DELIVERED)
    return FALSE;
  if (from == M_SENT) /* no way back; unrecognised never overwrites rank 4 */
    return to != M_RECEIVED && to != M_FORWARDED_BY && to != M_UNRECOGNISED;
  if (from == M_FAILED) /* final, but for a manual retry */
    return to == M_FAILED || (to >= M_RECEIVED && to <= M_DELIVERED);
  return TRUE;
}

static gboolean
is_known (ModelEntry at, ModelEntry update)
{
  return at.state == update.state
         && (update.details == NULL || g_strcmp0 (at.details, update.details) == 0);
}

static void
model_update (Model *model, ModelEntry update)
{
  const gboolean is_accepted = model_accepts (model->now.state, update.state);

  /* the same again; also a refusal that was just written down */
  if (is_known (model->history[model->n - 1], update)
      && (!is_accepted || is_known (model->now, update)))
    return;
  model->history[model->n++] = update;
  if (is_accepted)
    model->now = update;
}

/* ---- what phones say ---- */

static const struct
{
  const char *json;
  ModelEntry means;
} words[] = {
  { "{\"status\":\"UNSENT\"}", { M_RECEIVED, NULL } },
  { "{\"status\":\"PENDING\"}", { M_FORWARDED_BY, NULL } },
  { "{\"status\":\"SENT\"}", { M_SENT, NULL } },
  { "{\"status\":\"DELIVERED\"}", { M_DELIVERED, NULL } },
  { "{\"status\":\"FAILED\"}", { M_FAILED, NULL } },
  { "{\"status\":\"FAILED\",\"reason\":\"radio-off\"}", { M_FAILED, "{\"reason\":\"radio-off\"}" } },
  { "{\"reason\":\"no-service\",\"status\":\"FAILED\"}",
    { M_FAILED, "{\"reason\":\"no-service\"}" } },
  { "{\"status\":\"UNSENT\",\"reason\":\"radio-off\"}",
    { M_RECEIVED, "{\"reason\":\"radio-off\"}" } },
  { "{\"status\":\"DELIVERED\",\"reason\":\"late\"}", { M_DELIVERED, "{\"reason\":\"late\"}" } },
  { "{\"status\":\"SENT\",\"reason\":\"\"}", { M_SENT, NULL } },
  { "{\"status\":\"sent\"}", { M_UNRECOGNISED, "{\"gateway_status\":\"sent\"}" } },
  { "{\"status\":7,\"reason\":\"x\"}", { M_UNRECOGNISED, "{\"gateway_status\":7}" } },
  { "{}", { M_UNRECOGNISED, "{}" } },
};

/* ---- the comparison ---- */

static BaruaJson
read_valid (const char *text)
{
  BaruaJson value = BARUA_JSON_NONE;

  ck_assert_msg (barua_json_read (text, -1, &value, NULL), "%s", text);
  return value;
}

static void
assert_entry (BaruaJson at, ModelEntry wanted, const char *document)
{
  BaruaJson details = barua_json_member (at, "state_details");

  ck_assert_msg (barua_json_string_is (barua_json_member (at, "state"),
                                       barua_text (names[wanted.state])),
                 "not %s: %s", names[wanted.state], document);
  if (wanted.details == NULL)
    ck_assert_msg (details.text == NULL, "details: %s", document);
  else
    ck_assert_msg (barua_json_equal (details, read_valid (wanted.details)), "not %s: %s",
                   wanted.details, document);
}

static void
assert_like (const Model *model, const char *document)
{
  BaruaJson task = barua_json_element (barua_json_member (read_valid (document), "tasks"), 0);
  BaruaJson history = barua_json_member (task, "state_history");

  assert_entry (task, model->now, document);
  ck_assert (barua_json_string_is (barua_json_member (task, "gateway_ref"), BARUA_TEXT ("ref")));
  ck_assert_msg (barua_json_size (history) == model->n, "not %u entries: %s", model->n, document);
  for (guint i = 0; i < model->n; i++)
    assert_entry (barua_json_element (history, i), model->history[i], document);
}

/* Some updates of one request: to the model, and to the document; FALSE: nothing to be stored. */
static gboolean
update_both (GRand *rand, Model *model, GString *document, guint n, BaruaArena *arena)
{
  BaruaTaskChange changes[MAX_UPDATES] = { 0 };
  g_autoptr (GString) out = g_string_new (NULL);
  const guint before = model->n;

  for (guint i = 0; i < n; i++)
    {
      const guint w = (guint)g_rand_int_range (rand, 0, G_N_ELEMENTS (words));
      changes[i].now_ms = NOW;
      barua_task_change_from_update (read_valid (words[w].json), arena, &changes[i]);
      model_update (model, words[w].means);
    }
  const gboolean is_changed
      = barua_tasks_apply ((BaruaText){ document->str, document->len }, changes, n, out);
  ck_assert_int_eq (is_changed, model->n > before);
  if (is_changed)
    g_string_assign (document, out->str);
  return is_changed;
}

/* One order of events from a state on, in as many requests as it happens. */
static void
play (GRand *rand, BaruaArena *arena)
{
  Model model = { .now = { (ModelState)g_rand_int_range (rand, 0, N_M), NULL }, .n = 1 };
  guint left = (guint)g_rand_int_range (rand, 1, MAX_UPDATES + 1);
  g_autoptr (GString) document = g_string_new (NULL);

  model.history[0] = model.now;
  g_string_printf (document,
                   "{\"tasks\":[{\"messages\":[{\"uuid\":\"u\"}],\"state\":\"%s\",\"gateway_ref\":"
                   "\"ref\",\"state_history\":[{\"state\":\"%s\",\"timestamp\":\"t\"}]}]}",
                   names[model.now.state], names[model.now.state]);
  while (left > 0)
    {
      const guint n = (guint)g_rand_int_range (rand, 1, (gint32)left + 1);
      update_both (rand, &model, document, n, arena);
      left -= n;
    }
  assert_like (&model, document->str);
}

static guint
number_from (const char *variable, guint fallback)
{
  const char *text = g_getenv (variable);

  return text != NULL ? (guint)strtoul (text, NULL, 10) : fallback;
}

START_TEST (task_model)
{
  const guint n = number_from ("BARUA_MODEL_ORDERS", 5000);
  GRand *rand = g_rand_new_with_seed (number_from ("BARUA_MODEL_SEED", 7));
  g_autoptr (BaruaArena) arena = barua_arena_new ();

  for (guint i = 0; i < n; i++)
    {
      play (rand, arena);
      barua_arena_reset (arena);
    }
  g_rand_free (rand);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("task-model");
  TCase *tc = tcase_create ("model");

  tcase_set_timeout (tc, 600);
  tcase_add_test (tc, task_model);
  suite_add_tcase (suite, tc);
  return suite;
}
