# SPDX-License-Identifier: MIT
"""Carriers: messaging.md 7; secrets: cli.md [credentials]."""

import os
import re
import signal
import sqlite3
import subprocess
import tempfile
import time
import urllib.parse

from double_carriers import AfricasTalking, RapidPro
from harness import FORM_TYPE, JSON_TYPE, Server, ServerCase, binary, main

AT_KEY, AT_SECRET = "at incoming key/+%", "at-outgoing-SECRET"
RP_TOKEN, RP_SECRET = "rp-incoming-token", "rp-outgoing-SECRET"
SECRETS = (AT_KEY, AT_SECRET, RP_TOKEN, RP_SECRET)
AT = "/api/v1/sms/africastalking/"
RP = ("/api/v1/sms/radpidpro/incoming-messages", "/api/v2/sms/rapidpro/incoming-messages")
MAY = ": it may have been sent"


def settings(**sms):
    return {"default_country_code": 254, **({"sms": sms} if sms else {})}


def africas_talking(**more):
    return settings(outgoing_service="africas-talking", reply_to="22444",
                    africas_talking={"username": "clinic"}, **more)


def rapidpro(**more):
    return settings(outgoing_service="rapidpro", **more)


def write_config(directory, at_url="", rp_url="", credentials=True):
    lines = ["[outbound]", f"africas-talking-url = {at_url}", f"rapidpro-url = {rp_url}",
             "timeout = 2", "retry = 1"]
    if credentials:
        lines += ["[credentials]"]
        for i, (name, secret) in enumerate((("africastalking.com:incoming", AT_KEY),
                                            ("africastalking.com:outgoing", AT_SECRET),
                                            ("rapidpro:incoming", RP_TOKEN),
                                            ("rapidpro:outgoing", RP_SECRET))):
            path = os.path.join(directory, f"secret-{i}")
            with open(path, "w") as f:
                f.write(f"  {secret} \nsecond line\n")
            lines.append(f"{name} = {path}")
    path = os.path.join(directory, "barua.conf")
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")
    return path


class Place:
    """What the tests of this file share."""
    directory = at = rp = None


def setUpModule():
    Place.directory = tempfile.TemporaryDirectory()
    Place.at, Place.rp = AfricasTalking(), RapidPro()
    ServerCase.begin(args=["--config", write_config(Place.directory.name, Place.at.url + "/",
                                                    Place.rp.url)])
    ServerCase.server.client().settings(settings(outgoing_service="none"))


def tearDownModule():
    log = ServerCase.server.log()
    ServerCase.end()
    Place.at.stop()
    Place.rp.stop()
    Place.directory.cleanup()
    for secret in SECRETS:
        assert secret not in log, "a secret is in the log"


class Base(ServerCase):
    def setUp(self):
        super().setUp()
        self.at, self.rp = Place.at, Place.rp
        for double in (self.at, self.rp):
            double.requests.clear()
            double.words.clear()

    def run_timers(self):
        self.server.process.send_signal(signal.SIGUSR2)

    def eventually(self, look, timeout=20):
        """Waits until look() is something true, and returns it."""
        deadline = time.monotonic() + timeout
        while True:
            found = look()
            if found or time.monotonic() > deadline:
                self.assertTrue(found, "it did not happen in time:\n" + self.server.log()[-3000:])
                return found
            time.sleep(0.05)

    def send(self, content="hello", to=None, **more):
        answer = self.check(self.c.post("/api/v1/messages", {
            "to": to or self.number(), "content": content, **more}), 200)
        return answer.json()["id"]

    def task(self, uuid):
        for doc in self.c.documents():
            for task in doc.get("tasks", []):
                if task["messages"][0]["uuid"] == uuid:
                    return task
        raise AssertionError("no such message")

    def wait_state(self, uuid, *states):
        return self.eventually(lambda: (lambda t: t if t["state"] in states else None)
                               (self.task(uuid)))

    def account(self, uuid):
        page = self.c.get("/api/v1/messages?limit=1000").json()
        return [m["account"] for m in page["messages"] if m["id"] == uuid]


class AfricasTalkingIn(Base):
    def post(self, what, form, key=AT_KEY, **more):
        query = "" if key is None else "?" + urllib.parse.urlencode({"key": key})
        return self.c.form(AT + what + query, form, auth=False, **more)

    def test_message(self):
        ref, sender = self.reference("at"), self.number()
        form = {"id": ref, "from": sender, "text": "hello there", "date": "2026-11-21 16:55:32",
                "to": "22444", "linkId": "x"}
        self.check(self.post("incoming-messages", form), 200, {"saved": 1})
        record = self.c.record(ref)
        self.assertEqual((record["type"], record["from"]), ("data_record", sender))
        self.assertEqual(record["sms_message"]["message"], "hello there")
        self.assertEqual(record["sms_message"]["gateway_ref"], ref)
        # a repeat is no failure, and stores nothing (3.5)
        self.check(self.post("incoming-messages", form), 200, {"saved": 0})
        self.c.record(ref)

    def test_reference_is_shared_with_phones(self):
        ref = self.reference("at")
        self.c.sms([{"id": ref, "from": self.number(), "content": "by phone"}])
        self.check(self.post("incoming-messages", {"id": ref, "from": "1", "text": "x"}), 200,
                   {"saved": 0})

    def test_incomplete(self):
        form = {"id": self.reference(), "from": self.number(), "text": "x"}
        for name in form:
            self.check(self.post("incoming-messages", {**form, name: ""}), 200, {"saved": 0})
            self.check(self.post("incoming-messages",
                                 {k: v for k, v in form.items() if k != name}), 200, {"saved": 0})

    def test_wrong_key(self):
        form = {"id": self.reference(), "from": self.number(), "text": "x", "status": "Success"}
        for what in ("incoming-messages", "delivery-reports"):
            for key in (None, "", "wrong", AT_KEY + "x", AT_KEY[:-1], RP_TOKEN):
                answer = self.check(self.post(what, form, key), 403,
                                    {"code": 403, "error": "Incorrect token"})
                if key:
                    self.assertNotIn(key, answer.text)
            # a login does not help
            self.check(self.c.form(AT + what, form), 403)

    def test_no_body(self):
        for what in ("incoming-messages", "delivery-reports"):
            for form in ("", b""):
                self.check(self.post(what, form), 400,
                           {"code": 400, "error": "Request body is required"})

    def test_text_error(self):
        answer = self.c.request("POST", AT + "incoming-messages?key=x", "a=b",
                                {"Content-Type": FORM_TYPE}, auth=False)
        self.assertEqual((answer.status, answer.text), (403, "Incorrect token"))

    def put_sent(self, state="sent"):
        ref = self.reference("ATXid")
        uuid = self.reference("uuid")
        self.check(self.c.post("/medic", {"type": "data_record", "sms_message": {}, "tasks": [
            {"messages": [{"uuid": uuid, "to": self.number(), "message": "m"}], "state": state,
             "gateway_ref": ref, "state_history": []}]}), 201)
        return ref, uuid

    def test_reports(self):
        for status, state in (("Sent", "forwarded-by-gateway"), ("Submitted", "sent"),
                              ("Buffered", "sent"), ("Success", "delivered"),
                              ("Rejected", "failed"), ("Failed", "failed")):
            with self.subTest(status):
                ref, uuid = self.put_sent("received-by-gateway")
                form = {"id": ref, "status": status, "phoneNumber": "+254712345678"}
                if state == "failed":
                    form["failureReason"] = "UserAccountSuspended"
                self.check(self.post("delivery-reports", form), 200, {"saved": 1})
                task = self.task(uuid)
                self.assertEqual((task["state"], task["gateway_ref"]), (state, ref))
                self.assertEqual(task.get("state_details"),
                                 "UserAccountSuspended" if state == "failed" else None)
                self.assertEqual([h["state"] for h in task["state_history"]], [state])

    def test_late_report_goes_into_history_only(self):
        ref, uuid = self.put_sent("delivered")
        self.check(self.post("delivery-reports", {"id": ref, "status": "Buffered"}), 200)
        self.assertEqual(self.task(uuid)["state"], "delivered")
        self.assertEqual([h["state"] for h in self.task(uuid)["state_history"]], ["sent"])

    def test_odd_reports(self):
        self.check(self.post("delivery-reports", {"id": "nobody", "status": "Success"}), 200,
                   {"saved": 0})
        self.check(self.post("delivery-reports", {"status": "Success"}), 200, {"saved": 0})
        for status in ("success", "Lost", ""):
            self.check(self.post("delivery-reports", {"id": "r1", "status": status}), 400, {
                "code": 400,
                "error": f'Unknown status code: "{status}", gateway message reference: "r1"'})


class RapidProIn(Base):
    def post(self, path, value, token=RP_TOKEN):
        headers = {} if token is None else {"Authorization": "Token " + token}
        return self.c.post(path, value, headers, auth=False)

    def test_message(self):
        for path in RP:
            with self.subTest(path):
                ref, sender = self.reference("rp"), self.number()
                body = {"id": ref, "from": "tel:" + sender, "content": "hello"}
                self.check(self.post(path, body), 200, {"saved": 1})
                record = self.c.record(ref)
                self.assertEqual((record["from"], record["sms_message"]["message"]),
                                 (sender, "hello"))
                self.check(self.post(path, body), 400,
                           {"code": 400, "error": "Message was not saved"})
        self.check(self.post(RP[1], {"id": 4711, "from": sender, "content": "by number"}), 200)
        self.assertEqual(self.c.record("4711")["sms_message"]["message"], "by number")

    def test_incomplete(self):
        good = {"id": self.reference(), "from": self.number(), "content": "x"}
        for body in ({}, {**good, "id": ""}, {**good, "from": None}, {**good, "content": []}, []):
            self.check(self.post(RP[0], body), 400,
                       {"code": 400, "error": "Message was not saved"})

    def test_refused(self):
        body = {"id": self.reference(), "from": self.number(), "content": "x"}
        for path in RP:
            for token in ("wrong", RP_TOKEN + "x", AT_KEY):
                self.check(self.post(path, body, token), 403,
                           {"code": 403, "error": "Incorrect token"})
            missing = {"code": 403, "error": "Missing authorization token"}
            self.check(self.post(path, body, None), 403, missing)
            self.check(self.c.post(path, body), 403, missing)  # Basic
            self.check(self.c.request("POST", path, None, {"Authorization": "Token " + RP_TOKEN,
                                                           "Accept": JSON_TYPE}, auth=False), 400,
                       {"code": 400, "error": "Request body is required"})


class Unconfigured(Base):
    def test_no_keys(self):
        server = Server().start()
        self.addCleanup(server.finish)
        c = server.client()
        expected = {"code": 403, "error": "No incoming key configured"}
        for what in ("incoming-messages", "delivery-reports"):
            self.check(c.form(AT + what + "?key=", {"id": "1"}, auth=False), 403, expected)
        for path in RP:
            self.check(c.post(path, {"id": "1"}, {"Authorization": "Token "}, auth=False), 403,
                       expected)

    def test_nothing_is_sent_without_a_secret(self):
        with tempfile.TemporaryDirectory() as directory:
            server = Server(args=["--config", write_config(directory, self.at.url, self.rp.url,
                                                           credentials=False)]).start()
            self.addCleanup(server.finish)
            server.client().settings(africas_talking())
            server.client().post("/api/v1/messages", {"to": "+254712345678", "content": "x"})
            self.eventually(lambda: "nothing is sent to africas-talking: [credentials] "
                                    "africastalking.com:outgoing is missing" in server.log())
            server.client().settings(rapidpro())
            self.eventually(lambda: "nothing is sent to rapidpro: [credentials] rapidpro:outgoing "
                                    "is missing" in server.log())
            self.assertEqual(self.at.requests + self.rp.requests, [])

    def serve(self, *args):
        return subprocess.run([binary(), "serve", *args], capture_output=True, text=True,
                              timeout=30, env={**os.environ, "BARUA_ADMIN_PASSWORD": "Pr00f.of-the:pudding"})

    def test_config(self):
        with tempfile.TemporaryDirectory() as directory:
            config = write_config(directory, self.at.url)
            shown = self.serve("--config", config, "--show-config")
            self.assertEqual(shown.returncode, 0)
            self.assertRegex(shown.stdout, r"\[credentials\]\n(#.*\n)*africastalking\.com:incoming = ")
            for secret in SECRETS:
                self.assertNotIn(secret, shown.stdout)
            database = os.path.join(directory, "x.db")
            for content, reason in ((None, "No such file"), (" \nx\n", "has no text")):
                path = os.path.join(directory, "secret-0")
                if content is None:
                    os.unlink(path)
                else:
                    with open(path, "w") as f:
                        f.write(content)
                answer = self.serve("--config", config, "--database", database)
                self.assertEqual(answer.returncode, 1)
                self.assertIn("[credentials] africastalking.com:incoming: ", answer.stderr)
                self.assertIn(reason, answer.stderr)


class Pushing(Base):
    """Sending by either carrier; a carrier is named for the length of a test."""

    def begin(self, value):
        self.addCleanup(self.rest)
        self.c.settings(value)

    def rest(self):
        """Nothing is sent any more, and nothing waits for the next test."""
        self.c.settings(settings(outgoing_service="none"))
        for state in ("pending", "scheduled", "forwarded-to-gateway"):
            for m in self.c.get(f"/api/v1/messages?state={state}&limit=1000").json()["messages"]:
                self.c.request("POST", f"/api/v1/messages/{m['id']}/cancel")

    def states(self, uuid):
        return [h["state"] for h in self.task(uuid)["state_history"]]


class AfricasTalkingOut(Pushing):
    def test_request(self):
        self.begin(africas_talking())
        uuid = self.send("Habari & \"karibu\" +=é€\n😀", "0712 000 111")
        task = self.wait_state(uuid, "sent")
        self.assertEqual(len(self.at.requests), 1)
        method, path, headers, _ = self.at.requests[0]
        self.assertEqual((method, path), ("POST", "/version1/messaging"))
        headers = {k.lower(): v for k, v in headers.items()}
        self.assertEqual(headers["apikey"], AT_SECRET)
        self.assertEqual(headers["content-type"], FORM_TYPE)
        self.assertEqual(headers["accept"], JSON_TYPE)
        self.assertEqual(urllib.parse.parse_qsl(self.at.requests[0][3]), [
            ("username", "clinic"), ("from", "22444"), ("to", "+254712000111"),
            ("message", "Habari & \"karibu\" +=é€\n😀")])
        self.assertRegex(task["gateway_ref"], r"^ATXid_\d+$")
        self.assertEqual(task["state_details"], "Sent")
        self.assertEqual(self.states(uuid), ["pending", "forwarded-to-gateway", "sent"])
        self.assertEqual(self.account(uuid), ["carrier:africas-talking"])
        self.assertEqual(self.rp.requests, [])

    def test_codes(self):
        self.begin(africas_talking())
        for code, state, details in ((100, "forwarded-by-gateway", "Processed"),
                                     (101, "sent", "Sent"),
                                     (102, "received-by-gateway", "Queued"),
                                     (401, "failed", "RiskHold"),
                                     (403, "failed", "InvalidPhoneNumber"),
                                     (404, "failed", "UnsupportedNumberType"),
                                     (406, "denied", "UserInBlacklist"),
                                     (407, "failed", "CouldNotRoute"),
                                     (999, "unrecognised", "statusCode 999")):
            with self.subTest(code):
                self.at.words.append(f"code {code}")
                uuid = self.send(f"code {code}")
                task = self.wait_state(uuid, state)
                self.assertEqual(task["state_details"], details)
                self.assertEqual("gateway_ref" in task, code < 400)
        n = len(self.at.requests)
        self.run_timers()
        time.sleep(0.3)
        self.assertEqual(len(self.at.requests), n)

    def test_codes_that_wait(self):
        """No change, retried."""
        self.begin(africas_talking())
        for code in (402, 405, 500, 501, 502):
            with self.subTest(code):
                self.at.words.append(f"code {code}")
                text = f"later {code}"
                uuid = self.send(text)
                self.eventually(lambda: [t for _, t in self.at.sent()].count(text) == 1)
                self.wait_state(uuid, "pending")
                self.assertNotIn("gateway_ref", self.task(uuid))
                time.sleep(1.2)
                self.run_timers()
                self.wait_state(uuid, "sent")
                self.assertEqual([t for _, t in self.at.sent()].count(text), 2)

    def test_nobody(self):
        """An empty list of recipients: nothing was sent."""
        self.begin(africas_talking())
        self.at.words.append("nobody")
        uuid = self.send()
        self.at.wait_requests(1)
        self.assertEqual(self.wait_state(uuid, "pending").get("state_details"), "InvalidSenderId")

    def test_report_after_sending(self):
        self.begin(africas_talking())
        uuid = self.send()
        ref = self.wait_state(uuid, "sent")["gateway_ref"]
        self.check(self.c.form(AT + "delivery-reports?" + urllib.parse.urlencode({"key": AT_KEY}),
                               {"id": ref, "status": "Success"}, auth=False), 200, {"saved": 1})
        self.assertEqual(self.task(uuid)["state"], "delivered")
        self.assertEqual(self.task(uuid)["gateway_ref"], ref)

    def test_who_sends(self):
        """Only the service that is named; without one nobody."""
        for value in (settings(outgoing_service="medic-gateway"), settings(x=1),
                      {"default_country_code": 254}, settings(outgoing_service="carrier-pigeon")):
            self.begin(value)
            self.send()
            self.run_timers()
            time.sleep(0.2)
        self.assertEqual(self.at.requests + self.rp.requests, [])
        self.begin(africas_talking())
        self.assertEqual(self.c.sms(), [])  # phones get nothing then
        self.eventually(lambda: len(self.at.requests) == 4)

    def test_twenty_five_a_round(self):
        self.rest()
        for i in range(30):
            self.send(f"m {i}")
        self.begin(africas_talking())
        self.eventually(lambda: len(self.at.requests) >= 25)
        time.sleep(0.5)
        self.assertEqual([t for _, t in self.at.sent()], [f"m {i}" for i in range(25)])
        self.run_timers()
        self.eventually(lambda: len(self.at.requests) == 30)
        self.assertEqual(len(set(self.at.sent())), 30)

    def test_scheduled_and_cancelled_are_not_sent(self):
        self.begin(africas_talking())
        self.send("later", due=int(time.time() * 1000) + 3600000)
        uuid = self.send("now")
        self.wait_state(uuid, "sent")
        self.assertEqual([t for _, t in self.at.sent()], ["now"])

    def test_reply_goes_out_at_once(self):
        """Also tried at once after a record is created."""
        self.begin({**africas_talking(), "forms": {}, "transitions": {"default_responses": True},
                    "default_responses": {"start_date": "2020-01-01"},
                    "translations": {"en": {"sms_received": "Asante."}}})
        sender = self.number()
        self.c.sms([self.incoming("hello", sender)])
        self.eventually(lambda: self.at.sent() == [(sender, "Asante.")], 5)

    def test_two_messages_of_one_task(self):
        self.begin(africas_talking())
        uuids, to = [self.reference("u"), self.reference("u")], self.number()
        self.check(self.c.post("/medic", {"type": "data_record", "sms_message": {}, "reported_date": 1, "tasks": [
            {"state": "pending", "messages": [{"uuid": u, "to": to, "message": u}
                                              for u in uuids]}]}), 201)
        self.eventually(lambda: len(self.at.requests) == 2)
        self.wait_state(uuids[0], "sent")
        self.assertEqual(sorted(t for _, t in self.at.sent()), sorted(uuids))


class Misbehaving(Pushing):
    """What a carrier may do to us: nothing is sent twice by itself, nothing is lost silently."""

    def requests_of(self, text):
        return [t for _, t in self.at.sent()].count(text)

    def test_unknown(self):
        """The request left, the answer tells nothing: failed, with the reason; a person decides."""
        self.begin(africas_talking())
        for word, reason in (("hang", "no answer"), ("reset", "no answer"), ("close", "no answer"),
                             ("half", "unreadable answer"), ("trickle", "unreadable answer"),
                             ("garbage", "unreadable answer"), ("shape", "unreadable answer"),
                             ("endless", "unreadable answer"), ("status 500", "HTTP 500"),
                             ("status 502", "HTTP 502"), ("status 504", "HTTP 504")):
            with self.subTest(word):
                self.at.words.append(word)
                uuid = self.send(word)
                self.run_timers()  # whatever the last one made us wait for
                task = self.wait_state(uuid, "failed")
                self.assertEqual(task["state_details"], reason + MAY)
                self.assertNotIn("gateway_ref", task)
                self.run_timers()
                time.sleep(0.1)
                self.assertEqual(self.requests_of(word), 1)
        # and the person may
        self.assertEqual(self.c.request("POST", f"/api/v1/messages/{uuid}/retry").status, 200)
        self.run_timers()
        self.wait_state(uuid, "sent")
        self.assertEqual(self.requests_of("status 504"), 2)

    def test_temporary(self):
        """The carrier did nothing: the message waits, then goes out, once."""
        self.begin(africas_talking())
        for word in ("status 503", "status 429", "after 429 1", "status 408", "status 401",
                     "status 403", "status 402", "status 404", "moved"):
            with self.subTest(word):
                self.at.words.append(word)
                uuid = self.send(word)
                self.run_timers()
                self.eventually(lambda: self.requests_of(word) == 1)
                task = self.wait_state(uuid, "pending")
                self.assertRegex(task["state_details"], "^HTTP [0-9]{3}$")
                time.sleep(1.2)
                self.run_timers()
                self.wait_state(uuid, "sent")
                self.assertEqual(self.requests_of(word), 2)
        self.assertNotIn("/elsewhere", [r[1] for r in self.at.requests])

    def outbound(self):
        """{(service, result): n} of barua_outbound_total."""
        found = re.findall(r'^barua_outbound_total\{service="([^"]*)",result="([^"]*)"\} (\d+)$',
                           self.c.get("/metrics").text, re.M)
        return {(service, result): int(n) for service, result, n in found}

    def test_counted(self):
        """What became of each sending (export-and-monitoring.md 7.2)."""
        before = self.outbound()
        self.assertEqual(set(before), {(service, result)
                                       for service in ("africas-talking", "rapidpro")
                                       for result in ("accepted", "refused", "later", "unknown")})
        self.begin(africas_talking())
        for word, state in (("ok", "sent"), ("code 401", "failed"), ("code 406", "denied"),
                            ("status 400", "failed"), ("close", "failed"), ("status 503", "pending"),
                            ("code 999", "unrecognised")):
            self.at.words.append(word)
            uuid = self.send(word)
            self.run_timers()
            self.wait_state(uuid, state)
            if state == "pending":
                self.eventually(lambda: self.requests_of(word) == 1)
                self.c.request("POST", f"/api/v1/messages/{uuid}/cancel")
        after = self.outbound()
        moved = {key: n - before[key] for key, n in after.items() if n != before[key]}
        self.assertEqual(moved, {("africas-talking", "accepted"): 1, ("africas-talking", "refused"): 3,
                                 ("africas-talking", "later"): 1, ("africas-talking", "unknown"): 2})

    def test_refused_for_good(self):
        self.begin(africas_talking())
        for word in ("status 400", "status 422"):
            self.at.words.append(word)
            uuid = self.send(word)
            self.run_timers()
            self.assertEqual(self.wait_state(uuid, "failed")["state_details"],
                             "HTTP" + word[6:])

    def test_not_reached(self):
        """Connections are refused: nothing left, so everything waits."""
        self.at.stop()
        self.addCleanup(lambda: self.at.over.is_set() and self.at.listen())
        self.begin(africas_talking())
        uuid = self.send("refused")
        self.eventually(lambda: self.states(uuid)[2:] == ["pending"])
        self.assertEqual(self.task(uuid)["state_details"], "not reached")
        self.at.listen()
        time.sleep(1.2)
        self.run_timers()
        self.wait_state(uuid, "sent")
        self.assertEqual(self.requests_of("refused"), 1)

    def test_trouble_makes_the_others_wait(self):
        """After a refusal that would meet every message, the next is not tried before its time."""
        self.rest()
        uuids = [self.send(f"w {i}") for i in range(4)]
        self.at.words += ["after 503 600"]
        self.begin(africas_talking())
        self.at.wait_requests(1)
        self.send("one more")
        time.sleep(1.5)
        self.assertEqual(len(self.at.requests), 1)
        self.run_timers()  # an operator need not wait
        self.eventually(lambda: len(self.at.requests) >= 5)
        self.wait_state(uuids[3], "sent")

    def test_one_bad_message_does_not_stop_the_others(self):
        self.rest()
        uuids = [self.send(f"p {i}") for i in range(3)]
        self.at.words += ["code 502"]
        self.begin(africas_talking())
        for uuid in uuids[1:]:
            self.wait_state(uuid, "sent")
        self.wait_state(uuids[0], "pending")

    def test_cancelled_on_the_way(self):
        """What a person cancelled while the carrier had it: the report is kept in the history."""
        self.begin(africas_talking())
        self.at.words.append("hang")
        uuid = self.send("cancelled")
        self.at.wait_requests(1)
        self.assertEqual(self.c.request("POST", f"/api/v1/messages/{uuid}/cancel").status, 200)
        time.sleep(2.5)
        self.assertEqual(self.task(uuid)["state"], "cleared")

    def test_deleted_on_the_way(self):
        self.begin(africas_talking())
        self.at.words.append("hang")
        uuid = self.send("deleted")
        self.at.wait_requests(1)
        doc = [d for d in self.c.documents() if d.get("type") == "outgoing_message"
               and d["tasks"][0]["messages"][0]["uuid"] == uuid][0]
        self.check(self.c.request("DELETE", f"/medic/{doc['_id']}?rev={doc['_rev']}"), 200)
        other = self.send("after it")
        time.sleep(2.2)
        self.run_timers()
        self.wait_state(other, "sent")

    def test_crash_on_the_way(self):
        """A message that was under way when the server died is not sent again by itself."""
        self.begin(africas_talking())
        self.at.words.append("hang")
        uuid = self.send("crash")
        self.at.wait_requests(1)
        after = self.send("after the crash")
        self.server.kill()
        self.server.start()
        self.c = self.server.client()
        task = self.wait_state(uuid, "failed")
        self.assertEqual(task["state_details"], "the server ended before the answer" + MAY)
        self.wait_state(after, "sent")
        self.assertEqual(self.requests_of("crash"), 1)

    def test_store_in_trouble_on_the_way(self):
        """What was sent is recorded as soon as the store can: it is not sent again meanwhile."""
        self.begin(africas_talking())
        self.at.go.clear()
        self.at.words.append("wait")
        uuid = self.send("recorded late")
        self.at.wait_requests(1)
        other = sqlite3.connect(self.server.database, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        self.at.go.set()
        self.eventually(lambda: "is not recorded yet" in self.server.log())
        self.run_timers()
        other.execute("ROLLBACK")
        self.wait_state(uuid, "sent")
        self.assertEqual(self.requests_of("recorded late"), 1)

    def test_a_phone_may_have_the_name_of_a_carrier(self):
        """What such a phone was handed is the phone's, also when the server starts again."""
        self.begin(settings(outgoing_service="medic-gateway"))
        self.check(self.c.put("/_users/org.couchdb.user:rapidpro", {
            "name": "rapidpro", "type": "user", "roles": ["_admin"], "password": "S3cret.enough"}),
            201)
        uuid = self.send("by phone")
        phone = self.server.client(user="rapidpro", password="S3cret.enough")
        self.assertIn(uuid, [m["id"] for m in phone.sms()])
        self.server.restart(kill=True)
        self.c = self.server.client()
        self.run_timers()
        time.sleep(0.3)
        self.assertEqual(self.task(uuid)["state"], "forwarded-to-gateway")

    def test_stop_on_the_way(self):
        """The same for a graceful end, which does not wait for carriers."""
        self.begin(africas_talking())
        self.at.words.append("hang")
        uuid = self.send("stop")
        self.at.wait_requests(1)
        begun = time.monotonic()
        self.server.restart()
        self.assertLess(time.monotonic() - begun, 15)
        self.c = self.server.client()
        self.wait_state(uuid, "failed")
        self.assertEqual(self.requests_of("stop"), 1)


class RapidProOut(Pushing):
    def test_request(self):
        self.begin(rapidpro())
        uuid = self.send("Habari \"é\"\n😀", "+254712000222")
        task = self.wait_state(uuid, "received-by-gateway")
        method, path, headers, _ = self.rp.requests[0]
        self.assertEqual((method, path), ("POST", "/api/v2/broadcasts.json"))
        headers = {k.lower(): v for k, v in headers.items()}
        self.assertEqual(headers["authorization"], "Token " + RP_SECRET)
        self.assertEqual(headers["content-type"], JSON_TYPE)
        self.assertEqual(self.rp.sent(), [(["tel:+254712000222"], "Habari \"é\"\n😀")])
        self.assertEqual(task["gateway_ref"], str(self.rp.serial))
        self.assertEqual(self.account(uuid), ["carrier:rapidpro"])
        self.assertEqual(self.at.requests, [])

    def test_words(self):
        self.begin(rapidpro())
        for word, state in (("queued", "received-by-gateway"), ("wired", "forwarded-by-gateway"),
                            ("sent", "sent"), ("resent", "sent"), ("delivered", "delivered"),
                            ("errored", "received-by-gateway"), ("failed", "failed"),
                            ("unknown", "received-by-gateway"), ("dancing", "unrecognised")):
            with self.subTest(word):
                self.rp.words.append("word " + word)
                uuid = self.send(word)
                task = self.wait_state(uuid, state)
                self.assertEqual(task["state_details"],
                                 word if word == "dancing" else word.capitalize())
                self.assertIn("gateway_ref", task)

    def test_states_are_asked_for(self):
        self.begin(rapidpro())
        uuid = self.send("asked")
        ref = self.wait_state(uuid, "received-by-gateway")["gateway_ref"]
        for word, state in (("wired", "forwarded-by-gateway"), ("sent", "sent"),
                            ("wired", "sent"), ("delivered", "delivered")):
            self.rp.states[ref] = word
            n = self.rp.asked().count(ref)
            self.eventually(lambda: self.run_timers() or time.sleep(0.1)
                            or self.rp.asked().count(ref) > n)
            self.wait_state(uuid, state)
        self.assertEqual(self.task(uuid)["gateway_ref"], ref)
        time.sleep(0.2)
        n = self.rp.asked().count(ref)
        self.run_timers()
        time.sleep(0.3)
        self.assertEqual(self.rp.asked().count(ref), n)  # delivered is the end

    def test_asking_stops_at_429_and_goes_on_later(self):
        self.begin(rapidpro())
        uuids = [self.send(f"q {i}") for i in range(60)]
        for _ in range(3):
            self.run_timers()
            time.sleep(0.5)
        self.eventually(lambda: len(self.rp.sent()) == 60)
        refs = {self.wait_state(u, "received-by-gateway")["gateway_ref"] for u in uuids}
        for ref in refs:
            self.rp.states[ref] = "delivered"
        with self.rp.lock:
            self.rp.requests.clear()
            self.rp.words += ["ok"] * 10 + ["status 429"]
        self.run_timers()
        self.eventually(lambda: len(self.rp.asked()) >= 11)
        time.sleep(0.4)
        self.assertEqual(len(self.rp.asked()), 11)
        for _ in range(6):
            self.run_timers()
            time.sleep(0.5)
        self.eventually(lambda: all(self.task(u)["state"] == "delivered" for u in uuids[::7]))

    def test_misbehaving(self):
        self.begin(rapidpro())
        for word in ("hang", "half", "garbage", "shape", "status 500"):
            with self.subTest(word):
                self.rp.words.append(word)
                uuid = self.send("u " + word)
                self.run_timers()
                self.assertIn(MAY, self.wait_state(uuid, "failed")["state_details"])
        self.rp.words += ["status 400"]
        uuid = self.send("bad urn")
        self.run_timers()
        self.assertEqual(self.wait_state(uuid, "failed")["state_details"], "HTTP 400")
        self.assertEqual(len(self.rp.sent()), len(set(t for _, t in self.rp.sent())))

    def test_misbehaving_when_asked(self):
        """Nothing changes, and sending goes on."""
        self.begin(rapidpro())
        uuid = self.send("asked oddly")
        self.wait_state(uuid, "received-by-gateway")
        for word in ("hang", "reset", "half", "garbage", "shape", "status 500", "status 403"):
            n = len(self.rp.requests)
            self.rp.words.append(word)
            self.eventually(lambda: self.run_timers() or time.sleep(0.1)
                            or len(self.rp.requests) > n)
            time.sleep(2.3 if word == "hang" else 0.1)
            self.assertEqual(self.task(uuid)["state"], "received-by-gateway")
        other = self.send("next")
        self.wait_state(other, "received-by-gateway")

    def test_url_of_the_settings(self):
        """Settings name the server, over TLS only: the token goes there."""
        with tempfile.TemporaryDirectory() as directory:
            server = Server(args=["--config", write_config(directory)]).start()
            self.addCleanup(server.finish)
            c = server.client()
            c.settings(rapidpro(rapidpro={"url": self.rp.url}))
            c.post("/api/v1/messages", {"to": "+254712345678", "content": "x"})
            self.eventually(lambda: "nothing is sent to rapidpro: sms.rapidpro.url must be https"
                            in server.log())
            c.settings(rapidpro())
            self.eventually(lambda: "nothing is sent to rapidpro: sms.rapidpro.url is missing"
                            in server.log())
            self.assertEqual(self.rp.requests, [])


if __name__ == "__main__":
    main()
