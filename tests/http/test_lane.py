# SPDX-License-Identifier: MIT
"""Two ways lead a request to its handler, our own for plain ones and libsoup's (gateway/http/lane.h).
Nobody may be able to tell which one it went, however the bytes arrive."""

import json
import random
import re
import signal
import socket
import time

from harness import (JSON_TYPE, PASSWORD, Server, ServerCase, basic, main, read_all,
                     replies_settings)

LOGIN = "Authorization: " + basic("admin", PASSWORD)
AS_JSON = "Content-Type: application/json"


def setUpModule():
    ServerCase.begin()
    ServerCase.server.client().settings(replies_settings())


def tearDownModule():
    ServerCase.end()


def request(method, path, body=None, *lines):
    if body is not None:
        body = body if isinstance(body, bytes) else body.encode()
        lines = (*lines, f"Content-Length: {len(body)}")
    return ("\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *lines]) +
            "\r\n\r\n").encode() + (body or b"")


def split(data):
    """Answers with a Content-Length, one after the other: (status, head, body)."""
    answers = []
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        n = int(length.group(1)) if length else 0
        answers.append((int(head.split(b" ", 2)[1]), head.decode(), rest[:n]))
        data = rest[n:]
    return answers


class LaneCase(ServerCase):
    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.server.port), timeout=30)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.addCleanup(s.close)
        return s

    def exchange(self, *pieces, pause=0.0, count=None):
        """Sends the pieces with pauses and reads @count answers, or all until the end."""
        s = self.connect()
        for piece in pieces:
            s.sendall(piece)
            time.sleep(pause)
        if count is None:
            s.shutdown(socket.SHUT_WR)
            return split(read_all(s))
        data = b""
        while len(split(data)) < count or not self.is_whole(data):
            part = s.recv(65536)
            if not part:
                break
            data += part
        return split(data)

    @staticmethod
    def is_whole(data):
        answers = split(data)
        length = re.search(r"(?i)\r\ncontent-length: *(\d+)", answers[-1][1])
        return b"\r\n\r\n" in data and len(answers[-1][2]) == int(length.group(1) if length else 0)

    def poll(self, *messages):
        return request("POST", "/api/sms", json.dumps({"messages": messages}), LOGIN, AS_JSON)


class Same(LaneCase):
    """What is answered is the same: status, fields and body."""

    BIG = json.dumps({"messages": [], "updates": [], "padding": "x" * 20000})
    REQUESTS = {
        "ping": ("GET", "/api/sms", None, LOGIN),
        "ping with a slash": ("GET", "/api/sms/", None, LOGIN),
        "doubled slashes": ("GET", "//api//sms", None, LOGIN),
        "poll": ("POST", "/api/sms", "{}", LOGIN, AS_JSON),
        "poll, gzip": ("POST", "/api/sms", "{}", LOGIN, AS_JSON, "Accept-Encoding: gzip"),
        "poll with a charset": ("POST", "/api/sms", "{}", LOGIN, AS_JSON + "; charset=utf-8"),
        "empty body": ("POST", "/api/sms", "", LOGIN, AS_JSON),
        "no type": ("POST", "/api/sms", "{}", LOGIN),
        "wrong type": ("POST", "/api/sms", "{}", LOGIN, "Content-Type: text/plain"),
        "bad JSON": ("POST", "/api/sms", "{", LOGIN, AS_JSON, "Accept: application/json"),
        "bad JSON of the app": ("POST", "/api/sms", "{", LOGIN, AS_JSON, "Accept: application/json",
                                "User-Agent: Dalvik/2.1.0 medic.gateway.alert/1.3"),
        "bad gzip": ("POST", "/api/sms", "{}", LOGIN, AS_JSON, "Content-Encoding: gzip"),
        "unknown coding": ("POST", "/api/sms", "{}", LOGIN, AS_JSON, "Content-Encoding: br"),
        "large": ("POST", "/api/sms", BIG, LOGIN, AS_JSON),
        "nobody": ("GET", "/api/sms", None),
        "nobody, JSON": ("GET", "/api/sms", None, "Accept: application/json"),
        "a browser": ("GET", "/api/sms", None, "User-Agent: Mozilla/5.0", "Accept: text/html"),
        "nobody, POST": ("POST", "/api/sms", "{}", AS_JSON),
        "wrong login": ("GET", "/api/sms", None, "Authorization: " + basic("admin", "wr0ng"),
                        "Accept: application/json"),
        "a record": ("POST", "/api/v1/records", "message=hi&from=%2B254712000777", LOGIN,
                     "Content-Type: application/x-www-form-urlencoded"),
        "a record without from": ("POST", "/api/v2/records", "message=hi", LOGIN,
                                  "Content-Type: application/x-www-form-urlencoded"),
        "a record in JSON": ("POST", "/api/v1/records", '{"_meta":{"form":"NOPE"}}', LOGIN, AS_JSON),
        "health": ("GET", "/healthz", None),
        "other routes": ("GET", "/api/v1/forms", None),
        "no route": ("GET", "/api/nope", None, LOGIN),
        "another method": ("POST", "/healthz", "{}"),
        "a document": ("GET", "/medic/settings", None, LOGIN),
        "no document": ("GET", "/medic/nope", None, LOGIN),
        "a document of the seed": ("GET", "/cdb/medic/settings", None, LOGIN),
        "a reserved id": ("GET", "/medic/_nope", None, LOGIN),
        "a document for nobody": ("GET", "/medic/settings", None),
        "a document, gzip": ("GET", "/medic/settings", None, LOGIN, "Accept-Encoding: gzip"),
        "a document with a condition": ("GET", "/medic/settings", None, LOGIN, 'If-None-Match: "x"'),
        "a write": ("PUT", "/medic/lane", '{"a":1}', LOGIN, AS_JSON),  # the first wins, both conflict
        "a write without type": ("PUT", "/medic/lane", '{"a":1}', LOGIN),
        "a write of no object": ("PUT", "/medic/lane", "[1]", LOGIN, AS_JSON),
        "a broken write": ("PUT", "/medic/lane", "{", LOGIN, AS_JSON),
        "an empty write": ("PUT", "/medic/lane", "", LOGIN, AS_JSON),
        "a large write": ("PUT", "/medic/lane", BIG, LOGIN, AS_JSON),
        "a write of the seed": ("PUT", "/cdb/medic/lane", '{"a":1}', LOGIN, AS_JSON),
        "a write of another type": ("PUT", "/medic/lane", "{}", LOGIN, "Content-Type: text/plain"),
        "a bulk": ("POST", "/medic/_bulk_docs", '{"docs":[{"_id":"lane"},{"_id":"_x"}]}', LOGIN, AS_JSON),
        "an empty bulk": ("POST", "/medic/_bulk_docs", "{}", LOGIN, AS_JSON),
        "a bulk of the seed": ("POST", "/cdb/medic/_bulk_docs", '{"docs":[]}', LOGIN, AS_JSON),
    }

    @staticmethod
    def essence(answer):
        status, head, body = answer
        fields = sorted(line.lower() for line in head.split("\r\n")[1:]
                        if not line.lower().startswith("date:"))
        body = re.sub(rb'"(id|rev|uptime_s)":"?[^",}]*', b"", body)
        return status, head.split("\r\n")[0], fields, body

    def test_answers(self):
        self.c.put("/medic/lane", {"before": True})
        for name, spec in self.REQUESTS.items():
            with self.subTest(name):
                ways = []
                for more in ((), ("TE: trailers",)):     # which leaves it to libsoup
                    [answer] = self.exchange(request(*spec, *more), count=1)
                    self.c.drain()
                    ways.append(self.essence(answer))
                self.assertEqual(ways[0], ways[1])

    def test_date(self):
        [(_, head, _)] = self.exchange(request("GET", "/healthz"), count=1)
        self.assertRegex(head, r"\r\nDate: (Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|"
                               r"Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT(\r\n|$)")


class Bytes(LaneCase):
    """How the bytes are cut changes nothing."""

    def mix(self, n, seed):
        """@n requests of both ways, and the answers' statuses and bodies."""
        rng, sent, expected = random.Random(seed), [], []
        for i in range(n):
            kind = rng.randrange(7)
            if kind == 0:
                sent.append(request("GET", "/api/sms", None, LOGIN))
                expected.append((200, b'{"medic-gateway":true}'))
            elif kind == 1:
                sent.append(request("GET", "/medic/nope", None, LOGIN))
                expected.append((404, b'{"error":"not_found","reason":"missing"}\n'))
            elif kind == 2:
                sent.append(self.poll())
                expected.append((200, b'{"messages":[]}'))
            elif kind == 3:
                sent.append(request("POST", "/api/sms", "[}", LOGIN, AS_JSON))
                expected.append((500, b"Server error"))
            elif kind == 4:     # chunked: libsoup's, and from then on the whole connection
                sent.append(request("POST", "/api/sms", None, LOGIN, AS_JSON,
                                    "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n"
                            if i > n * 3 // 4 else self.poll())
                expected.append((200, b'{"messages":[]}'))
            elif kind == 5:
                sent.append(request("POST", "/api/nope", "x" * rng.randrange(3000), LOGIN))
                expected.append((404, b"Not Found"))
            else:
                sent.append(request("GET", "/api/sms", None, LOGIN, "TE: trailers")
                            if i > n // 2 else request("GET", "/api/sms/", None, LOGIN))
                expected.append((200, b'{"medic-gateway":true}'))
        return b"".join(sent), expected

    def setUp(self):
        super().setUp()
        self.c.drain()

    def verify(self, answers, expected):
        self.assertEqual([(status, body) for status, _, body in answers], expected)

    def test_one_piece(self):
        for seed in range(6):
            data, expected = self.mix(40, seed)
            self.verify(self.exchange(data, count=len(expected)), expected)

    def test_cut_anywhere(self):
        for seed in range(4):
            data, expected = self.mix(30, seed + 100)
            rng, pieces = random.Random(seed), []
            while data:
                n = rng.choice((1, 3, 17, 100, 400, 2000))
                pieces.append(data[:n])
                data = data[n:]
            self.verify(self.exchange(*pieces, pause=0.002, count=len(expected)), expected)

    def test_byte_by_byte(self):
        data = self.poll() + request("GET", "/api/sms", None, LOGIN)
        self.verify(self.exchange(*(data[i:i + 1] for i in range(len(data))), pause=0.0005, count=2),
                    [(200, b'{"messages":[]}'), (200, b'{"medic-gateway":true}')])

    def test_head_and_body_apart(self):
        """As many clients send them; all of it counts once."""
        message = self.incoming("in two pieces")
        data = self.poll(message)
        cut = data.index(b"\r\n\r\n") + 4
        for pieces in ((data[:cut], data[cut:]), (data[:cut], data[cut:cut + 5], data[cut + 5:])):
            self.assertEqual(self.exchange(*pieces, pause=0.1, count=1)[0][0], 200)
        self.c.record(message["id"])

    def test_larger_than_is_kept(self):
        messages = [self.incoming("x" * 700) for _ in range(60)]
        data = self.poll(*messages)
        self.assertGreater(len(data), 32768)
        answers = self.exchange(data[:9000], data[9000:] + request("GET", "/api/sms", None, LOGIN),
                                pause=0.1, count=2)
        self.assertEqual([a[0] for a in answers], [200, 200])
        for message in messages[::20]:
            self.c.record(message["id"])

    def test_half_a_body_is_nothing(self):
        for n in (1, 10, 200):
            message = self.incoming("never whole" + "." * 300)
            data = self.poll(message)
            for reset in (False, True):
                s = self.connect()
                s.sendall(data[:len(data) - n])
                time.sleep(0.05)
                if reset:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                s.close()
            time.sleep(0.1)
            self.assertNotIn(message["id"], self.c.by_reference())

    def test_sent_and_gone(self):
        """The client does not wait for the answer: what came whole is stored."""
        message = self.incoming("gone")
        s = self.connect()
        s.sendall(self.poll(message))
        s.shutdown(socket.SHUT_WR)
        self.assertEqual([a[0] for a in split(read_all(s))], [200])
        self.c.record(message["id"])

    def test_who_never_reads(self):
        """Thousands of requests before the first answer is read: none is lost, others are served."""
        s = self.connect()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one, n = request("GET", "/api/sms", None, LOGIN), 6000
        s.setblocking(False)
        sent, data = 0, one * n
        stalled = time.monotonic()
        while sent < len(data) and time.monotonic() - stalled < 1:
            try:
                sent += s.send(data[sent:sent + 65536])
                stalled = time.monotonic()
            except BlockingIOError:
                time.sleep(0.01)
        self.assertEqual(self.c.get("/api/sms").status, 200)
        s.setblocking(True)
        s.settimeout(30)
        received = b""
        while received.count(b"HTTP/1.1 200 OK\r\n") < n or not received.endswith(b"true}"):
            if sent < len(data):
                s.setblocking(False)
                try:
                    sent += s.send(data[sent:sent + 65536])
                except BlockingIOError:
                    pass
                s.setblocking(True)
                s.settimeout(30)
            part = s.recv(65536)
            self.assertTrue(part, "closed before the last answer")
            received += part
        self.assertEqual(received.count(b'{"medic-gateway":true}'), n)


class Stop(LaneCase):
    def test_sigterm(self):
        """What is under way when the server stops is answered, and its connection ends."""
        for _ in range(5):
            server = Server().start()
            self.addCleanup(server.finish)
            server.client().settings(replies_settings())
            sockets = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
            refs = []
            for i, s in enumerate(sockets):
                refs.append(self.reference("stop"))
                s.sendall(self.poll({"id": refs[-1], "from": "+254712000001", "content": "x"}))
            server.process.send_signal(signal.SIGTERM)
            answered = [split(read_all(s)) for s in sockets]
            for s in sockets:
                s.close()
            self.assertEqual(server.process.wait(30), 0)
            server.process = None
            server.start()
            stored = server.client().by_reference()
            for ref, answers in zip(refs, answered):
                self.assertLessEqual(len(answers), 1)
                if answers:
                    self.assertEqual(answers[0][0], 200)
                    self.assertIn(ref, stored)


if __name__ == "__main__":
    main()
