/* SPDX-License-Identifier: MIT */

#include "forms/form-check.h"
#include "tests/suites.h"
#include "tests/vectors.h"

#include <string.h>

typedef struct
{
  guint rule;
  gboolean is_error;
  const char *forms;
  const char *line; /* one of the findings; NULL: none of this rule */
} Finding;

#define FIELD(inner) "{\"P\":{\"meta\":{\"code\":\"P\"},\"fields\":{\"a\":{" inner "}}}}"
#define FIELDS(inner) "{\"P\":{\"meta\":{\"code\":\"P\"},\"fields\":{" inner "}}}"

/* A field with a tiny label. */
#define TINY(key, label) "\"" key "\":{\"labels\":{\"tiny\":\"" label "\"}}"

#define NOT_IN_TEXTFORMS                                                                           \
  "Textforms never finds it, a label there is made of the letters A to Z, _ . and *"
#define TAKEN_FOR_TEXTFORMS "a compact message that begins so is taken for Textforms"

/* settings-and-forms.md 5.4 and the lines of 5.5 */
static const Finding cases[] = {
  { 1, TRUE, "[]", "forms: is an array; expected an object of form definitions by code" },
  { 1, TRUE, "{\"P\":null}", "forms.P: is null; expected a form definition, an object" },
  { 2, FALSE, "{\"A B\":{}}",
    "forms.A B: the form code has white space, which ends a code in a message" },
  { 2, FALSE, "{\"V-2\":{}}",
    "forms.V-2: the form code has one of ! # , - : which end a code in a message" },
  { 2, FALSE, "{\"\":{}}", "forms.: the form code is empty: no message can name it" },
  { 2, FALSE, "{\"J1\":{}}",
    "forms.J1: the form code looks like the header of a Muvuku message: one that begins \"J1!\" is "
    "not read with this form" },
  { 2, FALSE, "{\"7\":{}}",
    "forms.7: the form code looks like the header of a Muvuku message: one that begins \"7!\" is "
    "not read with this form" },
  { 2, FALSE, "{\"JJ1\":{},\"77\":{},\"J\":{},\"1J\":{}}", NULL },
  { 2, FALSE, "{\"P\xE2\x80\x8B\":{}}",
    "forms.P\xE2\x80\x8B: the form code has a zero-width character, which nobody sees or types" },
  { 3, FALSE, "{\"STRA\xC3\x9F\":{}}",
    "forms.STRA\xC3\x9F: the form code has a lower-case letter: codes are looked up in capitals, "
    "so "
    "this form is never found" },
  { 3, FALSE, "{\"p\":{}}",
    "forms.p: the form code has a lower-case letter: codes are looked up in capitals, so this form "
    "is never found" },
  { 3, FALSE, "{\"\xC3\x89T\xC3\x89\":{}}", NULL },
  { 4, FALSE, "{\"P\":{\"meta\":{\"code\":\"PP\"}}}",
    "forms.P: meta.code is \"PP\" but the form is stored under \"P\"" },
  { 4, TRUE, "{\"P\":{\"meta\":[]}}", "forms.P.meta: is an array; expected an object" },
  { 4, TRUE, "{\"P\":{\"meta\":{\"code\":7}}}",
    "forms.P.meta.code: is a number; expected the form code as a string" },
  { 5, TRUE, "{\"P\":{\"fields\":[]}}",
    "forms.P.fields: is an array; expected an object of fields" },
  { 5, TRUE, FIELDS ("\"a\":null"), "forms.P.fields.a: is null; expected an object" },
  { 5, FALSE, "{\"OFF\":{\"meta\":{\"code\":\"OFF\"}}}",
    "forms.OFF.fields: the form has no fields: a message can only name it" },
  { 6, TRUE, FIELD ("\"type\":\"int\""),
    "forms.P.fields.a.type: unknown type \"int\"; did you mean \"integer\"?" },
  { 6, TRUE, FIELD ("\"type\":\"sting\""),
    "forms.P.fields.a.type: unknown type \"sting\"; did you mean \"string\"?" },
  { 6, TRUE, FIELD ("\"type\":5"),
    "forms.P.fields.a.type: is a number; expected a string such as \"integer\"" },
  { 6, FALSE, FIELD (""), "forms.P.fields.a.type: missing; the value is kept as it came" },
  { 6, FALSE, FIELD ("\"type\":\"bsDate\""), NULL },
  { 7, TRUE, FIELDS ("\"_meta\":{}"),
    "forms.P.fields._meta: \"_meta\" is reserved for records posted as JSON" },
  { 7, TRUE, FIELDS ("\"\":{}"), "forms.P.fields.: a field needs a name" },
  { 7, TRUE, FIELDS ("\"a..b\":{}"),
    "forms.P.fields.a..b: the name has an empty part between dots" },
  { 7, TRUE, FIELDS ("\"a.b\":{},\"a\":{}"),
    "forms.P.fields.a.b: \"a\" is a field itself and cannot hold \"a.b\"" },
  { 8, TRUE, FIELD ("\"position\":-1"),
    "forms.P.fields.a.position: expected a whole number, 0 or more" },
  { 8, TRUE, FIELDS ("\"x\":{\"position\":3},\"lmp\":{\"position\":2}"),
    "forms.P.fields.lmp.position: 2, but \"lmp\" is field number 1; values in messages follow the "
    "order of the fields" },
  { 8, FALSE, FIELDS ("\"x\":{\"position\":1},\"y\":{\"position\":1}"),
    "forms.P.fields.y.position: 1 is also the position of the field before" },
  { 8, FALSE, FIELDS ("\"x\":{\"position\":1},\"y\":{}"), NULL },
  { 9, TRUE, FIELD ("\"length\":[30,5]"),
    "forms.P.fields.a.length: minimum 30 is greater than maximum 5" },
  { 9, TRUE, FIELD ("\"length\":[1.5,5]"),
    "forms.P.fields.a.length: a length is a whole number, 0 or more" },
  { 9, TRUE, FIELD ("\"range\":[1]"),
    "forms.P.fields.a.range: expected two numbers, [minimum, maximum]" },
  { 9, FALSE, FIELD ("\"type\":\"string\",\"range\":[1,2]"),
    "forms.P.fields.a.range: has an effect on the type \"integer\" only" },
  { 10, TRUE, FIELD ("\"required\":\"yes\""),
    "forms.P.fields.a.required: is a string; expected true or false" },
  { 10, TRUE, "{\"P\":{\"public_form\":1}}",
    "forms.P.public_form: is a number; expected true or false" },
  { 11, TRUE, FIELD ("\"list\":[]"),
    "forms.P.fields.a.list: expected a list of [value, label] with at least one entry" },
  { 11, TRUE, FIELD ("\"list\":[[1,\"a\"],[2]]"),
    "forms.P.fields.a.list.1: expected [value, label]" },
  { 11, TRUE, FIELD ("\"list\":[[1,\"a\"],[1,\"b\"]]"),
    "forms.P.fields.a.list.1: the value 1 comes twice" },
  { 12, FALSE,
    FIELDS (
        "\"ident\":{\"labels\":{\"tiny\":\"ID\"}},\"id\":{\"labels\":{\"tiny\":{\"en\":\"id\"}}}"),
    "forms.P.fields.id.labels.tiny: \"id\" is also the tiny label of \"ident\"" },
  { 12, FALSE,
    FIELDS ("\"x\":{\"labels\":{\"tiny\":{\"fr\":\"id\"}}},\"y\":{\"labels\":{\"tiny\":{\"en\":"
            "\"id\"}}}"),
    NULL },
  { 13, FALSE, "{\"P\":{\"facility_reference\":\"nope\",\"fields\":{\"a\":{}}}}",
    "forms.P.facility_reference: \"nope\" is no field of the form" },
  { 14, FALSE, FIELD ("\"labels\":{\"short\":\"A\"}"),
    "forms.P.fields.a.labels.tiny: missing: the field cannot be reached by a label, only by its "
    "name and by position" },
  { 15, FALSE,
    FIELDS ("\"n\":{\"labels\":{\"tiny\":\"N\"}},\"name\":{\"labels\":{\"tiny\":\"nm\"}}"),
    "forms.P.fields.n.labels.tiny: \"n\" is the beginning of \"name\" of the field \"name\"" },
  { 16, FALSE, FIELD ("\"typ\":\"string\""),
    "forms.P.fields.a.typ: unknown property; did you mean \"type\"?" },
  { 16, FALSE, "{\"P\":{\"meta\":{},\"xyzzy\":1}}",
    "forms.P.xyzzy: unknown property; it has no effect" },
  /* labels that Textforms cannot write (parsing.md 6.2) */
  { 14, FALSE, FIELDS (TINY ("a", "q1")),
    "forms.P.fields.a.labels.tiny: \"q1\" has a digit: " NOT_IN_TEXTFORMS },
  { 14, FALSE, FIELDS (TINY ("a", "two words")),
    "forms.P.fields.a.labels.tiny: \"two words\" has white space: " NOT_IN_TEXTFORMS },
  { 14, FALSE,
    FIELDS (TINY ("a", "D\xC3\x89"
                       "C")),
    "forms.P.fields.a.labels.tiny: \"d\xC3\xA9"
    "c\" has a character that is not ASCII: " NOT_IN_TEXTFORMS },
  { 14, FALSE, FIELDS (TINY ("a", "wt(kg")),
    "forms.P.fields.a.labels.tiny: \"wt(kg\" has a punctuation mark: " NOT_IN_TEXTFORMS },
  { 14, FALSE, FIELDS ("\"a\":{\"labels\":{\"tiny\":{\"en\":\"ok\",\"ne\":\"\xE0\xA4\xAA\"}}}"),
    "forms.P.fields.a.labels.tiny: \"\xE0\xA4\xAA\" has a character that is not "
    "ASCII: " NOT_IN_TEXTFORMS },
  { 14, FALSE, FIELDS (TINY ("a", "a#b")),
    "forms.P.fields.a.labels.tiny: \"a#b\" is never found: no message can hold a label with # in "
    "it or white space around it" },
  { 14, FALSE, FIELDS (TINY ("a", " ab")),
    "forms.P.fields.a.labels.tiny: \" ab\" is never found: no message can hold a label with # in "
    "it or white space around it" },
  { 14, FALSE, FIELDS (TINY ("a", "A_b.C*")), NULL },
  { 14, FALSE, FIELDS (TINY ("a", "\xE2\x84\xAA")), NULL }, /* KELVIN SIGN: k in lower case */
  { 14, FALSE, FIELDS ("\"Age\":{}"),
    "forms.P.fields.Age.labels.tiny: missing, and Textforms cannot write the name \"Age\": the "
    "field can only be reached by position" },
  { 14, FALSE, FIELDS ("\"a1\":{}"),
    "forms.P.fields.a1.labels.tiny: missing, and Textforms cannot write the name \"a1\": the field "
    "can only be reached by position" },
  { 14, FALSE, FIELDS ("\"b\":{}," TINY ("a", "b")),
    "forms.P.fields.b.labels.tiny: missing, and Textforms cannot write the name \"b\": the field "
    "can only be reached by position" },
  /* labels that are taken for something else (parsing.md sections 4 and 6.3) */
  { 15, FALSE, FIELDS (TINY ("a", "b") "," TINY ("b", "x")),
    "forms.P.fields.a.labels.tiny: \"b\" is also the name of the field \"b\"" },
  { 15, FALSE, FIELDS (TINY ("a", "12")),
    "forms.P.fields.a.labels.tiny: \"12\" may begin a value: " TAKEN_FOR_TEXTFORMS },
  { 15, FALSE, FIELDS ("\"a\":{\"labels\":{\"tiny\":\"a\",\"short\":\"1.\"}}"),
    "forms.P.fields.a.labels.short: \"1.\" may begin a value: " TAKEN_FOR_TEXTFORMS },
  { 15, FALSE,
    FIELDS ("\"c\":{\"list\":[[\"Yes 1\",\"x\"]],\"labels\":{\"tiny\":\"c\"}}," TINY ("d", "yes")),
    "forms.P.fields.d.labels.tiny: \"yes\" begins the choice \"yes 1\" of the first "
    "field: " TAKEN_FOR_TEXTFORMS },
  { 15, FALSE,
    FIELDS ("\"c\":{\"list\":[[\"yesx\",\"x\"]],\"labels\":{\"tiny\":\"c\"}}," TINY ("d", "yes")),
    NULL },
  { 17, FALSE, FIELDS ("\"x\":{},\"y\":{\"required\":true}"),
    "forms.P.fields.y.required: comes after the optional field \"x\", which a compact message "
    "cannot leave out" },
  { 18, TRUE, FIELD ("\"flags\":[[[[[[[[1]]]]]]]]"), "forms.P: nested more than 8 levels deep" },
};

static BaruaJson
read_valid (const char *text)
{
  BaruaJson value = BARUA_JSON_NONE;
  ck_assert_msg (barua_json_read (text, -1, &value, NULL), "%s", text);
  return value;
}

/* The findings of one rule, as lines. */
static char *
lines_of (GPtrArray *findings, guint rule)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < findings->len; i++)
    {
      const BaruaFormFinding *finding = findings->pdata[i];
      if (finding->rule == rule)
        g_string_append_printf (out, "%s: %s\n", finding->path, finding->message);
    }
  return g_string_free (out, FALSE);
}

START_TEST (form_rule)
{
  const Finding *v = &cases[_i];
  g_autoptr (BaruaFormReport) report
      = barua_forms_check (read_valid (v->forms), BARUA_JSON_NONE, FALSE);
  g_autofree char *found = lines_of (v->is_error ? report->errors : report->warnings, v->rule);
  g_autofree char *wanted = v->line != NULL ? g_strconcat (v->line, "\n", NULL) : g_strdup ("");

  ck_assert_msg (strcmp (found, wanted) == 0, "%s\nfound:  %swanted: %s", v->forms, found, wanted);
}
END_TEST

/* With form_rules=warn only rules 1, 7 and 18 refuse. */
START_TEST (form_rule_lenient)
{
  const Finding *v = &cases[_i];
  g_autoptr (BaruaFormReport) report
      = barua_forms_check (read_valid (v->forms), BARUA_JSON_NONE, TRUE);

  for (guint i = 0; i < report->errors->len; i++)
    {
      guint rule = ((BaruaFormFinding *)report->errors->pdata[i])->rule;
      ck_assert (rule == 1 || rule == 7 || rule == 18);
    }
  if (v->is_error && v->line != NULL && v->rule != 1 && v->rule != 7 && v->rule != 18)
    {
      g_autofree char *found = lines_of (report->warnings, v->rule);
      ck_assert_ptr_nonnull (strstr (found, v->line));
    }
}
END_TEST

START_TEST (form_good)
{
  BaruaJson settings = barua_vectors_load ("parsing-settings-mama.json");
  BaruaJson preg = barua_json_member (barua_json_member (settings, "forms"), "PREG");
  g_autoptr (BaruaFormReport) report = barua_form_check_definition (BARUA_TEXT ("PREG"), preg);

  ck_assert_uint_eq (report->n_errors, 0);
}
END_TEST

/* A form that stands there unchanged is not checked again, so that an old mistake blocks no upload.
 */
START_TEST (form_unchanged)
{
  BaruaJson forms = read_valid ("{\"P\":{\"meta\":[]},\"Q\":{\"meta\":7}}");
  g_autoptr (BaruaFormReport) report
      = barua_forms_check (forms, read_valid ("{\"P\":{ \"meta\" : [] }}"), FALSE);

  ck_assert_uint_eq (report->n_errors, 1);
  ck_assert_str_eq (((BaruaFormFinding *)report->errors->pdata[0])->path, "forms.Q.meta");
}
END_TEST

START_TEST (form_limits)
{
  g_autoptr (GString) text = g_string_new ("{\"P\":{\"fields\":{");

  for (guint i = 0; i < 201; i++)
    g_string_append_printf (text, "%s\"f%u\":{\"type\":\"nope\"}", i > 0 ? "," : "", i);
  g_string_append (text, "}}}");
  g_autoptr (BaruaFormReport) report
      = barua_forms_check (read_valid (text->str), BARUA_JSON_NONE, FALSE);
  ck_assert_uint_eq (report->n_errors, 1);
  ck_assert_str_eq (((BaruaFormFinding *)report->errors->pdata[0])->message,
                    "201 fields; a form has at most 200");

  g_string_assign (text, "{");
  for (guint i = 0; i < 60; i++)
    g_string_append_printf (text, "%s\"F%u\":{\"meta\":5}", i > 0 ? "," : "", i);
  g_string_append_c (text, '}');
  g_autoptr (BaruaFormReport) many
      = barua_forms_check (read_valid (text->str), BARUA_JSON_NONE, FALSE);
  g_autoptr (GString) lines = g_string_new (NULL);
  barua_form_findings_append_text (lines, many->errors, many->n_errors);
  ck_assert_uint_eq (many->n_errors, 60);
  ck_assert (g_str_has_suffix (lines->str, "\nand 10 more"));
}
END_TEST

static const struct
{
  const char *value;
  const char *path; /* of the first error; NULL: no error; "": no forms at all */
} values[] = {
  { "{\"fields\":{\"a\":{\"type\":\"int\"}}}", "form.fields.a.type" },
  { "{\"meta\":{\"code\":\"Q\"},\"fields\":{\"a\":{\"type\":\"int\"}}}", "forms.Q.fields.a.type" },
  { "{\"meta\":{\"code\":7}}", NULL },
  { "{\"Q\":{\"fields\":{\"a\":{\"type\":\"int\"}}}}", "forms.Q.fields.a.type" },
  { "{\"OK\":{\"fields\":{}},\"Q\":5}", "forms.Q" },
  { "{\"locale\":\"en\",\"forms\":{\"Q\":{\"fields\":[]}}}", "forms.Q.fields" },
  { "{\"barua\":{\"form_rules\":\"warn\"},\"forms\":{\"Q\":{\"fields\":[]}}}", NULL },
  { "{\"forms\":[]}", "forms" },
  { "[]", "forms" },
  { "{}", NULL },
  { "{\"locale\":\"en\"}", "" },
};

/* What is handed in is told apart by its members. */
START_TEST (form_value)
{
  BaruaFormReport *report = barua_forms_check_value (read_valid (values[_i].value), FALSE);
  const char *wanted = values[_i].path;

  if (wanted != NULL && *wanted == '\0')
    {
      ck_assert_ptr_null (report);
      return;
    }
  ck_assert_ptr_nonnull (report);
  ck_assert_uint_eq (report->n_errors, wanted != NULL ? 1 : 0);
  if (wanted != NULL)
    ck_assert_str_eq (((BaruaFormFinding *)report->errors->pdata[0])->path, wanted);
  barua_form_report_free (report);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("form-check");
  TCase *tc = tcase_create ("form-check");

  tcase_add_loop_test (tc, form_rule, 0, G_N_ELEMENTS (cases));
  tcase_add_loop_test (tc, form_rule_lenient, 0, G_N_ELEMENTS (cases));
  tcase_add_loop_test (tc, form_value, 0, G_N_ELEMENTS (values));
  tcase_add_test (tc, form_good);
  tcase_add_test (tc, form_unchanged);
  tcase_add_test (tc, form_limits);
  suite_add_tcase (suite, tc);
  return suite;
}
