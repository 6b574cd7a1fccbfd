# SPDX-License-Identifier: MIT
"""Care of the database file: backup, restore, migrate (cli.md)."""

import json
import os
import sqlite3
import sys
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "http"))
from harness import Server, main, replies_settings  # noqa: E402
from test_cli import Cli as CliBase  # noqa: E402

DATA = os.path.join(HERE, "..", "data")


def query(path, sql):
    db = sqlite3.connect(path)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


class Care(CliBase):
    def path(self, name):
        return os.path.join(self.directory.name, name)

    def server(self, **kwargs):
        server = Server(**kwargs)
        self.addCleanup(lambda: server.process and server.kill())
        return server

    def old_file(self, schema):
        """A file as an old program left it, with nothing in it."""
        path = self.path(f"schema-{schema}.db")
        db = sqlite3.connect(path)
        with open(os.path.join(DATA, f"schema-{schema}.sql"), encoding="utf-8") as f:
            db.executescript(f.read())
        db.execute("PRAGMA application_id = 0x42617275")
        db.execute(f"PRAGMA user_version = {schema}")
        db.close()
        return path


class Backup(Care):
    def test_beside_a_server_that_writes(self):
        """What was acknowledged before the backup began is in it, and it is whole."""
        server = self.server()
        server.start()
        client = server.client()
        client.settings(replies_settings())
        stop = threading.Event()
        acknowledged = []

        def write():
            mine = server.client()
            while not stop.is_set():
                i = len(acknowledged)
                mine.sms([{"id": f"b{i}", "from": "+254712345678", "content": f"hello {i}"}])
                acknowledged.append(f"b{i}")

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for n in range(3):
                while len(acknowledged) < 10 * (n + 1):
                    stop.wait(0.01)
                before = list(acknowledged)
                target = self.path(f"copy{n}.db")
                self.run_cli("backup", "--database", server.database, target)
                found = {ref for ref, in query(target, "SELECT ref FROM inref")}
                self.assertEqual(set(before) - found, set())
                self.assertEqual(query(target, "PRAGMA integrity_check"), [("ok",)])
                self.run_cli("check", "--database", target)
        finally:
            stop.set()
            writer.join()
        self.assertFalse([n for n in os.listdir(self.directory.name) if "partial" in n])

    def test_what_cannot_be_backed_up(self):
        good = self.path("good.db")
        server = self.server(database=good)
        server.start()
        server.stop()
        self.run_cli("backup", "--database", good, self.path("once.db"))
        size = os.path.getsize(self.path("once.db"))
        text = self.file("not a database at all", "text.db")
        empty = self.file("", "empty.db")
        for database, target, says in (
                (good, "once.db", "exists already"),
                (self.path("missing.db"), "x.db", "no such file"),
                (text, "x.db", "text.db: "),
                (empty, "x.db", "no database of barua"),
                (good, "no/such/folder/x.db", "")):
            with self.subTest(database=database, target=target):
                _, err = self.run_cli("backup", "--database", database, self.path(target), status=1)
                self.assertIn("barua backup: ", err)
                self.assertIn(says, err)
                self.assertFalse(os.path.exists(self.path("x.db")))
        self.assertEqual(os.path.getsize(self.path("once.db")), size)
        self.run_cli("backup", status=2)
        self.run_cli("backup", "a", "b", status=2)


class Restore(Care):
    def test_round_trip(self):
        server = self.server()
        server.start()
        client = server.client()
        client.sms([{"id": "kept", "from": "+254712345678", "content": "kept"}])
        backup = self.path("backup.db")
        self.run_cli("backup", "--database", server.database, backup)
        client.sms([{"id": "later", "from": "+254712345678", "content": "later"}])
        _, err = self.run_cli("restore", "--database", server.database, backup, status=1)
        self.assertIn("another server uses the database", err)
        self.assertEqual(len(client.records()), 2, "refused: nothing happened")

        server.kill()  # its log is still there, and must not be taken for that of the restored file
        self.assertTrue(os.path.getsize(server.database + "-wal") > 0)
        out, _ = self.run_cli("restore", "--database", server.database, backup)
        kept = out.strip().rsplit(" ", 1)[1]
        self.assertEqual({ref for ref, in query(kept, "SELECT ref FROM inref")}, {"kept", "later"})
        server.start()
        client = server.client()
        self.assertEqual([r["sms_message"]["gateway_ref"] for r in client.records()], ["kept"])
        # what the phone still has comes again
        client.sms([{"id": "later", "from": "+254712345678", "content": "later"}])
        self.assertEqual(len(client.records()), 2)
        server.stop()
        self.run_cli("check", "--database", server.database)

    def test_a_new_place(self):
        server = self.server()
        server.start()
        server.client().sms([{"id": "a", "from": "+254712345678", "content": "a"}])
        server.stop()
        backup, elsewhere = self.path("backup.db"), self.path("elsewhere.db")
        self.run_cli("backup", "--database", server.database, backup)
        out, _ = self.run_cli("restore", "--database", elsewhere, backup)
        self.assertEqual(out, "")
        self.run_cli("check", "--database", elsewhere)
        self.assertEqual(query(elsewhere, "SELECT ref FROM inref"), [("a",)])

    def test_what_cannot_be_restored(self):
        """A file that is no good is found out before anything is touched."""
        server = self.server()
        server.start()
        server.client().sms([{"id": f"r{i}", "from": "+254712345678", "content": "x" * 500}
                             for i in range(200)])
        server.stop()
        backup = self.path("backup.db")
        self.run_cli("backup", "--database", server.database, backup)
        with open(backup, "rb") as f:
            sound = bytearray(f.read())
        half = bytes(sound[:len(sound) // 2])
        for at in range(len(sound) // 2, len(sound) // 2 + 40960):
            sound[at] ^= 0xA5
        too_new = self.path("new.db")
        self.run_cli("backup", "--database", server.database, too_new)
        db = sqlite3.connect(too_new)
        db.execute("PRAGMA user_version = 999")
        db.close()
        other = self.path("other.db")
        db = sqlite3.connect(other)
        db.execute("CREATE TABLE t (x)")
        db.close()
        with open(server.database, "rb") as f:
            before = f.read()
        for name, path in (("half", self.file(half, "half.db")),
                           ("damaged", self.file(bytes(sound), "damaged.db")),
                           ("too new", too_new), ("another program's", other),
                           ("missing", self.path("missing.db")),
                           ("text", self.file("hello", "text.db"))):
            with self.subTest(name):
                _, err = self.run_cli("restore", "--database", server.database, path, status=1)
                self.assertIn("barua restore: ", err)
                with open(server.database, "rb") as f:
                    self.assertEqual(f.read(), before, "untouched")


class Migrate(Care):
    def test_old_schemas(self):
        """A dry run changes no byte; the real one does what it said."""
        for schema in (1, 2):
            path = self.old_file(schema)
            with open(path, "rb") as f:
                before = f.read()
            said, _ = self.run_cli("migrate", "--dry-run", "--database", path)
            self.assertRegex(said, rf"^schema {schema} (can become \d+|is up to date)\n$")
            with open(path, "rb") as f:
                self.assertEqual(f.read(), before)
            self.assertEqual([n for n in os.listdir(self.directory.name) if "dry-run" in n], [])
            done, _ = self.run_cli("migrate", "--database", path)
            self.assertEqual(done, said.replace("can become", "became"))
            again, _ = self.run_cli("migrate", "--database", path)
            self.assertRegex(again, r"^schema \d+ is up to date\n$")
            self.run_cli("check", "--database", path)

    def test_beside_a_server(self):
        server = self.server()
        server.start()
        _, err = self.run_cli("migrate", "--database", server.database, status=1)
        self.assertIn("another server uses", err)
        self.run_cli("migrate", "--dry-run", "--database", server.database)


class Owners(Care):
    def test_nobody_else_reads_it(self):
        """A database and its copies are private, whatever the umask."""
        self.addCleanup(os.umask, os.umask(0))
        server = self.server()
        server.start()
        self.run_cli("backup", "--database", server.database, self.path("copy.db"))
        server.stop()
        self.run_cli("restore", "--database", server.database, self.path("copy.db"))
        self.run_cli("restore", "--database", self.path("new.db"), self.path("copy.db"))
        for path in (server.database, self.path("copy.db"), self.path("new.db")):
            self.assertEqual(oct(os.stat(path).st_mode & 0o777), oct(0o600), path)

    @unittest.skipUnless(os.geteuid() == 0, "gives files away, which only root may")
    def test_what_root_does_leaves_it_to_its_owner(self):
        """A service that is not root can go on after root has restored, migrated and checked."""
        service = 65534
        server = self.server()
        server.start()
        server.stop()
        self.run_cli("backup", "--database", server.database, self.path("copy.db"))
        os.unlink(server.database + ".lock")
        for path in (server.directory, server.database):
            os.chown(path, service, service)
        for words in (["check"], ["migrate"], ["reindex"], ["restore", self.path("copy.db")], ["check"]):
            self.run_cli(words[0], "--database", server.database, *words[1:])
            found = {name: os.stat(os.path.join(server.directory, name)).st_uid
                     for name in os.listdir(server.directory) if ".db" in name}
            self.assertEqual(found, dict.fromkeys(found, service), words)


class WhichDatabase(Care):
    """Option over environment over configuration over ./barua.db (cli.md)."""

    def database(self, name, *accounts):
        """A new database, its accounts in place of a name."""
        path = self.path(name + ".db")
        server = self.server(database=path)
        server.start()
        server.stop()
        for account in accounts:
            self.run_cli("user", "add", account, "--role", "chw", "--database", path, stdin="S3cret.enough\n")
        return path

    def test_every_command_reads_the_configuration(self):
        """`--config` on each; the environment goes over it, and `--database` over both."""
        paths = {name: self.database(name, name) for name in ("option", "environment", "file")}
        config = self.file(f"[server]\ndatabase = {paths['file']}\n", "other.conf")
        env = {"BARUA_SERVER_DATABASE": paths["environment"]}

        def commands(which):
            copy = self.path(f"copy-of-{which}.db")
            return ((["backup", copy], lambda _: self.assertTrue(os.path.exists(copy))),
                    (["check"], None),
                    (["migrate"], lambda out: self.assertIn("up to date", out)),
                    (["migrate", "--dry-run"], lambda out: self.assertIn("up to date", out)),
                    (["reindex", "--json"], lambda out: self.assertEqual(json.loads(out), {"database": paths[which]})),
                    (["user", "list"], lambda out: self.assertRegex(out, rf"(?m)^{which}\b")),
                    (["user", "add", "more", "--role", "chw", "--random-password"], None),
                    (["user", "passwd", "more", "--random-password"], None),
                    (["user", "delete", "more"], None),
                    (["restore", copy], lambda out: self.assertIn(paths[which], out)))

        for which, words, given in (("file", ["--config", config], {}),
                                    ("environment", ["--config", config], env),
                                    ("option", ["--config", config, "--database", paths["option"]], env)):
            for command, test in commands(which):
                with self.subTest(which=which, command=command):
                    out, err = self.run_cli(*command, *words, env=given)
                    self.assertEqual(err, "")
                    if test is not None:
                        test(out)
        self.assertFalse(os.path.exists(self.path("barua.db")))

    def test_the_default_database_of_a_file(self):
        """With the file, everything that is in it: here the database of CouchDB's name."""
        path = self.path("district.db")
        config = self.file(f"[server]\ndatabase = {path}\ndefault-db = district\n", "district.conf")
        server = self.server(database=path, args=["--config", config])
        server.start()
        server.client().settings(replies_settings())
        server.client().sms([{"id": "d1", "from": "+254712345678", "content": "hello"}])
        server.stop()
        for command in ("check", "reindex", "check"):
            self.run_cli(command, "--config", config)
        self.assertEqual(query(path, "SELECT count(*) FROM msg"), [(1,)])

    def test_a_file_that_cannot_be_used(self):
        bad = self.file("[server]\nport = 1\n", "bad.conf")
        missing = self.path("missing.conf")
        path = self.database("good")
        for command in (["backup", self.path("x.db")], ["restore", path], ["migrate"], ["check"], ["reindex"],
                        ["user", "list"], ["user", "add", "x", "--role", "chw"], ["user", "passwd", "x"],
                        ["user", "delete", "x"]):
            for config, says in ((bad, "bad.conf:2"), (missing, "missing.conf")):
                with self.subTest(command=command, config=config):
                    out, err = self.run_cli(*command, "--config", config, "--database", path, status=1)
                    self.assertEqual(out, "")
                    self.assertIn(says, err)
        self.assertFalse(os.path.exists(self.path("x.db")))

    def test_where_the_server_looks_too(self):
        names = {n: self.path(n + ".db") for n in ("option", "environment", "barua")}
        for schema, path in zip((1, 2, 3), names.values()):
            os.rename(self.old_file(schema), path)
        env = {"BARUA_SERVER_DATABASE": names["environment"]}
        dry = ("migrate", "--dry-run")
        said, _ = self.run_cli(*dry, "--database", names["option"], env=env)
        self.assertTrue(said.startswith("schema 1 "), said)
        said, _ = self.run_cli(*dry, env=env)
        self.assertTrue(said.startswith("schema 2 "), said)
        said, _ = self.run_cli(*dry)  # in the folder of the files, without a configuration
        self.assertTrue(said.startswith("schema 3 "), said)
        for command in (["migrate"], ["reindex"], ["check"], ["backup", self.path("copy.db")],
                        ["restore", self.path("copy.db")]):
            out, err = self.run_cli(*command, env=env)
            self.assertEqual(err, "")
        self.assertEqual(query(names["barua"], "PRAGMA user_version"), [(3,)])
        self.assertGreater(query(names["environment"], "PRAGMA user_version")[0][0], 2)

    def test_the_default_database_of_the_configuration(self):
        """What is derived belongs to the database that `default-db` names."""
        env = {"BARUA_SERVER_DEFAULT_DB": "district"}
        server = self.server(env=env)
        server.start()
        server.client().settings(replies_settings())
        server.client().sms([{"id": "d1", "from": "+254712345678", "content": "hello"}])
        server.stop()
        env["BARUA_SERVER_DATABASE"] = server.database
        for command in ("check", "reindex", "check"):
            self.run_cli(command, env=env)
        self.assertEqual(query(server.database, "SELECT count(*) FROM msg"), [(1,)])

    def test_a_configuration_that_cannot_be_used(self):
        env = {"BARUA_HTTP_MAX_BODY_MIB": "many"}
        for command in (["check"], ["backup", "x"], ["migrate"]):
            out, err = self.run_cli(*command, env=env, status=1)
            self.assertEqual(out, "")
            self.assertIn("BARUA_HTTP_MAX_BODY_MIB", err)


if __name__ == "__main__":
    main()
