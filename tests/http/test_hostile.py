# SPDX-License-Identifier: MIT
"""Requests that nobody thought of: what data/openapi.json shows of each operation, with values and parameters put
in the wrong places.  The server answers every one, in time, and goes on; it says of no input that the mistake is its own.

The order is that of a seed, so that what is found comes again; $BARUA_FUZZ_SECONDS makes it longer, with a seed of
its own each time, which is printed."""

import copy
import http.client
import json
import os
import random
import socket
import time
import urllib.parse
from collections import deque

from harness import PASSWORD, ServerCase, basic, main, replies_settings

SECONDS = float(os.environ.get("BARUA_FUZZ_SECONDS", "12"))
SEED = int(os.environ.get("BARUA_SEED", time.time_ns() if "BARUA_FUZZ_SECONDS" in os.environ else "7"))
# These would end the run, not show anything: the server goes over to a build, or loses what the others work on.
LEFT_OUT = {("post", "/api/v1/upgrade"), ("post", "/api/v1/upgrade/stage"), ("post", "/api/v1/upgrade/complete"),
            ("delete", "/{db}"), ("post", "/api/v1/users/{name}"), ("delete", "/api/v1/users/{name}")}
METHODS = ("get", "post", "put", "delete", "head", "copy", "patch", "options")
LONGEST = 60                # seconds for one answer; a machine with other work is slow, a loop has no end

PEOPLE_AND_REPORTS = [
    {"_id": "r1", "type": "data_record", "form": "YYYZ", "from": "+254712345678", "reported_date": 1453338000000,
     "fields": {"patient_id": "12345", "place_id": "p1", "notes": "=1+1", "deep": {"a": [1, {"b": "c"}]}},
     "contact": {"_id": "p1", "parent": {"_id": "a"}}, "verified": True, "patient_id": "12345", "hidden_fields": ["notes"],
     "errors": [{"code": "sys.x", "fields": "a", "message": "b"}],
     "sms_message": {"message": "YYYZ", "from": "+254712345678", "gateway_ref": "g", "type": "sms_message"},
     "tasks": [{"messages": [{"to": "+254712345678", "message": "x", "uuid": "u1"}], "state": "sent",
                "state_history": [{"state": "pending", "timestamp": "2016-01-21T01:00:00.000Z"}]}],
     "scheduled_tasks": [{"due": "2016-02-01T00:00:00.000Z", "messages": [{"to": "p1", "message": "y", "uuid": "u2"}],
                          "state": "scheduled", "group": 1, "type": "s", "translation_key": "k"}]},
    {"_id": "p1", "type": "person", "name": "Asha", "phone": "+254712345678", "parent": {"_id": "a"}, "patient_id": "12345",
     "reported_date": 1453338000000, "date_of_death": 1},
    {"_id": "a", "type": "clinic", "name": "C", "contact": {"_id": "p1"}, "place_id": "555", "dhis": {"orgUnit": "OU"}},
    {"_id": "feedback-1", "type": "feedback", "info": {"message": "oops"},
     "meta": {"time": 1, "user": {"name": "x"}, "url": "/", "version": "1"}},
    {"_id": "target~2016-01~p1~org.couchdb.user:x", "type": "target", "reporting_period": "2016-01", "owner": "p1",
     "targets": [{"id": "t", "value": {"pass": 1, "total": 2}}], "updated_date": 1}]
# Bodies of the document API, by the end of the path.
DOCUMENTS = {
    "/_bulk_docs": [{"docs": [{"_id": "a", "_rev": "1-x", "v": 1}, {"type": "person", "name": "Asha"}]},
                    {"docs": PEOPLE_AND_REPORTS},
                    {"docs": [{"_id": "t", "_rev": "2-bb", "_revisions": {"start": 2, "ids": ["bb", "aa"]}}],
                     "new_edits": False}],
    "/_bulk_get": [{"docs": [{"id": "a", "rev": "1-x", "atts_since": ["1-x"]}]}],
    "/_revs_diff": [{"a": ["1-x", "2-y"]}],
    "/_missing_revs": [{"a": ["1-x"]}],
    "/_all_docs": [{"keys": ["a", "b"]}, {"queries": [{"startkey": "a", "endkey": "b", "limit": 2}]}],
    "/_find": [{"selector": {"$or": [{"type": {"$in": ["person", "clinic"]}}, {"v": {"$gt": 1, "$mod": [2, 1]}}],
                             "$not": {"name": {"$regex": "^A.*a$"}}, "tags": {"$elemMatch": {"$eq": 1}, "$size": 2},
                             "a.b": {"$exists": True, "$type": "object"}},
                "fields": ["_id", "a.b"], "sort": [{"_id": "desc"}], "limit": 3, "skip": 1, "bookmark": "nil"}],
    "/_explain": [{"selector": {"$and": [{"v": {"$allMatch": {"$ne": None}}}, {"v": {"$nin": [1]}}]}}],
    "/_index": [{"index": {"fields": ["type", {"v": "desc"}]}, "name": "i", "ddoc": "d", "type": "json"}],
    "/_changes": [{"doc_ids": ["a"]}, {"selector": {"type": "person"}}],
    "/_view/{view}": [{"keys": [["a", 1], "b"]}, {"queries": [{"key": "a"}]}],
    "/{docid}": PEOPLE_AND_REPORTS + [
        {"_id": "a", "_attachments": {"x": {"content_type": "text/plain", "data": "aGVsbG8="}}}],
    "/_local/{id}": [{"_id": "_local/a", "last_seq": 1}],
    "/_purge": [{"a": ["1-x"]}],
    "/_security": [{"admins": {"names": [], "roles": []}, "members": {"names": [], "roles": []}}],
    "/_ensure_full_commit": [{}],
}
ODD = [None, True, False, 0, -1, 1, 2 ** 31, 2 ** 53, 2 ** 63, -2 ** 63, 1e308, -0.0, 1e-320, "", " ", "x", "\0", "é",
       "\u202e", "\U0001f600", "%", "%00", "../..", "'", '"', "a" * 300, "[" * 50, "{}", "null", "_id", "_design/medic",
       "$eq", "=1+1", "9" * 400, [], {}, [[]], [{}], {"": {}}, {"$eq": {}}, {"$in": "x"}, {"$regex": "("},
       {"$elemMatch": []}, {"_id": []}, {"a": {"b": [{"c": None}]}}, list(range(30)), "2016-02-30", "1-" + "0" * 32,
       "0-x", "9999999999999999999-a", "now"]
NAMES = ["a", "a", "b", "p1", "p1", "r1", "u1", "_design/medic", "_design/", "_local/x", "_all_docs", "_changes",
         "_nothing", "é", "%00", "%ff", "..", "a%2Fb", "x" * 600, "admin", "YYYZ", "org.couchdb.user:admin", "", "0",
         "messages", "reports"]
TEXTS = ["true", "false", "", "0", "1", "-1", "1e9", "99999999999999999999", "null", '"a"', '["a"]', '["a",{}]', "{}",
         "[", "a", "\ufff0", "%", "open", "all", "now", "longpoll", "normal", "ok", "update", "stop", "_selector", "_view",
         "_doc_ids", "nan"]


def operations():
    """(method, path, parameters, bodies) of each operation; bodies are (content type, value)."""
    with open(os.environ["BARUA_OPENAPI"], encoding="utf-8") as f:
        api = json.load(f)
    shared = api.get("components", {}).get("parameters", {})

    def parameter(entry):
        return shared[entry["$ref"].rpartition("/")[2]] if "$ref" in entry else entry
    for path, item in sorted(api["paths"].items()):
        for method, operation in sorted(item.items()):
            if method not in METHODS or (method, path) in LEFT_OUT:
                continue
            names = [parameter(p)["name"] for p in item.get("parameters", []) + operation.get("parameters", [])
                     if parameter(p)["in"] == "query"]
            contents = operation.get("requestBody", {}).get("content", {})
            bodies = [(kind, content["example"]) for kind, content in contents.items() if "example" in content]
            if "{db}" in path:
                bodies += [("application/json", body) for end, found in DOCUMENTS.items() if path.endswith(end)
                           for body in found]
            yield method.upper(), path, names, bodies


class Maker:
    """Makes requests out of chance."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.operations = list(operations())
        self.parameters = sorted({name for o in self.operations for name in o[2]})

    def chance(self, of):
        return self.random.randrange(of) == 0

    def odd(self):
        return copy.deepcopy(self.random.choice(ODD))

    def members(self, value, found):
        """Every place of a value: (container, key)."""
        for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
            found.append((value, key))
            self.members(value[key], found)
        return found

    def mutate(self, value):
        places = self.members(value, [])
        if not places or self.chance(15):
            return self.odd()
        holder, key = self.random.choice(places)
        what = self.random.randrange(7)
        if what < 3:
            holder[key] = self.odd()
        elif what == 3:
            del holder[key]
        elif what == 4:
            holder[key] = [holder[key]] if self.chance(2) else {"a": holder[key]}
        elif what == 5:                                   # a value of another place
            other, name = self.random.choice(places)
            holder[key] = copy.deepcopy(other.get(name) if isinstance(other, dict) else other[name:name + 1])
        elif isinstance(holder, dict):
            holder[str(self.odd())] = holder[key]
        else:
            holder.extend([self.odd(), holder[key]])
        return value

    def path(self, path):
        parts = []
        for part in path.split("/"):
            if part == "{db}":
                part = self.random.choice(["medic"] * 3 + ["_users", "medic-sentinel", "medic-user-admin-meta", "nothing"])
            elif "{" in part:
                part = self.random.choice(NAMES)
                part = part if "%" in part else urllib.parse.quote(part, safe="")
            parts.append(part)
        return "/".join(parts)

    def query(self, names):
        pairs = []
        for _ in range(self.random.choice((0, 0, 1, 1, 2, 4))):
            name = self.random.choice(names if names and not self.chance(6) else self.parameters)
            text = self.random.choice(TEXTS) if self.chance(2) else json.dumps(self.odd())
            if name == "heartbeat" or (name == "feed" and text not in ("normal", "nan")):
                continue                                  # an answer without an end
            if name == "timeout":
                text = "1"
            pairs.append((name, text))
        return "?" + urllib.parse.urlencode(pairs) if pairs else ""

    def body(self, bodies):
        kind, value = self.random.choice(bodies)
        value = copy.deepcopy(value)
        for _ in range(self.random.choice((0, 1, 1, 2, 3, 8))):
            value = self.mutate(value)
        if kind == "application/x-www-form-urlencoded" and isinstance(value, dict):
            return kind, urllib.parse.urlencode({k: v if isinstance(v, str) else json.dumps(v)
                                                 for k, v in value.items()}).encode()
        text = value if isinstance(value, str) and kind != "application/json" else json.dumps(value, ensure_ascii=self.chance(2))
        data = text.encode("utf-8", "surrogatepass")
        if self.chance(12):                               # cut, or with a byte that does not belong there
            at = self.random.randrange(len(data) + 1)
            data = data[:at] if self.chance(2) else data[:at] + bytes([self.random.randrange(256)]) + data[at + 1:]
        if self.chance(20):
            kind = self.random.choice(("text/plain", "multipart/related; boundary=x", ""))
        return kind, data

    def request(self):
        """A method, and all bytes of a request."""
        method, path, names, bodies = self.random.choice(self.operations)
        target = self.path(path) + self.query(names)
        kind, data = self.body(bodies) if bodies else ("", b"")
        if self.chance(30):
            method = self.random.choice(("GET", "POST", "PUT", "DELETE", "HEAD", "COPY", "OPTIONS", "PATCH"))
        head = [f"{method} {target} HTTP/1.1", "Host: x", f"Content-Length: {len(data)}"]
        if kind:
            head.append(f"Content-Type: {kind}")
        if not self.chance(25):
            head.append("Authorization: " + basic("admin", PASSWORD))
        if self.chance(3):
            head.append("Accept: " + self.random.choice(("application/json", "text/html", "*/*;q=0", "text/csv")))
        if self.chance(20):
            head.append(self.random.choice(('If-None-Match: "x"', "If-Match: 1-x", "Destination: b", "Range: bytes=0-0",
                                            "X-HTTP-Method-Override: PUT", "Accept-Encoding: gzip", "Accept-Language: sw")))
        return method, ("\r\n".join(head) + "\r\n\r\n").encode("latin-1", "replace") + data


def setUpModule():
    ServerCase.begin()


def tearDownModule():
    ServerCase.end()


class Hostile(ServerCase):
    def test_every_request_is_answered(self):
        maker, last, statuses = Maker(SEED), deque(maxlen=8), {}
        self.c.settings(replies_settings())
        end, n, s = time.monotonic() + SECONDS, 0, None
        while time.monotonic() < end:
            method, data = maker.request()
            last.append(data[:3000])
            said = "\n".join([f"seed {SEED}, request {n}; the last ones, the newest at the end:", *map(repr, last)])
            try:
                if s is None:
                    s = socket.create_connection(("127.0.0.1", self.server.port), timeout=LONGEST)
                s.sendall(data)
                answer = http.client.HTTPResponse(s, method=method)
                answer.begin()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.assertIsNone(self.server.process.poll(), said)
                self.fail(f"{error}\n{said}")
            statuses[answer.status] = statuses.get(answer.status, 0) + 1
            if answer.will_close:
                s.close()
                s = None
            n += 1
        print(f"# seed {SEED}: {n} requests, {dict(sorted(statuses.items()))}", flush=True)
        self.assertEqual(self.c.get("/api/sms").status, 200)
        with open(self.server.log_path, encoding="utf-8", errors="replace") as log:
            own = [line for line in log if ": request " in line and ("warning" in line or "error" in line)]
        self.assertEqual(own, [], f"seed {SEED}: the server blames itself")


if __name__ == "__main__":
    main()
