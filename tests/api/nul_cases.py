# SPDX-License-Identifier: GPL-2.0-or-later
"""NUL characters wherever a request can have them. For a test case with raw(), which connects, and head_lines()."""
from kit import V1

HEALTH = f"{V1}/health".encode()
TARGETS = (HEALTH, f"{V1}/rules".encode(), b"/", b"/login", b"/static/js/app.js")
# Of the first line; %b is the target.
LINES = (b"GET %b\0 HTTP/1.1", b"GET %b\0/x HTTP/1.1", b"GET %b?\0 HTTP/1.1", b"GET %b?q=x\0y HTTP/1.1", b"GET %b?q=x\0 HTTP/1.1",
         b"GET %b?q\0=x HTTP/1.1", b"GET %b?q=x\0&sort=name HTTP/1.1", b"GET %b?q=x&\0sort=name HTTP/1.1", b"GET %b?q=\0HTTP/1.1 HTTP/1.1",
         b"GET\0 %b HTTP/1.1", b"GET \0%b HTTP/1.1", b"GET  \0 %b HTTP/1.1", b"GE\0T %b HTTP/1.1", b"\0GET %b HTTP/1.1",
         b"GET %b HTTP/1.1\0", b"GET %b HTTP/1\0.1", b"GET %b \0HTTP/1.1", b"GET %b\0HTTP/1.1", b"GET %b\0HTTP/1.1 HTTP/1.1", b"GET %b\0HTTP/1.0 HTTP/1.1",
         b"GET %b\0HTTP/1.1 HTTP/1.1\0", b"GET %b\0HTTP/1.1\0 HTTP/1.1", b"GET %b \0 HTTP/1.1", b"GET %b\0\0 HTTP/1.1")
ESCAPED = (b"GET %b%%00 HTTP/1.1", b"GET %b/%%00 HTTP/1.1", b"GET %b/x%%00y HTTP/1.1", b"GET %b?q=%%00 HTTP/1.1", b"GET %b?%%00=q HTTP/1.1")
# Behind "Host: localhost", CR LF; the empty line follows.
BAD_FIELDS = (b"X: a\0b\r\nY: c\r\n", b"X: a\0b\r\n", b"X: \0b\r\nY: c\r\n", b"X:\0b\r\n", b"X:\0\r\n", b"X: \0\r\nY: c\r\n", b"X: a\0\r\nY: c\r\n", b"X: a\0\r\n",
              b"X: a\0\0\r\n", b"X: a\r\0\n", b"X: a\r\0\r\n", b"X: a\0: b\r\n", b"X: a\r\nY: b\0Z: c\r\n", b"X: a\0\r\n\0\r\n", b"X: a\0\r\nX: a\0\r\n",
              b"X\0: a\r\n", b"\0X: a\r\n", b"X\0Y: a\r\n", b"X: a\r\n\0Y: b\r\n", b"\0\r\n", b"X: a\r\n\0\r\n", b"X: a\r\n\0\r\nY: b\r\n", b"\0: a\r\n", b"X\0 : a\r\n",
              b"X: a\0\0\n", b"X: a\0\0\nY: b\r\n")
# Without NULs, and yet none of these is a field as RFC 9110 has it.
BAD_ENDS = (b"X: a\nY: b\n", b"X: a\n", b"X: a\rb\r\n", b"X: a\r\r\n", b"X: a\r\n b\r\n", b"X: a\r\n\tb\r\nY: c\r\n", b"X: a\r\n \r\n")
GOOD_FIELDS = (b"", b"X: \r\nY:\r\n", b"X:   a b  \r\nY: \t c\t\r\n", b"X: \xc3\xbc\r\nX: \xff\r\n", b"X: a: b: c\r\n", b"Cookie: a=b; c=d\r\nX: \\0 %00\r\n",
               b"X: %b\r\n" % (b"a" * 12000), b"X: %b\r\nY: b\r\n" % (b"a" * 20000), b"".join(b"X-%d: a\r\n" % n for n in range(100)))
BODIES = (b'{"enabled":true}\0', b'\0{"enabled":true}', b'{"enabled":\0true}', b'{"enab\0led":true}', b'{"enabled":true,"for":"5\0m"}', b'{"enabled":true,"for":"5m\0"}',
          b'{"enabled":true,\0"for":"5m"}', b'{"enabled":true,"x":"\\u0000"}', b'{"enabled":true,"\\u0000":1}', b"\0", b'{"enabled":true}\0{"enabled":true}')
CHUNKED = (b"10\r\n%b\r\n0\r\nX: a\0\r\n\r\n", b"10\r\n%b\r\n0\r\nX\0: a\r\n\r\n", b"10\r\n%b\r\n0\r\nX: a\r\n\r\n", b"10\0\r\n%b\r\n0\r\n\r\n", b"\x0010\r\n%b\r\n0\r\n\r\n",
           b"10;x=\0y\r\n%b\0\n0\r\n\r\n", b"10\r\n%b\r\n0\0\r\n\r\n")


class NulCases:
    def ask_raw(self, data):
        """The answer's status; None: hung up on."""
        conn = self.raw()
        conn.send(data)
        got = conn.response()
        conn.close()
        return got and got.status

    def test_nuls_in_the_first_line(self):
        rest = b"\r\n" + self.head_lines().partition(b"\r\n")[2]
        for target in TARGETS:
            for line in [line % target for line in LINES + ESCAPED]:
                with self.subTest(line):
                    self.assertEqual(self.ask_raw(line + rest), 400)
        conn = self.raw()
        # What only looks like one is none.
        conn.send(self.head_lines(path=f"{V1}/rules/%2500"))
        self.assertEqual(conn.response().status, 404)
        for path in (f"{V1}/rules?q=a&sort=name", f"{V1}/status", f"{V1}/rules?q=", f"{V1}/rules?q", f"{V1}/rules?", f"{V1}/rules?q=%20+a&&q=") * 2:
            conn.send(self.head_lines(path=path))
            self.assertIn(conn.response().status, (200, 422), path)
        for line in (b"GET  %b HTTP/1.1", b"GET %b HTTP/1.0"):
            with self.subTest(line):
                self.assertEqual(self.ask_raw(line % HEALTH + rest), 200)

    def test_nuls_in_fields(self):
        first = b"GET %b HTTP/1.1\r\nHost: localhost\r\n" % HEALTH
        for fields in BAD_FIELDS + BAD_ENDS:
            with self.subTest(fields):
                self.assertEqual(self.ask_raw(first + fields + b"\r\n"), 400)
        for end in (b"\0\r\n", b"\n", b"\0\0\n\n", b"\r\0\n\r\n", b"\0\r\n\r\n"):
            with self.subTest(end):
                self.assertEqual(self.ask_raw(first + b"X: a\r\n" + end), 400)
        for fields in GOOD_FIELDS:
            with self.subTest(fields[:60]):
                self.assertEqual(self.ask_raw(first + fields + b"\r\n"), 200)
        # Nothing but LF is a line's end as well (RFC 9112, section 2.2); with it, the same.
        self.assertEqual(self.ask_raw((first + b"X: a\r\n\r\n").replace(b"\r", b"")), 200)
        for fields in (b"X: a\0\n", b"X: a\0\nY: b\n", b"X: \0\n", b"\0\n", b"X: a\r\n"):
            with self.subTest(fields):
                self.assertEqual(self.ask_raw(first.replace(b"\r", b"") + fields + b"\n"), 400)

    def test_nuls_with_no_field_at_all(self):
        for end, status in ((b"\r\n\r\n", (200, 403)), (b"\n\n", (200, 403)), (b"\r\n\0\r\n", (400,)), (b"\0\r\n\r\n", (400,)), (b"\n\0\n", (400,)), (b"\r\n\n", (400,))):
            with self.subTest(end):
                self.assertIn(self.ask_raw(b"GET %b HTTP/1.1" % HEALTH + end), status)

    def test_behind_a_bad_head_nothing_is_taken_for_a_request(self):
        conn = self.raw()
        conn.send(b"GET %b HTTP/1.1\r\nHost: localhost\r\nX: a\r\n\0Y: b\r\n" % HEALTH + self.head_lines(path=f"{V1}/health"))
        self.assertEqual(conn.response().status, 400)
        self.assertIsNone(conn.response())

    def test_nuls_in_one_request_of_many(self):
        good = self.head_lines(path=f"{V1}/health")
        conn = self.raw()
        conn.send(good * 20 + good[:-2] + b"X: a\0\r\n\r\n")
        self.assertEqual([conn.response().status for _ in range(21)], [200] * 20 + [400])
        # In pieces, as a slow line brings them.
        conn = self.raw()
        for part in (good[:30], good[30:-2], b"X: a", b"\0", b"\r", b"\n\r\n"):
            conn.send(part)
        self.assertEqual(conn.response().status, 400)

    def post(self, *lines):
        return self.head_lines("Content-Type: application/json", *lines, method="POST", path=f"{V1}/interception")

    def test_nuls_in_bodies(self):
        for body in BODIES:
            with self.subTest(body):
                # Escaped, and in text that nobody knows, JSON may have one.
                self.assertIn(self.ask_raw(self.post(f"Content-Length: {len(body)}") + body), (400, 422) if b"\\u0000" in body else (400,))
                chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
                self.assertIn(self.ask_raw(self.post("Transfer-Encoding: chunked") + chunk), (400, 422) if b"\\u0000" in body else (400,))
        for chunks in CHUNKED:
            with self.subTest(chunks):
                self.assertIn(self.ask_raw(self.post("Transfer-Encoding: chunked") + chunks % b'{"enabled":true}'), (400, 413))
        for data in (self.post("Content-Length: 16") + b'{"enabled":true}', self.post("Transfer-Encoding: chunked") + b'10\r\n{"enabled":true}\r\n0\r\n\r\n'):
            self.assertEqual(self.ask_raw(data), 200)
