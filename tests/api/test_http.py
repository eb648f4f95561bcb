#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What holds for every route: statuses, headers, media types, methods, Host and Origin."""
import re

from kit import V1, ApiCase, Api
import tap

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")


class TestStatus(ApiCase):
    def test_health_says_ok_to_everybody_and_nothing_else(self):
        got = self.assert_status(self.stranger.get(f"{V1}/health"), 200)
        self.assertEqual(got.json, {"status": "ok"})
        self.assertEqual(got.headers["Content-Type"], "application/json")

    def test_status(self):
        status = self.assert_status(self.api.get(f"{V1}/status"), 200).json
        self.assertRegex(status["version"], r"^\d")
        self.assertGreaterEqual(status["uptime_s"], 0)
        self.assertRegex(status["started"], TIME)
        self.assertEqual(status["interception"], {"enabled": True, "until": None})
        self.assertIn(status["attribution"]["method"], ("ftrace", "scan"))
        self.assertTrue(status["attribution"]["why"])
        self.assertEqual(status["queue"]["number"], self.daemon.queue)
        for name in ("received", "dropped", "overflow", "user_dropped", "verdict_lost"):
            self.assertIsInstance(status["queue"][name], int)
        self.assertEqual(status["engine"]["pid"], self.daemon.pid())
        self.assertEqual(status["engine"]["netns"], self.net.client)
        self.assertNotEqual(status["console"]["pid"], status["engine"]["pid"])
        self.assertEqual(status["console"]["history"]["state"], "ok")
        # On a busy machine tracing may have lost events: that is told, and no fault of the answer.
        self.assertLessEqual({w["code"] for w in status["warnings"]}, {"trace_lost"})

    def test_interception(self):
        self.addCleanup(self.api.post, f"{V1}/interception", {"enabled": True})
        got = self.assert_status(self.api.post(f"{V1}/interception", {"enabled": False, "for": "5m"}), 200)
        self.assertFalse(got.json["enabled"])
        self.assertRegex(got.json["until"], TIME)
        self.assertFalse(self.daemon.status()["interception"]["enabled"])
        before = {c["id"] for c in self.api.connections()}
        self.visit()
        decided = [c["reason"] for c in self.api.connections() if c["id"] not in before]
        self.assertFalse({r for r in decided if r != "paused"}, decided)
        got = self.api.post(f"{V1}/interception", {"enabled": True})
        self.assertEqual(got.json, {"enabled": True, "until": None})

    def test_interception_refusals(self):
        for body, field in (({"enabled": "no"}, "enabled"), ({}, "enabled"), ({"enabled": False, "for": "5"}, "for"),
                            ({"enabled": False, "for": "0s"}, "for"), ({"enabled": False, "for": "8d"}, "for"),
                            ({"enabled": False, "for": 5}, "for"), ({"enabled": True, "for": "5m"}, "for"),
                            ({"enabled": False, "until": "5m"}, "until"), ([], "")):
            with self.subTest(body=body):
                self.assert_problem(self.api.post(f"{V1}/interception", body), 422, field=field)
        self.assertTrue(self.daemon.status()["interception"]["enabled"])


class TestConfig(ApiCase):
    def patch(self, body, **options):
        return self.api.patch(f"{V1}/config", body, **options)

    def test_get_and_patch(self):
        self.addCleanup(self.patch, {"default_duration": None, "prompt": {"timeout": None}})
        before = self.assert_status(self.api.get(f"{V1}/config"), 200)
        self.assertEqual(before.json["default_duration"], "until restart")
        with self.daemon.events("config.changed") as events:
            got = self.patch({"default_duration": "1h", "prompt": {"timeout": "45s"}})
            self.assert_status(got, 200)
            self.assertEqual(events.wait_for("config.changed").data, got.json)
        self.assertEqual(got.json["default_duration"], "1h")
        self.assertEqual(got.json["prompt"]["timeout"], "45s")
        self.assertNotEqual(got.headers["ETag"], before.headers["ETag"])
        again = self.api.get(f"{V1}/config")
        self.assertEqual((again.json, again.headers["ETag"]), (got.json, got.headers["ETag"]))
        # null takes the change back (RFC 7396)
        got = self.patch({"default_duration": None, "prompt": {"timeout": None}})
        self.assertEqual((got.json, got.headers["ETag"]), (before.json, before.headers["ETag"]))

    def test_merge_patch_media_type(self):
        got = self.patch({}, headers={"Content-Type": "application/merge-patch+json; charset=utf-8"})
        self.assert_status(got, 200)

    def test_conditions(self):
        etag = self.api.get(f"{V1}/config").headers["ETag"]
        self.assert_status(self.api.get(f"{V1}/config", headers={"If-None-Match": etag}), 304)
        self.assert_status(self.api.get(f"{V1}/config", headers={"If-None-Match": f'"x", W/{etag}'}), 304)
        self.assert_status(self.api.get(f"{V1}/config", headers={"If-None-Match": '"x"'}), 200)
        self.assert_problem(self.patch({"default_duration": "1h"}, headers={"If-Match": '"x"'}), 412)
        self.assertEqual(self.api.get(f"{V1}/config").headers["ETag"], etag)
        self.assert_status(self.patch({}, headers={"If-Match": etag}), 200)
        self.assert_status(self.patch({}, headers={"If-Match": "*"}), 200)

    def test_refusals_name_the_field_and_change_nothing(self):
        before = self.api.get(f"{V1}/config").json
        for body, field in (({"default_action": "maybe"}, "default_action"), ({"prompt": {"timeout": "3h"}}, "prompt.timeout"),
                            ({"prompt": 1}, "prompt"), ({"history": {"max_rows": 0}}, "history.max_rows"),
                            ({"history": {"max_rows": 1.5}}, "history.max_rows"), ({"nonsense": 1}, "nonsense"),
                            ({"intercept_dns": "yes"}, "intercept_dns"), ({"fail_closed": True}, "fail_closed"),
                            ({"default_duration": "1h", "log": {"level": "loud"}}, "log.level"), ([], ""), ("text", "")):
            with self.subTest(body=body):
                self.assert_problem(self.patch(body), 422, field=field)
        got = self.patch({"default_action": "maybe", "nonsense": 1})
        self.assertEqual({e["field"] for e in got.json["errors"]}, {"default_action", "nonsense"})
        self.assertEqual(self.api.get(f"{V1}/config").json, before)

    def test_the_schema_describes_every_option(self):
        options = {o["name"]: o for o in self.api.get(f"{V1}/config/schema").json["items"]}
        config = self.api.get(f"{V1}/config").json
        for name, option in options.items():
            value = config if option["live"] else config["restart"]
            for part in name.split("."):
                value = value[part]
            self.assertTrue(option["description"], name)


class TestEveryRoute(ApiCase):
    def test_answers_are_closed_to_other_pages(self):
        for path in (f"{V1}/health", f"{V1}/status", f"{V1}/nothing", "/login", "/static/js/app.js"):
            with self.subTest(path=path):
                headers = self.api.get(path).headers
                self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
                self.assertIn("frame-ancestors 'none'", headers["Content-Security-Policy"])
                self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
                self.assertEqual(headers["Referrer-Policy"], "no-referrer")
                self.assertEqual(headers["Cross-Origin-Opener-Policy"], "same-origin")
                self.assertEqual(headers["Cross-Origin-Resource-Policy"], "same-origin")
                self.assertNotIn("Access-Control-Allow-Origin", headers)
                self.assertEqual(headers["Cache-Control"], "no-store" if path.startswith(V1) else "no-cache")

    def test_not_found(self):
        for path in ("/api", "/api/v1", f"{V1}/", f"{V1}/nothing", f"{V1}/rules/a/b", f"{V1}/rules/", "//", "/static/",
                     "/static/none.js", f"{V1}/prompts/1", f"{V1}/prompts/x", f"{V1}/connections/0", f"{V1}/connections/-1",
                     f"{V1}/connections/99999999999999999999", f"{V1}/rules/none"):
            with self.subTest(path=path):
                self.assert_problem(self.api.get(path), 404)

    def test_methods(self):
        for method, path, allow in (("DELETE", f"{V1}/status", "GET, HEAD"), ("POST", f"{V1}/events", "GET, HEAD"),
                                    ("PUT", f"{V1}/config", "GET, HEAD, PATCH"), ("TRACE", f"{V1}/status", "GET, HEAD"),
                                    ("OPTIONS", f"{V1}/rules", "GET, HEAD, POST"), ("FROB", f"{V1}/health", "GET, HEAD"),
                                    ("GET", f"{V1}/interception", "POST"), ("GET", f"{V1}/prompts/1/answer", "POST"),
                                    ("POST", f"{V1}/rules/x", "GET, HEAD, PUT, PATCH, DELETE"), ("POST", "/login", "GET, HEAD")):
            with self.subTest(method=method, path=path):
                got = self.api.request(method, path)
                self.assert_problem(got, 405)
                self.assertEqual(got.headers["Allow"], allow)

    def test_head_is_get_without_a_body(self):
        for path in (f"{V1}/health", f"{V1}/config", f"{V1}/nothing", "/login", f"{V1}/events"):
            with self.subTest(path=path):
                head, get = self.api.request("HEAD", path), None
                self.assertEqual(head.body, b"")
                if path != f"{V1}/events":
                    get = self.api.get(path)
                    self.assertEqual(head.status, get.status)
                    self.assertEqual(head.headers["Content-Length"], str(len(get.body)))
                    self.assertEqual(head.headers.get("ETag"), get.headers.get("ETag"))

    def test_media_types(self):
        body = b'{"enabled": true}'
        for kind in (None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                     "application/jsonp", "application/merge-patch+json"):
            with self.subTest(kind=kind):
                got = self.api.post(f"{V1}/interception", body, headers={"Content-Type": kind})
                self.assert_problem(got, 415)
        for kind in ("application/json", "Application/JSON ; charset=utf-8"):
            self.assert_status(self.api.post(f"{V1}/interception", body, headers={"Content-Type": kind}), 200)

    def test_bodies_that_are_no_json(self):
        for body in (b"", b"{", b"nonsense", b"{}{}", b'{"a":1,"a":2}', b'{"enabled":true,}', b'{"enabled":tru', b'"\xff"',
                     b'{"enabled":true}\0', b'"\\u0000"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b"'x'", b"NaN", b"01",
                     b"[" * 2000 + b"]" * 2000, b"1e999"):
            with self.subTest(body=body[:40]):
                got = self.api.post(f"{V1}/interception", body, headers={"Content-Type": "application/json"})
                self.assert_problem(got, 400)

    def test_json_that_is_too_deep(self):
        for deep in (65, 10000, 500000):
            for body in (b"[" * deep + b"]" * deep, b'{"a":' * deep + b"1" + b"}" * deep, b"[" * deep):
                if len(body) > 1 << 20:
                    continue
                self.assert_problem(self.api.post(f"{V1}/rules", body), 400)
        # what looks deep inside a string is not
        got = self.api.post(f"{V1}/rules", {"name": "x", "action": "[" * 100})
        self.assert_problem(got, 422, field="action")

    def test_bodies_that_are_too_big_or_not_wanted(self):
        self.assert_problem(self.api.post(f"{V1}/interception", b" " * 5000), 413)
        self.assert_problem(self.api.request("DELETE", f"{V1}/rules/x", body={}), 413)
        self.assert_problem(self.api.request("GET", f"{V1}/status", body={}), 413)

    def test_query_parameters(self):
        for path, field in ((f"{V1}/rules?nonsense=1", "nonsense"), (f"{V1}/rules?limit=0", "limit"),
                            (f"{V1}/rules?limit=1001", "limit"), (f"{V1}/rules?limit=x", "limit"), (f"{V1}/rules?limit=", "limit"),
                            (f"{V1}/prompts?cursor=zz", "cursor"), (f"{V1}/connections?cursor=", "cursor"),
                            (f"{V1}/prompts?sort=time", "sort"),
                            (f"{V1}/rules?sort=", "sort"), (f"{V1}/connections?sort=-", "sort"), (f"{V1}/rules?cursor=61", "cursor"), (f"{V1}/events?type=x", "type"), (f"{V1}/events?types=x", "types"),
                            (f"{V1}/status?verbose=1", "verbose"), (f"{V1}/config?x=1", "x"), (f"{V1}/rules/none?x=1", "x")):
            with self.subTest(path=path):
                self.assert_problem(self.api.get(path), 422, field=field)
        for path in (f"{V1}/rules?q=%00", f"{V1}/rules?q=%ff", f"{V1}/rules?q=%zz", f"{V1}/rules/%ff", f"{V1}/rules/%00",
                     f"{V1}/rules/%0a"):
            with self.subTest(path=path):
                self.assert_problem(self.api.get(path), 400)


class TestWhoAsks(ApiCase):
    """Host, Origin and Sec-Fetch-Site: a page from elsewhere gets nothing, also with a token."""

    config = {"default_action": "allow", "hosts": ["firewall.example", "[2001:db8::7]"]}

    def test_hosts(self):
        port = self.daemon.port
        for host in ("localhost", "LOCALHOST:9", f"localhost:{port}", "127.0.0.1", "127.8.9.1:9000", "[::1]", "[::1]:1",
                     "firewall.example", "FireWall.example:80", "[2001:db8::7]:443"):
            with self.subTest(host=host):
                self.assert_status(self.stranger.get(f"{V1}/health", headers={"Host": host}), 200)
        for host in ("evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "10.0.0.1", "[::2]", "::1", "localhost:x", "localhost:123456", "firewall.example.", "a@localhost", "localhost/x", "[::1", "127.0.0.1:80:80"):
            with self.subTest(host=host):
                self.assert_problem(self.stranger.get(f"{V1}/health", headers={"Host": host}), 403, "bad-host")

    def test_a_host_is_needed_over_tcp(self):
        conn = self.raw()
        conn.send(b"GET /api/v1/health HTTP/1.0\r\n\r\n")
        self.assertEqual(conn.response().status, 403)
        conn = self.raw()
        conn.send(b"GET /api/v1/health HTTP/1.1\r\n\r\n")
        self.assertIn(conn.response().status, (400, 403))

    def test_a_foreign_host_is_refused_on_the_unix_socket_too(self):
        unix = Api(unix=self.daemon.socket_path)
        self.assert_status(unix.get(f"{V1}/status"), 200)
        self.assert_problem(unix.get(f"{V1}/status", headers={"Host": "evil.example"}), 403, "bad-host")

    def change(self, **headers):
        return self.api.post(f"{V1}/interception", {"enabled": True},
                             headers={k.replace("_", "-"): v for k, v in headers.items()})

    def test_origins(self):
        own = f"http://localhost:{self.daemon.port}"
        self.assert_status(self.change(), 200)
        self.assert_status(self.change(Origin=own, Host=f"localhost:{self.daemon.port}"), 200)
        self.assert_status(self.change(Sec_Fetch_Site="same-origin"), 200)
        self.assert_status(self.change(Sec_Fetch_Site="none"), 200)
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost:1"},
                        {"Origin": f"{own}.evil.example"}, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"},
                        {"Origin": "http://evil.example", "Sec_Fetch_Site": "same-origin"}):
            with self.subTest(headers=headers):
                headers.setdefault("Host", f"localhost:{self.daemon.port}")
                self.assert_problem(self.change(**headers), 403, "bad-origin")

    def test_a_preflight_gets_no_permission(self):
        got = self.stranger.request("OPTIONS", f"{V1}/rules", headers={
            "Origin": "http://evil.example", "Access-Control-Request-Method": "POST"})
        self.assertIn(got.status, (403, 405))
        self.assertFalse([h for h in got.headers if h.lower().startswith("access-control")])


if __name__ == "__main__":
    tap.main()
