# SPDX-License-Identifier: MIT
"""Reading documents: documents.md 2, 6.1, 6.3, 8.2 and 9."""

import json
import unittest
import urllib.parse

from harness import JSON_TYPE, ServerCase, main, replies_settings

MOUNTS = ("/medic", "/cdb/~", "/cdb/medic")


def setUpModule():
    ServerCase.begin()
    c = ServerCase.server.client()
    c.settings(replies_settings())
    for i in range(12):
        c.sms([{"id": f"doc-{i}", "from": f"+25471300{i:04d}", "content": f"text {i}"}])


def tearDownModule():
    ServerCase.end()


def q(**parameters):
    """A query string whose values are JSON."""
    return "?" + urllib.parse.urlencode({k: json.dumps(v) for k, v in parameters.items()})


class Base(ServerCase):
    def setUp(self):
        super().setUp()
        self.ids = sorted((d["_id"] for d in self.c.documents()), key=lambda i: i.encode())
        self.record_id = self.c.record("doc-0")["_id"]

    def shown(self, query, mount="/medic"):
        """The record with this query."""
        return self.c.get(f"{mount}/{self.record_id}?{query}")

    def refused(self, mount, path, status, error, reason, method="GET"):
        answer = self.c.request(method, mount + path)
        expected = {"error": error, "reason": reason}
        if mount.startswith("/cdb"):
            expected = {"status": status, **expected}
        self.check(answer, status, expected)
        return answer


class Document(Base):
    def test_body(self):
        for mount in MOUNTS:
            with self.subTest(mount):
                answer = self.check(self.c.get(f"{mount}/{self.record_id}"), 200)
                self.assertTrue(answer.header("content-type").startswith("application/json"))
                self.assertTrue(answer.text.endswith("}\n"), "one newline ends the body")
                self.assertEqual(list(answer.json())[:2], ["_id", "_rev"])
                self.assertEqual(answer.json(), self.c.record("doc-0"))

    def test_json_whatever_is_accepted(self):
        for accept in ("text/html", "*/*", JSON_TYPE):
            answer = self.c.get("/medic/" + self.record_id, {"Accept": accept})
            self.assertTrue(answer.header("content-type").startswith("application/json"))

    def test_head(self):
        path = "/medic/" + self.record_id
        get, head = self.c.get(path), self.c.request("HEAD", path)
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.header("etag"), get.header("etag"))
        self.assertEqual(head.header("content-length"), str(len(get.body)))
        self.assertEqual(self.c.request("HEAD", "/medic/nope").status, 404)

    def test_etag(self):
        answer = self.c.get("/medic/" + self.record_id)
        self.assertEqual(answer.header("etag"), f'"{answer.json()["_rev"]}"')
        self.assertEqual(answer.header("cache-control"), "must-revalidate")
        same = self.c.get("/medic/" + self.record_id, {"If-None-Match": answer.header("etag")})
        self.assertEqual((same.status, same.body), (304, b""))
        other = self.c.get("/medic/" + self.record_id, {"If-None-Match": '"1-abc"'})
        self.assertEqual(other.status, 200)

    def test_no_etag_with_these(self):
        for query in ("revs=true", "revs_info=true", "conflicts=true", "deleted_conflicts=true",
                      "local_seq=true", "open_revs=all"):
            with self.subTest(query):
                answer = self.shown(query)
                self.assertEqual(answer.status, 200, answer)
                self.assertIsNone(answer.header("etag"))

    def test_revisions(self):
        answer = self.shown("revs=true").json()
        generation, revision = answer["_rev"].split("-")
        self.assertEqual(answer["_revisions"]["start"], int(generation))
        self.assertEqual(answer["_revisions"]["ids"][0], revision)
        self.assertEqual(len(answer["_revisions"]["ids"]), int(generation))
        info = self.c.get(f"/medic/{self.record_id}?revs_info=true").json()["_revs_info"]
        self.assertEqual([i["rev"] for i in info], [
            f"{int(generation) - n}-{r}" for n, r in enumerate(answer["_revisions"]["ids"])])
        self.assertEqual(info[0]["status"], "available")

    def test_rev(self):
        document = self.c.get("/medic/" + self.record_id).json()
        for query in (document["_rev"], f"{document['_rev']}&latest=true", "undefined"):
            with self.subTest(query):
                self.check(self.shown("rev=" + query), 200, document)
        for mount in MOUNTS[:2]:
            self.refused(mount, f"/{self.record_id}?rev=9-0123456789abcdef0123456789abcdef", 404,
                         "not_found", "missing")

    def test_no_conflicts(self):
        answer = self.c.get(f"/medic/{self.record_id}?conflicts=true&deleted_conflicts=true").json()
        self.assertNotIn("_conflicts", answer)
        self.assertNotIn("_deleted_conflicts", answer)

    def test_local_seq_and_meta(self):
        document = self.shown("local_seq=true").json()
        self.assertIsInstance(document["_local_seq"], int)
        self.assertIn("_revs_info", self.c.get(f"/medic/{self.record_id}?meta=true").json())

    def test_open_revs(self):
        document = self.c.get("/medic/" + self.record_id).json()
        self.check(self.shown("open_revs=all"), 200, [{"ok": document}])
        revisions = [document["_rev"], "9-abc"]
        self.check(self.c.get(f"/medic/{self.record_id}{q(open_revs=revisions)}"), 200,
                   [{"ok": document}, {"missing": "9-abc"}])
        self.check(self.c.get(f"/medic/{self.record_id}{q(open_revs=['9-abc'])}"), 200,
                   [{"missing": "9-abc"}])
        self.assertEqual(self.c.get(f"/medic/{self.record_id}?open_revs=1-a").status, 400)
        self.assertEqual(self.c.get("/medic/nope?open_revs=all").status, 404)

    def test_missing(self):
        for mount in MOUNTS:
            for name in ("nope", "a%2Fb", "%F0%9F%98%80", "x" * 512, "form%3Avisit"):
                with self.subTest(mount=mount, name=name[:20]):
                    self.refused(mount, "/" + name, 404, "not_found", "missing")

    def test_reserved_names(self):
        for name in ("_nope", "_design/nope", "_design%2Fnope", "_local/nope"):
            with self.subTest(name):
                self.assertEqual(self.c.get("/medic/" + name).status, 404)

    def test_names_that_cannot_be(self):
        for name in ("%FF", "a%00b", "%C0%AF"):
            with self.subTest(name):
                answer = self.check(self.c.get("/medic/" + name), 400)
                self.assertRegex(answer.header("content-type"), "^application/json")
                self.assertEqual(answer.json()["error"], "bad_request")

    def test_queries(self):
        for query in ("revs=maybe", "conflicts=2", "revs_info=null"):
            with self.subTest(query):
                answer = self.shown(query)
                self.assertEqual(answer.status, 400, answer)
                self.assertEqual(answer.json()["error"], "query_parse_error")
        for query in ("revs=TRUE", "unknown=1&stale=ok", "_nonce=5", "&&", "rev=undefined"):
            with self.subTest(query):
                self.assertEqual(self.shown(query).status, 200)

    def test_escaped_id(self):
        escaped = "".join(f"%{ord(ch):02x}" for ch in self.record_id)
        self.assertEqual(self.c.get("/medic/" + escaped).status, 200)

    def test_settings_document(self):
        for mount in MOUNTS:
            answer = self.check(self.c.get(mount + "/settings"), 200)
            self.assertEqual(list(answer.json()), ["_id", "_rev", "settings"])


class AllDocs(Base):
    def rows(self, query="", mount="/medic"):
        answer = self.check(self.c.get(f"{mount}/_all_docs{query}"), 200)
        self.assertTrue(answer.text.endswith("\n"))
        return answer.json()

    def listed(self, query=""):
        return [row["id"] for row in self.rows(query)["rows"]]

    def test_whole_list(self):
        for mount in MOUNTS:
            with self.subTest(mount):
                value = self.rows(mount=mount)
                self.assertEqual((value["total_rows"], value["offset"]), (len(self.ids), 0))
                self.assertEqual([r["id"] for r in value["rows"]], self.ids)
                for row in value["rows"]:
                    self.assertEqual(set(row), {"id", "key", "value"})
                    self.assertEqual(row["id"], row["key"])
                    self.assertEqual(set(row["value"]), {"rev"})

    def test_include_docs(self):
        for row in self.rows("?include_docs=true")["rows"]:
            self.assertEqual((row["doc"]["_id"], row["doc"]["_rev"]),
                             (row["id"], row["value"]["rev"]))
            self.assertEqual(row["doc"], self.c.get("/medic/" + row["id"]).json())
        for row in self.rows("?conflicts=true&include_docs=false")["rows"]:
            self.assertNotIn("doc", row)

    def test_keys(self):
        wanted = [self.ids[3], "never", self.ids[1], self.ids[3], 5, None]
        value = self.rows(q(keys=wanted) + "&include_docs=true")
        self.assertEqual((value["total_rows"], value["offset"]), (len(self.ids), 0))
        rows = value["rows"]
        self.assertEqual([r["key"] for r in rows], wanted)
        self.assertEqual([r.get("id") for r in rows],
                         [self.ids[3], None, self.ids[1], self.ids[3], None, None])
        self.assertEqual(rows[1], {"key": "never", "error": "not_found"})
        self.assertEqual(rows[0]["doc"]["_id"], self.ids[3])
        self.assertEqual(self.rows(q(keys=[]))["rows"], [])
        backwards = self.rows(q(keys=wanted[:3]) + "&descending=true")["rows"]
        self.assertEqual([r["key"] for r in backwards], wanted[2::-1])
        part = self.rows(q(keys=wanted[:4]) + "&skip=1&limit=2")["rows"]
        self.assertEqual([r["key"] for r in part], wanted[1:3])

    def test_key(self):
        self.assertEqual(self.listed(q(key=self.ids[2])), [self.ids[2]])
        for missing in ("never", 5, None, [self.ids[2]], {}):
            with self.subTest(missing=missing):
                self.assertEqual(self.rows(q(key=missing))["rows"], [])

    def test_ranges(self):
        a, b = self.ids[2], self.ids[6]
        for query, expected in (
                (q(startkey=a), self.ids[2:]), (q(start_key=a), self.ids[2:]),
                (q(endkey=b), self.ids[:7]), (q(end_key=b), self.ids[:7]),
                (q(startkey=a, endkey=b), self.ids[2:7]),
                (q(start_key=a, endkey=b) + "&inclusive_end=false", self.ids[2:6]),
                (q(startkey=b, endkey=a), []),
                (q(startkey=b, endkey=a) + "&descending=true", self.ids[6:1:-1]),
                (q(startkey=b, endkey=a) + "&descending=true&inclusive_end=false",
                 self.ids[6:2:-1]),
                (q(startkey=a) + "&limit=3", self.ids[2:5]),
                (q(startkey=a) + "&skip=2&limit=3", self.ids[4:7]),
                ("?limit=0", []), ("?skip=1000", []), ("?descending=true", self.ids[::-1]),
                ("?descending=true&limit=2", self.ids[:-3:-1]),
                (q(startkey=None), self.ids), (q(startkey=5), self.ids), (q(startkey=[]), []),
                (q(startkey={}), []), (q(endkey=5), []), (q(endkey=[]), self.ids),
                (q(startkey="", endkey="\ufff0"), self.ids),
                (q(startkey="settings", endkey="settings"), ["settings"]),
                ("?startkey=undefined", self.ids)):
            with self.subTest(query):
                self.assertEqual(self.listed(query), expected)

    def test_keys_and_a_range(self):
        """CouchDB refuses them together; on the seed mount the keys count."""
        keys = q(keys=[self.ids[1]])
        for more in ("&key=%22x%22", "&startkey=%22x%22", "&start_key=%22x%22", "&end_key=%22x%22"):
            self.check(self.c.get(f"/medic/_all_docs{keys}{more}"), 400, {
                "error": "query_parse_error",
                "reason": "`keys` is incompatible with `key`, `start_key` and `end_key`"})
            self.assertEqual(self.c.get(f"/cdb/~/_all_docs{keys}{more}").json()["rows"][0]["id"], self.ids[1])
        self.check(self.c.post("/medic/_all_docs?key=%22x%22", {"keys": ["x"]}), 400)
        self.check(self.c.post("/medic/_all_docs", {"keys": ["x"], "endkey": "x"}), 400)
        self.check(self.c.get(f"/medic/_all_docs{keys}&startkey=undefined"), 200)

    def test_offset(self):
        self.assertEqual(self.rows("?skip=3&limit=1")["offset"], 3)
        self.assertEqual(self.rows(q(startkey=self.ids[4]))["offset"], 4)
        self.assertEqual(self.rows(q(startkey=self.ids[4]) + "&skip=2")["offset"], 6)

    def test_update_seq(self):
        self.assertIsInstance(self.rows("?update_seq=true")["update_seq"], int)
        self.assertNotIn("update_seq", self.rows())

    def test_bad_queries(self):
        for query, error in (("?startkey=abc", "bad_request"), ("?key=%7B", "bad_request"),
                             ("?keys=5", None), ("?keys=%5B", "bad_request"),
                             ("?limit=-1", "query_parse_error"), ("?limit=x", "query_parse_error"),
                             ("?skip=1.5", "query_parse_error"),
                             ("?descending=down", "query_parse_error"),
                             ("?include_docs=1", "query_parse_error")):
            for mount in MOUNTS[:2]:
                with self.subTest(query=query, mount=mount):
                    answer = self.c.get(f"{mount}/_all_docs{query}")
                    self.assertEqual(answer.status, 400, answer)
                    value = answer.json()
                    if error:
                        self.assertEqual(value["error"], error)
                    self.assertEqual(value.get("status"), 400 if "cdb" in mount else None)
        self.assertEqual(self.c.get("/medic/_all_docs?startkey=abc").json()["reason"],
                         "invalid UTF-8 JSON")

    def test_large_listing_is_whole(self):
        """More than one chunk of 64 KiB, compressed and not."""
        import gzip
        self.c.sms([self.incoming("filler " * 20) for _ in range(400)])
        plain = self.c.get("/medic/_all_docs?include_docs=true")
        packed = self.c.get("/medic/_all_docs?include_docs=true", {"Accept-Encoding": "gzip"})
        self.assertGreater(len(plain.body), 200000)
        self.assertEqual(packed.header("content-encoding"), "gzip")
        self.assertEqual(gzip.decompress(packed.body), plain.body)
        self.assertEqual(len(plain.json()["rows"]), plain.json()["total_rows"])


class Database(Base):
    def test_information(self):
        for path in ("/medic", "/medic/", "/cdb/~", "/cdb/~/", "/cdb/medic/"):
            with self.subTest(path):
                value = self.check(self.c.get(path), 200).json()
                self.assertEqual(value["db_name"], "medic")
                self.assertEqual(value["doc_count"], len(self.ids))
                self.assertEqual(value["doc_del_count"], 0)
                self.assertIsInstance(value["update_seq"], int)
                self.assertEqual(set(value["sizes"]), {"file", "external", "active"})
                self.assertEqual((value["purge_seq"], value["compact_running"],
                                  value["instance_start_time"]), (0, False, "0"))
                self.assertEqual(value["cluster"], {"q": 1, "n": 1, "w": 1, "r": 1})

    def test_head(self):
        head = self.c.request("HEAD", "/medic")
        self.assertEqual((head.status, head.body), (200, b""))

    def test_sequence_moves_with_writes(self):
        before = self.c.get("/medic").json()["update_seq"]
        self.c.get("/medic/" + self.record_id)
        self.assertEqual(self.c.get("/medic").json()["update_seq"], before)
        self.c.sms([self.incoming("another")])
        self.assertGreater(self.c.get("/medic").json()["update_seq"], before)

    def test_other_databases(self):
        for path in ("/nope", "/nope/", "/nope/x", "/nope/_all_docs"):
            with self.subTest(path):
                answer = self.c.get(path)
                self.assertEqual((answer.status, answer.json()["error"]), (404, "not_found"))
        for path in ("/cdb/nope", "/cdb/nope/x"):
            answer = self.c.get(path)
            self.assertEqual(answer.status, 404)
            self.assertEqual((answer.json()["status"], answer.json()["error"]), (404, "not_found"))

    def test_anonymous(self):
        for path in ("/medic", "/medic/", "/medic/settings", "/medic/_all_docs", "/cdb/~/settings"):
            with self.subTest(path):
                answer = self.c.get(path, auth=False)
                self.assertEqual(answer.status, 401)
                value = answer.json()
                self.assertEqual((value["error"], value["reason"]),
                                 ("unauthorized", "You are not authorized to access this db."))
                self.assertEqual(answer.header("www-authenticate"), 'Basic realm="barua"')

    def test_method(self):
        for path in ("/medic/_all_docs", "/cdb/~/_all_docs"):
            answer = self.c.request("DELETE", path)
            self.assertEqual((answer.status, answer.json()["error"]), (405, "method_not_allowed"))
            self.assertIn("GET", answer.header("allow"))

    def test_no_password_anywhere(self):
        """9: no member of a served document holds password material."""
        from harness import PASSWORD
        for path in ("/medic/_all_docs?include_docs=true",):
            text = self.c.get(path).text
            self.assertNotIn(PASSWORD, text)
            self.assertNotIn("$y$", text)


if __name__ == "__main__":
    main()
