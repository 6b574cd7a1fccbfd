# SPDX-License-Identifier: MIT
"""SIGHUP: the configuration and the certificate are read again, in place (cli.md, Signals)."""

import http.client
import os
import re
import signal
import socket
import ssl
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import (PASSWORD, Client, Server, basic, certificate, main, read_all,  # noqa: E402
                     read_answer, replies_settings)

POLL = ("POST /api/sms HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Authorization: {basic('admin', PASSWORD)}\r\nContent-Length: 2\r\n\r\n{{}}").encode()
DUE = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - 60))
DONE = "SIGHUP: the configuration is in force"
REFUSED = "SIGHUP: the old configuration stays in force: "


def trusting(file):
    return ssl.create_default_context(cafile=file)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Reload(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="barua-reload-")
        self.addCleanup(self.directory.cleanup)
        self.config = self.path("barua.conf")

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def start(self, text, args=(), listen=True, **kwargs):
        self.write("barua.conf", text)
        server = Server(args=["--config", self.config, *args], **kwargs)
        if not listen:
            server.listen = []
        self.addCleanup(lambda: server.finish() if server.process else None)
        self.server = server
        return server.start()

    def hang_up(self, text=None, expect=DONE):
        """Writes the configuration and sends SIGHUP; what was logged since, once @expect is."""
        if text is not None:
            self.write("barua.conf", text)
        offset = os.path.getsize(self.server.log_path)
        self.server.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with open(self.server.log_path, encoding="utf-8") as log:
                log.seek(offset)
                said = log.read()
            if expect in said and said.endswith("\n"):
                return said
            self.assertIsNone(self.server.process.poll(), self.server.log())
            time.sleep(0.01)
        self.fail(f"{expect!r} was not logged:\n{said}")

    def connect(self, port=None):
        s = socket.create_connection(("127.0.0.1", port or self.server.port), timeout=30)
        self.addCleanup(s.close)
        return s

    def poll(self, s):
        s.sendall(POLL)
        self.assertEqual(read_answer(s)[0], 200)


class Certificates(Reload):
    def serial(self, trust):
        with trusting(trust).wrap_socket(self.connect(), server_hostname="localhost") as s:
            self.poll(s)
            return dict(x[0] for x in s.getpeercert()["subject"])["commonName"]

    def copy(self, name):
        for kind in ("crt", "key"):
            os.replace(self.path(f"{name}.{kind}"), self.path(f"live.{kind}"))

    def test_swapped(self):
        """New connections get the new certificate, old ones go on; a broken one changes nothing."""
        first, second = (certificate(self.directory.name, n)[0] for n in ("first", "second"))
        trust = [self.write(f"trust{n}", open(p, encoding="utf-8").read()) for n, p in enumerate((first, second))]
        self.copy("first")
        server = self.start(f"[tls]\ncertificate = {self.path('live.crt')}\nkey = {self.path('live.key')}\n")
        server.tls = trusting(trust[0])
        old = server.tls.wrap_socket(self.connect(), server_hostname="localhost")
        self.poll(old)
        self.assertEqual(self.serial(trust[0]), "first")
        os.replace(self.path("second.crt"), self.path("live.crt"))  # the key still is that of the first
        said = self.hang_up(expect=REFUSED)
        self.assertIn(self.path("live.key"), said)
        self.assertIn("not the key", said)
        self.assertEqual(self.serial(trust[0]), "first")
        os.rename(self.path("live.key"), self.path("first.key"))
        self.assertIn("No such file", self.hang_up(expect=REFUSED))
        self.write("live.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
        self.assertIn("no private key in PEM", self.hang_up(expect=REFUSED))
        self.assertEqual(self.serial(trust[0]), "first")
        os.replace(self.path("second.key"), self.path("live.key"))
        self.hang_up()
        self.assertEqual(self.serial(trust[1]), "second")
        self.poll(old)
        old.close()

    def test_switched_on_and_off(self):
        """Connections keep the way they began, also those that were parked meanwhile."""
        crt, key = certificate(self.directory.name)
        server = self.start("")
        old, parked = self.connect(), self.connect()
        self.poll(old)
        self.poll(parked)
        time.sleep(2.2)
        self.hang_up(f"[tls]\ncertificate = {crt}\nkey = {key}\n")
        self.poll(old)
        self.poll(parked)
        self.assertEqual(server.client(tls=trusting(crt)).get("/healthz").status, 200)
        s = self.connect()
        s.sendall(POLL)
        self.assertEqual(read_answer(s)[0], 400)
        self.hang_up("")
        self.assertEqual(server.client().get("/healthz").status, 200)
        self.poll(parked)


class Values(Reload):
    def test_limits_and_timeouts(self):
        server = self.start("[http]\nmax-body-mib = 1\nidle-timeout = 60\n")
        client = server.client(keep_alive=True)
        large = {"messages": [], "padding": "x" * (2 << 20)}
        self.assertEqual(client.get("/healthz").status, 200)
        self.assertEqual(server.client().post("/api/v2/records", large).status, 413)
        idle = self.connect()
        self.poll(idle)
        self.hang_up("[http]\nmax-body-mib = 8\nidle-timeout = 2\nmax-connections = 3\n")
        self.assertNotEqual(server.client().post("/api/v2/records", large).status, 413)
        self.assertEqual(read_all(idle, 20), b"", "cut after the new time")
        client.close()
        held = [self.connect() for _ in range(3)]
        time.sleep(0.2)
        self.assertRaises((OSError, http.client.HTTPException), server.client().get, "/healthz")
        for s in held:
            s.close()

    def test_proxies(self):
        """Who is believed is decided for each connection when it begins."""
        server = self.start("")

        def is_secure():
            answer = server.client().post("/_session", {"name": "admin", "password": PASSWORD},
                                          {"X-Forwarded-Proto": "https"}, auth=False)
            return "; Secure" in answer.header("set-cookie")
        self.assertFalse(is_secure())
        self.hang_up("[http]\ntrusted-proxies = 192.0.2.1;127.0.0.1\n")
        self.assertTrue(is_secure())
        self.hang_up("[http]\ntrusted-proxies = 192.0.2.1\n")
        self.assertFalse(is_secure())

    def test_routes_of_gateways(self):
        server = self.start("[gateways]\nroutes = *:one\n")
        client = server.client()
        client.settings({**replies_settings(), "transitions": {}})
        for name in ("one", "two"):
            client.put(f"/_users/org.couchdb.user:{name}", {
                "name": name, "type": "user", "roles": ["gateway"], "password": PASSWORD})
        client.put("/medic/waits", {"type": "x", "tasks": [{"state": "pending", "due": DUE, "messages": [
            {"uuid": "u1", "to": "+254712345678", "message": "hello"}]}]})
        self.assertEqual(server.client(user="two").sms(), [])
        self.hang_up("[gateways]\nroutes = *:two\n")
        end = time.monotonic() + 20
        while not (found := server.client(user="two").sms()):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
        self.assertEqual([m["id"] for m in found], ["u1"])
        # who rests still does
        self.assertEqual(client.post("/api/v1/gateways/two/pause", {}).status, 200)
        self.hang_up("[gateways]\nroutes = *:two\nlimits = two:5/minute\n")
        client.put("/medic/waits2", {"type": "x", "tasks": [{"state": "pending", "due": DUE, "messages": [
            {"uuid": "u2", "to": "+254712345679", "message": "hello"}]}]})
        self.assertNotIn("u2", [m["id"] for m in server.client(user="two").sms()])
        self.assertEqual(client.post("/api/v1/gateways/two/resume", {}).status, 200)
        self.assertIn("u2", [m["id"] for m in server.client(user="two").sms()])
        self.assertIn("[gateways]", self.hang_up("[gateways]\nroutes = nonsense\n", REFUSED))

    def test_secrets(self):
        first, second = self.write("one", "first-secret\n"), self.write("two", "second-secret\n")
        server = self.start(f"[credentials]\nrapidpro:incoming = {first}\n")

        def accepted(token):
            answer = server.client().post("/api/v2/sms/rapidpro/incoming-messages",
                                          {"id": "1", "from": "+254712345678", "content": "x"},
                                          {"Authorization": "Token " + token})
            return answer.status != 403 and answer.status != 401
        self.assertTrue(accepted("first-secret"))
        self.hang_up(f"[credentials]\nrapidpro:incoming = {second}\n")
        self.assertFalse(accepted("first-secret"))
        self.assertTrue(accepted("second-secret"))
        said = self.hang_up("[credentials]\nrapidpro:incoming = /nowhere\n", REFUSED)
        self.assertIn("/nowhere", said)
        self.assertTrue(accepted("second-secret"))
        self.assertNotIn("-secret", server.log())

    def eventually(self, text):
        end = time.monotonic() + 20
        while text not in self.server.log():
            self.assertLess(time.monotonic(), end, self.server.log())
            time.sleep(0.02)

    def test_level_of_the_log(self):
        server = self.start("[log]\nlevel = info\n")
        server.client().get("/healthz")
        self.eventually("GET /healthz")
        self.hang_up("[log]\nlevel = message\n")
        server.client().get("/readyz")
        self.assertNotIn("GET /readyz", self.hang_up("[log]\nlevel = info\n"))
        self.assertNotIn("GET /readyz", server.log())
        server.client().get("/readyz")
        self.eventually("GET /readyz")

    def test_what_only_a_restart_changes(self):
        server = self.start("[server]\ndefault-db = medic\n")
        said = self.hang_up("[server]\ndefault-db = other\n[store]\nreaders = 3\ncache-mib = 4\n"
                            "[http]\nmax-body-mib = 1\n")
        self.assertIn("only a restart changes [server] default-db, [store] cache-mib, [store] readers", said)
        self.assertEqual(server.client().get("/medic/").status, 200)
        self.assertEqual(server.client().post("/api/v2/records", {"x": "x" * (2 << 20)}).status, 413)
        self.assertNotIn("restart", self.hang_up(""))

    def test_options_and_environment_stay(self):
        """The command line and the environment go over the file, as at the start."""
        server = self.start("", env={"BARUA_HTTP_MAX_BODY_MIB": "1"})
        self.hang_up("[http]\nmax-body-mib = 30\n[server]\nlisten = 127.0.0.1:1\ndatabase = /nowhere.db\n")
        self.assertEqual(server.client().post("/api/v2/records", {"x": "x" * (2 << 20)}).status, 413)

    def test_all_or_nothing(self):
        server = self.start("[http]\nmax-body-mib = 2\n")
        for text, words in (("[http]\nmax-body-mib = 1\nidle-timeout = soon\n", ["idle-timeout", "soon"]),
                            ("[http]\nmax-body-mib = 1\nmax-bodies = 1\n", ["max-bodies", "unknown key"]),
                            ("[http]\nmax-body-mib = 1\n[tls]\nkey = x\n", ["certificate is missing"]),
                            ("[http]\nmax-body-mib = 1\n[log]\nlevel = loud\n", ["loud"]),
                            ("[http\n", [self.config]),
                            ("[http]\nmax-body-mib = 1\n[server]\nweb-dir = /nowhere\n", ["web-dir", "/nowhere"])):
            with self.subTest(text=text):
                said = self.hang_up(text, REFUSED)
                for word in words:
                    self.assertIn(word, said)
        os.unlink(self.config)
        self.assertIn(self.config, self.hang_up(expect=REFUSED))
        body = {"x": "x" * (1536 << 10)}
        self.assertNotEqual(server.client().post("/api/v2/records", body).status, 413)


class Addresses(Reload):
    def config_of(self, *addresses):
        return "[server]\nlisten = " + ";".join(addresses) + "\n"

    def test_opened_and_closed(self):
        """Connections stay, also those that came by an address that goes."""
        a, b, c = (free_port() for _ in range(3))
        server = self.start(self.config_of(f"127.0.0.1:{a}", f"127.0.0.1:{b}"), listen=False)
        by_b = self.connect(b)
        self.poll(by_b)
        said = self.hang_up(self.config_of(f"127.0.0.1:{a}", f"127.0.0.1:{c}"))
        self.assertIn(f"listening on http://127.0.0.1:{c}", said)
        self.assertIn(f"not listening on 127.0.0.1:{b}", said)
        self.poll(self.connect(a))
        self.poll(self.connect(c))
        self.assertRaises(ConnectionRefusedError, self.connect, b)
        self.poll(by_b)
        server.port = a

    def test_one_that_makes_room(self):
        port = free_port()
        self.start(self.config_of(f"127.0.0.1:{port}"), listen=False)
        self.hang_up(self.config_of(f"0.0.0.0:{port}"))
        self.poll(self.connect(port))
        self.hang_up(self.config_of(f"127.0.0.1:{port}"))
        self.poll(self.connect(port))

    def test_one_that_cannot_be_opened(self):
        a = free_port()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.start(self.config_of(f"127.0.0.1:{a}"), listen=False)
            text = self.config_of(f"127.0.0.1:{taken.getsockname()[1]}") + "[http]\nmax-body-mib = 1\n"
            self.hang_up(text, REFUSED)
            self.poll(self.connect(a))
            self.assertNotEqual(Client(a).post("/api/v2/records", {"x": "x" * (2 << 20)}).status, 413)

    def test_nobody_is_refused(self):
        """Phones that poll on connections of their own while the configuration changes ten times."""
        server = self.start("")
        stop, counts, failures = threading.Event(), [0], []

        def phone():
            while not stop.is_set():
                try:
                    assert server.client().post("/api/sms", {}).status == 200
                    counts[0] += 1
                except Exception as error:  # noqa: BLE001
                    failures.append(error)
        threads = [threading.Thread(target=phone) for _ in range(4)]
        held = self.connect()
        for t in threads:
            t.start()
        try:
            for n in range(10):
                self.hang_up(f"[http]\nmax-body-mib = {n + 1}\n")
                self.poll(held)
        finally:
            stop.set()
            for t in threads:
                t.join()
        self.assertEqual(failures, [])
        self.assertGreater(counts[0], 10)

    def test_requests_under_way(self):
        server = self.start("")
        s = self.connect()
        s.sendall(b"GET /medic/_changes?feed=longpoll&since=now HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
                  + basic("admin", PASSWORD).encode() + b"\r\n\r\n")
        half = self.connect()
        half.sendall(POLL[:-1])
        time.sleep(0.2)
        self.hang_up("[http]\nidle-timeout = 5\n")
        server.client().put("/medic/news", {})
        half.sendall(POLL[-1:])
        self.assertEqual(read_answer(half)[0], 200)
        got = b""
        while b'"news"' not in got:
            part = s.recv(4096)
            self.assertTrue(part, got)
            got += part


class Notified(Reload):
    def test_systemd_is_told(self):
        path = self.path("notify")
        heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(heard.close)
        heard.bind(path)
        heard.settimeout(30)
        self.start("", env={"NOTIFY_SOCKET": path})
        self.assertEqual(heard.recv(4096).decode().strip(), "READY=1")
        self.hang_up("")
        self.assertTrue(re.match(r"RELOADING=1\nMONOTONIC_USEC=\d+$", heard.recv(4096).decode()))
        self.assertEqual(heard.recv(4096).decode().split("\n")[0], "READY=1")
        self.hang_up("[http]\nnone = 1\nmore = 2\n", REFUSED)
        self.assertTrue(heard.recv(4096).startswith(b"RELOADING=1\n"))
        ready, status = heard.recv(4096).decode().split("\n")
        self.assertEqual(ready, "READY=1")
        self.assertIn("[http] none: unknown key", status)
        self.assertIn("[http] more: unknown key", status)


if __name__ == "__main__":
    main()
