# SPDX-License-Identifier: MIT
"""The gateway endpoint: messaging.md 2 to 5 and its list of checks (12)."""

import json
import threading
import time
import unittest

from harness import (HEX32, ISO_MS, UUID7, JSON_TYPE, Phone, ServerCase, main, replies_settings)


def setUpModule():
    ServerCase.begin()


def tearDownModule():
    ServerCase.end()


def all_at_once(*jobs):
    """Runs the jobs in threads that start together; their results."""
    barrier, results = threading.Barrier(len(jobs)), [None] * len(jobs)

    def run(i, job):
        barrier.wait()
        results[i] = job()
    threads = [threading.Thread(target=run, args=p) for p in enumerate(jobs)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return results


class Get(ServerCase):
    def test_setup_check(self):
        for path in ("/api/sms", "/api/sms/", "//api//sms", "/api/sms?x=1"):
            with self.subTest(path):
                answer = self.check(self.c.get(path), 200, {"medic-gateway": True})
                self.assertEqual(answer.header("content-type"), "application/json; charset=utf-8")

    def test_head(self):
        get, head = self.c.get("/api/sms"), self.c.request("HEAD", "/api/sms")
        self.assertEqual((head.status, head.body), (200, b""))
        for name in ("content-type", "content-length"):
            self.assertEqual(head.header(name), get.header(name), name)

    def test_login_is_needed(self):
        self.assertEqual(self.c.get("/api/sms", {"Accept": JSON_TYPE}, auth=False).status, 401)

    def test_the_old_message_paths_are_gone(self):
        for method, path in (("GET", "/api/v1/messages/abc"),
                             ("PUT", "/api/v1/messages/state/abc")):
            with self.subTest(path):
                self.assertIn(self.c.send_json(method, path, {}).status, (404, 405))


class Shapes(ServerCase):
    """3.3: what a request may look like; check 1."""

    @classmethod
    def setUpClass(cls):
        cls.server.client().settings(replies_settings(transitions={}))

    def test_accepted(self):
        for body in ('{}', '[]', '{"messages":[],"updates":[]}', '{"updates":null}',
                     '{"messages":null}', '{"messages":null,"updates":null}', '', ' {} ',
                     '{"messages":[null]}', '{"messages":[5,"x",[],true]}',
                     '{"updates":[null]}', '{"updates":[5,"x",[],true]}',
                     '{"anything":"else","messages":[]}'):
            with self.subTest(body):
                self.check(self.c.post("/api/sms", body), 200, {"messages": []})

    def test_refused(self):
        for body in ('{"messages":{}}', '{"messages":"x"}', '{"messages":5}', '{"messages":true}',
                     '{"updates":{}}', '{"updates":"x"}', '{"updates":7}', '"x"', 'null', '12',
                     '{', '{"messages":[}', "{'messages':[]}", '{"messages":[],}'):
            with self.subTest(body):
                answer = self.c.post("/api/sms", body)
                self.assertEqual(answer.status, 500, answer)
                self.assertEqual((answer.json()["code"], answer.json()["error"]),
                                 (500, "Server error"))

    def test_content_types(self):
        for kind, status in ((JSON_TYPE, 200), ("application/json; charset=utf-8", 200),
                             ("application/json;charset=UTF-8", 200), ("text/plain", 400),
                             ("application/x-www-form-urlencoded", 400)):
            with self.subTest(kind):
                answer = self.c.post("/api/sms", "{}", {"Content-Type": kind})
                self.assertEqual(answer.status, status, answer)
                if status == 400:
                    self.assertEqual(answer.json(), {
                        "code": 400, "error": "Content-Type must be application/json"})

    def test_trailing_slash_stores(self):
        """Check 13: a redirect would lose the phone's messages."""
        message = self.incoming("through the slash")
        self.check(self.c.post("/api/sms/", {"messages": [message]}), 200, {"messages": []})
        self.assertEqual(self.c.record(message["id"])["sms_message"]["message"],
                         "through the slash")

    def test_incomplete_entries_are_dropped(self):
        good = self.incoming("kept")
        bad = [{"id": self.reference("bad"), "from": self.number()},
               {"id": self.reference("bad"), "content": "x"},
               {"from": self.number(), "content": "x"},
               {"id": "", "from": self.number(), "content": "x"},
               {"id": self.reference("bad"), "from": "", "content": "x"},
               {"id": self.reference("bad"), "from": self.number(), "content": ""},
               {"id": self.reference("bad"), "from": self.number(), "content": None},
               {"id": None, "from": self.number(), "content": "x"}, {}, None]
        before = len(self.c.records())
        self.assertEqual(self.c.sms(bad + [good] + bad), [])
        self.assertEqual(len(self.c.records()), before + 1)
        self.c.record(good["id"])

    def test_long_batch(self):
        """Uploaders post any number of messages at once."""
        batch = [self.incoming(f"number {i}") for i in range(300)]
        for m in batch:
            m["sms_sent"] = "1795280100000"
        self.assertEqual(self.c.sms(batch), [])
        found = self.c.by_reference()
        for m in batch:
            self.assertEqual([r["sms_message"]["message"] for r in found.get(m["id"], [])],
                             [m["content"]])


class Records(ServerCase):
    """3.5: the stored document, and one record a reference; check 4."""

    @classmethod
    def setUpClass(cls):
        cls.server.client().settings(replies_settings(transitions={}))

    def test_plain_message(self):
        before = int(time.time() * 1000)
        m = self.incoming("hello there", "0712 345-678")
        m.update(sms_sent=5, sms_received=6)
        self.c.sms([m])
        record = self.c.record(m["id"])
        self.assertRegex(record.pop("_id"), HEX32)
        self.assertRegex(record.pop("_rev"), r"^1-[0-9a-f]{32}$")
        self.assertTrue(before - 1000 <= record["reported_date"] <= time.time() * 1000 + 1000)
        record.pop("reported_date")
        self.assertEqual(record, {
            "type": "data_record", "from": "+254712345678", "errors": [], "tasks": [],
            "fields": {}, "sms_message": {
                "type": "sms_message", "message": "hello there", "form": "HELLO",
                "from": "0712 345-678", "gateway_ref": m["id"]}})

    def test_form_message(self):
        m = self.incoming("1!YYYZ!Sam#23#2015#ANC")
        self.c.sms([m])
        record = self.c.record(m["id"])
        self.assertEqual((record["form"], record["errors"]), ("YYYZ", []))
        self.assertEqual(record["fields"],
                         {"nurse": "Sam", "week": 23, "year": 2015, "visit": "ANC"})

    def test_every_syntax(self):
        fields = {"nurse": "Sam", "week": 23, "year": 2015, "visit": "ANC"}
        for text in ("1!YYYZ!Sam#23#2015#ANC", "YYYZ Sam 23 2015 ANC", "yyyz Sam 23 2015 ANC",
                     "YYYZ NUR Sam#WK 23#YR 2015#VIS ANC", "YYYZ wk 23 # nur Sam#vis ANC # yr 2015",
                     "J1!YYYZ!NUR#Sam#WK#23#YR#2015#VIS#ANC"):
            with self.subTest(text):
                m = self.incoming(text)
                self.c.sms([m])
                record = self.c.record(m["id"])
                self.assertEqual((record.get("form"), record["fields"], record["errors"]),
                                 ("YYYZ", fields, []))

    def test_errors_of_fields_are_stored(self):
        m = self.incoming("1!PREG!#Ann#two#")
        self.c.sms([m])
        record = self.c.record(m["id"])
        self.assertEqual([e["code"] for e in record["errors"]], ["sys.missing_fields"]
                         if record["fields"].get("gravida") is None else
                         ["sys.incorrect_type", "sys.missing_fields"])

    def test_raw_sender_stays_when_it_is_no_number(self):
        for sender in ("Safaricom", "60396"):
            with self.subTest(sender):
                m = self.incoming("offer", sender)
                self.c.sms([m])
                record = self.c.record(m["id"])
                self.assertEqual((record["from"], record["sms_message"]["from"]),
                                 (sender, sender))

    def test_text_survives(self):
        for text in ('quote " back \\ slash', "tab\tline\nfeed", "नमस्ते \U0001F600", "a\u0000b",
                     "\u2028 é ç", "{{from}} <b>&amp;</b>", "x" * 5000):
            with self.subTest(text[:20]):
                m = self.incoming(text)
                self.c.sms([m])
                # parsing.md D24: U+0000 becomes U+FFFD before the message is read
                self.assertEqual(self.c.record(m["id"])["sms_message"]["message"],
                                 text.replace("\0", "\ufffd"))

    def test_same_reference_in_one_batch(self):
        ref = self.reference()
        self.c.sms([self.incoming("first", reference=ref), self.incoming("second", reference=ref)])
        self.assertEqual(self.c.record(ref)["sms_message"]["message"], "first")

    def test_same_reference_in_two_requests(self):
        ref = self.reference()
        for text in ("first", "second"):
            self.c.sms([self.incoming(text, reference=ref)])
        self.assertEqual(self.c.record(ref)["sms_message"]["message"], "first")

    def test_same_reference_in_simultaneous_requests(self):
        for _ in range(5):
            batch = [self.incoming(f"copy {i}") for i in range(10)]
            all_at_once(*[lambda: self.server.client().sms(batch)] * 4)
            found = self.c.by_reference()
            for m in batch:
                self.assertEqual(len(found.get(m["id"], [])), 1, m["id"])

    def test_reference_of_a_posted_record_is_used(self):
        ref = self.reference()
        answer = self.c.form("/api/v1/records", {"from": self.number(), "message": "posted",
                                                 "gateway_ref": ref})
        self.assertEqual(answer.status, 200, answer)
        self.c.sms([self.incoming("forwarded", reference=ref)])
        self.assertEqual(self.c.record(ref)["sms_message"]["message"], "posted")

    def test_references_outlive_a_restart(self):
        ref = self.reference()
        self.c.sms([self.incoming("first", reference=ref)])
        self.server.restart()
        self.c = self.server.client()
        self.c.sms([self.incoming("second", reference=ref)])
        self.assertEqual(self.c.record(ref)["sms_message"]["message"], "first")

    def test_like_references_are_different(self):
        refs = [self.reference(), self.reference()]
        refs += [refs[0].upper(), refs[0] + " ", refs[0] + "\u0000", "१"]
        self.c.sms([self.incoming("x", reference=r) for r in refs])
        found = self.c.by_reference()
        for r in refs:
            self.assertEqual(len(found.get(r, [])), 1, repr(r))


class Replies(ServerCase):
    """9: which text makes which reply; check 8."""

    def setUp(self):
        super().setUp()
        self.c.settings(replies_settings())
        self.c.drain()

    def reply(self, content, sender=None, **settings):
        """The messages of the same answer, after one incoming message."""
        self.c.drain()
        if settings:
            self.c.settings(replies_settings(**settings))
        return self.c.sms([self.incoming(content, sender)])

    def test_reply_is_in_the_same_answer(self):
        sender = self.number()
        found = self.reply("good morning", sender)
        self.assertEqual(len(found), 1, found)
        self.assertEqual(set(found[0]), {"id", "to", "content"})
        self.assertEqual((found[0]["to"], found[0]["content"]), (sender, "Thanks."))
        self.assertRegex(found[0]["id"], UUID7)

    def test_stored_task(self):
        m = self.incoming("good morning")
        uuid = self.c.sms([m])[0]["id"]
        record = self.c.record(m["id"])
        self.assertEqual(len(record["tasks"]), 1)
        task = record["tasks"][0]
        self.assertEqual(task["messages"],
                         [{"uuid": uuid, "to": m["from"], "message": "Thanks."}])
        self.assertEqual(task["state"], "forwarded-to-gateway")
        self.assertEqual([h["state"] for h in task["state_history"]],
                         ["pending", "forwarded-to-gateway"])
        for h in task["state_history"]:
            self.assertRegex(h["timestamp"], ISO_MS)

    def test_which_reply(self):
        for text, forms_only, expected in (
                ("  ", False, "Nothing in it."), ("  ", True, "Nothing in it."),
                ("NOPE 1", True, "No such form."), ("NOPE 1", False, "Thanks."),
                ("1!NOPE!1", True, "No such form."), ("1!YYYZ!Sam#23#2015#ANC", True, None),
                ("1!YYYZ!Sam#23#2015#ANC", False, None), ("YYYZ Sam 23", False, None)):
            with self.subTest(text=text, forms_only=forms_only):
                found = self.reply(text, forms_only_mode=forms_only)
                self.assertEqual([m["content"] for m in found], [expected] if expected else [])
                self.c.drain()

    def test_forms_only_record(self):
        self.c.settings(replies_settings(forms_only_mode=True))
        m = self.incoming("NOPE 1")
        self.c.sms([m])
        record = self.c.record(m["id"])
        self.assertEqual(record["form"], "NOPE")
        self.assertEqual(record["errors"], [{"code": "sys.form_not_found",
                                             "message": "Form 'NOPE' not found."}])

    def test_switched_off(self):
        for why, settings in (
                ("transition absent", {"transitions": {}}),
                ("transition false", {"transitions": {"default_responses": False}}),
                ("transition disabled", {"transitions": {"default_responses": {"disable": True}}}),
                ("start date blank", {"default_responses": {"start_date": ""}}),
                ("start date absent", {"default_responses": {}}),
                ("start date to come", {"default_responses": {"start_date": "2099-01-01"}})):
            with self.subTest(why):
                self.assertEqual(self.reply("hello", **settings), [])

    def test_transition_as_object(self):
        self.assertEqual(len(self.reply("hello", transitions={"default_responses": {}})), 1)

    def test_gateways_own_number(self):
        for sender, makes in (("+254741095736", 0), ("0741095736", 0), ("741095736", 0),
                              ("1095736", 1)):
            with self.subTest(sender):
                found = self.reply("hello", sender, gateway_number="+254741095736")
                self.assertEqual(len(found), makes, found)
                self.c.drain()

    def test_shipped_texts(self):
        """Without a translation of ours there still is a text, not the key."""
        settings = replies_settings()
        del settings["translations"]
        for text, key in (("hello", "sms_received"), ("  ", "empty")):
            with self.subTest(key):
                self.c.settings(settings)
                found = self.c.sms([self.incoming(text)])
                self.assertEqual(len(found), 1)
                self.assertNotIn(found[0]["content"], ("", key))
                self.c.drain()

    def test_reply_in_the_language_of_the_settings(self):
        found = self.reply("hello", locale_outgoing="sw", translations={
            "en": {"sms_received": "Thanks."}, "sw": {"sms_received": "Asante."}})
        self.assertEqual([m["content"] for m in found], ["Asante."])

    def test_raw_recipient(self):
        """3.7: a short code stays as it is at hand-out."""
        self.assertEqual([m["to"] for m in self.reply("hello", "60396")], ["60396"])

    def test_reply_to_a_posted_record(self):
        sender = self.number()
        self.check(self.c.form("/api/v1/records", {"from": sender, "message": ""}), 200)
        self.assertEqual([(m["to"], m["content"]) for m in self.c.sms()],
                         [(sender, "Nothing in it.")])

    def test_old_records_get_no_reply(self):
        self.c.settings(replies_settings(default_responses={"start_date": "2024-05-01"}))
        for when, expected in ((1714521599000, 0), (1714608000000, 1)):
            with self.subTest(when):
                self.check(self.c.form("/api/v1/records", {
                    "from": self.number(), "message": "hi", "reported_date": str(when)}), 200)
                found = [t for r in self.c.records() if r["reported_date"] == when
                         for t in r["tasks"]]
                self.assertEqual(len(found), expected)

    def test_deny_rules(self):
        """5.3; the second half of check 12."""
        for sender, settings, state in (
                ("12345", {"outgoing_deny_shorter_than": 6}, "denied"),
                ("123456", {"outgoing_deny_shorter_than": 6}, "pending"),
                ("Safari1", {"outgoing_deny_with_alphas": True}, "denied"),
                ("Safari2", {"outgoing_deny_with_alphas": "true"}, "pending"),
                ("Safari3", {}, "pending"),
                ("+254700900001", {"outgoing_deny_list": "x,+2547009, Orange"}, "denied"),
                ("orange9", {"outgoing_deny_list": "x,+2547009, Orange"}, "denied"),
                ("+254700800001", {"outgoing_deny_list": "x,+2547009"}, "pending"),
                ("+254700800002", {"outgoing_deny_list": ""}, "pending")):
            with self.subTest(sender=sender, settings=settings):
                self.c.settings(replies_settings(**settings))
                m = self.incoming("hello", sender)
                found = self.c.sms([m])
                task = self.c.record(m["id"])["tasks"][0]
                self.assertEqual(task["state_history"][0]["state"], state)
                self.assertEqual(len(found), state == "pending")
                if state == "denied":
                    self.assertEqual((task["state"], len(task["state_history"])), ("denied", 1))
                self.c.drain()

    def test_repeats(self):
        """5.4, check 12: the sixth identical message; the counter outlives a restart."""
        sender = self.number()
        states = []
        for i in range(7):
            m = self.incoming("hello", sender)
            self.c.sms([m])
            states.append(self.c.record(m["id"])["tasks"][0]["state_history"][0]["state"])
            if i == 2:
                self.server.restart(kill=True)
                self.c = self.server.client()
        self.assertEqual(states, ["pending"] * 5 + ["duplicate"] * 2)

    def test_repeat_limit_of_the_settings(self):
        for limit, expected in ((2, 2), ("3", 3), (0, 5), ("many", 5), (-1, 5), (99, 20)):
            with self.subTest(limit=limit):
                self.c.settings(replies_settings(sms={"outgoing_service": "medic-gateway",
                                                      "duplicate_limit": limit}))
                sender = self.number()
                batch = [self.incoming("hello", sender) for _ in range(expected + 1)]
                self.c.sms(batch)
                found = self.c.by_reference()
                states = [found[m["id"]][0]["tasks"][0]["state_history"][0]["state"]
                          for m in batch]
                self.assertEqual(states, ["pending"] * expected + ["duplicate"])
                self.c.drain()

    def test_long_texts(self):
        """5.5, check 14."""
        for text, cut in (("a" * 1530, None), ("a" * 1531, "a" * 1527 + "..."),
                          ("a" * 1600, "a" * 1527 + "..."), ("ሀ" * 670, None),
                          ("ሀ" * 671, "ሀ" * 667 + "..."), ("é" * 1530, None),
                          ("ç" * 671, "ç" * 667 + "...")):
            with self.subTest(text[0] + str(len(text))):
                self.c.drain()
                self.c.settings(replies_settings(translations={"en": {"sms_received": text}}))
                m = self.incoming("hello")
                content = self.c.sms([m])[0]["content"]
                message = self.c.record(m["id"])["tasks"][0]["messages"][0]
                self.assertEqual((len(content), content[-4:]),
                                 (len(cut or text), (cut or text)[-4:]))
                self.assertTrue(content == (cut or text), "the kept part differs")
                self.assertEqual(len(message.get("original_message", "")), len(text) if cut else 0)

    def test_part_limit_of_the_settings(self):
        found = self.reply("hello", multipart_sms_limit=2,
                           translations={"en": {"sms_received": "a" * 400}})
        self.assertEqual([(len(m["content"]), m["content"][-4:]) for m in found], [(306, "a...")])

    def test_surrogates_are_not_split(self):
        """11 no. 16: the 67th unit of a part may be half of a character."""
        text = "\U0001F600" * 400
        found = self.reply("hello", translations={"en": {"sms_received": text}})
        kept = found[0]["content"]
        self.assertTrue(kept.endswith("...") and set(kept[:-3]) == {"\U0001F600"}, kept[-9:])
        self.assertLessEqual(len(kept.encode("utf-16-le")) // 2, 670)
        self.assertGreaterEqual(len(kept.encode("utf-16-le")) // 2, 650)

    def test_outgoing_phone_replace(self):
        found = self.reply("hello", "+254799000111",
                           outgoing_phone_replace={"match": "+254", "replace": "0"})
        self.assertEqual([m["to"] for m in found], ["+254799000111"])
        task = self.c.task(found[0]["id"])
        self.assertEqual(task["messages"][0]["to"], "0799000111")


class Queue(ServerCase):
    """3.7 and 4.4: what is handed out, and when."""

    def setUp(self):
        super().setUp()
        self.c.settings(replies_settings())
        self.c.drain()

    def make(self, count):
        """Puts @count replies into the queue one after the other; their recipients in order."""
        self.c.settings(replies_settings(sms={}))
        senders = [self.number() for _ in range(count)]
        for s in senders:
            self.assertEqual(self.c.sms([self.incoming("hello", s)]), [])
        self.c.settings(replies_settings())
        return senders

    def test_twenty_five_oldest_first(self):
        """Check 2."""
        senders = self.make(32)
        first = self.c.sms()
        self.assertEqual([m["to"] for m in first], senders[:25])
        second = self.c.sms(updates=[{"id": m["id"], "status": "UNSENT"} for m in first[:5]])
        self.assertEqual([m["to"] for m in second], senders[5:30])

    def test_order_inside_a_batch(self):
        self.c.settings(replies_settings(sms={}))
        senders = [self.number() for _ in range(20)]
        self.c.sms([self.incoming("hello", s) for s in senders])
        self.c.settings(replies_settings())
        self.assertEqual([m["to"] for m in self.c.sms()], senders)

    def test_older_records_first(self):
        senders = [self.number() for _ in range(3)]
        now = int(time.time() * 1000)
        for sender, age in zip(senders, (1000, 3000, 2000)):
            self.check(self.c.form("/api/v1/records", {
                "from": sender, "message": "hello", "reported_date": str(now - age)}), 200)
        self.assertEqual([m["to"] for m in self.c.sms()], [senders[1], senders[2], senders[0]])

    def test_unconfirmed_come_again(self):
        """Check 3, without a new revision for it."""
        self.make(3)
        first = self.c.sms()
        revisions = {r["_id"]: r["_rev"] for r in self.c.records()}
        for _ in range(3):
            self.assertEqual(self.c.sms(), first)
        self.assertEqual({r["_id"]: r["_rev"] for r in self.c.records()}, revisions)

    def test_unconfirmed_come_again_after_a_restart(self):
        self.make(3)
        first = self.c.sms()
        for kill in (False, True):
            self.server.restart(kill=kill)
            self.c = self.server.client()
            self.assertEqual(self.c.sms(), first)

    def test_any_status_takes_it_off(self):
        for status in ("UNSENT", "PENDING", "SENT", "DELIVERED", "FAILED", "odd"):
            with self.subTest(status):
                self.make(1)
                uuid = self.c.sms()[0]["id"]
                self.assertEqual(self.c.sms(updates=[{"id": uuid, "status": status}]), [])
                self.assertEqual(self.c.sms(), [])

    def test_no_head_of_line_blocking(self):
        """4.4 no. 5: after 20 hand-outs the others come first, and nothing leaves the queue."""
        old = self.make(25)
        for _ in range(21):
            self.assertEqual(len(self.c.sms()), 25)
        fresh = self.make(1)
        found = [m["to"] for m in self.c.sms()]
        self.assertEqual(len(found), 25)
        self.assertIn(fresh[0], found)
        last = [m for m in self.c.sms() if m["to"] == fresh[0]]
        rest = self.c.sms(updates=[{"id": m["id"], "status": "SENT"} for m in last])
        self.assertEqual(sorted(m["to"] for m in rest), sorted(old))

    def test_which_service_sends(self):
        """Check 9."""
        self.make(1)
        for sms, expected in (({}, 0), ({"outgoing_service": "medic-gateway"}, 1),
                              ({"outgoing_service": "africas-talking"}, 0),
                              ({"outgoing_service": None}, 0), (None, 1)):
            with self.subTest(sms=sms):
                self.c.settings(replies_settings(**({} if sms is None else {"sms": sms})))
                self.assertEqual(len(self.c.sms()), expected)

    def test_updates_and_incoming_work_while_switched_off(self):
        self.make(1)
        uuid = self.c.sms()[0]["id"]
        self.c.settings(replies_settings(sms={}))
        m = self.incoming("hello")
        self.assertEqual(self.c.sms([m], [{"id": uuid, "status": "SENT"}]), [])
        self.assertEqual(self.c.task(uuid)["state"], "sent")
        self.c.record(m["id"])

    def test_large_answers_are_compressed_on_request(self):
        """Check 10."""
        import gzip
        self.make(20)
        plain = self.c.post("/api/sms", {})
        self.assertIsNone(plain.header("content-encoding"))
        packed = self.c.post("/api/sms", {}, {"Accept-Encoding": "gzip"})
        self.assertEqual(packed.header("content-encoding"), "gzip")
        self.assertIn("accept-encoding", (packed.header("vary") or "").lower())
        self.assertEqual(json.loads(gzip.decompress(packed.body)), plain.json())

    def phone(self):
        """A client with a gateway account of its own; what it leaves behind goes in the end."""
        name, password = self.reference("phone"), "An0ther.pass-word"
        self.check(self.c.put(f"/_users/org.couchdb.user:{name}", {
            "name": name, "type": "user", "roles": ["gateway"], "password": password}), 201)
        self.addCleanup(self.release)
        return self.server.client(user=name, password=password)

    def release(self):
        """Takes everything off the queue, whoever has it."""
        self.lease(0)
        self.c.drain()
        self.c.settings(replies_settings())

    def lease(self, seconds):
        self.c.settings(replies_settings(sms={"outgoing_service": "medic-gateway",
                                              "gateway_lease_seconds": seconds}))

    def test_lease_of_another_account(self):
        """4.4 no. 2 and check 3: what one account got the others do not get meanwhile."""
        one, two = self.phone(), self.phone()
        self.make(2)
        first = one.sms()
        self.assertEqual(len(first), 2)
        for _ in range(2):
            self.assertEqual(two.sms(), [])
            self.assertEqual(one.sms(), first)
        fresh = self.make(1)
        self.assertEqual([m["to"] for m in two.sms()], fresh)
        self.assertEqual(one.sms(), first)

    def test_lease_outlives_a_restart(self):
        one, two = self.phone(), self.phone()
        self.make(1)
        first = one.sms()
        self.server.restart(kill=True)
        one.port = two.port = self.server.port
        self.c = self.server.client()
        self.assertEqual(two.sms(), [])
        self.assertEqual(one.sms(), first)

    def test_lease_ends(self):
        """After the time without a status somebody else gets it, and then has the lease."""
        one, two = self.phone(), self.phone()
        self.make(1)
        self.lease(3)
        begun = time.monotonic()
        first = one.sms()
        early = two.sms()
        if time.monotonic() - begun < 2.5:
            self.assertEqual(early, [])
        time.sleep(max(0, begun + 4 - time.monotonic()))
        begun = time.monotonic()
        self.assertEqual(two.sms(), first)
        late = one.sms()
        if time.monotonic() - begun < 2.5:
            self.assertEqual(late, [])

    def test_no_lease(self):
        """gateway_lease_seconds 0: everybody gets everything, as in the original."""
        one, two = self.phone(), self.phone()
        self.make(1)
        self.lease(0)
        first = one.sms()
        self.assertEqual(len(first), 1)
        self.assertEqual(two.sms(), first)
        self.assertEqual(one.sms(), first)

    def test_anybody_may_report(self):
        """4.4 no. 3: the state comes from another account than the one that has the message."""
        one, two = self.phone(), self.phone()
        self.make(1)
        uuid = one.sms()[0]["id"]
        self.assertEqual(two.sms(updates=[{"id": uuid, "status": "SENT"}]), [])
        self.assertEqual(self.c.task(uuid)["state"], "sent")
        self.assertEqual(one.sms(), [])

    def test_two_accounts_at_once(self):
        """4.4 no. 1: no message is handed to both."""
        phones = [self.phone() for _ in range(4)]
        self.assertEqual([p.get("/api/sms").status for p in phones], [200] * 4)
        made = self.make(60)
        got = all_at_once(*[p.sms for p in phones])
        found = [m["to"] for messages in got for m in messages]
        self.assertEqual(sorted(found), sorted(made))


class Updates(ServerCase):
    """3.6 and 4.3: states and their history."""

    @classmethod
    def setUpClass(cls):
        cls.server.client().settings(replies_settings())

    def setUp(self):
        super().setUp()
        self.c.drain()

    def message(self):
        """The uuid of a message that was just handed out."""
        return self.c.sms([self.incoming("hello")])[0]["id"]

    def report(self, uuid, *statuses):
        """Reports in one request; a status may be (status, reason)."""
        updates = []
        for s in statuses:
            s, reason = s if isinstance(s, tuple) else (s, None)
            updates.append({"id": uuid, "status": s, **({"reason": reason} if reason else {})})
        self.c.sms(updates=updates)
        return self.c.task(uuid)

    def history(self, task):
        return [h["state"] for h in task["state_history"]][2:]

    def test_words(self):
        for word, state in (("UNSENT", "received-by-gateway"), ("PENDING", "forwarded-by-gateway"),
                            ("SENT", "sent"), ("DELIVERED", "delivered"), ("FAILED", "failed")):
            with self.subTest(word):
                task = self.report(self.message(), word)
                self.assertEqual((task["state"], self.history(task)), (state, [state]))
                self.assertNotIn("state_details", task)
                self.assertRegex(task["state_history"][-1]["timestamp"], ISO_MS)

    def test_three_in_one_request(self):
        """Check 5."""
        task = self.report(self.message(), "UNSENT", "PENDING", "SENT")
        self.assertEqual(task["state"], "sent")
        self.assertEqual(self.history(task),
                         ["received-by-gateway", "forwarded-by-gateway", "sent"])

    def test_three_in_three_requests(self):
        uuid = self.message()
        for word in ("UNSENT", "PENDING", "SENT"):
            task = self.report(uuid, word)
        self.assertEqual(self.history(task),
                         ["received-by-gateway", "forwarded-by-gateway", "sent"])

    def test_unrecognised(self):
        """Check 7."""
        for update, details in (({"status": "sent"}, {"gateway_status": "sent"}),
                                ({"status": "Delivered"}, {"gateway_status": "Delivered"}),
                                ({}, {})):
            with self.subTest(update=update):
                uuid = self.message()
                self.c.sms(updates=[{"id": uuid, **update}])
                task = self.c.task(uuid)
                self.assertEqual((task["state"], task.get("state_details")),
                                 ("unrecognised", details))

    def test_reason(self):
        task = self.report(self.message(), ("FAILED", "radio-off"))
        self.assertEqual((task["state"], task["state_details"]),
                         ("failed", {"reason": "radio-off"}))
        self.assertEqual(task["state_history"][-1]["state_details"], {"reason": "radio-off"})

    def test_reason_goes_with_its_state(self):
        task = self.report(self.message(), ("UNSENT", "no-service"), "PENDING")
        self.assertEqual(task["state"], "forwarded-by-gateway")
        self.assertNotIn("state_details", task)
        self.assertEqual(task["state_history"][-2]["state_details"], {"reason": "no-service"})

    def test_same_again_changes_nothing(self):
        for first in ("PENDING", ("FAILED", "radio-off"), "odd"):
            with self.subTest(first=first):
                uuid = self.message()
                before = self.report(uuid, first)
                revision = [r["_rev"] for r in self.c.records()
                            for t in r["tasks"] if t["messages"][0]["uuid"] == uuid]
                self.assertEqual(self.report(uuid, first, first), before)
                self.assertEqual([r["_rev"] for r in self.c.records() for t in r["tasks"]
                                  if t["messages"][0]["uuid"] == uuid], revision)

    def test_other_details_are_a_change(self):
        task = self.report(self.message(), ("FAILED", "radio-off"), ("FAILED", "no-service"))
        self.assertEqual(self.history(task), ["failed", "failed"])
        self.assertEqual(task["state_details"], {"reason": "no-service"})

    def test_retries_are_accepted(self):
        """Check 6."""
        for words, states in (
                (("PENDING", "UNSENT", "PENDING"),
                 ["forwarded-by-gateway", "received-by-gateway", "forwarded-by-gateway"]),
                (("FAILED", "UNSENT", "SENT"), ["failed", "received-by-gateway", "sent"]),
                (("FAILED", "PENDING"), ["failed", "forwarded-by-gateway"]),
                (("FAILED", "DELIVERED"), ["failed", "delivered"]),
                (("SENT", "FAILED"), ["sent", "failed"]),
                (("SENT", "DELIVERED"), ["sent", "delivered"]),
                (("UNSENT", "odd", "SENT"), ["received-by-gateway", "unrecognised", "sent"])):
            with self.subTest(words=words):
                task = self.report(self.message(), *words)
                self.assertEqual((task["state"], self.history(task)), (states[-1], states))

    def test_backward_states_are_refused(self):
        """Check 6: kept in the history, the state stays."""
        for words, state in ((("DELIVERED", "SENT"), "delivered"),
                             (("DELIVERED", "FAILED"), "delivered"),
                             (("DELIVERED", "UNSENT"), "delivered"),
                             (("SENT", "PENDING"), "sent"), (("SENT", "UNSENT"), "sent"),
                             (("SENT", "odd"), "sent"), (("DELIVERED", "odd"), "delivered")):
            with self.subTest(words=words):
                task = self.report(self.message(), *words)
                self.assertEqual(task["state"], state)
                if words[1] != "odd":
                    self.assertEqual(len(self.history(task)), 2, task)

    def test_refused_state_brings_no_details(self):
        task = self.report(self.message(), "DELIVERED", ("FAILED", "late"))
        self.assertEqual(task["state"], "delivered")
        self.assertNotIn("state_details", task)

    def test_unknown_ids_hurt_nobody(self):
        uuid = self.message()
        self.c.sms(updates=[{"id": "11111111-2222-7333-8444-555555555555", "status": "SENT"},
                            {"status": "SENT"}, {"id": None, "status": "SENT"}, None, 7,
                            {"id": "", "status": "SENT"}, {"id": 5, "status": "SENT"},
                            {"id": uuid, "status": "SENT"},
                            {"id": uuid.upper(), "status": "FAILED"}])
        self.assertEqual(self.c.task(uuid)["state"], "sent")

    def test_incoming_and_updates_in_one_request(self):
        uuid = self.message()
        sender = self.number()
        found = self.c.sms([self.incoming("hello", sender)], [{"id": uuid, "status": "SENT"}])
        self.assertEqual([m["to"] for m in found], [sender])
        self.assertEqual(self.c.task(uuid)["state"], "sent")

    def test_states_outlive_a_kill(self):
        uuid = self.message()
        before = self.report(uuid, "UNSENT", ("FAILED", "radio-off"))
        self.server.restart(kill=True)
        self.c = self.server.client()
        self.assertEqual(self.c.task(uuid), before)
        self.assertEqual(self.c.sms(), [])

    def test_simultaneous_updates(self):
        """Twenty requests for twenty messages at once: none is lost."""
        uuids = [self.c.sms([self.incoming("hello")], [])[-1]["id"] for _ in range(20)]
        all_at_once(*[(lambda u=u: self.server.client().sms(
            updates=[{"id": u, "status": s} for s in ("UNSENT", "PENDING", "SENT")]))
            for u in uuids])
        tasks = self.c.tasks()
        for u in uuids:
            self.assertEqual(self.history(tasks[u]),
                             ["received-by-gateway", "forwarded-by-gateway", "sent"])


class Play(ServerCase):
    """A day of a phone: forms are uploaded, batches travel twice, every third answer is lost,
    the server stops and is killed in between.  In the end nothing is lost and nothing doubled."""

    def test_play(self):
        self.c.drain()
        self.c.settings(replies_settings())
        phone = Phone(self.server, "play")
        wanted, replied = {}, set()
        phone.lose_every = 3
        for step in range(24):
            for i in range(1 + step % 13):
                sender = self.number()
                kind = (step + i) % 3
                text = ("1!YYYZ!Sam#23#2015#ANC", "YYYZ Sam 23 2015 ANC",
                        f"question {step}.{i}")[kind]
                ref = phone.receive(sender, text)
                wanted[ref] = (sender, text)
                if kind == 2:
                    replied.add(sender)
            if step % 5 == 2:
                phone.poll_twice_at_once()
            if step in (8, 16):
                self.server.restart(kill=step == 16)
                self.c = self.server.client()
            phone.poll()
            phone.send_messages()
        phone.lose_every = 0
        for _ in range(100):
            phone.poll()
            phone.send_messages()
            if phone.is_idle() and not self.c.sms():
                break
        self.assertTrue(phone.is_idle(), "the phone never came to rest")
        self.assertEqual(phone.broken, [])
        self.assertGreater(phone.lost, 8)

        found = {k: v for k, v in self.c.by_reference().items() if (k or "").startswith("play-")}
        lost = sorted(set(wanted) - set(found))
        doubled = sorted(k for k, v in found.items() if len(v) != 1)
        self.assertEqual((lost, doubled), ([], []))
        for ref, (sender, text) in wanted.items():
            record = found[ref][0]
            self.assertEqual((record["from"], record["sms_message"]["message"]), (sender, text))
            self.assertEqual(record.get("form"), None if "question" in text else "YYYZ")

        tasks = {u: t for r in found.values() for t in r[0]["tasks"]
                 for u in [t["messages"][0]["uuid"]]}
        self.assertEqual(len(tasks), len(replied))
        self.assertEqual(set(tasks) - set(phone.sent), set(), "never sent")
        self.assertEqual([u for u, n in phone.sent.items() if n != 1], [], "sent twice")
        self.assertEqual({phone.store[u]["to"] for u in tasks}, replied)
        for uuid, task in tasks.items():
            self.assertEqual(task["state"], "delivered")
            # Updates travel again after a lost answer: what counts is who came first.
            states = list(dict.fromkeys(h["state"] for h in task["state_history"]))
            self.assertEqual(states, ["pending", "forwarded-to-gateway", "received-by-gateway",
                                      "forwarded-by-gateway", "sent", "delivered"], uuid)


if __name__ == "__main__":
    main()
