#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures what guessing does to a server, and what it tells: figures and goals.  Never a verdict.

    accounts.py --build DIR [--rounds N] [--seconds S] [--samples N] [--tokens N] [--only T17,TIMING]

T17: the p99 of good requests (polls with a credential that is remembered) alone, and while wrong
passwords come over 64 connections: from one address, which is soon answered 429, and each from a new
address with a new name, so that every one of them is hashed.  Both in turn.

TIMING: how long the answers take to an unknown user and to a wrong password, and to a random login
token and to one that differs from a good one in its last character, in random order over one
connection.  Welch's t says whether they can be told apart: below 4.5 is the usual bound of timing
tests.  --samples 100000 takes a night, --tokens 100000 three minutes.
"""

import argparse
import base64
import http.client
import json
import math
import os
import random
import re
import secrets
import statistics
import subprocess
import threading
import time

import run
from run import LOGIN, PASSWORD, Barua, Program, Tools, row, say

FLOOD = 64                                   # connections that guess
POLLERS = 4                                  # connections that are good
ACCOUNTS = 400                               # each is guessed at too rarely to be limited
WARM = 20
BOUND = 4.5


def login_body(user, password):
    return json.dumps({"user": user, "password": password}).encode()


class Asker:
    """One connection behind the proxy that is believed; every request comes from a new address."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def post(self, path, body):
        self.connection.request("POST", path, body, {
            "Content-Type": "application/json", "Accept": "application/json",
            "X-Forwarded-For": f"10.{random.getrandbits(8)}.{random.getrandbits(8)}."
                               f"{random.getrandbits(8)}"})
        answer = self.connection.getresponse()
        return answer, answer.read()

    def time(self, path, body, status):
        """Seconds until the answer was read; it must be @status."""
        start = time.perf_counter()
        answer, data = self.post(path, body)
        took = time.perf_counter() - start
        if answer.status != status:
            raise RuntimeError(f"{path}: {answer.status} {data[:200]!r}")
        return took


class Guessers:
    """Wrong passwords over many connections, each from a new address with a new name."""

    def __init__(self, port, n):
        self.port, self.is_over, self.count = port, False, 0
        self.threads = [threading.Thread(target=self.guess, daemon=True) for _ in range(n)]

    def guess(self):
        asker = Asker(self.port)
        while not self.is_over:
            asker.post("/medic/login", login_body(secrets.token_hex(6), "wrong"))
            self.count += 1

    def __enter__(self):
        self.started = time.monotonic()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        for thread in self.threads:
            thread.join()
        self.rate = self.count / (time.monotonic() - self.started)


class OneGuesser:
    """The same credential over many connections of one address, as fast as it is answered."""

    def __init__(self, tools, server, seconds):
        self.tools, self.server, self.seconds = tools, server, seconds

    def __enter__(self):
        self.process = subprocess.Popen(
            [self.tools.gwload, "-d", str(self.seconds + 3), "-w", "0", "-k", "get", "-c",
             str(FLOOD), "-a", "admin:wrong", self.server.url("/api/sms")],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        time.sleep(0.5)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Behind(Barua):
    """The server, which believes X-Forwarded-For of this machine."""

    def __init__(self, binary):
        os.environ["BARUA_HTTP_TRUSTED_PROXIES"] = "127.0.0.1"
        try:
            super().__init__(binary, {})
        finally:
            del os.environ["BARUA_HTTP_TRUSTED_PROXIES"]


def polls(tools, server, options):
    return tools.load(server.url("/api/sms"), "-a", LOGIN, "-k", "get", "-c", str(POLLERS),
                      "-P", server.pid, seconds=options.seconds)["p99_ms"]


def t17(tools, options):
    alone, one, many, rates = [], [], [], []
    with Behind(options.barua) as server:
        server.request("GET", "/api/sms")
        for i in range(options.rounds):
            alone.append(polls(tools, server, options))
            with OneGuesser(tools, server, options.seconds):
                one.append(polls(tools, server, options))
            with Guessers(server.port, FLOOD) as guessers:
                many.append(polls(tools, server, options))
            rates.append(guessers.rate)
            say(f"    T17 {i + 1}: {alone[-1]:.2f} ms alone, {one[-1]:.2f} one address, "
                f"{many[-1]:.2f} many, at {rates[-1]:.0f}/s")
    for name, figures, remark in (
            ("from one address", one, "answered 429 after ten"),
            ("each from a new one", many, f"{statistics.median(rates):.0f} hashed a second")):
        ratio = statistics.median(b / a for a, b in zip(alone, figures))
        row(f"T17 p99 of polls c={POLLERS} beside wrong passwords c={FLOOD}, {name}",
            f"{ratio:.1f}×", "≤ 2×", "1.2×",
            f"{statistics.median(alone):.2f} → {statistics.median(figures):.2f} ms, {remark}")


def welch(a, b):
    """Welch's t of two samples."""
    variance = statistics.variance(a) / len(a) + statistics.variance(b) / len(b)
    return (statistics.fmean(a) - statistics.fmean(b)) / math.sqrt(variance)


def trimmed(values):
    """Without the slowest tenth: what the rest of the machine did."""
    return sorted(values)[:max(2, len(values) * 9 // 10)]


def sample(asker, kinds, count):
    """Times each kind @count times, in random order; kind -> seconds."""
    times = {name: [] for name, _ in kinds}
    for i in range(WARM + count):
        for name, ask in random.sample(kinds, len(kinds)):
            took = ask(asker)
            if i >= WARM:
                times[name].append(took)
    return times


def compare(title, times, first, second):
    a, b = times[first], times[second]
    t, t_trimmed = welch(a, b), welch(trimmed(a), trimmed(b))
    row(f"TIMING {title}: Welch's t of {len(a):,} samples each", f"{t_trimmed:+.2f}",
        f"|t| < {BOUND}", "", f"{t:+.2f} with the slowest tenth; medians "
        f"{statistics.median(a) * 1e3:.3f} and {statistics.median(b) * 1e3:.3f} ms")


def make_accounts(server):
    documents = [{"_id": f"org.couchdb.user:known{i:04}", "type": "user", "name": f"known{i:04}",
                  "roles": [], "password": "S3cret.enough"} for i in range(ACCOUNTS)]
    for at in range(0, ACCOUNTS, 50):
        server.connection.request("POST", "/_users/_bulk_docs", json.dumps(
            {"docs": documents[at:at + 50]}).encode(), {
                "Authorization": "Basic " + base64.b64encode(LOGIN.encode()).decode(),
                "Content-Type": "application/json"})
        answer = server.connection.getresponse()
        data = answer.read()
        if answer.status != 201 or b'"error"' in data:
            raise RuntimeError(f"accounts: {answer.status} {data[:200]!r}")


def good_token(server):
    """A token that could be used."""
    server.request("PUT", "/api/v1/settings?overwrite=1", json.dumps({
        "default_country_code": 254, "roles": {"m": {"name": "m"}},
        "token_login": {"enabled": True, "message": "Hi"}}).encode())
    server.request("POST", "/api/v1/users", json.dumps({
        "username": "linked", "roles": ["m"], "phone": "+254712000111",
        "token_login": True}).encode())
    messages = json.loads(server.request("POST", "/api/sms", b"{}"))["messages"]
    return re.search(r"/token/(\w{64})$", messages[1]["content"]).group(1)


def timing(options):
    with Behind(options.barua) as server:
        make_accounts(server)
        asker = Asker(server.port)
        good = good_token(server)
        near = good[:-1] + ("a" if good[-1] != "a" else "b")

        def guess(stem):
            turn = iter(range(10 ** 9))
            return lambda a: a.time("/medic/login", login_body(
                f"{stem}{next(turn) % ACCOUNTS:04}", "wrong"), 401)
        times = sample(asker, [("unknown user", guess("never")), ("wrong password", guess("known"))],
                       options.samples)
        compare("unknown user, wrong password", times, "unknown user", "wrong password")
        times = sample(asker, [
            ("wrong token", lambda a: a.time(
                f"/medic/login/token/{secrets.token_hex(32)}", b"{}", 401)),
            ("near miss", lambda a: a.time(f"/medic/login/token/{near}", b"{}", 401))],
            max(options.samples, options.tokens))
        compare("wrong token, near miss", times, "wrong token", "near miss")


def main():
    p = argparse.ArgumentParser(description="measures what guessing does, and what it tells")
    p.add_argument("--build", required=True, help="build directory; barua is in its gateway/")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=3)
    p.add_argument("--samples", type=int, default=int(os.environ.get("BARUA_TIMING_SAMPLES", "300")),
                   help="of each kind (default 300)")
    p.add_argument("--tokens", type=int, default=5000, help="tokens of each kind (default 5000)")
    p.add_argument("--only", help="a comma list: T17,TIMING")
    options = p.parse_args()
    options.barua = os.path.abspath(os.path.join(options.build, "gateway", "barua"))
    wanted = set(options.only.upper().split(",")) if options.only else {"T17", "TIMING"}
    tools = Tools(options.build)
    Program.place = os.path.abspath(tools.directory)
    speeds = [tools.speed()]
    for name, measure in (("T17", lambda: t17(tools, options)), ("TIMING", lambda: timing(options))):
        if name in wanted:
            say(name)
            measure()
            speeds.append(tools.speed())
    row("speed of the machine (speed-probe)", f"{min(speeds):.0f} to {max(speeds):.0f}",
        remark="millions of steps per CPU second")
    run.print_table()


if __name__ == "__main__":
    main()
