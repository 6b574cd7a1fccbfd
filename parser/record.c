/* SPDX-License-Identifier: MIT */

/* From a message to its record (parsing.md sections 2 to 9). */

#define G_LOG_DOMAIN "barua-parser"

#include "parser/record.h"

#include <string.h>

#include "forms/bikram-sambat.h"
#include "forms/characters.h"
#include "parser/compact.h"
#include "parser/form-code.h"
#include "parser/javarosa.h"
#include "parser/muvuku.h"
#include "parser/record-write.h"
#include "parser/textforms.h"
#include "parser/writer.h"

/* One reading of one message. */
typedef struct
{
  const BaruaSettings *settings;
  const BaruaMessage *message;
  BaruaArena *arena;
  BaruaFormCode code;
  const BaruaForm *form; /* NULL when none is known */
  BaruaValue *values;    /* one for each field */
  BaruaText format;
  gboolean is_plain; /* the message is ASCII that JSON takes as it is */
  gboolean has_extra;
} Reading;

static const BaruaText no_text = { NULL, 0 };

/* Gives the fields their raw values. */
static void
convert_values (Reading *reading, const BaruaText *raw)
{
  const BaruaPhoneRules *rules = barua_settings_phone_rules (reading->settings);
  const BaruaField *fields = barua_form_fields (reading->form);
  guint n = barua_form_n_fields (reading->form);

  for (guint i = 0; i < n; i++)
    if (raw[i].p != NULL)
      barua_field_convert (&fields[i], raw[i], rules, reading->arena, &reading->values[i]);
}

/* Raw values, all absent. */
static BaruaText *
new_raw (Reading *reading)
{
  gsize bytes = barua_form_n_fields (reading->form) * sizeof (BaruaText);
  BaruaText *raw = barua_arena_alloc (reading->arena, bytes + 1);

  memset (raw, 0, bytes);
  return raw;
}

/* Whether the header, a digit with or without a letter before it, is @letter (0: none) and `1`. */
static inline gboolean
header_is (const Reading *reading, char letter)
{
  const BaruaText header = reading->code.header;

  if (letter == '\0')
    return header.n == 1 && *header.p == '1';
  return header.n == 2 && g_ascii_toupper (*header.p) == letter && header.p[1] == '1';
}

/* `1!…`, `J1!…`, or a header that no parser goes with. */
static void
read_muvuku (Reading *reading)
{
  gboolean is_javarosa = header_is (reading, 'J');

  reading->format = is_javarosa ? BARUA_TEXT ("javarosa") : BARUA_TEXT ("muvuku");
  if (reading->form == NULL)
    return;
  if (is_javarosa)
    {
      BaruaText *raw = new_raw (reading);
      guint locale = barua_settings_locale_index (reading->settings,
                                                  barua_settings_locale (reading->settings));
      barua_javarosa_read (reading->code.body, barua_form_labels (reading->form, locale),
                           reading->arena, raw);
      convert_values (reading, raw);
    }
  else if (header_is (reading, '\0'))
    {
      BaruaText *raw = new_raw (reading);
      guint n = barua_form_n_fields (reading->form);
      reading->has_extra
          = barua_muvuku_split (reading->code.text, reading->code.body, raw, n) > n;
      convert_values (reading, raw);
    }
}

/* A message without a header. */
static void
read_plain (Reading *reading)
{
  BaruaText text
      = barua_form_code_remove (reading->code.text, barua_form_meta_code (reading->form));
  BaruaText locale = reading->message->locale.n > 0 ? reading->message->locale
                                                    : barua_settings_locale (reading->settings);
  const BaruaLabels *labels = barua_form_labels (
      reading->form, barua_settings_locale_index (reading->settings, locale));

  if (barua_compact_applies (labels, text))
    {
      BaruaText *raw = new_raw (reading);
      reading->format = BARUA_TEXT ("compact");
      barua_compact_split (reading->form, text, reading->arena, raw);
      convert_values (reading, raw);
      return;
    }
  reading->format = BARUA_TEXT ("textforms");
  barua_textforms_read (text, reading->is_plain, reading->form, labels,
                        barua_settings_phone_rules (reading->settings), reading->arena,
                        reading->values);
}

/* The text of a part of a Bikram Sambat date; absent when the form or the message has none. */
static BaruaText
part_text (const Reading *reading, int field)
{
  if (field < 0 || reading->values[field].type != BARUA_VALUE_TEXT)
    return no_text;
  return reading->values[field].text;
}

/* Computes the aggregate date of its parts (parsing.md 7.5); a field of that type takes nothing
 * from the message. */
static void
aggregate_date (Reading *reading)
{
  const BaruaFormIndexes *indexes = barua_form_indexes (reading->form);

  if (indexes->bs_aggregate < 0)
    return;
  for (guint i = (guint)indexes->bs_aggregate; i < barua_form_n_fields (reading->form); i++)
    if (barua_form_field (reading->form, i)->type == BARUA_FIELD_BS_AGGREGATE)
      reading->values[i] = (BaruaValue){ BARUA_VALUE_ABSENT };

  BaruaText year = part_text (reading, indexes->bs_year);
  if (year.n == 0)
    return;
  double ms = 0;
  gboolean exists = barua_bikram_sambat_parse_parts (year, part_text (reading, indexes->bs_month),
                                                     part_text (reading, indexes->bs_day), &ms);
  reading->values[indexes->bs_aggregate]
      = (BaruaValue){ exists ? BARUA_VALUE_NUMBER : BARUA_VALUE_NULL, ms };
}

/* Reads the values, when there is a form or a header. */
static void
read_values (Reading *reading)
{
  guint n = reading->form != NULL ? barua_form_n_fields (reading->form) : 0;

  reading->values = barua_arena_alloc (reading->arena, n * sizeof *reading->values + 1);
  for (guint i = 0; i < n; i++)
    reading->values[i].type = BARUA_VALUE_ABSENT;
  if (reading->code.is_muvuku)
    read_muvuku (reading);
  else if (reading->form != NULL)
    read_plain (reading);
  if (reading->form != NULL)
    aggregate_date (reading);
}

/* The text of a JSON value. */
static BaruaText
json_text (BaruaJson json)
{
  return (BaruaText){ json.text, json.length };
}

/* `,"name":"text"` when there is a text. */
static char *
write_member (char *out, BaruaText start, BaruaText text)
{
  if (text.p == NULL)
    return out;
  return barua_write_string (barua_write_raw (out, start), text);
}

/* Bytes of the names, quotes and braces of `sms_message`. */
#define SMS_FRAME_BYTES 192

/* `sms_message` of a message (parsing.md section 8). */
static BaruaText
write_sms_message (const BaruaMessage *message, gboolean is_plain, BaruaText locale,
                   BaruaText code, BaruaArena *arena)
{
  gsize texts = message->message.n + code.n + message->timestamp.n + locale.n + message->from.n
                + message->gateway_ref.n;
  gsize bytes = SMS_FRAME_BYTES + message->timestamp_json.length + message->from_json.length
                + BARUA_JSON_STRING_BYTES (texts);

  char *begin = barua_arena_alloc (arena, bytes);
  char *out = barua_write_raw (begin, BARUA_TEXT ("{\"type\":\"sms_message\",\"message\":"));
  if (is_plain)
    {
      *out++ = '"';
      out = barua_write_raw (out, message->message);
      *out++ = '"';
    }
  else
    out = barua_write_string (out, message->message);
  out = write_member (out, BARUA_TEXT (",\"form\":"), code);
  if (message->timestamp_json.text != NULL)
    {
      out = barua_write_raw (out, BARUA_TEXT (",\"reported_date\":"));
      out = barua_write_raw (out, json_text (message->timestamp_json));
    }
  else
    out = write_member (out, BARUA_TEXT (",\"reported_date\":"), message->timestamp);
  out = write_member (out, BARUA_TEXT (",\"locale\":"), locale);
  out = write_member (out, BARUA_TEXT (",\"from\":"), message->from);
  if (message->from_json.text != NULL)
    {
      out = barua_write_raw (out, BARUA_TEXT (",\"from\":"));
      out = barua_write_raw (out, json_text (message->from_json));
    }
  out = write_member (out, BARUA_TEXT (",\"gateway_ref\":"), message->gateway_ref);
  *out++ = '}';
  return (BaruaText){ begin, (gsize)(out - begin) };
}

/* The message with clean texts; the reference is no text to be read but a key, and stays as it is. */
static void
clean_message (BaruaMessage *clean, gboolean is_plain, BaruaArena *arena)
{
  if (!is_plain)
    clean->message = barua_record_clean_text (arena, clean->message);
  clean->from = barua_record_clean_text (arena, clean->from);
  clean->timestamp = barua_record_clean_text (arena, clean->timestamp);
  clean->locale = barua_record_clean_text (arena, clean->locale);
  clean->query_locale = barua_record_clean_text (arena, clean->query_locale);
}

/* The locale of `sms_message`: the body's, else the query's; absent when both are empty. */
static BaruaText
message_locale (const BaruaMessage *message)
{
  if (message->locale.n > 0)
    return message->locale;
  return message->query_locale.n > 0 ? message->query_locale : no_text;
}

/* Whether a record can be made of @message (parsing.md section 2). */
static gboolean
check_message (const BaruaMessage *message, GError **error)
{
  if (message->from.p == NULL && message->from_json.text == NULL)
    {
      g_set_error_literal (error, BARUA_PARSER_ERROR, BARUA_PARSER_ERROR_MISSING_FROM,
                           "Missing required value: from");
      return FALSE;
    }
  if (message->message.p == NULL)
    {
      g_set_error_literal (error, BARUA_PARSER_ERROR, BARUA_PARSER_ERROR_MISSING_MESSAGE,
                           "Missing required field: message");
      return FALSE;
    }
  if (message->message.n > BARUA_MESSAGE_MAX_BYTES)
    {
      g_set_error (error, BARUA_PARSER_ERROR, BARUA_PARSER_ERROR_TOO_LONG,
                   "message is longer than %u bytes", BARUA_MESSAGE_MAX_BYTES);
      return FALSE;
    }
  return TRUE;
}

gboolean
barua_record_from_definition (const BaruaSettings *settings, const BaruaForm *form,
                              const BaruaMessage *message, BaruaArena *arena, BaruaRecord *record,
                              GError **error)
{
  if (!check_message (message, error))
    return FALSE;

  gboolean is_plain = barua_text_is_plain (message->message);
  BaruaMessage clean = *message;
  clean_message (&clean, is_plain, arena);
  BaruaText locale = message_locale (&clean);
  Reading reading = { .settings = settings,
                      .message = &clean,
                      .arena = arena,
                      .is_plain = is_plain };
  barua_form_code_read (clean.message, arena, &reading.code);
  if (form == NULL)
    barua_form_code_find (settings, arena, &reading.code);
  reading.form = form != NULL ? form : reading.code.form;
  read_values (&reading);

  *record = (BaruaRecord){ .from = barua_record_sender (settings, arena, clean.from),
                           .from_json = json_text (clean.from_json),
                           .code = reading.code.code,
                           .format = reading.format,
                           .definition = reading.form,
                           .values = reading.values };
  record->n_values = reading.form != NULL ? barua_form_n_fields (reading.form) : 0;
  barua_record_finish (settings, arena, locale, reading.has_extra,
                       barua_text_is_blank (clean.message), reading.code.is_muvuku, record);
  record->reported_date_ms
      = barua_record_date (clean.timestamp, clean.timestamp_json, arena, clean.now_ms);
  record->sms_message = write_sms_message (&clean, is_plain, locale, reading.code.code, arena);
  return TRUE;
}

gboolean
barua_record_from_message (const BaruaSettings *settings, const BaruaMessage *message,
                           BaruaArena *arena, BaruaRecord *record, GError **error)
{
  return barua_record_from_definition (settings, NULL, message, arena, record, error);
}

void
barua_record_plain (const BaruaSettings *settings, const BaruaMessage *message, BaruaArena *arena,
                    BaruaRecord *record)
{
  BaruaMessage clean = *message;
  clean_message (&clean, FALSE, arena);
  BaruaText locale = message_locale (&clean);

  if (clean.message.p == NULL)
    clean.message = BARUA_TEXT ("");
  *record = (BaruaRecord){ .from = barua_record_sender (settings, arena, clean.from),
                           .from_json = json_text (clean.from_json),
                           .fields = BARUA_TEXT ("{}") };
  record->locale = locale.n > 0 ? locale : barua_settings_locale (settings);
  record->reported_date_ms
      = barua_record_date (clean.timestamp, clean.timestamp_json, arena, clean.now_ms);
  record->sms_message = write_sms_message (&clean, FALSE, locale, no_text, arena);
}

/* A value that is text, or a number as it is spelled; absent otherwise. */
static BaruaText
value_text (BaruaJson value, BaruaArena *arena)
{
  if (barua_json_type (value) == BARUA_JSON_NUMBER)
    return json_text (value);
  return barua_arena_json_text (arena, value);
}

void
barua_message_from_json (BaruaJson body, BaruaArena *arena, BaruaMessage *message)
{
  enum
  {
    MESSAGE,
    FROM,
    LOCALE,
    GATEWAY_REF,
    SENT_TIMESTAMP,
    REPORTED_DATE,
    N_NAMES,
  };
  static const BaruaText names[] = {
    [MESSAGE] = { "message", 7 },
    [FROM] = { "from", 4 },
    [LOCALE] = { "locale", 6 },
    [GATEWAY_REF] = { "gateway_ref", 11 },
    [SENT_TIMESTAMP] = { "sent_timestamp", 14 },
    [REPORTED_DATE] = { "reported_date", 13 },
  };
  BaruaJson values[N_NAMES];

  barua_json_members (body, names, values, N_NAMES);
  *message = (BaruaMessage){ .message = value_text (values[MESSAGE], arena),
                             .from = value_text (values[FROM], arena),
                             .locale = value_text (values[LOCALE], arena),
                             .gateway_ref = value_text (values[GATEWAY_REF], arena),
                             .timestamp_json = values[SENT_TIMESTAMP] };
  if (message->from.p == NULL)
    message->from_json = values[FROM];
  if (barua_json_type (message->timestamp_json) == BARUA_JSON_ABSENT)
    message->timestamp_json = values[REPORTED_DATE];
}
