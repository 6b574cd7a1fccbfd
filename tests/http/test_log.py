# SPDX-License-Identifier: MIT
"""What the log tells, and what it must not: style.md "Logging", export-and-monitoring.md, cli.md [log]."""

import base64
import json
import os
import re
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from double_carriers import AfricasTalking  # noqa: E402
from harness import FORM_TYPE, JSON_TYPE, Client, Server, basic, main, raw_exchange  # noqa: E402

# Words that stand nowhere but in what clients send; numbers whose nine digits stand nowhere else.
WORD = "zq"
SENDER, RECIPIENT, NAMED = "+254711223301", "+254722334402", "254733445503"
PASSWORD = "zqPass.word-1"
NUMBERS = (SENDER, RECIPIENT, NAMED, "+254744556604", "0755667705")
LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (error|warning|note|info|debug): (.*)$")


class Base(unittest.TestCase):
    maxDiff = 4000

    def start(self, **kwargs):
        self.server = Server(env={"BARUA_LOG_LEVEL": "debug"}, **kwargs)
        self.server.start()
        self.addCleanup(self.server.finish)
        self.client = self.server.client()
        self.secrets = {PASSWORD}

    def text(self):
        with open(self.server.log_path, encoding="utf-8") as log:
            return log.read()

    def assert_secret(self):
        """Stops; none of the words, numbers and secrets is there, however it is written."""
        self.server.stop()
        text = self.text().replace("zqlost", "")  # a table that the test renamed
        for line in text.splitlines():
            self.assertNotIn(WORD, line.lower())
            for number in NUMBERS:
                self.assertNotIn(number[-9:-1], re.sub(r"[^0-9]", "", line))
        for secret in self.secrets:
            for form in (secret, urllib.parse.quote(secret, safe=""), secret[:24],
                         base64.b64encode(secret.encode()).decode().rstrip("=")):
                self.assertNotIn(form, text)
        return text


def query(**values):
    return "?" + urllib.parse.urlencode(values)


class Secrets(Base):
    def test_every_route(self):
        """Secrets in each place of a request to each route: path, query, headers, body, also broken."""
        self.start()
        c = self.client
        c.put("/zqdb", {})
        c.settings({"permissions": {}, "default_country_code": 254})
        routes = json.loads(subprocess.run([os.environ["BARUA_ROUTES"]], capture_output=True, text=True,
                                           check=True).stdout)
        self.assertGreater(len(routes), 80)
        self.secrets |= {"zqcookie", basic("zquser", "zqwrong").split()[1]}
        value = {"_id": "zqid " + SENDER, "message": "zqbody", "from": SENDER, "name": "zqname", "phone": SENDER,
                 "password": PASSWORD, "username": NAMED, "token_login": True, "docs": [{"_id": "zq", "x": "zqv"}],
                 "selector": {"zqfield": "zqvalue"}, "keys": ["zqkey", SENDER], "messages": ["zq"],
                 "to": RECIPIENT, "build": {"version": "zqversion"}}
        more = query(phone=SENDER, key="zqkey", startkey='"zqstart"', token="zqtoken", redirect="zqback")
        outcomes = set()
        for route in routes:
            db = "zqdb" if "{db}/" in route["path"] else "zqother"
            path = route["path"].replace("{db}", db)
            path = re.sub(r"\{[a-z_]+\.*\}", urllib.parse.quote("zq" + SENDER), path)
            bodies = [None] if not route["body"] else [
                (json.dumps(value), JSON_TYPE), (json.dumps([value]), JSON_TYPE),
                (json.dumps(value)[:-9], JSON_TYPE), (b"\xff" + SENDER.encode(), JSON_TYPE),
                (urllib.parse.urlencode({"message": "zqform", "from": SENDER, "user": NAMED,
                                         "password": PASSWORD}), FORM_TYPE)]
            for body in bodies:
                headers = {"Cookie": "AuthSession=zqcookie", "X-API-Key": "zqapikey", "Accept": JSON_TYPE,
                           "User-Agent": "zqagent " + SENDER, "Idempotency-Key": "zqidem"}
                if body is not None:
                    headers["Content-Type"] = body[1]
                for auth in (True, False):
                    answer = c.request(route["method"], path + more, body and body[0], headers, auth)
                    outcomes.add(answer.status)
        for method, path in (("GET", "/zqnowhere/zq/zq/zq/zq/zq" + more), ("ZQVERB", "/api/sms" + more),
                             ("ZQVERB", "/zq/zq/zq/zq/zq"), ("GET", "/%zz" + SENDER)):
            outcomes.add(c.request(method, path).status)
        raw_exchange(self.server.port, b"GET /zqraw" + SENDER.encode() + b" HTTP/1.1\r\nzq: zq\r\nHost", 2,
                     close_write=True)
        raw_exchange(self.server.port, b"ZQ " + SENDER.encode() + b"\r\n\r\n", 2, close_write=True)
        for user, password in (("zquser", "zqwrong"), (NAMED, "zqwrong")):
            outcomes.add(Client(self.server.port, user=user, password=password).get("/api/sms").status)
        self.assertLessEqual({200, 400, 401, 404, 405, 415}, outcomes)
        text = self.assert_secret()
        self.assertIn(" GET /api/v1/monitoring 200 ", text)
        self.assertIn(" - - 40", text, "a method that is none, a path that nobody serves")

    def test_life(self):
        """A day of a server: messages, people, accounts, login links, carriers that quote, a sick database."""
        double = AfricasTalking()
        self.addCleanup(double.stop)
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        path = os.path.join(directory.name, "secret")
        with open(path, "w") as f:
            f.write("zqcarriersecret\n")
        config = os.path.join(directory.name, "barua.conf")
        with open(config, "w") as f:
            f.write(f"[outbound]\nafricas-talking-url = {double.url}\nretry = 1\n[credentials]\n"
                    f"africastalking.com:outgoing = {path}\nafricastalking.com:incoming = {path}\n")
        self.start(args=["--config", config])
        c = self.client
        c.settings({"default_country_code": 254, "locale": "en", "transitions": {"default_responses": {}},
                    "default_responses": {"start_date": "2020-01-01"},
                    "roles": {"chw": {"name": "chw", "offline": True}},
                    "token_login": {"translation_key": "sms.token", "enabled": True},
                    "app_url": "https://example.org"})
        c.put("/medic/messages-en", {"_id": "messages-en", "type": "translations", "code": "en", "enabled": True,
                                     "generic": {"sms.token": "zqlink {{url}}"}})
        c.sms([{"id": "zqref", "from": SENDER, "content": "zqtext from a mother"},
               {"id": "", "from": SENDER, "content": "zqincomplete"}, {"from": SENDER}],
              [{"id": "zqnone", "status": "SENT"}, {"status": "zq"}])
        place = c.post("/api/v1/places", {"name": "zqplace", "type": "district_hospital"}).json()["id"]
        for name in (NAMED, "mary"):
            answer = c.post("/api/v1/users", {"username": name, "type": "chw", "place": place, "password": PASSWORD,
                                              "contact": {"name": "zqperson", "phone": RECIPIENT}})
            self.assertEqual(answer.status, 200, answer)
        answer = c.post("/api/v1/users", {"username": "linked", "type": "chw", "place": place, "phone": "0755667705",
                                          "contact": {"name": "zqlinked"}, "token_login": True})
        self.assertEqual(answer.status, 200, answer)
        link = re.search(r"/medic/login/token/([A-Za-z0-9]+)", json.dumps(c.documents()))
        self.secrets |= {link.group(1), "zqcarriersecret"}
        for _ in range(2):
            self.assertIn(self.client.post(link.group(0), {}, auth=False).status, (200, 302, 400, 401))
            self.client.get(link.group(0) + "x", auth=False)
        named = Client(self.server.port, user=NAMED, password=PASSWORD)
        self.assertEqual(named.get("/_session").status, 200)
        session = c.post("/_session", {"name": "mary", "password": PASSWORD}, auth=False)
        cookie = session.header("Set-Cookie").split(";")[0]
        self.secrets.add(cookie.split("=", 1)[1])
        self.client.get("/medic/x" + query(startkey=json.dumps(SENDER)), headers={"Cookie": cookie}, auth=False)
        # the gateway account that is a number polls from two places
        c.request("DELETE", "/api/v1/users/" + NAMED)
        self.secrets.add(PASSWORD)
        c.put(f"/_users/org.couchdb.user:{NAMED}", {"name": NAMED, "type": "user", "roles": ["_admin"],
                                                    "password": PASSWORD})
        self.assertEqual(c.post("/api/v1/messages", {"to": RECIPIENT, "content": "zqoutgoing"}).status, 200)
        for agent in ("zqone", "two " + SENDER):
            Client(self.server.port, user=NAMED, password=PASSWORD).request(
                "POST", "/api/sms", "{}", {"Content-Type": JSON_TYPE, "User-Agent": "phone " + agent[:3]})
        # a carrier that quotes what it was sent
        at = {"sms": {"outgoing_service": "africas-talking", "africas_talking": {"username": "zquserat"}}}
        c.put("/api/v1/settings", at)
        quoting = {"SMSMessageData": {"Message": f"zqquoted to {RECIPIENT} was refused", "Recipients": []}}
        double.good = lambda *args: (201, quoting)
        self.assertEqual(c.post("/api/v1/messages", {"to": RECIPIENT, "content": "zqpushed"}).status, 200)
        deadline = time.monotonic() + 60
        while "took the message for nobody" not in self.text() and time.monotonic() < deadline:
            time.sleep(0.05)
        for key in ("zqwrongkey", "zqcarriersecret"):
            c.form("/api/v1/sms/africastalking/incoming-messages" + query(key=key),
                   {"id": "zqat", "from": SENDER, "text": "zqatbody"}, auth=False)
            c.form("/api/v1/sms/africastalking/incoming-messages" + query(key=key), {"from": SENDER}, auth=False)
        # a database that is sick
        db = sqlite3.connect(self.server.database)
        db.execute("ALTER TABLE inref RENAME TO zqlost")
        db.execute("DROP INDEX msg_rcpt")
        db.execute("DROP INDEX msg_state")
        db.close()
        sick = [c.post("/api/sms", {"messages": [{"id": "zqsick", "from": SENDER, "content": "zqsick"}]}).status,
                c.get("/api/v1/messages" + query(to=RECIPIENT)).status,
                c.get("/metrics").status]
        self.assertEqual(sick, [503, 503, 200])
        text = self.assert_secret()
        self.assertRegex(text, r"warning: request \d+ POST /api/sms: .*inref")
        self.assertRegex(text, r"warning: request \d+ GET /api/v1/messages: .*msg_rcpt")
        self.assertIn(" us ***503\n", text, "a user whose name is a number")
        self.assertRegex(text, r'warning: the account "\*\*\*503" polls from elsewhere')
        self.assertIn("africas-talking took the message for nobody", text)

    def test_lines(self):
        """One line each, which nobody can forge, with a level; access lines have their parts in order."""
        self.start()
        c = self.client
        c.put("/medic/form:zq%0A2026-01-01T00:00:00Z%20warning:%20forged", {"type": "form"})
        c.get("/medic/form:a%0Aforged")
        c.get("/api/v1/forms", headers={"X-OpenRosa-Version": "1.0"})
        c.get("/healthz")
        self.server.stop()
        lines = self.text().splitlines()
        for line in lines:
            self.assertRegex(line, LINE)
        access = re.compile(r" info: (\d+) (GET|PUT|POST) (/\S*) (\d{3}) (\d+) bytes (\d+) us (\S+)$")
        found = [access.search(line) for line in lines if " us " in line]
        self.assertTrue(all(found))
        ids = [int(match[1]) for match in found]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertEqual([(m[3], m[4], m[7]) for m in found][-1], ("/healthz", "200", "-"))

    def test_levels(self):
        """What is less important than the level is left out (cli.md)."""
        for level, shown in (("warning", set()), ("message", {"note"}), ("info", {"note", "info"})):
            server = Server(env={"BARUA_LOG_LEVEL": level, "BARUA_LOG_FORMAT": "text"})
            # nothing says where it listens at this level: the port is asked for elsewhere
            if level == "warning":
                with socket.socket() as s:
                    s.bind(("127.0.0.1", 0))
                    port = s.getsockname()[1]
                server.args = ["--listen", f"127.0.0.1:{port}"]
                server.start(wait=False)
                server.port = port
                for _ in range(1000):
                    try:
                        socket.create_connection(("127.0.0.1", port)).close()
                        break
                    except OSError:
                        time.sleep(0.05)
            else:
                server.start()
            self.addCleanup(server.finish)
            server.client().get("/healthz")
            server.stop()
            with open(server.log_path, encoding="utf-8") as f:
                words = {m[1] for m in map(LINE.match, f.read().splitlines()) if m}
            self.assertEqual(words, shown, level)


class Journal:
    """What journald is to a program: a socket for its stderr and one for entries with fields."""

    def __init__(self, path):
        self.entries = []
        self.sink = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sink.bind(os.path.join(path, "socket"))
        self.streams = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.streams.bind(os.path.join(path, "stdout"))
        self.streams.listen()
        self.stderr = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.stderr.connect(os.path.join(path, "stdout"))
        threading.Thread(target=self.receive, daemon=True).start()

    def receive(self):
        while True:
            data = self.sink.recv(1 << 20)
            self.entries.append(self.parse(data))

    @staticmethod
    def parse(data):
        """The native protocol of journald: KEY=value, or KEY, a length of eight bytes and the value."""
        fields = {}
        while data:
            line, _, data = data.partition(b"\n")
            if b"=" in line:
                key, _, value = line.partition(b"=")
            else:
                (n,) = struct.unpack("<Q", data[:8])
                key, value, data = line, data[8:8 + n], data[9 + n:]
            fields[key.decode()] = value.decode()
        return fields


def journal_inside():
    """Runs in a mount namespace of its own; prints the entries that the server sent."""
    os.makedirs("/run/systemd/journal", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run/systemd/journal"], check=True)
    journal = Journal("/run/systemd/journal")
    server = Server(env={"BARUA_LOG_FORMAT": "auto"})
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        server.port = s.getsockname()[1]
    server.args = ["--listen", f"127.0.0.1:{server.port}"]
    server.process = subprocess.Popen(
        [os.environ["BARUA"], "serve", "--database", server.database, *server.args],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=journal.stderr.fileno(), env=server.env)
    for _ in range(1000):
        if any("listening on" in e.get("MESSAGE", "") for e in journal.entries):
            break
        time.sleep(0.05)
    client = server.client()
    client.put(f"/_users/org.couchdb.user:{NAMED}", {"name": NAMED, "type": "user", "roles": ["_admin"],
                                                     "password": PASSWORD})
    Client(server.port, user=NAMED, password=PASSWORD).get("/medic/zqid" + query(key=SENDER))
    db = sqlite3.connect(server.database)
    db.execute("DROP INDEX msg_rcpt")
    client.get("/api/v1/messages" + query(to=RECIPIENT))
    db.close()
    server.process.terminate()
    server.process.wait(30)
    time.sleep(1)
    print(json.dumps(journal.entries))


class Journald(unittest.TestCase):
    maxDiff = 4000

    def test_fields(self):
        """Where the journal listens on stderr, entries with fields go there, masked alike."""
        for namespace in (["unshare", "-m"], ["unshare", "-rm"]):
            if subprocess.run([*namespace, "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
                              capture_output=True, check=False).returncode == 0:
                break
        else:
            self.skipTest("no mount namespace")
        done = subprocess.run([*namespace, sys.executable, os.path.abspath(__file__), "--journal"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        entries = json.loads(done.stdout.splitlines()[-1])
        for entry in entries:
            self.assertIn(entry["PRIORITY"], "34567")
            self.assertTrue(entry["GLIB_DOMAIN"].startswith("barua"), entry)
            self.assertNotIn(WORD, json.dumps(entry).lower())
            for number in NUMBERS:
                self.assertNotIn(number[-9:-1], json.dumps(entry))
        access = [e for e in entries if "BARUA_STATUS" in e]
        mine = [e for e in access if e["BARUA_USER"] == "***503"]
        self.assertEqual(len(mine), 1, access)
        entry = mine[0]
        self.assertEqual((entry["BARUA_ROUTE"], entry["BARUA_STATUS"], entry["PRIORITY"]),
                         ("/{db}/{id}", "404", "6"))
        self.assertRegex(entry["BARUA_REQUEST_ID"], r"^\d+$")
        self.assertRegex(entry["BARUA_BYTES"], r"^\d+$")
        self.assertRegex(entry["BARUA_US"], r"^\d+$")
        self.assertEqual(entry["MESSAGE"], "{BARUA_REQUEST_ID} GET /{{db}}/{{id}} 404 {BARUA_BYTES} bytes "
                         "{BARUA_US} us ***503".format(**entry))
        warned = [e for e in entries if e.get("BARUA_ROUTE") == "GET /api/v1/messages" and "msg_rcpt" in e["MESSAGE"]]
        self.assertEqual(len(warned), 1, entries)
        self.assertEqual(warned[0]["PRIORITY"], "4")
        self.assertRegex(warned[0]["MESSAGE"], r"^request (\d+) GET /api/v1/messages: ")


if __name__ == "__main__":
    if sys.argv[1:] == ["--journal"]:
        journal_inside()
    else:
        main()
