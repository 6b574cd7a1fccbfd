# SPDX-License-Identifier: MIT
"""Who may do what: documents.md 9, users.md 3."""

import json
import unittest
import urllib.parse

from harness import JSON_TYPE, ServerCase, main

NATIVE, SEED = "/medic", "/cdb/~"
SECRET = "S3cret.enough"
ADMIN_ONLY = {"error": "forbidden", "reason": "You are not authorized to edit admin only docs"}
NO_DB = {"error": "forbidden", "reason": "You are not allowed to access this db."}


def add_user(name, roles, password=SECRET):
    c = ServerCase.server.client()
    answer = c.put(f"/_users/org.couchdb.user:{name}", {
        "name": name, "type": "user", "roles": roles, "password": password})
    assert answer.status == 201, answer
    return answer.json()["rev"]


def setUpModule():
    ServerCase.begin()
    c = ServerCase.server.client()
    c.settings({"roles": {"analyst": {"name": "a"}, "chw": {"name": "c", "offline": True}}})
    for name, roles in (("ann", ["analyst"]), ("bob", ["chw"]), ("nobody", []),
                        ("boss", ["_admin"]), ("national", ["national_admin"])):
        add_user(name, roles)
    for name, kind in (("a-form", "form"), ("a-text", "translations"), ("a-token", "login_token"),
                       ("b-token", "token_login")):
        answer = c.put(f"/medic/{name}", {"type": kind, "secret": "url"})
        assert answer.status == 201, answer


def tearDownModule():
    ServerCase.end()


class Base(ServerCase):
    def as_user(self, name, password=SECRET):
        return self.server.client(user=name, password=password)

    def setUp(self):
        super().setUp()
        self.ann, self.bob = self.as_user("ann"), self.as_user("bob")

    def fresh(self):
        return self.reference("acc")


class Databases(Base):
    def test_anonymous(self):
        for method, path in (("GET", "/medic"), ("PUT", "/medic/x"), ("POST", "/medic"),
                             ("POST", "/medic/_bulk_docs"), ("DELETE", "/medic/x"),
                             ("GET", "/medic/_changes"), ("GET", "/medic/x/y"), ("PUT", "/medic/x/y"),
                             ("GET", "/medic/_local/x"), ("POST", "/medic/_find"),
                             ("GET", "/_users/org.couchdb.user:ann"), ("PUT", "/newdb"),
                             ("DELETE", "/medic"), ("GET", "/cdb/~/_all_docs")):
            with self.subTest(method + path):
                answer = self.c.request(method, path, "{}" if method in ("PUT", "POST") else None,
                                        {"Content-Type": JSON_TYPE}, auth=False)
                value = answer.json()
                self.assertEqual((answer.status, value["error"]), (401, "unauthorized"))
                self.assertEqual(answer.header("www-authenticate"), 'Basic realm="barua"')

    def test_online(self):
        for name in ("ann", "national", "boss"):
            c = self.as_user(name)
            doc = self.fresh()
            rev = self.check(c.put(f"/medic/{doc}", {}), 201).json()["rev"]
            self.check(c.get(f"/medic/{doc}"), 200)
            self.check(c.get("/medic"), 200)
            self.check(c.get("/medic/_all_docs?limit=1"), 200)
            self.check(c.get("/medic/_changes?limit=1"), 200)
            self.check(c.post("/medic/_bulk_docs", {"docs": [{}]}), 201)
            self.check(c.post("/medic/_find", {"selector": {"_id": doc}}), 200)
            self.check(c.put(f"/medic/_local/{doc}", {}), 201)
            self.check(c.request("DELETE", f"/medic/{doc}?rev={rev}"), 200)
            self.check(c.request("PUT", f"/medic/{doc}/att", "x"), 201)

    def test_online_elsewhere(self):
        self.c.request("PUT", "/other")
        for method, path in (("GET", "/other"), ("PUT", "/other/x"), ("GET", "/_users"),
                             ("GET", "/_users/_all_docs"), ("GET", "/medic-sentinel"),
                             ("GET", "/_users/org.couchdb.user:admin"), ("PUT", "/newdb"),
                             ("PUT", "/_users/org.couchdb.user:ann"), ("DELETE", "/medic"),
                             ("POST", "/_users/_bulk_docs"), ("GET", "/_users/_changes"),
                             ("POST", "/medic/_compact"), ("PUT", "/medic/_security"),
                             ("PUT", "/medic/_revs_limit"), ("POST", "/medic/_index"),
                             ("DELETE", "/medic/_index/a/json/b"), ("POST", "/medic/_view_cleanup"),
                             ("GET", "/never"), ("GET", "/_users/org.couchdb.user:ann/att")):
            with self.subTest(method + path):
                answer = self.ann.request(method, path, "{}" if method in ("PUT", "POST") else None,
                                          {"Content-Type": JSON_TYPE})
                self.check(answer, 403, NO_DB)

    def test_offline_and_nobody(self):
        for name in ("bob", "nobody"):
            c = self.as_user(name)
            for path in ("/medic", "/medic/x", "/medic/_all_docs", "/medic/_changes"):
                self.check(c.get(path), 403, NO_DB)
            self.check(c.put("/medic/x", {}), 403, NO_DB)

    def test_own_meta(self):
        for c, name in ((self.ann, "ann"), (self.bob, "bob")):
            db = f"/medic-user-{name}-meta"
            self.check(c.request("PUT", db), 201, {"ok": True})
            self.check(c.put(db + "/read:x", {}), 201)
            self.check(c.get(db), 200)
            self.check(c.put(db + "/_local/x", {}), 201)
            self.check(c.post(db + "/_bulk_docs", {"docs": [{"type": "form"}]}), 201)
        self.check(self.bob.get("/medic-user-ann-meta"), 403, NO_DB)
        self.check(self.bob.request("PUT", "/medic-user-carl-meta"), 403, NO_DB)

    def test_own_user(self):
        answer = self.check(self.bob.get("/_users/org.couchdb.user:bob"), 200)
        self.assertEqual(answer.json()["roles"], ["chw"])
        self.check(self.bob.get("/_users/org.couchdb.user:ann"), 403, NO_DB)
        self.check(self.bob.request("HEAD", "/_users/org.couchdb.user:bob"), 200)
        self.check(self.bob.get("/_users/org%2Ecouchdb%2Euser%3Abob"), 200)


class Documents(Base):
    def test_guarded(self):
        for name, value in (("settings", {}), ("resources", {}), ("branding", {}),
                            ("partners", {}), ("_design/x", {}), ("x-form", {"type": "form"}),
                            ("messages-zz", {"type": "translations"}),
                            ("tok", {"type": "login_token"}), ("tok2", {"type": "token_login"})):
            for mount in (NATIVE, SEED):
                with self.subTest(mount + name):
                    expected = {"status": 403, **ADMIN_ONLY} if mount == SEED else ADMIN_ONLY
                    self.check(self.ann.put(f"{mount}/{name}", value), 403, expected)
                    answer = self.ann.post(mount, {"_id": name, **value})
                    self.check(answer, 403, expected)
                    row, = self.ann.post(mount + "/_bulk_docs", {
                        "docs": [{"_id": name, **value}]}).json()
                    self.assertEqual(row, {"id": name, **ADMIN_ONLY})

    def test_what_is_there_already(self):
        """Neither another type nor a deletion nor an attachment nor replication gets past it."""
        for name in ("a-form", "a-text"):
            rev = self.c.get(f"/medic/{name}").json()["_rev"]
            self.check(self.ann.put(f"/medic/{name}", {"_rev": rev, "type": "x"}), 403, ADMIN_ONLY)
            answer = self.ann.request("DELETE", f"/medic/{name}?rev={rev}")
            self.check(answer, 403, ADMIN_ONLY)
            answer = self.ann.request("PUT", f"/medic/{name}/att?rev={rev}", "x")
            self.check(answer, 403, ADMIN_ONLY)
            row, = self.ann.post("/medic/_bulk_docs", {"new_edits": False, "docs": [
                {"_id": name, "_rev": "9-z", "type": "x"}]}).json()
            self.assertEqual(row, {"id": name, **ADMIN_ONLY})
            self.assertEqual(self.c.get(f"/medic/{name}").json()["_rev"], rev)

    def test_read_what_is_guarded(self):
        self.check(self.ann.get("/medic/a-form"), 200)
        self.check(self.ann.get("/medic/settings"), 200)

    def test_secret(self):
        missing = {"error": "not_found", "reason": "missing"}
        for name in ("a-token", "b-token"):
            rev = self.check(self.c.get(f"/medic/{name}"), 200).json()["_rev"]
            for query in ("", f"?rev={rev}", "?open_revs=all", "?conflicts=true", "?revs=true",
                          f"?rev={rev}&latest=true",
                          "?open_revs=" + urllib.parse.quote(json.dumps([rev]))):
                with self.subTest(name + query):
                    self.check(self.ann.get(f"/medic/{name}{query}"), 404, missing)
            self.check(self.ann.get(f"/medic/{name}/att"), 404, missing)
            for path in ("/medic/_all_docs", "/medic/_all_docs?include_docs=true",
                         "/medic/_changes", "/medic/_changes?include_docs=true",
                         "/medic/_all_docs?key=" + urllib.parse.quote(f'"{name}"')):
                with self.subTest(path):
                    self.assertNotIn(f'"id":"{name}"', self.ann.get(path).text)
                    self.assertIn(f'"id":"{name}"', self.c.get(path).text)
            row, = self.ann.post("/medic/_all_docs", {"keys": [name]}).json()["rows"]
            self.assertEqual(row, {"key": name, "error": "not_found"})
            found = self.ann.post("/medic/_find", {"selector": {"_id": name}}).json()
            self.assertEqual(found["docs"], [])
            for wanted in ({"id": name}, {"id": name, "rev": rev}):
                row, = self.ann.post("/medic/_bulk_get", {"docs": [wanted]}).json()["results"]
                self.assertEqual(row["docs"][0]["error"]["reason"], "missing")

    def test_secret_tombstone(self):
        rev = self.c.put("/medic/c-token", {"type": "login_token", "url": "x"}).json()["rev"]
        gone = self.c.request("DELETE", f"/medic/c-token?rev={rev}").json()["rev"]
        for query in (f"?rev={rev}", f"?rev={gone}", "?open_revs=all"):
            self.assertEqual(self.ann.get("/medic/c-token" + query).status, 404)

    def test_bulk_mixes(self):
        name = self.fresh()
        rows = self.ann.post("/medic/_bulk_docs", {"docs": [
            {"_id": name}, {"_id": "settings"}, {"_id": name + "x", "type": "form"}]}).json()
        self.assertEqual([r.get("ok") for r in rows], [True, None, None])


class Users(Base):
    def test_no_password_is_kept(self):
        shown = self.c.get("/_users/org.couchdb.user:ann").json()
        self.assertEqual(set(shown), {"_id", "_rev", "name", "type", "roles"})
        for path in ("/_users/_all_docs?include_docs=true", "/_users/_changes?include_docs=true"):
            text = self.c.get(path).text
            self.assertNotIn(SECRET, text)
            self.assertNotIn("$y$", text)
            self.assertNotIn("derived_key", text)

    def test_other_material(self):
        value = {"name": "old", "type": "user", "roles": [], "derived_key": "d", "salt": "s",
                 "iterations": 10, "password_scheme": "pbkdf2", "password_sha": "p", "x": 1,
                 "facility_id": "f"}
        self.check(self.c.put("/_users/org.couchdb.user:old", value), 201)
        shown = self.c.get("/_users/org.couchdb.user:old").json()
        self.assertEqual(set(shown), {"_id", "_rev", "name", "type", "roles", "x", "facility_id"})
        self.assertEqual(self.as_user("old", "").get("/_session").status, 401)
        text = ('{"name":"esc","type":"user","roles":[],"p\\u0061ssword":"Esc4ped.pw",'
                '"s\\u0061lt":"s"}')
        self.check(self.c.put("/_users/org.couchdb.user:esc", text), 201)
        self.assertEqual(set(self.c.get("/_users/org.couchdb.user:esc").json()),
                         {"_id", "_rev", "name", "type", "roles"})
        self.check(self.as_user("esc", "Esc4ped.pw").get("/medic"), 403)

    def test_new_password(self):
        rev = add_user("dora", ["analyst"])
        dora = self.as_user("dora")
        self.check(dora.get("/medic"), 200)
        value = {"_rev": rev, "name": "dora", "type": "user", "roles": ["analyst"]}
        rev = self.check(self.c.put("/_users/org.couchdb.user:dora", value), 201).json()["rev"]
        self.check(dora.get("/medic"), 200)
        value |= {"_rev": rev, "password": "An0ther.one"}
        rev = self.check(self.c.put("/_users/org.couchdb.user:dora", value), 201).json()["rev"]
        self.assertEqual(dora.get("/medic").status, 401)
        self.check(self.as_user("dora", "An0ther.one").get("/medic"), 200)

    def test_roles_are_read_again(self):
        rev = add_user("eve", ["chw"])
        eve = self.as_user("eve")
        self.check(eve.get("/medic"), 403)
        value = {"_rev": rev, "name": "eve", "type": "user", "roles": ["analyst"]}
        self.check(self.c.put("/_users/org.couchdb.user:eve", value), 201)
        self.check(eve.get("/medic"), 200)

    def test_deletion(self):
        rev = add_user("fay", ["analyst"])
        fay = self.as_user("fay")
        self.check(fay.get("/medic"), 200)
        answer = fay.request("POST", "/_session", json.dumps({"name": "fay", "password": SECRET}),
                             {"Content-Type": JSON_TYPE}, auth=False)
        cookie = answer.header("set-cookie").split(";")[0]
        self.check(fay.get("/medic", {"Cookie": cookie}, auth=False), 200)
        self.check(self.c.request("DELETE", f"/_users/org.couchdb.user:fay?rev={rev}"), 200)
        self.assertEqual(fay.get("/medic").status, 401)
        self.assertEqual(fay.get("/medic", {"Cookie": cookie}, auth=False).status, 401)

    def test_deleted_by_member(self):
        rev = add_user("gus", ["analyst"])
        answer = self.c.post("/_users/_bulk_docs", {"docs": [
            {"_id": "org.couchdb.user:gus", "_rev": rev, "_deleted": True}]})
        self.assertTrue(answer.json()[0]["ok"])
        self.assertEqual(self.as_user("gus").get("/medic").status, 401)

    def test_bulk(self):
        docs = [{"_id": f"org.couchdb.user:h{i}", "name": f"h{i}", "type": "user",
                 "roles": ["analyst"], "password": SECRET + str(i)} for i in range(3)]
        rows = self.check(self.c.post("/_users/_bulk_docs", {"docs": docs}), 201).json()
        self.assertTrue(all(r["ok"] for r in rows))
        for i in range(3):
            self.check(self.as_user(f"h{i}", SECRET + str(i)).get("/medic"), 200)

    def test_faults(self):
        good = {"name": "zed", "type": "user", "roles": []}
        for name, value in (("zed", {**good, "name": "other"}), ("zed", {**good, "type": "x"}),
                            ("zed", {**good, "roles": "x"}), ("zed", {**good, "roles": [5]}),
                            ("zed", {}), ("zed", {**good, "password": 5}),
                            ("zed", {**good, "password": ""}),
                            ("zed", {**good, "password": "a\0b"})):
            with self.subTest(value=value):
                answer = self.c.put(f"/_users/org.couchdb.user:{name}", value)
                self.assertEqual((answer.status, answer.json()["error"]), (403, "forbidden"))
        answer = self.c.put("/_users/plain", good)
        self.assertEqual((answer.status, answer.json()["error"]), (403, "forbidden"))
        row, = self.c.post("/_users/_bulk_docs", {"docs": [{"_id": "plain", **good}]}).json()
        self.assertEqual(row["error"], "forbidden")


if __name__ == "__main__":
    main()
