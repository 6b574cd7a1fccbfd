/* SPDX-License-Identifier: MIT */

/* How many SMS a text takes, and where it is cut. */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/segments.h"

#include "forms/characters.h"

#include <string.h>

/* Units of a text that is alone, and of each segment of several (3GPP TS 23.040, 9.2.3.24.1). */
#define GSM_ALONE 160
#define GSM_OF_SEVERAL 153
#define UCS2_ALONE 70
#define UCS2_OF_SEVERAL 67

/* The default alphabet beyond ASCII (3GPP TS 23.038, 6.2.1). */
static const gunichar gsm_beyond_ascii[] = {
  0xA1, 0xA3, 0xA4, 0xA5,  0xA7,  0xBF,  0xC4,  0xC5,  0xC6,  0xC7,  0xC9,  0xD1,  0xD6,
  0xD8, 0xDC, 0xDF, 0xE0,  0xE4,  0xE5,  0xE6,  0xE8,  0xE9,  0xEC,  0xF1,  0xF2,  0xF6,
  0xF8, 0xF9, 0xFC, 0x393, 0x394, 0x398, 0x39B, 0x39E, 0x3A0, 0x3A3, 0x3A6, 0x3A8, 0x3A9,
};

/* The extension table (6.2.1.1): two septets each. */
static gboolean
is_extension (gunichar c)
{
  return c == 0x20AC || c == 0x0C || (c < 0x80 && c != 0 && strchr ("^{}\\[~]|", (int)c) != NULL);
}

/* The default alphabet: one septet. */
static gboolean
is_basic (gunichar c)
{
  if (c < 0x80)
    return c == '\n' || c == '\r' || (c >= ' ' && c <= 'z' && c != '`' && !is_extension (c));
  for (gsize i = 0; i < G_N_ELEMENTS (gsm_beyond_ascii); i++)
    if (gsm_beyond_ascii[i] == c)
      return TRUE;
  return FALSE;
}

gboolean
barua_segments_is_gsm (gunichar c)
{
  return is_basic (c) || is_extension (c);
}

static gboolean
needs_ucs2 (BaruaText text)
{
  const char *end = text.p + text.n;

  for (const char *p = text.p; p < end;)
    if (!barua_segments_is_gsm (barua_next_char (&p, end)))
      return TRUE;
  return FALSE;
}

/* Units of one character. */
static guint
width (gunichar c, gboolean is_ucs2)
{
  if (is_ucs2)
    return c >= 0x10000 && c <= 0x10FFFF ? 2 : 1;
  return is_extension (c) ? 2 : 1;
}

/* Fills segments of @size units with whole characters, @limit of them at most; returns the bytes
 * used. */
static gsize
fill (BaruaText text, gboolean is_ucs2, guint size, guint limit, guint *segments)
{
  const char *end = text.p + text.n;
  guint used = 0;

  *segments = 1;
  for (const char *p = text.p; p < end;)
    {
      const char *start = p;
      guint n = width (barua_next_char (&p, end), is_ucs2);
      if (used + n > size)
        {
          if (*segments == limit)
            return (gsize)(start - text.p);
          (*segments)++;
          used = 0;
        }
      used += n;
    }
  return text.n;
}

static guint
count_units (BaruaText text, gboolean is_ucs2)
{
  const char *end = text.p + text.n;
  guint units = 0;

  for (const char *p = text.p; p < end;)
    units += width (barua_next_char (&p, end), is_ucs2);
  return units;
}

BaruaSegments
barua_segments_count (BaruaText text)
{
  BaruaSegments result = { .is_ucs2 = needs_ucs2 (text), .segments = 1 };

  result.units = count_units (text, result.is_ucs2);
  if (result.units > (result.is_ucs2 ? UCS2_ALONE : GSM_ALONE))
    fill (text, result.is_ucs2, result.is_ucs2 ? UCS2_OF_SEVERAL : GSM_OF_SEVERAL, G_MAXUINT,
          &result.segments);
  return result;
}

gsize
barua_segments_cut (BaruaText text, guint limit)
{
  BaruaSegments whole = barua_segments_count (text);
  guint segments = 0;

  if (whole.segments <= limit)
    return text.n;
  if (limit == 1)
    return fill (text, whole.is_ucs2, whole.is_ucs2 ? UCS2_ALONE : GSM_ALONE, 1, &segments);
  return fill (text, whole.is_ucs2, whole.is_ucs2 ? UCS2_OF_SEVERAL : GSM_OF_SEVERAL, limit,
               &segments);
}
