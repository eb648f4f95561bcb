#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Decided connections: filters, pages that stay right while rows are added, order."""
from kit import V1, ApiCase, rule, wait_until
import tap

HOSTS = {"www.example.test": "198.51.100.10", "news.example.test": "198.51.100.11", "shop.test": "203.0.113.20"}


class TestConnections(ApiCase):
    rules = [rule("000-allow-dns", "allow", ("dest.port", "53")), rule("100-no-ads", "reject", ("dest.host", "tracker.ads.test")),
             rule("200-no-echo", "deny", ("dest.port", "7"))]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for host in HOSTS:
            cls.net.run(["curl", "-4s", "-o", "/dev/null", f"http://{host}/"])
        cls.net.run(["curl", "-4s", "-o", "/dev/null", "http://tracker.ads.test/"])
        cls.net.run(["curl", "-4s", "-o", "/dev/null", "http://www.example.test:8080/x"], user="nobody")
        cls.net.run(["curl", "-6s", "-g", "-o", "/dev/null", "http://[2001:db8:100::12]/"])
        cls.net.run(["python3", "-c", "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
                     ".sendto(b'x', ('198.51.100.10', 7))"])
        wait_until(lambda: cls.api.connections(**{"dest.port": 7}), what="the last connection to be recorded")
        cls.all = cls.api.get(f"{V1}/connections", query={"limit": 1000}).json["items"]

    def visit(self, *args, **options):
        """As everywhere, and it is in the history then."""
        before = len(self.find(limit=1000, **{"dest.port": 80}))
        super().visit(*args, **options)
        wait_until(lambda: len(self.find(limit=1000, **{"dest.port": 80})) > before, what="the visit to be recorded")

    def find(self, **query):
        got = self.assert_status(self.api.get(f"{V1}/connections", query=query), 200)
        return got.json["items"]

    def expect(self, predicate, **query):
        """The filter finds just what the predicate takes of all, and something."""
        wanted = [c["id"] for c in self.all if predicate(c)]
        self.assertTrue(wanted, query)
        newest = self.all[0]["id"]
        self.assertEqual([c["id"] for c in self.find(**query, limit=1000) if c["id"] <= newest], wanted, query)

    def test_one(self):
        # Of a connection that lives on, the traffic may be told between the two looks.
        settled = [c for c in self.all if c["traffic"] or c["action"] != "allow"][:5]
        self.assertTrue(settled)
        for c in settled:
            got = self.assert_status(self.api.get(f"{V1}/connections/{c['id']}"), 200)
            self.assertEqual(got.json, c)
            self.assert_status(self.api.get(f"{V1}/connections/{c['id']}", headers={"If-None-Match": got.headers["ETag"]}), 304)
        self.assert_problem(self.api.get(f"{V1}/connections/{self.all[0]['id'] + 1000}"), 404)

    def test_what_is_told(self):
        c = self.find(**{"dest.host": "shop.test"})[0]
        self.assertEqual(c["dest"], {"ip": "203.0.113.20", "port": 80, "host": "shop.test", "host_source": "dns",
                                     "host_certainty": "exact"})
        self.assertEqual((c["protocol"], c["action"], c["reason"], c["rule"]), ("tcp", "allow", "no_client", None))
        self.assertEqual(c["process"]["args"], ["curl", "-4s", "-o", "/dev/null", "http://shop.test/"])
        self.assertEqual((c["process"]["uid"], c["process"]["user"]), (0, "root"))
        self.assertIn(c["attribution"]["confidence"], ("exact", "likely", "scan"))
        c = self.find(rule="100-no-ads")[0]
        self.assertEqual((c["action"], c["reason"]), ("reject", "rule"))

    def test_filters(self):
        self.expect(lambda c: True)
        for action in ("allow", "deny", "reject"):
            self.expect(lambda c, a=action: c["action"] == a, action=action)
        for host in HOSTS:
            self.expect(lambda c, h=host: c["dest"]["host"] == h, **{"dest.host": host})
        self.expect(lambda c: c["dest"]["host"] == "shop.test", **{"dest.host": "SHOP.Test."})
        for address in ("198.51.100.10", "2001:db8:100::12"):
            self.expect(lambda c, a=address: c["dest"]["ip"] == a, **{"dest.ip": address})
        for port in (80, 8080, 53, 7):
            self.expect(lambda c, p=port: c["dest"]["port"] == p, **{"dest.port": port})
        for protocol in ("tcp", "tcp6", "udp"):
            self.expect(lambda c, p=protocol: c["protocol"] == p, protocol=protocol)
        path = next(c["process"]["path"] for c in self.all if c["dest"]["port"] == 8080)
        self.expect(lambda c: c["process"] and c["process"]["path"] == path, **{"process.path": path})
        nobody = next(c["process"]["uid"] for c in self.all if c["dest"]["port"] == 8080)
        self.expect(lambda c: c["process"] and c["process"]["uid"] == nobody, **{"user.id": nobody})
        for name in ("000-allow-dns", "100-no-ads", "200-no-echo"):
            self.expect(lambda c, n=name: c["rule"] == n, rule=name)
        self.expect(lambda c: c["dest"]["port"] == 80 and c["action"] == "reject", action="reject", **{"dest.port": 80})
        self.assertEqual(self.find(rule="none"), [])
        self.assertEqual(self.find(**{"dest.host": "x" * 300}), [])

    def test_free_text(self):
        self.expect(lambda c: c["process"] and "http://shop.test/" in c["process"]["args"], q="HTTP://Shop")
        self.expect(lambda c: c["rule"] == "100-no-ads", q="no-ads")
        self.expect(lambda c: c["dest"]["port"] == 8080 or (c["process"] and c["process"]["pid"] == 8080) or
                    (c["process"] and any("8080" in a for a in c["process"]["args"])), q="8080")
        self.assertEqual(self.find(q="in no connection at all"), [])
        self.assertEqual(self.find(q="%"), [])

    def test_times(self):
        middle = self.all[len(self.all) // 2]["time"]
        self.expect(lambda c: c["time"] >= middle, **{"from": middle})
        self.expect(lambda c: c["time"] < middle, to=middle)
        self.assertEqual(self.find(**{"from": "2200-01-01T00:00:00Z"}), [])
        self.assertEqual(self.find(to="1971-01-01T00:00:00Z"), [])

    def test_refusals(self):
        for name, value in (("action", "ask"), ("dest.port", "65536"), ("dest.port", "http"), ("user.id", "-1"), ("from", "yesterday"),
                            ("to", "2026-13-01T00:00:00Z"), ("limit", "0"), ("cursor", "xyz"), ("cursor", "6162"), ("sort", "host"),
                            ("process.pid", "1")):
            with self.subTest(name=name, value=value):
                self.assert_problem(self.api.get(f"{V1}/connections", query={name: value}), 422, field=name)

    def pages(self, limit, between=lambda: None, **query):
        found, cursor = [], None
        while True:
            page = {"limit": limit, **query, **({"cursor": cursor} if cursor else {})}
            got = self.assert_status(self.api.get(f"{V1}/connections", query=page), 200).json
            self.assertLessEqual(len(got["items"]), limit)
            found += [c["id"] for c in got["items"]]
            cursor = got["next"]
            if cursor is None:
                return found
            between()

    def test_pages_and_orders(self):
        ids = [c["id"] for c in self.api.get(f"{V1}/connections?limit=1000").json["items"]]
        for limit in (1, 3, len(ids), 1000):
            self.assertEqual(self.pages(limit), ids)
            self.assertEqual(self.pages(limit, sort="-time"), ids)
            self.assertEqual(self.pages(limit, sort="time"), ids[::-1])

    def test_cursors_stay_right_while_rows_are_added(self):
        ids = [c["id"] for c in self.api.get(f"{V1}/connections?limit=1000").json["items"]]
        self.assertEqual(self.pages(4, between=self.visit), ids)
        # the other way round the new ones come at the end
        got = self.pages(4, between=self.count_down(3), sort="time")
        self.assertEqual(got[:len(ids)], ids[::-1])
        self.assertEqual(got, sorted(set(got)))

    def count_down(self, n):
        """A visit, as often as this."""
        left = [n]

        def visit():
            if left[0]:
                left[0] -= 1
                self.visit()

        return visit


if __name__ == "__main__":
    tap.main()
