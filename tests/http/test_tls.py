# SPDX-License-Identifier: MIT
"""https without a proxy: `[tls]` (cli.md), cookies and links that know of it (users.md 2.4, 8.1)."""

import base64
import http.client
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import (PASSWORD, Client, Server, ServerCase, basic, binary, certificate, main,  # noqa: E402
                     raw_exchange, read_all, read_answer)

CONFIG = "[http]\nrequest-timeout = 8\nidle-timeout = 4\n"
POLL = ("POST /api/sms HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Authorization: {basic('admin', PASSWORD)}\r\nContent-Length: 2\r\n\r\n{{}}").encode()


def setUpModule():
    global folder, files
    folder = tempfile.mkdtemp(prefix="barua-tls-")
    files = certificate(folder)
    path = os.path.join(folder, "barua.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write(CONFIG)
    ServerCase.begin(args=["--config", path, "--tls-certificate", files[0], "--tls-key", files[1]])
    ServerCase.server.tls = trusting(files[0])


def tearDownModule():
    ServerCase.end()
    shutil.rmtree(folder)


def trusting(file, protocols=None, version=None):
    context = ssl.create_default_context(cafile=file)
    if protocols:
        context.set_alpn_protocols(protocols)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def client_hello(context=None):
    """The first flight of a client that is never heard of again."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = (context or trusting(files[0])).wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


class Tls(ServerCase):
    def plain(self):
        s = socket.create_connection(("127.0.0.1", self.server.port), timeout=20)
        self.addCleanup(s.close)
        return s

    def connect(self, context=None):
        s = (context or self.server.tls).wrap_socket(self.plain(), server_hostname="localhost")
        self.addCleanup(s.close)
        return s

    def poll(self, s):
        s.sendall(POLL)
        status, _, body = read_answer(s)
        self.assertEqual((status, body), (200, b'{"messages":[]}'))


class Speaking(Tls):
    def test_versions_and_protocols(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for offered, chosen in ((["h2", "http/1.1"], "http/1.1"), (["http/1.1"], "http/1.1"), (None, None)):
                with self.subTest(version=version, offered=offered):
                    s = self.connect(trusting(files[0], offered, version))
                    self.assertEqual(s.selected_alpn_protocol(), chosen)
                    self.poll(s)

    def test_old_versions_are_refused(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaisesRegex(ssl.SSLError, "(?i)protocol.version"):
            self.connect(context)

    def test_curl(self):
        done = subprocess.run(["curl", "-sS", "--cacert", files[0], "-u", f"admin:{PASSWORD}",
                               f"https://localhost:{self.server.port}/api/sms", "-d", "{}",
                               "-H", "Content-Type: application/json"], capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, b'{"messages":[]}'), done.stderr)

    def test_a_phone_on_one_connection(self):
        s = self.connect()
        for _ in range(50):
            self.poll(s)

    def test_requests_in_one_record_and_in_many(self):
        s = self.connect()
        s.sendall(POLL * 20)
        answers = b""
        while answers.count(b'{"messages":[]}') < 20:
            part = s.recv(65536)
            self.assertTrue(part, answers)
            answers += part
        for i in range(len(POLL)):
            s.sendall(POLL[i:i + 1])
        self.assertEqual(read_answer(s)[0], 200)

    def test_what_libsoup_reads(self):
        """Requests that leave the short way, and come back to it."""
        s = self.connect()
        for _ in range(3):
            s.sendall(b"GET /medic/_all_docs?limit=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
                      + basic("admin", PASSWORD).encode() + b"\r\n\r\n")
            head = b""
            while not head.endswith((b"\r\n0\r\n\r\n", b"}\n")):
                head += s.recv(65536)
            self.poll(s)

    def test_session_is_resumed(self):
        context = trusting(files[0], version=ssl.TLSVersion.TLSv1_2)
        first = self.connect(context)
        self.poll(first)
        second = context.wrap_socket(self.plain(), server_hostname="localhost", session=first.session)
        self.addCleanup(second.close)
        self.assertTrue(second.session_reused)
        self.poll(second)

    def test_many(self):
        """200 connections at once, each of which asks twice."""
        failures = []

        def one():
            try:
                s = self.server.tls.wrap_socket(
                    socket.create_connection(("127.0.0.1", self.server.port), timeout=60),
                    server_hostname="localhost")
                with s:
                    barrier.wait(60)
                    for _ in range(2):
                        self.poll(s)
            except Exception as error:  # noqa: BLE001
                failures.append(error)
                barrier.abort()
        barrier = threading.Barrier(200)
        threads = [threading.Thread(target=one) for _ in range(200)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])

    def test_large_bodies(self):
        data = random.Random(1).randbytes(20 * 1024 * 1024)
        rev = self.c.put("/medic/large", {}).json()["rev"]
        answer = self.c.request("PUT", f"/medic/large/file?rev={rev}", data,
                                {"Content-Type": "application/octet-stream"})
        self.assertEqual(answer.status, 201, answer)
        answer = self.c.get("/medic/large/file")
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.body == data)

    def test_a_reader_that_takes_its_time(self):
        """The server waits for room, and what was begun is finished."""
        data = random.Random(2).randbytes(6 * 1024 * 1024)
        rev = self.c.put("/medic/slow", {}).json()["rev"]
        self.c.request("PUT", f"/medic/slow/file?rev={rev}", data, {"Content-Type": "image/png"})
        s = self.connect()
        s.sendall(b"GET /medic/slow/file HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: "
                  + basic("admin", PASSWORD).encode() + b"\r\n\r\n")
        got = b""
        for _ in range(6):
            got += s.recv(16384)
            time.sleep(0.2)
        got += read_all(s)
        self.assertTrue(got.split(b"\r\n\r\n", 1)[1] == data)

    def test_feed(self):
        s = self.connect()
        s.sendall(b"GET /medic/_changes?feed=continuous&since=now&heartbeat=1000 HTTP/1.1\r\nHost: localhost\r\n"
                  b"Authorization: " + basic("admin", PASSWORD).encode() + b"\r\n\r\n")
        self.assertIn(b"200 OK", s.recv(4096))
        self.c.put("/medic/news", {})
        got = b""
        while b'"news"' not in got:
            part = s.recv(4096)
            self.assertTrue(part)
            got += part

    def half_closed(self, version, request):
        """What a client hears that says at once that it will say nothing more; raises unless the server says so too."""
        s = self.plain()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = trusting(files[0], version=version).wrap_bio(incoming, outgoing, server_hostname="localhost")
        while True:
            try:
                session.do_handshake()
                break
            except ssl.SSLWantReadError:
                s.sendall(outgoing.read())
                incoming.write(s.recv(65536))
        session.write(request)
        self.assertRaises(ssl.SSLWantReadError, session.unwrap)
        s.sendall(outgoing.read())
        s.shutdown(socket.SHUT_WR)
        incoming.write(read_all(s))
        incoming.write_eof()
        got = b""
        while True:
            try:
                part = session.read(65536)
            except ssl.SSLZeroReturnError:
                part = b""
            if not part:
                return got
            got += part

    def test_half_closed(self):
        """It is answered, and the end is said as TLS says it, whoever reads the request."""
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for request in (POLL, POLL.replace(b"Host", b"TE: trailers\r\nHost")):
                with self.subTest(version=version, request=request):
                    self.assertTrue(self.half_closed(version, request).endswith(b'{"messages":[]}'))

    def test_idle_then_asked_again(self):
        s = self.connect()
        self.poll(s)
        time.sleep(2.5)  # plain connections would be parked now
        self.poll(s)

    def test_idle_for_too_long(self):
        """The end is said as TLS says it."""
        s = self.connect()
        s.suppress_ragged_eofs = False
        self.poll(s)
        s.settimeout(60)
        self.assertEqual(s.recv(100), b"")

    def test_refused_while_it_comes(self):
        s = self.connect()
        s.sendall(b"POST /api/sms HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: "
                  + basic("admin", PASSWORD).encode() + b"\r\nContent-Length: 999999999\r\n\r\n" + b"x" * 20000)
        self.assertEqual(read_answer(s)[0], 413)


class Secure(Tls):
    """Who is asked for cookies and links by https says so."""

    def test_cookies(self):
        body = {"user": "admin", "password": PASSWORD}
        for path, value in (("/medic/login", body), ("/_session", {"name": "admin", "password": PASSWORD})):
            with self.subTest(path=path):
                answer = self.c.post(path, value, auth=False)
                cookies = answer.headers.get_all("set-cookie")
                session = [c for c in cookies if c.startswith("AuthSession=") and "AuthSession=;" not in c]
                self.assertEqual(len(session), 1, cookies)
                self.assertIn("; Secure", session[0])
                self.assertIn("; HttpOnly", session[0])

    def test_origin(self):
        cookie = self.c.post("/_session", {"name": "admin", "password": PASSWORD},
                             auth=False).header("set-cookie").split(";")[0]
        for origin, status in ((f"https://localhost:{self.server.port}", 201),
                               (f"http://localhost:{self.server.port}", 403),
                               ("https://elsewhere.example", 403)):
            answer = self.c.put(f"/medic/from-{status}-{len(origin)}", {},
                                {"Cookie": cookie, "Origin": origin, "Host": f"localhost:{self.server.port}"},
                                auth=False)
            self.assertEqual(answer.status, status, (origin, answer))

    def test_links(self):
        form = ('<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml"><h:head>'
                '<h:title>Visit</h:title><model><instance><data id="visit" version="1"/></instance></model>'
                '</h:head><h:body/></h:html>')
        self.c.put("/medic/form:visit", {
            "type": "form", "title": "Visit", "context": {"collect": True}, "_attachments": {"xml": {
                "content_type": "application/xml", "data": base64.b64encode(form.encode()).decode()}}})
        answer = self.c.get("/api/v1/forms", {"X-OpenRosa-Version": "1.0", "Host": "clinic.example"})
        self.assertEqual(answer.status, 200, answer)
        self.assertIn("<downloadUrl>https://clinic.example/api/v1/forms/visit.xml</downloadUrl>", answer.text)

    def test_a_proxy_is_not_believed(self):
        """X-Forwarded-Proto of a stranger does not make https http."""
        answer = self.c.post("/_session", {"name": "admin", "password": PASSWORD},
                             {"X-Forwarded-Proto": "http"}, auth=False)
        self.assertIn("; Secure", answer.header("set-cookie"))


class Strangers(Tls):
    """Clients that do not, or only half, speak TLS cost nothing and stop nobody."""

    def test_plain_http(self):
        answer = raw_exchange(self.server.port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
        self.assertIn(b"https", answer)

    def test_garbage(self):
        chance = random.Random(7)
        hello = client_hello()
        for n in range(120):
            if n % 3 == 0:
                data = b"\x00" + chance.randbytes(50)
            elif n % 3 == 1:
                data = b"\x16\x03\x01" + chance.randbytes(chance.randrange(1, 400))
            else:  # one that nearly is one
                data = bytearray(hello)
                for _ in range(chance.randrange(1, 8)):
                    data[chance.randrange(len(data))] = chance.randrange(256)
            raw_exchange(self.server.port, bytes(data), timeout=0.05 if n % 3 else 10, close_write=n % 2 == 0)
        self.poll(self.connect())

    def test_silent_ones_stop_nobody(self):
        """Some say nothing, some half a greeting, some a whole one and then nothing; phones and people
        go on, also those whose password has to be checked on a worker."""
        hello = client_hello()
        strangers = [self.plain() for _ in range(150)]
        for n, s in enumerate(strangers):
            s.sendall((b"", hello[:20], hello)[n % 3])
        time.sleep(0.3)
        self.poll(self.connect())
        for name in ("one", "two", "three"):
            self.c.put(f"/_users/org.couchdb.user:{name}", {
                "name": name, "type": "user", "roles": ["gateway"], "password": PASSWORD})
            answer = Client(self.server.port, user=name, tls=self.server.tls).get("/api/sms")
            self.assertIn(answer.status, (200, 403), answer)
        for s in strangers[::3]:  # nobody had to wait until they were cut off
            s.setblocking(False)
            self.assertRaises(BlockingIOError, s.recv, 1)
        for s in strangers:  # and then they are
            s.settimeout(60)
            while s.recv(65536):
                pass

    def test_they_are_counted(self):
        config = tempfile.NamedTemporaryFile("w", suffix=".conf")
        self.addCleanup(config.close)
        config.write("[http]\nmax-connections = 5\nrequest-timeout = 5\n")
        config.flush()
        server = Server(args=["--config", config.name, "--tls-certificate", files[0], "--tls-key", files[1]])
        server.tls = self.server.tls
        server.start()
        self.addCleanup(server.finish)
        strangers = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(5)]
        time.sleep(0.2)
        self.assertRaises((OSError, http.client.HTTPException), server.client().get, "/healthz")
        for s in strangers:
            self.assertEqual(read_all(s), b"")
            s.close()
        self.assertEqual(server.client().get("/healthz").status, 200)

    def test_gone_in_the_middle(self):
        for n in range(40):
            s = self.connect() if n % 2 else self.plain()
            s.sendall(POLL[:100] if n % 2 else client_hello()[:100])
            s.close()
        self.poll(self.connect())


class Configured(unittest.TestCase):
    """What cannot work is told with the file and the reason, by --check-config and at the start."""

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="barua-tls-")
        self.addCleanup(self.directory.cleanup)

    def file(self, name, text):
        path = os.path.join(self.directory.name, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def run_serve(self, *args):
        return subprocess.run([binary(), "serve", "--database", os.path.join(self.directory.name, "b.db"),
                               "--listen", "127.0.0.1:0", *args], capture_output=True, text=True, timeout=60,
                              check=False)

    def refuses(self, certificate_file, key_file, *words):
        args = [f"--tls-certificate={certificate_file}"] * bool(certificate_file) \
            + [f"--tls-key={key_file}"] * bool(key_file)
        for more in ([], ["--check-config"]):
            done = self.run_serve(*args, *more)
            self.assertIn(done.returncode, (1, 2), done.stderr)
            self.assertIn("[tls]", done.stderr)
            for word in words:
                self.assertIn(word, done.stderr)

    def test_good_ones(self):
        rsa = certificate(self.directory.name, "rsa", ("rsa", "rsa_keygen_bits:2048"))
        done = self.run_serve(f"--tls-certificate={rsa[0]}", f"--tls-key={rsa[1]}", "--check-config")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_their_end_is_told(self):
        """From 14 days before, by --check-config, at the start, and when a new one is read."""
        def ending(name, days):
            crt, key = certificate(self.directory.name, name, days=days)
            return crt, [f"--tls-certificate={crt}", f"--tls-key={key}"]
        for days, said in ((1, r" ends in 2[34] hours$"), (10, r" ends in (?:9|10) days$"), (15, None)):
            with self.subTest(days=days):
                crt, args = ending(f"days{days}", days)
                done = self.run_serve(*args, "--check-config")
                self.assertEqual(done.returncode, 0)
                self.assertEqual(len(re.findall(f"(?m)a certificate in {re.escape(crt)}{said}", done.stderr)), said is not None)
                self.assertEqual(done.stderr == "", said is None, done.stderr)
        crt, args = ending("live", 10)
        server = Server(args=args)
        server.tls = trusting(crt)
        server.start()
        self.addCleanup(server.finish)
        said = re.escape(f"a certificate in {crt} ends in ")
        self.assertEqual(server.client().get("/healthz").status, 200)
        self.assertEqual(len(re.findall(f"(?m){said}(9|10) days$", server.log())), 1, server.log())
        os.replace(ending("next", 5)[0], crt)
        os.replace(os.path.join(self.directory.name, "next.key"), os.path.join(self.directory.name, "live.key"))
        server.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 30
        while not re.search(f"(?m){said}(4|5) days$", server.log()):
            self.assertLess(time.monotonic(), deadline, server.log())
            time.sleep(0.05)

    def test_bad_ones(self):
        crt, key = files
        other = certificate(self.directory.name, "other")[1]
        garbage = self.file("garbage.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        empty = self.file("empty.pem", "")
        locked = os.path.join(self.directory.name, "locked.key")
        subprocess.run(["openssl", "pkey", "-in", key, "-aes128", "-passout", "pass:secret", "-out", locked],
                       check=True, capture_output=True)
        self.refuses(crt, None, "key is missing")
        self.refuses(None, key, "certificate is missing")
        self.refuses("/nowhere.crt", key, "/nowhere.crt", "No such file")
        self.refuses(crt, "/nowhere.key", "/nowhere.key", "No such file")
        self.refuses(crt, other, other, crt, "not the key")
        self.refuses(garbage, key, garbage, "no certificate")
        self.refuses(empty, key, empty, "no certificate")
        self.refuses(key, key, "no certificate")
        self.refuses(crt, crt, crt, "no private key")
        self.refuses(crt, locked, locked, "without a password")
        self.refuses(crt, self.directory.name, self.directory.name)

    def test_credentials_of_systemd(self):
        """A key that only root may read, handed over with LoadCredential=."""
        for name, path in zip(("tls.crt", "tls.key"), files):
            shutil.copy(path, os.path.join(self.directory.name, name))
        server = Server(args=["--tls-certificate", "tls.crt", "--tls-key", "tls.key"],
                        env={"CREDENTIALS_DIRECTORY": self.directory.name})
        server.tls = trusting(files[0])
        server.start()
        self.assertEqual(server.client().get("/healthz").status, 200)
        server.finish()

    def test_rsa(self):
        rsa = certificate(self.directory.name, "rsa", ("rsa", "rsa_keygen_bits:2048"))
        server = Server(env={"BARUA_TLS_CERTIFICATE": rsa[0], "BARUA_TLS_KEY": rsa[1]})
        server.tls = trusting(rsa[0])
        server.start()
        self.assertEqual(server.client().get("/healthz").status, 200)
        server.finish()


if __name__ == "__main__":
    main()
