/* SPDX-License-Identifier: MIT */
#pragma once

#include "parser/record.h"
#include "parser/writer.h"

G_BEGIN_DECLS

/* What message records and JSON records have in common; for the parser itself. */

/**
 * barua_record_finish:
 * @settings: for languages and texts
 * @record: definition, values and code are set
 * @message_locale: `sms_message.locale`; absent when there is none
 * @has_extra: values that belong to no field
 * @is_empty: the message is blank
 * @keeps_objects: write an object for dotted keys even if none of its members came (Muvuku)
 *
 * Sets form, refid, locale, fields and errors (parsing.md sections 8 and 9).
 */
void barua_record_finish (const BaruaSettings *settings, BaruaArena *arena,
                          BaruaText message_locale, gboolean has_extra, gboolean is_empty,
                          gboolean keeps_objects, BaruaRecord *record);

/** Bytes that a record and the names of its members take as JSON at most. */
gsize barua_record_bytes (const BaruaRecord *record);

/** Writes `,"errors":` and the list; for memory that has been reckoned with barua_record_bytes(). */
char *barua_write_errors (char *out, const BaruaRecord *record);

/** Writes when and how the record came: `,"reported_date":`, `refid` and `sms_message`; for memory like that of
 * barua_write_errors(). */
char *barua_write_origin (char *out, const BaruaRecord *record);

/** The sender as stored: normalised, or as received. */
BaruaText barua_record_sender (const BaruaSettings *settings, BaruaArena *arena, BaruaText from);

/** `reported_date` of a timestamp (parsing.md 8.1); @text counts when @json is absent. */
double barua_record_date (BaruaText text, BaruaJson json, BaruaArena *arena, gint64 now_ms);

/** barua_record_clean_text() of a text that is not plain. */
BaruaText barua_record_replace_damage (BaruaArena *arena, BaruaText text);

/** @text with U+0000 and bytes that are no UTF-8 as U+FFFD (parsing.md D24). */
static inline BaruaText
barua_record_clean_text (BaruaArena *arena, BaruaText text)
{
  return text.n == 0 || barua_text_is_plain (text) ? text
                                                   : barua_record_replace_damage (arena, text);
}

G_END_DECLS
