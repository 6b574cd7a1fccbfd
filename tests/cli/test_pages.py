# SPDX-License-Identifier: MIT
"""What is made of the program's tables and what is installed: manual pages, completion, barua.conf."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "http"))
from harness import binary, main  # noqa: E402

PAGES = os.environ["BARUA_PAGES"]
BUILD = os.environ["BARUA_BUILD"]
ROOT = os.path.join(HERE, "..", "..")

# cli.md, the table of commands
COMMANDS = ["serve", "parse", "forms check", "forms guide", "user add", "user passwd", "user list",
            "user delete", "backup", "restore", "migrate", "check", "reindex"]


def run(*args, env=None):
    return subprocess.run(args, capture_output=True, text=True, timeout=120, check=True,
                          env=dict(os.environ, **(env or {}))).stdout


def options(command):
    """The long options that --help of a command tells of, without --help itself."""
    text = run(binary(), *command.split(), "--help", env={"ASAN_OPTIONS": "detect_leaks=0"})
    return [o for o in re.findall(r"^\s+(?:-\w, )?--([a-z-]+)", text, re.M) if o != "help"]


def keys():
    """(group, key) of every row of the table, from its source."""
    with open(os.path.join(ROOT, "gateway", "config.c"), encoding="utf-8") as f:
        return re.findall(r'^  \{ "([a-z]+)", "([a-z0-9-]+)", KIND_', f.read(), re.M)


def rendered(name):
    """The page as a reader sees it, on one line, without overstriking and hyphenation."""
    text = run("groff", "-man", "-Tascii", "-P-c", "-rLL=400n", os.path.join(PAGES, name))
    return re.sub(r"\s+", " ", re.sub(r".\x08", "", text))


class Pages(unittest.TestCase):
    def test_formatters_have_nothing_to_say(self):
        for name in ("barua.1", "barua.conf.5"):
            done = subprocess.run(["groff", "-man", "-ww", "-b", "-z", os.path.join(PAGES, name)],
                                  capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            if shutil.which("man"):
                done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z",
                                       os.path.join(PAGES, name)], stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE, text=True, check=False)
                self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_commands_and_options(self):
        with open(os.path.join(PAGES, "barua.1"), encoding="utf-8") as f:
            sections = re.split(r"^\.SS ", f.read().replace("\\-", "-"), flags=re.M)[1:]
        for command in COMMANDS:
            own = [s for s in sections if s.startswith(f'"barua {command} ')]
            self.assertEqual(len(own), 1, command)
            own = own[0].split("\n.SH ")[0]
            self.assertEqual(re.findall(r"^\\fB--([a-z-]+)\\fR", own, re.M), options(command), command)
        self.assertEqual(len(sections), len(COMMANDS))
        page = rendered("barua.1")
        for text in ("--show-config", "BARUA_ADMIN_PASSWORD", "EXIT STATUS", "barua.conf(5)"):
            self.assertIn(text, page)

    def test_keys(self):
        page = rendered("barua.conf.5")
        with open(os.path.join(PAGES, "barua.conf.5"), encoding="utf-8") as f:
            source = f.read().replace("\\-", "-")
        self.assertGreater(len(keys()), 15)
        for group, key in keys():
            self.assertIn(f'.SS "[{group}]"', source)
            self.assertRegex(source, rf"\.TP\n\\fB{key}\\fR\n(?!\.)..+\n\.br\n")
            self.assertIn(f"BARUA_{group}_{key}".upper().replace("-", "_"), page)
        for group in re.findall(r"^\[([a-z]+)\]", self.sample(), re.M):
            self.assertIn(f"[{group}]", page)
        self.assertIn("rapidpro:incoming", page)

    def sample(self):
        with open(os.path.join(PAGES, "barua.conf"), encoding="utf-8") as f:
            return f.read()

    def show(self, *args):
        env = {k: v for k, v in os.environ.items() if not k.startswith("BARUA_")}
        return subprocess.run([binary(), "serve", *args], env=env, check=False, capture_output=True,
                              text=True)

    def test_sample(self):
        """The sample can be used; with all its keys uncommented it still says the defaults."""
        path = os.path.join(PAGES, "barua.conf")
        self.assertEqual(self.show("--config", path, "--check-config").returncode, 0)
        self.assertRegex(self.show("--config", path, "--show-config").stdout,
                         rf"(?m)^# set by: {re.escape(path)}:\d+\ndatabase = /var/lib/barua/barua.db$")
        for _, key in keys():
            self.assertRegex(self.sample(), rf"(?m)^#?{key} =")
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as f:
            f.write(re.sub(r"(?m)^#(?=[a-z-]+ =)", "", self.sample()))
            f.flush()
            shown = self.show("--config", f.name, "--show-config")
            self.assertEqual(shown.returncode, 0, shown.stderr)
            for (_, key), summary in zip(keys(), re.findall(r"(?m)^# (?!set by).*\n(?!\[)", shown.stdout), strict=True):
                self.assertRegex(summary, r"\(.*default: .*\)$", key)
            self.assertNotIn("# set by: default", shown.stdout)


class Completion(unittest.TestCase):
    def complete(self, *words, directory=None):
        """What TAB offers after these words, the last of which is begun."""
        script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _barua; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        out = subprocess.run(["bash", "-c", script, "bash", os.path.join(PAGES, "barua"), *words],
                             cwd=directory, check=True, capture_output=True, text=True)
        self.assertEqual(out.stderr, "")
        return [line for line in out.stdout.splitlines() if line]

    def test_commands(self):
        self.assertEqual(set(self.complete("barua", "")), {c.split()[0] for c in COMMANDS})
        self.assertEqual(self.complete("barua", "se"), ["serve"])
        self.assertEqual(set(self.complete("barua", "--")), {"--version", "--help"})
        for command in ("forms", "user"):
            self.assertEqual(set(self.complete("barua", command, "")),
                             {c.split()[1] for c in COMMANDS if c.startswith(command + " ")})

    def test_options(self):
        for command in COMMANDS:
            self.assertEqual(set(self.complete("barua", *command.split(), "--")),
                             {"--" + o for o in options(command)} | {"--help"}, command)
        self.assertEqual(self.complete("barua", "migrate", "--dr"), ["--dry-run"])

    def test_values(self):
        with tempfile.TemporaryDirectory() as directory:
            for name in ("clinic one.db", "clinic.json"):
                with open(os.path.join(directory, name), "w", encoding="utf-8"):
                    pass
            for words in (("serve", "--database", "cl"), ("serve", "--database", "=", "cl"),
                          ("forms", "check", "cl"), ("backup", "cl")):
                self.assertEqual(sorted(self.complete("barua", *words, directory=directory)),
                                 ["clinic one.db", "clinic.json"], words)
            self.assertEqual(len(self.complete("barua", "serve", "--database", "=", directory=directory)), 2)
            self.assertEqual(self.complete("barua", "serve", "--listen", "", directory=directory), [])
            self.assertEqual(self.complete("barua", "user", "list", "cl", directory=directory), [])


class Installed(unittest.TestCase):
    def test_destdir(self):
        """`meson install` into a folder: everything is there, and the program runs from it."""
        want = ["bin/barua", "share/man/man1/barua.1", "share/man/man5/barua.conf.5",
                "share/bash-completion/completions/barua", "lib/systemd/system/barua.service",
                "lib/systemd/system/barua.socket", "lib/sysusers.d/barua.conf", "lib/tmpfiles.d/barua.conf",
                "share/barua/monitoring/alerts.yml", "share/barua/monitoring/grafana-dashboard.json",
                "share/barua/proxy/nginx.conf", "share/barua/proxy/Caddyfile"]
        with tempfile.TemporaryDirectory() as directory:
            run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", directory)
            found = {os.path.relpath(os.path.join(folder, name), directory)
                     for folder, _, names in os.walk(directory) for name in names}
            prefix = os.path.commonpath([os.path.dirname(p) for p in found if p.endswith("/barua")]
                                        + [p for p in found if p.endswith("alerts.yml")])
            for path in want:
                self.assertIn(os.path.join(prefix, path), found)
            self.assertIn("etc/barua/barua.conf", found)
            modules = {os.path.basename(p) for p in found if p.endswith(".so")}
            self.assertLessEqual({"barua-xform.so"}, modules)
            extra = {p for p in found if not p.endswith(".so")} - {os.path.join(prefix, p) for p in want}
            self.assertEqual(extra, {"etc/barua/barua.conf"})
            self.assertRegex(run(os.path.join(directory, prefix, "bin", "barua"), "--version"), r"^barua \d")
            with open(os.path.join(directory, prefix, "lib/systemd/system/barua.service"),
                      encoding="utf-8") as f:
                self.assertIn(f"\nExecStart=/{prefix}/bin/barua serve\n", f.read())


if __name__ == "__main__":
    main()
