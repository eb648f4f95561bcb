#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What became of each rule, who did it, and the way back."""
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../harness"))
import tap  # noqa: E402
from client import Api  # noqa: E402
from daemon import ALLOW_DNS, Daemon, rule  # noqa: E402
from lab import Lab, wait_until, why_not  # noqa: E402

RULES = "/api/v1/rules"


class RuleHistory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = Lab().start()
        cls.addClassCleanup(cls.net.close)
        cls.d = Daemon(cls.net, rules=[ALLOW_DNS])
        cls.addClassCleanup(cls.d.close)

    @property
    def api(self):
        return self.d.api  # with the token of this start

    def create(self, name, **more):
        made = self.api.post(RULES, rule(name, "allow", ("dest.port", "80"), **more))
        self.assertEqual(made.status, 201, made)
        return made.json

    def history(self, name, **query):
        got = self.api.get(f"{RULES}/{name}/history", query=query)
        self.assertEqual(got.status, 200, got)
        return got.json["items"]

    def revert(self, name, status=200, **body):
        got = self.api.post(f"{RULES}/{name}/revert", body)
        self.assertEqual(got.status, status, got)
        return got.json

    def test_changes_are_told_newest_first(self):
        self.create("a1")
        self.api.patch(f"{RULES}/a1", {"action": "deny"})
        self.api.delete(f"{RULES}/a1")
        items = self.history("a1")
        self.assertEqual([i["change"] for i in items], ["deleted", "updated", "created"])
        self.assertEqual([(i["before"] or {}).get("action") for i in items], ["deny", "allow", None])
        self.assertEqual([(i["after"] or {}).get("action") for i in items], [None, "deny", "allow"])
        self.assertEqual({i["by"]["kind"] for i in items}, {"token"})
        self.assertEqual(len({i["id"] for i in items}), 3)

    def test_pages(self):
        self.create("a2")
        for action in ("deny", "allow", "reject"):
            self.api.patch(f"{RULES}/a2", {"action": action})
        seen, cursor = [], None
        while True:
            query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
            page = self.api.get(f"{RULES}/a2/history", query=query).json
            seen += [i["id"] for i in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        self.assertEqual(seen, [i["id"] for i in self.history("a2")])
        self.assertEqual(len(seen), 4)
        oldest = self.api.get(f"{RULES}/a2/history", query={"limit": 3, "sort": "time"}).json
        self.assertEqual([i["id"] for i in oldest["items"]], seen[:0:-1])
        last = self.api.get(f"{RULES}/a2/history", query={"sort": "time", "cursor": oldest["next"]}).json
        self.assertEqual(([i["id"] for i in last["items"]], last["next"]), (seen[:1], None))
        self.assertEqual(self.api.get(f"{RULES}/a2/history", query={"cursor": oldest["next"]}).status, 422)
        for bad in ("zz", "3178"):  # the second is "1x"
            self.assertEqual(self.api.get(f"{RULES}/a2/history", query={"cursor": bad}).status, 422)

    def test_filters(self):
        self.create("a10")
        self.api.patch(f"{RULES}/a10", {"action": "deny"})
        Api(unix=self.d.socket_path).delete(f"{RULES}/a10")
        times = [i["time"] for i in self.history("a10")]
        for query, want in (({"change": "updated"}, ["updated"]), ({"by.kind": "user"}, ["deleted"]), ({"by.kind": "user", "by.name": "root"}, ["deleted"]), ({"by.name": "nobody"}, []),
                            ({"by.kind": "token", "sort": "time"}, ["created", "updated"]), ({"from": times[1]}, ["deleted", "updated"]), ({"to": times[1]}, ["created"]), ({"change": "renamed"}, [])):
            with self.subTest(query):
                self.assertEqual([i["change"] for i in self.history("a10", **query)], want)
        self.assertEqual(self.api.get(f"{RULES}/a10/history", query={"sort": "change"}).status, 422)

    def test_a_change_of_a_file_is_the_files(self):
        path = f"{self.d.rules_dir}/by-hand.json"
        with open(path, "w", encoding="utf-8") as f:
            json.dump(rule("by-hand", "allow", ("dest.port", "81")), f)
        wait_until(lambda: self.api.rule("by-hand").status == 200, what="the file's rule")
        self.assertEqual(self.history("by-hand")[0]["by"], {"kind": "file", "name": "by-hand.json"})

    def test_a_unix_peer_is_named(self):
        Api(unix=self.d.socket_path).post(RULES, rule("by-root", "allow", ("dest.port", "82")))
        self.assertEqual(self.history("by-root")[0]["by"], {"kind": "user", "name": "root"})

    def test_a_rename_keeps_what_was_before(self):
        self.create("a3")
        self.assertEqual(self.api.patch(f"{RULES}/a3", {"name": "a3-new"}).status, 200)
        renamed = self.history("a3-new")[0]
        self.assertEqual((renamed["change"], renamed["before"]["name"]), ("renamed", "a3"))
        self.assertEqual(self.revert("a3-new")["name"], "a3")
        self.assertEqual(self.api.rule("a3-new").status, 404)

    def test_reverting_an_update(self):
        self.create("a4", description="first")
        self.api.patch(f"{RULES}/a4", {"description": "second"})
        self.assertEqual(self.revert("a4")["description"], "first")
        self.assertEqual(self.api.rule("a4").json["description"], "first")

    def test_reverting_a_removal_brings_the_rule_and_its_file_back(self):
        self.create("a5", description="kept")
        self.api.delete(f"{RULES}/a5")
        self.assertFalse(os.path.exists(f"{self.d.rules_dir}/a5.json"))
        self.assertEqual(self.revert("a5")["description"], "kept")
        self.assertTrue(os.path.exists(f"{self.d.rules_dir}/a5.json"))

    def test_reverting_a_creation_removes_the_rule(self):
        self.create("a6")
        self.revert("a6", 204)
        self.assertEqual(self.api.rule("a6").status, 404)
        created = self.history("a6")[-1]["id"]
        self.revert("a6", 409, change=created)

    def test_reverting_to_an_older_state(self):
        self.create("a7", description="one")
        self.api.patch(f"{RULES}/a7", {"description": "two"})
        second = self.history("a7")[0]["id"]
        self.api.patch(f"{RULES}/a7", {"description": "three"})
        self.assertEqual(self.revert("a7", change=second)["description"], "one")

    def test_refusals(self):
        self.create("a8")
        self.revert("a8", 422, change="x")
        self.revert("a8", 422, other=1)
        self.revert("a8", 404, change=10**9)
        self.revert("nobody", 404)
        self.assertEqual(self.api.get(f"{RULES}/nobody/history").status, 404)
        stale = self.api.post(f"{RULES}/a8/revert", {}, headers={"If-Match": '"x"'})
        self.assertEqual(stale.status, 412)

    def test_history_outlives_a_restart(self):
        self.create("a9")
        self.api.patch(f"{RULES}/a9", {"action": "deny"})
        self.d.stop()
        self.d.start()
        self.assertEqual([i["change"] for i in self.history("a9")], ["updated", "created"])


if __name__ == "__main__":
    if why_not():
        tap.skip_all(why_not())
    tap.main()
