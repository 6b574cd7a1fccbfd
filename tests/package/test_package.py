# SPDX-License-Identifier: MIT
"""The Debian package in a small Debian of its own: installed, started, used, upgraded, removed, purged.

Needs root, debootstrap and the mirror that apt of this machine uses; says so when it cannot run, and fails instead
when BARUA_PACKAGE_TEST is `required`.  The small Debian is kept for a week in build-package/."""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, "..", ".."))
sys.path.insert(0, os.path.join(HERE, "..", "http"))
from harness import PASSWORD, main  # noqa: E402

WORK = os.path.join(ROOT, "build-package")
BASE = os.path.join(WORK, "base.tar")
CHROOT = os.path.join(WORK, "root")
SUITE = "bookworm"
WEEK_S = 7 * 86400
DATABASE = "var/lib/barua/barua.db"
# programs need to know their own paths; the mount ends with the program
INSIDE = ["unshare", "--mount", "sh", "-c", 'mount -t proc proc "$0/proc" 2> /dev/null; exec chroot "$0" "$@"', CHROOT]
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8",
               **{k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")}}


def run(*args, status=0, **kwargs):
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          errors="replace", **kwargs)
    if done.returncode != status:
        raise AssertionError(f"{args}: exit status {done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout


def inside(*args, status=0, **kwargs):
    """Runs a program in the small Debian, as root."""
    return run(*INSIDE, *args, status=status, env=ENVIRONMENT, **kwargs)


def mirror():
    """The mirror that apt on this machine takes this Debian from; None when it knows none."""
    out = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE) $(CODENAME) $(ORIGIN) $(COMPONENT)",
                          "Created-By: Packages"], capture_output=True, text=True, check=False).stdout
    sites = [line.split()[0] for line in out.splitlines() if line.split()[1:] == [SUITE, "Debian", "main"]]
    return sites[0] if sites else None


def obstacle():
    """Why the test cannot run here, None when it can."""
    if os.geteuid() != 0:
        return "chroot needs root"
    missing = [p for p in ("debootstrap", "dpkg-buildpackage", "lintian", "unshare", "dh") if not shutil.which(p)]
    if missing:
        return "not installed here: " + ", ".join(missing)
    return None if mirror() else f"apt knows no mirror of Debian {SUITE}; apt-get update may help"


def make_base():
    """A tar of a minimal Debian, with the package lists of its mirror."""
    if os.path.exists(BASE) and time.time() - os.path.getmtime(BASE) < WEEK_S:
        return
    run("debootstrap", "--variant=minbase", SUITE, CHROOT, mirror())
    run("tar", "-C", CHROOT, "--exclude=./proc/*", "-cf", BASE + ".new", ".")
    os.rename(BASE + ".new", BASE)


def higher(package):
    """The same package with a higher version."""
    folder = os.path.join(WORK, "higher")
    shutil.rmtree(folder, ignore_errors=True)
    run("dpkg-deb", "-R", package, folder)
    control = os.path.join(folder, "DEBIAN", "control")
    with open(control, encoding="utf-8") as f:
        text = f.read()
    with open(control, "w", encoding="utf-8") as f:
        f.write(re.sub(r"(?m)^Version: (.*)$", r"Version: \1+next", text))
    out = os.path.join(WORK, "higher.deb")
    run("dpkg-deb", "--root-owner-group", "-b", folder, out)
    return out


def unpack():
    """A small Debian that can reach the mirror."""
    shutil.rmtree(CHROOT, ignore_errors=True)
    os.makedirs(CHROOT)
    run("tar", "-C", CHROOT, "-xf", BASE)
    for name in ("/etc/resolv.conf", "/etc/hosts"):
        if os.path.exists(name):
            shutil.copyfile(name, CHROOT + name)
    for proxy in subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout.splitlines():
        if re.match(r"Acquire::https?::Proxy", proxy):
            with open(os.path.join(CHROOT, "etc/apt/apt.conf.d/90proxy"), "a", encoding="utf-8") as f:
                f.write(proxy + "\n")
    inside("apt-get", "update", "--error-on=any")


def setUpModule():
    why = obstacle()
    if not why:
        os.makedirs(WORK, exist_ok=True)
        shutil.rmtree(CHROOT, ignore_errors=True)
        try:
            make_base()
            unpack()
        except (AssertionError, OSError) as failure:
            why = "no small Debian can be made here: " + str(failure).strip().splitlines()[-1]
    if why:
        if os.environ.get("BARUA_PACKAGE_TEST") == "required":
            raise AssertionError("the package must be tested here, but " + why)
        print("# the package is NOT tested: " + why, flush=True)
        raise unittest.SkipTest(why)


class Package(unittest.TestCase):
    """One life of a package; the tests run in the order of their names."""

    server = None

    @classmethod
    def tearDownClass(cls):
        if cls.server:
            cls.server.kill()
            cls.server.wait()
        shutil.rmtree(CHROOT, ignore_errors=True)

    def path(self, name):
        return os.path.join(CHROOT, name)

    def file(self, name):
        with open(self.path(name), encoding="utf-8") as f:
            return f.read()

    def start(self):
        """`barua serve` as the unit starts it: the user, the folder, the configuration of the package."""
        unit = self.file("lib/systemd/system/barua.service")
        command = re.search(r"(?m)^ExecStart=(.*)$", unit).group(1).split()
        folder = re.search(r"(?m)^WorkingDirectory=(.*)$", unit).group(1)
        user = re.search(r"(?m)^User=(.*)$", unit).group(1)
        cls = type(self)
        cls.server = subprocess.Popen(
            [*INSIDE, "setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "env", "-C", folder, *command],
            env=dict(ENVIRONMENT, BARUA_ADMIN_PASSWORD=PASSWORD, BARUA_SERVER_LISTEN="127.0.0.1:0"),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        for line in cls.server.stdout:
            heard = re.search(r"listening on (http://\S+)", line)
            if heard:
                cls.url = heard.group(1)
                return
        self.fail(f"the server ended with {cls.server.wait()}")

    def stop(self):
        server = self.server
        type(self).server = None
        server.terminate()
        server.communicate(timeout=60)
        self.assertEqual(server.returncode, 0)

    def ask(self, path, *args):
        return json.loads(run("curl", "-sS", "--noproxy", "*", "-u", "admin:" + PASSWORD, "-H",
                              "Content-Type: application/json", *args, self.url + path))

    def records(self):
        rows = self.ask("/medic/_all_docs?include_docs=true")["rows"]
        return [row["doc"] for row in rows if row["doc"].get("type") == "data_record"]

    def status(self):
        out = subprocess.run([*INSIDE, "dpkg-query", "-W", "-f", "${Status}|${Version}", "barua"],
                             env=ENVIRONMENT, capture_output=True, text=True, check=False).stdout
        return out.strip()

    def test_1_builds_and_lintian_has_nothing_to_say(self):
        out = os.path.join(WORK, "deb")
        said = run(os.path.join(ROOT, "debian", "deb.sh"), out, cwd=ROOT)
        package, = glob.glob(os.path.join(out, "barua_*.deb"))
        self.assertEqual(said.strip(), package)
        with open(os.path.join(ROOT, "meson.build"), encoding="utf-8") as f:
            version = re.search(r"version : '([^']+)'", f.readline()).group(1)
        self.assertEqual(run("dpkg-deb", "-f", package, "Version").strip(), version)
        self.assertEqual(run("dpkg-deb", "-I", package, "conffiles").strip(), "/etc/barua/barua.conf")
        type(self).package, type(self).version = package, version

    def test_2_install(self):
        shutil.copyfile(self.package, self.path("tmp/barua.deb"))
        inside("apt-get", "install", "-y", "--no-install-recommends", "/tmp/barua.deb")
        self.assertEqual(self.status(), "install ok installed|" + self.version)
        self.assertEqual(inside("barua", "--version").strip(), "barua " + self.version)
        self.assertRegex(inside("getent", "passwd", "barua"), r"^barua:x:\d+:\d+:[^:]*:/var/lib/barua:\S+nologin\n$")
        self.assertEqual(inside("stat", "-c", "%U %G %a", "/var/lib/barua", "/var/lib/barua/builds").splitlines(),
                         ["barua barua 750", "root root 755"])
        wants = os.path.join(CHROOT, "etc/systemd/system")
        self.assertTrue(os.path.islink(os.path.join(wants, "multi-user.target.wants/barua.service")))
        self.assertFalse(os.path.lexists(os.path.join(wants, "sockets.target.wants/barua.socket")))
        # minbase leaves no page out; what apt says of the modules is that their libraries are there
        for module in glob.glob(self.path("usr/lib/*/barua/*.so")):
            self.assertNotIn("not found", inside("ldd", module[len(CHROOT):]))
        self.assertEqual(len(glob.glob(self.path("usr/lib/*/barua/*.so"))), 2)

    def test_3_first_sms(self):
        self.start()
        settings = os.path.join(ROOT, "data", "example", "first.json")
        self.assertTrue(self.ask("/api/v1/settings?overwrite=1", "-X", "PUT", "--data-binary", "@" + settings)["success"])
        sms = {"messages": [{"id": "sms-1", "from": "+254712345678", "content": "1!YYYZ!Sam#23#2015#ANC"}]}
        self.assertIn("messages", self.ask("/api/sms", "--data-binary", json.dumps(sms)))
        record, = self.records()
        self.assertEqual((record["form"], record["fields"]["nurse"], record["fields"]["week"]), ("YYYZ", "Sam", 23))
        self.assertEqual(inside("stat", "-c", "%U %G", "/" + DATABASE).strip(), "barua barua")
        type(self).record = record
        # the module for XForms is found where the package puts it
        answer = self.ask("/api/v1/forms/validate", "-H", "Content-Type: text/xml", "--data-binary",
                          "@" + os.path.join(ROOT, "data/example/forms/collect/household.xml"))
        self.assertTrue(answer.get("ok"), answer)

    def test_4_upgrade_keeps_the_record(self):
        shutil.copyfile(higher(self.package), self.path("tmp/barua.deb"))
        with open(self.path("etc/barua/barua.conf"), "a", encoding="utf-8") as f:
            f.write("\n# changed by hand\n")
        inside("apt-get", "install", "-y", "--no-install-recommends", "/tmp/barua.deb")
        self.assertEqual(self.status(), f"install ok installed|{self.version}+next")
        self.assertIn("# changed by hand", self.file("etc/barua/barua.conf"))
        # without systemd nobody restarted it: it went on over the upgrade, and starts anew
        self.assertEqual(self.records(), [self.record])
        self.stop()
        self.start()
        self.assertEqual(self.records(), [self.record])
        self.stop()
        inside("barua", "check", "--database", "/" + DATABASE)

    def test_5_remove_keeps_and_purge_deletes(self):
        inside("apt-get", "remove", "-y", "barua")
        self.assertFalse(os.path.exists(self.path("usr/bin/barua")))
        self.assertTrue(os.path.exists(self.path(DATABASE)))
        self.assertTrue(os.path.exists(self.path("etc/barua/barua.conf")))
        inside("dpkg", "--purge", "barua", stdin=subprocess.DEVNULL)
        self.assertEqual(self.status(), "")
        for name in ("var/lib/barua", "etc/barua", "usr/lib/sysusers.d/barua.conf", "usr/share/barua",
                     "etc/systemd/system/multi-user.target.wants/barua.service"):
            self.assertFalse(os.path.lexists(self.path(name)), name)


if __name__ == "__main__":
    main()
