#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the unit, store and HTTP tests of a build with -Db_coverage=true and prints coverage by folder.

    coverage.py --build DIR [--files FOLDER] [--suite NAME]...

--files prints every file of a folder, with the lines where a branch was never taken.
"""

import argparse
import glob
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDERS = ("forms", "parser", "gateway/rules", "gateway/store", "gateway/http", "gateway/api",
           "gateway/outbound", "gateway/cli", "gateway")
GOALS = {"forms": 90, "parser": 95}


def run_tests(build, suites):
    for path in glob.glob(os.path.join(build, "**", "*.gcda"), recursive=True):
        os.remove(path)
    done = subprocess.run(["meson", "test", "-C", build, "--no-rebuild", "--print-errorlogs",
                           *[x for s in suites for x in ("--suite", s)]], capture_output=True,
                          text=True)
    if done.returncode != 0:
        sys.exit(done.stdout[-4000:] + "\ncoverage.py: a test failed")


def measure(build):
    """(folder, file) -> lines: [(number, count, branches not taken, branches)]."""
    done = subprocess.run(["gcovr", "--root", ROOT, "--object-directory", build, build,
                           "--gcov-executable", os.environ.get("GCOV", "gcov"),
                           "--exclude-throw-branches", "--exclude-unreachable-branches",
                           "--json"], capture_output=True, text=True, cwd=ROOT)
    if done.returncode != 0:
        sys.exit("gcovr: " + done.stderr[-2000:])
    found = {}
    for entry in json.loads(done.stdout)["files"]:
        folder, name = os.path.split(entry["file"])
        found[folder, name] = [
            (line["line_number"], line["count"],
             [b["count"] for b in line["branches"] if not b["throw"]])
            for line in entry["lines"] if not line.get("gcovr/noncode")]
    return found


def share(lines):
    """(lines run, lines, branches taken, branches)."""
    branches = [count for line in lines for count in line[2]]
    return (sum(line[1] > 0 for line in lines), len(lines),
            sum(count > 0 for count in branches), len(branches))


def show(name, figures, remark=""):
    run, lines, taken, branches = figures
    print(f"{name:28}{run / max(lines, 1):8.1%} of {lines:5} lines"
          f"{taken / max(branches, 1):8.1%} of {branches:5} branches  {remark}")


def main():
    p = argparse.ArgumentParser(description="coverage by folder")
    p.add_argument("--build", required=True)
    p.add_argument("--suite", action="append")
    p.add_argument("--files", action="append", default=[])
    p.add_argument("--no-run", action="store_true", help="count what earlier runs left")
    options = p.parse_args()
    build = os.path.abspath(options.build)
    if not options.no_run:
        run_tests(build, options.suite or ["unit", "store", "http"])
    found = measure(build)
    for folder in FOLDERS:
        lines = [line for key, ls in found.items() if key[0] == folder for line in ls]
        if lines:
            goal = GOALS.get(folder)
            show(folder, share(lines), f"goal: {goal} % of branches" if goal else "")
    for (folder, name), lines in sorted(found.items()):
        if folder in options.files:
            show(f"  {folder}/{name}", share(lines))
            missed = [str(n) for n, _, branches in lines if any(c == 0 for c in branches)]
            print("      " + " ".join(missed))


if __name__ == "__main__":
    main()
