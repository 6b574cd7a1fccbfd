/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define BARUA_PARSER_ERROR (barua_parser_error_quark ())
GQuark barua_parser_error_quark (void);

/**
 * BaruaParserError:
 * @BARUA_PARSER_ERROR_MISSING_FROM: "Missing required value: from"
 * @BARUA_PARSER_ERROR_MISSING_MESSAGE: "Missing required field: message"
 * @BARUA_PARSER_ERROR_MISSING_META: "Missing _meta property."
 * @BARUA_PARSER_ERROR_MISSING_FORM: "Missing required field: form"
 * @BARUA_PARSER_ERROR_FORM_NOT_FOUND: "Form not found: CODE"
 * @BARUA_PARSER_ERROR_TOO_LONG: "message is longer than 65536 bytes"
 *
 * Why no record was made (parsing.md section 2); the message is the text on the wire.
 */
typedef enum
{
  BARUA_PARSER_ERROR_MISSING_FROM,
  BARUA_PARSER_ERROR_MISSING_MESSAGE,
  BARUA_PARSER_ERROR_MISSING_META,
  BARUA_PARSER_ERROR_MISSING_FORM,
  BARUA_PARSER_ERROR_FORM_NOT_FOUND,
  BARUA_PARSER_ERROR_TOO_LONG,
} BaruaParserError;

/** Bytes of UTF-8 in one message (parsing.md section 12). */
#define BARUA_MESSAGE_MAX_BYTES (64u * 1024u)

/** Components or values that are read from one message (parsing.md section 12). */
#define BARUA_MESSAGE_MAX_VALUES 1000u

G_END_DECLS
