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
  TEST_TYPE,
  TEST_SIZE,
  TEST_ALL,
  TEST_MOD,
  TEST_REGEX,
  TEST_BEGINS_WITH,
  TEST_ELEMENT_MATCHES,
  TEST_EVERY_MATCHES,
  TEST_KEY_MATCHES,
} Test;

/* A group, or a condition.  Children stand behind their parent, so that a walk from the end folds
 * every group before it is needed. */
typedef struct
{
  NodeKind kind;
  guint parent;
  Test test;
  GString *path; /* dotted; borrowed from the list of paths; NULL: the value itself */
  BaruaJson operand;
  GRegex *regex;        /* of TEST_REGEX */
  GHashTable *set;      /* of TEST_IN, TEST_NIN and TEST_ALL: the elements of the operand */
  BaruaSelector *inner; /* of the tests that match elements or keys */
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
  gboolean is_element; /* for elements of arrays, or keys: conditions may be about these themselves */
};

static const struct
{
  const char *name;
  Test test;
} tests[] = {
  { "$eq", TEST_EQ },
  { "$ne", TEST_NE },
  { "$gt", TEST_GT },
  { "$gte", TEST_GTE },
  { "$lt", TEST_LT },
  { "$lte", TEST_LTE },
  { "$in", TEST_IN },
  { "$nin", TEST_NIN },
  { "$exists", TEST_EXISTS },
  { "$type", TEST_TYPE },
  { "$size", TEST_SIZE },
  { "$all", TEST_ALL },
  { "$mod", TEST_MOD },
  { "$regex", TEST_REGEX },
  { "$beginsWith", TEST_BEGINS_WITH },
  { "$elemMatch", TEST_ELEMENT_MATCHES },
  { "$allMatch", TEST_EVERY_MATCHES },
  { "$keyMapMatch", TEST_KEY_MATCHES },
};

/* What `$type` calls the types of JSON. */
static const struct
{
  const char *name;
  BaruaJsonType type;
} types[] = {
  { "null", BARUA_JSON_NULL },     { "boolean", BARUA_JSON_TRUE },  { "boolean", BARUA_JSON_FALSE },
  { "number", BARUA_JSON_NUMBER }, { "string", BARUA_JSON_STRING }, { "array", BARUA_JSON_ARRAY },
  { "object", BARUA_JSON_OBJECT },
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

static BaruaSelector *selector_new (BaruaJson json, gboolean is_element, char **fault);
static GHashTable *set_of (BaruaJson list);

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
  return barua_text_compare ((BaruaText){ left->str, left->len }, (BaruaText){ right->str, right->len });
}

/* ---- paths ---- */

/* The element that a segment of a path names by its number; absent when it is none. */
static BaruaJson
element_at (BaruaJson array, const char *name)
{
  char *end = NULL;

  if (!g_ascii_isdigit (*name))
    return BARUA_JSON_NONE;
  guint64 index = g_ascii_strtoull (name, &end, 10);
  return *end == '\0' && index < G_MAXUINT ? barua_json_element (array, (guint)index)
                                           : BARUA_JSON_NONE;
}

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
      if (barua_json_type (document) == BARUA_JSON_OBJECT)
        document = barua_json_member (document, name->str);
      else if (barua_json_type (document) == BARUA_JSON_ARRAY)
        document = element_at (document, name->str);
      else
        return BARUA_JSON_NONE;
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

/* `[divisor, remainder]` of `$mod`. */
static gboolean
read_modulus (BaruaJson operand, gint64 *divisor, gint64 *remainder)
{
  return barua_json_type (operand) == BARUA_JSON_ARRAY && barua_json_size (operand) == 2
         && barua_json_integer (barua_json_element (operand, 0), divisor) && *divisor > 0
         && barua_json_integer (barua_json_element (operand, 1), remainder) && *remainder >= 0;
}

/* Whether @value has the type that `$type` calls @name; with an absent @value: whether there is one
 * of that name. */
static gboolean
has_type (BaruaJson value, BaruaJson name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
    if (barua_json_string_is (name, barua_text (types[i].name))
        && (value.text == NULL || barua_json_type (value) == types[i].type))
      return TRUE;
  return FALSE;
}

/* Whether @operand is one that @test takes. */
static gboolean
takes (Test test, BaruaJson operand)
{
  const BaruaJsonType type = barua_json_type (operand);
  gint64 number = 0, other = 0;

  switch (test)
    {
    case TEST_IN:
    case TEST_NIN:
    case TEST_ALL:
      return type == BARUA_JSON_ARRAY;
    case TEST_EXISTS:
      return type == BARUA_JSON_TRUE || type == BARUA_JSON_FALSE;
    case TEST_TYPE:
      return has_type (BARUA_JSON_NONE, operand);
    case TEST_SIZE:
      return barua_json_integer (operand, &number) && number >= 0;
    case TEST_MOD:
      return read_modulus (operand, &number, &other);
    case TEST_REGEX:
    case TEST_BEGINS_WITH:
      return type == BARUA_JSON_STRING;
    case TEST_ELEMENT_MATCHES:
    case TEST_EVERY_MATCHES:
    case TEST_KEY_MATCHES:
      return type == BARUA_JSON_OBJECT;
    default:
      return TRUE;
    }
}

/* Makes ready what a test needs besides its operand; FALSE when that is not possible. @fault:
 * (out): what is wrong inside the operand. */
static gboolean
prepare (Node *node, char **fault)
{
  if (node->test == TEST_REGEX)
    {
      g_autofree char *pattern = barua_json_string (node->operand, NULL);
      node->regex = g_regex_new (pattern, G_REGEX_DEFAULT, G_REGEX_MATCH_DEFAULT, NULL);
      return node->regex != NULL;
    }
  if (node->test == TEST_IN || node->test == TEST_NIN || node->test == TEST_ALL)
    node->set = set_of (node->operand);
  if (node->test >= TEST_ELEMENT_MATCHES)
    {
      node->inner = selector_new (node->operand, TRUE, fault);
      return node->inner != NULL;
    }
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

/* A condition on the member that @task is about; FALSE when @key is none. @fault: (out): what is
 * wrong inside @value. */
static gboolean
read_test (BaruaSelector *selector, const Task *task, BaruaJson key, BaruaJson value,
           gboolean *is_fine, char **fault)
{
  if (task->path == NULL && !selector->is_element)
    return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      if (!barua_json_string_is (key, barua_text (tests[i].name)))
        continue;
      Node node = { .kind = NODE_TEST,
                    .parent = task->parent,
                    .test = tests[i].test,
                    .path = task->path,
                    .operand = value };
      *is_fine = takes (tests[i].test, value) && prepare (&node, fault);
      add_node (selector, node);
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
      char *fault = NULL;
      if (is_operator (key))
        {
          gboolean is_known = read_group (selector, tasks, task, key, value, &is_fine)
                              || read_test (selector, task, key, value, &is_fine, &fault);
          if (fault != NULL)
            return fault;
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
        add_node (selector, (Node){ .kind = NODE_TEST,
                                    .parent = task->parent,
                                    .test = TEST_EQ,
                                    .path = path,
                                    .operand = value });
    }
  return NULL;
}

/* GDestroyNotify */
static void
node_clear (gpointer data)
{
  Node *node = data;

  g_clear_pointer (&node->regex, g_regex_unref);
  g_clear_pointer (&node->set, g_hash_table_unref);
  g_clear_pointer (&node->inner, barua_selector_free);
}

/* barua_selector_new(), also for elements of arrays: nested no deeper than JSON is. */
static BaruaSelector *
selector_new (BaruaJson json, gboolean is_element, char **fault)
{
  g_autoptr (BaruaSelector) selector = g_new0 (BaruaSelector, 1);
  GQueue tasks = G_QUEUE_INIT;

  *fault = NULL;
  selector->is_element = is_element;
  selector->nodes = g_array_new (FALSE, FALSE, sizeof (Node));
  g_array_set_clear_func (selector->nodes, node_clear);
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

BaruaSelector *
barua_selector_new (BaruaJson json, char **fault)
{
  return selector_new (json, FALSE, fault);
}

void
barua_selector_free (BaruaSelector *selector)
{
  g_array_unref (selector->nodes);
  g_ptr_array_unref (selector->paths);
  g_free (selector);
}

/* ---- judging ---- */

/* (transfer full): the elements of a list, as texts that equal ones have in common. */
static GHashTable *
set_of (BaruaJson list)
{
  GHashTable *set = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  BaruaJsonIter iter;
  BaruaJson element;

  barua_json_iter_init (&iter, list);
  while (barua_json_iter_next (&iter, NULL, &element))
    {
      GString *text = g_string_new (NULL);
      barua_json_append_canonical (text, element);
      g_hash_table_add (set, g_string_free (text, FALSE));
    }
  return set;
}

/* The element of a set that is equal to @value, or NULL. */
static const char *
element_of (GHashTable *set, BaruaJson value)
{
  g_autoptr (GString) text = g_string_new (NULL);
  gpointer found = NULL;

  barua_json_append_canonical (text, value);
  return g_hash_table_lookup_extended (set, text->str, &found, NULL) ? found : NULL;
}

/* Whether @value is in @set, or, for an array, whether one of its elements is. */
static gboolean
is_in (BaruaJson value, GHashTable *set)
{
  BaruaJsonIter iter;
  BaruaJson element;

  if (element_of (set, value) != NULL)
    return TRUE;
  if (barua_json_type (value) != BARUA_JSON_ARRAY)
    return FALSE;
  barua_json_iter_init (&iter, value);
  while (barua_json_iter_next (&iter, NULL, &element))
    if (element_of (set, element) != NULL)
      return TRUE;
  return FALSE;
}

/* Whether the array @value has all elements of @set. */
static gboolean
has_all (BaruaJson value, GHashTable *set)
{
  g_autoptr (GHashTable) found = g_hash_table_new (NULL, NULL);
  BaruaJsonIter iter;
  BaruaJson element;

  if (barua_json_type (value) != BARUA_JSON_ARRAY)
    return FALSE;
  barua_json_iter_init (&iter, value);
  while (barua_json_iter_next (&iter, NULL, &element))
    {
      const char *one = element_of (set, element);
      if (one != NULL)
        g_hash_table_add (found, (gpointer)one);
    }
  return g_hash_table_size (found) == g_hash_table_size (set);
}

/* `$mod`: of integers. */
static gboolean
has_remainder (BaruaJson value, BaruaJson operand)
{
  gint64 number = 0, divisor = 1, remainder = 0;

  return read_modulus (operand, &divisor, &remainder) && barua_json_integer (value, &number)
         && number % divisor == remainder;
}

/* `$regex`, of strings. A pattern that the engine gives up on matches nothing. */
static gboolean
is_matched (BaruaJson value, GRegex *regex)
{
  gsize n = 0;

  if (barua_json_type (value) != BARUA_JSON_STRING)
    return FALSE;
  g_autofree char *text = barua_json_string (value, &n);
  return g_regex_match_full (regex, text, (gssize)n, 0, G_REGEX_MATCH_DEFAULT, NULL, NULL);
}

/* `$beginsWith`, of strings. */
static gboolean
begins_with (BaruaJson value, BaruaJson operand)
{
  gsize n = 0, n_prefix = 0;

  if (barua_json_type (value) != BARUA_JSON_STRING)
    return FALSE;
  g_autofree char *text = barua_json_string (value, &n);
  g_autofree char *prefix = barua_json_string (operand, &n_prefix);
  return n >= n_prefix && memcmp (text, prefix, n_prefix) == 0;
}

/* `$elemMatch` and `$allMatch` of arrays, of which an empty one fulfils neither; `$keyMapMatch` of
 * the names of an object's members. */
static gboolean
has_matching (const Node *node, BaruaJson value)
{
  const gboolean is_every = node->test == TEST_EVERY_MATCHES;
  const gboolean is_of_keys = node->test == TEST_KEY_MATCHES;
  BaruaJsonIter iter;
  BaruaJson key = BARUA_JSON_NONE, element;

  if (barua_json_type (value) != (is_of_keys ? BARUA_JSON_OBJECT : BARUA_JSON_ARRAY)
      || barua_json_size (value) == 0)
    return FALSE;
  barua_json_iter_init (&iter, value);
  while (barua_json_iter_next (&iter, &key, &element))
    if (barua_selector_matches (node->inner, is_of_keys ? key : element) != is_every)
      return !is_every;
  return is_every;
}

/* Whether a condition on the shape of a value holds. */
static gboolean
has_shape (const Node *node, BaruaJson value)
{
  gint64 size = 0;

  switch (node->test)
    {
    case TEST_TYPE:
      return has_type (value, node->operand);
    case TEST_SIZE:
      return barua_json_type (value) == BARUA_JSON_ARRAY
             && barua_json_integer (node->operand, &size) && barua_json_size (value) == size;
    case TEST_ALL:
      return has_all (value, node->set);
    case TEST_MOD:
      return has_remainder (value, node->operand);
    case TEST_REGEX:
      return is_matched (value, node->regex);
    case TEST_BEGINS_WITH:
      return begins_with (value, node->operand);
    default:
      return has_matching (node, value);
    }
}

/* Whether a condition holds; a member that is not there fulfils `$exists:false` alone. */
static gboolean
holds (const Node *node, BaruaJson document)
{
  BaruaJson value
      = node->path != NULL
            ? barua_json_at_path (document, (BaruaText){ node->path->str, node->path->len })
            : document;

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
      return is_in (value, node->set);
    case TEST_NIN:
      return !is_in (value, node->set);
    default:
      return has_shape (node, value);
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

gboolean
barua_selector_requires (const BaruaSelector *selector, BaruaText path)
{
  const Node *nodes = (const Node *)(void *)selector->nodes->data;

  for (guint i = 1; i < selector->nodes->len; i++)
    {
      const Node *node = &nodes[i];
      gboolean is_wanted
          = node->kind == NODE_TEST && node->path != NULL
            && barua_text_equal (path, (BaruaText){ node->path->str, node->path->len })
            && (node->test != TEST_EXISTS || barua_json_type (node->operand) == BARUA_JSON_TRUE);
      for (guint up = node->parent; is_wanted && up != 0; up = nodes[up].parent)
        is_wanted = nodes[up].kind == NODE_ALL;
      if (is_wanted)
        return TRUE;
    }
  return FALSE;
}
