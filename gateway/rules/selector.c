/* SPDX-License-Identifier: MIT */

/* Mango selectors: a flat list of conditions, each after the group it belongs to. */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/selector.h"

#include "gateway/rules/collation.h"

#include <string.h>

typedef enum
{
  NODE_ALL,  /* every child holds */
  NODE_ANY,  /* some child holds */
  NODE_NONE, /* no child holds */
  NODE_TEST,
} NodeKind;

typedef enum
{
  TEST_EQ,
  TEST_NE,
  TEST_GT,
  TEST_GTE,
  TEST_LT,
  TEST_LTE,
  TEST_IN,
  TEST_NIN,
  TEST_EXISTS,
} Test;

/* A group, or a condition.  Children stand behind their parent, so that a walk from the end folds
 * every group before it is needed. */
typedef struct
{
  NodeKind kind;
  guint parent;
  Test test;
  GString *path; /* dotted; borrowed from the list of paths */
  BaruaJson operand;
} Node;

/* An object whose members are still to be turned into nodes. */
typedef struct
{
  guint parent;
  GString *path; /* NULL at the top */
  BaruaJson object;
} Task;

struct _BaruaSelector
{
  GArray *nodes;    /* of Node; the first is the group of all */
  GPtrArray *paths; /* of GString */
};

static const struct
{
  const char *name;
  Test test;
} tests[] = {
  { "$eq", TEST_EQ },   { "$ne", TEST_NE },   { "$gt", TEST_GT },
  { "$gte", TEST_GTE }, { "$lt", TEST_LT },   { "$lte", TEST_LTE },
  { "$in", TEST_IN },   { "$nin", TEST_NIN }, { "$exists", TEST_EXISTS },
};

static const struct
{
  const char *name;
  NodeKind kind;
} groups[] = {
  { "$and", NODE_ALL },
  { "$or", NODE_ANY },
  { "$nor", NODE_NONE },
};

/* ---- order ---- */

int
barua_json_compare (BaruaJson a, BaruaJson b)
{
  g_autoptr (GString) left = g_string_new (NULL);
  g_autoptr (GString) right = g_string_new (NULL);

  if (a.text == NULL || b.text == NULL)
    return (a.text != NULL) - (b.text != NULL);
  barua_collation_append (left, a);
  barua_collation_append (right, b);
  int order = memcmp (left->str, right->str, MIN (left->len, right->len));
  return order != 0 ? order : (left->len > right->len) - (left->len < right->len);
}

/* ---- paths ---- */

BaruaJson
barua_json_at_path (BaruaJson document, BaruaText path)
{
  g_autoptr (GString) name = g_string_new (NULL);

  for (gsize i = 0; i <= path.n; i++)
    {
      if (i < path.n && path.p[i] != '.')
        {
          i += path.p[i] == '\\' && i + 1 < path.n;
          g_string_append_c (name, path.p[i]);
          continue;
        }
      if (barua_json_type (document) != BARUA_JSON_OBJECT)
        return BARUA_JSON_NONE;
      document = barua_json_member (document, name->str);
      g_string_truncate (name, 0);
    }
  return document;
}

/* The path of a member of @path; kept by the selector. */
static GString *
join_path (BaruaSelector *selector, const GString *path, BaruaJson key)
{
  gsize n = 0;
  g_autofree char *name = barua_json_string (key, &n);
  GString *joined = g_string_new (path != NULL ? path->str : NULL);

  if (path != NULL)
    g_string_append_c (joined, '.');
  g_string_append_len (joined, name, (gssize)n);
  g_ptr_array_add (selector->paths, joined);
  return joined;
}

/* GDestroyNotify */
static void
path_free (gpointer path)
{
  g_string_free (path, TRUE);
}

/* ---- reading ---- */

static guint
add_node (BaruaSelector *selector, Node node)
{
  g_array_append_val (selector->nodes, node);
  return selector->nodes->len - 1;
}

static void
add_task (GQueue *tasks, guint parent, GString *path, BaruaJson object)
{
  Task *task = g_new (Task, 1);

  *task = (Task){ parent, path, object };
  g_queue_push_tail (tasks, task);
}

/* Whether the name of a member is an operator. */
static gboolean
is_operator (BaruaJson key)
{
  return key.length > 2 && key.text[1] == '$';
}

/* Whether an object stands for conditions or for more of the path, not for a value. */
static gboolean
is_structure (BaruaJson value)
{
  return barua_json_type (value) == BARUA_JSON_OBJECT && barua_json_size (value) > 0;
}

/* Whether @operand is one that @test takes. */
static gboolean
takes (Test test, BaruaJson operand)
{
  if (test == TEST_IN || test == TEST_NIN)
    return barua_json_type (operand) == BARUA_JSON_ARRAY;
  if (test == TEST_EXISTS)
    return barua_json_type (operand) == BARUA_JSON_TRUE
           || barua_json_type (operand) == BARUA_JSON_FALSE;
  return TRUE;
}

/* A group of selectors: `$and`, `$or`, `$nor`, `$not`; FALSE when @key is none of them. */
static gboolean
read_group (BaruaSelector *selector, GQueue *tasks, const Task *task, BaruaJson key,
            BaruaJson value, gboolean *is_fine)
{
  BaruaJsonIter iter;
  BaruaJson element;

  *is_fine = TRUE;
  if (barua_json_string_is (key, BARUA_TEXT ("$not")))
    {
      guint none = add_node (selector, (Node){ .kind = NODE_NONE, .parent = task->parent });
      guint all = add_node (selector, (Node){ .kind = NODE_ALL, .parent = none });
      *is_fine = barua_json_type (value) == BARUA_JSON_OBJECT;
      add_task (tasks, all, task->path, value);
      return TRUE;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (groups); i++)
    {
      if (!barua_json_string_is (key, barua_text (groups[i].name)))
        continue;
      guint group = add_node (selector, (Node){ .kind = groups[i].kind, .parent = task->parent });
      *is_fine = barua_json_type (value) == BARUA_JSON_ARRAY;
      barua_json_iter_init (&iter, value);
      while (*is_fine && barua_json_iter_next (&iter, NULL, &element))
        {
          guint all = add_node (selector, (Node){ .kind = NODE_ALL, .parent = group });
          *is_fine = barua_json_type (element) == BARUA_JSON_OBJECT;
          add_task (tasks, all, task->path, element);
        }
      return TRUE;
    }
  return FALSE;
}

/* A condition on the member that @task is about; FALSE when @key is none. */
static gboolean
read_test (BaruaSelector *selector, const Task *task, BaruaJson key, BaruaJson value,
           gboolean *is_fine)
{
  for (gsize i = 0; task->path != NULL && i < G_N_ELEMENTS (tests); i++)
    {
      if (!barua_json_string_is (key, barua_text (tests[i].name)))
        continue;
      *is_fine = takes (tests[i].test, value);
      add_node (selector, (Node){ NODE_TEST, task->parent, tests[i].test, task->path, value });
      return TRUE;
    }
  return FALSE;
}

/* Turns the members of one object into nodes; what is wrong, or NULL. */
static char *
read_object (BaruaSelector *selector, GQueue *tasks, const Task *task)
{
  BaruaJsonIter iter;
  BaruaJson key, value;

  barua_json_iter_init (&iter, task->object);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      gboolean is_fine = TRUE;
      if (is_operator (key))
        {
          gboolean is_known = read_group (selector, tasks, task, key, value, &is_fine)
                              || read_test (selector, task, key, value, &is_fine);
          if (!is_known || !is_fine)
            return g_strdup_printf (
                is_known ? "Bad argument for operator %.*s: %.*s" : "Invalid operator: %.*s",
                (int)key.length - 2, key.text + 1, (int)MIN (value.length, 200), value.text);
          continue;
        }
      GString *path = join_path (selector, task->path, key);
      if (is_structure (value))
        add_task (tasks, task->parent, path, value);
      else
        add_node (selector, (Node){ NODE_TEST, task->parent, TEST_EQ, path, value });
    }
  return NULL;
}

BaruaSelector *
barua_selector_new (BaruaJson json, char **fault)
{
  g_autoptr (BaruaSelector) selector = g_new0 (BaruaSelector, 1);
  GQueue tasks = G_QUEUE_INIT;

  *fault = NULL;
  selector->nodes = g_array_new (FALSE, FALSE, sizeof (Node));
  selector->paths = g_ptr_array_new_with_free_func (path_free);
  add_node (selector, (Node){ .kind = NODE_ALL });
  add_task (&tasks, 0, NULL, json);
  while (*fault == NULL && !g_queue_is_empty (&tasks))
    {
      g_autofree Task *task = g_queue_pop_head (&tasks);
      *fault = read_object (selector, &tasks, task);
    }
  g_queue_clear_full (&tasks, g_free);
  return *fault == NULL ? g_steal_pointer (&selector) : NULL;
}

void
barua_selector_free (BaruaSelector *selector)
{
  g_array_unref (selector->nodes);
  g_ptr_array_unref (selector->paths);
  g_free (selector);
}

/* ---- judging ---- */

static gboolean
is_in (BaruaJson value, BaruaJson list)
{
  BaruaJsonIter iter;
  BaruaJson element;

  barua_json_iter_init (&iter, list);
  while (barua_json_iter_next (&iter, NULL, &element))
    if (barua_json_equal (value, element))
      return TRUE;
  return FALSE;
}

/* Whether a condition holds; a member that is not there fulfils `$exists:false` alone. */
static gboolean
holds (const Node *node, BaruaJson document)
{
  BaruaJson value = barua_json_at_path (document, (BaruaText){ node->path->str, node->path->len });

  if (node->test == TEST_EXISTS)
    return (value.text != NULL) == (barua_json_type (node->operand) == BARUA_JSON_TRUE);
  if (value.text == NULL)
    return FALSE;
  switch (node->test)
    {
    case TEST_EQ:
      return barua_json_equal (value, node->operand);
    case TEST_NE:
      return !barua_json_equal (value, node->operand);
    case TEST_GT:
      return barua_json_compare (value, node->operand) > 0;
    case TEST_GTE:
      return barua_json_compare (value, node->operand) >= 0;
    case TEST_LT:
      return barua_json_compare (value, node->operand) < 0;
    case TEST_LTE:
      return barua_json_compare (value, node->operand) <= 0;
    case TEST_IN:
      return is_in (value, node->operand);
    default:
      return !is_in (value, node->operand);
    }
}

gboolean
barua_selector_matches (const BaruaSelector *selector, BaruaJson document)
{
  const Node *nodes = (const Node *)(void *)selector->nodes->data;
  guint n = selector->nodes->len;
  g_autofree gboolean *results = g_new (gboolean, n);

  for (guint i = 0; i < n; i++)
    results[i] = nodes[i].kind != NODE_ANY;
  for (guint i = n - 1; i > 0; i--)
    {
      gboolean result = nodes[i].kind == NODE_TEST ? holds (&nodes[i], document) : results[i];
      gboolean *parent = &results[nodes[i].parent];
      switch (nodes[nodes[i].parent].kind)
        {
        case NODE_ANY:
          *parent = *parent || result;
          break;
        case NODE_NONE:
          *parent = *parent && !result;
          break;
        default:
          *parent = *parent && result;
        }
    }
  return results[0];
}
