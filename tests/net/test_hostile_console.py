# SPDX-License-Identifier: GPL-2.0-or-later
"""A console that was taken over may change rules and answer prompts; it cannot crash the engine, stop it, or fill its memory."""
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

import lab
import tap
from daemon import Daemon, builddir

GROWTH_KIB = 48 * 1024


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))


@unittest.skipIf(lab.why_not(), lab.why_not())
class HostileConsoleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = cls.enterClassContext(lab.Lab(prefix="hostile"))
        # The engine takes the console that stands beside it.
        cls.bin = cls.enterClassContext(tempfile.TemporaryDirectory())
        os.chmod(cls.bin, 0o755)
        for name, there in (("opensnitchd", "opensnitchd"), ("tests/net/hostile_console", "opensnitch-console"),
                            ("opensnitch-console", "real-console")):
            shutil.copy2(os.path.join(builddir(), name), os.path.join(cls.bin, there))

    def works(self):
        return self.net.run(["curl", "-sS", "-m", "20", "http://www.example.test/"], user="nobody").returncode == 0

    def attack(self, name):
        with Daemon(self.net, start=False) as d:
            d.binary = os.path.join(self.bin, "opensnitchd")
            os.makedirs(d.state_dir)
            os.chmod(d.state_dir, 0o777)
            with open(f"{d.state_dir}/attack", "w", encoding="ascii") as f:
                f.write(name)
            d.launch()
            lab.wait_until(lambda: d.firewall_rules() or not d.is_running(), what="the netfilter rules")
            self.assertTrue(d.is_running(), d.log()[-3000:])
            before = rss_kib(d.pid())
            with open(f"{d.state_dir}/go", "w", encoding="ascii"):
                pass
            lab.wait_until(lambda: os.path.exists(f"{d.state_dir}/attacked") or not d.is_running(), deadline=120,
                           what="the attack to be over")
            self.assertTrue(d.is_running(), d.log()[-3000:])
            # What it said last, that all is allowed, may still be on its way to the engine.
            lab.wait_until(self.works, deadline=120, what="a connection to be let through")
            self.assertLess(rss_kib(d.pid()) - before, GROWTH_KIB)
            n_fds = len(os.listdir(f"/proc/{d.pid()}/fd"))
            self.assertLess(n_fds, 64)
            log = d.log()
            self.assertEqual(d.stop(), 0, d.log()[-3000:])
            self.assertEqual(d.leftovers(), [])
            self.assertNotIn("AddressSanitizer", d.log())
            self.assertNotIn("runtime error", d.log())
            return log

    def test_bytes_of_any_kind(self):
        self.assertIn("malformed message", self.attack("noise"))

    def test_well_formed_messages_with_extreme_values(self):
        self.attack("extremes")

    def test_more_than_can_be_answered(self):
        self.attack("flood")

    def test_rule_sets_that_are_none(self):
        log = self.attack("rulesets")
        self.assertIn("a rule set was refused", log)


if __name__ == "__main__":
    tap.main()
