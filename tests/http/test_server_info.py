# SPDX-License-Identifier: MIT
"""What the server says about itself (documents.md 8.1), and the settings under the names that
cht-conf calls (settings-and-forms.md 1, 2, 5.5)."""

from harness import HEX32, JSON_TYPE, ServerCase, field, main

READ = "/medic/_design/medic/_rewrite/app_settings/medic"
WRITE = "/medic/_design/medic/_rewrite/update_settings/medic"


def setUpModule():
    ServerCase.begin()
    client = ServerCase.server.client()
    client.settings({"locale": "en", "zero": 0, "empty": "", "no": False, "nothing": None,
                     "list": [], "contact_types": [{"id": "clinic"}, {"id": "person"}],
                     "big": 12345678901234567890, "forms": {}})


def tearDownModule():
    ServerCase.end()


class Server(ServerCase):
    def test_welcome(self):
        answer = self.check(self.c.get("/", auth=False), 200)
        value = answer.json()
        self.assertEqual(answer.header("content-type"), JSON_TYPE)
        self.assertTrue(answer.text.endswith("\n"))
        self.assertEqual(value["couchdb"], "Welcome")
        self.assertEqual(value["version"], "3.3.3")
        self.assertRegex(value["uuid"], HEX32)
        self.assertEqual(value["vendor"]["name"], "barua")
        self.assertEqual(value["features"], [])
        for path in ("/cdb/", "/cdb"):
            self.check(self.c.get(path, auth=False), 200, value)

    def test_uuid_is_that_of_the_file(self):
        before = self.c.get("/").json()["uuid"]
        self.server.restart()
        self.assertEqual(self.server.client().get("/").json()["uuid"], before)

    def test_head(self):
        for path in ("/", "/_up", "/_uuids", "/_all_dbs"):
            answer = self.c.request("HEAD", path)
            self.assertEqual((answer.status, answer.body), (200, b""), path)

    def test_methods(self):
        answer = self.check(self.c.post("/", {}), 405, {
            "error": "method_not_allowed", "reason": "Only GET,HEAD allowed"})
        self.assertEqual(answer.header("allow"), "GET, HEAD")
        self.assertEqual(self.c.put("/_up", {}).status, 405)

    def test_up(self):
        self.check(self.c.get("/_up", auth=False), 200, {"status": "ok"})

    def test_uuids(self):
        answer = self.check(self.c.get("/_uuids"), 200)
        self.assertEqual(answer.header("cache-control"), "must-revalidate, no-cache")
        self.assertEqual(len(answer.json()["uuids"]), 1)
        many = self.c.get("/_uuids?count=1000").json()["uuids"]
        self.assertEqual(len(set(many)), 1000)
        for one in many:
            self.assertRegex(one, HEX32)

    def test_bad_counts(self):
        self.check(self.c.get("/_uuids?count=1001"), 400,
                   {"error": "bad_request", "reason": "count parameter too large"})
        self.assertEqual(self.c.get("/_uuids?count=99999999999999999999999").status, 400)
        for count in ("-1", "x", "", "1.5"):
            answer = self.check(self.c.get("/_uuids?count=" + count), 400)
            self.assertEqual(answer.json()["error"], "query_parse_error")

    def test_all_dbs(self):
        names = self.check(self.c.get("/_all_dbs"), 200).json()
        self.assertEqual(names, sorted(names))
        for name in ("_users", "medic", "medic-sentinel", "medic-users-meta"):
            self.assertIn(name, names)

    def test_active_tasks(self):
        self.check(self.c.get("/_active_tasks"), 200, [])

    def test_replicate(self):
        self.check(self.c.post("/_replicate", {"source": "a", "target": "b"}), 501, {
            "error": "not_implemented", "reason": "this feature is not yet implemented"})

    def test_login_is_needed(self):
        for path in ("/_uuids", "/_all_dbs", "/_active_tasks"):
            answer = self.check(self.c.get(path, auth=False), 401, {
                "error": "unauthorized", "reason": "You are not authorized to access this db."})
            self.assertEqual(answer.header("www-authenticate"), 'Basic realm="barua"')
        for path in ("/api/deploy-info", "/api/couch-config-attachments"):
            answer = self.c.get(path, {"Accept": JSON_TYPE}, auth=False)
            self.check(answer, 401, {"code": 401, "error": "unauthorized"})

    def test_what_cht_conf_asks(self):
        self.check(self.c.get("/api/deploy-info"), 200, {"version": "4.5.0"})
        self.check(self.c.get("/api/couch-config-attachments"), 200,
                   {"compressible_types": "text/*, application/json"})
        self.check(self.c.get("/api/v1/settings/deprecated-transitions"), 200, [])


class Others(ServerCase):
    """What is for administrators only; the second account is made through /_users."""

    def test_server_endpoints(self):
        doc = {"name": "clerk", "type": "user", "roles": ["clerk"], "password": "Cl3rk.secret"}
        self.c.settings({"roles": {"clerk": {"name": "Clerk"}}})
        self.check(self.c.put("/_users/org.couchdb.user:clerk", doc), 201)
        clerk = self.server.client(user="clerk", password="Cl3rk.secret")
        self.check(clerk.get("/_uuids"), 200)
        self.check(clerk.get("/api/deploy-info"), 200)
        for path in ("/_all_dbs", "/_active_tasks"):
            self.check(clerk.get(path), 403, {"error": "forbidden",
                                              "reason": "You are not a server admin."})
        self.assertEqual(clerk.post("/_replicate", {}).status, 403)
        self.assertEqual(clerk.put(WRITE, {}).status, 403)


class ReadAlias(ServerCase):
    def read(self, path=""):
        answer = self.check(self.c.get(READ + path), 200)
        value = answer.json()
        self.assertEqual(list(value), ["settings", "meta", "schema"])
        self.assertEqual((value["meta"], value["schema"]), ({}, {}))
        return value["settings"]

    def setUp(self):
        super().setUp()
        self.c.settings({"locale": "en", "zero": 0, "zeros": 0.00, "empty": "", "no": False,
                         "yes": True, "nothing": None, "list": [], "big": 12345678901234567890,
                         "contact_types": [{"id": "clinic"}, {"id": "person"}]})

    def test_everything(self):
        self.assertEqual(self.read(), self.c.get("/api/v1/settings").json())

    def test_paths(self):
        for path, value in (("/locale", "en"), ("/contact_types.1.id", "person"),
                            ("/contact_types.0", {"id": "clinic"}), ("/list", []),
                            ("/yes", True), ("/big", 12345678901234567890),
                            ("/contact%5Ftypes.0.id", "clinic")):
            self.assertEqual(self.read(path), value, path)

    def test_missing_or_falsy(self):
        for path in ("/zero", "/zeros", "/empty", "/no", "/nothing", "/what", "/locale.length",
                     "/contact_types.2", "/contact_types.-1", "/contact_types.x",
                     "/contact_types.", "/contact_types.99999999999999999999", "/what.0.id"):
            self.assertEqual(self.read(path), {}, path)

    def test_text_is_kept(self):
        self.assertIn('"big":12345678901234567890', self.c.get(READ).text)

    def test_other_databases(self):
        self.assertEqual(self.c.get(READ.replace("/medic/", "/_users/", 1)).status, 404)

    def test_login(self):
        answer = self.c.get(READ, {"Accept": JSON_TYPE}, auth=False)
        self.assertEqual((answer.status, answer.text), (401, "not logged in"))
        self.assertIn("Basic", answer.header("www-authenticate"))


class WriteAlias(ServerCase):
    def test_replace(self):
        self.c.settings({"locale": "en", "a": {"b": 1}})
        self.check(self.c.put(WRITE + "?replace=1", {"a": {"c": 2}}), 200,
                   {"success": True, "updated": True, "upgraded": True})
        self.check(self.c.put(WRITE + "?replace=1", {"a": {"c": 2}}), 200,
                   {"success": True, "updated": False, "upgraded": False})
        self.assertEqual(self.c.get("/api/v1/settings").json()["a"], {"c": 2})

    def test_refused_report_is_no_error(self):
        forms = {"P": {"meta": {"code": "P"}, "fields": {
            "lmp": field("int", "l"), "week": field("strin", "w")}}}
        before = self.c.get("/api/v1/settings").text
        answer = self.check(self.c.put(WRITE + "?replace=1", {"forms": forms}), 200)
        value = answer.json()
        self.assertIs(value["success"], False)
        self.assertEqual(value["error"].split("\n"), [
            'forms.P.fields.lmp.type: unknown type "int"; did you mean "integer"?',
            'forms.P.fields.week.type: unknown type "strin"; did you mean "string"?'])
        self.assertEqual(self.c.get("/api/v1/settings").text, before)
        plain = self.c.put("/api/v1/settings?replace=1", {"forms": forms})
        self.assertEqual(plain.status, 400)

    def test_bodies(self):
        self.assertEqual(self.c.request("PUT", WRITE, "{}", {"Content-Type": "text/plain"}).status,
                         400)
        answer = self.c.put(WRITE, "{")
        self.assertEqual(answer.status, 400)
        self.assertIn("invalid JSON", answer.text)


if __name__ == "__main__":
    main()
