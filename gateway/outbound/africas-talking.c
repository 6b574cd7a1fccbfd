/* SPDX-License-Identifier: MIT */

/* Africa's Talking: one form post a message; states come as delivery reports (messaging.md 7). */

#define G_LOG_DOMAIN "barua-outbound"

#include "gateway/outbound/adapter.h"

#define LIVE_URL "https://api.africastalking.com"
#define SANDBOX_URL "https://api.sandbox.africastalking.com"

/* ---- sending ---- */

/* The sandbox has the one user name of that name. */
static const char *
base_url (const char *username)
{
  return g_strcmp0 (username, "sandbox") == 0 ? SANDBOX_URL : LIVE_URL;
}

/* Appends `name=value` of a form (application/x-www-form-urlencoded). */
static void
append_pair (GString *form, const char *name, BaruaText value)
{
  if (form->len > 0)
    g_string_append_c (form, '&');
  g_string_append_printf (form, "%s=", name);
  for (gsize i = 0; i < value.n; i++)
    {
      const guchar c = (guchar)value.p[i];
      if (g_ascii_isalnum (c) || c == '-' || c == '_' || c == '.' || c == '*')
        g_string_append_c (form, (char)c);
      else
        g_string_append_printf (form, "%%%02X", c);
    }
}

static void
make_send (const BaruaAdapterAccess *access, BaruaText to, BaruaText content, BaruaArena *arena,
           BaruaOutboundRequest *request)
{
  g_autoptr (GString) form = g_string_new (NULL);
  g_autofree char *url = g_strconcat (access->base_url, "/version1/messaging", NULL);

  append_pair (form, "username", barua_text (access->username));
  if (access->reply_to != NULL && *access->reply_to != '\0')
    append_pair (form, "from", barua_text (access->reply_to));
  append_pair (form, "to", to);
  append_pair (form, "message", content);
  *request = (BaruaOutboundRequest){
    .method = "POST",
    .url = barua_arena_copy (arena, barua_text (url)).p,
    .header = "apikey",
    .secret = access->secret,
    .content_type = "application/x-www-form-urlencoded",
    .body = barua_arena_copy (arena, (BaruaText){ form->str, form->len }).p,
  };
}

/* ---- the answer ---- */

typedef struct
{
  gint64 code;
  BaruaSendVerdict verdict;
  BaruaTaskState state;
  const char *details;
  gboolean is_trouble; /* of the account, not of the message */
} CodeRow;

/* `statusCode` of a recipient (messaging.md 7). */
static const CodeRow codes[] = {
  { 100, BARUA_SEND_DONE, BARUA_TASK_STATE_FORWARDED_BY_GATEWAY, "Processed", FALSE },
  { 101, BARUA_SEND_DONE, BARUA_TASK_STATE_SENT, "Sent", FALSE },
  { 102, BARUA_SEND_DONE, BARUA_TASK_STATE_RECEIVED_BY_GATEWAY, "Queued", FALSE },
  { 401, BARUA_SEND_DONE, BARUA_TASK_STATE_FAILED, "RiskHold", FALSE },
  { 402, BARUA_SEND_LATER, BARUA_TASK_STATE_OTHER, "InvalidSenderId", TRUE },
  { 403, BARUA_SEND_DONE, BARUA_TASK_STATE_FAILED, "InvalidPhoneNumber", FALSE },
  { 404, BARUA_SEND_DONE, BARUA_TASK_STATE_FAILED, "UnsupportedNumberType", FALSE },
  { 405, BARUA_SEND_LATER, BARUA_TASK_STATE_OTHER, "InsufficientBalance", TRUE },
  { 406, BARUA_SEND_DONE, BARUA_TASK_STATE_DENIED, "UserInBlacklist", FALSE },
  { 407, BARUA_SEND_DONE, BARUA_TASK_STATE_FAILED, "CouldNotRoute", FALSE },
  { 500, BARUA_SEND_LATER, BARUA_TASK_STATE_OTHER, "InternalServerError", FALSE },
  { 501, BARUA_SEND_LATER, BARUA_TASK_STATE_OTHER, "GatewayError", FALSE },
  { 502, BARUA_SEND_LATER, BARUA_TASK_STATE_OTHER, "RejectedByGateway", FALSE },
};

/* The row of one recipient; a code that is in none is kept as a word nobody knows. */
static void
read_recipient (BaruaJson recipient, BaruaArena *arena, BaruaSendResult *result)
{
  gint64 code = 0;
  BaruaText reference = barua_arena_json_text (arena, barua_json_member (recipient, "messageId"));

  if (!barua_json_integer (barua_json_member (recipient, "statusCode"), &code))
    return;
  *result = (BaruaSendResult){ .verdict = BARUA_SEND_DONE,
                               .state = BARUA_TASK_STATE_UNRECOGNISED,
                               .reference = reference };
  if (reference.n == 0 || barua_text_equal (reference, BARUA_TEXT ("None")))
    result->reference = (BaruaText){ NULL, 0 };
  for (gsize i = 0; i < G_N_ELEMENTS (codes); i++)
    if (codes[i].code == code)
      {
        result->verdict = codes[i].verdict;
        result->state = codes[i].state;
        result->details = barua_text (codes[i].details);
        result->is_trouble = codes[i].is_trouble;
        return;
      }
  char text[32];
  g_snprintf (text, sizeof text, "statusCode %" G_GINT64_FORMAT, code);
  result->details = barua_arena_copy (arena, barua_text (text));
}

static void
read_sent (const BaruaOutboundAnswer *answer, BaruaArena *arena, BaruaSendResult *result)
{
  if (!barua_adapter_read_status (answer, arena, result))
    return;
  BaruaJson data = barua_json_member (answer->body, "SMSMessageData");
  BaruaJson recipients = barua_json_member (data, "Recipients");
  *result = (BaruaSendResult){ .verdict = BARUA_SEND_UNKNOWN,
                               .details = BARUA_TEXT ("unreadable answer"),
                               .is_trouble = TRUE };
  if (barua_json_type (recipients) == BARUA_JSON_ARRAY && barua_json_size (recipients) == 0)
    { /* nobody got it: `Message` says why, for instance InvalidSenderId */
      result->verdict = BARUA_SEND_LATER;
      result->details = barua_arena_json_text (arena, barua_json_member (data, "Message"));
      result->is_quoted = TRUE;
      return;
    }
  read_recipient (barua_json_element (recipients, 0), arena, result);
}

const BaruaAdapter barua_africas_talking = {
  .name = "africas-talking",
  .account = "carrier:africas-talking",
  .credential = "africastalking.com:outgoing",
  .needs_username = TRUE,
  .base_url = base_url,
  .make_send = make_send,
  .read_sent = read_sent,
};

/* ---- delivery reports ---- */

typedef struct
{
  const char *status;
  BaruaTaskState state;
} ReportRow;

static const ReportRow reports[] = {
  { "Sent", BARUA_TASK_STATE_FORWARDED_BY_GATEWAY },
  { "Submitted", BARUA_TASK_STATE_SENT },
  { "Buffered", BARUA_TASK_STATE_SENT },
  { "Success", BARUA_TASK_STATE_DELIVERED },
  { "Rejected", BARUA_TASK_STATE_FAILED },
  { "Failed", BARUA_TASK_STATE_FAILED },
};

gboolean
barua_africas_talking_report (BaruaText status, BaruaTaskState *state)
{
  for (gsize i = 0; i < G_N_ELEMENTS (reports); i++)
    if (barua_text_equal (status, barua_text (reports[i].status)))
      {
        *state = reports[i].state;
        return TRUE;
      }
  return FALSE;
}
