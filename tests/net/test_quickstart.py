#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""quickstart as a newcomer uses it: the trial and the daemon start, show a prompt, and leave nothing behind."""
import fcntl
import http.client
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import unittest
from urllib.parse import urlsplit

TOP = pathlib.Path(os.environ.get("TOP_SRCDIR", pathlib.Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(TOP / "tests/harness"))
import tap  # noqa: E402
from client import Api  # noqa: E402
from daemon import Slot, builddir, instances  # noqa: E402
from lab import NETNS_DIR, Lab, wait_until, why_not  # noqa: E402

URL = re.compile(r"^ +(http://\S+)$")
# A make of ours must not take orders from the one that runs the tests.
ENV = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "TOP_BUILDDIR")}
ENV["OPENSNITCH_BUILDDIR"] = builddir()


def in_new_terminal():
    """In the child: the terminal on stdin is its own, and Ctrl-C counts (a shell's background jobs begin with it ignored)."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Run:
    """quickstart on a terminal of its own; what it prints is collected."""

    def __init__(self, argv, wrap=()):
        self.lines = []
        master, slave = pty.openpty()
        self.terminal = master
        self.is_hung_up = False
        self.proc = subprocess.Popen([*wrap, str(TOP / "quickstart"), *argv], stdin=slave, stdout=slave, stderr=slave, env=ENV,
                                     start_new_session=True, preexec_fn=in_new_terminal)
        os.close(slave)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        rest = b""
        try:
            while not self.is_hung_up:
                if select.select([self.terminal], [], [], 0.1)[0]:
                    *lines, rest = (rest + os.read(self.terminal, 4096)).split(b"\n")
                    self.lines += [line.decode("utf-8", "replace").rstrip("\r") for line in lines]
        except OSError:
            pass  # nobody has the other side any more

    def ctrl_c(self):
        os.write(self.terminal, b"\x03")

    def hang_up(self):
        """Closes the terminal, as a window that is closed. Again is fine."""
        if not self.is_hung_up:
            self.is_hung_up = True
            self.reader.join()
            os.close(self.terminal)

    def text(self):
        return "\n".join(self.lines)

    def url(self):
        def look():
            if self.proc.poll() is not None:
                raise AssertionError(f"it ended with {self.proc.returncode}:\n{self.text()}")
            return next((m[1] for m in map(URL.match, list(self.lines)) if m), None)
        return wait_until(look, deadline=300, what="the URL")

    def end(self, sig=None):
        """Sends the signal and waits for the end: the exit code."""
        if sig is not None:
            self.proc.send_signal(sig)
        return self.proc.wait(120)

    def close(self):
        if self.proc.poll() is None:
            self.proc.terminate()
            try:
                self.proc.wait(120)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        self.hang_up()


def log_in(url):
    """As the browser does with the URL that was printed: an Api that carries the cookie."""
    parts = urlsplit(url)
    code = (parts.fragment or parts.query).partition("=")[2]
    api = Api(parts.port, host=parts.hostname)
    got = api.post("/api/v1/session", {"code": code}, headers={"Origin": f"http://{parts.netloc}"})
    assert got.status in (200, 201, 204), got
    cookie = got.headers["Set-Cookie"].partition(";")[0]
    plain = api.request
    api.request = lambda method, path, body=None, headers=None, query=None: plain(
        method, path, body, {"Cookie": cookie, "Origin": f"http://{parts.netloc}", **(headers or {})}, query)
    return api


def is_listening(port):
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        conn.connect()
        return True
    except OSError:
        return False
    finally:
        conn.close()


def of_trial(folder, pid):
    return [n for n in os.listdir(folder) if n.startswith(f"opensnitch-trial-{pid}-")]


@unittest.skipIf(why_not(), why_not())
class TestQuickstart(unittest.TestCase):
    def setUp(self):
        self.slot = Slot()
        self.addCleanup(self.slot.release)

    def start(self, argv, **options):
        run = Run(argv, **options)
        self.addCleanup(run.close)
        return run

    def trial(self):
        return self.start(["trial", "--port", str(self.slot.port), "--queue-num", str(self.slot.queue)])

    def assert_nothing_left(self, pid):
        self.assertEqual(of_trial(NETNS_DIR, pid), [])
        self.assertEqual(of_trial(tempfile.gettempdir(), pid), [])
        self.assertEqual(instances(self.slot.queue), [])
        self.assertFalse(is_listening(self.slot.port))

    def test_trial_shows_a_prompt_and_leaves_nothing(self):
        run = self.trial()
        api = log_in(run.url())
        prompt = wait_until(lambda: api.get("/api/v1/prompts").json["items"], what="a prompt")[0]
        self.assertTrue(prompt["connection"]["process"]["path"].startswith("/"))
        answered = api.post(f"/api/v1/prompts/{prompt['id']}/answer", {"action": "allow", "duration": "5m"})
        self.assertLess(answered.status, 300, answered)
        namespaces = of_trial(NETNS_DIR, run.proc.pid)
        self.assertEqual(len(namespaces), 2)
        run.ctrl_c()
        self.assertEqual(run.end(), 0, run.text())
        self.assert_nothing_left(run.proc.pid)

    def test_trial_ends_by_sigterm_and_by_a_closed_terminal(self):
        run = self.trial()
        run.url()
        self.assertEqual(run.end(signal.SIGTERM), 128 + signal.SIGTERM, run.text())
        self.assert_nothing_left(run.proc.pid)
        run = self.trial()
        run.url()
        run.hang_up()
        run.end()
        self.assert_nothing_left(run.proc.pid)

    def test_trial_says_in_one_line_what_is_taken(self):
        first = self.trial()
        first.url()
        second = self.trial()
        self.assertEqual(second.end(), 1)
        said = [line for line in second.lines if line.startswith("trial:")]
        self.assertEqual(len(said), 1, second.text())
        self.assertIn(str(self.slot.port), said[0])

    def test_run_guards_where_it_is_started_and_leaves_nothing(self):
        with Lab(prefix="opensnitch-quick") as net:
            run = self.start(
                ["--config", self.empty_config(net), "--state-dir", f"{net.dir}/state", "--runtime-dir", f"{net.dir}/run",
                 "--rules-dir", f"{net.dir}/rules", "--listen", f"127.0.0.1:{self.slot.port}",
                 "--queue-num", str(self.slot.queue)],
                wrap=["nsenter", f"--net={NETNS_DIR}/{net.client}", "--"])
            run.url()
            api = Api(unix=f"{net.dir}/run/api.sock")
            self.assertEqual(net.run(["curl", "-sf", "http://www.example.test/"]).returncode, 0)
            seen = wait_until(lambda: [c for c in api.get("/api/v1/connections").json["items"] if c["dest"]["port"] == 80],
                              what="curl in the history")
            self.assertTrue(seen[0]["process"]["path"].endswith("/curl"))
            run.ctrl_c()
            self.assertEqual(run.end(), 0, run.text())
            rules = net.inside(["iptables-legacy-save"]).stdout + net.inside(["ip6tables-legacy-save"]).stdout
            self.assertNotIn("NFQUEUE", rules)
            self.assertFalse(os.path.exists(f"{net.dir}/run/api.sock"))
            self.assertEqual(instances(self.slot.queue), [])

    @staticmethod
    def empty_config(net):
        path = f"{net.dir}/config.json"
        with open(path, "w", encoding="ascii") as f:
            f.write("{}\n")
        return path

    def test_words_that_it_does_not_know(self):
        run = self.start(["frobnicate"])
        self.assertEqual(run.end(), 2)
        wait_until(lambda: "usage:" in run.text(), what="the usage")

    def test_without_root_it_says_so(self):
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "bash", str(TOP / "quickstart"), "trial"],
                              capture_output=True, text=True, check=False, cwd="/", env=ENV)
        if done.returncode == 126 or "Permission denied" in done.stderr:
            self.skipTest("the source tree cannot be read by others")
        self.assertEqual(done.returncode, 1)
        self.assertIn("needs root: sudo ./quickstart trial", done.stderr)


if __name__ == "__main__":
    tap.main()
