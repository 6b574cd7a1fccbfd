# SPDX-License-Identifier: MIT
"""Runs the program under test and speaks HTTP to it, for the suites of tests/http, tests/cli and
tests/crash.  Standard library only.  The program is the file named by $BARUA."""

import base64
import functools
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import unittest
import urllib.parse

PASSWORD = "Pr00f.of-the:pudding"
JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
UUID7 = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
HEX32 = re.compile(r"^[0-9a-f]{32}$")
# seconds in which ten failed logins are too many (users.md 10 no. 10)
LOGIN_WINDOW_S = 10
ISO_MS = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
TROUBLE = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|"
                     r"-CRITICAL \*\*|-ERROR \*\*|Sanitizer:DEADLYSIGNAL")

# what LeakSanitizer says when it could not stop the threads to look at them: no word about the program
LEAK_CHECK_FAILED = re.compile(r"LeakSanitizer (has encountered a fatal error|does not work under ptrace)")


def binary():
    """The program under test; a missing one ends the run, it is not a reason to skip."""
    path = os.environ.get("BARUA")
    if not path or not os.access(path, os.X_OK):
        sys.exit("Bail out! BARUA does not name the program to test")
    return os.path.abspath(path)


def is_sanitized():
    """Whether the program was built with a sanitizer: its memory figures then say nothing."""
    with open(binary(), "rb") as f:
        return b"__asan_init" in f.read()


def basic(user, password, encoding="utf-8"):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode(encoding)).decode()


class Response:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def header(self, name):
        return self.headers.get(name)

    @property
    def text(self):
        return self.body.decode("utf-8")

    def json(self):
        return json.loads(self.body.decode("utf-8"))

    def __repr__(self):
        return f"<{self.status} {self.header('content-type')} {self.body[:300]!r}>"


class Client:
    """HTTP requests with Basic credentials, one connection each unless keep_alive."""

    def __init__(self, port, user="admin", password=PASSWORD, keep_alive=False, timeout=60, tls=None):
        self.port = port
        self.tls = tls  # an ssl.SSLContext: https
        self.authorization = basic(user, password) if user is not None else None
        self.keep_alive = keep_alive
        self.timeout = timeout
        self.connection = None

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def connect(self):
        if self.tls is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=self.timeout, context=self.tls)

    def request(self, method, path, body=None, headers=None, auth=True):
        """Sends exactly these headers besides Host, Content-Length and Authorization."""
        fields = {k.lower(): v for k, v in (headers or {}).items()}
        if auth and self.authorization and "authorization" not in fields:
            fields["authorization"] = self.authorization
        if isinstance(body, str):
            body = body.encode("utf-8")
        if body is not None and "content-length" not in fields and \
                "transfer-encoding" not in fields:
            fields["content-length"] = str(len(body))
        conn = self.connection or self.connect()
        try:
            conn.putrequest(method, path, skip_host="host" in fields, skip_accept_encoding=True)
            for name, value in fields.items():
                conn.putheader(name, value)
            conn.endheaders(body)
            answer = conn.getresponse()
            response = Response(answer.status, answer.headers, answer.read())
        except BaseException:
            self.connection = None
            conn.close()
            raise
        if self.keep_alive and not answer.will_close:
            self.connection = conn
        else:
            self.connection = None
            conn.close()
        return response

    def get(self, path, headers=None, auth=True):
        return self.request("GET", path, None, headers, auth)

    def send_json(self, method, path, value, headers=None, auth=True):
        body = value if isinstance(value, (str, bytes)) else json.dumps(value)
        return self.request(method, path, body, {"Content-Type": JSON_TYPE,
                                                 "Accept": JSON_TYPE, **(headers or {})}, auth)

    def post(self, path, value, headers=None, auth=True):
        return self.send_json("POST", path, value, headers, auth)

    def put(self, path, value, headers=None, auth=True):
        return self.send_json("PUT", path, value, headers, auth)

    def form(self, path, values, headers=None, auth=True):
        body = values if isinstance(values, (str, bytes)) else urllib.parse.urlencode(values)
        return self.request("POST", path, body, {"Content-Type": FORM_TYPE, "Accept": JSON_TYPE,
                                                 **(headers or {})}, auth)

    # What most tests need.

    def sms(self, messages=None, updates=None):
        """One poll; returns the messages handed out."""
        body = {}
        if messages is not None:
            body["messages"] = messages
        if updates is not None:
            body["updates"] = updates
        answer = self.post("/api/sms", body)
        assert answer.status == 200, answer
        return answer.json()["messages"]

    def settings(self, value):
        """Makes @value the whole settings."""
        answer = self.put("/api/v1/settings?overwrite=1", value)
        assert answer.status == 200, answer

    def documents(self):
        """Every document of the default database, read in pages."""
        found, start = [], ""
        while True:
            answer = self.get("/medic/_all_docs?include_docs=true&limit=2000" + start)
            assert answer.status == 200, answer
            rows = answer.json()["rows"]
            found += [row["doc"] for row in rows]
            if len(rows) < 2000:
                return found
            start = "&skip=1&startkey=" + urllib.parse.quote(json.dumps(rows[-1]["id"]))

    def records(self):
        return [d for d in self.documents() if d.get("type") == "data_record"]

    def by_reference(self):
        """Records by gateway reference; every value is a list, so that doubles show."""
        found = {}
        for record in self.records():
            found.setdefault(record["sms_message"].get("gateway_ref"), []).append(record)
        return found

    def record(self, reference):
        found = self.by_reference().get(reference, [])
        assert len(found) == 1, f"{len(found)} records have the reference {reference}"
        return found[0]

    def tasks(self):
        """Task by the uuid of its message."""
        return {message["uuid"]: task for record in self.records()
                for task in record.get("tasks", []) for message in task["messages"]}

    def task(self, uuid):
        return self.tasks()[uuid]

    def drain(self):
        """Confirms everything that waits, so that the next test finds an empty queue."""
        waiting = self.sms()
        while waiting:
            waiting = self.sms(updates=[{"id": m["id"], "status": "SENT"} for m in waiting])


def raw_exchange(port, data, timeout=30, close_write=False):
    """Sends bytes as they are and reads until the server closes or falls silent for @timeout."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as s:
        try:
            s.sendall(data)
            if close_write:
                s.shutdown(socket.SHUT_WR)
        except OSError:  # the server has had enough, and closed
            pass
        return read_all(s, timeout)


def read_all(s, timeout=30):
    """What arrives until the end, a reset, or @timeout seconds of silence."""
    s.settimeout(timeout)
    parts = []
    try:
        while True:
            part = s.recv(65536)
            if not part:
                break
            parts.append(part)
    except (ConnectionResetError, socket.timeout):
        pass
    return b"".join(parts)


def read_answer(s, timeout=30):
    """Reads one answer with a Content-Length; returns (status, head, body), status 0 for none."""
    s.settimeout(timeout)
    data = b""
    try:
        while b"\r\n\r\n" not in data:
            part = s.recv(65536)
            if not part:
                return 0, data, b""
            data += part
        head, body = data.split(b"\r\n\r\n", 1)
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        need = int(length.group(1)) if length else 0
        while len(body) < need:
            part = s.recv(65536)
            if not part:
                break
            body += part
    except (ConnectionResetError, socket.timeout):
        return 0, data, b""
    return int(head.split(b" ", 2)[1]), head, body


class Server:
    """`barua serve` on a database of its own, in a directory that goes with it."""

    def __init__(self, env=None, args=(), database=None):
        self.directory = tempfile.mkdtemp(prefix="barua-test-")
        self.database = database or os.path.join(self.directory, "barua.db")
        self.log_path = os.path.join(self.directory, "stderr.log")
        self.args = list(args)
        self.listen = ["--listen", "127.0.0.1:0"]
        self.env = dict(os.environ, BARUA_ADMIN_PASSWORD=PASSWORD, TZ="UTC", **(env or {}))
        self.env.setdefault("G_DEBUG", "fatal-criticals")
        # the last: without it the leak check itself dies of a library that was loaded late (GnuTLS)
        self.env["ASAN_OPTIONS"] = self.env.get("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0") + \
            ":intercept_tls_get_addr=0"
        self.env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
        self.process = None
        self.port = None
        self.tls = None  # an ssl.SSLContext for its clients
        self.started = 0

    def start(self, timeout=30, wait=True):
        """Starts the program; with @wait, until it says where it listens."""
        offset = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [binary(), "serve", "--database", self.database] + self.listen + self.args,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env)
        self.started += 1
        self.log_offset = offset
        return self.wait_listening(timeout) if wait else self

    def wait_listening(self, timeout=30):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            with open(self.log_path, "rb") as log:
                log.seek(self.log_offset)
                found = re.search(rb"listening on https?://127\.0\.0\.1:(\d+)", log.read())
            if found:
                self.port = int(found.group(1))
                return self
            if self.process.poll() is not None:
                raise RuntimeError(f"serve ended with {self.process.returncode}:\n{self.log()}")
            time.sleep(0.005)
        raise RuntimeError("serve does not listen:\n" + self.log())

    def client(self, **kwargs):
        return Client(self.port, **{"tls": self.tls, **kwargs})

    def stop(self, timeout=30):
        """SIGTERM; the exit status."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"serve did not end within {timeout} s of SIGTERM:\n{self.log()}")
        self.process = None
        return status

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def restart(self, kill=False):
        if kill:
            self.kill()
        else:
            status = self.stop()
            assert status == 0, f"serve ended with {status}:\n{self.log()}"
        return self.start()

    def log(self):
        with open(self.log_path, "r", errors="replace") as log:
            return log.read()[-20000:]

    def memory_kib(self, name="VmRSS"):
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(re.search(rf"^{name}:\s+(\d+) kB", f.read(), re.M).group(1))

    def cpu_seconds(self):
        """What the program has used of the processors so far, which load beside it hardly changes."""
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def finish(self):
        """Stops, and fails when the program died, stopped badly or a checker complained."""
        died = self.process is not None and self.process.poll() is not None
        status = self.process.returncode if died else self.stop()
        log = self.log()
        trouble = [line for line in log.splitlines()
                   if TROUBLE.search(line) and not LEAK_CHECK_FAILED.search(line)]
        if not died and status == 1 and not trouble and LEAK_CHECK_FAILED.search(log):
            print("# LeakSanitizer failed: leaks were not looked for", flush=True)
            status = 0
        if not os.environ.get("BARUA_KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)
        if died or status != 0 or trouble:
            raise AssertionError(f"serve {'died' if died else 'ended'} with {status}, "
                                 f"complaints: {trouble[:5]}\n{log}")


class Phone:
    """A gateway phone as messaging.md 2 describes it: batches of 10 messages and 20 updates,
    items marked on any 2xx, unmarked ones sent again, no message id sent as SMS twice."""

    def __init__(self, server, prefix):
        self.server = server
        self.prefix = prefix
        self.count = 0
        self.inbox = []            # [entry, marked]: received SMS to hand to the server
        self.updates = []          # [entry, marked]
        self.store = {}            # id -> {"to","content","status"}
        self.sent = {}             # id -> how often it went out as SMS
        self.polls = self.lost = 0
        self.lose_every = 0
        self.broken = []           # answers that a phone could not use

    def receive(self, sender, content):
        self.count += 1
        entry = {"id": f"{self.prefix}-{self.count:05d}", "from": sender, "content": content,
                 "sms_sent": 1795280100000 + self.count, "sms_received": 1795280101000}
        self.inbox.append([entry, False])
        return entry["id"]

    def batch(self):
        return ([i for i in self.inbox if not i[1]][:10],
                [u for u in self.updates if not u[1]][:20])

    def head(self, body):
        return ("POST /api/sms HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
                "Accept-Charset: utf-8\r\nCache-Control: no-cache\r\n"
                "Content-Type: application/json\r\n"
                "User-Agent: Dalvik/2.1.0 (Linux; U; Android 9) medic.gateway.alert/1.3.2\r\n"
                f"Authorization: {basic('admin', PASSWORD)}\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n").encode()

    def encode(self, batch):
        return json.dumps({"messages": [i[0] for i in batch[0]],
                           "updates": [u[0] for u in batch[1]]}).encode()

    def lose(self, batch):
        """Sends the poll, but the radio goes before the answer can be read."""
        body = self.encode(batch)
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as s:
            s.sendall(self.head(body) + body)
            time.sleep(random.choice((0, 0.02, 0.2)))
        self.lost += 1

    def poll_once(self):
        """One poll; returns (was the batch full, was the poll a success)."""
        batch = self.batch()
        full = len(batch[0]) == 10 or len(batch[1]) == 20
        self.polls += 1
        if self.lose_every and self.polls % self.lose_every == 0:
            self.lose(batch)
            return full, False
        body = self.encode(batch)
        try:
            with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as s:
                s.sendall(self.head(body) + body)
                status, head, answer = read_answer(s)
        except OSError:
            status, answer = 0, b""
        return full, self.take_answer(batch, status, answer)

    def take_answer(self, batch, status, answer):
        if not 200 <= status < 300:
            return False
        try:
            value = json.loads(answer)
        except ValueError:
            self.broken.append(answer)
            return False
        for item in batch[0] + batch[1]:
            item[1] = True
        messages = value.get("messages")
        if messages is None:
            return True
        if not isinstance(messages, list):
            self.broken.append(answer)
            return False
        for message in messages:
            if all(isinstance(message.get(k), str) for k in ("id", "to", "content")):
                self.keep(message)
            else:
                self.broken.append(message)
        return True

    def keep(self, message):
        known = self.store.get(message["id"])
        if known:
            self.report(message["id"], known["status"])
            return
        self.store[message["id"]] = {"to": re.sub(r"[-\s]", "", message["to"]),
                                     "content": message["content"], "status": "UNSENT"}
        self.report(message["id"], "UNSENT")

    def report(self, uuid, status, reason=None):
        self.store[uuid]["status"] = status
        entry = {"id": uuid, "status": status}
        if reason:
            entry["reason"] = reason
        self.updates.append([entry, False])

    def poll(self):
        """Polls again at once as long as the batch was full and went well."""
        while True:
            full, success = self.poll_once()
            if not (full and success):
                return success

    def poll_twice_at_once(self):
        """The alarm and a fresh SMS start two polls at the same time, with the same items."""
        batch = self.batch()
        body = self.encode(batch)
        answers = []

        def one():
            try:
                with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as s:
                    s.sendall(self.head(body) + body)
                    answers.append(read_answer(s))
            except OSError:
                pass
        threads = [threading.Thread(target=one) for _ in range(2)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for status, _, answer in answers:
            self.take_answer(batch, status, answer)

    def send_messages(self, fail=()):
        """One round of the radio: at most ten, oldest first."""
        for uuid in [u for u, m in self.store.items() if m["status"] == "UNSENT"][:10]:
            if not re.fullmatch(r"\+?[0-9.-]+", self.store[uuid]["to"]):
                self.report(uuid, "FAILED", "destination.invalid")
                continue
            self.sent[uuid] = self.sent.get(uuid, 0) + 1
            self.report(uuid, "PENDING")
            self.report(uuid, "SENT")
            self.report(uuid, "DELIVERED")

    def is_idle(self):
        return not any(self.batch()) and \
            not any(m["status"] == "UNSENT" for m in self.store.values())


class TapResult(unittest.TestResult):
    """Prints one TAP line a test; subtests that fail become comments of their test."""

    def __init__(self):
        super().__init__()
        self.number = 0
        self.bad = False
        self.failed_subtests = []

    def startTest(self, test):
        super().startTest(test)
        self.failed_subtests = []
        self.begun = time.monotonic()

    def line(self, ok, test, note=""):
        self.number += 1
        name = test.id().replace("__main__.", "").replace("#", "") if hasattr(test, "id") else \
            str(test)
        print(f"{'ok' if ok else 'not ok'} {self.number} - {name}{note}", flush=True)
        self.bad = self.bad or not ok

    def comment(self, text):
        for line in text.rstrip().splitlines():
            print("# " + line, flush=True)

    def failure(self, test, err):
        self.line(False, test)
        self.comment("".join(traceback.format_exception(*err)))

    def addSuccess(self, test):
        took = time.monotonic() - self.begun
        self.line(True, test, f" ({took:.1f} s)" if took > 1 else "")

    def addFailure(self, test, err):
        self.failure(test, err)

    def addError(self, test, err):
        self.failure(test, err)

    def addSkip(self, test, reason):
        self.line(True, test, f" # SKIP {reason}")

    def addExpectedFailure(self, test, err):
        self.line(True, test, " # TODO expected failure")

    def addUnexpectedSuccess(self, test):
        self.line(False, test)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.failed_subtests.append((subtest, err))

    def stopTest(self, test):
        if self.failed_subtests:
            self.line(False, test)
            for subtest, err in self.failed_subtests:
                self.comment(f"{subtest._subDescription()}:\n"
                             + "".join(traceback.format_exception(*err)[-3:]))
        super().stopTest(test)


def main():
    """Runs the tests of the calling file, or those named on the command line, and prints TAP."""
    binary()
    loader = unittest.TestLoader()
    module = sys.modules["__main__"]
    names = sys.argv[1:]
    suite = loader.loadTestsFromNames(names, module) if names else \
        loader.loadTestsFromModule(module)
    result = TapResult()
    suite.run(result)
    print(f"1..{result.number}", flush=True)
    sys.exit(1 if result.bad or not result.number else 0)


class ServerCase(unittest.TestCase):
    """A test that uses the file's one server; the file's setUpModule calls begin()."""

    server = None
    serial = 0
    maxDiff = 4000

    @staticmethod
    def begin(**kwargs):
        ServerCase.server = Server(**kwargs).start()

    @staticmethod
    def end():
        ServerCase.server.finish()

    def setUp(self):
        self.c = self.server.client()

    @staticmethod
    def number():
        """A fresh Kenyan mobile number."""
        ServerCase.serial += 1
        return f"+2547{12000000 + ServerCase.serial:08d}"

    @staticmethod
    def reference(stem="r"):
        ServerCase.serial += 1
        return f"{stem}-{ServerCase.serial}"

    def incoming(self, content="hello", sender=None, reference=None):
        return {"id": reference or self.reference(), "from": sender or self.number(),
                "content": content}

    def check(self, response, status, value=None):
        """Status, and the JSON body when @value is given."""
        self.assertEqual(response.status, status, response)
        if value is not None:
            self.assertRegex(response.header("content-type") or "", r"^application/json\b")
            self.assertEqual(response.json(), value)
        return response


def in_one_window(test):
    """A machine too slow for a dozen hashes within ten seconds proves nothing: once more."""
    @functools.wraps(test)
    def again(self):
        for attempt in range(4):
            started = time.monotonic()
            try:
                return test(self)
            except AssertionError:
                if time.monotonic() - started < LOGIN_WINDOW_S or attempt == 3:
                    raise
            time.sleep(LOGIN_WINDOW_S)
    return again


def certificate(folder, name="tls", algorithm=("ec", "ec_paramgen_curve:P-256"), days=60):
    """Makes a self-signed certificate for localhost and @name; the files of certificate and key."""
    paths = [os.path.join(folder, f"{name}.{kind}") for kind in ("crt", "key")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", algorithm[0], "-pkeyopt", algorithm[1], "-nodes",
                    "-days", str(days), "-subj", f"/CN={name}", "-addext",
                    f"subjectAltName=DNS:localhost,IP:127.0.0.1,DNS:{name}", "-out", paths[0], "-keyout", paths[1]],
                   check=True, capture_output=True)
    return paths


def replies_settings(**more):
    """Settings under which every plain message gets the reply `Thanks.`"""
    return {"locale": "en", "default_country_code": 254, "forms_only_mode": False,
            "transitions": {"default_responses": True},
            "default_responses": {"start_date": "2020-01-01"},
            "translations": {"en": {"sms_received": "Thanks.", "empty": "Nothing in it.",
                                    "form_not_found": "No such form."}},
            "forms": FORMS, **more}


def field(kind, tiny, **more):
    return {"type": kind, **more,
            "labels": {"tiny": {"en": tiny}, "short": {"en": tiny + " value"}}}


FORMS = {
    "YYYZ": {"meta": {"code": "YYYZ", "label": {"en": "Visit"}}, "public_form": True, "fields": {
        "nurse": field("string", "nur"), "week": field("integer", "wk"),
        "year": field("integer", "yr"), "visit": field("string", "vis")}},
    "PREG": {"meta": {"code": "PREG"}, "public_form": True, "fields": {
        "patient_id": field("string", "pid", required=True),
        "mother_name": field("string", "mn", required=True),
        "gravida": field("integer", "gr"), "high_risk": field("boolean", "hr"),
        "lmp_date": field("date", "lmp")}},
}
