/* SPDX-License-Identifier: MIT */
#pragma once

#include "parser/record.h"

G_BEGIN_DECLS

/**
 * barua_explain_append:
 * @record: what barua_record_from_message() or barua_record_from_definition() made of @message
 * @out: receives a JSON object
 *
 * Explains how a message was read:
 * `{"tokens":[{"offset","length","text","as","field","value","reason"}],"nearest":[{"form","message"}]}`.
 * Tokens cover the message in order; `offset` and `length` are bytes; `as` is header, code, label,
 * value, separator or ignored; `field`, `value` (typed) and `reason` (why a value was refused)
 * stand where they apply. `nearest` stands in a message that named no known form: codes at edit
 * distance 1 or with a blank missing behind them, with the message corrected.
 */
void barua_explain_append (const BaruaSettings *settings, const BaruaMessage *message,
                           const BaruaRecord *record, BaruaArena *arena, GString *out);

G_END_DECLS
