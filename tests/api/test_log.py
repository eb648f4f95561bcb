#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon's log: without secrets at any level, as JSON lines, and in the journal's fields."""
import http.cookies
import json
import os
import shutil
import socket
import tempfile
import threading
import unittest

from kit import ALLOW_DNS, V1, ApiCase, Daemon, wait_until
import tap

# Its own /run/systemd, with a journal that is a socket of this test; and standard error is that journal, so it says.
WITH_JOURNAL = ('mount -t tmpfs none /run/systemd && mkdir /run/systemd/journal && mount --bind "$1" /run/systemd/journal && shift && '
                'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) && export JOURNAL_STREAM && exec "$@"')
PASSWORD, WRONG = "correct horse battery staple", "wrong horse battery staple"


class LogCase(ApiCase):
    config = {"default_action": "allow", "log": {"level": "debug"}}

    def bad_rule(self, name="bad"):
        """A rule file that is told as skipped, by the console."""
        with open(f"{self.daemon.rules_dir}/{name}.json", "w", encoding="utf-8") as f:
            f.write('{"name": "ä\x1b[2J", "action": 7}')
        wait_until(lambda: "rule_file" in [w["code"] for w in self.daemon.status()["warnings"]], what="the warning")


class TestLog(LogCase):
    def test_no_secret_is_logged(self):
        secrets = [self.api.token, PASSWORD, WRONG]
        self.assert_status(self.api.put(f"{V1}/password", {"password": PASSWORD}), 204)
        self.assert_status(self.stranger.post(f"{V1}/session", {"password": WRONG}), 401)
        made = self.assert_status(self.api.post(f"{V1}/tokens", {"name": "x", "scopes": ["read"]}), 201).json
        secrets += [v for k, v in made.items() if k in ("token", "secret")]
        code = self.assert_status(self.api.post(f"{V1}/session/codes"), 201).json["code"]
        got = self.assert_status(self.stranger.post(f"{V1}/session", {"code": code}), 201)
        cookie = http.cookies.SimpleCookie(got.headers["Set-Cookie"])["opensnitch_session"].value
        secrets += [code, cookie]
        self.assert_problem(self.stranger.get(f"{V1}/status", headers={"Authorization": f"Bearer {made.get('token', '')}x"}), 401)
        self.assert_problem(self.stranger.post(f"{V1}/session", {"token": WRONG}), 401)
        self.assert_problem(self.api.post(f"{V1}/rules", {"name": WRONG}), 422)
        self.assertGreaterEqual(len([s for s in secrets if len(s) >= 16]), 6)
        self.bad_rule()
        log = wait_until(lambda: (text := self.daemon.log()) and "bad.json" in text and text, what="a line of the console")
        for secret in secrets:
            self.assertNotIn(secret, log)


class TestJson(LogCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.daemon.stop()
        cls.daemon.args = ["--log-format", "json"]
        os.truncate(cls.daemon.log_path, 0)
        cls.daemon.start()

    def test_both_processes_write_json_lines(self):
        self.bad_rule()
        wait_until(lambda: "bad.json" in self.daemon.log(), what="a line of the console")
        lines = [json.loads(line) for line in self.daemon.log().splitlines()]
        self.assertEqual({line["process"] for line in lines}, {"opensnitchd", "console"})
        for line in lines:
            self.assertEqual(set(line), {"time", "level", "process", "message"})
            self.assertNotIn("\x1b", line["message"])


@unittest.skipUnless(os.path.isdir("/run/systemd"), "no /run/systemd to put a journal into")
class TestJournal(LogCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.daemon.close()
        cls.dir = tempfile.mkdtemp(prefix="opensnitch-journal-")
        cls.addClassCleanup(shutil.rmtree, cls.dir, ignore_errors=True)
        cls.entries = []
        cls.journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        cls.journal.bind(f"{cls.dir}/socket")
        reader = threading.Thread(target=cls.read, daemon=True)
        reader.start()
        wrap = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", WITH_JOURNAL, "sh", cls.dir]
        cls.daemon = Daemon(cls.net, config=cls.config, rules=[ALLOW_DNS], wrap=wrap)
        cls.addClassCleanup(cls.daemon.close)
        cls.api = cls.daemon.api

    @classmethod
    def read(cls):
        while data := cls.journal.recv(65536):
            cls.entries.append(dict(line.split("=", 1) for line in data.decode().splitlines()))

    def wait(self, text):
        return wait_until(lambda: [e for e in self.entries if text in e["MESSAGE"]], what=f"an entry with {text}")[0]

    def test_messages_have_fields(self):
        self.assertEqual({k: v for k, v in self.wait("guarding").items() if k != "MESSAGE"},
                         {"PRIORITY": "5", "SYSLOG_FACILITY": "3", "SYSLOG_IDENTIFIER": "opensnitchd"})
        self.bad_rule()
        told = self.wait("bad.json")
        self.assertEqual((told["PRIORITY"], told["SYSLOG_IDENTIFIER"]), ("4", "opensnitch-console"))
        self.assertEqual(self.daemon.log(), "")
        self.becomes_stuck()

    def becomes_stuck(self):
        """A journal that does not read holds nobody up."""
        self.daemon.stop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"MESSAGE=the last one\n", f"{self.dir}/socket")
        self.wait("the last one")
        before = len(self.entries)
        # Nobody reads this one, and a socket of datagrams takes only a few.
        type(self).held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.held.close)
        os.unlink(f"{self.dir}/socket")
        self.held.bind(f"{self.dir}/socket")
        self.daemon.start()
        for n in range(30):
            self.bad_rule(f"bad{n}")
        self.visit()
        self.assertEqual(self.daemon.stop(), 0)
        self.assertEqual(len(self.entries), before)
        self.assertEqual(self.daemon.log(), "")
        os.unlink(f"{self.dir}/socket")


if __name__ == "__main__":
    tap.main()
