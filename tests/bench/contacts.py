#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures what looks contacts up, with few and with many of them: figures, never a verdict.

    contacts.py --build DIR [--contacts N] [--rounds N] [--seconds S]

What should stay flat is the CPU time of a request; the rate moves with the load of the machine.
SMS are received with `update_clinics` on and off, from senders who are contacts.
"""

import argparse
import json
import os
import random
import subprocess
import time

import run
from documents import ask
from run import LOGIN, Barua, Program, Tools, median, say

SETTINGS = {"locale": "en", "default_country_code": 254}
FEW = 1000
PHONE = "+2547{:08}"                         # Kenyan mobile numbers, one for each person
PER_CLINIC, CLINICS, CENTRES = 20, 20, 10    # people in a clinic, clinics in a centre, and so on
READS = (                                    # (name, path, connections)
    ("GET hydrate of a person", "/api/v1/hydrate?doc_ids=%5B%22person-@%22%5D", 16),
    ("GET contacts-by-phone", "/api/v1/contacts-by-phone?phone=%2B2547@", 16),
)


def chain(number):
    """The clinic of a person, and the ids above it."""
    clinic = number // PER_CLINIC
    centre = clinic // CLINICS
    return [f"clinic-{clinic:06}", f"centre-{centre:06}", f"district-{centre // CENTRES:06}"]


def link(ids):
    return {"_id": ids[0], **({"parent": link(ids[1:])} if ids[1:] else {})}


def place(kind, ids, number):
    return {"_id": ids[0], "type": kind, "name": f"Place {ids[0]}", "place_id": ids[0],
            "contact": {"_id": f"person-{number:08}", "parent": link(chain(number))},
            **({"parent": link(ids[1:])} if ids[1:] else {})}


def contacts(start, end):
    """The people from @start to @end, with the places that begin among them."""
    for number in range(start, end):
        ids = chain(number)
        for level, kind in enumerate(("clinic", "health_center", "district_hospital")):
            if number == 0 or chain(number - 1)[level] != ids[level]:
                yield place(kind, ids[level:], number)
        yield {"_id": f"person-{number:08}", "type": "person", "name": f"Person {number}",
               "phone": PHONE.format(number), "patient_id": f"{number:08}", "parent": link(ids)}


def fill(server, start, end):
    docs = list(contacts(start, end))
    random.Random(end).shuffle(docs)
    for at in range(0, len(docs), 1000):
        ask(server, "POST", "/medic/_bulk_docs", {"docs": docs[at:at + 1000]})


class Measures:
    def __init__(self, tools, options):
        self.tools, self.options = tools, options
        self.person = os.path.join(tools.directory, "person.json")
        self.tsv = os.path.join(tools.directory, "senders.tsv")

    def load(self, server, path, *args):
        return self.tools.load(server.url(path), "-a", LOGIN, "-P", server.pid, *args,
                               seconds=self.options.seconds)

    def settings(self, server, **more):
        ask(server, "PUT", "/api/v1/settings?overwrite=1", {**SETTINGS, **more})

    def people(self, server, size):
        """New people in a clinic in the middle."""
        with open(self.person, "w") as f:
            json.dump({"name": "New person", "phone": "0712 345 678",
                       "place": chain(size // 2)[0]}, f)
        return self.load(server, "/api/v1/people", "-k", "post", "-b", self.person, "-c", "16")

    def sms(self, server, size, is_on):
        """Messages of people who are known."""
        self.settings(server, transitions={"update_clinics": is_on})
        chance = random.Random(size)
        with open(self.tsv, "w") as f:
            for i in range(2000):
                f.write(f"plain\tref-{i}\t{PHONE.format(chance.randrange(size))}\tP {i} visit\n")
        return self.load(server, "/api/sms", "-k", "sms", "-n", "10", "-c", "16", "-f", self.tsv)

    def at_size(self, server, size, found):
        measures = [(name, lambda p=path, c=c: self.load(server, p, "-k", "get", "-c", str(c),
                                                         "-u", str(size)), "req_per_cpu_s")
                    for name, path, c in READS]
        measures += [
            ("POST people into a clinic", lambda: self.people(server, size), "req_per_cpu_s"),
            ("SMS, update_clinics off", lambda: self.sms(server, size, False), "msgs_per_cpu_s"),
            ("SMS, update_clinics on", lambda: self.sms(server, size, True), "msgs_per_cpu_s")]
        for name, measure, figure in measures:
            results = [measure() for _ in range(self.options.rounds)]
            found.setdefault(name, []).append(1e6 / median(results, figure))
            say(f"    {name} at {size:,}: {found[name][-1]:.0f} µs CPU")

    def run(self):
        sizes, found, start = [FEW, self.options.contacts], {}, 0
        with Barua(self.options.barua, None) as server:
            self.settings(server)
            for size in sizes:
                fill(server, start, size)
                answer = ask(server, "GET", "/api/v1/contacts-by-phone?phone=%2B2547"
                             f"{size - 1:08}")
                if len(answer["docs"]) != 1 or "contact" not in answer["docs"][0]["parent"]:
                    raise RuntimeError(f"contacts-by-phone: {answer}")
                self.at_size(server, size, found)
                start = size
        for name, costs in found.items():
            run.row(f"{name}: CPU at most contacts against fewest", f"{costs[-1] / costs[0]:.2f}×",
                    "flat", "", " / ".join(f"{c:,.0f}" for c in costs) + " µs each at "
                    + " / ".join(f"{s:,}" for s in sizes) + " people")


def main():
    p = argparse.ArgumentParser(description="measures look-ups of contacts")
    p.add_argument("--build", required=True, help="build directory; barua is in its gateway/")
    p.add_argument("--contacts", type=int, default=100000, help="default 100,000")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=2)
    options = p.parse_args()
    options.barua = os.path.abspath(os.path.join(options.build, "gateway", "barua"))
    started = time.monotonic()
    tools = Tools(os.path.abspath(options.build))
    Program.place = tools.directory
    speeds = [tools.speed()]
    try:
        Measures(tools, options).run()
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        run.row("contacts", "not measured", remark=str(error).splitlines()[0][:160])
    speeds.append(tools.speed())
    run.row("speed of the machine (speed-probe)", f"{min(speeds):.0f} to {max(speeds):.0f}",
            remark="millions of steps per CPU second")
    run.row("time taken", f"{time.monotonic() - started:.0f} s")
    run.print_table()


if __name__ == "__main__":
    main()
