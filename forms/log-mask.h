/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/**
 * barua_log_mask:
 * @text: what somebody wants to log; need not be UTF-8
 * @out: receives it with a NUL, cut where a character ends when it is too long
 * @size: of @out, not 0
 *
 * The one place that decides what a log may show (style.md, "Logging"). Of a phone number, in digits of any script,
 * `***` and the last three digits are left; whatever has seven digits in a row counts as one, and with a plus or a
 * nought in front, or with nine digits, it may have blanks and dashes in it. `***` takes the place of the token of a login link, of
 * the query of a URL, of what follows words like `password=`, `Authorization:` or `key=`, and of anything that is
 * as long as a token. Characters that would end a line or move a terminal's cursor become '?'. Linear in @text.
 *
 * Returns: the length of @out
 */
gsize barua_log_mask (BaruaText text, char *out, gsize size);

G_END_DECLS
