/* SPDX-License-Identifier: MIT */

/* Strict JSON text (RFC 8259): accepted or refused as a whole, then read in place.
 * json-glib is not used: 1.6 accepts what is not JSON, rounds numbers and cuts strings at U+0000. */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/json.h"

#include "forms/error.h"
#include "forms/json-private.h"

#include <math.h>
#include <string.h>

G_DEFINE_QUARK (barua_forms_error, barua_forms_error)

/* ---- reading: is it JSON? ---- */

typedef struct
{
  const char *p;
  const char *end;
  const char *reason; /* set with the first failure */
  guint depth;
  guint8 is_object[BARUA_JSON_MAX_DEPTH]; /* kind of each open container */
} Scanner;

static gboolean
refuse (Scanner *s, const char *reason)
{
  if (s->reason == NULL)
    s->reason = reason;
  return FALSE;
}

static gboolean
take_literal (Scanner *s, const char *word)
{
  gsize n = strlen (word);

  if ((gsize)(s->end - s->p) < n || memcmp (s->p, word, n) != 0)
    return refuse (s, "unexpected character");
  s->p += n;
  return TRUE;
}

static gboolean
take_digits (Scanner *s)
{
  const char *start = s->p;

  while (s->p < s->end && g_ascii_isdigit (*s->p))
    s->p++;
  return s->p > start || refuse (s, "a digit is missing in a number");
}

static gboolean
take_number (Scanner *s)
{
  if (*s->p == '-')
    s->p++;
  const char *first = s->p;
  if (!take_digits (s))
    return FALSE;
  if (*first == '0' && s->p > first + 1)
    {
      s->p = first;
      return refuse (s, "a number must not begin with 0");
    }
  if (s->p < s->end && *s->p == '.')
    {
      s->p++;
      if (!take_digits (s))
        return FALSE;
    }
  if (s->p < s->end && (*s->p == 'e' || *s->p == 'E'))
    {
      s->p++;
      if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
        s->p++;
      return take_digits (s);
    }
  return TRUE;
}

/* The four hexadecimal digits at @p, or -1. */
static int
hex4 (const char *p, const char *end)
{
  int value = 0;

  if (end - p < 4)
    return -1;
  for (int i = 0; i < 4; i++)
    {
      int digit = g_ascii_xdigit_value (p[i]);
      if (digit < 0)
        return -1;
      value = value * 16 + digit;
    }
  return value;
}

static inline gboolean
is_high_surrogate (int unit)
{
  return unit >= 0xD800 && unit <= 0xDBFF;
}

static inline gboolean
is_low_surrogate (int unit)
{
  return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* An escape; @s stands at the backslash. */
static gboolean
take_escape (Scanner *s)
{
  if (s->end - s->p < 2)
    return refuse (s, "the text ends inside a string");
  if (s->p[1] != 'u')
    {
      if (s->p[1] == '\0' || strchr ("\"\\/bfnrt", s->p[1]) == NULL)
        return refuse (s, "unknown escape in a string");
      s->p += 2;
      return TRUE;
    }
  int unit = hex4 (s->p + 2, s->end);
  if (unit < 0)
    return refuse (s, "\\u needs four hexadecimal digits");
  if (is_low_surrogate (unit))
    return refuse (s, "lone surrogate in a string");
  s->p += 6;
  if (!is_high_surrogate (unit))
    return TRUE;
  if (s->end - s->p < 6 || s->p[0] != '\\' || s->p[1] != 'u'
      || !is_low_surrogate (hex4 (s->p + 2, s->end)))
    return refuse (s, "lone surrogate in a string");
  s->p += 6;
  return TRUE;
}

/* A string; @s stands at the opening quote. */
static gboolean
take_string (Scanner *s)
{
  s->p++;
  while ((s->p = barua_skip_plain (s->p, s->end)) < s->end)
    {
      guchar c = (guchar)*s->p;
      if (c == '"')
        {
          s->p++;
          return TRUE;
        }
      if (c == '\\')
        {
          if (!take_escape (s))
            return FALSE;
        }
      else if (c < 0x20)
        return refuse (s, "control character in a string");
      else
        {
          gsize n = utf8_length (s->p, s->end);
          if (n == 0)
            return refuse (s, "invalid UTF-8");
          s->p += n;
        }
    }
  return refuse (s, "the text ends inside a string");
}

/* A member's name and its colon. */
static gboolean
take_key (Scanner *s)
{
  s->p = skip_blanks (s->p, s->end);
  if (s->p == s->end)
    return refuse (s, "the text ends inside an object");
  if (*s->p != '"')
    return refuse (s, "a member name in double quotes is expected");
  if (!take_string (s))
    return FALSE;
  s->p = skip_blanks (s->p, s->end);
  if (s->p == s->end || *s->p != ':')
    return refuse (s, "':' is expected after a member name");
  s->p++;
  return TRUE;
}

/* Opens a container; *@complete says whether it was empty. */
static gboolean
open_container (Scanner *s, gboolean *complete)
{
  gboolean is_object = *s->p == '{';

  if (s->depth == BARUA_JSON_MAX_DEPTH)
    return refuse (s, "nested too deeply (more than 200 levels)");
  s->is_object[s->depth++] = is_object;
  s->p = skip_blanks (s->p + 1, s->end);
  if (s->p < s->end && *s->p == (is_object ? '}' : ']'))
    {
      s->p++;
      s->depth--;
      *complete = TRUE;
      return TRUE;
    }
  *complete = FALSE;
  return is_object ? take_key (s) : TRUE;
}

/* The beginning of a value: a whole scalar or the opening of a container. */
static gboolean
take_value_start (Scanner *s, gboolean *complete)
{
  s->p = skip_blanks (s->p, s->end);
  if (s->p == s->end)
    return refuse (s, s->depth > 0 ? "the text ends inside a value" : "the text is empty");
  *complete = TRUE;
  switch (*s->p)
    {
    case '{':
    case '[':
      return open_container (s, complete);
    case '"':
      return take_string (s);
    case 't':
      return take_literal (s, "true");
    case 'f':
      return take_literal (s, "false");
    case 'n':
      return take_literal (s, "null");
    default:
      if (*s->p == '-' || g_ascii_isdigit (*s->p))
        return take_number (s);
      return refuse (s, "unexpected character");
    }
}

/* After a value: closes what ends here and stands, unless all is closed, where the next value begins. */
static gboolean
take_value_end (Scanner *s)
{
  while (s->depth > 0)
    {
      gboolean is_object = s->is_object[s->depth - 1];
      s->p = skip_blanks (s->p, s->end);
      if (s->p == s->end)
        return refuse (s, is_object ? "the text ends inside an object"
                                    : "the text ends inside an array");
      if (*s->p == ',')
        {
          s->p++;
          return is_object ? take_key (s) : TRUE;
        }
      if (*s->p != (is_object ? '}' : ']'))
        return refuse (s, is_object ? "',' or '}' is expected" : "',' or ']' is expected");
      s->p++;
      s->depth--;
    }
  return TRUE;
}

static gboolean
take_value (Scanner *s)
{
  gboolean complete = FALSE;

  do
    {
      if (!take_value_start (s, &complete))
        return FALSE;
      if (complete && !take_value_end (s))
        return FALSE;
    }
  while (s->depth > 0);
  return TRUE;
}

static void
set_position_error (GError **error, const char *text, const Scanner *s)
{
  gsize line = 1;
  const char *line_start = text;

  for (const char *p = text; p < s->p; p++)
    if (*p == '\n')
      {
        line++;
        line_start = p + 1;
      }
  g_set_error (error, BARUA_FORMS_ERROR, BARUA_FORMS_ERROR_JSON,
               "line %" G_GSIZE_FORMAT " column %" G_GSIZE_FORMAT ", %s", line,
               (gsize)(s->p - line_start) + 1, s->reason);
}

gboolean
barua_json_read (const char *text, gssize length, BaruaJson *value, GError **error)
{
  g_return_val_if_fail (text != NULL, FALSE);

  gsize n = length < 0 ? strlen (text) : (gsize)length;
  Scanner s = { .p = text, .end = text + n };
  const char *start = skip_blanks (text, s.end);

  gboolean ok = take_value (&s);
  const char *stop = s.p;
  if (ok)
    {
      s.p = skip_blanks (s.p, s.end);
      ok = s.p == s.end || refuse (&s, "text after the end of the value");
    }
  if (!ok)
    {
      set_position_error (error, text, &s);
      return FALSE;
    }
  *value = (BaruaJson){ start, (gsize)(stop - start) };
  return TRUE;
}

/* ---- walking valid text ---- */

static const char *
skip_container (const char *p, const char *end)
{
  guint depth = 0;

  do
    switch (*p)
      {
      case '"':
        p = skip_string (p, end);
        break;
      case '{':
      case '[':
        depth++;
        p++;
        break;
      case '}':
      case ']':
        depth--;
        p++;
        break;
      default:
        p++;
      }
  while (depth > 0);
  return p;
}

/* The end of the valid value at @p. */
static const char *
skip_value (const char *p, const char *end)
{
  if (*p == '"')
    return skip_string (p, end);
  if (*p == '{' || *p == '[')
    return skip_container (p, end);
  while (p < end && *p != ',' && *p != '}' && *p != ']' && !is_blank (*p))
    p++;
  return p;
}

BaruaJsonType
barua_json_type (BaruaJson value)
{
  if (value.text == NULL)
    return BARUA_JSON_ABSENT;
  switch (*value.text)
    {
    case 'n':
      return BARUA_JSON_NULL;
    case 'f':
      return BARUA_JSON_FALSE;
    case 't':
      return BARUA_JSON_TRUE;
    case '"':
      return BARUA_JSON_STRING;
    case '[':
      return BARUA_JSON_ARRAY;
    case '{':
      return BARUA_JSON_OBJECT;
    default:
      return BARUA_JSON_NUMBER;
    }
}

gboolean
barua_json_is_nothing (BaruaJson value)
{
  return value.text == NULL || *value.text == 'n';
}

const char *
barua_json_type_name (BaruaJson value)
{
  static const char *const names[] = {
    [BARUA_JSON_ABSENT] = "nothing", [BARUA_JSON_NULL] = "null",
    [BARUA_JSON_FALSE] = "false",    [BARUA_JSON_TRUE] = "true",
    [BARUA_JSON_NUMBER] = "a number", [BARUA_JSON_STRING] = "a string",
    [BARUA_JSON_ARRAY] = "an array", [BARUA_JSON_OBJECT] = "an object",
  };
  return names[barua_json_type (value)];
}

void
barua_json_iter_init (BaruaJsonIter *iter, BaruaJson container)
{
  BaruaJsonType type = barua_json_type (container);

  if (type != BARUA_JSON_OBJECT && type != BARUA_JSON_ARRAY)
    {
      *iter = (BaruaJsonIter){ NULL, NULL };
      return;
    }
  iter->end = container.text + container.length - 1;
  iter->at = skip_blanks (container.text + 1, iter->end);
}

gboolean
barua_json_iter_next (BaruaJsonIter *iter, BaruaJson *key, BaruaJson *value)
{
  if (iter->at >= iter->end)
    return FALSE;

  const char *p = iter->at;
  BaruaJson name = BARUA_JSON_NONE;
  if (*iter->end == '}')
    {
      const char *name_end = skip_string (p, iter->end);
      name = (BaruaJson){ p, (gsize)(name_end - p) };
      p = skip_blanks (skip_blanks (name_end, iter->end) + 1, iter->end);
    }
  const char *value_end = skip_value (p, iter->end);
  if (key != NULL)
    *key = name;
  *value = (BaruaJson){ p, (gsize)(value_end - p) };
  p = skip_blanks (value_end, iter->end);
  iter->at = p < iter->end ? skip_blanks (p + 1, iter->end) : iter->end;
  return TRUE;
}

BaruaJson
barua_json_member (BaruaJson object, const char *name)
{
  BaruaText wanted = barua_text (name);
  BaruaJson found = BARUA_JSON_NONE, key, value;
  BaruaJsonIter iter;

  if (barua_json_type (object) != BARUA_JSON_OBJECT)
    return found;
  barua_json_iter_init (&iter, object);
  while (barua_json_iter_next (&iter, &key, &value))
    if (barua_json_string_is (key, wanted))
      found = value;
  return found;
}

void
barua_json_members (BaruaJson object, const BaruaText *names, BaruaJson *values, guint n)
{
  BaruaJsonIter iter;
  BaruaJson key, value;

  for (guint i = 0; i < n; i++)
    values[i] = BARUA_JSON_NONE;
  if (barua_json_type (object) != BARUA_JSON_OBJECT)
    return;
  barua_json_iter_init (&iter, object);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      BaruaText raw;
      const gboolean is_plain = barua_json_string_raw (key, &raw);
      for (guint i = 0; i < n; i++)
        if (is_plain ? barua_text_equal (raw, names[i]) : barua_json_string_is (key, names[i]))
          {
            values[i] = value;
            break;
          }
    }
}

BaruaJson
barua_json_element (BaruaJson array, guint index)
{
  BaruaJson value;
  BaruaJsonIter iter;

  if (barua_json_type (array) != BARUA_JSON_ARRAY)
    return BARUA_JSON_NONE;
  barua_json_iter_init (&iter, array);
  for (guint i = 0; barua_json_iter_next (&iter, NULL, &value); i++)
    if (i == index)
      return value;
  return BARUA_JSON_NONE;
}

guint
barua_json_size (BaruaJson container)
{
  BaruaJson value;
  BaruaJsonIter iter;
  guint n = 0;

  barua_json_iter_init (&iter, container);
  while (barua_json_iter_next (&iter, NULL, &value))
    n++;
  return n;
}

/* ---- strings ---- */

gboolean
barua_json_string_raw (BaruaJson value, BaruaText *text)
{
  if (barua_json_type (value) != BARUA_JSON_STRING
      || memchr (value.text, '\\', value.length) != NULL)
    return FALSE;
  *text = (BaruaText){ value.text + 1, value.length - 2 };
  return TRUE;
}

/* Writes the escape at @p (valid) to *@out and returns what follows it. */
static const char *
decode_escape (const char *p, char **out)
{
  static const char plain[] = "\"\\/bfnrt";
  static const char meaning[] = "\"\\/\b\f\n\r\t";

  if (p[1] != 'u')
    {
      *(*out)++ = meaning[strchr (plain, p[1]) - plain];
      return p + 2;
    }
  gunichar c = (gunichar)hex4 (p + 2, p + 6);
  p += 6;
  if (is_high_surrogate ((int)c))
    {
      c = 0x10000 + ((c - 0xD800) << 10) + ((gunichar)hex4 (p + 2, p + 6) - 0xDC00);
      p += 6;
    }
  *out += g_unichar_to_utf8 (c, *out);
  return p;
}

gsize
barua_json_string_into (BaruaJson value, char *buffer)
{
  char *out = buffer;
  const char *end = value.text + value.length - 1;

  for (const char *p = value.text + 1; p < end;)
    if (*p == '\\')
      p = decode_escape (p, &out);
    else
      *out++ = *p++;
  return (gsize)(out - buffer);
}

char *
barua_json_string (BaruaJson value, gsize *length)
{
  if (barua_json_type (value) != BARUA_JSON_STRING)
    return NULL;

  char *text = g_malloc (value.length);
  gsize n = barua_json_string_into (value, text);
  text[n] = '\0';
  if (length != NULL)
    *length = n;
  return text;
}

gboolean
barua_json_string_is (BaruaJson value, BaruaText text)
{
  BaruaText raw;

  if (value.text == NULL || *value.text != '"' || value.length < text.n + 2)
    return FALSE;
  if (value.length == text.n + 2)
    {
      /* as long as the text itself: equal only without escapes */
      return text.n == 0
             || (memcmp (value.text + 1, text.p, text.n) == 0
                 && memchr (text.p, '\\', text.n) == NULL);
    }
  if (barua_json_string_raw (value, &raw))
    return FALSE;
  gsize n = 0;
  g_autofree char *decoded = barua_json_string (value, &n);
  return n == text.n && memcmp (decoded, text.p, n) == 0;
}

/* ---- numbers and truth ---- */

double
barua_json_number (BaruaJson value)
{
  char small[64];

  if (barua_json_type (value) != BARUA_JSON_NUMBER)
    return 0;
  if (value.length < sizeof small)
    {
      memcpy (small, value.text, value.length);
      small[value.length] = '\0';
      return g_ascii_strtod (small, NULL);
    }
  g_autofree char *copy = g_strndup (value.text, value.length);
  return g_ascii_strtod (copy, NULL);
}

gboolean
barua_json_integer (BaruaJson value, gint64 *integer)
{
  if (barua_json_type (value) != BARUA_JSON_NUMBER)
    return FALSE;

  double number = barua_json_number (value);
  if (!(fabs (number) <= BARUA_JSON_MAX_SAFE_INTEGER) || floor (number) != number)
    return FALSE;
  *integer = (gint64)number;
  return TRUE;
}

gboolean
barua_json_truthy (BaruaJson value)
{
  switch (barua_json_type (value))
    {
    case BARUA_JSON_ABSENT:
    case BARUA_JSON_NULL:
    case BARUA_JSON_FALSE:
      return FALSE;
    case BARUA_JSON_NUMBER:
      return barua_json_number (value) != 0;
    case BARUA_JSON_STRING:
      return value.length > 2;
    default:
      return TRUE;
    }
}

static gboolean
strings_equal (BaruaJson a, BaruaJson b)
{
  gsize a_length = 0, b_length = 0;

  if (a.length == b.length && memcmp (a.text, b.text, a.length) == 0)
    return TRUE;
  g_autofree char *a_text = barua_json_string (a, &a_length);
  g_autofree char *b_text = barua_json_string (b, &b_length);
  return a_length == b_length && memcmp (a_text, b_text, a_length) == 0;
}

static gboolean
arrays_equal (BaruaJson a, BaruaJson b)
{
  BaruaJsonIter i, j;
  BaruaJson x, y;

  barua_json_iter_init (&i, a);
  barua_json_iter_init (&j, b);
  while (barua_json_iter_next (&i, NULL, &x))
    if (!barua_json_iter_next (&j, NULL, &y) || !barua_json_equal (x, y))
      return FALSE;
  return !barua_json_iter_next (&j, NULL, &y);
}

static gboolean
objects_equal (BaruaJson a, BaruaJson b)
{
  g_autoptr (GString) left = g_string_new (NULL);
  g_autoptr (GString) right = g_string_new (NULL);

  barua_json_append_canonical (left, a);
  barua_json_append_canonical (right, b);
  return g_string_equal (left, right);
}

/* Recursion ends at BARUA_JSON_MAX_DEPTH: the text was accepted by barua_json_read(). */
gboolean
barua_json_equal (BaruaJson a, BaruaJson b)
{
  BaruaJsonType type = barua_json_type (a);

  if (type != barua_json_type (b))
    return FALSE;
  switch (type)
    {
    case BARUA_JSON_NUMBER:
      return barua_json_number (a) == barua_json_number (b);
    case BARUA_JSON_STRING:
      return strings_equal (a, b);
    case BARUA_JSON_ARRAY:
      return arrays_equal (a, b);
    case BARUA_JSON_OBJECT:
      return objects_equal (a, b);
    default:
      return TRUE;
    }
}
