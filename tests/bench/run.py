#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures the server: figures, goals and what stands in between.  Never a verdict.

    run.py --build DIR [--rounds N] [--seconds S] [--only T6,T14,…] [--messages N | --million]

The machine's speed moves while one looks, so rates are taken in pairs, ours and the yardstick's in
turn, and what counts is the median of the ratios; instructions (callgrind) do not depend on load.
T2, T4, T5, T8 and T11 compare with other systems, T3, T10, T12, T16 and T17 belong to later parts.
"""

import argparse
import http.client
import json
import os
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import gen_corpus  # noqa: E402

PASSWORD = "bench-Pass.word1"
LOGIN = f"admin:{PASSWORD}"
TABLE = []                                   # (measure, figure, goal, stretch, remark)
BETWEEN = []                                 # (title, lines)


def say(text):
    print(text, file=sys.stderr, flush=True)


def row(measure, figure, goal="", stretch="", remark=""):
    TABLE.append((measure, figure, goal, stretch, remark))
    say(f"  {measure}: {figure}  {remark}")


# Tools

class Tools:
    """The C programs beside this file, compiled into the build directory."""

    def __init__(self, build):
        self.directory = os.path.join(build, "bench-tools")
        os.makedirs(self.directory, exist_ok=True)
        self.gwload = self.compile("gwload")
        self.probe = self.compile("speed-probe")
        self.hello = self.compile("soup-hello", "libsoup-3.0", "json-glib-1.0", "sqlite3")
        self.sqlite = self.compile("bench-sqlite", "sqlite3")

    def compile(self, name, *packages):
        source, out = os.path.join(HERE, name + ".c"), os.path.join(self.directory, name)
        if os.path.exists(out) and os.path.getmtime(out) > os.path.getmtime(source):
            return out
        flags = []
        if packages:
            found = subprocess.run(["pkg-config", "--cflags", "--libs", *packages],
                                   capture_output=True, text=True)
            if found.returncode != 0:
                say(f"{name} needs {', '.join(packages)}: its measures are left out")
                return None
            flags = found.stdout.split()
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", out, source, *flags, "-lpthread"],
                       check=True)
        return out

    def speed(self):
        return float(subprocess.run([self.probe], capture_output=True, text=True,
                                    check=True).stdout)

    def commits_per_second(self, directory):
        """Durable commits of one row a second: what this disk and SQLite give."""
        done = subprocess.run([self.sqlite, os.path.join(directory, "commits.db"), "0.3", "3"],
                              capture_output=True, text=True, check=True)
        found = re.search(r"^WAL FULL +1 +(\d+)", done.stdout, re.M)
        return int(found.group(1))

    def load(self, url, *args, seconds, warm=0.5):
        done = subprocess.run([self.gwload, "-d", str(seconds), "-w", str(warm), *args, url],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"gwload: {done.stderr}")
        value = json.loads(done.stdout)
        if value["non2xx"] or value["broken"]:
            say(f"    warning: {value['non2xx']} answers not 2xx, {value['broken']} broken: "
                f"{done.stderr.strip()[:300]}")
        return value


def wait_port(port, process):
    for _ in range(2000):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None:
                raise RuntimeError("the server ended at once") from None
            time.sleep(0.01)
    raise RuntimeError(f"nobody listens on port {port}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Program:
    """A server under measurement; a context manager that ends it and its directory."""

    place = None                             # where databases lie: on a disk, not in memory

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="run-", dir=Program.place)
        self.process = None
        self.port = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    @property
    def pid(self):
        return str(self.process.pid)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def memory(self, name):
        with open(f"/proc/{self.pid}/status") as f:
            return int(re.search(rf"^{name}:\s+(\d+) kB", f.read(), re.M).group(1)) / 1024


class Hello(Program):
    """The yardstick: a bare libsoup server."""

    def __init__(self, tools, mode):
        super().__init__()
        self.port = free_port()
        self.process = subprocess.Popen([tools.hello, str(self.port), mode,
                                         os.path.join(self.directory, "hello.db")])
        wait_port(self.port, self.process)


class Barua(Program):
    """Ours, with the forms of the corpus and no automatic replies."""

    def __init__(self, binary, forms, wrapper=()):
        super().__init__()
        self.database = os.path.join(self.directory, "barua.db")
        self.log = os.path.join(self.directory, "log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [*wrapper, binary, "serve", "--database", self.database, "--listen",
                 "127.0.0.1:0"], stdout=log, stderr=log, cwd=self.directory,
                env=dict(os.environ, BARUA_ADMIN_PASSWORD=PASSWORD, TZ="UTC"))
        deadline = time.monotonic() + 120
        while self.port is None:
            with open(self.log) as log:
                text = log.read()
            found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", text)
            if found:
                self.port = int(found.group(1))
            elif self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("barua does not start:\n" + text)
            time.sleep(0.01)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        if forms is not None:
            self.request("PUT", "/api/v1/settings?overwrite=1", json.dumps(
                {"locale": "en", "default_country_code": 254, "forms": forms}).encode())

    def request(self, method, path, body=None):
        import base64
        self.connection.request(method, path, body, {
            "Authorization": "Basic " + base64.b64encode(LOGIN.encode()).decode(),
            "Content-Type": "application/json", "Accept": "application/json"})
        answer = self.connection.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {data[:300]!r}")
        return data


# Rates, in pairs

class Pairs:
    def __init__(self, tools, options, forms, corpus):
        self.tools, self.options, self.forms, self.corpus = tools, options, forms, corpus

    def interleave(self, name, ours, yardstick, figure):
        """Runs both in turn; the results of ours, of the yardstick, and the ratios."""
        a, b = [], []
        for i in range(self.options.rounds):
            a.append(ours())
            b.append(yardstick())
            say(f"    {name} {i + 1}: {a[-1][figure]:.0f} against {b[-1][figure]:.0f}")
        return a, b, [x[figure] / y[figure] for x, y in zip(a, b)]

    def ours(self, *args, path="/api/sms"):
        """A fresh server for each run, so that no run pays for the data of another."""
        with Barua(self.options.barua, self.forms) as server:
            return self.tools.load(server.url(path), "-a", LOGIN, "-P", server.pid, *args,
                                   seconds=self.options.seconds)

    def theirs(self, mode, *args, path="/api/sms"):
        with Hello(self.tools, mode) as server:
            return self.tools.load(server.url(path), "-P", server.pid, *args,
                                   seconds=self.options.seconds)

    def t6(self):
        load = ("-k", "sms", "-n", "25", "-c", "8", "-f", self.corpus)
        a, b, ratios = self.interleave("T6", lambda: self.ours(*load),
                                       lambda: self.theirs("store", *load), "msgs_per_s")
        row("T6 POST /api/sms n=25 c=8, against soup-hello store",
            f"{statistics.median(ratios):.0%}", "≥ 60 %", "80 %",
            spread(a, b, ratios, "msgs_per_s", "messages/s"))
        row("   server CPU per message, ours / store", cpu(a, b, "msgs_per_cpu_s"))
        row("   p50 / p99", f"{median(a, 'p50_ms'):.1f} / {median(a, 'p99_ms'):.1f} ms")

    def t7(self):
        a, b, ratios = self.interleave(
            "T7", lambda: self.ours("-k", "sms", "-n", "1", "-c", "64", "-f", self.corpus),
            lambda: self.theirs("store", "-k", "sms", "-n", "1", "-c", "8", "-f", self.corpus),
            "rps")
        row("T7 POST /api/sms n=1 c=64, against store n=1 c=8",
            f"{statistics.median(ratios):.1f}×", "≥ 3×", "5×",
            spread(a, b, ratios, "rps", "requests/s"))
        row("   server CPU per request, ours / store", cpu(a, b, "req_per_cpu_s"))
        row("   p50 at 64 connections", f"{median(a, 'p50_ms'):.1f} ms")
        row("   p99 at 64 connections", f"{median(a, 'p99_ms'):.1f} ms", "≤ 60 ms", "",
            f"max {max(x['max_ms'] for x in a):.0f} ms")
        self.commits()

    def commits(self):
        """How many messages share a commit, counted in the write-ahead log of a short run."""
        with Barua(self.options.barua, self.forms) as server:
            before = wal_commits(server.database)
            value = self.tools.load(server.url("/api/sms"), "-a", LOGIN, "-k", "sms", "-n", "1",
                                    "-c", "64", "-f", self.corpus, seconds=1, warm=0)
            after = wal_commits(server.database)
            stored = value["msgs_per_s"] * value["secs"]
        if not before or not after or before[0] != after[0] or after[1] == before[1]:
            row("   messages per commit at 64 connections", "unknown",
                remark="the log was reset meanwhile")
            return
        row("   messages per commit at 64 connections", f"{stored / (after[1] - before[1]):.0f}",
            remark=f"{after[1] - before[1]} commits, "
                   f"{(after[2] - before[2]) / (after[1] - before[1]):.0f} pages each")

    def t9(self):
        load = ("-k", "get", "-c", "64")
        a, b, ratios = self.interleave("T9", lambda: self.ours(*load),
                                       lambda: self.theirs("hello", *load), "rps")
        row("T9 GET /api/sms with Basic c=64, against hello",
            f"{statistics.median(ratios):.0%}", "≥ 70 %", "85 %",
            spread(a, b, ratios, "rps", "requests/s"))
        row("   server CPU per request, ours / hello", cpu(a, b, "req_per_cpu_s"))
        row("   p50 / p99", f"{median(a, 'p50_ms'):.1f} / {median(a, 'p99_ms'):.1f} ms")


def phone(options):
    """One phone number: what the first, a new and a known one cost (bench-phone.c)."""
    program = os.path.join(options.build, "tests", "bench", "bench-phone")
    done = subprocess.run([program], capture_output=True, text=True, check=True)
    row("phone number", done.stdout.strip())


def median(results, name):
    return statistics.median(r[name] for r in results)


def cpu(a, b, rate):
    """Microseconds of CPU for one, ours and the yardstick's."""
    return " / ".join(f"{1e6 / median(x, rate):.0f}" for x in (a, b)) + " µs"


def spread(a, b, ratios, figure, unit):
    return f"{median(a, figure):,.0f} against {median(b, figure):,.0f} {unit}, " \
           f"ratios {' '.join(f'{r:.2f}' for r in ratios)}"


def wal_commits(database):
    """(generation, commits, frames) of the write-ahead log (SQLite file format, 4.2)."""
    try:
        with open(database + "-wal", "rb") as f:
            head = f.read(32)
            if len(head) < 32:
                return None
            page, checkpoint, salt = struct.unpack(">II8s", head[8:24])
            commits = frames = 0
            while True:
                frame = f.read(24)
                if len(frame) < 24 or frame[8:16] != salt:
                    return (checkpoint, salt), commits, frames
                frames += 1
                commits += struct.unpack(">I", frame[4:8])[0] != 0
                f.seek(page, os.SEEK_CUR)
    except FileNotFoundError:
        return None


# Memory

def t13(tools, options, forms, corpus):
    with Barua(options.barua, forms) as server:
        server.request("GET", "/api/sms")
        time.sleep(2)
        row("T13 RSS idle", f"{server.memory('VmRSS'):.1f} MiB", "≤ 12 MiB", "10 MiB",
            f"of it anonymous {server.memory('RssAnon'):.1f}")
        stored, started, peak = 0, time.monotonic(), 0
        while stored < options.messages:
            value = tools.load(server.url("/api/sms"), "-a", LOGIN, "-k", "sms", "-n", "25", "-c",
                               "8", "-f", corpus, "-p", f"t13-{stored}", seconds=5, warm=0)
            stored += round(value["msgs_per_s"] * value["secs"])
            peak = max(peak, server.memory("VmRSS"))
            if value["msgs_per_s"] < 1:
                raise RuntimeError("nothing is stored")
        time.sleep(2)
        row(f"T13 RSS after {stored:,} messages", f"{server.memory('VmRSS'):.1f} MiB",
            "≤ 32 MiB" + ("" if stored >= 1000000 else " (after 1,000,000)"), "20 MiB",
            f"anonymous {server.memory('RssAnon'):.1f}, highest seen {peak:.1f}, "
            f"peak {server.memory('VmHWM'):.1f}; {time.monotonic() - started:.0f} s")
        sizes = [os.path.getsize(server.database + s) for s in ("", "-wal")
                 if os.path.exists(server.database + s)]
        row("   database per message", f"{sizes[0] / stored:.0f} bytes",
            remark=f"file {sizes[0] >> 20} MiB, log {sum(sizes[1:]) >> 20} MiB")


# Instructions

class Profile:
    """One callgrind output: totals, by object, and by function with what it calls."""

    def __init__(self, path):
        self.by_object, self.functions = {}, []
        self.total = 0
        for line in self.annotate(path, "--threshold=100"):
            match = re.match(r"\s*([\d,]+) \([^)]*\)\s+(.*)$", line)
            if not match:
                continue
            cost, rest = int(match.group(1).replace(",", "")), match.group(2)
            if "PROGRAM TOTALS" in rest:
                self.total = cost
                continue
            found = re.search(r"\[([^\]]+)\]\s*$", rest)
            name = os.path.basename(found.group(1)) if found else "?"
            self.by_object[name] = self.by_object.get(name, 0) + cost
        for line in self.annotate(path, "--inclusive=yes", "--threshold=99"):
            match = re.match(r"\s*([\d,]+) \([^)]*\)\s+\S*?:([\w.]+)(?:.*\[(\S+)\])?", line)
            if match:
                self.functions.append((int(match.group(1).replace(",", "")), match.group(2),
                                       os.path.basename(match.group(3) or "")))

    @staticmethod
    def annotate(path, *args):
        return subprocess.run(["callgrind_annotate", "--auto=no", *args, path], capture_output=True,
                              text=True, check=True).stdout.splitlines()

    def lines(self, count, per):
        """The costs divided by @count, as lines for the reader."""
        out = ["by library (its own instructions):"]
        for name, cost in sorted(self.by_object.items(), key=lambda x: -x[1])[:8]:
            out.append(f"  {cost / count:12,.0f}  {cost / max(1, self.total):4.0%}  {name}")
        out.append(f"by function of ours and entry points (with what they call), per {per}:")
        shown = [f for f in self.functions if f[2].startswith("barua") or re.match(
            r"(soup_server_message|sqlite3_(step|exec|prepare|reset|bind)|g_main_context_"
            r"(iterate|dispatch)|fdatasync|g_source|crypt|soup_message_headers)", f[1])]
        for cost, name, obj in shown[:28]:
            out.append(f"  {cost / count:12,.0f}  {cost / max(1, self.total):4.0%}  {name}")
        return out


class Callgrind:
    def __init__(self, options, forms, messages):
        self.options, self.forms, self.messages = options, forms, messages

    def server(self, count, warm, send):
        """Instructions of the server for @count calls of @send, start-up and warm-up left out:
        counting from the start and taking off later would book the main loop's callers double."""
        out = tempfile.mkdtemp(prefix="barua-callgrind-")
        try:
            with Barua(self.options.barua, self.forms, (
                    "valgrind", "--tool=callgrind", f"--callgrind-out-file={out}/cg",
                    "--instr-atstart=no")) as server:
                for i in range(warm):
                    send(server, i)
                self.control("--instr=on", server.pid)
                for i in range(count):
                    send(server, warm + i)
                self.control("--dump", server.pid)
            dumps = sorted(os.listdir(out))
            # Numbered dumps come first in time; the plain file is what ran after them.
            dump = next(d for d in dumps if re.fullmatch(r"cg\.\d+", d))
            return Profile(os.path.join(out, dump))
        finally:
            shutil.rmtree(out, ignore_errors=True)

    @staticmethod
    def control(what, pid):
        subprocess.run(["callgrind_control", what, pid], check=True, capture_output=True,
                       timeout=120)

    def t14(self):
        count = 500
        body = b'{"messages":[],"updates":[]}'
        profile = self.server(count, 20, lambda s, i: s.request("POST", "/api/sms", body))
        row("T14 instructions of a poll that carries nothing", f"{profile.total / count:,.0f}",
            "≤ 220,000", "180,000")
        BETWEEN.append(("T14, per poll", profile.lines(count, "poll")))

    def t15(self):
        count, size = 80, 25

        def send(server, i):
            chunk = self.messages[i * size:(i + 1) * size]
            server.request("POST", "/api/sms", json.dumps({"messages": [
                {"id": f"cg-{i}-{j}", "from": sender, "content": content}
                for j, (_, _, sender, content) in enumerate(chunk)]}).encode())
        profile = self.server(count, 10, send)
        row("T15 instructions per message at n=25", f"{profile.total / count / size:,.0f}",
            "≤ 130,000", "100,000", "SQLite alone takes 58,000, HTTP and JSON about 48,000")
        BETWEEN.append(("T15, per message", profile.lines(count * size, "message")))

    def t1(self):
        """`barua parse` on the corpus: the record functions with what they call."""
        out = tempfile.mkdtemp(prefix="barua-callgrind-")
        try:
            settings = os.path.join(out, "settings.json")
            with open(settings, "w") as f:
                json.dump({"forms": self.forms, "default_country_code": 254}, f)
            count = 4000
            lines = "".join(json.dumps({"message": c, "from": s}) + "\n"
                            for _, _, s, c in self.messages[:count]).encode()
            subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}/cg",
                            self.options.barua, "parse", "--settings", settings], input=lines,
                           check=True, capture_output=True, timeout=600)
            profile = Profile(out + "/cg")
        finally:
            shutil.rmtree(out, ignore_errors=True)
        record = [f for f in profile.functions if f[1].startswith("barua_record_")]
        best = max(record, default=None)
        row("T1 instructions per message, text to record",
            f"{best[0] / count:,.0f}" if best else "unknown", "≤ 4,000", "2,000",
            f"{best[1]} in `barua parse`" if best else "no function barua_record_* was seen")
        row("   the same with JSON in and out, start-up included",
            f"{profile.total / count:,.0f}")
        BETWEEN.append(("T1, per message", profile.lines(count, "message")))


def print_table():
    heads = ("measure", "figure", "goal", "stretch", "remark")
    widths = [max(len(r[i]) for r in TABLE + [heads]) for i in range(4)]
    for r in [heads] + TABLE:
        print("  ".join(r[i].ljust(widths[i]) for i in range(4)) + "  " + r[4])
    for title, lines in BETWEEN:
        print(f"\nWhat stands in between: {title}")
        for line in lines:
            print("  " + line)


def main():
    p = argparse.ArgumentParser(description="measures the server")
    p.add_argument("--build", required=True, help="build directory; barua is in its gateway/")
    p.add_argument("--rounds", type=int, default=4)
    p.add_argument("--seconds", type=float, default=4)
    p.add_argument("--messages", type=int, default=200000, help="for T13 (default 200,000)")
    p.add_argument("--million", action="store_const", dest="messages", const=1000000)
    p.add_argument("--only", help="a comma list: T1,T6,T7,T9,T13,T14,T15,PHONE")
    options = p.parse_args()
    options.barua = os.path.abspath(os.path.join(options.build, "gateway", "barua"))
    wanted = set(options.only.upper().split(",")) if options.only else None
    started = time.monotonic()
    tools = Tools(options.build)
    Program.place = os.path.abspath(tools.directory)
    if tools.sqlite:
        row("SQLite on this disk, durable commits of one row",
            f"{tools.commits_per_second(tools.directory):,} a second")
    corpus_dir = os.path.join(options.build, "bench-tools", "corpus")
    if not os.path.exists(os.path.join(corpus_dir, "corpus.tsv")):
        gen_corpus.write(corpus_dir, 100000, 1)
    corpus = os.path.join(corpus_dir, "corpus.tsv")
    made = gen_corpus.Corpus(1)
    forms, messages = made.forms, list(made.messages(5000))
    pairs = Pairs(tools, options, forms, corpus)
    callgrind = Callgrind(options, forms, messages)
    needs_hello, needs_valgrind = ("T6", "T7", "T9"), ("T1", "T14", "T15")
    measures = (("T1", callgrind.t1), ("T6", pairs.t6), ("T7", pairs.t7), ("T9", pairs.t9),
                ("T13", lambda: t13(tools, options, forms, corpus)), ("T14", callgrind.t14),
                ("T15", callgrind.t15), ("PHONE", lambda: phone(options)))
    speeds = [tools.speed()]
    for name, measure in measures:
        if wanted and name not in wanted:
            continue
        if (name in needs_hello and not tools.hello) or \
                (name in needs_valgrind and not shutil.which("valgrind")):
            row(name, "not measured", remark="a tool is missing")
            continue
        say(name)
        try:
            measure()
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            row(name, "not measured", remark=str(error).splitlines()[0][:160])
        speeds.append(tools.speed())
    row("speed of the machine (speed-probe)", f"{min(speeds):.0f} to {max(speeds):.0f}",
        remark="millions of steps per CPU second")
    row("time taken", f"{time.monotonic() - started:.0f} s")
    print_table()


if __name__ == "__main__":
    main()
