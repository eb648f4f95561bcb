#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon's log: without secrets at any level, as JSON lines, and in the journal's fields."""
import http.cookies
import json
import os
import re
import shutil
import signal
import socket
import tempfile
import threading
import unittest

from kit import ALLOW_DNS, V1, ApiCase, Daemon, wait_until
import tap

# Its own /run/systemd, with a journal that is a socket of this test; and standard error is that journal, so it says.
WITH_JOURNAL = ('mount -t tmpfs none /run/systemd && mkdir /run/systemd/journal && mount --bind "$1" /run/systemd/journal && shift && '
                'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) && export JOURNAL_STREAM && exec "$@"')
NO_JOURNAL = 'mount -t tmpfs none /run/systemd && JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) && export JOURNAL_STREAM && exec "$@"'
PASSWORD, WRONG = "correct horse battery staple", "wrong horse battery staple"


def parts(pid):
    """What follows the name in /proc/PID/stat; [] when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            return f.read().rpartition(")")[2].split()
    except OSError:
        return []


def below(pid):
    """The processes below a process, nearest first."""
    found = [pid]
    for parent in found:
        found += [int(p) for p in os.listdir("/proc") if p.isdigit() and parts(p)[1:2] == [str(parent)]]
    return found[1:]


def runs(pid, program):
    try:
        return os.readlink(f"/proc/{pid}/exe").endswith(f"/{program}")
    except OSError:
        return False


class LogCase(ApiCase):
    config = {"default_action": "allow", "log": {"level": "debug"}, "export": ["syslog+udp://127.0.0.1:9"]}

    def end_a_worker(self):
        """What the exporter tells."""
        def both():
            found = [p for p in below(self.daemon.console_pid()) if runs(p, "opensnitch-exporter")]
            return found if len(found) == 2 else None
        os.kill(wait_until(both, what="the exporter and its worker")[1], signal.SIGKILL)

    def bad_rule(self, name="bad"):
        """A rule file that is told as skipped, by the console."""
        with open(f"{self.daemon.rules_dir}/{name}.json", "w", encoding="utf-8") as f:
            f.write('{"name": "ä\x1b[2J", "action": 7}')
        wait_until(lambda: "rule_file" in [w["code"] for w in self.daemon.status()["warnings"]], what="the warning")


class TestLog(LogCase):
    def test_lines_for_people(self):
        """Who, how bad, and what; no priority, which only the journal understands."""
        self.bad_rule("other")
        self.end_a_worker()
        wait_until(lambda: "other.json" in self.daemon.log() and "started again" in self.daemon.log(), what="two lines")
        for line in self.daemon.log().splitlines():
            self.assertRegex(line, r"^(opensnitchd|console|exporter): (error|warning|notice|info|debug): [ -~]+$")
        self.assertRegex(self.daemon.log(), re.compile("^exporter: warning: .*started again", re.M))

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

    def test_all_processes_write_json_lines(self):
        self.bad_rule()
        self.end_a_worker()
        wait_until(lambda: "bad.json" in self.daemon.log() and "started again" in self.daemon.log(), what="lines of the console and the exporter")
        lines = [json.loads(line) for line in self.daemon.log().splitlines()]
        self.assertEqual({line["process"] for line in lines}, {"opensnitchd", "console", "exporter"})
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
        # As that of systemd: everybody may.
        os.chmod(cls.dir, 0o755)
        os.chmod(f"{cls.dir}/socket", 0o666)
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
        self.end_a_worker()
        told = self.wait("started again")
        self.assertEqual((told["PRIORITY"], told["SYSLOG_IDENTIFIER"]), ("4", "opensnitch-exporter"))
        self.fetcher_tells()
        self.assertEqual(self.daemon.log(), "")
        self.becomes_stuck()

    def fetcher_tells(self):
        """Where nothing goes wrong it tells nothing: a signal makes it think that its sandbox refused something."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/list"
            self.assert_status(self.api.post(f"{V1}/lists", {"name": "silent", "url": url}), 201)
            taken, _ = silent.accept()
            with taken:
                self.assertTrue(taken.recv(1))

                def waiting():
                    return [p for p in below(self.daemon.console_pid()) if runs(p, "opensnitch-fetcher") and parts(p)[:1] == ["S"]]
                os.kill(wait_until(waiting, what="the fetcher to wait")[0], signal.SIGSYS)
                told = self.wait("the sandbox refuses")
        self.assertEqual((told["PRIORITY"], told["SYSLOG_IDENTIFIER"]), ("4", "opensnitch-fetcher"))
        self.assert_status(self.api.delete(f"{V1}/lists/silent"), 204)

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
        os.chmod(f"{self.dir}/socket", 0o666)
        self.daemon.start()
        for n in range(30):
            self.bad_rule(f"bad{n}")
        self.visit()
        self.assertEqual(self.daemon.stop(), 0)
        self.assertEqual(len(self.entries), before)
        self.assertEqual(self.daemon.log(), "")
        os.unlink(f"{self.dir}/socket")


@unittest.skipUnless(os.path.isdir("/run/systemd"), "no /run/systemd to take a journal from")
class TestJournalThatIsGone(LogCase):
    def test_lines_have_priorities(self):
        self.daemon.close()
        wrap = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", NO_JOURNAL, "sh"]
        type(self).daemon = Daemon(self.net, config=self.config, rules=[ALLOW_DNS], wrap=wrap)
        self.addClassCleanup(self.daemon.close)
        self.bad_rule()
        self.end_a_worker()
        wait_until(lambda: "bad.json" in self.daemon.log() and "started again" in self.daemon.log(), what="two lines")
        for line in self.daemon.log().splitlines():
            self.assertRegex(line, r"^<[3-7]>(opensnitchd|console|exporter): [ -~]+$")


if __name__ == "__main__":
    tap.main()
