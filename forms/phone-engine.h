/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/phone.h"

G_BEGIN_DECLS

/* What stands behind forms/phone.h; for forms/phone*.c and their tests only. */

/** Fewer digits are a short code or a mistake (parsing.md D25). */
#define BARUA_PHONE_MIN_DIGITS 7

/** Judges a number, with the contract of barua_phone_normalise(); callable from any thread. */
typedef gboolean BaruaPhoneEngine (const BaruaPhoneRules *rules, BaruaText number,
                                   char e164[BARUA_PHONE_SIZE]);

/** By the table of numbering plans (forms/phone-regions.h): knows lengths, not ranges. */
BaruaPhoneEngine barua_phone_table_normalise;

/** By libphonenumber. Lives in the module barua-phone: nobody calls it by name. */
BaruaPhoneEngine barua_phone_google_normalise;

/**
 * barua_phone_module:
 *
 * Loads the module barua-phone at the first call: it costs 10 MiB and some milliseconds, which a
 * server without messages need not pay. When it cannot be loaded that is logged, once.
 *
 * Returns: (nullable): the engine of libphonenumber
 */
BaruaPhoneEngine *barua_phone_module (void);

/** Asks @engine, unless the answer for @rules and @number is among the latest few thousand. */
gboolean barua_phone_cached (BaruaPhoneEngine *engine, const BaruaPhoneRules *rules,
                             BaruaText number, char e164[BARUA_PHONE_SIZE]);

/** The ASCII sign for @c: Arabic-Indic, extended Arabic-Indic and full-width forms; else @c. */
static inline gunichar
barua_phone_ascii_sign (gunichar c)
{
  if (c >= 0x660 && c <= 0x669)
    return '0' + (c - 0x660);
  if (c >= 0x6F0 && c <= 0x6F9)
    return '0' + (c - 0x6F0);
  if (c >= 0xFF10 && c <= 0xFF19)
    return '0' + (c - 0xFF10);
  return c == 0xFF0B ? '+' : c;
}

G_END_DECLS
