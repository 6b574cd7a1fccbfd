# SPDX-License-Identifier: MIT
"""GET /metrics, the alert rules and the dashboard: export-and-monitoring.md 7.2."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from harness import Client, Server, certificate, main, read_all, replies_settings  # noqa: E402

DATA = os.path.join(HERE, "..", "..", "data", "monitoring")
LIFE = 1.1  # figures are a second old at most
ELSEWHERE = {"X-Forwarded-For": "192.0.2.7"}


class Metrics(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.server.start()
        self.addCleanup(self.server.finish)
        self.client = self.server.client()

    def text(self):
        answer = self.client.get("/metrics", auth=False)
        self.assertEqual(answer.status, 200)
        return answer.text

    def values(self):
        """{name{labels}: number}"""
        return {name: float(number) for name, number in
                re.findall(r"^([a-z_]+(?:\{.*\})?) (\S+)$", self.text(), re.M)}

    def exercise(self):
        self.client.settings(replies_settings())
        found = self.client.sms([{"id": "m1", "from": "+254712345678", "content": "hello"}])
        self.client.sms(updates=[{"id": found[0]["id"], "status": "SENT"}])
        self.client.sms([{"id": "m2", "from": "+254712345679", "content": "hello"}])
        self.client.get("/medic/nobody")
        self.client.get("/no/such/place/at/all")
        time.sleep(LIFE)

    def test_format(self):
        """promtool finds nothing to say, and each metric is told once, with help and type."""
        self.exercise()
        text = self.text()
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True,
                              text=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        answer = self.client.get("/metrics", auth=False)
        self.assertEqual(answer.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8")
        self.assertEqual(answer.header("Cache-Control"), "no-store")

    def test_values(self):
        self.exercise()
        v = self.values()
        self.assertEqual(v['barua_http_requests_total{route="/api/sms",method="POST",status="200"}'], 3)
        self.assertEqual(v['barua_http_requests_total{route="/{db}/{id}",method="GET",status="404"}'], 1)
        self.assertEqual(
            v['barua_http_request_duration_seconds_count{route="/api/sms",method="POST",status="200"}'], 3)
        self.assertEqual(
            v['barua_http_request_duration_seconds_bucket{route="/api/sms",method="POST",'
              'status="200",le="+Inf"}'], 3)
        self.assertEqual(v['barua_messages{state="sent"}'], 1)
        self.assertEqual(v['barua_messages{state="forwarded-to-gateway"}'], 1)
        self.assertTrue(1 <= v["barua_oldest_due_seconds"] < 60)
        self.assertEqual(v["barua_commits_total"], v["barua_commit_duration_seconds_count"])
        self.assertGreaterEqual(v["barua_commit_jobs_sum"], v["barua_commits_total"])
        polled = v['barua_gateway_last_poll_timestamp_seconds{account="admin"}']
        self.assertTrue(abs(polled - time.time()) < 60)
        self.assertTrue(abs(v['barua_gateway_last_incoming_timestamp_seconds{account="admin"}']
                            - time.time()) < 60)
        self.assertEqual([n for n in v if n.startswith("barua_build_info{")].__len__(), 1)
        self.assertGreater(v["barua_database_bytes"], 4096)
        self.assertGreaterEqual(v["barua_http_connections"], 1)

    def test_what_came_in(self):
        """Incoming messages by what became of them, records by form; free words make no rows."""
        self.client.settings(replies_settings())
        with open(os.path.join(HERE, "..", "..", "data", "example", "first.json"),
                  encoding="utf-8") as f:
            self.client.put("/api/v1/settings?overwrite=1", json.load(f))
        self.client.sms([{"id": "a", "from": "+254712345678", "content": "1!YYYZ!Sam#23#2015#ANC"},
                         {"id": "b", "from": "+254712345678", "content": "1!YYYZ!Sam#x"},
                         {"id": "c", "from": "+254712345678", "content": "WORD and more"},
                         {"id": "d", "from": "", "content": "no sender"}])
        self.client.sms([{"id": "a", "from": "+254712345678", "content": "again"}])
        self.client.form("/api/v1/records", {"message": "1!YYYZ!Sam#23#2015#ANC", "from": "+254712345678"})
        v = self.values()
        self.assertEqual({r: v[f'barua_incoming_total{{result="{r}"}}']
                          for r in ("stored", "duplicate", "skipped")},
                         {"stored": 3, "duplicate": 1, "skipped": 1})
        self.assertEqual({k: n for k, n in v.items() if k.startswith("barua_records_total")},
                         {'barua_records_total{form="YYYZ",result="valid"}': 2,
                          'barua_records_total{form="YYYZ",result="invalid"}': 1,
                          'barua_records_total{form="",result="unknown"}': 1})

    # export-and-monitoring.md 7.2: name, type, labels; the values that a label may have, where the
    # table names them
    TABLE = (
        ("barua_http_requests_total", "counter", {"route": None, "method": None, "status": None}),
        ("barua_http_request_duration_seconds", "histogram",
         {"route": None, "method": None, "status": None}),
        ("barua_http_connections", "gauge", {}),
        ("barua_auth_total", "counter", {"result": {"cached", "verified", "refused", "limited"}}),
        ("barua_commits_total", "counter", {}),
        ("barua_commit_duration_seconds", "histogram", {}),
        ("barua_commit_jobs", "histogram", {}),
        ("barua_writer_queue", "gauge", {}),
        ("barua_wal_bytes", "gauge", {}),
        ("barua_database_bytes", "gauge", {}),
        ("barua_messages", "gauge", {"state": None}),
        ("barua_oldest_due_seconds", "gauge", {}),
        ("barua_incoming_total", "counter", {"result": {"stored", "duplicate", "skipped"}}),
        ("barua_records_total", "counter", {"form": None, "result": {"valid", "invalid", "unknown"}}),
        ("barua_gateway_last_poll_timestamp_seconds", "gauge", {"account": None}),
        ("barua_gateway_last_incoming_timestamp_seconds", "gauge", {"account": None}),
        ("barua_transitions_off", "gauge", {"transition": None}),
        ("barua_outbound_total", "counter", {"service": {"africas-talking", "rapidpro"},
                                             "result": {"accepted", "refused", "later", "unknown"}}),
        ("barua_build_info", "gauge", {"version": None, "sqlite": None, "schema": None}),
    )

    def samples(self):
        """[(name, {label: value}, number)], each line of the text read strictly."""
        found = []
        for line in self.text().splitlines():
            if line.startswith("#"):
                continue
            match = re.fullmatch(r"([a-z_]+)(?:\{(.*)\})? (-?[0-9.e+-]+)", line)
            self.assertIsNotNone(match, line)
            labels = dict(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
            found.append((match[1], labels, float(match[3])))
        return found

    def test_table(self):
        """Every row of the table of 7.2, with its type, its labels and their values; nothing else."""
        with open(os.path.join(HERE, "..", "..", "data", "example", "first.json"),
                  encoding="utf-8") as f:
            self.client.put("/api/v1/settings?overwrite=1", json.load(f))
        self.client.sms([{"id": "x", "from": "+254712345678", "content": "1!YYYZ!Sam#x"}])
        self.exercise()
        types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", self.text(), re.M))
        self.assertEqual(types, {name: kind for name, kind, _ in self.TABLE})
        samples = self.samples()
        for name, kind, labels in self.TABLE:
            names = {name} if kind != "histogram" else {name + end for end in ("_bucket", "_sum", "_count")}
            mine = [(n, dict(given)) for n, given, _ in samples if n in names]
            self.assertEqual({n for n, _ in mine}, names)
            for n, given in mine:
                if n.endswith("_bucket") and kind == "histogram":
                    given.pop("le")
                self.assertEqual(set(given), set(labels), n)
                for label, allowed in labels.items():
                    self.assertTrue(allowed is None or given[label] in allowed, (n, given))
            for label, allowed in labels.items():
                if allowed is not None and name != "barua_records_total":
                    self.assertEqual({given[label] for _, given in mine}, allowed, name)
        self.assertEqual({n for n, given, _ in samples if n == "barua_messages"
                          and given["state"] in ("whatever", "")}, set())
        for _, given, _ in samples:
            if "status" in given:
                self.assertRegex(given["status"], "^(0|[1-5][0-9][0-9])$")
                self.assertRegex(given["method"], "^([A-Z]+|-)$")
                self.assertRegex(given["route"], "^(/.*|-)$")

    def test_histograms(self):
        """Buckets rise to +Inf, which is the count; sums are there, in seconds."""
        self.exercise()
        series = {}
        samples = self.samples()
        for name, labels, number in samples:
            if name.endswith("_bucket"):
                le = labels.pop("le")
                key = (name[:-7], tuple(sorted(labels.items())))
                series.setdefault(key, []).append((float(le), number))
        counts = {(n[:-6], tuple(sorted(labels.items()))): number for n, labels, number in samples
                  if n.endswith("_count")}
        self.assertGreater(len(series), 4)
        for key, buckets in series.items():
            bounds, numbers = zip(*buckets)
            self.assertEqual(list(bounds), sorted(set(bounds)), key)
            self.assertEqual(bounds[-1], float("inf"))
            self.assertEqual(list(numbers), sorted(numbers), key)
            self.assertEqual(numbers[-1], counts[key], key)
        self.assertEqual(max(b for b in dict(series[("barua_commit_duration_seconds", ())]) if b < 1e9), 10)

    def test_transitions(self):
        """What the settings switch on and this program does not run (workflows.md 1.2)."""
        self.client.settings({"transitions": {
            "update_clinics": True, "registration": {}, "muting": {"disable": False},
            "death_reporting": {"disable": True}, "conditional_alerts": False, "nonsense": True}})
        off = {labels["transition"]: number for name, labels, number in self.samples()
               if name == "barua_transitions_off"}
        self.assertEqual({name for name, number in off.items() if number == 1},
                         {"registration", "muting"})
        self.assertEqual(set(off.values()), {0, 1})
        self.assertNotIn("nonsense", off)

    def test_credentials(self):
        before = self.values()
        wrong = Client(self.server.port, password="wrong")
        self.assertEqual(wrong.get("/api/sms").status, 401)
        for _ in range(3):
            self.assertEqual(self.client.get("/api/sms").status, 200)
        after = self.values()
        moved = {r: after[f'barua_auth_total{{result="{r}"}}'] - before[f'barua_auth_total{{result="{r}"}}']
                 for r in ("cached", "verified", "refused", "limited")}
        self.assertEqual((moved["verified"], moved["refused"], moved["limited"]), (1, 1, 0))
        self.assertEqual(moved["cached"], 2)

    def test_who_may(self):
        """From this machine anybody; from elsewhere with the permission alone (users.md 1.1)."""
        for name, roles in (("watcher", ["watch"]), ("other", ["chw"])):
            answer = self.client.put(f"/_users/org.couchdb.user:{name}", {
                "name": name, "type": "user", "roles": roles, "password": "a-long-password-1"})
            self.assertEqual(answer.status, 201)
        self.client.settings({"permissions": {"can_view_metrics": ["watch"]},
                              "roles": {"watch": {"name": "w"}, "chw": {"name": "c"}}})
        self.assertEqual(self.client.get("/metrics", auth=False).status, 200)
        answer = self.client.get("/metrics", headers=dict(ELSEWHERE, Accept="application/json"),
                                 auth=False)
        self.assertEqual((answer.status, answer.json()), (401, {"code": 401, "error": "unauthorized"}))
        for name, status in (("watcher", 200), ("other", 403)):
            client = Client(self.server.port, user=name, password="a-long-password-1")
            self.assertEqual(client.get("/metrics", headers=ELSEWHERE).status, status, name)
        self.assertEqual(self.client.get("/metrics", headers=ELSEWHERE).status, 200, "_admin")
        self.assertEqual(self.client.get("/metrics", headers={"Forwarded": "for=192.0.2.7"},
                                         auth=False).status, 401)

    def test_paths_do_not_become_labels(self):
        """Whoever asks for a million paths must not make a million series."""
        for i in range(50):
            self.client.get(f"/medic/doc{i}")
            self.client.request(f"VERB{i}", f"/x/y/z/{i}/{i}/{i}")
        text = self.text()
        self.assertNotIn("doc7", text)
        self.assertNotIn("VERB7", text)
        self.assertLess(len(set(re.findall(r'route="([^"]*)"', text))), 8)


def end_of(file):
    """When the first certificate of a file ends, seconds of the epoch."""
    text = subprocess.run(["openssl", "x509", "-in", file, "-noout", "-enddate"], check=True, capture_output=True,
                          text=True).stdout
    return ssl.cert_time_to_seconds(text.strip().partition("=")[2])


class Tls(unittest.TestCase):
    """Certificate and handshakes of a server that speaks TLS itself."""

    NAME = "barua_tls_certificate_not_after_timestamp_seconds"

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="barua-metrics-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.live = [self.path("live.crt"), self.path("live.key")]
        self.server = Server(args=["--tls-certificate", self.live[0], "--tls-key", self.live[1]])
        self.server.tls = ssl.create_default_context()
        self.server.tls.check_hostname, self.server.tls.verify_mode = False, ssl.CERT_NONE

    def path(self, name):
        return os.path.join(self.folder, name)

    def use(self, files):
        for source, target in zip(files, self.live):
            os.replace(source, target)

    def start(self, files):
        self.use(files)
        self.server.start()
        self.addCleanup(self.server.finish)

    def text(self):
        answer = self.server.client().get("/metrics", auth=False)
        self.assertEqual(answer.status, 200)
        return answer.text

    def end(self):
        found = re.search(rf"(?m)^{self.NAME} (\S+)$", self.text())
        return float(found.group(1)) if found else None

    def results(self):
        return {name: int(n) for name, n in
                re.findall(r'(?m)^barua_tls_handshakes_total\{result="(\w+)"\} (\d+)$', self.text())}

    def wait(self, what, wanted):
        """The server needs its time; what never becomes so is told."""
        deadline = time.monotonic() + 30
        while what() != wanted and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(what(), wanted)

    def chain(self):
        """A certificate for 90 days, and above it one that ends in 20; the files as above."""
        above = certificate(self.folder, "above", days=20)
        paths = [self.path("leaf.crt"), self.path("leaf.key")]
        subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                        "/CN=leaf", "-out", self.path("leaf.csr"), "-keyout", paths[1]], check=True, capture_output=True)
        subprocess.run(["openssl", "x509", "-req", "-in", self.path("leaf.csr"), "-CA", above[0], "-CAkey", above[1],
                        "-CAcreateserial", "-days", "90", "-out", paths[0]], check=True, capture_output=True)
        end = end_of(above[0])
        self.assertLess(end, end_of(paths[0]))
        with open(paths[0], "ab") as f, open(above[0], "rb") as g:
            f.write(g.read())
        return paths, end

    def test_the_end_of_the_certificate(self):
        """That of the one in force; of several, that of the first to end."""
        first = certificate(self.folder, "first", days=30)
        second = certificate(self.folder, "second", days=300)
        chain, chain_end = self.chain()
        ends = [end_of(first[0]), end_of(second[0])]
        self.start(first)
        self.assertEqual(self.end(), ends[0])
        self.use(second)
        self.assertEqual(self.end(), ends[0], "a file alone is not in force")
        self.server.process.send_signal(signal.SIGHUP)
        self.wait(self.end, ends[1])
        self.use(chain)
        self.server.process.send_signal(signal.SIGHUP)
        self.wait(self.end, chain_end)
        done = subprocess.run(["promtool", "check", "metrics"], input=self.text(), capture_output=True,
                              text=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        types = dict(re.findall(r"(?m)^# TYPE (barua_tls\S+) (\S+)$", self.text()))
        self.assertEqual(types, {self.NAME: "gauge", "barua_tls_handshakes_total": "counter"})

    def test_handshakes(self):
        self.start(certificate(self.folder))
        self.assertEqual(set(self.results()), {"done", "failed", "gone", "plain"})
        before = self.results()
        port = self.server.port

        distrustful = ssl.create_default_context()  # three leave when they see the certificate, one after its greeting
        for _ in range(3):
            with self.assertRaises(ssl.SSLError), socket.create_connection(("127.0.0.1", port), timeout=30) as s:
                distrustful.wrap_socket(s, server_hostname="localhost")
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\0"):
            with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
                s.sendall(data)
                read_all(s)
        hello, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        half = self.server.tls.wrap_bio(hello, out)
        self.assertRaises(ssl.SSLWantReadError, half.do_handshake)
        hello = out.read()
        for data in (b"", hello[:1], hello[:50], hello):
            with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                read_all(s)

        def others():
            now = self.results()
            return {name: now[name] - before[name] for name in ("failed", "gone", "plain")}
        self.wait(others, {"failed": 4, "gone": 3, "plain": 2})
        first, second = self.results()["done"], self.results()["done"]
        self.assertEqual(second, first + 1, "one connection for each look at the numbers")
        self.assertGreater(first, before["done"])

    def test_switched_off(self):
        """A server without a certificate tells of none."""
        server = Server().start()
        self.addCleanup(server.finish)
        self.assertNotIn("barua_tls", server.client().get("/metrics", auth=False).text)


class Rules(unittest.TestCase):
    def promtool(self, *args):
        done = subprocess.run(["promtool", *args], capture_output=True, text=True, check=False,
                              cwd=DATA)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_alerts(self):
        self.promtool("check", "rules", "alerts.yml")
        self.promtool("test", "rules", "alerts-test.yml")

    def test_nothing_is_watched_that_is_not_there(self):
        """Each metric that an alert or a panel asks for is one that the server tells of."""
        folder = tempfile.TemporaryDirectory(prefix="barua-metrics-")
        self.addCleanup(folder.cleanup)
        crt, key = certificate(folder.name)
        server = Server(args=["--tls-certificate", crt, "--tls-key", key])
        server.tls = ssl.create_default_context(cafile=crt)
        server.start()
        self.addCleanup(server.finish)
        client = server.client()
        client.sms([{"id": "m1", "from": "+254712345678", "content": "hello"}])
        time.sleep(LIFE)
        told = set(re.findall(r"^([a-z_]+)", client.get("/metrics", auth=False).text, re.M))
        for name in ("alerts.yml", "grafana-dashboard.json"):
            with open(os.path.join(DATA, name), encoding="utf-8") as f:
                asked = set(re.findall(r"\bbarua_[a-z_]+", f.read()))
            self.assertGreater(len(asked), 8)
            self.assertEqual(asked - told, set(), name)
        with open(os.path.join(DATA, "grafana-dashboard.json"), encoding="utf-8") as f:
            self.assertGreater(len(json.load(f)["panels"]), 5)


if __name__ == "__main__":
    main()
