#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kill -9 under load, again and again; afterwards everything that was acknowledged is there, once.

    BARUA=… crash.py [--kills N] [--seed S] [--connections C] [--tap]

Each round starts the server, lets several connections post batches, one post single records and
one play the phone (fetch replies, report states), and kills it at a random moment, sometimes
before it listens.  What a client got a 200 for is remembered by the client alone.
Checked: an acknowledged reference has exactly one record, another one none or one; an acknowledged
status is in the history of its message, and the state never stands behind it; a message that was
handed out exists; `barua check` finds the queue equal to the documents.  What the connections of
documents.py wrote is checked there.
"""

import argparse
import collections
import http.client
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))
from harness import FORM_TYPE, FORMS, JSON_TYPE, PASSWORD, Server, basic, binary  # noqa: E402

from documents import DB, Documents  # noqa: E402

Figures = collections.namedtuple("Figures", "book server faults restart_ms early count lost "
                                            "doubled sampled seconds documents")
RANK = {"pending": 0, "forwarded-to-gateway": 1, "received-by-gateway": 2,
        "forwarded-by-gateway": 3, "sent": 4, "delivered": 5}
WORDS = (("UNSENT", "received-by-gateway"), ("PENDING", "forwarded-by-gateway"),
         ("SENT", "sent"), ("DELIVERED", "delivered"))
HEADERS = {"Authorization": basic("admin", PASSWORD), "Content-Type": JSON_TYPE,
           "Accept": JSON_TYPE}
SETTINGS = {"locale": "en", "default_country_code": 254, "forms": FORMS,
            "transitions": {"default_responses": True},
            "default_responses": {"start_date": "2020-01-01"},
            "translations": {"en": {"sms_received": "Thanks."}}}


class Book:
    """What the clients were told."""

    def __init__(self):
        self.lock = threading.Lock()
        self.acked = {}            # reference -> round
        self.tried = set()
        self.states = {}           # uuid -> acknowledged states, in order
        self.next_word = {}        # uuid -> index in WORDS of what the phone reports next
        self.requests = self.broken = self.refused = 0
        self.first_refusal = None

    def refuse(self, status, body):
        with self.lock:
            self.refused += 1
            self.first_refusal = self.first_refusal or f"{status} {body[:200]!r}"


class Round:
    """The load of one life of the server."""

    def __init__(self, book, port, number):
        self.book, self.port, self.number = book, port, number
        self.stopping = threading.Event()
        self.threads = []

    def start(self, connections, documents):
        jobs = [lambda i=i: self.post_batches(i) for i in range(connections)]
        jobs += [self.post_records, self.phone, *documents.jobs(self)]
        self.threads = [threading.Thread(target=self.guard, args=(job,)) for job in jobs]
        for t in self.threads:
            t.start()

    def join(self):
        self.stopping.set()
        for t in self.threads:
            t.join()

    def guard(self, job):
        """A connection that breaks is tried anew until the round is over."""
        while not self.stopping.is_set():
            try:
                job()
            except (OSError, http.client.HTTPException):
                with self.book.lock:
                    self.book.broken += 1
                if self.stopping.wait(0.02):
                    return

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def exchange(self, conn, path, body, headers=HEADERS):
        conn.request("POST", path, body, headers)
        answer = conn.getresponse()
        data = answer.read()
        with self.book.lock:
            self.book.requests += 1
        if answer.status != 200:
            self.book.refuse(answer.status, data)
            return None
        return json.loads(data)

    def references(self, stem, count):
        with self.book.lock:
            start = len(self.book.tried)
            refs = [f"{stem}-{self.number}-{start + i}" for i in range(count)]
            self.book.tried.update(refs)
        return refs

    def acknowledge(self, refs):
        with self.book.lock:
            for ref in refs:
                self.book.acked[ref] = self.number

    def post_batches(self, index):
        """Batches with fresh references; one in four is sent again, as phones do."""
        conn, rng = self.connection(), random.Random(f"{index} {self.number}")
        while not self.stopping.is_set():
            refs = self.references(f"b{index}", rng.randint(1, 8))
            batch = [{"id": ref, "from": f"+2547{rng.randrange(10 ** 8):08d}",
                      "content": rng.choice(("1!YYYZ!Sam#23#2015#ANC", "YYYZ Sam 23 2015 ANC",
                                             "a question", "YYYZ wk x"))} for ref in refs]
            body = json.dumps({"messages": batch})
            for _ in range(1 + (rng.random() < 0.25)):
                if self.exchange(conn, "/api/sms", body) is not None:
                    self.acknowledge(refs)
            time.sleep(rng.random() * 0.01)

    def post_records(self):
        conn, rng = self.connection(), random.Random(f"records {self.number}")
        headers = {**HEADERS, "Content-Type": FORM_TYPE}
        while not self.stopping.is_set():
            ref, = self.references("r", 1)
            body = urllib.parse.urlencode({
                "from": f"+2547{rng.randrange(10 ** 8):08d}", "message": "1!YYYZ!Ann#1#2016#X",
                "gateway_ref": ref})
            if self.exchange(conn, "/api/v1/records", body, headers) is not None:
                self.acknowledge([ref])
            time.sleep(rng.random() * 0.01)

    def phone(self):
        """Reports the next state of everything it holds, and takes what is handed out."""
        conn, book = self.connection(), self.book
        while not self.stopping.is_set():
            with book.lock:
                due = [u for u, n in book.next_word.items() if n < len(WORDS)][:20]
                updates = [(u, *WORDS[book.next_word[u]]) for u in due]
            value = self.exchange(conn, "/api/sms", json.dumps({
                "updates": [{"id": u, "status": w} for u, w, _ in updates]}))
            if value is None:
                time.sleep(0.01)
                continue
            with book.lock:
                for uuid, _, state in updates:
                    book.states[uuid].append(state)
                    book.next_word[uuid] += 1
                for message in value["messages"]:
                    book.states.setdefault(message["id"], [])
                    book.next_word.setdefault(message["id"], 0)


def check_database(server):
    """`barua check` on the file as it lies; the text of its complaint."""
    done = subprocess.run([binary(), "check", "--database", server.database],
                          capture_output=True, text=True, timeout=600)
    return None if done.returncode == 0 else \
        f"barua check ended with {done.returncode}: {done.stdout[:2000]}{done.stderr[:2000]}"


def latest(client, limit):
    """The newest records: ids are ordered by time."""
    answer = client.get(f"/medic/_all_docs?include_docs=true&descending=true&limit={limit}")
    return [row["doc"] for row in answer.json()["rows"] if row["doc"].get("type") == "data_record"]


def task_faults(book, records):
    """Acknowledged states that are not in the documents."""
    faults = []
    for record in records:
        for task in record.get("tasks", []):
            uuid = task["messages"][0]["uuid"]
            acked = book.states.get(uuid)
            if acked is None:
                continue
            history = [h["state"] for h in task["state_history"]]
            missing = [s for s in acked if s not in history]
            if missing:
                faults.append(f"{uuid}: acknowledged {missing}, history {history}")
            elif acked and RANK.get(task["state"], -1) < max(RANK[s] for s in acked):
                faults.append(f"{uuid}: state {task['state']} after acknowledged {acked}")
            elif not acked and task["state"] == "pending":
                faults.append(f"{uuid}: handed out, yet pending")
            first_seen = [RANK.get(s, 9) for s in dict.fromkeys(history)]
            if first_seen != sorted(first_seen):
                faults.append(f"{uuid}: history out of order {history}")
    return faults


def sample(book, client, number, faults):
    """After one kill: what the last round was promised is among the newest records."""
    with book.lock:
        promised = [ref for ref, n in book.acked.items() if n == number][-150:]
    if not promised:
        return 0
    records = latest(client, 2000)
    found = {}
    for record in records:
        ref = record["sms_message"].get("gateway_ref")
        found[ref] = found.get(ref, 0) + 1
    for ref in promised:
        if found.get(ref, 0) != 1:
            faults.append(f"round {number}: {ref} acknowledged, found {found.get(ref, 0)} times")
    faults += [f"round {number}: {f}" for f in task_faults(book, records)]
    return len(promised)


def everything(book, client, faults):
    """At the end: every reference and every task."""
    records = client.records()
    found = {}
    for record in records:
        ref = record["sms_message"].get("gateway_ref")
        found[ref] = found.get(ref, 0) + 1
    lost = [r for r in book.acked if r not in found]
    doubled = [r for r, n in found.items() if n > 1]
    alien = [r for r in found if r not in book.tried]
    faults += [f"{r}: acknowledged, no record" for r in lost]
    faults += [f"{r}: {found[r]} records" for r in doubled]
    faults += [f"{r}: nobody sent it" for r in alien]
    faults += task_faults(book, records)
    uuids = {m["uuid"] for r in records for t in r.get("tasks", []) for m in t["messages"]}
    faults += [f"{u}: was handed out, no document has it" for u in set(book.states) - uuids]
    return len(records), len(lost), len(doubled)


def run(options):
    book, faults, sampled = Book(), [], 0
    documents = Documents(book)
    server, rng = Server(), random.Random(options.seed)
    started = time.monotonic()
    server.start()
    server.client().settings(SETTINGS)
    assert server.client().request("PUT", DB).status == 201
    server.stop()
    restart_ms, early = [], 0
    try:
        for number in range(options.kills):
            begun = time.monotonic()
            if rng.random() < 0.1:  # killed while it starts
                server.start(wait=False)
                time.sleep(rng.random() * 0.08)
                server.kill()
                early += 1
                continue
            server.start()
            restart_ms.append((time.monotonic() - begun) * 1000)
            if number % options.sample_every == 0 and number:
                sampled += sample(book, server.client(), number - 1, faults)
            load = Round(book, server.port, number)
            load.start(options.connections, documents)
            time.sleep(0.05 + rng.random() * options.life)
            server.kill()
            load.join()
            if number % max(1, options.kills // 10) == 0:
                complaint = check_database(server)
                if complaint:
                    faults.append(f"round {number}: {complaint}")
                if faults or documents.faults:
                    break
        server.start()
        count, lost, doubled = everything(book, server.client(), faults)
        documents.verify(server.port)
        if server.stop() != 0:
            faults.append("the last stop was not clean")
        complaint = check_database(server)
        if complaint:
            faults.append("at the end: " + complaint)
    except BaseException:
        print(server.log()[-3000:], file=sys.stderr)
        raise
    return report(options, Figures(book, server, faults, restart_ms, early, count, lost, doubled,
                                   sampled, time.monotonic() - started, documents))


def report(options, f):
    """Prints the figures and the faults; the exit status."""
    book, states = f.book, sum(map(len, f.book.states.values()))
    text = (f"kills                      {len(f.restart_ms) + f.early} ({f.early} while starting)\n"
            f"requests answered          {book.requests} ({book.refused} not 200)\n"
            f"connections broken         {book.broken}\n"
            f"references tried           {len(book.tried)}\n"
            f"references acknowledged    {len(book.acked)}\n"
            f"records found              {f.count}\n"
            f"checked in between         {f.sampled}\n"
            f"acknowledged and lost      {f.lost}\n"
            f"doubled                    {f.doubled}\n"
            f"messages handed out        {len(book.states)}\n"
            f"states acknowledged        {states}\n"
            f"{f.documents.report()}"
            f"restart, median            {sorted(f.restart_ms)[len(f.restart_ms) // 2]:.0f} ms\n"
            f"time                       {f.seconds:.0f} s\n"
            f"faults                     {len(f.faults)}\n")
    if book.first_refusal:
        text += f"first answer that was not 200: {book.first_refusal}\n"
    text += "".join(f"fault: {fault}\n" for fault in (f.faults + f.documents.faults)[:40])
    if f.faults or f.documents.faults:
        text += f"the database stays in {f.server.directory}\n"
    else:
        shutil.rmtree(f.server.directory, ignore_errors=True)
    checks = (("the load was accepted", book.acked and states),
              ("no acknowledged message is lost", not f.lost),
              ("no message is doubled", not f.doubled),
              ("nothing else is wrong: states, queue, documents, restarts",
               len(f.faults) == f.lost + f.doubled),
              ("documents were written", f.documents.acked and f.documents.attached),
              ("documents, attachments and changes are as acknowledged", not f.documents.faults))
    if options.tap:
        print("".join(f"# {line}\n" for line in text.splitlines()), end="")
    else:
        print(text, end="")
    for number, (name, good) in enumerate(checks, 1):
        if options.tap or not good:
            print(f"{'ok' if good else 'not ok'} {number} - {name}")
    if options.tap:
        print(f"1..{len(checks)}")
    return 0 if all(good for _, good in checks) else 1


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--kills", type=int, default=int(os.environ.get("BARUA_CRASH_KILLS", "200")))
    p.add_argument("--connections", type=int, default=4)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--life", type=float, default=0.5, help="seconds a server lives at most")
    p.add_argument("--sample-every", type=int, default=5)
    p.add_argument("--tap", action="store_true", help="print TAP, the figures as comments")
    sys.exit(run(p.parse_args()))


if __name__ == "__main__":
    main()
