#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may try over TCP from this machine: tcp_peer_users, by the owner of the socket at the other end."""
import json
import os
import pwd
import socket

from kit import PROBLEM, V1, Api, ApiCase
import tap


def as_user(name, call):
    """What call() returns as this user, in a process of its own: anything JSON, or an exception's name."""
    user, (reader, writer) = pwd.getpwnam(name), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
            os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
            said = call()
        except BaseException as e:  # pylint: disable=broad-except
            said = repr(e)
        os.write(writer, json.dumps(said).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as f:
        said = json.load(f)
    os.waitpid(pid, 0)
    return said


class TestPeers(ApiCase):
    config = {"default_action": "allow", "tcp_peer_users": ["root"]}

    def status_as(self, name, method="GET", path="/login", body=None, token=None):
        api = Api(self.daemon.port, token)
        return as_user(name, lambda: api.request(method, path, body=body).status)

    def allow(self, users):
        self.assert_status(self.api.patch(f"{V1}/config", {"tcp_peer_users": users}), 200)
        self.addCleanup(self.api.patch, f"{V1}/config", {"tcp_peer_users": None})

    def test_another_user_cannot_even_try(self):
        right = {"token": self.api.token}
        for method, path, body in (("GET", "/", None), ("GET", "/login", None), ("GET", "/static/js/login.js", None),
                                   ("GET", f"{V1}/status", None), ("GET", f"{V1}/openapi.json", None),
                                   ("POST", f"{V1}/session", right)):
            with self.subTest(path=path):
                self.assertEqual(self.status_as("nobody", method, path, body), 403)
        port = self.daemon.port
        got = as_user("nobody", lambda: Api(port).get(f"{V1}/status").json)
        self.assertEqual((got["type"], got["status"]), (PROBLEM + "peer-not-allowed", 403))
        self.assertEqual(self.status_as("nobody", token="x" * 64), 403)

    def test_a_token_and_health_are_for_everybody(self):
        self.assertEqual(self.status_as("nobody", path=f"{V1}/status", token=self.api.token), 200)
        self.assertEqual(self.status_as("nobody", path=f"{V1}/health"), 200)

    def test_root_and_the_group_may(self):
        self.assertEqual(self.status_as("root"), 200)
        self.assertEqual(self.status_as("root", path=f"{V1}/status"), 401)
        self.assertEqual(self.status_as("opensnitch"), 200)

    def test_a_named_user_may_at_once(self):
        self.allow(["somebody-else", "nobody"])
        self.assertEqual(self.status_as("nobody"), 200)
        self.assertEqual(self.status_as("nobody", "POST", f"{V1}/session", {"token": self.api.token}), 201)
        self.allow(["somebody-else"])
        self.assertEqual(self.status_as("nobody"), 403)

    def test_nobody_is_asked_where_the_list_is_empty(self):
        self.allow([])
        self.assertEqual(self.status_as("nobody"), 200)

    def mapped(self):
        with socket.socket(socket.AF_INET6) as s:
            s.settimeout(60)
            s.connect(("::ffff:127.0.0.1", self.daemon.port))
            s.sendall(b"GET /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return s.recv(4096).decode().split(" ")[1]

    def test_an_ipv6_socket_that_speaks_ipv4(self):
        self.assertEqual(as_user("nobody", self.mapped), "403")
        self.assertEqual(as_user("root", self.mapped), "200")

    def test_refusals(self):
        for users, field in (("nobody", "tcp_peer_users"), ([1], "tcp_peer_users[0]"), (["a", ""], "tcp_peer_users[1]"),
                             (["a:b"], "tcp_peer_users[0]"), (["x" * 65], "tcp_peer_users[0]")):
            with self.subTest(users=users):
                self.assert_problem(self.api.patch(f"{V1}/config", {"tcp_peer_users": users}), 422, field=field)


if __name__ == "__main__":
    tap.main()
