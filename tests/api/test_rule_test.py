#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""POST /api/v1/rules/test: candidates against described connections and against the recorded history."""
import json
import os
import random
import re
import shutil
import sqlite3
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../harness"))
import tap  # noqa: E402
from daemon import ALLOW_DNS, Daemon, rule  # noqa: E402
from lab import Lab, wait_until, why_not  # noqa: E402

PATH = "/api/v1/rules/test"
RULES = [
    ALLOW_DNS,
    rule("010-curl", "allow", ("process.path", "/usr/bin/curl")),
    rule("020-ads", "deny", ("dest.host", r"(^|\.)ads\.test$", "regexp")),
]
ROWS = 30000
HOUR_US = 3600 * 10**6


def text_id(db, text):
    # Far from the ids that the daemon gives.
    found = db.execute("SELECT max(1000000, max(id)) + 1 FROM strings").fetchone()[0]
    db.execute("INSERT INTO strings (id, hash, last_id, text) VALUES (?, 0, ?, ?)", (found, 10**12, text))
    return found


def fill(path, count, before_us):
    """Puts rows of made-up programs into the history; returns them as (program, host, port, action)."""
    db = sqlite3.connect(path, timeout=60)
    rnd = random.Random(4)
    ids = {t: text_id(db, t) for t in ["/opt/a", "/opt/b", "10.9.9.9"] + [f"h{i}.corp.test" for i in range(40)]}
    first = db.execute("SELECT max(id) FROM connections").fetchone()[0] + 1
    made = []
    for i in range(count):
        program, host = rnd.choice(["/opt/a", "/opt/b"]), f"h{rnd.randrange(40)}.corp.test"
        port, action = rnd.choice([80, 443, 5222]), rnd.choice([0, 0, 1])
        made.append((program, host, port, action))
        db.execute(
            "INSERT INTO connections (id, time_us, protocol, action, reason, src_port, dst_port, uid, pid, method,"
            " confidence, host_source, latency_us, held, src_ip, dst_ip, host, path) VALUES"
            " (?, ?, 6, ?, 2, 1025, ?, 1000, ?, 1, 3, 1, 50, 1, ?, ?, ?, ?)",
            (first + i, before_us - count + i, action, port, 100 + i % 7, ids["10.9.9.9"], ids["10.9.9.9"], ids[host],
             ids[program]))
    db.commit()
    db.close()
    return made


class RuleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = Lab().start()
        cls.addClassCleanup(cls.net.close)
        cls.d = Daemon(cls.net, rules=RULES)
        cls.addClassCleanup(cls.d.close)
        cls.started = time.time()
        for host in ("www.example.test", "www.example.test"):
            cls.net.run(["curl", "-s", "-4", "-m", "50", f"http://{host}/"])
        denied = cls.net.popen(["curl", "-s", "-4", "-m", "50", "http://tracker.ads.test/"])
        wait_until(lambda: len(cls.web()) == 3, what="three recorded connections")
        denied.kill()
        denied.communicate()
        # An hour ago, so that the two halves can be asked for apart.
        cls.middle_us = int(cls.started * 10**6) - HOUR_US
        cls.made = fill(f"{cls.d.state_dir}/opensnitch.db", ROWS, cls.middle_us)

    @classmethod
    def web(cls):
        return cls.d.api.connections(**{"dest.port": 80, "process.path": "/usr/bin/curl"})

    def when(self, us):
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(us // 10**6)) + f".{us % 10**6:06d}Z"

    def ask(self, status=200, **body):
        got = self.d.api.post(PATH, body)
        self.assertEqual(got.status, status, got)
        return got.json

    def recent(self, **body):
        return self.ask(**{"from": self.when(self.middle_us + 1), **body})

    def older(self, **body):
        return self.ask(to=self.when(self.middle_us + 1), **body)

    # ---- a described connection

    def test_a_candidate_against_a_connection(self):
        got = self.ask(rule=rule("000-first", "deny", ("dest.port", "80"), ("user.id", "0")),
                       connection={"dest": {"port": 80}, "process": {"uid": 0, "path": "/usr/bin/curl"}})
        self.assertTrue(got["matched"] and got["changes"])
        self.assertEqual(got["before"], {"action": "allow", "rule": "010-curl"})
        self.assertEqual(got["after"], {"action": "deny", "rule": "000-first"})
        self.assertEqual([o["matched"] for o in got["operands"]], [True, True])

    def test_a_changed_rule_comes_in_the_place_of_its_old_self(self):
        got = self.ask(rule=rule("020-ads", "deny", ("dest.host", "nothing")),
                       connection={"dest": {"host": "x.ads.test"}})
        self.assertEqual((got["matched"], got["before"]["action"], got["after"]["action"]), (False, "deny", "ask"))

    def test_a_renamed_and_a_removed_rule(self):
        connection = {"dest": {"host": "x.ads.test"}}
        got = self.ask(rule=rule("999-ads", "allow", ("dest.host", "x.ads.test")), replaces="020-ads", connection=connection)
        self.assertEqual(got["after"], {"action": "allow", "rule": "999-ads"})
        got = self.ask(remove="020-ads", connection=connection)
        self.assertEqual((got["matched"], got["after"]["action"]), (None, "ask"))

    def test_without_a_candidate_it_says_what_is_decided_now(self):
        got = self.ask(connection={"process": {"path": "/usr/bin/curl"}})
        self.assertEqual((got["before"], got["changes"]), (got["after"], False))

    def test_a_disabled_candidate_matches_nothing(self):
        got = self.ask(rule=rule("000-x", "deny", ("true", ""), enabled=False), connection={})
        self.assertEqual((got["matched"], got["changes"]), (False, False))

    def test_folders_that_only_the_candidate_names_are_read(self):
        folder = tempfile.mkdtemp(prefix="opensnitch-lists-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        os.chmod(folder, 0o755)
        with open(f"{folder}/web.list", "w", encoding="ascii") as f:
            f.write("www.example.test\n")
        wanted = rule("005-list", "deny", ("lists.domains", folder, "lists"))
        self.assertEqual(self.recent(rule=wanted)["changes"], [{"from": "allow", "to": "deny", "count": 2}])
        got = self.ask(rule=wanted, connection={"dest": {"host": "www.example.test"}})
        self.assertEqual((got["matched"], got["after"]), (True, {"action": "deny", "rule": "005-list"}))
        self.assertFalse(self.ask(rule=wanted, connection={"dest": {"host": "else.test"}})["matched"])
        # As it is when the test begins, and nothing of it stays; a folder that is not there is empty.
        os.unlink(f"{folder}/web.list")
        self.assertEqual(self.recent(rule=wanted)["changed"], 0)
        shutil.rmtree(folder)
        self.assertEqual(self.recent(rule=wanted)["changed"], 0)
        fds = f"/proc/{self.d.console_pid()}/fd"
        self.assertFalse([fd for fd in os.listdir(fds) if self.target(f"{fds}/{fd}").startswith(folder)])

    @staticmethod
    def target(link):
        """Where it leads; "" of one that was closed meanwhile, and so does not stay."""
        try:
            return os.readlink(link)
        except FileNotFoundError:
            return ""

    # ---- the history

    def test_a_new_deny_over_real_connections(self):
        got = self.recent(rule=rule("005-no-web", "deny", ("dest.host", "www.example.test")))
        self.assertEqual((got["done"], got["matched"], got["changed"]), (True, 2, 2))
        self.assertEqual(got["changes"], [{"from": "allow", "to": "deny", "count": 2}])
        self.assertEqual(got["programs"], [{"path": "/usr/bin/curl", "count": 2}])
        self.assertEqual(got["hosts"], [{"host": "www.example.test", "count": 2}])
        sample = got["samples"][0]
        self.assertEqual(sample["connection"]["dest"]["host"], "www.example.test")
        self.assertEqual((sample["before"]["rule"], sample["after"]["rule"]), ("010-curl", "005-no-web"))

    def test_removing_a_deny_over_real_connections(self):
        got = self.recent(remove="020-ads")
        self.assertEqual(got["changes"], [{"from": "deny", "to": "allow", "count": 1}])

    def test_a_candidate_that_another_rule_outweighs_changes_nothing(self):
        got = self.recent(rule=rule("030-allow-ads", "allow", ("dest.host", "tracker.ads.test")))
        self.assertEqual((got["matched"], got["changed"]), (1, 0))

    def test_what_no_rule_decided_counts_as_it_was_recorded(self):
        pattern = r"^h[0-9]\.corp"
        got = self.older(rule=rule("500-b", "deny", ("process.path", "/opt/b"), ("dest.host", pattern, "regexp"),
                                   ("dest.port", "443")))
        hits = [m for m in self.made if m[0] == "/opt/b" and re.search(pattern, m[1]) and m[2] == 443]
        self.assertEqual((got["examined"], got["matched"], got["newly_decided"]), (ROWS, len(hits), len(hits)))
        self.assertEqual(got["changed"], sum(1 for m in hits if m[3] == 0))
        counted = {h["host"]: h["count"] for h in got["hosts"]}
        for host in {m[1] for m in hits}:
            self.assertEqual(counted[host], sum(1 for m in hits if m[1] == host and m[3] == 0))

    def test_a_stream_tells_how_far_it_is(self):
        got = self.d.api.post(PATH, {"to": self.when(self.middle_us + 1), "remove": "020-ads"},
                              headers={"Accept": "application/x-ndjson"})
        self.assertEqual((got.status, got.headers["Content-Type"]), (200, "application/x-ndjson"))
        lines = [json.loads(line) for line in got.text.splitlines()]
        self.assertEqual([line["done"] for line in lines], [False] * (len(lines) - 1) + [True])
        self.assertEqual(lines[-1]["examined"], ROWS)

    def test_what_is_not_recorded_is_said(self):
        self.assertTrue(self.recent(rule=rule("1", "deny", ("process.env.HOME", "/root")))["not_recorded"])
        self.assertFalse(self.recent(rule=rule("1", "deny", ("dest.port", "1")))["not_recorded"])

    def test_clients_that_leave_cost_nothing(self):
        for _ in range(12):
            conn = self.d.api.connect()
            body = json.dumps({"to": self.when(self.middle_us + 1), "remove": "020-ads"}).encode()
            conn.request("POST", PATH, body=body, headers=self.d.api._headers({}, body))
            conn.close()
        wait_until(lambda: self.d.api.post(PATH, {"remove": "020-ads"}).status == 200, what="room for one more test")

    def test_refusals(self):
        good = rule("x", "allow", ("dest.port", "1"))
        for body, field in [
            ({"rule": {**good, "action": "maybe"}}, "rule.action"), ({"remove": "nobody"}, "remove"),
            ({"rule": good, "replaces": "nobody"}, "replaces"), ({"rule": good, "remove": "020-ads"}, "remove"),
            ({"replaces": "020-ads"}, "replaces"), ({"from": "yesterday"}, "from"), ({"to": 3}, "to"), ({"x": 1}, "x"),
            ({"connection": {"dest": {"port": -1}}}, "connection.dest.port"), ({"connection": 7}, "connection"),
            ({"rule": {**good, "operator": {"type": "list", "list": [{"type": "regexp", "operand": "dest.host", "data": "("}]}}},
             "rule.operator.list[0].data"),
        ]:
            with self.subTest(body=body):
                self.assertEqual(self.ask(422, **body)["errors"][0]["field"], field)


if __name__ == "__main__":
    if why_not():
        tap.skip_all(why_not())
    tap.main()
