/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * BaruaPhoneRegion:
 * @calling_code: of the country or group of countries
 * @idd: international dialling prefixes, `|` between them, longest first; `.` is any digit
 * @trunk: the national prefix; empty for none
 * @lengths: bit n is set when a national number may have n digits, without @trunk
 *
 * What is needed of one numbering plan.
 */
typedef struct
{
  guint16 calling_code;
  const char *idd;
  const char *trunk;
  guint32 lengths;
} BaruaPhoneRegion;

/** The plan of a calling code. Returns: (nullable) */
const BaruaPhoneRegion *barua_phone_region (guint calling_code);

G_END_DECLS
