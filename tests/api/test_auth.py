#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may call: token, session cookie, one-time code, peer of the Unix socket."""
import grp
import http.cookies
import os
import pwd

from kit import V1, Api, ApiCase, wait_until
import tap

# Every route that needs somebody, with a method.
CLOSED = [("GET", "/status"), ("GET", "/config"), ("PATCH", "/config"), ("GET", "/config/schema"), ("POST", "/interception"),
          ("GET", "/prompts"), ("GET", "/prompts/1"), ("POST", "/prompts/1/answer"), ("GET", "/rules"), ("POST", "/rules"),
          ("GET", "/rules/x"), ("PUT", "/rules/x"), ("PATCH", "/rules/x"), ("DELETE", "/rules/x"), ("GET", "/connections"),
          ("GET", "/connections/1"), ("GET", "/events"), ("GET", "/session"), ("DELETE", "/session"), ("POST", "/session/codes")]


def status_as(uid, gid, groups, path):
    """What GET /api/v1/status over the Unix socket gets as this user: a status, or an exception's name."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups(groups)
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            said = str(Api(unix=path).get(f"{V1}/status").status)
        except BaseException as e:  # pylint: disable=broad-except
            said = type(e).__name__
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as f:
        said = f.read()
    os.waitpid(pid, 0)
    return said


class TestCallers(ApiCase):
    def test_nothing_is_open_to_strangers(self):
        for method, path in CLOSED:
            with self.subTest(method=method, path=path):
                body = {} if method in ("POST", "PUT", "PATCH") and path != "/session/codes" else None
                got = self.stranger.request(method, V1 + path, body=body)
                self.assert_problem(got, 401)
                self.assertEqual(got.headers["WWW-Authenticate"], 'Bearer realm="opensnitch"')

    def test_wrong_credentials(self):
        token = self.api.token
        for value in (f"Bearer {token}x", f"Bearer {token[:-1]}", "Bearer ", "Bearer", f"Basic {token}", token, f"Bearer  {token}"):
            with self.subTest(value=value[:10]):
                got = self.stranger.get(f"{V1}/status", headers={"Authorization": value})
                self.assert_problem(got, 401)
        # a wrong token is not helped by being root on the socket
        got = Api(unix=self.daemon.socket_path).get(f"{V1}/status", headers={"Authorization": "Bearer x"})
        self.assert_problem(got, 401)

    def test_the_token_is_never_told(self):
        self.stranger.get(f"{V1}/status", headers={"Authorization": "Bearer secret-that-is-wrong"})
        self.stranger.post(f"{V1}/session", {"token": "secret-that-is-wrong"})
        log = self.daemon.log()
        self.assertNotIn(self.api.token, log)
        self.assertNotIn("secret-that-is-wrong", log)

    def test_who_the_session_is(self):
        got = self.api.get(f"{V1}/session").json
        self.assertEqual(got["user"], "token")
        self.assertEqual(set(got["scopes"]), {"read", "prompts", "rules", "admin"})
        self.assertIsNone(got["expires"])
        self.assertEqual(Api(unix=self.daemon.socket_path).get(f"{V1}/session").json["user"], "root")

    def test_peers_of_the_unix_socket(self):
        nobody, member = pwd.getpwnam("nobody"), grp.getgrnam("opensnitch").gr_gid
        path = self.daemon.socket_path
        self.assertEqual(status_as(0, 0, [], path), "200")
        self.assertEqual(status_as(nobody.pw_uid, nobody.pw_gid, [member], path), "200")
        self.assertEqual(status_as(nobody.pw_uid, member, [], path), "200")
        self.assertEqual(status_as(nobody.pw_uid, nobody.pw_gid, [], path), "PermissionError")

    def test_a_peer_who_is_nobody_is_refused_even_where_the_file_lets_it_in(self):
        os.chmod(self.daemon.socket_path, 0o666)
        self.addCleanup(os.chmod, self.daemon.socket_path, 0o660)
        nobody = pwd.getpwnam("nobody")
        self.assertEqual(status_as(nobody.pw_uid, nobody.pw_gid, [], self.daemon.socket_path), "401")


class TestSessions(ApiCase):
    def log_in(self, body):
        got = self.assert_status(self.stranger.post(f"{V1}/session", body), 201)
        cookie = http.cookies.SimpleCookie(got.headers["Set-Cookie"])["opensnitch_session"]
        return got, cookie

    def with_cookie(self, cookie, method, path, body=None, **headers):
        return self.stranger.request(method, V1 + path, body=body, headers={
            "Cookie": f"other=1; {cookie.key}={cookie.value}", "Host": "localhost:7373",
            **{k.replace("_", "-"): v for k, v in headers.items()}})

    def test_log_in_with_the_token(self):
        got, cookie = self.log_in({"token": self.api.token})
        self.assertTrue(cookie["httponly"])
        self.assertEqual((cookie["samesite"], cookie["path"], cookie["domain"]), ("Strict", "/", ""))
        self.assertGreater(int(cookie["max-age"]), 0)
        self.assertNotIn(cookie.value, got.text)
        me = self.assert_status(self.with_cookie(cookie, "GET", "/session"), 200).json
        self.assertEqual((me["user"], me["expires"]), ("session", got.json["expires"]))

    def test_a_new_secret_each_time(self):
        _, first = self.log_in({"token": self.api.token})
        _, second = self.log_in({"token": self.api.token})
        self.assertNotEqual(first.value, second.value)
        self.assertGreaterEqual(len(first.value), 43)

    def test_one_time_code(self):
        made = self.assert_status(self.api.post(f"{V1}/session/codes"), 201).json
        self.assertEqual(made["url"], f"http://localhost:{self.daemon.port}/login#code={made['code']}")
        self.log_in({"code": made["code"]})
        self.assert_problem(self.stranger.post(f"{V1}/session", {"code": made["code"]}), 401)

    def test_refusals(self):
        for body, field in (({}, ""), ({"token": "a", "code": "b"}, ""), ({"token": 1}, "token"), ({"code": None}, "code"),
                            ({"user": "x"}, "user"), ([], "")):
            with self.subTest(body=body):
                self.assert_problem(self.stranger.post(f"{V1}/session", body), 422, field=field)
        self.assert_problem(self.stranger.post(f"{V1}/session", {"token": "wrong"}), 401)
        self.assert_problem(self.stranger.post(f"{V1}/session", {"code": "0" * 64}), 401)

    def test_a_cookie_changes_things_only_from_our_own_page(self):
        _, cookie = self.log_in({"token": self.api.token})
        own = {"Origin": "http://localhost:7373"}

        def change(**headers):
            return self.with_cookie(cookie, "POST", "/interception", {"enabled": True}, **headers)

        self.assert_status(change(**own), 200)
        self.assert_status(change(Sec_Fetch_Site="same-origin"), 200)
        self.assert_problem(change(), 403, "bad-origin")
        self.assert_problem(change(Origin="http://evil.example"), 403, "bad-origin")
        self.assert_problem(change(Sec_Fetch_Site="none"), 403, "bad-origin")
        self.assert_status(self.with_cookie(cookie, "GET", "/status"), 200)
        self.assert_problem(self.with_cookie(cookie, "GET", "/status", Sec_Fetch_Site="cross-site"), 403, "bad-origin")
        self.assert_problem(self.with_cookie(cookie, "GET", "/events", Origin="http://evil.example"), 403, "bad-origin")

    def test_log_out(self):
        _, cookie = self.log_in({"token": self.api.token})
        got = self.with_cookie(cookie, "DELETE", "/session", Sec_Fetch_Site="same-origin")
        self.assert_status(got, 204)
        self.assertIn("Max-Age=0", got.headers["Set-Cookie"])
        self.assert_problem(self.with_cookie(cookie, "GET", "/status"), 401)

    def test_sessions_outlive_the_console(self):
        _, cookie = self.log_in({"token": self.api.token})
        self.daemon.kill_console()

        def back():
            try:
                return self.with_cookie(cookie, "GET", "/status").status == 200
            except OSError:
                return False

        wait_until(back, what="the session to hold again")

    def test_garbage_cookies(self):
        for value in ("", "x" * 5000, "\"x", "opensnitch_session", "=", "%00", "0" * 64):
            with self.subTest(value=value[:20]):
                got = self.stranger.get(f"{V1}/status", headers={"Cookie": f"opensnitch_session={value}"})
                self.assert_problem(got, 401)


if __name__ == "__main__":
    tap.main()
