# SPDX-License-Identifier: MIT
"""The queue beside the poll: time (messaging.md 4.3, 8), several phones (4.4), routes and limits
(cli.md, [gateways]) and who is silent (3.9)."""

import datetime
import json
import os
import signal
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import PASSWORD, Client, ISO_MS, Server, ServerCase, UUID7  # noqa: E402

DAY = 86400000
CONFIG = """[gateways]
routes = +2541:one; +2542:one*3; +2542:two*1; +2544:four;
limits = four:3/minute,100/day
"""
TEXTS = {"en": {"visit": "Come on {{day}}, {{name}}.", "blank": "  "},
         "sw": {"visit": "Njoo {{day}}, {{name}}."}}


def setUpModule():
    global config
    config = tempfile.NamedTemporaryFile("w", suffix=".conf")
    config.write(CONFIG)
    config.flush()
    ServerCase.begin(args=["--config", config.name])
    for name in ("one", "two", "three", "four"):
        add_user(ServerCase.server.client(), name)


def tearDownModule():
    ServerCase.end()
    config.close()


def add_user(client, name, roles=("gateway",)):
    user = {"_id": "org.couchdb.user:" + name, "name": name, "type": "user",
            "roles": list(roles), "password": PASSWORD}
    answer = client.put("/_users/org.couchdb.user:" + name, user)
    assert answer.status == 201, answer


def now_ms():
    return int(time.time() * 1000)


def iso(ms):
    t = datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)
    return t.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


class Case(ServerCase):
    # at any hour: without the last one nothing becomes due after 23:00
    settings = {"transitions": {}, "translations": TEXTS, "locale": "en",
                "schedule_evening_hours": 24}

    def setUp(self):
        super().setUp()
        self.c.settings(self.settings)
        self.serial_id = 0

    def tearDown(self):
        for name in ("one", "two", "three", "four"):
            self.phone(name).drain()
        self.c.drain()

    def phone(self, name):
        return self.server.client(user=name)

    def put(self, body):
        ServerCase.serial += 1
        doc = f"doc-{ServerCase.serial:06d}"
        answer = self.c.put("/medic/" + doc, body)
        self.assertEqual(answer.status, 201, answer)
        return doc

    def task(self, doc, i=0, which="scheduled_tasks"):
        return self.c.get("/medic/" + doc).json()[which][i]

    def message(self, to="+254799000001", text="hello", due=None, state="pending", **more):
        ServerCase.serial += 1
        uuid = f"uuid-{ServerCase.serial:06d}"
        task = {"messages": [{"uuid": uuid, "to": to, "message": text}], "state": state,
                "due": iso(due if due is not None else now_ms()), **more}
        doc = self.put({"type": "x", "tasks" if state == "pending" else "scheduled_tasks": [task]})
        return doc, uuid

    def run_timers(self):
        """SIGUSR2, and until its work is done: a job that is queued after it comes later."""
        self.server.process.send_signal(signal.SIGUSR2)
        time.sleep(0.3)

    def wait_state(self, doc, state, which="scheduled_tasks", seconds=10):
        end = time.monotonic() + seconds
        while self.task(doc, 0, which)["state"] != state:
            self.assertLess(time.monotonic(), end, self.task(doc, 0, which))
            time.sleep(0.05)
        return self.task(doc, 0, which)

    def ids(self, name):
        return [m["id"] for m in self.phone(name).sms()]


class Time(Case):
    def test_a_due_message_goes_out_on_time(self):
        due = now_ms() + 2500
        doc, uuid = self.message(due=due, state="scheduled", group=1)
        self.assertEqual(self.c.sms(), [])
        self.assertEqual(self.task(doc)["state"], "scheduled")
        task = self.wait_state(doc, "pending", seconds=15)
        self.assertEqual(task["group"], 1)
        self.assertEqual(task["state_history"][-1]["state"], "pending")
        self.assertRegex(task["state_history"][-1]["timestamp"], ISO_MS)
        self.assertGreaterEqual(task["state_history"][-1]["timestamp"], iso(due))
        self.assertEqual([m["id"] for m in self.c.sms()], [uuid])

    def test_an_earlier_one_wakes_the_timer(self):
        self.message(due=now_ms() + DAY, state="scheduled")
        doc, _ = self.message(due=now_ms() + 300, state="scheduled")
        self.wait_state(doc, "pending", seconds=15)

    def test_what_became_due_while_the_server_was_down(self):
        doc, _ = self.message(due=now_ms() + 300, state="scheduled")
        self.server.kill()
        time.sleep(0.5)
        self.server.start()
        self.c = self.server.client()
        self.wait_state(doc, "pending", seconds=15)

    def test_only_the_last_seven_days(self):
        old, _ = self.message(due=now_ms() - 7 * DAY - 60000, state="scheduled")
        fresh, _ = self.message(due=now_ms() - 7 * DAY + 60000, state="scheduled")
        self.wait_state(fresh, "pending", seconds=15)
        self.run_timers()
        self.assertEqual(self.task(old)["state"], "scheduled")

    def test_only_in_the_hours_of_the_settings(self):
        hour = datetime.datetime.now(datetime.timezone.utc).hour
        closed = {"schedule_morning_hours": (hour + 2) % 24, "schedule_evening_hours": 24} \
            if hour < 22 else {"schedule_morning_hours": 0, "schedule_evening_hours": 1}
        self.c.settings({**self.settings, **closed})
        doc, _ = self.message(due=now_ms() - 1000, state="scheduled")
        self.run_timers()
        self.assertEqual(self.task(doc)["state"], "scheduled")
        self.c.settings({**self.settings, "schedule_morning_hours": "0"})
        self.run_timers()
        self.wait_state(doc, "pending", seconds=15)

    def test_the_text_is_made_when_it_is_due(self):
        doc = self.put({"type": "data_record", "from": "+254711222333", "locale": "sw",
                        "fields": {"day": "Monday"}, "name": "Amina", "errors": [],
                        "scheduled_tasks": [{"due": iso(now_ms() - 1000), "group": 2,
                                             "type": "anc", "translation_key": "visit",
                                             "recipient": "reporting_unit",
                                             "state": "scheduled", "state_history": []}]})
        task = self.wait_state(doc, "pending", seconds=15)
        self.assertEqual(len(task["messages"]), 1)
        self.assertRegex(task["messages"][0]["uuid"], UUID7)
        self.assertEqual(task["messages"][0]["to"], "+254711222333")
        self.assertEqual(task["messages"][0]["message"], "Njoo Monday, Amina.")
        self.assertEqual((task["group"], task["type"]), (2, "anc"))

    def test_a_text_of_its_own(self):
        """workflows.md 2.5: a task without a key has its text, or one for each language."""
        def record(**task):
            return self.put({"type": "data_record", "from": "+254711222333", "locale": "sw",
                             "name": "Amina", "scheduled_tasks": [
                                 {"due": iso(now_ms() - 1000), "state": "scheduled", **task}]})
        docs = {record(message="Hi {{name}}"): "Hi Amina",
                record(message=[{"locale": "en", "content": "Hello {{name}}"},
                                {"locale": "sw", "content": "Habari {{name}}"}]): "Habari Amina",
                record(message=[{"locale": "en", "content": "Hello {{name}}"}]): "Hello Amina"}
        for doc, text in docs.items():
            self.assertEqual(self.wait_state(doc, "pending")["messages"][0]["message"], text)

    def test_what_has_no_text_stays(self):
        def record(**task):
            return self.put({"type": "data_record", "from": "+254711222333",
                             "scheduled_tasks": [{"due": iso(now_ms() - 1000),
                                                  "state": "scheduled", **task}]})
        docs = [record(translation_key="unknown.key"), record(translation_key="blank"),
                record(), record(translation_key="visit", recipient="clinic"),
                record(messages=[{"uuid": "b1", "to": "+254711222333", "message": " \n"}])]
        self.run_timers()
        for doc in docs:
            self.assertEqual(self.task(doc)["state"], "scheduled", doc)
        self.c.settings({**self.settings, "sms": {"outgoing_service": "medic-gateway",
                                                  "clear_failing_schedules": True}})
        self.run_timers()
        self.assertEqual([self.wait_state(d, "clear")["state"] for d in docs], ["clear"] * 5)

    def test_a_message_that_was_sent_for_later(self):
        answer = self.c.post("/api/v1/messages", {"to": "+254711222444", "content": "later",
                                                  "due": iso(now_ms() + 2500)})
        uuid = self.check(answer, 200).json()["id"]
        self.assertEqual(self.c.sms(), [])
        end = time.monotonic() + 15
        found = []
        while not found and time.monotonic() < end:
            time.sleep(0.1)
            found = [m["id"] for m in self.c.sms()]
        self.assertEqual(found, [uuid])

    def test_other_states_with_the_same_due_time_stay(self):
        due = iso(now_ms() - 1000)
        doc = self.put({"type": "data_record", "scheduled_tasks": [
            {"due": due, "state": state, "messages": [
                {"uuid": "s-" + state, "to": "+254711222333", "message": "x"}]}
            for state in ("scheduled", "cleared", "muted")]})
        self.wait_state(doc, "pending", seconds=15)
        self.assertEqual([self.task(doc, i)["state"] for i in (1, 2)], ["cleared", "muted"])

    def test_a_thousand_at_once(self):
        due = iso(now_ms() + 200)
        docs = [{"_id": f"many-{i:04d}", "type": "x", "scheduled_tasks": [
            {"due": due, "state": "scheduled", "messages": [
                {"uuid": f"many-{i:04d}", "to": "+254711222333", "message": "x"}]}]}
            for i in range(1000)]
        self.assertEqual(self.c.post("/medic/_bulk_docs", {"docs": docs}).status, 201)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            rows = self.c.get('/medic/_all_docs?include_docs=true&startkey="many-"&endkey="many-z"')
            states = {r["doc"]["scheduled_tasks"][0]["state"] for r in rows.json()["rows"]}
            if states == {"pending"}:
                break
            time.sleep(0.1)
        self.assertEqual(states, {"pending"})


class Expiry(Case):
    def test_default_of_seven_days(self):
        old, uuid = self.message(due=now_ms() - 7 * DAY - 1000)
        fresh, _ = self.message(due=now_ms() - 7 * DAY + 60000)
        self.run_timers()
        task = self.wait_state(old, "expired", "tasks")
        self.assertEqual(task["state_history"][-1]["state"], "expired")
        self.assertEqual(self.task(fresh, 0, "tasks")["state"], "pending")
        self.assertNotIn(uuid, [m["id"] for m in self.c.sms()])
        # a status that arrives later is still taken
        self.c.sms(updates=[{"id": uuid, "status": "SENT"}])
        self.assertEqual(self.task(old, 0, "tasks")["state"], "sent")

    def test_what_a_phone_has_and_does_not_confirm(self):
        doc, uuid = self.message(due=now_ms() - 7 * DAY + 4000)
        self.assertIn(uuid, [m["id"] for m in self.c.sms()])
        self.assertEqual(self.task(doc, 0, "tasks")["state"], "forwarded-to-gateway")
        time.sleep(4.2)
        self.run_timers()
        self.wait_state(doc, "expired", "tasks")

    def test_what_a_phone_confirmed_stays(self):
        doc, uuid = self.message(due=now_ms() - 8 * DAY)
        self.c.sms(updates=[{"id": uuid, "status": "UNSENT"}])
        self.run_timers()
        self.assertEqual(self.task(doc, 0, "tasks")["state"], "received-by-gateway")

    def test_days_of_the_settings(self):
        doc, _ = self.message(due=now_ms() - 2 * DAY)
        never, _ = self.message(due=now_ms() - 400 * DAY)
        self.c.settings({**self.settings,
                         "sms": {"outgoing_service": "medic-gateway", "valid_days": 0}})
        self.run_timers()
        self.assertEqual(self.task(doc, 0, "tasks")["state"], "pending")
        self.assertEqual(self.task(never, 0, "tasks")["state"], "pending")
        self.c.settings({**self.settings,
                         "sms": {"outgoing_service": "medic-gateway", "valid_days": 1}})
        self.run_timers()
        self.wait_state(doc, "expired", "tasks")
        self.wait_state(never, "expired", "tasks")

    def test_an_end_of_its_own(self):
        soon, uuid = self.message(valid_until=iso(now_ms() - 1000))
        late, _ = self.message(due=now_ms() - 30 * DAY, valid_until=iso(now_ms() + DAY))
        self.assertNotIn(uuid, [m["id"] for m in self.c.sms()])   # before the timer has run, too
        self.run_timers()
        self.wait_state(soon, "expired", "tasks")
        self.assertIn(self.task(late, 0, "tasks")["state"], ("pending", "forwarded-to-gateway"))

    def test_what_is_retried_goes_out_after_all(self):
        doc, uuid = self.message(due=now_ms() - 9 * DAY, valid_until=iso(now_ms() - 1000))
        self.run_timers()
        self.wait_state(doc, "expired", "tasks")
        self.check(self.c.post(f"/api/v1/messages/{uuid}/retry", ""), 200)
        self.run_timers()
        self.assertNotIn("valid_until", self.task(doc, 0, "tasks"))
        self.assertIn(uuid, [m["id"] for m in self.c.sms()])

    def test_a_retry_begins_afresh(self):
        doc, uuid = self.message(due=now_ms() - 8 * DAY, state_history=[
            {"state": "pending", "timestamp": iso(now_ms() - 8 * DAY)},
            {"state": "expired", "timestamp": iso(now_ms() - DAY)},
            {"state": "pending", "timestamp": iso(now_ms() - 1000)}])
        self.run_timers()
        self.assertEqual(self.task(doc, 0, "tasks")["state"], "pending")


class Guards(Case):
    def test_repeats_are_counted_over_a_kill(self):
        """messaging.md 5.4, 11 no. 11: the sixth is the first that is refused."""
        self.c.settings({**self.settings, "transitions": {"default_responses": True},
                         "default_responses": {"start_date": "2020-01-01"},
                         "translations": {"en": {"sms_received": "Thanks."}}})
        sender = self.number()

        def state():
            reference = self.reference("rep")
            self.c.sms(messages=[{"id": reference, "from": sender, "content": "hello"}])
            return self.c.record(reference)["tasks"][0]["state"]
        self.assertNotIn("duplicate", [state() for _ in range(4)])
        self.server.restart(kill=True)
        self.c = self.server.client()
        states = [state() for _ in range(3)]
        self.assertEqual([s == "duplicate" for s in states], [False, True, True])


class Phones(Case):
    def test_routes_and_their_shares(self):
        mine = [self.message(to="+254100000001")[1], self.message(to="+254100000002")[1]]
        shared = [self.message(to=f"+2542{i:08d}")[1] for i in range(200, 240)]
        other = self.message(to="+254300000001")[1]
        self.assertEqual(self.ids("three"), [other])
        one = self.ids("one")
        self.assertTrue(set(mine) <= set(one), one)
        self.assertNotIn(other, one)
        taken = set(one) - set(mine)
        while True:
            more = self.phone("one").sms(updates=[{"id": i, "status": "SENT"} for i in one])
            one = [m["id"] for m in more]
            if not one:
                break
            taken |= set(one)
        self.assertTrue(taken <= set(shared))
        self.assertTrue(20 <= len(taken) <= 38, len(taken))       # three of four, by weight
        two = self.ids("two")
        self.assertTrue(two and set(two) <= set(shared) - taken, two)

    def test_limits_are_counted_in_segments(self):
        docs = [self.message(to=f"+2544{i:08d}", text=text, due=now_ms() - 5000 + i)
                for i, text in enumerate(["a", "b" * 200, "c"])]
        uuids = [uuid for _, uuid in docs]
        four = self.phone("four")
        self.wait_minute()
        first = [m["id"] for m in four.sms()]
        self.assertEqual(first, uuids[:2])                        # one and two parts
        again = [m["id"] for m in four.sms()]
        self.assertEqual(again, uuids[:2])                        # what it has costs nothing
        self.assertEqual(four.sms(updates=[{"id": u, "status": "SENT"} for u in first]), [])
        self.server.restart(kill=True)                            # counters survive
        self.c = self.server.client()
        self.assertEqual(self.phone("four").sms(), [])
        self.assertEqual(self.task(docs[2][0], 0, "tasks")["state"], "pending")
        self.c.sms(updates=[{"id": uuids[2], "status": "SENT"}])

    @staticmethod
    def wait_minute():
        """So that a test of the limit per minute does not straddle two."""
        if time.time() % 60 > 45:
            time.sleep(61 - time.time() % 60)

    def test_pause_and_resume(self):
        uuid = self.message(to="+254100000003")[1]
        self.check(self.c.post("/api/v1/gateways/one/pause", ""), 200,
                   {"account": "one", "paused": True})
        self.assertEqual(self.ids("one"), [])
        # what it brings is still taken
        one = self.phone("one")
        one.sms(messages=[{"id": self.reference(), "from": "+254711000111", "content": "x"}])
        self.server.restart()
        self.c = self.server.client()
        self.assertEqual(self.ids("one"), [])                     # it survives a restart
        self.assertEqual(self.ids("three"), [])                   # and its messages wait for it
        rows = {g["account"]: g for g in self.c.get("/api/v1/gateways").json()["gateways"]}
        self.assertIs(rows["one"]["paused"], True)
        self.assertEqual(rows["one"]["waiting"], 1)
        self.check(self.c.post("/api/v1/gateways/one/resume", ""), 200,
                   {"account": "one", "paused": False})
        self.assertEqual(self.ids("one"), [uuid])

    def test_a_paused_phone_leaves_its_share_to_others(self):
        self.c.post("/api/v1/gateways/two/pause", "")
        try:
            uuids = {self.message(to=f"+2542{i:08d}")[1] for i in range(20)}
            end = time.monotonic() + 5
            while set(self.ids("one")) != uuids and time.monotonic() < end:
                time.sleep(0.1)
            self.assertEqual(set(self.ids("one")), uuids)
        finally:
            self.c.post("/api/v1/gateways/two/resume", "")

    def test_pause_needs_rights_and_an_account(self):
        self.check(self.phone("one").post("/api/v1/gateways/one/pause", ""), 403,
                   {"code": 403, "error": "Insufficient privileges"})
        self.check(self.c.post("/api/v1/gateways/nobody/pause", ""), 404)

    def test_lease_and_lost_answer(self):
        uuid = self.message(to="+254900000001")[1]
        self.assertEqual(self.ids("three"), [uuid])
        for _ in range(3):
            self.assertEqual(self.ids("three"), [uuid])           # the same phone, again and again
            self.assertEqual(self.ids("two"), [])
        self.assertEqual(self.ids("two"), [])

    def test_the_lease_ends(self):
        self.c.settings({**self.settings, "sms": {"outgoing_service": "medic-gateway",
                                                  "gateway_lease_seconds": 4}})
        uuid = self.message(to="+254900000002")[1]
        self.assertEqual(self.ids("three"), [uuid])
        self.assertEqual(self.ids("two"), [])
        time.sleep(4.2)
        self.assertEqual(self.ids("two"), [uuid])
        self.assertEqual(self.ids("three"), [])

    def test_no_lease_is_the_original(self):
        self.c.settings({**self.settings, "sms": {"outgoing_service": "medic-gateway",
                                                  "gateway_lease_seconds": 0}})
        uuid = self.message(to="+254900000003")[1]
        for name in ("three", "two", "three"):
            self.assertEqual(self.ids(name), [uuid])

    def test_a_status_of_another_account_counts(self):
        doc, uuid = self.message(to="+254900000004")
        self.assertEqual(self.ids("three"), [uuid])
        self.phone("two").sms(updates=[{"id": uuid, "status": "SENT"}])
        self.assertEqual(self.task(doc, 0, "tasks")["state"], "sent")

    def test_two_phones_of_one_account_are_noticed(self):
        self.message(to="+254900000005")
        three = self.phone("three")
        for agent in ("Dalvik/2.1.0 phone-A", "Dalvik/2.1.0 phone-B"):
            three.request("POST", "/api/sms", "{}", {"Content-Type": "application/json",
                                                     "User-Agent": agent})
        self.assertIn('account "three" polls from elsewhere', self.server.log())
        self.assertNotIn("+254900000005", self.server.log())


class Silent(Case):
    def row(self, name):
        answer = self.check(self.c.get("/api/v1/gateways"), 200).json()
        return {g["account"]: g for g in answer["gateways"]}.get(name), answer

    def test_report(self):
        name = f"p{ServerCase.serial}"
        add_user(self.c, name)
        before = now_ms()
        phone = self.server.client(user=name)
        phone.sms(messages=[{"id": self.reference(), "from": "+254711000222", "content": "hi"}])
        middle = now_ms()
        due = [now_ms() - 9000 + i for i in range(4)]
        uuids = [self.message(to="+254911000001", due=d)[1] for d in due]
        self.assertEqual([m["id"] for m in phone.sms()], uuids)
        row, _ = self.row(name)
        self.assertTrue(before <= row["last_incoming"] <= middle <= row["last_poll"] <= now_ms())
        self.assertEqual((row["waiting"], row["oldest_waiting"]), (4, due[0]))
        self.assertIsNone(row["failure_rate_15m"])
        self.assertIs(row["paused"], False)

        phone.sms(updates=[{"id": uuids[0], "status": "SENT"}, {"id": uuids[0], "status": "DELIVERED"},
                           {"id": uuids[1], "status": "DELIVERED"}, {"id": uuids[2], "status": "SENT"},
                           {"id": uuids[3], "status": "FAILED", "reason": "radio-off"}])
        for _ in range(2):                                        # a repeat is not counted again
            phone.sms(updates=[{"id": uuids[3], "status": "FAILED", "reason": "radio-off"}])
        row, _ = self.row(name)
        self.assertEqual((row["waiting"], row["oldest_waiting"]), (0, None))
        self.assertEqual((row["failure_rate_15m"], row["failure_rate_24h"]), (0.25, 0.25))

        self.server.restart()                                     # kept at the end
        self.c = self.server.client()
        after, _ = self.row(name)
        self.assertEqual(after["last_poll"], row["last_poll"])
        self.assertEqual(after["last_incoming"], row["last_incoming"])
        self.assertEqual(after["failure_rate_24h"], 0.25)

    def test_messages_of_nobody(self):
        _, answer = self.row("one")
        self.assertEqual(answer["unassigned"], {"waiting": 0, "oldest_waiting": None})
        due = now_ms()
        self.message(to="+254922000001", due=due)
        _, answer = self.row("one")
        self.assertEqual(answer["unassigned"], {"waiting": 1, "oldest_waiting": due})

    def test_rights(self):
        self.check(self.phone("three").get("/api/v1/gateways", {"Accept": "application/json"}), 403)
        name = f"viewer{ServerCase.serial}"
        add_user(self.c, name, ["program_officer"])
        self.c.settings({**self.settings,
                         "roles": {"program_officer": {"name": "x"}},
                         "permissions": {"can_view_message_action": ["program_officer"]}})
        viewer = self.server.client(user=name)
        self.check(viewer.get("/api/v1/gateways", {"Accept": "application/json"}), 200)

    def test_errors_that_a_phones_log_can_show(self):
        """messaging.md 11 no. 14: `message` on /api/sms, for the app alone."""
        app = {"User-Agent": "Dalvik/2.1.0 (Linux) medic.gateway.alert/1.3.2",
               "Accept": "application/json", "Content-Type": "application/json"}
        wrong = Client(self.server.port, user="one", password="wrong")
        self.check(wrong.request("POST", "/api/sms", "{}", app), 401,
                   {"code": 401, "error": "unauthorized", "message": "unauthorized"})
        self.check(self.c.request("POST", "/api/sms", "{", app), 500,
                   {"code": 500, "error": "Server error", "message": "Server error"})
        self.check(self.c.request("POST", "/api/sms", '{"messages":3}', app), 500,
                   {"code": 500, "error": "Server error", "message": "Server error"})
        other = {**app, "User-Agent": "curl/8"}
        self.check(self.c.request("POST", "/api/sms", "{", other), 500,
                   {"code": 500, "error": "Server error"})


class Configuration(unittest.TestCase):
    def test_refused(self):
        import subprocess
        for line in ("routes = +2547", "routes = :one", "routes = +2547:one*0", "limits = one:3",
                     "limits = one:3/week", "limits = one:0/minute", "route = x"):
            with self.subTest(line), tempfile.NamedTemporaryFile("w", suffix=".conf") as f:
                f.write("[gateways]\n" + line + "\n")
                f.flush()
                done = subprocess.run([harness.binary(), "serve", "--check-config", "--config",
                                       f.name], capture_output=True, text=True)
                self.assertNotEqual(done.returncode, 0, line)
                self.assertIn("[gateways]", done.stderr)


if __name__ == "__main__":
    harness.main()
