# SPDX-License-Identifier: MIT
"""/api/v1/messages: messaging.md 3.9, 4.3, 5; rights: users.md 1.1."""

import signal
import threading
import time
import urllib.parse

from harness import HEX32, ISO_MS, JSON_TYPE, UUID7, Server, ServerCase, main

PATH = "/api/v1/messages"
SECRET = "S3cret.enough"
LINK = "https://app.example.org/medic/login/token/"
HOUR = 3600 * 1000


def now_ms():
    return int(time.time() * 1000)


def iso(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03d}Z"


def settings(**more):
    return {"default_country_code": 254, "roles": {"clerk": {"name": "c"},
                                                  "reader": {"name": "r"},
                                                  "chw": {"name": "h", "offline": True}},
            "permissions": {"can_send_messages": ["clerk", "chw"],
                            "can_view_message_action": ["clerk", "reader", "chw"]}, **more}


def add_user(name, roles):
    answer = ServerCase.server.client().put(f"/_users/org.couchdb.user:{name}", {
        "name": name, "type": "user", "roles": roles, "password": SECRET})
    assert answer.status == 201, answer


def setUpModule():
    ServerCase.begin()
    ServerCase.server.client().settings(settings())
    for name, role in (("cleo", "clerk"), ("rob", "reader"), ("hope", "chw")):
        add_user(name, [role])


def tearDownModule():
    ServerCase.end()


def all_at_once(n, job):
    barrier, results = threading.Barrier(n), []

    def run():
        barrier.wait()
        results.append(job())
    threads = [threading.Thread(target=run) for _ in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return results


class Base(ServerCase):
    def as_user(self, name):
        return self.server.client(user=name, password=SECRET)

    def send(self, content="hello", to=None, status=200, key=None, **more):
        """Sends; the uuid, or the error."""
        headers = {"Idempotency-Key": key} if key else None
        answer = self.check(self.c.post(PATH, {"to": to or self.number(), "content": content,
                                               **more}, headers), status)
        if status != 200:
            return answer.json()["error"]
        self.assertEqual(set(answer.json()), {"success", "id"})
        self.assertIs(answer.json()["success"], True)
        self.assertRegex(answer.json()["id"], UUID7)
        return answer.json()["id"]

    def holder(self, uuid):
        """The document of a message, and the index of its task."""
        for doc in self.c.documents():
            for i, task in enumerate(doc.get("tasks", [])):
                if any(m.get("uuid") == uuid for m in task.get("messages", [])):
                    return doc, i
        raise AssertionError("no document has " + uuid)

    def task(self, uuid):
        doc, i = self.holder(uuid)
        return doc["tasks"][i]

    def put_task(self, state, **more):
        """A document with one task in @state; its uuid."""
        uuid = self.reference("uuid")
        task = {"messages": [{"uuid": uuid, "to": self.number(), "message": "text"}],
                "state": state, "state_history": [{"state": state, "timestamp": iso(now_ms())}]}
        if state == "scheduled":
            task["due"] = iso(now_ms() + 1000 * HOUR)  # else it goes out when the hours allow it
        doc = {"type": "data_record", "reported_date": now_ms(), "tasks": [task], **more}
        self.check(self.c.post("/medic", doc), 201)
        return uuid

    def act(self, uuid, action, status=200):
        answer = self.check(self.c.request("POST", f"{PATH}/{uuid}/{action}", None,
                                           {"Accept": JSON_TYPE}), status)
        return answer.json()["id"] if status == 200 else answer.json()["error"]


class Send(Base):
    def test_document(self):
        before, to = now_ms(), self.number()
        uuid = self.send("Habari \"dada\"", to)
        doc, _ = self.holder(uuid)
        self.assertRegex(doc["_id"], HEX32)
        self.assertTrue(doc["_rev"].startswith("1-"))
        self.assertEqual(doc["type"], "outgoing_message")
        self.assertTrue(before <= doc["reported_date"] <= now_ms())
        self.assertEqual(len(doc["tasks"]), 1)
        task = doc["tasks"][0]
        self.assertEqual(task["messages"], [{"uuid": uuid, "to": to,
                                             "message": "Habari \"dada\""}])
        self.assertEqual(task["state"], "pending")
        self.assertNotIn("due", task)
        self.assertEqual([h["state"] for h in task["state_history"]], ["pending"])
        self.assertRegex(task["state_history"][0]["timestamp"], ISO_MS)

    def test_goes_to_the_phone(self):
        self.c.drain()
        to = self.number()
        uuid = self.send("out", to)
        self.assertEqual(self.c.sms(), [{"id": uuid, "to": to, "content": "out"}])
        self.assertEqual(self.task(uuid)["state"], "forwarded-to-gateway")
        self.c.sms(updates=[{"id": uuid, "status": "DELIVERED"}])
        self.assertEqual(self.task(uuid)["state"], "delivered")

    def test_is_in_the_feed(self):
        since = self.c.get("/medic").json()["update_seq"]
        doc, _ = self.holder(self.send())
        rows = self.c.get(f"/medic/_changes?since={urllib.parse.quote(str(since))}").json()
        self.assertEqual([r["id"] for r in rows["results"]], [doc["_id"]])

    def test_recipients(self):
        """5.2: E.164 where it normalises; other digits as they are; the rest is refused."""
        for given, stored in (("0712 345-678", "+254712345678"), ("+254712345679", "+254712345679"),
                              ("60396", "60396"), (" 999 ", "999"), ("60-396", "60396")):
            with self.subTest(given):
                self.assertEqual(self.task(self.send(self.reference("t"), given))
                                 ["messages"][0]["to"], stored)
        for given, reason in (("", "is empty"), ("  ", "is empty"), ("abc", "is no phone number"),
                              ("ORANGE", "is no phone number"), ("+25471", "is no phone number"),
                              ("12", "is no phone number"), ("07123x45678", "is no phone number")):
            with self.subTest(given):
                self.check(self.c.post(PATH, {"to": given, "content": "x"}), 400,
                           {"code": 400, "error": "to: " + reason})

    def test_recipient_is_rewritten(self):
        """5.1: outgoing_phone_replace."""
        self.addCleanup(self.c.settings, settings())
        self.c.settings(settings(outgoing_phone_replace={"match": "+254", "replace": "0"},
                                 default_country_code=None))
        uuid = self.send(to="+254712999888")
        self.assertEqual(self.task(uuid)["messages"][0]["to"], "0712999888")

    def test_wrong_members(self):
        good = {"to": "+254712345678", "content": "x"}
        later = iso(now_ms() + 2 * HOUR)
        cases = (
            ({"content": "x"}, "to: is missing"), ({"to": 5, "content": "x"}, "to: must be a string"),
            ({"to": "+254712345678"}, "content: is missing"),
            ({**good, "content": ["x"]}, "content: must be a string"),
            ({**good, "content": " \n"}, "content: is empty"),
            ({**good, "content": "a\u0000b"}, "content: must not hold U+0000"),
            ({**good, "due": "tomorrow"}, "due: must be a time: ISO 8601 text, or a number of "
                                          "milliseconds since 1970"),
            ({**good, "due": True}, "due: must be a time: ISO 8601 text, or a number of "
                                    "milliseconds since 1970"),
            ({**good, "valid_until": "soon"}, "valid_until: must be a time: ISO 8601 text, or a "
                                              "number of milliseconds since 1970"),
            ({**good, "valid_until": "2020-01-01T00:00:00Z"}, "valid_until: has passed"),
            ({**good, "due": later, "valid_until": iso(now_ms() + HOUR)},
             "valid_until: is not after due"),
            ({**good, "not_before": later}, "not_before: unknown member; there are to, content, "
                                            "due and valid_until"),
            ([], "expected an object, not an array"),
        )
        count = len(self.c.documents())
        for body, reason in cases:
            with self.subTest(reason):
                self.check(self.c.post(PATH, body), 400, {"code": 400, "error": reason})
        self.assertEqual(self.c.post(PATH, '{"to":').status, 400)
        self.assertEqual(self.c.form(PATH, good).status, 400)
        self.assertEqual(len(self.c.documents()), count)

    def test_text_error(self):
        answer = self.c.send_json("POST", PATH, {}, {"Accept": "text/plain"})
        self.assertEqual((answer.status, answer.text), (400, "to: is missing"))

    def test_later(self):
        due, end = now_ms() + HOUR, now_ms() + 2 * HOUR
        for given in (iso(due), due, str(due)):
            uuid = self.send(due=given, valid_until=iso(end))
            task = self.task(uuid)
            self.assertEqual((task["state"], task["due"], task["valid_until"]),
                             ("scheduled", iso(due), iso(end)))
            self.assertEqual([h["state"] for h in task["state_history"]], ["scheduled"])
            self.assertNotIn(uuid, [m["id"] for m in self.c.sms()])

    def test_due_in_the_past_is_now(self):
        uuid = self.send(due=iso(now_ms() - HOUR))
        self.assertEqual(self.task(uuid)["state"], "pending")

    def test_null_is_absent(self):
        uuid = self.send(due=None, valid_until=None)
        self.assertEqual(self.task(uuid)["state"], "pending")
        self.assertNotIn("due", self.task(uuid))

    def test_the_sixth_is_a_duplicate(self):
        """5.4, check 12; what is scheduled is not counted, as it does not go out now."""
        to = self.number()
        for _ in range(7):
            self.send("same", to, due=now_ms() + HOUR)
        states = [self.task(self.send("same", to))["state"] for _ in range(7)]
        self.assertEqual(states, ["pending"] * 5 + ["duplicate"] * 2)

    def test_too_many_segments(self):
        """5.5, check 14."""
        for text, kept in (("a" * 1531, "a" * 1527 + "..."), ("ሀ" * 671, "ሀ" * 667 + "..."),
                           ("😀" * 336, "😀" * 327 + "...")):
            message = self.task(self.send(text))["messages"][0]
            self.assertEqual((message["message"], message["original_message"]), (kept, text))

    def test_rights(self):
        body = {"to": self.number(), "content": "x"}
        self.check(self.as_user("cleo").post(PATH, body), 200)
        for name in ("rob", "hope"):  # no permission; offline
            self.check(self.as_user(name).post(PATH, body), 403,
                       {"code": 403, "error": "Insufficient privileges"})
        self.check(self.c.post(PATH, body, auth=False), 401)


class Time(Base):
    """4.3, 8: what timers do to a message that was sent with due or valid_until."""

    def wait_state(self, uuid, state, timeout=15):
        end = time.monotonic() + timeout
        while self.task(uuid)["state"] != state:
            self.assertLess(time.monotonic(), end, f"is not {state}: {self.task(uuid)}")
            self.server.process.send_signal(signal.SIGUSR2)
            time.sleep(0.2)
        return self.task(uuid)

    def test_becomes_due(self):
        self.addCleanup(self.c.settings, settings())
        self.c.settings(settings(schedule_evening_hours=23, schedule_evening_minutes=59))
        self.c.drain()
        uuid = self.send("in a second", due=now_ms() + 1200)
        self.assertEqual(self.c.sms(), [])
        task = self.wait_state(uuid, "pending")
        self.assertEqual([h["state"] for h in task["state_history"]], ["scheduled", "pending"])
        self.assertIn(uuid, [m["id"] for m in self.c.sms()])
        self.c.drain()

    def test_expires_and_is_wanted_after_all(self):
        self.c.drain()
        uuid = self.send("for a second", valid_until=now_ms() + 1200)
        self.wait_state(uuid, "expired")
        self.assertNotIn(uuid, [m["id"] for m in self.c.sms()])
        self.check(self.c.request("POST", f"{PATH}/{uuid}/retry"), 200)
        time.sleep(0.5)
        self.assertNotIn("valid_until", self.task(uuid))
        self.assertIn(uuid, [m["id"] for m in self.c.sms()])
        self.c.drain()

    def test_an_end_that_has_not_come_stays(self):
        end = iso(now_ms() + HOUR)
        uuid = self.send("still good", valid_until=end)
        self.c.sms(updates=[{"id": uuid, "status": "FAILED"}])
        self.check(self.c.request("POST", f"{PATH}/{uuid}/retry"), 200)
        self.assertEqual((self.task(uuid)["state"], self.task(uuid)["valid_until"]),
                         ("pending", end))
        self.c.drain()


class Idempotency(Base):
    def test_repeat(self):
        to, key = self.number(), self.reference("key")
        first = self.send("one", to, key=key)
        self.assertEqual(self.send("one", to, key=key), first)
        self.assertEqual(self.send("another text", self.number(), key=key), first)
        self.assertNotEqual(self.send("one", to), first)
        doc, _ = self.holder(first)
        self.assertEqual((doc["_rev"][:2], len(doc["tasks"])), ("1-", 1))
        same = [d for d in self.c.documents() if d.get("type") == "outgoing_message"
                and d["tasks"][0]["messages"][0]["to"] == to]
        self.assertEqual(len(same), 2)

    def test_after_it_was_sent(self):
        key = self.reference("key")
        first = self.send(key=key)
        self.act(first, "cancel")
        self.assertEqual(self.send(key=key), first)
        self.assertEqual(self.task(first)["state"], "cleared")

    def test_keys_belong_to_their_account(self):
        key, body = self.reference("key"), {"to": self.number(), "content": "x"}
        answers = [c.post(PATH, body, {"Idempotency-Key": key}).json()["id"]
                   for c in (self.c, self.as_user("cleo"), self.c, self.as_user("cleo"))]
        self.assertEqual(answers[:2], answers[2:])
        self.assertNotEqual(answers[0], answers[1])

    def test_at_once(self):
        key, body = self.reference("key"), {"to": self.number(), "content": "at once"}
        answers = all_at_once(12, lambda: self.server.client().post(
            PATH, body, {"Idempotency-Key": key}))
        self.assertEqual({a.status for a in answers}, {200})
        self.assertEqual(len({a.json()["id"] for a in answers}), 1)
        made = [d for d in self.c.documents() if d.get("type") == "outgoing_message"
                and d["tasks"][0]["messages"][0]["message"] == "at once"]
        self.assertEqual(len(made), 1)

    def test_after_a_crash(self):
        key, to = self.reference("key"), self.number()
        first = self.send("kept", to, key=key)
        self.server.restart(kill=True)
        self.c = self.server.client()
        self.assertEqual(self.send("kept", to, key=key), first)

    def test_deleted(self):
        key = self.reference("key")
        doc, _ = self.holder(self.send(key=key))
        self.check(self.c.request("DELETE", f"/medic/{doc['_id']}?rev={doc['_rev']}"), 200)
        self.assertEqual(self.send(key=key, status=409),
                         "the message of this Idempotency-Key was deleted since")

    def test_wrong_keys(self):
        for key in ("x" * 256, "tab\there"):
            self.assertEqual(self.send(key=key, status=400),
                             "Idempotency-Key: must be 1 to 255 printable ASCII characters")
        self.send(key="x" * 255)


class Actions(Base):
    WAITING = ("scheduled", "pending", "muted", "forwarded-to-gateway")
    GONE = ("received-by-gateway", "forwarded-by-gateway", "sent", "delivered", "failed",
            "unrecognised", "denied", "duplicate", "cleared", "expired", "clear")

    def test_cancel(self):
        for state in self.WAITING:
            with self.subTest(state):
                uuid = self.put_task(state)
                self.assertEqual(self.act(uuid, "cancel"), uuid)
                task = self.task(uuid)
                self.assertEqual(task["state"], "cleared")
                self.assertEqual([h["state"] for h in task["state_history"]], [state, "cleared"])
                self.assertNotIn(uuid, [m["id"] for m in self.c.sms()])
        for state in self.GONE:
            with self.subTest(state):
                self.assertEqual(self.act(self.put_task(state), "cancel", 409),
                                 f"a message that is {state} cannot be cancelled")

    def test_retry(self):
        self.c.drain()
        for state in ("failed", "expired"):
            with self.subTest(state):
                uuid = self.put_task(state)
                self.assertEqual(self.act(uuid, "retry"), uuid)
                self.assertEqual(self.task(uuid)["state"], "pending")
                self.assertIn(uuid, [m["id"] for m in self.c.sms()])
        for state in self.WAITING + self.GONE:
            if state not in ("failed", "expired"):
                with self.subTest(state):
                    self.assertEqual(self.act(self.put_task(state), "retry", 409),
                                     f"a message that is {state} cannot be tried again")

    def test_resend(self):
        self.c.drain()
        for state in self.GONE:
            with self.subTest(state):
                uuid = self.put_task(state)
                new = self.act(uuid, "resend")
                self.assertRegex(new, UUID7)
                doc, _ = self.holder(uuid)
                self.assertEqual(len(doc["tasks"]), 2)
                old, task = doc["tasks"]
                self.assertEqual(old["state"], state)
                self.assertEqual(len(old["state_history"]), 1)
                self.assertEqual(task["messages"], [{**old["messages"][0], "uuid": new}])
                self.assertEqual(task["state"], "pending")
        for state in self.WAITING:
            with self.subTest(state):
                self.assertEqual(self.act(self.put_task(state), "resend", 409),
                                 f"a message that is {state} cannot be sent again")

    def test_resend_from_a_schedule(self):
        """A message of scheduled_tasks comes again as a task."""
        uuid = self.reference("uuid")
        self.check(self.c.post("/medic", {"type": "data_record", "scheduled_tasks": [
            {"due": iso(now_ms() - HOUR), "state": "sent", "messages": [
                {"uuid": uuid, "to": self.number(), "message": "m"}]}]}), 201)
        new = self.act(uuid, "resend")
        doc, i = self.holder(new)
        self.assertEqual((i, len(doc["tasks"]), doc["tasks"][0]["state"]), (0, 1, "pending"))
        self.assertIn(new, [m["id"] for m in self.c.sms()])

    def test_guards_of_a_resend(self):
        """5.3: a sender who is denied stays denied; 5.4: the sixth is a duplicate."""
        self.addCleanup(self.c.settings, settings())
        self.c.settings(settings(outgoing_deny_list="+2547990"))
        uuid = self.put_task("sent", **{"from": "+254799000111"})
        self.assertEqual(self.task(self.act(uuid, "resend"))["state"], "denied")
        uuid = self.put_task("sent")
        states = [self.task(self.act(uuid, "resend"))["state"] for _ in range(6)]
        self.assertEqual(states, ["pending"] * 5 + ["duplicate"])

    def test_is_a_document_change(self):
        uuid = self.send()
        doc, _ = self.holder(uuid)
        since = self.c.get("/medic").json()["update_seq"]
        self.act(uuid, "cancel")
        rows = self.c.get(f"/medic/_changes?since={urllib.parse.quote(str(since))}").json()
        self.assertEqual([r["id"] for r in rows["results"]], [doc["_id"]])
        self.assertTrue(rows["results"][0]["changes"][0]["rev"].startswith("2-"))

    def test_cancel_beats_a_late_report(self):
        """What was cancelled is history only, until a phone says that it went out all the same."""
        self.c.drain()
        uuid = self.send()
        self.c.sms()
        self.act(uuid, "cancel")
        self.c.sms(updates=[{"id": uuid, "status": "UNSENT"}])
        self.assertEqual(self.task(uuid)["state"], "cleared")

    def test_unknown(self):
        for action in ("resend", "cancel", "retry"):
            self.check(self.c.request("POST", f"{PATH}/nobody/{action}", None,
                                      {"Accept": JSON_TYPE}), 404,
                       {"code": 404, "error": "Not Found"})
        self.check(self.c.request("POST", f"{PATH}/x/burn", None, {"Accept": JSON_TYPE}), 404)
        self.check(self.c.get(f"{PATH}/x/cancel"), 405)

    def test_login_links(self):
        """users.md 8.4, documents.md 9: only administrators touch them, and they are not sent
        again: a new link is made instead."""
        pending = self.put_task("pending", type="login_token")
        failed = self.put_task("failed", type="login_token")
        cleo = self.as_user("cleo")
        for uuid, action in ((pending, "cancel"), (failed, "retry"), (failed, "resend")):
            self.check(cleo.request("POST", f"{PATH}/{uuid}/{action}", None,
                                    {"Accept": JSON_TYPE}), 403)
        self.assertEqual(self.act(failed, "retry", 409),
                         "a message that is part of a login link cannot be tried again")
        self.act(failed, "resend", 409)
        self.act(pending, "cancel")

    def test_rights(self):
        uuid = self.send()
        for action in ("resend", "cancel", "retry"):
            for name in ("rob", "hope"):
                self.check(self.as_user(name).request("POST", f"{PATH}/{uuid}/{action}", None,
                                                      {"Accept": JSON_TYPE}), 403)
            self.check(self.c.request("POST", f"{PATH}/{uuid}/{action}", auth=False), 401)
        self.assertEqual(self.task(uuid)["state"], "pending")
        self.check(self.as_user("cleo").request("POST", f"{PATH}/{uuid}/cancel"), 200)


class List(Base):
    """Messages of recipients of their own, so that other tests do not matter."""

    def page(self, client=None, status=200, **query):
        answer = self.check((client or self.c).get(
            PATH + "?" + urllib.parse.urlencode(query), {"Accept": JSON_TYPE}), status)
        return answer.json()

    def pages(self, **query):
        """All pages: the messages, and how many pages."""
        found, cursor, n = [], None, 0
        while True:
            page = self.page(**query, **({"cursor": cursor} if cursor else {}))
            self.assertEqual(set(page), {"messages", "cursor"})
            found += page["messages"]
            cursor, n = page["cursor"], n + 1
            if cursor is None:
                return found, n

    def put_many(self, to, dues, state="sent", account=None, content="text"):
        tasks = []
        for due in dues:
            task = {"messages": [{"uuid": self.reference("many"), "to": to, "message": content}],
                    "state": state, "state_history": []}
            tasks.append({**task, "due": due} if due is not None else task)
        self.check(self.c.post("/medic", {"type": "data_record", "tasks": tasks}), 201)
        return [t["messages"][0]["uuid"] for t in tasks]

    def test_entry(self):
        to = self.number()
        before = now_ms()
        uuid = self.send("Habari", to)
        page = self.page(to=to)
        self.assertIsNone(page["cursor"])
        entry = page["messages"][0]
        due = entry.pop("due")
        self.assertRegex(due, ISO_MS)
        self.assertTrue(iso(before) <= due <= iso(now_ms()))
        doc, _ = self.holder(uuid)
        self.assertEqual(entry, {"id": uuid, "doc": doc["_id"], "to": to, "content": "Habari",
                                 "state": "pending", "account": None})

    def test_account(self):
        self.c.drain()
        to = self.number()
        uuid = self.send("x", to)
        self.c.sms()
        self.assertEqual([m["account"] for m in self.page(to=to)["messages"]], ["admin"])
        self.assertIn(uuid, [m["id"] for m in self.pages(account="admin")[0]])
        self.assertIn(uuid, [m["id"] for m in
                             self.pages(account="admin", state="forwarded-to-gateway")[0]])
        self.assertEqual(self.page(account="nobody", to=to)["messages"], [])
        self.c.drain()

    def test_order_and_pages(self):
        """Oldest due first; equal times in one order; without a time last."""
        to, base = self.number(), now_ms() - HOUR
        times = [base + 50 * (i // 7) for i in range(60)]
        uuids = self.put_many(to, [iso(t) for t in times[30:]] + [None] * 5)
        uuids = self.put_many(to, [iso(t) for t in times[:30]], "failed") + uuids
        expected = [iso(t) for t in times] + [None] * 5
        for limit in (1, 3, 7, 64, 65, 66):
            found, n = self.pages(to=to, limit=limit)
            self.assertEqual([m["due"] for m in found], expected)
            self.assertEqual(sorted(m["id"] for m in found), sorted(uuids))
            self.assertEqual(n, -(-65 // limit))
        self.assertEqual(len(self.pages(to=to, state="failed", limit=7)[0]), 30)

    def test_hundred_a_page(self):
        to = self.number()
        self.put_many(to, [iso(now_ms())] * 201)
        self.assertEqual(len(self.page(to=to)["messages"]), 100)
        found, n = self.pages(to=to)
        self.assertEqual((len({m["id"] for m in found}), n), (201, 3))

    def test_all_states_merge(self):
        """Without a recipient the list is one of all states, in time."""
        base = 1000000000000  # 2001
        made = []
        for i, state in enumerate(Actions.WAITING + Actions.GONE):
            made += [(t, u) for t, u in zip(
                [base + i, base + 100 + i, base + 100],
                self.put_many(self.number(), [base + i, base + 100 + i, base + 100], state))]
        window = {"from": base, "until": base + 1000}
        for limit in (1, 4, 100):
            found, _ = self.pages(**window, limit=limit)
            self.assertEqual([m["due"] for m in found], [iso(t) for t, _ in sorted(made)])
            self.assertEqual({m["id"] for m in found}, {u for _, u in made})
        one, _ = self.pages(**window, state="muted", limit=2)
        self.assertEqual([m["state"] for m in one], ["muted"] * 3)

    def test_time(self):
        """from: due then or later; until: due before."""
        to, base = self.number(), 1500000000000
        self.put_many(to, [iso(base + i * 1000) for i in range(10)] + [None])
        for query, first, n in (({"from": base + 3000}, 3, 7), ({"until": iso(base + 3000)}, 0, 3),
                                ({"from": iso(base + 2000), "until": base + 8000}, 2, 6),
                                ({"from": base + 9001}, 0, 0), ({"until": base}, 0, 0)):
            with self.subTest(query):
                for limit in (2, 100):
                    found, _ = self.pages(to=to, limit=limit, **query)
                    self.assertEqual([m["due"] for m in found],
                                     [iso(base + i * 1000) for i in range(first, first + n)])

    def test_recipient_as_typed(self):
        to = self.number()
        self.send("x", to)
        self.assertEqual(len(self.page(to="0" + to[4:])["messages"]), 1)
        self.put_many("0" + to[4:], [iso(now_ms())])  # stored as somebody typed it
        self.assertEqual(len(self.page(to="0" + to[4:])["messages"]), 2)
        self.assertEqual(self.page(to="nobody")["messages"], [])

    def test_not_made_yet(self):
        """A task of a schedule without its text."""
        due = 1400000000000
        self.check(self.c.post("/medic", {"scheduled_tasks": [
            {"due": iso(due), "state": "scheduled", "message_key": "k"}]}), 201)
        found = self.page(**{"from": due, "until": due + 1})["messages"]
        self.assertEqual([(m["id"], m["to"], m["content"], m["state"]) for m in found],
                         [(None, None, None, "scheduled")])

    def test_login_links_are_masked(self):
        """users.md 10 no. 2; hidden documents are listed too (8.4)."""
        to = self.number()
        token = "aB3" * 21 + "x"
        self.check(self.c.post("/medic", {"type": "login_token", "tasks": [
            {"messages": [{"uuid": self.reference("l"), "to": to, "message": LINK + token}],
             "state": "pending", "due": iso(now_ms())}]}), 201)
        for c in (self.c, self.as_user("rob")):
            page = self.page(c, to=to)
            self.assertEqual([m["content"] for m in page["messages"]], [LINK + "********"])
        self.assertNotIn(token, self.c.get(PATH + "?limit=1000").text)
        self.assertNotIn(token, self.server.log())

    def test_wrong(self):
        time_error = ": must be a time: ISO 8601 text, or a number of milliseconds since 1970"
        for query, reason in (
                ({"state": "flying"}, "state: is no state of a message"),
                ({"from": "yesterday"}, "from" + time_error), ({"until": "x"}, "until" + time_error),
                ({"limit": "0"}, "limit: must be a whole number from 1 to 1000"),
                ({"limit": "1001"}, "limit: must be a whole number from 1 to 1000"),
                ({"limit": "many"}, "limit: must be a whole number from 1 to 1000"),
                ({"cursor": "x"}, "cursor: is not one that was given out"),
                ({"cursor": "1.2.3"}, "cursor: is not one that was given out"),
                ({"cursor": "1.-2"}, "cursor: is not one that was given out"),
                ({"stat": "sent"}, "stat: unknown parameter")):
            with self.subTest(query):
                self.assertEqual(self.page(status=400, **query), {"code": 400, "error": reason})
        self.page(cursor="-9223372036854775808.0", limit=1)
        self.page(cursor="9223372036854775807.9223372036854775807", limit=1)
        self.page(**{"from": "", "state": "", "limit": 1})

    def test_rights(self):
        for name in ("cleo", "rob"):
            self.page(self.as_user(name), limit=1)
        self.assertEqual(self.page(self.as_user("hope"), 403),
                         {"code": 403, "error": "Insufficient privileges"})
        self.check(self.c.get(PATH, {"Accept": JSON_TYPE}, auth=False), 401)

    def test_a_rare_account_among_many(self):
        """A page that looks at enough ends, and says where to go on."""
        server = Server().start()
        self.addCleanup(server.finish)
        self.c = server.client()
        base = now_ms() - HOUR
        for i in range(45):
            self.put_many(self.number(), [base + i * 1000 + k for k in range(500)])
        found, n = self.pages(account="nobody")
        self.assertEqual(found, [])
        self.assertGreater(n, 1)
        self.assertEqual(len(self.pages(state="sent", limit=1000)[0]), 22500)


class Page(Base):
    """/medic/messages, for people."""

    def test_page(self):
        answer = self.check(self.as_user("rob").get("/medic/messages?locale=fr"), 200)
        self.assertEqual(answer.header("content-type"), "text/html; charset=utf-8")
        self.assertIn("default-src 'none'", answer.header("content-security-policy"))
        self.assertIn('lang="fr"', answer.text)
        self.assertIn("Destinataire", answer.text)
        self.assertNotIn("{{", answer.text)
        self.assertNotRegex(answer.text, r"queue\.\w")  # every text is there
        self.assertNotRegex(answer.text, r"(src|href)=.?https?:")

    def test_every_language_has_every_text(self):
        for locale in ("ar", "bm", "en", "es", "fr", "hi", "id", "ne", "pt", "sw"):
            texts = self.check(self.c.get("/medic/messages?locale=" + locale), 200).text
            self.assertIn(f'lang="{locale}"', texts)
            self.assertNotRegex(texts, r"queue\.\w")
            if locale != "en":
                self.assertNotIn("Not before", texts)

    def test_what_it_loads(self):
        for path, kind in (("style.css", "text/css"), ("script.js", "text/javascript")):
            answer = self.check(self.c.get("/medic/messages/" + path, auth=False), 200)
            self.assertEqual(answer.header("content-type"), kind + "; charset=utf-8")

    def test_rights(self):
        answer = self.c.request("GET", "/medic/messages", None, {
            "User-Agent": "Mozilla/5.0", "Accept": "text/html"}, auth=False)
        self.assertEqual((answer.status, answer.header("location")),
                         (302, "/medic/login?redirect=%2Fmedic%2Fmessages"))
        self.check(self.as_user("hope").get("/medic/messages"), 403)


if __name__ == "__main__":
    main()
