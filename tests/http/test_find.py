# SPDX-License-Identifier: MIT
"""Mango: documents.md 8.9."""

import unittest

from harness import JSON_TYPE, ServerCase, main

NATIVE = "/medic"
DOCS = [
    {"_id": "f-1", "type": "cat", "age": 3, "name": "Asha", "at": {"home": True, "x": {"y": 1}}},
    {"_id": "f-2", "type": "cat", "age": 7, "name": "Bina", "tags": ["a", "b"]},
    {"_id": "f-3", "type": "dog", "age": 7, "name": "asha", "at": {"home": False}},
    {"_id": "f-4", "type": "dog", "age": "7", "name": None},
    {"_id": "f-5", "type": "bird", "dotted.name": 1},
]


def setUpModule():
    ServerCase.begin()
    answer = ServerCase.server.client().post(NATIVE + "/_bulk_docs", {"docs": DOCS})
    assert answer.status == 201, answer


def tearDownModule():
    ServerCase.end()


class Base(ServerCase):
    def find(self, selector, **more):
        value = self.check(self.c.post(NATIVE + "/_find", {"selector": selector, **more}),
                           200).json()
        self.assertEqual(value["bookmark"], "nil")
        return value["docs"]

    def found(self, selector, **more):
        return "".join(d["_id"][2:] for d in self.find(selector, **more)
                       if d["_id"].startswith("f-"))


class Find(Base):
    def test_operators(self):
        for selector, expected in (
                ({"type": "cat"}, "12"), ({"type": {"$eq": "cat"}}, "12"),
                ({"age": {"$gt": 3}}, "234"), ({"age": {"$gt": 3, "$lt": "a"}}, "234"),
                ({"age": {"$gte": 3, "$lte": 7}}, "123"), ({"age": {"$lt": 7}}, "1"),
                ({"type": {"$ne": "cat"}, "age": {"$exists": True}}, "34"),
                ({"name": {"$in": ["Asha", "Bina"]}}, "12"),
                ({"type": {"$nin": ["cat", "bird"]}, "name": "asha"}, "3"),
                ({"age": {"$exists": False}, "type": "bird"}, "5"),
                ({"at.home": True}, "1"), ({"at": {"home": True}}, "1"),
                ({"at": {"x": {"y": {"$gt": 0}}}}, "1"), ({"at.x.y": 1}, "1"),
                ({"dotted\\.name": 1}, "5"),
                ({"$or": [{"type": "bird"}, {"age": 3}]}, "15"),
                ({"$and": [{"type": "cat"}, {"age": 7}]}, "2"),
                ({"$nor": [{"type": "cat"}, {"type": "dog"}], "type": {"$exists": True}}, "5"),
                ({"type": "dog", "$not": {"name": "asha"}}, "4"),
                ({"age": {"$not": {"$gt": 3}}, "type": "cat"}, "1"),
                ({"$or": [{"$and": [{"type": "cat"}, {"age": {"$gt": 5}}]}, {"_id": "f-5"}]}, "25"),
                ({"_id": "f-3"}, "3"), ({"_id": {"$gt": "f-3"}}, "45"), ({"name": None}, "4"),
                ({"tags": ["a", "b"]}, "2"), ({"tags": ["b", "a"]}, ""), ({"age": 7.0}, "23"),
                ({"never": 1}, "")):
            with self.subTest(selector=selector):
                self.assertEqual(self.found(selector, limit=1000), expected)

    def test_more_operators(self):
        """What CouchDB knows beside the minimum of documents.md 8.9."""
        docs = [{"_id": f"g-{i}", **doc} for i, doc in enumerate((
            {"v": None}, {"v": True}, {"v": -4}, {"v": 4.5}, {"v": "caf\u00e9 11"}, {"v": []},
            {"v": ["a", 7, {"k": 1}]}, {"v": {"k": 1, "kind": 2}}, {"v": [[1, 2], [3]]}, {"v": 8}))]
        self.check(self.c.post(NATIVE + "/_bulk_docs", {"docs": docs}), 201)
        for condition, expected in (
                ({"$type": "null"}, "0"), ({"$type": "boolean"}, "1"), ({"$type": "number"}, "239"),
                ({"$type": "string"}, "4"), ({"$type": "array"}, "568"), ({"$type": "object"}, "7"),
                ({"$size": 0}, "5"), ({"$size": 3}, "6"), ({"$size": 2}, "8"),
                ({"$all": ["a", 7]}, "6"), ({"$all": [7, "b"]}, ""), ({"$all": []}, "568"),
                ({"$mod": [4, 0]}, "29"), ({"$mod": [3, 2]}, "9"),
                ({"$regex": "^caf. \\d+$"}, "4"), ({"$regex": "CAF"}, ""), ({"$regex": "(?i)CAF"}, "4"),
                ({"$beginsWith": "caf"}, "4"), ({"$beginsWith": ""}, "4"),
                ({"$elemMatch": {"k": 1}}, "6"), ({"$elemMatch": {"$eq": "a"}}, "6"),
                ({"$elemMatch": {"$elemMatch": {"$gt": 2}}}, "8"), ({"$elemMatch": {}}, "68"),
                ({"$allMatch": {"$type": "array"}}, "8"), ({"$allMatch": {"$ne": 7}}, "8"),
                ({"$keyMapMatch": {"$regex": "^ki"}}, "7"), ({"$keyMapMatch": {"$eq": "x"}}, ""),
                ({"$in": ["a", 8]}, "69"), ({"$in": [[3]]}, "8"), ({"$nin": [7, -4, 8]}, "01345" "78"),
                ({"$not": {"$size": 3}, "$type": "array"}, "58"),
                ({"$or": [{"$size": 0}, {"$mod": [8, 0]}]}, "59")):
            with self.subTest(condition=condition):
                found = self.find({"v": condition, "_id": {"$gt": "g-", "$lt": "g-a"}}, limit=100)
                self.assertEqual("".join(doc["_id"][2:] for doc in found), expected)
        self.assertEqual([doc["_id"] for doc in self.find({"v.2.k": 1})], ["g-6"])
        self.assertEqual([doc["_id"] for doc in self.find({"v.1.0": 3})], ["g-8"])

    def test_large_values(self):
        """Long lists and objects of many members are compared in the time that reading them takes, not its square."""
        n = 20000
        members = {f"k{i}": i for i in range(n)}
        self.check(self.c.put(f"{NATIVE}/large", {"list": list(range(n)), "object": members}), 201)
        for condition, is_found in (
                ({"list": {"$in": [str(i) for i in range(n)]}}, False), ({"list": {"$nin": [n, -1]}}, True),
                ({"list": {"$all": list(range(n))[::-1]}}, True), ({"list": {"$all": list(range(n + 1))}}, False),
                ({"list": {"$in": ["a", n - 1.0]}}, True), ({"object": {"$in": [members]}}, True),
                ({"object": {"$eq": dict(reversed(members.items()))}}, True),
                ({"object": {"$eq": {**members, "k7": 8}}}, False), ({"object": {"$ne": {**members, "k7": 8}}}, True)):
            found = self.find({"_id": "large", **condition}, fields=["_id"])
            self.assertEqual(found, [{"_id": "large"}] if is_found else [], str(condition)[:60])

    def test_pattern_without_end(self):
        """A pattern that takes for ever matches nothing, and does not take for ever."""
        name = self.reference("regex")
        self.check(self.c.put(f"{NATIVE}/{name}", {"slow": "a" * 3000 + "b"}), 201)
        self.assertEqual(self.find({"slow": {"$regex": "^(a+)+$"}}), [])

    def test_limit_and_skip(self):
        every = {"type": {"$exists": True}, "_id": {"$gt": "f", "$lt": "g"}}
        self.assertEqual(self.found(every, limit=2), "12")
        self.assertEqual(self.found(every, limit=2, skip=3), "45")
        self.assertEqual(self.found(every, limit=0), "")
        self.assertEqual(self.found(every, skip=10), "")
        docs = [{"type": "many"} for _ in range(60)]
        self.c.post(NATIVE + "/_bulk_docs", {"docs": docs})
        self.assertEqual(len(self.find({"type": "many"})), 25, "25 unless it is said")

    def test_sort(self):
        self.assertEqual(self.found({"age": {"$exists": True}}, sort=["age", "name"]), "1234")
        self.assertEqual(self.found({"age": {"$exists": True}}, sort=[{"age": "desc"}]), "4231")
        self.assertEqual(self.found({"age": 7}, sort=[{"name": "desc"}]), "32")
        self.assertEqual(self.found({"age": {"$exists": True}}, sort=["age"], skip=1, limit=1), "2")

    def test_fields(self):
        docs = self.find({"_id": "f-1"}, fields=["_id", "at.x.y", "at.home", "never", "never.x"])
        self.assertEqual(docs, [{"_id": "f-1", "at": {"home": True, "x": {"y": 1}}}])
        docs = self.find({"_id": "f-1"}, fields=["at.x.y", "name"])
        self.assertEqual(docs, [{"name": "Asha", "at": {"x": {"y": 1}}}])
        docs = self.find({"_id": "f-5"}, fields=["dotted\\.name", "type"])
        self.assertEqual(docs, [{"type": "bird", "dotted.name": 1}])
        self.assertEqual(self.find({"_id": "f-5"}, fields=["dotted.name"]), [{}])

    def test_fields_in_arrays(self):
        """A number in a path is an element, as in selectors; it becomes a member, as in CouchDB."""
        doc = {"_id": "arrays", "list": [1, {"x": 2, "y": 3}, [4]], "none": [], "text": "t", "a": {"b": {}, "c": {"d": 1}}}
        self.check(self.c.put("/medic/arrays", doc), 201)
        for fields, kept in ((["list.0"], {"list": {"0": 1}}), (["list.1.y"], {"list": {"1": {"y": 3}}}),
                             (["list.2.0", "text"], {"list": {"2": {"0": 4}}, "text": "t"}),
                             (["list.3", "list.x", "list.1.z", "none.0", "text.0"], {}),
                             (["a.b", "a.b.c", "a.c.d"], {"a": {"b": {}, "c": {"d": 1}}}),
                             (["a.b.c", "a.c.e"], {}), (["a.c", "a", "a"], {"a": doc["a"]}),
                             (["a.c.e", "a.c.d"], {"a": {"c": {"d": 1}}})):
            self.assertEqual(self.find({"_id": "arrays"}, fields=fields), [kept], fields)

    def test_many_fields(self):
        """As long as there are fields and members, not as long as their product; those that are not there, too."""
        many = {f"m{i}": {f"n{k}": k for k in range(10)} for i in range(3000)}
        self.check(self.c.put("/medic/many", {**many, "_id": "many"}), 201)
        fields = [f"m{i}.n{k}" for i in range(3000) for k in (3, 77)] + [f"m1.{i}" for i in range(20000)]
        docs = self.find({"_id": "many"}, fields=fields)
        self.assertEqual(docs, [{name: {"n3": 3} for name in many}])
        doc, = self.find({"_id": "f-1"})
        self.assertEqual(list(doc)[:2], ["_id", "_rev"])

    def test_much_to_sort_by(self):
        """The time budget covers sorting, too: by so many members, all of them absent, that would take an hour."""
        docs = [{"sorted": True, "t": "x" * 1000} for _ in range(2000)]
        self.check(self.c.post(NATIVE + "/_bulk_docs", {"docs": docs}), 201)
        answer = self.c.post(NATIVE + "/_find", {"selector": {"sorted": True}, "sort": [f"s{i}" for i in range(50000)]})
        self.assertEqual((answer.status, answer.json()["error"]), (503, "timeout"))

    def test_no_design_documents(self):
        self.c.put(NATIVE + "/_design/found", {"type": "design-type"})
        self.assertEqual(self.find({"type": "design-type"}), [])

    def test_bad(self):
        for selector in ({"a": {"$text": "x"}}, {"$where": "x"},
                         {"a": {"$regex": "("}}, {"a": {"$regex": 5}}, {"a": {"$mod": [0, 1]}},
                         {"a": {"$mod": [2]}}, {"a": {"$mod": [2.5, 0]}}, {"a": {"$size": -1}},
                         {"a": {"$size": "1"}}, {"a": {"$type": "date"}}, {"a": {"$all": 5}},
                         {"a": {"$elemMatch": 5}}, {"a": {"$elemMatch": {"$where": 1}}},
                         {"a": {"$allMatch": {"$elemMatch": {"$mod": []}}}},
                         {"$elemMatch": {"a": 1}}, {"a": {"$beginsWith": 1}}, {"$eq": 1}, {"a": {"$in": 5}},
                         {"$and": {}}, {"$or": 5}, {"$not": 5}, {"$and": [5]},
                         {"a": {"$exists": "yes"}}, {"a": {"$": 1}}):
            with self.subTest(selector=selector):
                answer = self.c.post(NATIVE + "/_find", {"selector": selector})
                self.assertEqual((answer.status, answer.json()["error"]), (400, "invalid_operator"))
        for body in ({}, {"selector": 5}, {"selector": {}, "limit": -1},
                     {"selector": {}, "fields": 5}, {"selector": {}, "fields": [5]},
                     {"selector": {}, "sort": 5}, {"selector": {}, "sort": [5]},
                     {"selector": {}, "sort": [{"a": "up"}]}, {"selector": {}, "skip": "x"}):
            with self.subTest(body=body):
                answer = self.c.post(NATIVE + "/_find", body)
                self.assertEqual((answer.status, answer.json()["error"]), (400, "bad_request"))

    def test_deep(self):
        selector = {"type": "cat"}
        for _ in range(60):
            selector = {"$and": [selector]}
        self.assertEqual(self.found(selector), "12")
        text = '{"selector":' + '{"a":' * 150 + "1" + "}" * 150 + "}"
        self.check(self.c.post(NATIVE + "/_find", text), 200)

    def test_explain(self):
        value = self.c.post(NATIVE + "/_explain", {"selector": {"a": 1}, "limit": 5}).json()
        self.assertEqual((value["dbname"], value["selector"], value["limit"], value["fields"]),
                         ("medic", {"a": 1}, 5, "all_fields"))
        self.assertEqual(value["index"]["name"], "_all_docs")


class Index(Base):
    def list(self):
        value = self.check(self.c.get(NATIVE + "/_index"), 200).json()
        self.assertEqual(value["total_rows"], len(value["indexes"]))
        self.assertEqual(value["indexes"][0], {"ddoc": None, "name": "_all_docs", "type": "special",
                                               "def": {"fields": [{"_id": "asc"}]}})
        return value["indexes"][1:]

    def put(self, **body):
        return self.c.post(NATIVE + "/_index", body)

    def delete(self, path):
        return self.c.request("DELETE", f"{NATIVE}/_index/{path}", headers={"Content-Type": JSON_TYPE})

    def test_life(self):
        body = {"index": {"fields": ["type", {"age": "desc"}],
                          "partial_filter_selector": {"a": 1}}, "ddoc": "dd", "name": "nn",
                "type": "json"}
        self.check(self.put(**body), 200, {"result": "created", "id": "_design/dd", "name": "nn"})
        self.check(self.put(**body), 200, {"result": "exists", "id": "_design/dd", "name": "nn"})
        found, = [i for i in self.list() if i["name"] == "nn"]
        self.assertEqual(found, {"ddoc": "_design/dd", "name": "nn", "type": "json", "def": {
            "fields": [{"type": "asc"}, {"age": "desc"}], "partial_filter_selector": {"a": 1}}})
        self.check(self.delete("dd/json/nn"), 200, {"ok": True})
        self.check(self.delete("dd/json/nn"), 404)
        self.assertEqual([i for i in self.list() if i["name"] == "nn"], [])

    def test_warning(self):
        """A query says that it has no index unless there is one whose fields it all needs."""
        self.check(self.c.put("/warned", None), 201)
        self.addCleanup(self.c.request, "DELETE", "/warned")
        for fields in (["a"], ["a", "b.c"], ["z"]):
            self.check(self.c.post("/warned/_index", {"index": {"fields": fields}, "name": fields[-1]}), 200)
        self.check(self.c.post("/warned/_index", {"name": "part", "index": {
            "fields": ["p"], "partial_filter_selector": {"x": 1}}}), 200)
        for selector, name in (
                ({"a": 1}, "a"), ({"a": {"$gt": None}, "b": {"c": 1}}, "b.c"), ({"b.c": 1}, None),
                ({"$and": [{"a": 1}, {"b.c": 2}]}, "b.c"), ({"$or": [{"a": 1}, {"a": 2}]}, None),
                ({"a": {"$exists": False}}, None), ({"a": {"$exists": True}}, "a"), ({"p": 1}, None),
                ({"$not": {"a": 1}}, None), ({}, None), ({"a": {"$or": [{"$eq": 1}]}}, None)):
            with self.subTest(selector=selector):
                found = self.check(self.c.post("/warned/_find", {"selector": selector}), 200).json()
                self.assertEqual("warning" in found, name is None)
                index = self.check(self.c.post("/warned/_explain", {"selector": selector}), 200).json()["index"]
                self.assertEqual(index["name"], name or "_all_docs")
                self.assertEqual(index["type"], "json" if name else "special")

    def test_names(self):
        value = self.check(self.put(index={"fields": ["a"]}), 200).json()
        self.assertTrue(value["id"].startswith("_design/"))
        self.assertEqual(self.put(index={"fields": ["a"]}).json(), {**value, "result": "exists"})
        for path in (value["id"], value["id"].replace("/", "%2F")):
            self.put(index={"fields": ["a"]})
            self.check(self.delete(f"{path}/json/{value['name']}"), 200, {"ok": True})

    def test_bad(self):
        for body in ({}, {"index": 5}, {"index": {}}, {"index": {"fields": []}},
                     {"index": {"fields": 5}}, {"index": {"fields": [5]}},
                     {"index": {"fields": [{"a": "up"}]}}, {"index": {"fields": [{}]}},
                     {"index": {"fields": ["a"]}, "type": "text"}):
            with self.subTest(body=body):
                answer = self.put(**body)
                self.assertEqual((answer.status, answer.json()["error"]), (400, "bad_request"))


if __name__ == "__main__":
    main()
