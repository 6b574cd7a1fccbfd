#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures the queue: what a poll costs with many messages waiting, T10, T12, T16, and idle phones.
Figures and goals, never a verdict.

    queue.py --build DIR [--million] [--seconds S] [--only poll,T10,T12,T16,idle]

Without --million the queue holds 10^3 and 10^5 messages; with it also 10^6, and T16 is measured.
"""

import argparse
import base64
import http.client
import json
import os
import resource
import socket
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import run  # noqa: E402
from run import LOGIN, PASSWORD, Barua, Tools, row, say  # noqa: E402

PHONES = 33


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def part(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p))]


class Phone:
    """A phone on a connection that stays."""

    def __init__(self, server, login=LOGIN):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        self.headers = {"Authorization": "Basic " + base64.b64encode(login.encode()).decode(),
                        "Content-Type": "application/json"}
        self.waiting = []
        self.times = []
        self.got = 0

    def poll(self, messages=()):
        body = json.dumps({"messages": list(messages), "updates": [
            {"id": m["id"], "status": "SENT"} for m in self.waiting]})
        begun = time.perf_counter()
        self.connection.request("POST", "/api/sms", body, self.headers)
        answer = self.connection.getresponse()
        data = answer.read()
        self.times.append((time.perf_counter() - begun) * 1000)
        if answer.status != 200:
            raise RuntimeError(f"poll: {answer.status} {data[:200]!r}")
        self.waiting = json.loads(data)["messages"]
        self.got += len(self.waiting)


def fill(server, first, n, batch=1000):
    """Puts documents with one message each."""
    due = int(time.time() * 1000) - n
    for start in range(first, first + n, batch):
        docs = [{"type": "x", "tasks": [{"state": "pending", "due": due + i, "messages": [
            {"uuid": f"bench-{i:08d}", "to": f"+2547{i:08d}", "message": f"reminder {i}"}]}]}
            for i in range(start, min(start + batch, first + n))]
        server.connection.request("POST", "/medic/_bulk_docs", json.dumps({"docs": docs}), {
            "Authorization": "Basic " + base64.b64encode(LOGIN.encode()).decode(),
            "Content-Type": "application/json"})
        answer = server.connection.getresponse()
        data = answer.read()
        if answer.status != 201:
            raise RuntimeError(f"bulk: {answer.status} {data[:200]!r}")


def poll_cost(options):
    """25 confirmed, 25 handed out, and a poll that finds nothing for it, by messages waiting."""
    sizes = [1000, 100000] + ([1000000] if options.million else [])
    with Barua(options.barua, {}) as server:
        n, per_poll = 0, []
        for size in sizes:
            fill(server, n, size - n)
            n = size
            phone = Phone(server)
            phone.poll()
            phone.times.clear()
            before = cpu_s(server.pid)
            rounds = 30 if size == 1000 else 300
            for _ in range(rounds):
                phone.poll()
            spent = (cpu_s(server.pid) - before) / rounds * 1000
            per_poll.append(spent)
            row(f"poll, 25 confirmed and 25 out, {size:,} waiting",
                f"p50 {part(phone.times, .5):.1f}, p99 {part(phone.times, .99):.1f} ms", "flat",
                remark=f"{spent:.2f} ms CPU, {spent / per_poll[0]:.2f} of the first")


def t10(tools, options):
    with Barua(options.barua, {}) as server:
        value = tools.load(server.url("/api/v1/messages"), "-a", LOGIN, "-P", server.pid, "-k",
                           "message", "-c", "64", seconds=options.seconds)
        row("T10 enqueue over HTTP, durable, c=64", f"{value['rps']:,.0f}/s", "≥ 4,000/s",
            "7,500/s", f"p50 {value['p50_ms']:.1f}, p99 {value['p99_ms']:.1f} ms")


def add_phones(server):
    """Accounts of their own: two phones on one account would get the same messages."""
    phones = []
    for i in range(PHONES):
        name = f"phone{i}"
        server.connection.request("PUT", f"/_users/org.couchdb.user:{name}", json.dumps({
            "_id": f"org.couchdb.user:{name}", "name": name, "type": "user",
            "roles": ["gateway"], "password": PASSWORD}), {
            "Authorization": "Basic " + base64.b64encode(LOGIN.encode()).decode(),
            "Content-Type": "application/json"})
        answer = server.connection.getresponse()
        answer.read()
        if answer.status != 201:
            raise RuntimeError(f"account: {answer.status}")
        phones.append(Phone(server, f"{name}:{PASSWORD}"))
    return phones


def play(phones, seconds, incoming=10):
    """Each phone polls once a second, spread evenly."""
    stop = time.monotonic() + seconds

    def one(number, phone):
        at = time.monotonic() + number / len(phones)
        serial = 0
        while at < stop:
            time.sleep(max(0, at - time.monotonic()))
            serial += 1
            phone.poll([{"id": f"in-{number}-{serial}-{i}", "from": f"+2541{number:04d}{i:04d}",
                         "content": "hello there"} for i in range(incoming)])
            at += 1
    threads = [threading.Thread(target=one, args=(i, p)) for i, p in enumerate(phones)]
    for t in threads:
        t.start()
    return threads


def t12(options):
    with Barua(options.barua, {}) as server:
        fill(server, 0, 100000)
        phones = add_phones(server)
        for phone in phones:
            phone.poll()
            phone.times.clear()
        before = cpu_s(server.pid)
        for thread in play(phones, options.seconds * 3):
            thread.join()
        times = [t for p in phones for t in p.times]
        spent = (cpu_s(server.pid) - before) / len(times) * 1000
        row("T12 poll, 10 in and 25 out, 33 a second, 100,000 waiting",
            f"p99 {part(times, .99):.1f} ms", "≤ 20 ms", "10 ms",
            f"p50 {part(times, .5):.1f} ms, {spent:.2f} ms CPU, {len(times)} polls")


def t16(options):
    with Barua(options.barua, {}) as server:
        phones = add_phones(server)
        for phone in phones:
            phone.poll()
            phone.times.clear()
        over = threading.Event()
        begun = time.monotonic()
        threads = []

        def polls():
            while not over.is_set():
                round_ends = time.monotonic() + 1
                for i, phone in enumerate(phones):
                    if over.is_set():
                        return
                    phone.poll()
                    time.sleep(max(0, round_ends - 1 + (i + 1) / PHONES - time.monotonic()))
        threads.append(threading.Thread(target=polls))
        threads[0].start()
        fill(server, 0, 1000000)
        took = time.monotonic() - begun
        over.set()
        threads[0].join()
        times = [t for p in phones for t in p.times]
        row("T16 insert 1,000,000 messages, polls meanwhile", f"{took:.1f} s", "≤ 40 s", "20 s",
            f"polls p50 {part(times, .5):.1f}, p99 {part(times, .99):.1f} ms (goal 100), "
            f"{sum(p.got for p in phones):,} handed out")


def idle(options):
    """Phones that keep their connection and are silent, with 200 posts a second beside them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    most = min(10000, (hard - 500) // 1)
    poll = (f"POST /api/sms HTTP/1.1\r\nHost: x\r\nAuthorization: Basic "
            f"{base64.b64encode(LOGIN.encode()).decode()}\r\nContent-Type: application/json\r\n"
            "Content-Length: 2\r\n\r\n{}").encode()
    for n in (0, most):
        with Barua(options.barua, {}) as server:
            server.request("GET", "/api/sms")
            before = server.memory("VmRSS")
            sockets = []
            for _ in range(n):
                s = socket.create_connection(("127.0.0.1", server.port))
                s.sendall(poll)
                s.recv(4096)
                sockets.append(s)
            time.sleep(2.5)
            memory = server.memory("VmRSS")
            times, spent = posts(server, options.seconds * 2, 200)
            row(f"POST /api/sms n=1, 200 a second, {n:,} idle connections",
                f"p50 {part(times, .5):.1f}, p99 {part(times, .99):.1f} ms",
                remark=f"{spent:.2f} ms CPU, {len(times) / (options.seconds * 2):.0f}/s"
                       + (f", RSS {(memory - before) * 1024 / n:.1f} KiB a connection" if n else ""))
            for s in sockets:
                s.close()


def posts(server, seconds, rate, workers=8):
    stop = time.monotonic() + seconds
    phones = [Phone(server) for _ in range(workers)]
    before = cpu_s(server.pid)

    def one(number, phone):
        at, serial = time.monotonic() + number / rate, 0
        while at < stop:
            time.sleep(max(0, at - time.monotonic()))
            serial += 1
            phone.poll([{"id": f"p-{number}-{serial}", "from": "+254711000111",
                         "content": "hello there"}])
            at += workers / rate
    threads = [threading.Thread(target=one, args=(i, p)) for i, p in enumerate(phones)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    times = [t for p in phones for t in p.times]
    return times, (cpu_s(server.pid) - before) / len(times) * 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--only", default="poll,T10,T12,T16,idle")
    options = parser.parse_args()
    options.barua = os.path.abspath(os.path.join(options.build, "gateway", "barua"))
    run.Program.place = os.path.abspath(options.build)
    tools = Tools(options.build)
    only = options.only.split(",")
    say(f"speed of the moment: {tools.speed():.0f}")
    if "poll" in only:
        poll_cost(options)
    if "T10" in only:
        t10(tools, options)
    if "T12" in only:
        t12(options)
    if "T16" in only and options.million:
        t16(options)
    if "idle" in only:
        idle(options)
    for measure, figure, goal, stretch, remark in run.TABLE:
        print(f"{measure:<62} {figure:<26} {goal:<10} {stretch:<10} {remark}")


if __name__ == "__main__":
    main()
