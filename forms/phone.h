/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/**
 * BaruaPhoneValidation:
 * @BARUA_PHONE_FULL: needs numbering metadata; treated like @BARUA_PHONE_PARTIAL without it
 * @BARUA_PHONE_PARTIAL: the length must be possible in that country
 * @BARUA_PHONE_NONE: any length from 2 to 17 digits
 */
typedef enum
{
  BARUA_PHONE_FULL,
  BARUA_PHONE_PARTIAL,
  BARUA_PHONE_NONE,
} BaruaPhoneValidation;

/**
 * BaruaPhoneRules:
 * @country_code: the default calling code, 0 for none
 * @validation: how strict
 */
typedef struct
{
  int country_code;
  BaruaPhoneValidation validation;
} BaruaPhoneRules;

/** Bytes of the longest E.164 text made here, with its `+` and the NUL. */
#define BARUA_PHONE_SIZE 24

/** The rules of settings: `default_country_code` (number or text) and `phone_validation`. */
BaruaPhoneRules barua_phone_rules (BaruaJson settings);

/**
 * barua_phone_normalise:
 * @number: as typed
 * @e164: (out): `+`, calling code and number, NUL-terminated; untouched on failure
 *
 * parsing.md 7.6.
 *
 * Returns: %FALSE when @number cannot be normalised
 */
gboolean barua_phone_normalise (const BaruaPhoneRules *rules, BaruaText number,
                                char e164[BARUA_PHONE_SIZE]);

/** Whether @number normalises and begins with `+`, so that it needs no default country. */
gboolean barua_phone_is_international (BaruaText number);

/** Whether both normalise to one number, or are the same text. */
gboolean barua_phone_same (const BaruaPhoneRules *rules, BaruaText a, BaruaText b);

G_END_DECLS
