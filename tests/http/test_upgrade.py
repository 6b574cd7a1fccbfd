# SPDX-License-Identifier: MIT
"""Going over to another build of the program: export-and-monitoring.md 8."""

import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from harness import PASSWORD, Server, basic, binary, certificate, main, read_answer  # noqa: E402

NEXT = os.environ["BARUA_NEXT"]  # the same program, of version 9.9.0
VERSION = "9.9.0"
OURS = subprocess.run([binary(), "--version"], capture_output=True, text=True,
                      check=True).stdout.split()[1]
MODULES = [os.path.join(folder, name)
           for folder in (os.path.join(os.path.dirname(binary()), "..", "forms"),
                          os.path.join(os.path.dirname(binary()), "http"))
           for name in os.listdir(folder) if name.endswith(".so")]
URL = "/api/v1/upgrade"


def build(version=VERSION):
    return {"build": {"namespace": "medic", "application": "medic", "version": version}}


class Case(unittest.TestCase):
    """A server with a builds directory."""

    maxDiff = 4000

    def setUp(self):
        self.builds = tempfile.mkdtemp(prefix="barua-builds-")
        self.addCleanup(shutil.rmtree, self.builds, ignore_errors=True)
        os.chmod(self.builds, 0o755)

    def serve(self, *args, **env):
        self.server = Server(args=list(args), env={"BARUA_UPGRADE_BUILDS_DIR": self.builds, **env})
        self.addCleanup(self.finish)
        self.server.start()
        self.c = self.server.client()
        return self.server

    def finish(self):
        if self.server.process is not None:
            self.server.finish()

    def lay(self, version=VERSION, script=None):
        """Puts a build into the builds directory: the other program, or a script that is one but for
        what @script says of its `serve`."""
        folder = os.path.join(self.builds, version)
        os.mkdir(folder, 0o755)
        program = os.path.join(folder, "barua")
        if script is None:
            shutil.copy(NEXT, program)
        else:
            with open(program, "w", encoding="utf-8") as f:
                f.write(f'#!/bin/sh\ncase "$1" in\n--version) echo "barua {version}" ;;\n'
                        f'serve) {script} ;;\n*) exec {binary()} "$@" ;;\nesac\n')
        os.chmod(program, 0o755)
        for module in MODULES:
            os.chmod(shutil.copy(module, folder), 0o644)
        return program

    def document(self):
        answer = self.c.get("/medic/horti-upgrade")
        return answer.json() if answer.status == 200 else None

    def wait_for(self, what, seconds=120):
        """Until @what() is true; what it was."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            value = what()
            if value:
                return value
            time.sleep(0.05)
        self.fail(f"waited in vain; the document is {self.document()}\n{self.server.log()}")

    def trouble(self):
        """The first error that the log of the document gets."""
        def look():
            log = (self.document() or {}).get("log", [])
            return [e for e in log if e.get("error")] if isinstance(log, list) else None
        entries = self.wait_for(look)
        self.assertIs(entries[0]["error"], True)
        self.assertIsInstance(entries[0]["datetime"], int)
        return entries[0]["message"]

    def version(self):
        return self.c.get("/api/v1/monitoring", auth=False).json()["version"]["app"]

    def taken_over(self):
        self.wait_for(lambda: self.version() == VERSION)
        self.wait_for(lambda: self.document() is None)

    def nothing_happened(self):
        """The old one serves, and takes messages."""
        self.assertEqual(self.version(), OURS)
        self.assertEqual(self.c.sms([{"id": f"after-{time.monotonic()}", "from": "+254712000001",
                                      "content": "still here"}]), [])

    def ask(self, path="", body=None):
        answer = self.c.post(URL + path, build() if body is None else body)
        self.assertEqual((answer.status, answer.json()), (200, {"ok": True}))


class Requests(Case):
    def setUp(self):
        super().setUp()
        self.serve()

    def check_400(self, body, text, headers=None):
        for path in ("", "/stage"):
            with self.subTest(path=path, body=body):
                answer = self.c.request("POST", URL + path, body, {"Content-Type": "application/json",
                                                                   "Accept": "application/json",
                                                                   **(headers or {})})
                self.assertEqual((answer.status, answer.json()), (400, {"code": 400, "error": text}))

    def test_bodies(self):
        none = "You must provide a build info body"
        for body in ("", "{}", "[]", '{"build":null}', '{"build":""}', '{"build":0}',
                     '{"build":false}', '{"version":"1"}'):
            self.check_400(body, none)
        self.check_400(json.dumps(build()), none, {"Content-Type": "text/plain"})
        self.check_400('{"build":"x"}', "build must be an object")
        self.check_400('{"build":[1]}', "build must be an object")
        self.check_400('{"build":{"version":"1","namespace":"other"}}', 'build.namespace must be "medic"')
        self.check_400('{"build":{"version":"1","application":7}}', 'build.application must be "medic"')
        for version in ("", ".", "..", "../x", "a/b", "/etc", ".hidden", "-x", "a b", "a\0b", "a\nb", "é",
                        "x" * 65, 1, None, ["1"]):
            self.check_400(json.dumps({"build": {"version": version}}),
                           "build.version must be the name of a folder in the builds directory")
        self.check_400('{"build":{}}', "build.version must be the name of a folder in the builds directory")
        self.assertIsNone(self.document())

    def test_who_may(self):
        for path in ("", "/stage", "/complete"):
            self.assertEqual(self.c.post(URL + path, build(), auth=False).status, 401)
        self.c.post("/api/v1/users", {"username": "nurse", "password": "N1ghtsh1ft-x", "type": "national-manager",
                                      "roles": ["nobody"]})
        nurse = self.server.client(user="nurse", password="N1ghtsh1ft-x")
        for path in ("", "/stage", "/complete"):
            answer = nurse.post(URL + path, {})
            self.assertEqual((answer.status, answer.json()["error"]), (403, "Insufficient privileges"))
        self.assertEqual(self.c.get(URL).status, 405, "messaging.md 1.3, as every known path")

    def test_complete_without_stage(self):
        for document in (None, {"_id": "horti-upgrade", "action": "stage"}):
            if document:
                self.assertEqual(self.c.post("/medic", document).status, 201)
            answer = self.c.post(URL + "/complete", {})
            self.assertEqual((answer.status, answer.json()), (404, {
                "code": 404, "error": "Cannot find a staged upgrade that is ready for completion"}))

    def test_document(self):
        """As the original writes it; a second request finds it."""
        before = int(time.time() * 1000) - 1
        body = {"build": {"namespace": "medic", "application": "medic", "version": "0.0.1",
                          "base_version": "0.0", "more": {"a": [1.50]}}}
        for path, action in (("", "install"), ("/stage", "stage")):
            self.ask(path, body)
            document = self.document()
            revision = document.pop("_rev")
            self.assertEqual({k: v for k, v in document.items() if k not in ("created", "log")}, {
                "_id": "horti-upgrade", "schema_version": 1, "user": "admin", "action": action,
                "build_info": body["build"]})
            self.assertTrue(before <= document["created"] <= time.time() * 1000 + 1)
            answer = self.c.post(URL, build())
            self.assertEqual((answer.status, answer.json()),
                             (409, {"code": 409, "error": "Document update conflict."}))
            self.assertEqual(self.trouble(), "0.0.1 is not there")
            document = self.document()
            self.assertEqual(document["action"], action)
            self.assertNotIn("staging_complete", document)
            revision = document["_rev"]
            self.assertEqual(self.c.request("DELETE", f"/medic/horti-upgrade?rev={revision}").status, 200)
        self.nothing_happened()


class Refused(Case):
    """Builds that are not run, or not gone over to: the old one goes on."""

    def refused(self, text, path="", body=None):
        if not hasattr(self, "server"):
            self.serve()
        self.ask(path, body)
        self.assertIn(text, self.trouble())
        self.nothing_happened()

    def test_no_builds_directory(self):
        self.server = Server()
        self.addCleanup(self.finish)
        self.server.start()
        self.c = self.server.client()
        self.refused("[upgrade] builds-dir of the configuration is not set")

    def test_writable_by_others(self):
        program = self.lay()
        folder = os.path.dirname(program)
        module = os.path.join(folder, "barua-xform.so")
        self.serve()
        for path, mode, name in ((self.builds, 0o777, "the builds directory"), (folder, 0o775, VERSION),
                                 (program, 0o757, f"{VERSION}/barua"),
                                 (module, 0o664, f"{VERSION}/barua-xform.so")):
            with self.subTest(path=path):
                good = os.stat(path).st_mode & 0o777
                os.chmod(path, mode)
                self.refused(name + " can be written by others")
                os.chmod(path, good)
                self.delete()

    def delete(self):
        revision = self.document()["_rev"]
        self.assertEqual(self.c.request("DELETE", f"/medic/horti-upgrade?rev={revision}").status, 200)

    def test_others_may_write_above_it(self):
        """They could put another folder in its place, once it was looked at; where only owners may rename, they cannot."""
        above = os.path.join(self.builds, "above")
        self.builds = os.path.join(above, "builds")
        os.makedirs(self.builds, 0o755)
        self.lay()
        self.serve()
        os.chmod(above, 0o777)
        self.refused(f"{os.path.realpath(above)} can be written by others")
        self.delete()
        os.chmod(above, 0o1777)
        self.ask("/stage")
        self.wait_for(lambda: self.document().get("staging_complete"))

    @unittest.skipUnless(os.geteuid() == 0, "only root can give files away")
    def test_belongs_to_somebody_else(self):
        os.chown(self.lay(), 12345, 12345)
        self.refused(f"{VERSION}/barua belongs neither to root nor to the server's user")

    def test_symbolic_links(self):
        program = self.lay("real")
        os.symlink("real", os.path.join(self.builds, VERSION))
        self.refused(f"{VERSION} is no folder")
        self.delete()
        os.unlink(os.path.join(self.builds, VERSION))
        self.lay()
        os.unlink(os.path.join(self.builds, VERSION, "barua"))
        os.symlink(program, os.path.join(self.builds, VERSION, "barua"))
        self.refused(f"{VERSION}/barua is no plain file")

    def test_without_its_modules(self):
        os.unlink(os.path.join(os.path.dirname(self.lay()), "barua-xform.so"))
        self.refused(f"{VERSION}/barua-xform.so is not there")

    def test_lies_about_its_version(self):
        os.rename(os.path.dirname(self.lay()), os.path.join(self.builds, "9.9.1"))
        self.refused('9.9.1/barua says that it is "barua 9.9.0"', body=build("9.9.1"))

    def test_prints_without_end(self):
        program = self.lay(script="true")
        with open(program, "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\nexec yes\n")
        self.refused(f"{VERSION}/barua --version did not end within 10 s")

    def test_fails_where_ends_of_children_are_ignored(self):
        """Whoever starts the server may not care for its own children: SIGCHLD stays ignored over execve()."""
        program = self.lay(script="true")
        with open(program, "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\necho barua {VERSION}\nexit 4\n")
        before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        try:
            self.serve()
        finally:
            signal.signal(signal.SIGCHLD, before)
        self.refused(f"{VERSION}/barua --version ended with status 4")

    def test_migration_fails(self):
        program = self.lay(script="true")
        with open(program, "w", encoding="utf-8") as f:
            f.write(f'#!/bin/sh\n[ "$1" = --version ] && exec echo barua {VERSION}\necho no such table; exit 4\n')
        self.refused(f"{VERSION}/barua migrate ended with status 4: no such table")
        self.assertNotIn("staging_complete", self.document())

    def test_knows_none_of_our_secrets(self):
        program = self.lay(script="true")
        seen = os.path.join(self.builds, "seen")
        with open(program, "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\nenv > {seen}\nls -l /proc/self/fd >> {seen}\nexit 1\n")
        self.refused("ended with status 1")
        with open(seen, encoding="utf-8") as f:
            text = f.read()
        self.assertNotIn(PASSWORD, text)
        self.assertNotIn("BARUA", text)
        self.assertNotIn("socket", text)
        self.assertNotIn("barua.db", text)

    def test_changed_since_it_was_staged(self):
        program = self.lay()
        self.serve()
        self.ask("/stage")
        self.wait_for(lambda: self.document().get("staging_complete"))
        self.assertEqual(self.document()["action"], "stage")
        with open(program, "ab") as f:
            f.write(b"x")
        self.ask("/complete", {})
        self.assertIn("is not what it was when it was staged", self.trouble())
        self.assertEqual(self.document()["action"], "complete")
        self.nothing_happened()

    def test_document_deleted_meanwhile(self):
        """Whoever deletes the document says no."""
        self.lay(script="exit 1")
        self.serve()
        self.ask("/stage")
        self.wait_for(lambda: self.document().get("staging_complete"))
        self.delete()
        self.assertEqual(self.c.post(URL + "/complete", {}).status, 404)
        self.nothing_happened()

    def test_forged_document(self):
        self.serve()
        for version in ("../../../tmp", "0.0.1", "", "a\0b"):
            with self.subTest(version=version):
                self.assertEqual(self.c.post("/medic", {
                    "_id": "horti-upgrade", "staging_complete": True, "log": "x", "action": 7,
                    "build_info": {"version": version}}).status, 201)
                self.ask("/complete", {})
                self.assertRegex(self.trouble(), "is not there|is no name of a folder")
                self.nothing_happened()
                self.delete()


class RolledBack(Case):
    def rolled_back(self, script, text, **env):
        self.lay(script=script)
        self.serve(**env)
        before = [f"before-{i}" for i in range(20)]
        self.c.sms([{"id": i, "from": "+254712000001", "content": "hello"} for i in before])
        self.ask()
        trouble = self.trouble()
        self.assertIn(text, trouble)
        self.nothing_happened()
        found = self.c.by_reference()
        self.assertEqual([i for i in before if len(found.get(i, [])) != 1], [])
        self.assertFalse(os.path.exists(self.server.database + ".way-back"))
        self.assertFalse(os.path.exists(self.server.database + ".build"))
        self.assertEqual(self.c.post(URL, build()).status, 409, "somebody has to look, and delete it")

    def test_dies_at_start(self):
        self.rolled_back("exit 3", f"{VERSION} ended with status 3 while it started; all is as it was")

    def test_killed_at_start(self):
        self.rolled_back("kill -9 $$", f"{VERSION} was ended by signal 9 while it started")

    def test_never_ready(self):
        self.rolled_back("exec sleep 1000", f"{VERSION} was not ready within 2 s",
                         BARUA_UPGRADE_READY_SECONDS="2")

    def test_database_that_it_cannot_open(self):
        """The real program, which fails late."""
        self.rolled_back(f"shift; exec {NEXT} serve --database /nonexistent/x",
                         f"{VERSION} ended with status 1")

    MIGRATES = ("case \"$1\" in --version) echo barua 9.9.0 ;; migrate) echo schema 1 can become 999 ;; "
                "serve) {python} -c 'import os, sqlite3, sys\n"
                "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
                "db.execute(\"PRAGMA user_version = 999\")\n"
                "db.execute(\"DROP TABLE body\")\n"
                "os._exit(5)' \"$3\" ;; esac")

    def test_migrates_and_dies(self):
        program = self.lay(script="true")
        with open(program, "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\n" + self.MIGRATES.format(python=sys.executable) + "\n")
        shutil.move(os.path.dirname(program), self.builds + "/kept")
        real_lay = self.lay
        self.lay = lambda script=None: os.rename(self.builds + "/kept", os.path.join(self.builds, VERSION))
        self.rolled_back(None, f"{VERSION} ended with status 5 while it started")
        self.lay = real_lay
        self.assertEqual(self.server.stop(), 0)
        done = subprocess.run([binary(), "check", "--database", self.server.database],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def test_stopped_while_it_starts(self):
        self.lay(script="exec sleep 1000")
        self.serve()
        self.ask()
        self.wait_for(lambda: "going over" in self.server.log())
        time.sleep(0.5)
        self.assertEqual(self.server.stop(), 0)
        self.server.start()
        self.c = self.server.client()
        self.assertIn("started anew before this was done", self.trouble())
        self.nothing_happened()

    def test_machine_went_down_meanwhile(self):
        """What the build was given is thrown away: it had not served."""
        self.serve()
        self.c.sms([{"id": "kept", "from": "+254712000001", "content": "hello"}])
        subprocess.run([binary(), "backup", "--database", self.server.database,
                        self.server.database + ".way-back"], check=True)
        self.c.sms([{"id": "lost", "from": "+254712000001", "content": "hello"}])
        self.server.restart(kill=True)
        self.c = self.server.client()
        self.assertEqual(sorted(self.c.by_reference()), ["kept"])
        self.assertFalse(os.path.exists(self.server.database + ".way-back"))


class Sender(threading.Thread):
    """Sends SMS one after the other, until it is told to stop; keeps what was acknowledged."""

    def __init__(self, server, number, keep_alive):
        super().__init__(daemon=True)
        self.client = server.client(keep_alive=keep_alive)
        self.number = number
        self.acknowledged, self.failures = [], []
        self.slowest = 0
        self.is_over = False

    def run(self):
        i = 0
        while not self.is_over:
            i += 1
            reference = f"s{self.number}-{i}"
            begun = time.monotonic()
            try:
                self.client.sms([{"id": reference, "from": f"+2547120000{self.number:02d}",
                                  "content": f"message {i}"}])
                self.acknowledged.append(reference)
            except (OSError, http.client.HTTPException, AssertionError) as e:
                self.failures.append(repr(e))
            self.slowest = max(self.slowest, time.monotonic() - begun)


class TakenOver(Case):
    def under_load(self, act, keep_alive=True):
        senders = [Sender(self.server, i, keep_alive and i % 2 == 1) for i in range(8)]
        for s in senders:
            s.start()
        try:
            time.sleep(0.5)
            act()
            time.sleep(0.5)
        finally:
            for s in senders:
                s.is_over = True
            for s in senders:
                s.join(60)
        failures = [f for s in senders for f in s.failures]
        self.assertEqual(failures, [], "no request fails")
        acknowledged = [r for s in senders for r in s.acknowledged]
        found = self.c.by_reference()
        self.assertEqual([r for r in acknowledged if r not in found], [], "none is lost")
        self.assertEqual([r for r, records in found.items() if len(records) > 1], [], "none is doubled")
        self.assertTrue(all(s.acknowledged for s in senders))
        return len(acknowledged), max(s.slowest for s in senders)

    def test_under_load(self):
        self.lay()
        self.serve()

        def act():
            self.ask()
            self.taken_over()
        n, slowest = self.under_load(act)
        print(f"# upgrade under load: {n} messages of 8 senders, 0 refused, 0 lost, 0 doubled; "
              f"the longest wait was {slowest * 1000:.0f} ms")
        self.assertEqual(self.version(), VERSION)
        # and again, from the new one: whoever has taken over can hand over
        os.rename(os.path.join(self.builds, VERSION), os.path.join(self.builds, "old"))
        os.mkdir(os.path.join(self.builds, OURS), 0o755)
        for name in os.listdir(os.path.join(self.builds, "old")):
            shutil.copy(binary() if name == "barua" else os.path.join(self.builds, "old", name),
                        os.path.join(self.builds, OURS, name))
            os.chmod(os.path.join(self.builds, OURS, name), 0o755)
        self.ask("", build(OURS))
        self.wait_for(lambda: self.version() == OURS)

    def test_rolled_back_under_load(self):
        """With a copy of the database, which then is put back: what came before and after is there."""
        program = self.lay(script="true")
        with open(program, "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\n" + RolledBack.MIGRATES.format(python=sys.executable) + "\n")
        self.serve()

        def act():
            self.ask()
            self.trouble()
        n, slowest = self.under_load(act)
        print(f"# roll-back under load: {n} messages of 8 senders, 0 refused, 0 lost, 0 doubled; "
              f"the longest wait was {slowest * 1000:.0f} ms")
        self.nothing_happened()

    def test_that_changes_the_tables(self):
        """Then the database is copied when nothing is written any more, and the copy is kept."""
        program = self.lay(script="true")
        with open(program, "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\n[ $1 = migrate ] && exec echo schema 1 can become 999\nexec {NEXT} \"$@\"\n")
        self.serve()
        self.ask("/stage")
        self.wait_for(lambda: self.document().get("staging_complete") is True)
        self.c.sms([{"id": "since-then", "from": "+254712000001", "content": "hello"}])

        def act():
            self.ask("/complete", {})
            self.taken_over()
        self.under_load(act)
        self.assertFalse(os.path.exists(self.server.database + ".way-back"))
        copy = sqlite3.connect(f"file:{self.server.database}.before-upgrade?mode=ro", uri=True)
        self.addCleanup(copy.close)
        n, = copy.execute("SELECT count(*) FROM body WHERE CAST(json AS TEXT) LIKE '%since-then%'").fetchone()
        self.assertEqual(n, 1)

    def kill_all(self):
        """The machine goes down: the old process and the build end at one moment."""
        pid = self.server.process.pid
        os.kill(pid, signal.SIGSTOP)
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            children = f.read().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        self.server.kill()
        self.wait_for(lambda: all(map(self.has_ended, children)))

    @staticmethod
    def has_ended(pid):
        """Whether a process that is no child of ours is gone; nobody may ever ask for its status."""
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                return f.read().rsplit(")", 1)[1].split()[0] in "ZX"
        except OSError:
            return True

    def test_machine_goes_down(self):
        """At any moment of an upgrade that changes the tables: what was acknowledged is there at the next start."""
        self.lay(script="true")
        with open(os.path.join(self.builds, VERSION, "barua"), "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\n[ $1 = migrate ] && exec echo schema 1 can become 999\nexec {NEXT} \"$@\"\n")
        versions = []
        for serial in range(8):
            self.serve()
            senders = [Sender(self.server, i, i % 2 == 1) for i in range(4)]
            for s in senders:
                s.start()
            self.ask()
            self.wait_for(lambda: "going over" in self.server.log() or self.version() == VERSION)
            time.sleep(serial * 0.08)
            for s in senders:
                s.is_over = True
            self.kill_all()
            for s in senders:
                s.join(60)
            self.server.start()
            self.c = self.server.client()
            versions.append(self.version())
            acknowledged = [r for s in senders for r in s.acknowledged]
            found = self.c.by_reference()
            self.assertEqual([r for r in acknowledged if r not in found], [], "none is lost")
            self.assertEqual([r for r, records in found.items() if len(records) > 1], [], "none is doubled")
            self.assertFalse(os.path.exists(self.server.database + ".way-back"))
            self.server.finish()
            self.server.process = None
        print(f"# after 8 ends of the machine in an upgrade, {versions.count(OURS)} starts were of the old program")

    def test_stage_then_complete(self):
        self.lay()
        self.serve()
        self.ask("/stage")
        self.wait_for(lambda: self.document().get("staging_complete") is True)
        messages = [entry["message"] for entry in self.document()["log"]]
        self.assertEqual(messages[-1], "Staged")
        self.assertRegex(messages[-2], r"^The migration was tried on the copy: schema \d+ is up to date$")
        self.assertEqual(self.version(), OURS)
        self.ask("/complete", {})
        self.taken_over()
        self.assertEqual(self.c.post(URL + "/complete", {}).status, 404)

    def test_staged_before_a_restart(self):
        """Nothing is known of the build any more but what the document says: all is looked at again."""
        self.lay()
        self.serve()
        self.ask("/stage")
        self.wait_for(lambda: self.document().get("staging_complete") is True)
        self.server.restart()
        self.c = self.server.client()
        self.ask("/complete", {})
        self.taken_over()

    def test_next_start(self):
        """The manager starts the program it knows; the build goes on, as long as it is the same."""
        program = self.lay()
        self.serve()
        self.ask()
        self.taken_over()
        self.server.restart()
        self.c = self.server.client()
        self.assertEqual(self.version(), VERSION)
        self.assertEqual(self.server.stop(), 0)
        with open(program, "ab") as f:
            f.write(b"x")
        self.server.start()
        self.c = self.server.client()
        self.assertEqual(self.version(), OURS)
        self.assertIn("is not followed: it is not what it was then", self.server.log())

    def test_connections(self):
        """What is open stays open, and is answered by whoever is there; what is in flight is told to close."""
        self.lay()
        self.serve()
        get = (b"GET /api/sms HTTP/1.1\r\nHost: x\r\nAuthorization: "
               + basic("admin", PASSWORD).encode() + b"\r\n\r\n")
        where = ("127.0.0.1", self.server.port)
        parked = [socket.create_connection(where) for _ in range(300)]
        for s in parked:
            s.sendall(get)
            self.assertEqual(read_answer(s)[0], 200)
        time.sleep(2.5)  # they are parked
        idle, fresh, slow, feed = (socket.create_connection(where) for _ in range(4))
        for s in (idle, fresh, slow, feed, *parked):
            self.addCleanup(s.close)
        idle.sendall(get)
        self.assertEqual(read_answer(idle)[0], 200)
        body = json.dumps({"messages": [{"id": "slow", "from": "+254712000001", "content": "hello"}]}).encode()
        head = get.replace(b"GET", b"POST").replace(
            b"\r\n\r\n", f"\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        slow.sendall(head + body[:20])
        feed.sendall(get.replace(b"/api/sms", b"/medic/_changes?feed=longpoll&since=now&timeout=60000"))
        time.sleep(0.2)
        self.ask()
        self.wait_for(lambda: "going over" in self.server.log())
        slow.sendall(body[20:])
        status, head, _ = read_answer(slow)
        self.assertEqual(status, 200)
        self.assertIn(b"connection: close", head.lower())
        feed.settimeout(30)
        self.assertTrue(feed.recv(4096).startswith(b"HTTP/1.1 200"))
        self.taken_over()
        for s in (idle, fresh, *parked):
            s.sendall(get)
            self.assertEqual(read_answer(s)[0], 200)
        self.assertEqual(len(self.c.by_reference()["slow"]), 1)

    def test_https(self):
        """New connections as without; what a session of TLS holds cannot be handed over, so idle ones end."""
        files = certificate(self.builds)
        self.lay()
        self.server = Server(env={"BARUA_UPGRADE_BUILDS_DIR": self.builds},
                             args=["--tls-certificate", files[0], "--tls-key", files[1]])
        self.addCleanup(self.finish)
        self.server.tls = ssl.create_default_context(cafile=files[0])
        self.server.start()
        self.c = self.server.client()
        fresh = socket.create_connection(("127.0.0.1", self.server.port), timeout=30)
        self.addCleanup(fresh.close)

        def act():
            self.ask()
            self.taken_over()
        self.under_load(act, keep_alive=False)
        with self.server.tls.wrap_socket(fresh, server_hostname="localhost") as s:
            s.sendall(b"GET /api/v1/monitoring HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b'"app":"9.9.0"', read_answer(s)[2])

    def begin_slowly(self):
        """Goes over while a message is being sent; what the message still lacks, and where it comes from."""
        self.lay()
        self.serve()
        body = b'{"messages":[{"id":"slow","from":"+254712000001","content":"hello"}]}'
        slow = socket.create_connection(("127.0.0.1", self.server.port), timeout=30)
        self.addCleanup(slow.close)
        slow.sendall(b"POST /api/sms HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: "
                     + basic("admin", PASSWORD).encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:9])
        time.sleep(0.2)
        self.ask()
        self.wait_for(lambda: "going over" in self.server.log())
        time.sleep(0.3)
        return slow, body[9:]

    def test_stopped_while_requests_are_answered(self):
        """SIGTERM then is for the server as a whole: the upgrade is off."""
        slow, rest = self.begin_slowly()
        self.server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        slow.sendall(rest)
        self.assertEqual(read_answer(slow)[0], 200)
        self.assertEqual(self.server.process.wait(30), 0, self.server.log())
        self.assertNotIn("9.9.0 serves", self.server.log())
        self.server.start()
        self.c = self.server.client()
        self.assertIn("started anew before this was done", self.trouble())
        self.assertEqual(len(self.c.by_reference()["slow"]), 1)

    def test_hung_up_while_requests_are_answered(self):
        """The build hears of it."""
        slow, rest = self.begin_slowly()
        self.server.process.send_signal(signal.SIGHUP)
        slow.sendall(rest)
        self.assertEqual(read_answer(slow)[0], 200)
        self.taken_over()
        self.wait_for(lambda: self.DONE in self.server.log())

    def test_signals_are_passed_on(self):
        """Without a manager that could be told, the first process stays for who started it."""
        self.lay()
        self.serve()
        self.ask()
        self.taken_over()
        self.server.process.send_signal(signal.SIGUSR2)
        self.wait_for(lambda: "SIGUSR2: timers run" in self.server.log())
        self.server.process.send_signal(signal.SIGHUP)
        self.wait_for(lambda: "SIGHUP" in self.server.log())
        self.assertIsNone(self.server.process.poll())
        self.assertEqual(self.server.stop(), 0)
        self.assertEqual(self.server.log().count("note: stopping"), 1)

    def wait_at_gate(self, then):
        """Has a build start that does @then when self.open_gate() is called, and waits until it waits."""
        self.gate, waits = (os.path.join(self.builds, name) for name in ("gate", "waits"))
        self.lay(script=f"touch {waits}; while [ ! -e {self.gate} ]; do sleep 0.05; done; {then}")
        self.config = os.path.join(self.builds, "barua.conf")
        self.configure("")
        self.serve("--config", self.config)
        self.ask()
        self.wait_for(lambda: os.path.exists(waits))

    def configure(self, text):
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text)

    def open_gate(self):
        with open(self.gate, "w", encoding="utf-8"):
            pass

    DONE = "SIGHUP: the configuration is in force"

    def test_hung_up_while_the_build_starts(self):
        """It may have read the configuration already: it reads it again."""
        self.wait_at_gate(f'exec {NEXT} "$@"')
        self.server.process.send_signal(signal.SIGHUP)
        self.open_gate()
        self.taken_over()
        self.wait_for(lambda: self.DONE in self.server.log())

    def test_hung_up_while_a_build_starts_that_fails(self):
        """What was asked of the server is done when that goes on."""
        self.wait_at_gate("exit 3")
        self.configure("[http]\nmax-body-mib = 1\n")
        self.server.process.send_signal(signal.SIGHUP)
        self.open_gate()
        self.assertIn("ended with status 3", self.trouble())
        self.wait_for(lambda: self.DONE in self.server.log())
        self.assertEqual(self.c.post("/api/v2/records", {"x": "x" * (2 << 20)}).status, 413)
        self.nothing_happened()

    def test_manager_is_told(self):
        """With systemd the first process ends, once the manager knows who serves."""
        self.lay()
        path = os.path.join(self.builds, "notify")
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(told.close)
        told.bind(path)
        told.settimeout(60)
        self.serve(NOTIFY_SOCKET=path, WATCHDOG_USEC="60000000")
        heard = []

        def hear():
            text, fds, _, _ = socket.recv_fds(told, 4096, 4)
            for fd in fds:
                os.close(fd)
            heard.append(text.decode().strip())
            return heard[-1]
        self.assertEqual(hear(), "READY=1")
        self.ask()
        while "MAINPID" not in hear():
            pass
        pid = int(heard[-1].split("MAINPID=")[1].split()[0])
        self.assertEqual(heard[-1].splitlines()[0], "READY=1")
        self.assertEqual(hear(), "BARRIER=1")
        self.assertEqual(self.server.process.wait(30), 0, self.server.log())
        self.server.process = None
        self.assertNotIn("STOPPING=1", heard)
        self.assertEqual(hear(), "READY=1", "from the new one")
        self.assertEqual(self.version(), VERSION)
        with open(f"/proc/{pid}/environ", "rb") as f:
            environment = dict(e.split(b"=", 1) for e in f.read().split(b"\0") if e)
        self.assertEqual(environment[b"LISTEN_PID"], str(pid).encode())
        self.assertEqual(environment[b"WATCHDOG_PID"], str(pid).encode())
        os.kill(pid, signal.SIGTERM)
        self.assertEqual(hear(), "STOPPING=1")
        self.wait_for(lambda: self.has_ended(pid))
        shutil.rmtree(self.server.directory, ignore_errors=True)


if __name__ == "__main__":
    main()
