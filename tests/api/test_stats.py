#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts over the history, held against counting the listed connections."""
import collections
from datetime import datetime, timedelta

from kit import V1, ApiCase, rule, wait_until
import tap

KEYS = {"process.path": lambda c: c["process"] and c["process"]["path"], "dest.host": lambda c: c["dest"]["host"],
        "dest.port": lambda c: str(c["dest"]["port"]), "protocol": lambda c: c["protocol"], "rule": lambda c: c["rule"],
        "user.id": lambda c: c["process"] and str(c["process"]["uid"]), "action": lambda c: c["action"]}
FORM = "%Y-%m-%dT%H:%M:%S.%fZ"


class TestStats(ApiCase):
    rules = [rule("000-allow-dns", "allow", ("dest.port", "53")), rule("100-no-ads", "reject", ("dest.host", "tracker.ads.test"))]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for host in ("www.example.test", "www.example.test", "shop.test", "tracker.ads.test"):
            cls.net.run(["curl", "-4s", "-o", "/dev/null", f"http://{host}/"])
        cls.net.run(["curl", "-4s", "-o", "/dev/null", "http://198.51.100.10:8080/"], user="nobody")
        wait_until(lambda: cls.api.connections(**{"dest.port": 8080}), what="the last connection to be recorded")
        cls.all = cls.api.connections(limit=1000)
        cls.end = (datetime.strptime(max(c["time"] for c in cls.all), FORM) + timedelta(seconds=1)).strftime(FORM)

    def ask_stats(self, **query):
        return self.assert_status(self.api.get(f"{V1}/stats", query={"to": self.end, **query}), 200).json

    def test_totals(self):
        got = self.ask_stats()
        self.assertEqual((got["connections"], got["by"], got["bucket_s"], got["truncated"]), (len(self.all), None, None, False))
        self.assertEqual(got["to"], self.end)
        for action in ("allow", "deny", "reject"):
            self.assertEqual(got[action], sum(c["action"] == action for c in self.all))
        self.assertEqual([i["connections"] for i in got["items"]], [len(self.all)])

    def test_by_each_property(self):
        for by, key in KEYS.items():
            with self.subTest(by=by):
                wanted = collections.Counter(key(c) for c in self.all)
                got = self.ask_stats(by=by)
                self.assertEqual({i["key"]: i["connections"] for i in got["items"]}, dict(wanted))
                counts = [i["connections"] for i in got["items"]]
                self.assertEqual(counts, sorted(counts, reverse=True))
                self.assertEqual(sum(counts), got["connections"])

    def test_a_limit_takes_the_greatest(self):
        whole, got = self.ask_stats(by="dest.port"), self.ask_stats(by="dest.port", limit=1)
        self.assertEqual(got["items"], whole["items"][:1])
        self.assertTrue(got["truncated"])
        self.assertFalse(whole["truncated"])
        self.assertEqual(got["connections"], whole["connections"])

    def test_series(self):
        got = self.ask_stats(by="dest.port", bucket="1m", **{"from": self.before(minutes=10)})
        self.assertEqual(got["bucket_s"], 60)
        for item in got["items"]:
            self.assertEqual(sum(s["connections"] for s in item["series"]), item["connections"])
            times = [s["time"] for s in item["series"]]
            self.assertEqual(times, sorted(set(times)))
            self.assertTrue(all(got["from"] <= t < got["to"] for t in times))

    def before(self, **delta):
        return (datetime.strptime(self.end, FORM) - timedelta(**delta)).strftime(FORM)

    def test_times(self):
        middle = sorted(c["time"] for c in self.all)[len(self.all) // 2]
        earlier, later = self.ask_stats(to=middle), self.ask_stats(**{"from": middle})
        self.assertEqual(earlier["connections"], sum(c["time"] < middle for c in self.all))
        self.assertEqual(later["connections"], sum(c["time"] >= middle for c in self.all))
        empty = self.ask_stats(to="2001-01-01T00:00:00Z")
        self.assertEqual((empty["connections"], empty["items"]), (0, []))

    def test_refusals(self):
        for query, field in (({"by": "process"}, "by"), ({"from": "today"}, "from"), ({"to": "x"}, "to"), ({"bucket": "1s"}, "bucket"),
                             ({"bucket": "1ms"}, "bucket"), ({"bucket": "x"}, "bucket"), ({"limit": 0}, "limit"), ({"limit": 1001}, "limit"),
                             ({"from": self.end}, "from"), ({"group": "x"}, "group")):
            with self.subTest(query=query):
                self.assert_problem(self.api.get(f"{V1}/stats", query={"to": self.end, **query}), 422, field=field)


if __name__ == "__main__":
    tap.main()
