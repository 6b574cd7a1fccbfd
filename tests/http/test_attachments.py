# SPDX-License-Identifier: MIT
"""Attachments, inside documents and by themselves: documents.md 6.7 and 8.3."""

import base64
import hashlib
import json
import os
import socket
import unittest
import urllib.parse

from harness import ServerCase, main

NATIVE, SEED = "/medic", "/cdb/~"


def setUpModule():
    ServerCase.begin()


def tearDownModule():
    ServerCase.end()


def b64(data):
    return base64.b64encode(data).decode()


def digest(data):
    return "md5-" + b64(hashlib.md5(data).digest())


class Base(ServerCase):
    def fresh(self):
        return self.reference("att")

    def create(self, attachments, name=None, **members):
        name = name or self.fresh()
        answer = self.c.put(f"{NATIVE}/{name}", {"_attachments": attachments, **members})
        return name, self.check(answer, 201).json()["rev"]

    def stored(self, name, query=""):
        return self.check(self.c.get(f"{NATIVE}/{name}{query}"), 200).json()

    def refused(self, answer, status, error, reason):
        self.check(answer, status, {"error": error, "reason": reason})

    def upload(self, name, attachment, data, rev=None, kind="text/plain", mount=NATIVE,
               headers=None):
        query = f"?rev={rev}" if rev else ""
        return self.c.request("PUT", f"{mount}/{name}/{attachment}{query}", data,
                              {"Content-Type": kind, **(headers or {})})


class Inline(Base):
    def test_stub_and_data(self):
        for data in (b"", b"a", b"ab", b"abc", b"\0\xff" * 3000, os.urandom(100000)):
            with self.subTest(size=len(data)):
                name, rev = self.create({"f": {"content_type": "text/plain", "data": b64(data)}})
                stub = self.stored(name)["_attachments"]["f"]
                self.assertEqual(stub, {"content_type": "text/plain", "revpos": 1, "stub": True,
                                        "digest": digest(data), "length": len(data)})
                full = self.stored(name, "?attachments=true")["_attachments"]["f"]
                self.assertEqual(full, {"content_type": "text/plain", "revpos": 1,
                                        "digest": digest(data), "data": b64(data)})

    def test_default_type(self):
        name, _ = self.create({"f": {"data": b64(b"x")}})
        self.assertEqual(self.stored(name)["_attachments"]["f"]["content_type"],
                         "application/octet-stream")

    def test_last_member(self):
        name, _ = self.create({"f": {"data": ""}}, z=1)
        self.assertEqual(list(self.stored(name)), ["_id", "_rev", "z", "_attachments"])

    def test_lies(self):
        """A digest and a length that do not fit the bytes are not believed."""
        name, _ = self.create({"f": {"data": b64(b"truth"), "digest": digest(b"lie"),
                                     "length": 5000000, "revpos": 77}})
        stub = self.stored(name)["_attachments"]["f"]
        self.assertEqual((stub["digest"], stub["length"], stub["revpos"]),
                         (digest(b"truth"), 5, 1))

    def test_kept_by_stub(self):
        name, rev = self.create({"f": {"data": b64(b"one")}, "g": {"data": b64(b"two")}})
        value = self.stored(name)
        value["n"] = 2
        del value["_attachments"]["g"]
        value["_attachments"]["h"] = {"data": b64(b"three")}
        self.check(self.c.put(f"{NATIVE}/{name}", value), 201)
        found = self.stored(name)["_attachments"]
        self.assertEqual({n: (a["revpos"], a["digest"]) for n, a in found.items()},
                         {"f": (1, digest(b"one")), "h": (2, digest(b"three"))})
        self.assertEqual(set(self.stored(name, "?rev=" + rev)["_attachments"]), {"f", "g"})
        self.check(self.c.put(f"{NATIVE}/{name}", {"_rev": self.stored(name)["_rev"]}), 201)
        self.assertNotIn("_attachments", self.stored(name))

    def test_missing_stub(self):
        name, rev = self.create({"f": {"data": ""}})
        for stub, which in (({"g": {"stub": True}}, "g"), ({"f": {"stub": True, "revpos": 9}}, "f")):
            answer = self.c.put(f"{NATIVE}/{name}", {"_rev": rev, "_attachments": stub})
            self.refused(answer, 412, "missing_stub",
                         f"Invalid attachment stub in {name} for {which}")

    def test_bad(self):
        for value in ("*", "a", "a===", "ab=c", "=", "abcde", 5, None, {}, "éa=="):
            with self.subTest(value=value):
                answer = self.c.put(f"{NATIVE}/{self.fresh()}",
                                    {"_attachments": {"n": {"data": value}}})
                self.refused(answer, 400, "bad_request", "Invalid attachment data for n")
        for value in ({"n": {}}, {"n": 5}, {"n": {"follows": True, "length": 3}}):
            answer = self.c.put(f"{NATIVE}/{self.fresh()}", {"_attachments": value})
            self.refused(answer, 400, "bad_request", "Invalid attachment data for n")
        for name in ("_x", ""):
            answer = self.c.put(f"{NATIVE}/{self.fresh()}", {"_attachments": {name: {"data": ""}}})
            self.assertEqual((answer.status, answer.json()["error"]), (400, "bad_request"))
        answer = self.c.put(f"{NATIVE}/{self.fresh()}", {"_attachments": {"_x": {"data": ""}}})
        self.assertEqual(answer.json()["reason"],
                         "Attachment name '_x' starts with prohibited character '_'")
        answer = self.c.put(f"{NATIVE}/{self.fresh()}", '{"_attachments":{"a\\u0000":{"data":""}}}')
        self.assertEqual((answer.status, answer.json()["error"]), (400, "bad_request"))

    def test_forms_of_base64(self):
        for text, data in (("YQ==", b"a"), ("YQ", b"a"), ("YWI=", b"ab"), ("YWI", b"ab"),
                           ("YWJj\nZGVm", b"abcdef"), ("", b""), ("YWJj", b"abc")):
            with self.subTest(text):
                name, _ = self.create({"f": {"data": text}})
                self.assertEqual(self.c.get(f"{NATIVE}/{name}/f").body, data)

    def test_twice(self):
        name = self.fresh()
        text = '{"_attachments":{"f":{"data":"YQ=="},"g":{"data":"Yg=="},"f":{"data":"Yw=="}}}'
        self.check(self.c.put(f"{NATIVE}/{name}", text), 201)
        self.assertEqual(self.c.get(f"{NATIVE}/{name}/f").body, b"c")
        self.assertEqual(self.c.get(f"{NATIVE}/{name}/g").body, b"b")

    def test_revision_depends_on_them(self):
        a = self.create({"f": {"data": b64(b"1")}})[1]
        self.assertEqual(a, self.create({"f": {"data": b64(b"1")}})[1])
        self.assertNotEqual(a, self.create({"f": {"data": b64(b"2")}})[1])
        self.assertNotEqual(a, self.create({"g": {"data": b64(b"1")}})[1])
        self.assertNotEqual(a, self.create({"f": {"data": b64(b"1"), "content_type": "a/b"}})[1])

    def test_atts_since(self):
        name, first = self.create({"f": {"data": b64(b"1")}})
        second = self.upload(name, "g", b"2", first).json()["rev"]
        third = self.upload(name, "h", b"3", second).json()["rev"]

        def shown(*revs):
            query = "?atts_since=" + urllib.parse.quote(json.dumps(revs))
            return {n for n, a in self.stored(name, query)["_attachments"].items() if "data" in a}
        self.assertEqual(shown(first), {"g", "h"})
        self.assertEqual(shown(second), {"h"})
        self.assertEqual(shown(third), set())
        self.assertEqual(shown(first, second), {"h"})
        self.assertEqual(shown("2-abc"), {"f", "g", "h"})
        self.assertEqual(shown(), {"f", "g", "h"})

    def test_replicated_revpos(self):
        name = self.fresh()
        answer = self.c.post(NATIVE + "/_bulk_docs", {"new_edits": False, "docs": [
            {"_id": name, "_revisions": {"start": 5, "ids": ["e", "d"]},
             "_attachments": {"f": {"data": b64(b"x"), "revpos": 2}}}]})
        self.check(answer, 201, [])
        self.assertEqual(self.stored(name)["_attachments"]["f"]["revpos"], 2)

    def test_in_lists(self):
        name, _ = self.create({"f": {"data": b64(b"x")}})
        query = "?include_docs=true&key=" + urllib.parse.quote(json.dumps(name))
        row, = self.c.get(f"{NATIVE}/_all_docs{query}").json()["rows"]
        self.assertTrue(row["doc"]["_attachments"]["f"]["stub"])
        row, = self.c.get(f"{NATIVE}/_all_docs{query}&attachments=true").json()["rows"]
        self.assertEqual(row["doc"]["_attachments"]["f"]["data"], b64(b"x"))
        answer = self.c.post(NATIVE + "/_bulk_get?attachments=true", {"docs": [{"id": name}]})
        shown = answer.json()["results"][0]["docs"][0]["ok"]
        self.assertEqual(shown["_attachments"]["f"]["data"], b64(b"x"))


class Standalone(Base):
    def test_put_get_delete(self):
        for mount in (NATIVE, SEED):
            name = self.fresh()
            answer = self.check(self.upload(name, "a.txt", b"hello", mount=mount), 201)
            rev = answer.json()["rev"]
            self.assertEqual(answer.json()["id"], name)
            self.assertEqual(answer.json().get("_rev"), rev if mount == SEED else None)
            got = self.check(self.c.get(f"{mount}/{name}/a.txt"), 200)
            self.assertEqual(got.body, b"hello")
            for header, value in (("content-type", "text/plain"), ("accept-ranges", "bytes"),
                                  ("etag", f'"{digest(b"hello")[4:]}"'), ("content-length", "5"),
                                  ("content-security-policy", "sandbox"),
                                  ("x-content-type-options", "nosniff")):
                self.assertEqual(got.header(header), value)
            head = self.c.request("HEAD", f"{mount}/{name}/a.txt")
            self.assertEqual((head.status, head.body, head.header("content-length")), (200, b"", "5"))
            same = self.c.get(f"{mount}/{name}/a.txt", {"If-None-Match": got.header("etag")})
            self.assertEqual((same.status, same.body), (304, b""))
            gone = self.check(self.c.request("DELETE", f"{mount}/{name}/a.txt?rev={rev}"), 200)
            self.assertTrue(gone.json()["rev"].startswith("2-"))
            self.assertNotIn("_attachments", self.stored(name))
            self.assertEqual(self.c.get(f"{mount}/{name}/a.txt?rev={rev}").body, b"hello")

    def test_others_stay(self):
        name, rev = self.create({"f": {"data": b64(b"f")}}, n=7)
        self.check(self.upload(name, "g", b"g", rev), 201)
        value = self.stored(name)
        self.assertEqual((value["n"], set(value["_attachments"])), (7, {"f", "g"}))
        self.check(self.upload(name, "f", b"new", value["_rev"]), 201)
        self.assertEqual(self.c.get(f"{NATIVE}/{name}/f").body, b"new")
        self.assertEqual(self.stored(name)["_attachments"]["f"]["revpos"], 3)
        self.assertEqual(self.c.get(f"{NATIVE}/{name}/g").body, b"g")

    def test_names(self):
        for sent, stored in (("a%20b.txt", "a b.txt"), ("dir/f%201.txt", "dir/f 1.txt"),
                             ("dir%2Fsub", "dir/sub"), ("a/b/c/d", "a/b/c/d"),
                             ("%F0%9F%98%80", "\U0001F600"), ("x%2By", "x+y"), ("%25", "%")):
            with self.subTest(sent):
                name = self.fresh()
                self.check(self.upload(name, sent, b"x"), 201)
                self.assertEqual(list(self.stored(name)["_attachments"]), [stored])
                self.assertEqual(self.c.get(f"{NATIVE}/{name}/{sent}").body, b"x")
        answer = self.upload(self.fresh(), "_x", b"x")
        self.refused(answer, 400, "bad_request",
                     "Attachment name '_x' starts with prohibited character '_'")
        for sent in ("%00", "%FF"):
            self.assertEqual(self.upload(self.fresh(), sent, b"x").status, 400)

    def test_design_attachment(self):
        answer = self.c.put(f"{NATIVE}/_design/app", {})
        answer = self.upload("_design/app", "js/x.js", b"1", answer.json()["rev"])
        self.check(answer, 201)
        self.assertEqual(self.c.get(f"{NATIVE}/_design/app/js/x.js").body, b"1")

    def test_conflicts(self):
        name, rev = self.create({"f": {"data": ""}})
        conflict = ("conflict", "Document update conflict.")
        self.refused(self.upload(name, "g", b""), 409, *conflict)
        self.refused(self.upload(name, "g", b"", "1-abc"), 409, *conflict)
        self.refused(self.upload(self.fresh(), "g", b"", "1-abc"), 409, *conflict)
        self.refused(self.upload(name, "g", b"", "zzz"), 400, "bad_request", "Invalid rev format")
        path = f"{NATIVE}/{name}/f"
        self.refused(self.c.request("DELETE", path), 409, *conflict)
        self.refused(self.c.request("DELETE", path + "?rev=9-abc"), 409, "not_found", "missing_rev")
        self.refused(self.c.request("DELETE", f"{NATIVE}/{name}/no?rev={rev}"), 404, "not_found",
                     "Document is missing attachment")
        second = self.upload(name, "g", b"", rev).json()["rev"]
        self.refused(self.upload(name, "h", b"", rev), 409, *conflict)
        answer = self.upload(name, "h", b"", headers={"If-Match": f'"{second}"'})
        self.check(answer, 201)

    def test_missing(self):
        name, _ = self.create({})
        self.refused(self.c.get(f"{NATIVE}/{name}/f"), 404, "not_found",
                     "Document is missing attachment")
        self.refused(self.c.get(f"{NATIVE}/never/f"), 404, "not_found", "missing")
        self.refused(self.c.get(f"{NATIVE}/{name}/f?rev=9-x"), 404, "not_found", "missing")
        self.assertEqual(self.c.get("/nope/x/f").status, 404)

    def test_ranges(self):
        data = bytes(range(256)) * 1000
        name = self.fresh()
        self.check(self.upload(name, "f", data), 201)
        n = len(data)
        for header, low, high in (("bytes=0-0", 0, 1), ("bytes=10-19", 10, 20),
                                  ("bytes=255990-", 255990, n), ("bytes=-10", n - 10, n),
                                  ("bytes=100-9999999", 100, n), ("bytes=-9999999", 0, n),
                                  ("bytes=65535-65537", 65535, 65538)):
            with self.subTest(header):
                answer = self.check(self.c.get(f"{NATIVE}/{name}/f", {"Range": header}), 206)
                self.assertEqual(answer.body, data[low:high])
                self.assertEqual(answer.header("content-range"), f"bytes {low}-{high - 1}/{n}")
        for header in ("bytes=5-2", "bytes=x", "lines=1-2", "bytes=1-2,5-6", "bytes=", "bytes=-"):
            with self.subTest(header):
                answer = self.check(self.c.get(f"{NATIVE}/{name}/f", {"Range": header}), 200)
                self.assertEqual(answer.body, data)
        for header in (f"bytes={n}-", "bytes=-0", "bytes=99999999-"):
            with self.subTest(header):
                answer = self.c.get(f"{NATIVE}/{name}/f", {"Range": header})
                self.refused(answer, 416, "requested_range_not_satisfiable",
                             "Requested range not satisfiable")

    def test_large_and_kept_once(self):
        data = os.urandom(5 * 1024 * 1024)
        name, other = self.fresh(), self.fresh()
        self.check(self.upload(name, "f", data, kind="application/zip"), 201)
        self.check(self.upload(other, "f", data, kind="application/zip"), 201)
        for each in (name, other):
            self.assertEqual(self.c.get(f"{NATIVE}/{each}/f").body, data)
            self.assertEqual(self.stored(each)["_attachments"]["f"]["digest"], digest(data))
        full = self.stored(name, "?attachments=true")["_attachments"]["f"]
        self.assertEqual(base64.b64decode(full["data"]), data)

    def test_too_large(self):
        limit = 20 * 1024 * 1024
        name = self.fresh()
        answer = self.upload(name, "big.bin", b"x" * (limit + 1))
        self.refused(answer, 413, "attachment_too_large", "big.bin")
        answer = self.c.put(f"{NATIVE}/{name}",
                            {"_attachments": {"big": {"data": b64(b"x" * (limit + 1))}}})
        self.refused(answer, 413, "attachment_too_large", "big")
        self.check(self.upload(name, "f", b"x" * limit), 201)

    def test_client_goes(self):
        """A download that is given up costs nothing that stays."""
        name = self.fresh()
        self.check(self.upload(name, "f", os.urandom(8 * 1024 * 1024)), 201)
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as s:
                s.sendall((f"GET {NATIVE}/{name}/f HTTP/1.1\r\nHost: x\r\n"
                           f"Authorization: {self.c.authorization}\r\n\r\n").encode())
                s.recv(1000)
        self.assertEqual(self.c.get(NATIVE).status, 200)

    def test_any_type(self):
        for kind in ("application/json", "text/html; charset=utf-8", "image/png",
                     "application/x-www-form-urlencoded"):
            with self.subTest(kind):
                name = self.fresh()
                self.check(self.upload(name, "f", b"{not json", kind=kind), 201)
                answer = self.c.get(f"{NATIVE}/{name}/f")
                self.assertEqual((answer.header("content-type"), answer.body), (kind, b"{not json"))

    def test_restart(self):
        name, _ = self.create({"f": {"data": b64(b"stays")}})
        self.server.restart(kill=True)
        self.c = self.server.client()
        self.assertEqual(self.c.get(f"{NATIVE}/{name}/f").body, b"stays")


if __name__ == "__main__":
    main()
