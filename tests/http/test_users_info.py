# SPDX-License-Identifier: MIT
"""/api/v1/users-info and /api/v1/users-doc-count: users.md 9."""

import json
import time
import urllib.parse

from harness import JSON_TYPE, Client, ServerCase, main

GOOD = "Sup3r.secret"
TEXT = {"Accept": "text/plain"}
JSON = {"Accept": JSON_TYPE}
LIMIT = 10000

SETTINGS = {
    "roles": {"chw": {"name": "CHW", "offline": True}, "shallow": {"offline": True},
              "deep": {"offline": True}, "lone": {"offline": True}, "officer": {"name": "O"},
              "clerk": {"name": "C"}},
    "permissions": {"can_update_users": ["officer"], "can_create_users": ["officer"],
                    "can_view_unallocated_data_records": ["lone"]},
    "replication_depth": [{"role": "shallow", "depth": 1}, {"role": "deep", "depth": "2"}],
    "district_admins_access_unallocated_messages": True,
}
CHAIN = {"_id": "hc1", "parent": {"_id": "d1"}}
CONTACTS = [
    ("d1", {"type": "district_hospital", "name": "D1"}),
    ("hc1", {"type": "health_center", "name": "HC1", "parent": {"_id": "d1"}, "place_id": "70001"}),
    ("hc2", {"type": "health_center", "name": "HC2", "parent": {"_id": "d1"}}),
    ("cl1", {"type": "clinic", "name": "C1", "parent": CHAIN}),
    ("p1", {"type": "person", "name": "P1", "parent": CHAIN}),
    ("p2", {"type": "person", "name": "P2", "parent": {"_id": "cl1", "parent": CHAIN},
            "patient_id": "12345"}),
    ("p9", {"type": "person", "name": "P9", "parent": {"_id": "hc2", "parent": {"_id": "d1"}}}),
]
# what a user of hc1 holds of them: 4 contacts (hc1, cl1, p1, p2)
RECORDS = [
    ("r-patient", {"form": "F", "fields": {"patient_id": "12345"}}),
    ("r-uuid", {"form": "F", "fields": {"patient_uuid": "p2"}, "contact": {"_id": "p9"}}),
    ("r-place", {"form": "F", "fields": {"place_id": "70001"}}),
    ("r-sender", {"form": "F", "fields": {}, "contact": {"_id": "p1"}}),
    ("r-both", {"form": "F", "fields": {"patient_id": "12345"}, "contact": {"_id": "p2"}}),
    ("m-in", {"sms_message": {"message": "x"}, "contact": {"_id": "p1"}}),
    ("m-out", {"kujua_message": True, "tasks": [{"messages": [{"contact": {"_id": "p2"}}]}]}),
    ("r-other", {"form": "F", "fields": {"patient_id": "99999"}, "contact": {"_id": "p9"}}),
    ("m-other", {"sms_message": {"message": "x"}, "contact": {"_id": "p9"}}),
    ("r-nobody", {"form": "F", "fields": {}}),
]
HELD_CONTACTS = 4
HELD_RECORDS = 7


def setUpModule():
    ServerCase.begin(env={"BARUA_HTTP_TRUSTED_PROXIES": "127.0.0.1"})
    c = ServerCase.server.client()
    c.settings(SETTINGS)
    docs = [{"_id": id, **doc} for id, doc in CONTACTS]
    docs += [{"_id": id, "type": "data_record", "reported_date": 1, **doc} for id, doc in RECORDS]
    docs += [{"_id": "form:visit", "type": "form"}, {"_id": "messages-xx", "type": "translations"},
             {"_id": "branding", "type": "x"},
             {"_id": "task1", "type": "task", "user": "org.couchdb.user:chw"},
             {"_id": "task2", "type": "task", "user": "org.couchdb.user:other"}]
    answer = c.post("/medic/_bulk_docs", {"docs": docs})
    assert answer.status == 201 and all("rev" in row for row in answer.json()), answer
    for name, role, more in (("boss", "officer", {}), ("clerk", "clerk", {}),
                             ("chw", "chw", {"place": "hc1", "contact": "p1"})):
        answer = c.post("/api/v1/users", {"username": name, "password": GOOD, "roles": [role],
                                          **more})
        assert answer.status == 200, answer


def tearDownModule():
    ServerCase.end()


class InfoCase(ServerCase):
    def client_of(self, name):
        return Client(self.server.port, user=name, password=GOOD)

    def info(self, client=None, headers=JSON, **query):
        path = "/api/v1/users-info?" + urllib.parse.urlencode(query)
        return (client or self.c).get(path, headers=headers)

    def total(self, client=None, **query):
        value = self.check(self.info(client, **query), 200).json()
        self.assertEqual(list(value), ["total_docs", "warn", "limit"])
        self.assertEqual((value["limit"], value["warn"]), (LIMIT, value["total_docs"] >= LIMIT))
        return value["total_docs"]

    def shared(self):
        """Everybody's documents, counted here by their ids."""
        ids = [row["id"] for row in self.c.get("/medic/_all_docs").json()["rows"]]
        return 2 + len([i for i in ids if i in ("settings", "branding")
                        or i.startswith(("messages-", "form:"))])


class Refusals(InfoCase):
    MISSING = "Missing required query params: role and/or facility_id"

    def refused(self, status, text, client=None, **query):
        self.check(self.info(client, **query), status, {"code": status, "error": text})
        answer = self.info(client, headers=TEXT, **query)
        self.assertEqual((answer.status, answer.text), (status, text))

    def test_not_logged_in(self):
        answer = self.c.get("/api/v1/users-info", JSON, auth=False)
        self.check(answer, 401, {"code": 401, "error": "unauthorized"})

    def test_permission_comes_before_parameters(self):
        self.refused(403, "Insufficient privileges", self.client_of("clerk"))

    def test_parameters(self):
        self.refused(400, self.MISSING)
        self.refused(400, self.MISSING, role="chw")
        self.refused(400, self.MISSING, facility_id="hc1")
        self.refused(400, self.MISSING, facility_id="", role="chw")

    def test_role(self):
        text = "Role parameter must be either a string or a JSON encoded array"
        for role in ("5", "true", '{"a":1}', "null"):
            self.refused(400, text, facility_id="hc1", role=role)
        for role in ("[1]", '["chw",null]'):
            self.refused(400, "All roles should be strings", facility_id="hc1", role=role)
        for role in ("officer", '"officer"', '["officer","clerk"]', "_admin"):
            self.refused(400, "Provided role is not offline", facility_id="hc1", role=role)


class Figures(InfoCase):
    def test_roles_in_their_forms(self):
        expected = self.shared() + HELD_CONTACTS + HELD_RECORDS
        for role in ("chw", '"chw"', '["chw"]', '["chw","x"]', "unconfigured", '[chw'):
            self.assertEqual(self.total(facility_id="hc1", role=role), expected, role)

    def test_by_an_officer(self):
        self.assertEqual(self.total(self.client_of("boss"), facility_id="hc1", role="chw"),
                         self.shared() + HELD_CONTACTS + HELD_RECORDS)

    def test_unknown_facility(self):
        self.assertEqual(self.total(facility_id="nowhere", role="chw"), self.shared())

    def test_the_whole_district(self):
        """Seven contacts; all records but the one that nobody is named in."""
        self.assertEqual(self.total(facility_id="d1", role="chw"),
                         self.shared() + len(CONTACTS) + len(RECORDS) - 1)

    def test_depth(self):
        """One level: hc1, cl1, p1; then r-place, r-sender, m-in."""
        self.assertEqual(self.total(facility_id="hc1", role="shallow"), self.shared() + 3 + 3)
        self.assertEqual(self.total(facility_id="hc1", role="deep"),
                         self.shared() + HELD_CONTACTS + HELD_RECORDS)
        self.assertEqual(self.total(facility_id="hc1", role='["shallow","deep"]'),
                         self.shared() + HELD_CONTACTS + HELD_RECORDS)

    def test_unassigned(self):
        """With the setting and the permission: one more."""
        self.assertEqual(self.total(facility_id="hc1", role="lone"),
                         self.shared() + HELD_CONTACTS + HELD_RECORDS + 1)

    def test_own(self):
        """Parameters are ignored; own tasks count."""
        chw = self.client_of("chw")
        expected = self.shared() + HELD_CONTACTS + HELD_RECORDS + 1
        self.assertEqual(self.total(chw), expected)
        self.assertEqual(self.total(chw, facility_id="d1", role="officer"), expected)

    def test_it_grows_at_once(self):
        before = self.total(facility_id="hc2", role="chw")
        self.c.post("/medic/_bulk_docs", {"docs": [
            {"_id": f"grown-{i}", "type": "person", "name": "x",
             "parent": {"_id": "hc2", "parent": {"_id": "d1"}}} for i in range(500)]})
        self.assertEqual(self.total(facility_id="hc2", role="chw"), before + 500)
        rows = self.c.get('/medic/_all_docs?startkey="grown-"&endkey="grown-z"').json()["rows"]
        self.c.post("/medic/_bulk_docs", {"docs": [
            {"_id": r["id"], "_rev": r["value"]["rev"], "_deleted": True} for r in rows]})
        self.assertEqual(self.total(facility_id="hc2", role="chw"), before)

    def test_the_limit(self):
        """10,000 is already too many."""
        self.c.put("/medic/hcbig", {"type": "health_center", "name": "Big",
                                    "parent": {"_id": "d2"}})
        own = self.total(facility_id="hcbig", role="chw")
        people = [{"_id": f"big-{i}", "type": "person", "name": "x", "parent": {"_id": "hcbig"}}
                  for i in range(LIMIT - own)]
        for i in range(0, len(people), 2500):
            self.c.post("/medic/_bulk_docs", {"docs": people[i:i + 2500]})
        self.assertEqual(self.info(facility_id="hcbig", role="chw").json(),
                         {"total_docs": LIMIT, "warn": True, "limit": LIMIT})
        row = self.c.get("/medic/big-0").json()
        self.c.request("DELETE", f"/medic/big-0?rev={row['_rev']}")
        self.assertEqual(self.info(facility_id="hcbig", role="chw").json(),
                         {"total_docs": LIMIT - 1, "warn": False, "limit": LIMIT})


class DocCount(InfoCase):
    def figure(self, name="chw"):
        return self.c.get(f"/api/v1/users-doc-count?user={name}", JSON)

    def eventually(self, probe):
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if probe():
                return
            time.sleep(0.05)
        self.fail(f"not in five seconds: {self.figure()}")

    def count_is(self, expected):
        answer = self.figure()
        return answer.status == 200 and answer.json()["users"]["count"] == expected

    def test_who_may(self):
        """As 3.11: 401 as text, whatever is accepted."""
        for client, auth in ((self.c, False), (self.client_of("boss"), True),
                             (self.client_of("chw"), True)):
            for headers in (JSON, TEXT, {"Accept": "text/html", "User-Agent": "Mozilla/5.0"}):
                answer = client.get("/api/v1/users-doc-count", headers, auth=auth)
                self.assertEqual((answer.status, answer.text), (401, "not logged in"))
                self.assertEqual(answer.header("content-type"), "text/plain")
                self.assertRegex(answer.header("www-authenticate"), r"^Basic realm=")

    def test_unknown(self):
        self.check(self.figure("nobody"), 404, {"code": 404, "error": "missing"})

    def test_empty_name_is_none(self):
        """9.2: as without `user`, a list."""
        self.assertIsInstance(self.figure("").json()["users"], list)

    def test_kept_after_asking_for_oneself(self):
        expected = self.total(self.client_of("chw"))
        self.eventually(lambda: self.count_is(expected))
        value = self.figure().json()
        self.assertEqual(list(value), ["limit", "users"])
        self.assertEqual(value["limit"], LIMIT)
        users = value["users"]
        self.assertEqual(users, {"_id": "replication-count-chw", "_rev": users["_rev"],
                                 "user": "chw", "date": users["date"], "count": expected})
        self.assertAlmostEqual(users["date"] / 1000, time.time(), delta=60)
        everybody = self.check(self.c.get("/api/v1/users-doc-count"), 200).json()
        self.assertEqual(list(everybody), ["limit", "users"])
        self.assertEqual([u for u in everybody["users"] if u["user"] == "chw"], [users])
        # nothing new: nothing written
        self.total(self.client_of("chw"))
        time.sleep(0.3)
        self.assertEqual(self.figure().json()["users"], users)

    def sign_in(self):
        answer = self.c.post("/_session", {"name": "chw", "password": GOOD}, auth=False)
        self.assertEqual(answer.status, 200, answer)
        return {"Cookie": answer.header("set-cookie").split(";")[0]}

    def test_kept_after_signing_in(self):
        before = self.total(self.client_of("chw"))
        for i, event in enumerate((self.sign_in, self.renew)):
            self.c.put(f"/medic/more-{i}", {"type": "person", "name": "x", "parent": CHAIN})
            event()
            self.eventually(lambda: self.count_is(before + i + 1))
        for i in range(2):
            row = self.c.get(f"/medic/more-{i}").json()
            self.c.request("DELETE", f"/medic/more-{i}?rev={row['_rev']}")

    def test_kept_after_a_login_link(self):
        self.c.settings({**SETTINGS, "token_login": {"enabled": True, "message": "Hi"}})
        answer = self.c.post("/api/v1/users", {
            "username": "linked", "roles": ["chw"], "place": "hc1", "contact": "p1",
            "phone": "+254712000999", "token_login": True})
        self.assertEqual(answer.status, 200, answer)
        link = [m["content"] for m in self.c.sms() if "/medic/login/token/" in m["content"]][-1]
        answer = self.c.post(link[link.index("/medic/login"):], {}, auth=False)
        self.assertEqual(answer.status, 302, answer)
        self.eventually(lambda: self.figure("linked").status == 200)
        self.assertEqual(self.figure("linked").json()["users"]["user"], "linked")

    def renew(self):
        cookie = self.sign_in()
        self.assertEqual(self.c.get("/_session", cookie, auth=False).status, 200)

    def test_online_users_have_none(self):
        self.c.post("/_session", {"name": "boss", "password": GOOD}, auth=False)
        time.sleep(0.3)
        self.check(self.figure("boss"), 404, {"code": 404, "error": "missing"})


if __name__ == "__main__":
    main()
