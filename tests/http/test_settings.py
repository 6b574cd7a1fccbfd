# SPDX-License-Identifier: MIT
"""GET and PUT /api/v1/settings: settings-and-forms.md 1, 2, 5.4 and 5.5."""

import copy
import gzip
import json
import threading
import unittest

from harness import FORMS, JSON_TYPE, ServerCase, field, main, replies_settings

PATH = "/api/v1/settings"
ALIAS = "/medic/_design/medic/_rewrite/update_settings/medic"

# settings-and-forms.md 3.6, by role
CHW = {"program_officer", "chw_supervisor", "chw"}
PERMISSIONS = {
    **dict.fromkeys(["can_access_gateway_api"], {"gateway"}),
    **dict.fromkeys(["can_create_records"], {"data_entry", "gateway"} | CHW),
    **dict.fromkeys(["can_edit", "can_view_unallocated_data_records"], {"gateway"} | CHW),
    **dict.fromkeys(["can_configure", "can_export_all"], {"program_officer", "crfo"}),
    **dict.fromkeys(["can_export_dhis"], {"national_admin", "crfo"}),
    **dict.fromkeys("""can_create_users can_delete_users can_export_feedback can_update_users
        can_view_outgoing_messages can_view_users""".split(), {"program_officer"}),
    **dict.fromkeys("""can_bulk_delete_reports can_create_people can_create_places
        can_delete_contacts can_delete_messages can_delete_reports can_edit_profile
        can_edit_verification can_export_contacts can_update_places can_update_reports
        can_verify_reports can_view_analytics_tab can_view_call_action can_view_contacts
        can_view_contacts_tab can_view_message_action can_view_messages can_view_messages_tab
        can_view_reports can_view_reports_tab""".split(), CHW),
    **dict.fromkeys(["can_export_messages", "can_view_analytics"], {"analytics"} | CHW),
    **dict.fromkeys(["can_view_tasks", "can_view_tasks_tab"], {"chw_supervisor", "chw"}),
    **dict.fromkeys(["can_aggregate_targets"], {"chw_supervisor"}),
    **dict.fromkeys("""can_log_out_on_android can_view_last_visited_date
        can_write_wealth_quintiles""".split(), set()),
}


def setUpModule():
    assert len(PERMISSIONS) == 42
    ServerCase.begin()


def tearDownModule():
    ServerCase.end()


class Base(ServerCase):
    def get(self):
        """The settings without the permissions, which are completed in every mode."""
        value = self.check(self.c.get(PATH), 200).json()
        value.pop("permissions", None)
        return value

    def start(self, value):
        self.check(self.c.put(PATH + "?overwrite=1", value), 200)

    def put(self, value, query="", updated=True):
        answer = self.check(self.c.put(PATH + query, value), 200).json()
        answer.pop("warnings", None)
        self.assertEqual(answer, {"success": True, "updated": updated, "upgraded": updated})
        return self.get()


class Read(Base):
    def test_answer(self):
        self.start({"b": 1, "a": [1.5, None, "é"]})
        answer = self.c.get(PATH)
        self.assertEqual(answer.header("content-type"), "application/json; charset=utf-8")
        self.assertEqual(list(answer.json()), ["b", "a", "permissions"])

    def test_head(self):
        head = self.c.request("HEAD", PATH)
        self.assertEqual((head.status, head.body), (200, b""))

    def test_etag(self):
        """1: a weak ETag, and 304 for who has it."""
        self.start({"a": 1})
        etag = self.c.get(PATH).header("etag")
        self.assertRegex(etag, r'^W/"[^"]+"$')
        self.assertEqual(self.c.request("HEAD", PATH).header("etag"), etag)
        for known in (etag, etag[2:], f'"x", {etag}', "*"):
            answer = self.c.get(PATH, {"If-None-Match": known})
            self.assertEqual((answer.status, answer.body), (304, b""))
        self.start({"a": 2})
        answer = self.c.get(PATH, {"If-None-Match": etag})
        self.assertEqual(answer.status, 200)
        self.assertNotEqual(answer.header("etag"), etag)

    def test_document(self):
        self.start({"b": 1})
        document = self.c.get("/medic/settings").json()
        self.assertEqual(document["settings"], self.c.get(PATH).json())
        self.assertEqual(set(document), {"_id", "_rev", "settings"})

    def test_without_login(self):
        """2.5 and 0.1: always the prompting shape, whatever is accepted or who asks."""
        for method in ("GET", "PUT"):
            for accept in (JSON_TYPE, "text/html", None):
                for agent in (None, "curl/8"):
                    with self.subTest(method=method, accept=accept, agent=agent):
                        headers = {"Content-Type": JSON_TYPE}
                        headers.update({"Accept": accept} if accept else {})
                        headers.update({"User-Agent": agent} if agent else {})
                        answer = self.c.request(method, PATH, "{}" if method == "PUT" else None,
                                                headers, auth=False)
                        self.assertEqual((answer.status, answer.text), (401, "not logged in"))
                        self.assertEqual(answer.header("www-authenticate"),
                                         'Basic realm="Medic Mobile Web Services"')
                        self.assertEqual(answer.header("logout-authorization"), "CHT-Core API")
                        self.assertTrue(answer.header("content-type").startswith("text/plain"))


class Merge(Base):
    """2.2, row by row."""

    def test_rows(self):
        for before, body, after in (
                ({"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"x": 1, "y": 2}}),
                ({}, {"a": {"y": 2}}, {"a": {"y": 2}}),
                ({"a": None}, {"a": {"y": 2}}, {"a": {"y": 2}}),
                ({"a": False}, {"a": {"y": 2}}, {"a": {"y": 2}}),
                ({"a": 0}, {"a": {"y": 2}}, {"a": {"y": 2}}),
                ({"a": ""}, {"a": {"y": 2}}, {"a": {"y": 2}}),
                ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
                ({"a": {"x": 1}}, {"a": [3]}, {"a": [3]}),
                ({"a": 1}, {"a": "s"}, {"a": "s"}), ({"a": {"x": 1}}, {"a": True}, {"a": True}),
                ({"a": {"x": 1}}, {"a": None}, {"a": None}), ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
                ({"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"c": {}}}, "e": 1}, None)):
            with self.subTest(before=before, body=body):
                self.start(before)
                if after is None:
                    self.assertEqual(self.c.put(PATH, body).status, 400)
                    self.assertEqual(self.get(), before)
                else:
                    self.assertEqual(self.put(body), after)

    def test_lost_writes_are_refused(self):
        """[ours]: the two ignored rows and array bodies answer 400 naming the path."""
        for before, body, path in (
                ({"locale": "en"}, {"locale": {"x": 1}}, "locale"),
                ({"n": 5}, {"n": {"x": 1}}, "n"), ({"t": True}, {"t": {"x": 1}}, "t"),
                ({"l": [1]}, {"l": {"x": 1}}, "l"),
                ({"a": {"b": {"c": "deep"}}}, {"a": {"b": {"c": {}}}}, "a.b.c")):
            with self.subTest(before=before):
                self.start(before)
                answer = self.check(self.c.put(PATH, body), 400)
                self.assertIn(f'"{path}"', json.loads(answer.text)["error"])
                self.assertEqual(self.get(), before)

    def test_not_an_object(self):
        self.start({"a": 1})
        for body in ("[]", "[1,2]"):
            for query in ("", "?replace=1", "?overwrite=1"):
                with self.subTest(body=body, query=query):
                    self.assertEqual(self.c.put(PATH + query, body).status, 400)
        self.assertEqual(self.get(), {"a": 1})

    def test_order(self):
        self.start({"b": 1, "a": {"z": 1, "y": 2}})
        self.assertEqual(json.dumps(self.put({"a": {"x": 3, "y": 4}, "c": 5, "b": 6})),
                         '{"b": 6, "a": {"z": 1, "y": 4, "x": 3}, "c": 5}')

    def test_empty_body(self):
        self.start({"a": 1})
        for body in ("", "{}"):
            self.assertEqual(self.put(body, updated=False), {"a": 1})


class Replace(Base):
    def test_top_level_keys_whole(self):
        self.start({"a": {"x": 1, "y": 2}, "b": 1})
        self.assertEqual(self.put({"a": {"z": 3}, "c": None}, "?replace=1"),
                         {"a": {"z": 3}, "b": 1, "c": None})

    def test_which_values_are_true(self):
        """2.1 [ours]: the reference types it as a Boolean."""
        for value, is_true in (("1", True), ("true", True), ("yes", True), ("x", True),
                               ("false", False), ("0", False), ("no", False), ("off", False),
                               ("", False)):
            with self.subTest(value=value):
                self.start({"a": {"x": 1}})
                self.assertEqual(self.put({"a": {"y": 2}}, "?replace=" + value),
                                 {"a": {"y": 2}} if is_true else {"a": {"x": 1, "y": 2}})

    def test_order_of_the_body(self):
        self.start({"b": {"y": 1, "x": 2}, "a": 1})
        self.assertEqual(json.dumps(self.put({"b": {"x": 2, "y": 1}}, "?replace=1")),
                         '{"b": {"x": 2, "y": 1}, "a": 1}')


class Overwrite(Base):
    def test_everything(self):
        self.start({"a": 1, "b": 2})
        for query in ("?overwrite=true", "?overwrite=1&replace=1", "?replace=true&overwrite=1"):
            self.start({"a": 1, "b": 2})
            self.assertEqual(self.put({"only": 1}, query), {"only": 1})

    def test_order_counts_as_a_change(self):
        self.start({"a": 2, "b": 1})
        self.assertEqual(json.dumps(self.put({"b": 1, "a": 2}, "?overwrite=1")),
                         '{"b": 1, "a": 2}')

    def test_numbers_keep_their_value(self):
        text = '{"a":1.50,"b":12345678901234567890,"c":1e3,"d":-0.1,"e":0.1}'
        self.start(text)
        self.assertEqual(self.get(), json.loads(text))


class After(Base):
    """2.3: what happens in every mode."""

    def test_default_permissions(self):
        self.start({"only": 1})
        found = self.c.get(PATH).json()["permissions"]
        self.assertEqual({k: set(v) for k, v in found.items()}, PERMISSIONS)

    def test_existing_permissions_stay(self):
        self.start({"permissions": {"can_configure": [], "can_dance": ["x"]}})
        found = self.c.get(PATH).json()["permissions"]
        self.assertEqual((found["can_configure"], found["can_dance"]), ([], ["x"]))
        self.assertEqual(len(found), 43)

    def test_no_change_no_revision(self):
        self.start({"a": 1})
        revision = self.c.get("/medic/settings").json()["_rev"]
        whole = self.c.get(PATH).json()
        self.put({"a": 1}, updated=False)
        self.put(whole, "?overwrite=1", updated=False)
        self.put({"a": 1}, "?replace=1", updated=False)
        self.assertEqual(self.c.get("/medic/settings").json()["_rev"], revision)
        self.put({"a": 2})
        document = self.c.get("/medic/settings").json()
        self.assertEqual(int(document["_rev"].split("-")[0]), int(revision.split("-")[0]) + 1)

    def test_restart(self):
        self.start({"a": {"b": [1, {"c": None}]}, "locale": "sw"})
        before = self.c.get(PATH).text
        for kill in (True, False):
            self.server.restart(kill=kill)
            self.c = self.server.client()
            self.assertEqual(self.c.get(PATH).text, before)

    def test_active_before_the_answer(self):
        """2.5: the next request is served with the new settings."""
        for i in range(10):
            tiny = "k" + "abcdefghij"[i]
            self.start(replies_settings(forms={"F": {
                "meta": {"code": "F"}, "fields": {"x": field("integer", tiny)}}}, transitions={}))
            ref = self.reference("active")
            self.server.client().sms([self.incoming(f"F {tiny} {i}", reference=ref)])
            self.assertEqual(self.c.record(ref)["fields"], {"x": i})

    def test_uploads_at_once_lose_nothing(self):
        """Two dozen designers merge and replace at once, by both routes; nobody has to try again."""
        self.start({"a": {}})
        answers = []

        def upload(i):
            c = self.server.client()
            path = ALIAS if i % 3 == 0 else PATH
            for j in range(5):
                if j % 2 == 0:
                    answer = c.put(path, {"a": {f"k{i}.{j}": i}, f"top{i}": j})
                else:
                    answer = c.put(path + "?replace=1", {f"own{i}": {f"k{j}": j}})
                answers.append((answer.status, answer.json().get("updated")))
        threads = [threading.Thread(target=upload, args=(i,)) for i in range(24)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(answers, [(200, True)] * 120)
        value = self.get()
        self.assertEqual(value["a"], {f"k{i}.{j}": i for i in range(24) for j in (0, 2, 4)})
        for i in range(24):
            self.assertEqual((value[f"top{i}"], value[f"own{i}"]), (4, {"k3": 3}))
        stored = self.c.get("/medic/settings").json()
        self.assertEqual(stored["settings"], self.check(self.c.get(PATH), 200).json())

    def test_another_route(self):
        """2.3 no. 1: permissions are completed in a document that was written as one, too."""
        self.start({"a": 1})
        doc = self.c.get("/medic/settings").json()
        for permissions in ({}, {"permissions": {"can_edit": ["x"], "own": []}}):
            doc["settings"] = {"b": 2, **permissions}
            rev = self.check(self.c.put("/medic/settings", doc), 201).json()["rev"]
            self.assertEqual(rev.split("-")[0], str(int(doc["_rev"].split("-")[0]) + 1))
            doc = self.c.get("/medic/settings").json()
            self.assertEqual(doc["settings"]["b"], 2)
            expected = {**{k: sorted(v) for k, v in PERMISSIONS.items()},
                        **permissions.get("permissions", {})}
            self.assertEqual({k: sorted(v) for k, v in doc["settings"]["permissions"].items()}, expected)
            self.assertEqual(self.c.get(PATH).json(), doc["settings"])
        doc["settings"]["b"] = 3
        self.assertEqual(self.c.put("/medic/settings", doc).json()["rev"],
                         self.c.get("/medic/settings").json()["_rev"], "nothing to complete")

    def test_settings_and_texts_at_once(self):
        """What is in force in the end is what is stored, whoever wrote last."""
        self.start(replies_settings())
        doc = {"_id": "messages-en", "type": "translations", "code": "en", "custom": {}}
        for i in range(10):
            def texts():
                doc["custom"]["sms_received"] = f"Text {i}"
                doc["_rev"] = self.check(self.c.put("/medic/messages-en", doc), 201).json()["rev"]

            def settings():
                self.check(self.server.client().put(PATH, {"counter": i}), 200)
            threads = [threading.Thread(target=one) for one in (settings, texts, )]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            self.assertEqual(self.get()["counter"], i)
            ref = self.reference("both")
            self.server.client().sms([self.incoming("hello there", reference=ref)])
            self.assertEqual(self.c.record(ref)["tasks"][0]["messages"][0]["message"], f"Text {i}")
        self.c.request("DELETE", f"/medic/messages-en?rev={doc['_rev']}")
        self.c.drain()

    def test_documents_and_merges_at_once(self):
        """A settings document written meanwhile is merged into, never over."""
        self.start({"a": {}})
        stop = threading.Event()
        written = []

        def write():
            c, n = self.server.client(), 0
            while not stop.is_set():
                doc = c.get("/medic/settings").json()
                doc["settings"]["by_document"] = n
                if c.put("/medic/settings", doc).status == 201:
                    written.append(n)
                    n += 1
        writer = threading.Thread(target=write)
        writer.start()
        statuses = [self.server.client().put(PATH, {"a": {f"k{i}": i}}).status for i in range(30)]
        stop.set()
        writer.join()
        self.assertLessEqual(set(statuses), {200, 409})
        self.assertIn(200, statuses)
        value = self.get()
        self.assertEqual(value["a"], {f"k{i}": i for i, s in enumerate(statuses) if s == 200})
        if written:
            self.assertEqual(value["by_document"], written[-1])


class Errors(Base):
    """2.5."""

    def test_content_type(self):
        for kind, status in ((JSON_TYPE, 200), ("application/json; charset=utf-8", 200),
                             ("Application/JSON", 200), ("text/plain", 400),
                             ("application/x-www-form-urlencoded", 400)):
            with self.subTest(kind):
                answer = self.c.put(PATH, {}, {"Content-Type": kind})
                self.assertEqual(answer.status, status)
                if status == 400:
                    self.assertEqual(answer.json(), {
                        "code": 400, "error": "Content-Type must be application/json"})

    def test_malformed(self):
        """0.3 [ours]: a person reads it, so it says where."""
        self.start({"a": 1})
        for body in ('{"a":2,\n "b":}', "{'a':2}", '{"a":2', '{"a":2}}', '"x"', "5", "null",
                     '{"a":01}', '{"a":2,}', '{"a":/*c*/2}', b'{"a":"\xff"}', '{"a":"\t"}',
                     '{"a":NaN}'):
            with self.subTest(body=body):
                answer = self.c.put(PATH, body)
                self.assertEqual(answer.status, 400, answer)
                self.assertEqual(self.get(), {"a": 1})
        answer = self.c.put(PATH, '{"a":2,\n "b":}', {"Accept": "text/plain"})
        self.assertRegex(answer.text, r"^invalid JSON: ")
        self.assertRegex(answer.text, r"2\b.*6\b")

    def test_empty_value_of_forms(self):
        self.start({"a": 1})
        for forms in ([], "x", 5, True, [{"meta": {"code": "A"}}]):
            with self.subTest(forms=forms):
                self.assertEqual(self.c.put(PATH, {"forms": forms}).status, 400)
        self.assertEqual(self.get(), {"a": 1})

    def test_other_methods(self):
        for method in ("POST", "DELETE", "PATCH"):
            answer = self.c.request(method, PATH, None, {"Accept": JSON_TYPE})
            self.check(answer, 405, {"code": 405, "error": "Method Not Allowed"})
            self.assertEqual(set(answer.header("allow").replace(" ", "").split(",")),
                             {"GET", "HEAD", "PUT"})

    def test_gzip_body(self):
        self.start({"a": 1})
        body = gzip.compress(b'{"z":9}')
        self.check(self.c.put(PATH, body, {"Content-Encoding": "gzip"}), 200)
        self.assertEqual(self.get(), {"a": 1, "z": 9})


def faulty(**changes):
    """A form P whose field `lmp` has these properties."""
    return {"P": {"meta": {"code": "P"}, "fields": {"lmp": {**field("integer", "l"), **changes}}}}


class Rules(Base):
    """5.4: what is refused, by path, and what is stored and reported."""

    def setUp(self):
        super().setUp()
        self.start({"marker": 1})

    def report(self, forms, query=""):
        """Status, and the (path, message) pairs of errors or warnings."""
        answer = self.check(self.c.put(PATH + query, {"forms": forms}), None)
        value = answer.json()
        lines = value.get("details" if answer.status == 400 else "warnings", [])
        for line in lines:
            self.assertEqual(set(line), {"path", "message"})
        if answer.status == 400:
            self.assertEqual(value["code"], 400)
            self.assertRegex(value["error"], r"^settings refused: \d+ problems? in forms$")
            self.assertEqual(self.get(), {"marker": 1}, "nothing may be stored")
        return answer.status, {line["path"]: line["message"] for line in lines}

    def check(self, response, status, value=None):
        if status is None:
            self.assertIn(response.status, (200, 400), response)
            return response
        return super().check(response, status, value)

    def test_errors(self):
        two = {"a": field("integer", "a"), "b": field("integer", "b")}

        def fields(**f):
            return {"P": {"meta": {"code": "P"}, "fields": f}}
        for rule, forms, path in (
                (1, {"P": []}, "forms.P"), (1, {"P": "x"}, "forms.P"), (1, {"P": None}, "forms.P"),
                (4, {"P": {"meta": [], "fields": two}}, "forms.P.meta"),
                (4, {"P": {"meta": {"code": 5}, "fields": two}}, "forms.P.meta.code"),
                (5, {"P": {"meta": {"code": "P"}, "fields": []}}, "forms.P.fields"),
                (5, fields(lmp="integer"), "forms.P.fields.lmp"),
                (6, faulty(type="int"), "forms.P.fields.lmp.type"),
                (6, faulty(type=5), "forms.P.fields.lmp.type"),
                (7, fields(_meta=field("string", "m")), "forms.P.fields._meta"),
                (7, {"P": {"meta": {"code": "P"}, "fields": {"a..b": field("string", "m")}}},
                 "forms.P.fields.a..b"),
                (8, faulty(position=-1), "forms.P.fields.lmp.position"),
                (8, faulty(position="1"), "forms.P.fields.lmp.position"),
                (8, faulty(position=1.5), "forms.P.fields.lmp.position"),
                (8, fields(a={**two["a"], "position": 2}, b={**two["b"], "position": 1}), None),
                (9, faulty(length=[30, 5]), "forms.P.fields.lmp.length"),
                (9, faulty(length=[1]), "forms.P.fields.lmp.length"),
                (9, faulty(length=[-1, 5]), "forms.P.fields.lmp.length"),
                (9, faulty(length=[1.5, 5]), "forms.P.fields.lmp.length"),
                (9, faulty(length="1-5"), "forms.P.fields.lmp.length"),
                (9, faulty(range=[9, 1]), "forms.P.fields.lmp.range"),
                (10, faulty(required="yes"), "forms.P.fields.lmp.required"),
                (10, {"P": {"meta": {"code": "P"}, "fields": two, "public_form": 1}},
                 "forms.P.public_form"),
                (11, faulty(list=[]), "forms.P.fields.lmp.list"),
                (11, faulty(list=[1, 2]), None), (11, faulty(list=[[1]]), None),
                (11, faulty(list={"1": "a"}), "forms.P.fields.lmp.list"),
                (11, faulty(list=[[1, "a"], [1, "b"]]), None)):
            with self.subTest(rule=rule, forms=forms):
                status, lines = self.report(forms)
                self.assertEqual(status, 400, lines)
                if path:
                    self.assertIn(path, lines)
                else:
                    self.assertTrue(any(p.startswith("forms.P.fields.") for p in lines), lines)

    def test_leaf_and_parent(self):
        """Rule 7."""
        status, lines = self.report({"P": {"meta": {"code": "P"}, "fields": {
            "a": field("integer", "x"), "a.b": field("integer", "y")}}})
        self.assertEqual(status, 400)
        self.assertTrue(lines)

    def test_limits(self):
        """Rule 18, also with form_rules=warn."""
        wide = {"P": {"meta": {"code": "P"},
                      "fields": {f"f{i}": {"type": "string"} for i in range(201)}}}
        many = {f"F{i}": {"meta": {"code": f"F{i}"}} for i in range(1001)}
        deep = value = {}
        for _ in range(9):
            value["x"] = {}
            value = value["x"]
        for forms in (wide, many, faulty(flags=deep)):
            for query in ("", "?form_rules=warn"):
                with self.subTest(str(forms)[:40] + query):
                    self.assertEqual(self.report(forms, query)[0], 400)
        del wide["P"]["fields"]["f200"]
        self.assertEqual(self.report(wide)[0], 200)

    def test_warnings(self):
        ok = {"a": field("string", "ka"), "b": field("string", "zb")}
        for rule, forms in (
                (2, {"P Q": {"meta": {"code": "P Q"}, "fields": ok}}),
                (2, {"V-2": {"meta": {"code": "V-2"}, "fields": ok}}),
                (3, {"p": {"meta": {"code": "p"}, "fields": ok}}),
                (4, {"P": {"meta": {"code": "PP"}, "fields": ok}}), (4, {"P": {"fields": ok}}),
                (5, {"P": {"meta": {"code": "P"}}}),
                (5, {"P": {"meta": {"code": "P"}, "fields": {}}}),
                (6, {"P": {"meta": {"code": "P"}, "fields": {"a": {
                    "labels": {"tiny": {"en": "a"}}}}}}),
                (9, {"P": {"meta": {"code": "P"}, "fields": {
                    "a": {**field("string", "a"), "range": [1, 2]}}}}),
                (12, {"P": {"meta": {"code": "P"}, "fields": {
                    "a": field("string", "x"), "b": field("string", "X")}}}),
                (13, {"P": {"meta": {"code": "P"}, "fields": ok, "facility_reference": "nope"}}),
                (14, {"P": {"meta": {"code": "P"}, "fields": {"a": {"type": "string"}}}}),
                (15, {"P": {"meta": {"code": "P"}, "fields": {
                    "one": field("string", "id"), "two": field("string", "ident")}}}),
                (16, {"P": {"meta": {"code": "P"}, "fields": ok, "publicform": True}}),
                (16, {"P": {"meta": {"code": "P"}, "fields": {
                    "a": {**field("string", "a"), "requird": True}}}}),
                (17, {"P": {"meta": {"code": "P"}, "fields": {
                    "a": field("string", "ka"), "b": field("string", "zb", required=True)}}})):
            with self.subTest(rule=rule, forms=forms):
                status, lines = self.report(forms)
                self.assertEqual(status, 200, lines)
                self.assertTrue(lines, "nothing reported")
                self.start({"marker": 1})

    def test_good_forms_give_no_warnings(self):
        status, lines = self.report({"P": {"meta": {"code": "P"}, "fields": {
            "name": field("string", "nm", length=[1, 30], required=True, position=0),
            "weeks": field("integer", "wk", range=[0, 40], position=1),
            "kind": field("string", "kd", list=[["a", {"en": "A"}], ["b", {"en": "B"}]],
                          position=2)}}})
        self.assertEqual((status, lines), (200, {}))

    def test_forms_of_the_other_suites(self):
        self.assertEqual(self.report(FORMS)[0], 200)

    def test_form_rules_warn(self):
        status, lines = self.report(faulty(type="int"), "?form_rules=warn")
        self.assertEqual(status, 200)
        self.assertIn("forms.P.fields.lmp.type", lines)
        self.start({"marker": 1, "barua": {"form_rules": "warn"}})
        answer = self.c.put(PATH, {"forms": faulty(length=[3, 1])})
        self.check(answer, 200)
        self.start({"marker": 1})
        self.assertEqual(self.c.put(PATH + "?form_rules=warn", {"forms": "x"}).status, 400)

    def test_in_every_mode(self):
        for query in ("", "?replace=1", "?overwrite=1"):
            self.assertEqual(self.c.put(PATH + query, {"forms": faulty(type="int")}).status, 400)
            self.assertEqual(self.get(), {"marker": 1})

    def test_merge_that_breaks_a_stored_form(self):
        """The resulting forms are checked, not the body."""
        self.start({"forms": faulty()})
        answer = self.c.put(PATH, {"forms": {"P": {"fields": {"lmp": {"type": "int"}}}}})
        self.assertEqual(answer.status, 400)
        self.assertEqual(self.get()["forms"], faulty())

    def test_an_old_bad_form_blocks_nobody(self):
        """5.5: only forms that differ from the stored ones are checked."""
        bad = faulty(type="int")
        self.assertEqual(self.report(bad, "?form_rules=warn")[0], 200)
        self.assertEqual(self.c.put(PATH, {"other": 1}).status, 200)
        self.assertEqual(self.c.put(PATH, {"forms": {"Q": {
            "meta": {"code": "Q"}, "fields": {"a": field("string", "a")}}}}).status, 200)
        worse = copy.deepcopy(bad)
        worse["P"]["fields"]["lmp"]["type"] = "integr"
        self.assertEqual(self.c.put(PATH, {"forms": worse}).status, 400)


class Report(Base):
    """5.5: the text, its order and its limit."""

    def setUp(self):
        super().setUp()
        self.start({"marker": 1})

    def lines(self, forms):
        answer = self.c.put(PATH, {"forms": forms}, {"Accept": "text/plain"})
        self.assertEqual(answer.status, 400, answer)
        self.assertTrue(answer.header("content-type").startswith("text/plain"))
        return answer.text.rstrip("\n").split("\n")

    def test_shape(self):
        lines = self.lines({
            "P": {"meta": {"code": "P"}, "fields": {
                "lmp": {**field("int", "l"), "position": 2},
                "when": {**field("integer", "w"), "position": 0},
                "name": {**field("string", "nm"), "position": 3, "length": [30, 5]}}}})
        self.assertEqual([line for line in lines if ".lmp.type:" in line],
                         ['forms.P.fields.lmp.type: unknown type "int"; did you mean "integer"?'])
        self.assertEqual([line for line in lines if ".name.length:" in line],
                         ["forms.P.fields.name.length: minimum 30 is greater than maximum 5"])
        self.assertTrue(any(".position: " in line and "order of the fields" in line
                            for line in lines), lines)
        places = [line.split(": ")[0].split(".")[3] for line in lines
                  if line.startswith("forms.P.fields.")]
        self.assertEqual(places, sorted(places, key=["lmp", "when", "name"].index))

    def test_forms_in_body_order(self):
        lines = self.lines({k: {"meta": {"code": k}, "fields": {"a": field("int", "a")}}
                            for k in ("Z", "A", "M")})
        self.assertEqual([line.split(".")[1] for line in lines if ".type:" in line],
                         ["Z", "A", "M"])

    def test_limit(self):
        forms = {f"F{i}": {"meta": {"code": f"F{i}"}, "fields": {"a": field("int", "a")}}
                 for i in range(80)}
        lines = self.lines(forms)
        self.assertEqual(len([line for line in lines if line.startswith("forms.")]), 50)
        self.assertEqual(len(lines), 51)
        self.assertIn("30", lines[50])

    def test_strange_names_do_not_break_the_lines(self):
        lines = self.lines({"A\nB": {"meta": {"code": "A\nB"}, "fields": {
            'x"\n\u2028': field("int", "a")}}})
        self.assertTrue(all(line.startswith("forms.") for line in lines), lines)


class Alias(Base):
    """The route that cht-conf really calls."""

    def test_put(self):
        self.start({"a": {"x": 1}, "b": 1})
        self.check(self.c.put(ALIAS + "?replace=1", {"a": {"y": 1}}), 200,
                   {"success": True, "updated": True, "upgraded": True})
        self.check(self.c.put(ALIAS + "?replace=1", {"a": {"y": 1}}), 200,
                   {"success": True, "updated": False, "upgraded": False})
        self.assertEqual(self.get(), {"a": {"y": 1}, "b": 1})
        answer = self.check(self.c.put(ALIAS, {"forms": faulty(type="int")}), 200).json()
        self.assertIs(answer["success"], False)
        self.assertIn("forms.P.fields.lmp.type: unknown type", answer["error"])
        self.assertEqual(self.get(), {"a": {"y": 1}, "b": 1})
        answer = self.check(self.c.put(ALIAS + "?form_rules=warn", {"forms": faulty(type="int")}), 200)
        self.assertEqual((answer.json()["success"], answer.json()["updated"]), (True, True))
        self.assertIn("forms.P.fields.lmp.type", [w["path"] for w in answer.json()["warnings"]])

    def test_the_modes_are_the_same(self):
        self.start({"a": {"x": 1}, "b": 1})
        self.check(self.c.put(ALIAS, {"a": {"y": 2}}), 200)
        self.assertEqual(self.get(), {"a": {"x": 1, "y": 2}, "b": 1})
        self.check(self.c.put(ALIAS + "?replace=false", {"a": {"z": 3}}), 200)
        self.assertEqual(self.get(), {"a": {"x": 1, "y": 2, "z": 3}, "b": 1})
        self.check(self.c.put(ALIAS + "?overwrite=1&replace=1", {"only": 1}), 200)
        self.assertEqual(self.get(), {"only": 1})

    def test_errors(self):
        self.start({"a": 1})
        for body, headers, status, text in (
                ('{"a":', {}, 400, None), ("[1]", {}, 400, "settings must be a JSON object"),
                ('{"a":{}}', {}, 400, 'cannot merge an object into "a", which is a number; use replace'),
                ("{}", {"Content-Type": "text/plain"}, 400, "Content-Type must be application/json")):
            answer = self.c.put(ALIAS, body, headers)
            self.assertEqual((answer.status, answer.json()["code"]), (status, status))
            if text:
                self.assertEqual(answer.json()["error"], text)
        answer = self.c.put(ALIAS, "{}", auth=False)
        self.assertEqual((answer.status, answer.text), (401, "not logged in"))
        self.assertEqual(self.c.put(ALIAS.replace("/medic/_d", "/other/_d"), {}).status, 404)
        self.assertEqual(self.get(), {"a": 1})


if __name__ == "__main__":
    main()
