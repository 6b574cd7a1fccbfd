# SPDX-License-Identifier: MIT
"""The feed of changes: documents.md 8.4."""

import json
import re
import socket
import threading
import time
import unittest
import urllib.parse

from harness import ServerCase, main

NATIVE, SEED = "/medic", "/cdb/~"


def setUpModule():
    ServerCase.begin()


def tearDownModule():
    ServerCase.end()


class Stream:
    """One request whose answer is read as it comes."""

    def __init__(self, client, path, method="GET", body=""):
        self.socket = socket.create_connection(("127.0.0.1", client.port), timeout=20)
        length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        self.socket.sendall((f"{method} {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n"
                             f"Authorization: {client.authorization}\r\n{length}\r\n{body}").encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        for line in iter(self.file.readline, b"\r\n"):
            name, value = line.decode().split(":", 1)
            self.headers[name.lower()] = value.strip()

    def chunk(self):
        """The next piece; b"" at the end."""
        size = int(self.file.readline(), 16)
        data = self.file.read(size)
        self.file.readline()
        return data

    def rest(self):
        return b"".join(iter(self.chunk, b""))

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Base(ServerCase):
    def create(self, n=1, **members):
        docs = [{"_id": self.reference("c"), **members} for _ in range(n)]
        return [(r["id"], r["rev"]) for r in
                self.c.post(NATIVE + "/_bulk_docs", {"docs": docs}).json()]

    def seq(self):
        return self.c.get(NATIVE).json()["update_seq"]

    def changes(self, query="", body=None, mount=NATIVE):
        path = f"{mount}/_changes{query}"
        answer = self.c.get(path) if body is None else self.c.post(path, body)
        return self.check(answer, 200).json()

    def ids(self, *args, **kwargs):
        return [r["id"] for r in self.changes(*args, **kwargs)["results"]]


class Normal(Base):
    def test_layout(self):
        since = self.seq()
        (a, rev_a), (b, rev_b) = self.create(2)
        gone = self.c.request("DELETE", f"{NATIVE}/{b}?rev={rev_b}").json()["rev"]
        for mount in (NATIVE, SEED):
            answer = self.c.get(f"{mount}/_changes?since={since}")
            self.assertEqual(answer.text, (
                '{"results":[\n'
                f'{{"seq":{since + 1},"id":"{a}","changes":[{{"rev":"{rev_a}"}}]}},\n'
                f'{{"seq":{since + 3},"id":"{b}","changes":[{{"rev":"{gone}"}}],"deleted":true}}\n'
                f'],\n"last_seq":{since + 3},"pending":0}}\n'))

    def test_since(self):
        since = self.seq()
        (a, _), = self.create()
        for text in (str(since), f'"{since}"', f"{since}-abc", f"{since}-g1AAAA"):
            with self.subTest(text):
                self.assertEqual(self.ids("?since=" + urllib.parse.quote(text)), [a])
        self.assertEqual(self.ids("?since=now"), [])
        self.assertEqual(self.ids(f"?since={since + 1000}"), [])
        self.assertEqual(self.ids(f"?last-event-id={since}"), [a])
        answer = self.c.get(NATIVE + "/_changes", {"Last-Event-ID": str(since)})
        self.assertEqual([r["id"] for r in answer.json()["results"]], [a])
        self.assertEqual(self.changes("?since=now")["last_seq"], self.seq())
        self.assertIn(a, self.ids())
        for text in ("abc", "-5", ""):
            self.assertEqual(self.c.get(f"{NATIVE}/_changes?since={text}").status, 400)

    def test_once_at_its_latest(self):
        since = self.seq()
        (a, rev), (b, _) = self.create(2)
        self.c.put(f"{NATIVE}/{a}", {"_rev": rev, "n": 2})
        value = self.changes(f"?since={since}")
        self.assertEqual([r["id"] for r in value["results"]], [b, a])
        self.assertEqual([r["seq"] for r in value["results"]], [since + 2, since + 3])

    def test_limit(self):
        since = self.seq()
        names = [n for n, _ in self.create(5)]
        value = self.changes(f"?since={since}&limit=2")
        self.assertEqual([r["id"] for r in value["results"]], names[:2])
        self.assertEqual((value["last_seq"], value["pending"]), (since + 2, 3))
        value = self.changes(f"?since={since}&limit=0")
        self.assertEqual((value["results"], value["last_seq"], value["pending"]), ([], since, 5))
        self.assertEqual(self.ids("?descending=true&limit=2"), names[:2:-1])

    def test_style(self):
        since = self.seq()
        name = self.reference("c")
        self.c.post(NATIVE + "/_bulk_docs", {"new_edits": False, "docs": [
            {"_id": name, "_rev": "1-a"}, {"_id": name, "_rev": "1-c"},
            {"_id": name, "_rev": "1-d", "_deleted": True}]})
        row, = self.changes(f"?since={since}")["results"]
        self.assertEqual(row["changes"], [{"rev": "1-c"}])
        row, = self.changes(f"?since={since}&style=all_docs")["results"]
        self.assertEqual(row["changes"], [{"rev": "1-c"}, {"rev": "1-a"}, {"rev": "1-d"}])
        self.assertNotIn("deleted", row)
        row, = self.changes(f"?since={since}&include_docs=true&conflicts=true")["results"]
        self.assertEqual((row["doc"]["_rev"], row["doc"]["_conflicts"]), ("1-c", ["1-a"]))

    def test_include_docs(self):
        since = self.seq()
        (a, rev), = self.create(n=1, t="x")
        row, = self.changes(f"?since={since}&include_docs=true")["results"]
        self.assertEqual(row["doc"], {"_id": a, "_rev": rev, "t": "x"})
        rev = self.c.request("DELETE", f"{NATIVE}/{a}?rev={rev}").json()["rev"]
        row, = self.changes(f"?since={since}&include_docs=true")["results"]
        self.assertEqual(row["doc"], {"_id": a, "_rev": rev, "_deleted": True})

    def test_filters(self):
        since = self.seq()
        names = [n for n, _ in self.create(4)]
        wanted = [names[2], names[0], "never"]
        self.assertEqual(self.ids(f"?since={since}&filter=_doc_ids", {"doc_ids": wanted}),
                         [names[0], names[2]])
        query = "&doc_ids=" + urllib.parse.quote(json.dumps(wanted))
        self.assertEqual(self.ids(f"?since={since}&filter=_doc_ids{query}"), [names[0], names[2]])
        value = self.changes(f"?since={since}&filter=_doc_ids", {"doc_ids": []})
        self.assertEqual((value["results"], value["last_seq"]), ([], self.seq()))
        self.c.put(f"{NATIVE}/_design/{names[0]}", {})
        self.assertEqual(self.ids(f"?since={since}&filter=_design"), ["_design/" + names[0]])
        self.assertEqual(len(self.ids(f"?since={since}", {})), 5, "an empty body has no filter")
        for body in ({"doc_ids": 5}, {"doc_ids": [5]}, {}):
            answer = self.c.post(f"{NATIVE}/_changes?filter=_doc_ids", body)
            self.assertEqual((answer.status, answer.json()["error"]), (400, "bad_request"))
        answer = self.c.get(NATIVE + "/_changes?filter=app/mine")
        self.check(answer, 404, {"error": "not_found", "reason": "missing"})

    def test_selector(self):
        since = self.seq()
        names = [n for i in range(6) for n, _ in self.create(kind="even" if i % 2 == 0 else "odd", n=1, at=i)]
        query = f"?since={since}&filter=_selector"
        body = {"selector": {"kind": "even", "at": {"$gt": 0}}}
        value = self.changes(query, body)
        self.assertEqual([r["id"] for r in value["results"]], [names[2], names[4]])
        self.assertEqual((value["last_seq"], value["pending"]), (since + 6, 0))
        self.assertNotIn("doc", value["results"][0])
        value = self.changes(query + "&limit=1&include_docs=true", body)
        self.assertEqual([r["doc"]["at"] for r in value["results"]], [2])
        self.assertEqual(value["last_seq"], since + 3)
        self.assertEqual(self.ids(query + "&descending=true&limit=1", body), [names[4]])
        self.assertEqual(self.ids(query + "&limit=0", body), [])
        rev = self.c.get(f"{NATIVE}/{names[2]}").json()["_rev"]
        self.c.request("DELETE", f"{NATIVE}/{names[2]}?rev={rev}")
        self.assertEqual(self.ids(query, body), [names[4]])
        self.assertEqual(self.ids(query, {"selector": {"_deleted": True}}), [names[2]])
        self.assertEqual(self.ids(query, {"selector": {"_id": names[0]}}), [names[0]])
        for selector in (5, [], {"a": {"$where": 1}}):
            self.check(self.c.post(NATIVE + "/_changes" + query, {"selector": selector}), 400)

    def test_selector_over_much(self):
        """A filter that lets little through reads page after page."""
        since = self.seq()
        names = [n for n, _ in self.create(2500)]
        (last, _), = self.create(rare=True)
        value = self.changes(f"?since={since}&filter=_selector", {"selector": {"rare": True}})
        self.assertEqual(([r["id"] for r in value["results"]], value["last_seq"]), ([last], since + 2501))
        body = {"selector": {"_id": {"$in": [names[0], names[2400]]}}}
        self.assertEqual(self.ids(f"?since={since}&filter=_selector", body), [names[0], names[2400]])
        path = f"{NATIVE}/_changes?feed=longpoll&since={since}&filter=_selector"
        with Stream(self.c, path, "POST", json.dumps({"selector": {"rare": True}})) as stream:
            self.assertEqual([r["id"] for r in json.loads(stream.rest())["results"]], [last])

    def test_view(self):
        """Rows of the documents of which a view has rows, whatever they are."""
        since = self.seq()
        (person, rev), = self.create(type="person", phone="+25571")
        (silent, _), = self.create(type="person")
        (report, _), = self.create(type="data_record", form="F", reported_date=1)
        query = f"?since={since}&filter=_view&view="
        self.assertEqual(self.ids(query + "medic-client/contacts_by_phone"), [person])
        self.assertEqual(self.ids(query + "medic-client/contacts_by_type"), [person, silent])
        self.assertEqual(self.ids(query + "medic-client%2Freports_by_form"), [report])
        self.c.request("DELETE", f"{NATIVE}/{person}?rev={rev}")
        self.assertEqual(self.ids(query + "medic-client/contacts_by_type"), [silent])
        users = self.c.get("/_users/_changes?filter=_view&view=users/users_by_field")
        self.assertEqual(users.status, 200)
        self.check(self.c.get("/medic-sentinel/_changes?filter=_view&view=medic-client/contacts_by_type"), 404)

    def test_bad_queries(self):
        for query, status in (("feed=sometimes", 400), ("limit=x", 400), ("limit=-1", 400),
                              ("heartbeat=x", 400), ("timeout=x", 400), ("include_docs=2", 400),
                              ("filter=_view", 400), ("filter=_view&view=contacts_by_type", 400),
                              ("filter=_view&view=medic-client/never", 404),
                              ("filter=_view&view=never/contacts_by_type", 404),
                              ("filter=_selector", 400)):
            with self.subTest(query):
                self.assertEqual(self.c.get(f"{NATIVE}/_changes?{query}").status, status)
        self.assertEqual(self.c.get("/nope/_changes").status, 404)
        self.assertEqual(self.c.get("/nope/_changes?feed=longpoll").status, 404)

    def test_pages(self):
        """More than one page, in order and without a hole."""
        since = self.seq()
        names = [n for n, _ in self.create(1500, t="x" * 200)]
        for query in ("", "&include_docs=true", "&style=all_docs"):
            value = self.changes(f"?since={since}{query}")
            self.assertEqual([r["id"] for r in value["results"]], names)
            self.assertEqual([r["seq"] for r in value["results"]],
                             list(range(since + 1, since + 1501)))
            self.assertEqual((value["last_seq"], value["pending"]), (since + 1500, 0))
        value = self.changes(f"?since={since}&include_docs=true&limit=1200")
        self.assertEqual((len(value["results"]), value["pending"]), (1200, 300))
        back = self.changes(f"?descending=true&limit=1200")
        self.assertEqual([r["id"] for r in back["results"]], names[::-1][:1200])


class Waiting(Base):
    def later(self, seconds=0.3, **members):
        def write():
            time.sleep(seconds)
            self.made = self.create(**members)
        thread = threading.Thread(target=write)
        thread.start()
        self.addCleanup(thread.join)
        return thread

    def test_longpoll_waits(self):
        since = self.seq()
        with Stream(self.c, f"{NATIVE}/_changes?feed=longpoll&since={since}") as stream:
            self.assertEqual(stream.status, 200)
            self.assertNotIn("content-encoding", stream.headers)
            self.assertEqual(stream.chunk(), b'{"results":[\n', "sent at once")
            thread = self.later()
            value = json.loads(b'{"results":[\n' + stream.rest())
            thread.join()
            self.assertEqual([r["id"] for r in value["results"]], [self.made[0][0]])
            self.assertEqual(value["last_seq"], since + 1)

    def test_longpoll_with_rows(self):
        since = self.seq()
        names = [n for n, _ in self.create(3)]
        begun = time.monotonic()  # that of the default timeout would be a minute for each
        self.assertEqual(self.ids(f"?feed=longpoll&since={since}"), names)
        self.assertEqual(self.ids(f"?feed=longpoll&since={since}&limit=2"), names[:2])
        self.assertLess(time.monotonic() - begun, 60)

    def test_longpoll_timeout(self):
        since = self.seq()
        begun = time.monotonic()
        value = self.changes(f"?feed=longpoll&since={since}&timeout=700")
        self.assertEqual(value, {"results": [], "last_seq": since, "pending": 0})
        self.assertGreater(time.monotonic() - begun, 0.5)

    def test_heartbeat(self):
        since = self.seq()
        path = f"{NATIVE}/_changes?feed=longpoll&since={since}&heartbeat=10&timeout=100"
        begun = time.monotonic()  # before the server begins to count
        with Stream(self.c, path) as stream:
            stream.chunk()
            self.assertEqual([stream.chunk(), stream.chunk()], [b"\n", b"\n"])
            self.assertGreater(time.monotonic() - begun, 1.5, "a second at least")
            self.create()
            json.loads(b'{"results":[' + stream.rest())

    def test_filter_keeps_waiting(self):
        since = self.seq()
        wanted = self.reference("c")
        path = f"{NATIVE}/_changes?feed=longpoll&since={since}&filter=_doc_ids"
        with Stream(self.c, path, "POST", json.dumps({"doc_ids": [wanted]})) as stream:
            stream.chunk()
            self.create(3)
            time.sleep(0.3)
            self.c.put(f"{NATIVE}/{wanted}", {})
            value = json.loads(b'{"results":[' + stream.rest())
            self.assertEqual([r["id"] for r in value["results"]], [wanted])

    def test_since_now(self):
        with Stream(self.c, f"{NATIVE}/_changes?feed=longpoll&since=now") as stream:
            stream.chunk()
            (name, _), = self.create()
            value = json.loads(b'{"results":[' + stream.rest())
            self.assertEqual([r["id"] for r in value["results"]], [name])

    def test_sms_wakes(self):
        since = self.seq()
        with Stream(self.c, f"{NATIVE}/_changes?feed=longpoll&since={since}") as stream:
            stream.chunk()
            self.c.sms([self.incoming("hello")])
            value = json.loads(b'{"results":[' + stream.rest())
            self.assertEqual(len(value["results"]), 1)

    def test_continuous(self):
        since = self.seq()
        before = [n for n, _ in self.create(3)]
        path = f"{NATIVE}/_changes?feed=continuous&since={since}&limit=5"
        with Stream(self.c, path) as stream:
            data = stream.chunk()
            thread = self.later(0.2, n=2)
            data += stream.rest()
            thread.join()
            lines = [json.loads(line) for line in data.decode().splitlines() if line]
            self.assertEqual([l["id"] for l in lines[:-1]], before + [n for n, _ in self.made])
            self.assertEqual(lines[-1], {"last_seq": since + 5, "pending": 0})

    def test_events(self):
        """What EventSource of browsers reads (the event stream of the HTML standard)."""
        since = self.seq()
        before = [n for n, _ in self.create(2)]
        path = f"{NATIVE}/_changes?feed=eventsource&since={since}&heartbeat=1000&include_docs=true"
        with Stream(self.c, path) as stream:
            self.assertEqual(stream.headers["content-type"].split(";")[0], "text/event-stream")
            data = stream.chunk()
            thread = self.later(0.2)
            while b"event: heartbeat\ndata: \n\n" not in data or data.count(b"\nid: ") < 3:
                data += stream.chunk()
            thread.join()
        events = [event.split("\n") for event in data.decode().split("\n\n") if event]
        rows = [(json.loads(event[0][len("data: "):]), event[1]) for event in events
                if event[0].startswith("data: {")]
        self.assertEqual([row["id"] for row, _ in rows], before + [self.made[0][0]])
        self.assertEqual([line for _, line in rows], [f"id: {row['seq']}" for row, _ in rows])
        self.assertEqual(rows[0][0]["doc"]["_id"], before[0])
        with Stream(self.c, path + f"&limit=1") as stream:
            self.assertEqual(stream.rest().count(b"data: "), 1)
        again = self.c.get(f"{NATIVE}/_changes", {"Last-Event-ID": str(since + 1)}).json()
        self.assertEqual(again["results"][0]["id"], before[1])

    def test_continuous_limit(self):
        since = self.seq()
        names = [n for n, _ in self.create(3)]
        for feed in ("continuous", "live"):
            with Stream(self.c, f"{NATIVE}/_changes?feed={feed}&since={since}&limit=2") as stream:
                lines = [json.loads(l) for l in stream.rest().decode().splitlines() if l]
                self.assertEqual([l.get("id") for l in lines], names[:2] + [None])
                self.assertEqual(lines[-1]["pending"], 1)

    def test_continuous_catches_up_with_much(self):
        """The timeout is for waiting: what is there already is sent whole, however long that takes."""
        since = self.seq()
        names = [n for n, _ in self.create(2000, t="x" * 6000)]
        for feed in ("continuous", "eventsource"):
            path = f"{NATIVE}/_changes?feed={feed}&since={since}&include_docs=true&timeout=500"
            with Stream(self.c, path) as stream:
                time.sleep(1)  # more than the buffers between us take
                rows = re.findall(r"^(?:data: )?(\{.*)$", stream.rest().decode(), re.M)
                ids = [json.loads(row).get("id") for row in rows]
                self.assertEqual(ids, names + [None] * (feed == "continuous"), feed)

    def test_many_waiters(self):
        since = self.seq()
        streams = [Stream(self.c, f"{NATIVE}/_changes?feed=longpoll&since={since}")
                   for _ in range(100)]
        for stream in streams:
            stream.chunk()
        (name, _), = self.create()
        for stream in streams:
            value = json.loads(b'{"results":[' + stream.rest())
            self.assertEqual([r["id"] for r in value["results"]], [name])
            stream.close()

    def test_clients_that_go(self):
        for _ in range(30):
            with Stream(self.c, f"{NATIVE}/_changes?feed=continuous&since=now") as stream:
                self.assertEqual(stream.status, 200)
        self.create(3)
        self.assertEqual(self.c.get(NATIVE).status, 200)

    def test_stop(self):
        """The server ends what waits when it stops."""
        with Stream(self.c, f"{NATIVE}/_changes?feed=longpoll&since=now") as stream:
            stream.chunk()
            self.server.restart()
            json.loads(b'{"results":[' + stream.rest())


class Cap(Base):
    def test_too_many(self):
        streams = []
        try:
            for _ in range(520):
                stream = Stream(self.c, f"{NATIVE}/_changes?feed=longpoll&since=now")
                streams.append(stream)
                if stream.status != 200:
                    break
            self.assertEqual(streams[-1].status, 503)
            self.assertLessEqual(len(streams), 501)
        finally:
            for stream in streams:
                stream.close()


if __name__ == "__main__":
    main()
