# SPDX-License-Identifier: MIT
"""POST /api/v1/bulk-delete: contacts.md 8."""

import json
import socket
import sqlite3
import struct
import time
import unittest

import contacts
from contacts import OFFLINE, SECRET, ContactsCase, begin, put
from harness import JSON_TYPE, PASSWORD, Server, ServerCase, basic, main, raw_exchange, read_all

PATH = "/api/v1/bulk-delete"


def setUpModule():
    begin()


def tearDownModule():
    contacts.end()


def request(ids, user="admin", password=PASSWORD, more=""):
    body = json.dumps({"docs": [{"_id": i} for i in ids]})
    return (f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Accept: application/json\r\nAuthorization: {basic(user, password)}\r\n{more}"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}").encode()


def chunks(data):
    """The chunks of a body; the last element says whether it has its end."""
    found = []
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return found, data == b"\r\n"
        if len(data) < length + 2:
            return found, False
        found.append(data[:length].decode())
        assert data[length:length + 2] == b"\r\n", data[length:length + 20]
        data = data[length + 2:]
    return found, False


class Base(ContactsCase):
    def make(self, n, kind="data_record", stem="b", **more):
        """So many documents; their ids."""
        ids = [self.reference(stem) for _ in range(n)]
        answer = self.c.post("/medic/_bulk_docs", {"docs": [
            {"_id": i, "type": kind, "name": i, **more} for i in ids]})
        self.assertEqual(answer.status, 201, answer)
        return ids

    def delete(self, *ids, client=None):
        answer = (client or self.c).post(PATH, {"docs": [{"_id": i} for i in ids]})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.header("content-type"), "application/json; charset=utf-8")
        return answer.json()

    def gone(self, doc_id):
        answer = self.c.get("/medic/" + doc_id)
        self.assertEqual((answer.status, answer.json()["reason"]), (404, "deleted"))


class Framing(Base):
    def exchange(self, ids, **kwargs):
        answer = raw_exchange(self.server.port, request(ids, **kwargs))
        head, _, body = answer.partition(b"\r\n\r\n")
        return head.decode().lower(), body

    def test_head(self):
        head, body = self.exchange([])
        self.assertTrue(head.startswith("http/1.1 200 "))
        self.assertIn("\r\ncontent-type: application/json; charset=utf-8", head)
        self.assertIn("\r\nx-content-type-options: nosniff", head)
        self.assertIn("\r\ntransfer-encoding: chunked", head)
        self.assertEqual(chunks(body), (["[", "]"], True))

    def test_chunks(self):
        """The example: 150 ids, one of them unknown."""
        ids = self.make(150)
        ids[6] = "unknown"
        found, is_whole = chunks(self.exchange(ids)[1])
        self.assertTrue(is_whole)
        self.assertEqual(len(found), 4)
        self.assertEqual((found[0], found[3]), ("[", "]"))
        self.assertEqual(found[1][-2:], "],")
        first, second = json.loads(found[1][:-1]), json.loads(found[2])
        self.assertEqual(([e["id"] for e in first], [e["id"] for e in second]),
                         ([i for i in ids[:100] if i != "unknown"], ids[100:]))
        for part in found:
            self.assertNotRegex(part, r"\s")
        for entry in first + second:
            self.assertEqual(list(entry), ["ok", "id", "rev"])
            self.assertRegex(entry["rev"], r"^2-[0-9a-f]{32}$")

    def test_one_full_batch(self):
        found, _ = chunks(self.exchange(self.make(100))[1])
        self.assertEqual([len(json.loads(p)) for p in found[1:-1]], [100])
        self.assertEqual(len(found), 3)

    def test_nothing_exists(self):
        self.assertEqual(chunks(self.exchange(["n1", "n2"])[1]), (["[", "[]", "]"], True))

    def test_never_compressed(self):
        head, body = self.exchange(self.make(50), more="Accept-Encoding: gzip\r\n")
        self.assertNotIn("content-encoding", head)
        self.assertEqual(len(chunks(body)[0]), 3)


class Entries(Base):
    def test_deleted(self):
        first, second = self.make(2)
        rev = put(self.c, {"_id": second, "_rev": self.c.get("/medic/" + second).json()["_rev"],
                           "type": "data_record"})
        self.assertTrue(rev.startswith("2-"))
        batches = self.delete(first, second)
        self.assertEqual(len(batches), 1)
        self.assertEqual([e["id"] for e in batches[0]], [first, second])
        self.assertEqual([e["rev"][:2] for e in batches[0]], ["2-", "3-"])
        self.gone(first)
        tombstone = self.c.get(f"/medic/{first}?rev={batches[0][0]['rev']}").json()
        self.assertIs(tombstone["_deleted"], True)

    def test_unknown_and_already_deleted(self):
        first, = self.make(1)
        self.delete(first)
        self.assertEqual(self.delete(first, "unknown", "", "x" * 600), [[]])
        self.assertEqual(self.delete(), [])

    def test_contact_of_its_place(self):
        """The place follows after all deletions of the batch."""
        place, other, person, rest = (self.reference("p") for _ in range(4))
        put(self.c, {"_id": place, "type": "clinic", "name": "C", "x": 1,
                     "contact": {"_id": person, "parent": {"_id": place}}})
        put(self.c, {"_id": person, "type": "person", "name": "A", "parent": {"_id": place}})
        put(self.c, {"_id": rest, "type": "person", "name": "B", "parent": {"_id": place}})
        put(self.c, {"_id": other, "type": "clinic", "name": "C", "contact": {"_id": person}})
        entries, = self.delete(person, rest)
        self.assertEqual([e["id"] for e in entries], [person, rest, place])
        doc = self.doc(place)
        self.assertEqual(doc, {"_id": place, "type": "clinic", "name": "C", "x": 1, "contact": None})
        self.assertEqual(self.c.get("/medic/" + place).json()["_rev"], entries[2]["rev"])
        self.assertEqual(self.doc(other)["contact"], {"_id": person})

    def test_place_in_the_same_batch(self):
        place, person = self.reference("p"), self.reference("p")
        put(self.c, {"_id": place, "type": "clinic", "name": "C", "contact": {"_id": person}})
        put(self.c, {"_id": person, "type": "person", "name": "A", "parent": {"_id": place}})
        for ids in ((person, place),):
            entries, = self.delete(*ids)
            self.assertEqual([e["id"] for e in entries], list(ids))
            self.gone(place)

    def test_place_in_a_later_batch(self):
        place, person = self.reference("p"), self.reference("p")
        put(self.c, {"_id": place, "type": "clinic", "name": "C", "contact": {"_id": person}})
        put(self.c, {"_id": person, "type": "person", "name": "A", "parent": {"_id": place}})
        first, second = self.delete(person, *self.make(99), place)
        self.assertEqual((first[-1]["id"], first[-1]["rev"][:2]), (place, "2-"))
        self.assertEqual((second[0]["id"], second[0]["rev"][:2]), (place, "3-"))

    def test_nothing_cascades(self):
        place, person = self.reference("p"), self.reference("p")
        put(self.c, {"_id": place, "type": "clinic", "name": "C"})
        put(self.c, {"_id": person, "type": "person", "name": "A", "parent": {"_id": place}})
        self.delete(place)
        self.assertEqual(self.doc(person)["parent"], {"_id": place})

    def test_messages_of_deleted_records(self):
        """What waited in the queue goes with its record."""
        uuid = "0190a0a0-0000-7000-8000-000000000001"
        record = self.reference("r")
        put(self.c, {"_id": record, "type": "data_record", "reported_date": 1795280000000, "tasks": [
            {"state": "pending", "messages": [{"to": "+254712345678", "message": "x",
                                               "uuid": uuid}]}]})
        self.assertIn(uuid, [m["id"] for m in self.c.sms()])
        self.delete(record)
        self.assertEqual(self.c.sms(), [])


class Access(Base):
    def test_what_may_be_deleted(self):
        """Contacts, records and feedback; the rest needs an administrator."""
        c = self.as_user("updater")
        record, = self.make(1)
        person, = self.make(1, "person")
        custom, = self.make(1, "contact")
        office, = self.make(1, "national_office")
        feedback, = self.make(1, "feedback")
        form, = self.make(1, "form")
        entries, = self.delete(record, "settings", person, custom, office, feedback, form, client=c)
        self.assertEqual([e["id"] for e in entries if e.get("ok")],
                         [record, person, custom, office, feedback])
        self.assertEqual([e for e in entries if not e.get("ok")],
                         [{"id": "settings", "error": "forbidden"},
                          {"id": form, "error": "forbidden"}])
        self.assertEqual(self.c.get("/medic/settings").status, 200)
        entries, = self.delete(form)
        self.assertIs(entries[0]["ok"], True)

    def test_texts_of_a_language(self):
        """Settings are compiled again when an administrator deletes what they are made from."""
        put(self.c, {"_id": "messages-xx", "type": "translations", "code": "xx", "name": "X",
                     "generic": {"a": "b"}})
        entries, = self.delete("messages-xx")
        self.assertIs(entries[0]["ok"], True)
        self.assertEqual(self.c.get("/api/v1/settings").status, 200)

    def test_offline(self):
        for accept in (JSON_TYPE, "text/plain"):
            answer = self.as_user("chw").post(PATH, {"docs": []}, {"Accept": accept})
            self.check(answer, 403, OFFLINE)

    def test_strict(self):
        self.strict(PATH, '{"docs":[]}')


class Errors(Base):
    def test_rows(self):
        """The table of 8.3."""
        self.refused_rows(PATH, [
            ("{}", 400, "docs is required"), ("", 400, "docs is required"),
            ("[]", 400, "docs is required"),
            ('{"docs":null}', 400, "docs must be an array"),
            ('{"docs":{}}', 400, "docs must be an array"),
            ('{"docs":"a"}', 400, "docs must be an array"),
            ({"docs": [{"_id": "a"}, {"_id": "b"}, {"_id": "c"}, None]}, 400, "docs[3] has no _id"),
            ({"docs": [{}]}, 400, "docs[0] has no _id"),
            ({"docs": ["a"]}, 400, "docs[0] must be an object with an _id string"),
            ({"docs": [5]}, 400, "docs[0] must be an object with an _id string"),
            ({"docs": [["a"]]}, 400, "docs[0] must be an object with an _id string"),
            ({"docs": [{"_id": 5}]}, 400, "docs[0] must be an object with an _id string"),
            ({"docs": [{"_id": None}]}, 400, "docs[0] must be an object with an _id string"),
            ({"docs": [{"_id": i} for i in "abcabba"]}, 400,
             "Duplicate documents when deleting: a,b"),
        ])

    def test_failure_in_a_later_batch(self):
        """The connection ends without the last chunk, and never with `]`."""
        ids = self.make(250)
        file = sqlite3.connect(self.server.database, timeout=30)
        file.execute(f"CREATE TRIGGER boom BEFORE UPDATE ON doc WHEN NEW.id = '{ids[150]}' "
                     "BEGIN SELECT RAISE(ABORT, 'boom'); END")
        file.commit()
        try:
            answer = raw_exchange(self.server.port, request(ids))
        finally:
            file.execute("DROP TRIGGER boom")
            file.commit()
            file.close()
        found, is_whole = chunks(answer.partition(b"\r\n\r\n")[2])
        self.assertFalse(is_whole)
        self.assertEqual(found[0], "[")
        self.assertEqual([e["id"] for e in json.loads(found[1][:-1])], ids[:100])
        self.assertEqual(len(found), 2, "the batch that failed was told, or the end")
        for doc_id in ids[:100:25]:
            self.gone(doc_id)
        for doc_id in ids[100::10]:  # one batch is one transaction
            self.assertEqual(self.c.get("/medic/" + doc_id).status, 200)
        self.assertEqual([len(b) for b in self.delete(*ids)], [0, 100, 50])

    def test_large_bodies(self):
        """Read beside the main loop; the same answers."""
        ids = [f"none-{i:06}" for i in range(20000)]
        self.assertEqual(self.delete(*ids), [[]] * 200)
        answer = self.c.post(PATH, {"docs": [{"_id": i} for i in ids] + ["x"]})
        self.check(answer, 400, {"code": 400,
                                 "error": "docs[20000] must be an object with an _id string"})

    def test_server_stops(self):
        """The answer is cut, never ended as if it were whole; batches are whole."""
        server = Server().start()
        try:
            c = server.client()
            ids = [f"s-{i:05}" for i in range(5000)]
            for at in range(0, len(ids), 1000):
                c.post("/medic/_bulk_docs", {"docs": [
                    {"_id": i, "type": "data_record"} for i in ids[at:at + 1000]]})
            with socket.create_connection(("127.0.0.1", server.port), timeout=30) as s:
                s.sendall(request(ids))
                answer = s.recv(2000)
                self.assertEqual(server.stop(), 0, server.log())
                answer += read_all(s)
            found, is_whole = chunks(answer.partition(b"\r\n\r\n")[2])
            if is_whole:  # it was faster than we
                self.assertEqual((len(found), found[-1]), (52, "]"))
            else:
                self.assertNotEqual(found[-1], "]")
            server.start()
            left = server.client().post("/medic/_all_docs", {"keys": ids}).json()["rows"]
            deleted = sum(1 for row in left if row["value"].get("deleted"))
            self.assertEqual(deleted % 100, 0)
            self.assertGreaterEqual(deleted, 100 * (len(found) - 2))
        finally:
            server.finish()

    def test_client_goes(self):
        """Whole batches only, whatever happens to the client."""
        ids = self.make(2000)
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as s:
            s.sendall(request(ids))
            s.recv(200)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        time.sleep(0.5)
        left = self.c.post("/medic/_all_docs", {"keys": ids}).json()["rows"]
        deleted = sum(1 for row in left if row["value"].get("deleted"))
        self.assertEqual(deleted % 100, 0)
        self.assertEqual(self.c.get("/medic").status, 200)


if __name__ == "__main__":
    main()
