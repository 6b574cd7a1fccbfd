# SPDX-License-Identifier: MIT
"""/healthz and /readyz when something stalls or cannot be written: export-and-monitoring.md 7.2."""

import os
import signal
import socket
import sqlite3
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Client, Server, main  # noqa: E402

OK = (200, {"status": "ok"})
STALLED = (503, {"status": "the writer does not answer"})
LIFE = 1.1  # an answer of /readyz is a second old at most


class Health(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.finish)

    def start(self):
        self.server.start()
        self.client = self.server.client()

    def ask(self, path):
        answer = self.client.get(path, auth=False)
        self.assertEqual(answer.header("Cache-Control"), "no-store")
        return answer.status, answer.json()

    def eventually(self, path, expected, timeout=30):
        deadline = time.monotonic() + timeout
        while self.ask(path) != expected:
            self.assertLess(time.monotonic(), deadline, f"{path} never was {expected}")
            time.sleep(0.1)

    def test_well(self):
        self.start()
        for path in ("/healthz", "/readyz"):
            self.assertEqual(self.ask(path), OK)

    def test_writer_stalls(self):
        """Another process keeps the database to itself: the writer waits for it, and that is told in time."""
        self.start()
        other = sqlite3.connect(self.server.database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        results = {}

        def ask(path):
            client = Client(self.server.port, timeout=30)
            answer = client.get(path, auth=False)
            results[path] = (answer.status, answer.json())

        threads = [threading.Thread(target=ask, args=(path,)) for path in ("/healthz", "/readyz")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - begun
        self.assertEqual(results, {"/healthz": STALLED, "/readyz": STALLED})
        self.assertLess(took, 20)
        self.assertEqual(self.client.get("/medic").status, 200, "reads go on")
        other.execute("ROLLBACK")
        other.close()
        self.eventually("/healthz", OK)
        self.eventually("/readyz", OK)

    def test_long_queue_is_no_stall(self):
        """A writer that works is healthy, however much waits for it."""
        self.start()
        stop = threading.Event()

        def load():
            client = self.server.client()
            while not stop.is_set():
                client.post("/medic/_bulk_docs", {"docs": [{"x": "y" * 200}] * 100})

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        seen = [self.ask("/healthz") for _ in range(10)]
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(set(s for s, _ in seen), {200})

    def test_main_loop_stalls(self):
        """A process that stands still answers nothing, and is well again when it goes on."""
        self.start()
        self.server.process.send_signal(signal.SIGSTOP)
        try:
            with socket.create_connection(("127.0.0.1", self.server.port), timeout=1.5) as s:
                s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertRaises(TimeoutError, s.recv, 100)
        finally:
            self.server.process.send_signal(signal.SIGCONT)
        self.assertEqual(self.ask("/healthz"), OK)

    def test_database_that_cannot_be_written(self):
        """/readyz says so; /healthz does not: a new start would not help."""
        self.start()
        self.assertEqual(self.ask("/readyz"), OK)
        db = sqlite3.connect(self.server.database)
        db.execute("ALTER TABLE meta RENAME TO hidden")
        time.sleep(LIFE)
        self.assertEqual(self.ask("/readyz"), (503, {"status": "the database cannot be written"}))
        self.assertEqual(self.ask("/healthz"), OK)
        db.execute("ALTER TABLE hidden RENAME TO meta")
        db.close()
        self.eventually("/readyz", OK)

    def test_what_failed_is_remembered(self):
        """What clients could not store shows in /readyz, also where something small can be written."""
        self.start()
        db = sqlite3.connect(self.server.database)
        db.execute("ALTER TABLE inref RENAME TO hidden")
        answer = self.client.post("/api/sms", {"messages": [{"id": "a", "from": "+254712345678", "content": "a"}]})
        self.assertEqual(answer.status, 503)
        self.assertEqual(self.ask("/readyz"), (503, {"status": "the database cannot be written"}))
        db.execute("ALTER TABLE hidden RENAME TO inref")
        db.close()
        self.eventually("/readyz", OK)

    def test_asking_costs_little(self):
        """However many ask whether it is ready: one small write a second."""
        self.start()
        self.client.keep_alive = True

        def commits():
            text = self.client.get("/metrics").text
            return int(text.split("\nbarua_commits_total ")[1].split()[0])

        self.ask("/readyz")
        before, begun = commits(), time.monotonic()
        for _ in range(200):
            self.assertEqual(self.ask("/readyz"), OK)
        self.assertLessEqual(commits() - before, 2 + 2 * (time.monotonic() - begun))

    def test_watchdog_is_silent(self):
        """A writer that hangs: systemd hears nothing, and would start us anew; it hears again when it goes on."""
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(heard.close)
        heard.bind(os.path.join(directory.name, "notify"))
        heard.settimeout(30)
        self.server.env.update(NOTIFY_SOCKET=heard.getsockname(), WATCHDOG_USEC="1000000")
        self.start()
        while heard.recv(100) != b"WATCHDOG=1":
            pass
        other = sqlite3.connect(self.server.database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        time.sleep(3)  # a probe that was under way has ended
        heard.setblocking(False)
        try:
            while heard.recv(100):
                pass
        except BlockingIOError:
            pass
        time.sleep(2)
        self.assertRaises(BlockingIOError, heard.recv, 100)
        other.execute("ROLLBACK")
        other.close()
        heard.settimeout(30)
        self.assertEqual(heard.recv(100), b"WATCHDOG=1")


if __name__ == "__main__":
    main()
