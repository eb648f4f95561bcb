#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tokens with scopes and an end, sessions that can be seen and ended, and the log of who changed what."""
import http.cookies
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from urllib.parse import quote

from kit import V1, Api, ApiCase, wait_until
from client import Events
import tap


class AccessCase(ApiCase):
    def make(self, name, *scopes, **more):
        got = self.assert_status(self.api.post(f"{V1}/tokens", {"name": name, "scopes": list(scopes), **more}), 201).json
        self.addCleanup(self.api.delete, f"{V1}/tokens/{quote(name)}")
        return got, Api(self.daemon.port, got["token"])

    def log_in(self, body, cookie=None):
        headers = {"Cookie": f"{cookie.key}={cookie.value}"} if cookie else {}
        got = self.assert_status(self.stranger.post(f"{V1}/session", body, headers=headers), 201)
        return http.cookies.SimpleCookie(got.headers["Set-Cookie"])["opensnitch_session"]

    def get_with(self, cookie, path="/status"):
        return self.stranger.get(V1 + path, headers={"Cookie": f"{cookie.key}={cookie.value}"})


class TestTokens(AccessCase):
    def test_a_token_is_shown_once_and_listed_without_its_secret(self):
        made, caller = self.make("backup", "read")
        self.assertEqual((made["name"], made["scopes"], made["expires"], made["last_used"]), ("backup", ["read"], None, None))
        self.assertGreaterEqual(len(made["token"]), 43)
        self.assert_status(caller.get(f"{V1}/status"), 200)
        listed = self.assert_status(self.api.get(f"{V1}/tokens"), 200)
        self.assertNotIn(made["token"], listed.text)
        item = next(t for t in listed.json["items"] if t["name"] == "backup")
        self.assertIsNotNone(item["last_used"])
        self.assertEqual(item["created_by"], "token")
        one = self.assert_status(self.api.get(f"{V1}/tokens/backup"), 200)
        self.assertIn("ETag", one.headers)
        with open(f"{self.daemon.state_dir}/opensnitch.db", "rb") as f:
            self.assertNotIn(made["token"].encode(), f.read())

    def test_scopes(self):
        _, read = self.make("r", "read")
        _, prompts = self.make("p", "read", "prompts")
        _, rules = self.make("u", "rules")
        _, admin = self.make("a", "admin")
        rule = {"name": "scoped", "action": "allow", "duration": "always", "enabled": True,
                "operator": {"type": "simple", "operand": "dest.port", "data": "1"}}
        self.addCleanup(self.api.delete, f"{V1}/rules/scoped")
        self.assert_problem(read.post(f"{V1}/rules", rule), 403)
        self.assert_problem(prompts.post(f"{V1}/rules", rule), 403)
        self.assert_status(rules.post(f"{V1}/rules", rule), 201)
        self.assert_problem(rules.get(f"{V1}/rules"), 403)
        self.assert_problem(read.post(f"{V1}/prompts/1/answer", {}), 403)
        self.assertNotIn(prompts.post(f"{V1}/prompts/1/answer", {"action": "allow", "duration": "once"}).status, (401, 403))
        for path in ("/tokens", "/sessions", "/audit"):
            self.assert_problem(prompts.get(V1 + path), 403)
            self.assert_status(admin.get(V1 + path), 200)
        self.assert_problem(read.post(f"{V1}/interception", {"enabled": True}), 403)
        self.assert_problem(read.post(f"{V1}/tokens", {"name": "x", "scopes": ["admin"]}), 403)
        self.assertEqual(read.get(f"{V1}/session").json["user"], "r")

    def test_a_session_has_no_more_than_its_token(self):
        made, _ = self.make("small", "read")
        cookie = self.log_in({"token": made["token"]})
        self.assertEqual(self.get_with(cookie, "/session").json["scopes"], ["read"])
        self.assert_problem(self.get_with(cookie, "/tokens"), 403)

    def test_revoking_ends_everything_at_once(self):
        made, caller = self.make("gone", "read", "prompts")
        cookie = self.log_in({"token": made["token"]})
        with Events(caller) as direct, Events(self.stranger, headers={"Cookie": f"{cookie.key}={cookie.value}"}) as by_cookie, \
                Events(self.api) as other:
            self.assertEqual((direct.status, by_cookie.status), (200, 200))
            self.assert_status(self.api.delete(f"{V1}/tokens/gone"), 204)
            direct.wait_end()
            by_cookie.wait_end()
            self.assertFalse(other.ended)
        self.assert_problem(caller.get(f"{V1}/status"), 401)
        self.assert_problem(self.get_with(cookie), 401)
        self.assert_problem(self.api.delete(f"{V1}/tokens/gone"), 404)

    def test_codes_end_with_the_token_that_had_them_made(self):
        made, caller = self.make("maker", "admin", **{"for": "1h"})

        def code(by):
            return self.assert_status(by.post(f"{V1}/session/codes"), 201).json["code"]

        cookie = self.log_in({"code": code(caller)})
        self.assertEqual(self.get_with(cookie, "/session").json["expires"], made["expires"])
        unused, other = code(caller), code(self.api)
        self.assert_status(self.api.delete(f"{V1}/tokens/maker"), 204)
        self.assert_problem(self.get_with(cookie), 401)
        self.assert_problem(self.stranger.post(f"{V1}/session", {"code": unused}), 401)
        self.log_in({"code": other})

    def test_revoking_by_query(self):
        self.make("odd name", "read")
        self.assert_status(self.api.request("DELETE", f"{V1}/tokens", query={"name": "odd name"}), 204)
        self.assert_problem(self.api.delete(f"{V1}/tokens"), 422, field="name")

    def test_an_end(self):
        for seconds in (2, 10, 30):
            made, caller = self.make(f"short {seconds}", "read", **{"for": f"{seconds}s"})
            self.assertIsNotNone(made["expires"])
            with Events(caller) as stream:
                if stream.status == 200:
                    stream.wait_end()
                    break  # else the end was here before the stream: once more, with more time
        self.assertEqual(stream.status, 200)
        self.assert_problem(caller.get(f"{V1}/status"), 401)

    def test_tokens_outlive_the_console(self):
        _, caller = self.make("lasting", "read")
        self.daemon.kill_console()

        def back():
            try:
                return caller.get(f"{V1}/status").status == 200
            except OSError:
                return False

        wait_until(back, what="the token to hold again")

    def test_refusals(self):
        for body, field in (({}, "name"), ({"name": "", "scopes": ["read"]}, "name"), ({"name": "a/b", "scopes": ["read"]}, "name"),
                            ({"name": "x" * 65, "scopes": ["read"]}, "name"), ({"name": "a\nb", "scopes": ["read"]}, "name"),
                            ({"name": "a"}, "scopes"), ({"name": "a", "scopes": []}, "scopes"),
                            ({"name": "a", "scopes": ["root"]}, "scopes[0]"),
                            ({"name": "a", "scopes": ["read"], "for": "x"}, "for"),
                            ({"name": "a", "scopes": ["read"], "expires": "2001-01-01T00:00:00Z"}, "expires"),
                            ({"name": "a", "scopes": ["read"], "expires": "2101-01-01T00:00:00Z", "for": "1h"}, "for"),
                            ({"name": "a", "scopes": ["read"], "token": "mine"}, "token")):
            with self.subTest(body=body):
                self.assert_problem(self.api.post(f"{V1}/tokens", body), 422, field=field)
        self.make("twice", "read")
        self.assert_problem(self.api.post(f"{V1}/tokens", {"name": "twice", "scopes": ["read"]}), 409)


class TestSessionList(AccessCase):
    def test_list_and_revoke(self):
        cookie = self.log_in({"token": self.api.token})
        code = self.assert_status(Api(unix=self.daemon.socket_path).post(f"{V1}/session/codes"), 201).json["code"]
        other = self.log_in({"code": code})
        listed = self.assert_status(self.get_with(cookie, "/sessions"), 200).json["items"]
        mine = [s for s in listed if s["current"]]
        self.assertEqual([s["login"] for s in mine], ["token"])
        theirs = next(s for s in listed if s["login"] == "user:root")
        for secret in (cookie.value, other.value):
            self.assertNotIn(secret, str(listed))
        with Events(self.stranger, headers={"Cookie": f"{other.key}={other.value}"}) as stream:
            self.assert_status(self.api.delete(f"{V1}/sessions/{theirs['id']}"), 204)
            stream.wait_end()
        self.assert_problem(self.get_with(other), 401)
        self.assert_status(self.get_with(cookie), 200)
        self.assert_problem(self.api.delete(f"{V1}/sessions/{theirs['id']}"), 404)
        self.assert_problem(self.api.delete(f"{V1}/sessions/zz"), 404)

    def test_a_log_in_takes_the_place_of_the_one_before(self):
        first = self.log_in({"token": self.api.token})
        second = self.log_in({"token": self.api.token}, cookie=first)
        self.assertNotEqual(first.value, second.value)
        self.assert_problem(self.get_with(first), 401)
        self.assert_status(self.get_with(second), 200)

    def test_an_idle_session_ends(self):
        cookie = self.log_in({"token": self.api.token})
        pid = self.daemon.console_pid()
        self.daemon.stop()
        db = sqlite3.connect(f"{self.daemon.state_dir}/opensnitch.db")
        with db:
            db.execute("UPDATE sessions SET seen_us = seen_us - 8 * 86400 * 1000000")
        db.close()
        self.daemon.start()
        self.assertNotEqual(self.daemon.console_pid(), pid)
        self.assert_problem(self.get_with(cookie), 401)
        type(self).api = self.daemon.api


class TestAudit(AccessCase):
    def verify(self, state_dir=None):
        return subprocess.run([self.daemon.binary, "--verify-audit", "--state-dir", state_dir or self.daemon.state_dir],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                              # In its sandbox nothing can look for leaks.
                              env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})

    def entries(self, **query):
        return self.assert_status(self.api.get(f"{V1}/audit", query=query), 200).json

    def test_changes_are_noted_with_who_and_from_where(self):
        made, caller = self.make("writer", "rules")
        rule = {"name": "audited", "action": "deny", "duration": "always", "enabled": True,
                "operator": {"type": "simple", "operand": "dest.port", "data": "1"}}
        self.addCleanup(self.api.delete, f"{V1}/rules/audited")
        self.assert_status(caller.post(f"{V1}/rules", rule), 201)
        self.assert_status(Api(unix=self.daemon.socket_path).delete(f"{V1}/rules/audited"), 204)
        deleted, created = self.entries(limit=2)["items"]
        self.assertEqual((deleted["action"], deleted["object"]), (f"DELETE {V1}/rules/{{name}}", "audited"))
        self.assertEqual((deleted["who"]["kind"], deleted["who"]["name"], deleted["who"]["uid"]), ("user", "user:root", 0))
        self.assertEqual(deleted["from"], f"unix pid {os.getpid()}")
        self.assertEqual((created["action"], created["status"], created["who"]["name"]), (f"POST {V1}/rules", 201, "token:writer"))
        self.assertRegex(created["from"], r"^127\.0\.0\.1:\d+$")
        self.assertIn('"name":"audited"', created["detail"])
        self.assertNotIn(made["token"], self.api.get(f"{V1}/audit").text)

    def test_reading_and_refused_requests_are_not_noted(self):
        before = self.entries(limit=1)["items"][:1]
        self.api.get(f"{V1}/rules")
        self.api.post(f"{V1}/explain", {"dest": {"ip": "192.0.2.1", "port": 1}})
        self.api.post(f"{V1}/rules", {"name": "bad"})
        self.stranger.post(f"{V1}/interception", {"enabled": True})
        self.assertEqual(self.entries(limit=1)["items"][:1], before)

    def test_failed_log_ins_are_noted_but_not_each(self):
        begun = time.monotonic()
        for _ in range(20):
            self.stranger.post(f"{V1}/session", {"token": "wrong-secret"})
        failed = [e for e in self.entries(limit=1000)["items"] if e["status"] == 401]
        # One in ten seconds.
        self.assertIn(len(failed), range(1, 3 + int(time.monotonic() - begun) // 10))
        self.assertLess(len(failed), 20)
        self.assertEqual(failed[0]["who"]["kind"], "nobody")
        # A log-in that is good is told as what it became.
        self.assert_status(self.stranger.post(f"{V1}/session", {"token": self.api.token}), 201)
        entry = self.entries(limit=1)["items"][0]
        self.assertEqual((entry["action"], entry["who"]["kind"], entry["who"]["name"]), (f"POST {V1}/session", "session", "token"))
        self.assertRegex(entry["who"]["session"], "^[0-9a-f]{16}$")
        self.assertNotIn("wrong-secret", str(failed))

    def test_pages(self):
        for _ in range(4):
            self.assert_status(self.api.post(f"{V1}/interception", {"enabled": True}), 200)
        first = self.entries(limit=2)
        self.assert_status(self.api.post(f"{V1}/interception", {"enabled": True}), 200)
        second = self.entries(limit=2, cursor=first["next"])
        ids = [e["id"] for e in first["items"] + second["items"]]
        self.assertEqual(ids, list(range(ids[0], ids[0] - 4, -1)))
        self.assert_problem(self.api.get(f"{V1}/audit", query={"cursor": "zz"}), 422, field="cursor")
        # The other way round it goes on to the newest, also where more come meanwhile.
        seen, query = [], {"sort": "time"}
        while query:
            page = self.entries(limit=2, **query)
            seen += [e["id"] for e in page["items"]]
            query = page["next"] and {"sort": "time", "cursor": page["next"]}
        self.assertEqual(seen, list(range(1, ids[0] + 2)))
        # A cursor is of one order.
        self.assert_problem(self.api.get(f"{V1}/audit", query={"cursor": first["next"], "sort": "time"}), 422, field="cursor")
        for cursor in ("30", "2b30", "2d31", "2031"):
            self.assert_problem(self.api.get(f"{V1}/audit", query={"cursor": cursor}), 422, field="cursor")

    def test_filters(self):
        _, caller = self.make("filtered", "rules")
        self.addCleanup(self.api.delete, f"{V1}/rules/found")
        since = self.entries(limit=1)["items"][0]["id"]
        doc = {"name": "found", "action": "deny", "duration": "always", "operator": {"type": "simple", "operand": "dest.host", "data": "Needle.test"}}
        self.assert_status(caller.post(f"{V1}/rules", doc), 201)
        self.assert_status(self.api.patch(f"{V1}/rules/found", {"enabled": False}), 200)
        self.assert_status(Api(unix=self.daemon.socket_path).delete(f"{V1}/rules/found"), 204)
        self.assert_status(self.api.post(f"{V1}/interception", {"enabled": True}), 200)
        made, changed, removed, paused = [e for e in self.entries(sort="time", limit=1000)["items"] if e["id"] > since]
        self.assertEqual([made["object"], changed["object"], removed["object"], paused["object"]], ["found", "found", "found", None])

        def found(**query):
            return [e["id"] - since for e in self.entries(limit=1000, **query)["items"] if e["id"] > since]
        for query, want in (({"object": "found"}, [3, 2, 1]), ({"object": "foun"}, []), ({"action": "DELETE", "object": "found"}, [3]), ({"action": "/rules", "sort": "time"}, [1, 2, 3]),
                            ({"who.name": "token:filtered"}, [1]), ({"who.kind": "user"}, [3]), ({"who.uid": 0}, [3]), ({"who.uid": 1}, []), ({"q": "nEEDLE"}, [1]), ({"q": "interception"}, [4]),
                            ({"from": changed["time"], "to": paused["time"]}, [3, 2]), ({"q": "", "object": "found", "who.kind": "token"}, [2, 1])):
            with self.subTest(query):
                self.assertEqual(found(**query), want)
        for field, value in (("sort", "id"), ("from", "x"), ("to", "yesterday"), ("who", "x"), ("limit", "0")):
            self.assert_problem(self.api.get(f"{V1}/audit", query={field: value}), 422, field=field)

    def test_verify_finds_changes(self):
        for _ in range(5):
            self.assert_status(self.api.post(f"{V1}/interception", {"enabled": True}), 200)
        good = self.verify()
        self.assertEqual(good.returncode, 0, good.stderr)
        self.assertIn(self.entries(limit=1)["items"][0]["hash"], good.stdout)
        path = f"{self.daemon.state_dir}/opensnitch.db"
        db = sqlite3.connect(path, timeout=60)
        for change in ("UPDATE audit SET name = 'nobody'", "DELETE FROM audit"):
            with self.assertRaisesRegex(sqlite3.Error, "only grows"):
                db.execute(change)
            db.rollback()
        last = db.execute("SELECT max(id) FROM audit").fetchone()[0]
        for change, said in (("UPDATE audit SET name = 'token:other' WHERE id = 2", "row 2 is not as it was written"),
                             ("DELETE FROM audit WHERE id = 3", "row 3 is missing"),
                             (f"DELETE FROM audit WHERE id = {last}", f"row {last} is missing at the end"),
                             ("DELETE FROM audit", "row 1 is missing at the end"),
                             ("UPDATE audit SET status = 299", "row 1 is not as it was written")):
            with self.subTest(change), tempfile.TemporaryDirectory() as folder:
                self.tamper(db, folder, change)
                bad = self.verify(folder)
                self.assertEqual(bad.returncode, 1, bad.stdout)
                self.assertIn(said, bad.stderr)
        db.close()
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(self.verify(folder).returncode, 1)

    @staticmethod
    def tamper(db, folder, change):
        """A copy of the database in `folder`, changed behind the triggers' back."""
        copy = sqlite3.connect(f"{folder}/opensnitch.db")
        db.backup(copy)
        with copy:
            for trigger in ("audit_is_kept", "audit_stays"):
                copy.execute(f"DROP TRIGGER {trigger}")
            copy.execute(change)
        copy.close()
        shutil.chown(folder, "opensnitch", "opensnitch")
        shutil.chown(f"{folder}/opensnitch.db", "opensnitch", "opensnitch")


if __name__ == "__main__":
    tap.main()
