#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Export and import of rules: OpenSnitch's format, all of it or nothing."""
import os

from kit import V1, ALLOW_DNS, ApiCase, rule
import tap


class TestTransfer(ApiCase):
    def setUp(self):
        self.addCleanup(self.forget_rules)

    def forget_rules(self):
        for item in self.api.get(f"{V1}/rules?limit=1000").json["items"]:
            if item["name"] != "000-allow-dns":
                self.api.delete(f"{V1}/rules/{item['name']}")

    def names(self):
        return [r["name"] for r in self.api.get(f"{V1}/rules?limit=1000").json["items"]]

    def bring(self, rules, **query):
        return self.api.post(f"{V1}/rules/import", rules, query=query)

    def test_round_trip(self):
        rules = [rule("a", "deny", ("dest.host", "x.test"), ("dest.port", "80")), rule("b", "allow", ("true", ""), duration="1h"),
                 rule("c", "reject", ("dest.network", "10.0.0.0/8", "network"), enabled=False, description="why", custom=[1])]
        with self.daemon.events("rule.created") as events:
            got = self.assert_status(self.bring(rules), 200).json
            events.wait_for("rule.created", skip=2)
        self.assertEqual(got, {"dry_run": False, "created": ["a", "b", "c"], "replaced": [], "warnings": []})
        out = self.assert_status(self.api.get(f"{V1}/rules/export"), 200)
        self.assertIn("attachment", out.headers["Content-Disposition"])
        self.assertEqual([r["name"] for r in out.json], ["000-allow-dns", "a", "b", "c"])
        by_name = {r["name"]: r for r in out.json}
        for wanted in rules:
            for key in set(wanted) - {"operator", "updated", "created"}:
                self.assertEqual(by_name[wanted["name"]][key], wanted[key], key)
            self.assertNotIn("hits", by_name[wanted["name"]])
        self.forget_rules()
        self.assert_status(self.bring([r for r in out.json if r["name"] != "000-allow-dns"]), 200)
        again = self.api.get(f"{V1}/rules/export").json
        for r in again + out.json:
            r.pop("updated")
        self.assertEqual(again, out.json)
        self.assertIn("a.json", self.daemon.rule_files())

    def test_what_came_in_decides(self):
        self.assert_status(self.bring([rule("no-web", "reject", ("dest.port", "80"))]), 200)
        self.visit(code=7)

    def test_one_bad_rule_and_nothing_comes_in(self):
        good = rule("good", "deny", ("dest.port", "1"))
        bad = {**rule("bad", "deny", ("dest.host", "(", "regexp"))}
        for rules, field in (([good, bad], "[1].operator.data"), ([bad, good], "[0].operator.data"), ([good, good], "[1].name"),
                             ([good, {**good, "name": "x", "action": "ask"}], "[1].action"), ([good, 5], "[1]"), ([good, None], "[1]"),
                             ([good, rule("x", "deny", ("dest.port", "1"), duration="once")], "[1].duration"), ({"rules": [good]}, "")):
            with self.subTest(field=field):
                self.assert_problem(self.bring(rules), 422, field=field)
                self.assertEqual(self.names(), ["000-allow-dns"])
        several = self.assert_problem(self.bring([bad, good, {**bad, "name": "b2"}]), 422)
        self.assertEqual([e["field"] for e in several["errors"]], ["[0].operator.data", "[2].operator.data"])

    def test_names_that_are_taken(self):
        mine = rule("new", "deny", ("dest.port", "1"))
        taken = rule("000-allow-dns", "allow", ("dest.port", "53"), description="from the import")
        self.assert_problem(self.bring([mine, taken]), 409, field="[1].name")
        self.assertEqual(self.names(), ["000-allow-dns"])
        got = self.assert_status(self.bring([mine, taken], replace="true"), 200).json
        self.assertEqual((got["created"], got["replaced"]), (["new"], ["000-allow-dns"]))
        self.assertEqual(self.api.rule("000-allow-dns").json["description"], "from the import")
        self.assert_status(self.bring([ALLOW_DNS], replace="true"), 200)
        self.assert_problem(self.bring([], replace="yes"), 422, field="replace")

    def test_a_dry_run_changes_nothing(self):
        rules = [rule("dry", "deny", ("dest.port", "1")), ALLOW_DNS]
        got = self.assert_status(self.bring(rules, replace="true", dry_run="true"), 200).json
        self.assertEqual(got, {"dry_run": True, "created": ["dry"], "replaced": ["000-allow-dns"], "warnings": []})
        self.assertEqual(self.names(), ["000-allow-dns"])

    def test_a_file_name_that_is_taken(self):
        os.mkdir(f"{self.daemon.rules_dir}/r2.json")
        self.addCleanup(os.rmdir, f"{self.daemon.rules_dir}/r2.json")
        rules = [rule(f"r{n}", "deny", ("dest.port", "1")) for n in range(4)]
        before = self.daemon.rule_files()
        self.assert_status(self.bring(rules), 200)
        self.assertEqual(self.names(), ["000-allow-dns", "r0", "r1", "r2", "r3"])
        self.assertEqual(len(self.daemon.rule_files()), len(before) + 4)

    def test_a_rules_folder_that_cannot_be_written(self):
        taken = rule("000-allow-dns", "allow", ("dest.port", "53"), description="changed")
        os.chmod(self.daemon.rules_dir, 0o500)
        self.addCleanup(os.chmod, self.daemon.rules_dir, 0o755)
        got = self.bring([rule("t", "deny", ("dest.port", "1"), duration="1h"), taken, rule("n", "deny", ("dest.port", "1"))],
                         replace="true")
        self.assertIn(got.status, (403, 503), got)
        self.assertEqual(self.names(), ["000-allow-dns"])
        self.assertEqual(self.api.rule("000-allow-dns").json["description"], "")

    def test_what_opensnitch_would_match_otherwise_is_told(self):
        patterns = {r"a(?=b)": True, r"(?<!x)y": True, r"(a)\1": True, r"a++": True, r"(?>a)": True, r"\Ka": True, r"a{1,1001}": True,
                    r"(?P>x)?(?P<x>y)": True, r"\v": True, r"a|b*?": False, r"^(\w+\.)?example\.com$": False, r"[\d(?=]+x": False,
                    r"(?i)a{2,3}?": False, r"\Q(?=\E": False, r"(?:a|b)+": False, r"(?P<n>a)": False, r"[[:alpha:]]+\.": False,
                    r"\\1": False, r"a{,5}": False}
        rules = [rule(f"p{n:02}", "deny", ("dest.host", p, "regexp"), ("process.path", p, "regexp")) for n, p in enumerate(patterns)]
        accepted = [n for n, r in enumerate(rules) if self.bring([r], dry_run="true").status == 200]
        for n, (pattern, differs) in enumerate(patterns.items()):
            if n not in accepted:
                self.assertTrue(differs, f"{pattern} is refused")
                continue
            with self.subTest(pattern=pattern):
                told = self.bring([rules[n]], dry_run="true").json["warnings"]
                places = ["[0].operator.list[0].data", "[0].operator.list[1].data"]
                self.assertEqual([w["field"] for w in told], places if differs else [])
        self.assertGreater(len(accepted), 10)


class TestMany(ApiCase):
    def test_a_thousand_rules_at_once(self):
        rules = [rule(f"m{n:04}", "deny", ("dest.host", f"h{n}.test")) for n in range(1000)]
        got = self.assert_status(self.api.post(f"{V1}/rules/import", rules), 200).json
        self.assertEqual(len(got["created"]), 1000)
        self.assertEqual(len(self.daemon.rule_files()), 1001)
        self.daemon.kill_engine()
        self.daemon.start()
        self.assertEqual(len(self.daemon.api.get(f"{V1}/rules/export").json), 1001)
        self.assertEqual(self.daemon.api.get(f"{V1}/rules").json["problems"], [])


if __name__ == "__main__":
    tap.main()
