# SPDX-License-Identifier: MIT
"""Many documents at once: documents.md 6.2, 8.5, 8.6 and 8.8."""

import json
import unittest
import urllib.parse

from harness import HEX32, ServerCase, main

NATIVE, SEED = "/medic", "/cdb/~"


def setUpModule():
    ServerCase.begin()


def tearDownModule():
    ServerCase.end()


class Base(ServerCase):
    def bulk(self, docs, mount=NATIVE, **more):
        return self.c.post(mount + "/_bulk_docs", {"docs": docs, **more})

    def stored(self, docs, mount=NATIVE, **more):
        return self.check(self.bulk(docs, mount, **more), 201).json()

    def refused(self, answer, status, error, reason, mount=NATIVE):
        expected = {"error": error, "reason": reason}
        if mount.startswith("/cdb"):
            expected = {"status": status, **expected}
        self.check(answer, status, expected)

    def names(self, n=2):
        return [self.reference("b") for _ in range(n)]

    def count(self):
        return self.c.get(NATIVE).json()["doc_count"]


class Write(Base):
    def test_success(self):
        for mount in (NATIVE, SEED, "/cdb/medic"):
            names = self.names(3)
            rows = self.stored([{"_id": n, "i": i} for i, n in enumerate(names)], mount)
            self.assertEqual([r["id"] for r in rows], names)
            for row in rows:
                self.assertEqual(set(row), {"ok", "id", "rev"})
                self.assertIs(row["ok"], True)
                self.assertEqual(self.c.get(f"{mount}/{row['id']}").json()["_rev"], row["rev"])

    def test_made_ids(self):
        rows = self.stored([{}, {"a": 1}])
        for row in rows:
            self.assertRegex(row["id"], HEX32)
        self.assertLess(rows[0]["id"], rows[1]["id"])

    def test_empty(self):
        self.check(self.bulk([]), 201, [])

    def test_conflict_rows(self):
        a, b, c = self.names(3)
        rev = self.stored([{"_id": a}])[0]["rev"]
        for mount, reason in ((NATIVE, "Document update conflict."), (SEED, "conflict")):
            conflict = {"error": "conflict", "reason": reason}
            rows = self.stored([{"_id": a}, {"_id": b + mount}, {"_id": a, "_rev": "1-abc"},
                                {"_id": c, "_rev": "1-abc"}], mount)
            self.assertEqual(rows[0], {"id": a, **conflict})
            self.assertTrue(rows[1]["ok"])
            self.assertEqual(rows[2], {"id": a, **conflict})
            self.assertEqual(rows[3], {"id": c, **conflict})
        self.assertTrue(self.stored([{"_id": a, "_rev": rev}])[0]["ok"])

    def test_same_id_twice(self):
        name, = self.names(1)
        rows = self.stored([{"_id": name, "n": 1}, {"_id": name, "n": 2}])
        self.assertTrue(rows[0]["ok"])
        self.assertEqual(rows[1]["error"], "conflict")
        rev = rows[0]["rev"]
        rows = self.stored([{"_id": name, "_rev": rev, "n": 3}, {"_id": name, "_rev": rev, "n": 4}])
        self.assertEqual([r.get("ok") for r in rows], [True, None])
        self.assertEqual(self.c.get(f"{NATIVE}/{name}").json()["n"], 3)

    def test_deletion(self):
        name, = self.names(1)
        rev = self.stored([{"_id": name}])[0]["rev"]
        row, = self.stored([{"_id": name, "_rev": rev, "_deleted": True, "note": 1}])
        self.assertTrue(row["rev"].startswith("2-"))
        self.assertEqual(self.c.get(f"{NATIVE}/{name}?rev={row['rev']}").json()["note"], 1)

    def test_bad_rev(self):
        a, b = self.names()
        before = self.count()
        self.refused(self.bulk([{"_id": a}, {"_id": b, "_rev": "zzz"}]), 400, "bad_request",
                     "Invalid rev format")
        self.assertEqual(self.count(), before)
        rows = self.stored([{"_id": a}, {"_id": b, "_rev": "zzz"}], SEED)
        self.assertTrue(rows[0]["ok"])
        self.assertEqual(rows[1], {"id": b, "error": "conflict", "reason": "conflict"})

    def test_one_bad_item_ends_all(self):
        before = self.count()
        for bad, error in (({"_x": 1}, "doc_validation"), ({"_id": "_x"}, "illegal_docid"),
                           ({"_id": 5}, "illegal_docid"), ({"_id": ""}, "illegal_docid"),
                           (5, "bad_request"), ("x", "bad_request"), ([], "bad_request"),
                           (None, "bad_request"), ({"_deleted": 1}, "doc_validation"),
                           ({"_attachments": 5}, "bad_request"),
                           ({"_attachments": {"_a": {"data": ""}}}, "bad_request"),
                           ({"_attachments": {"a": {"data": "*"}}}, "bad_request")):
            for mount in (NATIVE, SEED):
                with self.subTest(bad=bad, mount=mount):
                    answer = self.bulk([{"n": 1}, bad, {"n": 2}], mount)
                    self.assertEqual((answer.status, answer.json()["error"]), (400, error))
        self.assertEqual(self.count(), before)

    def test_missing_stub(self):
        a, b = self.names()
        before = self.count()
        answer = self.bulk([{"_id": a}, {"_id": b, "_attachments": {"f": {"stub": True}}}])
        self.refused(answer, 412, "missing_stub", f"Invalid attachment stub in {b} for f")
        self.assertEqual(self.count(), before)

    def test_shape(self):
        for mount in (NATIVE, SEED):
            for text in ("", "{", "[1,", '{"docs":[}'):
                with self.subTest(text):
                    answer = self.c.post(mount + "/_bulk_docs", text)
                    self.refused(answer, 400, "bad_request", "invalid UTF-8 JSON", mount)
            for text in ("[]", "5", '"x"', "null"):
                self.refused(self.c.post(mount + "/_bulk_docs", text), 400, "bad_request",
                             "Request body must be a JSON object", mount)
        for value, reason in (({}, "POST body must include `docs` parameter."),
                              ({"docs": 5}, "`docs` parameter must be an array."),
                              ({"docs": {}}, "`docs` parameter must be an array.")):
            self.refused(self.c.post(NATIVE + "/_bulk_docs", value), 400, "bad_request", reason)
            self.refused(self.c.post(SEED + "/_bulk_docs", value), 500, "internal_error",
                         "docs must be an array", SEED)

    def test_all_or_nothing_is_ignored(self):
        a, = self.names(1)
        self.stored([{"_id": a}])
        rows = self.stored([{"_id": a}, {}], all_or_nothing=True)
        self.assertEqual([r.get("ok") for r in rows], [None, True])

    def test_many(self):
        rows = self.stored([{"n": i, "t": "x" * 300} for i in range(2000)])
        self.assertEqual(len({r["id"] for r in rows}), 2000)
        self.assertTrue(all(r["ok"] for r in rows))

    def test_too_large_item(self):
        answer = self.bulk([{}, {"_id": "huge", "t": "x" * 8000001}])
        self.refused(answer, 413, "document_too_large", "huge")

    def test_no_database(self):
        answer = self.bulk([{}], "/nope")
        self.assertEqual((answer.status, answer.json()["error"]), (404, "not_found"))


class Replicated(Base):
    def send(self, docs, mount=NATIVE):
        return self.stored(docs, mount, new_edits=False)

    def test_success_is_empty(self):
        for mount in (NATIVE, SEED):
            name, = self.names(1)
            docs = [{"_id": name, "_rev": "2-b", "_revisions": {"start": 2, "ids": ["b", "a"]}},
                    {"_id": name, "_rev": "2-c", "_revisions": {"start": 2, "ids": ["c", "a"]}}]
            self.assertEqual(self.send(docs, mount), [])
            before = self.c.get(NATIVE).json()["update_seq"]
            self.assertEqual(self.send(docs, mount), [])
            self.assertEqual(self.c.get(NATIVE).json()["update_seq"], before)
            shown = self.c.get(f"{NATIVE}/{name}?conflicts=true").json()
            self.assertEqual((shown["_rev"], shown["_conflicts"]), ("2-c", ["2-b"]))

    def test_only_the_body_counts(self):
        name, = self.names(1)
        answer = self.c.post(NATIVE + "/_bulk_docs?new_edits=false", {"docs": [{"_id": name}]})
        self.assertTrue(self.check(answer, 201).json()[0]["ok"])

    def test_needs_a_revision(self):
        answer = self.bulk([{"_id": "x"}], new_edits=False)
        self.refused(answer, 400, "bad_request", "When `new_edits: false`, the document needs "
                     "`_rev` or `_revisions` specified")

    def test_worked_example(self):
        """documents.md 11."""
        name, = self.names(1)
        first = self.c.put(f"{NATIVE}/{name}", '{"type":"person","name":"Asha","weight":4.20}')
        rev = first.json()["rev"]
        answer = self.c.put(f"{NATIVE}/{name}", {"name": "Asha B."})
        self.refused(answer, 409, "conflict", "Document update conflict.")
        self.refused(self.c.put(f"{SEED}/{name}", {"_rev": "zzz"}), 409, "conflict", "conflict",
                     SEED)
        self.assertEqual(self.send([{"_id": name, "_rev": "2-ffff", "name": "A", "_revisions": {
            "start": 2, "ids": ["ffff", rev[2:]]}}]), [])
        answer = self.c.post(NATIVE + "/_revs_diff", {name: ["2-ffff", "3-0000"]})
        self.check(answer, 200,
                   {name: {"missing": ["3-0000"], "possible_ancestors": ["2-ffff"]}})
        old = self.c.get(f"{NATIVE}/{name}?rev={rev}")
        self.assertIn('"weight":4.20', old.text)
        gone = self.c.request("DELETE", f"{NATIVE}/{name}?rev=2-ffff")
        self.assertTrue(self.check(gone, 200).json()["rev"].startswith("3-"))
        self.refused(self.c.get(f"{NATIVE}/{name}"), 404, "not_found", "deleted")
        again = self.check(self.c.put(f"{NATIVE}/{name}", {"type": "person"}), 201)
        self.assertTrue(again.json()["rev"].startswith("4-"))


class Diff(Base):
    def setUp(self):
        super().setUp()
        self.name, = self.names(1)
        self.stored([{"_id": self.name, "_revisions": {"start": 2, "ids": ["b", "a"]}},
                     {"_id": self.name, "_revisions": {"start": 2, "ids": ["c", "a"]}}],
                    new_edits=False)

    def diff(self, value, path="_revs_diff"):
        return self.check(self.c.post(f"{NATIVE}/{path}", value), 200).json()

    def test_known(self):
        self.assertEqual(self.diff({self.name: ["2-b", "2-c", "1-a"]}), {})
        self.assertEqual(self.diff({}), {})
        self.assertEqual(self.diff({"never": []}), {})

    def test_missing(self):
        found = self.diff({self.name: ["3-d", "2-b", "1-z"], "never": ["1-x"]})
        self.assertEqual(found["never"], {"missing": ["1-x"]})
        self.assertEqual(found[self.name]["missing"], ["3-d", "1-z"])
        self.assertEqual(set(found[self.name]["possible_ancestors"]), {"2-b", "2-c"})
        self.assertEqual(self.diff({self.name: ["1-z"]}), {self.name: {"missing": ["1-z"]}})

    def test_missing_revs(self):
        found = self.diff({self.name: ["3-d", "2-b"], "never": ["1-x"]}, "_missing_revs")
        self.assertEqual(found, {"missing_revs": {self.name: ["3-d"], "never": ["1-x"]}})

    def test_bad(self):
        for value in ({"a": 5}, {"a": ["zzz"]}, {"a": [5]}, {"a": "1-a"}):
            with self.subTest(value=value):
                answer = self.c.post(NATIVE + "/_revs_diff", value)
                self.refused(answer, 400, "bad_request", "Invalid rev format")
        answer = self.c.post(NATIVE + "/_revs_diff", "[]")
        self.refused(answer, 400, "bad_request", "Request body must be a JSON object")

    def test_large(self):
        asked = {f"no-{i}": [f"1-{j:x}" for j in range(10)] for i in range(1000)}
        self.assertEqual(self.diff(asked), {k: {"missing": v} for k, v in asked.items()})


class Get(Base):
    def setUp(self):
        super().setUp()
        self.name, self.gone = self.names(2)
        self.stored([{"_id": self.name, "_revisions": {"start": 1, "ids": ["a"]}, "n": "a"},
                     {"_id": self.name, "_revisions": {"start": 2, "ids": ["b", "a"]}, "n": "b"},
                     {"_id": self.name, "_revisions": {"start": 2, "ids": ["c", "a"]}, "n": "c"},
                     {"_id": self.gone, "_revisions": {"start": 1, "ids": ["x"]}, "_deleted": True}],
                    new_edits=False)

    def get(self, docs, query=""):
        answer = self.c.post(f"{NATIVE}/_bulk_get{query}", {"docs": docs}, {"Accept": "*/*"})
        self.check(answer, 200)
        self.assertRegex(answer.header("content-type"), "^application/json")
        return answer.json()["results"]

    def test_by_rev(self):
        rows = self.get([{"id": self.name, "rev": "2-b"}, {"id": self.gone, "rev": "1-x"},
                         {"id": self.name, "rev": "2-b"}])
        self.assertEqual(rows[0], {"id": self.name, "docs": [
            {"ok": {"_id": self.name, "_rev": "2-b", "n": "b"}}]})
        self.assertEqual(rows[1]["docs"], [
            {"ok": {"_id": self.gone, "_rev": "1-x", "_deleted": True}}])
        self.assertEqual(rows[2], rows[0])

    def test_all_leaves(self):
        row, = self.get([{"id": self.name}])
        self.assertEqual([d["ok"]["_rev"] for d in row["docs"]], ["2-c", "2-b"])

    def test_missing(self):
        rows = self.get([{"id": self.name, "rev": "9-z"}, {"id": "never"},
                         {"id": "never", "rev": "1-a"}])
        missing = {"error": "not_found", "reason": "missing"}
        self.assertEqual(rows[0]["docs"], [{"error": {"id": self.name, "rev": "9-z", **missing}}])
        self.assertEqual(rows[1]["docs"], [{"error": {"id": "never", "rev": "undefined",
                                                      **missing}}])
        self.assertEqual(rows[2]["docs"], [{"error": {"id": "never", "rev": "1-a", **missing}}])

    def test_revs_and_latest(self):
        row, = self.get([{"id": self.name, "rev": "1-a"}], "?revs=true&latest=true")
        shown = row["docs"][0]["ok"]
        self.assertEqual((shown["_rev"], shown["_revisions"]),
                         ("2-c", {"start": 2, "ids": ["c", "a"]}))
        row, = self.get([{"id": self.name, "rev": "1-a"}])
        self.assertEqual(row["docs"][0]["ok"]["n"], "a")

    def test_shape(self):
        for value in ({}, {"docs": 5}, {"docs": [5]}, {"docs": [{}]}, {"docs": [{"id": 5}]}):
            with self.subTest(value=value):
                answer = self.c.post(NATIVE + "/_bulk_get", value)
                self.assertEqual((answer.status, answer.json()["error"]), (400, "bad_request"))

    def test_streamed(self):
        rows = self.stored([{"n": i, "t": "y" * 1000} for i in range(500)])
        results = self.get([{"id": r["id"], "rev": r["rev"]} for r in rows], "?revs=true")
        self.assertEqual([r["docs"][0]["ok"]["n"] for r in results], list(range(500)))


class PostedReads(Base):
    def test_keys(self):
        names = self.names(3)
        self.stored([{"_id": n} for n in names])
        answer = self.c.post(NATIVE + "/_all_docs", {"keys": [names[2], "never", names[0]]})
        rows = self.check(answer, 200).json()["rows"]
        self.assertEqual([r["key"] for r in rows], [names[2], "never", names[0]])
        answer = self.c.post(NATIVE + "/_all_docs?include_docs=true", {"keys": [names[1]]})
        self.assertEqual(answer.json()["rows"][0]["doc"]["_id"], names[1])

    def test_options(self):
        names = sorted(self.names(3))
        self.stored([{"_id": n} for n in names])
        answer = self.c.post(NATIVE + "/_all_docs", {
            "startkey": names[0], "endkey": names[2], "include_docs": True, "limit": 2})
        self.assertEqual([r["doc"]["_id"] for r in answer.json()["rows"]], names[:2])
        answer = self.c.post(NATIVE + "/_all_docs?limit=1", {"startkey": names[0], "limit": 2})
        self.assertEqual(len(answer.json()["rows"]), 1, "the URL wins")
        self.assertGreater(len(self.c.post(NATIVE + "/_all_docs", {}).json()["rows"]), 2)

    def test_shape(self):
        for value in (5, {}, "x"):
            answer = self.c.post(NATIVE + "/_all_docs", {"keys": value})
            self.refused(answer, 400, "bad_request", "`keys` body member must be an array.")
        self.refused(self.c.post(NATIVE + "/_all_docs", "[]"), 400, "bad_request",
                     "Request body must be a JSON object")
        answer = self.c.post(NATIVE + "/_all_docs", {"limit": "x"})
        self.assertEqual(answer.json()["error"], "query_parse_error")
        answer = self.c.post(NATIVE + "/_all_docs", {"descending": 5})
        self.assertEqual(answer.json()["error"], "query_parse_error")

    def test_deleted_key(self):
        name, = self.names(1)
        rev = self.stored([{"_id": name}])[0]["rev"]
        gone = self.c.request("DELETE", f"{NATIVE}/{name}?rev={rev}").json()["rev"]
        row, = self.c.post(NATIVE + "/_all_docs?include_docs=true", {"keys": [name]}).json()["rows"]
        self.assertEqual(row, {"id": name, "key": name, "value": {"rev": gone, "deleted": True},
                               "doc": None})

    def test_design_docs(self):
        self.stored([{"_id": "_design/" + n} for n in ("one", "two")])
        for path in ("_design_docs", "_design_docs?descending=true",
                     "_design_docs?startkey=" + urllib.parse.quote('"A"')):
            rows = self.c.get(f"{NATIVE}/{path}").json()["rows"]
            self.assertEqual({r["id"] for r in rows}, {"_design/one", "_design/two"})

    def test_pages_are_seamless(self):
        """Streamed over many pages, both ways, with and without bodies."""
        self.stored([{"_id": f"page-{i:05d}", "t": "z" * 500} for i in range(1500)])
        for descending in ("false", "true"):
            for docs in ("false", "true"):
                low, high = json.dumps("page-"), json.dumps("page-~")
                if descending == "true":
                    low, high = high, low
                query = urllib.parse.urlencode({"startkey": low, "endkey": high, "skip": 7,
                                                "limit": 1400, "descending": descending,
                                                "include_docs": docs, "conflicts": "true"})
                rows = self.c.get(f"{NATIVE}/_all_docs?{query}").json()["rows"]
                expected = [f"page-{i:05d}" for i in range(1500)]
                if descending == "true":
                    expected.reverse()
                self.assertEqual([r["id"] for r in rows], expected[7:1407])
        keys = [f"page-{i % 1600:05d}" for i in range(5000)]
        rows = self.c.post(NATIVE + "/_all_docs", {"keys": keys}).json()["rows"]
        self.assertEqual([r["key"] for r in rows], keys)


if __name__ == "__main__":
    main()
