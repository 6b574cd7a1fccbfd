# SPDX-License-Identifier: MIT
"""Limits on who comes too often: connections of one address (cli.md, `[http]`) and failed logins
(users.md 10 no. 10, messaging.md 1.3)."""

import fcntl
import http.client
import socket
import struct
import time
import unittest

from harness import (JSON_TYPE, LOGIN_WINDOW_S as WINDOW_S, Server, ServerCase, basic, in_one_window, main,
                     read_answer)

MAX_PER_ADDRESS = 5
SIOCGIFADDR = 0x8915
LIMITED = {"code": 429, "error": "Too Many Requests"}
GOOD = "S3cret.enough"


def own_addresses():
    """This machine's IPv4 addresses that are not loopback."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(s, SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:     # an interface without an address
                continue
            found.append(socket.inet_ntoa(answer[20:24]))
    return [a for a in found if not a.startswith("127.")]


def setUpModule():
    """The test is the one proxy whose word on addresses counts: it plays clients from anywhere."""
    ServerCase.begin(env={"BARUA_HTTP_TRUSTED_PROXIES": "127.0.0.1"})
    ServerCase.server.client().settings({})     # which brings the permissions of the roles


def tearDownModule():
    ServerCase.end()


class Connections(unittest.TestCase):
    """tests/test-http-connections.c has the same for machines without a network."""

    def ask(self, s):
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        return read_answer(s, 10)[0]

    def fill(self, address, port, count):
        """Opens @count connections: those that are served, and how many were refused."""
        served, refused = [], 0
        for _ in range(count):
            s = socket.create_connection((address, port), timeout=10)
            try:
                status = self.ask(s)
            except OSError:
                status = 0
            if status == 200:
                served.append(s)
            else:
                refused += 1
                s.close()
        return served, refused

    def played(self, address, **env):
        server = Server(env={"BARUA_HTTP_MAX_CONNECTIONS_PER_ADDRESS": str(MAX_PER_ADDRESS), **env},
                        args=["--listen", f"{address}:0"]).start()
        self.addCleanup(server.finish)
        deadline = time.monotonic() + 10
        while True:
            _, here, rest = server.log().partition(f"listening on http://{address}:")
            if "\n" in rest:
                return server, int(rest.split("\n", 1)[0])
            self.assertLess(time.monotonic(), deadline, server.log())
            time.sleep(0.01)

    def setUp(self):
        self.addresses = own_addresses()
        if not self.addresses:
            self.skipTest("only a loopback address here; test-http-connections.c has the limit")

    def test_limit(self):
        address = self.addresses[0]
        server, port = self.played(address)
        served, refused = self.fill(address, port, MAX_PER_ADDRESS + 3)
        self.assertEqual((len(served), refused), (MAX_PER_ADDRESS, 3))
        for s in served:
            self.assertEqual(self.ask(s), 200, "those that are open go on")

        local, refused = self.fill("127.0.0.1", server.port, MAX_PER_ADDRESS + 3)
        self.assertEqual(refused, 0, "loopback is exempt")

        served.pop().close()
        deadline = time.monotonic() + 10
        while True:
            again, _ = self.fill(address, port, 1)
            if again:
                break
            self.assertLess(time.monotonic(), deadline, "no place after a connection was closed")
            time.sleep(0.05)
        self.assertEqual(self.fill(address, port, 1)[1], 1)
        for s in served + local + again:
            s.close()

    def test_listed_proxies_are_exempt(self):
        address = self.addresses[0]
        _, port = self.played(address, BARUA_HTTP_TRUSTED_PROXIES=f"192.0.2.254;{address}")
        served, refused = self.fill(address, port, MAX_PER_ADDRESS + 3)
        self.assertEqual(refused, 0)
        for s in served:
            s.close()


class Failures(ServerCase):
    """Every test has names and addresses of its own: one server counts for all."""

    def account(self):
        """A new account with the password GOOD."""
        name = self.reference("acc")
        self.check(self.c.put(f"/_users/org.couchdb.user:{name}", {
            "name": name, "type": "user", "roles": ["gateway"], "password": GOOD}), 201)
        return name

    def nobody(self):
        return self.reference("nobody")

    def address(self):
        ServerCase.serial += 1
        return f"203.0.{ServerCase.serial >> 8}.{ServerCase.serial & 255}"

    def basic(self, name, password, address, accept=JSON_TYPE, agent=None):
        return self.c.get("/api/sms", {"Authorization": basic(name, password), "Accept": accept,
                                       "X-Forwarded-For": address,
                                       **({"User-Agent": agent} if agent else {})})

    def session(self, name, password, address):
        return self.c.post("/_session", {"name": name, "password": password},
                           {"X-Forwarded-For": address}, auth=False)

    def fail(self, name=None, address=None, count=10, how=None):
        """Fails @count times with wrong passwords that differ; without @name or @address each time
        with another one."""
        for _ in range(count):
            self.check((how or self.basic)(name or self.nobody(), self.reference("wrong"),
                                           address or self.address()), 401)

    def limited(self, *args, **kwargs):
        return self.check(self.basic(*args, **kwargs), 429, LIMITED)

    @in_one_window
    def test_by_address(self):
        here, account = self.address(), self.account()
        self.fail(address=here)
        self.assertIsNone(self.limited(self.nobody(), "wrong", here).header("www-authenticate"))
        self.limited(account, GOOD, here)
        self.check(self.session(account, GOOD, here), 429)
        self.fail(count=1)
        self.check(self.basic(account, GOOD, self.address()), 200)

    @in_one_window
    def test_text(self):
        """messaging.md 1.2; no redirect to a page that could not let anybody in."""
        here = self.address()
        self.fail(address=here)
        for agent in (None, "curl/8"):
            answer = self.check(self.basic("x", "y", here, "text/plain", agent), 429)
            self.assertEqual((answer.text, answer.header("content-type")),
                             ("Too Many Requests", "text/plain"))

    @in_one_window
    def test_by_account(self):
        """From anywhere, and also for names that nobody has: they must not be told apart."""
        for name in (self.account(), self.nobody()):
            self.fail(name)
            self.limited(name, "wrong", self.address())
            self.limited(name, GOOD, self.address())
            self.check(self.session(name, GOOD, self.address()), 429)
        self.check(self.basic(self.account(), GOOD, self.address()), 200)

    @in_one_window
    def test_both_ways_in_count_together(self):
        name, here = self.account(), self.address()
        self.fail(name, here, 5)
        self.fail(name, here, 5, self.session)
        self.check(self.session(name, "wrong", here), 429)
        self.limited(name, "wrong", here)
        self.check(self.session(name, GOOD, here), 429)

    @in_one_window
    def test_one_wrong_password_again_and_again(self):
        """A refused credential is not remembered: each attempt counts."""
        name, here = self.account(), self.address()
        for _ in range(10):
            self.check(self.basic(name, "the same", here), 401)
        self.limited(name, "the same", here)

    @in_one_window
    def test_no_phone_is_locked_out(self):
        """A cached good credential and a valid session are served whatever others do."""
        name, here = self.account(), self.address()
        self.check(self.basic(name, GOOD, here), 200)
        cookie = self.session(name, GOOD, here).header("set-cookie").split(";")[0]
        self.fail(name, here)
        self.limited(name, "wrong", here)
        self.check(self.basic(name, GOOD, here), 200)
        self.check(self.basic(name, GOOD, self.address()), 200)
        self.check(self.c.post("/api/sms", {}, {"Authorization": basic(name, GOOD),
                                                "X-Forwarded-For": here}), 200)
        answer = self.c.get("/_session", {"Cookie": cookie, "X-Forwarded-For": here}, auth=False)
        self.assertEqual(self.check(answer, 200).json()["userCtx"]["name"], name)

    def test_a_success_clears_the_account(self):
        name = self.account()
        for _ in range(3):
            self.fail(name, count=9)
            self.check(self.session(name, GOOD, self.address()), 200)

    @in_one_window
    def test_a_success_does_not_clear_the_address(self):
        """Who knows one password could try others for ever."""
        account, here = self.account(), self.address()
        self.fail(address=here, count=9)
        self.check(self.session(account, GOOD, here), 200)
        self.fail(address=here, count=1)
        self.limited(self.nobody(), "wrong", here)

    def test_no_credentials_are_no_failure(self):
        account, here = self.account(), self.address()
        for _ in range(12):
            self.check(self.c.get("/api/sms", {"X-Forwarded-For": here, "Accept": JSON_TYPE},
                                  auth=False), 401)
        self.check(self.basic(account, GOOD, here), 200)

    @in_one_window
    def test_only_listed_proxies_are_believed(self):
        """A stranger that names a new address each time is counted under his own."""
        ServerCase.serial += 1
        own = f"127.0.77.{ServerCase.serial & 255}"

        def ask():
            conn = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30,
                                              source_address=(own, 0))
            conn.request("GET", "/api/sms", headers={
                "Authorization": basic(self.nobody(), "wrong"), "Accept": JSON_TYPE,
                "X-Forwarded-For": self.address()})
            status = conn.getresponse().status
            conn.close()
            return status
        self.assertEqual([ask() for _ in range(11)], [401] * 10 + [429])

    @in_one_window
    def test_the_window_ends(self):
        """Refused attempts do not count: ten seconds after the last failure all is well."""
        name, here = self.account(), self.address()
        self.fail(name, here)
        last = time.monotonic()
        while time.monotonic() - last < WINDOW_S - 4:
            self.check(self.session(name, GOOD, here), 429)
            time.sleep(0.5)
        time.sleep(max(0, last + WINDOW_S + 0.2 - time.monotonic()))
        self.check(self.session(name, GOOD, here), 200)


if __name__ == "__main__":
    main()
