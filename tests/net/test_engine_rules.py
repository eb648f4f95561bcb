# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules on real traffic: OpenSnitch's order, every duration, what stays on disk, and what a changed set does."""
import datetime
import json
import os
import shutil
import sqlite3
import time

from engine_kit import ALLOW_DNS, CURL, NEWS4, PYTHON, TIME4, WWW4, WWW6, EngineTest, tap, wait_until

from daemon import rule

TIMED = {"30s": 30, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "12h": 43200}
TO_WWW = ("dest.ip", WWW4)


class OrderTest(EngineTest):
    """The first match that denies, rejects or has precedence decides at once; otherwise the last allow that matched."""

    def decide(self, d, program, expected):
        """(action, rule) of one connection to WWW4, of which this is expected."""
        seen = len(d.api.connections(limit=1000))
        error = program.call("tcp", WWW4, 80, timeout=0.3 if expected[0] == "deny" else 40).error
        c = self.connections(d, seen + 1, limit=1000)[0]
        self.assertEqual(error, {"allow": None, "deny": "timeout", "reject": "ECONNREFUSED"}[c["action"]])
        return c["action"], c["rule"]

    def test_order_and_precedence(self):
        cases = [
            ([("a", "allow", {}), ("b", "allow", {})], ("allow", "b")),
            ([("a", "allow", {}), ("b", "reject", {})], ("reject", "b")),
            ([("a", "reject", {}), ("b", "allow", {})], ("reject", "a")),
            ([("a", "allow", {"precedence": True}), ("b", "reject", {})], ("allow", "a")),
            ([("a", "allow", {}), ("b", "allow", {"precedence": True}), ("c", "deny", {})], ("allow", "b")),
            ([("a", "deny", {}), ("b", "allow", {"precedence": True})], ("deny", "a")),
            ([("a", "deny", {"enabled": False}), ("b", "allow", {})], ("allow", "b")),
            # bytewise: digits before capitals before small letters
            ([("b", "allow", {}), ("B", "allow", {}), ("0", "allow", {})], ("allow", "b")),
            ([("b", "reject", {}), ("B", "deny", {}), ("0", "allow", {})], ("deny", "B")),
        ]
        d = self.start_daemon(config={"default_action": "reject"}, rules=[])
        program = self.puppet()
        for rules, expected in cases:
            with self.subTest(str(rules)):
                for name, action, more in rules:
                    got = d.api.post("/api/v1/rules", rule(name, action, TO_WWW, duration="until restart", **more))
                    self.assertEqual(got.status, 201, got)
                self.assertEqual(self.decide(d, program, expected), expected)
                for name, _, _ in rules:
                    self.assertEqual(d.api.delete(f"/api/v1/rules/{name}").status, 204)

    def test_every_kind_of_operator(self):
        uid = "65534"
        matching = [
            ("true", ""), ("process.path", PYTHON), ("process.path", r"^/usr/bin/python3", "regexp"),
            ("process.parent.path", r"/python3(\.[0-9]+)?$", "regexp"), ("process.command", " -u -c ", "regexp"),
            ("user.id", uid), ("user.name", "nobody"), ("dest.ip", WWW4), ("dest.network", "198.51.100.0/24", "network"),
            ("dest.port", "80"), ("protocol", "tcp"), ("source.ip", "10.203.0.2"), ("iface.out", "eth0"),
        ]
        others = [
            ("process.path", CURL), ("process.path", r"^/opt/", "regexp"), ("user.id", "0"), ("user.name", "root"),
            ("dest.ip", NEWS4), ("dest.network", "198.51.0.0/24", "network"), ("dest.port", "8080"), ("protocol", "udp"),
            ("protocol", "tcp6"), ("source.ip", "10.203.0.3"), ("iface.out", "lo"), ("dest.host", "www.example.test"),
        ]
        d = self.start_daemon(config={"default_action": "reject"}, rules=[])
        program = self.puppet()
        for expected, operators in ((("allow", "r"), matching), (("reject", None), others)):
            for o in operators:
                with self.subTest(str(o)):
                    got = d.api.post("/api/v1/rules", rule("r", "allow", o, duration="until restart"))
                    self.assertEqual(got.status, 201, got)
                    self.assertEqual(self.decide(d, program, expected), expected)
                    d.api.delete("/api/v1/rules/r")

    def test_a_list_wants_all_of_its_operators(self):
        d = self.start_daemon(config={"default_action": "reject"}, rules=[])
        program = self.puppet()
        for port, expected in (("80", ("allow", "r")), ("81", ("reject", None))):
            body = rule("r", "allow", ("process.path", PYTHON), TO_WWW, ("dest.port", port), duration="until restart")
            self.assertEqual(d.api.post("/api/v1/rules", body).status, 201)
            self.assertEqual(self.decide(d, program, expected), expected)
            d.api.delete("/api/v1/rules/r")

    def test_host_rules_follow_names(self):
        d = self.start_daemon(config={"default_action": "reject"},
                              rules=[ALLOW_DNS, rule("hosts", "allow", ("dest.host", r"(^|\.)example\.test$", "regexp"))])
        self.assert_curl(self.curl("-4", "http://www.example.test/"), "hello from www.example.test")
        self.assert_curl(self.curl("-6", "http://news.example.test/"), "hello from news.example.test")
        self.assert_curl(self.curl("http://tracker.ads.test/"), code=7)

    def test_a_changed_set_decides_anew(self):
        """What was allowed by a rule is asked about again once the rule is gone; a new datagram of a denied flow is let through."""
        d = self.start_daemon(config={"default_action": "reject"}, rules=[rule("r", "deny", ("dest.ip", TIME4))])
        program = self.puppet()
        program.call("udp", "u", TIME4)
        program.call("send", "u", "one")
        self.assertEqual(program.call("receive", "u", timeout=0.2).error, "timeout")
        self.assertEqual(d.api.patch("/api/v1/rules/r", {"action": "allow"}).status, 200)
        program.call("send", "u", "two")
        self.assertEqual(program.call("receive", "u").value, "two")
        self.assertEqual(d.api.delete("/api/v1/rules/r").status, 204)
        self.assertEqual(program.call("tcp", TIME4, 80).error, "ECONNREFUSED")

    def test_hits_and_unrecorded_rules(self):
        d = self.start_daemon(rules=[rule("quiet", "allow", TO_WWW, nolog=True), rule("loud", "allow", ("dest.ip", NEWS4))])
        program = self.puppet()
        for _ in range(3):
            self.assertIsNone(program.call("tcp", WWW4, 80).error)
        self.assertIsNone(program.call("tcp", NEWS4, 80).error)
        self.connections(d, 1)
        self.assertEqual([c["rule"] for c in d.api.connections()], ["loud"])
        wait_until(lambda: d.api.rule("quiet").json["hits"] == 3, what="hits of a rule that is not recorded")
        got = d.api.rule("loud").json
        self.assertEqual((got["hits"], bool(got["last_hit"])), (1, True))


class DurationTest(EngineTest):
    def ask(self, d, events, program, duration, host=WWW4, port=80):
        seen = len(events.all("prompt.opened"))
        program.begin("tcp", host, port)
        prompt = events.wait_for("prompt.opened", skip=seen).data
        got = self.answer(d, prompt, "allow", duration)
        self.assertIsNone(program.result().error)
        return got["rule"]

    def assert_asks(self, d, events, program, host=WWW4, port=80):
        seen = len(events.all("prompt.opened"))
        program.begin("tcp", host, port)
        self.answer(d, events.wait_for("prompt.opened", skip=seen).data, "reject")
        self.assertEqual(program.result().error, "ECONNREFUSED")

    def test_every_duration(self):
        d = self.start_daemon()
        events = self.watch(d)
        program = self.puppet()
        self.assertIsNone(self.ask(d, events, program, "once"))
        self.assert_asks(d, events, program)
        for n, duration in enumerate([*TIMED, "until restart", "always"]):
            with self.subTest(duration):
                before = time.time()
                made = self.ask(d, events, program, duration, port=(80, 8080)[n % 2], host=(WWW4, NEWS4, WWW6, TIME4)[n // 2])
                self.assertEqual(made["duration"], duration)
                self.assertIsNone(program.call("tcp", (WWW4, NEWS4, WWW6, TIME4)[n // 2], (80, 8080)[n % 2]).error)
                if duration in TIMED:
                    ends = datetime.datetime.fromisoformat(made["expires"].replace("Z", "+00:00")).timestamp()
                    self.assertLessEqual(before + TIMED[duration] - 1, ends)
                    self.assertLessEqual(ends, time.time() + TIMED[duration] + 1)
                else:
                    self.assertIsNone(made["expires"])
                is_file = f"{made['name']}.json" in d.rule_files()
                self.assertEqual(is_file, duration == "always")
        self.assertEqual(len(events.all("prompt.opened")), 10)

    def test_a_restart_ends_what_shall_not_outlive_it(self):
        d = self.start_daemon()
        program = self.puppet()
        with d.events() as events:
            self.wait_clients(d, 1)
            names = {t: self.ask(d, events, program, t, port=p, host=h)["name"] for t, h, p in
                     (("until restart", WWW4, 80), ("1h", WWW4, 8080), ("always", NEWS4, 80))}
        d.stop()
        d.start()
        self.assertEqual(d.api.rule(names["until restart"]).status, 404)
        self.assertEqual([d.api.rule(names[t]).status for t in ("1h", "always")], [200, 200])
        events = self.watch(d)
        self.assertIsNone(program.call("tcp", WWW4, 8080).error)
        self.assertIsNone(program.call("tcp", NEWS4, 80).error)
        self.assertEqual(events.all("prompt.opened"), [])
        self.assert_asks(d, events, program)

    def test_time_ends_a_rule(self):
        d = self.start_daemon()
        program = self.puppet()
        for seconds in (3, 10, 30, 90):
            with d.events() as events:
                self.wait_clients(d, 1)
                name = self.ask(d, events, program, "30m")["name"]
            # Half an hour is long for a test: while nobody looks the end is moved near.
            d.stop()
            with sqlite3.connect(f"{d.state_dir}/opensnitch.db") as db:
                db.execute("UPDATE rules SET expires_us = ? WHERE name = ?", (int((time.time() + seconds) * 1e6), name))
            db.close()
            d.start()
            events = self.watch(d)
            if d.api.rule(name).status == 200:
                break  # else the start took longer: once more, with more time
        events.wait_for("rule.deleted", lambda r: r["name"] == name, deadline=seconds + 60)
        self.assertEqual(d.api.rule(name).status, 404)
        self.assert_asks(d, events, program)


class FileTest(EngineTest):
    def test_an_answer_for_always_is_a_file_that_decides_after_a_restart(self):
        d = self.start_daemon(config={"default_action": "deny"})
        with d.events() as events:
            self.wait_clients(d, 1)
            curl = self.curl("-4", "http://www.example.test/")
            made = self.answer(d, events.wait_for("prompt.opened").data, "allow", "always")["rule"]
            self.assert_curl(curl, "hello")
        with open(f"{d.rules_dir}/{made['name']}.json", encoding="utf-8") as f:
            stored = json.load(f)
        self.assertEqual({o["operand"]: o["data"] for o in stored["operator"]["list"]},
                         {"process.path": CURL, "dest.host": "www.example.test", "dest.port": "80"})
        self.assertEqual((stored["action"], stored["duration"], stored["enabled"]), ("allow", "always", True))
        d.stop()
        # The database may go, the file is the rule.
        shutil.rmtree(d.state_dir)
        d.start()
        self.assert_curl(self.curl("-4", "http://www.example.test/"), "hello")
        c = self.connections(d, 1, **{"dest.port": 80})[0]
        self.assertEqual((c["reason"], c["rule"]), ("rule", made["name"]))
        self.assertEqual(d.api.delete(f"/api/v1/rules/{made['name']}").status, 204)
        self.assertNotIn(f"{made['name']}.json", d.rule_files())
        self.assert_curl(self.curl("-4", "-m", "1", "http://www.example.test/"), code=28)

    def test_files_are_read_live_and_a_bad_one_is_skipped(self):
        d = self.start_daemon(config={"default_action": "reject"})
        events = self.watch(d, "alert", "rule.created", "rule.updated", "rule.deleted")
        program = self.puppet()
        self.assertEqual(program.call("tcp", WWW4, 80).error, "ECONNREFUSED")
        d.write_rule(rule("file", "allow", TO_WWW))
        events.wait_for("rule.created", lambda r: r["name"] == "file")
        self.assertIsNone(program.call("tcp", WWW4, 80).error)
        with open(f"{d.rules_dir}/bad.json", "w", encoding="utf-8") as f:
            f.write('{"name": "bad", "action": "allow", "operator": ')
        events.wait_for("alert", lambda a: "bad.json" in json.dumps(a))
        self.assertIsNone(program.call("tcp", WWW4, 8080).error)
        os.unlink(f"{d.rules_dir}/file.json")
        events.wait_for("rule.deleted", lambda r: r["name"] == "file")
        self.assertEqual(program.call("tcp", WWW4, 80).error, "ECONNREFUSED")


if __name__ == "__main__":
    tap.main()
