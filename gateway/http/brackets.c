/* SPDX-License-Identifier: MIT */

/* Query strings with brackets become JSON. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/brackets.h"

#include "forms/json.h"
#include "gateway/http/query.h"

#include <string.h>

#define NO_INDEX (-1)

/* One name of a path: a member, a place in an array, or the next place. */
typedef struct
{
  BaruaText name;
  int index; /* NO_INDEX for a member */
  gboolean is_next;
} Step;

/* A value: a text, or what is in it. */
typedef struct _Node
{
  char *text; /* NULL once there is something in it */
  GPtrArray *children;
  BaruaText name; /* within its parent; borrowed from the pairs */
  int index;      /* place in the parent's array; NO_INDEX for a member */
} Node;

static void
node_free (gpointer data)
{
  Node *node = data;

  g_free (node->text);
  g_clear_pointer (&node->children, g_ptr_array_unref);
  g_free (node);
}

static Node *
node_new (const Step *step)
{
  Node *node = g_new0 (Node, 1);

  node->name = step->name;
  node->index = step->index;
  return node;
}

static guint
count_children (const Node *node)
{
  return node->children != NULL ? node->children->len : 0;
}

static void
add_child (Node *node, Node *child)
{
  if (node->children == NULL)
    node->children = g_ptr_array_new_with_free_func (node_free);
  g_ptr_array_add (node->children, child);
}

/* A value that had a text gets room for more: the text becomes the first place. */
static void
make_room (Node *node)
{
  const Step first = { .name = { NULL, 0 }, .index = 0 };

  if (node->text == NULL)
    return;
  Node *child = node_new (&first);
  child->text = g_steal_pointer (&node->text);
  add_child (node, child);
}

/* The child that a step leads to, made when there is none. */
static Node *
child_at (Node *node, const Step *step)
{
  Step wanted = *step;

  make_room (node);
  if (step->is_next)
    wanted.index = (int)count_children (node);
  for (guint i = 0; !step->is_next && i < count_children (node); i++)
    {
      Node *child = node->children->pdata[i];
      if (child->index == step->index
          && (step->index != NO_INDEX || barua_text_equal (child->name, step->name)))
        return child;
    }
  Node *child = node_new (&wanted);
  add_child (node, child);
  return child;
}

/* Gives a value a text; a second one makes an array of both. */
static void
set_text (Node *node, const char *text)
{
  const Step next = { .index = 0, .is_next = TRUE };

  if (node->text == NULL && count_children (node) == 0)
    node->text = g_strdup (text);
  else
    child_at (node, &next)->text = g_strdup (text);
}

/* What stands in brackets: an index is written as JavaScript would write the number. */
static Step
read_step (const char *at, gsize n)
{
  Step step = { .name = { at, n }, .index = NO_INDEX, .is_next = n == 0 };
  gboolean is_number = n > 0 && n <= 2 && (n == 1 || at[0] != '0');

  for (gsize i = 0; is_number && i < n; i++)
    is_number = g_ascii_isdigit (at[i]);
  if (is_number)
    {
      int index = n == 1 ? at[0] - '0' : (at[0] - '0') * 10 + at[1] - '0';
      step.index = index <= BARUA_BRACKETS_MAX_INDEX ? index : NO_INDEX;
    }
  return step;
}

/* Splits a name into steps; returns how many. */
static guint
split_name (const char *name, Step steps[BARUA_BRACKETS_DEPTH + 2])
{
  const char *open = strchr (name, '[');
  guint n = 0;

  if (open == NULL || strchr (open, ']') == NULL)
    open = name + strlen (name);
  if (open > name)
    steps[n++] = (Step){ .name = { name, (gsize)(open - name) }, .index = NO_INDEX };
  for (guint level = 0; *open == '['; level++)
    {
      const char *close = level < BARUA_BRACKETS_DEPTH ? strchr (open, ']') : NULL;
      if (close == NULL)
        {
          steps[n++] = (Step){ .name = barua_text (open), .index = NO_INDEX };
          break;
        }
      steps[n] = read_step (open + 1, (gsize)(close - open - 1));
      if (n == 0) /* nothing stands before the first bracket: there is no array to be in */
        steps[n].index = NO_INDEX, steps[n].is_next = FALSE;
      n++;
      open = close + 1;
    }
  return n;
}

/* Names that JavaScript gives a meaning of its own are dropped, as in the original. */
static gboolean
is_forbidden (const Step *steps, guint n)
{
  for (guint i = 0; i < n; i++)
    if (barua_text_equal (steps[i].name, BARUA_TEXT ("__proto__")))
      return TRUE;
  return FALSE;
}

static void
add_pair (Node *root, const BaruaPair *pair)
{
  Step steps[BARUA_BRACKETS_DEPTH + 2];
  guint n = split_name (pair->name, steps);
  Node *node = root;

  if (n == 0 || is_forbidden (steps, n))
    return;
  for (guint i = 0; i < n; i++)
    node = child_at (node, &steps[i]);
  set_text (node, pair->value);
}

/* GCompareFunc */
static int
compare_places (gconstpointer a, gconstpointer b)
{
  return (*(const Node *const *)a)->index - (*(const Node *const *)b)->index;
}

/* An array has places only; a single member makes an object, in which places are members. */
static gboolean
is_array (const Node *node)
{
  for (guint i = 0; i < count_children (node); i++)
    if (((const Node *)node->children->pdata[i])->index == NO_INDEX)
      return FALSE;
  return TRUE;
}

/* As deep as names have brackets, which is BARUA_BRACKETS_DEPTH and two. */
static void
write_node (const Node *node, gboolean is_root, GString *json)
{
  if (node->text != NULL)
    {
      barua_json_append_string (json, barua_text (node->text));
      return;
    }
  gboolean has_places = !is_root && is_array (node);
  if (has_places && node->children != NULL)
    g_ptr_array_sort (node->children, compare_places);
  g_string_append_c (json, has_places ? '[' : '{');
  for (guint i = 0; i < count_children (node); i++)
    {
      const Node *child = node->children->pdata[i];
      g_string_append (json, i > 0 ? "," : "");
      if (!has_places && child->index == NO_INDEX)
        barua_json_append_string (json, child->name);
      else if (!has_places)
        g_string_append_printf (json, "\"%d\"", child->index);
      g_string_append (json, has_places ? "" : ":");
      write_node (child, FALSE, json);
    }
  g_string_append_c (json, has_places ? ']' : '}');
}

/* How much of @query holds the pairs that are read. */
static gsize
cut (const char *query, gsize length)
{
  guint n = 0;

  for (gsize i = 0; i < length; i++)
    if (query[i] != '&' && (i == 0 || query[i - 1] == '&') && n++ == BARUA_BRACKETS_PAIRS)
      return i;
  return length;
}

GString *
barua_brackets_to_json (const char *query, gsize length)
{
  const Step none = { .index = NO_INDEX };
  Node *root = node_new (&none);
  GString *json = g_string_new (NULL);
  BaruaPairs pairs;

  barua_pairs_parse (query, query != NULL ? cut (query, length) : 0, BARUA_BRACKETS_PAIRS, &pairs);
  for (guint i = 0; i < pairs.n; i++)
    add_pair (root, &pairs.pairs[i]);
  write_node (root, TRUE, json);
  node_free (root);
  barua_pairs_clear (&pairs);
  return json;
}
