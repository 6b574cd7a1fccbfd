/* SPDX-License-Identifier: MIT */

/* Textforms: `key value` pieces between `#`. */

#define G_LOG_DOMAIN "barua-parser"

#include "parser/textforms.h"

#include <string.h>

#include "forms/characters.h"
#include "forms/date.h"
#include "parser/error.h"

/* What may be part of a key, and what may stand between a key and its value, of ASCII. */
enum
{
  KEY = 1,
  SEPARATOR = 2,
  BLANK = 4,
};

static const guint8 classes[128] = {
  ['\t'] = SEPARATOR | BLANK, ['\n'] = SEPARATOR | BLANK, ['\v'] = SEPARATOR | BLANK,
  ['\f'] = SEPARATOR | BLANK, ['\r'] = SEPARATOR | BLANK, [' '] = SEPARATOR | BLANK,
  ['-'] = SEPARATOR, ['!'] = SEPARATOR, ['_'] = KEY, ['.'] = KEY, ['*'] = KEY,
  ['A'] = KEY, ['B'] = KEY, ['C'] = KEY, ['D'] = KEY, ['E'] = KEY, ['F'] = KEY, ['G'] = KEY,
  ['H'] = KEY, ['I'] = KEY, ['J'] = KEY, ['K'] = KEY, ['L'] = KEY, ['M'] = KEY, ['N'] = KEY,
  ['O'] = KEY, ['P'] = KEY, ['Q'] = KEY, ['R'] = KEY, ['S'] = KEY, ['T'] = KEY, ['U'] = KEY,
  ['V'] = KEY, ['W'] = KEY, ['X'] = KEY, ['Y'] = KEY, ['Z'] = KEY,
  ['a'] = KEY, ['b'] = KEY, ['c'] = KEY, ['d'] = KEY, ['e'] = KEY, ['f'] = KEY, ['g'] = KEY,
  ['h'] = KEY, ['i'] = KEY, ['j'] = KEY, ['k'] = KEY, ['l'] = KEY, ['m'] = KEY, ['n'] = KEY,
  ['o'] = KEY, ['p'] = KEY, ['q'] = KEY, ['r'] = KEY, ['s'] = KEY, ['t'] = KEY, ['u'] = KEY,
  ['v'] = KEY, ['w'] = KEY, ['x'] = KEY, ['y'] = KEY, ['z'] = KEY,
};

static inline gboolean
is_class (char c, guint8 wanted)
{
  return (guchar)c < 0x80 && (classes[(guchar)c] & wanted) != 0;
}

/* Behind all SEPs. */
static const char *
skip_separators (const char *p, const char *end)
{
  while (p < end)
    {
      const char *at = p + 1;
      if ((guchar)*p < 0x80 ? !is_class (*p, SEPARATOR)
                            : (at = p, !barua_is_white (barua_next_char (&at, end))))
        break;
      p = at;
    }
  return p;
}

/* What DATE took. */
typedef struct
{
  const char *end; /* behind it; NULL when there is none */
  int year;
  int month;
  int day;
  gboolean can_give_back; /* the day has two digits, the second 1–9 */
} DatePart;

/* One or two digits, as many as there are; NULL when there is none. */
static const char *
take_two_digits (const char *p, const char *end, int *number)
{
  if (p == end || !barua_is_digit (*p))
    return NULL;
  *number = *p++ - '0';
  if (p < end && barua_is_digit (*p))
    *number = *number * 10 + (*p++ - '0');
  return p;
}

static gboolean
is_date_separator (const char *p, const char *end)
{
  return p < end && (*p == '-' || *p == '/');
}

/* DATE at @p. */
static DatePart
take_date (const char *p, const char *end)
{
  static const DatePart none = { NULL, 0, 0, 0, FALSE };
  DatePart date = none;

  if (end - p < 8)
    return none;
  for (gsize i = 0; i < 4; i++, p++)
    {
      if (!barua_is_digit (*p))
        return none;
      date.year = date.year * 10 + (*p - '0');
    }
  if (!is_date_separator (p, end) || (p = take_two_digits (p + 1, end, &date.month)) == NULL
      || !is_date_separator (p, end))
    return none;
  const char *day = p + 1;
  date.end = take_two_digits (day, end, &date.day);
  date.can_give_back = date.end != NULL && date.end - day == 2 && day[1] != '0';
  return date;
}

/* Behind NUM at @p; @p itself when there is none. */
static const char *
take_number (const char *p, const char *end)
{
  if (p == end || *p < '1' || *p > '9')
    return p;
  while (p < end && barua_is_digit (*p))
    p++;
  if (p < end && *p == '.')
    for (p++; p < end && barua_is_digit (*p);)
      p++;
  return p;
}

/* NUM and OTHER of a value. */
typedef struct
{
  BaruaText number;
  BaruaText other;
} ValueParts;

/* Steps 4 and 5 of parsing.md 6.2. */
static ValueParts
take_value (const char *p, const char *end)
{
  ValueParts parts;
  const char *from = skip_separators (p, end);
  const char *behind = take_number (from, end);

  parts.number = (BaruaText){ behind > from ? from : NULL, (gsize)(behind - from) };
  p = skip_separators (behind, end);
  parts.other = (BaruaText){ p, (gsize)(end - p) };
  return parts;
}

/* The value of a component of NUM, OTHER and DATE (the table of parsing.md 6.2). */
static void
make_value (const ValueParts *parts, const DatePart *date, BaruaArena *arena, BaruaValue *value)
{
  BaruaText number = parts->number, other = parts->other;

  *value = (BaruaValue){ BARUA_VALUE_ABSENT };
  if (number.n > 0 && other.n > 0)
    {
      *value = (BaruaValue){ BARUA_VALUE_TEXT, 0, { number.p, number.n + other.n } };
      if (number.p + number.n == other.p)
        return;
      char *glued = barua_arena_alloc (arena, number.n + other.n + 1);
      memcpy (glued, number.p, number.n);
      memcpy (glued + number.n, other.p, other.n);
      glued[number.n + other.n] = '\0';
      value->text.p = glued;
    }
  else if (number.n > 0)
    {
      gboolean is_finite = barua_number_parse (number, &value->number);
      value->type = is_finite ? BARUA_VALUE_NUMBER : BARUA_VALUE_NULL;
    }
  else if (date->end != NULL)
    {
      gint64 days;
      gboolean exists = barua_date_from_civil (date->year, date->month, date->day, &days);
      value->type = exists ? BARUA_VALUE_NUMBER : BARUA_VALUE_NULL;
      value->number = exists ? (double)(days * BARUA_MS_PER_DAY) : 0;
    }
  else if (other.n > 0)
    *value = (BaruaValue){ BARUA_VALUE_TEXT, 0, other };
}

/* Behind the last line end of @text; its start when there is none. */
static const char *
behind_last_line_end (BaruaText text)
{
  const char *found = text.p;

  for (const char *p = text.p, *end = text.p + text.n; p < end;)
    if (barua_is_line_end (barua_next_char (&p, end)))
      found = p;
  return found;
}

/* Reads one component, trimmed; FALSE when it has no key. */
static gboolean
read_component (BaruaText text, gboolean one_line, BaruaArena *arena, BaruaComponent *component)
{
  const char *p = text.p, *end = text.p + text.n;
  const char *last_line = one_line ? text.p : behind_last_line_end (text);

  while (p < end)
    {
      while (p < end && !is_class (*p, KEY))
        p++;
      const char *key = p;
      while (p < end && is_class (*p, KEY))
        p++;
      if (p == key)
        return FALSE;
      const char *raw = skip_separators (p, end);
      DatePart date = take_date (raw, end);
      ValueParts parts = take_value (date.end != NULL ? date.end : raw, end);
      if (parts.other.n > 0 && parts.other.p < last_line && date.can_give_back)
        {
          parts = take_value (date.end - 1, end);
          date.day /= 10;
        }
      if (parts.other.n > 0 && parts.other.p < last_line)
        continue; /* the value may not hold a line end: try the next key */
      component->key = (BaruaText){ key, (gsize)(p - key) };
      component->raw = (BaruaText){ raw, (gsize)(end - raw) };
      component->number = parts.number;
      component->has_date = date.end != NULL;
      make_value (&parts, &date, arena, &component->value);
      return TRUE;
    }
  return FALSE;
}

void
barua_textforms_iter_init (BaruaTextformsIter *iter, BaruaText text)
{
  iter->at = text.p;
  iter->end = text.p + text.n;
  iter->n_read = 0;
  iter->one_line = barua_text_is_ascii (text) && memchr (text.p, '\n', text.n) == NULL
                   && memchr (text.p, '\r', text.n) == NULL;
}

gboolean
barua_textforms_iter_next (BaruaTextformsIter *iter, BaruaArena *arena, BaruaComponent *component)
{
  while (iter->at != NULL && iter->n_read < BARUA_MESSAGE_MAX_VALUES)
    {
      const char *from = iter->at, *hash = NULL;
      if (from < iter->end)
        hash = memchr (from, '#', (gsize)(iter->end - from));
      const char *behind = hash != NULL ? hash : iter->end;
      iter->at = hash != NULL ? hash + 1 : NULL;
      iter->n_read++;
      BaruaText text = barua_text_trim ((BaruaText){ from, (gsize)(behind - from) });
      if (read_component (text, iter->one_line, arena, component))
        return TRUE;
    }
  return FALSE;
}

/* The values of a key that came more than once. */
typedef struct _Repeat Repeat;
struct _Repeat
{
  BaruaValue value;
  Repeat *next;
};

/* What was sent for one name. */
typedef struct
{
  gboolean is_set; /* a defined value came */
  BaruaComponent first;
  Repeat *repeats; /* further values */
  Repeat *last;
} Slot;

/* Adds a component: the first defined value stays, later ones make a list. */
static void
slot_add (Slot *slot, const BaruaComponent *component, BaruaArena *arena)
{
  if (!slot->is_set)
    {
      slot->first = *component;
      slot->is_set = component->value.type != BARUA_VALUE_ABSENT;
      return;
    }
  Repeat *repeat = barua_arena_alloc (arena, sizeof *repeat);
  *repeat = (Repeat){ component->value, NULL };
  if (slot->last != NULL)
    slot->last->next = repeat;
  else
    slot->repeats = repeat;
  slot->last = repeat;
}

/* The list of a repeated key as JSON. */
static BaruaText
slot_list (const Slot *slot, BaruaArena *arena)
{
  g_autoptr (GString) list = g_string_new ("[");

  barua_value_append (list, &slot->first.value);
  for (const Repeat *r = slot->repeats; r != NULL; r = r->next)
    {
      g_string_append_c (list, ',');
      barua_value_append (list, &r->value);
    }
  g_string_append_c (list, ']');
  return barua_arena_copy (arena, (BaruaText){ list->str, list->len });
}

/* Appends a value as ECMAScript joins it. */
static void
append_joined (GString *out, const BaruaValue *value)
{
  if (value->type == BARUA_VALUE_TEXT)
    g_string_append_len (out, value->text.p, (gssize)value->text.n);
  else if (value->type == BARUA_VALUE_NUMBER)
    barua_json_append_number (out, value->number);
}

/* The values of a repeated key joined by commas. */
static BaruaText
slot_joined (const Slot *slot, BaruaArena *arena)
{
  g_autoptr (GString) text = g_string_new (NULL);

  append_joined (text, &slot->first.value);
  for (const Repeat *r = slot->repeats; r != NULL; r = r->next)
    {
      g_string_append_c (text, ',');
      append_joined (text, &r->value);
    }
  return barua_arena_copy (arena, (BaruaText){ text->str, text->len });
}

/* Whether the type reads the text as it was sent (parsing.md D8). */
static gboolean
is_text_like (BaruaFieldType type)
{
  switch (type)
    {
    case BARUA_FIELD_STRING:
    case BARUA_FIELD_BS_DATE:
    case BARUA_FIELD_BS_YEAR:
    case BARUA_FIELD_BS_MONTH:
    case BARUA_FIELD_BS_DAY:
    case BARUA_FIELD_PHONE:
      return TRUE;
    default:
      return FALSE;
    }
}

/* Whether there is something in @slot for a field of @type. */
static gboolean
has_value (const Slot *slot, BaruaFieldType type)
{
  const BaruaValue *value = &slot->first.value;

  if (!slot->is_set)
    return FALSE;
  if (slot->repeats != NULL || is_text_like (type))
    return TRUE;
  /* a day that does not exist counts as not sent (parsing.md D26) */
  if (value->type == BARUA_VALUE_NULL)
    return slot->first.number.p != NULL; /* too large a number is sent, and null */
  return value->type == BARUA_VALUE_TEXT || value->number != 0;
}

/* The typed value of a key that came more than once. */
static void
convert_repeated (const BaruaField *field, const Slot *slot, const BaruaPhoneRules *rules,
                  BaruaArena *arena, BaruaValue *out)
{
  if (field->type == BARUA_FIELD_DATE)
    *out = (BaruaValue){ BARUA_VALUE_NULL };
  else if (field->type == BARUA_FIELD_OTHER || field->type == BARUA_FIELD_COMPLEX
           || (field->type == BARUA_FIELD_STRING && !field->is_subject_id))
    *out = (BaruaValue){ BARUA_VALUE_JSON, 0, slot_list (slot, arena) };
  else
    barua_field_convert (field, slot_joined (slot, arena), rules, arena, out);
}

/* The text of a numeric value, for a list of choices. */
static BaruaText
number_text (double number, BaruaArena *arena)
{
  g_autoptr (GString) text = g_string_new (NULL);

  barua_json_append_number (text, number);
  return barua_arena_copy (arena, (BaruaText){ text->str, text->len });
}

/* The typed value of a single component. */
static void
convert_single (const BaruaField *field, const BaruaComponent *component,
                const BaruaPhoneRules *rules, BaruaArena *arena, BaruaValue *out)
{
  const BaruaValue *value = &component->value;
  gboolean is_number = value->type == BARUA_VALUE_NUMBER;

  if (is_text_like (field->type))
    barua_field_convert (field, component->raw, rules, arena, out);
  else if (field->type == BARUA_FIELD_DATE && component->has_date && component->number.p == NULL)
    *out = *value;
  else if (field->type == BARUA_FIELD_DATE)
    barua_field_convert (field, component->raw, rules, arena, out);
  else if (!is_number && value->type == BARUA_VALUE_TEXT)
    barua_field_convert (field, value->text, rules, arena, out);
  else if (is_number && field->type == BARUA_FIELD_INTEGER && field->has_list)
    barua_field_convert (field, number_text (value->number, arena), rules, arena, out);
  else if (is_number && field->type == BARUA_FIELD_BOOLEAN)
    out->type = value->number == 1 ? BARUA_VALUE_TRUE : BARUA_VALUE_NULL;
  else
    *out = *value;
}

/* Reads the components that some field can take. */
static Slot *
read_slots (BaruaText text, const BaruaLabels *labels, BaruaArena *arena)
{
  Slot *slots = barua_arena_alloc (arena, labels->n_names * sizeof *slots + 1);
  BaruaTextformsIter iter;
  BaruaComponent component;

  for (guint i = 0; i < labels->n_names; i++)
    {
      slots[i].is_set = FALSE;
      slots[i].repeats = slots[i].last = NULL;
    }
  barua_textforms_iter_init (&iter, text);
  while (barua_textforms_iter_next (&iter, arena, &component))
    {
      int name = barua_labels_find_key (labels, component.key);
      if (name >= 0)
        slot_add (&slots[name], &component, arena);
    }
  return slots;
}

void
barua_textforms_read (BaruaText text, const BaruaForm *form, const BaruaLabels *labels,
                      const BaruaPhoneRules *rules, BaruaArena *arena, BaruaValue *values)
{
  const Slot *slots = read_slots (text, labels, arena);

  for (guint i = 0; i < labels->n_fields; i++)
    {
      const BaruaFieldLabels *names = &labels->fields[i];
      const BaruaField *field = barua_form_field (form, i);
      int name = names->label_name;
      if (name < 0 || !has_value (&slots[name], field->type))
        name = names->key_name;
      if (name < 0 || !has_value (&slots[name], field->type))
        continue;
      if (slots[name].repeats != NULL)
        convert_repeated (field, &slots[name], rules, arena, &values[i]);
      else
        convert_single (field, &slots[name].first, rules, arena, &values[i]);
    }
}

/* A name that came in a message, for barua_textforms_append_raw(). */
typedef struct
{
  BaruaText name;
  Slot slot;
} NamedSlot;

/* The slot called @name, made when it is new. */
static Slot *
need_slot (GArray *slots, BaruaText name)
{
  for (guint i = 0; i < slots->len; i++)
    if (barua_text_equal (g_array_index (slots, NamedSlot, i).name, name))
      return &g_array_index (slots, NamedSlot, i).slot;

  NamedSlot slot = { .name = name };
  g_array_append_val (slots, slot);
  return &g_array_index (slots, NamedSlot, slots->len - 1).slot;
}

void
barua_textforms_append_raw (BaruaText text, BaruaArena *arena, GString *out)
{
  g_autoptr (GArray) slots = g_array_new (FALSE, TRUE, sizeof (NamedSlot));
  BaruaTextformsIter iter;
  BaruaComponent component;

  barua_textforms_iter_init (&iter, text);
  while (barua_textforms_iter_next (&iter, arena, &component))
    slot_add (need_slot (slots, barua_text_lower (arena, component.key)), &component, arena);

  gboolean is_first = TRUE;
  g_string_append_c (out, '{');
  for (guint i = 0; i < slots->len; i++)
    {
      const NamedSlot *named = &g_array_index (slots, NamedSlot, i);
      if (!named->slot.is_set)
        continue;
      if (!is_first)
        g_string_append_c (out, ',');
      is_first = FALSE;
      barua_json_append_string (out, named->name);
      g_string_append_c (out, ':');
      if (named->slot.repeats == NULL)
        barua_value_append (out, &named->slot.first.value);
      else
        {
          BaruaText list = slot_list (&named->slot, arena);
          g_string_append_len (out, list.p, (gssize)list.n);
        }
    }
  g_string_append_c (out, '}');
}
