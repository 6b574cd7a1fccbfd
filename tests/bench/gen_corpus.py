#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Deterministic forms and messages for the benchmarks.

    gen_corpus.py OUTDIR [COUNT=100000] [SEED=1]

writes  OUTDIR/forms.json    form definitions, one object keyed by form code
        OUTDIR/corpus.jsonl  one {"id","from","content","kind"} a line
        OUTDIR/corpus.tsv    the same, tab separated: kind, id, from, content

The same COUNT and SEED give the same bytes on every machine: xorshift32, no clock, no locale.
Per cent: Muvuku 30, Textforms 35, compact 20, JavaRosa 5, free text 8, damaged 2.
LABELS=string writes plain texts for labels instead of {"en": …} objects (measure T3).
"""

import json
import os
import re
import sys

MASK = 0xffffffff
PLAIN_LABELS = os.environ.get("LABELS") == "string"

FIRST = "Amina Grace Wanjiru Sita Maya Fatuma Zawadi Aissatou Ngozi Priya Halima Esther".split()
LAST = "Otieno Mwangi Sharma Gurung Diallo Okafor Achieng Traore Banda Phiri".split()
WORDS = ("patient has fever since two days please advise clinic closed road flooded no ambulance "
         "thanks mother and baby well need more drugs asante dawa imeisha").split()
MONTHS = "January February March April May June July August September October November " \
         "December".split()
DEVANAGARI = str.maketrans("0123456789", "०१२३४५६७८९")
CODES = ["P", "P", "P", "V", "V", "V", "D", "D", "STCK", "STCK", "NP"]


def text(en):
    return en if PLAIN_LABELS else {"en": en}


def field(position, kind, tiny, short, **more):
    return {"labels": {"tiny": text(tiny), "short": text(short), "description": text(short)},
            "position": position, "type": kind, "length": [1, 30], **more}


def form(code, title, fields, **more):
    return {"meta": {"code": code, "label": {"en": title}}, "fields": fields, "public_form": True,
            "use_sentinel": True, **more}


def make_forms():
    months = [[i + 1, {"en": name}] for i, name in enumerate(MONTHS)]
    stock = {"facility_id": field(0, "string", "hfi", "Health facility", required=True),
             "year": field(1, "integer", "yr", "Year", required=True),
             "month": field(2, "integer", "mo", "Month", list=months, required=True)}
    for i, (key, tiny, short) in enumerate((
            ("quantity_dispensed.la_6x1", "l1d", "LA 6x1 dispensed"),
            ("quantity_dispensed.la_6x2", "l2d", "LA 6x2 dispensed"),
            ("quantity_dispensed.cotri", "cod", "Cotrimoxazole dispensed"),
            ("quantity_dispensed.zinc", "znd", "Zinc dispensed"),
            ("quantity_dispensed.ors", "ord", "ORS dispensed"),
            ("days_stocked_out.la_6x1", "l1o", "LA 6x1 days out"),
            ("days_stocked_out.la_6x2", "l2o", "LA 6x2 days out"),
            ("days_stocked_out.cotri", "coo", "Cotrimoxazole days out"),
            ("days_stocked_out.ors", "oro", "ORS days out"))):
        stock[key] = field(3 + i, "integer", tiny, short)
    stock["remarks"] = field(12, "string", "rm", "Remarks")
    return {
        "P": form("P", "Pregnancy registration", {
            "last_menstrual_period": field(0, "integer", "lmp", "Weeks since LMP", required=True,
                                           range=[0, 40]),
            "patient_name": field(1, "string", "n", "Patient name", required=True)}),
        "V": form("V", "Visit", {
            "patient_id": field(0, "string", "id", "Patient ID", required=True),
            "visit_date": field(1, "date", "d", "Visit date"),
            "danger": field(2, "boolean", "dg", "Danger sign"),
            "notes": field(3, "string", "nt", "Notes")}, facility_reference="patient_id"),
        "D": form("D", "Delivery", {
            "patient_id": field(0, "string", "id", "Patient ID", required=True),
            "outcome": field(1, "string", "o", "Outcome", list=[
                ["LB", "Live birth"], ["SB", "Still birth"], ["MD", "Maternal death"]]),
            "weight": field(2, "integer", "w", "Weight in grams"),
            "phone": field(3, "phone_number", "ph", "Phone number")}),
        "STCK": form("STCK", "Stock report", stock, facility_reference="facility_id"),
        "NP": form("NP", "Nepal registration", {
            "patient_id": field(0, "string", "pid", "Patient ID", required=True),
            "lmp_date": field(1, "bsDate", "bs", "LMP date (BS)"),
            "alive": field(2, "string", "al", "Alive", list=[["Y", "Yes"], ["N", "No"]])}),
    }


class Corpus:
    def __init__(self, seed):
        self.state = (seed * 2654435761) & MASK or 1
        self.forms = make_forms()
        self.tiny = {code: [f["labels"]["tiny"] if PLAIN_LABELS else f["labels"]["tiny"]["en"]
                            for f in form["fields"].values()]
                     for code, form in self.forms.items()}

    def random(self):
        s = self.state
        s = (s ^ s << 13) & MASK
        s ^= s >> 17
        s = (s ^ s << 5) & MASK
        self.state = s
        return s

    def int(self, a, b):
        return a + self.random() % (b - a + 1)

    def pick(self, items):
        return items[self.random() % len(items)]

    def patient(self):
        return f"{self.int(10000, 99999):05d}"

    def date(self, first, last):
        return f"{self.int(first, last)}-{self.int(1, 12):02d}-{self.int(1, 28):02d}"

    def words(self, count):
        return " ".join([self.pick(WORDS) for _ in range(count)])

    def phone(self):
        return f"+2547{self.int(0, 99999999):08d}"

    def values(self, code):
        """The values of one report in field order, as a sender types them."""
        if code == "P":
            return [str(self.int(1, 39)), self.pick(FIRST) + " " + self.pick(LAST)]
        if code == "V":
            plain = self.int(0, 19)
            patient = self.patient()
            return [patient if plain else patient.translate(DEVANAGARI), self.date(2024, 2026),
                    str(self.int(0, 1)), self.words(self.int(1, 6))]
        if code == "D":
            return [self.patient(), self.pick(["LB", "SB", "MD", "LB", "LB"]),
                    str(self.int(1800, 4600)), self.phone()]
        if code == "STCK":
            return [f"HF{self.int(1, 900):03d}", str(self.int(2024, 2026)), str(self.int(1, 12)),
                    *[str(self.int(0, 240)) for _ in range(9)], self.words(self.int(1, 4))]
        patient, plain = self.patient(), self.int(0, 9)
        date = self.date(2078, 2083)
        return [patient, date if plain else date.translate(DEVANAGARI), self.pick(["Y", "N"])]

    def textforms(self, code):
        """One value in ten beyond the third is left out."""
        pairs = [p for i, p in enumerate(zip(self.tiny[code], self.values(code)))
                 if i < 3 or self.int(0, 9)]
        head = code if self.int(0, 1) else code.lower()
        parts = [f"{k if self.int(0, 1) else k.upper()} {v}" for k, v in pairs]
        return f"{head} " + self.pick(["#", " # ", "# "]).join(parts)

    def damaged(self, code):
        alien, blank = "#".join(self.values(code)), " ".join(self.values(code))
        return self.pick([f"1!{code}!", f"1!ZZZ!{alien}", code, f"\u200b{code} {blank}",
                          f"J1!{code}!#", f"{code} #{self.tiny[code][0]}#", " "])

    def content(self, kind, code):
        if kind == "muvuku":
            return f"1!{code}!" + "#".join(self.values(code))
        if kind == "textforms":
            return self.textforms(code)
        if kind == "compact":
            values = self.values(code)
            return f"{code} " + " ".join(
                f'"{v}"' if re.search(r"\s", v) and i != len(values) - 1 else v
                for i, v in enumerate(values))
        if kind == "j1":
            values = self.values(code)
            return f"J1!{code}!" + "#".join(
                t.upper() + "#" + v.replace("#", "\\#") for t, v in zip(self.tiny[code], values))
        return self.words(self.int(3, 22)) if kind == "free" else self.damaged(code)

    def messages(self, count):
        """(kind, id, from, content), @count times."""
        for i in range(count):
            r = self.int(0, 99)
            kind = next(k for limit, k in ((30, "muvuku"), (65, "textforms"), (85, "compact"),
                                           (90, "j1"), (98, "free"), (100, "damaged"))
                        if r < limit)
            content = self.content(kind, self.pick(CODES))
            yield kind, f"m{i:07d}", self.phone(), content


def write(out, count, seed):
    corpus, tally = Corpus(seed), {}
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, "forms.json"), "w", encoding="utf-8") as f:
        f.write(json.dumps(corpus.forms, indent=1, ensure_ascii=False) + "\n")
    with open(os.path.join(out, "corpus.jsonl"), "w", encoding="utf-8") as lines, \
            open(os.path.join(out, "corpus.tsv"), "w", encoding="utf-8") as table:
        for kind, ref, sender, content in corpus.messages(count):
            tally[kind] = tally.get(kind, 0) + 1
            lines.write(json.dumps({"id": ref, "from": sender, "content": content, "kind": kind},
                                   ensure_ascii=False, separators=(",", ":")) + "\n")
            table.write(f"{kind}\t{ref}\t{sender}\t{content}\n")
    return tally


if __name__ == "__main__":
    arguments = sys.argv[1:] + [".", "100000", "1"][len(sys.argv) - 1:]
    print(write(arguments[0], int(arguments[1]), int(arguments[2])))
