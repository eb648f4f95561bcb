#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What all lists and resources have in common: pages, order, filters, ETags."""
import os
import shutil
import sys

from kit import V1, ApiCase, rule, wait_until
import tap

PYTHON = os.path.realpath(sys.executable)
CURL = os.path.realpath(shutil.which("curl") or "/usr/bin/curl")
# Two connections that stay.
KEEP = """
import socket, time
kept = [socket.socket(), socket.socket()]
kept[0].connect(("www.example.test", 8080))
kept[1].connect(("shop.test", 80))
time.sleep(300)
"""


class TestPages(ApiCase):
    """Of the short lists: tokens, sessions, lists."""

    def names(self, path="tokens", key="name", **query):
        """All pages, one after another."""
        found, cursor = [], None
        while True:
            got = self.assert_status(self.api.get(f"{V1}/{path}", query={**query, **({"cursor": cursor} if cursor else {})}), 200).json
            found += [item.get(key) for item in got["items"]]
            cursor = got["next"]
            if cursor is None:
                return found
            self.assertEqual(len(got["items"]), query.get("limit", 100))

    def make_tokens(self, *names, scopes=("read",)):
        for name in names:
            self.addCleanup(self.api.delete, f"{V1}/tokens/{name}")
            self.assert_status(self.api.post(f"{V1}/tokens", {"name": name, "scopes": list(scopes)}), 201)

    def test_pages_and_order(self):
        self.make_tokens("b", "d", "a", "c", "e")
        for limit in (1, 2, 3, 5, 100):
            self.assertEqual(self.names(limit=limit), list("abcde"))
            self.assertEqual(self.names(limit=limit, sort="-name"), list("edcba"))
            self.assertEqual(self.names(limit=limit, sort="created"), list("bdace"))
            # None was used: all are equal in that, and still each comes once.
            self.assertEqual(sorted(self.names(limit=limit, sort="-last_used")), list("abcde"))

    def test_a_cursor_stays_right(self):
        self.make_tokens("b", "d", "f", "h")
        got = self.api.get(f"{V1}/tokens", query={"limit": 2}).json
        self.assertEqual([t["name"] for t in got["items"]], ["b", "d"])
        self.make_tokens("a", "c", "e")
        self.assert_status(self.api.delete(f"{V1}/tokens/d"), 204)
        rest = self.api.get(f"{V1}/tokens", query={"cursor": got["next"]}).json
        self.assertEqual(([t["name"] for t in rest["items"]], rest["next"]), (["e", "f", "h"], None))
        self.assert_problem(self.api.get(f"{V1}/tokens", query={"cursor": got["next"], "sort": "-name"}), 422, field="cursor")

    def test_filters(self):
        self.make_tokens("r1", "r2")
        self.make_tokens("w", scopes=("read", "rules"))
        self.assertEqual(self.names(name="r2"), ["r2"])
        self.assertEqual(self.names(name="r"), [])
        self.assertEqual(self.names(scopes="rules"), ["w"])
        self.assertEqual(self.names(scopes="read", limit=2), ["r1", "r2", "w"])
        self.assertEqual(len(self.names(created_by="nobody")), 0)

    def test_bad_questions(self):
        for path in ("tokens", "sessions", "lists"):
            for field, value in (("limit", "0"), ("limit", "1001"), ("limit", "x"), ("cursor", "x"), ("cursor", "30"), ("cursor", "ff" * 600), ("sort", "x"),
                                 ("sort", "--name"), ("nothing", "1")):
                with self.subTest(path=path, field=field, value=value):
                    self.assert_problem(self.api.get(f"{V1}/{path}", query={field: value}), 422, field=field)

    def test_sessions(self):
        for _ in range(5):
            self.assert_status(self.stranger.post(f"{V1}/session", {"token": self.api.token}), 201)
        ids = self.names("sessions", "id")
        self.assertEqual(len(set(ids)), 5)
        for sort in ("created", "-expires", "login", "-last_used"):
            self.assertEqual(set(self.names("sessions", "id", limit=2, sort=sort)), set(ids))
        self.assertEqual(self.names("sessions", "id", current="true"), [])
        self.assertEqual(len(self.names("sessions", "id", current="false", scopes="admin")), 5)
        self.assert_problem(self.api.delete(f"{V1}/sessions/{ids[0]}", headers={"If-Match": '"x"'}), 412)
        self.assert_status(self.api.delete(f"{V1}/sessions/{ids[0]}", headers={"If-Match": "*"}), 204)
        self.assertEqual(self.names("sessions", "id"), ids[1:])
        for ident in ids[1:]:
            self.assert_status(self.api.delete(f"{V1}/sessions/{ident}"), 204)
        self.assert_problem(self.api.delete(f"{V1}/sessions/{ids[0]}"), 404)

    def test_lists(self):
        for name in ("z", "m", "a"):
            self.addCleanup(self.api.delete, f"{V1}/lists/{name}")
            self.assert_status(self.api.post(f"{V1}/lists", {"name": name, "url": f"http://127.0.0.1:1/{name}", "enabled": name != "m"}), 201)
        self.assertEqual(self.names("lists", limit=1), ["a", "m", "z"])
        self.assertEqual(self.names("lists", sort="-name", limit=2), ["z", "m", "a"])
        self.assertEqual(self.names("lists", enabled="false"), ["m"])
        self.assertEqual(self.names("lists", url="http://127.0.0.1:1/z", kind="subscription"), ["z"])
        self.assertEqual(self.names("lists", kind="folder", name="z"), [])


class TestLiveThings(ApiCase):
    """Rules, flows and prompts by the fields of what they are."""

    config = {"default_action": "allow", "prompt": {"timeout": "100s"}}

    def items(self, path, **query):
        return self.assert_status(self.api.get(f"{V1}/{path}", query=query), 200).json["items"]

    def test_rules(self):
        for name, more in (("r1", {}), ("r2", {"enabled": False}), ("r3", {"precedence": True, "nolog": True})):
            self.addCleanup(self.api.delete, f"{V1}/rules/{name}")
            self.assert_status(self.api.post(f"{V1}/rules", {**rule(name, "deny", ("dest.port", "1")), **more}), 201)
        for query, names in (({"name": "r2"}, ["r2"]), ({"enabled": "false"}, ["r2"]), ({"precedence": "true"}, ["r3"]), ({"nolog": "true"}, ["r3"]),
                             ({"action": "deny", "enabled": "true"}, ["r1", "r3"]), ({"name": "R1"}, [])):
            with self.subTest(query):
                self.assertEqual([r["name"] for r in self.items("rules", **query)], names)
        for field in ("enabled", "precedence", "nolog"):
            self.assert_problem(self.api.get(f"{V1}/rules", query={field: "yes"}), 422, field=field)

    def check_filters(self, path, program, port=80, host="www.example.test"):
        """Filters on the connections of one program, of root, by TCP, to that host and port."""
        for query in ({"dest.host": host.upper()}, {"dest.port": port, "process.path": program}, {"protocol": "tcp", "user.id": 0, "dest.host": host}):
            with self.subTest(path=path, query=query):
                found = self.items(path, **query)
                self.assertEqual([f["connection"]["dest"]["host"] for f in found], [host])
                address = found[0]["connection"]["dest"]["ip"]
                self.assertEqual([f["id"] for f in self.items(path, **{"dest.ip": address})], [found[0]["id"]])
        for query in ({"dest.host": "nowhere.test"}, {"dest.port": 1}, {"protocol": "tcp6"}, {"user.id": 4711}, {"dest.ip": "192.0.2.77"}, {"process.path": "/"}):
            with self.subTest(path=path, query=query):
                self.assertEqual(self.items(path, **query), [])
        for field, value in (("dest.port", "65536"), ("user.id", "x"), ("dest.ip", "x"), ("sort", "x"), ("cursor", "78")):
            with self.subTest(path=path, field=field):
                self.assert_problem(self.api.get(f"{V1}/{path}", query={field: value}), 422, field=field)

    def test_prompts(self):
        _, curl, _ = self.ask()
        self.check_filters("prompts", CURL)
        for prompt in self.items("prompts"):
            self.assert_status(self.api.answer(prompt, "deny"), 200)
        curl.kill()
        curl.wait()

    def test_flows(self):
        kept = self.net.popen([PYTHON, "-c", KEEP])
        self.addCleanup(kept.wait)
        self.addCleanup(kept.kill)
        wait_until(lambda: len(self.items("flows", **{"process.path": PYTHON, "protocol": "tcp"})) == 2, what="two flows")
        self.check_filters("flows", PYTHON, port=8080)
        for sort in ("id", "started", "-started", "bytes_in", "-bytes_out", "-id"):
            with self.subTest(sort):
                found, cursor = [], {}
                while cursor is not None:
                    got = self.assert_status(self.api.get(f"{V1}/flows", query={"limit": 1, "sort": sort, **cursor}), 200).json
                    found += got["items"]
                    cursor = got["next"] and {"cursor": got["next"]}
                # Some may end meanwhile; none comes twice.
                ids = [f["id"] for f in found]
                self.assertEqual(len(ids), len(set(ids)))
                self.assertEqual(len([f for f in found if f["connection"]["process"]["path"] == PYTHON and f["connection"]["protocol"] == "tcp"]), 2)
                if sort.strip("-") in ("id", "started"):
                    keys = [f[sort.strip("-")] for f in found]
                    self.assertEqual(keys, sorted(keys, reverse=sort[0] == "-"))


class TestTags(ApiCase):
    def test_single_resources_have_one(self):
        for path in ("config", "config/schema", "openapi.json", "password", "session", "status", "rules/000-allow-dns"):
            with self.subTest(path):
                self.assertRegex(self.assert_status(self.api.get(f"{V1}/{path}"), 200).headers["ETag"], r'^"[0-9a-f]{32}"$')
        for path in ("password", "session", "config"):
            with self.subTest(path):
                tag = self.api.get(f"{V1}/{path}").headers["ETag"]
                again = self.assert_status(self.api.get(f"{V1}/{path}", headers={"If-None-Match": tag}), 304)
                self.assertEqual(again.body, b"")

    def test_changes_are_held_against_it(self):
        path, body = f"{V1}/password", {"password": "correct horse battery staple"}
        tag = self.api.get(path).headers["ETag"]
        self.assert_problem(self.api.put(path, body, headers={"If-Match": '"x"'}), 412)
        self.assertFalse(self.api.get(path).json["is_set"])
        self.assert_status(self.api.put(path, body, headers={"If-Match": tag}), 204)
        self.assert_problem(self.api.put(path, body, headers={"If-Match": tag}), 412)
        self.assert_problem(self.api.delete(path, headers={"If-Match": tag}), 412)
        self.assert_status(self.api.delete(path, headers={"If-Match": self.api.get(path).headers["ETag"]}), 204)
        self.assert_problem(self.api.delete(f"{V1}/session", headers={"If-Match": '"x"'}), 412)


if __name__ == "__main__":
    tap.main()
