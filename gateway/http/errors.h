/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define BARUA_HTTP_ERROR (barua_http_error_quark ())
GQuark barua_http_error_quark (void);

/**
 * BaruaHttpErrorCode:
 *
 * What can go wrong with a request, one code for each row of spec/messaging.md 1.3 and of the
 * catalogue in spec/documents.md 13. A #GError of %BARUA_HTTP_ERROR has one of these codes; its
 * message is what the client reads, never an internal detail.
 */
typedef enum
{
  BARUA_HTTP_ERROR_BAD_REQUEST,
  BARUA_HTTP_ERROR_CONTENT_TYPE, /* the route wants JSON, another type was given */
  BARUA_HTTP_ERROR_JSON,         /* unparsable body where the position is told (400) */
  BARUA_HTTP_ERROR_UNAUTHORIZED, /* no or bad credentials */
  BARUA_HTTP_ERROR_FORBIDDEN,    /* permission missing */
  BARUA_HTTP_ERROR_NOT_FOUND,
  BARUA_HTTP_ERROR_METHOD_NOT_ALLOWED, /* needs an Allow header: barua_request_add_header() before
                                        */
  BARUA_HTTP_ERROR_CONFLICT,
  BARUA_HTTP_ERROR_PAYLOAD_TOO_LARGE,
  BARUA_HTTP_ERROR_URI_TOO_LONG,
  BARUA_HTTP_ERROR_HEAD_TOO_LARGE, /* the fields of the header */
  BARUA_HTTP_ERROR_TOO_MANY_REQUESTS,
  BARUA_HTTP_ERROR_SERVER,      /* any unexpected failure; details = the public reason */
  BARUA_HTTP_ERROR_BODY,        /* unparsable body, bad gzip, unknown charset: 500 in /api/ */
  BARUA_HTTP_ERROR_ENCODING,    /* unknown Content-Encoding: 500 in /api/ */
  BARUA_HTTP_ERROR_UNAVAILABLE, /* queue full, commit failed, disk full, memory for bodies spent */
  /* the document dialects only */
  BARUA_HTTP_ERROR_DOC_VALIDATION,
  BARUA_HTTP_ERROR_ILLEGAL_DOCID,
  BARUA_HTTP_ERROR_ILLEGAL_DATABASE_NAME,
  BARUA_HTTP_ERROR_QUERY_PARSE,
  BARUA_HTTP_ERROR_FILE_EXISTS,
  BARUA_HTTP_ERROR_MISSING_STUB,
  BARUA_HTTP_ERROR_DOCUMENT_TOO_LARGE,
  BARUA_HTTP_ERROR_ATTACHMENT_TOO_LARGE,
  BARUA_HTTP_ERROR_MISSING_REV,
  BARUA_HTTP_ERROR_BAD_CONTENT_TYPE,
  BARUA_HTTP_ERROR_RANGE,
  BARUA_HTTP_ERROR_NOT_IMPLEMENTED,
  BARUA_HTTP_ERROR_INSUFFICIENT_STORAGE,
  BARUA_HTTP_ERROR_INVALID_OPERATOR,
  BARUA_HTTP_N_ERRORS
} BaruaHttpErrorCode;

/**
 * BaruaHttpErrorInfo:
 * @status: HTTP status below /api/ and elsewhere outside the document API
 * @text: the `error` member, or the whole text body
 * @doc_status: HTTP status in the document dialects
 * @doc_error: their `error` member
 * @doc_reason: their `reason` member when the failure names none
 * @retry_after: (nullable): value of `Retry-After`
 */
typedef struct
{
  guint status;
  const char *text;
  guint doc_status;
  const char *doc_error;
  const char *doc_reason;
  const char *retry_after;
} BaruaHttpErrorInfo;

/** The row of @code; the row of %BARUA_HTTP_ERROR_SERVER for a number that is no code. */
const BaruaHttpErrorInfo *barua_http_error_info (BaruaHttpErrorCode code);

/**
 * BaruaHttpDialect:
 * @BARUA_DIALECT_API: `{"code","error","details"}` or text, by `Accept`
 * @BARUA_DIALECT_NATIVE: `{"error","reason"}`
 * @BARUA_DIALECT_SEED: `{"status","error","reason"}`
 */
typedef enum
{
  BARUA_DIALECT_API,
  BARUA_DIALECT_NATIVE,
  BARUA_DIALECT_SEED,
} BaruaHttpDialect;

/**
 * barua_http_wants_json:
 * @accept: (nullable): the Accept header, repeated ones joined with commas
 *
 * Returns: whether errors are to be JSON: among text/plain and application/json the latter is
 * strictly the better match (spec/messaging.md 1.2)
 */
gboolean barua_http_wants_json (const char *accept);

/** Whether a person may be behind this User-Agent, so that a login page helps
 * (spec/messaging.md 1.3). */
gboolean barua_http_is_human (const char *user_agent);

/** Whether this User-Agent is the Android gateway app. */
gboolean barua_http_is_gateway (const char *user_agent);

/**
 * barua_http_error_append_json:
 * @out: what is appended to
 * @message: (nullable): instead of the text of the table
 * @error_json: (nullable): a JSON object to stand in `error` instead of a string (API dialect)
 * @details_json: (nullable): any JSON value (API dialect)
 * @with_message: also a member `message` (spec/messaging.md 11 no. 14)
 */
void barua_http_error_append_json (GString *out, BaruaHttpDialect dialect, BaruaHttpErrorCode code,
                                   const char *message, const char *error_json,
                                   const char *details_json, gboolean with_message);

/** The text form of the same, API dialect. */
void barua_http_error_append_text (GString *out, BaruaHttpErrorCode code, const char *message,
                                   const char *error_json, const char *details_json);

G_END_DECLS
