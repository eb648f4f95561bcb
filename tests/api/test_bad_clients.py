#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients that break the rules: each gets its status or is hung up on, and none costs memory or other clients' time."""
import socket

from kit import DEADLINE_S, V1, Api, ApiCase, RawConnection
from nul_cases import NulCases
import tap

MIB = 1 << 20
BODY = 4 * MIB  # of a refused body that is still read


class BadClients(ApiCase):
    def rss_kib(self):
        return Api(unix=self.daemon.socket_path).get(f"{V1}/status").json["console"]["rss_kib"]

    def post_head(self, *lines, path=f"{V1}/rules"):
        return self.head_lines("Content-Type: application/json", *lines, method="POST", path=path)

    def assert_refused(self, conn, *statuses):
        """One of these statuses, or (only where None is among them) nothing; then the end."""
        got = conn.response()
        self.assertIn(got and got.status, statuses, got)
        return got


class TestBodies(BadClients):
    def test_a_length_over_the_limit_is_refused_before_the_body(self):
        for length in (MIB + 1, 10**12, 2**63, 10**30):
            with self.subTest(length=length):
                conn = self.raw()
                conn.send(self.post_head(f"Content-Length: {length}"))
                got = self.assert_refused(conn, 400, 413)
                self.assertLess(len(got.body), 1000)
                self.assertTrue(conn.is_closed())

    def test_a_body_over_the_limit(self):
        conn = self.raw()
        conn.send(self.post_head(f"Content-Length: {2 * MIB}", "Expect: 100-continue"))
        self.assert_refused(conn, 413)

    def test_a_length_that_is_none(self):
        for line in ("Content-Length: x", "Content-Length: -1", "Content-Length: 1, 2", "Transfer-Encoding: gzip"):
            with self.subTest(line=line):
                conn = self.raw()
                conn.send(self.post_head(line) + b"{}")
                self.assert_refused(conn, 400, 413, 415, 501, None)

    def test_chunks_without_end(self):
        before = self.rss_kib()
        conn = self.raw()
        conn.send(self.post_head("Transfer-Encoding: chunked"))
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        sent = 0
        while conn.send(chunk):
            sent += 65536
            self.assertLess(sent, 16 * BODY, "the server reads on and on")
        self.assertLess(self.rss_kib() - before, 8 * 1024)

    def test_chunks_that_end_in_time_are_a_body(self):
        conn = self.raw()
        conn.send(self.post_head("Transfer-Encoding: chunked", path=f"{V1}/interception"))
        for part in (b'{"ena', b'bled"', b":true}"):
            conn.send(b"%x\r\n%s\r\n" % (len(part), part))
        conn.send(b"0\r\n\r\n")
        self.assertEqual(conn.response().status, 200)

    def test_chunks_that_are_none(self):
        for chunk in (b"xyz\r\n", b"-1\r\n{}\r\n", b"ffffffffffffffffff\r\n", b"\0\r\n"):
            with self.subTest(chunk=chunk):
                conn = self.raw()
                conn.send(self.post_head("Transfer-Encoding: chunked") + chunk)
                self.assert_refused(conn, 400, 413, None)


class TestHeads(BadClients):
    def test_floods_of_headers(self):
        before = self.rss_kib()
        for flood in (b"X-A: " + b"a" * 200000, b"".join(b"X-%d: b\r\n" % n for n in range(20000)), b"X" * 200000,
                      b"Cookie: " + b"a=b; " * 40000, b"X-A: b\r\n " + b"\r\n c" * 30000):
            conn = self.raw()
            conn.send(self.head_lines(token=False)[:-2] + flood + b"\r\n\r\n")
            got = conn.response()
            self.assertIn(got and got.status, (400, 413, 431, None), got)
        self.assertLess(self.rss_kib() - before, 4 * 1024)

    def test_long_paths_and_queries(self):
        for path in ("/" + "a" * 200000, f"{V1}/rules?q=" + "a" * 200000, f"{V1}/rules/" + "a" * 8000, f"{V1}/rules?" + "&".join(f"a{n}" for n in range(9000))):
            conn = self.raw()
            conn.send(self.head_lines(path=path))
            got = conn.response()
            self.assertIn(got and got.status, (400, 404, 413, 414, 422, 431, None), got)

    def test_lines_that_are_no_requests(self):
        for line in (b"GET\r\n\r\n", b"GET\0/\0HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + b"\r\n\r\n", b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
                     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"G\xffT / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
                     b"GET http://evil.example/api/v1/health HTTP/1.1\r\nHost: evil.example\r\n\r\n"):
            with self.subTest(line=line[:40]):
                conn = self.raw()
                conn.send(line)
                conn.sock.shutdown(socket.SHUT_WR)
                got = conn.response()
                # of two Host lines the first counts, and it is ours
                twice = line.startswith(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil")
                self.assertTrue(got is None or got.status >= 400 or (twice and got.status == 200), got)

    def test_http_1_0(self):
        conn = self.raw()
        conn.send(self.head_lines(version="HTTP/1.0"))
        self.assertEqual(conn.response().status, 200)
        self.assertTrue(conn.is_closed())

    def test_pipelines(self):
        conn = self.raw()
        conn.send(self.head_lines(path=f"{V1}/health") * 100 + self.head_lines(path=f"{V1}/nothing") + self.head_lines(path=f"{V1}/health"))
        self.assertEqual([conn.response().status for _ in range(102)], [200] * 100 + [404, 200])

    def test_a_refused_body_is_not_taken_for_a_request(self):
        inner = self.head_lines("Content-Type: application/json", "Content-Length: 18", method="POST", path=f"{V1}/interception") + b'{"enabled": false}'
        conn = self.raw()
        conn.send(self.head_lines("Content-Type: text/plain", f"Content-Length: {len(inner)}", method="POST", path=f"{V1}/interception") + inner)
        self.assertEqual(conn.response().status, 415)
        self.assertIsNone(conn.response())
        self.assertTrue(self.daemon.status()["interception"]["enabled"])


class TestNuls(NulCases, BadClients):
    pass


class TestNulsOnTheUnixSocket(NulCases, BadClients):
    def raw(self):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(DEADLINE_S)
        conn = RawConnection(sock=sock)
        self.addCleanup(conn.close)
        sock.connect(self.daemon.socket_path)
        return conn


class TestPaths(BadClients):
    def get(self, path, *lines):
        conn = self.raw()
        conn.send(self.head_lines(*lines, path=path))
        return conn.response()

    def test_paths_that_wander(self):
        for path in ("/static/../api/v1/status", "/static/../../etc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd", "/static/..%2f..%2fetc/passwd",
                     "/static//etc/passwd", "//static/js/app.js", "/static/js//app.js", "/./static/js/app.js", "/static/js/./app.js",
                     "/static\\js\\app.js", "/static/..\\..\\etc\\passwd", "/static/js/app.js/", "/static/js/app.js%00", "/static/js/app.js%00.css",
                     "/static/js", "/static/%6as/app.js/..", "/static/js/app.js;x", "/%73tatic/../login", "/api//v1/health", "/api/v1//health",
                     "/api/v1/%68ealth", "/API/V1/health", "/templates/app.html", "/static/../templates/app.html", "/.well-known/x"):
            with self.subTest(path=path):
                self.assertIn(self.get(path).status, (400, 404))

    def test_static_files(self):
        whole = self.get("/static/js/app.js")
        self.assertEqual((whole.status, whole.headers["cache-control"]), (200, "no-cache"))
        etag = whole.headers["etag"]
        self.assertEqual(self.get("/static/js/app.js", f"If-None-Match: {etag}").status, 304)
        self.assertEqual(self.get("/static/js/app.js", f"If-None-Match: W/{etag}").status, 304)
        self.assertEqual(self.get("/static/js/app.js", 'If-None-Match: "other"').status, 200)
        # a server may leave ranges alone; then it sends the whole
        for given in ("bytes=0-10", "bytes=-1", "bytes=5-1", "bytes=999999999-", "bytes=0-1,3-4,6-7", "lines=1"):
            with self.subTest(range=given):
                got = self.get("/static/js/app.js", f"Range: {given}")
                self.assertEqual((got.status, got.body), (200, whole.body))
        self.assertEqual(self.get("/static/js/app.js", "If-Modified-Since: Thu, 01 Jan 2099 00:00:00 GMT").status, 200)

    def test_head_and_options(self):
        conn = self.raw()
        conn.send(self.head_lines(method="HEAD", path="/static/js/app.js") + self.head_lines(path=f"{V1}/health"))
        head = conn.response(head_only=True)
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(conn.response().body, b'{"status":"ok"}')
        conn.send(self.head_lines(method="OPTIONS", path="*"))
        self.assertIn(conn.response().status, (400, 404, 405))


class TestCrowds(BadClients):
    """More connections than there is room for, all of them slow: others still get through."""

    config = {"default_action": "deny", "prompt": {"timeout": "120s"}}

    def crowd(self, data):
        """A thousand connections that each began with this and say no more."""
        for _ in range(1000):
            conn = RawConnection(self.daemon.port)
            self.addCleanup(conn.close)
            conn.send(data)

    def assert_prompts_are_answered(self, api):
        events, curl, prompt = self.ask()
        got = self.assert_status(api.answer(prompt, "allow"), 200)
        self.assertEqual(got.json["released"], 1)
        self.assertEqual(curl.wait(60), 0)
        events.close()

    def test_slow_heads(self):
        before = self.rss_kib()
        self.crowd(b"GET /api/v1/health HTTP/1.1\r\nHost: loc")
        self.assert_prompts_are_answered(self.api)
        self.assert_prompts_are_answered(Api(unix=self.daemon.socket_path))
        self.assertLess(self.rss_kib() - before, 40 * 1024)

    def test_slow_bodies(self):
        before = self.rss_kib()
        self.crowd(self.post_head("Content-Length: 1000000") + b'{"name": "')
        self.assert_prompts_are_answered(self.api)
        self.assert_prompts_are_answered(Api(unix=self.daemon.socket_path))
        self.assertLess(self.rss_kib() - before, 40 * 1024)

    def test_connections_that_say_nothing(self):
        self.crowd(b"")
        self.assert_prompts_are_answered(self.api)


if __name__ == "__main__":
    tap.main()
