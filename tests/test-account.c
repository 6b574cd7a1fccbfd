/* SPDX-License-Identifier: MIT */

#include "gateway/rules/account.h"
#include "tests/suites.h"

#define SETTINGS                                                                                   \
  "{\"roles\":{\"chw\":{\"name\":\"CHW\",\"offline\":true},\"officer\":{\"name\":\"O\"},"           \
  "\"data_entry\":{}},\"default_country_code\":254,\"token_login\":{\"enabled\":true}}"

static BaruaSettings *
compile (const char *text)
{
  g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));
  g_autoptr (GError) error = NULL;
  BaruaSettings *settings = barua_settings_compile (bytes, NULL, 0, &error);

  ck_assert_msg (settings != NULL, "%s", error != NULL ? error->message : "");
  return settings;
}

static BaruaJson
json (const char *text)
{
  BaruaJson value = BARUA_JSON_NONE;

  ck_assert (barua_json_read (text, -1, &value, NULL));
  return value;
}

/* The samples of users.md 5.2, and what it says of kinds. */
static const struct
{
  const char *password;
  guint score;
} scores[] = {
  { "secret", 16 },
  { "password", 22 },
  { "12345678", 24 },
  { "correcthorsebattery", 39 },
  { "Secret_1", 52 },
  { "Sup3r.secret", 77 },
  { "", 0 },
  { "_", 3 },                     /* of no kind */
  { "a_", 6 },                    /* of one kind */
  { "a\xc3\xa9", 21 },            /* é counts as other */
  { "a.\xc3\xa9", 24 },           /* the same kind as the dot */
  { "\xf0\x9f\x98\x80", 6 },      /* two UTF-16 units, both different */
};

START_TEST (password_score)
{
  ck_assert_uint_eq (barua_password_score (scores[_i].password), scores[_i].score);
}
END_TEST

/* Bodies of new users and what is said of them, in the order of users.md 5.2. */
static const struct
{
  const char *body;
  const char *message; /* NULL: accepted */
  const char *params;
} new_users[] = {
  { "{}", "Missing required fields: username, password, type or roles",
    "{\"fields\":\"username, password, type or roles\"}" },
  { "{\"roles\":[\"chw\"]}", "Missing required fields: username, password, place, contact",
    "{\"fields\":\"username, password, place, contact\"}" },
  { "{\"roles\":\"chw\",\"username\":\"a\",\"password\":\"x\",\"place\":\"p\"}",
    "Missing required fields: contact", "{\"fields\":\"contact\"}" },
  { "{\"type\":\"chw\",\"username\":\"a\",\"password\":\"x\"}",
    "Missing required fields: place, contact", "{\"fields\":\"place, contact\"}" },
  { "{\"roles\":[],\"username\":\"a\",\"password\":\"x\"}",
    "Missing required fields: place, contact", "{\"fields\":\"place, contact\"}" },
  { "{\"roles\":[7],\"username\":\"a\",\"password\":\"x\"}",
    "Missing required fields: type or roles", "{\"fields\":\"type or roles\"}" },
  { "{\"username\":\"\",\"password\":null,\"roles\":[\"officer\"]}",
    "Missing required fields: username, password", "{\"fields\":\"username, password\"}" },
  { "{\"username\":\"a\",\"token_login\":true,\"roles\":[\"officer\"]}",
    "Missing required fields: phone", "{\"fields\":\"phone\"}" },
  { "{\"username\":\"A\",\"token_login\":true,\"phone\":\"12\",\"roles\":[\"officer\"]}",
    "A valid phone number is required for SMS login.", NULL },
  { "{\"username\":\"a\",\"token_login\":true,\"phone\":712345678,\"roles\":[\"officer\"]}",
    "A valid phone number is required for SMS login.", NULL },
  { "{\"username\":\"A\",\"password\":\"Sh0rt.x\",\"roles\":[\"officer\"]}",
    "The password must be at least 8 characters long.", "{\"minimum\":8}" },
  { "{\"username\":\"A\",\"password\":\"password\",\"roles\":[\"officer\"]}",
    "The password is too easy to guess. Include a range of types of characters to increase the "
    "score.",
    NULL },
  { "{\"username\":\"a\",\"password\":12345678901234,\"roles\":[\"officer\"]}",
    "The password is too easy to guess. Include a range of types of characters to increase the "
    "score.",
    NULL },
  { "{\"username\":\"a\",\"password\":\"Sup3r.secret\\u0000xx\",\"roles\":[\"officer\"]}",
    "The password is too easy to guess. Include a range of types of characters to increase the "
    "score.",
    NULL },
  { "{\"username\":\"Mary\",\"password\":\"Sup3r.secret\",\"roles\":[\"officer\"]}",
    "Invalid user name. Valid characters are lower case letters, numbers, underscore (_), and "
    "hyphen (-).",
    NULL },
  { "{\"username\":5,\"password\":\"Sup3r.secret\",\"roles\":[\"officer\"]}",
    "Invalid user name. Valid characters are lower case letters, numbers, underscore (_), and "
    "hyphen (-).",
    NULL },
  { "{\"username\":\"ma.ry\",\"token_login\":1,\"phone\":\"0712345678\",\"roles\":[\"officer\"]}",
    "Invalid user name. Valid characters are lower case letters, numbers, underscore (_), and "
    "hyphen (-).",
    NULL },
  { "{\"username\":\"a-z_09\",\"password\":\"Sup3r.secret\",\"roles\":[\"officer\"]}", NULL, NULL },
  { "{\"username\":\"a\",\"password\":\"x\",\"token_login\":true,\"phone\":\"0712 345 678\","
    "\"roles\":[\"officer\"]}",
    NULL, NULL },
};

START_TEST (new_user)
{
  g_autoptr (BaruaSettings) settings = compile (SETTINGS);
  g_auto (BaruaAccountInput) input = { 0 };
  g_autoptr (GError) error = NULL;

  if (barua_account_input_read_new (settings, json (new_users[_i].body), &input, &error))
    {
      ck_assert_msg (new_users[_i].message == NULL, "accepted: %s", new_users[_i].body);
      return;
    }
  ck_assert (error->domain == BARUA_ACCOUNT_ERROR);
  BaruaJson object = json (error->message);
  g_autofree char *message = barua_json_string (barua_json_member (object, "message"), NULL);
  BaruaJson params = barua_json_member (object, "translationParams");
  ck_assert_str_eq (message, new_users[_i].message != NULL ? new_users[_i].message : "accepted");
  ck_assert (barua_json_type (barua_json_member (object, "translationKey")) == BARUA_JSON_STRING);
  if (new_users[_i].params == NULL)
    ck_assert (params.text == NULL);
  else
    ck_assert_msg (barua_json_equal (params, json (new_users[_i].params)), "%s", error->message);
}
END_TEST

START_TEST (rules_can_be_switched_off)
{
  g_autoptr (BaruaSettings) settings
      = compile ("{\"users\":{\"password_rules\":\"none\"},\"roles\":{\"officer\":{}}}");
  g_auto (BaruaAccountInput) input = { 0 };
  g_auto (BaruaAccountInput) number = { 0 };

  ck_assert (barua_account_input_read_new (
      settings, json ("{\"username\":\"mary\",\"password\":\"secret\",\"roles\":[\"officer\"]}"),
      &input, NULL));
  ck_assert_str_eq (input.password, "secret");
  ck_assert (!barua_account_input_read_new (
      settings, json ("{\"username\":\"mary\",\"password\":7,\"roles\":[\"officer\"]}"), &number,
      NULL));
}
END_TEST

/* Types and roles, and what is stored of them. */
static const struct
{
  const char *body;
  const char *stored;
  gboolean is_offline;
} roles[] = {
  { "{\"type\":\"national-manager\"}",
    "national-manager,kujua_user,data_entry,national_admin,mm-online", FALSE },
  { "{\"type\":\"district-manager\"}",
    "district-manager,kujua_user,data_entry,district_admin,mm-online", FALSE },
  { "{\"type\":\"facility-manager\"}", "facility-manager,kujua_user,data_entry,mm-online", FALSE },
  { "{\"type\":\"data-entry\"}", "data-entry,data_entry,mm-online", FALSE },
  { "{\"type\":\"analytics\"}", "analytics,kujua_analytics", TRUE },
  { "{\"type\":\"gateway\"}", "gateway,kujua_gateway", TRUE },
  { "{\"type\":\"chw\"}", "chw", TRUE },
  { "{\"type\":\"officer\",\"roles\":[\"chw\"]}", "officer,mm-online", FALSE },
  { "{\"roles\":[\"chw\",\"officer\"]}", "chw,officer", TRUE },
  { "{\"roles\":[\"mm-online\",\"officer\",\"mm-online\",\"officer\"]}", "officer,mm-online",
    FALSE },
  { "{\"roles\":[\"chw\",\"mm-online\"]}", "chw", TRUE },
  { "{\"roles\":[\"_admin\"]}", "_admin,mm-online", FALSE },
  { "{\"roles\":\"officer\"}", "officer,mm-online", FALSE },
};

START_TEST (stored_roles)
{
  g_autoptr (BaruaSettings) settings = compile (SETTINGS);
  g_auto (BaruaAccountInput) input = { 0 };

  ck_assert (barua_account_input_read_change (settings, json (roles[_i].body), &input, NULL));
  g_autofree char *stored = g_strjoinv (",", input.roles);
  ck_assert_str_eq (stored, roles[_i].stored);
  ck_assert_int_eq (input.is_offline, roles[_i].is_offline);
}
END_TEST

START_TEST (change_of_nothing)
{
  static const char *const nothing[] = { "{\"username\":\"x\"}", "{\"fullname\":null,\"x\":1}" };
  static const char *const something[]
      = { "{\"place\":null}", "{\"contact\":null}", "{\"known\":false}", "{\"external_id\":\"\"}",
          "{\"token_login\":false}" };
  g_autoptr (BaruaSettings) settings = compile (SETTINGS);

  for (gsize i = 0; i < G_N_ELEMENTS (nothing); i++)
    {
      g_auto (BaruaAccountInput) input = { 0 };
      g_autoptr (GError) error = NULL;
      ck_assert (!barua_account_input_read_change (settings, json (nothing[i]), &input, &error));
      ck_assert_msg (strstr (error->message, "\"fields.one.required\"") != NULL, "%s",
                     error->message);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (something); i++)
    {
      g_auto (BaruaAccountInput) input = { 0 };
      ck_assert (barua_account_input_read_change (settings, json (something[i]), &input, NULL));
    }
}
END_TEST

START_TEST (self_change)
{
  ck_assert (barua_account_is_self_change (
      json ("{\"password\":1,\"known\":1,\"fullname\":1,\"email\":1,\"phone\":1,\"language\":1,"
            "\"token_login\":1}")));
  ck_assert (!barua_account_is_self_change (json ("{\"fullname\":\"x\",\"roles\":[]}")));
  ck_assert (!barua_account_is_self_change (json ("{\"fullname\":\"x\",\"unknown\":1}")));
}
END_TEST

START_TEST (documents)
{
  g_autoptr (BaruaSettings) settings = compile (SETTINGS);
  g_auto (BaruaAccountInput) input = { 0 };
  g_autoptr (GString) user = g_string_new (NULL);
  g_autoptr (GString) of_settings = g_string_new (NULL);
  g_autoptr (GString) changed = g_string_new (NULL);
  const BaruaAccountLinks links = { .facility = BARUA_TEXT ("hc1"), .contact = BARUA_TEXT ("p1") };
  const BaruaAccountLinks none = { .drops_facility = TRUE };

  ck_assert (barua_account_input_read_new (
      settings,
      json ("{\"username\":\"jo\",\"password\":\"Sup3r.secret\",\"roles\":[\"officer\"],"
            "\"fullname\":\"Jo K\",\"phone\":\"0712\",\"language\":{\"code\":\"sw\"},"
            "\"known\":true,\"external_id\":7,\"surplus\":1}"),
      &input, NULL));
  barua_account_append_user (user, BARUA_JSON_NONE, "jo", &input, &links);
  ck_assert_str_eq (user->str, "{\"name\":\"jo\",\"type\":\"user\",\"roles\":[\"officer\","
                               "\"mm-online\"],\"facility_id\":\"hc1\",\"known\":true}");
  barua_account_append_settings (of_settings, BARUA_JSON_NONE, "jo", &input, &links);
  ck_assert_str_eq (of_settings->str,
                    "{\"name\":\"jo\",\"type\":\"user-settings\",\"roles\":[\"officer\","
                    "\"mm-online\"],\"facility_id\":\"hc1\",\"contact_id\":\"p1\","
                    "\"fullname\":\"Jo K\",\"phone\":\"0712\",\"language\":\"sw\",\"known\":true,"
                    "\"external_id\":7}");
  barua_account_append_settings (changed,
                                 json ("{\"a\":1,\"facility_id\":\"x\",\"fullname\":\"y\"}"), "jo",
                                 &input, &none);
  ck_assert_str_eq (changed->str, "{\"a\":1,\"fullname\":\"Jo K\",\"roles\":[\"officer\","
                                  "\"mm-online\"],\"phone\":\"0712\",\"language\":\"sw\","
                                  "\"known\":true,\"external_id\":7}");
}
END_TEST

START_TEST (inactive)
{
  g_autoptr (GString) out = g_string_new (NULL);

  barua_account_append_inactive (out, json ("{\"name\":\"jo\",\"inactive\":false}"), 1795280258913);
  ck_assert_str_eq (out->str,
                    "{\"name\":\"jo\",\"inactive\":true,\"deletion_date\":1795280258913}");
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("account");
  TCase *tc = tcase_create ("rules");

  tcase_add_loop_test (tc, password_score, 0, G_N_ELEMENTS (scores));
  tcase_add_loop_test (tc, new_user, 0, G_N_ELEMENTS (new_users));
  tcase_add_loop_test (tc, stored_roles, 0, G_N_ELEMENTS (roles));
  tcase_add_test (tc, rules_can_be_switched_off);
  tcase_add_test (tc, change_of_nothing);
  tcase_add_test (tc, self_change);
  tcase_add_test (tc, documents);
  tcase_add_test (tc, inactive);
  suite_add_tcase (suite, tc);
  return suite;
}
