/* SPDX-License-Identifier: MIT */

/* Textforms: `key value` pieces between `#`. */

#define G_LOG_DOMAIN "barua-parser"

#include "parser/textforms.h"

#include <string.h>

#include "forms/characters.h"
#include "forms/date.h"
#include "parser/error.h"

/* What a byte is; a byte of a key is its lower case instead, which is more than these. */
enum
{
  OTHER = 0,
  SEPARATOR = 1, /* may stand between a key and its value */
  HASH = 2,
};

static const guint8 classes[256] = {
  ['\t'] = SEPARATOR, ['\n'] = SEPARATOR, ['\v'] = SEPARATOR, ['\f'] = SEPARATOR,
  ['\r'] = SEPARATOR, [' '] = SEPARATOR, ['-'] = SEPARATOR, ['!'] = SEPARATOR, ['#'] = HASH,
  ['_'] = '_', ['.'] = '.', ['*'] = '*',
  ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd', ['E'] = 'e', ['F'] = 'f', ['G'] = 'g',
  ['H'] = 'h', ['I'] = 'i', ['J'] = 'j', ['K'] = 'k', ['L'] = 'l', ['M'] = 'm', ['N'] = 'n',
  ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r', ['S'] = 's', ['T'] = 't', ['U'] = 'u',
  ['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y', ['Z'] = 'z',
  ['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd', ['e'] = 'e', ['f'] = 'f', ['g'] = 'g',
  ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k', ['l'] = 'l', ['m'] = 'm', ['n'] = 'n',
  ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r', ['s'] = 's', ['t'] = 't', ['u'] = 'u',
  ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y', ['z'] = 'z',
};

/* Behind all SEPs, some of which may not be ASCII. */
static const char *
skip_wide_separators (const char *p, const char *end)
{
  while (p < end)
    {
      const char *at = p;
      if (classes[(guchar)*p] != SEPARATOR && !barua_is_white (barua_next_char (&at, end)))
        break;
      p = at > p ? at : p + 1;
    }
  return p;
}

/* Behind all SEPs. */
static inline const char *
skip_separators (const char *p, const char *end)
{
  while (p < end && classes[(guchar)*p] == SEPARATOR)
    p++;
  return p < end && (guchar)*p >= 0x80 ? skip_wide_separators (p, end) : p;
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

/* One `key value`, taken apart but not yet understood. Texts are borrowed from the message. */
typedef struct
{
  BaruaText key;
  guint64 key_word; /* see barua_labels_find_key() */
  BaruaText raw;
  BaruaText number; /* NUM; absent when there is none */
  BaruaText other;  /* OTHER */
  DatePart date;
} Piece;

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

static inline gboolean
is_date_separator (const char *p, const char *end)
{
  return p < end && (*p == '-' || *p == '/');
}

/* DATE at @p. */
static void
take_date (const char *p, const char *end, DatePart *date)
{
  date->end = NULL;
  date->can_give_back = FALSE;
  if (end - p < 8 || !is_date_separator (p + 4, end))
    return;
  date->year = 0;
  for (gsize i = 0; i < 4; i++, p++)
    {
      if (!barua_is_digit (*p))
        return;
      date->year = date->year * 10 + (*p - '0');
    }
  if ((p = take_two_digits (p + 1, end, &date->month)) == NULL || !is_date_separator (p, end))
    return;
  const char *day = p + 1;
  date->end = take_two_digits (day, end, &date->day);
  date->can_give_back = date->end != NULL && date->end - day == 2 && day[1] != '0';
}

/* Behind NUM at @p; @p itself when there is none. */
static inline const char *
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

/* NUM, and where OTHER begins: steps 4 and 5 of parsing.md 6.2. */
static inline void
take_value (const char *p, const char *end, Piece *piece)
{
  const char *from = skip_separators (p, end);
  const char *behind = take_number (from, end);

  piece->number = (BaruaText){ behind > from ? from : NULL, (gsize)(behind - from) };
  piece->other = (BaruaText){ skip_separators (behind, end), 0 };
}

/* The value of a component of NUM, OTHER and DATE (the table of parsing.md 6.2). */
static void
make_value (const Piece *piece, BaruaArena *arena, BaruaValue *value)
{
  const DatePart *date = &piece->date;
  BaruaText number = piece->number, other = piece->other;

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

/* Whether anything was sent: make_value() makes something defined of it. */
static inline gboolean
is_defined (const Piece *piece)
{
  return piece->number.n > 0 || piece->other.n > 0 || piece->date.end != NULL;
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

/* Reads the next key at or behind @p, up to a '#'; returns what is behind it, NULL without a key. */
static inline const char *
take_key (const char *p, const char *end, Piece *piece)
{
  guint64 word = 0;
  guint8 class;

  while (p < end && classes[(guchar)*p] < HASH)
    p++;
  const char *key = p;
  for (; p < end && (class = classes[(guchar)*p]) > HASH; p++)
    word = word << 8 | class;
  piece->key = (BaruaText){ key, (gsize)(p - key) };
  piece->key_word = word;
  return p > key ? p : NULL;
}

/* The first '#' at or behind @p, or @end. */
static inline const char *
find_hash (const char *p, const char *end)
{
  const char *hash = p < end ? memchr (p, '#', (gsize)(end - p)) : NULL;

  return hash != NULL ? hash : end;
}

/* Sets the ends of the value, which stands before @end; white space behind it is not part of it. */
static inline void
end_value (Piece *piece, const char *raw, const char *end)
{
  const char *key_end = piece->key.p + piece->key.n;

  while (end > key_end && barua_is_white ((guchar)end[-1]))
    end--;
  if (raw > end)
    raw = end;
  piece->raw = (BaruaText){ raw, (gsize)(end - raw) };
  piece->other.n = end > piece->other.p ? (gsize)(end - piece->other.p) : 0;
}

/* Reads one component of an ASCII text of one line: what follows the '#' that ends it is in the
 * way of nothing, so that it need not be looked for first. *@behind is that '#' or the end. */
static inline gboolean
read_line_piece (const char *p, const char *end, const char **behind, Piece *piece)
{
  const char *key_end = take_key (p, end, piece);

  if (key_end == NULL)
    {
      *behind = find_hash (p, end);
      return FALSE;
    }
  const char *raw = skip_separators (key_end, end);
  take_date (raw, end, &piece->date);
  take_value (piece->date.end != NULL ? piece->date.end : raw, end, piece);
  *behind = find_hash (piece->other.p, end);
  end_value (piece, raw, *behind);
  return TRUE;
}

/* Reads one component of any text that holds no '#', trimmed; FALSE when it has no key. */
static gboolean
read_piece (BaruaText text, Piece *piece)
{
  const char *p = text.p, *end = text.p + text.n;
  const char *last_line = behind_last_line_end (text);

  while ((p = take_key (p, end, piece)) != NULL)
    {
      const char *raw = skip_separators (p, end);
      take_date (raw, end, &piece->date);
      take_value (piece->date.end != NULL ? piece->date.end : raw, end, piece);
      if (piece->other.p < end && piece->other.p < last_line && piece->date.can_give_back)
        take_value (piece->date.end - 1, end, piece); /* a number, which counts instead */
      if (piece->other.p < end && piece->other.p < last_line)
        continue; /* the value may not hold a line end: try the next key */
      piece->raw = (BaruaText){ raw, (gsize)(end - raw) };
      piece->other.n = (gsize)(end - piece->other.p);
      return TRUE;
    }
  return FALSE;
}

static inline void
begin (BaruaTextformsIter *iter, BaruaText text, gboolean one_line)
{
  iter->at = text.p;
  iter->end = text.p + text.n;
  iter->n_read = 0;
  iter->one_line = one_line;
}

void
barua_textforms_iter_init (BaruaTextformsIter *iter, BaruaText text)
{
  begin (iter, text,
         barua_text_is_ascii (text) && memchr (text.p, '\n', text.n) == NULL
             && memchr (text.p, '\r', text.n) == NULL);
}

/* The next component that has a key; FALSE at the end. */
static inline gboolean
next_piece (BaruaTextformsIter *iter, Piece *piece)
{
  gboolean is_read = FALSE;

  while (!is_read && iter->at != NULL && iter->n_read < BARUA_MESSAGE_MAX_VALUES)
    {
      const char *from = iter->at, *behind;
      if (iter->one_line)
        is_read = read_line_piece (from, iter->end, &behind, piece);
      else
        {
          behind = find_hash (from, iter->end);
          is_read = read_piece (barua_text_trim ((BaruaText){ from, (gsize)(behind - from) }),
                                piece);
        }
      iter->at = behind < iter->end ? behind + 1 : NULL;
      iter->n_read++;
    }
  return is_read;
}

gboolean
barua_textforms_iter_next (BaruaTextformsIter *iter, BaruaArena *arena, BaruaComponent *component)
{
  Piece piece;

  if (!next_piece (iter, &piece))
    return FALSE;
  component->key = piece.key;
  component->raw = piece.raw;
  component->number = piece.number;
  component->has_date = piece.date.end != NULL;
  make_value (&piece, arena, &component->value);
  return TRUE;
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
  Piece first;     /* defined */
  Repeat *repeats; /* further values */
  Repeat *last;
} Slot;

/* Adds a later value of a name. */
static void
slot_repeat (Slot *slot, const Piece *piece, BaruaArena *arena)
{
  Repeat *repeat = barua_arena_alloc (arena, sizeof *repeat);

  make_value (piece, arena, &repeat->value);
  repeat->next = NULL;
  if (slot->last != NULL)
    slot->last->next = repeat;
  else
    slot->repeats = repeat;
  slot->last = repeat;
}

/* Notes what was sent for the name of *@slot: the first defined value stays, later ones make a
 * list. Returns %TRUE when @fresh was taken. */
static inline gboolean
slot_add (Slot **slot, Slot *fresh, BaruaArena *arena)
{
  if (*slot != NULL)
    {
      slot_repeat (*slot, &fresh->first, arena);
      return FALSE;
    }
  if (!is_defined (&fresh->first))
    return FALSE;
  fresh->repeats = fresh->last = NULL;
  *slot = fresh;
  return TRUE;
}

/* The list of a repeated key as JSON. */
static BaruaText
slot_list (const Slot *slot, BaruaArena *arena)
{
  g_autoptr (GString) list = g_string_new ("[");
  BaruaValue first;

  make_value (&slot->first, arena, &first);
  barua_value_append (list, &first);
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
  BaruaValue first;

  make_value (&slot->first, arena, &first);
  append_joined (text, &first);
  for (const Repeat *r = slot->repeats; r != NULL; r = r->next)
    {
      g_string_append_c (text, ',');
      append_joined (text, &r->value);
    }
  return barua_arena_copy (arena, (BaruaText){ text->str, text->len });
}

/* The types that read the text as it was sent (parsing.md D8). */
#define TEXT_LIKE                                                                                  \
  (1u << BARUA_FIELD_STRING | 1u << BARUA_FIELD_BS_DATE | 1u << BARUA_FIELD_BS_YEAR                 \
   | 1u << BARUA_FIELD_BS_MONTH | 1u << BARUA_FIELD_BS_DAY | 1u << BARUA_FIELD_PHONE)

static inline gboolean
is_text_like (BaruaFieldType type)
{
  return TEXT_LIKE >> type & 1;
}

/* Whether there is something in @slot for a field of @type. */
static inline gboolean
has_value (const Slot *slot, BaruaFieldType type)
{
  if (slot == NULL)
    return FALSE;

  const DatePart *date = &slot->first.date;
  gint64 days;
  if (slot->first.number.n > 0 || date->end == NULL || slot->repeats != NULL
      || is_text_like (type))
    return TRUE;
  /* a day that does not exist, and the first of 1970, count as not sent (parsing.md D26) */
  return barua_date_from_civil (date->year, date->month, date->day, &days) && days != 0;
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

/* Numbers of so many digits are printed as they are written. */
#define EXACT_DIGITS 15

/* The text of a numeric value, for a list of choices; @sent is absent when it was sent as a date. */
static BaruaText
number_text (BaruaText sent, double number, BaruaArena *arena)
{
  if (sent.n > 0 && sent.n <= EXACT_DIGITS && memchr (sent.p, '.', sent.n) == NULL)
    return sent;

  g_autoptr (GString) text = g_string_new (NULL);

  barua_json_append_number (text, number);
  return barua_arena_copy (arena, (BaruaText){ text->str, text->len });
}

/* The typed value of a single component. */
static void
convert_single (const BaruaField *field, const Piece *piece, const BaruaPhoneRules *rules,
                BaruaArena *arena, BaruaValue *out)
{
  BaruaFieldType type = field->type;

  if (is_text_like (type)
      || (type == BARUA_FIELD_DATE && (piece->date.end == NULL || piece->number.p != NULL)))
    {
      barua_field_convert (field, piece->raw, rules, arena, out);
      return;
    }
  BaruaValue value;
  make_value (piece, arena, &value);
  gboolean is_number = value.type == BARUA_VALUE_NUMBER;
  if (value.type == BARUA_VALUE_TEXT)
    barua_field_convert (field, value.text, rules, arena, out);
  else if (is_number && type == BARUA_FIELD_INTEGER && field->has_list)
    barua_field_convert (field, number_text (piece->number, value.number, arena), rules, arena, out);
  else if (is_number && type == BARUA_FIELD_BOOLEAN)
    out->type = value.number == 1 ? BARUA_VALUE_TRUE : BARUA_VALUE_NULL;
  else
    *out = value;
}

/* Reads the components that some field can take: one place for each name, NULL when none came. */
static Slot **
read_slots (BaruaText text, gboolean is_plain, const BaruaLabels *labels, BaruaArena *arena)
{
  Slot **slots = barua_arena_alloc (arena, labels->n_names * sizeof *slots + 1);
  Slot *fresh = barua_arena_alloc (arena, sizeof *fresh);
  BaruaTextformsIter iter;

  for (guint i = 0; i < labels->n_names; i++)
    slots[i] = NULL;
  if (is_plain)
    begin (&iter, text, TRUE);
  else
    barua_textforms_iter_init (&iter, text);
  while (next_piece (&iter, &fresh->first))
    {
      int name = barua_labels_find_key (labels, fresh->first.key, fresh->first.key_word);
      if (name >= 0 && slot_add (&slots[name], fresh, arena))
        fresh = barua_arena_alloc (arena, sizeof *fresh);
    }
  return slots;
}

void
barua_textforms_read (BaruaText text, gboolean is_plain, const BaruaForm *form,
                      const BaruaLabels *labels, const BaruaPhoneRules *rules, BaruaArena *arena,
                      BaruaValue *values)
{
  const BaruaField *fields = barua_form_fields (form);
  Slot **slots = read_slots (text, is_plain, labels, arena);

  for (guint i = 0; i < labels->n_fields; i++)
    {
      const BaruaFieldLabels *names = &labels->fields[i];
      const BaruaField *field = &fields[i];
      const Slot *slot = names->label_name >= 0 ? slots[names->label_name] : NULL;
      if (!has_value (slot, field->type))
        slot = names->key_name >= 0 ? slots[names->key_name] : NULL;
      if (!has_value (slot, field->type))
        continue;
      if (slot->repeats != NULL)
        convert_repeated (field, slot, rules, arena, &values[i]);
      else
        convert_single (field, &slot->first, rules, arena, &values[i]);
    }
}

/* A name that came in a message, for barua_textforms_append_raw(). */
typedef struct
{
  BaruaText name;
  Slot *slot; /* NULL: nothing defined came */
} NamedSlot;

/* The place of @name, made when it is new. */
static Slot **
need_slot (GArray *slots, BaruaText name)
{
  for (guint i = 0; i < slots->len; i++)
    if (barua_text_equal (g_array_index (slots, NamedSlot, i).name, name))
      return &g_array_index (slots, NamedSlot, i).slot;

  NamedSlot slot = { .name = name };
  g_array_append_val (slots, slot);
  return &g_array_index (slots, NamedSlot, slots->len - 1).slot;
}

/* Appends all that came for one name. */
static void
append_slot (GString *out, const Slot *slot, BaruaArena *arena)
{
  if (slot->repeats == NULL)
    {
      BaruaValue value;
      make_value (&slot->first, arena, &value);
      barua_value_append (out, &value);
      return;
    }
  BaruaText list = slot_list (slot, arena);
  g_string_append_len (out, list.p, (gssize)list.n);
}

void
barua_textforms_append_raw (BaruaText text, BaruaArena *arena, GString *out)
{
  g_autoptr (GArray) slots = g_array_new (FALSE, TRUE, sizeof (NamedSlot));
  Slot *fresh = barua_arena_alloc (arena, sizeof *fresh);
  BaruaTextformsIter iter;

  barua_textforms_iter_init (&iter, text);
  while (next_piece (&iter, &fresh->first))
    {
      BaruaText name = barua_text_lower (arena, fresh->first.key);
      if (slot_add (need_slot (slots, name), fresh, arena))
        fresh = barua_arena_alloc (arena, sizeof *fresh);
    }

  gboolean is_first = TRUE;
  g_string_append_c (out, '{');
  for (guint i = 0; i < slots->len; i++)
    {
      const NamedSlot *named = &g_array_index (slots, NamedSlot, i);
      if (named->slot == NULL)
        continue;
      if (!is_first)
        g_string_append_c (out, ',');
      is_first = FALSE;
      barua_json_append_string (out, named->name);
      g_string_append_c (out, ':');
      append_slot (out, named->slot, arena);
    }
  g_string_append_c (out, '}');
}
