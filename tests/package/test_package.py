# SPDX-License-Identifier: MIT
"""The Debian package in a small Debian without systemd as its first process: installed, started, used, upgraded with
old data, refused to data of the future, removed, installed again, purged.

Says so when it cannot run, and fails instead when BARUA_PACKAGE_TEST is `required`."""

import contextlib
import glob
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "http"))
from harness import PASSWORD, main  # noqa: E402
from small_debian import (ENVIRONMENT, ROOT, other_version, package, run, small_debian,  # noqa: E402
                          version)

DATABASE = "var/lib/barua/barua.db"
debian = None


def setUpModule():
    global debian
    debian = small_debian("package", "the package")


def tearDownModule():
    if debian:
        debian.close()


class Package(unittest.TestCase):
    """One life of a package; the tests run in the order of their names."""

    server = None

    @classmethod
    def tearDownClass(cls):
        if cls.server:
            cls.server.kill()
            cls.server.wait()

    def command(self):
        """`barua serve` as the unit starts it: the user, the folder, the configuration of the package."""
        unit = debian.read("lib/systemd/system/barua.service")
        command = re.search(r"(?m)^ExecStart=(.*)$", unit).group(1).split()
        folder = re.search(r"(?m)^WorkingDirectory=(.*)$", unit).group(1)
        user = re.search(r"(?m)^User=(.*)$", unit).group(1)
        return [*debian.prefix, "setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "env", "-C", folder,
                *command]

    def start(self):
        cls = type(self)
        cls.server = subprocess.Popen(
            self.command(), env=dict(ENVIRONMENT, BARUA_ADMIN_PASSWORD=PASSWORD, BARUA_SERVER_LISTEN="127.0.0.1:0"),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        for line in cls.server.stdout:
            heard = re.search(r"listening on (http://\S+)", line)
            if heard:
                cls.url = heard.group(1)
                return
        self.fail(f"the server ended with {cls.server.wait()}")

    def stop(self):
        server = self.server
        type(self).server = None
        server.terminate()
        server.communicate(timeout=60)
        self.assertEqual(server.returncode, 0)

    def ask(self, path, *args):
        return json.loads(run("curl", "-sS", "--noproxy", "*", "-u", "admin:" + PASSWORD, "-H",
                              "Content-Type: application/json", *args, self.url + path))

    def records(self):
        rows = self.ask("/medic/_all_docs?include_docs=true")["rows"]
        return [row["doc"] for row in rows if row["doc"].get("type") == "data_record"]

    def query(self, sql):
        with contextlib.closing(sqlite3.connect(debian.path(DATABASE))) as database:
            return database.execute(sql).fetchall()

    def schema(self):
        return self.query("PRAGMA user_version")[0][0]

    def execute(self, script):
        """On the database, while no server runs; it stays that of the service's user."""
        with contextlib.closing(sqlite3.connect(debian.path(DATABASE))) as database:
            database.executescript(script)
        debian.inside("chown", "barua:barua", "/" + DATABASE)

    def test_1_lintian_had_nothing_to_say(self):
        cls = type(self)
        cls.package, cls.version = package(), version()
        self.assertEqual(run("dpkg-deb", "-f", self.package, "Version").strip(), self.version)
        self.assertEqual(run("dpkg-deb", "-I", self.package, "conffiles").strip(), "/etc/barua/barua.conf")

    def test_2_install_an_older_version(self):
        debian.install(other_version(self.package, "%s~older"))
        self.assertEqual(debian.status(), f"install ok installed|{self.version}~older")
        self.assertEqual(debian.inside("barua", "--version").strip(), "barua " + self.version)
        self.assertRegex(debian.inside("getent", "passwd", "barua"),
                         r"^barua:x:\d+:\d+:[^:]*:/var/lib/barua:\S+nologin\n$")
        self.assertEqual(debian.inside("stat", "-c", "%U %G %a", "/var/lib/barua", "/var/lib/barua/builds").splitlines(),
                         ["barua barua 750", "root root 755"])
        wants = debian.path("etc/systemd/system")
        self.assertTrue(os.path.islink(os.path.join(wants, "multi-user.target.wants/barua.service")))
        self.assertFalse(os.path.lexists(os.path.join(wants, "sockets.target.wants/barua.socket")))

    def test_3_what_it_depends_on_is_declared(self):
        """Only the declared packages are there, in a Debian of the smallest kind: it must be enough."""
        modules = glob.glob(debian.path("usr/lib/*/barua/*.so"))
        self.assertLessEqual({"barua-phone.so", "barua-xform.so"}, {os.path.basename(module) for module in modules})
        for path in [debian.path("usr/bin/barua"), *modules]:
            self.assertNotIn("not found", debian.inside("ldd", path[len(debian.root):]))
        # what is opened at run time and ldd does not know: TLS and whom it trusts
        self.assertTrue(glob.glob(debian.path("usr/lib/*/gio/modules/libgio*tls.so")), "no TLS")
        self.assertTrue(os.path.getsize(debian.path("etc/ssl/certs/ca-certificates.crt")) > 100000, "trusts nobody")
        declared = run("dpkg-deb", "-f", self.package, "Depends")
        for name in ("glib-networking", "ca-certificates"):
            self.assertIn(name, declared)

    def test_4_first_sms(self):
        self.start()
        settings = os.path.join(ROOT, "data", "example", "first.json")
        self.assertTrue(self.ask("/api/v1/settings?overwrite=1", "-X", "PUT", "--data-binary", "@" + settings)["success"])
        sms = {"messages": [{"id": "sms-1", "from": "+254712345678", "content": "1!YYYZ!Sam#23#2015#ANC"}]}
        self.assertIn("messages", self.ask("/api/sms", "--data-binary", json.dumps(sms)))
        record, = self.records()
        self.assertEqual((record["form"], record["fields"]["nurse"], record["fields"]["week"]), ("YYYZ", "Sam", 23))
        self.assertEqual(debian.inside("stat", "-c", "%U %G", "/" + DATABASE).strip(), "barua barua")
        type(self).record = record
        # the module for XForms is found where the package puts it
        answer = self.ask("/api/v1/forms/validate", "-H", "Content-Type: text/xml", "--data-binary",
                          "@" + os.path.join(ROOT, "data/example/forms/collect/household.xml"))
        self.assertTrue(answer.get("ok"), answer)

    def test_5_upgrade_keeps_records_and_configuration(self):
        with open(debian.path("etc/barua/barua.conf"), "a", encoding="utf-8") as f:
            f.write("\n# changed by hand\n")
        said = debian.install(self.package)
        self.assertEqual(debian.status(), "install ok installed|" + self.version, said)
        self.assertIn("# changed by hand", debian.read("etc/barua/barua.conf"))
        # without systemd nobody restarted it: it went on over the upgrade, and starts anew
        self.assertEqual(self.records(), [self.record])
        self.stop()
        self.start()
        self.assertEqual(self.records(), [self.record])
        self.stop()
        debian.inside("barua", "check", "--database", "/" + DATABASE)

    def test_6_a_newer_sample_asks_nothing_and_takes_nothing(self):
        """The sample changes in a newer version; what the administrator wrote stays, the new one lies beside it."""
        def change(folder):
            with open(os.path.join(folder, "etc/barua/barua.conf"), "a", encoding="utf-8") as f:
                f.write("\n# of the newer version\n")
        debian.install(other_version(self.package, "%s+newer", change), "-o", "Dpkg::Options::=--force-confold")
        self.assertIn("# changed by hand", debian.read("etc/barua/barua.conf"))
        self.assertIn("# of the newer version", debian.read("etc/barua/barua.conf.dpkg-dist"))

    def test_7_data_of_the_first_schema(self):
        """What a version of long ago filled: the tables are brought up to date at the start, nothing is lost."""
        newest = self.schema()
        for name in glob.glob(debian.path(DATABASE) + "*"):
            os.unlink(name)
        with open(os.path.join(HERE, "..", "data", "populated-1.sql"), encoding="utf-8") as f:
            self.execute(f.read())
        self.assertEqual(self.schema(), 1)
        type(self).older = sorted(row[0] for row in self.query(
            "SELECT id FROM doc JOIN body ON bodynum = wbody WHERE json ->> 'type' = 'data_record' AND NOT deleted"))
        self.assertGreater(len(self.older), 2)
        said = debian.inside("barua", "migrate", "--dry-run", "--database", "/" + DATABASE)
        self.assertEqual(self.schema(), 1, said)
        debian.inside("sh", "-c", "echo %s | barua user passwd admin --database /%s" % (PASSWORD, DATABASE))
        debian.inside("chown", "-R", "barua:barua", "/var/lib/barua")
        self.start()
        self.assertEqual(self.schema(), newest)
        self.assertGreater(newest, 1)
        self.assertEqual(sorted(record["_id"] for record in self.records()), self.older)
        self.assertEqual(self.ask("/medic/plain")["_id"], "plain")
        self.stop()
        debian.inside("barua", "check", "--database", "/" + DATABASE)

    def test_8_data_of_a_newer_version_is_refused(self):
        """After a downgrade: the program says what is wrong, and touches nothing."""
        newest = self.schema()
        self.execute(f"PRAGMA user_version = {newest + 1}")
        before = os.stat(debian.path(DATABASE)).st_mtime_ns
        for command in (self.command(), [*debian.prefix, "barua", "check", "--database", "/" + DATABASE]):
            done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            self.assertIn(f"the database has schema {newest + 1}, this program knows up to {newest}", done.stderr)
            self.assertIn("newer version", done.stderr)
        self.assertEqual(os.stat(debian.path(DATABASE)).st_mtime_ns, before)
        self.execute(f"PRAGMA user_version = {newest}")
        self.start()
        self.assertEqual(len(self.records()), len(self.older))
        self.stop()

    def test_9_remove_keeps_and_purge_deletes(self):
        debian.inside("apt-get", "remove", "-y", "barua")
        self.assertFalse(os.path.exists(debian.path("usr/bin/barua")))
        self.assertTrue(os.path.exists(debian.path(DATABASE)))
        self.assertIn("# changed by hand", debian.read("etc/barua/barua.conf"))
        debian.install(self.package, "-o", "Dpkg::Options::=--force-confold")
        self.start()
        self.assertEqual(len(self.records()), len(self.older))
        self.stop()
        self.assertIn("# changed by hand", debian.read("etc/barua/barua.conf"))
        debian.inside("apt-get", "remove", "-y", "barua")
        debian.inside("dpkg", "--purge", "barua", stdin=subprocess.DEVNULL)
        self.assertEqual(debian.status(), "")
        for name in ("var/lib/barua", "etc/barua", "usr/lib/sysusers.d/barua.conf", "usr/share/barua",
                     "etc/systemd/system/multi-user.target.wants/barua.service"):
            self.assertFalse(os.path.lexists(debian.path(name)), name)


if __name__ == "__main__":
    main()
