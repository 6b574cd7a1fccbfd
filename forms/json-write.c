/* SPDX-License-Identifier: MIT */

/* Writing JSON: appended to a GString, compact, numbers in ECMAScript's shortest form. */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/json-private.h"

#include <float.h>
#include <math.h>

static void
append_escape (GString *out, guchar c)
{
  static const char letters[] = { ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n',
                                  ['\r'] = 'r', ['\t'] = 't', ['"'] = '"', ['\\'] = '\\' };
  char escape[] = { '\\', c < sizeof letters ? letters[c] : '\0' };

  if (escape[1] != '\0')
    g_string_append_len (out, escape, 2);
  else
    g_string_append_printf (out, "\\u%04x", c);
}

/* Appends the JSON string of @text, some of which needs more than a copy; the first @plain bytes
 * do not. */
static void
append_special (GString *out, BaruaText text, gsize plain)
{
  const char *p = text.p + plain, *end = text.p + text.n, *run = text.p;

  g_string_append_c (out, '"');
  while (p < end)
    {
      guchar c = (guchar)*p;
      gsize n = c < 0x80 ? 1 : utf8_length (p, end);
      if (n > 0 && c >= 0x20 && c != '"' && c != '\\')
        {
          p += n;
          continue;
        }
      g_string_append_len (out, run, p - run);
      if (n == 0)
        g_string_append (out, "\xEF\xBF\xBD");
      else
        append_escape (out, c);
      run = ++p;
    }
  if (run < end)
    g_string_append_len (out, run, end - run);
  g_string_append_c (out, '"');
}

/* Makes room for @n bytes more; where they begin. */
static inline char *
grow (GString *out, gsize n)
{
  gsize before = out->len;

  g_string_set_size (out, before + n);
  return out->str + before;
}

void
barua_json_append_string (GString *out, BaruaText text)
{
  gsize plain = text.n > 0 ? (gsize)(barua_skip_plain (text.p, text.p + text.n) - text.p) : 0;

  if (plain < text.n)
    {
      append_special (out, text, plain);
      return;
    }
  char *p = grow (out, text.n + 2);
  p[0] = '"';
  if (text.n > 0)
    memcpy (p + 1, text.p, text.n);
  p[text.n + 1] = '"';
}

void
barua_json_append_integer (GString *out, gint64 number)
{
  char digits[24];
  char *p = digits + sizeof digits;
  guint64 rest = number < 0 ? -(guint64)number : (guint64)number;

  do
    *--p = (char)('0' + rest % 10);
  while ((rest /= 10) > 0);
  if (number < 0)
    *--p = '-';
  g_string_append_len (out, p, digits + sizeof digits - p);
}

/* The shortest decimal digits that read back as @number (> 0); *@point is where the point stands. */
static void
shortest_digits (double number, char digits[32], int *point)
{
  char text[40];
  int least = number < DBL_MIN ? 0 : 14; /* a subnormal number has fewer digits */

  for (int precision = least; precision <= 16; precision++)
    {
      char format[] = { '%', '.', '0' + precision / 10, '0' + precision % 10, 'e', '\0' };
      g_ascii_formatd (text, sizeof text, format, number);
      if (g_ascii_strtod (text, NULL) == number)
        break;
    }
  char *out = digits;
  const char *p = text;
  for (; *p != 'e'; p++)
    if (*p != '.')
      *out++ = *p;
  while (out > digits + 1 && out[-1] == '0')
    out--;
  *out = '\0';
  *point = (int)g_ascii_strtoll (p + 1, NULL, 10) + 1;
}

/* ECMA-262, Number::toString, for a finite number > 0. */
static void
append_positive (GString *out, double number)
{
  char digits[32];
  int point = 0;

  shortest_digits (number, digits, &point);
  int n = (int)strlen (digits);
  if (point > 21 || point < -5)
    {
      g_string_append_c (out, digits[0]);
      if (n > 1)
        {
          g_string_append_c (out, '.');
          g_string_append_len (out, digits + 1, n - 1);
        }
      g_string_append_printf (out, "e%+d", point - 1);
      return;
    }
  if (point <= 0)
    {
      g_string_append (out, "0.");
      for (int i = point; i < 0; i++)
        g_string_append_c (out, '0');
      g_string_append_len (out, digits, n);
      return;
    }
  g_string_append_len (out, digits, MIN (n, point));
  for (int i = n; i < point; i++)
    g_string_append_c (out, '0');
  if (n > point)
    {
      g_string_append_c (out, '.');
      g_string_append_len (out, digits + point, n - point);
    }
}

void
barua_json_append_number (GString *out, double number)
{
  if (!isfinite (number))
    {
      g_string_append (out, "null");
      return;
    }
  if (fabs (number) <= BARUA_JSON_MAX_SAFE_INTEGER && floor (number) == number)
    {
      barua_json_append_integer (out, (gint64)number);
      return;
    }
  if (number < 0)
    g_string_append_c (out, '-');
  append_positive (out, fabs (number));
}

void
barua_json_append_minified (GString *out, BaruaJson value)
{
  const char *p = value.text, *end = value.text + value.length, *run = p;

  while (p < end)
    {
      if (*p == '"')
        p = skip_string (p, end);
      else if (is_blank (*p))
        {
          g_string_append_len (out, run, p - run);
          run = p = skip_blanks (p, end);
        }
      else
        p++;
    }
  if (run < end)
    g_string_append_len (out, run, end - run);
}

void
barua_json_append_key (GString *out, const char *name)
{
  char last = out->len > 0 ? out->str[out->len - 1] : '{';

  if (last != '{' && last != '[')
    g_string_append_c (out, ',');
  barua_json_append_string (out, barua_text (name));
  g_string_append_c (out, ':');
}

/* ---- canonical ---- */

/* A member of an object. */
typedef struct
{
  char *name;
  gsize length;
  BaruaJson value;
} Member;

static void
member_clear (gpointer member)
{
  g_free (((Member *)member)->name);
}

/* GCompareFunc: by name */
static int
compare_members (gconstpointer a, gconstpointer b)
{
  const Member *left = a, *right = b;

  return barua_text_compare ((BaruaText){ left->name, left->length },
                             (BaruaText){ right->name, right->length });
}

static void
append_canonical_object (GString *out, BaruaJson object)
{
  g_autoptr (GArray) members = g_array_new (FALSE, FALSE, sizeof (Member));
  BaruaJsonIter iter;
  BaruaJson key;
  Member member;

  g_array_set_clear_func (members, member_clear);
  barua_json_iter_init (&iter, object);
  while (barua_json_iter_next (&iter, &key, &member.value))
    {
      member.name = barua_json_string (key, &member.length);
      g_array_append_val (members, member);
    }
  g_array_sort (members, compare_members);
  g_string_append_c (out, '{');
  for (guint i = 0; i < members->len; i++)
    {
      const Member *one = &g_array_index (members, Member, i);
      g_string_append (out, i > 0 ? "," : "");
      barua_json_append_string (out, (BaruaText){ one->name, one->length });
      g_string_append_c (out, ':');
      barua_json_append_canonical (out, one->value);
    }
  g_string_append_c (out, '}');
}

static void
append_canonical_array (GString *out, BaruaJson array)
{
  BaruaJsonIter iter;
  BaruaJson element;

  g_string_append_c (out, '[');
  barua_json_iter_init (&iter, array);
  while (barua_json_iter_next (&iter, NULL, &element))
    {
      barua_json_append_canonical (out, element);
      g_string_append_c (out, ',');
    }
  g_string_append_c (out, ']');
}

/* A number; those that no JSON has differ from each other and from null. */
static void
append_canonical_number (GString *out, double number)
{
  if (isfinite (number))
    barua_json_append_number (out, number == 0 ? 0 : number); /* there is one zero */
  else
    g_string_append (out, number > 0 ? "inf" : "-inf");
}

/* Recursion ends at BARUA_JSON_MAX_DEPTH: the text was accepted by barua_json_read(). */
void
barua_json_append_canonical (GString *out, BaruaJson value)
{
  const BaruaJsonType type = barua_json_type (value);

  if (type == BARUA_JSON_OBJECT)
    append_canonical_object (out, value);
  else if (type == BARUA_JSON_ARRAY)
    append_canonical_array (out, value);
  else if (type == BARUA_JSON_NUMBER)
    append_canonical_number (out, barua_json_number (value));
  else if (type == BARUA_JSON_STRING)
    {
      gsize length;
      g_autofree char *text = barua_json_string (value, &length);
      barua_json_append_string (out, (BaruaText){ text, length });
    }
  else if (value.text != NULL)
    g_string_append_len (out, value.text, (gssize)value.length);
}
