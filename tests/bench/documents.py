#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures the document store of the server: figures and goals.  Never a verdict.

    documents.py --build DIR [--documents N] [--million] [--only PUT,BULK,GROWTH,EXPRESS]
                 [--rounds N] [--seconds S]

PUT and BULK write into a fresh server each time; BULK takes turns with bench-sqlite.  GROWTH reads
one server at 1,000 documents, at N and, with --million, at 1,000,000; what should stay flat is the
CPU time of a request, since the rate moves with the load of the machine.  EXPRESS drives barua and
express-pouchdb (tests/bench/express-pouchdb) with the same requests on 20,000 documents.
"""

import argparse
import base64
import hashlib
import http.client
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import time

import gen_corpus
import run
from run import HERE, LOGIN, Barua, Hello, Program, Tools, free_port, median, say

COMPARED = 20000                             # documents in the databases of EXPRESS
FAR = "doc-@"
READS = (                                    # (name, path, connections)
    ("GET by id", f"/medic/{FAR}", 64),
    ("_all_docs?limit=100, first page", "/medic/_all_docs?limit=100", 8),
    ("_all_docs?limit=100 from any startkey",
     f"/medic/_all_docs?limit=100&startkey=%22{FAR}%22", 8),
    ("_all_docs?limit=100&include_docs from any startkey",
     f"/medic/_all_docs?limit=100&include_docs=true&startkey=%22{FAR}%22", 8),
    ("_changes?since=<the middle>&limit=100", "/medic/_changes?limit=100&since={middle}", 8),
)
VIEW = ("view page, reports_by_date?limit=100",
        "/medic/_design/medic-client/_view/reports_by_date?limit=100&startkey=%5B{date}%5D", 8)
DATE = 1795000000000


def row(measure, figure, goal="", remark=""):
    run.row(measure, figure, goal, "", remark)


def document(number):
    """A report as a partner's program writes it, of some 450 bytes."""
    return {"_id": f"doc-{number:08}", "type": "data_record", "form": f"V{number % 10}",
            "from": f"+2547{number:08}", "reported_date": DATE + number, "errors": [],
            "content_type": "xml", "fields": {
                "patient_id": f"{number:06}", "patient_name": f"Patient {number}", "weeks": 12,
                "visit": {"due": "2026-11-21", "danger_signs": ["fever", "headache"]},
                "note": "Amekuja kliniki leo asubuhi na mtoto wake, hali yao ni nzuri."},
            "sms_message": {"message": f"1!V{number % 10}!{number:06}#12", "gateway_ref": ""}}


class Express(Program):
    """express-pouchdb on leveldb, which does not wait for the disk."""

    def __init__(self, packages):
        super().__init__()
        self.database = os.path.join(self.directory, "medic")
        self.port = free_port()
        log = os.path.join(self.directory, "log")
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                ["node", os.path.join(HERE, "express-pouchdb", "server.js"), str(self.port),
                 self.directory], stdout=out, stderr=out,
                env=dict(os.environ, NODE_PATH=os.path.join(packages, "node_modules")))
        run.wait_port(self.port, self.process)
        ask(self, "PUT", "/medic")


def ask(server, method, path, value=None):
    """The JSON answer of a request that must succeed."""
    if not hasattr(server, "asker"):
        server.asker = http.client.HTTPConnection("127.0.0.1", server.port, timeout=3600)
    server.asker.request(method, path, None if value is None else json.dumps(value).encode(), {
        "Authorization": "Basic " + base64.b64encode(LOGIN.encode()).decode(),
        "Content-Type": "application/json", "Accept": "application/json"})
    answer = server.asker.getresponse()
    data = answer.read()
    if answer.status not in (200, 201):
        raise RuntimeError(f"{method} {path}: {answer.status} {data[:300]!r}")
    return json.loads(data)


def fill(server, start, end):
    """Writes the documents from @start to @end in no order; the sequence when half was there."""
    numbers = list(range(start, end))
    random.Random(end).shuffle(numbers)
    middle = None
    for at in range(0, len(numbers), 1000):
        if middle is None and at + start >= end // 2:
            middle = ask(server, "GET", "/medic")["update_seq"]
        answer = ask(server, "POST", "/medic/_bulk_docs",
                     {"docs": [document(n) for n in numbers[at:at + 1000]]})
        if any("error" in one for one in answer):
            raise RuntimeError(f"_bulk_docs: {[o for o in answer if 'error' in o][:1]}")
    return middle or 0


def cpu_seconds(server):
    """What the process has used so far."""
    with open(f"/proc/{server.pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Span:
    """Time, and CPU time of a server, between two moments; a context manager."""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        self.began, self.cpu_began = time.monotonic(), cpu_seconds(self.server)
        return self

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self.began
        self.cpu = cpu_seconds(self.server) - self.cpu_began


def rate_of(value):
    """What gwload measured as (documents or requests a second, remark)."""
    return value["msgs_per_s"], f"p99 {value['p99_ms']:.1f} ms, " \
                                f"CPU {1e6 / max(value['msgs_per_cpu_s'], 0.1):,.0f} µs each"


class Measures:
    def __init__(self, tools, options):
        self.tools, self.options = tools, options
        self.corpus = os.path.join(tools.directory, "corpus", "corpus.tsv")
        if not os.path.exists(self.corpus):
            gen_corpus.write(os.path.dirname(self.corpus), 100000, 1)
        self.body = os.path.join(tools.directory, "document.json")
        value = document(1)
        del value["_id"]
        with open(self.body, "w") as f:
            json.dump(value, f)

    def barua(self):
        return Barua(self.options.barua, None)

    def load(self, server, path, *args, seconds=None, warm=0.5):
        return self.tools.load(server.url(path), "-a", LOGIN, "-P", server.pid, *args,
                               seconds=seconds or self.options.seconds, warm=warm)

    def put_load(self, server, start=10000000, **kwargs):
        return self.load(server, f"/medic/{FAR}", "-k", "put", "-b", self.body, "-c", "64",
                         "-u", str(start), **kwargs)

    def bulk_load(self, server, per, **kwargs):
        return self.load(server, "/medic/_bulk_docs", "-k", "bulk", "-n", str(per), "-c", "4",
                         "-f", self.corpus, **kwargs)

    def read_load(self, server, path, connections, count, middle):
        path = path.format(middle=middle, date=DATE + count // 2)
        if "limit=100" in path:
            page = ask(server, "GET", path.replace("@", f"{count // 2:08}"))
            rows = page.get("rows", page.get("results"))
            if len(rows) != 100:
                raise RuntimeError(f"{path}: {len(rows)} rows instead of 100")
        # Each reader counts the documents once after so many were written.
        return self.load(server, path, "-k", "get", "-c", str(connections), "-u", str(count),
                         warm=max(0.5, count / 200000))

    def put(self):
        results = []
        for _ in range(self.options.rounds):
            with self.barua() as server:
                results.append(self.put_load(server))
        row("PUT of single documents, durable, c=64", f"{median(results, 'rps'):,.0f} a second",
            remark=f"p50 / p99 {median(results, 'p50_ms'):.1f} / {median(results, 'p99_ms'):.1f} "
                   f"ms, CPU {1e6 / median(results, 'req_per_cpu_s'):.0f} µs each")

    def sqlite_rows(self):
        """Rows a second of bench-sqlite at 1000 rows a commit, durable."""
        path = os.path.join(self.tools.directory, "rows.db")
        done = subprocess.run([self.tools.sqlite, path, "0.3", "1"], capture_output=True,
                              text=True, check=True)
        return float(re.search(r"^WAL FULL +1000 +\d+ +(\d+)", done.stdout, re.M).group(1))

    def bulk(self):
        for per in (100, 1000):
            ours, theirs = [], []
            for _ in range(self.options.rounds):
                theirs.append(self.sqlite_rows())
                with self.barua() as server:
                    ours.append(self.bulk_load(server, per))
                say(f"    {ours[-1]['msgs_per_s']:.0f} against {theirs[-1]:.0f}")
            ratios = [a["msgs_per_s"] / b for a, b in zip(ours, theirs)]
            row(f"_bulk_docs of {per}, c=4, against bench-sqlite at 1000 rows a commit",
                f"{statistics.median(ratios):.0%}", "≥ 50 %" if per == 1000 else "",
                f"{median(ours, 'msgs_per_s'):,.0f} against {statistics.median(theirs):,.0f} "
                f"documents/s, ratios {' '.join(f'{r:.2f}' for r in ratios)}, "
                f"CPU {1e6 / median(ours, 'msgs_per_cpu_s'):.0f} µs each")

    def growth(self):
        sizes = [1000, self.options.documents] + [1000000] * self.options.million
        found = {name: [] for name, _, _ in (*READS, VIEW)}
        start = 0
        with self.barua() as server:
            for size in sizes:
                with Span(server) as filling:
                    middle = fill(server, start, size)
                with Span(server) as views:
                    ask(server, "GET", VIEW[1].format(date=DATE))
                with Span(server) as first:
                    ask(server, "GET", READS[2][1].replace("@", f"{size - 200:08}"))
                row(f"filling up to {size:,} documents",
                    f"{(size - start) / filling.seconds:,.0f} a second",
                    remark=f"_bulk_docs of 1000, one after the other, from Python, "
                           f"{1e6 * filling.cpu / (size - start):.0f} µs CPU each; "
                           f"{views.seconds:.2f} s more for the views, "
                           f"{1e6 * views.cpu / (size - start):.0f} µs CPU each; the first page "
                           f"from far behind after that {1e3 * first.seconds:.1f} ms")
                for name, path, connections in (*READS, VIEW):
                    found[name].append(self.read_load(server, path, connections, size, middle))
                self.against_hello(server, size)
                start = size
            server.stop()                    # so that the log is in the file
            file_size = os.path.getsize(server.database)
        for name, path, connections in (*READS, VIEW):
            costs = [1e6 / r["req_per_cpu_s"] for r in found[name]]
            row(f"{name}, c={connections}: CPU at most documents against fewest",
                f"{costs[-1] / costs[0]:.2f}×", "flat",
                " / ".join(f"{c:,.0f}" for c in costs) + " µs a request at "
                + " / ".join(f"{s:,}" for s in sizes) + " documents; "
                + " / ".join(f"{r['rps']:,.0f}" for r in found[name]) + " requests/s; p99 "
                + " / ".join(f"{r['p99_ms']:.1f}" for r in found[name]) + " ms")
        row(f"file per document, at {sizes[-1]:,}", f"{file_size / sizes[-1]:,.0f} bytes",
            remark=f"a document is {len(json.dumps(document(1), separators=(',', ':')))} bytes "
                   f"of JSON; the file has {file_size >> 20} MiB, views and indexes included")

    def against_hello(self, server, size):
        if not self.tools.hello:
            row(f"GET by id c=64 at {size:,}, against hello", "not measured",
                remark="soup-hello could not be built")
            return
        a, b = [], []
        with Hello(self.tools, "hello") as hello:
            for _ in range(self.options.rounds):
                a.append(self.read_load(server, READS[0][1], 64, size, 0))
                b.append(self.tools.load(hello.url("/x"), "-P", hello.pid, "-k", "get", "-c", "64",
                                         seconds=self.options.seconds))
        ratios = [x["rps"] / y["rps"] for x, y in zip(a, b)]
        row(f"GET by id c=64 at {size:,}, against hello", f"{statistics.median(ratios):.0%}",
            "≥ 60 %", run.spread(a, b, ratios, "rps", "requests/s")
            + f", CPU {run.cpu(a, b, 'req_per_cpu_s')}")

    # express-pouchdb

    def packages(self):
        """express-pouchdb, installed from its lock below the build directory."""
        home = os.path.join(HERE, "express-pouchdb")
        names = ("package.json", "package-lock.json")
        digest = hashlib.sha256()
        for name in names:
            with open(os.path.join(home, name), "rb") as f:
                digest.update(f.read())
        target = os.path.join(self.tools.directory, "express-" + digest.hexdigest()[:16])
        if os.path.isdir(target):
            return target
        part = target + ".part"
        shutil.rmtree(part, ignore_errors=True)
        os.makedirs(part)
        for name in names:
            shutil.copy(os.path.join(home, name), part)
        # leveldown is compiled code; its package carries a binary that needs no install script
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund",
                               "--prefer-offline", "--loglevel=error"], cwd=part,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError("npm ci: " + done.stderr.strip()[:120])
        os.rename(part, target)
        return target

    def pull(self, server):
        """Documents a second of a PouchDB pull, and the CPU seconds of the client itself."""
        done = subprocess.run(
            [os.path.join(HERE, "..", "clients", "run.sh"),
             os.path.join(self.tools.directory, "clients"),
             os.path.join("..", "bench", "express-pouchdb", "pull.js")],
            capture_output=True, text=True, timeout=900, env=dict(
                os.environ, REMOTE=f"http://{LOGIN}@127.0.0.1:{server.port}/medic"))
        if done.returncode != 0:
            raise RuntimeError("pull: " + (done.stderr or done.stdout).strip()[:200])
        value = json.loads(done.stdout.strip().splitlines()[-1])
        if value["documents"] < COMPARED:
            raise RuntimeError(f"pull: {value['documents']} documents came")
        say(f"    pull: {value}")
        return value

    def one_side(self, server, out):
        """Measures every row of the comparison into @out: name to (rate, remark)."""
        middle = fill(server, 0, COMPARED)
        value = self.pull(server)
        out["PouchDB pull of 20,000 documents"] = (
            value["documents"] / value["seconds"],
            f"{value['seconds']:.1f} s, of it {value['cpu']:.1f} s CPU of the client")
        for name, path, connections in READS:
            value = self.read_load(server, path, connections, COMPARED, middle)
            out[f"{name}, c={connections}"] = rate_of(value)
        out["PUT of single documents, c=64"] = rate_of(self.put_load(server))
        for per in (100, 1000):
            out[f"_bulk_docs of {per}, c=4, documents"] = rate_of(self.bulk_load(server, per))

    def express(self):
        ours, theirs, reason = {}, {}, ""
        with self.barua() as server:
            self.one_side(server, ours)
        try:
            with Express(self.packages()) as server:
                self.one_side(server, theirs)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            reason = str(error).splitlines()[0][:160]
        for name, (rate, remark) in ours.items():
            if name not in theirs:
                row(f"{name}, against express-pouchdb", "not measured", "≥ 10×",
                    f"ours {rate:,.0f} a second ({remark}); {reason}")
                continue
            row(f"{name}, against express-pouchdb", f"{rate / max(theirs[name][0], 0.1):.1f}×",
                "≥ 10×", f"{rate:,.0f} ({remark}) against {theirs[name][0]:,.1f} "
                         f"({theirs[name][1]}) a second"
                + (", theirs not durable" if name.startswith(("PUT", "_bulk")) else ""))


def main():
    p = argparse.ArgumentParser(description="measures the document store")
    p.add_argument("--build", required=True, help="build directory; barua is in its gateway/")
    p.add_argument("--documents", type=int, default=100000, help="default 100,000")
    p.add_argument("--million", action="store_true", help="also at 1,000,000 documents")
    p.add_argument("--only", help="a comma list: PUT,BULK,GROWTH,EXPRESS")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=2)
    options = p.parse_args()
    options.barua = os.path.abspath(os.path.join(options.build, "gateway", "barua"))
    wanted = set(options.only.upper().split(",")) if options.only else None
    started = time.monotonic()
    tools = Tools(os.path.abspath(options.build))
    Program.place = tools.directory
    measures = Measures(tools, options)
    speeds = [tools.speed()]
    for name, measure in (("PUT", measures.put), ("BULK", measures.bulk),
                          ("GROWTH", measures.growth), ("EXPRESS", measures.express)):
        if wanted and name not in wanted:
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
    run.print_table()


if __name__ == "__main__":
    main()
