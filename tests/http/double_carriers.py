# SPDX-License-Identifier: MIT
"""Local doubles of the two carriers of messaging.md 7, to their documented behaviour, which also
misbehave: a list of words says how the next requests are answered.

    ok          as documented
    code N      Africa's Talking: this statusCode for the recipient
    word S      RapidPro: this status
    nobody      Africa's Talking: an empty list of recipients
    status N    this HTTP status
    after N S   this HTTP status with Retry-After: S
    moved       302 to another path of the double
    wait        as documented, once `go` is set
    hang        no answer; the connection stays open
    reset       the connection is reset
    close       the connection is closed without an answer
    half        half of a good answer, then the end
    trickle     a good head, then a byte of the body now and then
    garbage     201 with something that is no JSON
    shape       201 with JSON of another shape
    endless     201 with a body that does not end

Whatever the answer, the double has then taken the message."""

import http.server
import json
import socket
import struct
import threading
import time
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_POST(self):
        self.serve()

    def do_GET(self):
        self.serve()

    def serve(self):
        double = self.server.double
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        word = double.note(self.command, self.path, dict(self.headers.items()), body)
        kind, _, rest = word.partition(" ")
        getattr(self, "do_" + kind, self.do_ok)(double, word, rest, body)

    def answer(self, status, value, headers=()):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, text in headers:
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def do_ok(self, double, word, rest, body):
        self.answer(*double.good(self.command, self.path, body, word))

    def do_status(self, double, word, rest, body):
        self.answer(int(rest), {"error": "because"})

    def do_after(self, double, word, rest, body):
        status, seconds = rest.split()
        self.answer(int(status), {"error": "wait"}, [("Retry-After", seconds)])

    def do_moved(self, double, word, rest, body):
        self.answer(302, {}, [("Location", f"http://127.0.0.1:{double.port}/elsewhere")])

    def do_wait(self, double, word, rest, body):
        double.go.wait(60)
        self.do_ok(double, "ok", "", body)

    def do_hang(self, double, word, rest, body):
        double.over.wait(60)
        self.close_connection = True

    def do_reset(self, double, word, rest, body):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def do_close(self, double, word, rest, body):
        self.close_connection = True

    def do_half(self, double, word, rest, body):
        status, value = double.good(self.command, self.path, body, "ok")
        text = json.dumps(value).encode()
        self.wfile.write(f"HTTP/1.1 {status} Created\r\nContent-Length: {len(text)}\r\n\r\n".encode()
                         + text[:len(text) // 2])
        self.close_connection = True

    def do_trickle(self, double, word, rest, body):
        self.wfile.write(b"HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\n")
        try:
            while not double.over.wait(0.3):
                self.wfile.write(b" ")
                self.wfile.flush()
        except OSError:
            pass
        self.close_connection = True

    def do_garbage(self, double, word, rest, body):
        self.answer(201, b"<html>all fine</html>")

    def do_shape(self, double, word, rest, body):
        self.answer(201, [{"fine": True}])

    def do_endless(self, double, word, rest, body):
        self.wfile.write(b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n\r\n[")
        try:
            while not double.over.is_set():
                self.wfile.write(b'"x",' * 4096)
        except OSError:
            pass
        self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        pass


class Double:
    """Starts listening at once; `requests` is what came: (method, path, headers, body)."""

    def __init__(self, port=0):
        self.requests = []
        self.words = []
        self.lock = threading.Lock()
        self.serial = 100
        self.port = port
        self.over = threading.Event()
        self.go = threading.Event()
        self.listen()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def listen(self):
        self.over.clear()
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.server.double = self
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        """From now on connections are refused; listen() undoes it."""
        self.over.set()
        self.server.shutdown()
        self.server.server_close()

    def note(self, method, path, headers, body):
        with self.lock:
            self.requests.append((method, path, headers, body))
            return self.words.pop(0) if self.words else "ok"

    def wait_requests(self, n, timeout=20):
        deadline = time.monotonic() + timeout
        while len(self.requests) < n:
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(self.requests)} requests came, not {n}")
            time.sleep(0.01)

    def next_id(self):
        with self.lock:
            self.serial += 1
            return self.serial


class AfricasTalking(Double):
    """POST /version1/messaging: username, from, to, message; 201 with a list of recipients."""

    def good(self, method, path, body, word):
        if method != "POST" or path != "/version1/messaging":
            return 404, {"error": "no such path"}
        form = dict(urllib.parse.parse_qsl(body, strict_parsing=True))
        code = int(word[5:]) if word.startswith("code ") else 101
        recipient = {"statusCode": code, "number": form["to"], "status": "Success",
                     "cost": "KES 0.8000", "messageId": f"ATXid_{self.next_id()}"}
        if code >= 400:
            recipient.update(status="Whatever", cost="0", messageId="None")
        if word == "nobody":
            return 201, {"SMSMessageData": {"Message": "InvalidSenderId", "Recipients": []}}
        return 201, {"SMSMessageData": {"Message": "Sent to 1/1 Total Cost: KES 0.8000",
                                        "Recipients": [recipient]}}

    def sent(self):
        """(to, message) of every request."""
        return [(f["to"], f["message"]) for f in
                (dict(urllib.parse.parse_qsl(r[3])) for r in self.requests)]


class RapidPro(Double):
    """POST /api/v2/broadcasts.json, GET /api/v2/messages.json?broadcast=ID."""

    def __init__(self, port=0):
        self.states = {}  # broadcast -> status of its message
        super().__init__(port)

    def good(self, method, path, body, word):
        if method == "POST" and path == "/api/v2/broadcasts.json":
            value = json.loads(body)
            number = self.next_id()
            status = word[5:] if word.startswith("word ") else "queued"
            self.states[str(number)] = status
            return 201, {"id": number, "urns": value["urns"], "contacts": [], "groups": [],
                         "text": value["text"], "created_on": "2026-11-21T16:55:32.746Z",
                         "status": status}
        url = urllib.parse.urlsplit(path)
        if method == "GET" and url.path == "/api/v2/messages.json":
            number = dict(urllib.parse.parse_qsl(url.query)).get("broadcast")
            results = [] if number not in self.states else [
                {"id": 7, "broadcast": int(number), "status": self.states[number],
                 "direction": "out"}]
            return 200, {"next": None, "previous": None, "results": results}
        return 404, {"detail": "Not found."}

    def sent(self):
        return [(v["urns"], v["text"]) for v in
                (json.loads(r[3]) for r in self.requests if r[0] == "POST")]

    def asked(self):
        return [r[1].split("=")[1] for r in self.requests if r[0] == "GET"]
