# SPDX-License-Identifier: MIT
"""/medic/login, its page, identity, logout and the home page: users.md 2.4, 10 no. 12."""

import html
import json
import re
import urllib.parse

from harness import JSON_TYPE, PASSWORD, Client, ServerCase, basic, in_one_window, main

SECRET = "S3cret.enough"
DATE = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d GMT"
SESSION = re.compile(rf"^AuthSession=([A-Za-z0-9_-]{{43}}); Version=1; Expires={DATE}; "
                     r"Max-Age=31536000; Path=/; HttpOnly; SameSite=Lax$")
PAGE_COOKIE = re.compile(rf"^(userCtx|locale)=([^=;\s]+); Max-Age=31536000; Path=/; "
                         rf"Expires={DATE}; SameSite=Lax$")
BROWSER = {"User-Agent": "Mozilla/5.0", "Accept": "text/html,application/xhtml+xml;q=0.9"}
LANGUAGES = ["ar", "bm", "en", "es", "fr", "hi", "id", "ne", "pt", "sw"]


def setUpModule():
    ServerCase.begin(env={"BARUA_HTTP_TRUSTED_PROXIES": "127.0.0.1"})
    c = ServerCase.server.client()
    c.settings({"locale": "en", "roles": {"chw": {"name": "c", "offline": True},
                                          "manager": {"name": "m"}, "analyst": {"name": "a"}},
                "permissions": {"can_configure": ["manager", "chw"]}})
    for name, roles in (("mary", ["chw"]), ("max", ["manager"]), ("ann", ["analyst"])):
        answer = c.put(f"/_users/org.couchdb.user:{name}", {
            "name": name, "type": "user", "roles": roles, "password": SECRET})
        assert answer.status == 201, answer


def tearDownModule():
    ServerCase.end()


def cookies(answer):
    """Name -> the whole value of Set-Cookie."""
    values = answer.headers.get_all("set-cookie") or []
    return {v.split("=", 1)[0]: v for v in values}


class From(Client):
    """Somebody behind the proxy that is believed: a test's failures are counted for it alone."""

    def __init__(self, port, address):
        super().__init__(port)
        self.address = address

    def request(self, method, path, body=None, headers=None, auth=True):
        return super().request(method, path, body, {"X-Forwarded-For": self.address,
                                                    **(headers or {})}, auth)


class LoginCase(ServerCase):
    def setUp(self):
        LoginCase.serial += 1
        self.c = From(self.server.port, f"10.1.{LoginCase.serial // 250}.{LoginCase.serial % 250}")

    def login(self, user="mary", password=SECRET, headers=None, **more):
        return self.c.post("/medic/login", {"user": user, "password": password, **more}, headers,
                           auth=False)

    def form(self, user="mary", password=SECRET, headers=None, **more):
        return self.c.form("/medic/login", {"user": user, "password": password, **more},
                           {**BROWSER, **(headers or {})}, auth=False)

    def session(self, **kwargs):
        return SESSION.match(cookies(self.login(**kwargs))["AuthSession"]).group(1)

    def ask(self, token, path="/_session", method="GET", headers=None, body=None):
        return self.c.request(method, path, body, {"Cookie": f"AuthSession={token}",
                                                   "Accept": JSON_TYPE, **(headers or {})},
                              auth=False)


class Post(LoginCase):
    def check_cookies(self, answer, name, roles, home=None, locale="en"):
        got = cookies(answer)
        self.assertEqual(set(got), {"AuthSession", "userCtx", "login", "locale"})
        self.assertRegex(got["AuthSession"], SESSION)
        self.assertEqual(got["login"], "login=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
        context = PAGE_COOKIE.match(got["userCtx"])
        value = json.loads(urllib.parse.unquote(context.group(2)))
        self.assertEqual(value, {"name": name, "roles": roles, **({"home": home} if home else {})})
        self.assertEqual(PAGE_COOKIE.match(got["locale"]).group(2), locale)
        return SESSION.match(got["AuthSession"]).group(1)

    def test_json(self):
        answer = self.login(locale="sw")
        self.assertEqual(answer.status, 302)
        self.assertEqual(answer.header("content-type"), "text/html; charset=utf-8")
        self.assertEqual(answer.text, "/")
        token = self.check_cookies(answer, "mary", ["chw"], locale="sw")
        self.check(self.ask(token), 200)

    def test_secure_behind_tls(self):
        got = cookies(self.login(headers={"X-Forwarded-Proto": "https"}))
        for name in ("AuthSession", "userCtx", "locale"):
            self.assertTrue(got[name].endswith("; SameSite=Lax; Secure"), got[name])

    def test_no_location(self):
        """Check 9: XMLHttpRequest would follow it."""
        self.assertIsNone(self.login().header("location"))

    def test_home_of_configurers(self):
        """Online and can_configure: mary has the permission, but is offline."""
        for user, target in (("max", "/admin/"), ("mary", "/"), ("ann", "/")):
            answer = self.login(user)
            self.assertEqual((answer.status, answer.text), (302, target), user)
        self.check_cookies(self.login("max"), "max", ["manager"], "/admin/")

    def test_form(self):
        answer = self.form(locale="fr")
        self.assertEqual((answer.status, answer.header("location")), (303, "/"))
        token = self.check_cookies(answer, "mary", ["chw"], locale="fr")
        self.check(self.ask(token), 200)

    def test_charset(self):
        answer = self.login(headers={"Content-Type": "application/json; charset=utf-8"})
        self.assertEqual(answer.status, 302)

    def test_wrong(self):
        for value in ({"user": "mary", "password": "wrong"}, {"user": "mary"}, {"password": "x"},
                      {"user": "nobody", "password": SECRET}, {"user": "", "password": ""}, {},
                      {"user": 7, "password": 7}, {"user": ["mary"], "password": SECRET}):
            with self.subTest(value):
                answer = self.c.post("/medic/login", value, {"Accept": "*/*"}, auth=False)
                self.check(answer, 401, {"error": "Not logged in"})
                self.assertEqual(answer.header("logout-authorization"), "CHT-Core API")
                self.assertIsNone(answer.header("set-cookie"))
                self.assertIsNone(answer.header("www-authenticate"))
        self.assertEqual(self.login().status, 302)  # clears the counter of the name

    def test_wrong_form(self):
        answer = self.form(password="Qx7.guess", redirect="/a#b", locale="sw")
        self.assertEqual(answer.status, 401)
        self.assertEqual(answer.header("content-type"), "text/html; charset=utf-8")
        self.assertIn("Jina la mtumiaji au nywila si sahihi", answer.text)
        self.assertIn('name="user" value="mary"', answer.text)
        self.assertIn('name="redirect" value="/a#b"', answer.text)
        self.assertNotIn("Qx7", answer.text)
        self.assertIsNone(answer.header("set-cookie"))
        self.assertIsNone(answer.header("www-authenticate"))

    def test_other_types(self):
        for kind in ("text/plain", "multipart/form-data; boundary=x", "application/jsonx", None):
            headers = {"Content-Type": kind} if kind else {}
            answer = self.c.request("POST", "/medic/login", "{}", headers, auth=False)
            self.check(answer, 400, {"code": 400, "error": "Content-Type must be application/json"})

    def test_malformed(self):
        answer = self.c.request("POST", "/medic/login", "{", {"Content-Type": JSON_TYPE}, auth=False)
        self.check(answer, 500, {"code": 500, "error": "Server error"})

    def test_bad_locale(self):
        for locale in ("x; Secure", "a=b", "", "x" * 30, "é", 7):
            got = cookies(self.login(locale=locale))
            self.assertEqual(PAGE_COOKIE.match(got["locale"]).group(2), "en", locale)

    def test_name_in_any_letters(self):
        answer = self.c.put("/_users/org.couchdb.user:jos%C3%A9%3D1", {
            "name": "josé=1", "type": "user", "roles": [], "password": SECRET})
        self.assertEqual(answer.status, 201, answer)
        got = cookies(self.login("josé=1"))
        value = PAGE_COOKIE.match(got["userCtx"]).group(2)
        self.assertEqual(json.loads(urllib.parse.unquote(value)), {"name": "josé=1", "roles": []})

    def test_sessions_end(self):
        """users.md 2.2: logout, password change, deletion."""
        c = self.server.client()
        put = c.put("/_users/org.couchdb.user:gone", {
            "name": "gone", "type": "user", "roles": ["chw"], "password": SECRET}).json()
        first, second = self.session(user="gone"), self.session(user="gone")
        self.check(self.ask(first, method="DELETE"), 200)
        self.assertEqual(self.ask(first).status, 401)
        self.assertEqual(self.ask(second).status, 200)
        put = c.put("/_users/org.couchdb.user:gone", {
            "_rev": put["rev"], "name": "gone", "type": "user", "roles": ["chw"],
            "password": "An0ther.secret"}).json()
        self.assertEqual(self.ask(second).status, 401)
        third = self.session(user="gone", password="An0ther.secret")
        self.assertEqual(self.ask(third).status, 200)
        c.request("DELETE", f"/_users/org.couchdb.user:gone?rev={put['rev']}")
        self.assertEqual(self.ask(third).status, 401)


class Redirect(LoginCase):
    GOOD = [("/reports", "/reports"), ("/a?b=c#/d/e", "/a?b=c#/d/e"), ("/#/contacts", "/#/contacts"),
            ("/a%20b", "/a%20b"), ("/é", "/%C3%A9"), ("/a b", "/a%20b"), ("/x//y", "/x//y"),
            ("/a%2Fb", "/a%2Fb")]
    BAD = ["http://evil.example/", "https://evil.example", "//evil.example", "///evil.example",
           "/\\evil.example", "\\\\evil.example", "\\/evil", "/%2Fevil.example", "/%252Fevil.example",
           "/%25252Fevil.example", "/%5Cevil.example", "%2F%2Fevil.example", "javascript:alert(1)",
           "/\t/evil.example", "/%09/evil.example", "/a\r\nSet-Cookie: x=y", "/%0D%0ASet-Cookie:x",
           "evil.example", "", " /x", "/%" + "25" * 20 + "2Fevil", "/%00", "/" + "a" * 3000,
           "data:text/html,x", "@evil.example", "mailto:x@y"]

    def test_good(self):
        for wanted, target in self.GOOD:
            with self.subTest(wanted):
                self.assertEqual(self.login(redirect=wanted).text, target)
                self.assertEqual(self.form(redirect=wanted).header("location"), target)

    def test_dropped(self):
        for wanted in self.BAD:
            with self.subTest(wanted):
                answer = self.form(redirect=wanted)
                self.assertEqual((answer.status, answer.header("location")), (303, "/"))
        for wanted in (7, None, ["/x"], {"a": 1}):
            self.assertEqual(self.login(redirect=wanted).text, "/")

    def test_of_the_page(self):
        token = self.session()
        for wanted, target in (("/reports?x=1", "/reports?x=1"), ("//evil.example", "/")):
            answer = self.ask(token, "/medic/login?redirect=" + urllib.parse.quote(wanted, safe=""))
            self.assertEqual((answer.status, answer.header("location")), (302, target))

    def test_kept_by_the_page(self):
        page = self.c.get("/medic/login?redirect=" + urllib.parse.quote("/a?b=\"<c>&d", safe=""),
                          BROWSER, auth=False)
        found = re.search(r'name="redirect" value="([^"]*)"', page.text).group(1)
        self.assertEqual(html.unescape(found), "/a?b=%22%3Cc%3E&d")
        page = self.c.get("/medic/login?redirect=//evil.example", BROWSER, auth=False)
        self.assertIn('name="redirect" value=""', page.text)


class Page(LoginCase):
    def page(self, path="/medic/login", headers=None):
        answer = self.c.get(path, {**BROWSER, **(headers or {})}, auth=False)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.header("content-type"), "text/html; charset=utf-8")
        return answer

    def test_headers(self):
        answer = self.page()
        self.assertEqual(answer.header("cache-control"), "no-store")
        self.assertEqual(answer.header("referrer-policy"), "same-origin")
        self.assertEqual(answer.headers.get_all("x-content-type-options"), ["nosniff"])
        policy = answer.header("content-security-policy")
        for rule in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'",
                     "form-action 'self'", "base-uri 'none'"):
            self.assertIn(rule, policy)
        self.assertNotIn("unsafe", policy)

    def test_loads_nothing_from_elsewhere(self):
        page = self.page().text
        for url in re.findall(r'(?:src|href|action)="([^"]*)"', page):
            self.assertRegex(url, r"^(/medic/login|\?locale=|data:,)")
        self.assertNotRegex(page, r"<script>|<style|\son[a-z]+=|\sstyle=")
        self.assertNotIn("{{", page)

    def test_assets(self):
        for path, kind in (("/medic/login/style.css", "text/css; charset=utf-8"),
                           ("/medic/login/script.js", "text/javascript; charset=utf-8")):
            answer = self.c.get(path, auth=False)
            self.assertEqual((answer.status, answer.header("content-type")), (200, kind))
            self.assertNotIn(b"http", answer.body)

    def test_languages(self):
        titles = set()
        for locale in LANGUAGES:
            page = self.page(f"/medic/login?locale={locale}")
            self.assertIn(f'<html lang="{locale}" dir="{"rtl" if locale == "ar" else "ltr"}">',
                          page.text)
            self.assertEqual(page.header("set-cookie").split(";")[0], f"locale={locale}")
            self.assertNotRegex(page.text, r"login\.[a-z]+\.?[a-z]*[<\"]")
            titles.add(re.search("<title>(.*) · barua</title>", page.text).group(1))
            for other in LANGUAGES:
                self.assertEqual(f"?locale={other}" in page.text, other != locale)
        self.assertGreaterEqual(len(titles), 9)  # Kiswahili and Bahasa may agree some day

    def test_choice_of_language(self):
        def language(query="", **headers):
            return re.search('<html lang="([^"]*)"', self.page("/medic/login" + query,
                                                               headers).text).group(1)
        self.assertEqual(language(), "en")
        self.assertEqual(language(**{"Accept-Language": "xx, sw-KE;q=0.9, fr;q=0.8"}), "sw")
        self.assertEqual(language(**{"Accept-Language": "fr", "Cookie": "locale=ne"}), "ne")
        self.assertEqual(language("?locale=ar", **{"Cookie": "locale=ne"}), "ar")
        self.assertEqual(language("?locale=%22%3E%3Cscript%3E"), "en")
        self.assertEqual(language(**{"Accept-Language": ",;,, ;q=," * 500}), "en")

    def test_texts_of_the_project(self):
        """What a project translates is shown."""
        c = self.server.client()
        answer = c.put("/medic/messages-en", {"_id": "messages-en", "type": "translations",
                                              "code": "en", "name": "English", "enabled": True,
                                              "custom": {"login.title": "Enter <here>"}})
        self.assertEqual(answer.status, 201, answer)
        self.assertIn("Enter &lt;here&gt;", self.page().text)
        rev = answer.json()["rev"]
        self.assertEqual(c.request("DELETE", f"/medic/messages-en?rev={rev}").status, 200)

    def test_name_is_escaped(self):
        answer = self.form(user="\"><script>alert('1')</script>", password="x")
        self.assertEqual(answer.status, 401)
        self.assertIn("&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)", answer.text)

    def test_with_a_session(self):
        answer = self.ask(self.session(), "/medic/login", headers=BROWSER)
        self.assertEqual((answer.status, answer.header("location"), answer.body), (302, "/", b""))
        self.assertIn("userCtx", cookies(answer))

    def test_with_a_dead_session(self):
        self.assertEqual(self.ask("x" * 43, "/medic/login", headers=BROWSER).status, 200)

    def test_other_methods(self):
        answer = self.c.request("DELETE", "/medic/login", auth=False)
        self.assertEqual((answer.status, answer.header("allow")), (405, "GET, HEAD, POST"))

    def test_redirected_here(self):
        """messaging.md 1.3: people who read a page without a login."""
        answer = self.c.get("/api/v1/settings/deprecated-transitions?a=b", BROWSER, auth=False)
        self.assertIn(answer.status, (302, 401))
        answer = self.c.get("/api/deploy-info", BROWSER, auth=False)
        self.assertEqual((answer.status, answer.header("location")),
                         (302, "/medic/login?redirect=%2Fapi%2Fdeploy-info"))


class Identity(LoginCase):
    def test_session(self):
        answer = self.check(self.ask(self.session(), "/medic/login/identity"), 200,
                            {"success": True})
        got = cookies(answer)
        value = json.loads(urllib.parse.unquote(PAGE_COOKIE.match(got["userCtx"]).group(2)))
        self.assertEqual(value, {"name": "mary", "roles": ["chw"]})

    def test_basic(self):
        answer = self.c.get("/medic/login/identity", {"Authorization": basic("max", SECRET)})
        self.check(answer, 200, {"success": True})
        value = urllib.parse.unquote(PAGE_COOKIE.match(cookies(answer)["userCtx"]).group(2))
        self.assertEqual(json.loads(value)["home"], "/admin/")

    def test_none(self):
        for headers in ({}, {"Cookie": "AuthSession=abc"}, {"Authorization": basic("mary", "no")},
                        BROWSER):
            answer = self.c.get("/medic/login/identity", headers, auth=False)
            self.assertEqual((answer.status, answer.body), (401, b""), headers)
            self.assertEqual(answer.header("logout-authorization"), "CHT-Core API")
            self.assertIsNone(answer.header("www-authenticate"))
        self.login()


class Home(LoginCase):
    def test_for_others(self):
        """CouchDB's clients get its welcome."""
        for headers in ({}, {"Accept": JSON_TYPE}, {"Accept": "*/*"}):
            self.assertEqual(self.c.get("/", headers, auth=False).json()["couchdb"], "Welcome")

    def test_browser(self):
        answer = self.c.get("/", BROWSER, auth=False)
        self.assertEqual((answer.status, answer.header("location")), (302, "/medic/login"))
        for path in ("/", "/admin/"):
            answer = self.ask(self.session(), path, headers=BROWSER)
            self.assertEqual(answer.status, 200)
            self.assertIn("mary", answer.text)
            self.assertIn('action="/medic/logout"', answer.text)
            self.assertEqual(answer.header("cache-control"), "no-store")

    def test_logout(self):
        token = self.session()
        answer = self.ask(token, "/medic/logout", "POST", BROWSER)
        self.assertEqual((answer.status, answer.header("location")), (303, "/medic/login"))
        got = cookies(answer)
        self.assertRegex(got["AuthSession"], r"^AuthSession=; .*Max-Age=0; ")
        self.assertEqual(got["userCtx"], "userCtx=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
        self.assertEqual(self.ask(token).status, 401)

    def test_logout_as_a_form_sends_it(self):
        token = self.session()
        answer = self.c.form("/medic/logout", "", {**BROWSER, "Cookie": f"AuthSession={token}",
                                                   "Origin": f"http://127.0.0.1:{self.server.port}"},
                             auth=False)
        self.assertEqual(answer.status, 303)
        self.assertEqual(self.ask(token).status, 401)

    def test_logout_without_login(self):
        self.assertEqual(self.c.request("POST", "/medic/logout", auth=False).status, 303)


class Forged(LoginCase):
    """users.md 10 no. 12."""
    REFUSED = {"code": 403, "error": "Origin does not match the host"}

    def origin(self):
        return f"http://127.0.0.1:{self.server.port}"

    def test_login(self):
        for origin in ("https://evil.example", "null", self.origin() + ".evil.example",
                       "http://127.0.0.1"):
            answer = self.login(headers={"Origin": origin})
            self.check(answer, 403, self.REFUSED)
            self.assertIsNone(answer.header("set-cookie"))
            self.assertEqual(self.form(headers={"Origin": origin}).status, 403)
        self.assertEqual(self.login(headers={"Origin": self.origin()}).status, 302)
        self.assertEqual(self.form(headers={"Origin": self.origin()}).status, 303)

    def test_logout(self):
        token = self.session()
        answer = self.ask(token, "/medic/logout", "POST", {"Origin": "https://evil.example"})
        self.assertEqual(answer.status, 403)
        self.assertEqual(self.ask(token).status, 200)

    def test_change_with_cookie(self):
        token = self.session(user="ann")
        for method, path in (("PUT", "/medic/forged"), ("POST", "/medic"),
                             ("POST", "/medic/_bulk_docs"), ("DELETE", "/_session")):
            answer = self.ask(token, path, method, {"Origin": "https://evil.example",
                                                    "Content-Type": JSON_TYPE}, "{}")
            self.assertEqual(answer.status, 403, (method, path))
        self.assertEqual(self.ask(token, "/medic/forged").status, 404)
        answer = self.ask(token, "/medic/honest", "PUT", {"Origin": self.origin()}, "{}")
        self.assertEqual(answer.status, 201)

    def test_form_with_cookie(self):
        """A form is what any site can make a browser send."""
        token = self.session(user="admin", password=PASSWORD)
        body = urllib.parse.urlencode({"message": "hello", "from": self.number()})
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        for headers in (form, {**form, "Origin": self.origin()}):
            answer = self.ask(token, "/api/v1/records", "POST", headers, body)
            self.check(answer, 400, {"code": 400, "error": "Content-Type must be application/json"})
        answer = self.c.request("POST", "/api/v1/records", body, form)  # Basic: no browser
        self.assertEqual(answer.status, 200, answer)
        answer = self.c.request("POST", "/_session", "name=ann&password=" + SECRET,
                                {**form, "Cookie": f"AuthSession={token}"}, auth=False)
        self.assertEqual(answer.status, 200, answer)


class Limited(LoginCase):
    @in_one_window
    def test_both_forms(self):
        """users.md 10 no. 10: the counters are those of Basic and /_session, too."""
        for i in range(10):
            self.login(f"nobody{i}", "x")
        answer = self.login()
        self.check(answer, 429, {"code": 429, "error": "Too Many Requests"})
        page = self.form(locale="en")
        self.assertEqual(page.status, 429)
        self.assertIn("Too many tries.", page.text)
        self.assertIsNone(page.header("set-cookie"))


if __name__ == "__main__":
    main()
