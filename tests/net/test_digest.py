# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules by the digest of the executed file: the packet waits until the file is read, and another file never gets its answer."""
import hashlib
import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

import lab
import tap
from daemon import ALLOW_DNS, Daemon, rule

CURL = shutil.which("curl") or ""
BASH = shutil.which("bash")


def digest(algorithm):
    with open(CURL, "rb") as f:
        return hashlib.new(algorithm, f.read()).hexdigest()


@unittest.skipIf(lab.why_not() or not CURL, lab.why_not() or "curl is not installed")
class DigestTest(unittest.TestCase):
    def test_rules_decide_by_digest(self):
        rules = [ALLOW_DNS,
                 rule("100-other", "reject", ("process.hash.sha256", "0" * 64)),
                 rule("200-md5", "reject", ("process.hash.md5", digest("md5")), ("dest.port", "80")),
                 rule("300-sha1", "reject", ("process.hash.sha1", digest("sha1")), ("dest.port", "9000")),
                 rule("400-sha256", "allow", ("process.hash.sha256", digest("sha256")))]
        with lab.Lab(prefix="digest") as net, Daemon(net, config={"default_action": "allow"}, rules=rules) as daemon, \
                daemon.events("connection") as events:
            for port, want in ((80, ("200-md5", "reject")), (9000, ("300-sha1", "reject")),
                               (8080, ("400-sha256", "allow"))):
                # The very first connection of this program waits for the digest.
                net.run([CURL, "-s", "-m", "50", f"http://198.51.100.10:{port}/"])
                event = events.wait_for("connection", where=lambda c, p=port: c["dest"]["port"] == p)
                self.assertEqual((event.data["rule"], event.data["action"]), want)
            done = net.run([sys.executable, "-c", "import socket; socket.create_connection(('198.51.100.11', 80), 50)"])
            self.assertEqual(done.returncode, 0, done.stderr)
            event = events.wait_for("connection", where=lambda c: c["dest"]["ip"] == "198.51.100.11")
            self.assertFalse(event.data["rule"], "another program matched by the digest of curl")

    def test_a_new_rule_by_digest_decides_what_is_held(self):
        config = {"prompt_without_clients": True, "prompt": {"timeout": "120s"}}
        with lab.Lab(prefix="digest") as net, Daemon(net, config=config, rules=[ALLOW_DNS]) as daemon, \
                daemon.events("prompt.opened", "connection") as events:
            curl = net.popen([CURL, "-s", "-m", "60", "http://198.51.100.10/"])
            events.wait_for("prompt.opened")
            # Nobody has asked for a digest yet: it comes after the rule.
            made = daemon.api.post("/api/v1/rules", rule("100-sha256", "allow", ("process.hash.sha256", digest("sha256"))))
            self.assertEqual(made.status, 201, made)
            event = events.wait_for("connection", where=lambda c: c["dest"]["ip"] == "198.51.100.10")
            self.assertEqual((event.data["action"], event.data["reason"], event.data["rule"]), ("allow", "rule", "100-sha256"))
            self.assertEqual(curl.wait(lab.DEADLINE), 0)

    @unittest.skipUnless(BASH, "bash is not installed")
    def test_datagrams_that_wait_for_a_digest_join_one_prompt(self):
        rules = [ALLOW_DNS, rule("100-other", "reject", ("process.hash.sha256", "0" * 64))]
        config = {"default_action": "allow", "prompt_without_clients": True, "prompt": {"timeout": "120s"}}
        with lab.Lab(prefix="digest") as net, Daemon(net, config=config, rules=rules) as daemon, \
                daemon.events("prompt.opened", "connection") as events:
            program = os.path.join(net.dir, "slow")
            shutil.copy(BASH, program)
            # The longer it takes to read, the surer is that both wait for it.
            os.truncate(program, 100 << 20)
            net.popen([program, "-c", "exec 3<>/dev/udp/198.51.100.40/9000; echo one >&3; echo two >&3; read -t 300 -u 3"])
            prompt = events.wait_for("prompt.opened").data
            lab.wait_until(lambda: daemon.api.get(f"/api/v1/prompts/{prompt['id']}").json["held"] == 2, what="both to be held")
            self.assertEqual(net.arrived(kind="udp"), [], "one went through while it was asked about")
            daemon.api.post(f"/api/v1/prompts/{prompt['id']}/answer", {"action": "deny", "duration": "once"})
            event = events.wait_for("connection", where=lambda c: c["dest"]["port"] == 9000)
            self.assertEqual((event.data["action"], event.data["reason"]), ("deny", "answer"))


if __name__ == "__main__":
    tap.main()
