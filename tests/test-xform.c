/* SPDX-License-Identifier: MIT */

/* What a list says of an XForm (settings-and-forms.md 4.2), and what is refused. */

#include "forms/error.h"
#include "forms/xform.h"
#include "tests/suites.h"

#include <string.h>

#define HEAD(inside) "<h:html><h:head>" inside "</h:head></h:html>"
#define TITLE(inside) HEAD ("<h:title>" inside "</h:title>")
#define INSTANCE(inside) HEAD ("<model><instance>" inside "</instance></model>")

typedef struct
{
  const char *text;
  const char *title;
  const char *form_id;
  const char *version;
  const char *why;
} Case;

static const Case cases[] = {
  { "<?xml version=\"1.0\"?><h:html xmlns=\"http://www.w3.org/2002/xforms\" "
    "xmlns:h=\"http://www.w3.org/1999/xhtml\"><h:head><h:title>Visit</h:title><model><instance>"
    "<data id=\"visit\" version=\"7\"><a/></data></instance></model></h:head><h:body/></h:html>",
    "Visit", "visit", "7", "a form as tools write it" },
  { TITLE ("Registration &amp; LMP"), "Registration & LMP", NULL, NULL, "entities are decoded" },
  { TITLE ("&#x41;&#66;&lt;"), "AB<", NULL, NULL, "so are references to characters" },
  { TITLE (""), NULL, NULL, NULL, "an empty title is none" },
  { TITLE ("A <b>bold</b> title"), "A ", NULL, NULL, "the first text node only" },
  { TITLE ("A<!-- or -->B"), "A", NULL, NULL, "a comment ends it too" },
  { TITLE ("A<?or B?>B"), "A", NULL, NULL, "so does an instruction" },
  { TITLE ("<b>x</b> after"), " after", NULL, NULL, "text of a child is not the title's" },
  { TITLE ("<![CDATA[A & B]]>"), "A & B", NULL, NULL, "a CDATA section is text" },
  { HEAD ("<h:title/><h:title>Two</h:title>"), "Two", NULL, NULL, "the first with a text" },
  { HEAD ("<h:title>One</h:title><h:title>Two</h:title>"), "One", NULL, NULL, "the first" },
  { "<html><head><title>T</title></head></html>", NULL, NULL, NULL, "other prefixes" },
  { "<h:html><h:head/><h:title>T</h:title></h:html>", NULL, NULL, NULL, "another place" },
  { "<x><h:html><h:head><h:title>T</h:title></h:head></h:html></x>", NULL, NULL, NULL, "deeper" },
  { HEAD ("<x><h:title>T</h:title></x>"), NULL, NULL, NULL, "one element too deep" },
  { "<h:html><h:body><h:title>T</h:title></h:body></h:html>", NULL, NULL, NULL, "in the body" },
  { INSTANCE ("<data id=\"a:b\"/>"), NULL, "a:b", NULL, "an id alone" },
  { INSTANCE ("<data/>"), NULL, "data", NULL, "without id: the name of the element" },
  { INSTANCE ("<data id=\"\" version=\"\"/>"), NULL, "data", NULL, "an empty one is none" },
  { INSTANCE ("<x:data version=\"&#x32;\"/>"), NULL, "x:data", "2", "a name as it is written" },
  { INSTANCE ("<!-- c --> \n<data id=\"a\"/><data id=\"b\"/>"), NULL, "a", NULL,
    "the first child" },
  { INSTANCE ("</instance><instance><data id=\"b\"/>"), NULL, NULL, NULL, "the first instance" },
  { INSTANCE ("<data id=\"a\"/></instance><instance id=\"l\"><root id=\"b\"/>"), NULL, "a", NULL,
    "a list of choices is another instance" },
  { INSTANCE ("<data><model><instance><x id=\"y\"/></instance></model></data>"), NULL, "data", NULL,
    "an instance in the instance" },
  { HEAD ("<xf:model><instance><data id=\"a\"/></instance></xf:model>"), NULL, NULL, NULL,
    "another prefix" },
  { "\xEF\xBB\xBF" TITLE ("\xC3\xA9"), "\xC3\xA9", NULL, NULL, "a byte order mark" },
  { "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>" TITLE ("\xE9"), "\xC3\xA9", NULL, NULL,
    "another encoding is converted" },
  { "<a/>", NULL, NULL, NULL, "any XML" },
};

START_TEST (xform_case)
{
  const Case *c = &cases[_i];
  g_autoptr (GError) error = NULL;
  g_auto (BaruaXForm) xform = { 0 };

  ck_assert_msg (barua_xform_read (barua_text (c->text), &xform, &error), "%s: %s", c->why,
                 error != NULL ? error->message : "");
  ck_assert_msg (g_strcmp0 (xform.title, c->title) == 0, "%s: title %s", c->why, xform.title);
  ck_assert_msg (g_strcmp0 (xform.form_id, c->form_id) == 0, "%s: id %s", c->why, xform.form_id);
  ck_assert_msg (g_strcmp0 (xform.version, c->version) == 0, "%s: version %s", c->why,
                 xform.version);
}
END_TEST

typedef struct
{
  const char *text;
  const char *reason; /* a part of it */
} Refusal;

static const Refusal refusals[] = {
  { "", "line 1, column 1: the document ends before its first element" },
  { "<a>", "line 1, column 1: the document ends" },
  { "x", "line 1, column 1: " },
  { "<a>x", "the document ends inside an element" },
  { "<a/>x", "at the end of the document" },
  { "<a><!-- a -- b --></a>", "hyphen" },
  { "<a></b>", "mismatch" },
  { "<a/><b/>", "line 1, column " },
  { "<a>\n<b>\n</a>", "line 3, column " },
  { "<a b=1/>", "line 1, column " },
  { "<a b=\"1\" b=\"2\"/>", "redefined" },
  { "<a>&nbsp;</a>", "nbsp" },
  { "<a b=\"&nbsp;\"/>", "nbsp" },
  { "<a>\x01</a>", "line 1, column " },
  { "<a>\xFF</a>", "line 1, column " },
  { "<a>\xC0\x80</a>", "line 1, column " },
  { "<?xml version=\"1.0\" encoding=\"no-such\"?><a/>", "no-such" },
  { "<!DOCTYPE a><a/>", "document type declaration" },
  { "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", "document type declaration" },
  { "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>", "document type" },
  { "<!DOCTYPE a [<!ENTITY x \"y\"><!ENTITY z \"&x;&x;\">]><a>&z;</a>", "document type" },
  { "<!DOCTYPE a [<!ENTITY % p SYSTEM \"http://127.0.0.1:1/\"> %p;]><a/>", "document type" },
  { "{\"json\":true}", "line 1, column 1: " },
};

static void
assert_refused (BaruaText text, const char *reason)
{
  g_autoptr (GError) error = NULL;
  BaruaXForm xform = { .title = NULL, .has_id = 7 };

  ck_assert_msg (!barua_xform_read (text, &xform, &error), "accepted: %.60s", text.p);
  ck_assert (g_error_matches (error, BARUA_FORMS_ERROR, BARUA_FORMS_ERROR_XML));
  ck_assert_msg (strstr (error->message, reason) != NULL, "%.60s: %s", text.p, error->message);
  ck_assert (strpbrk (error->message, "\r\n") == NULL);
  ck_assert (g_utf8_validate (error->message, -1, NULL));
  ck_assert_int_eq (xform.has_id, 7); /* out-parameters are left alone */
}

START_TEST (xform_refusal) { assert_refused (barua_text (refusals[_i].text), refusals[_i].reason); }
END_TEST

/* A text of @n times @piece between @before and @after. */
static GString *
repeat (const char *before, const char *piece, guint n, const char *after)
{
  GString *text = g_string_new (before);

  for (guint i = 0; i < n; i++)
    g_string_append (text, piece);
  return g_string_append (text, after);
}

static gboolean
is_read (const GString *text)
{
  g_auto (BaruaXForm) xform = { 0 };

  return barua_xform_read ((BaruaText){ text->str, text->len }, &xform, NULL);
}

START_TEST (xform_depth)
{
  for (guint depth = 199; depth <= 202; depth++)
    {
      g_autoptr (GString) text = repeat ("", "<a>", depth, "");
      g_autoptr (GString) ends = repeat ("", "</a>", depth, "");
      g_string_append_len (text, ends->str, (gssize)ends->len);
      if (depth <= 200)
        ck_assert (is_read (text));
      else
        assert_refused ((BaruaText){ text->str, text->len }, "nested too deeply");
    }
  g_autoptr (GString) open = repeat ("", "<a>", 1000000, "");
  assert_refused ((BaruaText){ open->str, open->len }, "nested too deeply");
}
END_TEST

START_TEST (xform_tags)
{
  g_autoptr (GString) text = g_string_new ("<a");

  for (guint i = 0; i < 201; i++)
    g_string_append_printf (text, " a%u=''", i);
  g_string_append (text, "/>");
  assert_refused ((BaruaText){ text->str, text->len }, "too many attributes");

  for (guint n = 50000; n <= 200000; n += 150000)
    {
      g_autoptr (GString) attribute = repeat ("<a b=\"", "x", n, "\"/>");
      if (n == 50000)
        ck_assert (is_read (attribute));
      else
        assert_refused ((BaruaText){ attribute->str, attribute->len }, "a tag is too long");
    }
  g_autoptr (GString) endless = repeat ("<a ", "b ", 3000000, "");
  assert_refused ((BaruaText){ endless->str, endless->len }, "line 1");
}
END_TEST

START_TEST (xform_sizes)
{
  g_autoptr (GString) comment = repeat ("<a><!--", "x <b> ", 500000, "--></a>");
  g_autoptr (GString) text = repeat ("<a>", "x &amp; ", 400000, "</a>");
  g_autoptr (GString) title
      = repeat ("<h:html><h:head><h:title>", "x", 65536, "</h:title></h:head></h:html>");
  g_autoptr (GString) large = repeat ("<a>", "x", BARUA_XFORM_MAX_BYTES, "</a>");

  ck_assert (is_read (comment));
  g_autoptr (GString) hyphens = repeat ("<a><!--", "<!--", 1000000, "--></a>");
  assert_refused ((BaruaText){ hyphens->str, hyphens->len }, "hyphens in a comment");
  ck_assert (is_read (text));
  ck_assert (is_read (title));
  g_string_insert (title, 30, "y");
  assert_refused ((BaruaText){ title->str, title->len }, "title is too long");
  assert_refused ((BaruaText){ large->str, large->len }, "longer than 8 MiB");
}
END_TEST

/* Every beginning of a form is refused, and without reading beyond it. */
START_TEST (xform_prefixes)
{
  const char *whole = cases[0].text;

  for (gsize n = 0; n < strlen (whole); n++)
    {
      g_autofree char *exact = g_memdup2 (whole, MAX (n, 1));
      assert_refused ((BaruaText){ exact, n }, "line 1");
    }
}
END_TEST

START_TEST (xform_faults)
{
  static const struct
  {
    const char *text;
    const char *fault; /* its beginning; NULL: none */
  } faults[] = {
    { "<a/>", "no title" },
    { TITLE ("T"), "no instance" },
    { HEAD ("<h:title>T</h:title><model><instance/></model>"), "no instance" },
    { HEAD ("<h:title>T</h:title><model><instance><d/></instance></model>"), "no id" },
    { HEAD ("<h:title>T</h:title><model><instance><d id=''/></instance></model>"), "no id" },
    { HEAD ("<h:title>T</h:title><model><instance><d id='d'/></instance></model>"), NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (faults); i++)
    {
      g_auto (BaruaXForm) xform = { 0 };
      ck_assert (barua_xform_read (barua_text (faults[i].text), &xform, NULL));
      const char *fault = barua_xform_fault (&xform);
      if (faults[i].fault == NULL)
        ck_assert_ptr_null (fault);
      else
        ck_assert_msg (fault != NULL && g_str_has_prefix (fault, faults[i].fault), "%s", fault);
    }
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("xform");
  TCase *tc = tcase_create ("xform");

  tcase_add_loop_test (tc, xform_case, 0, G_N_ELEMENTS (cases));
  tcase_add_loop_test (tc, xform_refusal, 0, G_N_ELEMENTS (refusals));
  tcase_add_test (tc, xform_depth);
  tcase_add_test (tc, xform_tags);
  tcase_add_test (tc, xform_sizes);
  tcase_add_test (tc, xform_prefixes);
  tcase_add_test (tc, xform_faults);
  suite_add_tcase (suite, tc);
  return suite;
}
