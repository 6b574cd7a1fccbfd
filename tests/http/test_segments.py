# SPDX-License-Identifier: MIT
"""POST /api/v1/sms/segments: messaging.md 3.9; the counts of 5.5 (3GPP TS 23.038, 23.040)."""

from harness import JSON_TYPE, ServerCase, main

PATH = "/api/v1/sms/segments"


def setUpModule():
    ServerCase.begin()


def tearDownModule():
    ServerCase.end()


class Segments(ServerCase):
    def count(self, text, alphabet, segments, units, unusual=()):
        with self.subTest(text[:20] + "…", n=len(text)):
            self.check(self.c.post(PATH, {"text": text}), 200,
                       {"alphabet": alphabet, "segments": segments, "units": units,
                        "unusual": list(unusual)})

    def test_gsm(self):
        for n, parts in ((0, 1), (1, 1), (160, 1), (161, 2), (306, 2), (307, 3), (1530, 10),
                         (1531, 11)):
            self.count("a" * n, "gsm", parts, n)
        self.count("é@£ \n\r", "gsm", 1, 6)

    def test_extension_characters_count_two_and_stay_whole(self):
        self.count("^{}\\[~]|€", "gsm", 1, 18)
        self.count("€" * 80, "gsm", 1, 160)
        # 76 fit into 153 units, the 77th would be cut in half
        self.count("€" * 153, "gsm", 3, 306)

    def test_ucs2(self):
        for n, parts in ((1, 1), (70, 1), (71, 2), (134, 2), (135, 3), (670, 10), (671, 11)):
            self.count("ሀ" * n, "ucs2", parts, n, ["ሀ"])
        self.count("😀" * 35, "ucs2", 1, 70, ["😀"])
        # 33 pairs fit into 67 units
        self.count("😀" * 67, "ucs2", 3, 134, ["😀"])

    def test_who_forces_ucs2(self):
        self.count("ça va “bien”, “oui” ç", "ucs2", 1, 21, ["ç", "“", "”"])
        self.count('tab\t`"', "ucs2", 1, 6, ["\t", "`"])
        self.count("a\u0000b", "ucs2", 1, 3, ["\u0000"])

    def test_wrong(self):
        for body, reason in (({}, "text: is missing"), ([], "text: is missing"),
                             ({"text": 5}, "text: must be a string"),
                             ({"text": None}, "text: must be a string")):
            self.check(self.c.post(PATH, body), 400, {"code": 400, "error": reason})
        self.check(self.c.request("POST", PATH, "text=a", {"Content-Type": "text/plain",
                                                           "Accept": JSON_TYPE}), 400,
                   {"code": 400, "error": "Content-Type must be application/json"})
        self.assertEqual(self.c.post(PATH, '{"text":').status, 400)
        self.assertEqual(self.c.post(PATH, {"text": "a" * (1 << 20)}).status, 413)
        self.check(self.c.post(PATH, {"text": "a"}, auth=False), 401)
        self.check(self.c.get(PATH), 405)


if __name__ == "__main__":
    main()
