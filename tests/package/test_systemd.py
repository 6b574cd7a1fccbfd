# SPDX-License-Identifier: MIT
"""The service under a real systemd, in a small Debian that is booted: started, kept alive and restarted by its unit,
behind its socket, and doing all its work within its sandbox.

Says so where a machine cannot boot one, and fails instead when BARUA_PACKAGE_TEST is `required`."""

import contextlib
import glob
import http.client
import json
import os
import re
import shutil
import signal
import ssl
import sys
import threading
import time
import unittest
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "http"))
from booted import Booted, NoBoot, seen_by  # noqa: E402
from double_carriers import RapidPro  # noqa: E402
from harness import PASSWORD, Client, main  # noqa: E402
from small_debian import ROOT, not_tested, other_version, package, small_debian  # noqa: E402

PORT = 5988
WATCHDOG_S = 4  # longer than a busy machine lets a program wait for its turn
STATE = "/var/lib/barua"
debian = system = None


def setUpModule():
    global debian, system
    debian = small_debian("systemd", "the unit")
    debian.install(package())
    try:
        system = Booted(debian)
    except (NoBoot, OSError) as why:
        debian.close()
        not_tested("the unit", f"systemd cannot run here: {why}")
    system.enter()


def tearDownModule():
    if system:
        system.leave()
        system.stop()
    if debian:
        debian.close()


class Unit(unittest.TestCase):
    """The tests run in the order of their names; the first of them finds what a boot started."""

    password = None
    phone_rounds = 0

    def setUp(self):
        self.c = Client(PORT, password=Unit.password or PASSWORD)

    def eventually(self, look, what, timeout=90):
        deadline = time.monotonic() + timeout
        while True:
            found = look()
            if found:
                return found
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.05)

    def messages(self):
        return [entry["MESSAGE"] for entry in system.journal()]

    def mark(self):
        """A line in the journal of the unit, behind which a test looks."""
        system.run("journalctl", "--sync")
        return system.run("journalctl", "--no-pager", "-u", "barua", "-n", "0", "--show-cursor").split("cursor: ")[1].strip()

    def test_01_started_with_the_machine(self):
        self.assertEqual(system.state(), "running", system.systemctl("--failed"))
        self.assertEqual((system.show("ActiveState"), system.show("Type"), system.show("NRestarts")),
                         ("active", "notify", "0"))
        status = system.systemctl("status", "barua")
        self.assertIn("Active: active (running)", status)
        # the way to the first password that README.Debian tells of
        told = [re.search(r"password (\S+)$", message) for message in self.messages()]
        Unit.password, = [match.group(1) for match in told if match]
        self.c = Client(PORT, password=Unit.password)
        self.assertEqual(self.c.get("/medic/_all_docs").status, 200)
        self.assertIn(f"listening on http://127.0.0.1:{PORT}", self.messages())

    def test_02_verdict_of_systemd(self):
        for unit in ("barua.service", "barua.socket"):
            said = system.ask("systemd-analyze", "--no-pager", "--man=no", "verify", unit)
            ours = [line for line in said.stderr.splitlines() if "barua" in line]
            self.assertEqual((said.returncode, ours), (0, []), said.stderr)
        last = system.run("systemd-analyze", "--no-pager", "security", "barua.service").strip().splitlines()[-1]
        print("# " + last.encode("ascii", "ignore").decode())
        self.assertLessEqual(float(last.split(":")[1].split()[0]), 1.5)

    def test_03_the_sandbox_is_in_force(self):
        pid = system.main_process()
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[name], 16), 0, name)
        self.assertNotIn("0", status["Uid"].split())
        for name in ("mnt", "ipc", "user", "uts"):
            self.assertNotEqual(os.readlink(f"/proc/{pid}/ns/{name}"), os.readlink(f"/proc/{system.first}/ns/{name}"), name)
        mounts = {}
        with open(f"/proc/{pid}/mountinfo", encoding="utf-8") as f:
            for line in f:
                words = line.split()
                mounts[words[4]] = words[5].split(",")
        writable = sorted(path for path, options in mounts.items() if "rw" in options)
        # what is left to write: its own folder, private temporary folders, and what is in memory only
        for path in writable:
            self.assertRegex(path, rf"^({STATE}|/tmp|/var/tmp|/proc|/run(/.*)?|/dev/(pts|shm|hugepages|mqueue))$")
        self.assertIn(STATE, writable)
        self.assertEqual(os.listdir(seen_by(pid, "home")), [])
        self.assertNotIn("sys", os.listdir(seen_by(pid, "proc")))

    def test_04_all_work_is_done_within_it(self):
        with open(os.path.join(ROOT, "data", "example", "first.json"), encoding="utf-8") as f:
            self.c.settings({**json.load(f), "phone_validation": "full"})
        self.c.sms([{"id": "sms-1", "from": "+254712345678", "content": "1!YYYZ!Sam#23#2015#ANC"}])
        record = self.c.record("sms-1")
        self.assertEqual(record["fields"]["week"], 23)
        # a module that is opened at run time, under MemoryDenyWriteExecute
        answer = self.c.post("/api/v1/messages", {"to": "0712 345 678", "content": "hello"})
        self.assertEqual(answer.status, 200, answer)
        with open(os.path.join(ROOT, "data/example/forms/collect/household.xml"), "rb") as f:
            answer = self.c.request("POST", "/api/v1/forms/validate", f.read(), {"Content-Type": "text/xml"})
        self.assertTrue(answer.json()["ok"], answer)
        with open(f"/proc/{system.main_process()}/maps", encoding="utf-8") as f:
            maps = f.read()
        for module in ("barua-phone.so", "barua-xform.so", "libphonenumber", "libxml2"):
            self.assertIn(module, maps)
        # an attachment that does not fit into memory goes over a file beside the database
        data = os.urandom(1 << 20) * 9
        answer = self.c.request("PUT", "/medic/picture/large.bin", data, {"Content-Type": "application/octet-stream"})
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(self.c.get("/medic/picture/large.bin").body, data)
        # a password is hashed: yescrypt with its memory, on a worker
        answer = self.c.put("/_users/org.couchdb.user:phone1", {"name": "phone1", "type": "user", "roles": ["gateway"],
                                                                "password": "a-long-password-for-phone-1"})
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(Client(PORT, user="phone1", password="a-long-password-for-phone-1").get("/api/sms").status, 200)
        self.assertEqual([line for line in self.messages() if re.search("not permitted|denied|cannot open", line)], [])

    def test_05_care_of_the_database_beside_it(self):
        """What README and README.Debian tell the administrator to do, as the user of the service."""
        for command in ("check", f"backup {STATE}/copy.db", f"check --database {STATE}/copy.db", "user list"):
            system.run("runuser", "-u", "barua", "--", "env", "-C", STATE, "barua", *command.split())
        self.assertEqual(system.run("stat", "-c", "%U %a", STATE + "/copy.db").strip(), "barua 600")
        # as root, from anywhere: what it leaves behind must not be in the way of the service
        system.systemctl("stop", "barua")
        system.run("barua", "check")
        system.run("barua", "user", "passwd", "admin", stdin=PASSWORD + "\n")
        system.run("barua", "restore", STATE + "/copy.db")
        system.run("barua", "user", "passwd", "admin", stdin=PASSWORD + "\n")
        owners = {os.path.basename(path): os.stat(path).st_uid for path in glob.glob(debian.path("var/lib/barua/*.db*"))}
        self.assertEqual(len(set(owners.values())), 1, owners)
        system.systemctl("start", "barua")
        Unit.password = PASSWORD
        self.setUp()
        self.assertEqual(self.c.record("sms-1")["fields"]["week"], 23)

    def test_06_the_journal_has_fields(self):
        here = self.mark()
        answer = self.c.get("/api/v1/settings")
        self.assertEqual(answer.status, 200)
        entry = self.eventually(lambda: [e for e in system.journal("--after-cursor=" + here)
                                         if e.get("BARUA_ROUTE") == "/api/v1/settings"], "no entry of the request")[0]
        self.assertEqual((entry["BARUA_STATUS"], entry["BARUA_USER"], entry["PRIORITY"], entry["_TRANSPORT"]),
                         ("200", "admin", "6", "journal"))
        self.assertRegex(entry["BARUA_REQUEST_ID"], r"^\d+$")
        self.assertRegex(entry["BARUA_US"], r"^\d+$")
        found = system.run("journalctl", "--no-pager", "-o", "cat", "BARUA_ROUTE=/api/v1/settings", "BARUA_STATUS=200")
        self.assertIn("/api/v1/settings 200", found)
        self.assertNotIn("254712345678", json.dumps(system.journal()))

    def test_07_started_means_listening(self):
        """Type=notify: when `systemctl start` comes back, it answers."""
        for _ in range(3):
            system.systemctl("restart", "barua")
            self.assertEqual(self.c.get("/healthz").status, 200)

    def test_08_reload_is_no_restart(self):
        before, here = system.show("MainPID"), self.mark()
        kept = Client(PORT, password=PASSWORD, keep_alive=True)
        self.assertEqual(kept.get("/healthz").status, 200)
        conf = debian.read("etc/barua/barua.conf")
        for line, says in (("[outbound]\nretry = 5\n", "SIGHUP: the configuration is in force"),
                           ("[outbound]\nretry = never\n", "SIGHUP: the old configuration stays in force"),
                           ("", "SIGHUP: the configuration is in force")):
            with open(debian.path("etc/barua/barua.conf"), "w", encoding="utf-8") as f:
                f.write(conf + line)
            system.systemctl("reload", "barua")
            self.eventually(lambda says=says: [e for e in system.journal("--after-cursor=" + here)
                                               if says in e["MESSAGE"]], says)
            self.assertEqual(kept.get("/healthz").status, 200)
            here = self.mark()
        kept.close()
        self.assertEqual((system.show("MainPID"), system.show("ActiveState")), (before, "active"))

    def test_09_stop_is_graceful(self):
        here = self.mark()
        start = time.monotonic()
        system.systemctl("stop", "barua")
        print(f"# stopped in {time.monotonic() - start:.2f} s")
        self.assertEqual((system.show("Result"), system.show("ExecMainStatus")), ("success", "0"))
        self.assertIn("stopped", [e["MESSAGE"] for e in system.journal("--after-cursor=" + here)])
        self.assertRaises(ConnectionRefusedError, self.c.get, "/healthz")
        system.systemctl("start", "barua")

    def test_10_what_dies_or_hangs_comes_back(self):
        before = system.show("MainPID")
        os.kill(system.main_process(), signal.SIGKILL)
        self.eventually(lambda: system.show("MainPID") not in ("0", before) and system.show("ActiveState") == "active",
                        "it is not started again")
        self.assertEqual(self.c.record("sms-1")["fields"]["week"], 23)

        system.drop_in(f"[Service]\nWatchdogSec={WATCHDOG_S}\n")
        system.systemctl("restart", "barua")
        before, here = system.show("MainPID"), self.mark()
        time.sleep(2 * WATCHDOG_S + 1)
        self.assertEqual(system.show("MainPID"), before, "it moves, and systemd hears of it")
        os.kill(system.main_process(), signal.SIGSTOP)
        self.eventually(lambda: system.show("MainPID") not in ("0", before) and system.show("ActiveState") == "active",
                        "it hangs, and stays so")
        self.assertTrue([e for e in system.journal("--after-cursor=" + here) if "Watchdog timeout" in e["MESSAGE"]])
        self.assertEqual(self.c.record("sms-1")["fields"]["week"], 23)
        self.assertEqual(glob.glob(debian.path("var/lib/barua/core*")), [])
        system.drop_in("")

    def test_11_password_as_credential(self):
        """A file that only root can read, in a drop-in, as the unit tells."""
        secret = debian.path("etc/barua/admin-password")
        with open(secret, "w", encoding="utf-8") as f:
            f.write("karibu sana 2026\n")
        os.chmod(secret, 0o600)
        system.drop_in("[Service]\nLoadCredential=admin-password:/etc/barua/admin-password\n"
                       f"Environment=BARUA_SERVER_DATABASE={STATE}/second.db\n")
        system.systemctl("restart", "barua")
        client = Client(PORT, password="karibu sana 2026")
        self.assertEqual(client.get("/medic/_all_docs").status, 200)
        self.assertEqual(Client(PORT, password=PASSWORD).get("/medic/_all_docs").status, 401)
        self.assertNotIn("karibu", json.dumps(system.journal()))
        system.drop_in("")
        system.systemctl("restart", "barua")

    def certificate(self, name):
        """A certificate of this machine for itself, and its key that only root may read; paths in it."""
        paths = f"/etc/barua/{name}.crt", f"/etc/barua/{name}.key"
        debian.inside("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                      "-days", "2", "-subj", "/CN=" + name, "-addext", "subjectAltName=IP:127.0.0.1",
                      "-out", paths[0], "-keyout", paths[1])
        return paths

    def test_12_carriers_over_https(self):
        """Out of the sandbox to a carrier whom the machine trusts, and to none that it does not."""
        certificate, key = self.certificate("carrier")
        carrier = RapidPro()
        self.addCleanup(carrier.stop)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(debian.path(certificate[1:]), debian.path(key[1:]))
        carrier.server.socket = context.wrap_socket(carrier.server.socket, server_side=True)
        token = debian.path("etc/barua/rapidpro-token")
        with open(token, "w", encoding="utf-8") as f:
            f.write("the-token\n")
        debian.inside("chown", "root:barua", "/etc/barua/rapidpro-token")
        os.chmod(token, 0o640)
        with open(debian.path("etc/barua/barua.conf"), "a", encoding="utf-8") as f:
            f.write("\n[outbound]\nretry = 1\n[credentials]\nrapidpro:outgoing = /etc/barua/rapidpro-token\n")
        here = self.mark()
        system.systemctl("restart", "barua")
        self.c.settings({"default_country_code": 254, "sms": {
            "outgoing_service": "rapidpro", "rapidpro": {"url": f"https://127.0.0.1:{carrier.port}"}}})
        answer = self.c.post("/api/v1/messages", {"to": "+254712345678", "content": "over HTTPS"})
        self.assertEqual(answer.status, 200, answer)
        self.eventually(lambda: [e for e in system.journal("--after-cursor=" + here)
                                 if "no answer of 127.0.0.1: Unacceptable TLS certificate" in e["MESSAGE"]],
                        "nothing is said of the certificate")
        self.assertEqual(carrier.requests, [])
        debian.inside("cp", certificate, "/usr/local/share/ca-certificates/")
        debian.inside("update-ca-certificates")
        system.systemctl("restart", "barua")
        self.eventually(lambda: any(text == "over HTTPS" for _, text in carrier.sent()), "the carrier got no message")
        self.assertNotIn("the-token", json.dumps(system.journal()))

    def test_13_restarts_behind_the_socket(self):
        """systemd holds the socket: while the service restarts, connections wait; what was acknowledged is there."""
        system.systemctl("stop", "barua")
        system.systemctl("enable", "--now", "barua.socket")
        self.assertEqual(system.show("ActiveState"), "inactive")
        self.c.settings({})  # the first connection starts the service
        self.assertEqual(system.show("ActiveState"), "active")
        before = system.show("MainPID")
        with self.phones() as (sent, failed):
            for _ in range(5):
                time.sleep(0.5)
                system.systemctl("restart", "barua")
            time.sleep(0.5)
        self.assertNotEqual(system.show("MainPID"), before)
        print(f"# {len(sent)} requests over 5 restarts behind the socket, {len(failed)} failed")
        self.all_went_well(sent, failed)

        # and over an upgrade of the package, as dpkg does it
        before = system.show("MainPID")
        newer = other_version(package(), "%s+newer")
        shutil.copyfile(newer, debian.path("tmp/newer.deb"))
        with self.phones() as (sent, failed):
            said = system.run("dpkg", "--force-unsafe-io", "-i", "/tmp/newer.deb")
            time.sleep(0.5)
        print(f"# {len(sent)} requests over an upgrade behind the socket, {len(failed)} failed")
        self.assertNotEqual(system.show("MainPID"), before, said)
        self.all_went_well(sent, failed)
        system.systemctl("disable", "--now", "barua.socket")

    @contextlib.contextmanager
    def phones(self):
        """Eight that send without a rest, each message on a new connection: references that were acknowledged, and
        what failed."""
        stop, sent, failed = threading.Event(), [], []
        Unit.phone_rounds += 1
        stem = f"restart-{Unit.phone_rounds}"

        def phone(number):
            client, serial = Client(PORT, password=PASSWORD), 0
            while not stop.is_set():
                serial += 1
                reference = f"{stem}-{number}-{serial}"
                try:
                    client.sms([{"id": reference, "from": "+254712345678", "content": "hello"}])
                    sent.append(reference)
                except (OSError, AssertionError, http.client.HTTPException) as failure:
                    failed.append(f"{reference}: {failure!r}")
                time.sleep(0.002)

        threads = [threading.Thread(target=phone, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        try:
            yield sent, failed
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)

    def all_went_well(self, sent, failed):
        self.assertEqual(failed, [])
        self.assertGreater(len(sent), 50)
        stored = self.c.by_reference()
        self.assertEqual([r for r in sent if len(stored.get(r, [])) != 1], [])

    def test_13a_https_on_a_low_port(self):
        """As README tells: the key as a credential, the port by the socket."""
        certificate, key = self.certificate("clinic")
        self.assertEqual(os.stat(debian.path(key[1:])).st_mode & 0o777, 0o600)
        conf = debian.read("etc/barua/barua.conf")
        with open(debian.path("etc/barua/barua.conf"), "a", encoding="utf-8") as f:
            f.write(f"\n[tls]\ncertificate = {certificate}\nkey = tls.key\n")
        system.drop_in(f"[Service]\nLoadCredential=tls.key:{key}\n")
        system.drop_in("[Socket]\nListenStream=\nListenStream=127.0.0.1:443\n", "barua.socket")
        system.systemctl("stop", "barua")
        system.systemctl("start", "barua.socket")
        context = ssl.create_default_context(cafile=debian.path(certificate[1:]))
        with urllib.request.urlopen("https://127.0.0.1/healthz", context=context, timeout=30) as answer:
            self.assertEqual((answer.status, json.load(answer)), (200, {"status": "ok"}))
        self.assertRaises(ConnectionRefusedError, self.c.get, "/healthz")

        # renewed: systemd reads credentials at the start alone, so a reload finds halves that do not fit
        before, here = ssl.get_server_certificate(("127.0.0.1", 443)), self.mark()
        self.certificate("clinic")
        system.systemctl("reload", "barua")
        self.eventually(lambda: [e for e in system.journal("--after-cursor=" + here)
                                 if "SIGHUP: the old configuration stays in force" in e["MESSAGE"]], "nothing is said of it")
        self.assertEqual(ssl.get_server_certificate(("127.0.0.1", 443)), before)
        system.systemctl("restart", "barua")
        self.assertEqual(ssl.get_server_certificate(("127.0.0.1", 443)), debian.read(certificate[1:]))
        system.systemctl("stop", "barua.socket", "barua.service")
        with open(debian.path("etc/barua/barua.conf"), "w", encoding="utf-8") as f:
            f.write(conf)
        system.drop_in("", "barua.socket")
        system.drop_in("")
        system.systemctl("start", "barua")

    def lay(self, version, program):
        """A build as README tells to lay one; the modules are those of the package."""
        folder = debian.path("var/lib/barua/builds/" + version)
        os.makedirs(folder)
        for module in glob.glob(debian.path("usr/lib/*/barua/*.so")):
            shutil.copy(module, folder)
        shutil.copy(program, os.path.join(folder, "barua"))
        os.chmod(os.path.join(folder, "barua"), 0o755)

    def version(self):
        return self.c.get("/api/v1/monitoring", auth=False).json()["version"]["app"]

    def test_13b_upgrade(self):
        """systemd goes along to the process of another build, and it is the same service."""
        system.drop_in(f"[Service]\nWatchdogSec={WATCHDOG_S}\n")
        system.systemctl("restart", "barua")
        self.lay("9.9.0", os.environ["BARUA_NEXT"])
        with open(os.path.join(debian.root, "dies"), "w", encoding="utf-8") as f:
            f.write('#!/bin/sh\n[ "$1" = --version ] && exec echo barua 1.0.0\n[ "$1" = migrate ] && '
                    'exec /usr/bin/barua "$@"\nexit 7\n')
        self.lay("1.0.0", os.path.join(debian.root, "dies"))
        ours, before, here = self.version(), system.show("MainPID"), self.mark()
        answer = self.c.post("/api/v1/upgrade", {"build": {"version": "1.0.0"}})
        self.assertEqual(answer.status, 200, answer)
        log = self.eventually(lambda: [e for e in self.c.get("/medic/horti-upgrade").json().get("log", [])
                                       if e.get("error")], "it does not fail")
        self.assertIn("1.0.0 ended with status 7 while it started; all is as it was", log[0]["message"])
        self.assertEqual((self.version(), system.show("MainPID"), system.show("NRestarts")), (ours, before, "0"))
        document = self.c.get("/medic/horti-upgrade").json()
        self.assertEqual(self.c.request("DELETE", f"/medic/horti-upgrade?rev={document['_rev']}").status, 200)

        answer = self.c.post("/api/v1/upgrade", {"build": {"version": "9.9.0"}})
        self.assertEqual(answer.status, 200, answer)
        self.eventually(lambda: self.version() == "9.9.0", "it does not take over")
        self.eventually(lambda: system.show("MainPID") != before, "systemd does not know of it")
        self.assertTrue(os.readlink(f"/proc/{system.main_process()}/exe").endswith("builds/9.9.0/barua"))
        after = system.show("MainPID")
        time.sleep(2 * WATCHDOG_S + 1)  # its watchdog is told by the new one
        self.assertEqual((system.show("MainPID"), system.show("ActiveState"), system.show("SubState"),
                          system.show("NRestarts")), (after, "active", "running", "0"))
        said = [e["MESSAGE"] for e in system.journal("--after-cursor=" + here)]
        self.assertIn("upgrade: 9.9.0 serves", said)
        self.assertEqual([line for line in said if "reception only permitted" in line or "denied" in line], [])
        self.assertEqual(self.c.record("sms-1")["fields"]["week"], 23)
        system.systemctl("restart", "barua")
        self.assertEqual(self.version(), "9.9.0", "the build goes on at the next start")
        system.systemctl("stop", "barua")
        self.assertEqual((system.show("Result"), system.show("ExecMainStatus")), ("success", "0"))
        system.drop_in("")
        system.systemctl("start", "barua")

    def test_14_a_mistake_in_the_configuration(self):
        """It is named in the journal; when it is mended, nobody needs to start the service."""
        conf = debian.read("etc/barua/barua.conf")
        with open(debian.path("etc/barua/barua.conf"), "a", encoding="utf-8") as f:
            f.write("\n[server]\nlisten-on = everything\n")
        here = self.mark()
        self.assertNotEqual(system.ask("systemctl", "restart", "barua").returncode, 0)
        self.eventually(lambda: [e for e in system.journal("--after-cursor=" + here) if "listen-on" in e["MESSAGE"]],
                        "nothing is said of it")
        with open(debian.path("etc/barua/barua.conf"), "w", encoding="utf-8") as f:
            f.write(conf)
        self.eventually(lambda: system.show("ActiveState") == "active", "it does not come back")
        self.assertEqual(self.c.get("/healthz").status, 200)
        # what nobody can mend but who wrote the unit
        system.drop_in("[Service]\nExecStart=\nExecStart=/usr/bin/barua serve --no-such-option\n")
        system.ask("systemctl", "restart", "barua")
        time.sleep(3)
        self.assertEqual((system.show("ActiveState"), system.show("ExecMainStatus"), system.show("NRestarts")),
                         ("failed", "2", "0"))
        system.drop_in("")
        system.systemctl("start", "barua")

    def test_15_purged_while_it_runs(self):
        """Its user, its unit and its data are gone, and nobody listens."""
        self.assertEqual(system.show("ActiveState"), "active")
        system.run("dpkg", "--force-unsafe-io", "--purge", "barua")
        self.assertRaises(ConnectionRefusedError, self.c.get, "/healthz")
        self.assertEqual(system.show("LoadState"), "not-found")
        self.assertFalse(os.path.exists(debian.path("var/lib/barua")))


if __name__ == "__main__":
    main()
