# SPDX-License-Identifier: MIT
"""Local documents: documents.md 8.7."""

import unittest
import urllib.parse

from harness import JSON_TYPE, ServerCase, main

NATIVE, SEED = "/medic", "/cdb/~"
# as PouchDB names its checkpoints
NAMES = ("plain", "IWIu.eg%3D%3D", "_yUZ5.abc%3D%3D", "%2Fslash%2Fed", "a%20b", "%F0%9F%98%80")


def setUpModule():
    ServerCase.begin()


def tearDownModule():
    ServerCase.end()


class Local(ServerCase):
    def path(self, mount=NATIVE):
        return f"{mount}/_local/{self.reference('l')}"

    def delete(self, path):
        return self.c.request("DELETE", path, headers={"Content-Type": JSON_TYPE})

    def test_life(self):
        for mount in (NATIVE, SEED):
            for name in NAMES:
                with self.subTest(mount + name):
                    path = f"{mount}/_local/{name}"
                    self.check(self.c.get(path), 404)
                    value = self.check(self.c.put(path, {"seq": 1}), 201).json()
                    self.assertEqual(value["rev"], "0-1")
                    self.assertTrue(value["id"].startswith("_local/"))
                    shown = self.c.get(path).json()
                    self.assertEqual(shown, {"_id": value["id"], "_rev": "0-1", "seq": 1})
                    value = self.check(self.c.put(path, {"_rev": "0-1", "seq": 2}), 201).json()
                    self.assertEqual(value["rev"], "0-2")
                    value = self.check(self.delete(path + "?rev=0-2"), 200).json()
                    self.assertEqual((value["ok"], value["rev"]), (True, "0-0"))
                    self.check(self.c.get(path), 404)

    def test_revisions(self):
        path = self.path()
        self.c.put(path, {})
        conflict = {"error": "conflict", "reason": "Document update conflict."}
        for rev in ("0-2", "0-9", "0-0"):
            self.check(self.c.put(path, {"_rev": rev}), 409, conflict)
        self.assertEqual(self.c.put(path, {"n": 2}).json()["rev"], "0-2", "overwritten without one")
        self.check(self.delete(path + "?rev=0-1"), 409, conflict)
        answer = self.c.put(path, {"_rev": "zzz"})
        self.assertIn(answer.status, (400, 409))
        self.check(self.delete(path), 200)
        self.check(self.delete(path), 404, {"error": "not_found", "reason": "missing"})

    def test_in_bulk(self):
        """As PouchDB and CouchDB take them (6.2, 8.7)."""
        for mount in (NATIVE, SEED):
            name, other = "_local/" + self.reference("b"), self.reference("d")
            before = self.c.get(NATIVE).json()["doc_count"]

            def bulk(*docs, **options):
                return self.check(self.c.post(mount + "/_bulk_docs", {"docs": docs, **options}),
                                  201).json()

            first, second = bulk({"_id": name, "seq": 1}, {"_id": other})
            self.assertEqual(first, {"ok": True, "id": name, "rev": "0-1"})
            self.assertEqual(second["id"], other)
            self.assertEqual(self.c.get(NATIVE).json()["doc_count"], before + 1)
            self.assertEqual(self.c.get(f"{mount}/{name}").json(),
                             {"_id": name, "_rev": "0-1", "seq": 1})
            failure, = bulk({"_id": name, "_rev": "0-7"})
            self.assertEqual((failure["id"], failure["error"]), (name, "conflict"))
            self.assertEqual(bulk({"_id": name, "_rev": "0-1", "seq": 2})[0]["rev"], "0-2")
            self.assertEqual(bulk({"_id": name, "_rev": "0-9", "seq": 3}, new_edits=False), [])
            self.assertEqual(self.c.get(f"{mount}/{name}").json()["seq"], 3)
            self.assertEqual(bulk({"_id": name, "_deleted": True}),
                             [{"ok": True, "id": name, "rev": "0-0"}])
            self.check(self.c.get(f"{mount}/{name}"), 404)
            self.assertEqual(bulk({"_id": name, "_deleted": True})[0]["error"], "conflict")
            with_file = {"_id": name, "_attachments": {"a": {"data": ""}}}
            for docs in ([with_file], [{"_id": "_local/"}], [{"_id": "_localx"}],
                         [{"_id": "_local/" + "x" * 600}]):
                self.check(self.c.post(mount + "/_bulk_docs", {"docs": docs}), 400)

    def test_stay_out_of_everything(self):
        before = self.c.get(NATIVE).json()
        path = self.path()
        self.c.put(path, {"type": "data_record"})
        after = self.c.get(NATIVE).json()
        for member in ("update_seq", "doc_count", "doc_del_count"):
            self.assertEqual(before[member], after[member])
        self.assertNotIn("_local", self.c.get(NATIVE + "/_all_docs").text)
        self.assertNotIn("_local", self.c.get(NATIVE + "/_changes").text)

    def test_list(self):
        self.check(self.c.put("/locals", None), 201)
        self.addCleanup(self.c.request, "DELETE", "/locals")
        self.check(self.c.get("/locals/_local_docs"), 200, {"total_rows": None, "offset": None, "rows": []})
        for name in ("b", "a", "ä", "c"):
            self.check(self.c.put("/locals/_local/" + urllib.parse.quote(name), {"is": name}), 201)
        self.check(self.c.put("/locals/_local/a", {"is": "again"}), 201)
        self.check(self.c.put("/locals/plain", {}), 201)

        def listed(query=""):
            return self.check(self.c.get("/locals/_local_docs" + query), 200).json()["rows"]
        self.assertEqual([row["id"] for row in listed()],
                         ["_local/a", "_local/b", "_local/c", "_local/ä"])
        self.assertEqual(listed("?limit=1"), [{"id": "_local/a", "key": "_local/a", "value": {"rev": "0-2"}}])
        self.assertEqual([row["doc"] for row in listed("?include_docs=true&skip=1&limit=1")],
                         [{"_id": "_local/b", "_rev": "0-1", "is": "b"}])
        for query, ids in (("?startkey=%22_local/b%22&endkey=%22_local/c%22", ["b", "c"]),
                           ("?start_key=%22_local/bb%22", ["c", "ä"]), ("?end_key=%22_local/aa%22", ["a"]),
                           ("?limit=0", []), ("?skip=9", []), ("?key=%22_local/b%22", ["b"]),
                           ("?key=%22_local/none%22", []), ("?descending=true", ["ä", "c", "b", "a"]),
                           ("?descending=true&startkey=%22_local/c%22", ["c", "b", "a"]),
                           ("?descending=true&endkey=%22_local/b%22&skip=1", ["c", "b"]),
                           ("?descending=true&startkey=%22_local/zz%22&limit=1", ["c"]),
                           ("?inclusive_end=false&endkey=%22_local/c%22", ["a", "b"]),
                           ("?inclusive_end=false&descending=true&endkey=%22_local/c%22", ["ä"])):
            self.assertEqual([row["id"][7:] for row in listed(query)], ids, query)
        self.assertEqual([row["id"] for row in self.c.get("/locals/_all_docs").json()["rows"]], ["plain"])
        self.check(self.c.get("/never/_local_docs"), 404)
        self.check(self.c.get("/locals/_local_docs?limit=x"), 400)
        self.check(self.c.get("/locals/_local_docs?descending=x"), 400)

    def test_refusals(self):
        path = self.path()
        self.check(self.c.put(path, {"_attachments": {"a": {"data": ""}}}), 400)
        for method in ("GET", "PUT", "DELETE"):
            answer = self.c.request(method, path + "/deeper", "x" if method == "PUT" else None)
            self.assertEqual((answer.status, answer.json()["error"]), (400, "bad_request"))
        for text in ("[]", "5", '"x"'):
            self.check(self.c.put(path, text), 400, {"error": "bad_request",
                                                     "reason": "Document must be a JSON object"})
        for text in ("{", "", "nope"):
            self.check(self.c.put(path, text), 400, {"error": "bad_request",
                                                     "reason": "invalid UTF-8 JSON"})
        self.assertEqual(self.c.put(path, {"a": "x" * 8000001}).status, 413)

    def test_text_is_kept(self):
        path = self.path()
        self.c.put(path, '{"z":1.50,"a":12345678901234567890}')
        self.assertIn('"z":1.50,"a":12345678901234567890}', self.c.get(path).text)

    def test_restart(self):
        path = self.path()
        self.c.put(path, {"n": 1})
        self.server.restart(kill=True)
        self.c = self.server.client()
        self.assertEqual(self.c.get(path).json()["n"], 1)

    def test_each_database_has_its_own(self):
        self.c.put("/medic-sentinel/_local/same", {"in": "sentinel"})
        self.check(self.c.get(NATIVE + "/_local/same"), 404)


if __name__ == "__main__":
    main()
