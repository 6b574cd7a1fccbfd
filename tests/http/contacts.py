# SPDX-License-Identifier: MIT
"""What the suites of contacts.md share: users, a small hierarchy, errors in both forms."""

import subprocess
import urllib.parse

from harness import JSON_TYPE, ServerCase, binary

SECRET = "S3cret.enough"
PEOPLE, PLACES = "/api/v1/people", "/api/v1/places"
EMPTY = "Request body is empty or Content-Type header was not set to application/json."
OFFLINE = {"code": 403, "error": "forbidden",
           "details": "Offline users are not allowed access to this endpoint"}
PLACE_STUB = "Failed to find place."
PERSON_STUB = "Failed to find person."

SETTINGS = {
    "locale": "en", "default_country_code": 254, "phone_validation": "full",
    "roles": {"data_entry": {"name": "d"}, "people_only": {"name": "p"},
              "places_only": {"name": "q"}, "updater": {"name": "u"},
              "chw": {"name": "c", "offline": True}},
    "permissions": {"can_create_people": ["data_entry", "people_only", "chw"],
                    "can_create_places": ["data_entry", "places_only"],
                    "can_update_places": ["data_entry", "updater"]},
}
USERS = (("entry", "data_entry"), ("people", "people_only"), ("places", "places_only"),
         ("updater", "updater"), ("chw", "chw"))

DH1 = {"_id": "dh1", "type": "district_hospital", "name": "D1"}
HC1 = {"_id": "hc1", "type": "health_center", "name": "H1", "parent": {"_id": "dh1"}}
CL2 = {"_id": "cl2", "type": "clinic", "name": "C2", "contact": {"_id": "fx", "parent": {"_id": "dh1"}},
       "parent": {"_id": "hc1", "parent": {"_id": "dh1"}}}
FX = {"_id": "fx", "type": "person", "name": "Sam", "parent": {"_id": "dh1"}}
P3 = {"_id": "p3", "type": "person", "name": "P3", "phone": "+254712345678",
      "parent": {"_id": "cl2", "parent": {"_id": "hc1", "parent": {"_id": "dh1"}}}}
TREE = (DH1, HC1, CL2, FX, P3)


def begin(settings=None, tree=TREE):
    """A server with users, settings and a hierarchy."""
    ServerCase.begin()
    c = ServerCase.server.client()
    c.settings({**SETTINGS, **(settings or {})})
    for name, role in USERS:
        answer = c.put(f"/_users/org.couchdb.user:{name}", {
            "name": name, "type": "user", "roles": [role], "password": SECRET})
        assert answer.status == 201, answer
    for doc in tree:
        put(c, doc)


def end():
    """Ends the server; what is derived from the documents must be what they say."""
    server = ServerCase.server
    done = subprocess.run([binary(), "check", "--database", server.database], capture_output=True,
                          text=True, env=server.env)
    ServerCase.end()
    assert done.returncode == 0, done


def put(client, doc):
    answer = client.put("/medic/" + urllib.parse.quote(doc["_id"], safe=""), doc)
    assert answer.status == 201, answer
    return answer.json()["rev"]


class ContactsCase(ServerCase):
    def as_user(self, name):
        return self.server.client(user=name, password=SECRET)

    def doc(self, doc_id):
        answer = self.c.get("/medic/" + urllib.parse.quote(doc_id, safe=""))
        self.assertEqual(answer.status, 200, answer)
        value = answer.json()
        self.assertRegex(value.pop("_rev"), r"^\d+-[0-9a-f]+$")
        return value

    def count(self):
        return self.c.get("/medic").json()["doc_count"]

    def refused(self, path, body, status, text, client=None):
        """The error as JSON and as text, and that nothing was written."""
        client = client or self.c
        before = self.c.get("/medic").json()["update_seq"]
        answer = client.post(path, body)
        self.assertEqual((answer.status, answer.json()), (status, {"code": status, "error": text}))
        answer = client.post(path, body, {"Accept": "text/plain"})
        self.assertEqual((answer.status, answer.text, answer.header("content-type")),
                         (status, text, "text/plain"))
        self.assertEqual(self.c.get("/medic").json()["update_seq"], before, "something was written")

    def refused_rows(self, path, rows, client=None):
        for body, status, text in rows:
            with self.subTest(body=body):
                self.refused(path, body, status, text, client)

    def strict(self, path, body):
        """The json-strict rules of settings-and-forms.md 0.3, and the common errors."""
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx"):
            answer = self.c.request("POST", path, body, {"Content-Type": kind, "Accept": JSON_TYPE})
            self.check(answer, 400, {"code": 400, "error": "Content-Type must be application/json"})
        for bad in ("{", "nonsense", '"x"', "12", "null"):
            self.check(self.c.post(path, bad), 500, {"code": 500, "error": "Server error"})
        answer = self.c.post(path, body, auth=False)
        self.check(answer, 401, {"code": 401, "error": "unauthorized"})
        answer = self.c.request("PUT", path, body, {"Content-Type": JSON_TYPE, "Accept": JSON_TYPE})
        self.check(answer, 405, {"code": 405, "error": "Method Not Allowed"})
