# SPDX-License-Identifier: MIT
"""POST /api/v1/forms/explain and /validate: messaging.md 3.9, settings-and-forms.md 6.1."""

import json
import os
import subprocess
import tempfile
import threading
import time
import unittest

from harness import FORMS, JSON_TYPE, ServerCase, binary, field, main, replies_settings

EXPLAIN = "/api/v1/forms/explain"
VALIDATE = "/api/v1/forms/validate"
OTHER = {"meta": {"code": "OTH"}, "fields": {"a": field("integer", "a"), "b": field("phone_number", "b")}}


def setUpModule():
    ServerCase.begin()
    ServerCase.server.client().settings(replies_settings())


def tearDownModule():
    ServerCase.end()


def without_clock(value):
    return {k: v for k, v in value.items() if k != "reported_date"}


class Design(ServerCase):
    def parse(self, message, settings=None, definition=None):
        """What `barua parse --explain` prints."""
        with tempfile.TemporaryDirectory(prefix="barua-design-") as folder:
            args = [binary(), "parse", "--explain"]
            for name, value in (("settings", settings), ("definition", definition)):
                if value is not None:
                    path = os.path.join(folder, name + ".json")
                    with open(path, "w", encoding="utf-8") as f:
                        json.dump(value, f)
                    args += ["--" + name, path]
            done = subprocess.run(args, input=json.dumps(message) + "\n", capture_output=True,
                                  text=True, check=True, timeout=60, env=dict(os.environ, TZ="UTC"))
        return json.loads(done.stdout)

    def count(self):
        return len(self.c.documents())


class Explain(Design):
    def same(self, message, settings, definition=None, sent=None):
        body = {**message, **(sent or {})}
        answer = self.check(self.c.post(EXPLAIN, body), 200)
        self.assertEqual(answer.header("content-type"), "application/json; charset=utf-8")
        wanted = self.parse({"from": "", **message}, settings, definition)
        self.assertEqual(without_clock(answer.json()), without_clock(wanted))
        self.assertIn("explain", answer.json())
        return answer.json()

    def test_settings_in_force(self):
        for text in ("1!YYYZ!Sam#23#2015#ANC", "J1!YYYZ!nur#Sam#wk#x", "YYYZ nur Sam#wk 23#zz 1",
                     "YYYZ Sam 23 2015 ANC", "YYZ Sam 23", "hello there", "", "1!YYYZ!a#b#c#d#e"):
            with self.subTest(text):
                self.same({"message": text, "from": "+254712345678"}, replies_settings())

    def test_what_it_says(self):
        value = self.check(self.c.post(EXPLAIN, {"message": "1!YYYZ!Sam#x"}), 200).json()
        self.assertEqual((value["form"], value["format"], value["fields"]),
                         ("YYYZ", "muvuku", {"nurse": "Sam", "week": None}))
        tokens = [t for t in value["explain"]["tokens"] if t["as"] != "separator"]
        self.assertEqual([(t["as"], t["text"]) for t in tokens],
                         [("header", "1"), ("code", "YYYZ"), ("value", "Sam"), ("value", "x")])
        self.assertEqual((tokens[3]["field"], tokens[3]["offset"], tokens[3]["reason"]),
                         ("week", 11, "not a number"))
        near = self.check(self.c.post(EXPLAIN, {"message": "YYZ Sam 23"}), 200).json()
        self.assertEqual(near["explain"]["nearest"],
                         [{"form": "YYYZ", "message": "YYYZ Sam 23"}])

    def test_optional_members(self):
        for message in ({"message": "YYYZ Sam"}, {"message": "YYYZ Sam", "locale": "sw"},
                        {"message": "PREG 1", "locale": "fr", "from": "0712345678"}):
            with self.subTest(message):
                self.same(message, replies_settings())
        answer = self.c.post(EXPLAIN, {"message": "YYYZ Sam", "from": None, "locale": None,
                                       "settings": None, "definition": None})
        self.check(answer, 200)

    def test_given_settings(self):
        settings = {"forms": {"OTH": OTHER}, "default_country_code": 977}
        value = self.same({"message": "OTH 5 9841234567"}, settings, sent={"settings": settings})
        self.assertEqual(value["fields"]["a"], 5)
        value = self.check(self.c.post(EXPLAIN, {"message": "1!YYYZ!Sam", "settings": {}}), 200)
        self.assertEqual(value.json()["fields"], {})

    def test_given_definition(self):
        """Around it stand the settings in force: their country, language and texts."""
        value = self.same({"message": "OTH 5 0712345678"}, replies_settings(), OTHER,
                          sent={"definition": OTHER})
        self.assertEqual(value["fields"], {"a": 5, "b": "+254712345678"})
        # whatever code the message begins with, and without a code of its own
        bare = {"fields": OTHER["fields"]}
        value = self.same({"message": "1!NOPE!5"}, replies_settings(), bare,
                          sent={"definition": bare})
        self.assertEqual(value["fields"], {"a": 5})

    def test_definition_in_given_settings(self):
        settings = {"default_country_code": 256, "forms": FORMS}
        value = self.same({"message": "OTH 5 0712345678"}, settings, OTHER,
                          sent={"definition": OTHER, "settings": settings})
        self.assertEqual(value["fields"], {"a": 5, "b": "+256712345678"})

    def test_nothing_is_stored(self):
        before = self.count()
        queue = self.c.sms()
        for body in ({"message": "1!YYYZ!Sam"}, {"message": "hello", "definition": OTHER},
                     {"message": "x", "settings": {"forms": {}}}):
            self.check(self.c.post(EXPLAIN, body), 200)
        self.assertEqual(self.count(), before)
        self.assertEqual(self.c.sms(), queue)
        self.check(self.c.get("/api/v1/forms/OTH.json"), 404)

    def test_bad_input(self):
        for body, text in (
                ({}, "message: missing; expected the text of an SMS"),
                ({"message": None}, "message: is null; expected a string"),
                ({"message": ["x"]}, "message: is an array; expected a string"),
                ({"message": "x", "from": {}}, "from: is an object; expected a string"),
                ({"message": "x", "locale": True}, "locale: is true; expected a string"),
                ({"message": "x", "settings": []}, "settings: is an array; expected an object"),
                ({"message": "x", "definition": "P"},
                 "definition: is a string; expected an object"),
                ([], 'the body is an array; expected an object with the member "message"'),
                ({"message": "x" * 65537}, "message is longer than 65536 bytes")):
            with self.subTest(text):
                self.check(self.c.post(EXPLAIN, body), 400, {"code": 400, "error": text})
        plain = self.c.post(EXPLAIN, {}, {"Accept": "*/*"})
        self.assertEqual((plain.status, plain.text, plain.header("content-type")),
                         (400, "message: missing; expected the text of an SMS", "text/plain"))

    def test_odd_definitions(self):
        """What cannot be used counts as absent; nothing crashes."""
        for definition in ({}, {"meta": 5}, {"meta": {"code": ""}, "fields": []},
                           {"fields": {"a": None, "b": {"list": 5}, "c": {"labels": []}}},
                           {"meta": {"code": "\u0000\ufeff"}, "fields": {"": {"type": "integer"}}}):
            with self.subTest(definition):
                for message in ("P 1#2", "1!P!1", "J1!P!a#b", "P a 1#b 2"):
                    self.same({"message": message}, replies_settings(), definition,
                              sent={"definition": definition})

    def test_malformed_body(self):
        answer = self.c.post(EXPLAIN, '{"message": "x",}')
        self.assertEqual(answer.status, 400)
        self.assertRegex(answer.json()["error"], r"^invalid JSON: line 1 column 17, ")
        answer = self.c.form(EXPLAIN, {"message": "x"})
        self.check(answer, 400, {"code": 400, "error": "Content-Type must be application/json"})

    def test_rights(self):
        for path in (EXPLAIN, VALIDATE):
            answer = self.c.post(path, {"message": "x"}, auth=False)
            self.assertEqual(answer.status, 401, path)
            refused = self.c.request("PUT", path, "{}", {"Content-Type": JSON_TYPE})
            self.assertEqual(refused.status, 405)
            self.assertIn("POST", refused.header("allow"))

    def test_permission(self):
        """users.md 1.1: can_configure; needs a way to make a second account."""
        made = subprocess.run([binary(), "user", "add", "--help"], capture_output=True, check=False)
        if made.returncode != 0:
            self.skipTest("this part has no way to make a second account")
        subprocess.run([binary(), "user", "add", "--database", self.server.database, "--role",
                        "gateway", "phone3"], check=True, text=True, input="An0ther.pass-word\n")
        phone = self.server.client(user="phone3", password="An0ther.pass-word")
        refused = {"error": "Insufficient privileges"}
        self.check(phone.post(EXPLAIN, {"message": "x"}), 403, {"code": 403, **refused})
        self.check(phone.post(VALIDATE, {"message": "x"}), 403, refused)

    def test_longest_message(self):
        """64 KiB of tokens, each explained."""
        text = ("YYYZ " + "nur x#" * 20000)[:65536]
        value = self.check(self.c.post(EXPLAIN, {"message": text}), 200).json()
        tokens = value["explain"]["tokens"]
        self.assertEqual(sum(t["length"] for t in tokens), 65536)

    def test_large_settings_do_not_block(self):
        """While big settings are compiled the others are served."""
        fields = {f"field_{i}": field("integer", f"tiny_{i}") for i in range(150)}
        forms = {f"F{i}": {"meta": {"code": f"F{i}"}, "fields": fields} for i in range(150)}
        body = json.dumps({"message": "F7 tiny_3 5", "settings": {"forms": forms}})
        done = []

        def explain():
            done.append(self.server.client(timeout=120).post(EXPLAIN, body))

        thread = threading.Thread(target=explain)
        thread.start()
        slowest = 0.0
        while thread.is_alive():
            begin = time.monotonic()
            self.assertEqual(self.c.get("/api/sms").status, 200)
            slowest = max(slowest, time.monotonic() - begin)
        thread.join()
        value = self.check(done[0], 200).json()
        self.assertEqual(value["form"], "F7")
        self.assertLess(slowest, 5)


class Validate(Design):
    def good(self, body, warnings=(), path=VALIDATE):
        value = self.check(self.c.post(path, body), 200).json()
        self.assertIs(value["ok"], True)
        self.assertEqual([w["path"] for w in value["warnings"]], list(warnings))
        return value

    def bad(self, body, *errors):
        value = self.check(self.c.post(VALIDATE, body), 400).json()
        self.assertEqual(value["code"], 400)
        self.assertEqual([(e["path"], e["message"]) for e in value["details"]], list(errors))
        n = len(errors)
        self.assertEqual(value["error"], f"{n} problem{'' if n == 1 else 's'} in forms")
        return value

    INT = 'unknown type "int"; did you mean "integer"?'

    def test_one_definition(self):
        self.good(OTHER)
        self.good({"meta": {"code": "OFF"}}, ["forms.OFF.fields"])
        broken = {"meta": {"code": "P"}, "fields": {"a": field("int", "a")}}
        self.bad(broken, ("forms.P.fields.a.type", self.INT))
        self.bad({"fields": broken["fields"]}, ("form.fields.a.type", self.INT))

    def test_forms_object(self):
        self.good(FORMS, [w["path"] for w in self.good({"forms": FORMS}, self.paths(FORMS))["warnings"]])
        self.bad({"P": {"meta": {"code": "P"}, "fields": {"a": field("int", "a")}}, "Q": 5},
                 ("forms.P.fields.a.type", self.INT),
                 ("forms.Q", "is a number; expected a form definition, an object"))
        self.good({})

    def paths(self, forms):
        answer = self.c.post(VALIDATE, {"forms": forms}).json()
        return [w["path"] for w in answer["warnings"]]

    def test_settings(self):
        settings = replies_settings(forms={"P": {"fields": {"a": field("int", "a")}}})
        value = self.bad(settings, ("forms.P.fields.a.type", self.INT))
        self.assertEqual([w["path"] for w in value["warnings"]], ["forms.P.meta"])
        self.good({**settings, "barua": {"form_rules": "warn"}},
                  ["forms.P.meta", "forms.P.fields.a.type"])
        self.good(settings, ["forms.P.meta", "forms.P.fields.a.type"],
                  path=VALIDATE + "?form_rules=warn")

    def test_same_words_as_put_and_command_line(self):
        forms = {"J1": {"meta": {"code": "J1"}, "fields": {
            "a": {"type": "integer", "labels": {"tiny": "q1"}},
            "Age": {"type": "string"}, "c": {"type": "string", "labels": {"tiny": "12"}}}}}
        found = self.good({"forms": forms}, [
            "forms.J1", "forms.J1.fields.a.labels.tiny", "forms.J1.fields.Age.labels.tiny",
            "forms.J1.fields.c.labels.tiny", "forms.J1.fields.c.labels.tiny"])["warnings"]
        try:
            put = self.check(self.c.put("/api/v1/settings?overwrite=1",
                                        replies_settings(forms=forms)), 200).json()
        finally:
            self.c.settings(replies_settings())
        self.assertEqual(put["warnings"], found)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
            json.dump({"forms": forms}, f)
            f.flush()
            done = subprocess.run([binary(), "forms", "check", f.name], capture_output=True,
                                  text=True, check=True, timeout=60)
            lines = [f"{f.name}: {w['path']}: warning: {w['message']}" for w in found]
        self.assertEqual(done.stdout.splitlines(), lines)

    def test_no_forms(self):
        self.check(self.c.post(VALIDATE, {"locale": "en"}), 400, {
            "error": "expected a form definition, an object of definitions by code, "
                     "or settings with \"forms\""})
        self.bad([], ("forms", "is an array; expected an object of form definitions by code"))

    def test_always_json(self):
        for accept in ("text/plain", "*/*", "text/html"):
            for body in ('{"forms": []}', "{", '{"locale": "en"}'):
                answer = self.c.post(VALIDATE, body, {"Accept": accept})
                self.assertEqual(answer.status, 400)
                self.assertEqual(answer.header("content-type"), "application/json; charset=utf-8")
                self.assertIn("error", answer.json())
        answer = self.c.post(VALIDATE, '{"fields": {\n "a": }}')
        self.assertRegex(answer.json()["error"], r"^invalid JSON: line 2 column 7, ")

    def test_other_types(self):
        """XForms are in test_xforms.py."""
        for headers in ({"Content-Type": "image/png"}, {}):
            answer = self.c.request("POST", VALIDATE, "{}", headers)
            self.check(answer, 400, {"error": "Content-Type must be application/xml, text/plain "
                                              "or application/json"})

    def test_nothing_is_stored(self):
        before = self.count()
        self.good({"forms": {"OTH": OTHER}})
        self.assertEqual(self.count(), before)
        self.check(self.c.get("/api/v1/forms/OTH.json", {"Accept": JSON_TYPE}), 404)


if __name__ == "__main__":
    main()
