#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The wall clock is set while the server runs: back by a day, forward by a week.  libfaketime shows
the server a clock of our own; the monotonic one stays what it is."""

import glob
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))
from harness import PASSWORD, Server, certificate, main, replies_settings  # noqa: E402

DAY = 86400
LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"


def library():
    """Debian's libfaketime; the tests need it, so that its absence is a failure."""
    found = glob.glob(LIBRARY)
    if not found:
        sys.exit("Bail out! libfaketime is not installed")
    return found[0]


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


class Faked(unittest.TestCase):

    def begin(self, *args):
        """Starts the server under a clock that can be set."""
        self.folder = tempfile.mkdtemp(prefix="barua-clock-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.file = os.path.join(self.folder, "now")
        self.offset = 0
        self.set_clock(0)
        # the last: else libfaketime 0.9.10 ends waits of the monotonic clock at once, in a circle
        self.server = Server(args=args, env={
            "LD_PRELOAD": library(), "FAKETIME_TIMESTAMP_FILE": self.file, "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_FORCE_MONOTONIC_FIX": "0"}).start()
        self.addCleanup(self.stop)

    def stop(self):
        if self.server.process is not None:
            self.server.kill()
        shutil.rmtree(self.server.directory, ignore_errors=True)

    # The clock of the server.

    def set_clock(self, offset):
        self.offset = offset
        with open(self.file + ".new", "w") as f:
            f.write(f"{offset:+d}\n")
        os.rename(self.file + ".new", self.file)

    def now(self):
        return time.time() + self.offset

    def check_clock(self):
        """The server does see the time that it is shown: the records say when they came."""
        _, record = self.receive()
        self.assertLess(abs(record["reported_date"] / 1000 - self.now()), 30, record)

    # What a test does.

    def receive(self):
        """One incoming message; its document."""
        self.count += 1
        reference = f"clock-{self.count}"
        self.assertIsNotNone(self.c.sms([{"id": reference, "from": f"+2547120{self.count:05d}",
                                          "content": "hello"}]))
        record = self.c.record(reference)
        return record["_id"], record

    def put_task(self, name, due, state="scheduled", **more):
        task = {"messages": [{"uuid": name, "to": "+254799000001", "message": name}],
                "state": state, "due": iso(due), **more}
        which = "tasks" if state == "pending" else "scheduled_tasks"
        answer = self.c.put("/medic/" + name, {"type": "x", which: [task]})
        self.assertEqual(answer.status, 201, answer)

    def state(self, name, which="scheduled_tasks"):
        return self.c.get("/medic/" + name).json()[which][0]["state"]

    def run_timers(self):
        self.server.process.send_signal(signal.SIGUSR2)
        time.sleep(0.5)

    def polled(self, user="admin"):
        return [m["id"] for m in self.server.client(user=user, timeout=15).sms()]

    def processor_s(self):
        """Seconds of processor time that the server has used."""
        with open(f"/proc/{self.server.process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def assert_idle(self):
        """Nothing turns in a circle."""
        before = self.processor_s()
        time.sleep(2)
        used = self.processor_s() - before
        self.assertLess(used, 0.5, f"at {self.offset:+d} s")
        print(f"# {self.offset:+d} s: idle for 2 s, {used:.2f} s of the processor")

    def end(self):
        begun = time.monotonic()
        status, self.server.process, process = None, self.server.process, self.server.process
        process.send_signal(signal.SIGTERM)
        status = process.wait(20)
        self.server.process = None
        self.assertEqual(status, 0, self.server.log())
        self.assertLess(time.monotonic() - begun, 15)


class Clock(Faked):

    def setUp(self):
        self.begin()
        self.c = self.server.client(timeout=15)
        self.c.settings(replies_settings(schedule_evening_hours=24))
        self.count = 0

    def test_ids_rise_whatever_the_clock_does(self):
        ids = []
        for offset in (0, -DAY, 0, 7 * DAY, 7 * DAY, -DAY, -30 * DAY, 0):
            self.set_clock(offset)
            self.check_clock()
            ids += [self.receive()[0] for _ in range(5)]
        self.assertEqual(len(set(ids)), len(ids))
        self.assertEqual(ids, sorted(ids))
        self.end()

    def test_scheduled_messages_go_out_once(self):
        self.put_task("soon", self.now() + 3600)
        self.put_task("next-month", self.now() + 30 * DAY)
        self.set_clock(-DAY)
        self.run_timers()
        self.assertEqual((self.state("soon"), self.state("next-month")), ("scheduled",) * 2)
        self.assertEqual(self.polled(), [])
        self.set_clock(2 * 3600)
        self.run_timers()
        self.assertEqual((self.state("soon"), self.state("next-month")), ("pending", "scheduled"))
        self.assertEqual(self.polled(), ["soon"])
        self.c.sms(updates=[{"id": "soon", "status": "SENT"}])
        for offset in (-DAY, 7 * DAY, 0, 2 * 3600):
            self.set_clock(offset)
            self.run_timers()
            self.assertEqual((self.state("soon"), self.state("next-month")), ("sent", "scheduled"))
            self.assertEqual(self.polled(), [])
        self.set_clock(31 * DAY)
        self.run_timers()
        self.assertEqual(self.polled(), ["next-month"])
        self.end()

    def test_expiry_counts_days_not_jumps(self):
        self.put_task("waits", self.now(), "pending")
        for offset in (-DAY, 6 * DAY, 0):
            self.set_clock(offset)
            self.run_timers()
            self.assertEqual(self.state("waits", "tasks"), "pending")
        self.set_clock(7 * DAY + 60)
        self.run_timers()
        self.assertEqual(self.state("waits", "tasks"), "expired")
        self.set_clock(0)
        self.run_timers()
        self.assertEqual(self.state("waits", "tasks"), "expired")
        self.assertEqual(self.polled(), [])
        self.end()

    def test_a_lease_ends(self):
        for name in ("one", "two"):
            user = "org.couchdb.user:" + name
            answer = self.c.put("/_users/" + user, {"_id": user, "name": name, "type": "user",
                                                    "roles": ["gateway"], "password": PASSWORD})
            self.assertEqual(answer.status, 201, answer)
        self.put_task("leased", self.now(), "pending")
        self.assertEqual(self.polled("one"), ["leased"])
        self.assertEqual(self.polled("two"), [])
        self.set_clock(-DAY)  # the lease would end in a day and five minutes
        self.assertEqual(self.polled("two"), ["leased"])
        self.assertEqual(self.polled("one"), [])
        self.set_clock(-DAY + 301)
        self.assertEqual(self.polled("one"), ["leased"])
        self.end()

    def test_a_session_ends(self):
        answer = self.c.post("/_session", {"name": "admin", "password": PASSWORD}, auth=False)
        cookie = re.match(r"[^;]+", answer.header("Set-Cookie")).group(0)

        def status():
            return self.c.get("/medic/_all_docs?limit=1", {"Cookie": cookie}, auth=False).status

        for offset in (0, -DAY, 7 * DAY, 0):
            self.set_clock(offset)
            self.assertEqual(status(), 200)
        self.set_clock(3 * 365 * DAY)
        begun = time.monotonic()  # who is known is remembered for some seconds
        while status() != 401:
            self.assertLess(time.monotonic() - begun, 15, "the session goes on")
            time.sleep(0.2)
        self.assertEqual(self.c.get("/medic/_all_docs?limit=1").status, 200)
        self.end()

    def test_nothing_hangs_or_turns(self):
        self.put_task("later", self.now() + 3600)
        for offset in (-DAY, 7 * DAY, 0):
            self.set_clock(offset)
            begun = time.monotonic()
            for _ in range(20):
                self.receive()
            self.assertLess(time.monotonic() - begun, 15)
            self.assert_idle()
        self.assertNotRegex(self.server.log(), r"CRITICAL|did not")
        self.end()


class Certificate(Faked):
    """The end of a certificate is told once a day."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="barua-clock-")
        self.addCleanup(folder.cleanup)
        crt, key = certificate(folder.name, days=30)
        self.begin("--tls-certificate", crt, "--tls-key", key)

    def said(self):
        return re.findall(r"a certificate in \S+ (.*)", self.server.log())

    def test_its_end_is_told(self):
        expected = []
        for days, words in ((0, None), (15, None), (16.5, "ends in 13 days"), (16.6, None), (17.4, None),
                            (17.6, "ends in 12 days"), (29.5, "ends in 11 hours"), (31, "has expired"),
                            (31.5, None), (32.1, "has expired")):
            self.set_clock(int(days * DAY))
            expected += [words] if words else []
            self.run_timers()
            deadline = time.monotonic() + 15
            while len(self.said()) < len(expected) and time.monotonic() < deadline:
                time.sleep(0.1)
            self.assertEqual(self.said(), expected, days)
        self.end()


if __name__ == "__main__":
    main()
