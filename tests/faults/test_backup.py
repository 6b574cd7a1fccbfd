#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`barua backup` while messages are written: the copy is whole, and has what was acknowledged
before it was begun."""

import os
import subprocess
import sys
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "http"))
from harness import Server, binary, main, replies_settings  # noqa: E402

RATE = 200      # messages a second
BATCH = 5
BACKUPS = 5
STOCK = 10000   # messages that are there already, so that a copy takes its time
BEFORE_S = 3    # of load before the first
PAUSE_S = 1


class Sender(threading.Thread):
    """Posts batches at a rate, and remembers what was acknowledged."""

    def __init__(self, server):
        super().__init__()
        self.client = server.client(keep_alive=True)
        self.lock, self.stopping = threading.Lock(), threading.Event()
        self.acked, self.failures, self.behind_s = [], [], 0

    def run(self):
        begun, tried = time.monotonic(), 0
        while not self.stopping.is_set():
            refs = [f"backup-{tried + i}" for i in range(BATCH)]
            answer = self.client.post("/api/sms", {"messages": [
                {"id": ref, "from": f"+2547{tried:08d}", "content": "1!YYYZ!Sam#23#2015#ANC"}
                for ref in refs]})
            tried += BATCH
            if answer.status == 200:
                with self.lock:
                    self.acked += refs
            else:
                self.failures.append(answer)
            ahead = begun + tried / RATE - time.monotonic()
            self.behind_s = max(self.behind_s, -ahead)
            if ahead > 0:
                time.sleep(ahead)

    def so_far(self):
        with self.lock:
            return list(self.acked)


def stock_up(client):
    for start in range(0, STOCK, 250):
        client.sms([{"id": f"stock-{start + i}", "from": f"+2547{start + i:08d}",
                     "content": "1!YYYZ!Sam#23#2015#ANC"} for i in range(250)])


def barua(*args):
    return subprocess.run([binary(), *args], capture_output=True, text=True, timeout=120)


class Backup(unittest.TestCase):

    def check_copy(self, path, promised):
        done = barua("check", "--database", path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        copy = Server(database=path).start()
        found = copy.client().by_reference()
        lost = [ref for ref in promised if len(found.get(ref, [])) != 1]
        doubled = [ref for ref, records in found.items() if len(records) > 1]
        copy.finish()
        self.assertEqual((lost[:5], doubled[:5]), ([], []))
        return len(found)

    def test_while_writing(self):
        server = Server().start()
        server.client().settings(replies_settings())
        stock_up(server.client())
        sender = Sender(server)
        begun = time.monotonic()
        sender.start()
        copies = []
        try:
            time.sleep(BEFORE_S)
            for number in range(BACKUPS):
                path = os.path.join(server.directory, f"copy-{number}.db")
                promised = sender.so_far()
                started = time.monotonic()
                done = barua("backup", "--database", server.database, path)
                self.assertEqual(done.returncode, 0, done.stderr)
                copies.append((path, promised, time.monotonic() - started))
                time.sleep(PAUSE_S)
        finally:
            sender.stopping.set()
            sender.join()
        seconds = time.monotonic() - begun
        self.assertEqual(sender.failures, [])
        self.assertGreater(len(copies[0][1]), 0)
        for path, promised, took in copies:
            count = self.check_copy(path, promised)
            print(f"# backup in {took * 1000:.0f} ms: {len(promised)} acknowledged before it, "
                  f"{count - STOCK} in it, 0 lost")
        print(f"# {len(sender.acked) / seconds:.0f} messages a second meanwhile (asked: {RATE}), "
              f"{sender.behind_s:.2f} s behind at worst")
        found = server.client().by_reference()
        self.assertEqual([ref for ref in sender.acked if len(found.get(ref, [])) != 1], [])
        server.finish()


if __name__ == "__main__":
    main()
