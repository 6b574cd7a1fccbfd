#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures exports against the same rows fetched by hand: figures, never a verdict.

    exports.py --build DIR [--records N] [--rounds N]

By hand means Debian's sqlite3 with `.mode csv` on the file of the server: the same documents in the same order, the
members of the fixed columns and of `fields` by json_extract(), nothing hydrated, masked or made safe for spreadsheets.

Before that: what the import of the records, in no order, leaves to be done for the views, against the import itself.
"""

import argparse
import base64
import http.client
import json
import os
import random
import resource
import subprocess
import time

import run
from contacts import chain, contacts, link
from documents import Span, ask
from run import LOGIN, Barua, Program, Tools, median, say

PEOPLE = 2000
DATE = 1795000000000
BY_HAND = """SELECT d.id, json_extract(b.j, '$.form'), json_extract(b.j, '$.patient_id'),
  json_extract(b.j, '$.reported_date'), json_extract(b.j, '$.from'), json_extract(b.j, '$.fields.weeks'),
  json_extract(b.j, '$.fields.note'), json_extract(b.j, '$.fields.visit.due')
  FROM vrow v JOIN doc d ON d.docnum = v.docnum
  JOIN (SELECT bodynum, CAST(json AS TEXT) AS j FROM body) b ON b.bodynum = d.wbody
  WHERE v.viewnum = (SELECT viewnum FROM view WHERE ddoc = 'medic-client' AND name = 'reports_by_date')
  ORDER BY v.k DESC, v.id DESC"""


def record(number):
    """A report of a known sender, with an answer: some 700 bytes."""
    sender = number % PEOPLE
    return {"_id": f"record-{number:08}", "type": "data_record", "form": f"V{number % 10}", "from": f"+2547{sender:08}",
            "reported_date": DATE + number, "errors": [], "patient_id": f"{number:06}",
            "contact": {"_id": f"person-{sender:08}", "parent": link(chain(sender))},
            "fields": {"weeks": number % 40, "visit": {"due": "2026-11-21"},
                       "note": "Amekuja kliniki leo asubuhi na mtoto wake, hali yao ni nzuri."},
            "sms_message": {"message": f"1!V{number % 10}!{number:06}#12", "from": f"+2547{sender:08}"},
            "tasks": [{"state": "sent", "state_history": [{"state": "sent", "timestamp": "2026-11-21T10:00:00.000Z"}],
                       "messages": [{"uuid": f"uuid-{number:08}", "to": f"+2547{sender:08}", "message": "Asante."}]}]}


def export(server, path):
    """Reads a whole export; its lines and bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=3600)
    connection.request("GET", "/api/v2/export/" + path, headers={
        "Authorization": "Basic " + base64.b64encode(LOGIN.encode()).decode()})
    answer = connection.getresponse()
    lines = size = 0
    while data := answer.read(1 << 18):
        lines, size = lines + data.count(b"\n"), size + len(data)
    connection.close()
    return lines, size


def by_hand(server):
    """Seconds and CPU seconds of sqlite3."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    out = subprocess.run(["sqlite3", "-readonly", "-csv", server.database, BY_HAND], stdout=subprocess.PIPE, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (out.stdout.count(b"\n"), time.monotonic() - begun,
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def bytes_written(server):
    """By the process so far, whatever became of them."""
    with open(f"/proc/{server.pid}/io") as f:
        return int(dict(line.split(": ") for line in f)["wchar"])


class Measures:
    def __init__(self, options):
        self.options = options

    def fill(self, server):
        numbers = list(range(self.options.records))
        random.Random(1).shuffle(numbers)
        ask(server, "POST", "/medic/_bulk_docs", {"docs": list(contacts(0, PEOPLE))})
        with Span(server) as imported:
            size = 0
            for at in range(0, len(numbers), 1000):
                docs = [record(n) for n in numbers[at:at + 1000]]
                size += sum(len(json.dumps(doc)) for doc in docs)
                ask(server, "POST", "/medic/_bulk_docs", {"docs": docs})
        before = bytes_written(server)
        with Span(server) as caught_up:
            ask(server, "GET", "/medic/_design/medic-client/_view/reports_by_date?limit=1")
        n = len(numbers)
        run.row(f"catching up of views with {n:,} records against importing them, CPU time",
                f"{caught_up.cpu / imported.cpu:.2f}×", "", "",
                f"{caught_up.cpu / n * 1e6:.0f} µs CPU each, import {imported.cpu / n * 1e6:.0f} µs; "
                f"{n / caught_up.seconds:,.0f} records/s, import {n / imported.seconds:,.0f}")
        run.row("bytes written while catching up, for each byte of the records",
                f"{(bytes_written(server) - before) / size:.1f}", "", "",
                f"{(bytes_written(server) - before) / n:,.0f} for a record of {size / n:.0f}")

    def kind(self, server, path, per_record):
        found = []
        for _ in range(self.options.rounds):
            with Span(server) as span:
                lines, size = export(server, path)
            if lines != per_record * self.options.records + 1:
                raise RuntimeError(f"{path}: {lines} lines")
            found.append({"seconds": span.seconds, "cpu": span.cpu, "size": size})
            hand = by_hand(server)
            if hand[0] != self.options.records:
                raise RuntimeError(f"sqlite3: {hand[0]} lines")
            found[-1].update(hand_seconds=hand[1], hand_cpu=hand[2])
            found[-1]["ratio"] = hand[1] / span.seconds
            say(f"    {path}: {span.seconds:.2f} s, by hand {hand[1]:.2f} s")
        n = self.options.records
        run.row(f"export of {n:,} records, {path}, against sqlite3 -csv", f"{median(found, 'ratio'):.2f}×", "", "",
                f"{n / median(found, 'seconds'):,.0f} records/s, {median(found, 'cpu') / n * 1e6:.1f} µs CPU each; by hand "
                f"{n / median(found, 'hand_seconds'):,.0f}, {median(found, 'hand_cpu') / n * 1e6:.1f} µs; "
                f"{found[0]['size'] / 1e6:.0f} MB")

    def run(self):
        with Barua(self.options.barua, None) as server:
            self.fill(server)
            self.kind(server, "messages", 2)
            self.kind(server, "reports", 1)
            self.kind(server, "reports?filters[search]=kliniki&filters[facilities][selected][0]=district-000000", 1)


def main():
    p = argparse.ArgumentParser(description="measures exports")
    p.add_argument("--build", required=True, help="build directory; barua is in its gateway/")
    p.add_argument("--records", type=int, default=100000, help="default 100,000")
    p.add_argument("--rounds", type=int, default=3)
    options = p.parse_args()
    options.barua = os.path.abspath(os.path.join(options.build, "gateway", "barua"))
    started = time.monotonic()
    tools = Tools(os.path.abspath(options.build))
    Program.place = tools.directory
    speeds = [tools.speed()]
    try:
        Measures(options).run()
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        run.row("exports", "not measured", remark=str(error).splitlines()[0][:160])
    speeds.append(tools.speed())
    run.row("speed of the machine (speed-probe)", f"{min(speeds):.0f} to {max(speeds):.0f}",
            remark="millions of steps per CPU second")
    run.row("time taken", f"{time.monotonic() - started:.0f} s")
    run.print_table()


if __name__ == "__main__":
    main()
