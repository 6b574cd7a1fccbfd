#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""200 phones over a bad network: nothing lost, nothing doubled, nothing to two phones.

    BARUA=… phones.py [--phones N] [--rounds N] [--sms N] [--sends N] [--kills N] [--seed S] [--tap]

Every phone has an account of its own and behaves as messaging.md 2 says.  Requests are lost on their
way or cut in half, answers are lost, polls run twice at once with the same items, phones restart in
the middle of a poll, SMS fail on the radio and are tried again, and the server is killed
(kill -9) and started again.  Then the network heals, and when nobody has anything left to say:

* every SMS that a phone received is one record, and its sender has got one reply;
* every message went out exactly once, by one phone;
* no message was ever with two phones;
* no state ever went backwards from sent or delivered, as somebody saw who looked all the time, and
  every message is delivered in the end.
"""

import argparse
import concurrent.futures
import http.client
import os
import random
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))
import harness  # noqa: E402
from harness import PASSWORD, Phone, Server, basic  # noqa: E402

RANK = {"pending": 0, "forwarded-to-gateway": 1, "received-by-gateway": 2,
        "forwarded-by-gateway": 3, "failed": 3, "sent": 4, "delivered": 5}
SETTINGS = {"locale": "en", "transitions": {"default_responses": True},
            "default_responses": {"start_date": "2020-01-01"},
            "translations": {"en": {"sms_received": "Thanks."}}}


class BadPhone(Phone):
    """A phone whose network and radio fail as often as @bad says."""

    def __init__(self, server, number, rand):
        super().__init__(server, f"phone{number:03d}")
        self.number = number
        self.rand = rand
        self.bad = 0.5
        self.received = {}         # reference -> sender
        self.fates = dict.fromkeys(("request lost", "cut in half", "answer lost", "twice at once",
                                    "refused", "good", "radio failed"), 0)

    def head(self, body):
        return super().head(body).replace(basic("admin", PASSWORD).encode(),
                                          basic(self.prefix, PASSWORD).encode())

    def receive_one(self):
        sender = f"+2547{self.number:03d}{self.count:05d}"
        self.received[self.receive(sender, "hello")] = sender

    def fate(self, name):
        self.fates[name] += 1

    def turn(self):
        """What a phone does every half minute."""
        if self.rand.random() >= self.bad:
            good = self.poll()
            self.fate("good" if good else "refused")
            return
        kind = self.rand.choice(("request lost", "cut in half", "answer lost", "twice at once"))
        self.fate(kind)
        if kind == "request lost":
            return
        try:
            if kind == "cut in half":
                self.cut()
            elif kind == "answer lost":    # also a phone that restarts before it reads the answer
                self.lose(self.batch())
            else:
                self.poll_twice_at_once()
        except OSError:
            pass                           # the server is being killed

    def cut(self):
        body = self.encode(self.batch())
        data = self.head(body) + body
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as s:
            s.sendall(data[:self.rand.randrange(1, len(data))])

    def radio(self):
        """Sends what waits; some attempts fail, and the phone or its operator tries again."""
        for uuid in [u for u, m in self.store.items() if m["status"] == "UNSENT"][:10]:
            self.report(uuid, "PENDING")
            if self.rand.random() < self.bad / 3:
                self.fate("radio failed")
                if self.rand.random() < 0.5:
                    self.report(uuid, "UNSENT")             # a soft failure
                else:
                    self.report(uuid, "FAILED", "generic; errorCode=5")
                    self.report(uuid, "UNSENT")             # put back by hand
                continue
            self.sent[uuid] = self.sent.get(uuid, 0) + 1
            self.report(uuid, "SENT")
            self.report(uuid, "DELIVERED")


class Watcher(threading.Thread):
    """Looks at all messages again and again; notes those that went backwards."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.seen = {}
        self.backwards = []
        self.looks = 0
        self.over = False

    def look(self):
        client = self.server.client(timeout=20)
        for doc in client.documents():
            for task in doc.get("tasks", []):
                for message in task["messages"]:
                    self.compare(message["uuid"], task["state"])
        self.looks += 1

    def compare(self, uuid, state):
        before = self.seen.get(uuid)
        if before in ("sent", "delivered") and RANK.get(state, -1) < RANK[before]:
            self.backwards.append((uuid, before, state))
        self.seen[uuid] = state

    def run(self):
        while not self.over:
            try:
                self.look()
            except (OSError, AssertionError, ValueError, http.client.HTTPException):
                pass                       # the server is being killed
            time.sleep(0.3)


class Run:
    def __init__(self, options):
        self.options = options
        self.rand = random.Random(options.seed)
        self.server = Server(args=[]).start()
        self.phones = []
        self.uuids = {}                    # of the messages that were put -> recipient
        self.kills = 0
        self.problems = []

    def set_up(self):
        client = self.server.client()
        client.settings(SETTINGS)
        for n in range(self.options.phones):
            phone = BadPhone(self.server, n, random.Random(self.rand.random()))
            self.phones.append(phone)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(self.add_account, self.phones))
        docs = []
        for n in range(self.options.sends):
            uuid, to = f"send-{n:06d}", f"+2541{n:08d}"
            self.uuids[uuid] = to
            docs.append({"_id": f"doc-{n:06d}", "type": "x", "reported_date": 1e12,
                         "tasks": [{"due": int(time.time() * 1000), "state": "pending", "messages": [
                             {"uuid": uuid, "to": to, "message": f"message {n}"}]}]})
        answer = client.post("/medic/_bulk_docs", {"docs": docs})
        assert answer.status == 201, answer

    def add_account(self, phone):
        name = phone.prefix
        answer = self.server.client().put(f"/_users/org.couchdb.user:{name}", {
            "_id": "org.couchdb.user:" + name, "name": name, "type": "user",
            "roles": ["gateway"], "password": PASSWORD})
        assert answer.status == 201, answer

    def step(self, phone):
        if len(phone.received) < self.options.sms and phone.rand.random() < 0.5:
            phone.receive_one()
        phone.turn()
        phone.radio()

    def is_over(self):
        return all(p.is_idle() and len(p.received) >= self.options.sms for p in self.phones)

    def play(self):
        """Rounds of all phones; kills between and within them; then a good network."""
        watcher = Watcher(self.server)
        watcher.start()
        kill_at = set(range(1, 2 * self.options.kills, 2))
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            for number in range(self.options.rounds + 200):
                bad = number < self.options.rounds
                for phone in self.phones:
                    phone.bad = 0.5 if bad else 0
                turns = [pool.submit(self.step, p) for p in self.rand.sample(self.phones,
                                                                             len(self.phones))]
                if number in kill_at:
                    time.sleep(self.rand.uniform(0.1, 1.0))
                    self.server.restart(kill=True)
                    self.kills += 1
                for turn in turns:
                    turn.result()
                if not bad and self.is_over() and not self.waiting():
                    break
        watcher.over = True
        watcher.join(60)
        watcher.look()
        return watcher

    def waiting(self):
        report = self.server.client().get("/api/v1/gateways").json()
        return report["unassigned"]["waiting"] + sum(g["waiting"] for g in report["gateways"])

    def check(self, watcher):
        client = self.server.client()
        by_reference = client.by_reference()
        n_sms = n_messages = 0
        for phone in self.phones:
            if phone.broken:
                self.problem(f"{phone.prefix} could not use {phone.broken[:1]}")
            for reference, sender in phone.received.items():
                n_sms += 1
                records = by_reference.get(reference, [])
                if len(records) != 1:
                    self.problem(f"{reference}: {len(records)} records")
                    continue
                texts = [m for t in records[0]["tasks"] for m in t["messages"]]
                if len(texts) != 1 or texts[0]["to"] != sender:
                    self.problem(f"{reference}: replies {texts}")
                self.uuids.update((m["uuid"], m["to"]) for m in texts)
        owners = {}
        for phone in self.phones:
            for uuid in phone.store:
                owners.setdefault(uuid, []).append(phone)
        for uuid, to in self.uuids.items():
            n_messages += 1
            phones = owners.pop(uuid, [])
            times = sum(p.sent.get(uuid, 0) for p in phones)
            if len(phones) != 1:
                self.problem(f"{uuid}: was with {len(phones)} phones")
            if times != 1:
                self.problem(f"{uuid}: went out {times} times")
            elif phones[0].store[uuid]["to"] != to:
                self.problem(f"{uuid}: went to {phones[0].store[uuid]['to']}, not {to}")
            if watcher.seen.get(uuid) != "delivered":
                self.problem(f"{uuid}: ended as {watcher.seen.get(uuid)}")
        if owners:
            self.problem(f"{len(owners)} messages that nobody made: {list(owners)[:3]}")
        if watcher.backwards:
            self.problem(f"backwards: {watcher.backwards[:3]}")
        return n_sms, n_messages

    def problem(self, text):
        self.problems.append(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--phones", type=int, default=200)
    parser.add_argument("--sms", type=int, default=int(os.environ.get("BARUA_PHONES_SMS", "2")),
                        help="received by each phone")
    parser.add_argument("--sends", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("BARUA_PHONES_ROUNDS", "5")),
                        help="with a bad network")
    parser.add_argument("--kills", type=int, default=int(os.environ.get("BARUA_PHONES_KILLS", "1")))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tap", action="store_true")
    options = parser.parse_args()
    harness.binary()
    begun = time.monotonic()
    run = Run(options)
    try:
        run.set_up()
        watcher = run.play()
        n_sms, n_messages = run.check(watcher)
    finally:
        run.server.finish()
    fates = {name: sum(p.fates[name] for p in run.phones) for name in run.phones[0].fates}
    text = (f"{options.phones} phones, {n_sms} SMS in, {n_messages} out, {run.kills} kills, "
            f"{watcher.looks} looks, {time.monotonic() - begun:.0f} s; "
            + ", ".join(f"{n} {name}" for name, n in fates.items()))
    for problem in run.problems[:20]:
        print("# " + problem)
    if options.tap:
        print(f"# {text}\n{'not ' if run.problems else ''}ok 1 - phones over a bad network\n1..1")
    else:
        print(text)
        print(f"{len(run.problems)} problems")
    sys.exit(1 if run.problems else 0)


if __name__ == "__main__":
    main()
