#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""GET /api/v1/rules/report: what is wrong with the rules as a whole, and that each fix mends it."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../harness"))
import tap  # noqa: E402
from daemon import Daemon, rule  # noqa: E402
from lab import Lab, wait_until, why_not  # noqa: E402

RULES = "/api/v1/rules"
CURL, BASH = "/usr/bin/curl", "/usr/bin/bash"


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = Lab().start()
        cls.addClassCleanup(cls.net.close)
        cls.d = Daemon(cls.net)
        cls.addClassCleanup(cls.d.close)

    def setUp(self):
        for r in self.d.api.get(RULES).json["items"]:
            self.d.api.delete(f"{RULES}/{r['name']}")

    def make(self, *rules):
        for r in rules:
            # Made just now, as far as the report can tell: not yet unused.
            made = self.d.api.post(RULES, {k: v for k, v in r.items() if k not in ("created", "updated")})
            self.assertEqual(made.status, 201, made)

    def report(self, **query):
        got = self.d.api.get(f"{RULES}/report", query=query)
        self.assertEqual(got.status, 200, got)
        self.assertTrue(got.json["complete"])
        return got.json["items"]

    def kinds(self):
        return {(i["kind"], i["rule"], i["other"]) for i in self.report()}

    def apply(self, finding):
        fix = finding["fix"]
        got = self.d.api.request(fix["method"], fix["path"], fix["body"])
        self.assertIn(got.status, (200, 204), got)

    def test_good_rules_give_no_findings(self):
        self.make(rule("1", "allow", ("process.path", CURL), ("dest.host", "a.test")),
                  rule("2", "deny", ("process.path", CURL), ("dest.host", "b.test")),
                  rule("3", "allow", ("process.path", BASH), ("dest.port", "443")))
        self.assertEqual(self.report(), [])

    def test_shadowed_by_a_wider_deny_wherever_it_stands(self):
        self.make(rule("1-narrow", "allow", ("process.path", CURL), ("dest.host", "a.test"), ("dest.port", "443")),
                  rule("2-wide", "deny", ("process.path", CURL), ("dest.host", r"\.test$", "regexp")))
        self.assertEqual(self.kinds(), {("shadowed", "1-narrow", "2-wide")})

    def test_a_deny_is_not_shadowed_by_a_later_one(self):
        self.make(rule("1-deny", "reject", ("process.path", CURL), ("dest.port", "443")),
                  rule("2-wide", "deny", ("process.path", CURL)))
        self.assertEqual(self.kinds(), set())

    def test_a_deny_behind_an_allow_with_precedence(self):
        self.make(rule("1-first", "allow", ("process.path", CURL), precedence=True),
                  rule("2-deny", "deny", ("process.path", CURL), ("dest.network", "10.1.0.0/16", "network")))
        self.assertEqual(self.kinds(), {("shadowed", "2-deny", "1-first")})

    def test_networks_ranges_and_case(self):
        self.make(rule("1", "allow", ("process.path", CURL), ("dest.network", "10.1.2.0/24", "network"),
                       ("dest.port", "80-90", "range")),
                  rule("2", "allow", ("process.path", CURL), ("dest.network", "10.0.0.0/8", "network"),
                       ("dest.port", "1-1024", "range")),
                  rule("3", "allow", ("process.path", CURL), ("dest.ip", "10.200.0.1"), ("dest.port", "99")),
                  rule("4", "allow", ("process.path", CURL.upper()), ("dest.ip", "10.9.9.9"), ("dest.port", "1025")))
        self.assertEqual({k for k in self.kinds() if k[0] != "missing_program"},
                         {("redundant", "1", "2"), ("redundant", "3", "2")})

    def test_of_duplicates_only_the_later_one_goes(self):
        self.make(rule("1", "deny", ("process.path", CURL), ("dest.port", "80")),
                  rule("2", "deny", ("dest.port", "80"), ("process.path", CURL)))
        finding = self.report()[0]
        self.assertEqual((finding["kind"], finding["rule"], finding["other"]), ("duplicate", "2", "1"))
        self.apply(finding)
        self.assertEqual(self.report(), [])
        self.assertEqual(self.d.api.rule("1").status, 200)

    def test_contradiction(self):
        self.make(rule("1", "allow", ("process.path", CURL), ("dest.port", "80")),
                  rule("2", "deny", ("process.path", CURL), ("dest.port", "80")))
        self.assertEqual(self.kinds(), {("contradiction", "1", "2")})

    def test_a_rule_that_can_never_match(self):
        self.make(rule("1", "allow", ("dest.host", "a.test"), ("dest.host", r"\.example$", "regexp"),
                       ("process.path", CURL)),
                  rule("2", "allow", ("dest.ip", "192.0.2.1"), ("dest.network", "10.0.0.0/8", "network")),
                  rule("3", "allow", ("dest.port", "80"), ("dest.port", "81"), ("process.path", CURL)),
                  rule("6", "allow", ("dest.port", "65536"), ("process.path", CURL)),
                  # These can: another spelling, and two ancestors.
                  rule("4", "allow", ("process.path", "/USR/bin/curl"), ("process.path", CURL, "simple", True),
                       ("dest.port", "5")),
                  rule("5", "allow", ("process.parent.path", BASH), ("process.parent.path", "/usr/bin/python3")))
        found = [i for i in self.report() if i["kind"] == "never_matches"]
        self.assertEqual(sorted(i["rule"] for i in found), ["1", "2", "3", "6"])
        self.apply(found[0])
        self.assertFalse(self.d.api.rule(found[0]["rule"]).json["enabled"])

    def test_a_program_that_is_gone(self):
        self.make(rule("1", "allow", ("process.path", "/usr/bin/not-installed-here"), ("dest.port", "80")))
        self.assertEqual(self.kinds(), {("missing_program", "1", None)})

    def test_a_program_that_changed_since(self):
        with tempfile.NamedTemporaryFile() as program:
            self.make(rule("1", "allow", ("process.path", program.name), ("dest.port", "80")))
            self.assertEqual(self.kinds(), set())
            # The time of an inode is coarse.
            wait_until(lambda: os.chmod(program.name, 0o700) or self.kinds() == {("changed_program", "1", None)},
                       what="the change to be told")
            self.apply(self.report()[0])
            self.assertEqual(self.kinds(), set(), "kept: it stands for the program as it is")

    def test_too_wide(self):
        self.make(rule("1", "allow", ("dest.port", "443"), ("protocol", "tcp")), rule("2", "deny", ("dest.port", "25")))
        self.assertEqual(self.kinds(), {("too_wide", "1", None)})

    def test_about_to_end(self):
        self.make(rule("1", "allow", ("process.path", CURL), duration="30m"),
                  rule("2", "allow", ("process.path", BASH), duration="12h"))
        finding = self.report()[0]
        self.assertEqual((finding["kind"], finding["rule"]), ("ending", "1"))
        self.apply(finding)
        self.assertEqual(self.d.api.rule("1").json["duration"], "always")
        self.assertEqual(self.report(), [])

    def test_a_temporary_rule_makes_no_lasting_one_needless(self):
        self.make(rule("1", "allow", ("process.path", CURL), ("dest.port", "80")),
                  rule("2", "allow", ("process.path", CURL), duration="12h"))
        self.assertEqual(self.kinds(), set())

    def test_unused(self):
        old = rule("1", "allow", ("process.path", CURL), created="2020-01-01T00:00:00Z")
        self.assertEqual(self.d.api.post(RULES, old).status, 201)
        self.assertEqual(self.kinds(), {("unused", "1", None)})

    def test_disabled_rules_do_nothing_and_count_for_nothing(self):
        self.make(rule("1", "allow", ("process.path", CURL), ("dest.port", "80")),
                  rule("2", "deny", ("process.path", CURL), enabled=False))
        self.assertEqual(self.kinds(), set())

    def test_many_rules(self):
        many = [rule(f"{i:05}", "deny", ("dest.host", f"h{i // 2}.ads.test")) for i in range(600)]
        for r in many:
            self.d.write_rule(r)
        # What the next test finds must not depend on when the console looks.
        self.addCleanup(lambda: wait_until(lambda: not self.d.api.get(RULES).json["items"], what="the end of all rules"))
        self.addCleanup(lambda: [os.unlink(f"{self.d.rules_dir}/{r['name']}.json") for r in many])
        self.d.stop()
        self.d.start()
        found = [i for i in self.report() if i["kind"] == "duplicate"]
        self.assertEqual(len(found), 300)

    def test_refusals(self):
        for query in ({"days": "0"}, {"days": "x"}, {"day": "3"}):
            self.assertEqual(self.d.api.get(f"{RULES}/report", query=query).status, 422)


if __name__ == "__main__":
    if why_not():
        tap.skip_all(why_not())
    tap.main()
