# SPDX-License-Identifier: MIT
"""Runs one libFuzzer target over seeds made from the vectors, then searches for some seconds.  Prints TAP.

    run.py TARGET --vectors DIR --work DIR [--seconds N]

What the search finds of use stays in --work, so that the next run begins there; a crash leaves its input
there too, and its name is printed.
"""

import argparse
import glob
import json
import os
import re
import subprocess
import sys


def vectors(folder):
    """Every vector of every file, in order."""
    for path in sorted(glob.glob(os.path.join(folder, "parsing-*.json"))):
        with open(path, encoding="utf-8") as f:
            content = json.load(f)
        if isinstance(content, list):
            yield from content


def texts(folder):
    """The messages of the vectors."""
    for vector in vectors(folder):
        message = vector["input"].get("message")
        if isinstance(message, str):
            yield message


def seeds_json(folder):
    for vector in vectors(folder):
        yield json.dumps(vector["input"], ensure_ascii=len(vector["name"]) % 2 == 0)


def seeds_forms(folder):
    for path in sorted(glob.glob(os.path.join(folder, "parsing-settings-*.json"))):
        with open(path, encoding="utf-8") as f:
            settings = json.load(f)
        for code, form in settings.get("forms", {}).items():
            yield json.dumps({"forms": {code: form}, "default_country_code": 254})
            yield json.dumps(form)


def seeds_record(folder):
    """Messages for the fixed settings; few with settings of their own, a form, which take ten times as long."""
    forms = list(seeds_forms(folder))
    for i, message in enumerate(texts(folder)):
        yield message
        if i % 8 == 0:
            yield forms[i // 4 % len(forms)] + "\n" + message
    for vector in vectors(folder):
        if vector["kind"] == "record_json":
            yield "{}\n" + json.dumps(vector["input"])


def seeds_date(folder):
    for vector in vectors(folder):
        if vector["kind"] == "date" and isinstance(vector["input"]["value"], str):
            yield vector["input"]["value"]


def seeds_javarosa(folder):
    """What follows the header of J1 messages, with the labels of the fixed settings too."""
    for message in texts(folder):
        body = message.split("!", 2)[-1]
        yield body
        yield "s#" + body + "#i#" + body


def seeds_compact(folder):
    """Messages without their codes."""
    for message in texts(folder):
        yield message
        yield message.partition(" ")[2] or message


def seeds_xform(_):
    """The files of the folder beside this one: pieces of XForms."""
    for path in sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "xform", "*.xml"))):
        with open(path, "rb") as f:
            yield f.read()


def seeds_contacts(_):
    place = {"_id": "own", "type": "clinic", "name": "C", "reported_date": "2011-10-10T14:48:00-03",
             "contact": {"name": "A", "phone": "0712345678"},
             "parent": {"type": "health_center", "name": "H", "parent": "dh"}}
    yield json.dumps({**place, "docs": {"dh": {"type": "district_hospital", "name": "D"}}})
    yield json.dumps({"name": "A", "place": place, "docs": {"dh": {
        "type": "district_hospital", "name": "D", "contact": "self"}}})
    yield json.dumps({"type": "person", "name": "A", "linked_docs": {"a": "dh", "b": {"_id": "self"}},
                      "parent": {"_id": "dh", "parent": {"_id": "self"}}, "contact": {"_id": "dh"},
                      "docs": {"dh": {"type": "contact", "name": "D", "parent": {"_id": "dh"}}}})
    yield json.dumps({"type": "data_record", "contact": {"_id": "dh"}, "patient_id": "12345",
                      "fields": {"place_id": 7}, "docs": {"dh": {"type": "person"}}})
    yield json.dumps({"type": "clinic", "name": "C", "parent": "self", "contact": "p", "docs": {
        "p": {"type": "person", "parent": {"_id": "self", "parent": {"_id": "self"}}}}})


def seeds_head(_):
    """Heads as phones, curl and browsers send them, and fields that make others of them."""
    fields = ("Host: a.example:80", "Accept: application/json", "Content-Type: application/json",
              "Authorization: Basic YTpi", "User-Agent: Dalvik/2.1.0", "Connection: Keep-Alive",
              "Content-Length: 2", "Content-Length: 0", "Transfer-Encoding: chunked", "Expect: 100-continue",
              "X-Empty:", "X:  blanks  ", "Accept-Encoding: gzip", "Cookie: a=b; c=d", "Range: bytes=0-1")
    for method in ("GET", "POST"):
        for path in ("/", "/api/sms", "/api/v1/records", "/a/../b", "/a?b", "http://a/b"):
            for n in range(len(fields) + 1):
                yield "\r\n".join([f"{method} {path} HTTP/1.1", *fields[:n]]) + "\r\n\r\n{}"
    for one in fields:
        yield f"POST /api/sms HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n{one}\r\n\r\n{{}}"
        yield f"GET /api/sms HTTP/1.1\r\nHost: b\r\n{one}\r\n\r\n"


def seeds_multipart(_):
    """Bodies of one, two and no parts, well formed and not quite."""
    part = 'Content-Disposition: attachment; filename="a \\"b\\""\r\n\r\nbytes'
    for kind in ("multipart/related; boundary=b", 'multipart/related; x="a;boundary=c"; boundary="b"', ";boundary=b;"):
        for body in ("", "--b--", f"--b\r\n{part}\r\n--b--", f"pre\r\n--b \r\n{part}\r\n--b\r\n\r\n\r\n--b--post",
                     f"--b\n\n{{}}\n--bx\n--b\n{part}\n--b--", "--b\r\nX: y\r\n--b--", f"--b\r\n{part}\r\n--b-"):
            yield f"{kind}\n{body}"


SEEDS = {"json": seeds_json, "forms": seeds_forms, "record": seeds_record, "date": seeds_date, "textforms": texts,
         "formcode": texts, "muvuku": texts, "javarosa": seeds_javarosa, "compact": seeds_compact, "head": seeds_head,
         "multipart": seeds_multipart,
         "xform": seeds_xform, "contacts": seeds_contacts}


def write_seeds(target, folder, into):
    os.makedirs(into, exist_ok=True)
    n = 0
    for n, seed in enumerate(SEEDS[target](folder), 1):
        with open(os.path.join(into, f"{n:05}"), "wb") as f:
            f.write(seed if isinstance(seed, bytes) else seed.encode("utf-8", "surrogatepass"))
    return n


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("--vectors", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--seconds", type=int, default=int(os.environ.get("BARUA_FUZZ_SECONDS", "7")))
    args = parser.parse_args()

    name = re.sub(r"^fuzz-", "", os.path.basename(args.target))
    seeds, found = os.path.join(args.work, name + "-seeds"), os.path.join(args.work, name + "-found")
    os.makedirs(found, exist_ok=True)
    n_seeds = write_seeds(name, args.vectors, seeds)
    run = subprocess.run(
        [args.target, f"-max_total_time={args.seconds}", "-max_len=4096", "-timeout=10", "-rss_limit_mb=1024",
         "-print_final_stats=1", f"-artifact_prefix={args.work}/{name}-", found, seeds],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    executed = re.search(r"stat::number_of_executed_units:\s*(\d+)", run.stdout)
    cover = re.findall(r"cov: (\d+)", run.stdout)
    ok = run.returncode == 0 and executed is not None and int(executed.group(1)) >= n_seeds > 0
    print(f"{'ok' if ok else 'not ok'} 1 - {name}: {n_seeds} seeds, {executed.group(1) if executed else 0} runs, "
          f"{cover[-1] if cover else 0} edges")
    if not ok:
        print("\n".join("# " + line for line in run.stdout.splitlines()[-60:]))
    print("1..1")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
