# SPDX-License-Identifier: MIT
"""POST /api/v1/records and /api/v2/records: messaging.md 6."""

import gzip
import json
import time
import unittest

from harness import FORM_TYPE, HEX32, JSON_TYPE, ServerCase, field, main, replies_settings

V1, V2 = "/api/v1/records", "/api/v2/records"

SERVER_ERROR = {"code": 500, "error": "Server error"}


def failure(reason):
    return {**SERVER_ERROR, "details": reason}


def setUpModule():
    ServerCase.begin()
    ServerCase.server.client().settings(replies_settings(transitions={}))


def tearDownModule():
    ServerCase.end()


class Base(ServerCase):
    def stored(self, response):
        """The record that the answer names."""
        value = self.check(response, 200).json()
        self.assertEqual(set(value), {"success", "id"})
        self.assertIs(value["success"], True)
        self.assertRegex(value["id"], HEX32)
        found = self.c.get("/medic/" + value["id"])
        self.assertEqual(found.status, 200, found)
        return found.json()


class Errors(Base):
    """Every row of 6.3, as JSON and as text."""

    def both(self, send, value):
        """@send gets the Accept header; checks the JSON and the text form of the error."""
        answer = send(JSON_TYPE)
        self.check(answer, value["code"], value)
        self.assertEqual(answer.header("content-type"), "application/json; charset=utf-8")
        answer = send("text/plain")
        text = value["error"]
        if "details" in value:
            text += ": " + json.dumps(value["details"])
        self.assertEqual((answer.status, answer.text), (value["code"], text))
        self.assertEqual(answer.header("content-type"), "text/plain")

    def rows(self, rows, send):
        before = len(self.c.records())
        for path in (V1, V2):
            for body, expected in rows:
                with self.subTest(path=path, body=body):
                    self.both(lambda accept: send(path, body, {"Accept": accept}), expected)
        self.assertEqual(len(self.c.records()), before, "a refused record was stored")

    def test_form(self):
        self.rows([("message=x", failure("Missing required value: from")),
                   ("", failure("Missing required value: from")),
                   ("x=y", failure("Missing required value: from")),
                   ("from=%2B254712345678", failure("Missing required field: message"))],
                  self.c.form)

    def test_json(self):
        self.rows([({"nurse": "Sam"}, failure("Missing _meta property.")),
                   ({}, failure("Missing _meta property.")),
                   ("[]", failure("Missing _meta property.")),
                   ("", failure("Missing _meta property.")),
                   ({"_meta": None}, failure("Missing _meta property.")),
                   ({"_meta": ""}, failure("Missing _meta property.")),
                   ({"_meta": {}}, failure("Missing required field: form")),
                   ({"_meta": {"form": ""}}, failure("Missing required field: form")),
                   ({"_meta": {"form": None}}, failure("Missing required field: form")),
                   ({"_meta": {"form": "NOPE"}}, failure("Form not found: NOPE")),
                   ({"_meta": {"form": "nope"}}, failure("Form not found: NOPE")),
                   # parsing.md D5
                   ({"_meta": {"form": 5}}, failure("Missing required field: form")),
                   ({"_meta": {"form": ["YYYZ"]}}, failure("Missing required field: form")),
                   ('{"_meta":{"form":"YYYZ"}', SERVER_ERROR), ("{'a':1}", SERVER_ERROR),
                   ('"text"', SERVER_ERROR), ("null", SERVER_ERROR)], self.c.post)

    def test_unknown_form_whatever_the_mode(self):
        self.c.settings(replies_settings(transitions={}, forms_only_mode=True))
        try:
            self.check(self.c.post(V1, {"_meta": {"form": "nope"}}), 500,
                       failure("Form not found: NOPE"))
        finally:
            self.c.settings(replies_settings(transitions={}))

    def test_other_content_types(self):
        for kind in ("text/plain", "application/xml", "multipart/form-data; boundary=x", None):
            for path in (V1, V2):
                with self.subTest(kind=kind, path=path):
                    def send(accept):
                        headers = {"Accept": accept}
                        if kind:
                            headers["Content-Type"] = kind
                        return self.c.request("POST", path, "from=1&message=x", headers)
                    self.both(send, SERVER_ERROR)

    def test_malformed_json_comes_before_the_login(self):
        """Check 11, second half."""
        for path in (V1, V2, "/api/sms"):
            with self.subTest(path):
                self.check(self.c.post(path, '{"a":', auth=False), 500, SERVER_ERROR)

    def test_not_logged_in(self):
        for path in (V1, V2):
            self.check(self.c.post(path, {}, auth=False), 401,
                       {"code": 401, "error": "unauthorized"})
            answer = self.c.form(path, {"from": "1", "message": "x"}, {"Accept": "text/plain"},
                                 auth=False)
            self.assertEqual((answer.status, answer.text), (401, "not logged in"))

    def test_other_methods(self):
        for path in (V1, V2):
            for method in ("GET", "PUT", "DELETE"):
                with self.subTest(path=path, method=method):
                    answer = self.c.request(method, path, None, {"Accept": JSON_TYPE})
                    self.check(answer, 405, {"code": 405, "error": "Method Not Allowed"})
                    self.assertEqual(answer.header("allow").replace(" ", ""), "POST")


class Form(Base):
    """6.1: form-encoded bodies."""

    def test_the_reference_example(self):
        body = "message=1!YYYZ!Sam%2323%232015%23ANC&from=+5511943348031" \
               "&reported_date=1352399720000"
        self.c.settings(replies_settings(transitions={}, default_country_code=55))
        try:
            record = self.stored(self.c.request("POST", V1, body, {"Content-Type": FORM_TYPE}))
        finally:
            self.c.settings(replies_settings(transitions={}))
        self.assertEqual(record["from"], "+5511943348031")
        self.assertEqual(record["reported_date"], 1352399720000)
        self.assertEqual(record["fields"],
                         {"nurse": "Sam", "week": 23, "year": 2015, "visit": "ANC"})
        self.assertEqual((record["type"], record["form"], record["errors"]),
                         ("data_record", "YYYZ", []))

    def test_the_reference_example_as_printed(self):
        """The number signs stand unescaped in a body, where they mean nothing special."""
        record = self.stored(self.c.form(
            V1, "message=1!YYYZ!Sam#23#2015#ANC&from=+5511943348031&reported_date=1352399720000"))
        self.assertEqual(record["fields"],
                         {"nurse": "Sam", "week": 23, "year": 2015, "visit": "ANC"})

    def test_leading_space_is_a_plus(self):
        record = self.stored(self.c.form(V1, "message=x&from=+254712000111"))
        self.assertEqual(record["from"], "+254712000111")
        record = self.stored(self.c.form(V1, "message=x&from=+Safaricom"))
        self.assertEqual(record["from"].strip(), "Safaricom")

    def test_empty_values(self):
        record = self.stored(self.c.form(V1, {"from": "", "message": "hello"}))
        self.assertEqual(record["sms_message"]["message"], "hello")
        record = self.stored(self.c.form(V1, {"from": self.number(), "message": ""}))
        self.assertEqual([e["code"] for e in record["errors"]], ["sys.empty"])
        self.assertEqual(record["errors"][0]["message"], "Message appears empty.")

    def test_dates(self):
        for values, expected in (
                ({"reported_date": "1352399720000"}, 1352399720000),
                ({"sent_timestamp": "1352399720001"}, 1352399720001),
                ({"reported_date": "1352399720002", "sent_timestamp": "1352399720003"},
                 1352399720002),
                ({"sent_timestamp": "2012-11-08"}, 1352332800000),
                ({"reported_date": "soon"}, None), ({"sent_timestamp": "1352399720"}, None),
                ({}, None)):
            with self.subTest(values=values):
                before = time.time() * 1000 - 1000
                record = self.stored(self.c.form(V1, {"from": self.number(), "message": "x",
                                                      **values}))
                if expected:
                    self.assertEqual(record["reported_date"], expected)
                else:
                    self.assertTrue(before < record["reported_date"] < time.time() * 1000 + 1000)

    def test_locale(self):
        text = {"en": "Message appears empty.", "fr": "Le message reçu est vide.",
                "sw": "Ujumbe unaonekana kama ni mtupu."}
        for path, query, body, expected in (
                (V1, "", None, "en"), (V1, "?locale=fr", None, "fr"),
                (V1, "?locale=fr", "sw", "sw"), (V1, "", "sw", "sw"),
                (V2, "?locale=fr", None, "en"), (V2, "?locale=fr", "sw", "sw")):
            with self.subTest(path=path, query=query, body=body):
                values = {"from": self.number(), "message": " "}
                if body:
                    values["locale"] = body
                record = self.stored(self.c.form(path + query, values))
                self.assertEqual(record["errors"],
                                 [{"code": "sys.empty", "message": text[expected]}])

    def test_gateway_ref_is_kept(self):
        ref = self.reference()
        record = self.stored(self.c.form(V1, {"from": "12345678", "message": "x",
                                              "gateway_ref": ref, "other": "dropped"}))
        self.assertEqual(record["sms_message"]["gateway_ref"], ref)
        self.assertNotIn("other", record["sms_message"])

    def test_repeated_keys(self):
        record = self.stored(self.c.form(V1, "from=1&from=2345678&message=a&message=b"))
        self.assertEqual((record["sms_message"]["from"], record["sms_message"]["message"]),
                         ("2345678", "b"))

    def test_encoding(self):
        record = self.stored(self.c.form(
            V1, "from=2345678&message=a%26b%3dc+d%2Be%25%0A%E0%A4%A8&x=%C3%A9"))
        self.assertEqual(record["sms_message"]["message"], "a&b=c d+e%\nन")

    def test_type_with_parameters(self):
        for kind in (FORM_TYPE + "; charset=utf-8", FORM_TYPE + ";charset=UTF-8"):
            self.stored(self.c.form(V1, {"from": "1", "message": "x"}, {"Content-Type": kind}))

    def test_gzip_body(self):
        body = gzip.compress(b"from=2345678&message=packed")
        record = self.stored(self.c.form(V1, body, {"Content-Encoding": "gzip"}))
        self.assertEqual(record["sms_message"]["message"], "packed")

    def test_unknown_form(self):
        """The last row but one of 6.3."""
        record = self.stored(self.c.form(V1, {"from": self.number(), "message": "NOPE 1"}))
        self.assertNotIn("form", record)
        self.assertEqual(record["errors"], [])
        self.c.settings(replies_settings(transitions={}, forms_only_mode=True))
        try:
            record = self.stored(self.c.form(V1, {"from": self.number(), "message": "NOPE 1"}))
        finally:
            self.c.settings(replies_settings(transitions={}))
        self.assertEqual(record["form"], "NOPE")
        self.assertEqual(record["errors"], [{"code": "sys.form_not_found",
                                             "message": "Form 'NOPE' not found."}])

    def test_zero_width_characters(self):
        """Differences of 5.2, adopted: found without them, stored as it came."""
        text = "\u200bYYYZ Sam 23 2015 ANC"
        record = self.stored(self.c.form(V1, {"from": self.number(), "message": text}))
        self.assertEqual((record["form"], record["fields"].get("week")), ("YYYZ", 23))
        self.assertEqual(record["sms_message"]["message"], text)

    def test_each_post_is_a_record(self):
        values = {"from": self.number(), "message": "twice"}
        self.assertNotEqual(self.stored(self.c.form(V1, values))["_id"],
                            self.stored(self.c.form(V1, values))["_id"])


class Json(Base):
    """6.2: JSON bodies."""

    def test_the_reference_example(self):
        for path in (V1, V2):
            record = self.stored(self.c.post(path, {
                "nurse": "Sam", "week": 23, "year": 2015, "visit": "ANC",
                "_meta": {"form": "YYYZ", "reported_date": 1352399720000}}))
            self.assertEqual((record["form"], record["reported_date"], record["errors"]),
                             ("YYYZ", 1352399720000, []))
            self.assertEqual(record["fields"],
                             {"nurse": "Sam", "week": 23, "year": 2015, "visit": "ANC"})
            self.assertEqual(record["sms_message"],
                             {"form": "YYYZ", "reported_date": 1352399720000})
            self.assertNotIn("from", record)

    def test_meta_is_kept_whole(self):
        meta = {"form": "yyyz", "from": "0712000222", "locale": "fr", "extra": {"a": [1, None]},
                "gateway_ref": self.reference()}
        record = self.stored(self.c.post(V1, {"week": 1, "_meta": meta}))
        self.assertEqual(record["sms_message"], {**meta, "form": "YYYZ"})
        self.assertEqual((record["form"], record["from"]), ("YYYZ", "+254712000222"))

    def test_names(self):
        record = self.stored(self.c.post(V1, {
            "Patient_ID": "1", "MOTHER_NAME": "Ann", "unknown": 5, "_meta": {"form": "PREG"}}))
        self.assertEqual(record["fields"], {"patient_id": "1", "mother_name": "Ann"})
        self.assertEqual(record["errors"], [])

    def test_values(self):
        for value, stored, codes in (
                ({"gravida": 3}, 3, []), ({"gravida": 3.0}, 3, []),
                ({"gravida": "3"}, "3", ["sys.incorrect_type"]),
                ({"gravida": 3.5}, 3.5, ["sys.incorrect_type"]),
                ({"gravida": True}, True, ["sys.incorrect_type"]),
                ({"high_risk": 1}, True, []), ({"high_risk": 0}, False, []),
                ({"high_risk": False}, False, []),
                ({"high_risk": "1"}, "1", ["sys.incorrect_type"]), ({"high_risk": None}, None, []),
                ({"lmp_date": "2024-01-05"}, 1704412800000, []), ({"lmp_date": "soon"}, None, []),
                ({"lmp_date": 1704412800000}, 1704412800000, []), ({"lmp_date": None}, None, [])):
            with self.subTest(value=value):
                record = self.stored(self.c.post(V1, {
                    "patient_id": "1", "mother_name": "A", **value, "_meta": {"form": "PREG"}}))
                (name, _), = value.items()
                self.assertEqual(record["fields"][name], stored)
                self.assertIs(type(record["fields"][name]),
                              int if value == {"gravida": 3.0} else type(stored))
                self.assertEqual([e["code"] for e in record["errors"]], codes)

    def test_missing_fields(self):
        record = self.stored(self.c.post(V1, {"patient_id": 1, "_meta": {"form": "PREG"}}))
        self.assertEqual(record["errors"], [
            {"code": "sys.incorrect_type",
             "message": "Incorrect type of field patient_id, expected string."},
            {"code": "sys.missing_fields", "message": "Missing or invalid fields: mother_name."}])

    def test_types_with_parameters(self):
        body = {"week": 1, "_meta": {"form": "YYYZ"}}
        for kind in ("application/json; charset=utf-8", "Application/JSON", "application/json;x=y"):
            with self.subTest(kind):
                self.stored(self.c.post(V1, body, {"Content-Type": kind}))

    def test_gzip_body(self):
        body = gzip.compress(json.dumps({"week": 1, "_meta": {"form": "YYYZ"}}).encode())
        self.stored(self.c.post(V1, body, {"Content-Encoding": "gzip"}))

    def test_dotted_fields(self):
        forms = {"DOT": {"meta": {"code": "DOT"}, "fields": {
            "quantity.a": field("integer", "qa"), "quantity.b": field("integer", "qb")}}}
        self.c.settings(replies_settings(transitions={}, forms=forms))
        try:
            record = self.stored(self.c.post(V1, {"quantity": {"a": 1, "b": 2, "c": 3},
                                                  "_meta": {"form": "DOT"}}))
            self.assertEqual(record["fields"], {"quantity": {"a": 1, "b": 2}})
            record = self.stored(self.c.form(V1, {"from": "1", "message": "1!DOT!5#6"}))
            self.assertEqual(record["fields"], {"quantity": {"a": 5, "b": 6}})
        finally:
            self.c.settings(replies_settings(transitions={}))


if __name__ == "__main__":
    main()
