/* SPDX-License-Identifier: MIT */

#include "forms/error.h"
#include "forms/permissions.h"
#include "forms/settings-edit.h"
#include "tests/suites.h"
#include "tests/vectors.h"

#include <string.h>

typedef struct
{
  BaruaSettingsMode mode;
  const char *stored;
  const char *change;
  const char *result; /* without permissions, which every result has; NULL: refused */
  const char *reason;
} Edit;

/* settings-and-forms.md 2.1, 2.2 */
static const Edit edits[] = {
  { BARUA_SETTINGS_MERGE, "{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"c\":3,\"d\":4},\"e\":5}",
    "{\"a\":{\"b\":1,\"c\":3,\"d\":4},\"e\":5}", NULL },
  { BARUA_SETTINGS_MERGE, "{\"a\":null,\"b\":0,\"c\":\"\",\"d\":false}",
    "{\"a\":{\"x\":1},\"b\":{\"x\":1},\"c\":{\"x\":1},\"d\":{\"x\":1}}",
    "{\"a\":{\"x\":1},\"b\":{\"x\":1},\"c\":{\"x\":1},\"d\":{\"x\":1}}", NULL },
  { BARUA_SETTINGS_MERGE, "{\"locale\":\"en\"}", "{\"locale\":{\"x\":1}}", NULL,
    "cannot merge an object into \"locale\", which is a string; use replace" },
  { BARUA_SETTINGS_MERGE, "{\"a\":{\"list\":[1]}}", "{\"a\":{\"list\":{\"x\":1}}}", NULL,
    "cannot merge an object into \"a.list\", which is an array; use replace" },
  { BARUA_SETTINGS_MERGE, "{\"a\":[1,2,3]}", "{\"a\":[9]}", "{\"a\":[9]}", NULL },
  { BARUA_SETTINGS_MERGE, "{\"a\":{\"b\":1}}", "{\"a\":null}", "{\"a\":null}", NULL },
  { BARUA_SETTINGS_MERGE, "{}", "[1,2]", NULL, "settings must be a JSON object" },
  { BARUA_SETTINGS_REPLACE, "{\"b\":{\"x\":1},\"a\":1}", "{\"a\":2,\"b\":{\"y\":1},\"c\":3}",
    "{\"b\":{\"y\":1},\"a\":2,\"c\":3}", NULL },
  { BARUA_SETTINGS_OVERWRITE, "{\"b\":1,\"a\":2}", "{ \"a\" : 1.50 }", "{\"a\":1.50}", NULL },
  { BARUA_SETTINGS_MERGE, "{\"a\":1,\"a\":2,\"n\":1e3}", "{\"z\":1,\"z\":2}",
    "{\"a\":2,\"n\":1e3,\"z\":2}", NULL },
  { BARUA_SETTINGS_MERGE, "{\"\\u0061\":1}", "{\"a\":2}", "{\"\\u0061\":2}", NULL },
};

static BaruaJson
read_valid (const char *text)
{
  BaruaJson value = BARUA_JSON_NONE;
  ck_assert (barua_json_read (text, -1, &value, NULL));
  return value;
}

START_TEST (settings_edit)
{
  const Edit *v = &edits[_i];
  g_autoptr (GError) error = NULL;
  GString *out
      = barua_settings_edit (read_valid (v->stored), read_valid (v->change), v->mode, &error);

  if (v->result == NULL)
    {
      ck_assert_ptr_null (out);
      ck_assert (g_error_matches (error, BARUA_FORMS_ERROR, BARUA_FORMS_ERROR_SHAPE));
      ck_assert_str_eq (error->message, v->reason);
      return;
    }
  g_autofree char *text = g_string_free (out, FALSE);
  char *added = strstr (text, ",\"permissions\":{\"can_access_gateway_api\":[\"gateway\"],");
  ck_assert_msg (added != NULL, "%s", text);
  ck_assert (barua_json_type (read_valid (text)) == BARUA_JSON_OBJECT);
  added[0] = '}';
  added[1] = '\0';
  ck_assert_str_eq (text, v->result);
}
END_TEST

/* settings-and-forms.md 2.3 no. 1: 42 permissions; existing ones are not changed; a second time
 * nothing changes */
START_TEST (settings_permissions)
{
  g_autoptr (GString) once = barua_settings_edit (
      BARUA_JSON_NONE, read_valid ("{\"permissions\":{\"can_configure\":[\"boss\"]}}"),
      BARUA_SETTINGS_OVERWRITE, NULL);
  BaruaJson settings = read_valid (once->str);
  const char *const boss[] = { "x", "boss", NULL }, *const chw[] = { "chw", NULL };
  const char *const admin[] = { "_admin", NULL };

  ck_assert_uint_eq (barua_json_size (barua_json_member (settings, "permissions")), 42);
  ck_assert (barua_permissions_may (settings, boss, "can_configure"));
  ck_assert (!barua_permissions_may (settings, chw, "can_configure"));
  ck_assert (barua_permissions_may (settings, chw, "can_create_records"));
  ck_assert (!barua_permissions_may (settings, chw, "can_fly"));
  ck_assert (barua_permissions_may (settings, admin, "can_fly"));

  g_autoptr (GString) again
      = barua_settings_edit (settings, read_valid ("{}"), BARUA_SETTINGS_MERGE, NULL);
  ck_assert_str_eq (again->str, once->str);
}
END_TEST

START_TEST (settings_online)
{
  BaruaJson settings
      = read_valid ("{\"roles\":{\"boss\":{\"name\":\"B\"},\"chw\":{\"offline\":true}}}");
  const char *const boss[] = { "boss", "other", NULL }, *const chw[] = { "boss", "chw", NULL };
  const char *const stranger[] = { "stranger", NULL }, *const national[]
                                                       = { "national_admin", NULL };

  ck_assert (barua_permissions_is_online (settings, boss));
  ck_assert (!barua_permissions_is_online (settings, chw));
  ck_assert (!barua_permissions_is_online (settings, stranger));
  ck_assert (barua_permissions_is_online (settings, national));
}
END_TEST

/* A body of very many members is merged in linear time: this would take hours otherwise. */
START_TEST (settings_many_members)
{
  g_autoptr (GString) text = g_string_new ("{");

  for (guint i = 0; i < 100000; i++)
    g_string_append_printf (text, "%s\"k%u\":%u", i > 0 ? "," : "", i, i);
  g_string_append_c (text, '}');
  g_autoptr (GString) out = barua_settings_edit (read_valid (text->str), read_valid (text->str),
                                                 BARUA_SETTINGS_MERGE, NULL);
  ck_assert_uint_eq (barua_json_size (read_valid (out->str)), 100001);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("settings-edit");
  TCase *tc = tcase_create ("settings-edit");

  tcase_add_loop_test (tc, settings_edit, 0, G_N_ELEMENTS (edits));
  tcase_add_test (tc, settings_permissions);
  tcase_add_test (tc, settings_online);
  tcase_add_test (tc, settings_many_members);
  suite_add_tcase (suite, tc);
  return suite;
}
