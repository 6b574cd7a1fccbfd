# SPDX-License-Identifier: MIT
"""What every JSON endpoint has in common: messaging.md 1."""

import gzip
import json
import socket
import unittest
import zlib

from harness import (FORM_TYPE, JSON_TYPE, PASSWORD, ServerCase, basic, main, raw_exchange,
                     read_answer, replies_settings)

DALVIK = "Dalvik/2.1.0 (Linux; U; Android 9; X) medic.gateway.alert/1.3.2"
COLLECT = "Dalvik/2.1.0 org.medicmobile.collect.android/1"


def setUpModule():
    ServerCase.begin()
    ServerCase.server.client().settings(replies_settings())


def tearDownModule():
    ServerCase.end()


class Accept(ServerCase):
    """1.2: JSON when the best match among text and JSON is strictly JSON."""

    def test_table(self):
        for accept, is_json in (
                (JSON_TYPE, True), ("application/json, text/plain, */*", True),
                ("application/json;q=0.9", True), ("application/*", True),
                ("application/json; charset=utf-8", True), ("APPLICATION/JSON", True),
                ("text/plain;q=0.5, application/json;q=0.8", True),
                ("application/json, text/plain;q=0.9", True),
                ("text/plain;q=0, */*", True),
                ("*/*", False), (None, False), ("text/plain", False),
                ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
                ("text/plain, application/json", False),
                ("application/json;q=0.5, text/plain;q=0.9", False),
                ("application/json;q=0", False), ("image/png", False), ("", False),
                (",;q=,garbage", False)):
            with self.subTest(accept=accept):
                headers = {"Content-Type": "text/plain"}
                if accept is not None:
                    headers["Accept"] = accept
                answer = self.c.request("POST", "/api/sms", "{}", headers)
                text = "Content-Type must be application/json"
                self.assertEqual(answer.status, 400)
                if is_json:
                    self.assertEqual(answer.header("content-type"),
                                     "application/json; charset=utf-8")
                    self.assertEqual(answer.body, b'{"code":400,"error":"' + text.encode() + b'"}')
                else:
                    self.assertEqual(answer.header("content-type"), "text/plain")
                    self.assertEqual(answer.body, text.encode())


class Login(ServerCase):
    """1.3 and 1.6: who is asked how."""

    def ask(self, method="GET", accept=None, agent=None, path="/api/sms", auth=False, **headers):
        if accept:
            headers["Accept"] = accept
        if agent:
            headers["User-Agent"] = agent
        if method == "POST":
            headers.setdefault("Content-Type", JSON_TYPE)
        return self.c.request(method, path, "{}" if method == "POST" else None, headers, auth)

    def unauthorized_json(self, answer):
        self.check(answer, 401, {"code": 401, "error": "unauthorized"})
        self.assertIsNone(answer.header("www-authenticate"))
        self.assertEqual(answer.header("logout-authorization"), "CHT-Core API")

    def unauthorized_text(self, answer):
        self.assertEqual((answer.status, answer.text), (401, "not logged in"))
        self.assertEqual(answer.header("content-type"), "text/plain")
        self.assertIn(answer.header("www-authenticate"),
                      ('Basic realm="Medic Mobile Web Services"',))
        self.assertEqual(answer.header("logout-authorization"), "CHT-Core API")

    def test_json(self):
        for method in ("GET", "POST"):
            for agent in (None, "curl/8.0", DALVIK):
                with self.subTest(method=method, agent=agent):
                    answer = self.ask(method, JSON_TYPE, agent)
                    if agent == DALVIK:  # 11 no. 14
                        self.assertEqual(answer.status, 401)
                        self.assertEqual(answer.json(), {"code": 401, "error": "unauthorized",
                                                         "message": "unauthorized"})
                    else:
                        self.unauthorized_json(answer)

    def test_humans_are_redirected(self):
        for method in ("GET", "HEAD"):
            for agent in ("curl/8.0", "Mozilla/5.0", "Dalvik/2.1.0", "medic.gateway"):
                with self.subTest(method=method, agent=agent):
                    answer = self.ask(method, None, agent)
                    self.assertEqual(answer.status, 302)
                    self.assertTrue(answer.header("location").endswith(
                        "/medic/login?redirect=%2Fapi%2Fsms"), answer.header("location"))
                    if method == "GET":
                        self.assertEqual(answer.text,
                                         "Found. Redirecting to /medic/login?redirect=%2Fapi%2Fsms")

    def test_redirect_keeps_the_query(self):
        answer = self.ask(agent="curl/8", path="/api/sms?a=b&c=%20")
        self.assertTrue(answer.header("location").endswith(
            "/medic/login?redirect=%2Fapi%2Fsms%3Fa%3Db%26c%3D%2520"), answer.header("location"))

    def test_others_are_prompted(self):
        for agent in (None, DALVIK, COLLECT):
            with self.subTest(agent=agent):
                self.unauthorized_text(self.ask(agent=agent))

    def test_a_post_is_never_redirected(self):
        for agent in (None, "curl/8.0", DALVIK):
            with self.subTest(agent=agent):
                self.unauthorized_text(self.ask("POST", agent=agent))

    def test_wrong_credentials(self):
        """Few of them: the tenth failure in ten seconds is answered 429."""
        for credentials in (basic("admin", "wrong"), basic("nobody", PASSWORD), "Basic ???"):
            with self.subTest(credentials=credentials):
                self.unauthorized_json(self.ask(accept=JSON_TYPE, Authorization=credentials))
        self.assertEqual(self.c.get("/api/sms").status, 200)

    def test_odd_authorization_headers(self):
        for value in ("", "Basic", "Basic ", "Bearer abc", "Basic YWRtaW4=", "Basic " + "A" * 4000,
                      "Negotiate x", "Digest username=\"admin\""):
            with self.subTest(value[:30]):
                answer = self.ask(accept=JSON_TYPE, Authorization=value)
                self.assertIn(answer.status, (401, 429), answer)

    def test_scheme_in_any_case(self):
        value = basic("admin", PASSWORD)
        for scheme in ("basic", "BASIC", "Basic"):
            self.assertEqual(self.ask(Authorization=scheme + value[5:]).status, 200)

    def test_percent_encoded_password_of_the_phone(self):
        """11 no. 13: `:` in the password travels as %3A, and only the gateway app may do so."""
        encoded = basic("admin", PASSWORD.replace(":", "%3A"))
        self.assertEqual(self.ask(agent=DALVIK, Authorization=encoded).status, 200)
        self.assertEqual(self.ask(accept=JSON_TYPE, agent="curl/8",
                                  Authorization=encoded).status, 401)


class Connections(ServerCase):
    """RFC 9112, 9.6: who asks for the end of a connection is told that it comes; node's clients rely on it."""

    def test_close_is_said(self):
        for path in ("/api/sms", "/medic", "/medic/_all_docs", "/medic/_changes", "/api/nope", "/medic/nope"):
            for auth in (True, False):
                with self.subTest(path=path, auth=auth):
                    answer = self.c.get(path, {"Connection": "close"}, auth)
                    self.assertEqual((answer.header("connection") or "").lower(), "close", answer)
                    self.assertIsNone(self.c.get(path, None, auth).header("connection"))


class Methods(ServerCase):
    """1.3: 404 and 405."""

    def test_other_method(self):
        for path, method, allowed in (("/api/sms", "PUT", "GET,HEAD,POST"),
                                      ("/api/sms/", "DELETE", "GET,HEAD,POST"),
                                      ("/api/sms", "PATCH", "GET,HEAD,POST"),
                                      ("/api/v1/records", "GET", "POST"),
                                      ("/api/v1/forms", "POST", "GET,HEAD"),
                                      ("/api/v1/settings", "DELETE", "GET,HEAD,PUT")):
            with self.subTest(path=path, method=method):
                answer = self.c.request(method, path, None, {"Accept": JSON_TYPE})
                self.check(answer, 405, {"code": 405, "error": "Method Not Allowed"})
                self.assertEqual(sorted(answer.header("allow").replace(" ", "").split(",")),
                                 sorted(allowed.split(",")))
                answer = self.c.request(method, path)
                self.assertEqual((answer.status, answer.text, answer.header("content-type")),
                                 (405, "Method Not Allowed", "text/plain"))

    def test_unknown_path(self):
        for path in ("/api/nope", "/api/", "/api/v1/", "/api/v9/records", "/api/smsx",
                     "/api/v1/settings/", "/api/v1/records/", "/api/sms/x", "/api/v1/forms/a/b"):
            with self.subTest(path):
                self.check(self.c.get(path, {"Accept": JSON_TYPE}), 404,
                           {"code": 404, "error": "Not Found"})
                answer = self.c.get(path)
                self.assertEqual((answer.status, answer.text, answer.header("content-type")),
                                 (404, "Not Found", "text/plain"))

    def test_head_of_everything(self):
        for path in ("/api/sms", "/api/v1/settings", "/api/v1/forms", "/api/nope", "/healthz",
                     "/readyz"):
            with self.subTest(path):
                get, head = self.c.get(path), self.c.request("HEAD", path)
                self.assertEqual((head.status, head.body), (get.status, b""))
                self.assertEqual(head.header("content-type"), get.header("content-type"))

    def test_health(self):
        for path in ("/healthz", "/readyz"):
            self.check(self.c.get(path, auth=False), 200, {"status": "ok"})


class Bodies(ServerCase):
    """1.1 and 1.4: types, charsets, encodings, and what comes first."""

    def post(self, body, path="/api/sms", auth=True, **headers):
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        return self.c.request("POST", path, body,
                              {"Content-Type": JSON_TYPE, "Accept": JSON_TYPE, **headers}, auth)

    def server_error(self, answer):
        self.check(answer, 500, {"code": 500, "error": "Server error"})

    def test_order_of_checks(self):
        self.server_error(self.post('{"a"', auth=False))
        self.check(self.post("{}", auth=False, Content_Type="text/plain"), 400,
                   {"code": 400, "error": "Content-Type must be application/json"})
        self.check(self.post("{}", auth=False), 401, {"code": 401, "error": "unauthorized"})
        self.server_error(self.post(b"\x1f\x8bnot gzip", auth=False, Content_Encoding="gzip"))

    def test_malformed(self):
        for body in ("{", "[", "}", "nul", "{a:1}", "{'a':1}", '{"a":1,}', "[1,]", '{"a":01}',
                     '{"a":.5}', '{"a":1.}', '{"a":+1}', '{"a":0x1}', '{"a":NaN}', '{"a" 1}',
                     '{"a":1}x', "{}{}", '{"a":"\n"}', '{"a":"\\x"}', '{"a":"\\u12"}',
                     '{"a":"\\ud800"}', '{"a":"\\udc00\\ud800"}', "/**/{}", "{}//", "\ufeff{} x",
                     '"text"', "null", "12", "true", " "):
            with self.subTest(body):
                answer = self.post(body)
                if body == " ":
                    self.assertIn(answer.status, (200, 500))
                else:
                    self.server_error(answer)

    def test_bad_utf8(self):
        for value in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82",
                      b"\x80"):
            with self.subTest(value):
                self.server_error(self.post(b'{"messages":[{"id":"' + value + b'"}]}'))
                self.server_error(self.post(b'{"' + value + b'":1}'))

    def test_text_error(self):
        answer = self.post("{", Accept="text/plain")
        self.assertEqual((answer.status, answer.text, answer.header("content-type")),
                         (500, "Server error", "text/plain"))

    def test_charsets(self):
        for charset, good in (("utf-8", True), ("UTF-8", True), ('"utf-8"', True),
                              ("latin1", False), ("iso-8859-1", False), ("windows-1252", False)):
            with self.subTest(charset):
                answer = self.post('{}', Content_Type=f"application/json; charset={charset}")
                if good:
                    self.assertEqual(answer.status, 200, answer)
                else:
                    self.server_error(answer)

    def test_utf16(self):
        body = '{"messages":[{"id":"utf-16","from":"+254712999000","content":"नमस्ते"}]}'
        for charset, data in (("utf-16le", body.encode("utf-16-le")),
                              ("utf-16be", body.replace("utf-16", "be").encode("utf-16-be"))):
            with self.subTest(charset):
                self.assertEqual(
                    self.post(data, Content_Type=f"application/json; charset={charset}").status,
                    200)
        self.assertEqual(self.c.record("utf-16")["sms_message"]["message"], "नमस्ते")

    def test_compressed_requests(self):
        """Check 10."""
        message = self.incoming("packed")
        body = json.dumps({"messages": [message]}).encode()
        for coding, data in (("gzip", gzip.compress(body)), ("GZIP", gzip.compress(body)),
                             ("deflate", zlib.compress(body)), ("identity", body)):
            with self.subTest(coding):
                self.assertEqual(self.post(data, Content_Encoding=coding).status, 200)
        self.assertEqual(self.c.record(message["id"])["sms_message"]["message"], "packed")

    def test_bad_compression(self):
        good = gzip.compress(b'{"messages":[]}')
        for coding, data in (("gzip", b"{}"), ("gzip", good[:-9]), ("gzip", good[:5]),
                             ("gzip", good[:12] + b"\xff\xff\xff" + good[15:]), ("br", b"{}"),
                             ("x-unknown", b"{}"), ("deflate", b"\xff\xff\xff")):
            with self.subTest(coding=coding, data=data):
                self.server_error(self.post(data, Content_Encoding=coding))

    def test_responses_are_compressed_on_request_only(self):
        """1.5: from 1 KiB up."""
        for accept, packed in (("gzip", True), ("gzip, deflate", True),
                               ("deflate, gzip;q=1.0", True),
                               ("GZIP", True), (None, False), ("identity", False),
                               ("deflate", False), ("gzip;q=0", False), ("br", False)):
            with self.subTest(accept=accept):
                answer = self.c.get("/api/v1/settings",
                                    {"Accept-Encoding": accept} if accept else {})
                if packed:
                    self.assertEqual(answer.header("content-encoding"), "gzip")
                    self.assertIn("accept-encoding", answer.header("vary").lower())
                    self.assertIn("locale", json.loads(gzip.decompress(answer.body)))
                else:
                    self.assertIsNone(answer.header("content-encoding"))
                    self.assertIn("locale", answer.json())
        small = self.c.get("/api/sms", {"Accept-Encoding": "gzip"})
        self.assertIsNone(small.header("content-encoding"))

    def test_chunked_request(self):
        message = self.incoming("in chunks")
        body = json.dumps({"messages": [message]}).encode()
        data = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 7]), body[i:i + 7])
                        for i in range(0, len(body), 7)) + b"0\r\n\r\n"
        head = ("POST /api/sms HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                f"Authorization: {basic('admin', PASSWORD)}\r\nTransfer-Encoding: chunked\r\n"
                "Connection: close\r\n\r\n").encode()
        answer = raw_exchange(self.server.port, head + data)
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer[:200])
        self.c.record(message["id"])

    def test_header_on_every_answer(self):
        for answer in (self.c.get("/api/sms"), self.c.get("/api/nope"),
                       self.c.get("/medic/nope"), self.c.post("/api/sms", "{")):
            self.assertEqual(answer.header("x-content-type-options"), "nosniff")

    def test_sizes(self):
        """1.1 and 1.3: 32 MiB with a login, 1 MiB without."""
        limit = 32 * 1024 * 1024
        answer = self.post(None, Content_Length=str(limit + 1))
        self.check(answer, 413, {"code": 413, "error": "Payload Too Large"})
        answer = self.post(b" " * (2 << 20) + b"{}")
        self.assertEqual(answer.status, 200, answer)

    def test_large_body_without_login_is_not_read(self):
        head = ("POST /api/sms HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                "Accept: application/json\r\nContent-Length: 1048577\r\n\r\n{").encode()
        with socket.create_connection(("127.0.0.1", self.server.port)) as s:
            s.sendall(head)
            self.assertEqual(read_answer(s, 10)[0], 401)

    def test_phone_sees_the_error_as_message(self):
        """11 no. 14: only the gateway app, only on /api/sms."""
        answer = self.post("{}", Content_Type="text/plain", User_Agent=DALVIK)
        text = "Content-Type must be application/json"
        self.check(answer, 400, {"code": 400, "error": text, "message": text})
        answer = self.post("{}", Content_Type="text/plain", User_Agent="curl/8")
        self.check(answer, 400, {"code": 400, "error": text})
        answer = self.c.put("/api/v1/settings", "{}", {"Content-Type": "text/plain",
                                                       "User-Agent": DALVIK})
        self.check(answer, 400, {"code": 400, "error": text})

    def test_form_on_a_json_route(self):
        answer = self.post("a=b", Content_Type=FORM_TYPE)
        self.assertEqual(answer.status, 400)

    def test_keep_alive_after_an_error(self):
        c = self.server.client(keep_alive=True)
        for body, status in (("{", 500), ("{}", 200), ('{"messages":5}', 500), ("[]", 200)):
            self.assertEqual(c.post("/api/sms", body).status, status)
        c.close()


if __name__ == "__main__":
    main()
