#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the page of /api/docs from openapi.json when the program is built, so that the page needs
neither script nor network:

    reference.py OPENAPI.JSON STYLE.CSS OPENAPI.JSON.GZ DOCS.HTML DOCS.HTML.GZ DOCS.CSP

The last output is the page's Content-Security-Policy: its style and nothing else.  What is the same
in gives the same out, byte for byte."""

import base64
import gzip
import hashlib
import html
import json
import re
import sys

METHODS = ("get", "put", "post", "delete")


def text(value):
    """One line of the document's prose: `code` and the rest."""
    parts = re.split(r"`([^`]+)`", value)
    return "".join(f"<code>{html.escape(p)}</code>" if i % 2 else html.escape(p)
                   for i, p in enumerate(parts))


def paragraphs(value):
    return "".join(f"<p>{text(p)}</p>" for p in value.split("\n\n") if p)


def slug(value):
    return re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")


def breakable(path):
    """A path that may break after its slashes."""
    return html.escape(path).replace("/", "/<wbr>")


def code_block(value):
    shown = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return f'<pre tabindex="0"><code>{html.escape(shown)}</code></pre>'


class Page:
    def __init__(self, document):
        self.document = document
        self.out = []

    def add(self, *lines):
        self.out.extend(lines)

    # ---- references ----

    def follow(self, value):
        """What a $ref names, and its name."""
        if "$ref" not in value:
            return value, None
        names = value["$ref"].removeprefix("#/").split("/")
        found = self.document
        for name in names:
            found = found[name]
        return found, names[-1]

    # ---- schemas ----

    def kind(self, schema):
        """A schema in a few words, as HTML."""
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            return f'<a href="#schema-{slug(name)}">{html.escape(name)}</a>'
        if "const" in schema:
            return f"<code>{html.escape(json.dumps(schema['const'], ensure_ascii=False))}</code>"
        if "enum" in schema:
            return " ".join(f"<code>{html.escape(v if isinstance(v, str) else json.dumps(v))}</code>"
                            for v in schema["enum"])
        for word in ("oneOf", "anyOf"):
            if word in schema and "properties" not in schema:
                return " or ".join(self.kind(s) for s in schema[word])
        return self.kind_of_type(schema)

    def kind_of_type(self, schema):
        kinds = schema.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        words = []
        for kind in kinds:
            if kind == "array" and "items" in schema:
                words.append("array of " + self.kind(schema["items"]))
            elif kind == "object" and isinstance(schema.get("additionalProperties"), dict):
                words.append("object of " + self.kind(schema["additionalProperties"]))
            else:
                words.append(kind)
        limits = [f"{word} {schema[key]}" for key, word in (
            ("minimum", "from"), ("maximum", "to"), ("default", "default"), ("maxItems", "at most"))
            if key in schema]
        if "format" in schema:
            limits.append(schema["format"])
        return " or ".join(words) + (f" ({html.escape(', '.join(limits))})" if limits else "")

    def members(self, schema):
        """The members of an object, as a list; nested objects within."""
        rows = []
        for name, member in schema.get("properties", {}).items():
            need = ' <span class="need">required</span>' if name in schema.get("required", []) else ""
            rows.append(f"<dt><code>{html.escape(name)}</code> <span class=\"kind\">"
                        f"{self.kind(member)}</span>{need}</dt>")
            inner = self.within(member)
            says = f"<p>{text(member['description'])}</p>" if member.get("description") else ""
            if says or inner:
                rows.append(f"<dd>{says}{inner}</dd>")
        return f"<dl class=\"members\">{''.join(rows)}</dl>" if rows else ""

    def within(self, schema):
        """The members of whatever objects a schema holds itself, without those it refers to."""
        if "$ref" in schema:
            return ""
        inner = self.members(schema)
        for word in ("oneOf", "anyOf"):
            inner += "".join(self.within(s) for s in schema.get(word, []))
        if isinstance(schema.get("items"), dict):
            inner += self.within(schema["items"])
        if isinstance(schema.get("additionalProperties"), dict):
            inner += self.within(schema["additionalProperties"])
        return inner

    def schema(self, schema):
        """A body: what it is, and one level of what that holds."""
        found, name = self.follow(schema)
        says = f"<p>{text(found['description'])}</p>" if name and found.get("description") else ""
        what = self.kind(schema)
        if name and "properties" not in found:
            what += ": " + self.kind(found)
        return f'<p class="kind">{what}</p>{says}{self.within(found)}'

    # ---- operations ----

    def content(self, content):
        lines = []
        for media, body in content.items():
            lines.append(f'<p class="media"><code>{html.escape(media)}</code></p>')
            lines.append(self.schema(body["schema"]))
            if "example" in body:
                lines.append(code_block(body["example"]))
        return "".join(lines)

    def parameter(self, parameter):
        where = {"query": "query", "path": "path", "header": "header"}[parameter["in"]]
        need = ' <span class="need">required</span>' if parameter.get("required") else ""
        example = f" For example <code>{html.escape(str(parameter['example']))}</code>." \
            if "example" in parameter else ""
        return (f"<dt><code>{html.escape(parameter['name'])}</code> <span class=\"kind\">{where}, "
                f"{self.kind(parameter['schema'])}</span>{need}</dt>"
                f"<dd><p>{text(parameter['description'])}.{example}</p></dd>")

    def answer(self, status, response):
        word = "good" if status.startswith("2") else "other"
        headers = "".join(f"<dt><code>{html.escape(name)}</code> <span class=\"kind\">header</span>"
                          f"</dt><dd><p>{text(header['description'])}</p></dd>"
                          for name, header in response.get("headers", {}).items())
        headers = f'<dl class="members">{headers}</dl>' if headers else ""
        inner = headers + self.content(response.get("content", {}))
        label = (f'<span class="status {word}">{html.escape(status)}</span> '
                 f"{text(response['description'])}")
        if not inner:
            return f'<p class="answer">{label}</p>'
        opened = " open" if word == "good" else ""
        return f"<details{opened}><summary>{label}</summary><div>{inner}</div></details>"

    def answers(self, responses):
        own, shared = [], []
        for status, response in responses.items():
            found, name = self.follow(response)
            if name:
                shared.append(f'<a href="#answer-{slug(name)}">{html.escape(status)} '
                              f"{html.escape(name)}</a>")
            else:
                own.append(self.answer(status, found))
        lines = "<h4>Answers</h4>" + "".join(own)
        return lines + (f'<p class="shared">As everywhere: {", ".join(shared)}</p>' if shared else "")

    def operation(self, path, method, operation, brief):
        who = operation["x-permission"]
        who = f"<code>{html.escape(who)}</code>" if who.startswith("can") else html.escape(who)
        online = ", online users only" if operation.get("x-online-only") else ""
        level = "details" if brief else "article"
        head = (f'<span class="method {method}">{method.upper()}</span> '
                f'<code class="path">{breakable(path)}</code>')
        self.add(f'<{level} class="operation" id="{operation["operationId"]}">')
        if brief:
            self.add(f'<summary>{head} <span class="says">{text(operation["summary"])}</span>'
                     "</summary>")
        else:
            self.add(f"<h3>{head}</h3>", f'<p class="says">{text(operation["summary"])}</p>')
        self.add(f'<p class="who">Who: {who}{online}</p>')
        self.add(paragraphs(operation.get("description", "")))
        if operation.get("parameters"):
            self.add('<h4>Parameters</h4><dl class="members">',
                     *[self.parameter(p) for p in operation["parameters"]], "</dl>")
        if "requestBody" in operation:
            self.add("<h4>Body</h4>", self.content(operation["requestBody"]["content"]))
        self.add(self.answers(operation["responses"]), f"</{level}>")

    def operations(self, tag):
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if tag in item.get(method, {}).get("tags", []):
                    yield path, method, item[method]

    # ---- the page ----

    def menu(self):
        self.add('<nav aria-label="Contents">', "<ul>")
        for tag in self.document["tags"]:
            self.add(f'<li><a href="#{slug(tag["name"])}">{html.escape(tag["name"])}</a></li>')
        self.add('<li><a href="#answers">Answers everywhere</a></li>',
                 '<li><a href="#schemas">Schemas</a></li>', "</ul></nav>")

    def index(self, tag):
        self.add('<ul class="index">')
        for path, method, operation in self.operations(tag):
            self.add(f'<li><a href="#{operation["operationId"]}"><span class="method {method}">'
                     f'{method.upper()}</span> <code class="path">{breakable(path)}</code> '
                     f'<span>{text(operation["summary"])}</span></a></li>')
        self.add("</ul>")

    def sections(self):
        for tag in self.document["tags"]:
            name = tag["name"]
            brief = name == "Documents"
            self.add(f'<section id="{slug(name)}"><h2>{html.escape(name)}</h2>',
                     paragraphs(tag["description"]))
            if not brief:
                self.index(name)
            for path, method, operation in self.operations(name):
                self.operation(path, method, operation, brief)
            self.add("</section>")

    def components(self):
        self.add('<section id="answers"><h2>Answers everywhere</h2>')
        for name, response in self.document["components"]["responses"].items():
            self.add(f'<article class="operation" id="answer-{slug(name)}"><h3>{html.escape(name)}'
                     f"</h3><p>{text(response['description'])}</p>",
                     self.content(response.get("content", {})), "</article>")
        self.add('</section><section id="schemas"><h2>Schemas</h2>')
        for name, schema in self.document["components"]["schemas"].items():
            says = schema.get("description", "")
            self.add(f'<article class="operation" id="schema-{slug(name)}"><h3>{html.escape(name)}'
                     f'</h3>{paragraphs(says)}<p class="kind">{self.kind(schema)}</p>',
                     self.within(schema), "</article>")
        self.add("</section>")

    def make(self, style):
        info = self.document["info"]
        self.add("<!DOCTYPE html>", '<html lang="en">', "<head>", '<meta charset="utf-8">',
                 '<meta name="viewport" content="width=device-width, initial-scale=1">',
                 f"<title>{html.escape(info['title'])} {html.escape(info['version'])}: "
                 "HTTP interface</title>",
                 '<link rel="icon" href="data:,">', f"<style>{style}</style>", "</head>", "<body>",
                 f"<header><h1>{html.escape(info['title'])} <small>{html.escape(info['version'])}"
                 "</small></h1>", f"<p>{text(info['summary'])}</p>",
                 '<p><a href="/api/openapi.json">openapi.json</a></p></header>', '<div class="page">')
        self.menu()
        self.add("<main>", paragraphs(info["description"]))
        self.sections()
        self.components()
        self.add("</main>", "</div>", "</body>", "</html>")
        return "\n".join(line for line in self.out if line) + "\n"


def main():
    source, style_file, source_gz, page_file, page_gz, policy_file = sys.argv[1:]
    with open(source, "rb") as f:
        description = f.read()
    with open(style_file, encoding="utf-8") as f:
        style = "\n" + f.read()
    page = Page(json.loads(description)).make(style).encode("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    policy = (f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
              "form-action 'none'; frame-ancestors 'none'")
    for name, data in ((source_gz, gzip.compress(description, 9, mtime=0)), (page_file, page),
                       (page_gz, gzip.compress(page, 9, mtime=0)),
                       (policy_file, policy.encode("ascii"))):
        with open(name, "wb") as f:
            f.write(data)


if __name__ == "__main__":
    main()
