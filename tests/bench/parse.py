#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures the parsing engine: figures, no verdict.

    parse.py --build DIR [--count N] [--seconds S] [--no-time] [--no-growth]

T1  message to typed, validated record as JSON: instructions (callgrind) and CPU time by syntax
T3  the same with plain texts for labels
    growth: what 60,000 bytes cost against 60, for every syntax and for shapes that hurt
    `barua parse`: lines of JSON in and out, per second of CPU time
"""

import argparse
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import gen_corpus  # noqa: E402

SMALL, LARGE = 60, 60000


def settings(forms):
    return json.dumps({"forms": forms, "default_country_code": 254, "locale": "en"})


class Bench:
    def __init__(self, build, directory):
        self.program = os.path.join(build, "tests", "bench", "bench-parse")
        self.barua = os.path.join(build, "gateway", "barua")
        self.directory = directory
        self.settings = os.path.join(directory, "settings.json")
        self.corpus = os.path.join(directory, "corpus.tsv")

    def write(self, forms, lines):
        with open(self.settings, "w", encoding="utf-8") as f:
            f.write(settings(forms))
        with open(self.corpus, "w", encoding="utf-8") as f:
            f.writelines("\t".join(line) + "\n" for line in lines)

    def run(self, seconds, wrapper=()):
        """The lines that the program prints, split, and the highest memory in kB."""
        done = subprocess.run([*wrapper, self.program, self.settings, self.corpus, str(seconds)],
                              capture_output=True, text=True, check=True)
        rows = [line.split() for line in done.stdout.splitlines()]
        return rows[:-1], int(rows[-1][1])

    def instructions(self):
        """kind -> (messages, instructions per message, of them for the sender, bytes of record,
        instructions without the document)."""
        out = os.path.join(self.directory, "cg")
        rows, _ = self.run(0, ("valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"))
        counts = {}
        for name in os.listdir(self.directory):
            if not name.startswith("cg."):
                continue
            path = os.path.join(self.directory, name)
            with open(path, encoding="utf-8") as f:
                text = f.read()
            os.remove(path)
            trigger = re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.M)
            total = re.search(r"^(?:summary|totals): (\d+)", text, re.M)
            if trigger and total:
                counts[trigger.group(1)] = int(total.group(1))
        if os.path.exists(out):
            os.remove(out)
        if not counts:
            sys.exit("bench-parse was compiled without valgrind/callgrind.h")
        return {kind: (int(n), counts[kind] / int(n), counts["senders-" + kind] / int(n),
                       float(size), counts["unwritten-" + kind] / int(n))
                for kind, n, size in rows}


def mean(found, column):
    return sum(v[0] * v[column] for v in found.values()) / sum(v[0] for v in found.values())


def corpus(labels, count):
    gen_corpus.PLAIN_LABELS = labels == "string"
    made = gen_corpus.Corpus(1)
    return made.forms, list(made.messages(count))


def instructions(bench, options):
    found = {}
    for title, labels in (("T1", "object"), ("T3", "string")):
        bench.write(*corpus(labels, options.count))
        found[title] = bench.instructions()
    print("instructions per message, text to record as JSON")
    print(f"  {'':12}{'share':>7}{'T1':>9}{'T3':>9}{'typed':>9}{'sender':>9}{'record bytes':>14}")
    total = sum(v[0] for v in found["T1"].values())
    for kind, (n, cost, sender, size, typed) in found["T1"].items():
        print(f"  {kind:12}{n / total:7.0%}{cost:9,.0f}{found['T3'][kind][1]:9,.0f}"
              f"{typed:9,.0f}{sender:9,.0f}{size:14,.0f}")
    t1, t3 = mean(found["T1"], 1), mean(found["T3"], 1)
    print(f"  {'all':12}{'':7}{t1:9,.0f}{t3:9,.0f}{mean(found['T1'], 4):9,.0f}"
          f"{mean(found['T1'], 2):9,.0f}"
          f"{mean(found['T1'], 3):14,.0f}")
    typed, sender = mean(found["T1"], 4), mean(found["T1"], 2)
    print(f"  T1 (goal ≤ 4,000): {t1:,.0f} with the document written, {typed:,.0f} typed and"
          f" validated; without the sender's number {t1 - sender:,.0f} and {typed - sender:,.0f}")
    print(f"  T3 is T1 {t3 / t1 - 1:+.1%} (goal: within 10 %)")


def times(bench, options):
    bench.write(*corpus("object", options.count))
    rows, peak = bench.run(options.seconds)
    print("CPU time")
    for kind, _, ns in rows:
        print(f"  {kind:12}{float(ns):9,.0f} ns/message {1e9 / float(ns):12,.0f} messages/s")
    ns = sum(int(n) * float(t) for _, n, t in rows) / sum(int(n) for _, n, _ in rows)
    print(f"  {'all':12}{ns:9,.0f} ns/message {1e9 / ns:12,.0f} messages/s")
    print(f"  peak memory {peak / 1024:.1f} MiB, corpus of {options.count:,} messages included")


# Growth

def repeat(head, unit, tail=""):
    """A message of so many bytes: @head, @unit as often as it fits, @tail."""
    def make(size):
        left = size - len((head + tail).encode())
        return head + unit * (left // len(unit.encode())) + tail
    return make


def shapes():
    """(name, function from a size to a message)."""
    syntax = {"muvuku": ("1!V!", ""), "muvuku-values": ("1!V!", "1#"), "j1": ("J1!V!", "ID#7#"),
              "compact": ("V ", "7 "), "textforms": ("V ", "id 7#"), "free": ("", "word ")}
    for name, (head, unit) in syntax.items():
        yield name, repeat(head, unit or "x")
    nasty = {"hash": "#", "bang": "!", "quote": '"', "quoted": '"a" ', "half-quoted": '"a ',
             "blank": " ", "line-end": "\n", "key-line-end": "a\n", "zero-width": "\u200b",
             "zero-width-letter": "a\u200b", "wide-blank": "\u2003", "backslash": "\\#",
             "digit": "1", "devanagari": "१", "minus": "-", "date": "2020-10-10 ", "point": ".",
             "letter": "a", "sharp-s": "ß", "emoji": "😀", "separator": "\u2028", "dots": "a.b.",
             "control": "\x01", "key-blank": "id ", "repeated": "id 5#", "repeated-text": "nt a#"}
    heads = {"": "", "muvuku-": "1!V!", "j1-": "J1!V!", "plain-": "V ", "labelled-": "V id "}
    for head, text in heads.items():
        for name, unit in nasty.items():
            yield head + name, repeat(text, unit)
    yield "one-quote", repeat('V "', "a ")
    yield "end-quote", repeat("V ", "a ", '"')
    yield "quote-in-the-middle", repeat('V a" ', 'a" ', "\u2028\"")
    yield "zero-width-code", repeat("\u200b", "\u200b", "V 7")
    yield "code-in-zero-width", repeat("1!V", "\u200b", "!7")
    yield "date-field", repeat("1!V!1#", "2020-10-10T")
    yield "bikram-field", repeat("1!NP!1#", "2080-10-10 ")
    yield "number-field", repeat("1!P!", "9")
    yield "number-field-devanagari", repeat("1!P!", "९")
    yield "phone-field", repeat("1!D!1#LB#1#", "7")
    yield "phone-field-blank", repeat("1!D!1#LB#1#+254", " ")
    yield "list-field", repeat("1!D!1#", "L")


def growth(bench):
    forms, _ = corpus("object", 1)
    lines = []
    for name, make in shapes():
        for size in (SMALL, LARGE):
            lines.append((f"{name}/{size}", "m", "+254700000001",
                          make(size).replace("\t", " ").replace("\n", "\r")))
    bench.write(forms, lines)
    found = bench.instructions()
    ratios = sorted(((found[f"{name}/{LARGE}"][1] / found[f"{name}/{SMALL}"][1], name)
                     for name, _ in shapes()), reverse=True)
    print(f"growth from {SMALL} to {LARGE} bytes, {len(ratios)} shapes (goal: ≤ 1,000 times)")
    for ratio, name in ratios[:8]:
        print(f"  {ratio:7.0f} times  {name}: {found[f'{name}/{SMALL}'][1]:,.0f} to "
              f"{found[f'{name}/{LARGE}'][1]:,.0f} instructions")
    print(f"  {statistics.median(r for r, _ in ratios):7.0f} times  in the median; above 1,000: "
          f"{sum(r > 1000 for r, _ in ratios)}")


def lines(bench, options):
    """The command, with JSON in and out."""
    forms, messages = corpus("object", options.count)
    bench.write(forms, [])
    repeats = max(1, 200000 // options.count)
    text = "".join(json.dumps({"message": c, "from": s}, ensure_ascii=False) + "\n"
                   for _, _, s, c in messages).encode() * repeats
    source = os.path.join(bench.directory, "lines")
    with open(source, "wb") as f:
        f.write(text)
    rates = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with open(source, "rb") as f:
            subprocess.run([bench.barua, "parse", "--settings", bench.settings], stdin=f,
                           stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        rates.append(options.count * repeats / (after.ru_utime - before.ru_utime
                                                + after.ru_stime - before.ru_stime))
    print(f"`barua parse`, {options.count * repeats:,} lines: {statistics.median(rates):,.0f} "
          "messages per second of CPU time (goal ≥ 400,000 when quiet)")


def main():
    p = argparse.ArgumentParser(description="measures the parsing engine")
    p.add_argument("--build", required=True, help="a build directory with -Dbench=enabled")
    p.add_argument("--count", type=int, default=5000, help="messages of the corpus")
    p.add_argument("--seconds", type=float, default=0.5, help="CPU time for each syntax")
    p.add_argument("--no-time", action="store_true", help="instructions only")
    p.add_argument("--no-growth", action="store_true")
    options = p.parse_args()
    directory = tempfile.mkdtemp(prefix="bench-parse-")
    try:
        bench = Bench(os.path.abspath(options.build), directory)
        has_valgrind = shutil.which("valgrind") is not None
        if has_valgrind:
            instructions(bench, options)
        else:
            print("valgrind is missing: no instructions, no growth")
        if not options.no_time:
            times(bench, options)
            lines(bench, options)
        if has_valgrind and not options.no_growth:
            growth(bench)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
