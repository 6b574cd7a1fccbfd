# SPDX-License-Identifier: MIT
"""data/openapi.json: is it OpenAPI 3.1, does it name exactly the routes that are served, with their
permissions, and is every answer of the running server one that it describes?"""

import functools
import gzip
import json
import os
import re
import subprocess
import tempfile
import unittest
import urllib.parse

import jsonschema

from harness import FORM_TYPE, JSON_TYPE, PASSWORD, ServerCase, main

METHODS = ("get", "put", "post", "delete")
WHERE = os.environ["BARUA_OPENAPI"]
KEYWORDS = {"$ref", "type", "description", "properties", "required", "additionalProperties", "items",
            "enum", "const", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems",
            "maxItems", "minProperties", "oneOf", "anyOf", "not", "format", "default",
            "contentEncoding"}
BODIES = {0: set(), 1: {JSON_TYPE}, 2: {FORM_TYPE}, 3: {JSON_TYPE, FORM_TYPE},
          4: {JSON_TYPE, "application/xml", "text/xml", "text/plain"}, 6: {"*/*"}}

with open(WHERE, encoding="utf-8") as file:
    DOCUMENT = json.load(file)


KEYS = tempfile.TemporaryDirectory()
KEY = "webhook-key-of-the-test"


def setUpModule():
    secret, config = (os.path.join(KEYS.name, name) for name in ("secret", "barua.conf"))
    with open(secret, "w", encoding="ascii") as f:
        f.write(KEY + "\n")
    with open(config, "w", encoding="ascii") as f:
        f.write(f"[credentials]\nafricastalking.com:incoming = {secret}\n"
                f"rapidpro:incoming = {secret}\n")
    ServerCase.begin(args=["--config", config])


def tearDownModule():
    ServerCase.end()
    KEYS.cleanup()


def follow(value):
    """What a $ref stands for."""
    while "$ref" in value:
        found = DOCUMENT
        for name in value["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        value = found
    return value


def validator(schema):
    """For a schema of the document, with what it refers to."""
    return jsonschema.Draft202012Validator({"allOf": [schema],
                                            "components": DOCUMENT["components"]})


def is_valid(schema, value):
    return validator(schema).is_valid(value)


def operations():
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def media(operation):
    """(where, direction, media type object) of all bodies of an operation."""
    for name, body in operation.get("requestBody", {}).get("content", {}).items():
        yield f"body {name}", body
    for status, response in operation["responses"].items():
        for name, body in follow(response).get("content", {}).items():
            yield f"{status} {name}", body


def schemas():
    """Every schema that the document holds, with a name for messages."""
    for name, schema in DOCUMENT["components"]["schemas"].items():
        yield name, schema
    for name, response in DOCUMENT["components"]["responses"].items():
        for kind, body in response.get("content", {}).items():
            yield f"{name} {kind}", body["schema"]
    for path, method, operation in operations():
        where = f"{method} {path}"
        for what, body in media(operation):
            yield f"{where} {what}", body["schema"]
        for parameter in operation.get("parameters", []):
            yield f"{where} {parameter['name']}", parameter["schema"]


def within(schema):
    """A schema and all schemas in it."""
    yield schema
    for inner in schema.get("properties", {}).values():
        yield from within(inner)
    for word in ("oneOf", "anyOf"):
        for inner in schema.get(word, []):
            yield from within(inner)
    for word in ("items", "additionalProperties", "not"):
        if isinstance(schema.get(word), dict):
            yield from within(schema[word])


@functools.lru_cache(maxsize=None)
def served():
    """The rows of the route table: (method, path) → row; the path as the document writes it. There
    is no word for COPY in OpenAPI 3.1."""
    rows = json.loads(subprocess.run([os.environ["BARUA_ROUTES"]], check=True,
                                     stdout=subprocess.PIPE).stdout)
    return {(row["method"].lower(), row["path"].replace("...}", "}")): row for row in rows
            if row["method"] != "COPY"}


def described():
    """The same of the document; a path may be served below several URLs."""
    found = {}
    for path, method, operation in operations():
        item = DOCUMENT["paths"][path]
        for server in operation.get("servers", item.get("servers", DOCUMENT["servers"])):
            found[method, server["url"].rstrip("/") + path] = operation
    return found


class Document(unittest.TestCase):
    def test_shape(self):
        self.assertRegex(DOCUMENT["openapi"], r"^3\.1\.\d+$")
        self.assertLessEqual(set(DOCUMENT), {"openapi", "info", "servers", "security", "tags",
                                             "paths", "components"})
        for member in ("title", "version", "license", "description"):
            self.assertIn(member, DOCUMENT["info"])
        tags = [tag["name"] for tag in DOCUMENT["tags"]]
        self.assertEqual(len(tags), len(set(tags)))
        for name in DOCUMENT["security"]:
            self.assertIn(next(iter(name)), DOCUMENT["components"]["securitySchemes"])
        self.assertEqual({t for _, _, o in operations() for t in o["tags"]}, set(tags))
        for path, item in DOCUMENT["paths"].items():
            self.assertTrue(path.startswith("/"), path)
            self.assertLessEqual(set(item), {*METHODS, "servers"}, path)

    def test_operations(self):
        ids = set()
        for path, method, operation in operations():
            with self.subTest(f"{method} {path}"):
                self.assertLessEqual(set(operation), {
                    "operationId", "tags", "summary", "description", "x-permission",
                    "x-online-only", "security", "parameters", "requestBody", "responses",
                    "servers"})
                self.assertTrue(operation["summary"].strip())
                self.assertRegex(operation["operationId"], r"^[a-zA-Z0-9]+$")
                self.assertNotIn(operation["operationId"], ids)
                ids.add(operation["operationId"])
                self.assertTrue(operation["responses"])
                for status, response in operation["responses"].items():
                    self.assertRegex(status, r"^([1-5]\d\d|default)$")
                    found = follow(response)
                    self.assertLessEqual(set(found), {"description", "headers", "content"})
                    self.assertTrue(found["description"])
                self.check_parameters(path, operation)

    def check_parameters(self, path, operation):
        names = [(p["in"], p["name"]) for p in operation.get("parameters", [])]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual({n for where, n in names if where == "path"},
                         set(re.findall(r"\{(\w+)\}", path)))
        for parameter in operation.get("parameters", []):
            self.assertIn(parameter["in"], ("path", "query", "header"))
            self.assertTrue(parameter["description"])
            if parameter["in"] == "path":
                self.assertIs(parameter["required"], True)
            if "example" in parameter:
                self.assertTrue(is_valid(parameter["schema"], parameter["example"]), parameter)

    def test_references_lead_somewhere(self):
        used = set()

        def walk(value):
            if isinstance(value, dict):
                if isinstance(value.get("$ref"), str):
                    used.add(value["$ref"])
                    self.assertTrue(follow(value), value)
                for inner in value.values():
                    walk(inner)
            elif isinstance(value, list):
                for inner in value:
                    walk(inner)
        walk(DOCUMENT)
        for kind in ("schemas", "responses"):
            self.assertEqual({f"#/components/{kind}/{n}" for n in DOCUMENT["components"][kind]},
                             {r for r in used if f"/{kind}/" in r}, "unused, or unknown")

    def test_schemas_are_schemas(self):
        for name, schema in schemas():
            with self.subTest(name):
                jsonschema.Draft202012Validator.check_schema(schema)
                for inner in within(schema):
                    self.assertLessEqual(set(inner), KEYWORDS)

    def test_no_schema_takes_anything(self):
        """Each says what it takes; an object that takes more than its members names those."""
        for name, schema in schemas():
            with self.subTest(name):
                for inner in within(schema):
                    self.assertTrue({"$ref", "type", "const", "enum", "oneOf", "anyOf", "required"}
                                    & set(inner) or set(inner) == {"description"}, inner)
                refused = [n for n in (None, "\x01", 1e300, True, [[[]]], {"\x01": []})
                           if not is_valid(schema, n)]
                self.assertGreaterEqual(len(refused), 3, schema)

    def test_examples(self):
        """Each is valid, and is no longer when a member that is needed is taken out or changes."""
        n = 0
        for path, method, operation in operations():
            for what, body in media(operation):
                with self.subTest(f"{method} {path} {what}"):
                    if "json" in what:
                        self.assertTrue("example" in body or path == "/api/openapi.json")
                    if "example" not in body:
                        continue
                    validator(body["schema"]).validate(body["example"])
                    self.check_needed(body["schema"], body["example"])
                    n += 1
        self.assertGreater(n, 200)

    def check_needed(self, schema, example):
        found = follow(schema)
        if not isinstance(example, dict) or "properties" not in found:
            return
        for name in found.get("required", []):
            without = {k: v for k, v in example.items() if k != name}
            self.assertFalse(is_valid(schema, without), f"{name} is not needed")
        for name in found["properties"]:
            if name in example and {"type", "const", "enum", "$ref"} & set(found["properties"][name]):
                wrong = (None, True, "\x01", 1e300, [[[]]], {"\x01": []})
                self.assertFalse(all(is_valid(schema, {**example, name: w}) for w in wrong),
                                 f"{name} may be anything")


class Table(unittest.TestCase):
    """The document against the route table."""

    def test_same_routes(self):
        self.assertEqual(sorted(set(served()) - set(described())), [], "not in the document")
        self.assertEqual(sorted(set(described()) - set(served())), [], "not served")
        self.assertGreater(len(served()), 150)

    def test_permissions(self):
        words = {None: "public", "": "any user"}
        for key, operation in described().items():
            row = served()[key]
            with self.subTest(key):
                self.assertEqual(operation["x-permission"],
                                 words.get(row["permission"], row["permission"]))
                self.assertEqual(operation.get("x-online-only", False), row["online"])
                self.assertEqual(operation.get("security") == [], row["permission"] is None)
                if row["permission"] and not key[1].startswith("/{db}"):
                    self.assertIn("403", operation["responses"])

    def test_bodies(self):
        for key, operation in described().items():
            with self.subTest(key):
                self.assertEqual(set(operation.get("requestBody", {}).get("content", {})),
                                 BODIES[served()[key]["body"]])


class Served(ServerCase):
    """The two routes themselves."""

    def test_description(self):
        answer = self.check(self.c.get("/api/openapi.json", auth=False), 200)
        self.assertEqual(answer.header("content-type"), "application/json; charset=utf-8")
        with open(WHERE, "rb") as f:
            self.assertEqual(answer.body, f.read())
        version = self.c.get("/api/v1/monitoring").json()["version"]["app"]
        self.assertEqual(DOCUMENT["info"]["version"], version)

    def test_gzip_and_tags(self):
        for path in ("/api/openapi.json", "/api/docs"):
            plain = self.c.get(path, auth=False)
            packed = self.c.get(path, {"Accept-Encoding": "gzip"}, auth=False)
            self.assertEqual(packed.header("content-encoding"), "gzip")
            self.assertEqual(gzip.decompress(packed.body), plain.body)
            self.assertLess(len(packed.body), len(plain.body) / 3)
            tags = [plain.header("etag"), packed.header("etag")]
            for tag in tags:
                self.assertRegex(tag, r'^"[0-9a-f]{32}"$')
            self.assertNotEqual(*tags)
            for answer, accept in ((plain, {}), (packed, {"Accept-Encoding": "gzip"})):
                self.assertEqual(answer.header("vary"), "Accept-Encoding")
                again = self.c.get(path, {"If-None-Match": answer.header("etag"), **accept},
                                   auth=False)
                self.assertEqual((again.status, again.body), (304, b""))
                self.assertEqual(again.header("etag"), answer.header("etag"))
            self.assertEqual(self.c.get(path, {"If-None-Match": '"0"'}).status, 200)
            head = self.c.request("HEAD", path)
            self.assertEqual((head.status, head.body), (200, b""))
            self.assertEqual(int(head.header("content-length")), len(plain.body))

    def test_wrong_credentials_cost_nothing(self):
        for path in ("/api/openapi.json", "/api/docs"):
            self.assertEqual(self.c.get(path, {"Authorization": "Basic eDp5"}).status, 200)
            self.assertEqual(self.c.post(path, {}).status, 405)

    def test_page(self):
        answer = self.check(self.c.get("/api/docs", auth=False), 200)
        self.assertEqual(answer.header("content-type"), "text/html; charset=utf-8")
        policy = answer.header("content-security-policy")
        self.assertIn("default-src 'none'", policy)
        self.assertRegex(policy, r"style-src 'sha256-[A-Za-z0-9+/]{43}='")
        self.assertNotRegex(answer.text, r"<script|<img|https?://(?!www\.w3\.org|openrosa\.org|127)")
        self.assertNotRegex(answer.text, r"url\(|@import|style=\"|\son[a-z]+=")
        names = re.findall(r' id="([^"]+)"', answer.text)
        self.assertEqual(len(names), len(set(names)))
        self.assertLessEqual(set(re.findall(r'href="#([^"]+)"', answer.text)), set(names))
        for _, _, operation in operations():
            self.assertIn(operation["operationId"], names)


# ---- recorded answers ----

def pattern_of(path):
    """A path as a regular expression; the last parameter of a name may hold slashes."""
    return re.compile("^" + re.sub(r"\\\{(\w+)\\\}", lambda m: "(.+)" if m[1] == "name" else
                                   "([^/]+)", re.escape(path)) + "$")


# literal segments come before parameters, as in the router
PATTERNS = sorted(((pattern_of(path), path) for path in DOCUMENT["paths"]),
                  key=lambda p: [("{" in s, s) for s in p[1].split("/")])


def operation_for(method, path):
    for pattern, name in PATTERNS:
        if pattern.match(path) and method in DOCUMENT["paths"][name]:
            return name, DOCUMENT["paths"][name][method]
    raise AssertionError(f"{method} {path} is not in the document")


class Recorded(ServerCase):
    """Drives the server, and holds every request and every answer against the document."""

    driven = set()

    def ask(self, method, path, status, value=None, body=None, kind=JSON_TYPE, headers=None, user=None):
        """One request by @user, an (authorised) client; the answer must be described."""
        client = user or self.c
        fields = {"Accept": JSON_TYPE, **(headers or {})}
        sent = json.dumps(value) if value is not None and kind == JSON_TYPE else body
        if isinstance(value, dict) and kind == FORM_TYPE:
            sent = urllib.parse.urlencode(value)
        if sent is not None:
            fields["Content-Type"] = kind
        answer = client.request(method.upper(), path, sent, fields)
        self.assertEqual(answer.status, status, answer)
        bare = urllib.parse.unquote(path.split("?")[0])
        name, operation = operation_for(method, bare.removeprefix("/cdb") if bare != "/cdb" else bare)
        Recorded.driven.add((method, name))
        if value is not None and status < 300:
            validator(operation["requestBody"]["content"][kind]["schema"]).validate(value)
        self.check_answer(f"{method} {path}", operation, answer)
        return answer

    def check_answer(self, what, operation, answer):
        responses = operation["responses"]
        found = responses.get(str(answer.status), responses.get("default"))
        self.assertIsNotNone(found, f"{what}: {answer.status} is not described: {answer}")
        found = follow(found)
        kinds = found.get("content", {})
        if not answer.body:
            self.assertTrue(not kinds or answer.status == 401, f"{what}: no body: {answer}")
            return
        kind = answer.header("content-type").split(";")[0]
        self.assertIn(kind if "*/*" not in kinds else "*/*", kinds, f"{what}: {answer}")
        body = kinds.get(kind) or kinds["*/*"]
        value = answer.json() if kind == JSON_TYPE else answer.text
        errors = [f"{list(e.absolute_path)}: {e.message[:300]}"
                  for e in validator(body["schema"]).iter_errors(value)]
        self.assertEqual(errors, [], f"{what}: {answer}")

    def settings(self, **more):
        self.c.settings({
            "locale": "en", "default_country_code": "254", "phone_validation": "partial",
            "transitions": {"default_responses": True, "update_clinics": True},
            "default_responses": {"start_date": "2020-01-01"},
            "roles": {"chw": {"name": "CHW", "offline": True}, "officer": {"name": "Officer"}},
            "permissions": {"can_create_records": ["officer"]},
            "dhis_data_sets": [{"id": "DS1", "translation_key": "ds"}],
            "tasks": {"targets": {"items": [{"id": "t1", "dhis": {"dataElement": "DE1"}}]}},
            "forms": {"YYYZ": {"meta": {"code": "YYYZ"}, "fields": {
                "nurse": {"type": "string", "labels": {"tiny": "n"}},
                "week": {"type": "integer", "labels": {"tiny": "w"}}}}}, **more})

    def place(self):
        """A district, a clinic of it with a contact; their ids."""
        answer = self.ask("post", "/api/v1/places", 200, {
            "name": "Clinic", "type": "clinic", "contact": {"name": "Asha", "phone": self.number()},
            "parent": {"name": "Centre", "type": "health_center",
                       "parent": {"name": "District", "type": "district_hospital"}}})
        return answer.json()["id"]

    def nobody(self):
        """A client with credentials of no account."""
        return self.server.client(user=self.reference("nobody"), password="x")

    def test_sms(self):
        self.settings()
        self.ask("get", "/api/sms", 200)
        answer = self.ask("post", "/api/sms", 200, {
            "messages": [self.incoming("hello?"), self.incoming("1!YYYZ!Sam#23")], "updates": []})
        sent = answer.json()["messages"]
        self.assertTrue(sent)
        self.ask("post", "/api/sms", 200, {"updates": [
            {"id": m["id"], "status": "FAILED", "reason": "radio-off"} for m in sent]})
        self.ask("post", "/api/sms", 400, body="{}", kind="text/plain")
        self.ask("post", "/api/sms", 500, body="{")
        self.ask("post", "/api/sms", 401, {}, user=self.nobody())
        self.ask("post", "/api/sms", 401, {}, user=self.nobody(), headers={"Accept": "*/*"})
        self.ask("get", "/api/sms", 302, user=self.nobody(),
                 headers={"Accept": "*/*", "User-Agent": "Mozilla/5.0"})
        self.ask("get", "/api/v1/gateways", 200)
        for verb in ("pause", "resume"):
            self.ask("post", f"/api/v1/gateways/admin/{verb}", 200)
            self.ask("post", f"/api/v1/gateways/nobody/{verb}", 404)

    def test_messages(self):
        self.settings()
        page = "/api/v1/messages"
        id = self.ask("post", page, 200, {"to": self.number(), "content": "a",
                                          "due": "2040-01-01T00:00:00.000Z"},
                      headers={"Idempotency-Key": self.reference()}).json()["id"]
        other = self.ask("post", page, 200, {"to": self.number(), "content": "b"}).json()["id"]
        self.ask("post", page, 400, {"to": self.number()})
        self.assertTrue(self.ask("get", page, 200).json()["messages"])
        self.ask("get", page + "?limit=1", 200)
        self.ask("get", page + "?state=pending", 200)
        self.ask("get", page + "?limit=0", 400)
        self.ask("post", f"{page}/{id}/cancel", 200)
        self.ask("post", f"{page}/{id}/retry", 409)
        self.ask("post", f"{page}/{other}/resend", 409)
        self.ask("post", f"{page}/none/cancel", 404)
        self.ask("post", f"{page}/none/resend", 404)
        self.c.sms(updates=[{"id": other, "status": "FAILED", "reason": "x"}])
        self.ask("post", f"{page}/{other}/retry", 200)
        self.c.sms(updates=[{"id": other, "status": "SENT"}])
        self.ask("post", f"{page}/{other}/resend", 200)
        self.ask("post", "/api/v1/sms/segments", 200, {"text": "ça"})
        self.ask("post", "/api/v1/sms/segments", 400, {})
        self.ask("post", "/api/v1/sms/segments", 413, {"text": "a" * (1 << 20)})

    def test_records(self):
        self.settings()
        for v in (1, 2):
            path = f"/api/v{v}/records"
            self.ask("post", path, 200, {"message": "1!YYYZ!Sam#23", "from": self.number()},
                     kind=FORM_TYPE)
            self.ask("post", path, 200, {"nurse": "Sam", "week": 2, "_meta": {"form": "YYYZ"}})
            self.ask("post", path, 500, {"nurse": "Sam"})
            self.ask("post", path, 500, {"nurse": "Sam", "_meta": {"form": "NOPE"}})
            self.ask("post", path, 500, {"message": "x"}, kind=FORM_TYPE)

    def test_carriers(self):
        at = "/api/v1/sms/africastalking/"
        token = {"Authorization": f"Token {KEY}"}
        for path, value in ((at + "incoming-messages", {"id": "1", "from": self.number(), "text": "a"}),
                            (at + "delivery-reports", {"id": "1", "status": "Sent"})):
            self.ask("post", path + "?key=x", 403, value, kind=FORM_TYPE)
            self.ask("post", path + "?key=" + KEY, 200, value, kind=FORM_TYPE)
        self.ask("post", at + "delivery-reports?key=" + KEY, 400, {"id": "1", "status": "Lost"},
                 kind=FORM_TYPE)
        for path in ("/api/v1/sms/radpidpro/incoming-messages",
                     "/api/v2/sms/rapidpro/incoming-messages"):
            message = self.incoming()
            self.ask("post", path, 403, message, headers={"Authorization": "Token x"})
            self.ask("post", path, 200, message, headers=token)
            self.ask("post", path, 400, message, headers=token)

    def test_contacts(self):
        self.settings()
        clinic = self.place()
        phone = self.number()
        person = self.ask("post", "/api/v1/people", 200, {
            "name": "Rehema", "phone": phone, "place": clinic}).json()["id"]
        self.ask("post", "/api/v1/people", 400, {"phone": phone})
        self.ask("post", "/api/v1/people", 404, {"name": "x", "place": "nowhere"})
        self.ask("post", "/api/v1/people", 409, {"name": "x", "_id": person})
        self.ask("post", "/api/v1/places", 400, {"name": "x", "type": "clinic"})
        self.ask("post", f"/api/v1/places/{clinic}", 200, {"name": "Clinic 2"})
        self.ask("post", f"/api/v1/places/{clinic}", 400, {"contact": None})
        self.ask("post", "/api/v1/places/nowhere", 404, {"name": "x"})
        ids = [person, clinic, "nobody"]
        found = self.ask("get", "/api/v1/hydrate?doc_ids=" + urllib.parse.quote(json.dumps(ids)), 200)
        self.assertEqual(found.json()[0]["doc"]["parent"]["name"], "Clinic 2")
        self.ask("post", "/api/v1/hydrate", 200, {"doc_ids": ids})
        self.ask("post", "/api/v1/hydrate", 400, {"doc_ids": "x"})
        self.ask("get", "/api/v1/hydrate", 400)
        where = "/api/v1/contacts-by-phone"
        self.ask("get", where + "?phone=" + urllib.parse.quote(phone), 200)
        self.ask("post", where, 200, {"phone": phone})
        self.ask("get", where + "?phone=x", 400)
        self.ask("get", where + "?phone=%2B254799999999", 404)
        self.ask("post", "/api/v1/bulk-delete", 200, {"docs": [{"_id": person}, {"_id": "nobody"}]})
        self.ask("post", "/api/v1/bulk-delete", 400, {})

    def test_offline_users(self):
        self.settings()
        clinic = self.place()
        name = self.reference("chw")
        self.ask("post", "/api/v1/users", 200, {
            "username": name, "password": PASSWORD, "roles": ["chw"], "place": clinic,
            "contact": {"name": "C"}})
        user = self.server.client(user=name)
        self.ask("get", "/api/v1/users-info", 200, user=user)
        self.ask("get", "/api/v1/hydrate?doc_ids=[]", 403, user=user)
        self.ask("get", "/api/v1/contacts-by-phone?phone=1", 403, user=user)
        self.ask("post", "/api/v1/bulk-delete", 403, {"docs": []}, user=user)
        self.ask("get", "/api/v1/messages", 403, user=user)
        self.ask("get", "/api/v2/export/reports", 403, user=user)
        self.ask("get", "/api/v1/settings", 200, user=user)
        self.ask("put", "/api/v1/settings", 403, {"a": 1}, user=user)
        self.ask("get", "/api/v2/users/admin", 403, user=user)
        self.ask("post", "/api/v1/users/admin", 403, {"fullname": "x"}, user=user)
        self.ask("post", "/api/v1/forms/validate", 403, {"meta": {"code": "A"}}, user=user)
        self.ask("get", "/api/v1/users-doc-count", 401, user=user)
        self.ask("get", f"/api/v2/users/{name}", 200, user=user)
        self.ask("get", f"/api/v1/users-info?role=chw&facility_id={clinic}", 200)

    def test_settings(self):
        self.settings()
        path = "/api/v1/settings"
        etag = self.ask("get", path, 200).header("etag")
        self.ask("get", path, 304, headers={"If-None-Match": etag})
        self.ask("get", path, 401, user=self.nobody())
        self.ask("put", path, 200, {"locale": "sw"})
        self.ask("put", path, 200, {"forms": {"W": {"meta": {"code": "W"}, "fields": {
            "a": {"type": "string"}}}}})
        self.ask("put", path, 400, {"forms": {"X": {"meta": {"code": "X"}, "fields": {
            "a": {"type": "int"}}}}})
        self.ask("put", path, 400, body="{")
        self.ask("get", path + "/deprecated-transitions", 200)
        read = "/medic/_design/medic/_rewrite/app_settings/medic"
        self.ask("get", read, 200)
        for name in ("locale", "forms.W", "contact_types", "nothing", "permissions.can_configure"):
            self.ask("get", f"{read}/{name}", 200)
        write = "/medic/_design/medic/_rewrite/update_settings/medic"
        self.ask("put", write + "?replace=1", 200, {"locale": "en"})
        refused = self.ask("put", write, 200, body=json.dumps(
            {"forms": {"X": {"meta": {"code": "X"}, "fields": {"a": {"type": "int"}}}}}))
        self.assertFalse(refused.json()["success"])

    def test_forms(self):
        self.settings()
        xform = ('<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/'
                 'xhtml"><h:head><h:title>Visit</h:title><model><instance><visit id="visit"/>'
                 "</instance></model></h:head><h:body/></h:html>")
        self.c.put("/medic/form:visit", {"type": "form", "internalId": "visit", "context": {
            "collect": True}})
        rev = self.c.get("/medic/form:visit").json()["_rev"]
        self.ask("put", f"/medic/form:visit/xml?rev={rev}", 201, body=xform, kind="application/xml")
        self.assertIn("visit.xml", self.ask("get", "/api/v1/forms", 200).json())
        self.ask("get", "/api/v1/forms", 200, headers={"X-OpenRosa-Version": "1.0"})
        self.ask("get", "/api/v1/forms", 401, user=self.nobody())
        self.ask("get", "/api/v1/forms/", 301)
        self.ask("get", "/api/v1/forms/YYYZ.json", 200)
        self.ask("get", "/api/v1/forms/visit.xml", 200)
        self.ask("get", "/api/v1/forms/visit.pdf", 400)
        self.ask("get", "/api/v1/forms/nope.xml", 404)
        for message in ("1!YYYZ!Sam#23#x", "YYYZ n Sam#w 23", "J1!YYYZ!n#Sam", "YYYZ Sam 23",
                        "YYZ Sam", "hello", ""):
            self.ask("post", "/api/v1/forms/explain", 200, {"message": message,
                                                            "from": self.number()})
        self.ask("post", "/api/v1/forms/explain", 400, {})
        good = {"meta": {"code": "A"}, "fields": {"a": {"type": "string"}}}
        validate = "/api/v1/forms/validate"
        self.ask("post", validate, 200, good)
        self.ask("post", validate, 200, {"A": good})
        self.ask("post", validate, 400, {"meta": {"code": "A"}, "fields": {"a": {"type": "int"}}})
        self.ask("post", validate, 200, body=xform, kind="application/xml")
        self.ask("post", validate, 400, body="<h/>", kind="text/xml")

    def test_users(self):
        self.settings()
        name = self.reference("mary")
        place = {"name": "Area", "type": "health_center", "parent": {
            "name": "D", "type": "district_hospital"}}
        users = "/api/v1/users"
        self.ask("post", users, 200, {"username": name, "password": PASSWORD, "type":
                                      "district-manager", "place": place, "contact": {
                                          "name": "Mary", "phone": self.number()}})
        self.ask("post", users, 200, [{"username": self.reference("jo"), "password": PASSWORD,
                                       "roles": ["officer"]}, {"username": "x"}])
        self.ask("post", users, 400, {"username": "x"})
        self.ask("post", users, 400, {"username": "x", "password": "secret", "roles": ["officer"]})
        self.ask("post", users, 409, {"username": name, "password": PASSWORD, "roles": ["officer"]})
        self.ask("post", users, 404, {"username": self.reference("x"), "password": PASSWORD,
                                      "roles": ["officer"], "place": "nowhere"})
        self.ask("post", f"{users}/{name}", 200, {"fullname": "Mary A.", "language": {"code": "sw"},
                                                  "email": "m@example.org", "known": True})
        self.ask("post", f"{users}/{name}", 400, {"nothing": 1})
        self.ask("post", f"{users}/{name}", 400, {})
        self.ask("post", f"{users}/nobody", 404, {"fullname": "x"})
        for path in (users, "/api/v2/users", f"/api/v2/users/{name}"):
            self.ask("get", path, 200)
        self.ask("get", "/api/v2/users?facility_id=nowhere", 200)
        self.ask("get", "/api/v2/users/nobody", 404)
        self.ask("get", "/api/v1/users-info", 400)
        self.ask("get", "/api/v1/users-doc-count", 200)
        self.ask("get", "/api/v1/users-doc-count?user=nobody", 404)
        self.ask("delete", f"{users}/{name}", 200)
        self.ask("delete", f"{users}/nobody", 404)

    def test_sessions(self):
        anyone = self.server.client(user=None)
        self.ask("post", "/_session", 200, {"name": "admin", "password": PASSWORD}, user=anyone)
        answer = self.ask("post", "/_session", 200, {"name": "admin", "password": PASSWORD},
                          kind=FORM_TYPE, user=anyone)
        cookie = {"Cookie": answer.header("set-cookie").split(";")[0]}
        self.ask("get", "/_session", 200, headers=cookie, user=anyone)
        self.ask("get", "/_session", 401, user=anyone)
        self.ask("post", "/_session", 401, {"name": self.reference("x"), "password": "x"}, user=anyone)
        self.ask("post", "/_session", 400, {"password": "x"}, user=anyone)
        self.ask("post", "/_session", 415, body="x", kind="text/plain", user=anyone)
        self.ask("get", "/medic/login/identity", 200, headers=cookie, user=anyone)
        self.ask("get", "/medic/login/identity", 401, user=anyone)
        self.ask("get", "/medic/login", 302, headers=cookie, user=anyone)
        self.ask("delete", "/_session", 200, headers=cookie, user=anyone)
        login = {"user": "admin", "password": PASSWORD}
        self.ask("post", "/medic/login", 302, login, user=anyone)
        self.ask("post", "/medic/login", 303, login, kind=FORM_TYPE, user=anyone)
        wrong = {"user": self.reference("x"), "password": "x"}
        self.ask("post", "/medic/login", 401, wrong, user=anyone)
        self.ask("post", "/medic/login", 401, wrong, kind=FORM_TYPE, user=anyone)
        self.ask("post", "/medic/logout", 303, {}, kind=FORM_TYPE, user=anyone)
        self.settings()
        self.ask("post", "/medic/login/token/x", 400, {}, user=anyone)
        self.ask("post", "/medic/login/token", 400, {}, user=anyone)
        self.settings(token_login={"enabled": True, "message": "Hi"})
        self.ask("post", "/medic/login/token/x", 401, {}, user=anyone)
        self.ask("post", "/medic/login/token/x", 302, {})

    def test_pages(self):
        anyone = self.server.client(user=None)
        for path in ("/medic/login", "/medic/login/token", "/medic/login/token/x",
                     "/medic/login/style.css", "/medic/login/script.js",
                     "/medic/messages/style.css", "/medic/messages/script.js", "/api/docs",
                     "/api/openapi.json"):
            self.ask("get", path, 200, user=anyone)
        self.ask("get", "/admin/", 302, user=anyone)
        self.ask("get", "/admin/", 200)
        self.ask("get", "/medic/messages", 200)
        self.ask("get", "/medic/messages", 401, user=anyone)

    def test_exports(self):
        self.settings()
        self.c.sms([self.incoming("1!YYYZ!Sam#23")])
        for kind in ("messages", "reports", "contacts", "feedback"):
            path = "/api/v2/export/" + kind
            for query in ("", "?options[humanReadable]=true", "?filters[search]=a"):
                answer = self.ask("get", path + query, 200)
                self.assertRegex(answer.header("content-disposition"), r"^attachment; filename=")
            self.ask("post", path, 200, {"filters": {}, "options": {"humanReadable": True}})
            self.ask("post", path, 400, {"filters": []})
            self.ask("post", path, 400, body="{}", kind="text/plain")
        self.ask("get", "/api/v2/export/dhis", 400)
        self.ask("get", "/api/v2/export/dhis?filters[dataSet]=DS1&filters[date][from]=949392000000",
                 200)
        self.ask("post", "/api/v2/export/dhis", 200, {"filters": {"dataSet": "DS1", "date": {
            "from": 949392000000}}})
        self.ask("get", "/api/v2/export/nope", 404)
        self.ask("post", "/api/v2/export/nope", 404, {})

    def test_operating(self):
        anyone = self.server.client(user=None)
        for path in ("/api/v1/monitoring", "/api/v2/monitoring", "/metrics", "/healthz", "/readyz"):
            self.ask("get", path, 200, user=anyone)
        for version in (1, 2):
            self.ask("get", f"/api/v{version}/monitoring?connected_user_interval=x", 400, user=anyone)
        self.ask("get", "/api/deploy-info", 200)
        self.ask("get", "/api/deploy-info", 401, user=anyone)
        self.ask("get", "/api/couch-config-attachments", 200)
        for path in ("/api/v1/upgrade", "/api/v1/upgrade/stage"):
            self.ask("post", path, 400, {})
        self.ask("post", "/api/v1/upgrade/complete", 404)

    def test_server_of_documents(self):
        for path in ("/", "/cdb", "/_up", "/_uuids", "/_all_dbs", "/_active_tasks"):
            self.ask("get", path, 200)
        self.ask("post", "/_replicate", 501, {})
        self.ask("put", "/openapi-test", 201)
        self.ask("delete", "/openapi-test", 200)
        self.ask("delete", "/openapi-test", 404)

    def test_documents(self):
        for db in ("/medic", "/cdb/medic"):
            id = self.reference("doc")
            rev = self.ask("put", f"{db}/{id}", 201, {"type": "x"}).json()["rev"]
            self.ask("put", f"{db}/{id}", 409, {"type": "x"})
            self.ask("get", f"{db}/{id}", 200)
            self.ask("get", f"{db}/nothing", 404)
            rev = self.ask("put", f"{db}/{id}/a/b?rev={rev}", 201, body="x", kind="text/plain") \
                .json()["rev"]
            self.ask("get", f"{db}/{id}/a/b", 200)
            rev = self.ask("delete", f"{db}/{id}/a/b?rev={rev}", 200).json()["rev"]
            self.ask("delete", f"{db}/{id}?rev={rev}", 200)
            self.ask("post", db, 201, {"type": "x"})
            self.ask("post", f"{db}/{self.reference('doc')}", 201, {"type": "x"})
            for path in ("", "/_all_docs?include_docs=true", "/_design_docs", "/_index", "/_security",
                         "/_revs_limit", "/_changes?include_docs=true",
                         "/_design/medic-client/_view/contacts_by_type"):
                self.ask("get", db + path, 200)
            for path in ("/_all_docs", "/_design_docs",
                         "/_design/medic-client/_view/contacts_by_type"):
                self.ask("post", db + path, 200, {"keys": ["settings"]})
            self.ask("post", f"{db}/_changes?filter=_doc_ids", 200, {"doc_ids": ["settings"]})
            self.ask("post", f"{db}/_bulk_docs", 201, {"docs": [{"_id": self.reference()},
                                                                {"_id": "settings"}]})
            self.ask("post", f"{db}/_bulk_get", 200, {"docs": [{"id": "settings"}, {"id": "x"}]})
            self.ask("post", f"{db}/_revs_diff", 200, {"x": ["1-a"]})
            self.ask("post", f"{db}/_missing_revs", 200, {"x": ["1-a"]})
            self.ask("post", f"{db}/_compact", 202)
            self.ask("post", f"{db}/_view_cleanup", 200)
            self.ask("post", f"{db}/_ensure_full_commit", 201)
            self.ask("put", f"{db}/_security", 200, {})
            self.ask("put", f"{db}/_revs_limit", 200, 1000)
            self.ask("post", f"{db}/_purge", 501)
            self.ask("put", f"{db}/_local/listed", 201, {"a": 1})
            self.ask("get", f"{db}/_local_docs?include_docs=true", 200)

    def test_documents_beside(self):
        for db in ("/medic", "/cdb/medic"):
            self.ask("put", f"{db}/_local/c", 201, {"a": 1})
            rev = self.ask("get", f"{db}/_local/c", 200).json()["_rev"]
            self.ask("delete", f"{db}/_local/c?rev={rev}", 200)
            for method in ("get", "put", "delete"):
                answer = self.c.request(method.upper(), f"{db}/_local/c/x")
                self.assertGreaterEqual(answer.status, 400)
                self.ask(method, f"{db}/_local/c/x", answer.status)
            self.ask("post", f"{db}/_find", 200, {"selector": {"type": "x"}})
            self.ask("post", f"{db}/_explain", 200, {"selector": {"type": "x"}})
            for stem in ("", "_design/"):
                made = self.ask("post", f"{db}/_index", 200, {"index": {"fields": ["form"]},
                                                              "ddoc": "i", "name": "n"})
                self.assertEqual(made.json()["result"], "created")
                self.ask("delete", f"{db}/_index/{stem}i/json/n", 200)
            design = f"{db}/_design/{self.reference('d')}"
            rev = self.ask("put", design, 201, {"views": {}}).json()["rev"]
            self.ask("get", design, 200)
            rev = self.ask("put", f"{design}/a?rev={rev}", 201, body="x", kind="text/plain") \
                .json()["rev"]
            self.ask("get", f"{design}/a", 200)
            rev = self.ask("delete", f"{design}/a?rev={rev}", 200).json()["rev"]
            self.ask("delete", f"{design}?rev={rev}", 200)

    def test_zz_nothing_was_left_out(self):
        """Runs last: every operation was driven by one of the tests above."""
        if len(Recorded.driven) < 20:
            self.skipTest("single tests only")
        self.assertEqual(sorted({(m, p) for p, m, _ in operations()} - Recorded.driven), [])


if __name__ == "__main__":
    main()
