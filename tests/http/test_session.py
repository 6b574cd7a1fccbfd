# SPDX-License-Identifier: MIT
"""/_session: users.md 2.1 to 2.3, the cookie of documents.md 8.1."""

import base64
import email.utils
import json
import re
import sqlite3
import threading
import time

from harness import JSON_TYPE, PASSWORD, ServerCase, basic, main

COOKIE = re.compile(r"^AuthSession=([A-Za-z0-9_-]{43}); Version=1; "
                    r"Expires=((?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d-[A-Z][a-z]{2}-\d{4} "
                    r"\d\d:\d\d:\d\d GMT); Max-Age=31536000; Path=/; HttpOnly; SameSite=Lax$")
WRONG = {"code": 401, "error": "unauthorized", "reason": "Name or password is incorrect."}


def setUpModule():
    ServerCase.begin()


def tearDownModule():
    ServerCase.end()


class SessionCase(ServerCase):
    def login(self, value=None, **kwargs):
        if value is None:
            value = {"name": "admin", "password": PASSWORD}
        return self.c.post("/_session", value, auth=False, **kwargs)

    def token(self):
        answer = self.login()
        self.assertEqual(answer.status, 200, answer)
        return COOKIE.match(answer.header("set-cookie")).group(1)

    def with_cookie(self, token, method="GET", path="/_session", headers=None, body=None):
        return self.c.request(method, path, body, {"Cookie": f"AuthSession={token}",
                                                   "Accept": JSON_TYPE, **(headers or {})},
                              auth=False)


class Login(SessionCase):
    def test_json(self):
        answer = self.check(self.login(), 200, {"ok": True, "name": "admin", "roles": ["_admin"]})
        self.assertEqual(answer.header("content-type"), JSON_TYPE)
        self.assertRegex(answer.header("set-cookie"), COOKIE)

    def test_form(self):
        for name in ("name", "username"):
            answer = self.c.form("/_session", {name: "admin", "password": PASSWORD}, auth=False)
            self.check(answer, 200, {"ok": True, "name": "admin", "roles": ["_admin"]})
            self.assertRegex(answer.header("set-cookie"), COOKIE)

    def test_username_in_json(self):
        self.check(self.login({"username": "admin", "password": PASSWORD}), 200)

    def test_charset_in_the_type(self):
        answer = self.login(headers={"Content-Type": "application/json; charset=utf-8"})
        self.check(answer, 200)

    def test_no_type_is_json(self):
        body = json.dumps({"name": "admin", "password": PASSWORD})
        self.check(self.c.request("POST", "/_session", body, auth=False), 200)

    def test_with_basic_too(self):
        """As cht-conf does it."""
        self.check(self.c.post("/_session", {"name": "admin", "password": PASSWORD}), 200)

    def test_expires_in_a_year(self):
        match = COOKIE.match(self.login().header("set-cookie"))
        then = email.utils.mktime_tz(email.utils.parsedate_tz(match.group(2)))
        self.assertAlmostEqual(then - time.time(), 365 * 24 * 3600, delta=60)

    def test_tokens_differ(self):
        self.assertNotEqual(self.token(), self.token())

    def test_secure_only_behind_tls(self):
        """Nobody is a trusted proxy here, so the header says nothing."""
        answer = self.login(headers={"X-Forwarded-Proto": "https"})
        self.assertNotIn("Secure", answer.header("set-cookie"))

    def test_wrong(self):
        for value in ({"name": "admin", "password": "wrong"}, {"name": "admin"},
                      {"name": "nobody", "password": PASSWORD},
                      {"name": "admin", "password": 7}):
            answer = self.check(self.login(value), 401, WRONG)
            self.assertIsNone(answer.header("set-cookie"))
            self.assertIsNone(answer.header("www-authenticate"))
            self.assertEqual(answer.header("logout-authorization"), "CHT-Core API")

    def test_never_a_redirect(self):
        answer = self.login({"name": "admin", "password": "wrong2"},
                            headers={"User-Agent": "Mozilla/5.0", "Accept": "text/html"})
        self.check(answer, 401, WRONG)

    def test_no_name(self):
        expected = {"error": "bad_request", "reason": "request body must contain a username"}
        for value in ({"password": PASSWORD}, {"name": ""}, {"name": 5}, "[]", "7", "null", ""):
            self.check(self.login(value), 400, expected)
        self.check(self.c.form("/_session", {"password": "x"}, auth=False), 400, expected)
        self.check(self.c.request("POST", "/_session", auth=False), 400, expected)

    def test_other_types(self):
        expected = {"error": "bad_content_type", "reason": "Content-Type must be "
                    "'application/x-www-form-urlencoded' or 'application/json'"}
        for kind in ("text/plain", "multipart/form-data; boundary=x", "application/jsonx"):
            answer = self.c.request("POST", "/_session", "{}", {"Content-Type": kind}, auth=False)
            self.check(answer, 415, expected)

    def test_malformed_json(self):
        for body in ("{", '{"name":"admin"', b'{"name":"\xff"}'):
            self.check(self.login(body), 400,
                       {"error": "bad_request", "reason": "invalid UTF-8 JSON"})

    def test_too_large(self):
        answer = self.login({"name": "a" * 100000, "password": "x"})
        self.assertEqual(answer.status, 413)

    def test_other_methods(self):
        for method in ("PUT", "PATCH"):
            answer = self.c.request(method, "/_session", "{}", {"Content-Type": JSON_TYPE})
            self.check(answer, 405, {"error": "method_not_allowed",
                                     "reason": "Only GET,HEAD,POST,DELETE allowed"})
            self.assertEqual(answer.header("content-type"), "application/json")
            self.assertEqual(answer.header("allow").replace(" ", ""), "GET,HEAD,POST,DELETE")

    def test_only_the_hash_is_stored(self):
        token = self.token()
        with open(self.server.database, "rb") as f:
            data = f.read()
        with open(self.server.database + "-wal", "rb") as f:
            data += f.read()
        self.assertNotIn(token.encode(), data)
        self.assertNotIn(base64.urlsafe_b64decode(token + "="), data)


class Use(SessionCase):
    def test_get_by_cookie(self):
        token = self.token()
        answer = self.check(self.with_cookie(token), 200, {
            "ok": True, "userCtx": {"name": "admin", "roles": ["_admin"]},
            "info": {"authentication_handlers": ["cookie", "default"],
                     "authenticated": "cookie"}})
        self.assertEqual(answer.header("content-type"), JSON_TYPE)
        self.assertEqual(COOKIE.match(answer.header("set-cookie")).group(1), token)

    def test_get_by_basic(self):
        answer = self.check(self.c.get("/_session"), 200)
        self.assertEqual(answer.json()["info"]["authenticated"], "default")
        self.assertIsNone(answer.header("set-cookie"))

    def test_get_without(self):
        answer = self.c.get("/_session", {"Accept": JSON_TYPE}, auth=False)
        self.check(answer, 401, {"code": 401, "error": "unauthorized"})
        answer = self.c.get("/_session", {"User-Agent": "Mozilla/5.0"}, auth=False)
        self.assertEqual((answer.status, answer.text), (401, "not logged in"))

    def test_bad_cookies(self):
        for value in ("x", "a" * 43, "a" * 5000, '"', "%00", base64.b64encode(b"x" * 32).decode()):
            self.assertEqual(self.with_cookie(value).status, 401, value)

    def test_head(self):
        answer = self.with_cookie(self.token(), "HEAD")
        self.assertEqual((answer.status, answer.body), (200, b""))

    def test_cookie_wins_over_wrong_basic(self):
        answer = self.with_cookie(self.token(), headers={
            "Authorization": basic("admin", "no")})
        self.assertEqual(answer.json()["info"]["authenticated"], "cookie")

    def test_bad_cookie_with_good_basic(self):
        answer = self.with_cookie("x" * 43, headers={"Authorization": basic("admin", PASSWORD)})
        self.check(answer, 200)
        self.assertEqual(answer.json()["info"]["authenticated"], "default")

    def test_every_endpoint_takes_it(self):
        token = self.token()
        for path in ("/api/sms", "/api/v1/settings", "/medic", "/_all_dbs"):
            self.assertEqual(self.with_cookie(token, path=path).status, 200, path)

    def test_no_prompt_with_a_cookie(self):
        answer = self.with_cookie("stale", path="/medic")
        self.assertEqual(answer.status, 401)
        self.assertIsNone(answer.header("www-authenticate"))

    def test_survives_a_restart(self):
        token = self.token()
        self.server.restart()
        self.c = self.server.client()
        self.assertEqual(self.with_cookie(token).status, 200)


class Logout(SessionCase):
    def test_at_once(self):
        token, other = self.token(), self.token()
        self.assertEqual(self.with_cookie(token).status, 200)
        answer = self.check(self.with_cookie(token, "DELETE"), 200, {"ok": True})
        self.assertTrue(answer.header("set-cookie").startswith("AuthSession=; Version=1; Expires="))
        self.assertIn("Max-Age=0", answer.header("set-cookie"))
        self.assertEqual(self.with_cookie(token).status, 401)
        self.assertEqual(self.with_cookie(other).status, 200)

    def test_without_login(self):
        answer = self.c.request("DELETE", "/_session", auth=False)
        self.check(answer, 200, {"ok": True})
        self.check(self.with_cookie("nonsense", "DELETE"), 200, {"ok": True})


class Forgery(SessionCase):
    def test_foreign_origin(self):
        token = self.token()
        own = f"http://127.0.0.1:{self.c.port}"
        for origin, status in ((None, 200), (own, 200), ("https://evil.example", 403),
                               ("null", 403), ("http://127.0.0.1:1", 403), ("", 403)):
            headers = {"Content-Type": JSON_TYPE}
            if origin is not None:
                headers["Origin"] = origin
            answer = self.with_cookie(token, "POST", "/api/sms", headers, "{}")
            self.assertEqual(answer.status, status, origin)

    def test_reading_is_not_hindered(self):
        answer = self.with_cookie(self.token(), headers={"Origin": "https://evil.example"})
        self.assertEqual(answer.status, 200)
        self.assertIsNone(answer.header("access-control-allow-origin"))

    def test_logout(self):
        token = self.token()
        answer = self.with_cookie(token, "DELETE", headers={"Origin": "https://evil.example"})
        self.assertEqual(answer.status, 403)
        self.assertEqual(self.with_cookie(token).status, 200)

    def test_basic_needs_no_origin(self):
        answer = self.c.post("/api/sms", {}, {"Origin": "https://evil.example"})
        self.assertEqual(answer.status, 200)


class Accounts(SessionCase):
    """Sessions of an account that changes; made through /_users (users.md 3)."""

    USER = "/_users/org.couchdb.user:mary"

    def setUp(self):
        super().setUp()
        found = self.c.get(self.USER)
        doc = found.json() if found.status == 200 else {}
        doc.update(name="mary", type="user", roles=["chw"], password="Old.secret-1")
        self.check(self.c.put(self.USER, doc), 201)

    def mary(self):
        answer = self.login({"name": "mary", "password": "Old.secret-1"})
        self.check(answer, 200, {"ok": True, "name": "mary", "roles": ["chw"]})
        return COOKIE.match(answer.header("set-cookie")).group(1)

    def change(self, **values):
        doc = self.c.get(self.USER).json()
        doc.update(values)
        self.check(self.c.put(self.USER, doc), 201)

    def test_password_change_ends_sessions(self):
        token = self.mary()
        self.assertEqual(self.with_cookie(token).status, 200)
        self.change(password="New.secret-2")
        self.assertEqual(self.with_cookie(token).status, 401)

    def test_logins_during_a_password_change(self):
        """A session that the former password opened never outlives the change."""
        password = "Old.secret-1"
        for turn in range(12):
            answers = []
            value = {"name": "mary", "password": password}
            threads = [threading.Thread(target=lambda: answers.append(self.login(value)))
                       for _ in range(3)]
            for thread in threads:
                thread.start()
                time.sleep(0.01 * turn)
            password = f"New.secret-{turn}"
            self.change(password=password)
            for thread in threads:
                thread.join()
            for answer in answers:
                self.assertIn(answer.status, (200, 401, 503))
                if answer.status == 200:
                    token = COOKIE.match(answer.header("set-cookie")).group(1)
                    self.assertEqual(self.with_cookie(token).status, 401)

    def test_roles_are_read_at_each_request(self):
        token = self.mary()
        self.change(roles=["nurse"])
        answer = self.check(self.with_cookie(token), 200)
        self.assertEqual(answer.json()["userCtx"]["roles"], ["nurse"])

    def test_deletion_ends_sessions(self):
        token = self.mary()
        rev = self.c.get(self.USER).json()["_rev"]
        self.check(self.c.request("DELETE", f"{self.USER}?rev={rev}"), 200)
        self.assertEqual(self.with_cookie(token).status, 401)


class Age(SessionCase):
    """The store's rows are changed behind the server's back."""

    def age(self, days):
        self.server.stop()
        with sqlite3.connect(self.server.database) as db:
            db.execute("UPDATE session SET used = used - ?", (days * 86400000,))
        db.close()
        self.server.start()
        self.c = self.server.client()

    def used(self):
        db = sqlite3.connect(f"file:{self.server.database}?mode=ro", uri=True)
        newest = db.execute("SELECT max(used) FROM session").fetchone()[0]
        db.close()
        return newest

    def test_unused_for_a_year(self):
        token = self.token()
        self.age(366)
        self.assertEqual(self.with_cookie(token).status, 401)

    def test_use_is_noted_once_a_day(self):
        token = self.token()
        self.age(3)
        before = self.used()
        self.assertEqual(self.with_cookie(token).status, 200)
        deadline = time.monotonic() + 10
        while self.used() == before and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertGreater(self.used(), before + 2 * 86400000)


if __name__ == "__main__":
    main()
