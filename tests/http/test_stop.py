# SPDX-License-Identifier: MIT
"""How the server stops: at once when nothing is slow, after ten seconds at most, and with an answer for
who handed something in (cli.md, Signals; part 7 point 4)."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import ssl
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import (PASSWORD, Server, basic, certificate, main, read_all, read_answer,  # noqa: E402
                     replies_settings)

AUTH = f"Host: localhost\r\nAuthorization: {basic('admin', PASSWORD)}\r\n"
SOON, LATEST = 2, 10  # seconds, part 7 point 4
REQUEST_TIMEOUT = 30  # seconds, which would end slow ones too


def get(path):
    return f"GET {path} HTTP/1.1\r\n{AUTH}\r\n".encode()


def sms(reference):
    body = json.dumps({"messages": [{"id": reference, "from": "+254712345678", "content": "hello"}]})
    return (f"POST /api/sms HTTP/1.1\r\n{AUTH}Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


class Stop(unittest.TestCase):
    def start(self, **kwargs):
        server = Server(**kwargs)
        self.addCleanup(lambda: server.process and server.kill())
        self.addCleanup(shutil.rmtree, server.directory, ignore_errors=True)
        self.server = server
        server.start()
        server.client(tls=kwargs.get("tls")).settings(replies_settings())
        return server

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.server.port), timeout=60)
        self.addCleanup(s.close)
        return s

    def send(self, data):
        s = self.connect()
        s.sendall(data)
        return s

    def hear(self, s, text):
        got = b""
        while text not in got:
            part = s.recv(65536)
            self.assertTrue(part, got)
            got += part
        return got

    def begin(self, signals=1):
        """Sends SIGTERM."""
        self.offset = os.path.getsize(self.server.log_path)
        self.began = time.monotonic()
        self.server.process.send_signal(signal.SIGTERM)

    def said(self):
        with open(self.server.log_path, encoding="utf-8") as log:
            log.seek(self.offset)
            return log.read()

    def wait(self, status=0):
        """Until the server has closed everything; how long that took (a sanitizer's last look is not counted)."""
        end = self.began + 60
        while "note: stopped\n" not in self.said() and self.server.process.poll() is None:
            self.assertLess(time.monotonic(), end, self.server.log())
            time.sleep(0.01)
        took = time.monotonic() - self.began
        self.assertEqual(self.server.process.wait(60), status, self.server.log())
        self.server.process = None
        return took

    def restart(self):
        self.server.start()
        return self.server.client()


class Prompt(Stop):
    """Nothing is slow."""

    def open_everything(self):
        """Connections that are idle, parked, new, in a long poll, in a feed."""
        idle = [self.send(get("/api/sms")) for _ in range(10)]
        for s in idle:
            self.assertEqual(read_answer(s)[0], 200)
        if self.is_patient:
            time.sleep(1.7)  # they are parked now
        new = [self.connect() for _ in range(5)]
        half = [self.send(b"GET /medic/_all") for _ in range(5)]
        polls = [self.send(get("/medic/_changes?feed=longpoll&since=now")) for _ in range(5)]
        feeds = [self.send(get("/medic/_changes?feed=continuous&since=now&heartbeat=60000")) for _ in range(5)]
        for s in feeds:
            self.hear(s, b"200 OK")
        time.sleep(0.2)
        return idle + new + half, polls, feeds

    def once(self):
        self.start()
        client = self.server.client()
        docs = [{"_id": f"r{i}", "type": "data_record", "reported_date": 1795280100000 + i, "from": "+254712345678",
                 "sms_message": {"message": f"message {i}", "from": "+254712345678"}} for i in range(1500)]
        self.assertEqual(client.post("/medic/_bulk_docs", {"docs": docs}).status, 201)
        quiet, polls, feeds = self.open_everything()
        export = self.send(get("/api/v2/export/messages"))
        head = self.hear(export, b"\r\n\r\n")
        rest = []
        reader = threading.Thread(target=lambda: rest.append(read_all(export)))
        reader.start()
        self.begin()
        took = self.wait()
        reader.join()
        text = head + rest[0]
        self.assertEqual(text.count(b'"Message"'), 1500, "an export under way is finished")
        self.assertTrue(text.endswith(b"0\r\n\r\n"))
        for s in quiet:
            self.assertEqual(read_all(s), b"")
        for s in polls:
            self.assertRegex(read_all(s), rb"200 OK[\s\S]*\"last_seq\"")
        for s in feeds:
            self.assertTrue(read_all(s).endswith(b"0\r\n\r\n"), "the feed was ended, not cut")
        self.assertNotIn("cut off", self.said())
        return took

    def test_idle_waiting_and_busy_ones(self):
        took = []
        for self.is_patient in (True, False, True):  # on a machine that does other things too
            took.append(self.once())
            if took[-1] <= SOON:
                break
        print(f"# stopped after {min(took):.2f} s", flush=True)
        self.assertLessEqual(min(took), SOON)

    def test_https(self):
        """Idle ones are told, and half a handshake keeps nobody."""
        folder = tempfile.mkdtemp(prefix="barua-stop-")
        self.addCleanup(shutil.rmtree, folder)
        crt, key = certificate(folder)
        server = Server(args=["--tls-certificate", crt, "--tls-key", key])
        self.addCleanup(lambda: server.process and server.kill())
        self.addCleanup(shutil.rmtree, server.directory, ignore_errors=True)
        self.server = server
        server.start()
        context = ssl.create_default_context(cafile=crt)
        idle = context.wrap_socket(self.connect(), server_hostname="localhost")
        idle.suppress_ragged_eofs = False
        idle.sendall(get("/api/sms"))
        self.assertEqual(read_answer(idle)[0], 200)
        feed = context.wrap_socket(self.connect(), server_hostname="localhost")
        feed.sendall(get("/medic/_changes?feed=continuous&since=now&heartbeat=60000"))
        self.hear(feed, b"200 OK")
        silent = [self.connect(), self.send(b"\x16\x03\x01\x02\x00\x01\x00")]
        time.sleep(0.2)
        self.begin()
        took = self.wait()
        print(f"# stopped after {took:.2f} s", flush=True)
        self.assertEqual(idle.recv(100), b"")
        self.assertTrue(read_all(feed).endswith(b"0\r\n\r\n"))
        for s in silent:
            self.assertEqual(read_all(s), b"")
        self.assertNotIn("cut off", self.said())
        idle.close()
        feed.close()


class InFlight(Stop):
    def test_what_was_begun_is_answered(self):
        """A message of which half has come at SIGTERM is taken, stored and answered; nobody new is."""
        self.start()
        half = self.send(sms("half")[:-10])
        time.sleep(0.2)
        self.begin()
        while "stopping" not in self.said():
            time.sleep(0.01)
        self.assertRaises(ConnectionRefusedError, self.connect)
        half.sendall(sms("half")[-10:])
        status, head, body = read_answer(half)
        self.assertEqual(status, 200, head)
        self.assertIn(b"connection: close", head.lower())
        self.assertEqual(len(json.loads(body)["messages"]), 1)
        self.wait()
        self.restart().record("half")
        self.server.stop()

    def test_what_waits_for_the_disk_is_answered(self):
        """Messages whose job has not been committed at SIGTERM."""
        self.start()
        other = sqlite3.connect(self.server.database, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")  # the writer cannot
        waiting = [self.send(sms(f"w{n}")) for n in range(8)]
        time.sleep(0.3)
        self.begin()
        time.sleep(0.5)
        other.execute("ROLLBACK")
        for s in waiting:
            self.assertEqual(read_answer(s)[0], 200)
        self.wait()
        client = self.restart()
        self.assertEqual(sorted(client.by_reference()), [f"w{n}" for n in range(8)])
        self.server.stop()

    def test_nothing_acknowledged_is_lost(self):
        """Five times SIGTERM in the middle of phones that hand in as fast as they can."""
        server = self.start()
        acknowledged, broken = [], []
        for turn in range(5):
            stop = threading.Event()

            def phone(name):
                n = 0
                client = server.client(keep_alive=True)
                while not stop.is_set():
                    reference = f"{turn}-{name}-{n}"
                    n += 1
                    try:
                        answer = client.post("/api/sms", {"messages": [
                            {"id": reference, "from": "+254712345678", "content": "hello"}]})
                    except OSError:
                        return  # refused, or gone before it was sent
                    except Exception as error:  # noqa: BLE001
                        if type(error).__name__ in ("RemoteDisconnected", "BadStatusLine", "CannotSendRequest"):
                            return
                        broken.append(error)
                        return
                    if answer.status == 200:
                        acknowledged.append(reference)
                    else:
                        broken.append(answer)
            threads = [threading.Thread(target=phone, args=(name,)) for name in range(6)]
            for t in threads:
                t.start()
            before = len(acknowledged)
            while len(acknowledged) < before + 30:
                time.sleep(0.005)
            self.begin()
            self.wait()
            stop.set()
            for t in threads:
                t.join()
            server.start()
        found = server.client().by_reference()
        self.assertEqual(broken, [])
        self.assertEqual(set(acknowledged) - set(found), set())
        self.assertEqual([r for r, records in found.items() if len(records) != 1], [])
        server.stop()


class Slow(Stop):
    def test_ten_seconds_at_most(self):
        """Half a body that never goes on, and a reader that does not read."""
        server = self.start()
        client = server.client()
        rev = client.put("/medic/large", {}).json()["rev"]
        client.request("PUT", f"/medic/large/file?rev={rev}", b"x" * (19 << 20), {"Content-Type": "image/png"})
        half = self.send(sms("never")[:-10])
        s = self.connect()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(get("/medic/large/file"))
        time.sleep(0.3)
        self.begin()
        took = self.wait()
        print(f"# stopped after {took:.2f} s", flush=True)
        self.assertGreater(took, LATEST - 1, "they had their time")
        self.assertLess(took, REQUEST_TIMEOUT, "and no more of it")
        self.assertIn("cut off", self.said())
        self.assertEqual(read_all(half), b"")
        self.assertNotIn("never", self.restart().by_reference())
        self.assertEqual(server.stop(), 0)

    def test_a_second_signal_ends_at_once(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            server = self.start()
            self.assertEqual(server.client().sms([{"id": "kept", "from": "+254712345678", "content": "x"}])[0]["to"],
                             "+254712345678")
            self.send(sms("never")[:-10])
            time.sleep(0.2)
            self.begin()
            while "stopping" not in self.said():
                time.sleep(0.01)
            server.process.send_signal(how)
            self.assertEqual(server.process.wait(30), 1, "after the ten seconds of the first it would be 0")
            server.process = None
            self.restart().record("kept")
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    main()
