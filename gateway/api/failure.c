/* SPDX-License-Identifier: MIT */

/* What failures of the layers below mean to a client. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/failure.h"

#include "forms/error.h"
#include "gateway/rules/account.h"
#include "gateway/rules/contacts.h"
#include "gateway/store/store.h"
#include "parser/error.h"

/* How the text of the failure is told. */
typedef enum
{
  TELL_NOTHING,
  TELL_MESSAGE, /* as the error's own text */
  TELL_REASON,  /* as a public reason: `details` (messaging.md 1.3) */
  TELL_OBJECT,  /* as `error`, which is an object: the error's own text */
} Tell;

typedef struct
{
  GQuark (*domain) (void);
  int code;
  BaruaHttpErrorCode api;
  Tell tell;
  BaruaHttpErrorCode document;
  const char *document_reason; /* NULL: the table's of http/errors.c; "": the error's own */
} Failure;

/* clang-format off */
static const Failure failures[] = {
  { barua_parser_error_quark, BARUA_PARSER_ERROR_MISSING_FROM, BARUA_HTTP_ERROR_SERVER, TELL_REASON, BARUA_HTTP_ERROR_SERVER, NULL },
  { barua_parser_error_quark, BARUA_PARSER_ERROR_MISSING_MESSAGE, BARUA_HTTP_ERROR_SERVER, TELL_REASON, BARUA_HTTP_ERROR_SERVER, NULL },
  { barua_parser_error_quark, BARUA_PARSER_ERROR_MISSING_META, BARUA_HTTP_ERROR_SERVER, TELL_REASON, BARUA_HTTP_ERROR_SERVER, NULL },
  { barua_parser_error_quark, BARUA_PARSER_ERROR_MISSING_FORM, BARUA_HTTP_ERROR_SERVER, TELL_REASON, BARUA_HTTP_ERROR_SERVER, NULL },
  { barua_parser_error_quark, BARUA_PARSER_ERROR_FORM_NOT_FOUND, BARUA_HTTP_ERROR_SERVER, TELL_REASON, BARUA_HTTP_ERROR_SERVER, NULL },
  { barua_parser_error_quark, BARUA_PARSER_ERROR_TOO_LONG, BARUA_HTTP_ERROR_PAYLOAD_TOO_LARGE, TELL_NOTHING, BARUA_HTTP_ERROR_PAYLOAD_TOO_LARGE, NULL },
  { barua_forms_error_quark, BARUA_FORMS_ERROR_JSON, BARUA_HTTP_ERROR_JSON, TELL_MESSAGE, BARUA_HTTP_ERROR_BAD_REQUEST, NULL },
  { barua_forms_error_quark, BARUA_FORMS_ERROR_SHAPE, BARUA_HTTP_ERROR_BAD_REQUEST, TELL_MESSAGE, BARUA_HTTP_ERROR_BAD_REQUEST, NULL },
  { barua_contacts_error_quark, BARUA_CONTACTS_ERROR_INVALID, BARUA_HTTP_ERROR_BAD_REQUEST, TELL_MESSAGE, BARUA_HTTP_ERROR_BAD_REQUEST, "" },
  { barua_contacts_error_quark, BARUA_CONTACTS_ERROR_NOT_FOUND, BARUA_HTTP_ERROR_NOT_FOUND, TELL_MESSAGE, BARUA_HTTP_ERROR_NOT_FOUND, "" },
  { barua_contacts_error_quark, BARUA_CONTACTS_ERROR_FORBIDDEN, BARUA_HTTP_ERROR_FORBIDDEN, TELL_NOTHING, BARUA_HTTP_ERROR_FORBIDDEN, NULL },
  { barua_contacts_error_quark, BARUA_CONTACTS_ERROR_RECURSION, BARUA_HTTP_ERROR_SERVER, TELL_NOTHING, BARUA_HTTP_ERROR_SERVER, NULL },
  { barua_contacts_error_quark, BARUA_CONTACTS_ERROR_TOO_LARGE, BARUA_HTTP_ERROR_PAYLOAD_TOO_LARGE, TELL_NOTHING, BARUA_HTTP_ERROR_PAYLOAD_TOO_LARGE, NULL },
  { barua_account_error_quark, BARUA_ACCOUNT_ERROR_REFUSED, BARUA_HTTP_ERROR_BAD_REQUEST, TELL_OBJECT, BARUA_HTTP_ERROR_BAD_REQUEST, NULL },
  { barua_account_error_quark, BARUA_ACCOUNT_ERROR_FIELDS, BARUA_HTTP_ERROR_BAD_REQUEST, TELL_OBJECT, BARUA_HTTP_ERROR_BAD_REQUEST, NULL },
  { barua_account_error_quark, BARUA_ACCOUNT_ERROR_PLAIN, BARUA_HTTP_ERROR_BAD_REQUEST, TELL_MESSAGE, BARUA_HTTP_ERROR_BAD_REQUEST, NULL },
  { barua_account_error_quark, BARUA_ACCOUNT_ERROR_FORBIDDEN, BARUA_HTTP_ERROR_FORBIDDEN, TELL_MESSAGE, BARUA_HTTP_ERROR_FORBIDDEN, NULL },
  { barua_account_error_quark, BARUA_ACCOUNT_ERROR_NOT_FOUND, BARUA_HTTP_ERROR_NOT_FOUND, TELL_MESSAGE, BARUA_HTTP_ERROR_NOT_FOUND, NULL },
  { barua_account_error_quark, BARUA_ACCOUNT_ERROR_TAKEN, BARUA_HTTP_ERROR_CONFLICT, TELL_NOTHING, BARUA_HTTP_ERROR_CONFLICT, NULL },
  { barua_store_error_quark, BARUA_STORE_ERROR_NOT_FOUND, BARUA_HTTP_ERROR_NOT_FOUND, TELL_NOTHING, BARUA_HTTP_ERROR_NOT_FOUND, "missing" },
  { barua_store_error_quark, BARUA_STORE_ERROR_DELETED, BARUA_HTTP_ERROR_NOT_FOUND, TELL_NOTHING, BARUA_HTTP_ERROR_NOT_FOUND, "deleted" },
  { barua_store_error_quark, BARUA_STORE_ERROR_CONFLICT, BARUA_HTTP_ERROR_CONFLICT, TELL_NOTHING, BARUA_HTTP_ERROR_CONFLICT, NULL },
  { barua_store_error_quark, BARUA_STORE_ERROR_INVALID_REV, BARUA_HTTP_ERROR_BAD_REQUEST, TELL_NOTHING, BARUA_HTTP_ERROR_BAD_REQUEST, "Invalid rev format" },
  { barua_store_error_quark, BARUA_STORE_ERROR_INVALID, BARUA_HTTP_ERROR_BAD_REQUEST, TELL_MESSAGE, BARUA_HTTP_ERROR_ILLEGAL_DOCID, "" },
  { barua_store_error_quark, BARUA_STORE_ERROR_MISSING_STUB, BARUA_HTTP_ERROR_BAD_REQUEST, TELL_MESSAGE, BARUA_HTTP_ERROR_MISSING_STUB, "" },
  { barua_store_error_quark, BARUA_STORE_ERROR_EXISTS, BARUA_HTTP_ERROR_CONFLICT, TELL_NOTHING, BARUA_HTTP_ERROR_FILE_EXISTS, NULL },
  { barua_store_error_quark, BARUA_STORE_ERROR_FORBIDDEN, BARUA_HTTP_ERROR_FORBIDDEN, TELL_NOTHING, BARUA_HTTP_ERROR_FORBIDDEN, "This database cannot be removed." },
  { barua_store_error_quark, BARUA_STORE_ERROR_BUSY, BARUA_HTTP_ERROR_UNAVAILABLE, TELL_NOTHING, BARUA_HTTP_ERROR_UNAVAILABLE, NULL },
  { barua_store_error_quark, BARUA_STORE_ERROR_FULL, BARUA_HTTP_ERROR_UNAVAILABLE, TELL_NOTHING, BARUA_HTTP_ERROR_INSUFFICIENT_STORAGE, NULL },
  { barua_store_error_quark, BARUA_STORE_ERROR_FAILED, BARUA_HTTP_ERROR_UNAVAILABLE, TELL_NOTHING, BARUA_HTTP_ERROR_UNAVAILABLE, NULL },
};
/* clang-format on */

static const Failure *
find_failure (const GError *error)
{
  for (gsize i = 0; i < G_N_ELEMENTS (failures); i++)
    if (error->domain == failures[i].domain () && error->code == failures[i].code)
      return &failures[i];
  return NULL;
}

/* Whether somebody has to look at the machine. */
static gboolean
is_our_trouble (const GError *error)
{
  return g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_FULL)
         || g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_FAILED);
}

void
barua_api_fail (BaruaRequest *request, const GError *error)
{
  const Failure *failure = find_failure (error);

  if (is_our_trouble (error))
    barua_request_warn (request, error->message);
  if (failure == NULL)
    barua_request_fail_error (request, error);
  else if (failure->tell == TELL_REASON)
    barua_request_fail_reason (request, error->message);
  else if (failure->tell == TELL_OBJECT)
    barua_request_fail_object (request, failure->api, error->message, NULL);
  else
    barua_request_fail (request, failure->api,
                        failure->tell == TELL_MESSAGE ? error->message : NULL, NULL);
}

void
barua_api_append_failure (GString *out, const GError *error)
{
  const Failure *failure = find_failure (error);
  const char *text = barua_http_error_info (BARUA_HTTP_ERROR_SERVER)->text;

  if (is_our_trouble (error) || (failure == NULL && error->domain != BARUA_HTTP_ERROR))
    g_warning ("%s", error->message);
  if (failure != NULL && failure->tell == TELL_OBJECT)
    {
      g_string_append (out, error->message);
      return;
    }
  if (failure != NULL)
    text = failure->tell == TELL_MESSAGE ? error->message
                                         : barua_http_error_info (failure->api)->text;
  else if (error->domain == BARUA_HTTP_ERROR)
    text = error->message;
  barua_json_append_string (out, barua_text (text));
}

void
barua_api_fail_document (BaruaRequest *request, const GError *error)
{
  const Failure *failure = find_failure (error);

  if (is_our_trouble (error))
    barua_request_warn (request, error->message);
  if (failure == NULL)
    barua_request_fail_error (request, error);
  else
    {
      gboolean is_own = failure->document_reason != NULL && *failure->document_reason == '\0';
      barua_request_fail (request, failure->document,
                          is_own ? error->message : failure->document_reason, NULL);
    }
}
