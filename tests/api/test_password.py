#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The optional password: set from the command line, stored as argon2id, and guessed slowly."""
import http.client
import http.cookies
import json
import os
import pty
import subprocess
import time

from kit import V1, Api, ApiCase, wait_until
from client import Events, Response
from daemon import builddir
import tap

GOOD = "correct horse battery staple"


class TestPassword(ApiCase):
    def setUp(self):
        self.addCleanup(self.api.delete, f"{V1}/password")

    def ui(self, *args, text=""):
        return subprocess.run([f"{builddir()}/opensnitch-ui", *args, "--runtime-dir", self.daemon.runtime_dir], input=text,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=90, check=False)

    def put(self, password=GOOD):
        self.assert_status(self.api.put(f"{V1}/password", {"password": password}), 204)

    def log_in(self, password, source="127.0.0.1"):
        """From an address of its own, so that tests do not wait for one another."""
        conn = http.client.HTTPConnection("127.0.0.1", self.daemon.port, timeout=60, source_address=(source, 0))
        try:
            conn.request("POST", f"{V1}/session", json.dumps({"password": password}), {"Content-Type": "application/json"})
            got = conn.getresponse()
            return Response(got.status, got.headers, got.read())
        finally:
            conn.close()

    def cookie(self, got):
        value = http.cookies.SimpleCookie(self.assert_status(got, 201).headers["Set-Cookie"])["opensnitch_session"]
        return {"Cookie": f"{value.key}={value.value}"}

    def test_none_is_set_at_first(self):
        self.assertEqual(self.api.get(f"{V1}/password").json, {"is_set": False, "changed": None})
        for _ in range(3):
            self.assert_problem(self.log_in(GOOD, "127.0.1.1"), 401)
        self.assert_problem(self.api.delete(f"{V1}/password"), 404)
        self.assertEqual(self.ui("--remove-password").returncode, 3)

    def test_set_by_the_command_line(self):
        done = self.ui("--set-password", text=GOOD + "\n")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertTrue(self.api.get(f"{V1}/password").json["is_set"])
        headers = self.cookie(self.log_in(GOOD, "127.0.2.1"))
        me = self.stranger.get(f"{V1}/session", headers=headers).json
        self.assertEqual(set(me["scopes"]), {"read", "prompts", "rules", "admin"})
        self.assertIn("password", [s["login"] for s in self.api.get(f"{V1}/sessions").json["items"]])
        self.assertEqual(self.ui("--remove-password").returncode, 0)
        self.assert_problem(self.log_in(GOOD, "127.0.2.2"), 401)
        self.assert_problem(self.stranger.get(f"{V1}/session", headers=headers), 401)

    def test_refusals_of_the_command_line(self):
        for args, text, code in ((["--set-password"], "short\n", 4), (["--set-password"], "", 1), (["--set-password"], "\n", 1),
                                 (["--set-password"], "x" * 600, 1), (["--set-password", "--print"], GOOD, 2)):
            with self.subTest(args=args, text=text[:8]):
                done = self.ui(*args, text=text)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertTrue(done.stderr.startswith("opensnitch-ui: "), done.stderr)
        self.assertFalse(self.api.get(f"{V1}/password").json["is_set"])

    def at_a_terminal(self, *lines):
        """(exit code, what the terminal showed) of --set-password with these lines typed."""
        pid, fd = pty.fork()
        if pid == 0:
            os.execv(f"{builddir()}/opensnitch-ui", ["opensnitch-ui", "--set-password", "--runtime-dir", self.daemon.runtime_dir])
        shown, lines = b"", list(lines)
        while True:
            try:
                data = os.read(fd, 4096)
            except OSError:
                break
            shown += data
            # One line for each question, once it is there: what is typed before would be thrown away.
            if lines and shown.endswith(b": "):
                os.write(fd, lines.pop(0).encode() + b"\n")
        os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()

    def test_at_a_terminal_it_is_asked_twice_and_not_shown(self):
        code, shown = self.at_a_terminal(GOOD, GOOD)
        self.assertEqual(code, 0, shown)
        self.assertNotIn(GOOD, shown)
        self.cookie(self.log_in(GOOD, "127.0.3.1"))
        code, shown = self.at_a_terminal("another password", "another passwort")
        self.assertEqual(code, 1, shown)
        self.assertIn("not the same", shown)
        self.cookie(self.log_in(GOOD, "127.0.3.1"))

    def test_it_is_stored_as_argon2id_and_told_nowhere(self):
        self.put()
        self.assert_problem(self.log_in(GOOD + "?", "127.0.4.1"), 401)
        with open(f"{self.daemon.state_dir}/opensnitch.db", "rb") as f:
            stored = f.read()
        with open(f"{self.daemon.state_dir}/opensnitch.db-wal", "rb") as f:
            stored += f.read()
        self.assertIn(b"$argon2id$v=19$m=19456,t=2,p=1$", stored)
        self.assertNotIn(GOOD.encode(), stored)
        self.assertNotIn(GOOD, self.daemon.log())
        rows = self.api.get(f"{V1}/audit").json["items"]
        self.assertNotIn(GOOD, json.dumps(rows))
        self.assertIn("PUT /api/v1/password", [r["action"] for r in rows])

    def test_a_wrong_one_makes_its_address_wait(self):
        self.put()
        # A slow machine may let a short wait pass; they double, so that some attempt comes early enough for another one.
        def must_wait_long():
            nonlocal asked
            asked = time.monotonic()
            got = self.log_in("wrong " + GOOD, "127.0.5.1")
            self.assert_problem(got, got.status if got.status == 429 else 401)
            wait = int(got.headers["Retry-After"]) if got.status == 429 else 0
            return wait if wait >= 4 else None

        asked = 0
        for _ in range(10):
            wait = wait_until(must_wait_long, what="a wait that is long enough to be seen")
            got = self.log_in(GOOD, "127.0.5.1")
            if time.monotonic() - asked < wait:
                break  # else it was over before the right one was looked at: once more
        self.assert_problem(got, 429)
        # Others, and other ways in, do not.
        self.cookie(self.log_in(GOOD, "127.0.5.2"))
        self.assert_status(self.stranger.post(f"{V1}/session", {"token": self.api.token}), 201)
        wait_until(lambda: self.log_in(GOOD, "127.0.5.1").status == 201, what="the wait to be over", deadline=wait + 60)

    def test_changing_it_ends_what_it_opened(self):
        self.put()
        headers = self.cookie(self.log_in(GOOD, "127.0.6.1"))
        with Events(self.stranger, headers=headers) as stream:
            self.assertEqual(stream.status, 200)
            self.put("another " + GOOD)
            stream.wait_end()
        self.assert_problem(self.stranger.get(f"{V1}/status", headers=headers), 401)
        self.assert_problem(self.log_in(GOOD, "127.0.6.2"), 401)

    def test_it_outlives_the_console(self):
        self.put()
        self.daemon.kill_console()

        def works():
            try:
                return self.log_in(GOOD, "127.0.7.1").status == 201
            except OSError:
                return False

        wait_until(works, what="the password to hold again")

    def test_refusals(self):
        for body, field in (({}, "password"), ({"password": "x" * 7}, "password"), ({"password": "x" * 257}, "password"),
                            ({"password": 12345678}, "password"), ({"password": GOOD, "user": "x"}, "user")):
            with self.subTest(body=body):
                self.assert_problem(self.api.put(f"{V1}/password", body), 422, field=field)
        self.assert_problem(self.stranger.put(f"{V1}/password", {"password": GOOD}), 401)
        for body, field in (({"token": "a", "password": "b"}, ""), ({"password": 1}, "password")):
            self.assert_problem(self.stranger.post(f"{V1}/session", body), 422, field=field)


if __name__ == "__main__":
    tap.main()
