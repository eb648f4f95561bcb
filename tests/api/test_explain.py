#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""POST /api/v1/explain: each rule in order, each comparison with its value and outcome, and what decides."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../harness"))
import tap  # noqa: E402
from daemon import ALLOW_DNS, Daemon, rule  # noqa: E402
from lab import Lab, wait_until, why_not  # noqa: E402

RULES = [
    ALLOW_DNS,
    rule("010-allow-web", "allow", ("process.path", "/usr/bin/curl"), ("dest.port", "80")),
    rule("020-off", "deny", ("true", ""), enabled=False),
    rule("030-deny-ads", "deny", ("dest.host", r"(^|\.)ads\.test$", "regexp")),
    rule("040-allow-net", "allow", ("dest.network", "198.51.100.0/24", "network")),
    rule("050-trusted", "allow", ("process.parent.path", "/usr/sbin/cron"), precedence=True),
    rule("060-reject-all", "reject", ("user.id", "1000")),
]
CURL = {"protocol": "tcp", "dest": {"ip": "198.51.100.10", "port": 80, "host": "www.example.test"},
        "process": {"pid": 7, "path": "/usr/bin/curl", "args": ["curl", "-s", "x"], "uid": 0,
                    "parents": [{"pid": 2, "path": "/usr/bin/bash"}]}}


class Explain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = Lab().start()
        cls.addClassCleanup(cls.net.close)
        cls.d = Daemon(cls.net, rules=RULES)
        cls.addClassCleanup(cls.d.close)

    def explain(self, body, status=200):
        got = self.d.api.post("/api/v1/explain", body)
        self.assertEqual(got.status, status, got)
        return got.json

    def step(self, result, name):
        return next(s for s in result["steps"] if s["rule"] == name)

    def test_the_last_allow_that_matches_decides(self):
        got = self.explain(CURL)
        self.assertEqual((got["action"], got["reason"], got["rule"]), ("allow", "rule", "040-allow-net"))
        self.assertEqual([s["rule"] for s in got["steps"]], sorted(r["name"] for r in RULES))
        self.assertEqual([s["rule"] for s in got["steps"] if s["decided"]], ["040-allow-net"])
        self.assertTrue(self.step(got, "010-allow-web")["matched"])
        self.assertEqual(got["not_reached"], 0)
        self.assertIn("last matching", got["why"])

    def test_each_operand_shows_its_value_and_outcome(self):
        got = self.explain({**CURL, "dest": {"ip": "198.51.100.10", "port": 443}})
        web = self.step(got, "010-allow-web")
        self.assertFalse(web["matched"])
        self.assertEqual([(o["operand"], o["data"], o["value"], o["matched"]) for o in web["operands"]],
                         [("process.path", "/usr/bin/curl", "/usr/bin/curl", True), ("dest.port", "80", "443", False)])
        ads = self.step(got, "030-deny-ads")["operands"][0]
        self.assertEqual((ads["type"], ads["value"], ads["matched"]), ("regexp", None, False))
        parents = self.step(got, "050-trusted")["operands"][0]
        self.assertEqual(parents["value"], "/usr/bin/bash")

    def test_a_deny_decides_at_once(self):
        got = self.explain({"dest": {"host": "Tracker.ADS.test."}})
        self.assertEqual((got["action"], got["rule"]), ("deny", "030-deny-ads"))
        self.assertEqual(got["steps"][-1]["rule"], "030-deny-ads")
        self.assertEqual(got["not_reached"], 3)
        self.assertEqual(got["steps"][-1]["operands"][0]["value"], "tracker.ads.test")

    def test_precedence_decides_at_once(self):
        process = {**CURL["process"], "uid": 1000, "parents": [{"path": "/usr/sbin/cron"}]}
        got = self.explain({**CURL, "process": process})
        self.assertEqual((got["action"], got["rule"]), ("allow", "050-trusted"))
        self.assertIn("precedence", got["why"])

    def test_a_disabled_rule_is_skipped_and_says_so(self):
        off = self.step(self.explain(CURL), "020-off")
        self.assertEqual((off["matched"], off["skipped"], off["operands"]), (False, "it is disabled", []))

    def test_no_rule(self):
        got = self.explain({"protocol": "udp6", "dest": {"ip": "2001:db8::1", "port": 1}})
        self.assertEqual((got["action"], got["reason"], got["rule"], got["asks"]), ("allow", "default", None, False))
        with self.d.events():
            wait_until(lambda: self.d.status()["console"]["clients"], what="the client to count")
            self.assertTrue(self.explain({})["asks"])

    def test_a_recorded_connection(self):
        self.net.run(["curl", "-s", "-4", "http://www.example.test/"])
        made = wait_until(lambda: self.d.api.connections(**{"dest.port": 80}), what="the connection")[0]
        got = self.explain({"connection": made["id"]})
        self.assertEqual((got["action"], got["rule"]), (made["action"], made["rule"]))
        self.assertEqual(got["connection"]["id"], made["id"])
        self.assertEqual(self.step(got, "010-allow-web")["operands"][0]["value"], made["process"]["path"])

    def test_bad_descriptions_name_the_field(self):
        for body, field in [
            ({"dest": {"port": 70000}}, "dest.port"), ({"dest": {"ip": "1.2.3"}}, "dest.ip"), ({"dest": 3}, "dest"),
            ({"protocol": "smoke"}, "protocol"), ({"process": {"args": "x"}}, "process.args"),
            ({"process": {"parents": [{"path": 1}]}}, "process.parents[0].path"), ({"dest": {"host": "a" * 300}}, "dest.host"),
            ({"protocol": "tcp6", "dest": {"ip": "10.0.0.1"}}, "protocol"), ({"connection": "x"}, "connection"),
            ({"connection": 1, "dest": {}}, "connection"), ({"process": {"env": {"A": 1}}}, "process.env"),
        ]:
            with self.subTest(body=body):
                got = self.explain(body, 422)
                self.assertEqual(got["errors"][0]["field"], field)
        self.assertEqual(self.d.api.post("/api/v1/explain", {"connection": 10**9}).status, 404)

    def test_environment_and_digests_can_be_described(self):
        made = self.d.api.post("/api/v1/rules", rule("070-env", "allow", ("process.env.HOME", "/root"),
                                                     duration="1h"))
        self.assertEqual(made.status, 201, made)
        self.addCleanup(self.d.api.delete, "/api/v1/rules/070-env")
        got = self.explain({"process": {"env": {"HOME": "/root"}}})
        self.assertEqual(self.step(got, "070-env")["operands"][0],
                         {"place": "operator", "type": "simple", "operand": "process.env.HOME", "sensitive": False,
                          "data": "/root", "value": "/root", "matched": True})


if __name__ == "__main__":
    if why_not():
        tap.skip_all(why_not())
    tap.main()
