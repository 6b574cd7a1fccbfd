# SPDX-License-Identifier: MIT
"""Views of the registry: documents.md 5, 6.8, 8.8, 8.10 and 10."""

import json
import time
import unittest
import urllib.parse

from harness import ServerCase, main

NATIVE, SEED = "/medic", "/cdb/~"
PEOPLE = [{"_id": f"p-{i:02d}", "type": "person", "name": f"Name {i}", "phone": f"+25471200{i:04d}",
           "patient_id": f"{10000 + i}", "parent": {"_id": "clinic-1"}} for i in range(20)]
REPORTS = [{"_id": f"r-{i:02d}", "type": "data_record", "form": "ABC"[i % 3],
            "reported_date": 1000 + i, "fields": {"patient_id": f"{10000 + i % 5}"},
            "contact": {"_id": "p-00", "parent": {"_id": "clinic-1"}}} for i in range(30)]
DUE = int(time.time() * 1000) + 3600000      # neither due nor expired while the tests run
TASKS = [{"_id": f"t-{i}", "type": "tasks", "reported_date": 50 + i, "tasks": [
    {"state": state, "due": DUE + i, "messages": [{"uuid": f"u-{i}", "to": "+254", "message": "m"}]}]}
    for i, state in enumerate(("pending", "scheduled", "sent", "forwarded-to-gateway", "pending"))]


def setUpModule():
    ServerCase.begin()
    docs = PEOPLE + REPORTS + TASKS + [{"_id": "clinic-1", "type": "clinic", "name": "One"}]
    answer = ServerCase.server.client().post(NATIVE + "/_bulk_docs", {"docs": docs})
    assert answer.status == 201, answer


def tearDownModule():
    ServerCase.end()


class Base(ServerCase):
    def url(self, view, mount=NATIVE, **parameters):
        ddoc, name = view.split("/")
        query = urllib.parse.urlencode({k: v if isinstance(v, str) and k in
                                        ("startkey_docid", "endkey_docid", "update", "stale")
                                        else json.dumps(v) for k, v in parameters.items()})
        return f"{mount}/_design/{ddoc}/_view/{name}" + ("?" + query if query else "")

    def view(self, view, mount=NATIVE, **parameters):
        return self.check(self.c.get(self.url(view, mount, **parameters)), 200).json()

    def ids(self, view, **parameters):
        return [r["id"] for r in self.view(view, **parameters)["rows"]]


class Rows(Base):
    def test_shape(self):
        for mount in (NATIVE, SEED):
            value = self.view("medic-client/contacts_by_phone", mount, key=PEOPLE[3]["phone"])
            self.assertEqual((value["total_rows"], value["offset"]), (20, 3))
            self.assertEqual(value["rows"], [{"id": "p-03", "key": PEOPLE[3]["phone"],
                                              "value": None}])

    def test_include_docs(self):
        row, = self.view("medic-client/contacts_by_phone", key=PEOPLE[3]["phone"],
                         include_docs=True)["rows"]
        self.assertEqual(row["doc"], self.c.get(NATIVE + "/p-03").json())

    def test_ranges(self):
        names = [p["_id"] for p in PEOPLE]
        phones = [p["phone"] for p in PEOPLE]
        view = "medic-client/contacts_by_phone"
        for parameters, expected in (
                ({}, names), ({"limit": 3}, names[:3]), ({"skip": 18}, names[18:]),
                ({"descending": True, "limit": 2}, names[:-3:-1]),
                ({"startkey": phones[5], "endkey": phones[8]}, names[5:9]),
                ({"start_key": phones[5], "endkey": phones[8]}, names[5:9]),
                ({"startkey": phones[5], "end_key": phones[8], "inclusive_end": False}, names[5:8]),
                ({"startkey": phones[8], "endkey": phones[5], "descending": True}, names[8:4:-1]),
                ({"startkey": phones[8], "endkey": phones[5]}, []),
                ({"startkey": {}}, []), ({"endkey": {}}, names), ({"startkey": 5}, names),
                ({"endkey": None}, []), ({"endkey": "\ufff0"}, names), ({"key": "never"}, []),
                ({"key": 5}, []), ({"limit": 0}, [])):
            with self.subTest(parameters):
                self.assertEqual(self.ids(view, **parameters), expected)

    def test_keys(self):
        view = "medic-client/contacts_by_phone"
        phones = [PEOPLE[7]["phone"], "never", PEOPLE[2]["phone"], PEOPLE[7]["phone"]]
        self.assertEqual(self.ids(view, keys=phones), ["p-07", "p-02", "p-07"])
        self.assertEqual(self.ids(view, keys=phones, descending=True), ["p-07", "p-02", "p-07"])
        self.assertEqual(self.ids(view, keys=phones[:3], descending=True), ["p-02", "p-07"])
        self.assertEqual(self.ids(view, keys=phones, skip=1, limit=1), ["p-02"])
        self.assertEqual(self.ids(view, keys=[]), [])
        self.assertEqual(self.view(view, keys=[])["total_rows"], 20)
        answer = self.c.post(self.url(view), {"keys": phones})
        self.assertEqual([r["id"] for r in answer.json()["rows"]], ["p-07", "p-02", "p-07"])
        answer = self.c.post(self.url(view, limit=1), {"keys": phones, "limit": 3})
        self.assertEqual(len(answer.json()["rows"]), 1)
        answer = self.c.post(self.url(view), {"startkey": PEOPLE[18]["phone"], "include_docs": True})
        self.assertEqual([r["doc"]["_id"] for r in answer.json()["rows"]], ["p-18", "p-19"])
        self.assertEqual(len(self.c.post(self.url(view), {}).json()["rows"]), 20)

    def test_equal_keys_by_id(self):
        view = "medic-client/reports_by_form"
        expected = [r["_id"] for r in REPORTS if r["form"] == "B"]
        self.assertEqual(self.ids(view, key=["B"], reduce=False), expected)
        self.assertEqual(self.ids(view, key=["B"], reduce=False, descending=True), expected[::-1])
        self.assertEqual(self.ids(view, startkey=["B"], endkey=["B"], reduce=False,
                                  startkey_docid=expected[4]), expected[4:])
        self.assertEqual(self.ids(view, startkey=["B"], endkey=["B"], reduce=False,
                                  endkey_docid=expected[4]), expected[:5])

    def test_messages(self):
        value = self.view("medic/messages_by_state", startkey=["pending-or-forwarded", 0],
                          endkey=["pending-or-forwarded", "\ufff0"])
        self.assertEqual([r["id"] for r in value["rows"]], ["t-0", "t-3", "t-4"])
        self.assertEqual(value["rows"][0]["value"], {"content": "m", "to": "+254", "id": "u-0"})
        self.assertEqual(self.ids("medic-sms/messages_by_uuid", keys=["u-2", "u-0"]),
                         ["t-2", "t-0"])

    def test_never_stale(self):
        for i in range(10):
            name, code = self.reference("n"), self.reference("code")
            rev = self.c.put(f"{NATIVE}/{name}", {"type": "person", "phone": code,
                                                  "patient_id": code}).json()["rev"]
            self.assertEqual(self.ids("medic-client/contacts_by_phone", key=code), [name])
            self.assertEqual(self.ids("medic/docs_by_shortcode", key=code), [name])
            self.assertIn(name, self.ids("medic-client/contacts_by_type", key=["person"],
                                         reduce=False))
            rev = self.c.put(f"{NATIVE}/{name}", {"_rev": rev, "type": "x"}).json()["rev"]
            self.assertEqual(self.ids("medic-client/contacts_by_phone", key=code), [])
            self.assertNotIn(name, self.ids("medic-client/contacts_by_type", key=["person"],
                                            reduce=False))

    def test_conflicts(self):
        name = self.reference("x")
        self.c.post(NATIVE + "/_bulk_docs", {"new_edits": False, "docs": [
            {"_id": name, "_rev": "1-a"}, {"_id": name, "_rev": "1-b"}]})
        row, = [r for r in self.view("medic-conflicts/conflicts", reduce=False)["rows"]
                if r["id"] == name]
        self.assertEqual(row["key"], ["1-a"])


class Reduced(Base):
    def test_groups(self):
        view = "medic-client/reports_by_form"
        self.assertEqual(self.view(view), {"rows": [{"key": None, "value": 30}]})
        self.assertEqual(self.view(view, group=True)["rows"],
                         [{"key": [f], "value": 10} for f in "ABC"])
        self.assertEqual(self.view(view, group_level=1, startkey=["B"])["rows"],
                         [{"key": ["B"], "value": 10}, {"key": ["C"], "value": 10}])
        self.assertEqual(self.view(view, group=True, skip=1, limit=1)["rows"],
                         [{"key": ["B"], "value": 10}])
        self.assertEqual(self.view(view, group=True, descending=True)["rows"][0]["key"], ["C"])
        self.assertEqual(self.view(view, startkey=["Z"]), {"rows": []})
        self.assertEqual(self.view(view, group=True, keys=[["C"], ["never"], ["A"]])["rows"],
                         [{"key": ["C"], "value": 10}, {"key": ["A"], "value": 10}])
        self.assertEqual(self.view(view, keys=[["C"], ["A"]])["rows"],
                         [{"key": None, "value": 20}])

    def test_queue(self):
        view = "medic-admin/message_queue"
        value = self.view(view, group_level=1, reduce=True)
        self.assertEqual({r["key"][0]: r["value"] for r in value["rows"]},
                         {"due": 4, "scheduled": 1, "delivered": 1})
        rows = self.view(view, reduce=False, start_key=["due", {}], end_key=["due", 0],
                         descending=True, include_docs=True)["rows"]
        self.assertEqual([r["id"] for r in rows], ["t-4", "t-3", "t-2", "t-0"])
        self.assertEqual(rows[0]["doc"]["_id"], "t-4")

    def test_map_only(self):
        answer = self.c.get(self.url("medic-client/contacts_by_phone", reduce=True))
        self.check(answer, 400, {"error": "query_parse_error",
                                 "reason": "Reduce is invalid for map-only views."})
        self.assertEqual(len(self.ids("medic-client/contacts_by_phone", reduce=False)), 20)


class Refused(Base):
    def test_unknown(self):
        for view, reason in (("never/x", "missing"), ("medic/never", "missing_named_view"),
                             ("medic-client/contacts_by_state", "missing_named_view"),
                             ("barua/x", "missing"), ("users/users_by_field", "missing")):
            with self.subTest(view):
                self.check(self.c.get(self.url(view)), 404,
                           {"error": "not_found", "reason": reason})
        answer = self.c.get("/medic-sentinel/_design/medic/_view/messages_by_state")
        self.check(answer, 404, {"error": "not_found", "reason": "missing"})
        self.assertEqual(self.c.get("/nope/_design/medic/_view/messages_by_state").status, 404)

    def test_stored_code_is_not_run(self):
        self.c.put(NATIVE + "/_design/mine", {"views": {"all": {
            "map": "function (doc) { emit(doc._id); }"}}})
        self.check(self.c.get(self.url("mine/all")), 404)

    def test_users(self):
        self.c.put("/_users/org.couchdb.user:vera", {
            "name": "vera", "type": "user", "roles": [], "contact_id": "c-1", "facility_id": "f-1"})
        rows = self.c.get("/_users/_design/users/_view/users_by_field?key="
                          + urllib.parse.quote('["facility_id","f-1"]')).json()["rows"]
        self.assertEqual([r["id"] for r in rows], ["org.couchdb.user:vera"])

    def test_queries(self):
        url = self.url("medic-client/contacts_by_phone")
        for query, error in (("startkey=abc", "bad_request"), ("limit=x", "query_parse_error"),
                             ("keys=5", "bad_request"), ("reduce=maybe", "query_parse_error"),
                             ("group_level=-1", "query_parse_error"), ("key=%7B", "bad_request"),
                             ("keys=%5B1%5D&startkey=1", "query_parse_error")):
            with self.subTest(query):
                answer = self.c.get(f"{url}?{query}")
                self.assertEqual((answer.status, answer.json()["error"]), (400, error))
        for query in ("update=false", "stale=ok", "stable=true", "keys=undefined"):
            self.check(self.c.get(f"{url}?{query}"), 200)
        self.check(self.c.post(url, {"keys": 5}), 400, {
            "error": "bad_request", "reason": "`keys` body member must be an array."})


class Seamless(Base):
    """More than one page of 64 KiB, without a hole and without a double."""

    def test_seamless(self):
        docs = [{"_id": f"page-{i:05d}", "type": "data_record", "form": "PAGE",
                 "reported_date": i // 7, "fields": {}} for i in range(3000)]
        self.c.post(NATIVE + "/_bulk_docs", {"docs": docs})
        names = [d["_id"] for d in docs]
        view = "medic-client/reports_by_form"
        for docs in (False, True):
            found = self.ids(view, key=["PAGE"], reduce=False, include_docs=docs)
            self.assertEqual(found, names)
            found = self.ids(view, key=["PAGE"], reduce=False, include_docs=docs, descending=True,
                             skip=5, limit=2900)
            self.assertEqual(found, names[::-1][5:2905])
        found = self.ids(view, keys=[["PAGE"], ["A"], ["PAGE"]], reduce=False, skip=1, limit=5000)
        expected = names + [r["_id"] for r in REPORTS if r["form"] == "A"] + names
        self.assertEqual(found, expected[1:5001])

    def test_many_rows_of_one_document(self):
        """Rows of the same key and document do not get lost between pages."""
        name = self.reference("many")
        self.c.put(f"{NATIVE}/{name}", {"type": "x", "reported_date": 1, "tasks": [
            {"state": "muted", "due": 5, "messages": [
                {"uuid": f"{name}-{i}", "to": "+1", "message": "y" * 50}]} for i in range(3000)]})
        rows = self.view("medic/messages_by_state", key=["muted", 5])["rows"]
        self.assertEqual([r["value"]["id"] for r in rows], [f"{name}-{i}" for i in range(3000)])


if __name__ == "__main__":
    main()
