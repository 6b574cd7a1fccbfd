# SPDX-License-Identifier: MIT
"""update_clinics: who sent a record: workflows.md 1.1, 2.1, 3, with the measured vectors; over the
document API, /api/sms and /api/v1/records."""

import copy
import json
import os
import unittest

import contacts
from harness import ServerCase, main

NOT_FOUND = "sys.facility_not_found"
TEXT = "Facility not found."
# shipped with the program (forms: data/translations/en.json)
SHIPPED = json.load(open(os.path.join(os.environ["BARUA_VECTORS"], "../../data/translations/en.json")))
GENERIC = SHIPPED["messages.generic." + NOT_FOUND]


def load():
    with open(os.path.join(os.environ["BARUA_VECTORS"], "workflows-senders.json")) as f:
        return json.load(f)


VECTORS = load()
BASE = VECTORS["base"]


def settings(more=None, **members):
    return {**BASE["settings"], "registrations": [], "transitions": {"update_clinics": True},
            "translations": BASE["translations"], **(more or {}), **members}


def setUpModule():
    ServerCase.begin()
    answer = ServerCase.server.client().post("/medic/_bulk_docs", {"docs": BASE["docs"]})
    assert answer.status == 201, answer


def tearDownModule():
    contacts.end()


LINK = {"_id": "p_chw", "parent": {"_id": "c1", "parent": {"_id": "h1", "parent": {"_id": "d1"}}}}


class Base(ServerCase):
    def doc(self, doc_id):
        answer = self.c.get("/medic/" + doc_id)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def put(self, doc):
        answer = self.c.put("/medic/" + doc["_id"], doc)
        self.assertEqual(answer.status, 201, answer)
        return answer.json()["rev"]

    def delete(self, doc_id):
        doc = self.doc(doc_id)
        self.c.request("DELETE", f"/medic/{doc_id}?rev={doc['_rev']}")

    def shaped(self, doc):
        """A record as the vectors have it."""
        doc = {k: v for k, v in doc.items() if k != "_rev"}
        doc["tasks"] = [{
            "messages": [{k: m[k] for k in ("to", "message")} for m in task["messages"]],
            "states": [entry["state"] for entry in task["state_history"]], "state": task["state"]}
            for task in doc["tasks"]]
        return doc


class Vectors(Base):
    def expected(self, vector, doc_id):
        """What the vector says, and where workflows.md 3 has its own word: the place is reduced to
        ids; the sender of a report that has a definition is told, and the error says the same."""
        doc, = copy.deepcopy(list(vector["expected"]["docs"].values()))
        doc["_id"] = doc_id
        if "ours" in vector:
            doc["contact"] = json.loads(vector["ours"].partition("contact = ")[2])
        if doc.get("form") in BASE["settings"]["forms"]:
            for entry in doc["errors"]:
                if entry["code"] == NOT_FOUND:
                    entry["message"] = GENERIC
                    doc["tasks"].append({"messages": [{"to": doc["from"], "message": GENERIC}],
                                         "states": ["pending"], "state": "pending"})
        return doc

    def run_vector(self, vector):
        self.c.settings(settings(vector.get("settings")))
        for doc in vector.get("docs", ()):
            self.put(doc)
        step, = vector["steps"]
        doc_id = self.reference("v")
        rev = self.put({**step["post"], "_id": doc_id})
        self.assertTrue(rev.startswith("1-"))
        self.assertEqual(self.shaped(self.doc(doc_id)), self.expected(vector, doc_id))
        for doc in vector.get("docs", ()):
            self.delete(doc["_id"])

    def test_all(self):
        self.assertGreater(len(VECTORS["vectors"]), 15)
        for vector in VECTORS["vectors"]:
            with self.subTest(vector["name"]):
                self.run_vector(vector)


class Records(Base):
    def setUp(self):
        super().setUp()
        self.c.settings(settings())

    def sms(self, content, sender):
        message = self.incoming(content, sender)
        self.c.sms([message])
        return self.c.record(message["id"])

    def test_sms(self):
        record = self.sms("V hello", "0711000003")
        self.assertEqual(record["contact"], LINK)
        self.assertEqual((record["from"], record["errors"], record["tasks"]),
                         ("+254711000003", record["errors"], []))
        self.assertNotIn(NOT_FOUND, [e["code"] for e in record["errors"]])
        self.assertTrue(record["_rev"].startswith("1-"), "stored once, with what the row made")

    def test_hydrated(self):
        record = self.sms("hello", "0711000003")
        answer = self.c.post("/api/v1/hydrate", {"doc_ids": [record["_id"]]})
        contact = answer.json()[0]["doc"]["contact"]
        self.assertEqual((contact["name"], contact["parent"]["name"],
                          contact["parent"]["parent"]["contact"]["name"]), ("Chep", "River", "Nora"))

    def test_unknown_sender_of_plain_text(self):
        record = self.sms("hello", self.number())
        self.assertNotIn("contact", record)
        self.assertIn({"code": NOT_FOUND, "message": TEXT}, record["errors"])
        self.assertEqual(record["tasks"], [])

    def test_unknown_sender_of_a_report(self):
        sender = self.number()
        record = self.sms("V hello", sender)
        self.assertIn({"code": NOT_FOUND, "message": GENERIC}, record["errors"])
        task, = record["tasks"]
        message = task["messages"][0]
        self.assertEqual((message["to"], message["message"]), (sender, GENERIC))
        self.assertEqual(task["state"], "forwarded-to-gateway", "handed out by the same poll")

    def test_public_form(self):
        record = self.sms("PUB", self.number())
        self.assertNotIn(NOT_FOUND, [e["code"] for e in record["errors"]])
        self.assertEqual(record["tasks"], [])

    def test_configured_text(self):
        self.c.settings(settings(update_clinics=[
            {"form": "X", "messages": [{"event_type": NOT_FOUND, "message": "wrong form"}]},
            {"form": "V", "messages": [
                {"event_type": "other", "message": "wrong event"},
                {"event_type": NOT_FOUND, "recipient": "+254799000111", "bool_expr": "false",
                 "message": [{"locale": "sw", "content": "Nani?"},
                             {"locale": "en", "content": "Who are {{from}}?"}]}]}]))
        sender = self.number()
        record = self.sms("V x", sender)
        text = f"Who are {sender}?"
        self.assertIn({"code": NOT_FOUND, "message": text}, record["errors"])
        message = record["tasks"][0]["messages"][0]
        self.assertEqual((message["to"], message["message"]), ("+254799000111", text))

    def test_configured_text_that_nobody_translated(self):
        self.c.settings(settings(update_clinics=[{"form": "V", "messages": [
            {"event_type": NOT_FOUND, "translation_key": "no.such.key"}]}]))
        record = self.sms("V x", self.number())
        self.assertIn({"code": NOT_FOUND, "message": TEXT}, record["errors"])
        self.assertEqual(record["tasks"], [])

    def test_error_in_the_language_of_the_settings(self):
        self.c.settings(settings(locale="sw"))
        record = self.sms("hello", self.number())
        self.assertIn({"code": NOT_FOUND, "message": "Kituo cha afya hakipatikani."},
                      record["errors"])

    def test_posted_record(self):
        answer = self.c.post("/api/v1/records", {"_meta": {"form": "V", "from": "+254711000003"}})
        self.assertEqual(self.doc(answer.json()["id"])["contact"], LINK)
        answer = self.c.form("/api/v1/records", {"message": "V", "from": "+254711000004"})
        self.assertEqual(self.doc(answer.json()["id"])["contact"]["_id"], "p_chw2")

    def test_off(self):
        for transitions in ({}, {"update_clinics": False}, {"update_clinics": {"disable": True}}):
            self.c.settings(settings(transitions=transitions))
            record = self.sms("hello", "0711000003")
            self.assertNotIn("contact", record)
            self.assertEqual([e for e in record["errors"] if e["code"] == NOT_FOUND], [])

    def test_place_by_phone(self):
        phone = self.number()
        self.put({"_id": "c_phone", "type": "clinic", "name": "P", "phone": phone,
                  "parent": {"_id": "h1", "parent": {"_id": "d1"}}})
        self.assertEqual(self.sms("hello", phone)["contact"],
                         {"_id": "c_phone", "parent": {"_id": "h1", "parent": {"_id": "d1"}}})

    def test_type_that_is_not_configured(self):
        phone = self.number()
        self.put({"_id": "odd", "type": "contact", "contact_type": "x", "phone": phone})
        record = self.sms("hello", phone)
        self.assertNotIn("contact", record)
        self.assertIn(NOT_FOUND, [e["code"] for e in record["errors"]])

    def test_contact_made_in_the_same_moment(self):
        """Look-ups are written with the document: never stale."""
        phone = self.number()
        answer = self.c.post("/api/v1/people", {"name": "New", "phone": phone, "place": "c1"})
        person = answer.json()["id"]
        self.assertEqual(self.sms("hello", phone)["contact"]["_id"], person)
        self.delete(person)
        self.assertNotIn("contact", self.sms("hello", phone))


class Written(Base):
    """Records that clients write as documents."""

    def setUp(self):
        super().setUp()
        self.c.settings(settings())

    def write(self, **members):
        doc_id = self.reference("w")
        self.put({"_id": doc_id, "type": "data_record", "errors": [], "tasks": [], **members})
        return self.doc(doc_id)

    def test_numbers_as_reference(self):
        self.put({"_id": "coded", "type": "person", "name": "N", "rc_code": "4711"})
        self.assertEqual(self.write(refid=4711, form="V")["contact"], {"_id": "coded"})
        self.assertEqual(self.write(refid="4711", form="V")["contact"], {"_id": "coded"})

    def test_contact_that_is_gone(self):
        """A place whose contact is not there: the ids that the place has of it."""
        self.put({"_id": "c_lost", "type": "clinic", "name": "L", "rc_code": "lost1",
                  "contact": {"_id": "gone", "parent": {"_id": "c_lost"}}})
        self.assertEqual(self.write(refid="LOST1", form="V")["contact"],
                         {"_id": "gone", "parent": {"_id": "c_lost"}})

    def test_contact_that_is_there_stays(self):
        contact = {"_id": "someone", "x": 1}
        doc = self.write(**{"from": "+254711000003", "contact": contact})
        self.assertEqual((doc["contact"], doc["_rev"][:2]), (contact, "1-"))

    def test_xform(self):
        doc = self.write(**{"from": "+254799999998", "form": "V", "content_type": "xml"})
        self.assertEqual((doc["errors"], doc["tasks"], doc["_rev"][:2]), ([], [], "1-"))

    def test_again_when_a_contact_has_appeared(self):
        """workflows.md 1.1 no. 4: whatever the mark."""
        phone = self.number()
        doc = self.write(**{"from": phone})
        self.assertEqual(doc["errors"], [{"code": NOT_FOUND, "message": TEXT}])
        self.put({**doc, "note": 1})
        doc = self.doc(doc["_id"])
        self.assertEqual(doc["errors"], [{"code": NOT_FOUND, "message": TEXT}])
        self.assertEqual(doc["_rev"][:2], "3-")
        person = self.c.post("/api/v1/people", {"name": "N", "phone": phone}).json()["id"]
        self.put({**doc, "note": 2})
        doc = self.doc(doc["_id"])
        self.assertEqual((doc["contact"], doc["note"]), ({"_id": person}, 2))

    def test_again_for_a_record_that_came_by_sms(self):
        phone = self.number()
        message = self.incoming("hello", phone)
        self.c.sms([message])
        person = self.c.post("/api/v1/people", {"name": "N", "phone": phone}).json()["id"]
        record = self.c.record(message["id"])
        self.put({**record, "note": 1})
        self.assertEqual(self.doc(record["_id"])["contact"], {"_id": person})

    def test_many_errors_already(self):
        errors = [{"code": f"e{i}", "message": "m"} for i in range(5)]
        doc = self.write(**{"from": self.number(), "errors": errors})
        self.assertEqual(doc["errors"], errors + [{"code": NOT_FOUND, "message": TEXT}])


if __name__ == "__main__":
    main()
