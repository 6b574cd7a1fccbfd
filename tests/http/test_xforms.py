# SPDX-License-Identifier: MIT
"""XForms: the lists, the files and the check of settings-and-forms.md 4 and 6.1, asked as ODK Collect
and cht-conf ask."""

import base64
import hashlib
import re
import threading
import unittest
import urllib.parse
import xml.etree.ElementTree as ElementTree

from harness import JSON_TYPE, Client, Server, ServerCase, field, main, raw_exchange

FORMS = {"OFF": {"meta": {"code": "OFF"}},
         "P": {"meta": {"code": "P"}, "fields": {"a": field("string", "a")}}}
LIST = "/api/v1/forms"
EMPTY = ('<?xml version="1.0" encoding="UTF-8"?>\n'
         '<xforms xmlns="http://openrosa.org/xforms/xformsList"/>')
NAMESPACE = "{http://openrosa.org/xforms/xformsList}"
ROSA = {"X-OpenRosa-Version": "1.0"}
COLLECT = "Dalvik/2.1.0 (Linux; U; Android 9) org.medicmobile.collect.android/v1.16.3"


def xform(form_id="visit", version="1", title="Visit", name="data", extra=""):
    attributes = "".join(f' {k}="{v}"' for k, v in (("id", form_id), ("version", version))
                         if v is not None)
    return ('<?xml version="1.0"?>\n<h:html xmlns="http://www.w3.org/2002/xforms" '
            'xmlns:h="http://www.w3.org/1999/xhtml"><h:head>'
            f"<h:title>{title}</h:title><model><instance><{name}{attributes}><a/></{name}>"
            f"</instance></model></h:head><h:body>{extra}</h:body></h:html>\n")


def setUpModule():
    ServerCase.begin()
    ServerCase.server.client().settings({"forms": FORMS})


def tearDownModule():
    ServerCase.end()


class Base(ServerCase):
    def setUp(self):
        super().setUp()
        self.ids = []

    def tearDown(self):
        for doc_id in self.ids:
            path = "/medic/" + urllib.parse.quote(doc_id, safe="")
            found = self.c.get(path)
            if found.status == 200:
                self.c.request("DELETE", f"{path}?rev={found.json()['_rev']}")
        self.check(self.c.get(LIST), 200, ["OFF.json", "P.json"])

    def put(self, name, text, internal_id="", collect=True, attachment="xml",
            kind="application/xml", **more):
        """Stores a form as cht-conf does; the document's id is form:@name."""
        doc_id = more.pop("_id", "form:" + name)
        doc = {"type": "form", "title": name, **more}
        if internal_id is not None:
            doc["internalId"] = internal_id or name
        if collect is not None:
            doc["context"] = {"collect": collect}
        if text is not None:
            data = text.encode() if isinstance(text, str) else text
            doc["_attachments"] = {attachment: {"content_type": kind,
                                                "data": base64.b64encode(data).decode()}}
        path = "/medic/" + urllib.parse.quote(doc_id, safe="")
        found = self.c.get(path)
        if found.status == 200:
            doc["_rev"] = found.json()["_rev"]
        self.check(self.c.put(path, doc), 201)
        self.ids.append(doc_id)

    def rosa(self, headers=None, client=None):
        answer = (client or self.c).get(LIST, {**ROSA, **(headers or {})})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.header("content-type"), "text/xml; charset=utf-8")
        self.assertEqual(answer.header("x-openrosa-version"), "1.0")
        return answer

    def listed(self, **kwargs):
        """The forms of the OpenRosa list, each a dictionary in document order."""
        root = ElementTree.fromstring(self.rosa(**kwargs).body)
        self.assertEqual(root.tag, NAMESPACE + "xforms")
        return [{child.tag.replace(NAMESPACE, ""): child.text for child in one} for one in root]


class Names(Base):
    """4.1"""

    def test_xforms_by_document_id_then_json(self):
        self.put("b", xform(), "zz")
        self.put("a.v2", xform(), collect=None)
        self.put("C", xform(), collect=False)
        self.put("contact:person:create", xform(), collect=None,
                 context={"person": True, "place": False})
        self.check(self.c.get(LIST), 200, ["C.xml", "a.v2.xml", "zz.xml",
                                           "contact:person:create.xml", "OFF.json", "P.json"])
        self.assertEqual(self.c.get(LIST).text.rstrip("\n"),
                         '["C.xml","a.v2.xml","zz.xml","contact:person:create.xml","OFF.json","P.json"]')

    def test_which_documents(self):
        self.put("none", None)
        self.put("model", "<model/>", attachment="model.xml")
        self.put("html", "<p/>", attachment="form.html", kind="text/html")
        self.put("other", xform(), attachment="other.xml")
        self.put("elsewhere", xform(), _id="some-form")
        self.put("note", xform(), type="note")
        self.put("nameless", xform(), internal_id=None)
        self.check(self.c.get(LIST), 200, ["nameless.xml", "other.xml", "elsewhere.xml",
                                           "OFF.json", "P.json"])

    def test_a_form_that_is_no_xml_can_be_fetched(self):
        self.put("bad", "<h:html>")
        self.check(self.c.get(LIST), 200, ["bad.xml", "OFF.json", "P.json"])
        self.assertEqual(self.c.get(LIST + "/bad.xml").text, "<h:html>")

    def test_deleted_and_changed(self):
        self.put("one", xform())
        self.check(self.c.get(LIST), 200, ["one.xml", "OFF.json", "P.json"])
        self.put("one", xform(), "renamed")
        self.check(self.c.get(LIST), 200, ["renamed.xml", "OFF.json", "P.json"])


class OpenRosa(Base):
    """4.2"""

    def test_the_example(self):
        text = xform("PregnancyRegistration", "20200101", "Registration &amp; LMP")
        self.put("reg.v2", text)
        digest = hashlib.md5(text.encode()).hexdigest()
        answer = self.rosa({"Host": "barua.example"})
        self.assertEqual(answer.text, f"""<?xml version="1.0" encoding="UTF-8"?>
<xforms xmlns="http://openrosa.org/xforms/xformsList">
  <xform>
    <name>Registration &amp; LMP</name>
    <formID>PregnancyRegistration</formID>
    <version>20200101</version>
    <hash>md5:{digest}</hash>
    <downloadUrl>http://barua.example/api/v1/forms/reg.v2.xml</downloadUrl>
  </xform>
</xforms>""")

    def test_any_version_but_the_empty_one(self):
        for version in ("1.0", "2.0", "x"):
            self.assertEqual(self.rosa({"X-OpenRosa-Version": version}).text, EMPTY)
        self.check(self.c.get(LIST, {"X-OpenRosa-Version": ""}), 200, ["OFF.json", "P.json"])

    def test_only_forms_of_collect(self):
        for i, collect in enumerate((True, 1, "yes", {}, [])):
            self.put(f"in{i}", xform(), collect=collect)
        for i, collect in enumerate((False, 0, "", None)):
            self.put(f"out{i}", xform(), collect=collect)
        self.put("out9", xform(), collect=None, context="collect")
        self.assertEqual([f["downloadUrl"].rsplit("/")[-1] for f in self.listed()],
                         [f"in{i}.xml" for i in range(5)])

    def test_what_is_in_the_form(self):
        html = '<h:html xmlns:h="h"><h:head>{}</h:head></h:html>'
        model = "<model><instance>{}</instance></model>"
        for text, name, form_id, version in (
                (xform("a", "7", "T &lt;&gt; &quot;&#233;"), 'T <> "é', "a", "7"),
                (xform("a", "", ""), None, "a", None),
                (xform(None, None, "T", "tag"), "T", "tag", None),
                (xform("", "2", "T", "tag"), "T", "tag", "2"),
                (xform("a", "1", "A <b>B</b> C"), "A ", "a", "1"),
                (xform("a", "1", "A&#13;B"), "A\rB", "a", "1"),
                (html.format(model.format("<x:d xmlns:x='x' version='3'/>")), None, "x:d", "3"),
                (html.format(model.format("") + model.format("<d/>")), None, None, None),
                ("<html><head><title>T</title></head></html>", None, None, None),
                ("<a/>", None, None, None)):
            with self.subTest(text):
                self.put("one", text)
                [found] = self.listed()
                self.assertEqual([found.get(k) for k in ("name", "formID", "version")],
                                 [name, form_id, version])
                self.assertEqual(list(found), [k for k in ("name", "formID", "version", "hash",
                                                           "downloadUrl") if found.get(k)])
                self.assertEqual(found["hash"], "md5:" + hashlib.md5(text.encode()).hexdigest())

    def test_malformed_ones_are_left_out_and_logged(self):
        self.put("a", xform())
        for i, text in enumerate((
                "<h:html>", "no xml", "", b"\xff\xfe\x00", "<a>&undefined;</a>",
                '<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>',
                '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
                "<a>" * 300 + "</a>" * 300, "<a>" + "x" * (8 << 20) + "</a>")):
            self.put(f"bad{i}", text)
        self.put("z", xform())
        self.assertEqual([f["downloadUrl"].rsplit("/")[-1] for f in self.listed()],
                         ["a.xml", "z.xml"])
        log = self.server.log()
        for i in range(9):
            self.assertRegex(log, f'the form "form:bad{i}" is left out of the list: ')
        self.listed()
        self.assertEqual(self.server.log().count('"form:bad0" is left out'), 1, "once is enough")

    def test_a_change_is_there_at_once(self):
        for i in range(5):
            self.put("one", xform(title=f"Title {i}"))
            self.assertEqual([f["name"] for f in self.listed()], [f"Title {i}"])
        self.put("two", xform(title="Title 4"))
        self.assertEqual([f["name"] for f in self.listed()], ["Title 4", "Title 4"])
        self.put("one", "<broken")
        self.assertEqual([f["name"] for f in self.listed()], ["Title 4"])

    def test_an_attachment_put_by_itself(self):
        self.put("one", None)
        self.assertEqual(self.listed(), [])
        rev = self.c.get("/medic/form%3Aone").json()["_rev"]
        answer = self.c.request("PUT", f"/medic/form:one/xml?rev={rev}", xform(title="Later"),
                                {"Content-Type": "application/xml"})
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual([f["name"] for f in self.listed()], ["Later"])

    def test_the_link_and_the_hash_lead_to_the_form(self):
        """What Collect does: take the list, then each file by its link, and compare the hash."""
        for name in ("visit", "reg.v2", "with space", "é&<>", "a:b", "50%", "q?x#y"):
            self.put(name.encode().hex(), xform(title=name.replace("&", "&amp;").replace("<", "&lt;")),
                     name)
        found = self.listed()
        self.assertEqual(len(found), 7)
        for one in found:
            url = urllib.parse.urlsplit(one["downloadUrl"])
            self.assertRegex(one["downloadUrl"], r"^[!-~]+$")
            self.assertEqual((url.query, url.fragment), ("", ""))
            answer = self.c.get(url.path, {**ROSA, "User-Agent": COLLECT})
            self.assertEqual(answer.status, 200, one)
            self.assertEqual("md5:" + hashlib.md5(answer.body).hexdigest(), one["hash"])

    def test_many_at_once(self):
        for i in range(20):
            self.put(f"f{i:02}", xform(f"id{i}", title=f"Form {i}"))
        answers = []

        def ask():
            answers.append(self.listed(client=self.server.client()))
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual([[f["name"] for f in a] for a in answers],
                         [[f"Form {i}" for i in range(20)]] * 8)


class Hosts(Base):
    """4.2 downloadUrl, 7 no. 11"""

    def link(self, headers, client=None):
        [found] = self.listed(headers=headers, client=client)
        return found["downloadUrl"]

    def test_host(self):
        self.put("a", xform())
        for host in ("barua.example", "barua.example:8443", "127.0.0.1:5988", "[::1]:5988",
                     "[fe80::1]", "a-b.c"):
            self.assertEqual(self.link({"Host": host}), f"http://{host}/api/v1/forms/a.xml")

    def test_bad_host(self):
        self.put("a", xform())
        for host in ("a/b", "a b", "user@host", "a<b", "a\"b", "a:x", "a:", "[::1", "[]:1", "é.example",
                     "a,b", "a%2fb", "ev'il", "[::1]x", ""):
            with self.subTest(host):
                answer = raw_exchange(self.server.port, (
                    f"GET {LIST} HTTP/1.1\r\nHost: {host}\r\nX-OpenRosa-Version: 1.0\r\n"
                    f"Authorization: {self.c.authorization}\r\nConnection: close\r\n\r\n").encode())
                self.assertRegex(answer, rb"^HTTP/1\.1 400 ")
                self.assertNotIn(b"<downloadUrl>", answer)

    def test_nobody_is_believed_unless_listed(self):
        self.put("a", xform())
        self.assertEqual(self.link({"Host": "in.example", "X-Forwarded-Proto": "https",
                                    "X-Forwarded-Host": "out.example"}),
                         "http://in.example/api/v1/forms/a.xml")

    def test_app_url(self):
        self.put("a", xform())
        self.c.settings({"forms": FORMS, "app_url": "https://afya.example/sub//"})
        try:
            self.assertEqual(self.link({"Host": "in.example"}),
                             "https://afya.example/sub/api/v1/forms/a.xml")
        finally:
            self.c.settings({"forms": FORMS})

    def test_behind_a_proxy(self):
        server = Server(env={"BARUA_HTTP_TRUSTED_PROXIES": "127.0.0.1"}).start()
        here = self.c
        self.c = server.client()
        try:
            self.put("a", xform())
            self.ids.clear()
            for headers, base in (
                    ({"X-Forwarded-Proto": "https"}, "https://in.example"),
                    ({"X-Forwarded-Proto": "http"}, "http://in.example"),
                    ({"X-Forwarded-Host": "out.example:8443"}, "http://out.example:8443"),
                    ({"X-Forwarded-Proto": "https", "X-Forwarded-Host": "out.example"},
                     "https://out.example")):
                self.assertEqual(self.link({"Host": "in.example", **headers}),
                                 base + "/api/v1/forms/a.xml")
            answer = self.c.get(LIST, {**ROSA, "Host": "in.example", "X-Forwarded-Host": "a/b"})
            self.assertEqual(answer.status, 400, answer)
        finally:
            self.c = here
            server.finish()


class Access(Base):
    def test_collect_without_and_with_credentials(self):
        """Collect asks without credentials first, and again after the prompt."""
        headers = {**ROSA, "User-Agent": COLLECT, "Accept-Encoding": "gzip"}
        agents = (COLLECT, "org.odk.collect.android/v1.30 Dalvik/2.1.0 (Linux; U; Android 9)", "")
        for path, agent, accept in ((p, a, t) for p in (LIST, LIST + "/a.xml") for a in agents
                                    for t in ("*/*", "text/xml, text/html, */*")):
            answer = self.c.get(path, {**headers, "User-Agent": agent, "Accept": accept}, auth=False)
            self.assertEqual(answer.status, 401, answer)
            self.assertEqual(answer.header("www-authenticate"),
                             'Basic realm="Medic Mobile Web Services"')
        self.assertEqual(self.c.get(LIST, headers).status, 200)

    def test_public_forms(self):
        self.put("a", xform())
        self.c.settings({"forms": FORMS, "barua": {"public_forms": True}})
        try:
            self.assertEqual(self.c.get(LIST, ROSA, auth=False).status, 200)
            self.assertEqual(self.c.get(LIST + "/a.xml", auth=False).text, xform())
        finally:
            self.c.settings({"forms": FORMS})
        self.assertEqual(self.c.get(LIST + "/a.xml", {"Accept": JSON_TYPE}, auth=False).status, 401)

    def test_head(self):
        self.put("a", xform())
        for path in (LIST, LIST + "/a.xml"):
            answer = self.c.request("HEAD", path, headers=ROSA)
            self.assertEqual((answer.status, answer.body), (200, b""))

    def test_gzip(self):
        for i in range(10):
            self.put(f"f{i}", xform())
        answer = self.c.get(LIST, {**ROSA, "Accept-Encoding": "gzip"})
        self.assertEqual(answer.header("content-encoding"), "gzip")


class Fetch(Base):
    """4.3"""

    def test_bytes_and_type_as_stored(self):
        for kind in ("application/xml", "text/xml", "application/xml; charset=utf-8"):
            self.put("visit", xform(title="é"), kind=kind)
            answer = self.c.get(LIST + "/visit.xml")
            self.assertEqual((answer.status, answer.text, answer.header("content-type")),
                             (200, xform(title="é"), kind))

    def test_large(self):
        text = xform(extra="<!-- " + "x" * 3000000 + " -->")
        self.put("large", text)
        self.assertEqual(self.c.get(LIST + "/large.xml").body, text.encode())
        self.assertEqual(self.listed()[0]["hash"], "md5:" + hashlib.md5(text.encode()).hexdigest())

    def test_which_attachment(self):
        self.put("a", xform(title="other"), attachment="a.xml")
        self.assertEqual(self.c.get(LIST + "/a.xml").text, xform(title="other"))
        rev = self.c.get("/medic/form:a").json()["_rev"]
        self.c.request("PUT", f"/medic/form:a/xml?rev={rev}", xform(title="the one"),
                       {"Content-Type": "application/xml"})
        self.assertEqual(self.c.get(LIST + "/a.xml").text, xform(title="the one"))

    def test_names(self):
        for name in ("reg.v2", "ANC_visit", "Two", "tWO", "contact:person:edit"):
            self.put(name, xform(title=name))
        for name, title in (("reg.v2", "reg.v2"), ("anc_VISIT", "ANC_visit"), ("Two", "Two"),
                            ("tWO", "tWO"), ("contact%3Aperson%3Aedit", "contact:person:edit"),
                            ("contact:person:edit", "contact:person:edit")):
            self.assertEqual(self.c.get(f"{LIST}/{name}.xml").text, xform(title=title), name)
        for name in ("two", "visit", "reg", "form%3Areg.v2"):
            answer = self.c.get(f"{LIST}/{name}.xml", {"Accept": JSON_TYPE})
            self.check(answer, 404, {"code": 404, "error": "Form not found: "
                                     f"{urllib.parse.unquote(name)} (xml)"})

    def test_uploaded_pages_do_not_run_here(self):
        self.put("page", "<script>1</script>", kind="text/html")
        answer = self.c.get(LIST + "/page.xml")
        self.assertEqual(answer.header("content-security-policy"), "sandbox")
        self.assertEqual(answer.headers.get_all("x-content-type-options"), ["nosniff"])


class Validate(ServerCase):
    """6.1"""

    def ask(self, text, kind="application/xml", client=None, headers=None):
        return (client or self.c).request("POST", LIST + "/validate", text,
                                          {"Content-Type": kind, **(headers or {})})

    def test_good(self):
        for kind in ("application/xml", "text/plain", "application/xml; charset=utf-8",
                     "Application/XML"):
            for accept in (JSON_TYPE, "text/plain", "*/*"):
                self.check(self.ask(xform(), kind, headers={"Accept": accept}), 200, {"ok": True})

    def test_bad(self):
        for text, reason in (
                ("<h:html>", r"^line \d+, column \d+: "), ("x", "^line 1, column 1: "),
                ("", "^line 1, column 1: "),
                ("<a>\n<b>\n</a>", "^line 3, column .*: Opening and ending tag mismatch: b and a$"), (xform().replace("</h:head>", ""), "h:head"),
                ("<!DOCTYPE a><a/>", "document type declaration"),
                ("<a/>", "^no title"), (xform(title=""), "^no title"),
                (xform().replace("instance", "x"), "^no instance"),
                (xform(form_id=None), "^no id"), (xform(form_id=""), "^no id"),
                ("<a>" + "x" * (8 << 20) + "</a>", "8 MiB")):
            for accept in (JSON_TYPE, "text/plain"):
                with self.subTest(text[:60]):
                    answer = self.check(self.ask(text, headers={"Accept": accept}), 400)
                    self.assertEqual(answer.header("content-type"), "application/json; charset=utf-8")
                    self.assertEqual(list(answer.json()), ["error"])
                    self.assertRegex(answer.json()["error"], reason)

    def test_gzip(self):
        import gzip
        answer = self.ask(gzip.compress(xform().encode()), headers={"Content-Encoding": "gzip"})
        self.check(answer, 200, {"ok": True})

    def test_nothing_is_stored(self):
        before = self.c.get("/medic").json()["update_seq"]
        self.ask(xform())
        self.assertEqual(self.c.get("/medic").json()["update_seq"], before)

    def test_permission(self):
        self.c.put("/_users/org.couchdb.user:reader", {
            "name": "reader", "type": "user", "roles": ["data_entry"], "password": "a-long-one-4-reader"})
        reader = Client(self.server.port, "reader", "a-long-one-4-reader")
        for accept in (JSON_TYPE, "text/plain"):
            answer = self.ask(xform(), client=reader, headers={"Accept": accept})
            self.check(answer, 403, {"error": "Insufficient privileges"})
        answer = self.c.request("POST", LIST + "/validate", xform(),
                                {"Content-Type": "application/xml", "Accept": JSON_TYPE}, auth=False)
        self.assertEqual(answer.status, 401)

    def test_other_types(self):
        for kind in ("application/octet-stream", "multipart/form-data"):
            self.assertEqual(self.ask(xform(), kind).status, 400)

    def test_hostile(self):
        """None of these may take long, reach out or end the server."""
        bomb = "<!DOCTYPE a [<!ENTITY e0 'x'>" + "".join(
            f"<!ENTITY e{i} '{f'&e{i - 1};' * 10}'>" for i in range(1, 20)) + "]><a>&e19;</a>"
        names = "<a " + " ".join(f"b{i}=''" for i in range(100000)) + "/>"
        for text in (bomb, names, "<a>" * 1000000, "<" * 1000000, "<a " * 1000000, "&" * 1000000,
                     "<!--" * 1000000, "<a><![CDATA[" * 300000, "<?a " * 1000000,
                     "<a b='" + "x" * 5000000):
            self.assertEqual(self.ask(text).status, 400, text[:20])
        for _ in range(3):
            self.check(self.ask(xform()), 200, {"ok": True})


class LoadedOnce(unittest.TestCase):
    def test_idle_programs_do_not_load_the_reader(self):
        """libxml2 costs 2 MiB: it comes with the first XForm."""
        server = Server().start()
        try:
            def maps():
                with open(f"/proc/{server.process.pid}/maps") as f:
                    return set(re.findall(r"\S*libxml2\S*", f.read()))
            client = server.client()
            client.settings({"forms": FORMS})
            self.assertEqual(client.get(LIST, ROSA).text, EMPTY)
            self.assertEqual(maps(), set())
            client.request("POST", LIST + "/validate", xform(), {"Content-Type": "application/xml"})
            self.assertNotEqual(maps(), set())
        finally:
            server.finish()


if __name__ == "__main__":
    main()
