# SPDX-License-Identifier: MIT
"""The command line: cli.md."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "http"))
from harness import FORMS, TROUBLE, binary, field, main  # noqa: E402

VECTORS = os.environ.get("BARUA_VECTORS") or os.path.join(HERE, "..", "vectors")


class Cli(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="barua-cli-")
        self.addCleanup(self.directory.cleanup)

    def file(self, value, name="settings.json"):
        """A file with @value, JSON unless it is text or bytes."""
        path = os.path.join(self.directory.name, name)
        data = value if isinstance(value, bytes) else \
            (value if isinstance(value, str) else json.dumps(value)).encode()
        with open(path, "wb") as f:
            f.write(data)
        return path

    def run_cli(self, *args, stdin=b"", status=0, env=None, timeout=60):
        data = stdin if isinstance(stdin, bytes) else stdin.encode()
        done = subprocess.run([binary(), *args], input=data, capture_output=True, timeout=timeout,
                              cwd=self.directory.name,
                              env=dict(os.environ, TZ="UTC", G_DEBUG="fatal-criticals",
                                       **(env or {})))
        err = done.stderr.decode(errors="replace")
        self.assertFalse([line for line in err.splitlines() if TROUBLE.search(line)], err)
        if status is not None:
            self.assertEqual(done.returncode, status,
                             f"{args}\n{done.stdout[-2000:]!r}\n{err[-2000:]}")
        self.status = done.returncode
        return done.stdout.decode(), err

    def parse(self, *lines, settings=None, args=(), status=0):
        """`barua parse` on these input lines; the output values."""
        text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n"
                       for line in lines)
        path = self.file({"forms": FORMS} if settings is None else settings)
        out, _ = self.run_cli("parse", "--settings", path, *args, stdin=text, status=status)
        values = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(len(values), len(lines), "one line a line")
        return values


class Usage(Cli):
    def test_help(self):
        for command in ([], ["serve"], ["parse"], ["forms"], ["forms", "check"], ["check"],
                        ["reindex"], ["backup"], ["restore"], ["migrate"]):
            with self.subTest(command=command):
                out, _ = self.run_cli(*command, "--help")
                self.assertIn("barua", out.lower())
                self.assertGreater(len(out), 30)
        out, _ = self.run_cli("--help")
        for name in ("serve", "parse", "forms", "check", "reindex", "backup", "restore",
                     "migrate"):
            self.assertIn(name, out)
        out, _ = self.run_cli("parse", "--help")
        for option in ("--settings", "--definition", "--form", "--locale", "--explain"):
            self.assertIn(option, out)
        out, _ = self.run_cli("serve", "--help")
        for option in ("--database", "--listen"):
            self.assertIn(option, out)

    def test_version(self):
        out, _ = self.run_cli("--version")
        self.assertRegex(out, r"\d+\.\d+")

    def test_wrong_usage(self):
        for args in (["nope"], ["--nope"], ["parse", "--nope"], ["serve", "--nope"],
                     ["serve", "--listen"], ["serve", "--listen", "not-an-address"],
                     ["forms"], ["forms", "nope"], ["forms", "check"], ["check", "--nope"],
                     ["parse", "surplus"]):
            with self.subTest(args=args):
                out, err = self.run_cli(*args, status=2)
                self.assertEqual(out, "", "complaints go to stderr")
                self.assertNotEqual(err, "")
                self.assertEqual(os.listdir(self.directory.name), [], "nothing is made before")

    def test_no_command(self):
        self.run_cli(status=2)

    def test_unreadable(self):
        missing = os.path.join(self.directory.name, "missing.json")
        for args in (["parse", "--settings", missing], ["forms", "check", missing],
                     ["parse", "--settings", self.file("{}"), "--definition", missing],
                     ["parse", "--settings", self.file("{", "bad.json")],
                     ["check", "--database", os.path.join(missing, "x.db")],
                     ["serve", "--database", os.path.join(missing, "x.db"),
                      "--listen", "127.0.0.1:0"]):
            with self.subTest(args=args):
                _, err = self.run_cli(*args, status=1)
                self.assertNotEqual(err, "")


class Parse(Cli):
    def core(self, value):
        """The members that cli.md promises; more may follow."""
        return {k: value[k] for k in ("form", "fields", "errors", "format")}

    def test_shape(self):
        value, = self.parse({"message": "1!YYYZ!Sam#23#2015#ANC", "from": "+254712345678"})
        self.assertEqual(self.core(value), {
            "form": "YYYZ", "errors": [], "format": "muvuku", "fields": {
                "nurse": "Sam", "week": 23, "year": 2015, "visit": "ANC"}})

    def test_formats(self):
        for message, form, fmt, fields in (
                ("1!YYYZ!Sam#23#2015#ANC", "YYYZ", "muvuku", 4),
                ("J1!YYYZ!nur#Sam#wk#23", "YYYZ", "javarosa", 2),
                ("YYYZ nur Sam#wk 23", "YYYZ", "textforms", 2),
                ("yyyz Sam 23 2015 ANC", "YYYZ", "compact", 4),
                ("1!NOPE!Sam", "NOPE", "muvuku", 0), ("A1!YYYZ!Sam", "YYYZ", "muvuku", 0),
                ("Z9!NOPE!Sam", "NOPE", "muvuku", 0), ("J1!NOPE!a#b", "NOPE", "javarosa", 0),
                ("hello there", "HELLO", None, 0), ("#", None, None, 0), ("", None, None, 0),
                ("   ", None, None, 0)):
            with self.subTest(message):
                value, = self.parse({"message": message, "from": "+254712345678"})
                self.assertEqual((value["form"], len(value["fields"])), (form, fields), value)
                if fmt or not message.strip():
                    self.assertEqual(value["format"], fmt)

    def test_json_records(self):
        value, = self.parse({"week": 3, "Nurse": "Ann", "_meta": {"form": "yyyz"}})
        self.assertEqual(self.core(value), {"form": "YYYZ", "errors": [], "format": "json",
                                            "fields": {"week": 3, "nurse": "Ann"}})

    def test_absent_and_null(self):
        value, = self.parse({"message": "1!YYYZ!Sam##x", "from": "1"})
        self.assertEqual(value["fields"], {"nurse": "Sam", "week": None, "year": None})

    def test_types(self):
        value, = self.parse({"message": "1!PREG!007#Ann#2#1#2024-01-05", "from": "1"})
        self.assertEqual(value["fields"], {
            "patient_id": "007", "mother_name": "Ann", "gravida": 2, "high_risk": True,
            "lmp_date": 1704412800000})

    def test_dotted_keys(self):
        forms = {"D": {"meta": {"code": "D"}, "fields": {
            "q.a": field("integer", "a"), "q.b": field("integer", "b"),
            "c": field("string", "c")}}}
        value, = self.parse({"message": "1!D!1#2#x", "from": "1"}, settings={"forms": forms})
        self.assertEqual(value["fields"], {"q": {"a": 1, "b": 2}, "c": "x"})

    def test_errors(self):
        values = self.parse({"message": "1!PREG!", "from": "1"},
                            {"message": "1!PREG!1", "from": "1"},
                            {"message": "1!YYYZ!a#1#2#b#c", "from": "1"},
                            {"message": " ", "from": "1"})
        codes = [[e["code"] for e in v["errors"]] for v in values]
        self.assertEqual(codes[1:], [["sys.missing_fields"], ["extra_fields"], ["sys.empty"]])
        self.assertEqual(values[1]["errors"][0]["message"],
                         "Missing or invalid fields: mother_name.")

    def test_locale(self):
        line = {"message": " ", "from": "1"}
        for args, body, expected in ((), None, "Message appears empty."), \
                (("--locale", "fr"), None, "Le message reçu est vide."), \
                (("--locale", "fr"), "sw", "Ujumbe unaonekana kama ni mtupu."):
            value, = self.parse({**line, **({"locale": body} if body else {})}, args=args)
            self.assertEqual(value["errors"][0]["message"], expected)

    def test_translations_of_the_settings(self):
        forms = {"T": {"meta": {"code": "T"}, "fields": {
            "a": {"type": "string", "labels": {"tiny": "t.a"}},
            "b": {"type": "string", "labels": {"tiny": "t.b"}}}}}
        settings = {"forms": forms, "locale": "sw", "translations": {
            "sw": {"t.a": "moja", "t.b": "mbili"}, "en": {"t.a": "one", "t.b": "two"}}}
        value, = self.parse({"message": "T mbili x#moja y", "from": "1"}, settings=settings)
        self.assertEqual(value["fields"], {"a": "y", "b": "x"})

    def test_empty_settings(self):
        value, = self.parse({"message": "1!YYYZ!Sam", "from": "1"}, settings={})
        self.assertEqual((value["form"], value["fields"], value["format"]),
                         ("YYYZ", {}, "muvuku"))

    def test_lines_that_are_not_json(self):
        path = self.file({"forms": FORMS})
        text = '{"message":"YYYZ nur A","from":"1"}\nnot json\n"text"\n[]\n5\n{"x":\n' \
               '{"message":"YYYZ nur B","from":"1"}\n'
        out, _ = self.run_cli("parse", "--settings", path, stdin=text, status=1)
        values = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(len(values), 7)
        self.assertEqual([v.get("fields", {}).get("nurse") for v in (values[0], values[6])],
                         ["A", "B"])
        self.assertTrue(all("error" in v for v in (values[1], values[5])), values)

    def test_refused_records(self):
        """parsing.md 2: an answer, and no failure."""
        values = self.parse({"message": "x"}, {"from": "1"}, {"_meta": {}},
                            {"_meta": {"form": "nope"}}, {"_meta": None, "x": 1})
        self.assertEqual([v.get("error") for v in values], [
            "Missing required value: from", "Missing required field: message",
            "Missing required field: form", "Form not found: NOPE", "Missing _meta property."])

    def test_last_line_without_an_end(self):
        path = self.file({"forms": FORMS})
        out, _ = self.run_cli("parse", "--settings", path,
                              stdin='{"message":"YYYZ nur A","from":"1"}')
        self.assertEqual(json.loads(out)["fields"], {"nurse": "A"})

    def test_no_input(self):
        out, _ = self.run_cli("parse", "--settings", self.file("{}"))
        self.assertEqual(out, "")

    def test_definition(self):
        bare = {"fields": {"a": {"type": "integer"}, "b": {"type": "string"}}}
        path = self.file(bare, "bare.json")
        for message, fields in (("5 hello", {"a": 5, "b": "hello"}),
                                ("1!XYZ!5#hello", {"a": 5, "b": "hello"})):
            with self.subTest(message):
                value, = self.parse({"message": message, "from": "1"}, settings={},
                                    args=("--definition", path))
                self.assertEqual(value["fields"], fields)

    def test_definition_with_a_code(self):
        """Its own code is cut off where it is there, and nothing else."""
        path = self.file(FORMS["YYYZ"], "yyyz.json")
        for message in ("YYYZ Sam 23 2015 ANC", "Sam 23 2015 ANC", "yyyz Sam 23 2015 ANC"):
            with self.subTest(message):
                value, = self.parse({"message": message, "from": "1"}, settings={},
                                    args=("--definition", path))
                self.assertEqual(value["fields"], {"nurse": "Sam", "week": 23, "year": 2015,
                                                   "visit": "ANC"})

    def test_form_option(self):
        value, = self.parse({"message": "Sam 23 2015 ANC", "from": "1"}, args=("--form", "YYYZ"))
        self.assertEqual(value["fields"].get("week"), 23, value)

    def test_bad_definitions(self):
        for text in ("[]", "5", "{", '{"fields":[]}', '{"fields":{"a":5}}'):
            with self.subTest(text):
                self.run_cli("parse", "--settings", self.file("{}"), "--definition",
                             self.file(text, "d.json"), stdin='{"message":"a","from":"1"}\n',
                             status=None)
                self.assertIn(self.status, (0, 1))

    def test_many_lines(self):
        lines = [{"message": f"1!YYYZ!Sam#{i}#2015#ANC", "from": "1"} for i in range(20000)]
        values = self.parse(*lines)
        self.assertEqual([v["fields"]["week"] for v in values], list(range(20000)))

    def test_bad_bytes(self):
        path = self.file({"forms": FORMS})
        out, _ = self.run_cli("parse", "--settings", path, status=1, stdin=(
            b'{"message":"\xff","from":"1"}\n\x00\n' + b"[" * 300000 + b"\n"
            + b'{"message":"YYYZ nur \\u0000","from":"1"}\n' + b'{"message":5,"from":"1"}\n'))
        self.assertEqual(len(out.splitlines()), 5)
        for line in out.splitlines():
            json.loads(line)


class Explain(Cli):
    def explain(self, message, settings=None):
        value, = self.parse({"message": message, "from": "1"}, settings=settings,
                            args=("--explain",))
        return value, value["explain"]

    def tokens(self, explain):
        """The list of tokens, wherever in the object it stands."""
        if isinstance(explain, list):
            return explain
        return next(v for v in explain.values() if isinstance(v, list) and v
                    and isinstance(v[0], dict) and "offset" in v[0])

    def test_tokens(self):
        for message in ("1!YYYZ!Sam#23#2015#ANC", "YYYZ nur Sam#wk 23", "YYYZ Sam 23 2015 ANC",
                        "J1!YYYZ!nur#Sam#wk#23", "YYYZ wk नमस्ते #nur é"):
            with self.subTest(message):
                value, explain = self.explain(message)
                tokens = self.tokens(explain)
                data, end = message.encode(), 0
                for token in tokens:
                    self.assertIn("offset", token)
                    self.assertIn("length", token)
                    self.assertGreaterEqual(token["offset"], end, "tokens are in order")
                    end = token["offset"] + token["length"]
                    self.assertLessEqual(end, len(data))
                    data[token["offset"]:end].decode()
                words = {str(v) for t in tokens for v in t.values()}
                self.assertTrue({"code", "value"} <= words, tokens)
                plain, = self.parse({"message": message, "from": "1"})
                for k in ("form", "fields", "errors", "format"):
                    self.assertEqual(value[k], plain[k])

    def test_near_codes(self):
        """Edit distance 1, and a missing blank, with the corrected message."""
        for message in ("YYYX Sam 23 2015 ANC", "YYZ Sam 23 2015 ANC", "YYYZZ Sam 23 2015 ANC",
                        "PREG12345 Ann"):
            with self.subTest(message):
                _, explain = self.explain(message)
                text = json.dumps(explain)
                self.assertIn("PREG 12345 Ann" if message[0] == "P" else "YYYZ Sam 23 2015 ANC",
                              text)
        _, explain = self.explain("completely different words")
        self.assertNotIn("YYYZ", json.dumps(explain))


class Vectors(Cli):
    """Every record vector through the program: fields, form and errors as in the vectors.
    Those with a locale of the query are left to the server: `--locale` is the body's here."""

    FILES = ("muvuku", "javarosa", "textforms", "compact", "locale-errors", "malformed", "json",
             "differs", "bikram-sambat")

    def load(self, name):
        with open(os.path.join(VECTORS, f"parsing-{name}.json"), encoding="utf-8") as f:
            return json.load(f)

    def test_all(self):
        translations = self.load("translations")
        groups = {}
        for name in self.FILES:
            for v in self.load(name):
                if v["kind"] in ("record_form", "record_json") and v.get("level") != "metadata" \
                        and isinstance(v["input"], dict) and "query_locale" not in v:
                    groups.setdefault(v.get("settings"), []).append((name, v))
        self.assertGreater(sum(map(len, groups.values())), 500)
        count, bad = 0, []
        for settings, vectors in groups.items():
            path = self.file({**(self.load("settings-" + settings) if settings else {}),
                              "translations": translations})
            lines, kept = [], []
            for name, v in vectors:
                message = v["input"]
                # A line is a JSON record exactly when it has no `message` but a `_meta`.
                is_json = "_meta" in message and "message" not in message
                if is_json != (v["kind"] == "record_json"):
                    continue
                lines.append(json.dumps(message))
                kept.append((name, v))
            out, _ = self.run_cli("parse", "--settings", path, stdin="\n".join(lines) + "\n",
                                  status=None)
            out = out.splitlines()
            self.assertEqual(len(out), len(lines), settings)
            for (name, v), line in zip(kept, out):
                count += 1
                value = json.loads(line)
                if "expected_error" in v:
                    good = value == {"error": v["expected_error"]}
                else:
                    good = value.get("fields") == v["expected"]["fields"] and \
                        value.get("errors") == v["expected"]["errors"]
                    if "form" in v["expected"]:
                        good = good and value.get("form") == v["expected"]["form"]
                if not good:
                    bad.append(f"{name}: {v['name']}: wanted "
                               f"{json.dumps(v.get('expected', v.get('expected_error')))[:400]} "
                               f"got {line[:400]}")
        self.assertGreater(count, 500)
        self.assertFalse(bad, f"{len(bad)} of {count} differ:\n" + "\n".join(bad[:20]))


class FormsCheck(Cli):
    def check(self, *values, status=0, args=()):
        paths = [self.file(v, f"f{i}.json") for i, v in enumerate(values)]
        out, _ = self.run_cli("forms", "check", *args, *paths, status=status)
        return out.splitlines(), paths

    def test_good(self):
        self.assertEqual(self.check({"forms": {"P": {"meta": {"code": "P"}, "fields": {
            "name": field("string", "nm")}}}})[0], [])

    def test_findings(self):
        lines, (path,) = self.check({"forms": {"PREG": {"meta": {"code": "PREG"}, "fields": {
            "gravida": field("int", "gr")}}}}, status=1)
        self.assertEqual(lines, [f'{path}: forms.PREG.fields.gravida.type: error: '
                                 f'unknown type "int"; did you mean "integer"?'])

    def test_warnings_are_no_failure(self):
        lines, (path,) = self.check({"forms": {"P": {"meta": {"code": "P"}, "fields": {
            "a": {"type": "string"}}}}})
        self.assertTrue(lines)
        for line in lines:
            self.assertRegex(line, r"^" + path + r": forms\.P\.\S+: warning: .")

    def test_several_files(self):
        good = {"forms": {}}
        bad = {"forms": {"P": {"meta": {"code": "P"}, "fields": {"a": field("int", "a")}}}}
        lines, paths = self.check(good, bad, good, bad, status=1)
        self.assertEqual([line.split(":")[0] for line in lines], [paths[1], paths[3]])

    def test_one_definition(self):
        lines, (path,) = self.check({"meta": {"code": "P"}, "fields": {"a": field("int", "a")}},
                                    status=1)
        self.assertEqual(len(lines), 1)
        self.assertTrue(lines[0].startswith(path + ": "), lines)
        self.assertIn("fields.a.type: error: ", lines[0])

    def test_not_json(self):
        for data in ("", "{", "[]", "5", b"\xff"):
            with self.subTest(data):
                out, err = self.run_cli("forms", "check", self.file(data, "x.json"), status=1)
                self.assertNotEqual(out + err, "")

    def test_vector_settings(self):
        """Large real-looking files: no crash, and the odd one has errors or warnings."""
        for name in ("mama", "sante", "afya", "swasthya", "odd"):
            out, _ = self.run_cli("forms", "check", os.path.join(
                VECTORS, f"parsing-settings-{name}.json"), status=None)
            self.assertIn(self.status, (0, 1))
            self.assertEqual(self.status == 1, any(": error: " in x for x in out.splitlines()))

    def test_json_report(self):
        bad = {"forms": {"P": {"meta": {"code": "P"}, "fields": {"a": field("int", "a")}}}}
        out, _ = self.run_cli("forms", "check", "--json", self.file(bad), status=1)
        text = json.dumps(json.loads(out))
        self.assertIn("forms.P.fields.a.type", text)


    def test_labels_and_codes_that_are_never_found(self):
        """Point by point as the server says it: tests/http/test_design.py compares the words."""
        lines, (path,) = self.check({"forms": {"J1": {"meta": {"code": "J1"}, "fields": {
            "a": {"type": "integer", "labels": {"tiny": "q1"}},
            "b": {"type": "string", "labels": {"tiny": {"fr": "d\u00e9c\u00e8s"}}},
            "Age": {"type": "integer"},
            "c": {"type": "string", "labels": {"tiny": "12"}}}}}})
        self.assertEqual([line[len(path) + 2:] for line in lines], [
            'forms.J1: warning: the form code looks like the header of a Muvuku message: one that '
            'begins "J1!" is not read with this form',
            'forms.J1.fields.a.labels.tiny: warning: "q1" has a digit: Textforms never finds it, a '
            'label there is made of the letters A to Z, _ . and *',
            'forms.J1.fields.b.labels.tiny: warning: "d\u00e9c\u00e8s" has a character that is not '
            'ASCII: Textforms never finds it, a label there is made of the letters A to Z, _ . and *',
            'forms.J1.fields.Age.labels.tiny: warning: missing, and Textforms cannot write the name '
            '"Age": the field can only be reached by position',
            'forms.J1.fields.c.labels.tiny: warning: "12" has a digit: Textforms never finds it, a '
            'label there is made of the letters A to Z, _ . and *',
            'forms.J1.fields.c.labels.tiny: warning: "12" may begin a value: a compact message that '
            'begins so is taken for Textforms'])

    def test_a_forms_object(self):
        """Definitions by code, without settings around them."""
        lines, (path,) = self.check({"P": {"meta": {"code": "P"}, "fields": {
            "a": field("int", "a")}}}, status=1)
        self.assertEqual(lines, [f'{path}: forms.P.fields.a.type: error: unknown type "int"; '
                                 'did you mean "integer"?'])


class FormsGuide(Cli):
    """`barua forms guide`: examples that the parser reads as they were meant."""

    SYNTAXES = {"Muvuku": "muvuku", "JavaRosa": "javarosa", "Textforms": "textforms",
                "compact": "compact"}

    def guide(self, settings, *args):
        out, _ = self.run_cli("forms", "guide", "--settings", self.file(settings), *args)
        return out

    def examples(self, out):
        """Example by format; None for one that was left out."""
        found = {}
        for line in out.splitlines():
            name, text = line[2:11].strip(), line[12:]
            if line.startswith("  ") and name in self.SYNTAXES:
                found[self.SYNTAXES[name]] = None if text.startswith("not possible: ") else text
        self.assertEqual(set(found), set(self.SYNTAXES.values()), out)
        return found

    EVERY = {"text": field("string", "tx", required=True),
             "count": field("integer", "ct", range=[3, 9]),
             "pick": {**field("integer", "pk"), "list": [[4, "four"], [5, "five"]]},
             "place": {**field("string", "pl"), "list": [["H", {"en": "Home", "fr": "Maison"}]]},
             "sure": field("boolean", "su"), "when": field("date", "wh"),
             "month": field("month", "mo"), "phone": field("phone_number", "ph"),
             "name": field("string", "nam", length=[8, 10])}

    def test_every_type(self):
        settings = {"default_country_code": 254, "phone_validation": "partial",
                    "forms": {"ALL": {"meta": {"code": "ALL"}, "fields": self.EVERY}}}
        examples = self.examples(self.guide(settings))
        wanted = None
        for name, text in examples.items():
            with self.subTest(name):
                value = self.parse({"message": text, "from": "1"}, settings=settings)[0]
                self.assertEqual((value["format"], value["errors"]), (name, []), text)
                wanted = wanted or value["fields"]
                self.assertEqual(value["fields"], wanted, text)
        self.assertEqual(set(wanted), set(self.EVERY))
        self.assertEqual((wanted["pick"], wanted["place"], wanted["sure"], wanted["phone"]),
                         ("four", "Home", True, "+254712345678"))
        self.assertTrue(3 <= wanted["count"] <= 9 and 8 <= len(wanted["name"]) <= 10, wanted)

    def test_text(self):
        settings = {"forms": {"P": {"meta": {"code": "P", "label": {"en": "Visit", "sw": "Ziara"}},
                                    "fields": {"w": {"type": "integer", "required": True,
                                                     "range": [1, 53],
                                                     "labels": {"tiny": {"en": "wk", "sw": "wiki"},
                                                                "short": {"en": "Week"}}}}}}}
        self.assertEqual(self.guide(settings), """P: Visit

  #  field  label  what to write
  1  Week   wk     a whole number, 1 to 53; must not be left out

  Muvuku    1!P!12
            (values in this order, # between them; nothing between two # leaves one out)
  JavaRosa  J1!P!wk#12
            (label#value pairs in any order; \\# for a # in a value)
  Textforms P wk 12
            (label, blank, value; # between the pairs, in any order)
  compact   P 12
            (values in this order, blanks between them; a value with blanks in quotes)
""")
        swahili = self.guide(settings, "--locale", "sw")
        self.assertTrue(swahili.startswith("P: Ziara\n"), swahili)
        self.assertIn("  Textforms P wiki 12\n", swahili)
        self.assertIn("  JavaRosa  J1!P!wk#12\n", swahili)  # settings locale: parsing.md 5.2

    def test_what_cannot_be_written(self):
        for code, fields, missing in (
                ("P", {"Age": {"type": "integer"}}, {"javarosa", "textforms"}),
                ("P", {"a": {"type": "integer", "labels": {"tiny": "q1"}},
                       "b": {"type": "integer"}}, {"javarosa"}),
                ("V-2", {"a": field("integer", "a")}, {"textforms", "compact"}),
                ("p", {"a": field("integer", "a")}, set(self.SYNTAXES.values())),
                ("P", {"a": {"type": "complex"}, "b": field("integer", "b")},
                 {"muvuku", "compact"}),  # an empty value is no object: sys.incorrect_type
                ("P", {"a": field("integer", "12")}, {"compact"})):
            with self.subTest((code, fields)):
                settings = {"forms": {code: {"meta": {"code": code}, "fields": fields}}}
                examples = self.examples(self.guide(settings))
                self.assertEqual({k for k, v in examples.items() if v is None}, missing)
                for name, text in examples.items():
                    if text is not None:
                        value = self.parse({"message": text, "from": "1"}, settings=settings)[0]
                        self.assertEqual((value["form"], value["format"]), (code, name))

    def test_one_form(self):
        settings = {"forms": {**FORMS, "OFF": {"meta": {"code": "OFF"}}}}
        self.assertEqual(self.guide(settings).count("  Muvuku "), 3)
        one = self.guide(settings, "--form", "PREG")
        self.assertEqual(one.count("  Muvuku "), 1)
        self.assertTrue(one.startswith("PREG"))
        # without fields even an empty value is one too many (parsing.md 5.1)
        self.assertEqual(self.examples(self.guide(settings, "--form", "OFF")),
                         {"muvuku": None, "javarosa": "J1!OFF!", "textforms": "OFF",
                          "compact": "OFF"})

    def test_vector_settings(self):
        """Each example of the large settings is read by its form, without an error."""
        count = 0
        for name in ("mama", "sante", "afya", "swasthya", "odd"):
            path = os.path.join(VECTORS, f"parsing-settings-{name}.json")
            with open(path, encoding="utf-8") as f:
                settings = json.load(f)
            out, _ = self.run_cli("forms", "guide", "--settings", path)
            messages = [line[12:] for line in out.splitlines()
                        if line[2:11].strip() in self.SYNTAXES and line.startswith("  ")
                        and not line[12:].startswith("not possible: ")]
            for value in self.parse(*({"message": m, "from": "1"} for m in messages),
                                    settings=settings):
                self.assertIn(value["form"], settings["forms"])
                self.assertNotIn("extra_fields", [e["code"] for e in value["errors"]])
                self.assertNotIn("sys.incorrect_type", [e["code"] for e in value["errors"]])
                count += 1
        self.assertGreater(count, 100)

    def test_wrong_usage(self):
        path = self.file({"forms": FORMS})
        for args, status in (([], 2), (["--settings", path, "x"], 2), (["--nope"], 2),
                             (["--settings", path, "--form", "NOPE"], 1),
                             (["--settings", path + ".not"], 1),
                             (["--settings", self.file("[]", "list.json")], 1),
                             (["--settings", self.file("{", "broken.json")], 1)):
            with self.subTest(args):
                out, err = self.run_cli("forms", "guide", *args, status=status)
                self.assertEqual(out, "")
                self.assertIn("barua forms guide: ", err)


class CheckDatabase(Cli):
    """`barua check`: derived rows equal to what the documents say."""

    def test_fresh_and_used(self):
        from harness import Server, replies_settings
        server = Server()
        try:
            server.start()
            c = server.client()
            c.settings(replies_settings())
            found = c.sms([{"id": f"k{i}", "from": f"+25471299{i:04d}", "content": "hi"}
                           for i in range(10)])
            c.sms(updates=[{"id": found[0]["id"], "status": "SENT"}])
            self.run_cli("check", "--database", server.database)  # beside a running server
            server.stop()
            out, _ = self.run_cli("check", "--database", server.database)
            self.damage(server.database)
            out, _ = self.run_cli("check", "--database", server.database, status=1)
            self.assertNotEqual(out, "", "differences are printed")
        finally:
            if server.process:
                server.kill()

    def damage(self, database):
        import sqlite3
        with sqlite3.connect(database) as db:
            changed = db.execute("UPDATE msg SET state = state + 1 WHERE msgnum = "
                                 "(SELECT max(msgnum) FROM msg)").rowcount
        db.close()
        self.assertEqual(changed, 1)


class Serve(Cli):
    def test_random_password_is_printed_once(self):
        from harness import Server
        server = Server()
        del server.env["BARUA_ADMIN_PASSWORD"]
        try:
            server.start()
            first = server.log()
            self.assertIn("admin", first)
            server.stop()
            server.start()
            second = server.log()[len(first):]
            self.assertNotIn("password", second.lower())
        finally:
            if server.process:
                server.kill()

    def test_the_first_password_stays(self):
        """BARUA_ADMIN_PASSWORD makes the account; later it changes nothing."""
        from harness import Server
        server = Server()
        try:
            server.start()
            self.assertEqual(server.client().get("/api/sms").status, 200)
            server.stop()
            server.env["BARUA_ADMIN_PASSWORD"] = "Another.0ne:entirely"
            server.start()
            self.assertEqual(server.client().get("/api/sms").status, 200)
        finally:
            if server.process:
                server.kill()

    def test_several_listeners(self):
        import re
        from harness import Client, Server
        server = Server(args=["--listen", "127.0.0.1:0"])
        try:
            server.start()
            import time
            time.sleep(0.3)
            ports = re.findall(r"listening on http://127\.0\.0\.1:(\d+)", server.log())
            self.assertEqual(len(set(ports)), 2, server.log())
            for port in ports:
                self.assertEqual(Client(int(port)).get("/api/sms").status, 200)
        finally:
            if server.process:
                server.kill()

    def test_second_server_on_one_database(self):
        from harness import Server
        first = Server()
        second = Server(database=first.database)
        try:
            first.start()
            second.start(wait=False)
            self.assertEqual(second.process.wait(20), 1)
            second.process = None
            self.assertEqual(first.client().get("/api/sms").status, 200)
        finally:
            for s in (first, second):
                if s.process:
                    s.kill()

    def test_graceful_stop(self):
        from harness import Server
        import signal
        for how in (signal.SIGTERM, signal.SIGINT):
            server = Server().start()
            server.client().get("/api/sms")
            server.process.send_signal(how)
            self.assertEqual(server.process.wait(20), 0)
            server.process = None


if __name__ == "__main__":
    main()
