# SPDX-License-Identifier: MIT
"""POST /api/v1/people: contacts.md 1 to 3 and 5."""

import json
import time
import unittest

import contacts
from contacts import (EMPTY, PEOPLE, PERSON_STUB, PLACE_STUB, ContactsCase, begin)
from harness import HEX32, JSON_TYPE, ServerCase, main

HERE = {"_id": "cl2", "parent": {"_id": "hc1", "parent": {"_id": "dh1"}}}
NEW_PLACE = "Place must be a new object or string identifier (UUID)."
WRONG = "Wrong type, this is not a person."


def setUpModule():
    begin()


def tearDownModule():
    contacts.end()


class Base(ContactsCase):
    def create(self, body, client=None):
        """Creates a person; returns the stored document without its id, and checks the answer."""
        answer = (client or self.c).post(PEOPLE, body)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.header("content-type"), "application/json; charset=utf-8")
        value = answer.json()
        self.assertEqual(list(value), ["ok", "id", "rev"])
        self.assertIs(value["ok"], True)
        self.assertRegex(value["rev"], r"^1-[0-9a-f]{32}$")
        self.assertEqual(self.c.get("/medic/" + value["id"]).json()["_rev"], value["rev"])
        self.last_id = value["id"]
        doc = self.doc(value["id"])
        self.assertEqual(doc.pop("_id"), value["id"])
        return doc


class Create(Base):
    def test_example(self):
        before = time.time() * 1000
        doc = self.create({"name": "Asha", "phone": "+254712345678", "place": "cl2"})
        self.assertRegex(self.last_id, HEX32)
        date = doc.pop("reported_date")
        self.assertIsInstance(date, int)
        self.assertTrue(before - 1 <= date <= time.time() * 1000 + 1)
        self.assertEqual(doc, {"name": "Asha", "phone": "+254712345678", "type": "person",
                               "parent": HERE})

    def test_order_of_members(self):
        self.create({"name": "Asha", "place": "cl2", "sex": "f", "phone": "0712345678"})
        body = self.c.get("/medic/" + self.last_id).text
        members = [k for k in json.loads(body) if not k.startswith("_")]
        self.assertEqual(members, ["name", "sex", "phone", "type", "reported_date", "parent"])

    def test_own_id(self):
        self.create({"_id": "asha-1", "name": "Asha"})
        self.assertEqual(self.last_id, "asha-1")
        self.refused(PEOPLE, {"_id": "asha-1", "name": "Other"}, 409, "Document update conflict.")

    def test_own_id_again_after_deletion(self):
        rev = self.c.put("/medic/asha-2", {"type": "person", "name": "x"}).json()["rev"]
        self.c.request("DELETE", f"/medic/asha-2?rev={rev}")
        answer = self.c.post(PEOPLE, {"_id": "asha-2", "name": "Again"})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.doc("asha-2")["name"], "Again")

    def test_empty_name(self):
        self.assertEqual(self.create({"name": ""})["name"], "")

    def test_no_place(self):
        self.assertNotIn("parent", self.create({"name": "A"}))

    def test_falsy_place_is_removed(self):
        for place in (None, "", False, 0):
            doc = self.create({"name": "A", "place": place})
            self.assertNotIn("place", doc)
            self.assertNotIn("parent", doc)

    def test_anything_else_is_kept(self):
        doc = self.create('{"name": "A", "x": {"y": [1, 2.50, null]}, "hobby": "\\u0001\\"é😀"}'
                          .encode())
        self.assertEqual((doc["x"], doc["hobby"]), ({"y": [1, 2.5, None]}, "\u0001\"é😀"))
        self.assertIn("2.50", self.c.get("/medic/" + self.last_id).text)

    def test_parent_is_checked_and_minified(self):
        doc = self.create({"name": "A", "parent": {"_id": "cl2", "name": "whatever"}})
        self.assertEqual(doc["parent"], HERE)

    def test_parent_without_id_is_kept(self):
        for parent in ("cl2", {}, {"name": "x"}, 5, None):
            doc = self.create({"name": "A", "parent": parent})
            self.assertEqual(doc["parent"], parent)

    def test_place_wins_over_parent(self):
        doc = self.create({"name": "A", "parent": {"_id": "nowhere"}, "place": "hc1"})
        self.assertEqual(doc["parent"], {"_id": "hc1", "parent": {"_id": "dh1"}})

    def test_new_place(self):
        doc = self.create({"name": "A", "place": {"name": "New", "type": "clinic", "parent": "hc1"}})
        place = self.doc(doc["parent"]["_id"])
        self.assertEqual((place["name"], place["type"]), ("New", "clinic"))
        self.assertEqual(place["parent"], {"_id": "hc1", "parent": {"_id": "dh1"}})
        self.assertEqual(doc["parent"]["parent"], place["parent"])

    def test_new_place_with_own_id(self):
        doc = self.create({"name": "A", "place": {"_id": "own-place", "name": "New",
                                                  "type": "district_hospital"}})
        self.assertEqual(doc["parent"], {"_id": "own-place"})

    def test_phone(self):
        for given, stored in (("0712 345 679", "+254712345679"), ("+254712345679", "+254712345679"),
                              ("not a phone", "not a phone"), (712345679, 712345679), ("", ""),
                              ("12", "12")):
            self.assertEqual(self.create({"name": "A", "phone": given})["phone"], stored)

    def test_unsuitable_place_type_is_no_error(self):
        doc = self.create({"name": "A", "type": "person", "place": "dh1"})
        self.assertEqual(doc["parent"], {"_id": "dh1"})

    def test_media_type_may_have_parameters(self):
        answer = self.c.request("POST", PEOPLE, '{"name":"A"}',
                                {"Content-Type": "Application/JSON; charset=utf-8"})
        self.assertEqual(answer.status, 200, answer)


class Types(Base):
    CUSTOM = [{"id": "region"}, {"id": "village", "parents": ["region"]},
              {"id": "patient", "person": True, "parents": ["village"]}]

    @classmethod
    def setUpClass(cls):
        from contacts import SETTINGS
        cls.settings = SETTINGS
        ServerCase.server.client().settings({**SETTINGS, "contact_types": cls.CUSTOM})

    @classmethod
    def tearDownClass(cls):
        ServerCase.server.client().settings(cls.settings)

    def test_named_directly(self):
        doc = self.create({"name": "A", "type": "patient"})
        self.assertEqual((doc["type"], doc["contact_type"]), ("contact", "patient"))

    def test_contact_form(self):
        doc = self.create({"name": "A", "type": "contact", "contact_type": "patient"})
        self.assertEqual((doc["type"], doc["contact_type"]), ("contact", "patient"))

    def test_person_need_not_be_configured(self):
        self.assertEqual(self.create({"name": "A", "type": "person"})["type"], "person")

    def test_no_default_type(self):
        self.refused(PEOPLE, {"name": "A"}, 400, WRONG)

    def test_wrong(self):
        self.refused_rows(PEOPLE, [({"name": "A", "type": t}, 400, WRONG)
                                   for t in ("region", "clinic", "contact", 5, ["patient"])]
                          + [({"name": "A", "type": "contact", "contact_type": "village"}, 400, WRONG)])

    def test_into_custom_place(self):
        self.create({"name": "A", "type": "patient", "place": {
            "name": "V", "type": "village", "parent": {"name": "R", "type": "region"}}})
        doc = self.doc(self.last_id)
        village = self.doc(doc["parent"]["_id"])
        self.assertEqual((village["type"], village["contact_type"]), ("contact", "village"))


class Errors(Base):
    def test_strict(self):
        self.strict(PEOPLE, '{"name":"A"}')

    def test_rows(self):
        """Rows 1 to 10 of 2.2."""
        self.refused_rows(PEOPLE, [
            ("{}", 400, EMPTY), ("[]", 400, EMPTY), ("", 400, EMPTY),
            ({"name": "A", "type": "clinic"}, 400, WRONG),
            ({"name": "A", "type": "nonsense"}, 400, WRONG),
            ({"name": "A", "type": "contact"}, 400, WRONG),
            ({"type": "person"}, 400, 'Person is missing a "name" property.'),
            ("[1]", 400, 'Person is missing a "name" property.'),
            ({"name": None}, 400, 'Property "name" must be a string.'),
            ({"name": 5}, 400, 'Property "name" must be a string.'),
            ({"name": {}}, 400, 'Property "name" must be a string.'),
            ({"name": "A", "reported_date": "x"}, 400, "Reported date is invalid: x"),
            ({"name": "A", "reported_date": None}, 400, "Reported date is invalid: null"),
            ({"name": "A", "reported_date": True}, 400, "Reported date is invalid: true"),
            ({"name": "A", "place": "nowhere"}, 404, PLACE_STUB),
            ({"name": "A", "place": "p3"}, 404, PLACE_STUB),
            ({"name": "A", "place": "settings"}, 404, PLACE_STUB),
            ({"name": "A", "place": "x" * 600}, 404, PLACE_STUB),
            ({"name": "A", "place": "a\u0000b"}, 404, PLACE_STUB),
            ({"name": "A", "place": 5}, 400, NEW_PLACE),
            ({"name": "A", "place": True}, 400, NEW_PLACE),
            ({"name": "A", "place": {"_id": "cl2", "_rev": "1-a"}}, 400, NEW_PLACE),
            ({"name": "A", "place": {}}, 400, "Wrong type, object  is not a place."),
            ({"name": "A", "place": {"type": "clinic", "parent": "hc1"}}, 400,
             'Place  is missing a "name" property.'),
            ({"name": "A", "parent": {"_id": "nowhere"}}, 400,
             'Property "parent" must reference an existing place'),
            ({"name": "A", "parent": {"_id": "p3"}}, 400,
             'Property "parent" must reference an existing place'),
            ({"name": "A", "_id": "p3"}, 409, "Document update conflict."),
            ({"name": "A", "_id": "_x"}, 400,
             "Only reserved document ids may start with underscore."),
            ({"name": "A", "_id": "_design/x"}, 400,
             "Only reserved document ids may start with underscore."),
            ({"name": "A", "_id": 5}, 400, "_id field must contain a string"),
            ({"name": "A", "_id": None}, 400, "_id field must contain a string"),
            ({"name": "A", "_other": 1}, 400, "Bad special document member: _other"),
            ({"name": "A", "_rev": "1-a"}, 400, "Bad special document member: _rev"),
            ({"name": "A", "_deleted": True}, 400, "Bad special document member: _deleted"),
            ({"name": "A", "_attachments": {}}, 400, "Bad special document member: _attachments"),
        ])

    def test_order(self):
        """The first failure answers."""
        self.refused_rows(PEOPLE, [
            ({"type": "clinic", "reported_date": "x", "place": "nowhere"}, 400, WRONG),
            ({"reported_date": "x", "place": "nowhere", "_x": 1}, 400,
             'Person is missing a "name" property.'),
            ({"name": 1, "reported_date": "x"}, 400, 'Property "name" must be a string.'),
            ({"name": "A", "reported_date": "x", "place": "nowhere"}, 400,
             "Reported date is invalid: x"),
            ({"name": "A", "place": "nowhere", "_id": 5, "_x": 1}, 404, PLACE_STUB),
        ])

    def test_permissions(self):
        forbidden = "Insufficient privileges"
        self.refused(PEOPLE, {"name": "A"}, 403, forbidden, self.as_user("places"))
        self.create({"name": "A", "place": "cl2"}, self.as_user("people"))
        self.create({"name": "A"}, self.as_user("chw"))
        place = {"name": "P", "type": "district_hospital"}
        self.refused(PEOPLE, {"name": "A", "place": place}, 403, forbidden, self.as_user("people"))
        self.create({"name": "A", "place": place}, self.as_user("entry"))

    def test_documents_of_administrators(self):
        for doc_id in ("settings", "resources", "branding", "partners", "messages-sw"):
            self.refused(PEOPLE, {"name": "A", "_id": doc_id},
                         403, "Insufficient privileges")

    def test_no_orphans(self):
        """A person that is refused leaves no place behind."""
        self.refused(PEOPLE, {"name": "A", "_id": "p3", "place": {
            "name": "Orphan", "type": "district_hospital"}}, 409, "Document update conflict.")


class Dates(Base):
    """The table of section 3."""

    ACCEPTED = (
        ("2011-10-10T14:48:00-0300", 1318268880000), ("2011-10-10T14:48:00-03:00", 1318268880000),
        ("2011-10-10T14:48:00-03", 1318268880000), ("2011-10-10T14:48:00+1245", 1318212180000),
        ("2011-10-10T14:48:00+12:45", 1318212180000), ("2011-10-10T14:48:00Z", 1318258080000),
        ("2011-10-10T14:48:00z", 1318258080000), ("2016-07-01T13:48:24.123Z", 1467380904123),
        ("2011-10-10T24:00:00Z", 1318291200000), ("2011-10-10T14:48:00+18:00", 1318193280000),
        (1467383343484, 1467383343484), ("1467383343484", 1467383343484), (0, 0), (-5, -5),
        ("12", 12), ("-12", -12), ("0", 0), ("2020-02-29T00:00:00Z", 1582934400000))
    REFUSED = (
        "2011-10-10T14:48:00", "2011-10-10", "2011-10-10t14:48:00Z", "2011-10-10 14:48:00Z",
        "2011-1-10T14:48:00Z", "2011-10-10T14:48:60Z", "2011-10-10T14:48:00.1Z",
        "2011-10-10T14:48:00.12Z", "2011-10-10T14:48:00.1234Z", "2011-10-10T14:48:00+25:00",
        "2011-10-10T14:48:00+18:01", "2011-10-10T24:00:01Z", "2011-10-10T25:00:00Z",
        "2011-13-10T14:48:00Z", "2011-04-31T14:48:00Z", "2011-02-29T14:48:00Z", "1e3", "", "-",
        "12.0", " 12", "99999999999999999999", "2011-10-10T14:48:00Z ", "x")

    def test_accepted(self):
        for given, stored in self.ACCEPTED:
            with self.subTest(given=given):
                self.assertEqual(self.create({"name": "A", "reported_date": given})["reported_date"],
                                 stored)

    def test_refused(self):
        for given in self.REFUSED:
            with self.subTest(given=given):
                self.refused(PEOPLE, {"name": "A", "reported_date": given}, 400,
                             f"Reported date is invalid: {given}")
        for given in ("1467383343484.5", "null", "true", "false"):
            with self.subTest(given=given):
                self.refused(PEOPLE, '{"name":"A","reported_date":%s}' % given, 400,
                             f"Reported date is invalid: {given}")


if __name__ == "__main__":
    main()
