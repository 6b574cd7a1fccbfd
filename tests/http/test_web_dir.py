# SPDX-License-Identifier: MIT
"""--web-dir: the pages from a folder, to work on them (cli.md)."""

import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Server, binary, main  # noqa: E402


class WebDir(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="barua-web-")
        self.addCleanup(self.directory.cleanup)

    def write(self, name, text):
        with open(os.path.join(self.directory.name, name), "w", encoding="utf-8") as f:
            f.write(text)

    def serve(self, *args):
        server = Server(args=args).start()
        self.addCleanup(server.finish)
        return server.client(user=None)

    def test_files_of_the_folder(self):
        client = self.serve("--web-dir", self.directory.name)
        built_in = client.get("/medic/login")
        self.assertEqual(built_in.status, 200)
        css = client.get("/medic/login/style.css")
        self.write("login.html", "<p>{{user}}my own page, {{locale}}</p>")
        page = client.get("/medic/login")
        self.assertIn("<p>my own page, en</p>", page.text)
        self.write("login.html", "<p>another</p>")  # read anew each time
        self.assertIn("<p>another</p>", client.get("/medic/login").text)
        self.assertEqual(css.status, 200)
        self.assertEqual(css.header("cache-control"), "no-store")
        self.write("login.css", "p { color: teal }")
        self.assertEqual(client.get("/medic/login/style.css").text, "p { color: teal }")
        os.unlink(os.path.join(self.directory.name, "login.html"))
        self.assertEqual(client.get("/medic/login").text, built_in.text)

    def test_nothing_but_the_folder(self):
        """No path leads out of it, and no link."""
        self.write("secret.html", "a secret")
        web = os.path.join(self.directory.name, "web")
        os.mkdir(web)
        os.symlink("../secret.html", os.path.join(web, "login.html"))
        os.mkdir(os.path.join(web, "login.css"))
        client = self.serve("--web-dir", web)
        for path in ("/medic/login", "/medic/login/style.css", "/medic/login/../secret.html",
                     "/medic/login/%2e%2e/secret.html", "/medic/login/..%2fsecret.html"):
            self.assertNotIn("a secret", client.get(path).text)
        self.assertEqual(client.get("/medic/login/style.css").status, 200)

    def test_no_folder(self):
        for more in ([], ["--check-config"]):
            done = subprocess.run([binary(), "serve", "--database", os.path.join(self.directory.name, "b.db"),
                                   "--listen", "127.0.0.1:0", "--web-dir", "/nowhere/at/all", *more],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("[server] web-dir: /nowhere/at/all", done.stderr)


if __name__ == "__main__":
    main()
