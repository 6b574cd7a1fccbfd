/* SPDX-License-Identifier: MIT */

/* What one phone number costs: the first (the module is loaded), a new one, one that was judged
 * lately, and one by the table.  Prints one line. */

#include "forms/phone-engine.h"

#include <stdio.h>

#define NEW_NUMBERS 3000
#define ROUNDS 500

static const BaruaPhoneRules rules = { 254, BARUA_PHONE_FULL };
static char numbers[NEW_NUMBERS][16];

/* Nanoseconds for one of the first @n numbers, judged @rounds times by @engine. */
static double
measure (BaruaPhoneEngine *engine, guint n, guint rounds)
{
  gint64 begin = g_get_monotonic_time ();
  guint n_good = 0;

  for (guint round = 0; round < rounds; round++)
    for (guint i = 0; i < n; i++)
      {
        char e164[BARUA_PHONE_SIZE];
        n_good += engine (&rules, (BaruaText){ numbers[i], 13 }, e164);
      }
  double ns = 1e3 * (double)(g_get_monotonic_time () - begin);
  if (n_good != n * rounds)
    g_error ("%u of %u numbers are good", n_good, n * rounds);
  return ns / n / rounds;
}

int
main (void)
{
  for (guint i = 0; i < NEW_NUMBERS; i++)
    g_snprintf (numbers[i], sizeof numbers[i], "+2547%08u", 12000000 + i);

  double first = measure (barua_phone_normalise, 1, 1);
  double new_number = measure (barua_phone_normalise, NEW_NUMBERS, 1);
  double known = measure (barua_phone_normalise, 1000, ROUNDS);
  double table = measure (barua_phone_table_normalise, 1000, ROUNDS);
  printf ("first %.1f ms, new %.1f µs, known %.0f ns, by the table %.0f ns\n", first / 1e6,
          new_number / 1e3, known, table);
  return 0;
}
