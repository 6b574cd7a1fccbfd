/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <string.h>

G_BEGIN_DECLS

/**
 * BaruaText:
 * @p: (nullable): UTF-8, not terminated, may hold U+0000; %NULL means absent
 * @n: bytes
 *
 * A borrowed piece of text.
 */
typedef struct
{
  const char *p;
  gsize n;
} BaruaText;

/** A #BaruaText of a literal. */
#define BARUA_TEXT(literal) ((BaruaText){ (literal), sizeof (literal) - 1 })

/** A #BaruaText of a NUL-terminated string; %NULL gives the absent text. */
static inline BaruaText
barua_text (const char *string)
{
  return (BaruaText){ string, string != NULL ? strlen (string) : 0 };
}

/** Whether the bytes are the same; absent equals absent only. */
static inline gboolean
barua_text_equal (BaruaText a, BaruaText b)
{
  if (a.n != b.n || (a.p == NULL) != (b.p == NULL))
    return FALSE;
  return a.n == 0 || memcmp (a.p, b.p, a.n) == 0;
}

/** The order of bytes, the shorter first: below, at or above 0. */
static inline int
barua_text_compare (BaruaText a, BaruaText b)
{
  const gsize n = MIN (a.n, b.n);
  const int order = n > 0 ? memcmp (a.p, b.p, n) : 0;

  return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

/** Arrays and objects may be nested this deep; deeper text is refused. */
#define BARUA_JSON_MAX_DEPTH 200

typedef enum
{
  BARUA_JSON_ABSENT,
  BARUA_JSON_NULL,
  BARUA_JSON_FALSE,
  BARUA_JSON_TRUE,
  BARUA_JSON_NUMBER,
  BARUA_JSON_STRING,
  BARUA_JSON_ARRAY,
  BARUA_JSON_OBJECT,
} BaruaJsonType;

/**
 * BaruaJson:
 * @text: (nullable): the first byte of the value in text that barua_json_read() accepted; %NULL: absent
 * @length: bytes of the value, without white space around it
 *
 * A borrowed view of one JSON value. Documents stay text: nothing is built, so numbers keep their
 * spelling, members their order and strings their U+0000.
 */
typedef struct
{
  const char *text;
  gsize length;
} BaruaJson;

/** The absent value. */
#define BARUA_JSON_NONE ((BaruaJson){ NULL, 0 })

/**
 * barua_json_read:
 * @text: (not nullable): any bytes
 * @length: how many, or -1 for a NUL-terminated text
 * @value: (out): the value in @text, untouched on failure
 * @error: a #BaruaFormsError of code %BARUA_FORMS_ERROR_JSON: line, column (both from 1, bytes) and reason
 *
 * Accepts exactly RFC 8259 in UTF-8: one value, nesting up to %BARUA_JSON_MAX_DEPTH, no lone
 * surrogates. Linear time, no recursion, no memory.
 */
gboolean barua_json_read (const char *text, gssize length, BaruaJson *value, GError **error);

BaruaJsonType barua_json_type (BaruaJson value);

/** Whether @value is %BARUA_JSON_ABSENT or null. */
gboolean barua_json_is_nothing (BaruaJson value);

/** A human word for the type: "a string", "an object", "nothing". */
const char *barua_json_type_name (BaruaJson value);

/**
 * BaruaJsonIter:
 *
 * Walks the members of an object or the elements of an array, in order; on any other value it ends at once.
 */
typedef struct
{
  const char *at;
  const char *end;
} BaruaJsonIter;

void barua_json_iter_init (BaruaJsonIter *iter, BaruaJson container);

/**
 * barua_json_iter_next:
 * @key: (out) (optional): the member's name as a JSON string; absent for array elements
 * @value: (out): the value
 *
 * Returns: %FALSE at the end; the outputs are then untouched
 */
gboolean barua_json_iter_next (BaruaJsonIter *iter, BaruaJson *key, BaruaJson *value);

/**
 * barua_json_member:
 *
 * Returns: the value of the last member called @name of @object; absent when there is none or @object is no object
 */
BaruaJson barua_json_member (BaruaJson object, const char *name);

/**
 * barua_json_members:
 * @names: (array length=n): different names
 * @values: (array length=n) (out): as barua_json_member() finds them
 *
 * Finds several members in one walk.
 */
void barua_json_members (BaruaJson object, const BaruaText *names, BaruaJson *values, guint n);

/** The element at @index of an array; absent beyond the end. */
BaruaJson barua_json_element (BaruaJson array, guint index);

/** How many members or elements @container has. */
guint barua_json_size (BaruaJson container);

/** Whether @value is a JSON string of exactly this text (escapes are understood). */
gboolean barua_json_string_is (BaruaJson value, BaruaText text);

/**
 * barua_json_string:
 * @length: (out) (optional): bytes
 *
 * Returns: (transfer full) (nullable): the decoded text, NUL-terminated and possibly holding U+0000
 *   (see @length); %NULL when @value is no string
 */
char *barua_json_string (BaruaJson value, gsize *length);

/**
 * barua_json_string_raw:
 * @text: (out): what stands between the quotes
 *
 * Returns: %TRUE when @value is a string without escapes, so that @text is its decoded text without a copy
 */
gboolean barua_json_string_raw (BaruaJson value, BaruaText *text);

/** Decodes @value, a string, into @buffer of at least @value.length bytes; returns the bytes written (not terminated). */
gsize barua_json_string_into (BaruaJson value, char *buffer);

/** The number as a double (infinite when out of range), 0 when @value is no number. */
double barua_json_number (BaruaJson value);

/**
 * barua_json_integer:
 * @integer: (out): set when %TRUE is returned
 *
 * Returns: %TRUE when @value is a number that is an integer within ±2^53 (5, 5.0 and 5e0 alike)
 */
gboolean barua_json_integer (BaruaJson value, gint64 *integer);

/** JavaScript's idea of truth: false for absent, null, false, 0 and the empty string. */
gboolean barua_json_truthy (BaruaJson value);

/** Whether two values are equal: numbers by value, objects whatever their order, strings by text. In linear time, but
 * for sorting the names of members. */
gboolean barua_json_equal (BaruaJson a, BaruaJson b);

/** Appends a text that two values have in common exactly when they are equal: to look one up among many. No JSON where
 * a number is too large for one. */
void barua_json_append_canonical (GString *out, BaruaJson value);

/* Writing: everything appends compact JSON to a GString. */

/** Appends @text as a JSON string; bytes that are no UTF-8 become U+FFFD. */
void barua_json_append_string (GString *out, BaruaText text);

/** Appends a number in ECMAScript's shortest form; NaN and infinities as null. */
void barua_json_append_number (GString *out, double number);

/** Appends an integer. */
void barua_json_append_integer (GString *out, gint64 number);

/** Appends @value without white space between its tokens; spelling is kept. */
void barua_json_append_minified (GString *out, BaruaJson value);

/**
 * barua_json_append_key:
 *
 * Appends `"name":`, with a comma before it unless @out ends with an opening bracket.
 */
void barua_json_append_key (GString *out, const char *name);

G_END_DECLS
