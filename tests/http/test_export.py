# SPDX-License-Identifier: MIT
"""/api/v2/export: export-and-monitoring.md 1 to 6."""

import csv
import io
import os
import re
import socket
import sqlite3
import sys
import time
import unittest
from urllib.parse import quote

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import PASSWORD, Client, Server, basic, main, raw_exchange  # noqa: E402

T = 1600000000000  # 2020-09-13T12:26:40Z
HEAD = ("id,patient_id,reported_date,from,type,state,received,scheduled,pending,sent,cleared,muted,"
        "message_id,sent_by,to_phone,content,contact_name")
LOGIN = "https://app.example.org/medic/login/token/" + "a" * 64


def task(state, uuid, text="hi", **more):
    return {"state": state, "messages": [{"uuid": uuid, "to": "+254712345678", "message": text}],
            **more}


class Export(unittest.TestCase):
    maxDiff = 6000

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.server.start()
        cls.client = cls.server.client()
        cls.client.settings({
            "locale": "en",
            "roles": {"exporter": {"name": "x"}, "chw": {"name": "c", "offline": True},
                      "clerk": {"name": "k"}, "dhis": {"name": "d"}},
            "permissions": {"can_export_all": ["exporter"], "can_export_messages": ["clerk", "chw"],
                            "can_export_dhis": ["dhis"]},
            "forms": {"V": {"meta": {"code": "V", "label": {"en": "Visit"}}, "fields": {
                "week": {"labels": {"tiny": {"en": "W"}, "short": {"en": "W"}}, "type": "integer"},
                "note": {"labels": {"tiny": {"en": "N"}, "short": {"en": "N"}}, "type": "string"}}}},
            "dhis_data_sets": [{"id": "DS1", "translation_key": "dhis.one"}, {"id": "EMPTY"}],
            "tasks": {"targets": {"items": [
                {"id": "births", "dhis": {"dataElement": "DE1", "dataSet": "DS1",
                                          "categoryOptionCombo": "COC"}},
                {"id": "deaths", "dhis": [{"dataElement": "DE2"}, {"dataElement": "X", "dataSet": "DS9"}]},
                {"id": "other"}]}},
        })
        cls.client.put("/medic/messages-en", {"type": "translations", "code": "en", "name": "English",
                                              "enabled": True, "generic": {
                                                  "dhis.one": "Data set one",
                                                  "anc.reminder": "ANC reminder {{group}}"}})
        for name, roles in (("x", ["exporter"]), ("offline", ["chw"]), ("clerk", ["clerk"]),
                            ("dhis", ["dhis"]), ("none", ["nobody-online", "clerk2"])):
            cls.client.put(f"/_users/org.couchdb.user:{name}", {
                "name": name, "type": "user", "roles": roles, "password": "a-long-password-1"})
        docs = [
            {"_id": "dh1", "type": "district_hospital", "name": "D1", "dhis": {"orgUnit": "OU-A"}},
            {"_id": "hc1", "type": "health_center", "name": "HC1", "parent": {"_id": "dh1"},
             "dhis": [{"orgUnit": "OU-B", "dataSet": "DS1"}, {"orgUnit": "OU-Z", "dataSet": "DS9"}]},
            {"_id": "cl2", "type": "clinic", "name": "Busia", "place_id": "77",
             "parent": {"_id": "hc1", "parent": {"_id": "dh1"}}},
            {"_id": "p1", "type": "person", "name": "Paul", "phone": "+254700000001",
             "patient_id": "12345",
             "parent": {"_id": "cl2", "parent": {"_id": "hc1", "parent": {"_id": "dh1"}}}},
            {"_id": "p2", "type": "contact", "contact_type": "patient", "name": "Hannah",
             "date_of_death": 1},
            {"_id": "r1", "type": "data_record", "reported_date": T, "from": "+254712345678",
             "patient_id": "12345",
             "contact": {"_id": "p1", "parent": {"_id": "cl2", "parent": {
                 "_id": "hc1", "parent": {"_id": "dh1"}}}},
             "tasks": [task("pending", "m1", 'Thank you, "Paul"', state_history=[
                 {"state": "pending", "timestamp": "2020-09-13T12:26:41.000Z"}])]},
            {"_id": "i2", "type": "data_record", "reported_date": T + 700000,
             "from": "+254700000001",
             "sms_message": {"message": "hello", "from": "+254700000001"}},
            {"_id": "v1", "type": "data_record", "form": "V", "reported_date": T + 1000,
             "from": "+254700000002", "fields": {"week": 5, "note": "=1+2", "geo": {"lat": 1.5},
                                                 "list": [1, "a"]},
             "contact": {"_id": "p1", "parent": {"_id": "cl2", "parent": {
                 "_id": "hc1", "parent": {"_id": "dh1"}}}}, "verified": True},
            {"_id": "v2", "type": "data_record", "form": "V", "reported_date": T + 2000,
             "fields": {"week": 6, "patient_id": "12345"}, "errors": [{"code": "x"}],
             "verified": False},
            {"_id": "w1", "type": "data_record", "form": "W", "reported_date": T + 3000,
             "fields": {"only_w": "Maria Lopez", "zeta": 1}},
            {"_id": "token:login:abc", "type": "login_token", "reported_date": T + 4000,
             "tasks": [task("sent", "lt", LOGIN)]},
            {"_id": "s1", "type": "data_record", "reported_date": T + 5000,
             "tasks": [task("muted", "s-a"), task("cleared", "s-b", translation_key="anc.reminder",
                                                  group=2)],
             "responses": [{"to": "+254799", "message": "old", "uuid": "resp"}],
             "scheduled_tasks": [task("scheduled", "s-c", due="2030-01-01T00:00:00.000Z",
                                      type="anc"),
                                 {"state": "scheduled", "due": "2030-01-02T00:00:00.000Z",
                                  "recipient": "reporting_unit", "message_key": "anc.reminder",
                                  "group": 3}], "from": "+254755555555"},
            {"_id": "target~2000-02~p1~u", "type": "target", "owner": "p1", "targets": [
                {"id": "births", "value": {"pass": 1, "total": 4}},
                {"id": "deaths", "value": {"total": 1.5}}]},
            {"_id": "target~2000-02~hc1~u", "type": "target", "owner": "hc1", "targets": [
                {"id": "births", "value": {"total": 6}}]},
            {"_id": "target~2000-03~hc1~u", "type": "target", "owner": "hc1", "targets": [
                {"id": "births", "value": {"total": 100}}]},
        ]
        answer = cls.client.post("/medic/_bulk_docs", {"docs": docs})
        assert answer.status == 201, answer
        assert all("error" not in row for row in answer.json()), answer.text
        for i, doc in enumerate([
                {"type": "feedback", "meta": {"time": "2020-01-01T00:00:00.000Z", "version": "3.11",
                                              "user": {"name": "mary"}, "url": "http://x/#/a,b"},
                 "info": {"message": 'boom, "q"'}}, {"type": "feedback"}]):
            assert cls.client.put(f"/medic-users-meta/feedback-2020-{i}", doc).status == 201

    @classmethod
    def tearDownClass(cls):
        cls.server.finish()

    def get(self, kind, query="", status=200, client=None):
        answer = (client or self.client).get(f"/api/v2/export/{kind}" + ("?" + query if query else ""))
        self.assertEqual(answer.status, status, answer)
        return answer

    def rows(self, kind, query="", **kwargs):
        return list(csv.reader(io.StringIO(self.get(kind, query, **kwargs).text)))

    def post(self, kind, body, status=200):
        answer = self.client.post(f"/api/v2/export/{kind}", body)
        self.assertEqual(answer.status, status, answer)
        return answer

    def column(self, kind, query="", name=None, **kwargs):
        rows = self.rows(kind, query, **kwargs)
        return [row[rows[0].index(name) if name else 0] for row in rows[1:]]


class Common(Export):
    def test_head(self):
        for kind, ending, content in (("messages", "csv", "text/csv; charset=utf-8"),
                                      ("reports", "csv", "text/csv; charset=utf-8"),
                                      ("contacts", "csv", "text/csv; charset=utf-8"),
                                      ("feedback", "csv", "text/csv; charset=utf-8")):
            answer = self.get(kind)
            self.assertEqual(answer.header("Content-Type"), content)
            self.assertRegex(answer.header("Content-Disposition"),
                             rf"^attachment; filename={kind}-\d{{12}}\.{ending}$")
            self.assertEqual(answer.header("Transfer-Encoding"), "chunked")

    def test_types(self):
        for kind in ("nope", "dhis2", "user-devices", "toString", "constructor", "Messages"):
            answer = self.client.get(f"/api/v2/export/{kind}", headers={"Accept": "application/json"})
            self.assertEqual((answer.status, answer.json()),
                             (404, {"code": 404, "error": f'Invalid export type "{kind}"'}))
            self.assertEqual(self.client.get(f"/api/v2/export/{kind}", auth=False).status, 401)
        for path in ("/api/v2/export", "/api/v2/export/", "/api/v1/export/messages"):
            self.assertEqual(self.client.get(path).status, 404, path)
        self.assertEqual(self.client.request("POST", "/api/v2/export/messages", b"{}", {
            "Content-Type": "text/plain"}).status, 400)

    def test_the_header_does_not_wait(self):
        """It is a chunk of its own, sent before anything is read; of reports the part that no data decide."""
        for kind, first in (("messages", HEAD + "\n"), ("contacts", "id,rev,name,patient_id,type\n"),
                            ("reports", Reports.FIXED), ("feedback", "id,reported_date,user,app_version,url,info\n")):
            answer = raw_exchange(self.server.port, (f"GET /api/v2/export/{kind} HTTP/1.1\r\nHost: x\r\n"
                                                     f"Connection: close\r\nAuthorization: "
                                                     f"{basic('admin', PASSWORD)}\r\n\r\n").encode()).decode()
            size, _, rest = answer.partition("\r\n\r\n")[2].partition("\r\n")
            self.assertEqual(rest[:int(size, 16)], first)
        self.assertEqual(self.get("reports", "options[skip_header_row]=true").text,
                         self.get("reports").text.partition("\n")[2])

    def test_who_is_not_logged_in(self):
        """As everywhere: browsers are shown where to log in, programs are refused."""
        for kind in ("messages", "reports", "contacts", "feedback", "dhis", "nope"):
            answer = self.client.get(f"/api/v2/export/{kind}", auth=False, headers={"User-Agent": "Mozilla/5.0"})
            self.assertEqual((answer.status, answer.header("Location")),
                             (302, f"/medic/login?redirect=%2Fapi%2Fv2%2Fexport%2F{kind}"))
            answer = self.client.post(f"/api/v2/export/{kind}", {}, auth=False)
            self.assertEqual((answer.status, answer.json()), (401, {"code": 401, "error": "unauthorized"}))

    def test_bodies(self):
        """json-strict: the media type counts, its parameters and case do not; an empty object asks for nothing."""
        everything = self.get("messages").text
        for content in ("application/json", "Application/JSON", "application/json; charset=utf-8"):
            answer = self.client.request("POST", "/api/v2/export/messages", b"{}", {"Content-Type": content})
            self.assertEqual((answer.status, answer.text), (200, everything), content)
        for content in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp"):
            answer = self.client.request("POST", "/api/v2/export/messages", b"{}", {"Content-Type": content})
            self.assertEqual((answer.status, answer.text), (400, "Content-Type must be application/json"), content)
        for kind in ("nope", "dhis2"):
            answer = self.client.post(f"/api/v2/export/{kind}", {})
            self.assertEqual((answer.status, answer.json()),
                             (404, {"code": 404, "error": f'Invalid export type "{kind}"'}))
        answer = self.client.request("HEAD", "/api/v2/export/messages")
        self.assertEqual((answer.status, answer.header("Content-Type"), answer.body),
                         (200, "text/csv; charset=utf-8", b""))

    def test_the_data_cannot_be_read(self):
        """After the first byte there is no status any more: two lines say so, and the server goes on."""
        server = Server().start()
        try:
            client = server.client(timeout=60)
            docs = [{"_id": f"b{i:04}", "type": "data_record", "form": "B", "reported_date": T + i,
                     "from": f"unmistakable-{i:04}", "sms_message": {"message": "x" * 2000}} for i in range(2000)]
            self.assertEqual(client.post("/medic/_bulk_docs", {"docs": docs}).status, 201)
            self.assertEqual(client.get("/api/v2/export/messages").text.count("\n"), 2001)
            server.stop()
            with open(server.database, "r+b") as f:
                at = f.read().find(b"unmistakable-1500")
                self.assertGreater(at, 0)
                f.seek(at // 4096 * 4096)
                f.write(b"\xff" * 4096)
            server.start()
            client = server.client(timeout=60)
            answer = client.get("/api/v2/export/messages")
            lines = answer.text.split("\n")
            self.assertEqual(answer.status, 200)
            self.assertEqual((lines[0], lines[-3], lines[-1]), (HEAD, "--ERROR--", ""))
            self.assertRegex(lines[-2], r"^Error exporting data: [a-z ]+$")
            self.assertGreater(len(lines), 100, "what could be read is there")
            docs = [{"_id": "report", "type": "data_record", "form": "R", "reported_date": T}]
            self.assertEqual(client.post("/medic/_bulk_docs", {"docs": docs}).status, 201)
            with sqlite3.connect(server.database) as database:
                database.execute("UPDATE doc SET wbody = (SELECT wbody FROM doc WHERE id = 'b1500') WHERE id = 'report'")
            self.assertEqual(client.get("/api/v2/export/reports").text.split("\n")[:2], [Reports.FIXED, "--ERROR--"])
            self.assertEqual(client.get("/healthz").status, 200)
            self.assertEqual(client.get("/api/v2/export/contacts").status, 200)
        finally:
            server.finish()

    def test_login_links(self):
        """Masked in every column of every export and dialect, however the link was written."""
        docs = [{"_id": "linked", "type": "data_record", "form": "LINK", "reported_date": T, "contact": {"_id": "c-link"},
                 "from": LOGIN, "fields": {"text": "go " + LOGIN, "list": [LOGIN], "deep": {"er": {"x": LOGIN}}},
                 "sms_message": {"message": "see " + LOGIN}, "responses": [{"message": LOGIN, "to": LOGIN}],
                 "tasks": [task("sent", "u1", LOGIN, type=LOGIN), task("sent", LOGIN, "x", translation_key=LOGIN)]},
                {"_id": "c-link", "type": "person", "name": LOGIN}]
        self.assertEqual(self.client.post("/medic/_bulk_docs", {"docs": docs}).status, 201)
        path = "/medic-users-meta/feedback-0-link"
        body = '{"meta":{"url":"%s"},"info":{"m":"%s"}}' % (LOGIN, LOGIN.replace("/", "\\/"))
        self.assertEqual(self.client.request("PUT", path, body, {"Content-Type": "application/json"}).status, 201)
        texts = [self.get(kind, "options[csv]=" + dialect).text
                 for kind in ("messages", "reports", "contacts", "feedback") for dialect in ("", "cht", "raw")]
        self.client.post("/api/v1/bulk-delete", {"docs": [{"_id": d["_id"]} for d in docs]})
        self.client.request("DELETE", path + "?rev=" + self.client.get(path).json()["_rev"])
        for text in texts:
            self.assertNotIn("a" * 64, text)
            self.assertIn(LOGIN.replace("a" * 64, "********"), text)

    def test_a_record_cannot_be_written(self):
        """What comes before it is there, and the two lines begin lines, with a header or without."""
        docs = [{"_id": "huge1", "type": "district_hospital", "name": "H", "pad": "x" * (6 << 20)}]
        for i in (2, 3):
            docs.append({**docs[-1], "_id": f"huge{i}", "type": "person" if i == 3 else "health_center",
                         "parent": {"_id": f"huge{i - 1}", **({"parent": {"_id": "huge1"}} if i == 3 else {})}})
        lineage = {"_id": "huge3", "parent": {"_id": "huge2", "parent": {"_id": "huge1"}}}
        docs += [{"_id": "fails", "type": "data_record", "form": "HUGE", "reported_date": T, "contact": lineage},
                 {"_id": "before", "type": "data_record", "form": "HUGE", "reported_date": T + 1, "fields": {"n": 7}}]
        for doc in docs:
            self.assertEqual(self.client.put(f"/medic/{doc['_id']}", doc).status, 201)
        found = [self.get("reports", "filters[forms][selected][][code]=HUGE" + more).text
                 for more in ("", "&options[skip_header_row]=true")]
        self.client.post("/api/v1/bulk-delete", {"docs": [{"_id": d["_id"]} for d in docs]})
        rows = (f'"before","HUGE",,{T + 1},,,,,,7\n'
                "--ERROR--\nError exporting data: the data could not be read\n")
        self.assertEqual(found, [Reports.FIXED + ",n\n" + rows, rows])

    def test_rights(self):
        allowed = {"x": ["messages", "reports", "contacts", "feedback", "dhis"],
                   "clerk": ["messages", "reports"], "dhis": ["dhis"], "offline": [], "none": []}
        for name, kinds in allowed.items():
            client = Client(self.server.port, user=name, password="a-long-password-1")
            for kind in ("messages", "reports", "contacts", "feedback", "dhis"):
                query = "filters[dataSet]=DS1&filters[date][from]=949392000000"
                answer = client.get(f"/api/v2/export/{kind}?{query}",
                                    headers={"Accept": "application/json"})
                if kind in kinds:
                    self.assertEqual(answer.status, 200, (name, kind))
                else:
                    self.assertEqual((answer.status, answer.json()),
                                     (403, {"code": 403, "error": "Insufficient privileges"}),
                                     (name, kind))

    def test_bad_values_before_the_first_byte(self):
        for kind, query, says in (
                ("reports", "filters[date][from]=soon", 'Invalid filter "date.from": "soon"'),
                ("messages", "filters[date][to]=x", 'Invalid filter "date.to": "x"'),
                ("reports", "filters=x", "filters must be an object"),
                ("reports", "options[]=x", "options must be an object"),
                ("feedback", "options[format]=xml", 'Unsupported format "xml"'),
                ("reports", "filters[verified]=maybe", 'Invalid filter "verified": "maybe"'),
                ("reports", "filters[verified][]=true&filters[verified][]=x", 'Invalid filter "verified": "x"'),
                ("contacts", "filters[search]=" + "a+" * 65, 'Invalid filter "search": more than 64 words'),
                ("contacts", "options[csv]=tsv", 'Invalid option "csv": it is "cht", "raw" or absent')):
            answer = self.client.get(f"/api/v2/export/{kind}?{query}")
            self.assertEqual((answer.status, answer.text), (400, says))
            self.assertIsNone(answer.header("Content-Disposition"))
        for n in (62000, 65000):
            answer = self.client.get("/api/v2/export/reports?filters[search]=" + "a" * n)
            self.assertEqual((answer.status, answer.text), (414, "URI Too Long"), n)

    def test_body_wins(self):
        """A body with filters hides those of the query; what it lacks is taken from there."""
        answer = self.client.post("/api/v2/export/reports?filters[forms][selected][0][code]=W"
                                  "&options[humanReadable]=true",
                                  {"filters": {"forms": {"selected": [{"code": "V"}]}}})
        rows = list(csv.reader(io.StringIO(answer.text)))
        self.assertEqual([r[0] for r in rows[1:]], ["v2", "v1"])
        self.assertEqual(rows[1][3], "2020-09-13T12:26:42.000Z", "options are those of the query")
        self.assertEqual(len(self.post("reports", {}).text.splitlines()), 4)

    def test_brackets(self):
        """Names encoded or not, places in any order, `+` for a space (the whole table: test-brackets.c)."""
        for query in ("filters[forms][selected][0][code]=V&filters[forms][selected][1][code]=W",
                      "filters[forms][selected][7][code]=V&filters[forms][selected][3][code]=W",
                      "filters%5Bforms%5D%5Bselected%5D%5B0%5D%5Bcode%5D=V&filters[%66orms][selected][1][code]=W",
                      "filters[forms][selected][][code]=V&filters[forms][selected][][code]=W"):
            answer = self.get("reports", query).text
            self.assertEqual([line[1:3] for line in answer.splitlines()[1:]], ["w1", "v2", "v1"], query)
        self.assertEqual(self.column("reports", "filters[search]=maria+lopez"), ["w1"])
        self.assertEqual(self.column("reports", "filters[search]=maria%20%C2%A0lopez"), ["w1"])

    def test_human_readable(self):
        for value in (True, "true", "1"):
            text = self.post("messages", {"options": {"humanReadable": value}}).text
            self.assertIn('"2020-09-13T12:26:40.000Z"', text, value)
        for value in (False, "false", 0, None, "yes"):
            text = self.post("messages", {"options": {"humanReadable": value}}).text
            self.assertIn(f",{T},", text, value)

    def test_options(self):
        self.assertTrue(self.get("contacts", "options[bom]=true").body.startswith(b"\xef\xbb\xbfid,"))
        self.assertTrue(self.get("contacts").body.startswith(b"id,"))
        self.assertNotIn("id,rev", self.get("contacts", "options[skip_header_row]=true").text)
        for limit in ("1", "2", "7", "1000", "0", "-1", "x", "5000"):
            self.assertEqual(self.get("messages", f"options[limit]={limit}").text,
                             self.get("messages").text, "a page is no limit")
            self.assertEqual(self.get("reports", f"options[limit]={limit}&options[skip]=2").text,
                             self.get("reports").text)

    def test_many_pages_and_a_slow_client(self):
        """Many pages of rows, each once and in order, while nobody reads for a while."""
        docs = [{"_id": f"many{i:05}", "type": "data_record", "form": "MANY",
                 "reported_date": T + 10_000_000 + i // 3, "fields": {"n": i, "text": "x" * 200}}
                for i in range(2500)]
        for i in range(0, len(docs), 1000):
            self.client.post("/medic/_bulk_docs", {"docs": docs[i:i + 1000]})
        with socket.create_connection(("127.0.0.1", self.server.port)) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
            s.sendall(b"GET /api/v2/export/reports?filters[forms][selected][0][code]=MANY HTTP/1.1\r\n"
                      b"Host: x\r\nConnection: close\r\nAuthorization: " +
                      basic("admin", PASSWORD).encode() + b"\r\n\r\n")
            time.sleep(0.5)
            self.assertEqual(self.client.put("/medic/meanwhile", {}).status, 201, "others are served meanwhile")
            data = b""
            while True:
                piece = s.recv(65536)
                if not piece:
                    break
                data += piece
        body = data.partition(b"\r\n\r\n")[2]
        text = b""
        while body:
            size, _, body = body.partition(b"\r\n")
            n = int(size, 16)
            text, body = text + body[:n], body[n + 2:]
        ids = [row[0] for row in csv.reader(io.StringIO(text.decode()))][1:]
        self.assertEqual(ids, [d["_id"] for d in sorted(
            docs, key=lambda d: (d["reported_date"], d["_id"]), reverse=True)])
        with socket.create_connection(("127.0.0.1", self.server.port)) as s:  # one that goes
            s.sendall(b"GET /api/v2/export/reports HTTP/1.1\r\nHost: x\r\nAuthorization: " +
                      basic("admin", PASSWORD).encode() + b"\r\n\r\n")
            s.recv(10)
        self.assertEqual(self.client.get("/healthz").status, 200)
        gone = self.client.post("/api/v1/bulk-delete", {"docs": [{"_id": d["_id"]} for d in docs]})
        self.assertEqual(gone.status, 200)


class Messages(Export):
    def test_rows(self):
        text = self.get("messages", "options[humanReadable]=true").text
        self.assertEqual(text.splitlines()[:3], [
            HEAD,
            '"r1","12345","2020-09-13T12:26:40.000Z","+254712345678","Task Message","pending","","",'
            '"2020-09-13T12:26:41.000Z","","","","m1",,"+254712345678","Thank you, ""Paul""","Paul"',
            '"token:login:abc",,"2020-09-13T12:26:44.000Z",,"Task Message","sent","","","","","","",'
            '"lt",,"+254712345678","https://app.example.org/medic/login/token/********",'])
        self.assertNotIn("a" * 64, text)
        self.assertIn('"i2",,"2020-09-13T12:38:20.000Z","+254700000001","Message","received",'
                      '"2020-09-13T12:38:20.000Z","","","","","",,"+254700000001",,"hello",', text)

    def test_order_and_kinds(self):
        """Each record once, by date; within one: legacy answers, tasks, scheduled ones, incoming."""
        rows = self.rows("messages", "options[humanReadable]=true")
        of = [dict(zip(rows[0], r)) for r in rows[1:] if r[0] == "s1"]
        self.assertEqual([(r["type"], r["state"], r["message_id"]) for r in of], [
            ("Automated Reply", "sent", "resp"), ("Task Message", "muted", "s-a"),
            ("ANC reminder 2", "cleared", "s-b"), ("anc", "scheduled", "s-c"),
            ("Task Message", "scheduled", "")])
        self.assertEqual(of[0]["sent"], "2020-09-13T12:26:45.000Z")
        self.assertEqual(of[3]["scheduled"], "2030-01-01T00:00:00.000Z")
        self.assertEqual((of[4]["to_phone"], of[4]["content"]), ("+254755555555", "ANC reminder "))
        firsts = []
        for r in rows[1:]:
            if r[0] not in firsts:
                firsts.append(r[0])
        self.assertEqual(firsts, ["r1", "token:login:abc", "s1", "i2"])

    def test_filters(self):
        self.assertEqual(self.column("messages", "filters[state]=pending"), ["r1"])
        self.assertEqual(self.column("messages", "filters[state][]=pending&filters[state][]=received"),
                         ["r1", "i2"])
        self.assertEqual(self.column("messages", f"filters[date][from]={T + 5000}&filters[date][to]="
                                     f"{T + 700000}&filters[state]=received"), ["i2"])
        self.assertEqual(self.column("messages", f"filters[date][to]={T}"), ["r1"])

    def test_times_and_names(self):
        """Of a state the last entry counts, else the task's own time; people are those that the record points to."""
        docs = [{"_id": "t1", "type": "data_record", "reported_date": 1600560000000,
                 "fields": {"patient_uuid": "p1"}, "contact": {"_id": "p1"}, "from": "+254700000009",
                 "sms_message": {"message": ""},
                 "tasks": [
                     task("sent", "h1", state_history=[
                         {"state": "pending", "timestamp": "2020-09-13T12:26:41.000Z"},
                         {"state": "sent", "timestamp": "2020-09-13T12:26:42.000Z"},
                         {"state": "pending", "timestamp": 1600000003000},
                         {"state": "sent", "timestamp": "2020-09-13T12:26:44.000Z"}]),
                     task("cleared", "h2", timestamp="2020-09-13T12:26:45.000Z", due="2020-09-13T12:26:46.000Z"),
                     task("forwarded-to-gateway", "h3", timestamp="2020-09-13T12:26:47.000Z"),
                     task("muted", "h4", LOGIN, type="token_login", translation_key="no.such.key")]}]
        self.client.post("/medic/_bulk_docs", {"docs": docs})
        rows = self.rows("messages", f"filters[date][from]={T + 500000000}")
        cht = self.get("messages", f"filters[date][from]={T + 500000000}&options[csv]=cht").text
        rev = self.client.get("/medic/t1").json()["_rev"]
        self.client.request("DELETE", f"/medic/t1?rev={rev}")
        of = [dict(zip(rows[0], row)) for row in rows[1:]]
        for row in of:
            self.assertEqual((row["patient_id"], row["contact_name"], row["reported_date"]),
                             ("12345", "Paul", "1600560000000"))
        times = [[row[c] for c in ("received", "scheduled", "pending", "sent", "cleared", "muted")] for row in of]
        self.assertEqual(times, [
            ["", "", "1600000003000", "1600000004000", "", ""],
            ["", "1600000006000", "", "", "1600000005000", ""],
            ["", "", "", "", "", ""],
            ["", "", "", "", "", ""],
            ["1600560000000", "", "", "", "", ""]])
        self.assertEqual([(row["type"], row["state"], row["sent_by"], row["to_phone"]) for row in of], [
            ("Task Message", "sent", "", "+254712345678"), ("Task Message", "cleared", "", "+254712345678"),
            ("Task Message", "forwarded-to-gateway", "", "+254712345678"),
            ("no.such.key", "muted", "", "+254712345678"), ("Message", "received", "+254700000009", "")])
        self.assertEqual(of[4]["content"], "", "an empty message came in, too")
        self.assertNotIn("a" * 64, cht, "masked in every dialect")

    def test_dialects(self):
        raw = self.get("messages", "options[csv]=raw").text
        self.assertIn('"Thank you, ""Paul"""', raw)
        cht = self.get("messages", "options[csv]=cht").text
        self.assertIn('"Thank you, \\"Paul\\""', cht)


class Reports(Export):
    FIXED = ("_id,form,patient_id,reported_date,from,contact.name,contact.parent.name,"
             "contact.parent.parent.name,contact.parent.parent.parent.name")

    def test_columns_and_values(self):
        text = self.get("reports").text
        self.assertEqual(text.splitlines(), [
            self.FIXED + ",geo.lat,list,note,only_w,patient_id,week,zeta",
            f'"w1","W",,{T + 3000},,,,,,,,,"Maria Lopez",,,1',
            f'"v2","V",,{T + 2000},,,,,,,,,,"12345",6,',
            f'"v1","V",,{T + 1000},"+254700000002","Paul","Busia","HC1","D1",1.5,"[1,""a""]",'
            '"\'=1+2",,,5,'])
        self.assertIn('"=1+2"', self.get("reports", "options[csv]=raw").text)
        self.assertIn('"[1,\\"a\\"]"', self.get("reports", "options[csv]=cht").text)

    def test_only_the_selected_forms_give_columns(self):
        text = self.get("reports", "filters[forms][selected][0][code]=W").text
        self.assertEqual(text.splitlines()[0], self.FIXED + ",only_w,zeta")
        text = self.get("reports", "filters[forms][selected][0][code]=V&filters[search]=nothinglikeit").text
        self.assertEqual(text, self.FIXED + ",note,week\n", "what the definition names")
        for query in ("filters[search]=nothinglikeit", "filters[date][to]=1000", "filters[valid]=false"
                      "&filters[verified]=true"):
            self.assertEqual(self.get("reports", query).text, self.FIXED + ",note,week\n",
                             "of every form that has reports, whatever else is asked")
        self.assertEqual(self.get("reports", "filters[forms][selected][0][code]=NOPE").text,
                         self.FIXED + "\n")

    def test_filters(self):
        for query, ids in (
                ("filters[forms][selected][0][code]=V", ["v2", "v1"]),
                ("filters[forms][selected][0][code]=V&filters[forms][options][0]=a", ["w1", "v2", "v1"]),
                ("filters[forms][selected]=", ["w1", "v2", "v1"]),
                ("filters[forms][selected][0][x]=V", ["w1", "v2", "v1"]),
                (f"filters[date][from]={T + 2000}", ["w1", "v2"]),
                (f"filters[date][to]={T + 2000}", ["v2", "v1"]),
                (f"filters[date][from]={T + 2000}&filters[date][to]={T + 2000}", ["v2"]),
                ("filters[valid]=true", ["w1", "v1"]),
                ("filters[valid]=false", ["v2"]),
                ("filters[valid]=x", ["v2"]),
                ("filters[valid]=", ["w1", "v2", "v1"]),
                ("filters[verified]=true", ["v1"]),
                ("filters[verified][]=true&filters[verified][]=false", ["v2", "v1"]),
                ("filters[verified]=", ["w1", "v2", "v1"]),
                ("filters[facilities][selected][0]=dh1", ["v1"]),
                ("filters[facilities][selected][0]=cl2", ["v1"]),
                ("filters[facilities][selected][0]=p1", []),
                ("filters[facilities][selected][0]=p1&filters[facilities][options][0]=p1", []),
                ("filters[subjectIds][0]=12345", ["v2"]),
                ("filters[search]=maria", ["w1"]),
                ("filters[search]=MARI lopez", ["w1"]),
                ("filters[search]=only_w:maria lopez", []),
                ("filters[search]=only_w:maria", []),
                ("filters[search]=contact:p1", ["v1"]),
                ("filters[search]=week:6", ["v2"]),
                ("filters[search]=ma", ["w1"]),
                ("filters[search]=mariax", []),
                ("filters[search]=note:%3D1%2B2", ["v1"]),
                ("filters[search]=12345", ["v2"]),
                ("filters[search]=patient_id:12345", ["v2"]),
                ("filters[search]=%2B2547", ["v1"]),
                ("filters[search]=week:5 contact:p1", ["v1"]),
                ("filters[search]=week:5 contact:p2", []),
                ("filters[search]=data_record", []),
                ("filters[search]=reported_date:1600000001000", []),
                (f"filters[date][from]={T}&filters[valid]=true&filters[verified]=true"
                 "&filters[facilities][selected][]=hc1&filters[search]=%3D1", ["v1"]),
                (f"filters[date][from]={T}&filters[valid]=true&filters[verified]=false", []),
                ("filters[forms][selected][0][code]=V&filters[valid]=true", ["v1"])):
            self.assertEqual(self.column("reports", quote(query, safe="[]=&%")), ids, query)

    def test_order_and_the_names_of_contacts(self):
        """By date from the newest, then by id from the last; without a date at the end.  Ids are found in any case."""
        docs = [{"_id": name, "type": "data_record", "form": "ORD", "contact": {"_id": "P-Upper"},
                 **({"reported_date": date} if date else {})}
                for name, date in (("oA", T), ("oB", T), ("oC", T + 1), ("oD", None), ("oa", T), ("oE", T - 1))]
        self.client.post("/medic/_bulk_docs", {"docs": docs})
        form = "filters[forms][selected][0][code]=ORD"
        found = [self.column("reports", form + more) for more in
                 ("", "&filters[valid]=true", "&filters[search]=contact:p-UPPER", f"&filters[date][to]={T}")]
        rows = self.rows("reports", form)
        self.client.post("/api/v1/bulk-delete", {"docs": [{"_id": d["_id"]} for d in docs]})
        self.assertEqual(found[:3], [["oC", "oa", "oB", "oA", "oE", "oD"]] * 3)
        self.assertEqual(found[3], ["oa", "oB", "oA", "oE"])
        self.assertEqual(rows[-1][3], "", "no date is an empty cell")

    def test_many_columns(self):
        """A row takes as long as it has columns and fields, not as long as their product."""
        docs = [{"_id": f"wide{i:02}", "type": "data_record", "form": f"WIDE{i % 20}",
                 "reported_date": T + i,
                 "fields": {f"wide_{i % 20:02}_{k:03}": k for k in range(500)}} for i in range(60)]
        self.client.post("/medic/_bulk_docs", {"docs": docs})
        before = self.server.cpu_seconds()
        codes = {"forms": {"selected": [{"code": f"WIDE{i}"} for i in range(20)]}}
        rows = list(csv.reader(io.StringIO(self.post("reports", {"filters": codes}).text)))
        took = self.server.cpu_seconds() - before
        self.client.post("/api/v1/bulk-delete", {"docs": [{"_id": d["_id"]} for d in docs]})
        self.assertEqual([len(r) for r in rows], [9 + 10000] * 61)
        self.assertEqual(rows[1][9 + 19 * 500:], [str(k) for k in range(500)])
        self.assertEqual(rows[2][9 + 18 * 500:9 + 19 * 500], [str(k) for k in range(500)])
        self.assertLess(took, 15)

    def test_odd_fields(self):
        """Names and values that no form makes, in a dialect that hides nothing."""
        odd = {"odd1": {"": 1, "=x": 2, "a,b": 3, "emp": {}, "text": ["ኢትዮጵያ \U0001F600"]},
               "odd2": [1, 2], "odd3": "text", "odd4": None,
               "odd5": {"x.y": 1, "x": {"y": 2, "z": {"": 3}}, "v.w": {"u": 4}, "text": {"a": 1}}}
        for i, (name, fields) in enumerate(odd.items()):
            self.client.put(f"/medic/{name}", {"type": "data_record", "form": "ODD", "fields": fields,
                                               "reported_date": T + i})
        rows = self.rows("reports", "filters[forms][selected][0][code]=ODD&options[csv]=raw")
        for name in odd:
            rev = self.client.get(f"/medic/{name}").json()["_rev"]
            self.client.request("DELETE", f"/medic/{name}?rev={rev}")
        self.assertEqual(rows[0][9:], ["", "=x", "a,b", "text", "text.a", "v.w.u", "x.y", "x.z."])
        self.assertEqual([r[0] for r in rows[1:]], ["odd5", "odd4", "odd3", "odd2", "odd1"])
        self.assertEqual(rows[1][9:], ["", "", "", '{"a":1}', "1", "", "2", "3"],
                         "a name with a dot is no path")
        self.assertEqual([r[9:] for r in rows[2:5]], [[""] * 8] * 3)
        self.assertEqual(rows[5][9:], ["1", "2", "3", '["ኢትዮጵያ \U0001F600"]', "", "", "", ""])

    def test_long_lists_in_a_query(self):
        """More than 21 elements make an object of a list (section 1.6), and still filter."""
        def listed(name, values, member=""):
            return "&".join(f"filters{name}[{i}]{member}={value}" for i, value in enumerate(values))
        others = [f"x{i}" for i in range(29)]
        for query, ids in ((listed("[forms][selected]", others + ["V"], "[code]"), ["v2", "v1"]),
                           (listed("[forms][selected]", others, "[code]"), []),
                           (listed("[subjectIds]", others + ["12345"]), ["v2"]),
                           (listed("[facilities][selected]", others + ["hc1"]), ["v1"]),
                           (listed("[verified]", ["true"] * 22), ["v1"])):
            self.assertEqual(self.column("reports", query), ids, query)
        self.assertEqual(self.column("contacts", listed("[types][selected]", others + ["clinic"])), ["cl2"])
        self.assertEqual(self.column("messages", listed("[state]", others)), [])
        self.assertEqual(set(self.column("messages", listed("[state]", others + ["muted"]))), {"s1"})

    def test_numbers_are_texts(self):
        """An id that is a number is found by its text and asked for as one; what is neither asks for nothing else."""
        self.client.put("/medic/numbered", {"type": "data_record", "form": "NUM", "reported_date": T,
                                            "fields": {"patient_id": 98765}})
        found = [self.column("reports", "filters[subjectIds][]=98765")]
        for filters in ({"subjectIds": ["98765"]}, {"subjectIds": [98765]}, {"subjectIds": 98765}, {"search": 98765},
                        {"search": "patient_id:98765"}):
            found.append([row[0] for row in csv.reader(io.StringIO(self.post("reports", {"filters": filters}).text))][1:])
        rev = self.client.get("/medic/numbered").json()["_rev"]
        self.client.request("DELETE", f"/medic/numbered?rev={rev}")
        self.assertEqual(found[:4] + found[5:], [["numbered"]] * 5)
        self.assertEqual(found[4], [], "a number is one word; its only key has the name before it")
        for kind, filters, says in (("reports", {"subjectIds": [True]}, 'Invalid filter "subjectIds": true'),
                                    ("reports", {"subjectIds": [["a"]]}, 'Invalid filter "subjectIds": ["a"]'),
                                    ("messages", {"state": {"a": {"b": 1}}}, 'Invalid filter "state": {"b": 1}'),
                                    ("reports", {"search": ["a"]}, 'Invalid filter "search": ["a"]'),
                                    ("reports", {"forms": {"selected": [False]}}, 'Invalid filter "forms.selected": false')):
            self.assertEqual(self.post(kind, {"filters": filters}, status=400).json(), {"code": 400, "error": says})
        everything = self.column("reports")
        for filters in ({"date": ""}, {"search": ""}, {"subjectIds": []}, {"forms": {"selected": [{"name": "V"}]}},
                        {"forms": None}, {"subjectIds": [None, ""]}):
            rows = list(csv.reader(io.StringIO(self.post("reports", {"filters": filters}).text)))
            self.assertEqual([r[0] for r in rows[1:]], everything, filters)

    def test_filters_in_a_body(self):
        for filters, ids in (
                ({"valid": True}, ["w1", "v1"]), ({"valid": False}, ["v2"]),
                ({"verified": [True]}, ["v1"]), ({"verified": True}, ["v1"]),
                ({"verified": [None]}, ["w1"]), ({"verified": [False, None]}, ["w1", "v2"]),
                ({"forms": {"selected": [{"code": "V"}, {"code": "W"}]}}, ["w1", "v2", "v1"]),
                ({"date": {"from": T + 3000}}, ["w1"]),
                ({"subjectIds": ["12345", "x"]}, ["v2"])):
            rows = list(csv.reader(io.StringIO(self.post("reports", {"filters": filters}).text)))
            self.assertEqual([r[0] for r in rows[1:]], ids, filters)


class Contacts(Export):
    def test_rows(self):
        text = self.get("contacts").text
        rows = list(csv.reader(io.StringIO(text)))
        self.assertEqual(rows[0], ["id", "rev", "name", "patient_id", "type"])
        self.assertEqual([(r[0], r[2], r[3], r[4]) for r in rows[1:]], [
            ("cl2", "Busia", "", "clinic"), ("dh1", "D1", "", "district_hospital"),
            ("hc1", "HC1", "", "health_center"), ("p2", "Hannah", "", "contact"),
            ("p1", "Paul", "12345", "person")])
        self.assertTrue(all(re.fullmatch(r"1-[0-9a-f]{32}", r[1]) for r in rows[1:]))
        self.assertIn(',,"clinic"\n', text)
        rows = self.rows("contacts", "options[columns]=all")
        self.assertEqual(rows[0][5:], ["contact_type", "place_id"])
        self.assertEqual([r[5:] for r in rows if r[0] in ("p2", "cl2")], [["", "77"], ["patient", ""]])

    def test_filters(self):
        self.assertEqual(self.column("contacts", "filters[types][selected][0]=clinic"), ["cl2"])
        self.assertEqual(self.column("contacts", "filters[types][selected][0]=patient"), ["p2"])
        self.assertEqual(self.column("contacts", "filters[search]=bus"), ["cl2"])
        rows = list(csv.reader(io.StringIO(self.post("contacts", {"filters": {
            "types": {"selected": ["clinic", "person"]}, "search": "bus"}}).text)))
        self.assertEqual([r[0] for r in rows[1:]], ["cl2"])
        everything = {"types": {"selected": ["clinic", "person", "patient", "district_hospital",
                                             "health_center"]}}
        rows = list(csv.reader(io.StringIO(self.post("contacts", {"filters": everything}).text)))
        self.assertEqual([r[0] for r in rows[1:]], ["dh1", "hc1", "cl2", "p1", "p2"],
                         "by kind and name, the dead last")

    def test_order_in_lists(self):
        """Filtered: the dead last, before them the muted, then by kind and by name in lower case."""
        docs = [{"_id": "o1", "type": "person", "name": "zoe"}, {"_id": "o2", "type": "person", "name": "Adam"},
                {"_id": "o3", "type": "person", "name": "adah", "muted": "2020-01-01T00:00:00.000Z"},
                {"_id": "o4", "type": "clinic", "name": "Zed"}, {"_id": "o5", "type": "contact", "contact_type": "chw",
                                                                "name": "A"},
                {"_id": "o6", "type": "district_hospital", "name": "Z", "date_of_death": 1},
                {"_id": "o7", "type": "other", "name": "never"}]
        for doc in docs:
            doc["notes"] = "ordering"
        self.client.post("/medic/_bulk_docs", {"docs": docs})
        found = self.column("contacts", "filters[search]=ordering")
        kinds = self.column("contacts", "filters[search]=notes:ordering&filters[types][selected][]=chw"
                            "&filters[types][selected][]=clinic")
        plain = [i for i in self.column("contacts") if i.startswith("o")]
        self.client.post("/api/v1/bulk-delete", {"docs": [{"_id": d["_id"]} for d in docs]})
        self.assertEqual(found, ["o4", "o2", "o1", "o5", "o3", "o6"])
        self.assertEqual(kinds, ["o4", "o5"], "both filters, over all types asked for")
        self.assertEqual(plain, ["o5", "o4", "o6", "o1", "o2", "o3"], "by type, then by id")


class Feedback(Export):
    def test_rows(self):
        self.assertEqual(self.get("feedback").text,
                         "id,reported_date,user,app_version,url,info\n"
                         '"feedback-2020-1",,,,,\n'
                         '"feedback-2020-0","2020-01-01T00:00:00.000Z","mary","3.11",'
                         '"http://x/#/a,b","{""message"":""boom, \\""q\\""""}"\n')
        self.assertIn('"{\\"message\\":\\"boom\\, \\\\"q\\\\"\\"}"',
                      self.get("feedback", "options[csv]=cht").text)

    def test_the_parameters_of_the_first_version(self):
        """skip_header_row counts, format is CSV or refused, the other two are ignored; other exports know none."""
        rows = self.get("feedback").text.partition("\n")[2]
        self.assertEqual(self.get("feedback", "skip_header_row=true&format=csv&locale=fr&tz=120").text, rows)
        self.assertEqual(self.get("feedback", "options[skip_header_row]=true").text, rows)
        self.assertEqual(self.get("feedback", "skip_header_row=false").text, self.get("feedback").text)
        self.assertEqual(self.post("feedback", {"skip_header_row": True}).text, rows)
        for query in ("format=xml", "options[format]=xml"):
            self.assertEqual(self.get("feedback", query, status=400).text, 'Unsupported format "xml"')
        self.assertEqual(self.get("messages", "format=xml&skip_header_row=true").text, self.get("messages").text)


class Dhis(Export):
    FROM = "filters[date][from]=949392000000"  # February 2000

    def values(self, query, status=200):
        return self.get("dhis", query, status=status)

    def test_values(self):
        answer = self.values(f"filters[dataSet]=DS1&{self.FROM}&filters[orgUnit]=OU-B")
        self.assertEqual(answer.header("Content-Type"), "application/json; charset=utf-8")
        self.assertRegex(answer.header("Content-Disposition"),
                         r"^attachment; filename=dhis-\d{12}\.json$")
        self.assertEqual(answer.json(), {
            "dataSet": "DS1", "completeDate": time.strftime("%Y-%m-%d"), "period": "200002",
            "dataValues": [{"dataElement": "DE1", "categoryOptionCombo": "COC", "orgUnit": "OU-B",
                            "value": 10},
                           {"dataElement": "DE2", "orgUnit": "OU-B", "value": 1.5}]})
        values = self.values(f"filters[dataSet]=DS1&{self.FROM}").json()["dataValues"]
        self.assertEqual([(v["orgUnit"], v["dataElement"], v["value"]) for v in values],
                         [("OU-A", "DE1", 10), ("OU-A", "DE2", 1.5), ("OU-B", "DE1", 10),
                          ("OU-B", "DE2", 1.5)])
        self.assertEqual(self.values(f"filters[dataSet]=DS1&{self.FROM}&filters[orgUnit]=NO").json()[
            "dataValues"], [])

    def test_human_readable(self):
        answer = self.values(f"filters[dataSet]=DS1&{self.FROM}&filters[orgUnit]=OU-B"
                             "&options[humanReadable]=true").json()
        self.assertEqual(answer["dataSet"], "Data set one")
        self.assertEqual([(v["dataElement"], v["orgUnit"]) for v in answer["dataValues"]],
                         [("births", "HC1"), ("deaths", "HC1")])

    def test_the_month_as_a_date(self):
        for date in ("2000-02-15", "2000-02-01T00:00:00.000Z", "949392000000"):
            answer = self.values(f"filters[dataSet]=DS1&filters[date][from]={date}").json()
            self.assertEqual(answer["period"], "200002", date)
        for date in ("2000-", "949392000000x", "x", ""):
            answer = self.values(f"filters[dataSet]=DS1&filters[date][from]={date}", status=400)
            self.assertEqual(answer.text, 'filter "from" is required', date)

    def test_errors(self):
        for query, says in ((self.FROM, 'filter "dataSet" is required'),
                            ("filters[dataSet]=DS1", 'filter "from" is required'),
                            ("filters[dataSet]=DS1&filters[date][from]=0", 'filter "from" is required'),
                            (f"filters[dataSet]=X&{self.FROM}", 'dataSet "X" is not defined')):
            answer = self.values(query, status=400)
            self.assertEqual(answer.text, says)
            self.assertIsNone(answer.header("Content-Disposition"))

    def test_shape(self):
        """What DHIS2 documents for /api/dataValueSets: names, dates, and the unit with every value."""
        body = self.values(f"filters[dataSet]=DS1&{self.FROM}").json()
        self.assertEqual(list(body), ["dataSet", "completeDate", "period", "dataValues"])
        self.assertRegex(body["completeDate"], r"^\d{4}-\d\d-\d\d$")
        self.assertRegex(body["period"], r"^\d{6}$")
        for value in body["dataValues"]:
            self.assertLessEqual(set(value), {"dataElement", "period", "orgUnit", "categoryOptionCombo",
                                              "attributeOptionCombo", "value", "comment", "followUp", "storedBy"})
            self.assertLessEqual({"dataElement", "orgUnit", "value"}, set(value))
            self.assertTrue(all(isinstance(v, str) for k, v in value.items() if k != "value"), value)
            self.assertIsInstance(value["value"], (int, float))

    def test_no_elements(self):
        """A data set that no target is for; deaths is for any, so it must go first."""
        settings = self.client.get("/api/v1/settings").json()
        items = settings["tasks"]["targets"]["items"]
        self.client.put("/api/v1/settings", {"tasks": {"targets": {"items": items[:1]}}})
        answer = self.values(f"filters[dataSet]=EMPTY&{self.FROM}", status=400)
        self.assertEqual(answer.text, 'dataSet "EMPTY" has no dataElements')
        self.client.put("/api/v1/settings", {"tasks": {"targets": {"items": items}}})


class Elsewhere(unittest.TestCase):
    """A server whose clock is not that of Greenwich, and more contacts and targets than one page holds."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.server.env["TZ"] = "Africa/Nairobi"  # three hours ahead
        cls.server.start()
        cls.client = cls.server.client()
        cls.client.settings({
            "dhis_data_sets": [{"id": "DS"}],
            "tasks": {"targets": {"items": [{"id": "a", "dhis": {"dataElement": "A", "dataSet": "DS",
                                                                 "attributeOptionCombo": "AOC"}}]}}})
        docs = [{"_id": "d", "type": "district_hospital", "name": "D", "dhis": {"orgUnit": "OU-D"}},
                {"_id": "h", "type": "health_center", "name": "H", "parent": {"_id": "d"},
                 "dhis": [{"orgUnit": "OU-H", "dataSet": "DS"}, {"orgUnit": "OU-D"}, {"orgUnit": "OU-X", "dataSet": "Y"},
                          {"dataSet": "DS"}, "x"]}]
        docs += [{"_id": f"p{i:04}", "type": "person", "name": f"P{i}", "dhis": {"orgUnit": f"OU-{i % 3}"},
                  "parent": {"_id": "h", "parent": {"_id": "d"}}} for i in range(2100)]
        docs += [{"_id": f"target~2000-02~p{i:04}~u", "type": "target", "owner": f"p{i:04}",
                  "targets": [{"id": "a", "value": {"pass": 1, "total": 2}}]} for i in range(230)]
        docs += [{"_id": "target~2000-02~gone~u", "type": "target", "owner": "gone",
                  "targets": [{"id": "a", "value": {"total": 1000}}]},
                 {"_id": "target~2000-01~p0000~u", "type": "target", "owner": "p0000",
                  "targets": [{"id": "a", "value": {"total": 5000}}]}]
        answer = cls.client.post("/medic/_bulk_docs", {"docs": docs})
        assert answer.status == 201, answer

    @classmethod
    def tearDownClass(cls):
        cls.server.finish()

    def values(self, ms, more=""):
        answer = self.client.get(f"/api/v2/export/dhis?filters[dataSet]=DS&filters[date][from]={ms}{more}")
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def test_local_time(self):
        """The name of the file and the month are of the server's time; date cells are not."""
        name = self.client.get("/api/v2/export/feedback").header("Content-Disposition")
        local = [time.strftime("%Y%m%d%H%M", time.gmtime(time.time() + 3 * 3600 - ago)) for ago in (0, 60)]
        self.assertIn(re.search(r"-(\d{12})\.csv$", name).group(1), local)
        self.assertEqual(self.values(949352399999)["period"], "200001")  # 2000-01-31T20:59:59.999Z
        self.assertEqual(self.values(949352400000)["period"], "200002")  # 2000-02-01T00:00 there
        self.assertIn(self.values(949352400000)["completeDate"],
                      [time.strftime("%Y-%m-%d", time.gmtime(time.time() + 3 * 3600 - ago)) for ago in (0, 60)])

    def test_sums_over_pages(self):
        """Every owner counts once for each unit of its own and of those above it, however often the unit is named."""
        values = self.values(949392000000)["dataValues"]
        self.assertEqual(values, [
            {"dataElement": "A", "attributeOptionCombo": "AOC", "orgUnit": unit, "value": value}
            for unit, value in (("OU-0", 154), ("OU-1", 154), ("OU-2", 152), ("OU-D", 460), ("OU-H", 460))])
        self.assertEqual(self.values(949392000000, "&filters[orgUnit]=OU-2")["dataValues"], values[2:3])
        self.assertEqual(self.values(946800000000, "&filters[orgUnit]=OU-D")["dataValues"][0]["value"], 5000)
        self.assertEqual([v["value"] for v in self.values(952000000000)["dataValues"]], [0] * 5,
                         "a month without values")


if __name__ == "__main__":
    main()
