# SPDX-License-Identifier: MIT
"""The container: its Containerfile built by podman, with the package of this tree in place of the first stage and a
bare Debian in place of the one from a registry, and run as README says.

Says so where it cannot run, and fails instead when BARUA_PACKAGE_TEST is `required`."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "http"))
from booted import CLONE_NEWNET, die_with_parent, libc, own_group  # noqa: E402
from harness import PASSWORD, Client, main  # noqa: E402
from small_debian import (BASE, ENVIRONMENT, ROOT, WORK, make_base, not_tested, obstacle, package, run,  # noqa: E402
                          version)

FOLDER = os.path.join(WORK, "podman")
PORT = 5988
WHAT = "the container"
# without limits that only some machines allow, and without a network but its own
RUN = ["--network=none", "--cgroups=disabled", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
# $1: the control group of this test. There, the one hierarchy that podman's runtime wants, and nothing of it outside.
SPACE = """
echo $$ > "$1/cgroup.procs"
exec unshare --mount --cgroup --propagation private sh -c '
  umount -l /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && echo ready && exec sleep 3600'
"""


class Podman:
    """podman with storage of its own, in namespaces of its own."""

    def __init__(self):
        if own_group() is None:
            raise OSError("no cgroup2 is mounted")
        self.group = os.path.join(own_group(), f"barua-container-{os.getpid()}")
        self.space = None
        os.mkdir(self.group)
        try:
            self.space = subprocess.Popen(["sh", "-c", SPACE, "sh", self.group], stdout=subprocess.PIPE,
                                          stderr=subprocess.STDOUT, text=True, preexec_fn=die_with_parent)
            said = self.space.stdout.readline().strip()
            if said != "ready":
                raise OSError(said or "no namespaces")
        except OSError:
            self.close()
            raise

    def command(self, *args):
        return ["nsenter", "-t", str(self.space.pid), "-m", "-C", "podman", "--root", os.path.join(FOLDER, "root"),
                "--runroot", os.path.join(FOLDER, "run"), "--tmpdir", os.path.join(FOLDER, "tmp"), "--cgroup-manager",
                "cgroupfs", "--events-backend", "file", "--runtime", "crun", *args]

    def __call__(self, *args, **kwargs):
        return run(*self.command(*args), env=ENVIRONMENT, **kwargs).strip()

    def inspect(self, what, form):
        return self("inspect", "--format", form, what)

    def close(self):
        if self.space:
            with contextlib.suppress(AssertionError):
                self("rm", "-af", "-t", "0")
            self.space.kill()
            self.space.wait()
        for folder, _, _ in os.walk(self.group, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)


podman = None


def setUpModule():
    global podman
    missing = [p for p in ("podman", "crun", "nsenter") if not shutil.which(p)]
    why = obstacle() or ("not installed here: " + ", ".join(missing) if missing else None)
    if why:
        not_tested(WHAT, why)
    make_base()
    deb = package()
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(os.path.join(FOLDER, "build", "src", "build-deb"))
    shutil.copy(deb, os.path.join(FOLDER, "build", "src", "build-deb"))
    try:
        podman = Podman()
        podman("import", BASE, "localhost/debian:12-slim")
        podman("run", "--rm", *RUN, "localhost/debian:12-slim", "true")
    except (AssertionError, OSError) as failure:
        close()
        not_tested(WHAT, "podman cannot run here: " + str(failure).strip().splitlines()[-1])


def close():
    if podman:
        podman.close()
    shutil.rmtree(FOLDER, ignore_errors=True)


def tearDownModule():
    close()


class Container(unittest.TestCase):
    """The tests run in the order of their names."""

    def start(self, name, *options):
        podman("run", "-d", "--name", name, *RUN, "-e", "BARUA_ADMIN_PASSWORD=" + PASSWORD, "-v", "barua:/var/lib/barua",
               *options, "barua")
        # its loopback is its own: what this thread connects to from now on is in there
        first = podman.inspect(name, "{{.State.Pid}}")
        outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        with open(f"/proc/{first}/ns/net", "rb") as f:
            self.assertEqual(libc.setns(f.fileno(), CLONE_NEWNET), 0)

        def leave():
            libc.setns(outside, CLONE_NEWNET)
            os.close(outside)
        self.addCleanup(leave)
        self.addCleanup(lambda: podman("rm", "-f", "-t", "0", "-i", name))
        client = Client(PORT)
        for _ in range(200):
            with contextlib.suppress(ConnectionRefusedError):
                client.get("/healthz")
                return client
            time.sleep(0.05)
        self.fail(podman("logs", name))

    def test_1_image(self):
        podman("build", "--format", "docker", "--isolation", "chroot", "--network", "host", "--build-context",
               "build=" + os.path.join(FOLDER, "build"), "-t", "barua", "-f", os.path.join(ROOT, "Containerfile"), ROOT)
        size, base = (int(podman.inspect(name, "{{.Size}}")) / 1e6 for name in ("barua", "localhost/debian:12-slim"))
        print(f"# the image is {size:.0f} MB, {size - base:.0f} MB more than the Debian it is made from")
        self.assertLess(size - base, 200)
        config = json.loads(podman.inspect("barua", "{{json .Config}}"))
        self.assertEqual((config["User"], config["WorkingDir"], config["Entrypoint"], list(config["Volumes"])),
                         ("barua", "/var/lib/barua", ["barua"], ["/var/lib/barua"]))
        self.assertEqual(list(config["ExposedPorts"]), ["5988/tcp"])

    def test_2_first_sms(self):
        client = self.start("first")
        with open(os.path.join(ROOT, "data", "example", "first.json"), encoding="utf-8") as f:
            client.settings(json.load(f))
        client.sms([{"id": "sms-1", "from": "+254712345678", "content": "1!YYYZ!Sam#23#2015#ANC"}])
        self.assertEqual(client.record("sms-1")["fields"]["week"], 23)
        with open(os.path.join(ROOT, "data/example/forms/collect/household.xml"), "rb") as f:
            answer = client.request("POST", "/api/v1/forms/validate", f.read(), {"Content-Type": "text/xml"})
        self.assertTrue(answer.json()["ok"], answer)
        # who runs, and what of it: the server is the first process, and not root
        self.assertEqual(podman("exec", "first", "id", "-un"), "barua")
        self.assertEqual(podman("exec", "first", "sh", "-c", "tr '\\0' ' ' < /proc/1/cmdline"),
                         "barua serve --listen 0.0.0.0:5988")
        self.assertEqual(podman("exec", "first", "barua", "--version"), "barua " + version())
        self.assertEqual(podman("exec", "first", "stat", "-c", "%U %a", "/var/lib/barua/barua.db"), "barua 600")
        # the first process of a container has no default for signals: it must hear of this one itself
        begun = time.monotonic()
        podman("stop", "-t", "30", "first")
        print(f"# stopped in {time.monotonic() - begun:.1f} s")
        self.assertEqual(podman.inspect("first", "{{.State.ExitCode}}"), "0", "not killed after 30 s")
        self.assertIn("note: stopped", podman("logs", "first"))

    def test_3_the_volume_keeps_the_database(self):
        client = self.start("second")
        self.assertEqual(client.record("sms-1")["fields"]["week"], 23)
        podman("exec", "second", "barua", "backup", "/var/lib/barua/copy.db")
        podman("exec", "second", "barua", "check", "--database", "/var/lib/barua/copy.db")
        # killed, and begun anew on the same volume
        podman("kill", "-s", "KILL", "second")
        podman("wait", "second")
        client = self.start("third")
        self.assertEqual(client.record("sms-1")["fields"]["week"], 23)

    def test_4_health(self):
        self.start("healthy")
        podman("healthcheck", "run", "healthy")
        first = int(podman.inspect("healthy", "{{.State.Pid}}"))
        os.kill(first, signal.SIGSTOP)
        try:
            done = subprocess.run(podman.command("healthcheck", "run", "healthy"), env=ENVIRONMENT, capture_output=True,
                                  text=True, timeout=60, check=False)
            self.assertNotEqual(done.returncode, 0, "it answers nobody, and is said to be healthy")
        finally:
            os.kill(first, signal.SIGCONT)

    def test_5_nothing_to_write_but_the_volume(self):
        client = self.start("frugal", "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges",
                            "--read-only-tmpfs=false")
        data = os.urandom(1 << 20) * 9  # over a file beside the database
        answer = client.request("PUT", "/medic/picture/large.bin", data, {"Content-Type": "application/octet-stream"})
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(client.get("/medic/picture/large.bin").body, data)


if __name__ == "__main__":
    main()
