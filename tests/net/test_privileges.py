# SPDX-License-Identifier: GPL-2.0-or-later
"""What engine and console may still do: read from /proc of the real processes, and tried from inside their sandboxes."""
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

import lab
import tap
from daemon import Daemon, builddir

CAPS = {"KILL": 5, "SETGID": 6, "SETUID": 7, "SETPCAP": 8, "NET_ADMIN": 12, "NET_RAW": 13, "SYS_PTRACE": 19, "SYS_ADMIN": 21,
        "DAC_READ_SEARCH": 2}
ENGINE_CAPS = sum(1 << n for n in CAPS.values())


def proc_status(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def is_sanitized():
    """Whether the probe is built with AddressSanitizer, whose runtime needs calls that are otherwise refused."""
    with open(os.path.join(builddir(), "tests/net/sandbox_probe"), "rb") as f:
        return b"__asan_init" in f.read()


def has_landlock():
    done = subprocess.run([sys.executable, "-c", "import ctypes; l = ctypes.CDLL(None); print(l.syscall(444, None, 0, 1))"],
                          stdout=subprocess.PIPE, text=True, check=False)
    return int(done.stdout) > 0


@unittest.skipIf(lab.why_not(), lab.why_not())
class StatusTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = cls.enterClassContext(lab.Lab(prefix="priv"))
        cls.d = cls.enterClassContext(Daemon(cls.net))

    def test_the_engine_has_only_its_capabilities(self):
        s = proc_status(self.d.pid())
        for field in ("CapPrm", "CapEff", "CapBnd"):
            self.assertEqual(int(s[field], 16), ENGINE_CAPS, field)
        self.assertEqual((int(s["CapAmb"], 16), int(s["CapInh"], 16)), (0, 0))
        self.assertEqual((s["NoNewPrivs"], s["Seccomp"]), ("1", "2"))

    def check_console(self):
        s = proc_status(self.d.console_pid())
        for field in ("CapPrm", "CapEff", "CapBnd", "CapAmb", "CapInh"):
            self.assertEqual(int(s[field], 16), 0, field)
        self.assertEqual((s["NoNewPrivs"], s["Seccomp"]), ("1", "2"))
        for field in ("Uid", "Gid"):
            ids = s[field].split()
            self.assertEqual(len(set(ids)), 1, field)
            self.assertNotEqual(ids[0], "0", field)
        self.assertEqual(s["Groups"].strip(), "")
        with open(f"/proc/{self.d.console_pid()}/limits", encoding="ascii") as f:
            limits = {line[:26].strip(): line[26:].split()[0] for line in f}
        self.assertEqual((limits["Max core file size"], limits["Max processes"]), ("0", "0"))

    def test_the_console_has_none(self):
        self.check_console()

    def test_a_console_that_is_started_again_has_none_either(self):
        old = self.d.kill_console()
        lab.wait_until(lambda: self.serves() and self.d.console_pid() != old, what="the next console")
        self.check_console()

    def serves(self):
        try:
            return self.d.api.get("/api/v1/status").status == 200
        except OSError:
            return False

    def test_nothing_that_they_do_is_refused(self):
        """Rules, a prompt's packet, a flush of the netfilter rules and their repair: no call is missing from the lists."""
        self.assertEqual(self.net.run(["curl", "-sS", "-m", "50", "http://www.example.test/"], user="nobody").returncode, 0)
        subprocess.run(["nsenter", f"--net=/run/netns/{self.net.client}", "iptables-legacy", "-w", "-t", "mangle", "-F"], check=True)
        lab.wait_until(lambda: self.d.status()["counters"]["rules_repaired"] if "rules_repaired" in self.d.status().get(
            "counters", {}) else "they are back" in self.d.log(), what="the repair of the netfilter rules")
        self.assertNotIn("the sandbox refuses", self.d.log())


@unittest.skipIf(os.geteuid() != 0, "needs root")
class ProbeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = cls.enterClassContext(tempfile.TemporaryDirectory())
        os.chmod(cls.dir, 0o777)
        cls.asan = is_sanitized()

    def probe(self, who, action):
        """(how it ended, what it said on stderr): "done", "refused ERRNO" or "killed"."""
        def folders():
            # None of them has its number at once: dup2() of a descriptor to itself would leave it to be closed.
            for n, path in ((5, self.dir), (6, self.dir), (7, "/bin/true"), (8, "/bin/cat")):
                os.dup2(fcntl.fcntl(os.open(path, os.O_PATH), fcntl.F_DUPFD_CLOEXEC, 20), n)
        done = subprocess.run([os.path.join(builddir(), "tests/net/sandbox_probe"), who, action], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, preexec_fn=folders, close_fds=False, check=False,
                              env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
        if done.returncode == -signal.SIGSYS:
            return "killed", done.stderr
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip(), done.stderr

    def refuses(self, who, *actions, how=None):
        for action in actions:
            with self.subTest(f"{who} {action}"):
                got, _ = self.probe(who, action)
                self.assertNotEqual(got, "done")
                if how:
                    self.assertEqual(got, how)

    def test_the_console_works_in_its_folders(self):
        self.assertEqual(self.probe("console", "open-state")[0], "done")
        self.assertEqual(self.probe("console", "open-hosts")[0], "done")

    def test_the_console_cannot_open_others_files(self):
        self.refuses("console", "open-shadow", how="refused EACCES")
        self.assertFalse(os.path.exists("/tmp/opensnitch-probe"))

    @unittest.skipUnless(has_landlock(), "the kernel has no Landlock")
    def test_the_console_cannot_leave_its_folders(self):
        """/tmp is everybody's to write and /proc everybody's to read: only Landlock stands before them."""
        self.refuses("console", "write-tmp", "open-version", "open-proc", how="refused EACCES")
        self.assertFalse(os.path.exists("/tmp/opensnitch-probe"))

    def test_the_console_dies_of_what_only_an_intruder_does(self):
        if self.asan:
            self.skipTest("a sanitizer's runtime needs some of these calls")
        self.refuses("console", "exec", "fork", "ptrace", "signal", "mount", "unshare", "setuid", "bpf", "module", "reboot",
                     how="killed")

    def test_the_console_gets_no_sockets_nor_code(self):
        if self.asan:
            self.skipTest("a sanitizer's runtime needs some of these calls")
        for action, call in (("socket-netlink", "socket"), ("socket-packet", "socket"), ("socket-alg", "socket"),
                             ("socket-vsock", "socket")):
            with self.subTest(action):
                got, said = self.probe("console", action)
                self.assertEqual(got, "refused EPERM")
                self.assertIn(f"the sandbox refuses the system call {call} ", said)
        self.refuses("console", "code-in-memory", how="refused EPERM")
        self.refuses("console", "clock", how="killed")

    def test_the_launcher_executes_one_program(self):
        """What it executes leaves no word; a refusal does."""
        self.assertEqual(self.probe("launcher", "exec-program")[0], "")
        self.assertEqual(self.probe("launcher", "fork")[0], "done")
        self.refuses("launcher", "exec", "exec-other", how="refused EPERM")
        if has_landlock():
            self.refuses("launcher", "exec-swapped", "write-tmp", "open-shadow", how="refused EACCES")

    def test_the_launcher_and_the_fetcher_give_up_the_rest(self):
        if self.asan:
            self.skipTest("a sanitizer's runtime needs some of these calls")
        for who in ("launcher", "fetcher"):
            self.refuses(who, "ptrace", "mount", "unshare", "setuid", "bpf", "module", "reboot", "clock", "socket-packet", "socket-alg",
                         "socket-vsock", how="refused EPERM")
            self.assertEqual(self.probe(who, "socket-inet")[0], "done")
            self.assertEqual(self.probe(who, "open-hosts")[0], "done")
        self.refuses("fetcher", "exec", "exec-program", "fork", "signal", "code-in-memory", how="refused EPERM")
        if has_landlock():
            self.refuses("fetcher", "write-tmp", "open-version", "open-proc", how="refused EACCES")
            self.refuses("launcher", "signal", how="refused EPERM")

    def test_the_engine_is_refused_what_it_does_not_need(self):
        self.refuses("engine", "mount", "unshare", "bpf", "module", "reboot", "clock", how="refused EPERM")
        if not self.asan:
            self.refuses("engine", "ptrace", "socket-packet", "socket-alg", "socket-vsock", how="refused EPERM")

    def test_the_engine_can_do_what_it_needs(self):
        for action in ("socket-netlink", "socket-inet", "fork", "exec", "open-proc", "open-shadow"):
            with self.subTest(action):
                got, _ = self.probe("engine", action)
                self.assertIn(got, ("done", ""))

    def test_a_refused_call_is_named_once_in_the_log(self):
        _, said = self.probe("engine", "reboot")
        self.assertEqual(said.count("the sandbox refuses the system call reboot (number"), 1, said)


if __name__ == "__main__":
    tap.main()
