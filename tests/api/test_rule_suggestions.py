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

    def test_real_connections(self):
        for host in ("www.example.test", "news.example.test", "updates.example.test", "time.test"):
            self.net.run(["curl", "-s", "-4", "-m", "2", f"http://{host}/"])
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
