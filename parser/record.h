/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/settings.h"
#include "parser/error.h"

G_BEGIN_DECLS

/**
 * BaruaMessage:
 * @message: the text of the SMS; absent is an error, empty is not
 * @from: the sender as received; absent is an error, empty is not
 * @from_json: the sender when it came in JSON and is no text, as null; counts instead of @from
 * @timestamp: `sent_timestamp` or `reported_date` as text; absent for now
 * @timestamp_json: the same as received in JSON; counts instead of @timestamp when not absent
 * @locale: the body's `locale`
 * @query_locale: `?locale=` of the request
 * @gateway_ref: the gateway's identifier of the message
 * @now_ms: the clock, milliseconds since 1970
 *
 * A message to be read. Absent texts have %NULL for @p.
 */
typedef struct
{
  BaruaText message;
  BaruaText from;
  BaruaJson from_json;
  BaruaText timestamp;
  BaruaJson timestamp_json;
  BaruaText locale;
  BaruaText query_locale;
  BaruaText gateway_ref;
  gint64 now_ms;
} BaruaMessage;

/** One entry of `errors`. */
typedef struct
{
  BaruaText code;
  BaruaText message;
} BaruaRecordError;

/**
 * BaruaRecord:
 * @from: normalised, or as received; absent when there is none or it is no text
 * @from_json: JSON text of a sender that is no text, as null; absent otherwise
 * @form: the record's top-level form; absent when it is unknown and `forms_only_mode` is off
 * @code: the code that the parser tried; absent when the message has none
 * @format: "muvuku", "javarosa", "textforms", "compact" or "json"; absent when it cannot be told
 * @locale: the language of texts for the sender
 * @definition: (nullable): the form's definition
 * @values: (array length=n_values): the typed values in the order of the definition's fields
 * @fields: the object of typed values, JSON text
 * @errors: (array length=n_errors): in the order of parsing.md section 9
 * @reported_date_ms: milliseconds since 1970
 * @refid: JSON text; absent when there is none
 * @sms_message: JSON object text
 *
 * A record. Everything is borrowed from the message, the settings and the arena.
 */
typedef struct
{
  BaruaText from;
  BaruaText from_json;
  BaruaText form;
  BaruaText code;
  BaruaText format;
  BaruaText locale;
  const BaruaForm *definition;
  const BaruaValue *values;
  guint n_values;
  BaruaText fields;
  BaruaRecordError *errors;
  guint n_errors;
  double reported_date_ms;
  BaruaText refid;
  BaruaText sms_message;
} BaruaRecord;

/**
 * barua_record_from_message:
 * @record: (out): untouched on failure
 * @error: a #BaruaParserError
 *
 * Reads an SMS (parsing.md sections 2–9). Parsing problems become errors of the record.
 */
gboolean barua_record_from_message (const BaruaSettings *settings, const BaruaMessage *message,
                                    BaruaArena *arena, BaruaRecord *record, GError **error);

/**
 * barua_record_from_definition:
 * @form: read the message with this definition, whatever code it begins with
 *
 * As barua_record_from_message(), for `barua parse --definition`.
 */
gboolean barua_record_from_definition (const BaruaSettings *settings, const BaruaForm *form,
                                       const BaruaMessage *message, BaruaArena *arena,
                                       BaruaRecord *record, GError **error);

/**
 * barua_record_from_json:
 * @body: `{_meta, …}` as posted
 * @query_locale: `?locale=` of the request; absent when there is none
 * @record: (out): untouched on failure
 * @error: a #BaruaParserError
 *
 * Reads a record posted as JSON (parsing.md section 10).
 */
gboolean barua_record_from_json (const BaruaSettings *settings, BaruaJson body,
                                 BaruaText query_locale, gint64 now_ms, BaruaArena *arena,
                                 BaruaRecord *record, GError **error);

/**
 * barua_record_from_json_definition:
 * @form: (nullable): read the body with this definition, whatever `_meta.form` says
 *
 * As barua_record_from_json(), for `barua parse --definition`.
 */
gboolean barua_record_from_json_definition (const BaruaSettings *settings, const BaruaForm *form,
                                            BaruaJson body, BaruaText query_locale, gint64 now_ms,
                                            BaruaArena *arena, BaruaRecord *record,
                                            GError **error);

/**
 * barua_message_from_json:
 * @body: `{message, from, sent_timestamp or reported_date, locale, gateway_ref}`
 * @message: (out): borrowed from @body and @arena; the clock and the query's locale are not set
 *
 * A message given as JSON. A number is taken as its digits; another member that is no text is absent, but for the sender,
 * which stays what it is.
 */
void barua_message_from_json (BaruaJson body, BaruaArena *arena, BaruaMessage *message);

/**
 * barua_record_plain:
 *
 * The record of a message that is not parsed, because it is too long: no form, no fields, no errors.
 */
void barua_record_plain (const BaruaSettings *settings, const BaruaMessage *message,
                         BaruaArena *arena, BaruaRecord *record);

/**
 * barua_record_add_error:
 *
 * Adds an entry to `errors`; the texts are borrowed.
 */
void barua_record_add_error (BaruaRecord *record, BaruaArena *arena, BaruaText code,
                             BaruaText message);

/**
 * barua_record_append_json:
 * @tasks: (nullable): JSON array text for `tasks`; %NULL gives `[]`
 * @out: receives the document, without `_id`: type, from, form, errors, tasks, fields, reported_date,
 *   refid, sms_message
 */
void barua_record_append_json (const BaruaRecord *record, const char *tasks, GString *out);

/** The same without the closing brace, so that members can be appended. */
void barua_record_append_open (const BaruaRecord *record, const char *tasks, GString *out);

G_END_DECLS
