# SPDX-License-Identifier: MIT
"""Idle keep-alive connections are parked (gateway/http/parking.h): nobody may notice, except by the
memory and the time that they do not cost."""

import os
import re
import socket
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import PASSWORD, ServerCase, basic, read_answer  # noqa: E402

PARKED = 2.2  # seconds after which an idle connection is parked for certain
IDLE_S = 10
MAX_CONNECTIONS = 40
# one reader: others are started while the first is busy, and each has files open
CONFIG = f"[http]\nidle-timeout = {IDLE_S}\nmax-connections = {MAX_CONNECTIONS}\n[store]\nreaders = 1\n"


def setUpModule():
    global config
    config = tempfile.NamedTemporaryFile("w", suffix=".conf")
    config.write(CONFIG)
    config.flush()
    ServerCase.begin(args=["--config", config.name])


def tearDownModule():
    ServerCase.end()
    config.close()


POLL = ("POST /api/sms HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: {basic('admin', PASSWORD)}\r\nContent-Length: 2\r\n\r\n{{}}").encode()


class Parking(ServerCase):
    def connect(self):
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=20)

    def poll(self, s, request=POLL):
        s.sendall(request)
        status, _, body = read_answer(s)
        self.assertEqual((status, body), (200, b'{"messages":[]}'))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.server.process.pid}/fd"))

    def test_the_next_request_is_served(self):
        with self.connect() as s:
            for _ in range(3):
                self.poll(s)
                time.sleep(PARKED)
            self.poll(s)
            self.poll(s)

    def test_a_request_in_pieces(self):
        with self.connect() as s:
            self.poll(s)
            time.sleep(PARKED)
            s.sendall(POLL[:1])
            time.sleep(0.2)
            s.sendall(POLL[1:90])
            time.sleep(PARKED)                       # in a header: that is not idle
            self.poll(s, POLL[90:])

    def test_two_requests_at_once(self):
        with self.connect() as s:
            self.poll(s)
            time.sleep(PARKED)
            s.sendall(POLL + POLL)
            got = b""
            while got.count(b'{"messages":[]}') < 2:  # in one piece or in two
                part = s.recv(65536)
                self.assertTrue(part, got)
                got += part
            self.assertEqual(got.count(b"HTTP/1.1 200 OK"), 2)

    def eventually(self, look, seconds=60):
        """What @look() is once that is true."""
        end = time.monotonic() + seconds
        while not (found := look()):
            self.assertLess(time.monotonic(), end, self.server.log())
            time.sleep(0.05)
        return found

    def test_the_client_goes(self):
        with self.connect() as stays:
            self.poll(stays)                         # served: a server that has just started has its files open
            before = self.descriptors()
            sockets = [self.connect() for _ in range(20)]
            for s in sockets:
                self.poll(s)
            time.sleep(PARKED)
            for i, s in enumerate(sockets):
                if i % 2:                            # a reset instead of an end
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                s.close()
            self.eventually(lambda: self.descriptors() <= before)

    def test_the_idle_timeout_still_ends_it(self):
        with self.connect() as s:
            begun = time.monotonic()
            self.poll(s)
            s.settimeout(60)
            self.assertEqual(s.recv(1), b"")
            self.assertGreater(time.monotonic() - begun, IDLE_S - 0.1)

    @staticmethod
    def open_connections(client):
        """As the server counts them, that of the question too."""
        return int(re.search(r"(?m)^barua_http_connections (\d+)", client.get("/metrics").text).group(1))

    def test_parked_connections_count(self):
        one = self.server.client(keep_alive=True)
        self.addCleanup(one.close)
        self.eventually(lambda: self.open_connections(one) == 1)  # those of the other tests are gone
        sockets = [self.connect() for _ in range(MAX_CONNECTIONS - 1)]
        try:
            for s in sockets:
                self.poll(s)
            time.sleep(PARKED)
            with self.connect() as extra:            # one too many
                extra.settimeout(10)
                try:
                    extra.sendall(POLL)
                    self.assertEqual(extra.recv(1), b"")
                except OSError:
                    pass
            self.poll(sockets[0])
        finally:
            for s in sockets:
                s.close()
        self.eventually(self.is_served)

    def is_served(self):
        try:
            with self.connect() as s:
                s.sendall(POLL)
                return read_answer(s)[0] == 200
        except OSError:
            return False

    def test_stop_ends_them(self):
        with self.connect() as s:
            self.poll(s)
            time.sleep(PARKED)
            self.assertEqual(self.server.stop(), 0)
            self.assertEqual(s.recv(1), b"")
        self.assertNotIn("cut off", self.server.log(), "nobody waited for it to end by itself")
        self.server.start()


if __name__ == "__main__":
    harness.main()
