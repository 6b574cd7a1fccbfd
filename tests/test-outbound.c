/* SPDX-License-Identifier: MIT */

#include "gateway/outbound/adapter.h"
#include "tests/suites.h"

#include <string.h>

/* ---- what HTTP itself says ---- */

typedef struct
{
  gboolean was_sent;
  guint status;
  BaruaSendVerdict verdict;
  gboolean is_trouble;
} HttpRow;

static const HttpRow http_rows[] = {
  { FALSE, 0, BARUA_SEND_LATER, TRUE },    { TRUE, 0, BARUA_SEND_UNKNOWN, TRUE },
  { TRUE, 301, BARUA_SEND_LATER, TRUE },   { TRUE, 400, BARUA_SEND_DONE, FALSE },
  { TRUE, 401, BARUA_SEND_LATER, TRUE },   { TRUE, 402, BARUA_SEND_LATER, TRUE },
  { TRUE, 403, BARUA_SEND_LATER, TRUE },   { TRUE, 404, BARUA_SEND_LATER, TRUE },
  { TRUE, 408, BARUA_SEND_LATER, TRUE },   { TRUE, 413, BARUA_SEND_DONE, FALSE },
  { TRUE, 422, BARUA_SEND_DONE, FALSE },   { TRUE, 429, BARUA_SEND_LATER, TRUE },
  { TRUE, 500, BARUA_SEND_UNKNOWN, TRUE }, { TRUE, 501, BARUA_SEND_LATER, TRUE },
  { TRUE, 502, BARUA_SEND_UNKNOWN, TRUE }, { TRUE, 503, BARUA_SEND_LATER, TRUE },
  { TRUE, 504, BARUA_SEND_UNKNOWN, TRUE }, { TRUE, 599, BARUA_SEND_UNKNOWN, TRUE },
};

START_TEST (outbound_http)
{
  const HttpRow *row = &http_rows[_i];
  g_autoptr (BaruaArena) arena = barua_arena_new ();

  for (gsize i = 0; barua_adapters[i] != NULL; i++)
    {
      const BaruaOutboundAnswer answer = { .was_sent = row->was_sent, .status = row->status };
      BaruaSendResult result = { 0 };

      barua_adapters[i]->read_sent (&answer, arena, &result);
      ck_assert_int_eq (result.verdict, row->verdict);
      ck_assert_int_eq (result.is_trouble, row->is_trouble);
      ck_assert_uint_gt (result.details.n, 0);
      ck_assert_ptr_null (result.reference.p);
      if (row->verdict == BARUA_SEND_DONE)
        ck_assert_int_eq (result.state, BARUA_TASK_STATE_FAILED);
    }
}
END_TEST

/* ---- bodies ---- */

typedef struct
{
  const BaruaAdapter *adapter;
  const char *body;
  BaruaSendVerdict verdict;
  BaruaTaskState state; /* with BARUA_SEND_DONE */
  const char *details;
  const char *reference;
} BodyRow;

#define AT(recipients)                                                                             \
  "{\"SMSMessageData\":{\"Message\":\"because\",\"Recipients\":[" recipients "]}}"

static const BodyRow body_rows[] = {
  { &barua_africas_talking, AT ("{\"statusCode\":101,\"messageId\":\"ATXid_1\"}"), BARUA_SEND_DONE,
    BARUA_TASK_STATE_SENT, "Sent", "ATXid_1" },
  { &barua_africas_talking, AT ("{\"statusCode\":403,\"messageId\":\"None\"}"), BARUA_SEND_DONE,
    BARUA_TASK_STATE_FAILED, "InvalidPhoneNumber", NULL },
  { &barua_africas_talking, AT ("{\"statusCode\":502}"), BARUA_SEND_LATER, BARUA_TASK_STATE_OTHER,
    "RejectedByGateway", NULL },
  { &barua_africas_talking, AT ("{\"statusCode\":409,\"messageId\":\"x\"}"), BARUA_SEND_DONE,
    BARUA_TASK_STATE_UNRECOGNISED, "statusCode 409", "x" },
  { &barua_africas_talking, AT (""), BARUA_SEND_LATER, BARUA_TASK_STATE_OTHER, "because", NULL },
  { &barua_africas_talking, AT ("7"), BARUA_SEND_UNKNOWN, BARUA_TASK_STATE_OTHER,
    "unreadable answer", NULL },
  { &barua_africas_talking, AT ("{\"statusCode\":\"101\"}"), BARUA_SEND_UNKNOWN,
    BARUA_TASK_STATE_OTHER, "unreadable answer", NULL },
  { &barua_africas_talking, "[]", BARUA_SEND_UNKNOWN, BARUA_TASK_STATE_OTHER, "unreadable answer",
    NULL },
  { &barua_africas_talking, NULL, BARUA_SEND_UNKNOWN, BARUA_TASK_STATE_OTHER, "unreadable answer",
    NULL },
  { &barua_rapidpro, "{\"id\":77,\"status\":\"queued\"}", BARUA_SEND_DONE,
    BARUA_TASK_STATE_RECEIVED_BY_GATEWAY, "Queued", "77" },
  { &barua_rapidpro, "{\"id\":\"a-b\",\"status\":\"failed\"}", BARUA_SEND_DONE,
    BARUA_TASK_STATE_FAILED, "Failed", "a-b" },
  { &barua_rapidpro, "{\"id\":77,\"status\":\"d\\u00e9\"}", BARUA_SEND_DONE,
    BARUA_TASK_STATE_UNRECOGNISED, "d\xc3\xa9", "77" },
  { &barua_rapidpro, "{\"id\":77}", BARUA_SEND_DONE, BARUA_TASK_STATE_UNRECOGNISED, NULL, "77" },
  { &barua_rapidpro, "{\"id\":null,\"status\":\"queued\"}", BARUA_SEND_UNKNOWN,
    BARUA_TASK_STATE_OTHER, "unreadable answer", NULL },
  { &barua_rapidpro, NULL, BARUA_SEND_UNKNOWN, BARUA_TASK_STATE_OTHER, "unreadable answer", NULL },
};

START_TEST (outbound_body)
{
  const BodyRow *row = &body_rows[_i];
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaOutboundAnswer answer = { .was_sent = TRUE, .status = 201 };
  BaruaSendResult result = { 0 };

  if (row->body != NULL)
    ck_assert (barua_json_read (row->body, -1, &answer.body, NULL));
  row->adapter->read_sent (&answer, arena, &result);
  ck_assert_int_eq (result.verdict, row->verdict);
  if (row->verdict == BARUA_SEND_DONE)
    ck_assert_int_eq (result.state, row->state);
  ck_assert (barua_text_equal (result.details, barua_text (row->details)));
  ck_assert (barua_text_equal (result.reference, barua_text (row->reference)));
}
END_TEST

/* ---- requests ---- */

START_TEST (outbound_requests)
{
  const BaruaAdapterAccess access
      = { .base_url = "http://h/x", .secret = "s3", .username = "u&v", .reply_to = "22 4" };
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaOutboundRequest request;

  barua_africas_talking.make_send (&access, BARUA_TEXT ("+254"), BARUA_TEXT ("a=b&c\xc3\xa9\n"),
                                   arena, &request);
  ck_assert_str_eq (request.url, "http://h/x/version1/messaging");
  ck_assert_str_eq (request.body,
                    "username=u%26v&from=22%204&to=%2B254&message=a%3Db%26c%C3%A9%0A");
  ck_assert_str_eq (request.header, "apikey");
  ck_assert_str_eq (request.secret, "s3");
  barua_rapidpro.make_send (&access, BARUA_TEXT ("+254"), BARUA_TEXT ("a\"b\n"), arena, &request);
  ck_assert_str_eq (request.url, "http://h/x/api/v2/broadcasts.json");
  ck_assert_str_eq (request.body, "{\"urns\":[\"tel:+254\"],\"text\":\"a\\\"b\\n\"}");
  ck_assert_str_eq (request.secret, "Token s3");
  barua_rapidpro.make_poll (&access, BARUA_TEXT ("7&x=1"), arena, &request);
  ck_assert_str_eq (request.url, "http://h/x/api/v2/messages.json?broadcast=7%26x%3D1");
  ck_assert_str_eq (request.method, "GET");
  ck_assert_ptr_null (request.body);
}
END_TEST

START_TEST (outbound_names)
{
  ck_assert_ptr_eq (barua_adapter_find (BARUA_TEXT ("rapidpro")), &barua_rapidpro);
  ck_assert_ptr_eq (barua_adapter_find (BARUA_TEXT ("africas-talking")), &barua_africas_talking);
  ck_assert_ptr_null (barua_adapter_find (BARUA_TEXT ("medic-gateway")));
  ck_assert_str_eq (barua_africas_talking.base_url ("sandbox"),
                    "https://api.sandbox.africastalking.com");
  ck_assert_str_eq (barua_africas_talking.base_url ("clinic"), "https://api.africastalking.com");
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("outbound");
  TCase *tc = tcase_create ("outbound");

  tcase_add_loop_test (tc, outbound_http, 0, G_N_ELEMENTS (http_rows));
  tcase_add_loop_test (tc, outbound_body, 0, G_N_ELEMENTS (body_rows));
  tcase_add_test (tc, outbound_requests);
  tcase_add_test (tc, outbound_names);
  suite_add_tcase (suite, tc);
  return suite;
}
