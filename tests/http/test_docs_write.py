# SPDX-License-Identifier: MIT
"""Writing documents: documents.md 2, 3, 4, 6.4 to 6.6, 6.9 and 13."""

import json
import unittest
import urllib.parse

from harness import HEX32, JSON_TYPE, ServerCase, main, replies_settings

NATIVE, SEED = "/medic", "/cdb/~"
MOUNTS = (NATIVE, SEED, "/cdb/medic")


def setUpModule():
    ServerCase.begin()


def tearDownModule():
    ServerCase.end()


def quote(name):
    return urllib.parse.quote(name, safe="")


class Base(ServerCase):
    def fresh(self, stem="w"):
        return self.reference(stem)

    def put(self, name, value, mount=NATIVE, query="", headers=None):
        return self.c.put(f"{mount}/{quote(name)}{query}", value, headers)

    def create(self, name=None, value=None, mount=NATIVE):
        name = name or self.fresh()
        answer = self.put(name, value if value is not None else {"n": 1}, mount)
        self.assertEqual(answer.status, 201, answer)
        return name, answer.json()["rev"]

    def refused(self, answer, status, error, reason, mount=NATIVE):
        expected = {"error": error, "reason": reason}
        if mount.startswith("/cdb"):
            expected = {"status": status, **expected}
        self.check(answer, status, expected)
        return answer

    def stored(self, name, mount=NATIVE):
        answer = self.c.get(f"{mount}/{quote(name)}")
        self.assertEqual(answer.status, 200, answer)
        return answer.json()


class Put(Base):
    def test_success_body(self):
        for mount in MOUNTS:
            with self.subTest(mount):
                name = self.fresh()
                answer = self.put(name, {"a": 1}, mount)
                value = answer.json()
                rev = value["rev"]
                self.assertRegex(rev, "^1-[0-9a-f]{32}$")
                expected = {"ok": True, "id": name, "rev": rev}
                if mount != NATIVE:
                    expected |= {"_id": name, "_rev": rev}
                self.check(answer, 201, expected)
                self.assertEqual(answer.header("etag"), f'"{rev}"')
                self.assertRegex(answer.header("location"), rf"^http://[^/]+{mount}/{name}$")
                self.assertEqual(self.stored(name, mount), {"_id": name, "_rev": rev, "a": 1})

    def test_update(self):
        name, rev = self.create()
        answer = self.put(name, {"_rev": rev, "n": 2})
        second = self.check(answer, 201).json()["rev"]
        self.assertTrue(second.startswith("2-"))
        answer = self.put(name, {"n": 3}, query="?rev=" + second)
        third = self.check(answer, 201).json()["rev"]
        for header in (f'"{third}"', ):
            answer = self.put(name, {"n": 4}, headers={"If-Match": header})
            fourth = self.check(answer, 201).json()["rev"]
        answer = self.put(name, {"n": 5}, headers={"If-Match": fourth})
        self.check(answer, 201)
        self.assertEqual(self.stored(name)["n"], 5)

    def test_conflicts(self):
        name, rev = self.create()
        self.put(name, {"_rev": rev, "n": 2})
        for mount, reason in ((NATIVE, "Document update conflict."), (SEED, "conflict")):
            for value in ({}, {"_rev": rev}, {"_rev": "1-" + "0" * 32}, {"_rev": "9-abc"}):
                with self.subTest(mount=mount, value=value):
                    self.refused(self.put(name, value, mount), 409, "conflict", reason, mount)

    def test_rev_of_what_never_was(self):
        self.refused(self.put(self.fresh(), {"_rev": "1-abc"}), 409, "conflict",
                     "Document update conflict.")
        self.refused(self.put(self.fresh(), {"_rev": "1-abc"}, SEED), 404, "not_found", "missing",
                     SEED)

    def test_bad_rev(self):
        name, _ = self.create()
        for rev in ("zzz", "1", "-abc", "1-", "x-1", "undefined", ""):
            with self.subTest(rev):
                self.refused(self.put(name, {"_rev": rev}), 400, "bad_request",
                             "Invalid rev format")
                self.refused(self.put(name, {"_rev": rev}, SEED), 409, "conflict", "conflict", SEED)
                self.refused(self.put(name, {}, query="?rev=" + rev), 400, "bad_request",
                             "Invalid rev format")
        for rev in (5, None, {}, True):
            with self.subTest(rev=rev):
                self.refused(self.put(name, {"_rev": rev}), 400, "bad_request",
                             "Invalid rev format")

    def test_revs_that_differ(self):
        name, rev = self.create()
        for mount in MOUNTS:
            self.refused(self.put(name, {"_rev": rev}, mount, "?rev=1-abc"), 400, "bad_request",
                         "Document rev from request body and query string have different values",
                         mount)
            self.refused(self.put(name, {"_rev": rev}, mount, headers={"If-Match": "1-abc"}), 400,
                         "bad_request", "Document rev and etag have different values", mount)
        same = self.put(name, {"_rev": rev}, NATIVE, "?rev=" + rev, {"If-Match": f'"{rev}"'})
        self.check(same, 201)

    def test_id_of_url_wins(self):
        name = self.fresh()
        self.assertEqual(self.put(name, {"_id": "another"}).json()["id"], name)
        self.refused(self.put(name, {"_id": 5}), 400, "illegal_docid",
                     "Document id must be a string")

    def test_odd_ids(self):
        names = ("a/b c", "x[1]", "per%cent", "plus+plus", "\U0001F600", "x" * 512, "a?b&c=d",
                 "form:visit", "quote\"d", "back\\slash", "ümläut", "a%2Fb", "..", "a/../b", "#",
                 "e\u0301", "日本語")
        for mount in MOUNTS:
            for name in names:
                with self.subTest(mount=mount, name=name[:20]):
                    name += "" if len(name) == 512 else mount
                    if len(name) == 512:
                        name = name[:-1] + str(MOUNTS.index(mount))
                    answer = self.check(self.put(name, {"odd": True}, mount), 201)
                    self.assertEqual(answer.json()["id"], name)
                    self.assertEqual(self.stored(name, mount)["_id"], name)
                    location = urllib.parse.urlsplit(answer.header("location")).path
                    self.assertEqual(self.c.get(location).json()["_id"], name)
                    listed = self.c.get(f"{mount}/_all_docs?key=" + quote(json.dumps(name))).json()
                    self.assertEqual([r["id"] for r in listed["rows"]], [name])
                    gone = self.c.request("DELETE",
                                          f"{mount}/{quote(name)}?rev={answer.json()['rev']}")
                    self.check(gone, 200)

    def test_ids_that_cannot_be(self):
        reserved = "Only reserved document ids may start with underscore."
        for name in ("_x", "_nope", "_design", "_all_doc"):
            with self.subTest(name):
                self.refused(self.put(name, {}), 400, "illegal_docid", reserved)
        self.assertEqual(self.put("x" * 513, {}).json()["error"], "illegal_docid")
        for raw in ("%00", "%FF", "a%00b", "%C0%AF", "%ED%A0%80"):
            with self.subTest(raw):
                answer = self.c.put(f"{NATIVE}/{raw}", {})
                self.assertEqual((answer.status, answer.json()["error"]), (400, "bad_request"))

    def test_method_on_an_operation(self):
        for method, path in (("PUT", "_all_docs"), ("DELETE", "_bulk_docs"), ("PUT", "_changes"),
                             ("DELETE", "_design_docs"), ("PUT", "_bulk_get")):
            with self.subTest(path):
                answer = self.c.request(method, f"{NATIVE}/{path}", "{}", {"Content-Type": JSON_TYPE})
                self.assertEqual((answer.status, answer.json()["error"]),
                                 (405, "method_not_allowed"))

    def test_design_document(self):
        for path in ("_design/d1", "_design%2Fd2"):
            answer = self.check(self.c.put(f"{NATIVE}/{path}", {"views": {}}), 201)
            name = urllib.parse.unquote(path)
            self.assertEqual(answer.json()["id"], name)
            self.assertTrue(answer.header("location").endswith("/medic/" + name))
            self.assertEqual(self.c.get(f"{NATIVE}/_design/{name[8:]}").json()["views"], {})
            answer = self.c.request("DELETE", f"{NATIVE}/{path}?rev={answer.json()['rev']}")
            self.check(answer, 200)

    def test_deleted_member(self):
        name, rev = self.create()
        answer = self.check(self.put(name, {"_rev": rev, "_deleted": True, "why": "moved"}), 200)
        rev = answer.json()["rev"]
        self.refused(self.c.get(f"{NATIVE}/{name}"), 404, "not_found", "deleted")
        self.check(self.c.get(f"{NATIVE}/{name}?rev={rev}"), 200,
                   {"_id": name, "_rev": rev, "why": "moved", "_deleted": True})
        self.refused(self.put(name, {"_deleted": True}), 409, "conflict",
                     "Document update conflict.")
        for value in ("yes", 1, None):
            answer = self.put(name, {"_deleted": value})
            self.assertEqual((answer.status, answer.json()["error"]), (400, "doc_validation"))

    def test_recreate(self):
        name, rev = self.create()
        rev = self.c.request("DELETE", f"{NATIVE}/{name}?rev={rev}").json()["rev"]
        third = self.check(self.put(name, {"again": 1}), 201).json()["rev"]
        self.assertTrue(third.startswith("3-"))
        rev = self.c.request("DELETE", f"{NATIVE}/{name}?rev={third}").json()["rev"]
        fifth = self.check(self.put(name, {"_rev": rev, "again": 2}), 201).json()["rev"]
        self.assertTrue(fifth.startswith("5-"))

    def test_special_members(self):
        for name in ("_x", "_foo", "_", "_REV", "_ids"):
            with self.subTest(name):
                self.refused(self.put(self.fresh(), {name: 1}), 400, "doc_validation",
                             f"Bad special document member: {name}")
        name = self.fresh()
        answer = self.put(name, {"a": 1, "_revs_info": [], "_conflicts": ["x"], "_local_seq": 4,
                                 "_deleted_conflicts": 5})
        self.check(answer, 201)
        self.assertEqual(set(self.stored(name)), {"_id", "_rev", "a"})

    def test_bodies(self):
        for mount in MOUNTS[:2]:
            for text in ("[]", '"x"', "5", "null", "true"):
                with self.subTest(text):
                    self.refused(self.put(self.fresh(), text, mount), 400, "bad_request",
                                 "Document must be a JSON object", mount)
            for text in ("", "{", "{'a':1}", '{"a":1,}', '{"a":01}', '{"a":0x1F}', '{"a":.5}',
                         '{"a":1}x', '/*c*/{"a":1}', '{"a":"\n"}', '{"a":"\\ud800"}', '{"a":NaN}',
                         b'{"a":"\xff"}', '{"a":' + "[" * 201 + "]" * 201 + "}",
                         "[" * 100000 + "]" * 100000):
                with self.subTest(text[:20]):
                    self.refused(self.put(self.fresh(), text, mount), 400, "bad_request",
                                 "invalid UTF-8 JSON", mount)

    def test_depth_of_200_is_kept(self):
        name = self.fresh()
        text = '{"a":' + "[" * 199 + "]" * 199 + "}"
        self.check(self.put(name, text), 201)
        self.assertIn('"a":' + "[" * 199 + "]" * 199, self.c.get(f"{NATIVE}/{name}").text)

    def test_any_type_for_put(self):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "nonsense", JSON_TYPE):
            with self.subTest(kind):
                answer = self.c.request("PUT", f"{NATIVE}/{self.fresh()}", '{"a":1}',
                                        {"Content-Type": kind})
                self.check(answer, 201)

    def test_too_large(self):
        name = self.fresh()
        answer = self.put(name, {"a": "x" * 8000000})
        self.refused(answer, 413, "document_too_large", name)
        self.check(self.put(name, {"a": "x" * (8000000 - 8)}), 201)
        self.assertEqual(len(self.stored(name)["a"]), 8000000 - 8)

    def test_old_revision_is_kept(self):
        name, rev = self.create(value={"n": 1})
        self.put(name, {"_rev": rev, "n": 2})
        self.assertEqual(self.c.get(f"{NATIVE}/{name}?rev={rev}").json()["n"], 1)


class Text(Base):
    """Documents are kept as text (documents.md 3)."""

    def kept(self, text, expected=None):
        name = self.fresh()
        rev = self.check(self.put(name, text), 201).json()["rev"]
        shown = self.c.get(f"{NATIVE}/{name}").text
        inside = (expected or text)[1:-1]
        self.assertEqual(shown, f'{{"_id":"{name}","_rev":"{rev}",{inside}}}\n')

    def test_spelling(self):
        for text in ('{"n":1.50}', '{"n":1e3}', '{"n":12345678901234567890}', '{"n":-0}',
                     '{"n":1E+2}', '{"n":100000000000000000000000}', '{"n":0.1}', '{"n":1e400}',
                     '{"b":1,"a":2,"c":{"z":1,"y":2}}', '{"s":"a\\u0000b"}', '{"s":"\\u00e9"}',
                     '{"s":"\\/"}', '{"s":"\U0001F600"}', '{"":1}', '{"a":[],"b":{}}',
                     '{"a.b":1,"a":{"b":2}}'):
            with self.subTest(text):
                self.kept(text)

    def test_white_space_goes(self):
        self.kept(' { "a" : [ 1 , 2 ] ,\n"b":\t"x  y" } ', '{"a":[1,2],"b":"x  y"}')

    def test_duplicates(self):
        self.kept('{"a":1,"b":2,"a":3}', '{"a":3,"b":2}')
        self.kept('{"a":1,"\\u0061":3}', '{"a":3}')
        many = ",".join(f'"k{i % 50}":{i}' for i in range(200))
        self.kept("{" + many + "}", "{" + ",".join(f'"k{i}":{150 + i}' for i in range(50)) + "}")
        name, _ = self.create(value='{"_id":"x","n":1,"_id":"y"}')
        rev = self.stored(name)["_rev"]
        self.check(self.put(name, f'{{"_rev":"1-bad","_rev":"{rev}"}}'), 201)

    def test_deterministic(self):
        """The same edit made twice has the same revision."""
        a = self.create(value={"x": [1, 2]})[1]
        b = self.create(value={"x": [1, 2]})[1]
        self.assertEqual(a, b)
        self.assertNotEqual(a, self.create(value={"x": [2, 1]})[1])


class Post(Base):
    def test_made_id(self):
        for mount in MOUNTS:
            for slash in ("", "/"):
                with self.subTest(mount + slash):
                    answer = self.check(self.c.post(mount + slash, {"a": 1}), 201)
                    self.assertRegex(answer.json()["id"], HEX32)
                    self.assertEqual(self.stored(answer.json()["id"])["a"], 1)

    def test_made_ids_are_ordered(self):
        ids = [self.c.post(NATIVE, {}).json()["id"] for _ in range(20)]
        self.assertEqual(ids, sorted(ids))

    def test_given_id(self):
        name = self.fresh()
        answer = self.check(self.c.post(NATIVE, {"_id": name, "n": 1}), 201)
        self.refused(self.c.post(NATIVE, {"_id": name}), 409, "conflict",
                     "Document update conflict.")
        answer = self.c.post(NATIVE, {"_id": name, "_rev": answer.json()["rev"], "n": 2})
        self.check(answer, 201)
        self.assertEqual(self.stored(name)["n"], 2)

    def test_path_wins(self):
        name = self.fresh()
        answer = self.c.post(f"{SEED}/{name}", {"_id": "other"})
        self.assertEqual((answer.status, answer.json()["id"]), (201, name))

    def test_bad_ids(self):
        for value, reason in (
                ("", "Document id must not be empty"), (5, "Document id must be a string"),
                (None, "Document id must be a string"), ({}, "Document id must be a string"),
                ("_x", "Only reserved document ids may start with underscore."),
                ("_local/", "Only reserved document ids may start with underscore.")):
            with self.subTest(value=value):
                self.refused(self.c.post(NATIVE, {"_id": value}), 400, "illegal_docid", reason)
        answer = self.c.post(NATIVE, '{"_id":"a\\u0000b"}')
        self.assertEqual((answer.status, answer.json()["error"]), (400, "illegal_docid"))

    def test_type(self):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            for mount in MOUNTS[:2]:
                with self.subTest(kind):
                    answer = self.c.request("POST", mount, '{"a":1}', {"Content-Type": kind})
                    self.refused(answer, 415, "bad_content_type",
                                 "Content-Type must be application/json", mount)
        for headers in ({}, {"Content-Type": "application/json; charset=utf-8"},
                        {"Content-Type": "Application/JSON"}):
            self.check(self.c.request("POST", NATIVE, '{"a":1}', headers), 201)

    def test_no_such_database(self):
        for path in ("/nope", "/nope/x"):
            answer = self.c.post(path, {})
            self.assertEqual((answer.status, answer.json()["error"]), (404, "not_found"))
        self.refused(self.c.post("/cdb/nope", {}), 404, "not_found", "no_db_file", SEED)


class Delete(Base):
    def delete(self, name, query="", mount=NATIVE, headers=None):
        return self.c.request("DELETE", f"{mount}/{quote(name)}{query}", headers=headers)

    def test_success(self):
        for mount in MOUNTS:
            name, rev = self.create(mount=mount)
            answer = self.check(self.delete(name, "?rev=" + rev, mount), 200)
            value = answer.json()
            self.assertTrue(value["rev"].startswith("2-"))
            self.assertEqual(value.get("_rev"), None if mount == NATIVE else value["rev"])
            self.check(self.c.get(f"{NATIVE}/{name}?rev={value['rev']}"), 200,
                       {"_id": name, "_rev": value["rev"], "_deleted": True})
            self.refused(self.delete(name, "?rev=" + value["rev"], mount), 404, "not_found",
                         "deleted", mount)

    def test_by_header(self):
        name, rev = self.create()
        self.check(self.delete(name, headers={"If-Match": f'"{rev}"'}), 200)

    def test_type_without_body(self):
        name, rev = self.create()
        self.check(self.delete(name, "?rev=" + rev, headers={"Content-Type": JSON_TYPE}), 200)

    def test_failures(self):
        for mount, reason in ((NATIVE, "Document update conflict."), (SEED, "conflict")):
            name, rev = self.create()
            self.refused(self.delete(name, mount=mount), 409, "conflict", reason, mount)
            self.refused(self.delete(name, "?rev=1-abc", mount), 409, "conflict", reason, mount)
            self.refused(self.delete("never", "?rev=" + rev, mount), 404, "not_found", "missing",
                         mount)
            self.refused(self.delete("never", "", mount), 404, "not_found", "missing", mount)
        self.refused(self.delete(name, "?rev=undefined"), 400, "bad_request", "Invalid rev format")
        self.refused(self.delete(name, "?rev=undefined", SEED), 409, "conflict", "conflict", SEED)
        self.refused(self.delete(name, "?rev=" + rev, headers={"If-Match": "1-abc"}), 400,
                     "bad_request", "Document rev and etag have different values")


class Copy(Base):
    def copy(self, name, destination, query="", mount=NATIVE, client=None):
        return (client or self.c).request("COPY", f"{mount}/{name}{query}", None,
                                          {"Destination": destination} if destination else {})

    def test_new(self):
        copy, older = self.fresh() + " /é", self.fresh()
        name, first = self.create(value={"n": 1, "_attachments": {
            "a": {"data": "YQ==", "content_type": "text/plain"}}})
        self.put(name, {"_rev": first, "n": 2})
        answer = self.check(self.copy(name, quote(copy)), 201)
        self.assertEqual((answer.json()["id"], answer.json()["ok"]), (copy, True))
        self.assertTrue(answer.header("location").endswith(quote(copy)))
        self.assertEqual(self.stored(copy)["n"], 2)
        self.check(self.copy(name, older, f"?rev={first}", mount=SEED), 201)
        value = self.c.get(f"{NATIVE}/{older}?attachments=true").json()
        self.assertEqual((value["n"], value["_attachments"]["a"]["data"]), (1, "YQ=="))
        self.assertTrue(value["_rev"].startswith("1-"))

    def test_over(self):
        name, _ = self.create(value={"n": 1})
        there, rev = self.create(value={"n": 0})
        self.refused(self.copy(name, there), 409, "conflict", "Document update conflict.")
        answer = self.check(self.copy(name, f"{there}?rev={rev}"), 201)
        self.assertTrue(answer.json()["rev"].startswith("2-"))
        self.assertEqual(self.stored(there)["n"], 1)

    def test_design(self):
        name = self.fresh()
        self.check(self.c.put(f"{NATIVE}/_design/{name}", {"n": 1}), 201)
        self.check(self.copy(f"_design/{name}", f"_design/{name}-2"), 201)
        self.assertEqual(self.c.get(f"{NATIVE}/_design/{name}-2").json()["n"], 1)

    def test_bad(self):
        name, _ = self.create()
        self.assertEqual(self.copy("never", self.fresh()).status, 404)
        for destination, reason in (
                (None, "Destination header is mandatory for COPY."),
                ("http://example.org/medic/x", "Destination URL must be relative."),
                ("%ff", "Destination header is not the id of a document."),
                ("?rev=1-a", "Destination header is not the id of a document.")):
            self.refused(self.copy(name, destination), 400, "bad_request", reason)
        self.refused(self.copy(name, "_x"), 400, "illegal_docid",
                     "Only reserved document ids may start with underscore.")
        self.assertEqual(self.c.request("COPY", NATIVE).status, 405)

    def test_who_may(self):
        """Whoever may not write a document may not copy to it; what is secret is not there."""
        self.check(self.c.put("/_users/org.couchdb.user:copier", {
            "name": "copier", "type": "user", "password": "Karibu-sana_5", "roles": ["national_admin"]}), 201)
        online = self.server.client(user="copier", password="Karibu-sana_5")
        name, _ = self.create()
        secret, _ = self.create(value={"type": "token_login"})
        self.check(self.copy(name, self.fresh(), client=online), 201)
        self.assertEqual(self.copy(name, "_design/mine", client=online).status, 403)
        self.assertEqual(self.copy(secret, self.fresh(), client=online).status, 404)
        self.assertEqual(self.copy(name, "settings", client=online).status, 403)


class Replicated(Base):
    """PUT with new_edits=false, conflicts, the winner (documents.md 4)."""

    def branch(self, name, rev, *parents, **members):
        start = int(rev.split("-")[0])
        ids = [rev.split("-", 1)[1], *parents]
        value = {"_id": name, "_rev": rev, "_revisions": {"start": start, "ids": ids}, **members}
        return self.put(name, value, query="?new_edits=false")

    def test_kept_rev(self):
        name = self.fresh()
        answer = self.check(self.branch(name, "3-c", "b", "a", n=3), 201)
        self.assertEqual(answer.json(), {"ok": True, "id": name, "rev": "3-c"})
        shown = self.c.get(f"{NATIVE}/{name}?revs=true&revs_info=true").json()
        self.assertEqual(shown["_revisions"], {"start": 3, "ids": ["c", "b", "a"]})
        self.assertEqual(shown["_revs_info"], [
            {"rev": "3-c", "status": "available"}, {"rev": "2-b", "status": "missing"},
            {"rev": "1-a", "status": "missing"}])

    def test_conflicts_and_winner(self):
        name = self.fresh()
        self.branch(name, "2-a", "r", n="a")
        self.branch(name, "2-c", "r", n="c")
        self.branch(name, "2-b", "r", n="b")
        shown = self.c.get(f"{NATIVE}/{name}?conflicts=true").json()
        self.assertEqual((shown["n"], shown["_conflicts"]), ("c", ["2-b", "2-a"]))
        self.branch(name, "10-x", "y", n="long")
        self.assertEqual(self.stored(name)["n"], "long")
        self.branch(name, "11-z", "x", _deleted=True)
        shown = self.c.get(f"{NATIVE}/{name}?conflicts=true&deleted_conflicts=true").json()
        self.assertEqual((shown["n"], shown["_conflicts"], shown["_deleted_conflicts"]),
                         ("c", ["2-b", "2-a"], ["11-z"]))
        every = self.c.get(f"{NATIVE}/{name}?open_revs=all").json()
        self.assertEqual([r["ok"]["_rev"] for r in every], ["2-c", "2-b", "2-a", "11-z"])
        for rev, left in (("2-c", "2-b"), ("2-b", "2-a")):
            self.check(self.c.request("DELETE", f"{NATIVE}/{name}?rev={rev}"), 200)
            self.assertEqual(self.stored(name)["_rev"], left)
        self.check(self.c.request("DELETE", f"{NATIVE}/{name}?rev=2-a"), 200)
        self.refused(self.c.get(f"{NATIVE}/{name}"), 404, "not_found", "deleted")

    def test_latest(self):
        name = self.fresh()
        self.branch(name, "1-a", n=1)
        self.branch(name, "3-c", "b", "a", n=3)
        shown = self.c.get(f"{NATIVE}/{name}?rev=1-a&latest=true").json()
        self.assertEqual(shown["_rev"], "3-c")
        shown = self.c.get(f'{NATIVE}/{name}?open_revs=["1-a"]&latest=true').json()
        self.assertEqual([r["ok"]["_rev"] for r in shown], ["3-c"])
        self.assertEqual(self.c.get(f"{NATIVE}/{name}?rev=1-a").json()["n"], 1)

    def test_repeat_moves_nothing(self):
        name = self.fresh()
        self.branch(name, "2-a", "r", n="a")
        before = self.c.get(NATIVE).json()["update_seq"]
        for _ in range(3):
            self.check(self.branch(name, "2-a", "r", n="a"), 201)
        self.assertEqual(self.c.get(NATIVE).json()["update_seq"], before)

    def test_revisions_decide(self):
        name = self.fresh()
        value = {"_rev": "7-other", "_revisions": {"start": 2, "ids": ["b", "a"]}}
        self.check(self.put(name, value, query="?new_edits=false"), 201)
        self.assertEqual(self.stored(name)["_rev"], "2-b")

    def test_folding(self):
        name = self.fresh()
        self.check(self.put(name, {"_rev": "1-" + "AB" * 16}, query="?new_edits=false"), 201)
        self.assertEqual(self.stored(name)["_rev"], "1-" + "ab" * 16)
        self.check(self.put(name, {"_rev": "1-" + "AB" * 16, "n": 2}), 201)

    def test_shapes(self):
        reason = "When `new_edits: false`, the document needs `_rev` or `_revisions` specified"
        self.refused(self.put(self.fresh(), {}, query="?new_edits=false"), 400, "bad_request",
                     reason)
        for value in ({"_rev": "zzz"}, {"_rev": 5}, {"_revisions": {"start": 1, "ids": []}},
                      {"_revisions": {"start": 1, "ids": ["b", "a"]}}, {"_revisions": {"ids": ["a"]}},
                      {"_revisions": {"start": 1, "ids": [5]}}, {"_revisions": []},
                      {"_revisions": {"start": 1, "ids": "a"}},
                      {"_revisions": {"start": "1", "ids": ["a"]}},
                      {"_revisions": {"start": 1, "ids": [""]}}):
            with self.subTest(value=value):
                answer = self.put(self.fresh(), value, query="?new_edits=false")
                self.refused(answer, 400, "bad_request", "Invalid rev format")

    def test_ten_thousand_revisions(self):
        name = self.fresh()
        ids = [f"{10000 - i:032x}" for i in range(10000)]
        value = {"_revisions": {"start": 10000, "ids": ids}, "n": 1}
        self.check(self.put(name, value, query="?new_edits=false"), 201)
        shown = self.c.get(f"{NATIVE}/{name}?revs=true").json()
        self.assertEqual(shown["_rev"], "10000-" + ids[0])
        self.assertEqual(shown["_revisions"]["ids"], ids[:len(shown["_revisions"]["ids"])])
        self.assertIn(len(shown["_revisions"]["ids"]), (1000, 1001))

    def test_edit_of_a_conflict(self):
        name = self.fresh()
        self.branch(name, "1-a", n="a")
        self.branch(name, "1-b", n="b")
        answer = self.check(self.put(name, {"_rev": "1-a", "n": "a2"}), 201)
        shown = self.c.get(f"{NATIVE}/{name}?conflicts=true").json()
        self.assertEqual((shown["n"], shown["_rev"], shown["_conflicts"]),
                         ("a2", answer.json()["rev"], ["1-b"]))


class Rules(Base):
    """What follows from a document (workflows.md 1.1, settings, the queue)."""

    def test_record_is_answered(self):
        self.c.settings(replies_settings())
        sender = self.number()
        name, rev = self.create(value={"type": "data_record", "from": sender, "errors": [],
                                       "reported_date": 1795280100000, "fields": {}})
        self.assertTrue(rev.startswith("1-"))
        shown = self.stored(name)
        self.assertTrue(shown["_rev"].startswith("2-"))
        self.assertEqual([m["message"] for t in shown["tasks"] for m in t["messages"]], ["Thanks."])
        waiting = {m["to"]: m["content"] for m in self.c.sms()}
        self.assertEqual(waiting.get(sender), "Thanks.")
        self.check(self.put(name, {**shown, "note": 1, "_rev": self.stored(name)["_rev"]}), 201)
        self.assertEqual(len(self.stored(name)["tasks"]), 1, "answered once")

    def test_each_rule_runs_once(self):
        """A record that had no sender at first is answered when it gets one, and never again."""
        self.c.settings(replies_settings())
        record = {"type": "data_record", "errors": [], "reported_date": 1795280100000, "fields": {}}
        name, rev = self.create(value=record)
        self.assertNotIn("tasks", self.stored(name))
        self.put(name, {**record, "_rev": rev, "from": self.number()})
        shown = self.stored(name)
        self.assertEqual(len(shown["tasks"]), 1)
        self.put(name, {**record, "_rev": shown["_rev"], "from": self.number()})
        self.assertNotIn("tasks", self.stored(name))

    def test_replicated_record_is_answered(self):
        self.c.settings(replies_settings())
        record = {"type": "data_record", "errors": [], "reported_date": 1795280100000,
                  "fields": {}, "from": self.number()}
        name = self.fresh()
        docs = {"new_edits": False, "docs": [{"_id": name, "_rev": "1-abc", **record}]}
        for _ in range(2):
            self.check(self.c.post(NATIVE + "/_bulk_docs", docs), 201, [])
        shown = self.c.get(f"{NATIVE}/{name}?revs=true").json()
        self.assertEqual((len(shown["tasks"]), shown["_revisions"]["ids"][1:]), (1, ["abc"]))
        old = self.fresh()
        docs = {"new_edits": False, "docs": [{"_id": old, "_rev": "7-abc", **record}]}
        self.check(self.c.post(NATIVE + "/_bulk_docs", docs), 201, [])
        self.assertEqual(self.stored(old)["_rev"], "7-abc")

    def test_record_of_a_phone_is_not_answered_again(self):
        self.c.settings(replies_settings())
        reference = self.reference("once")
        self.c.sms([self.incoming("hello", reference=reference)])
        record, = [r for r in self.c.records()
                   if r.get("sms_message", {}).get("gateway_ref") == reference]
        self.assertEqual(len(record["tasks"]), 1)
        self.check(self.put(record["_id"], {**record, "note": 1}), 201)
        self.assertEqual(len(self.stored(record["_id"])["tasks"]), 1)

    def test_tasks_are_queued(self):
        uuid = self.reference("uuid")
        number = self.number()
        task = {"state": "pending", "messages": [{"uuid": uuid, "to": number, "message": "hi"}]}
        name, rev = self.create(value={"type": "thing", "reported_date": 1795280100000,
                                       "tasks": [task]})
        self.assertIn(uuid, [m["id"] for m in self.c.sms()])
        state = self.stored(name)
        self.assertEqual(state["tasks"][0]["state"], "forwarded-to-gateway")
        rev = state["_rev"]
        self.check(self.c.request("DELETE", f"{NATIVE}/{name}?rev={rev}"), 200)
        self.assertNotIn(uuid, [m["id"] for m in self.c.sms()])

    def test_settings_document(self):
        self.c.settings(replies_settings())
        document = self.stored("settings")
        document["settings"]["locale"] = "sw"
        rev = self.check(self.put("settings", document), 201).json()["rev"]
        self.assertEqual(self.c.get("/api/v1/settings").json()["locale"], "sw")
        broken = {"_rev": rev, "settings": {"forms": {"X": 5}, "locale": 7}}
        self.check(self.put("settings", broken), 201)
        document["_rev"] = self.stored("settings")["_rev"]
        self.check(self.put("settings", document), 201)
        self.assertEqual(self.c.get("/api/v1/settings").json()["locale"], "sw")

    def test_messages_document(self):
        self.c.settings(replies_settings(locale="qq", translations={}))
        rev = self.check(self.put("messages-qq", {
            "type": "translations", "code": "qq", "generic": {"sms_received": "Zikomo."}}),
            201).json()["rev"]
        number = self.number()
        self.c.sms([self.incoming("hello", number)])
        found = [m["message"] for r in self.c.records() if r.get("from") == number
                 for t in r["tasks"] for m in t["messages"]]
        self.assertEqual(found, ["Zikomo."])
        self.check(self.c.request("DELETE", f"{NATIVE}/messages-qq?rev={rev}"), 200)


class Survives(Base):
    def test_restart(self):
        name, rev = self.create(value={"keep": "me"})
        other, gone = self.create()
        self.c.request("DELETE", f"{NATIVE}/{other}?rev={gone}")
        self.server.restart(kill=True)
        self.c = self.server.client()
        self.assertEqual(self.stored(name)["keep"], "me")
        self.assertEqual(self.c.get(f"{NATIVE}/{other}").json()["reason"], "deleted")


if __name__ == "__main__":
    main()
