# SPDX-License-Identifier: MIT
"""A small Debian that is booted: systemd as the first process of its own namespaces (processes, mounts, network,
control groups), without a container program.  It can neither set the clock, load modules nor write /proc/sys."""

import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import time

from small_debian import ENVIRONMENT

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
BOOT_S = 60
libc = ctypes.CDLL(None, use_errno=True)

# $1: the root, $2: its control group as this mount namespace sees it
BOOT = r"""
set -e
cd "$1"
mount --bind . . && cd "$1"
mount -t proc proc proc
mount --bind proc/sys proc/sys && mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
mount -t tmpfs -o mode=755,nosuid tmpfs dev
for name in null zero full random urandom tty; do touch dev/$name && mount --bind /dev/$name dev/$name; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
mount -t tmpfs -o nosuid,nodev tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
pivot_root . mnt
cd /
umount -l mnt
mount --make-rshared / # what systemd mounts for a service in a child must reach it
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
  setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio,-sys_boot,-syslog /lib/systemd/systemd --unit=multi-user.target
"""


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def enter_network(path):
    """Moves this thread, and those that it starts, into a network namespace."""
    with open(path, "rb") as f:
        if libc.setns(f.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def own_group():
    """The folder of this process in the hierarchy of cgroup 2; None when none is mounted."""
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        mounts = [line.split()[4] for line in f if " - cgroup2 " in line]
    with open("/proc/self/cgroup", encoding="utf-8") as f:
        path = re.search(r"(?m)^0::(.*)$", f.read())
    return os.path.join(mounts[-1], path.group(1).lstrip("/")) if mounts and path else None


def seen_by(pid, *path):
    """A path as that process sees it, whose namespaces are not ours."""
    return os.path.join("/proc", str(pid), "root", *path)


class NoBoot(Exception):
    """Why this machine cannot boot one."""


class Booted:
    """@debian, with systemd running in it until stop()."""

    def __init__(self, debian):
        self.debian = debian
        self.process = self.group = None
        above = own_group()
        if above is None:
            raise NoBoot("no cgroup2 is mounted")
        if not os.path.exists(debian.path("lib/systemd/systemd")):
            raise NoBoot("there is no systemd in it")
        self.group = os.path.join(above, f"barua-test-{os.getpid()}")
        self.log = open(debian.root + ".boot.log", "w+", encoding="utf-8")
        try:
            os.mkdir(self.group)
            self.boot()
        except (OSError, NoBoot):
            self.stop()
            raise

    def boot(self):
        self.process = subprocess.Popen(
            ["sh", "-c", 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"', "sh", self.group,
             "unshare", "--fork", "--pid", "--kill-child", "--mount", "--cgroup", "--uts", "--ipc", "--net",
             "--propagation", "private", "sh", "-c", BOOT, "sh", self.debian.root],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, preexec_fn=die_with_parent)
        deadline = time.monotonic() + BOOT_S
        while True:
            if self.process.poll() is not None:
                raise NoBoot("systemd ended: " + self.last_words())
            with contextlib.suppress(OSError, IndexError):
                self.first = self.children()[0]
                if os.readlink(f"/proc/{self.first}/exe").endswith("/systemd") \
                        and self.state() in ("running", "degraded"):
                    return
            if time.monotonic() > deadline:
                raise NoBoot(f"it does not come up in {BOOT_S} s: " + self.last_words())
            time.sleep(0.1)

    def children(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="utf-8") as f:
            return [int(word) for word in f.read().split()]

    def last_words(self):
        self.log.seek(0)
        return (self.log.read().strip().splitlines() or ["it said nothing"])[-1]

    def state(self):
        return self.ask("systemctl", "is-system-running").stdout.strip()

    def ask(self, *args, timeout=120, stdin=None):
        """Runs a program in it, as root; whatever its status is."""
        return subprocess.run(["nsenter", "-t", str(self.first), "-m", "-p", "-n", "-i", "-u", "-C", *args],
                              env=ENVIRONMENT, capture_output=True, text=True, errors="replace", timeout=timeout,
                              check=False, input=stdin)

    def run(self, *args, **kwargs):
        """The same, which must succeed; what it prints."""
        done = self.ask(*args, **kwargs)
        if done.returncode != 0:
            raise AssertionError(f"{args}: exit status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    def systemctl(self, *args):
        return self.run("systemctl", "--no-pager", *args)

    def show(self, name, unit="barua.service"):
        """A property of a unit."""
        return self.systemctl("show", "--value", "-p", name, unit).strip()

    def journal(self, *args):
        """The entries of the unit, each with all its fields."""
        self.run("journalctl", "--sync")
        lines = self.run("journalctl", "--no-pager", "-u", "barua", "-o", "json", *args).splitlines()
        return [json.loads(line) for line in lines]

    def drop_in(self, text, unit="barua.service"):
        """Settings on top of a unit, in place of those of before; empty for none."""
        folder = seen_by(self.first, "run", "systemd", "system", f"{unit}.d")
        shutil.rmtree(folder, ignore_errors=True)
        if text:
            os.makedirs(folder)
            with open(os.path.join(folder, "test.conf"), "w", encoding="utf-8") as f:
                f.write(text)
        self.systemctl("daemon-reload")

    def on_host(self, pid):
        """A process of it, as this program knows it."""
        members = seen_by(self.first, "sys", "fs", "cgroup", "system.slice", "barua.service", "cgroup.procs")
        with open(members, encoding="utf-8") as f:
            for line in f:
                with open(f"/proc/{int(line)}/status", encoding="utf-8") as status:
                    if re.search(rf"(?m)^NSpid:.*\t{pid}$", status.read()):
                        return int(line)
        raise AssertionError(f"no process {pid}")

    def main_process(self):
        return self.on_host(int(self.show("MainPID")))

    def enter(self):
        """From now on this thread speaks in its network."""
        self.outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        enter_network(f"/proc/{self.first}/ns/net")

    def leave(self):
        if libc.setns(self.outside, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(self.outside)

    def stop(self):
        """Ends every process in it."""
        if self.process:
            self.process.kill()  # unshare's --kill-child takes the first process along, which takes all
            self.process.wait()
        deadline = time.monotonic() + 10
        while os.path.isdir(self.group) and time.monotonic() < deadline:
            for folder, _, _ in os.walk(self.group, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
            time.sleep(0.05)
        self.log.close()
