# SPDX-License-Identifier: MIT
"""The command line as an operator meets it: cli.md, exit statuses, reports, configuration."""

import json
import os
import re
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "http"))
from harness import Client, Server, binary, main  # noqa: E402
from test_cli import Cli as CliBase  # noqa: E402

COMMANDS = ("serve", "parse", "forms check", "forms guide", "user add", "user passwd", "user list", "user delete",
            "backup", "restore", "migrate", "reindex", "check")
REPORTS = ("forms check", "user list", "user add", "user passwd", "backup", "restore", "migrate", "reindex", "check")


class Base(CliBase):
    def run_cli(self, *args, env=None, **kwargs):
        """Without the environment's own word about barua."""
        saved = {k: os.environ.pop(k) for k in list(os.environ)
                 if k.startswith(("BARUA_SERVER", "BARUA_HTTP", "BARUA_LOG", "BARUA_ADMIN"))}
        try:
            return super().run_cli(*args, env=env, **kwargs)
        finally:
            os.environ.update(saved)

    def database(self):
        """A database with an account and a message."""
        server = Server()
        server.start()
        self.addCleanup(server.finish)
        server.client().sms([{"id": "a", "from": "+254712345678", "content": "a"}])
        server.stop()
        return server.database


class Usage(Base):
    def test_every_command(self):
        """--help on every command, on stdout; --version with each; --json where a report is printed."""
        version = self.run_cli("--version")[0]
        self.assertRegex(version, r"^barua \d+\.\d+\.\d+\S*\n$")
        for command in COMMANDS:
            with self.subTest(command):
                out, err = self.run_cli(*command.split(), "--help")
                self.assertEqual(err, "")
                self.assertIn("barua " + command, out)
                self.assertEqual("--json" in out, command in REPORTS)
                uses_database = command.split()[0] not in ("parse", "forms")
                for option in ("--database=FILE", "--config=FILE"):
                    self.assertEqual(option in out, uses_database, option)
                self.assertEqual(self.run_cli(*command.split(), "--version"), (version, ""))
        for group in ("forms", "user"):
            self.assertEqual(self.run_cli(group, "--version"), (version, ""))
            out, err = self.run_cli(group, "--help")
            self.assertEqual(err, "")
            for command in COMMANDS:
                if command.startswith(group + " "):
                    self.assertIn(command.split()[1], out)

    def test_wrong_usage(self):
        """2, a word of why on stderr, nothing on stdout, and nothing was made."""
        for args in ("serve x", "serve --listen nowhere", "serve --tls-key x", "serve --config", "parse",
                     "parse --settings", "parse --form X", "forms guide", "forms guide x --settings y",
                     "forms check --nope x", "user", "user nope", "user add", "user add name", "user passwd",
                     "user list x", "user delete", "user delete a b", "backup", "backup a b", "restore",
                     "restore a b", "migrate x", "reindex x", "check x", "check --database", "migrate --dry",
                     "check --config", "user list --config", "backup x --config", "parse --config x"):
            with self.subTest(args):
                out, err = self.run_cli(*args.split(), status=2)
                self.assertEqual(out, "")
                self.assertRegex(err, "^(barua|Usage:)")
                self.assertEqual(os.listdir(self.directory.name), [])

    def test_work_that_fails(self):
        """1, and why on stderr."""
        text = self.file("no database", "text.db")
        for args in (["check"], ["reindex"], ["migrate"], ["backup", "x"], ["user", "list"],
                     ["user", "delete", "x"]):
            for database in (os.path.join(self.directory.name, "missing.db"), text):
                with self.subTest(args=args, database=database):
                    out, err = self.run_cli(*args, "--database", database, status=1)
                    self.assertEqual(out, "")
                    self.assertNotEqual(err, "")
        database = self.database()
        for args in (["user", "delete", "nobody"], ["user", "passwd", "nobody"],
                     ["restore", os.path.join(self.directory.name, "missing.db")]):
            out, err = self.run_cli(*args, "--database", database, stdin="a-long-password-1\n", status=1)
            self.assertEqual(out, "")
            self.assertNotEqual(err, "")
        self.run_cli("user", "add", "x", "--role", "chw", "--database", database, stdin="short\n", status=1)

    def test_output_that_cannot_be_written(self):
        """What could not be printed was not done."""
        database = self.database()
        settings = self.file("{}")
        for args in (["--help"], ["--version"], ["serve", "--show-config"], ["user", "list", "--database", database],
                     ["migrate", "--database", database],
                     ["parse", "--settings", settings]):
            with self.subTest(args), open("/dev/full", "w") as full:
                done = subprocess.run([binary(), *args], stdin=subprocess.PIPE if args[0] != "parse" else
                                      open(self.file('{"message":"x","from":"1"}\n', "in")), stdout=full,
                                      stderr=subprocess.PIPE, cwd=self.directory.name, check=False,
                                      env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
                self.assertEqual(done.returncode, 1, done.stderr)


class Reports(Base):
    def test_json(self):
        database = self.database()
        db = ("--database", database)

        def report(*args, **kwargs):
            return json.loads(self.run_cli(*args, *db, "--json", **kwargs)[0])

        backup = os.path.join(self.directory.name, "copy.db")
        self.assertEqual(report("backup", backup), {"backup": backup})
        self.assertTrue(os.path.exists(backup))
        self.assertEqual(report("check"), [])
        self.assertEqual(report("reindex"), {"database": database})
        schema = report("migrate")
        self.assertEqual(schema, {"schema": schema["known"], "known": schema["known"], "is_migrated": False})
        self.assertEqual(report("user", "list"), [{"name": "admin", "roles": ["_admin"]}])
        made = report("user", "add", "mary", "--role", "chw", "--random-password")
        self.assertEqual((made["name"], len(made) == 2 and len(made["password"]) >= 12), ("mary", True))
        again = report("user", "passwd", "mary", "--random-password")
        self.assertNotEqual(made["password"], again["password"])
        kept = report("restore", backup)["kept"]
        self.assertTrue(os.path.exists(kept))
        elsewhere = os.path.join(self.directory.name, "new.db")
        out, _ = self.run_cli("restore", backup, "--database", elsewhere, "--json")
        self.assertEqual(json.loads(out), {"kept": None})
        findings = json.loads(self.run_cli("forms", "check", "--json", self.file({"forms": {"A": {"meta": {"code": "A"}, "fields": {"x": {"type": "nope"}}}}}), status=1)[0])
        self.assertEqual(len(findings), 1)
        self.assertTrue(findings[0]["errors"])

    def test_old_schema(self):
        import sqlite3
        path = os.path.join(self.directory.name, "old.db")
        db = sqlite3.connect(path)
        with open(os.path.join(HERE, "..", "data", "schema-2.sql"), encoding="utf-8") as f:
            db.executescript(f.read())
        db.execute("PRAGMA application_id = 0x42617275")
        db.execute("PRAGMA user_version = 2")
        db.close()
        dry = json.loads(self.run_cli("migrate", "--dry-run", "--json", "--database", path)[0])
        self.assertEqual((dry["schema"], dry["is_migrated"]), (2, False))
        self.assertGreater(dry["known"], 6)
        done = json.loads(self.run_cli("migrate", "--json", "--database", path)[0])
        self.assertEqual(done, dict(dry, is_migrated=True))


class Configuration(Base):
    def show(self, *args, env=None):
        out, err = self.run_cli("serve", "--show-config", *args, env=env)
        self.assertEqual(err, "")
        return out

    def value(self, text, key):
        """(value, where from)"""
        match = re.search(rf"(?m)^# set by: (.*)\n{re.escape(key)} =(?: (.*))?$", text)
        return match[2] or "", match[1]

    def test_what_is_shown_can_be_read_again(self):
        """--show-config is a configuration file: used as one it says the same."""
        written = self.file("[server]\ndatabase = /a b/c#d=\\s\nlisten = 127.0.0.1:1;[::1]:2\n"
                            "[http]\ntrusted-proxies = 10.0.0.1 ; ::1\nmax-body-mib=7\n[log]\nlevel = debug\n"
                            "[gateways]\nroutes = +2547:one*2;*:two\nlimits = one:3/minute\n"
                            "[credentials]\nrapidpro:incoming = /etc/x y\n", "a.conf")
        for args in (["--config", written], ["--config", os.devnull],
                     ["--config", written, "--listen", ":5", "--listen", "[::]:6", "--database", "x;y"]):
            first = self.show(*args)
            second = self.show("--config", self.file(first, "b.conf"))

            def without_origins(text):
                return [line for line in text.splitlines() if not line.startswith("# set by: ")]

            self.assertEqual(without_origins(first), without_origins(second))
            self.assertEqual(self.run_cli("serve", "--check-config", "--config", self.file(first, "b.conf"),
                                          status=None)[0], "")

    def test_precedence(self):
        """Option over environment over file over default, each named as the source."""
        path = self.file("[server]\ndatabase = file.db\n\n[http]\nmax-connections = 11\n", "c.conf")
        default = self.show("--config", os.devnull)
        self.assertEqual(self.value(default, "database"), ("./barua.db", "default"))
        self.assertEqual(self.value(default, "max-connections"), ("16384", "default"))
        by_file = self.show("--config", path)
        self.assertEqual(self.value(by_file, "database"), ("file.db", path + ":2"))
        self.assertEqual(self.value(by_file, "max-connections"), ("11", path + ":5"))
        env = {"BARUA_SERVER_DATABASE": "env.db", "BARUA_HTTP_MAX_CONNECTIONS": "12",
               "BARUA_SERVER_LISTEN": "127.0.0.1:1;127.0.0.1:2"}
        by_env = self.show("--config", path, env=env)
        self.assertEqual(self.value(by_env, "database"), ("env.db", "BARUA_SERVER_DATABASE"))
        self.assertEqual(self.value(by_env, "max-connections"), ("12", "BARUA_HTTP_MAX_CONNECTIONS"))
        self.assertEqual(self.value(by_env, "listen")[0], "127.0.0.1:1;127.0.0.1:2")
        by_option = self.show("--config", path, "--database", "option.db", env=env)
        self.assertEqual(self.value(by_option, "database"), ("option.db", "option"))

    def test_every_mistake(self):
        """--check-config names file, line and key of each mistake; so does the start. 1: the file is wrong."""
        path = self.file("# a comment\n[http]\nmax-body-mib = x\nnope = 1\n\n[zzz]\na = b\n"
                         "[log]\n  level=loud\n[server]\nlisten = a;b:99999\ndatabase = \\q\n"
                         "[gateways]\nlimits = one:3/week\n", "bad.conf")
        expected = [f"{path}:4: [http] nope: ", f"{path}:7: [zzz] a: ", f"{path}:3: [http] max-body-mib: ",
                    f"{path}:12: [server] database: ", f"{path}:9: [log] level: ", f"{path}:11: [server] listen: ",
                    f"{path}:11: [server] listen: ", f"{path}:14: [gateways] limits: ",
                    "BARUA_LOG_FORMAT: [log] format: "]
        for more in (["--check-config"], []):
            out, err = self.run_cli("serve", "--config", path, *more, env={"BARUA_LOG_FORMAT": "x"}, status=1)
            self.assertEqual(out, "")
            lines = err.splitlines()
            self.assertEqual(len(lines), len(expected), err)
            for mistake in expected:
                self.assertTrue([line for line in lines if line.startswith("barua serve: " + mistake)], (mistake, err))
        for text, line in (("[http]\nmax-body-mib\n", 2), ("a = b\n", 1), ("\n[http\n", 2)):
            bad = self.file(text, "bad.conf")
            _, err = self.run_cli("serve", "--check-config", "--config", bad, status=1)
            self.assertIn(f"barua serve: {bad}:{line}: ", err)
        self.assertEqual(self.run_cli("serve", "--check-config", "--config", os.devnull), ("", ""))
        for missing in ("/nowhere/x.conf", self.directory.name):
            _, err = self.run_cli("serve", "--check-config", "--config", missing, status=1)
            self.assertIn(missing, err)
        # the same mistake on the command line is wrong usage
        _, err = self.run_cli("serve", "--check-config", "--listen", "x", status=2)
        self.assertIn("option: [server] listen: ", err)

    def test_secrets_that_are_not_there(self):
        path = self.file("[credentials]\nrapidpro:incoming = /nowhere/secret\n", "c.conf")
        _, err = self.run_cli("serve", "--check-config", "--config", path, status=1)
        self.assertIn("[credentials] rapidpro:incoming: ", err)


class FirstPassword(Base):
    """Of the account `admin` (cli.md, serve): option, variable, credential of systemd, or made up."""

    def server(self, args=(), **env):
        server = Server(args=args)
        server.env.pop("BARUA_ADMIN_PASSWORD")
        server.env.pop("CREDENTIALS_DIRECTORY", None)
        server.env.update(env)
        self.addCleanup(server.finish)
        return server.start()

    def works(self, server, password):
        return Client(server.port, password=password).get("/api/sms").status == 200

    def test_sources(self):
        option, credential = self.file("option-password-1\nmore\n", "option"), self.directory.name
        self.file("credential-password-1\n", "admin-password")
        variable = "variable-password-1"
        for args, env, password in (
                ([], {"BARUA_ADMIN_PASSWORD": variable}, variable),
                (["--admin-password-file", option], {}, "option-password-1"),
                ([], {"CREDENTIALS_DIRECTORY": credential}, "credential-password-1"),
                (["--admin-password-file", option], {"BARUA_ADMIN_PASSWORD": variable,
                                                     "CREDENTIALS_DIRECTORY": credential}, "option-password-1"),
                ([], {"BARUA_ADMIN_PASSWORD": variable, "CREDENTIALS_DIRECTORY": credential}, variable)):
            server = self.server(args, **env)
            self.assertTrue(self.works(server, password), (args, env))
            for secret in ("option-password-1", variable, "credential-password-1"):
                self.assertNotIn(secret, server.log())
                if secret != password:
                    self.assertFalse(self.works(server, secret))

    def test_made_up(self):
        server = self.server()
        password = re.search(r"password (\S+)", server.log())[1]
        self.assertTrue(self.works(server, password))
        server.stop()
        before = server.log()
        server.start()
        self.assertNotIn(password, server.log()[len(before):])
        self.assertTrue(self.works(server, password))

    def test_none_that_can_be_used(self):
        for args, env in ((["--admin-password-file", "/nowhere"], {}), ([], {"BARUA_ADMIN_PASSWORD": "short"})):
            _, err = self.run_cli("serve", "--listen", "127.0.0.1:0", "--database", "new.db", *args, env=env,
                                  status=1)
            self.assertNotEqual(err, "")


if __name__ == "__main__":
    main()
