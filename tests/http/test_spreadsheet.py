# SPDX-License-Identifier: MIT
"""Exports opened in a real spreadsheet, LibreOffice without a window (export-and-monitoring.md 1.4):
no cell runs, phone numbers and all scripts stay."""

import csv
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Server, main  # noqa: E402

OFFICE = shutil.which("soffice") or sys.exit("Bail out! soffice is missing (Debian package: libreoffice-calc-nogui)")
TO_CSV = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,true,true"  # as shown, quoted where needed
TO_XML = "fods"
START_S = 120  # a first start, which makes the profile, takes 2
T = 1600000000000
# field separator, text delimiter, character set (76: UTF-8), first line, columns, language
IMPORT = "CSV:44,34,76,1,,0,"
AS_TEXT = "true"    # "Format quoted field as text" of the import dialogue is ticked
AS_GUESSED = "false"
DANGEROUS = ["=1+1", "+1+1", "-1+1", "@SUM(1;1)", "\t=1+1", "\r=1+1", '=HYPERLINK("http://x.example")',
             "+254712345678+1", "=1+1,\"=2+2\"", "==1+1", "a\n=1+1", "\n=1+1", " =1+1", '"=1+1', "'=1+1",
             "\u00a0=1+1", "\uff1d1+1", "\uff0b1+1"]
HARMLESS = ["+254712345678", "0712345678", "ኢትዮጵያ ሰላም", "नमस्ते नेपाल", "مرحبا", "Ünïcödé ç", "\U0001F600", "你好",
            'He said "hi", twice', "two\nlines", "back\\slash", "007"]


class Spreadsheet(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()
        cls.client = cls.server.client()
        cls.directory = tempfile.mkdtemp(prefix="barua-office-")
        docs = [{"_id": f"s{i:02}", "type": "data_record", "form": "S", "reported_date": T - i,
                 "fields": {"text": text}} for i, text in enumerate(DANGEROUS + HARMLESS)]
        assert cls.client.post("/medic/_bulk_docs", {"docs": docs}).status == 201

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.directory, ignore_errors=True)
        cls.server.finish()

    def convert(self, path, form, quoted, out):
        """Opens a file and saves it as another; what the program says when it fails."""
        process = subprocess.Popen(
            [OFFICE, f"-env:UserInstallation=file://{self.directory}/profile", "--headless", "--norestore",
             "--convert-to", form, "--infilter=" + IMPORT + quoted, "--outdir", out, path],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "HOME": self.directory, "LC_ALL": "C.UTF-8"})
        try:
            said = process.communicate(timeout=START_S)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # soffice is a script; the program is its child
            said = process.communicate()[0] + f"\nno end after {START_S} s".encode()
        return said.decode(errors="replace")

    def opened(self, query, form, quoted):
        """The export as the spreadsheet saves it once it has opened it."""
        answer = self.client.get("/api/v2/export/reports?" + query)
        self.assertEqual(answer.status, 200, answer)
        path = os.path.join(self.directory, "export.csv")
        with open(path, "wb") as f:
            f.write(answer.body)
        out = os.path.join(self.directory, "out")
        result = os.path.join(out, "export." + form.partition(":")[0])
        said = []
        for _ in range(3):  # a first start may end after it has made its profile, or meet the lock of one that ends
            shutil.rmtree(out, ignore_errors=True)
            said.append(self.convert(path, form, quoted, out))
            if os.path.exists(result):
                break
        else:
            self.fail(f"{OFFICE} made no {result}:\n" + "\n".join(said))
        with open(result, encoding="utf-8", newline="") as f:
            return f.read()

    def shown(self, query, quoted):
        """What the cells of the column `text` show once the export was opened."""
        rows = list(csv.reader(io.StringIO(self.opened(query, TO_CSV, quoted))))
        column = rows[0].index("text")
        return [row[column] for row in rows[1:]]

    def test_no_formula_runs(self):
        """However the import is set: every dangerous text is still there, and no result is."""
        for quoted in (AS_GUESSED, AS_TEXT):
            cells = self.shown("", quoted)[:len(DANGEROUS)]
            for text, cell in zip(DANGEROUS, cells):
                self.assertIn(cell.strip("'").strip(), (text.strip("'").strip(),
                                                        text.replace("\t", "").strip("'").strip(),
                                                        text.replace("\r", "\n").strip("'").strip()),
                              (text, quoted))

    def test_the_control_does_run(self):
        """The same texts without protection: this spreadsheet does run what it is given."""
        cells = self.shown("options[csv]=raw", AS_GUESSED)
        self.assertEqual(cells[0], "2", "this test would not see a formula")

    def test_no_cell_is_a_formula(self):
        """What the spreadsheet itself calls a formula, in its own format: none, but some without protection."""
        for quoted in (AS_GUESSED, AS_TEXT):
            text = self.opened("", TO_XML, quoted)
            self.assertNotIn("table:formula", text, quoted)
            self.assertIn("ኢትዮጵያ ሰላም", text)
        self.assertIn('table:formula="of:=1+1"', self.opened("options[csv]=raw", TO_XML, AS_GUESSED))

    def test_texts_stay(self):
        """With quoted fields as text every number keeps its plus and zeros; other texts always stay."""
        for query in ("", "options[bom]=true"):
            self.assertEqual(self.shown(query, AS_TEXT)[len(DANGEROUS):], HARMLESS, query)
        guessed = self.shown("", AS_GUESSED)[len(DANGEROUS):]
        self.assertEqual([c for c in guessed if not c.isdigit()],
                         [t for t in HARMLESS if not t.lstrip("+").isdigit()])


if __name__ == "__main__":
    main()
