# SPDX-License-Identifier: MIT
"""GET and POST /api/v1/contacts-by-phone: contacts.md 7."""

import unittest

import contacts
from contacts import OFFLINE, ContactsCase, begin, put
from harness import FORM_TYPE, JSON_TYPE, ServerCase, main

PATH = "/api/v1/contacts-by-phone"
LINE_B = {"error": "bad_request",
          "reason": "`phone` parameter is required and must be a valid phone number"}
NONE = {"error": "not_found", "reason": "no matches found"}
KENYAN, ROMANIAN = "+254712345678", "+40744999999"


def setUpModule():
    begin()
    c = ServerCase.server.client()
    for doc_id, kind, phone in (("ro", "person", ROMANIAN), ("a-second", "person", KENYAN),
                                ("zz-last", "clinic", KENYAN), ("no-contact", "other", KENYAN),
                                ("raw", "person", "0712 345 679")):
        put(c, {"_id": doc_id, "type": kind, "name": doc_id, "phone": phone})
    put(c, {"_id": "custom", "type": "contact", "contact_type": "x", "phone": "+254712345670"})


def tearDownModule():
    contacts.end()


class Base(ContactsCase):
    def found(self, answer):
        value = self.check(answer, 200).json()
        self.assertEqual(list(value), ["ok", "docs"])
        self.assertIs(value["ok"], True)
        return [doc["_id"] for doc in value["docs"]]

    def by_query(self, value):
        return self.c.get(f"{PATH}?phone={value}")

    def by_body(self, body):
        return self.c.post(PATH, body)


class Found(Base):
    def test_order_and_hydration(self):
        answer = self.by_query("%2B254712345678")
        self.assertEqual(self.found(answer), ["a-second", "p3", "zz-last"])
        person = answer.json()["docs"][1]
        self.assertEqual(person["parent"]["parent"]["parent"]["name"], "D1")
        self.assertEqual(person["parent"]["contact"]["name"], "Sam")

    def test_quoting(self):
        """The table of 7."""
        for value in ("%2B40-(744)-999-999", "%22%2B40-(744)-999-999%22"):
            with self.subTest(value=value):
                self.assertEqual(self.found(self.by_query(value)), ["ro"])
        for value in ("0712345678", "712345678", "254712345678", "%22254712345678%22"):
            with self.subTest(value=value):
                self.assertEqual(len(self.found(self.by_query(value))), 3)
        for body in ({"phone": "+40 (744) 999 999"}, {"phone": '"+40744999999"'}):
            with self.subTest(body=body):
                self.assertEqual(self.found(self.by_body(body)), ["ro"])

    def test_plus_that_was_not_encoded(self):
        """Ours: read as a plus when the value would otherwise be invalid."""
        self.assertEqual(self.found(self.by_query("+40744999999")), ["ro"])
        self.assertEqual(len(self.found(self.by_query("+254712345678"))), 3)

    def test_contact_form(self):
        self.assertEqual(self.found(self.by_query("0712345670")), ["custom"])

    def test_national_office(self):
        """contacts.md 1: a contact everywhere, in the order of the ids."""
        for doc_id, kind in (("n-b", "person"), ("n-a", "national_office"), ("n-c", "clinic")):
            put(self.c, {"_id": doc_id, "type": kind, "name": "N", "phone": "+254712345671"})
        put(self.c, {"_id": "n-d", "type": "national_office", "phone": "+254712345672"})
        self.assertEqual(self.found(self.by_query("0712345671")), ["n-a", "n-b", "n-c"])
        self.assertEqual(self.found(self.by_query("0712345672")), ["n-d"])

    def test_query_wins(self):
        answer = self.c.post(PATH + "?phone=%2B40744999999", {"phone": KENYAN})
        self.assertEqual(self.found(answer), ["ro"])
        answer = self.c.post(PATH + "?phone=", {"phone": ROMANIAN})
        self.assertEqual(self.found(answer), ["ro"])

    def test_any_online_user(self):
        answer = self.as_user("updater").get(PATH + "?phone=%2B40744999999")
        self.assertEqual(self.found(answer), ["ro"])

    def test_after_a_change(self):
        rev = self.c.get("/medic/ro").json()["_rev"]
        self.c.put("/medic/ro", {"_rev": rev, "type": "person", "name": "ro",
                                 "phone": "+40744999998"})
        self.check(self.by_query("%2B40744999999"), 404, NONE)
        self.assertEqual(self.found(self.by_query("%2B40744999998")), ["ro"])
        rev = self.c.get("/medic/ro").json()["_rev"]
        self.c.put("/medic/ro", {"_rev": rev, "type": "person", "name": "ro", "phone": ROMANIAN})


class Errors(Base):
    def test_no_match(self):
        self.check(self.by_query("%2B254712345600"), 404, NONE)
        self.check(self.by_query("0712345679"), 404, NONE)  # stored as it was typed
        self.check(self.by_body({"phone": "+254712345600"}), 404, NONE)

    def test_line_b(self):
        """Always JSON, whatever Accept says."""
        for accept in (JSON_TYPE, "text/plain"):
            headers = {"Accept": accept}
            for query in ("", "?phone=", "?phone", "?phone=abc", "?phone=00254712345678",
                          "?phone=%2B40744999999a", "?phone[]=%2B254712345678", "?phone=12",
                          "?phone=%2B254712345678&phone=%2B40744999999", "?phone=%22%22",
                          "?phone=%5B%22%2B40744999999%22%5Dx"):
                with self.subTest(query=query):
                    self.check(self.c.get(PATH + query, headers), 400, LINE_B)
            for body in ("", "{}", "[]", "{", "nonsense", '"x"', '{"phone":null}', '{"phone":""}',
                         '{"phone":["+254712345678"]}', '{"phone":{}}', '{"phone":true}',
                         '{"phone":40744999999}'):
                with self.subTest(body=body):
                    self.check(self.c.post(PATH, body, headers), 400, LINE_B)
            answer = self.c.request("POST", PATH, "phone=%2B254712345678",
                                    {"Content-Type": FORM_TYPE, **headers})
            self.check(answer, 400, LINE_B)

    def test_number(self):
        """A JSON number is looked up in the default region."""
        self.assertEqual(len(self.found(self.by_body({"phone": 254712345678}))), 3)
        self.check(self.by_body({"phone": 254712345600}), 404, NONE)

    def test_offline(self):
        for accept in (JSON_TYPE, "text/plain"):
            answer = self.as_user("chw").get(PATH + "?phone=%2B40744999999", {"Accept": accept})
            self.check(answer, 403, OFFLINE)

    def test_not_logged_in(self):
        answer = self.c.post(PATH, {}, auth=False)
        self.check(answer, 401, {"code": 401, "error": "unauthorized"})


if __name__ == "__main__":
    main()
