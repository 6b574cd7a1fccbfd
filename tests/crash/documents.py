# SPDX-License-Identifier: MIT
"""The load of crash.py through the document API, and what must be true of it afterwards.

Every writer owns its documents and remembers their leaves: revision, content, attachments.  A write
whose answer never came is looked up in the next life of the server, and must be there as a whole
or not at all (documents.md 14.5).
"""

import base64
import collections
import copy
import hashlib
import http.client
import json
import random
import time
import urllib.parse

from harness import JSON_TYPE, PASSWORD, basic

DB = "/crashdocs"
POOL = 150                  # documents a writer keeps
HEADERS = {"Authorization": basic("admin", PASSWORD), "Accept": JSON_TYPE}
Attachment = collections.namedtuple("Attachment", "md5 sha256 length")
Write = collections.namedtuple("Write", "number deleted attachments")
Pending = collections.namedtuple("Pending", "parent rev write")  # rev None: the server names it


def describe(data):
    return Attachment("md5-" + base64.b64encode(hashlib.md5(data).digest()).decode(),
                      hashlib.sha256(data).hexdigest(), len(data))


def generation(rev):
    return int(rev.split("-", 1)[0])


class Doc:
    """A document as its writer knows it: the leaves, and the write that nobody answered."""

    def __init__(self, name):
        self.name, self.leaves, self.maybe = name, {}, None

    def live(self):
        return [rev for rev, write in self.leaves.items() if not write.deleted]

    def winner(self):
        return max(self.leaves, key=lambda rev: (not self.leaves[rev].deleted, generation(rev),
                                                 rev.split("-", 1)[1]), default=None)

    def accept(self, rev):
        parent, _, write = self.maybe
        self.leaves.pop(parent, None)
        self.leaves[rev] = write
        self.maybe = None

    def settle(self, found):
        """Compares with the leaves @found, as rev -> Write; the faults."""
        if self.maybe and found.keys() != self.leaves.keys():
            new = found.keys() - self.leaves.keys()
            rev = self.maybe.rev
            if len(new) == 1 and (rev in new or rev is None and generation(min(new)) ==
                                  1 + generation(self.maybe.parent or "0-")):
                self.accept(new.pop())
        self.maybe = None
        faults = [f"{self.name}: acknowledged {rev} is not there, found {sorted(found)}"
                  for rev in self.leaves.keys() - found.keys()]
        faults += [f"{self.name}: nobody wrote {rev}" for rev in found.keys() - self.leaves.keys()]
        faults += [f"{self.name} {rev}: wrote {write}, found {found[rev]}"
                   for rev, write in self.leaves.items() if rev in found and found[rev] != write]
        return faults


def leaf_of(body):
    """A leaf as it was sent, with the data of its attachments."""
    attachments = {}
    for name, value in body.get("_attachments", {}).items():
        attachments[name] = describe(base64.b64decode(value["data"]))
        if value["digest"] != attachments[name].md5:
            attachments[name] = attachments[name]._replace(md5="told " + value["digest"])
    return Write(body.get("w"), body.get("_deleted", False), attachments)


class Writer:
    """One connection that writes documents of its own, through all lives of the server."""

    def __init__(self, documents, index):
        self.documents, self.index = documents, index
        self.rng = random.Random(f"writer {index}")
        self.docs, self.count = [], 0

    def run(self, life):
        conn = life.connection()
        for doc in [d for d in self.docs if d.maybe]:
            self.documents.settle(doc, lambda path: self.exchange(conn, "GET", path))
            self.documents.settled += 1
        actions = (self.put,) * 5 + (self.upload,) * 2 + (self.delete, self.bulk, self.replicate)
        while not life.stopping.is_set():
            self.rng.choice(actions)(conn)
            time.sleep(self.rng.random() * 0.01)

    def exchange(self, conn, method, path, body=None, kind=JSON_TYPE):
        headers = HEADERS if body is None else {**HEADERS, "Content-Type": kind}
        conn.request(method, DB + path, body, headers)
        answer = conn.getresponse()
        data = answer.read()
        self.documents.answered(method, path, answer.status, data)
        return answer.status, data

    # what is written

    def doc(self, fresh=0.1):
        if len(self.docs) < POOL and (not self.docs or self.rng.random() < fresh):
            self.docs.append(Doc(f"w{self.index}-{len(self.docs)}"))
            return self.docs[-1]
        return self.rng.choice(self.docs)

    def bytes(self):
        kind = self.rng.random()
        size = 1 if kind < 0.1 else self.rng.randint(2, 4000) if kind < 0.9 else \
            self.rng.randint(4001, 100000) if kind < 0.98 else self.rng.randint(262145, 300000)
        return self.rng.randbytes(size)

    def prepare(self, doc, inline=0.15, delete=0.0):
        """The body of the next write of @doc, which is expected from now on."""
        self.count += 1
        live = sorted(doc.live())
        parent = self.rng.choice(live) if live else doc.winner()
        body = {"w": self.count, "text": "x" * self.rng.randint(0, 300)}
        if live:
            body["_rev"] = parent
        if live and self.rng.random() < delete:
            doc.maybe = Pending(parent, None, Write(self.count, True, {}))
            return {"_id": doc.name, "_deleted": True, **body}
        kept = dict(doc.leaves[parent].attachments) if live else {}
        shown = {name: {"stub": True, "digest": a.md5} for name, a in kept.items()}
        if self.rng.random() < inline:
            data = self.bytes()
            kept["in"] = describe(data)
            shown["in"] = {"content_type": "image/png", "data": base64.b64encode(data).decode()}
        if shown:
            body["_attachments"] = shown
        doc.maybe = Pending(parent, None, Write(self.count, False, kept))
        return {"_id": doc.name, **body}

    def finish(self, doc, status, data):
        if status in (200, 201):
            self.accept(doc, json.loads(data)["rev"])
        else:
            doc.maybe = None

    def accept(self, doc, rev):
        self.documents.acked += 1
        if doc.maybe.write.deleted:
            self.documents.deleted += 1
        self.documents.attached += len(doc.maybe.write.attachments)
        doc.accept(rev)

    def put(self, conn):
        doc = self.doc(0.3)
        self.finish(doc, *self.exchange(conn, "PUT", "/" + doc.name,
                                        json.dumps(self.prepare(doc))))

    def upload(self, conn):
        """A standalone attachment; the body of the document stays."""
        doc, data = self.doc(), self.bytes()
        live = sorted(doc.live())
        if not live:
            return
        parent = self.rng.choice(live)
        write = doc.leaves[parent]
        doc.maybe = Pending(parent, None, write._replace(
            attachments={**write.attachments, "alone": describe(data)}))
        self.finish(doc, *self.exchange(conn, "PUT", f"/{doc.name}/alone?rev={parent}", data,
                                        "application/octet-stream"))

    def delete(self, conn):
        doc = self.doc()
        live = sorted(doc.live())
        if not live:
            return
        parent = self.rng.choice(live)
        doc.maybe = Pending(parent, None, Write(None, True, {}))
        self.finish(doc, *self.exchange(conn, "DELETE", f"/{doc.name}?rev={parent}"))

    def some(self):
        return list({d.name: d for d in (self.doc(0.3) for _ in
                                         range(self.rng.randint(2, 12)))}.values())

    def bulk(self, conn):
        docs = self.some()
        body = {"docs": [self.prepare(doc, 0.05, 0.1) for doc in docs]}
        status, data = self.exchange(conn, "POST", "/_bulk_docs", json.dumps(body))
        rows = json.loads(data) if status == 201 else [{}] * len(docs)
        for doc, row in zip(docs, rows):
            if row.get("ok"):
                self.accept(doc, row["rev"])
            else:
                self.documents.fault(f"_bulk_docs, {doc.name}: {status} {row}")
                doc.maybe = None

    def replica(self, doc):
        """A revision made elsewhere: one or two generations after a leaf, or on its own root."""
        body = self.prepare(doc, 0.05, 0.1)
        leaves = sorted(doc.leaves)
        ids = [f"{self.rng.getrandbits(128):032x}" for _ in range(self.rng.randint(1, 2))]
        parent = None
        if leaves and (len(leaves) > 3 or self.rng.random() < 0.6):
            parent = doc.maybe.parent
            ids.append(parent.split("-", 1)[1])
        start = len(ids) if parent is None else generation(parent) + len(ids) - 1
        data = {name: self.rng.randbytes(50) for name in body.pop("_attachments", {})}
        if data:  # no stubs: all bytes are sent
            body["_attachments"] = {n: {"content_type": "text/plain",
                                        "data": base64.b64encode(d).decode()}
                                    for n, d in data.items()}
        body["_rev"] = f"{start}-{ids[0]}"
        body["_revisions"] = {"start": start, "ids": ids}
        doc.maybe = Pending(parent, body["_rev"], doc.maybe.write._replace(
            attachments={n: describe(d) for n, d in data.items()}))
        return body

    def replicate(self, conn):
        docs = self.some()
        body = {"new_edits": False, "docs": [self.replica(doc) for doc in docs]}
        status, data = self.exchange(conn, "POST", "/_bulk_docs", json.dumps(body))
        if status == 201 and json.loads(data) != []:
            self.documents.fault(f"_bulk_docs without new edits: {data[:300]!r}")
        for doc in docs:
            if status == 201:
                self.accept(doc, doc.maybe.rev)
            else:
                doc.maybe = None


class Local:
    """One connection that counts in `_local` documents."""

    def __init__(self, documents):
        self.documents, self.values, self.maybe = documents, {}, None

    def run(self, life):
        conn, rng = life.connection(), random.Random(f"local {life.number}")
        exchange = Writer.exchange
        if self.maybe:
            self.settle(self.maybe, exchange(self, conn, "GET", "/_local/" + self.maybe))
        while not life.stopping.is_set():
            name = f"point{rng.randrange(4)}"
            value = self.values.get(name, 0)
            self.maybe = name
            status, data = exchange(self, conn, "PUT", "/_local/" + name, json.dumps(
                {**({"_rev": f"0-{value}"} if value else {}), "value": value + 1}))
            self.maybe = None
            if status == 201:
                self.values[name] = value + 1
                self.documents.locals += 1
            time.sleep(rng.random() * 0.02)

    def settle(self, name, answer):
        value = json.loads(answer[1])["value"] if answer[0] == 200 else 0
        acked = self.values.get(name, 0)
        if value not in ((acked, acked + 1) if self.maybe == name else (acked,)):
            self.documents.fault(f"_local/{name}: {value} after acknowledged {acked}")
        if value:
            self.values[name] = value
        self.maybe = self.maybe if self.maybe != name else None


class Follower:
    """One connection that follows the feed from where it stopped, as a replicator does."""

    def __init__(self, documents):
        self.documents, self.since = documents, 0
        self.rows, self.ids, self.sinces = {}, {}, [0]

    def run(self, life):
        conn = life.connection()
        while not life.stopping.is_set():
            self.step(lambda path: Writer.exchange(self, conn, "GET", path),
                      "&feed=longpoll&timeout=500")

    def step(self, get, more):
        status, data = get(f"/_changes?style=all_docs&limit=500&since={self.since}{more}")
        value = json.loads(data) if status == 200 else {"results": []}
        for row in value["results"]:
            if row["seq"] <= self.since:
                self.documents.fault(f"_changes: {row} after {self.since}")
            if self.ids.setdefault(row["seq"], row["id"]) != row["id"]:
                self.documents.fault(f"seq {row['seq']} used twice")
            self.since = row["seq"]
            self.rows[row["id"]] = row
        if value["results"]:
            self.sinces.append(self.since)
        return len(value["results"])


def row_text(row):
    return (row["seq"], row["id"], sorted(c["rev"] for c in row["changes"]),
            row.get("deleted", False))


def feed_faults(rows, docs):
    """What is wrong with a feed from 0, given every document that exists."""
    faults, seqs = [], [row["seq"] for row in rows]
    if any(a >= b for a, b in zip(seqs, seqs[1:])):
        faults.append("_changes: the numbers do not rise")
    if len({row["id"] for row in rows}) != len(rows):
        faults.append("_changes: a document is there twice")
    found = {row["id"]: row_text(row)[2:] for row in rows}
    for doc in docs:
        wanted = (sorted(doc.leaves), not doc.live())
        if found.pop(doc.name, None) != wanted:
            faults.append(f"_changes: {doc.name} is not there as {wanted}")
    return faults + [f"_changes: nobody wrote {name}" for name in found]


class Documents:
    """All connections of this load, and the verdict."""

    def __init__(self, book, writers=3):
        self.book = book
        self.acked = self.deleted = self.attached = self.locals = self.settled = 0
        self.faults, self.documents = [], self
        self.writers = [Writer(self, i) for i in range(writers)]
        self.local, self.follower = Local(self), Follower(self)

    def jobs(self, life):
        return [lambda each=each: each.run(life)
                for each in (*self.writers, self.local, self.follower)]

    def fault(self, text):
        with self.book.lock:
            self.faults.append(text)

    def answered(self, method, path, status, data):
        """Every write is one that must be accepted: nobody else touches the document."""
        with self.book.lock:
            self.book.requests += 1
        if status >= 300 and not (method == "GET" and status == 404):
            self.book.refuse(status, data)
            if status not in (429, 503):
                self.fault(f"{method} {path}: {status} {data[:200]!r}")

    def read(self, doc, get):
        status, data = get(f"/{doc.name}?open_revs=all&attachments=true")
        if status not in (200, 404):
            self.fault(f"{doc.name}: {status} {data[:200]!r}")
        rows = json.loads(data) if status == 200 else []
        return {row["ok"]["_rev"]: leaf_of(row["ok"]) for row in rows if "ok" in row}

    def settle(self, doc, get):
        for fault in doc.settle(self.read(doc, get)):
            self.fault(fault)

    def verify(self, port):
        """After the last kill: all documents, attachments, local documents and the feed."""
        conn = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

        def get(path):
            return Writer.exchange(self, conn, "GET", path)
        docs = [doc for writer in self.writers for doc in writer.docs]
        for doc in docs:
            self.settle(doc, get)
        docs = [doc for doc in docs if doc.leaves]
        for doc in docs[::5]:
            self.verify_attachments(doc, conn)
        for name in set(self.local.values) | {self.local.maybe} - {None}:
            self.local.settle(name, get("/_local/" + name))
        rows = json.loads(get("/_changes?style=all_docs")[1])["results"]
        self.faults += feed_faults(rows, docs)
        self.verify_old(rows, get)
        listed = [row["id"] for row in json.loads(get("/_all_docs")[1])["rows"]]
        if sorted(listed) != sorted(doc.name for doc in docs if doc.live()):
            self.fault("_all_docs does not list the live documents once each")
        self.prove(docs, rows, get)
        return len(docs)

    def verify_attachments(self, doc, conn):
        """By their own addresses, of every live leaf."""
        for rev in doc.live():
            for name, wanted in doc.leaves[rev].attachments.items():
                conn.request("GET", f"{DB}/{doc.name}/{name}?rev={rev}", headers=HEADERS)
                answer = conn.getresponse()
                data = answer.read()
                if answer.status != 200 or describe(data) != wanted or \
                        answer.headers["etag"] != f'"{wanted.md5[4:]}"':
                    self.fault(f"{doc.name}/{name}: {answer.status}, {len(data)} bytes")

    def verify_old(self, rows, get):
        """From any number that a follower ever held, nothing is missing."""
        follower = self.follower
        while follower.step(get, ""):
            pass
        if {k: row_text(v) for k, v in follower.rows.items()} != \
                {row["id"]: row_text(row) for row in rows}:
            self.fault("_changes: who followed knows something else than who begins anew")
        sinces = follower.sinces
        for since in random.Random(len(sinces)).sample(sinces, min(20, len(sinces))):
            found = json.loads(get(f"/_changes?style=all_docs&since={since}")[1])["results"]
            if found != [row for row in rows if row["seq"] > since]:
                self.fault(f"_changes since {since} is not the end of the whole feed")

    def prove(self, docs, rows, get):
        """The checks can fail: each of these lies must be noticed."""
        doc = next(d for d in docs for rev in d.live() if d.leaves[rev].attachments)
        rev = next(r for r in doc.live() if doc.leaves[r].attachments)
        truth, write = self.read(doc, get), doc.leaves[rev]
        name, attachment = next(iter(write.attachments.items()))

        def noticed(found):
            return copy.deepcopy(doc).settle(found)
        lies = [noticed({r: w for r, w in truth.items() if r != rev}),
                noticed({**truth, "9999-f": write}),
                noticed({**truth, rev: write._replace(number=-1)}),
                noticed({**truth, rev: write._replace(deleted=True)}),
                noticed({**truth, rev: write._replace(attachments={})}),
                noticed({**truth, rev: write._replace(attachments={
                    **write.attachments, name: attachment._replace(sha256="")})}),
                feed_faults(rows[1:], docs), feed_faults(rows + rows[-1:], docs),
                feed_faults(rows[1::-1] + rows[2:], docs), feed_faults(rows, docs[1:])]
        if noticed(truth) or not all(lies):
            self.fault(f"the checks notice nothing: {[bool(lie) for lie in lies]}")

    def report(self):
        return (f"document writes answered   {self.acked} ({self.deleted} deletions, "
                f"{self.attached} with attachments)\n"
                f"local writes answered      {self.locals}\n"
                f"unanswered, looked up      {self.settled}\n"
                f"followed to                {self.follower.since}, {len(self.follower.sinces)} "
                "stops\n"
                f"document faults            {len(self.faults)}\n")
