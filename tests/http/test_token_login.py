# SPDX-License-Identifier: MIT
"""Login links by SMS: users.md 8, its checks 4 to 10 and 13, and 10 nos. 1 to 7 and 15."""

import glob
import hashlib
import html
import json
import re
import secrets
import sqlite3
import threading
import time
import urllib.parse

from harness import FORM_TYPE, ISO_MS, JSON_TYPE, UUID7, Server, ServerCase, basic, main
from test_login import BROWSER, PAGE_COOKIE, SESSION, From, cookies

SECRET = "S3cret.enough"
APP_URL = "https://app.example.org"
DAY_MS = 86400000
LINK = re.compile(r"^(.*)/medic/login/token/([A-Za-z0-9]{64})$")
MASKED = "/medic/login/token/********"
TEXT = "Hi {{name}}, use the next link to log in"
INVALID, EXPIRED = {"error": "invalid"}, {"error": "expired"}


def settings(**more):
    value = {"locale": "en", "default_country_code": 254, "app_url": APP_URL + "/",
             "roles": {"chw": {"name": "c", "offline": True}, "manager": {"name": "m"}},
             "permissions": {"can_configure": ["manager"]},
             "token_login": {"enabled": True, "message": TEXT}}
    value.update(more)
    return {k: v for k, v in value.items() if v is not None}


def setUpModule():
    ServerCase.begin(env={"BARUA_HTTP_TRUSTED_PROXIES": "127.0.0.1"})
    ServerCase.server.client().settings(settings())


def tearDownModule():
    ServerCase.end()


class TokenCase(ServerCase):
    def setUp(self):
        TokenCase.serial += 1
        self.c = From(self.server.port, f"10.2.{TokenCase.serial // 250}.{TokenCase.serial % 250}")
        self.c.drain()

    # What an administrator does.

    def new(self, name=None, token_login=True, status=200, **more):
        """Creates a user; (name, answer)."""
        name = name or "u" + secrets.token_hex(4)
        body = {"username": name, "roles": ["manager"], "phone": self.number(), **more}
        if token_login is not None:
            body["token_login"] = token_login
        answer = self.c.post("/api/v1/users", body)
        self.assertEqual(answer.status, status, answer)
        return name, answer

    def update(self, name, status=200, **body):
        answer = self.c.post(f"/api/v1/users/{name}", body)
        self.assertEqual(answer.status, status, answer)
        return answer

    def documents_of(self, name):
        id = "org.couchdb.user:" + name
        return (self.c.get("/_users/" + id).json(), self.c.get("/medic/" + id).json())

    def login_documents(self, name):
        found = [d for d in self.c.documents() if d.get("type") == "login_token"
                 and d["user"] == "org.couchdb.user:" + name]
        return sorted(found, key=lambda d: d["reported_date"])

    def states(self, name):
        return [[t["state"] for t in d["tasks"]] for d in self.login_documents(name)]

    # What a phone and its owner do.

    def poll(self, status=None):
        """Takes what waits, and reports it all with @status."""
        messages = self.c.sms()
        if status:
            self.c.sms(updates=[{"id": m["id"], "status": status} for m in messages])
        return messages

    def token(self):
        """The token in the one link that waits."""
        links = [LINK.match(m["content"]) for m in self.poll() if LINK.match(m["content"])]
        self.assertEqual(len(links), 1)
        return links[0].group(2)

    def issued(self, **more):
        name, _ = self.new(**more)
        return name, self.token()

    def use(self, token, body=None, headers=None, kind=JSON_TYPE, auth=False):
        body = "{}" if body is None else body if isinstance(body, str) else json.dumps(body)
        return self.c.request("POST", f"/medic/login/token/{token}", body,
                              {"Content-Type": kind, "Accept": "*/*", **(headers or {})}, auth)

    def is_in(self, answer):
        """Who the session of an answer belongs to."""
        token = SESSION.match(cookies(answer)["AuthSession"]).group(1)
        return self.ask(token).json()["userCtx"]

    def ask(self, token, path="/_session"):
        return self.c.get(path, {"Cookie": f"AuthSession={token}", "Accept": JSON_TYPE}, auth=False)

    def set_expiry(self, name, ms):
        """Time travel: the account row is what decides."""
        with sqlite3.connect(self.server.database, timeout=30) as db:
            db.execute("UPDATE account SET token_expires = ? WHERE name = ?", (ms, name))
        db.close()


class Issue(TokenCase):
    def test_answer(self):
        before = time.time() * 1000
        name, answer = self.new()
        value = answer.json()
        self.assertEqual(set(value["token_login"]), {"expiration_date"})
        self.assertAlmostEqual(value["token_login"]["expiration_date"], before + DAY_MS, delta=30000)
        for document in self.documents_of(name):
            self.assertEqual(document["token_login"], {
                "active": True, "expiration_date": value["token_login"]["expiration_date"]})

    def test_document(self):
        """8.4, and 10 no. 1 for its id."""
        name, _ = self.new()
        document, = self.login_documents(name)
        self.assertEqual(set(document), {"_id", "_rev", "type", "reported_date", "user", "tasks"})
        self.assertEqual(document["type"], "login_token")
        first, second = document["tasks"]
        expiry = self.documents_of(name)[0]["token_login"]["expiration_date"]
        self.assertEqual(document["reported_date"] + DAY_MS, expiry)
        phone = self.documents_of(name)[1]["phone"]
        for task in (first, second):
            self.assertEqual(task["state"], "pending")
            message, = task["messages"]
            self.assertEqual(set(message), {"uuid", "to", "message"})
            self.assertRegex(message["uuid"], UUID7)
            self.assertEqual(message["to"], phone)
            entry, = task["state_history"]
            self.assertEqual(entry["state"], "pending")
            self.assertRegex(entry["timestamp"], ISO_MS)
            self.assertRegex(task["valid_until"], ISO_MS)
        self.assertEqual(first["messages"][0]["message"],
                         f"Hi {name}, use the next link to log in")
        base, token = LINK.match(second["messages"][0]["message"]).groups()
        self.assertEqual(base, APP_URL)
        digest = hashlib.sha256(token.encode()).hexdigest()
        self.assertEqual(document["_id"], "token:login:" + digest[:32])

    def test_order_in_the_queue(self):
        name, _ = self.new()
        texts = [m["content"] for m in self.poll()]
        self.assertEqual(texts[0], f"Hi {name}, use the next link to log in")
        self.assertRegex(texts[1], LINK)

    def test_for_administrators_only(self):
        name, _ = self.new()
        self.new("viewer" + secrets.token_hex(2), None, password=SECRET)
        viewer = [d for d in self.c.documents() if d["_id"].startswith("org.couchdb.user:viewer")][-1]
        id = urllib.parse.quote(self.login_documents(name)[0]["_id"])
        asker = self.server.client(user=viewer["name"], password=SECRET)
        self.assertIn(asker.get(f"/medic/{id}").status, (403, 404))
        self.assertNotIn("token:login:", asker.get("/medic/_all_docs").text)

    def test_password_is_random(self):
        """A given password is ignored."""
        name, _ = self.new(password="Gi7en.password")
        answer = self.c.get("/medic/login/identity", {"Authorization": basic(name, "Gi7en.password")})
        self.assertEqual(answer.status, 401)

    def test_helper_texts(self):
        c = self.server.client()
        rows = [({"message": [{"locale": "en", "content": "Hello {{fullname}}"},
                              {"locale": "sw", "content": "Habari {{fullname}}"}]}, "sw", "Habari Jo K"),
                ({"translation_key": "login.sms"}, "en", "Press it, Jo K")]
        for value, locale, text in rows:
            c.settings(settings(token_login={"enabled": True, **value}, locale_outgoing=locale,
                                translations={"en": {"login.sms": "Press it, {{fullname}}"}}))
            try:
                self.new(fullname="Jo K")
                self.assertEqual(self.poll("SENT")[0]["content"], text)
            finally:
                c.settings(settings())

    def test_unknown_names_are_empty(self):
        """8.4: a template like that of any message; a user without a full name gets no braces."""
        c = self.server.client()
        c.settings(settings(token_login={"enabled": True,
                                         "message": "Hi {{name}}{{fullname}}{{a.b}}, {{phone}}"}))
        try:
            number = self.number()
            name, _ = self.new(phone=number)
            self.assertEqual(self.poll("SENT")[0]["content"], f"Hi {name}, {number}")
        finally:
            c.settings(settings())

    def test_missing_text(self):
        c = self.server.client()
        c.settings(settings(token_login={"enabled": True, "translation_key": "nobody.wrote.it"}))
        try:
            name, _ = self.new()
        finally:
            c.settings(settings())
        first, second = self.login_documents(name)[0]["tasks"]
        self.assertNotIn("message", first["messages"][0])
        self.assertEqual(first["messages"][0]["error"], "messages.errors.message.empty")
        message, = self.poll()
        self.assertRegex(message["content"], LINK)

    def test_repeats(self):
        """A 6th identical helper text within 30 minutes is a duplicate; its link is still sent."""
        name, _ = self.new()
        for _ in range(5):
            self.update(name, token_login=True)
        self.assertEqual(self.states(name), [["cleared", "cleared"]] * 5 + [["duplicate", "pending"]])
        message, = self.poll()
        self.assertRegex(message["content"], LINK)


class Table(TokenCase):
    """Check 4: the rows of 8.2, with the queue before and after."""

    def is_password(self, name, password):
        answer = self.c.get("/medic/login/identity", {"Authorization": basic(name, password)})
        return answer.status == 200

    def session_of(self, name, password=SECRET):
        answer = self.c.post("/_session", {"name": name, "password": password}, auth=False)
        self.assertEqual(answer.status, 200, answer)
        return SESSION.match(answer.header("set-cookie")).group(1)

    def test_undefined_new(self):
        name, answer = self.new(token_login=None, password=SECRET)
        self.assertNotIn("token_login", answer.json())
        self.assertEqual(self.poll(), [])
        for document in self.documents_of(name):
            self.assertNotIn("token_login", document)
        self.assertTrue(self.is_password(name, SECRET))

    def test_undefined_existing(self):
        name, _ = self.new(token_login=None, password=SECRET)
        self.update(name, fullname="Other")
        self.assertEqual(self.poll(), [])

    def test_undefined_with_token(self):
        """The token stays, also when the phone changes."""
        name, token = self.issued()
        before = self.documents_of(name)[0]["token_login"]
        self.update(name, phone=self.number())
        self.assertEqual(self.documents_of(name)[0]["token_login"], before)
        self.assertEqual(self.states(name), [["forwarded-to-gateway"] * 2])
        self.assertEqual(self.use(token).status, 302)

    def test_true_existing(self):
        name, _ = self.new(token_login=None, password=SECRET)
        session = self.session_of(name)
        self.assertTrue(self.is_password(name, SECRET))
        answer = self.update(name, token_login=True)
        self.assertEqual(set(answer.json()["token_login"]), {"expiration_date"})
        self.assertEqual(len(self.poll()), 2)
        self.assertEqual(self.ask(session).status, 401)
        self.assertFalse(self.is_password(name, SECRET))

    def test_true_with_token(self):
        """A second regeneration clears the first pair, which nobody has confirmed."""
        name, old = self.issued()
        self.update(name, token_login=True)
        new = self.token()
        self.assertNotEqual(old, new)
        self.assertEqual(self.states(name), [["cleared"] * 2, ["forwarded-to-gateway"] * 2])
        self.check(self.use(old), 401, INVALID)
        self.assertEqual(self.use(new).status, 302)
        self.update(name, token_login=True)
        self.assertEqual(self.states(name)[-1], ["pending"] * 2)

    def test_true_after_sent(self):
        name, _ = self.new()
        self.poll("SENT")
        self.update(name, token_login=True)
        self.assertEqual(self.states(name), [["sent"] * 2, ["pending"] * 2])

    def test_false_without_token(self):
        name, answer = self.new(token_login=False, password=SECRET)
        self.assertNotIn("token_login", answer.json())
        self.update(name, token_login=False)
        self.assertEqual(self.poll(), [])
        self.assertTrue(self.is_password(name, SECRET))

    def test_false_with_token(self):
        name, token = self.issued()
        answer = self.c.post(f"/api/v1/users/{name}", {"token_login": False})
        self.assertEqual(answer.status, 400)
        self.assertEqual(answer.json()["error"]["message"],
                         "Password is required when disabling token login.")
        self.update(name, token_login=False, password=SECRET)
        for document in self.documents_of(name):
            self.assertNotIn("token_login", document)
        self.assertEqual(self.states(name), [["cleared"] * 2])
        self.assertEqual(self.poll(), [])
        self.check(self.use(token), 401, INVALID)
        self.assertTrue(self.is_password(name, SECRET))

    def test_false_after_use(self):
        """A used token is a token: the session it made ends."""
        name, token = self.issued()
        answer = self.use(token)
        session = SESSION.match(cookies(answer)["AuthSession"]).group(1)
        self.update(name, token_login=False, password=SECRET)
        self.assertEqual(self.ask(session).status, 401)

    def test_feature_off(self):
        c = self.server.client()
        c.settings(settings(token_login={"enabled": False, "message": TEXT}))
        try:
            answer = self.c.post("/api/v1/users", {"username": "off" + secrets.token_hex(3),
                                                   "roles": ["manager"], "phone": self.number(),
                                                   "token_login": True})
            self.assertEqual(answer.status, 400)
            name, answer = self.new(password=SECRET)
            self.assertNotIn("token_login", answer.json())
            self.assertEqual(self.poll(), [])
            self.assertTrue(self.is_password(name, SECRET))
        finally:
            c.settings(settings())


class Use(TokenCase):
    def test_order_of_8_6(self):
        name, token = self.issued()
        page_type = {"code": 400, "error": "Content-Type must be application/json"}
        for kind in ("text/plain", "application/jsonx"):
            self.check(self.use(token, kind=kind), 400, page_type)
        self.check(self.use("", kind="text/plain"), 400, page_type)
        self.check(self.use(token, "{"), 500, {"code": 500, "error": "Server error"})
        for path in ("", "/"):
            answer = self.c.request("POST", "/medic/login/token" + path, "{}",
                                    {"Content-Type": JSON_TYPE, "Accept": "text/html"}, auth=False)
            self.check(answer, 400, {"error": "missing", "reason": "Missing required param"})
        self.check(self.use("x" * 64), 401, INVALID)
        self.check(self.use("x"), 401, INVALID)
        self.assertEqual(self.use(token).status, 302)

    def test_success(self):
        name, token = self.issued(roles=["chw"], place={"name": "A", "type": "health_center",
                                                        "parent": self.district()},
                                  contact={"name": "Jo", "phone": self.number()})
        before = time.time() * 1000
        answer = self.use(token, {"locale": "sw"})
        self.assertEqual((answer.status, answer.text), (302, "/"))
        self.assertIsNone(answer.header("location"))  # check 9
        self.assertEqual(answer.header("content-type"), "text/html; charset=utf-8")
        got = cookies(answer)
        self.assertEqual(set(got), {"AuthSession", "userCtx", "login", "locale"})
        self.assertRegex(got["AuthSession"], SESSION)
        value = json.loads(urllib.parse.unquote(PAGE_COOKIE.match(got["userCtx"]).group(2)))
        self.assertEqual((value["name"], value["roles"][0]), (name, "chw"))
        self.assertEqual(PAGE_COOKIE.match(got["locale"]).group(2), "sw")
        self.assertEqual(self.is_in(answer)["name"], name)
        for document in self.documents_of(name):
            record = document["token_login"]
            self.assertIs(record["active"], False)
            self.assertAlmostEqual(record["login_date"], before, delta=30000)
            self.assertGreater(record["expiration_date"], record["login_date"])

    def district(self):
        answer = self.c.put("/medic/d1", {"type": "district_hospital", "name": "D"})
        self.assertIn(answer.status, (201, 409))
        return "d1"

    def test_home_of_configurers(self):
        _, token = self.issued()
        self.assertEqual(self.use(token).text, "/admin/")

    def test_get_consumes_nothing(self):
        """Check 5."""
        name, token = self.issued()
        for _ in range(10):
            answer = self.c.get(f"/medic/login/token/{token}", BROWSER, auth=False)
            self.assertEqual(answer.status, 200)
            self.c.request("HEAD", f"/medic/login/token/{token}", auth=False)
        self.assertEqual(self.use(token).status, 302)
        self.check(self.use(token), 401, INVALID)
        page = self.c.get(f"/medic/login/token/{token}", BROWSER, auth=False)
        self.assertEqual(page.status, 200)

    def simultaneous(self, n, kind=JSON_TYPE):
        _, token = self.issued()
        barrier, statuses = threading.Barrier(n), []

        def post(i):
            c = From(self.server.port, f"10.3.{self.serial % 250}.{i}")
            barrier.wait()
            answer = c.request("POST", f"/medic/login/token/{token}",
                               "{}" if kind == JSON_TYPE else "", {"Content-Type": kind}, auth=False)
            statuses.append(answer.status)
        threads = [threading.Thread(target=post, args=(i,)) for i in range(n)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(statuses)

    def test_two_at_once(self):
        self.assertEqual(self.simultaneous(2), [302, 401])

    def test_hundred_at_once(self):
        self.assertEqual(self.simultaneous(100), [302] + [401] * 99)

    def test_expiry(self):
        """Check 6: 24 hours, plus and minus a second."""
        name, token = self.issued()
        self.set_expiry(name, int(time.time() * 1000) - 1000)
        self.check(self.use(token), 401, EXPIRED)
        self.check(self.use(token), 401, EXPIRED)
        self.set_expiry(name, int(time.time() * 1000) + 1000 * 60)
        self.assertEqual(self.use(token).status, 302)
        self.set_expiry(name, int(time.time() * 1000) - 1000)
        self.check(self.use(token), 401, INVALID)  # used and expired

    def test_logged_in_already(self):
        """Check 7: valid cookie or Basic; no cookies, the token is untouched."""
        name, token = self.issued()
        session = SESSION.match(cookies(self.c.post("/medic/login", {
            "user": "admin", "password": self.admin_password()}, auth=False))["AuthSession"]).group(1)
        for headers in ({"Cookie": f"AuthSession={session}"},
                        {"Authorization": self.c.authorization}):
            answer = self.use(token, headers=headers)
            self.assertEqual((answer.status, answer.text), (302, "/admin/"))
            self.assertIsNone(answer.header("set-cookie"))
            answer = self.use(token, "", headers, FORM_TYPE)
            self.assertEqual((answer.status, answer.header("location")), (303, "/admin/"))
            self.assertIsNone(answer.header("set-cookie"))
        self.assertEqual(self.is_in(self.use(token))["name"], name)

    @staticmethod
    def admin_password():
        from harness import PASSWORD
        return PASSWORD

    def test_wrong_basic(self):
        name, token = self.issued()
        answer = self.use(token, headers={"Authorization": basic("admin", "wrong")})
        self.assertEqual(self.is_in(answer)["name"], name)

    def test_dead_cookie(self):
        name, token = self.issued()
        answer = self.use(token, headers={"Cookie": "AuthSession=" + "x" * 43})
        self.assertEqual(self.is_in(answer)["name"], name)

    def test_feature_off(self):
        """Check 8."""
        _, token = self.issued()
        c = self.server.client()
        c.settings(settings(token_login={"enabled": False}))
        try:
            value = {"error": "disabled", "reason": "Token login disabled"}
            self.check(self.use(token), 400, value)
            self.check(self.use(""), 400, value)
            self.assertEqual(self.c.get(f"/medic/login/token/{token}", auth=False).status, 200)
        finally:
            c.settings(settings())
        self.assertEqual(self.use(token).status, 302)

    def test_effects(self):
        """The password is another one, older sessions end, what is unsent is cleared."""
        name, token = self.issued()
        self.update(name, password="Later.chosen1")
        login = self.c.post("/_session", {"name": name, "password": "Later.chosen1"}, auth=False)
        older = SESSION.match(login.header("set-cookie")).group(1)
        self.assertEqual(self.ask(older).status, 200)
        header = {"Authorization": basic(name, "Later.chosen1")}
        self.assertEqual(self.c.get("/medic/login/identity", header).status, 200)
        answer = self.use(token)
        self.assertEqual(answer.status, 302)
        self.assertEqual(self.ask(older).status, 401)
        self.assertEqual(self.c.get("/medic/login/identity", header).status, 401)
        self.assertEqual(self.states(name), [["cleared"] * 2])
        self.assertEqual(self.poll(), [])

    def test_percent_decoding(self):
        """The segment is decoded once."""
        _, token = self.issued()
        twice = f"%25{ord(token[0]):02x}{token[1:]}"
        self.check(self.use(twice), 401, INVALID)
        self.assertEqual(self.use(f"%{ord(token[0]):02x}{token[1:]}").status, 302)

    def test_deleted_user(self):
        """Check 12, as far as the link goes."""
        name, token = self.issued()
        self.assertEqual(self.c.request("DELETE", f"/api/v1/users/{name}").status, 200)
        self.check(self.use(token), 401, INVALID)
        self.assertEqual(self.states(name), [["cleared"] * 2])
        self.assertEqual(self.poll(), [])

    def test_deleted_through_the_document(self):
        name, token = self.issued()
        rev = self.documents_of(name)[0]["_rev"]
        answer = self.c.request("DELETE", f"/_users/org.couchdb.user:{name}?rev={rev}")
        self.assertEqual(answer.status, 200)
        self.check(self.use(token), 401, INVALID)
        self.assertEqual(self.states(name), [["cleared"] * 2])

    def put_record(self, name, record):
        """An administrator writes `token_login` of the user document; None takes it out."""
        document = self.documents_of(name)[0]
        self.assertTrue(document.pop("token_login")["active"])
        if record is not None:
            document["token_login"] = record
        answer = self.c.put(f"/_users/org.couchdb.user:{name}", document)
        self.assertEqual(answer.status, 201, answer)

    def test_changed_through_the_document(self):
        """Section 3: a write to `_users` is a write to the account."""
        later = int(time.time() * 1000) + DAY_MS
        for record, expected in ((None, INVALID),
                                 ({"active": False, "expiration_date": later}, INVALID),
                                 ({"active": True, "expiration_date": 0}, EXPIRED)):
            name, token = self.issued()
            self.put_record(name, record)
            answer = self.use(token)
            self.check(answer, 401, expected)
            self.assertEqual(answer.header("logout-authorization"), "CHT-Core API")
            if expected == INVALID:
                self.assertEqual(self.states(name), [["cleared"] * 2])
        self.c.drain()  # the expired pair waits for the sweep
        for record in ({"active": True, "expiration_date": later}, {"active": True}):
            name, token = self.issued()
            self.put_record(name, record)
            self.assertEqual(self.use(token).status, 302)

    def test_limited(self):
        """Ten wrong tokens in ten seconds, then 429; pages too."""
        _, token = self.issued()
        for i in range(10):
            self.check(self.use(f"{i}" * 64), 401, INVALID)
        self.check(self.use(token), 429, {"code": 429, "error": "Too Many Requests"})
        page = self.use(token, "", kind=FORM_TYPE, headers=BROWSER)
        self.assertEqual(page.status, 429)
        other = From(self.server.port, "10.9.9.9")
        answer = other.request("POST", f"/medic/login/token/{token}", "{}",
                               {"Content-Type": JSON_TYPE}, auth=False)
        self.assertEqual(answer.status, 302)


class Page(TokenCase):
    def get(self, path):
        return self.c.get(path, BROWSER, auth=False)

    def test_any_token(self):
        for path in ("/medic/login/token/" + "a" * 64, "/medic/login/token/x%22%3Cscript%3E",
                     "/medic/login/token", "/medic/login/token/"):
            answer = self.get(path)
            self.assertEqual(answer.status, 200, path)
            self.assertEqual(answer.header("content-type"), "text/html; charset=utf-8")
            self.assertEqual(answer.header("cache-control"), "no-store")
            self.assertEqual(answer.header("referrer-policy"), "no-referrer")
            self.assertIn("frame-ancestors 'none'", answer.header("content-security-policy"))
            self.assertNotIn("<script>", answer.text)
            self.assertNotIn("a" * 64, answer.text)
            self.assertIsNone(answer.header("location"))

    def test_with_a_session(self):
        answer = self.c.get("/medic/login/token/abc", {"Accept": "text/html"})
        self.assertEqual(answer.status, 200)

    def test_token_is_not_in_the_page(self):
        token = secrets.token_hex(32)
        self.assertNotIn(token, self.get("/medic/login/token/" + token).text)

    def test_button_without_script(self):
        name, token = self.issued()
        page = self.get(f"/medic/login/token/{token}?locale=sw").text
        form = re.search(r"<form method=\"post\"[^>]*>.*?</form>", page, re.S).group(0)
        self.assertNotIn("action=", form)
        fields = {n: html.unescape(v) for n, v in
                  re.findall(r'name="([^"]+)" value="([^"]*)"', form)}
        # with no-referrer a browser says that the origin is null
        answer = self.use(token, urllib.parse.urlencode(fields), {**BROWSER, "Origin": "null"},
                          FORM_TYPE)
        self.assertEqual((answer.status, answer.header("location")), (303, "/admin/"))
        self.assertEqual(self.is_in(answer)["name"], name)
        self.assertEqual(PAGE_COOKIE.match(cookies(answer)["locale"]).group(2), "sw")
        answer = self.use(token, urllib.parse.urlencode(fields), BROWSER, FORM_TYPE)
        self.assertEqual(answer.status, 401)
        self.assertIn("Kiungo hiki si sahihi au kilishatumika", answer.text)
        self.assertEqual(answer.header("referrer-policy"), "no-referrer")

    def test_expired_without_script(self):
        name, token = self.issued()
        self.set_expiry(name, int(time.time() * 1000) - 1000)
        answer = self.use(token, "locale=en", BROWSER, FORM_TYPE)
        self.assertEqual(answer.status, 401)
        self.assertIn("This link has expired.", answer.text)

    def test_incomplete_without_script(self):
        answer = self.use("", "locale=en", BROWSER, FORM_TYPE)
        self.assertEqual(answer.status, 400)
        self.assertIn("This link is incomplete.", answer.text)


class BaseUrl(TokenCase):
    """Check 13, 8.1, 10 no. 15."""

    def base(self, headers):
        answer = self.c.post("/api/v1/users", {
            "username": "b" + secrets.token_hex(4), "roles": ["manager"], "token_login": True,
            "phone": self.number()}, headers)
        if answer.status != 200:
            return answer.status
        links = [LINK.match(m["content"]) for m in self.poll("SENT")]
        return [m.group(1) for m in links if m][0]

    def test_app_url(self):
        self.assertEqual(self.base({"Host": "evil.example", "X-Forwarded-Proto": "http",
                                    "X-Forwarded-Host": "evil.example"}), APP_URL)

    def test_without_app_url(self):
        c = self.server.client()
        c.settings(settings(app_url=None))
        try:
            self.assertEqual(self.base({"Host": "clinic.example:5988"}), "http://clinic.example:5988")
            self.assertEqual(self.base({"Host": "clinic.example", "X-Forwarded-Proto": "https"}),
                             "https://clinic.example")
            for host in ("evil.example/path", "a@evil.example", "evil.example?x", "a b", "a\"b"):
                self.assertIn(self.base({"Host": host}), (400, 404, 405), host)
        finally:
            c.settings(settings())

    def test_slashes(self):
        c = self.server.client()
        c.settings(settings(app_url="https://x.example/sub///"))
        try:
            self.assertEqual(self.base({}), "https://x.example/sub")
        finally:
            c.settings(settings())

    def test_proxies_must_be_listed(self):
        with_nobody = Server().start()
        try:
            c = with_nobody.client()
            c.settings(settings(app_url=None))
            answer = c.post("/api/v1/users", {"username": "jo", "roles": ["manager"],
                                              "phone": "+254712000111", "token_login": True},
                            {"Host": "clinic.example", "X-Forwarded-Proto": "https",
                             "X-Forwarded-Host": "evil.example"})
            self.assertEqual(answer.status, 200, answer)
            link = c.sms()[1]["content"]
            self.assertEqual(LINK.match(link).group(1), "http://clinic.example")
        finally:
            with_nobody.finish()


class Masked(TokenCase):
    """10 no. 2."""

    def link_in(self, name):
        return self.login_documents(name)[-1]["tasks"][1]["messages"][0]["message"]

    def test_by_state(self):
        for status, masked in (("PENDING", False), ("UNSENT", False), ("SENT", True),
                               ("DELIVERED", True), ("FAILED", True)):
            name, _ = self.new()
            self.poll(status)
            link = self.link_in(name)
            self.assertEqual(link == APP_URL + MASKED, masked, (status, link))
            self.assertEqual(bool(LINK.match(link)), not masked)
            self.c.drain()

    def test_works_after_it_was_sent(self):
        name, token = self.issued()
        self.poll("SENT")
        self.assertEqual(self.link_in(name), APP_URL + MASKED)
        self.assertEqual(self.is_in(self.use(token))["name"], name)

    def test_by_use(self):
        name, token = self.issued()
        self.poll("PENDING")  # with a phone, so that it is not cleared
        self.assertRegex(self.link_in(name), LINK)
        self.assertEqual(self.use(token).status, 302)
        self.assertEqual(self.link_in(name), APP_URL + MASKED)

    def test_by_clearing(self):
        name, token = self.issued()
        self.update(name, token_login=True)
        document = self.login_documents(name)[0]
        self.assertEqual(document["tasks"][1]["messages"][0]["message"], APP_URL + MASKED)

    def test_by_expiry(self):
        """What has expired is masked at the next sweep, one of which comes with the start."""
        server = Server().start()
        try:
            c = server.client()
            c.settings(settings())
            answer = c.post("/api/v1/users", {"username": "jo", "roles": ["manager"],
                                              "phone": "+254712000111", "token_login": True})
            self.assertEqual(answer.status, 200, answer)
            messages = c.sms()
            token = LINK.match(messages[1]["content"]).group(2)
            c.sms(updates=[{"id": m["id"], "status": "PENDING"} for m in messages])
            server.stop()
            with sqlite3.connect(server.database) as db:
                db.execute("UPDATE account SET token_expires = 1000 WHERE name = 'jo'")
            db.close()
            server.start()
            c = server.client()
            link, deadline = token, time.monotonic() + 20
            while token in link and time.monotonic() < deadline:
                document, = [d for d in c.documents() if d.get("type") == "login_token"]
                link = document["tasks"][1]["messages"][0]["message"]
            self.assertEqual(link, APP_URL + MASKED)
            answer = c.request("POST", f"/medic/login/token/{token}", "{}",
                               {"Content-Type": JSON_TYPE}, auth=False)
            self.check(answer, 401, EXPIRED)
        finally:
            server.finish()

    def test_in_lists(self):
        name, token = self.issued()
        for path in ("/api/v1/messages?limit=100&state=forwarded-to-gateway",
                     "/medic/_design/medic/_view/messages_by_state",
                     "/medic/_design/medic-sms/_view/gateway_messages_by_state",
                     "/medic/_design/medic-admin/_view/message_queue?reduce=false",
                     "/api/v2/export/messages", "/medic/_all_docs", "/medic/_changes"):
            answer = self.c.get(path)
            self.assertEqual(answer.status, 200, answer)
            self.assertNotIn(token, answer.text, path)
        for path in ("/api/v1/messages?state=forwarded-to-gateway", "/api/v2/export/messages"):
            self.assertIn(MASKED, self.c.get(path).text)


class Secrets(TokenCase):
    """Check 10, and part 4 no. 8: what must not be found in file, log and documents."""

    def test_nothing_is_left(self):
        server = Server(env={"BARUA_LOG_LEVEL": "debug"}).start()
        marks = []

        def mark():
            marks.append("Mk9." + secrets.token_hex(12))
            return marks[-1]

        def found():
            """The marks in each file of the server."""
            files = {}
            for path in glob.glob(server.database + "*") + [server.log_path]:
                with open(path, "rb") as f:
                    data = f.read()
                files[path[len(server.directory):]] = sum(m.encode() in data for m in marks)
            return files

        try:
            c = server.client()
            c.settings(settings())
            for i in range(20):  # passwords: made, changed, used in every way, guessed
                name, first, second = f"u{i}", mark(), mark()
                answer = c.post("/api/v1/users", {"username": name, "roles": ["manager"],
                                                  "password": first, "phone": self.number()})
                self.assertEqual(answer.status, 200, answer)
                self.assertEqual(c.post(f"/api/v1/users/{name}", {"password": second}).status, 200)
                for sender in (lambda: c.get("/medic/login/identity",
                                             {"Authorization": basic(name, second)}),
                               lambda: c.post("/_session", {"name": name, "password": second},
                                              auth=False),
                               lambda: c.form("/medic/login", {"user": name, "password": second},
                                              auth=False)):
                    answer = sender()
                    self.assertIn(answer.status, (200, 303))
                    for cookie in answer.headers.get_all("set-cookie") or []:
                        session = SESSION.match(cookie)
                        if session:
                            marks.append(session.group(1))
                if i % 4 == 0:
                    c.post("/medic/login", {"user": name, "password": mark()}, auth=False)
            answer = c.put("/_users/org.couchdb.user:doc", {
                "name": "doc", "type": "user", "roles": [], "password": mark()})
            self.assertEqual(answer.status, 201)
            for i in range(20):  # links: sent, used, replaced, of deleted users, guessed
                answer = c.post("/api/v1/users", {"username": f"t{i}", "roles": ["manager"],
                                                  "phone": self.number(), "token_login": True})
                self.assertEqual(answer.status, 200, answer)
                messages = c.sms()
                token = [LINK.match(m["content"]) for m in messages][-1].group(2)
                marks.append(token)
                if i % 4 == 0:
                    self.assertEqual(c.request("POST", f"/medic/login/token/{token}", "{}",
                                               {"Content-Type": JSON_TYPE}, auth=False).status, 302)
                elif i % 4 == 1:
                    c.post(f"/api/v1/users/t{i}", {"token_login": False, "password": mark()})
                elif i % 4 == 2:
                    c.request("DELETE", f"/api/v1/users/t{i}")
                c.sms(updates=[{"id": m["id"], "status": "SENT"} for m in messages])
            c.request("POST", f"/medic/login/token/{mark()}", "{}", {"Content-Type": JSON_TYPE},
                      auth=False)
            c.get(f"/medic/login/token/{marks[-1]}", BROWSER, auth=False)
            for document in c.documents() + c.get("/_users/_all_docs?include_docs=true").json()["rows"]:
                self.assertFalse([m for m in marks if m in json.dumps(document)])
            deadline = time.monotonic() + 90  # the log is cut when the writer has rested
            while any(found().values()) and time.monotonic() < deadline:
                time.sleep(1)
            self.assertEqual({k: v for k, v in found().items() if v}, {})
            self.assertEqual(server.stop(), 0)
            self.assertEqual({k: v for k, v in found().items() if v}, {})
            self.assertGreater(len(marks), 100)
        finally:
            server.finish()

    def test_the_search_finds(self):
        """A search that cannot find proves nothing: an unsent link is in the log or the file."""
        _, token = self.issued()
        data = b""
        for path in glob.glob(self.server.database + "*"):
            with open(path, "rb") as f:
                data += f.read()
        self.assertIn(token.encode(), data)

    def test_hash_upgrade(self):
        """10 no. 9: a good password with an outdated hash gets a new one."""
        name, _ = self.new(token_login=None, password=SECRET)
        old = ("$6$saltsalt$dIpeH6ivtpBw5rMwoELwR7oclw0ob5IOGCPW6gc7lhvx8sLs"
               "hLUOulFvJlHj78MfkyWPeulc6ZDTk0cex4LX70")  # SHA-512 of "rasmuslerdorf"
        with sqlite3.connect(self.server.database, timeout=30) as db:
            db.execute("UPDATE account SET hash = ? WHERE name = ?", (old, name))
        self.assertEqual(self.c.post("/medic/login", {"user": name, "password": "rasmuslerdorf"},
                                     auth=False).status, 302)
        deadline, hash_now = time.monotonic() + 20, old
        while hash_now == old and time.monotonic() < deadline:
            hash_now, = db.execute("SELECT hash FROM account WHERE name = ?", (name,)).fetchone()
        db.close()
        self.assertRegex(hash_now, r"^\$y\$")
        self.assertEqual(self.c.post("/medic/login", {"user": name, "password": "rasmuslerdorf"},
                                     auth=False).status, 302)


if __name__ == "__main__":
    main()
