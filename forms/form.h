/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/field.h"
#include "forms/labels.h"

G_BEGIN_DECLS

/**
 * BaruaForm:
 *
 * One compiled JSON form definition. Immutable; it lives as long as the settings it comes from.
 */
typedef struct _BaruaForm BaruaForm;

/** The key in `settings.forms`: the form code. */
BaruaText barua_form_code (const BaruaForm *form);

/** `meta.code`; absent when there is none. */
BaruaText barua_form_meta_code (const BaruaForm *form);

/** The definition as stored. */
BaruaJson barua_form_json (const BaruaForm *form);

/** `public_form` is truthy. */
gboolean barua_form_is_public (const BaruaForm *form);

/** The field that `facility_reference` names, or -1. */
int barua_form_facility_reference (const BaruaForm *form);

/** Fields in the order of the definition. */
guint barua_form_n_fields (const BaruaForm *form);
const BaruaField *barua_form_field (const BaruaForm *form, guint index);

/** The definition of that field, as uploaded. */
BaruaJson barua_form_field_json (const BaruaForm *form, guint index);

/** All of them (array length=barua_form_n_fields()). */
const BaruaField *barua_form_fields (const BaruaForm *form);

/** The field called @key exactly, or -1. */
int barua_form_field_index (const BaruaForm *form, BaruaText key);

/**
 * BaruaFormIndexes:
 *
 * Fields with a part of their own, as indices; -1 when the form has none.
 */
typedef struct
{
  int locale;       /* called "locale": the language of answers */
  int bs_year;      /* the first of its type, as the three below */
  int bs_month;
  int bs_day;
  int bs_aggregate;
} BaruaFormIndexes;

const BaruaFormIndexes *barua_form_indexes (const BaruaForm *form);

/**
 * barua_form_labels:
 * @locale_index: barua_settings_locale_index()
 *
 * The labels in one language.
 */
const BaruaLabels *barua_form_labels (const BaruaForm *form, guint locale_index);

/** Keys are copied in blocks of so many bytes. */
#define BARUA_PLAN_KEY_BLOCK 16

/** One step of writing `fields`: a value, or the beginning or end of an object. */
typedef enum
{
  BARUA_PLAN_FIELD,
  BARUA_PLAN_OPEN,
  BARUA_PLAN_CLOSE,
} BaruaPlanKind;

/**
 * BaruaPlanStep:
 * @field: the index of the field, for @BARUA_PLAN_FIELD
 * @key: `"name":` as JSON, not for @BARUA_PLAN_CLOSE; the memory behind it reaches to a multiple of
 *   %BARUA_PLAN_KEY_BLOCK, so that it can be copied in blocks
 */
typedef struct
{
  BaruaPlanKind kind;
  guint field;
  BaruaText key;
} BaruaPlanStep;

/** Keys with a dot are stored in objects at most this deep; a longer path is kept as one name. */
#define BARUA_FORM_MAX_DEPTH 8

/** How `fields` is written: members in the order of the definition, dotted keys as objects. */
const BaruaPlanStep *barua_form_plan (const BaruaForm *form, guint *n_steps);

/** Bytes that the keys and braces of the plan take at most, with a block to spare. */
gsize barua_form_plan_bytes (const BaruaForm *form);

/**
 * BaruaNode:
 * @name: a segment of dotted keys
 * @field: the index of the field that it is, or -1
 * @parent: -1 at the top
 * @first_child: -1 for none
 * @next: the next of the same parent, or -1
 *
 * A place in `fields`. Nodes are numbered in the order of the definition.
 */
typedef struct
{
  BaruaText name;
  int field;
  int parent;
  int first_child;
  int next;
} BaruaNode;

const BaruaNode *barua_form_node (const BaruaForm *form, int index);

/**
 * barua_form_find_member:
 * @name: in lower case
 *
 * Returns: the node that a top-level member of a JSON record is for, by its name or by the whole
 *   dotted key; -1 for an unknown name
 */
int barua_form_find_member (const BaruaForm *form, BaruaText name);

G_END_DECLS
