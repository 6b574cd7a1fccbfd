# SPDX-License-Identifier: MIT
"""Bad input never crashes, never hangs, never eats the memory, and never disturbs the others."""

import gzip
import json
import socket
import threading
import time
import unittest
import zlib

from harness import (JSON_TYPE, PASSWORD, ServerCase, basic, is_sanitized, main, raw_exchange,
                     read_all, read_answer, replies_settings)

MIB = 1 << 20
SLOW = 5 if is_sanitized() else 1           # how much slower the program may be
idle_sockets = []
idle_since = 0.0
peak_before = 0


def setUpModule():
    global idle_since, peak_before
    ServerCase.begin()
    c = ServerCase.server.client()
    c.settings(replies_settings())
    c.sms([{"id": "first", "from": "+254712000001", "content": "hello"}])
    peak_before = ServerCase.server.memory_kib("VmHWM")
    for start in (b"", b"GET /api/s", b"POST /api/sms HTTP/1.1\r\nHost: x\r\nContent-Le",
                  request_head("/api/sms", "Content-Length: 100") + b'{"messages":['):
        s = socket.create_connection(("127.0.0.1", ServerCase.server.port))
        s.sendall(start)
        idle_sockets.append(s)
    idle_since = time.monotonic()


def tearDownModule():
    for s in idle_sockets:
        s.close()
    ServerCase.end()


def request_head(path, *lines, auth=True, method="POST", kind=JSON_TYPE):
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Type: {kind}",
             f"Accept: {JSON_TYPE}", *lines]
    if auth:
        lines.append("Authorization: " + basic("admin", PASSWORD))
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Base(ServerCase):
    def setUp(self):
        super().setUp()
        self.memory = self.server.memory_kib()

    def tearDown(self):
        """Whatever came, the next one is served, and promptly."""
        started = time.monotonic()
        self.assertEqual(self.c.get("/api/sms").status, 200)
        self.assertLess(time.monotonic() - started, 2 * SLOW)

    def push(self, head, chunk, count, chunked=False):
        """Sends @chunk @count times or until the server has had enough: status, MiB it took, and
        whether it left the sender hanging, neither reading nor closing.  The system's buffers
        alone take nearly 40 MiB that the server need not have read."""
        framed = b"%x\r\n%s\r\n" % (len(chunk), chunk) if chunked else chunk
        taken, hanging = 0, False
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=12) as s:
            try:
                s.sendall(head)
                for _ in range(count):
                    s.sendall(framed)
                    taken += len(chunk)
                if chunked:
                    s.sendall(b"0\r\n\r\n")
            except socket.timeout:
                hanging = True
            except OSError:
                pass
            try:
                status = read_answer(s, 12)[0]
            except OSError:
                status = 0
        return status, taken / MIB, hanging


class Large(Base):
    def bounded(self, allowed_mib):
        if not is_sanitized():
            grown = (self.server.memory_kib("VmHWM") - peak_before) / 1024
            self.assertLess(grown, allowed_mib, f"the peak grew by {grown:.0f} MiB")

    def test_a_announced(self):
        for path in ("/api/sms", "/api/v1/records", "/api/v1/settings"):
            method = "PUT" if "settings" in path else "POST"
            with self.subTest(path):
                status, taken, hanging = self.push(
                    request_head(path, f"Content-Length: {100 * MIB}", method=method),
                    b" " * MIB, 100)
                self.assertFalse(hanging, "12 s neither read nor cut")
                self.assertIn(status, (413, 0))
                self.assertLess(taken, 60, "read far beyond the limit")
        head = request_head("/api/sms", f"Content-Length: {100 * MIB}")
        with socket.create_connection(("127.0.0.1", self.server.port)) as s:
            s.sendall(head)
            self.assertEqual(read_answer(s, 10)[0], 413, "refused from the header alone")
        self.bounded(64)

    def test_b_chunked(self):
        """The size shows only while it comes: cut at 32 MiB."""
        for path in ("/api/sms", "/api/v1/records"):
            with self.subTest(path):
                status, taken, hanging = self.push(
                    request_head(path, "Transfer-Encoding: chunked"), b" " * MIB, 100, chunked=True)
                self.assertFalse(hanging, "12 s neither read nor cut")
                self.assertIn(status, (413, 0))
                self.assertLess(taken, 60)
        self.bounded(160)

    def test_c_without_login(self):
        def one():
            results.append(self.push(request_head("/api/sms", "Transfer-Encoding: chunked",
                                                  auth=False), b" " * 65536, 1600, chunked=True))
        results = []
        before = self.server.memory_kib("VmHWM")
        threads = [threading.Thread(target=one) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(len(results), 8)
        self.assertFalse(any(hanging for _, _, hanging in results), "12 s neither read nor cut")
        for status, taken, _ in results:
            self.assertIn(status, (401, 0))
            self.assertLess(taken, 60)
        if not is_sanitized():
            self.assertLess(self.server.memory_kib("VmHWM") - before, 24 * 1024,
                            "read far beyond 1 MiB each")

    def test_d_bombs(self):
        def deflate(count, level=9):
            packer = zlib.compressobj(level, zlib.DEFLATED, 31)
            return b"".join([packer.compress(b" " * MIB) for _ in range(count)]
                            + [packer.flush()])
        bomb = deflate(300)
        self.assertLess(len(bomb), MIB)
        for path in ("/api/sms", "/api/v1/records"):
            for auth in (True, False):
                with self.subTest(path=path, auth=auth):
                    answer = self.c.request("POST", path, bomb, {
                        "Content-Type": JSON_TYPE, "Accept": JSON_TYPE,
                        "Content-Encoding": "gzip"}, auth=auth)
                    self.assertIn(answer.status, (413,) if auth else (401, 413), answer)
        twice = gzip.compress(bomb)
        self.assertEqual(self.c.request("POST", "/api/sms", twice, {
            "Content-Type": JSON_TYPE, "Content-Encoding": "gzip"}).status, 500)
        self.bounded(240)

    def test_e_biggest_allowed(self):
        message = self.incoming("x" * (20 * MIB))
        self.assertEqual(self.c.post("/api/sms", {"messages": [message]}).status, 200)
        message = self.incoming("after it")
        self.c.sms([message])

    def test_f_memory_comes_back(self):
        if is_sanitized():
            self.skipTest("no figure under sanitizers")
        time.sleep(1)
        grown = (self.server.memory_kib() - peak_before) / 1024
        self.assertLess(grown, 200, f"{grown:.0f} MiB more than at the start")


class Json(Base):
    def send(self, body, path="/api/sms", method="POST"):
        started = time.monotonic()
        answer = self.c.send_json(method, path, body)
        self.assertLess(time.monotonic() - started, 5 * SLOW, "not in linear time")
        return answer

    def test_brackets(self):
        million = 10 ** 6
        for body in (b"[" * million, b"[" * million + b"]" * million, b'{"a":' * million,
                     b'{"messages":[' + b"[" * million + b"]" * million + b"]}",
                     b'{"x":' + b"[{\"a\":" * 200000 + b"1" + b"}]" * 200000 + b"}"):
            with self.subTest(body[:20]):
                self.assertEqual(self.send(body).status, 500)
                self.assertEqual(self.send(body, "/api/v1/records").status, 500)
                self.assertEqual(self.send(body, "/api/v1/settings", "PUT").status, 400)

    def test_depth_that_is_allowed(self):
        body = b'{"x":' + b"[" * 190 + b"]" * 190 + b"}"
        self.assertEqual(self.send(body).status, 200)

    def test_many_members(self):
        body = "{" + ",".join(f'"k{i}":{i}' for i in range(200000)) + "}"
        self.assertEqual(self.send(body).status, 200)
        same = "{" + ",".join('"messages":[]' for _ in range(200000)) + "}"
        self.assertEqual(self.send(same).status, 200)
        record = '{"_meta":{"form":"YYYZ"},' + ",".join(
            f'"WEEK":{i}' for i in range(100000)) + "}"
        self.assertEqual(self.send(record, "/api/v1/records").status, 200)

    def test_many_entries(self):
        self.assertEqual(self.send('{"messages":[' + "null," * 500000 + "null]}").status, 200)
        updates = json.dumps({"updates": [{"id": f"nope{i}", "status": "SENT"}
                                          for i in range(20000)]})
        self.assertEqual(self.send(updates).status, 200)

    def test_one_update_many_times(self):
        sender = self.number()
        uuid = [m for m in self.c.sms([self.incoming("hello", sender)]) if m["to"] == sender][0]
        updates = [{"id": uuid["id"], "status": s} for s in ("UNSENT", "PENDING")] * 1500
        started = time.monotonic()
        self.c.sms(updates=updates)
        self.assertLess(time.monotonic() - started, 3 * SLOW,
                        "not in linear time, and nobody else is served meanwhile")
        self.assertEqual(self.c.task(uuid["id"])["state"], "forwarded-by-gateway")

    def test_long_texts(self):
        for text in ("YYYZ " + "#" * 500000, "1!YYYZ!" + "#" * 500000, "YYYZ " + "nur x#" * 100000,
                     'YYYZ "' * 50000, "J1!YYYZ!" + "nur#x#" * 100000, "!" * 300000,
                     " " * 300000, "\u200b" * 100000, "YYYZ " + "\\#" * 200000,
                     "1" * 300000, "YYYZ " + '" ' * 200000):
            with self.subTest(text[:12]):
                body = {"messages": [self.incoming(text)]}
                self.assertEqual(self.send(json.dumps(body)).status, 200)

    def test_wrong_types_everywhere(self):
        odd = [None, True, False, 0, -1, 1e308, 12345678901234567890, "", "x", [], {}, [[]],
               {"a": {}}, ["x"]]
        for value in odd:
            for body in ({"messages": value}, {"updates": value}, {"messages": [value]},
                         {"updates": [value]},
                         {"messages": [{"id": value, "from": "+254712000000", "content": "x"}]},
                         {"messages": [{"id": "t", "from": value, "content": "x"}]},
                         {"messages": [{"id": "t", "from": "1", "content": value}]},
                         {"updates": [{"id": value, "status": "SENT"}]},
                         {"updates": [{"id": "x", "status": value, "reason": value}]}):
                answer = self.c.post("/api/sms", body)
                self.assertIn(answer.status, (200, 500), (body, answer))
            for body in ({"_meta": value}, {"_meta": {"form": value}},
                         {"_meta": {"form": "YYYZ", "from": value, "reported_date": value,
                                    "locale": value}},
                         {"week": value, "_meta": {"form": "YYYZ"}}):
                answer = self.c.post("/api/v1/records", body)
                self.assertIn(answer.status, (200, 500), (body, answer))
            self.assertIn(self.c.put("/api/v1/settings?overwrite=1", {"x": value}).status, (200,))
        self.c.settings(replies_settings())

    def test_wrong_types_in_settings(self):
        """Every key that the program reads, with every type; it must go on serving."""
        keys = ("locale default_country_code phone_validation forms_only_mode transitions "
                "default_responses sms gateway_number outgoing_deny_list translations roles "
                "outgoing_deny_shorter_than outgoing_deny_with_alphas outgoing_phone_replace "
                "outgoing_phone_filters multipart_sms_limit locale_outgoing permissions barua "
                "date_format").split()
        for key in keys:
            for value in (None, True, -5, 1e300, "x", "((((", [], [1], {}, {"a": [None]},
                          {"en": {"sms_received": 5}}, [{"match": "(", "replace": 5}],
                          {"start_date": {}}, {"default_responses": "maybe"}):
                answer = self.c.put("/api/v1/settings?overwrite=1",
                                    replies_settings(**{key: value}))
                self.assertIn(answer.status, (200, 400), (key, value, answer))
                self.assertEqual(self.c.post("/api/sms", {
                    "messages": [self.incoming("hello")]}).status, 200, (key, value))
        self.c.settings(replies_settings())
        self.c.drain()

    def test_regular_expressions_do_not_run_away(self):
        """outgoing_phone_filters holds patterns of a designer: bounded all the same."""
        self.c.settings(replies_settings(outgoing_phone_filters=[
            {"match": "(a*)*b", "replace": ""}, {"match": "(x+x+)+y", "replace": ""}]))
        try:
            self.assertEqual(self.send(json.dumps({"messages": [
                self.incoming("hello", "a" * 40), self.incoming("hello", "x" * 40)]})).status, 200)
        finally:
            self.c.settings(replies_settings())

    def test_forms_that_explode(self):
        labels = {"tiny": {"en": "a" * 100000}}
        forms = {"BIG": {"meta": {"code": "BIG"}, "fields": {
            f"f{i}": {"type": "string", "labels": labels} for i in range(20)}}}
        answer = self.send(json.dumps({"forms": forms}), "/api/v1/settings?overwrite=1", "PUT")
        self.assertIn(answer.status, (200, 400))
        self.send(json.dumps({"messages": [self.incoming("BIG " + "a" * 300000)]}))
        self.c.settings(replies_settings())


class Wire(Base):
    def test_garbage(self):
        for data in (b"\r\n\r\n", b"\x00" * 1000, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                     b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"A" * 500,
                     b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
                     b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                     b"POST /api/sms HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
                     b"POST /api/sms HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
                     b"POST /api/sms HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                     b"zz\r\n",
                     b"POST /api/sms HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                     b"ffffffffffffffff\r\n", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
                     b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n"):
            with self.subTest(data[:40]):
                raw_exchange(self.server.port, data, timeout=3, close_write=True)
                self.assertEqual(self.c.get("/healthz").status, 200)

    def test_long_lines(self):
        for data in (b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\nHost: x\r\n"
                     b"Connection: close\r\n\r\n",
                     b"GET /api/sms HTTP/1.1\r\nX: " + b"a" * 500000 + b"\r\n\r\n",
                     b"GET /api/sms HTTP/1.1\r\n" + b"X: y\r\n" * 100000 + b"\r\n",
                     b"GET /medic/_all_docs?" + b"a=b&" * 10000 + b" HTTP/1.1\r\nHost: x\r\n"
                     b"Connection: close\r\n\r\n"):
            with self.subTest(data[:30]):
                raw_exchange(self.server.port, data, timeout=5, close_write=True)
        s = socket.create_connection(("127.0.0.1", self.server.port), timeout=10)
        sent = 0
        try:
            for _ in range(400):
                s.sendall(b"X-Endless: " + b"a" * 65536 + b"\r\n")
                sent += 65536
        except OSError:
            pass
        finally:
            s.close()
        if not is_sanitized():
            grown = (self.server.memory_kib() - self.memory) / 1024
            self.assertLess(grown, 20, "a header without an end was kept in memory")

    def test_half_requests_disturb_nobody(self):
        """Fifty that stop in the middle, while others are served promptly."""
        halves = []
        for i in range(50):
            s = socket.create_connection(("127.0.0.1", self.server.port))
            whole = request_head("/api/sms", "Content-Length: 50") + b'{"messages":['
            s.sendall(whole[:1 + i * (len(whole) - 1) // 49])
            halves.append(s)
        try:
            times = []
            for _ in range(40):
                started = time.monotonic()
                self.assertEqual(self.c.get("/api/sms").status, 200)
                self.c.sms([self.incoming("between them")])
                times.append(time.monotonic() - started)
            self.assertLess(sorted(times)[-2], 0.5 * SLOW)
        finally:
            for s in halves:
                s.close()

    def test_clients_that_leave(self):
        """Sent and gone, in every phase: what was sent whole is stored."""
        refs = []
        for i in range(60):
            message = self.incoming("gone")
            body = json.dumps({"messages": [message]}).encode()
            whole = request_head("/api/sms", f"Content-Length: {len(body)}") + body
            s = socket.create_connection(("127.0.0.1", self.server.port))
            if i % 3:
                s.sendall(whole)
                refs.append(message["id"])
            else:
                s.sendall(whole[:len(whole) * i // 60])
            if i % 2:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            elif i % 3:
                time.sleep(0.01)
            s.close()
        time.sleep(0.5 * SLOW)
        found = self.c.by_reference()
        for ref in refs:
            self.assertLessEqual(len(found.get(ref, [])), 1)

    def test_slow_reader(self):
        """One who asks for much and reads nothing keeps nobody from being served."""
        self.c.sms([self.incoming("filler " * 200) for _ in range(1000)])
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", self.server.port))
        s.sendall(request_head("/medic/_all_docs?include_docs=true", method="GET") * 3)
        try:
            for _ in range(20):
                started = time.monotonic()
                self.c.sms([self.incoming("meanwhile")])
                self.assertLess(time.monotonic() - started, 1 * SLOW)
        finally:
            s.close()

    def test_pipelined(self):
        one = request_head("/api/sms", "Content-Length: 2") + b"{}"
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=20) as s:
            s.sendall(one * 20)
            s.shutdown(socket.SHUT_WR)
            answers = read_all(s, 20)
        self.assertEqual(answers.count(b"HTTP/1.1 "), answers.count(b"HTTP/1.1 200 "))
        self.assertGreaterEqual(answers.count(b"HTTP/1.1 200 "), 1)

    def test_many_connections(self):
        sockets = [socket.create_connection(("127.0.0.1", self.server.port)) for _ in range(300)]
        try:
            started = time.monotonic()
            self.assertEqual(self.c.get("/api/sms").status, 200)
            self.assertLess(time.monotonic() - started, 2 * SLOW)
            for s in sockets:
                s.sendall(request_head("/api/sms", method="GET"))
            for s in sockets:
                self.assertEqual(read_answer(s)[0], 200)
        finally:
            for s in sockets:
                s.close()

    def test_logs_hold_no_secrets(self):
        self.c.sms([self.incoming("a very private text", "+254799123987")])
        self.c.get("/api/sms", {"Authorization": basic("admin", "wrong-but-secret")})
        log = self.server.log()
        for secret in (PASSWORD, "a very private text", "+254799123987", "wrong-but-secret"):
            self.assertNotIn(secret, log)


class Zlast(Base):
    """Runs last: the sockets of setUpModule have been silent since then."""

    def test_silent_connections_are_closed(self):
        """cli.md: request-timeout 30 s for header and body."""
        time.sleep(max(0, idle_since + 36 - time.monotonic()))
        for s, what in zip(idle_sockets[1:], ("request line", "header", "body")):
            with self.subTest(what):
                s.settimeout(2)
                try:
                    while s.recv(4096):
                        pass
                except ConnectionResetError:
                    pass
                except socket.timeout:
                    self.fail(f"still open 36 s after half a {what}")


if __name__ == "__main__":
    main()
