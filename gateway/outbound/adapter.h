/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/arena.h"
#include "gateway/rules/messages.h"

G_BEGIN_DECLS

/* Carriers to whom messages are pushed (messaging.md 7). An adapter knows how its carrier wants to be asked and
 * what its answers mean; it does no I/O. */

/**
 * BaruaOutboundRequest:
 * @url: (not nullable): with its query
 * @header: name of the header that holds the secret
 * @secret: its value; not for logs
 * @content_type: (nullable): %NULL without a body
 * @body: (nullable)
 *
 * One HTTP request; its texts belong to the arena it was made with, or live for ever.
 */
typedef struct
{
  const char *method;
  const char *url;
  const char *header;
  const char *secret;
  const char *content_type;
  const char *body;
} BaruaOutboundRequest;

/**
 * BaruaOutboundAnswer:
 * @was_sent: something of the request may have reached the carrier
 * @status: of HTTP; 0: there was no answer
 * @body: valid JSON, or absent: there was none, it ended early, or it is no JSON
 * @retry_after_s: what a `Retry-After` said, in seconds; 0 without one
 *
 * What came back.
 */
typedef struct
{
  gboolean was_sent;
  guint status;
  BaruaJson body;
  guint retry_after_s;
} BaruaOutboundAnswer;

/**
 * BaruaSendVerdict:
 * @BARUA_SEND_DONE: the carrier took the message, or refused it for good: @state says which
 * @BARUA_SEND_LATER: it was certainly not sent; the same message may be tried again
 * @BARUA_SEND_UNKNOWN: it may have been sent, nobody knows
 *
 * What became of a message.
 */
typedef enum
{
  BARUA_SEND_DONE,
  BARUA_SEND_LATER,
  BARUA_SEND_UNKNOWN,
} BaruaSendVerdict;

/**
 * BaruaSendResult:
 * @state: with %BARUA_SEND_DONE
 * @details: (nullable): for `state_details`, or why not; a text
 * @reference: (nullable): the carrier's id of the message
 * @is_trouble: the next message would fare alike: wait before it
 * @is_quoted: @details are the words of the carrier, who may quote the message: not for logs
 *
 * What a sending came to. Texts may stand in the body of the answer.
 */
typedef struct
{
  BaruaSendVerdict verdict;
  BaruaTaskState state;
  BaruaText details;
  BaruaText reference;
  gboolean is_trouble;
  gboolean is_quoted;
} BaruaSendResult;

/**
 * BaruaAdapterAccess:
 * @base_url: without a slash at its end
 * @secret: the credential
 * @username: (nullable): `sms.africas_talking.username`
 * @reply_to: (nullable): `sms.reply_to`
 *
 * How to reach a carrier.
 */
typedef struct
{
  const char *base_url;
  const char *secret;
  const char *username;
  const char *reply_to;
} BaruaAdapterAccess;

/**
 * BaruaAdapter:
 * @name: value of `sms.outgoing_service`
 * @account: who has its messages, as lists show it; no phone can have this name, as Basic credentials end a
 *   name at ':'
 * @credential: name of its secret in `[credentials]`
 * @needs_username: it cannot do without one
 * @base_url: what to use when nobody configured one; %NULL: it must be configured
 * @make_send: the request that sends one message
 * @read_sent: what the answer to it means
 * @make_poll: (nullable): the request for the state of a message sent before
 * @read_polled: (nullable): what the answer says; %FALSE when it says nothing
 *
 * One carrier.
 */
typedef struct
{
  const char *name;
  const char *account;
  const char *credential;
  gboolean needs_username;
  const char *(*base_url) (const char *username);
  void (*make_send) (const BaruaAdapterAccess *access, BaruaText to, BaruaText content, BaruaArena *arena,
                     BaruaOutboundRequest *request);
  void (*read_sent) (const BaruaOutboundAnswer *answer, BaruaArena *arena, BaruaSendResult *result);
  void (*make_poll) (const BaruaAdapterAccess *access, BaruaText reference, BaruaArena *arena,
                     BaruaOutboundRequest *request);
  gboolean (*read_polled) (const BaruaOutboundAnswer *answer, BaruaArena *arena, BaruaSendResult *result);
} BaruaAdapter;

extern const BaruaAdapter barua_africas_talking;
extern const BaruaAdapter barua_rapidpro;

/** (nullable): the adapter of that name. */
const BaruaAdapter *barua_adapter_find (BaruaText name);

/** The adapters there are; ends with %NULL. */
extern const BaruaAdapter *const barua_adapters[];

/**
 * barua_adapter_read_status:
 * @result: (out): filled in unless %TRUE is returned
 *
 * The part of an answer's meaning that is that of HTTP (RFC 9110, 15), the same for every carrier:
 *
 * - nothing was sent, or the carrier says that it did nothing (408, 429, 501, 503, 505), or that we are not
 *   entitled (401, 402, 403), or that this is not the place (3xx, 404, 405, 406, 410): later, and wait;
 * - any other 4xx: this message is refused for good;
 * - any other 5xx, and no answer at all after something was sent: unknown, and wait.
 *
 * Returns: %TRUE for 2xx: the body decides
 */
gboolean barua_adapter_read_status (const BaruaOutboundAnswer *answer, BaruaArena *arena, BaruaSendResult *result);

/**
 * barua_africas_talking_report:
 * @status: of a delivery report
 * @state: (out)
 *
 * Returns: %FALSE for a status that nobody knows
 */
gboolean barua_africas_talking_report (BaruaText status, BaruaTaskState *state);

G_END_DECLS
