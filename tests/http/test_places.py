# SPDX-License-Identifier: MIT
"""POST /api/v1/places and /api/v1/places/{id}: contacts.md 4 and 5."""

import unittest

import contacts
from contacts import (EMPTY, PERSON_STUB, PLACE_STUB, PLACES, SETTINGS, ContactsCase, begin)
from harness import HEX32, ServerCase, main

FORBIDDEN = "Insufficient privileges"
UNDER_DH1 = {"_id": "dh1"}
NEW_PERSON = "Person must be a new object or string identifier (UUID)."
NEW_PLACE = "Place must be a new object or string identifier (UUID)."
ONE_OF = "One of the following fields are required: name, parent, contact, place_id"


def parents(type_id, doc_id, *types):
    return (f'{type_id} "{doc_id}" should have one of the following parent types: '
            f'"{",".join(types)}".')


def setUpModule():
    begin()


def tearDownModule():
    contacts.end()


class Base(ContactsCase):
    def create(self, body, client=None):
        """Creates a place; returns the stored document, and checks the answer."""
        answer = (client or self.c).post(PLACES, body)
        self.assertEqual(answer.status, 200, answer)
        value = answer.json()
        self.contact_id = value.pop("contact", {}).get("id")
        self.assertEqual(list(value), ["ok", "id", "rev"])
        self.assertIs(value["ok"], True)
        self.assertRegex(value["rev"], r"^1-[0-9a-f]{32}$")
        self.assertEqual(self.c.get("/medic/" + value["id"]).json()["_rev"], value["rev"])
        return self.doc(value["id"])


class Create(Base):
    def test_root(self):
        doc = self.create({"name": "D", "type": "district_hospital", "reported_date": 0})
        self.assertRegex(doc.pop("_id"), HEX32)
        self.assertEqual(doc, {"name": "D", "type": "district_hospital", "reported_date": 0})

    def test_parent_by_id(self):
        doc = self.create({"name": "C", "type": "clinic", "parent": "hc1"})
        self.assertEqual(doc["parent"], {"_id": "hc1", "parent": UNDER_DH1})

    def test_example(self):
        """The example of 4.4."""
        before = self.count()
        area = self.create({"name": "Area 1", "type": "health_center",
                            "parent": {"name": "Branch 1", "type": "district_hospital"},
                            "contact": {"name": "Paul", "phone": "+254883720611"}})
        self.assertEqual(self.count(), before + 3)
        branch = self.doc(area["parent"]["_id"])
        self.assertEqual(area["parent"], {"_id": branch["_id"]})
        self.assertEqual((branch["name"], branch["type"]), ("Branch 1", "district_hospital"))
        self.assertNotIn("parent", branch)
        link = {"_id": area["_id"], "parent": {"_id": branch["_id"]}}
        self.assertEqual(area["contact"], {"_id": self.contact_id, "parent": link})
        paul = self.doc(self.contact_id)
        date = paul.pop("reported_date")
        self.assertEqual(paul, {"_id": self.contact_id, "name": "Paul", "phone": "+254883720611",
                                "type": "person", "parent": link})
        self.assertIsInstance(date, int)
        self.assertTrue(self.c.get("/medic/" + self.contact_id).json()["_rev"].startswith("1-"))

    def test_three_levels(self):
        """The nested creation of 4.3; only the outermost is told."""
        doc = self.create({
            "name": "C", "type": "clinic", "contact": {"name": "cc"},
            "parent": {"name": "H", "type": "health_center", "contact": {"name": "hh"},
                       "parent": {"name": "D", "type": "district_hospital",
                                  "contact": {"name": "dd"}}}})
        health = self.doc(doc["parent"]["_id"])
        district = self.doc(doc["parent"]["parent"]["_id"])
        self.assertEqual(doc["parent"], {"_id": health["_id"], "parent": {"_id": district["_id"]}})
        for place, name in ((doc, "cc"), (health, "hh"), (district, "dd")):
            person = self.doc(place["contact"]["_id"])
            self.assertEqual((person["name"], person["parent"]["_id"]), (name, place["_id"]))
            self.assertEqual(place["contact"]["parent"], person["parent"])
        self.assertEqual(self.contact_id, doc["contact"]["_id"])

    def test_contact_by_id(self):
        doc = self.create({"name": "D", "type": "district_hospital", "contact": "p3"})
        self.assertEqual(doc["contact"], {"_id": "p3", "parent": {
            "_id": "cl2", "parent": {"_id": "hc1", "parent": UNDER_DH1}}})
        self.assertIsNone(self.contact_id)

    def test_contact_falsy(self):
        for contact in (None, "", False, 0):
            doc = self.create({"name": "D", "type": "district_hospital", "contact": contact})
            self.assertNotIn("contact", doc)

    def test_contact_with_its_own_place_and_id(self):
        doc = self.create({"name": "D", "type": "district_hospital", "contact": {
            "_id": "own-person", "name": "A", "place": "cl2", "parent": {"_id": "nowhere"}}})
        person = self.doc("own-person")
        self.assertNotIn("place", person)
        self.assertEqual(person["parent"], {"_id": doc["_id"]})

    def test_parent_object_with_id(self):
        """Difference 3: what is stored counts."""
        doc = self.create({"name": "H", "type": "health_center", "parent": {
            "_id": "dh1", "type": "clinic", "name": 5}})
        self.assertEqual(doc["parent"], UNDER_DH1)

    def test_district_may_have_a_parent(self):
        doc = self.create({"name": "D", "type": "district_hospital", "parent": "hc1"})
        self.assertEqual(doc["parent"], {"_id": "hc1", "parent": UNDER_DH1})

    def test_national_office(self):
        self.assertEqual(self.create({"name": "N", "type": "national_office"})["type"],
                         "national_office")

    def test_own_id_and_other_members(self):
        doc = self.create({"_id": "own-1", "name": "D", "type": "district_hospital",
                           "place_id": "1234", "phone": "0712345678", "x": [1]})
        self.assertEqual((doc["_id"], doc["place_id"], doc["phone"], doc["x"]),
                         ("own-1", "1234", "+254712345678", [1]))

    def test_scalar_parent_of_a_root_type(self):
        for parent in (5, True, None, ""):
            doc = self.create({"name": "D", "type": "district_hospital", "parent": parent})
            self.assertEqual(doc["parent"], parent)


class Errors(Base):
    def test_strict(self):
        self.strict(PLACES, '{"name":"A"}')
        self.strict(PLACES + "/cl2", '{"name":"C2"}')

    def test_rows(self):
        """The table of 4.1."""
        clinic = {"name": "C", "type": "clinic"}
        root = {"name": "D", "type": "district_hospital"}
        self.refused_rows(PLACES, [
            ("{}", 400, EMPTY), ("[]", 400, EMPTY), ("", 400, EMPTY),
            ("[1]", 400, "Wrong type, object  is not a place."),
            ({"name": "A"}, 400, "Wrong type, object  is not a place."),
            ({"name": "A", "type": "person"}, 400, "Wrong type, object  is not a place."),
            ({"name": "A", "type": "x", "_id": "i"}, 400, "Wrong type, object i is not a place."),
            ({"type": "clinic", "parent": "hc1"}, 400, 'Place  is missing a "name" property.'),
            ({"type": "clinic", "_id": "i"}, 400, 'Place i is missing a "name" property.'),
            ({**root, "reported_date": "x"}, 400, "Reported date on place  is invalid: x"),
            ({**root, "_id": "i", "reported_date": None}, 400,
             "Reported date on place i is invalid: null"),
            ({**root, "name": 5}, 400, 'Property "name" on place  must be a string.'),
            ({**root, "name": None, "_id": "i"}, 400,
             'Property "name" on place i must be a string.'),
            (clinic, 400, 'Place  is missing a "parent" property.'),
            ({**clinic, "parent": None}, 400, 'Place  is missing a "parent" property.'),
            ({**clinic, "_id": "i", "parent": ""}, 400, 'Place i is missing a "parent" property.'),
            ({**clinic, "parent": "dh1"}, 400, parents("clinic", "", "health_center")),
            ({**clinic, "_id": "i", "parent": "cl2"}, 400, parents("clinic", "i", "health_center")),
            ({**clinic, "parent": 5}, 400, parents("clinic", "", "health_center")),
            ({**root, "contact": 5}, 400,
             'Property "contact" on place  must be an object or string.'),
            ({**root, "contact": True, "_id": "i"}, 400,
             'Property "contact" on place i must be an object or string.'),
            ({**root, "_id": "cl2"}, 409, "Document update conflict."),
            ({**root, "_id": "_i"}, 400, "Only reserved document ids may start with underscore."),
            ({**root, "_id": 5}, 400, "_id field must contain a string"),
            ({**root, "_y": 5}, 400, "Bad special document member: _y"),
            ({**root, "_rev": "1-a"}, 400, "Bad special document member: _rev"),
            ({**root, "_attachments": {}}, 400, "Bad special document member: _attachments"),
            ({**root, "_deleted": True}, 400, "Bad special document member: _deleted"),
            ({**root, "_id": "settings"}, 403, FORBIDDEN),
        ])

    def test_parent(self):
        """How `parent` is resolved, before all checks."""
        self.refused_rows(PLACES, [
            ({"type": "x", "parent": "nowhere"}, 404, PLACE_STUB),
            ({"type": "x", "parent": "p3"}, 404, PLACE_STUB),
            ({"type": "x", "parent": {"_id": "nowhere"}}, 404, PLACE_STUB),
            ({"type": "x", "parent": {"_id": "p3"}}, 404, PLACE_STUB),
            ({"type": "x", "parent": {"_id": 5}}, 404, PLACE_STUB),
            ({"type": "x", "parent": {}}, 400, "Wrong type, object  is not a place."),
            ({"type": "x", "parent": [1]}, 400, "Wrong type, object  is not a place."),
            ({"name": "A", "type": "clinic", "parent": {"type": "health_center", "parent": "dh1"}},
             400, 'Place  is missing a "name" property.'),
            ({"name": "A", "type": "clinic", "parent": {
                "type": "health_center", "name": "H", "parent": {"type": "clinic", "name": "x",
                                                                 "parent": "hc1"}}},
             400, parents("health_center", "", "district_hospital")),
        ])

    def test_chain_is_checked_to_the_root(self):
        for doc in ({"_id": "bad-hc", "type": "health_center", "name": "H"},
                    {"_id": "no-name", "type": "health_center", "parent": UNDER_DH1},
                    {"_id": "lost-hc", "type": "health_center", "name": "H",
                     "parent": {"_id": "gone"}}):
            self.c.put("/medic/" + doc["_id"], doc)
        clinic = {"name": "C", "type": "clinic"}
        self.refused_rows(PLACES, [
            ({**clinic, "parent": "bad-hc"}, 400, 'Place bad-hc is missing a "parent" property.'),
            ({**clinic, "parent": "no-name"}, 400, 'Place no-name is missing a "name" property.'),
            ({**clinic, "parent": "lost-hc"}, 400,
             parents("health_center", "lost-hc", "district_hospital")),
        ])

    def test_contact(self):
        """The table of 4.2, and the checks of people."""
        root = {"name": "D", "type": "district_hospital"}
        self.refused_rows(PLACES, [
            ({**root, "contact": "nowhere"}, 404, PERSON_STUB),
            ({**root, "contact": "cl2"}, 404, PERSON_STUB),
            ({**root, "contact": {"_id": "p3", "_rev": "1-a"}}, 400, NEW_PERSON),
            ({**root, "contact": {"type": "clinic", "name": "A"}}, 400,
             "Wrong type, this is not a person."),
            ({**root, "contact": {}}, 400, 'Person is missing a "name" property.'),
            ({**root, "contact": {"name": 5}}, 400, 'Property "name" must be a string.'),
            ({**root, "contact": {"name": "A", "reported_date": "x"}}, 400,
             "Reported date is invalid: x"),
            ({**root, "contact": {"name": "A", "_id": "p3"}}, 409, "Document update conflict."),
            ({**root, "_id": "same", "contact": {"name": "A", "_id": "same"}}, 409,
             "Document update conflict."),
            ({**root, "_y": 1, "contact": "nowhere"}, 404, PERSON_STUB),
        ])

    def test_order(self):
        self.refused_rows(PLACES, [
            ({"type": "x", "reported_date": "y", "name": 1}, 400,
             "Wrong type, object  is not a place."),
            ({"type": "clinic", "reported_date": "y"}, 400, 'Place  is missing a "name" property.'),
            ({"type": "clinic", "name": 1, "reported_date": "y"}, 400,
             "Reported date on place  is invalid: y"),
            ({"type": "clinic", "name": 1}, 400, 'Property "name" on place  must be a string.'),
            ({"type": "clinic", "name": "C", "contact": 5}, 400,
             'Place  is missing a "parent" property.'),
        ])

    def test_nothing_is_left_behind(self):
        """A place that is refused leaves neither its parents nor its contact."""
        self.refused(PLACES, {"name": "C", "type": "clinic", "contact": {"name": 5}, "parent": {
            "name": "H", "type": "health_center", "contact": {"name": "hh"},
            "parent": {"name": "D", "type": "district_hospital"}}}, 400,
            'Property "name" must be a string.')
        self.refused(PLACES, {"name": "C", "type": "clinic", "_id": "cl2", "parent": {
            "name": "H", "type": "health_center", "parent": "dh1"}}, 409,
            "Document update conflict.")

    def test_recursion(self):
        settings = {**SETTINGS, "contact_types": [{"id": "box"}]}
        self.c.settings(settings)
        try:
            place = {"name": "0", "type": "box"}
            for i in range(49):
                place = {"name": "b", "type": "box", "parent": place}
            self.create(place)
            self.refused(PLACES, {"name": "b", "type": "box", "parent": place}, 500, "Server error")
        finally:
            self.c.settings(SETTINGS)

    def test_permissions(self):
        root = {"name": "D", "type": "district_hospital"}
        self.refused(PLACES, root, 403, FORBIDDEN, self.as_user("people"))
        self.refused(PLACES, root, 403, FORBIDDEN, self.as_user("chw"))
        places = self.as_user("places")
        self.create(root, places)
        self.create({**root, "contact": "p3"}, places)
        self.create({"name": "H", "type": "health_center", "parent": root}, places)
        self.refused(PLACES, {**root, "contact": {"name": "A"}}, 403, FORBIDDEN, places)
        self.create({**root, "contact": {"name": "A"}}, self.as_user("entry"))


class Change(Base):
    def setUp(self):
        super().setUp()
        self.place = self.create({"name": "Old", "type": "health_center", "parent": "dh1",
                                  "phone": "+254712000000", "x": {"y": 1}})
        self.path = PLACES + "/" + self.place["_id"]

    def change(self, body, client=None):
        answer = (client or self.c).post(self.path, body)
        self.assertEqual(answer.status, 200, answer)
        value = answer.json()
        self.assertEqual(list(value), ["id", "rev"])
        self.assertEqual(value["id"], self.place["_id"])
        self.assertRegex(value["rev"], r"^2-[0-9a-f]{32}$")
        return self.doc(value["id"])

    def test_name_and_place_id(self):
        doc = self.change('{"name": "New", "place_id": { "a" : 1 }, "type":"clinic", "phone":"x"}')
        self.assertEqual(doc, {**self.place, "name": "New", "place_id": {"a": 1}})
        self.assertIn('"place_id":{"a":1}', self.c.get("/medic/" + doc["_id"]).text)

    def test_parent(self):
        other = self.create({"name": "D", "type": "district_hospital"})
        doc = self.change({"parent": other["_id"]})
        self.assertEqual(doc, {**self.place, "parent": {"_id": other["_id"]}})

    def test_new_parent(self):
        doc = self.change({"parent": {"name": "D9", "type": "district_hospital"}})
        self.assertEqual(self.doc(doc["parent"]["_id"])["name"], "D9")

    def test_contact(self):
        doc = self.change({"contact": "p3"})
        self.assertEqual(doc["contact"]["_id"], "p3")
        self.assertEqual(doc["contact"]["parent"]["_id"], "cl2")

    def test_new_contact_belongs_to_the_place(self):
        doc = self.change({"contact": {"name": "A"}})
        link = {"_id": doc["_id"], "parent": UNDER_DH1}
        self.assertEqual(doc["contact"]["parent"], link)
        self.assertEqual(self.doc(doc["contact"]["_id"])["parent"], link)

    def test_new_contact_of_a_place_that_moves(self):
        other = self.create({"name": "D", "type": "district_hospital"})
        doc = self.change({"contact": {"name": "A"}, "parent": other["_id"]})
        self.assertEqual(self.doc(doc["contact"]["_id"])["parent"],
                         {"_id": doc["_id"], "parent": {"_id": other["_id"]}})

    def test_contact_cleared(self):
        self.assertEqual(self.change({"contact": ""})["contact"], "")

    def test_null_beside_another(self):
        doc = self.change({"contact": None, "place_id": None, "name": "n"})
        self.assertEqual((doc["contact"], doc["place_id"]), (None, None))

    def test_moving_leaves_descendants_alone(self):
        child = self.create({"name": "C", "type": "clinic", "parent": self.place["_id"]})
        other = self.create({"name": "D", "type": "district_hospital"})
        self.change({"parent": other["_id"]})
        self.assertEqual(self.doc(child["_id"]), child)

    def test_attachments_stay(self):
        rev = self.c.get("/medic/" + self.place["_id"]).json()["_rev"]
        answer = self.c.request("PUT", f"/medic/{self.place['_id']}/note?rev={rev}", "hello",
                                {"Content-Type": "text/plain"})
        self.assertEqual(answer.status, 201, answer)
        answer = self.c.post(self.path, {"name": "New"})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.c.get(f"/medic/{self.place['_id']}/note").text, "hello")

    def test_rows(self):
        """The table of 4.5."""
        place = self.place["_id"]
        self.refused_rows(self.path, [
            ("{}", 400, EMPTY), ("[]", 400, EMPTY), ("", 400, EMPTY),
            ({"type": "clinic"}, 400, ONE_OF), ({"contact": None}, 400, ONE_OF),
            ({"name": None, "parent": None, "contact": None, "place_id": None}, 400, ONE_OF),
            ({"contact": "nowhere"}, 404, PERSON_STUB), ({"contact": "cl2"}, 404, PERSON_STUB),
            ({"contact": 5}, 400, NEW_PERSON), ({"contact": True}, 400, NEW_PERSON),
            ({"contact": {"_id": "p3", "_rev": "1-a"}}, 400, NEW_PERSON),
            ({"contact": {"name": 5}}, 400, 'Property "name" must be a string.'),
            ({"contact": {"type": "clinic"}}, 400, "Wrong type, this is not a person."),
            ({"parent": "nowhere"}, 404, PLACE_STUB), ({"parent": "p3"}, 404, PLACE_STUB),
            ({"parent": 5}, 400, NEW_PLACE),
            ({"parent": {"_id": "dh1", "_rev": "1-a"}}, 400, NEW_PLACE),
            ({"parent": {"type": "district_hospital"}}, 400, 'Place  is missing a "name" property.'),
            ({"contact": "nowhere", "parent": "nowhere"}, 404, PERSON_STUB),
            ({"parent": None, "name": "x"}, 400, f'Place {place} is missing a "parent" property.'),
            ({"parent": "cl2"}, 400, parents("health_center", place, "district_hospital")),
            ({"name": 5}, 400, f'Property "name" on place {place} must be a string.'),
            ({"name": None, "place_id": "x"}, 400,
             f'Property "name" on place {place} must be a string.'),
        ])
        self.refused_rows(PLACES + "/nowhere", [({"name": "x"}, 404, PLACE_STUB)])
        self.refused_rows(PLACES + "/p3", [({"name": "x"}, 404, PLACE_STUB)])

    def test_cycle(self):
        """Difference of section 5, directly, over a chain, and over a chain that is out of date."""
        settings = {**SETTINGS, "contact_types": [{"id": "box"}]}
        self.c.settings(settings)
        try:
            for doc in ({"_id": "b1"}, {"_id": "b2", "parent": {"_id": "b1"}},
                        {"_id": "b3", "parent": {"_id": "b2", "parent": {"_id": "b1"}}},
                        {"_id": "old", "parent": {"_id": "b3"}}):
                self.c.put("/medic/" + doc["_id"], {**doc, "type": "box", "name": "b"})
            for place, parent in (("b1", "b1"), ("b1", "b2"), ("b1", "b3"), ("b2", "b3"),
                                  ("b2", "old")):
                self.refused(f"{PLACES}/{place}", {"parent": parent}, 400,
                             f"parent of {place} leads back to {place}")
        finally:
            self.c.settings(SETTINGS)

    def test_permissions(self):
        for name in ("people", "places", "chw"):
            self.refused(self.path, {"name": "x"}, 403, FORBIDDEN, self.as_user(name))
        updater = self.as_user("updater")
        self.change({"name": "x"}, updater)
        self.refused(self.path, {"contact": {"name": "A"}}, 403, FORBIDDEN, updater)
        self.refused(self.path, {"parent": {"name": "D", "type": "district_hospital"}}, 403,
                     FORBIDDEN, updater)


if __name__ == "__main__":
    main()
