# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab that all other tests of this folder stand on: it resolves, serves, and leaves nothing behind."""
import json
import os
import signal
import subprocess
import sys
import unittest

HARNESS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness")
sys.path.insert(0, HARNESS)

import lab
import tap


def namespaces(prefix):
    return [n for n in os.listdir(lab.NETNS_DIR) if n.startswith(prefix + "-")]


@unittest.skipIf(lab.why_not(), lab.why_not())
class LabTest(unittest.TestCase):
    PREFIX = "labtest"

    def test_programs_reach_the_world_by_name(self):
        with lab.Lab(prefix=self.PREFIX) as net:
            for url, address in (("http://www.example.test/", "198.51.100.10"),
                                 ("http://v6only.test:8080/", "2001:db8:200::6"),
                                 ("http://shop.test/", "203.0.113.20")):
                done = net.run(["curl", "-sS", "-m", "50", "-4" if "." in address else "-6", url], user="nobody")
                self.assertIn(f"address={address}", done.stdout, done.stderr)
            lab.wait_until(lambda: len(net.arrived(kind="http")) == 3, what="three arrivals")

    def test_tracefs_stays_visible_inside(self):
        if not os.path.isdir("/sys/kernel/tracing/events"):
            self.skipTest("no tracefs on this machine")
        with lab.Lab(prefix=self.PREFIX) as net:
            self.assertIn("events", net.run(["ls", "/sys/kernel/tracing"]).stdout)

    def test_datagrams_come_back_from_the_address_they_went_to(self):
        program = ("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(60);"
                   "s.sendto(b'x', ('198.51.100.40', 9000)); print(s.recvfrom(9)[1][0])")
        with lab.Lab(prefix=self.PREFIX) as net:
            self.assertEqual(net.run([sys.executable, "-c", program]).stdout.strip(), "198.51.100.40")

    def test_an_exception_leaves_nothing(self):
        with self.assertRaises(ZeroDivisionError):
            with lab.Lab(prefix=self.PREFIX + "x") as net:
                directory = net.dir
                raise ZeroDivisionError
        self.assertEqual(namespaces(self.PREFIX + "x"), [])
        self.assertFalse(os.path.exists(directory))

    def serve(self, prefix):
        proc = subprocess.Popen([sys.executable, f"{HARNESS}/lab.py", "serve", "--prefix", prefix, "--no-daemon"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(proc.stdout.close)
        self.addCleanup(proc.stdin.close)
        return proc, json.loads(proc.stdout.readline())

    def test_signals_leave_nothing(self):
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(sig.name):
                prefix = f"{self.PREFIX}{sig.name.lower()}"
                proc, _ = self.serve(prefix)
                self.assertEqual(len(namespaces(prefix)), 2)
                proc.send_signal(sig)
                self.assertNotEqual(proc.wait(90), 0)
                self.assertEqual(namespaces(prefix), [])

    def test_what_a_killed_run_left_is_removed_by_the_next(self):
        prefix = self.PREFIX + "killed"
        proc, _ = self.serve(prefix)
        proc.kill()
        proc.wait()
        left = namespaces(prefix)
        self.assertEqual(len(left), 2)
        with lab.Lab(prefix=prefix):
            self.assertFalse(set(left) & set(namespaces(prefix)))
        self.assertEqual(namespaces(prefix), [])

    def test_serve_obeys_commands(self):
        proc, about = self.serve(self.PREFIX + "serve")
        proc.stdin.write("client --user nobody curl -s http://blog.test/; id -un\nnonsense\n")
        proc.stdin.flush()
        done = json.loads(proc.stdout.readline())
        self.assertEqual((done["ok"], done["code"]), (True, 0), done)
        self.assertIn("hello from blog.test", done["stdout"])
        self.assertIn("nobody", done["stdout"])
        self.assertFalse(json.loads(proc.stdout.readline())["ok"])
        inside = subprocess.run([*about["client_cmd"], "hostname"], stdout=subprocess.PIPE, check=False)
        self.assertEqual(inside.returncode, 0)
        proc.stdin.close()
        self.assertEqual(proc.wait(90), 0)


if __name__ == "__main__":
    tap.main()
