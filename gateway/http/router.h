/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/http/request.h"

G_BEGIN_DECLS

/**
 * BaruaBody:
 * @BARUA_BODY_NONE: a body is read and dropped
 * @BARUA_BODY_JSON: parsed when its type is JSON (or absent, in the document dialects), dropped
 * otherwise
 * @BARUA_BODY_FORM: parsed when its type is application/x-www-form-urlencoded
 * @BARUA_BODY_JSON_OR_FORM: both
 * @BARUA_BODY_JSON_OR_XML: JSON as above; kept as bytes when its type is application/xml, text/xml or
 * text/plain
 * @BARUA_BODY_RAW: kept as bytes whatever its type
 * @BARUA_BODY_SPOOL: the same, but larger ones go to a temporary file: ask for the kind. More than
 * the limit is `attachment_too_large`, the last parameter of the route is the reason
 *
 * What a route does with a request's body.
 */
typedef enum
{
  BARUA_BODY_NONE,
  BARUA_BODY_JSON,
  BARUA_BODY_FORM,
  BARUA_BODY_JSON_OR_FORM,
  BARUA_BODY_JSON_OR_XML,
  BARUA_BODY_RAW,
  BARUA_BODY_SPOOL,
} BaruaBody;

/**
 * BaruaRouteFlags:
 * @BARUA_ROUTE_JSON_STRICT: another media type than application/json is 400 (settings-and-forms.md
 * 0.3)
 * @BARUA_ROUTE_JSON_POSITION: malformed JSON is 400 `invalid JSON: line, column, reason`, not the
 * common 500
 * @BARUA_ROUTE_PROMPT: 401 always in the prompting text form (the settings endpoints,
 * settings-and-forms.md 0.1)
 * @BARUA_ROUTE_PERMISSIONS_TEXT: 403 says `Insufficient permissions` (settings PUT)
 * @BARUA_ROUTE_JSON_ERRORS: errors are JSON whatever `Accept` says
 * @BARUA_ROUTE_BARE_ERRORS: 400 and 403 are `{"error":text}`, without `code` (settings-and-forms.md
 * 6.1); to be used with @BARUA_ROUTE_JSON_ERRORS
 * @BARUA_ROUTE_GATEWAY_ERRORS: errors carry `message` for the gateway app (messaging.md 11 no. 14)
 * @BARUA_ROUTE_SLASH: the path with one more '/' at its end is the same route (messaging.md 11 no.
 * 1)
 * @BARUA_ROUTE_NO_REDIRECT: people get 401 with `not logged in` too, never a redirect
 * @BARUA_ROUTE_ONLINE: online users only (users.md 1); others get the 403 of a missing permission
 * @BARUA_ROUTE_ONLINE_DETAILS: the same, but offline users get the JSON 403 of users.md 1.1
 * @BARUA_ROUTE_ANONYMOUS: credentials are not even looked at, so that wrong ones cost nothing (public
 * routes that probes ask)
 * @BARUA_ROUTE_FORM: a form is taken from senders with a cookie too: for pages without script
 * @BARUA_ROUTE_ANY_ORIGIN: pages of any origin may send this: nothing is done with the cookie
 * @BARUA_ROUTE_DOCUMENT_NATIVE: errors and bodies of documents.md, native dialect
 * @BARUA_ROUTE_DOCUMENT_SEED: the same, seed dialect
 * @BARUA_ROUTE_JSON_LENIENT: malformed JSON counts as no body: the handler has words of its own
 * for it (contacts.md 6.1, 7)
 * @BARUA_ROUTE_DIRECT: plain requests are read and answered without libsoup (lane.h); the handler
 * answers in one piece, never with a stream
 */
typedef enum
{
  BARUA_ROUTE_PLAIN = 0,
  BARUA_ROUTE_JSON_STRICT = 1 << 0,
  BARUA_ROUTE_JSON_POSITION = 1 << 1,
  BARUA_ROUTE_PROMPT = 1 << 2,
  BARUA_ROUTE_PERMISSIONS_TEXT = 1 << 3,
  BARUA_ROUTE_JSON_ERRORS = 1 << 4,
  BARUA_ROUTE_GATEWAY_ERRORS = 1 << 5,
  BARUA_ROUTE_SLASH = 1 << 6,
  BARUA_ROUTE_NO_REDIRECT = 1 << 7,
  BARUA_ROUTE_DOCUMENT_NATIVE = 1 << 8,
  BARUA_ROUTE_DOCUMENT_SEED = 1 << 9,
  BARUA_ROUTE_ONLINE = 1 << 10,
  BARUA_ROUTE_ONLINE_DETAILS = 1 << 11,
  BARUA_ROUTE_ANONYMOUS = 1 << 12,
  BARUA_ROUTE_FORM = 1 << 13,
  BARUA_ROUTE_ANY_ORIGIN = 1 << 14,
  BARUA_ROUTE_JSON_LENIENT = 1 << 15,
  BARUA_ROUTE_DIRECT = 1 << 16,
  BARUA_ROUTE_BARE_ERRORS = 1 << 17,
} BaruaRouteFlags;

/** Called in the main thread; @app is what barua_server_new() got. Answers at once or keeps a
 * reference. */
typedef void (*BaruaHandler) (BaruaRequest *request, gpointer app);

/**
 * BaruaRoute:
 * @method: GET (which serves HEAD too), POST, PUT, DELETE, …
 * @path: begins with '/'; a segment may be `{name}`, the last one `{name...}` for one or more
 * segments
 * @permissions: (nullable): blank separated, all are needed, of `a|b` one; "" for any user; %NULL:
 * public (no 401 here, but good credentials are still recognised)
 * @max_body_bytes: after decompression; 0 for the server's limit
 * @before_auth: (nullable): a check that comes before authentication; goes on unless it answers, at
 * once
 *
 * One row of the route table, which ends with a row of %NULL.
 */
typedef struct
{
  const char *method;
  const char *path;
  const char *permissions;
  BaruaBody body;
  gsize max_body_bytes;
  BaruaRouteFlags flags;
  BaruaHandler handler;
  BaruaHandler before_auth;
} BaruaRoute;

/**
 * BaruaRouter:
 *
 * A route table made ready for look-ups. Immutable.
 */
typedef struct _BaruaRouter BaruaRouter;

/** @routes: (not nullable): must outlive the router. Two rows for the same thing are a programmer
 * mistake. */
BaruaRouter *barua_router_new (const BaruaRoute *routes);
void barua_router_free (BaruaRouter *router);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaRouter, barua_router_free)

/** Parameters a route may have. */
#define BARUA_ROUTE_MAX_PARAMS 6

/**
 * BaruaMatch:
 * @route: (nullable): the row; %NULL when the path is known but not with this method (then @allow),
 * or unknown
 * @allow: (nullable): the methods of the path for an Allow header, "GET, HEAD, POST"; %NULL:
 * unknown path
 * @flags: those of @route, or of some route of the path; decides the dialect of the error
 * @names: parameter names, borrowed from the table
 * @values: decoded values; free with barua_match_clear()
 */
typedef struct
{
  const BaruaRoute *route;
  char *allow;
  BaruaRouteFlags flags;
  guint n_params;
  BaruaText names[BARUA_ROUTE_MAX_PARAMS];
  char *values[BARUA_ROUTE_MAX_PARAMS];
} BaruaMatch;

void barua_match_clear (BaruaMatch *match);

/**
 * barua_router_match:
 * @path: undecoded, without the query
 * @match: (out caller-allocates): initialised by this function in any case
 *
 * Splits at '/' (repeated slashes count as one), then decodes each segment strictly. Literal
 * segments come before parameters.
 *
 * Returns: %FALSE when a segment has a bad escape, is no UTF-8 or holds a NUL: 400
 */
gboolean barua_router_match (BaruaRouter *router, const char *method, const char *path,
                             BaruaMatch *match);

G_END_DECLS
