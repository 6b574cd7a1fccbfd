/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"
#include "gateway/http/auth.h"
#include "gateway/http/errors.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * BaruaRequest:
 *
 * One HTTP request on its way through a handler. Counted; main thread only. A handler that answers
 * later keeps a reference; it must answer exactly once, also when the client has gone (the answer
 * is then dropped). Every borrowed text lives as long as the request.
 */
typedef struct _BaruaRequest BaruaRequest;

BaruaRequest *barua_request_ref (BaruaRequest *request);
void barua_request_unref (BaruaRequest *request);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaRequest, barua_request_unref)

/** A number unique in this process, for logs. */
guint64 barua_request_id (BaruaRequest *request);

/** Warns in the log of what went wrong with a request on our side, with its number and its route; @text goes through
 * barua_log_mask(). The path is not told: it may hold a phone number or a token. */
void barua_request_warn (BaruaRequest *request, const char *text);

/** GET for a HEAD request: handlers need not tell them apart. */
const char *barua_request_method (BaruaRequest *request);

/** The path as sent, undecoded, without the query. */
const char *barua_request_path (BaruaRequest *request);

/** Path and query as sent. */
const char *barua_request_target (BaruaRequest *request);

/** (nullable): the decoded value of `{name}` in the route's path; decoded rest segments are joined
 * with '/'. */
const char *barua_request_param (BaruaRequest *request, const char *name);

/** (nullable): the value of a query parameter; the last one of several; "" for one without '='. */
const char *barua_request_query (BaruaRequest *request, const char *name);

/** How many query parameters there are, and the one at @index in the order sent; @value may be
 * NULL. */
guint barua_request_n_query (BaruaRequest *request);
const char *barua_request_query_at (BaruaRequest *request, guint index, const char **value);

/** (nullable): a request header; repeated ones joined with ", ". */
const char *barua_request_header (BaruaRequest *request, const char *name);

/** (nullable): the User-Agent. */
const char *barua_request_user_agent (BaruaRequest *request);

/** The client's address as text; that of X-Forwarded-For's last entry behind a trusted proxy. */
const char *barua_request_address (BaruaRequest *request);

/** (nullable) (transfer none): who sent it; %NULL on public routes without good credentials. */
BaruaUser *barua_request_user (BaruaRequest *request);

/** Whether the user has @permission (`_admin` always). */
gboolean barua_request_may (BaruaRequest *request, const char *permission);

/** Whether the user is an online one (users.md 1; `_admin` always); %FALSE without a user. */
gboolean barua_request_is_online (BaruaRequest *request);

/** (transfer none): the settings snapshot taken when the request was dispatched. */
gpointer barua_request_settings (BaruaRequest *request);

/** Whether the client has gone: an answer would go nowhere. */
gboolean barua_request_is_finished (BaruaRequest *request);

/** (nullable): the token of the session cookie that came with the request, good or not. */
const char *barua_request_session (BaruaRequest *request);

/** Whether the client is on this machine, and no proxy speaks for somebody else. */
gboolean barua_request_is_local (BaruaRequest *request);

/** Whether the client's connection is encrypted: by the word of a trusted proxy (X-Forwarded-Proto), else because
 * it is ours. */
gboolean barua_request_is_secure (BaruaRequest *request);

/** (transfer full) (nullable): `https://host`, from X-Forwarded-Proto and X-Forwarded-Host of a
 * trusted proxy, else from Host; %NULL without one, or for one that is no host and port. */
char *barua_request_origin (BaruaRequest *request);

/** Whether a page of another site made the browser send this: there is an Origin header, and it is
 * not our host, or not https where we are (users.md 10 no. 12). */
gboolean barua_request_is_foreign (BaruaRequest *request);

/* The body. */

/**
 * BaruaBodyKind:
 *
 * What the body really was; a route that takes several kinds asks.
 */
typedef enum
{
  BARUA_BODY_KIND_NONE, /* no body, or one of a type the route does not read */
  BARUA_BODY_KIND_JSON,
  BARUA_BODY_KIND_FORM,
  BARUA_BODY_KIND_RAW,
  BARUA_BODY_KIND_MULTIPART, /* a document before its attachments: see barua_request_parts() */
  BARUA_BODY_KIND_FILE, /* %BARUA_BODY_SPOOL: too large for memory, see barua_request_body_fd() */
} BaruaBodyKind;

BaruaBodyKind barua_request_body_kind (BaruaRequest *request);

/** (transfer none) (nullable) (element-type BaruaPart): for %BARUA_BODY_KIND_MULTIPART: all parts;
 * the first one is what barua_request_json() has. */
const GArray *barua_request_parts (BaruaRequest *request);

/** (transfer none) (nullable): the bytes of the body, decompressed; %NULL when there are none. */
GBytes *barua_request_body (BaruaRequest *request);

/** Bytes of the body, decompressed, in memory or in a file. */
guint64 barua_request_body_length (BaruaRequest *request);

/** The unlinked temporary file with the body, at its beginning; -1 unless its kind is
 * %BARUA_BODY_KIND_FILE. The request closes it. */
int barua_request_body_fd (BaruaRequest *request);

/** (transfer full): the same; the caller closes it. */
int barua_request_steal_body_fd (BaruaRequest *request);

/** The validated JSON body, borrowed from the bytes; `{}` for an empty body of JSON type; absent
 * otherwise. */
BaruaJson barua_request_json (BaruaRequest *request);

/** (nullable): a value of a form body; the last one of several. */
const char *barua_request_form (BaruaRequest *request, const char *name);

/** How many pairs a form body has, and the one at @index in the order sent; @value may be NULL. */
guint barua_request_n_form (BaruaRequest *request);
const char *barua_request_form_at (BaruaRequest *request, guint index, const char **value);

/* The answer: exactly one of these. */

/** Whether the client takes gzip: for a handler that has its body in both codings. */
gboolean barua_request_takes_gzip (BaruaRequest *request);

/** Adds a header to the answer that follows. Values with line breaks are dropped. */
void barua_request_add_header (BaruaRequest *request, const char *name, const char *value);

/**
 * barua_request_reply:
 * @content_type: (nullable): %NULL for no body
 * @body: (transfer full) (nullable)
 *
 * Bodies from 1 KiB are compressed when the client asks for it.
 */
void barua_request_reply (BaruaRequest *request, guint status, const char *content_type,
                          GBytes *body);

/** `text/plain`, a copy of @text. */
void barua_request_reply_text (BaruaRequest *request, guint status, const char *text);

/** `application/json; charset=utf-8`; in the document dialects `application/json`. @json: (transfer
 * full). */
void barua_request_reply_json (BaruaRequest *request, guint status, GString *json);

/** The same for a text that lives for ever; @json is not copied. */
void barua_request_reply_static_json (BaruaRequest *request, guint status, const char *json);

/**
 * barua_request_fail:
 * @message: (nullable): instead of the table's text; for the client's eyes
 * @details_json: (nullable): any JSON value, for `details`
 *
 * Answers the error in the dialect of the route and the form the client reads.
 */
void barua_request_fail (BaruaRequest *request, BaruaHttpErrorCode code, const char *message,
                         const char *details_json);

/** The same with a JSON object as `error`; its `message` member alone is the text form (API
 * dialect). */
void barua_request_fail_object (BaruaRequest *request, BaruaHttpErrorCode code,
                                const char *error_json, const char *details_json);

/** 500 with a public reason: `details` is @reason as a JSON string (spec/messaging.md 1.3). */
void barua_request_fail_reason (BaruaRequest *request, const char *reason);

/**
 * barua_request_fail_error:
 * @error: (transfer none): of %BARUA_HTTP_ERROR: its code and message; of any other domain: 500
 * without a word of
 *   @error, which is logged
 */
void barua_request_fail_error (BaruaRequest *request, const GError *error);

G_END_DECLS
