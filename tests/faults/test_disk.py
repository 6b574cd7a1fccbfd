#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A disk that is full, and files that cannot be written (messaging.md 1.3, documents.md 13 and 14.5).

A small file system in memory is mounted for it, which needs root; where that is not to be had these
tests are skipped, and the store's own (tests/test-store-faults.c) stand for them."""

import fcntl
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))
from harness import PASSWORD, Server, binary, main, replies_settings  # noqa: E402

SIZE_MIB = 16
UNAVAILABLE = {"code": 503, "error": "Service Unavailable"}
FULL = {"error": "insufficient_storage", "reason": "The disk is full."}

FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_IMMUTABLE_FL = 0x80086601, 0x40086602, 0x10


def set_immutable(path, on):
    """What `chattr +i` does: not even root writes, nor who has the file open."""
    with open(path, "rb") as f:
        flags, = struct.unpack("l", fcntl.ioctl(f, FS_IOC_GETFLAGS, struct.pack("l", 0)))
        flags = flags | FS_IMMUTABLE_FL if on else flags & ~FS_IMMUTABLE_FL
        fcntl.ioctl(f, FS_IOC_SETFLAGS, struct.pack("l", flags))


def check_database(path):
    """`barua check`: its status and what it says."""
    done = subprocess.run([binary(), "check", "--database", path], capture_output=True, text=True,
                          timeout=120)
    return done.returncode, done.stdout + done.stderr


class Load:
    """Posts, and remembers what was acknowledged."""

    def __init__(self, test, server):
        self.test, self.client = test, server.client()
        self.acked, self.tried, self.refused = [], 0, 0

    def sms(self):
        """One incoming message; TRUE when it was acknowledged."""
        self.tried += 1
        reference = f"full-{self.tried}"
        answer = self.client.post("/api/sms", {"messages": [
            {"id": reference, "from": f"+2547{self.tried:08d}", "content": "x" * 300}]})
        if answer.status == 200:
            self.acked.append(reference)
            return True
        self.refusal(answer)
        return False

    def refusal(self, answer):
        self.refused += 1
        self.test.assertEqual(answer.status, 503, answer)
        self.test.assertEqual(answer.json(), UNAVAILABLE)
        self.test.assertEqual(answer.header("Retry-After"), "5")

    def check_kept(self):
        found = self.client.by_reference()
        lost = [r for r in self.acked if r not in found]
        doubled = [r for r, records in found.items() if len(records) > 1]
        self.test.assertEqual((lost, doubled), ([], []))


def start(database):
    server = Server(database=database).start()
    server.client().settings(replies_settings())
    return server


class FullDisk(unittest.TestCase):

    def setUp(self):
        self.mount = tempfile.mkdtemp(prefix="barua-full-")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "none",
                               self.mount], capture_output=True, text=True)
        if done.returncode != 0:
            os.rmdir(self.mount)
            self.skipTest("cannot mount: " + done.stderr.strip())
        self.addCleanup(self.unmount)
        self.server = start(os.path.join(self.mount, "barua.db"))
        self.addCleanup(self.stop)

    def stop(self):
        if self.server.process is not None:
            self.server.kill()
        shutil.rmtree(self.server.directory, ignore_errors=True)

    def unmount(self):
        subprocess.run(["umount", self.mount], check=True)
        os.rmdir(self.mount)

    def fill(self):
        with open(os.path.join(self.mount, "filler"), "wb", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(4096))
            except OSError:
                pass

    def make_room(self):
        os.unlink(os.path.join(self.mount, "filler"))

    def until_refused(self, load):
        """Fills the disk, and posts until the room that the log has already is used up."""
        self.fill()
        for _ in range(4000):
            if not load.sms():
                return
        self.fail("a full disk never refused anything")

    def check_refusals(self, load):
        client = self.server.client()
        for _ in range(20):
            load.sms()
            answer = client.form("/api/v1/records", {
                "from": "+254712345678", "message": "1!YYYZ!" + "long" * 2000})
            load.refusal(answer)
            answer = client.put("/medic/refused", {"long": "x" * 8000})
            self.assertEqual((answer.status, answer.json()), (507, FULL))
        time.sleep(1.1)  # an answer of /readyz is good for a second
        load.refusal(client.form("/api/v1/records", {
            "from": "+254712345678", "message": "1!YYYZ!" + "long" * 2000}))
        ready = client.get("/readyz")
        self.assertEqual((ready.status, ready.json()), (503, {"status": "the disk is full"}))

    def check_reads(self, load):
        client = self.server.client()
        self.assertEqual(client.get("/medic/kept").json()["x"], 1)
        self.assertEqual(client.get("/medic/_all_docs?limit=5").status, 200)
        self.assertEqual(client.get("/api/v1/settings").status, 200)
        self.assertEqual(client.get("/healthz").status, 200, "a new start would not help")
        load.check_kept()

    def check_recovery(self, load):
        """Room again: the server takes messages by itself; returns after how many seconds."""
        begun = time.monotonic()
        self.make_room()
        while not load.sms():
            self.assertLess(time.monotonic() - begun, 30, "no recovery")
            time.sleep(0.01)
        took = time.monotonic() - begun
        self.assertEqual(self.server.client().put("/medic/again", {"x": 2}).status, 201)
        return took

    def test_refuses_reads_and_recovers(self):
        load = Load(self, self.server)
        self.assertEqual(self.server.client().put("/medic/kept", {"x": 1}).status, 201)
        for _ in range(50):
            self.assertTrue(load.sms())
        self.until_refused(load)
        self.check_refusals(load)
        self.check_reads(load)
        took = self.check_recovery(load)
        self.assertEqual(self.server.client().get("/medic/refused").status, 404)
        deadline = time.monotonic() + 30
        while self.server.client().get("/readyz").status != 200:
            self.assertLess(time.monotonic(), deadline, "not ready again")
            time.sleep(0.2)
        load.check_kept()
        self.assertEqual(self.server.stop(), 0)
        self.assertEqual(check_database(self.server.database)[0], 0)
        print(f"# full disk: {len(load.acked)} acknowledged, {load.refused} refused, 0 lost, "
              f"taken again {took * 1000:.0f} ms after there was room")

    def test_killed_while_full(self):
        load = Load(self, self.server)
        self.until_refused(load)
        self.server.kill()
        begun = time.monotonic()
        self.server.start(wait=False)
        try:
            self.server.wait_listening()
        except RuntimeError as error:  # refusing to start is right, with a reason
            self.assertEqual(self.server.process.returncode, 1)
            self.assertRegex(str(error), r"barua serve: .*full")
            self.server.process = None
        else:
            self.server.kill()
        self.assertLess(time.monotonic() - begun, 10)
        self.make_room()
        self.server.start()
        load.client = self.server.client()
        self.assertTrue(load.sms())
        load.check_kept()
        self.assertEqual(self.server.stop(), 0)
        self.assertEqual(check_database(self.server.database)[0], 0)


class ReadOnly(unittest.TestCase):

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="barua-readonly-")
        self.addCleanup(shutil.rmtree, self.directory, True)
        self.database = os.path.join(self.directory, "barua.db")

    def serve(self):
        """Starts as somebody who is not root, who may write anything; must end by itself."""
        user = {"user": 65534, "group": 65534} if os.getuid() == 0 else {}
        env = dict(os.environ, BARUA_ADMIN_PASSWORD=PASSWORD)
        program = os.path.join(self.directory, "barua")
        return subprocess.run([program, "serve", "--database", self.database, "--listen",
                               "127.0.0.1:0"], env=env, capture_output=True, text=True,
                              timeout=20, cwd="/", **user)

    def prepare(self):
        """A database, and the program where anybody can reach it."""
        server = start(self.database)
        self.assertEqual(server.stop(), 0)
        shutil.rmtree(server.directory, ignore_errors=True)
        shutil.copy(binary(), os.path.join(self.directory, "barua"))
        os.chmod(self.directory, 0o755)
        for name in os.listdir(self.directory):
            if os.getuid() == 0:
                os.chown(os.path.join(self.directory, name), 65534, 65534)

    def check_start(self, what):
        done = self.serve()
        self.assertEqual(done.returncode, 1, done.stderr)
        last = done.stderr.strip().splitlines()[-1]
        self.assertRegex(last, r"^barua serve: ")
        self.assertIn(what, last)
        self.assertRegex(last, r"(?i)read-?only|permission|cannot open|unable to open")
        print(f"# {last.replace(self.directory, 'FOLDER')}")

    def test_file_at_start(self):
        self.prepare()
        os.chmod(self.database, 0o444)
        self.check_start(self.database)

    def test_folder_at_start(self):
        self.prepare()
        for name in ("barua.db-wal", "barua.db-shm", "barua.db.lock"):
            if os.path.exists(os.path.join(self.directory, name)):
                os.unlink(os.path.join(self.directory, name))
        if os.getuid() != 0:
            os.chmod(self.directory, 0o555)
            self.addCleanup(os.chmod, self.directory, 0o755)
        self.check_start(self.database)

    def test_under_a_running_server(self):
        server = start(self.database)
        self.addCleanup(shutil.rmtree, server.directory, True)
        load = Load(self, server)
        self.assertEqual(server.client().put("/medic/kept", {"x": 1}).status, 201)
        self.assertTrue(load.sms())
        files = [self.database, self.database + "-wal"]
        try:
            for path in files:
                set_immutable(path, True)
        except OSError as error:
            server.kill()
            self.skipTest(f"files cannot be made immutable here: {error}")
        try:
            for _ in range(10):
                self.assertFalse(load.sms(), "an immutable file was written")
            answer = server.client().put("/medic/refused", {})
            self.assertEqual(answer.status, 503, answer)
            self.assertEqual(server.client().get("/medic/kept").json()["x"], 1)
            load.check_kept()
        finally:
            for path in files:
                set_immutable(path, False)
        self.assertTrue(load.sms())
        load.check_kept()
        self.assertEqual(server.stop(), 0)
        self.assertEqual(check_database(self.database)[0], 0)


if __name__ == "__main__":
    main()
