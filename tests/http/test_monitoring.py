# SPDX-License-Identifier: MIT
"""GET /api/v1/monitoring: export-and-monitoring.md 7."""

import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Client, Server, main  # noqa: E402

LIFE = 1.1  # figures are a second old at most


class Monitoring(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.server = Server()
        self.server.start()
        self.addCleanup(self.server.finish)
        self.client = self.server.client()

    def ask(self):
        answer = self.client.get("/api/v1/monitoring", auth=False)
        self.assertEqual(answer.status, 200)
        return answer.json()

    def ask_anew(self):
        time.sleep(LIFE)
        return self.ask()

    def put(self, db, name, value):
        answer = self.client.put(f"/{db}/{name}", value)
        self.assertEqual(answer.status, 201, answer)
        return answer.json()

    def test_shape(self):
        before = time.time() * 1000
        answer = self.client.get("/api/v1/monitoring", auth=False)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.header("Content-Type"), "application/json; charset=utf-8")
        self.assertEqual(answer.header("Cache-Control"), "no-store")
        m = answer.json()
        self.assertEqual(list(m), ["version", "couchdb", "date", "sentinel", "messaging",
                                   "outbound_push", "feedback", "conflict", "replication_limit",
                                   "barua"])
        self.assertRegex(m["version"]["app"], r"^\d+\.\d+\.\d+")
        self.assertEqual((m["version"]["node"], m["version"]["couchdb"]), ("", ""))
        self.assertEqual({k: v["name"] for k, v in m["couchdb"].items()},
                         {"medic": "medic", "sentinel": "medic-sentinel",
                          "usersmeta": "medic-users-meta", "users": "_users"})
        for name, database in m["couchdb"].items():
            self.assertEqual(list(database), ["name", "update_sequence", "doc_count",
                                              "doc_del_count", "fragmentation"], name)
        self.assertEqual(m["couchdb"]["users"]["doc_count"], 1, "the first account")
        self.assertGreaterEqual(m["couchdb"]["medic"]["fragmentation"], 1)
        self.assertEqual(m["couchdb"]["sentinel"]["fragmentation"], 1)
        self.assertTrue(before - 1000 <= m["date"]["current"] <= time.time() * 1000 + 1000)
        self.assertTrue(0 < m["date"]["uptime"] < 600, "seconds")
        self.assertEqual(m["messaging"]["outgoing"], {"state": {"due": 0, "scheduled": 0, "muted": 0},
                                                      "due": 0, "scheduled": 0, "muted": 0})
        for name, member in (("sentinel", "backlog"), ("outbound_push", "backlog"),
                             ("feedback", "count"), ("conflict", "count"),
                             ("replication_limit", "count")):
            self.assertEqual(m[name], {member: 0})
        self.assertEqual(m["barua"]["gateway_last_poll"], -1)
        self.assertGreaterEqual(m["barua"]["schema"], 3)
        self.assertRegex(m["barua"]["sqlite"], r"^3\.")

    def test_credentials_are_ignored(self):
        for client in (Client(self.server.port, password="wrong"),
                       Client(self.server.port, user="nobody", password="wrong")):
            for _ in range(12):
                self.assertEqual(client.get("/api/v1/monitoring").status, 200)
        self.assertEqual(self.client.get("/api/sms").status, 200, "no failed login was counted")
        self.assertEqual(self.client.request("POST", "/api/v1/monitoring", b"{}").status, 405)

    def test_documents(self):
        first = self.ask()["couchdb"]["medic"]
        rev = self.put("medic", "a", {"x": 1})["rev"]
        self.put("medic", "b", {"x": 1})
        self.client.request("DELETE", f"/medic/a?rev={rev}")
        then = self.ask_anew()["couchdb"]["medic"]
        self.assertEqual({k: then[k] - first[k] for k in
                          ("update_sequence", "doc_count", "doc_del_count")},
                         {"update_sequence": 3, "doc_count": 1, "doc_del_count": 1})

    def task(self, state, **more):
        return {"state": state, "messages": [{"uuid": os.urandom(8).hex(), "to": "+254712345678",
                                              "message": "hi", **more}]}

    def test_messages(self):
        """What counts as due, scheduled and muted; what is no message counts nowhere."""
        due = ["pending", "forwarded-to-gateway", "received-by-gateway", "forwarded-by-gateway"]
        muted = ["muted", "cleared", "denied", "duplicate", "expired"]
        neither = ["sent", "delivered", "failed", "unrecognised", "clear", "whatever"]
        self.put("medic", "all", {"type": "data_record", "reported_date": int(time.time() * 1000),
                                  "tasks": [self.task(s) for s in due + due + muted + neither],
                                  "scheduled_tasks": [
                                      dict(self.task("scheduled"), due="2036-01-01T00:00:00Z"),
                                      {"state": "scheduled", "due": "2036-01-01T00:00:00Z",
                                       "message_key": "later"},  # not written out yet
                                      self.task("muted")]})
        self.put("medic", "none", {"type": "data_record", "reported_date": int(time.time() * 1000),
                                   "tasks": [self.task("pending", to=""),
                                             self.task("pending", message=""),
                                             self.task("denied", uuid=None),
                                             {"state": "pending"}]})
        out = self.ask_anew()["messaging"]["outgoing"]
        numbers = {"due": 2 * len(due), "scheduled": 2, "muted": len(muted) + 1}
        self.assertEqual(out, {"state": numbers, **numbers})

    def test_conflicts_and_feedback(self):
        self.put("medic-users-meta", "feedback-2026-1", {"type": "feedback"})
        self.put("medic-users-meta", "feedbac", {"type": "x"})
        self.put("medic-users-meta", "replication", {"type": "x"})
        revs = [f"1-{d * 32}" for d in "ab"]
        for name in ("fought", "settled"):
            answer = self.client.post("/medic/_bulk_docs", {"new_edits": False, "docs": [
                {"_id": name, "_rev": rev, "who": rev} for rev in revs]})
            self.assertEqual(answer.status, 201)
        self.client.request("DELETE", f"/medic/settled?rev={revs[0]}")
        self.put("medic-sentinel", "replication-count-mary", {"user": "mary", "count": 10000})
        self.put("medic-sentinel", "replication-count-jo", {"user": "jo", "count": 9999})
        m = self.ask_anew()
        self.assertEqual(m["replication_limit"], {"count": 1})
        self.assertEqual(m["feedback"], {"count": 1})
        self.assertEqual(m["conflict"], {"count": 1})

    def test_once_a_second(self):
        """All callers of one second get the same figures; nobody waits for long."""
        self.ask()
        seen = []

        def look():
            client = self.server.client()
            for _ in range(20):
                seen.append(client.get("/api/v1/monitoring").json()["couchdb"]["medic"]["doc_count"])

        time.sleep(LIFE)
        first = self.ask()["couchdb"]["medic"]["doc_count"]
        self.put("medic", "new", {"x": 1})
        at_once = self.ask()["couchdb"]["medic"]["doc_count"]
        self.assertEqual(at_once, first, "not read again within the second")
        threads = [threading.Thread(target=look) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(seen), 160)
        self.assertEqual(self.ask_anew()["couchdb"]["medic"]["doc_count"], first + 1)


if __name__ == "__main__":
    main()
