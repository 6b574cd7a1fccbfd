/* SPDX-License-Identifier: MIT */

/* What clients read when something fails: one table, three dialects, JSON or text. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/errors.h"

#include "forms/json.h"

#include <string.h>

G_DEFINE_QUARK (barua_http_error, barua_http_error)

/* spec/messaging.md 1.3 (left), spec/documents.md 13 (right) */
static const BaruaHttpErrorInfo errors[BARUA_HTTP_N_ERRORS] = {
  [BARUA_HTTP_ERROR_BAD_REQUEST] = { 400, "Bad Request", 400, "bad_request", "Bad request" },
  [BARUA_HTTP_ERROR_CONTENT_TYPE] = { 400, "Content-Type must be application/json", 415,
                                      "bad_content_type", "Content-Type must be application/json" },
  [BARUA_HTTP_ERROR_JSON] = { 400, "invalid JSON", 400, "bad_request", "invalid UTF-8 JSON" },
  [BARUA_HTTP_ERROR_UNAUTHORIZED]
  = { 401, "unauthorized", 401, "unauthorized", "You are not authorized to access this db." },
  [BARUA_HTTP_ERROR_FORBIDDEN]
  = { 403, "Insufficient privileges", 403, "forbidden", "You are not allowed to access this db." },
  [BARUA_HTTP_ERROR_NOT_FOUND] = { 404, "Not Found", 404, "not_found", "missing" },
  [BARUA_HTTP_ERROR_METHOD_NOT_ALLOWED]
  = { 405, "Method Not Allowed", 405, "method_not_allowed", "Method not allowed" },
  [BARUA_HTTP_ERROR_CONFLICT]
  = { 409, "Document update conflict.", 409, "conflict", "Document update conflict." },
  [BARUA_HTTP_ERROR_PAYLOAD_TOO_LARGE]
  = { 413, "Payload Too Large", 413, "too_large", "the request entity is too large" },
  [BARUA_HTTP_ERROR_URI_TOO_LONG]
  = { 414, "URI Too Long", 414, "bad_request", "The request target is too long" },
  [BARUA_HTTP_ERROR_HEAD_TOO_LARGE] = { 431, "Request Header Fields Too Large", 431, "bad_request",
                                        "The request header is too large" },
  [BARUA_HTTP_ERROR_TOO_MANY_REQUESTS]
  = { 429, "Too Many Requests", 429, "too_many_requests", "Too many failed logins" },
  [BARUA_HTTP_ERROR_SERVER] = { 500, "Server error", 500, "internal_error", "Server error" },
  [BARUA_HTTP_ERROR_BODY] = { 500, "Server error", 400, "bad_request", "invalid UTF-8 JSON" },
  [BARUA_HTTP_ERROR_ENCODING]
  = { 500, "Server error", 415, "bad_content_type", "Content-Encoding must be gzip or deflate" },
  [BARUA_HTTP_ERROR_UNAVAILABLE]
  = { 503, "Service Unavailable", 503, "timeout",
      "The request could not be processed in a reasonable amount of time.", "5" },
  [BARUA_HTTP_ERROR_DOC_VALIDATION]
  = { 400, "Bad Request", 400, "doc_validation", "Bad special document member" },
  [BARUA_HTTP_ERROR_ILLEGAL_DOCID] = { 400, "Bad Request", 400, "illegal_docid",
                                       "Only reserved document ids may start with underscore." },
  [BARUA_HTTP_ERROR_ILLEGAL_DATABASE_NAME]
  = { 400, "Bad Request", 400, "illegal_database_name", "Illegal database name" },
  [BARUA_HTTP_ERROR_QUERY_PARSE]
  = { 400, "Bad Request", 400, "query_parse_error", "Invalid query parameter" },
  [BARUA_HTTP_ERROR_FILE_EXISTS]
  = { 412, "Precondition Failed", 412, "file_exists",
      "The database could not be created, the file already exists." },
  [BARUA_HTTP_ERROR_MISSING_STUB]
  = { 412, "Precondition Failed", 412, "missing_stub", "Invalid attachment stub" },
  [BARUA_HTTP_ERROR_DOCUMENT_TOO_LARGE]
  = { 413, "Payload Too Large", 413, "document_too_large", "The document is too large" },
  [BARUA_HTTP_ERROR_ATTACHMENT_TOO_LARGE]
  = { 413, "Payload Too Large", 413, "attachment_too_large", "The attachment is too large" },
  [BARUA_HTTP_ERROR_MISSING_REV]
  = { 409, "Document update conflict.", 409, "not_found", "missing_rev" },
  [BARUA_HTTP_ERROR_BAD_CONTENT_TYPE] = { 415, "Unsupported Media Type", 415, "bad_content_type",
                                          "Content-Type must be application/json" },
  [BARUA_HTTP_ERROR_RANGE] = { 416, "Range Not Satisfiable", 416, "requested_range_not_satisfiable",
                               "Requested range not satisfiable" },
  [BARUA_HTTP_ERROR_NOT_IMPLEMENTED]
  = { 501, "Not Implemented", 501, "not_implemented", "this feature is not yet implemented" },
  [BARUA_HTTP_ERROR_INSUFFICIENT_STORAGE]
  = { 503, "Service Unavailable", 507, "insufficient_storage", "The disk is full.", "5" },
  [BARUA_HTTP_ERROR_INVALID_OPERATOR]
  = { 400, "Bad Request", 400, "invalid_operator", "Invalid operator" },
};

const BaruaHttpErrorInfo *
barua_http_error_info (BaruaHttpErrorCode code)
{
  guint row = (guint)code < BARUA_HTTP_N_ERRORS ? (guint)code : BARUA_HTTP_ERROR_SERVER;

  return &errors[row];
}

/* Cuts white space from both ends. */
static BaruaText
trimmed (const char *start, const char *end)
{
  while (start < end && g_ascii_isspace (*start))
    start++;
  while (end > start && g_ascii_isspace (end[-1]))
    end--;
  return (BaruaText){ start, end - start };
}

static gboolean
is_word (BaruaText text, const char *word)
{
  return text.n == strlen (word) && g_ascii_strncasecmp (text.p, word, text.n) == 0;
}

/* The quality in thousandths of the parameters after a media range; 1000 when there is none. */
static int
quality (const char *start, const char *end)
{
  for (const char *at = start; at < end;)
    {
      const char *stop = memchr (at, ';', end - at);
      BaruaText parameter = trimmed (at, stop != NULL ? stop : end);

      at = stop != NULL ? stop + 1 : end;
      if (parameter.n < 3 || g_ascii_tolower (parameter.p[0]) != 'q' || parameter.p[1] != '=')
        continue;
      int thousandths = parameter.p[2] == '1' ? 1000 : 0;
      if (thousandths == 0 && parameter.n > 3 && parameter.p[3] == '.')
        for (gsize i = 4, weight = 100; i < parameter.n && weight > 0; i++, weight /= 10)
          if (g_ascii_isdigit (parameter.p[i]))
            thousandths += (parameter.p[i] - '0') * (int)weight;
      return thousandths;
    }
  return 1000;
}

/* How well the header fits one type: its most specific range decides, whatever the quality. */
typedef struct
{
  int specificity; /* 0: nothing seen yet */
  int quality;
  guint position; /* in the header, from 1 */
} Fit;

static void
fit_range (Fit *fit, BaruaText range, const char *type, const char *family, int q, guint position)
{
  int specificity = is_word (range, type)     ? 3
                    : is_word (range, family) ? 2
                    : is_word (range, "*/*")  ? 1
                                              : 0;

  if (specificity > fit->specificity)
    *fit = (Fit){ specificity, q, position };
}

/* JSON strictly better: by quality, then by specificity, then by the order of the client. */
static gboolean
is_better (const Fit *json, const Fit *text)
{
  if (json->quality != text->quality)
    return json->quality > text->quality;
  if (json->quality == 0)
    return FALSE;
  if (json->specificity != text->specificity)
    return json->specificity > text->specificity;
  return json->position < text->position;
}

gboolean
barua_http_wants_json (const char *accept)
{
  Fit json = { 0 }, text = { 0 };
  guint position = 0;

  if (accept == NULL)
    return FALSE;
  for (const char *at = accept; *at != '\0';)
    {
      gsize length = strcspn (at, ",");
      const char *end = at + length;
      const char *parameters = memchr (at, ';', length);
      BaruaText range = trimmed (at, parameters != NULL ? parameters : end);
      int q = parameters != NULL ? quality (parameters + 1, end) : 1000;

      position++;
      fit_range (&json, range, "application/json", "application/*", q, position);
      fit_range (&text, range, "text/plain", "text/*", q, position);
      at = *end == ',' ? end + 1 : end;
    }
  return is_better (&json, &text);
}

gboolean
barua_http_is_gateway (const char *user_agent)
{
  return user_agent != NULL && strstr (user_agent, "medic.gateway") != NULL;
}

gboolean
barua_http_is_human (const char *user_agent)
{
  if (user_agent == NULL || *user_agent == '\0' || strstr (user_agent, ".collect.android") != NULL)
    return FALSE;
  return !g_str_has_prefix (user_agent, "Dalvik/") || !barua_http_is_gateway (user_agent);
}

/* The dialects of documents.md 2.1. */
static void
append_document_json (GString *out, BaruaHttpDialect dialect, const BaruaHttpErrorInfo *info,
                      const char *message)
{
  g_string_append_c (out, '{');
  if (dialect == BARUA_DIALECT_SEED)
    g_string_append_printf (out, "\"status\":%u,", info->doc_status);
  g_string_append (out, "\"error\":");
  barua_json_append_string (out, barua_text (info->doc_error));
  g_string_append (out, ",\"reason\":");
  barua_json_append_string (out, barua_text (message != NULL ? message : info->doc_reason));
  g_string_append (out, "}\n");
}

void
barua_http_error_append_json (GString *out, BaruaHttpDialect dialect, BaruaHttpErrorCode code,
                              const char *message, const char *error_json, const char *details_json,
                              gboolean with_message)
{
  const BaruaHttpErrorInfo *info = barua_http_error_info (code);
  BaruaText text = barua_text (message != NULL ? message : info->text);

  if (dialect != BARUA_DIALECT_API)
    {
      append_document_json (out, dialect, info, message);
      return;
    }
  g_string_append_printf (out, "{\"code\":%u,\"error\":", info->status);
  if (error_json != NULL)
    g_string_append (out, error_json);
  else
    barua_json_append_string (out, text);
  if (details_json != NULL)
    g_string_append_printf (out, ",\"details\":%s", details_json);
  if (with_message && error_json == NULL)
    {
      g_string_append (out, ",\"message\":");
      barua_json_append_string (out, text);
    }
  g_string_append_c (out, '}');
}

void
barua_http_error_append_text (GString *out, BaruaHttpErrorCode code, const char *message,
                              const char *error_json, const char *details_json)
{
  BaruaJson object = BARUA_JSON_NONE;
  g_autofree char *inner = NULL;

  if (error_json != NULL && barua_json_read (error_json, -1, &object, NULL))
    inner = barua_json_string (barua_json_member (object, "message"), NULL);
  if (inner != NULL)
    message = inner;
  g_string_append (out, message != NULL ? message : barua_http_error_info (code)->text);
  if (details_json != NULL)
    g_string_append_printf (out, ": %s", details_json);
}
