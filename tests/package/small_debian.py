# SPDX-License-Identifier: MIT
"""Small Debians of their own for the tests of the package, and the package itself.

They need root, debootstrap and the mirror that apt of this machine uses.  The bare Debian is kept for a week in
build-package/, the package until a file of the tree changes.  The tests of this folder may run at the same time."""

import atexit
import contextlib
import fcntl
import glob
import hashlib
import os
import re
import shutil
import subprocess
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, "..", ".."))
WORK = os.path.join(ROOT, "build-package")
BASE = os.path.join(WORK, "base.tar")
SUITE = "bookworm"
WEEK_S = 7 * 86400
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8",
               **{k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")}}
# what lies in a tree and the package is not made of
NO_SOURCE = re.compile(r"^(\.git|build.*|node_modules|tests|__pycache__)$|\.db")


def run(*args, status=0, **kwargs):
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          errors="replace", **kwargs)
    if done.returncode != status:
        raise AssertionError(f"{args}: exit status {done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout


@contextlib.contextmanager
def lock(name):
    os.makedirs(WORK, exist_ok=True)
    with open(os.path.join(WORK, name + ".lock"), "w", encoding="utf-8") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def version():
    with open(os.path.join(ROOT, "meson.build"), encoding="utf-8") as f:
        return re.search(r"version : '([^']+)'", f.readline()).group(1)


def mirror():
    """The mirror that apt on this machine takes this Debian from; None when it knows none."""
    out = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE) $(CODENAME) $(ORIGIN) $(COMPONENT)",
                          "Created-By: Packages"], capture_output=True, text=True, check=False).stdout
    sites = [line.split()[0] for line in out.splitlines() if line.split()[1:] == [SUITE, "Debian", "main"]]
    return sites[0] if sites else None


def obstacle():
    """Why there can be no small Debian here, None when there can."""
    if os.geteuid() != 0:
        return "chroot needs root"
    missing = [p for p in ("debootstrap", "dpkg-buildpackage", "lintian", "unshare", "dh") if not shutil.which(p)]
    if missing:
        return "not installed here: " + ", ".join(missing)
    return None if mirror() else f"apt knows no mirror of Debian {SUITE}; apt-get update may help"


def not_tested(what, why):
    """Skips, in so many words; where the tests must run, fails."""
    if os.environ.get("BARUA_PACKAGE_TEST") == "required":
        raise AssertionError(f"{what} must be tested here, but {why}")
    print(f"# {what} is NOT tested: {why}", flush=True)
    raise unittest.SkipTest(why)


def make_base():
    """A tar of a minimal Debian."""
    with lock("base"):
        if os.path.exists(BASE) and time.time() - os.path.getmtime(BASE) < WEEK_S:
            return
        folder = os.path.join(WORK, "bare")
        shutil.rmtree(folder, ignore_errors=True)
        run("debootstrap", "--variant=minbase", SUITE, folder, mirror())
        run("tar", "-C", folder, "--exclude=./proc/*", "-cf", BASE + ".new", ".")
        os.rename(BASE + ".new", BASE)
        shutil.rmtree(folder, ignore_errors=True)


def fingerprint():
    """Of every file that the package may be made of."""
    sum_ = hashlib.sha256()
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(f for f in folders if not NO_SOURCE.search(f))
        for name in sorted(names):
            path = os.path.join(folder, name)
            if NO_SOURCE.search(name) or not os.path.isfile(path):
                continue
            with open(path, "rb") as f:
                sum_.update(f"{os.path.relpath(path, ROOT)} {os.stat(path).st_mode}\n".encode())
                sum_.update(hashlib.sha256(f.read()).digest())
    return sum_.hexdigest()


def package():
    """The path of the Debian package of this tree, which lintian had nothing to say about."""
    with lock("deb"):
        out, stamp = os.path.join(WORK, "deb"), os.path.join(WORK, "deb", "made-of")
        now = fingerprint()
        with contextlib.suppress(OSError), open(stamp, encoding="utf-8") as f:
            if f.read() == now:
                return glob.glob(os.path.join(out, "barua_*.deb"))[0]
        said = run(os.path.join(ROOT, "debian", "deb.sh"), out, cwd=ROOT)
        made, = glob.glob(os.path.join(out, "barua_*.deb"))
        if said.strip() != made:
            raise AssertionError(said)
        with open(stamp, "w", encoding="utf-8") as f:
            f.write(now)
        return made


def other_version(deb, pattern, change=None):
    """The same package with another version, "%s" being that of @deb; @change may edit its folder first."""
    folder = os.path.join(WORK, "other-" + str(os.getpid()))
    shutil.rmtree(folder, ignore_errors=True)
    run("dpkg-deb", "-R", deb, folder)
    control = os.path.join(folder, "DEBIAN", "control")
    with open(control, encoding="utf-8") as f:
        text = f.read()
    with open(control, "w", encoding="utf-8") as f:
        f.write(re.sub(r"(?m)^Version: (.*)$", lambda m: "Version: " + pattern % m.group(1), text))
    if change:
        change(folder)
    out = folder + ".deb"
    run("dpkg-deb", "--root-owner-group", "-b", folder, out)
    shutil.rmtree(folder)
    atexit.register(lambda: os.path.exists(out) and os.unlink(out))
    return out


class Debian:
    """A minimal Debian in build-package/NAME that can reach the mirror; close() removes it."""

    def __init__(self, name):
        self.root = os.path.join(WORK, name)
        shutil.rmtree(self.root, ignore_errors=True)
        os.makedirs(self.root)
        # programs need to know their own paths; the mount ends with the program
        self.prefix = ["unshare", "--mount", "sh", "-c",
                       'mount -t proc proc "$0/proc" 2> /dev/null; exec chroot "$0" "$@"', self.root]
        make_base()
        run("tar", "-C", self.root, "-xf", BASE)
        for name in ("/etc/resolv.conf", "/etc/hosts"):
            if os.path.exists(name):
                shutil.copyfile(name, self.root + name)
        # nobody needs this Debian after a power failure
        lines = ['Dpkg::Options { "--force-unsafe-io"; };\n']
        dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
        lines += [line + "\n" for line in dump.splitlines() if re.match(r"Acquire::https?::Proxy", line)]
        with open(self.path("etc/apt/apt.conf.d/90test"), "w", encoding="utf-8") as f:
            f.writelines(lines)
        self.inside("apt-get", "update", "--error-on=any")

    def path(self, name):
        return os.path.join(self.root, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as f:
            return f.read()

    def inside(self, *args, status=0, **kwargs):
        """Runs a program in it, as root."""
        return run(*self.prefix, *args, status=status, env=ENVIRONMENT, **kwargs)

    def install(self, deb, *options, status=0):
        """What `apt-get install ./barua.deb` does."""
        shutil.copyfile(deb, self.path("tmp/barua.deb"))
        return self.inside("apt-get", "install", "-y", "--no-install-recommends", *options, "/tmp/barua.deb",
                           status=status)

    def status(self):
        """Of the package barua: `install ok installed|1.0`, empty when dpkg does not know it."""
        return subprocess.run([*self.prefix, "dpkg-query", "-W", "-f", "${Status}|${Version}", "barua"],
                              env=ENVIRONMENT, capture_output=True, text=True, check=False).stdout.strip()

    def close(self):
        shutil.rmtree(self.root, ignore_errors=True)


def small_debian(name, what):
    """A Debian for the tests of a file; skips them, for @what, where there can be none."""
    why = obstacle()
    if not why:
        try:
            return Debian(name)
        except (AssertionError, OSError) as failure:
            why = "no small Debian can be made here: " + str(failure).strip().splitlines()[-1]
    return not_tested(what, why)
