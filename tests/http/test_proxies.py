# SPDX-License-Identifier: MIT
"""The samples of data/proxy behind which barua is meant to run: nginx and Caddy, the real ones, with
those files; only ports and paths of certificates are changed."""

import base64
import http.client
import os
import random
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from harness import (PASSWORD, Client, ServerCase, basic, certificate, in_one_window, main,  # noqa: E402
                     read_answer, replies_settings)

SAMPLES = os.path.join(HERE, "..", "..", "data", "proxy")
NAME = "clinic.example.org"
FORM = ('<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml"><h:head>'
        '<h:title>Visit</h:title><model><instance><data id="visit" version="1"/></instance></model></h:head>'
        '<h:body/></h:html>')


def setUpModule():
    global folder, cert, context
    folder = tempfile.mkdtemp(prefix="barua-proxy-")
    cert = certificate(folder, NAME)
    context = ssl.create_default_context(cafile=cert[0])
    path = os.path.join(folder, "barua.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write("[http]\ntrusted-proxies = 127.0.0.1\n")
    ServerCase.begin(args=["--config", path])
    client = ServerCase.server.client()
    client.settings(replies_settings())
    client.put("/medic/form:visit", {
        "type": "form", "title": "Visit", "context": {"collect": True}, "_attachments": {"xml": {
            "content_type": "application/xml", "data": base64.b64encode(FORM.encode()).decode()}}})


def tearDownModule():
    ServerCase.end()
    shutil.rmtree(folder)


def free_ports(n):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class ProxyClient(Client):
    """https to the name of the sample, from an address of the loopback net."""

    def __init__(self, port, source="127.0.0.1", **kwargs):
        super().__init__(port, **kwargs)
        self.source = source

    def connect(self):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        conn.sock = self.socket()
        return conn

    def socket(self):
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=60, source_address=(self.source, 0))
        return context.wrap_socket(plain, server_hostname=NAME)

    def request(self, method, path, body=None, headers=None, auth=True):
        return super().request(method, path, body, {"Host": f"{NAME}:{self.port}", **(headers or {})}, auth)


class Proxy:
    """What is asked of both."""

    process = None

    @classmethod
    def setUpClass(cls):
        if shutil.which(cls.program) is None:
            raise unittest.SkipTest(f"{cls.program} is not installed")
        cls.directory = tempfile.mkdtemp(prefix="barua-proxy-")
        cls.http, cls.https = free_ports(2)
        with open(os.path.join(SAMPLES, cls.sample), encoding="utf-8") as f:
            sample = cls.changed(f.read())
        with open(os.path.join(cls.directory, "sample"), "w", encoding="utf-8") as f:
            f.write(sample)
        with open(os.path.join(cls.directory, "main"), "w", encoding="utf-8") as f:
            f.write(cls.around())
        cls.log = open(os.path.join(cls.directory, "log"), "w+b")
        cls.process = subprocess.Popen(cls.command(), stdin=subprocess.DEVNULL, stdout=cls.log, stderr=cls.log,
                                       env={**os.environ, "HOME": cls.directory})
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", cls.https), timeout=1).close()
                return
            except OSError:
                if cls.process.poll() is not None or time.monotonic() > end:
                    cls.log.seek(0)
                    raise RuntimeError(f"{cls.program} does not listen: {cls.log.read().decode()}") from None
                time.sleep(0.05)

    @classmethod
    def tearDownClass(cls):
        if cls.process is not None:
            cls.process.terminate()
            cls.process.wait(30)
            cls.log.close()
            shutil.rmtree(cls.directory)

    @classmethod
    def replaced(cls, text, **values):
        """The sample with these words replaced, each of which must be in it."""
        for word, value in values.items():
            word = {"backend": "127.0.0.1:5988", "cert": "/etc/ssl/barua/cert.pem",
                    "key": "/etc/ssl/barua/key.pem"}.get(word, word)
            assert word in text, word
            text = text.replace(word, value)
        return text

    def setUp(self):
        super().setUp()
        self.p = ProxyClient(self.https)

    def login(self, client=None, **headers):
        return (client or self.p).post("/_session", {"name": "admin", "password": PASSWORD}, headers, auth=False)

    def test_login(self):
        """The cookie of a person who came by https is for https."""
        answer = self.p.form("/medic/login", {"user": "admin", "password": PASSWORD}, auth=False)
        cookies = [c for c in answer.headers.get_all("set-cookie") if c.startswith("AuthSession=")]
        self.assertTrue(cookies and "; Secure" in cookies[-1], (answer, cookies))
        self.assertIn("; Secure", self.login().header("set-cookie"))
        page = self.p.get("/medic/login", {"Accept": "text/html"}, auth=False)
        self.assertEqual(page.status, 200)
        self.assertIn("<form", page.text)

    def test_plain_http_leads_to_https(self):
        conn = http.client.HTTPConnection("127.0.0.1", self.http, timeout=30)
        conn.request("GET", "/medic/login?locale=sw", headers={"Host": NAME})
        answer = conn.getresponse()
        self.assertIn(answer.status, (301, 302, 308))
        self.assertRegex(answer.headers["location"], rf"^https://{NAME}(:\d+)?/medic/login\?locale=sw$")
        conn.close()

    def test_host(self):
        """Links begin with what the client came to."""
        answer = self.p.get("/api/v1/forms", {"X-OpenRosa-Version": "1.0"})
        self.assertIn(f"<downloadUrl>https://{NAME}:{self.https}/api/v1/forms/visit.xml</downloadUrl>", answer.text)

    def test_origin(self):
        cookie = self.login().header("set-cookie").split(";")[0]
        for origin, status in ((f"https://{NAME}:{self.https}", 201), ("https://elsewhere.example", 403)):
            answer = self.p.put(f"/medic/{self.program}-{status}", {}, {"Cookie": cookie, "Origin": origin},
                                auth=False)
            self.assertEqual(answer.status, status, (origin, answer))

    def fail_logins(self, make, n=12, **headers):
        """The statuses of @n logins of as many names that nobody has."""
        return [make(i).post("/_session", {"name": f"nobody-{self.program}-{self.id()}-{i}", "password": "x"},
                             {k: v(i) for k, v in headers.items()}, auth=False).status for i in range(n)]

    @in_one_window
    def test_failures_are_counted_by_client(self):
        """Those of one phone's address lock nobody else out."""
        bad = self.address(2)
        self.assertEqual(self.fail_logins(lambda i: ProxyClient(self.https, source=bad))[-1], 429)
        other = ProxyClient(self.https, source=self.address(3))
        self.assertEqual(self.login(other).status, 200)
        self.assertEqual(self.fail_logins(lambda i: other, 1), [401])

    @in_one_window
    def test_a_client_is_not_believed(self):
        """What it says of itself through the proxy changes nothing."""
        bad = self.address(4)
        forged = {"X-Forwarded-For": lambda i: f"192.0.2.{i}", "X-Forwarded-Proto": lambda i: "http",
                  "X-Forwarded-Host": lambda i: "evil.example", "Forwarded": lambda i: f"for=192.0.2.{i}"}
        self.assertEqual(self.fail_logins(lambda i: ProxyClient(self.https, source=bad), **forged)[-1], 429)
        answer = self.login(**{k: v(1) for k, v in forged.items()})
        self.assertIn("; Secure", answer.header("set-cookie"))
        answer = self.p.get("/api/v1/forms", {"X-OpenRosa-Version": "1.0", "X-Forwarded-Host": "evil.example",
                                              "X-Forwarded-Proto": "http"})
        self.assertIn(f"https://{NAME}", answer.text)
        self.assertNotIn("evil", answer.text)

    @in_one_window
    def test_a_peer_that_is_not_listed_is_not_believed(self):
        """Beside the proxy, straight at the server."""
        source = self.address(5)

        class Straight(Client):
            def connect(self):
                return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60, source_address=(source, 0))
        straight = Straight(self.server.port)
        answer = self.login(straight, **{"X-Forwarded-Proto": "https"})
        self.assertNotIn("; Secure", answer.header("set-cookie"))
        answer = straight.get("/api/v1/forms", {"X-OpenRosa-Version": "1.0", "X-Forwarded-Host": "evil.example"})
        self.assertNotIn("evil", answer.text)
        statuses = self.fail_logins(lambda i: straight, **{"X-Forwarded-For": lambda i: f"192.0.2.{i}"})
        self.assertEqual(statuses[-1], 429)

    def test_a_phone(self):
        phone = ProxyClient(self.https, keep_alive=True)
        for n in range(3):
            handed = phone.sms([{"id": f"{self.program}-{n}", "from": self.number(), "content": "hello"}])
            self.assertEqual(len(handed), 1)
            phone.sms(updates=[{"id": m["id"], "status": "SENT"} for m in handed])
        phone.close()
        self.assertEqual(len([r for r in self.c.by_reference() if r.startswith(self.program)]), 3)

    def feed(self, query):
        s = self.p.socket()
        self.addCleanup(s.close)
        s.sendall((f"GET /medic/_changes?{query} HTTP/1.1\r\nHost: {NAME}:{self.https}\r\n"
                   f"Authorization: {basic('admin', PASSWORD)}\r\n\r\n").encode())
        return s

    def hear(self, s, text):
        got = b""
        while text not in got:
            part = s.recv(65536)
            self.assertTrue(part, got)
            got += part
        return got

    def test_feeds_come_as_they_are_written(self):
        feed = self.feed("feed=continuous&since=now&heartbeat=500")
        self.hear(feed, b"200 OK")
        self.hear(feed, b"\n\r\n" if self.program == "nginx" else b"\n")  # a heartbeat, which is all there is
        for n in range(3):
            self.c.put(f"/medic/{self.program}-feed-{n}", {})
            self.hear(feed, f'"{self.program}-feed-{n}"'.encode())
        poll = self.feed("feed=longpoll&since=now")
        time.sleep(0.3)
        self.c.put(f"/medic/{self.program}-poll", {})
        self.assertEqual(read_answer(poll)[0], 200)

    def test_large_bodies(self):
        data = random.Random(3).randbytes(20 * 1024 * 1024)
        doc = f"/medic/{self.program}-large"
        rev = self.p.put(doc, {}).json()["rev"]
        answer = self.p.request("PUT", f"{doc}/file?rev={rev}", data, {"Content-Type": "image/png"})
        self.assertEqual(answer.status, 201, answer)
        self.assertTrue(self.p.get(doc + "/file").body == data)
        path = os.path.join(self.directory, "too-large")
        with open(path, "wb") as f:
            f.truncate(33 << 20)
        done = subprocess.run(["curl", "-sS", "--cacert", cert[0], "--resolve", f"{NAME}:{self.https}:127.0.0.1",
                               "-u", f"admin:{PASSWORD}", "-H", "Content-Type: application/json",
                               "--data-binary", "@" + path, "-o", os.devnull, "-w", "%{http_code}",
                               f"https://{NAME}:{self.https}/medic/_bulk_docs"], capture_output=True, check=False)
        self.assertEqual(done.stdout, b"413", done.stderr)

    def test_export(self):
        answer = self.p.get("/api/v2/export/messages")
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.body.startswith(b"id,patient_id"))


class Nginx(Proxy, ServerCase):
    program, sample, net = "nginx", "nginx.conf", 1

    @classmethod
    def changed(cls, text):
        text = cls.replaced(text, backend=f"127.0.0.1:{ServerCase.server.port}", cert=cert[0], key=cert[1])
        return cls.replaced(text, **{"listen 80;": f"listen 127.0.0.1:{cls.http};",
                                     "listen 443 ssl;": f"listen 127.0.0.1:{cls.https} ssl;"})

    @classmethod
    def around(cls):
        return (f"daemon off; master_process off; pid {cls.directory}/pid; error_log stderr notice;\n"
                "events {}\nhttp { access_log off; "
                + " ".join(f"{kind}_temp_path {cls.directory}/{kind};" for kind in
                           ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
                + f"\ninclude {cls.directory}/sample;\n}}\n")

    @classmethod
    def command(cls):
        return ["nginx", "-p", cls.directory, "-e", "stderr", "-c", os.path.join(cls.directory, "main")]

    def address(self, n):
        return f"127.0.1.{n}"


class Caddy(Proxy, ServerCase):
    program, sample = "caddy", "Caddyfile"

    @classmethod
    def changed(cls, text):
        text = cls.replaced(text, backend=f"127.0.0.1:{ServerCase.server.port}", cert=cert[0], key=cert[1])
        return cls.replaced(text, **{"#tls ": "tls "})

    @classmethod
    def around(cls):
        return (f"{{\n\tadmin off\n\thttp_port {cls.http}\n\thttps_port {cls.https}\n"
                f"\tstorage file_system {cls.directory}\n}}\nimport {cls.directory}/sample\n")

    @classmethod
    def command(cls):
        return ["caddy", "run", "--config", os.path.join(cls.directory, "main"), "--adapter", "caddyfile"]

    def address(self, n):
        return f"127.0.2.{n}"


class Samples(unittest.TestCase):
    def test_they_fit_the_defaults(self):
        """The port and the largest body are those of a server that nobody configured."""
        for name, words in (("nginx.conf", ["client_max_body_size 32m;", "127.0.0.1:5988"]),
                            ("Caddyfile", ["127.0.0.1:5988"])):
            with open(os.path.join(SAMPLES, name), encoding="utf-8") as f:
                text = f.read()
            for word in words:
                self.assertIn(word, text)
            self.assertTrue(re.search(r"(?m)^# +trusted-proxies = 127\.0\.0\.1$", text))


if __name__ == "__main__":
    main()
