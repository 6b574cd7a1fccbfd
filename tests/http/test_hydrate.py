# SPDX-License-Identifier: MIT
"""GET and POST /api/v1/hydrate: contacts.md 6."""

import json
import unittest
import urllib.parse

import contacts
from contacts import CL2, DH1, FX, HC1, OFFLINE, P3, ContactsCase, begin, put
from harness import FORM_TYPE, JSON_TYPE, ServerCase, main

PATH = "/api/v1/hydrate"
LINE_A = {"error": "bad_request", "reason": "`doc_ids` parameter must be a json array."}
REVS = {}

CHIEF = {"_id": "chief", "type": "person", "name": "Chief", "patient_id": "55555",
         "parent": {"_id": "hc1", "parent": {"_id": "dh1"}}}
LOST = {"_id": "lost", "type": "person", "name": "L", "parent": {
    "_id": "gone", "parent": {"_id": "hc1", "parent": {"_id": "dh1"}}}}
LINKED = {"_id": "linked", "type": "person", "name": "K", "parent": {"_id": "dh1"},
          "contact": {"_id": "gone"},
          "linked_docs": {"one": "fx", "two": {"_id": "p3"}, "three": "gone", "four": "secret"}}
PLACE_ID = {"_id": "byplace", "type": "clinic", "name": "B", "place_id": "777", "parent": {
    "_id": "hc1", "parent": {"_id": "dh1"}}}
NUMBERED = {"_id": "numbered", "type": "person", "name": "N", "patient_id": 4242}
OFFICE = {"_id": "office", "type": "national_office", "name": "N", "contact": {"_id": "fx"}}
MOVED = {"_id": "moved", "type": "person", "name": "M", "parent": {
    "_id": "cl2", "parent": {"_id": "dh1"}}}
RECORDS = {
    "r1": {"contact": {"_id": "p3", "parent": {"_id": "old"}}, "fields": {"patient_id": "55555"}},
    "r2": {"contact": {"_id": "gone", "parent": {"_id": "cl2"}}, "fields": {
        "patient_uuid": "chief", "place_id": "777"}},
    "r3": {"patient_id": "chief", "place_id": "cl2"},
    "r4": {"fields": {"patient_id": "nobody", "place_id": "secret"}, "patient_id": "55555"},
    "r5": {"fields": {}},
    "r6": {"fields": {"patient_id": "4242"}},
    "r7": {"patient_id": 4242, "place_id": "04242"},
}


def setUpModule():
    begin()
    c = ServerCase.server.client()
    for doc in (CHIEF, LOST, LINKED, PLACE_ID, OFFICE, MOVED,
                NUMBERED, {"_id": "secret", "type": "other", "contact": {"_id": "fx"}}):
        put(c, doc)
    for doc_id, record in RECORDS.items():
        put(c, {"_id": doc_id, "type": "data_record", "form": "F", **record})
    for row in c.get("/medic/_all_docs").json()["rows"]:
        REVS[row["id"]] = row["value"]["rev"]
    rev = put(c, {"_id": "deleted", "type": "person", "name": "x"})
    c.request("DELETE", f"/medic/deleted?rev={rev}")


def tearDownModule():
    contacts.end()


def full(doc, **more):
    """A document as it is served, with members replaced."""
    doc_id = doc["_id"]
    return {"_id": doc_id, "_rev": REVS[doc_id], **{k: v for k, v in doc.items() if k != "_id"},
            **more}


def tree():
    """The clinic of the example with everything above it."""
    district = full(DH1)
    health = full(HC1, parent=district)
    return full(CL2, parent=health, contact=full(FX))


class Base(ContactsCase):
    def get(self, *ids, client=None):
        """Asks by GET and by POST, which answer the same."""
        query = urllib.parse.quote(json.dumps(ids))
        answer = self.check((client or self.c).get(f"{PATH}?doc_ids={query}"), 200)
        self.assertEqual(answer.header("content-type"), "application/json; charset=utf-8")
        posted = self.check((client or self.c).post(PATH, {"doc_ids": ids}), 200)
        self.assertEqual(posted.body, answer.body)
        return answer.json()

    def one(self, doc_id, client=None):
        entry, = self.get(doc_id, client=client)
        self.assertEqual(set(entry), {"id", "doc"})
        self.assertEqual(entry["id"], doc_id)
        return entry["doc"]


class Documents(Base):
    def test_example(self):
        entries = self.get("p3", "zz")
        self.assertEqual(entries, [{"id": "p3", "doc": full(P3, parent=tree())},
                                   {"id": "zz", "error": "not_found"}])

    def test_order_and_duplicates(self):
        entries = self.get("dh1", "p3", "dh1", "deleted", "zz")
        self.assertEqual([e["id"] for e in entries], ["dh1", "p3", "dh1", "deleted", "zz"])
        self.assertEqual(entries[0], entries[2])
        self.assertEqual(entries[3], {"id": "deleted", "error": "not_found"})

    def test_no_ids(self):
        self.assertEqual(self.get(), [])

    def test_elements_that_are_no_text(self):
        self.assertEqual(self.get(1, None, {"a": [1]}, "", "x" * 600), [
            {"id": 1, "error": "not_found"}, {"id": None, "error": "not_found"},
            {"id": {"a": [1]}, "error": "not_found"}, {"id": "", "error": "not_found"},
            {"id": "x" * 600, "error": "not_found"}])

    def test_place(self):
        self.assertEqual(self.one("cl2"), tree())
        self.assertEqual(self.one("dh1"), full(DH1))
        self.assertEqual(self.one("office"), full(OFFICE, contact=full(FX)))

    def test_order_of_members(self):
        text = self.c.get(PATH + "?doc_ids=%5B%22p3%22%5D").text
        doc = json.loads(text)[0]["doc"]
        self.assertEqual(list(doc), ["_id", "_rev", "type", "name", "phone", "parent"])
        self.assertEqual(list(doc["parent"]), ["_id", "_rev", "type", "name", "contact", "parent"])

    def test_missing_ancestor(self):
        """The level stays, its ids further up too, and those are documents again."""
        self.assertEqual(self.one("lost"), full(LOST, parent={
            "_id": "gone", "parent": full(HC1, parent=full(DH1))}))

    def test_chain_of_the_document_asked_for(self):
        """A place that has moved: the chain stored in the document counts."""
        self.assertEqual(self.one("moved"), full(MOVED, parent=full(
            CL2, contact=full(FX), parent=full(DH1))))

    def test_missing_contact_and_linked_docs(self):
        self.assertEqual(self.one("linked"), full(
            LINKED, parent=full(DH1), linked_docs={
                "one": full(FX), "two": full(P3), "three": "gone", "four": "secret"}))


class Records(Base):
    def record(self, doc_id, **more):
        return full({"_id": doc_id, "type": "data_record", "form": "F", **RECORDS[doc_id]}, **more)

    def chief(self):
        return full(CHIEF, parent=full(HC1, parent=full(DH1)))

    def test_contact_and_patient(self):
        """The chain of the contact's current parents; the patient by shortcode."""
        self.assertEqual(self.one("r1"), self.record("r1", contact=full(P3, parent=tree()),
                                                     patient=self.chief()))

    def test_missing_contact_place_and_uuid(self):
        self.assertEqual(self.one("r2"), self.record(
            "r2", patient=self.chief(), place=full(PLACE_ID, parent=full(HC1, parent=full(DH1)))))

    def test_ids_at_the_top(self):
        self.assertEqual(self.one("r3"), self.record("r3", patient=self.chief(), place=tree()))

    def test_number_as_shortcode(self):
        """Its text counts."""
        for doc_id in ("r6", "r7"):
            self.assertEqual(self.one(doc_id), self.record(doc_id, patient=full(NUMBERED)))

    def test_not_found(self):
        """The first id that is there counts; what is no contact is no subject."""
        self.assertEqual(self.one("r4"), self.record("r4"))
        self.assertEqual(self.one("r5"), self.record("r5"))


class Access(Base):
    def test_other_documents(self):
        """Difference 8: contacts and records only, but for administrators."""
        entry = self.as_user("entry")
        for doc_id in ("secret", "settings"):
            self.assertEqual(self.get(doc_id, client=entry), [{"id": doc_id, "error": "not_found"}])
        self.assertEqual(self.one("secret")["type"], "other")
        self.assertEqual(self.one("secret")["contact"], {"_id": "fx"})
        self.assertEqual(self.one("p3", client=entry), full(P3, parent=tree()))
        self.assertEqual(self.one("r5", client=entry)["form"], "F")

    def test_offline(self):
        for accept in (JSON_TYPE, "text/plain", "text/html"):
            for method, body in (("GET", None), ("POST", '{"doc_ids":[]}')):
                answer = self.as_user("chw").request(method, PATH, body, {
                    "Accept": accept, "Content-Type": JSON_TYPE})
                self.check(answer, 403, OFFLINE)

    def test_not_logged_in(self):
        answer = self.c.post(PATH, {"doc_ids": []}, auth=False)
        self.check(answer, 401, {"code": 401, "error": "unauthorized"})


class Requests(Base):
    def test_brackets(self):
        for query in ("doc_ids[]=dh1&doc_ids%5B%5D=zz", "doc_ids[0]=dh1&doc_ids%5B1%5D=zz",
                      "doc_ids=dh1&doc_ids=zz"):
            answer = self.check(self.c.get(PATH + "?" + query), 200)
            self.assertEqual(answer.json(), [{"id": "dh1", "doc": full(DH1)},
                                             {"id": "zz", "error": "not_found"}], query)
        for query in ("doc_ids[x]=dh1", "doc_ids[0=dh1", "doc_ids[0]x=dh1", "doc_ids[][]=dh1"):
            self.check(self.c.get(PATH + "?" + query), 400, LINE_A)

    def test_query_wins(self):
        answer = self.c.post(PATH + "?doc_ids=%5B%22zz%22%5D", {"doc_ids": ["dh1"]})
        self.check(answer, 200, [{"id": "zz", "error": "not_found"}])
        answer = self.c.post(PATH + "?doc_ids=", {"doc_ids": ["zz"]})
        self.check(answer, 200, [{"id": "zz", "error": "not_found"}])

    def test_media_type(self):
        answer = self.c.request("POST", PATH, '{"doc_ids":["zz"]}',
                                {"Content-Type": "application/json;charset=utf-8"})
        self.check(answer, 200, [{"id": "zz", "error": "not_found"}])

    def test_line_a(self):
        """Always JSON, whatever Accept says."""
        for accept in (JSON_TYPE, "text/plain"):
            headers = {"Accept": accept}
            for query in ("", "?doc_ids=", "?doc_ids=dh1", "?doc_ids=%7B%7D", "?doc_ids=%22x%22",
                          "?doc_ids=%5B", "?doc_ids=5"):
                with self.subTest(query=query):
                    self.check(self.c.get(PATH + query, headers), 400, LINE_A)
            for body in ("", "{}", "[]", "{", "nonsense", '"x"', '{"doc_ids":"dh1"}',
                         '{"doc_ids":{}}', '{"doc_ids":null}'):
                with self.subTest(body=body):
                    self.check(self.c.post(PATH, body, headers), 400, LINE_A)
            answer = self.c.request("POST", PATH, "doc_ids=%5B%5D",
                                    {"Content-Type": FORM_TYPE, **headers})
            self.check(answer, 400, LINE_A)

    def test_too_many(self):
        self.assertEqual(len(self.c.post(PATH, {"doc_ids": ["zz"] * 1000}).json()), 1000)
        self.check(self.c.post(PATH, {"doc_ids": ["zz"] * 1001}), 400,
                   {"error": "bad_request", "reason": "too many doc_ids (limit 1000)"})

    def test_answer_is_bounded(self):
        """A contact of a megabyte, asked for a thousand times."""
        self.c.put("/medic/huge", {"type": "person", "name": "n" * 1000000})
        answer = self.c.post(PATH, {"doc_ids": ["huge"] * 1000})
        self.check(answer, 413, {"code": 413, "error": "Payload Too Large"})

    def test_deep_chain(self):
        """More levels than a lineage may have: those above stay as they are stored."""
        parent = {"_id": "b59"}
        for i in reversed(range(59)):
            parent = {"_id": f"b{i}", "parent": parent}
        self.c.put("/medic/deep", {"type": "person", "name": "x", "parent": parent})
        doc = self.one("deep")
        levels = 0
        while "parent" in doc:
            doc = doc["parent"]
            levels += 1
        self.assertEqual(levels, 60)


if __name__ == "__main__":
    main()
