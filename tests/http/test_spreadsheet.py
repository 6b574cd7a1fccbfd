# SPDX-License-Identifier: MIT
"""Exports opened in a real spreadsheet, LibreOffice without a window (export-and-monitoring.md 1.4):
no cell runs, phone numbers and all scripts stay.  Skipped, and said so, where it is not installed."""

import csv
import io
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Server, main  # noqa: E402

OFFICE = shutil.which("soffice") or shutil.which("libreoffice")
T = 1600000000000
# field separator, text delimiter, character set (76: UTF-8), first line, columns, language
IMPORT = "CSV:44,34,76,1,,0,"
AS_TEXT = "true"    # "Format quoted field as text" of the import dialogue is ticked
AS_GUESSED = "false"
DANGEROUS = ["=1+1", "+1+1", "-1+1", "@SUM(1;1)", "\t=1+1", "\r=1+1", '=HYPERLINK("http://x.example")',
             "+254712345678+1", "=1+1,\"=2+2\"", "==1+1", "a\n=1+1", "\n=1+1", " =1+1", '"=1+1', "'=1+1"]
HARMLESS = ["+254712345678", "0712345678", "ኢትዮጵያ ሰላም", "नमस्ते नेपाल", "مرحبا", "Ünïcödé ç", "\U0001F600", "你好",
            'He said "hi", twice', "two\nlines", "back\\slash", "007"]


@unittest.skipUnless(OFFICE, "LibreOffice is not installed")
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

    def shown(self, query, quoted):
        """What the cells of the column `text` show once the export was opened."""
        answer = self.client.get("/api/v2/export/reports?" + query)
        self.assertEqual(answer.status, 200, answer)
        path = os.path.join(self.directory, "export.csv")
        with open(path, "wb") as f:
            f.write(answer.body)
        out = os.path.join(self.directory, "out")
        done = subprocess.run(
            [OFFICE, f"-env:UserInstallation=file://{self.directory}/profile", "--headless",
             "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,true,true",
             "--infilter=" + IMPORT + quoted, "--outdir", out, path],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)
        self.assertTrue(os.path.exists(os.path.join(out, "export.csv")), done.stdout)
        with open(os.path.join(out, "export.csv"), encoding="utf-8", newline="") as f:
            rows = list(csv.reader(io.StringIO(f.read())))
        shutil.rmtree(out)
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

    def test_texts_stay(self):
        """With quoted fields as text every number keeps its plus and zeros; other texts always stay."""
        for query in ("", "options[bom]=true"):
            self.assertEqual(self.shown(query, AS_TEXT)[len(DANGEROUS):], HARMLESS, query)
        guessed = self.shown("", AS_GUESSED)[len(DANGEROUS):]
        self.assertEqual([c for c in guessed if not c.isdigit()],
                         [t for t in HARMLESS if not t.lstrip("+").isdigit()])


if __name__ == "__main__":
    main()
