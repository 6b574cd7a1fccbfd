# SPDX-License-Identifier: MIT
"""Databases and what is kept with them: documents.md 8.2."""

import time
import unittest
import urllib.parse

from harness import JSON_TYPE, ServerCase, main

OK = {"ok": True}


def setUpModule():
    ServerCase.begin()


def tearDownModule():
    ServerCase.end()


class Base(ServerCase):
    def send(self, method, path, body=None):
        return self.c.request(method, path, body, {"Content-Type": JSON_TYPE})

    def create(self):
        name = self.reference("db-")
        self.check(self.send("PUT", "/" + name), 201, OK)
        return name


class Life(Base):
    def test_create_and_drop(self):
        name = self.create()
        self.check(self.send("PUT", "/" + name), 412, {
            "error": "file_exists",
            "reason": "The database could not be created, the file already exists."})
        self.assertIn(name, self.c.get("/_all_dbs").json())
        for path in (f"/{name}", f"/{name}/"):
            value = self.check(self.c.get(path), 200).json()
            self.assertEqual((value["db_name"], value["doc_count"], value["update_seq"]),
                             (name, 0, 0))
        self.check(self.send("DELETE", "/" + name), 200, OK)
        self.check(self.c.get("/" + name), 404,
                   {"error": "not_found", "reason": "Database does not exist."})
        self.check(self.send("DELETE", "/" + name), 404)
        self.check(self.send("PUT", f"/{name}/"), 201, OK)
        self.assertEqual(self.c.get("/" + name).json()["doc_count"], 0)

    def test_location(self):
        for path in ("/located", "/loc%2Fated%2B", "/located2/"):
            answer = self.check(self.c.put(path, None), 201)
            self.assertTrue(answer.header("location").startswith("http://"))
            self.assertTrue(answer.header("location").endswith(path.rstrip("/")))
            self.check(self.c.request("DELETE", path), 200)

    def test_a_rev_is_no_databases(self):
        """Half a call to delete a document does not delete all of them."""
        self.check(self.c.put("/kept", None), 201)
        for query in ("?rev=1-abc", "?rev=undefined", "?rev="):
            for path in ("/kept", "/kept/"):
                self.check(self.c.request("DELETE", path + query), 400, {
                    "error": "bad_request",
                    "reason": "You tried to DELETE a database with a ?=rev parameter. "
                              "Did you mean to DELETE a document instead?"})
        self.check(self.c.get("/kept"), 200)
        self.check(self.c.request("DELETE", "/kept"), 200)

    def test_documents_are_apart(self):
        a, b = self.create(), self.create()
        self.check(self.c.put(f"/{a}/x", {"in": "a"}), 201)
        self.check(self.c.put(f"/{b}/x", {"in": "b"}), 201)
        self.assertEqual(self.c.get(f"/{a}/x").json()["in"], "a")
        self.assertEqual(self.c.get(f"/{b}/x").json()["in"], "b")
        self.assertEqual(self.c.get("/medic/x").status, 404)
        self.assertEqual([r["id"] for r in self.c.get(f"/{a}/_changes").json()["results"]], ["x"])
        self.check(self.send("DELETE", "/" + a), 200)
        self.assertEqual(self.c.get(f"/{a}/x").json()["reason"], "Database does not exist.")
        self.assertEqual(self.c.get(f"/{b}/x").status, 200)

    def test_tasks_elsewhere_are_not_sent(self):
        name = self.create()
        uuid = self.reference("uuid")
        task = {"state": "pending", "messages": [{"uuid": uuid, "to": "+254712345678",
                                                  "message": "hi"}]}
        self.check(self.c.put(f"/{name}/x", {"reported_date": 1795280100000, "tasks": [task]}), 201)
        self.assertNotIn(uuid, [m["id"] for m in self.c.sms()])

    def test_names(self):
        for name in ("a", "a_b", "a$b", "a(b)", "a+b", "a-b", "a/b", "x" * 238):
            with self.subTest(name[:20]):
                path = "/" + urllib.parse.quote(name, safe="")
                self.check(self.send("PUT", path), 201, OK)
                self.assertEqual(self.c.get(path).json()["db_name"], name)
                self.check(self.c.put(path + "/d", {}), 201)
                self.check(self.send("DELETE", path), 200, OK)
        for name in ("A", "1a", "-a", "a b", "a.b", "ä", "_x", "_replicatorx", "x" * 239, "a!"):
            with self.subTest(name[:20]):
                answer = self.send("PUT", "/" + urllib.parse.quote(name, safe=""))
                self.assertEqual((answer.status, answer.json()["error"]),
                                 (400, "illegal_database_name"), answer)
                self.assertTrue(answer.json()["reason"].startswith(f"Name: '{name}'. "))

    def test_those_that_stay(self):
        for name in ("medic", "_users"):
            answer = self.send("DELETE", "/" + name)
            self.assertEqual((answer.status, answer.json()["error"]), (403, "forbidden"))
            self.assertEqual(self.send("PUT", "/" + name).status, 412)
        for name in ("medic-sentinel", "medic-users-meta", "_users"):
            self.assertEqual(self.c.get("/" + name).status, 200)

    def test_seed_has_one(self):
        for method in ("PUT", "DELETE"):
            for path in ("/cdb/~", "/cdb/medic", "/cdb/other"):
                answer = self.send(method, path)
                self.assertEqual((answer.status, answer.json()["error"]),
                                 (405, "method_not_allowed"))
        self.check(self.c.get("/cdb/_users"), 404,
                   {"status": 404, "error": "not_found", "reason": "no_db_file"})

    def test_missing_everywhere(self):
        for method, path in (("GET", ""), ("GET", "/x"), ("GET", "/_all_docs"), ("GET", "/_changes"),
                             ("POST", "/_bulk_docs"), ("POST", "/_revs_diff"), ("PUT", "/x"),
                             ("POST", "/_bulk_get"), ("GET", "/_security"), ("GET", "/x/y"),
                             ("GET", "/_local/x"), ("PUT", "/_local/x"), ("POST", "/_compact"),
                             ("GET", "/_index"), ("POST", "/_find"), ("DELETE", "/x"),
                             ("DELETE", "/_local/x"), ("POST", "/_ensure_full_commit"),
                             ("GET", "/_revs_limit"), ("PUT", "/x/y")):
            with self.subTest(method + path):
                body = '{"docs":[],"selector":{}}' if method in ("POST", "PUT") else None
                body = "{}" if path == "/_revs_diff" else body
                self.check(self.send(method, "/nope" + path, body), 404,
                           {"error": "not_found", "reason": "Database does not exist."})

    def test_restart(self):
        name = self.create()
        self.c.put(f"/{name}/x", {})
        self.server.restart(kill=True)
        self.c = self.server.client()
        self.assertEqual(self.c.get("/" + name).json()["doc_count"], 1)


class Counts(Base):
    def test_counts(self):
        name = self.create()
        rev = self.c.put(f"/{name}/a", {}).json()["rev"]
        self.c.put(f"/{name}/b", {})
        self.c.put(f"/{name}/_design/d", {})
        self.c.put(f"/{name}/_local/l", {})
        value = self.c.get("/" + name).json()
        self.assertEqual((value["doc_count"], value["doc_del_count"], value["update_seq"]), (3, 0, 3))
        self.send("DELETE", f"/{name}/a?rev={rev}")
        value = self.c.get("/" + name).json()
        self.assertEqual((value["doc_count"], value["doc_del_count"], value["update_seq"]), (2, 1, 4))
        self.assertEqual(self.c.get(f"/{name}/_all_docs").json()["total_rows"], 2)


class Care(Base):
    def test_security(self):
        name = self.create()
        path = f"/{name}/_security"
        self.check(self.c.get(path), 200, {"admins": {"roles": ["_admin"]},
                                           "members": {"roles": ["_admin"]}})
        self.check(self.send("PUT", path, '{"x": 1.50, "admins":{}}'), 200, OK)
        self.assertIn("1.50", self.c.get(path).text)
        for body in ("[]", "5", "null"):
            self.check(self.send("PUT", path, body), 400,
                       {"error": "bad_request", "reason": "Request body must be a JSON object"})
        self.assertIn("1.50", self.c.get(path).text)

    def test_revs_limit(self):
        name = self.create()
        path = f"/{name}/_revs_limit"
        self.assertEqual(self.c.get(path).text, "1000\n")
        self.check(self.send("PUT", path, "5"), 200, OK)
        self.assertEqual(self.c.get(path).text, "5\n")
        rev = self.c.put(f"/{name}/x", {}).json()["rev"]
        for i in range(20):
            rev = self.c.put(f"/{name}/x", {"_rev": rev, "i": i}).json()["rev"]
        ids = self.c.get(f"/{name}/x?revs=true").json()["_revisions"]["ids"]
        self.assertLessEqual(len(ids), 6)
        for body in ("0", "-1", "1.5", '"5"', "{}"):
            self.assertEqual(self.send("PUT", path, body).status, 400, body)

    def test_compact(self):
        name = self.create()
        rev = self.c.put(f"/{name}/x", {"n": 1}).json()["rev"]
        self.c.put(f"/{name}/x", {"_rev": rev, "n": 2})
        self.assertEqual(self.c.get(f"/{name}/x?rev={rev}").status, 200)
        self.check(self.send("POST", f"/{name}/_compact", ""), 202, OK)
        for _ in range(100):
            if not self.c.get("/" + name).json()["compact_running"]:
                break
            time.sleep(0.05)
        self.check(self.c.get(f"/{name}/x?rev={rev}"), 404,
                   {"error": "not_found", "reason": "missing"})
        info = self.c.get(f"/{name}/x?revs_info=true").json()["_revs_info"]
        self.assertEqual([i["status"] for i in info], ["available", "missing"])
        self.assertEqual(self.c.get(f"/{name}/x").json()["n"], 2)

    def test_other_calls(self):
        name = self.create()
        self.check(self.send("POST", f"/{name}/_view_cleanup", ""), 200, OK)
        self.check(self.send("POST", f"/{name}/_ensure_full_commit", ""), 201,
                   {"ok": True, "instance_start_time": "0"})
        self.check(self.send("POST", f"/{name}/_purge", ""), 501, {
            "error": "not_implemented", "reason": "this feature is not yet implemented"})


if __name__ == "__main__":
    main()
