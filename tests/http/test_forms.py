# SPDX-License-Identifier: MIT
"""GET /api/v1/forms and /api/v1/forms/{code}.json: settings-and-forms.md 4."""

import unittest

from harness import FORMS, JSON_TYPE, ServerCase, field, main, replies_settings


def form(code):
    return {"meta": {"code": code}, "fields": {"a": field("string", "a")}}


FOUR = {"P": form("P"), "OFF": {"meta": {"code": "OFF"}}, "AB": form("AB"), "Ab": form("Ab"),
        "Z.9": form("Z.9")}


def setUpModule():
    ServerCase.begin()
    ServerCase.server.client().settings(replies_settings(forms=FOUR))


def tearDownModule():
    ServerCase.end()


class List(ServerCase):
    def test_names_in_settings_order(self):
        answer = self.check(self.c.get("/api/v1/forms"), 200)
        self.assertEqual(answer.header("content-type"), "application/json; charset=utf-8")
        self.assertEqual(answer.text.rstrip("\n"),
                         '["P.json","OFF.json","AB.json","Ab.json","Z.9.json"]')

    def test_head(self):
        head = self.c.request("HEAD", "/api/v1/forms")
        self.assertEqual((head.status, head.body), (200, b""))

    def test_trailing_slash(self):
        answer = self.c.get("/api/v1/forms/")
        self.assertEqual(answer.status, 301)
        self.assertTrue(answer.header("location").endswith("/api/v1/forms"))

    def test_open_rosa_list_has_no_json_forms(self):
        for version in ("1.0", "2.0", "x"):
            answer = self.c.get("/api/v1/forms", {"X-OpenRosa-Version": version})
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.header("content-type"), "text/xml; charset=utf-8")
            self.assertEqual(answer.header("x-openrosa-version"), "1.0")
            self.assertEqual(answer.text, '<?xml version="1.0" encoding="UTF-8"?>\n'
                             '<xforms xmlns="http://openrosa.org/xforms/xformsList"/>')

    def test_login_is_needed(self):
        answer = self.c.get("/api/v1/forms", {"Accept": JSON_TYPE}, auth=False)
        self.check(answer, 401, {"code": 401, "error": "unauthorized"})
        for agent in (None, "Dalvik/2.1.0 org.medicmobile.collect.android/2"):
            answer = self.c.get("/api/v1/forms", {"X-OpenRosa-Version": "1.0",
                                                  **({"User-Agent": agent} if agent else {})},
                                auth=False)
            self.assertEqual(answer.status, 401)
            self.assertIn("Basic", answer.header("www-authenticate") or "")

    def test_public_forms(self):
        settings = replies_settings(forms=FOUR)
        self.c.settings({**settings, "barua": {"public_forms": True}})
        try:
            for path in ("/api/v1/forms", "/api/v1/forms/P.json"):
                self.assertEqual(self.c.get(path, auth=False).status, 200, path)
        finally:
            self.c.settings(settings)
        self.assertEqual(self.c.get("/api/v1/forms", {"Accept": JSON_TYPE}, auth=False).status, 401)

    def test_no_forms_at_all(self):
        try:
            for forms in ({"forms": {}}, {}):
                settings = replies_settings()
                del settings["forms"]
                self.c.settings({**settings, **forms})
                self.check(self.c.get("/api/v1/forms"), 200, [])
        finally:
            self.c.settings(replies_settings(forms=FOUR))


class Fetch(ServerCase):
    def test_definition(self):
        for code in FOUR:
            with self.subTest(code):
                answer = self.check(self.c.get(f"/api/v1/forms/{code}.json"), 200, FOUR[code])
                self.assertEqual(answer.header("content-type"), "application/json; charset=utf-8")

    def test_member_order_is_kept(self):
        forms = {"Q": {"use_sentinel": False, "meta": {"label": {"en": "Q"}, "code": "Q"},
                       "fields": {k: field("integer", k) for k in ("z", "a", "m")}}}
        self.c.settings(replies_settings(forms=forms))
        try:
            value = self.c.get("/api/v1/forms/Q.json").json()
            self.assertEqual((list(value), list(value["fields"]), list(value["meta"])),
                             (["use_sentinel", "meta", "fields"], ["z", "a", "m"],
                              ["label", "code"]))
        finally:
            self.c.settings(replies_settings(forms=FOUR))

    def test_case(self):
        """4.3: exact first, then a unique match ignoring case."""
        for name, code in (("p", "P"), ("off", "OFF"), ("AB", "AB"), ("Ab", "Ab"), ("z.9", "Z.9"),
                           ("%50", "P")):
            with self.subTest(name):
                self.check(self.c.get(f"/api/v1/forms/{name}.json"), 200, FOUR[code])
        self.assertEqual(self.c.get("/api/v1/forms/ab.json").status, 404)

    def test_errors(self):
        for name, status, text in (
                ("visit", 400, 'Invalid form name (form="", format="visit")'),
                ("xml", 400, 'Invalid form name (form="", format="xml")'),
                (".xml", 400, 'Invalid form name (form="", format="xml")'),
                ("visit.", 400, 'Invalid file format (format="")'),
                ("visit.pdf", 400, 'Invalid file format (format="pdf")'),
                ("reg.v2.pdf", 400, 'Invalid file format (format="pdf")'),
                ("nope.xml", 404, "Form not found: nope (xml)"),
                ("nope.json", 404, "Form not found: nope (json)"),
                ("reg.v2.json", 404, "Form not found: reg.v2 (json)"),
                ("form%3Ax.json", 404, "Form not found: form:x (json)")):
            with self.subTest(name):
                answer = self.c.get("/api/v1/forms/" + name, {"Accept": JSON_TYPE})
                self.check(answer, status, {"code": status, "error": text})
                answer = self.c.get("/api/v1/forms/" + name)
                self.assertEqual((answer.status, answer.text, answer.header("content-type")),
                                 (status, text, "text/plain"))

    def test_new_forms_are_there_at_once(self):
        self.assertEqual(self.c.get("/api/v1/forms/NEW.json").status, 404)
        self.check(self.c.put("/api/v1/settings", {"forms": {"NEW": form("NEW")}}), 200)
        self.check(self.c.get("/api/v1/forms/NEW.json"), 200, form("NEW"))
        self.c.settings(replies_settings(forms=FOUR))
        self.assertEqual(self.c.get("/api/v1/forms/NEW.json").status, 404)


if __name__ == "__main__":
    main()
