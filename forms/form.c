/* SPDX-License-Identifier: MIT */

/* A compiled form definition: everything about it that can be known before a message comes. */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/form.h"

#include <string.h>

#include "forms/characters.h"
#include "forms/form-compile.h"

struct _BaruaForm
{
  BaruaText code;
  BaruaText meta_code;
  BaruaJson json;
  gboolean is_public;
  int facility_reference;
  BaruaFormIndexes indexes;
  BaruaField *fields;
  guint n_fields;
  const BaruaLabels **labels; /* by locale index; equal ones are shared */
  BaruaNode *nodes;
  guint n_nodes;
  int first_node;
  BaruaPlanStep *plan;
  guint n_steps;
  gsize plan_bytes;
  const BaruaLabels *members; /* only its table of names is used */
  int *member_nodes;          /* by name number */
};

BaruaText
barua_form_code (const BaruaForm *form)
{
  return form->code;
}

BaruaText
barua_form_meta_code (const BaruaForm *form)
{
  return form->meta_code;
}

BaruaJson
barua_form_json (const BaruaForm *form)
{
  return form->json;
}

gboolean
barua_form_is_public (const BaruaForm *form)
{
  return form->is_public;
}

int
barua_form_facility_reference (const BaruaForm *form)
{
  return form->facility_reference;
}

guint
barua_form_n_fields (const BaruaForm *form)
{
  return form->n_fields;
}

const BaruaField *
barua_form_field (const BaruaForm *form, guint index)
{
  return &form->fields[index];
}

BaruaJson
barua_form_field_json (const BaruaForm *form, guint index)
{
  const BaruaText key = form->fields[index].key;
  g_autofree char *name = g_strndup (key.p, key.n);

  return barua_json_member (barua_json_member (barua_form_json (form), "fields"), name);
}

const BaruaField *
barua_form_fields (const BaruaForm *form)
{
  return form->fields;
}

int
barua_form_field_index (const BaruaForm *form, BaruaText key)
{
  for (guint i = 0; i < form->n_fields; i++)
    if (barua_text_equal (form->fields[i].key, key))
      return (int)i;
  return -1;
}

const BaruaFormIndexes *
barua_form_indexes (const BaruaForm *form)
{
  return &form->indexes;
}

const BaruaLabels *
barua_form_labels (const BaruaForm *form, guint locale_index)
{
  return form->labels[locale_index];
}

const BaruaPlanStep *
barua_form_plan (const BaruaForm *form, guint *n_steps)
{
  *n_steps = form->n_steps;
  return form->plan;
}

gsize
barua_form_plan_bytes (const BaruaForm *form)
{
  return form->plan_bytes;
}

const BaruaNode *
barua_form_node (const BaruaForm *form, int index)
{
  return &form->nodes[index];
}

int
barua_form_find_member (const BaruaForm *form, BaruaText name)
{
  int number = barua_labels_find_name (form->members, name);

  return number < 0 ? -1 : form->member_nodes[number];
}

/* Reads `fields`. Of two members of one name the last counts, at the place of the first. */
static void
compile_fields (const BaruaFormContext *context, BaruaForm *form, BaruaJson fields,
                BaruaJson *definitions)
{
  BaruaJsonIter iter;
  BaruaJson key, definition;

  barua_json_iter_init (&iter, fields);
  while (form->n_fields < BARUA_FORM_MAX_FIELDS && barua_json_iter_next (&iter, &key, &definition))
    {
      if (barua_json_type (definition) != BARUA_JSON_OBJECT)
        continue;
      BaruaField field;
      barua_field_compile (key, definition, context->texts, context->locale, context->arena,
                           &field);
      int at = barua_form_field_index (form, field.key);
      guint index = at >= 0 ? (guint)at : form->n_fields++;
      form->fields[index] = field;
      definitions[index] = definition;
    }
}

/* The labels of one field as they stand in its definition. */
typedef struct
{
  BaruaJson tiny;
  BaruaJson short_label;
} RawLabels;

/* Finds the labels of all fields. */
static void
find_labels (const BaruaJson *definitions, guint n_fields, RawLabels *raw)
{
  for (guint i = 0; i < n_fields; i++)
    {
      BaruaJson labels = barua_json_member (definitions[i], "labels");
      raw[i].tiny = barua_json_member (labels, "tiny");
      raw[i].short_label = barua_json_member (labels, "short");
    }
}

/* The labels of all fields in @locale, into @tiny and @shorts. */
static void
translate_labels (const BaruaFormContext *context, BaruaArena *scratch, BaruaText locale,
                  const RawLabels *raw, guint n_fields, BaruaText *tiny, BaruaText *shorts)
{
  for (guint i = 0; i < n_fields; i++)
    {
      tiny[i] = barua_label_translate (context->texts, scratch, raw[i].tiny, locale);
      shorts[i] = barua_label_translate (context->texts, scratch, raw[i].short_label, locale);
    }
}

static gboolean
labels_are (const BaruaLabels *labels, const BaruaText *tiny, const BaruaText *shorts)
{
  for (guint i = 0; i < labels->n_fields; i++)
    if (!barua_text_equal (labels->fields[i].tiny, tiny[i])
        || !barua_text_equal (labels->fields[i].short_label, shorts[i]))
      return FALSE;
  return TRUE;
}

/* A set of labels made before that is the same; NULL when there is none. */
static const BaruaLabels *
find_same_labels (const BaruaForm *form, guint n_made, const BaruaText *tiny,
                  const BaruaText *shorts)
{
  for (guint i = 0; i < n_made; i++)
    if (labels_are (form->labels[i], tiny, shorts))
      return form->labels[i];
  return NULL;
}

/* Resolves the labels in every language. */
static void
compile_labels (const BaruaFormContext *context, BaruaForm *form, const BaruaJson *definitions)
{
  g_autoptr (BaruaArena) scratch = barua_arena_new ();
  g_autofree RawLabels *raw = g_new0 (RawLabels, form->n_fields);
  g_autofree BaruaText *tiny = g_new0 (BaruaText, form->n_fields);
  g_autofree BaruaText *shorts = g_new0 (BaruaText, form->n_fields);
  g_autofree BaruaText *keys = g_new0 (BaruaText, form->n_fields);

  form->labels
      = barua_arena_alloc (context->arena, context->n_locales * sizeof *form->labels);
  find_labels (definitions, form->n_fields, raw);
  for (guint l = 0; l < context->n_locales; l++)
    {
      barua_arena_reset (scratch);
      translate_labels (context, scratch, context->locales[l], raw, form->n_fields, tiny, shorts);
      form->labels[l] = find_same_labels (form, l, tiny, shorts);
      if (form->labels[l] != NULL)
        continue;
      for (guint i = 0; i < form->n_fields; i++)
        {
          keys[i] = form->fields[i].key;
          if (tiny[i].p != NULL)
            tiny[i] = barua_arena_copy (context->arena, tiny[i]);
          if (shorts[i].p != NULL)
            shorts[i] = barua_arena_copy (context->arena, shorts[i]);
        }
      form->labels[l]
          = barua_labels_new (context->arena, keys, tiny, shorts, form->n_fields);
    }
}

/* The child of @parent (-1: the top) called @name, or -1. */
static int
find_child (const BaruaForm *form, int parent, BaruaText name)
{
  int child = parent < 0 ? form->first_node : form->nodes[parent].first_child;

  while (child >= 0 && !barua_text_equal (form->nodes[child].name, name))
    child = form->nodes[child].next;
  return child;
}

/* Adds a last child; @last holds the last child of every node, and of the top at its index 0. */
static int
add_child (BaruaForm *form, int *last, int parent, BaruaText name, int field)
{
  int index = (int)form->n_nodes++;
  int before = last[parent + 1];

  form->nodes[index] = (BaruaNode){ name, field, parent, -1, -1 };
  last[index + 1] = -1;
  if (before >= 0)
    form->nodes[before].next = index;
  else if (parent >= 0)
    form->nodes[parent].first_child = index;
  else
    form->first_node = index;
  last[parent + 1] = index;
  return index;
}

/* The segments of a dotted key; 0 when there are too many. */
static guint
split_key (BaruaText key, BaruaText segments[BARUA_FORM_MAX_DEPTH])
{
  guint n = 0;
  const char *from = key.p, *end = key.p + key.n;

  for (const char *p = from; p <= end; p++)
    if (p == end || *p == '.')
      {
        if (n == BARUA_FORM_MAX_DEPTH)
          return 0;
        segments[n++] = (BaruaText){ from, (gsize)(p - from) };
        from = p + 1;
      }
  return n;
}

/* Whether the path of @segments runs into a field or ends at an object. */
static gboolean
path_is_taken (const BaruaForm *form, const BaruaText *segments, guint n)
{
  int node = -1;

  for (guint i = 0; i < n; i++)
    {
      node = find_child (form, node, segments[i]);
      if (node < 0)
        return FALSE;
      if (form->nodes[node].field >= 0)
        return TRUE;
    }
  return TRUE;
}

/* Finds the place of every field. A key that is too deep, or would be a leaf and a parent at once,
 * is kept as one name (uploads refuse both: settings-and-forms.md 5.4, 7 and 18). */
static void
compile_nodes (const BaruaFormContext *context, BaruaForm *form)
{
  gsize most = (gsize)form->n_fields * BARUA_FORM_MAX_DEPTH;
  g_autofree int *last = g_new (int, most + 1);

  form->nodes = barua_arena_alloc (context->arena, most * sizeof *form->nodes + 1);
  form->first_node = last[0] = -1;
  for (guint f = 0; f < form->n_fields; f++)
    {
      BaruaText segments[BARUA_FORM_MAX_DEPTH];
      guint n = split_key (form->fields[f].key, segments);
      if (n == 0 || path_is_taken (form, segments, n))
        {
          add_child (form, last, -1, form->fields[f].key, (int)f);
          continue;
        }
      int parent = -1;
      for (guint i = 0; i + 1 < n; i++)
        {
          int child = find_child (form, parent, segments[i]);
          parent = child >= 0 ? child : add_child (form, last, parent, segments[i], -1);
        }
      add_child (form, last, parent, segments[n - 1], (int)f);
    }
}

/* `"name":` as JSON, with zeros up to a whole block behind it. */
static BaruaText
json_key (BaruaArena *arena, BaruaText name)
{
  g_autoptr (GString) key = g_string_new (NULL);

  barua_json_append_string (key, name);
  g_string_append_c (key, ':');
  gsize n = key->len;
  while (key->len % BARUA_PLAN_KEY_BLOCK != 0)
    g_string_append_c (key, '\0');
  return (BaruaText){ barua_arena_copy (arena, (BaruaText){ key->str, key->len }).p, n };
}

static void
add_step (BaruaForm *form, BaruaPlanKind kind, int field, BaruaText key)
{
  form->plan[form->n_steps++] = (BaruaPlanStep){ kind, field < 0 ? 0 : (guint)field, key };
  form->plan_bytes += key.n + 2;
}

/* Walks the nodes in order. */
static void
compile_plan (const BaruaFormContext *context, BaruaForm *form)
{
  static const BaruaText none = { NULL, 0 };
  int node = form->first_node;

  form->plan
      = barua_arena_alloc (context->arena, 2 * form->n_nodes * sizeof *form->plan + 1);
  form->plan_bytes = 2 + BARUA_PLAN_KEY_BLOCK;
  while (node >= 0)
    {
      const BaruaNode *n = &form->nodes[node];
      BaruaText key = json_key (context->arena, n->name);
      add_step (form, n->field < 0 ? BARUA_PLAN_OPEN : BARUA_PLAN_FIELD, n->field, key);
      if (n->first_child >= 0)
        {
          node = n->first_child;
          continue;
        }
      while (node >= 0 && form->nodes[node].next < 0)
        {
          node = form->nodes[node].parent;
          if (node >= 0)
            add_step (form, BARUA_PLAN_CLOSE, -1, none);
        }
      if (node >= 0)
        node = form->nodes[node].next;
    }
}

/* The names that members of a JSON record may have, in lower case (parsing.md section 10). */
static void
compile_members (const BaruaFormContext *context, BaruaForm *form)
{
  gsize most = (gsize)form->n_nodes * 2;
  g_autofree BaruaText *names = g_new0 (BaruaText, most);
  g_autofree BaruaText *none = g_new0 (BaruaText, most);
  g_autofree int *nodes = g_new (int, most);
  guint n = 0;

  for (int i = form->first_node; i >= 0; i = form->nodes[i].next)
    {
      names[n] = barua_text_lower (context->arena, form->nodes[i].name);
      nodes[n++] = i;
    }
  for (guint i = 0; i < form->n_nodes; i++)
    if (form->nodes[i].field >= 0 && form->nodes[i].parent >= 0)
      {
        names[n] = barua_text_lower (context->arena, form->fields[form->nodes[i].field].key);
        nodes[n++] = (int)i;
      }
  form->members = barua_labels_new (context->arena, names, none, none, n);
  form->member_nodes = barua_arena_alloc (context->arena, n * sizeof *form->member_nodes + 1);
  for (guint i = n; i-- > 0;)
    form->member_nodes[barua_labels_find_name (form->members, names[i])] = nodes[i];
}

/* The first field of @type, or -1. */
static int
first_of_type (const BaruaForm *form, BaruaFieldType type)
{
  for (guint i = 0; i < form->n_fields; i++)
    if (form->fields[i].type == type)
      return (int)i;
  return -1;
}

static void
compile_indexes (BaruaForm *form)
{
  form->indexes.locale = barua_form_field_index (form, BARUA_TEXT ("locale"));
  form->indexes.bs_year = first_of_type (form, BARUA_FIELD_BS_YEAR);
  form->indexes.bs_month = first_of_type (form, BARUA_FIELD_BS_MONTH);
  form->indexes.bs_day = first_of_type (form, BARUA_FIELD_BS_DAY);
  form->indexes.bs_aggregate = first_of_type (form, BARUA_FIELD_BS_AGGREGATE);
}

const BaruaForm *
barua_form_compile (const BaruaFormContext *context, BaruaJson code, BaruaJson definition)
{
  BaruaForm *form = barua_arena_alloc (context->arena, sizeof *form);
  BaruaJson fields = barua_json_member (definition, "fields");
  gboolean has_fields = barua_json_type (fields) == BARUA_JSON_OBJECT;
  guint most = has_fields ? MIN (barua_json_size (fields), BARUA_FORM_MAX_FIELDS) : 0;
  g_autofree BaruaJson *definitions = g_new0 (BaruaJson, most);

  *form = (BaruaForm){ .json = definition };
  form->code = barua_arena_json_text (context->arena, code);
  form->meta_code = barua_arena_json_text (
      context->arena, barua_json_member (barua_json_member (definition, "meta"), "code"));
  form->is_public = barua_json_truthy (barua_json_member (definition, "public_form"));
  form->fields = barua_arena_alloc (context->arena, most * sizeof *form->fields + 1);
  if (has_fields)
    compile_fields (context, form, fields, definitions);

  BaruaText reference = barua_arena_json_text (
      context->arena, barua_json_member (definition, "facility_reference"));
  form->facility_reference = reference.p != NULL ? barua_form_field_index (form, reference) : -1;
  compile_labels (context, form, definitions);
  compile_nodes (context, form);
  compile_plan (context, form);
  compile_members (context, form);
  compile_indexes (form);
  return form;
}
