# SPDX-License-Identifier: MIT
"""Exports that are long, slow or left alone (export-and-monitoring.md 10, the rules of streaming): memory stays where it
is with an export of few records, who goes takes everything along, who reads slowly holds up neither writers nor the
log.  $BARUA_EXPORT_RECORDS (60,000) is how many records there are."""

import os
import re
import socket
import sqlite3
import struct
import sys
import threading
import time
import unittest
from urllib.parse import quote

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))
from harness import PASSWORD, Server, basic, main  # noqa: E402

N = int(os.environ.get("BARUA_EXPORT_RECORDS", "60000"))
N_CONTACTS = max(N // 5, 20000)
FEW = 1000
T = 1600000000000
BATCH = 2000
STALL_S = 3
SLOW_CLIENTS = 20
# What memory may grow by.  Measured: 24 KiB at most; 30 MiB when the server does not wait for the client.
SLACK_KIB = 2048

PLACE = '{{"_id":"cl{0}","parent":{{"_id":"hc{1}","parent":{{"_id":"dh"}}}}}}'
REPORT = ('{{"_id":"r{0:07}","type":"data_record","form":"V","reported_date":{1},"from":"+25471{0:07}",'
          '"sms_message":{{"message":"V week 5 note hello there","from":"+25471{0:07}"}},"errors":[],'
          '"fields":{{"week":{2},"year":2026,"note":"a note of the usual length, number {0}"}},'
          '"contact":{{"_id":"p{3:06}","parent":{4}}},"tasks":[{{"state":"sent","messages":[{{"uuid":"u{0}",'
          '"to":"+25471{0:07}","message":"Thank you, we have your report"}}]}}]}}')
PERSON = ('{{"_id":"p{0:06}","type":"person","name":"Person {0:06} of a village with a name {2}","phone":"+25472{0:07}",'
          '"patient_id":"{0:06}","parent":{1}}}')


def place_of(i):
    return PLACE.format(i % 1000, i % 10)


def comment(text):
    print("# " + text, flush=True)


class Export:
    """One export that is read as slowly as one likes."""

    def __init__(self, server, path, window=None, timeout=3600):
        self.socket = socket.socket()
        if window is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", server.port))
        self.socket.sendall(f"GET /api/v2/export/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                            f"Authorization: {basic('admin', PASSWORD)}\r\n\r\n".encode())
        self.raw = b""
        while b"\r\n\r\n" not in self.raw:
            self.raw += self.take(4096)
        head, _, self.raw = self.raw.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ") and b"\r\nTransfer-Encoding: chunked" in head, head
        self.text = b""
        self.is_over = False
        self.n_bytes = 0

    def take(self, n=65536):
        data = self.socket.recv(n)
        if not data:
            raise AssertionError("the export ended in the middle")
        return data

    def unchunk(self):
        """Moves the chunks that are complete from raw to text."""
        while not self.is_over:
            size, mark, rest = self.raw.partition(b"\r\n")
            n = int(size, 16) if mark else 0
            if not mark or len(rest) < n + 2:
                return
            self.is_over = n == 0
            self.text += rest[:n]
            self.n_bytes += n
            self.raw = rest[n + 2:]

    def lines(self, n=65536):
        """The complete lines of what one read brings."""
        self.raw += self.take(n)
        self.unchunk()
        head, _, self.text = self.text.rpartition(b"\n")
        return head.decode().split("\n") if head else []

    def all_lines(self, stalls=()):
        """Every line; takes nothing for @stalls seconds each, after a thousand lines more each time."""
        n, stalls = 0, list(stalls)
        while not self.is_over:
            for line in self.lines():
                n += 1
                yield line
            if stalls and n >= 1000:
                time.sleep(stalls.pop(0))
                n = 0

    def close(self, rudely=False):
        if rudely:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Watch(threading.Thread):
    """The most anonymous memory that the server has had meanwhile."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.peak = 0
        self.is_over = threading.Event()

    def run(self):
        while not self.is_over.wait(0.01):
            self.peak = max(self.peak, self.server.memory_kib("RssAnon"))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.join()
        self.peak = max(self.peak, self.server.memory_kib("RssAnon"))


class Exports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()
        cls.client = cls.server.client(timeout=600)
        cls.client.settings({"locale": "en", "forms": {}})
        begun = time.monotonic()
        cls.fill(['{"_id":"dh","type":"district_hospital","name":"District"}']
                 + [f'{{"_id":"hc{i}","type":"health_center","name":"Centre {i}","parent":{{"_id":"dh"}}}}'
                    for i in range(10)]
                 + [f'{{"_id":"cl{i}","type":"clinic","name":"Clinic {i}","parent":{{"_id":"hc{i % 10}",'
                    f'"parent":{{"_id":"dh"}}}}}}' for i in range(1000)])
        for start in range(0, N_CONTACTS, BATCH):
            cls.fill([PERSON.format(i, place_of(i), "that is long " * 40)
                      for i in range(start, min(start + BATCH, N_CONTACTS))])
        for start in range(0, N, BATCH):
            cls.fill([REPORT.format(i, T + i * 1000, i % 53, i % N_CONTACTS, place_of(i))
                      for i in range(start, min(start + BATCH, N))])
        comment(f"{N} records and {N_CONTACTS} people in {time.monotonic() - begun:.1f} s")

    @classmethod
    def tearDownClass(cls):
        cls.server.finish()

    @classmethod
    def fill(cls, docs):
        answer = cls.client.post("/medic/_bulk_docs", '{"docs":[' + ",".join(docs) + "]}")
        assert answer.status == 201, answer

    def export(self, path, window=None):
        return Export(self.server, quote(path, safe="/?[]=&"), window)

    def gauge(self, name):
        text = self.client.get("/metrics").text
        return float(re.search(rf"^{name} (\S+)$", text, re.M).group(1))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.server.process.pid}/fd"))

    def assert_soon(self, check, message, seconds=60):
        deadline = time.monotonic() + seconds
        while not check() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertTrue(check(), message)

    def assert_log_is_free(self, message):
        """The whole log can be written back and cut: nobody stands in a transaction that reads."""
        with sqlite3.connect(self.server.database, timeout=10) as database:
            busy, _, _ = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self.assertEqual((busy, os.path.getsize(self.server.database + "-wal")), (0, 0), message)

    def test_1_every_record_once_in_order(self):
        """Reports from the newest, messages from the oldest, contacts by type and id."""
        begun = time.monotonic()
        ids = [line[1:9] for line in self.export("reports").all_lines()][1:]
        self.assertEqual(ids, [f"r{i:07}" for i in range(N - 1, -1, -1)])
        comment(f"{N} reports in {time.monotonic() - begun:.1f} s, the indexing of them included")
        begun = time.monotonic()
        ids = [line[1:9] for line in self.export("messages").all_lines()][1:]
        self.assertEqual(ids[::2], [f"r{i:07}" for i in range(N)])
        self.assertEqual(ids[::2], ids[1::2], "what came in, and the answer")
        comment(f"{2 * N} messages in {time.monotonic() - begun:.1f} s")
        ids = [line.split(",")[0].strip('"') for line in self.export("contacts").all_lines()][1:]
        self.assertEqual(ids, sorted(f"cl{i}" for i in range(1000)) + ["dh"]
                         + sorted(f"hc{i}" for i in range(10)) + [f"p{i:06}" for i in range(N_CONTACTS)])

    def test_2_memory_is_that_of_few_records(self):
        """A client that takes nothing for seconds, longer than the rest would need: it is not kept for it."""
        few_dates = f"filters[date][to]={T + (FEW - 1) * 1000}"
        all_dates = f"filters[date][to]={T + N * 1000}"
        for kind, few, many, n in (
                ("messages", "messages?" + few_dates, "messages?" + all_dates, 2 * N),
                ("reports", "reports?" + few_dates, "reports?" + all_dates + "&filters[forms][selected][0][code]=V"
                 "&filters[search]=usual&filters[valid]=true&filters[facilities][selected][0]=dh", N),
                ("contacts", "contacts?filters[types][selected][0]=clinic",
                 "contacts?filters[types][selected][0]=person&filters[search]=village", N_CONTACTS)):
            with Watch(self.server) as before:
                for _ in range(5):
                    small = self.export(few)
                    n_few = sum(1 for _ in small.all_lines()) - 1
            self.assertEqual(n_few, {"messages": 2 * FEW, "reports": FEW, "contacts": 1000}[kind])
            large = self.export(many, window=65536)
            with Watch(self.server) as during:
                self.assertEqual(sum(1 for _ in large.all_lines([STALL_S, 0.3, 0.3])) - 1, n, kind)
            comment(f"{kind}: {n_few} rows, {small.n_bytes / 1024:.0f} KiB: {before.peak} KiB of memory; "
                    f"{n} rows, {large.n_bytes / 1024:.0f} KiB, slowly: {during.peak} KiB")
            self.assertLess(during.peak - before.peak, SLACK_KIB, kind)

    def test_3_who_goes_leaves_nothing(self):
        """Connections that are closed or reset in the middle: descriptors, connections, memory, transactions."""
        self.client.get("/healthz")
        before, memory = self.descriptors(), self.server.memory_kib("RssAnon")
        threads = self.server.threads()
        for rudely in (False, True):
            gone = [self.export(path, window=8192) for path in
                    ("messages", "reports", "contacts", "reports?filters[search]=nothinglikeit") * 5]
            self.assertIn(self.gauge("barua_http_connections"),  # the fourth of each finds nothing, and may be over
                          range(len(gone) * 3 // 4 + 1, len(gone) + 2))
            for export in gone:
                export.close(rudely)
            self.assert_soon(lambda: self.gauge("barua_http_connections") == 1, "connections stay")
            self.assert_soon(lambda: self.descriptors() <= before, "descriptors stay")
            self.assert_log_is_free("a transaction stays")
        self.assertLessEqual(self.server.threads(), threads + 4, "readers are at most four")
        self.assertLess(self.server.memory_kib("RssAnon") - memory, SLACK_KIB)

    def test_4_slow_clients_hold_up_nobody(self):
        """Twenty exports of which next to nothing is read: SMS are taken, and the log is written back."""
        def post(count, answers):
            client = self.server.client(keep_alive=True)
            name = threading.current_thread().name
            for i in range(count):
                answer = client.post("/api/sms", {"messages": [
                    {"id": f"{name}-{i}", "from": f"+25473{i:07}", "content": "hello"}]})
                answers.append(answer.status)

        def post_all(name):
            answers = []
            begun = time.monotonic()
            threads = [threading.Thread(target=post, args=(500, answers), name=f"{name}{i}") for i in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(answers, [200] * 2000)
            return 2000 / (time.monotonic() - begun)

        alone = post_all("alone")
        dates = f"?filters[date][to]={T + N * 1000}"
        slow = [self.export(path + dates, window=4096) for path in ("messages", "reports") * (SLOW_CLIENTS // 2)]
        for export in slow:  # the columns of reports are known
            while not export.n_bytes:
                export.lines(256)
        is_over = threading.Event()

        def sip():
            while not is_over.wait(0.05):
                for export in slow:
                    export.lines(256)
        reader = threading.Thread(target=sip, daemon=True)
        reader.start()
        beside = post_all("beside")
        is_over.set()
        reader.join()
        comment(f"SMS a second: {alone:.0f} with no export, {beside:.0f} beside {SLOW_CLIENTS} slow ones")
        self.assert_log_is_free("an export that stands still holds the log")
        for export in slow:
            self.assertFalse(export.is_over, "an export was over before the SMS were: it was not slow")
            self.assertLess(export.n_bytes, 1000000)
        ends = {}

        def read_on(export):
            export.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            for ends[export] in export.all_lines():
                pass
        # and they go on as if nothing had been; both at once, since who takes nothing for 30 s is cut off
        threads = [threading.Thread(target=read_on, args=(export,)) for export in slow[:2]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for export, last in zip(slow, (f'^"r{N - 1:07}"', '^"r0000000"')):
            self.assertTrue(export.is_over)
            self.assertRegex(ends[export], last)
        for export in slow:
            export.close()


if __name__ == "__main__":
    main()
