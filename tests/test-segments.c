/* SPDX-License-Identifier: MIT */

#include "forms/segments.h"
#include "tests/suites.h"
#include "tests/vectors.h"

#include <string.h>

typedef struct
{
  const char *unit; /* repeated @n times */
  guint n;
  const char *tail;
  gboolean is_ucs2;
  guint units;
  guint segments;
} Count;

/* messaging.md 5.5; 3GPP TS 23.038, 23.040 */
static const Count counts[] = {
  { "", 0, "", FALSE, 0, 1 },
  { "a", 160, "", FALSE, 160, 1 },
  { "a", 161, "", FALSE, 161, 2 },
  { "a", 306, "", FALSE, 306, 2 },
  { "a", 307, "", FALSE, 307, 3 },
  { "\xC3\xA9", 160, "", FALSE, 160, 1 }, /* é is GSM */
  { "\xC3\xA7", 70, "", TRUE, 70, 1 },    /* ç is not */
  { "\xC3\xA7", 71, "", TRUE, 71, 2 },
  { "\xE2\x82\xAC", 80, "", FALSE, 160, 1 }, /* € takes two */
  { "\xE2\x82\xAC", 81, "", FALSE, 162, 2 },
  { "a", 152, "{aaaaaaaa", FALSE, 162, 2 },
  { "a", 304, "{a", FALSE, 307, 3 },           /* the escape does not fit into the second segment */
  { "\xF0\x9F\x98\x80", 35, "", TRUE, 70, 1 }, /* a surrogate pair */
  { "\xF0\x9F\x98\x80", 36, "", TRUE, 72, 2 },
  { "\xF0\x9F\x98\x80", 67, "", TRUE, 134, 3 }, /* 33 pairs a segment */
  { "`", 1, "", TRUE, 1, 1 },
  { "\n", 3, "\r", FALSE, 4, 1 },
};

static char *
text_of (const char *unit, guint n, const char *tail)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < n; i++)
    g_string_append (out, unit);
  g_string_append (out, tail);
  return g_string_free (out, FALSE);
}

START_TEST (segments_count)
{
  const Count *v = &counts[_i];
  g_autofree char *text = text_of (v->unit, v->n, v->tail);
  BaruaSegments found = barua_segments_count (barua_text (text));

  ck_assert_msg (found.is_ucs2 == v->is_ucs2 && found.units == v->units
                     && found.segments == v->segments,
                 "%s x %u: %d %u %u", v->unit, v->n, found.is_ucs2, found.units, found.segments);
}
END_TEST

typedef struct
{
  const char *unit;
  guint n;
  guint limit;
  gsize characters;
} Cut;

/* messaging.md 12 no. 14 */
static const Cut cuts[] = {
  { "a", 1600, 10, 1530 },
  { "a", 1530, 10, 1530 },
  { "a", 1600, 2, 306 },
  { "a", 200, 1, 160 },
  { "a", 100, 1, 100 },
  { "\xE1\x88\x80", 671, 10, 670 },     /* an Ethiopic letter */
  { "\xF0\x9F\x98\x80", 400, 10, 330 }, /* never half a pair */
  { "{", 200, 2, 152 },                 /* never half an escape */
};

START_TEST (segments_cut)
{
  const Cut *v = &cuts[_i];
  g_autofree char *text = text_of (v->unit, v->n, "");
  gsize n = barua_segments_cut (barua_text (text), v->limit);

  ck_assert_uint_eq (n, v->characters * strlen (v->unit));
  if (v->limit > 1)
    ck_assert_uint_le (barua_segments_count ((BaruaText){ text, n }).segments, v->limit);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("segments");
  TCase *tc = tcase_create ("segments");

  tcase_add_loop_test (tc, segments_count, 0, G_N_ELEMENTS (counts));
  tcase_add_loop_test (tc, segments_cut, 0, G_N_ELEMENTS (cuts));
  suite_add_tcase (suite, tc);
  return suite;
}
