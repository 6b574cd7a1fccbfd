# SPDX-License-Identifier: MIT
"""The project of data/example: its loader, what the server makes of it, and the lines of README.md."""

import csv
import glob
import hashlib
import json
import os
import re
import subprocess
import sys
import urllib.parse

from harness import PASSWORD, Client, ServerCase, main

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLE = os.path.join(ROOT, "data", "example")
ASHA = "+254700000111"


def setUpModule():
    ServerCase.begin()


def tearDownModule():
    ServerCase.end()


def read(name):
    with open(os.path.join(EXAMPLE, name), encoding="utf-8") as f:
        return f.read()


def users():
    with open(os.path.join(EXAMPLE, "users.csv"), encoding="utf-8") as f:
        return list(csv.DictReader(f))


def contacts():
    return [json.loads(read(os.path.relpath(p, EXAMPLE)))
            for p in sorted(glob.glob(EXAMPLE + "/json_docs/*.doc.json"))]


def values(text):
    """The JSON values that follow each other in a text."""
    found, at = [], 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = json.JSONDecoder().raw_decode(text, at)
        found.append(value)
    return found


class Example(ServerCase):
    def load(self, password=PASSWORD, port=None):
        return subprocess.run(
            [sys.executable, EXAMPLE + "/load.py", f"http://127.0.0.1:{port or self.server.port}"],
            capture_output=True, text=True, timeout=120, check=False,
            env={**os.environ, "BARUA_ADMIN_PASSWORD": password})

    def loaded(self):
        done = self.load()
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout

    def document(self, doc_id):
        return self.check(self.c.get("/medic/" + urllib.parse.quote(doc_id, safe="")), 200).json()

    def test_1_first_and_second_time(self):
        n = len(contacts())
        self.assertEqual(self.loaded(), f"settings: stored\ntranslations: 3 stored, 0 as they were\n"
                         f"contacts: {n} stored, 0 as they were\nXForms: 2 stored, 0 as they were\n"
                         f"accounts: {len(users())} made\n")
        before = self.c.get("/medic").json()["update_seq"]
        self.assertEqual(self.loaded(), f"settings: as they were\ntranslations: 0 stored, 3 as they were\n"
                         f"contacts: 0 stored, {n} as they were\nXForms: 0 stored, 2 as they were\n"
                         "accounts: 0 made\n")
        self.assertEqual(self.c.get("/medic").json()["update_seq"], before)

    def test_2_what_is_there(self):
        settings = self.c.get("/api/v1/settings").json()
        for key, value in json.loads(read("app_settings.json")).items():
            self.assertEqual(settings[key], value, key)
            self.assertEqual(list(settings[key]) if isinstance(value, dict) else None,
                             list(value) if isinstance(value, dict) else None)
        for doc in contacts():
            found = self.document(doc["_id"])
            self.assertEqual({k: found[k] for k in doc}, doc)
        sw = self.document("messages-sw")
        self.assertEqual((sw["code"], sw["enabled"], sw["custom"]["contact.type.clinic"]),
                         ("sw", True, "Kijiji"))
        self.assertEqual({len(self.document(f"messages-{code}")["custom"]) for code in ("en", "sw", "fr")},
                         {len(sw["custom"])}, "the languages have the same keys")
        self.check(self.c.get("/api/v1/forms"), 200, ["household.xml", "visit.xml"] + [
            code + ".json" for code in ("PREG", "VISIT", "WEEK", "STOCK", "DEATH", "HELP")])
        text = read("forms/collect/household.xml")
        self.assertEqual(self.c.get("/api/v1/forms/household.xml").text, text)
        rosa = self.c.get("/api/v1/forms", {"X-OpenRosa-Version": "1.0"}).text
        self.assertIn("<name>Household &amp; water</name>", rosa)
        self.assertIn("md5:" + hashlib.md5(text.encode()).hexdigest(), rosa)
        self.assertEqual(rosa.count("<xform>"), 1)

    def test_3_the_forms_are_good(self):
        answer = self.check(self.c.post("/api/v1/forms/validate", read("app_settings.json")), 200)
        self.assertEqual(answer.json(), {"ok": True, "warnings": []})
        for name in ("app/visit", "collect/household"):
            answer = self.c.request("POST", "/api/v1/forms/validate", read(f"forms/{name}.xml"),
                                    {"Content-Type": "application/xml"})
            self.check(answer, 200, {"ok": True})

    def test_4_reports_in_every_syntax(self):
        for text, form, fields in (
                ("PREG mother Amina Wanjiru#weeks 14#danger 0#phone 0700000201", "PREG",
                 {"mother": "Amina Wanjiru", "weeks": 14, "danger": False, "phone": "+254700000201"}),
                ("VISIT 40213 1 sleeps badly", "VISIT",
                 {"patient_id": "40213", "sign": "fever", "note": "sleeps badly"}),
                ("1!WEEK!34#12#3#0", "WEEK",
                 {"week": 34, "cases": {"fever": 12, "diarrhoea": 3}, "deaths": 0}),
                ("J1!STOCK!fac#KIL-01#mon#5#ors#40#zn#12", "STOCK",
                 {"facility": "KIL-01", "month": 5, "ors": 40, "zinc": 12}),
                ("DEATH id 40213#on 2026-11-03#where h", "DEATH",
                 {"patient_id": "40213", "date": 1793664000000, "where": "at home"}),
                ("HELP the bridge is gone", "HELP", {"message": "the bridge is gone"})):
            with self.subTest(text):
                ref = self.reference("example")
                self.c.sms([self.incoming(text, sender=ASHA, reference=ref)])
                record = self.c.record(ref)
                self.assertEqual((record["form"], record["fields"], record["errors"]),
                                 (form, fields, []))
        ref = self.reference("example")
        answer = self.c.form("/api/v1/records", {"message": "preg mama Amina#wiki 14", "from": ASHA,
                                                 "locale": "sw"})
        record = self.document(answer.json()["id"])
        self.assertEqual((record["fields"], record["errors"]), ({"mother": "Amina", "weeks": 14}, []))
        self.c.drain()

    def test_5_who_wrote(self):
        """update_clinics, by phone and by the code of a facility; unknown senders."""
        for text, sender, contact, errors in (
                ("PREG mother Amina#weeks 14", ASHA, "kilimo-asha", []),
                ("where is the nurse?", "+254700000113", "kilimo-zuhura", ["sys.form_not_found"]),
                ("J1!STOCK!fac#KIL-02#ors#4", ASHA, "kilimo-neema", [])):
            ref = self.reference("who")
            self.c.sms([self.incoming(text, sender=sender, reference=ref)])
            record = self.c.record(ref)
            self.assertEqual(record["contact"]["_id"], contact)
            self.assertEqual([e["code"] for e in record["errors"]], errors)
        ref = self.reference("who")
        self.c.sms([self.incoming("VISIT 40213 1", sender="+254700000999", reference=ref)])
        self.assertEqual([e["code"] for e in self.c.record(ref)["errors"]], ["sys.facility_not_found"])
        ref = self.reference("who")
        self.c.sms([self.incoming("HELP fire", sender="+254700000999", reference=ref)])
        self.assertEqual(self.c.record(ref)["errors"], [], "a public form")
        self.c.drain()

    def test_6_accounts(self):
        for user in users():
            client = Client(self.server.port, user["username"], user["password"])
            answer = self.check(client.get("/_session"), 200).json()["userCtx"]
            self.assertEqual(answer["name"], user["username"])
            self.assertIn(user["roles"], answer["roles"])
        phone = Client(self.server.port, "phone1", "Kilimo-phone-2026")
        self.check(phone.post("/api/sms", {}), 200)

    def test_7_lines_of_the_readme(self):
        """The commands as they are printed, with this server's address and password."""
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
            text = f.read()
        helper = re.search(r"^ *(ask \(\) \{.*\})$", text, re.M).group(1)
        section = re.search(r"^## A whole project\n(.*?)^## ", text, re.M | re.S).group(1)
        [load, asks] = re.findall(r"```sh\n(.*?)```", section, re.S)
        self.assertEqual(load, "BARUA_ADMIN_PASSWORD=karibu-sana make example\n")
        script = f"{helper}\nS=http://127.0.0.1:{self.server.port}\n{asks}".replace("karibu-sana", PASSWORD)
        self.c.drain()
        done = subprocess.run(["sh", "-eu", "-c", script], capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        poll, found, contact = values(done.stdout)
        self.assertEqual([(m["to"], m["content"]) for m in poll["messages"]],
                         [(ASHA, "We do not know this report. Begin with PREG, VISIT, WEEK, STOCK, "
                           "DEATH or HELP.")])
        record = [d for d in found["docs"] if d["fields"].get("mother") == "Amina Wanjiru"][-1]
        self.assertEqual(record["contact"]["_id"], "kilimo-asha")
        self.assertEqual(contact["docs"][0]["name"], "Asha Otieno")
        self.assertEqual(contact["docs"][0]["parent"]["parent"]["parent"]["name"], "Kilimo district")

    def test_8_mistakes_are_said_in_words(self):
        done = self.load(password="wrong")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^PUT /api/v1/settings\?replace=1: 401 ")
        done = self.load(port=1)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Does the server run?", done.stderr)


if __name__ == "__main__":
    main()
