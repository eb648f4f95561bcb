# SPDX-License-Identifier: GPL-2.0-or-later
"""Starts that must fail: each says in one clear line what is wrong and what to do, ends with its code and leaves nothing."""
import json
import os
import socket
import subprocess
import sys

from engine_kit import DEADLINE, WWW4, EngineTest, tap
from daemon import rule

FAILED, USAGE = 1, 2

# Runs a program for which the kernel has no NETLINK_NETFILTER, as one without nfnetlink has none: socket(2) is answered by a filter.
NO_NETFILTER = """
import ctypes, os, struct, sys
import platform
number = {"x86_64": 41, "aarch64": 198, "riscv64": 198}.get(platform.machine())
if number is None:
    sys.exit(77)
LD, JEQ, RET, ALLOW, ERRNO = 0x20, 0x15, 0x06, 0x7fff0000, 0x00050000 | 93  # EPROTONOSUPPORT
code = [(LD, 0, 0, 0), (JEQ, 0, 5, number), (LD, 0, 0, 16), (JEQ, 0, 3, 16), (LD, 0, 0, 32), (JEQ, 0, 1, 12), (RET, 0, 0, ERRNO),
        (RET, 0, 0, ALLOW)]
buf = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *c) for c in code))
class Prog(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
prog = Prog(len(code), ctypes.cast(buf, ctypes.c_void_p))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(22, 2, ctypes.byref(prog), 0, 0) != 0:  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
    sys.exit(77)
os.execv(sys.argv[1], sys.argv[1:])
"""


class StartTest(EngineTest):
    def prepare(self, **options):
        return self.start_daemon(start=False, **options)

    def refused(self, daemon, code, *words, lines=1):
        """Runs it to its end: the code, the words in what it says, and nothing left."""
        daemon.launch()
        self.assertEqual(daemon.proc.wait(DEADLINE), code, daemon.log())
        said = [line for line in daemon.log().splitlines() if line]
        self.assertEqual(len(said), lines, said)
        for word in words:
            self.assertIn(word, daemon.log())
        self.assertEqual([r for r in daemon.leftovers() if "listener" not in r], [])
        return daemon.log()

    def test_not_root(self):
        drop = ("setpriv", "--bounding-set=-net_admin,-sys_ptrace", "--inh-caps=-net_admin,-sys_ptrace")
        self.refused(self.prepare(wrap=drop), FAILED, "needs root", "sudo")

    def test_a_kernel_without_nfqueue(self):
        d = self.prepare(wrap=(sys.executable, "-c", NO_NETFILTER))
        d.launch()
        if d.proc.wait(DEADLINE) == 77:
            self.skipTest("no seccomp filter here")
        self.assertEqual(d.proc.returncode, FAILED, d.log())
        self.assertIn("NFQUEUE", d.log())
        self.assertIn("nfnetlink_queue", d.log())
        self.assertEqual(len(d.log().splitlines()), 1, d.log())
        self.assertEqual(d.leftovers(), [])

    def test_port_taken(self):
        d = self.prepare()
        with socket.create_server(("127.0.0.1", d.port)):
            self.refused(d, FAILED, f"127.0.0.1 port {d.port}", "another program", "--listen")
        d.start()

    def test_queue_taken(self):
        first = self.start_daemon(config={"default_action": "reject"})
        second = self.prepare(args=["--queue-num", str(first.queue)])
        said = self.refused(second, FAILED, f"{first.queue}", "--queue-num")
        self.assertNotIn("guarding", said)
        # The first one does not notice.
        self.assertEqual(self.puppet().call("tcp", WWW4, 80).error, "ECONNREFUSED")
        self.assertTrue(first.firewall_rules())

    def test_hold_queue_taken(self):
        first = self.start_daemon()
        second = self.prepare(args=["--queue-num", str(first.queue - 1)])
        self.refused(second, FAILED, f"{first.queue}", "--queue-num")
        third = self.prepare(args=["--queue-num", str(first.queue + 1)])
        self.refused(third, FAILED, f"{first.queue + 1}", "--queue-num")

    def test_runs_already(self):
        first = self.start_daemon()
        second = self.prepare()
        second.runtime_dir = first.runtime_dir
        second.launch()
        self.assertEqual(second.proc.wait(DEADLINE), FAILED)
        self.assertIn(f"pid {first.pid()}", second.log())
        self.assertEqual(len(second.log().splitlines()), 1, second.log())
        self.assertEqual(first.status()["engine"]["state"], "ok")

    def test_no_such_namespace(self):
        d = self.prepare(args=["--netns", "opensnitch-no-such-namespace"])
        self.refused(d, FAILED, "opensnitch-no-such-namespace", "ip netns list")
        with open(f"{d.dir}/plain", "w", encoding="ascii"):
            pass
        other = self.prepare(args=["--netns", f"{d.dir}/plain"])
        self.refused(other, FAILED, f"{d.dir}/plain")

    def test_folders_that_cannot_be_used(self):
        for name in ("state_dir", "runtime_dir", "rules_dir"):
            with self.subTest(name):
                d = self.prepare()
                plain = f"{d.dir}/plain"
                with open(plain, "w", encoding="ascii"):
                    pass
                setattr(d, name, plain)
                d.launch()
                self.assertEqual(d.proc.wait(DEADLINE), FAILED, d.log())
                self.assertIn(f"cannot use the folder {plain}", d.log())
                self.assertEqual(len(d.log().splitlines()), 1, d.log())
                self.assertEqual(d.firewall_rules(), [])

    def test_state_folder_of_somebody_else(self):
        d = self.prepare()
        os.mkdir(d.state_dir, 0o700)
        os.chown(d.state_dir, 65534, 65534)
        d.launch()
        self.assertEqual(d.proc.wait(DEADLINE), FAILED, d.log())
        self.assertIn(d.state_dir, d.log())
        self.assertEqual(d.leftovers(), [])

    def test_a_folder_of_other_things_stays_what_it_is(self):
        """As /etc by mistake: it is root's, and it is not given away."""
        d = self.prepare()
        os.mkdir(d.state_dir, 0o755)
        with open(f"{d.state_dir}/passwd", "w", encoding="ascii"):
            pass
        d.launch()
        self.assertEqual(d.proc.wait(DEADLINE), FAILED, d.log())
        self.assertIn(d.state_dir, d.log())
        self.assertEqual(os.stat(d.state_dir).st_uid, 0)
        self.assertEqual(d.leftovers(), [])
        d = self.prepare()
        with open(f"{d.rules_dir}/passwd", "w", encoding="ascii"):
            pass
        os.chown(d.rules_dir, 0, 0)
        d.start()
        self.assertEqual(os.stat(d.rules_dir).st_uid, 0)
        refused = d.api.post("/api/v1/rules", rule("new", "allow", ("dest.port", "1")))
        self.assertEqual(refused.status, 503, refused)

    def test_state_folder_on_a_read_only_disk(self):
        d = self.prepare(wrap=("unshare", "--mount", "--propagation", "slave", "sh", "-c",
                               "mount -t tmpfs -o ro none \"$STATE\" && exec \"$@\"", "sh"))
        os.mkdir(d.state_dir)
        d.wrap = ["env", f"STATE={d.state_dir}", *d.wrap]
        d.launch()
        self.assertEqual(d.proc.wait(DEADLINE), FAILED, d.log())
        self.assertIn(d.state_dir, d.log())
        self.assertEqual(d.leftovers(), [])


class ConfigTest(EngineTest):
    def test_bad_config(self):
        cases = [
            ('{"default_action": "perhaps"}', 1, "default_action"),
            ('{\n "prompt": {\n  "timeout": "5 days"\n }\n}', 3, "prompt.timeout"),
            ('{\n "prompt": {"timeout": "0s"}}', 2, "prompt.timeout"),
            ('{\n "mark_bit": 31}', 2, "mark_bit"),
            ('{\n\n "listen": ["0.0.0.0:80"]}', 3, "listen"),
            ('{\n "colour": "red"}', 2, "colour"),
            ('{\n "fail_closed": "yes"}', 2, "fail_closed"),
            ('{\n "default_action": "allow",\n "default_action": "deny"}', 3, ""),
            ('{\n "default_action": "allow",\n', 3, ""),
            ('[]', 1, ""),
            ('\x00\x01', 1, ""),
        ]
        d = self.start_daemon(start=False)
        for text, line, field in cases:
            for extra in ([], ["--check-config"]):
                with self.subTest(text=text, extra=extra):
                    with open(d.config_path, "w", encoding="utf-8") as f:
                        f.write(text)
                    done = subprocess.run([*d.argv(), *extra], capture_output=True, text=True, timeout=DEADLINE, check=False)
                    self.assertEqual(done.returncode, USAGE, done.stderr)
                    self.assertIn(f"{d.config_path}:{line}: {field}", done.stderr)
        self.assertEqual(d.leftovers(), [])

    def test_a_config_that_is_not_there(self):
        d = self.start_daemon(start=False)
        os.unlink(d.config_path)
        done = subprocess.run(d.argv(), capture_output=True, text=True, timeout=DEADLINE, check=False)
        self.assertEqual(done.returncode, USAGE, done.stderr)
        self.assertIn(d.config_path, done.stderr)

    def test_a_good_config(self):
        d = self.start_daemon(start=False, config={"default_action": "deny", "prompt": {"timeout": "2m"}})
        done = subprocess.run([*d.argv(), "--check-config"], capture_output=True, text=True, timeout=DEADLINE, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("good", done.stdout)
        self.assertFalse(os.path.exists(d.state_dir))

    def test_bad_usage(self):
        d = self.start_daemon(start=False)
        for args in (["--queue-num", "65535"], ["--queue-num", "x"], ["--queue-num", "-1"], ["--nonsense"], ["word"],
                     ["--listen", "192.0.2.1:80"], ["--listen", "127.0.0.1"], ["--log-format", "xml"], ["--netns"]):
            with self.subTest(args):
                done = subprocess.run([d.binary, *args], capture_output=True, text=True, timeout=DEADLINE, check=False)
                self.assertEqual(done.returncode, USAGE, done.stderr)
                self.assertIn(args[0].lstrip("-") if args[0] != "--netns" else "netns", done.stderr)

    def test_json_log(self):
        d = self.start_daemon(args=["--log-format", "json"])
        d.stop()
        lines = [json.loads(line) for line in d.log().splitlines()]
        self.assertTrue(any("guarding" in json.dumps(line) for line in lines))


if __name__ == "__main__":
    tap.main()
