#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""GET /api/v1/rules/suggestions: few rules for what a program did, none for what was denied, accepted as one."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../harness"))
import tap  # noqa: E402
from daemon import ALLOW_DNS, Daemon  # noqa: E402
from lab import Lab, wait_until, why_not  # noqa: E402

PATH = "/api/v1/rules/suggestions"


class Suggestions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = Lab().start()
        cls.addClassCleanup(cls.net.close)
        cls.d = Daemon(cls.net, rules=[ALLOW_DNS])
        cls.addClassCleanup(cls.d.close)

    def suggest(self, program, **query):
        got = self.d.api.get(PATH, query={"process.path": program, **query})
        self.assertEqual(got.status, 200, got)
        return got.json

    def test_what_was_dealt_with_is_remembered(self):
        path = "/api/v1/learnings/done"
        ends = ["2026-11-23T18:00:00.123456Z", "2026-11-23T18:00:01.000000Z"]
        for end in (*ends, ends[0]):
            self.assertEqual(self.d.api.post(path, {"name": "learning-x", "from": end}).status, 204)
        wanted = [{"name": "learning-x", "from": end} for end in reversed(ends)]
        self.assertEqual(self.d.api.get(path).json["items"], wanted)
        self.d.kill_console()
        wait_until(lambda: self.d.api.get(path).status == 200, what="the console")
        self.assertEqual(self.d.api.get(path).json["items"], wanted)
        for body, field in (({"name": "", "from": ends[0]}, "name"), ({"name": "x" * 201, "from": ends[0]}, "name"), ({"from": ends[0]}, "name"),
                            ({"name": "x", "from": "yesterday"}, "from"), ({"name": "x"}, "from"), ({"name": "x", "from": ends[0], "x": 1}, "x")):
            got = self.d.api.post(path, body)
            self.assertEqual((got.status, got.json["errors"][0]["field"]), (422, field))
        # There is an end to it: the newest stay.
        for n in range(200):
            self.d.api.post(path, {"name": f"learning-{n}", "from": f"2027-01-01T00:00:{n % 60:02}.{n:06}Z"})
        items = self.d.api.get(path).json["items"]
        self.assertEqual((len(items), [i for i in items if i["name"] == "learning-x"]), (200, []))

    def test_real_connections(self):
        for host in ("www.example.test", "news.example.test", "updates.example.test", "time.test"):
            self.net.run(["curl", "-s", "-4", "-m", "50", f"http://{host}/"])
        found = wait_until(lambda: (lambda s: s if s["examined"] >= 8 else None)(self.suggest("/usr/bin/curl")),
                           what="the connections in the history")
        operators = [[(o["operand"], o["data"]) for o in i["rule"]["operator"]["list"]] for i in found["items"]]
        self.assertIn([("process.path", "/usr/bin/curl"), ("dest.host", r"(^|\.)example\.test$"), ("dest.port", "80")],
                      operators)
        self.assertIn([("process.path", "/usr/bin/curl"), ("dest.host", "time.test"), ("dest.port", "80")], operators)
        wide = next(i for i in found["items"] if len(i["covers"]) == 3)
        self.assertEqual({c["host"] for c in wide["covers"]},
                         {"www.example.test", "news.example.test", "updates.example.test"})
        self.assertEqual((wide["connections"], found["uncovered"]), (3, 0))
        # Accepting is one transaction, and what was suggested then decides.
        rules = [i["rule"] for i in found["items"]]
        self.assertEqual(self.d.api.post("/api/v1/rules/import", rules).status, 200)
        got = self.d.api.post("/api/v1/explain", {"process": {"path": "/usr/bin/curl"},
                                                  "dest": {"host": "img.example.test", "port": 80}}).json
        self.assertEqual(got["rule"], wide["rule"]["name"])

    def test_an_unknown_program(self):
        got = self.suggest("/usr/bin/nothing-ever")
        self.assertEqual((got["examined"], got["items"]), (0, []))

    def test_refusals(self):
        for query, field in [({}, "process.path"), ({"process.path": "curl"}, "process.path"),
                             ({"process.path": "/x", "from": "y"}, "from"), ({"process.path": "/x", "z": "1"}, "z")]:
            got = self.d.api.get(PATH, query=query)
            self.assertEqual((got.status, got.json["errors"][0]["field"]), (422, field))


if __name__ == "__main__":
    if why_not():
        tap.skip_all(why_not())
    tap.main()
