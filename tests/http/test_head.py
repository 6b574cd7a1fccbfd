# SPDX-License-Identifier: MIT
"""A head that is too long is answered, 431 for its fields and 414 for its request line, in the words of its route
(messaging.md 1.2, documents.md 2.1), whatever the connection served before and however the bytes come."""

import json
import os
import re
import shutil
import socket
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import JSON_TYPE, PASSWORD, Server, ServerCase, basic, certificate, main, read_all  # noqa: E402
from test_tls import trusting  # noqa: E402

LIMIT = 63 * 1024       # README
LOGIN = "Authorization: " + basic("admin", PASSWORD)
LONG = "X-Long: " + "a" * 70000
FIELDS, LINE = "Request Header Fields Too Large", "URI Too Long"


def setUpModule():
    """A server in the clear and one with TLS."""
    global folder, files, tls
    folder = tempfile.mkdtemp(prefix="barua-head-")
    files = certificate(folder)
    tls = trusting(files[0])
    ServerCase.begin()
    Secure.begin(args=Secure.options())


def tearDownModule():
    try:
        ServerCase.end()
    finally:
        Secure.end()
        shutil.rmtree(folder)


def request(method, path, *lines, body=b""):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines]).encode() + b"\r\n\r\n" + body


POLL = request("POST", "/api/sms", LOGIN, "Content-Type: application/json", "Content-Length: 2", body=b"{}")
CHUNKED = request("POST", "/api/sms", LOGIN, "Content-Type: application/json", "Transfer-Encoding: chunked",
                  body=b"1;x=y\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
ODD = request("GET", "/api/sms", LOGIN, "X: \u00e4", "Accept: a", "Accept: b")
ASKED = request("GET", "/medic/_all_docs?limit=0", LOGIN)


def split(data):
    """Answers with a Content-Length, one after the other: (status, head, body)."""
    answers = []
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        n = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head).group(1))
        answers.append((int(head.split(b" ", 2)[1]), head.decode(), rest[:n].decode()))
        data = rest[n:]
    return answers


class Heads(ServerCase):
    """In the clear."""

    @staticmethod
    def options():
        return []

    def connect(self, server=None):
        s = socket.create_connection(("127.0.0.1", (server or self.server).port), timeout=30)
        self.addCleanup(s.close)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def exchange(self, *pieces):
        """All answers to what is sent piece by piece; the server ends the connection."""
        s = self.connect()
        for piece in pieces:
            s.sendall(piece)
        data = read_all(s)
        self.assertEqual(s.recv(1), b"", "the end, not silence")
        return split(data)

    def refused(self, answers, status, text=None):
        """The last answer is that, or one of these, and says that the connection ends."""
        self.assertIn(answers[-1][0], status if isinstance(status, tuple) else (status,), answers)
        self.assertRegex(answers[-1][1], r"(?i)\r\nconnection: close(\r\n|$)")
        if text is not None:
            self.assertEqual(answers[-1][2], text)
        return answers[:-1]

    def test_fields(self):
        as_json = json.dumps({"code": 431, "error": FIELDS}, separators=(",", ":"))
        native = '{"error":"bad_request","reason":"The request header is too large"}\n'
        seed = '{"status":431,"error":"bad_request","reason":"The request header is too large"}\n'
        for path, accept, kind, text in (
                ("/api/sms", None, "text/plain", FIELDS),
                ("/api/sms", "*/*", "text/plain", FIELDS),
                ("/api/sms", JSON_TYPE, "application/json; charset=utf-8", as_json),
                ("/api/nothing", JSON_TYPE, "application/json; charset=utf-8", as_json),
                ("/api/v2/export/reports?x=y", JSON_TYPE, "application/json; charset=utf-8", as_json),
                ("/medic/_all_docs", None, JSON_TYPE, native),
                ("/medic/a%20b?rev=1", "text/plain", JSON_TYPE, native),
                ("/cdb/medic/_all_docs", None, JSON_TYPE, seed)):
            with self.subTest(path=path, accept=accept):
                lines = [f"Accept: {accept}"] if accept else []
                for more in ([LONG], ["X: y"] * 12000, ["X: y"] * 12000 + [LONG]):
                    answers = self.exchange(request("GET", path, *lines, *more))
                    self.assertEqual(self.refused(answers, 431, text), [])
                    head = answers[0][1]
                    self.assertTrue(head.startswith(f"HTTP/1.1 431 {FIELDS}\r\n"), head)
                    self.assertIn(f"Content-Type: {kind}\r\n", head)
                    self.assertIn("X-Content-Type-Options: nosniff\r\n", head)

    def test_request_line(self):
        """What comes behind it is not looked for."""
        long = "a" * 70000
        for path, text in (("/api/sms?" + long, LINE), ("/api/" + long, LINE),
                           ("/medic/_all_docs?" + long,
                            '{"error":"bad_request","reason":"The request target is too long"}\n')):
            with self.subTest(path[:20]):
                self.assertEqual(self.refused(self.exchange(request("GET", path)), 414, text), [])
        self.refused(self.exchange(b"a" * 70000), 414)
        self.refused(self.exchange(b"GET http://localhost/" + b"a" * 70000), 414)
        self.refused(self.exchange(b"\r\n\r\nGET /" + b"a" * 70000), 414)

    def test_head(self):
        """An answer to HEAD has no body."""
        s = self.connect()
        s.sendall(request("HEAD", "/api/sms", LONG))
        answer = read_all(s)
        self.assertTrue(answer.startswith(b"HTTP/1.1 431 ") and answer.endswith(b"\r\n\r\n"), answer)

    def test_limit(self):
        """As many bytes are taken, with the empty line; one more is not."""
        for method, lines in (("GET", []), ("POST", ["Content-Type: application/json", "Transfer-Encoding: chunked"])):
            for more in (0, 1):
                with self.subTest(method=method, more=more):
                    empty = request(method, "/api/sms", LOGIN, "Connection: close", *lines, "X: ")
                    head = request(method, "/api/sms", LOGIN, "Connection: close", *lines,
                                   "X: " + "a" * (LIMIT + more - len(empty)))
                    self.assertEqual(len(head), LIMIT + more)
                    answers = self.exchange(head + (b"2\r\n{}\r\n0\r\n\r\n" if lines else b""))
                    self.assertEqual([a[0] for a in answers], [431 if more else 200])

    def test_small_pieces(self):
        data = request("GET", "/api/sms", f"Accept: {JSON_TYPE}", "Y: z", LONG)
        for size in (1, 7, 1000):
            with self.subTest(size=size):
                slow = 2000 if size == 1 else 65536     # the rest in larger ones
                pieces = [data[i:i + size] for i in range(0, slow, size)]
                sent = sum(len(p) for p in pieces)
                answers = self.exchange(*pieces, data[sent:])
                self.assertEqual(self.refused(answers, 431, '{"code":431,"error":"%s"}' % FIELDS), [])

    def test_small_pieces_of_good_ones(self):
        """A head in pieces is as good as in one, whoever reads it, and so is the next."""
        s = self.connect()
        data = b""
        for whole in (POLL, CHUNKED, ODD, request("GET", "/api/sms", LOGIN, "X: " + "b" * 9000), CHUNKED, POLL,
                      request("GET", "/api/sms", LOGIN, "Connection: close")):
            size = 1 if len(whole) < 1000 else 499
            for i in range(0, len(whole), size):
                s.sendall(whole[i:i + size])
        data = read_all(s)
        self.assertEqual([a[0] for a in split(data)], [200] * 7)

    def test_after_other_requests(self):
        """Those that we read ourselves, and those after whose chunks libsoup takes bytes of the next along: then the
        rest may look like a long line."""
        too_long = request("GET", "/api/sms", LONG)
        for before in ([POLL], [ASKED], [CHUNKED], [ODD], [POLL, CHUNKED, POLL, ODD, ASKED, CHUNKED]):
            for end, status in ((too_long, 431), (request("GET", "/api/sms?" + LONG[10:]), 414)):
                with self.subTest(before=[b[:20] for b in before], status=status):
                    either = (431, 414) if before[-1] == CHUNKED else status
                    together = self.refused(self.exchange(b"".join(before) + end), either)
                    self.assertEqual([a[0] for a in together], [200] * len(before))
                    s = self.connect()
                    for one in before:
                        s.sendall(one)
                        data = b""
                        while not data or not self.is_whole(data):
                            data += s.recv(65536)
                        self.assertTrue(data.startswith(b"HTTP/1.1 200 "), data)
                    s.sendall(end)
                    self.refused(split(read_all(s)), status)

    @staticmethod
    def is_whole(data):
        head, end, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        return bool(end) and length is not None and len(body) >= int(length.group(1))

    def test_nothing_of_it_is_served(self):
        """Neither the request whose head is too long nor what follows it."""
        self.refused(self.exchange(request("PUT", "/medic/too-long", LOGIN, LONG, "Content-Length: 2", body=b"{}")
                                   + request("PUT", "/medic/after", LOGIN, "Content-Length: 2", body=b"{}")), 431)
        cut = request("PUT", "/medic/cut", LOGIN, "Content-Length: 0")[:-2]
        self.refused(self.exchange(CHUNKED + cut + LONG.encode() + b"\r\n\r\n"), 431)
        for name in ("too-long", "after", "cut"):
            self.assertEqual(self.c.get(f"/medic/{name}").status, 404)

    def test_who_goes_on_sending(self):
        """The answer can be read although the client has more to say; but nobody listens for ever."""
        for attempt in range(5):
            started = time.monotonic()
            s = self.connect()
            s.sendall(request("GET", "/api/sms", LONG)[:-4])
            try:
                for _ in range(30):
                    s.sendall(b"a" * 100000)
            except OSError:
                if attempt == 4 or time.monotonic() - started < 2:  # what it listens for
                    raise
                continue
            self.refused(split(read_all(s)), 431)
            break

        s = self.connect()
        s.settimeout(20)
        with self.assertRaises(OSError):
            for _ in range(5000):
                s.sendall(b"a" * 100000)

    def test_who_does_not_close(self):
        """Nobody keeps a connection for having been refused."""
        sockets = [self.connect() for _ in range(20)]
        for s in sockets:
            s.sendall(request("GET", "/api/sms", LONG))
        for s in sockets:
            self.refused(split(read_all(s)), 431)
        self.settle()

    def open_connections(self):
        text = self.c.get("/metrics").text
        return int(re.search(r"(?m)^barua_http_connections (\d+)$", text).group(1))

    def settle(self):
        """Waits until only the connection that asks is open."""
        deadline = time.monotonic() + 30
        while self.open_connections() > 1:
            self.assertLess(time.monotonic(), deadline, "connections stay open")
            time.sleep(0.1)

    def test_no_time_for_a_head_without_an_end(self):
        """The time of a head begins with its first byte, not with each; on new connections and on those kept."""
        path = os.path.join(folder, "barua.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write("[http]\nrequest-timeout = 5\nidle-timeout = 600\n")
        server = Server(args=["--config", path, *self.options()]).start()
        self.addCleanup(server.finish)
        slow = []
        for before in (b"", POLL, CHUNKED):
            slow.append(self.connect(server))
            if before:
                slow[-1].sendall(before)
                data = b""
                while not data or not self.is_whole(data):
                    data += slow[-1].recv(65536)
            slow[-1].sendall(request("GET", "/api/sms")[:-2])
        deadline = time.monotonic() + 60
        while slow:
            self.assertLess(time.monotonic(), deadline, f"{len(slow)} still send")
            for s in list(slow):
                try:
                    s.sendall(b"X: y\r\n")
                except OSError:
                    slow.remove(s)
            time.sleep(0.2)

    def test_it_is_counted_and_logged(self):
        def count():
            text = self.c.get("/metrics").text
            found = re.search(r'(?m)^barua_http_requests_total\{route="/api/sms",method="GET",status="431"\} (\d+)$', text)
            return int(found.group(1)) if found else 0
        before = count()
        self.refused(self.exchange(request("GET", "/api/sms?secret", LONG)), 431)
        self.assertEqual(count(), before + 1)
        self.assertRegex(self.server.log(), r"GET /api/sms 431 \d+ bytes")
        self.assertNotIn("secret", self.server.log())


class Secure(Heads):
    """The same over TLS."""

    server = None

    @staticmethod
    def options():
        return ["--tls-certificate", files[0], "--tls-key", files[1]]

    @staticmethod
    def begin(**kwargs):
        kept = ServerCase.server
        ServerCase.begin(**kwargs)
        Secure.server, ServerCase.server = ServerCase.server, kept
        Secure.server.tls = tls

    @staticmethod
    def end():
        Secure.server.finish()

    def connect(self, server=None):
        s = tls.wrap_socket(super().connect(server), server_hostname="localhost")
        self.addCleanup(s.close)
        return s


if __name__ == "__main__":
    main()
