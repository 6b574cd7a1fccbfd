# SPDX-License-Identifier: MIT
"""As a service of systemd: start, health and stop are told; sockets are taken over."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from harness import Client, Server, binary, main  # noqa: E402

DATA = os.path.join(HERE, "..", "..", "data")


class Notified(unittest.TestCase):
    """systemd's side of sd_notify(3): a socket that hears datagrams."""

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="barua-notify-")
        self.addCleanup(self.directory.cleanup)
        path = os.path.join(self.directory.name, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.socket.bind(path)
        self.socket.settimeout(30)
        self.environment = {"NOTIFY_SOCKET": path}

    def hear(self):
        return self.socket.recv(4096).decode().strip()

    def server(self, **env):
        server = Server(env=dict(self.environment, **env))
        self.addCleanup(lambda: server.process and server.kill())
        return server

    def test_ready_and_stopping(self):
        server = self.server()
        server.start()
        self.assertEqual(self.hear(), "READY=1")
        self.assertEqual(server.client().get("/healthz").status, 200)
        self.assertEqual(server.stop(), 0)
        self.assertEqual(self.hear(), "STOPPING=1")

    def test_not_ready_when_it_cannot_start(self):
        server = self.server()
        with open(server.database, "w", encoding="utf-8") as f:
            f.write("this is no database, and never was one" * 100)
        server.start(wait=False)
        self.assertEqual(server.process.wait(30), 1)
        server.process = None
        self.socket.setblocking(False)
        self.assertRaises(BlockingIOError, self.hear)

    def test_watchdog(self):
        """A message each half of WatchdogSec; none while the writer cannot write."""
        server = self.server(WATCHDOG_USEC="400000")
        server.start()
        self.assertEqual(self.hear(), "READY=1")
        for _ in range(3):
            self.assertEqual(self.hear(), "WATCHDOG=1")
        import sqlite3
        other = sqlite3.connect(server.database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")  # what a backup tool gone mad could do
        try:
            self.socket.settimeout(1.5)
            time.sleep(0.5)
            with self.assertRaises(TimeoutError):
                for _ in range(20):
                    self.hear()
        finally:
            other.execute("ROLLBACK")
            other.close()
        self.socket.settimeout(30)
        self.assertEqual(self.hear(), "WATCHDOG=1")
        server.stop()


class Activated(unittest.TestCase):
    def test_socket_of_the_manager(self):
        """What came while the server was away is answered when it is back."""
        server = Server()
        self.addCleanup(shutil.rmtree, server.directory, ignore_errors=True)
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.addCleanup(listener.close)
        port = listener.getsockname()[1]
        early = socket.create_connection(("127.0.0.1", port))
        self.addCleanup(early.close)
        early.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        with open(server.log_path, "ab") as log:
            process = subprocess.Popen(
                ["sh", "-c", f'exec 3<&{listener.fileno()}; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"',
                 "sh", binary(), "serve", "--database", server.database],
                pass_fds=[listener.fileno()], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=server.env)
        try:
            early.settimeout(30)
            self.assertTrue(early.recv(4096).startswith(b"HTTP/1.1 200"))
            self.assertEqual(Client(port).get("/api/sms").status, 200)
            self.assertIn("listening on 1 socket of the service manager", server.log())
        finally:
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(30), 0, server.log())
        self.assertEqual(socket.create_connection(("127.0.0.1", port)).close(), None,
                         "the socket is systemd's, and still listens")


class Unit(unittest.TestCase):
    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd is not installed here")
    def test_hardening(self):
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                               os.path.join(DATA, "barua.service")], capture_output=True, text=True,
                              check=False)
        last = done.stdout.strip().splitlines()[-1]
        print("# " + last.encode("ascii", "ignore").decode())
        exposure = float(last.split(":")[1].split()[0])
        self.assertLessEqual(exposure, 1.5)


if __name__ == "__main__":
    main()
