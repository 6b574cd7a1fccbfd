/* SPDX-License-Identifier: MIT */

/* The table against libphonenumber: how often they disagree, by kind, over the vectors and a
 * systematic sample.  The figures are printed as TAP comments; forms/PHONE.md explains them. */

#include "forms/phone-engine.h"

#include <stdio.h>
#include <string.h>

#include "forms/phone-regions.h"
#include "tests/suites.h"
#include "tests/vectors.h"

#define N_VALIDATIONS 3
#define N_EXAMPLES 5

/* How a national number N is dialled. */
typedef enum
{
  SHAPE_PLUS,
  SHAPE_NATIONAL,
  SHAPE_TRUNK,
  SHAPE_CODE,
  SHAPE_ABROAD,
  SHAPE_PLUS_TRUNK,
  N_SHAPES,
} Shape;

typedef enum
{
  KIND_SAME_NUMBER,
  KIND_BOTH_REFUSE,
  KIND_TABLE_ONLY,
  KIND_GOOGLE_ONLY,
  KIND_DIFFERENT_NUMBERS,
  N_KINDS,
} Kind;

static const char *const validation_names[N_VALIDATIONS] = { "full", "partial", "none" };
static const char *const shape_names[N_SHAPES]
    = { "+CODE N", "N", "TRUNK N", "CODE N", "IDD CODE N", "+CODE TRUNK N" };
static const char *const kind_names[N_KINDS]
    = { "same number", "both refuse", "only the table accepts", "only libphonenumber accepts",
        "different numbers" };

static guint n_cases[N_VALIDATIONS][N_SHAPES][N_KINDS];

/* One example per calling code, the first few: `254: 0712… gives A, libphonenumber B`. */
static guint n_codes[N_VALIDATIONS][N_KINDS], last_code[N_VALIDATIONS][N_KINDS];
static char examples[N_VALIDATIONS][N_KINDS][N_EXAMPLES][128];

static Kind
compare (const BaruaPhoneRules *rules, const char *number, char by_table[BARUA_PHONE_SIZE],
         char by_google[BARUA_PHONE_SIZE])
{
  strcpy (by_table, "false");
  strcpy (by_google, "false");
  gboolean is_for_table = barua_phone_table_normalise (rules, barua_text (number), by_table);
  gboolean is_for_google = barua_phone_module () (rules, barua_text (number), by_google);
  if (is_for_table != is_for_google)
    return is_for_table ? KIND_TABLE_ONLY : KIND_GOOGLE_ONLY;
  if (!is_for_table)
    return KIND_BOTH_REFUSE;
  return strcmp (by_table, by_google) == 0 ? KIND_SAME_NUMBER : KIND_DIFFERENT_NUMBERS;
}

static void
write_number (char out[64], Shape shape, const BaruaPhoneRegion *region, const char *national)
{
  static const struct
  {
    gboolean has_plus, has_idd, has_code, has_trunk;
  } parts[N_SHAPES] = {
    [SHAPE_PLUS] = { .has_plus = TRUE, .has_code = TRUE },
    [SHAPE_NATIONAL] = { 0 },
    [SHAPE_TRUNK] = { .has_trunk = TRUE },
    [SHAPE_CODE] = { .has_code = TRUE },
    [SHAPE_ABROAD] = { .has_idd = TRUE, .has_code = TRUE },
    [SHAPE_PLUS_TRUNK] = { .has_plus = TRUE, .has_code = TRUE, .has_trunk = TRUE },
  };
  int idd = parts[shape].has_idd ? (int)strcspn (region->idd, "|") : 0;
  char code[8] = "";

  if (parts[shape].has_code)
    g_snprintf (code, sizeof code, "%u", region->calling_code);
  g_snprintf (out, 64, "%s%.*s%s%s%s", parts[shape].has_plus ? "+" : "", idd, region->idd, code,
              parts[shape].has_trunk ? region->trunk : "", national);
  g_strdelimit (out, ".", '1'); /* any digit, in the list of prefixes */
}

static void
count (const BaruaPhoneRegion *region, BaruaPhoneValidation validation, Shape shape,
       const char *national)
{
  BaruaPhoneRules rules = { region->calling_code, validation };
  char number[64], by_table[BARUA_PHONE_SIZE], by_google[BARUA_PHONE_SIZE];

  write_number (number, shape, region, national);
  Kind kind = compare (&rules, number, by_table, by_google);
  n_cases[validation][shape][kind]++;
  if (last_code[validation][kind] == region->calling_code)
    return;
  last_code[validation][kind] = region->calling_code;
  guint n = n_codes[validation][kind]++;
  if (n < N_EXAMPLES)
    g_snprintf (examples[validation][kind][n], sizeof examples[0][0][0],
                "default %u, %s: table %s, libphonenumber %s", rules.country_code, number, by_table,
                by_google);
}

/* Every shape of the national numbers d12345678… of every length and first digit. */
static void
count_region (const BaruaPhoneRegion *region)
{
  for (guint length = 4; length <= 13; length++)
    for (char first = '1'; first <= '9'; first++)
      {
        char national[] = "_123456781234567";
        national[0] = first;
        national[length] = '\0';
        for (Shape shape = 0; shape < N_SHAPES; shape++)
          for (guint validation = 0; validation < N_VALIDATIONS; validation++)
            if (*region->trunk != '\0' || (shape != SHAPE_TRUNK && shape != SHAPE_PLUS_TRUNK))
              count (region, validation, shape, national);
      }
}

static void
print_report (void)
{
  for (guint v = 0; v < N_VALIDATIONS; v++)
    {
      for (Shape shape = 0; shape < N_SHAPES; shape++)
        {
          printf ("# %s, %s:", validation_names[v], shape_names[shape]);
          for (Kind kind = 0; kind < N_KINDS; kind++)
            printf (" %s %u%s", kind_names[kind], n_cases[v][shape][kind],
                    kind + 1 < N_KINDS ? "," : "\n");
        }
      for (Kind kind = KIND_TABLE_ONLY; kind < N_KINDS; kind++)
        for (guint i = 0; i < MIN (n_codes[v][kind], N_EXAMPLES); i++)
          printf ("# %s, %s (%u codes): %s\n", validation_names[v], kind_names[kind],
                  n_codes[v][kind], examples[v][kind][i]);
    }
  fflush (stdout);
}

/* What may differ with the edition of the metadata stays open; what may not is checked. */
START_TEST (sample)
{
  guint n_regions = 0;

  ck_assert (barua_phone_module () != NULL);
  for (guint code = 1; code < 1000; code++)
    if (barua_phone_region (code) != NULL)
      {
        n_regions++;
        count_region (barua_phone_region (code));
      }
  print_report ();

  /* every country of the table is one of libphonenumber's, and has lengths that both allow; the
   * sample meets an assigned range in most */
  ck_assert_uint_eq (n_codes[BARUA_PHONE_NONE][KIND_SAME_NUMBER], n_regions);
  ck_assert_uint_eq (n_codes[BARUA_PHONE_PARTIAL][KIND_SAME_NUMBER], n_regions);
  ck_assert_uint_ge (n_codes[BARUA_PHONE_FULL][KIND_SAME_NUMBER] * 4, n_regions * 3);
  /* with its code a number is one number for both, or refused by one */
  ck_assert_uint_eq (n_cases[BARUA_PHONE_FULL][SHAPE_PLUS][KIND_DIFFERENT_NUMBERS], 0);
  ck_assert_uint_eq (n_cases[BARUA_PHONE_NONE][SHAPE_PLUS][KIND_TABLE_ONLY], 0);
  ck_assert_uint_eq (n_cases[BARUA_PHONE_NONE][SHAPE_PLUS][KIND_GOOGLE_ONLY], 0);
  /* what libphonenumber holds valid the table seldom refuses: it knows the lengths */
  for (Shape shape = 0; shape < N_SHAPES; shape++)
    ck_assert_uint_le (n_cases[BARUA_PHONE_FULL][shape][KIND_GOOGLE_ONLY] * 10,
                       n_cases[BARUA_PHONE_FULL][shape][KIND_SAME_NUMBER]);
}
END_TEST

/* Of the vectors only those marked `metadata` may part them. */
START_TEST (vectors)
{
  BaruaJsonIter iter;
  BaruaJson vector;
  guint n = 0, n_apart = 0;

  ck_assert (barua_phone_module () != NULL);
  barua_json_iter_init (&iter, barua_vectors_load ("parsing-phone.json"));
  while (barua_json_iter_next (&iter, NULL, &vector))
    {
      BaruaJson input = barua_json_member (vector, "input");
      BaruaPhoneRules rules = barua_phone_rules (barua_json_member (input, "settings"));
      char by_table[BARUA_PHONE_SIZE], by_google[BARUA_PHONE_SIZE];
      Kind kind = compare (&rules, barua_vector_text (input, "phone"), by_table, by_google);
      n++;
      if (kind == KIND_SAME_NUMBER || kind == KIND_BOTH_REFUSE)
        continue;
      n_apart++;
      printf ("# vector %s: table %s, libphonenumber %s\n", barua_vector_text (vector, "name"),
              by_table, by_google);
      ck_assert_str_eq (barua_vector_text (vector, "level"), "metadata");
    }
  fflush (stdout);
  ck_assert_uint_ge (n, 144);
  ck_assert_uint_eq (n_apart, 1);
}
END_TEST

/* `+` and digits go a short way, the same with a blank inside the long one through libphonenumber:
 * both give one answer, for each three digits that a national number can begin with. */
START_TEST (short_way)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (7);
  guint n_good = 0;

  ck_assert (barua_phone_module () != NULL);
  for (guint i = 0; i < 1000 * 1000; i++)
    {
      const BaruaPhoneRegion *region = barua_phone_region (i / 1000);
      guint length = (guint)g_rand_int_range (random, 4, 14);
      if (region == NULL || (i % 8 != 0 && (region->lengths >> length & 1) == 0))
        continue;
      BaruaPhoneRules rules = { 0, i % 5 == 0 ? i / 5 % N_VALIDATIONS : BARUA_PHONE_FULL };
      char national[16], plain[64], spaced[64], a[BARUA_PHONE_SIZE] = "", b[BARUA_PHONE_SIZE] = "";
      g_snprintf (national, sizeof national, "%03u%010u", i % 1000, g_rand_int (random));
      g_snprintf (plain, sizeof plain, "+%u%.*s", i / 1000, (int)length, national);
      g_snprintf (spaced, sizeof spaced, "+%u %.*s", i / 1000, (int)length, national);
      barua_phone_module () (&rules, barua_text (plain), a);
      barua_phone_module () (&rules, barua_text (spaced), b);
      ck_assert_msg (strcmp (a, b) == 0, "%s: %s, but with a blank %s", plain, a, b);
      n_good += *a != '\0';
    }
  ck_assert_uint_gt (n_good, 5000);
}
END_TEST

/* Signs that libphonenumber takes between the digits, as the reference does, and the table not. */
START_TEST (punctuation)
{
  static const BaruaPhoneRules kenya = { 254, BARUA_PHONE_FULL };
  static const char *const numbers[] = { "0712/345678", "[0712]345678", "0712\u2013345\u2013678",
                                         "0712*345678", "0712345678;",  "0712\u00AD345678",
                                         "'0712345678'" };
  char by_table[BARUA_PHONE_SIZE], by_google[BARUA_PHONE_SIZE];

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      ck_assert_int_eq (compare (&kenya, numbers[i], by_table, by_google), KIND_GOOGLE_ONLY);
      ck_assert_str_eq (by_google, "+254712345678");
    }
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("phone-compare");
  TCase *tc = tcase_create ("phone-compare");

  tcase_set_timeout (tc, 120); /* seconds */
  tcase_add_test (tc, vectors);
  tcase_add_test (tc, sample);
  tcase_add_test (tc, short_way);
  tcase_add_test (tc, punctuation);
  suite_add_tcase (suite, tc);
  return suite;
}
