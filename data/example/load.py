#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Loads a project into a server, in the layout of cht-conf; what is there already is left alone.

    load.py [URL] [FOLDER]      URL: http://NAME:PASSWORD@HOST:PORT, default http://127.0.0.1:5988
                                FOLDER: default the one of this file
The account is `admin` with $BARUA_ADMIN_PASSWORD unless the URL names another.
"""

import base64
import csv
import hashlib
import json
import os
import pathlib
import re
import sys
import urllib.error
import urllib.parse
import urllib.request


class Server:
    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        name = urllib.parse.unquote(parts.username or "admin")
        password = urllib.parse.unquote(parts.password or os.environ.get("BARUA_ADMIN_PASSWORD", ""))
        self.base = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self.basic = base64.b64encode(f"{name}:{password}".encode()).decode()

    def ask(self, method, path, value=None):
        """Status and JSON; other statuses than these end the program."""
        body = None if value is None else json.dumps(value, ensure_ascii=False).encode()
        request = urllib.request.Request(self.base + path, body, method=method, headers={
            "Authorization": "Basic " + self.basic, "Accept": "application/json",
            **({} if body is None else {"Content-Type": "application/json"})})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            if error.code in (400, 404):
                return error.code, text
            sys.exit(f"{method} {path}: {error.code} {text}")
        except urllib.error.URLError as error:
            sys.exit(f"{self.base}: {error.reason}. Does the server run? `make run` starts it.")

    def put(self, doc):
        """Stores a document unless it is there as it is; whether it was stored."""
        path = "/medic/" + urllib.parse.quote(doc["_id"], safe="")
        status, found = self.ask("GET", path)
        if status == 200:
            if all(found.get(k) == v for k, v in doc.items() if k != "_attachments") \
                    and digests(found) == digests(doc):
                return False
            doc = {**doc, "_rev": found["_rev"]}
        status, answer = self.ask("PUT", path, doc)
        if status != 201:
            sys.exit(f"{doc['_id']}: {answer}")
        return True


def digests(doc):
    """Name and digest of each attachment, those that are still to be sent too."""
    return {name: one.get("digest") or
            "md5-" + base64.b64encode(hashlib.md5(base64.b64decode(one["data"])).digest()).decode()
            for name, one in doc.get("_attachments", {}).items()}


def properties(text):
    """The pairs of a .properties file: `key = text`, comments with #."""
    lines = [line.strip() for line in text.splitlines()]
    pairs = [line.partition("=") for line in lines if line and not line.startswith(("#", "!"))]
    return {key.strip(): value.strip() for key, _, value in pairs}


def translations(folder):
    for path in sorted(folder.glob("translations/messages-*.properties")):
        code = path.stem.partition("-")[2]
        yield {"_id": path.stem, "type": "translations", "code": code, "enabled": True, "generic": {},
               "custom": properties(path.read_text("utf-8"))}


def contacts(folder):
    for path in sorted(folder.glob("json_docs/*.doc.json")):
        yield json.loads(path.read_text("utf-8"))


def xforms(folder):
    for kind, context in (("app", None), ("collect", {"collect": True})):
        for path in sorted(folder.glob(f"forms/{kind}/*.xml")):
            more = path.with_suffix(".properties.json")
            text = path.read_text("utf-8")
            form_id = re.search(r"<instance>\s*<[^>]*?\bid=\"([^\"]+)\"", text).group(1)
            doc = {"_id": "form:" + form_id, "type": "form", "internalId": form_id,
                   "title": re.search(r"<h:title>([^<]*)", text).group(1),  # not decoded, as cht-conf
                   **({"context": context} if context else {}),
                   **(json.loads(more.read_text("utf-8")) if more.exists() else {})}
            data = base64.b64encode(path.read_bytes()).decode()
            doc["_attachments"] = {"xml": {"content_type": "application/xml", "data": data}}
            yield doc


def users(server, folder):
    """Makes the accounts that are not there; how many."""
    made = 0
    with open(folder / "users.csv", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            status, _ = server.ask("GET", f"/_users/org.couchdb.user:{row['username']}")
            if status == 200:
                continue
            status, answer = server.ask("POST", "/api/v1/users", {**row, "roles": row["roles"].split(":")})
            if status != 200:
                sys.exit(f"{row['username']}: {answer}")
            made += 1
    return made


def main():
    server = Server(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:5988")
    folder = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else os.path.dirname(os.path.abspath(__file__)))

    status, answer = server.ask("PUT", "/api/v1/settings?replace=1",
                                json.loads((folder / "app_settings.json").read_text("utf-8")))
    if status != 200:
        sys.exit(f"app_settings.json: {answer}")
    print("settings:", "stored" if answer["updated"] else "as they were")
    for name, docs in (("translations", translations), ("contacts", contacts), ("XForms", xforms)):
        stored = [server.put(doc) for doc in docs(folder)]
        print(f"{name}: {sum(stored)} stored, {len(stored) - sum(stored)} as they were")
    print("accounts:", users(server, folder), "made")


if __name__ == "__main__":
    main()
