/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/phone.h"

namespace barua
{

/**
 * is_plainly_good:
 *
 * Judges what nearly all senders are, `+` and ASCII digits only, as libphonenumber would and from
 * the same metadata, in a few hundred instructions in place of 150,000.  Such a number is its own
 * E.164 text.  Callable from any thread.
 *
 * Returns: %FALSE when libphonenumber must be asked: for numbers that are not good or have a
 *   national prefix, codes that several regions share, plans with rules of their own
 */
bool is_plainly_good (BaruaPhoneValidation validation, BaruaText number);

} // namespace barua
