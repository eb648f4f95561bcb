# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the API share: one lab and one daemon a test class, and the words they are written in."""
import os
import pathlib
import socket
import sys
import unittest

TOP = pathlib.Path(os.environ.get("TOP_SRCDIR", pathlib.Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(TOP / "tests/harness"))
from client import Api  # noqa: E402
from daemon import ALLOW_DNS, Daemon, rule  # noqa: E402,F401
from lab import Lab, why_not, wait_until  # noqa: E402,F401

V1 = "/api/v1"
SITE = "http://www.example.test/"
PROBLEM = "urn:opensnitch:problem:"
# What every 4xx and 5xx is called when nothing more special is known.
USUAL = {400: "malformed", 401: "unauthenticated", 403: "forbidden", 404: "not-found", 405: "method-not-allowed",
         409: "conflict", 410: "gone", 412: "etag-mismatch", 413: "too-large", 415: "unsupported-media-type",
         422: "invalid", 429: "too-many-requests", 503: "unavailable"}
DEADLINE_S = 60
HANG_UP_S = 20  # less than LIMIT_HTTP_TIMEOUT_S, after which the server hangs up in any case


class RawResponse:
    """One response off a socket: status, headers (lower case), body."""

    def __init__(self, head, body):
        lines = head.decode("latin-1").split("\r\n")
        self.version, status = lines[0].split(" ")[:2]
        self.status = int(status)
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        self.body = body

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class RawConnection:
    """A TCP connection to the server, or the socket that is given, for requests that no library would send."""

    def __init__(self, port=None, timeout=DEADLINE_S, sock=None):
        self.sock = sock or socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.buf = b""

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        """Sends it; False when the server has hung up meanwhile."""
        try:
            self.sock.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def _more(self):
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            data = b""
        self.buf += data
        return bool(data)

    def response(self, head_only=False):
        """The next response, or None when the server hangs up first. head_only: to a HEAD."""
        while b"\r\n\r\n" not in self.buf:
            if not self._more():
                return None
        head, _, rest = self.buf.partition(b"\r\n\r\n")
        got = RawResponse(head, b"")
        length = 0 if head_only or got.status in (100, 204, 304) else int(got.headers.get("content-length", 0))
        while len(rest) < length:
            if not self._more():
                break
            rest = self.buf.partition(b"\r\n\r\n")[2]
        got.body, self.buf = rest[:length], rest[length:]
        return got

    def is_closed(self):
        """Whether the server hangs up by itself, before the time for a request is over."""
        self.sock.settimeout(HANG_UP_S)
        while self._more():
            pass
        return True


@unittest.skipIf(why_not(), why_not())
class ApiCase(unittest.TestCase):
    """A daemon that guards a lab, for all tests of a class. Sub-classes set `config` and `rules`."""

    config = {"default_action": "allow"}
    rules = [ALLOW_DNS]
    prefix = "opensnitch-api"

    @classmethod
    def setUpClass(cls):
        cls.net = Lab(prefix=cls.prefix).__enter__()
        cls.addClassCleanup(cls.net.__exit__, None, None, None)
        # Prompts that wait as long as they may, unless the class is about that: a slow machine takes its time to answer.
        cls.daemon = Daemon(cls.net, config={"prompt": {"timeout": "120s"}, **cls.config}, rules=cls.rules)
        cls.addClassCleanup(cls.daemon.close)
        cls.api = cls.daemon.api
        cls.stranger = Api(cls.daemon.port)

    # ---- connections of the guarded namespace

    def visit(self, url=SITE, code=0):
        """A whole curl inside, which must end with this exit code."""
        done = self.net.run(["curl", "-4s", "-m", "50", "-o", "/dev/null", url])
        if code is not None:
            self.assertEqual(done.returncode, code, f"curl {url}: {done.stderr}")
        return done.returncode

    def ask(self, url=SITE, program="curl"):
        """Starts a curl that is held: (event stream, process, prompt). Somebody listens until the test is over."""
        events = self.daemon.events()
        self.addCleanup(events.close)
        curl = self.net.popen([program, "-4sf", "-m", "100", "-o", "/dev/null", url])
        return events, curl, events.wait_for("prompt.opened", lambda p: (p["connection"]["process"] or {"pid": curl.pid})["pid"] == curl.pid).data

    # ---- answers

    def assert_status(self, got, status):
        self.assertEqual(got.status, status, got)
        return got

    def assert_problem(self, got, status, slug=None, field=None):
        """Problem details of RFC 9457, of this kind; the one of `errors` that names the field where one is given."""
        self.assertEqual(got.status, status, got)
        self.assertEqual(got.headers["Content-Type"], "application/problem+json")
        problem = got.json
        self.assertEqual(problem["type"], PROBLEM + (slug or USUAL[status]))
        self.assertEqual(problem["status"], status)
        self.assertTrue(problem["title"] and problem["detail"], problem)
        if status == 503:
            self.assertGreater(int(got.headers["Retry-After"]), 0)
        if field is None:
            return problem
        fields = [e["field"] for e in problem["errors"]]
        self.assertIn(field, fields)
        self.assertTrue(problem["errors"][fields.index(field)]["message"])
        return problem

    def raw(self):
        conn = RawConnection(self.daemon.port)
        self.addCleanup(conn.close)
        return conn

    def head_lines(self, *lines, method="GET", path=f"{V1}/status", version="HTTP/1.1", token=True):
        """The head of a request as bytes, with the token and a Host."""
        first = [f"{method} {path} {version}", f"Host: localhost:{self.daemon.port}"]
        if token:
            first.append(f"Authorization: Bearer {self.api.token}")
        return "\r\n".join([*first, *lines, "", ""]).encode("latin-1")
