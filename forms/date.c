/* SPDX-License-Identifier: MIT */

/* Dates as senders and programs write them (parsing.md 7.4). */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/date.h"

#include <math.h>
#include <string.h>

#include "forms/characters.h"

/* Longer text is no date. */
#define MAX_TEXT 128

/* ECMA-262, Time Values and Time Range: 100,000,000 days around 1970. */
#define MAX_TIME_MS 8.64e15

#define MS_PER_MINUTE 60000.0

/* What has been read of a date. */
typedef struct
{
  gint64 days; /* since 1970-01-01 */
  int hour;
  int minute;
  int second;
  int ms;
  int offset_minutes; /* east of Greenwich */
} Moment;

/* How a row of the table of forms judges a text. */
typedef enum
{
  NOT_THIS_FORM,
  IMPOSSIBLE,
  READ,
} Judgement;

/* The text that is read; a NUL stands behind it. */
typedef struct
{
  const char *p;
} Cursor;

static gboolean
is_leap (int year)
{
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int
month_length (int year, int month)
{
  static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

  return month == 2 && is_leap (year) ? 29 : lengths[month - 1];
}

/* Days from 1970-01-01 to @year-@month-@day in the proleptic Gregorian calendar; years begin in
 * March and are counted in eras of 400. */
static gint64
days_from_civil (int year, int month, int day)
{
  gint64 y = month <= 2 ? (gint64)year - 1 : year;
  gint64 era = (y >= 0 ? y : y - 399) / 400;
  gint64 year_of_era = y - era * 400;
  gint64 day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year
         - 719468;
}

gboolean
barua_date_from_civil (int year, int month, int day, gint64 *days)
{
  if (year < -271821 || year > 275760 || month < 1 || month > 12 || day < 1
      || day > month_length (year, month))
    return FALSE;
  *days = days_from_civil (year, month, day);
  return TRUE;
}

void
barua_date_to_civil (gint64 days, int *year, int *month, int *day)
{
  gint64 shifted = days + 719468;
  gint64 era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  gint64 of_era = shifted - era * 146097;
  gint64 y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  gint64 of_year = of_era - (365 * y + y / 4 - y / 100);
  gint64 m = (5 * of_year + 2) / 153;

  *day = (int)(of_year - (153 * m + 2) / 5 + 1);
  *month = (int)(m < 10 ? m + 3 : m - 9);
  *year = (int)(y + era * 400 + (*month <= 2));
}

/* How many digits follow. */
static guint
count_digits (const Cursor *c)
{
  guint n = 0;

  while (barua_is_digit (c->p[n]))
    n++;
  return n;
}

/* Takes exactly @n digits. */
static gboolean
take_digits (Cursor *c, guint n, int *number)
{
  int value = 0;

  for (guint i = 0; i < n; i++)
    {
      if (!barua_is_digit (c->p[i]))
        return FALSE;
      value = value * 10 + (c->p[i] - '0');
    }
  c->p += n;
  *number = value;
  return TRUE;
}

/* Takes @least to @most digits, as many as there are. */
static gboolean
take_some_digits (Cursor *c, guint least, guint most, int *number)
{
  guint n = count_digits (c);

  return n >= least && n <= most && take_digits (c, n, number);
}

static gboolean
take (Cursor *c, char wanted)
{
  if (*c->p != wanted)
    return FALSE;
  c->p++;
  return TRUE;
}

/* Skips white space; the text has been made ASCII there. */
static gboolean
skip_blanks (Cursor *c)
{
  const char *from = c->p;

  while (*c->p == ' ' || (*c->p >= '\t' && *c->p <= '\r'))
    c->p++;
  return c->p > from;
}

/* `+hh`, `+hhmm` or `+hh:mm`; FALSE without moving when there is none. */
static gboolean
take_offset (Cursor *c, int *minutes)
{
  Cursor at = *c;
  int sign = *at.p == '-' ? -1 : 1, hours, rest = 0;

  if (!take (&at, '+') && !take (&at, '-'))
    return FALSE;
  if (!take_digits (&at, 2, &hours))
    return FALSE;
  Cursor more = at;
  take (&more, ':');
  if (take_digits (&more, 2, &rest))
    at = more;
  *c = at;
  *minutes = sign * (hours * 60 + rest);
  return TRUE;
}

/* The digits after the seconds, cut to milliseconds. */
static gboolean
take_fraction (Cursor *c, int *ms)
{
  int value = 0;
  guint n = 0;

  for (; barua_is_digit (*c->p); c->p++, n++)
    if (n < 3)
      value = value * 10 + (*c->p - '0');
  for (guint i = n; i < 3; i++)
    value *= 10;
  *ms = value;
  return n > 0;
}

/* `hh[:mm[:ss[.fff]]]`, or without colons for a basic date. */
static gboolean
take_iso_time (Cursor *c, gboolean is_basic, Moment *moment)
{
  Cursor at;

  if (!take_digits (c, 2, &moment->hour))
    return FALSE;
  at = *c;
  if ((!is_basic && !take (&at, ':')) || !take_digits (&at, 2, &moment->minute))
    return TRUE;
  *c = at;
  if ((!is_basic && !take (&at, ':')) || !take_digits (&at, 2, &moment->second))
    return TRUE;
  *c = at;
  if (!take (&at, '.') && !take (&at, ','))
    return TRUE;
  if (take_fraction (&at, &moment->ms))
    *c = at;
  return TRUE;
}

static gboolean
is_possible_time (const Moment *m)
{
  if (m->hour == 24)
    return m->minute == 0 && m->second == 0 && m->ms == 0;
  return m->hour < 24 && m->minute < 60 && m->second < 60;
}

/* The Monday of ISO week 1, the week of 4 January, in days since 1970-01-01 (a Thursday). */
static gint64
first_monday (int year)
{
  gint64 fourth = days_from_civil (year, 1, 4);
  gint64 weekday = ((fourth + 3) % 7 + 7) % 7; /* 0 = Monday */

  return fourth - weekday;
}

/* Whether ISO week @week of @year exists, and its day @weekday (1 = Monday). */
static gboolean
week_day (int year, int week, int weekday, gint64 *days)
{
  gint64 monday = first_monday (year);

  if (week < 1 || weekday < 1 || weekday > 7 || monday + 7 * week > first_monday (year + 1))
    return FALSE;
  *days = monday + 7 * (week - 1) + weekday - 1;
  return TRUE;
}

/* Whether day @day of @year exists. */
static gboolean
year_day (int year, int day, gint64 *days)
{
  if (day < 1 || day > (is_leap (year) ? 366 : 365))
    return FALSE;
  *days = days_from_civil (year, 1, 1) + day - 1;
  return TRUE;
}

/* What stands between the year and the time of an ISO date. */
typedef struct
{
  gboolean is_possible; /* the calendar has the day */
  gboolean takes_time;  /* a time may follow */
} IsoDay;

/* `Www-d`, `Www`, `Wwwd` behind the year. */
static gboolean
take_iso_week (Cursor *c, int year, gboolean is_basic, gint64 *days, IsoDay *day)
{
  int week, weekday = 1;

  if (!take (c, 'W') || !take_digits (c, 2, &week))
    return FALSE;
  Cursor at = *c;
  day->takes_time = (is_basic || take (&at, '-')) && take_digits (&at, 1, &weekday);
  if (day->takes_time)
    *c = at;
  day->is_possible = week_day (year, week, weekday, days);
  return TRUE;
}

/* `MM-DD`, `DDD` or `MM` behind `YYYY-`. */
static gboolean
take_extended_day (Cursor *c, int year, gint64 *days, IsoDay *day)
{
  int month, number = 1;

  if (*c->p == 'W')
    return take_iso_week (c, year, FALSE, days, day);
  day->takes_time = TRUE;
  if (count_digits (c) == 3)
    {
      take_digits (c, 3, &number);
      day->is_possible = year_day (year, number, days);
      return TRUE;
    }
  if (count_digits (c) != 2 || !take_digits (c, 2, &month))
    return FALSE;
  Cursor at = *c;
  if (take (&at, '-'))
    {
      if (count_digits (&at) != 2 || !take_digits (&at, 2, &number))
        return FALSE;
      *c = at;
    }
  else
    day->takes_time = FALSE;
  day->is_possible = barua_date_from_civil (year, month, number, days);
  return TRUE;
}

/* `MMDD`, `DDD`, `MM` or nothing behind `YYYY`. */
static gboolean
take_basic_day (Cursor *c, int year, gint64 *days, IsoDay *day)
{
  int month = 1, number = 1;

  if (*c->p == 'W')
    return take_iso_week (c, year, TRUE, days, day);
  guint n = count_digits (c);
  day->takes_time = n >= 3;
  if (n == 3)
    {
      take_digits (c, 3, &number);
      day->is_possible = year_day (year, number, days);
      return TRUE;
    }
  if (n != 0 && n != 2 && n != 4)
    return FALSE;
  if (n >= 2)
    take_digits (c, 2, &month);
  if (n == 4)
    take_digits (c, 2, &number);
  day->is_possible = barua_date_from_civil (year, month, number, days);
  return TRUE;
}

/* `YYYY`, or a sign and six digits. */
static gboolean
take_iso_year (Cursor *c, int *year)
{
  if (*c->p != '+' && *c->p != '-')
    return take_digits (c, 4, year);
  int sign = *c->p == '-' ? -1 : 1;
  c->p++;
  if (!take_digits (c, 6, year))
    return FALSE;
  *year *= sign;
  return TRUE;
}

/* ISO 8601, extended and basic. */
static Judgement
read_iso (const char *text, Moment *moment)
{
  Cursor c = { text };
  IsoDay day = { FALSE, FALSE };
  int year;

  skip_blanks (&c);
  if (!take_iso_year (&c, &year))
    return NOT_THIS_FORM;
  gboolean is_basic = !take (&c, '-');
  if (is_basic ? !take_basic_day (&c, year, &moment->days, &day)
               : !take_extended_day (&c, year, &moment->days, &day))
    return NOT_THIS_FORM;
  if (*c.p != '\0')
    {
      if (!day.takes_time || (!take (&c, 'T') && !take (&c, ' '))
          || !take_iso_time (&c, is_basic, moment))
        return NOT_THIS_FORM;
      if (!take_offset (&c, &moment->offset_minutes))
        {
          Cursor at = c;
          skip_blanks (&at);
          if (take (&at, 'Z'))
            c = at;
        }
    }
  if (*c.p != '\0')
    return NOT_THIS_FORM;
  return day.is_possible && is_possible_time (moment) ? READ : IMPOSSIBLE;
}

/* `h:mm[:ss]` */
static gboolean
take_clock (Cursor *c, Moment *moment)
{
  if (!take_some_digits (c, 1, 2, &moment->hour) || !take (c, ':')
      || !take_some_digits (c, 2, 2, &moment->minute))
    return FALSE;
  return !take (c, ':') || take_some_digits (c, 2, 2, &moment->second);
}

/* Time zones that RFC 2822, 4.3 names, and minutes east. */
static const struct
{
  const char *name;
  int minutes;
} zones[] = {
  { "GMT", 0 },    { "UTC", 0 },    { "UT", 0 },     { "Z", 0 },      { "EST", -300 }, { "EDT", -240 },
  { "CST", -360 }, { "CDT", -300 }, { "MST", -420 }, { "MDT", -360 }, { "PST", -480 }, { "PDT", -420 },
};

static gboolean
take_zone (Cursor *c, int *minutes)
{
  if (take_offset (c, minutes))
    return TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS (zones); i++)
    {
      gsize n = strlen (zones[i].name);
      if (g_ascii_strncasecmp (c->p, zones[i].name, n) == 0 && !g_ascii_isalpha (c->p[n]))
        {
          *minutes = zones[i].minutes;
          c->p += n;
          return TRUE;
        }
    }
  return FALSE;
}

/* Nothing, a time, or a time and a zone; @has_zone tells which. */
static gboolean
take_rest (Cursor *c, Moment *moment, gboolean *has_zone)
{
  *has_zone = FALSE;
  if (!skip_blanks (c) || *c->p == '\0')
    return *c->p == '\0';
  if (!take_clock (c, moment))
    return FALSE;
  skip_blanks (c);
  *has_zone = *c->p != '\0' && take_zone (c, &moment->offset_minutes);
  skip_blanks (c);
  return *c->p == '\0';
}

/* One of `-`, `/`, `.`, or blanks. */
static gboolean
take_separator (Cursor *c)
{
  return take (c, '-') || take (c, '/') || take (c, '.') || skip_blanks (c);
}

/* Year first, any separator, digits not padded. */
static Judgement
read_year_first (const char *text, Moment *moment)
{
  Cursor c = { text };
  int year, month, day;
  gboolean has_zone;

  skip_blanks (&c);
  if (!take_some_digits (&c, 3, 6, &year) || !take_separator (&c)
      || !take_some_digits (&c, 1, 2, &month) || !take_separator (&c)
      || !take_some_digits (&c, 1, 2, &day) || !take_rest (&c, moment, &has_zone))
    return NOT_THIS_FORM;
  if (year < 100 || !barua_date_from_civil (year, month, day, &moment->days))
    return IMPOSSIBLE;
  return is_possible_time (moment) ? READ : IMPOSSIBLE;
}

static const char *const month_names[]
    = { "January", "February", "March",     "April",   "May",      "June",
        "July",    "August",   "September", "October", "November", "December" };
static const char *const weekday_names[]
    = { "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday" };

/* Takes a name, whole or its first three letters; returns its number from 1, or 0. */
static int
take_name (Cursor *c, const char *const *names, gsize n_names)
{
  gsize n = 0;

  while (g_ascii_isalpha (c->p[n]))
    n++;
  for (gsize i = 0; n > 0 && i < n_names; i++)
    if ((n == 3 || n == strlen (names[i])) && g_ascii_strncasecmp (c->p, names[i], n) == 0)
      {
        c->p += n;
        return (int)i + 1;
      }
  return 0;
}

/* Takes `5 Jan` or `Jan 5`. */
static gboolean
take_day_and_month (Cursor *c, int *day, int *month)
{
  gboolean day_first = barua_is_digit (*c->p);

  if (day_first && (!take_some_digits (c, 1, 2, day) || !skip_blanks (c)))
    return FALSE;
  *month = take_name (c, month_names, G_N_ELEMENTS (month_names));
  if (*month == 0)
    return FALSE;
  return day_first || (skip_blanks (c) && take_some_digits (c, 1, 2, day));
}

/* The year of RFC 2822, 4.3: two and three digits count from 1900, 00 to 49 from 2000. */
static int
full_year (int year)
{
  if (year <= 49)
    return year + 2000;
  return year <= 999 ? year + 1900 : year;
}

/* English month names, which includes RFC 2822. */
static Judgement
read_month_name (const char *text, Moment *moment)
{
  Cursor c = { text };
  int year, month, day = 0;
  gboolean has_zone;

  skip_blanks (&c);
  int weekday = take_name (&c, weekday_names, G_N_ELEMENTS (weekday_names));
  if (weekday > 0)
    {
      take (&c, ',');
      skip_blanks (&c);
    }
  if (!take_day_and_month (&c, &day, &month))
    return NOT_THIS_FORM;
  gboolean has_comma = take (&c, ',');
  guint year_digits = skip_blanks (&c) || has_comma ? count_digits (&c) : 0;
  if (!take_some_digits (&c, 2, 4, &year) || year_digits == 0
      || !take_rest (&c, moment, &has_zone))
    return NOT_THIS_FORM;
  if (year_digits < 4 && !has_zone)
    return IMPOSSIBLE;
  if (year_digits < 4)
    year = full_year (year);
  if (!barua_date_from_civil (year, month, day, &moment->days) || !is_possible_time (moment))
    return IMPOSSIBLE;
  if (weekday > 0 && ((moment->days + 3) % 7 + 7) % 7 + 1 != weekday)
    return IMPOSSIBLE;
  return READ;
}

/* `/Date(ms…)/`, as .NET and JavaScript programs write it. */
static gboolean
read_date_call (const char *text, double *ms)
{
  const char *p = *text == '/' ? text + 1 : text;

  if (g_ascii_strncasecmp (p, "Date(", 5) != 0)
    return FALSE;
  p += 5;
  const char *digits = *p == '-' ? p + 1 : p;
  if (!barua_is_digit (*digits))
    return FALSE;
  double value = 0;
  for (const char *d = digits; barua_is_digit (*d); d++)
    value = value * 10 + (*d - '0');
  *ms = p == digits ? value : -value;
  return TRUE;
}

/* @text without zero-width characters and with other white space as blanks; FALSE when it is too
 * long or holds what no date holds. */
static gboolean
plain_text (BaruaText text, char buffer[MAX_TEXT])
{
  gsize n = 0;

  for (const char *p = text.p, *end = text.p + text.n; p < end;)
    {
      gunichar c = barua_next_char (&p, end);
      if (barua_is_zero_width (c))
        continue;
      if (c >= 0x80 && barua_is_white (c))
        c = '\t'; /* a blank, but not the one between date and time */
      if (c == 0 || c >= 0x80 || n + 1 >= MAX_TEXT)
        return FALSE;
      buffer[n++] = (char)c;
    }
  buffer[n] = '\0';
  return n > 0;
}

gboolean
barua_date_parse (BaruaText text, double *ms)
{
  static Judgement (*const forms[]) (const char *, Moment *)
      = { read_iso, read_year_first, read_month_name };
  char buffer[MAX_TEXT];
  double value;

  if (!plain_text (text, buffer))
    return FALSE;
  if (read_date_call (buffer, &value))
    {
      if (!(fabs (value) <= MAX_TIME_MS))
        return FALSE;
      *ms = value;
      return TRUE;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (forms); i++)
    {
      Moment moment = { 0 };
      Judgement judgement = forms[i](buffer, &moment);
      if (judgement == NOT_THIS_FORM)
        continue;
      if (judgement == IMPOSSIBLE)
        return FALSE;
      value = (double)(moment.days * BARUA_MS_PER_DAY)
              + ((moment.hour * 60.0 + moment.minute) * 60.0 + moment.second) * 1000.0 + moment.ms
              - moment.offset_minutes * MS_PER_MINUTE;
      if (fabs (value) > MAX_TIME_MS)
        return FALSE;
      *ms = value;
      return TRUE;
    }
  return FALSE;
}
