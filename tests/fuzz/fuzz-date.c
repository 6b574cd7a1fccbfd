/* SPDX-License-Identifier: MIT */

/* Any bytes as a date, a Nepali date and a phone number: what is read is in range. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "forms/bikram-sambat.h"
#include "forms/date.h"
#include "forms/phone.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const BaruaPhoneRules rules = { 254, BARUA_PHONE_NONE };
  BaruaText text = { (const char *)data, size };
  char e164[BARUA_PHONE_SIZE];
  double ms;

  if (size == 0)
    return 0;
  if (barua_date_parse (text, &ms) && !(fabs (ms) <= 8.64e15))
    abort ();
  if (barua_bikram_sambat_parse (text, &ms) && (ms < -1.8e12 || ms > 2.1e12))
    abort ();
  if (barua_phone_normalise (&rules, text, e164) && (e164[0] != '+' || strlen (e164) < 4))
    abort ();
  return 0;
}
