/* SPDX-License-Identifier: MIT */

/* The dates of people and places (contacts.md 3): stricter than those of messages. */

#define G_LOG_DOMAIN "barua-rules"

#include "forms/arena.h"
#include "forms/date.h"
#include "gateway/rules/contacts.h"

/** Milliseconds on either side of 1970 that a date may be away (ECMAScript, time values). */
#define MAX_MS G_GINT64_CONSTANT (8640000000000000)

#define MAX_OFFSET_MINUTES (18 * 60) /* contacts.md 3 */

/* Reads @n digits at @at; FALSE when there are others. */
static gboolean
read_digits (const char **at, const char *end, guint n, int *number)
{
  int value = 0;

  if (end - *at < (gssize)n)
    return FALSE;
  for (guint i = 0; i < n; i++, (*at)++)
    {
      if (!g_ascii_isdigit (**at))
        return FALSE;
      value = value * 10 + (**at - '0');
    }
  *number = value;
  return TRUE;
}

static gboolean
read_char (const char **at, const char *end, char c)
{
  if (*at == end || **at != c)
    return FALSE;
  (*at)++;
  return TRUE;
}

/* Reads `Z`, `+hh`, `+hhmm` or `+hh:mm` up to the end. */
static gboolean
read_zone (const char *at, const char *end, int *minutes)
{
  int hour = 0, minute = 0, sign;

  if (at == end)
    return FALSE;
  sign = *at == '-' ? -1 : 1;
  if (end - at == 1 && (*at == 'Z' || *at == 'z'))
    {
      *minutes = 0;
      return TRUE;
    }
  if ((*at != '+' && *at != '-') || (at++, !read_digits (&at, end, 2, &hour)))
    return FALSE;
  if (at != end)
    {
      read_char (&at, end, ':');
      if (!read_digits (&at, end, 2, &minute) || at != end)
        return FALSE;
    }
  *minutes = sign * (hour * 60 + minute);
  return minute < 60 && hour * 60 + minute <= MAX_OFFSET_MINUTES;
}

/* `YYYY-MM-DDThh:mm:ss[.SSS]` and a zone. */
static gboolean
read_iso (BaruaText text, gint64 *ms)
{
  const char *at = text.p, *end = text.p + text.n;
  int year, month, day, hour, minute, second, milli = 0, zone;
  gint64 days;

  if (!read_digits (&at, end, 4, &year) || !read_char (&at, end, '-')
      || !read_digits (&at, end, 2, &month) || !read_char (&at, end, '-')
      || !read_digits (&at, end, 2, &day) || !read_char (&at, end, 'T')
      || !read_digits (&at, end, 2, &hour) || !read_char (&at, end, ':')
      || !read_digits (&at, end, 2, &minute) || !read_char (&at, end, ':')
      || !read_digits (&at, end, 2, &second))
    return FALSE;
  if (read_char (&at, end, '.') && !read_digits (&at, end, 3, &milli))
    return FALSE;
  const gboolean is_end_of_day = hour == 24 && minute == 0 && second == 0 && milli == 0;
  if (!read_zone (at, end, &zone) || (hour > 23 && !is_end_of_day) || minute > 59 || second > 59
      || !barua_date_from_civil (year, month, day, &days))
    return FALSE;
  *ms = days * BARUA_MS_PER_DAY
        + (((gint64)hour * 60 + minute - zone) * 60 + second) * G_GINT64_CONSTANT (1000) + milli;
  return TRUE;
}

/* A whole number of milliseconds as text. */
static gboolean
read_epoch (BaruaText text, gint64 *ms)
{
  const gboolean is_negative = text.n > 0 && text.p[0] == '-';
  gint64 value = 0;

  if (text.n == (gsize)is_negative)
    return FALSE;
  for (gsize i = is_negative; i < text.n; i++)
    {
      if (!g_ascii_isdigit (text.p[i]) || value > MAX_MS)
        return FALSE;
      value = value * 10 + (text.p[i] - '0');
    }
  *ms = is_negative ? -value : value;
  return value <= MAX_MS;
}

gboolean
barua_contact_date (BaruaJson value, gint64 *ms)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaText text = barua_arena_json_text (arena, value);
  gint64 found = 0;

  if (barua_json_type (value) == BARUA_JSON_NUMBER)
    {
      if (!barua_json_integer (value, &found) || ABS (found) > MAX_MS)
        return FALSE;
    }
  else if (text.p == NULL || (!read_epoch (text, &found) && !read_iso (text, &found)))
    return FALSE;
  *ms = found;
  return TRUE;
}
