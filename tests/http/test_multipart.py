# SPDX-License-Identifier: MIT
"""Documents with their attachments in one body: documents.md 6.3, 6.7 and 12 (RFC 2046, RFC 2387)."""

import base64
import email
import email.policy
import json
import os

from harness import ServerCase, main

DB = "/medic"
BOUNDARY = "a line that is between"


def setUpModule():
    ServerCase.begin()


def tearDownModule():
    ServerCase.end()


def related(document, *bodies, end="\r\n", boundary="b1", names=None):
    """A body of a document and what follows it."""
    text = f"--{boundary}{end}Content-Type: application/json{end}{end}{json.dumps(document)}".encode()
    for i, data in enumerate(bodies):
        head = f"{end}--{boundary}{end}"
        if names:
            head += f'Content-Disposition: attachment; filename="{names[i]}"{end}'
        text += (head + end).encode() + data
    return text + f"{end}--{boundary}--".encode()


def follows(data, kind="text/plain", **more):
    return {"follows": True, "content_type": kind, "length": len(data), **more}


def parts(answer):
    """The parts of an answer, each a message."""
    head = f"Content-Type: {answer.header('content-type')}\r\n\r\n".encode()
    whole = email.message_from_bytes(head + answer.body, policy=email.policy.HTTP)
    assert whole.is_multipart(), answer
    assert not whole.defects, whole.defects
    return list(whole.iter_parts())


class Base(ServerCase):
    def fresh(self):
        return self.reference("parts")

    def send(self, name, body, query="", boundary="b1"):
        return self.c.request("PUT", f"{DB}/{name}{query}", body,
                              {"Content-Type": f'multipart/related; boundary="{boundary}"'})

    def data(self, name, query="?attachments=true"):
        found = self.check(self.c.get(f"{DB}/{name}{query}"), 200).json()["_attachments"]
        return {key: (value["content_type"], base64.b64decode(value["data"]))
                for key, value in found.items()}


class Written(Base):
    def test_in_order(self):
        name, first, second = self.fresh(), os.urandom(200000) + b"\r\n", b"\r\n--b1x\r\n--b"
        body = related({"a": 1, "_attachments": {"z": follows(first, "image/png"),
                                                 "a": follows(second)}}, first, second)
        answer = self.check(self.send(name, body), 201).json()
        self.assertEqual(answer["id"], name)
        self.assertEqual(self.data(name), {"z": ("image/png", first), "a": ("text/plain", second)})
        stored = self.c.get(f"{DB}/{name}").json()
        self.assertEqual((stored["a"], stored["_rev"]), (1, answer["rev"]))
        self.assertEqual(stored["_attachments"]["a"]["length"], len(second))

    def test_by_name(self):
        name = self.fresh()
        body = related({"_attachments": {"one": follows(b"1"), "two": follows(b"22")}}, b"22", b"1",
                       names=["two", "one"])
        self.check(self.send(name, body), 201)
        self.assertEqual(self.data(name), {"one": ("text/plain", b"1"), "two": ("text/plain", b"22")})

    def test_beside_stubs_and_data(self):
        name = self.fresh()
        rev = self.check(self.c.put(f"{DB}/{name}", {"_attachments": {
            "kept": {"data": "a2VwdA==", "content_type": "text/plain"}}}), 201).json()["rev"]
        body = related({"_rev": rev, "_attachments": {
            "kept": {"stub": True}, "inline": {"data": "aW4=", "content_type": "text/plain"},
            "part": follows(b"part")}}, b"part")
        self.check(self.send(name, body), 201)
        self.assertEqual(self.data(name), {key: ("text/plain", value) for key, value in {
            "kept": b"kept", "inline": b"in", "part": b"part"}.items()})

    def test_same_revision_as_inline(self):
        """How the bytes came does not count for the revision."""
        revs = set()
        for body in (related({"x": 1, "_attachments": {"f": follows(b"same")}}, b"same"), None):
            name = self.fresh()
            answer = self.send(name, body) if body else self.c.put(f"{DB}/{name}", {
                "x": 1, "_attachments": {"f": {"data": "c2FtZQ==", "content_type": "text/plain"}}})
            revs.add(self.check(answer, 201).json()["rev"])
        self.assertEqual(len(revs), 1)

    def test_new_edits_false(self):
        name = self.fresh()
        body = related({"_rev": "3-c", "_revisions": {"start": 3, "ids": ["c", "b"]},
                        "_attachments": {"f": follows(b"x", revpos=2)}}, b"x")
        self.check(self.send(name, body, "?new_edits=false"), 201)
        stored = self.c.get(f"{DB}/{name}").json()
        self.assertEqual((stored["_rev"], stored["_attachments"]["f"]["revpos"]), ("3-c", 2))

    def test_forms_of_lines(self):
        """A preamble, an epilogue, padding, bare line feeds and a boundary in quotes are allowed."""
        document = {"_attachments": {"f": follows(b"1\n")}}
        plain = related(document, b"1\n", boundary=BOUNDARY)
        for body in (b"preamble\r\n" + plain + b"\r\nepilogue", plain,
                     related(document, b"1\n", boundary=BOUNDARY, end="\n"),
                     plain.replace(f"--{BOUNDARY}\r\n".encode(), f"--{BOUNDARY} \t\r\n".encode())):
            with self.subTest(body=body):
                name = self.fresh()
                self.check(self.send(name, body, boundary=BOUNDARY), 201)
                self.assertEqual(self.data(name), {"f": ("text/plain", b"1\n")})

    def test_nothing_but_a_head(self):
        """A part may end with its head."""
        name = self.fresh()
        body = related({"_attachments": {"f": follows(b"")}})[:-6] + b"--b1\r\nX: y\r\n\r\n--b1--"
        self.check(self.send(name, body), 201)
        self.assertEqual(self.data(name), {"f": ("text/plain", b"")})

    def test_damaged(self):
        good = related({"_attachments": {"f": follows(b"1")}}, b"1")
        for what, body, boundary in (
                ("nothing", b"", "b1"), ("no end", good[:-4], "b1"), ("another boundary", good, "b2"),
                ("half a delimiter", good[:-1], "b1"), ("no boundary", good, ""),
                ("a long boundary", related({}, boundary="x" * 71), "x" * 71),
                ("no head", b"--b1\r\nx\r\n--b1--", "b1"), ("no part", b"--b1--", "b1"),
                ("many parts", related({}, *[b""] * 1000), "b1")):
            with self.subTest(what):
                name = self.fresh()
                self.check(self.send(name, body, boundary=boundary), 400,
                           {"error": "bad_request", "reason": "invalid UTF-8 JSON"})
                self.assertEqual(self.c.get(f"{DB}/{name}").status, 404)

    def test_not_json(self):
        self.check(self.send(self.fresh(), b"--b1\r\n\r\n{\r\n--b1--"), 400,
                   {"error": "bad_request", "reason": "invalid UTF-8 JSON"})

    def test_bytes_that_do_not_come(self):
        for what, document, bodies in (
                ("none", {"f": follows(b"1")}, ()), ("too few", {"f": follows(b"1"), "g": follows(b"1")},
                                                     (b"1",)),
                ("another length", {"f": follows(b"12")}, (b"1",))):
            with self.subTest(what):
                answer = self.send(self.fresh(), related({"_attachments": document}, *bodies))
                self.assertRegex(self.check(answer, 400).json()["reason"],
                                 "^Invalid attachment data for [fg]$")

    def test_plain_json(self):
        """`follows` says nothing where nothing follows."""
        self.check(self.c.put(f"{DB}/{self.fresh()}", {"_attachments": {"f": follows(b"1")}}), 400,
                   {"error": "bad_request", "reason": "Invalid attachment data for f"})


class Read(Base):
    def create(self, **attachments):
        name = self.fresh()
        answer = self.c.put(f"{DB}/{name}", {"n": 1, "_attachments": {
            key: {"content_type": "text/plain", "data": base64.b64encode(value).decode()}
            for key, value in attachments.items()}})
        return name, self.check(answer, 201).json()["rev"]

    def get(self, path, accept):
        return self.check(self.c.get(f"{DB}/{path}", {"Accept": accept}), 200)

    def test_related(self):
        big = os.urandom(300000)
        name, rev = self.create(b=big, a=b"\r\n--\0")
        answer = self.get(f"{name}?attachments=true", "multipart/related, application/json;q=0.5")
        self.assertRegex(answer.header("content-type"), '^multipart/related; boundary="')
        self.assertEqual(answer.header("etag"), f'"{rev}"')
        document, *bodies = parts(answer)
        self.assertEqual(document["content-type"], "application/json")
        stubs = json.loads(document.get_content())["_attachments"]
        self.assertEqual([part.get_filename() for part in bodies], list(stubs))
        for part in bodies:
            stub, data = stubs[part.get_filename()], {"a": b"\r\n--\0", "b": big}[part.get_filename()]
            self.assertEqual((stub["follows"], stub["length"]), (True, len(data)))
            self.assertNotIn("stub", stub)
            self.assertEqual(part["content-length"], str(len(data)))
            self.assertEqual(part["content-type"], "text/plain")
            self.assertEqual(part.get_payload(decode=True), data)

    def test_json_otherwise(self):
        """Nobody gets parts who does not name them, or asks for no data."""
        name, _ = self.create(a=b"1")
        for query, accept in (("?attachments=true", "*/*"), ("?attachments=true", "application/json"),
                              ("", "multipart/related"), ("?open_revs=all", "*/*"),
                              ("?attachments=true", "multipart/mixed")):
            with self.subTest(query=query, accept=accept):
                self.assertEqual(self.get(name + query, accept).header("content-type"),
                                 "application/json")
        bare, _ = self.create()
        self.assertEqual(self.get(f"{bare}?attachments=true", "multipart/related").json()["n"], 1)

    def test_there_and_back(self):
        """What was read can be written as it is."""
        name, rev = self.create(a=b"1", b=b"")
        answer = self.get(f"{name}?attachments=true&revs=true", "multipart/related")
        copy = self.fresh()
        body = answer.body.replace(name.encode(), copy.encode())
        self.check(self.c.request("PUT", f"{DB}/{copy}?new_edits=false", body,
                                  {"Content-Type": answer.header("content-type")}), 201)
        self.assertEqual(self.c.get(f"{DB}/{copy}").json()["_rev"], rev)
        self.assertEqual(self.data(copy), self.data(name))

    def test_since(self):
        """Only what is newer comes with its bytes."""
        name, first = self.create(old=b"old")
        self.check(self.c.request("PUT", f"{DB}/{name}/new?rev={first}", b"new",
                                  {"Content-Type": "text/plain"}), 201)
        answer = self.get(f'{name}?atts_since=%5B%22{first}%22%5D', "multipart/related")
        document, *bodies = parts(answer)
        self.assertEqual([part.get_filename() for part in bodies], ["new"])
        stubs = json.loads(document.get_content())["_attachments"]
        self.assertEqual((stubs["old"].get("stub"), stubs["new"].get("follows")), (True, True))

    def test_mixed(self):
        name, rev = self.create(a=b"1")
        self.check(self.c.post(f"{DB}/_bulk_docs", {"new_edits": False, "docs": [
            {"_id": name, "_rev": "1-0", "other": True}]}), 201)
        for query in ("all", f"%5B%22{rev}%22,%221-0%22,%227-no%22%5D"):
            with self.subTest(query):
                answer = self.get(f"{name}?open_revs={query}&revs=true", "multipart/mixed")
                self.assertRegex(answer.header("content-type"), '^multipart/mixed; boundary="')
                found = parts(answer)
                document, data = list(found[0].iter_parts())
                self.assertEqual(json.loads(document.get_content())["_revisions"]["start"], 1)
                self.assertEqual(data.get_payload(decode=True), b"1")
                self.assertEqual(found[1]["content-type"], "application/json")
                self.assertEqual(json.loads(found[1].get_content())["_rev"], "1-0")
                if query != "all":
                    self.assertEqual(found[2]["content-type"], 'application/json; error="true"')
                    self.assertEqual(json.loads(found[2].get_content()), {"missing": "7-no"})
        self.assertEqual(self.c.get(f"{DB}/never?open_revs=all", {"Accept": "multipart/mixed"}).status,
                         404)

    def test_names_that_need_quotes(self):
        name = self.fresh()
        odd = 'a "b"\\c\r\nX-Evil: 1'
        self.check(self.c.put(f"{DB}/{name}", {"_attachments": {
            odd: {"content_type": "text/plain\r\nX-Evil: 2", "data": ""}}}), 201)
        answer = self.get(f"{name}?attachments=true", "multipart/related")
        self.assertNotIn(b"\r\nX-Evil", answer.body)
        self.assertEqual(len(parts(answer)), 2)


if __name__ == "__main__":
    main()
