#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints what ninja has to build for some suites, from what meson knows of their tests: a build directory of one group
need not hold the programs of the others.

    needs.py BUILD-DIRECTORY SUITE…
"""

import json
import os
import sys


def load(build, name):
    with open(os.path.join(build, "meson-info", f"intro-{name}.json"), encoding="utf-8") as f:
        return json.load(f)


def main():
    build, suites = sys.argv[1], set(sys.argv[2:])
    # meson calls a suite PROJECT:SUITE
    tests = [t for t in load(build, "tests") if suites & {s.rpartition(":")[2] for s in t["suite"]}]
    wanted = {target for t in tests for target in t["depends"]}
    files = {os.path.relpath(f, os.path.realpath(build)) for t in load(build, "targets") if t["id"] in wanted
             for f in t["filename"]}
    if not tests:
        sys.exit(f"{build} has no test in {' '.join(sorted(suites))}")
    print("\n".join(sorted(files)))


if __name__ == "__main__":
    main()
